//! The training table of a model as a Parquet file.

use super::tables::{Failed, shown};
use crate::catalog::schema::Schema;
use crate::check::Trained;
use crate::cli::out::{self, Place};
use crate::cli::{Failure, progress};
use crate::engine::Engine;
use crate::train::examples::{Alarm, Suspects, Table};
use crate::types::Value;
use crate::wire::{Encoder, FlatColumn, Format, Packing, Sink};
use std::path::Path;
use std::sync::Arc;

/// Rows that are encoded together.
const ROWS: usize = 1_024;

/// Writes the table of a model into a folder, which is made if it is missing, and says what it found.
pub(super) fn dump(
    engine: &Engine,
    model: &Arc<Trained>,
    folder: &Path,
    (until, log): (i64, Option<&Path>),
) -> Result<(), Failed> {
    if let Some(teacher) = &model.teacher {
        let (name, query) = (&model.name, &teacher.query);
        out::say(format_args!(
            "{name}: it learns from lists of candidates, and has no table: `{query}`"
        ));
        return Ok(());
    }
    let (table, left_out) = match log {
        Some(log) => Table::of_log(engine, model, log, until).map_err(Failed::Log)?,
        None => (Table::new(engine, model, until).map_err(Failed::Train)?, Vec::new()),
    };
    let entity = &engine.schema().entity(model.entity).name;
    let path = folder.join(format!("{entity}.{}.parquet", model.name));
    let alarms = write(engine.schema(), &table, folder, &path)?;
    out::say(format_args!("{}: {} examples before {}", path.display(), table.len(), shown(until)));
    for line in left_out.into_iter().chain(notes(&table, &alarms)) {
        out::say(format_args!("{}: {line}", model.name));
    }
    Ok(())
}

/// Writes the rows, a block at a time; returns what is suspicious about them.
fn write(schema: &Schema, table: &Table, folder: &Path, path: &Path) -> Result<Vec<Alarm>, Failed> {
    let unwritable = |e| Failure::Usage(format!("--dump {}: {e}", folder.display()));
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let encoder = Encoder::of_table(Format::Parquet, columns(schema, table));
    let (sink, pending) = Place::File(path.to_owned()).open(Packing::Plain)?;
    let bar = progress::on_terminal();
    let mut writer = encoder.writer(sink).map_err(|e| pending.failed(&e))?;
    let mut suspects = Suspects::new(table);
    for number in 0..table.blocks() {
        let block = table.block(number, 0).map_err(Failed::Train)?;
        suspects.take(number, &block);
        for start in (0..block.len()).step_by(ROWS) {
            let rows = block.part(start..block.len().min(start + ROWS)).values();
            let rows: Vec<Vec<Value>> =
                rows.iter().map(|row| row.iter().map(plain).collect()).collect();
            let written = encoder.encode_rows(&rows).and_then(|rows| writer.write(rows));
            written.map_err(|e| pending.failed(&e))?;
        }
        bar.report(&table.model().name, (number + 1) as u64, table.blocks() as u64);
    }
    progress::clear();
    pending.finish(writer.finish().and_then(Sink::finish))?;
    Ok(suspects.alarms())
}

/// The columns of the file: names that are taken get a `_` behind them.
fn columns(schema: &Schema, table: &Table) -> Vec<FlatColumn> {
    let mut columns: Vec<FlatColumn> = Vec::new();
    for (mut name, ty) in table.header() {
        while columns.iter().any(|column| column.name == name) {
            name.push('_');
        }
        columns.push(FlatColumn { name, ty: schema.plain(&ty) });
    }
    columns
}

fn plain(value: &Value) -> Value {
    match value {
        Value::Id(key) => key.clone().plain(),
        Value::List(items) => Value::List(items.iter().map(plain).collect()),
        other => other.clone(),
    }
}

/// What is left out, what is slow, what is suspicious.
fn notes(table: &Table, alarms: &[Alarm]) -> Vec<String> {
    let mut notes = Vec::new();
    if table.untimed() > 0 {
        notes.push(format!("{} links without a time are no examples", table.untimed()));
    }
    if table.left_out() > 0 {
        notes.push(format!("{} older links are left out (`max_examples`)", table.left_out()));
    }
    for (feature, share) in table.scans() {
        let share = share * 100.0;
        notes.push(format!("`{feature}` looks at links one by one: {share:.0} % of the time"));
    }
    if table.reads_what_is_served() {
        let message = "its features read versions that are served, which were learned from links after the examples as \
                       well; in training each slice of the examples reads versions of before it";
        notes.push(format!("warning: {message}"));
    }
    notes.extend(alarms.iter().map(|alarm| format!("warning: {alarm}")));
    notes
}
