//! Opening a catalog's snapshot, building it first where it is missing or stale.

use super::build::{Inputs, build as build_snapshot};
use super::learned::{Room, Version};
use super::progress::{Progress, Silent};
use super::snapshot::Snapshot;
use super::sources::Sources;
use crate::catalog::config::Catalog;
use crate::catalog::{DataError, DataWarning, load};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How to open.
#[derive(Clone)]
pub struct Options {
    /// The folder in which `.igql` lies, instead of the catalog's.
    pub cache: Option<PathBuf>,
    /// Take the snapshot there is, even if the data has changed since or is broken.
    pub stale: bool,
    /// The folder of what was learnt, instead of `learned` in `.igql`: versions for replays of the past.
    pub learned: Option<PathBuf>,
    /// Folders from which programs may import files, beside those of the program and the catalog.
    pub imports: Vec<PathBuf>,
    pub progress: Arc<dyn Progress>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            cache: None,
            stale: false,
            learned: None,
            imports: Vec::new(),
            progress: Arc::new(Silent),
        }
    }
}

/// What bringing a snapshot up to date did.
#[derive(Clone, Debug)]
pub struct Report {
    pub id: String,
    /// False if it was up to date.
    pub rebuilt: bool,
    /// Size of the snapshot in bytes.
    pub size: u64,
    pub warnings: Vec<DataWarning>,
}

/// Opens the snapshot of a catalog file (or of the folder that has it), and builds it where it is
/// missing or stale.
pub fn open(catalog: &Path, options: &Options) -> Result<Snapshot, DataError> {
    Ok(Project::new(catalog, options).open(options)?.0)
}

/// Brings the snapshot up to date.
pub fn build(catalog: &Path, options: &Options) -> Result<Report, DataError> {
    let options = Options { stale: false, ..options.clone() };
    let (snapshot, rebuilt) = Project::new(catalog, &options).open(&options)?;
    Ok(Report {
        id: snapshot.id().to_owned(),
        rebuilt,
        size: snapshot.size(),
        warnings: snapshot.warnings().to_vec(),
    })
}

/// The folder of what was learnt for a catalog.
pub fn room(catalog: &Path, options: &Options) -> Room {
    Project::new(catalog, options).room(options)
}

/// The folder of files that are there while something runs, and of no use afterwards.
pub fn temporary(catalog: &Path, options: &Options) -> PathBuf {
    Project::new(catalog, options).derived.join("tmp")
}

/// Compares every part of the snapshot that there is, and of the files derived from it, with its
/// checksum.
pub fn verify(catalog: &Path, options: &Options) -> Result<(), DataError> {
    let project = Project::new(catalog, options);
    let missing = || {
        let error = DataError::new(project.derived.join("snapshot"), "no readable snapshot");
        error.help("run `igql build`")
    };
    Snapshot::map(&project.derived).ok_or_else(missing)?.verify()?;
    super::artifact::verify_all(&project.derived)?;
    let room = project.room(options);
    let (versions, damaged) = room.versions();
    damaged.into_iter().next().map_or(Ok(()), Err)?;
    versions.iter().try_for_each(Version::verify)
}

/// Whether a snapshot is that of the catalog and its data as they are now.
pub fn is_current(
    catalog: &Path,
    options: &Options,
    snapshot: &Snapshot,
) -> Result<bool, DataError> {
    let project = Project::new(catalog, options);
    project.is_fresh(&load(&project.catalog)?, snapshot)
}

/// A catalog and the folder of what is derived from it.
struct Project {
    catalog: PathBuf,
    folder: PathBuf,
    derived: PathBuf,
}

impl Project {
    fn new(catalog: &Path, options: &Options) -> Self {
        let catalog =
            if catalog.is_dir() { catalog.join("catalog.toml") } else { catalog.to_owned() };
        let folder = catalog.parent().map_or_else(PathBuf::new, Path::to_owned);
        let derived = options.cache.as_ref().unwrap_or(&folder).join(".igql");
        Project { catalog, folder, derived }
    }

    fn room(&self, options: &Options) -> Room {
        let own = || self.derived.join("learned");
        Room::new(&options.learned.clone().unwrap_or_else(own))
    }

    /// The snapshot, and whether it was built for that.
    fn open(&self, options: &Options) -> Result<(Snapshot, bool), DataError> {
        if let Some(mut snapshot) = Snapshot::map(&self.derived).filter(|_| options.stale) {
            // Whatever is wrong with the data, this snapshot is what was asked for.
            if !load(&self.catalog).and_then(|c| self.is_fresh(&c, &snapshot)).unwrap_or(false) {
                snapshot.mark_stale();
            }
            return Ok((snapshot, false));
        }
        let catalog = load(&self.catalog)?;
        if let Some(snapshot) = self.fresh(&catalog)? {
            return Ok((snapshot, false));
        }
        let _lock = self.lock(options.progress.as_ref())?;
        // Another process may have built it while this one waited.
        match self.fresh(&catalog)? {
            Some(snapshot) => Ok((snapshot, false)),
            None => Ok((self.rebuild(&catalog, options.progress.as_ref())?, true)),
        }
    }

    fn fresh(&self, catalog: &Catalog) -> Result<Option<Snapshot>, DataError> {
        match Snapshot::map(&self.derived) {
            Some(snapshot) if self.is_fresh(catalog, &snapshot)? => Ok(Some(snapshot)),
            _ => Ok(None),
        }
    }

    fn is_fresh(&self, catalog: &Catalog, snapshot: &Snapshot) -> Result<bool, DataError> {
        if snapshot.manifest().catalog != catalog.hash {
            return Ok(false);
        }
        Sources::find(catalog, &self.folder)?.made(snapshot)
    }

    /// Held by whoever builds; others wait.
    fn lock(&self, progress: &dyn Progress) -> Result<File, DataError> {
        lock(&self.derived, || {
            progress.report("waiting for another build", 0, 0);
        })
    }

    fn rebuild(&self, catalog: &Catalog, progress: &dyn Progress) -> Result<Snapshot, DataError> {
        let sources = Sources::find(catalog, &self.folder)?;
        let target = self.derived.join("snapshot");
        clean(&self.derived);
        progress.report("hashing files", 0, 0);
        let unreadable = || DataError::new(&target, "the snapshot cannot be verified");
        let good = |file: &Path| {
            sources.unchanged()?;
            Snapshot::map_file(file, &self.derived).map(drop).ok_or_else(unreadable)
        };
        let before = Snapshot::map(&self.derived);
        let source = Inputs {
            catalog,
            folder: &self.folder,
            sources: sources.hashed()?,
            ties: before.map_or_else(Vec::new, |s| s.manifest().ties.clone()),
        };
        build_snapshot(source, &target, progress, good)?;
        let mut snapshot = Snapshot::map(&self.derived).ok_or_else(unreadable)?;
        snapshot.mark_built();
        // Without the note, the files are hashed again next time.
        let _ = sources.note(&snapshot);
        Ok(snapshot)
    }
}

/// Takes the lock of a folder of derived files; `waiting` is called if another has it.
pub(super) fn lock(folder: &Path, waiting: impl FnOnce()) -> Result<File, DataError> {
    let path = folder.join("lock");
    let cannot = |e: std::io::Error| {
        let error = DataError::io(&path, &e);
        let message = format!("cannot be written: {}", error.message);
        DataError::new(&path, message)
            .help("make the folder writable, or keep derived files elsewhere")
    };
    let mut waiting = Some(waiting);
    loop {
        std::fs::create_dir_all(folder).map_err(cannot)?;
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(cannot)?;
        if file.try_lock().is_err() {
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            file.lock().map_err(cannot)?;
        }
        // the folder may have been deleted while this one waited, and its lock with it
        if is_at(&file, &path) {
            return Ok(file);
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |m: std::fs::Metadata| (m.dev(), m.ino());
    let open = file.metadata().map(place).ok();
    open.is_some() && open == std::fs::metadata(path).map(place).ok()
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Removes what builders that were killed left unfinished. Only the holder of the lock may.
fn clean(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let unfinished = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with(".snapshot.") && name.ends_with(".new")
    });
    // one that stays does no harm
    unfinished.for_each(|entry| drop(std::fs::remove_file(entry.path())));
}
