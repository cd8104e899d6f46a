//! Aggregates of links and of candidate sets inside row expressions.

use super::Checker;
use super::edges::Wanted;
use super::env::{Env, Scope};
use crate::diag::{Diagnostic, code, suggest};
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
        let declared = || {
            let order = self.modules.order(env.module);
            order.into_iter().any(|m| {
                self.modules.all[m]
                    .find(super::modules::Kind::Edge, name)
                    .next()
                    .is_some()
            })
        };
        matches!(env.find(name), Some(Local::Edge(_)))
            || self.schema.find_edge(name).is_some()
            || self
                .schema
                .entities
                .iter()
                .any(|e| e.find_reference(name).is_some())
            || (name == "seen" && !self.schema.defaults.seen.is_empty())
            || declared()
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
            [arg] if arg.name.is_none() => {
                let shape = self.graph.shape(node).clone();
                let value = self.scalar(
                    &arg.value,
                    env,
                    &Scope::rows(shape.entity, &shape.columns),
                    None,
                );
                Some((value, arg.value.span))
            }
            [.., extra] => {
                let message = format!("`{}` of a set takes one expression at most", callee.text);
                self.report(Diagnostic::new(code::E0307, extra.span, message));
                return Expr::error();
            }
        };
        let Some((value, ty)) = self.folded(stat, callee, value) else {
            return Expr::error();
        };
        Expr::new(
            Kind::OverSet {
                stat,
                set: node,
                value,
            },
            ty,
        )
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
            self.report(Diagnostic::new(code::E0303, callee.span, message).help(help));
            return Expr::error();
        };
        let (row, outer) = match (&scope.row, scope.outer.and_then(|o| o.row.as_ref())) {
            (Some(row), _) => (row, false),
            (None, Some(row)) => (row, true),
            (None, None) => {
                let message = format!("`{name}` needs a row, and there is none here");
                self.report(Diagnostic::new(code::E0312, callee.span, message));
                return Expr::error();
            }
        };
        let (entity, id) = (row.entity, row.base.clone());
        let Some(set) = self.set(&arg.value, env, Role::Source) else {
            return Expr::error();
        };
        let found = self.graph.shape(set).entity;
        if found != entity {
            let (found, wanted) = (self.entity_name(found), self.entity_name(entity));
            let message = format!("a row of `{wanted}` cannot be in a set of `{found}`");
            self.report(
                Diagnostic::new(code::E0309, arg.value.span, message)
                    .help(format!("name a set of `{wanted}`")),
            );
            return Expr::error();
        }
        let ty = match what {
            OfSet::Score => Type::Float,
            OfSet::Position => Type::Int,
        };
        let read = Expr::new(Kind::OfSet { what, id, set }, ty.clone());
        if outer {
            Expr::new(Kind::Outer(read), ty)
        } else {
            read
        }
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
        let within = self
            .named_part(rest, "within")
            .map(|e| self.typed(e, env, scope, &Type::Duration));
        if let (Some(within), Some(e)) = (&within, self.named_part(rest, "within")) {
            let span = self.origin(e, env);
            self.duration_of_at_least(within, "within", 0, span)?;
        }
        if let (Some(e), false) = (self.named_part(rest, "within"), edge.has_time) {
            let message = format!("edge `{}` has no time, which `within` needs", edge.name);
            self.report(Diagnostic::new(code::E0402, e.span, message));
            return None;
        }
        let filter = match self.named_part(rest, "where") {
            Some(e) => {
                let filter = self.link_expr(e, env, &edge, Some(scope), &Type::Bool)?;
                self.decides_for_all(&filter, e.span, &edge);
                Some(filter)
            }
            None => None,
        };
        let value = self.aggregated(callee, rest, env, &edge, scope)?;
        let (value, ty) = self.folded(stat, callee, value)?;
        if within.as_ref().is_some_and(Expr::is_error) {
            return None;
        }
        Some(Expr::new(
            Kind::OverLinks(Box::new(OverLinks {
                stat,
                edge,
                from,
                to,
                within,
                filter,
                value,
            })),
            ty,
        ))
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
            _ => {
                let message = format!(
                    "links of `{}` take one argument (from) or two (from, to)",
                    links.edge.text()
                );
                let help = format!(
                    "write `{0}(viewer)` or `{0}(viewer, it)`",
                    links.edge.text()
                );
                self.report(Diagnostic::new(code::E0303, links.span, message).help(help));
                return None;
            }
        };
        let start = self.scalar(&from.value, env, scope, None);
        let end = to.map(|to| (self.scalar(&to.value, env, scope, None), to.value.span));
        if start.is_error() || end.as_ref().is_some_and(|(e, _)| e.is_error()) {
            return None;
        }
        if !matches!(start.ty, Type::Id(_)) {
            let message = format!(
                "links start from an entity, not from {}",
                self.type_name(&start.ty)
            );
            self.report(
                Diagnostic::new(code::E0302, from.value.span, message)
                    .help("write `viewer`, `it`, or a reference"),
            );
            return None;
        }
        Some((start, end))
    }

    fn applied_edge(
        &mut self,
        links: &LinksOf<'a>,
        env: &Env<'a>,
        start: EntityId,
    ) -> Option<EdgeExpr> {
        let wanted = if links.reversed {
            Wanted::To(start)
        } else {
            Wanted::From(start)
        };
        let edge = match &links.edge {
            EdgeOf::Named(name) => self.edge_by_name(name, env, wanted)?,
            EdgeOf::Written(edge) => self.edge(edge, env, wanted)?,
            EdgeOf::Through(first, name) => {
                let wanted = if let Wanted::From(_) = wanted {
                    wanted
                } else {
                    Wanted::Any
                };
                let first = self.edge(first, env, wanted)?;
                self.edge_through(first, &name.text, name.span)?
            }
        };
        let edge = if links.reversed {
            edge.reversed()
        } else {
            edge
        };
        if edge.from == start {
            return Some(edge);
        }
        let (a, b) = (self.entity_name(edge.from), self.entity_name(edge.to));
        let message = format!(
            "edge `{}` goes from `{a}` to `{b}`, not from `{}`",
            edge.name,
            self.entity_name(start)
        );
        let help = (edge.to == start)
            .then(|| format!("use the reverse edge: `{}(...)`", edge.reversed().name));
        self.report(Diagnostic::new(code::E0301, links.span, message).maybe_help(help));
        None
    }

    fn end(&mut self, to: Expr, entity: EntityId, span: Span, edge: &EdgeExpr) -> Option<Expr> {
        if let Some(to) = self.convert(to.clone(), &Type::Id(entity)) {
            return Some(to);
        }
        let (found, want) = (self.type_name(&to.ty), self.entity_name(entity));
        let message = format!("edge `{}` leads to `{want}`, not to {found}", edge.name);
        self.report(Diagnostic::new(code::E0301, span, message));
        None
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
                Some(name) => {
                    let near = suggest::nearest(&name.text, ["within", "where"].into_iter());
                    let help = match near {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "its parameters are within, where".to_owned(),
                    };
                    let message = format!("an aggregate of links has no parameter `{}`", name.text);
                    self.report(Diagnostic::new(code::E0304, name.span, message).help(help));
                    return None;
                }
                None if found.is_some() => {
                    let message = format!("`{}` takes one expression at most", callee.text);
                    self.report(Diagnostic::new(code::E0307, arg.span, message));
                    return None;
                }
                None => {
                    let scope = Scope {
                        row: None,
                        link: Some(edge),
                        outer: Some(scope),
                    };
                    if self.report_quoted(&arg.value, &scope) {
                        return None;
                    }
                    self.here.links.push(edge.clone());
                    found = Some((self.scalar(&arg.value, env, &scope, None), arg.value.span));
                    self.here.links.pop();
                }
            }
        }
        Some(found)
    }

    /// The value that an aggregate folds, of the type it needs, and the type of the result.
    fn folded(
        &mut self,
        stat: Stat,
        callee: &Name,
        value: Option<(Expr, Span)>,
    ) -> Option<(Option<Expr>, Type)> {
        let needs_value = !matches!(stat, Stat::Count | Stat::Exists);
        let Some((value, span)) = value else {
            if needs_value {
                let message = format!("`{}` needs an expression to aggregate", callee.text);
                let help = format!("write `{}(..., expression)`", callee.text);
                self.report(Diagnostic::new(code::E0303, callee.span, message).help(help));
                return None;
            }
            return Some((
                None,
                if stat == Stat::Count {
                    Type::Int
                } else {
                    Type::Bool
                },
            ));
        };
        if value.is_error() {
            return None;
        }
        let (value, ty) = match stat {
            Stat::Count => (value, Type::Int),
            Stat::Exists | Stat::Any | Stat::All | Stat::None => {
                (self.expect(value, &Type::Bool, span), Type::Bool)
            }
            Stat::Mean if value.ty == Type::Duration => {
                let message = "`mean` takes numbers";
                self.report(
                    Diagnostic::new(code::E0302, span, message)
                        .help("divide by a unit first: `d / 1d`"),
                );
                return None;
            }
            Stat::Mean => (self.expect(value, &Type::Float, span), Type::Float),
            Stat::Sum | Stat::Min | Stat::Max => {
                let timed = stat != Stat::Sum && value.ty == Type::Time;
                let ok = value.ty.is_number() || value.ty == Type::Duration || timed;
                let value = if ok {
                    value
                } else {
                    self.expect(value, &Type::Float, span)
                };
                let ty = value.ty.clone();
                (value, ty)
            }
        };
        (!value.is_error()).then_some((Some(value), ty))
    }
}

fn links_of(expr: &ast::Expr) -> Option<LinksOf<'_>> {
    let links = |edge, ends| {
        Some(LinksOf {
            edge,
            reversed: false,
            ends,
            span: expr.span,
        })
    };
    match &expr.kind {
        ExprKind::Call { callee, args } => links(EdgeOf::Named(callee), args),
        ExprKind::Method {
            receiver,
            name,
            args,
        } => links(EdgeOf::Through(receiver, name), args),
        ExprKind::Links { edge, ends } => links(EdgeOf::Written(edge), ends),
        ExprKind::Unary {
            op: UnaryOp::Reverse,
            operand,
        } => {
            let inner = links_of(operand)?;
            Some(LinksOf {
                reversed: !inner.reversed,
                span: expr.span,
                ..inner
            })
        }
        _ => None,
    }
}
