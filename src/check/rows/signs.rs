//! Signs and comparisons of rows' values.

use super::advice::unlike_help;
use crate::check::Checker;
use crate::check::env::{Env, Scope};
use crate::diag::{Diagnostic, code};
use crate::expr::ir::Expr;
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, CompareOp, ExprKind, UnaryOp};
use crate::syntax::{binary_sign, compare_sign};
use crate::types::Type;

impl<'a> Checker<'a> {
    pub(super) fn unary(
        &mut self,
        op: UnaryOp,
        operand: &'a ast::Expr,
        span: Span,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        let sign = match op {
            UnaryOp::Not => "not",
            UnaryOp::Neg => "-",
            UnaryOp::Reverse => {
                let help = "use the links of an edge in an aggregate: `count(~likes(it))`";
                return self.refuse_value(
                    Diagnostic::new(code::E0312, span, "an edge is not a value").help(help),
                );
            }
        };
        let operand = self.scalar(operand, env, scope, None);
        self.apply(sign, vec![operand], span)
    }

    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        span: Span,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        match op {
            BinaryOp::Union => return self.sign_of_sets("write `or` for conditions", span),
            BinaryOp::Intersect => return self.sign_of_sets("write `and` for conditions", span),
            _ => {}
        }
        let sign = binary_sign(op);
        let a = self.scalar(left, env, scope, None);
        let b = self.scalar(right, env, scope, None);
        let logical = matches!(op, BinaryOp::Or | BinaryOp::And);
        if logical && self.joins_no_conditions(op, sign, (&a, left), (&b, right)) {
            return Expr::error();
        }
        self.apply(sign, vec![a, b], span)
    }

    fn sign_of_sets(&mut self, help: &str, span: Span) -> Expr {
        let message = "`|` and `&` combine candidate sets, not values";
        self.refuse_value(Diagnostic::new(code::E0313, span, message).help(help))
    }

    /// Whether `or` or `and` stands between what are no conditions, where what was meant is reported.
    fn joins_no_conditions(
        &mut self,
        op: BinaryOp,
        sign: &str,
        (a, left): (&Expr, &ast::Expr),
        (b, right): (&Expr, &ast::Expr),
    ) -> bool {
        if a.is_error() || b.is_error() {
            return false;
        }
        let of = |ty: &Type| *ty == Type::Bool || ty.is_open();
        if !of(&a.ty) && (a.ty == b.ty || a.ty.is_number() && b.ty.is_number()) {
            self.or_as_coalesce(op, [left, right], left.span.to(right.span));
            return true;
        }
        let written = self.refine_sign(left.span, right.span, &format!("write `{sign}`"));
        written && !(of(&a.ty) && of(&b.ty))
    }

    /// `quality or 0.0`: values that are no conditions.
    fn or_as_coalesce(&mut self, op: BinaryOp, [left, right]: [&ast::Expr; 2], span: Span) {
        let printed = crate::syntax::print_expression;
        let (sign, help) = match op {
            BinaryOp::Or => {
                let first = format!("coalesce({}, {})", printed(left), printed(right));
                ("or", format!("the first that is not null is `{first}`"))
            }
            _ => ("and", "conditions are comparisons, as in `quality > 0.5`".to_owned()),
        };
        if !self.refine_sign(left.span, right.span, &help) {
            let message = format!("`{sign}` joins conditions");
            self.report(Diagnostic::new(code::E0302, span, message).help(help));
        }
    }

    /// `a < b <= c` is `a < b and b <= c`.
    pub(super) fn comparisons(
        &mut self,
        first: &'a ast::Expr,
        rest: &'a [(CompareOp, ast::Expr)],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        // with its type, once it is read
        let mut left: (Option<Expr>, &ast::Expr) = (None, first);
        let mut all: Option<Expr> = None;
        for (op, right) in rest {
            let (one, typed) = match self.arm_test(*op, [left.1, right], env, scope) {
                Some(one) => (one, None),
                None => {
                    let known = left.0.take();
                    let a = known.unwrap_or_else(|| self.scalar(left.1, env, scope, None));
                    let b = self.scalar(right, env, scope, None);
                    self.note_compared([left.1, right], env, scope);
                    let one = self.comparison(*op, (a, left.1), (b.clone(), right), scope);
                    (one, Some(b))
                }
            };
            let span = first.span.to(right.span);
            all = Some(match all {
                Some(before) => self.apply("and", vec![before, one], span),
                None => one,
            });
            left = (typed, right);
        }
        all.unwrap_or_else(Expr::error)
    }

    fn comparison(
        &mut self,
        op: CompareOp,
        (a, left): (Expr, &ast::Expr),
        (b, right): (Expr, &ast::Expr),
        scope: &Scope<'_>,
    ) -> Expr {
        if a.is_error() || b.is_error() {
            return Expr::error();
        }
        let is_null = |side: &ast::Expr| matches!(side.kind, ExprKind::Null);
        let span = left.span.to(right.span);
        if is_null(left) || is_null(right) {
            let other = if is_null(left) { right } else { left };
            return self.compared_with_null(op, other, span);
        }
        let (a, b) = self.alike(a, b);
        let open = a.ty.is_open() || b.ty.is_open();
        let numbers = a.ty.is_number() && b.ty.is_number();
        if a.ty != b.ty && !open && !numbers {
            return self.compared_unlike((a, left), (b, right), scope);
        }
        self.apply(compare_sign(op), vec![a, b], span)
    }

    fn compared_with_null(&mut self, op: CompareOp, other: &ast::Expr, span: Span) -> Expr {
        let other = crate::syntax::print_expression(other);
        let help = match op {
            CompareOp::Ne => format!("write `{other} is not null`"),
            _ => format!("write `{other} is null`"),
        };
        let sign = compare_sign(op);
        let message = format!("`{sign} null` is never true: an operation with null is null");
        self.refuse_value(Diagnostic::new(code::E0310, span, message).help(help))
    }

    /// A comparison of values of different types.
    fn compared_unlike(
        &mut self,
        (a, left): (Expr, &ast::Expr),
        (b, right): (Expr, &ast::Expr),
        scope: &Scope<'_>,
    ) -> Expr {
        let (x, y) = (self.type_name(&a.ty), self.type_name(&b.ty));
        let time = [&a.ty, &b.ty].contains(&&Type::Time);
        let help = [left, right]
            .into_iter()
            .find_map(|side| self.unquoted(side, scope))
            .map(|meant| crate::check::quoted::without_quotes(&meant))
            .or_else(|| time.then(|| self.is_no_time(&[a.clone(), b.clone()])).flatten())
            .or_else(|| unlike_help(&a.ty, &b.ty));
        let message = format!("{x} and {y} cannot be compared");
        self.refuse_value(
            Diagnostic::new(code::E0309, left.span.to(right.span), message)
                .label(left.span, format!("this is {x}"))
                .label(right.span, format!("this is {y}"))
                .maybe_help(help),
        )
    }

    /// Both as one type where a literal or parameter can be a key of the other's entity.
    pub(in crate::check) fn alike(&self, a: Expr, b: Expr) -> (Expr, Expr) {
        match (&a.ty, &b.ty) {
            (Type::Id(_), Type::Int | Type::String) => {
                let ty = a.ty.clone();
                let converted = self.convert(b.clone(), &ty).unwrap_or(b);
                (a, converted)
            }
            (Type::Int | Type::String, Type::Id(_)) => {
                let ty = b.ty.clone();
                let converted = self.convert(a.clone(), &ty).unwrap_or(a);
                (converted, b)
            }
            _ => (a, b),
        }
    }
}
