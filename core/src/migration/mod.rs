//! Moving in: what the rows of another system's pools, contributions and wins say, what is wrong
//! with them, and how each wrong is mended.
//!
//! Rows are JSON objects, whatever they came from. Their keys may be in camelCase or snake_case, and
//! have the names that the field uses for a thing (`group`, `jackpotType` and `pool` are one).

mod history;
mod pool;
mod replay;
mod row;

pub use history::{OldContribution, OldShare, OldWin, contribution, void, win};
pub use pool::{OldPool, pool};
pub use replay::{Replay, Replayed};
pub use row::{FIELDS, Fields, pool_name};

/// Something that is wrong with a row, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The stable token of what is wrong.
    pub token: &'static str,
    /// What is wrong, in words.
    pub message: String,
    /// How it is mended; `None` where nothing needs to be.
    pub repair: Option<String>,
}

impl Finding {
    /// Something that must be mended.
    pub fn wrong(
        token: &'static str,
        message: impl Into<String>,
        repair: impl Into<String>,
    ) -> Self {
        Finding { token, message: message.into(), repair: Some(repair.into()) }
    }

    /// Something worth knowing.
    pub fn notice(token: &'static str, message: impl Into<String>) -> Self {
        Finding { token, message: message.into(), repair: None }
    }
}

/// What a row holds once it is mended, and what was found. A row that cannot be mended is left out:
/// `None`.
pub type Read<T> = (Option<T>, Vec<Finding>);
