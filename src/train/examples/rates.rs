//! What needs no model: the base rate of a head, and the smoothed rate of each row before the example. A model that is
//! no better has learned nothing.

use super::table::Table;
use super::used::Used;
use crate::learn::net::{self, Head, Metrics, Part, Scored};

/// Examples that the base rate counts for in the rate of a row.
const PRIOR: f64 = 10.0;

/// How good the two are for a head in one part.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    /// The number of the head.
    pub head: usize,
    /// The part.
    pub part: Part,
    /// Of the base rate of the training part.
    pub base: Metrics,
    /// Of `(positives + 10 * base) / (shown + 10)` of the row, from examples whose labels were known before.
    pub item: Metrics,
}

/// Of all heads in the validation and the test part, as far as these have labels.
pub fn rates(table: &Table, heads: &[Head]) -> Vec<Rates> {
    let examples = Used::of(table);
    heads.iter().enumerate().flat_map(|(number, head)| of_head(&examples, number, head)).collect()
}

/// What the rates are counted from: examples in the order of time.
pub trait InOrder {
    /// How many there are.
    fn len(&self) -> usize;
    /// How many rows there are that examples can be about.
    fn rows(&self) -> usize;
    /// The row of an example.
    fn row(&self, place: usize) -> u32;
    /// Its viewer.
    fn viewer(&self, place: usize) -> u32;
    /// Its time.
    fn time(&self, place: usize) -> i64;
    /// What it is for.
    fn part(&self, place: usize) -> Part;
    /// Its label for a head, NaN where it does not count.
    fn label(&self, place: usize, head: usize) -> f32;
    /// Its weight.
    fn weight(&self, place: usize) -> f32;
    /// How long after an example its label is known.
    fn delay(&self, head: usize) -> i64;
}

/// Predictions of examples, as metrics read them.
#[derive(Default)]
struct Predicted {
    base: Vec<f64>,
    item: Vec<f64>,
    labels: Vec<f32>,
    weights: Vec<f32>,
    viewers: Vec<u32>,
}

impl Predicted {
    fn metrics(&self, scores: &[f64], target: net::Target) -> Metrics {
        let Predicted { labels, weights, viewers, .. } = self;
        net::metrics(&Scored { scores, labels, weights, viewers }, target)
    }
}

fn of_head(examples: &impl InOrder, head: usize, described: &Head) -> Vec<Rates> {
    let Some(base) = base(examples, head) else { return Vec::new() };
    let score = |rate: f64| match described.target {
        net::Target::Value => rate,
        net::Target::Binary | net::Target::Soft => libm::log(rate) - libm::log1p(-rate),
    };
    if !score(base).is_finite() {
        return Vec::new();
    }
    let mut predicted = [Predicted::default(), Predicted::default()];
    let mut seen = vec![(0.0f64, 0.0f64); examples.rows()];
    let mut known = 0;
    for place in 0..examples.len() {
        let until = examples.time(place).saturating_sub(examples.delay(head));
        while known < place && examples.time(known) < until {
            let label = f64::from(examples.label(known, head));
            if let Some((sum, count)) = seen.get_mut(examples.row(known) as usize)
                && !label.is_nan()
            {
                (*sum, *count) = (*sum + label, *count + 1.0);
            }
            known += 1;
        }
        let (part, label) = (examples.part(place), examples.label(place, head));
        let of_part = match part {
            Part::Train => continue,
            Part::Validation => &mut predicted[0],
            Part::Test => &mut predicted[1],
        };
        if !label.is_nan() {
            let (sum, count) = seen.get(examples.row(place) as usize).copied().unwrap_or_default();
            of_part.base.push(score(base));
            of_part.item.push(score((sum + PRIOR * base) / (count + PRIOR)));
            of_part.labels.push(label);
            of_part.weights.push(examples.weight(place));
            of_part.viewers.push(examples.viewer(place));
        }
    }
    let parts = [Part::Validation, Part::Test].into_iter().zip(&predicted);
    parts
        .filter(|(_, predicted)| !predicted.labels.is_empty())
        .map(|(part, predicted)| Rates {
            head,
            part,
            base: predicted.metrics(&predicted.base, described.target),
            item: predicted.metrics(&predicted.item, described.target),
        })
        .collect()
}

/// The weighted mean label of the training part; none without one.
fn base(examples: &impl InOrder, head: usize) -> Option<f64> {
    let (mut sum, mut all) = (0.0, 0.0);
    for place in (0..examples.len()).filter(|&place| examples.part(place) == Part::Train) {
        let (label, weight) = (examples.label(place, head), f64::from(examples.weight(place)));
        if !label.is_nan() {
            sum += weight * f64::from(label);
            all += weight;
        }
    }
    (all > 0.0).then(|| sum / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row, time, part, label.
    struct Few(Vec<(u32, i64, Part, f32)>, i64);

    impl InOrder for Few {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn rows(&self) -> usize {
            3
        }
        fn row(&self, place: usize) -> u32 {
            self.0[place].0
        }
        fn viewer(&self, _: usize) -> u32 {
            0
        }
        fn time(&self, place: usize) -> i64 {
            self.0[place].1
        }
        fn part(&self, place: usize) -> Part {
            self.0[place].2
        }
        fn label(&self, place: usize, _: usize) -> f32 {
            self.0[place].3
        }
        fn weight(&self, _: usize) -> f32 {
            1.0
        }
        fn delay(&self, _: usize) -> i64 {
            self.1
        }
    }

    fn head(target: net::Target) -> Head {
        Head { name: "h".into(), target, weight: 1.0, allow_rare: false }
    }

    fn few(delay: i64) -> Few {
        let trained = [(0, 1, 1.0), (0, 2, 1.0), (1, 2, 0.0), (1, 3, 0.0), (2, 3, f32::NAN)];
        let trained = trained.map(|(row, time, label)| (row, time, Part::Train, label));
        // the last two are of one time, and know nothing of each other
        let tested = [(0, 5, 1.0), (1, 6, 1.0), (1, 6, 0.0)];
        let tested = tested.map(|(row, time, label)| (row, time, Part::Test, label));
        Few(trained.into_iter().chain(tested).collect(), delay)
    }

    #[test]
    fn rates_are_those_of_the_strict_past() {
        let found = of_head(&few(0), 0, &head(net::Target::Value));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].part, found[0].base.examples), (Part::Test, 3));
        // the base rate is .5; row 0 has (2 + 5) / 12, row 1 has 5 / 12
        let (zero, one) = (7.0 / 12.0, 5.0 / 12.0);
        let squares = [1.0 - zero, 1.0 - one, one].map(|apart: f64| apart * apart);
        let expected = squares.iter().sum::<f64>() / 3.0;
        assert!((found[0].item.loss.unwrap() - expected).abs() < 1e-12);
        assert!((found[0].base.loss.unwrap() - 0.25).abs() < 1e-12);
    }

    #[test]
    fn labels_count_when_they_are_known() {
        // at time 5 only what is before 2 is known, at 6 what is before 3
        let found = of_head(&few(3), 0, &head(net::Target::Value));
        let zero = 6.0 / 11.0;
        let one = 5.0 / 11.0;
        let squares = [1.0 - zero, 1.0 - one, one].map(|apart: f64| apart * apart);
        let expected = squares.iter().sum::<f64>() / 3.0;
        assert!((found[0].item.loss.unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn a_head_of_one_label_has_no_rates() {
        let all = few(0).0.into_iter().map(|(row, time, part, _)| (row, time, part, 1.0));
        assert!(of_head(&Few(all.collect(), 0), 0, &head(net::Target::Binary)).is_empty());
    }
}
