//! An open snapshot: the mapped file and everything that can be asked of it.

use super::layout::{
    AdjacencyLayout, Buf, ColumnLayout, HEADER, Header, Layout, Manifest, VectorLayout,
};
use super::learned::{self, Attached, Found, LearnedEdge};
use super::plain::{Plain, array};
use super::vectors::{Vectors, hash_of};
use super::view::{Adjacency, KeyView, VectorsView};
use crate::batch::ColumnView;
use crate::catalog::schema::{self, Embedding, Schema, Storage};
use crate::catalog::{DataError, DataWarning};
use crate::types::{EdgeId, EntityId, Floats, Key};
use memmap2::Mmap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// A snapshot of all data, mapped into memory. Column views, adjacencies and vectors borrow from
/// it without copying.
pub struct Snapshot {
    // Declared before the mapping that they point into.
    columns: Vec<Vec<ColumnView<'static>>>,
    link_columns: Vec<Vec<ColumnView<'static>>>,
    /// The views of lists' elements, which those of the lists point to.
    items: Vec<Arc<ColumnView<'static>>>,
    manifest: Manifest,
    /// Per embedding that was added, per entity of it.
    added: Vec<Vec<Vectors>>,
    /// The edges that were added.
    learned: Vec<LearnedEdge>,
    /// What was learnt, and what of it can be read.
    versions: Vec<Attached>,
    /// A hash of it.
    learned_hash: u64,
    /// Versions of the same folder that programs do not read: those of other roles.
    others: Vec<Arc<learned::Manifest>>,
    damaged: Vec<DataError>,
    header: Header,
    /// `0, 1, 2, ...` up to the largest table: column 0 of every entity, made when asked for.
    row_numbers: OnceLock<Vec<u32>>,
    stale: bool,
    built: bool,
    folder: PathBuf,
    map: Mmap,
}

/// Where the vectors of an entity are.
enum Place<'a> {
    Mapped(&'a VectorLayout),
    Added(&'a Vectors),
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("id", &self.manifest.id).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Maps all pages of its file, so that no request waits for one.
    pub fn preload(&self) {
        super::artifact::preload(&self.map);
    }

    /// Lets go of the pages that were read: they count as memory of the process, and come back when they are read again.
    /// Where the system cannot do it, nothing happens.
    pub fn let_go(&self) {
        super::artifact::let_go(&self.map);
    }

    /// Maps the file `snapshot` in `folder`. None if there is none, or it is damaged, truncated
    /// or of another format: then it must be built anew.
    pub(super) fn map(folder: &Path) -> Option<Snapshot> {
        Snapshot::map_file(&folder.join("snapshot"), folder)
    }

    /// The same of a file of another name, which stands for that in `folder`.
    pub(super) fn map_file(file: &Path, folder: &Path) -> Option<Snapshot> {
        let file = File::open(file).ok()?;
        // SAFETY: snapshots are never changed in place, only replaced by renaming another over them.
        // Who writes into one all the same ends those that read it (docs/catalog.md).
        let map = unsafe { Mmap::map(&file) }.ok()?;
        let header = Header::from_bytes(&map)?;
        let end = header.manifest_at.checked_add(header.manifest_len)?;
        if header.file_len != map.len() as u64
            || end != header.file_len
            || header.manifest_at < HEADER as u64
        {
            return None;
        }
        let text = &map[header.manifest_at as usize..];
        let manifest: Manifest =
            Some(text).filter(|t| xxh3_64(t) == header.manifest_hash).and_then(parse)?;
        let fits = |b: &super::layout::Buffer| {
            b.at.checked_add(b.len).is_some_and(|end| end <= header.manifest_at)
        };
        manifest.buffers.iter().all(fits).then_some(())?;
        let mut snapshot = Snapshot {
            columns: Vec::new(),
            link_columns: Vec::new(),
            items: Vec::new(),
            learned_hash: 0,
            manifest,
            added: Vec::new(),
            learned: Vec::new(),
            versions: Vec::new(),
            others: Vec::new(),
            damaged: Vec::new(),
            header,
            row_numbers: OnceLock::new(),
            stale: false,
            built: false,
            folder: folder.to_owned(),
            map,
        };
        snapshot.link_views();
        Some(snapshot)
    }

    /// Makes the views of all columns once, so that a list's view can point to that of its items.
    fn link_views(&mut self) {
        let layout = &self.manifest.layout;
        let mut items = Vec::new();
        let mut views =
            |columns: &[ColumnLayout]| columns.iter().map(|c| self.view(c, &mut items)).collect();
        let columns = layout.entities.iter().map(|e| views(&e.columns)).collect();
        let link_columns = layout.edges.iter().map(|e| views(&e.columns)).collect();
        (self.columns, self.link_columns, self.items) = (columns, link_columns, items);
    }

    /// A view with a lifetime that is only true inside of this struct; every function that hands
    /// one out shortens it to that of the borrow.
    fn view(
        &self,
        column: &ColumnLayout,
        kept: &mut Vec<Arc<ColumnView<'static>>>,
    ) -> ColumnView<'static> {
        match column {
            ColumnLayout::Key => ColumnView::Code(&[]),
            ColumnLayout::I64(b) => ColumnView::I64(self.forever(*b)),
            ColumnLayout::F64(b) => ColumnView::F64(self.forever(*b)),
            ColumnLayout::Bool(b) => ColumnView::Bool(self.forever(*b)),
            ColumnLayout::Code(b) => ColumnView::Code(self.forever(*b)),
            ColumnLayout::List { slots, items } => {
                let items = Arc::new(self.view(items, kept));
                // SAFETY: `self` keeps it, unmoved in its `Arc`, as long as the view is used.
                let view = unsafe { &*Arc::as_ptr(&items) };
                kept.push(items);
                ColumnView::List { slots: self.forever(*slots), items: view }
            }
            ColumnLayout::Vector(vectors) => ColumnView::Vector {
                dim: vectors.dim,
                data: match vectors.storage {
                    Storage::F32 => Floats::Single(self.forever(vectors.data)),
                    Storage::F16 => Floats::Half(self.forever(vectors.data)),
                },
                present: vectors.present.map(|p| self.forever(p)),
            },
        }
    }

    fn forever<T: Plain>(&self, buffer: Buf) -> &'static [T] {
        let values = self.buffer(buffer);
        // SAFETY: the mapping lives as long as `self`, and no view leaves with a longer life.
        unsafe { std::slice::from_raw_parts(values.as_ptr(), values.len()) }
    }

    fn bytes(&self, buffer: Buf) -> &[u8] {
        let b = &self.manifest.buffers[buffer];
        &self.map[b.at as usize..(b.at + b.len) as usize]
    }

    fn buffer<T: Plain>(&self, buffer: Buf) -> &[T] {
        // Buffers stand on 64-byte boundaries and are as long as was written.
        array(self.bytes(buffer)).unwrap_or_default()
    }

    fn layout(&self) -> &Layout {
        &self.manifest.layout
    }

    pub fn schema(&self) -> &Schema {
        &self.manifest.schema
    }

    /// A hash of the contents: the same data has the same id, wherever and whenever it was built.
    pub fn id(&self) -> &str {
        &self.manifest.id
    }

    /// A hash of what was learnt of the data, as far as it can be read.
    pub fn learned_hash(&self) -> u64 {
        self.learned_hash
    }

    /// A column of an entity. Column 0, its key, is the row numbers themselves.
    pub fn column(&self, entity: EntityId, column: usize) -> ColumnView<'_> {
        match &self.layout().entities[entity.0 as usize].columns[column] {
            ColumnLayout::Key => ColumnView::Code(self.rows_of(entity)),
            _ => self.columns[entity.0 as usize][column],
        }
    }

    fn rows_of(&self, entity: EntityId) -> &[u32] {
        let all = self.row_numbers.get_or_init(|| {
            let most = self.schema().entities.iter().map(|e| e.rows).max().unwrap_or(0);
            (0..most).collect()
        });
        &all[..self.schema().entity(entity).rows as usize]
    }

    /// A column of an edge, a value per link in listed order.
    pub fn link_column(&self, edge: EdgeId, column: usize) -> ColumnView<'_> {
        self.link_columns[edge.0 as usize][column]
    }

    /// The rows of both ends of each link, in listed order.
    pub fn ends(&self, edge: EdgeId) -> (&[u32], &[u32]) {
        match self.layout().edges.get(edge.0 as usize) {
            Some(layout) => (self.buffer(layout.from), self.buffer(layout.to)),
            None => self.learned(edge).ends(),
        }
    }

    /// The links of an edge by the row they come from, or by the row they go to (`reverse`).
    pub fn adjacency(&self, edge: EdgeId, reverse: bool) -> Adjacency<'_> {
        match self.layout().edges.get(edge.0 as usize) {
            Some(layout) => self.links(if reverse { &layout.reverse } else { &layout.forward }),
            None => self.learned(edge).adjacency(reverse),
        }
    }

    fn learned(&self, edge: EdgeId) -> &LearnedEdge {
        &self.learned[edge.0 as usize - self.layout().edges.len()]
    }

    /// The reverse of reference number `reference` of `entity`: for each row of the entity that
    /// it refers to, the rows that hold it, with the time of those.
    pub fn referrers(&self, entity: EntityId, reference: usize) -> Adjacency<'_> {
        self.links(&self.layout().entities[entity.0 as usize].referrers[reference])
    }

    fn links(&self, layout: &AdjacencyLayout) -> Adjacency<'_> {
        Adjacency {
            offsets: self.buffer(layout.offsets),
            target: self.buffer(layout.target),
            link: self.buffer(layout.link),
            time: layout.time.map(|b| self.buffer(b)),
            weight: layout.weight.map(|b| self.buffer(b)),
            latest: layout.latest,
        }
    }

    /// What was learnt, by kind, name and number.
    pub fn versions(&self) -> &[Attached] {
        &self.versions
    }

    /// Versions of the same folder that programs of this snapshot do not read: those of other roles.
    pub fn other_versions(&self) -> &[Arc<learned::Manifest>] {
        &self.others
    }

    /// What is wrong with versions that cannot be read at all, as nobody can tell what they are.
    pub fn damaged_versions(&self) -> &[DataError] {
        &self.damaged
    }

    /// Notes them.
    pub(super) fn set_other_versions(
        &mut self,
        others: Vec<Arc<learned::Manifest>>,
        damaged: Vec<DataError>,
    ) {
        (self.others, self.damaged) = (others, damaged);
    }

    /// Notes what was learnt.
    pub fn set_versions(&mut self, versions: Vec<Attached>) {
        let mut hash = Xxh3::new();
        for Attached { manifest, found, .. } in &versions {
            let (kind, of) = (manifest.kind.word(), manifest.entities.join("+"));
            let (label, weights) = (manifest.label(), &manifest.weights.xxh3);
            let is_usable = !matches!(found, Found::Unusable(_));
            hash.update(format!("{kind} {of} {label} {weights} {is_usable} ").as_bytes());
        }
        self.learned_hash = hash.digest();
        self.versions = versions;
    }

    /// Adds an edge that was learnt from it. The data stays the same, and so does the id.
    pub fn add_edge(&mut self, described: schema::Edge, links: LearnedEdge) {
        self.manifest.schema.edges.push(described);
        self.learned.push(links);
    }

    /// Adds an embedding that was learnt from it. The data stays the same, and so does the id.
    pub fn add_space(&mut self, described: Embedding, vectors: Vec<Vectors>) {
        self.manifest.schema.embeddings.push(described);
        self.added.push(vectors);
    }

    /// Puts other vectors in the place of those of an embedding that was learnt. They are a function of the version and
    /// of the data, so that what tells snapshots apart stays as it is.
    pub fn set_vectors(&mut self, embedding: u32, entity: EntityId, vectors: Vectors) {
        let embedding = embedding as usize;
        let described = &mut self.manifest.schema.embeddings[embedding];
        let Some(part) = described.entities.iter().position(|&e| e == entity) else { return };
        described.missing[part] = vectors.missing;
        let mapped = self.manifest.layout.embeddings.len();
        self.added[embedding - mapped][part] = vectors;
    }

    /// Adds an embedding that is not of the catalog, with the vectors of each of its entities. What is derived from
    /// them is kept in files like that of others; the snapshot becomes another, with an id of its own.
    pub fn add_embedding(&mut self, embedding: Embedding, vectors: Vec<Vectors>) {
        let mut hash = Xxh3::new();
        hash.update(self.manifest.id.as_bytes());
        hash.update(&serde_json::to_vec(&embedding).unwrap_or_default());
        vectors.iter().for_each(|v| hash.update(&v.hash().to_le_bytes()));
        self.manifest.id = format!("{:016x}", hash.digest());
        self.manifest.schema.embeddings.push(embedding);
        self.added.push(vectors);
    }

    /// The vectors of an entity in embedding number `embedding`; None if it is not in it.
    pub fn vectors(&self, embedding: usize, entity: EntityId) -> Option<VectorsView<'_>> {
        let layout = match self.vectors_at(embedding, entity)? {
            Place::Added(vectors) => return Some(vectors.view()),
            Place::Mapped(layout) => layout,
        };
        let present = layout.present.map(|b| self.buffer(b));
        Some(VectorsView {
            dim: layout.dim,
            data: match layout.storage {
                Storage::F32 => Floats::Single(self.buffer(layout.data)),
                Storage::F16 => Floats::Half(self.buffer(layout.data)),
            },
            present,
        })
    }

    fn vectors_at(&self, embedding: usize, entity: EntityId) -> Option<Place<'_>> {
        let entities = &self.schema().embeddings[embedding].entities;
        let part = entities.iter().position(|&e| e == entity)?;
        let mapped = &self.layout().embeddings;
        Some(match mapped.get(embedding) {
            Some(layouts) => Place::Mapped(&layouts[part]),
            None => Place::Added(&self.added[embedding - mapped.len()][part]),
        })
    }

    /// The string with that code; empty for codes that are none.
    pub fn string(&self, code: u32) -> &str {
        let ends: &[u64] = self.buffer(self.layout().strings.ends);
        let Some(&end) = ends.get(code as usize) else {
            return "";
        };
        let start = if code == 0 { 0 } else { ends[code as usize - 1] };
        let bytes = self.bytes(self.layout().strings.bytes).get(start as usize..end as usize);
        // Checked, not assumed: the file's contents are verified only on request.
        bytes.and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
    }

    /// How many strings there are; codes are below.
    pub fn strings(&self) -> u32 {
        self.buffer::<u64>(self.layout().strings.ends).len() as u32
    }

    /// The code of a string, if any column has it. Codes are in the order of the strings' bytes.
    pub fn code_of(&self, text: &str) -> Option<u32> {
        search(self.strings(), |code| self.string(code).cmp(text))
    }

    /// The keys of all rows of an entity.
    pub fn keys(&self, entity: EntityId) -> KeyView<'_> {
        let keys = self.layout().entities[entity.0 as usize].keys;
        match self.schema().entity(entity).key_type {
            crate::catalog::schema::KeyType::Int => KeyView::Int(self.buffer(keys)),
            crate::catalog::schema::KeyType::String => KeyView::Str(self.buffer(keys)),
        }
    }

    /// The key of a row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn key(&self, entity: EntityId, row: u32) -> Key {
        match self.keys(entity) {
            KeyView::Int(keys) => Key::Int(keys[row as usize]),
            KeyView::Str(keys) => Key::Str(self.string(keys[row as usize]).to_owned()),
        }
    }

    /// The row with that key. A key of the other type is no key of the entity.
    pub fn row_of(&self, entity: EntityId, key: &Key) -> Option<u32> {
        let order = self.layout().entities[entity.0 as usize].by_key.map(|b| self.buffer::<u32>(b));
        let row = |place: u32| order.map_or(place, |o| o[place as usize]);
        let found = match (self.keys(entity), key) {
            (KeyView::Int(keys), Key::Int(key)) => {
                search(keys.len() as u32, |place| keys[row(place) as usize].cmp(key))
            }
            (KeyView::Str(keys), Key::Str(key)) => {
                let code = self.code_of(key)?;
                search(keys.len() as u32, |place| keys[row(place) as usize].cmp(&code))
            }
            _ => None,
        };
        found.map(row)
    }

    /// The times from which the rows of an entity are visible, if it has such a column.
    pub fn times(&self, entity: EntityId) -> Option<&[i64]> {
        let time = self.schema().entity(entity).time?;
        match self.column(entity, time) {
            ColumnView::I64(times) => Some(times),
            _ => None,
        }
    }

    /// The latest of these times: a `now` that is not before it sees every row.
    pub fn newest_row(&self, entity: EntityId) -> Option<i64> {
        let table = self.schema().entity(entity);
        // microseconds of any calendar time are exact in a float
        table.columns[table.time?].stats.max.map(|max| max as i64)
    }

    /// A hash of the vectors of an entity in an embedding, for what is derived from them.
    pub fn vectors_hash(&self, embedding: usize, entity: EntityId) -> Option<u64> {
        let layout = match self.vectors_at(embedding, entity)? {
            Place::Added(vectors) => return Some(vectors.hash()),
            Place::Mapped(layout) => layout,
        };
        let hash = |buffer: Buf| self.manifest.buffers[buffer].xxh3;
        let present = layout.present.map(hash);
        Some(hash_of(layout.dim, layout.storage, hash(layout.data), present))
    }

    /// The vectors of an entity in an embedding, as a column.
    pub fn vector_column(&self, embedding: usize, entity: EntityId) -> Option<ColumnView<'_>> {
        let view = self.vectors(embedding, entity)?;
        Some(ColumnView::Vector { dim: view.dim, data: view.data, present: view.present })
    }

    /// What `now = "latest"` is one microsecond after: the largest time of a link, or of a row where no
    /// link has one, that was not after the clock when the snapshot was built.
    pub fn latest(&self) -> Option<i64> {
        self.manifest.latest
    }

    /// The largest time of a link.
    pub fn newest_link(&self) -> Option<i64> {
        self.manifest.newest_link
    }

    /// What was left out or is doubtful in the data.
    pub fn warnings(&self) -> &[DataWarning] {
        &self.manifest.warnings
    }

    /// True if it was opened although the data has changed since.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// True if it was built when it was opened, and its warnings are new.
    pub fn was_built(&self) -> bool {
        self.built
    }

    pub(super) fn mark_built(&mut self) {
        self.built = true;
    }

    pub(super) fn mark_stale(&mut self) {
        self.stale = true;
    }

    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Ties files beside the snapshot to it.
    pub(super) fn manifest_hash(&self) -> u64 {
        self.header.manifest_hash
    }

    /// The files that it is made from, relative to the catalog's folder.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.manifest.sources.iter().map(|s| s.path.as_str())
    }

    /// The folder of derived files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.header.file_len
    }

    /// Compares every buffer with its checksum.
    pub fn verify(&self) -> Result<(), DataError> {
        use rayon::prelude::*;
        let damaged = self
            .manifest
            .buffers
            .par_iter()
            .enumerate()
            .find_first(|(i, b)| xxh3_64(self.bytes(*i)) != b.xxh3);
        match damaged {
            None => Ok(()),
            Some((_, buffer)) => {
                let message =
                    format!("the snapshot is damaged: wrong checksum at byte {}", buffer.at);
                let error = DataError::new(self.folder.join("snapshot"), message);
                Err(error.help("delete the file; `igql build` rebuilds it"))
            }
        }
    }
}

fn parse(text: &[u8]) -> Option<Manifest> {
    serde_json::from_slice(text).ok()
}

/// Binary search over places `0..n`.
fn search(n: u32, compare: impl Fn(u32) -> std::cmp::Ordering) -> Option<u32> {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low) / 2;
        match compare(middle) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return Some(middle),
        }
    }
    None
}
