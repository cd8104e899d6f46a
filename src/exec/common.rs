//! What is the same for all requests that ask alike, computed once for them.
//!
//! An operator is *common* if neither the viewer nor the seed makes a difference to its rows. Those that
//! lead to one place alone make up a [`Common`]: for requests of the same time that read the same values of
//! parameters it runs once, in this pass and, as far as its rows are [kept](Cache), in later ones.
//!
//! Viewers see themselves whatever their time: a request whose viewer is younger than it computes for
//! itself.
//!
//! Sharing never shows. What a request gets and what it is told is as if it had run alone; and so is what
//! counts towards its limits: rows and contributions are those of a single run, and memory is asked for as
//! such a run would need it, whether or not there was one.

use super::part::{Layer, Part};
use super::{Results, Schedule, Timing, run};
use crate::batch::{Column, Memory, RowBatch, Stop};
use crate::expr::run::Sets;
use crate::expr::{Expr, NodeId, Run, read};
use crate::ops::{Exec, Graph, Node, Notes, RunError, Shape, no_rows};
use crate::types::{NULL_CODE, NULL_INT, Type};
use foldhash::HashMap;
use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Common operators of whose rows others read those of the last alone, the root.
#[derive(Debug)]
pub struct Common {
    pub root: NodeId,
    /// Those that lead to it and run nowhere else.
    pub members: Vec<NodeId>,
    schedule: Schedule,
    /// The parameters that they read, and that what leads to them reads.
    params: Vec<(u32, Type)>,
    /// Tells it from others of the same cache.
    number: u64,
    cache: Arc<Cache>,
}

/// The common parts of a graph, of which the rows of `keep` are read from elsewhere.
pub fn find(
    graph: &Graph,
    reachable: &[NodeId],
    keep: &[NodeId],
    cache: &Arc<Cache>,
) -> Vec<Arc<Common>> {
    let kinds = kinds(graph, reachable, keep);
    let is_root = |id: &&NodeId| kinds[id.0 as usize] == Kind::Root;
    let mut told = Vec::new();
    let common = |&root: &NodeId| {
        let nodes = leading(graph, root, &kinds);
        let mut members = nodes.clone();
        // a table may lead to several, and rows may be read of it: it is told of once
        members
            .retain(|id| *id != root && !told.contains(id) && kinds[id.0 as usize] != Kind::Table);
        told.extend(&members);
        // what other roots read makes a difference, too
        let all = graph.reachable(&[root]);
        let mut params: Vec<(u32, Type)> = Vec::new();
        let exprs = all.iter().flat_map(|&id| exprs(graph.get(id)));
        for param in exprs.flat_map(Expr::params) {
            if !params.contains(&param) {
                params.push(param);
            }
        }
        Arc::new(Common {
            root,
            schedule: Schedule::of_nodes(graph, &nodes, root),
            members,
            params,
            number: cache.next.fetch_add(1, Ordering::Relaxed),
            cache: cache.clone(),
        })
    };
    reachable.iter().filter(is_root).map(common).collect()
}

/// By node, whether it is computed once for all who ask alike.
pub fn shared(graph: &Graph, reachable: &[NodeId]) -> Vec<bool> {
    let mut shared = alike(graph, reachable);
    for &id in reachable {
        shared[id.0 as usize] &= !is_table(graph.get(id));
    }
    shared
}

/// By node, whether it is the same for all who ask alike.
fn alike(graph: &Graph, reachable: &[NodeId]) -> Vec<bool> {
    let mut alike = vec![false; graph.len()];
    for &id in reachable {
        let node = graph.get(id);
        let needs = || node.needs().iter().all(|need| alike[need.0 as usize]);
        alike[id.0 as usize] = node.is_alike() && needs();
    }
    alike
}

/// Of a node, who computes it.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Every request for itself.
    Own,
    /// A table: every request, and every part that it leads to.
    Table,
    /// A part that others read, or a table that only they do.
    Member,
    /// Those who ask alike, together.
    Root,
}

fn kinds(graph: &Graph, reachable: &[NodeId], keep: &[NodeId]) -> Vec<Kind> {
    let alike = alike(graph, reachable);
    let mut kinds = vec![Kind::Own; graph.len()];
    let mut is_read = vec![false; graph.len()];
    let mut readers = vec![0; graph.len()];
    keep.iter().for_each(|id| is_read[id.0 as usize] = true);
    for &id in reachable {
        let mut needs = graph.get(id).needs().to_vec();
        needs.sort_unstable();
        needs.dedup();
        if alike[id.0 as usize] {
            kinds[id.0 as usize] = Kind::Member;
            needs.iter().for_each(|need| readers[need.0 as usize] += 1);
        } else {
            needs.iter().for_each(|need| is_read[need.0 as usize] = true);
        }
    }
    for &id in reachable {
        let (place, is_table) = (id.0 as usize, is_table(graph.get(id)));
        kinds[place] = match kinds[place] {
            Kind::Member if is_table && is_read[place] => Kind::Table,
            Kind::Member if !is_table && (is_read[place] || readers[place] > 1) => Kind::Root,
            kind => kind,
        };
    }
    kinds
}

/// Whether it is a table as it is, which costs no more than to copy it.
pub(super) fn is_table(node: &Node) -> bool {
    node.inputs.is_empty() && exprs(node).next().is_none()
}

/// All that is evaluated for a node.
pub(super) fn exprs(node: &Node) -> impl Iterator<Item = &Expr> {
    let op = &node.op;
    op.exprs().into_iter().chain(op.part().exprs())
}

/// A root and the nodes that lead to it, up to other roots.
fn leading(graph: &Graph, root: NodeId, kinds: &[Kind]) -> Vec<NodeId> {
    let mut nodes = vec![root];
    let mut open = graph.get(root).needs().to_vec();
    while let Some(id) = open.pop() {
        if kinds[id.0 as usize] != Kind::Root && !nodes.contains(&id) {
            nodes.push(id);
            open.extend(graph.get(id).needs());
        }
    }
    nodes.sort_unstable();
    nodes
}

impl Common {
    /// Whether nobody else reads the node.
    pub fn has(&self, id: NodeId) -> bool {
        self.members.contains(&id)
    }

    /// The rows of the root, of its members how many there are, for the requests of `mask`, or for all.
    pub fn run(
        &self,
        graph: &Graph,
        exec: &Exec,
        results: &Results,
        mask: Option<&[bool]>,
    ) -> Result<Vec<Timing>, RunError> {
        let started = Instant::now();
        let groups = self.groups(exec.run, exec.limits.max_rows, mask);
        let known = |group: &Group| self.known(group, exec.run.stop);
        let mut made: Vec<Option<Arc<Made>>> = groups.asked.iter().map(known).collect();
        for known in made.iter().flatten() {
            self.charge(graph, exec, known)?;
        }
        let missing: Vec<usize> = (0..made.len()).filter(|&g| made[g].is_none()).collect();
        let mut times = vec![Duration::ZERO; self.members.len()];
        if !missing.is_empty() {
            let first: Vec<u32> = missing.iter().map(|&g| groups.asked[g].first).collect();
            let new = self.make(graph, exec, results, &first, &mut times)?;
            for (&group, new) in missing.iter().zip(new) {
                let new = Arc::new(new);
                self.keep(graph, exec, &groups.asked[group], &new);
                made[group] = Some(new);
            }
        }
        let made: Vec<Arc<Made>> = made.into_iter().flatten().collect();
        let notes: Vec<&Notes> = made.iter().map(|made| &made.notes).collect();
        exec.note(&notes, &groups.of);
        let rows = spread(&made, &groups.of, graph.shape(self.root), exec.run.stop);
        let mut timings = self.told(&made, &groups.of, &times, results);
        let inner: Duration = times.iter().sum();
        timings.push(Timing {
            node: self.root,
            time: started.elapsed().saturating_sub(inner),
            rows: rows.len(),
        });
        let name = graph.get(self.root).op.name();
        exec.check(name, 0)?;
        if !results.put(self.root, rows, exec.run.stop) {
            exec.check(name, 0)?;
        }
        Ok(timings)
    }

    /// Notes how many rows the members had for each request, and what they did.
    fn told(
        &self,
        made: &[Arc<Made>],
        of: &[Option<usize>],
        times: &[Duration],
        results: &Results,
    ) -> Vec<Timing> {
        let told = |(place, (&node, &time)): (usize, (&NodeId, &Duration))| {
            let count = |group: &Option<usize>| group.map_or(0, |g| made[g].counts[place]);
            let counts = RowBatch::counting(of.iter().map(count));
            let rows = counts.offsets.last().map_or(0, |&rows| rows as usize);
            results.note(node, counts);
            Timing { node, time, rows }
        };
        let all = self.members.iter().zip(times).enumerate();
        all.map(told).collect()
    }

    /// Runs it for some requests, no two of which ask alike.
    fn make(
        &self,
        graph: &Graph,
        exec: &Exec,
        results: &Results,
        requests: &[u32],
        times: &mut [Duration],
    ) -> Result<Vec<Made>, RunError> {
        let outer = exec.run.stop.memory;
        let memory = outer.map(|all| Memory::within(all.limit(), all));
        let stop = Stop { memory: memory.as_ref(), ..exec.run.stop };
        let part = Part::new(results, requests, stop);
        let mut own = Results::new(graph.len());
        let (timings, notes) = {
            let layer = Layer::new(&own, &part);
            let run_alone = exec.run.of_requests(requests, None, &layer).until(stop);
            let inner = exec.within(&run_alone);
            let timings = run(graph, &self.schedule, &inner, &own, Some(&[self.root]))?;
            (timings, inner.notes())
        };
        let mut counts = vec![Vec::new(); requests.len()];
        for (&member, time) in self.members.iter().zip(times) {
            let timing = timings.iter().find(|timing| timing.node == member);
            *time = timing.map_or(Duration::ZERO, |timing| timing.time);
            for (request, counts) in counts.iter_mut().enumerate() {
                counts.push(own.rows(member).range(request).len() as u32);
            }
        }
        // what several needed together says nothing of one
        let most = memory.as_ref().map(Memory::most);
        let most = most.filter(|_| requests.len() == 1);
        own.give_back(stop);
        let rows = own.take(self.root);
        let of_one = |(request, (notes, counts))| Made {
            rows: match requests.len() {
                1 => rows.clone(),
                _ => Arc::new(rows.of_requests(&[request], stop)),
            },
            counts,
            notes,
            most,
        };
        let all = (0..).zip(notes.into_iter().zip(counts)).map(of_one);
        let all: Vec<Made> = all.collect();
        exec.check(graph.get(self.root).op.name(), 0)?;
        Ok(all)
    }

    /// Asks for the memory that it took to make rows that are there already.
    fn charge(&self, graph: &Graph, exec: &Exec, made: &Made) -> Result<(), RunError> {
        let name = graph.get(self.root).op.name();
        exec.hold(name, made.most.unwrap_or(0) as usize).map(drop)
    }

    /// Who asks alike.
    fn groups(&self, run: &Run, max_rows: u64, mask: Option<&[bool]>) -> Groups {
        let mut known: HashMap<Asked, usize> = HashMap::default();
        let mut groups = Groups::default();
        for request in 0..run.requests() {
            if mask.is_some_and(|mask| !mask[request]) {
                groups.of.push(None);
                continue;
            }
            let asked = self.asked(run, max_rows, request);
            let group = *known.entry(asked).or_insert_with_key(|asked| {
                let first = request as u32;
                groups.asked.push(Group { asked: asked.clone(), first });
                groups.asked.len() - 1
            });
            groups.of.push(Some(group));
        }
        groups
    }

    fn asked(&self, run: &Run, max_rows: u64, request: usize) -> Asked {
        let mut params = String::new();
        for (slot, ty) in &self.params {
            let value = read::value(run, &run.params[*slot as usize], ty, request);
            let _ = writeln!(params, "{value:?}");
        }
        Asked {
            number: self.number,
            now: run.now[request],
            params,
            max_rows,
            younger: younger(run, request),
        }
    }

    /// What is known from another pass; where memory is counted, with what it took.
    fn known(&self, group: &Group, stop: Stop) -> Option<Arc<Made>> {
        let kept = self.cache.lock();
        let made = kept.made.get(&group.asked).cloned();
        made.filter(|made| made.most.is_some() || stop.memory.is_none())
    }

    fn keep(&self, graph: &Graph, exec: &Exec, group: &Group, made: &Arc<Made>) {
        let limit = exec.run.stop.memory.map(Memory::limit);
        let lasts = made.most.is_some() == limit.is_some()
            && group.asked.younger.is_none()
            && is_stored(exec.run, graph.shape(self.root), &made.rows);
        if lasts {
            self.cache.keep(group.asked.clone(), made.clone(), limit);
        }
    }
}

/// The viewer of a request who is younger than it.
fn younger(run: &Run, request: usize) -> Option<u32> {
    let viewer = run.viewers[request];
    let times = run.snapshot.times(run.snapshot.schema().viewer)?;
    let time = times.get(viewer as usize).copied().unwrap_or(NULL_INT);
    (time > run.sees(request)).then_some(viewer)
}

/// Whether everything in the rows is of the snapshot: numbers of other strings and keys are those of one
/// pass.
pub(super) fn is_stored(run: &Run, shape: &Shape, rows: &RowBatch) -> bool {
    let known = |ty: &Type| match ty {
        Type::Id(entity) => run.snapshot.schema().entity(*entity).rows,
        _ => run.snapshot.strings(),
    };
    fn all_below(column: &Column, ty: &Type, known: &dyn Fn(&Type) -> u32) -> bool {
        match (column, ty) {
            (Column::Code(codes), ty) => {
                let known = known(ty);
                codes.iter().all(|&code| code < known || code == NULL_CODE)
            }
            (Column::List { items, .. }, Type::List(ty)) => all_below(items, ty, known),
            _ => true,
        }
    }
    let ids = known(&Type::Id(shape.entity));
    let columns = shape.columns.iter().zip(&rows.columns);
    rows.ids.iter().all(|&id| id < ids)
        && columns.into_iter().all(|(column, values)| all_below(values, &column.ty, &known))
}

/// The rows of every request, of the group that it is in.
fn spread(made: &[Arc<Made>], of: &[Option<usize>], shape: &Shape, stop: Stop) -> Arc<RowBatch> {
    let all = match (made, of) {
        ([], _) => return Arc::new(no_rows(shape, of.len())),
        ([one], [Some(_)]) => return one.rows.clone(),
        ([one], _) => one.rows.clone(),
        (many, _) => Arc::new(RowBatch::concat(many.iter().map(|made| &*made.rows))),
    };
    Arc::new(all.repeat(of.iter().copied(), stop))
}

/// The requests of a pass by what they ask.
#[derive(Default)]
struct Groups {
    asked: Vec<Group>,
    /// Of each request its group; none if it asks nothing.
    of: Vec<Option<usize>>,
}

struct Group {
    asked: Asked,
    /// One that asks it.
    first: u32,
}

/// All that makes a difference to common rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked {
    number: u64,
    now: i64,
    params: String,
    max_rows: u64,
    younger: Option<u32>,
}

/// What was made for one who asked.
#[derive(Debug)]
struct Made {
    rows: Arc<RowBatch>,
    /// How many rows each of the members had.
    counts: Vec<u32>,
    notes: Notes,
    /// Bytes that were held at one time; none if nobody counted.
    most: Option<u64>,
}

/// Rows that are kept for later passes: the oldest go where there are too many.
#[derive(Debug, Default)]
pub struct Cache {
    kept: Mutex<Kept>,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    made: HashMap<Asked, Arc<Made>>,
    /// Oldest first, each with its bytes.
    order: VecDeque<(Asked, usize)>,
    bytes: usize,
}

/// Bytes that are kept where memory has no limit.
const MOST: usize = 64 << 20;
/// Which part of the memory that a request may take is kept beside it.
const SHARE: u64 = 8;

impl Cache {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        *self.lock() = Kept::default();
    }

    fn keep(&self, asked: Asked, made: Arc<Made>, limit: Option<u64>) {
        let most = limit.map_or(MOST, |limit| MOST.min((limit / SHARE) as usize));
        let elements: usize = made.rows.elements().map(|(_, bytes)| bytes).sum();
        let bytes = made.rows.own_bytes() + elements + asked.params.len() + size_of::<Made>();
        if bytes > most {
            return;
        }
        let mut kept = self.lock();
        if kept.made.insert(asked.clone(), made).is_some() {
            return;
        }
        kept.order.push_back((asked, bytes));
        kept.bytes += bytes;
        while kept.bytes > most
            && let Some((oldest, bytes)) = kept.order.pop_front()
        {
            kept.made.remove(&oldest);
            kept.bytes -= bytes;
        }
    }
}
