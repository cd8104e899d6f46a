//! The way of a row from its source to the answer.

use super::effects::{Effects, effects};
use super::explanation::{Branch, Move, Scoring, Step, Why};
use super::nulls::{NullPart, null_parts};
use super::tracer::{Tracer, find, known};
use crate::batch::RowBatch;
use crate::expr::NodeId;
use crate::ops::{Effect, Node, RunError};
use crate::types::Value;
use std::collections::HashSet;

impl Tracer<'_> {
    /// Why the row at `place` of a result is there; `place` counts over all requests.
    pub fn why(&mut self, result: NodeId, request: usize, place: usize) -> Result<Why, RunError> {
        let mut why = Why::default();
        let (mut at, mut place) = (result, place);
        loop {
            let node = self.graph.get(at);
            let rows = self.sets.rows(at);
            if let Some(next) = self.member(at, request, rows.ids[place], &mut why)? {
                (at, place) = next;
                continue;
            }
            if let Some(next) = self.parent(at, request, place, &mut why)? {
                (at, place) = next;
                continue;
            }
            if node.inputs.is_empty() {
                why.path.push(self.step(node, rows, place, None, 0));
                break;
            }
            let Some(next) = self.same_entity(at, request, place, &mut why) else {
                break;
            };
            (at, place) = next;
        }
        why.path.reverse();
        why.scores.reverse();
        why.branches.reverse();
        why.moves.reverse();
        Ok(why)
    }

    /// Back over an `as_viewer`: through what the member with the largest score found (ties: the
    /// earlier) to that member.
    pub(super) fn member(
        &mut self,
        at: NodeId,
        request: usize,
        id: u32,
        why: &mut Why,
    ) -> Result<Option<(NodeId, usize)>, RunError> {
        let Some(&input) = self.graph.get(at).inputs.first() else {
            return Ok(None);
        };
        let members = self.sets.rows(input).range(request);
        let Some(found) = self.found(at)? else {
            return Ok(None);
        };
        let having = members.filter_map(|member| Some((member, find(found, member, id)?)));
        let having: Vec<(usize, f64)> = having.map(|(m, place)| (m, found.scores[place])).collect();
        let Some(member) = first_of_best(&having) else {
            return Ok(None);
        };
        let inner =
            self.as_member(at, member, |tracer, root| match find(tracer.sets.rows(root), 0, id) {
                Some(place) => tracer.why(root, 0, place),
                None => Ok(Why::default()),
            })?;
        if let Some(mut inner) = inner {
            if let Some(first) = inner.path.first_mut() {
                first.op = self.label(at);
                first.links = having.len();
            }
            why.path.extend(inner.path.into_iter().rev());
            why.scores.extend(inner.scores.into_iter().rev());
            why.branches.extend(inner.branches.into_iter().rev());
            why.moves.extend(inner.moves.into_iter().rev());
        }
        Ok(Some((input, member)))
    }

    /// Back over a fan-out: the parent of the largest contribution (ties: the earlier).
    fn parent(
        &mut self,
        at: NodeId,
        request: usize,
        place: usize,
        why: &mut Why,
    ) -> Result<Option<(NodeId, usize)>, RunError> {
        let rows = self.sets.rows(at);
        let node = self.graph.get(at);
        let Some(&input) = node.inputs.first() else {
            return Ok(None);
        };
        let parents = self.sets.rows(input);
        let Some(links) = self.links(at)? else {
            return Ok(None);
        };
        let value = |link| parents.scores[links.parents[link] as usize] * links.weight(link);
        let leading = links.of(request).filter(|&l| links.ids[l] == rows.ids[place]);
        let leading: Vec<(usize, f64)> = leading.map(|l| (l, value(l))).collect();
        let Some(link) = first_of_best(&leading) else {
            return Ok(None);
        };
        let (parent, weight) = (links.parents[link] as usize, links.weight(link));
        let mut step = self.step(node, rows, place, Some(weight), leading.len());
        if step.score.is_none() && parents.scores[parent].is_nan() {
            step.null = Some("the score that it comes from is null".to_owned());
        }
        why.path.push(step);
        Ok(Some((input, parent)))
    }

    pub(super) fn step(
        &self,
        node: &Node,
        rows: &RowBatch,
        place: usize,
        weight: Option<f64>,
        links: usize,
    ) -> Step {
        let schema = self.run().snapshot.schema();
        let entity = schema.entity(node.shape.entity);
        Step {
            op: node.op.label(schema),
            entity: entity.name.clone(),
            key_name: entity.key.clone(),
            key: self.key(node.shape.entity, rows.ids[place]),
            score: known(rows.scores[place]),
            weight: weight.and_then(known),
            links,
            null: None,
        }
    }

    /// Back over an operator that keeps entities: the same one in an input.
    fn same_entity(
        &mut self,
        at: NodeId,
        request: usize,
        place: usize,
        why: &mut Why,
    ) -> Option<(NodeId, usize)> {
        let node = self.graph.get(at);
        let rows = self.sets.rows(at);
        let holding: Vec<(usize, NodeId, usize)> = node
            .inputs
            .iter()
            .enumerate()
            .filter(|(_, input)| self.graph.shape(**input).entity == node.shape.entity)
            .filter_map(|(i, &input)| {
                let place = find(self.sets.rows(input), request, rows.ids[place])?;
                Some((i, input, place))
            })
            .collect();
        let narrows = matches!(node.op.effect(), Effect::Narrows);
        if node.inputs.len() == 1 || narrows {
            let &(_, input, before) = holding.iter().find(|(i, ..)| *i == 0)?;
            self.note(at, input, request, before, place, why);
            return Some((input, before));
        }
        let chosen = self.chosen(node, rows, request, place, &holding)?;
        let names = node.op.branches();
        for &(branch, input, before) in holding.iter().rev() {
            let from = self.sets.rows(input);
            why.branches.push(Branch {
                op: self.label(at),
                branch: names
                    .get(branch)
                    .map_or(format!("#{}", branch + 1), |name| (*name).to_owned()),
                from: self.label(input),
                score: known(from.scores[before]),
                position: before - from.range(request).start + 1,
                chosen: branch == chosen.0,
            });
        }
        Some((chosen.1, chosen.2))
    }

    /// The branch that a row is from: as the operator's column `branch` has it; of a union that
    /// with the larger score; of a conditional the side that was taken; else the first.
    pub(super) fn chosen(
        &self,
        node: &Node,
        rows: &RowBatch,
        request: usize,
        place: usize,
        holding: &[(usize, NodeId, usize)],
    ) -> Option<(usize, NodeId, usize)> {
        let names = node.op.branches();
        if let Some(column) = node.shape.find("branch").filter(|_| !names.is_empty()) {
            let ty = &node.shape.columns[column].ty;
            let name = self.read(&rows.columns[column], ty, place);
            let said = holding
                .iter()
                .find(|(branch, ..)| matches!(&name, Value::Str(name) if name == names[*branch]));
            if let Some(&said) = said {
                return Some(said);
            }
        }
        let inputs: Vec<&RowBatch> = node.inputs.iter().map(|&i| self.sets.rows(i)).collect();
        if let Some(origin) = node.op.origin(self.exec, &inputs, request, rows.ids[place]) {
            return holding.iter().find(|(branch, ..)| *branch == origin).copied();
        }
        let wanted = |branch: usize| {
            let gated = node.op.gate(branch) == Some(0);
            !gated || node.op.wants(self.exec, branch, &[]).get(request) == Some(&true)
        };
        let mut best = *holding.iter().find(|(branch, ..)| wanted(*branch))?;
        if node.op.name() == "|" {
            let score = |b: &(usize, NodeId, usize)| self.sets.rows(b.1).scores[b.2];
            let scores: Vec<_> = holding.iter().map(|b| (*b, score(b))).collect();
            best = first_of_best(&scores)?;
        }
        Some(best)
    }

    /// What an operator over one set did to the row.
    fn note(
        &self,
        at: NodeId,
        input: NodeId,
        request: usize,
        before: usize,
        place: usize,
        why: &mut Why,
    ) {
        let (from, to) = (self.sets.rows(input), self.sets.rows(at));
        let position = |rows: &RowBatch, place: usize| place - rows.range(request).start + 1;
        match self.graph.get(at).op.effect() {
            Effect::Scores => {
                let Effects { features, sums } = effects(self, at, input, request, before);
                why.scores.push(Scoring {
                    op: self.label(at),
                    model: self.version(at),
                    score: known(to.scores[place]),
                    position: position(to, place),
                    heads: self.heads(at, input, place),
                    features,
                    sums,
                    null: self.null_parts(at, input, request, before, to.scores[place]),
                });
            }
            Effect::Other | Effect::Reorders => {
                let moved = Move {
                    op: self.label(at),
                    from: position(from, before),
                    to: position(to, place),
                    score_before: known(from.scores[before]),
                    score: known(to.scores[place]),
                };
                // rows that are gone move nothing
                let stayed: HashSet<u32> = to.ids[to.range(request)].iter().copied().collect();
                let before = &from.ids[from.range(request).start..before];
                let kept = before.iter().filter(|id| stayed.contains(id)).count();
                if kept + 1 != moved.to || moved.score != moved.score_before {
                    why.moves.push(moved);
                }
            }
            Effect::Keeps | Effect::Narrows | Effect::Cuts => {}
        }
    }

    /// The version of the trained model that scores at a node.
    fn version(&self, at: NodeId) -> Option<String> {
        Some(self.graph.get(at).op.ranking()?.served?.label.clone())
    }

    /// What made a new score null, if it is.
    fn null_parts(
        &self,
        at: NodeId,
        input: NodeId,
        request: usize,
        before: usize,
        score: f64,
    ) -> Vec<NullPart> {
        match self.graph.get(at).op.formula() {
            Some(formula) if score.is_nan() => null_parts(self, &formula, input, request, before),
            _ => Vec::new(),
        }
    }

    /// The columns that a node binds, also in the place of others of the same names.
    pub(super) fn heads(&self, at: NodeId, input: NodeId, place: usize) -> Vec<(String, Value)> {
        let before = self.graph.shape(input);
        let binds = self.graph.get(at).op.binds();
        let columns = self.graph.shape(at).columns.iter().enumerate();
        let is_new = |name: &str| before.find(name).is_none() || binds.contains(&name);
        let new = columns.filter(|(_, c)| is_new(&c.name));
        let rows = self.sets.rows(at);
        new.map(|(i, c)| (c.name.clone(), self.read(&rows.columns[i], &c.ty, place))).collect()
    }
}

/// What has the largest score, the first of several; no score is the smallest.
fn first_of_best<T: Copy>(scored: &[(T, f64)]) -> Option<T> {
    let better = |a: f64, b: f64| a > b || (b.is_nan() && !a.is_nan());
    let scored = scored.iter().copied();
    let best = scored.reduce(|best, next| if better(next.1, best.1) { next } else { best });
    best.map(|(of, _)| of)
}
