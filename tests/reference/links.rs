//! Edges: every kind of edge is written out as one list of links before anything reads it.

use super::env::Env;
use super::rows::{At, LinkAt};
use super::value::{Value, maybe_float};
use super::Interp;
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

    pub fn from_row(&self, row: u32) -> &[usize] {
        self.of.get(&row).map_or(&[], Vec::as_slice)
    }

    fn index(mut self) -> Links {
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
            ExprKind::Name(name) => match env.get(name) {
                Some(bound) => self.edge(bound.expr, &bound.env, ends),
                None => self.edge_named(name, ends),
            },
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
            ExprKind::Call { callee, .. } => self.edge_named(&callee.text, ends),
            ExprKind::Method { receiver, name, .. } => {
                let first = self.edge(receiver, env, Ends { from: ends.from, to: None });
                EdgeRef::Then(Box::new(first), name.text.clone())
            }
            other => panic!("not an edge: {other:?}"),
        }
    }

    fn edge_named(&self, name: &str, ends: Ends) -> EdgeRef<'a> {
        if let Some(decl) = self.program.edge(name) {
            let of = self.edge(&decl.value, &Env::default(), ends);
            return EdgeRef::Derived(decl, Box::new(of));
        }
        if let Some(table) = self.world.find_edge(name) {
            return EdgeRef::Table(table);
        }
        if name == "seen" {
            return EdgeRef::Union(self.world.seen.iter().map(|n| self.edge_named(n, ends)).collect());
        }
        self.reference_named(name, ends).unwrap_or_else(|| panic!("no edge `{name}`"))
    }

    fn reference_named(&self, name: &str, ends: Ends) -> Option<EdgeRef<'a>> {
        for (e, entity) in self.world.entities.iter().enumerate() {
            for (r, reference) in entity.references.iter().enumerate() {
                let fits = ends.from.is_none_or(|f| f == e) && ends.to.is_none_or(|t| t == reference.entity);
                if reference.name == name && fits {
                    return Some(EdgeRef::Reference(e, r));
                }
            }
        }
        None
    }

    /// Is there an edge of that name?
    pub fn is_edge(&self, name: &str) -> bool {
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
                let reference = self.world.entities[through].find_reference(name).expect("a reference of the end");
                (from, reference.entity)
            }
            EdgeRef::Derived(_, of) => self.ends_of(of),
        }
    }

    fn write_out(&self, edge: &EdgeRef<'a>) -> Links {
        match edge {
            EdgeRef::Table(i) => self.table_links(*i),
            EdgeRef::Reference(e, r) => self.reference_links(*e, *r),
            EdgeRef::Reverse(of) => reverse(self.write_out(of)),
            EdgeRef::Union(of) => union(of.iter().map(|e| self.write_out(e)).collect()),
            EdgeRef::Then(of, name) => self.then(self.write_out(of), name),
            EdgeRef::Derived(decl, of) => self.derive(decl, self.write_out(of)),
        }
        .index()
    }

    fn table_links(&self, table: usize) -> Links {
        let edge = &self.world.edges[table];
        let seen = |time: Option<i64>| time.is_none_or(|t| t <= self.now);
        let visible = |l: &&super::world::EdgeLink| {
            seen(l.time) && self.visible(edge.from, l.from) && self.visible(edge.to, l.to)
        };
        let weighted = edge.weight_column.is_some();
        let link = |l: &super::world::EdgeLink| Link {
            from: l.from,
            to: l.to,
            time: l.time,
            weight: if weighted { l.weight } else { Some(1.0) },
            columns: l.columns.clone(),
        };
        let mut aliases = vec![(edge.from_column.clone(), "from"), (edge.to_column.clone(), "to")];
        aliases.extend(edge.time_column.iter().map(|n| (n.clone(), "time")));
        aliases.extend(edge.weight_column.iter().map(|n| (n.clone(), "weight")));
        Links {
            from: edge.from,
            to: edge.to,
            timed: edge.time_column.is_some(),
            weighted,
            columns: edge.columns.iter().map(|c| c.0.clone()).collect(),
            aliases,
            list: edge.links.iter().filter(visible).map(link).collect(),
            of: HashMap::new(),
        }
    }

    /// One link per row that holds the reference, with the time of that row.
    fn reference_links(&self, entity: usize, reference: usize) -> Links {
        let holder = &self.world.entities[entity];
        let reference = &holder.references[reference];
        let mut list = Vec::new();
        for row in 0..holder.keys.len() as u32 {
            let Value::Id(_, to) = self.follow(entity, row, reference) else { continue };
            if self.visible(entity, row) {
                let time = holder.visible_from(row);
                list.push(Link { from: row, to, time, weight: Some(1.0), columns: Vec::new() });
            }
        }
        Links { from: entity, to: reference.entity, timed: holder.time.is_some(), list, ..Links::default() }
    }

    fn then(&self, links: Links, name: &str) -> Links {
        let through = links.to;
        let reference = self.world.entities[through].find_reference(name).expect("a reference of the end");
        let mut list = Vec::new();
        for link in &links.list {
            if let Value::Id(_, to) = self.follow(through, link.to, reference) {
                list.push(Link { to, ..link.clone() });
            }
        }
        let aliases = links.aliases.iter().filter(|(_, n)| *n != "to").cloned().collect();
        Links { to: reference.entity, list, aliases, of: HashMap::new(), ..links }
    }

    fn derive(&self, decl: &'a EdgeDecl, mut links: Links) -> Links {
        if let Some(filter) = &decl.filter {
            let shared = Rc::new(links.index());
            let keep = |i: &usize| self.link_value(filter, &Env::default(), &shared, *i, &At::Request).is_true();
            let list = (0..shared.list.len()).filter(keep).map(|i| shared.list[i].clone()).collect();
            links = shared.with(list);
        }
        if let Some(weight) = &decl.weight {
            let shared = Rc::new(links.index());
            let weigh = |i: usize| {
                let weight = self.link_value(weight, &Env::default(), &shared, i, &At::Request).number();
                Link { weight, ..shared.list[i].clone() }
            };
            links = shared.with((0..shared.list.len()).map(weigh).collect());
            links.weighted = true;
            links.aliases.retain(|(_, n)| *n != "weight");
        }
        links
    }

    /// An expression read at a link.
    pub fn link_value(&self, expr: &'a Expr, env: &Env<'a>, links: &Rc<Links>, index: usize, outer: &At) -> Value {
        let at = At::Link(Rc::new(LinkAt { links: links.clone(), index, outer: outer.clone() }));
        self.value(expr, env, &at)
    }
}

impl Links {
    /// The same edge with other links.
    fn with(&self, list: Vec<Link>) -> Links {
        Links {
            from: self.from,
            to: self.to,
            timed: self.timed,
            weighted: self.weighted,
            columns: self.columns.clone(),
            aliases: self.aliases.clone(),
            list,
            of: HashMap::new(),
        }
    }
}

fn reverse(links: Links) -> Links {
    let turned = |name: &'static str| match name {
        "from" => "to",
        "to" => "from",
        other => other,
    };
    let aliases = links.aliases.iter().map(|(alias, n)| (alias.clone(), turned(n))).collect();
    let turn = |l: &Link| Link { from: l.to, to: l.from, ..l.clone() };
    Links { from: links.to, to: links.from, list: links.list.iter().map(turn).collect(), aliases, of: HashMap::new(), ..links }
}

/// The links of each edge in turn. Columns that all have stay; time and weight stay where one has
/// them: the links of the others then have no time, and weight 1.
fn union(members: Vec<Links>) -> Links {
    let first = members.first().expect("a union has members");
    let in_all = |c: &&String| members.iter().all(|m| m.columns.contains(c));
    let columns: Vec<String> = first.columns.iter().filter(in_all).cloned().collect();
    let shared = |a: &&(String, &'static str)| members.iter().all(|m| m.aliases.contains(a));
    let mut list = Vec::new();
    for member in &members {
        let places: Vec<usize> = columns.iter().map(|c| member.columns.iter().position(|m| m == c).expect("shared")).collect();
        let pick = |l: &Link| places.iter().map(|&i| l.columns[i].clone()).collect();
        list.extend(member.list.iter().map(|l| Link { columns: pick(l), ..l.clone() }));
    }
    Links {
        from: first.from,
        to: first.to,
        timed: members.iter().any(|m| m.timed),
        weighted: members.iter().any(|m| m.weighted),
        aliases: first.aliases.iter().filter(shared).cloned().collect(),
        columns,
        list,
        of: HashMap::new(),
    }
}
