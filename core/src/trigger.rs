//! What decides that a pool is hit, as its configuration says.

use crate::{Error, json};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde_json::{Value, json};
use std::fmt;

/// A pool's trigger. Only spins draw; whatever the trigger, `jackpot_win` can award the pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// Only `jackpot_win`.
    #[default]
    Manual,
    /// Each wager hits with the probability `wager / one_in`, exactly (GLI-19 4.13.4).
    Odds {
        /// In minor units of the pool's currency.
        one_in: i64,
    },
    /// The wager whose contribution takes the meter to a hidden threshold, drawn at each reset
    /// uniformly between the amount after it and `max_amount`.
    MustHitBy,
    /// The first wager at or after a hidden moment, drawn uniformly from each window. When nobody
    /// plays, it rolls over to the next wager (GLI-19 4.5.2).
    Scheduled {
        /// How long a window is.
        every: Period,
        /// Where windows begin.
        anchor: Timestamp,
    },
}

/// The length of a window: as it was written, and exactly. A day has 24 hours.
#[derive(Clone, Debug)]
pub struct Period {
    text: String,
    pub(crate) micros: i64,
}

/// A Monday, midnight UTC: daily and weekly windows begin where people expect it.
const ANCHOR: &str = "2024-01-01T00:00:00Z";
const MICROS_IN_SECOND: i64 = 1_000_000;
/// Windows that begin before it end where a timestamp still can be.
const LAST_YEAR: i16 = 9_000;
const LONGEST_DAYS: i64 = 3_660;

impl Period {
    /// Reads `hourly`, `daily`, `weekly`, or a length such as `1 day` or `90 minutes`.
    fn parse(key: &str, value: &Value) -> Result<Self, Error> {
        let wanted = "\"hourly\", \"daily\", \"weekly\" or a length of time such as \"6 hours\", \
                      from 1 second to 3660 days";
        let wrong = || json::wrong(key, value, wanted);
        let text = value.as_str().ok_or_else(wrong)?;
        let duration = match text {
            "hourly" => SignedDuration::from_hours(1),
            "daily" => SignedDuration::from_hours(24),
            "weekly" => SignedDuration::from_hours(7 * 24),
            _ => text
                .parse::<Span>()
                .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
                .map_err(|_| wrong())?,
        };
        let micros = i64::try_from(duration.as_micros()).map_err(|_| wrong())?;
        if !(MICROS_IN_SECOND..=LONGEST_DAYS * 86_400 * MICROS_IN_SECOND).contains(&micros) {
            return Err(wrong());
        }
        Ok(Period { text: text.to_owned(), micros })
    }
}

impl Period {
    /// The length in words.
    pub fn in_words(&self) -> &str {
        match self.text.as_str() {
            "hourly" => "1 hour",
            "daily" => "1 day",
            "weekly" => "7 days",
            text => text,
        }
    }
}

impl PartialEq for Period {
    fn eq(&self, other: &Self) -> bool {
        self.micros == other.micros
    }
}

impl Eq for Period {}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Trigger {
    /// The word for its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Trigger::Manual => "manual",
            Trigger::Odds { .. } => "odds",
            Trigger::MustHitBy => "must_hit_by",
            Trigger::Scheduled { .. } => "scheduled",
        }
    }

    /// Reads it from a configuration; 22023 for what it is not.
    pub fn parse(key: &str, value: &Value) -> Result<Self, Error> {
        if value.is_null() {
            return Ok(Trigger::default());
        }
        let wanted = "an object with a kind: manual, odds, must_hit_by or scheduled";
        let map = value.as_object().ok_or_else(|| json::wrong(key, value, wanted))?;
        let kind = map.get("kind").and_then(Value::as_str);
        let (trigger, keys): (Trigger, &[&str]) = match kind {
            Some("manual") => (Trigger::Manual, &[]),
            Some("must_hit_by") => (Trigger::MustHitBy, &[]),
            Some("odds") => {
                let given = map.get("one_in").unwrap_or(&Value::Null);
                let one_in = given.as_i64().filter(|one_in| *one_in > 0).ok_or_else(|| {
                    json::wrong("one_in", given, "a whole number of minor units, at least 1")
                })?;
                (Trigger::Odds { one_in }, &["one_in"])
            }
            Some("scheduled") => {
                let every = Period::parse("every", map.get("every").unwrap_or(&Value::Null))?;
                let anchor = json::moment("anchor", map.get("anchor").unwrap_or(&Value::Null))?;
                let anchor = match anchor {
                    Some(anchor) => anchor,
                    None => ANCHOR
                        .parse()
                        .map_err(|_| Error::invalid("anchor is not valid", "the default"))?,
                };
                if anchor.to_zoned(jiff::tz::TimeZone::UTC).year() >= LAST_YEAR {
                    return Err(json::wrong(
                        "anchor",
                        &json!(anchor.to_string()),
                        "before the year 9000",
                    ));
                }
                (Trigger::Scheduled { every, anchor }, &["every", "anchor"])
            }
            _ => return Err(json::wrong(key, value, wanted)),
        };
        match map.keys().find(|name| *name != "kind" && !keys.contains(&name.as_str())) {
            Some(unknown) => Err(Error::invalid(
                format!("unknown key \"{unknown}\" in trigger"),
                format!("\"{unknown}\" is not a key of a trigger of kind {}", trigger.kind()),
            )),
            None => Ok(trigger),
        }
    }

    /// As JSON; `None` for the default.
    pub fn to_json(&self) -> Option<Value> {
        match self {
            Trigger::Manual => None,
            Trigger::MustHitBy => Some(json!({"kind": self.kind()})),
            Trigger::Odds { one_in } => Some(json!({"kind": self.kind(), "one_in": one_in})),
            Trigger::Scheduled { every, anchor } => Some(json!({
                "kind": self.kind(), "every": every.to_string(), "anchor": anchor.to_string(),
            })),
        }
    }
}
