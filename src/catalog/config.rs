//! The catalog file as a value: every name in it resolved, nothing of the data read yet.

use super::schema::{Defaults, KeyType, Metric, Storage};
use crate::types::{EntityId, Type};
use jiff::tz::TimeZone;
use std::path::PathBuf;

/// Most neighbours of each row that can be precomputed: longer lists would be larger than what a search for as
/// many takes.
pub const MOST_NEIGHBOURS: u32 = 1_000;

/// A whole `catalog.toml`.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Path of the file, as given.
    pub path: PathBuf,
    /// XXH3 of the file's bytes: a change of it makes the snapshot stale.
    pub hash: u64,
    pub name: String,
    pub viewer: EntityId,
    pub entities: Vec<Entity>,
    pub edges: Vec<Edge>,
    pub embeddings: Vec<Embedding>,
    pub defaults: Defaults,
}

/// `[entity.NAME]`.
#[derive(Clone, Debug)]
pub struct Entity {
    pub name: String,
    /// Line of its head in the catalog file.
    pub line: u64,
    /// Without one, its rows are the ids found at the ends of edges and references.
    pub table: Option<Table>,
    pub key: String,
    /// What its ids are, where no table says it.
    pub key_type: Option<KeyType>,
    /// None: several rows with one key are wrong.
    pub duplicates: Option<Duplicates>,
    pub time: Option<String>,
    pub references: Vec<Reference>,
}

#[derive(Clone, Debug)]
pub struct Reference {
    pub name: String,
    pub entity: EntityId,
    pub column: String,
    pub line: u64,
}

/// `[edge.NAME]`.
#[derive(Clone, Debug)]
pub struct Edge {
    pub name: String,
    pub line: u64,
    pub table: Table,
    pub from: End,
    pub to: End,
    pub time: Option<EdgeTime>,
    pub weight: Option<String>,
}

/// One end of an edge; the column may hold a list.
#[derive(Clone, Debug)]
pub struct End {
    pub entity: EntityId,
    pub column: String,
    pub line: u64,
}

#[derive(Clone, Debug)]
pub enum EdgeTime {
    Column(String),
    /// Year, month, day, hour, minute, second: as many as there are.
    Parts(Vec<String>),
}

/// What to do with rows that are broken or point nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    #[default]
    Error,
    /// Leave them out and report how many.
    Skip,
    /// Read the value as null; without its key or an end, leave out the row. Report how many.
    Null,
}

/// Which row of several with one key stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    First,
    Last,
}

/// A data file or several of one form, and how to read them.
#[derive(Clone, Debug)]
pub struct Table {
    /// Path relative to the catalog, or a glob.
    pub pattern: String,
    /// Line of `table` in the catalog file.
    pub line: u64,
    pub text: TextFormat,
    /// Whether the catalog has a `format`, and so says that the files are text.
    pub formatted: bool,
    pub on_error: OnError,
    pub columns: Vec<Column>,
}

impl Table {
    /// What the catalog says about a column, if anything.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }
}

/// What the catalog says about a column where inference needs help.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub ty: Option<Type>,
    /// Cuts a text into the elements of a list.
    pub separator: Option<String>,
    pub unit: Option<Unit>,
    /// How texts and ints are times, as `strptime` writes it; the first that fits is taken.
    pub formats: Vec<String>,
    /// Whose clock times without an offset are of; UTC if none is named.
    pub zone: Option<TimeZone>,
    /// The sign before the fraction of numbers in text, where that is not the table's.
    pub decimal: Option<char>,
    /// What means null in this column: texts, numbers and times as they are written.
    pub null: Vec<String>,
    /// Whether its values never change: they are what they were when the row came to be.
    pub fixed: bool,
    pub line: u64,
}

/// How many of what an integer time or duration counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Second,
    Milli,
    Micro,
    Nano,
}

impl Unit {
    /// Names in the catalog file, with what they mean.
    pub const ALL: [(&'static str, Unit); 4] =
        [("s", Unit::Second), ("ms", Unit::Milli), ("us", Unit::Micro), ("ns", Unit::Nano)];

    pub fn name(self) -> &'static str {
        Unit::ALL.iter().find(|(_, u)| *u == self).map_or("us", |(n, _)| n)
    }

    /// A count of this unit in microseconds; nanoseconds are rounded down. None on overflow.
    pub fn micros(self, count: i64) -> Option<i64> {
        match self {
            Unit::Second => count.checked_mul(1_000_000),
            Unit::Milli => count.checked_mul(1_000),
            Unit::Micro => Some(count),
            Unit::Nano => Some(count.div_euclid(1_000)),
        }
    }

    /// The unit that puts a point in time of this magnitude into our age.
    pub fn likely(magnitude: u64) -> Unit {
        match magnitude {
            0..100_000_000_000 => Unit::Second,
            100_000_000_000..100_000_000_000_000 => Unit::Milli,
            100_000_000_000_000..100_000_000_000_000_000 => Unit::Micro,
            _ => Unit::Nano,
        }
    }
}

/// How a text table departs from CSV with a header (or TSV, by its ending).
#[derive(Clone, Debug, PartialEq)]
pub struct TextFormat {
    /// What stands between fields; by default a comma, in .tsv files a tab.
    pub separator: Option<String>,
    pub header: bool,
    pub names: Option<Vec<String>>,
    /// The last name takes the rest of the line as a list.
    pub rest: bool,
    pub encoding: Option<&'static encoding_rs::Encoding>,
    /// Texts that mean null.
    pub null: Vec<String>,
    /// Whether quotes group; by default only where the separator is `,` or `;`.
    pub quotes: Option<bool>,
    /// The sign that makes a letter of the quote behind it, beside a quote written twice.
    pub escape: Option<u8>,
    /// The sign before the fraction of numbers; the other of `.` and `,` then groups thousands.
    pub decimal: Option<char>,
}

impl Default for TextFormat {
    fn default() -> Self {
        TextFormat {
            separator: None,
            header: true,
            names: None,
            rest: false,
            encoding: None,
            null: vec![String::new()],
            quotes: None,
            escape: None,
            decimal: None,
        }
    }
}

/// `[embedding.NAME]`: a vector space with a file for each of its entities.
#[derive(Clone, Debug)]
pub struct Embedding {
    pub name: String,
    pub line: u64,
    pub metric: Metric,
    /// Nearest neighbours of each entity that are found ahead; 0: none.
    pub neighbours: u32,
    /// How many nodes a search of the index expands; 0: as it finds right.
    pub ef: u32,
    pub storage: Storage,
    pub parts: Vec<VectorFile>,
    pub on_error: OnError,
}

#[derive(Clone, Debug)]
pub struct VectorFile {
    pub entity: EntityId,
    /// Path relative to the catalog.
    pub file: String,
    /// Column with the keys; by default called like the entity's key.
    pub key: Option<String>,
    /// File with the keys of the vectors, row by row, relative to the catalog.
    pub keys: Option<String>,
    /// Column with the vectors; by default the only one with lists of numbers.
    pub column: Option<String>,
    pub line: u64,
}
