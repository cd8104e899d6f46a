//! The folder of versions: what there is, and how another one comes in.

use super::manifest::{Kind, Manifest, Weights};
use super::tensors::{self, Tensor, Tensors};
use crate::catalog::DataError;
use crate::store::open::lock;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

const MANIFEST: &str = "manifest.json";
const WEIGHTS: &str = "weights.safetensors";
/// The largest number that was given, where its version may be gone.
const LAST: &str = "last";
/// What a version is called while it is written.
const UNFINISHED: &str = ".unfinished";

/// A folder of versions.
#[derive(Clone, Debug)]
pub struct Room {
    folder: PathBuf,
}

/// One version, as it lies on the disk.
#[derive(Debug)]
pub struct Version {
    pub manifest: Manifest,
    folder: PathBuf,
}

impl Room {
    /// That of a folder, which need not exist.
    pub fn new(folder: &Path) -> Room {
        Room { folder: folder.to_owned() }
    }

    /// Every version that is whole, by kind, name and number; and what is wrong with the others.
    pub fn versions(&self) -> (Vec<Version>, Vec<DataError>) {
        let (mut found, mut wrong) = (Vec::new(), Vec::new());
        for name in names(&self.folder) {
            for number in entries(&name).into_iter().filter(|path| number_of(path).is_some()) {
                match Version::open(&number) {
                    Ok(version) => found.push(version),
                    Err(error) => wrong.push(error),
                }
            }
        }
        found.sort_by(|a, b| order(&a.manifest).cmp(&order(&b.manifest)));
        (found, wrong)
    }

    /// Whoever trains; others wait until it is dropped. `waiting` is called if another has it.
    pub fn trainer(&self, waiting: impl FnOnce()) -> Result<Trainer, DataError> {
        let lock = lock(&self.folder, waiting)?;
        let trainer = Trainer { folder: self.folder.clone(), _lock: lock };
        trainer.sweep();
        Ok(trainer)
    }
}

/// The right to add versions, and to remove them.
pub struct Trainer {
    folder: PathBuf,
    _lock: File,
}

impl Trainer {
    /// Adds a version, and gives its number. On any error the folder is as it was.
    pub fn commit(&self, manifest: Manifest, tensors: &[Tensor]) -> Result<Manifest, DataError> {
        let named = folder_of(&self.folder, &manifest);
        fs::create_dir_all(&named).map_err(|e| cannot_write(&named, &e))?;
        let n = next(&named);
        let aside = named.join(UNFINISHED);
        let made = self.write(&aside, Manifest { n, ..manifest }, tensors);
        let done = made.and_then(|manifest| {
            let last = named.join(LAST);
            replace(&last, n.to_string().as_bytes()).map_err(|e| cannot_write(&last, &e))?;
            let target = named.join(n.to_string());
            fs::rename(&aside, &target).map_err(|e| cannot_write(&target, &e))?;
            sync_folder(&named);
            Ok(manifest)
        });
        if done.is_err() {
            let _ = fs::remove_dir_all(&aside);
        }
        done
    }

    fn write(
        &self,
        aside: &Path,
        manifest: Manifest,
        tensors: &[Tensor],
    ) -> Result<Manifest, DataError> {
        fs::create_dir_all(aside).map_err(|e| cannot_write(aside, &e))?;
        let path = aside.join(WEIGHTS);
        tensors::write(&path, tensors).map_err(|e| cannot_write(&path, &e))?;
        // read back, so that what is named has been seen whole
        let written = Tensors::open(&path)?;
        let weights = Weights { bytes: written.len(), xxh3: format!("{:016x}", written.hash()) };
        let manifest = Manifest { weights, ..manifest };
        let path = aside.join(MANIFEST);
        let text =
            serde_json::to_vec_pretty(&manifest).map_err(|e| cannot_write(&path, &e.into()))?;
        replace(&path, &text).map_err(|e| cannot_write(&path, &e))?;
        sync_folder(aside);
        Ok(manifest)
    }

    /// Removes a version; its number is not given again.
    pub fn remove(&self, version: &Version) -> Result<(), DataError> {
        let folder = &version.folder;
        let aside = folder.with_file_name(UNFINISHED);
        // by one step it is gone, whatever becomes of its files
        fs::rename(folder, &aside).map_err(|e| cannot_write(folder, &e))?;
        fs::remove_dir_all(&aside).map_err(|e| cannot_write(&aside, &e))
    }

    /// Removes what trainers that were killed left behind.
    fn sweep(&self) {
        for name in names(&self.folder) {
            let entries = fs::read_dir(name).into_iter().flatten().flatten();
            let is_unfinished = |path: &PathBuf| {
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
            };
            for path in entries.map(|entry| entry.path()).filter(is_unfinished) {
                // what stays does no harm
                let _ = match path.is_dir() {
                    true => fs::remove_dir_all(path),
                    false => fs::remove_file(path),
                };
            }
        }
    }
}

impl Version {
    fn open(folder: &Path) -> Result<Version, DataError> {
        let path = folder.join(MANIFEST);
        let wrong = |message: String| {
            let help = format!("remove `{}` and train it again", folder.display());
            DataError::new(&path, message).help(help)
        };
        let text = fs::read(&path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|e| wrong(format!("is no manifest: {e}")))?;
        Ok(Version { manifest, folder: folder.to_owned() })
    }

    /// Its arrays.
    pub fn tensors(&self) -> Result<Tensors, DataError> {
        let path = self.folder.join(WEIGHTS);
        let (length, wanted) =
            (fs::metadata(&path).map_or(0, |m| m.len()), self.manifest.weights.bytes);
        if length != wanted {
            let message = format!("the file is damaged: {length} bytes instead of {wanted}");
            return Err(DataError::new(&path, message));
        }
        Tensors::open(&path)
    }

    /// Compares the arrays with their checksum.
    pub fn verify(&self) -> Result<(), DataError> {
        let found = format!("{:016x}", self.tensors()?.hash());
        match found == self.manifest.weights.xxh3 {
            true => Ok(()),
            false => {
                let help = format!("remove `{}` and train it again", self.folder.display());
                let path = self.folder.join(WEIGHTS);
                Err(DataError::new(path, "the file is damaged: wrong checksum").help(help))
            }
        }
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// `edge/NAME`, `embedding/ENTITY+ENTITY/NAME`, `model/ENTITY/NAME`: edges have names of their own, the others one for
/// each entity.
fn folder_of(room: &Path, manifest: &Manifest) -> PathBuf {
    let kind = room.join(manifest.kind.word());
    let entities: Vec<String> = manifest.entities.iter().map(|e| file_name(e)).collect();
    let of = match manifest.kind {
        Kind::Edge => kind,
        Kind::Embedding | Kind::Model => kind.join(entities.join("+")),
    };
    of.join(file_name(&manifest.name))
}

/// Whether a file of a version that cannot be read is one of that kind and name.
pub fn is_of(file: &Path, kind: Kind, name: &str) -> bool {
    let mut above = file.ancestors().skip(2).filter_map(|folder| folder.file_name());
    let is_named = above.next().is_some_and(|folder| folder == file_name(name).as_str());
    // the entities stand between, of what has a name for each
    let kind_folder = if kind == Kind::Edge { above.next() } else { above.nth(1) };
    is_named && kind_folder.is_some_and(|folder| folder == kind.word())
}

/// The folders of all names.
fn names(room: &Path) -> Vec<PathBuf> {
    let of = |kind: Kind| entries(&room.join(kind.word()));
    let below = |folders: Vec<PathBuf>| folders.iter().flat_map(|f| entries(f)).collect();
    let deeper = [Kind::Embedding, Kind::Model].map(|kind| below(of(kind)));
    let all: Vec<Vec<PathBuf>> = std::iter::once(of(Kind::Edge)).chain(deeper).collect();
    all.concat()
}

fn order(m: &Manifest) -> (Kind, &[String], &str, u64) {
    (m.kind, &m.entities, &m.name, m.n)
}

/// The folders in a folder, by name; none where it is not there.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|p| p.is_dir()).collect();
    found.sort();
    found
}

fn number_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.parse().ok()
}

/// The number after all that were given.
fn next(named: &Path) -> u64 {
    let there = entries(named).iter().filter_map(|path| number_of(path)).max();
    let given = fs::read_to_string(named.join(LAST)).ok().and_then(|text| text.parse().ok());
    1 + there.max(given).unwrap_or(0)
}

/// Names are ASCII but for those in backticks, which may be anything that is no name of a file.
fn file_name(name: &str) -> String {
    let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && name.len() < 200;
    match is_plain {
        true => name.to_owned(),
        false => format!("+{:016x}", xxh3_64(name.as_bytes())),
    }
}

fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = crate::files::Replacement::new(path)?;
    file.write_all(contents)?;
    file.commit()
}

fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        // not every file system can sync a folder; the rename is atomic all the same
        let _ = folder.sync_all();
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> DataError {
    use ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let help = match matches!(error.kind(), FileTooLarge | QuotaExceeded | StorageFull) {
        true => "make room; versions of before are whole",
        false => "make the folder writable; versions of before are whole",
    };
    DataError::new(path, format!("cannot be written: {error}")).help(help)
}
