//! The search: trials on the requests that train, the best of them on those that validate.

use super::constraint::{Bound, objection};
use super::report::{Part, TuneReport, Tuned, Validated};
use super::sampler::{Outcome, Sampler};
use super::split::Split;
use super::values::Space;
use super::{Constraint, Trial, TuneError, Tuning};
use crate::engine::{Engine, Program};
use crate::exec::Kept;
use crate::ops::RunError;
use crate::replay::{Compared, Ended, Measured, Metric, Replay, ReplayError, Spot, Trials, holm};
use crate::store::Progress;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What a tuner is doing.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A trial begins.
    Start {
        /// Its number.
        number: usize,
        /// By tunable.
        values: &'a [f64],
    },
    /// A trial has ended.
    End(&'a Trial),
}

/// Most trials that are validated.
const BEST: usize = 5;
/// What a gain must be less probable than, if there were none.
const LEVEL: f64 = 0.05;

impl Engine {
    /// Looks for values of a program's tunables that replay finds better than those that it has.
    ///
    /// # Errors
    /// If there is nothing to tune, if what is asked makes no sense for the catalog or the program, or if the program
    /// fails with its own values.
    pub fn tune(&self, program: &Program, tuning: &Tuning) -> Result<TuneReport, TuneError> {
        self.tune_each(program, tuning, &[], |_| Ok(()))
    }

    /// The same, and tells every step. Trials that are `known`, from the first on, do not run again.
    ///
    /// # Errors
    /// As [`Engine::tune`], or what `each` returns.
    pub fn tune_each<E: From<TuneError>>(
        &self,
        program: &Program,
        tuning: &Tuning,
        known: &[Trial],
        each: impl FnMut(Step) -> Result<(), E>,
    ) -> Result<TuneReport, E> {
        let metrics = [&tuning.maximize].into_iter();
        let metrics = metrics.chain(tuning.constraints.iter().map(|c| &c.metric));
        let metrics: Vec<Metric> = metrics.cloned().collect();
        check(tuning, &metrics)?;
        let named = Arc::new(Named::new(tuning.replay.progress.clone()));
        let replay = Replay {
            primary: Vec::new(),
            baseline: None,
            stages: false,
            by: None,
            progress: named.clone(),
            metrics,
            ..tuning.replay.clone()
        };
        let space = Space::of(self, program, tuning)?;
        let trials = Trials::new(self, ("the program", program), &replay);
        let trials = trials.map_err(TuneError::from)?;
        let parts = tuning.parts.as_ref();
        let split = Split::of(&trials, &replay.when, replay.horizon, parts)?;
        let kept = Arc::new(Kept::new(tuning.memory));
        let search = Search { engine: self, program, tuning, space, trials, split, kept, named };
        search.run(known, each)
    }
}

/// Whether what is asked can be looked at by a tuner.
fn check(tuning: &Tuning, metrics: &[Metric]) -> Result<(), TuneError> {
    if let Some(message) = metrics.iter().find_map(objection) {
        return Err(TuneError::Usage(message));
    }
    let maximize = &tuning.maximize;
    if maximize.measure.is_of_run() {
        let message = format!(
            "`{maximize}` is one number of a whole run: whether it is better cannot be told from chance"
        );
        let help = "maximise a mean over users, and put a constraint on this one";
        return Err(TuneError::Usage(format!("{message}\nhelp: {help}")));
    }
    if tuning.trials == 0 || tuning.parallel == 0 {
        return Err(TuneError::Usage("there has to be a trial, and one at a time".to_owned()));
    }
    Ok(())
}

/// Gives the work that goes on a name.
struct Named {
    progress: Arc<dyn Progress>,
    name: Mutex<String>,
}

impl Named {
    fn new(progress: Arc<dyn Progress>) -> Named {
        Named { progress, name: Mutex::default() }
    }

    fn call(&self, name: String) {
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = name;
    }
}

impl Progress for Named {
    fn report(&self, _: &str, done: u64, total: u64) {
        let name = self.name.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.progress.report(&name, done, total);
    }
}

struct Search<'a> {
    engine: &'a Engine,
    program: &'a Program,
    tuning: &'a Tuning,
    space: Space,
    trials: Trials<'a>,
    split: Split,
    kept: Arc<Kept>,
    named: Arc<Named>,
}

/// Why values have no metrics.
enum NoValue {
    /// The program cannot run with them.
    Trial(String),
    Stopped,
    Fatal(TuneError),
}

/// What a search has found so far.
struct Found {
    trials: Vec<Trial>,
    /// Metrics of the program as it is.
    baseline: Vec<f64>,
    /// The same by user, if it ran.
    own: Option<Measured>,
    stopped: bool,
    importance: Option<Vec<f64>>,
}

impl Search<'_> {
    fn run<E: From<TuneError>>(
        &self,
        known: &[Trial],
        each: impl FnMut(Step) -> Result<(), E>,
    ) -> Result<TuneReport, E> {
        self.prepare();
        let mut found = self.search(known, each)?;
        let mut report = self.report(&found);
        if found.stopped {
            let (n, all) = (found.trials.len(), self.tuning.trials);
            report.reason = Some(format!("stopped after {n} of {all} trials"));
            return Ok(report);
        }
        match self.validate(&mut found, &mut report) {
            Ok(()) => Ok(report),
            Err(NoValue::Stopped) => {
                report.stopped = true;
                report.reason = Some("stopped before the best trials were validated".to_owned());
                Ok(report)
            }
            Err(NoValue::Trial(message)) => {
                Err(TuneError::Usage(format!("the requests that validate: {message}")).into())
            }
            Err(NoValue::Fatal(error)) => Err(error.into()),
        }
    }

    /// Shows what is kept a program with other values in all places, so that it keeps what they do not reach.
    fn prepare(&self) {
        let other = |t: &crate::check::Tunable| if t.default == t.low { t.high } else { t.low };
        let values: Vec<f64> = self.space.tunables.iter().map(other).collect();
        if let Ok(program) = self.with(&values) {
            let nobody = || true;
            // it ends before its first request
            let _ = self.trials.measure(("the program", &program), &[], Some(&self.kept), &nobody);
        }
    }

    fn with(&self, values: &[f64]) -> Result<Program, String> {
        let compiled = self.engine.with_tunables(self.program, &self.space.given(values));
        compiled.map_err(|error| match error.diagnostics.first() {
            Some(first) => format!("{}: {}", first.code.id, first.message),
            None => "it does not compile".to_owned(),
        })
    }

    /// The metrics of values.
    fn measure(&self, values: &[f64], places: &[usize]) -> Result<Measured, NoValue> {
        let program = self.with(values).map_err(NoValue::Trial)?;
        self.kept.next_program();
        let Tuning { stop, replay, .. } = self.tuning;
        let is_stopped = || stop.load(Ordering::Relaxed) || replay.limits.stop.is_asked();
        let named = ("the program", &program);
        let ended = match self.trials.measure(named, places, Some(&self.kept), &is_stopped) {
            Ok(measured) => return Ok(measured),
            Err(Ended::Stopped) => return Err(NoValue::Stopped),
            Err(Ended::Failed(error)) => error,
        };
        Err(match ended {
            ReplayError::Run(RunError::Stopped) => NoValue::Stopped,
            ReplayError::Run(error @ (RunError::Limit(_) | RunError::Failed { .. })) => {
                NoValue::Trial(error.to_string())
            }
            error => NoValue::Fatal(error.into()),
        })
    }

    fn search<E: From<TuneError>>(
        &self,
        known: &[Trial],
        mut each: impl FnMut(Step) -> Result<(), E>,
    ) -> Result<Found, E> {
        let Tuning { sampler, constraints, trials, seed, parallel, until, .. } = self.tuning;
        let (space, n) = (&self.space, constraints.len());
        let mut sampler =
            Sampler::new(*sampler, space.dimensions(), space.start(), n, *trials, *seed);
        let mut found = Found {
            trials: Vec::new(),
            baseline: Vec::new(),
            own: None,
            stopped: false,
            importance: None,
        };
        let mut known = known;
        let is_late = || until.is_some_and(|until| Instant::now() >= until);
        while found.trials.len() < *trials
            && !found.stopped
            && (found.trials.is_empty() || !is_late())
        {
            let points = sampler.ask((*parallel).min(*trials - found.trials.len()));
            if points.is_empty() {
                break;
            }
            let mut told = Vec::new();
            for point in points {
                let number = found.trials.len() + 1;
                let values = self.space.short(&point);
                let same = |trial: &&Trial| {
                    let is_whole = trial.constraints.len() == n;
                    is_whole && trial.number == number && trial.values == values
                };
                let trial = match known.get(number - 1).filter(same) {
                    Some(trial) => self.known(trial, &mut found),
                    None => {
                        // what an earlier search has run after another trial was another search
                        known = &[];
                        each(Step::Start { number, values: &values })?;
                        let Some(trial) = self.trial(number, values, &mut found)? else {
                            found.stopped = true;
                            break;
                        };
                        each(Step::End(&trial))?;
                        trial
                    }
                };
                told.push((point, self.outcome(&trial, &found.baseline)));
                found.trials.push(trial);
            }
            told.into_iter().for_each(|(point, outcome)| sampler.tell(&point, outcome));
        }
        found.importance = sampler.importance();
        Ok(found)
    }

    /// A trial that an earlier search has run.
    fn known(&self, trial: &Trial, found: &mut Found) -> Trial {
        if trial.number == 1 {
            found.baseline =
                std::iter::once(trial.value).chain(trial.constraints.clone()).collect();
        }
        trial.clone()
    }

    /// Runs a trial; none if it was stopped.
    fn trial(
        &self,
        number: usize,
        values: Vec<f64>,
        found: &mut Found,
    ) -> Result<Option<Trial>, TuneError> {
        let feasible = found.trials.iter().filter(|t| self.is_feasible(t, &found.baseline));
        let best = feasible.map(|trial| trial.value).fold(f64::NAN, f64::max);
        let best = if best.is_nan() { String::new() } else { format!(", best {best:.4}") };
        self.named.call(format!("trial {number}/{}{best}", self.tuning.trials));
        let (metrics, error) = match self.measure(&values, &self.split.training) {
            Ok(measured) => {
                let means = measured.means();
                if number == 1 {
                    (found.baseline, found.own) = (means.clone(), Some(measured));
                }
                (means, None)
            }
            Err(NoValue::Stopped) => return Ok(None),
            Err(NoValue::Fatal(error)) => return Err(error),
            Err(NoValue::Trial(message)) if number == 1 => {
                let message = format!("the program fails with its own values: {message}");
                return Err(TuneError::Usage(message));
            }
            Err(NoValue::Trial(message)) => {
                (vec![f64::NAN; 1 + self.tuning.constraints.len()], Some(message))
            }
        };
        if number == 1 && metrics[0].is_nan() {
            let message = format!("no user has a value of `{}`", self.tuning.maximize);
            let spot = Spot::Metric(self.tuning.maximize.to_string());
            return Err(ReplayError::Usage(spot, message).into());
        }
        let constraints = metrics[1..].to_vec();
        Ok(Some(Trial { number, values, value: metrics[0], constraints, error }))
    }

    fn outcome(&self, trial: &Trial, baseline: &[f64]) -> Outcome {
        let slack = |(at, constraint): (usize, &Constraint)| {
            constraint.slack(trial.constraints[at], baseline[1 + at])
        };
        let slack = self.tuning.constraints.iter().enumerate().map(slack).collect();
        Outcome { value: trial.value, slack }
    }

    fn is_feasible(&self, trial: &Trial, baseline: &[f64]) -> bool {
        self.outcome(trial, baseline).feasible()
    }

    fn report(&self, found: &Found) -> TuneReport {
        let tuned = |(at, tunable): (usize, &crate::check::Tunable)| Tuned {
            name: tunable.name.clone(),
            low: tunable.low,
            high: tunable.high,
            whole: tunable.whole,
            from: tunable.default,
            to: tunable.default,
            importance: found.importance.as_ref().map(|all| all[at]),
            span: tunable.default_span,
        };
        let part = |places: &[usize]| Part { requests: places.len() as u64, users: 0 };
        TuneReport {
            query: self.program.checked().query.clone(),
            maximize: self.tuning.maximize.clone(),
            constraints: self.tuning.constraints.clone(),
            tunables: self.space.tunables.iter().enumerate().map(tuned).collect(),
            unread: self.space.unread.clone(),
            trials: found.trials.clone(),
            training: part(&self.split.training),
            validation: part(&self.split.validation),
            divided_by: self.split.by.clone(),
            validated: Vec::new(),
            winner: None,
            reason: None,
            detectable: None,
            stopped: found.stopped,
            warnings: self.trials.warnings().to_vec(),
        }
    }

    /// The best trials that are better than the program as it is, by training.
    fn best<'t>(&self, found: &'t Found) -> Vec<&'t Trial> {
        let own = self.is_feasible(&found.trials[0], &found.baseline);
        let is_better = |trial: &&Trial| {
            self.is_feasible(trial, &found.baseline) && (!own || trial.value > found.baseline[0])
        };
        let mut best: Vec<&Trial> = found.trials[1..].iter().filter(is_better).collect();
        best.sort_by(|a, b| b.value.total_cmp(&a.value).then(a.number.cmp(&b.number)));
        // the same outcome is the same order of rows: weights times two, say
        best.dedup_by(|a, b| a.value == b.value && a.constraints == b.constraints);
        best.truncate(BEST);
        best
    }

    /// Runs the program as it is and the best trials for the requests that validate, and says which wins.
    fn validate(&self, found: &mut Found, report: &mut TuneReport) -> Result<(), NoValue> {
        self.named.call("validation".to_owned());
        let own = match found.own.take() {
            Some(own) => own,
            None => self.measure(&found.trials[0].values, &self.split.training)?,
        };
        let best = self.best(found);
        let base = self.measure(&found.trials[0].values, &self.split.validation)?;
        report.training.users = own.users(0) as u64;
        report.validation.users = base.users(0) as u64;
        let (means, intervals) = (base.means(), base.intervals());
        report.validated.push(Validated {
            trial: 1,
            training: (own.means()[0], own.intervals()[0]),
            validation: (means[0], intervals[0]),
            gain: None,
            p: None,
            constraints: means[1..].to_vec(),
            holds: self.is_feasible(&found.trials[0], &found.baseline),
        });
        for trial in &best {
            let validated = self.validated(trial, &base)?;
            report.validated.push(validated);
        }
        let p: Option<Vec<f64>> = report.validated[1..].iter().map(|v| v.p).collect();
        if let Some(p) = p {
            for (validated, p) in report.validated[1..].iter_mut().zip(holm(&p)) {
                validated.p = Some(p);
            }
        }
        self.decide(report);
        if let Some(place) = report.winner.or_else(|| leader(report)) {
            let trial = report.validated[place].trial - 1;
            let measured = self.measure(&found.trials[trial].values, &self.split.training)?;
            report.validated[place].training.1 = measured.intervals()[0];
        }
        if let Some(place) = report.winner {
            let values = &found.trials[report.validated[place].trial - 1].values;
            report.tunables.iter_mut().zip(values).for_each(|(tuned, value)| tuned.to = *value);
        }
        Ok(())
    }

    fn validated(&self, trial: &Trial, base: &Measured) -> Result<Validated, NoValue> {
        let measured = self.measure(&trial.values, &self.split.validation)?;
        let (means, intervals) = (measured.means(), measured.intervals());
        let compared = measured.against(base);
        let baseline = base.means();
        let holds = |(at, constraint): (usize, &Constraint)| {
            let Compared { interval, .. } = compared[1 + at];
            let interval = match constraint.bound {
                Bound::Number(_) => intervals[1 + at],
                _ => interval,
            };
            let slack = constraint.slack(means[1 + at], baseline[1 + at]);
            slack >= -half(interval).unwrap_or(0.0)
        };
        Ok(Validated {
            trial: trial.number,
            training: (trial.value, None),
            validation: (means[0], intervals[0]),
            gain: Some((compared[0].mean, compared[0].interval)),
            p: compared[0].p,
            constraints: means[1..].to_vec(),
            holds: self.tuning.constraints.iter().enumerate().all(holds),
        })
    }

    /// Says which of the validated trials wins, or why none does.
    fn decide(&self, report: &mut TuneReport) {
        let Some(place) = leader(report) else {
            report.reason = Some(match report.validated.len() {
                1 => "no trial is better than the program for the requests that train".to_owned(),
                _ => "no trial that is better keeps the constraints for the requests that validate"
                    .to_owned(),
            });
            return;
        };
        let best = &report.validated[place];
        let (gain, interval) = best.gain.unwrap_or((f64::NAN, None));
        let reason = match best.p {
            Some(p) if p < LEVEL && gain > 0.0 => None,
            Some(_) if gain <= 0.0 => Some(format!(
                "the best trial is no better for the requests that validate ({gain:+.4})"
            )),
            Some(p) => Some(format!(
                "the best trial gains {gain:+.4} for the requests that validate, which may be chance (p = {p:.3})"
            )),
            None => Some(format!(
                "{} users are too few to tell a gain from chance",
                report.validation.users
            )),
        };
        report.detectable = half(interval);
        report.winner = (reason.is_none() || self.tuning.allow_worse).then_some(place);
        report.reason = reason;
    }
}

/// The best by validation that keeps the constraints, beside the program as it is.
fn leader(report: &TuneReport) -> Option<usize> {
    let value = |place: &usize| report.validated[*place].validation.0;
    let all = (1..report.validated.len()).rev().filter(|&place| report.validated[place].holds);
    all.max_by(|a, b| value(a).total_cmp(&value(b)))
}

/// Half the width of an interval.
fn half(interval: Option<(f64, f64)>) -> Option<f64> {
    interval.map(|(low, high)| (high - low) / 2.0)
}
