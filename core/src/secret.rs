//! What a hidden trigger hides, and the proof that it was fixed beforehand.
//!
//! At each reset the SHA-256 of the secret's text is published, the commitment. The win reveals the
//! text, and anyone can hash it: the threshold or moment was not chosen afterwards.

use crate::{Error, Micros, decimal};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt;

/// What is hidden.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// The meter at which the pool is hit.
    Threshold(Micros),
    /// The moment from which it is.
    Moment(Timestamp),
}

/// A drawn threshold or moment, salted and bound to its pool and cycle.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    cycle: i64,
    hidden: Hidden,
    text: String,
}

impl Secret {
    /// A secret of a pool's cycle; the salt makes that the commitment cannot be searched.
    pub fn new(pool: &str, cycle: i64, hidden: Hidden, salt: &[u8; 32]) -> Self {
        let (kind, key, value) = match hidden {
            Hidden::Threshold(threshold) => ("must_hit_by", "threshold", decimal(threshold.get())),
            Hidden::Moment(moment) => ("scheduled", "moment", moment.to_string()),
        };
        let salt: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
        let pool = Value::from(pool);
        let text = format!(
            r#"{{"pool":{pool},"cycle":{cycle},"trigger":"{kind}","{key}":"{value}","salt":"{salt}"}}"#
        );
        Secret { cycle, hidden, text }
    }

    /// Reads the text back.
    pub fn parse(text: &str) -> Result<Self, Error> {
        // The text itself is not repeated: errors are logged.
        let malformed = || Error::invalid("a pool's secret is malformed", "it cannot be read");
        let value: Value = serde_json::from_str(text).map_err(|_| malformed())?;
        let field = |key: &str| value.get(key).and_then(Value::as_str);
        let hidden = if let Some(threshold) = field("threshold") {
            let threshold = Decimal::from_str_exact(threshold).map_err(|_| malformed())?;
            let micros = 10_i128
                .checked_pow(6_u32.saturating_sub(threshold.scale()))
                .filter(|_| threshold.scale() <= 6)
                .and_then(|scale| threshold.mantissa().checked_mul(scale));
            Hidden::Threshold(Micros::new(micros.ok_or_else(malformed)?))
        } else {
            let moment = field("moment").and_then(|moment| moment.parse().ok());
            Hidden::Moment(moment.ok_or_else(malformed)?)
        };
        let cycle = value.get("cycle").and_then(Value::as_i64).ok_or_else(malformed)?;
        Ok(Secret { cycle, hidden, text: text.to_owned() })
    }

    /// Reads the text back, if it is what was committed to; anything else is as good as none.
    pub fn committed(text: &str, commitment: Option<&str>) -> Option<Self> {
        let secret = Secret::parse(text).ok()?;
        (commitment == Some(secret.commitment().as_str())).then_some(secret)
    }

    /// The cycle that it decides.
    pub fn cycle(&self) -> i64 {
        self.cycle
    }

    /// The threshold or moment.
    pub fn hidden(&self) -> Hidden {
        self.hidden
    }

    /// A number that whoever does not know the secret cannot know either.
    pub fn blur(&self) -> u8 {
        let hash = Sha256::new().chain_update("blur").chain_update(&self.text).finalize();
        hash.first().copied().unwrap_or(0)
    }

    /// The text that is hashed, and revealed by the win.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text in hexadecimal: what is published while the text is secret.
    pub fn commitment(&self) -> String {
        format!("{:x}", Sha256::digest(&self.text))
    }
}

/// Says nothing of what is hidden.
impl fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hidden")
    }
}

/// Says nothing of what is hidden.
impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret({})", self.commitment())
    }
}
