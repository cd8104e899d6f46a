//! The tunables that files declare, with the values that they are given from outside.

use super::Checker;
use super::env::{Env, Scope};
use super::modules::Tier;
use super::tunables::Tunable;
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::ir::{Expr, Scalar};
use crate::source::Span;
use crate::syntax::ast::{self, ItemKind};
use crate::types::Type;

impl<'a> Checker<'a> {
    /// The ends of the range and the default; reports a default outside.
    pub(super) fn tunable(
        &mut self,
        range: &'a ast::Range,
        default: &'a ast::Expr,
        env: &Env<'a>,
    ) -> Option<[f64; 3]> {
        let numbers = [&*range.low, &*range.high, default].map(|e| self.constant_number(e, env));
        let [Some(low), Some(high), Some(value)] = numbers else {
            return None;
        };
        if low > high {
            let message = format!("the range {low:?}..{high:?} is empty");
            self.report(
                Diagnostic::new(code::E0306, range.span, message)
                    .help("write the smaller bound first"),
            );
        } else if !(low..=high).contains(&value) {
            let message = format!("the default {value:?} lies outside {low:?}..{high:?}");
            self.report(
                Diagnostic::new(code::E0306, default.span, message)
                    .label(range.span, "the range")
                    .help("choose a default inside it, or widen it"),
            );
        }
        Some([low, high, value])
    }

    /// What a tunable is by its range: whole numbers where both ends and the default are.
    pub(super) fn tunable_value(
        &mut self,
        name: &str,
        range: &'a ast::Range,
        default: &'a ast::Expr,
        env: &Env<'a>,
    ) -> Expr {
        let scope = Scope::request();
        let ends =
            [&*range.low, &*range.high].map(|e| self.scalar(e, env, &scope, None).ty.clone());
        let default = if ends.contains(&Type::Float) {
            self.typed(default, env, &scope, &Type::Float)
        } else {
            self.scalar(default, env, &scope, None)
        };
        let given = self.modules.tunables.get(name).filter(|_| !self.here.as_written);
        match (given, &default.ty) {
            (Some(value), Type::Int) => Expr::constant(Scalar::I64(value as i64), Type::Int),
            (Some(value), Type::Float) => Expr::constant(Scalar::F64(value), Type::Float),
            _ => default,
        }
    }

    /// Reports values given for tunables that there are not, or that cannot have them.
    pub(super) fn given_tunables(&mut self, tunables: &[Tunable]) {
        let modules = self.modules;
        for (name, value) in modules.tunables.iter() {
            match tunables.iter().find(|tunable| tunable.name == name) {
                Some(tunable) => {
                    if let Some(wrong) = tunable.wrong(value) {
                        let help = "give a value inside the range, or widen it";
                        self.report(Diagnostic::new(code::E0306, tunable.span, wrong).help(help));
                    }
                }
                None => {
                    let span = Span { source: modules.all[0].source, ..Span::default() };
                    let message = format!("the program has no tunable `{name}`");
                    let near = suggest::nearest(name, tunables.iter().map(|t| t.name.as_str()));
                    let help = near.map(|near| format!("did you mean `{near}`?"));
                    self.report(Diagnostic::new(code::E0201, span, message).maybe_help(help));
                }
            }
        }
    }

    /// The tunables of all files but the standard library.
    pub(super) fn tunables(&mut self) -> Vec<Tunable> {
        let modules = self.modules;
        let mut found = Vec::new();
        for (m, module) in modules.all.iter().enumerate() {
            if module.tier == Tier::Std {
                continue;
            }
            for item in &module.file.items {
                let ItemKind::Tunable { name, range, default } = &item.kind else {
                    continue;
                };
                let env = Env::top(m);
                let Some([low, high, value]) = self.tunable(range, default, &env) else {
                    continue;
                };
                found.push(Tunable {
                    name: name.text.clone(),
                    low,
                    high,
                    default: value,
                    whole: self.tunable_value("", range, default, &env).ty == Type::Int,
                    span: name.span,
                    default_span: default.span,
                });
            }
        }
        found
    }
}
