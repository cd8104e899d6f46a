//! A model that is a sum of trees.

use super::contributions::{Explained, explained};
use super::objective::{Meaning, Objective};
use super::packed::{Packed, Scratch};
use super::tree::Tree;
use crate::cpu::Level;

/// The trees of a file, ready to score.
pub struct Forest {
    pub(super) parts: Parts,
    packed: Packed,
    pub(super) level: Level,
}

/// What readers make of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parts {
    /// In the order in which they are added up.
    pub trees: Vec<Tree>,
    /// How many trees there are after each round of boosting.
    pub rounds: Vec<usize>,
    pub features: usize,
    /// Names of the features, if the file has names of its own.
    pub names: Option<Vec<String>>,
    pub objective: Objective,
    /// What each margin begins with.
    pub start: Vec<f64>,
    /// What margins are divided by before they mean anything.
    pub divisor: f64,
    /// Whether values and sums have 32 bits, as those of XGBoost.
    pub single: bool,
}

impl Forest {
    pub(super) fn new(parts: Parts) -> Forest {
        let packed = Packed::new(&parts);
        Forest { parts, packed, level: Level::detect() }
    }

    /// How many numbers of a row it reads.
    pub fn features(&self) -> usize {
        self.parts.features
    }

    /// The names of its features, if the file has names of its own, and not only numbers.
    pub fn names(&self) -> Option<&[String]> {
        self.parts.names.as_deref()
    }

    /// The trees that are added up.
    pub fn trees(&self) -> usize {
        self.parts.trees.len()
    }

    /// Rounds of boosting, each of one or more trees.
    pub fn rounds(&self) -> usize {
        self.parts.rounds.len()
    }

    /// The same model after its first rounds.
    pub fn after(&self, rounds: usize) -> Forest {
        let mut parts = self.parts.clone();
        parts.rounds.truncate(rounds);
        parts.trees.truncate(parts.rounds.last().copied().unwrap_or(0));
        Forest::new(parts)
    }

    /// Comparisons that a row takes on its way to a leaf of each tree: as many as a row of the training took on average, or,
    /// of trees whose file does not say how much of it came to each node, those of the longest way.
    pub fn comparisons(&self) -> u64 {
        let all: f64 = self.parts.trees.iter().map(Tree::comparisons).sum();
        all.round() as u64
    }

    /// How many margins its trees add up: one for each class.
    pub fn margins(&self) -> usize {
        self.parts.start.len()
    }

    /// How many numbers it gives for a row: margins if they are `raw`, else what the objective makes of them.
    pub fn outputs(&self, raw: bool) -> usize {
        if raw { self.margins() } else { self.parts.objective.outputs(self.margins()) }
    }

    /// What these are.
    pub fn meaning(&self, raw: bool) -> Meaning {
        match self.parts.objective.meaning() {
            Meaning::Probability if raw => Meaning::Value,
            meaning => meaning,
        }
    }

    /// Whether these are the margins themselves.
    pub fn is_margin(&self, raw: bool) -> bool {
        let Parts { objective, divisor, .. } = &self.parts;
        raw || *divisor == 1.0 && matches!(objective, Objective::Plain | Objective::Rank)
    }

    /// Whether they are probabilities whose log-odds are the margins.
    pub fn has_log_odds(&self, raw: bool) -> bool {
        let Parts { objective, divisor, .. } = &self.parts;
        !raw && *divisor == 1.0 && *objective == Objective::Logistic { factor: 1.0 }
    }

    /// The numbers of `n` rows, output after output. `columns` has the values of each feature; NaN is null.
    pub fn score(
        &self,
        columns: &[&[f64]],
        n: usize,
        raw: bool,
        scratch: &mut Scratch,
        to: &mut Vec<f64>,
    ) {
        debug_assert_eq!(columns.len(), self.features());
        let (margins, outputs) = (self.margins(), self.outputs(raw));
        to.clear();
        to.resize(outputs * n, f64::NAN);
        self.packed.run(self.level, (columns, n), scratch, &mut |row, own| {
            if !raw {
                self.predict(own);
            }
            debug_assert_eq!(own.len(), margins);
            own[..outputs].iter().enumerate().for_each(|(place, x)| to[place * n + row] = *x);
        });
    }

    /// What the margins of a row mean.
    fn predict(&self, margins: &mut [f64]) {
        let Parts { objective, divisor, single, .. } = &self.parts;
        if *divisor != 1.0 {
            margins.iter_mut().for_each(|x| *x /= divisor);
        }
        if *single { objective.of_singles(margins) } else { objective.of_doubles(margins) }
    }

    /// What each feature of a row contributes to a margin: its SHAP value, path-dependent, as `pred_contrib` of LightGBM
    /// and `pred_contribs` of XGBoost give it. They add up to the margin less its [expectation](Explained::expected). None
    /// if the file does not say how much of the training came to each node, or a tree is deeper than anyone trains.
    pub fn contributions(&self, row: &[f64], margin: usize) -> Option<Explained> {
        explained(&self.parts, row, margin)
    }
}
