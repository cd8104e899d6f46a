//! Numbers that a program leaves open. What they are is the planner's to say; what they mean, and
//! the further rounds of a request that ends with too few rows, is told here.

use super::args::{Args, Quantity};
use super::env::Env;
use super::expr::bind_block;
use super::narrow::{TAKE, taken};
use super::rows::{At, Set};
use super::shape::Called;
use super::{Interp, Role};
use igql::source::Span;
use igql::syntax::ast::{Arg, BinaryOp, Expr, ExprKind, Param};
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

/// A number that is left open.
pub struct Auto(Option<(Place, usize)>);

/// A fan-out that was followed while a set was made.
#[derive(Clone)]
pub struct Fan {
    auto: Option<(Place, usize)>,
    /// A row got all that the number lets through.
    reached: bool,
    contributions: usize,
    /// The fan-outs that its parents come from, next to it.
    before: Vec<usize>,
}

/// A request after one round.
pub struct Judged {
    /// The open numbers that kept candidates from lists that end too short.
    pub short: Numbers,
    fans: Vec<Fan>,
    /// The last fan-outs of the lists.
    last: Vec<usize>,
}

/// Rounds behind the first, at most.
pub const ROUNDS: usize = 4;
/// The part of the largest number of rows that a further round may come to.
const SHARE: usize = 40;
/// By how much a number is raised.
pub const FACTOR: usize = 4;
/// Pages that a list is made for.
const PAGES: usize = 10;
const UNKNOWN_DEPTH: usize = 1_000;

impl Judged {
    /// Whether the contributions of a round with the numbers raised cannot be too many.
    pub fn may(&self, max_rows: usize) -> bool {
        let mut ways = vec![0; self.fans.len()];
        // a fan-out is followed after those that lead to it
        for (i, fan) in self.fans.iter().enumerate() {
            let raised = fan.auto.as_ref().is_some_and(|(place, _)| self.short.contains_key(place));
            let before = fan.before.iter().map(|&b| ways[b]).max().unwrap_or(0);
            ways[i] = before + u32::from(raised);
        }
        let fits = |&i: &usize| {
            let factor = FACTOR.saturating_pow(ways[i]);
            self.fans[i].contributions.saturating_mul(factor) <= max_rows / SHARE
        };
        reachable(&self.fans, &self.last).iter().all(fits)
    }
}

/// The fan-outs that lead to some, and these.
fn reachable(fans: &[Fan], last: &[usize]) -> Vec<usize> {
    let (mut found, mut open) = (Vec::new(), last.to_vec());
    while let Some(i) = open.pop() {
        if !found.contains(&i) {
            found.push(i);
            open.extend(&fans[i].before);
        }
    }
    found
}

/// What the last `take` of a list asks for.
enum Asked {
    /// So many rows of the result.
    Rows(usize),
    /// A list of so many rows, which pages are cut from.
    List(usize),
}

/// The last operator that says how many rows it wants, where it stands, and what it asks for.
type Cut<'a> = (&'a Expr, Env<'a>, Asked);

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

    /// Notes a fan-out with how many links or neighbours each row got; `before` led to its rows.
    pub fn follows(&self, auto: Auto, found: &[usize], before: Vec<usize>) {
        let Auto(auto) = auto;
        let reached = auto.as_ref().is_some_and(|(_, number)| found.iter().any(|n| n >= number));
        let contributions = found.iter().sum();
        let mut fans = self.fans.borrow_mut();
        fans.push(Fan { auto, reached, contributions, before });
        self.leads.borrow_mut().push(fans.len() - 1);
    }

    /// Does something, and gives the fan-outs that its rows come from.
    pub fn led<R>(&self, make: impl FnOnce() -> R) -> (R, Vec<usize>) {
        let before = self.leads.take();
        let made = make();
        (made, self.leads.replace(before))
    }

    /// The rows that are made come from these fan-outs.
    pub fn comes_from(&self, fans: &[usize]) {
        self.leads.borrow_mut().extend(fans);
    }

    /// Evaluates what a row only reads.
    pub fn aside<R>(&self, read: impl FnOnce() -> R) -> R {
        let before = self.aside.replace(true);
        let result = read();
        self.aside.set(before);
        result
    }

    /// The numbers that a list, which has these rows, reached above its last cut, if it is short.
    pub fn too_few(&self, list: &'a Expr, env: &Env<'a>, rows: &Set) -> Numbers {
        let Some((cut, env, asked)) = self.last_cut(list, env) else {
            return Numbers::new();
        };
        let (_, last) = self.led(|| self.set(cut, &env, Role::Source, &[]));
        let short = match asked {
            Asked::Rows(n) => rows.rows.len() < n,
            Asked::List(depth) => {
                let of = Called::of(cut).expect("a call of `take`").split().0;
                self.set(of, &env, Role::Source, &[]).rows.len() < depth
            }
        };
        if !short {
            return Numbers::new();
        }
        let fans = self.fans.borrow();
        let reached = reachable(&fans, &last).into_iter().map(|i| &fans[i]);
        let reached = reached.filter(|fan| fan.reached);
        reached.filter_map(|fan| fan.auto.clone()).collect()
    }

    /// What there is to judge a round by, when its lists are made from the fan-outs `last`.
    pub fn judged(&self, last: Vec<usize>) -> Judged {
        Judged { short: self.short.take(), fans: self.fans.take(), last }
    }

    /// How long the list is made that a `take` with an offset cuts pages from; none for all rows.
    fn depth(&self, args: &Args<'a>, env: &Env<'a>) -> Option<usize> {
        if let Some(depth) = args.get("depth") {
            return Some(taken(self.quantity(Some(depth), env)));
        }
        let (n, offset) = (args.need("n"), args.need("offset"));
        let number = match self.quantity(Some(n), env) {
            Quantity::Number(n) => n.max(0) as usize,
            _ => return None,
        };
        let fixed = self.is_fixed(n, env);
        if fixed && self.is_fixed(offset, env) {
            return Some(number + taken(self.quantity(Some(offset), env)));
        }
        let largest = if fixed { Some(number) } else { self.largest(n, env) };
        Some(largest.map_or(UNKNOWN_DEPTH, |n| n * PAGES))
    }

    /// Whether a number is the program's, and not the request's.
    fn is_fixed(&self, expr: &'a Expr, env: &Env<'a>) -> bool {
        match &expr.kind {
            ExprKind::Int(_) => true,
            ExprKind::Name(name) => match env.get(name) {
                Some(bound) => {
                    self.param_of(bound.expr).is_none() && self.is_fixed(bound.expr, &bound.env)
                }
                None => {
                    let known =
                        |e: Option<&'a Expr>| e.is_some_and(|e| self.is_fixed(e, &Env::default()));
                    known(self.program.tunable(name)) || known(self.top_level(name))
                }
            },
            ExprKind::Unary { operand, .. } => self.is_fixed(operand, env),
            ExprKind::Binary { left, right, .. } => {
                self.is_fixed(left, env) && self.is_fixed(right, env)
            }
            _ => false,
        }
    }

    /// The parameter of the query whose value or default an expression is.
    fn param_of(&self, expr: &'a Expr) -> Option<&'a Param> {
        let found = self.params.iter().find(|(value, _)| std::ptr::eq(*value, expr));
        found.map(|(_, param)| *param)
    }

    /// The largest that a parameter of the request is known to be: its default, the end of its range.
    fn largest(&self, expr: &'a Expr, env: &Env<'a>) -> Option<usize> {
        let ExprKind::Name(name) = &expr.kind else {
            return None;
        };
        let (default, range) = match env.get(name) {
            Some(bound) => match self.param_of(bound.expr) {
                Some(param) => (param.default.as_ref(), param.range.as_ref()),
                None => return self.largest(bound.expr, &bound.env),
            },
            None => match self.program.declared_param(name) {
                Some((default, range)) => (default, range),
                None => return self.largest(self.top_level(name)?, &Env::default()),
            },
        };
        let ends = default.into_iter().chain(range.map(|range| &*range.high));
        let number = |end: &'a Expr| match self.quantity(Some(end), &Env::default()) {
            Quantity::Number(n) => Some(n.max(0) as usize),
            _ => None,
        };
        ends.filter_map(number).max()
    }

    /// The last `take` (or `keep`, or `take` of a combination) on the way to a set.
    fn last_cut(&self, expr: &'a Expr, env: &Env<'a>) -> Option<Cut<'a>> {
        match &expr.kind {
            ExprKind::Name(name) => match (env.get(name), self.top_level(name)) {
                (Some(bound), _) => self.last_cut(bound.expr, &bound.env),
                (None, _) if name == "user" => None,
                (None, top) => self.last_cut(top?, &Env::default()),
            },
            ExprKind::Block(block) => {
                self.last_cut(block.result.as_ref()?, &bind_block(block, env))
            }
            ExprKind::If { then, condition, otherwise } => {
                match self.value(condition, env, &At::Request).is_true() {
                    true => self.last_cut(then, env),
                    false => self.last_cut(otherwise, env),
                }
            }
            ExprKind::Binary { op: BinaryOp::Sub | BinaryOp::Intersect, left, .. } => {
                self.last_cut(left, env)
            }
            _ => self.cut_of_call(expr, &Called::of(expr)?, env),
        }
    }

    fn cut_of_call(&self, expr: &'a Expr, call: &Called<'a>, env: &Env<'a>) -> Option<Cut<'a>> {
        let named = |args: &'a [Arg], name: &str| {
            let found = args.iter().find(|a| a.name.as_ref().is_some_and(|n| n.text == name));
            found.map(|a| &a.value)
        };
        let number = |n: Option<&'a Expr>| match n.map(|n| self.quantity(Some(n), env)) {
            Some(Quantity::Number(n)) => Some(n.max(0) as usize),
            _ => None,
        };
        let (asked, goes_on) = match call.name {
            "combine" => (number(named(call.args, "take")).map(Asked::Rows), false),
            "take" => {
                let args = Args::new(call.split().1, TAKE);
                let list = args.get("offset").and_then(|_| self.depth(&args, env));
                let n = number(args.get("n")).map(Asked::Rows);
                let asked = list.map(Asked::List).or(n);
                (asked.filter(|_| args.get("per").is_none()), true)
            }
            "rank" => {
                let args = call.split().1;
                let third = args.iter().filter(|a| a.name.is_none()).nth(2);
                let keep = named(args, "keep").or(third.map(|a| &a.value));
                (number(keep).map(Asked::Rows), true)
            }
            "let" | "select" | "filter" | "score" | "diversify_by" | "slate" | "insert" => {
                (None, true)
            }
            "walk" | "nn" | "all" | "given" | "fallback" | "sample" | "as_viewer" => (None, false),
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
