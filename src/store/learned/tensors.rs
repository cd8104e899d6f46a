//! Named arrays in one file, in the format of safetensors.

use crate::catalog::DataError;
use crate::store::plain::{Plain, array, bytes};
use memmap2::Mmap;
use safetensors::tensor::{SafeTensors, TensorView};
use safetensors::{Dtype, SafeTensorError};
use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// An array that is to be written.
pub struct Tensor<'a> {
    name: Cow<'static, str>,
    dtype: Dtype,
    shape: Vec<usize>,
    data: &'a [u8],
}

impl<'a> Tensor<'a> {
    pub fn f32(name: impl Into<Cow<'static, str>>, shape: &[usize], data: &'a [f32]) -> Tensor<'a> {
        Tensor { name: name.into(), dtype: Dtype::F32, shape: shape.to_vec(), data: bytes(data) }
    }

    pub fn f64(name: impl Into<Cow<'static, str>>, shape: &[usize], data: &'a [f64]) -> Tensor<'a> {
        Tensor { name: name.into(), dtype: Dtype::F64, shape: shape.to_vec(), data: bytes(data) }
    }

    pub fn u32(name: impl Into<Cow<'static, str>>, data: &'a [u32]) -> Tensor<'a> {
        Tensor { name: name.into(), dtype: Dtype::U32, shape: vec![data.len()], data: bytes(data) }
    }

    pub fn u64(name: impl Into<Cow<'static, str>>, data: &'a [u64]) -> Tensor<'a> {
        Tensor { name: name.into(), dtype: Dtype::U64, shape: vec![data.len()], data: bytes(data) }
    }

    pub fn i64(name: impl Into<Cow<'static, str>>, data: &'a [i64]) -> Tensor<'a> {
        Tensor { name: name.into(), dtype: Dtype::I64, shape: vec![data.len()], data: bytes(data) }
    }

    pub fn bytes(name: impl Into<Cow<'static, str>>, data: &'a [u8]) -> Tensor<'a> {
        Tensor { name: name.into(), dtype: Dtype::U8, shape: vec![data.len()], data }
    }
}

/// Writes a file that is synced when this returns.
pub(super) fn write(path: &Path, tensors: &[Tensor]) -> std::io::Result<()> {
    let views = tensors.iter().map(|t| {
        let view = TensorView::new(t.dtype, t.shape.clone(), t.data);
        (&*t.name, view.expect("a shape of as many numbers as there are"))
    });
    // the permissions of a file like any other: whoever serves may not be who trains
    let permissions = File::create(path)?.metadata()?.permissions();
    safetensors::serialize_to_file(views, None, path).map_err(|error| match error {
        // why it cannot be written says what to do
        SafeTensorError::IoError(error) => error,
        error => std::io::Error::other(error),
    })?;
    std::fs::set_permissions(path, permissions)?;
    File::open(path)?.sync_all()
}

/// An array of 32-bit floats that was read.
pub struct Floats {
    pub name: String,
    pub shape: Vec<usize>,
    pub numbers: Vec<f32>,
}

/// The arrays of a file, mapped into memory.
pub struct Tensors {
    map: Mmap,
    path: PathBuf,
}

impl Tensors {
    /// Maps a file; an error where it is no such file, or not whole.
    pub(super) fn open(path: &Path) -> Result<Tensors, DataError> {
        let file = File::open(path).map_err(|e| DataError::io(path, &e))?;
        // SAFETY: versions are never changed in place.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| DataError::io(path, &e))?;
        let tensors = Tensors { map, path: path.to_owned() };
        tensors.read()?;
        Ok(tensors)
    }

    fn read(&self) -> Result<SafeTensors<'_>, DataError> {
        let damaged = |e| DataError::new(&self.path, format!("the file is damaged: {e}"));
        SafeTensors::deserialize(&self.map).map_err(damaged)
    }

    /// An array of the file.
    pub fn get<T: Plain>(&self, name: &str) -> Result<&[T], DataError> {
        let lacks = || DataError::new(&self.path, format!("the file has no array `{name}`"));
        let tensors = self.read()?;
        let view = tensors.tensor(name).map_err(|_| lacks())?;
        array(view.data()).ok_or_else(|| {
            DataError::new(&self.path, format!("the array `{name}` does not stand where it should"))
        })
    }

    /// What is wrong with an array of another length than the version says.
    pub fn wrong_length(&self, name: &str) -> DataError {
        DataError::new(&self.path, format!("the array `{name}` has another length than it should"))
    }

    /// Every array of 32-bit floats.
    pub fn floats(&self) -> Result<Vec<Floats>, DataError> {
        let tensors = self.read()?;
        let floats = tensors.iter().filter(|(_, view)| view.dtype() == Dtype::F32);
        floats
            .map(|(name, view)| {
                let numbers: &[f32] = self.get(name)?;
                let (name, shape) = (name.to_owned(), view.shape().to_vec());
                Ok(Floats { name, shape, numbers: numbers.to_vec() })
            })
            .collect()
    }

    /// Whether the file has an array of that name.
    pub fn has(&self, name: &str) -> bool {
        self.read().is_ok_and(|tensors| tensors.tensor(name).is_ok())
    }

    /// XXH3 of the whole file.
    pub fn hash(&self) -> u64 {
        xxh3_64(&self.map)
    }

    /// Length of the file.
    pub fn len(&self) -> u64 {
        self.map.len() as u64
    }

    /// Whether the file has no bytes, which no such file has.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }
}
