//! `a | b`, `a & b`, `a - b`.

use super::bind::Bound;
use super::estimate::UNKNOWN_SHARE;
use super::kit::join::Join;
use super::kit::members::Ids;
use super::shape::Shape;
use super::{
    Becomes, Demand, Drawing, Effect, Exec, Explaining, Graph, Guess, Instance, Op, Part, Planning,
    Rewriting, RunError, Used,
};
use crate::batch::{
    BLOCK, Pace, RowBatch, Stop, arrange, blocks, extend_passing, place_of, sort_key, sorting,
};
use crate::catalog::schema::Schema;
use crate::expr::{Expr, NodeId};
use crate::types::NULL_CODE;
use foldhash::{HashMap, HashMapExt};
use std::sync::Arc;

/// `a - b`: rows of `a` that are not in `b`. Both must be of one entity.
pub fn difference(graph: &Graph, a: NodeId, b: NodeId) -> Bound {
    let shape = graph.shape(a).clone();
    Bound { op: Arc::new(Member::new(false)), inputs: vec![a, b], shape }
}

/// `a & b`: rows of `a` that are in `b`. Both must be of one entity.
pub fn intersection(graph: &Graph, a: NodeId, b: NodeId) -> Bound {
    let shape = graph.shape(a).clone().at_most(graph.shape(b).bound);
    Bound { op: Arc::new(Member::new(true)), inputs: vec![a, b], shape }
}

/// What is left out with `-` is seldom more than a part of the candidates.
const MOST: f64 = 0.8;

/// Keeps rows of the first input by whether the second has them.
#[derive(Debug, Hash)]
struct Member {
    wanted: bool,
    part: Part,
}

impl Member {
    fn new(wanted: bool) -> Member {
        Member { wanted, part: Part::ALL }
    }
}

impl Op for Member {
    fn name(&self) -> &'static str {
        if self.wanted { "&" } else { "-" }
    }

    fn details(&self, _: &Schema) -> String {
        String::new()
    }

    fn exprs(&self) -> Vec<&Expr> {
        Vec::new()
    }

    fn effect(&self) -> Effect {
        Effect::Narrows
    }

    fn part(&self) -> &Part {
        &self.part
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let (a, b) = (inputs[0], inputs[1]);
        let stop = exec.run.stop;
        let longest = (0..b.requests()).map(|r| b.range(r).len()).max();
        let sorting = sorting(longest.unwrap_or(0), None);
        let _held = exec.hold(self.name(), a.len() * 5 + longest.unwrap_or(0) * 4 + sorting)?;
        let most = self.part.most(exec.run);
        let (mut offsets, mut places) = (vec![0], Vec::new());
        for request in 0..a.requests() {
            let members = Ids::new(&b.ids[b.range(request)], stop);
            let most = most.as_ref().and_then(|most| usize::try_from(most[request]).ok());
            let end = most.unwrap_or(usize::MAX).saturating_add(places.len());
            for rows in blocks(a.range(request), BLOCK) {
                if places.len() >= end || stop.is_due() {
                    break;
                }
                let stays = |row: usize| members.has(a.ids[row]) == self.wanted;
                extend_passing(&mut places, rows, stays);
            }
            places.truncate(end);
            offsets.push(places.len() as u32);
        }
        exec.check(self.name(), 0)?;
        Ok(a.select_until(offsets, &places, &a.scores, stop))
    }
}

impl Planning for Member {
    fn estimate(&self, _: &dyn Guess, inputs: &[f64]) -> f64 {
        if self.wanted { inputs[0].min(inputs[1]) * UNKNOWN_SHARE } else { inputs[0] * MOST }
    }

    fn demand(&self, _: &dyn Guess, input: usize, wanted: Option<Demand>) -> Option<Demand> {
        let share = if self.wanted { UNKNOWN_SHARE } else { MOST };
        wanted.filter(|_| input == 0).map(|demand| demand.times(1.0 / share))
    }
}

impl Rewriting for Member {
    fn lets_filters_pass(&self) -> bool {
        true
    }

    fn becomes(&self, empty: &[bool]) -> Option<Becomes> {
        match (empty[0], empty[1]) {
            (true, _) => Some(Becomes::Nothing),
            (false, true) if self.wanted => Some(Becomes::Nothing),
            (false, true) => Some(Becomes::Input(0)),
            (false, false) => None,
        }
    }

    fn uses(&self, input: usize, own: &Used) -> Used {
        match input {
            0 => own.clone().of_all_rows(),
            _ => Used::members(),
        }
    }

    fn leaves_out(&self) -> bool {
        !self.wanted
    }

    /// The rows are looked at until there are enough.
    fn narrowed(&self, used: &Used) -> Option<Arc<dyn Instance>> {
        let part = self.part.fewer(used)?;
        let wanted = self.wanted;
        Some(Arc::new(Member { wanted, part }))
    }
}

impl Explaining for Member {}

/// `a | b`: rows of both; one that is in both has the larger score. `shape` is the joined shape.
pub fn union(graph: &Graph, a: NodeId, b: NodeId, shape: Shape) -> Bound {
    let join = Join::new(&shape, &[graph.shape(a), graph.shape(b)]);
    Bound { op: Arc::new(Union { join, part: Part::ALL }), inputs: vec![a, b], shape }
}

#[derive(Clone, Debug, Hash)]
struct Union {
    join: Join,
    /// What is used of the rows.
    part: Part,
}

impl Op for Union {
    fn name(&self) -> &'static str {
        "|"
    }

    fn details(&self, _: &Schema) -> String {
        String::new()
    }

    fn exprs(&self) -> Vec<&Expr> {
        Vec::new()
    }

    fn part(&self) -> &Part {
        &self.part
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let (a, b) = (inputs[0], inputs[1]);
        let mut union = RowBatch { offsets: vec![0], ..RowBatch::default() };
        // places in `a`, then in `b` counted on from the end of `a`
        let mut places = Vec::new();
        let most = self.part.most(exec.run);
        let _held = exec.hold("|", (a.len() + b.len()) * UNION_BYTES)?;
        let pace = Pace::new(exec.run.stop);
        for request in 0..a.requests() {
            let most = most.as_ref().map(|most| most[request]);
            let rows = self.used(merged(a, b, request, &pace), most, exec.run.stop);
            exec.check("|", 0)?;
            union.ids.extend(rows.iter().map(|r| r.id));
            union.scores.extend(rows.iter().map(|r| r.score));
            places.extend(rows.iter().map(|r| r.place));
            union.offsets.push(union.ids.len() as u32);
        }
        union.columns = self.join.gather(exec, "|", inputs, &places)?;
        Ok(union)
    }
}

impl Planning for Union {
    fn estimate(&self, _: &dyn Guess, inputs: &[f64]) -> f64 {
        inputs.iter().sum()
    }

    fn demand(&self, _: &dyn Guess, _: usize, wanted: Option<Demand>) -> Option<Demand> {
        wanted
    }

    fn whole(&self, exec: &Exec, inputs: &[&RowBatch], request: usize) -> Option<u64> {
        let pace = Pace::new(exec.run.stop);
        Some(merged(inputs[0], inputs[1], request, &pace).len() as u64)
    }

    fn counts_entities(&self) -> bool {
        true
    }
}

impl Rewriting for Union {
    fn unnamed(&self) -> Option<Arc<dyn Instance>> {
        Some(Arc::new(Union { join: Join::default(), ..self.clone() }))
    }

    fn hands_filters_on(&self) -> bool {
        true
    }

    fn uses(&self, input: usize, own: &Used) -> Used {
        // equal scores stand in the order of their branches
        let ordered = own.part.order || own.part.rows.is_some();
        let used = self.join.uses(input, own).of_all_rows();
        if ordered { used.in_order() } else { used.in_any_order() }
    }

    fn narrowed(&self, used: &Used) -> Option<Arc<dyn Instance>> {
        let part = self.part.narrowed(used)?;
        Some(Arc::new(Union { part, ..self.clone() }))
    }
}

impl Explaining for Union {
    fn passes(&self, _: usize) -> bool {
        true
    }

    fn mixes_scores(&self) -> bool {
        true
    }

    fn drawing(&self) -> Drawing<'_> {
        Drawing::Any
    }
}

impl Union {
    /// The rows in order by score, then by branch and position there, as far as they are used.
    fn used(&self, rows: Vec<Row>, most: Option<u64>, stop: Stop) -> Vec<Row> {
        if !self.part.order && most.is_none() {
            return rows;
        }
        let key = |(i, row): (usize, &Row)| sort_key(row.score, row.place, i as u32);
        let mut keys = Vec::new();
        arrange(rows.iter().enumerate().map(key), most, &mut keys, stop);
        let row = |&key: &u128| rows[place_of(key) as usize];
        keys.iter().map(row).collect()
    }
}

#[derive(Clone, Copy)]
struct Row {
    id: u32,
    score: f64,
    place: u32,
}

/// Bytes that each row takes on the way: itself twice, in the table of those that are known, its key while
/// it is sorted, and as it comes out.
const UNION_BYTES: usize = 2 * 24 + 40 + 32 + 16;

/// The rows of both; of one that is in both, the larger score and its side (ties: the first). If the run
/// has to end, some of them.
fn merged(a: &RowBatch, b: &RowBatch, request: usize, pace: &Pace) -> Vec<Row> {
    let row = |rows: &RowBatch, i: usize, base: usize| Row {
        id: rows.ids[i],
        score: rows.scores[i],
        place: (base + i) as u32,
    };
    let mut rows: Vec<Row> = a.range(request).map(|i| row(a, i, 0)).collect();
    let mut known: HashMap<u32, usize> = HashMap::with_capacity(rows.len());
    let places = rows.iter().enumerate().map(|(i, r)| (r.id, i));
    known.extend(places.take_while(|_| !pace.is_due_before(60)));
    for i in b.range(request) {
        if pace.is_due_before(60) {
            break;
        }
        let more = row(b, i, a.len());
        match known.get(&more.id) {
            Some(&place)
                if more.score > rows[place].score
                    || (rows[place].score.is_nan() && !more.score.is_nan()) =>
            {
                rows[place] = more;
            }
            Some(_) => {}
            None => {
                known.insert(more.id, rows.len());
                rows.push(more);
            }
        }
    }
    debug_assert!(rows.iter().all(|r| r.id != NULL_CODE));
    rows
}
