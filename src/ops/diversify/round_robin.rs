//! `round_robin`: the keys take turns.

use crate::batch::{Column, RowBatch, Stop, arrange, places};
use crate::ops::kit::group::Groups;
use crate::ops::kit::reorder::reordered;
use crate::ops::{Exec, RunError};

pub fn round_robin_rows(
    exec: &Exec,
    rows: &RowBatch,
    columns: &[Column],
) -> Result<RowBatch, RunError> {
    reordered(exec, rows, |_, range| {
        let groups = Groups::new(exec, "diversify_by", columns, range)?;
        let order = round_robin(&groups, exec.run.stop);
        exec.check("diversify_by", 0)?;
        Ok(order)
    })
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
    places(&turns, stop).collect()
}
