//! What became of declarations, for people and for machines.

use crate::cli::grid::{Column, Grid};
use crate::store::learned::{HeadCourse, Manifest, PartCourse};
use crate::train::{Item, Outcome, State, duration, headline};
use crate::types::time;
use serde_json::{Value as Json, json};
use std::fmt::Write;

pub fn table(items: &[Item], width: Option<usize>) -> String {
    if items.is_empty() {
        return "nothing to learn is declared\n".to_owned();
    }
    let cells = |f: &dyn Fn(&Item) -> String| items.iter().map(f).collect::<Vec<_>>();
    let mut columns = vec![
        Column::new("declaration", cells(&|i| format!("{} {}", i.kind.word(), i.name))),
        Column::new("on", cells(&|i| i.entities.join(", "))),
        Column::new("was", cells(&|i| i.state.reason().unwrap_or("up to date").to_owned())),
        Column::new("now", cells(&outcome)),
        Column::new("holds", cells(&holds)).right().whole(),
    ];
    // of edges nothing is measured, and what is only due took no time
    let measured = cells(&|item| version(item).map_or(String::new(), headline));
    if measured.iter().any(|cell| !cell.is_empty()) {
        columns.push(Column::new("measured", measured).whole());
    }
    if items.iter().any(|item| version(item).is_some()) {
        columns.push(Column::new("took", cells(&took)).right().whole());
    }
    let mut text = Grid::new(columns, 1).draw(width);
    let heads = |version| heads(version, width);
    text.extend(items.iter().filter_map(version).filter_map(heads));
    for item in items {
        if let Outcome::Failed(why) = &item.outcome {
            let _ = writeln!(text, "{} {}: {why}", item.kind.word(), item.name);
        }
    }
    text
}

fn outcome(item: &Item) -> String {
    match &item.outcome {
        Outcome::Trained(version) | Outcome::Kept(version) => version.label(),
        Outcome::Due { bytes } => format!("due, up to {} MB", bytes.div_ceil(1_000_000)),
        Outcome::Failed(_) => "failed".to_owned(),
    }
}

pub fn version(item: &Item) -> Option<&Manifest> {
    match &item.outcome {
        Outcome::Trained(version) | Outcome::Kept(version) => Some(version),
        Outcome::Due { .. } | Outcome::Failed(_) => None,
    }
}

/// How much a version holds.
pub fn holds(item: &Item) -> String {
    let counts = version(item).map(|version| &version.counts);
    let held = ["links", "vectors", "examples", "lists", "rows"]
        .into_iter()
        .find_map(|what| Some((counts?.get(what)?, what)));
    held.map_or(String::new(), |(count, what)| format!("{count} {what}"))
}

/// How long the training took that gave the version, in a room that does not depend on it.
fn took(item: &Item) -> String {
    version(item).map_or(String::new(), |version| format!("{:>7}", duration(version.seconds)))
}

/// The heads of a model that has several, in the test part, or in that for validation without one; beside them what needs
/// no model.
pub fn heads(version: &Manifest, width: Option<usize>) -> Option<String> {
    let course = version.course.as_ref()?;
    let part = ["test", "validation"].into_iter().find(|part| {
        let mut parts = course.heads.iter().flat_map(|head| &head.parts);
        parts.any(|own| own.part == *part)
    })?;
    let own = |head: &HeadCourse| head.parts.iter().find(|own| own.part == part).cloned();
    let all = course.heads.iter().map(|head| (head, own(head).unwrap_or_default()));
    let all: Vec<(&HeadCourse, PartCourse)> = all.collect();
    if all.len() < 2 {
        return None;
    }
    let cells =
        |f: &dyn Fn(&PartCourse) -> String| all.iter().map(|(_, part)| f(part)).collect::<Vec<_>>();
    let number = |name: &'static str| {
        let column = cells(&|part| shown(part.metrics().get(name)));
        move |title: &str| Column::new(title, column.clone()).right().whole()
    };
    let rate = |of: fn(&PartCourse) -> Option<&f64>| cells(&|part| shown(of(part)));
    let columns = vec![
        Column::new("head", all.iter().map(|(head, _)| head.name.clone())),
        Column::new("examples", cells(&|part| part.examples.to_string())).right().whole(),
        Column::new("positives", cells(&|part| part.positives.to_string())).right().whole(),
        number("base_rate")("base rate"),
        number("auc")("AUC"),
        number("gauc")("GAUC"),
        number("ne")("NE"),
        number("ece")("ECE"),
        Column::new("base NE", rate(|part| part.base_rate.get("ne"))).right().whole(),
        Column::new("item NE", rate(|part| part.item_rate.get("ne"))).right().whole(),
    ];
    let title = format!("\n{} in the {part} part\n", version.label());
    Some(title + &Grid::new(columns, 1).draw(width))
}

fn shown(value: Option<&f64>) -> String {
    value.map_or(String::new(), |value| format!("{value:.4}"))
}

pub fn json(items: &[Item]) -> Json {
    json!({ "items": items.iter().map(item).collect::<Vec<_>>() })
}

fn item(item: &Item) -> Json {
    let (outcome, error) = match &item.outcome {
        Outcome::Trained(_) => ("trained", None),
        Outcome::Kept(_) => ("kept", None),
        Outcome::Due { .. } => ("due", None),
        Outcome::Failed(why) => ("failed", Some(why.as_str())),
    };
    let bytes = match &item.outcome {
        Outcome::Due { bytes } => Some(bytes),
        _ => None,
    };
    json!({
        "kind": item.kind.word(),
        "name": item.name,
        "entities": item.entities,
        "declaration": item.declaration,
        "stale": item.state.reason(),
        "before": before(&item.state),
        "outcome": outcome,
        "version": version(item).map(manifest),
        "max_bytes": bytes,
        "error": error,
        "notes": item.notes,
    })
}

fn before(state: &State) -> Option<String> {
    state.version().map(|version| version.label())
}

/// A version.
pub fn manifest(version: &Manifest) -> Json {
    let mut json = serde_json::to_value(version).unwrap_or_default();
    json["until"] = time::text(version.until).unwrap_or_default().into();
    json["trained"] = time::text(version.trained).unwrap_or_default().into();
    json
}
