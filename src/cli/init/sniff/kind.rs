//! What a file is found to be.

use crate::catalog::config::TextFormat;

/// How much of a file is looked at.
pub const LOOK: usize = 1 << 18;

/// What a file is.
#[derive(Debug, PartialEq)]
pub enum Kind {
    Parquet,
    Arrow,
    Json,
    Text(Text),
    /// Vectors by row.
    Npy,
    Safetensors,
    /// No table, and why it is none; None for what nobody would take for data.
    Other(Option<String>),
}

/// How a text table is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    pub format: TextFormat,
    /// What the first line gives as names, put right where they cannot be used as they are.
    pub names: Vec<String>,
    /// Types that the header told (`user_id:token`), by column.
    pub told: Vec<Option<&'static str>>,
    /// What was found on the way that a person should know.
    pub notes: Vec<String>,
    /// Another part of the table gave the names.
    pub named: bool,
}
