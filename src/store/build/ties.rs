//! Vectors by row belong to the rows of the table that they were made for: when the table changes
//! and they do not, that is told.

use super::Inputs;
use crate::catalog::DataWarning;
use crate::catalog::config::{Catalog, Embedding, VectorFile};
use crate::store::import::files_of;
use crate::store::layout::Tie;
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// The files of vectors by row with what their tables were when they were first read, and a warning
/// for each whose table has changed since.
pub fn ties(inputs: &Inputs<'_>) -> (Vec<Tie>, Vec<DataWarning>) {
    let (mut ties, mut warnings) = (Vec::new(), Vec::new());
    for embedding in &inputs.catalog.embeddings {
        for part in embedding.parts.iter().filter(|p| by_row(p)) {
            let Some(tie) = tie(inputs, part) else {
                continue;
            };
            let same = |old: &&Tie| old.file == tie.file && old.vectors == tie.vectors;
            let first = inputs.ties.iter().find(same).cloned().unwrap_or_else(|| tie.clone());
            if first.table != tie.table {
                warnings.push(loose(inputs.catalog, embedding, part));
            }
            ties.push(first);
        }
    }
    (ties, warnings)
}

fn by_row(part: &VectorFile) -> bool {
    part.keys.is_none() && Path::new(&part.file).extension().is_some_and(|e| e == "npy")
}

fn tie(inputs: &Inputs<'_>, part: &VectorFile) -> Option<Tie> {
    let table = inputs.catalog.entities[part.entity.0 as usize].table.as_ref()?;
    let hash = |file: &Path| {
        let path = file.strip_prefix(inputs.folder).unwrap_or(file).to_string_lossy();
        let source = inputs.sources.iter().find(|s| s.path == path)?;
        Some(source.xxh3)
    };
    let mut all = Xxh3::new();
    for file in files_of(table, inputs.folder).ok()? {
        all.update(&hash(&file)?.to_le_bytes());
    }
    Some(Tie {
        file: part.file.clone(),
        vectors: hash(&inputs.folder.join(&part.file))?,
        table: all.digest(),
    })
}

fn loose(catalog: &Catalog, embedding: &Embedding, part: &VectorFile) -> DataWarning {
    let table = catalog.entities[part.entity.0 as usize].table.as_ref();
    let table = table.map_or("", |t| t.pattern.as_str());
    let section = format!("embedding.{}", embedding.name);
    let message = format!(
        "{table} changed after these vectors were first read, but the vectors did not: vector i is still assigned to row i; \
         `keys = \"FILE\"` in `[{section}]` assigns each vector by key"
    );
    DataWarning { section, ..DataWarning::new(part.file.as_str(), message, 0) }
}
