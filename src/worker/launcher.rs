//! The launcher: sees to it that each database that is to have a worker has one. It is connected to
//! no database, so it knows of no extension: a worker that finds none goes away.

use crate::shmem::{metrics, ticker, workers};
use crate::store::session::clock;
use crate::worker::{handle_signals, is_listed, wait};
use pgrx::bgworkers::{BackgroundWorkerBuilder, BgWorkerStartTime, DynamicBackgroundWorker};
use pgrx::{pg_guard, pg_sys};
use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};

/// How long a database without a worker is left alone, unless its sessions ask for one.
const MICROSECONDS_BETWEEN_PROBES: i64 = 60_000_000;
/// How soon a worker is started again.
const MICROSECONDS_BETWEEN_STARTS: i64 = 5_000_000;
/// How often the launcher looks up by itself.
const MILLISECONDS_BETWEEN_LOOKS: i64 = 1_000;

/// A worker that was started.
struct Started {
    worker: DynamicBackgroundWorker,
    at: i64,
}

/// The launcher's whole life.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn jackpot_launcher_main(_argument: pg_sys::Datum) {
    handle_signals();
    // SAFETY: once, at the start of the process; no database and the bootstrap superuser.
    unsafe {
        pg_sys::BackgroundWorkerInitializeConnectionByOid(
            pg_sys::InvalidOid,
            pg_sys::InvalidOid,
            0,
        );
    }
    workers::announce_launcher();
    let mut started: HashMap<pg_sys::Oid, Started> = HashMap::new();
    let mut names = databases();
    let mut read_at = clock();
    loop {
        let wanted = workers::wanted();
        for (database, name) in &names {
            if name.is_open && is_listed(&name.name, name.is_template) {
                start(*database, wanted.contains(database), &mut started);
            }
        }
        let is_reloaded = wait(MILLISECONDS_BETWEEN_LOOKS, true);
        let wanted = workers::wanted();
        let is_unknown = wanted.iter().any(|database| !names.contains_key(database));
        if is_reloaded || is_unknown || clock() - read_at > MICROSECONDS_BETWEEN_STARTS {
            names = databases();
            read_at = clock();
            started.retain(|database, _| names.contains_key(database));
            workers::keep(|database| names.contains_key(&database));
            metrics::board::keep(|database| names.contains_key(&database));
            metrics::keep_databases(|database| names.contains_key(&database));
            ticker::keep(|database| names.contains_key(&database));
        }
    }
}

/// Starts the worker of a database if it is not there and it is time.
fn start(database: pg_sys::Oid, is_wanted: bool, started: &mut HashMap<pg_sys::Oid, Started>) {
    let now = clock();
    if let Some(known) = started.get(&database) {
        let is_over = !matches!(
            known.worker.pid(),
            Ok(_) | Err(pgrx::bgworkers::BackgroundWorkerStatus::NotYetStarted)
        );
        let patience = if is_wanted || workers::is_missed(database) {
            MICROSECONDS_BETWEEN_STARTS
        } else {
            MICROSECONDS_BETWEEN_PROBES
        };
        if !is_over || now - known.at < patience {
            return;
        }
    }
    // SAFETY: a variable of this process.
    let own_pid = unsafe { pg_sys::MyProcPid };
    let worker = BackgroundWorkerBuilder::new("jackpot worker")
        .set_library("jackpot")
        .set_function("jackpot_worker_main")
        .enable_spi_access()
        .set_start_time(BgWorkerStartTime::RecoveryFinished)
        .set_restart_time(None)
        .set_argument(Some(pg_sys::Datum::from(database)))
        .set_notify_pid(own_pid)
        .load_dynamic();
    // Where max_worker_processes is used up, it is tried again at the next look.
    match worker {
        Ok(worker) => {
            started.insert(database, Started { worker, at: now });
        }
        Err(_) => complain(now),
    }
}

/// Says, once a minute, that there is no room for a worker.
fn complain(now: i64) {
    thread_local! {
        static COMPLAINED: Cell<i64> = const { Cell::new(i64::MIN) };
    }
    if now.saturating_sub(COMPLAINED.get()) > MICROSECONDS_BETWEEN_PROBES {
        COMPLAINED.set(now);
        pgrx::warning!("max_worker_processes leaves no room for a jackpot worker");
    }
}

/// A database's name, and whether it is a template.
struct Name {
    name: CString,
    is_template: bool,
    /// Whether it can be connected to.
    is_open: bool,
}

/// All databases.
fn databases() -> HashMap<pg_sys::Oid, Name> {
    let mut found = HashMap::new();
    // SAFETY: the way of PostgreSQL's own launchers: in a transaction a scan of the one catalogue
    // that all databases share, whose rows begin with FormData_pg_database.
    unsafe {
        pg_sys::StartTransactionCommand();
        let snapshot = pg_sys::GetTransactionSnapshot();
        pg_sys::PushActiveSnapshot(snapshot);
        let catalogue =
            pg_sys::table_open(pg_sys::DatabaseRelationId, pg_sys::AccessShareLock as i32);
        let scan = pg_sys::table_beginscan_catalog(catalogue, 0, std::ptr::null_mut());
        loop {
            let tuple = pg_sys::heap_getnext(scan, pg_sys::ScanDirection::ForwardScanDirection);
            if tuple.is_null() {
                break;
            }
            let row = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_database>();
            let name = CStr::from_ptr(row.datname.data.as_ptr()).to_owned();
            let (is_template, is_open) = (row.datistemplate, row.datallowconn);
            found.insert(row.oid, Name { name, is_template, is_open });
        }
        pg_sys::heap_endscan(scan);
        pg_sys::table_close(catalogue, pg_sys::AccessShareLock as i32);
        pg_sys::PopActiveSnapshot();
        pg_sys::CommitTransactionCommand();
    }
    found
}
