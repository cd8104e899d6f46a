//! Packed text: files with the endings `.gz` and `.zst` are unpacked whole as they are read. The
//! ending before says what is inside: `likes.csv.gz` is CSV.

use crate::catalog::DataError;
use std::io::Read;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zstd,
}

fn packing(path: &Path) -> Option<Packing> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "gz" => Some(Packing::Gzip),
        "zst" => Some(Packing::Zstd),
        _ => None,
    }
}

/// Whether a file's ending says that it is packed.
pub fn is_packed(path: &Path) -> bool {
    packing(path).is_some()
}

/// The ending that tells the format, in small letters: `csv` of `likes.CSV.gz`.
pub fn ending(path: &Path) -> Option<String> {
    let stem = path.file_stem().map(Path::new);
    let path = if is_packed(path) { stem? } else { path };
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

/// The bytes of a file, unpacked.
pub fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let bytes = std::fs::read(path).map_err(|e| DataError::io(path, &e))?;
    let Some(packing) = packing(path) else {
        return Ok(bytes);
    };
    if bytes.is_empty() {
        return Ok(bytes);
    }
    unpack(packing, &bytes).map_err(|e| broken(path, packing, &e))
}

/// Several packed pieces one after the other are one text.
fn unpack(packing: Packing, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    match packing {
        Packing::Gzip => flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out)?,
        Packing::Zstd => zstd::stream::read::Decoder::with_buffer(bytes)?.read_to_end(&mut out)?,
    };
    Ok(out)
}

fn broken(path: &Path, packing: Packing, error: &std::io::Error) -> DataError {
    let name = match packing {
        Packing::Gzip => "gzip",
        Packing::Zstd => "zstd",
    };
    let why = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "unexpected end of file".to_owned(),
        _ => error.to_string(),
    };
    DataError::new(path, format!("not a readable {name} file: {why}"))
        .help("the file is truncated, damaged or not packed; write it again")
}
