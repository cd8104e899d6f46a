//! The stages of a program that score rows with a model, and what logs are told of them.

#[cfg(feature = "cli")]
use super::Program;
use crate::answer::{Answer, Cells, Staged};
use crate::batch::Column;
use crate::expr::{NodeId, read};
#[cfg(feature = "cli")]
use crate::ops::Served;
use crate::ops::{Exec, Graph, Ranked, Ranking};
use crate::store::learned::int_key;
use crate::types::{EntityId, Key, Type, Value};
#[cfg(feature = "cli")]
use std::collections::HashMap;

/// A stage on the way to a list.
#[cfg(feature = "cli")]
#[derive(Clone, Debug)]
pub struct Stage {
    /// The place of the list among the results.
    pub list: usize,
    /// `rank final`, and `rank final 2` where there was one before.
    pub name: String,
    pub node: NodeId,
    pub entity: EntityId,
    /// The version, if its model was trained.
    pub served: Option<Served>,
    /// What the model is given: columns of logs with their types.
    pub inputs: Vec<(String, Type)>,
    /// What it gives, where that is a number.
    pub heads: Vec<(String, Type)>,
}

#[cfg(feature = "cli")]
impl Program {
    /// The stages of each list that score rows with a model, in the order in which they run. What runs for each row as
    /// the viewer is not among them.
    pub(crate) fn stages(&self) -> Vec<Stage> {
        let graph = &self.checked().graph;
        let mut stages = Vec::new();
        for (list, (_, result)) in self.checked().results.iter().enumerate() {
            let mut names: HashMap<String, usize> = HashMap::new();
            for node in sources(graph, *result) {
                let op = &graph.get(node).op;
                let Some(ranking) = op.ranking() else { continue };
                let label = op.label(self.schema());
                let number = names.entry(label.clone()).or_default();
                *number += 1;
                let name = if *number == 1 { label } else { format!("{label} {number}") };
                let entity = graph.shape(node).entity;
                stages.push(Stage { list, name, node, entity, ..described(&ranking) });
            }
        }
        stages
    }
}

/// The nodes of stages, each once.
#[cfg(feature = "cli")]
pub fn nodes(stages: &[Stage]) -> Vec<NodeId> {
    let mut nodes = Vec::new();
    for stage in stages {
        if !nodes.contains(&stage.node) {
            nodes.push(stage.node);
        }
    }
    nodes
}

#[cfg(feature = "cli")]
fn described(ranking: &Ranking) -> Stage {
    let names = ranking.served.map_or(&[][..], |served| &served.inputs);
    let bucketed = ranking.served.map_or(&[][..], |served| &served.buckets);
    let inputs = names.iter().zip(bucketed).zip(ranking.inputs);
    let inputs = inputs.map(|((name, buckets), expr)| {
        (name.clone(), if buckets.is_some() { Type::Int } else { expr.ty.clone() })
    });
    let heads = ranking.heads.iter().filter(|(_, ty)| is_number(ty));
    Stage {
        list: 0,
        name: String::new(),
        node: NodeId(0),
        entity: EntityId(0),
        served: ranking.served.cloned(),
        inputs: inputs.collect(),
        heads: heads.map(|(name, ty)| ((*name).to_owned(), (*ty).clone())).collect(),
    }
}

/// What a topic or another value is has a column of the answer.
fn is_number(ty: &Type) -> bool {
    matches!(ty, Type::Float | Type::Int | Type::Bool)
}

/// The nodes that the rows of one come from, in the order in which they run.
#[cfg(feature = "cli")]
fn sources(graph: &Graph, result: NodeId) -> Vec<NodeId> {
    let (mut nodes, mut open) = (Vec::new(), vec![result]);
    while let Some(id) = open.pop() {
        if !nodes.contains(&id) {
            nodes.push(id);
            open.extend(graph.get(id).sources());
        }
    }
    nodes.sort_unstable();
    nodes
}

/// Adds to answers what the models of some nodes did with candidates, in the order of the nodes.
pub(super) fn tell(answers: &mut [Answer], nodes: &[NodeId], graph: &Graph, exec: &Exec) {
    for (number, &node) in nodes.iter().enumerate() {
        let (op, entity) = (&graph.get(node).op, graph.shape(node).entity);
        let (Some(ranked), Some(ranking)) = (exec.ranked(&**op), op.ranking()) else { continue };
        let told = Told { exec, entity, ranked: &ranked, ranking: &ranking };
        for (place, &request) in ranked.requests.iter().enumerate() {
            answers[request as usize].staged.push(told.of(number, place));
        }
    }
}

/// What is told of a node.
struct Told<'a> {
    exec: &'a Exec<'a>,
    entity: EntityId,
    ranked: &'a Ranked,
    ranking: &'a Ranking<'a>,
}

impl Told<'_> {
    /// The candidates of the request at a place among those that it ran for.
    fn of(&self, node: usize, place: usize) -> Staged {
        let Ranked { offsets, ids, before, scores, positions, inputs, heads, .. } = self.ranked;
        let own = offsets[place] as usize..offsets[place + 1] as usize;
        let keys = self.exec.run.keys.keys(self.entity, &ids[own.clone()]);
        let cells = |column: &Column, ty: &Type, buckets: Option<u32>| match (column, buckets) {
            (Column::F64(floats), _) => Cells::Floats(floats[own.clone()].to_vec()),
            (column, buckets) => {
                let values = read::values(self.exec.run, column, ty, own.clone());
                Cells::Values(values.into_iter().map(|value| bucketed(value, buckets)).collect())
            }
        };
        let buckets = self.ranking.served.map_or(&[][..], |served| &served.buckets);
        let given = inputs.iter().zip(self.ranking.inputs).zip(buckets);
        let numbers = heads.iter().zip(&self.ranking.heads).filter(|(_, (_, ty))| is_number(ty));
        Staged {
            node,
            keys: keys.into_iter().map(|key| key.unwrap_or(Key::Int(0))).collect(),
            before: before[own.clone()].to_vec(),
            scores: scores[own.clone()].to_vec(),
            positions: positions[own.clone()].to_vec(),
            inputs: given.map(|((column, expr), n)| cells(column, &expr.ty, *n)).collect(),
            heads: numbers.map(|(column, (_, ty))| cells(column, ty, None)).collect(),
        }
    }
}

/// A hash as the model reads it.
fn bucketed(value: Value, buckets: Option<u32>) -> Value {
    match (value, buckets) {
        (Value::Int(hash), Some(n)) => Value::Int((int_key(hash) % u64::from(n)) as i64),
        (Value::List(items), Some(_)) => {
            Value::List(items.into_iter().map(|item| bucketed(item, buckets)).collect())
        }
        (value, _) => value,
    }
}
