//! The transitions of bets and wins, and which module does the others.

use crate::command::{Command, Event, Outside, Source};
use crate::draw::{Window, draw, outlook, window_after};
use crate::{
    Contribution, Error, Evidence, ExchangeRate, Micros, Outlook, PoolConfig, PoolState, Remainder,
    Stake, Status, Token, Totals, books,
};

/// The new state and what happened, or a refusal that changes nothing.
pub(crate) type Transition = Result<(PoolState, Vec<Event>), Error>;

/// A new pool that holds `initial_amount` minor units, put in by the house.
pub fn create(
    pool: &str,
    config: PoolConfig,
    initial_amount: Option<i64>,
    outside: &mut Outside<'_>,
) -> Transition {
    let initial_amount = initial_amount.unwrap_or(config.seed_amount);
    let meter = Micros::from_minor_units(initial_amount);
    meter.bigint()?;
    if initial_amount < 0 || config.max_amount.is_some_and(|max| initial_amount > max) {
        return Err(Error::invalid(
            format!("initial_amount {initial_amount} is not valid"),
            "it must lie between 0 and max_amount",
        ));
    }
    let mut state = PoolState {
        pool: pool.to_owned(),
        status: Status::Active,
        config,
        config_version: 1,
        meter,
        reserve: Micros::ZERO,
        cycle: 1,
        version: 1,
        carry: Remainder::default(),
        pending: None,
        secret: None,
        totals: Totals { seeded: meter.get(), ..Totals::default() },
    };
    let mut events: Vec<Event> = seeded(Source::House, meter).into_iter().collect();
    events.extend(commit(&mut state, None, Window::Present, outside));
    Ok((state, events))
}

/// Does one command.
pub fn apply(state: PoolState, command: &Command, outside: &mut Outside<'_>) -> Transition {
    match command {
        Command::Contribute { stakes } => in_turn(state, stakes, contribute),
        Command::Spin { stakes } => {
            in_turn(state, stakes, |state, stake| spin(state, stake, outside))
        }
        Command::Hit { evidence } => {
            let payable = state.current_amount();
            win(state, Some(payable), Some(evidence.clone()), outside)
        }
        Command::Win { win_amount, expected_cycle } => {
            state.refuse_unless_active()?;
            expect(&state.pool, "cycle", *expected_cycle, state.cycle)?;
            win(state, *win_amount, None, outside)
        }
        Command::Void { contribution, in_cycle } => {
            if *in_cycle {
                books::void(state, contribution)
            } else {
                books::void_late(state, contribution)
            }
        }
        Command::Adjust { amount } => books::adjust(state, *amount),
        Command::TransferOut { amount, to } => books::transfer_out(state, *amount, to),
        Command::TransferIn { amount, reserve, from } => {
            books::transfer_in(state, *amount, *reserve, from)
        }
        Command::Retire { to } => books::retire(state, to.as_deref()),
        Command::Configure { patch, expected_version, effective } => {
            books::configure(state, patch, *expected_version, *effective, outside)
        }
        Command::Redraw => books::redraw(state, outside),
        Command::Pause => books::set_status(state, Status::Paused, Event::Paused),
        Command::Resume => books::set_status(state, Status::Active, Event::Resumed),
    }
}

/// Each stake in its turn; all or none.
fn in_turn(
    state: PoolState,
    stakes: &[Stake],
    mut each: impl FnMut(PoolState, Stake) -> Transition,
) -> Transition {
    state.refuse_unless_active()?;
    stakes.iter().try_fold((state, Vec::new()), |(state, mut events), stake| {
        let (state, more) = each(state, *stake)?;
        events.extend(more);
        Ok((state, events))
    })
}

fn contribute(mut state: PoolState, stake: Stake) -> Transition {
    if stake.amount() < 0 {
        return Err(Error::invalid(
            format!("wager_amount {} is negative", stake.amount()),
            "a wager is 0 or more minor units",
        ));
    }
    let contribution = state.config.contribution(stake)?;
    state.add(&contribution, stake)?;
    Ok((state, vec![Event::Contributed(contribution)]))
}

impl PoolState {
    /// A wager feeds the pool, which is active, with what it contributes; a refusal (22003) changes
    /// nothing. The configuration that the contribution was computed with may be an
    /// earlier one than the pool's.
    pub fn add(&mut self, contribution: &Contribution, stake: Stake) -> Result<(), Error> {
        let (display, display_carry) =
            carried(contribution.display, self.carry.display, contribution.remainder.display)?;
        let (reserve, reserve_carry) =
            carried(contribution.reserve, self.carry.reserve, contribution.remainder.reserve)?;
        let (meter, new_reserve) = (self.meter.plus(display)?, self.reserve.plus(reserve)?);
        meter.bigint()?;
        new_reserve.bigint()?;
        let wagered = i128::from(stake.minor_units()?);
        let contributed = display.plus(reserve)?.get();
        self.carry = Remainder { display: display_carry, reserve: reserve_carry };
        (self.meter, self.reserve) = (meter, new_reserve);
        self.totals.contributions += 1;
        self.totals.wagered += wagered;
        self.totals.contributed += contributed;
        self.version += 1;
        Ok(())
    }
}

/// What a contribution adds with what is carried from those before it, and the new carry.
pub(crate) fn carried(amount: Micros, carry: i64, remainder: i64) -> Result<(Micros, i64), Error> {
    let sum = carry.saturating_add(remainder);
    let whole = Micros::new(i128::from(sum.div_euclid(ExchangeRate::SCALE)));
    Ok((amount.plus(whole)?, sum.rem_euclid(ExchangeRate::SCALE)))
}

/// A wager that contributes and draws. Here the state is exact, so nothing is unsure for long.
fn spin(state: PoolState, stake: Stake, outside: &mut Outside<'_>) -> Transition {
    let (state, mut events) = contribute(state, stake)?;
    let secret = state.secret.as_ref();
    let outlook = outlook(&state.config, stake, secret, Some(state.meter), Micros::ZERO, outside);
    let evidence = match outlook {
        Outlook::Miss => None,
        Outlook::Hit(evidence) => Some(evidence),
        Outlook::Unsure => state.reached(stake, outside.at),
    };
    match evidence {
        // A hit is paid from what is there (GLI-19 4.5.2); where nothing is, nothing is won.
        Some(evidence) if state.current_amount() > 0 => {
            let payable = state.current_amount();
            let (state, more) = win(state, Some(payable), Some(evidence), outside)?;
            events.extend(more);
            Ok((state, events))
        }
        _ => Ok((state, events)),
    }
}

/// One rule for full and partial wins: `meter := greatest(meter - win, seed)`, the top-up taken
/// from the reserve first and from the house for the rest. The fraction of a minor unit and the
/// overflow stay in the meter. Configuration that waits for the next cycle is in force for the
/// seed, and what is hidden is drawn anew.
fn win(
    mut state: PoolState,
    win_amount: Option<i64>,
    evidence: Option<Evidence>,
    outside: &mut Outside<'_>,
) -> Transition {
    state.refuse_unless_active()?;
    let payable = state.current_amount();
    let win_amount = win_amount.unwrap_or(payable);
    if win_amount < 0 || (win_amount == 0 && payable > 0) {
        return Err(Error::invalid(
            format!("win_amount {win_amount} is not positive"),
            "a win is 1 or more minor units",
        ));
    }
    if win_amount > payable || win_amount == 0 {
        return Err(Error::new(
            Token::InsufficientFunds,
            format!("pool \"{}\" cannot pay {win_amount}", state.pool),
            format!("{payable} is payable"),
        )
        .hint(match payable {
            0 => "The pool is empty until wagers feed it.",
            _ => "Leave win_amount out to pay all that is payable.",
        }));
    }
    let window = window_after(&state, outside.at);
    let secret = state.secret.take();
    let mut events = vec![Event::Won { win_amount, previous_amount: payable, evidence, secret }];
    state.meter = state.meter.minus(Micros::from_minor_units(win_amount))?;
    state.cycle += 1;
    state.version += 1;
    state.totals.wins += 1;
    state.totals.won += i128::from(win_amount);

    if let Some(patch) = state.pending.take() {
        let config = state.config.patched(&patch)?;
        if config != state.config {
            let before = Box::new(std::mem::replace(&mut state.config, config));
            state.config_version += 1;
            events.push(Event::Configured { before });
        }
    }

    let seed = Micros::from_minor_units(state.config.seed_amount);
    let top_up = seed.minus(state.meter)?.max(Micros::ZERO);
    let from_reserve = top_up.min(state.reserve.max(Micros::ZERO));
    let from_house = top_up.minus(from_reserve)?;
    state.meter = state.meter.plus(top_up)?;
    state.reserve = state.reserve.minus(from_reserve)?;
    state.totals.seeded += from_house.get();
    events.extend(seeded(Source::Reserve, from_reserve));
    events.extend(seeded(Source::House, from_house));
    events.extend(commit(&mut state, None, window, outside));
    Ok((state, events))
}

fn seeded(source: Source, amount: Micros) -> Option<Event> {
    (amount > Micros::ZERO).then_some(Event::Seeded { source, amount })
}

/// Draws what is hidden anew, once the state is otherwise what it will be.
pub(crate) fn commit(
    state: &mut PoolState,
    superseded: Option<crate::Secret>,
    window: Window,
    outside: &mut Outside<'_>,
) -> Option<Event> {
    state.secret = draw(state, window, outside);
    (state.secret.is_some() || superseded.is_some()).then_some(Event::Committed { superseded })
}

pub(crate) fn expect(
    pool: &str,
    what: &str,
    expected: Option<i64>,
    actual: i64,
) -> Result<(), Error> {
    match expected {
        Some(expected) if expected != actual => Err(Error::new(
            Token::VersionConflict,
            format!("pool \"{pool}\" has changed"),
            format!("expected {what} {expected}, found {actual}"),
        )
        .hint("Read the pool again and decide anew.")),
        _ => Ok(()),
    }
}
