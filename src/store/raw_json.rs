//! jsonb as PostgreSQL has it: carried from argument to row without being parsed, so that neither
//! its depth nor its size matters.

use pgrx::callconv::{Arg, ArgAbi};
use pgrx::datum::{Datum, FromDatum, IntoDatum, UnboxDatum};
use pgrx::pg_sys;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{direct_function_call, direct_function_call_as_datum};
use std::ffi::{CStr, CString};

/// A jsonb value. It lives as long as the memory context in which it was made or received.
#[derive(Clone, Copy, Debug)]
pub struct RawJson(pg_sys::Datum);

impl RawJson {
    /// From text that is JSON; PostgreSQL's error (22P02 and others) where it is not.
    pub fn parse(text: &str) -> Self {
        let Ok(text) = CString::new(text) else {
            pgrx::error!("a JSON text holds a NUL byte");
        };
        // SAFETY: jsonb_in takes a NUL-terminated text, which lives during the call.
        let value = unsafe {
            let text = pg_sys::Datum::from(text.as_ptr());
            direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(text)])
        };
        value.map_or_else(|| pgrx::error!("jsonb_in gave no value"), RawJson)
    }

    /// As text.
    pub fn text(&self) -> String {
        // SAFETY: the datum is a jsonb; the text is copied.
        unsafe {
            let text = direct_function_call::<&CStr>(pg_sys::jsonb_out, &[Some(self.0)]);
            text.map_or_else(String::new, |text| text.to_string_lossy().into_owned())
        }
    }

    /// Its bytes, which are the same for equal values written alike.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the datum is a jsonb that is not toasted and lives as long as `self` is used.
        unsafe {
            let value = self.0.cast_mut_ptr::<pg_sys::varlena>();
            let length = pgrx::varsize_any_exhdr(value);
            std::slice::from_raw_parts(pgrx::vardata_any(value).cast(), length)
        }
    }
}

impl FromDatum for RawJson {
    unsafe fn from_polymorphic_datum(
        datum: pg_sys::Datum,
        is_null: bool,
        _type: pg_sys::Oid,
    ) -> Option<Self> {
        // A copy: what it came from may be freed earlier. SAFETY: a jsonb, by the caller's promise.
        let copy = |datum: pg_sys::Datum| unsafe {
            RawJson(pg_sys::Datum::from(pg_sys::pg_detoast_datum_copy(datum.cast_mut_ptr())))
        };
        (!is_null).then(|| copy(datum))
    }
}

impl IntoDatum for RawJson {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(self.0)
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

// SAFETY: an element of a jsonb array is a jsonb; it is copied.
unsafe impl UnboxDatum for RawJson {
    type As<'src> = RawJson;

    unsafe fn unbox<'src>(datum: Datum<'src>) -> RawJson
    where
        Self: 'src,
    {
        // SAFETY: as above.
        unsafe {
            let copy = pg_sys::pg_detoast_datum_copy(datum.sans_lifetime().cast_mut_ptr());
            RawJson(pg_sys::Datum::from(copy))
        }
    }
}

// SAFETY: an argument declared as jsonb.
unsafe impl<'fcx> ArgAbi<'fcx> for RawJson {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as above.
        unsafe { arg.unbox_arg_using_from_datum() }
            .unwrap_or_else(|| pgrx::error!("an argument is unexpectedly null"))
    }
}

// SAFETY: the SQL type is the one whose datums are taken.
unsafe impl SqlTranslatable for RawJson {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(RawJson);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("jsonb"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("jsonb")));
}
