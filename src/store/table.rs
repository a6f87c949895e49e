//! The rows of a function, handed over all at once: asked for one by one, PostgreSQL would call the
//! function once more for each of them and work out their type anew.

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{IntoHeapTuple, iter, pg_sys};
use std::marker::PhantomData;

/// What a function `RETURNS TABLE`. It bears the name by which pgrx knows what that is.
pub struct TableIterator<'a, Row>(Vec<Row>, PhantomData<&'a ()>);

impl<Row> TableIterator<'_, Row> {
    /// From all its rows.
    pub fn new(rows: Vec<Row>) -> Self {
        TableIterator(rows, PhantomData)
    }
}

// SAFETY: in SQL it is what pgrx's own is.
unsafe impl<'a, Row> SqlTranslatable for TableIterator<'a, Row>
where
    iter::TableIterator<'a, Row>: SqlTranslatable,
{
    const TYPE_IDENT: &'static str = iter::TableIterator::<'a, Row>::TYPE_IDENT;
    const TYPE_ORIGIN: TypeOrigin = iter::TableIterator::<'a, Row>::TYPE_ORIGIN;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> =
        iter::TableIterator::<'a, Row>::ARGUMENT_SQL;
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = iter::TableIterator::<'a, Row>::RETURN_SQL;
}

// SAFETY: the rows are of the type that the function's declaration, made from the same type, gives
// to the caller's descriptor.
unsafe impl<Row: IntoHeapTuple> BoxRet for TableIterator<'_, Row> {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        // SAFETY: InitMaterializedSRF refuses callers that want no set; from then on the result has
        // its store and descriptor.
        unsafe {
            let call = fcinfo.as_mut_ptr();
            pg_sys::InitMaterializedSRF(call, pg_sys::MAT_SRF_USE_EXPECTED_DESC);
            let result = &*(*call).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            for row in self.0 {
                let tuple = row.into_heap_tuple(result.setDesc);
                pg_sys::tuplestore_puttuple(result.setResult, tuple);
            }
        }
        fcinfo.return_null()
    }
}
