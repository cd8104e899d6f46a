//! Aggregates of sets and of links, and what a call in a row expression means.

use super::env::Env;
use super::links::{Ends, Links};
use super::rows::At;
use super::shape::Called;
use super::value::{self, Value, float, int};
use super::{Interp, Role};
use igql::syntax::ast::{Arg, Expr, ExprKind, Name, UnaryOp};
use std::cmp::Ordering;
use std::rc::Rc;

const AGGREGATES: &[&str] =
    &["count", "sum", "mean", "min", "max", "exists", "any_of", "all_of", "none_of"];

/// `e(x)` or `e(x, y)`: an edge and its ends.
pub struct LinksCall<'a> {
    pub edge: &'a Expr,
    pub ends: &'a [Arg],
}

impl Links {
    pub fn has_name(&self, name: &str) -> bool {
        ["from", "to", "time", "weight"].contains(&name)
            || self.columns.iter().any(|c| c == name)
            || self.aliases.iter().any(|(a, _)| a == name)
    }
}

impl<'a> Interp<'a> {
    /// A call in a row expression: an aggregate, `score_of`, a value, a policy, a def, a function.
    pub fn call(
        &self,
        name: &'a Name,
        receiver: Option<&'a Expr>,
        args: &'a [Arg],
        env: &Env<'a>,
        at: &At,
    ) -> Value {
        let call = Called { name: &name.text, span: name.span, receiver, args };
        if AGGREGATES.contains(&call.name)
            && let Some(result) = self.aggregate(&call, env, at)
        {
            return result;
        }
        if ["score_of", "position_of"].contains(&call.name) {
            return self.place_in(&call, env, at);
        }
        let named = self
            .value_named(call.name, args, env, at)
            .or_else(|| self.policy_named(call.name, args, env, at));
        if let Some(value) = named {
            return value;
        }
        if let Some(def) = self.def_of(&call, env) {
            let inner = self.bind_params(def.params, receiver, args, env, Some(at));
            return self.value(def.body, &inner, at);
        }
        self.function(&call, env, at)
    }

    /// An aggregate, if its first argument is a set or the links of an edge.
    fn aggregate(&self, call: &Called<'a>, env: &Env<'a>, at: &At) -> Option<Value> {
        let first = call.first()?;
        if let Some(links) = self.links_call(first, env) {
            return Some(self.aggregate_links(call, &links, env, at));
        }
        self.is_set(first, env).then(|| self.aggregate_set(call, first, env))
    }

    fn aggregate_set(&self, call: &Called<'a>, set: &'a Expr, env: &Env<'a>) -> Value {
        let (_, rest) = call.split();
        let set = self.set(set, env, Role::Fact, &[]);
        let each = set.places().map(|at| match rest.first() {
            Some(arg) => self.value(&arg.value, env, &at),
            None => Value::Bool(true),
        });
        self.fold(call.name, each.collect())
    }

    /// The edge and ends of `e(x)`, `~e(x)`, `e.reference(x, y)`.
    pub fn links_call(&self, expr: &'a Expr, env: &Env<'a>) -> Option<LinksCall<'a>> {
        let mut inner = expr;
        while let ExprKind::Unary { op: UnaryOp::Reverse, operand } = &inner.kind {
            inner = operand;
        }
        let ends = match &inner.kind {
            ExprKind::Call { callee, args } if self.names_edge(&callee.text, env) => args,
            ExprKind::Method { receiver, args, .. } if self.is_edge_expr(receiver, env) => args,
            ExprKind::Links { ends, .. } => ends,
            _ => return None,
        };
        let of_rows = ends.first().is_none_or(|a| self.is_set(&a.value, env));
        (!of_rows).then_some(LinksCall { edge: expr, ends })
    }

    fn aggregate_links(
        &self,
        call: &Called<'a>,
        of: &LinksCall<'a>,
        env: &Env<'a>,
        at: &At,
    ) -> Value {
        let (_, rest) = call.split();
        let named = |name: &str| {
            rest.iter().find(|a| a.name.as_ref().is_some_and(|n| n.text == name)).map(|a| &a.value)
        };
        let expr = rest.iter().find(|a| a.name.is_none()).map(|a| &a.value);
        let (links, chosen) = self.links_of(of, env, at);
        let mut values = Vec::new();
        for index in chosen {
            let read = |e: &'a Expr| self.link_value(e, env, &links, index, at);
            let recent = self.is_within(links.list[index].time, named("within").map(read));
            if recent && named("where").is_none_or(|e| read(e).is_true()) {
                values.push(expr.map_or(Value::Bool(true), read));
            }
        }
        self.fold(call.name, values)
    }

    /// The links from `x`, or from `x` to `y`, in listed order.
    fn links_of(&self, of: &LinksCall<'a>, env: &Env<'a>, at: &At) -> (Rc<Links>, Vec<usize>) {
        let ends: Vec<Value> = of.ends.iter().map(|a| self.value(&a.value, env, at)).collect();
        let entity = |v: Option<&Value>| match v {
            Some(Value::Id(entity, _)) => Some(*entity),
            _ => None,
        };
        let hint = Ends { from: entity(ends.first()), to: entity(ends.get(1)) };
        let links = self.edge_links(of.edge, env, hint);
        let Some(from) = self.to_row(&ends[0], links.from) else {
            return (links, Vec::new());
        };
        let mut chosen = links.links_from(from).to_vec();
        if let Some(to) = ends.get(1) {
            let to = self.to_row(to, links.to);
            chosen.retain(|&i| Some(links.list[i].to) == to);
        }
        (links, chosen)
    }

    /// Not older than a duration; a link without time is not known to be.
    pub fn is_within(&self, time: Option<i64>, within: Option<Value>) -> bool {
        match within {
            None => true,
            Some(Value::Duration(d)) => time.is_some_and(|t| self.now.saturating_sub(t) <= d),
            Some(_) => false,
        }
    }

    /// Nulls are left out; of nothing, `count` and `sum` are 0 and most others null.
    fn fold(&self, name: &str, values: Vec<Value>) -> Value {
        let truths = || values.iter().filter(|v| v.is_true()).count();
        match name {
            "count" => int(Some(present(&values).len() as i64)),
            "exists" | "any_of" => Value::Bool(truths() > 0),
            "all_of" => Value::Bool(truths() == values.len()),
            "none_of" => Value::Bool(truths() == 0),
            "sum" => sum(&present(&values)),
            "mean" => mean(&present(&values)),
            "min" => extreme(present(&values), Ordering::Less),
            _ => extreme(present(&values), Ordering::Greater),
        }
    }

    /// `score_of(S)` and `position_of(S)`: the row's score and place in another set.
    fn place_in(&self, call: &Called<'a>, env: &Env<'a>, at: &At) -> Value {
        let set = self.aside(|| self.set(call.first().expect("a set"), env, Role::Source, &[]));
        let row = at.row().expect("a row");
        let place = if row.entity == set.entity { set.position(row.row.id) } else { None };
        match (call.name, place) {
            (_, None) => Value::Null,
            ("score_of", Some(i)) => value::maybe_float(set.rows[i].score),
            (_, Some(i)) => Value::Int(i as i64 + 1),
        }
    }
}

fn present(values: &[Value]) -> Vec<&Value> {
    values.iter().filter(|v| !v.is_null()).collect()
}

/// In the order given; integers and durations stay what they are, and null once out of range.
fn sum(values: &[&Value]) -> Value {
    let Some((first, rest)) = values.split_first() else {
        return Value::Int(0);
    };
    let add = |a: Value, b: &&Value| value::arithmetic(igql::syntax::ast::BinaryOp::Add, &a, b);
    rest.iter().fold((*first).clone(), add)
}

fn mean(values: &[&Value]) -> Value {
    let n = values.len() as f64;
    if values.is_empty() {
        return Value::Null;
    }
    let total = |of: fn(&Value) -> f64| values.iter().map(|v| of(v)).sum::<f64>();
    match values[0] {
        Value::Duration(_) => {
            value::rounded(total(micros) / n).map_or(Value::Null, Value::Duration)
        }
        Value::Time(_) => value::rounded(total(micros) / n).map_or(Value::Null, Value::Time),
        _ => float(total(|v| v.number().expect("a number")) / n),
    }
}

fn micros(value: &Value) -> f64 {
    match value {
        Value::Duration(x) | Value::Time(x) => *x as f64,
        other => panic!("not a time: {other:?}"),
    }
}

/// The smallest (`Less`) or largest; the first of equals.
pub fn extreme(values: Vec<&Value>, wanted: Ordering) -> Value {
    let better = |best: &'_ Value, v: &Value| value::order(v, best) == Some(wanted);
    let mut best: Option<&Value> = None;
    for value in values {
        if best.is_none_or(|b| better(b, value)) {
            best = Some(value);
        }
    }
    best.cloned().unwrap_or(Value::Null)
}
