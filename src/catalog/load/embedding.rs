//! The sections of embeddings.

use super::names::Names;
use super::table::on_error;
use crate::catalog::DataError;
use crate::catalog::config::{Embedding, MOST_NEIGHBOURS, VectorFile};
use crate::catalog::schema::{Metric, Storage};
use crate::catalog::section::{At, Section};

/// More is as good as exact, and slower.
const MOST_EF: u32 = 100_000;

const KEYS: [&str; 10] = [
    "entity",
    "file",
    "metric",
    "neighbours",
    "ef",
    "storage",
    "key",
    "keys",
    "column",
    "on_error",
];

/// `[embedding.NAME]`.
pub(super) fn embedding(
    name: String,
    section: &Section<'_>,
    names: &Names,
) -> Result<Embedding, DataError> {
    section.only(&KEYS)?;
    let parts = parts(section, names)?;
    let on_error = on_error(section)?;
    let neighbours = section.number("neighbours", 1, MOST_NEIGHBOURS)?;
    let ef = section.number("ef", 1, MOST_EF)?;
    Ok(Embedding {
        name,
        line: section.line,
        metric: metric(section)?,
        neighbours: neighbours.map_or(0, |n| n.value),
        ef: ef.map_or(0, |n| n.value),
        storage: storage(section)?,
        parts,
        on_error,
    })
}

/// The vectors of each entity.
fn parts(section: &Section<'_>, names: &Names) -> Result<Vec<VectorFile>, DataError> {
    let (entities, files) = entities_and_files(section)?;
    let count = files.value.len();
    let keys = per_file(section, "key", count)?;
    let mut key_files = key_files(section, count)?.into_iter();
    let columns = per_file(section, "column", count)?;
    let rest = files.value.into_iter().zip(keys).zip(columns);
    let mut parts: Vec<VectorFile> = Vec::new();
    for (value, ((file, key), column)) in entities.value.into_iter().zip(rest) {
        let line = entities.line;
        let entity = names.entity(section, &At { value, line })?;
        if parts.iter().any(|p| p.entity == entity) {
            let message = format!("`[{}]` names an entity twice", section.name);
            return Err(section.error(line, message));
        }
        parts.push(VectorFile {
            entity,
            file,
            key,
            keys: key_files.next(),
            column,
            line: files.line,
        });
    }
    Ok(parts)
}

type Listed = At<Vec<String>>;

/// `entity` and `file`: two lists of one length.
fn entities_and_files(section: &Section<'_>) -> Result<(Listed, Listed), DataError> {
    let entities = section.strings("entity")?;
    let entities = entities.ok_or_else(|| section.missing("entity", "\"ENTITY\""))?;
    let files = section.strings("file")?;
    let files = files.ok_or_else(|| section.missing("file", "\"vectors.npy\""))?;
    let (e, f) = (entities.value.len(), files.value.len());
    if e != f || f == 0 {
        let name = &section.name;
        let message = format!("`[{name}]` has {e} entities but {f} files: it needs one file each");
        return Err(section.error(files.line, message));
    }
    Ok((entities, files))
}

/// The files that hold the keys of the vectors, one per file of vectors; empty if they are not given.
fn key_files(section: &Section<'_>, files: usize) -> Result<Vec<String>, DataError> {
    let Some(keys) = section.strings("keys")? else {
        return Ok(Vec::new());
    };
    if keys.value.len() != files {
        let count = keys.value.len();
        let message = format!("`keys` names {count} files for {files} files of vectors");
        return Err(section.error(keys.line, message));
    }
    Ok(keys.value)
}

/// A key that holds one name for all files or one each.
fn per_file(
    section: &Section<'_>,
    key: &str,
    files: usize,
) -> Result<Vec<Option<String>>, DataError> {
    let Some(names) = section.strings(key)? else {
        return Ok(vec![None; files]);
    };
    match names.value.len() {
        1 => Ok(vec![Some(names.value[0].clone()); files]),
        n if n == files => Ok(names.value.into_iter().map(Some).collect()),
        n => Err(section.error(names.line, format!("`{key}` lists {n} columns for {files} files"))),
    }
}

fn metric(section: &Section<'_>) -> Result<Metric, DataError> {
    let name = section.need_string("metric", "\"cosine\"` or `\"dot\"`, `\"l2\"")?;
    match name.value.as_str() {
        "cosine" => Ok(Metric::Cosine),
        "dot" => Ok(Metric::Dot),
        "l2" => Ok(Metric::L2),
        other => {
            let error = section.error(name.line, format!("unknown metric `{other}`"));
            Err(error.help("the metrics are `cosine`, `dot` and `l2`"))
        }
    }
}

fn storage(section: &Section<'_>) -> Result<Storage, DataError> {
    let Some(name) = section.string("storage")? else {
        return Ok(Storage::default());
    };
    match name.value.as_str() {
        "f32" => Ok(Storage::F32),
        "f16" => Ok(Storage::F16),
        other => {
            let error = section.error(name.line, format!("unknown storage `{other}`"));
            Err(error.help("`storage` must be `f32` or, at half the size, `f16`"))
        }
    }
}
