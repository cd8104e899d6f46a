//! From requests to answers: passes, rounds, and one run.

use super::program::{Planned, read_after};
use super::world::World;
use super::{Engine, Flight, Program, stages};
use crate::answer::{self, Answer, Ask, Ended};
use crate::batch::{Failed, Memory, Stop, discard};
use crate::catalog::schema::Now;
use crate::check::Checked;
use crate::exec::{self, Results, Timing};
use crate::expr::Run;
use crate::expr::run::{Ends, Members, Memo, Sets};
use crate::expr::texts::{Keys, Texts};
use crate::ops::{Exec, Exposure, Graph, Hit, Limits, RunError};
use crate::plan;
use crate::request::{self, Request};
use crate::rounds::{self, Again};
use crate::stream::in_order;
use crate::types::Key;
use crate::why::{Tracer, why_not};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Requests that are run together in one pass, at most.
const PASS: usize = 64;
/// Rows that one operator is expected to make in a pass: memory is that of a few passes.
const PASS_ROWS: f64 = 2e6;

/// How a program is run.
///
/// ```
/// use igql::{Limits, RunOptions};
/// use std::time::Duration;
/// let options = RunOptions::from(Limits::new().deadline(Duration::from_millis(50)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Limits of each request.
    pub limits: Limits,
    /// Explanations that are wanted.
    pub ask: Ask,
}

impl From<Limits> for RunOptions {
    /// Under limits, with nothing else that is special.
    fn from(limits: Limits) -> RunOptions {
        RunOptions { limits, ask: Ask::default() }
    }
}

/// What is to be run.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) program: &'a Planned,
    pub(super) requests: &'a [Request],
    pub(super) limits: Limits,
    pub(super) ask: &'a Ask,
    /// Of requests that do not say when they are.
    pub(super) now: i64,
}

impl Engine {
    /// Runs a program for one request.
    pub fn run(&self, program: &Program, request: &Request) -> Result<Answer, RunError> {
        self.run_with(program, request, &Limits::default())
    }

    /// The same under limits.
    pub fn run_with(
        &self,
        program: &Program,
        request: &Request,
        limits: &Limits,
    ) -> Result<Answer, RunError> {
        let requests = std::slice::from_ref(request);
        let mut pass = self.execute(program, requests, &RunOptions::from(*limits))?;
        Ok(pass.answers.remove(0))
    }

    /// Runs a program for many requests, in vectorised passes. The answers are those that each
    /// request would get alone, in the order of the requests.
    pub fn run_batch(
        &self,
        program: &Program,
        requests: &[Request],
    ) -> Result<Vec<Answer>, RunError> {
        self.run_batch_with(program, requests, &Limits::default())
    }

    /// The same under limits, which are those of each request. The first request that hits one ends the
    /// batch; with [`Limits::partial`] it has a partial answer.
    pub fn run_batch_with(
        &self,
        program: &Program,
        requests: &[Request],
        limits: &Limits,
    ) -> Result<Vec<Answer>, RunError> {
        let passes: Vec<&[Request]> = requests.chunks(self.pass_size(program)).collect();
        let flight = Flight::of(passes.len());
        let options = RunOptions::from(*limits);
        let mut answers = Vec::with_capacity(requests.len());
        in_order(
            &passes,
            |pass| self.pass_in(&flight, program, pass, &options),
            |pass| {
                answers.extend(pass.answers);
                Ok(())
            },
        )?;
        Ok(answers)
    }

    /// How many requests are best run in one pass: fewer where each makes many rows.
    pub fn pass_size(&self, program: &Program) -> usize {
        let program = &program.inner;
        *program.pass_size.get_or_init(|| {
            let mut rows = plan::described(&program.checked, &self.world.snapshot);
            // what is made once for all does not count for each
            for member in program.rewritten.schedule.members() {
                rows[member.0 as usize].1 = 0.0;
            }
            let expected = rows.iter().map(|(_, expected)| *expected);
            let widest = expected.fold(1.0, f64::max);
            ((PASS_ROWS / widest) as usize).clamp(1, PASS)
        })
    }

    /// Runs a program for one request, and says of every row why it is there, and of the entities
    /// asked for why they are not.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use igql::{Ask, Engine, Request};
    /// # let engine = Engine::open("examples/explore")?;
    /// # let program = engine.compile("user.liked().account_nn().posted_media().take(10)")?;
    /// let ask = Ask { why: true, why_not: vec![7.into()] };
    /// let answer = engine.explain(&program, &Request::user(5), &ask)?;
    /// for step in answer.rows().iter().filter_map(|row| row.why()).flat_map(|why| &why.path) {
    ///     println!("{} {} {}", step.op, step.entity, step.key);
    /// }
    /// for reason in answer.why_not.iter().flat_map(|not| &not.reasons) {
    ///     println!("{}: {}", reason.op, reason.message);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn explain(
        &self,
        program: &Program,
        request: &Request,
        ask: &Ask,
    ) -> Result<Answer, RunError> {
        let requests = std::slice::from_ref(request);
        let options = RunOptions { ask: ask.clone(), ..RunOptions::default() };
        let mut pass = self.execute(program, requests, &options)?;
        Ok(pass.answers.remove(0))
    }

    /// Runs a program for some requests in one pass, and tells what it took. All other ways to run one are this.
    pub fn execute(
        &self,
        program: &Program,
        requests: &[Request],
        options: &RunOptions,
    ) -> Result<Pass, RunError> {
        self.pass_in(&Flight::of(1), program, requests, options)
    }

    /// The same for one of several passes at a time, which share the memory that a request may take.
    ///
    /// Limits are of a request: what it gets, and whether it fails, is as if it ran alone. Requests that
    /// do not fit together are divided, down to one that has all memory for itself.
    pub(crate) fn pass_in(
        &self,
        flight: &Flight,
        program: &Program,
        requests: &[Request],
        options: &RunOptions,
    ) -> Result<Pass, RunError> {
        self.can_run(&program.world)?;
        let limits = options.limits;
        let run = |limits, last| {
            let call = Call {
                program: &program.inner,
                requests,
                limits,
                ask: &options.ask,
                now: flight.now(|| self.now()),
            };
            self.rounds(call, last)
        };
        let divided = |requests: &[Request]| self.divided(flight, program, requests, options);
        let last = requests.len() == 1 && !flight.shares(limits);
        let ran = match last {
            true => run(limits, true),
            false => flight.among_others(|| run(flight.share(limits), false)),
        };
        match ran {
            Err(RunError::Limit(_) | RunError::Failed { .. }) if requests.len() > 1 => {
                divided(requests)
            }
            Ok((mut pass, ended)) if !ended.is_empty() && requests.len() > 1 => {
                let again: Vec<Request> = ended.iter().map(|&at| requests[at].clone()).collect();
                let more = divided(&again)?;
                pass.further_rounds += more.further_rounds;
                pass.timings.extend(more.timings);
                pass.replace(&ended, more.answers);
                Ok(pass)
            }
            // an answer is not partial for the sake of others
            Ok((pass, ended)) if ended.is_empty() && (last || !pass.is_partial()) => Ok(pass),
            Ok(_) | Err(RunError::Limit(_)) if !last => {
                let ran = flight.alone(|| run(limits, true));
                let (pass, _) = ran.map_err(|e| e.of(user(requests)))?;
                Ok(pass)
            }
            Ok((pass, _)) => Ok(pass),
            Err(error) => Err(error.of(user(requests))),
        }
    }

    /// Runs requests in two passes.
    fn divided(
        &self,
        flight: &Flight,
        program: &Program,
        requests: &[Request],
        options: &RunOptions,
    ) -> Result<Pass, RunError> {
        let mut all = Pass::default();
        for part in requests.chunks(requests.len().div_ceil(2)) {
            all.add(self.pass_in(flight, program, part, options)?);
        }
        Ok(all)
    }

    /// Runs requests together, those that end short again with larger numbers. Gives the places of
    /// requests whose further round a limit ended; the `last` time that they run, that counts as not
    /// made.
    fn rounds(&self, call: Call, last: bool) -> Result<(Pass, Vec<usize>), RunError> {
        let (program, requests) = (call.program, call.requests);
        let mut call = Call { limits: call.limits.from_now(), ..call };
        let (mut pass, again) = self.one_round(call)?;
        call.limits.partial = false;
        let everyone: Vec<usize> = (0..requests.len()).collect();
        let mut open = rounds::groups(again, &everyone);
        let mut ended = Vec::new();
        for _ in 0..rounds::MOST {
            let mut short = Vec::new();
            for (numbers, places) in open {
                let Some(raised) = self.raised(program, &numbers) else {
                    continue;
                };
                let again: Vec<Request> = places.iter().map(|&at| requests[at].clone()).collect();
                let round = Call { program: &raised, requests: &again, ..call };
                match self.one_round(round) {
                    Ok((round, again)) => {
                        pass.further_rounds += places.len();
                        pass.replace(&places, round.answers);
                        short.extend(rounds::groups(again, &places));
                    }
                    Err(RunError::Limit(_)) if !last => ended.extend(places),
                    Err(RunError::Limit(hit)) => {
                        let message = format!("not retried with larger numbers: {}", hit.message);
                        for at in places {
                            pass.answers[at].warnings.push(message.clone());
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
            open = short;
        }
        Ok((pass, ended))
    }

    /// Runs a program once, and says which requests need more.
    fn one_round(&self, call: Call) -> Result<(Pass, Again), RunError> {
        let Call { program, requests, limits, ask, .. } = call;
        let checked = &program.checked;
        let (graph, _) = program.runs(limits, ask);
        self.finished(call, |exec, results, timings, limit| {
            let again = match limit {
                None => {
                    rounds::warnings(checked, graph, &program.never, exec, results);
                    rounds::next(checked, graph, &program.never, exec, results)
                }
                Some(_) => vec![None; requests.len()],
            };
            let warnings = exec.noted();
            let is_whole = limit.is_none();
            // what there is is told, however late it is, where that is asked
            let ends = !limits.partial;
            let stop = match ends {
                true => exec.run.stop,
                false => Stop::default(),
            };
            let mut answers = match &program.rewrites.watched[..] {
                [] => {
                    // a limit may have ended the run before the sets that tell it were there
                    let tells = checked.tells_propensities && is_whole;
                    let all =
                        answer::answers(checked, requests, exec.run, results, &warnings, stop);
                    match tells {
                        true => answer::tell_propensities(all, checked, exec.run, results),
                        false => all,
                    }
                }
                nodes => answer::watched(checked, requests, exec.run, results, &warnings, nodes),
            };
            if ends || stop.has_failed() {
                exec.check("answer", 0)?;
            }
            if is_whole {
                stages::tell(&mut answers, &program.rewrites.logged, graph, exec);
            }
            if let Some(exposure) = &program.exposure {
                let exposed = exposed(exposure, program, graph, exec, results);
                answer::expose(&mut answers, checked, requests, exec.run, exposed);
            }
            if let Some((hit, ended)) = &limit {
                let of_list = |&ended: &exec::Ended| Ended::new(checked, self.schema(), ended);
                let ended: Vec<Ended> = ended.iter().flat_map(of_list).collect();
                answers.iter_mut().for_each(|answer| answer.end(&hit.message, &ended));
            }
            if ask.is_anything() && is_whole {
                let tracer = Tracer::new(&checked.graph, program.schedule(), exec, results);
                explain(checked, tracer, ask, results, &mut answers)?;
            }
            let pass = Pass { answers, timings, further_rounds: 0 };
            Ok((pass, again))
        })
    }

    /// Runs what a program needs, and hands it on while it is there.
    pub(super) fn finished<R>(
        &self,
        call: Call,
        finish: impl FnOnce(&Exec, &Results, Vec<Timing>, Option<Cut>) -> Result<R, RunError>,
    ) -> Result<R, RunError> {
        let results = Results::new(call.program.checked.graph.len());
        let done = self.finished_into(&results, call, finish);
        if done.is_err() {
            discard(results);
        }
        done
    }

    fn finished_into<R>(
        &self,
        results: &Results,
        call: Call,
        finish: impl FnOnce(&Exec, &Results, Vec<Timing>, Option<Cut>) -> Result<R, RunError>,
    ) -> Result<R, RunError> {
        let Call { program, requests, limits, ask, now } = call;
        let checked = &program.checked;
        let snapshot = &self.world.snapshot;
        let memory = limits.max_memory.map(Memory::new);
        let failed = Failed::default();
        let stop = Stop { memory: memory.as_ref(), failed: Some(&failed), ..limits.stop };
        let (texts, keys) = (Texts::within(snapshot, stop), Keys::within(snapshot, stop));
        let bound =
            request::bind(checked, program.needs_viewer, requests, snapshot, &texts, &keys, now)?;
        let run = Run {
            snapshot,
            texts: &texts,
            keys: &keys,
            now: bound.now,
            viewers: bound.viewers,
            params: bound.params,
            seeds: requests.iter().map(|r| r.seed).collect(),
            sets: results,
            stop,
            members: Members::new(stop),
            memo: Memo::default(),
            ends: Ends::new(stop),
            kept: program.rewrites.kept.as_ref().map(|kept| kept.aggregates()),
            past: None,
        };
        request::in_range(checked, &run)?;
        let open = program.exposure.as_ref().filter(|exposure| exposure.is_open());
        let logs = !program.rewrites.logged.is_empty();
        let exec = Exec::new(&run, &self.world.vectors, limits).exposing(open).logging(logs);
        for (request, message) in bound.warnings {
            exec.warn(request, message);
        }
        warn_of_versions(checked, &exec);
        let (timings, limit) = ran(program, &exec, results, ask, requests.len())?;
        finish(&exec, results, timings, limit)
    }

    /// What `now` is for a request that does not say.
    pub(crate) fn now(&self) -> i64 {
        match self.schema().defaults.now {
            Now::At(time) => time,
            // just after the newest link; where nothing has a time, any will do
            Now::Latest => match self.world.snapshot.latest() {
                Some(time) => time.saturating_add(1),
                None => clock(),
            },
            Now::Clock => clock(),
        }
    }

    /// Fails for a program of other data, whose row numbers mean other entities here.
    #[cfg(feature = "cli")]
    pub(crate) fn can_read(&self, program: &Program) -> Result<(), RunError> {
        self.can_run(&program.world)
    }

    /// Whether programs of a world run here.
    pub(super) fn can_run(&self, world: &Arc<World>) -> Result<(), RunError> {
        match self.world.is_same(world) {
            true => Ok(()),
            false => Err(RunError::OtherWorld),
        }
    }
}

/// Runs the graph; where partial answers are wanted, a limit is no error.
fn ran(
    program: &Planned,
    exec: &Exec,
    results: &Results,
    ask: &Ask,
    requests: usize,
) -> Result<(Vec<Timing>, Option<Cut>), RunError> {
    let checked = &program.checked;
    let limits = exec.limits;
    let (graph, schedule) = program.runs(limits, ask);
    let keep = match limits.partial || ask.is_anything() {
        true => None,
        false => Some(read_after(checked, graph, &program.rewrites.watched)),
    };
    match exec::run(graph, schedule, exec, results, keep.as_deref()) {
        // requests that do not fit together are run one by one
        Err(RunError::Limit(hit)) if limits.partial && requests == 1 => {
            let ended = exec::salvage(&checked.graph, &checked.roots(), exec, results);
            Ok((Vec::new(), Some((hit, ended))))
        }
        ran => Ok((ran?, None)),
    }
}

/// The requests of a run with the slots of the arms that they are exposed to.
fn exposed(
    exposure: &Exposure,
    program: &Planned,
    graph: &Graph,
    exec: &Exec,
    results: &Results,
) -> BTreeSet<(usize, u32)> {
    if exposure.is_open() {
        exec::expose(exposure, graph, &program.checked.roots(), exec, results);
    }
    let everyone = 0..exec.run.requests();
    let always = everyone.flat_map(|request| exposure.always().iter().map(move |&s| (request, s)));
    exec.exposed().into_iter().chain(always).collect()
}

/// The limit that ended a run, and where its lists ended.
type Cut = (Hit, Vec<exec::Ended>);

/// The user of the only request.
fn user(requests: &[Request]) -> Option<&Key> {
    requests.first().and_then(|request| request.user.as_ref())
}

/// Microseconds since 1970.
fn clock() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_micros() as i64)
}

/// Adds the explanations to the answers of a run.
fn explain(
    checked: &Checked,
    mut tracer: Tracer,
    ask: &Ask,
    results: &Results,
    answers: &mut [Answer],
) -> Result<(), RunError> {
    for (request, answer) in answers.iter_mut().enumerate() {
        for ((name, node), list) in checked.results.iter().zip(&mut answer.lists) {
            if ask.why {
                let places = results.rows(*node).range(request);
                let why = places.map(|place| tracer.why(*node, request, place));
                list.set_why(why.collect::<Result<_, _>>()?);
            }
            for key in &ask.why_not {
                let not = why_not(&mut tracer, name.as_deref(), *node, request, key)?;
                answer.why_not.push(not);
            }
        }
    }
    Ok(())
}

/// The answers of one pass, and what each operator did.
#[derive(Default)]
pub struct Pass {
    /// An answer for each request, in their order.
    pub answers: Vec<Answer>,
    /// What each operator took, where it was asked for.
    pub timings: Vec<Timing>,
    /// How often requests were run again, because they ended with fewer rows than they asked for.
    pub further_rounds: usize,
}

impl Pass {
    fn is_partial(&self) -> bool {
        self.answers.iter().any(|answer| answer.partial)
    }

    /// Puts answers in the places of others.
    fn replace(&mut self, places: &[usize], answers: Vec<Answer>) {
        for (&place, answer) in places.iter().zip(answers) {
            self.answers[place] = answer;
        }
    }

    /// Adds what another pass did, whose requests come after those of this one.
    fn add(&mut self, more: Pass) {
        self.answers.extend(more.answers);
        self.timings.extend(more.timings);
        self.further_rounds += more.further_rounds;
    }
}

/// Warns requests whose `now` lies before the end of what a version was trained on: it knows what came after them.
fn warn_of_versions(checked: &Checked, exec: &Exec) {
    for (label, &until) in &checked.versions {
        let knows_more = exec.run.now.iter().enumerate().filter(|(_, now)| **now < until - 1);
        for (request, _) in knows_more {
            let until = crate::types::time::text(until).unwrap_or_default();
            exec.warn(
                request,
                format!("`{label}` was trained on links up to {until}, after `now`"),
            );
        }
    }
}
