//! Inserting rows without a plan, through the same functions that COPY calls: the table's access
//! method and its indexes. WAL, logical decoding, unique checks and locks are the same. Tables with
//! triggers, checks or defaults are left to the executor.

use crate::store::index_scan::{Names, Relation, column_numbers};
use crate::store::statement::Argument;
use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys;
use std::ptr;

/// Rows that are made, and written to a table, at a time.
const ROWS_AT_ONCE: usize = 500;

/// Inserts rows of these columns; false, without taking one, if inserting fires triggers, or the table has
/// other columns, or constraints and defaults beyond NOT NULL.
pub fn insert<const COLUMNS: usize>(
    table: pg_sys::Oid,
    names: Names,
    mut rows: impl Iterator<Item = [Argument; COLUMNS]>,
) -> bool {
    let table = Relation::open_for_writing(table);
    if !is_plain(&table, names) {
        return false;
    }
    let columns = column_numbers(&table, names);
    let mut scratch = PgMemoryContexts::new("jackpot direct insert");
    let mut target = Target::open(&table);
    loop {
        // SAFETY: nothing that is made there is used after the reset: rows are written by then.
        let written = unsafe {
            let written = scratch.switch_to(|_| {
                let rows: Vec<_> = rows.by_ref().take(ROWS_AT_ONCE).collect();
                target.fill(&columns, &rows);
                target.write();
                rows.len()
            });
            scratch.reset();
            written
        };
        if written < ROWS_AT_ONCE {
            break;
        }
        pgrx::check_for_interrupts!();
    }
    target.close();
    true
}

fn is_plain(relation: &Relation, names: Names) -> bool {
    // SAFETY: the relation is open, and its descriptor with it.
    unsafe {
        let table = &*relation.as_ptr();
        let descriptor = &*table.rd_att;
        (*table.rd_rel).relam == pg_sys::HEAP_TABLE_AM_OID
            && !fires_on_insert(relation)
            && descriptor.natts as usize == names.len()
            && descriptor
                .constr
                .as_ref()
                .is_none_or(|constraints| constraints.num_check == 0 && constraints.num_defval == 0)
    }
}

/// Whether inserting into the table fires triggers of its own.
pub fn fires_on_insert(table: &Relation) -> bool {
    // SAFETY: the relation is open, and what describes its triggers with it.
    let triggers = unsafe { (*table.as_ptr()).trigdesc.as_ref() };
    triggers.is_some_and(|triggers| {
        triggers.trig_insert_before_row
            || triggers.trig_insert_after_row
            || triggers.trig_insert_instead_row
            || triggers.trig_insert_before_statement
            || triggers.trig_insert_after_statement
            || triggers.trig_insert_new_table
    })
}

/// A table with its indexes, open for inserting, and the rows that go there next. What it holds is
/// freed by `close`, or with its memory context when an error unwinds.
struct Target<'a> {
    table: &'a Relation,
    indexes: pg_sys::ResultRelInfo,
    state: *mut pg_sys::EState,
    slots: Vec<*mut pg_sys::TupleTableSlot>,
    filled: usize,
    /// Where slots are made: they outlive the rows.
    context: pg_sys::MemoryContext,
}

impl<'a> Target<'a> {
    fn open(table: &'a Relation) -> Self {
        let mut indexes =
            pg_sys::ResultRelInfo { type_: pg_sys::NodeTag::T_ResultRelInfo, ..Default::default() };
        // SAFETY: the relation is open and locked for writing to the end of the transaction.
        let (state, context) = unsafe {
            pg_sys::InitResultRelInfo(&mut indexes, table.as_ptr(), 1, ptr::null_mut(), 0);
            pg_sys::ExecOpenIndices(&mut indexes, false);
            (pg_sys::CreateExecutorState(), pg_sys::CurrentMemoryContext)
        };
        Target { table, indexes, state, slots: Vec::new(), filled: 0, context }
    }

    /// Puts rows into slots. What they point to must live until they are written.
    fn fill<const COLUMNS: usize>(&mut self, columns: &[i16], rows: &[[Argument; COLUMNS]]) {
        while self.slots.len() < rows.len() {
            // SAFETY: the relation is open; the context is the one in which `self` was made.
            unsafe {
                let context = pg_sys::MemoryContextSwitchTo(self.context);
                self.slots.push(pg_sys::table_slot_create(self.table.as_ptr(), ptr::null_mut()));
                pg_sys::MemoryContextSwitchTo(context);
            }
        }
        self.filled = rows.len();
        for (slot, row) in self.slots.iter().zip(rows) {
            // SAFETY: a slot has as many places as the table has columns, and the numbers are the
            // table's.
            unsafe {
                pg_sys::ExecStoreAllNullTuple(*slot);
                for (number, value) in columns.iter().zip(row) {
                    let place = *number as usize - 1;
                    match value {
                        Some(value) => {
                            *(**slot).tts_values.add(place) = *value;
                            *(**slot).tts_isnull.add(place) = false;
                        }
                        None => self.refuse_null(place),
                    }
                }
            }
        }
    }

    /// 23502 where the table's owner wants no NULL.
    fn refuse_null(&self, place: usize) {
        // SAFETY: the relation is open, and its descriptor has that place.
        let column = unsafe {
            let descriptor = &*(*self.table.as_ptr()).rd_att;
            descriptor.attrs.as_slice(descriptor.natts as usize).get(place)
        };
        if let Some(column) = column.filter(|column| column.attnotnull) {
            let name = pgrx::name_data_to_str(&column.attname);
            pgrx::ereport!(
                pgrx::PgLogLevel::ERROR,
                pgrx::PgSqlErrorCode::ERRCODE_NOT_NULL_VIOLATION,
                format!("null value in column \"{name}\" violates not-null constraint")
            );
        }
    }

    /// Writes what the slots hold.
    fn write(&mut self) {
        // SAFETY: the slots were filled for this table; heap_multi_insert tells each where its row
        // has come to lie, and the entries of the indexes are made from there.
        unsafe {
            pg_sys::heap_multi_insert(
                self.table.as_ptr(),
                self.slots.as_mut_ptr(),
                self.filled as i32,
                pg_sys::GetCurrentCommandId(true),
                0,
                ptr::null_mut(),
            );
            for slot in self.slots.iter().take(self.filled) {
                pg_sys::ExecInsertIndexTuples(
                    &mut self.indexes,
                    *slot,
                    self.state,
                    false,
                    false,
                    ptr::null_mut(),
                    ptr::null_mut(),
                );
                pg_sys::ExecStoreAllNullTuple(*slot);
            }
        }
    }

    fn close(mut self) {
        // SAFETY: all of it was made by `open` and `fill`, and is not used again.
        unsafe {
            pg_sys::ExecCloseIndices(&mut self.indexes);
            for slot in self.slots {
                pg_sys::ExecDropSingleTupleTableSlot(slot);
            }
            pg_sys::FreeExecutorState(self.state);
        }
    }
}
