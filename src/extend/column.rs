//! Values of one type, a row each, as extensions see them.

use crate::types::{NULL_BOOL, NULL_INT, Type};
use std::borrow::Cow;

/// Values of one type, one for each row. What is asked for has to be of that type: the engine has looked that
/// the column is what the signature says, so a wrong one is a mistake in the extension, and panics.
#[derive(Clone, Debug)]
pub struct Column<'a>(Values<'a>);

#[derive(Clone, Debug)]
pub(crate) enum Values<'a> {
    /// Ints, times (microseconds since 1970) and durations (microseconds).
    Ints(Cow<'a, [i64]>),
    Floats(Cow<'a, [f64]>),
    Bools(Cow<'a, [u8]>),
    Texts(Vec<Option<Cow<'a, str>>>),
}

impl<'a> Column<'a> {
    pub(crate) fn new(values: Values<'a>) -> Column<'a> {
        Column(values)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Values::Ints(values) => values.len(),
            Values::Floats(values) => values.len(),
            Values::Bools(values) => values.len(),
            Values::Texts(values) => values.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a row has no value.
    pub fn is_null(&self, row: usize) -> bool {
        match &self.0 {
            Values::Ints(values) => values[row] == NULL_INT,
            Values::Floats(values) => values[row].is_nan(),
            Values::Bools(values) => values[row] == NULL_BOOL,
            Values::Texts(values) => values[row].is_none(),
        }
    }

    /// The int of a row, or the microseconds of a time (since 1970) or duration.
    pub fn int(&self, row: usize) -> Option<i64> {
        match &self.0 {
            Values::Ints(values) => Some(values[row]).filter(|&value| value != NULL_INT),
            other => other.is_not("ints, times or durations"),
        }
    }

    /// The float of a row.
    pub fn float(&self, row: usize) -> Option<f64> {
        match &self.0 {
            Values::Floats(values) => Some(values[row]).filter(|value| !value.is_nan()),
            other => other.is_not("floats"),
        }
    }

    /// All floats; NaN is null.
    pub fn floats(&self) -> &[f64] {
        match &self.0 {
            Values::Floats(values) => values,
            other => other.is_not("floats"),
        }
    }

    /// The bool of a row.
    pub fn bool(&self, row: usize) -> Option<bool> {
        match &self.0 {
            Values::Bools(values) => {
                Some(values[row]).filter(|&value| value != NULL_BOOL).map(|value| value == 1)
            }
            other => other.is_not("bools"),
        }
    }

    /// The string of a row.
    pub fn text(&self, row: usize) -> Option<&str> {
        match &self.0 {
            Values::Texts(values) => values[row].as_deref(),
            other => other.is_not("strings"),
        }
    }
}

impl Values<'_> {
    fn is_not<T>(&self, asked: &str) -> T {
        let is = match self {
            Values::Ints(_) => "ints",
            Values::Floats(_) => "floats",
            Values::Bools(_) => "bools",
            Values::Texts(_) => "strings",
        };
        panic!("a column of {is} was asked for {asked}")
    }
}

/// Values of one type that a function gives, one for each row in order.
#[derive(Debug)]
pub struct ColumnBuilder(Built);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Built {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Bools(Vec<u8>),
    Texts(Vec<Option<String>>),
}

impl ColumnBuilder {
    /// For values of a type that an extension may have; see [`is_plain`].
    pub(crate) fn of(ty: &Type) -> ColumnBuilder {
        ColumnBuilder(match ty {
            Type::Float => Built::Floats(Vec::new()),
            Type::Bool => Built::Bools(Vec::new()),
            Type::String => Built::Texts(Vec::new()),
            _ => Built::Ints(Vec::new()),
        })
    }

    /// An int, or the microseconds of a time or duration. The smallest int stands for null.
    pub fn push_int(&mut self, value: impl Into<Option<i64>>) {
        match &mut self.0 {
            Built::Ints(values) => values.push(value.into().unwrap_or(NULL_INT)),
            other => other.is_not("an int"),
        }
    }

    /// A float; one that is not finite is null.
    pub fn push_float(&mut self, value: impl Into<Option<f64>>) {
        match &mut self.0 {
            Built::Floats(values) => {
                let value = value.into().filter(|value| value.is_finite());
                values.push(value.unwrap_or(f64::NAN));
            }
            other => other.is_not("a float"),
        }
    }

    /// A bool.
    pub fn push_bool(&mut self, value: impl Into<Option<bool>>) {
        match &mut self.0 {
            Built::Bools(values) => values.push(value.into().map_or(NULL_BOOL, u8::from)),
            other => other.is_not("a bool"),
        }
    }

    /// A string.
    pub fn push_text(&mut self, value: Option<impl Into<String>>) {
        match &mut self.0 {
            Built::Texts(values) => values.push(value.map(Into::into)),
            other => other.is_not("a string"),
        }
    }

    pub(crate) fn done(self) -> Built {
        self.0
    }
}

impl Built {
    pub(crate) fn len(&self) -> usize {
        match self {
            Built::Ints(values) => values.len(),
            Built::Floats(values) => values.len(),
            Built::Bools(values) => values.len(),
            Built::Texts(values) => values.len(),
        }
    }

    fn is_not(&self, given: &str) {
        let is = match self {
            Built::Ints(_) => "ints",
            Built::Floats(_) => "floats",
            Built::Bools(_) => "bools",
            Built::Texts(_) => "strings",
        };
        panic!("{given} was given where the signature promises {is}")
    }
}

/// Whether values of a type can be handed to extensions.
pub(crate) fn is_plain(ty: &Type) -> bool {
    let plain = [Type::Int, Type::Float, Type::Bool, Type::String, Type::Time, Type::Duration];
    plain.contains(ty)
}
