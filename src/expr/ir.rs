//! Typed row expressions: what the checker makes of the tree, and what the evaluator runs.
//!
//! Names are gone: a column is an entity and a number, a parameter a slot, a candidate set a
//! node of the graph. `level` says how often a part has to be computed: once, once per request,
//! or for every row.

use crate::expr::functions::Kernel;
use crate::types::{EdgeId, EntityId, Key, Type};
use std::sync::Arc;

/// Number of a node in the program's graph: a candidate set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// How often an expression changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Constant,
    Request,
    Row,
}

/// A typed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub kind: Kind,
    pub ty: Type,
    pub level: Level,
}

/// A constant as the evaluator wants it. Strings and keys that the snapshot knows are codes.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    Null,
    /// `int`, `time`, `duration`.
    I64(i64),
    F64(f64),
    Bool(bool),
    /// A string or id of the snapshot.
    Code(u32),
    /// A string that the snapshot does not hold.
    Text(Arc<str>),
    /// A key that the entity does not hold.
    Key(EntityId, Key),
    Vector(Arc<[f32]>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Const(Scalar),
    /// A parameter of the request, by its slot.
    Param(u32),
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
    Outer(Box<Expr>),
    /// A stored column of `entity` at an id.
    Read {
        entity: EntityId,
        column: u32,
        id: Box<Expr>,
    },
    /// An id, or null where that row is not visible at `now`.
    Visible {
        entity: EntityId,
        id: Box<Expr>,
    },
    /// The vector of `entity` at an id.
    VectorOf {
        embedding: u32,
        entity: EntityId,
        id: Box<Expr>,
    },
    /// The id of a key that comes with the request.
    ToId {
        entity: EntityId,
        key: Box<Expr>,
    },
    Call {
        kernel: Kernel,
        args: Vec<Expr>,
    },
    If {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    List(Vec<Expr>),
    /// Whether an id is in a candidate set.
    InSet {
        id: Box<Expr>,
        set: NodeId,
    },
    /// What the row of an id has in a candidate set; null if it is not there.
    OfSet {
        what: OfSet,
        id: Box<Expr>,
        set: NodeId,
    },
    /// An aggregate over the rows of a candidate set.
    OverSet {
        stat: Stat,
        set: NodeId,
        value: Option<Box<Expr>>,
    },
    /// An aggregate over links.
    OverLinks(Box<OverLinks>),
    /// XXH3-64 of the parts, as an int.
    Hash(Vec<Expr>),
    /// A number in (0, 1) that belongs to the request's seed, the viewer, a salt and some ids.
    Uniform {
        salt: Box<Expr>,
        ids: Vec<Expr>,
    },
    /// The first group of a pattern in a text.
    Extract {
        text: Box<Expr>,
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

/// What an expression can read of a row in another set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfSet {
    Score,
    Position,
}

/// The parts of a link that an expression can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        Stat::NAMES
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, s)| *s)
    }

    pub fn name(self) -> &'static str {
        Stat::NAMES
            .iter()
            .find(|(_, s)| *s == self)
            .map_or("", |(n, _)| n)
    }
}

/// `stat(edge(from[, to]), value, within=, where=)`.
#[derive(Clone, Debug, PartialEq)]
pub struct OverLinks {
    pub stat: Stat,
    pub edge: EdgeExpr,
    pub from: Expr,
    pub to: Option<Expr>,
    pub within: Option<Expr>,
    pub filter: Option<Expr>,
    pub value: Option<Expr>,
}

/// Directed links, stored or derived.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeExpr {
    pub kind: EdgeKind,
    pub from: EntityId,
    pub to: EntityId,
    pub has_time: bool,
    pub has_weight: bool,
    pub columns: Vec<(String, Type)>,
    /// As the program writes it, for explanations.
    pub name: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum EdgeKind {
    Table {
        edge: EdgeId,
        reverse: bool,
    },
    Reference {
        entity: EntityId,
        reference: u32,
        reverse: bool,
    },
    /// Links of `inner` for which `keep` is true.
    Filter {
        inner: Box<EdgeExpr>,
        keep: Box<Expr>,
    },
    Weight {
        inner: Box<EdgeExpr>,
        weight: Box<Expr>,
    },
    /// The links of each in turn. `columns[b][c]` is where branch `b` has column `c`.
    Union {
        branches: Vec<EdgeExpr>,
        columns: Vec<Vec<u32>>,
    },
    /// First one, then the other; time, weight and columns are those of `first` or of `second`.
    Chain {
        first: Box<EdgeExpr>,
        second: Box<EdgeExpr>,
        carries_second: bool,
    },
}

impl Expr {
    pub fn new(kind: Kind, ty: Type) -> Expr {
        let level = kind.level();
        Expr { kind, ty, level }
    }

    pub fn constant(value: Scalar, ty: Type) -> Expr {
        Expr::new(Kind::Const(value), ty)
    }

    /// Stands for an expression already reported.
    pub fn error() -> Expr {
        Expr::constant(Scalar::Null, Type::Error)
    }

    pub fn is_error(&self) -> bool {
        self.ty == Type::Error
    }

    /// The constant, if it is one.
    pub fn as_const(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Const(value) => Some(value),
            _ => None,
        }
    }

    /// Calls `f` on every direct part of the expression that is evaluated for the same row
    /// (not on what is evaluated per link or per row of another set).
    pub fn each_child<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            Kind::Read { id, .. }
            | Kind::Visible { id, .. }
            | Kind::VectorOf { id, .. }
            | Kind::ToId { key: id, .. }
            | Kind::InSet { id, .. }
            | Kind::OfSet { id, .. }
            | Kind::Outer(id) => f(id),
            Kind::Call { args, .. } | Kind::List(args) | Kind::Hash(args) => {
                args.iter().for_each(f)
            }
            Kind::Uniform { salt, ids } => {
                f(salt);
                ids.iter().for_each(f);
            }
            Kind::Extract { text, .. } => f(text),
            Kind::If {
                condition,
                then,
                otherwise,
            } => {
                f(condition);
                f(then);
                f(otherwise);
            }
            Kind::OverLinks(over) => {
                f(&over.from);
                over.to.iter().for_each(f);
            }
            _ => {}
        }
    }

    /// Calls `f` on every part, those in other scopes (links, other sets) included.
    pub fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        f(self);
        self.each_child(&mut |child| child.walk(f));
        match &self.kind {
            Kind::OverSet {
                value: Some(value), ..
            } => value.walk(f),
            Kind::OverLinks(over) => {
                over.edge.walk(f);
                for part in [&over.within, &over.filter, &over.value]
                    .into_iter()
                    .flatten()
                {
                    part.walk(f);
                }
            }
            _ => {}
        }
    }

    /// Calls `f` on every part that is about the row itself: not on what is about the rows of
    /// another set, and of link expressions only on what they read of the row.
    pub fn walk_row<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        f(self);
        self.each_child(&mut |child| child.walk_row(f));
        if let Kind::OverLinks(over) = &self.kind {
            for part in [&over.filter, &over.value].into_iter().flatten() {
                part.walk(&mut |inner| {
                    if let Kind::Outer(row) = &inner.kind {
                        row.walk_row(f);
                    }
                });
            }
        }
    }

    /// Rewrites every part, innermost first, in all scopes.
    pub fn map(mut self, f: &mut dyn FnMut(Expr) -> Expr) -> Expr {
        self.each_part_mut(&mut |part, _| {
            let taken = std::mem::replace(part, Expr::error());
            *part = taken.map(f);
        });
        self.level = self.kind.level();
        f(self)
    }

    /// Rewrites every part that is about the row itself, innermost first: not what is about links or
    /// the rows of another set, but what that reads of the row.
    pub fn map_row(self, f: &mut dyn FnMut(Expr) -> Expr) -> Expr {
        self.map_at(0, f)
    }

    fn map_at(mut self, depth: i32, f: &mut dyn FnMut(Expr) -> Expr) -> Expr {
        self.each_part_mut(&mut |part, further| {
            let taken = std::mem::replace(part, Expr::error());
            *part = taken.map_at(depth + further, f);
        });
        self.level = self.kind.level();
        if depth == 0 { f(self) } else { self }
    }

    /// Calls `f` on every direct part and tells how many link scopes further in it stands
    /// (`Outer` leads one out).
    fn each_part_mut(&mut self, f: &mut dyn FnMut(&mut Expr, i32)) {
        match &mut self.kind {
            Kind::Read { id, .. }
            | Kind::Visible { id, .. }
            | Kind::VectorOf { id, .. }
            | Kind::ToId { key: id, .. }
            | Kind::InSet { id, .. }
            | Kind::OfSet { id, .. } => f(id, 0),
            Kind::Outer(row) => f(row, -1),
            Kind::Call { args, .. } | Kind::List(args) | Kind::Hash(args) => {
                args.iter_mut().for_each(|a| f(a, 0))
            }
            Kind::Uniform { salt, ids } => {
                f(salt, 0);
                ids.iter_mut().for_each(|id| f(id, 0));
            }
            Kind::Extract { text, .. } => f(text, 0),
            Kind::If {
                condition,
                then,
                otherwise,
            } => {
                f(condition, 0);
                f(then, 0);
                f(otherwise, 0);
            }
            Kind::OverSet {
                value: Some(value), ..
            } => f(value, 1),
            Kind::OverLinks(over) => {
                f(&mut over.from, 0);
                over.to.iter_mut().for_each(|to| f(to, 0));
                over.within.iter_mut().for_each(|within| f(within, 0));
                over.edge.each_part_mut(f);
                for part in [&mut over.filter, &mut over.value].into_iter().flatten() {
                    f(part, 1);
                }
            }
            _ => {}
        }
    }

    /// In a link expression: exchanges the ends of the link, `depth` scopes out.
    fn swap_ends(&mut self, depth: i32) {
        if depth == 0 {
            match &mut self.kind {
                Kind::Link(end @ LinkField::From) => *end = LinkField::To,
                Kind::Link(end @ LinkField::To) => *end = LinkField::From,
                _ => {}
            }
        }
        self.each_part_mut(&mut |part, further| part.swap_ends(depth + further));
    }

    /// The candidate sets that the expression reads.
    pub fn sets(&self) -> Vec<NodeId> {
        let mut found = Vec::new();
        self.walk(&mut |part| match part.kind {
            Kind::InSet { set, .. } | Kind::OfSet { set, .. } | Kind::OverSet { set, .. } => {
                found.push(set)
            }
            _ => {}
        });
        found
    }
}

impl Kind {
    fn level(&self) -> Level {
        match self {
            Kind::Const(_) => Level::Constant,
            Kind::Param(_) | Kind::Now | Kind::Viewer | Kind::OverSet { .. } => Level::Request,
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
            Kind::Call { kernel, args } => {
                let own = if kernel.per_request {
                    Level::Request
                } else {
                    Level::Constant
                };
                args.iter().map(|a| a.level).fold(own, Level::max)
            }
            Kind::List(items) | Kind::Hash(items) => items
                .iter()
                .map(|a| a.level)
                .max()
                .unwrap_or(Level::Constant),
            Kind::Uniform { salt, ids } => ids
                .iter()
                .map(|id| id.level)
                .fold(salt.level.max(Level::Request), Level::max),
            Kind::Extract { text, .. } => text.level,
            Kind::If {
                condition,
                then,
                otherwise,
            } => condition.level.max(then.level).max(otherwise.level),
            Kind::OverLinks(over) => {
                let ends = over
                    .from
                    .level
                    .max(over.to.as_ref().map_or(Level::Constant, |t| t.level));
                let mut level = ends.max(Level::Request);
                for part in [&over.filter, &over.value].into_iter().flatten() {
                    part.walk(&mut |p| {
                        if matches!(p.kind, Kind::Outer(_)) {
                            level = Level::Row;
                        }
                    });
                }
                level
            }
        }
    }
}

impl EdgeExpr {
    /// Whether no entity has links from two others, nor two links from one: the reverse of a
    /// reference, which each row holds once.
    pub fn is_one_to_many(&self) -> bool {
        match &self.kind {
            EdgeKind::Reference { reverse, .. } => *reverse,
            EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => {
                inner.is_one_to_many()
            }
            _ => false,
        }
    }

    /// Calls `f` on every part of every expression in the edge.
    pub fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            EdgeKind::Table { .. } | EdgeKind::Reference { .. } => {}
            EdgeKind::Filter { inner, keep: part }
            | EdgeKind::Weight {
                inner,
                weight: part,
            } => {
                inner.walk(f);
                part.walk(f);
            }
            EdgeKind::Union { branches, .. } => branches.iter().for_each(|b| b.walk(f)),
            EdgeKind::Chain { first, second, .. } => {
                first.walk(f);
                second.walk(f);
            }
        }
    }

    /// Calls `f` on the expressions of the edge, each whole.
    pub fn each_expr<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            EdgeKind::Table { .. } | EdgeKind::Reference { .. } => {}
            EdgeKind::Filter { inner, keep: own } | EdgeKind::Weight { inner, weight: own } => {
                inner.each_expr(f);
                f(own);
            }
            EdgeKind::Union { branches, .. } => branches.iter().for_each(|b| b.each_expr(f)),
            EdgeKind::Chain { first, second, .. } => {
                first.each_expr(f);
                second.each_expr(f);
            }
        }
    }

    /// The expressions of the edge, each whole.
    pub fn exprs_mut(&mut self) -> Vec<&mut Expr> {
        match &mut self.kind {
            EdgeKind::Table { .. } | EdgeKind::Reference { .. } => Vec::new(),
            EdgeKind::Filter { inner, keep: own } | EdgeKind::Weight { inner, weight: own } => {
                let mut exprs = inner.exprs_mut();
                exprs.push(own);
                exprs
            }
            EdgeKind::Union { branches, .. } => {
                branches.iter_mut().flat_map(EdgeExpr::exprs_mut).collect()
            }
            EdgeKind::Chain { first, second, .. } => {
                let mut exprs = first.exprs_mut();
                exprs.extend(second.exprs_mut());
                exprs
            }
        }
    }

    fn each_part_mut(&mut self, f: &mut dyn FnMut(&mut Expr, i32)) {
        match &mut self.kind {
            EdgeKind::Table { .. } | EdgeKind::Reference { .. } => {}
            EdgeKind::Filter { inner, keep: part }
            | EdgeKind::Weight {
                inner,
                weight: part,
            } => {
                inner.each_part_mut(f);
                f(part, 1);
            }
            EdgeKind::Union { branches, .. } => {
                branches.iter_mut().for_each(|b| b.each_part_mut(f))
            }
            EdgeKind::Chain { first, second, .. } => {
                first.each_part_mut(f);
                second.each_part_mut(f);
            }
        }
    }

    /// The same links from their other end.
    pub fn reversed(&self) -> EdgeExpr {
        let flip = |e: &Expr| {
            let mut e = Box::new(e.clone());
            e.swap_ends(0);
            e
        };
        let kind = match &self.kind {
            EdgeKind::Table { edge, reverse } => EdgeKind::Table {
                edge: *edge,
                reverse: !reverse,
            },
            EdgeKind::Reference {
                entity,
                reference,
                reverse,
            } => EdgeKind::Reference {
                entity: *entity,
                reference: *reference,
                reverse: !reverse,
            },
            EdgeKind::Filter { inner, keep } => EdgeKind::Filter {
                inner: Box::new(inner.reversed()),
                keep: flip(keep),
            },
            EdgeKind::Weight { inner, weight } => EdgeKind::Weight {
                inner: Box::new(inner.reversed()),
                weight: flip(weight),
            },
            EdgeKind::Union { branches, columns } => EdgeKind::Union {
                branches: branches.iter().map(EdgeExpr::reversed).collect(),
                columns: columns.clone(),
            },
            EdgeKind::Chain {
                first,
                second,
                carries_second,
            } => EdgeKind::Chain {
                first: Box::new(second.reversed()),
                second: Box::new(first.reversed()),
                carries_second: !carries_second,
            },
        };
        let name = match self.name.strip_prefix('~') {
            Some(plain) => plain.to_owned(),
            None if self.name.contains(' ') => format!("~({})", self.name),
            None => format!("~{}", self.name),
        };
        EdgeExpr {
            kind,
            from: self.to,
            to: self.from,
            name,
            ..self.clone()
        }
    }

    /// Where the column of that name is.
    pub fn find_column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|(n, _)| n == name)
    }
}

/// The column of the current row: its own key for column 0, hidden references as null.
pub fn column(entity: EntityId, column: usize, table: &crate::catalog::schema::Entity) -> Expr {
    read(Expr::new(Kind::It, Type::Id(entity)), column, table)
}

/// A column of the entity at an id. The key is the id itself; a reference to a row that is not
/// visible reads null.
pub fn read(id: Expr, column: usize, table: &crate::catalog::schema::Entity) -> Expr {
    let Type::Id(entity) = id.ty else {
        return Expr::error();
    };
    if column == 0 {
        return id;
    }
    let ty = table.columns[column].ty.clone();
    let read = Expr::new(
        Kind::Read {
            entity,
            column: column as u32,
            id: Box::new(id),
        },
        ty.clone(),
    );
    match ty {
        Type::Id(target) => Expr::new(
            Kind::Visible {
                entity: target,
                id: Box::new(read),
            },
            ty,
        ),
        _ => read,
    }
}
