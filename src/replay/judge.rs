//! The rows of one request against its truth.

use super::metric::{GainFunction, Judged, Measure, Metric};
use super::stages::Stage;
use super::truth::Truth;
use std::cell::RefCell;

/// Values of a stage for one request: recall of all its rows, the share of the truth that was there before it and is
/// not behind it, and `ndcg` at the stages' cut.
pub const STAGE_VALUES: usize = 3;
/// Rows of a stage that its `ndcg` looks at.
pub const STAGE_CUT: usize = 10;

/// What is asked of the rows of every request.
pub struct Judge<'a> {
    /// Those that are a mean over requests.
    pub metrics: &'a [Metric],
    pub function: GainFunction,
    /// Most rows that a metric looks at.
    pub most: usize,
    /// Rows of the entity that is looked for.
    pub entity_rows: usize,
}

/// What else a metric may need to know of a request.
pub struct Beside<'a> {
    /// The rows of the baseline.
    pub baseline: Option<&'a [u32]>,
    /// For each metric that is a rate: the rows that the user has links to ahead, in order.
    pub linked: &'a dyn Fn(&Metric) -> Vec<u32>,
    /// The surprise of a row in bits.
    pub surprise: &'a dyn Fn(u32) -> f64,
    /// The cosine of two rows; none where one has no vector.
    pub cosine: &'a dyn Fn(u32, u32) -> Option<f64>,
    pub partial: bool,
    pub underfilled: bool,
}

impl Judge<'_> {
    /// The value of every metric; NaN where there is none.
    pub fn values(&self, rows: &[u32], truth: &Truth, beside: &Beside) -> Vec<f64> {
        let judged = self.judged(rows, truth);
        let value = |metric: &Metric| {
            let first = &rows[..metric.cut.min(rows.len())];
            match metric.measure {
                measure if measure.reads_truth() => match truth.gains.is_empty() {
                    true => f64::NAN,
                    false => judged.value(measure, metric.cut, self.function),
                },
                Measure::Novelty => mean(first.iter().map(|&row| (beside.surprise)(row))),
                Measure::Ild => distance(first, beside.cosine),
                Measure::Rate => {
                    let linked = (beside.linked)(metric);
                    let is_linked = |row: &u32| f64::from(linked.binary_search(row).is_ok());
                    mean(first.iter().map(is_linked))
                }
                Measure::Overlap => overlap(first, beside.baseline, metric.cut),
                Measure::Empty => f64::from(rows.is_empty()),
                Measure::Rows => rows.len() as f64,
                Measure::Partial => f64::from(beside.partial),
                Measure::Underfilled => f64::from(beside.underfilled),
                _ => f64::NAN,
            }
        };
        self.metrics.iter().map(value).collect()
    }

    fn judged(&self, rows: &[u32], truth: &Truth) -> Judged {
        let first = &rows[..self.most.min(rows.len())];
        let mut ideal: Vec<f64> = truth.gains.iter().map(|(_, gain)| *gain).collect();
        ideal.sort_unstable_by(|a, b| b.total_cmp(a));
        Judged { gains: first.iter().map(|&row| truth.gain(row)).collect(), ideal }
    }

    /// The values of every stage, [`STAGE_VALUES`] each; NaN where the request has no truth.
    pub fn stages(&self, stages: &[Stage], rows: &[&[u32]], truth: &Truth) -> Vec<f64> {
        let n = truth.gains.len();
        if n == 0 {
            return vec![f64::NAN; STAGE_VALUES * stages.len()];
        }
        let found: Vec<Vec<bool>> = self.marked(truth, |place| {
            let of_stage = |rows: &&[u32]| {
                let mut found = vec![false; n];
                rows.iter().filter_map(|&row| place(row)).for_each(|at| found[at] = true);
                found
            };
            rows.iter().map(of_stage).collect()
        });
        let mut values = Vec::with_capacity(STAGE_VALUES * stages.len());
        for (place, stage) in stages.iter().enumerate() {
            let count = |is: &dyn Fn(usize) -> bool| (0..n).filter(|&at| is(at)).count() as f64;
            let before = |at: usize| stage.inputs.iter().any(|&input| found[input][at]);
            let here = |at: usize| found[place][at];
            values.push(count(&here) / n as f64);
            values.push(match stage.inputs.is_empty() {
                true => f64::NAN,
                false => count(&|at| before(at) && !here(at)) / n as f64,
            });
            let judged = self.judged(rows[place], truth);
            values.push(judged.value(Measure::Ndcg, STAGE_CUT, self.function));
        }
        values
    }

    /// Hands on a function from a row to its place in the truth. Stages have many rows and the truth few: a row is one
    /// look into a table that this thread keeps.
    fn marked<R>(&self, truth: &Truth, f: impl FnOnce(&dyn Fn(u32) -> Option<usize>) -> R) -> R {
        thread_local! {
            /// One more than the place in the truth; 0 for others.
            static MARKS: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
        }
        MARKS.with_borrow_mut(|marks| {
            marks.resize(marks.len().max(self.entity_rows), 0);
            for (place, (row, _)) in (1..).zip(&truth.gains) {
                marks[*row as usize] = place;
            }
            let place = |row: u32| {
                let mark = marks.get(row as usize).copied().unwrap_or(0);
                (mark as usize).checked_sub(1)
            };
            let found = f(&place);
            truth.gains.iter().for_each(|(row, _)| marks[*row as usize] = 0);
            found
        })
    }
}

/// The mean of values; null (NaN) of none.
fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

/// Mean of one minus the cosine over all pairs of rows that have vectors; null below two of these.
fn distance(rows: &[u32], cosine: &dyn Fn(u32, u32) -> Option<f64>) -> f64 {
    let (mut sum, mut pairs) = (0.0, 0usize);
    for (place, &a) in rows.iter().enumerate() {
        for similarity in rows[..place].iter().filter_map(|&b| cosine(a, b)) {
            sum += 1.0 - similarity;
            pairs += 1;
        }
    }
    sum / pairs as f64
}

/// Share of the longer list that both have; null where both are empty, or there is nothing to compare with.
fn overlap(rows: &[u32], baseline: Option<&[u32]>, cut: usize) -> f64 {
    let Some(other) = baseline else { return f64::NAN };
    let other = &other[..cut.min(other.len())];
    let shared = rows.iter().filter(|row| other.contains(row)).count() as f64;
    shared / rows.len().max(other.len()) as f64
}
