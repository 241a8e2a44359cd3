using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlPlane.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class Evictions : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "reason",
                table: "rollout_runs",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "expected",
                table: "placements",
                type: "integer",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<bool>(
                name: "is_untracked",
                table: "placement_bindings",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "observed_at",
                table: "placement_bindings",
                type: "timestamp with time zone",
                nullable: true);

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

            migrationBuilder.CreateIndex(
                name: "ix_placement_evictions_placement_id",
                table: "placement_evictions",
                column: "placement_id");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "placement_evictions");

            migrationBuilder.DropColumn(
                name: "reason",
                table: "rollout_runs");

            migrationBuilder.DropColumn(
                name: "expected",
                table: "placements");

            migrationBuilder.DropColumn(
                name: "is_untracked",
                table: "placement_bindings");

            migrationBuilder.DropColumn(
                name: "observed_at",
                table: "placement_bindings");
        }
    }
}
