//! `diversify_by`: the order of rows by what was placed before.

use super::args::Args;
use super::env::Env;
use super::links::Ends;
use super::rows::{Set, compare_scores};
use super::shape::Called;
use super::similarity::similarity;
use super::value::Value;
use super::{Interp, Role};
use igql::catalog::schema::Metric;
use igql::syntax::ast::{Arg, Expr, ExprKind};
use std::collections::BTreeSet;

/// Whether all rows with a null key are one group, or each a group of its own.
const NULLS_ARE_ONE_GROUP: bool = true;

impl<'a> Interp<'a> {
    pub fn diversify_by(&self, call: &Called<'a>, env: &Env<'a>, role: Role) -> Set {
        let (rows, args) = call.split();
        let args = Args::new(args, &["key", "method"]);
        let set = self.set(rows, env, role, &[]);
        let method = self.case(args.get("method"), env, "round_robin");
        if let ("mmr", settings, env) = method {
            return self.mmr(&set, settings, &env);
        }
        let key = args.get("key");
        if let ("calibrate", settings, inner) = method {
            return self.calibrate(&set, key, env, settings, &inner);
        }
        let keys = self.keys(&set, key, env);
        match method {
            ("round_robin", _, _) => {
                set.with_rows(round_robin(&keys).iter().map(|&i| set.rows[i].clone()).collect())
            }
            ("penalty", settings, env) => self.penalty(&set, &keys, settings, &env),
            (other, _, _) => panic!("no method `{other}`"),
        }
    }

    /// Per key and row the groups that the row is in, numbered by first appearance. A null is a
    /// group of its own; a list is in the group of each element.
    fn keys(&self, set: &Set, key: Option<&'a Expr>, env: &Env<'a>) -> Vec<Vec<Vec<usize>>> {
        match key.map(|e| (&e.kind, e)) {
            Some((ExprKind::List(keys), _)) => {
                keys.iter().map(|k| self.groups_by(set, Some(k), env)).collect()
            }
            Some((ExprKind::Name(name), _))
                if env.get(name).is_some_and(|c| matches!(c.expr.kind, ExprKind::List(_))) =>
            {
                let bound = env.get(name).expect("just found");
                self.keys(set, Some(bound.expr), &bound.env)
            }
            Some((_, key)) => vec![self.groups_by(set, Some(key), env)],
            None => vec![self.groups_by(set, None, env)],
        }
    }

    fn groups_by(&self, set: &Set, key: Option<&'a Expr>, env: &Env<'a>) -> Vec<Vec<usize>> {
        let values: Vec<Value> = match key {
            Some(key) => set.places().map(|at| self.value(key, env, &at)).collect(),
            None => self.default_key(set),
        };
        self.groups(&values, NULLS_ARE_ONE_GROUP)
    }

    /// The groups of each value, numbered by first appearance: one, or one for each distinct
    /// element of a list. An empty list is as a null.
    pub fn groups(&self, values: &[Value], nulls_are_one: bool) -> Vec<Vec<usize>> {
        let mut known: Vec<Value> = Vec::new();
        let mut group_of = |value: &Value| {
            let same = |k: &Value| match (k, value) {
                (Value::Null, Value::Null) => nulls_are_one,
                _ => self.equal(k, value).is_true(),
            };
            known.iter().position(same).unwrap_or_else(|| {
                known.push(value.clone());
                known.len() - 1
            })
        };
        let mut groups_of = |value: &Value| match value {
            Value::List(items) if !items.is_empty() => {
                let mut groups: Vec<usize> = items.iter().map(&mut group_of).collect();
                let all = groups.clone();
                let mut place = 0;
                groups.retain(|g| {
                    place += 1;
                    !all[..place - 1].contains(g)
                });
                groups
            }
            Value::List(_) => vec![group_of(&Value::Null)],
            value => vec![group_of(value)],
        };
        values.iter().map(&mut groups_of).collect()
    }

    /// `author`, or the first reference.
    fn default_key(&self, set: &Set) -> Vec<Value> {
        let table = &self.world.entities[set.entity];
        let reference =
            table.find_reference("author").or(table.references.first()).expect("a reference");
        set.rows.iter().map(|r| self.follow(set.entity, r.id, reference)).collect()
    }

    /// Each step maximises `relevance * s - (1 - relevance) * sim`.
    fn mmr(&self, set: &Set, settings: &'a [Arg], env: &Env<'a>) -> Set {
        let settings = Args::new(settings, &["relevance", "embedding", "first"]);
        let relevance = self.constant(settings.get("relevance"), env).number().unwrap_or(0.7);
        let embedding = self.embedding(settings.get("embedding"), env, set.entity);
        let vectors: Vec<Option<&[f32]>> = set
            .rows
            .iter()
            .map(|row| self.vector(embedding, set.entity, row.id))
            .map(|vector| vector.filter(|v| v.iter().any(|x| *x != 0.0)))
            .collect();
        let scores = minmax(set);
        self.first_by(set, settings.get("first"), env, |placed, row| {
            let near = placed
                .iter()
                .filter_map(|&p| Some((vectors[p]?, vectors[row]?)))
                .map(|(a, b)| f64::from(similarity(Metric::Cosine, a, b)))
                .reduce(f64::max);
            relevance * scores[row] - (1.0 - relevance) * near.unwrap_or(0.0)
        })
    }

    /// Each step maximises `(1 - strength) * Σs - strength * KL(p || 0.99 q + 0.01 p)`.
    fn calibrate(
        &self,
        set: &Set,
        key: Option<&'a Expr>,
        env: &Env<'a>,
        settings: &'a [Arg],
        inner: &Env<'a>,
    ) -> Set {
        let settings = Args::new(settings, &["history", "strength", "first"]);
        let strength = self.constant(settings.get("strength"), inner).number().unwrap_or(0.5);
        let history = match settings.get("history") {
            Some(history) => (*self.set(history, inner, Role::Fact, &[])).clone(),
            None => self.seen_rows(set.entity),
        };
        if history.rows.is_empty() {
            return set.clone();
        }
        // one numbering of the groups: the history's rows, then the set's
        let mut both = Set::of(set.entity, []);
        both.rows.extend(history.rows.clone());
        both.rows.extend(set.rows.clone());
        let keys = self.keys(&both, key, env);
        let mut known: Vec<Vec<usize>> = Vec::new();
        let mut number = |tuple: Vec<usize>| {
            known.iter().position(|k| *k == tuple).unwrap_or_else(|| {
                known.push(tuple);
                known.len() - 1
            })
        };
        let groups: Vec<Vec<usize>> = (0..both.rows.len())
            .map(|row| tuples(&keys, row).into_iter().map(&mut number).collect())
            .collect();
        let (of_history, of_rows) = groups.split_at(history.rows.len());
        let total = of_history.concat().len() as f64;
        let p: Vec<f64> = (0..known.len())
            .map(|g| of_history.concat().iter().filter(|&&h| h == g).count() as f64 / total)
            .collect();
        let scores = minmax(set);
        self.first_by(set, settings.get("first"), inner, |placed, row| {
            let list: Vec<usize> = placed.iter().chain([&row]).copied().collect();
            let there: Vec<usize> = list.iter().flat_map(|&r| of_rows[r].clone()).collect();
            // the last row's own groups apart, in ascending order: rounding breaks no tie
            let earlier = there.len() - of_rows[row].len();
            let term = |g: usize, placed: &[usize]| {
                let q = placed.iter().filter(|&&t| t == g).count() as f64 / there.len() as f64;
                p[g] * (p[g] / (0.99 * q + 0.01 * p[g])).ln()
            };
            let of_history = || (0..known.len()).filter(|&g| p[g] > 0.0);
            let without = of_history().map(|g| term(g, &there[..earlier])).collect();
            let its_own = of_history().filter(|g| of_rows[row].contains(g));
            let less = its_own.map(|g| term(g, &there[..earlier]) - term(g, &there));
            let divergence = ascending_sum(without) - ascending_sum(less.collect());
            let sum = list.iter().fold(0.0, |sum, &r| sum + scores[r]);
            (1.0 - strength) * sum - strength * divergence
        })
    }

    /// Every entity that a `seen` edge leads to from the viewer, in the order of the table.
    fn seen_rows(&self, entity: usize) -> Set {
        let viewer = self.viewer.expect("a viewer");
        let links = self.write_out(&self.edge_named("seen", Ends::from(self.world.viewer)));
        let of_viewer = links.links_from(viewer).iter();
        let rows: BTreeSet<u32> = of_viewer.map(|&i| links.list[i].to).collect();
        Set::of(entity, rows.into_iter().map(|row| (row, Some(1.0))))
    }

    /// The first rows, each the one of largest value behind those placed; of equals the earliest.
    /// The others stay as they are.
    fn first_by(
        &self,
        set: &Set,
        first: Option<&'a Expr>,
        env: &Env<'a>,
        value: impl Fn(&[usize], usize) -> f64,
    ) -> Set {
        let first = match first {
            Some(first) => self.quantity(Some(first), env).resolve(100),
            None => Some(100),
        };
        let mut left: Vec<usize> = (0..set.rows.len()).collect();
        let mut placed: Vec<usize> = Vec::new();
        while !left.is_empty() && first.is_none_or(|first| placed.len() < first) {
            let mut best = 0;
            for i in 1..left.len() {
                if value(&placed, left[i]) > value(&placed, left[best]) {
                    best = i;
                }
            }
            placed.push(left.remove(best));
        }
        placed.extend(left);
        set.with_rows(placed.iter().map(|&i| set.rows[i].clone()).collect())
    }

    /// Each step places the row of largest discounted score, which becomes its score.
    fn penalty(
        &self,
        set: &Set,
        keys: &[Vec<Vec<usize>>],
        settings: &'a [Arg],
        env: &Env<'a>,
    ) -> Set {
        let settings = Args::new(settings, &["factor", "floor"]);
        let number =
            |name, default| self.constant(settings.get(name), env).number().unwrap_or(default);
        let (factor, floor) = (number("factor", 0.8), number("floor", 0.0));
        let mut left: Vec<usize> = (0..set.rows.len()).collect();
        let mut placed: Vec<(usize, Option<f64>)> = Vec::new();
        while !left.is_empty() {
            let discount = |row: usize| {
                let count = |key: &[Vec<usize>], group: usize| {
                    placed.iter().filter(|(p, _)| key[*p].contains(&group)).count() as f64
                };
                let of_key = |key: &Vec<Vec<usize>>| {
                    key[row]
                        .iter()
                        .map(|&g| f64::max(floor, factor.powf(count(key, g))))
                        .product::<f64>()
                };
                keys.iter().map(of_key).product::<f64>()
            };
            let offers: Vec<Option<f64>> = left
                .iter()
                .map(|&row| set.rows[row].score.and_then(|s| discounted(s, discount(row))))
                .collect();
            let best = (0..left.len()).reduce(|best, i| {
                if compare_scores(offers[i], offers[best]).is_lt() { i } else { best }
            });
            let best = best.expect("rows are left");
            placed.push((left.remove(best), offers[best]));
        }
        let row = |&(i, score): &(usize, Option<f64>)| super::Row { score, ..set.rows[i].clone() };
        set.with_rows(placed.iter().map(row).collect())
    }
}

/// Scores from 0 to 1; all equal are 1, nulls are 0.
fn minmax(set: &Set) -> Vec<f64> {
    let known: Vec<f64> = set.rows.iter().filter_map(|row| row.score).collect();
    let low = known.iter().copied().fold(f64::INFINITY, f64::min);
    let high = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let scaled = |score: f64| {
        if low == high {
            1.0
        } else {
            let x = (score - low) / (high - low);
            if x.is_finite() { x } else { 0.0 }
        }
    };
    set.rows.iter().map(|row| row.score.map_or(0.0, scaled)).collect()
}

/// A discount never promotes: it multiplies a positive score and divides a negative one.
fn discounted(score: f64, d: f64) -> Option<f64> {
    let x = if score < 0.0 { score / d.max(1e-9) } else { score * d };
    Some(x).filter(|x| x.is_finite())
}

/// Pass `p` places the `p`-th row of each group, groups by the position of their first row.
/// Several keys group by the tuple; a row in several groups is placed where it comes first.
fn round_robin(keys: &[Vec<Vec<usize>>]) -> Vec<usize> {
    let rows = keys[0].len();
    let mut groups: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
    for row in 0..rows {
        for tuple in tuples(keys, row) {
            match groups.iter_mut().find(|(t, _)| *t == tuple) {
                Some((_, members)) => members.push(row),
                None => groups.push((tuple, vec![row])),
            }
        }
    }
    let mut placed: Vec<usize> = Vec::new();
    for pass in 0..rows {
        for (_, members) in &groups {
            if let Some(&row) = members.get(pass).filter(|row| !placed.contains(row)) {
                placed.push(row);
            }
        }
    }
    placed
}

/// The groups of a row: one of each key.
fn tuples(keys: &[Vec<Vec<usize>>], row: usize) -> Vec<Vec<usize>> {
    keys.iter().fold(vec![Vec::new()], |tuples, key| {
        let with = |t: &Vec<usize>, g: &usize| [t.as_slice(), &[*g]].concat();
        tuples
            .iter()
            .flat_map(|t| key[row].iter().map(|g| with(t, g)).collect::<Vec<_>>())
            .collect()
    })
}

fn ascending_sum(mut terms: Vec<f64>) -> f64 {
    terms.sort_by(f64::total_cmp);
    terms.iter().fold(0.0, |sum, term| sum + term)
}
