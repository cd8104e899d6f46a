//! The formats of answers.

use super::packing::Packing;
use std::ffi::OsStr;
use std::path::Path;

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One object for one answer, an array for several.
    Json,
    /// An object per line and answer.
    Ndjson,
    /// A row per line; the first columns are `user` and, for pages, `list`.
    Csv,
    /// The same, separated by tabs.
    Tsv,
    /// The rows as a Parquet table.
    Parquet,
    /// The rows as an Arrow IPC file.
    Arrow,
}

/// The extensions that say how a file is written, for messages.
pub(crate) const EXTENSIONS: &str = "`.json`, `.ndjson`, `.csv`, `.tsv` (optionally compressed, as `.csv.gz` or \
                                     `.csv.zst`), `.parquet` and `.arrow`";

impl Format {
    /// All of them.
    pub const ALL: [Format; 6] =
        [Format::Json, Format::Ndjson, Format::Csv, Format::Tsv, Format::Parquet, Format::Arrow];

    /// As `--format` and endings of files have it.
    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Csv => "csv",
            Format::Tsv => "tsv",
            Format::Parquet => "parquet",
            Format::Arrow => "arrow",
        }
    }

    /// What a file's extension asks for: that before `.gz` or `.zst` of a compressed file.
    pub fn of(path: &Path) -> Option<Format> {
        let name = match Packing::of(path) {
            Packing::Plain => path.file_name(),
            Packing::Gzip | Packing::Zstd => path.file_stem(),
        };
        let extension = Path::new(name?).extension().and_then(OsStr::to_str)?;
        let extension = extension.to_ascii_lowercase();
        let name = match extension.as_str() {
            "jsonl" => "ndjson",
            extension => extension,
        };
        Format::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Why a file of this format cannot be compressed so, if it cannot.
    pub(crate) fn refuses(self, packing: Packing) -> Option<String> {
        let twice = packing != Packing::Plain && self.is_binary();
        twice.then(|| format!("a file in the format {} is already compressed", self.name()))
    }

    /// Whether its bytes are not text; it is compressed inside.
    pub fn is_binary(self) -> bool {
        matches!(self, Format::Parquet | Format::Arrow)
    }

    /// Whether it is a table with a row per result, which has neither warnings nor explanations, and by itself no
    /// row for an answer without results.
    pub fn is_flat(self) -> bool {
        self.is_binary() || matches!(self, Format::Csv | Format::Tsv)
    }
}
