using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlPlane.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class PolicyStates : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
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
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "policy_evaluations");

            migrationBuilder.DropTable(
                name: "policy_states");
        }
    }
}
