//! Candidate sets: sources, operators, definitions, set arithmetic.

mod advice;
mod branches;
mod operators;
mod pages;

use super::env::{Env, Local, Scope};
use super::modules::Kind;
use super::state::{SetKey, address};
use super::{Checker, foreign};
use crate::diag::{Diagnostic, code};
use crate::expr::NodeId;
use crate::ops::{self, Rest, Role};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, BinaryOp, ExprKind, ItemKind, Name};
use crate::types::Type;
use branches::is_literal;

impl<'a> Checker<'a> {
    /// The node of a candidate set. The same expression in the same place and role is read once.
    pub(super) fn set(&mut self, expr: &'a ast::Expr, env: &Env<'a>, role: Role) -> Option<NodeId> {
        let key = SetKey::new(expr, env, role);
        if let Some((known, _)) = self.sets.known.get(&key) {
            let known = *known;
            self.draws_again(&key);
            return known;
        }
        // what leads back to itself is a cycle: it is reported the second time around
        let depth = self.sets.reading.entry(key).or_default();
        if *depth == 2 {
            return None;
        }
        *depth += 1;
        let (found, calls) = self.drawing(|this| {
            this.deeper(expr.span, |this| {
                if this.is_page(expr, env) {
                    this.page_as_set(expr.span);
                    return None;
                }
                this.set_kind(expr, env, role)
            })
        });
        self.note_drawn(key, found, calls);
        *self.sets.reading.entry(key).or_default() -= 1;
        self.sets.known.insert(key, (found, env.clone()));
        found
    }

    fn set_kind(&mut self, expr: &'a ast::Expr, env: &Env<'a>, role: Role) -> Option<NodeId> {
        match &expr.kind {
            ExprKind::Name(name) => self.set_named(name, expr.span, env, role),
            ExprKind::Method { receiver, name, args } => {
                self.set_method(receiver, name, args, env, role)
            }
            ExprKind::Call { callee, args } => self.set_call(callee, args, expr.span, env, role),
            ExprKind::Binary { op: BinaryOp::Mul, right, .. } if self.is_set(right, env) => {
                let message = "a weight stands only before a branch of `combine`";
                let help = "write `combine(0.7 * a, 0.3 * b)`, or change the scores: `a.score(0.7 * score)`";
                self.refuse(Diagnostic::new(code::E0312, expr.span, message).help(help))
            }
            ExprKind::Binary { op, left, right } => {
                self.set_binary(*op, left, right, expr.span, env, role)
            }
            ExprKind::Block(block) => {
                let (result, env) = self.block_env(block, env)?;
                self.set(result, &env, role)
            }
            ExprKind::If { then, condition, otherwise } => {
                self.set_if(then, condition, otherwise, expr.span, env, role)
            }
            ExprKind::Error => None,
            _ => {
                self.no_set(expr, env);
                None
            }
        }
    }

    /// Reports an expression that gives no set.
    fn no_set(&mut self, expr: &'a ast::Expr, env: &Env<'a>) {
        match &expr.kind {
            ExprKind::Field { receiver, name } => {
                self.field_as_set(receiver, name, expr.span, env);
            }
            ExprKind::Unary { op: ast::UnaryOp::Not, operand } if self.is_set(operand, env) => {
                let help = "the rows of a set that another has not are `a - b`";
                let begin = Span { end: expr.span.start, ..expr.span };
                if !self.refine_sign(begin, operand.span, help) {
                    let message = "`not` negates conditions, not candidate sets";
                    self.report(Diagnostic::new(code::E0313, expr.span, message).help(help));
                }
            }
            ExprKind::List(items)
                if !items.is_empty() && items.iter().all(|item| self.is_set(item, env)) =>
            {
                let message = "a list contains values, not candidate sets";
                let help = "the rows of several sets are `a | b`; several lists are a page: `{first: a, second: b}`";
                self.report(Diagnostic::new(code::E0313, expr.span, message).help(help));
            }
            _ => self.not_a_set(expr.span),
        }
    }

    fn set_named(
        &mut self,
        name: &'a str,
        span: Span,
        env: &Env<'a>,
        role: Role,
    ) -> Option<NodeId> {
        if let Some(local) = env.find(name).cloned() {
            return self.set_of_local(local, name, span, role);
        }
        let modules = self.modules;
        if let Some((number, item)) = modules.find(env.module, Kind::Rest, name).next() {
            self.mark_used(item);
            let ItemKind::Binding { value, .. } = &item.kind else {
                self.not_a_set(span);
                return None;
            };
            let found = self.once("binding", name, address(value), span, |this| {
                this.set(value, &Env::top(number), role)
            });
            return self.bound(found, name);
        }
        if name == "user" {
            let viewer = ops::viewer(self.schema);
            return Some(self.add(viewer, span));
        }
        self.unknown_set(name, span, env);
        None
    }

    /// Notes the name of a binding whose value is that set.
    fn bound(&mut self, set: Option<NodeId>, name: &str) -> Option<NodeId> {
        let node = set?;
        self.written.names.entry(node).or_insert_with(|| name.to_owned());
        set
    }

    fn set_of_local(
        &mut self,
        local: Local<'a>,
        name: &'a str,
        span: Span,
        role: Role,
    ) -> Option<NodeId> {
        match local {
            Local::Thunk { expr, env, checked: true } => {
                let open = std::mem::take(&mut self.here.open);
                let found = self.set(expr, &env, role);
                self.here.open = open;
                found
            }
            Local::Thunk { expr, env, .. } => {
                let read = |this: &mut Self| this.set(expr, &env, role);
                let found = self.once("binding", name, address(expr), span, read);
                self.bound(found, name)
            }
            Local::Node(node) => Some(node),
            Local::Error => None,
            _ => {
                self.not_a_set(span);
                None
            }
        }
    }

    fn set_method(
        &mut self,
        receiver: &'a ast::Expr,
        name: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
        role: Role,
    ) -> Option<NodeId> {
        let Some(input) = self.set(receiver, env, role) else {
            // whatever it would follow: there has to be something of that name
            let known = self.modules.vocabulary.operator(&name.text).is_some()
                || !self.callables(&name.text, env.module).is_empty();
            if !known {
                self.unknown_operator(name, args, None, env);
            }
            return None;
        };
        self.follow((receiver, input), name, &name.text, args, env, role)
    }

    /// What follows a set, under its name or under the one that was most likely meant.
    fn follow(
        &mut self,
        (receiver, input): (&'a ast::Expr, NodeId),
        name: &'a Name,
        meant: &str,
        args: &'a [Arg],
        env: &Env<'a>,
        role: Role,
    ) -> Option<NodeId> {
        if let Some(operator) = self.modules.vocabulary.operator(meant) {
            if operator.source && operator.rest != Rest::Sets {
                let message = format!("`{}` is a source and cannot follow a set", name.text);
                let help = format!("write `{}(...)` without a set before it", name.text);
                return self.refuse(Diagnostic::new(code::E0312, name.span, message).help(help));
            }
            return self.operator(operator, Some((receiver, input)), name, args, env, role);
        }
        if self.callables(meant, env.module).is_empty() {
            let keeps = foreign::operator(&name.text).map(|foreign| foreign.keeps);
            return match (self.unknown_operator(name, args, Some(input), env), keeps) {
                (Some(meant), None) => self.follow((receiver, input), name, meant, args, env, role),
                // so that what follows is checked
                (_, Some(true)) => Some(input),
                _ => None,
            };
        }
        self.call_set(name, meant, Some((receiver, input)), args, env, role)
    }

    fn set_call(
        &mut self,
        callee: &'a Name,
        args: &'a [Arg],
        span: Span,
        env: &Env<'a>,
        role: Role,
    ) -> Option<NodeId> {
        if let Some(operator) = self.modules.vocabulary.operator(&callee.text) {
            if operator.source {
                return self.operator(operator, None, callee, args, env, role);
            }
            let receiver = args.split_first();
            let Some((Arg { value, .. }, rest)) =
                receiver.filter(|(first, _)| first.name.is_none() && !is_literal(&first.value))
            else {
                self.follows_nothing(callee, args);
                return None;
            };
            let input = self.set(value, env, role)?;
            return self.operator(operator, Some((value, input)), callee, rest, env, role);
        }
        if !self.callables(&callee.text, env.module).is_empty() {
            return self.call_set(callee, &callee.text, None, args, env, role);
        }
        self.no_source(callee, args, span, env);
        None
    }

    /// `a if condition else b`.
    fn set_if(
        &mut self,
        then: &'a ast::Expr,
        condition: &'a ast::Expr,
        otherwise: &'a ast::Expr,
        span: Span,
        env: &Env<'a>,
        role: Role,
    ) -> Option<NodeId> {
        let condition = self.typed(condition, env, &Scope::request(), &Type::Bool);
        let a = self.set(then, env, role);
        let b = self.set(otherwise, env, role);
        let (Some(a), Some(b)) = (a, b) else {
            return a.or(b);
        };
        let shape = self.joined(&[(a, then.span), (b, otherwise.span)], span)?;
        if condition.is_error() {
            return Some(a);
        }
        if a == b {
            self.decides_nothing(&condition, [then, otherwise]);
        }
        let bound = ops::choose(&self.graph, condition, a, b, shape);
        Some(self.add(bound, span))
    }
}
