//! Aggregates of links and of candidate sets inside row expressions.

use super::Checker;
use super::edges::Wanted;
use super::env::{Env, Scope};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::NodeId;
use crate::expr::ir::{EdgeExpr, Expr, Kind, OfSet, OverLinks, Stat};
use crate::ops::Role;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ExprKind, Name, UnaryOp};
use crate::types::{EntityId, Type};

/// An edge as it stands before the brackets of its ends.
enum EdgeOf<'a> {
    /// `likes(x)`
    Named(&'a Name),
    /// `likes.author(x)`: on along a reference
    Through(&'a ast::Expr, &'a Name),
    /// `(likes | saves)(x)`
    Written(&'a ast::Expr),
}

impl EdgeOf<'_> {
    /// As it is shown in messages.
    fn text(&self) -> String {
        match self {
            EdgeOf::Named(name) => name.text.clone(),
            EdgeOf::Through(first, name) => {
                format!("{}.{}", crate::syntax::print_expression(first), name.text)
            }
            EdgeOf::Written(edge) => format!("({})", crate::syntax::print_expression(edge)),
        }
    }
}

/// `e(x)`, `e(x, y)`, `~e(x)` as written.
struct LinksOf<'a> {
    edge: EdgeOf<'a>,
    reversed: bool,
    ends: &'a [Arg],
    span: Span,
}

impl<'a> Checker<'a> {
    /// An aggregate, if its first argument is a set or the links of an edge; else it may be the
    /// function of the same name.
    pub(super) fn aggregate(
        &mut self,
        stat: Stat,
        callee: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        let first = args.first().filter(|arg| arg.name.is_none())?;
        let is_set = self.is_set(&first.value, env);
        // `seen(viewer, it)` is the edge, `seen(user)` the definition
        let links = links_of(&first.value).filter(|links| match links.ends {
            [] => !is_set,
            [from, ..] => !self.is_set(&from.value, env),
        });
        if let Some(links) = links.filter(|links| self.are_of_edge(links, env)) {
            let found = self.over_links(stat, callee, &links, &args[1..], env, scope);
            return Some(found.unwrap_or_else(Expr::error));
        }
        is_set.then(|| self.over_set(stat, callee, &first.value, &args[1..], env))
    }

    /// Whether there is the edge whose links are written.
    fn are_of_edge(&self, links: &LinksOf<'a>, env: &Env<'a>) -> bool {
        match &links.edge {
            EdgeOf::Named(name) => links.reversed || self.edge_exists(&name.text, env),
            EdgeOf::Through(first, name) => {
                self.is_edge_path(first, env) && self.is_reference(name)
            }
            EdgeOf::Written(_) => true,
        }
    }

    /// Whether an expression can be read as an edge: a name, or a reference of one.
    fn is_edge_path(&self, expr: &ast::Expr, env: &Env<'a>) -> bool {
        match &expr.kind {
            ExprKind::Name(name) => self.edge_exists(name, env),
            ExprKind::Field { receiver, name } => {
                self.is_reference(name) && self.is_edge_path(receiver, env)
            }
            _ => false,
        }
    }

    fn is_reference(&self, name: &Name) -> bool {
        let mut entities = self.schema.entities.iter();
        entities.any(|e| e.find_reference(&name.text).is_some())
    }

    /// Whether an edge or reference of that name can be found from here.
    pub(super) fn edge_exists(&self, name: &str, env: &Env<'a>) -> bool {
        use super::env::Local;
        let declared = || self.modules.find(env.module, super::modules::Kind::Edge, name).next();
        let mut entities = self.schema.entities.iter();
        matches!(env.find(name), Some(Local::Edge(_)))
            || self.schema.find_edge(name).is_some()
            || entities.any(|e| e.find_reference(name).is_some())
            || (name == "seen" && !self.schema.defaults.seen.is_empty())
            || declared().is_some()
    }

    fn over_set(
        &mut self,
        stat: Stat,
        callee: &Name,
        set: &'a ast::Expr,
        rest: &'a [Arg],
        env: &Env<'a>,
    ) -> Expr {
        let Some(node) = self.set(set, env, Role::Fact) else {
            return Expr::error();
        };
        let value = match rest {
            [] => None,
            [arg] if arg.name.is_none() => Some(self.of_each_row(&arg.value, node, env)),
            [.., extra] => {
                let message = format!("`{}` of a set takes one expression at most", callee.text);
                return self.refuse_value(Diagnostic::new(code::E0307, extra.span, message));
            }
        };
        let Some((value, ty)) = self.folded(stat, callee, value) else {
            return Expr::error();
        };
        Expr::new(Kind::OverSet { stat, set: node, value }, ty)
    }

    /// What an aggregate folds over the rows of a set, and where it is written.
    fn of_each_row(&mut self, value: &'a ast::Expr, set: NodeId, env: &Env<'a>) -> (Expr, Span) {
        let shape = self.graph.shape(set).clone();
        let scope = Scope::rows(&shape);
        (self.scalar(value, env, &scope, None), value.span)
    }

    /// `score_of(S)` and `position_of(S)`: the row in another set.
    pub(super) fn of_set(
        &mut self,
        what: OfSet,
        callee: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        let name = &callee.text;
        let [arg] = args else {
            let message = format!("`{name}` takes one candidate set");
            let help = format!("write `{name}(pool)`");
            return self
                .refuse_value(Diagnostic::new(code::E0303, callee.span, message).help(help));
        };
        let outer = scope.outer.and_then(|outer| outer.row.as_ref());
        let Some(row) = scope.row.as_ref().or(outer) else {
            let message = format!("`{name}` needs a row, and there is none here");
            return self.refuse_value(Diagnostic::new(code::E0312, callee.span, message));
        };
        let Some(set) = self.set_of_entity(&arg.value, env, row.entity) else {
            return Expr::error();
        };
        let ty = match what {
            OfSet::Score | OfSet::Chance | OfSet::Certain => Type::Float,
            OfSet::Position => Type::Int,
        };
        let id = row.base.clone();
        let read = Expr::new(Kind::OfSet { what, id, set }, ty.clone());
        match scope.row {
            Some(_) => read,
            None => Expr::new(Kind::Outer(read), ty),
        }
    }

    /// A set that rows of `wanted` can be in.
    fn set_of_entity(
        &mut self,
        set: &'a ast::Expr,
        env: &Env<'a>,
        wanted: EntityId,
    ) -> Option<NodeId> {
        let node = self.set(set, env, Role::Source)?;
        let found = self.graph.shape(node).entity;
        if found == wanted {
            return Some(node);
        }
        let (found, wanted) = (self.entity_name(found), self.entity_name(wanted));
        let message = format!("a row of `{wanted}` cannot be in a set of `{found}`");
        let help = format!("name a set of `{wanted}`");
        self.refuse(Diagnostic::new(code::E0309, set.span, message).help(help))
    }

    fn over_links(
        &mut self,
        stat: Stat,
        callee: &Name,
        links: &LinksOf<'a>,
        rest: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        let (from, to) = self.ends(links, env, scope)?;
        let Type::Id(start) = from.ty else {
            return None;
        };
        let edge = self.applied_edge(links, env, start)?;
        let to = match to {
            Some((to, span)) => Some(self.end(to, edge.to, span, &edge)?),
            None => None,
        };
        let within = self.window_of_links(rest, env, scope, &edge)?;
        let filter = self.filter_of_links(rest, env, scope, &edge)?;
        let value = self.aggregated(callee, rest, env, &edge, scope)?;
        let (value, ty) = self.folded(stat, callee, value)?;
        if within.as_ref().is_some_and(Expr::is_error) {
            return None;
        }
        let links = OverLinks { stat, edge, from, to, within, filter, value };
        Some(Expr::new(Kind::OverLinks(Box::new(links)), ty))
    }

    /// `within=`, which asks for the time of the links.
    fn window_of_links(
        &mut self,
        rest: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
        edge: &EdgeExpr,
    ) -> Option<Option<Expr>> {
        let Some(e) = self.named_part(rest, "within") else {
            return Some(None);
        };
        let within = self.typed(e, env, scope, &Type::Duration);
        let span = self.origin(e, env);
        self.duration_of_at_least(&within, "within", 0, span)?;
        if !edge.has_time {
            let message = format!("edge `{}` has no time, which `within` needs", edge.name);
            return self.refuse(Diagnostic::new(code::E0402, e.span, message));
        }
        Some(Some(within))
    }

    /// `where=`, a condition on the links.
    fn filter_of_links(
        &mut self,
        rest: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
        edge: &EdgeExpr,
    ) -> Option<Option<Expr>> {
        let Some(e) = self.named_part(rest, "where") else {
            return Some(None);
        };
        let filter = self.link_expr(e, env, edge, Some(scope), &Type::Bool)?;
        self.decides_for_all(&filter, e.span, edge);
        Some(Some(filter))
    }

    /// The ids between the brackets of `e(x, y)`, the second with its place.
    fn ends(
        &mut self,
        links: &LinksOf<'a>,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<(Expr, Option<(Expr, Span)>)> {
        let (from, to) = match links.ends {
            [from] => (from, None),
            [from, to] => (from, Some(to)),
            _ => return self.wrong_ends(links),
        };
        let start = self.scalar(&from.value, env, scope, None);
        let end = to.map(|to| (self.scalar(&to.value, env, scope, None), to.value.span));
        if start.is_error() || end.as_ref().is_some_and(|(e, _)| e.is_error()) {
            return None;
        }
        if matches!(start.ty, Type::Id(_)) {
            return Some((start, end));
        }
        let found = self.type_name(&start.ty);
        let message = format!("links start from an entity, not from {found}");
        let help = "write `viewer`, `it`, or a reference";
        self.refuse(Diagnostic::new(code::E0302, from.value.span, message).help(help))
    }

    fn wrong_ends<T>(&mut self, links: &LinksOf<'a>) -> Option<T> {
        let edge = links.edge.text();
        let message = format!("links of `{edge}` take one argument (from) or two (from, to)");
        let help = format!("write `{edge}(viewer)` or `{edge}(viewer, it)`");
        self.refuse(Diagnostic::new(code::E0303, links.span, message).help(help))
    }

    fn applied_edge(
        &mut self,
        links: &LinksOf<'a>,
        env: &Env<'a>,
        start: EntityId,
    ) -> Option<EdgeExpr> {
        let edge = match links.reversed {
            true => {
                let edge = self.edge_before_ends(&links.edge, env, Wanted::To(start))?;
                edge.reversed()
            }
            false => self.edge_before_ends(&links.edge, env, Wanted::From(start))?,
        };
        if edge.from == start {
            return Some(edge);
        }
        let (a, b) = (self.entity_name(edge.from), self.entity_name(edge.to));
        let start_name = self.entity_name(start);
        let message =
            format!("edge `{}` goes from `{a}` to `{b}`, not from `{start_name}`", edge.name);
        let help = (edge.to == start)
            .then(|| format!("use the reverse edge: `{}(...)`", edge.reversed().name));
        self.refuse(Diagnostic::new(code::E0301, links.span, message).maybe_help(help))
    }

    fn edge_before_ends(
        &mut self,
        edge: &EdgeOf<'a>,
        env: &Env<'a>,
        wanted: Wanted,
    ) -> Option<EdgeExpr> {
        match edge {
            EdgeOf::Named(name) => self.edge_by_name(name, env, wanted),
            EdgeOf::Written(edge) => self.edge(edge, env, wanted),
            EdgeOf::Through(first, name) => {
                let first = self.edge(first, env, wanted.start())?;
                self.edge_through(first, &name.text, name.span)
            }
        }
    }

    fn end(&mut self, to: Expr, entity: EntityId, span: Span, edge: &EdgeExpr) -> Option<Expr> {
        if let Some(to) = self.convert(to.clone(), &Type::Id(entity)) {
            return Some(to);
        }
        let (found, want) = (self.type_name(&to.ty), self.entity_name(entity));
        let message = format!("edge `{}` leads to `{want}`, not to {found}", edge.name);
        self.refuse(Diagnostic::new(code::E0301, span, message))
    }

    fn named_part(&self, rest: &'a [Arg], name: &str) -> Option<&'a ast::Expr> {
        rest.iter()
            .find(|arg| arg.name.as_ref().is_some_and(|n| n.text == name))
            .map(|arg| &arg.value)
    }

    /// The expression that is folded over the links; reports arguments that are too many.
    fn aggregated(
        &mut self,
        callee: &Name,
        rest: &'a [Arg],
        env: &Env<'a>,
        edge: &EdgeExpr,
        scope: &Scope<'_>,
    ) -> Option<Option<(Expr, Span)>> {
        let mut found = None;
        for arg in rest {
            match &arg.name {
                Some(name) if name.text == "within" || name.text == "where" => {}
                Some(name) => return self.no_part_of_links(name),
                None if found.is_some() => {
                    let message = format!("`{}` takes one expression at most", callee.text);
                    return self.refuse(Diagnostic::new(code::E0307, arg.span, message));
                }
                None => found = Some(self.of_each_link(&arg.value, env, edge, scope)?),
            }
        }
        Some(found)
    }

    fn no_part_of_links<T>(&mut self, name: &Name) -> Option<T> {
        let help = match suggest::nearest(&name.text, ["within", "where"].into_iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "its parameters are within, where".to_owned(),
        };
        let message = format!("an aggregate of links has no parameter `{}`", name.text);
        self.refuse(Diagnostic::new(code::E0304, name.span, message).help(help))
    }

    /// What an aggregate folds over the links of an edge, and where it is written.
    fn of_each_link(
        &mut self,
        value: &'a ast::Expr,
        env: &Env<'a>,
        edge: &EdgeExpr,
        scope: &Scope<'_>,
    ) -> Option<(Expr, Span)> {
        let scope = Scope { row: None, link: Some(edge), outer: Some(scope) };
        if self.report_quoted(value, &scope) {
            return None;
        }
        self.here.links.push(edge.clone());
        let found = self.scalar(value, env, &scope, None);
        self.here.links.pop();
        Some((found, value.span))
    }

    /// The value that an aggregate folds, of the type it needs, and the type of the result.
    fn folded(
        &mut self,
        stat: Stat,
        callee: &Name,
        value: Option<(Expr, Span)>,
    ) -> Option<(Option<Expr>, Type)> {
        let (value, span) = match (value, stat) {
            (Some(value), _) => value,
            (None, Stat::Count) => return Some((None, Type::Int)),
            (None, Stat::Exists) => return Some((None, Type::Bool)),
            (None, _) => {
                let message = format!("`{}` needs an expression to aggregate", callee.text);
                let help = format!("write `{}(..., expression)`", callee.text);
                return self.refuse(Diagnostic::new(code::E0303, callee.span, message).help(help));
            }
        };
        if value.is_error() {
            return None;
        }
        let (value, ty) = self.folded_value(stat, value, span)?;
        (!value.is_error()).then_some((Some(value), ty))
    }

    fn folded_value(&mut self, stat: Stat, value: Expr, span: Span) -> Option<(Expr, Type)> {
        Some(match stat {
            Stat::Count => (value, Type::Int),
            Stat::Exists | Stat::Any | Stat::All | Stat::None => {
                (self.expect(value, &Type::Bool, span), Type::Bool)
            }
            Stat::Mean if value.ty == Type::Duration => {
                let help = "divide by a unit first: `d / 1d`";
                return self
                    .refuse(Diagnostic::new(code::E0302, span, "`mean` takes numbers").help(help));
            }
            // no program can write them
            Stat::Newest(_) | Stat::FoldIn(_) => return None,
            Stat::Mean => (self.expect(value, &Type::Float, span), Type::Float),
            Stat::Sum | Stat::Min | Stat::Max => {
                let timed = stat != Stat::Sum && value.ty == Type::Time;
                let value = match value.ty.is_number() || value.ty == Type::Duration || timed {
                    true => value,
                    false => self.expect(value, &Type::Float, span),
                };
                let ty = value.ty.clone();
                (value, ty)
            }
        })
    }
}

fn links_of(expr: &ast::Expr) -> Option<LinksOf<'_>> {
    let links = |edge, ends| Some(LinksOf { edge, reversed: false, ends, span: expr.span });
    match &expr.kind {
        ExprKind::Call { callee, args } => links(EdgeOf::Named(callee), args),
        ExprKind::Method { receiver, name, args } => links(EdgeOf::Through(receiver, name), args),
        ExprKind::Links { edge, ends } => links(EdgeOf::Written(edge), ends),
        ExprKind::Unary { op: UnaryOp::Reverse, operand } => {
            let inner = links_of(operand)?;
            Some(LinksOf { reversed: !inner.reversed, span: expr.span, ..inner })
        }
        _ => None,
    }
}
