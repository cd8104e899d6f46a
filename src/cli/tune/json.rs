//! A report as JSON.

use super::{mean_and_interval, winner};
use crate::tune::{Part, Trial, TuneReport, Tuned, Validated};
use serde_json::{Map, Value as Json, json};

pub fn report(report: &TuneReport, written: &[String]) -> Json {
    json!({
        "query": report.query,
        "maximize": report.maximize.to_string(),
        "subject_to": report.constraints.iter().map(|c| c.to_string()).collect::<Vec<_>>(),
        "divided_by": report.divided_by,
        "training": part(&report.training),
        "validation": part(&report.validation),
        "tunables": report.tunables.iter().map(tunable).collect::<Vec<_>>(),
        "unread": report.unread,
        "trials": report.trials.iter().map(|t| trial(report, t)).collect::<Vec<_>>(),
        "validated": report.validated.iter().map(|v| validated(report, v)).collect::<Vec<_>>(),
        "winner": winner(report),
        "reason": report.reason,
        "detectable": report.detectable,
        "stopped": report.stopped,
        "written": written,
        "warnings": report.warnings,
    })
}

fn part(part: &Part) -> Json {
    json!({"requests": part.requests, "users": part.users})
}

/// A value as it would stand in a program.
fn value(tuned: &Tuned, value: f64) -> Json {
    if tuned.whole { json!(value as i64) } else { json!(value) }
}

fn tunable(tuned: &Tuned) -> Json {
    json!({
        "name": tuned.name,
        "low": value(tuned, tuned.low),
        "high": value(tuned, tuned.high),
        "from": value(tuned, tuned.from),
        "to": value(tuned, tuned.to),
        "importance": tuned.importance,
    })
}

/// By name.
fn values(report: &TuneReport, trial: &Trial) -> Map<String, Json> {
    let named = report.tunables.iter().zip(&trial.values);
    named.map(|(tuned, &own)| (tuned.name.clone(), value(tuned, own))).collect()
}

fn constraints(report: &TuneReport, values: &[f64]) -> Map<String, Json> {
    let named = report.constraints.iter().zip(values);
    named.map(|(constraint, value)| (constraint.to_string(), json!(value))).collect()
}

fn trial(report: &TuneReport, trial: &Trial) -> Json {
    let mut object = json!({
        "trial": trial.number,
        "values": values(report, trial),
        "value": trial.value,
        "constraints": constraints(report, &trial.constraints),
    });
    if let Some(error) = &trial.error {
        object["error"] = json!(error);
    }
    object
}

fn validated(report: &TuneReport, validated: &Validated) -> Json {
    json!({
        "trial": validated.trial,
        "training": mean_and_interval(validated.training),
        "validation": mean_and_interval(validated.validation),
        "gain": validated.gain.map(mean_and_interval),
        "p": validated.p,
        "constraints": constraints(report, &validated.constraints),
        "holds": validated.holds,
    })
}
