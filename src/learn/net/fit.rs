//! Training a model of any kind on a table.

use super::Watch;
use super::blocks::Reader;
use super::fitted::{Curve, Fitted, FittedHead, Model, measure};
use super::inputs::{Encoder, InputParams, Inputs};
use super::labels::{Among, HeadFacts, facts, trainable};
use super::linear::{self, LinearParams};
use super::networks::{self, NetParams};
use super::table::{Examples, Part};
use super::wrong::{Note, Wrong};

/// What all kinds of models share.
#[derive(Clone, Debug, PartialEq)]
pub struct Common {
    /// The name of the artifact; with the seed it decides all chance.
    pub name: String,
    /// The seed.
    pub seed: u64,
    /// How inputs are fitted.
    pub inputs: InputParams,
    /// Whether probabilities are calibrated.
    pub calibrate: bool,
    /// Whether the model is trained again, on all parts, after it was measured.
    pub refit: bool,
    /// Bytes of encoded examples to keep in memory.
    pub memory: usize,
}

impl Default for Common {
    fn default() -> Common {
        Common {
            name: String::new(),
            seed: 0,
            inputs: InputParams::default(),
            calibrate: true,
            refit: false,
            memory: 512 << 20,
        }
    }
}

/// Trains a linear model.
///
/// # Errors
///
/// See [`Wrong`].
pub fn fit_linear(
    examples: &dyn Examples,
    common: &Common,
    params: &LinearParams,
    watch: &dyn Watch,
) -> Result<Fitted, Wrong> {
    let job = Job::new(examples, common, watch)?;
    job.run(|_, reader, among, fitted| {
        let heads = &examples.layout().heads;
        let (linear, notes) = linear::fit(reader, among, heads, fitted, params, watch)?;
        Ok((Model::Linear(linear), Vec::new(), notes))
    })
}

/// Trains networks.
///
/// # Errors
///
/// See [`Wrong`].
pub fn fit_networks(
    examples: &dyn Examples,
    common: &Common,
    params: &NetParams,
    watch: &dyn Watch,
) -> Result<Fitted, Wrong> {
    let job = Job::new(examples, common, watch)?;
    job.run(|before, reader, among, fitted| {
        let heads = (&*examples.layout().heads, fitted);
        let epochs: Option<Vec<usize>> =
            before.map(|curves| curves.iter().map(|curve| curve.best).collect());
        networks::fit(reader, among, heads, common, params, epochs.as_deref(), watch)
    })
}

/// What a kind of model gives.
type Trained = (Model, Vec<Curve>, Vec<Note>);

/// What is known before anything is trained.
struct Job<'a> {
    examples: &'a dyn Examples,
    common: &'a Common,
    watch: &'a dyn Watch,
    facts: Vec<HeadFacts>,
    trained: Vec<bool>,
    notes: Vec<Note>,
}

impl<'a> Job<'a> {
    fn new(
        examples: &'a dyn Examples,
        common: &'a Common,
        watch: &'a dyn Watch,
    ) -> Result<Job<'a>, Wrong> {
        let facts = facts(examples, watch)?;
        if facts.iter().all(|facts| facts.train.examples == 0) {
            return Err(Wrong::Empty { part: Part::Train });
        }
        let (trained, notes) = trainable(&examples.layout().heads, &facts)?;
        Ok(Job { examples, common, watch, facts, trained, notes })
    }

    /// Trains and measures, and trains again on all parts if asked to. `train` is told how training went before.
    fn run(
        mut self,
        train: impl Fn(Option<&[Curve]>, &Reader<'_>, Among, &[FittedHead]) -> Result<Trained, Wrong>,
    ) -> Result<Fitted, Wrong> {
        let mut fitted = self.round(Among::Train, None, &train)?;
        if self.common.refit {
            let on_all = self.round(Among::All, Some(&fitted.curves), &train)?;
            fitted.refitted(on_all);
        }
        self.notes.append(&mut fitted.notes);
        fitted.notes = self.notes;
        Ok(fitted)
    }

    fn round(
        &self,
        among: Among,
        before: Option<&[Curve]>,
        train: &impl Fn(Option<&[Curve]>, &Reader<'_>, Among, &[FittedHead]) -> Result<Trained, Wrong>,
    ) -> Result<Fitted, Wrong> {
        let (inputs, mut notes) =
            Inputs::fit(self.examples, among, &self.common.inputs, self.watch)?;
        let encoder = Encoder::new(inputs);
        let reader = Reader::new(self.examples, &encoder, self.common.memory);
        let mut heads = self.heads(among);
        let (model, curves, of_model) = train(before, &reader, among, &heads)?;
        notes.extend(of_model);
        if among == Among::Train {
            notes.extend(measure(&reader, &model, &mut heads, self.common.calibrate, self.watch)?);
        }
        Ok(Fitted { inputs: encoder.into_inputs(), model, heads, curves, notes })
    }

    fn heads(&self, among: Among) -> Vec<FittedHead> {
        let heads = self.examples.layout().heads.iter().zip(&self.facts).zip(&self.trained);
        heads
            .map(|((head, facts), &trained)| FittedHead::new(head, facts, trained, among))
            .collect()
    }
}
