//! The files that a snapshot is made from, and whether they are still the same.

use super::layout::{Manifest, Source};
use super::snapshot::Snapshot;
use super::write::Aside;
use crate::catalog::DataError;
use crate::catalog::config::Catalog;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use xxhash_rust::xxh3::Xxh3;

/// Size and modification time of a source: while they stay, it is taken to be unchanged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stamp {
    path: String,
    size: u64,
    /// Nanoseconds since 1970.
    modified: u64,
}

/// The file `stamps` beside the snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamps {
    /// Of the manifest of the snapshot that the stamps are for.
    manifest: u64,
    files: Vec<Stamp>,
}

/// The sources of a catalog as they are on disk.
pub struct Sources {
    folder: PathBuf,
    stamps: Vec<Stamp>,
}

impl Sources {
    /// Finds all tables and vector files; a missing one is an error.
    pub fn find(catalog: &Catalog, folder: &Path) -> Result<Sources, DataError> {
        let entities = catalog.entities.iter().filter_map(|e| e.table.as_ref());
        let tables = entities.chain(catalog.edges.iter().map(|e| &e.table));
        let (mut files, mut errors) = (Vec::new(), Vec::new());
        for table in tables {
            match super::import::files_of(table, folder) {
                Ok(found) => files.extend(found.into_iter().map(|file| (file, table.line))),
                Err(why) => {
                    let message = format!("`table = \"{}\"`: {why}", table.pattern);
                    errors.push(DataError::new(&catalog.path, message).line(table.line));
                }
            }
        }
        for part in catalog.embeddings.iter().flat_map(|e| &e.parts) {
            let names = part.keys.iter().chain([&part.file]);
            files.extend(names.map(|name| (folder.join(name), part.line)));
        }
        let missing = files.iter().map(|(file, line)| exists(file, catalog, *line));
        errors.extend(missing.filter_map(Result::err));
        if let Some(error) = DataError::all(errors) {
            return Err(error);
        }
        let mut paths: Vec<PathBuf> = files.into_iter().map(|(file, _)| file).collect();
        paths.sort();
        paths.dedup();
        let stamps = paths.iter().map(|p| stamp(p, folder));
        Ok(Sources { folder: folder.to_owned(), stamps: stamps.collect::<Result<_, _>>()? })
    }

    /// Whether a snapshot is made from these. Files that were touched are compared by content;
    /// if that is the same, the new times are noted.
    pub fn made(&self, snapshot: &Snapshot) -> Result<bool, DataError> {
        let Manifest { sources, .. } = snapshot.manifest();
        let same = |(s, f): (&Source, &Stamp)| s.path == f.path && s.size == f.size;
        if sources.len() != self.stamps.len() || !sources.iter().zip(&self.stamps).all(same) {
            return Ok(false);
        }
        let noted =
            read_stamps(snapshot.folder()).filter(|s| s.manifest == snapshot.manifest_hash());
        let noted = noted.map_or_else(Vec::new, |s| s.files);
        let touched: Vec<_> =
            self.stamps.iter().zip(sources).filter(|(f, _)| !noted.contains(f)).collect();
        let equal = |(file, source): &(&Stamp, &Source)| {
            Ok(hash(&self.folder.join(&file.path))? == source.xxh3)
        };
        let equal: Vec<bool> = touched.par_iter().map(equal).collect::<Result<_, DataError>>()?;
        let fresh = equal.into_iter().all(|e| e);
        if fresh && !touched.is_empty() {
            // On a read-only disk the files are hashed again next time.
            let _ = self.note(snapshot);
        }
        Ok(fresh)
    }

    /// An error if one has changed since they were found: what was read may be of both.
    pub fn unchanged(&self) -> Result<(), DataError> {
        for before in &self.stamps {
            let path = self.folder.join(&before.path);
            if stamp(&path, &self.folder)? != *before {
                let error = DataError::new(path, "the file changed while it was read");
                return Err(error.help(
                    "run the command again when the file is complete; write to a temporary file and rename it to avoid this",
                ));
            }
        }
        Ok(())
    }

    /// The sources with their hashes.
    pub fn hashed(&self) -> Result<Vec<Source>, DataError> {
        let source = |f: &Stamp| {
            let xxh3 = hash(&self.folder.join(&f.path))?;
            Ok(Source { path: f.path.clone(), size: f.size, xxh3 })
        };
        self.stamps.par_iter().map(source).collect()
    }

    /// Notes sizes and times for a snapshot.
    pub fn note(&self, snapshot: &Snapshot) -> Result<(), DataError> {
        let stamps = Stamps { manifest: snapshot.manifest_hash(), files: self.stamps.clone() };
        let file = snapshot.folder().join("stamps");
        let text = serde_json::to_vec(&stamps).map_err(|e| DataError::io(&file, &e.into()))?;
        let mut aside = Aside::new(&file)?;
        aside.write(&text)?;
        aside.finish()
    }
}

fn exists(file: &Path, catalog: &Catalog, line: u64) -> Result<(), DataError> {
    let Some((why, help)) = super::import::unreadable(file) else {
        return Ok(());
    };
    let shown = crate::catalog::shown(&catalog.path);
    let error = DataError::new(file, why);
    Err(error.help(format!("{shown}, line {line} names it; {help}")))
}

fn read_stamps(folder: &Path) -> Option<Stamps> {
    serde_json::from_slice(&std::fs::read(folder.join("stamps")).ok()?).ok()
}

fn stamp(path: &Path, folder: &Path) -> Result<Stamp, DataError> {
    let metadata = std::fs::metadata(path).map_err(|e| DataError::io(path, &e))?;
    let relative = path.strip_prefix(folder).unwrap_or(path);
    Ok(Stamp {
        path: relative.to_string_lossy().into_owned(),
        size: metadata.len(),
        modified: modified(&metadata),
    })
}

fn modified(metadata: &Metadata) -> u64 {
    let time = metadata.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    time.map_or(0, |t| t.as_nanos() as u64)
}

/// XXH3 of a file's contents.
fn hash(path: &Path) -> Result<u64, DataError> {
    let mut file = File::open(path).map_err(|e| DataError::io(path, &e))?;
    let mut hash = Xxh3::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk).map_err(|e| DataError::io(path, &e))? {
            0 => return Ok(hash.digest()),
            n => hash.update(&chunk[..n]),
        }
    }
}
