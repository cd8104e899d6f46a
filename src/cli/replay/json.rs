//! A report as JSON.

use crate::replay::{
    Difference, Estimate, Foreknown, Metric, ProgramReport, Report, SampleRatio, StageReport, Value,
};
use crate::types::time;
use serde_json::{Map, Value as Json, json};

pub fn report(report: &Report) -> Json {
    let mut object = json!({
        "requests": report.requests,
        "with_truth": report.with_truth,
        "unreachable": report.unreachable,
        "users": report.users,
        "baseline": report.baseline.map(|place| &report.programs[place].name),
        "programs": report.programs.iter().map(program).collect::<Vec<_>>(),
        "warnings": report.warnings,
    });
    if !report.ratios.is_empty() {
        object["sample_ratios"] = report.ratios.iter().map(ratio).collect();
    }
    if !report.foreknown.is_empty() {
        let one = |known: &Foreknown| {
            json!({
                "program": known.program,
                "version": known.version,
                "until": time::text(known.until),
                "requests": known.requests,
            })
        };
        object["foreknown"] = report.foreknown.iter().map(one).collect();
    }
    object
}

fn ratio(ratio: &SampleRatio) -> Json {
    let arm = |(arm, users, share): &(String, u64, f64)| json!({"arm": arm, "users": users, "expected": share});
    json!({
        "experiment": ratio.experiment,
        "arms": ratio.arms.iter().map(arm).collect::<Vec<_>>(),
        "chi_square": ratio.chi_square,
        "p": ratio.p,
    })
}

/// `value` is null where there is no estimate, and `refused` says why.
fn estimate(estimate: &Estimate) -> Json {
    let (low, high) = estimate.interval.unzip();
    let mut object = json!({
        "first": estimate.cut,
        "value": estimate.value,
        "low": low,
        "high": high,
        "positions": estimate.positions,
        "matched": estimate.matched,
        "effective": estimate.effective,
        "largest_weight": estimate.largest_weight,
        "unknown": estimate.unknown,
        "refused": estimate.refusal(),
    });
    if let Some(share) = estimate.unmodelled {
        object["unmodelled"] = json!(share);
    }
    object
}

fn program(program: &ProgramReport) -> Json {
    let mut object = json!({
        "file": program.name,
        "query": program.query,
        "metrics": metrics(&program.metrics),
        "stages": program.stages.iter().map(stage).collect::<Vec<_>>(),
        "rows_median": program.rows_median,
        "p50_us": program.p50_us,
        "p99_us": program.p99_us,
    });
    if !program.groups.is_empty() {
        let group = |g: &crate::replay::Group| json!({"value": g.value, "users": g.users, "metrics": metrics(&g.metrics)});
        object["groups"] = program.groups.iter().map(group).collect();
    }
    if !program.estimates.is_empty() {
        object["estimates"] = program.estimates.iter().map(estimate).collect();
    }
    object
}

fn metrics(metrics: &[(Metric, Value)]) -> Json {
    let named = metrics.iter().map(|(metric, value)| (metric.to_string(), self::value(value)));
    Json::Object(named.collect())
}

/// `difference` and what belongs to it are there where there is a baseline, `low` and `high` where there are enough
/// users. What is not a number is null.
fn value(value: &Value) -> Json {
    let mut object = Map::new();
    object.insert("mean".to_owned(), json!(value.mean));
    if let Some((low, high)) = value.interval {
        object.insert("low".to_owned(), json!(low));
        object.insert("high".to_owned(), json!(high));
    }
    if let Some(Difference { mean, interval, p, adjusted }) = value.against {
        object.insert("difference".to_owned(), json!(mean));
        if let Some((low, high)) = interval {
            object.insert("difference_low".to_owned(), json!(low));
            object.insert("difference_high".to_owned(), json!(high));
        }
        object.insert("p".to_owned(), json!(p));
        object.insert("adjusted".to_owned(), json!(adjusted));
    }
    Json::Object(object)
}

fn stage(stage: &StageReport) -> Json {
    json!({
        "name": stage.name,
        "op": stage.op,
        "rows": stage.rows,
        "recall": stage.recall,
        "lost": stage.lost,
        "ndcg@10": stage.ndcg,
    })
}
