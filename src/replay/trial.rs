//! Programs that are run one after the other for the same requests.

use super::asked::list_of;
use super::metric::Metric;
use super::run::{Candidate, Setting};
use super::stats::{Share, Table};
use super::summary::{difference, visible_items};
use super::when::At;
use super::{Named, Replay, ReplayError};
use crate::engine::Engine;
use crate::exec::Kept;
use crate::types::Key;
use std::sync::Arc;

/// Requests with what there is to find, for one program after the other.
pub(crate) struct Trials<'a> {
    setting: Setting<'a>,
    /// Requests of a pass, whatever the program: what is kept of one serves the next.
    size: usize,
}

/// Why a program has no values.
pub(crate) enum Ended {
    /// It failed, or cannot be judged.
    Failed(ReplayError),
    /// Somebody asked for the end.
    Stopped,
}

impl From<ReplayError> for Ended {
    fn from(error: ReplayError) -> Self {
        Ended::Failed(error)
    }
}

/// The metrics of a program over some requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// Of every user who asks, of the metrics that are a mean over requests.
    shares: Vec<Share>,
    /// Places of these among all metrics, and values of the others.
    places: Vec<Result<usize, f64>>,
}

/// How a program differs from another over the users that both have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Compared {
    pub mean: f64,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// How probable a gain as large is if there were none.
    pub p: Option<f64>,
}

impl<'a> Trials<'a> {
    /// For a program and others of the same results.
    pub fn new(
        engine: &'a Engine,
        program: Named,
        replay: &'a Replay,
    ) -> Result<Trials<'a>, ReplayError> {
        let setting = Setting::new(engine, &[program], replay)?;
        Ok(Trials { size: engine.pass_size(program.1), setting })
    }

    /// By time, then by user.
    pub fn requests(&self) -> &[At] {
        &self.setting.plan.requests
    }

    /// The key of a user of these requests.
    pub fn key(&self, user: u32) -> Key {
        self.setting.key(user)
    }

    /// The users of the requests at some places.
    fn asking(&self, at: &[usize]) -> Vec<u32> {
        let mut users: Vec<u32> = at.iter().map(|&place| self.requests()[place].user).collect();
        users.sort_unstable();
        users.dedup();
        users
    }

    pub fn warnings(&self) -> &[String] {
        &self.setting.plan.warnings
    }

    /// Runs a program for the requests at some places.
    pub fn measure(
        &self,
        program: Named,
        at: &[usize],
        kept: Option<&Arc<Kept>>,
        is_stopped: &(dyn Fn() -> bool + Sync),
    ) -> Result<Measured, Ended> {
        let Setting { replay, entity, judged, .. } = &self.setting;
        let list = list_of(program, replay.list.as_deref())?;
        let candidate = [Candidate::keeping(program, replay, *entity, list, kept)];
        let go_on = || if is_stopped() { Err(Ended::Stopped) } else { Ok(()) };
        let (tallies, _) = self.setting.tally(&candidate, at, self.size, |_| go_on())?;
        let last = at.iter().map(|&place| self.requests()[place].time).max();
        let items = visible_items(&self.setting, last);
        let mut means = 0..;
        let value = |metric: &Metric| match metric.measure.is_of_run() {
            true => Err(tallies[0].of_run(metric, &items)),
            false => Ok(means.next().unwrap_or(0)),
        };
        let places = replay.metrics.iter().map(value).collect();
        let all = tallies[0].shares(replay.weight);
        let own = |user: u32| &all[user as usize * judged.len()..][..judged.len()];
        let shares = self.asking(at).into_iter().flat_map(own).copied().collect();
        Ok(Measured { shares, places })
    }
}

impl Measured {
    fn columns(&self) -> usize {
        self.places.iter().filter(|place| place.is_ok()).count()
    }

    fn table(&self) -> Table<'_> {
        Table { shares: &self.shares, metrics: self.columns() }
    }

    /// The value of every metric, in the order in which they are asked for.
    pub fn means(&self) -> Vec<f64> {
        let means = self.table().all();
        self.places.iter().map(|place| place.map_or_else(|value| value, |at| means[at])).collect()
    }

    /// The 95 % interval of every metric.
    pub fn intervals(&self) -> Vec<Option<(f64, f64)>> {
        let found = self.table().intervals();
        self.places.iter().map(|place| place.ok().and_then(|at| found[at])).collect()
    }

    /// How many users have a value of a metric.
    pub fn users(&self, metric: usize) -> usize {
        let counts = self.table().counts();
        self.places[metric].map_or(0, |at| counts[at])
    }

    /// How it differs from another in every metric.
    pub fn against(&self, other: &Measured) -> Vec<Compared> {
        let pairs = self.shares.iter().zip(&other.shares);
        let shares: Vec<Share> = pairs.map(|(own, other)| difference(own, other)).collect();
        let table = Table { shares: &shares, metrics: self.columns() };
        let (means, intervals, p) = (table.all(), table.intervals(), table.gains());
        let compared = |(own, other): (&Result<usize, f64>, &Result<usize, f64>)| match (own, other)
        {
            (Ok(at), _) => Compared { mean: means[*at], interval: intervals[*at], p: p[*at] },
            (Err(own), Err(other)) => Compared { mean: own - other, interval: None, p: None },
            (Err(own), Ok(_)) => Compared { mean: *own, interval: None, p: None },
        };
        self.places.iter().zip(&other.places).map(compared).collect()
    }
}
