//! The extension's settings.

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::ffi::CString;

/// `jackpot.lock_timeout`: how long a call waits for a lock, in milliseconds; 0 is for ever.
pub static LOCK_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(5_000);
/// `jackpot.max_retry_attempts`: how often a conflict is retried inside the statement.
pub static MAX_RETRY_ATTEMPTS: GucSetting<i32> = GucSetting::<i32>::new(3);
/// `jackpot.retry_delay`: the pause before the first retry, in milliseconds; doubles each time.
pub static RETRY_DELAY: GucSetting<i32> = GucSetting::<i32>::new(100);
/// `jackpot.settle_rows`: the length of the tail at which a call settles it.
pub static SETTLE_ROWS: GucSetting<i32> = GucSetting::<i32>::new(5_000);
/// `jackpot.totals`: whether a contribution's result has current_amount and version.
pub static TOTALS: GucSetting<bool> = GucSetting::<bool>::new(true);
/// `jackpot.databases`: the databases that get a worker, separated by commas; `*` is all.
pub static DATABASES: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"*"));
/// `jackpot.settle_interval`: how often the worker settles, in milliseconds.
pub static SETTLE_INTERVAL: GucSetting<i32> = GucSetting::<i32>::new(100);
/// `jackpot.queue_max_attempts`: how often a queued item is tried before it is a dead letter.
pub static QUEUE_MAX_ATTEMPTS: GucSetting<i32> = GucSetting::<i32>::new(10);
/// `jackpot.queue_max_items`: how many items the queue takes; 0 is no limit.
pub static QUEUE_MAX_ITEMS: GucSetting<i32> = GucSetting::<i32>::new(1_000_000);
/// `jackpot.notify_wins`: whether wins from the queue are announced by NOTIFY.
pub static NOTIFY_WINS: GucSetting<bool> = GucSetting::<bool>::new(false);
/// `jackpot.limit_synchronous_calls`: whether rate limits are for calls that enqueue nothing, too.
pub static LIMIT_SYNCHRONOUS_CALLS: GucSetting<bool> = GucSetting::<bool>::new(false);
/// `jackpot.metrics`: whether calls are counted.
pub static METRICS: GucSetting<bool> = GucSetting::<bool>::new(true);
/// `jackpot.ticker_interval`: how old the ticker's amounts may be, in milliseconds.
pub static TICKER_INTERVAL: GucSetting<i32> = GucSetting::<i32>::new(250);
/// `jackpot.sample_interval`: how often the worker samples the metrics, in seconds.
pub static SAMPLE_INTERVAL: GucSetting<i32> = GucSetting::<i32>::new(60);
/// `jackpot.sample_retention`: how long samples and past alerts are kept, in seconds.
pub static SAMPLE_RETENTION: GucSetting<i32> = GucSetting::<i32>::new(604_800);
/// `jackpot.alert_interval`: how often the worker evaluates the alerts, in milliseconds.
pub static ALERT_INTERVAL: GucSetting<i32> = GucSetting::<i32>::new(5_000);
/// `jackpot.notify_alerts`: whether alerts are announced by NOTIFY unless they say otherwise.
pub static NOTIFY_ALERTS: GucSetting<bool> = GucSetting::<bool>::new(false);
/// `jackpot.audit_rows`: how many ledger rows the audit reads a second.
pub static AUDIT_ROWS: GucSetting<i32> = GucSetting::<i32>::new(10_000);

/// Defines the settings.
pub fn init() {
    GucRegistry::define_int_guc(
        c"jackpot.lock_timeout",
        c"Longest wait of a jackpot function for a lock.",
        c"Zero waits for ever. A shorter lock_timeout of the session takes precedence.",
        &LOCK_TIMEOUT,
        0,
        i32::MAX,
        GucContext::Userset,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_int_guc(
        c"jackpot.max_retry_attempts",
        c"How often a jackpot function retries a conflict before it fails with 40001.",
        c"",
        &MAX_RETRY_ATTEMPTS,
        0,
        100,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"jackpot.retry_delay",
        c"Pause before the first retry of a conflict; doubles with each further one.",
        c"",
        &RETRY_DELAY,
        0,
        60_000,
        GucContext::Userset,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_int_guc(
        c"jackpot.settle_rows",
        c"Number of unsettled ledger rows at which a call outside a transaction block settles them.",
        c"",
        &SETTLE_ROWS,
        1,
        i32::MAX,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"jackpot.totals",
        c"Whether jackpot_contribute() returns current_amount and version.",
        c"Off leaves both NULL and saves reading them; the choice for SERIALIZABLE sessions.",
        &TOTALS,
        GucContext::Userset,
        GucFlags::default(),
    );
    of_the_queue();
    of_watching();
}

/// Those of metrics, ticker, samples, alerts and audit.
fn of_watching() {
    GucRegistry::define_bool_guc(
        c"jackpot.metrics",
        c"Whether calls are counted, where the library is preloaded.",
        c"",
        &METRICS,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"jackpot.ticker_interval",
        c"How old the amounts may be that jackpot_ticker() returns.",
        c"Zero has it read the tables each time.",
        &TICKER_INTERVAL,
        0,
        30_000,
        GucContext::Userset,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_int_guc(
        c"jackpot.sample_interval",
        c"How often the worker writes what was counted to jackpot.sample.",
        c"Zero takes no samples.",
        &SAMPLE_INTERVAL,
        0,
        86_400,
        GucContext::Sighup,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_int_guc(
        c"jackpot.sample_retention",
        c"How long samples, and alerts that are over, are kept.",
        c"Zero keeps them for ever.",
        &SAMPLE_RETENTION,
        0,
        i32::MAX,
        GucContext::Sighup,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_int_guc(
        c"jackpot.alert_interval",
        c"How often the worker compares the signals with the alerts' thresholds.",
        c"Zero evaluates no alerts.",
        &ALERT_INTERVAL,
        0,
        3_600_000,
        GucContext::Sighup,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_bool_guc(
        c"jackpot.notify_alerts",
        c"Whether alerts are announced by NOTIFY on jackpot_alert, unless an alert says otherwise.",
        c"",
        &NOTIFY_ALERTS,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"jackpot.audit_rows",
        c"How many ledger rows a second are compared with the books in the background.",
        c"Zero audits nothing.",
        &AUDIT_ROWS,
        0,
        10_000_000,
        GucContext::Sighup,
        GucFlags::default(),
    );
}

/// Those of the queue and its worker.
fn of_the_queue() {
    GucRegistry::define_string_guc(
        c"jackpot.databases",
        c"Databases that get a background worker where they have the extension.",
        c"Names separated by commas; * is all, nothing is none. Without the library preloaded there is no worker.",
        &DATABASES,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"jackpot.settle_interval",
        c"How often the worker settles while wagers come in.",
        c"",
        &SETTLE_INTERVAL,
        1,
        60_000,
        GucContext::Sighup,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_int_guc(
        c"jackpot.queue_max_attempts",
        c"How often a queued item is tried before it goes to jackpot.dead_letter.",
        c"Only what another try may mend is tried again: locks not had in time, conflicts, deadlocks.",
        &QUEUE_MAX_ATTEMPTS,
        1,
        1_000,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"jackpot.queue_max_items",
        c"How many spins that are not drawn and requests that are not done the queue takes.",
        c"Zero is no limit. Counted now and then, so it may be passed by what a second brings.",
        &QUEUE_MAX_ITEMS,
        0,
        i32::MAX,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"jackpot.notify_wins",
        c"Whether wins from the queue are announced by NOTIFY on jackpot_win.",
        c"",
        &NOTIFY_WINS,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"jackpot.limit_synchronous_calls",
        c"Whether rate limits are for jackpot_contribute(), jackpot_spin() and jackpot_win(), too.",
        c"",
        &LIMIT_SYNCHRONOUS_CALLS,
        GucContext::Suset,
        GucFlags::default(),
    );
}
