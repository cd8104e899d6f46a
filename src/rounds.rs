//! The second round: a request that ends with fewer rows than it asked for, while an `auto` kept
//! candidates from it, is run once more with more of them.

use crate::check::{Checked, Numbers};
use crate::exec::{Results, for_requests};
use crate::expr::NodeId;
use crate::expr::eval::Sets;
use crate::ops::{Effect, Exec, Graph, Node, Quantity, Role, RunError};

/// By how much a number that was reached is multiplied.
const FACTOR: u64 = 4;

/// Of each request: the numbers of its second round, in the order of the program's `auto`s; none
/// for a request that has what it asked for, or can have no more.
pub type Again = Vec<Option<Vec<u64>>>;

/// Which requests need a second round, after a run of the graph `ran`.
pub fn second(
    checked: &Checked,
    ran: &Graph,
    exec: &Exec,
    results: &Results,
) -> Result<Again, RunError> {
    let mut again = vec![None; exec.run.requests()];
    if checked.autos.is_empty() {
        return Ok(again);
    }
    for (_, result) in &checked.results {
        let Some(cut) = last_cut(&checked.graph, *result) else {
            continue;
        };
        let short = short(&checked.graph, *result, cut, exec, results);
        if !short.is_empty() {
            raise(checked, ran, cut, &short, exec, results, &mut again)?;
        }
    }
    Ok(again)
}

/// The requests that want the same numbers, which run together.
pub fn groups(again: Again) -> Vec<(Vec<u64>, Vec<usize>)> {
    let mut groups: Vec<(Vec<u64>, Vec<usize>)> = Vec::new();
    for (place, numbers) in again.into_iter().enumerate() {
        let Some(numbers) = numbers else { continue };
        match groups.iter_mut().find(|(known, _)| *known == numbers) {
            Some((_, places)) => places.push(place),
            None => groups.push((numbers, vec![place])),
        }
    }
    groups
}

/// The numbers by place.
pub fn by_place(checked: &Checked, numbers: &[u64]) -> Numbers {
    let places = checked.autos.iter().map(|auto| auto.place.clone());
    places.zip(numbers.iter().copied()).collect()
}

/// The last operator on the way to a result that says how many rows it wants.
fn last_cut(graph: &Graph, result: NodeId) -> Option<NodeId> {
    let mut id = result;
    loop {
        let node = graph.get(id);
        if node.op.cut().is_some_and(|n| *n != Quantity::All) {
            return Some(id);
        }
        id = match node.op.effect() {
            Effect::Other => return None,
            _ => *node.inputs.first()?,
        };
    }
}

/// The requests that end with fewer rows than their last cut asks for.
fn short(graph: &Graph, result: NodeId, cut: NodeId, exec: &Exec, results: &Results) -> Vec<u32> {
    let asked = graph.get(cut).op.cut().map(|n| n.per_request(exec.run));
    let rows = results.rows(result);
    let is_short = |(request, &n): (usize, &u64)| {
        ((rows.range(request).len() as u64) < n).then_some(request as u32)
    };
    asked
        .iter()
        .flatten()
        .enumerate()
        .filter_map(is_short)
        .collect()
}

/// Raises the numbers that the requests reached above the cut.
fn raise(
    checked: &Checked,
    ran: &Graph,
    cut: NodeId,
    requests: &[u32],
    exec: &Exec,
    results: &Results,
    again: &mut [Option<Vec<u64>>],
) -> Result<(), RunError> {
    let above = candidates(&checked.graph, cut);
    for_requests(exec, results, requests, |exec, sets| {
        // a fact may be the same node, but has a number of its own
        let autos = checked.autos.iter().enumerate();
        for (index, auto) in autos.filter(|(_, auto)| auto.place.role == Role::Source) {
            // one that had nothing to do has not run
            let looked_at = |node: &&NodeId| above.contains(node) && results.has(**node);
            for node in auto.nodes.iter().filter(looked_at) {
                let reached = reached(ran.get(*node), auto.number, exec, sets)?;
                let of_all = requests.iter().zip(reached);
                for (&request, _) in of_all.filter(|(_, reached)| *reached) {
                    let numbers = again[request as usize]
                        .get_or_insert_with(|| checked.autos.iter().map(|a| a.number).collect());
                    numbers[index] = auto.number.saturating_mul(FACTOR);
                }
            }
        }
        Ok(())
    })
}

/// The nodes that the rows of a node come from: neither what they are compared with, nor what
/// expressions read.
fn candidates(graph: &Graph, id: NodeId) -> Vec<NodeId> {
    let (mut found, mut open) = (Vec::new(), vec![id]);
    while let Some(id) = open.pop() {
        if !found.contains(&id) {
            found.push(id);
            open.extend(graph.get(id).sources());
        }
    }
    found
}

/// Whether a row of the request got as many links or neighbours as the number lets through.
fn reached(node: &Node, number: u64, exec: &Exec, sets: &dyn Sets) -> Result<Vec<bool>, RunError> {
    let inputs: Vec<_> = node.inputs.iter().map(|&input| sets.rows(input)).collect();
    let requests = exec.run.requests();
    let Some(links) = node.op.links(exec, &inputs)? else {
        return Ok(vec![false; requests]);
    };
    let full = |request: usize| {
        let parents = &links.parents[links.of(request)];
        let of_one = parents.chunk_by(|a, b| a == b);
        of_one.map(<[u32]>::len).any(|n| n as u64 >= number)
    };
    Ok((0..requests).map(full).collect())
}
