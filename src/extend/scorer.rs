//! Models.

use super::{Column, Failure, Null, Signature};
use crate::types::Type;
use std::sync::Arc;

/// A model of a Rust program: from numbers of a row one or more others. It is a kind of model:
/// `model m on media = house([quality, age(created_at) / 1d])`.
///
/// What a row gets depends on that row alone, since the rows of many requests are scored together; and it is
/// the same on any thread.
///
/// ```
/// use igql::extend::{Failure, Output, Scorer, ScorerSignature};
///
/// /// A logistic regression.
/// struct Logistic(ScorerSignature, Vec<f64>);
///
/// impl Scorer for Logistic {
///     fn signature(&self) -> &ScorerSignature {
///         &self.0
///     }
///
///     fn score(&self, inputs: &[&[f64]], out: &mut [f64]) -> Result<(), Failure> {
///         for (row, out) in out.iter_mut().enumerate() {
///             let terms = inputs.iter().zip(&self.1).map(|(input, weight)| input[row] * weight);
///             *out = 1.0 / (1.0 + (-terms.sum::<f64>()).exp());
///         }
///         Ok(())
///     }
/// }
///
/// let signature = ScorerSignature::new(&["quality", "days"], &[Output::Probability("p_like")]);
/// let model = Logistic(signature, vec![0.7, -0.1]);
/// ```
pub trait Scorer: Send + Sync {
    /// What the checker goes by. It is asked for once, when the scorer is registered.
    fn signature(&self) -> &ScorerSignature;

    /// The outputs of some rows: `inputs` has a column for each input, all of one length `n`; `out` has room for
    /// `n` values of each output, all of the first output first. NaN is null, in both.
    fn score(&self, inputs: &[&[f64]], out: &mut [f64]) -> Result<(), Failure>;
}

/// An output of a scorer. Where there are several, each is a column of the rows under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Any number.
    Value(&'static str),
    /// From 0 to 1; another number ends the request.
    Probability(&'static str),
}

impl Output {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Output::Value(name) | Output::Probability(name) => name,
        }
    }
}

/// The declaration of a scorer.
#[derive(Clone, Debug, PartialEq)]
pub struct ScorerSignature {
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<Output>,
}

impl ScorerSignature {
    /// A scorer of these inputs, in the order in which programs list them.
    pub fn new(inputs: &[&str], outputs: &[Output]) -> ScorerSignature {
        ScorerSignature {
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            outputs: outputs.to_vec(),
        }
    }
}

/// An output of a scorer as a function of its inputs.
pub(crate) struct OutputOf {
    pub scorer: Arc<dyn Scorer>,
    pub signature: Signature,
    /// Which output it is, of how many.
    pub place: usize,
    pub outputs: usize,
}

impl OutputOf {
    /// Of a scorer that is registered under the name of a kind.
    pub(crate) fn new(
        kind: &str,
        scorer: &Arc<dyn Scorer>,
        of: &ScorerSignature,
        place: usize,
    ) -> Self {
        let output = &of.outputs[place];
        let name = match of.outputs.len() {
            1 => kind.to_owned(),
            _ => format!("{kind}.{}", output.name()),
        };
        let params: Vec<(&str, Type)> =
            of.inputs.iter().map(|input| (&**input, Type::Float)).collect();
        let signature = Signature::new(&name, &params, Type::Float).null(Null::Custom);
        OutputOf {
            scorer: scorer.clone(),
            place,
            outputs: of.outputs.len(),
            signature: match output {
                Output::Value(_) => signature,
                Output::Probability(_) => signature.range(0.0, 1.0),
            },
        }
    }

    /// Every output of the scorer for `n` rows, all of the first output first.
    pub(crate) fn score(&self, inputs: &[Column], n: usize) -> Result<Vec<f64>, Failure> {
        let inputs: Vec<&[f64]> = inputs.iter().map(Column::floats).collect();
        let mut outputs = vec![f64::NAN; n * self.outputs];
        self.scorer.score(&inputs, &mut outputs)?;
        Ok(outputs)
    }

    /// The values of this output among those of all.
    pub(crate) fn of<'o>(&self, outputs: &'o [f64]) -> &'o [f64] {
        let n = outputs.len() / self.outputs;
        &outputs[self.place * n..][..n]
    }
}
