//! NumPy's `.npy` files with vectors: versions 1 to 3, little-endian floats of 2, 4 or 8 bytes, a
//! row after the other. Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use super::cell::{Cell, Fault, How};
use super::values::Values;
use crate::catalog::DataError;
use crate::catalog::schema::KeyType;
use half::f16;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A file whose header was read and found fit.
#[derive(Debug)]
pub struct Npy {
    path: PathBuf,
    /// 2, 4 or 8 bytes a number.
    width: usize,
    pub rows: usize,
    pub dim: usize,
    data: u64,
}

impl Npy {
    /// Reads the header and compares it with the file's length.
    pub fn open(path: &Path) -> Result<Npy, DataError> {
        let io = |e: std::io::Error| DataError::io(path, &e);
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let (header, data) = header(&mut file, length).ok_or_else(|| {
            let error = DataError::new(path, "not a readable .npy file");
            error.help("it is written with `numpy.save(\"vectors.npy\", array)`")
        })?;
        let npy = parse(path, &header, data)?;
        let needs = npy.bytes().and_then(|b| b.checked_add(data));
        if needs != Some(length) {
            let needs = needs.map_or_else(|| "more".to_owned(), |n| n.to_string());
            let error = DataError::new(
                path,
                format!("the file has {length} bytes, its header needs {needs}"),
            );
            return Err(error.help("the file is truncated or damaged; write it again"));
        }
        Ok(npy)
    }

    /// Whether its numbers are halves.
    pub fn has_halves(&self) -> bool {
        self.width == 2
    }

    fn bytes(&self) -> Option<u64> {
        (self.rows as u64).checked_mul(self.dim as u64)?.checked_mul(self.width as u64)
    }

    /// Reads all numbers as 32-bit floats; not all need be finite.
    pub fn read(&self) -> Result<Vec<f32>, DataError> {
        let io = |e: std::io::Error| DataError::io(&self.path, &e);
        let mut file = File::open(&self.path).map_err(io)?;
        file.seek(SeekFrom::Start(self.data)).map_err(io)?;
        let mut numbers = Vec::with_capacity(self.rows * self.dim);
        let mut chunk = vec![0u8; (1 << 16) * self.width];
        while numbers.len() < self.rows * self.dim {
            let bytes = ((self.rows * self.dim - numbers.len()) * self.width).min(chunk.len());
            file.read_exact(&mut chunk[..bytes]).map_err(io)?;
            self.append(&chunk[..bytes], &mut numbers);
        }
        Ok(numbers)
    }

    fn append(&self, bytes: &[u8], numbers: &mut Vec<f32>) {
        fn each<const N: usize>(
            bytes: &[u8],
            number: fn([u8; N]) -> f32,
        ) -> impl Iterator<Item = f32> {
            bytes.as_chunks().0.iter().map(move |b| number(*b))
        }
        match self.width {
            2 => numbers.extend(each(bytes, |b| f16::from_le_bytes(b).to_f32())),
            4 => numbers.extend(each(bytes, f32::from_le_bytes)),
            _ => numbers.extend(each(bytes, |b| f64::from_le_bytes(b) as f32)),
        }
    }
}

/// The keys in a file of one dimension: ints, or texts of one length (`<U8`, `|S8`).
pub fn npy_keys(path: &Path, ty: KeyType) -> Result<Values, DataError> {
    let bytes = std::fs::read(path).map_err(|e| DataError::io(path, &e))?;
    let unreadable = || DataError::new(path, "not a readable .npy file");
    let (header, data) = header(&mut &bytes[..], bytes.len() as u64).ok_or_else(unreadable)?;
    let data = &bytes[data as usize..];
    let wrong = |message: String| {
        let help =
            "keys are a list of ints or texts: `numpy.save(\"keys.npy\", numpy.array(keys))`";
        DataError::new(path, message).help(help)
    };
    let shape = value(&header, "shape").unwrap_or_default();
    let count = shape.trim_end_matches(',').trim().parse::<usize>();
    let count =
        count.map_err(|_| wrong(format!("its shape is ({shape}), expected one dimension")))?;
    let kind = value(&header, "descr").unwrap_or_default();
    let kind = kind.trim_matches(['\'', '"']);
    let known = KeyKind::of(kind);
    let (kind_of_key, each) =
        known.ok_or_else(|| wrong(format!("its keys are of type `{kind}`")))?;
    if each == 0 || each.checked_mul(count) != Some(data.len()) {
        let bytes = data.len();
        let message = format!("{bytes} bytes do not make {count} keys of type `{kind}`");
        return Err(wrong(message));
    }
    let how = How::plain(ty.ty());
    let mut values = Values::new(&how.ty);
    for (row, key) in data.chunks_exact(each).enumerate() {
        let pushed = kind_of_key.push(key, &mut values, &how);
        pushed.map_err(|fault| wrong(fault.message).row(row as u64 + 1))?;
    }
    Ok(values)
}

/// How the file writes a key.
#[derive(Clone, Copy)]
enum KeyKind {
    Int,
    Unsigned,
    /// Four bytes a character.
    Wide,
    Bytes,
}

impl KeyKind {
    /// By a NumPy type such as `<i8`, with the bytes of a key.
    fn of(descr: &str) -> Option<(KeyKind, usize)> {
        let (letter, width) = descr.get(1..)?.split_at_checked(1)?;
        let width: usize = width.parse().unwrap_or(0);
        let little = !descr.starts_with('>');
        match letter {
            "i" | "u" if !little || ![1, 2, 4, 8].contains(&width) => None,
            "i" => Some((KeyKind::Int, width)),
            "u" => Some((KeyKind::Unsigned, width)),
            "U" if little => Some((KeyKind::Wide, width.saturating_mul(4))),
            "S" => Some((KeyKind::Bytes, width)),
            _ => None,
        }
    }

    fn push(self, key: &[u8], values: &mut Values, how: &How) -> Result<(), Fault> {
        let text = match self {
            KeyKind::Int => return values.push(Cell::Int(int(key)), how),
            KeyKind::Unsigned => {
                let key = unsigned(key);
                let cell = i64::try_from(key).map_or(Cell::TooLarge(key), Cell::Int);
                return values.push(cell, how);
            }
            KeyKind::Wide => {
                let letter = |c: &[u8; 4]| char::from_u32(u32::from_le_bytes(*c));
                key.as_chunks().0.iter().filter_map(letter).collect()
            }
            KeyKind::Bytes => String::from_utf8_lossy(key),
        };
        values.push(Cell::Str(text.trim_end_matches('\0')), how)
    }
}

/// A little-endian number of up to eight bytes.
fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))
}

fn int(bytes: &[u8]) -> i64 {
    let unused = 64 - 8 * bytes.len() as u32;
    (unsigned(bytes) << unused) as i64 >> unused
}

/// The text of the header and where the numbers begin.
fn header(file: &mut impl Read, length: u64) -> Option<(String, u64)> {
    let mut start = [0u8; 8];
    file.read_exact(&mut start).ok()?;
    if !start.starts_with(b"\x93NUMPY") {
        return None;
    }
    let (size, before) = if start[6] == 1 {
        let mut n = [0u8; 2];
        file.read_exact(&mut n).ok()?;
        (u64::from(u16::from_le_bytes(n)), 10)
    } else {
        let mut n = [0u8; 4];
        file.read_exact(&mut n).ok()?;
        (u64::from(u32::from_le_bytes(n)), 12)
    };
    if size > length {
        return None;
    }
    let mut text = vec![0u8; size as usize];
    file.read_exact(&mut text).ok()?;
    Some((String::from_utf8(text).ok()?, before + size))
}

fn parse(path: &Path, header: &str, data: u64) -> Result<Npy, DataError> {
    let error = |message: String| DataError::new(path, message);
    let kind = value(header, "descr").unwrap_or_default();
    let width = match kind.trim_matches(['\'', '"']) {
        "<f2" => 2,
        "<f4" => 4,
        "<f8" => 8,
        other => {
            let floats = "floats (`<f2`, `<f4` or `<f8`)";
            let e = error(format!("its numbers are of type `{other}`, expected {floats}"));
            return Err(e.help("convert it: `array.astype(\"float32\")`"));
        }
    };
    let shape = value(header, "shape").unwrap_or_default();
    let sizes = shape.split(',').filter_map(|n| n.trim().parse().ok());
    let &[rows, dim] = &sizes.collect::<Vec<usize>>()[..] else {
        let message = format!("its shape is ({shape}), expected rows and columns");
        return Err(error(message));
    };
    if dim == 0 || u32::try_from(dim).is_err() {
        return Err(error(format!("its vectors have {dim} numbers")));
    }
    if rows > 1 && dim > 1 && value(header, "fortran_order") != Some("False") {
        let e = error("it is in Fortran order".to_owned());
        return Err(e.help("write it with `numpy.save(path, numpy.ascontiguousarray(array))`"));
    }
    Ok(Npy { path: path.to_owned(), width, rows, dim, data })
}

/// The value of a key in the header's dictionary literal; a tuple without its brackets.
fn value<'h>(header: &'h str, key: &str) -> Option<&'h str> {
    let quoted = |q: char| header.find(&format!("{q}{key}{q}")).map(|i| i + key.len() + 2);
    let rest = &header[quoted('\'').or_else(|| quoted('"'))?..];
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    match rest.strip_prefix('(') {
        Some(tuple) => Some(tuple[..tuple.find(')')?].trim()),
        None => Some(rest[..rest.find([',', '}'])?].trim()),
    }
}
