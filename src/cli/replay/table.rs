//! A report as tables for people, and as CSV.

use super::super::grid::{self, Column, Grid};
use crate::replay::{
    Difference, Estimate, Group, Metric, ProgramReport, Report, SampleRatio, StageReport, Value,
};
use crate::visible::visible;
use std::fmt::Write;

/// A report for people, who have so many columns.
pub fn text(report: &Report, width: Option<usize>) -> String {
    let mut text = format!(
        "{} by {}, {} with truth",
        count(report.requests, "request"),
        count(report.users, "user"),
        report.with_truth
    );
    if report.unreachable > 0 {
        let _ = write!(text, "; {} of the truth cannot be seen by its request", report.unreachable);
    }
    text.push('\n');
    for (place, program) in report.programs.iter().enumerate() {
        let _ = write!(text, "\n{}", visible(&program.name));
        if report.baseline == Some(place) {
            text.push_str(" (baseline)");
        }
        let _ = writeln!(text, ": {} at the median", count(program.rows_median, "row"));
        text.push_str(&metrics(&program.metrics, width));
        text.push_str(&estimates(&program.estimates, width));
        text.push_str(&stages(&program.stages, width));
        for group in &program.groups {
            let Group { value, users, metrics } = group;
            let _ = writeln!(text, "{}: {}", visible(value), count(*users, "user"));
            text.push_str(&self::metrics(metrics, width));
        }
    }
    text.push_str(&ratios(&report.ratios, width));
    for note in notes(report) {
        text.push_str(&grid::wrapped(note, width.unwrap_or(usize::MAX)));
    }
    text
}

fn count(n: u64, noun: &str) -> String {
    match n {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    }
}

fn metrics(metrics: &[(Metric, Value)], width: Option<usize>) -> String {
    let names = metrics.iter().map(|(metric, _)| metric.to_string());
    let means = metrics.iter().map(|(_, value)| number(value.mean));
    let intervals = metrics.iter().map(|(_, value)| interval(value.interval));
    let mut columns = vec![
        Column::new("metric", names).whole(),
        Column::new("mean", means).right().whole(),
        Column::new("95 %", intervals).right().whole(),
    ];
    if metrics.iter().any(|(_, value)| value.against.is_some()) {
        let against = || metrics.iter().map(|(_, value)| value.against);
        let means = against().map(|a| a.map_or(String::new(), |a| signed(a.mean)));
        let intervals = against().map(|a| interval(a.and_then(|a| a.interval)));
        columns.push(Column::new("difference", means).right().whole());
        columns.push(Column::new("95 %", intervals).right().whole());
        columns.push(Column::new("p", against().map(p)).right().whole());
    }
    let fixed = columns.len();
    Grid::new(columns, fixed).draw(width)
}

fn stages(stages: &[StageReport], width: Option<usize>) -> String {
    if stages.is_empty() {
        return String::new();
    }
    let name = |stage: &StageReport| stage.name.clone().unwrap_or_default();
    let columns = vec![
        Column::new("stage", stages.iter().map(name)),
        Column::new("operator", stages.iter().map(|stage| stage.op.clone())),
        Column::new("rows", stages.iter().map(|stage| stage.rows.to_string())).right().whole(),
        Column::new("recall", stages.iter().map(|s| number(s.recall))).right().whole(),
        Column::new("lost", stages.iter().map(|s| number(s.lost))).right().whole(),
        Column::new("ndcg@10", stages.iter().map(|s| number(s.ndcg))).right().whole(),
    ];
    Grid::new(columns, 2).draw(width)
}

/// What users would have done.
fn estimates(estimates: &[Estimate], width: Option<usize>) -> String {
    if estimates.is_empty() {
        return String::new();
    }
    let cells: Vec<Vec<(&str, String)>> = estimates.iter().map(cells).collect();
    let column = |at: usize| {
        let of_estimate = cells.iter().map(|cells| cells[at].1.clone());
        Column::new(cells[0][at].0, of_estimate).right().whole()
    };
    let columns: Vec<Column> = (0..cells[0].len()).map(column).collect();
    let fixed = columns.len();
    Grid::new(columns, fixed).draw(width)
}

/// What is said of an estimate, by the heads of its columns.
pub fn cells(estimate: &Estimate) -> Vec<(&'static str, String)> {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let mut cells = vec![
        ("first", estimate.cut.to_string()),
        ("gain of a position", estimate.value.map_or("n/a".to_owned(), number)),
        ("95 %", interval(estimate.interval)),
        ("positions", estimate.positions.to_string()),
        ("matched", estimate.matched.to_string()),
        ("effective", format!("{:.1}", estimate.effective)),
        ("largest weight", format!("{:.1}", estimate.largest_weight)),
        ("unknown", percent(estimate.unknown)),
    ];
    cells.extend(estimate.unmodelled.map(|share| ("unmodelled", percent(share))));
    cells
}

/// Who was in which arm.
fn ratios(ratios: &[SampleRatio], width: Option<usize>) -> String {
    let arms = || ratios.iter().flat_map(|ratio| ratio.arms.iter().map(move |arm| (ratio, arm)));
    if ratios.is_empty() {
        return String::new();
    }
    let columns = vec![
        Column::new("experiment", arms().map(|(ratio, _)| ratio.experiment.clone())),
        Column::new("arm", arms().map(|(_, (arm, ..))| arm.clone())),
        Column::new("users", arms().map(|(_, (_, users, _))| users.to_string())).right().whole(),
        Column::new("share", arms().map(|(ratio, arm)| number(share(ratio, arm)))).right().whole(),
        Column::new("expected", arms().map(|(_, (.., share))| number(*share))).right().whole(),
        Column::new("p", arms().map(|(ratio, _)| number(ratio.p))).right().whole(),
    ];
    format!("\n{}", Grid::new(columns, 2).draw(width))
}

/// The share of the users of an experiment that are in an arm.
pub fn share(ratio: &SampleRatio, (_, users, _): &(String, u64, f64)) -> f64 {
    let all: u64 = ratio.arms.iter().map(|(_, users, _)| users).sum();
    *users as f64 / all as f64
}

/// What the columns mean.
fn notes(report: &Report) -> Vec<&'static str> {
    let is_compared =
        |metrics: &[(Metric, Value)]| metrics.iter().any(|(_, v)| v.against.is_some());
    let programs = || report.programs.iter();
    let mut notes = Vec::new();
    if programs().any(|p| is_compared(&p.metrics)) {
        notes.push(PAIRED);
    }
    if programs().any(|p| p.groups.iter().any(|group| is_compared(&group.metrics))) {
        notes.push(APART);
    }
    if programs().any(|p| !p.estimates.is_empty()) {
        notes.push(ESTIMATED);
    }
    notes
}

const PAIRED: &str = "p of the difference is by flipping signs of users; * is not adjusted for the number of comparisons\n";
const APART: &str = "differences between arms are between other users; p is by dividing them anew; * is not adjusted for the number of comparisons\n";
pub const ESTIMATED: &str = "estimates take it that what users do with a position does not depend on what stands at the others\n";

pub fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "n/a".to_owned(),
        value if value.abs() >= 100.0 => format!("{value:.1}"),
        value => format!("{value:.4}"),
    }
}

pub fn signed(value: f64) -> String {
    match value {
        value if value.is_nan() => "n/a".to_owned(),
        value if value.abs() >= 100.0 => format!("{value:+.1}"),
        value => format!("{value:+.4}"),
    }
}

pub fn interval(interval: Option<(f64, f64)>) -> String {
    interval.map_or("n/a".to_owned(), |(low, high)| format!("{}..{}", number(low), number(high)))
}

pub fn p(against: Option<Difference>) -> String {
    match against {
        None => String::new(),
        Some(Difference { p: None, .. }) => "n/a".to_owned(),
        Some(Difference { p: Some(p), adjusted: true, .. }) => format!("{p:.4}"),
        Some(Difference { p: Some(p), .. }) => format!("{p:.4}*"),
    }
}

/// One row per program and metric; those of groups say of which.
pub fn csv(report: &Report) -> String {
    let mut out = csv::Writer::from_writer(Vec::new());
    let head = [
        "file",
        "query",
        "metric",
        "mean",
        "low",
        "high",
        "difference",
        "difference_low",
        "difference_high",
        "p",
        "adjusted",
        "group",
    ];
    let _ = out.write_record(head);
    for program in &report.programs {
        for (metric, value) in &program.metrics {
            let _ = out.write_record(record(program, "", metric, value));
        }
        for group in &program.groups {
            for (metric, value) in &group.metrics {
                let _ = out.write_record(record(program, &group.value, metric, value));
            }
        }
        for estimate in &program.estimates {
            let metric = format!("gain@{}", estimate.cut);
            let _ = out.write_record(of_estimate(program, metric, estimate));
        }
    }
    let bytes = out.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An estimate as a metric.
fn of_estimate(program: &ProgramReport, metric: String, estimate: &Estimate) -> Vec<String> {
    let (low, high) = estimate.interval.unzip();
    let numbers = [estimate.value, low, high].map(plain);
    let mut fields = vec![program.name.clone(), program.query.clone(), metric];
    fields.extend(numbers);
    fields.resize(12, String::new());
    fields
}

fn plain(value: Option<f64>) -> String {
    value.filter(|value| !value.is_nan()).map_or(String::new(), |value| format!("{value:?}"))
}

fn record(program: &ProgramReport, group: &str, metric: &Metric, value: &Value) -> Vec<String> {
    let number = plain;
    let against = value.against;
    let within = |interval: Option<(f64, f64)>| {
        [number(interval.map(|(low, _)| low)), number(interval.map(|(_, high)| high))]
    };
    let mut fields = vec![
        program.name.clone(),
        program.query.clone(),
        metric.to_string(),
        number(Some(value.mean)),
    ];
    fields.extend(within(value.interval));
    fields.push(number(against.map(|a| a.mean)));
    fields.extend(within(against.and_then(|a| a.interval)));
    fields.push(number(against.and_then(|a| a.p)));
    fields.push(against.map_or(String::new(), |a| a.adjusted.to_string()));
    fields.push(group.to_owned());
    fields
}
