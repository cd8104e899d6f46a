//! Why an entity is not in an answer: the operator that dropped it, or how near it came.

mod conditions;
mod fanouts;
mod reason;

use super::tracer::{Tracer, find};
use crate::batch::RowBatch;
use crate::deep::recurse;
use crate::expr::{Frame, NodeId, Run};
use crate::ops::{Effect, RunError};
use crate::types::{EntityId, Key, Value};
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
        let message = format!("`{}` has no `{key}`", table.name);
        answer.reasons.push(plain(message));
        return Ok(answer);
    };
    let rows = tracer.sets.rows(result);
    if let Some(place) = find(rows, request, id) {
        let position = place - rows.range(request).start + 1;
        let message = format!("it is in the answer, at position {position}");
        (answer.outcome, answer.reasons) = (Outcome::Present, vec![plain(message)]);
        return Ok(answer);
    }
    if !run.visible(entity, id, request) {
        let message = invisible(run, entity, id, request);
        (answer.outcome, answer.reasons) = (Outcome::Invisible, vec![plain(message)]);
        return Ok(answer);
    }
    let mut search = Search { tracer, request, reasons: Vec::new(), looked: HashSet::default() };
    search.absent(result, id, 0)?;
    answer.reasons = search.reasons;
    answer.outcome = match answer.reasons.iter().any(|r| r.dropped) {
        true => Outcome::Dropped,
        false => Outcome::NeverReached,
    };
    Ok(answer)
}

fn invisible(run: &Run, entity: EntityId, id: u32, request: usize) -> String {
    let time = |us| crate::types::time::text(us).unwrap_or_default();
    let times = run.snapshot.times(entity).unwrap_or(&[]);
    let from = times.get(id as usize).map_or(String::new(), |&us| time(us));
    let now = time(run.now[request]);
    format!("it is visible from {from}, and `now` is {now}")
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
            if !self.was_needed(at, i, &inputs) {
                let input = self.tracer.label(input);
                let message = format!("`{input}` was not needed for this request");
                self.say(at, false, message, Vec::new());
                continue;
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
        let mut looked = looked.into_iter();
        looked.try_for_each(|input| recurse(|| self.absent(input, id, depth)))
    }

    /// Whether the request needs an input, where others decide on that.
    fn was_needed(&self, at: NodeId, input: usize, inputs: &[&RowBatch]) -> bool {
        let op = &self.tracer.graph.get(at).op;
        op.gate(input).is_none_or(|deciding| {
            let wanted = op.wants(self.tracer.exec, input, &inputs[..deciding]);
            wanted.get(self.request) == Some(&true)
        })
    }

    fn say(&mut self, at: NodeId, dropped: bool, message: String, values: Vec<(String, Value)>) {
        let reason = Reason { op: self.tracer.label(at), node: Some(at), dropped, message, values };
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// Why a node dropped the row at `place` of its input.
    fn dropped(&self, at: NodeId, rows: &RowBatch, place: usize) -> (String, Vec<(String, Value)>) {
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
        let scored = scored(rows.scores[place]);
        let cut = match (node.op.name(), node.op.effect()) {
            ("-", _) => return (self.member(node.inputs[1], true), Vec::new()),
            ("&", _) => return (self.member(node.inputs[1], false), Vec::new()),
            (name, Effect::Cuts) => {
                let details = node.op.details(run.snapshot.schema());
                format!("{name}({details})")
            }
            (name, _) => name.to_owned(),
        };
        let message =
            format!("it was at position {position} of {of}{scored}, and `{cut}` kept {kept}");
        (message, Vec::new())
    }

    /// That an entity is in the set it must not be in, or not in the one that it must be in.
    fn member(&self, set: NodeId, is: bool) -> String {
        let not = if is { "" } else { "not " };
        format!("it is {not}in the set on the right (`{}`)", self.tracer.label(set))
    }

    fn names(&self, node: NodeId) -> Vec<String> {
        let columns = &self.tracer.graph.shape(node).columns;
        columns.iter().map(|c| c.name.clone()).collect()
    }
}
