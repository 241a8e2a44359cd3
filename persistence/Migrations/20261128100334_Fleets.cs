using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace ControlPlane.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class Fleets : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "changed_at",
                table: "policy_states",
                type: "timestamp with time zone",
                nullable: false,
                defaultValueSql: "now()");

            migrationBuilder.AddColumn<string>(
                name: "inventory_hash",
                table: "policy_states",
                type: "text",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "agent_authorities",
                columns: table => new
                {
                    thumbprint = table.Column<string>(type: "text", nullable: false),
                    certificate = table.Column<byte[]>(type: "bytea", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    ciphertext = table.Column<byte[]>(type: "bytea", nullable: false),
                    wrapped_key = table.Column<byte[]>(type: "bytea", nullable: false),
                    key_version = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_agent_authorities", x => x.thumbprint);
                });

            migrationBuilder.CreateTable(
                name: "cluster_costs",
                columns: table => new
                {
                    cluster_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    currency = table.Column<string>(type: "text", nullable: false),
                    node_hours = table.Column<decimal>(type: "numeric", nullable: false),
                    cost = table.Column<decimal>(type: "numeric", nullable: false),
                    computed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_cluster_costs", x => new { x.cluster_key, x.currency });
                    table.ForeignKey(
                        name: "fk_cluster_costs_resources_cluster_key",
                        column: x => x.cluster_key,
                        principalTable: "resources",
                        principalColumn: "key",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "cluster_inventories",
                columns: table => new
                {
                    cluster_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    last_seen = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    inventory_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    kubernetes_version = table.Column<string>(type: "text", nullable: true),
                    distribution = table.Column<string>(type: "text", nullable: true),
                    node_count = table.Column<int>(type: "integer", nullable: false),
                    ready_node_count = table.Column<int>(type: "integer", nullable: false),
                    core_count = table.Column<int>(type: "integer", nullable: false),
                    memory_bytes = table.Column<long>(type: "bigint", nullable: false),
                    allocatable_milli_cpu = table.Column<long>(type: "bigint", nullable: false),
                    allocatable_memory_bytes = table.Column<long>(type: "bigint", nullable: false),
                    node_images = table.Column<string>(type: "jsonb", nullable: false),
                    add_ons = table.Column<string>(type: "jsonb", nullable: false),
                    agent_version = table.Column<string>(type: "text", nullable: true),
                    agent_epoch = table.Column<int>(type: "integer", nullable: false),
                    agent_certificate = table.Column<byte[]>(type: "bytea", nullable: true),
                    agent_certificate_expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    due_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    attempts = table.Column<int>(type: "integer", nullable: false),
                    error = table.Column<string>(type: "text", nullable: true),
                    show_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    connectivity = table.Column<string>(type: "text", nullable: true),
                    agent_next_certificate = table.Column<byte[]>(type: "bytea", nullable: true),
                    agent_next_certificate_expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_cluster_inventories", x => x.cluster_key);
                    table.ForeignKey(
                        name: "fk_cluster_inventories_resources_cluster_key",
                        column: x => x.cluster_key,
                        principalTable: "resources",
                        principalColumn: "key",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "fleet_insight_points",
                columns: table => new
                {
                    fleet_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    metric = table.Column<string>(type: "text", nullable: false),
                    currency = table.Column<string>(type: "text", nullable: false),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    value = table.Column<decimal>(type: "numeric", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_fleet_insight_points", x => new { x.fleet_key, x.metric, x.currency, x.at });
                    table.ForeignKey(
                        name: "fk_fleet_insight_points_resources_fleet_key",
                        column: x => x.fleet_key,
                        principalTable: "resources",
                        principalColumn: "key",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "fleet_members",
                columns: table => new
                {
                    id = table.Column<int>(type: "integer", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityAlwaysColumn),
                    resource_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    fleet_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    cluster_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    name = table.Column<string>(type: "text", nullable: false),
                    labels = table.Column<string>(type: "jsonb", nullable: false),
                    properties = table.Column<string>(type: "jsonb", nullable: false),
                    taints = table.Column<string>(type: "jsonb", nullable: false),
                    policy_taints = table.Column<string>(type: "jsonb", nullable: false, defaultValueSql: "'[]'"),
                    cordoned_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    cordon_due_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    is_pull = table.Column<bool>(type: "boolean", nullable: false),
                    is_leaving = table.Column<bool>(type: "boolean", nullable: false),
                    unreachable = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_fleet_members", x => x.id);
                    table.ForeignKey(
                        name: "fk_fleet_members_resources_resource_key",
                        column: x => x.resource_key,
                        principalTable: "resources",
                        principalColumn: "key",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "manifest_blobs",
                columns: table => new
                {
                    sha256 = table.Column<byte[]>(type: "bytea", nullable: false),
                    manifest = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_manifest_blobs", x => x.sha256);
                });

            migrationBuilder.CreateTable(
                name: "onboarding_tokens",
                columns: table => new
                {
                    cluster_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    token_hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    used_by = table.Column<byte[]>(type: "bytea", nullable: true),
                    consumed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_onboarding_tokens", x => x.cluster_key);
                    table.ForeignKey(
                        name: "fk_onboarding_tokens_resources_cluster_key",
                        column: x => x.cluster_key,
                        principalTable: "resources",
                        principalColumn: "key",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "placements",
                columns: table => new
                {
                    id = table.Column<int>(type: "integer", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityAlwaysColumn),
                    resource_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    fleet_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    generation = table.Column<long>(type: "bigint", nullable: false),
                    latest_revision = table.Column<int>(type: "integer", nullable: false),
                    completed_revision = table.Column<int>(type: "integer", nullable: true),
                    expected = table.Column<int>(type: "integer", nullable: false),
                    schedule_due = table.Column<bool>(type: "boolean", nullable: false),
                    status_due = table.Column<bool>(type: "boolean", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_placements", x => x.id);
                    table.ForeignKey(
                        name: "fk_placements_resources_resource_key",
                        column: x => x.resource_key,
                        principalTable: "resources",
                        principalColumn: "key",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "resource_claims",
                columns: table => new
                {
                    fact = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    resource_key = table.Column<string>(type: "text", nullable: false, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_resource_claims", x => x.fact);
                    table.ForeignKey(
                        name: "fk_resource_claims_resources_resource_key",
                        column: x => x.resource_key,
                        principalTable: "resources",
                        principalColumn: "key",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "update_runs",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityAlwaysColumn),
                    resource_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    fleet_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    strategy = table.Column<string>(type: "jsonb", nullable: true),
                    state = table.Column<string>(type: "text", nullable: false),
                    stage = table.Column<int>(type: "integer", nullable: false),
                    phase = table.Column<short>(type: "smallint", nullable: false),
                    phase_since = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    node_images = table.Column<string[]>(type: "text[]", nullable: false),
                    skips = table.Column<string[]>(type: "text[]", nullable: false),
                    error_code = table.Column<string>(type: "text", nullable: true),
                    error = table.Column<string>(type: "text", nullable: true),
                    started_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    ended_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    status_due = table.Column<bool>(type: "boolean", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_update_runs", x => x.id);
                    table.ForeignKey(
                        name: "fk_update_runs_resources_resource_key",
                        column: x => x.resource_key,
                        principalTable: "resources",
                        principalColumn: "key",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "placement_bindings",
                columns: table => new
                {
                    placement_id = table.Column<int>(type: "integer", nullable: false),
                    member_id = table.Column<int>(type: "integer", nullable: false),
                    is_unscheduled = table.Column<bool>(type: "boolean", nullable: false),
                    desired_revision = table.Column<int>(type: "integer", nullable: false),
                    generation = table.Column<long>(type: "bigint", nullable: false),
                    observed_generation = table.Column<long>(type: "bigint", nullable: false),
                    health = table.Column<short>(type: "smallint", nullable: false),
                    is_untracked = table.Column<bool>(type: "boolean", nullable: false),
                    observed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    applied_revision = table.Column<int>(type: "integer", nullable: false),
                    touched_revisions = table.Column<int[]>(type: "integer[]", nullable: false),
                    due_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    priority = table.Column<short>(type: "smallint", nullable: false),
                    lease_until = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    claims = table.Column<long>(type: "bigint", nullable: false),
                    attempts = table.Column<int>(type: "integer", nullable: false),
                    error_code = table.Column<string>(type: "text", nullable: true),
                    error = table.Column<string>(type: "text", nullable: true),
                    transition_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    look_due_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    repairs = table.Column<int>(type: "integer", nullable: false, defaultValue: 0),
                    repaired_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    repaired = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_placement_bindings", x => new { x.placement_id, x.member_id });
                    table.ForeignKey(
                        name: "fk_placement_bindings_fleet_members_member_id",
                        column: x => x.member_id,
                        principalTable: "fleet_members",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_placement_bindings_placements_placement_id",
                        column: x => x.placement_id,
                        principalTable: "placements",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "placement_evictions",
                columns: table => new
                {
                    resource_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    placement_id = table.Column<int>(type: "integer", nullable: false),
                    member = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_placement_evictions", x => x.resource_key);
                    table.ForeignKey(
                        name: "fk_placement_evictions_placements_placement_id",
                        column: x => x.placement_id,
                        principalTable: "placements",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_placement_evictions_resources_resource_key",
                        column: x => x.resource_key,
                        principalTable: "resources",
                        principalColumn: "key",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "placement_revisions",
                columns: table => new
                {
                    placement_id = table.Column<int>(type: "integer", nullable: false),
                    revision = table.Column<int>(type: "integer", nullable: false),
                    hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    manifests = table.Column<byte[][]>(type: "bytea[]", nullable: false),
                    overrides = table.Column<string>(type: "jsonb", nullable: false),
                    apply_strategy = table.Column<string>(type: "jsonb", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    created_by = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_placement_revisions", x => new { x.placement_id, x.revision });
                    table.ForeignKey(
                        name: "fk_placement_revisions_placements_placement_id",
                        column: x => x.placement_id,
                        principalTable: "placements",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "rollout_runs",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityAlwaysColumn),
                    placement_id = table.Column<int>(type: "integer", nullable: false),
                    number = table.Column<int>(type: "integer", nullable: false),
                    kind = table.Column<string>(type: "text", nullable: false),
                    state = table.Column<string>(type: "text", nullable: false),
                    revision = table.Column<int>(type: "integer", nullable: false),
                    previous_revision = table.Column<int>(type: "integer", nullable: true),
                    strategy = table.Column<string>(type: "jsonb", nullable: false),
                    stage = table.Column<int>(type: "integer", nullable: false),
                    phase = table.Column<short>(type: "smallint", nullable: false),
                    phase_since = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    resumed_at_healthy = table.Column<int>(type: "integer", nullable: false),
                    approvals = table.Column<string[]>(type: "text[]", nullable: false),
                    reason = table.Column<string>(type: "text", nullable: true),
                    message = table.Column<string>(type: "text", nullable: true),
                    started_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    ended_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_rollout_runs", x => x.id);
                    table.ForeignKey(
                        name: "fk_rollout_runs_placements_placement_id",
                        column: x => x.placement_id,
                        principalTable: "placements",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "update_run_members",
                columns: table => new
                {
                    run_id = table.Column<long>(type: "bigint", nullable: false),
                    member_id = table.Column<int>(type: "integer", nullable: false),
                    stage = table.Column<int>(type: "integer", nullable: false),
                    group_index = table.Column<int>(type: "integer", nullable: false),
                    ordinal = table.Column<int>(type: "integer", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    cluster_id = table.Column<string>(type: "text", nullable: false),
                    state = table.Column<short>(type: "smallint", nullable: false),
                    operation_id = table.Column<Guid>(type: "uuid", nullable: false),
                    due_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    lease_until = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    epoch = table.Column<int>(type: "integer", nullable: false),
                    attempts = table.Column<int>(type: "integer", nullable: false),
                    started_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    ended_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    message = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_update_run_members", x => new { x.run_id, x.member_id });
                    table.ForeignKey(
                        name: "fk_update_run_members_update_runs_run_id",
                        column: x => x.run_id,
                        principalTable: "update_runs",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "update_run_stages",
                columns: table => new
                {
                    run_id = table.Column<long>(type: "bigint", nullable: false),
                    stage = table.Column<int>(type: "integer", nullable: false),
                    started_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    waiting_since = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    ended_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_update_run_stages", x => new { x.run_id, x.stage });
                    table.ForeignKey(
                        name: "fk_update_run_stages_update_runs_run_id",
                        column: x => x.run_id,
                        principalTable: "update_runs",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "binding_issues",
                columns: table => new
                {
                    placement_id = table.Column<int>(type: "integer", nullable: false),
                    member_id = table.Column<int>(type: "integer", nullable: false),
                    kind = table.Column<string>(type: "text", nullable: false),
                    @object = table.Column<string>(name: "object", type: "text", nullable: false, collation: "C"),
                    path = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    value_in_member = table.Column<string>(type: "text", nullable: true),
                    value_in_hub = table.Column<string>(type: "text", nullable: true),
                    first_observed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    last_observed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_binding_issues", x => new { x.placement_id, x.member_id, x.kind, x.@object, x.path });
                    table.ForeignKey(
                        name: "fk_binding_issues_placement_bindings_placement_id_member_id",
                        columns: x => new { x.placement_id, x.member_id },
                        principalTable: "placement_bindings",
                        principalColumns: new[] { "placement_id", "member_id" },
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "fleet_gates",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    fleet_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    update_run_id = table.Column<long>(type: "bigint", nullable: true),
                    rollout_run_id = table.Column<long>(type: "bigint", nullable: true),
                    stage = table.Column<int>(type: "integer", nullable: false),
                    stage_name = table.Column<string>(type: "text", nullable: false),
                    group_name = table.Column<string>(type: "text", nullable: false),
                    timing = table.Column<string>(type: "text", nullable: false),
                    display_name = table.Column<string>(type: "text", nullable: true),
                    state = table.Column<string>(type: "text", nullable: false),
                    version = table.Column<long>(type: "bigint", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    changed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    changed_by = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_fleet_gates", x => x.id);
                    table.ForeignKey(
                        name: "fk_fleet_gates_rollout_runs_rollout_run_id",
                        column: x => x.rollout_run_id,
                        principalTable: "rollout_runs",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_fleet_gates_update_runs_update_run_id",
                        column: x => x.update_run_id,
                        principalTable: "update_runs",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "rollout_members",
                columns: table => new
                {
                    run_id = table.Column<long>(type: "bigint", nullable: false),
                    member_id = table.Column<int>(type: "integer", nullable: false),
                    stage = table.Column<int>(type: "integer", nullable: false),
                    ordinal = table.Column<int>(type: "integer", nullable: false),
                    state = table.Column<short>(type: "smallint", nullable: false),
                    generation = table.Column<long>(type: "bigint", nullable: false),
                    started_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    ended_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    message = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_rollout_members", x => new { x.run_id, x.member_id });
                    table.ForeignKey(
                        name: "fk_rollout_members_fleet_members_member_id",
                        column: x => x.member_id,
                        principalTable: "fleet_members",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_rollout_members_rollout_runs_run_id",
                        column: x => x.run_id,
                        principalTable: "rollout_runs",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "ix_cluster_inventories_due",
                table: "cluster_inventories",
                column: "due_at",
                filter: "due_at is not null");

            migrationBuilder.CreateIndex(
                name: "ix_cluster_inventories_show",
                table: "cluster_inventories",
                column: "show_at",
                filter: "show_at is not null");

            migrationBuilder.CreateIndex(
                name: "ix_fleet_gates_fleet_key",
                table: "fleet_gates",
                column: "fleet_key");

            migrationBuilder.CreateIndex(
                name: "ux_fleet_gates_rollout_run",
                table: "fleet_gates",
                columns: new[] { "rollout_run_id", "stage", "timing" },
                unique: true,
                filter: "rollout_run_id is not null");

            migrationBuilder.CreateIndex(
                name: "ux_fleet_gates_update_run",
                table: "fleet_gates",
                columns: new[] { "update_run_id", "stage", "group_name", "timing" },
                unique: true,
                filter: "update_run_id is not null");

            migrationBuilder.CreateIndex(
                name: "ix_fleet_insight_points_at",
                table: "fleet_insight_points",
                column: "at");

            migrationBuilder.CreateIndex(
                name: "ix_fleet_members_cluster_key",
                table: "fleet_members",
                column: "cluster_key");

            migrationBuilder.CreateIndex(
                name: "ix_fleet_members_cordon_due_at",
                table: "fleet_members",
                column: "cordon_due_at",
                filter: "cordon_due_at is not null");

            migrationBuilder.CreateIndex(
                name: "ix_fleet_members_fleet_key_name",
                table: "fleet_members",
                columns: new[] { "fleet_key", "name" });

            migrationBuilder.CreateIndex(
                name: "ix_fleet_members_resource_key",
                table: "fleet_members",
                column: "resource_key",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_onboarding_tokens_token_hash",
                table: "onboarding_tokens",
                column: "token_hash",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_placement_bindings_due",
                table: "placement_bindings",
                columns: new[] { "priority", "due_at" },
                filter: "due_at is not null");

            migrationBuilder.CreateIndex(
                name: "ix_placement_bindings_look",
                table: "placement_bindings",
                column: "look_due_at",
                filter: "look_due_at is not null and due_at is null");

            migrationBuilder.CreateIndex(
                name: "ix_placement_bindings_member_id",
                table: "placement_bindings",
                column: "member_id");

            migrationBuilder.CreateIndex(
                name: "ix_placement_evictions_placement_id",
                table: "placement_evictions",
                column: "placement_id");

            migrationBuilder.CreateIndex(
                name: "ix_placements_due",
                table: "placements",
                column: "id",
                filter: "schedule_due or status_due");

            migrationBuilder.CreateIndex(
                name: "ix_placements_fleet_key",
                table: "placements",
                column: "fleet_key");

            migrationBuilder.CreateIndex(
                name: "ix_placements_resource_key",
                table: "placements",
                column: "resource_key",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_resource_claims_resource_key",
                table: "resource_claims",
                column: "resource_key");

            migrationBuilder.CreateIndex(
                name: "ix_rollout_members_member_id",
                table: "rollout_members",
                column: "member_id");

            migrationBuilder.CreateIndex(
                name: "ix_rollout_members_pending",
                table: "rollout_members",
                columns: new[] { "run_id", "stage", "ordinal" },
                filter: "state = 0");

            migrationBuilder.CreateIndex(
                name: "ix_rollout_runs_placement_id_number",
                table: "rollout_runs",
                columns: new[] { "placement_id", "number" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ux_rollout_runs_active",
                table: "rollout_runs",
                column: "placement_id",
                unique: true,
                filter: "ended_at is null");

            migrationBuilder.CreateIndex(
                name: "ix_update_run_members_due",
                table: "update_run_members",
                column: "due_at",
                filter: "due_at is not null");

            migrationBuilder.CreateIndex(
                name: "ux_update_run_members_updating",
                table: "update_run_members",
                column: "member_id",
                unique: true,
                filter: "state = 1");

            migrationBuilder.CreateIndex(
                name: "ix_update_runs_due",
                table: "update_runs",
                column: "id",
                filter: "status_due or (started_at is not null and ended_at is null)");

            migrationBuilder.CreateIndex(
                name: "ix_update_runs_resource_key",
                table: "update_runs",
                column: "resource_key",
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "agent_authorities");

            migrationBuilder.DropTable(
                name: "binding_issues");

            migrationBuilder.DropTable(
                name: "cluster_costs");

            migrationBuilder.DropTable(
                name: "cluster_inventories");

            migrationBuilder.DropTable(
                name: "fleet_gates");

            migrationBuilder.DropTable(
                name: "fleet_insight_points");

            migrationBuilder.DropTable(
                name: "manifest_blobs");

            migrationBuilder.DropTable(
                name: "onboarding_tokens");

            migrationBuilder.DropTable(
                name: "placement_evictions");

            migrationBuilder.DropTable(
                name: "placement_revisions");

            migrationBuilder.DropTable(
                name: "resource_claims");

            migrationBuilder.DropTable(
                name: "rollout_members");

            migrationBuilder.DropTable(
                name: "update_run_members");

            migrationBuilder.DropTable(
                name: "update_run_stages");

            migrationBuilder.DropTable(
                name: "placement_bindings");

            migrationBuilder.DropTable(
                name: "rollout_runs");

            migrationBuilder.DropTable(
                name: "update_runs");

            migrationBuilder.DropTable(
                name: "fleet_members");

            migrationBuilder.DropTable(
                name: "placements");

            migrationBuilder.DropColumn(
                name: "changed_at",
                table: "policy_states");

            migrationBuilder.DropColumn(
                name: "inventory_hash",
                table: "policy_states");
        }
    }
}
