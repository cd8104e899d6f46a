//! A report as tables for people, and as CSV.

use super::super::grid::{self, Column, Grid};
use crate::replay::{Difference, Group, Metric, ProgramReport, Report, StageReport, Value};
use crate::visible::visible;
use std::fmt::Write;

/// A report for people.
pub fn text(report: &Report) -> String {
    let width = grid::width();
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
        text.push_str(&stages(&program.stages, width));
        for group in &program.groups {
            let Group { value, users, metrics } = group;
            let _ = writeln!(text, "{}: {}", visible(value), count(*users, "user"));
            text.push_str(&self::metrics(metrics, width));
        }
    }
    if let Some(note) = note(report) {
        text.push_str(&grid::wrapped(&note, width.unwrap_or(usize::MAX)));
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

/// What the columns of a comparison mean.
fn note(report: &Report) -> Option<String> {
    let mut values = report.programs.iter().flat_map(|p| &p.metrics);
    let compared = values.any(|(_, value)| value.against.is_some());
    let note = "p of the difference is by flipping signs of users; * is not adjusted for the number of comparisons\n";
    compared.then(|| note.to_owned())
}

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

/// One row per program and metric.
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
    ];
    let _ = out.write_record(head);
    for program in &report.programs {
        for (metric, value) in &program.metrics {
            let _ = out.write_record(record(program, metric, value));
        }
    }
    let bytes = out.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn record(program: &ProgramReport, metric: &Metric, value: &Value) -> Vec<String> {
    let number = |value: Option<f64>| {
        value.filter(|value| !value.is_nan()).map_or(String::new(), |value| format!("{value:?}"))
    };
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
    fields
}
