//! Searching a graph: walk in codes, re-score from the vectors, fall back to the scan when short.

use super::image::Opened;
use super::nodes::UNIFORM;
use super::walk::{Field, Terms, Walk};
use crate::ann::metric::Scorer;
use crate::ann::simd::{CodedQuery, Codes, Level, prefetch};
use crate::ann::{Hit, Metric, Query, Vectors, exact_search};

/// A graph over a byte image; opening copies nothing.
pub struct Graph<'a> {
    image: Opened<'a>,
    level: Level,
}

/// State of searches on one thread, reused so that they allocate nothing once warm. It may be used with
/// one graph after another.
#[derive(Default)]
pub struct Scratch {
    walk: Walk,
    probe: CodedQuery,
    rows: Vec<u32>,
}

impl<'a> Graph<'a> {
    /// Opens an image that [`build_graph`](super::build_graph) made. All of it is read once and checked.
    ///
    /// # Errors
    /// If the bytes are no image, are damaged, cut off, or do not lie at a multiple of 4 bytes. The
    /// message says what is wrong; the caller knows the file.
    pub fn open(bytes: &'a [u8]) -> Result<Graph<'a>, String> {
        let image = Opened::read(bytes)?;
        image.verify(bytes)?;
        Ok(Graph::over(image))
    }

    /// Opens an image of which only the head and the length are looked at, so that a file that is not in
    /// memory yet need not be read from end to end. For bytes that were verified before: on damaged ones
    /// a search stays within them but may panic.
    ///
    /// # Errors
    /// As [`Graph::open`], as far as the head shows it.
    pub fn open_unverified(bytes: &'a [u8]) -> Result<Graph<'a>, String> {
        Opened::read(bytes).map(Graph::over)
    }

    fn over(image: Opened<'a>) -> Graph<'a> {
        Graph {
            image,
            level: Level::detect(),
        }
    }

    /// Whether the graph can be one of `vectors`: metric, dimension and number of rows agree.
    pub fn fits(&self, vectors: &Vectors) -> bool {
        self.metric() == vectors.metric
            && self.image.quantizer.dim == vectors.dim
            && self.image.table_rows == vectors.len()
    }

    /// The metric it was built for.
    pub fn metric(&self) -> Metric {
        self.image.quantizer.metric
    }

    /// Rows that a search can find.
    pub fn len(&self) -> usize {
        self.image.rows.len()
    }

    /// Whether no row can be found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A pool that finds well over 99% of the true `k` nearest in catalogs of clustered vectors (a million
    /// rows of 64 dimensions, `k` = 50: 0.997).
    pub fn default_ef(k: usize) -> usize {
        k / 2 + 40
    }

    /// Leaves about the `k` nearest rows of the query in `out`, best first, with exact similarities.
    ///
    /// The best `ef` nodes seen are expanded (it may be less than `k`): more finds more of the true
    /// neighbours and takes longer. If
    /// the walk does not bring `k` rows although there are as many, or the graph does not fit the
    /// vectors, the answer is that of the exact scan. The rows returned depend on nothing but the
    /// vectors, the parameters of the build, the query and `ef`.
    pub fn search(
        &self,
        vectors: &Vectors,
        query: &Query,
        ef: usize,
        scratch: &mut Scratch,
        out: &mut Vec<Hit>,
    ) {
        out.clear();
        if query.k == 0 || !query.fits(vectors) {
            return;
        }
        let found = self.fits(vectors)
            && self.walk(query, ef, scratch)
            && score(vectors, query, &scratch.rows, out);
        if !found {
            *out = exact_search(vectors, &[*query], None)
                .pop()
                .unwrap_or_default();
        }
    }

    /// Leaves candidate rows in the scratch; whether they are enough.
    fn walk(&self, query: &Query, ef: usize, scratch: &mut Scratch) -> bool {
        let nodes = self.image.offsets.len() - 1;
        let spare = query.exclude.len();
        let width = ef.max(wanted(query)).saturating_add(spare).min(nodes);
        let reach = ef.saturating_add(spare).min(nodes);
        if nodes == 0 {
            return true;
        }
        self.image
            .quantizer
            .encode_query(query.vector, &mut scratch.probe);
        scratch
            .walk
            .run(&self.field(), &scratch.probe, width, reach);
        self.collect(query, scratch);
        scratch.rows.len() >= query.k || scratch.walk.pool.len() == nodes
    }

    fn field(&self) -> Field<'_> {
        let image = &self.image;
        let terms = |norms: &'a [i32]| Terms {
            norms: (!norms.is_empty()).then_some(norms),
        };
        let stride = image.stride;
        Field {
            level: self.level,
            codes: Codes::new(image.codes, stride),
            links: image.links,
            degree: image.degree,
            landmarks: image.landmarks,
            landmark_codes: Codes::new(image.landmark_codes, stride),
            landmark_terms: terms(image.landmark_norms),
            cells: image.cells,
            terms: terms(image.norms),
        }
    }

    /// The rows behind the best nodes: somewhat more than `k`, as codes do not order them exactly.
    fn collect(&self, query: &Query, scratch: &mut Scratch) {
        scratch.rows.clear();
        for node in scratch.walk.pool.nodes() {
            if scratch.rows.len() >= wanted(query) {
                break;
            }
            let (rows, uniform) = self.rows_of(node);
            let rows = rows.iter().copied().filter(|&row| !query.excludes(row));
            // of rows with one and the same vector, the lowest `k` come first
            scratch
                .rows
                .extend(rows.take(if uniform { query.k } else { usize::MAX }));
        }
    }

    fn rows_of(&self, node: u32) -> (&'a [u32], bool) {
        let offsets = &self.image.offsets[node as usize..][..2];
        let start = offsets[0] & !UNIFORM;
        let end = offsets[1] & !UNIFORM;
        (
            &self.image.rows[start as usize..end as usize],
            offsets[0] & UNIFORM != 0,
        )
    }
}

/// Rows that are re-scored for `k`.
fn wanted(query: &Query) -> usize {
    query.k.saturating_add(query.k / 8).saturating_add(4)
}

/// How many rows ahead their vectors are asked for.
const AHEAD: usize = 8;

/// Scores the rows and leaves the best `k` of the query; whether all have a similarity.
fn score(vectors: &Vectors, query: &Query, rows: &[u32], out: &mut Vec<Hit>) -> bool {
    let scorer = Scorer::new(vectors.metric, query.vector);
    for (i, &row) in rows.iter().enumerate() {
        if let Some(&next) = rows.get(i + AHEAD) {
            for value in (0..vectors.dim).step_by(16) {
                prefetch(vectors.data, next as usize * vectors.dim + value);
            }
        }
        let Some(similarity) = vectors.get(row).and_then(|vector| scorer.score(vector)) else {
            return false; // beyond 32 bits: rare enough for the scan to decide
        };
        if query.min_similarity.is_none_or(|least| similarity >= least) {
            out.push(Hit { row, similarity });
        }
    }
    out.sort_unstable_by(Hit::order);
    out.truncate(query.k);
    true
}
