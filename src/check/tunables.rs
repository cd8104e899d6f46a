//! Tunables: what files declare, and the values that they are given from outside. A program is compiled
//! with those as if they were written.

use super::Checker;
use super::env::{Env, Scope};
use super::modules::Tier;
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::ir::{Expr, Scalar};
use crate::source::Span;
use crate::syntax::ast::{self, ItemKind};
use crate::types::Type;

/// A constant that a tuner may change, within both ends of its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Tunable {
    pub name: String,
    pub low: f64,
    pub high: f64,
    pub default: f64,
    /// Whether only whole numbers will do.
    pub whole: bool,
    /// Of its name.
    pub span: Span,
}

/// Values for the tunables of a program, by name.
///
/// ```
/// let tunables = igql::Tunables::new().set("w_like", 0.5);
/// assert_eq!(tunables.get("w_like"), Some(0.5));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tunables(Vec<(String, f64)>);

impl Tunables {
    /// None: each tunable has its default.
    pub fn new() -> Tunables {
        Tunables::default()
    }

    /// Gives a tunable a value; the last one counts.
    pub fn set(mut self, name: impl Into<String>, value: f64) -> Tunables {
        self.0.push((name.into(), value));
        self
    }

    /// The value that was given.
    pub fn get(&self, name: &str) -> Option<f64> {
        let given = self.0.iter().rev().find(|(given, _)| given == name);
        given.map(|(_, value)| *value)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

impl Tunable {
    /// What is wrong with a value for it; none if it can have it.
    pub fn wrong(&self, value: f64) -> Option<String> {
        let name = &self.name;
        let number = |x: f64| match self.whole {
            true => format!("{x}"),
            false => format!("{x:?}"),
        };
        if self.whole && value.fract() != 0.0 {
            return Some(format!(
                "tunable `{name}` is a whole number, found {value:?}"
            ));
        }
        if !(self.low..=self.high).contains(&value) {
            let (low, high, found) = (number(self.low), number(self.high), number(value));
            return Some(format!(
                "tunable `{name}` must lie in {low}..{high}, found {found}"
            ));
        }
        None
    }
}

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
            let message = format!("nothing lies in {low:?}..{high:?}");
            self.report(
                Diagnostic::new(code::E0306, range.span, message)
                    .help("a range is written from its smaller end to its larger"),
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
        match (self.modules.tunables.get(name), &default.ty) {
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
                    let span = Span {
                        source: modules.all[0].source,
                        ..Span::default()
                    };
                    let message =
                        format!("the program has no tunable `{name}` to be given a value");
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
                let ItemKind::Tunable {
                    name,
                    range,
                    default,
                } = &item.kind
                else {
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
                });
            }
        }
        found
    }
}
