//! Links as a sparse matrix, and its transpose.

use super::Links;

/// A sparse matrix: the entries of each row in ascending columns, none twice.
#[derive(Debug)]
pub struct Matrix {
    pub offsets: Vec<usize>,
    pub columns: Vec<u32>,
    /// The entries; `None`: all are 1.
    pub values: Option<Vec<f64>>,
    /// Number of columns.
    pub width: usize,
}

/// The matrix A × B of links, and its transpose.
pub struct Both {
    /// A row for each source.
    pub by_source: Matrix,
    /// A row for each target.
    pub by_target: Matrix,
}

impl Both {
    /// Parallel links are one entry: 1, or with `weighted` the sum of their weights.
    pub fn of(links: &Links, weighted: bool) -> Both {
        let by_target = gathered(links, links.weights.filter(|_| weighted));
        Both { by_source: by_target.transposed(), by_target }
    }

    /// Of a row for each source.
    pub fn of_sources(by_source: Matrix) -> Both {
        Both { by_target: by_source.transposed(), by_source }
    }

    /// Bytes of both.
    pub fn bytes(size: &super::Size, weighted: bool) -> u64 {
        let entry = if weighted { 12 } else { 4 };
        2 * entry * size.links as u64 + 8 * (size.sources + size.targets) as u64
    }
}

impl Matrix {
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn places(&self, row: usize) -> std::ops::Range<usize> {
        self.offsets[row]..self.offsets[row + 1]
    }

    pub fn row(&self, row: usize) -> &[u32] {
        &self.columns[self.places(row)]
    }

    /// The columns of a row with their values.
    pub fn entries(&self, row: usize) -> impl Iterator<Item = (u32, f64)> {
        let values = self.values.as_deref();
        self.places(row).map(move |at| (self.columns[at], values.map_or(1.0, |v| v[at])))
    }

    /// The sum of each row.
    pub fn sums(&self) -> Vec<f64> {
        let sum = |row| match &self.values {
            Some(values) => values[self.places(row)].iter().sum(),
            None => self.places(row).len() as f64,
        };
        (0..self.rows()).map(sum).collect()
    }

    /// Rows and columns exchanged.
    fn transposed(&self) -> Matrix {
        let mut next = starts(self.width, self.columns.iter().copied());
        let offsets = next.clone();
        let mut columns = vec![0; self.columns.len()];
        let mut values = self.values.as_ref().map(|values| vec![0.0; values.len()]);
        for row in 0..self.rows() {
            for at in self.places(row) {
                let place = &mut next[self.columns[at] as usize];
                columns[*place] = row as u32;
                if let (Some(to), Some(from)) = (&mut values, &self.values) {
                    to[*place] = from[at];
                }
                *place += 1;
            }
        }
        Matrix { offsets, columns, values, width: self.rows() }
    }
}

/// Where the entries of each of `rows` begin, and where the last ones end, from the row of each entry.
pub fn starts(rows: usize, of_entries: impl Iterator<Item = u32>) -> Vec<usize> {
    let mut starts = vec![0; rows + 1];
    for row in of_entries {
        starts[row as usize + 1] += 1;
    }
    for row in 0..rows {
        starts[row + 1] += starts[row];
    }
    starts
}

/// A row for each target. Links come in ascending sources, so that parallel ones arrive together.
fn gathered(links: &Links, weights: Option<&[f64]>) -> Matrix {
    let weight = |at: usize| weights.map_or(1.0, |weights| weights[at]);
    let counts = |at: &usize| {
        let weight = weight(*at);
        (links.ends[*at] as usize) < links.targets && weight > 0.0 && weight.is_finite()
    };
    let all = || (0..links.sources()).flat_map(|a| links.places(a)).filter(counts);
    let begins = starts(links.targets, all().map(|at| links.ends[at]));
    let mut next = begins.clone();
    let mut columns = vec![0u32; begins[links.targets]];
    let mut values = weights.map(|_| vec![0.0; columns.len()]);
    for source in 0..links.sources() {
        for at in links.places(source).filter(counts) {
            let end = links.ends[at] as usize;
            let place = next[end];
            if place > begins[end] && columns[place - 1] == source as u32 {
                if let Some(values) = &mut values {
                    values[place - 1] = (values[place - 1] + weight(at)).min(f64::MAX);
                }
                continue;
            }
            columns[place] = source as u32;
            if let Some(values) = &mut values {
                values[place] = weight(at);
            }
            next[end] += 1;
        }
    }
    closed_up(&begins, &next, columns, values, links.sources())
}

/// Removes what is free between the end of each row's entries and the start of the next row.
fn closed_up(
    begins: &[usize],
    ends: &[usize],
    mut columns: Vec<u32>,
    mut values: Option<Vec<f64>>,
    width: usize,
) -> Matrix {
    let mut offsets = vec![0];
    let mut kept = 0;
    for (&begin, &end) in begins.iter().zip(&ends[..begins.len() - 1]) {
        columns.copy_within(begin..end, kept);
        if let Some(values) = &mut values {
            values.copy_within(begin..end, kept);
        }
        kept += end - begin;
        offsets.push(kept);
    }
    columns.truncate(kept);
    if let Some(values) = &mut values {
        values.truncate(kept);
    }
    Matrix { offsets, columns, values, width }
}
