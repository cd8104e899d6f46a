//! Scalar functions.

use super::{Column, ColumnBuilder, Failure};
use crate::types::Type;

/// A scalar function of a Rust program.
///
/// It is pure: equal arguments give equal results, on any thread and in any request. So it may be computed
/// once for many rows, early, or not at all.
///
/// ```
/// use igql::Type;
/// use igql::extend::{Column, ColumnBuilder, Failure, Function, Signature};
///
/// /// How many characters two strings begin with in common.
/// struct CommonPrefix(Signature);
///
/// impl Function for CommonPrefix {
///     fn signature(&self) -> &Signature {
///         &self.0
///     }
///
///     fn eval(&self, args: &[Column], out: &mut ColumnBuilder) -> Result<(), Failure> {
///         for row in 0..args[0].len() {
///             // a strict function sees no nulls
///             let (a, b) = (args[0].text(row).unwrap(), args[1].text(row).unwrap());
///             let common = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
///             out.push_int(common as i64);
///         }
///         Ok(())
///     }
/// }
///
/// let signature = Signature::new("common_prefix", &[("a", Type::String), ("b", Type::String)], Type::Int)
///     .doc("how many characters two strings begin with in common")
///     .range(0.0, f64::INFINITY);
/// let function = CommonPrefix(signature);
/// ```
pub trait Function: Send + Sync {
    /// What the checker goes by. It is asked for once, when the function is registered.
    fn signature(&self) -> &Signature;

    /// One value for each row: `args` has a column for each parameter, of its type, all of one length.
    fn eval(&self, args: &[Column], out: &mut ColumnBuilder) -> Result<(), Failure>;
}

/// What a function makes of null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Null {
    /// If any argument is null, so is the result; the function does not see such rows.
    Strict,
    /// The function decides: arguments may be null.
    Custom,
}

/// The declaration of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    pub(crate) name: String,
    pub(crate) params: Vec<(String, Type)>,
    pub(crate) result: Type,
    pub(crate) null: Null,
    pub(crate) range: Option<(f64, f64)>,
    pub(crate) doc: String,
}

impl Signature {
    /// A strict function of these parameters, in order; arguments can be given by their names. Types are int,
    /// float, bool, string, time and duration; an int that is given for a float becomes one.
    pub fn new(name: &str, params: &[(&str, Type)], result: Type) -> Signature {
        let params = params.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone()));
        Signature {
            name: name.to_owned(),
            params: params.collect(),
            result,
            null: Null::Strict,
            range: None,
            doc: String::new(),
        }
    }

    /// What it makes of null.
    pub fn null(mut self, null: Null) -> Signature {
        self.null = null;
        self
    }

    /// The smallest and the largest result that is not null, for numbers. Lints and budgets go by it, so a
    /// result outside ends the request.
    pub fn range(mut self, low: f64, high: f64) -> Signature {
        self.range = Some((low, high));
        self
    }

    /// One line for help.
    pub fn doc(mut self, doc: &str) -> Signature {
        self.doc = doc.to_owned();
        self
    }

    /// As help shows it: `levenshtein(a, b)`.
    pub(crate) fn usage(&self) -> String {
        let names: Vec<&str> = self.params.iter().map(|(name, _)| &**name).collect();
        format!("{}({})", self.name, names.join(", "))
    }
}
