//! Why a fan-out did not reach an entity: what led to it, and why that did not lead.

use super::Search;
use super::reason::{Reason, short};
use crate::batch::RowBatch;
use crate::expr::{Expr, Frame, NodeId};
use crate::ops::{Condition, Contributions, RunError, membership};
use crate::types::{EntityId, NULL_CODE, Value};
use crate::why::tracer::find;
use foldhash::HashSet;

/// Fan-outs that are gone back over, from one to the one before.
const DEPTH: usize = 4;

/// Entities that could have led to the one that is missing, and are looked at in turn.
const PARENTS: usize = 3;

impl Search<'_, '_> {
    /// No member of an `as_viewer` found the entity, or not every one: why the first that did not
    /// found it not.
    pub(super) fn not_as_members(
        &mut self,
        at: NodeId,
        id: u32,
        depth: usize,
    ) -> Result<(), RunError> {
        let input = self.tracer.graph.get(at).inputs[0];
        let members = self.tracer.sets.rows(input);
        let range = members.range(self.request);
        let Some(found) = self.tracer.found(at)? else {
            return Ok(());
        };
        let all = range.len();
        let missed = range.filter(|&member| find(found, member, id).is_none());
        let missed: Vec<usize> = missed.collect();
        let Some(&first) = missed.first() else {
            self.say(at, false, "there is no viewer".to_owned(), Vec::new());
            return Ok(());
        };
        let viewer = self.tracer.graph.shape(input).entity;
        let whom = self.entity(viewer, members.ids[first]);
        let missed = missed.len();
        let message = format!("{missed} of {all} members do not have it, as {whom}");
        self.say(at, false, message, Vec::new());
        if depth < DEPTH {
            let reasons = self.absent_as(at, first, id, depth + 1)?;
            self.reasons.extend(reasons.into_iter().map(|reason| Reason {
                message: format!("as {whom}: {}", reason.message),
                ..reason
            }));
        }
        Ok(())
    }

    /// Why a member of an `as_viewer` does not have the entity.
    fn absent_as(
        &self,
        at: NodeId,
        member: usize,
        id: u32,
        depth: usize,
    ) -> Result<Vec<Reason>, RunError> {
        let reasons = self.tracer.as_member(at, member, |tracer, root| {
            let mut inner =
                Search { tracer, request: 0, reasons: Vec::new(), looked: HashSet::default() };
            inner.absent(root, id, depth)?;
            Ok(inner.reasons)
        })?;
        Ok(reasons.unwrap_or_default())
    }

    /// A fan-out did not reach an entity: the condition that kept it away, or what would lead to it.
    pub(super) fn unreached(&mut self, at: NodeId, id: u32, depth: usize) -> Result<(), RunError> {
        let node = self.tracer.graph.get(at);
        let exec = self.tracer.exec;
        let input = only(self.tracer.inputs(at)[0], self.request);
        for relaxed in node.op.relaxed(exec.run.snapshot.schema()) {
            let Some(links) = relaxed.op.links(exec, &[&input])? else {
                continue;
            };
            let Some(link) = links.of(self.request).find(|&l| links.ids[l] == id) else {
                continue;
            };
            let (message, values) = match &relaxed.without {
                Condition::Number(written) => (self.beyond(at, &links, link, written), Vec::new()),
                Condition::Other(written) => {
                    let from = self.parent_of(at, &input, &links, link);
                    let message = format!("`{written}` excludes the link from {from}");
                    (message, Vec::new())
                }
                Condition::Entity(condition) => self.excluded(condition, id),
            };
            // a filter that moved into the search drops what would have been found
            let dropped = matches!(relaxed.without, Condition::Entity(_));
            self.say(at, dropped, message, values);
            return Ok(());
        }
        self.no_way(at, id, &input, depth)
    }

    /// A filter that moved into a search keeps the entity away.
    fn excluded(&self, condition: &Expr, id: u32) -> (String, Vec<(String, Value)>) {
        if let Some((set, wanted)) = membership(condition) {
            return (self.member(set, !wanted), Vec::new());
        }
        let frame = Frame {
            n: 1,
            owners: &[self.request as u32],
            ids: &[id],
            ..Frame::requests(self.tracer.exec.run)
        };
        self.failed(std::slice::from_ref(condition), &frame, 0, &[])
    }

    /// It was found, but only past the number that is asked for.
    fn beyond(&mut self, at: NodeId, all: &Contributions, link: usize, written: &str) -> String {
        let graph = self.tracer.graph;
        let node = graph.get(at);
        let request = self.request;
        let input = only(self.tracer.inputs(at)[0], request);
        // its best place over all parents
        let id = all.ids[link];
        let number = |l: usize| {
            let same = all.of(request).start..l;
            same.filter(|&o| all.parents[o] == all.parents[l]).count() + 1
        };
        let best = all
            .of(request)
            .filter(|&l| all.ids[l] == id)
            .min_by_key(|&l| number(l))
            .unwrap_or(link);
        let from = self.parent_of(at, &input, all, best);
        let mut message = format!("number {} from {from}, beyond `{written}`", number(best));
        if node.op.name() == "nn" {
            let parent = all.parents[best] as usize;
            let real = self.tracer.sets.rows(node.inputs[0]).range(request).start + parent;
            let last = match self.tracer.links(at) {
                Ok(Some(links)) => links
                    .of(request)
                    .filter(|&l| links.parents[l] as usize == real)
                    .map(|l| links.weight(l))
                    .next_back(),
                _ => None,
            };
            let similarity = all.weight(best);
            message.push_str(&match last {
                Some(last) => format!(
                    ": similarity {} where the last one found has {}",
                    short(similarity),
                    short(last)
                ),
                None => format!(": similarity {}", short(similarity)),
            });
        }
        message
    }

    fn parent_of(
        &self,
        at: NodeId,
        input: &RowBatch,
        links: &Contributions,
        link: usize,
    ) -> String {
        let shape = self.tracer.graph.shape(self.tracer.graph.get(at).inputs[0]);
        self.entity(shape.entity, input.ids[links.parents[link] as usize])
    }

    pub(super) fn entity(&self, entity: EntityId, id: u32) -> String {
        let name = &self.tracer.run().snapshot.schema().entity(entity).name;
        format!("{name} {}", self.tracer.key(entity, id))
    }

    /// Nothing among the rows before leads to it: what would, and why that is not there.
    fn no_way(
        &mut self,
        at: NodeId,
        id: u32,
        input: &RowBatch,
        depth: usize,
    ) -> Result<(), RunError> {
        let graph = self.tracer.graph;
        let node = graph.get(at);
        let before = graph.shape(node.inputs[0]).entity;
        let parents = self.leading_to(at, id)?;
        let there = |parent: &u32| find(input, self.request, *parent).is_some();
        let near = parents.iter().flatten().copied().find(there);
        if let Some(parent) = near {
            // no condition alone keeps it away: several do
            let (parent, it) = (self.entity(before, parent), self.entity(node.shape.entity, id));
            let message =
                format!("{parent} leads to {it}, but only by links excluded by several conditions");
            self.say(at, false, message, Vec::new());
            return Ok(());
        }
        let message = self.not_there(at, id, input, parents.as_deref());
        self.say(at, false, message, Vec::new());
        if depth >= DEPTH {
            return Ok(());
        }
        for parent in parents.into_iter().flatten().take(PARENTS) {
            let told = self.reasons.len();
            self.absent(node.inputs[0], parent, depth + 1)?;
            let whom = self.entity(before, parent);
            for reason in &mut self.reasons[told..] {
                // of the entity asked for nothing was dropped here
                reason.dropped = false;
                if !reason.message.starts_with(&whom) {
                    reason.message = format!("{whom}: {}", reason.message);
                }
            }
        }
        Ok(())
    }

    /// None of what leads to it is among the rows before.
    fn not_there(&self, at: NodeId, id: u32, input: &RowBatch, parents: Option<&[u32]>) -> String {
        let graph = self.tracer.graph;
        let node = graph.get(at);
        let (it, before) = (self.entity(node.shape.entity, id), graph.shape(node.inputs[0]).entity);
        let before_name = &self.tracer.run().snapshot.schema().entity(before).name;
        let rows = input.range(self.request).len();
        match parents {
            _ if rows == 0 => format!("no `{before_name}` to start from"),
            None => format!("{it} was not found from any of {rows} `{before_name}` rows"),
            Some([]) => format!("nothing leads to {it}"),
            Some(all) => {
                let shown = all.iter().take(PARENTS).map(|&parent| self.entity(before, parent));
                let shown = shown.collect::<Vec<_>>().join(", ");
                let more = match all.len().saturating_sub(PARENTS) {
                    0 => String::new(),
                    n => format!(" and {n} more"),
                };
                let (lead, of_them) = match all.len() {
                    1 => ("leads", "it is not"),
                    _ => ("lead", "none of them is"),
                };
                format!(
                    "only {shown}{more} {lead} to {it}, and {of_them} among {rows} `{before_name}` rows"
                )
            }
        }
    }

    /// The entities whose links lead to one; none if the fan-out does not follow links.
    fn leading_to(&self, at: NodeId, id: u32) -> Result<Option<Vec<u32>>, RunError> {
        let exec = self.tracer.exec;
        let Some(back) = self.tracer.graph.get(at).op.backwards() else {
            return Ok(None);
        };
        let offsets = (0..=exec.run.requests()).map(|r| u32::from(r > self.request)).collect();
        let start = RowBatch { offsets, ids: vec![id], scores: vec![1.0], columns: Vec::new() };
        let Some(links) = back.links(exec, &[&start])? else {
            return Ok(None);
        };
        let mut parents = Vec::new();
        for &parent in &links.ids {
            if parent != NULL_CODE && !parents.contains(&parent) {
                parents.push(parent);
            }
        }
        Ok(Some(parents))
    }
}

/// The rows of one request, with none for the others.
pub(super) fn only(rows: &RowBatch, request: usize) -> RowBatch {
    let range = rows.range(request);
    let places: Vec<u32> = range.map(|place| place as u32).collect();
    let offsets =
        (0..=rows.requests()).map(|r| if r > request { places.len() as u32 } else { 0 }).collect();
    rows.select(offsets, &places)
}
