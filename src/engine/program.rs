//! A program, ready to run.

#[cfg(feature = "cli")]
use super::stages;
use super::world::World;
use super::{CompileError, Engine};
use crate::answer::Ask;
use crate::catalog::schema::Schema;
use crate::check::modules::Modules;
use crate::check::{Assertion, Checked};
use crate::diag::Diagnostic;
use crate::exec::{self, Cache, Kept, Schedule};
use crate::expr::random::Hasher;
use crate::expr::{Expr, NodeId};
use crate::library::Unit;
use crate::ops::{Exposure, Graph, Limits};
use crate::optimize::{RULES, Rewritten, Rule};
use crate::plan::Plan;
use crate::request;
use crate::rounds;
use crate::source::{SourceId, Sources};
use crate::store::Snapshot;
use crate::types::{Key, Value};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// A checked and planned program. Cheap to clone, and run by many threads at once.
#[derive(Clone)]
pub struct Program {
    pub(super) inner: Arc<Planned>,
    pub(super) world: Arc<World>,
}

/// A program that was read with certain numbers.
pub(super) struct Planned {
    pub(super) checked: Checked,
    pub(super) plan: Plan,
    /// Of the program as written, when something asks for it.
    pub(super) schedule: OnceLock<Schedule>,
    /// What runs if no more than the answer is asked for.
    pub(super) rewritten: Rewritten,
    pub(super) rewrites: Rewrites,
    /// Which experiments requests are exposed to; none if it reads no arm.
    pub(super) exposure: Option<Exposure>,
    /// The operators that give no row whatever the data.
    pub(super) never: Vec<NodeId>,
    pub(super) warnings: Vec<Diagnostic>,
    pub(super) needs_viewer: bool,
    pub(super) text: Text,
    /// The same program with the numbers of further rounds; none where the budget forbids them.
    pub(super) raised: Mutex<HashMap<Vec<u64>, Option<Arc<Planned>>>>,
    pub(super) pass_size: OnceLock<usize>,
    /// Of a test.
    pub(super) assertions: Vec<Assertion>,
}

/// How the graph that runs comes of the one that is written.
#[derive(Clone)]
pub(super) struct Rewrites {
    pub(super) rules: Vec<&'static Rule>,
    /// The nodes of which an answer has the row numbers, instead of lists with keys and values; none: lists.
    pub(super) watched: Vec<NodeId>,
    /// The nodes of which an answer has what their models did with candidates.
    pub(super) logged: Vec<NodeId>,
    /// Rows of what it has in common with other programs.
    pub(super) kept: Option<Arc<Kept>>,
}

impl Default for Rewrites {
    fn default() -> Self {
        Rewrites {
            rules: RULES.iter().collect(),
            watched: Vec::new(),
            logged: Vec::new(),
            kept: None,
        }
    }
}

/// What a program was read from, to read it again with other numbers.
#[derive(Clone)]
pub(super) struct Text {
    pub(super) modules: Modules,
    pub(super) sources: Sources,
    pub(super) origin: Arc<Origin>,
    /// The number of the item that is a test.
    pub(super) test: Option<usize>,
    pub(super) max_rows: u64,
    /// Rows that its readings keep for later requests.
    pub(super) cache: Arc<Cache>,
}

/// A [`Unit`] that owns what it says.
pub(super) struct Origin {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) folder: Option<PathBuf>,
    pub(super) query: Option<String>,
    pub(super) session: Option<String>,
}

impl Origin {
    pub(super) fn of(unit: &Unit) -> Origin {
        Origin {
            name: unit.name.to_owned(),
            text: unit.text.to_owned(),
            folder: unit.folder.map(Path::to_owned),
            query: unit.query.map(str::to_owned),
            session: unit.session.map(str::to_owned),
        }
    }
}

impl Planned {
    pub(super) fn new(
        checked: Checked,
        snapshot: &Snapshot,
        plan: Plan,
        text: Text,
        assertions: Vec<Assertion>,
        rewrites: Rewrites,
    ) -> Self {
        let needs_viewer = needs_viewer(&checked) || assertions.iter().any(Assertion::reads_viewer);
        let exposure = exposure(&checked);
        let Rewrites { rules, watched, logged, kept } = &rewrites;
        let read_after = |graph: &Graph| read_after(&checked, graph, watched);
        let rewritten = |rules: &[&'static Rule]| {
            Rewritten::new(
                &checked,
                snapshot,
                rules,
                (watched, logged),
                read_after,
                &text.cache,
                kept.as_ref(),
            )
        };
        let mut running = rewritten(rules);
        let mut deciding = exposure.iter().flat_map(|exposure| exposure.deciding());
        let is_left_out = deciding.any(|id| !running.schedule.runs(id));
        drop(deciding);
        if is_left_out {
            // what decides whom an experiment is shown to does run
            running = rewritten(&[]);
        }
        Planned {
            exposure,
            never: running.nothings(),
            rewritten: running,
            rewrites,
            checked,
            plan,
            schedule: OnceLock::new(),
            warnings: Vec::new(),
            needs_viewer,
            text,
            raised: Mutex::default(),
            pass_size: OnceLock::new(),
            assertions,
        }
    }

    pub(super) fn schedule(&self) -> &Schedule {
        let schedule = || Schedule::new(&self.checked.graph, &self.checked.wanted());
        self.schedule.get_or_init(schedule)
    }

    /// What runs: what explains an answer, or stands for one, are rows of the program as written.
    pub(super) fn runs(&self, limits: Limits, ask: &Ask) -> (&Graph, &Schedule) {
        match limits.partial || ask.is_anything() {
            true => (&self.checked.graph, self.schedule()),
            false => (&self.rewritten.graph, &self.rewritten.schedule),
        }
    }
}

/// What tells to which experiments requests are exposed.
fn exposure(checked: &Checked) -> Option<Exposure> {
    let slots = (0..).zip(&checked.params);
    let arms = slots.filter_map(|(slot, param)| param.experiment.as_ref().map(|_| slot));
    Exposure::new(&checked.graph, &checked.roots(), &arms.collect::<Vec<u32>>())
}

/// The nodes whose rows are read after a run.
pub(super) fn read_after(checked: &Checked, ran: &Graph, watched: &[NodeId]) -> Vec<NodeId> {
    let mut read = rounds::read_after(checked, ran);
    read.extend(watched);
    read
}

impl Program {
    /// Entities, columns, edges and embeddings of the catalog that it was compiled for.
    pub fn schema(&self) -> &Schema {
        self.world.snapshot.schema()
    }

    /// Lints and other warnings.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.inner.warnings
    }

    /// The text and that of the files it imports, which diagnostics point into.
    pub fn sources(&self) -> &Sources {
        &self.inner.text.sources
    }

    /// The file of the program itself.
    pub(crate) fn source(&self) -> SourceId {
        self.inner.text.modules.all[0].source
    }

    /// Its parameters that have a default, with it.
    pub fn defaults(&self) -> Vec<(String, Value)> {
        request::defaults(&self.inner.checked, &self.world.snapshot)
    }

    /// Identifies what was compiled: the texts, the query, and values of tunables that were given.
    pub fn hash(&self) -> u64 {
        let mut hasher = Hasher::default();
        for (_, source) in self.sources().iter() {
            hasher.text(&source.text);
        }
        hasher.text(&self.inner.checked.query);
        for (name, value) in self.inner.text.modules.tunables.iter() {
            hasher.text(name).int(value.to_bits() as i64);
        }
        hasher.finish()
    }

    /// The typed operators.
    pub fn checked(&self) -> &Checked {
        &self.inner.checked
    }

    /// What the numbers left open became, in the order of [`Checked::autos`].
    pub fn plan(&self) -> &Plan {
        &self.inner.plan
    }

    /// The waves in which the operators run.
    pub fn schedule(&self) -> &Schedule {
        self.inner.schedule()
    }

    /// Forgets the rows that are kept because they are the same for all who ask alike: the next request
    /// takes as long as the first.
    pub fn forget(&self) {
        self.inner.text.cache.clear();
    }

    /// The same program, compiled for another engine: after [`Engine::reload`], say. Files that it imports are
    /// read again. An error carries what is wrong with it there.
    pub fn on(&self, engine: &Engine) -> Result<Program, CompileError> {
        let Origin { name, text, folder, query, session } = &*self.inner.text.origin;
        let unit = Unit {
            folder: folder.as_deref(),
            query: query.as_deref(),
            session: session.as_deref(),
            max_rows: self.inner.text.max_rows,
            tunables: Some(&self.inner.text.modules.tunables),
            ..Unit::new(name, text)
        };
        engine.compile_unit(&unit).into_program()
    }

    /// A number that tells what it does: equal for programs that differ in words alone.
    pub fn key(&self) -> u128 {
        let checked = self.checked();
        exec::key_of(&checked.graph, &checked.roots())
    }

    /// The same program where an answer has the row numbers of some nodes, which lead to its results or are them,
    /// instead of lists; what it has in common with other programs with the same `kept` runs once.
    pub(crate) fn watching(&self, watched: Vec<NodeId>, kept: Option<&Arc<Kept>>) -> Program {
        let rewrites = Rewrites { watched, kept: kept.cloned(), ..self.inner.rewrites.clone() };
        self.rewriting(self.inner.checked.clone(), rewrites)
    }

    /// The same program, whose answers say how probable it was that each row came to be there
    /// ([`Row::propensity`](crate::Row::propensity)).
    pub fn telling_propensities(&self) -> Program {
        let checked = Checked { tells_propensities: true, ..self.inner.checked.clone() };
        self.rewriting(checked, self.inner.rewrites.clone())
    }

    /// The same, with what its models did with their candidates: what a log says of a request.
    #[cfg(feature = "cli")]
    pub(crate) fn logging(&self) -> Program {
        let checked = Checked { tells_propensities: true, ..self.inner.checked.clone() };
        let logged = stages::nodes(&self.stages());
        self.rewriting(checked, Rewrites { logged, ..self.inner.rewrites.clone() })
    }

    /// The same program, where the graph that runs comes of the one that is written in another way.
    pub(super) fn rewriting(&self, checked: Checked, rewrites: Rewrites) -> Program {
        let Planned { plan, text, warnings, .. } = &*self.inner;
        let (plan, text, snapshot) = (plan.clone(), text.clone(), &self.world.snapshot);
        let planned = Planned::new(checked, snapshot, plan, text, Vec::new(), rewrites);
        let inner = Arc::new(Planned { warnings: warnings.clone(), ..planned });
        Program { inner, world: self.world.clone() }
    }

    /// The keys of all users of the catalog, in the order of its table.
    pub fn users(&self) -> impl ExactSizeIterator<Item = Key> + '_ {
        let snapshot = &self.world.snapshot;
        let viewer = snapshot.schema().viewer;
        (0..snapshot.schema().entity(viewer).rows).map(move |row| snapshot.key(viewer, row))
    }

    /// Whether a request has to say who asks.
    pub fn needs_viewer(&self) -> bool {
        self.inner.needs_viewer
    }
}

/// Whether anything that runs reads the viewer.
fn needs_viewer(checked: &Checked) -> bool {
    let nodes = checked.graph.reachable(&checked.roots());
    nodes.into_iter().any(|id| {
        let op = &checked.graph.get(id).op;
        op.name() == "user" || op.exprs().into_iter().any(Expr::reads_viewer)
    })
}

/// The node of another reading of a program that stands for one of the first: that of the same operator at the same
/// place. Readings differ in numbers alone, which can make one node of two, or two of one.
pub(super) fn counterpart(first: &Graph, node: NodeId, other: &Graph) -> NodeId {
    let (name, span) = (first.get(node).op.name(), first.get(node).span);
    let is_same = |&id: &NodeId| {
        let other = other.get(id);
        other.span == span && other.op.name() == name
    };
    let here = Some(node).filter(|id| (id.0 as usize) < other.len());
    let all = (0..other.len() as u32).map(NodeId);
    here.into_iter().chain(all).find(is_same).unwrap_or(NodeId(0))
}
