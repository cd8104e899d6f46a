//! What is wrong with the catalog file or the data, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// An error in `catalog.toml`, in a data file or in the snapshot. Says where it is, what was
/// expected and found, and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub struct DataError {
    pub file: Box<Path>,
    /// Row of the table, from 1, the header not counted.
    pub row: Option<u64>,
    /// Line of a text file, from 1.
    pub line: Option<u64>,
    pub column: Option<Box<str>>,
    /// One sentence without a final point; names in backticks.
    pub message: Box<str>,
    /// What to do about it; several ways a line each.
    pub help: Option<Box<str>>,
    /// What else is wrong, each by itself.
    pub others: Vec<DataError>,
}

impl DataError {
    pub fn new(file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        DataError {
            file: file.into().into(),
            row: None,
            line: None,
            column: None,
            message: message.into().into(),
            help: None,
            others: Vec::new(),
        }
    }

    /// An error of the operating system on a file: missing, not readable, disk full.
    pub fn io(file: impl Into<PathBuf>, error: &std::io::Error) -> Self {
        let message = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => error.to_string(),
        };
        DataError::new(file, message)
    }

    pub fn row(mut self, row: u64) -> Self {
        self.row = Some(row);
        self
    }

    pub fn line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into().into());
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into().into());
        self
    }

    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.map(Into::into).or(self.help);
        self
    }

    /// Adds another way out to the help.
    pub fn or_help(mut self, help: impl Into<String>) -> Self {
        let help = help.into();
        self.help = Some(match &self.help {
            Some(before) => format!("{before}\n{help}").into(),
            None => help.into(),
        });
        self
    }

    /// Adds how many more rows are like the one that the error is about, and the first of them.
    pub fn and_more(mut self, count: u64, rows: &[u64]) -> Self {
        if count > 0 {
            let named: Vec<String> = rows.iter().map(u64::to_string).collect();
            let more = if count > rows.len() as u64 { ", ..." } else { "" };
            let row = if count == 1 { "row" } else { "rows" };
            let list = format!("{row} {}{more}", named.join(", "));
            self.message = format!("{} (and {count} more: {list})", self.message).into();
        }
        self
    }

    /// Several errors as one; None if there are none.
    pub fn all(errors: Vec<DataError>) -> Option<DataError> {
        let mut flat = errors.into_iter().flat_map(|mut error| {
            let others = std::mem::take(&mut error.others);
            std::iter::once(error).chain(others)
        });
        let first = flat.next()?;
        let mut others: Vec<DataError> = Vec::new();
        for error in flat {
            if error != first && !others.contains(&error) {
                others.push(error);
            }
        }
        Some(DataError { others, ..first })
    }

    /// Where and what, without the help: to stand in another message.
    pub fn in_short(&self) -> String {
        struct Place<'a>(&'a DataError);
        impl fmt::Display for Place<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.place(f)
            }
        }
        format!("{}: {}", Place(self), self.message)
    }

    fn place(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.file))?;
        match (self.row, self.line) {
            (Some(row), Some(line)) => write!(f, ", row {row} (line {line})")?,
            (Some(row), None) => write!(f, ", row {row}")?,
            (None, Some(line)) => write!(f, ", line {line}")?,
            (None, None) => {}
        }
        self.column.as_ref().map_or(Ok(()), |c| write!(f, ", column `{c}`"))
    }
}

/// A path as people like to read it: relative to the working folder where it lies below it.
pub fn shown(path: &Path) -> String {
    let path = path.strip_prefix(".").unwrap_or(path);
    let below = std::env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    below.as_deref().unwrap_or(path).display().to_string()
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("error: ")?;
        self.place(f)?;
        write!(f, ": {}", self.message)?;
        let help = self.help.iter().flat_map(|h| h.lines());
        help.into_iter().try_for_each(|line| write!(f, "\n  help: {line}"))?;
        self.others.iter().try_for_each(|other| write!(f, "\n{other}"))?;
        match self.others.len() {
            0 => Ok(()),
            others => write!(f, "\n{} errors in total", others + 1),
        }
    }
}

impl std::error::Error for DataError {}

/// Something that was left out or is doubtful, and does not stop a build.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DataWarning {
    /// The file's path relative to the catalog.
    pub file: String,
    /// The section of the catalog that it is about, as `edge.likes`; empty if that is not known.
    #[serde(default)]
    pub section: String,
    pub message: String,
    /// How many rows, links or values it is about; 0 if it is not about rows.
    pub count: u64,
}

impl DataWarning {
    /// A warning that no section has yet.
    pub fn new(file: impl Into<String>, message: impl Into<String>, count: u64) -> Self {
        DataWarning { file: file.into(), section: String::new(), message: message.into(), count }
    }
}

impl fmt::Display for DataWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "warning: {}: {}", self.file, self.message)
    }
}
