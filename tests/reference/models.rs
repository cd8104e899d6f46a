//! `score` and `rank`.

use super::args::Args;
use super::env::Env;
use super::narrow::taken;
use super::rows::Set;
use super::shape::Called;
use super::{Interp, Role};
use igql::syntax::ast::{Arg, Expr, ExprKind, Name};

/// A model that is a formula: its own score and its heads.
#[derive(Default)]
struct Formula<'a> {
    score: Option<&'a Expr>,
    heads: &'a [(Name, Expr)],
}

impl<'a> Interp<'a> {
    /// `score(expr)`.
    pub fn score(&self, call: &Called<'a>, env: &Env<'a>, role: Role) -> Set {
        let (rows, args) = call.split();
        let set = (*self.set(rows, env, role, &[])).clone();
        self.scored(set, &args[0].value, env)
    }

    fn scored(&self, mut set: Set, expr: &'a Expr, env: &Env<'a>) -> Set {
        let scores: Vec<Option<f64>> = set
            .places()
            .map(|at| self.value(expr, env, &at).as_score())
            .collect();
        set.rows
            .iter_mut()
            .zip(scores)
            .for_each(|(row, score)| row.score = score);
        set.by_score()
    }

    /// `rank(ranking_model = default, value: value?, keep: int = all)`.
    pub fn rank(&self, call: &Called<'a>, env: &Env<'a>, role: Role) -> Set {
        let (rows, args) = call.split();
        let args = Args::new(args, &["ranking_model", "value", "keep"]);
        let mut set = (*self.set(rows, env, role, &[])).clone();
        let model = self.model(
            self.bare_name(args.get("ranking_model"), env, "default"),
            set.entity,
        );
        for (name, values) in self.heads(&set, &model) {
            set.set_column(&name, values);
        }
        let only_head = model.heads.first().map(|(_, e)| e);
        let (value, value_env) = match (args.get("value"), model.score.or(only_head)) {
            (Some(value), _) => (value, env.clone()),
            (None, Some(own)) => (own, Env::default()),
            (None, None) => panic!("a model without a score"),
        };
        let mut ranked = self.scored(set, value, &value_env);
        if let Some(keep) = args.get("keep") {
            ranked.rows.truncate(taken(self.quantity(Some(keep), env)));
        }
        ranked
    }

    /// All heads read the rows as they come in.
    fn heads(&self, set: &Set, model: &Formula<'a>) -> Vec<(String, Vec<super::Value>)> {
        let column = |expr: &'a Expr| {
            set.places()
                .map(|at| self.value(expr, &Env::default(), &at))
                .collect()
        };
        model
            .heads
            .iter()
            .map(|(name, expr)| (name.text.clone(), column(expr)))
            .collect()
    }

    /// The formula that a model name means, through aliases.
    fn model(&self, name: &str, entity: usize) -> Formula<'a> {
        let declared = self.program.model(name, &self.is_entity(entity));
        match declared.map(|e| &e.kind) {
            Some(ExprKind::Name(alias)) => self.model(alias, entity),
            Some(ExprKind::Call { callee, args }) if callee.text == "formula" => formula(args),
            other => panic!("no formula `{name}`: {other:?}"),
        }
    }
}

fn formula(args: &[Arg]) -> Formula<'_> {
    let mut formula = Formula::default();
    for arg in args {
        match (&arg.name, &arg.value.kind) {
            (Some(name), ExprKind::Record(heads)) if name.text == "heads" => formula.heads = heads,
            _ => formula.score = Some(&arg.value),
        }
    }
    formula
}
