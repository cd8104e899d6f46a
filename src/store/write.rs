//! Writing a snapshot: aside, synced, read back, then renamed over the old one.

use super::layout::{ALIGN, Buf, Buffer, HEADER, Header, Manifest};
use super::plain::{Plain, bytes};
use crate::catalog::DataError;
use crate::files::Replacement;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// A file under a temporary name that takes its real one only when it is whole.
pub struct Aside {
    file: Replacement,
    target: PathBuf,
}

impl Aside {
    pub fn new(target: &Path) -> Result<Self, DataError> {
        let file = Replacement::new(target).map_err(|e| cannot_write(target, &e))?;
        Ok(Aside { file, target: target.to_owned() })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        let written = self.file.write_all(bytes);
        written.map_err(|e| cannot_write(&self.target, &e))
    }

    /// Syncs and renames; on any error the old file stays.
    pub fn finish(self) -> Result<(), DataError> {
        self.file.commit().map_err(|e| cannot_write(&self.target, &e))
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> DataError {
    let error = DataError::io(path, error);
    let message = format!("cannot be written: {}", error.message);
    DataError::new(path, message).help("make the folder writable, or keep derived files elsewhere")
}

/// Writes buffers one after the other.
pub struct Writer {
    aside: Aside,
    at: u64,
    pub buffers: Vec<Buffer>,
}

impl Writer {
    pub fn new(target: &Path) -> Result<Self, DataError> {
        let mut writer = Writer { aside: Aside::new(target)?, at: 0, buffers: Vec::new() };
        writer.write(&[0; HEADER])?;
        Ok(writer)
    }

    fn write(&mut self, data: &[u8]) -> Result<(), DataError> {
        self.aside.write(data)?;
        self.at += data.len() as u64;
        Ok(())
    }

    /// Appends a buffer on the next boundary.
    pub fn put<T: Plain>(&mut self, values: &[T]) -> Result<Buf, DataError> {
        let padding = self.at.next_multiple_of(ALIGN) - self.at;
        self.write(&[0; ALIGN as usize][..padding as usize])?;
        let data = bytes(values);
        self.buffers.push(Buffer { at: self.at, len: data.len() as u64, xxh3: xxh3_64(data) });
        self.write(data)?;
        Ok(self.buffers.len() - 1)
    }

    pub fn put_some<T: Plain>(&mut self, values: Option<&[T]>) -> Result<Option<Buf>, DataError> {
        values.map(|v| self.put(v)).transpose()
    }

    /// Appends the manifest, writes the header and puts the file in its place, if it is found good.
    pub fn finish(
        mut self,
        manifest: &Manifest,
        good: impl FnOnce(&Path) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let text = serde_json::to_vec(manifest)
            .map_err(|e| cannot_write(&self.aside.target, &e.into()))?;
        let manifest_at = self.at;
        self.write(&text)?;
        let header = Header {
            file_len: self.at,
            manifest_at,
            manifest_len: text.len() as u64,
            manifest_hash: xxh3_64(&text),
        };
        let io = |e: std::io::Error| cannot_write(&self.aside.target, &e);
        let mut file = self.aside.file.writer().map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        file.write_all(&header.to_bytes()).map_err(io)?;
        good(self.aside.file.temporary())?;
        self.aside.finish()
    }
}
