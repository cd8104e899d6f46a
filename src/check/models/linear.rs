//! `linear` models: weighted sums of features, with weights that were learnt somewhere else.
//!
//! ```text
//! linear({quality: 0.6, verified: 0.2}, bias=-1.0, link=sigmoid, missing=0.0)
//! linear([quality, log1p(author.followers)], weights=[0.6, 0.1])
//! linear([quality, age_days], heads={p_like: [1.2, -0.1], p_save: [0.4, 0.0]}, bias={p_like: -2.0})
//! ```
//!
//! A model is an expression like any other: `bias + w1 * f1 + w2 * f2 + ...`, summed from the left.

use super::ModelKind;
use crate::check::Checker;
use crate::check::env::{Env, Scope};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::Expr;
use crate::expr::ir::{Kind, Scalar};
use crate::ops::{Model, Shape};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ExprKind, Name};
use crate::types::Type;
use foldhash::HashMap;

const PARAMS: [&str; 6] = ["features", "weights", "heads", "bias", "link", "missing"];

/// The arguments of `linear` by name.
type Given<'a> = HashMap<&'static str, &'a ast::Expr>;

/// What the heads of a model share.
struct Setting {
    missing: Option<Expr>,
    sigmoid: bool,
}

/// `linear(features, ...)`.
pub(super) const LINEAR: ModelKind = ModelKind {
    name: "linear",
    usage: "linear({feature: weight, ...})",
    bind: |checker, name, callee, args, env, shape| {
        checker.linear_model(name, callee, args, env, shape)
    },
};

impl<'a> Checker<'a> {
    fn linear_model(
        &mut self,
        name: &str,
        callee: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
        shape: &Shape,
    ) -> Option<Model> {
        let given = self.linear_args(args)?;
        let setting = Setting {
            missing: match given.get("missing") {
                Some(expr) => Some(self.weight(expr, env)?),
                None => None,
            },
            sigmoid: self.link(given.get("link").copied())?,
        };
        let features = match given.get("features") {
            Some(expr) => self.features(expr, env, shape, &setting)?,
            None => Vec::new(),
        };
        let Some(&heads) = given.get("heads") else {
            let weights = self.weights(&given, &features, callee, env)?;
            let bias = self.bias(given.get("bias").copied(), env)?;
            let score = self.weighted_sum(bias, &features, weights, &setting, callee.span);
            return Some(Model {
                name: name.to_owned(),
                heads: Vec::new(),
                score: Some(score),
                served: None,
            });
        };
        if let Some(weights) = given.get("weights") {
            let help = "with `heads` each head has its weights: `heads={p_like: [0.5, 0.1]}`";
            return self.wrong_linear(weights.span, "`weights` beside `heads`", help);
        }
        self.linear_heads(name, heads, &given, &features, env, shape, &setting)
    }

    fn linear_args(&mut self, args: &'a [Arg]) -> Option<Given<'a>> {
        let mut given = Given::default();
        for (i, arg) in args.iter().enumerate() {
            let known = match &arg.name {
                Some(name) => PARAMS.iter().find(|p| **p == name.text),
                None => PARAMS.get(i),
            };
            let span = arg.name.as_ref().map_or(arg.value.span, |name| name.span);
            let Some(&param) = known else {
                let text = arg.name.as_ref().map_or("", |name| &name.text);
                let help = match suggest::nearest(text, PARAMS.into_iter()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it has {}", PARAMS.join(", ")),
                };
                return self.wrong_linear(span, "`linear` has no such parameter", &help);
            };
            if given.insert(param, &arg.value).is_some() {
                let message = format!("`{param}` is given twice");
                return self.wrong_linear(span, &message, "leave one of them out");
            }
        }
        Some(given)
    }

    fn wrong_linear<T>(&mut self, span: Span, message: &str, help: &str) -> Option<T> {
        self.report(Diagnostic::new(code::E0504, span, message).help(help));
        None
    }

    /// A number of the program or the request.
    fn weight(&mut self, expr: &'a ast::Expr, env: &Env<'a>) -> Option<Expr> {
        let typed = self.typed(expr, env, &Scope::request(), &Type::Float);
        (!typed.is_error()).then_some(typed)
    }

    fn bias(&mut self, expr: Option<&'a ast::Expr>, env: &Env<'a>) -> Option<Expr> {
        match expr {
            Some(expr) => self.weight(expr, env),
            None => Some(Expr::constant(Scalar::F64(0.0), Type::Float)),
        }
    }

    fn link(&mut self, expr: Option<&'a ast::Expr>) -> Option<bool> {
        let Some(expr) = expr else {
            return Some(false);
        };
        match super::bare_name(expr) {
            Some("identity") => Some(false),
            Some("sigmoid") => Some(true),
            _ => {
                let message = "`link` must be `identity` or `sigmoid`";
                let help = "write `link=sigmoid` for a probability";
                self.report(Diagnostic::new(code::E0213, expr.span, message).help(help));
                None
            }
        }
    }

    /// The features as numbers: of a list, or the names of a record.
    fn features(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        shape: &Shape,
        setting: &Setting,
    ) -> Option<Vec<Expr>> {
        match &expr.kind {
            ExprKind::List(items) => {
                let features: Vec<_> = items
                    .iter()
                    .map(|item| {
                        let scope = Scope::rows(shape);
                        let typed = self.scalar(item, env, &scope, None);
                        self.feature(typed, item.span, setting)
                    })
                    .collect();
                features.into_iter().collect()
            }
            ExprKind::Record(fields) => self.named_features(fields, env, shape, setting),
            _ => {
                let help = "write `{quality: 0.6, recency: 0.3}`, or a list and `weights=[...]`";
                self.wrong_linear(expr.span, "expected features with their weights", help)
            }
        }
    }

    fn named_features(
        &mut self,
        fields: &'a [(Name, ast::Expr)],
        env: &Env<'a>,
        shape: &Shape,
        setting: &Setting,
    ) -> Option<Vec<Expr>> {
        let features: Vec<_> = fields
            .iter()
            .map(|(name, _)| {
                let scope = Scope::rows(shape);
                let typed = self.name(&name.text, name.span, env, &scope);
                self.feature(typed, name.span, setting)
            })
            .collect();
        features.into_iter().collect()
    }

    /// A feature as a number: a bool is 1 or 0, a null what `missing` says.
    fn feature(&mut self, typed: Expr, span: Span, setting: &Setting) -> Option<Expr> {
        let number = match &typed.ty {
            Type::Error => return None,
            Type::Bool => self.bool_number(typed, span),
            Type::Int | Type::Float => self.convert(typed, &Type::Float)?,
            other => {
                let message =
                    format!("a feature is a number or a bool, not {}", self.type_name(other));
                let help = "convert it to a number, as in `1 if kind == \"video\" else 0`";
                return self.wrong_linear(span, &message, help);
            }
        };
        Some(match &setting.missing {
            Some(missing) => self.apply("coalesce", vec![number, missing.clone()], span),
            None => number,
        })
    }

    pub(super) fn bool_number(&mut self, condition: Expr, span: Span) -> Expr {
        let number = |x: Scalar| Expr::constant(x, Type::Float);
        let negated = self.apply("not", vec![condition.clone()], span);
        let otherwise = Kind::If {
            condition: negated,
            then: number(Scalar::F64(0.0)),
            otherwise: number(Scalar::Null),
        };
        let kind = Kind::If {
            condition,
            then: number(Scalar::F64(1.0)),
            otherwise: Expr::new(otherwise, Type::Float),
        };
        Expr::new(kind, Type::Float)
    }

    /// The weights of a model without heads.
    fn weights(
        &mut self,
        given: &Given<'a>,
        features: &[Expr],
        callee: &Name,
        env: &Env<'a>,
    ) -> Option<Vec<Expr>> {
        let help = "write `linear({quality: 0.6})`, or `linear([quality], weights=[0.6])`";
        match (given.get("features"), given.get("weights")) {
            (Some(ast::Expr { kind: ExprKind::Record(fields), .. }), None) => {
                let weights: Vec<_> = fields.iter().map(|(_, w)| self.weight(w, env)).collect();
                weights.into_iter().collect()
            }
            (Some(ast::Expr { kind: ExprKind::Record(_), .. }), Some(weights)) => {
                self.wrong_linear(weights.span, "the features have their weights already", help)
            }
            (Some(_), Some(weights)) => self.weight_list(weights, features.len(), env),
            (None, _) => self.wrong_linear(callee.span, "`linear` needs features", help),
            (Some(_), None) => self.wrong_linear(callee.span, "`linear` needs weights", help),
        }
    }

    /// A weight for each feature.
    fn weight_list(
        &mut self,
        expr: &'a ast::Expr,
        features: usize,
        env: &Env<'a>,
    ) -> Option<Vec<Expr>> {
        let help = "a list has one weight for each feature, in their order";
        let ExprKind::List(items) = &expr.kind else {
            return self.wrong_linear(expr.span, "expected a list of weights", help);
        };
        if items.len() != features {
            let message = format!("{} weights for {features} features", items.len());
            return self.wrong_linear(expr.span, &message, help);
        }
        let weights: Vec<_> = items.iter().map(|w| self.weight(w, env)).collect();
        weights.into_iter().collect()
    }

    #[expect(clippy::too_many_arguments, reason = "what the heads share, and what they do not")]
    fn linear_heads(
        &mut self,
        name: &str,
        heads: &'a ast::Expr,
        given: &Given<'a>,
        features: &[Expr],
        env: &Env<'a>,
        shape: &Shape,
        setting: &Setting,
    ) -> Option<Model> {
        let help = "write `heads={p_like: [0.5, 0.1], p_save: [0.2, 0.3]}`";
        if let Some(ast::Expr { kind: ExprKind::Record(_), span }) = given.get("features") {
            let help = "with `heads` the features are a list, and each head has its weights";
            return self.wrong_linear(*span, "the features have weights already", help);
        }
        let ExprKind::Record(fields) = &heads.kind else {
            return self.wrong_linear(heads.span, "`heads` is a record of weights", help);
        };
        self.check_biases(given.get("bias").copied(), fields)?;
        let mut made = Vec::new();
        let mut ok = true;
        for (head, weights) in fields {
            self.check_bindable(head);
            let found = self.linear_head(head, weights, given, features, env, shape, setting);
            ok &= found.is_some();
            made.extend(found.map(|expr| (head.text.clone(), expr)));
        }
        ok.then(|| Model { name: name.to_owned(), heads: made, score: None, served: None })
    }

    /// Every bias of a record belongs to a head.
    fn check_biases(
        &mut self,
        bias: Option<&'a ast::Expr>,
        heads: &[(Name, ast::Expr)],
    ) -> Option<()> {
        let Some(ExprKind::Record(biases)) = bias.map(|b| &b.kind) else {
            return Some(());
        };
        for (name, _) in biases {
            let names = || heads.iter().map(|(head, _)| head.text.as_str());
            if !names().any(|head| head == name.text) {
                let help = match suggest::nearest(&name.text, names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("heads are {}", names().collect::<Vec<_>>().join(", ")),
                };
                let message = format!("there is no head `{}`", name.text);
                return self.wrong_linear(name.span, &message, &help);
            }
        }
        Some(())
    }

    #[expect(clippy::too_many_arguments, reason = "what the heads share, and what they do not")]
    fn linear_head(
        &mut self,
        head: &'a Name,
        weights: &'a ast::Expr,
        given: &Given<'a>,
        features: &[Expr],
        env: &Env<'a>,
        shape: &Shape,
        setting: &Setting,
    ) -> Option<Expr> {
        let own = match given.get("bias") {
            Some(ast::Expr { kind: ExprKind::Record(biases), .. }) => {
                let of_head = biases.iter().find(|(name, _)| name.text == head.text);
                of_head.map(|(_, bias)| bias)
            }
            bias => bias.copied(),
        };
        let bias = self.bias(own, env)?;
        // a head can have features of its own
        if let ExprKind::Record(fields) = &weights.kind {
            let features = self.named_features(fields, env, shape, setting)?;
            let weights: Vec<_> = fields.iter().map(|(_, w)| self.weight(w, env)).collect();
            let weights = weights.into_iter().collect::<Option<Vec<_>>>()?;
            return Some(self.weighted_sum(bias, &features, weights, setting, head.span));
        }
        let weights = self.weight_list(weights, features.len(), env)?;
        Some(self.weighted_sum(bias, features, weights, setting, head.span))
    }

    fn weighted_sum(
        &mut self,
        bias: Expr,
        features: &[Expr],
        weights: Vec<Expr>,
        setting: &Setting,
        span: Span,
    ) -> Expr {
        let sum = features.iter().zip(weights).fold(bias, |sum, (feature, weight)| {
            let term = self.apply("*", vec![weight, feature.clone()], span);
            self.apply("+", vec![sum, term], span)
        });
        if setting.sigmoid { self.apply("sigmoid", vec![sum], span) } else { sum }
    }
}
