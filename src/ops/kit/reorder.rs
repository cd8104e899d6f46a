//! Rows of each request in another order.

use crate::batch::RowBatch;
use crate::ops::{Exec, RunError};
use std::ops::Range;

/// The rows of each request in the order that `order` gives for its number and the places of its rows, as
/// numbers from the first of them.
pub fn reordered(
    exec: &Exec,
    rows: &RowBatch,
    mut order: impl FnMut(usize, Range<usize>) -> Result<Vec<u32>, RunError>,
) -> Result<RowBatch, RunError> {
    let mut places = Vec::with_capacity(rows.len());
    for request in 0..rows.requests() {
        let range = rows.range(request);
        let start = range.start as u32;
        let order = order(request, range)?;
        places.extend(order.into_iter().map(|place| start + place));
    }
    let (offsets, stop) = (rows.offsets.clone(), exec.run.stop);
    Ok(rows.select_until(offsets, &places, &rows.scores, stop))
}
