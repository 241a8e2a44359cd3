using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlPlane.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class Drift : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "look_due_at",
                table: "placement_bindings",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "repaired",
                table: "placement_bindings",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "repaired_at",
                table: "placement_bindings",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "repairs",
                table: "placement_bindings",
                type: "integer",
                nullable: false,
                defaultValue: 0);

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

            migrationBuilder.CreateIndex(
                name: "ix_placement_bindings_look",
                table: "placement_bindings",
                column: "look_due_at",
                filter: "look_due_at is not null and due_at is null");

            // What was applied before is looked at, too.
            migrationBuilder.Sql("update placement_bindings set look_due_at = now() + random() * interval '10 minutes' where desired_revision > 0 and not is_unscheduled");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "binding_issues");

            migrationBuilder.DropIndex(
                name: "ix_placement_bindings_look",
                table: "placement_bindings");

            migrationBuilder.DropColumn(
                name: "look_due_at",
                table: "placement_bindings");

            migrationBuilder.DropColumn(
                name: "repaired",
                table: "placement_bindings");

            migrationBuilder.DropColumn(
                name: "repaired_at",
                table: "placement_bindings");

            migrationBuilder.DropColumn(
                name: "repairs",
                table: "placement_bindings");
        }
    }
}
