//! The arguments of a trained model: each given once under a name that its kind has, and hyperparameters, which are
//! constants within a range.

use crate::check::env::{Env, Scope};
use crate::check::modules::Kind as NameKind;
use crate::check::{Checker, bare_name};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::ir::Scalar;
use crate::expr::show::duration;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ExprKind, ItemKind, Name};
use crate::types::Type;
use std::ops::RangeInclusive;

/// What every trained model has.
const SHARED: [&str; 31] = [
    "dense",
    "sparse",
    "vectors",
    "context",
    "shown",
    "example_weight",
    "weight_clip",
    "normalise",
    "missing",
    "min_count",
    "id_dropout",
    "id_dim",
    "id_decay",
    "examples",
    "positives",
    "negatives",
    "sampling",
    "max_examples",
    "slices",
    "upstream",
    "heads",
    "label_window",
    "head_weights",
    "allow_rare",
    "split",
    "validation",
    "test",
    "refit",
    "calibrate",
    "seed",
    "max_age",
];
const LINEAR: [&str; 1] = ["l2"];
const LAYERS: [&str; 8] =
    ["hidden", "towers", "dropout", "lr", "batch", "decay", "epochs", "patience"];

const TOWERS: [&str; 20] = [
    "positives",
    "user_features",
    "item_features",
    "dim",
    "hidden",
    "temperature",
    "lr",
    "batch",
    "epochs",
    "patience",
    "validation",
    "normalise",
    "missing",
    "min_count",
    "id_dropout",
    "id_decay",
    "context",
    "max_examples",
    "seed",
    "max_age",
];

const STUDENT: [&str; 17] = [
    "of",
    "value",
    "candidates",
    "features",
    "requests",
    "examples",
    "hidden",
    "loss",
    "normalise",
    "missing",
    "lr",
    "epochs",
    "patience",
    "validation",
    "test",
    "seed",
    "max_age",
];

/// The parameters of a kind of model.
fn parameters(kind: &str) -> Vec<&'static str> {
    match kind {
        "two_tower" => TOWERS.to_vec(),
        "distill" => STUDENT.to_vec(),
        "linear" => [&SHARED[..], &LINEAR].concat(),
        _ => [&SHARED[..], &LAYERS].concat(),
    }
}

/// The arguments of a declaration, by name.
pub(super) struct Given<'a> {
    /// The kind of model.
    pub callee: &'a Name,
    given: Vec<(&'a Name, &'a ast::Expr)>,
    pub env: Env<'a>,
}

impl<'a> Given<'a> {
    pub fn get(&self, name: &str) -> Option<&'a ast::Expr> {
        self.given.iter().find(|(given, _)| given.text == name).map(|(_, value)| *value)
    }

    /// Where a parameter is named, else where the kind is.
    pub fn span(&self, name: &str) -> Span {
        let given = self.given.iter().find(|(given, _)| given.text == name);
        given.map_or(self.callee.span, |(name, _)| name.span)
    }
}

/// A number that has to lie in a range.
pub(super) struct Bounds<T> {
    pub range: RangeInclusive<T>,
    pub default: T,
}

/// From low to high, with a default.
pub(super) fn within<T>(range: RangeInclusive<T>, default: T) -> Bounds<T> {
    Bounds { range, default }
}

impl<'a> Checker<'a> {
    /// The arguments by name; reports those that the kind does not have, and those that are given twice.
    pub(super) fn trained_args(
        &mut self,
        callee: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
    ) -> (Given<'a>, bool) {
        let all = parameters(&callee.text);
        let (mut given, mut whole) = (Vec::<(&Name, &ast::Expr)>::new(), true);
        for arg in args {
            let Some(name) = &arg.name else {
                let message = format!("the parameters of `{}` are given by name", callee.text);
                let help = match callee.text.as_str() {
                    "two_tower" => "write `positives=likes`",
                    "distill" => "write `of=MODEL, candidates=SET, features=[...]`",
                    _ => "write `dense=[...], heads={p_like: likes}`",
                };
                self.report(Diagnostic::new(code::E0307, arg.span, message).help(help));
                whole = false;
                continue;
            };
            if !all.contains(&name.text.as_str()) {
                self.unknown_parameter(callee, name, &all);
                whole = false;
            } else if given.iter().any(|(before, _)| before.text == name.text) {
                let message = format!("`{}` is given twice", name.text);
                let help = "leave one of them out";
                self.report(Diagnostic::new(code::E0305, name.span, message).help(help));
                whole = false;
            } else {
                given.push((name, &arg.value));
            }
        }
        (Given { callee, given, env: env.clone() }, whole)
    }

    fn unknown_parameter(&mut self, callee: &Name, name: &Name, all: &[&'static str]) {
        let kind = &callee.text;
        let is_written = matches!(name.text.as_str(), "features" | "weights" | "bias" | "link");
        if is_written && !matches!(kind.as_str(), "two_tower" | "distill") {
            let message = format!("`{}` beside inputs that are trained", name.text);
            let help = match kind.as_str() {
                "linear" => {
                    "a model with weights has `features`, a trained one `dense` and `sparse`: leave one out"
                }
                _ => "inputs are `dense`, `sparse` and `vectors`",
            };
            return self.report(Diagnostic::new(code::E0504, name.span, message).help(help));
        }
        let all = all.iter().copied();
        let is_label = kind != "two_tower"
            && matches!(name.text.as_str(), "label" | "labels" | "target" | "y");
        let help = match suggest::nearest(&name.text, all.clone()) {
            _ if is_label => "what it predicts are its heads: `heads={p_like: likes}`".to_owned(),
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its parameters are {}", all.collect::<Vec<_>>().join(", ")),
        };
        let message = format!("`{kind}` has no parameter `{}`", name.text);
        self.report(Diagnostic::new(code::E0304, name.span, message).help(help));
    }

    /// A constant of the declaration; reports what is not one.
    fn constant_of(
        &mut self,
        given: &Given<'a>,
        value: &'a ast::Expr,
        want: &Type,
    ) -> Option<Scalar> {
        if let Some(moving) = self.not_fixed(value, &given.env) {
            let message = format!("a parameter of a trained model cannot be {moving}");
            let help = "write the constant: what it is trained with belongs to its declaration";
            return self.refuse(Diagnostic::new(code::E0314, value.span, message).help(help));
        }
        let typed = self.typed(value, &given.env, &Scope::request(), want);
        match typed.as_const() {
            _ if typed.is_error() => None,
            Some(Scalar::Null) | None => {
                let help = "what a model is trained with is part of its declaration";
                let message = "a constant is needed here";
                self.refuse(Diagnostic::new(code::E0314, value.span, message).help(help))
            }
            Some(found) => Some(found.clone()),
        }
    }

    /// What an expression reads that can be changed from outside.
    fn not_fixed(&self, expr: &ast::Expr, env: &Env<'a>) -> Option<&'static str> {
        match &expr.kind {
            ExprKind::Name(name) => {
                let (_, item) = self.modules.find(env.module, NameKind::Rest, name).next()?;
                match &item.kind {
                    ItemKind::Tunable { .. } => Some("a tunable"),
                    ItemKind::Param { .. } => Some("a parameter of the request"),
                    ItemKind::Experiment { .. } => Some("an arm of an experiment"),
                    ItemKind::Binding { value, .. } if !std::ptr::eq(value, expr) => {
                        self.not_fixed(value, env)
                    }
                    _ => None,
                }
            }
            ExprKind::Unary { operand, .. } => self.not_fixed(operand, env),
            ExprKind::Binary { left, right, .. } => {
                self.not_fixed(left, env).or_else(|| self.not_fixed(right, env))
            }
            ExprKind::If { then, condition, otherwise } => {
                [then, condition, otherwise].into_iter().find_map(|part| self.not_fixed(part, env))
            }
            ExprKind::List(items) => items.iter().find_map(|item| self.not_fixed(item, env)),
            ExprKind::Call { args, .. } => {
                args.iter().find_map(|arg| self.not_fixed(&arg.value, env))
            }
            _ => None,
        }
    }

    /// A number within a range.
    pub(super) fn real(
        &mut self,
        given: &Given<'a>,
        name: &str,
        bounds: Bounds<f64>,
    ) -> Option<f64> {
        let Some(value) = given.get(name) else { return Some(bounds.default) };
        self.real_in(given, name, value, &bounds.range)
    }

    pub(super) fn real_in(
        &mut self,
        given: &Given<'a>,
        name: &str,
        value: &'a ast::Expr,
        range: &RangeInclusive<f64>,
    ) -> Option<f64> {
        let found = match self.constant_of(given, value, &Type::Float)? {
            Scalar::F64(x) => x,
            Scalar::I64(x) => x as f64,
            _ => return None,
        };
        if range.contains(&found) {
            return Some(found);
        }
        let shown = |x: f64| format!("{x:?}");
        let wanted = match (*range.start(), *range.end()) {
            (0.0, f64::MAX) => "0 or more".to_owned(),
            (f64::MIN_POSITIVE, f64::MAX) => "above 0".to_owned(),
            (low, high) => format!("in {}..{}", shown(low), shown(high)),
        };
        self.outside(name, value.span, &wanted, &shown(found))
    }

    fn outside<T>(&mut self, name: &str, span: Span, wanted: &str, found: &str) -> Option<T> {
        let message = format!("`{name}` must be {wanted}, found {found}");
        self.refuse(Diagnostic::new(code::E0306, span, message))
    }

    /// A whole number within a range.
    pub(super) fn whole(
        &mut self,
        given: &Given<'a>,
        name: &str,
        bounds: Bounds<i64>,
    ) -> Option<i64> {
        let Some(value) = given.get(name) else { return Some(bounds.default) };
        self.whole_in(given, name, value, &bounds.range)
    }

    pub(super) fn whole_in(
        &mut self,
        given: &Given<'a>,
        name: &str,
        value: &'a ast::Expr,
        range: &RangeInclusive<i64>,
    ) -> Option<i64> {
        let Scalar::I64(found) = self.constant_of(given, value, &Type::Int)? else { return None };
        if range.contains(&found) {
            return Some(found);
        }
        let wanted = match (*range.start(), *range.end()) {
            (low, high) if high >= i64::from(u32::MAX) => format!("at least {low}"),
            (low, high) => format!("in {low}..{high}"),
        };
        self.outside(name, value.span, &wanted, &found.to_string())
    }

    /// A list of whole numbers within a range, which may be empty.
    pub(super) fn widths(
        &mut self,
        given: &Given<'a>,
        name: &str,
        default: &[u32],
    ) -> Option<Vec<u32>> {
        let Some(value) = given.get(name) else { return Some(default.to_vec()) };
        let ExprKind::List(items) = &value.kind else {
            let message = format!("`{name}` is a list of widths");
            let help = "write `hidden=[128, 64]`";
            return self.refuse(Diagnostic::new(code::E0302, value.span, message).help(help));
        };
        if items.len() > 16 {
            let message = format!("`{name}` has at most 16 layers, found {}", items.len());
            return self.refuse(Diagnostic::new(code::E0306, value.span, message));
        }
        let range = 1..=8192;
        let widths = items.iter().map(|item| self.whole_in(given, name, item, &range));
        let widths: Vec<Option<i64>> = widths.collect();
        widths.into_iter().map(|width| width.map(|width| width as u32)).collect()
    }

    /// A duration above 0 s.
    pub(super) fn span_of_time(&mut self, given: &Given<'a>, name: &str) -> Option<Option<i64>> {
        let Some(value) = given.get(name) else { return Some(None) };
        let Scalar::I64(found) = self.constant_of(given, value, &Type::Duration)? else {
            return None;
        };
        match found > 0 {
            true => Some(Some(found)),
            false => self.outside(name, value.span, "a duration above 0s", &duration(found)),
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, given: &Given<'a>, name: &str) -> Option<bool> {
        let Some(value) = given.get(name) else { return Some(false) };
        match self.constant_of(given, value, &Type::Bool)? {
            Scalar::Bool(found) => Some(found),
            _ => None,
        }
    }

    /// One of some words; the first is the default.
    pub(super) fn word<T: Copy>(
        &mut self,
        given: &Given<'a>,
        name: &str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        match given.get(name) {
            Some(value) => self.word_in(name, value, words),
            None => words.first().map(|(_, meant)| *meant),
        }
    }

    pub(super) fn word_in<T: Copy>(
        &mut self,
        name: &str,
        value: &ast::Expr,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let found = bare_name(value);
        let meant = words.iter().find(|(word, _)| found == Some(word));
        if let Some((_, meant)) = meant {
            return Some(*meant);
        }
        let names = words.iter().map(|(word, _)| *word);
        let help = match found.and_then(|found| suggest::nearest(found, names.clone())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write `{name}={}`", words.first().map_or("", |(word, _)| word)),
        };
        let all = names.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let message = format!("`{name}` is one of {all}");
        self.refuse(Diagnostic::new(code::E0213, value.span, message).help(help))
    }

    /// The fields of a record.
    pub(super) fn record(
        &mut self,
        given: &Given<'a>,
        name: &str,
        usage: &str,
    ) -> Option<&'a [(Name, ast::Expr)]> {
        let Some(value) = given.get(name) else { return Some(&[]) };
        match &value.kind {
            ExprKind::Record(fields) => Some(fields),
            ExprKind::Error => None,
            _ => {
                let message = format!("`{name}` is a record");
                let help = format!("write `{name}={usage}`");
                self.refuse(Diagnostic::new(code::E0302, value.span, message).help(help))
            }
        }
    }
}
