//! Whether chance is fair: hits and hidden values against what they should be, with fixed seeds, so
//! that a run is always the same.
//!
//! Each figure is tested at a significance of one in a thousand: a fair machine with other seeds
//! would fail one in about a thousand of these tests.

#![allow(clippy::expect_used)]

mod common;

use common::*;
use jackpot_core::{
    Command, Event, Evidence, Outside, PoolState, RngCore, Stake, Timestamp, apply, below,
    return_to_player,
};
use jiff::SignedDuration;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};
use std::fmt;

const SIGNIFICANCE: f64 = 0.001;
/// In a debug build a second or so for each trigger.
const WAGERS: u32 = 100_000;

/// A measured figure and the range in which chance leaves it.
struct Figure {
    what: String,
    measured: f64,
    from: f64,
    to: f64,
}

impl Figure {
    /// Pearson's statistic of counts against their expectations. `free` is its degrees of freedom.
    fn chi_square(what: &str, counts: &[(u64, f64)], free: usize) -> Self {
        let expected_enough = counts.iter().all(|(_, expected)| *expected >= 5.0);
        assert!(expected_enough, "{what}: too few are expected for the approximation");
        let statistic = |(count, expected): &(u64, f64)| {
            let off = *count as f64 - expected;
            off * off / expected
        };
        let distribution = ChiSquared::new(free as f64).expect("positive");
        Figure {
            what: format!("{what}: chi-square, {free} degrees of freedom"),
            measured: counts.iter().map(statistic).sum(),
            from: 0.0,
            to: distribution.inverse_cdf(1.0 - SIGNIFICANCE),
        }
    }

    /// Counts that should all be equal.
    fn uniform(what: &str, counts: &[u64]) -> Self {
        let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
        let counts: Vec<_> = counts.iter().map(|count| (*count, expected)).collect();
        Figure::chi_square(what, &counts, counts.len() - 1)
    }

    /// A mean whose standard error is known.
    fn mean(what: &str, measured: f64, expected: f64, error: f64) -> Self {
        let normal = Normal::new(0.0, 1.0).expect("the standard one");
        let tolerance = error * normal.inverse_cdf(1.0 - SIGNIFICANCE / 2.0);
        Figure {
            what: what.to_owned(),
            measured,
            from: expected - tolerance,
            to: expected + tolerance,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figure { what, measured, from, to } = self;
        write!(formatter, "{what}: {measured:.6} ({from:.6} to {to:.6})")
    }
}

fn judge(figures: &[Figure]) {
    for figure in figures {
        println!("{figure}");
        assert!((figure.from..=figure.to).contains(&figure.measured), "{figure}");
    }
}

/// Counts by a bucket number.
struct Histogram(Vec<u64>);

impl Histogram {
    fn new(buckets: usize) -> Self {
        Histogram(vec![0; buckets])
    }

    fn add(&mut self, bucket: usize) {
        *self.0.get_mut(bucket).expect("a bucket") += 1;
    }

    /// Of a value in `0..whole`.
    fn add_part(&mut self, value: i128, whole: i128) {
        self.add(part(value, whole, self.0.len()));
    }
}

fn part(value: i128, whole: i128, parts: usize) -> usize {
    let parts = i128::try_from(parts).expect("few");
    usize::try_from(value * parts / whole).expect("not negative")
}

/// A pool that is played without looking back.
struct Play {
    state: PoolState,
    at: Timestamp,
    random: ChaCha8Rng,
    wagered: i64,
    paid: i64,
}

impl Play {
    fn new(value: Value, seed: u64) -> Self {
        let Pool { state, at, random } = Pool::new(value, seed);
        Play { state, at, random, wagered: 0, paid: 0 }
    }

    fn spin(self, stake: Stake) -> (Self, Vec<Event>) {
        let Play { state, at, mut random, wagered, paid } = self;
        let command = Command::Spin { stakes: vec![stake] };
        let mut outside = Outside { at, random: &mut random };
        let (state, events) = apply(state, &command, &mut outside).expect("a valid wager");
        let paid = paid + common::paid(&events);
        let wagered = wagered + stake.minor_units().expect("small");
        (Play { state, at, random, wagered, paid }, events)
    }

    /// What was paid and what stands in the pool beyond one seed, as a share of the wagers: without
    /// the luck of the last cycle.
    fn returned(&self) -> f64 {
        let stands = self.state.meter.get() - units(self.state.config.seed_amount).get();
        (self.paid as f64 + stands as f64 / UNIT as f64) / self.wagered as f64
    }

    fn expected_return(&self) -> f64 {
        let share = return_to_player(&self.state.config).expect("determined");
        share.to_string().parse().expect("a number")
    }
}

/// One in 4000 units: how often each size of wager hits, how far hits lie apart, what comes back.
fn odds(wagers: u32, seed: u64) -> Vec<Figure> {
    const ONE_IN: i64 = 4_000;
    const SIZES: [i64; 6] = [5, 10, 20, 50, 100, 200];
    let mut play = Play::new(
        json!({
            "contribution_rate": "0.2", "seed_amount": 200,
            "trigger": {"kind": "odds", "one_in": ONE_IN},
        }),
        seed,
    );
    let mut choice = chance(seed + 1);
    let (mut placed, mut hits) = ([0u64; SIZES.len()], [0u64; SIZES.len()]);
    let mut draws = Histogram::new(20);
    for _ in 0..wagers {
        let size = usize::try_from(below(SIZES.len() as u128, &mut choice)).expect("small");
        let amount = *SIZES.get(size).expect("a size");
        let (next, events) = play.spin(Stake::new(amount));
        play = next;
        *placed.get_mut(size).expect("a size") += 1;
        for won in wins(&events) {
            *hits.get_mut(size).expect("a size") += 1;
            // Below the wager every draw is as likely.
            let Some(Evidence::Drawn { draw, below, .. }) = won.evidence else { continue };
            let fits = below % 20 == 0;
            if fits {
                draws.add_part(*draw as i128, *below as i128);
            }
        }
    }
    let chances = SIZES.map(|size| size as f64 / ONE_IN as f64);
    let mut counts = Vec::new();
    for ((placed, hits), chance) in placed.iter().zip(hits).zip(chances) {
        counts.push((hits, *placed as f64 * chance));
        counts.push((placed - hits, *placed as f64 * (1.0 - chance)));
    }
    let all_hits = play.state.totals.wins as f64;
    // The number of hits is nearly Poisson's; a hit costs a seed.
    let error = 200.0 * all_hits.sqrt() / play.wagered as f64;
    vec![
        Figure::chi_square("odds, hits by size of wager", &counts, SIZES.len()),
        Figure::uniform("odds, draws that hit", &draws.0),
        Figure::mean("odds, return to player", play.returned(), play.expected_return(), error),
    ]
}

/// Wagers of one size: the distance between hits is geometric, whatever came before.
fn odds_apart(wagers: u32, seed: u64) -> Vec<Figure> {
    const CHANCE: f64 = 0.02;
    // Half a unit of the pool's currency each, and one in 25 of those.
    let stake = Stake::converted(2, rate("0.25"));
    let mut play =
        Play::new(json!({"seed_amount": 1, "trigger": {"kind": "odds", "one_in": 25}}), seed);
    let mut distances = vec![0u64; 100];
    let (mut last, mut gaps) = (0, 0u64);
    let mut pairs = Histogram::new(4);
    let mut earlier = None;
    for wager in 1..=wagers {
        let (next, events) = play.spin(stake);
        play = next;
        if !wins(&events).is_empty() {
            let distance = usize::try_from(wager - last).expect("small");
            *distances.get_mut(distance.min(100) - 1).expect("a bucket") += 1;
            // Half of all distances are at most 34: 1 - 0.98^34 = 0.497.
            let short = usize::from(distance <= 34);
            match earlier.take() {
                Some(before) => pairs.add(2 * before + short),
                None => earlier = Some(short),
            }
            (last, gaps) = (wager, gaps + 1);
        }
    }
    let counts: Vec<(u64, f64)> = distances
        .chunks(5)
        .zip((0i32..).step_by(5))
        .map(|(counts, begin)| {
            let tail = |from: i32| (1.0 - CHANCE).powi(from);
            let end = if begin == 95 { 0.0 } else { tail(begin + 5) };
            (counts.iter().sum(), gaps as f64 * (tail(begin) - end))
        })
        .collect();
    let short = 1.0 - (1.0 - CHANCE).powi(34);
    let both = pairs.0.iter().sum::<u64>() as f64;
    let expected = [
        (1.0 - short) * (1.0 - short),
        (1.0 - short) * short,
        short * (1.0 - short),
        short * short,
    ];
    let independent: Vec<_> =
        pairs.0.iter().zip(expected).map(|(count, share)| (*count, both * share)).collect();
    let mean = f64::from(last) / gaps as f64;
    let error = (1.0 - CHANCE).sqrt() / CHANCE / (gaps as f64).sqrt();
    vec![
        Figure::chi_square("odds, wagers to a hit", &counts, counts.len() - 1),
        Figure::chi_square("odds, one cycle and the next", &independent, 3),
        Figure::mean("odds, mean wagers to a hit", mean, 1.0 / CHANCE, error),
    ]
}

/// Seed 1000, ceiling 2000, ten units of each wager of a hundred: at most 100 wagers to a hit.
fn must_hit_by(wagers: u32, seed: u64) -> Vec<Figure> {
    const LONGEST: u32 = 100;
    let mut play = Play::new(
        json!({
            "contribution_rate": "0.1", "seed_amount": 1_000, "max_amount": 2_000,
            "trigger": {"kind": "must_hit_by"},
        }),
        seed,
    );
    let mut thresholds = Histogram::new(50);
    let mut lengths = Histogram::new(LONGEST as usize);
    let mut pairs = Histogram::new(16);
    let mut earlier = None;
    let (mut last, mut hits, mut won) = (0, 0u32, 0i64);
    for wager in 1..=wagers {
        let (next, events) = play.spin(Stake::new(100));
        play = next;
        let wins = wins(&events);
        let Some(hit) = wins.first() else { continue };
        let threshold = hit.secret.and_then(threshold).expect("revealed");
        // The lowest micro above the seed is the first.
        let above = threshold.get() - units(1_000).get() - 1;
        thresholds.add_part(above, units(1_000).get());
        lengths.add(usize::try_from(wager - last - 1).expect("small"));
        let quarter = part(above, units(1_000).get(), 4);
        match earlier.take() {
            Some(before) => pairs.add(4 * before + quarter),
            None => earlier = Some(quarter),
        }
        (last, hits, won) = (wager, hits + 1, won + hit.win_amount);
    }
    // Uniform on 1..=100: the wager that reaches the threshold overshoots half of itself on average,
    // so the closed form, (max - seed) / (2 * rate), is half a wager less.
    let closed = (2_000.0 - 1_000.0) / (2.0 * 0.1) / 100.0;
    let longest = f64::from(LONGEST);
    let deviation = ((longest * longest - 1.0) / 12.0).sqrt() / f64::from(hits).sqrt();
    let mean = f64::from(last) / f64::from(hits);
    // A cycle that is a wager longer returns less: the seed by the square of the wagers to a hit.
    let error = 1_000.0 / 100.0 / (closed * closed) * deviation;
    let expected = 0.1 + 1_000.0 / 100.0 / (closed + 0.5);
    vec![
        Figure::uniform("must_hit_by, thresholds", &thresholds.0),
        Figure::uniform("must_hit_by, wagers to a hit", &lengths.0),
        Figure::uniform("must_hit_by, one cycle and the next", &pairs.0),
        Figure::mean("must_hit_by, mean wagers to a hit", mean, closed + 0.5, deviation),
        Figure::mean(
            "must_hit_by, mean win",
            won as f64 / f64::from(hits),
            (1_000.0 + 2_000.0) / 2.0 + 5.0,
            deviation * 10.0,
        ),
        Figure::mean(
            "must_hit_by, return to player of large wagers",
            play.returned(),
            expected,
            error,
        ),
    ]
}

/// The same with small wagers, so that the closed forms hold as they stand.
fn must_hit_by_small(wagers: u32, seed: u64) -> Vec<Figure> {
    let mut play = Play::new(
        json!({
            "contribution_rate": "0.1", "seed_amount": 1_000, "max_amount": 2_000,
            "trigger": {"kind": "must_hit_by"},
        }),
        seed,
    );
    let (mut last, mut hits) = (0, 0u32);
    for wager in 1..=wagers {
        let (next, events) = play.spin(Stake::new(10));
        play = next;
        if !wins(&events).is_empty() {
            (last, hits) = (wager, hits + 1);
        }
    }
    let closed = (2_000.0 - 1_000.0) / (2.0 * 0.1) / 10.0;
    let deviation = 1_000.0 / 12_f64.sqrt() / f64::from(hits).sqrt();
    let mean = f64::from(last) / f64::from(hits);
    let error = 1_000.0 / 10.0 / (closed * closed) * deviation;
    vec![
        Figure::mean("must_hit_by, mean small wagers to a hit", mean, closed, deviation),
        Figure::mean(
            "must_hit_by, return to player",
            play.returned(),
            play.expected_return(),
            error,
        ),
    ]
}

/// A wager every minute, a drop every three hours.
fn scheduled(wagers: u32, seed: u64) -> Vec<Figure> {
    const WINDOW: i64 = 180;
    let anchor = moment("2026-06-01T12:00:00Z");
    let mut play = Play::new(
        json!({
            "contribution_rate": "0.1", "seed_amount": 1_000,
            "trigger": {"kind": "scheduled", "every": "3 hours", "anchor": anchor.to_string()},
        }),
        seed,
    );
    let length = SignedDuration::from_mins(WINDOW);
    let mut moments = Histogram::new(36);
    let mut pairs = Histogram::new(16);
    let mut earlier = None;
    let mut late = Histogram::new(20);
    let mut drops = 0;
    for _ in 0..wagers {
        play.at += SignedDuration::from_mins(1);
        let at = play.at;
        let (next, events) = play.spin(Stake::new(10));
        play = next;
        let wins = wins(&events);
        let Some(hit) = wins.first() else { continue };
        let moment = hit.secret.and_then(hidden_moment).expect("revealed");
        let into = moment.duration_since(anchor).as_micros();
        // One drop for each window, none left out: not even when the one before has rolled over,
        // as the moments in the last minute do.
        assert_eq!(into.div_euclid(length.as_micros()), drops);
        drops += 1;
        let into = into.rem_euclid(length.as_micros());
        moments.add_part(into, length.as_micros());
        // The first wager at or after it: less than a minute later.
        late.add_part(at.duration_since(moment).as_micros(), 60_000_000);
        let quarter = part(into, length.as_micros(), 4);
        match earlier.take() {
            Some(before) => pairs.add(4 * before + quarter),
            None => earlier = Some(quarter),
        }
    }
    vec![
        Figure::uniform("scheduled, moments in the window", &moments.0),
        Figure::uniform("scheduled, one window and the next", &pairs.0),
        Figure::uniform("scheduled, delay of the wager that meets it", &late.0),
    ]
}

/// Whole numbers below bounds that do not divide a power of two.
fn draws(count: u32, seed: u64) -> Vec<Figure> {
    let mut random = chance(seed);
    let mut figures = Vec::new();
    for bound in [2_usize, 3, 7, 10, 100] {
        let mut drawn = Histogram::new(bound);
        for _ in 0..count {
            drawn.add(usize::try_from(below(bound as u128, &mut random)).expect("small"));
        }
        figures.push(Figure::uniform(&format!("draws below {bound}"), &drawn.0));
    }
    // A remainder would hit the lower half of these twice as often as the upper.
    for bound in [3_u128 << 62, 3 << 126, (1 << 64) + (1 << 63), (1 << 90) + 7] {
        let mut thirds = Histogram::new(6);
        for _ in 0..count {
            let drawn = below(bound, &mut random);
            thirds.add((0..6).filter(|sixth| drawn >= bound / 6 * sixth).count() - 1);
        }
        figures.push(Figure::uniform(&format!("draws below {bound}"), &thirds.0));
    }
    figures
}

#[test]
fn draws_are_uniform() {
    judge(&draws(20_000, 1));
}

#[test]
fn odds_hit_in_proportion_to_the_wager() {
    judge(&odds(WAGERS, 2));
}

#[test]
fn odds_know_nothing_of_what_came_before() {
    judge(&odds_apart(WAGERS, 3));
}

#[test]
fn thresholds_are_uniform_and_independent() {
    judge(&must_hit_by(WAGERS, 4));
}

#[test]
fn small_wagers_meet_the_closed_forms() {
    judge(&must_hit_by_small(WAGERS, 5));
}

#[test]
fn moments_are_uniform_and_independent() {
    judge(&scheduled(WAGERS, 6));
}

/// A machine that favours some numbers is found out.
#[test]
fn an_unfair_draw_is_noticed() {
    let mut random = chance(7);
    let mut counts = Histogram::new(3);
    for _ in 0..20_000 {
        // The remainder of five bits: 0 and 1 come 11 times in 32, 2 comes 10 times.
        counts.add(usize::try_from(random.next_u64() % 32 % 3).expect("small"));
    }
    let figure = Figure::uniform("a remainder of five bits", &counts.0);
    assert!(figure.measured > figure.to, "{figure}");
}

/// `cargo test --release -p jackpot-core -- --ignored --nocapture` prints the figures.
#[test]
#[ignore = "10^7 wagers: for a release build"]
fn ten_million_wagers() {
    const MANY: u32 = 10_000_000;
    let figures = [
        draws(MANY / 10, 11),
        odds(MANY, 12),
        odds_apart(MANY, 13),
        must_hit_by(MANY, 14),
        must_hit_by_small(MANY, 15),
        scheduled(MANY, 16),
    ];
    judge(&figures.into_iter().flatten().collect::<Vec<_>>());
}
