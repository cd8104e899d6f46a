//! Networks and linear models over tables of examples. Knows nothing of the language.
//!
//! Everything is reproducible: the same table, parameters and seed give the same bytes, for any number of threads and
//! on every level of the CPU. All chance is drawn from `hash(seed, name, purpose, counter)` ([`Chance`]), and every sum has one
//! order: a product of matrices adds up each of its numbers in one chain of fused multiply-adds, whatever tile and
//! whatever thread it falls to.
//!
//! | file | holds |
//! |---|---|
//! | `table` | what training reads: columns of examples, in blocks |
//! | `stored` | a table in a file |
//! | `inputs`, `numbers`, `quantiles` | what is fitted on the training part; columns to numbers, in training and serving alike |
//! | `metrics` | how good scores are |
//! | `calibrate` | scores to probabilities |
//! | `linear` | logistic and linear regression |
//! | `dense`, `adamw`, `ids`, `shape`, `mlp` | products of matrices, the optimiser, tables of ids, where weights lie, a network forwards and backwards |
//! | `train`, `networks`, `fit` | an epoch; epochs until the validation part gets no better; any model on a table |
//! | `quick` | the same network made ready for scoring |
//! | `two_tower` | a vector for each viewer and each item |
//! | `distill` | a small network that keeps another model's order |
//! | `fitted`, `serve` | what comes of it, how good it is; scores of rows, and weights as named tensors |

use super::{OfEpochs, Stopped, Underway, Watch};

mod adamw;
mod blocks;
mod calibrate;
mod chance;
mod dense;
mod distill;
mod fit;
mod fitted;
mod ids;
mod inputs;
mod labels;
mod linear;
mod metrics;
mod mlp;
mod networks;
mod numbers;
mod quantiles;
mod quick;
mod serve;
mod shape;
mod stored;
mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod train;
mod two_tower;
mod wrong;

pub use calibrate::{Calibrated, Calibration, calibrate};
pub use chance::Chance;
pub use distill::{DistillParams, Distilled, Kept, ListLoss, fit_distilled};
pub use fit::{Common, fit_linear, fit_networks};
pub use fitted::{Curve, Epoch, Fitted, FittedHead, Model, PartMetrics};
pub use ids::IdTable;
pub use inputs::{
    ABSENT, Dense, Encoded, Encoder, IdRows, InputParams, Inputs, Shown, Sparse, UNKNOWN, width_of,
};
pub use labels::{HeadFacts, PartFacts, facts};
pub use linear::{Linear, LinearParams};
pub use metrics::{Bin, Metrics, Scored, metrics};
pub use mlp::Net;
pub use networks::NetParams;
pub use serve::{Scorer, Scratch, Tensor};
pub use shape::Shape;
pub use stored::{Stored, Storing};
pub use table::{
    BLOCK, Block, Columns, DenseColumn, Examples, Head, Keys, Layout, Missing, NULL, Normalise,
    Part, ShownColumn, SparseColumn, Table, Target,
};
pub use train::MIXED;
pub use two_tower::{Later, Positives, Side, Tower, TwoTower, TwoTowerParams, fit_two_tower};
pub use wrong::{Note, Wrong};

/// Asks whether to go on.
fn ask(watch: &dyn Watch, stage: &'static str, done: u64, of: u64) -> Result<(), Stopped> {
    if watch.go_on(stage, done, of) { Ok(()) } else { Err(Stopped) }
}
