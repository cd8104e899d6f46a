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

mod edge;
mod kind;
mod parts;
mod walk;

pub use edge::{EdgeExpr, EdgeKind};
pub use kind::{Kind, LinkField, OfSet, OverLinks, Pattern, Stat};
pub use walk::Mapped;

pub use crate::expr::value::Scalar;

use crate::catalog::schema::Entity;
use crate::deep::recurse;
use crate::expr::functions::Role;
use crate::expr::key::KeyWriter;
use crate::expr::reads::{End, Reads};
use crate::types::{EntityId, Type};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

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
    pub reads_outer: bool,
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

/// Of a large expression its key stands for its parts, so that each is looked at once however much is shared.
impl Hash for Expr {
    fn hash<H: Hasher>(&self, to: &mut H) {
        self.size.hash(to);
        match self.is_small() {
            true => (&self.kind, &self.ty).hash(to),
            false => self.key().hash(to),
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

    /// Whether the entity of a row is all that it reads of that.
    pub fn reads_entity_alone(&self) -> bool {
        self.reads.only() == Some(End::It)
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
        let key = || KeyWriter::key_of(&(&self.kind, &self.ty, self.level));
        *self.key.get_or_init(|| recurse(key))
    }
}

/// The column of the current row: its own key for column 0, hidden references as null.
pub fn column(entity: EntityId, column: usize, table: &Entity) -> Expr {
    read(Expr::new(Kind::It, Type::Id(entity)), column, table)
}

/// A column of the entity at an id. The key is the id itself; a reference to a row that is not
/// visible reads null. What a row leads to whose links are looked at is read once for the row.
pub fn read(id: Expr, column: usize, table: &Entity) -> Expr {
    let Type::Id(entity) = id.ty else {
        return Expr::error();
    };
    if column == 0 {
        return id;
    }
    if let Kind::Outer(inner) = &id.kind {
        let read = read(inner.clone(), column, table);
        let ty = read.ty.clone();
        return Expr::new(Kind::Outer(read), ty);
    }
    let ty = table.columns[column].ty.clone();
    let read = Expr::new(Kind::Read { entity, column: column as u32, id }, ty.clone());
    match ty {
        Type::Id(target) => Expr::new(Kind::Visible { entity: target, id: read }, ty),
        _ => read,
    }
}
