//! SQL statements with plans kept for the life of the backend.
//!
//! pgrx's own SPI client assigns a transaction id to whatever may write and reads on a stale
//! snapshot what may not; here each call says which snapshot it means, and reading costs no
//! transaction id, so that it works on a standby.

use pgrx::datum::{FromDatum, IntoDatum};
use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::CString;
use std::ptr;

/// One statement. Its plan is generic, made at the first use and kept; PostgreSQL makes it anew
/// when what it speaks of has changed.
pub struct Statement {
    sql: &'static str,
    types: &'static [pg_sys::Oid],
    plan: Cell<pg_sys::SPIPlanPtr>,
}

/// An argument as SPI takes it.
pub type Argument = Option<pg_sys::Datum>;

/// Converts a value to an argument in the current memory context.
pub fn argument<T: IntoDatum>(value: T) -> Argument {
    value.into_datum()
}

/// An array argument of int or bigint elements. PostgreSQL's own constructor: it is on the path
/// of every bet.
pub fn array(values: impl Iterator<Item = i64>, element: pg_sys::Oid) -> Argument {
    let mut datums: Vec<pg_sys::Datum> = values.map(pg_sys::Datum::from).collect();
    let (size, alignment) = match element {
        pg_sys::INT4OID => (4, pg_sys::TYPALIGN_INT),
        _ => (8, pg_sys::TYPALIGN_DOUBLE),
    };
    // SAFETY: both types are passed by value with that size and alignment; the elements are
    // copied into the array.
    let array = unsafe {
        pg_sys::construct_array(
            datums.as_mut_ptr(),
            datums.len() as i32,
            element,
            size,
            true,
            alignment as std::ffi::c_char,
        )
    };
    Some(pg_sys::Datum::from(array))
}

impl Statement {
    /// A statement with parameters of these types.
    pub const fn new(sql: &'static str, types: &'static [pg_sys::Oid]) -> Self {
        Statement { sql, types, plan: Cell::new(ptr::null_mut()) }
    }

    /// Runs it on the active snapshot, writing nothing.
    pub fn read(&self, arguments: &[Argument]) -> Rows {
        self.execute(arguments, ptr::null_mut(), true)
    }

    /// Runs it on a snapshot of its own, as the isolation level has it: under READ COMMITTED it
    /// sees all that has committed by now. It may lock and write.
    pub fn write(&self, arguments: &[Argument]) -> Rows {
        self.execute(arguments, ptr::null_mut(), false)
    }

    /// Runs it on the active snapshot; it may write.
    pub fn write_on_active_snapshot(&self, arguments: &[Argument]) -> Rows {
        // SAFETY: the caller holds an active snapshot; SPI copies it before use.
        let snapshot = unsafe { pg_sys::GetActiveSnapshot() };
        self.execute(arguments, snapshot, false)
    }

    fn bind(&self, arguments: &[Argument]) -> (Vec<pg_sys::Datum>, Vec<std::ffi::c_char>) {
        assert_eq!(arguments.len(), self.types.len(), "{}", self.sql);
        arguments
            .iter()
            .map(|argument| match argument {
                Some(datum) => (*datum, b' ' as std::ffi::c_char),
                None => (pg_sys::Datum::null(), b'n' as std::ffi::c_char),
            })
            .unzip()
    }

    fn execute(&self, arguments: &[Argument], snapshot: pg_sys::Snapshot, read_only: bool) -> Rows {
        let (mut values, nulls) = self.bind(arguments);
        // SAFETY: an SPI connection is open (every path here runs inside `Connection`), the plan
        // was prepared for as many parameters as are passed, and both arrays outlive the call.
        unsafe {
            let code = pg_sys::SPI_execute_snapshot(
                self.plan(),
                values.as_mut_ptr(),
                nulls.as_ptr(),
                snapshot,
                ptr::null_mut(),
                read_only,
                true,
                0,
            );
            if code < 0 {
                pgrx::error!("SPI failed with {code}: {}", self.sql);
            }
            Rows { table: pg_sys::SPI_tuptable, processed: pg_sys::SPI_processed }
        }
    }

    fn plan(&self) -> pg_sys::SPIPlanPtr {
        if self.plan.get().is_null() {
            let Ok(sql) = CString::new(self.sql) else {
                pgrx::error!("a statement holds a NUL byte: {}", self.sql);
            };
            // SAFETY: an SPI connection is open; the types are as many as passed and SPI only
            // reads them. A kept plan lives until the backend ends.
            unsafe {
                let plan = pg_sys::SPI_prepare_cursor(
                    sql.as_ptr(),
                    self.types.len() as i32,
                    self.types.as_ptr().cast_mut(),
                    pg_sys::CURSOR_OPT_GENERIC_PLAN as i32,
                );
                if plan.is_null() || pg_sys::SPI_keepplan(plan) != 0 {
                    pgrx::error!("SPI could not prepare: {}", self.sql);
                }
                self.plan.set(plan);
            }
        }
        self.plan.get()
    }
}

/// Runs one statement that is not worth a plan, such as DDL.
pub fn run(sql: &str) {
    query(sql);
}

/// Runs one statement that is planned for what the tables hold now.
pub fn query(sql: &str) -> Rows {
    let Ok(text) = CString::new(sql) else {
        pgrx::error!("a statement holds a NUL byte: {sql}");
    };
    // SAFETY: an SPI connection is open.
    unsafe {
        let code = pg_sys::SPI_execute(text.as_ptr(), false, 0);
        if code < 0 {
            pgrx::error!("SPI failed with {code}: {sql}");
        }
        Rows { table: pg_sys::SPI_tuptable, processed: pg_sys::SPI_processed }
    }
}

/// What a statement returned.
pub struct Rows {
    table: *mut pg_sys::SPITupleTable,
    processed: u64,
}

impl Rows {
    /// How many rows were returned or changed.
    pub fn count(&self) -> u64 {
        self.processed
    }

    /// Calls `each` with every row.
    pub fn each(&self, mut each: impl FnMut(Row<'_>)) {
        for index in 0..self.len() {
            each(Row { rows: self, index });
        }
    }

    /// The first row, if there is one.
    pub fn first(&self) -> Option<Row<'_>> {
        (self.len() > 0).then_some(Row { rows: self, index: 0 })
    }

    fn len(&self) -> u64 {
        if self.table.is_null() { 0 } else { self.processed }
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        // During an unwinding error SPI's own clean-up frees the table.
        if !self.table.is_null() && !std::thread::panicking() {
            // SAFETY: the table came from the SPI call that made `self` and is freed only here.
            unsafe { pg_sys::SPI_freetuptable(self.table) };
        }
    }
}

/// One row of a result.
pub struct Row<'a> {
    rows: &'a Rows,
    index: u64,
}

impl Row<'_> {
    /// A column, counted from 1, that may be NULL.
    pub fn get<T: FromDatum>(&self, column: i32) -> Option<T> {
        // SAFETY: `index` is below the number of rows of a live tuple table, and the type asked
        // for is the one that the statement's text gives the column.
        unsafe {
            let table = &*self.rows.table;
            let tuple = *table.vals.add(self.index as usize);
            let mut is_null = false;
            let datum = pg_sys::SPI_getbinval(tuple, table.tupdesc, column, &mut is_null);
            T::from_datum(datum, is_null)
        }
    }

    /// A column, counted from 1, that the schema says is never NULL.
    pub fn need<T: FromDatum>(&self, column: i32) -> T {
        match self.get(column) {
            Some(value) => value,
            None => pgrx::error!("column {column} of a jackpot statement is unexpectedly null"),
        }
    }
}

impl Row<'_> {
    /// A whole number of any size, which the statement gives as text.
    pub fn whole(&self, column: i32) -> i128 {
        let text: String = self.need(column);
        text.parse()
            .unwrap_or_else(|_| pgrx::error!("column {column} holds {text}, not a whole number"))
    }
}

/// An open connection to SPI. Statements can run while it lives.
pub struct Connection(());

impl Connection {
    /// Opens it.
    pub fn open() -> Self {
        // SAFETY: called in a backend inside a transaction; closed by `drop`, or by the abort of
        // the (sub)transaction when an error unwinds.
        unsafe { pg_sys::SPI_connect() };
        Connection(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: the connection that `open` made is the innermost one again.
            unsafe { pg_sys::SPI_finish() };
        }
    }
}

/// A query whose rows are taken some at a time.
pub struct Cursor(pg_sys::Portal);

impl Cursor {
    /// Opens it, with the rights of whoever is acting now.
    pub fn open(sql: &str) -> Self {
        let Ok(text) = CString::new(sql) else {
            pgrx::error!("a statement holds a NUL byte: {sql}");
        };
        // SAFETY: an SPI connection and a snapshot are open; without parameters the arrays are not
        // looked at. SPI raises PostgreSQL's errors.
        Cursor(unsafe {
            pg_sys::SPI_cursor_open_with_args(
                ptr::null(),
                text.as_ptr(),
                0,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null(),
                true,
                pg_sys::CURSOR_OPT_NO_SCROLL as i32,
            )
        })
    }

    /// So many rows more; fewer at the end.
    pub fn fetch(&mut self, rows: usize) -> Rows {
        let rows = std::ffi::c_long::try_from(rows).unwrap_or(std::ffi::c_long::MAX);
        // SAFETY: the portal was opened by `open` and is closed by `drop`.
        unsafe {
            pg_sys::SPI_cursor_fetch(self.0, true, rows);
            Rows { table: pg_sys::SPI_tuptable, processed: pg_sys::SPI_processed }
        }
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: opened by `open` and closed only here; an abort closes it by itself.
            unsafe { pg_sys::SPI_cursor_close(self.0) };
        }
    }
}

/// Declares statements: `statements! { static NAME(types) = "sql"; }`, one plan a backend each.
macro_rules! statements {
    ($($(#[$meta:meta])* static $name:ident($($type:ident),*) = $sql:expr;)*) => {
        $(thread_local! {
            $(#[$meta])*
            static $name: $crate::store::statement::Statement =
                const { $crate::store::statement::Statement::new($sql, &[$(pgrx::pg_sys::$type),*]) };
        })*
    };
}
pub(crate) use statements;
