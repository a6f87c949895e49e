//! What surrounds every call: whose rights it has, how long it waits, what its errors look like.
//!
//! The functions work with the rights of the extension's owner, so that no role that plays needs
//! any right on a table (WAC 230-15-695). This is what SECURITY DEFINER with a fixed search_path
//! does, without its cost at each returned row.

use crate::call::Call;
use crate::error::report;
use crate::guc;
use crate::shmem::metrics;
use crate::store::relations;
use crate::store::statement::Connection;
use jackpot_core::{Error, Timestamp, Token};
use pgrx::PgSqlErrorCode;
use pgrx::PgTryBuilder;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;
use pgrx::pg_sys::panic::{CaughtError, ErrorReport};
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString};
use std::panic::AssertUnwindSafe;

/// Runs one SQL-callable function's work, and counts it.
pub fn run<T>(call: Call, work: impl FnOnce() -> Result<T, Error>) -> Result<T, ErrorReport> {
    let running = metrics::begin(call);
    let name = match call {
        Call::Observe => "the look at the jackpots".to_owned(),
        call => format!("jackpot_{}()", call.as_str()),
    };
    let result = PgTryBuilder::new(AssertUnwindSafe(|| {
        let _rights = OwnerRights::take();
        let _path = SafeSearchPath::set(call);
        let _patience = Patience::limit(guc::LOCK_TIMEOUT.get());
        let _connection = Connection::open();
        // Before anything is counted: a re-created extension begins anew.
        metrics::adopted(relations::current().ledger);
        work()
    }))
    .catch_when(PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE, |_| {
        Err(Error::new(
            Token::LockTimeout,
            format!("{name} did not get its lock in time"),
            format!("jackpot.lock_timeout is {} ms", guc::LOCK_TIMEOUT.get()),
        )
        .hint("Try again; pg_locks shows who holds it."))
    })
    .catch_when(PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE, |caught| {
        let message = match &caught {
            CaughtError::PostgresError(error) | CaughtError::ErrorReport(error) => {
                error.message().to_owned()
            }
            CaughtError::RustPanic { ereport, .. } => ereport.message().to_owned(),
        };
        Err(Error::new(Token::VersionConflict, message, format!("met by {name}"))
            .hint("Run the transaction again."))
    })
    .catch_others(|caught| {
        let (CaughtError::PostgresError(report)
        | CaughtError::ErrorReport(report)
        | CaughtError::RustPanic { ereport: report, .. }) = &caught;
        running.has_failed(report.sql_error_code());
        caught.rethrow()
    })
    .execute();
    match &result {
        Ok(_) => running.is_done(),
        Err(error) => running.is_refused(error),
    }
    result.map_err(report)
}

thread_local! {
    /// For whom the queue acts.
    static ACTING_FOR: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs what another has asked for: the record names that actor.
pub fn acting_for<T>(actor: &str, work: impl FnOnce() -> T) -> T {
    struct Ended;
    impl Drop for Ended {
        fn drop(&mut self) {
            ACTING_FOR.set(None);
        }
    }
    ACTING_FOR.set(Some(actor.to_owned()));
    let _ended = Ended;
    work()
}

/// Who is acting, for the record: role/application_name/operation.
pub fn actor(operation: &str) -> String {
    if let Some(actor) = ACTING_FOR.with_borrow(Clone::clone) {
        return actor;
    }
    // SAFETY: GetUserNameFromId returns a palloc'd string for an existing role (missing roles
    // give NULL); application_name is a NUL-terminated setting, never NULL in a backend.
    unsafe {
        let role = pg_sys::GetUserNameFromId(pg_sys::GetOuterUserId(), true);
        let role =
            if role.is_null() { "unknown".into() } else { CStr::from_ptr(role).to_string_lossy() };
        let application = if pg_sys::application_name.is_null() {
            "".into()
        } else {
            CStr::from_ptr(pg_sys::application_name).to_string_lossy()
        };
        format!("{role}/{application}/{operation}")
    }
}

/// The microseconds since 2000-01-01 UTC, as PostgreSQL counts time.
pub fn clock() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

/// From 1970-01-01 to 2000-01-01.
const SECONDS_TO_2000: i64 = 946_684_800;

/// PostgreSQL counts microseconds from 2000-01-01, the core from 1970-01-01.
pub fn timestamp(at: TimestampWithTimeZone) -> Timestamp {
    at.into_inner()
        .checked_add(SECONDS_TO_2000 * 1_000_000)
        .and_then(|at| Timestamp::from_microsecond(at).ok())
        .unwrap_or(Timestamp::MAX)
}

/// The other way round: microseconds since 2000.
pub fn since_2000(at: Timestamp) -> i64 {
    at.as_microsecond().saturating_sub(SECONDS_TO_2000 * 1_000_000)
}

/// When the client's statement began.
pub fn statement_time() -> TimestampWithTimeZone {
    // SAFETY: only reads the transaction's state.
    let time = unsafe { pg_sys::GetCurrentStatementStartTimestamp() };
    TimestampWithTimeZone::try_from(time)
        .unwrap_or_else(|_| pgrx::error!("the clock is out of range"))
}

/// Whether the transaction is no longer than the client's statement, which may be a DO block.
pub fn is_autocommit() -> bool {
    // SAFETY: only reads the transaction's state.
    unsafe { !pg_sys::IsTransactionBlock() && pg_sys::GetCurrentTransactionNestLevel() == 1 }
}

/// Whether the call stands in a query of its own: in no transaction block, and not in a DO block or
/// a procedure. What it locks is free again when the query ends.
pub fn stands_alone() -> bool {
    // SAFETY: only reads the running portal, if there is one.
    let is_query = unsafe {
        let portal = pg_sys::ActivePortal;
        !portal.is_null() && (*portal).strategy == pg_sys::PortalStrategy::PORTAL_ONE_SELECT
    };
    is_query && is_autocommit()
}

/// Whether the transaction may write nothing, as on a standby.
pub fn is_read_only() -> bool {
    // SAFETY: reads a variable of this backend.
    unsafe { pg_sys::XactReadOnly }
}

/// The identifier that initdb gave this cluster.
pub fn system_identifier() -> i64 {
    // SAFETY: reads the control file's copy in memory. The bits are kept, not the sign.
    unsafe { pg_sys::GetSystemIdentifier() as i64 }
}

thread_local! {
    /// Who called, while the owner is acting.
    static CALLER: Cell<Option<(pg_sys::Oid, i32)>> = const { Cell::new(None) };
    /// The caller's search_path, where something may be done as the caller.
    static CALLERS_PATH: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// Does something with the caller's rights and search_path instead of the owner's: what reads a table
/// that the caller names, which may be a view with functions in it. An error restores the former user
/// and path by itself.
pub fn as_caller<T>(work: impl FnOnce() -> T) -> T {
    let Some((user, context)) = CALLER.get() else { return work() };
    let (mut owner, mut owners_context) = (pg_sys::InvalidOid, 0);
    let path = CALLERS_PATH.with_borrow(Clone::clone);
    let _path = path.map(|path| Settings::of(&[(c"search_path", &path)]));
    // SAFETY: both outlive the call; the caller is who acted before the owner.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut owner, &mut owners_context);
        let context = context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32;
        pg_sys::SetUserIdAndSecContext(user, context);
    }
    let done = work();
    // SAFETY: puts back what was there before.
    unsafe { pg_sys::SetUserIdAndSecContext(owner, owners_context) };
    done
}

/// Acts as the owner of the extension's relations until dropped. An error restores the former
/// user by itself.
struct OwnerRights {
    user: pg_sys::Oid,
    context: i32,
    /// The caller of a call that this one is inside of.
    outer: Option<(pg_sys::Oid, i32)>,
}

impl OwnerRights {
    fn take() -> Self {
        let owner = relations::current().owner;
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        // SAFETY: both outlive the call; SECURITY_LOCAL_USERID_CHANGE forbids SET ROLE meanwhile.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            pg_sys::SetUserIdAndSecContext(
                owner,
                context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32,
            );
        }
        OwnerRights { user, context, outer: CALLER.replace(Some((user, context))) }
    }
}

impl Drop for OwnerRights {
    fn drop(&mut self) {
        CALLER.set(self.outer);
        // SAFETY: puts back what was there before.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) };
    }
}

/// Only pg_catalog is searched until dropped, so that nobody's operator or function can run with
/// the owner's rights. An error restores the former path by itself.
enum SafeSearchPath {
    /// Laid over the setting, which costs next to nothing.
    Laid,
    /// Where work is done as the caller, whose functions must be able to have paths of their own, as
    /// SECURITY DEFINER ones need: what is laid over the setting would hide theirs (CVE-2023-2454).
    Set { _settings: Settings, outer: Option<CString> },
}

impl SafeSearchPath {
    fn set(call: Call) -> Self {
        if matches!(call, Call::ImportTable) {
            // SAFETY: an existing setting; its value is copied at once.
            let path = unsafe {
                let path = pg_sys::GetConfigOption(c"search_path".as_ptr(), false, false);
                CStr::from_ptr(path).to_owned()
            };
            let outer = CALLERS_PATH.replace(Some(path));
            let _settings = Settings::of(&[(c"search_path", c"pg_catalog, pg_temp")]);
            return SafeSearchPath::Set { _settings, outer };
        }
        let mut path = pg_sys::OverrideSearchPath { addCatalog: true, ..Default::default() };
        // SAFETY: PushOverrideSearchPath copies the path; an empty list is a null pointer.
        unsafe { pg_sys::PushOverrideSearchPath(&mut path) };
        SafeSearchPath::Laid
    }
}

impl Drop for SafeSearchPath {
    fn drop(&mut self) {
        match self {
            SafeSearchPath::Set { outer, .. } => {
                CALLERS_PATH.set(outer.take());
            }
            SafeSearchPath::Laid if !std::thread::panicking() => {
                // SAFETY: the path that `set` pushed is the innermost one again.
                unsafe { pg_sys::PopOverrideSearchPath() };
            }
            SafeSearchPath::Laid => {}
        }
    }
}

/// Settings that hold until dropped. An error restores the former ones by itself.
pub struct Settings(i32);

impl Settings {
    /// For statements over whole tables, about which nothing is known yet: planned for many rows.
    pub fn for_many_rows() -> Self {
        Settings::of(&[(c"enable_nestloop", c"off"), (c"jit", c"off"), (c"work_mem", c"256MB")])
    }

    fn of(settings: &[(&CStr, &CStr)]) -> Self {
        // SAFETY: the names and values are NUL-terminated, and copied; what is set is undone at the
        // same level, or by an abort.
        unsafe {
            let level = pg_sys::NewGUCNestLevel();
            for (name, value) in settings {
                pg_sys::set_config_option(
                    name.as_ptr(),
                    value.as_ptr(),
                    pg_sys::GucContext::PGC_USERSET,
                    pg_sys::GucSource::PGC_S_SESSION,
                    pg_sys::GucAction::GUC_ACTION_SAVE,
                    true,
                    0,
                    false,
                );
            }
            Settings(level)
        }
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // Undone like an abort's: what a function of the caller's has SET meanwhile must not last.
            // SAFETY: the level that `of` opened is the innermost one again.
            unsafe { pg_sys::AtEOXact_GUC(false, self.0) };
        }
    }
}

/// Bounds every wait for a lock until dropped.
pub struct Patience(i32);

impl Patience {
    /// At most so many milliseconds; 0 adds no bound. A shorter bound stays.
    pub fn limit(milliseconds: i32) -> Self {
        // SAFETY: LockTimeout is this backend's variable, read when a wait begins.
        unsafe {
            let former = pg_sys::LockTimeout;
            if milliseconds > 0 && (former == 0 || milliseconds < former) {
                pg_sys::LockTimeout = milliseconds;
            }
            Patience(former)
        }
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        // SAFETY: puts back what was there before, also while an error unwinds.
        unsafe { pg_sys::LockTimeout = self.0 };
    }
}
