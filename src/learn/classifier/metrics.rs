//! How good predicted classes are.

/// What was predicted for a row.
pub struct Predicted {
    /// The class that the row has.
    pub class: u32,
    /// The most probable one.
    pub best: u32,
    /// Classes that come before the row's own, the most probable first, ties by number.
    pub before: u32,
    /// −ln of the probability of the row's class.
    pub loss: f64,
}

/// Metrics of a classifier on rows that it was not fitted to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClassMetrics {
    /// Rows that were predicted.
    pub rows: u64,
    /// The share of rows whose class is the most probable one.
    pub accuracy: f64,
    /// The mean, over classes that rows have or were predicted to have, of 2·hits / (rows of the class + predictions of
    /// it).
    pub macro_f1: f64,
    /// The share of rows whose class is among the three most probable.
    pub top3: f64,
    /// The share of rows that have the most frequent class of the rows that the classifier was fitted to: the accuracy
    /// of a guess.
    pub majority: f64,
    /// The mean of −ln of the probability of a row's class.
    pub log_loss: f64,
}

impl ClassMetrics {
    /// Of some rows, at least one.
    pub fn of(predicted: &[Predicted], classes: usize, majority: u32) -> ClassMetrics {
        let share = |holds: &dyn Fn(&Predicted) -> bool| {
            predicted.iter().filter(|row| holds(row)).count() as f64 / predicted.len() as f64
        };
        ClassMetrics {
            rows: predicted.len() as u64,
            accuracy: share(&|row| row.best == row.class),
            macro_f1: macro_f1(predicted, classes),
            top3: share(&|row| row.before < 3),
            majority: share(&|row| row.class == majority),
            log_loss: predicted.iter().map(|row| row.loss).sum::<f64>() / predicted.len() as f64,
        }
    }

    /// The mean of some, each counting the same.
    pub fn mean(all: &[ClassMetrics]) -> ClassMetrics {
        let mean = |number: fn(&ClassMetrics) -> f64| {
            all.iter().map(number).sum::<f64>() / all.len() as f64
        };
        ClassMetrics {
            rows: all.iter().map(|metrics| metrics.rows).sum(),
            accuracy: mean(|metrics| metrics.accuracy),
            macro_f1: mean(|metrics| metrics.macro_f1),
            top3: mean(|metrics| metrics.top3),
            majority: mean(|metrics| metrics.majority),
            log_loss: mean(|metrics| metrics.log_loss),
        }
    }
}

fn macro_f1(predicted: &[Predicted], classes: usize) -> f64 {
    let (mut hits, mut all) = (vec![0u64; classes], vec![0u64; classes]);
    for row in predicted {
        all[row.class as usize] += 1;
        all[row.best as usize] += 1;
        hits[row.class as usize] += u64::from(row.class == row.best);
    }
    let of_classes = hits.iter().zip(&all).filter(|(_, all)| **all > 0);
    let scores: Vec<f64> = of_classes.map(|(&hits, &all)| 2.0 * hits as f64 / all as f64).collect();
    scores.iter().sum::<f64>() / scores.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_by_hand() {
        let row = |class, best, before, loss| Predicted { class, best, before, loss };
        let rows = [row(0, 0, 0, 0.1), row(0, 1, 1, 0.9), row(1, 1, 0, 0.2), row(3, 1, 3, 2.0)];
        let got = ClassMetrics::of(&rows, 5, 0);
        assert_eq!((got.rows, got.accuracy, got.top3, got.majority), (4, 0.5, 0.75, 0.5));
        assert!((got.log_loss - 0.8).abs() < 1e-15);
        // class 0: 2·1 of 2 + 1; class 1: 2·1 of 1 + 3; class 3: none; classes 2 and 4 are nowhere
        assert!((got.macro_f1 - (2.0 / 3.0 + 0.5 + 0.0) / 3.0).abs() < 1e-15);
        let mean = ClassMetrics::mean(&[got, ClassMetrics::of(&rows[..1], 5, 1)]);
        assert_eq!((mean.rows, mean.accuracy, mean.majority), (5, 0.75, 0.25));
    }
}
