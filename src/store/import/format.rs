//! The format of a file, by its ending and by what the catalog says.

use super::packed;
use crate::catalog::DataError;
use crate::catalog::config::{Table as TableConfig, TextFormat};
use std::path::{Path, PathBuf};

/// Whether a file is text with separators, or has no ending that says otherwise.
pub fn is_text(file: &Path) -> bool {
    matches!(format_of(file), None | Some(Format::Text(_)))
}

/// Whether a `format` in the catalog is of use for a file: it is text or JSON.
pub fn takes_format(file: &Path) -> bool {
    !matches!(format_of(file), Some(Format::Parquet | Format::Arrow))
}

/// Whether a file's ending says that tabs stand between fields.
pub fn is_tabbed(file: &Path) -> bool {
    format_of(file) == Some(Format::Text("\t"))
}

/// The form of some files, which must be the same, and one that the format fits.
pub(super) fn form(files: &[PathBuf], table: &TableConfig) -> Result<Option<Format>, String> {
    // an ending that says nothing is that of text, if the catalog says how it is written
    let of = |f: &Path| format_of(f).or(table.formatted.then_some(Format::Text(",")));
    let format = of(&files[0]);
    if let Some(other) = files.iter().find(|f| of(f) != format) {
        let (first, other) = (
            crate::catalog::shown(&files[0]),
            crate::catalog::shown(other),
        );
        return Err(format!(
            "{first} and {other} are of different formats; a glob such as `FOLDER/**/*.parquet` chooses"
        ));
    }
    let text = &table.text;
    let plain = TextFormat::default();
    let fits = match format {
        Some(Format::Text(_)) | None => true,
        Some(Format::Json) => {
            let (null, encoding) = (text.null.clone(), text.encoding);
            *text
                == TextFormat {
                    null,
                    encoding,
                    ..plain
                }
        }
        Some(Format::Parquet | Format::Arrow) => *text == plain,
    };
    match fits {
        true => Ok(format),
        false => {
            Err("`format` is about text with separators, which these files are not".to_owned())
        }
    }
}

pub(super) fn unsupported(file: &Path) -> DataError {
    let help = "tables are read from .parquet, .csv, .tsv, .txt, .dat, .jsonl, .ndjson, .json and .arrow \
                files, and from .gz and .zst of the text formats; text of any other ending with \
                `format = { separator = \",\" }`";
    let error = not_read(file, help);
    match packed::ending(file).as_deref() {
        Some("json") => error.or_help("write an object a line into a .jsonl file: `jq -c '.[]' FILE.json > FILE.jsonl` does it for a list of objects"),
        Some("xls" | "xlsx" | "ods") => error.or_help("save the sheet as CSV"),
        _ => error,
    }
}

pub(super) fn not_read(file: &Path, help: &str) -> DataError {
    let ending = match (packed::is_packed(file), packed::ending(file)) {
        (true, Some(inner)) => format!("packed .{inner}"),
        _ => file.extension().map_or_else(
            || "no ending".to_owned(),
            |e| format!(".{}", e.to_string_lossy()),
        ),
    };
    DataError::new(file, format!("unsupported format ({ending})")).help(help)
}

/// A format whose feature of this crate was not enabled.
#[cfg(not(all(feature = "arrow", feature = "parquet")))]
pub(super) fn not_built(file: &Path, feature: &str) -> DataError {
    let message = format!("this build of igql does not include the format `{feature}`");
    DataError::new(file, message).help(format!(
        "enable the feature `{feature}` of the crate `igql`"
    ))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Parquet,
    Arrow,
    Json,
    /// Text with this separator unless the catalog says otherwise.
    Text(&'static str),
}

pub(super) fn format_of(file: &Path) -> Option<Format> {
    let format = match packed::ending(file)?.as_str() {
        "parquet" => Format::Parquet,
        "arrow" | "feather" => Format::Arrow,
        "jsonl" | "ndjson" | "json" => Format::Json,
        "csv" | "txt" | "dat" => Format::Text(","),
        "tsv" => Format::Text("\t"),
        _ => return None,
    };
    // Parquet and Arrow are packed inside.
    let text = !matches!(format, Format::Parquet | Format::Arrow);
    (text || !packed::is_packed(file)).then_some(format)
}

#[cfg(all(test, not(feature = "arrow")))]
mod tests {
    use super::super::open_alone;
    use std::path::Path;

    #[test]
    fn a_format_that_was_not_built_names_its_feature() {
        for (file, feature) in [
            ("a.parquet", "parquet"),
            ("a.arrow", "arrow"),
            ("a.feather", "arrow"),
        ] {
            let error = open_alone(Path::new(file)).err().unwrap().to_string();
            assert!(
                error.contains(&format!("the feature `{feature}`")),
                "{error}"
            );
        }
    }
}
