//! Why no classifier was trained, as data.

use std::fmt;

use crate::learn::Stopped;

/// Why no classifier was trained.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassifierWrong {
    /// The caller asked to stop.
    Stopped,
    /// A list is not as long as another one says.
    Malformed {
        /// Which list.
        list: &'static str,
        /// Values expected.
        expected: usize,
        /// Values found.
        found: usize,
    },
    /// A row, class or fold that does not exist.
    Beyond {
        /// What it is the number of.
        what: &'static str,
        /// The number.
        number: u64,
        /// How many there are.
        of: u64,
    },
    /// A parameter outside of what is possible.
    Parameter {
        /// Its name.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A vector has a number that is not finite.
    NotFinite {
        /// Its row.
        row: u32,
        /// The place of the number in the vector.
        place: usize,
    },
    /// No row with a class has a vector.
    NoRows,
    /// All rows have one class.
    OneClass {
        /// The class.
        class: u32,
    },
    /// A class has no row with a vector.
    Absent {
        /// The class.
        class: u32,
    },
    /// A class is in one fold alone, so that it cannot be learned for the rows of that fold.
    OneFold {
        /// The class.
        class: u32,
        /// The fold.
        fold: u8,
    },
    /// There are rows in too few folds.
    FewFolds {
        /// Folds with rows.
        found: usize,
        /// How many there must be.
        least: usize,
    },
    /// All vectors are equal.
    Constant {
        /// The fold without whose rows they are; `None`: with all rows.
        without: Option<u8>,
    },
}

impl From<Stopped> for ClassifierWrong {
    fn from(_: Stopped) -> ClassifierWrong {
        ClassifierWrong::Stopped
    }
}

impl fmt::Display for ClassifierWrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClassifierWrong::Stopped => write!(f, "stopped"),
            ClassifierWrong::Malformed { list, expected, found } => {
                write!(f, "there are {found} values in `{list}`, not {expected}")
            }
            ClassifierWrong::Beyond { what, number, of } => {
                write!(f, "there is no {what} {number}: there are {of}, counted from 0")
            }
            ClassifierWrong::Parameter { name, expected } => {
                write!(f, "`{name}` must be {expected}")
            }
            ClassifierWrong::NotFinite { row, place } => {
                write!(f, "number {place} of the vector of row {row} is not finite")
            }
            ClassifierWrong::NoRows => write!(f, "no row with a class has a vector"),
            ClassifierWrong::OneClass { class } => write!(
                f,
                "all rows with a vector have class {class}: at least two classes are needed"
            ),
            ClassifierWrong::Absent { class } => {
                write!(f, "class {class} has no row with a vector: leave it out")
            }
            ClassifierWrong::OneFold { class, fold } => write!(
                f,
                "all rows with a vector of class {class} are in fold {fold}, so there are none to learn from where that fold is \
                 predicted: more rows of the class are needed, or leave it out"
            ),
            ClassifierWrong::FewFolds { found, least } => {
                write!(f, "rows with a vector are in {found} folds: at least {least} are needed")
            }
            ClassifierWrong::Constant { without: None } => {
                write!(f, "the vectors of all rows with a class are equal")
            }
            ClassifierWrong::Constant { without: Some(fold) } => {
                write!(f, "the vectors of all rows with a class outside of fold {fold} are equal")
            }
        }
    }
}

impl std::error::Error for ClassifierWrong {}
