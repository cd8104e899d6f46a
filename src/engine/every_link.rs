//! Every link of an edge at a time, for what is learnt from them.

use super::run::Call;
use super::{CompileError, Engine};
use crate::answer::Ask;
use crate::batch::Column;
use crate::check::modules::Modules;
use crate::check::{Declaration, declarations};
use crate::diag::Sink;
use crate::expr::ir::EdgeExpr;
use crate::expr::links::{Links, Needs};
use crate::expr::{Run, gather};
use crate::library::Unit;
use crate::ops::{Limits, RunError};
use crate::request::Request;
use crate::source::Sources;
use crate::stream::in_order;
use foldhash::HashMap;

/// Entities whose links are gathered together.
const BLOCK: u32 = 4096;

/// The links of an edge by the row they start from: of one row in the order of time, those without a time first, ties and
/// links of an edge without times as listed.
#[derive(Debug, Default)]
pub(crate) struct EveryLink {
    /// Where the links of each row begin; one more at the end.
    pub offsets: Vec<u64>,
    pub ends: Vec<u32>,
    /// Microseconds since 1970; none if the edge has no times.
    pub times: Option<Vec<i64>>,
    /// None if every weight is 1.
    pub weights: Option<Vec<f64>>,
    /// Equal numbers for links with equal values of a column.
    pub groups: Option<Vec<u32>>,
    /// The value of each of these numbers, as bits.
    pub values: Vec<u64>,
}

/// What of the links is read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    pub weights: bool,
    /// The column that links are grouped by.
    pub column: Option<usize>,
}

impl Engine {
    /// What the files of a unit declare to be learnt. An error carries what is wrong with them; that something was not
    /// trained yet is no error.
    pub fn declarations(&self, unit: &Unit) -> Result<Vec<Declaration>, CompileError> {
        let (found, sink, sources) = self.declared(unit);
        match sink.has_errors() {
            false => Ok(found),
            true => Err(CompileError { diagnostics: sink.finish(), sources }),
        }
    }

    /// What of that can be read, and what is wrong with the files.
    pub(super) fn declared(&self, unit: &Unit) -> (Vec<Declaration>, Sink, Sources) {
        let mut sink = Sink::default();
        let loaded = self.library.load(unit, &mut sink);
        let mut modules = Modules::new(loaded.modules);
        modules.vocabulary = self.world.vocabulary.clone();
        modules.roots = loaded.roots;
        let (found, sink) = declarations(&self.world.snapshot, &modules, sink, unit.max_rows);
        (found, sink, loaded.sources)
    }

    /// The links that a request at `now` sees, of every entity that the edge starts from.
    pub(crate) fn every_link(
        &self,
        edge: &EdgeExpr,
        now: i64,
        wanted: Wanted,
        limits: Limits,
    ) -> Result<EveryLink, RunError> {
        let from = self.schema().entity(edge.from);
        let text = format!("all({}).take(1)", crate::syntax::print_name(&from.name));
        let program = self.compile(&text).expect("a program that takes one row");
        let requests = [Request::default()];
        let ask = Ask::default();
        let call = Call { program: &program.inner, requests: &requests, limits, ask: &ask, now };
        let blocks: Vec<(u32, u32)> = (0..from.rows)
            .step_by(BLOCK as usize)
            .map(|first| (first, from.rows.min(first + BLOCK)))
            .collect();
        self.finished(call, |exec, _, _, _| {
            let mut all = EveryLink { offsets: vec![0], ..EveryLink::default() };
            all.times = edge.has_time.then(Vec::new);
            all.weights = (wanted.weights && edge.has_weight).then(Vec::new);
            all.groups = wanted.column.map(|_| Vec::new());
            let mut groups = Groups::default();
            let of_block = |&(first, end): &(u32, u32)| {
                let links = block(exec.run, edge, first..end, wanted);
                exec.check("train", 0).map(|()| ((end - first) as usize, links))
            };
            in_order(&blocks, of_block, |(rows, links)| {
                all.add(rows, links, wanted, &mut groups);
                Ok(())
            })?;
            all.values = groups.values();
            Ok(all)
        })
    }
}

/// The links of some rows, in order.
fn block(run: &Run, edge: &EdgeExpr, rows: std::ops::Range<u32>, wanted: Wanted) -> Links {
    let ids: Vec<u32> = rows.collect();
    let owners = vec![0; ids.len()];
    let starts =
        gather::Starts { ids: &ids, owners: &owners, ends: None, any: false, shared: None };
    let mut needs = Needs { time: edge.has_time, weight: wanted.weights, ..Needs::of(edge) };
    if let Some(column) = wanted.column {
        needs.columns[column] = true;
    }
    let links = gather::gather(run, edge, starts, &needs).listed(run.stop);
    let time = |link: usize| links.time.get(link).copied().unwrap_or_default();
    let mut places: Vec<u32> = (0..links.len() as u32).collect();
    // stable: ties stay as listed
    places.sort_by_key(|&place| (links.parent[place as usize], time(place as usize)));
    links.select(&places, links.order)
}

impl EveryLink {
    fn add(&mut self, rows: usize, links: Links, wanted: Wanted, groups: &mut Groups) {
        let before = self.ends.len() as u64;
        self.offsets.extend(links.offsets(rows).iter().skip(1).map(|&at| before + u64::from(at)));
        let count = links.len();
        self.ends.extend(links.to);
        if let Some(times) = &mut self.times {
            times.extend(links.time);
        }
        if let Some(weights) = &mut self.weights {
            match links.weight.is_empty() {
                true => weights.extend(std::iter::repeat_n(1.0, count)),
                false => weights.extend(links.weight),
            }
        }
        if let (Some(all), Some(column)) = (&mut self.groups, wanted.column) {
            all.extend(groups.of(links.columns[column].as_ref(), count));
        }
    }
}

/// Numbers of the values of a column, in the order in which they come.
#[derive(Default)]
struct Groups(HashMap<u64, u32>);

impl Groups {
    fn of(&mut self, column: Option<&Column>, links: usize) -> Vec<u32> {
        let bits = |link: usize| match column {
            Some(Column::I64(values)) => values[link] as u64,
            Some(Column::F64(values)) => values[link].to_bits(),
            Some(Column::Bool(values)) => u64::from(values[link]),
            Some(Column::Code(values)) => u64::from(values[link]),
            _ => 0,
        };
        (0..links).map(|link| self.number(bits(link))).collect()
    }

    /// By their numbers.
    fn values(self) -> Vec<u64> {
        let mut values = vec![0; self.0.len()];
        self.0.into_iter().for_each(|(bits, number)| values[number as usize] = bits);
        values
    }

    fn number(&mut self, bits: u64) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(bits).or_insert(next)
    }
}
