using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlPlane.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class RolesLocksAndSubscriptions : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "role_assignments");

            // Subscriptions said the state that clients see; they keep the one of the lifecycle.
            migrationBuilder.Sql("update resources set properties = jsonb_set(properties, '{state}', '\"Registered\"') where type = 'Microsoft.Resources/subscriptions'");

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

            migrationBuilder.DropIndex(
                name: "ix_resources_extends_key",
                table: "resources");

            migrationBuilder.DropIndex(
                name: "ux_operations_client_request_id",
                table: "operations");

            migrationBuilder.DropIndex(
                name: "ix_activities_correlation_id",
                table: "activities");

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

            migrationBuilder.AlterColumn<string>(
                name: "unique_key",
                table: "resources",
                type: "text",
                nullable: true,
                oldClrType: typeof(string),
                oldType: "text",
                oldNullable: true,
                oldCollation: "C");

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
