//! The texts of rows, and the vectors of rows that came after an embedding of texts was trained.

use super::arrivals;
use crate::batch::ColumnView;
use crate::catalog::DataError;
use crate::catalog::schema::{Metric, Storage};
use crate::learn::{TextScratch, Texts, TfIdf, TfIdfParts};
use crate::store::learned::{Attached, Found, Tensor, Tensors, Version};
use crate::store::{Snapshot, Vectors};
use crate::types::{EntityId, NULL_CODE, Type};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Columns of strings and of lists of strings, as the texts of the rows of an entity.
pub(crate) struct RowTexts<'s> {
    snapshot: &'s Snapshot,
    columns: Vec<ColumnView<'s>>,
    rows: usize,
    times: Option<&'s [i64]>,
    /// Rows of this time and later have no text.
    until: i64,
}

impl<'s> RowTexts<'s> {
    /// Of columns by their names, as far as rows are there before a time; none where a column is gone, or has become one of
    /// another type.
    pub fn of(
        snapshot: &'s Snapshot,
        entity: EntityId,
        columns: &[String],
        until: i64,
    ) -> Option<RowTexts<'s>> {
        let table = snapshot.schema().entity(entity);
        let column = |name: &String| {
            let place = table.find_column(name)?;
            let is_text = match &table.columns[place].ty {
                Type::String => true,
                Type::List(item) => **item == Type::String,
                _ => false,
            };
            is_text.then(|| snapshot.column(entity, place))
        };
        let columns = columns.iter().map(column).collect::<Option<Vec<_>>>()?;
        let (rows, times) = (table.rows as usize, snapshot.times(entity));
        Some(RowTexts { snapshot, columns, rows, times, until })
    }

    /// How many rows have text, and how many bytes of it there are.
    pub fn size(&self) -> (u64, u64) {
        let of_row = |row: usize| {
            let mut bytes = 0;
            self.pieces(row, &mut |piece| bytes += piece.len() as u64);
            (u64::from(bytes > 0), bytes)
        };
        let rows = (0..self.rows).into_par_iter().map(of_row);
        rows.reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    }
}

impl Texts for RowTexts<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn pieces(&self, row: usize, each: &mut dyn FnMut(&str)) {
        if self.times.is_some_and(|times| times[row] >= self.until) {
            return;
        }
        let mut text = |code: u32| {
            if code != NULL_CODE {
                each(self.snapshot.string(code));
            }
        };
        for column in &self.columns {
            match column {
                ColumnView::Code(codes) => text(codes[row]),
                ColumnView::List { slots, items: ColumnView::Code(codes) } => {
                    let [start, length] = slots[row].map(|part| part as usize);
                    if slots[row][0] != NULL_CODE {
                        codes[start..start + length].iter().for_each(|&code| text(code));
                    }
                }
                _ => {}
            }
        }
    }
}

/// What a version of an embedding of texts holds beside its arrays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TextsDescription {
    /// The names of the columns that are read.
    pub columns: Vec<String>,
}

/// The array of the description, as JSON.
pub(crate) const TEXTS: &str = "texts";
const TERMS: &str = "terms";
const OFFSETS: &str = "term_offsets";
const IDF: &str = "idf";
const PROJECTION: &str = "projection";

/// What makes vectors of texts, as it is written.
pub(crate) fn tensors(parts: &TfIdfParts) -> Vec<Tensor<'_>> {
    let mut tensors = vec![
        Tensor::bytes(TERMS, &parts.terms),
        Tensor::u64(OFFSETS, &parts.offsets),
        Tensor::f64(IDF, &[parts.len()], &parts.idf),
    ];
    if !parts.projection.is_empty() {
        let shape = [parts.len(), parts.dim];
        tensors.push(Tensor::f32(PROJECTION, &shape, &parts.projection));
    }
    tensors
}

/// The same read again.
fn opened(version: &Version, dim: usize) -> Result<(TextsDescription, TfIdf), DataError> {
    let tensors = version.tensors()?;
    let wrong = |why: String| DataError::new(version.folder(), why);
    let of = serde_json::from_slice(tensors.get(TEXTS)?)
        .map_err(|e| wrong(format!("the description of the texts cannot be read: {e}")))?;
    let fits = TfIdf::new(parts(&tensors, dim)?);
    let learned = fits.ok_or_else(|| wrong("its terms and their weights do not fit".to_owned()))?;
    Ok((of, learned))
}

fn parts(tensors: &Tensors, dim: usize) -> Result<TfIdfParts, DataError> {
    let projection = match tensors.has(PROJECTION) {
        true => tensors.get(PROJECTION)?.to_vec(),
        false => Vec::new(),
    };
    Ok(TfIdfParts {
        dim,
        terms: tensors.get(TERMS)?.to_vec(),
        offsets: tensors.get(OFFSETS)?.to_vec(),
        idf: tensors.get(IDF)?.to_vec(),
        projection,
    })
}

/// Gives a vector to every row that has none in a version of an embedding of texts, but has terms that it knows.
pub(super) fn fold_in(snapshot: &mut Snapshot) {
    let mut versions = snapshot.versions().to_vec();
    let mut is_damaged = false;
    for Attached { manifest, found, version } in &mut versions {
        let (Found::Embedding(number), Some(version)) = (&*found, version) else { continue };
        if manifest.learner != "tfidf" {
            continue;
        }
        match folded(snapshot, *number, version) {
            Ok(Some(vectors)) => {
                let entity = snapshot.schema().embeddings[*number as usize].entities[0];
                snapshot.set_vectors(*number, entity, vectors);
            }
            Ok(None) => {}
            Err(error) => {
                *found = Found::Unusable(error.in_short());
                is_damaged = true;
            }
        }
    }
    if is_damaged {
        snapshot.set_versions(versions);
    }
}

/// All vectors of an embedding of texts; none if they are those that it has.
fn folded(
    snapshot: &Snapshot,
    number: u32,
    version: &Version,
) -> Result<Option<Vectors>, DataError> {
    let space = &snapshot.schema().embeddings[number as usize];
    let (dim, entity) = (space.dim as usize, space.entities[0]);
    let (of, learned) = opened(version, dim)?;
    let Some(texts) = RowTexts::of(snapshot, entity, &of.columns, i64::MAX) else {
        // vectors of other texts would mean something else
        return Ok(None);
    };
    let Some(stored) = snapshot.vectors(number as usize, entity) else { return Ok(None) };
    if stored.present.is_none() {
        return Ok(None);
    }
    let (mut numbers, mut has) = arrivals::copied(&stored, texts.rows());
    let rows = numbers.par_chunks_exact_mut(dim).zip(&mut has).enumerate();
    rows.filter(|(_, (_, has))| !**has).for_each_init(
        TextScratch::default,
        |scratch, (row, (to, has))| {
            *has = learned.fold(|each| texts.pieces(row, each), scratch, to);
        },
    );
    Ok(Some(Vectors::new(dim, numbers, has, Storage::F32, Metric::Cosine)))
}
