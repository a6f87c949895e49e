//! The transitions that only administration asks for: voids, corrections, transfers between pools,
//! configuration and status. None of them fires a trigger.

use crate::apply::{Transition, carried, commit, expect};
use crate::command::{Effective, Event, Outside, Source};
use crate::draw::Window;
use crate::{
    Contribution, Error, Micros, PoolConfig, PoolState, Remainder, Status, Token, Trigger,
};
use jiff::Timestamp;
use serde_json::Value;

/// Takes a contribution of the present cycle out of meter and reserve. What other corrections have
/// taken meanwhile, the reserve makes good, then the house.
pub fn void(mut state: PoolState, contribution: &Contribution) -> Transition {
    let mut events = vec![Event::Voided(*contribution)];
    let Contribution { display, reserve, remainder } = *contribution;
    // Its remainder goes, too, and with it perhaps a micro that it had carried over.
    let (less_display, display_carry) =
        carried(Micros::ZERO.minus(display)?, state.carry.display, -remainder.display)?;
    let (less_reserve, reserve_carry) =
        carried(Micros::ZERO.minus(reserve)?, state.carry.reserve, -remainder.reserve)?;
    state.carry = Remainder { display: display_carry, reserve: reserve_carry };
    state.meter = state.meter.plus(less_display)?;
    state.reserve = state.reserve.plus(less_reserve)?;
    let total = contribution.total()?;
    state.totals.voided += total.get();
    state.totals.contributed += total.plus(less_display)?.plus(less_reserve)?.get();
    state.totals.voids += 1;
    state.version += 1;
    let missing = Micros::ZERO.minus(state.meter)?.max(Micros::ZERO);
    let from_reserve = missing.min(state.reserve.max(Micros::ZERO));
    if from_reserve > Micros::ZERO {
        state.meter = state.meter.plus(from_reserve)?;
        state.reserve = state.reserve.minus(from_reserve)?;
        events.push(Event::Seeded { source: Source::Reserve, amount: from_reserve });
    }
    cover(&mut state, &mut events)?;
    Ok((state, events))
}

/// Takes a contribution of an earlier cycle, which has been paid out, from the reserve; the house
/// pays what it lacks.
pub fn void_late(mut state: PoolState, contribution: &Contribution) -> Transition {
    let amount = contribution.total()?;
    let mut events = vec![Event::VoidedLate(amount)];
    state.reserve = state.reserve.minus(amount)?;
    state.totals.voided += amount.get();
    state.totals.voids += 1;
    state.version += 1;
    cover(&mut state, &mut events)?;
    Ok((state, events))
}

/// The house pays what is missing.
fn cover(state: &mut PoolState, events: &mut Vec<Event>) -> Result<(), Error> {
    let display = Micros::ZERO.minus(state.meter)?.max(Micros::ZERO);
    let reserve = Micros::ZERO.minus(state.reserve)?.max(Micros::ZERO);
    if display > Micros::ZERO || reserve > Micros::ZERO {
        state.meter = state.meter.plus(display)?;
        state.reserve = state.reserve.plus(reserve)?;
        state.totals.seeded += display.plus(reserve)?.get();
        events.push(Event::CoveredByHouse { display, reserve });
    }
    Ok(())
}

fn refuse_retired(state: &PoolState) -> Result<(), Error> {
    match state.status {
        Status::Retired => Err(state.status.refusal(&state.pool)),
        _ => Ok(()),
    }
}

/// Corrects the meter; 23514 when it would fall below zero.
pub fn adjust(mut state: PoolState, amount: i64) -> Transition {
    refuse_retired(&state)?;
    if amount == 0 {
        return Err(Error::invalid("amount is 0", "an adjustment changes the meter"));
    }
    let amount = Micros::from_minor_units(amount);
    state.meter = take_or_add(&state, amount)?;
    state.totals.adjusted += amount.get();
    state.version += 1;
    Ok((state, vec![Event::Adjusted(amount)]))
}

/// The meter with `amount` added, which may be negative; 23514 below zero, 22003 above the range.
fn take_or_add(state: &PoolState, amount: Micros) -> Result<Micros, Error> {
    let meter = state.meter.plus(amount)?;
    if meter < Micros::ZERO && amount < Micros::ZERO {
        return Err(Error::new(
            Token::InsufficientFunds,
            format!("pool \"{}\" holds less than {}", state.pool, Micros::ZERO.minus(amount)?),
            format!("its meter is {}", state.meter),
        ));
    }
    amount.bigint()?;
    meter.bigint()?;
    Ok(meter)
}

/// Takes money away for another pool; 23514 when the meter does not hold it.
pub fn transfer_out(mut state: PoolState, amount: Micros, to: &str) -> Transition {
    refuse_retired(&state)?;
    if amount <= Micros::ZERO {
        return Err(Error::invalid(
            format!("amount {amount} is not positive"),
            "a transfer moves 1 or more minor units",
        ));
    }
    let display = Micros::ZERO.minus(amount)?;
    state.meter = take_or_add(&state, display)?;
    state.totals.transferred += display.get();
    state.version += 1;
    let other = to.to_owned();
    Ok((state, vec![Event::Transferred { display, reserve: Micros::ZERO, other }]))
}

/// Takes in what another pool gave.
pub fn transfer_in(
    mut state: PoolState,
    amount: Micros,
    reserve: Micros,
    from: &str,
) -> Transition {
    refuse_retired(&state)?;
    state.meter = take_or_add(&state, amount)?;
    state.reserve = state.reserve.plus(reserve)?;
    state.reserve.bigint()?;
    state.totals.transferred += amount.plus(reserve)?.get();
    state.version += 1;
    let other = from.to_owned();
    Ok((state, vec![Event::Transferred { display: amount, reserve, other }]))
}

/// Ends the pool. All that it holds, with the overflow, which is a part of the meter, goes to
/// another; without one only an empty pool can end.
pub fn retire(mut state: PoolState, to: Option<&str>) -> Transition {
    refuse_retired(&state)?;
    let mut events = Vec::new();
    if state.meter != Micros::ZERO || state.reserve != Micros::ZERO {
        let Some(to) = to else {
            return Err(Error::invalid(
                format!("pool \"{}\" holds money", state.pool),
                format!("meter {}, reserve {}", state.meter, state.reserve),
            )
            .hint("Name in transfer_to the pool that takes it over."));
        };
        let display = Micros::ZERO.minus(state.meter)?;
        let reserve = Micros::ZERO.minus(state.reserve)?;
        state.meter = Micros::ZERO;
        state.reserve = Micros::ZERO;
        state.totals.transferred += display.plus(reserve)?.get();
        events.push(Event::Transferred { display, reserve, other: to.to_owned() });
    }
    if let Some(before) = state.pending.take() {
        events.push(Event::Planned { before: Some(before) });
    }
    state.status = Status::Retired;
    state.version += 1;
    events.push(Event::Retired);
    if let Some(superseded) = state.secret.take() {
        events.push(Event::Committed { superseded: Some(superseded) });
    }
    Ok((state, events))
}

/// Changes keys of the configuration, now or at the next reset. What changes nothing is no change,
/// so it can be repeated.
pub fn configure(
    mut state: PoolState,
    patch: &Value,
    expected_version: Option<i64>,
    effective: Effective,
    outside: &mut Outside<'_>,
) -> Transition {
    refuse_retired(&state)?;
    expect(&state.pool, "config_version", expected_version, state.config_version)?;
    let mut planned = None;
    let event = match effective {
        Effective::NextCycle => {
            let pending = merged(state.pending.as_ref(), patch);
            // Refused now rather than at the reset.
            let config = state.config.patched(&pending)?;
            if config.currency != state.config.currency {
                return Err(Error::invalid(
                    format!("the currency of pool \"{}\" cannot change later", state.pool),
                    "what is played for until the reset is money of the present one",
                )
                .hint("Pass effective => 'now'."));
            }
            let pending = what_changes(&state.config, pending);
            if pending == state.pending {
                return Ok((state, Vec::new()));
            }
            Event::Planned { before: std::mem::replace(&mut state.pending, pending) }
        }
        Effective::Now => {
            let config = state.config.patched(patch)?;
            if config == state.config {
                return Ok((state, Vec::new()));
            }
            state.config.refuse_unless_harmless(&config, state.current_amount())?;
            refuse_relabelling(&state, &config)?;
            if let Some(pending) = state.pending.take() {
                config.patched(&pending).map_err(|error| {
                    error.hint("It contradicts the change that waits for the next cycle.")
                })?;
                state.pending = what_changes(&config, pending.clone());
                planned = (state.pending.as_ref() != Some(&pending))
                    .then_some(Event::Planned { before: Some(pending) });
            }
            Event::Configured { before: Box::new(std::mem::replace(&mut state.config, config)) }
        }
    };
    state.config_version += 1;
    state.version += 1;
    let mut events = vec![event];
    if let Some(Event::Configured { before }) = events.first()
        && is_drawn_anew(before, &state, outside.at)
    {
        let superseded = state.secret.take();
        events.extend(commit(&mut state, superseded, Window::Present, outside));
    }
    events.extend(planned);
    Ok((state, events))
}

/// Money does not become another currency's by a change of configuration.
fn refuse_relabelling(state: &PoolState, after: &PoolConfig) -> Result<(), Error> {
    // Only the house's own money is in it as long as these are nothing.
    let held = state.meter.get().saturating_add(state.reserve.get());
    let is_used =
        state.totals.contributions > 0 || state.totals.wins > 0 || held != state.totals.seeded;
    match &state.config.currency {
        Some(currency) if is_used && state.config.currency != after.currency => {
            Err(Error::invalid(
                format!("the currency of pool \"{}\" cannot change", state.pool),
                format!("it holds or has held {currency}"),
            )
            .hint("Create another pool, and exchange the money outside of it."))
        }
        _ => Ok(()),
    }
}

/// Draws what is hidden anew, where it was lost; else there is nothing to do.
pub fn redraw(mut state: PoolState, outside: &mut Outside<'_>) -> Transition {
    if !state.lacks_secret() {
        return Ok((state, Vec::new()));
    }
    state.version += 1;
    let event = commit(&mut state, None, Window::Present, outside);
    Ok((state, event.into_iter().collect()))
}

/// Whether what is hidden no longer fits the configuration. Between the present meter and the new
/// ceiling the new threshold is as the old one would be distributed, had it been drawn so at the
/// reset and not been reached yet. One that has been reached stays: the next wager's win is not
/// taken away again (GLI-19 4.5.2).
fn is_drawn_anew(before: &PoolConfig, state: &PoolState, at: Timestamp) -> bool {
    let is_same_kind = before.trigger.kind() == state.config.trigger.kind();
    if is_same_kind && state.is_met(at) {
        return false;
    }
    before.trigger != state.config.trigger
        || (before.trigger == Trigger::MustHitBy && before.max_amount != state.config.max_amount)
}

/// The keys of a patch that change something; `None` when none does.
fn what_changes(config: &PoolConfig, patch: Value) -> Option<Value> {
    let Value::Object(mut keys) = patch else { return Some(patch) };
    keys.retain(|key, value| !config.has(key, value));
    (!keys.is_empty()).then_some(Value::Object(keys))
}

/// The keys of both; the later patch decides.
fn merged(earlier: Option<&Value>, later: &Value) -> Value {
    match (earlier, later) {
        (Some(Value::Object(earlier)), Value::Object(later)) => {
            let both = earlier.iter().chain(later);
            Value::Object(both.map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        _ => later.clone(),
    }
}

/// Pausing what is paused and resuming what is active changes nothing, so both can be repeated.
pub fn set_status(mut state: PoolState, status: Status, event: Event) -> Transition {
    refuse_retired(&state)?;
    if state.status == status {
        return Ok((state, Vec::new()));
    }
    state.status = status;
    state.version += 1;
    Ok((state, vec![event]))
}
