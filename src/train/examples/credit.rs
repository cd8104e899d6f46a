//! Labels of heads whose target is an edge: which examples are credited with its links.

use super::found::each_part;
use crate::expr::EdgeExpr;
use crate::expr::links::Needs;
use crate::expr::run::Run;
use crate::types::{NULL_CODE, NULL_INT};
use foldhash::HashSet;

/// A link from a viewer to a target.
type Link = (u32, u32, i64);

/// The examples that are followed by a link to their target within the window. A link counts for the last example of
/// its viewer and target at or before it; of several at one time for the last of them.
pub fn credited(
    run: &Run,
    edge: &EdgeExpr,
    viewers: &[u32],
    targets: &[u32],
    times: &[i64],
    window: i64,
) -> Vec<bool> {
    let mut order: Vec<u32> = (0..viewers.len() as u32).collect();
    let pair = |place: u32| (viewers[place as usize], targets[place as usize]);
    // examples stand in the order of time
    order.sort_unstable_by_key(|&place| (pair(place), place));
    let mut found = vec![false; viewers.len()];
    for (viewer, target, time) in links(run, edge, viewers) {
        let start = order.partition_point(|&place| pair(place) < (viewer, target));
        let own = &order[start..];
        let own = &own[..own.partition_point(|&place| pair(place) == (viewer, target))];
        let before = own.partition_point(|&place| times[place as usize] <= time);
        if let Some(&last) = own[..before].last() {
            found[last as usize] |= time.saturating_sub(times[last as usize]) <= window;
        }
    }
    found
}

/// The links of some viewers that a request sees, but for those without a time.
fn links(run: &Run, edge: &EdgeExpr, viewers: &[u32]) -> Vec<Link> {
    let distinct: HashSet<u32> = viewers.iter().copied().collect();
    let mut starts: Vec<u32> = distinct.into_iter().filter(|&v| v != NULL_CODE).collect();
    starts.sort_unstable();
    let needs = Needs { time: true, ..Needs::of(edge) };
    let mut found = Vec::new();
    each_part(run, edge, &starts, &needs, |starts, links| {
        for place in 0..links.len() {
            let time = links.time.get(place).copied().unwrap_or(NULL_INT);
            if time != NULL_INT {
                found.push((starts[links.parent[place] as usize], links.to[place], time));
            }
        }
    });
    found
}
