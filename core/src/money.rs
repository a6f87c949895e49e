//! Exact money: whole minor units (cents) outside, micros (millionths of a minor unit) inside.
//!
//! A rate has at most six decimals, so `wager * rate` is a whole number of micros and nothing is
//! ever rounded. No contribution is lost to rounding (GLI-19 4.13.6).

use crate::{Error, Remainder};
use rust_decimal::Decimal;
use std::fmt;
use std::str::FromStr;

/// Micros in one minor unit, and millionths in a rate of 1.
const SCALE: i64 = 1_000_000;
const SCALE_DIGITS: u32 = 6;

/// An exact amount in millionths of a minor unit. May be negative (a balance on its own may be).
///
/// What is stored must fit a bigint ([`Micros::bigint`]). What is summed may not: bets in flight
/// cannot see one another, and a pool that they take beyond the range must still be readable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(i128);

impl Micros {
    /// No money.
    pub const ZERO: Micros = Micros(0);

    /// From a raw number of micros.
    pub const fn new(micros: i128) -> Self {
        Micros(micros)
    }

    /// From whole minor units.
    pub const fn from_minor_units(units: i64) -> Self {
        Micros(units as i128 * SCALE as i128)
    }

    /// The raw number of micros.
    pub const fn get(self) -> i128 {
        self.0
    }

    /// The raw number of micros as it is stored; 22003 when it does not fit.
    pub fn bigint(self) -> Result<i64, Error> {
        i64::try_from(self.0).map_err(|_| Error::out_of_range("amount"))
    }

    /// The whole minor units in it, rounded towards minus infinity, and held to the range of
    /// bigint.
    pub fn floor(self) -> i64 {
        let units = self.0.div_euclid(i128::from(SCALE));
        i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX })
    }

    /// Exact sum; 22003 when it does not fit even here.
    pub fn plus(self, other: Micros) -> Result<Self, Error> {
        self.0.checked_add(other.0).map(Micros).ok_or_else(|| Error::out_of_range("amount"))
    }

    /// Exact difference; 22003 when it does not fit even here.
    pub fn minus(self, other: Micros) -> Result<Self, Error> {
        self.0.checked_sub(other.0).map(Micros).ok_or_else(|| Error::out_of_range("amount"))
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal(self.0).fmt(formatter)
    }
}

/// Micros as a decimal number of minor units without trailing zeros: `12.5` for 12 500 000 micros.
pub fn decimal(micros: i128) -> String {
    let scale = i128::from(SCALE);
    let sign = if micros < 0 { "-" } else { "" };
    let (whole, fraction) = ((micros / scale).unsigned_abs(), (micros % scale).unsigned_abs());
    match fraction {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction:06}").trim_end_matches('0').to_owned(),
    }
}

/// A share of a wager between 0 and 1, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u32);

impl Rate {
    /// The whole wager.
    pub const ONE: Rate = Rate(SCALE as u32);

    /// From millionths; `None` above 1.
    pub const fn from_millionths(millionths: u32) -> Option<Self> {
        if millionths <= Self::ONE.0 { Some(Rate(millionths)) } else { None }
    }

    /// The rate in millionths.
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// Reads a decimal number; 22023 when it is not one, has more than six decimals or lies
    /// outside 0..1. `name` is the argument or key that the message names.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let refuse = |why: &str| {
            Err(Error::invalid(format!("{name} {text} is not a valid rate"), why)
                .hint("A rate is a decimal number from 0 to 1 with at most 6 decimals."))
        };
        let value = match Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text))
        {
            Ok(value) => value.normalize(),
            Err(_) => return refuse("it is not a decimal number of at most 28 digits"),
        };
        if value < Decimal::ZERO || value > Decimal::ONE {
            return refuse("it lies outside 0..1");
        }
        if value.scale() > SCALE_DIGITS {
            return refuse("it has more than 6 decimals");
        }
        match u32::try_from(value.mantissa() * 10_i128.pow(SCALE_DIGITS - value.scale())) {
            Ok(millionths) => Ok(Rate(millionths)),
            Err(_) => refuse("it lies outside 0..1"),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal(i128::from(self.0)).fmt(formatter)
    }
}

impl FromStr for Rate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Rate::parse("rate", text)
    }
}

/// What one wager adds to one pool: to the meter that is displayed and to the hidden reserve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contribution {
    /// Added to the meter.
    pub display: Micros,
    /// Added to the reserve.
    pub reserve: Micros,
    /// What the conversion from another currency left below a micro; summed, it is carried.
    pub remainder: Remainder,
}

impl Contribution {
    /// Both parts together; 22003 when the sum does not fit a bigint.
    pub fn total(self) -> Result<Micros, Error> {
        let total = self.display.plus(self.reserve)?;
        total.bigint()?;
        Ok(total)
    }
}
