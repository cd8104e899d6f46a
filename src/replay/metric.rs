//! What is measured: the names of metrics, and their values for the list of one request.

use crate::diag::suggest;

/// What is measured of a request or of a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Whether one of the first `k` rows is in the truth.
    Hit,
    /// Share of the truth that is among the first `k` rows.
    Recall,
    /// The same, where no more than `k` of the truth can be expected.
    CappedRecall,
    /// Share of `k` rows that are in the truth.
    Precision,
    /// Harmonic mean of precision and recall.
    F1,
    /// Discounted cumulative gain as a share of the best that is possible (Järvelin and Kekäläinen, 2002).
    Ndcg,
    /// Mean over the truth of the precision at its positions (average precision of trec_eval).
    Map,
    /// The same, where no more than `k` of the truth can be expected.
    CappedMap,
    /// One by the position of the first row that is in the truth.
    Mrr,
    /// Share of the visible items that are among the first `k` rows of any request.
    Coverage,
    /// Gini coefficient of how often each visible item is among the first `k` rows.
    Gini,
    /// Mean surprise of the first `k` rows in bits: how few users had a link to them before.
    Novelty,
    /// Mean cosine distance of pairs of the first `k` rows.
    Ild,
    /// Share of the first `k` rows to which the user made a link of an edge within the horizon.
    Rate,
    /// Share of the first `k` rows that an earlier request of the same user had among its first `k`.
    Repeated,
    /// Share of the first `k` rows (of the longer list) that the baseline has among its first `k`, too.
    Overlap,
    /// Whether there is no row.
    Empty,
    /// The number of rows.
    Rows,
    /// Whether a limit ended the run.
    Partial,
    /// Whether there are fewer rows than the program asks for.
    Underfilled,
    /// Median time of a request in microseconds.
    P50,
    /// The time in microseconds that one of a hundred requests exceeds.
    P99,
}

/// The measures with their names, and whether they look at the first `k` rows.
const MEASURES: [(Measure, &str, bool); 22] = [
    (Measure::Hit, "hit", true),
    (Measure::Recall, "recall", true),
    (Measure::CappedRecall, "capped_recall", true),
    (Measure::Precision, "precision", true),
    (Measure::F1, "f1", true),
    (Measure::Ndcg, "ndcg", true),
    (Measure::Map, "map", true),
    (Measure::CappedMap, "capped_map", true),
    (Measure::Mrr, "mrr", true),
    (Measure::Coverage, "coverage", true),
    (Measure::Gini, "gini", true),
    (Measure::Novelty, "novelty", true),
    (Measure::Ild, "ild", true),
    (Measure::Rate, "rate", true),
    (Measure::Repeated, "repeated", true),
    (Measure::Overlap, "overlap", true),
    (Measure::Empty, "empty", false),
    (Measure::Rows, "rows", false),
    (Measure::Partial, "partial", false),
    (Measure::Underfilled, "underfilled", false),
    (Measure::P50, "p50_us", false),
    (Measure::P99, "p99_us", false),
];

/// Most rows that a metric may look at.
const MOST_CUT: usize = 100_000;

/// A measure at a cut: `ndcg@10`, `rate(see_fewer)@10`, `rows`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Metric {
    /// What is measured.
    pub measure: Measure,
    /// The edge of a rate; empty for other measures.
    pub edge: String,
    /// How many rows are looked at; 0 for measures that look at the whole request or run.
    pub cut: usize,
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.measure.name())?;
        if !self.edge.is_empty() {
            write!(f, "({})", self.edge)?;
        }
        match self.cut {
            0 => Ok(()),
            cut => write!(f, "@{cut}"),
        }
    }
}

impl Measure {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        let known = MEASURES.iter().find(|(measure, _, _)| *measure == self);
        known.map_or("", |(_, name, _)| name)
    }

    fn has_cut(self) -> bool {
        MEASURES.iter().any(|(measure, _, cut)| *measure == self && *cut)
    }

    /// Whether it compares with the truth: requests without truth have no value.
    pub fn reads_truth(self) -> bool {
        use Measure::*;
        matches!(self, Hit | Recall | CappedRecall | Precision | F1 | Ndcg | Map | CappedMap | Mrr)
    }

    /// Whether it is one number of a whole run, and not a mean over requests.
    pub fn is_of_run(self) -> bool {
        matches!(self, Measure::Coverage | Measure::Gini | Measure::P50 | Measure::P99)
    }
}

impl Metric {
    /// A measure of the first `cut` rows.
    pub fn at(measure: Measure, cut: usize) -> Metric {
        Metric { measure, edge: String::new(), cut }
    }

    /// The metrics that a name stands for: with a cut of its own (`ndcg@10`) one, else one for each of `cuts`.
    ///
    /// ```
    /// use igql::replay::Metric;
    /// let metrics = Metric::parse("ndcg", &[5, 10]).unwrap();
    /// let names: Vec<String> = metrics.iter().map(Metric::to_string).collect();
    /// assert_eq!(names, ["ndcg@5", "ndcg@10"]);
    /// assert!(Metric::parse("ndgc", &[5]).unwrap_err().contains("did you mean `ndcg`"));
    /// ```
    ///
    /// # Errors
    /// A sentence that says what is wrong with the name.
    pub fn parse(text: &str, cuts: &[usize]) -> Result<Vec<Metric>, String> {
        let text = text.trim();
        let (head, cut) = match text.rsplit_once('@') {
            Some((head, cut)) => (head, Some(cut_of(cut)?)),
            None => (text, None),
        };
        let (name, edge) = match head.split_once('(') {
            Some((name, rest)) => {
                let edge = rest.strip_suffix(')').ok_or_else(|| {
                    format!("`{text}`: expected `)` after the edge, as in `rate(see_fewer)@10`")
                })?;
                (name.trim(), edge.trim())
            }
            None => (head, ""),
        };
        let known = MEASURES.iter().find(|(_, known, _)| *known == name);
        let measure = known.map(|(measure, _, _)| *measure).ok_or_else(|| unknown(name))?;
        match (measure, edge) {
            (Measure::Rate, "") => {
                return Err("`rate` needs an edge, as in `rate(see_fewer)@10`".to_owned());
            }
            (Measure::Rate, _) | (_, "") => {}
            _ => return Err(format!("`{name}` takes no edge; only `rate` does")),
        }
        let metric = |cut| Metric { measure, edge: edge.to_owned(), cut };
        match (measure.has_cut(), cut) {
            (true, Some(cut)) => Ok(vec![metric(cut)]),
            (true, None) => Ok(cuts.iter().map(|&cut| metric(cut)).collect()),
            (false, None) => Ok(vec![metric(0)]),
            (false, Some(_)) => {
                Err(format!("`{name}` looks at no number of rows: remove `@` and what follows"))
            }
        }
    }
}

/// A number of rows.
///
/// # Errors
/// A sentence that says what was expected.
pub fn cut_of(text: &str) -> Result<usize, String> {
    let cut = text.trim().parse().ok().filter(|cut| (1..=MOST_CUT).contains(cut));
    cut.ok_or_else(|| {
        format!("expected a number of rows from 1 to {MOST_CUT}, found `{}`", text.trim())
    })
}

fn unknown(name: &str) -> String {
    let names = || MEASURES.iter().map(|(_, name, _)| *name);
    let help = match suggest::nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("metrics are {}", names().collect::<Vec<_>>().join(", ")),
    };
    format!("there is no metric `{name}`: {help}")
}

/// How gains count in `ndcg`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GainFunction {
    /// As they are.
    #[default]
    Linear,
    /// `2^gain - 1` (Burges and others, 2005).
    Exponential,
}

impl GainFunction {
    fn of(self, gain: f64) -> f64 {
        match self {
            GainFunction::Linear => gain,
            GainFunction::Exponential => gain.exp2() - 1.0,
        }
    }
}

/// The list of a request as metrics see it: the gain at every position, 0 for what is not in the truth; positions past
/// the end of the list are misses.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// Of the rows in the order returned, as far as a metric looks.
    pub gains: Vec<f64>,
    /// Of the whole truth, largest first.
    pub ideal: Vec<f64>,
}

impl Judged {
    /// The value of a measure that reads the truth; there has to be some.
    pub fn value(&self, measure: Measure, cut: usize, function: GainFunction) -> f64 {
        let first = &self.gains[..cut.min(self.gains.len())];
        let hits = || first.iter().enumerate().filter(|(_, gain)| **gain > 0.0).map(|(i, _)| i);
        let count = hits().count() as f64;
        let (all, k) = (self.ideal.len() as f64, cut as f64);
        let precision_sum = || {
            let at = hits().enumerate().map(|(before, i)| (before + 1) as f64 / (i + 1) as f64);
            at.sum::<f64>()
        };
        match measure {
            Measure::Hit => f64::from(count > 0.0),
            Measure::Recall => count / all,
            Measure::CappedRecall => count / all.min(k),
            Measure::Precision => count / k,
            // 2PR / (P + R), with P = count / k and R = count / all
            Measure::F1 => 2.0 * count / (k + all),
            Measure::Ndcg => {
                let ideal = &self.ideal[..cut.min(self.ideal.len())];
                discounted(first, function) / discounted(ideal, function)
            }
            Measure::Map => precision_sum() / all,
            Measure::CappedMap => precision_sum() / all.min(k),
            Measure::Mrr => hits().next().map_or(0.0, |i| 1.0 / (i + 1) as f64),
            _ => f64::NAN,
        }
    }
}

/// Gains, each divided by the logarithm of its position plus one.
fn discounted(gains: &[f64], function: GainFunction) -> f64 {
    let terms = gains.iter().enumerate().filter(|(_, gain)| **gain > 0.0);
    terms.map(|(i, gain)| function.of(*gain) / ((i + 2) as f64).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(gains: &[f64], ideal: &[f64], measure: Measure, cut: usize) -> f64 {
        let judged = Judged { gains: gains.to_vec(), ideal: ideal.to_vec() };
        judged.value(measure, cut, GainFunction::Linear)
    }

    #[test]
    fn by_hand() {
        // hits at 2 and 4 of a truth of three
        let (gains, ideal) = ([0.0, 1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0]);
        let at = |measure, cut| value(&gains, &ideal, measure, cut);
        assert_eq!(at(Measure::Hit, 1), 0.0);
        assert_eq!(at(Measure::Hit, 2), 1.0);
        assert_eq!(at(Measure::Recall, 4), 2.0 / 3.0);
        assert_eq!(at(Measure::CappedRecall, 2), 0.5);
        assert_eq!(at(Measure::Precision, 10), 0.2);
        assert!((at(Measure::F1, 5) - 0.5).abs() < 1e-15);
        assert_eq!(at(Measure::Map, 5), (1.0 / 2.0 + 2.0 / 4.0) / 3.0);
        assert_eq!(at(Measure::CappedMap, 2), 0.25);
        assert_eq!(at(Measure::Mrr, 5), 0.5);
        assert_eq!(at(Measure::Mrr, 1), 0.0);
        let best = 1.0 + 1.0 / 3f64.log2() + 1.0 / 2.0;
        let own = 1.0 / 3f64.log2() + 1.0 / 5f64.log2();
        assert!((at(Measure::Ndcg, 5) - own / best).abs() < 1e-15);
    }

    #[test]
    fn short_and_empty_lists_are_padded_with_misses() {
        assert_eq!(value(&[1.0], &[1.0, 1.0], Measure::Precision, 5), 0.2);
        for (measure, _, _) in MEASURES.iter().filter(|(measure, _, _)| measure.reads_truth()) {
            assert_eq!(value(&[], &[1.0], *measure, 10), 0.0, "{measure:?}");
        }
    }

    #[test]
    fn gains_order_the_ideal() {
        let judged = Judged { gains: vec![1.0, 3.0], ideal: vec![3.0, 1.0] };
        let ndcg = |function| judged.value(Measure::Ndcg, 10, function);
        let linear = (1.0 + 3.0 / 3f64.log2()) / (3.0 + 1.0 / 3f64.log2());
        let exponential = (1.0 + 7.0 / 3f64.log2()) / (7.0 + 1.0 / 3f64.log2());
        assert!((ndcg(GainFunction::Linear) - linear).abs() < 1e-15);
        assert!((ndcg(GainFunction::Exponential) - exponential).abs() < 1e-15);
    }

    #[test]
    fn names() {
        for (measure, name, has_cut) in MEASURES {
            let edge = if measure == Measure::Rate { "(e)" } else { "" };
            let metrics = Metric::parse(&format!("{name}{edge}"), &[3, 7]).unwrap();
            assert_eq!(metrics.len(), if has_cut { 2 } else { 1 });
            for metric in metrics {
                let again = Metric::parse(&metric.to_string(), &[]).unwrap();
                assert_eq!(again, [metric]);
            }
        }
        for wrong in ["ndcg@0", "ndcg@x", "rows@5", "rate", "rate(e", "hit(e)", "", "@5"] {
            assert!(Metric::parse(wrong, &[5]).is_err(), "{wrong}");
        }
    }
}
