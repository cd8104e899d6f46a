//! Row expressions: operators, literals, conditions, calls.

mod advice;
mod arms;
mod calls;
mod membership;
mod signs;

use super::Checker;
use super::env::{Env, Scope};
use crate::diag::{Diagnostic, code};
use crate::expr::functions::Role;
use crate::expr::ir::{Expr, Kind, Level, Scalar};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};
use crate::types::Type;
use advice::conversion_help;

impl<'a> Checker<'a> {
    /// An expression that has to be of type `want`; another type is reported.
    pub(super) fn typed(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
        want: &Type,
    ) -> Expr {
        let found = self.scalar(expr, env, scope, Some(want));
        if *want != Type::String
            && self.convert(found.clone(), want).is_none()
            && self.report_quoted(expr, scope)
        {
            return Expr::error();
        }
        self.expect(found, want, expr.span)
    }

    /// The expression as a `want`, or a report that it is something else.
    pub(super) fn expect(&mut self, found: Expr, want: &Type, span: Span) -> Expr {
        let ty = found.ty.clone();
        let literal = found.level == Level::Constant;
        if let Some(converted) = self.convert(found.clone(), want) {
            return converted;
        }
        let (want_name, ty_name) = (self.type_name(want), self.type_name(&ty));
        let message = format!("expected {want_name}, found {ty_name}");
        let help = match want {
            Type::Time => self.is_no_time(std::slice::from_ref(&found)),
            Type::Duration => self.duration_in(&found),
            _ => None,
        };
        let help = help.or_else(|| conversion_help(&ty, want, literal));
        self.refuse_value(Diagnostic::new(code::E0302, span, message).maybe_help(help))
    }

    /// The typed expression; `expect` only helps literals to find their type.
    pub(super) fn scalar(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
        expect: Option<&Type>,
    ) -> Expr {
        let read = |this: &mut Self| Some(this.scalar_kind(expr, env, scope, expect));
        match self.deeper(expr.span, read) {
            Some(found) => self.not_too_deep(found, expr.span),
            None => Expr::error(),
        }
    }

    fn scalar_kind(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
        expect: Option<&Type>,
    ) -> Expr {
        match &expr.kind {
            ExprKind::Null => Expr::constant(Scalar::Null, Type::Null),
            ExprKind::Bool(b) => Expr::constant(Scalar::Bool(*b), Type::Bool),
            ExprKind::Int(i) => Expr::constant(Scalar::I64(*i), Type::Int),
            ExprKind::Float(x) => Expr::constant(Scalar::F64(*x), Type::Float),
            ExprKind::Str(s) => Expr::constant(self.string(s), Type::String),
            ExprKind::Duration(us) => Expr::constant(Scalar::I64(*us), Type::Duration),
            ExprKind::Time(us) => Expr::constant(Scalar::I64(*us), Type::Time),
            ExprKind::Name(name) => self.name(name, expr.span, env, scope),
            ExprKind::Field { receiver, name } => self.field(receiver, name, env, scope),
            ExprKind::List(items) => self.list(items, env, scope, expect),
            ExprKind::Unary { op, operand } => self.unary(*op, operand, expr.span, env, scope),
            ExprKind::Binary { op, left, right } => {
                self.binary(*op, left, right, expr.span, env, scope)
            }
            ExprKind::Compare { first, rest } => self.comparisons(first, rest, env, scope),
            ExprKind::In { value, set, negated } => {
                self.membership(value, set, *negated, env, scope)
            }
            ExprKind::IsNull { value, negated } => self.null_test(value, *negated, env, scope),
            ExprKind::If { then, condition, otherwise } => {
                self.conditional(then, condition, otherwise, env, scope, expect)
            }
            ExprKind::Call { callee, args } => self.call(callee, args, expr.span, env, scope),
            ExprKind::Method { receiver, name, args } => {
                self.method_call(receiver, name, args, expr, env, scope)
            }
            ExprKind::Links { .. } => {
                let help = "use the links of an edge in an aggregate: `count(~likes(it))`";
                let message = "the links of an edge are not a value";
                self.refuse_value(Diagnostic::new(code::E0312, expr.span, message).help(help))
            }
            ExprKind::Block(block) => match self.block_env(block, env) {
                Some((result, env)) => self.scalar(result, &env, scope, expect),
                None => Expr::error(),
            },
            ExprKind::Error => Expr::error(),
            ExprKind::Record(_) | ExprKind::Rule { .. } | ExprKind::Version { .. } => {
                self.refuse_value(Diagnostic::new(code::E0302, expr.span, "expected a value"))
            }
        }
    }

    fn list(
        &mut self,
        items: &'a [ast::Expr],
        env: &Env<'a>,
        scope: &Scope<'_>,
        expect: Option<&Type>,
    ) -> Expr {
        let wanted = match expect {
            Some(Type::List(item)) => Some(&**item),
            _ => None,
        };
        let found: Vec<Expr> = items.iter().map(|i| self.scalar(i, env, scope, wanted)).collect();
        let known = found.iter().map(|e| &e.ty).find(|t| !t.is_open());
        let item = match wanted.or(known).cloned() {
            Some(Type::Int) if found.iter().any(|e| e.ty == Type::Float) => Type::Float,
            Some(item) => item,
            None if found.iter().any(Expr::is_error) => return Expr::error(),
            None => Type::Null,
        };
        let found = found.into_iter().zip(items);
        let typed: Vec<Expr> = found.map(|(e, ast)| self.expect(e, &item, ast.span)).collect();
        if typed.iter().any(Expr::is_error) {
            return Expr::error();
        }
        Expr::new(Kind::List(typed), Type::List(Box::new(item)))
    }

    fn null_test(
        &mut self,
        value: &'a ast::Expr,
        negated: bool,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        let found = self.scalar(value, env, scope, None);
        let test = self.apply("is null", vec![found], value.span);
        if negated { self.apply("not", vec![test], value.span) } else { test }
    }

    fn conditional(
        &mut self,
        then: &'a ast::Expr,
        condition: &'a ast::Expr,
        otherwise: &'a ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
        expect: Option<&Type>,
    ) -> Expr {
        let condition = self.typed(condition, env, scope, &Type::Bool);
        let a = self.scalar(then, env, scope, expect);
        let b = self.scalar(otherwise, env, scope, expect);
        if condition.is_error() || a.is_error() || b.is_error() {
            return Expr::error();
        }
        let (a, b) = self.alike(a, b);
        let ty = match (&a.ty, &b.ty) {
            (Type::Null, ty) => ty.clone(),
            (Type::Int, Type::Float) => Type::Float,
            (ty, _) => ty.clone(),
        };
        let sides = [then, otherwise];
        let then = self.expect(a, &ty, then.span);
        let otherwise = self.expect(b, &ty, otherwise.span);
        if then.is_error() || otherwise.is_error() {
            return Expr::error();
        }
        if then == otherwise {
            self.decides_nothing(&condition, sides);
        }
        Expr::new(Kind::If { condition, then, otherwise }, ty)
    }
}

/// The conditions that `and` joins.
pub fn conjuncts(condition: &Expr, into: &mut Vec<Expr>) {
    condition.descend(&mut |part| {
        let joins = part.as_call(Role::And).is_some() && part.level > Level::Constant;
        if !joins {
            into.push(part.clone());
        }
        joins
    });
}
