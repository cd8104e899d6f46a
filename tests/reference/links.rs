//! Edges: every kind of edge is written out as one list of links before anything reads it.

use super::Interp;
use super::env::Env;
use super::rows::{At, LinkAt};
use super::value::{Value, maybe_float};
use igql::syntax::ast::{BinaryOp, EdgeDecl, Expr, ExprKind, UnaryOp};
use std::collections::HashMap;
use std::rc::Rc;

/// The visible links of an edge, in listed order.
#[derive(Default)]
pub struct Links {
    pub from: usize,
    pub to: usize,
    pub timed: bool,
    pub weighted: bool,
    pub columns: Vec<String>,
    /// Names of the table for the ends, time and weight, and the built-in names they stand for.
    pub aliases: Vec<(String, &'static str)>,
    pub list: Vec<Link>,
    pub of: HashMap<u32, Vec<usize>>,
}

#[derive(Clone)]
pub struct Link {
    pub from: u32,
    pub to: u32,
    pub time: Option<i64>,
    pub weight: Option<f64>,
    pub columns: Vec<Value>,
}

/// An edge with its parts resolved.
pub enum EdgeRef<'a> {
    Table(usize),
    /// Entity and index of its reference.
    Reference(usize, usize),
    Reverse(Box<EdgeRef<'a>>),
    /// The links of each in turn.
    Union(Vec<EdgeRef<'a>>),
    /// On to a reference of the end.
    Then(Box<EdgeRef<'a>>, String),
    Derived(&'a EdgeDecl, Box<EdgeRef<'a>>),
}

/// Entities that the ends must have, where they are known: references may share a name.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Ends {
    pub from: Option<usize>,
    pub to: Option<usize>,
}

impl Ends {
    pub fn from(entity: usize) -> Ends {
        Ends { from: Some(entity), to: None }
    }

    fn swap(self) -> Ends {
        Ends { from: self.to, to: self.from }
    }
}

impl Links {
    pub fn value(&self, index: usize, name: &str) -> Option<Value> {
        let link = &self.list[index];
        let alias = self.aliases.iter().find(|(alias, _)| alias == name).map(|(_, n)| *n);
        match alias.unwrap_or(name) {
            "from" => Some(Value::Id(self.from, link.from)),
            "to" => Some(Value::Id(self.to, link.to)),
            "time" if self.timed => Some(link.time.map_or(Value::Null, Value::Time)),
            "weight" => Some(maybe_float(link.weight)),
            name => self.columns.iter().position(|c| c == name).map(|i| link.columns[i].clone()),
        }
    }

    pub fn links_from(&self, row: u32) -> &[usize] {
        self.of.get(&row).map_or(&[], Vec::as_slice)
    }

    pub fn index(mut self) -> Links {
        self.of.clear();
        for (i, link) in self.list.iter().enumerate() {
            self.of.entry(link.from).or_default().push(i);
        }
        self
    }
}

impl<'a> Interp<'a> {
    /// The links of an edge expression, written out.
    pub fn edge_links(&self, expr: &'a Expr, env: &Env<'a>, ends: Ends) -> Rc<Links> {
        let key = (expr as *const Expr as usize, env.address(), ends);
        if let Some((links, _)) = self.link_cache.borrow().get(&key) {
            return links.clone();
        }
        let edge = self.edge(expr, env, ends);
        let links = Rc::new(self.write_out(&edge));
        self.link_cache.borrow_mut().insert(key, (links.clone(), env.clone()));
        links
    }

    /// What an edge expression names.
    pub fn edge(&self, expr: &'a Expr, env: &Env<'a>, ends: Ends) -> EdgeRef<'a> {
        match &expr.kind {
            ExprKind::Name(name) => self.edge_of_name(name, env, ends),
            ExprKind::Unary { op: UnaryOp::Reverse, operand } => {
                EdgeRef::Reverse(Box::new(self.edge(operand, env, ends.swap())))
            }
            ExprKind::Binary { op: BinaryOp::Union, left, right } => {
                EdgeRef::Union(vec![self.edge(left, env, ends), self.edge(right, env, ends)])
            }
            ExprKind::Field { receiver, name } => {
                let first = self.edge(receiver, env, Ends { from: ends.from, to: None });
                EdgeRef::Then(Box::new(first), name.text.clone())
            }
            // The links of an edge, as aggregates have them: `likes(it)`, `~likes(it)`.
            ExprKind::Links { edge, .. } => self.edge(edge, env, ends),
            ExprKind::Call { callee, .. } => self.edge_of_name(&callee.text, env, ends),
            ExprKind::Method { receiver, name, .. } => {
                let first = self.edge(receiver, env, Ends { from: ends.from, to: None });
                EdgeRef::Then(Box::new(first), name.text.clone())
            }
            other => panic!("not an edge: {other:?}"),
        }
    }

    /// A parameter that stands for an edge, or an edge of that name.
    fn edge_of_name(&self, name: &str, env: &Env<'a>, ends: Ends) -> EdgeRef<'a> {
        match env.get(name) {
            Some(bound) => self.edge(bound.expr, &bound.env, ends),
            None => self.edge_named(name, ends),
        }
    }

    pub fn edge_named(&self, name: &str, ends: Ends) -> EdgeRef<'a> {
        if let Some(decl) = self.program.edge(name) {
            let of = self.edge(&decl.value, &Env::default(), ends);
            return EdgeRef::Derived(decl, Box::new(of));
        }
        if let Some(table) = self.world.find_edge(name) {
            return EdgeRef::Table(table);
        }
        if name == "seen" {
            return EdgeRef::Union(
                self.world.seen.iter().map(|n| self.edge_named(n, ends)).collect(),
            );
        }
        self.reference_named(name, ends).unwrap_or_else(|| panic!("no edge `{name}`"))
    }

    fn reference_named(&self, name: &str, ends: Ends) -> Option<EdgeRef<'a>> {
        for (e, entity) in self.world.entities.iter().enumerate() {
            for (r, reference) in entity.references.iter().enumerate() {
                let fits = ends.from.is_none_or(|f| f == e)
                    && ends.to.is_none_or(|t| t == reference.entity);
                if reference.name == name && fits {
                    return Some(EdgeRef::Reference(e, r));
                }
            }
        }
        None
    }

    /// Does a name stand for an edge: a parameter that was given one, or the edge itself?
    pub fn names_edge(&self, name: &str, env: &Env<'a>) -> bool {
        match env.get(name) {
            Some(bound) => self.is_edge_expr(bound.expr, &bound.env),
            None => self.is_edge(name),
        }
    }

    pub fn is_edge_expr(&self, expr: &Expr, env: &Env<'a>) -> bool {
        match &expr.kind {
            ExprKind::Name(name) => self.names_edge(name, env),
            ExprKind::Field { receiver, .. } => self.is_edge_expr(receiver, env),
            ExprKind::Unary { op: UnaryOp::Reverse, operand } => self.is_edge_expr(operand, env),
            ExprKind::Binary { op: BinaryOp::Union, left, right } => {
                self.is_edge_expr(left, env) && self.is_edge_expr(right, env)
            }
            _ => false,
        }
    }

    /// Is there an edge of that name?
    fn is_edge(&self, name: &str) -> bool {
        self.program.edge(name).is_some()
            || self.world.find_edge(name).is_some()
            || (name == "seen" && !self.world.seen.is_empty())
            || self.reference_named(name, Ends::default()).is_some()
    }

    /// Entities of the two ends.
    pub fn ends_of(&self, edge: &EdgeRef<'a>) -> (usize, usize) {
        match edge {
            EdgeRef::Table(i) => (self.world.edges[*i].from, self.world.edges[*i].to),
            EdgeRef::Reference(e, r) => (*e, self.world.entities[*e].references[*r].entity),
            EdgeRef::Reverse(of) => {
                let (from, to) = self.ends_of(of);
                (to, from)
            }
            EdgeRef::Union(of) => self.ends_of(of.first().expect("a union has members")),
            EdgeRef::Then(of, name) => {
                let (from, through) = self.ends_of(of);
                let reference = self.world.entities[through]
                    .find_reference(name)
                    .expect("a reference of the end");
                (from, reference.entity)
            }
            EdgeRef::Derived(_, of) => self.ends_of(of),
        }
    }

    /// An expression read at a link.
    pub fn link_value(
        &self,
        expr: &'a Expr,
        env: &Env<'a>,
        links: &Rc<Links>,
        index: usize,
        outer: &At,
    ) -> Value {
        let at = At::Link(Rc::new(LinkAt { links: links.clone(), index, outer: outer.clone() }));
        self.value(expr, env, &at)
    }
}
