//! Partial answers: a run is cut at a look at the clock, and what it gives is compared with what the whole
//! run has at the operator where it ended.

use igql::batch::{Looks, Stop};
use igql::check::Checked;
use igql::expr::NodeId;
use igql::ops::Effect;
use igql::{Answer, Engine, Key, Limits, Program, Request};

/// Limits of a run that looks at a clock which only counts.
fn counted(looks: &'static Looks) -> Limits {
    Limits {
        partial: true,
        stop: Stop { looks: Some(looks), ..Stop::default() },
        ..Limits::default()
    }
}

/// How many partial answers there were, how many of their rows.
#[derive(Debug, Default)]
pub struct Seen {
    pub partial: usize,
    pub with_rows: usize,
}

/// Cuts the run of a request at the looks that `pick` chooses among so many. On one thread alone.
pub fn cut(
    engine: &Engine,
    program: &Program,
    request: &Request,
    pick: impl FnOnce(u64) -> Vec<u64>,
    seen: &mut Seen,
) -> Result<(), String> {
    let looks: &'static Looks = Box::leak(Box::new(Looks::new()));
    let run = |at: u64| {
        looks.cut_at(at);
        let pass = engine.execute(program, std::slice::from_ref(request), &counted(looks).into());
        pass.map_err(|e| format!("cut at look {at}: {e}"))
    };
    run(u64::MAX)?;
    for at in pick(looks.made()) {
        let answer = run(at)?.answers.remove(0);
        if answer.partial {
            seen.partial += 1;
            seen.with_rows += usize::from(answer.lists.iter().any(|list| !list.is_empty()));
            holds(engine, program, request, &answer)
                .map_err(|e| format!("cut at look {at}: {e}"))?;
        }
    }
    Ok(())
}

/// The rows of every list are among those of the operator where it ended, in their order; and every
/// condition between it and the result is true of them.
pub fn holds(
    engine: &Engine,
    program: &Program,
    request: &Request,
    answer: &Answer,
) -> Result<(), String> {
    let checked = program.checked();
    let rows_of = |id: NodeId| engine.rows_of(program, request, id).map_err(|e| e.to_string());
    for ((name, result), list) in checked.results.iter().zip(&answer.lists) {
        let found: Vec<Key> = list.rows().map(|row| row.key().clone()).collect();
        let Some(ended) = answer.ended.iter().find(|ended| ended.list == *name) else {
            if found != rows_of(*result)? {
                return Err(format!("list {name:?} is not the whole run's"));
            }
            continue;
        };
        let Some(stage) = ended.node else {
            if !found.is_empty() {
                return Err(format!("list {name:?} has rows of nowhere"));
            }
            continue;
        };
        let all = rows_of(stage)?;
        let mut left = all.iter();
        if let Some(key) = found.iter().find(|key| !left.any(|k| k == *key)) {
            return Err(format!("{key} is not among the rows of {:?}, or not in order", ended.at));
        }
        for condition in conditions(checked, *result, stage) {
            let (before, after) = (checked.graph.get(condition).inputs[0], condition);
            let (before, after) = (rows_of(before)?, rows_of(after)?);
            let kept_out = |key: &&Key| before.contains(key) && !after.contains(key);
            if left_aside(checked, condition, &rows_of)? {
                continue;
            }
            if let Some(key) = found.iter().find(kept_out) {
                let op = &checked.graph.get(condition).op;
                return Err(format!(
                    "{key} ended at {:?}, but `{}` keeps it out",
                    ended.at,
                    op.name()
                ));
            }
        }
    }
    Ok(())
}

/// Whether a condition belongs to a side of a choice that has no rows in the whole run, as one that was not
/// taken: that says nothing of the condition.
fn left_aside(
    checked: &Checked,
    condition: NodeId,
    rows_of: &dyn Fn(NodeId) -> Result<Vec<Key>, String>,
) -> Result<bool, String> {
    let leads = |from: NodeId| checked.graph.reachable(&[from]).contains(&condition);
    for number in 0..checked.graph.len() {
        let node = checked.graph.get(NodeId(number as u32));
        for (input, &side) in node.inputs.iter().enumerate() {
            let others = node.inputs.iter().filter(|&&other| other != side);
            let is_its = node.op.gate(input).is_some() && leads(side);
            if is_its && !others.copied().any(leads) && rows_of(side)?.is_empty() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The conditions that every way from an operator to a result goes through.
fn conditions(checked: &Checked, result: NodeId, stage: NodeId) -> Vec<NodeId> {
    let leads = |without: Option<NodeId>| {
        let (mut open, mut seen) = (vec![result], Vec::new());
        while let Some(id) = open.pop() {
            if seen.contains(&id) || Some(id) == without {
                continue;
            }
            seen.push(id);
            let node = checked.graph.get(id);
            open.extend(node.sources());
        }
        seen
    };
    let narrows = |id: &NodeId| checked.graph.get(*id).op.effect() == Effect::Narrows;
    let all = leads(None).into_iter().filter(|id| *id != stage).filter(narrows);
    all.filter(|&id| !leads(Some(id)).contains(&stage)).collect()
}
