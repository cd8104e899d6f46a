//! Why an entity is not in an answer: the operator that dropped it, or how near it came.

mod conditions;
mod fanouts;
mod reason;

use super::tracer::{Tracer, find};
use crate::batch::Rows;
use crate::deep::recurse;
use crate::expr::{Frame, NodeId};
use crate::ops::{Effect, RunError};
use crate::types::{Key, Value};
use foldhash::HashSet;
pub use reason::{Outcome, Reason, WhyNot};
use reason::{plain, scored};

/// Why an entity is not among the rows of a result.
pub fn why_not(
    tracer: &mut Tracer,
    list: Option<&str>,
    result: NodeId,
    request: usize,
    key: &Key,
) -> Result<WhyNot, RunError> {
    let run = tracer.run();
    let entity = tracer.graph.shape(result).entity;
    let table = run.snapshot.schema().entity(entity);
    let mut answer = WhyNot {
        list: list.map(str::to_owned),
        entity: table.name.clone(),
        key_name: table.key.clone(),
        key: key.clone(),
        outcome: Outcome::Unknown,
        reasons: Vec::new(),
    };
    let Some(id) = run.snapshot.row_of(entity, key) else {
        answer
            .reasons
            .push(plain(format!("`{}` has no `{key}`", table.name)));
        return Ok(answer);
    };
    if let Some(place) = find(tracer.sets.rows(result), request, id) {
        let start = tracer.sets.rows(result).range(request).start;
        answer.outcome = Outcome::Present;
        answer.reasons.push(plain(format!(
            "it is in the answer, at position {}",
            place - start + 1
        )));
        return Ok(answer);
    }
    if !run.visible(entity, id, request) {
        let times = run.snapshot.times(entity).unwrap_or(&[]);
        let at = |us| crate::types::time::text(us).unwrap_or_default();
        let from = times.get(id as usize).map_or(String::new(), |&us| at(us));
        answer.outcome = Outcome::Invisible;
        answer.reasons.push(plain(format!(
            "it is visible from {from}, and `now` is {}",
            at(run.now[request])
        )));
        return Ok(answer);
    }
    let mut search = Search {
        tracer,
        request,
        reasons: Vec::new(),
        looked: HashSet::default(),
    };
    search.absent(result, id, 0)?;
    answer.reasons = search.reasons;
    answer.outcome = match answer.reasons.iter().any(|r| r.dropped) {
        true => Outcome::Dropped,
        false => Outcome::NeverReached,
    };
    Ok(answer)
}

struct Search<'t, 'a> {
    tracer: &'t mut Tracer<'a>,
    request: usize,
    reasons: Vec<Reason>,
    /// Where it was looked for what: there may be many ways to one node.
    looked: HashSet<(NodeId, u32)>,
}

impl Search<'_, '_> {
    /// An entity is not in the rows of a node: what keeps it away there, or before.
    fn absent(&mut self, at: NodeId, id: u32, depth: usize) -> Result<(), RunError> {
        if self.reasons.len() > 16 || !self.looked.insert((at, id)) {
            return Ok(());
        }
        let graph = self.tracer.graph;
        let node = graph.get(at);
        let inputs = self.tracer.inputs(at);
        if node.op.nested().is_some() {
            return self.not_as_members(at, id, depth);
        }
        if self.tracer.links(at)?.is_some() {
            return self.unreached(at, id, depth);
        }
        if node.inputs.is_empty() {
            // of what leads to it the fan-out has said that it is not there
            if depth == 0 {
                let message = "the source does not have it".to_owned();
                self.say(at, false, message, Vec::new());
            }
            return Ok(());
        }
        let entity = node.shape.entity;
        let first_only = node.op.effect() == Effect::Narrows || node.inputs.len() == 1;
        let mut looked = Vec::new();
        for (i, (&input, rows)) in node.inputs.iter().zip(&inputs).enumerate() {
            if graph.shape(input).entity != entity {
                continue;
            }
            if let Some(deciding) = node.op.gate(i) {
                let wanted = node.op.wants(self.tracer.exec, i, &inputs[..deciding]);
                if wanted.get(self.request) != Some(&true) {
                    let message = format!(
                        "`{}` was not needed for this request",
                        self.tracer.label(input)
                    );
                    self.say(at, false, message, Vec::new());
                    continue;
                }
            }
            if let Some(place) = find(rows, self.request, id) {
                let (message, values) = self.dropped(at, rows, place);
                self.say(at, true, message, values);
                return Ok(());
            }
            looked.push(input);
            if first_only {
                break;
            }
        }
        looked
            .into_iter()
            .try_for_each(|input| recurse(|| self.absent(input, id, depth)))
    }

    fn say(&mut self, at: NodeId, dropped: bool, message: String, values: Vec<(String, Value)>) {
        let reason = Reason {
            op: self.tracer.label(at),
            node: Some(at),
            dropped,
            message,
            values,
        };
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// Why a node dropped the row at `place` of its input.
    fn dropped(&self, at: NodeId, rows: &Rows, place: usize) -> (String, Vec<(String, Value)>) {
        let node = self.tracer.graph.get(at);
        let run = self.tracer.run();
        if let Some(conditions) = node.op.as_filter() {
            let names = self.names(node.inputs[0]);
            let owners = rows.owners();
            let frame = Frame::rows(run, rows, &owners);
            return self.failed(conditions, &frame, place, &names);
        }
        let range = rows.range(self.request);
        let (position, of) = (place - range.start + 1, range.len());
        let kept = self.tracer.sets.rows(at).range(self.request).len();
        let schema = run.snapshot.schema();
        let message = match (node.op.name(), node.op.effect()) {
            ("-", _) => self.member(node.inputs[1], true),
            ("&", _) => self.member(node.inputs[1], false),
            (_, Effect::Cuts) => format!(
                "it was at position {position} of {of}{}, and `{}({})` kept {kept}",
                scored(rows.scores[place]),
                node.op.name(),
                node.op.details(schema)
            ),
            (name, _) => format!(
                "it was at position {position} of {of}{}, and `{name}` kept {kept}",
                scored(rows.scores[place])
            ),
        };
        (message, Vec::new())
    }

    /// That an entity is in the set it must not be in, or not in the one that it must be in.
    fn member(&self, set: NodeId, is: bool) -> String {
        let not = if is { "" } else { "not " };
        format!(
            "it is {not}in the set on the right (`{}`)",
            self.tracer.label(set)
        )
    }

    fn names(&self, node: NodeId) -> Vec<String> {
        let columns = &self.tracer.graph.shape(node).columns;
        columns.iter().map(|c| c.name.clone()).collect()
    }
}
