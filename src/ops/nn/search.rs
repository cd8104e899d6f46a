//! Searches for the neighbours of rows, live or in precomputed lists.

use super::Nn;
use super::near::{AHEAD, Read};
use super::own::Own;
use super::pool::{Pool, Start, Starts, starts};
use crate::ann::{self, Hit, Lists, Query};
use crate::batch::{Held, Pace, RowBatch, discard};
use crate::catalog::schema::Schema;
use crate::expr::{Frame, Run};
use crate::ops::kit::allowed::{Allowed, Alone, Conditions};
use crate::ops::vectors::vectors_of;
use crate::ops::{Contributions, Exec, Quantity, RunError};
use foldhash::fast::FixedState;
use std::borrow::Cow;
use std::collections::HashMap;

/// So many rows, and half as many as are wanted, a search better leaves out as it goes than looks for others
/// among all: it goes that much further.
const LEFT_OUT: usize = 40;
/// So many rows a scan of all passes by: it comes across them in any case, and serves several requests.
const PASSED_BY: usize = 4_096;

/// What was found for every row of the input; rows that share a search share its hits.
struct Found<'a> {
    /// Of each row: which search; none for a row without a vector.
    search_of: Vec<Option<u32>>,
    hits: Vec<Vec<Hit>>,
    _held: Held<'a>,
}

impl Found<'_> {
    fn of(&self, row: usize) -> &[Hit] {
        self.search_of[row].map_or(&[], |search| &self.hits[search as usize])
    }
}

impl Nn {
    /// Whether neighbours that were found ahead can answer.
    pub fn reads_lists(&self, schema: &Schema) -> bool {
        let own = !self.exact
            && !self.include_self
            && self.from == self.to
            && self.viewer.is_none()
            && matches!(self.pool, Pool::None);
        let length = schema.embeddings[self.embedding as usize].neighbours;
        let enough = match self.k {
            Quantity::PerRequest(_) => true,
            _ => self.k.known().is_some_and(|k| k <= u64::from(length)),
        };
        own && length > 0 && enough
    }

    /// The neighbours of every row, in order.
    pub fn reach(&self, exec: &Exec, input: &RowBatch) -> Result<Contributions, RunError> {
        let schema = exec.run.snapshot.schema();
        let lists = exec.vectors.lists((self.embedding, self.to));
        match lists.filter(|_| self.reads_lists(schema)) {
            Some(lists) => self.read(exec, input, lists),
            None => Ok(contributions(input, &self.search(exec, input)?)),
        }
    }

    /// The neighbours that were found ahead; where they are too few, those of a search.
    fn read(
        &self,
        exec: &Exec,
        input: &RowBatch,
        lists: &Lists,
    ) -> Result<Contributions, RunError> {
        let mut read = Read::default();
        let k = self.k.per_request(exec.run);
        let min = self.least_similarity(exec.run);
        let conditions = self.conditions(exec.run);
        let pace = Pace::new(exec.run.stop);
        let mut held = exec.hold("nn", input.len() * 8)?;
        for (request, &k) in k.iter().enumerate() {
            exec.check("nn", 0)?;
            let before = read.len();
            let most = usize::try_from(k).unwrap_or(usize::MAX).min(lists.length());
            let least = min.as_ref().map(|min| min[request]);
            let ids = &input.ids[input.range(request)];
            self.allowed(&conditions, exec.run, request, |allowed| {
                for (place, &id) in ids.iter().enumerate() {
                    if let Some(&next) = ids.get(place + AHEAD) {
                        lists.prefetch(next);
                    }
                    let made = (read.len() - before) as u64 > exec.limits.max_rows;
                    if made || pace.is_due_before(100 + 10 * most) || !read.reserve(&mut held, most)
                    {
                        break;
                    }
                    read.add(lists.of(id), k, least, allowed);
                }
            });
            exec.check("nn", (read.len() - before) as u64)?;
            if read.rows() < input.range(request).end {
                return Err(RunError::Stopped);
            }
        }
        if !read.is_short.contains(&1) {
            return Ok(read.contributions(input));
        }
        let short = input.retain(&read.is_short);
        let found = self.search(exec, &short)?;
        Ok(read.with(input, (0..short.len()).map(|row| found.of(row))))
    }

    /// What a request may find.
    fn allowed<R>(
        &self,
        conditions: &Conditions,
        run: &Run,
        request: usize,
        then: impl FnOnce(Option<&Allowed>) -> R,
    ) -> R {
        if conditions.needs_no_run(request) {
            return then(conditions.of(request).as_ref());
        }
        let sets = Alone::new(run, request, &self.keep);
        let alone = run.of_requests(&[request as u32], None, &sets);
        then(self.conditions(&alone).of(0).as_ref())
    }

    fn least_similarity(&self, run: &Run) -> Option<Vec<f64>> {
        let min = self.min_similarity.as_ref()?;
        Some(Frame::requests(run).numbers(min))
    }

    fn search<'a>(&self, exec: &Exec<'a>, input: &RowBatch) -> Result<Found<'a>, RunError> {
        let nothing = || Found {
            search_of: vec![None; input.len()],
            hits: Vec::new(),
            _held: Held::default(),
        };
        let Some(space) = vectors_of(exec.run.snapshot, self.embedding, self.to) else {
            return Ok(nothing());
        };
        let Some(own) = vectors_of(exec.run.snapshot, self.own, self.from) else {
            return Ok(nothing());
        };
        let _starts = exec.hold("nn", input.len() * START_BYTES)?;
        let own = Own::new(exec.run, &own, self.viewer.as_ref());
        let starts = self.starts(exec, input, &own);
        exec.check("nn", 0)?;
        let k = self.k.per_request(exec.run);
        let min = self.least_similarity(exec.run);
        let conditions = self.conditions(exec.run);
        let scans = self.exact && !ann::prefers_flat(space.len());
        let few = |(request, &k): (usize, &u64)| {
            let few = usize::try_from(k).unwrap_or(0) / 2 + LEFT_OUT;
            conditions.few_left_out(request, if scans { few.max(PASSED_BY) } else { few })
        };
        let few: Vec<Option<Vec<u32>>> = k.iter().enumerate().map(few).collect();
        let left_out: usize = few.iter().flatten().map(Vec::len).sum();
        let _left_out = exec.hold("nn", left_out * size_of::<u32>())?;
        let excluded = starts.searches.iter().map(|start| {
            let own = start.exclude(&starts);
            match &few[start.request as usize] {
                Some(few) if !few.is_empty() => both(own, few).into(),
                _ => Cow::Borrowed(own),
            }
        });
        let excluded: Vec<Cow<[u32]>> = excluded.collect();
        let queries: Vec<Query> = starts
            .searches
            .iter()
            .zip(&excluded)
            .map(|(start, exclude)| Query {
                vector: &start.vector,
                exclude,
                k: usize::try_from(k[start.request as usize])
                    .unwrap_or(usize::MAX)
                    .min(space.len()),
                min_similarity: min.as_ref().map(|min| min[start.request as usize]),
            })
            .collect();
        let widest = queries.iter().map(|q| q.k as u64).max().unwrap_or(0);
        exec.check("nn", widest)?;
        let few = |request: usize| few[request].is_some();
        let mut held = exec.hold("nn", 0)?;
        let about = (&conditions, &few as &dyn Fn(usize) -> bool);
        let hits = self.hits(exec, &space, &starts.searches, &queries, about, &mut held)?;
        Ok(Found { search_of: starts.search_of, hits, _held: held })
    }

    /// Whether searches depend on the request, beside what it may find.
    pub fn per_request(&self) -> bool {
        self.min_similarity.is_some() || matches!(self.k, Quantity::PerRequest(_))
    }

    fn conditions<'a>(&'a self, run: &'a Run<'a>) -> Conditions<'a> {
        Conditions::new(run, self.to, &self.keep, &self.kept)
    }

    /// The distinct searches, in the order of their first use.
    fn starts<'a>(&self, exec: &Exec, input: &RowBatch, own: &Own<'_, 'a>) -> Starts<'a> {
        let itself = !self.include_self && self.from == self.to;
        if !matches!(self.pool, Pool::None) {
            return starts(exec.run, &self.pool, input, own, itself);
        }
        let conditions = self.conditions(exec.run);
        let per_request = self.per_request();
        let mut known: HashMap<_, u32, FixedState> = HashMap::default();
        let pace = Pace::new(exec.run.stop);
        let mut starts = Starts::default();
        for request in 0..input.requests() {
            let shared = !per_request && conditions.is_shared(request);
            for &id in &input.ids[input.range(request)] {
                if pace.is_due_before(100 + own.stored.dim / 4) {
                    starts.search_of.push(None);
                    continue;
                }
                let shared = shared && !own.is_found(request, id);
                let key = (id, (!shared).then_some(request));
                let search = known.get(&key).copied().or_else(|| {
                    let number = starts.searches.len() as u32;
                    starts.searches.push(Start {
                        vector: own.get(request, id)?,
                        request: request as u32,
                        itself: itself.then_some(id),
                    });
                    known.insert(key, number);
                    Some(number)
                });
                starts.search_of.push(search);
            }
        }
        starts
    }

    fn hits(
        &self,
        exec: &Exec,
        space: &ann::Vectors,
        searches: &[Start],
        queries: &[Query],
        (conditions, leaves_out): (&Conditions, &dyn Fn(usize) -> bool),
        held: &mut Held,
    ) -> Result<Vec<Vec<Hit>>, RunError> {
        let place = (self.embedding, self.to);
        let mut hits = vec![Vec::new(); queries.len()];
        let is_shared = |request| leaves_out(request) || conditions.is_shared(request);
        for (request, places) in groups(searches, is_shared) {
            let queries: Vec<Query> = places.iter().map(|&place| queries[place]).collect();
            // what is found, and what merges into rows of it
            let wanted: usize = queries.iter().map(|query| query.k).sum();
            exec.grow("nn", held, queries.len() * 48 + wanted * HIT_BYTES)?;
            let search = |allowed: Option<&Allowed>| {
                let (snapshot, stop) = (exec.run.snapshot, exec.run.stop);
                exec.vectors.search((snapshot, place), space, &queries, allowed, self.exact, stop)
            };
            let found = match leaves_out(request) {
                true => search(None),
                false => self.allowed(conditions, exec.run, request, search),
            };
            for (place, found) in places.into_iter().zip(found) {
                hits[place] = found;
            }
            if let Err(ended) = exec.check("nn", 0) {
                discard(hits);
                return Err(ended);
            }
        }
        Ok(hits)
    }
}

/// Rows of two ascending lists, ascending.
fn both(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut all = [a, b].concat();
    all.sort_unstable();
    all.dedup();
    all
}

/// Bytes that a row takes that is searched from: its search and its place among them.
const START_BYTES: usize = 120;
/// Bytes that a neighbour takes while it is found and when it is a contribution.
const HIT_BYTES: usize = 16 + 16;

/// The places of the searches that may find the same: those of requests that share it, with one of these
/// requests, and those of each other request.
fn groups(searches: &[Start], is_shared: impl Fn(usize) -> bool) -> Vec<(usize, Vec<usize>)> {
    let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut known = HashMap::new();
    for (place, search) in searches.iter().enumerate() {
        let request = search.request as usize;
        let key = (!is_shared(request)).then_some(request);
        let group = *known.entry(key).or_insert_with(|| {
            groups.push((request, Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(place);
    }
    groups
}

fn contributions(input: &RowBatch, found: &Found) -> Contributions {
    // the room that is charged, and no more
    let links = (0..input.len()).map(|row| found.of(row).len()).sum();
    let mut all = Contributions {
        offsets: vec![0],
        parents: Vec::with_capacity(links),
        ids: Vec::with_capacity(links),
        weights: Vec::with_capacity(links),
        ..Contributions::default()
    };
    for request in 0..input.requests() {
        for row in input.range(request) {
            let hits = found.of(row);
            all.parents.resize(all.parents.len() + hits.len(), row as u32);
            all.ids.extend(hits.iter().map(|hit| hit.row));
            all.weights.extend(hits.iter().map(|hit| hit.similarity));
        }
        all.offsets.push(all.ids.len() as u32);
    }
    all
}
