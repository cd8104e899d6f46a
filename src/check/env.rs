//! What names mean inside definitions. A name stands for an expression and the place it was
//! written in, not for a value: where it is used decides what its `auto` quantities become.

use crate::expr::{EdgeExpr, Expr};
use crate::ops::shape::BoundColumn;
use crate::ops::{Chance, Shape};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{EntityId, Type};
use std::rc::Rc;

/// What a local name stands for.
#[derive(Clone, Debug)]
pub enum Local<'a> {
    /// An expression to be read where it was written. An argument of a definition (`checked`) has
    /// been read once when it was bound, so that it leads into no cycle.
    Thunk {
        expr: &'a ast::Expr,
        env: Env<'a>,
        checked: bool,
    },
    Scalar(Expr),
    /// `all` or `auto`, or `auto(n)`.
    All,
    Auto(Option<u64>),
    Edge(EdgeExpr),
    Embedding(u32),
    /// A model by its name, found for the entity where it is used.
    Model {
        name: &'a ast::Expr,
        env: Env<'a>,
    },
    /// A candidate set that is known already.
    Node(crate::expr::NodeId),
    /// Some candidate set: only while it is asked whether a definition gives one.
    Candidates,
    /// Reported already.
    Error,
}

/// The local names that are visible, innermost first, and the file that they are written in.
#[derive(Clone, Debug)]
pub struct Env<'a> {
    pub module: usize,
    names: Option<Rc<Link<'a>>>,
    site: Option<Rc<Site>>,
}

/// The call that bound the parameters which an expression sees, and the one around that.
#[derive(Debug)]
struct Site {
    span: Span,
    outer: Option<Rc<Site>>,
}

#[derive(Debug)]
struct Link<'a> {
    name: &'a str,
    value: Local<'a>,
    next: Option<Rc<Link<'a>>>,
}

impl<'a> Env<'a> {
    /// No local names.
    pub fn top(module: usize) -> Env<'a> {
        Env { module, names: None, site: None }
    }

    /// No local names yet, in a definition that is called at `span`, by an expression that sees
    /// `caller`.
    pub fn called(module: usize, span: Span, caller: Option<&Env<'a>>) -> Env<'a> {
        let outer = caller.and_then(|env| env.site.clone());
        Env { site: Some(Rc::new(Site { span, outer })), ..Env::top(module) }
    }

    /// The calls that lead here, the innermost first.
    pub fn sites(&self) -> impl Iterator<Item = Span> {
        let sites = std::iter::successors(self.site.as_deref(), |site| site.outer.as_deref());
        sites.map(|site| site.span)
    }

    pub fn with(&self, name: &'a str, value: Local<'a>) -> Env<'a> {
        let link = Link { name, value, next: self.names.clone() };
        Env { module: self.module, names: Some(Rc::new(link)), site: self.site.clone() }
    }

    pub fn find(&self, name: &str) -> Option<&Local<'a>> {
        self.links().find(|link| link.name == name).map(|link| &link.value)
    }

    /// What tells a local name apart from others of the same text.
    pub fn address(&self, name: &str) -> Option<usize> {
        self.links().find(|link| link.name == name).map(|link| link.name.as_ptr() as usize)
    }

    /// Every visible name.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.links().map(|link| link.name)
    }

    fn links(&self) -> impl Iterator<Item = &Link<'a>> {
        std::iter::successors(self.names.as_deref(), |link| link.next.as_deref())
    }

    /// The same for the same chain of names, as long as one of them lives.
    pub fn identity(&self) -> (usize, usize) {
        (self.module, self.names.as_ref().map_or(0, |link| Rc::as_ptr(link) as usize))
    }
}

/// The rows that an expression is about.
#[derive(Clone, Debug, Hash)]
pub struct Row<'s> {
    pub entity: EntityId,
    /// The id of the row; another id where a reference or `viewer` is read.
    pub base: Expr,
    pub columns: &'s [BoundColumn],
    /// Whether `score` and `position` can be read.
    pub scored: bool,
    /// How probable it was that the row is there.
    pub chance: Chance,
}

/// What an expression can read.
#[derive(Clone, Debug, Default, Hash)]
pub struct Scope<'s> {
    pub row: Option<Row<'s>>,
    pub link: Option<&'s EdgeExpr>,
    /// In a link expression of an aggregate: the scope of the row whose links are read.
    pub outer: Option<&'s Scope<'s>>,
}

impl<'s> Scope<'s> {
    /// Only the request.
    pub fn request() -> Scope<'s> {
        Scope::default()
    }

    /// The row that names are about: of links, the one whose links they are.
    pub fn nearest_row(&self) -> Option<&Row<'s>> {
        let outer = || self.outer.and_then(Scope::nearest_row);
        self.row.as_ref().or_else(outer)
    }

    /// Rows of an entity, with nothing bound and no score.
    pub fn entity(entity: EntityId) -> Scope<'s> {
        let base = Expr::new(crate::expr::Kind::It, Type::Id(entity));
        let row = Row { entity, base, columns: &[], scored: false, chance: Chance::Certain };
        Scope { row: Some(row), ..Scope::default() }
    }

    /// Rows of a candidate set.
    pub fn rows(shape: &'s Shape) -> Scope<'s> {
        let Shape { entity, columns, chance, .. } = shape;
        let base = Expr::new(crate::expr::Kind::It, Type::Id(*entity));
        let row = Row { entity: *entity, base, columns, scored: true, chance: *chance };
        Scope { row: Some(row), ..Scope::default() }
    }
}

/// One step into a definition, for reports at both places.
#[derive(Clone, Debug)]
pub struct Use {
    pub name: String,
    /// Where it is used.
    pub span: Span,
}
