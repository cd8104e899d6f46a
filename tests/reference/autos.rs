//! Numbers that a program leaves open. What they are is the planner's to say; what they mean, and
//! the second round of a request that ends with too few rows, is told here.

use super::args::Quantity;
use super::env::Env;
use super::expr::bind_block;
use super::rows::Set;
use super::shape::Called;
use super::{Interp, Role};
use igql::source::Span;
use igql::syntax::ast::{Arg, BinaryOp, Expr, ExprKind};
use std::collections::HashMap;

/// Where an `auto` stands: the name of the fan-out, the calls that lead there, what for.
pub type Place = (Vec<(u32, u32)>, Role);

/// What the planner says, by place; for a place without a number it is the constant.
pub type Numbers = HashMap<Place, usize>;

/// The place of a fan-out at the end of these calls.
pub fn place(fanout: Span, calls: impl Iterator<Item = Span>, role: Role) -> Place {
    let spans = std::iter::once(fanout).chain(calls);
    (spans.map(|span| (span.start, span.end)).collect(), role)
}

/// A number that is left open and may be reached.
pub struct Auto(Option<(Place, usize)>);

impl<'a> Interp<'a> {
    /// How many a fan-out follows from each row; none is all. `constant` is its own number.
    pub fn limit(
        &self,
        call: &Called<'a>,
        limit: Quantity,
        constant: i64,
        env: &Env<'a>,
        role: Role,
    ) -> (Option<usize>, Auto) {
        let all = call.name == "walk" && role == Role::Fact;
        let Quantity::Auto(own) = limit else {
            return (limit.resolve(constant), Auto(None));
        };
        if all {
            return (None, Auto(None));
        }
        let place = place(call.span, env.sites(), role);
        let known = self.numbers.get(&place).copied();
        let number = known.unwrap_or(own.unwrap_or(constant).max(0) as usize);
        let auto = (role == Role::Source).then_some((place, number));
        (Some(number), Auto(auto))
    }

    /// Notes what a row got.
    pub fn got(&self, auto: &Auto, found: usize) {
        if let Auto(Some((place, number))) = auto
            && found >= *number
            && !self.aside.get()
        {
            self.reached.borrow_mut().insert(place.clone(), *number);
        }
    }

    /// Evaluates what a row only reads.
    pub fn aside<R>(&self, read: impl FnOnce() -> R) -> R {
        let before = self.aside.replace(true);
        let result = read();
        self.aside.set(before);
        result
    }

    /// The numbers that a list, which has these rows, reached above its last cut, if it has fewer
    /// rows than that asks for.
    pub fn too_few(&self, list: &'a Expr, env: &Env<'a>, rows: &Set) -> Numbers {
        let Some((cut, env, asked)) = self.last_cut(list, env) else {
            return Numbers::new();
        };
        if rows.rows.len() >= asked {
            return Numbers::new();
        }
        let again = self.fresh();
        again.set(cut, &env, Role::Source, &[]);
        again.reached.take()
    }

    /// The last `take` (or `keep`, or `take` of a combination) on the way to a set.
    fn last_cut(&self, expr: &'a Expr, env: &Env<'a>) -> Option<(&'a Expr, Env<'a>, usize)> {
        match &expr.kind {
            ExprKind::Name(name) => match (env.get(name), self.top_level(name)) {
                (Some(bound), _) => self.last_cut(bound.expr, &bound.env),
                (None, _) if name == "user" => None,
                (None, top) => self.last_cut(top?, &Env::default()),
            },
            ExprKind::Block(block) => {
                self.last_cut(block.result.as_ref()?, &bind_block(block, env))
            }
            ExprKind::Binary {
                op: BinaryOp::Sub | BinaryOp::Intersect,
                left,
                ..
            } => self.last_cut(left, env),
            _ => self.cut_of_call(expr, &Called::of(expr)?, env),
        }
    }

    fn cut_of_call(
        &self,
        expr: &'a Expr,
        call: &Called<'a>,
        env: &Env<'a>,
    ) -> Option<(&'a Expr, Env<'a>, usize)> {
        let named = |args: &'a [Arg], name: &str| {
            let found = args
                .iter()
                .find(|a| a.name.as_ref().is_some_and(|n| n.text == name));
            found.map(|a| &a.value)
        };
        let number = |n: Option<&'a Expr>| match n.map(|n| self.quantity(Some(n), env)) {
            Some(Quantity::Number(n)) => Some(n.max(0) as usize),
            _ => None,
        };
        let (asked, goes_on) = match call.name {
            "combine" => (number(named(call.args, "take")), false),
            "take" => {
                let args = call.split().1;
                let first = args.first().filter(|a| a.name.is_none()).map(|a| &a.value);
                let third = args.iter().filter(|a| a.name.is_none()).nth(2);
                let per = named(args, "per").is_some() || third.is_some();
                let n = named(args, "n").or(first);
                (number(n).filter(|_| !per), true)
            }
            "rank" => {
                let args = call.split().1;
                let third = args.iter().filter(|a| a.name.is_none()).nth(2);
                (
                    number(named(args, "keep").or(third.map(|a| &a.value))),
                    true,
                )
            }
            "let" | "select" | "filter" | "score" | "diversify_by" | "slate" => (None, true),
            "walk" | "nn" | "all" | "given" | "fallback" | "insert" | "sample" | "as_viewer" => {
                (None, false)
            }
            _ => {
                let (params, body) = match self.def_of(call, env) {
                    Some(def) => (def.params, def.body),
                    None => self.program.query(Some(call.name))?,
                };
                return self.last_cut(body, &self.bind_call(params, call, env));
            }
        };
        match asked {
            Some(n) => Some((expr, env.clone(), n)),
            None if goes_on => self.last_cut(call.split().0, env),
            None => None,
        }
    }
}
