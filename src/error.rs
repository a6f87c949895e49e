//! From the core's refusals to PostgreSQL's errors.

use jackpot_core::{Error, Token};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// The standard SQLSTATE of each token. pgrx turns unknown codes into XX000, so none is invented.
pub fn sqlstate(token: Token) -> PgSqlErrorCode {
    match token {
        Token::UnknownPool => PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
        Token::PoolExists => PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
        Token::InvalidArgument => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        Token::NullArgument => PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
        Token::InsufficientFunds => PgSqlErrorCode::ERRCODE_CHECK_VIOLATION,
        Token::PoolNotActive => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        Token::UnknownWin | Token::UnknownItem | Token::UnknownMigration => {
            PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT
        }
        Token::WinState
        | Token::NextCycleOnly
        | Token::OperationVoided
        | Token::OperationWon
        | Token::ItemState
        | Token::MigrationInUse
        | Token::MigrationState
        | Token::NotPreloaded => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        Token::RateLimited | Token::QueueFull => {
            PgSqlErrorCode::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED
        }
        Token::NoExchangeRate => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        Token::OperationMismatch => PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION,
        Token::VersionConflict => PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
        Token::LockTimeout => PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
        Token::AmountOutOfRange => PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
        Token::BooksDiffer => PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
    }
}

/// The five characters of a SQLSTATE, which PostgreSQL packs into six bits each.
pub fn sqlstate_text(code: PgSqlErrorCode) -> String {
    let code = code as u32;
    (0..5).map(|place| char::from((((code >> (6 * place)) & 0x3F) as u8) + b'0')).collect()
}

/// The error as a client sees it: the token stands first in DETAIL.
pub fn report(error: Error) -> ErrorReport {
    let detail = format!("{}: {}", error.token.as_str(), error.detail);
    let report =
        ErrorReport::new(sqlstate(error.token), error.message, "jackpot").set_detail(detail);
    match error.hint {
        Some(hint) => report.set_hint(hint),
        None => report,
    }
}

/// The value of a required argument; 22004 when it is NULL.
pub fn required<T>(name: &str, value: Option<T>) -> Result<T, Error> {
    value.ok_or_else(|| {
        Error::new(
            Token::NullArgument,
            format!("{name} must not be null"),
            format!("{name} is required"),
        )
    })
}
