//! `round_robin`: the keys take turns.

use crate::batch::{Column, Rows, Stop, arrange, place_of};
use crate::ops::group::Groups;
use crate::ops::{Exec, RunError};

/// Steps between two looks at the clock.
const STEPS: usize = 1 << 12;

pub fn round_robin_rows(exec: &Exec, rows: &Rows, columns: &[Column]) -> Result<Rows, RunError> {
    let mut places = Vec::with_capacity(rows.len());
    for request in 0..rows.requests() {
        let range = rows.range(request);
        let groups = Groups::new(exec, "diversify_by", columns, range.clone())?;
        let order = round_robin(&groups, exec.run.stop);
        exec.check("diversify_by", 0)?;
        places.extend(order.into_iter().map(|p| range.start as u32 + p));
    }
    let (offsets, stop) = (rows.offsets.clone(), exec.run.stop);
    Ok(rows.select_until(offsets, &places, &rows.scores, stop))
}

/// Pass `p` places the `p`-th row of each group, unless it stands already; groups come in the
/// order of their first row. If the run has to end, there may be fewer rows.
fn round_robin(groups: &Groups, stop: Stop) -> Vec<u32> {
    let mut passes = vec![0u32; groups.count()];
    // where a row is placed first: the pass, then the group
    let turn = |row: usize| {
        let of = groups.of(row).iter().map(|&group| {
            let pass = &mut passes[group as usize];
            *pass += 1;
            u64::from(*pass) << 32 | u64::from(group)
        });
        u128::from(of.min().unwrap_or(0)) << 32 | row as u128
    };
    let mut turns = Vec::new();
    arrange((0..groups.rows()).map(turn), None, &mut turns, stop);
    let mut order = Vec::with_capacity(turns.len());
    for turns in turns.chunks(STEPS) {
        if stop.is_due() {
            break;
        }
        order.extend(turns.iter().map(|&turn| place_of(turn)));
    }
    order
}
