//! Edges: of the catalog, of references, derived, and composed.

use super::env::{Env, Local, Scope};
use super::modules::Kind;
use super::quoted::without_quotes;
use super::{Checker, bare_name};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::EdgeExpr;
use crate::expr::ir::EdgeKind;
use crate::ops;
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, EdgeDecl, ExprKind, ItemKind, UnaryOp};
use crate::types::{EdgeId, EntityId, Type};

/// Which end of a wanted edge is known: that decides between references of one name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    Any,
    From(EntityId),
    To(EntityId),
}

impl Wanted {
    fn flipped(self) -> Wanted {
        match self {
            Wanted::Any => Wanted::Any,
            Wanted::From(e) => Wanted::To(e),
            Wanted::To(e) => Wanted::From(e),
        }
    }

    /// What is wanted of the first part of a path: only where it starts.
    pub fn start(self) -> Wanted {
        match self {
            Wanted::From(_) => self,
            Wanted::Any | Wanted::To(_) => Wanted::Any,
        }
    }

    fn accepts(self, from: EntityId, to: EntityId) -> bool {
        match self {
            Wanted::Any => true,
            Wanted::From(e) => e == from,
            Wanted::To(e) => e == to,
        }
    }
}

impl<'a> Checker<'a> {
    /// An edge that starts from `from`; another direction is reported.
    pub(super) fn edge_from(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        from: EntityId,
    ) -> Option<EdgeExpr> {
        let edge = self.edge(expr, env, Wanted::From(from))?;
        if edge.from == from {
            return Some(edge);
        }
        let (a, b) = (self.entity_name(edge.from), self.entity_name(edge.to));
        let message = format!(
            "edge `{}` goes from `{a}` to `{b}`, not from `{}`",
            edge.name,
            self.entity_name(from)
        );
        let help =
            (edge.to == from).then(|| format!("use the reverse edge: `{}`", edge.reversed().name));
        let help = help.or_else(|| self.edges_from(from));
        self.refuse(Diagnostic::new(code::E0301, expr.span, message).maybe_help(help))
    }

    fn edges_from(&self, from: EntityId) -> Option<String> {
        let mut names: Vec<String> = Vec::new();
        for edge in self.schema.tables() {
            names.extend((edge.from == from).then(|| edge.name.clone()));
            names.extend((edge.to == from).then(|| format!("~{}", edge.name)));
        }
        names.extend(self.schema.entity(from).references.iter().map(|r| r.name.clone()));
        for other in &self.schema.entities {
            let back = other.references.iter().filter(|r| r.entity == from);
            names.extend(back.map(|r| format!("~{}", r.name)));
        }
        let mut seen: Vec<String> = Vec::new();
        names.retain(|name| {
            !seen.contains(name) && {
                seen.push(name.clone());
                true
            }
        });
        let entity = self.entity_name(from);
        (!names.is_empty()).then(|| format!("edges from `{entity}` are {}", names.join(", ")))
    }

    /// An edge as an expression: a name, `~e`, `a | b`, `e.reference`.
    pub(super) fn edge(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        wanted: Wanted,
    ) -> Option<EdgeExpr> {
        let edge = self.deeper(expr.span, |this| this.edge_kind(expr, env, wanted))?;
        self.not_too_large(edge, expr.span)
    }

    fn edge_kind(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        wanted: Wanted,
    ) -> Option<EdgeExpr> {
        match &expr.kind {
            ExprKind::Name(name) => self.edge_named(name, expr.span, env, wanted),
            ExprKind::Unary { op: UnaryOp::Reverse, operand } => {
                Some(self.edge(operand, env, wanted.flipped())?.reversed())
            }
            ExprKind::Binary { op: BinaryOp::Union, left, right } => {
                let left = self.edge(left, env, wanted);
                let right = self.edge(right, env, wanted);
                self.edge_union(left?, right?, expr.span)
            }
            ExprKind::Field { receiver, name } => {
                let edge = self.edge(receiver, env, wanted.start())?;
                self.edge_through(edge, &name.text, name.span)
            }
            ExprKind::Version { name, version } => {
                let edge = self.pinned_edge(&name.text, *version, expr.span)?;
                Some(self.table_edge(edge))
            }
            ExprKind::Error => None,
            kind => {
                let help = match kind {
                    ExprKind::Str(name) if self.edge_exists(name, env) => without_quotes(name),
                    _ => "an edge is a name, `~edge`, `a | b` or `edge.reference`".to_owned(),
                };
                self.refuse(Diagnostic::new(code::E0302, expr.span, "expected an edge").help(help))
            }
        }
    }

    /// The edge of a name, for the links of a row.
    pub(super) fn edge_by_name(
        &mut self,
        name: &'a ast::Name,
        env: &Env<'a>,
        wanted: Wanted,
    ) -> Option<EdgeExpr> {
        self.edge_named(&name.text, name.span, env, wanted)
    }

    pub(super) fn edge_named(
        &mut self,
        name: &str,
        span: Span,
        env: &Env<'a>,
        wanted: Wanted,
    ) -> Option<EdgeExpr> {
        match env.find(name).cloned() {
            Some(Local::Edge(edge)) => return Some(edge),
            Some(Local::Error) => return None,
            Some(Local::Thunk { expr, env, .. }) if bare_name(expr) != Some(name) => {
                return self.edge(expr, &env, wanted);
            }
            _ => {}
        }
        if let Some(edge) = self.find_edge(name, span, env.module, wanted) {
            return edge;
        }
        // a misspelt edge is read as what was meant
        let meant = self.unknown_edge(name, span, env.module, wanted)?;
        self.find_edge(meant, span, env.module, wanted).flatten()
    }

    /// The edge of that name, `Some(None)` if it is broken, `None` if there is none.
    fn find_edge(
        &mut self,
        name: &str,
        span: Span,
        module: usize,
        wanted: Wanted,
    ) -> Option<Option<EdgeExpr>> {
        let catalog = |this: &mut Self| this.catalog_edge(name, wanted);
        let modules = self.modules;
        for (number, item) in modules.find(module, Kind::Edge, name) {
            // inside its own declaration the name is the catalog's
            if self.here.open.contains(&("edge", name.to_owned(), 0))
                && let Some(edge) = catalog(self)
            {
                self.note_own_name(name);
                return Some(Some(edge));
            }
            self.mark_used(item);
            let ItemKind::Edge(decl) = &item.kind else {
                continue;
            };
            return Some(self.declared_edge(decl, span, number));
        }
        catalog(self).map(Some)
    }

    /// What a declaration `edge name = ...` means.
    pub(super) fn declared_edge(
        &mut self,
        decl: &'a EdgeDecl,
        span: Span,
        module: usize,
    ) -> Option<EdgeExpr> {
        // an edge that is learnt is no error where it is declared, but is one where it is used and not trained
        let is_declared =
            span == decl.name.span && matches!(decl.value.kind, ExprKind::Call { .. });
        let edge = match is_declared {
            true => self.edge_of(decl, span, module),
            false => self.read_edge(decl, |this| this.edge_of(decl, span, module)),
        };
        self.not_too_large(edge?, span)
    }

    fn edge_of(&mut self, decl: &'a EdgeDecl, span: Span, module: usize) -> Option<EdgeExpr> {
        let name = decl.name.text.as_str();
        self.once("edge", name, 0, span, |this| {
            let env = Env::top(module);
            let in_program = span == decl.name.span;
            let build = |this: &mut Self| {
                let inner = match this.edge_learner(&decl.value) {
                    Some(learner) => this.learned_edge(&decl.name, learner?, &env, span)?,
                    None => this.edge(&decl.value, &env, Wanted::Any)?,
                };
                let edge = this.edge_filtered(inner, decl, &env)?;
                this.edge_weighted(edge, decl, &env)
            };
            let edge = if in_program { build(this) } else { this.within(name, span, build) };
            edge.map(|edge| EdgeExpr { name: name.to_owned(), ..edge })
        })
    }

    fn edge_filtered(
        &mut self,
        inner: EdgeExpr,
        decl: &'a EdgeDecl,
        env: &Env<'a>,
    ) -> Option<EdgeExpr> {
        let Some(filter) = &decl.filter else {
            return Some(inner);
        };
        let keep = self.link_expr(filter, env, &inner, None, &Type::Bool)?;
        let name = inner.name.clone();
        let (from, to, columns) = (inner.from, inner.to, inner.columns.clone());
        let (has_time, has_weight) = (inner.has_time, inner.has_weight);
        let kind = EdgeKind::Filter { inner: Box::new(inner), keep };
        Some(EdgeExpr { kind, from, to, has_time, has_weight, columns, name })
    }

    fn edge_weighted(
        &mut self,
        inner: EdgeExpr,
        decl: &'a EdgeDecl,
        env: &Env<'a>,
    ) -> Option<EdgeExpr> {
        let Some(weight) = &decl.weight else {
            return Some(inner);
        };
        let weight = self.link_expr(weight, env, &inner, None, &Type::Float)?;
        let name = inner.name.clone();
        let (from, to, columns, has_time) =
            (inner.from, inner.to, inner.columns.clone(), inner.has_time);
        let kind = EdgeKind::Weight { inner: Box::new(inner), weight };
        Some(EdgeExpr { kind, from, to, has_time, has_weight: true, columns, name })
    }

    /// An expression over links: of an edge alone, or of an aggregate over the links of a row.
    pub(super) fn link_expr(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        edge: &EdgeExpr,
        outer: Option<&Scope<'_>>,
        ty: &Type,
    ) -> Option<crate::expr::Expr> {
        let scope = Scope { row: None, link: Some(edge), outer };
        self.here.links.push(edge.clone());
        let typed = self.typed(expr, env, &scope, ty);
        self.here.links.pop();
        (!typed.is_error()).then_some(typed)
    }

    /// The rows of an entity that the viewer has seen, if there is an edge `seen` to it.
    pub(super) fn seen(
        &mut self,
        entity: EntityId,
        span: Span,
        env: &Env<'a>,
    ) -> Option<crate::expr::NodeId> {
        let viewer = self.schema.viewer;
        let edge = self.find_edge("seen", span, env.module, Wanted::From(viewer))??;
        if (edge.from, edge.to) != (viewer, entity) {
            return None;
        }
        let user = ops::viewer(self.schema);
        let user = self.graph.add(user.op, user.inputs, user.shape, Span::default());
        let links = ops::all_links(self.snapshot, &self.graph, user, edge);
        Some(self.graph.add(links.op, links.inputs, links.shape, Span::default()))
    }

    /// An edge of the catalog, `seen`, or a reference.
    fn catalog_edge(&mut self, name: &str, wanted: Wanted) -> Option<EdgeExpr> {
        let table = self.schema.find_edge(name).map(|id| self.table_edge(id));
        let reference = || self.reference_edge(name, wanted);
        match table {
            Some(edge) if wanted.accepts(edge.from, edge.to) => Some(edge),
            table => reference().or(table).or_else(|| self.seen_edge(name)),
        }
    }

    pub(super) fn table_edge(&self, id: EdgeId) -> EdgeExpr {
        let edge = self.schema.edge(id);
        EdgeExpr {
            kind: EdgeKind::Table { edge: id, reverse: false },
            from: edge.from,
            to: edge.to,
            has_time: edge.has_time,
            has_weight: edge.has_weight,
            columns: edge.columns.iter().map(|c| (c.name.clone(), c.ty.clone())).collect(),
            name: edge.name.clone(),
        }
    }

    /// The reference of that name, of the entity that is wanted or else of the first that has it.
    fn reference_edge(&self, name: &str, wanted: Wanted) -> Option<EdgeExpr> {
        let mut found = None;
        for (e, entity) in self.schema.entities.iter().enumerate() {
            let Some(reference) = entity.find_reference(name) else {
                continue;
            };
            let from = EntityId(e as u16);
            let to = entity.references[reference].entity;
            let edge = EdgeExpr {
                kind: EdgeKind::Reference {
                    entity: from,
                    reference: reference as u32,
                    reverse: false,
                },
                from,
                to,
                has_time: entity.time.is_some(),
                has_weight: false,
                columns: Vec::new(),
                name: name.to_owned(),
            };
            if wanted.accepts(from, to) {
                return Some(edge);
            }
            found = found.or(Some(edge));
        }
        found
    }

    /// `seen`: the edges that the catalog names so, together.
    fn seen_edge(&mut self, name: &str) -> Option<EdgeExpr> {
        let names = &self.schema.defaults.seen;
        if name != "seen" || names.is_empty() {
            return None;
        }
        let edges: Vec<EdgeExpr> = names
            .iter()
            .filter_map(|n| self.schema.find_edge(n))
            .map(|id| self.table_edge(id))
            .collect();
        let first = edges.first()?.clone();
        let edges: Vec<EdgeExpr> =
            edges.into_iter().filter(|e| (e.from, e.to) == (first.from, first.to)).collect();
        let mut seen = if edges.len() == 1 { first } else { unite(edges) };
        seen.name = "seen".to_owned();
        Some(seen)
    }

    fn edge_union(&mut self, left: EdgeExpr, right: EdgeExpr, span: Span) -> Option<EdgeExpr> {
        if (left.from, left.to) != (right.from, right.to) {
            let ends = |e: &EdgeExpr| {
                format!("`{}` ({} -> {})", e.name, self.entity_name(e.from), self.entity_name(e.to))
            };
            let message = format!("{} and {} link different entities", ends(&left), ends(&right));
            return self.refuse(
                Diagnostic::new(code::E0308, span, message)
                    .help("combine edges between the same two entities"),
            );
        }
        Some(unite(vec![left, right]))
    }

    /// `edge.reference`: on from where the edge ends.
    pub(super) fn edge_through(
        &mut self,
        edge: EdgeExpr,
        name: &str,
        span: Span,
    ) -> Option<EdgeExpr> {
        let entity = self.schema.entity(edge.to);
        let reference = entity.find_reference(name);
        let second = reference.and_then(|_| self.reference_edge(name, Wanted::From(edge.to)));
        let Some(second) = second else {
            let names = entity.references.iter().map(|r| r.name.as_str());
            let near = suggest::nearest(name, names);
            let help = near.map(|near| format!("did you mean `{near}`?"));
            let message = format!("`{}` has no reference `{name}`", entity.name);
            return self.refuse(Diagnostic::new(code::E0203, span, message).maybe_help(help));
        };
        Some(EdgeExpr {
            from: edge.from,
            to: second.to,
            has_time: edge.has_time,
            has_weight: edge.has_weight,
            columns: edge.columns.clone(),
            name: format!("{}.{name}", edge.name),
            kind: EdgeKind::Chain {
                first: Box::new(edge),
                second: Box::new(second),
                carries_second: false,
            },
        })
    }

    /// Reports an edge that there is not; gives the one that was meant if it was misspelt.
    fn unknown_edge(
        &mut self,
        name: &str,
        span: Span,
        module: usize,
        wanted: Wanted,
    ) -> Option<&'a str> {
        if self.is_lost(name) {
            return None;
        }
        if self.in_library(module) {
            return self.lacks_edge(name, span);
        }
        let near = self.near_edge(name, module);
        if near.is_none() && self.may_be_imported(module) {
            return None;
        }
        let help = match (near, wanted) {
            (Some(near), _) => Some(format!("did you mean `{near}`?")),
            (None, Wanted::From(from)) => self.edges_from(from),
            (None, _) => None,
        };
        let message = format!("there is no edge `{name}`");
        self.report(Diagnostic::new(code::E0205, span, message).maybe_help(help));
        near.filter(|near| suggest::is_slip(name, near))
    }

    /// The edge that was most likely meant by a name.
    pub(super) fn near_edge(&self, name: &str, module: usize) -> Option<&'a str> {
        let modules = self.modules;
        let declared = modules.names(module, Kind::Edge);
        suggest::nearest(name, self.catalog_edge_names().chain(declared))
    }

    /// Edges and references of the catalog.
    fn catalog_edge_names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let references = self.schema.entities.iter().flat_map(|e| &e.references);
        let edges = self.schema.tables().map(|e| e.name.as_str());
        edges.chain(references.map(|r| r.name.as_str()))
    }

    /// An edge that the standard library reads and the catalog does not have.
    fn lacks_edge<T>(&mut self, name: &str, span: Span) -> Option<T> {
        let (message, help) = match name {
            "seen" => (
                "the catalog declares no `seen` edges".to_owned(),
                "name them in the catalog: `[defaults] seen = [\"likes\"]`".to_owned(),
            ),
            _ => (
                format!("the catalog has no edge `{name}`"),
                format!(
                    "add `[edge.{name}]` to the catalog, or `edge {name} = ...` to the prelude"
                ),
            ),
        };
        self.refuse(Diagnostic::new(code::E0401, span, message).help(help))
    }
}

/// The links of each in turn, with the columns that all share. All link the same entities.
fn unite(edges: Vec<EdgeExpr>) -> EdgeExpr {
    let branches: Vec<EdgeExpr> = edges.into_iter().flat_map(united).collect();
    let first = &branches[0];
    let in_all = |c: &&(String, Type)| branches.iter().all(|b| b.columns.contains(c));
    let shared: Vec<(String, Type)> = first.columns.iter().filter(in_all).cloned().collect();
    let place = |b: &EdgeExpr, name: &str| b.find_column(name).map_or(0, |i| i as u32);
    let columns =
        branches.iter().map(|b| shared.iter().map(|(name, _)| place(b, name)).collect()).collect();
    let names: Vec<&str> = branches.iter().map(|b| b.name.as_str()).collect();
    EdgeExpr {
        from: first.from,
        to: first.to,
        has_time: branches.iter().any(|b| b.has_time),
        has_weight: branches.iter().any(|b| b.has_weight),
        columns: shared,
        name: names.join(" | "),
        kind: EdgeKind::Union { columns, branches },
    }
}

/// The edges that one stands for.
fn united(edge: EdgeExpr) -> Vec<EdgeExpr> {
    match edge.kind {
        EdgeKind::Union { branches, .. } => branches,
        _ => vec![edge],
    }
}
