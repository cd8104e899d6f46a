//! From the bytes of a text file to its text.

use super::packed;
use crate::catalog::DataError;
use crate::catalog::config::TextFormat;
use std::path::Path;

/// The text of a file: unpacked, decoded, without a byte order mark.
pub fn text(path: &Path, format: &TextFormat) -> Result<String, DataError> {
    let bytes = packed::read(path)?;
    if bytes.is_empty() {
        return Err(DataError::new(path, "the file is empty").help(
            "a table needs at least a header; JSON lines and text without a header need a row",
        ));
    }
    let mut text = match format.encoding {
        Some(encoding) => decoded(path, encoding, &bytes)?,
        None => String::from_utf8(bytes)
            .map_err(|e| not_utf8(path, e.as_bytes(), e.utf8_error().valid_up_to()))?,
    };
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    if text.contains('\0') {
        return Err(DataError::new(
            path,
            "the file is not text: it has zero bytes",
        ));
    }
    Ok(text)
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
    let line = before.bytes().filter(|&b| b == b'\n').count() as u64 + 1;
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
    let line = bytes[..at].iter().filter(|&&b| b == b'\n').count() as u64 + 1;
    let error = DataError::new(path, format!("byte 0x{:02x} is not UTF-8", bytes[at])).line(line);
    error.help("name the encoding: `format = { encoding = \"latin1\" }`")
}
