//! Operators on the rows of a request.

use super::{Column, Failure};
use crate::batch::Stop;
use crate::types::Type;
use std::ops::Range;

/// An operator of a Rust program: from the rows of a request some of them, in any order, with new scores if it
/// makes any. The engine keeps their columns, where they come from, and the limits.
///
/// Equal rows and arguments give equal results, on any thread.
///
/// ```
/// use igql::extend::{Args, Argument, Failure, OperatorSignature, RowOperator, RowsView, Selection};
///
/// /// Every `n`th row.
/// struct Every(OperatorSignature);
///
/// impl RowOperator for Every {
///     fn signature(&self) -> &OperatorSignature {
///         &self.0
///     }
///
///     fn run(&self, args: &Args, rows: &RowsView, out: &mut Selection) -> Result<(), Failure> {
///         let n = args.number("n").filter(|n| *n >= 1.0).ok_or("`n` has to be at least 1")?;
///         (0..rows.len()).step_by(n as usize).for_each(|row| out.keep(row));
///         Ok(())
///     }
/// }
///
/// let signature = OperatorSignature::new("every", &[("n", Argument::Number)]);
/// let operator = Every(signature.doc("every `n`th row"));
/// ```
pub trait RowOperator: Send + Sync {
    /// What the checker goes by. It is asked for once, when the operator is registered.
    fn signature(&self) -> &OperatorSignature;

    /// The rows of one request that stay, each at most once, in their order.
    fn run(&self, args: &Args, rows: &RowsView, out: &mut Selection) -> Result<(), Failure>;
}

/// What an argument of an operator is.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A number of the request: written out, a param, or computed from those.
    Number,
    /// A string of the request.
    Text,
    /// One of some names, written as it is: `method=fast`.
    Case(&'static [&'static str]),
    /// A value of each row: `score`, `age(created_at)`, a column.
    Row(Type),
    /// A value of each row, of any type, as an int: equal ints are equal values, and null is null.
    Key,
}

/// The declaration of an operator.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorSignature {
    pub(crate) name: String,
    pub(crate) params: Vec<(String, Argument)>,
    /// How many parameters have to be given; the others may be left out.
    pub(crate) required: usize,
    /// Whether it gives new scores.
    pub(crate) scoring: bool,
    pub(crate) doc: String,
}

impl OperatorSignature {
    /// An operator of these parameters, in order; arguments can be given by their names. All have to be given.
    pub fn new(name: &str, params: &[(&str, Argument)]) -> OperatorSignature {
        let params = params.iter().map(|(name, kind)| ((*name).to_owned(), kind.clone()));
        let params: Vec<_> = params.collect();
        OperatorSignature {
            name: name.to_owned(),
            required: params.len(),
            params,
            scoring: false,
            doc: String::new(),
        }
    }

    /// The same with further parameters that may be left out.
    pub fn optional(mut self, params: &[(&str, Argument)]) -> OperatorSignature {
        let params = params.iter().map(|(name, kind)| ((*name).to_owned(), kind.clone()));
        self.params.extend(params);
        self
    }

    /// The same for an operator that gives every row that stays a new score.
    pub fn scoring(mut self) -> OperatorSignature {
        self.scoring = true;
        self
    }

    /// What it does, for help.
    pub fn doc(mut self, doc: &str) -> OperatorSignature {
        self.doc = doc.to_owned();
        self
    }
}

/// The arguments of a call for the rows of one request.
pub struct Args<'a> {
    pub(crate) given: Vec<(&'a str, Given<'a>)>,
}

/// An argument.
pub(crate) enum Given<'a> {
    Number(Option<f64>),
    Text(Option<String>),
    Case(&'static str),
    /// The column is that of all rows of a batch; the request has those of the range.
    Row(&'a Column<'a>, Range<usize>),
}

impl Args<'_> {
    fn get(&self, name: &str) -> Option<&Given<'_>> {
        let given = self.given.iter().find(|(given, _)| *given == name);
        given.map(|(_, given)| given)
    }

    /// A number; none if it is null, or was left out. A name that is not declared, here and below, is none.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.get(name)? {
            Given::Number(number) => *number,
            _ => None,
        }
    }

    /// A string; none if it is null, or was left out.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Given::Text(text) => text.as_deref(),
            _ => None,
        }
    }

    /// The case that was chosen; none if it was left out.
    pub fn case(&self, name: &str) -> Option<&'static str> {
        match self.get(name)? {
            Given::Case(case) => Some(case),
            _ => None,
        }
    }

    /// The values of the rows; none if they were left out.
    pub fn rows(&self, name: &str) -> Option<RowValues<'_>> {
        match self.get(name)? {
            Given::Row(column, range) => Some(RowValues { column, range: range.clone() }),
            _ => None,
        }
    }
}

/// The values that an argument has for the rows of a request. What is asked for has to be of the declared type.
#[derive(Clone, Debug)]
pub struct RowValues<'a> {
    column: &'a Column<'a>,
    range: Range<usize>,
}

impl RowValues<'_> {
    fn place(&self, row: usize) -> usize {
        assert!(row < self.range.len(), "there is no row {row}");
        self.range.start + row
    }

    /// An int, a key, or the microseconds of a time or duration.
    pub fn int(&self, row: usize) -> Option<i64> {
        self.column.int(self.place(row))
    }

    /// The float of a row.
    pub fn float(&self, row: usize) -> Option<f64> {
        self.column.float(self.place(row))
    }

    /// The bool of a row.
    pub fn bool(&self, row: usize) -> Option<bool> {
        self.column.bool(self.place(row))
    }

    /// The string of a row.
    pub fn text(&self, row: usize) -> Option<&str> {
        self.column.text(self.place(row))
    }
}

/// The rows of one request, in order.
pub struct RowsView<'a> {
    pub(crate) scores: &'a [f64],
    pub(crate) stop: Stop<'a>,
}

impl RowsView<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// The score of a row; none if it is null.
    pub fn score(&self, row: usize) -> Option<f64> {
        Some(self.scores[row]).filter(|score| !score.is_nan())
    }

    /// Whether the request has to end now, because of a limit: a long loop asks every few thousand steps, and
    /// returns at once. What it returned is not looked at.
    pub fn late(&self) -> bool {
        self.stop.is_due()
    }
}

/// The rows that stay.
#[derive(Debug)]
pub struct Selection {
    /// Whether each row of the request was taken.
    taken: Vec<bool>,
    pub(crate) rows: Vec<u32>,
    /// Whether each row that stays has a new score.
    scoring: bool,
    pub(crate) scores: Vec<f64>,
    pub(crate) wrong: Option<String>,
}

impl Selection {
    pub(crate) fn of(rows: usize, scoring: bool) -> Selection {
        Selection {
            taken: vec![false; rows],
            rows: Vec::new(),
            scoring,
            scores: Vec::new(),
            wrong: None,
        }
    }

    /// Keeps a row with the score that it has.
    pub fn keep(&mut self, row: usize) {
        self.add(row, None);
    }

    /// Keeps a row with another score; one that is not finite is null. For operators that are
    /// [`scoring`](OperatorSignature::scoring), which use nothing else.
    pub fn keep_scored(&mut self, row: usize, score: f64) {
        self.add(row, Some(score));
    }

    fn add(&mut self, row: usize, score: Option<f64>) {
        let wrong = match self.taken.get(row) {
            None => Some(format!("it keeps row {row} of {}", self.taken.len())),
            Some(true) => Some(format!("it keeps row {row} twice")),
            Some(false) if score.is_some() != self.scoring => Some(match self.scoring {
                true => "it gives no score to a row that it keeps".to_owned(),
                false => "it gives scores, which its signature does not say".to_owned(),
            }),
            Some(false) => None,
        };
        if let Some(wrong) = wrong {
            self.wrong.get_or_insert(wrong);
            return;
        }
        self.taken[row] = true;
        self.rows.push(row as u32);
        self.scores.extend(score.map(|s| if s.is_finite() { s } else { f64::NAN }));
    }
}
