//! What became of declarations, for people and for machines.

use crate::cli::grid::{self, Column, Grid};
use crate::store::learned::Manifest;
use crate::train::{Item, Outcome, State};
use crate::types::time;
use serde_json::{Value as Json, json};
use std::fmt::Write;

pub fn table(items: &[Item]) -> String {
    if items.is_empty() {
        return "nothing to learn is declared\n".to_owned();
    }
    let cells = |f: &dyn Fn(&Item) -> String| items.iter().map(f).collect::<Vec<_>>();
    let columns = vec![
        Column::new("declaration", cells(&|i| format!("{} {}", i.kind.word(), i.name))),
        Column::new("on", cells(&|i| i.entities.join(", "))),
        Column::new("was", cells(&|i| i.state.reason().unwrap_or("up to date").to_owned())),
        Column::new("now", cells(&outcome)),
        Column::new("holds", cells(&holds)).right().whole(),
    ];
    let mut text = Grid::new(columns, 1).draw(grid::width());
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

fn version(item: &Item) -> Option<&Manifest> {
    match &item.outcome {
        Outcome::Trained(version) | Outcome::Kept(version) => Some(version),
        Outcome::Due { .. } | Outcome::Failed(_) => None,
    }
}

/// How much a version holds.
fn holds(item: &Item) -> String {
    let counts = version(item).map(|version| &version.counts);
    let held = ["links", "vectors", "examples", "lists", "rows"]
        .into_iter()
        .find_map(|what| Some((counts?.get(what)?, what)));
    held.map_or(String::new(), |(count, what)| format!("{count} {what}"))
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
