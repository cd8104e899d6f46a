//! `.safetensors`: named tensors in one file. Vectors are a tensor of rows and columns; keys, if
//! there are, another with one int a row. Format: <https://github.com/huggingface/safetensors>

use super::Fault;
use super::cell::Cell;
use super::reader::{Decoded, Faults, FileRows, Found, Reader, Wanted};
use super::values::Values;
use crate::catalog::DataError;
use crate::types::Type;
use half::f16;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A file whose header was read and found fit.
pub struct Tensors {
    files: [FileRows; 1],
    tensors: Vec<Tensor>,
    found: Vec<Found>,
    bytes: Vec<u8>,
    data: usize,
}

#[derive(Clone, Debug, Deserialize)]
struct Tensor {
    #[serde(skip)]
    name: String,
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

impl Tensors {
    /// Reads the file and checks that its header describes it.
    pub fn open(path: &Path) -> Result<Tensors, DataError> {
        let bytes = std::fs::read(path).map_err(|e| DataError::io(path, &e))?;
        let (mut tensors, data) = header(&bytes).map_err(|why| broken(path, &why))?;
        tensors.sort_by(|a, b| (a.data_offsets, &a.name).cmp(&(b.data_offsets, &b.name)));
        for tensor in &tensors {
            let wrong = |why| broken(path, &format!("tensor `{}`: {why}", tensor.name));
            tensor.fits(bytes.len() - data).map_err(wrong)?;
        }
        let rows = tensors.iter().filter(|t| t.shape.len() == 2);
        let rows = rows.map(|t| t.shape[0] as u64).next().unwrap_or(0);
        let found = tensors.iter().map(|t| Found { name: t.name.clone(), ty: t.ty(), text: false });
        Ok(Tensors {
            found: found.collect(),
            files: [FileRows { path: path.to_owned(), rows }],
            tensors,
            bytes,
            data,
        })
    }

    fn path(&self) -> &PathBuf {
        &self.files[0].path
    }

    /// Whether it has a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.iter().any(|t| t.name == name)
    }

    /// The vectors of a tensor, row after row, with their dimension; not all need be finite.
    pub fn vectors(&self, column: usize) -> Result<(usize, Vec<f32>), DataError> {
        let tensor = &self.tensors[column];
        let Ok(Type::Vector(dim)) = tensor.ty() else {
            let message = format!("tensor `{}` is no table of floats", tensor.name);
            return Err(DataError::new(self.path(), message));
        };
        let numbers = tensor.floats(self.of(tensor)).map(|x| x as f32).collect();
        Ok((dim as usize, numbers))
    }

    fn of(&self, tensor: &Tensor) -> &[u8] {
        let [from, to] = tensor.data_offsets;
        &self.bytes[self.data + from..self.data + to]
    }

    fn column(&self, wanted: &Wanted, faults: &mut Faults) -> Result<Values, DataError> {
        let tensor = &self.tensors[wanted.column];
        let rows = tensor.shape.first().copied().unwrap_or(0);
        if rows as u64 != self.files[0].rows {
            let vectors = self.files[0].rows;
            let message = format!("has {rows} rows, the vectors have {vectors}");
            return Err(DataError::new(self.path(), message).column(&tensor.name));
        }
        let mut values = Values::new(&wanted.how.ty);
        let mut note = |values: &mut Values, row, pushed: Result<(), Fault>| {
            if let Err(fault) = pushed {
                values.push_null();
                faults.push(row, Some(&tensor.name), fault);
            }
        };
        match tensor.ty() {
            Ok(Type::Vector(dim)) => {
                let numbers: Vec<f64> = tensor.floats(self.of(tensor)).collect();
                for (row, vector) in numbers.chunks(dim as usize).enumerate() {
                    let pushed = values.push_vector(vector);
                    note(&mut values, row, pushed);
                }
            }
            _ => {
                for (row, key) in tensor.ints(self.of(tensor)).enumerate() {
                    let pushed = values.push(key, &wanted.how);
                    note(&mut values, row, pushed);
                }
            }
        }
        Ok(values)
    }
}

impl Reader for Tensors {
    fn found(&self) -> &[Found] {
        &self.found
    }

    fn files(&self) -> &[FileRows] {
        &self.files
    }

    fn magnitude(&self, _: usize) -> u64 {
        0
    }

    fn read(&self, wanted: &[Wanted]) -> Result<Decoded, DataError> {
        let mut faults = Faults::default();
        let columns = wanted.iter().map(|w| self.column(w, &mut faults));
        let columns = columns.collect::<Result<_, _>>()?;
        Ok(Decoded { columns, faults })
    }
}

impl Tensor {
    /// Bytes a number.
    fn width(&self) -> Option<usize> {
        Some(match self.dtype.as_str() {
            "F64" | "I64" | "U64" => 8,
            "F32" | "I32" | "U32" => 4,
            "F16" | "BF16" | "I16" | "U16" => 2,
            "I8" | "U8" | "BOOL" => 1,
            _ => return None,
        })
    }

    fn ty(&self) -> Result<Type, String> {
        let float = matches!(self.dtype.as_str(), "F64" | "F32" | "F16" | "BF16");
        let int = matches!(
            self.dtype.as_str(),
            "I64" | "U64" | "I32" | "U32" | "I16" | "U16" | "I8" | "U8"
        );
        match self.shape[..] {
            [_, dim] if float && dim > 0 && u32::try_from(dim).is_ok() => {
                Ok(Type::Vector(dim as u32))
            }
            [_] if int => Ok(Type::Int),
            _ => Err(format!("{} {:?}", self.dtype, self.shape)),
        }
    }

    /// The place and the length that the header gives must agree with each other and the file.
    fn fits(&self, length: usize) -> Result<(), String> {
        let [from, to] = self.data_offsets;
        if from > to || to > length {
            return Err("it lies outside of the file".to_owned());
        }
        let Some(width) = self.width() else {
            return Ok(());
        };
        let count = self.shape.iter().try_fold(width, |n, d| n.checked_mul(*d));
        match count {
            Some(count) if count == to - from => Ok(()),
            _ => Err(format!("{} bytes do not make {:?}", to - from, self.shape)),
        }
    }

    fn floats<'b>(&'b self, bytes: &'b [u8]) -> Box<dyn Iterator<Item = f64> + 'b> {
        match self.dtype.as_str() {
            "F64" => Box::new(words(bytes).map(f64::from_le_bytes)),
            "F32" => Box::new(words(bytes).map(|b| f64::from(f32::from_le_bytes(b)))),
            "F16" => Box::new(words(bytes).map(|b| f16::from_le_bytes(b).to_f64())),
            // the upper half of a 32-bit float
            _ => Box::new(words(bytes).map(|[a, b]| f64::from(f32::from_le_bytes([0, 0, a, b])))),
        }
    }

    fn ints<'b>(&'b self, bytes: &'b [u8]) -> Box<dyn Iterator<Item = Cell<'static>> + 'b> {
        fn int(v: impl Into<i64>) -> Cell<'static> {
            Cell::Int(v.into())
        }
        match self.dtype.as_str() {
            "U64" => Box::new(
                words(bytes)
                    .map(u64::from_le_bytes)
                    .map(|v| i64::try_from(v).map_or(Cell::TooLarge(v), Cell::Int)),
            ),
            "I64" => Box::new(words(bytes).map(|b| int(i64::from_le_bytes(b)))),
            "I32" => Box::new(words(bytes).map(|b| int(i32::from_le_bytes(b)))),
            "U32" => Box::new(words(bytes).map(|b| int(u32::from_le_bytes(b)))),
            "I16" => Box::new(words(bytes).map(|b| int(i16::from_le_bytes(b)))),
            "U16" => Box::new(words(bytes).map(|b| int(u16::from_le_bytes(b)))),
            "I8" => Box::new(bytes.iter().map(|b| int(*b as i8))),
            _ => Box::new(bytes.iter().map(|b| int(*b))),
        }
    }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks().0.iter().copied()
}

/// The tensors and where their data begin.
fn header(bytes: &[u8]) -> Result<(Vec<Tensor>, usize), String> {
    let length = bytes.first_chunk().ok_or("unexpected end of file")?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let end = length.checked_add(8).filter(|end| *end <= bytes.len());
    let end = end.ok_or("it ends before its header does")?;
    let entries: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&bytes[8..end])
            .map_err(|e| format!("its header is no JSON ({e})"))?;
    let tensors = entries.into_iter().filter(|(name, _)| name != "__metadata__");
    let tensors = tensors.map(|(name, entry)| {
        let tensor: Tensor =
            serde_json::from_value(entry).map_err(|e| format!("tensor `{name}`: {e}"))?;
        Ok(Tensor { name, ..tensor })
    });
    Ok((tensors.collect::<Result<_, String>>()?, end))
}

fn broken(path: &Path, why: &str) -> DataError {
    DataError::new(path, format!("not a readable .safetensors file: {why}"))
        .help("the file is truncated, damaged or of another format; write it again")
}
