//! What a declaration of a trained model says, with all defaults.

use crate::expr::ir::{Kind, Stat};
use crate::expr::{EdgeExpr, Expr};
use crate::source::Span;
use crate::store::learned::Features;
use crate::types::{EntityId, Type, Value};

/// A model that is trained on examples: `linear(dense=...)`, `mlp(...)` or `mtml(...)`.
#[derive(Clone, Debug)]
pub struct Trained {
    pub name: String,
    /// What the rows are that it scores.
    pub entity: EntityId,
    pub kind: Network,
    /// Of its name in the declaration.
    pub span: Span,
    /// The declaration as the formatter writes it.
    pub text: String,
    /// A hash of the declaration and of everything that it reads, the same for every snapshot: 32 hex digits.
    pub hash: String,
    /// A hash of names, types and expressions of the inputs, in their order: 32 hex digits.
    pub feature_hash: String,
    /// The columns that its inputs have in logs: what each means, whatever it is called.
    pub logged: Vec<String>,
    /// A hash of these with their types: 32 hex digits. Logs of versions with the same one can be trained from.
    pub log_hash: String,
    pub examples: Examples,
    /// Of two towers, of the viewer.
    pub inputs: Inputs,
    /// What the inputs are made of, for whoever names the version; known where it is read to be trained.
    pub features: Option<Features>,
    /// Of two towers, what is read of an item.
    pub items: Option<Inputs>,
    /// Of a student, whose order it learns.
    pub teacher: Option<Teacher>,
    pub heads: Vec<Head>,
    /// How long after an example a link of an edge counts for it, in microseconds.
    pub label_window: i64,
    /// Whether heads with few positives or negatives are kept, at their base rate.
    pub allow_rare: bool,
    pub parts: Parts,
    pub seed: i64,
    /// The age above which a version is reported as old, in microseconds.
    pub max_age: Option<i64>,
}

/// The kind of model, with what is special to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Network {
    /// A linear model, with the weight of the squares of its weights.
    Linear { l2: f64 },
    /// A network for each head.
    Mlp(Layers),
    /// One body for all heads.
    Mtml(Layers),
    /// A tower for viewers and one for items, whose vectors are compared.
    TwoTower(Towers),
    /// A network that learns the order of another model.
    Distill(Student),
}

impl Network {
    /// The kind as programs name it.
    pub fn name(&self) -> &'static str {
        match self {
            Network::Linear { .. } => "linear",
            Network::Mlp(_) => "mlp",
            Network::Mtml(_) => "mtml",
            Network::TwoTower(_) => "two_tower",
            Network::Distill(_) => "distill",
        }
    }
}

/// The shape of a network and how it is fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Layers {
    /// Widths of the hidden layers.
    pub hidden: Vec<u32>,
    /// Width of the layer that each head has of its own; 0: none.
    pub towers: u32,
    pub dropout: f64,
    pub lr: f64,
    pub batch: u32,
    /// Decoupled weight decay.
    pub decay: f64,
    pub epochs: u32,
    pub patience: u32,
}

/// The shape of two towers and how they are fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Towers {
    /// Numbers of a vector.
    pub dim: u32,
    /// Width of the hidden layer; 0: none.
    pub hidden: u32,
    pub temperature: f64,
    pub lr: f64,
    pub batch: u32,
    pub epochs: u32,
    pub patience: u32,
}

/// The shape of a student and how it is fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Student {
    /// Past requests whose candidates it is fitted to.
    pub requests: u64,
    pub hidden: Vec<u32>,
    pub loss: ListLoss,
    /// The places that count.
    pub at: u32,
    pub lr: f64,
    pub epochs: u32,
    pub patience: u32,
}

/// What a student minimises for a list in its teacher's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListLoss {
    /// The likelihood of the order.
    ListMle,
    /// The cross entropy of gains that fall by the place.
    Softmax,
}

/// Where a student's lists come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Teacher {
    /// What gives candidates in the teacher's order.
    pub query: String,
    /// That as a program of its own, with what it reads of its file.
    pub program: String,
    /// The file that declares it, if that is not the program.
    pub file: Option<String>,
    /// All declarations that it reads.
    pub reads: String,
    /// What of them is learnt, as `model final@3`, or `model final@0` where it is not trained.
    pub upstream: Vec<String>,
}

/// What the examples are.
#[derive(Clone, Debug)]
pub struct Examples {
    /// One example per link of this edge, which leads from the viewer to the rows.
    pub edge: EdgeExpr,
    /// Where the links are positives alone: how negatives are drawn.
    pub negatives: Option<Negatives>,
    /// The newest that are used.
    pub most: u64,
    /// Parts in time whose examples read artifacts of their own.
    pub slices: u32,
    /// Whether features read the serving version of an artifact, whatever the time of the example.
    pub latest_upstream: bool,
}

/// How negatives are drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Negatives {
    /// Of each positive.
    pub each: u32,
    /// Entities are drawn in proportion to this power of their number of positives; 0 is uniform.
    pub power: f64,
}

/// What is read of an example.
#[derive(Clone, Debug)]
pub struct Inputs {
    pub dense: Vec<Dense>,
    pub sparse: Vec<Sparse>,
    /// Vectors and similarities, with their names.
    pub vectors: Vec<(String, Expr)>,
    /// What only a request knows. Expressions of features read them as bound columns, in this order.
    pub context: Vec<Context>,
    /// What shifts the outcome and not the preference.
    pub shown: Vec<Shown>,
    /// The weight of an example, over its link.
    pub weight: Option<Expr>,
    /// Weights above are cut to it.
    pub weight_clip: f64,
    pub normalise: Normalise,
    /// Of keys in the training part that have a row of their own.
    pub min_count: u32,
    pub id_dropout: f64,
    /// The width of rows of ids; none: by the size of the vocabulary.
    pub id_dim: Option<u32>,
    pub id_decay: f64,
}

impl Inputs {
    /// None yet, with the constants of those that are not asked for them.
    pub(super) fn none(normalise: Normalise) -> Inputs {
        Inputs {
            dense: Vec::new(),
            sparse: Vec::new(),
            vectors: Vec::new(),
            context: Vec::new(),
            shown: Vec::new(),
            weight: None,
            weight_clip: 1.0,
            normalise,
            min_count: 3,
            id_dropout: 0.3,
            id_dim: None,
            id_decay: 1.0,
        }
    }

    /// The expressions over the row: dense inputs, then sparse ones, then vectors.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        let dense = self.dense.iter().map(|dense| &dense.expr);
        let sparse = self.sparse.iter().map(|sparse| sparse.ids.expr());
        dense.chain(sparse).chain(self.vectors.iter().map(|(_, expr)| expr))
    }

    /// What the declaration calls them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let dense = self.dense.iter().map(|dense| dense.name.as_str());
        let sparse = self.sparse.iter().map(|sparse| sparse.name.as_str());
        dense.chain(sparse).chain(self.vectors.iter().map(|(name, _)| name.as_str()))
    }
}

/// A number.
#[derive(Clone, Debug)]
pub struct Dense {
    pub name: String,
    /// An int, float, bool, duration or time over the row.
    pub expr: Expr,
    pub missing: Missing,
}

/// What stands for a null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The mean, and a further input that is 1.
    Indicator,
    Mean,
    Zero,
    Error,
}

/// Ids, or values that are treated as such.
#[derive(Clone, Debug)]
pub struct Sparse {
    pub name: String,
    pub ids: Ids,
}

/// Where ids come from.
#[derive(Clone, Debug)]
pub enum Ids {
    /// An id, int, string or bool over the row, or a list of them.
    Value(Expr),
    /// A hash of it below a number.
    Hashed(Expr, u32),
}

impl Ids {
    /// What it is a value, or a hash, of.
    pub fn expr(&self) -> &Expr {
        let (Ids::Value(expr) | Ids::Hashed(expr, _)) = self;
        expr
    }

    /// Whether it is what a viewer did last.
    pub fn is_history(&self) -> bool {
        self.newest().is_some()
    }

    /// How many keys an example has at most, if it is what a viewer did last.
    pub fn newest(&self) -> Option<u32> {
        match &self.expr().kind {
            Kind::OverLinks(over) => match over.stat {
                Stat::Newest(most) => Some(most),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What only a request knows.
#[derive(Clone, Debug)]
pub struct Context {
    pub name: String,
    pub ty: Type,
    /// Over the link of the example.
    pub expr: Expr,
}

/// A column of the link that shifts the outcome.
#[derive(Clone, Debug)]
pub struct Shown {
    pub name: String,
    pub expr: Expr,
    /// The value that is served; none: the most frequent.
    pub served: Option<Value>,
}

/// How numbers are brought to one scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalise {
    Both,
    ZScore,
    None,
}

/// What is predicted.
#[derive(Clone, Debug)]
pub struct Head {
    pub name: String,
    pub target: Target,
    pub weight: f64,
    /// Of its target.
    pub span: Span,
}

/// Where a label comes from.
#[derive(Clone, Debug)]
pub enum Target {
    /// Whether a link of this edge follows, to the row or to what its reference in that column leads to.
    Edge { edge: EdgeExpr, via: Option<usize> },
    /// A condition over the link of the example.
    Condition(Expr),
    /// A number over the link.
    Value(Expr),
    /// A probability over the link.
    Soft(Expr),
    /// The positives themselves, against negatives that are drawn.
    Positives,
    /// The order of a teacher.
    Order,
}

/// How examples are divided.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    pub split: Split,
    /// The share of the examples that decides when to stop.
    pub validation: f64,
    /// The share that is only measured.
    pub test: f64,
    /// Whether all parts are trained on in the end.
    pub refit: bool,
    /// Whether probabilities are fitted to the outcomes of the validation part.
    pub calibrate: bool,
}

/// What a part is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Of all examples in the order of time.
    Time,
    /// Of each viewer's examples.
    Viewer,
}
