//! Arguments: by position and name, quantities, and names of a closed kind.

use super::env::{Closure, Env};
use super::rows::At;
use super::shape::Called;
use super::value::Value;
use super::{Interp, Request};
use igql::syntax::ast::{Arg, Expr, ExprKind, Param};

/// The arguments of an operator by the names of its parameters.
pub struct Args<'a> {
    given: Vec<(&'static str, &'a Expr)>,
}

impl<'a> Args<'a> {
    pub fn new(args: &'a [Arg], names: &[&'static str]) -> Args<'a> {
        Args::of(args.iter().collect(), names)
    }

    pub fn of(args: Vec<&'a Arg>, names: &[&'static str]) -> Args<'a> {
        let place = |(i, arg): (usize, &'a Arg)| {
            let name = match &arg.name {
                Some(name) => names.iter().find(|n| **n == name.text),
                None => names.get(i),
            };
            (*name.unwrap_or_else(|| panic!("no such argument: {:?}", arg.name)), &arg.value)
        };
        Args { given: args.into_iter().enumerate().map(place).collect() }
    }

    pub fn get(&self, name: &str) -> Option<&'a Expr> {
        self.given.iter().find(|(n, _)| *n == name).map(|(_, expr)| *expr)
    }

    pub fn need(&self, name: &str) -> &'a Expr {
        self.get(name).unwrap_or_else(|| panic!("argument `{name}` is missing"))
    }
}

/// A number of rows or links.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    All,
    /// The number that a default names, if it does.
    Auto(Option<i64>),
    Number(i64),
}

impl Quantity {
    /// Left to the planner, whatever number it becomes.
    pub fn is_auto(self) -> bool {
        matches!(self, Quantity::Auto(_))
    }

    /// How many; none is all. `constant` is the operator's own number.
    pub fn resolve(self, constant: i64) -> Option<usize> {
        match self {
            Quantity::All => None,
            Quantity::Auto(n) => Some(n.unwrap_or(constant).max(0) as usize),
            Quantity::Number(n) => Some(n.max(0) as usize),
        }
    }
}

/// The parameters of a query that come with the request, as if they were written in a call. They
/// live as long as the tests do.
pub fn given(params: &[Param], request: &Request) -> &'static [Arg] {
    let named = |name: &str| request.params.iter().rev().find(|(n, _)| n == name);
    let args = params.iter().filter_map(|param| {
        let (_, value) = named(&param.name.text)?;
        Some(Arg { name: Some(param.name.clone()), value: written(value), span: param.span })
    });
    Box::leak(args.collect())
}

fn written(value: &igql::types::Value) -> Expr {
    use igql::types::{Key, Value};
    let kind = match value {
        Value::Null => ExprKind::Null,
        Value::Int(x) | Value::Id(Key::Int(x)) => ExprKind::Int(*x),
        Value::Float(x) => ExprKind::Float(*x),
        Value::Bool(x) => ExprKind::Bool(*x),
        Value::Str(x) | Value::Id(Key::Str(x)) => ExprKind::Str(x.clone()),
        Value::Time(x) => ExprKind::Time(*x),
        Value::Duration(x) => ExprKind::Duration(*x),
        Value::List(items) => ExprKind::List(items.iter().map(written).collect()),
        Value::Vector(_) => panic!("vectors are not written out"),
    };
    Expr { kind, span: Default::default() }
}

impl<'a> Interp<'a> {
    /// A quantity argument; without one it is `auto`.
    pub fn quantity(&self, expr: Option<&'a Expr>, env: &Env<'a>) -> Quantity {
        let Some(expr) = expr else {
            return Quantity::Auto(None);
        };
        match &expr.kind {
            ExprKind::Name(name) => match (env.get(name), name.as_str()) {
                (Some(bound), _) => self.quantity(Some(bound.expr), &bound.env),
                (None, "all") => Quantity::All,
                (None, "auto") => Quantity::Auto(None),
                _ => self.number_of(expr, env),
            },
            ExprKind::Call { callee, args } if callee.text == "auto" => {
                match self.number_of(&args[0].value, env) {
                    Quantity::Number(n) => Quantity::Auto(Some(n)),
                    other => other,
                }
            }
            _ => self.number_of(expr, env),
        }
    }

    fn number_of(&self, expr: &'a Expr, env: &Env<'a>) -> Quantity {
        match self.value(expr, env, &At::Request) {
            Value::Int(n) => Quantity::Number(n),
            // A number that a request does not have, like one below zero, is none.
            Value::Null => Quantity::Number(0),
            other => panic!("a quantity of {other:?}"),
        }
    }

    /// The case of an enumeration with its arguments: `round_robin`, `penalty(factor=0.7)`.
    pub fn case(
        &self,
        expr: Option<&'a Expr>,
        env: &Env<'a>,
        default: &'static str,
    ) -> (&'a str, &'a [Arg], Env<'a>) {
        let Some(expr) = expr else {
            return (default, &[], env.clone());
        };
        match &expr.kind {
            ExprKind::Name(name) => match env.get(name) {
                Some(bound) => self.case(Some(bound.expr), &bound.env, default),
                None => (name, &[], env.clone()),
            },
            ExprKind::Call { callee, args } => (&callee.text, args, env.clone()),
            other => panic!("not a case: {other:?}"),
        }
    }

    /// A bare name of a closed kind, through the parameters that stand for it.
    pub fn bare_name(
        &self,
        expr: Option<&'a Expr>,
        env: &Env<'a>,
        default: &'static str,
    ) -> &'a str {
        match expr.map(|e| &e.kind) {
            Some(ExprKind::Version { name, .. }) => &name.text,
            _ => self.case(expr, env, default).0,
        }
    }

    /// A value that belongs to the request.
    pub fn constant(&self, expr: Option<&'a Expr>, env: &Env<'a>) -> Value {
        expr.map_or(Value::Null, |e| self.value(e, env, &At::Request))
    }

    /// Binds the parameters of a def or query that gives a set.
    pub fn bind_call(&self, params: &'a [Param], call: &Called<'a>, env: &Env<'a>) -> Env<'a> {
        let bound = self.bind_params(params, call.receiver, call.args, env, None);
        let given = call.receiver.is_some() || !call.args.is_empty();
        match params {
            // without parameters, all calls are one
            [] => bound,
            _ => bound.at_call(call.span, given.then_some(env)),
        }
    }

    /// Binds the parameters of a def, query, value or policy to their arguments or defaults.
    /// `at` is the row at which the arguments are to be read.
    pub fn bind_params(
        &self,
        params: &'a [Param],
        receiver: Option<&'a Expr>,
        args: &'a [Arg],
        env: &Env<'a>,
        at: Option<&At>,
    ) -> Env<'a> {
        let positional = || args.iter().filter(|a| a.name.is_none()).map(|a| &a.value);
        let in_order: Vec<&'a Expr> = receiver.into_iter().chain(positional()).collect();
        let mut bound = Env::default();
        for (i, param) in params.iter().enumerate() {
            let named =
                args.iter().find(|a| a.name.as_ref().is_some_and(|n| n.text == param.name.text));
            let given = named.map(|a| &a.value).or_else(|| in_order.get(i).copied());
            let closure = match (given, &param.default) {
                (Some(expr), _) => Closure { expr, env: env.clone(), at: at.cloned() },
                (None, Some(expr)) => Closure { expr, env: Env::default(), at: None },
                (None, None) => panic!("argument `{}` is missing", param.name.text),
            };
            bound = bound.bind(&param.name.text, closure);
        }
        bound
    }
}
