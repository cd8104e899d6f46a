//! Files derived from a snapshot, such as vector indexes: made when they are missing or belong to
//! other contents, mapped when they are there.

use super::open::lock;
use super::snapshot::Snapshot;
use super::write::Aside;
use crate::catalog::DataError;
use memmap2::Mmap;
use std::fs::File;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: &[u8; 8] = b"IGQLBLOB";
/// Room for the header, so that the contents begin on a 64-byte boundary.
const HEADER: usize = 64;

/// The contents of a derived file, mapped into memory, on a 64-byte boundary.
pub struct Blob {
    map: Mmap,
}

impl Blob {
    /// Maps all of it, so that no reader waits for a page.
    pub fn preload(&self) {
        preload(&self.map);
    }
}

/// Asks the system for all pages of a file now; where it cannot, they come when they are read.
pub(super) fn preload(map: &Mmap) {
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::PopulateRead);
    #[cfg(all(unix, not(target_os = "linux")))]
    let _ = map.advise(memmap2::Advice::WillNeed);
}

/// Lets go of the pages of a file that were read.
pub(super) fn let_go(map: &Mmap) {
    #[cfg(unix)]
    // SAFETY: it is mapped to be read, and shared with its file, from which the pages come back as they were
    let _ = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
    #[cfg(not(unix))]
    let _ = map;
}

impl std::ops::Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map[HEADER..]
    }
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blob({} bytes)", self.len())
    }
}

impl Snapshot {
    /// The derived file `name` for contents with that key, a hash of everything that it depends
    /// on; if there is none, `build` makes it, one process at a time.
    pub fn artifact(
        &self,
        name: &str,
        key: u64,
        build: impl FnOnce() -> Vec<u8>,
    ) -> Result<Blob, DataError> {
        let path = self.folder().join("artifacts").join(file_name(name));
        if let Some(blob) = map(&path, Some(key)) {
            return Ok(blob);
        }
        let _lock = lock(self.folder(), || {})?;
        if let Some(blob) = map(&path, Some(key)) {
            return Ok(blob);
        }
        write(&path, key, &build())?;
        map(&path, Some(key)).ok_or_else(|| DataError::new(&path, "the file cannot be read back"))
    }
}

impl Snapshot {
    /// The derived files that there are, by name, with their sizes in bytes.
    pub fn artifacts(&self) -> Vec<(String, u64)> {
        let folder = std::fs::read_dir(self.folder().join("artifacts"));
        let files = folder.into_iter().flatten().filter_map(Result::ok);
        let sized = files.filter_map(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            Some((name, file.metadata().ok()?.len()))
        });
        let mut sized: Vec<_> = sized.filter(|(name, _)| !name.ends_with(".new")).collect();
        sized.sort();
        sized
    }
}

/// Letters, digits, `-`, `_` and `.` stay; anything else becomes its bytes in hexadecimal.
fn file_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let hex = |c: char| c.to_string().bytes().map(|b| format!("%{b:02x}")).collect::<String>();
    name.chars().map(|c| if plain(c) { c.to_string() } else { hex(c) }).collect()
}

fn header(key: u64, contents: u64, hash: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&key.to_ne_bytes());
    bytes[16..24].copy_from_slice(&contents.to_ne_bytes());
    bytes[24..32].copy_from_slice(&hash.to_ne_bytes());
    let check = xxh3_64(&bytes[..32]);
    bytes[32..40].copy_from_slice(&check.to_ne_bytes());
    bytes
}

fn write(path: &Path, key: u64, contents: &[u8]) -> Result<(), DataError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| DataError::io(folder, &e))?;
    }
    let mut aside = Aside::new(path)?;
    let head = header(key, contents.len() as u64, xxh3_64(contents));
    aside.write(&head)?;
    aside.write(contents)?;
    aside.finish()
}

/// The file, if it is whole and has that key.
fn map(path: &Path, key: Option<u64>) -> Option<Blob> {
    let file = File::open(path).ok()?;
    // SAFETY: derived files are never changed in place, only replaced by renaming.
    let map = unsafe { Mmap::map(&file) }.ok()?;
    let number = |at: usize| Some(u64::from_ne_bytes(*map.get(at..)?.first_chunk()?));
    let (has, length, hash) = (number(8)?, number(16)?, number(24)?);
    let whole = map.get(..HEADER)? == header(has, length, hash)
        && map.len() as u64 == length + HEADER as u64;
    (whole && key.is_none_or(|k| k == has)).then_some(Blob { map })
}

/// Compares all derived files with their checksums.
pub(super) fn verify_all(folder: &Path) -> Result<(), DataError> {
    let Ok(files) = std::fs::read_dir(folder.join("artifacts")) else {
        return Ok(());
    };
    let paths = files.filter_map(Result::ok).map(|f| f.path());
    for path in paths.filter(|p| p.extension().is_none_or(|e| e != "new")) {
        let blob = map(&path, None);
        let fine = blob.is_some_and(|b| b.map[24..32] == xxh3_64(&b).to_ne_bytes());
        if !fine {
            let error = DataError::new(path, "the file is damaged: wrong checksum");
            return Err(error.help("delete it; it is rebuilt on demand"));
        }
    }
    Ok(())
}
