//! Exchange rates: effective-dated, append-only, kept by each backend with the configuration.

use crate::store::journal::Occasion;
use crate::store::snapshot::Active;
use crate::store::statement::{argument, statements};
use crate::store::{relations, session};
use jackpot_core::{Error, ExchangeRate, currency};
use pgrx::datum::TimestampWithTimeZone;

statements! {
    /// Those in force now and those to come.
    static READ() = "
        SELECT r.from_currency, r.to_currency, r.effective_from, r.rate
          FROM jackpot.exchange_rate r
         WHERE r.effective_from >= coalesce(
                   (SELECT pg_catalog.max(e.effective_from) FROM jackpot.exchange_rate e
                     WHERE e.from_currency = r.from_currency AND e.to_currency = r.to_currency
                       AND e.effective_from <= pg_catalog.clock_timestamp()), '-infinity')
         ORDER BY r.effective_from DESC";
    static SET(TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID, TEXTOID, TIMESTAMPTZOID) = "
        INSERT INTO jackpot.exchange_rate (from_currency, to_currency, effective_from, rate, actor, set_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING";
    static FIND(TEXTOID, TEXTOID, TIMESTAMPTZOID) = "
        SELECT r.rate FROM jackpot.exchange_rate r
         WHERE r.from_currency = $1 AND r.to_currency = $2 AND r.effective_from = $3";
}

/// Rates, the latest first.
#[derive(Debug)]
pub struct Rates(Vec<(String, String, i64, ExchangeRate)>);

impl Rates {
    /// The rate between two currencies at a moment.
    pub fn at(&self, at: TimestampWithTimeZone, from: &str, to: &str) -> Option<ExchangeRate> {
        let at = at.into_inner();
        self.0
            .iter()
            .find(|(of, into, since, _)| of == from && into == to && *since <= at)
            .map(|(.., rate)| *rate)
    }
}

/// The rates in the active snapshot.
pub fn read() -> Result<Rates, Error> {
    let mut rates = Vec::new();
    READ.with(|statement| {
        statement.read(&[]).each(|row| {
            let since = row.need::<TimestampWithTimeZone>(3).into_inner();
            if let Some(rate) = ExchangeRate::from_raw(row.need(4)) {
                rates.push((row.need(1), row.need(2), since, rate));
            }
        });
    });
    Ok(Rates(rates))
}

/// Adds a rate from a moment on; 22023 where another one begins at that very moment.
pub fn set(
    from: &str,
    to: &str,
    rate: ExchangeRate,
    effective_from: TimestampWithTimeZone,
) -> Result<(), Error> {
    if effective_from.is_infinity() || effective_from.is_neg_infinity() {
        return Err(Error::invalid("effective_from is infinite", "a rate begins at a moment"));
    }
    currency::check(from)?;
    currency::check(to)?;
    if from == to {
        return Err(Error::invalid(
            format!("an exchange rate from \"{from}\" to \"{to}\" is not valid"),
            "it leads from one currency to another",
        ));
    }
    let occasion = Occasion::new("set_exchange_rate", None);
    let arguments = [
        argument(from),
        argument(to),
        argument(effective_from),
        argument(rate.raw()),
        argument(occasion.actor.as_str()),
        argument(session::statement_time()),
    ];
    if SET.with(|statement| statement.write(&arguments).count()) == 0 {
        let _active = Active::fresh();
        let there: Option<i64> = FIND.with(|statement| {
            let arguments = [argument(from), argument(to), argument(effective_from)];
            statement.read(&arguments).first().map(|row| row.need(1))
        });
        if there != Some(rate.raw()) {
            return Err(Error::invalid(
                format!("another rate from {from} to {to} begins at that moment"),
                "rates are never changed: bets may have used them",
            )
            .hint("Let the new rate begin at another moment."));
        }
    }
    relations::announce_change();
    Ok(())
}
