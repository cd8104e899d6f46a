//! What a check knows while it reads a program, by what it is for.

use super::amounts::Amount;
use super::checked::{InRange, Parameter};
use super::env::{Env, Use};
use super::experiments::Experiment;
use super::lints::{Hidden, Shadow};
use crate::expr::{EdgeExpr, Expr, Kind, NodeId};
use crate::ops::Role;
use crate::source::Span;
use crate::syntax::ast;
use crate::types::Type;
use foldhash::{HashMap, HashSet};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the query that is read asks of a request.
#[derive(Default)]
pub(super) struct Inputs {
    pub(super) params: Vec<Parameter>,
    /// Values that have to lie in a range.
    pub(super) ranges: Vec<InRange>,
    /// Numbers that have to make sense where they stand.
    pub(super) amounts: Vec<Amount>,
}

impl Inputs {
    /// The slot of the arm that who asks is in.
    pub(super) fn arm_slot(&mut self, experiment: Arc<Experiment>) -> u32 {
        let is_it = |param: &Parameter| param.experiment.as_ref() == Some(&experiment);
        let slot = self.params.iter().position(is_it).unwrap_or_else(|| {
            let (name, ty) = (experiment.name.clone(), Type::String);
            self.params.push(Parameter { name, ty, default: None, experiment: Some(experiment) });
            self.params.len() - 1
        });
        slot as u32
    }

    /// The experiment whose arm a value is.
    pub(super) fn experiment_of(&self, value: &Expr) -> Option<Arc<Experiment>> {
        match value.kind {
            Kind::Param(slot, _) => self.params.get(slot as usize)?.experiment.clone(),
            _ => None,
        }
    }

    /// Whether a slot has an arm.
    pub(super) fn is_arm(&self, slot: u32) -> bool {
        self.params.get(slot as usize).is_some_and(|param| param.experiment.is_some())
    }
}

/// A candidate set as it is written: its expression, the names that it sees, and its role.
///
/// Expression and names are told by their addresses. The tree is borrowed for the whole check, so that
/// nothing in it moves or goes away, and whoever keeps a key keeps its names. Numbers in the nodes of the
/// tree would say the same of expressions, but every parser and printer would have to carry them, and
/// chains of names, which the checker makes, would need a second kind.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SetKey {
    expr: usize,
    names: (usize, usize),
    role: Role,
}

impl SetKey {
    pub(super) fn new(expr: &ast::Expr, env: &Env<'_>, role: Role) -> SetKey {
        SetKey { expr: address(expr), names: env.identity(), role }
    }
}

/// The candidate sets that have been read, and those that are being read.
#[derive(Default)]
pub(super) struct Sets<'a> {
    /// The names of a key are kept alive, so that their address stays theirs.
    pub(super) known: HashMap<SetKey, (Option<NodeId>, Env<'a>)>,
    /// How often each is being read, to end what goes in circles.
    pub(super) reading: HashMap<SetKey, u8>,
}

/// A name that is being resolved: its kind, itself, and the address of what it stands for (0 for
/// kinds whose names are unique), since one name can stand for different things in different places.
pub(super) type Open = (&'static str, String, usize);

/// What leads to the part that is being read.
#[derive(Default)]
pub(super) struct Here {
    /// Definitions that are being read, outermost first.
    pub(super) uses: Vec<Use>,
    /// Names that are being resolved, to find cycles.
    pub(super) open: Vec<Open>,
    /// Edges whose links are being read, outermost first.
    pub(super) links: Vec<EdgeExpr>,
    /// Whether a test is read: the queries it calls give what a request would get.
    pub(super) testing: bool,
    /// Whether the rows that are read about may have columns beside those that are known.
    pub(super) open_rows: bool,
    /// Whether tunables have the values that are written, whatever they were given from outside.
    pub(super) as_written: bool,
}

/// Where things stand in the text, for reports about them.
#[derive(Default)]
pub(super) struct Written {
    /// Of each operator: the definitions through which it was first used.
    pub(super) sites: HashMap<NodeId, Vec<Use>>,
    /// Of sets: the name of the first binding that each is the value of.
    pub(super) names: HashMap<NodeId, String>,
    /// Of operators with one argument that matters.
    pub(super) arguments: HashMap<NodeId, Span>,
    /// Columns that `let` binds.
    pub(super) columns: HashMap<(NodeId, String), Span>,
    /// Where the value of a parameter was given last, by the address of its name.
    pub(super) origins: HashMap<usize, Span>,
}

/// What lints ask when everything has been read.
#[derive(Default)]
pub(super) struct Notes {
    /// Names that were used, by the address of their item.
    pub(super) used: HashSet<usize>,
    /// The sets that queries give, and where each gets its last operator.
    pub(super) results: Vec<(NodeId, Span)>,
    /// Locals that hide columns, by the address of their name.
    pub(super) hidden: HashMap<usize, Hidden>,
    /// Names of rows and links that hide columns, in the order in which they were read.
    pub(super) shadows: Vec<Shadow>,
    /// Versions that were named by their numbers: `model final@3`.
    pub(super) pinned: BTreeSet<String>,
    /// Features of trained models that are wrong, by their names.
    pub(super) unfit: Vec<String>,
}

/// What tells definitions of one name apart: the address of their tree.
pub(super) fn address<T>(tree: &T) -> usize {
    std::ptr::from_ref(tree) as usize
}
