//! Typed row expressions: what the checker makes of the tree, and what the evaluator runs.
//!
//! Names are gone: a column is an entity and a number, a parameter a slot, a candidate set a
//! node of the graph. `level` says how often a part has to be computed: once, once per request,
//! or for every row.
//!
//! Expressions share their parts: a value that is used twice is read once, and both uses hold the
//! same node. `b = a * a; c = b * b; ...` has few nodes but doubles at each step when it is followed
//! as a tree, so whatever goes through an expression of more than [`SMALL`] parts remembers where it
//! has been ([`Expr::walk`], [`Expr::map`], [`crate::expr::known::Known::of`], evaluation).

use crate::deep::recurse;
use crate::expr::functions::{Kernel, Role};
use crate::expr::reads::{End, Reads};
use crate::types::{EdgeId, EntityId, Key, Type};
use foldhash::{HashMap, HashSet};
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use xxhash_rust::xxh3::xxh3_128;

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

/// A typed expression. Cheap to clone: the clone is the same node.
#[derive(Clone)]
pub struct Expr(Arc<Node>);

/// What an [`Expr`] holds.
#[derive(Clone)]
pub struct Node {
    pub kind: Kind,
    pub ty: Type,
    pub level: Level,
    /// How many parts there are where shared ones count each time.
    size: u32,
    /// Parts on the longest way to a leaf.
    depth: u32,
    /// Whether a part of a link expression reads the row whose links these are.
    reads_outer: bool,
    reads: Reads,
    /// Whether links are looked at for the row.
    over_links: bool,
    /// What it, or a part of it, reads beside its rows.
    beside: u8,
    /// A hash of all that the expression is, once it is asked for.
    key: OnceLock<u128>,
}

/// Bits of what an expression reads beside its rows: candidate sets, the viewer, the seed, parameters.
const SETS: u8 = 1;
const VIEWER: u8 = 2;
const SEED: u8 = 4;
const PARAMS: u8 = 8;

/// Up to so many parts an expression is followed as a tree, without notes of where one has been.
pub const SMALL: u32 = 64;

impl Deref for Expr {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Expr) -> bool {
        let alike = || self.size == other.size && self.level == other.level && self.ty == other.ty;
        Arc::ptr_eq(&self.0, &other.0)
            || alike()
                && match self.is_small() {
                    true => self.kind == other.kind,
                    false => self.key() == other.key(),
                }
    }
}

/// A large expression shows as its key, so that the text stays short however much is shared.
impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_small() {
            true => write!(f, "{:?}: {:?}", self.kind, self.ty),
            false => write!(f, "#{:032x}", self.key()),
        }
    }
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

impl OverLinks {
    /// Whether it is the number of stored links of a row, which need not be looked at.
    fn is_degree(&self) -> bool {
        let all = self.within.is_none() && self.filter.is_none() && self.value.is_none();
        let stored = matches!(
            self.edge.kind,
            EdgeKind::Table { .. } | EdgeKind::Reference { .. }
        );
        stored && all && self.to.is_none()
    }
}

impl OverLinks {
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
        keep: Expr,
    },
    Weight {
        inner: Box<EdgeExpr>,
        weight: Expr,
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
        let (mut size, mut depth) = (1u32, 0);
        let mut over_links = matches!(kind, Kind::OverLinks(_));
        let mut reads = kind.own_reads();
        let mut reads_outer = matches!(kind, Kind::Outer(_));
        let mut beside = kind.own_beside();
        kind.each_part(&mut |part, further| {
            size = size.saturating_add(part.size);
            depth = depth.max(part.depth);
            over_links |= further == 0 && part.over_links;
            reads.and(part.reads, further);
            reads_outer |= part.reads_outer;
            beside |= part.beside;
        });
        Expr(Arc::new(Node {
            reads,
            over_links,
            beside,
            level: kind.level(),
            reads_outer,
            kind,
            ty,
            size,
            depth: depth + 1,
            key: OnceLock::new(),
        }))
    }

    pub fn constant(value: Scalar, ty: Type) -> Expr {
        Expr::new(Kind::Const(value), ty)
    }

    /// Stands for an expression already reported.
    pub fn error() -> Expr {
        Expr::constant(Scalar::Null, Type::Error)
    }

    /// The same expression as a value of another type.
    pub fn with_type(self, ty: Type) -> Expr {
        Expr::new(self.into_kind(), ty)
    }

    /// What it is made of; copied where others hold it too.
    pub fn into_kind(self) -> Kind {
        Arc::unwrap_or_clone(self.0).kind
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

    /// The arguments, if it is a call of a function of that role.
    pub fn as_call(&self, role: Role) -> Option<&[Expr]> {
        match &self.kind {
            Kind::Call { kernel, args } if kernel.role() == role => Some(args),
            _ => None,
        }
    }

    /// The conditions that `and` joins; itself, if it is none.
    pub fn conjuncts(&self) -> Vec<&Expr> {
        let mut found = Vec::new();
        self.descend(&mut |part| {
            let joins = part.as_call(Role::And).is_some();
            if !joins {
                found.push(part);
            }
            joins
        });
        found
    }

    /// Whether it can be followed as a tree.
    pub fn is_small(&self) -> bool {
        self.size <= SMALL
    }

    /// Whether something else may hold it, so that it is worth keeping what it comes to.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// How many parts of it are evaluated for a row: those within, each once.
    pub fn parts(&self) -> usize {
        let mut count = 0;
        self.descend(&mut |_| {
            count += 1;
            true
        });
        count
    }

    /// Of an expression that looks at links: the end of a link, or the entity of a row, which is all that it
    /// reads of that. None for lists, and for a number of links that is looked up.
    pub fn of_one_end(&self) -> Option<End> {
        let looks = self.over_links && !matches!(self.ty, Type::List(_) | Type::Vector(_));
        let end = self.reads.only().filter(|_| looks)?;
        match &self.kind {
            Kind::OverLinks(over) if over.is_degree() => None,
            _ => Some(end),
        }
    }

    /// Parts on the longest way to a leaf.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// What tells nodes apart while they live.
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// A hash of all that the expression is: equal expressions have equal keys.
    pub fn key(&self) -> u128 {
        let key = || {
            let text = format!("{:?} {:?} {:?}", self.kind, self.ty, self.level);
            xxh3_128(text.as_bytes())
        };
        *self.key.get_or_init(|| recurse(key))
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
        self.walk_new(&mut Seen::in_parts_of(self), f);
    }

    fn walk_new<'a>(&'a self, seen: &mut Seen, f: &mut dyn FnMut(&'a Expr)) {
        if !seen.is_new(self) {
            return;
        }
        f(self);
        recurse(|| self.kind.each_part(&mut |part, _| part.walk_new(seen, f)));
    }

    /// Calls `f` on every part that is about the row itself: not on what is about the rows of
    /// another set, and of link expressions only on what they read of the row.
    pub fn walk_row<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        self.walk_row_new(&mut Seen::in_parts_of(self), f);
    }

    fn walk_row_new<'a>(&'a self, seen: &mut Seen, f: &mut dyn FnMut(&'a Expr)) {
        if !seen.is_new(self) {
            return;
        }
        f(self);
        recurse(|| {
            self.each_child(&mut |child| child.walk_row_new(seen, f));
            if let Kind::OverLinks(over) = &self.kind {
                for part in [&over.filter, &over.value].into_iter().flatten() {
                    part.walk(&mut |inner| {
                        if let Kind::Outer(row) = &inner.kind {
                            row.walk_row_new(seen, f);
                        }
                    });
                }
            }
        });
    }

    /// Calls `f` on the expression and, where it answers yes, on the parts that are evaluated for
    /// the same row ([`Expr::each_child`]): on each once.
    pub fn descend<'a>(&'a self, f: &mut dyn FnMut(&'a Expr) -> bool) {
        self.descend_new(&mut Seen::in_parts_of(self), f);
    }

    fn descend_new<'a>(&'a self, seen: &mut Seen, f: &mut dyn FnMut(&'a Expr) -> bool) {
        if seen.is_new(self) && f(self) {
            recurse(|| self.each_child(&mut |child| child.descend_new(seen, f)));
        }
    }

    /// Rewrites every part, innermost first, in all scopes. A part that is shared is rewritten once.
    pub fn map(self, f: &mut dyn FnMut(Expr) -> Expr) -> Expr {
        self.map_among(&mut Mapped::default(), f)
    }

    /// The same, with what became of parts of other expressions: what these share stays shared.
    pub fn map_among(self, known: &mut Mapped, f: &mut dyn FnMut(Expr) -> Expr) -> Expr {
        if !self.is_small()
            && let Some(done) = known.of(&self, 0)
        {
            return done;
        }
        let original = (!self.is_small()).then(|| self.clone());
        let with_parts = self.with_parts(&mut |part, _| part.map_among(known, f));
        let made = f(with_parts);
        if let Some(original) = original {
            known.note(original, 0, &made);
        }
        made
    }

    /// Rewrites every part that is about the row itself, innermost first: not what is about links or
    /// the rows of another set, but what that reads of the row.
    pub fn map_row(self, f: &mut dyn FnMut(Expr) -> Expr) -> Expr {
        self.map_parts(&mut |part, depth| if depth == 0 { f(part) } else { part })
    }

    /// In a link expression: exchanges the ends of the link.
    fn swapped_ends(self) -> Expr {
        self.map_parts(&mut |part, depth| match &part.kind {
            Kind::Link(LinkField::From) if depth == 0 => {
                Expr::new(Kind::Link(LinkField::To), part.ty.clone())
            }
            Kind::Link(LinkField::To) if depth == 0 => {
                Expr::new(Kind::Link(LinkField::From), part.ty.clone())
            }
            _ => part,
        })
    }

    /// Rewrites every part, innermost first; `f` is told how many link scopes further in it stands.
    fn map_parts(self, f: &mut dyn FnMut(Expr, i32) -> Expr) -> Expr {
        let mut known = (!self.is_small()).then(Mapped::default);
        self.map_at(0, &mut known, f)
    }

    fn map_at(
        self,
        depth: i32,
        known: &mut Option<Mapped>,
        f: &mut dyn FnMut(Expr, i32) -> Expr,
    ) -> Expr {
        if let Some(done) = known.as_ref().and_then(|known| known.of(&self, depth)) {
            return done;
        }
        let original = known.is_some().then(|| self.clone());
        let with_parts =
            self.with_parts(&mut |part, further| part.map_at(depth + further, known, f));
        let made = f(with_parts, depth);
        if let (Some(known), Some(original)) = (known, original) {
            known.note(original, depth, &made);
        }
        made
    }

    /// The expression with other direct parts.
    fn with_parts(self, f: &mut dyn FnMut(Expr, i32) -> Expr) -> Expr {
        let Node { mut kind, ty, .. } = Arc::unwrap_or_clone(self.0);
        recurse(|| {
            kind.each_part_mut(&mut |part, further| {
                let taken = std::mem::replace(part, Expr::error());
                *part = f(taken, further);
            })
        });
        Expr::new(kind, ty)
    }

    /// The candidate sets that the expression reads.
    pub fn sets(&self) -> Vec<NodeId> {
        let mut found = Vec::new();
        self.walk_sets(&mut |part| match part.kind {
            Kind::InSet { set, .. } | Kind::OfSet { set, .. } | Kind::OverSet { set, .. } => {
                found.push(set)
            }
            _ => {}
        });
        found
    }

    /// Calls `f` on every part that reads a candidate set or has such a part.
    pub fn walk_sets<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        self.walk_reading(SETS, &mut Seen::in_parts_of(self), f);
    }

    /// The slots of the parameters that the expression reads, with their types.
    pub fn params(&self) -> Vec<(u32, Type)> {
        let mut found = Vec::new();
        self.walk_reading(PARAMS, &mut Seen::in_parts_of(self), &mut |part| {
            if let Kind::Param(slot, _) = part.kind {
                found.push((slot, part.ty.clone()));
            }
        });
        found
    }

    /// Whether who asks makes a difference, visibility aside.
    pub fn reads_viewer(&self) -> bool {
        self.beside & VIEWER != 0
    }

    /// Whether who asks, or the seed, makes a difference, visibility aside.
    pub fn is_personal(&self) -> bool {
        self.beside & (VIEWER | SEED) != 0
    }

    fn walk_reading<'a>(&'a self, what: u8, seen: &mut Seen, f: &mut dyn FnMut(&'a Expr)) {
        if self.beside & what == 0 || !seen.is_new(self) {
            return;
        }
        f(self);
        recurse(|| {
            let reading = &mut |part: &'a Expr, _| part.walk_reading(what, seen, f);
            self.kind.each_part(reading)
        });
    }
}

/// What was rewritten, by address and scope, with what it became. The original is kept, so that its address
/// stays its own.
#[derive(Default)]
pub struct Mapped(HashMap<(usize, i32), (Expr, Expr)>);

impl Mapped {
    fn of(&self, expr: &Expr, depth: i32) -> Option<Expr> {
        let known = self.0.get(&(expr.address(), depth));
        known.map(|(_, made)| made.clone())
    }

    fn note(&mut self, original: Expr, depth: i32, made: &Expr) {
        let place = (original.address(), depth);
        self.0.insert(place, (original, made.clone()));
    }
}

/// Where one has been in an expression; in a small one nothing is noted.
struct Seen(Option<HashSet<usize>>);

impl Seen {
    fn in_parts_of(expr: &Expr) -> Seen {
        Seen((!expr.is_small()).then(HashSet::default))
    }

    fn is_new(&mut self, part: &Expr) -> bool {
        match &mut self.0 {
            Some(seen) => seen.insert(part.address()),
            None => true,
        }
    }
}

impl Kind {
    /// Calls `f` on every direct part and tells how many link scopes further in it stands
    /// (`Outer` leads one out).
    fn each_part<'a>(&'a self, f: &mut dyn FnMut(&'a Expr, i32)) {
        match self {
            Kind::Read { id, .. }
            | Kind::Visible { id, .. }
            | Kind::VectorOf { id, .. }
            | Kind::ToId { key: id, .. }
            | Kind::InSet { id, .. }
            | Kind::OfSet { id, .. } => f(id, 0),
            Kind::Outer(row) => f(row, -1),
            Kind::Call { args, .. } | Kind::List(args) | Kind::Hash(args) => {
                args.iter().for_each(|a| f(a, 0))
            }
            Kind::Uniform { salt, ids } => {
                f(salt, 0);
                ids.iter().for_each(|id| f(id, 0));
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
                f(&over.from, 0);
                over.to.iter().for_each(|to| f(to, 0));
                over.edge.each_part(f);
                over.within.iter().for_each(|within| f(within, 0));
                for part in [&over.filter, &over.value].into_iter().flatten() {
                    f(part, 1);
                }
            }
            _ => {}
        }
    }

    /// The same, to put other parts in their places.
    fn each_part_mut(&mut self, f: &mut dyn FnMut(&mut Expr, i32)) {
        match self {
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
                over.edge.each_part_mut(f);
                over.within.iter_mut().for_each(|within| f(within, 0));
                for part in [&mut over.filter, &mut over.value].into_iter().flatten() {
                    f(part, 1);
                }
            }
            _ => {}
        }
    }

    /// What it reads beside its rows, its parts aside.
    fn own_beside(&self) -> u8 {
        match self {
            Kind::InSet { .. } | Kind::OfSet { .. } | Kind::OverSet { .. } => SETS,
            Kind::Viewer => VIEWER,
            Kind::Uniform { .. } => SEED,
            Kind::Param(..) => PARAMS,
            _ => 0,
        }
    }

    /// What it reads of its row, its parts aside.
    fn own_reads(&self) -> Reads {
        match self {
            Kind::It => Reads::end(End::It),
            Kind::Link(LinkField::To) => Reads::end(End::To),
            Kind::Link(LinkField::From) => Reads::end(End::From),
            Kind::Link(_) | Kind::Score | Kind::Position | Kind::Bound(_) | Kind::Outer(_) => {
                Reads::other()
            }
            _ => Reads::default(),
        }
    }

    fn level(&self) -> Level {
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
            Kind::Call { args: items, .. } | Kind::List(items) | Kind::Hash(items) => items
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
                let parts = [&over.filter, &over.value];
                match parts.into_iter().flatten().any(|part| part.reads_outer) {
                    true => Level::Row,
                    false => ends.max(Level::Request),
                }
            }
        }
    }
}

impl EdgeExpr {
    /// Whether no link leads over another row.
    fn is_one_step(&self) -> bool {
        match &self.kind {
            EdgeKind::Table { .. } | EdgeKind::Reference { .. } => true,
            EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => inner.is_one_step(),
            EdgeKind::Union { branches, .. } => branches.iter().all(EdgeExpr::is_one_step),
            EdgeKind::Chain { .. } => false,
        }
    }

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
        self.each_part(&mut |part, _| part.walk(f));
    }

    /// How many edges it is made of, itself included, and how many aggregates over links its conditions and
    /// weights have, each once.
    pub fn size(&self) -> usize {
        let (mut size, mut seen) = (self.own_size(), Seen(Some(HashSet::default())));
        let mut count = |part: &Expr| size += usize::from(matches!(part.kind, Kind::OverLinks(_)));
        self.each_expr(&mut |part| part.walk_new(&mut seen, &mut count));
        size
    }

    fn own_size(&self) -> usize {
        1 + match &self.kind {
            EdgeKind::Table { .. } | EdgeKind::Reference { .. } => 0,
            EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => inner.own_size(),
            EdgeKind::Union { branches, .. } => branches.iter().map(EdgeExpr::own_size).sum(),
            EdgeKind::Chain { first, second, .. } => first.own_size() + second.own_size(),
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

    /// Calls `f` on its expressions, each of which stands in a scope of links.
    fn each_part<'a>(&'a self, f: &mut dyn FnMut(&'a Expr, i32)) {
        match &self.kind {
            EdgeKind::Table { .. } | EdgeKind::Reference { .. } => {}
            EdgeKind::Filter { inner, keep: part }
            | EdgeKind::Weight {
                inner,
                weight: part,
            } => {
                inner.each_part(f);
                f(part, 1);
            }
            EdgeKind::Union { branches, .. } => branches.iter().for_each(|b| b.each_part(f)),
            EdgeKind::Chain { first, second, .. } => {
                first.each_part(f);
                second.each_part(f);
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
        let flip = |e: &Expr| e.clone().swapped_ends();
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
            id,
        },
        ty.clone(),
    );
    match ty {
        Type::Id(target) => Expr::new(
            Kind::Visible {
                entity: target,
                id: read,
            },
            ty,
        ),
        _ => read,
    }
}
