//! Sorting that can be given up.

use super::Stop;

/// Keys that are sorted or merged between two looks at the clock.
const RUN: usize = 1 << 15;

/// Puts the sort keys of a request's rows in order, or no more of the first than `most`: those are found
/// before they are sorted. If the run has to end, the order is anything.
pub fn arrange(keys: &mut Vec<u128>, most: Option<u64>, stop: Stop) {
    let most = most.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    if most < keys.len() {
        keep_first(keys, most, stop);
    }
    sort_keys(keys, stop);
}

/// Leaves the `most` smallest keys, in any order.
fn keep_first(keys: &mut Vec<u128>, most: usize, stop: Stop) {
    let step = RUN.max(most);
    let mut kept = 0;
    // a chunk at a time beside the best so far
    for start in (0..keys.len()).step_by(step) {
        if stop.is_due() {
            break;
        }
        let end = keys.len().min(start + step);
        keys.copy_within(start..end, kept);
        kept += end - start;
        if kept > most && most > 0 {
            keys[..kept].select_nth_unstable(most - 1);
        }
        kept = kept.min(most);
    }
    keys.truncate(kept);
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
            let mut keys: Vec<u128> = (0..len)
                .map(|_| {
                    state = state.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835) + 1;
                    state >> 64
                })
                .collect();
            let mut sorted = keys.clone();
            sorted.sort_unstable();
            for most in [0, 1, 10, RUN + 5] {
                let mut first = keys.clone();
                arrange(&mut first, Some(most as u64), Stop::default());
                assert!(first == sorted[..most.min(len)], "{most} of {len}");
            }
            arrange(&mut keys, None, Stop::default());
            assert!(keys == sorted, "{len}");
        }
    }
}
