//! What a check gives: a program that can be planned and run.

use super::amounts::Amount;
use super::autos::Auto;
use super::env::Use;
use super::tunables::Tunable;
use crate::expr::NodeId;
use crate::expr::ir::Expr;
use crate::ops::Graph;
use crate::types::Type;
use foldhash::HashMap;

/// A value that comes with a request.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub name: String,
    pub ty: Type,
    /// A constant; none if the request must give a value.
    pub default: Option<Expr>,
}

/// A value of the request, and between which numbers it has to lie. Durations count in
/// microseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct InRange {
    /// The parameter that asks for it.
    pub name: String,
    pub value: Expr,
    pub low: f64,
    pub high: f64,
}

impl InRange {
    /// What is wrong with a value outside.
    pub fn message(&self, found: f64) -> String {
        let number = |x: f64| match self.value.ty {
            Type::Duration => crate::expr::show::duration(x as i64),
            Type::Int => format!("{x}"),
            _ => format!("{x:?}"),
        };
        let (low, high, found) = (number(self.low), number(self.high), number(found));
        format!("`{}` must lie in {low}..{high}, found {found}", self.name)
    }
}

/// A program that can be planned and run.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The name of the query: `main`, or as declared.
    pub query: String,
    pub graph: Graph,
    /// One unnamed set, or the lists of a page by name.
    pub results: Vec<(Option<String>, NodeId)>,
    pub params: Vec<Parameter>,
    /// Values of the request that have to lie in a range.
    pub ranges: Vec<InRange>,
    /// Numbers of the request that have to make sense where they stand.
    pub amounts: Vec<Amount>,
    /// Parameters that the program declares and the query does not read.
    pub unread_params: Vec<String>,
    /// Numbers that are left to the planner.
    pub autos: Vec<Auto>,
    /// The tunables of the program, its imports and the prelude, in the order of the files.
    pub tunables: Vec<Tunable>,
    /// Of each operator: the definitions through which it was first used, the outermost first.
    pub uses: HashMap<NodeId, Vec<Use>>,
}

impl Checked {
    /// The nodes of all results.
    pub fn roots(&self) -> Vec<NodeId> {
        self.results.iter().map(|(_, node)| *node).collect()
    }
}
