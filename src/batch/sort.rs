//! Sorting that can be given up.

use super::{BLOCK, Stop, place_of};

/// Keys that are sorted or merged between two looks at the clock.
const RUN: usize = 1 << 15;

/// Leaves the sort keys of a request's rows in order, or no more of the first than `most`: those are found
/// before they are sorted. If the run has to end, there may be fewer, in any order.
pub fn arrange(
    mut all: impl ExactSizeIterator<Item = u128>,
    most: Option<u64>,
    keys: &mut Vec<u128>,
    stop: Stop,
) {
    let most = most.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    // a chunk at a time beside the best so far, about as long as those where that is short
    let chunk = match most < all.len() {
        true => RUN.max(most.min(1 << 18)),
        false => RUN,
    };
    keys.clear();
    keys.reserve(all.len().min(most.saturating_add(chunk)));
    while all.len() > 0 && !stop.is_due() {
        keys.extend(all.by_ref().take(chunk));
        if keys.len() > most {
            if most > 0 {
                keys.select_nth_unstable(most - 1);
            }
            keys.truncate(most);
        }
    }
    sort_keys(keys, stop);
}

/// Bytes that [`arrange`] takes for so many keys.
pub fn sorting(all: usize, most: Option<u64>) -> usize {
    let most = most.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let keys = all.min(most.saturating_add(RUN.max(most.min(1 << 18))));
    // sorted runs are merged into others
    size_of::<u128>() * if keys > RUN { 2 * keys } else { keys }
}

/// The places in the low bits of sort keys. If the run has to end, there may be fewer.
pub fn places(keys: &[u128], stop: Stop) -> impl Iterator<Item = u32> {
    let blocks = keys.chunks(BLOCK).take_while(move |_| !stop.is_due());
    blocks.flatten().map(|&key| place_of(key))
}

/// Sorts ascending. If the run has to end, the order is anything.
fn sort_keys(keys: &mut Vec<u128>, stop: Stop) {
    for run in keys.chunks_mut(RUN) {
        if stop.is_due() {
            return;
        }
        run.sort_unstable();
    }
    let mut merged = Vec::new();
    let mut width = RUN;
    while width < keys.len() {
        merged.clear();
        merged.reserve(keys.len());
        for pair in keys.chunks(2 * width) {
            let (left, right) = pair.split_at(width.min(pair.len()));
            if !merge(left, right, &mut merged, stop) {
                return;
            }
        }
        std::mem::swap(keys, &mut merged);
        width *= 2;
    }
}

/// Appends both in order; false if the run has to end.
fn merge(mut left: &[u128], mut right: &[u128], out: &mut Vec<u128>, stop: Stop) -> bool {
    while let (Some(&a), Some(&b)) = (left.first(), right.first()) {
        let end = out.len() + RUN;
        if stop.is_due() {
            return false;
        }
        let (mut a, mut b) = (a, b);
        while out.len() < end {
            if a <= b {
                out.push(a);
                left = &left[1..];
                let Some(&next) = left.first() else { break };
                a = next;
            } else {
                out.push(b);
                right = &right[1..];
                let Some(&next) = right.first() else { break };
                b = next;
            }
        }
    }
    out.extend_from_slice(left);
    out.extend_from_slice(right);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length_is_sorted() {
        let mut state = 1u128;
        for len in [0, 1, RUN - 1, RUN, RUN + 1, 3 * RUN, 5 * RUN + 77] {
            let keys: Vec<u128> = (0..len)
                .map(|_| {
                    state = state.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835) + 1;
                    state >> 64
                })
                .collect();
            let mut sorted = keys.clone();
            sorted.sort_unstable();
            for most in [0, 1, 10, RUN + 5] {
                let mut first = Vec::new();
                let all = keys.iter().copied();
                arrange(all, Some(most as u64), &mut first, Stop::default());
                assert!(first == sorted[..most.min(len)], "{most} of {len}");
            }
            let mut all = Vec::new();
            arrange(keys.iter().copied(), None, &mut all, Stop::default());
            assert!(all == sorted, "{len}");
        }
    }
}
