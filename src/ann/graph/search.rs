//! Searching a graph: walk in codes, re-score from the vectors, fall back to the scan when short.

use super::among::Asked;
use super::image::Opened;
use super::nodes::UNIFORM;
use super::walk::{Field, Pool, Terms, Walk, ordered, unordered};
use crate::ann::codes::{Meaning, distance_variance, product_variance};
use crate::ann::metric::Scorer;
use crate::ann::simd::{CodedQuery, Codes, Level};
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
    pub(super) walk: Walk,
    pub(super) probe: CodedQuery,
    pub(super) rows: Vec<u32>,
    pub(super) asked: Asked,
    decoded: Vec<f32>,
    scored: Vec<Hit>,
}

/// What a walk found.
#[derive(PartialEq)]
pub(super) enum Found {
    /// The rows to re-score.
    Enough,
    /// Rows of which codes do not tell whether others are nearer.
    Open,
    /// Fewer than there are, or so many that the scan takes no longer.
    Few,
}

/// Where the `k` best nodes by their codes end.
struct Last {
    score: i32,
    /// Scores of nodes that may be as near or no nearer.
    least: i32,
    most: i32,
}

/// Rows beyond the `k` nearest by their codes are re-scored as far as so many deviations of the codes' error.
const DEVIATIONS: f32 = 3.0;
/// How much wider the next walk is where codes do not tell nodes apart, and how wide it is at most.
const WIDER: usize = 8;
pub(super) const MOST_WIDTH: usize = 2_048;
/// So many of the rows that a query leaves out are reckoned with among the nearest, before a walk has shown it.
const SPARE: usize = 16;
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
        Graph { image, level: Level::detect() }
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

    /// The rows that a search can find, near ones one after the other.
    pub fn rows(&self) -> &'a [u32] {
        self.image.rows
    }

    /// Whether no row can be found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A pool that finds well over 99% of the true `k` nearest in catalogs of clustered vectors (a million
    /// rows of 64 dimensions, `k` = 50: 0.997). Where lengths differ a walk goes astray more easily, and is wider.
    pub fn default_ef(metric: Metric, k: usize) -> usize {
        match metric {
            Metric::Cosine => k / 2 + 40,
            Metric::L2 => k / 2 + 70,
            Metric::Dot => k + 80,
        }
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
        let walk = |scratch: &mut Scratch| self.fits(vectors) && self.walk(query, ef, scratch);
        walk_or_scan(vectors, query, None, walk, scratch, out);
    }

    /// Leaves candidate rows in the scratch; whether they are enough.
    fn walk(&self, query: &Query, ef: usize, scratch: &mut Scratch) -> bool {
        if self.is_empty() {
            scratch.rows.clear();
            return true;
        }
        self.encode(query, &mut scratch.probe);
        let (width, reach) = self.width(query, ef);
        scratch.walk.run(&self.field(), &scratch.probe, width, reach);
        self.settle(query, ef, scratch)
    }

    /// Leaves the rows that a walk found in the scratch, after wider walks where rows that are left out took the
    /// place of others, or where codes do not tell its nodes from those that it left out; whether they are enough.
    fn settle(&self, query: &Query, ef: usize, scratch: &mut Scratch) -> bool {
        let (mut width, _) = self.width(query, ef);
        let mut found = self.collect_all(query, scratch);
        let is_short = found != Found::Enough || scratch.rows.len() < wanted(query.k);
        if query.exclude.len() > SPARE && is_short {
            let more = query.exclude.len() - SPARE;
            width = width.saturating_add(more).min(self.nodes());
            let reach = ef.saturating_add(query.exclude.len());
            let Scratch { walk, probe, .. } = &mut *scratch;
            walk.run(&self.field(), probe, width, reach);
            found = self.collect_all(query, scratch);
        }
        // who asks for less than is usual asks for speed
        let widens = ef >= Graph::default_ef(self.metric(), query.k);
        let most = MOST_WIDTH.min(self.nodes() / 8);
        while widens && found == Found::Open && width < most {
            width = most.min(WIDER * width);
            let Scratch { walk, probe, .. } = &mut *scratch;
            walk.run(&self.field(), probe, width, width);
            found = self.collect_all(query, scratch);
        }
        found == Found::Enough || (!widens && found == Found::Open)
    }

    pub(super) fn encode(&self, query: &Query, probe: &mut CodedQuery) {
        self.image.quantizer.encode_query(query.vector, probe);
    }

    /// How many nodes a walk keeps, and how many of them it expands.
    pub(super) fn width(&self, query: &Query, ef: usize) -> (usize, usize) {
        let nodes = self.nodes();
        let spare = query.exclude.len().min(SPARE);
        let width = ef.max(wanted(query.k)).saturating_add(spare).min(nodes);
        (width, ef.saturating_add(spare).min(nodes))
    }

    /// What a query finds whose walk is done.
    pub(super) fn finish(
        &self,
        vectors: &Vectors,
        query: &Query,
        ef: usize,
        scratch: &mut Scratch,
        out: &mut Vec<Hit>,
    ) {
        let settle = |scratch: &mut Scratch| self.settle(query, ef, scratch);
        walk_or_scan(vectors, query, None, settle, scratch, out);
    }

    pub(super) fn field(&self) -> Field<'_> {
        let image = &self.image;
        let terms = |meanings: &'a [Meaning]| Terms {
            meanings: (!meanings.is_empty()).then_some(meanings),
        };
        let stride = image.stride;
        Field {
            level: self.level,
            codes: Codes::new(image.codes, stride),
            links: image.links,
            degree: image.degree,
            landmarks: image.landmarks,
            landmark_codes: Codes::new(image.landmark_codes, stride),
            landmark_terms: terms(image.landmark_meanings),
            cells: image.cells,
            terms: terms(image.meanings),
        }
    }

    fn collect_all(&self, query: &Query, scratch: &mut Scratch) -> Found {
        let Scratch { walk, probe, rows, .. } = scratch;
        let is_all = walk.pool.len() == self.nodes();
        let add = |_: usize, node: u32, rows: &mut Vec<u32>| {
            let found = self.rows_of(node).0.iter().copied();
            let found = found.filter(|&row| !query.excludes(row));
            rows.extend(found.take(self.most_rows(query, node)));
        };
        self.collect(query.k, is_all, &walk.pool, probe, rows, add)
    }

    /// Leaves the rows behind the best nodes, as far as codes do not tell that they are not among the `k`
    /// nearest. `is_all`: the pool lacks none; `add` adds the rows of the node at a place of the pool.
    #[inline]
    pub(super) fn collect(
        &self,
        k: usize,
        is_all: bool,
        pool: &Pool,
        probe: &CodedQuery,
        rows: &mut Vec<u32>,
        mut add: impl FnMut(usize, u32, &mut Vec<u32>),
    ) -> Found {
        rows.clear();
        let (mut last, mut open) = (None, true);
        for (place, (score, node)) in pool.scored().enumerate() {
            let is_beyond = |last: &Last| score < last.least;
            if rows.len() >= wanted(k) && last.as_ref().is_some_and(is_beyond) {
                open = false;
                break;
            }
            add(place, node, rows);
            if rows.len() > self.len() / 4 + wanted(k) {
                return Found::Few; // the scan takes no longer
            }
            if last.is_none() && rows.len() >= k {
                last = Some(self.last(probe, score, node));
            }
        }
        match last {
            None if is_all => Found::Enough,
            None => Found::Few,
            Some(last) if open && !is_all && self.is_doubtful(k, &last, pool) => Found::Open,
            Some(_) => Found::Enough,
        }
    }

    /// Whether so many of the `k` that were found may have to give way to nodes beyond the pool that it matters.
    fn is_doubtful(&self, k: usize, last: &Last, pool: &Pool) -> bool {
        let near = pool.scored().skip_while(|&(score, _)| score > last.most);
        let near = near.take_while(|&(score, _)| score >= last.score);
        let rows: usize = near.map(|(_, node)| self.rows_of(node).0.len()).sum();
        rows > k / 8 + 1
    }

    /// The `k`-th row by its code: rounding moves the difference of two scores by a deviation of which
    /// three are reckoned with.
    fn last(&self, probe: &CodedQuery, score: i32, node: u32) -> Last {
        let quantizer = &self.image.quantizer;
        let (square, deviations) = (probe.square() as f32, DEVIATIONS * quantizer.error);
        let Some(&meaning) = self.image.meanings.get(node as usize) else {
            // the error of the query is about the same for all that is near
            let doubt = (deviations * (square / 6.0).sqrt()) as i32;
            return Last {
                score,
                least: score.saturating_sub(doubt),
                most: score.saturating_add(doubt),
            };
        };
        // a score is in codes of the query, and twice a product or about the negative squared distance
        let (value, codes) = (unordered(score), probe.weight);
        let deviation = if self.metric() == Metric::Dot {
            let query = Meaning { step: 1.0, square };
            2.0 * (2.0 * product_variance(query, meaning)).sqrt()
        } else {
            let distance = square / codes.powi(2) - value / codes;
            let steps = [meaning.step, 1.0 / codes];
            codes * (2.0 * distance_variance(distance, steps, quantizer.dim)).sqrt()
        };
        Last {
            score,
            least: ordered(value - deviations * deviation),
            most: ordered(value + deviations * deviation),
        }
    }

    #[inline]
    pub(super) fn nodes(&self) -> usize {
        self.image.offsets.len() - 1
    }

    /// How many rows of a node can be among the best: of rows with one and the same vector the lowest
    /// `k` come first.
    #[inline]
    pub(super) fn most_rows(&self, query: &Query, node: u32) -> usize {
        match self.rows_of(node) {
            (_, true) => query.k,
            (rows, false) => rows.len(),
        }
    }

    pub(super) fn image(&self) -> &Opened<'a> {
        &self.image
    }

    #[inline]
    pub(super) fn rows_of(&self, node: u32) -> (&'a [u32], bool) {
        let offsets = &self.image.offsets[node as usize..][..2];
        let start = offsets[0] & !UNIFORM;
        let end = offsets[1] & !UNIFORM;
        (&self.image.rows[start as usize..end as usize], offsets[0] & UNIFORM != 0)
    }
}

/// Rows that are re-scored for `k`.
pub fn wanted(k: usize) -> usize {
    k.saturating_add(k / 8).saturating_add(4)
}

/// How many rows ahead their vectors are asked for.
const AHEAD: usize = 8;

/// The nearest rows that a walk finds, and where it does not find enough, those of an exact scan of
/// the rows that `present` has.
pub fn walk_or_scan(
    vectors: &Vectors,
    query: &Query,
    present: Option<&[u64]>,
    walk: impl FnOnce(&mut Scratch) -> bool,
    scratch: &mut Scratch,
    out: &mut Vec<Hit>,
) {
    out.clear();
    if query.k == 0 || !query.fits(vectors) {
        return;
    }
    let found = walk(scratch) && score(vectors, query, scratch, out);
    if !found {
        *out = exact_search(vectors, &[*query], present).pop().unwrap_or_default();
    }
}

/// Scores the rows of the scratch and leaves the best `k` of the query; whether all have a similarity.
pub(super) fn score(
    vectors: &Vectors,
    query: &Query,
    scratch: &mut Scratch,
    out: &mut Vec<Hit>,
) -> bool {
    let Scratch { rows, decoded, scored, .. } = scratch;
    scored.clear();
    let scorer = Scorer::new(vectors.metric, query.vector);
    for (i, &row) in rows.iter().enumerate() {
        if let Some(&next) = rows.get(i + AHEAD) {
            vectors.prefetch(next);
        }
        let vector = vectors.read(row, decoded);
        let Some(similarity) = vector.and_then(|vector| scorer.score(vector)) else {
            return false; // beyond 32 bits: rare enough for the scan to decide
        };
        if query.min_similarity.is_none_or(|least| similarity >= least) {
            scored.push(Hit { row, similarity });
        }
    }
    scored.sort_unstable_by(Hit::order);
    scored.truncate(query.k);
    // many more are scored than kept, and the answers of many searches are kept
    out.reserve_exact(scored.len());
    out.extend_from_slice(scored);
    true
}
