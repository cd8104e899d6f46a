//! Small catalogs in temporary folders.
#![allow(dead_code, reason = "each test file uses its part")]

use arrow_array::{ArrayRef, RecordBatch};
use igql::catalog::DataError;
use igql::store::{Options, Report, Snapshot, build, open};
use igql::types::{EdgeId, EntityId};
use std::path::{Path, PathBuf};

pub struct World {
    pub folder: tempfile::TempDir,
}

/// Users with a table, movies without one, likes with times.
pub const LIKES: &str = r#"
[catalog]
name = "tiny"
viewer = "user"

[entity.user]
table = "users.csv"
key = "user_id"

[entity.movie]
key = "movie_id"

[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "movie", column = "movie_id" }
time = "ts"
weight = "stars"
[edge.likes.columns]
ts = { type = "time", unit = "s" }
"#;

impl World {
    pub fn new(catalog: &str) -> World {
        let world = World { folder: tempfile::tempdir().unwrap() };
        world.file("catalog.toml", catalog);
        world
    }

    /// The catalog [`LIKES`] with sound data.
    pub fn likes() -> World {
        let world = World::new(LIKES);
        world.file("users.csv", "user_id,age,country\n10,31,DE\n30,,US\n20,45,DE\n");
        world.file("likes.csv", "user_id,movie_id,ts,stars,note\n10,7,100,4,a\n20,7,300,5,\n10,3,200,,b\n10,7,200,2.5,c\n");
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), contents).unwrap();
    }

    /// Replaces a text in a file that has it.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{from} is not in {name}");
        self.file(name, text.replacen(from, to, 1));
    }

    pub fn parquet(&self, name: &str, columns: Vec<(&str, ArrayRef)>) {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(n, a)| (n, a, true)),
        )
        .unwrap();
        let file = std::fs::File::create(self.path(name)).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    pub fn catalog(&self) -> PathBuf {
        self.path("catalog.toml")
    }

    pub fn open(&self) -> Result<Snapshot, DataError> {
        open(&self.catalog(), &Options::default())
    }

    pub fn snapshot(&self) -> Snapshot {
        self.open().unwrap_or_else(|e| panic!("{e}"))
    }

    pub fn build(&self) -> Result<Report, DataError> {
        build(&self.catalog(), &Options::default())
    }

    pub fn stale(&self) -> Result<Snapshot, DataError> {
        open(&self.catalog(), &Options { stale: true, ..Options::default() })
    }

    /// The error, drawn, with the folder's path taken out.
    pub fn error(&self) -> String {
        let error = self.open().expect_err("the data is broken");
        let folder = format!("{}/", self.folder.path().display());
        error.to_string().replace(&folder, "")
    }
}

pub fn entity(snapshot: &Snapshot, name: &str) -> EntityId {
    snapshot.schema().find_entity(name).unwrap()
}

pub fn edge(snapshot: &Snapshot, name: &str) -> EdgeId {
    snapshot.schema().find_edge(name).unwrap()
}

pub fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap()
}

/// An .npy file of version 1.
pub fn npy(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// As they stand in such a file.
pub fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// SplitMix64.
pub fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
