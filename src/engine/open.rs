//! From a folder to an engine.

use super::world::World;
use super::{Engine, Opened};
use crate::library::Library;
use crate::ops::vectors::Vectors;
use crate::store::{self, DataError, Options};
use std::path::Path;
use std::sync::Arc;

impl Engine {
    /// Opens the catalog of a folder (or the catalog file), bringing what is derived up to date.
    pub fn open(path: impl AsRef<Path>) -> Result<Engine, DataError> {
        Engine::open_with(path, &Options::default())
    }

    /// The same with options: another cache folder, a stale snapshot, progress.
    pub fn open_with(path: impl AsRef<Path>, options: &Options) -> Result<Engine, DataError> {
        let path = path.as_ref();
        let snapshot = store::open(path, options)?;
        let vectors = Vectors::open(&snapshot, &*options.progress)?;
        let folder = if path.is_dir() {
            path
        } else {
            path.parent().unwrap_or(Path::new("."))
        };
        let library = Library::open(folder, &options.imports)?;
        Ok(Engine {
            world: Arc::new(World { snapshot, vectors }),
            library: Arc::new(library),
            opened: Arc::new(Opened {
                path: path.to_owned(),
                options: options.clone(),
            }),
        })
    }

    /// An engine on the data as it is now; this one stays on what it has, and so do its programs
    /// ([`Program::on`](super::Program::on) compiles one for the new engine). Where the data is the same,
    /// so is the snapshot, and programs of either engine run on both.
    ///
    /// Fails as [`Engine::open_with`] does, with this engine still whole.
    pub fn reload(&self) -> Result<Engine, DataError> {
        let Opened { path, options } = &*self.opened;
        let newest = Engine::open_with(path, options)?;
        Ok(match newest.world.is_same(&self.world) {
            true => Engine {
                world: self.world.clone(),
                ..newest
            },
            false => newest,
        })
    }
}
