//! `score` and `rank`.

use super::args::Args;
use super::env::Env;
use super::narrow::taken;
use super::rows::{At, Set};
use super::shape::Called;
use super::value::{Value, order};
use super::{Interp, Role};
use igql::syntax::ast::{Arg, Expr, ExprKind};
use std::cmp::Ordering;
use std::collections::HashMap;

/// The larger first, null last.
fn larger_first(a: &Value, b: &Value) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (false, false) => order(b, a).expect("keys of one type"),
        (a, b) => a.cmp(&b),
    }
}

/// A model: its own score and its heads.
#[derive(Default)]
struct Formula<'a> {
    score: Option<Part<'a>>,
    heads: Vec<(&'a str, Part<'a>)>,
}

/// What a score or head is computed by.
#[derive(Clone)]
enum Part<'a> {
    Formula(&'a Expr),
    /// `link(bias + Σ weight * feature)`.
    Linear {
        bias: Option<&'a Expr>,
        terms: Vec<(Feature<'a>, &'a Expr)>,
        missing: Option<&'a Expr>,
        sigmoid: bool,
    },
}

#[derive(Clone)]
enum Feature<'a> {
    Expr(&'a Expr),
    Named(Expr),
}

impl<'a> Interp<'a> {
    /// `score(expr, then...)`: of equal scores the row with the larger first key comes first, and so
    /// on; null last.
    pub fn score(&self, call: &Called<'a>, env: &Env<'a>, role: Role) -> Set {
        let (rows, args) = call.split();
        let set = (*self.set(rows, env, role, &[])).clone();
        let is_expr = |a: &&Arg| a.name.as_ref().is_some_and(|n| n.text == "expr");
        let expr = args.iter().find(is_expr).unwrap_or(&args[0]);
        let then: Vec<&Arg> = args.iter().filter(|a| !std::ptr::eq(*a, expr)).collect();
        let keys: HashMap<u32, Vec<Value>> = set
            .places()
            .zip(&set.rows)
            .map(|(at, row)| {
                let value = |a: &&'a Arg| self.value(&a.value, env, &at);
                (row.id, then.iter().map(value).collect())
            })
            .collect();
        let mut set = self.scored(set, &expr.value, env);
        // the last key first, each time without disturbing what ties
        for k in (0..then.len()).rev() {
            set.rows.sort_by(|a, b| larger_first(&keys[&a.id][k], &keys[&b.id][k]));
        }
        set.by_score_alone()
    }

    fn scored(&self, mut set: Set, expr: &'a Expr, env: &Env<'a>) -> Set {
        let scores: Vec<Option<f64>> =
            set.places().map(|at| self.value(expr, env, &at).as_score()).collect();
        set.rows.iter_mut().zip(scores).for_each(|(row, score)| row.score = score);
        set.by_score()
    }

    /// `rank(ranking_model = default, value: value?, keep: int = all)`.
    pub fn rank(&self, call: &Called<'a>, env: &Env<'a>, role: Role) -> Set {
        let (rows, args) = call.split();
        let args = Args::new(args, &["ranking_model", "value", "keep"]);
        let mut set = (*self.set(rows, env, role, &[])).clone();
        let model =
            self.model(self.bare_name(args.get("ranking_model"), env, "default"), set.entity);
        for (name, values) in self.heads(&set, &model) {
            set.set_column(&name, values);
        }
        let only_head = model.heads.first().map(|(_, part)| part.clone());
        let scored = match (args.get("value"), model.score.or(only_head)) {
            (Some(value), _) => self.scored(set, value, env),
            (None, Some(own)) => {
                let scores: Vec<Option<f64>> =
                    set.places().map(|at| self.part(&own, &at).as_score()).collect();
                set.rows.iter_mut().zip(scores).for_each(|(row, score)| row.score = score);
                set.by_score()
            }
            (None, None) => panic!("a model without a score"),
        };
        let mut ranked = scored;
        if let Some(keep) = args.get("keep") {
            ranked.rows.truncate(taken(self.quantity(Some(keep), env)));
        }
        ranked
    }

    /// All heads read the rows as they come in.
    fn heads(&self, set: &Set, model: &Formula<'a>) -> Vec<(String, Vec<Value>)> {
        let column = |part: &Part<'a>| set.places().map(|at| self.part(part, &at)).collect();
        model.heads.iter().map(|(name, part)| (name.to_string(), column(part))).collect()
    }

    fn part(&self, part: &Part<'a>, at: &At) -> Value {
        let env = Env::default();
        let Part::Linear { bias, terms, missing, sigmoid } = part else {
            let Part::Formula(expr) = part else { unreachable!("the other case") };
            return self.value(expr, &env, at);
        };
        let number = |expr: &Expr| self.value_of(expr, at);
        let mut sum = match bias {
            Some(bias) => number(bias),
            None => Some(0.0),
        };
        for (feature, weight) in terms {
            let feature = match feature {
                Feature::Expr(expr) => number(expr),
                Feature::Named(expr) => number(expr),
            };
            let feature = feature.or_else(|| missing.and_then(number));
            let term = feature.zip(number(weight)).map(|(f, w)| w * f).filter(|x| x.is_finite());
            sum = sum.zip(term).map(|(sum, term)| sum + term).filter(|x| x.is_finite());
        }
        let linked = sum.map(|x| if *sigmoid { 1.0 / (1.0 + (-x).exp()) } else { x });
        linked.map_or(Value::Null, Value::Float)
    }

    /// A number, a bool as 1 or 0.
    fn value_of(&self, expr: &Expr, at: &At) -> Option<f64> {
        // the tree of a record's names is made here and lives no longer than this call
        let expr: &'a Expr = Box::leak(Box::new(expr.clone()));
        match self.value(expr, &Env::default(), at) {
            Value::Bool(b) => Some(f64::from(u8::from(b))),
            other => other.number(),
        }
    }

    /// The model that a name means, through aliases.
    fn model(&self, name: &str, entity: usize) -> Formula<'a> {
        let declared = self.program.model(name, &self.is_entity(entity));
        match declared.map(|e| &e.kind) {
            Some(ExprKind::Name(alias)) => self.model(alias, entity),
            Some(ExprKind::Call { callee, args }) if callee.text == "formula" => formula(args),
            Some(ExprKind::Call { callee, args }) if callee.text == "linear" => linear(args),
            other => panic!("no model `{name}`: {other:?}"),
        }
    }
}

fn formula(args: &[Arg]) -> Formula<'_> {
    let mut formula = Formula::default();
    for arg in args {
        match (&arg.name, &arg.value.kind) {
            (Some(name), ExprKind::Record(heads)) if name.text == "heads" => {
                formula.heads =
                    heads.iter().map(|(name, e)| (name.text.as_str(), Part::Formula(e))).collect();
            }
            _ => formula.score = Some(Part::Formula(&arg.value)),
        }
    }
    formula
}

fn linear(args: &[Arg]) -> Formula<'_> {
    let args = Args::new(args, &["features", "weights", "heads", "bias", "link", "missing"]);
    let features = match args.get("features").map(|e| &e.kind) {
        Some(ExprKind::List(items)) => items.as_slice(),
        _ => &[],
    };
    let sigmoid = args
        .get("link")
        .is_some_and(|e| matches!(&e.kind, ExprKind::Name(name) if name == "sigmoid"));
    let sum = |weights, bias| Part::Linear {
        bias,
        terms: terms(features, weights),
        missing: args.get("missing"),
        sigmoid,
    };
    let Some(heads) = args.get("heads") else {
        let weights = args.get("weights").unwrap_or_else(|| args.need("features"));
        return Formula { score: Some(sum(weights, args.get("bias"))), heads: Vec::new() };
    };
    let bias_of = |head: &str| match args.get("bias") {
        Some(bias) => match &bias.kind {
            ExprKind::Record(all) => all.iter().find(|(n, _)| n.text == head).map(|(_, e)| e),
            _ => Some(bias),
        },
        None => None,
    };
    let ExprKind::Record(heads) = &heads.kind else { panic!("heads are a record") };
    Formula {
        score: None,
        heads: heads
            .iter()
            .map(|(name, w)| (name.text.as_str(), sum(w, bias_of(&name.text))))
            .collect(),
    }
}

/// Features with their weights: of a list beside the features, or of a record that names them.
fn terms<'a>(features: &'a [Expr], weights: &'a Expr) -> Vec<(Feature<'a>, &'a Expr)> {
    match &weights.kind {
        ExprKind::List(weights) => features.iter().map(Feature::Expr).zip(weights).collect(),
        ExprKind::Record(fields) => fields
            .iter()
            .map(|(name, weight)| {
                let named = Expr { kind: ExprKind::Name(name.text.clone()), span: name.span };
                (Feature::Named(named), weight)
            })
            .collect(),
        other => panic!("no weights: {other:?}"),
    }
}
