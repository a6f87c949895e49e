//! Progressive jackpots inside PostgreSQL: `api` (the SQL surface) → `store` (append, read, lock,
//! settle) → `jackpot-core` (the rules).

use pgrx::prelude::*;

mod api;
mod call;
mod error;
mod guc;
mod shmem;
mod store;
mod worker;

pgrx::pg_module_magic!(name, version);

extension_sql_file!("../sql/schema/tables.sql", name = "tables", bootstrap);
extension_sql_file!("../sql/schema/queue.sql", name = "queue", requires = ["tables"]);
extension_sql_file!(
    "../sql/schema/views.sql",
    name = "views",
    requires = [api::pools::jackpot_pools]
);
extension_sql_file!("../sql/schema/reports.sql", name = "reports", requires = ["views"]);
extension_sql_file!("../sql/schema/audit.sql", name = "audit", requires = ["reports"]);
extension_sql_file!("../sql/schema/validate.sql", name = "validate", requires = ["audit"]);
extension_sql_file!(
    "../sql/schema/queue_reports.sql",
    name = "queue_reports",
    requires = ["queue", "validate"]
);
extension_sql_file!(
    "../sql/schema/observe/tables.sql",
    name = "observe_tables",
    requires = ["queue_reports"]
);
extension_sql_file!(
    "../sql/schema/observe/state.sql",
    name = "observe_state",
    requires = ["observe_tables"]
);
extension_sql_file!(
    "../sql/schema/observe/views.sql",
    name = "observe_views",
    requires = ["observe_state"]
);
extension_sql_file!(
    "../sql/schema/observe/metrics.sql",
    name = "observe_metrics",
    requires = ["observe_views"]
);
extension_sql_file!(
    "../sql/schema/observe/alerts.sql",
    name = "observe_alerts",
    requires = ["observe_metrics"]
);
extension_sql_file!(
    "../sql/schema/observe/health.sql",
    name = "observe_health",
    requires = ["observe_alerts"]
);
extension_sql_file!(
    "../sql/schema/observe/report.sql",
    name = "observe_report",
    requires = ["observe_health"]
);
extension_sql_file!(
    "../sql/schema/migration/tables.sql",
    name = "migration_tables",
    requires = ["observe_report"]
);
extension_sql_file!(
    "../sql/schema/migration/export.sql",
    name = "migration_export",
    requires = ["migration_tables"]
);
extension_sql_file!(
    "../sql/schema/schema_check.sql",
    name = "schema_check",
    requires = ["migration_export"]
);
extension_sql_file!("../sql/schema/comments.sql", name = "comments", finalize);

/// Called by PostgreSQL when the library is loaded.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    guc::init();
    store::init();
    shmem::metrics::watch();
    shmem::init();
    worker::init();
}
