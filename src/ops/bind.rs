//! Binding: how an operator asks for its arguments, and what it gets.

use super::{Graph, Instance, Served, Shape};
use crate::catalog::schema::Schema;
use crate::diag::Diagnostic;
use crate::expr::show::show;
use crate::expr::{EdgeExpr, Expr, Kind, NodeId, Scalar};
use crate::extend::{OperatorSignature, RowOperator};
use crate::source::Span;
use crate::store::Snapshot;
use crate::types::{EntityId, Type};
use std::sync::Arc;

/// What a candidate set is for where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Candidates to recommend: `auto` is a number.
    Source,
    /// Something that has to be known in full (`-`, `&`, `in`, an aggregate): the `auto` of a walk
    /// is `all`.
    Fact,
}

/// How many.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Quantity {
    All,
    Number(u64),
    /// Left to the planner, which said this number.
    Auto(u64),
    /// Left to the planner, where the set is a fact: all.
    AutoAll,
    /// Comes with the request.
    PerRequest(Expr),
}

impl Quantity {
    /// As `explain` shows it.
    pub fn show(&self, schema: &Schema) -> String {
        match self {
            Quantity::All => "all".to_owned(),
            Quantity::AutoAll => "auto(all)".to_owned(),
            Quantity::Number(n) => n.to_string(),
            Quantity::Auto(n) => format!("auto({n})"),
            Quantity::PerRequest(expr) => show(expr, schema).to_string(),
        }
    }
}

fn larger(number: &Expr) -> Option<u64> {
    match &number.kind {
        Kind::Const(Scalar::I64(n)) => Some(u64::try_from(*n).unwrap_or(0)),
        Kind::If { then, otherwise, .. } => Some(larger(then)?.max(larger(otherwise)?)),
        _ => None,
    }
}

impl Quantity {
    /// The number, if it is known before a request.
    pub fn known(&self) -> Option<u64> {
        match self {
            Quantity::Number(n) | Quantity::Auto(n) => Some(*n),
            Quantity::All | Quantity::AutoAll | Quantity::PerRequest(_) => None,
        }
    }

    /// The most that it comes to, where that is known before a request: of a choice between numbers, the
    /// larger one.
    pub fn most(&self) -> Option<u64> {
        match self {
            Quantity::PerRequest(expr) if expr.is_small() => larger(expr),
            known => known.known(),
        }
    }

    /// The number that comes with the request.
    pub fn expr_mut(&mut self) -> Option<&mut Expr> {
        match self {
            Quantity::PerRequest(expr) => Some(expr),
            _ => None,
        }
    }

    /// Whether no request has any: 0, or a constant that counts as 0.
    pub fn is_zero(&self) -> bool {
        match self {
            Quantity::PerRequest(expr) => match expr.as_const() {
                Some(Scalar::I64(n)) => *n <= 0,
                Some(Scalar::Null) => true,
                _ => false,
            },
            known => known.known() == Some(0),
        }
    }

    pub fn is_auto(&self) -> bool {
        matches!(self, Quantity::Auto(_) | Quantity::AutoAll)
    }

    /// The number for each request; `u64::MAX` is all. A null or negative number is 0.
    pub fn per_request(&self, run: &crate::expr::Run) -> Vec<u64> {
        match self {
            Quantity::PerRequest(expr) => {
                let numbers =
                    crate::expr::Frame::requests(run).eval(expr).ints().spread(run.requests());
                numbers.into_iter().map(|n| u64::try_from(n).unwrap_or(0)).collect()
            }
            known => vec![known.known().unwrap_or(u64::MAX); run.requests()],
        }
    }
}

/// A case of a closed parameter and the arguments given with it, as in `penalty(factor=0.7)`.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Index among the cases offered.
    pub case: usize,
    pub span: Span,
    /// In the order of the case's own parameters; none where it takes its default, and for what
    /// is no number. `all` is infinite.
    pub numbers: Vec<Option<f64>>,
}

/// A case that a parameter offers, with parameters of its own.
pub struct Case {
    pub name: &'static str,
    pub params: &'static [CaseParam],
}

/// A parameter of a case: `factor` of `penalty(factor=0.7)`.
pub struct CaseParam {
    pub name: &'static str,
    pub takes: Takes,
}

/// What a parameter of a case takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Takes {
    /// A number of a range, both ends included.
    Number(std::ops::RangeInclusive<f64>),
    /// A whole number from 1 on, or `all`.
    Count,
    /// Asked for with [`Bind::case_embedding`].
    Embedding,
    /// Asked for with [`Bind::case_set`].
    Set,
}

impl CaseParam {
    pub const fn new(name: &'static str, takes: Takes) -> CaseParam {
        CaseParam { name, takes }
    }
}

impl Case {
    /// A case without parameters.
    pub const fn plain(name: &'static str) -> Case {
        Case { name, params: &[] }
    }
}

/// A model bound to a set: its heads by name, and its own score.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub name: String,
    pub heads: Vec<(String, Expr)>,
    pub score: Option<Expr>,
    /// The version, if it was trained.
    pub served: Option<Arc<Served>>,
}

/// An argument of an operator that takes any number of them.
#[derive(Clone, Debug)]
pub struct RestArg {
    pub name: Option<String>,
    pub span: Span,
    pub expr: Expr,
}

/// A candidate set among the arguments of an operator that takes any number of them.
#[derive(Clone, Debug)]
pub struct SetArg {
    /// The name it was given, else that of its binding, else `#1`, `#2`, ...
    pub name: String,
    pub set: NodeId,
    pub span: Span,
    /// A number per request; 1 if none was written.
    pub weight: Expr,
    pub weight_span: Span,
}

/// A rule of a slate: `key: count in window`.
#[derive(Clone, Debug)]
pub struct RuleArg {
    pub key: Expr,
    /// Whole numbers of the request.
    pub count: Expr,
    pub window: Option<Expr>,
    /// As the program writes it, with the numbers that are known.
    pub text: String,
    pub span: Span,
    /// The names in the key.
    pub names: Vec<String>,
}

/// What rules are meant: those whose key has a name in it, or one key.
#[derive(Clone, Debug)]
pub struct RelaxArg {
    pub name: Option<String>,
    pub key: Option<Expr>,
    pub span: Span,
}

/// A bound operator, its inputs and its shape.
pub struct Bound {
    pub op: Arc<dyn Instance>,
    pub inputs: Vec<NodeId>,
    pub shape: Shape,
}

/// What the checker does for an operator that is being bound. A `None` means that an argument was
/// wrong and has been reported; the operator gives up in silence.
pub trait Bind {
    fn schema(&self) -> &Schema;
    /// What is registered under the operator's name.
    fn registered(&self) -> Option<(OperatorSignature, Arc<dyn RowOperator>)>;
    fn snapshot(&self) -> &Snapshot;
    fn graph(&self) -> &Graph;
    /// The set that the operator follows. Sources have none and must not ask.
    fn input(&self) -> NodeId;
    /// The operator's name in the program.
    fn span(&self) -> Span;
    fn role(&self) -> Role;
    /// Whether the argument was given.
    fn has(&self, param: &str) -> bool;
    /// Where the argument stands; the operator's name if it was not given.
    fn arg_span(&self, param: &str) -> Span;
    /// The same, or where the value of a parameter that stands there was given.
    fn origin(&self, param: &str) -> Span;
    fn report(&mut self, diagnostic: Diagnostic);
    /// What the rows are like even if an argument that is still to be asked for is wrong: what
    /// follows is checked with it.
    fn otherwise(&mut self, shape: Shape);

    /// A number of rows; `auto` gives the constant, or all where the operator says so for facts.
    fn quantity(&mut self, param: &str, auto: u64, all_for_facts: bool) -> Option<Quantity>;
    /// A quantity that has no `auto`; `None` inside if it was not given.
    fn count(&mut self, param: &str) -> Option<Option<Quantity>>;
    /// The largest that a number is known to become: its own value, or of a parameter that stands
    /// alone its default and the end of its range.
    fn largest(&self, number: &Quantity) -> Option<u64>;
    /// A value that is the same for all rows of a request; `None` inside if it was not given.
    fn request_value(&mut self, param: &str, ty: Option<&Type>) -> Option<Option<Expr>>;
    /// Has numbers from 1 on, given as `param`, looked at when they come with a request.
    fn amounts(&mut self, value: &Expr, param: &str);
    /// A value that the program itself fixes.
    fn flag(&mut self, param: &str) -> Option<bool>;
    fn choice(&mut self, param: &str, cases: &[Case]) -> Option<Option<Choice>>;
    /// The embedding given as the parameter `name` of the chosen case; `default` if none was given.
    fn case_embedding(&mut self, name: &str, entity: EntityId) -> Option<u32>;
    /// The set of that entity given as the parameter `name` of the chosen case: a fact.
    fn case_set(&mut self, name: &str, entity: EntityId) -> Option<Option<NodeId>>;
    /// What the viewer has seen of an entity, by the edges that the catalog names `seen`.
    fn seen(&mut self, entity: EntityId) -> Option<NodeId>;
    /// An expression over the rows of the input, with further columns bound.
    fn row_value(&mut self, param: &str, shape: &Shape, ty: Option<&Type>) -> Option<Option<Expr>>;
    /// A list of such expressions, or one alone, each with the text that stands for it.
    fn keys(&mut self, param: &str, shape: &Shape) -> Option<Option<Vec<(Expr, Span)>>>;
    /// The positional expressions behind the parameters, over the rows of the input.
    fn further_keys(&mut self, shape: &Shape) -> Option<Vec<(Expr, Span)>>;
    /// The rules of a slate; none if none were given.
    fn rules(&mut self, param: &str, shape: &Shape) -> Option<Vec<RuleArg>>;
    /// The keys in whose order rules give way.
    fn relaxed(&mut self, param: &str, shape: &Shape) -> Option<Vec<RelaxArg>>;
    /// A condition on the rows of an entity, with nothing bound and no score.
    fn entity_condition(&mut self, param: &str, entity: EntityId) -> Option<Option<Expr>>;
    fn link_value(&mut self, param: &str, edge: &EdgeExpr, ty: &Type) -> Option<Option<Expr>>;
    fn edge(&mut self, param: &str, from: EntityId) -> Option<EdgeExpr>;
    /// The number of an embedding in the schema; `default` if none was given.
    fn embedding(&mut self, param: &str, entity: EntityId) -> Option<u32>;
    /// The vector of the viewer in an embedding that finds it when a request is made; none where it is stored.
    fn viewers_vector(&self, embedding: u32, entity: EntityId) -> Option<Expr>;
    /// A model over rows of that shape; `default` if none was given.
    fn model(&mut self, param: &str, shape: &Shape) -> Option<Model>;
    fn entity(&mut self, param: &str) -> Option<Option<EntityId>>;
    /// The conditions of `filter`: expressions, policies by name, or the default policies.
    fn conditions(&mut self, shape: &Shape) -> Option<Vec<Expr>>;
    /// The policies that are true wherever the conditions are; asked after them.
    fn passed(&self) -> std::collections::BTreeSet<String>;
    /// The arguments of `let` and `select`: later ones see the names of earlier ones.
    fn bindings(&mut self, shape: &Shape) -> Option<Vec<RestArg>>;
    /// A further candidate set; `None` inside if it was not given.
    fn set(&mut self, param: &str, role: Role) -> Option<Option<NodeId>>;
    /// The arguments of an operator that combines sets, with weights or without.
    fn branches(&mut self, weighted: bool) -> Option<Vec<SetArg>>;
    /// The shape of rows that come from any of the sets; reports sets that do not go together.
    fn joined(&mut self, sets: &[(NodeId, Span)]) -> Option<Shape>;
    /// A help line for a key, given as `param`, that has one value per request.
    fn better_key(&self, param: &str) -> Option<String>;
}
