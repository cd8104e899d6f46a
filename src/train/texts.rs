//! Embeddings of texts: from the declaration and the columns to what is written.

use super::TrainError;
use super::job::{Job, Learned, counts};
use super::nearness;
use crate::check::Declaration;
use crate::engine::{RowTexts, TEXTS, TextsDescription, text_tensors};
use crate::learn::{self, Stopped, TextSize, Texts, TfIdfParts, TfIdfSettings};
use crate::ops::RunError;
use crate::store::learned::{Course, Tensor, WrittenVectors};
use crate::types::EntityId;
use std::collections::BTreeMap;

/// A learned embedding of texts.
pub(super) struct LearnedTexts {
    vectors: WrittenVectors,
    parts: TfIdfParts,
    /// The description, as JSON.
    description: Vec<u8>,
    /// Rows that have text.
    rows: u64,
}

impl Learned for LearnedTexts {
    fn tensors(&self) -> Vec<Tensor<'_>> {
        let mut tensors = self.vectors.tensors(0);
        tensors.extend(text_tensors(&self.parts));
        tensors.push(Tensor::bytes(TEXTS, &self.description));
        tensors
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        let (terms, vectors) = (self.parts.len() as u64, self.vectors.len() as u64);
        counts([("rows", self.rows), ("terms", terms), ("vectors", vectors)])
    }

    fn course(&self, job: &Job) -> Course {
        let spaces = nearness::spaces(job, std::slice::from_ref(&self.vectors));
        Course { spaces, ..Course::default() }
    }

    fn nothing(&self, job: &Job) -> Option<String> {
        if !self.vectors.is_empty() {
            return None;
        }
        let (columns, min_df) = (job.declared.texts().join("` and `"), job.declared.size("min_df"));
        Some(job.nothing_as(&match self.rows {
            0 => format!("no row has text in `{columns}`"),
            rows => format!(
                "no term is in {min_df} of {rows} rows with text in `{columns}`: lower `min_df`"
            ),
        }))
    }
}

fn settings(declared: &Declaration) -> TfIdfSettings {
    TfIdfSettings {
        dim: declared.size("dim"),
        min_df: declared.size("min_df"),
        max_terms: declared.size("max_terms"),
        seed: declared.seed() as u64,
    }
}

fn entity(declared: &Declaration) -> EntityId {
    declared.entities[0]
}

/// What a training reads: rows that are there before its end.
fn texts<'a>(job: &Job<'a>) -> RowTexts<'a> {
    let (snapshot, declared) = (job.engine.snapshot(), job.declared);
    let found = RowTexts::of(snapshot, entity(declared), declared.texts(), job.until);
    found.expect("columns of texts, as the declaration was checked")
}

/// What a training will hold in memory.
pub(super) fn bytes(job: &Job) -> u64 {
    let texts = texts(job);
    let size = TextSize { rows: texts.rows(), bytes: texts.size().1 };
    settings(job.declared).bytes(&size)
}

pub(super) fn learn(job: &Job) -> Result<LearnedTexts, TrainError> {
    let (declared, texts) = (job.declared, texts(job));
    let found = learn::tfidf(&texts, &settings(declared), &job.watch());
    let (learned, vectors) = found.map_err(|Stopped| TrainError::Run(RunError::Stopped))?;
    let description = TextsDescription { columns: declared.texts().to_vec() };
    let (snapshot, of) = (job.engine.snapshot(), entity(declared));
    Ok(LearnedTexts {
        vectors: WrittenVectors::new(snapshot, of, vectors.dim, &vectors.rows, &vectors.has),
        parts: learned.parts().clone(),
        description: serde_json::to_vec(&description).expect("names are JSON"),
        rows: texts.size().0,
    })
}
