//! Running programs for the requests of a replay, and judging what they return.

use super::arms::{self, OfExperiment};
use super::asked::{counterfactual_objection, entity_of, list_of, objection};
use super::beside::{DefaultVectors, Popularity};
use super::counterfactual::{self, Estimates};
use super::foreknown::Foreknown;
use super::judge::{Beside, Judge, STAGE_CUT, STAGE_VALUES};
use super::links::{UserLinks, between};
use super::logged::ShownRows;
use super::metric::Metric;
use super::report::Report;
use super::source::Source;
use super::stages::{Stage, stages};
use super::summary;
use super::tally::Tally;
use super::truth::{Truth, Truths};
use super::users::Plan;
use super::when::At;
use super::{By, Logged, Named, Replay, ReplayError, Spot, When};
use crate::answer::Answer;
use crate::check::Experiment;
use crate::engine::{Engine, Flight, Program, RunOptions};
use crate::exec::Kept;
use crate::expr::NodeId;
use crate::request::{Request, unknown_arm};
use crate::rounds;
use crate::store::Snapshot;
use crate::stream::in_order;
use crate::types::{EntityId, Key};
use foldhash::HashMap;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What was found of one request of one program.
#[derive(Clone, Debug)]
pub struct Judgement<'a> {
    /// The place of the program.
    pub program: usize,
    /// Who asked.
    pub user: Key,
    /// When, in microseconds since 1970.
    pub time: i64,
    /// How much there was to find.
    pub truth: usize,
    /// How many rows there were.
    pub rows: usize,
    /// The value of every metric that is a mean over requests, in the order in which they are asked for; NaN where
    /// there is none.
    pub values: &'a [f64],
    /// The place of the request.
    place: usize,
    estimates: &'a [counterfactual::Found],
    first: &'a [u32],
    gains: &'a [(u32, f64)],
    /// The data, and the entity of the rows.
    of: (&'a Snapshot, EntityId),
}

impl Judgement<'_> {
    /// The keys of the first rows, as far as a metric looks.
    pub fn keys(&self) -> Vec<Key> {
        self.first.iter().filter_map(|&row| self.key(row)).collect()
    }

    /// The keys of what there was to find, each with its gain.
    pub fn gains(&self) -> Vec<(Key, f64)> {
        let all = self.gains.iter();
        all.filter_map(|&(row, gain)| Some((self.key(row)?, gain))).collect()
    }

    fn key(&self, row: u32) -> Option<Key> {
        let (snapshot, entity) = self.of;
        (row < snapshot.schema().entity(entity).rows).then(|| snapshot.key(entity, row))
    }
}

/// A program as it is replayed.
pub(super) struct Candidate<'a> {
    pub name: &'a str,
    pub program: Program,
    pub stages: Vec<Stage>,
    /// Places among what is watched: of the result, and of every stage.
    result: usize,
}

impl<'a> Candidate<'a> {
    fn new((name, program): Named<'a>, replay: &Replay, entity: EntityId, list: NodeId) -> Self {
        Candidate::keeping((name, program), replay, entity, list, None)
    }

    /// Of a trial: what it has in common with others runs once.
    pub fn keeping(
        (name, program): Named<'a>,
        replay: &Replay,
        entity: EntityId,
        list: NodeId,
        kept: Option<&Arc<Kept>>,
    ) -> Self {
        let stages = match replay.stages {
            true => stages(program, list, entity),
            false => Vec::new(),
        };
        let mut watched: Vec<NodeId> = stages.iter().map(|stage| stage.node).collect();
        let result = watched.iter().position(|&node| node == list).unwrap_or_else(|| {
            watched.push(list);
            watched.len() - 1
        });
        Candidate { name, program: program.watching(watched, kept), stages, result }
    }

    /// Requests as the program can run them: without arms that it does not have.
    fn fitted<'r>(&self, requests: &'r [Request]) -> Cow<'r, [Request]> {
        let declared = &self.program.checked().experiments;
        let is_foreign =
            |(name, arm): &(String, String)| unknown_arm(declared, name, arm).is_some();
        if !requests.iter().any(|request| request.arms.iter().any(is_foreign)) {
            return Cow::Borrowed(requests);
        }
        let mut requests = requests.to_vec();
        requests.iter_mut().for_each(|request| request.arms.retain(|arm| !is_foreign(arm)));
        Cow::Owned(requests)
    }

    fn rows<'r>(&self, answer: &'r Answer) -> &'r [u32] {
        &answer.watched[self.result]
    }

    fn stage_rows<'r>(&self, answer: &'r Answer) -> Vec<&'r [u32]> {
        let all = answer.watched.iter().map(Vec::as_slice);
        all.take(self.stages.len()).collect()
    }
}

/// What the whole replay has in common.
pub(super) struct Setting<'a> {
    pub engine: &'a Engine,
    pub replay: &'a Replay,
    pub entity: EntityId,
    pub plan: Plan,
    /// The metrics that are a mean over requests.
    pub judged: Vec<Metric>,
    gains: Vec<f64>,
    links: UserLinks,
    /// Of rates: the links of their edges.
    rates: HashMap<String, UserLinks>,
    popularity: Popularity,
    vectors: DefaultVectors<'a>,
    /// What was shown, where something is estimated from it.
    shown: ShownRows,
    /// The trained versions that know more than a request may.
    pub foreknown: Vec<Foreknown>,
}

impl Engine {
    /// Runs programs as of times in the past, and compares what they return with what users did next.
    ///
    /// # Errors
    /// If what is asked makes no sense for the catalog or the programs, or a request fails or hits a limit.
    pub fn replay(&self, programs: &[Named], replay: &Replay) -> Result<Report, ReplayError> {
        self.replay_each(programs, replay, |_| Ok(()))
    }

    /// The same, and hands on what was found of every request: in the order of requests, of each program in turn.
    ///
    /// # Errors
    /// As [`Engine::replay`], or what `each` returns.
    pub fn replay_each<E: From<ReplayError> + Send>(
        &self,
        programs: &[Named],
        replay: &Replay,
        each: impl FnMut(&Judgement) -> Result<(), E>,
    ) -> Result<Report, E> {
        let setting = Setting::new(self, programs, replay)?;
        let lists = programs.iter().map(|named| list_of(*named, replay.list.as_deref()));
        let lists = lists.collect::<Result<Vec<_>, _>>()?;
        let candidates = programs.iter().zip(lists);
        let candidates: Vec<Candidate> = candidates
            .map(|(named, list)| Candidate::new(*named, replay, setting.entity, list))
            .collect();
        setting.run(&candidates, each)
    }
}

impl<'a> Setting<'a> {
    pub fn new(
        engine: &'a Engine,
        programs: &[Named],
        replay: &'a Replay,
    ) -> Result<Setting<'a>, ReplayError> {
        let entity = entity_of(engine, programs, replay)?;
        let is_timed = !matches!(replay.when, When::TestSet(_));
        if let Some(message) = objection(replay, programs.len(), is_timed) {
            return Err(ReplayError::Usage(Spot::Requests, message));
        }
        counterfactual_objection(replay, programs)?;
        let mut plan = Plan::of(engine, replay, entity)?;
        let until = last_link(engine, replay, &plan);
        let source = Source { engine, beside: programs[0].1, entity, until, is_timed };
        let names: Vec<&str> = replay.truth.iter().map(|(name, _)| name.as_str()).collect();
        let truth = source.edges(&names)?;
        let links = source.links(&truth, &plan.users)?;
        plan.follow(replay, &links)?;
        let foreknown = Foreknown::of(programs, &plan.requests);
        plan.warnings.extend(foreknown.iter().map(|known| known.warning(plan.requests.len())));
        let judged: Vec<Metric> =
            replay.metrics.iter().filter(|m| !m.measure.is_of_run()).cloned().collect();
        let rates = source.rates(&judged, &plan.users)?;
        let popularity = source.popularity(&judged, &truth)?;
        let vectors = source.vectors(&judged)?;
        let gains = replay.truth.iter().map(|(_, gain)| *gain).collect();
        let shown = match &replay.counterfactual {
            Some(_) => ShownRows::of(engine, entity, plan.logged(replay)),
            None => ShownRows::default(),
        };
        Ok(Setting {
            engine,
            replay,
            entity,
            plan,
            judged,
            gains,
            links,
            rates,
            popularity,
            vectors,
            shown,
            foreknown,
        })
    }

    /// The experiments that requests were exposed to, where users are apart by their arms.
    fn experiments(&self, candidates: &[Candidate]) -> Vec<OfExperiment> {
        if self.replay.by != Some(By::Arm) {
            return Vec::new();
        }
        let requests = self.plan.requests.iter().map(|at| at.user);
        let requests = requests.zip(self.plan.logged(self.replay));
        let (users, metrics) = (self.plan.users.len(), self.judged.len());
        let requests: Vec<(u32, &Logged)> = requests.collect();
        let declared = declared(candidates);
        arms::experiments(requests.iter().copied(), &declared, users, metrics, candidates.len())
    }

    fn run<E: From<ReplayError> + Send>(
        &self,
        candidates: &[Candidate],
        mut each: impl FnMut(&Judgement) -> Result<(), E>,
    ) -> Result<Report, E> {
        let size = candidates.iter().map(|c| self.engine.pass_size(&c.program)).min();
        let all: Vec<usize> = (0..self.plan.requests.len()).collect();
        let mut arms = self.experiments(candidates);
        let asked = self.replay.counterfactual.as_ref();
        let estimates =
            |_: &Candidate| asked.map(|asked| Estimates::new(asked, self.plan.users.len()));
        let mut estimates: Vec<Option<Estimates>> = candidates.iter().map(estimates).collect();
        let (tallies, report) = self.tally(candidates, &all, size.unwrap_or(1), |found| {
            let user = self.plan.requests[found.place].user;
            if let Some(estimates) = &mut estimates[found.program] {
                estimates.add(user, found.estimates);
            }
            for experiment in &mut arms {
                let logged = &self.replay.when.logged()[self.plan.places[found.place]];
                experiment.add(found.program, user, logged, found.values);
            }
            each(found)
        })?;
        let found = summary::Found { tallies, arms, estimates };
        Ok(summary::finish(self, candidates, &found, report)?)
    }

    /// Runs all programs for the requests at some places, so many in a pass.
    pub fn tally<E: From<ReplayError> + Send>(
        &self,
        candidates: &[Candidate],
        places: &[usize],
        size: usize,
        mut each: impl FnMut(&Judgement) -> Result<(), E>,
    ) -> Result<(Vec<Tally>, Report), E> {
        let parts: Vec<&[usize]> = places.chunks(size).collect();
        let flight = Flight::of(parts.len());
        let mut tallies: Vec<Tally> = candidates.iter().map(|c| self.new_tally(c)).collect();
        let mut report = Report { requests: places.len() as u64, ..Report::default() };
        let mut done = 0;
        let judge =
            |part: &&[usize]| self.part(&flight, candidates, part).map_err(|e| E::from(e.into()));
        in_order(&parts, judge, |part| {
            done += part.truths.len();
            self.add(part, &mut tallies, &mut report, &mut each)?;
            self.replay.progress.report("requests", done as u64, places.len() as u64);
            Ok(())
        })?;
        Ok((tallies, report))
    }

    fn new_tally(&self, candidate: &Candidate) -> Tally {
        let items = self.engine.schema().entity(self.entity).rows as usize;
        let columns = self.judged.len() + STAGE_VALUES * candidate.stages.len();
        let (users, stages) = (self.plan.users.len(), candidate.stages.len());
        Tally::new(users, columns, &self.replay.metrics, &self.judged, stages, items)
    }

    /// Adds what was found of some requests.
    fn add<E>(
        &self,
        mut part: PartFound,
        tallies: &mut [Tally],
        report: &mut Report,
        each: &mut impl FnMut(&Judgement) -> Result<(), E>,
    ) -> Result<(), E> {
        for (at, (&place, truth)) in part.places.iter().zip(&part.truths).enumerate() {
            report.with_truth += u64::from(!truth.gains.is_empty());
            report.unreachable += truth.unreachable as u64;
            let At { time, user } = self.plan.requests[place];
            let key = self.key(user);
            for (program, tally) in tallies.iter_mut().enumerate() {
                let found = &mut part.found[program][at];
                tally.add(user, &found.rows, &found.lengths, &mut found.values);
                each(&Judgement {
                    program,
                    user: key.clone(),
                    time,
                    truth: truth.gains.len(),
                    rows: found.lengths[0],
                    values: &found.values[..self.judged.len()],
                    place,
                    estimates: &found.estimates,
                    first: &found.rows,
                    gains: &truth.gains,
                    of: (self.engine.snapshot(), self.entity),
                })?;
            }
        }
        for (tally, took) in tallies.iter_mut().zip(&part.took) {
            tally.took(*took, part.places.len());
        }
        Ok(())
    }

    /// The key of the user at a place.
    pub fn key(&self, user: u32) -> Key {
        let row = self.plan.users[user as usize];
        self.engine.snapshot().key(self.engine.schema().viewer, row)
    }

    /// Runs all programs for some requests.
    fn part(
        &self,
        flight: &Flight,
        candidates: &[Candidate],
        places: &[usize],
    ) -> Result<PartFound, crate::ops::RunError> {
        let request = |&place: &usize| self.plan.request(self.engine, &self.replay.base, place);
        let requests: Vec<Request> = places.iter().map(request).collect();
        let options = RunOptions::from(self.replay.limits);
        let (mut answers, mut took) = (Vec::new(), Vec::new());
        for candidate in candidates {
            let started = Instant::now();
            let requests = candidate.fitted(&requests);
            let pass = self.engine.pass_in(flight, &candidate.program, &requests, &options)?;
            took.push(started.elapsed());
            answers.push(pass.answers);
        }
        let metrics = &self.replay.metrics;
        let judge = Judge {
            metrics: &self.judged,
            function: self.replay.gain_function,
            most: metrics.iter().map(|m| m.cut).fold(STAGE_CUT, usize::max),
            entity_rows: self.engine.schema().entity(self.entity).rows as usize,
        };
        let truths = Truths {
            snapshot: self.engine.snapshot(),
            entity: self.entity,
            gains: &self.gains,
            links: &self.links,
            horizon: self.replay.horizon,
            exclude_seen: self.replay.exclude_seen,
            test_set: self.plan.test_set.as_ref(),
        };
        let truth = |&place: &usize| truths.of(self.plan.requests[place]);
        let truths: Vec<Truth> = places.iter().map(truth).collect();
        let found = (0..candidates.len()).map(|program| {
            let of_request = |(request, (&place, truth)): (usize, (&usize, &Truth))| {
                self.found(&judge, candidates, &answers, program, (place, request), truth)
            };
            places.iter().zip(&truths).enumerate().map(of_request).collect()
        });
        let found = found.collect();
        Ok(PartFound { places: places.to_vec(), truths, found, took })
    }

    /// What a program returned for a request, judged.
    fn found(
        &self,
        judge: &Judge,
        candidates: &[Candidate],
        answers: &[Vec<Answer>],
        program: usize,
        (place, request): (usize, usize),
        truth: &Truth,
    ) -> Found {
        let (candidate, answer) = (&candidates[program], &answers[program][request]);
        let at = self.plan.requests[place];
        let rows = candidate.rows(answer);
        let baseline = self.replay.baseline.map(|b| candidates[b].rows(&answers[b][request]));
        let linked = |metric: &Metric| {
            let links = self.rates.get(&metric.edge).map_or(&[][..], |l| l.of(at.user as usize));
            let ahead = between(links, at.time, at.time.saturating_add(self.replay.horizon));
            let mut rows: Vec<u32> = links[ahead].iter().map(|link| link.to).collect();
            rows.sort_unstable();
            rows
        };
        let beside = Beside {
            baseline,
            linked: &linked,
            surprise: &|row| self.popularity.surprise(row, at.time),
            cosine: &|a, b| self.vectors.cosine(a, b),
            partial: answer.partial,
            underfilled: answer.warnings.iter().any(|warning| rounds::is_short(warning)),
        };
        let mut values = judge.values(rows, truth, &beside);
        let of_stages = candidate.stage_rows(answer);
        values.extend(judge.stages(&candidate.stages, &of_stages, truth));
        let estimates = self.replay.counterfactual.as_ref().map_or_else(Vec::new, |asked| {
            asked.of(rows, &self.shown.by_request[place], &self.shown.supported, truth)
        });
        let stages = of_stages.iter().map(|rows| rows.len());
        let lengths = std::iter::once(rows.len()).chain(stages).collect();
        Found { rows: rows[..judge.most.min(rows.len())].to_vec(), lengths, values, estimates }
    }
}

/// The experiments that programs declare, each once.
pub(super) fn declared<'c>(candidates: &'c [Candidate]) -> Vec<&'c Experiment> {
    let mut all: Vec<&Experiment> = Vec::new();
    for candidate in candidates {
        for experiment in &candidate.program.checked().experiments {
            if !all.iter().any(|known| known.name == experiment.name) {
                all.push(experiment);
            }
        }
    }
    all
}

/// What a program returned for a request.
struct Found {
    /// The first.
    rows: Vec<u32>,
    /// How many there are, in the result and in every stage.
    lengths: Vec<usize>,
    /// Of the metrics, then of the stages.
    values: Vec<f64>,
    /// By cut, where something is estimated.
    estimates: Vec<counterfactual::Found>,
}

/// What came of some requests.
struct PartFound {
    places: Vec<usize>,
    truths: Vec<Truth>,
    /// By program, then by request.
    found: Vec<Vec<Found>>,
    /// By program.
    took: Vec<Duration>,
}

/// The time up to which links are looked at.
fn last_link(engine: &Engine, replay: &Replay, plan: &Plan) -> i64 {
    match &replay.when {
        When::Times { to, .. } => to.saturating_add(replay.horizon),
        When::TestSet(_) => engine.now(),
        When::Given(_) | When::Logged(_) => plan.last().unwrap_or(0).saturating_add(replay.horizon),
    }
}
