//! From the bytes of a text file to its text.

use super::packed;
use super::text_lines::line_ends;
use crate::catalog::DataError;
use crate::catalog::config::TextFormat;
use std::path::Path;

/// The text of a file: unpacked, decoded, without a byte order mark.
pub fn text(path: &Path, format: &TextFormat) -> Result<String, DataError> {
    let bytes = packed::read(path)?;
    let may_be_empty = !packed::is_packed(path) && (!format.header || is_json(path));
    if bytes.is_empty() && !may_be_empty {
        let help = "a table needs at least a header; without one, `format = { header = false, names = [...] }` says the columns";
        return Err(DataError::new(path, "the file is empty").help(help));
    }
    let marked = encoding_rs::Encoding::for_bom(&bytes).map(|(encoding, _)| encoding);
    let mut text = match marked.or(format.encoding) {
        Some(encoding) => decoded(path, encoding, &bytes)?,
        None => String::from_utf8(bytes)
            .map_err(|e| not_utf8(path, e.as_bytes(), e.utf8_error().valid_up_to()))?,
    };
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    if let Some(at) = text.find('\0') {
        let line = line_ends(&text.as_bytes()[..at]) + 1;
        let error = DataError::new(path, "the file is not text: it has zero bytes").line(line);
        return Err(match wide(text.as_bytes()) {
            Some(encoding) => error.help(format!(
                "every second byte is zero: `format = {{ encoding = \"{encoding}\" }}` reads it so"
            )),
            None => error.help("is it the right file? take the zero bytes out of it if it is"),
        });
    }
    Ok(text)
}

fn is_json(path: &Path) -> bool {
    matches!(
        packed::ending(path).as_deref(),
        Some("jsonl" | "ndjson" | "json")
    )
}

/// The encoding with two bytes a letter that a text without a mark seems to have.
fn wide(bytes: &[u8]) -> Option<&'static str> {
    let zeros = |from: usize| {
        bytes
            .iter()
            .skip(from)
            .step_by(2)
            .filter(|b| **b == 0)
            .count()
    };
    let most = |zeros: usize| zeros * 10 > bytes.len() / 2 * 7;
    match (zeros(0), zeros(1)) {
        (_, odd) if most(odd) => Some("utf-16le"),
        (even, _) if most(even) => Some("utf-16be"),
        _ => None,
    }
}

/// The first bytes that the encoding does not have are an error, not a replacement character.
fn decoded(
    path: &Path,
    encoding: &'static encoding_rs::Encoding,
    bytes: &[u8],
) -> Result<String, DataError> {
    let (text, used, broken) = encoding.decode(bytes);
    if !broken {
        return Ok(text.into_owned());
    }
    let before = text.split('\u{fffd}').next().unwrap_or_default();
    let line = line_ends(before.as_bytes()) + 1;
    let error = DataError::new(path, format!("the text is not {}", used.name())).line(line);
    Err(error.help("is the `encoding` right?"))
}

fn not_utf8(path: &Path, bytes: &[u8], at: usize) -> DataError {
    const KINDS: [(&[u8], &str, &str); 4] = [
        (b"PAR1", "Parquet", ".parquet"),
        (b"ARROW1", "Arrow IPC", ".arrow"),
        (b"\x1f\x8b", "packed with gzip", ".gz"),
        (b"\x28\xb5\x2f\xfd", "packed with zstd", ".zst"),
    ];
    if let Some((_, kind, ending)) = KINDS.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        return DataError::new(path, format!("the file is {kind}, not text"))
            .help(format!("give it the ending {ending}"));
    }
    let line = line_ends(&bytes[..at]) + 1;
    let error = DataError::new(path, format!("byte 0x{:02x} is not UTF-8", bytes[at])).line(line);
    let encoding = wide(bytes).unwrap_or("latin1");
    error.help(format!(
        "name the encoding: `format = {{ encoding = \"{encoding}\" }}`"
    ))
}
