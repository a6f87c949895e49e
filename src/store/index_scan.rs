//! Reading rows by key, directly on a table's index.
//!
//! A plan would be made while a table is small or its statistics old, and a sequential scan of a
//! grown ledger at every call would be the end of it. This is always the index, starts in about a
//! microsecond and keeps no row.

use crate::store::relations;
use pgrx::datum::{Array, FromDatum};
use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, c_int};
use std::ops::ControlFlow;
use std::ptr;
use std::rc::Rc;

/// A relation open for reading until dropped. The lock goes with it: a bet that takes its time
/// must not hold up work on tables that it only read.
pub struct Relation(pg_sys::Relation, Closing);

/// What becomes of the lock when a relation is closed.
enum Closing {
    Unlock,
    KeepLock,
}

impl Relation {
    /// Opens it, after taking in what others have changed about it.
    pub fn open(oid: pg_sys::Oid) -> Self {
        // SAFETY: inside a transaction; an error unwinds and its abort closes what is open.
        Relation(
            unsafe { pg_sys::relation_open(oid, pg_sys::AccessShareLock as i32) },
            Closing::Unlock,
        )
    }

    /// Opens it for writing; the lock stays to the end of the transaction.
    pub fn open_for_writing(oid: pg_sys::Oid) -> Self {
        // SAFETY: as above.
        Relation(
            unsafe { pg_sys::relation_open(oid, pg_sys::RowExclusiveLock as i32) },
            Closing::KeepLock,
        )
    }

    /// PostgreSQL's descriptor; valid while `self` lives.
    pub fn as_ptr(&self) -> pg_sys::Relation {
        self.0
    }

    /// Whether it has no page at all.
    pub fn is_empty(&self) -> bool {
        // SAFETY: the relation is open and has storage.
        unsafe {
            pg_sys::RelationGetNumberOfBlocksInFork(self.0, pg_sys::ForkNumber::MAIN_FORKNUM) == 0
        }
    }

    fn oid(&self) -> pg_sys::Oid {
        // SAFETY: the relation is open.
        unsafe { (*self.0).rd_id }
    }
}

impl Drop for Relation {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let lock = match self.1 {
                Closing::Unlock => pg_sys::AccessShareLock,
                Closing::KeepLock => pg_sys::NoLock,
            };
            // SAFETY: opened in `open` or `open_for_writing`, closed only here.
            unsafe { pg_sys::relation_close(self.0, lock as i32) };
        }
    }
}

/// Names of columns, the indexed one first.
pub type Names = &'static [&'static CStr];

/// Where a table has the wanted columns, and the index on the first of them.
struct Layout {
    index: pg_sys::Oid,
    columns: Vec<i16>,
    /// The highest number of a column.
    last: i16,
}

/// Layouts by table and list of names, as of a moment without later changes to any relation.
type Layouts = (u64, HashMap<(pg_sys::Oid, *const &'static CStr), Rc<Layout>>);

thread_local! {
    static LAYOUTS: RefCell<Layouts> = RefCell::default();
}

/// The numbers of a table's columns by their names.
pub fn column_numbers(table: &Relation, names: Names) -> Vec<i16> {
    layout(table, names).columns.clone()
}

fn layout(table: &Relation, names: Names) -> Rc<Layout> {
    let generation = relations::any_generation();
    LAYOUTS.with_borrow_mut(|(of, layouts)| {
        if *of != generation {
            layouts.clear();
            *of = generation;
        }
        let key = (table.oid(), names.as_ptr());
        Rc::clone(layouts.entry(key).or_insert_with(|| Rc::new(find_layout(table, names))))
    })
}

/// Columns are found by name: a partition may have been made apart and attached.
fn find_layout(table: &Relation, names: &[&CStr]) -> Layout {
    // SAFETY: descriptor, name and index list belong to the open relation and have the lengths
    // they state; rd_index is that of an open index.
    unsafe {
        let descriptor = (*table.0).rd_att;
        let attributes = (*descriptor).attrs.as_slice((*descriptor).natts as usize);
        let columns: Vec<i16> = names
            .iter()
            .filter_map(|name| {
                let named = |attribute: &&pg_sys::FormData_pg_attribute| {
                    CStr::from_ptr(attribute.attname.data.as_ptr()) == *name
                };
                attributes.iter().find(named).map(|attribute| attribute.attnum)
            })
            .collect();
        let indexes = pg_sys::RelationGetIndexList(table.0);
        let count = if indexes.is_null() { 0 } else { (*indexes).length as usize };
        for position in 0..count {
            let index = Relation::open((*(*indexes).elements.add(position)).oid_value);
            let form = &*(*index.0).rd_index;
            let first = form.indkey.values.as_slice(1).first();
            let is_plain = form.indisvalid
                && !form.indcheckxmin
                && (*(*index.0).rd_rel).relam == pg_sys::BTREE_AM_OID
                && pg_sys::RelationGetIndexPredicate(index.0).is_null();
            if is_plain && first == columns.first() && columns.len() == names.len() {
                let last = columns.iter().copied().max().unwrap_or(1);
                return Layout { index: index.oid(), columns, last };
            }
        }
        let name = pgrx::name_data_to_str(&(*(*table.0).rd_rel).relname);
        pgrx::error!("table \"{name}\" lacks a column or the index of the jackpot extension");
    }
}

/// A condition on the index's first column.
pub fn key(strategy: u32, comparison: u32, value: pg_sys::Datum) -> pg_sys::ScanKeyData {
    let mut key = pg_sys::ScanKeyData::default();
    // SAFETY: fills the key; `comparison` is a built-in function on the column's type.
    unsafe {
        let comparison = pg_sys::Oid::from(comparison);
        pg_sys::ScanKeyInit(&mut key, 1, strategy as u16, comparison, value);
    }
    key
}

/// The row that a scan stands on. Columns are numbered as the scan named them, from 0; where one
/// may be NULL, ask first.
pub struct Row<'a> {
    slot: *mut pg_sys::TupleTableSlot,
    layout: &'a Layout,
}

impl Row<'_> {
    /// A column of 8 bytes passed by value.
    pub fn long(&self, column: usize) -> i64 {
        self.datum(column).value() as i64
    }

    /// A column of 4 bytes passed by value.
    pub fn int(&self, column: usize) -> i32 {
        self.datum(column).value() as i32
    }

    /// An array of int or bigint without NULL elements.
    pub fn array<T: Copy>(&self, column: usize) -> Vec<T>
    where
        for<'a> Array<'a, T>: FromDatum + AsSlice<T>,
    {
        // SAFETY: the caller names a column of that type; what detoasting takes is in the scan's
        // own memory and is copied out.
        unsafe { Array::<T>::from_datum(self.datum(column), false) }
            .and_then(|array| array.elements().map(<[T]>::to_vec))
            .unwrap_or_else(|| pgrx::error!("an array of the ledger holds NULL"))
    }

    /// Whether a column is NULL.
    pub fn is_null(&self, column: usize) -> bool {
        let place = self.place(column);
        // SAFETY: as in `place`.
        unsafe { *(*self.slot).tts_isnull.add(place) }
    }

    fn datum(&self, column: usize) -> pg_sys::Datum {
        let place = self.place(column);
        // SAFETY: as in `place`.
        unsafe { *(*self.slot).tts_values.add(place) }
    }

    /// Where the slot has a column, which is valid there from now on.
    fn place(&self, column: usize) -> usize {
        let number = self.layout.columns.get(column).copied().unwrap_or(1);
        // SAFETY: the slot holds a row of the table, which has these columns. At first they are
        // taken apart only as far as asked for, which is enough for most rows; then all at once.
        unsafe {
            let valid = (*self.slot).tts_nvalid;
            if valid < number {
                let up_to = if valid == 0 { number } else { self.layout.last };
                pg_sys::slot_getsomeattrs_int(self.slot, c_int::from(up_to));
            }
        }
        number as usize - 1
    }
}

/// Arrays whose elements lie side by side in memory.
pub trait AsSlice<T> {
    /// All elements; `None` when some are NULL.
    fn elements(&self) -> Option<&[T]>;
}

impl AsSlice<i32> for Array<'_, i32> {
    fn elements(&self) -> Option<&[i32]> {
        self.as_slice().ok()
    }
}

impl AsSlice<i64> for Array<'_, i64> {
    fn elements(&self) -> Option<&[i64]> {
        self.as_slice().ok()
    }
}

/// Rows between two clean-ups of the memory that reading them took.
const ROWS_AT_ONCE: u32 = 1_000;

/// Calls `each` with every row that the active snapshot shows under any of the conditions, which
/// must exclude one another. The first of the names is the indexed column.
pub fn scan(
    table: &Relation,
    names: Names,
    conditions: &[&[pg_sys::ScanKeyData]],
    mut each: impl FnMut(&Row<'_>),
) {
    scan_while(table, names, conditions, |row| {
        each(row);
        ControlFlow::Continue(())
    });
}

/// As [`scan`], condition by condition and in the order of the index, until `each` breaks off.
pub fn scan_while(
    table: &Relation,
    names: Names,
    conditions: &[&[pg_sys::ScanKeyData]],
    mut each: impl FnMut(&Row<'_>) -> ControlFlow<()>,
) {
    let layout = layout(table, names);
    let index = Relation::open(layout.index);
    let mut scratch = PgMemoryContexts::new("jackpot index scan");
    // SAFETY: table and index are open and belong together; the snapshot is active for the whole
    // scan; slot and scan are released below, or by the abort of the transaction.
    unsafe {
        let slot = pg_sys::table_slot_create(table.0, ptr::null_mut());
        let snapshot = pg_sys::GetActiveSnapshot();
        let mut rows = 0u32;
        let row = Row { slot, layout: &layout };
        let mut flow = ControlFlow::Continue(());
        for keys in conditions {
            if flow.is_break() {
                break;
            }
            let count = keys.len() as c_int;
            let scan = pg_sys::index_beginscan(table.0, index.0, snapshot, count, 0);
            pg_sys::index_rescan(scan, keys.as_ptr().cast_mut(), count, ptr::null_mut(), 0);
            while pg_sys::index_getnext_slot(
                scan,
                pg_sys::ScanDirection::ForwardScanDirection,
                slot,
            ) {
                flow = scratch.switch_to(|_| each(&row));
                if flow.is_break() {
                    break;
                }
                rows += 1;
                if rows.is_multiple_of(ROWS_AT_ONCE) {
                    scratch.reset();
                    pgrx::check_for_interrupts!();
                }
            }
            pg_sys::index_endscan(scan);
        }
        pg_sys::ExecDropSingleTupleTableSlot(slot);
    }
}
