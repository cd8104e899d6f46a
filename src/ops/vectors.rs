//! The vector indexes of a snapshot: per embedding and entity the codes of a small table, or the graph
//! of a large one; and where the catalog wants them, the neighbours of every row.

use super::kit::allowed::Allowed;
use crate::ann::{
    self, Among, Flat, FlatScratch, GRAPH_VERSION, Graph, GraphParams, Hit, Lists, Query, Scratch,
};
use crate::batch::Stop;
use crate::catalog::schema::{Learned, Metric};
use crate::store::{Blob, DataError, Progress, Silent, Snapshot};
use crate::types::EntityId;
use rayon::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::OnceLock;
use xxhash_rust::xxh3::xxh3_64;

/// Opened indexes, by embedding and entity.
#[derive(Default)]
pub struct Vectors {
    indexes: HashMap<Place, Index>,
    lists: HashMap<Place, Stored>,
}

/// An embedding and an entity that it has vectors of.
type Place = (u32, EntityId);

/// The neighbours of every row.
struct Stored {
    /// Borrows from `file`, and is dropped before it.
    lists: Lists<'static>,
    file: Blob,
}

enum Index {
    /// Made when it is first searched.
    Flat(OnceLock<Flat>),
    Graph(Opened),
    /// Opened when it is first searched, as not every program does; none if it cannot be.
    Later(OnceLock<Option<Opened>>),
}

struct Opened {
    /// Of the catalog; 0: what the graph finds right.
    ef: usize,
    /// Borrows from `image`, and is dropped before it.
    graph: Graph<'static>,
    image: Blob,
}

impl Index {
    /// The graph, if there is one.
    fn opened(&self, open: impl FnOnce() -> Option<Opened>) -> Option<&Opened> {
        match self {
            Index::Flat(_) => None,
            Index::Graph(opened) => Some(opened),
            Index::Later(opened) => opened.get_or_init(open).as_ref(),
        }
    }
}

/// Queries that are scanned for at once.
const SCANNED: usize = 64;

/// Queries of a task: enough to share a pass over the codes of a small table.
const TASK: usize = 24;

thread_local! {
    static SCRATCH: RefCell<(Vec<Scratch>, FlatScratch)> = RefCell::default();
}

impl Vectors {
    /// Opens every index of a snapshot, building those that are missing.
    pub fn open(snapshot: &Snapshot, progress: &dyn Progress) -> Result<Vectors, DataError> {
        let mut opened = Vectors::default();
        for (number, embedding) in snapshot.schema().embeddings.iter().enumerate() {
            for &entity in &embedding.entities {
                let number = number as u32;
                let Some(vectors) = vectors_of(snapshot, number, entity) else {
                    continue;
                };
                let place = (number, entity);
                // whoever names an old version waits a little
                let is_old = embedding.learned == Some(Learned::Superseded);
                let viewers = embedding.folded.is_some() && entity == snapshot.schema().viewer;
                let is_rare = viewers || embedding.learned == Some(Learned::Normalized);
                let index = if is_old || ann::prefers_flat(vectors.len()) {
                    Index::Flat(OnceLock::new())
                } else if is_rare {
                    Index::Later(OnceLock::new())
                } else {
                    Index::Graph(open(snapshot, place, &vectors, progress)?)
                };
                if embedding.neighbours > 0 {
                    let length = embedding.neighbours as usize;
                    let stored = stored(snapshot, place, &vectors, &index, length, progress)?;
                    opened.lists.insert(place, stored);
                }
                opened.indexes.insert(place, index);
            }
        }
        Ok(opened)
    }

    /// Maps all pages of indexes and neighbours.
    pub fn preload(&self) {
        for index in self.indexes.values() {
            if let Index::Graph(opened) = index {
                opened.image.preload();
            }
        }
        self.lists.values().for_each(|stored| stored.file.preload());
    }

    /// The neighbours of every row, if they were found ahead.
    pub fn lists(&self, place: Place) -> Option<&Lists<'_>> {
        self.lists.get(&place).map(|stored| &stored.lists)
    }

    /// The nearest rows of each query among those that are `allowed` (none: all), in `space`, the
    /// vectors of `entity`. They are the true ones if `exact`, and for small tables in any case.
    pub fn search(
        &self,
        (snapshot, place): (&Snapshot, Place),
        space: &ann::Vectors,
        queries: &[Query],
        allowed: Option<&Allowed>,
        exact: bool,
        stop: Stop,
    ) -> Vec<Vec<Hit>> {
        let is_due = || stop.is_due();
        let words = || allowed.map(|allowed| allowed.rows().words());
        let index = self.indexes.get(&place);
        if let Some(Index::Flat(flat)) = index {
            let flat = flat.get_or_init(|| Flat::new(space));
            let words = words();
            return in_tasks(queries, |queries, (_, scratch)| match is_due() {
                true => vec![Vec::new(); queries.len()],
                false => flat.search(space, queries, words, scratch),
            });
        }
        let later = || open(snapshot, place, space, &Silent).ok();
        match (index.filter(|_| !exact).and_then(|index| index.opened(later)), allowed) {
            (Some(Opened { graph, ef, .. }), None) => {
                in_tasks(queries, |queries, (scratches, _)| {
                    graph.search_many(space, queries, |k| width(graph, *ef, k), scratches, &is_due)
                })
            }
            (Some(Opened { graph, ef, .. }), Some(allowed)) => {
                among(graph, *ef, space, queries, allowed, &is_due)
            }
            (None, _) => ann::exact_search_until(space, queries, words(), &is_due),
        }
    }
}

/// Runs parts of the queries, each thread with scratch space that it keeps. It is taken, not borrowed: a
/// thread that waits for others may begin another search.
fn in_tasks<T: Send>(
    queries: &[Query],
    search: impl Fn(&[Query], &mut (Vec<Scratch>, FlatScratch)) -> Vec<T> + Sync,
) -> Vec<T> {
    let one = |queries: &[Query]| {
        let mut scratch = SCRATCH.take();
        let found = search(queries, &mut scratch);
        SCRATCH.set(scratch);
        found
    };
    if queries.len() <= TASK {
        return one(queries);
    }
    queries.par_chunks(TASK).flat_map_iter(one).collect()
}

/// How many nodes a search for `k` expands; `ef` is the catalog's, if it is not 0.
fn width(graph: &Graph, ef: usize, k: usize) -> usize {
    match ef {
        0 => Graph::default_ef(graph.metric(), k),
        ef => ef,
    }
}

/// Walks where enough rows pass, and scans for those queries that this does not serve.
fn among(
    graph: &Graph,
    ef: usize,
    space: &ann::Vectors,
    queries: &[Query],
    allowed: &Allowed,
    is_due: &(dyn Fn() -> bool + Sync),
) -> Vec<Vec<Hit>> {
    let among = Among {
        most: allowed.most(),
        known: allowed.known(),
        passes: &|rows, out| allowed.passes(rows, out),
    };
    let walked = in_tasks(queries, |queries, (scratches, _)| {
        let ef = |k| width(graph, ef, k);
        graph.search_many_among(space, queries, ef, &among, scratches, is_due)
    });
    let missing = walked.iter().zip(queries).filter(|(hits, _)| hits.is_none());
    let missing: Vec<Query> = missing.map(|(_, query)| *query).collect();
    if missing.is_empty() {
        return walked.into_iter().flatten().collect();
    }
    let words = Some(allowed.rows().words());
    // some at a time: the state of a scan grows with its queries
    let scanned = missing.chunks(SCANNED);
    let mut scanned = scanned.flat_map(|some| ann::exact_search_until(space, some, words, is_due));
    let hits = walked.into_iter().map(|hits| hits.or_else(|| scanned.next()));
    hits.map(Option::unwrap_or_default).collect()
}

fn open(
    snapshot: &Snapshot,
    place: Place,
    vectors: &ann::Vectors,
    progress: &dyn Progress,
) -> Result<Opened, DataError> {
    let ef = snapshot.schema().embeddings[place.0 as usize].ef as usize;
    let name = name("index", snapshot, place);
    let params = GraphParams::default();
    let key = key(snapshot, place, format_args!("{:?} {params:?} {GRAPH_VERSION}", vectors.metric));
    let image = snapshot.artifact(&name, key, || {
        let image = ann::build_graph(vectors, params, &|done, total| {
            progress.report(&name, done, total);
        });
        // an image that could not be made is empty, and reported when it is opened
        image.map(|image| image.as_bytes().to_vec()).unwrap_or_default()
    })?;
    // SAFETY: `image` is kept beside the graph and dropped after it (fields drop in order).
    let bytes = unsafe { forever(&image) };
    let graph = Graph::open_unverified(bytes).map_err(|why| unreadable(snapshot, &name, &why))?;
    Ok(Opened { ef, graph, image })
}

/// The neighbours of every row, found with care: they are searched once and read often.
fn stored(
    snapshot: &Snapshot,
    place: Place,
    vectors: &ann::Vectors,
    index: &Index,
    length: usize,
    progress: &dyn Progress,
) -> Result<Stored, DataError> {
    let name = name("neighbours", snapshot, place);
    let (metric, params) = (vectors.metric, GraphParams::default());
    let key = key(snapshot, place, format_args!("{metric:?} {params:?} {length} {GRAPH_VERSION}"));
    let file = snapshot.artifact(&name, key, || {
        let report = |done, total| progress.report(&name, done, total);
        match index {
            Index::Flat(flat) => {
                let flat = flat.get_or_init(|| Flat::new(vectors));
                let order: Vec<u32> = (0..vectors.len() as u32).collect();
                let search = |queries: &[Query]| {
                    in_tasks(queries, |queries, (_, scratch)| {
                        flat.search(vectors, queries, None, scratch)
                    })
                };
                ann::build_lists(vectors, length, &order, search, &report)
            }
            Index::Graph(Opened { graph, .. }) => {
                let ef = Graph::default_ef(graph.metric(), length) + length / 2;
                let search = |queries: &[Query]| {
                    in_tasks(queries, |queries, (scratches, _)| {
                        graph.search_many(vectors, queries, |_| ef, scratches, &|| false)
                    })
                };
                ann::build_lists(vectors, length, graph.rows(), search, &report)
            }
            Index::Later(_) => unreachable!("neighbours are found for embeddings of the catalog"),
        }
    })?;
    // SAFETY: `file` is kept beside the lists and dropped after them (fields drop in order).
    let bytes = unsafe { forever(&file) };
    let lists = Lists::open(bytes).map_err(|why| unreadable(snapshot, &name, &why))?;
    Ok(Stored { lists, file })
}

/// What a derived file is called.
fn name(what: &str, snapshot: &Snapshot, (embedding, entity): Place) -> String {
    let schema = snapshot.schema();
    let embedding = &schema.embeddings[embedding as usize].name;
    format!("{what}-{embedding}-{}", schema.entity(entity).name)
}

/// A hash of the vectors, and of how something is made of them.
fn key(snapshot: &Snapshot, (embedding, entity): Place, about: std::fmt::Arguments) -> u64 {
    let hash = snapshot.vectors_hash(embedding as usize, entity);
    xxh3_64(format!("{hash:?} {about}").as_bytes())
}

/// The bytes of a derived file, which is a read-only map and never changes.
///
/// # Safety
/// The file has to live as long as they are used.
unsafe fn forever(file: &Blob) -> &'static [u8] {
    // SAFETY: as said above
    unsafe { std::mem::transmute::<&[u8], &'static [u8]>(&file[..]) }
}

fn unreadable(snapshot: &Snapshot, name: &str, why: &str) -> DataError {
    let message = format!("the derived file `{name}` cannot be read: {why}");
    let error = DataError::new(snapshot.folder(), message);
    error.help("delete it; it is rebuilt on demand")
}

/// The vectors of an entity in an embedding, as the search wants them.
pub fn vectors_of(
    snapshot: &Snapshot,
    embedding: u32,
    entity: EntityId,
) -> Option<ann::Vectors<'_>> {
    let view = snapshot.vectors(embedding as usize, entity)?;
    let metric = match snapshot.schema().embeddings[embedding as usize].metric {
        Metric::Cosine => ann::Metric::Cosine,
        Metric::Dot => ann::Metric::Dot,
        Metric::L2 => ann::Metric::L2,
    };
    Some(ann::Vectors { data: view.data, dim: view.dim, metric, present: view.present })
}
