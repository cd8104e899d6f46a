//! Comparisons of an experiment with its arms.

use crate::check::env::{Env, Local, Scope};
use crate::check::experiments::Experiment;
use crate::check::modules::Kind as NameKind;
use crate::check::{Checker, bare_name};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::ir::{Expr, Kind};
use crate::source::Span;
use crate::syntax::ast::{self, CompareOp, ExprKind, ItemKind};
use crate::syntax::compare_sign;
use crate::types::Type;
use std::sync::Arc;

/// How many names may lead on to others.
const FUEL: u32 = 100;

impl<'a> Checker<'a> {
    /// `rank_test == bold`, `bold != rank_test`; none if neither side is an experiment.
    pub(super) fn arm_test(
        &mut self,
        op: CompareOp,
        [left, right]: [&'a ast::Expr; 2],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) || is_null(left) || is_null(right) {
            return None;
        }
        let left_one = self.experiment_in(left, env, scope);
        let (experiment, named, side) = match left_one {
            Some(experiment) => (experiment, left, right),
            None => (self.experiment_in(right, env, scope)?, right, left),
        };
        let span = left.span.to(right.span);
        let value = self.scalar(named, env, scope, None);
        let arm = self.arm_in(&experiment, side, env, scope);
        if op == CompareOp::Ne {
            self.gives_those_outside(&experiment, span);
        }
        Some(match arm {
            Some(arm) => self.apply(compare_sign(op), vec![value, arm], span),
            None => Expr::error(),
        })
    }

    /// `rank_test in [bold, mild]`; none if the value is no experiment.
    pub(super) fn arm_membership(
        &mut self,
        value: &'a ast::Expr,
        list: &'a ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        let experiment = self.experiment_in(value, env, scope)?;
        let ExprKind::List(items) = &list.kind else {
            return Some(self.no_arm(
                &experiment,
                list.span,
                "is tested against a list of its arms",
            ));
        };
        let arms = items.iter().map(|item| self.arm_in(&experiment, item, env, scope));
        let arms: Vec<Option<Expr>> = arms.collect();
        let Some(arms) = arms.into_iter().collect::<Option<Vec<Expr>>>() else {
            return Some(Expr::error());
        };
        let found = self.scalar(value, env, scope, None);
        let list = Expr::new(Kind::List(arms), Type::List(Box::new(Type::String)));
        Some(self.apply("in", vec![found, list], value.span))
    }

    /// The experiment whose arm a name stands for, through bindings and parameters of definitions.
    pub(in crate::check) fn experiment_in(
        &self,
        expr: &ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Arc<Experiment>> {
        match self.experiments.is_empty() {
            true => None,
            false => self.experiment_named(expr, env, scope, FUEL),
        }
    }

    fn experiment_named(
        &self,
        expr: &ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
        fuel: u32,
    ) -> Option<Arc<Experiment>> {
        let (name, fuel) = (bare_name(expr)?, fuel.checked_sub(1)?);
        match env.find(name) {
            Some(Local::Scalar(value)) => return self.inputs.experiment_of(value),
            Some(Local::Thunk { expr, env, .. }) => {
                return self.experiment_named(expr, env, scope, fuel);
            }
            Some(_) => return None,
            None if self.is_in_scope(name, scope) => return None,
            None => {}
        }
        let (module, item) = self.modules.find(env.module, NameKind::Rest, name).next()?;
        match &item.kind {
            ItemKind::Experiment { name, .. } => {
                self.experiments.iter().find(|e| e.name == name.text).cloned()
            }
            ItemKind::Binding { value, .. } => {
                self.experiment_named(value, &Env::top(module), &Scope::request(), fuel)
            }
            _ => None,
        }
    }

    /// The arm that stands on the other side of a comparison, looked up among the arms alone.
    pub(in crate::check) fn arm_in(
        &mut self,
        experiment: &Experiment,
        side: &'a ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        let (ExprKind::Name(name) | ExprKind::Str(name)) = &side.kind else {
            if side.kind != ExprKind::Error {
                self.no_arm(experiment, side.span, "is compared with its arms alone");
            }
            return None;
        };
        if experiment.find(name).is_some() {
            return Some(Expr::constant(self.string(name), Type::String));
        }
        if self.experiment_in(side, env, scope).is_some() {
            self.no_arm(experiment, side.span, "is not compared with another experiment");
            return None;
        }
        let names = experiment.arms.iter().map(|arm| arm.name.as_str());
        let help = match suggest::nearest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", experiment.listed()),
        };
        let message = format!("`{}` has no arm `{name}`", experiment.name);
        self.refuse(
            Diagnostic::new(code::E0803, side.span, message)
                .label(experiment.span, "the experiment")
                .help(help),
        )
    }

    fn no_arm(&mut self, experiment: &Experiment, span: Span, what: &str) -> Expr {
        let message = format!("`{}` {what}", experiment.name);
        let help = format!("write one of its arms there: {}", experiment.listed());
        self.refuse_value(Diagnostic::new(code::E0803, span, message).help(help))
    }

    /// `rank_test != control`: null for those who are in no arm.
    fn gives_those_outside(&mut self, experiment: &Experiment, span: Span) {
        if span.source != self.modules.all[0].source {
            return;
        }
        let message = format!("`!=` is null for users outside `{}`", experiment.name);
        let help = "in a condition they take the `else` side: write the treatment first, with `==`";
        self.report(Diagnostic::new(code::W0206, span, message).help(help));
    }

    /// A condition on arms between two things that came to the same: written so, not made so by an argument
    /// of a definition.
    pub(in crate::check) fn decides_nothing(&mut self, condition: &Expr, sides: [&ast::Expr; 2]) {
        let reads = condition.params().iter().any(|(slot, _)| self.inputs.is_arm(*slot));
        let [then, otherwise] = sides.map(crate::syntax::print_expression);
        let span = sides[0].span.to(sides[1].span);
        let written = self.here.uses.is_empty() || then == otherwise;
        if !reads || !written || span.source != self.modules.all[0].source {
            return;
        }
        let message = "both sides of this `if` are the same: the arm makes no difference";
        let help = "write the treatment on the side of its arm, or leave the condition out";
        self.report(Diagnostic::new(code::W0204, span, message).help(help));
    }
}

fn is_null(side: &ast::Expr) -> bool {
    matches!(side.kind, ExprKind::Null)
}
