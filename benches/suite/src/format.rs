//! Figures as people read them.

/// With so many decimals and a comma at each thousand; empty where nothing was measured.
pub fn figure(value: Option<f64>, decimals: usize) -> String {
    let Some(value) = value else { return String::new() };
    let digits = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let mut text = if value < 0.0 { "-".to_owned() } else { String::new() };
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// Short, for the axes of charts: 20k, 1.5M.
pub fn short(value: f64) -> String {
    let (value, unit) = match value.abs() {
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{value:.3}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// What a figure is meant to reach.
#[derive(Clone, Copy)]
pub enum Target {
    /// Not less.
    AtLeast(f64),
    /// Not more.
    AtMost(f64),
}

impl Target {
    /// The target and whether the figure meets it.
    pub fn judge(self, value: Option<f64>) -> String {
        let (sign, bound, met) = match self {
            Target::AtLeast(bound) => ("≥", bound, value.is_some_and(|value| value >= bound)),
            Target::AtMost(bound) => ("≤", bound, value.is_some_and(|value| value <= bound)),
        };
        format!("{sign} {} {}", short(bound), if met { "met" } else { "missed" })
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, figure, short};

    #[test]
    fn figures() {
        assert_eq!(figure(Some(1_234_567.0), 0), "1,234,567");
        assert_eq!(figure(Some(999.0), 1), "999.0");
        assert_eq!(figure(None, 1), "");
        assert_eq!(short(1_500_000.0), "1.5M");
        assert_eq!(short(0.05), "0.05");
    }

    #[test]
    fn targets() {
        assert_eq!(Target::AtLeast(0.6).judge(Some(0.7)), "≥ 0.6 met");
        assert_eq!(Target::AtMost(400.0).judge(Some(401.0)), "≤ 400 missed");
        assert_eq!(Target::AtLeast(1.0).judge(None), "≥ 1 missed");
    }
}
