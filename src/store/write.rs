//! Writing a snapshot: aside, synced, then renamed over the old one.

use super::layout::{ALIGN, Buf, Buffer, HEADER, Header, Manifest};
use super::plain::{Plain, bytes};
use crate::catalog::DataError;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// A file under a temporary name that takes its real one only when it is whole.
pub struct Aside {
    pub file: File,
    temporary: PathBuf,
    target: PathBuf,
    done: bool,
}

impl Aside {
    pub fn new(target: &Path) -> Result<Self, DataError> {
        let mut temporary = target.as_os_str().to_owned();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        let file = File::create(&temporary).map_err(|e| cannot_write(&temporary, &e))?;
        Ok(Aside {
            file,
            temporary,
            target: target.to_owned(),
            done: false,
        })
    }

    pub fn error(&self, error: &std::io::Error) -> DataError {
        cannot_write(&self.temporary, error)
    }

    /// Syncs and renames; on any error the old file stays.
    pub fn finish(mut self) -> Result<(), DataError> {
        self.file.sync_all().map_err(|e| self.error(&e))?;
        std::fs::rename(&self.temporary, &self.target).map_err(|e| self.error(&e))?;
        self.done = true;
        if let Some(folder) = self.target.parent().and_then(|p| File::open(p).ok()) {
            // Not every file system can sync a folder; the rename is atomic all the same.
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.done {
            // It may be gone already; the next build overwrites it anyway.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> DataError {
    let error = DataError::io(path, error);
    let message = format!("cannot be written: {}", error.message);
    DataError::new(path, message).help("`--cache DIR` puts derived files elsewhere")
}

/// Writes buffers one after the other.
pub struct Writer {
    aside: Aside,
    at: u64,
    pub buffers: Vec<Buffer>,
}

impl Writer {
    pub fn new(target: &Path) -> Result<Self, DataError> {
        let mut writer = Writer {
            aside: Aside::new(target)?,
            at: 0,
            buffers: Vec::new(),
        };
        writer.write(&[0; HEADER])?;
        Ok(writer)
    }

    fn write(&mut self, data: &[u8]) -> Result<(), DataError> {
        self.aside
            .file
            .write_all(data)
            .map_err(|e| self.aside.error(&e))?;
        self.at += data.len() as u64;
        Ok(())
    }

    /// Appends a buffer on the next boundary.
    pub fn put<T: Plain>(&mut self, values: &[T]) -> Result<Buf, DataError> {
        let padding = self.at.next_multiple_of(ALIGN) - self.at;
        self.write(&[0; ALIGN as usize][..padding as usize])?;
        let data = bytes(values);
        self.buffers.push(Buffer {
            at: self.at,
            len: data.len() as u64,
            xxh3: xxh3_64(data),
        });
        self.write(data)?;
        Ok(self.buffers.len() - 1)
    }

    pub fn put_some<T: Plain>(&mut self, values: Option<&[T]>) -> Result<Option<Buf>, DataError> {
        values.map(|v| self.put(v)).transpose()
    }

    /// Appends the manifest, writes the header and puts the file in its place.
    pub fn finish(mut self, manifest: &Manifest) -> Result<(), DataError> {
        let text = serde_json::to_vec(manifest).map_err(|e| self.aside.error(&e.into()))?;
        let manifest_at = self.at;
        self.write(&text)?;
        let header = Header {
            file_len: self.at,
            manifest_at,
            manifest_len: text.len() as u64,
            manifest_hash: xxh3_64(&text),
        };
        self.aside
            .file
            .seek(SeekFrom::Start(0))
            .map_err(|e| self.aside.error(&e))?;
        self.write(&header.to_bytes())?;
        self.aside.finish()
    }
}
