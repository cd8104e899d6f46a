//! A report as tables for people.

use super::winner;
use crate::cli::grid::{self, Column, Grid};
use crate::cli::replay::table::{interval, number, signed};
use crate::tune::{TuneReport, Tuned, Validated, number as written_number};
use std::fmt::Write;

/// A report for people, who have so many columns.
pub fn text(report: &TuneReport, written: &[String], width: Option<usize>) -> String {
    let mut text = format!("{} of query {}", report.maximize, report.query);
    for constraint in &report.constraints {
        let _ = write!(text, ", subject to {constraint}");
    }
    let failed = report.trials.iter().filter(|trial| trial.error.is_some()).count();
    let failed = if failed > 0 { format!(" ({failed} failed)") } else { String::new() };
    let _ = writeln!(
        text,
        "\n{} trials{failed}; {} requests train, {} validate, divided by {}",
        report.trials.len(),
        report.training.requests,
        report.validation.requests,
        report.divided_by,
    );
    for name in &report.unread {
        let _ = writeln!(text, "`{name}` makes no difference to the query and is left as it is");
    }
    text.push('\n');
    text.push_str(&tunables(report, width));
    if !report.validated.is_empty() {
        text.push_str(&validated(report, width));
    }
    text.push('\n');
    text.push_str(&grid::wrapped(&verdict(report, written), width.unwrap_or(usize::MAX)));
    text
}

/// The best trial so far, where none was validated.
fn best(report: &TuneReport) -> Option<usize> {
    let has_value = report.trials.iter().filter(|trial| !trial.value.is_nan());
    let best = has_value.max_by(|a, b| a.value.total_cmp(&b.value).then(b.number.cmp(&a.number)));
    best.filter(|_| report.stopped).map(|trial| trial.number)
}

fn tunables(report: &TuneReport, width: Option<usize>) -> String {
    let value = |tuned: &Tuned, value: f64| written_number(value, tuned.whole);
    let all = || report.tunables.iter();
    let range = |t: &Tuned| format!("{}..{}", value(t, t.low), value(t, t.high));
    let mut columns = vec![
        Column::new("tunable", all().map(|t| t.name.clone())),
        Column::new("range", all().map(range)).right().whole(),
        Column::new("value", all().map(|t| value(t, t.from))).right().whole(),
    ];
    let shown = winner(report).or_else(|| best(report));
    if let Some(trial) = shown.and_then(|number| report.trials.get(number - 1)) {
        let name = if report.winner.is_some() { "tuned" } else { "best so far" };
        let values = all().zip(&trial.values).map(|(tuned, &own)| value(tuned, own));
        columns.push(Column::new(name, values).right().whole());
    }
    if all().any(|tuned| tuned.importance.is_some()) {
        let share =
            |t: &Tuned| t.importance.map_or(String::new(), |x| format!("{:.0} %", 100.0 * x));
        columns.push(Column::new("importance", all().map(share)).right().whole());
    }
    let fixed = columns.len();
    Grid::new(columns, fixed).draw(width)
}

/// What a trial is called.
pub fn name(report: &TuneReport, validated: &Validated) -> String {
    match validated.trial {
        1 => "1 (as it is)".to_owned(),
        n if winner(report) == Some(n) => format!("{n} (tuned)"),
        n => n.to_string(),
    }
}

/// A mean with its interval, if it has one.
pub fn with_interval((mean, range): (f64, Option<(f64, f64)>)) -> String {
    match range {
        Some(_) => format!("{} ({})", number(mean), interval(range)),
        None => number(mean),
    }
}

fn validated(report: &TuneReport, width: Option<usize>) -> String {
    let all = || report.validated.iter();
    let name = |v: &Validated| name(report, v);
    let gain = |v: &Validated| v.gain.map_or(String::new(), |(mean, _)| signed(mean));
    let within = |v: &Validated| v.gain.map_or(String::new(), |(_, range)| interval(range));
    let p = |v: &Validated| match (v.gain, v.p) {
        (None, _) => String::new(),
        (_, Some(p)) => format!("{p:.4}"),
        (_, None) => "n/a".to_owned(),
    };
    let mut columns = vec![
        Column::new("trial", all().map(name)).whole(),
        Column::new("training", all().map(|v| with_interval(v.training))).right().whole(),
        Column::new("validation", all().map(|v| with_interval(v.validation))).right().whole(),
        Column::new("gain", all().map(gain)).right().whole(),
        Column::new("95 %", all().map(within)).right().whole(),
        Column::new("p", all().map(p)).right().whole(),
    ];
    for (at, constraint) in report.constraints.iter().enumerate() {
        let values = all().map(|v| number(v.constraints[at]));
        columns.push(Column::new(&constraint.metric.to_string(), values).right().whole());
    }
    if !report.constraints.is_empty() {
        let holds = |v: &Validated| if v.holds { "yes" } else { "no" }.to_owned();
        columns.push(Column::new("holds", all().map(holds)).whole());
    }
    let fixed = columns.len();
    Grid::new(columns, fixed).draw(width)
}

/// What came of it, in words.
pub fn verdict(report: &TuneReport, written: &[String]) -> String {
    let mut text = String::new();
    match (winner(report), &report.reason) {
        (Some(number), None) => {
            let _ = writeln!(text, "trial {number} is better for users it was not chosen by");
        }
        (Some(number), Some(reason)) => {
            let _ = writeln!(text, "trial {number} is taken as asked, although: {reason}");
        }
        (None, Some(reason)) if report.stopped => {
            let _ = writeln!(text, "{reason}");
        }
        (None, reason) => {
            let reason = reason.as_deref().unwrap_or("nothing was found");
            let _ = writeln!(text, "no change: {reason}");
        }
    }
    if let Some(detectable) = report.detectable.filter(|_| report.winner.is_none()) {
        let _ =
            writeln!(text, "these users can show a gain of about {} or more", number(detectable));
    }
    match (written, report.winner) {
        ([], Some(_)) => text.push_str("`--write` puts the values into the program\n"),
        ([], None) => {}
        (files, _) => {
            let _ = writeln!(text, "written: {}", files.join(", "));
        }
    }
    text
}
