//! What is wrong with the catalog file or the data, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// An error in `catalog.toml`, in a data file or in the snapshot. Says where it is, what was
/// expected and found, and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub struct DataError {
    pub file: PathBuf,
    /// Row of the table, from 1, the header not counted.
    pub row: Option<u64>,
    /// Line of a text file, from 1.
    pub line: Option<u64>,
    pub column: Option<Box<str>>,
    /// One sentence without a final point; names in backticks.
    pub message: Box<str>,
    /// What to do about it.
    pub help: Option<Box<str>>,
}

impl DataError {
    pub fn new(file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        DataError {
            file: file.into(),
            row: None,
            line: None,
            column: None,
            message: message.into().into(),
            help: None,
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

    /// Adds how many more rows are like the one that the error is about.
    pub fn and_more(mut self, count: u64) -> Self {
        if count > 0 {
            self.message = format!("{} (and {count} more like it)", self.message).into();
        }
        self
    }

    fn place(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.file))?;
        match (self.row, self.line) {
            (Some(row), Some(line)) => write!(f, ", row {row} (line {line})")?,
            (Some(row), None) => write!(f, ", row {row}")?,
            (None, Some(line)) => write!(f, ", line {line}")?,
            (None, None) => {}
        }
        self.column
            .as_ref()
            .map_or(Ok(()), |c| write!(f, ", column `{c}`"))
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
        self.help
            .as_ref()
            .map_or(Ok(()), |h| write!(f, "\n  help: {h}"))
    }
}

impl std::error::Error for DataError {}

/// Something that was left out or is doubtful, and does not stop a build.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DataWarning {
    /// The file's path relative to the catalog.
    pub file: String,
    pub message: String,
    /// How many rows, links or values it is about; 0 if it is not about rows.
    pub count: u64,
}

impl fmt::Display for DataWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "warning: {}: {}", self.file, self.message)
    }
}
