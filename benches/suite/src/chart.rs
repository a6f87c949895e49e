//! Charts as SVG, for a browser in light mode.

use crate::format::short;
use std::fmt::Write;

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 700.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 380.0;

/// Who a line or a bar belongs to. Colours that also the colour-blind tell apart (Okabe and Ito).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// What an INSERT does.
    Plain,
    /// Rows that are updated.
    Naive,
    /// The extension.
    Jackpot,
}

impl Family {
    fn colours(self) -> &'static [&'static str] {
        match self {
            Family::Plain => &["#444444", "#999999"],
            Family::Naive => &["#d55e00", "#e69f00", "#cc79a7"],
            Family::Jackpot => &["#0072b2", "#56b4e9", "#009e73", "#5e3c99"],
        }
    }
}

/// How far a value stands along an axis.
#[derive(Clone, Copy)]
pub struct Scale {
    logarithmic: bool,
    least: f64,
    most: f64,
}

impl Scale {
    /// By orders of magnitude, to the next power of ten at both ends.
    pub fn logarithmic(values: impl Iterator<Item = f64> + Clone) -> Self {
        let (least, most) = extent(values);
        let scale = |power: f64| 10_f64.powf(power);
        Scale {
            logarithmic: true,
            least: scale(least.log10().floor()),
            most: scale(most.log10().ceil()),
        }
    }

    /// From 0.
    pub fn linear(values: impl Iterator<Item = f64> + Clone) -> Self {
        let step = step(extent(values.clone()).1);
        Scale { logarithmic: false, least: 0.0, most: (extent(values).1 / step).ceil() * step }
    }

    /// By orders of magnitude, with room at both ends and no more.
    fn between(values: impl Iterator<Item = f64> + Clone) -> Self {
        let (least, most) = extent(values);
        Scale { logarithmic: true, least: least / 1.15, most: most * 1.15 }
    }

    fn share(self, value: f64) -> f64 {
        if self.logarithmic {
            (value / self.least).ln() / (self.most / self.least).ln()
        } else {
            (value - self.least) / (self.most - self.least)
        }
    }

    fn ticks(self) -> Vec<f64> {
        let (mut tick, mut ticks) = (self.least, Vec::new());
        while tick <= self.most * 1.0001 {
            ticks.push(tick);
            tick = if self.logarithmic { tick * 10.0 } else { tick + step(self.most) };
        }
        ticks
    }
}

fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (least, most) = values
        .filter(|value| value.is_finite() && *value > 0.0)
        .fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
    if most > 0.0 { (least, most) } else { (1.0, 10.0) }
}

/// A round step that gives four to ten of them.
fn step(most: f64) -> f64 {
    let unit = 10_f64.powf(most.log10().floor());
    match most / unit {
        share if share < 2.0 => unit / 5.0,
        share if share < 5.0 => unit / 2.0,
        _ => unit,
    }
}

/// One line or one colour of bars.
pub struct Series {
    /// Its name in the legend.
    pub label: &'static str,
    /// Whose it is.
    pub family: Family,
    /// Where it stands, and how high.
    pub points: Vec<(f64, f64)>,
}

/// Lines over a logarithmic axis of the values that were measured.
pub fn lines(title: &str, x_label: &str, y_label: &str, y: Scale, series: &[Series]) -> String {
    let mut chart = Chart::new(title, y_label, y);
    let mut places: Vec<f64> =
        series.iter().flat_map(|line| &line.points).map(|point| point.0).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let x = Scale::between(places.iter().copied());
    let across = |value: f64| LEFT + x.share(value) * (RIGHT - LEFT);
    for &place in &places {
        chart.text(across(place), BOTTOM + 20.0, "middle", &short(place));
    }
    chart.text(f64::midpoint(LEFT, RIGHT), BOTTOM + 44.0, "middle", x_label);
    for (number, line) in series.iter().enumerate() {
        let colour = colour(series, number);
        let points: Vec<_> =
            line.points.iter().filter(|point| point.1.is_finite() && point.1 > 0.0).collect();
        let path: Vec<_> = points
            .iter()
            .map(|point| format!("{:.1},{:.1}", across(point.0), chart.height(point.1)))
            .collect();
        chart.add(&format!(
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2.5"/>"#,
            path.join(" ")
        ));
        for point in points {
            let (x, y) = (across(point.0), chart.height(point.1));
            chart.add(&format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.5" fill="{colour}"/>"#));
        }
    }
    // In the order in which the lines end.
    let mut order: Vec<(usize, &Series)> = series.iter().enumerate().collect();
    let last = |line: &Series| line.points.last().map_or(0.0, |point| point.1);
    order.sort_by(|a, b| last(b.1).total_cmp(&last(a.1)));
    chart.legend(order.into_iter().map(|(number, line)| (colour(series, number), line.label)));
    chart.finish()
}

/// Bars side by side in groups; a point's first number is its group, from 0.
pub fn bars(title: &str, y_label: &str, y: Scale, groups: &[&str], series: &[Series]) -> String {
    let mut chart = Chart::new(title, y_label, y);
    let group_width = (RIGHT - LEFT) / groups.len().max(1) as f64;
    let bar_width = group_width * 0.8 / series.len().max(1) as f64;
    for (number, name) in groups.iter().enumerate() {
        let middle = LEFT + (number as f64 + 0.5) * group_width;
        for (line, words) in name.split('\n').enumerate() {
            chart.text(middle, BOTTOM + 20.0 + 16.0 * line as f64, "middle", words);
        }
    }
    for (number, bars) in series.iter().enumerate() {
        for &(group, value) in bars.points.iter().filter(|point| point.1.is_finite()) {
            let left = LEFT + (group + 0.1) * group_width + number as f64 * bar_width;
            let top = chart.height(value);
            chart.add(&format!(
                r#"<rect x="{left:.1}" y="{top:.1}" width="{:.1}" height="{:.1}" fill="{}"/>"#,
                bar_width - 2.0,
                (BOTTOM - top).max(0.5),
                colour(series, number)
            ));
            let decimals = if value < 10.0 { 2 } else { 0 };
            let label = format!("{value:.decimals$}");
            chart.text(left + bar_width / 2.0 - 1.0, top - 4.0, "middle", &label);
        }
    }
    chart.legend(
        series.iter().enumerate().map(|(number, bars)| (colour(series, number), bars.label)),
    );
    chart.finish()
}

/// The family's next colour.
fn colour(series: &[Series], number: usize) -> &'static str {
    let Some(this) = series.get(number) else { return "black" };
    let earlier = series.iter().take(number).filter(|other| other.family == this.family).count();
    this.family.colours().iter().cycle().nth(earlier).copied().unwrap_or("black")
}

/// What all charts have: frame, title, grid and legend.
struct Chart {
    text: String,
    y: Scale,
}

impl Chart {
    fn new(title: &str, y_label: &str, y: Scale) -> Self {
        let mut chart = Chart { text: String::new(), y };
        chart.add(&format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' \
             height='{HEIGHT}' font-family='system-ui, sans-serif' font-size='13'>"
        ));
        chart.add(r#"<rect width="100%" height="100%" fill="white"/>"#);
        chart.add(&format!(
            r#"<text x="{LEFT}" y="26" font-size="17" font-weight="600">{}</text>"#,
            escape(title)
        ));
        let middle = f64::midpoint(TOP, BOTTOM);
        chart.add(&format!(
            "<text transform='translate(20 {middle}) rotate(-90)' text-anchor='middle'>{}</text>",
            escape(y_label)
        ));
        for tick in y.ticks() {
            let height = chart.height(tick);
            chart.add(&format!(r##"<path d="M{LEFT} {height:.1}H{RIGHT}" stroke="#dddddd"/>"##));
            chart.text(LEFT - 8.0, height + 4.0, "end", &short(tick));
        }
        chart.add(&format!(
            r##"<path d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}" fill="none" stroke="#444444"/>"##
        ));
        chart
    }

    fn height(&self, value: f64) -> f64 {
        BOTTOM - self.y.share(value) * (BOTTOM - TOP)
    }

    fn add(&mut self, element: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{element}");
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, words: &str) {
        self.add(&format!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{}</text>"#,
            escape(words)
        ));
    }

    fn legend<'a>(&mut self, entries: impl Iterator<Item = (&'a str, &'a str)>) {
        let mut y = TOP + 10.0;
        for (colour, label) in entries {
            self.add(&format!(
                r#"<path d="M{} {y}h24" stroke="{colour}" stroke-width="4"/>"#,
                RIGHT + 16.0
            ));
            self.text(RIGHT + 48.0, y + 4.0, "start", label);
            y += 22.0;
        }
    }

    fn finish(mut self) -> String {
        self.add("</svg>");
        self.text
    }
}

fn escape(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('`', "")
}
