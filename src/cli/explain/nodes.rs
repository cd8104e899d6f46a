//! Operators and open numbers of a plan as JSON.

use crate::engine::{Engine, Program};
use crate::exec::Schedule;
use crate::expr::functions::own::Effort;
use crate::expr::show::show;
use crate::expr::{Kind, NodeId};
use crate::plan::Reason;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashSet};

/// What runs, and behind it what runs for other viewers.
pub(super) fn nodes_of(schedule: &Schedule) -> Vec<NodeId> {
    let (mut nodes, mut known) = (Vec::new(), HashSet::new());
    let (mut open, mut opened) = (vec![schedule], HashSet::new());
    while let Some(schedule) = open.pop() {
        nodes.extend(schedule.nodes().filter(|id| known.insert(*id)));
        let nested = schedule.all_nested().filter(|(id, _)| opened.insert(*id));
        open.extend(nested.map(|(_, nested)| nested));
    }
    nodes
}

/// What is asked of each node, and what to expect there.
type Demands = [(Option<f64>, f64)];

/// The numbers that the program leaves open: what they became, and why.
pub(super) fn quantities(engine: &Engine, program: &Program) -> Vec<Json> {
    let checked = program.checked();
    let choices = checked.autos.iter().zip(&program.plan().choices);
    let choices = choices.filter(|(_, choice)| choice.reason != Reason::Unread);
    let reported = choices.map(|(auto, choice)| {
        let span = auto.place.fanout;
        let place = program.sources().position(span.source, span.start);
        let node = auto.nodes.first().map(|&id| checked.graph.get(id));
        json!({
            "op": node.map(|node| node.op.label(engine.schema())),
            "nodes": auto.nodes.iter().map(|id| id.0).collect::<Vec<_>>(),
            "constant": auto.constant,
            "number": auto.number,
            "reason": choice.reason.to_string(),
            "at": {"file": &*program.sources().get(span.source).name, "line": place.line, "column": place.column},
        })
    });
    reported.collect()
}

/// The arguments of an operator, with bound columns by their names in the place of their numbers.
fn details(engine: &Engine, program: &Program, id: NodeId) -> String {
    let text = program.checked().graph.get(id).op.details(engine.schema());
    with_names(program, id, &text)
}

/// The same for people, without what trained models are given.
pub(super) fn brief(engine: &Engine, program: &Program, id: NodeId) -> String {
    let text = program.checked().graph.get(id).op.brief(engine.schema());
    with_names(program, id, &text)
}

/// A text with bound columns by their names in the place of their numbers.
fn with_names(program: &Program, id: NodeId, text: &str) -> String {
    let graph = &program.checked().graph;
    let node = graph.get(id);
    let mut names: Vec<&str> = Vec::new();
    if let Some(&input) = node.inputs.first() {
        let columns = &graph.shape(input).columns;
        names.extend(columns.iter().map(|c| c.name.as_str()));
    }
    for name in node.op.binds() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut parts = text.split('$');
    let mut named = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit());
        let (number, rest) = part.split_at(end.unwrap_or(part.len()));
        match number.parse().ok().and_then(|i: usize| names.get(i)) {
            Some(name) => named.push_str(name),
            None => named.push_str(&format!("${number}")),
        }
        named.push_str(rest);
    }
    named
}

/// What the model of an operator is given of each row: the names that its declaration has, and the expressions.
pub(super) fn given(engine: &Engine, program: &Program, id: NodeId) -> Vec<(String, String)> {
    let op = &program.checked().graph.get(id).op;
    let ranking = op.ranking();
    let mut found: Vec<(String, String)> = Vec::new();
    for expr in op.exprs() {
        expr.walk(&mut |part| {
            if let Kind::Call { kernel, args } = &part.kind
                && kernel.output().is_some()
                && found.is_empty()
            {
                let given = args.iter().map(|arg| {
                    let text = with_names(program, id, &show(arg, engine.schema()).to_string());
                    let name = ranking.as_ref().and_then(|ranking| ranking.name_of(arg));
                    (name.map_or_else(|| text.clone(), str::to_owned), text)
                });
                found.extend(given);
            }
        });
    }
    found
}

pub(super) fn node(engine: &Engine, program: &Program, id: NodeId, demands: &Demands) -> Json {
    let schema = engine.schema();
    let node = program.checked().graph.get(id);
    let place = program.sources().position(node.span.source, node.span.start);
    let columns: Vec<String> = node
        .shape
        .columns
        .iter()
        .map(|c| format!("{}: {}", c.name, schema.type_name(&c.ty)))
        .collect();
    let wave = program.schedule().waves.iter().position(|w| w.contains(&id));
    let (wanted, expected) = demands[id.0 as usize];
    let mut described = json!({
        "node": id.0,
        "op": node.op.name(),
        "details": details(engine, program, id),
        "brief": brief(engine, program, id),
        "inputs": node.inputs.iter().map(|i| i.0).collect::<Vec<_>>(),
        "reads": node.needs().iter().filter(|n| !node.inputs.contains(n)).map(|n| n.0).collect::<Vec<_>>(),
        "entity": schema.entity(node.shape.entity).name,
        "columns": columns,
        "at_most": node.shape.bound,
        "wanted": wanted.map(|rows| rows.ceil() as u64),
        "expected": expected.round() as u64,
        "contributions": contributions(engine, program, id),
        "wave": wave,
        "lazy": program.schedule().is_lazy(id),
        "at": {"file": &*program.sources().get(node.span.source).name, "line": place.line, "column": place.column},
    });
    let models = models(program, id, demands);
    if !models.is_empty() {
        described["models"] = models.into();
    }
    let given = given(engine, program, id).into_iter();
    let given: Vec<Json> = given.map(|(name, expr)| json!({"name": name, "expr": expr})).collect();
    if !given.is_empty() {
        described["given"] = given.into();
    }
    described
}

/// The trained models that an operator scores its rows with: how many rows come in, how many features it reads of each, and
/// what a row costs.
fn models(program: &Program, id: NodeId, demands: &Demands) -> Vec<Json> {
    let node = program.checked().graph.get(id);
    let mut found: BTreeMap<usize, (String, usize, Effort)> = BTreeMap::new();
    for expr in node.op.exprs() {
        expr.walk(&mut |part| {
            if let Kind::Call { kernel, args } = &part.kind
                && let Some((model, effort)) = kernel.output().and_then(|own| own.effort())
            {
                let named = || (version_of(kernel.function.name), args.len(), effort);
                found.entry(model).or_insert_with(named);
            }
        });
    }
    let rows = node.inputs.first().map_or(0.0, |input| demands[input.0 as usize].1.round());
    let mut models: Vec<_> = found.into_values().collect();
    models.sort_by(|a, b| a.0.cmp(&b.0));
    let model = |(model, features, effort): (String, usize, Effort)| {
        json!({
            "model": model,
            "rows": rows as u64,
            "features": features,
            "each": effort.each,
            "unit": effort.unit,
            "all": rows as u64 * effort.each,
        })
    };
    models.into_iter().map(model).collect()
}

/// `taste@2` of `media.taste@2.p_like`.
fn version_of(head: &str) -> String {
    let number = head.find('@').map_or(head.len(), |at| at + 1);
    let end = head[number..].find('.').map_or(head.len(), |at| number + at);
    head[..end].split_once('.').map_or(&head[..end], |(_, label)| label).to_owned()
}

/// Most contributions that the operator can merge for a request.
pub(super) fn contributions(engine: &Engine, program: &Program, id: NodeId) -> Option<u64> {
    program.checked().graph.contributions(id, engine.snapshot())
}
