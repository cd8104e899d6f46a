//! The formats of tables, and which one a file has: by its ending and by what the catalog says.

#[cfg(feature = "arrow")]
use super::ipc::ARROW;
#[cfg(feature = "parquet")]
use super::parquet::PARQUET;
use super::reader::Reader;
use super::{json, packed, text};
use crate::catalog::DataError;
use crate::catalog::config::{Table as TableConfig, TextFormat};
use std::path::{Path, PathBuf};

/// Every format. The first ending that fits is that of a file.
static FORMATS: &[&Format] = &[
    // in the order in which messages name them
    &PARQUET,
    &text::CSV,
    &text::TSV,
    &json::JSON,
    &ARROW,
];

/// A format of tables.
pub(super) struct Format {
    /// Endings of file names, in small letters.
    pub endings: &'static [&'static str],
    /// What `format` in the catalog may say of its files.
    pub settings: Settings,
    /// Of text: what stands between fields unless the catalog says otherwise.
    pub separator: Option<&'static str>,
    /// Whether files can be packed as a whole: with `.gz` or `.zst` behind the ending.
    pub packed: bool,
    /// Whether its columns can hold vectors.
    pub vectors: bool,
    /// Looks through files.
    pub open: fn(&Files) -> Result<Box<dyn Reader>, DataError>,
}

/// The settings of `format` that a format takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settings {
    All,
    NullAndEncoding,
    None,
}

/// Files of one format that are to be one table.
pub(super) struct Files<'a> {
    /// At least one.
    pub paths: &'a [PathBuf],
    pub settings: &'a TextFormat,
    /// The columns that the catalog speaks of.
    pub named: &'a [&'a str],
}

impl Settings {
    fn take(self, settings: &TextFormat) -> bool {
        let plain = TextFormat::default();
        match self {
            Settings::All => true,
            Settings::None => *settings == plain,
            Settings::NullAndEncoding => {
                let (null, encoding) = (settings.null.clone(), settings.encoding);
                let only = TextFormat { null, encoding, ..plain };
                *settings == only
            }
        }
    }
}

/// The format of a file by its ending.
pub(super) fn format_of(file: &Path) -> Option<&'static Format> {
    let format = by_ending(&packed::ending(file)?);
    format.filter(|format| format.packed || !packed::is_packed(file))
}

fn by_ending(ending: &str) -> Option<&'static Format> {
    let mut formats = FORMATS.iter().copied();
    formats.find(|format| format.endings.contains(&ending))
}

/// Whether a file is text with separators, or has no ending that says otherwise.
pub fn is_text(file: &Path) -> bool {
    format_of(file).is_none_or(|format| format.separator.is_some())
}

/// Whether a `format` in the catalog is of use for a file: it is text or JSON.
pub fn takes_format(file: &Path) -> bool {
    format_of(file).is_none_or(|format| format.settings != Settings::None)
}

/// Whether files of that ending are tables.
pub fn is_table(ending: &str) -> bool {
    by_ending(ending).is_some()
}

/// What stands between the fields of text files of that ending.
pub fn separator(ending: &str) -> Option<&'static str> {
    by_ending(ending)?.separator
}

/// The same of a file; a comma where the ending says nothing.
pub fn separator_of(file: &Path) -> &'static str {
    let format = format_of(file);
    format.and_then(|format| format.separator).unwrap_or(",")
}

/// The format of some files, which must be the same, and one that takes the settings of the catalog.
pub(super) fn format_of_all(
    files: &[PathBuf],
    table: &TableConfig,
) -> Result<Option<&'static Format>, String> {
    // an ending that says nothing is that of text, if the catalog says how it is written
    let of = |f: &PathBuf| format_of(f).or(table.formatted.then_some(&text::CSV));
    let format = of(&files[0]);
    let differs = |f: &&PathBuf| match (of(f), format) {
        (Some(a), Some(b)) => !std::ptr::eq(a, b),
        (a, b) => a.is_some() != b.is_some(),
    };
    if let Some(other) = files.iter().find(differs) {
        let (first, other) = (crate::catalog::shown(&files[0]), crate::catalog::shown(other));
        return Err(format!(
            "{first} and {other} are of different formats; a glob such as `FOLDER/**/*.parquet` chooses"
        ));
    }
    match format.is_none_or(|format| format.settings.take(&table.text)) {
        true => Ok(format),
        false => {
            Err("`format` is about text with separators, which these files are not".to_owned())
        }
    }
}

pub(super) fn unsupported(file: &Path) -> DataError {
    let endings = FORMATS.iter().flat_map(|format| format.endings);
    let help = format!(
        "tables are read from {} files, and from .gz and .zst of the text formats; text of any other \
         ending with `format = {{ separator = \",\" }}`",
        listed(endings.copied())
    );
    let error = not_read(file, &help);
    match packed::ending(file).as_deref() {
        Some("json") => error.or_help("write an object a line into a .jsonl file: `jq -c '.[]' FILE.json > FILE.jsonl` does it for a list of objects"),
        Some("xls" | "xlsx" | "ods") => error.or_help("save the sheet as CSV"),
        _ => error,
    }
}

/// A file that holds no vectors.
pub(super) fn without_vectors(file: &Path) -> DataError {
    let tables = FORMATS.iter().filter(|format| format.vectors);
    let tables = tables.filter_map(|format| format.endings.first());
    let endings = ["npy", "safetensors"].into_iter().chain(tables.copied());
    not_read(file, &format!("vectors are read from {} files", listed(endings)))
}

/// `.csv, .tsv and .json`.
fn listed<'a>(endings: impl Iterator<Item = &'a str>) -> String {
    let mut all: Vec<String> = endings.map(|ending| format!(".{ending}")).collect();
    let last = all.pop().unwrap_or_default();
    format!("{} and {last}", all.join(", "))
}

fn not_read(file: &Path, help: &str) -> DataError {
    let ending = match (packed::is_packed(file), packed::ending(file)) {
        (true, Some(inner)) => format!("packed .{inner}"),
        _ => file
            .extension()
            .map_or_else(|| "no ending".to_owned(), |e| format!(".{}", e.to_string_lossy())),
    };
    DataError::new(file, format!("unsupported format ({ending})")).help(help)
}

#[cfg(not(feature = "parquet"))]
static PARQUET: Format =
    Format { endings: &["parquet"], open: |files| Err(not_built(files, "parquet")), ..NOT_BUILT };

#[cfg(not(feature = "arrow"))]
static ARROW: Format = Format {
    endings: &["arrow", "feather"],
    open: |files| Err(not_built(files, "arrow")),
    ..NOT_BUILT
};

#[cfg(not(all(feature = "arrow", feature = "parquet")))]
const NOT_BUILT: Format = Format {
    endings: &[],
    settings: Settings::None,
    separator: None,
    packed: false,
    vectors: true,
    open: |files| Err(unsupported(&files.paths[0])),
};

/// A format whose feature of this crate was not enabled.
#[cfg(not(all(feature = "arrow", feature = "parquet")))]
fn not_built(files: &Files, feature: &str) -> DataError {
    let message = format!("this build of igql does not include the format `{feature}`");
    DataError::new(&files.paths[0], message)
        .help(format!("enable the feature `{feature}` of the crate `igql`"))
}

#[cfg(all(test, not(feature = "arrow")))]
mod tests {
    use super::super::open_alone;
    use std::path::Path;

    #[test]
    fn a_format_that_was_not_built_names_its_feature() {
        for (file, feature) in
            [("a.parquet", "parquet"), ("a.arrow", "arrow"), ("a.feather", "arrow")]
        {
            let error = open_alone(Path::new(file)).err().unwrap().to_string();
            assert!(error.contains(&format!("the feature `{feature}`")), "{error}");
        }
    }
}
