//! What can be refused, and the stable token by which a program recognises it.

use std::fmt;

/// The stable token that stands first in an error's DETAIL. A program matches on it; the wording
/// of the message may change, the token may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// SQLSTATE 42704: no pool of that name.
    UnknownPool,
    /// SQLSTATE 42710: a pool of that name exists already.
    PoolExists,
    /// SQLSTATE 22023: an argument or configuration value outside its domain.
    InvalidArgument,
    /// SQLSTATE 22004: a required argument is NULL.
    NullArgument,
    /// SQLSTATE 23514: a win above what is payable.
    InsufficientFunds,
    /// SQLSTATE 55000: the pool is paused or retired.
    PoolNotActive,
    /// SQLSTATE 42704: no win of that number.
    UnknownWin,
    /// SQLSTATE 55000: the win is not in a state in which that can be done.
    WinState,
    /// SQLSTATE 55000: under regulation the change must wait for the next cycle.
    NextCycleOnly,
    /// SQLSTATE 22023: no exchange rate into the currency of a pool that was named.
    NoExchangeRate,
    /// SQLSTATE 55000: the `operation_id` was voided.
    OperationVoided,
    /// SQLSTATE 55000: the operation won, and its win was not cancelled.
    OperationWon,
    /// SQLSTATE 23505: the same `operation_id` with different arguments.
    OperationMismatch,
    /// SQLSTATE 40001: the expected version or cycle differs, or retries are used up.
    VersionConflict,
    /// SQLSTATE 55P03: a lock was not had in time.
    LockTimeout,
    /// SQLSTATE 22003: an amount that does not fit a bigint of micros.
    AmountOutOfRange,
    /// SQLSTATE 42704: nothing of that number was enqueued or refused.
    UnknownItem,
    /// SQLSTATE 55000: the item is not in a state in which that can be done.
    ItemState,
    /// SQLSTATE 53400: more calls than a rate limit allows.
    RateLimited,
    /// SQLSTATE 53400: the queue holds as many items as it may.
    QueueFull,
    /// SQLSTATE 55000: it needs the library preloaded.
    NotPreloaded,
    /// SQLSTATE 42704: no migration of that number.
    UnknownMigration,
    /// SQLSTATE 55000: what a migration made has been played with since.
    MigrationInUse,
    /// SQLSTATE 55000: the migration is not in a state in which that can be done.
    MigrationState,
    /// SQLSTATE XX001: the books would not add up.
    BooksDiffer,
}

impl Token {
    /// All of them, in their order.
    pub const ALL: [Token; 25] = [
        Token::UnknownPool,
        Token::PoolExists,
        Token::InvalidArgument,
        Token::NullArgument,
        Token::InsufficientFunds,
        Token::PoolNotActive,
        Token::UnknownWin,
        Token::WinState,
        Token::NextCycleOnly,
        Token::NoExchangeRate,
        Token::OperationVoided,
        Token::OperationWon,
        Token::OperationMismatch,
        Token::VersionConflict,
        Token::LockTimeout,
        Token::AmountOutOfRange,
        Token::UnknownItem,
        Token::ItemState,
        Token::RateLimited,
        Token::QueueFull,
        Token::NotPreloaded,
        Token::UnknownMigration,
        Token::MigrationInUse,
        Token::MigrationState,
        Token::BooksDiffer,
    ];

    /// The token as it stands in DETAIL.
    pub fn as_str(self) -> &'static str {
        match self {
            Token::UnknownPool => "unknown_pool",
            Token::PoolExists => "pool_exists",
            Token::InvalidArgument => "invalid_argument",
            Token::NullArgument => "null_argument",
            Token::InsufficientFunds => "insufficient_funds",
            Token::PoolNotActive => "pool_not_active",
            Token::UnknownWin => "unknown_win",
            Token::WinState => "win_state",
            Token::NextCycleOnly => "next_cycle_only",
            Token::NoExchangeRate => "no_exchange_rate",
            Token::OperationVoided => "operation_voided",
            Token::OperationWon => "operation_won",
            Token::OperationMismatch => "operation_mismatch",
            Token::VersionConflict => "version_conflict",
            Token::LockTimeout => "lock_timeout",
            Token::AmountOutOfRange => "amount_out_of_range",
            Token::UnknownItem => "unknown_item",
            Token::ItemState => "item_state",
            Token::RateLimited => "rate_limited",
            Token::QueueFull => "queue_full",
            Token::NotPreloaded => "not_preloaded",
            Token::UnknownMigration => "unknown_migration",
            Token::MigrationInUse => "migration_in_use",
            Token::MigrationState => "migration_state",
            Token::BooksDiffer => "books_differ",
        }
    }
}

/// A refusal: nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of refusal it is.
    pub token: Token,
    /// One lower-case sentence that names the thing.
    pub message: String,
    /// The figures behind it; follows the token in DETAIL.
    pub detail: String,
    /// What the caller can do about it.
    pub hint: Option<String>,
}

impl Error {
    /// A refusal with its message and the detail that follows the token.
    pub fn new(token: Token, message: impl Into<String>, detail: impl Into<String>) -> Self {
        Error { token, message: message.into(), detail: detail.into(), hint: None }
    }

    /// The same refusal with advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// An argument outside its domain (22023).
    pub fn invalid(message: impl Into<String>, detail: impl Into<String>) -> Self {
        Error::new(Token::InvalidArgument, message, detail)
    }

    /// An amount that does not fit (22003).
    pub fn out_of_range(what: &str) -> Self {
        Error::new(
            Token::AmountOutOfRange,
            format!("{what} is out of range"),
            "an exact amount must fit a bigint of micros (about 9.2 * 10^12 minor units)",
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}: {})", self.message, self.token.as_str(), self.detail)
    }
}

impl std::error::Error for Error {}
