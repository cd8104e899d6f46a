//! The operators and functions that programs of an engine can name: the built-in ones, and those that are registered.

use super::own::declared;
use super::{ModelFiles, OPERATORS, Operator};
use crate::expr::functions::own::{Learnt, function, head, interned, output};
use crate::expr::functions::{self, Function, Kernel};
use crate::extend::{Output, Registry};
use crate::types::Type;
use std::fmt;
use std::sync::Arc;

/// What programs can name.
#[derive(Clone, Default)]
pub struct Vocabulary {
    registry: Registry,
    own: Vec<&'static Operator>,
    functions: Vec<&'static Function>,
    models: Vec<ModelKind>,
    predictors: Vec<Predictor>,
    towers: Vec<TowerOf>,
    files: Arc<ModelFiles>,
}

/// A kind of model that is registered.
#[derive(Clone)]
pub struct ModelKind {
    pub name: String,
    pub inputs: Vec<String>,
    /// Each as a function of the inputs.
    pub outputs: Vec<(Output, &'static Function)>,
}

/// The tower of viewers of a version of two towers, or why it cannot be used.
#[derive(Clone)]
pub struct TowerOf {
    /// The number of the embedding.
    pub number: u32,
    /// Called as the heads of a [`Predictor`] are.
    pub vector: Result<Kernel, String>,
    /// What it calls.
    pub(crate) _learnt: Option<Arc<dyn Learnt>>,
}

/// A version of a trained model: its heads as functions of its inputs.
#[derive(Clone)]
pub struct Predictor {
    /// The version: `final@3`.
    pub label: String,
    /// Called with the inputs in the order of the declaration: dense ones as numbers, others as they are.
    pub heads: Vec<(Output, Kernel)>,
    /// Of a classifier, the number of the embedding that it was trained on.
    pub reads: Option<u32>,
    /// And the type of its topics.
    pub topic: Option<Type>,
    /// What they call.
    pub(crate) _learnt: Option<Arc<dyn Learnt>>,
    /// Why it cannot be used, if it cannot.
    pub wrong: Option<String>,
}

impl Predictor {
    /// Of what was learnt, with the name of each of its heads, and whether that is a probability.
    pub(crate) fn of<'h>(
        label: String,
        learnt: Arc<dyn Learnt>,
        heads: impl ExactSizeIterator<Item = (&'h str, bool)>,
    ) -> Predictor {
        let is_one = heads.len() == 1;
        let heads = heads.enumerate().map(|(place, (name, is_probability))| {
            let called = if is_one { label.clone() } else { format!("{label}.{name}") };
            let kernel = head(&called, &learnt, place, is_probability);
            let name = interned(name);
            let output =
                if is_probability { Output::Probability(name) } else { Output::Value(name) };
            (output, kernel)
        });
        let heads = heads.collect();
        Predictor { label, heads, reads: None, topic: None, _learnt: Some(learnt), wrong: None }
    }
}

impl Vocabulary {
    /// The built-in names, and those of the registry, which are other ones.
    pub fn with(registry: Registry) -> Vocabulary {
        let own = registry.operators().map(|(signature, _)| declared(signature));
        let functions = registry.functions();
        let models = registry.scorers().zip(registry.outputs());
        let models = models.map(|((name, signature), outputs)| {
            let functions = outputs.iter().map(output);
            ModelKind {
                name: name.to_owned(),
                inputs: signature.inputs.clone(),
                outputs: signature.outputs.iter().cloned().zip(functions).collect(),
            }
        });
        Vocabulary {
            models: models.collect(),
            own: own.collect(),
            functions: functions.map(|(signature, own)| function(signature, own)).collect(),
            registry,
            predictors: Vec::new(),
            towers: Vec::new(),
            files: Arc::default(),
        }
    }

    /// With trained models and towers.
    pub fn predicting(self, predictors: Vec<Predictor>, towers: Vec<TowerOf>) -> Vocabulary {
        Vocabulary { predictors, towers, ..self }
    }

    /// The tower of viewers of an embedding, if it has one.
    pub fn tower(&self, embedding: u32) -> Option<Result<Kernel, String>> {
        let found = self.towers.iter().find(|tower| tower.number == embedding);
        found.map(|tower| tower.vector.clone())
    }

    /// The trained model of a version.
    pub fn predictor(&self, label: &str) -> Option<&Predictor> {
        self.predictors.iter().find(|predictor| predictor.label == label)
    }

    /// The files of models that programs have read.
    pub fn files(&self) -> &ModelFiles {
        &self.files
    }

    /// What is registered.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Every function that is called by name.
    pub fn functions(&self) -> impl Iterator<Item = &'static Function> {
        let built_in = functions::all().filter(|function| !function.is_operator());
        built_in.chain(self.functions.iter().copied())
    }

    /// The function of that name.
    pub fn function(&self, name: &str) -> Option<&'static Function> {
        self.functions().find(|function| function.name == name)
    }

    /// The kinds of models that are registered.
    pub fn models(&self) -> &[ModelKind] {
        &self.models
    }

    /// Every operator that is called by name.
    pub fn operators(&self) -> impl Iterator<Item = &'static Operator> {
        OPERATORS.iter().chain(&self.own).copied()
    }

    /// The operator of that name.
    pub fn operator(&self, name: &str) -> Option<&'static Operator> {
        self.operators().find(|operator| operator.name == name)
    }
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.registry.fmt(f)
    }
}
