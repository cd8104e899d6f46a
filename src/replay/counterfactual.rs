//! What users would have done with another program, from what they did with the rows that were shown at random
//! (Horvitz, Thompson 1952; Dudík, Langford, Li, ICML 2011; Swaminathan, Joachims, NeurIPS 2015).

use super::logged::OfRequest;
use super::stats::{Share, Table};
use super::truth::Truth;
use foldhash::HashSet;

/// How what was shown is weighed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Estimator {
    /// By the weights that there are: less noise.
    #[default]
    SelfNormalised,
    /// By the number of positions: right on average.
    Plain,
    /// Also by that, of what a model that the log has did not expect; to it comes what the model expects of the
    /// program's rows. Right on average if the probabilities are, and less noise the better the model is.
    DoublyRobust,
}

/// What is estimated from a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Counterfactual {
    /// How.
    pub estimator: Estimator,
    /// The largest weight of a position; a larger one counts as this.
    pub clip: Option<f64>,
    /// Positions that are looked at, an estimate for each number.
    pub cuts: Vec<usize>,
}

/// Below this there is no estimate.
pub const FEWEST_EFFECTIVE: f64 = 100.0;
/// The largest share of positions of which nothing is known with which there is an estimate.
pub const MOST_UNKNOWN: f64 = 0.05;

/// An estimate.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Positions that are looked at.
    pub cut: usize,
    /// Positions of the log.
    pub positions: u64,
    /// Those at which the program puts what was shown there.
    pub matched: u64,
    /// The gain of a position; none where the log does not tell enough.
    pub value: Option<f64>,
    /// Its 95 % interval, where there are enough users.
    pub interval: Option<(f64, f64)>,
    /// The number of positions that would tell as much if all weighed the same: (Σ w)² / Σ w², before weights are cut off.
    pub effective: f64,
    /// Before it is cut off.
    pub largest_weight: f64,
    /// The share of the program's positions whose row was never shown with a known probability.
    pub unknown: f64,
    /// Of a doubly robust estimate: the share of positions at which the model expects nothing known of the program's row.
    pub unmodelled: Option<f64>,
}

/// What the requests of one program add up to.
pub(super) struct Estimates {
    asked: Counterfactual,
    /// Of every user and cut: Σ w r, and Σ w or the number of positions.
    shares: Vec<Share>,
    totals: Vec<Total>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Total {
    positions: u64,
    matched: u64,
    weights: f64,
    squares: f64,
    largest: f64,
    own_positions: u64,
    unknown: u64,
    unmodelled: u64,
}

/// What one request says, for a cut.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    share: Share,
    total: Total,
}

impl Counterfactual {
    /// What a request says of a program that returns `rows`, of which the log has `logged`.
    pub(super) fn of(
        &self,
        rows: &[u32],
        logged: &OfRequest,
        supported: &HashSet<u32>,
        truth: &Truth,
    ) -> Vec<Found> {
        let of_cut = |&cut: &usize| {
            let first = &rows[..cut.min(rows.len())];
            self.of_first(cut, first, logged, supported, truth)
        };
        self.cuts.iter().map(of_cut).collect()
    }

    fn of_first(
        &self,
        cut: usize,
        first: &[u32],
        logged: &OfRequest,
        supported: &HashSet<u32>,
        truth: &Truth,
    ) -> Found {
        let mut found = Found::default();
        let Found { share, total } = &mut found;
        total.own_positions = first.len() as u64;
        total.unknown = first.iter().filter(|row| !supported.contains(row)).count() as u64;
        for shown in logged.shown.iter().filter(|shown| (1..=cut).contains(&shown.position)) {
            total.positions += 1;
            let own = first.get(shown.position - 1);
            // nothing at a position gains nothing
            let expected = own.and_then(|row| self.expected(logged, *row, total)).unwrap_or(0.0);
            share.sum += expected;
            let Some(row) = shown.row.filter(|row| own == Some(row)) else { continue };
            let Some(propensity) = shown.propensity else {
                total.unknown += u64::from(supported.contains(&row));
                continue;
            };
            let weight = 1.0 / propensity;
            total.matched += 1;
            total.weights += weight;
            total.squares += weight * weight;
            total.largest = total.largest.max(weight);
            let counted = self.clip.map_or(weight, |clip| weight.min(clip));
            share.sum += counted * (truth.gain(row) - expected);
            share.weight += counted;
        }
        if self.estimator != Estimator::SelfNormalised {
            share.weight = total.positions as f64;
        }
        found
    }

    /// The gain that the log's model expects of a row, if the estimate reads it; counts where there is none.
    fn expected(&self, logged: &OfRequest, row: u32, total: &mut Total) -> Option<f64> {
        if self.estimator != Estimator::DoublyRobust {
            return None;
        }
        let expected = logged.rewards.get(&row).copied();
        total.unmodelled += u64::from(expected.is_none());
        expected
    }
}

impl Estimates {
    pub fn new(asked: &Counterfactual, users: usize) -> Estimates {
        let cuts = asked.cuts.len();
        Estimates {
            asked: asked.clone(),
            shares: vec![Share::default(); users * cuts],
            totals: vec![Total::default(); cuts],
        }
    }

    /// Adds a request.
    pub fn add(&mut self, user: u32, found: &[Found]) {
        let own = &mut self.shares[user as usize * self.totals.len()..];
        for ((share, total), found) in own.iter_mut().zip(&mut self.totals).zip(found) {
            share.sum += found.share.sum;
            share.weight += found.share.weight;
            let Total {
                positions,
                matched,
                weights,
                squares,
                largest,
                own_positions,
                unknown,
                unmodelled,
            } = found.total;
            total.positions += positions;
            total.matched += matched;
            total.weights += weights;
            total.squares += squares;
            total.largest = total.largest.max(largest);
            total.own_positions += own_positions;
            total.unknown += unknown;
            total.unmodelled += unmodelled;
        }
    }

    /// The estimates, of all cuts.
    pub fn finish(&self) -> Vec<Estimate> {
        let cuts = self.totals.len();
        // users of whom nothing was counted are drawn, too: how many are is left to chance
        let table = Table { shares: &self.shares, metrics: cuts };
        let values = table.all().into_iter().zip(table.intervals());
        let all = self.asked.cuts.iter().zip(&self.totals).zip(values);
        all.map(|((&cut, total), (value, interval))| {
            let estimate = Estimate {
                cut,
                positions: total.positions,
                matched: total.matched,
                value: Some(value),
                interval,
                effective: match total.squares > 0.0 {
                    true => total.weights * total.weights / total.squares,
                    false => 0.0,
                },
                largest_weight: total.largest,
                unknown: total.unknown as f64 / total.own_positions.max(1) as f64,
                unmodelled: (self.asked.estimator == Estimator::DoublyRobust)
                    .then(|| total.unmodelled as f64 / total.positions.max(1) as f64),
            };
            match estimate.refusal() {
                None => estimate,
                Some(_) => Estimate { value: None, interval: None, ..estimate },
            }
        })
        .collect()
    }
}

impl Estimate {
    /// Why there is none.
    pub fn refusal(&self) -> Option<String> {
        let Estimate { cut, positions, matched, effective, unknown, .. } = self;
        if *positions == 0 {
            return Some(format!("the log has no row among the first {cut}"));
        }
        if *unknown > MOST_UNKNOWN {
            return Some(format!(
                "{:.1} % of the program's positions have rows that were never shown with a known probability, more than {:.0} %",
                100.0 * unknown,
                100.0 * MOST_UNKNOWN
            ));
        }
        if let Some(share) = self.unmodelled.filter(|share| *share > MOST_UNKNOWN) {
            return Some(format!(
                "at {:.1} % of the positions the log has no expected gain of the program's row, more than {:.0} %",
                100.0 * share,
                100.0 * MOST_UNKNOWN
            ));
        }
        (*effective < FEWEST_EFFECTIVE).then(|| {
            format!(
                "the program puts what was shown at {matched} of {positions} positions, which tell as much as {effective:.0} that weigh the same: fewer than {FEWEST_EFFECTIVE:.0}"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::logged::ShownRow;
    use super::*;

    /// One row was shown.
    fn shown(position: usize, row: u32, propensity: f64) -> OfRequest {
        let shown = ShownRow { position, row: Some(row), propensity: Some(propensity) };
        OfRequest { shown: vec![shown], ..OfRequest::default() }
    }

    fn estimate(asked: &Counterfactual, requests: usize, propensity: f64) -> Estimate {
        let supported = HashSet::from_iter([1, 2]);
        let truth = Truth { gains: vec![(1, 1.0)], unreachable: 0 };
        let mut all = Estimates::new(asked, requests);
        for user in 0..requests {
            // half of the requests were shown row 1, which users like
            let row = 1 + (user % 2) as u32;
            let found = asked.of(&[1, 2], &shown(1, row, propensity), &supported, &truth);
            all.add(user as u32, &found);
        }
        all.finish().remove(0)
    }

    #[test]
    fn what_was_shown_is_weighed_by_its_probability() {
        let asked = Counterfactual { estimator: Estimator::Plain, clip: None, cuts: vec![1] };
        let found = estimate(&asked, 400, 0.5);
        assert_eq!((found.positions, found.matched), (400, 200));
        assert_eq!((found.effective, found.largest_weight), (200.0, 2.0));
        assert_eq!((found.value, found.unknown), (Some(1.0), 0.0));
        let clipped = estimate(&Counterfactual { clip: Some(1.0), ..asked.clone() }, 400, 0.5);
        assert_eq!((clipped.value, clipped.effective), (Some(0.5), 200.0));
        let own = Counterfactual { estimator: Estimator::SelfNormalised, ..asked };
        assert_eq!(estimate(&own, 400, 0.5).value, Some(1.0));
    }

    #[test]
    fn too_little_is_no_estimate() {
        let asked = Counterfactual { estimator: Estimator::Plain, clip: None, cuts: vec![1, 2] };
        let few = estimate(&asked, 100, 0.5);
        assert_eq!((few.value, few.effective), (None, 50.0));
        assert!(few.refusal().is_some_and(|why| why.contains("50 of 100 positions")));
        let mut all = Estimates::new(&asked, 300);
        let truth = Truth::default();
        for user in 0..300 {
            let supported = HashSet::from_iter([1]);
            all.add(user, &asked.of(&[1, 7], &shown(1, 1, 0.9), &supported, &truth));
        }
        let [first, second] = &all.finish()[..] else { panic!() };
        assert_eq!((first.value, first.unknown), (Some(0.0), 0.0));
        assert_eq!((second.value, second.unknown), (None, 0.5));
    }
}
