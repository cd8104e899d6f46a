//! `formula`: expressions over the row.

use super::ModelKind;
use crate::check::Checker;
use crate::check::env::Env;
use crate::diag::{Diagnostic, code};
use crate::expr::Expr;
use crate::ops::{Model, Shape};
use crate::syntax::ast::{self, Arg, ExprKind, Name};

/// `formula(expr)` or `formula(heads={name: expr, ...})`.
pub(super) const FORMULA: ModelKind = ModelKind {
    name: "formula",
    usage: "formula(expression)",
    bind: |checker, name, callee, args, env, shape| {
        checker.formula_model(name, callee, args, env, shape)
    },
};

impl<'a> Checker<'a> {
    fn formula_model(
        &mut self,
        name: &str,
        callee: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
        shape: &Shape,
    ) -> Option<Model> {
        match args {
            [Arg { name: None, value, .. }] => {
                let score = self.model_expr(value, env, shape)?;
                Some(Model {
                    name: name.to_owned(),
                    heads: Vec::new(),
                    score: Some(score),
                    served: None,
                })
            }
            [Arg { name: Some(param), value, .. }] if param.text == "heads" => {
                self.model_heads(name, value, env, shape)
            }
            _ => {
                let help = "write `formula(expression)` or `formula(heads={p_like: expression})`";
                let message = "`formula` takes one expression, or `heads`";
                self.report(Diagnostic::new(code::E0504, callee.span, message).help(help));
                None
            }
        }
    }

    fn model_heads(
        &mut self,
        name: &str,
        value: &'a ast::Expr,
        env: &Env<'a>,
        shape: &Shape,
    ) -> Option<Model> {
        let ExprKind::Record(fields) = &value.kind else {
            let help = "write `heads={p_like: expression, p_save: expression}`";
            self.report(
                Diagnostic::new(code::E0504, value.span, "`heads` is a record of expressions")
                    .help(help),
            );
            return None;
        };
        let heads: Vec<Option<(String, Expr)>> = fields
            .iter()
            .map(|(head, expr)| {
                self.check_bindable(head);
                Some((head.text.clone(), self.model_expr(expr, env, shape)?))
            })
            .collect();
        let heads = heads.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Model { name: name.to_owned(), heads, score: None, served: None })
    }
}
