//! Heads of models as sums of what each of their arguments adds.

/// A head as a sum: what it is expected to be, and what each argument of a row adds to that.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Contributions {
    /// What is a sum.
    pub scale: Scale,
    /// Its mean over the training.
    pub expected: f64,
    /// By how much each argument moves it from there.
    pub arguments: Vec<f64>,
}

/// What of a head is a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The head itself.
    Value,
    /// Of a probability, the logarithm of its odds.
    LogOdds,
    /// What trees add up to, of which the head is made.
    Margin,
}

impl Scale {
    /// What numbers of a head are on it, where that can be told from the head.
    pub(crate) fn of(self, head: f64) -> f64 {
        match self {
            Scale::LogOdds => (head / (1.0 - head)).ln(),
            Scale::Value | Scale::Margin => head,
        }
    }
}
