//! How the snapshot file is laid out: a header of 64 bytes, the buffers, each on a 64-byte
//! boundary, and the manifest (JSON), which says where everything is.

use crate::catalog::DataWarning;
use crate::catalog::schema::{Schema, Storage};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Raised whenever files of before can no longer be read.
pub const FORMAT: u32 = 4;
pub const HEADER: usize = 64;
pub const ALIGN: u64 = 64;
const MAGIC: &[u8; 8] = b"IGQLSNAP";
/// Reads as another number on a machine of the other byte order.
const BYTE_ORDER: u32 = 0x0102_0304;

/// The fixed start of the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Header {
    pub file_len: u64,
    pub manifest_at: u64,
    pub manifest_len: u64,
    pub manifest_hash: u64,
}

impl Header {
    pub fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0u8; HEADER];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_ne_bytes());
        bytes[12..16].copy_from_slice(&BYTE_ORDER.to_ne_bytes());
        let numbers = [self.file_len, self.manifest_at, self.manifest_len, self.manifest_hash];
        for (at, n) in numbers.into_iter().enumerate() {
            bytes[16 + at * 8..24 + at * 8].copy_from_slice(&n.to_ne_bytes());
        }
        let hash = xxh3_64(&bytes[..56]);
        bytes[56..].copy_from_slice(&hash.to_ne_bytes());
        bytes
    }

    /// None if it is no header of this format.
    pub fn from_bytes(bytes: &[u8]) -> Option<Header> {
        let bytes: &[u8; HEADER] = bytes.get(..HEADER)?.try_into().ok()?;
        let number =
            |i: usize| bytes[16 + i * 8..].first_chunk().map_or(0, |b| u64::from_ne_bytes(*b));
        let header = Header {
            file_len: number(0),
            manifest_at: number(1),
            manifest_len: number(2),
            manifest_hash: number(3),
        };
        (header.to_bytes() == *bytes).then_some(header)
    }
}

/// Number of a buffer in the manifest.
pub type Buf = usize;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub id: String,
    pub schema: Schema,
    pub layout: Layout,
    pub buffers: Vec<Buffer>,
    pub sources: Vec<Source>,
    /// XXH3 of `catalog.toml`.
    pub catalog: u64,
    pub warnings: Vec<DataWarning>,
    /// The largest time of a link.
    pub newest_link: Option<i64>,
    /// The largest that was not after the clock when it was built, of links, or of rows if no link has
    /// a time.
    pub latest: Option<i64>,
    pub ties: Vec<Tie>,
}

/// Vectors by row, and the table whose rows they had when they were first read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tie {
    /// The file of vectors, relative to the catalog's folder.
    pub file: String,
    /// XXH3 of its contents, and of those of the table's files.
    pub vectors: u64,
    pub table: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Buffer {
    pub at: u64,
    pub len: u64,
    pub xxh3: u64,
}

/// A file that the snapshot was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Relative to the catalog's folder.
    pub path: String,
    pub size: u64,
    pub xxh3: u64,
}

/// Which buffer holds what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    pub strings: Strings,
    pub entities: Vec<EntityLayout>,
    pub edges: Vec<EdgeLayout>,
    /// Per embedding, per entity of it.
    pub embeddings: Vec<Vec<VectorLayout>>,
}

/// All distinct strings, sorted: `ends[i]` (u64) is where string `i` ends in `bytes`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Strings {
    pub ends: Buf,
    pub bytes: Buf,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntityLayout {
    /// Ints (i64) or codes of strings (u32), a row each.
    pub keys: Buf,
    /// The rows (u32) in the order of their keys, unless that is the order of the rows.
    pub by_key: Option<Buf>,
    pub columns: Vec<ColumnLayout>,
    /// The reverse of each reference.
    pub referrers: Vec<AdjacencyLayout>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeLayout {
    /// Rows (u32) of the ends of each link, in listed order.
    pub from: Buf,
    pub to: Buf,
    pub columns: Vec<ColumnLayout>,
    pub forward: AdjacencyLayout,
    pub reverse: AdjacencyLayout,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ColumnLayout {
    /// The key: a row's value is the row itself.
    Key,
    I64(Buf),
    F64(Buf),
    Bool(Buf),
    Code(Buf),
    List {
        slots: Buf,
        items: Box<ColumnLayout>,
    },
    Vector(VectorLayout),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VectorLayout {
    pub dim: usize,
    pub storage: Storage,
    pub data: Buf,
    /// A bit (of u64) per row, unless all rows have a vector.
    pub present: Option<Buf>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdjacencyLayout {
    pub offsets: Buf,
    pub target: Buf,
    pub link: Buf,
    pub time: Option<Buf>,
    pub weight: Option<Buf>,
    pub latest: i64,
}
