//! The operators: one file each, and the list.
//!
//! An [`Operator`] is the declaration: name, parameters, page, and how to bind it. Binding asks
//! for the arguments through [`Bind`], which the checker implements, and gives a [`Bound`]: an
//! [`Instance`] that knows its shape and can run. Everyone else knows only these types.

pub mod bind;
pub mod bounds;
pub mod estimate;
pub mod graph;
pub mod shape;
pub mod used;
pub mod vectors;

mod as_viewer;
mod choose;
mod columns;
mod combine;
mod diversify;
mod drawing;
mod exec;
mod exposure;
mod fallback;
mod filter;
mod insert;
mod kit;
mod limits;
mod model_files;
#[cfg(feature = "onnx")]
mod networks;
mod nn;
mod nothing;
mod op;
mod operator;
mod own;
mod rank;
mod sample;
mod score;
mod served;
mod sets;
mod slate;
mod sources;
mod take;
mod vocabulary;
mod walk;

pub use bind::{Bind, Bound, Choice, Model, Quantity, Role};
pub use choose::choose;
pub use columns::{handed_on, unknown_columns};
pub use drawing::{Chance, Drawing};
pub use estimate::{Demand, Guess};
pub use exec::{Exec, Followed, Notes};
pub use exposure::Exposure;
pub use filter::filter;
pub use graph::{Graph, Node};
pub use kit::fanout::Contributions;
pub use kit::members::membership;
pub use limits::{Hit, Limit, Limits, RunError};
pub use model_files::{Called, Library, ModelFile, ModelFiles, Unread};
#[cfg(feature = "onnx")]
pub use networks::{NetworkCall, NetworkFile};
pub use nothing::{no_rows, nothing};
use op::mapped;
pub use op::{Becomes, Condition, Effect, Explaining, Instance, Op, Planning, Relaxed, Rewriting};
pub use operator::{Operator, Param, Rest};
pub use served::{Ranked, Ranking, Served};
pub use sets::{difference, intersection, union};
pub use shape::{BoundColumn, Score, ScoreKind, Shape};
pub use sources::{everything, viewer};
pub use used::{Part, Used, Window};
pub use vocabulary::{ModelKind, Predictor, TowerOf, Vocabulary};
pub use walk::all_links;

/// Every operator that is called by name.
pub const OPERATORS: &[&Operator] = &[
    &sources::ALL,
    &sources::GIVEN,
    &walk::WALK,
    &nn::NN,
    &columns::LET,
    &columns::SELECT,
    &filter::FILTER,
    &take::TAKE,
    &score::SCORE,
    &rank::RANK,
    &diversify::DIVERSIFY_BY,
    &slate::SLATE,
    &combine::COMBINE,
    &fallback::FALLBACK,
    &insert::INSERT,
    &sample::SAMPLE,
    &as_viewer::AS_VIEWER,
];
