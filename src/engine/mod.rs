//! The engine: a catalog that is open, programs compiled for it, and their answers.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use igql::{Engine, Request};
//! let engine = Engine::open("examples/explore")?;
//! let program = engine.compile("user.liked().account_nn().posted_media().take(10)")?;
//! let answer = engine.run(&program, &Request::user(5))?;
//! for row in answer.rows() {
//!     println!("{} {:?}", row.key(), row.score());
//! }
//! # Ok(())
//! # }
//! ```

mod arrivals;
mod compile;
mod embeddings;
mod every_link;
mod flight;
mod links;
mod network;
mod open;
mod predictors;
mod program;
mod run;
mod samples;
mod scene;
mod stages;
mod testing;
mod texts;
mod topics;
mod towers;
mod trials;
mod world;

pub use crate::library::Unit;
pub use compile::{CompileError, Compiled, has_errors};
pub(crate) use every_link::{EveryLink, Wanted};
pub(crate) use flight::Flight;
pub(crate) use links::UserEdge;
pub(crate) use network::parts;
pub use open::Builder;
pub(crate) use predictors::{Arrangement, DESCRIPTION, Description, Sample};
pub use program::Program;
pub use run::{Pass, RunOptions};
pub(crate) use scene::Scene;
#[cfg(feature = "cli")]
pub(crate) use stages::{Stage, nodes};
pub(crate) use texts::{RowTexts, TEXTS, TextsDescription, tensors as text_tensors};
pub(crate) use topics::{TopicsDescription, WrittenTopics};
pub(crate) use towers::{
    ITEM, TOWERS, TowerInputs, TowerSample, TowersDescription, USER, is_known,
};
pub use trials::Test;

use crate::catalog::schema::Schema;
use crate::extend::Registry;
use crate::library::Library;
use crate::ops::Vocabulary;
use crate::ops::vectors::Vectors;
use crate::store::learned::Room;
use crate::store::{self, Options, Snapshot};
use std::path::PathBuf;
use std::sync::Arc;
use world::World;

/// A catalog with its snapshot, vector indexes and library. Cheap to clone, and shared by threads.
#[derive(Clone)]
pub struct Engine {
    world: Arc<World>,
    library: Arc<Library>,
    opened: Arc<Opened>,
}

/// What an engine was opened from.
#[derive(Clone)]
struct Opened {
    path: PathBuf,
    options: Options,
    registry: Registry,
    /// The start of the examples that are to read the versions of a slice, if it is for those.
    slice: Option<i64>,
}

impl Engine {
    /// Maps all of the snapshot and its indexes into memory, as a server does before it takes requests.
    /// Otherwise their pages come as they are used, which the first requests wait for. Where the system
    /// cannot do it, nothing happens.
    pub fn preload(&self) {
        self.world.snapshot.preload();
        self.world.vectors.preload();
    }

    /// Entities, columns, edges and embeddings of the catalog.
    pub fn schema(&self) -> &Schema {
        self.world.snapshot.schema()
    }

    /// Where what was learnt for the catalog lies.
    pub(crate) fn learned(&self) -> Room {
        store::room(&self.opened.path, &self.opened.options)
    }

    /// Where files lie that are of no use when what made them has ended.
    pub(crate) fn temporary(&self) -> PathBuf {
        store::temporary(&self.opened.path, &self.opened.options)
    }

    /// The data.
    pub fn snapshot(&self) -> &Snapshot {
        &self.world.snapshot
    }

    /// The operators and functions that programs can name: the built-in ones, and those that are registered.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.world.vocabulary
    }

    /// The vector indexes, and precomputed neighbours.
    pub fn vectors(&self) -> &Vectors {
        &self.world.vectors
    }
}
