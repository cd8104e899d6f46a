//! From the bytes of a text file to its text.

use super::cell::{Fault, Kind};
use super::packed;
use super::text_lines::line_ends;
use crate::catalog::DataError;
use crate::catalog::config::TextFormat;
use std::ops::{Deref, Range};
use std::path::Path;

/// The text of a file, and where in it a byte stands as U+FFFD that is not UTF-8.
pub struct Text {
    text: String,
    /// Places in the text, ascending.
    broken: Vec<(usize, u8)>,
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl Text {
    /// Replaces what is not UTF-8.
    fn mend(bytes: &[u8]) -> Text {
        let (mut text, mut broken) = (String::with_capacity(bytes.len()), Vec::new());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            if let Some(byte) = chunk.invalid().first() {
                broken.push((text.len(), *byte));
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        Text { text, broken }
    }

    /// The first byte that is not UTF-8 in a part of the text.
    pub fn broken_in(&self, part: Range<usize>) -> Option<u8> {
        let first = self.broken.partition_point(|(at, _)| *at < part.start);
        let (at, byte) = self.broken.get(first)?;
        (*at < part.end).then_some(*byte)
    }

    /// What to say where none of them can be let be.
    pub fn error(&self, path: &Path) -> DataError {
        let Some((at, byte)) = self.broken.first() else {
            return DataError::new(path, "the text is not UTF-8");
        };
        let message = format!("byte 0x{byte:02x} is not UTF-8, as the rest of the file is");
        let line = line_ends(&self.text.as_bytes()[..*at]) + 1;
        DataError::new(path, message).line(line).help(rewrite(*byte))
    }
}

/// What is wrong with fields of a line with such a byte, if one of them has it.
pub fn spoilt<'f>(byte: u8, fields: impl IntoIterator<Item = &'f str>) -> Option<Fault> {
    let field = fields.into_iter().find(|field| field.contains(char::REPLACEMENT_CHARACTER))?;
    let shown: String = field.chars().take(40).collect();
    let message =
        format!("byte 0x{byte:02x} in `{shown}` is not UTF-8, as the rest of the file is");
    Some(Fault::new(message).kind(Kind::Encoding).help(rewrite(byte)))
}

fn rewrite(byte: u8) -> String {
    let bytes = [byte];
    let (letter, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&bytes);
    let read = match letter.chars().all(char::is_control) {
        true => String::new(),
        false => format!("; in latin1 the byte is `{letter}`"),
    };
    format!("write such lines in UTF-8{read}")
}

/// The text of a file: unpacked, decoded, without a byte order mark.
pub fn text(path: &Path, format: &TextFormat) -> Result<String, DataError> {
    let text = mended(path, format)?;
    match text.broken.is_empty() {
        true => Ok(text.text),
        false => Err(text.error(path)),
    }
}

/// The same, where a file that is UTF-8 but for some bytes can be had without them.
pub fn mended(path: &Path, format: &TextFormat) -> Result<Text, DataError> {
    let mut bytes = packed::read(path)?;
    let may_be_empty = !packed::is_packed(path) && (!format.header || is_json(path));
    if bytes.is_empty() && !may_be_empty {
        let help = "a table needs at least a header; without one, `format = { header = false, names = [...] }` says the columns";
        return Err(DataError::new(path, "the file is empty").help(help));
    }
    let marked = encoding_rs::Encoding::for_bom(&bytes);
    let encoding = marked.map(|(encoding, _)| encoding).or(format.encoding);
    let whole = |text: String| Text { text, broken: Vec::new() };
    let text = match encoding.filter(|e| *e != encoding_rs::UTF_8) {
        Some(encoding) => whole(decoded(path, encoding, &bytes)?),
        None => {
            bytes.drain(..marked.map_or(0, |(_, mark)| mark));
            match String::from_utf8(bytes) {
                Ok(text) => whole(text),
                Err(e) if encoding.is_some() || is_mostly_utf8(e.as_bytes()) => {
                    Text::mend(e.as_bytes())
                }
                Err(e) => return Err(not_utf8(path, e.as_bytes(), e.utf8_error().valid_up_to())),
            }
        }
    };
    match text.find('\0') {
        Some(at) => Err(zero_bytes(path, text.as_bytes(), at)),
        None => Ok(text),
    }
}

fn zero_bytes(path: &Path, bytes: &[u8], first: usize) -> DataError {
    let line = line_ends(&bytes[..first]) + 1;
    let error = DataError::new(path, "the file is not text: it has zero bytes").line(line);
    match wide(bytes) {
        Some(encoding) => error.help(format!(
            "every second byte is zero: `format = {{ encoding = \"{encoding}\" }}` reads it so"
        )),
        None => error.help("check that it is the right file; if so, remove the zero bytes"),
    }
}

/// Whether most bytes beyond ASCII are UTF-8: then the others are mistakes, not another encoding.
pub fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut valid, mut invalid) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        valid += chunk.valid().bytes().filter(|b| !b.is_ascii()).count();
        invalid += chunk.invalid().len();
    }
    valid > invalid && !bytes.contains(&0)
}

fn is_json(path: &Path) -> bool {
    matches!(packed::ending(path).as_deref(), Some("jsonl" | "ndjson" | "json"))
}

/// The encoding with two bytes a letter that a text without a mark seems to have.
fn wide(bytes: &[u8]) -> Option<&'static str> {
    let zeros = |from: usize| bytes.iter().skip(from).step_by(2).filter(|b| **b == 0).count();
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
    Err(error.help("check the `encoding`"))
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
    error.help(format!("name the encoding: `format = {{ encoding = \"{encoding}\" }}`"))
}
