//! Candidate sets of many requests at once.

use super::sort::{arrange, sorting};
use super::{Column, Stop, blocks};
use crate::types::NULL_BOOL;
use std::ops::Range;

/// Rows that are moved between two looks at the clock.
const BLOCK: usize = 1 << 16;

/// An ordered list of rows per request, columns over all of them.
///
/// Request `r` has the rows `offsets[r]..offsets[r + 1]`, in order; each entity at most once.
/// A column that nobody reads is not there: it is empty, however many rows there are.
#[derive(Clone, Debug, Default)]
pub struct RowBatch {
    /// One more than there are requests; the first is 0.
    pub offsets: Vec<u32>,
    /// Row numbers of the entity's table.
    pub ids: Vec<u32>,
    /// NaN is null.
    pub scores: Vec<f64>,
    /// The bound columns, in the order of the node's shape.
    pub columns: Vec<Column>,
}

impl RowBatch {
    /// No rows for each of `requests` requests, with no columns.
    pub fn empty(requests: usize) -> RowBatch {
        RowBatch { offsets: vec![0; requests + 1], ..RowBatch::default() }
    }

    pub fn requests(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The rows of a request.
    pub fn range(&self, request: usize) -> Range<usize> {
        self.offsets[request] as usize..self.offsets[request + 1] as usize
    }

    /// The request of every row.
    pub fn owners(&self) -> Vec<u32> {
        if self.requests() == 1 {
            // zeros cost nothing before they are read
            return vec![0; self.len()];
        }
        let mut owners = Vec::with_capacity(self.len());
        for r in 0..self.requests() {
            owners.resize(self.offsets[r + 1] as usize, r as u32);
        }
        owners
    }

    /// The rows at `places`, as [`RowBatch::select`] gives them, with scores of their own; no rows if the run
    /// has to end.
    pub fn select_until(
        &self,
        offsets: Vec<u32>,
        places: &[u32],
        scores: &[f64],
        stop: Stop,
    ) -> RowBatch {
        let none = || RowBatch {
            columns: self.columns.iter().map(|c| c.gather(&[])).collect(),
            ..RowBatch::empty(self.requests())
        };
        let mut rows = none();
        let _held = stop.hold(places.len() * self.width());
        if stop.is_over() {
            return rows;
        }
        rows.ids.reserve(places.len());
        rows.scores.reserve(places.len());
        for places in places.chunks(BLOCK) {
            if stop.is_due() {
                return none();
            }
            rows.ids.extend(places.iter().map(|&p| self.ids[p as usize]));
            rows.scores.extend(places.iter().map(|&p| scores[p as usize]));
            let columns = self.columns.iter().zip(&mut rows.columns);
            // a column that nobody reads is empty, and stays so
            for (column, all) in columns.filter(|(column, _)| !column.is_empty()) {
                all.extend_from(column, places);
            }
        }
        RowBatch { offsets, ..rows }
    }

    /// The rows at `places`, which are grouped by request as `offsets` says.
    pub fn select(&self, offsets: Vec<u32>, places: &[u32]) -> RowBatch {
        self.select_until(offsets, places, &self.scores, Stop::default())
    }

    /// The columns of the rows at `places`.
    pub fn gather(&self, places: &[u32]) -> Vec<Column> {
        let at = |column: &Column| match column.is_empty() {
            true => column.clone(),
            false => column.gather(places),
        };
        self.columns.iter().map(at).collect()
    }

    /// No rows, of which it is known how many each request had.
    pub fn counting(counts: impl IntoIterator<Item = u32>) -> RowBatch {
        let mut offsets = vec![0];
        let mut all = 0;
        for count in counts {
            all += count;
            offsets.push(all);
        }
        RowBatch { offsets, ..RowBatch::default() }
    }

    /// The requests of each, one after the other; all have the same columns.
    pub fn concat<'r>(parts: impl Iterator<Item = &'r RowBatch> + Clone) -> RowBatch {
        let (mut ids, mut scores, mut offsets) = (Vec::new(), Vec::new(), vec![0]);
        for rows in parts.clone() {
            let before = ids.len() as u32;
            offsets.extend(rows.offsets[1..].iter().map(|end| before + end));
            ids.extend_from_slice(&rows.ids);
            scores.extend_from_slice(&rows.scores);
        }
        let width = parts.clone().next().map_or(0, |rows| rows.columns.len());
        // where there are no rows, or nobody reads it, a column is of any kind
        let column = |place: usize| {
            let all = parts.clone().map(|rows| rows.columns[place].clone());
            Column::concat(&all.collect::<Vec<Column>>())
        };
        RowBatch { offsets, ids, scores, columns: (0..width).map(column).collect() }
    }

    /// For each of other requests the rows of one of these, or none; fewer if the run has to end.
    pub fn repeat(
        &self,
        of: impl ExactSizeIterator<Item = Option<usize>> + Clone,
        stop: Stop,
    ) -> RowBatch {
        let count = of.clone().flatten().map(|r| self.range(r).len()).sum();
        let mut rows = RowBatch {
            columns: self.columns.iter().map(|c| c.gather(&[])).collect(),
            ..RowBatch::empty(of.len())
        };
        let _held = stop.hold(count * self.width());
        if stop.is_over() {
            return rows;
        }
        rows.offsets.truncate(1);
        rows.ids.reserve(count);
        rows.scores.reserve(count);
        for request in of {
            let range = request.map_or(0..0, |r| self.range(r));
            for part in blocks(range, BLOCK).take_while(|_| !stop.is_due()) {
                rows.ids.extend_from_slice(&self.ids[part.clone()]);
                rows.scores.extend_from_slice(&self.scores[part.clone()]);
                let columns = self.columns.iter().zip(&mut rows.columns);
                for (column, all) in columns.filter(|(column, _)| !column.is_empty()) {
                    all.extend_part(column, part.clone());
                }
            }
            rows.offsets.push(rows.ids.len() as u32);
        }
        rows
    }

    /// The rows of some requests; fewer if the run has to end.
    pub fn of_requests(&self, requests: &[u32], stop: Stop) -> RowBatch {
        self.repeat(requests.iter().map(|&r| Some(r as usize)), stop)
    }

    /// The rows for which `keep` is 1, in their order.
    pub fn retain(&self, keep: &[u8]) -> RowBatch {
        self.retain_until(keep, Stop::default())
    }

    /// The same; no rows if the run has to end.
    pub fn retain_until(&self, keep: &[u8], stop: Stop) -> RowBatch {
        let mut offsets = Vec::with_capacity(self.offsets.len());
        let mut places = Vec::with_capacity(self.len());
        offsets.push(0);
        for r in 0..self.requests() {
            for block in blocks(self.range(r), BLOCK) {
                if stop.is_due() {
                    break;
                }
                extend_passing(&mut places, block, |i| keep[i] == 1);
            }
            offsets.push(places.len() as u32);
        }
        self.select_until(offsets, &places, &self.scores, stop)
    }

    /// The rows by other scores, descending, null last, ties to the entity that stands earlier in its
    /// table; of request `r` the first `most[r]`. Their own scores stay. Where `order` is false any
    /// order will do. If the run has to end, any rows will.
    pub fn best(
        &self,
        scores: &[f64],
        most: Option<&[u64]>,
        order: bool,
        stop: Stop,
    ) -> (Vec<u32>, Vec<u32>) {
        let mut offsets = Vec::with_capacity(self.offsets.len());
        let sorted = |r: usize| sorting(self.range(r).len(), most.map(|most| most[r]));
        let longest = (0..self.requests()).map(sorted).max().unwrap_or(0);
        let _held = stop.hold(longest + 4 * self.len());
        if stop.is_over() {
            return (vec![0; self.offsets.len()], Vec::new());
        }
        let mut places = Vec::with_capacity(if most.is_none() { self.len() } else { 0 });
        let mut keys = Vec::new();
        offsets.push(0);
        for r in 0..self.requests() {
            let rows = self.range(r);
            let most = most.map(|most| most[r]);
            if order || most.is_some() {
                let key = |i: usize| sort_key(scores[i], self.ids[i], i as u32);
                arrange(rows.map(key), most, &mut keys, stop);
                places.extend(super::places(&keys, stop));
            } else {
                places.extend(rows.map(|i| i as u32));
            }
            offsets.push(places.len() as u32);
        }
        (offsets, places)
    }

    /// As [`RowBatch::best`], in order; equal scores are ordered by further keys in turn, each descending
    /// with null last, before the table is asked.
    pub fn best_by(
        &self,
        scores: &[f64],
        then: &[Column],
        most: Option<&[u64]>,
        stop: Stop,
    ) -> (Vec<u32>, Vec<u32>) {
        let mut offsets = Vec::with_capacity(self.offsets.len());
        let (mut places, mut keys, mut values) = (Vec::new(), Vec::new(), Vec::new());
        offsets.push(0);
        for r in 0..self.requests() {
            let most = most.map(|most| most[r]);
            let rows = self.contenders(r, scores, most);
            // where each of them stands by the keys so far, from the last to the first
            let mut rank: Vec<u32> = rows.iter().map(|&row| self.ids[row as usize]).collect();
            for column in then.iter().rev() {
                descending_keys(column, &rows, &mut values);
                let key = |i: usize| key_of(values[i], rank[i], i as u32);
                arrange((0..rows.len()).map(key), None, &mut keys, stop);
                for (place, i) in super::places(&keys, stop).enumerate() {
                    rank[i as usize] = place as u32;
                }
            }
            let key = |i: usize| sort_key(scores[rows[i] as usize], rank[i], i as u32);
            arrange((0..rows.len()).map(key), most, &mut keys, stop);
            places.extend(super::places(&keys, stop).map(|i| rows[i as usize]));
            offsets.push(places.len() as u32);
        }
        (offsets, places)
    }

    /// The rows of a request that can be among its first `most`, whatever decides between equal scores.
    fn contenders(&self, request: usize, scores: &[f64], most: Option<u64>) -> Vec<u32> {
        let rows = self.range(request).map(|row| row as u32);
        let most = most.and_then(|most| usize::try_from(most).ok());
        let Some(most) = most.filter(|most| *most < rows.len()) else {
            return rows.collect();
        };
        let Some(last) = most.checked_sub(1) else {
            return Vec::new();
        };
        let key = |row: u32| descending_float(scores[row as usize]);
        let mut keys: Vec<u64> = rows.clone().map(key).collect();
        let (_, &mut last, _) = keys.select_nth_unstable(last);
        rows.filter(|&row| key(row) <= last).collect()
    }
}

/// Appends the rows of a range that pass. Which ones will cannot be foreseen, so that no jump depends on it.
pub fn extend_passing(places: &mut Vec<u32>, rows: Range<usize>, passes: impl Fn(usize) -> bool) {
    let mut end = places.len();
    places.resize(end + rows.len(), 0);
    for row in rows {
        places[end] = row as u32;
        end += usize::from(passes(row));
    }
    places.truncate(end);
}

/// A number whose ascending order is the order by score, with a place (any number) in its low
/// bits. Sorting plain integers is several times faster than comparing floats behind places.
#[inline]
pub fn sort_key(score: f64, id: u32, place: u32) -> u128 {
    key_of(descending_float(score), id, place)
}

#[inline]
fn key_of(descending: u64, id: u32, place: u32) -> u128 {
    u128::from(descending) << 64 | u128::from(id) << 32 | u128::from(place)
}

/// A number whose ascending order is that of floats descending, null last.
#[inline]
fn descending_float(x: f64) -> u64 {
    let ascending = if x.is_nan() {
        i64::MIN
    } else {
        // adding 0 makes both zeros one; negative floats have their other bits turned round
        let bits = (x + 0.0).to_bits() as i64;
        bits ^ (((bits >> 63) as u64) >> 1) as i64
    };
    descending_int(ascending)
}

/// The same of ints, of which null is the smallest.
#[inline]
fn descending_int(x: i64) -> u64 {
    !(x as u64 ^ 1 << 63)
}

/// The same of the values of a column at `rows`: numbers, times, durations and conditions (true first).
/// Values of other types are all equal.
fn descending_keys(column: &Column, rows: &[u32], keys: &mut Vec<u64>) {
    keys.clear();
    let rows = rows.iter().map(|&row| row as usize);
    match column {
        Column::I64(v) => keys.extend(rows.map(|row| descending_int(v[row]))),
        Column::F64(v) => keys.extend(rows.map(|row| descending_float(v[row]))),
        Column::Bool(v) => keys.extend(rows.map(|row| match v[row] {
            NULL_BOOL => 2,
            x => u64::from(x == 0),
        })),
        _ => keys.extend(rows.map(|_| 0)),
    }
}

/// The place in a [`sort_key`].
#[inline]
pub fn place_of(key: u128) -> u32 {
    key as u32
}

/// The order of two rows by score: descending, null last, ties to the smaller id.
#[inline]
pub fn by_score(a: (f64, u32), b: (f64, u32)) -> std::cmp::Ordering {
    descending(a.0, b.0).then(a.1.cmp(&b.1))
}

/// Descending, null last; both zeros are equal.
#[inline]
pub fn descending(a: f64, b: f64) -> std::cmp::Ordering {
    b.partial_cmp(&a).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_scores_do() {
        let scores = [
            f64::NAN,
            f64::NEG_INFINITY,
            f64::MIN,
            -1.0,
            -f64::MIN_POSITIVE,
            -0.0,
            0.0,
            f64::MIN_POSITIVE,
            0.5,
            1.0,
            f64::MAX,
            f64::INFINITY,
            -f64::NAN,
        ];
        for a in scores {
            for b in scores {
                for (x, y) in [(1, 2), (2, 1), (3, 3)] {
                    let keys = sort_key(a, x, 7).cmp(&sort_key(b, y, 7));
                    assert_eq!(keys, by_score((a, x), (b, y)), "{a} {x} and {b} {y}");
                }
            }
        }
        assert_eq!(place_of(sort_key(0.5, 9, 77)), 77);
    }

    #[test]
    fn further_keys_decide_between_equal_scores() {
        let rows = RowBatch {
            offsets: vec![0, 6, 6],
            ids: vec![5, 4, 3, 2, 1, 0],
            scores: vec![0.0; 6],
            columns: Vec::new(),
        };
        let scores = [1.0, f64::NAN, 1.0, 1.0, f64::NAN, 2.0];
        let flags = [Column::Bool(vec![0, NULL_BOOL, 1, 1, 0, 0])];
        let numbers = Column::I64(vec![9, 1, crate::types::NULL_INT, -4, 1, 0]);
        let by = |then: &[Column], most: Option<&[u64]>| {
            rows.best_by(&scores, then, most, Stop::default()).1
        };
        let all = by(&[flags[0].clone(), numbers.clone()], None);
        assert_eq!(all, [5, 3, 2, 0, 4, 1]);
        assert_eq!(by(&[numbers], None), [5, 0, 3, 2, 4, 1]);
        for most in 0..7 {
            let first = by(&flags, Some(&[most, 1]));
            assert_eq!(first, by(&flags, None)[..6.min(most as usize)]);
        }
        let none = rows.best(&scores, None, true, Stop::default());
        assert_eq!(rows.best_by(&scores, &[], None, Stop::default()), none);
    }

    #[test]
    fn the_best_rows_are_the_first_of_all_in_order() {
        let rows = RowBatch {
            offsets: vec![0, 0, 6, 8],
            ids: vec![9, 3, 5, 1, 2, 7, 4, 6],
            scores: vec![0.0; 8],
            columns: vec![Column::I64((0..8).collect()), Column::F64(Vec::new())],
        };
        let scores = [1.0, 2.0, f64::NAN, 2.0, 0.5, f64::NAN, -1.0, 3.0];
        let all = vec![3, 1, 0, 4, 2, 5, 7, 6];
        assert_eq!(
            rows.best(&scores, None, true, Stop::default()),
            (vec![0, 0, 6, 8], all.clone())
        );
        for most in 0..8 {
            let (offsets, places) =
                rows.best(&scores, Some(&[5, most, u64::MAX]), true, Stop::default());
            let kept = most.min(6) as usize;
            assert_eq!(offsets, [0, 0, kept as u32, kept as u32 + 2]);
            assert_eq!(places, [&all[..kept], &all[6..]].concat());
        }
        let (offsets, places) = rows.best(&scores, None, false, Stop::default());
        assert_eq!((offsets, places.len()), (rows.offsets.clone(), 8));
        // a column that nobody reads stays empty
        let best = rows.select(vec![0, 0, 1, 1], &[3]);
        assert_eq!((best.columns[0].len(), best.columns[1].len()), (1, 0));
    }
}
