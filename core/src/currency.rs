//! Wagers in another currency than the pool's: converted in integers, nothing rounded away.

use crate::{Contribution, Error, Micros, Rate, Token};
use rust_decimal::Decimal;
use std::fmt;

/// How many minor units of the pool's currency one minor unit of the wager's is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeRate(i64);

/// What a division by [`ExchangeRate::SCALE`] leaves of a contribution, in `1/SCALE` micros. Summed
/// over all contributions it is carried into the meter and the reserve, so nothing is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remainder {
    /// Of what goes to the meter.
    pub display: i64,
    /// Of what goes to the reserve.
    pub reserve: i64,
}

/// The longest name of a currency, in characters.
const MAX_LENGTH: usize = 20;

/// 22023 for a name of a currency that is empty or longer than 20 characters.
pub fn check(currency: &str) -> Result<(), Error> {
    match currency.chars().count() {
        1..=MAX_LENGTH => Ok(()),
        length => Err(Error::invalid(
            "the name of the currency is empty or too long",
            format!("{length} characters, 1 to {MAX_LENGTH} are allowed"),
        )),
    }
}

impl ExchangeRate {
    /// A rate has at most ten decimals; this is how many parts 1 has.
    pub const SCALE: i64 = 10_000_000_000;
    const DECIMALS: u32 = 10;

    /// From ten-billionths, as the database keeps it; `None` unless positive.
    pub const fn from_raw(raw: i64) -> Option<Self> {
        if raw > 0 { Some(ExchangeRate(raw)) } else { None }
    }

    /// The rate in ten-billionths.
    pub const fn raw(self) -> i64 {
        self.0
    }

    /// Reads a decimal number; 22023 when it is not one, is not positive, has more than ten
    /// decimals or does not fit.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |why: &str| {
            Err(Error::invalid(format!("exchange rate {text} is not valid"), why)
                .hint("A rate is a positive decimal number with at most 10 decimals."))
        };
        let value = match Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text))
        {
            Ok(value) => value.normalize(),
            Err(_) => return refuse("it is not a decimal number of at most 28 digits"),
        };
        if value <= Decimal::ZERO {
            return refuse("it is not positive");
        }
        if value.scale() > Self::DECIMALS {
            return refuse("it has more than 10 decimals");
        }
        let raw = value
            .mantissa()
            .checked_mul(10_i128.pow(Self::DECIMALS - value.scale()))
            .and_then(|raw| i64::try_from(raw).ok());
        raw.map_or_else(|| refuse("it is too large"), |raw| Ok(ExchangeRate(raw)))
    }
}

impl fmt::Display for ExchangeRate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::from_i128_with_scale(i128::from(self.0), Self::DECIMALS).normalize().fmt(formatter)
    }
}

/// A wager's amount as a pool takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stake {
    /// Minor units of the wager's currency.
    amount: i64,
    /// The rate into the pool's currency, if that is another.
    rate: Option<ExchangeRate>,
}

impl Stake {
    /// A wager in the pool's own currency.
    pub const fn new(amount: i64) -> Self {
        Stake { amount, rate: None }
    }

    /// A wager in another currency.
    pub const fn converted(amount: i64, rate: ExchangeRate) -> Self {
        Stake { amount, rate: Some(rate) }
    }

    /// The wager's amount in minor units of its own currency.
    pub const fn amount(self) -> i64 {
        self.amount
    }

    /// The rate into the pool's currency, if that is another.
    pub const fn rate(self) -> Option<ExchangeRate> {
        self.rate
    }

    /// The exact amount in the pool's currency as a fraction: numerator and denominator.
    pub fn fraction(self) -> (i128, i128) {
        match self.rate {
            None => (i128::from(self.amount), 1),
            // Two numbers of 63 bits.
            Some(rate) => {
                (i128::from(self.amount) * i128::from(rate.0), i128::from(ExchangeRate::SCALE))
            }
        }
    }

    /// The whole minor units of the pool's currency in it; 22003 when they do not fit a bigint.
    pub fn minor_units(self) -> Result<i64, Error> {
        if self.rate.is_none() {
            return Ok(self.amount);
        }
        let (numerator, denominator) = self.fraction();
        i64::try_from(numerator.div_euclid(denominator))
            .map_err(|_| Error::out_of_range("the converted wager"))
    }

    /// The share of it that a rate takes: whole micros, and the remainder in `1/SCALE` micros.
    fn share(self, rate: Rate) -> Result<(Micros, i64), Error> {
        let (numerator, denominator) = self.fraction();
        let out_of_range = || {
            Error::new(
                Token::AmountOutOfRange,
                format!("the contribution of wager {} is out of range", self.amount),
                format!("its share of {rate} does not fit a bigint of micros"),
            )
        };
        let exact =
            numerator.checked_mul(i128::from(rate.millionths())).ok_or_else(out_of_range)?;
        let (whole, rest) = match denominator {
            1 => (exact, 0),
            _ => (exact.div_euclid(denominator), exact.rem_euclid(denominator)),
        };
        let micros = Micros::new(whole);
        micros.bigint().map_err(|_| out_of_range())?;
        // Below the denominator, which fits.
        Ok((micros, i64::try_from(rest).unwrap_or(0)))
    }

    /// What it gives to meter and reserve at these rates; 22003 when it does not fit.
    pub fn contribution(self, display: Rate, reserve: Rate) -> Result<Contribution, Error> {
        let (display, display_remainder) = self.share(display)?;
        let (reserve, reserve_remainder) = self.share(reserve)?;
        let remainder = Remainder { display: display_remainder, reserve: reserve_remainder };
        let contribution = Contribution { display, reserve, remainder };
        contribution.total()?;
        Ok(contribution)
    }
}

impl From<i64> for Stake {
    fn from(amount: i64) -> Self {
        Stake::new(amount)
    }
}
