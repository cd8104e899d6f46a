//! Vectors: how many rows have one, what is near, and what classifiers make of them.

use super::{Told, percent, table, table_row};
use crate::batch::ColumnView;
use crate::cli::plan::escape;
use crate::engine::Engine;
use crate::store::learned::{Manifest, SpaceCourse};
use crate::types::{Key, NULL_CODE, Type};

pub fn section(told: &Told, version: &Manifest, spaces: &[SpaceCourse]) -> String {
    let spaces = spaces.iter().map(|space| of_entity(told.engine, space)).collect::<String>();
    spaces + &classifiers(told, version)
}

fn of_entity(engine: &Engine, space: &SpaceCourse) -> String {
    let covered = (space.rows > 0).then(|| space.vectors as f64 / space.rows as f64);
    let overlap = match (&space.before, space.overlap) {
        (Some(before), Some(overlap)) => {
            format!(
                "; {} of the ten nearest are those of {}",
                percent(Some(overlap)),
                escape(before)
            )
        }
        _ => "; there is no version before to compare it with".to_owned(),
    };
    let rows = space.near.iter().map(|near| {
        let nearest = near.nearest.iter().map(|(key, cosine)| {
            format!(
                "{} <span class=\"soft\">{cosine:.3}</span>",
                escape(&named(engine, space, key))
            )
        });
        let nearest = nearest.collect::<Vec<_>>().join(" · ");
        format!(
            "<tr><td class=\"wide\">{}</td><td class=\"wide\">{nearest}</td></tr>",
            escape(&named(engine, space, &near.key))
        )
    });
    format!(
        "<h3>Vectors of {}</h3><p>{} of {} rows have one ({}){overlap}</p>{}",
        escape(&space.entity),
        space.vectors,
        space.rows,
        percent(covered),
        table(&["row", "nearest, with cosines"], &rows.collect::<String>())
    )
}

/// A key, with the text that people know the row by, if there is one.
fn named(engine: &Engine, space: &SpaceCourse, key: &str) -> String {
    match text_of(engine, &space.entity, key) {
        Some(text) => format!("{text} ({key})"),
        None => key.to_owned(),
    }
}

/// The text of a row in a column of the text that people know rows by.
fn text_of(engine: &Engine, entity: &str, key: &str) -> Option<String> {
    let (schema, snapshot) = (engine.schema(), engine.snapshot());
    let entity = schema.find_entity(entity)?;
    let columns = &schema.entity(entity).columns;
    let is_called = |name: &&str| {
        columns.iter().position(|column| column.name == **name && column.ty == Type::String)
    };
    let column = ["title", "name", "headline", "label"].iter().find_map(is_called)?;
    let row = key.parse().ok().and_then(|key| snapshot.row_of(entity, &Key::Int(key)));
    let row = row.or_else(|| snapshot.row_of(entity, &Key::Str(key.to_owned())))?;
    match snapshot.column(entity, column) {
        ColumnView::Code(codes) if codes[row as usize] != NULL_CODE => {
            Some(snapshot.string(codes[row as usize]).to_owned())
        }
        _ => None,
    }
}

/// What classifiers reach that were trained on the vectors of a version.
fn classifiers(told: &Told, version: &Manifest) -> String {
    let label = format!("{} {}", version.kind.word(), version.label());
    let all = told.versions.iter().map(|version| &version.manifest);
    let own = all.filter(|m| m.learner == "classifier" && m.upstream.contains(&label));
    let names = ["accuracy", "macro_f1", "top3", "majority", "log_loss", "l2"];
    let row = |m: &Manifest| {
        let values =
            names.map(|name| m.metrics.get(name).map_or(String::new(), |v| format!("{v:.4}")));
        let name = m.label();
        let mut cells = vec![(name.as_str(), "code")];
        cells.extend(values.iter().map(|value| (value.as_str(), "n")));
        table_row(&cells)
    };
    let rows: String = own.map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let heads =
        ["classifier", "accuracy|", "macro F1|", "top 3|", "most frequent|", "log loss|", "l2|"];
    format!("<h3>Classifiers on it</h3>{}", table(&heads, &rows))
}
