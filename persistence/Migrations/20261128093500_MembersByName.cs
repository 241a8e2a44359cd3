using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlPlane.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class MembersByName : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_fleet_members_fleet_key",
                table: "fleet_members");

            migrationBuilder.CreateIndex(
                name: "ix_fleet_members_fleet_key_name",
                table: "fleet_members",
                columns: new[] { "fleet_key", "name" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_fleet_members_fleet_key_name",
                table: "fleet_members");

            migrationBuilder.CreateIndex(
                name: "ix_fleet_members_fleet_key",
                table: "fleet_members",
                column: "fleet_key");
        }
    }
}
