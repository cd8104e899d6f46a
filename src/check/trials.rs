//! Tests: what a `test` item asks, as a program whose sets are those that its assertions read.
//!
//! A test looks at what a request would get. So its bindings, and the queries it calls, are
//! sources: their `auto` quantities stay the numbers that a request has, even where an aggregate
//! reads them. Sets that an assertion writes itself are facts, as everywhere.

use super::Checker;
use super::autos::Numbers;
use super::checked::{Checked, Parameter};
use super::env::{Env, Local, Scope};
use super::modules::{Kind, Modules};
use crate::diag::{Diagnostic, Sink, code, suggest};
use crate::expr::ir::{Expr, Kind as ExprKind, Level, Stat};
use crate::ops::Role;
use crate::source::Span;
use crate::store::Snapshot;
use crate::syntax::ast::{self, Arg, BinaryOp, ItemKind, Name, Statement, UnaryOp};
use crate::types::{Key, Type};

/// The settings of a test that need no name, in their order.
const PLACES: [&str; 3] = ["user", "at", "seed"];

/// The settings of every test.
const SETTINGS: [&str; 4] = ["user", "at", "seed", "arms"];

/// A test that can run.
#[derive(Debug)]
pub struct Trial {
    pub name: String,
    /// Of its name.
    pub span: Span,
    pub who: Who,
    /// Its results are the sets that the assertions read; given parameters are its defaults.
    pub checked: Checked,
    pub assertions: Vec<Assertion>,
}

/// Who asks, when (microseconds since 1970, UTC), with which seed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Who {
    pub user: Option<Key>,
    pub at: Option<i64>,
    pub seed: i64,
    /// Arms by the names of their experiments.
    pub arms: Vec<(String, String)>,
}

/// One condition that must be true. `assert a and b` is two.
#[derive(Clone, Debug)]
pub struct Assertion {
    pub span: Span,
    pub condition: Expr,
    /// What to show where it is not true.
    pub sides: Vec<Side>,
}

/// A part of a condition, what its value is if not that of the text there, and the value.
type Side = (Span, Option<&'static str>, Expr);

/// The test that is item number `item` of a program that passed its check; none if the item is no
/// test. `numbers` are what the planner says.
pub fn trial(
    snapshot: &Snapshot,
    modules: &Modules,
    item: usize,
    budget: u64,
    numbers: &Numbers,
) -> Option<Trial> {
    let ItemKind::Test { name, settings, body } = &modules.all[0].file.items[item].kind else {
        return None;
    };
    let mut checker = Checker::new(snapshot, modules, Sink::default(), budget, numbers);
    checker.declare_experiments();
    let (who, assertions) = checker.test(settings, body, 0);
    let mut sets: Vec<_> = assertions.iter().flat_map(Assertion::sets).collect();
    sets.sort_unstable();
    sets.dedup();
    Some(Trial {
        name: name.text.clone(),
        span: name.span,
        who,
        assertions,
        checked: Checked {
            query: name.text.clone(),
            results: sets.into_iter().map(|set| (None, set)).collect(),
            propensities: Vec::new(),
            tells_propensities: false,
            params: checker.inputs.params,
            ranges: checker.inputs.ranges,
            amounts: checker.inputs.amounts,
            graph: checker.graph,
            unread_params: Vec::new(),
            autos: checker.autos.found,
            tunables: Vec::new(),
            experiments: checker.experiments,
            versions: checker.versions,
            trained: Vec::new(),
            uses: checker.written.sites,
            names: checker.written.names,
        },
    })
}

impl Assertion {
    fn sets(&self) -> Vec<crate::expr::NodeId> {
        let sides = self.sides.iter().map(|(_, _, side)| side);
        std::iter::once(&self.condition).chain(sides).flat_map(Expr::sets).collect()
    }

    /// Whether it reads the viewer.
    pub fn reads_viewer(&self) -> bool {
        self.condition.reads_viewer()
    }
}

impl<'a> Checker<'a> {
    /// A test: its request, and its assertions with what they read.
    pub(super) fn test(
        &mut self,
        settings: &'a [Arg],
        body: &'a ast::Block,
        m: usize,
    ) -> (Who, Vec<Assertion>) {
        let who = self.settings(settings, m);
        self.here.testing = true;
        let mut env = Env::top(m);
        let mut assertions = Vec::new();
        for statement in &body.statements {
            match statement {
                Statement::Binding { name, value, .. } => {
                    let local = self.tested(value, &env);
                    env = env.with(&name.text, local);
                }
                Statement::Assert { condition, .. } => {
                    self.assertion(condition, &env, &mut assertions);
                }
                Statement::Error(_) => {}
            }
        }
        self.here.testing = false;
        (who, assertions)
    }

    /// What a binding of a test stands for: a set is what a request would get.
    fn tested(&mut self, value: &'a ast::Expr, env: &Env<'a>) -> Local<'a> {
        if self.is_set(value, env) {
            return match self.set(value, env, Role::Source) {
                Some(node) => Local::Node(node),
                None => Local::Error,
            };
        }
        match self.scalar(value, env, &Scope::request(), None) {
            wrong if wrong.is_error() => Local::Error,
            scalar => Local::Scalar(scalar),
        }
    }

    fn assertion(&mut self, condition: &'a ast::Expr, env: &Env<'a>, found: &mut Vec<Assertion>) {
        if let ast::ExprKind::Binary { op: BinaryOp::And, left, right } = &condition.kind {
            self.assertion(left, env, found);
            self.assertion(right, env, found);
            return;
        }
        let scope = Scope::request();
        let typed = self.typed(condition, env, &scope, &Type::Bool);
        if typed.is_error() {
            return;
        }
        let mut sides = Vec::new();
        self.sides(condition, env, &mut sides);
        if let ExprKind::OverSet { set, value: None, .. } = &typed.kind {
            let count = ExprKind::OverSet { stat: Stat::Count, set: *set, value: None };
            sides.push((condition.span, Some("rows of the set"), Expr::new(count, Type::Int)));
        }
        found.push(Assertion { span: condition.span, condition: typed, sides });
    }

    /// The parts of a condition whose values tell why it is not true.
    fn sides(&mut self, condition: &'a ast::Expr, env: &Env<'a>, found: &mut Vec<Side>) {
        let mut parts: Vec<&'a ast::Expr> = match &condition.kind {
            ast::ExprKind::Compare { first, rest } => {
                std::iter::once(&**first).chain(rest.iter().map(|(_, side)| side)).collect()
            }
            ast::ExprKind::In { value, .. } | ast::ExprKind::IsNull { value, .. } => vec![value],
            ast::ExprKind::Unary { op: UnaryOp::Not, operand } => {
                return self.sides(operand, env, found);
            }
            _ => Vec::new(),
        };
        let request = Scope::request();
        let is_experiment = |part: &&ast::Expr| self.experiment_in(part, env, &request).is_some();
        if parts.iter().any(is_experiment) {
            // the arms beside it are no values
            parts.retain(is_experiment);
        }
        for part in parts {
            let value = self.scalar(part, env, &Scope::request(), None);
            if !value.is_error() && value.as_const().is_none() {
                found.push((part.span, None, value));
            }
        }
    }

    /// The settings of a test. Positional ones are the user, the time and the seed; a name that is
    /// none of these is a parameter of the program, which gets the value as its default.
    fn settings(&mut self, settings: &'a [Arg], m: usize) -> Who {
        let mut who = Who::default();
        let mut given: Vec<&str> = Vec::new();
        for (i, arg) in settings.iter().enumerate() {
            let name = match &arg.name {
                Some(name) => &*name.text,
                None if i < PLACES.len() => PLACES[i],
                None => {
                    let message = "a test has three settings without a name: user, at, seed";
                    let help = "name the parameters of the program: `(user=1, country=\"DE\")`";
                    self.report(Diagnostic::new(code::E0307, arg.span, message).help(help));
                    continue;
                }
            };
            let span = arg.name.as_ref().map_or(arg.span, |n| n.span);
            if given.contains(&name) {
                let message = format!("`{name}` is given twice");
                self.report(Diagnostic::new(code::E0305, span, message));
                continue;
            }
            given.push(name);
            match &arg.name {
                Some(name) if !SETTINGS.contains(&&*name.text) => {
                    self.test_param(name, &arg.value, m);
                }
                _ if self.is_taken(name, span, m) => {}
                _ => self.setting(name, &arg.value, &mut who),
            }
        }
        who
    }

    fn setting(&mut self, name: &str, value: &'a ast::Expr, who: &mut Who) {
        match (name, &value.kind) {
            ("user", _) => who.user = self.test_user(value),
            ("arms", ast::ExprKind::Record(arms)) => {
                for (name, arm) in arms {
                    let arm = self.test_arm(name, arm, &who.arms);
                    who.arms.extend(arm);
                }
            }
            ("at", ast::ExprKind::Time(at)) => who.at = Some(*at),
            ("seed", ast::ExprKind::Int(seed)) => who.seed = *seed,
            ("arms", _) => self.not_a_setting(value, "a record, as {rank_test: bold}"),
            ("at", _) => self.not_a_setting(value, "a time, as @2024-05-01"),
            _ => self.not_a_setting(value, "a number, as 7"),
        }
    }

    /// Whether the program has a parameter with the name of a setting: a test cannot set it.
    fn is_taken(&mut self, name: &str, span: Span, m: usize) -> bool {
        let modules = self.modules;
        let mut named = modules.find(m, Kind::Rest, name).map(|(_, item)| item);
        let Some(param) = named.find(|item| matches!(item.kind, ItemKind::Param { .. })) else {
            return false;
        };
        let message = format!("`{name}` is a setting of tests, and a parameter of the program");
        let diagnostic = Diagnostic::new(code::E0212, span, message);
        let labelled = diagnostic.label(super::duplicates::name_span(param), "the parameter");
        self.report(labelled.help("rename the parameter"));
        true
    }

    /// `rank_test: bold`: an arm that the request of a test is put in, beside those before it.
    fn test_arm(
        &mut self,
        name: &'a Name,
        arm: &'a ast::Expr,
        before: &[(String, String)],
    ) -> Option<(String, String)> {
        let named = self.experiments.iter().find(|e| e.name == name.text).cloned();
        let Some(experiment) = named else {
            let names = self.experiments.iter().map(|e| e.name.as_str());
            let help = suggest::nearest(&name.text, names)
                .map(|near| format!("did you mean `{near}`?"))
                .unwrap_or_else(|| "the names in `arms` are experiments of the program".to_owned());
            let message = format!("the program has no experiment `{}`", name.text);
            return self.refuse(Diagnostic::new(code::E0304, name.span, message).help(help));
        };
        if before.iter().any(|(known, _)| *known == experiment.name) {
            let message = format!("`{}` is given twice", experiment.name);
            return self.refuse(Diagnostic::new(code::E0305, name.span, message));
        }
        let arm = self.arm_in(&experiment, arm, &Env::top(0), &Scope::request())?;
        Some((experiment.name.clone(), self.text_of(&arm)?))
    }

    fn not_a_setting(&mut self, value: &ast::Expr, want: &str) {
        if value.kind != ast::ExprKind::Error {
            let message = format!("this test setting must be {want}");
            self.report(Diagnostic::new(code::E0302, value.span, message));
        }
    }

    fn test_user(&mut self, value: &'a ast::Expr) -> Option<Key> {
        use crate::catalog::schema::KeyType;
        match (&value.kind, self.schema.entity(self.schema.viewer).key_type) {
            (ast::ExprKind::Int(key), KeyType::Int) => return Some(Key::Int(*key)),
            (ast::ExprKind::Str(key), KeyType::String) => return Some(Key::Str(key.clone())),
            (_, KeyType::Int) => self.not_a_setting(value, "a user id such as 42"),
            (_, KeyType::String) => self.not_a_setting(value, "the key of a user, as \"ada\""),
        }
        None
    }

    fn unknown_setting(&mut self, name: &Name, m: usize) {
        let modules = self.modules;
        let params = modules.order(m).flat_map(|number| {
            let items = modules.all[number].file.items.iter();
            items.filter_map(|item| match &item.kind {
                ItemKind::Param { name, .. } => Some(name.text.as_str()),
                _ => None,
            })
        });
        let known = SETTINGS.into_iter().chain(params);
        let help = match suggest::nearest(&name.text, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("a test can set {}", known.collect::<Vec<_>>().join(", ")),
        };
        let message = format!("the program has no parameter `{}`", name.text);
        self.report(Diagnostic::new(code::E0304, name.span, message).help(help));
    }

    fn test_param(&mut self, name: &'a Name, value: &'a ast::Expr, m: usize) {
        let modules = self.modules;
        let declared = modules.order(m).find_map(|number| {
            let mut items = modules.all[number].find(Kind::Rest, &name.text);
            items.find_map(|item| match &item.kind {
                ItemKind::Param { ty, range, .. } => Some((ty, range.as_ref(), number)),
                _ => None,
            })
        });
        let Some((ty, range, number)) = declared else {
            return self.unknown_setting(name, m);
        };
        let Some(ty) = self.scalar_type(ty, number) else {
            return;
        };
        let given = self.typed(value, &Env::top(m), &Scope::request(), &ty);
        if given.is_error() {
            return;
        }
        if given.level > Level::Constant {
            let message = "the setting of a test is a constant";
            return self.report(Diagnostic::new(code::E0314, value.span, message));
        }
        if let Some(range) = range {
            let places = (value.span, range.span);
            self.check_range(&name.text, range, number, &given, places);
        }
        let (name, default) = (name.text.clone(), Some(given));
        self.inputs.params.push(Parameter { name, ty, default, experiment: None });
    }
}
