//! How good the scores of a head are.

use super::table::Target;
use serde::{Deserialize, Serialize};

/// Scores of examples with a label.
#[derive(Clone, Copy, Debug)]
pub struct Scored<'a> {
    /// Logits; predicted numbers for a head that learns a number.
    pub scores: &'a [f64],
    /// Labels.
    pub labels: &'a [f32],
    /// Weights of the examples.
    pub weights: &'a [f32],
    /// Numbers of their viewers.
    pub viewers: &'a [u32],
}

/// Metrics of a head on some examples; `None` where one is not defined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Examples with a label.
    pub examples: u64,
    /// Those with a label of 0.5 or more.
    pub positives: u64,
    /// Weighted mean of the labels.
    pub base_rate: Option<f64>,
    /// The chance that a positive scores above a negative, ties counting half.
    pub auc: Option<f64>,
    /// The same within viewers that have both, averaged by their rows.
    pub gauc: Option<f64>,
    /// Mean log loss; squared error for numbers.
    pub loss: Option<f64>,
    /// Loss over that of the base rate; squared error over variance for numbers.
    pub ne: Option<f64>,
    /// NDCG of each viewer's ten best, averaged over viewers with a positive; rows with one score in every order.
    pub ndcg: Option<f64>,
    /// Distance of mean probability and mean label in ten bins of equal count.
    pub ece: Option<f64>,
    /// These bins, the least probable first; none for numbers. They are no part of what is written beside weights.
    #[serde(skip)]
    pub bins: Vec<Bin>,
}

/// Examples whose probabilities are near.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// How many.
    pub examples: u64,
    /// Weighted mean of the probabilities.
    pub predicted: f64,
    /// Weighted mean of the labels.
    pub observed: f64,
}

/// Examples of a bin, summed up by weight.
#[derive(Default)]
struct Sums {
    examples: u64,
    weight: f64,
    predicted: f64,
    observed: f64,
}

/// The metrics of scores.
pub fn metrics(scored: &Scored<'_>, target: Target) -> Metrics {
    let mean = scored.mean();
    let loss = scored.loss(target);
    let base = mean.map(|mean| scored.base_loss(target, mean));
    let ne = loss.zip(base).filter(|&(_, base)| base > 0.0).map(|(loss, base)| loss / base);
    let mut found = Metrics {
        examples: scored.labels.len() as u64,
        positives: scored.labels.iter().filter(|&&label| label >= 0.5).count() as u64,
        base_rate: mean,
        loss,
        ne,
        ..Metrics::default()
    };
    if target != Target::Value {
        let mut order: Vec<u32> = (0..scored.labels.len() as u32).collect();
        order.sort_by(|&a, &b| scored.score(a).total_cmp(&scored.score(b)));
        found.auc = scored.area(&order);
        let bins = scored.binned(&order);
        found.ece = calibration_error(&bins);
        found.bins = bins.iter().filter_map(Sums::means).collect();
        // stable, so that each viewer's rows stay in the order of their scores
        order.sort_by_key(|&row| scored.viewers[row as usize]);
        (found.gauc, found.ndcg) = scored.per_viewer(&order);
    }
    found
}

/// The probability of a logit.
pub(super) fn sigmoid(logit: f64) -> f64 {
    let e = libm::exp(-logit.abs());
    if logit >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// The log loss of a logit under a label between 0 and 1.
pub(super) fn log_loss(logit: f64, label: f64) -> f64 {
    logit.max(0.0) - logit * label + libm::log1p(libm::exp(-logit.abs()))
}

/// Log loss and its derivative.
pub(super) fn logistic(logit: f64, label: f64) -> (f64, f64) {
    let small = libm::exp(-logit.abs());
    let p = if logit >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
    (logit.max(0.0) - logit * label + libm::log1p(small), p - label)
}

/// The entropy of a rate: the log loss of predicting it.
fn entropy(rate: f64) -> f64 {
    let part = |p: f64| if p > 0.0 { -p * libm::log(p) } else { 0.0 };
    part(rate) + part(1.0 - rate)
}

impl Scored<'_> {
    fn score(&self, row: u32) -> f64 {
        self.scores[row as usize]
    }

    fn label(&self, row: u32) -> f64 {
        f64::from(self.labels[row as usize])
    }

    fn weight(&self, row: u32) -> f64 {
        f64::from(self.weights[row as usize])
    }

    /// The weighted mean of a number of each row.
    fn mean_of(&self, number: impl Fn(u32) -> f64) -> Option<f64> {
        let rows = 0..self.labels.len() as u32;
        let (sum, weight) = rows.fold((0.0, 0.0), |(sum, weight), row| {
            let w = self.weight(row);
            (sum + w * number(row), weight + w)
        });
        (weight > 0.0).then(|| sum / weight)
    }

    fn mean(&self) -> Option<f64> {
        self.mean_of(|row| self.label(row))
    }

    fn loss(&self, target: Target) -> Option<f64> {
        self.mean_of(|row| match target {
            Target::Value => (self.score(row) - self.label(row)).powi(2),
            _ => log_loss(self.score(row), self.label(row)),
        })
    }

    fn base_loss(&self, target: Target, mean: f64) -> f64 {
        match target {
            Target::Value => self.mean_of(|row| (self.label(row) - mean).powi(2)).unwrap_or(0.0),
            _ => entropy(mean),
        }
    }

    /// Runs of rows with one score.
    fn ties<'o>(&self, order: &'o [u32]) -> impl Iterator<Item = &'o [u32]> {
        order.chunk_by(|&a, &b| self.score(a) == self.score(b))
    }

    /// The area under the curve, of rows in ascending order of score. A label between 0 and 1 is partly each.
    fn area(&self, order: &[u32]) -> Option<f64> {
        let (mut positives, mut negatives, mut area) = (0.0, 0.0, 0.0);
        for ties in self.ties(order) {
            let positive: f64 = ties.iter().map(|&row| self.weight(row) * self.label(row)).sum();
            let negative: f64 =
                ties.iter().map(|&row| self.weight(row) * (1.0 - self.label(row))).sum();
            area += positive * (negatives + negative / 2.0);
            positives += positive;
            negatives += negative;
        }
        (positives > 0.0 && negatives > 0.0).then(|| area / (positives * negatives))
    }

    /// Ten bins of equal count, of rows in ascending order of score.
    fn binned(&self, order: &[u32]) -> Vec<Sums> {
        const BINS: usize = 10;
        let n = order.len();
        let bin = |bin: usize| {
            let rows = &order[n * bin / BINS..n * (bin + 1) / BINS];
            let sum = |number: &dyn Fn(u32) -> f64| -> f64 {
                rows.iter().map(|&row| self.weight(row) * number(row)).sum()
            };
            Sums {
                examples: rows.len() as u64,
                weight: sum(&|_| 1.0),
                predicted: sum(&|row| sigmoid(self.score(row))),
                observed: sum(&|row| self.label(row)),
            }
        };
        (0..BINS).map(bin).collect()
    }

    /// GAUC and NDCG@10 of rows in order of viewer and ascending score.
    fn per_viewer(&self, order: &[u32]) -> (Option<f64>, Option<f64>) {
        let (mut areas, mut rows) = (0.0, 0.0);
        let (mut gains, mut viewers) = (0.0, 0.0);
        for own in order.chunk_by(|&a, &b| self.viewers[a as usize] == self.viewers[b as usize]) {
            if let Some(area) = self.area(own) {
                let weight: f64 = own.iter().map(|&row| self.weight(row)).sum();
                areas += weight * area;
                rows += weight;
            }
            if let Some(gain) = self.gain(own) {
                gains += gain;
                viewers += 1.0;
            }
        }
        let share = |sum: f64, of: f64| (of > 0.0).then(|| sum / of);
        (share(areas, rows), share(gains, viewers))
    }

    /// NDCG@10 of one viewer's rows in ascending order of score; `None` without a positive.
    fn gain(&self, own: &[u32]) -> Option<f64> {
        let mut place = 0;
        let mut found = 0.0;
        let ties: Vec<&[u32]> = self.ties(own).collect();
        for ties in ties.into_iter().rev() {
            let mean = ties.iter().map(|&row| self.label(row)).sum::<f64>() / ties.len() as f64;
            found += mean * discounts(place, place + ties.len());
            place += ties.len();
        }
        let mut labels: Vec<f64> = own.iter().map(|&row| self.label(row)).collect();
        labels.sort_by(|a, b| b.total_cmp(a));
        let ideal: f64 =
            labels.iter().enumerate().map(|(i, label)| label * discounts(i, i + 1)).sum();
        (ideal > 0.0).then(|| found / ideal)
    }
}

impl Sums {
    /// None where nothing has a weight.
    fn means(&self) -> Option<Bin> {
        let Sums { examples, weight, predicted, observed } = *self;
        let bin = || Bin { examples, predicted: predicted / weight, observed: observed / weight };
        (weight > 0.0).then(bin)
    }
}

fn calibration_error(bins: &[Sums]) -> Option<f64> {
    let apart: f64 = bins.iter().map(|bin| (bin.predicted - bin.observed).abs()).sum();
    let all: f64 = bins.iter().map(|bin| bin.weight).sum();
    (all > 0.0).then(|| apart / all)
}

/// The sum of the discounts of places `from..to`, counted from 0, of which ten count.
fn discounts(from: usize, to: usize) -> f64 {
    (from..to.min(10)).map(|place| 1.0 / libm::log2(place as f64 + 2.0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// The same by counting pairs.
    fn pairs(scores: &[f64], labels: &[f32]) -> f64 {
        let (mut won, mut all) = (0.0, 0.0);
        for (i, a) in scores.iter().enumerate().filter(|&(i, _)| labels[i] == 1.0) {
            let _ = i;
            for (_, b) in scores.iter().enumerate().filter(|&(j, _)| labels[j] == 0.0) {
                all += 1.0;
                won += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
            }
        }
        won / all
    }

    fn drawn(n: usize, random: &mut Random) -> (Vec<f64>, Vec<f32>, Vec<u32>) {
        let labels: Vec<f32> = (0..n).map(|_| random.below(2) as f32).collect();
        let scores = labels.iter().map(|&l| f64::from(random.below(6)) + f64::from(l)).collect();
        let viewers = (0..n).map(|_| random.below(5)).collect();
        (scores, labels, viewers)
    }

    #[test]
    fn areas_are_shares_of_pairs() {
        let mut random = Random::new(3, 0);
        let (scores, labels, viewers) = drawn(200, &mut random);
        let weights = vec![1.0; 200];
        let scored =
            Scored { scores: &scores, labels: &labels, weights: &weights, viewers: &viewers };
        let found = metrics(&scored, Target::Binary);
        assert!((found.auc.unwrap() - pairs(&scores, &labels)).abs() < 1e-12);
        let mut expected = 0.0;
        for viewer in 0..5 {
            let own: Vec<usize> = (0..200).filter(|&row| viewers[row] == viewer).collect();
            let (s, l): (Vec<f64>, Vec<f32>) =
                own.iter().map(|&row| (scores[row], labels[row])).unzip();
            expected += pairs(&s, &l) * own.len() as f64 / 200.0;
        }
        assert!((found.gauc.unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn a_weight_counts_as_that_many_examples() {
        let (scores, labels) = (vec![0.3, -1.0, 0.3, 2.0], vec![1.0, 0.0, 0.0, 1.0]);
        let of = |rows: &[usize], weights: &[f32]| {
            let scores: Vec<f64> = rows.iter().map(|&row| scores[row]).collect();
            let labels: Vec<f32> = rows.iter().map(|&row| labels[row]).collect();
            let viewers = vec![0; rows.len()];
            metrics(
                &Scored { scores: &scores, labels: &labels, weights, viewers: &viewers },
                Target::Binary,
            )
        };
        let (twice, weighted) =
            (of(&[0, 1, 2, 2, 3], &[1.0; 5]), of(&[0, 1, 2, 3], &[1.0, 1.0, 2.0, 1.0]));
        assert_eq!((twice.auc, twice.gauc, twice.ne), (weighted.auc, weighted.gauc, weighted.ne));
    }

    #[test]
    fn equal_scores_gain_what_their_orders_gain_on_average() {
        // all orders of one positive among 12 equal rows: it is at each place equally often
        let labels: Vec<f32> = (0..12).map(|i| if i == 7 { 1.0 } else { 0.0 }).collect();
        let (weights, viewers) = (vec![1.0; 12], vec![0; 12]);
        let scored =
            Scored { scores: &[0.0; 12], labels: &labels, weights: &weights, viewers: &viewers };
        let expected = (0..10).map(|place| 1.0 / f64::from(place + 2).log2()).sum::<f64>() / 12.0;
        assert!((metrics(&scored, Target::Binary).ndcg.unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn the_base_rate_has_an_entropy_of_one() {
        let labels = [1.0, 0.0, 0.0, 0.0];
        let logit = (0.25f64 / 0.75).ln();
        let scored =
            Scored { scores: &[logit; 4], labels: &labels, weights: &[1.0; 4], viewers: &[0; 4] };
        let found = metrics(&scored, Target::Binary);
        assert!((found.ne.unwrap() - 1.0).abs() < 1e-12);
        assert!(found.ece.unwrap() > 0.0 && found.auc == Some(0.5));
    }

    #[test]
    fn what_is_not_defined_is_none() {
        let empty = Scored { scores: &[], labels: &[], weights: &[], viewers: &[] };
        assert_eq!(metrics(&empty, Target::Binary), Metrics::default());
        let same = Scored {
            scores: &[1.0, 2.0],
            labels: &[1.0, 1.0],
            weights: &[1.0; 2],
            viewers: &[0, 1],
        };
        let found = metrics(&same, Target::Binary);
        assert_eq!((found.auc, found.gauc, found.ne), (None, None, None));
        assert_eq!(found.ndcg, Some(1.0));
        let unweighted = Scored { weights: &[0.0; 2], ..same };
        assert_eq!(metrics(&unweighted, Target::Binary).loss, None);
    }

    #[test]
    fn numbers_are_measured_by_their_variance() {
        let scored = Scored {
            scores: &[1.0, 2.0, 5.0],
            labels: &[1.0, 2.0, 3.0],
            weights: &[1.0; 3],
            viewers: &[0; 3],
        };
        let found = metrics(&scored, Target::Value);
        assert!((found.loss.unwrap() - 4.0 / 3.0).abs() < 1e-12);
        assert!((found.ne.unwrap() - 2.0).abs() < 1e-12);
    }
}
