//! Inserting a row without a plan, through the same functions that the executor calls: the table's
//! access method and its indexes. WAL, logical decoding, unique checks and locks are the same;
//! constraints and triggers are not looked at, so it is for rows that are right by construction
//! and tables without triggers.

use crate::store::index_scan::{Names, Relation, column_numbers};
use crate::store::statement::Argument;
use pgrx::pg_sys;
use std::ptr;

/// Inserts a row of these columns; false, without doing anything, if the table has triggers, other
/// columns, or constraints and defaults beyond NOT NULL.
pub fn insert(table: pg_sys::Oid, names: Names, values: &[Argument]) -> bool {
    let table = Relation::open_for_writing(table);
    let columns = column_numbers(&table, names);
    // SAFETY: the relation is open and locked for writing to the end of the transaction; the slot
    // has as many places as the table has columns, and the numbers are the table's; the state of
    // the executor is freed below, or with its memory context when an error unwinds.
    unsafe {
        let descriptor = (*table.as_ptr()).rd_att;
        let constraints = (*descriptor).constr.as_ref();
        if !(*table.as_ptr()).trigdesc.is_null()
            || (*descriptor).natts as usize != names.len()
            || constraints
                .is_some_and(|constraints| constraints.num_check > 0 || constraints.num_defval > 0)
        {
            return false;
        }
        let slot = pg_sys::table_slot_create(table.as_ptr(), ptr::null_mut());
        pg_sys::ExecStoreAllNullTuple(slot);
        for (number, value) in columns.iter().zip(values) {
            let place = *number as usize - 1;
            if let Some(value) = value {
                *(*slot).tts_values.add(place) = *value;
                *(*slot).tts_isnull.add(place) = false;
            }
        }
        let state = pg_sys::CreateExecutorState();
        let mut target =
            pg_sys::ResultRelInfo { type_: pg_sys::NodeTag::T_ResultRelInfo, ..Default::default() };
        pg_sys::InitResultRelInfo(&mut target, table.as_ptr(), 1, ptr::null_mut(), 0);
        pg_sys::ExecOpenIndices(&mut target, false);
        pg_sys::simple_table_tuple_insert(table.as_ptr(), slot);
        pg_sys::ExecInsertIndexTuples(
            &mut target,
            slot,
            state,
            false,
            false,
            ptr::null_mut(),
            ptr::null_mut(),
        );
        pg_sys::ExecCloseIndices(&mut target);
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        pg_sys::FreeExecutorState(state);
    }
    true
}
