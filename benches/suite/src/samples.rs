//! Figures of all rounds: medians, and ratios taken within a round.

use std::collections::BTreeMap;

/// What a figure belongs to: the circumstances and the call.
pub type Place<'a> = (&'a str, &'a str);

/// Figures by place and name, one for each round in the order of the rounds.
#[derive(Default)]
pub struct Samples(BTreeMap<(String, String, &'static str), Vec<f64>>);

impl Samples {
    /// Adds the present round's figure.
    pub fn record(&mut self, place: Place, name: &'static str, value: f64) {
        self.0.entry((place.0.to_owned(), place.1.to_owned(), name)).or_default().push(value);
    }

    /// The median of the rounds.
    pub fn median(&self, place: Place, name: &'static str) -> Option<f64> {
        median(self.rounds(place, name)?.to_vec())
    }

    /// The median of the rounds' ratios. Machines have moods; two figures of one round share them.
    pub fn ratio(&self, of: Place, to: Place, name: &'static str) -> Option<f64> {
        self.compare(of, to, name, |of, to| of / to)
    }

    /// The median of the rounds' differences, for what comes on top of something.
    pub fn difference(&self, of: Place, to: Place, name: &'static str) -> Option<f64> {
        self.compare(of, to, name, |of, to| of - to)
    }

    fn compare(
        &self,
        of: Place,
        to: Place,
        name: &'static str,
        by: fn(f64, f64) -> f64,
    ) -> Option<f64> {
        let (of, to) = (self.rounds(of, name)?, self.rounds(to, name)?);
        median(of.iter().zip(to).map(|(of, to)| by(*of, *to)).collect())
    }

    fn rounds(&self, place: Place, name: &'static str) -> Option<&[f64]> {
        self.0.get(&(place.0.to_owned(), place.1.to_owned(), name)).map(Vec::as_slice)
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values.get(middle.checked_sub(1)?).map(|lower| f64::midpoint(*lower, upper))
}

#[cfg(test)]
mod tests {
    use super::Samples;

    #[test]
    fn ratios_are_taken_within_a_round() {
        let mut samples = Samples::default();
        for (fast, slow) in [(100.0, 50.0), (10.0, 1.0), (3.0, 1.0)] {
            samples.record(("", "fast"), "rate", fast);
            samples.record(("", "slow"), "rate", slow);
        }
        assert_eq!(samples.median(("", "fast"), "rate"), Some(10.0));
        assert_eq!(samples.ratio(("", "fast"), ("", "slow"), "rate"), Some(3.0));
        assert_eq!(samples.difference(("", "fast"), ("", "slow"), "rate"), Some(9.0));
        assert_eq!(samples.ratio(("", "fast"), ("", "absent"), "rate"), None);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let mut samples = Samples::default();
        samples.record(("", "call"), "rate", 1.0);
        samples.record(("", "call"), "rate", 4.0);
        assert_eq!(samples.median(("", "call"), "rate"), Some(2.5));
    }
}
