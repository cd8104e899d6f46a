//! `slate`: an order that keeps to rules about what may stand together.
//!
//! Each position takes the earliest row that breaks no `max` and leaves each `min` reachable. Where
//! there is none, rules are set aside one after the other until there is; the next position starts
//! with all of them again. A `min` that cannot be reached any more, whatever is placed, is set aside
//! for good.

use super::bind::{Bind, Bound, RelaxArg, RuleArg};
use super::kit::group::Groups;
use super::kit::reorder::reordered;
use super::{
    Effect, Exec, Explaining, Instance, Op, Operator, Param, Planning, Rest, Rewriting, RunError,
    Used, mapped,
};
use crate::batch::{Pace, RowBatch, Stop};
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::ir::Scalar;
use crate::expr::{Expr, Frame};
use crate::types::Type;
use std::collections::VecDeque;
use std::sync::Arc;

pub const SLATE: Operator = Operator {
    name: "slate",
    source: false,
    params: &[
        Param { name: "max", ty: "[key: count in window, ...]", named: false },
        Param { name: "min", ty: "[key: count in window, ...]", named: false },
        Param { name: "relax", ty: "[key, ...]", named: false },
    ],
    keeps_shape: true,
    rest: Rest::None,
    page: include_str!("../../docs/operators/slate.md"),
    bind,
};

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let input = b.input();
    let shape = b.graph().shape(input).clone();
    let (max, min) = (b.rules("max", &shape), b.rules("min", &shape));
    let relax = b.relaxed("relax", &shape);
    let (max, min, relax) = (max?, min?, relax?);
    if max.is_empty() && min.is_empty() {
        let help = "write `slate(max=[author: 2 in 10])`";
        b.report(Diagnostic::new(code::E0303, b.span(), "`slate` needs `max` or `min`").help(help));
        return None;
    }
    let most = max.into_iter().map(|arg| (false, arg));
    let least = min.into_iter().map(|arg| (true, arg));
    let mut written: Vec<(bool, RuleArg)> = most.chain(least).collect();
    written.sort_by_key(|(_, arg)| arg.span.start);
    for (is_min, arg) in &written {
        check_rule(b, *is_min, arg)?;
    }
    let order = order_of_relaxing(b, relax, &written)?;
    let rules = written.into_iter().map(|(is_min, arg)| Rule::new(is_min, arg)).collect();
    Some(Bound { op: Arc::new(Slate { rules, order }), inputs: vec![input], shape })
}

/// The rules in the order in which they give way: those that `relax` names, then the others, the last first.
fn order_of_relaxing(
    b: &mut dyn Bind,
    relax: Vec<RelaxArg>,
    written: &[(bool, RuleArg)],
) -> Option<Vec<usize>> {
    let mut order = Vec::new();
    for wanted in relax {
        let fits = |arg: &RuleArg| match &wanted.name {
            Some(name) => arg.names.contains(name),
            None => wanted.key.as_ref() == Some(&arg.key),
        };
        let found = (0..written.len()).rev().filter(|&i| fits(&written[i].1));
        let found: Vec<usize> = found.collect();
        if found.is_empty() {
            let name = wanted.name.unwrap_or_default();
            let rules = written.iter();
            let names = rules.flat_map(|(_, arg)| arg.names.iter().map(String::as_str));
            let near = suggest::nearest(&name, names).map(|near| format!("did you mean `{near}`?"));
            let help = near.unwrap_or_else(|| "name a key of `max` or `min`".to_owned());
            let message = "no rule of the slate has this key";
            b.report(Diagnostic::new(code::E0203, wanted.span, message).help(help));
            return None;
        }
        order.extend(found);
    }
    order.extend((0..written.len()).rev());
    let mut known = vec![false; written.len()];
    order.retain(|&i: &usize| !std::mem::replace(&mut known[i], true));
    Some(order)
}

/// Numbers that are known have to make sense.
fn check_rule(b: &mut dyn Bind, is_min: bool, arg: &RuleArg) -> Option<()> {
    let number = |e: &Expr| match e.as_const() {
        Some(Scalar::I64(n)) => Some(*n),
        _ => None,
    };
    let (count, window) = (number(&arg.count), arg.window.as_ref().and_then(number));
    let message = match (count, window) {
        (Some(n), _) if n < i64::from(is_min) => format!("a count of {n} is not a valid rule"),
        (_, Some(w)) if w < 1 => format!("a window of {w} is empty"),
        (Some(n), Some(w)) if is_min && n > w => format!("{n} rows do not fit into {w} positions"),
        _ => return Some(()),
    };
    let help = "write `key: count in window`, as in `author: 2 in 10`";
    b.report(Diagnostic::new(code::E0601, arg.span, message).help(help));
    None
}

#[derive(Clone, Debug, Hash)]
struct Rule {
    is_min: bool,
    key: Expr,
    count: Expr,
    window: Option<Expr>,
    /// As the program writes it, with the numbers that are known.
    text: String,
}

impl Rule {
    fn exprs_mut(&mut self) -> impl Iterator<Item = &mut Expr> {
        [&mut self.key, &mut self.count].into_iter().chain(&mut self.window)
    }

    fn new(is_min: bool, arg: RuleArg) -> Rule {
        Rule { is_min, key: arg.key, count: arg.count, window: arg.window, text: arg.text }
    }
}

#[derive(Clone, Debug, Hash)]
struct Slate {
    /// As written.
    rules: Vec<Rule>,
    /// In which the rules give way.
    order: Vec<usize>,
}

impl Op for Slate {
    fn name(&self) -> &'static str {
        "slate"
    }

    fn details(&self, _: &Schema) -> String {
        let of = |is_min| {
            let rules = self.rules.iter().filter(move |rule| rule.is_min == is_min);
            rules.map(|rule| rule.text.as_str()).collect::<Vec<_>>().join(", ")
        };
        let order: Vec<&str> = self.order.iter().map(|&i| self.rules[i].text.as_str()).collect();
        format!("max=[{}], min=[{}], relax: {}", of(false), of(true), order.join("; "))
    }

    fn effect(&self) -> Effect {
        Effect::Reorders
    }

    fn exprs(&self) -> Vec<&Expr> {
        let mut exprs = Vec::new();
        for rule in &self.rules {
            exprs.extend([&rule.key, &rule.count]);
            exprs.extend(&rule.window);
        }
        exprs
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let rows = inputs[0];
        let _held = exec.hold("slate", rows.len() * (16 + self.rules.len() * RULE_BYTES))?;
        let owners = rows.owners();
        let frame = Frame::rows(exec.run, rows, &owners);
        let requests = Frame::requests(exec.run);
        let number = |e: &Expr| requests.eval(e).ints().spread(exec.run.requests());
        let rules = || self.rules.iter();
        let columns = rules().map(|rule| exec.column("slate", &frame, &rule.key));
        let columns: Vec<_> = columns.collect::<Result<_, _>>()?;
        let counts: Vec<_> = rules().map(|rule| number(&rule.count)).collect();
        let windows = rules().map(|rule| rule.window.as_ref().map(number));
        let windows: Vec<_> = windows.collect();
        reordered(exec, rows, |request, range| {
            let limits: Vec<Limit> = (0..self.rules.len())
                .map(|i| {
                    let rule = &self.rules[i];
                    let column = std::slice::from_ref(&columns[i]);
                    let window = windows[i].as_ref().map_or(i64::MAX, |w| w[request]);
                    let groups = match rule.key.ty {
                        Type::Bool => Groups::where_true(&columns[i], range.clone()),
                        _ => Groups::new(exec, "slate", column, range.clone())?,
                    };
                    Ok(Limit::new(rule.is_min, groups, counts[i][request], window))
                })
                .collect::<Result<_, RunError>>()?;
            let found = place(limits, &self.order, range.len(), exec.run.stop);
            for (rule, position) in found.gave_way {
                let rule = &self.rules[rule];
                let (kind, text) = (if rule.is_min { "min" } else { "max" }, &rule.text);
                let message = format!("slate: `{kind}` {text} was relaxed at position {position}");
                exec.warn(request, message);
            }
            Ok(found.order)
        })
    }
}

impl Planning for Slate {}

impl Rewriting for Slate {
    fn unnamed(&self) -> Option<Arc<dyn Instance>> {
        let mut op = self.clone();
        op.rules.iter_mut().for_each(|rule| rule.text.clear());
        Some(Arc::new(op))
    }

    fn uses(&self, _: usize, own: &Used) -> Used {
        let used = own.clone().in_order().of_all_rows();
        used.reading(self.exprs())
    }

    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        mapped(self, |op: &mut Slate| op.rules.iter_mut().flat_map(Rule::exprs_mut).collect(), f)
    }
}

impl Explaining for Slate {}

/// Bytes that each row takes for each rule: its key, its groups and the table of them.
const RULE_BYTES: usize = 8 + 8 + 24 + 56;

/// A rule over the rows of one request, while they are placed.
struct Limit {
    is_min: bool,
    groups: Groups,
    count: usize,
    window: usize,
    /// Rows of each group that stand where the rule looks: in the window that ends at the last
    /// position, or for `min` in the first window.
    standing: Vec<usize>,
    /// Rows of each group that wait.
    waiting: Vec<usize>,
    /// Of `max`: the rows in the window.
    recent: VecDeque<u32>,
    /// A `min` that cannot be reached any more.
    lost: bool,
}

impl Limit {
    /// A count or window that a request does not have, or one below zero, is 0.
    fn new(is_min: bool, groups: Groups, count: i64, window: i64) -> Limit {
        let natural = |n: i64| usize::try_from(n.max(0)).unwrap_or(usize::MAX);
        let mut waiting = vec![0; groups.count()];
        groups.of_all().iter().for_each(|&g| waiting[g as usize] += 1);
        Limit {
            is_min,
            count: natural(count),
            window: natural(window),
            standing: vec![0; groups.count()],
            waiting,
            recent: VecDeque::new(),
            lost: false,
            groups,
        }
    }

    /// Whether `row` may stand at `position` (from 0) of `rows`.
    fn allows(&self, row: usize, position: usize, rows: usize) -> bool {
        let of = self.groups.of(row);
        if !self.is_min {
            return self.window == 0 || of.iter().all(|&g| self.standing[g as usize] < self.count);
        }
        if position >= self.window {
            return true;
        }
        let free = self.window.min(rows) - position - 1;
        (0..self.groups.count()).all(|group| {
            let here = usize::from(of.contains(&(group as u32)));
            self.reachable(group, self.standing[group] + here, self.waiting[group] - here, free)
        })
    }

    fn reachable(&self, group: usize, standing: usize, waiting: usize, free: usize) -> bool {
        debug_assert!(group < self.groups.count());
        standing + waiting.min(free) >= self.count
    }

    /// Whether a `min` can be reached from `position` on by some choice of rows.
    fn is_open(&self, position: usize, rows: usize) -> bool {
        let free = self.window.min(rows).saturating_sub(position);
        position >= self.window
            || (0..self.groups.count())
                .all(|group| self.reachable(group, self.standing[group], self.waiting[group], free))
    }

    fn place(&mut self, row: usize, position: usize) {
        let of = self.groups.of(row);
        of.iter().for_each(|&g| self.waiting[g as usize] -= 1);
        if self.is_min {
            if position < self.window {
                of.iter().for_each(|&g| self.standing[g as usize] += 1);
            }
            return;
        }
        of.iter().for_each(|&g| self.standing[g as usize] += 1);
        self.recent.push_back(row as u32);
        // the window of the next position begins one later
        if self.recent.len() >= self.window.max(1)
            && let Some(left) = self.recent.pop_front()
        {
            let left = self.groups.of(left as usize);
            left.iter().for_each(|&g| self.standing[g as usize] -= 1);
        }
    }
}

/// An order, and the rules that gave way with the first position (from 1) where they did.
struct Placed {
    order: Vec<u32>,
    gave_way: Vec<(usize, usize)>,
}

/// Places all rows. `order` is that in which the limits give way. If the run has to end, the rest stand
/// anywhere.
fn place(mut limits: Vec<Limit>, order: &[usize], rows: usize, stop: Stop) -> Placed {
    let mut placed = Placed { order: Vec::with_capacity(rows), gave_way: Vec::new() };
    let mut waiting: Vec<u32> = (0..rows as u32).collect();
    let note = |placed: &mut Placed, rule: usize, position: usize| {
        if placed.gave_way.iter().all(|&(known, _)| known != rule) {
            placed.gave_way.push((rule, position + 1));
        }
    };
    let pace = Pace::new(stop);
    let mut live: Vec<usize> = Vec::with_capacity(limits.len());
    for position in 0..rows {
        // what waits moves up
        if pace.is_due_before(100 + waiting.len() / 8) {
            placed.order.append(&mut waiting);
            break;
        }
        for (rule, limit) in limits.iter_mut().enumerate() {
            if limit.is_min && !limit.lost && !limit.is_open(position, rows) {
                limit.lost = true;
                note(&mut placed, rule, position);
            }
        }
        live.clear();
        live.extend((0..limits.len()).filter(|&i| !limits[i].lost));
        let mut giving = order.iter();
        let next = loop {
            let fits = |&row: &u32| {
                let allows = |&i: &usize| {
                    let limit = &limits[i];
                    // the first row will do if the run has to end
                    pace.is_due_before(10 + if limit.is_min { 5 * limit.groups.count() } else { 0 })
                        || limit.allows(row as usize, position, rows)
                };
                live.iter().all(allows)
            };
            if let Some(next) = waiting.iter().position(fits) {
                break next;
            }
            let Some(rule) = giving.find(|rule| live.contains(rule)) else {
                break 0;
            };
            live.retain(|i| i != rule);
            note(&mut placed, *rule, position);
        };
        let row = waiting.remove(next);
        limits.iter_mut().for_each(|limit| limit.place(row as usize, position));
        placed.order.push(row);
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::kit::group::testing::groups;

    fn groups_of(of: &[&[u32]]) -> Groups {
        groups(of.iter().map(|groups| groups.to_vec()).collect())
    }

    fn max(of: &[&[u32]], count: i64, window: i64) -> Limit {
        Limit::new(false, groups_of(of), count, window)
    }

    #[test]
    fn every_window_holds_at_most() {
        let of: &[&[u32]] = &[&[0], &[0], &[0], &[1], &[1], &[2]];
        let placed = place(vec![max(of, 1, 2)], &[0], 6, Stop::default());
        assert_eq!(placed.order, [0, 3, 1, 4, 2, 5]);
        assert_eq!(placed.gave_way, []);
    }

    #[test]
    fn what_gives_way_is_told_with_its_first_position() {
        let of: &[&[u32]] = &[&[0], &[0], &[0], &[1]];
        let placed = place(vec![max(of, 1, 3)], &[0], 4, Stop::default());
        assert_eq!(placed.order, [0, 3, 1, 2]);
        assert_eq!(placed.gave_way, [(0, 3)]);
    }

    #[test]
    fn a_min_is_kept_reachable_and_given_up_when_it_is_not() {
        let of: &[&[u32]] = &[&[], &[], &[], &[0], &[0]];
        let min = |count| Limit::new(true, groups_of(of), count, 3);
        let placed = place(vec![min(2)], &[0], 5, Stop::default());
        assert_eq!((placed.order, placed.gave_way), (vec![0, 3, 4, 1, 2], vec![]));
        let placed = place(vec![min(3)], &[0], 5, Stop::default());
        assert_eq!((placed.order, placed.gave_way), (vec![0, 1, 2, 3, 4], vec![(0, 1)]));
    }

    #[test]
    fn rules_give_way_in_order_and_hold_again_afterwards() {
        let kinds: &[&[u32]] = &[&[0], &[0], &[0], &[1]];
        let topics: &[&[u32]] = &[&[0], &[0], &[1], &[0]];
        let limits = || vec![max(kinds, 1, 2), max(topics, 1, 2)];
        // after row 0 neither row 1 (both) nor row 2 (kind) nor row 3 (topic) fits
        assert_eq!(place(limits(), &[1, 0], 4, Stop::default()).order, [0, 3, 2, 1]);
        assert_eq!(place(limits(), &[0, 1], 4, Stop::default()).order, [0, 2, 3, 1]);
    }
}
