//! What a check gives: a program that can be planned and run.

use super::amounts::Amount;
use super::autos::Auto;
use super::env::Use;
use super::experiments::Experiment;
use super::models::trained::Trained;
use super::tunables::Tunable;
use crate::expr::NodeId;
use crate::expr::ir::Expr;
use crate::ops::Graph;
use crate::types::Type;
use foldhash::HashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A value that comes with a request.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub name: String,
    pub ty: Type,
    /// A constant; none if the request must give a value.
    pub default: Option<Expr>,
    /// The experiment whose arm it is: that follows from who asks, and no request gives it as a parameter.
    pub experiment: Option<Arc<Experiment>>,
}

impl Parameter {
    /// Whether a request gives it under that name.
    pub fn is_given_as(&self, name: &str) -> bool {
        self.experiment.is_none() && self.name == name
    }
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
        let ((low, high), found) = (self.shown(), self.number(found));
        format!("`{}` must lie in {low}..{high}, found {found}", self.name)
    }

    /// Its ends as a program writes them.
    pub fn shown(&self) -> (String, String) {
        (self.number(self.low), self.number(self.high))
    }

    fn number(&self, x: f64) -> String {
        match self.value.ty {
            Type::Duration => crate::expr::show::duration(x as i64),
            Type::Int => format!("{x}"),
            _ => format!("{x:?}"),
        }
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
    /// Of each result, how probable it was that a row came to be there: a number over its rows.
    pub propensities: Vec<Expr>,
    /// Whether answers say so.
    pub tells_propensities: bool,
    /// What expressions read of the request, by slot: parameters, and arms of experiments.
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
    /// The experiments of the program, its imports and the prelude, in the order of the files.
    pub experiments: Vec<Arc<Experiment>>,
    /// The trained versions that the query reads, by `NAME@N`, and before which time the links are that each was trained
    /// on, in microseconds.
    pub versions: BTreeMap<String, i64>,
    /// The trained models that the program, its imports and the prelude declare, in the order of the files.
    pub trained: Vec<Arc<Trained>>,
    /// Of each operator: the definitions through which it was first used, the outermost first.
    pub uses: HashMap<NodeId, Vec<Use>>,
    /// Of sets that a binding names: its name, the first one where there are several.
    pub names: HashMap<NodeId, String>,
}

impl Checked {
    /// The parameter that requests give under a name.
    pub fn param(&self, name: &str) -> Option<&Parameter> {
        self.given().find(|param| param.name == name)
    }

    /// The parameters that requests give.
    pub fn given(&self) -> impl Iterator<Item = &Parameter> {
        self.params.iter().filter(|param| param.experiment.is_none())
    }

    /// The experiments whose arms are read.
    pub fn read_experiments(&self) -> impl Iterator<Item = &Experiment> {
        self.params.iter().filter_map(|param| param.experiment.as_deref())
    }

    /// The nodes of all results.
    pub fn roots(&self) -> Vec<NodeId> {
        self.results.iter().map(|(_, node)| *node).collect()
    }

    /// The nodes that have to run: those of all results, and the sets that tell how probable their rows were, where
    /// answers say so.
    pub fn wanted(&self) -> Vec<NodeId> {
        let told = self.propensities.iter().filter(|_| self.tells_propensities);
        let mut wanted = self.roots();
        wanted.extend(told.flat_map(Expr::sets));
        wanted
    }
}
