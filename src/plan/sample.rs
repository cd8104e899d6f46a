//! Shares of rows, measured: conditions are evaluated over some rows of the snapshot, each for one
//! of some viewers.

use crate::batch::{Column, Looks, Stop};
use crate::catalog::schema::{Now, Schema};
use crate::check::Parameter;
use crate::exec::Results;
use crate::expr::functions::Role;
use crate::expr::run::{Ends, Members, Memo};
use crate::expr::texts::{Keys, Texts};
use crate::expr::value::Val;
use crate::expr::{Expr, Frame, Kind, Run};
use crate::ops::Guess;
use crate::ops::estimate::UNKNOWN_SHARE;
use crate::store::Snapshot;
use crate::types::{EntityId, Key, NULL_CODE};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// Rows that a condition is evaluated over, in runs that lie together.
const ROWS: u32 = 512;
const RUN: u32 = 32;
/// Viewers that they are shared out among.
const VIEWERS: u32 = 16;
/// Looks at the clock that measuring may take: a condition that takes more, as one over the links of links
/// may, is not measured. They are counted, so that a plan does not depend on how fast the machine is.
const LOOKS: u64 = 300;
/// A row is seldom in a given set.
const IN_SET: f64 = 0.1;

/// Statistics of a snapshot, with the defaults of a program's parameters.
pub struct Sample<'a> {
    snapshot: &'a Snapshot,
    params: &'a [Parameter],
    scale: Cell<f64>,
    /// By the address of the condition, which lives as long as the program.
    shares: RefCell<HashMap<(EntityId, usize), f64>>,
}

impl<'a> Sample<'a> {
    pub fn new(snapshot: &'a Snapshot, params: &'a [Parameter]) -> Self {
        Sample { snapshot, params, scale: Cell::new(1.0), shares: RefCell::default() }
    }

    pub fn set_scale(&self, scale: f64) {
        self.scale.set(scale);
    }

    /// Runs `f` as requests of those viewers would, at the end of what the snapshot has.
    fn with_run<R>(&self, viewers: Vec<u32>, f: impl FnOnce(&Run) -> R) -> R {
        let (texts, keys) = (Texts::new(self.snapshot), Keys::new(self.snapshot));
        let nothing = Results::new(0);
        let looks = Looks::new();
        looks.cut_at(LOOKS);
        let mut run = Run {
            snapshot: self.snapshot,
            texts: &texts,
            keys: &keys,
            now: vec![self.now(); viewers.len()],
            params: Vec::new(),
            seeds: vec![0; viewers.len()],
            viewers,
            sets: &nothing,
            stop: Stop { looks: Some(&looks), ..Stop::default() },
            members: Members::default(),
            memo: Memo::default(),
            ends: Ends::default(),
            kept: None,
            past: None,
        };
        let params = self.params.iter().map(|param| default(param, &run));
        run.params = params.collect();
        f(&run)
    }

    /// Never the clock: a plan is the same tomorrow.
    fn now(&self) -> i64 {
        match self.schema().defaults.now {
            Now::At(time) => time,
            Now::Latest | Now::Clock => self.snapshot.latest().unwrap_or(0),
        }
    }

    fn measure(&self, entity: EntityId, condition: &Expr) -> f64 {
        if let Some(share) = in_set(condition) {
            return share;
        }
        if !condition.reads_only_the_entity() || !condition.sets().is_empty() {
            return UNKNOWN_SHARE;
        }
        let ids = spread(self.schema().entity(entity).rows, ROWS, RUN);
        let viewers = spread(self.schema().entity(self.schema().viewer).rows, VIEWERS, 1);
        if ids.is_empty() || viewers.is_empty() {
            return UNKNOWN_SHARE;
        }
        let (n, each) = (ids.len(), viewers.len());
        let owners: Vec<u32> = (0..n).map(|i| (i * each / n) as u32).collect();
        let passed = self.with_run(viewers, |run| {
            let frame = Frame { n, owners: &owners, ids: &ids, ..Frame::requests(run) };
            let passes = frame.condition(condition);
            let passed = passes.iter().filter(|&&ok| ok == 1).count();
            (!run.stop.is_due()).then_some(passed)
        });
        passed.map_or(UNKNOWN_SHARE, |passed| passed as f64 / n as f64)
    }
}

/// The default of a parameter for every request; null where it has none. Viewers are in their arms.
fn default(param: &Parameter, run: &Run) -> Column {
    if let Some(experiment) = &param.experiment {
        let viewer = run.snapshot.schema().viewer;
        let arm = |key: Option<Key>| {
            let arm = experiment.arm_of(&key?)?;
            Some(run.texts.code(&experiment.arms[arm].name))
        };
        let keys = run.keys.keys(viewer, &run.viewers).into_iter();
        return Column::Code(keys.map(|key| arm(key).unwrap_or(NULL_CODE)).collect());
    }
    match &param.default {
        Some(default) => Frame::requests(run).column(default),
        None => Val::null(&param.ty).into_column(run.requests()),
    }
}

/// Of a test of membership, what is to be expected; none for other conditions.
fn in_set(condition: &Expr) -> Option<f64> {
    match &condition.kind {
        Kind::InSet { .. } => Some(IN_SET),
        _ => Some(1.0 - in_set(&condition.as_call(Role::Not)?[0])?),
    }
}

/// About `n` of `rows` rows, in runs of `run` that are spread evenly; all if there are no more.
fn spread(rows: u32, n: u32, run: u32) -> Vec<u32> {
    if rows <= n {
        return (0..rows).collect();
    }
    let runs = u64::from(n / run);
    let starts = (0..runs).map(|i| (i * u64::from(rows - run) / (runs - 1).max(1)) as u32);
    starts.flat_map(|start| start..start + run).collect()
}

impl Guess for Sample<'_> {
    fn schema(&self) -> &Schema {
        self.snapshot.schema()
    }

    fn share(&self, entity: EntityId, condition: &Expr) -> f64 {
        let key = (entity, std::ptr::from_ref(condition) as usize);
        if let Some(&share) = self.shares.borrow().get(&key) {
            return share;
        }
        let share = self.measure(entity, condition);
        self.shares.borrow_mut().insert(key, share);
        share
    }

    fn default_of(&self, number: &Expr) -> Option<f64> {
        if !reads_defaults(self.params, number) {
            return None;
        }
        let found = self.with_run(vec![NULL_CODE], |run| Frame::requests(run).numbers(number)[0]);
        Some(found).filter(|n| *n >= 0.0)
    }

    fn scale(&self) -> f64 {
        self.scale.get()
    }
}

/// Whether an expression reads nothing but parameters that have a default.
fn reads_defaults(params: &[Parameter], expr: &Expr) -> bool {
    let mut only = true;
    expr.walk(&mut |part| match &part.kind {
        // those of queries that do not run are not there
        Kind::Param(slot, _) => {
            let param = params.get(*slot as usize);
            only &= param.is_some_and(|param| param.default.is_some());
        }
        Kind::Const(_) | Kind::Call { .. } | Kind::List(_) => {}
        _ => only = false,
    });
    only
}
