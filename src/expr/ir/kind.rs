//! What an expression is: its kinds, and what each says of itself.

use super::{EdgeExpr, EdgeKind, Expr, Level, NodeId, PARAMS, SEED, SETS, Scalar, VIEWER};
use crate::expr::functions::Kernel;
use crate::expr::reads::{End, Reads};
use crate::types::EntityId;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Kind {
    Const(Scalar),
    /// A parameter of the request, by its slot, and its name.
    Param(u32, Arc<str>),
    Now,
    /// The viewer's id.
    Viewer,
    /// The id of the current row's entity.
    It,
    Score,
    Position,
    /// A column bound by `let` or a model head, by its place in the shape.
    Bound(u32),
    Link(LinkField),
    /// In a link expression: a value of the row whose links are read.
    Outer(Expr),
    /// A stored column of `entity` at an id.
    Read {
        entity: EntityId,
        column: u32,
        id: Expr,
    },
    /// An id, or null where that row is not visible at `now`.
    Visible {
        entity: EntityId,
        id: Expr,
    },
    /// The vector of `entity` at an id.
    VectorOf {
        embedding: u32,
        entity: EntityId,
        id: Expr,
    },
    /// The id of a key that comes with the request.
    ToId {
        entity: EntityId,
        key: Expr,
    },
    Call {
        kernel: Kernel,
        args: Vec<Expr>,
    },
    If {
        condition: Expr,
        then: Expr,
        otherwise: Expr,
    },
    List(Vec<Expr>),
    /// Whether an id is in a candidate set.
    InSet {
        id: Expr,
        set: NodeId,
    },
    /// What the row of an id has in a candidate set; null if it is not there.
    OfSet {
        what: OfSet,
        id: Expr,
        set: NodeId,
    },
    /// An aggregate over the rows of a candidate set.
    OverSet {
        stat: Stat,
        set: NodeId,
        value: Option<Expr>,
    },
    /// An aggregate over links.
    OverLinks(Box<OverLinks>),
    /// XXH3-64 of the parts, as an int.
    Hash(Vec<Expr>),
    /// A number in (0, 1) that belongs to the request's seed, the viewer, a salt and some ids.
    Uniform {
        salt: Expr,
        ids: Vec<Expr>,
    },
    /// The first group of a pattern in a text.
    Extract {
        text: Expr,
        pattern: Pattern,
    },
}

/// A regular expression, compiled once.
#[derive(Clone, Debug)]
pub struct Pattern(pub Arc<regex::Regex>);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, to: &mut H) {
        self.0.as_str().hash(to);
    }
}

/// What an expression can read of a row in another set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OfSet {
    Score,
    Position,
    /// The score, which says how probable it was that the row is where that is asked.
    Chance,
    /// 1: it was certain that the row is where that is asked.
    Certain,
}

/// The parts of a link that an expression can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkField {
    From,
    To,
    Time,
    Weight,
    /// By its place in [`EdgeExpr::columns`].
    Column(u32),
}

/// What an aggregate computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stat {
    Count,
    Sum,
    Mean,
    Min,
    Max,
    Exists,
    Any,
    All,
    None,
    /// The targets of the newest links, so many distinct ones, newest first; along an edge without times the last
    /// listed come first.
    Newest(u32),
    /// The vector that an embedding finds for the newest links.
    FoldIn(u32),
}

impl Stat {
    pub const NAMES: [(&'static str, Stat); 9] = [
        ("count", Stat::Count),
        ("sum", Stat::Sum),
        ("mean", Stat::Mean),
        ("min", Stat::Min),
        ("max", Stat::Max),
        ("exists", Stat::Exists),
        ("any_of", Stat::Any),
        ("all_of", Stat::All),
        ("none_of", Stat::None),
    ];

    pub fn find(name: &str) -> Option<Stat> {
        Stat::NAMES.iter().find(|(n, _)| *n == name).map(|(_, s)| *s)
    }

    pub fn name(self) -> &'static str {
        Stat::NAMES.iter().find(|(_, s)| *s == self).map_or("", |(n, _)| n)
    }

    /// Whether it is about the newest links only, and no number.
    pub fn is_of_newest(self) -> bool {
        matches!(self, Stat::Newest(_) | Stat::FoldIn(_))
    }
}

/// `stat(edge(from[, to]), value, within=, where=)`.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct OverLinks {
    pub stat: Stat,
    pub edge: EdgeExpr,
    pub from: Expr,
    pub to: Option<Expr>,
    pub within: Option<Expr>,
    pub filter: Option<Expr>,
    pub value: Option<Expr>,
}

impl OverLinks {
    /// An aggregate over all links from what an expression leads to.
    pub fn of(stat: Stat, edge: EdgeExpr, from: Expr) -> OverLinks {
        OverLinks { stat, edge, from, to: None, within: None, filter: None, value: None }
    }

    /// Whether it is the number of stored links of a row, which need not be looked at.
    pub(super) fn is_degree(&self) -> bool {
        let all = self.within.is_none() && self.filter.is_none() && self.value.is_none();
        let all = all && !self.stat.is_of_newest();
        let stored = matches!(self.edge.kind, EdgeKind::Table { .. } | EdgeKind::Reference { .. });
        stored && all && self.to.is_none()
    }

    /// Whether it asks only if links lead from what is the same for all rows of a request to the row: then it
    /// says whether the row is in a set, which need not be asked of each.
    pub fn is_membership(&self) -> bool {
        let to_it = self.to.as_ref().is_some_and(|to| to.kind == Kind::It);
        let ends = [Some(&self.from), self.within.as_ref()];
        let of_request = ends.into_iter().flatten().all(|e| e.level < Level::Row);
        let own = self.filter.as_ref().is_none_or(|e| !e.reads_outer);
        let asks = self.stat == Stat::Exists && self.value.is_none();
        asks && to_it && of_request && own && self.edge.is_one_step()
    }
}

impl Kind {
    /// What it reads beside its rows, its parts aside.
    pub(super) fn own_beside(&self) -> u8 {
        match self {
            Kind::InSet { .. } | Kind::OfSet { .. } | Kind::OverSet { .. } => SETS,
            Kind::Viewer => VIEWER,
            Kind::Uniform { .. } => SEED,
            Kind::Param(..) => PARAMS,
            _ => 0,
        }
    }

    /// What it reads of its row, its parts aside.
    pub(super) fn own_reads(&self) -> Reads {
        match self {
            Kind::It => Reads::end(End::It),
            Kind::Link(LinkField::To) => Reads::end(End::To),
            Kind::Link(LinkField::From) => Reads::end(End::From),
            // they belong to the place where they are asked
            Kind::OfSet { what: OfSet::Chance | OfSet::Certain, .. } => Reads::other(),
            Kind::Link(_) | Kind::Score | Kind::Position | Kind::Bound(_) | Kind::Outer(_) => {
                Reads::other()
            }
            _ => Reads::default(),
        }
    }

    /// How often it changes.
    pub(super) fn level(&self) -> Level {
        match self {
            Kind::Const(_) => Level::Constant,
            Kind::Param(..) | Kind::Now | Kind::Viewer | Kind::OverSet { .. } => Level::Request,
            Kind::It
            | Kind::Score
            | Kind::Position
            | Kind::Bound(_)
            | Kind::Link(_)
            | Kind::Outer(_) => Level::Row,
            Kind::Read { id, .. } | Kind::VectorOf { id, .. } | Kind::ToId { key: id, .. } => {
                id.level
            }
            Kind::Visible { id, .. } | Kind::InSet { id, .. } | Kind::OfSet { id, .. } => {
                id.level.max(Level::Request)
            }
            Kind::Call { kernel, args } if kernel.is_own() => most(args).max(Level::Request),
            Kind::Call { args: items, .. } | Kind::List(items) | Kind::Hash(items) => most(items),
            Kind::Uniform { salt, ids } => {
                ids.iter().map(|id| id.level).fold(salt.level.max(Level::Request), Level::max)
            }
            Kind::Extract { text, .. } => text.level,
            Kind::If { condition, then, otherwise } => {
                condition.level.max(then.level).max(otherwise.level)
            }
            Kind::OverLinks(over) => {
                let of_row = [&over.to, &over.within].into_iter().flatten().map(|part| part.level);
                let of_row = of_row.fold(over.from.level, Level::max);
                let parts = [&over.filter, &over.value];
                match parts.into_iter().flatten().any(|part| part.reads_outer) {
                    true => Level::Row,
                    false => of_row.max(Level::Request),
                }
            }
        }
    }
}

/// The level of what is made of all of these.
fn most(exprs: &[Expr]) -> Level {
    let levels = exprs.iter().map(|expr| expr.level);
    levels.max().unwrap_or(Level::Constant)
}
