//! A run that is done, looked at from a result backwards.

use crate::batch::RowBatch;
use crate::exec::{Results, Schedule, in_viewers, run_as_viewers};
use crate::expr::read::value;
use crate::expr::run::Sets;
use crate::expr::{NodeId, Run};
use crate::ops::{Contributions, Exec, Graph, RunError};
use crate::types::{EntityId, Key, Type, Value};
use std::collections::HashMap;

/// A run that is done, while its rows are explained.
pub struct Tracer<'a> {
    pub(super) graph: &'a Graph,
    pub(super) exec: &'a Exec<'a>,
    pub(super) sets: &'a dyn Sets,
    pub(super) schedule: &'a Schedule,
    pub(super) links: HashMap<NodeId, Option<Contributions>>,
    /// Of `as_viewer`: what each of its members found, a request per member.
    pub(super) found: HashMap<NodeId, RowBatch>,
}

impl<'a> Tracer<'a> {
    /// Over the rows of a finished run.
    pub fn new(
        graph: &'a Graph,
        schedule: &'a Schedule,
        exec: &'a Exec<'a>,
        sets: &'a dyn Sets,
    ) -> Tracer<'a> {
        Tracer { graph, exec, sets, schedule, links: HashMap::new(), found: HashMap::new() }
    }

    pub(super) fn run(&self) -> &'a Run<'a> {
        self.exec.run
    }

    pub(super) fn label(&self, node: NodeId) -> String {
        self.graph.get(node).op.label(self.run().snapshot.schema())
    }

    pub(super) fn inputs(&self, node: NodeId) -> Vec<&'a RowBatch> {
        let inputs = &self.graph.get(node).inputs;
        inputs.iter().map(|&input| self.sets.rows(input)).collect()
    }

    /// What a fan-out merged; none if the node is none.
    pub(super) fn links(&mut self, node: NodeId) -> Result<Option<&Contributions>, RunError> {
        if !self.links.contains_key(&node) {
            let inputs = self.inputs(node);
            let links = self.graph.get(node).op.links(self.exec, &inputs)?;
            self.links.insert(node, links);
        }
        Ok(self.links[&node].as_ref())
    }

    pub(super) fn key(&self, entity: EntityId, id: u32) -> Key {
        let key = self.run().keys.key(entity, id);
        key.unwrap_or(Key::Int(0))
    }

    /// What the members of an `as_viewer` found; none if the node is none.
    pub(super) fn found(&mut self, at: NodeId) -> Result<Option<&RowBatch>, RunError> {
        let (Some(root), Some(inner)) = (self.graph.get(at).op.nested(), self.schedule.nested(at))
        else {
            return Ok(None);
        };
        if !self.found.contains_key(&at) {
            let members = self.inputs(at)[0];
            let rows = run_as_viewers(self.graph, inner, root, self.exec, members)?;
            self.found.insert(at, rows);
        }
        Ok(self.found.get(&at))
    }

    /// Explains what one member of an `as_viewer` found, in a run with it as the viewer.
    pub(super) fn as_member<R>(
        &self,
        at: NodeId,
        member: usize,
        then: impl FnOnce(&mut Tracer, NodeId) -> Result<R, RunError>,
    ) -> Result<Option<R>, RunError> {
        let (Some(root), Some(inner)) = (self.graph.get(at).op.nested(), self.schedule.nested(at))
        else {
            return Ok(None);
        };
        let members = self.inputs(at)[0];
        let offsets =
            members.offsets.iter().map(|&start| u32::from(start as usize > member)).collect();
        let one = members.select(offsets, &[member as u32]);
        let explain = |exec: &Exec, results: &Results| {
            then(&mut Tracer::new(self.graph, inner, exec, results), root)
        };
        let (_, made) = in_viewers(self.graph, inner, self.exec, &one, explain)?;
        Ok(Some(made))
    }

    pub(super) fn read(&self, column: &crate::batch::Column, ty: &Type, place: usize) -> Value {
        value(self.run(), column, ty, place)
    }
}

/// A score; none for null.
pub(super) fn known(score: f64) -> Option<f64> {
    Some(score).filter(|s| !s.is_nan())
}

/// Where a request has an entity; none if it has it not, or if the node did not run for it.
pub(super) fn find(rows: &RowBatch, request: usize, id: u32) -> Option<usize> {
    if request >= rows.requests() {
        return None;
    }
    rows.range(request).find(|&place| rows.ids[place] == id)
}
