//! What is wrong with the data and what was left out of it: gathered over all tables, so that all is
//! told at once.

use super::plan::Place;
use crate::catalog::config::OnError;
use crate::catalog::{DataError, DataWarning, toml_key};
use crate::store::import::{Advice, Group, Kind, Reader, Table, brief};

#[derive(Debug, Default)]
pub struct Complaints {
    pub errors: Vec<DataError>,
    pub warnings: Vec<DataWarning>,
}

impl Complaints {
    /// Takes the value, or notes the error.
    pub fn note<T>(&mut self, result: Result<T, DataError>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }

    pub fn absorb(&mut self, other: Complaints) {
        self.errors.extend(other.errors);
        self.warnings.extend(other.warnings);
    }

    /// What is left when nothing is wrong, else all that is.
    pub fn finish(self) -> Result<Vec<DataWarning>, DataError> {
        DataError::all(self.errors).map_or(Ok(self.warnings), Err)
    }
}

/// What becomes of a row, link or value that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Row,
    Value,
}

impl Place<'_> {
    /// What the catalog wants of something wrong: an error, or leaving out the row or the value. A row
    /// cannot do without its key and ends (`vital`).
    pub fn loss(&self, vital: bool) -> Option<Loss> {
        match self.table.on_error {
            OnError::Error => None,
            OnError::Null if !vital => Some(Loss::Value),
            OnError::Skip | OnError::Null => Some(Loss::Row),
        }
    }

    /// How the catalog can do without what is wrong.
    pub fn way_out(&self, vital: bool) -> String {
        let section = self.section;
        match vital {
            true => format!(
                "`on_error = \"skip\"` in `[{section}]` skips such rows and reports their number"
            ),
            false => format!(
                "`on_error = \"null\"` in `[{section}]` reads such values as null, `\"skip\"` skips their rows; both report the number"
            ),
        }
    }

    /// Where and how the catalog is told what would make a value of a text.
    fn written(&self, column: Option<&str>, advice: &Advice) -> Option<String> {
        let section = self.section;
        let entry = match advice {
            Advice::Column(entry) => {
                let column = column?;
                return Some(match self.table.column(column) {
                    Some(_) => {
                        format!("write `{entry}` to the column `{column}` in `[{section}.columns]`")
                    }
                    None => format!(
                        "write `{} = {{ {entry} }}` in `[{section}.columns]`",
                        toml_key(column)
                    ),
                });
            }
            Advice::Null(word) => {
                let words = self.table.text.null.iter().chain([word]);
                let words: Vec<String> = words.map(|w| format!("{w:?}")).collect();
                format!("null = [{}]", words.join(", "))
            }
            Advice::Format(entry) => entry.clone(),
        };
        Some(match self.table.formatted {
            true => format!("write `{entry}` in the `format` of `[{section}]`"),
            false => format!("write `format = {{ {entry} }}` in `[{section}]`"),
        })
    }

    /// A warning about the table.
    pub fn warning(&self, message: String, count: u64) -> DataWarning {
        let warning = DataWarning::new(self.table.pattern.as_str(), message, count);
        self.about(warning)
    }

    /// The same warning, of the table's section.
    pub fn about(&self, warning: DataWarning) -> DataWarning {
        DataWarning { section: self.section.to_owned(), ..warning }
    }

    /// Notes what reading a table found wrong; rows that cannot stay are left out, also where that is
    /// an error, so that what else is wrong is found. True if rows were lost by an error.
    pub fn faults(
        &self,
        reader: &dyn Reader,
        table: &mut Table,
        groups: Vec<Group>,
        vital: impl Fn(&str) -> bool,
        complaints: &mut Complaints,
    ) -> bool {
        let mut dropped = Vec::new();
        let mut lost = false;
        for group in groups {
            let vital = group.column.as_deref().is_none_or(&vital);
            let error = table.first(reader, &group);
            let count = group.rows.len() as u64;
            let loss = match group.first.kind {
                Kind::Fatal => None,
                Kind::Infinite => Some(Loss::Value),
                _ => self.loss(vital),
            };
            match loss {
                None => {
                    let error = table.origin.and_more(error, &group.rows);
                    let error = self.with_ways(error, reader, &group, vital);
                    complaints.errors.push(error);
                    lost |= vital;
                }
                Some(Loss::Value) => {
                    let (values, read) = plural(count, "value", "reads");
                    let message = format!("{count} {values} {read} null: {}", brief(&error));
                    complaints.warnings.push(self.warning(message, count));
                    continue;
                }
                Some(Loss::Row) => {
                    let warning = self.rows_skipped(&brief(&error), count);
                    complaints.warnings.push(warning);
                }
            }
            if vital || self.table.on_error == OnError::Skip {
                dropped.extend(group.rows);
            }
        }
        table.drop_rows(&dropped);
        lost
    }

    fn with_ways(
        &self,
        error: DataError,
        reader: &dyn Reader,
        group: &Group,
        vital: bool,
    ) -> DataError {
        let takes = |advice: &&Advice| match advice {
            Advice::Null(_) => crate::store::import::takes_format(&reader.files()[0].path),
            Advice::Column(_) | Advice::Format(_) => true,
        };
        let advice = group.first.advice.as_ref().filter(takes);
        let error = match advice.and_then(|a| self.written(group.column.as_deref(), a)) {
            Some(written) => error.or_help(written),
            None => error,
        };
        match group.first.kind {
            Kind::Fatal => error,
            _ => error.or_help(self.way_out(vital)),
        }
    }

    /// The warning for rows that were left out.
    pub fn rows_skipped(&self, why: &str, count: u64) -> DataWarning {
        let rows = if count == 1 { "row" } else { "rows" };
        self.warning(format!("{count} {rows} skipped: {why}"), count)
    }
}

/// A noun and a verb for so many.
pub fn plural(count: u64, noun: &str, verb: &str) -> (String, String) {
    match count {
        1 => (noun.to_owned(), verb.to_owned()),
        _ => (format!("{noun}s"), verb.strip_suffix('s').unwrap_or(verb).to_owned()),
    }
}
