//! Sorting links by the row they belong to.

use rayon::prelude::*;

/// The links of each row: `offsets` per row (and one more), `order` the numbers of the links.
pub struct Csr {
    pub offsets: Vec<u32>,
    pub order: Vec<u32>,
}

impl Csr {
    /// Sorts links by `row` (each below `rows`), within a row newest first (null times, the
    /// smallest of all numbers, last), ties and links without time as listed.
    pub fn new(rows: usize, row: &[u32], time: Option<&[i64]>) -> Csr {
        let offsets = offsets(rows, row);
        let mut next = offsets.clone();
        let mut order = vec![0; row.len()];
        for (link, &r) in row.iter().enumerate() {
            let at = &mut next[r as usize];
            order[*at as usize] = link as u32;
            *at += 1;
        }
        if let Some(time) = time {
            newest_first(&offsets, &mut order, time);
        }
        Csr { offsets, order }
    }

    /// Values of the links in the order of the rows.
    pub fn arrange<T: Copy + Send + Sync>(&self, values: &[T]) -> Vec<T> {
        self.order.par_iter().map(|&link| values[link as usize]).collect()
    }
}

fn offsets(rows: usize, row: &[u32]) -> Vec<u32> {
    let mut offsets = vec![0u32; rows + 1];
    row.iter().for_each(|&r| offsets[r as usize + 1] += 1);
    for i in 1..offsets.len() {
        offsets[i] += offsets[i - 1];
    }
    offsets
}

/// Sorts each row's links by descending time; stable. Runs of rows are sorted in parallel.
fn newest_first(offsets: &[u32], order: &mut [u32], time: &[i64]) {
    const RUN: usize = 4096;
    let mut rest = order;
    let mut runs = Vec::new();
    for rows in offsets.windows(2).collect::<Vec<_>>().chunks(RUN) {
        let (start, end) = (rows[0][0] as usize, rows[rows.len() - 1][1] as usize);
        let (run, after) = std::mem::take(&mut rest).split_at_mut(end - start);
        runs.push((start, rows.to_vec(), run));
        rest = after;
    }
    runs.into_par_iter().for_each(|(start, rows, run)| {
        for row in rows {
            let links = &mut run[row[0] as usize - start..row[1] as usize - start];
            links.sort_by_key(|&link| std::cmp::Reverse(time[link as usize]));
        }
    });
}

/// The largest of the links' times and of those of both their ends; `i64::MIN` if there is none.
pub fn latest(time: Option<&[i64]>, ends: [(&[u32], Option<&[i64]>); 2]) -> i64 {
    let own = time.and_then(|t| t.par_iter().max().copied()).unwrap_or(i64::MIN);
    let of_end = |(rows, times): (&[u32], Option<&[i64]>)| {
        times.and_then(|t| rows.par_iter().map(|&r| t[r as usize]).max()).unwrap_or(i64::MIN)
    };
    own.max(of_end(ends[0])).max(of_end(ends[1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::view::Adjacency;

    fn links(csr: &Csr, row: u32) -> &[u32] {
        let all = Adjacency {
            offsets: &csr.offsets,
            target: &csr.order,
            link: &csr.order,
            time: None,
            weight: None,
            latest: i64::MIN,
        };
        &all.target[all.range(row)]
    }

    #[test]
    fn links_of_a_row_are_newest_first_with_ties_and_nulls_as_listed() {
        let time = [5, i64::MIN, 7, 5, 7, i64::MIN];
        let csr = Csr::new(3, &[2, 2, 2, 2, 0, 2], Some(&time));
        assert_eq!(links(&csr, 0), [4]);
        assert!(links(&csr, 1).is_empty());
        assert_eq!(links(&csr, 2), [2, 0, 3, 1, 5]);
    }

    #[test]
    fn without_times_links_stay_as_listed() {
        let csr = Csr::new(2, &[1, 0, 1, 1], None);
        assert_eq!((links(&csr, 0), links(&csr, 1)), (&[1][..], &[0, 2, 3][..]));
    }

    #[test]
    fn many_rows_are_sorted_in_runs() {
        let rows: Vec<u32> = (0..30_000).map(|i| i * 7 % 10_000).collect();
        let time: Vec<i64> = (0..30_000).collect();
        let csr = Csr::new(10_000, &rows, Some(&time));
        for row in 0..10_000 {
            let of_row = links(&csr, row);
            assert!(
                of_row.is_sorted_by(|a, b| a > b)
                    && of_row.iter().all(|&l| rows[l as usize] == row)
            );
        }
    }

    #[test]
    fn latest_looks_at_links_and_ends() {
        let ends = [(&[0u32, 1][..], Some(&[3i64, 9][..])), (&[1, 0], None)];
        assert_eq!(latest(Some(&[4, 5]), ends), 9);
        assert_eq!(latest(Some(&[4, 50]), ends), 50);
        assert_eq!(latest(None, [(&[0], None), (&[0], None)]), i64::MIN);
    }
}
