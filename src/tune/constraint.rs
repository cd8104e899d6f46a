//! Constraints: `rate(see_fewer)@10 <= baseline*1.0`.

use crate::replay::{Measure, Metric};
use std::fmt;

/// What a metric has to stay below or above.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    /// What is looked at.
    pub metric: Metric,
    /// Whether the bound is the largest value that will do, else it is the smallest.
    pub is_most: bool,
    /// How much that is.
    pub bound: Bound,
}

/// A number, or one that depends on what the program has with its own values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// This.
    Number(f64),
    /// So many times what the program has.
    Times(f64),
    /// So much more than what the program has; less where it is negative.
    Plus(f64),
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_most { "<=" } else { ">=" };
        write!(f, "{} {sign} ", self.metric)?;
        match self.bound {
            Bound::Number(number) => write!(f, "{number}"),
            Bound::Times(factor) => write!(f, "baseline*{factor}"),
            Bound::Plus(more) if more < 0.0 => write!(f, "baseline-{}", -more),
            Bound::Plus(more) => write!(f, "baseline+{more}"),
        }
    }
}

impl Constraint {
    /// From its text.
    ///
    /// ```
    /// use igql::tune::Constraint;
    /// let constraint = Constraint::parse("rate(see_fewer)@10 <= baseline*0.98").unwrap();
    /// assert_eq!(constraint.to_string(), "rate(see_fewer)@10 <= baseline*0.98");
    /// ```
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Constraint, String> {
        let form =
            "expected `METRIC <= BOUND` or `METRIC >= BOUND`, as in `coverage@10 >= baseline*0.95`";
        let most = text.split_once("<=").map(|(metric, bound)| (metric, bound, true));
        let least = || text.split_once(">=").map(|(metric, bound)| (metric, bound, false));
        let (metric, bound, is_most) = most.or_else(least).ok_or(form)?;
        let mut metrics = Metric::parse(metric, &[])?;
        if metrics.is_empty() {
            return Err(format!("`{0}` needs a number of rows, as in `{0}@10`", metric.trim()));
        }
        Ok(Constraint { metric: metrics.remove(0), is_most, bound: bound_of(bound.trim())? })
    }

    /// The bound for a baseline.
    pub fn limit(&self, baseline: f64) -> f64 {
        match self.bound {
            Bound::Number(number) => number,
            Bound::Times(factor) => baseline * factor,
            Bound::Plus(more) => baseline + more,
        }
    }

    /// By how much a value holds it; NaN if there is none.
    pub fn slack(&self, value: f64, baseline: f64) -> f64 {
        let slack = self.limit(baseline) - value;
        if self.is_most { slack } else { -slack }
    }
}

fn bound_of(text: &str) -> Result<Bound, String> {
    let wrong = || {
        format!("expected a number or `baseline`, `baseline*0.98`, `baseline+0.01`, found `{text}`")
    };
    let number =
        |text: &str| text.trim().parse::<f64>().ok().filter(|x| x.is_finite()).ok_or_else(wrong);
    if let Some(rest) = text.strip_prefix("baseline") {
        let rest = rest.trim();
        return match rest.chars().next() {
            None => Ok(Bound::Times(1.0)),
            Some('*') => Ok(Bound::Times(number(&rest[1..])?)),
            Some('+') => Ok(Bound::Plus(number(&rest[1..])?)),
            Some('-') => Ok(Bound::Plus(-number(&rest[1..])?)),
            _ => Err(wrong()),
        };
    }
    if let Some((factor, base)) = text.split_once('*')
        && base.trim() == "baseline"
    {
        return Ok(Bound::Times(number(factor)?));
    }
    Ok(Bound::Number(number(text)?))
}

/// Why a tuner cannot look at a metric; none if it can.
pub fn objection(metric: &Metric) -> Option<String> {
    match metric.measure {
        Measure::P50 | Measure::P99 => Some(format!(
            "`{metric}` says nothing here: rows are kept from trial to trial, and machines are noisy\n\
             help: compare times by `igql bench`"
        )),
        Measure::Overlap => Some(format!(
            "`{metric}` compares two programs, and a trial runs one\nhelp: use `igql replay`"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let limit = |text: &str, baseline| Constraint::parse(text).unwrap().limit(baseline);
        assert_eq!(limit("rows >= 20", 7.0), 20.0);
        assert_eq!(limit("rate(e)@5<=baseline", 7.0), 7.0);
        assert_eq!(limit("rate(e)@5 <= 2 * baseline", 7.0), 14.0);
        assert_eq!(limit("coverage@5 >= baseline - 0.5", 7.0), 6.5);
        assert_eq!(limit("coverage@5 >= baseline + 0.5", 7.0), 7.5);
        for text in ["rows >= 20", "ndcg@10 <= baseline*2", "ndcg@10 >= baseline-0.5"] {
            assert_eq!(Constraint::parse(text).unwrap().to_string(), text);
        }
        for wrong in [
            "rows",
            "rows = 1",
            "rows >= x",
            "rows >= baseline/2",
            "ndcg >= 1",
            "rows >= ",
            "rows >= nan",
            "x@1 >= 1",
        ] {
            assert!(Constraint::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn slack_has_a_side() {
        let slack = |text: &str| Constraint::parse(text).unwrap().slack(3.0, 2.0);
        assert_eq!((slack("rows >= baseline"), slack("rows <= baseline")), (1.0, -1.0));
    }
}
