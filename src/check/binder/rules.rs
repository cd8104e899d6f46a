//! Rules of a mix: `key: count in window`.

use super::Binder;
use crate::check::env::Scope;
use crate::check::key_names;
use crate::diag::{Diagnostic, code};
use crate::expr::Expr;
use crate::expr::ir::Scalar;
use crate::ops::Shape;
use crate::ops::bind::RuleArg;
use crate::syntax::ast::{self, ExprKind};
use crate::syntax::print_expression;
use crate::types::Type;

impl<'a> Binder<'_, 'a> {
    pub(super) fn rule_list(
        &mut self,
        param: &str,
        expr: &'a ast::Expr,
    ) -> Option<&'a [ast::Expr]> {
        match &expr.kind {
            ExprKind::List(items) => Some(items),
            ExprKind::Error => None,
            _ => {
                let message = format!("`{param}` is a list of rules");
                let help = format!("write `{param}=[author: 2 in 10]`");
                self.fail(Diagnostic::new(code::E0302, expr.span, message).help(help));
                None
            }
        }
    }

    /// `key: count in window`, where a count of `least` is the smallest that makes sense.
    pub(super) fn rule(
        &mut self,
        item: &'a ast::Expr,
        shape: &Shape,
        least: i64,
    ) -> Option<RuleArg> {
        let ExprKind::Rule { key, count, window } = &item.kind else {
            if !matches!(item.kind, ExprKind::Error) {
                let help = "write `key: count`, or `key: count in window`";
                self.fail(Diagnostic::new(code::E0302, item.span, "expected a rule").help(help));
            }
            return None;
        };
        let scope = Scope::rows(shape);
        if self.checker.report_quoted(key, &scope) {
            self.ok = false;
            return None;
        }
        let typed = self.checker.scalar(key, self.env, &scope, None);
        let (count, count_text) = self.rule_amount(count, key, least);
        let window = window.as_ref().map(|window| self.rule_amount(window, key, 1));
        let mut text = format!("{}: {count_text}", print_expression(key));
        if let Some((_, written)) = &window {
            text.push_str(&format!(" in {written}"));
        }
        let mut names = Vec::new();
        key_names(key, &mut names);
        Some(RuleArg {
            key: Self::checked(typed)?,
            count: Self::checked(count)?,
            window: match window {
                Some((window, _)) => Some(Self::checked(window)?),
                None => None,
            },
            text,
            span: item.span,
            names,
        })
    }

    /// The count or the window of a rule, and how it is shown.
    fn rule_amount(
        &mut self,
        number: &'a ast::Expr,
        key: &ast::Expr,
        least: i64,
    ) -> (Expr, String) {
        let (found, written) = self.number_of_rule(number);
        self.checker.amount(&found, &print_expression(key), least, number.span);
        (found, written)
    }

    /// A number of the request, and how it reads: as itself where the program knows it, whatever
    /// the parameter of a definition is called.
    fn number_of_rule(&mut self, written: &'a ast::Expr) -> (Expr, String) {
        let number = self.checker.typed(written, self.env, &Scope::request(), &Type::Int);
        let text = match number.as_const() {
            Some(Scalar::I64(n)) => n.to_string(),
            _ => print_expression(written),
        };
        (number, text)
    }
}
