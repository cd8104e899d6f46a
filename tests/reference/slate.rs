//! `slate`: each position takes the earliest row that keeps to the rules.

use super::args::Args;
use super::env::Env;
use super::rows::Set;
use super::shape::Called;
use super::value::Value;
use super::{Interp, Role};
use igql::syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use igql::syntax::print_expression;
use igql::types::Type;

/// A rule with its numbers, and the groups of every row.
struct Rule<'a> {
    is_min: bool,
    key: &'a Expr,
    count: i64,
    window: i64,
    groups: Vec<Vec<usize>>,
}

impl<'a> Interp<'a> {
    pub fn slate(&self, call: &Called<'a>, env: &Env<'a>, role: Role) -> Set {
        let (rows, args) = call.split();
        let args = Args::new(args, &["max", "min", "relax"]);
        let set = self.set(rows, env, role, &[]);
        let mut rules: Vec<Rule<'a>> = Vec::new();
        for (is_min, list) in [(false, args.get("max")), (true, args.get("min"))] {
            let items = list.map_or(&[][..], items);
            rules.extend(items.iter().map(|rule| self.rule(&set, rule, is_min, env)));
        }
        rules.sort_by_key(|rule| rule.key.span.start);
        let relax = args.get("relax").map_or(&[][..], items);
        let mut order: Vec<usize> = Vec::new();
        for wanted in relax {
            order.extend((0..rules.len()).rev().filter(|&i| is_meant(wanted, rules[i].key)));
        }
        order.extend((0..rules.len()).rev());

        let mut placed: Vec<usize> = Vec::new();
        let mut waiting: Vec<usize> = (0..set.rows.len()).collect();
        while !waiting.is_empty() {
            let mut live: Vec<&Rule> = rules
                .iter()
                .filter(|rule| !rule.is_min || reachable(rule, &placed, &waiting))
                .collect();
            let mut giving = order.iter();
            let next = loop {
                let keeps =
                    |&row: &usize| live.iter().all(|rule| allows(rule, &placed, &waiting, row));
                if let Some(next) = waiting.iter().position(keeps) {
                    break next;
                }
                let rule = giving.next().expect("without rules every row fits");
                live.retain(|kept| !std::ptr::eq(*kept, &rules[*rule]));
            };
            placed.push(waiting.remove(next));
        }
        set.with_rows(placed.iter().map(|&i| set.rows[i].clone()).collect())
    }

    fn rule(&self, set: &Set, rule: &'a Expr, is_min: bool, env: &Env<'a>) -> Rule<'a> {
        let ExprKind::Rule { key, count, window } = &rule.kind else {
            panic!("not a rule: {rule:?}")
        };
        let number = |e: &'a Expr| match self.constant(Some(e), env) {
            Value::Int(n) => n.max(0),
            _ => 0,
        };
        let values: Vec<Value> = set.places().map(|at| self.value(key, env, &at)).collect();
        let is_condition = self.is_condition(set.entity, key)
            || values.iter().any(|v| matches!(v, Value::Bool(_)));
        let groups = if is_condition {
            let member = |v: &Value| if v.is_true() { vec![0] } else { Vec::new() };
            values.iter().map(member).collect()
        } else {
            self.groups(&values, true)
        };
        Rule {
            is_min,
            key,
            count: number(count),
            window: window.as_ref().map_or(i64::MAX, |w| number(w)),
            groups,
        }
    }
}

impl Interp<'_> {
    /// Whether a key is boolean by what it is, though every value may be null.
    fn is_condition(&self, entity: usize, key: &Expr) -> bool {
        match &key.kind {
            ExprKind::Compare { .. } | ExprKind::In { .. } | ExprKind::IsNull { .. } => true,
            ExprKind::Bool(_) => true,
            ExprKind::Unary { op, .. } => matches!(op, UnaryOp::Not),
            ExprKind::Binary { op, .. } => matches!(op, BinaryOp::And | BinaryOp::Or),
            ExprKind::If { then, .. } => self.is_condition(entity, then),
            ExprKind::Name(name) => {
                let column = self.world.entities[entity].find_column(name);
                column.is_some_and(|column| column.ty == Type::Bool)
            }
            _ => false,
        }
    }
}

fn items(list: &Expr) -> &[Expr] {
    match &list.kind {
        ExprKind::List(items) => items,
        _ => std::slice::from_ref(list),
    }
}

/// A name means the keys that have it in them, anything else one key.
fn is_meant(wanted: &Expr, key: &Expr) -> bool {
    let key = print_expression(key);
    match &wanted.kind {
        ExprKind::Name(name) => {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            key.split(|c| !is_word(c)).any(|word| word == name)
        }
        _ => print_expression(wanted) == key,
    }
}

/// Whether the row may come next.
fn allows(rule: &Rule, placed: &[usize], waiting: &[usize], row: usize) -> bool {
    let list: Vec<usize> = placed.iter().chain([&row]).copied().collect();
    if rule.is_min {
        let left: Vec<usize> = waiting.iter().copied().filter(|&w| w != row).collect();
        return placed.len() as i64 >= rule.window || reachable(rule, &list, &left);
    }
    let window = (list.len() as i64 - rule.window).max(0) as usize;
    rule.groups[row].iter().all(|g| {
        let count =
            list[window.min(list.len())..].iter().filter(|&&r| rule.groups[r].contains(g)).count();
        count as i64 <= rule.count || rule.window == 0
    })
}

/// Whether the rows that wait can still fill the first window.
fn reachable(rule: &Rule, placed: &[usize], waiting: &[usize]) -> bool {
    let window = rule.window.min((placed.len() + waiting.len()) as i64);
    let free = window - placed.len() as i64;
    if free < 0 || (free == 0 && rule.window < placed.len() as i64) {
        return true;
    }
    let most = rule.groups.iter().flatten().max().map_or(0, |g| g + 1);
    (0..most).all(|g| {
        let in_group =
            |rows: &[usize]| rows.iter().filter(|&&r| rule.groups[r].contains(&g)).count() as i64;
        in_group(placed) + in_group(waiting).min(free) >= rule.count
    })
}
