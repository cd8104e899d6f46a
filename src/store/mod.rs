//! The snapshot: tables, edge lists and vectors in one memory-mapped file.
//!
//! `open` brings the snapshot of a catalog up to date and maps it; a `Snapshot` hands out
//! columns, links and vectors without copying.

mod artifact;
mod build;
mod import;
mod layout;
pub mod learned;
pub mod logs;
mod open;
mod plain;
pub mod profile;
mod progress;
mod snapshot;
mod sources;
mod users;
mod vectors;
mod view;
mod write;

pub use artifact::Blob;
pub use open::{Options, Report, build, is_current, open, room, temporary, verify};
pub use progress::{Progress, Silent};
pub use snapshot::Snapshot;
#[cfg(feature = "arrow")]
pub use users::users_of_batches;
pub use users::{Columns, Users, column_names, read_columns, read_users};
pub use vectors::Vectors;
pub use view::{Adjacency, KeyView, VectorsView};

pub use crate::catalog::DataError;
