using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlPlane.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class AzureFrontDoor : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            // Subscriptions said the state that clients see; they keep the one of the lifecycle.
            migrationBuilder.Sql("update resources set properties = jsonb_set(properties, '{state}', '\"Registered\"') where type = 'Microsoft.Resources/subscriptions'");

            migrationBuilder.DropTable(
                name: "role_assignments");

            migrationBuilder.DropPrimaryKey(
                name: "pk_service_principals",
                table: "service_principals");

            migrationBuilder.RenameTable(
                name: "service_principals",
                newName: "directory_objects");

            migrationBuilder.RenameIndex(
                name: "ix_service_principals_app_id",
                table: "directory_objects",
                newName: "ix_directory_objects_app_id");

            migrationBuilder.AlterColumn<string>(
                name: "unique_key",
                table: "resources",
                type: "text",
                nullable: true,
                collation: "C",
                oldClrType: typeof(string),
                oldType: "text",
                oldNullable: true);

            migrationBuilder.AddColumn<string>(
                name: "extends_key",
                table: "resources",
                type: "text",
                nullable: true,
                collation: "C");

            migrationBuilder.AddColumn<string>(
                name: "client_request_id",
                table: "operations",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "principal_type",
                table: "operations",
                type: "text",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<bool>(
                name: "paused",
                table: "meter_spans",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<string>(
                name: "error_code",
                table: "activities",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "http_status",
                table: "activities",
                type: "integer",
                nullable: true);

            migrationBuilder.AlterColumn<string>(
                name: "app_id",
                table: "directory_objects",
                type: "text",
                nullable: true,
                oldClrType: typeof(string),
                oldType: "text");

            migrationBuilder.AddColumn<string>(
                name: "description",
                table: "directory_objects",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<bool>(
                name: "is_enabled",
                table: "directory_objects",
                type: "boolean",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "kind",
                table: "directory_objects",
                type: "character varying(21)",
                maxLength: 21,
                nullable: false,
                defaultValue: "servicePrincipal");

            // Whoever was there before were service principals, and enabled.
            migrationBuilder.Sql("alter table directory_objects alter column kind drop default; update directory_objects set is_enabled = true");

            migrationBuilder.AddColumn<string>(
                name: "password_hash",
                table: "directory_objects",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "user_principal_name",
                table: "directory_objects",
                type: "text",
                nullable: true);

            migrationBuilder.AddPrimaryKey(
                name: "pk_directory_objects",
                table: "directory_objects",
                column: "object_id");

            migrationBuilder.CreateTable(
                name: "application_certificates",
                columns: table => new
                {
                    key_id = table.Column<string>(type: "text", nullable: false),
                    application_id = table.Column<string>(type: "text", nullable: false),
                    display_name = table.Column<string>(type: "text", nullable: true),
                    certificate = table.Column<byte[]>(type: "bytea", nullable: false),
                    starts_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    ends_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_application_certificates", x => x.key_id);
                    table.ForeignKey(
                        name: "fk_application_certificates_open_iddict_applications_application",
                        column: x => x.application_id,
                        principalTable: "OpenIddictApplications",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "application_secrets",
                columns: table => new
                {
                    key_id = table.Column<string>(type: "text", nullable: false),
                    application_id = table.Column<string>(type: "text", nullable: false),
                    display_name = table.Column<string>(type: "text", nullable: true),
                    hint = table.Column<string>(type: "text", nullable: false),
                    hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    starts_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    ends_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_application_secrets", x => x.key_id);
                    table.ForeignKey(
                        name: "fk_application_secrets_open_iddict_applications_application_id",
                        column: x => x.application_id,
                        principalTable: "OpenIddictApplications",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "deployment_operations",
                columns: table => new
                {
                    deployment_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    run = table.Column<Guid>(type: "uuid", nullable: false),
                    resource_id = table.Column<string>(type: "text", nullable: false),
                    request = table.Column<string>(type: "text", nullable: false),
                    started_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    ended_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    state = table.Column<string>(type: "text", nullable: true),
                    error = table.Column<string>(type: "jsonb", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_deployment_operations", x => new { x.deployment_key, x.id });
                    table.ForeignKey(
                        name: "fk_deployment_operations_resources_deployment_key",
                        column: x => x.deployment_key,
                        principalTable: "resources",
                        principalColumn: "key",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "federated_credentials",
                columns: table => new
                {
                    id = table.Column<string>(type: "text", nullable: false),
                    application_id = table.Column<string>(type: "text", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    issuer = table.Column<string>(type: "text", nullable: false),
                    subject = table.Column<string>(type: "text", nullable: false),
                    audiences = table.Column<string[]>(type: "text[]", nullable: false),
                    description = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_federated_credentials", x => x.id);
                    table.ForeignKey(
                        name: "fk_federated_credentials_open_iddict_applications_application_id",
                        column: x => x.application_id,
                        principalTable: "OpenIddictApplications",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "group_members",
                columns: table => new
                {
                    group_id = table.Column<string>(type: "text", nullable: false),
                    member_id = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_group_members", x => new { x.group_id, x.member_id });
                    table.ForeignKey(
                        name: "fk_group_members_directory_objects_group_id",
                        column: x => x.group_id,
                        principalTable: "directory_objects",
                        principalColumn: "object_id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_group_members_directory_objects_member_id",
                        column: x => x.member_id,
                        principalTable: "directory_objects",
                        principalColumn: "object_id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "policy_evaluations",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    scope = table.Column<string>(type: "text", nullable: false),
                    requested_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    ended_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_policy_evaluations", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "policy_states",
                columns: table => new
                {
                    assignment_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    resource_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    definition_key = table.Column<string>(type: "text", nullable: false),
                    assignment_version = table.Column<long>(type: "bigint", nullable: false),
                    definition_version = table.Column<long>(type: "bigint", nullable: false),
                    resource_version = table.Column<long>(type: "bigint", nullable: false),
                    effect = table.Column<string>(type: "text", nullable: false),
                    is_compliant = table.Column<bool>(type: "boolean", nullable: false),
                    subscription = table.Column<string>(type: "text", nullable: false),
                    evaluated_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_policy_states", x => new { x.assignment_key, x.resource_key });
                    table.ForeignKey(
                        name: "fk_policy_states_resources_assignment_key",
                        column: x => x.assignment_key,
                        principalTable: "resources",
                        principalColumn: "key",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_policy_states_resources_resource_key",
                        column: x => x.resource_key,
                        principalTable: "resources",
                        principalColumn: "key",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "sign_in_failures",
                columns: table => new
                {
                    key = table.Column<string>(type: "text", nullable: false),
                    failures = table.Column<int>(type: "integer", nullable: false),
                    last_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    locked_until = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_sign_in_failures", x => x.key);
                });

            migrationBuilder.CreateTable(
                name: "used_assertions",
                columns: table => new
                {
                    id = table.Column<byte[]>(type: "bytea", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_used_assertions", x => x.id);
                });

            migrationBuilder.CreateIndex(
                name: "ix_resources_extends_key",
                table: "resources",
                column: "extends_key",
                filter: "extends_key is not null");

            migrationBuilder.CreateIndex(
                name: "ux_operations_client_request_id",
                table: "operations",
                columns: new[] { "resource_key", "request", "client_request_id" },
                unique: true,
                filter: "client_request_id is not null");

            migrationBuilder.CreateIndex(
                name: "ix_activities_correlation_id",
                table: "activities",
                column: "correlation_id");

            migrationBuilder.CreateIndex(
                name: "ix_directory_objects_kind_display_name",
                table: "directory_objects",
                columns: new[] { "kind", "display_name" });

            migrationBuilder.CreateIndex(
                name: "ix_directory_objects_user_principal_name",
                table: "directory_objects",
                column: "user_principal_name",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_application_certificates_application_id",
                table: "application_certificates",
                column: "application_id");

            migrationBuilder.CreateIndex(
                name: "ix_application_secrets_application_id",
                table: "application_secrets",
                column: "application_id");

            migrationBuilder.CreateIndex(
                name: "ix_federated_credentials_application_id_issuer_subject",
                table: "federated_credentials",
                columns: new[] { "application_id", "issuer", "subject" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_federated_credentials_application_id_name",
                table: "federated_credentials",
                columns: new[] { "application_id", "name" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_federated_credentials_issuer",
                table: "federated_credentials",
                column: "issuer");

            migrationBuilder.CreateIndex(
                name: "ix_group_members_member_id_group_id",
                table: "group_members",
                columns: new[] { "member_id", "group_id" });

            migrationBuilder.CreateIndex(
                name: "ix_policy_evaluations_requested_at",
                table: "policy_evaluations",
                column: "requested_at",
                filter: "ended_at is null");

            migrationBuilder.CreateIndex(
                name: "ix_policy_states_resource_key",
                table: "policy_states",
                column: "resource_key");

            migrationBuilder.CreateIndex(
                name: "ix_policy_states_subscription_resource_key",
                table: "policy_states",
                columns: new[] { "subscription", "resource_key" });

            migrationBuilder.CreateIndex(
                name: "ix_sign_in_failures_last_at",
                table: "sign_in_failures",
                column: "last_at");

            migrationBuilder.CreateIndex(
                name: "ix_used_assertions_expires_at",
                table: "used_assertions",
                column: "expires_at");

            migrationBuilder.AddForeignKey(
                name: "fk_resources_resources_extends_key",
                table: "resources",
                column: "extends_key",
                principalTable: "resources",
                principalColumn: "key",
                onDelete: ReferentialAction.Cascade);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropForeignKey(
                name: "fk_resources_resources_extends_key",
                table: "resources");

            migrationBuilder.DropTable(
                name: "application_certificates");

            migrationBuilder.DropTable(
                name: "application_secrets");

            migrationBuilder.DropTable(
                name: "deployment_operations");

            migrationBuilder.DropTable(
                name: "federated_credentials");

            migrationBuilder.DropTable(
                name: "group_members");

            migrationBuilder.DropTable(
                name: "policy_evaluations");

            migrationBuilder.DropTable(
                name: "policy_states");

            migrationBuilder.DropTable(
                name: "sign_in_failures");

            migrationBuilder.DropTable(
                name: "used_assertions");

            migrationBuilder.DropIndex(
                name: "ix_resources_extends_key",
                table: "resources");

            migrationBuilder.DropIndex(
                name: "ux_operations_client_request_id",
                table: "operations");

            migrationBuilder.DropIndex(
                name: "ix_activities_correlation_id",
                table: "activities");

            migrationBuilder.DropPrimaryKey(
                name: "pk_directory_objects",
                table: "directory_objects");

            migrationBuilder.DropIndex(
                name: "ix_directory_objects_kind_display_name",
                table: "directory_objects");

            migrationBuilder.DropIndex(
                name: "ix_directory_objects_user_principal_name",
                table: "directory_objects");

            migrationBuilder.DropColumn(
                name: "extends_key",
                table: "resources");

            migrationBuilder.DropColumn(
                name: "client_request_id",
                table: "operations");

            migrationBuilder.DropColumn(
                name: "principal_type",
                table: "operations");

            migrationBuilder.DropColumn(
                name: "paused",
                table: "meter_spans");

            migrationBuilder.DropColumn(
                name: "error_code",
                table: "activities");

            migrationBuilder.DropColumn(
                name: "http_status",
                table: "activities");

            migrationBuilder.DropColumn(
                name: "description",
                table: "directory_objects");

            migrationBuilder.DropColumn(
                name: "is_enabled",
                table: "directory_objects");

            migrationBuilder.DropColumn(
                name: "kind",
                table: "directory_objects");

            migrationBuilder.DropColumn(
                name: "password_hash",
                table: "directory_objects");

            migrationBuilder.DropColumn(
                name: "user_principal_name",
                table: "directory_objects");

            migrationBuilder.RenameTable(
                name: "directory_objects",
                newName: "service_principals");

            migrationBuilder.RenameIndex(
                name: "ix_directory_objects_app_id",
                table: "service_principals",
                newName: "ix_service_principals_app_id");

            migrationBuilder.AlterColumn<string>(
                name: "unique_key",
                table: "resources",
                type: "text",
                nullable: true,
                oldClrType: typeof(string),
                oldType: "text",
                oldNullable: true,
                oldCollation: "C");

            migrationBuilder.AlterColumn<string>(
                name: "app_id",
                table: "service_principals",
                type: "text",
                nullable: false,
                defaultValue: "",
                oldClrType: typeof(string),
                oldType: "text",
                oldNullable: true);

            migrationBuilder.AddPrimaryKey(
                name: "pk_service_principals",
                table: "service_principals",
                column: "object_id");

            migrationBuilder.CreateTable(
                name: "role_assignments",
                columns: table => new
                {
                    principal_id = table.Column<string>(type: "text", nullable: false),
                    scope = table.Column<string>(type: "text", nullable: false),
                    role = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_role_assignments", x => new { x.principal_id, x.scope, x.role });
                });
        }
    }
}
