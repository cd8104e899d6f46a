//! The sections of embeddings.

use super::names::Names;
use super::table::on_error;
use crate::catalog::DataError;
use crate::catalog::config::{Embedding, VectorFile};
use crate::catalog::schema::{Metric, Storage};
use crate::catalog::section::{At, Section};

/// Longer lists would be larger than what a search for as many takes.
const MOST_NEIGHBOURS: u32 = 1_000;
/// More is as good as exact, and slower.
const MOST_EF: u32 = 100_000;

/// `[embedding.NAME]`.
pub(super) fn embedding(
    name: String,
    section: &Section<'_>,
    names: &Names,
) -> Result<Embedding, DataError> {
    section.only(&[
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
    ])?;
    let entities = section
        .strings("entity")?
        .ok_or_else(|| section.missing("entity", "\"ENTITY\""))?;
    let files = section
        .strings("file")?
        .ok_or_else(|| section.missing("file", "\"vectors.npy\""))?;
    if entities.value.len() != files.value.len() || files.value.is_empty() {
        let (e, f) = (entities.value.len(), files.value.len());
        let message = format!(
            "`[{}]` has {e} entities but {f} files: it needs one file each",
            section.name
        );
        return Err(section.error(files.line, message));
    }
    let keys = per_file(section, "key", files.value.len())?;
    let key_files = section.strings("keys")?;
    if let Some(wrong) = key_files
        .as_ref()
        .filter(|k| k.value.len() != files.value.len())
    {
        let message = format!(
            "`keys` names {} files for {} files of vectors",
            wrong.value.len(),
            files.value.len()
        );
        return Err(section.error(wrong.line, message));
    }
    let columns = per_file(section, "column", files.value.len())?;
    let mut parts: Vec<VectorFile> = Vec::new();
    for (((entity, file), key), column) in entities
        .value
        .into_iter()
        .zip(files.value)
        .zip(keys)
        .zip(columns)
    {
        let entity = names.entity(
            section,
            &At {
                value: entity,
                line: entities.line,
            },
        )?;
        if parts.iter().any(|p| p.entity == entity) {
            return Err(section.error(
                entities.line,
                format!("`[{}]` names an entity twice", section.name),
            ));
        }
        let keys = key_files.as_ref().map(|k| k.value[parts.len()].clone());
        parts.push(VectorFile {
            entity,
            file,
            key,
            keys,
            column,
            line: files.line,
        });
    }
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
        n => Err(section.error(
            names.line,
            format!("`{key}` lists {n} columns for {files} files"),
        )),
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
