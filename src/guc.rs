//! The extension's settings.

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};

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
}
