//! Sets made of several: `combine`, `fallback`, `insert`, `as_viewer`; and `sample`.

use super::args::Args;
use super::chances::Chance;
use super::env::Env;
use super::fanout::fold_scores;
use super::narrow::{columns_as, taken};
use super::rows::{At, Row, Set, compare_scores};
use super::shape::Called;
use super::value::Value;
use super::{Interp, Role};
use igql::syntax::ast::{Arg, BinaryOp, Expr, ExprKind};
use std::rc::Rc;

/// A set that goes into a combination.
struct Branch {
    name: String,
    weight: f64,
    set: Rc<Set>,
    /// The fan-outs that its rows come from.
    fans: Vec<usize>,
}

impl<'a> Interp<'a> {
    pub fn combine(&self, call: &Called<'a>, env: &Env<'a>, role: Role) -> Set {
        let (sets, settings) = arguments(call, &["method", "normalize", "take"]);
        let mut branches = self.branches(&sets, env, role);
        branches.iter().for_each(|b| self.comes_from(&b.fans));
        let settings = Args::of(settings, &["method", "normalize", "take"]);
        let take = match settings.get("take") {
            Some(take) => taken(self.quantity(Some(take), env)),
            None => usize::MAX,
        };
        let (method, inner, inner_env) = self.case(settings.get("method"), env, "weighted");
        if method != "weighted" {
            branches.iter_mut().for_each(|b| b.weight = b.weight.max(0.0));
        }
        let normalize = self.case(settings.get("normalize"), env, "minmax").0;
        let placed = match method {
            "weighted" => sums(&branches, |b, row| value_in(b, row, normalize)),
            "rrf" => {
                let k = Args::new(inner, &["k"]);
                let k = self.constant(k.get("k"), &inner_env).number().unwrap_or(60.0);
                sums(&branches, |b, id| {
                    b.set.position(id).map_or(0.0, |at| b.weight / (k + (at + 1) as f64))
                })
            }
            "interleave" => {
                let mut placed = Vec::new();
                turns(&branches, &vec![usize::MAX; branches.len()], take, &mut placed);
                by_turn(placed)
            }
            "quota" => by_turn(quota(&branches, take)),
            other => panic!("no method `{other}`"),
        };
        let mut result = joined(&branches);
        for (id, score, branch) in &placed {
            let set = &branches[*branch].set;
            let row = &set.rows[set.position(*id).expect("a row of the branch")];
            result.rows.push(Row {
                score: *score,
                columns: columns_as(&result.names, set, row),
                ..row.clone()
            });
        }
        let names = placed.iter().map(|(_, _, b)| Value::Str(branches[*b].name.clone()));
        result.set_column("branch", names.collect());
        if matches!(method, "weighted" | "rrf") {
            result = result.by_score_alone();
        }
        result.rows.truncate(take);
        result.any_of(&sets_of(&branches))
    }

    /// The next set while there are fewer rows than asked for.
    pub fn fallback(&self, call: &Called<'a>, env: &Env<'a>, role: Role) -> Set {
        let (sets, settings) = arguments(call, &["at_least"]);
        let branches = self.branches(&sets, env, role);
        let settings = Args::of(settings, &["at_least"]);
        let least = taken(self.quantity(settings.get("at_least"), env));
        let mut result = joined(&branches);
        for (i, branch) in branches.iter().enumerate() {
            if i > 0 && result.rows.len() >= least {
                break;
            }
            self.comes_from(&branch.fans);
            for row in &branch.set.rows {
                if result.position(row.id).is_none() {
                    let columns = columns_as(&result.names, &branch.set, row);
                    result.rows.push(Row { columns, ..row.clone() });
                }
            }
        }
        result.made_of(&sets_of(&branches))
    }

    /// Rows of another set at fixed positions: as many as there are slots that the list reaches.
    pub fn insert(&self, call: &Called<'a>, env: &Env<'a>, role: Role) -> Set {
        let (rows, args) = call.split();
        let args = Args::new(args, &["other", "at", "every", "start"]);
        let set = self.set(rows, env, role, &[]);
        let other = self.set(args.need("other"), env, role, &[]);
        let slots = self.slots(&args, env, other.rows.len());
        let joined = set.with_names_of(&set, &other);
        let others = other.with_names_of(&joined, &other);
        // the most rows of `other` for which the last slot lies in the list or just behind it
        let without = |n: usize| -> Vec<&Row> {
            let moved = &others.rows[..n];
            let stays = |row: &&Row| moved.iter().all(|m| m.id != row.id);
            joined.rows.iter().filter(stays).collect()
        };
        let most = slots.len().min(others.rows.len());
        let fits = |n: &usize| *n == 0 || slots[*n - 1] <= without(*n).len() + *n;
        let n = (0..=most).rev().find(fits).expect("none always fits");
        let mut result: Vec<Row> = without(n).into_iter().cloned().collect();
        for (slot, row) in slots[..n].iter().zip(&others.rows) {
            result.insert(slot - 1, row.clone());
        }
        joined.with_rows(result).any_of(&[&set, &other])
    }

    /// Positions, ascending, each once.
    fn slots(&self, args: &Args<'a>, env: &Env<'a>, most: usize) -> Vec<usize> {
        let number = |name: &str| match self.constant(args.get(name), env) {
            Value::Int(n) if n > 0 => n as usize,
            _ => 0,
        };
        if args.get("every").is_some() {
            let every = number("every");
            let start = if args.get("start").is_some() { number("start") } else { 1 };
            return match (every, start) {
                (0, _) | (_, 0) => Vec::new(),
                _ => (0..most).map(|i| start + i * every).collect(),
            };
        }
        let mut slots: Vec<usize> = match self.constant(args.get("at"), env) {
            Value::List(items) => items
                .iter()
                .filter_map(|v| match v {
                    Value::Int(n) if *n > 0 => Some(*n as usize),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// The rows of largest `log(uniform(salt)) / weight`.
    pub fn sample(&self, call: &Called<'a>, env: &Env<'a>, role: Role) -> Set {
        let (rows, args) = call.split();
        let args = Args::new(args, &["n", "weight", "salt"]);
        let set = self.set(rows, env, role, &[]);
        let n = taken(self.quantity(args.get("n"), env));
        let salt = match self.constant(args.get("salt"), env) {
            Value::Null => Value::Str(String::new()),
            salt => salt,
        };
        let drawn = |(place, at): (usize, At)| {
            let weight = match args.get("weight") {
                Some(weight) => self.value(weight, env, &at).number()?,
                None => 1.0,
            };
            let key = Value::Id(set.entity, set.rows[place].id);
            let u = self.uniform_of(Some(&salt), &[key])?;
            (weight > 0.0).then(|| (u.ln() / weight, place))
        };
        let mut drawn: Vec<(f64, usize)> = set.places().enumerate().filter_map(drawn).collect();
        drawn.sort_by(|a, b| b.0.partial_cmp(&a.0).expect("numbers").then(a.1.cmp(&b.1)));
        let mut places: Vec<usize> = drawn.into_iter().take(n).map(|(_, place)| place).collect();
        places.sort_unstable();
        let drawn = n as f64 / set.rows.len() as f64;
        let row = |&place: &usize| {
            let row = &set.rows[place];
            Row { chance: row.chance.map(|before| before * drawn.min(1.0)), ..row.clone() }
        };
        let sampled = set.with_rows(places.iter().map(row).collect());
        // the same for all rows
        let is_number = |e: &Expr| matches!(e.kind, ExprKind::Float(_) | ExprKind::Int(_));
        let weighted = args.get("weight").is_some_and(|weight| !is_number(weight));
        match weighted || set.chance == Chance::Unknown {
            true => sampled.unknown(),
            false => Set { chance: Chance::Drawn, ..sampled },
        }
    }

    /// A set as each row sees it, merged.
    pub fn viewers(&self, call: &Called<'a>, env: &Env<'a>, role: Role) -> Set {
        let (rows, args) = call.split();
        let args = Args::new(args, &["expr", "merge"]);
        let members = self.set(rows, env, role, &[]);
        let expr = args.need("expr");
        let merge = self.case(args.get("merge"), env, "min").0;
        let seen: Vec<Set> = members
            .rows
            .iter()
            .map(|row| (*self.as_viewer(row.id).set(expr, env, role, &[])).clone())
            .collect();
        let Some(first) = seen.first() else {
            // nobody is asked: what columns there would be is known from anyone's view
            let shape = self.as_viewer(0).set(expr, env, role, &[]);
            return shape.with_rows(Vec::new()).made_of(&[&*members, &*shape]);
        };
        let mut ids: Vec<u32> = seen.iter().flat_map(|s| s.rows.iter().map(|r| r.id)).collect();
        ids.sort_unstable();
        ids.dedup();
        let merged = |id: u32| {
            let said: Vec<&Row> =
                seen.iter().filter_map(|s| s.position(id).map(|at| &s.rows[at])).collect();
            if merge == "min" && said.len() < seen.len() {
                return None;
            }
            let witness = said.iter().copied().reduce(|best, row| {
                if compare_scores(row.score, best.score).is_lt() { row } else { best }
            });
            let scores: Vec<Option<f64>> = said.iter().map(|row| row.score).collect();
            Some(Row {
                score: fold_scores(merge, &scores),
                ..witness.expect("someone has it").clone()
            })
        };
        let all = first.with_rows(ids.into_iter().filter_map(merged).collect()).by_score();
        all.made_of(&[&*members, first])
    }

    fn branches(
        &self,
        sets: &[(Option<&'a str>, &'a Expr)],
        env: &Env<'a>,
        role: Role,
    ) -> Vec<Branch> {
        let branch = |(i, (given, expr)): (usize, &(Option<&'a str>, &'a Expr))| {
            let (weight, set) = match &expr.kind {
                ExprKind::Binary { op: BinaryOp::Mul, left, right } => {
                    (self.constant(Some(left), env).number().unwrap_or(0.0), &**right)
                }
                _ => (1.0, *expr),
            };
            let name = match (given, &set.kind) {
                (Some(name), _) => (*name).to_owned(),
                (None, ExprKind::Name(name)) => name.clone(),
                _ => format!("#{}", i + 1),
            };
            let (set, fans) = self.led(|| self.set(set, env, role, &[]));
            Branch { name, weight, set, fans }
        };
        sets.iter().enumerate().map(branch).collect()
    }
}

/// The sets with the names they were given, and the settings.
fn arguments<'a>(
    call: &Called<'a>,
    settings: &[&str],
) -> (Vec<(Option<&'a str>, &'a Expr)>, Vec<&'a Arg>) {
    let is_setting =
        |arg: &Arg| arg.name.as_ref().is_some_and(|n| settings.contains(&n.text.as_str()));
    let first = call.receiver.map(|e| (None, e));
    let sets = call.args.iter().filter(|a| !is_setting(a));
    let named = sets.map(|a| (a.name.as_ref().map(|n| n.text.as_str()), &a.value));
    let settings = call.args.iter().filter(|a| is_setting(a)).collect();
    (first.into_iter().chain(named).collect(), settings)
}

fn sets_of(branches: &[Branch]) -> Vec<&Set> {
    branches.iter().map(|branch| &*branch.set).collect()
}

/// No rows, with the columns of all branches.
fn joined(branches: &[Branch]) -> Set {
    let first = branches[0].set.with_rows(Vec::new());
    branches[1..].iter().fold(first, |all, b| {
        let other = b.set.with_rows(Vec::new());
        all.with_names_of(&all, &other)
    })
}

/// Every row of any branch with the sum of what the branches say of it, and the branch among those
/// that have it that says most. They stand by that branch, then as in it.
fn sums(
    branches: &[Branch],
    value: impl Fn(&Branch, u32) -> f64,
) -> Vec<(u32, Option<f64>, usize)> {
    let mut ids: Vec<u32> = branches.iter().flat_map(|b| b.set.rows.iter().map(|r| r.id)).collect();
    ids.sort_unstable();
    ids.dedup();
    let of = |id: u32| {
        let values: Vec<f64> = branches.iter().map(|b| value(b, id)).collect();
        let sum = values.iter().fold(0.0, |sum, v| sum + v);
        let holders = (0..branches.len()).filter(|&b| branches[b].set.position(id).is_some());
        let most = holders.reduce(|best, b| if values[b] > values[best] { b } else { best });
        (id, Some(sum).filter(|s| s.is_finite()), most.expect("a branch has it"))
    };
    let mut placed: Vec<_> = ids.into_iter().map(of).collect();
    placed.sort_by_key(|&(id, _, branch)| (branch, branches[branch].set.position(id)));
    placed
}

/// Weight times normalised score; what lacks the row or a score is as bad as the worst.
fn value_in(branch: &Branch, id: u32, normalize: &str) -> f64 {
    let rows = &branch.set.rows;
    let known: Vec<f64> = rows.iter().filter_map(|r| r.score).collect();
    let least = known.iter().copied().fold(f64::INFINITY, f64::min);
    let most = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mean = known.iter().fold(0.0, |sum, s| sum + s) / known.len() as f64;
    let squares = known.iter().fold(0.0, |sum, s| sum + (s - mean) * (s - mean));
    let deviation = (squares / known.len() as f64).sqrt();
    let z = |s: f64| {
        if deviation > 0.0 { (s - mean) / deviation } else { 0.0 }
    };
    let place = branch.set.position(id);
    let score = place.and_then(|at| rows[at].score);
    let normalised = match (normalize, score, place) {
        ("zscore", None, _) if known.is_empty() => 0.0,
        ("zscore", None, _) => z(least),
        (_, None, _) | (_, _, None) => 0.0,
        ("minmax", Some(_), _) if least == most => 1.0,
        ("minmax", Some(s), _) => (s - least) / (most - least),
        ("zscore", Some(s), _) => z(s),
        ("rank", _, Some(at)) => (rows.len() - at) as f64 / rows.len() as f64,
        ("softmax", Some(s), _) => {
            (s - most).exp() / known.iter().fold(0.0, |sum, s| sum + (s - most).exp())
        }
        ("none", Some(s), _) => s,
        (other, _, _) => panic!("no normalisation `{other}`"),
    };
    branch.weight * normalised
}

/// Each turn every branch that has a row left, and may place one, gains its weight; the one with
/// most credit places its best row and pays what all gained.
fn turns(branches: &[Branch], most: &[usize], take: usize, placed: &mut Vec<(u32, usize)>) {
    let mut credit = vec![0.0; branches.len()];
    let mut own = vec![0; branches.len()];
    while placed.len() < take {
        let has_row = |b: &usize| own[*b] < most[*b] && best_left(&branches[*b], placed).is_some();
        let live: Vec<usize> = (0..branches.len()).filter(has_row).collect();
        live.iter().for_each(|&b| credit[b] += branches[b].weight);
        let first =
            live.iter().copied().reduce(|best, b| if credit[b] > credit[best] { b } else { best });
        let Some(b) = first else { return };
        credit[b] -= live.iter().fold(0.0, |sum, &b| sum + branches[b].weight);
        own[b] += 1;
        let id = best_left(&branches[b], placed).expect("a row is left");
        placed.push((id, b));
    }
}

fn best_left(branch: &Branch, placed: &[(u32, usize)]) -> Option<u32> {
    let left = |id: &u32| placed.iter().all(|(other, _)| other != id);
    branch.set.rows.iter().map(|r| r.id).find(left)
}

/// Turns up to a share of the places, and again with what was left over.
fn quota(branches: &[Branch], take: usize) -> Vec<(u32, usize)> {
    let mut placed = Vec::new();
    let mut sharing: Vec<usize> = (0..branches.len()).collect();
    loop {
        let weight = |b: usize| {
            if sharing.contains(&b) { branches[b].weight } else { 0.0 }
        };
        let weights: Vec<f64> = (0..branches.len()).map(weight).collect();
        let shares = largest_remainder(take - placed.len(), &weights);
        if shares.iter().sum::<usize>() == 0 {
            return placed;
        }
        turns(branches, &shares, take, &mut placed);
        sharing.retain(|&b| best_left(&branches[b], &placed).is_some());
    }
}

fn largest_remainder(seats: usize, weights: &[f64]) -> Vec<usize> {
    let sum = weights.iter().fold(0.0, |sum, w| sum + w);
    if sum <= 0.0 {
        return vec![0; weights.len()];
    }
    let exact: Vec<f64> = weights.iter().map(|w| seats as f64 * w / sum).collect();
    let mut shares: Vec<usize> = exact.iter().map(|x| x.floor() as usize).collect();
    let mut open: Vec<usize> = (0..weights.len()).filter(|&b| weights[b] > 0.0).collect();
    while shares.iter().sum::<usize>() < seats && !open.is_empty() {
        let rest = |b: usize| exact[b] - exact[b].floor();
        let largest = (0..open.len())
            .reduce(|best, i| if rest(open[i]) > rest(open[best]) { i } else { best });
        shares[open.remove(largest.expect("one is open"))] += 1;
    }
    shares
}

fn by_turn(placed: Vec<(u32, usize)>) -> Vec<(u32, Option<f64>, usize)> {
    let row = |(i, (id, b)): (usize, (u32, usize))| (id, Some(1.0 / (i + 1) as f64), b);
    placed.into_iter().enumerate().map(row).collect()
}
