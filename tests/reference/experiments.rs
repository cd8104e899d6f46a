//! Experiments: which arm who asks is in, and which of them the answer is exposed to.
//!
//! Exposure is a matter of the text: what the operators on the way to a result name, through bindings,
//! values and definitions, whether or not there are rows. Only `if` between sets and `fallback` ask the data.

use super::args::Args;
use super::env::{Closure, Env};
use super::expr::bind_block;
use super::program::set_of;
use super::rows::At;
use super::shape::{Called, OPERATORS, SOURCES};
use super::value::Value;
use super::{Interp, Role};
use igql::syntax::ast::{Arg, BinaryOp, Expr, ExprKind, ItemKind, Setting, SettingValue};
use std::collections::{BTreeMap, HashSet};

/// An experiment as it is declared.
#[derive(Clone, Copy)]
pub struct Experiment<'a> {
    pub name: &'a str,
    pub settings: &'a [Setting],
    pub arms: &'a Expr,
}

impl<'a> Experiment<'a> {
    pub fn of(item: &'a ItemKind) -> Option<Experiment<'a>> {
        match item {
            ItemKind::Experiment { name, settings, arms } => {
                Some(Experiment { name: &name.text, settings, arms })
            }
            _ => None,
        }
    }

    fn setting(&self, place: usize, name: &str) -> Option<&'a SettingValue> {
        let named = |s: &&Setting| s.name.as_ref().is_some_and(|n| n.text == name);
        let positional = self.settings.get(place).filter(|s| s.name.is_none());
        self.settings.iter().find(named).or(positional).map(|s| &s.value)
    }

    fn text(&self, place: usize, name: &str) -> String {
        match self.setting(place, name) {
            Some(SettingValue::Expr(Expr { kind: ExprKind::Str(text), .. })) => text.clone(),
            None => String::new(),
            other => panic!("not a text: {other:?}"),
        }
    }

    fn buckets(&self) -> (i64, i64) {
        let int = |e: &Expr| match e.kind {
            ExprKind::Int(x) => x,
            ref other => panic!("not an int: {other:?}"),
        };
        match self.setting(1, "buckets") {
            Some(SettingValue::Range(range)) => (int(&range.low), int(&range.high)),
            None => (0, 9999),
            other => panic!("not a range: {other:?}"),
        }
    }

    fn shares(&self) -> Vec<(&'a str, f64)> {
        let ExprKind::Record(fields) = &self.arms.kind else {
            panic!("arms are a record");
        };
        let share = |e: &Expr| match e.kind {
            ExprKind::Float(x) => x,
            ExprKind::Int(x) => x as f64,
            ref other => panic!("not a share: {other:?}"),
        };
        fields.iter().map(|(name, e)| (name.text.as_str(), share(e))).collect()
    }
}

/// What has been looked at, and what was found there.
#[derive(Default)]
struct Exposed {
    names: HashSet<String>,
    seen: HashSet<(usize, usize, Option<u32>, bool)>,
    /// Looked at for nobody: no side of an `if` is chosen, no `fallback` runs.
    nobody: bool,
}

impl<'a> Interp<'a> {
    /// The arm of who asks, whoever the viewer is.
    pub fn arm(&self, experiment: Experiment<'a>) -> Value {
        let forced = self.request.arms.iter().find(|(name, _)| name == experiment.name);
        if let Some((_, arm)) = forced {
            return Value::Str(arm.clone());
        }
        let Some(key) = &self.request.viewer else {
            return Value::Null;
        };
        let key = match key {
            igql::Key::Int(key) => Value::Int(*key),
            igql::Key::Str(key) => Value::Str(key.clone()),
        };
        let hash =
            |salt: String| self.hash(&[Value::Str(salt), key.clone()]).expect("a key") as u64;
        let bucket = (hash(format!("layer:{}", experiment.text(0, "layer"))) % 10_000) as i64;
        let (first, last) = experiment.buckets();
        if bucket < first || bucket > last {
            return Value::Null;
        }
        let salt = experiment.text(2, "salt");
        let drawn = hash(format!("arm:{}:{salt}", experiment.name));
        let place = ((drawn >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        let shares = experiment.shares();
        let mut end = 0.0;
        for (name, share) in &shares {
            end += share;
            if place < end {
                return Value::Str((*name).to_owned());
            }
        }
        match (end - 1.0).abs() <= 1e-9 {
            true => Value::Str(shares.last().expect("an arm").0.to_owned()),
            false => Value::Null,
        }
    }

    /// The experiment that a name means where it is compared.
    fn compared(&self, expr: &'a Expr, env: &Env<'a>, at: &At) -> Option<Experiment<'a>> {
        let ExprKind::Name(name) = &expr.kind else {
            return None;
        };
        if let Some(bound) = env.get(name) {
            return self.compared(bound.expr, &bound.env, at);
        }
        let column = at.row().is_some_and(|row| {
            row.column(name).is_some() || self.column(row.entity, row.row.id, name).is_some()
        });
        match (column, self.program.experiment(name)) {
            (true, _) => None,
            (_, Some(experiment)) => Some(experiment),
            _ => self.compared(self.program.binding(name)?, &Env::default(), at),
        }
    }

    /// The sides of a comparison: beside an experiment stand its arms.
    pub fn sides(&self, sides: [&'a Expr; 2], env: &Env<'a>, at: &At) -> [Value; 2] {
        let tests = sides.map(|side| self.compared(side, env, at).is_some());
        let arm = |side: &'a Expr| match &side.kind {
            ExprKind::Name(name) => Value::Str(name.clone()),
            _ => self.value(side, env, at),
        };
        match tests {
            [true, _] => [self.value(sides[0], env, at), arm(sides[1])],
            [_, true] => [arm(sides[0]), self.value(sides[1], env, at)],
            _ => sides.map(|side| self.value(side, env, at)),
        }
    }

    /// The list of arms that an experiment is tested against.
    pub fn arms_in(
        &self,
        value: &'a Expr,
        list: &'a Expr,
        env: &Env<'a>,
        at: &At,
    ) -> Option<Value> {
        self.compared(value, env, at)?;
        let ExprKind::List(items) = &list.kind else {
            panic!("arms are listed");
        };
        let arm = |item: &'a Expr| self.sides([value, item], env, at)[1].clone();
        Some(Value::List(items.iter().map(arm).collect()))
    }

    /// The experiments that the answer is exposed to, with the arms.
    pub fn exposed(&self, body: &'a Expr, env: &Env<'a>) -> BTreeMap<String, String> {
        let mut found = Exposed::default();
        self.expose_answer(body, env, &mut found);
        let arms = found.names.into_iter().filter_map(|name| {
            let experiment = self.program.experiment(&name)?;
            match self.arm(experiment) {
                Value::Str(arm) => Some((name, arm)),
                _ => None,
            }
        });
        arms.collect()
    }

    fn expose_answer(&self, expr: &'a Expr, env: &Env<'a>, into: &mut Exposed) {
        match &expr.kind {
            _ if self.is_set(expr, env) => self.expose_set(expr, env, into),
            ExprKind::Record(fields) => {
                fields.iter().for_each(|(_, set)| self.expose_set(set, env, into));
            }
            ExprKind::Block(block) => {
                let result = block.result.as_ref().expect("a result");
                self.expose_answer(result, &bind_block(block, env), into);
            }
            ExprKind::Name(name) => match env.get(name) {
                Some(bound) => self.expose_answer(bound.expr, &bound.env, into),
                None => {
                    let page = self.top_level(name).expect("a page");
                    self.expose_answer(page, &Env::default(), into);
                }
            },
            _ => {
                let call = Called::of(expr).expect("a page");
                let (params, body) = match self.def_of(&call, env) {
                    Some(def) => (def.params, def.body),
                    None => self.program.query(Some(call.name)).expect("a query"),
                };
                self.expose_answer(body, &self.bind_call(params, &call, env), into);
            }
        }
    }

    /// What the operators of a set name.
    fn expose_set(&self, expr: &'a Expr, env: &Env<'a>, into: &mut Exposed) {
        let place = (expr as *const Expr as usize, env.address(), self.viewer, into.nobody);
        if env.address() == 0 && !into.seen.insert(place) {
            return;
        }
        match &expr.kind {
            ExprKind::Name(name) => match (env.get(name), self.top_level(name)) {
                (Some(bound), _) => self.expose_set(bound.expr, &bound.env, into),
                (None, Some(top)) if name != "user" => self.expose_set(top, &Env::default(), into),
                _ => {}
            },
            ExprKind::Block(block) => {
                let result = block.result.as_ref().expect("a result");
                self.expose_set(result, &bind_block(block, env), into);
            }
            ExprKind::If { then, condition, otherwise } => {
                self.expose_value(condition, env, into);
                if !into.nobody {
                    let holds = self.aside(|| self.value(condition, env, &At::Request).is_true());
                    self.expose_set(if holds { then } else { otherwise }, env, into);
                }
            }
            ExprKind::Binary { left, right, .. } => {
                self.expose_set(left, env, into);
                self.expose_set(right, env, into);
            }
            _ => self.expose_call(&Called::of(expr).expect("a set"), env, into),
        }
    }

    fn expose_call(&self, call: &Called<'a>, env: &Env<'a>, into: &mut Exposed) {
        match call.name {
            "fallback" => self.expose_fallback(call, env, into),
            "combine" => call.args.iter().for_each(|arg| self.expose_argument(arg, env, into)),
            "as_viewer" => self.expose_viewers(call, env, into),
            name if SOURCES.contains(&name) => {
                call.args.iter().for_each(|arg| self.expose_value(&arg.value, env, into));
            }
            name if OPERATORS.contains(&name) => {
                let (rows, args) = call.split();
                self.expose_set(rows, env, into);
                args.iter().for_each(|arg| self.expose_argument(arg, env, into));
                if name == "filter" && args.is_empty() {
                    self.expose_policies(rows, env, into);
                }
            }
            _ => {
                let (params, body) = match self.def_of(call, env) {
                    Some(def) => (def.params, def.body),
                    None => self.program.query(Some(call.name)).expect("an operator"),
                };
                self.expose_set(body, &self.bind_call(params, call, env), into);
            }
        }
    }

    /// An argument of an operator: a set, perhaps with a weight, a policy by name, or values.
    fn expose_argument(&self, arg: &'a Arg, env: &Env<'a>, into: &mut Exposed) {
        let value = &arg.value;
        match &value.kind {
            _ if self.is_set(value, env) => self.expose_set(value, env, into),
            ExprKind::Binary { op: BinaryOp::Mul, left, right } if self.is_set(right, env) => {
                self.expose_value(left, env, into);
                self.expose_set(right, env, into);
            }
            _ => self.expose_value(value, env, into),
        }
        let policy = arg.name.as_ref().and_then(|n| self.program.policy(&n.text, &|_| true));
        if let Some(policy) = policy {
            let env = self.bind_params(&policy.params, None, &[], &Env::default(), None);
            self.expose_value(&policy.body, &env, into);
        }
    }

    fn expose_policies(&self, rows: &'a Expr, env: &Env<'a>, into: &mut Exposed) {
        let entity = self.entity_of(rows, env).expect("an entity");
        for policy in self.program.policies(&self.is_entity(entity)) {
            let env = self.bind_params(&policy.params, None, &[], &Env::default(), None);
            self.expose_value(&policy.body, &env, into);
        }
    }

    /// The first set is reached, each other where those before it are too few.
    fn expose_fallback(&self, call: &Called<'a>, env: &Env<'a>, into: &mut Exposed) {
        let named = |arg: &&Arg| arg.name.as_ref().is_some_and(|n| n.text == "at_least");
        let least = call.args.iter().find(named).expect("at_least");
        self.expose_value(&least.value, env, into);
        let least = self.aside(|| self.quantity(Some(&least.value), env)).resolve(0);
        let least = least.unwrap_or(usize::MAX);
        let mut present = HashSet::new();
        let sets = call.receiver.into_iter();
        let sets = sets.chain(call.args.iter().filter(|arg| !named(arg)).map(|arg| &arg.value));
        for (number, set) in sets.enumerate() {
            if number > 0 && (into.nobody || present.len() >= least) {
                break;
            }
            self.expose_set(set, env, into);
            if !into.nobody {
                let rows = self.aside(|| self.set(set, env, Role::Source, &[]));
                present.extend(rows.rows.iter().map(|row| row.id));
            }
        }
    }

    /// What is looked at for every member, and what whoever is a member.
    fn expose_viewers(&self, call: &Called<'a>, env: &Env<'a>, into: &mut Exposed) {
        let (rows, args) = call.split();
        self.expose_set(rows, env, into);
        let expr = Args::new(args, &["expr", "merge"]).need("expr");
        let before = std::mem::replace(&mut into.nobody, true);
        self.expose_set(expr, env, into);
        into.nobody = before;
        if !into.nobody {
            let members = self.aside(|| self.set(rows, env, Role::Source, &[]));
            for row in &members.rows {
                self.as_viewer(row.id).expose_set(expr, env, into);
            }
        }
    }

    /// What a value names, and the sets that it reads.
    fn expose_value(&self, expr: &'a Expr, env: &Env<'a>, into: &mut Exposed) {
        if self.is_set(expr, env) {
            return self.expose_set(expr, env, into);
        }
        match &expr.kind {
            ExprKind::Name(name) => self.expose_name(name, env, into),
            ExprKind::Block(block) => {
                let result = block.result.as_ref().expect("a result");
                self.expose_value(result, &bind_block(block, env), into);
            }
            ExprKind::Call { callee, args } => {
                self.expose_function(&callee.text, None, args, env, into)
            }
            ExprKind::Method { receiver, name, args } => {
                self.expose_function(&name.text, Some(receiver), args, env, into);
            }
            _ => each_part(expr, &mut |part| self.expose_value(part, env, into)),
        }
    }

    fn expose_name(&self, name: &'a str, env: &Env<'a>, into: &mut Exposed) {
        if let Some(Closure { expr, env, .. }) = env.get(name) {
            return self.expose_value(expr, env, into);
        }
        // a column would be meant; in tests it is one of the rows
        let is_column = self.world.entities.iter().any(|e| e.find_column(name).is_some());
        if self.program.experiment(name).is_some() && !is_column {
            into.names.insert(name.to_owned());
        }
        self.expose_named(name, into);
        if let Some(top) = self.program.binding(name) {
            self.expose_value(top, &Env::default(), into);
        }
    }

    /// A value, policy or model of that name, without arguments.
    fn expose_named(&self, name: &str, into: &mut Exposed) {
        if let Some(def) = self.program.value(name, &|_| true) {
            let env = self.bind_params(&def.params, None, &[], &Env::default(), None);
            self.expose_value(&def.body, &env, into);
        }
        if let Some(model) = self.program.model(name, &|_| true) {
            self.expose_value(model, &Env::default(), into);
        }
    }

    fn expose_function(
        &self,
        name: &'a str,
        receiver: Option<&'a Expr>,
        args: &'a [Arg],
        env: &Env<'a>,
        into: &mut Exposed,
    ) {
        let of_row =
            self.program.value(name, &|_| true).or_else(|| self.program.policy(name, &|_| true));
        let of_request = || {
            let defs = self.program.defs(name).concat();
            defs.into_iter().find(|def| def.params.iter().all(|p| set_of(&p.ty).is_none()))
        };
        let called = of_row.map(|def| (&def.params[..], &def.body));
        if let Some((params, body)) = called.or_else(|| of_request().map(|d| (d.params, d.body))) {
            let inner = self.bind_params(params, receiver, args, env, None);
            return self.expose_value(body, &inner, into);
        }
        if let Some(edge) = self.program.edge(name) {
            let conditions = edge.filter.iter().chain(&edge.weight);
            conditions.for_each(|part| self.expose_value(part, &Env::default(), into));
        }
        let parts = receiver.into_iter().chain(args.iter().map(|arg| &arg.value));
        parts.for_each(|part| self.expose_value(part, env, into));
    }
}

/// Calls `f` on the parts of a value.
fn each_part<'a>(expr: &'a Expr, f: &mut dyn FnMut(&'a Expr)) {
    match &expr.kind {
        ExprKind::List(items) => items.iter().for_each(f),
        ExprKind::Record(fields) => fields.iter().for_each(|(_, value)| f(value)),
        ExprKind::Unary { operand: e, .. }
        | ExprKind::IsNull { value: e, .. }
        | ExprKind::Field { receiver: e, .. } => f(e),
        ExprKind::Binary { left, right, .. } | ExprKind::In { value: left, set: right, .. } => {
            f(left);
            f(right);
        }
        ExprKind::Compare { first, rest } => {
            f(first);
            rest.iter().for_each(|(_, side)| f(side));
        }
        ExprKind::If { then, condition, otherwise } => {
            f(then);
            f(condition);
            f(otherwise);
        }
        ExprKind::Links { edge, ends } => {
            f(edge);
            ends.iter().for_each(|end| f(&end.value));
        }
        ExprKind::Rule { key, count, window } => {
            f(key);
            f(count);
            window.iter().for_each(|w| f(w));
        }
        _ => {}
    }
}
