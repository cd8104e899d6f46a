//! `walk` and `nn`: contributions of parents, merged by entity.

use super::args::Args;
use super::chances::Chance;
use super::env::Env;
use super::links::{Ends, Links};
use super::pushdown::Pushed;
use super::rows::{At, Row, Set, compare_scores};
use super::shape::Called;
use super::similarity::similarity;
use super::value::Value;
use super::{Interp, Role};
use igql::catalog::schema::Metric;
use std::collections::HashMap;
use std::rc::Rc;

/// What one link or neighbour gives.
struct Contribution {
    /// Index of the parent's row.
    parent: usize,
    to: u32,
    score: Option<f64>,
}

/// The place of its parent, the vector, and the rows that may not be found.
type Search = (usize, Vec<f32>, Vec<u32>);

const WALK: &[&str] = &["edge", "limit", "order", "within", "where", "weight", "merge"];
const NN: &[&str] = &[
    "embedding",
    "k",
    "to",
    "where",
    "min_similarity",
    "include_self",
    "pool",
    "query",
    "exact",
    "merge",
];

impl<'a> Interp<'a> {
    pub fn walk(&self, call: &Called<'a>, env: &Env<'a>, role: Role, pushed: &[Pushed<'a>]) -> Set {
        let (rows, args) = call.split();
        let args = Args::new(args, WALK);
        let (parents, before) = self.led(|| self.set(rows, env, role, &[]));
        let links = self.edge_links(args.need("edge"), env, Ends::from(parents.entity));
        let limit = self.quantity(args.get("limit"), env);
        let conjuncts = if limit.is_auto() {
            self.pushable(pushed, &parents.names, links.to, (call, env))
        } else {
            Vec::new()
        };
        let (most, auto) = self.limit(call, limit, 100, env, role);
        let (mut contributions, mut found) = (Vec::new(), Vec::new());
        let random = self.bare_name(args.get("order"), env, "") == "random";
        let mut chances: HashMap<u32, Option<f64>> = HashMap::new();
        for (parent, row) in parents.rows.iter().enumerate() {
            let wanted = |i: &(usize, f64)| self.all_hold(&conjuncts, links.to, links.list[i.0].to);
            let mut taken: Vec<(usize, f64)> =
                self.weighed(&links, row.id, &args, env).into_iter().filter(wanted).collect();
            let share = most.map_or(1.0, |most| most as f64 / taken.len() as f64).min(1.0);
            let all = taken.clone();
            self.put_in_order(&mut taken, &links, &args, env);
            taken.truncate(most.unwrap_or(usize::MAX));
            // a link that is drawn could have been any
            for (i, _) in if random { &all } else { &taken } {
                let drawn = if random { share } else { 1.0 };
                let known = chances.entry(links.list[*i].to).or_insert(Some(0.0));
                let chance = row.chance.map(|chance| chance * drawn);
                *known = known.zip(chance).map(|(p, q)| p + q - p * q);
            }
            found.push(taken.len());
            contributions.extend(taken.iter().map(|&(i, weight)| {
                let to = links.list[i].to;
                Contribution { parent, to, score: product(row.score, weight) }
            }));
        }
        self.follows(auto, &found, before);
        let merge = self.bare_name(args.get("merge"), env, "max");
        let mut reached = self.merge(&parents, links.to, contributions, merge);
        reached.chance = match parents.chance {
            Chance::Certain if !random => Chance::Certain,
            Chance::Unknown => Chance::Unknown,
            _ => Chance::Drawn,
        };
        for row in &mut reached.rows {
            row.chance = chances[&row.id];
        }
        reached
    }

    /// The links of a parent that pass `within` and `where`, with their weights; those whose
    /// weight is null are left out.
    fn weighed(
        &self,
        links: &Rc<Links>,
        row: u32,
        args: &Args<'a>,
        env: &Env<'a>,
    ) -> Vec<(usize, f64)> {
        let mut passed = Vec::new();
        for &i in links.links_from(row) {
            let read = |name: &str| {
                args.get(name).map(|e| self.link_value(e, env, links, i, &At::Request))
            };
            let recent = self.is_within(links.list[i].time, read("within"));
            let weight = match read("weight") {
                Some(weight) => weight.number(),
                None => links.list[i].weight,
            };
            if let Some(weight) =
                weight.filter(|_| recent && read("where").is_none_or(|w| w.is_true()))
            {
                passed.push((i, weight));
            }
        }
        passed
    }

    /// Puts links, which come as listed, in the order in which they are taken.
    fn put_in_order(
        &self,
        taken: &mut [(usize, f64)],
        links: &Links,
        args: &Args<'a>,
        env: &Env<'a>,
    ) {
        let default = if links.timed { "newest" } else { "listed" };
        let time = |i: usize| links.list[i].time;
        match self.bare_name(args.get("order"), env, default) {
            "newest" => taken.sort_by_key(|&(i, _)| std::cmp::Reverse(time(i))),
            "strongest" => taken.sort_by(|a, b| compare_scores(Some(a.1), Some(b.1))),
            "random" => taken.sort_by(|a, b| {
                let at = |i: usize| self.uniform_of_link(links, i);
                compare_scores(at(a.0), at(b.0))
            }),
            _ => {}
        }
    }

    /// The `uniform` of a link: its key is that of its ends. The largest come first, as the rows
    /// that `sample` takes.
    fn uniform_of_link(&self, links: &Links, i: usize) -> Option<f64> {
        let link = &links.list[i];
        self.uniform_of(None, &[Value::Id(links.from, link.from), Value::Id(links.to, link.to)])
    }

    pub fn nn(&self, call: &Called<'a>, env: &Env<'a>, role: Role, pushed: &[Pushed<'a>]) -> Set {
        let (rows, args) = call.split();
        let args = Args::new(args, NN);
        let (parents, before) = self.led(|| self.set(rows, env, role, &[]));
        let embedding = self.embedding(args.get("embedding"), env, parents.entity);
        let to = match args.get("to") {
            Some(to) => self.entity_argument(Some(to), env).expect("an entity"),
            None => parents.entity,
        };
        let k = self.quantity(args.get("k"), env);
        let conjuncts = if k.is_auto() {
            self.pushable(pushed, &parents.names, to, (call, env))
        } else {
            Vec::new()
        };
        let searched: Vec<u32> = (0..self.world.entities[to].keys.len() as u32)
            .filter(|&r| {
                self.visible(to, r)
                    && self.passes(&args, env, to, r)
                    && self.all_hold(&conjuncts, to, r)
            })
            .collect();
        let (parents, searches) = self.searches(embedding, to, &parents, &args, env);
        let (most, auto) = self.limit(call, k, 50, env, role);
        let (mut contributions, mut found) = (Vec::new(), Vec::new());
        for (parent, vector, left_out) in searches {
            let score = parents.rows[parent].score;
            let space = (embedding, to);
            let mut near = self.neighbours(space, &vector, &left_out, &searched, &args, env);
            near.truncate(most.unwrap_or(usize::MAX));
            found.push(near.len());
            contributions.extend(near.iter().map(|&(to, near)| Contribution {
                parent,
                to,
                score: product(score, f64::from(near)),
            }));
        }
        self.follows(auto, &found, before);
        self.merge(&parents, to, contributions, self.bare_name(args.get("merge"), env, "max"))
    }

    /// The parents of a search, and of each that has one: its place, its vector, what it may not
    /// find. A mean and a given vector have the first row as parent, with score 1 and no columns.
    fn searches(
        &self,
        embedding: usize,
        to: usize,
        rows: &Set,
        args: &Args<'a>,
        env: &Env<'a>,
    ) -> (Set, Vec<Search>) {
        let all: Vec<u32> = rows.rows.iter().map(|row| row.id).collect();
        let with_self = self.constant(args.get("include_self"), env).is_true();
        let leaves_out = !with_self && rows.entity == to;
        let left_out = if leaves_out { all.clone() } else { Vec::new() };
        let vector = |id: u32| self.vector(embedding, rows.entity, id).map(<[f32]>::to_vec);
        let (pool, pool_args, pool_env) = self.case(args.get("pool"), env, "none");
        let given = args.get("query").map(|query| self.value(query, env, &At::Request));
        if given.is_some() || pool == "mean" {
            let mut parents = rows.with_rows(rows.rows.clone());
            parents.names.clear();
            for row in &mut parents.rows {
                row.columns.clear();
                row.score = Some(1.0);
            }
            let query = match given {
                Some(Value::Vector(query)) => Some(query),
                Some(_) => None,
                None => mean(&weighted(rows, vector)),
            };
            let query = query.filter(|_| !rows.rows.is_empty());
            let zero = |query: &Vec<f32>| query.iter().all(|x| *x == 0.0);
            let cosine = self.world.embeddings[embedding].metric == Metric::Cosine;
            let query = query.filter(|query| !(cosine && zero(query)));
            return (parents, query.map(|query| (0, query, left_out)).into_iter().collect());
        }
        let parents = rows.with_rows(rows.rows.clone());
        if pool == "clusters" {
            let n = self.quantity(Some(&pool_args[0].value), &pool_env);
            let metric = self.world.embeddings[embedding].metric;
            let n = n.resolve(i64::MAX).unwrap_or(usize::MAX);
            let chosen = medoids(metric, &weighted(rows, vector), n);
            let search = |(place, vector)| (place, vector, left_out.clone());
            return (parents, chosen.into_iter().map(search).collect());
        }
        let own = |(place, id): (usize, &u32)| {
            let itself = if leaves_out { vec![*id] } else { Vec::new() };
            Some((place, vector(*id)?, itself))
        };
        (parents, all.iter().enumerate().filter_map(own).collect())
    }

    fn passes(&self, args: &Args<'a>, env: &Env<'a>, entity: usize, row: u32) -> bool {
        args.get("where").is_none_or(|e| self.value(e, env, &At::entity(entity, row)).is_true())
    }

    /// All that may be neighbours of a row, the nearest first, ties to the earlier row.
    fn neighbours(
        &self,
        (embedding, to): (usize, usize),
        vector: &[f32],
        left_out: &[u32],
        searched: &[u32],
        args: &Args<'a>,
        env: &Env<'a>,
    ) -> Vec<(u32, f32)> {
        let metric = self.world.embeddings[embedding].metric;
        let least = self.constant(args.get("min_similarity"), env).number();
        let mut near = Vec::new();
        for &candidate in searched.iter().filter(|c| !left_out.contains(c)) {
            let Some(other) = self.vector(embedding, to, candidate) else {
                continue;
            };
            let similarity = similarity(metric, vector, other);
            if least.is_none_or(|least| f64::from(similarity) >= least) {
                near.push((candidate, similarity));
            }
        }
        near.sort_by(|a, b| b.1.partial_cmp(&a.1).expect("finite similarities"));
        near
    }

    /// One row per entity, with the columns of the parent of its largest contribution; of equal scores
    /// the one that was reached first comes first.
    fn merge(
        &self,
        parents: &Set,
        entity: usize,
        contributions: Vec<Contribution>,
        method: &str,
    ) -> Set {
        let mut groups: Vec<(u32, Vec<Contribution>)> = Vec::new();
        let mut places: HashMap<u32, usize> = HashMap::new();
        for contribution in contributions {
            let place = *places.entry(contribution.to).or_insert(groups.len());
            if place == groups.len() {
                groups.push((contribution.to, Vec::new()));
            }
            groups[place].1.push(contribution);
        }
        let row = |(id, group): (u32, Vec<Contribution>)| {
            let witness = &parents.rows[witness(&group)];
            Row {
                id,
                score: fold_scores(method, &group.iter().map(|c| c.score).collect::<Vec<_>>()),
                columns: witness.columns.clone(),
                chance: witness.chance,
            }
        };
        let rows = groups.into_iter().map(row).collect();
        Set { entity, names: parents.names.clone(), rows, ..*parents }
            .by_score_alone()
            .made_of(&[parents])
    }
}

/// The rows with a vector: place, vector, weight. A weight is the score, at least 0; if none is more,
/// all weigh the same.
fn weighted(rows: &Set, vector: impl Fn(u32) -> Option<Vec<f32>>) -> Vec<(usize, Vec<f32>, f64)> {
    let mut found = Vec::new();
    for (place, row) in rows.rows.iter().enumerate() {
        if let Some(vector) = vector(row.id) {
            found.push((place, vector, row.score.unwrap_or(0.0).max(0.0)));
        }
    }
    if found.iter().all(|(_, _, weight)| *weight == 0.0) {
        found.iter_mut().for_each(|(_, _, weight)| *weight = 1.0);
    }
    found
}

fn mean(rows: &[(usize, Vec<f32>, f64)]) -> Option<Vec<f32>> {
    let total = rows.iter().fold(0.0, |sum, (_, _, weight)| sum + weight);
    let dim = rows.first()?.1.len();
    let at = |d: usize| {
        let sum = rows.iter().fold(0.0, |sum, (_, v, weight)| sum + weight * f64::from(v[d]));
        (sum / total) as f32
    };
    Some((0..dim).map(at).collect())
}

/// The rows chosen as medoids, in their order: each step takes the one with which the weighted sum of
/// distances to the nearest chosen row is smallest.
fn medoids(metric: Metric, rows: &[(usize, Vec<f32>, f64)], n: usize) -> Vec<(usize, Vec<f32>)> {
    let distance = |a: usize, b: usize| {
        let (a, b) = (&rows[a.min(b)].1, &rows[a.max(b)].1);
        1.0 - f64::from(similarity(metric, a, b))
    };
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < n.min(rows.len()) {
        let cost = |candidate: usize| {
            (0..rows.len()).fold(0.0, |sum, i| {
                let all = chosen.iter().chain([&candidate]);
                let nearest = all.map(|&c| distance(i, c)).fold(f64::INFINITY, f64::min);
                sum + rows[i].2 * nearest
            })
        };
        let open = (0..rows.len()).filter(|i| !chosen.contains(i));
        let best = open.reduce(|best, i| if cost(i) < cost(best) { i } else { best });
        chosen.extend(best);
    }
    chosen.sort_unstable();
    chosen.into_iter().map(|i| (rows[i].0, rows[i].1.clone())).collect()
}

/// Parent of the largest contribution; of equals the earliest.
fn witness(group: &[Contribution]) -> usize {
    let mut best = &group[0];
    for c in group {
        if compare_scores(c.score, best.score).is_lt() {
            best = c;
        }
    }
    best.parent
}

/// A score times a weight, null where one is or where it is not finite.
fn product(score: Option<f64>, weight: f64) -> Option<f64> {
    score.map(|s| s * weight).filter(|x| x.is_finite())
}

/// One score from the contributions, in their order; nulls are skipped.
pub fn fold_scores(method: &str, all: &[Option<f64>]) -> Option<f64> {
    let scores: Vec<f64> = all.iter().copied().flatten().collect();
    if method == "count" {
        return Some(all.len() as f64);
    }
    let sum = || scores.iter().fold(0.0, |sum, s| sum + s);
    let result = match method {
        _ if scores.is_empty() => return None,
        "max" => scores.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "min" => scores.iter().copied().fold(f64::INFINITY, f64::min),
        "sum" => sum(),
        "mean" => sum() / scores.len() as f64,
        "noisy_or" => 1.0 - scores.iter().fold(1.0, |rest, s| rest * (1.0 - s.clamp(0.0, 1.0))),
        other => panic!("no merge `{other}`"),
    };
    Some(result).filter(|x: &f64| x.is_finite())
}
