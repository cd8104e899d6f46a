//! What kind of thing an expression is, without evaluating it.

use super::Interp;
use super::env::Env;
use super::expr::bind_block;
use super::links::Ends;
use super::program::{Def, set_of};
use igql::source::Span;
use igql::syntax::ast::{Arg, BinaryOp, Expr, ExprKind};

/// Operators on a set, called as methods or with the set first.
pub const OPERATORS: &[&str] = &[
    "walk",
    "nn",
    "let",
    "select",
    "filter",
    "take",
    "sample",
    "score",
    "rank",
    "diversify_by",
    "slate",
    "insert",
    "as_viewer",
];
pub const SOURCES: &[&str] = &["all", "given", "combine", "fallback"];

/// A call of any form: `f(x, y)` and `x.f(y)` alike.
pub struct Called<'a> {
    pub name: &'a str,
    /// Of the name.
    pub span: Span,
    pub receiver: Option<&'a Expr>,
    pub args: &'a [Arg],
}

impl<'a> Called<'a> {
    pub fn of(expr: &'a Expr) -> Option<Called<'a>> {
        match &expr.kind {
            ExprKind::Call { callee, args } => {
                Some(Called { name: &callee.text, span: callee.span, receiver: None, args })
            }
            ExprKind::Method { receiver, name, args } => {
                Some(Called { name: &name.text, span: name.span, receiver: Some(receiver), args })
            }
            _ => None,
        }
    }

    /// The first argument, receiver or not.
    pub fn first(&self) -> Option<&'a Expr> {
        self.receiver.or_else(|| self.args.first().map(|a| &a.value))
    }

    /// The receiver of an operator and its other arguments.
    pub fn split(&self) -> (&'a Expr, &'a [Arg]) {
        match self.receiver {
            Some(receiver) => (receiver, self.args),
            None => (&self.args[0].value, &self.args[1..]),
        }
    }
}

impl<'a> Interp<'a> {
    pub fn is_set(&self, expr: &'a Expr, env: &Env<'a>) -> bool {
        match &expr.kind {
            ExprKind::Name(name) => match env.get(name) {
                Some(bound) => self.is_set(bound.expr, &bound.env),
                None => {
                    name == "user"
                        || self.top_level(name).is_some_and(|e| self.is_set(e, &Env::default()))
                }
            },
            ExprKind::Block(block) => block
                .result
                .as_ref()
                .is_some_and(|result| self.is_set(result, &bind_block(block, env))),
            ExprKind::If { then, .. } => self.is_set(then, env),
            ExprKind::Binary {
                op: BinaryOp::Union | BinaryOp::Intersect | BinaryOp::Sub,
                left,
                ..
            } => self.is_set(left, env),
            _ => Called::of(expr).is_some_and(|call| self.is_set_call(&call, env)),
        }
    }

    fn is_set_call(&self, call: &Called<'a>, env: &Env<'a>) -> bool {
        if OPERATORS.contains(&call.name) || SOURCES.contains(&call.name) {
            return true;
        }
        let Some(def) = self.def_of(call, env) else {
            return self.is_query_of_set(call, env);
        };
        match def.result {
            Some(ty) => set_of(ty).is_some(),
            None => self.is_set(
                def.body,
                &self.bind_params(def.params, call.receiver, call.args, env, None),
            ),
        }
    }

    fn is_query_of_set(&self, call: &Called<'a>, env: &Env<'a>) -> bool {
        let query = self.program.query(Some(call.name));
        query.is_some_and(|(params, body)| {
            self.is_set(body, &self.bind_params(params, None, call.args, env, None))
        })
    }

    /// A top-level binding.
    pub fn top_level(&self, name: &str) -> Option<&'a Expr> {
        self.program.binding(name)
    }

    /// The def that a call means: of the first file that has one for the entity of the first
    /// argument, or one for any entity.
    pub fn def_of(&self, call: &Called<'a>, env: &Env<'a>) -> Option<Def<'a>> {
        if self.program.query(Some(call.name)).is_some() {
            return None;
        }
        let files = self.program.defs(call.name);
        if let ([only], 1) = (files.concat().as_slice(), files.len()) {
            return Some(*only);
        }
        let entity =
            call.first().filter(|e| self.is_set(e, env)).and_then(|e| self.entity_of(e, env));
        files.iter().find_map(|defs| self.overload(defs, entity))
    }

    fn overload(&self, defs: &[Def<'a>], entity: Option<usize>) -> Option<Def<'a>> {
        let wanted = |def: &Def| {
            def.params.first().and_then(|p| set_of(&p.ty)).map(|e| self.world.entity_named(e))
        };
        let exact =
            defs.iter().find(|d| matches!((wanted(d), entity), (Some(Some(e)), Some(f)) if e == f));
        exact.or_else(|| defs.iter().find(|d| matches!(wanted(d), None | Some(None)))).copied()
    }

    /// The entity of a set expression.
    pub fn entity_of(&self, expr: &'a Expr, env: &Env<'a>) -> Option<usize> {
        match &expr.kind {
            ExprKind::Name(name) => match env.get(name) {
                Some(bound) => self.entity_of(bound.expr, &bound.env),
                None if name == "user" => Some(self.world.viewer),
                None => self.entity_of(self.top_level(name)?, &Env::default()),
            },
            ExprKind::Block(block) => {
                self.entity_of(block.result.as_ref()?, &bind_block(block, env))
            }
            ExprKind::If { then, .. } => self.entity_of(then, env),
            ExprKind::Binary { op: BinaryOp::Mul, right, .. } => self.entity_of(right, env),
            ExprKind::Binary { left, .. } => self.entity_of(left, env),
            _ => self.entity_of_call(&Called::of(expr)?, env),
        }
    }

    fn entity_of_call(&self, call: &Called<'a>, env: &Env<'a>) -> Option<usize> {
        let named =
            |name: &str| call.args.iter().find(|a| a.name.as_ref().is_some_and(|n| n.text == name));
        match call.name {
            "all" | "given" => self.entity_argument(call.first(), env),
            "walk" => {
                let (rows, args) = call.split();
                let edge = named("edge").or(args.first()).map(|a| &a.value)?;
                let edge = self.edge(edge, env, Ends::from(self.entity_of(rows, env)?));
                Some(self.ends_of(&edge).1)
            }
            "nn" if named("to").is_some() => {
                self.entity_argument(named("to").map(|a| &a.value), env)
            }
            "as_viewer" => self.entity_of(&call.split().1.first()?.value, env),
            name if OPERATORS.contains(&name) || SOURCES.contains(&name) => {
                self.entity_of(call.first()?, env)
            }
            _ => self.entity_of_def(call, env),
        }
    }

    fn entity_of_def(&self, call: &Called<'a>, env: &Env<'a>) -> Option<usize> {
        let Some(def) = self.def_of(call, env) else {
            let (params, body) = self.program.query(Some(call.name))?;
            return self.entity_of(body, &self.bind_params(params, None, call.args, env, None));
        };
        let declared = def.result.and_then(set_of).and_then(|name| self.world.entity_named(name));
        let inner = || self.bind_params(def.params, call.receiver, call.args, env, None);
        declared.or_else(|| self.entity_of(def.body, &inner()))
    }

    /// An entity by its bare name.
    pub fn entity_argument(&self, expr: Option<&'a Expr>, env: &Env<'a>) -> Option<usize> {
        self.world.entity_named(self.bare_name(expr, env, ""))
    }
}
