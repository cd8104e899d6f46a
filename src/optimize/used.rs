//! What is used of the rows of every node, from the results backwards.

use crate::exec::shared;
use crate::expr::ir::{Kind, OfSet, Stat};
use crate::expr::{Expr, NodeId};
use crate::ops::{Graph, Node, Used};

/// What is used of every node, by its number; nothing of those that do not run. Where there are `watched`
/// nodes, nothing is used of the results beyond what is of these: which rows there are, in their order. What `logged`
/// nodes give and are given is used as it is.
pub fn used(
    graph: &Graph,
    results: &[NodeId],
    (watched, logged): (&[NodeId], &[NodeId]),
    running: &[NodeId],
) -> Vec<Used> {
    let shared = shared(graph, running);
    let mut used = vec![Used::nothing(); graph.len()];
    for id in results.iter().filter(|_| watched.is_empty()) {
        used[id.0 as usize] = Used::ALL;
    }
    for id in watched {
        used[id.0 as usize].add(Used::members().in_order());
    }
    for &id in running.iter().rev() {
        if logged.contains(&id) {
            used[id.0 as usize] = Used::ALL;
            graph.get(id).inputs.iter().for_each(|input| used[input.0 as usize] = Used::ALL);
        }
        let own = used[id.0 as usize].clone();
        by_node(graph.get(id), &own, &shared, &mut used);
    }
    used
}

/// What a node uses of others, given what is used of it.
fn by_node(node: &Node, own: &Used, shared: &[bool], used: &mut [Used]) {
    for (number, input) in node.inputs.iter().enumerate() {
        let mut uses = node.op.uses(number, own);
        if number == 0 && node.op.leaves_out() {
            let windows = own.part.rows.iter().flatten();
            let more = windows.map(|window| window.and(node.inputs[1])).collect();
            uses.part.rows = own.part.rows.is_some().then_some(more);
        }
        if shared[input.0 as usize] && uses.part.is_personal() {
            // what is the same for all stays so: it is made once
            uses = uses.of_all_rows();
        }
        used[input.0 as usize].add(uses);
    }
    for expr in node.op.exprs() {
        of_sets(expr, used);
    }
    if let Some(nested) = node.op.nested() {
        used[nested.0 as usize] = Used::ALL;
    }
}

/// What an expression reads of other sets.
fn of_sets(expr: &Expr, used: &mut [Used]) {
    expr.walk_sets(&mut |part| match &part.kind {
        Kind::InSet { set, .. } => used[set.0 as usize].add(Used::members()),
        Kind::OfSet { set, what, .. } => used[set.0 as usize].add(match what {
            OfSet::Score | OfSet::Chance | OfSet::Certain => Used::members(),
            OfSet::Position => Used::members().in_order(),
        }),
        Kind::OverSet { set, stat, value } => {
            let all = Used::members().reading(value.as_ref());
            used[set.0 as usize].add(match in_any_order(*stat) {
                true => all,
                false => all.in_order(),
            });
        }
        _ => {}
    });
}

/// Whether an aggregate is the same in whatever order: sums are rounded, and overflow, in one.
fn in_any_order(stat: Stat) -> bool {
    match stat {
        Stat::Count | Stat::Exists | Stat::Any | Stat::All | Stat::None => true,
        Stat::Sum | Stat::Mean | Stat::Min | Stat::Max => false,
        Stat::Newest(_) | Stat::FoldIn(_) => false,
    }
}
