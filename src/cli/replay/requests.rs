//! Which requests are made and what there is to find, as options of the commands that replay.

use super::super::args::{LimitArgs, within};
use super::super::progress::Within;
use super::super::{Failure, log, out, params, users};
use super::test_set;
use crate::engine::{Engine, Program};
use crate::replay::{Every, GainFunction, Replay, Weight, When, Who};
use crate::request::Request;
use crate::types::EntityId;
use crate::wire;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Which requests are made, and what there is to find.
#[derive(Args)]
pub struct RequestArgs {
    /// Edges from the viewer whose links are what should have been found
    #[arg(long, value_name = "EDGE", value_delimiter = ',')]
    pub truth: Vec<String>,
    /// What finding a target of this edge is worth [default: 1]
    #[arg(long, value_name = "EDGE=NUMBER")]
    pub gain: Vec<String>,
    /// First time of a request
    #[arg(long, value_name = "TIME", conflicts_with = "holdout")]
    pub from: Option<String>,
    /// No request at or after this time [default: the end of the data]
    #[arg(long, value_name = "TIME", conflicts_with = "holdout")]
    pub to: Option<String>,
    /// How often each user makes a request, where there is truth for it
    #[arg(long, value_enum, default_value_t = Frequency::Day)]
    pub every: Frequency,
    /// How far ahead the truth of a request reaches, such as 7d
    #[arg(long, value_name = "DURATION", default_value = "1d")]
    pub horizon: String,
    /// Leave out of the truth what a truth edge links before the request
    #[arg(long)]
    pub exclude_seen: bool,
    /// A fixed test set instead: a table with the viewer's key and the key of what is to be found; one
    /// request of every user at the catalog's `now`
    #[arg(long, value_name = "TABLE")]
    pub holdout: Option<PathBuf>,
    /// Make these requests instead: a log of `igql run --log`, which may be repeated, or a table with the
    /// viewer's key, and columns `at` or `now` and parameters
    #[arg(long, value_name = "LOG", conflicts_with_all = ["from", "to", "holdout", "users", "sample"])]
    pub requests: Vec<String>,
    /// The folder of the trained versions that programs read: those of `igql train --until`
    #[arg(long, value_name = "DIR")]
    pub learned: Option<PathBuf>,
    /// Users to replay: a file with one key per line, or a table with the viewer's key column, or `all`
    #[arg(long, value_name = "FILE", conflicts_with = "sample")]
    pub users: Option<String>,
    /// Replay so many users, chosen by a hash of their keys
    #[arg(long, value_name = "N", value_parser = within(1, u32::MAX as usize))]
    pub sample: Option<usize>,
    /// How gains count in ndcg
    #[arg(long, value_enum, default_value_t = Gains::Linear)]
    pub gain_function: Gains,
    /// Whose votes are equal
    #[arg(long, value_enum, default_value_t = Votes::Users)]
    pub weight: Votes,
    /// The query to run, if the files have several
    #[arg(long, value_name = "NAME")]
    pub query: Option<String>,
    /// The list that counts, of programs that return a page of lists
    #[arg(long, value_name = "NAME")]
    pub list: Option<String>,
    /// A parameter of the programs; lists as JSON or separated by commas
    #[arg(long, value_name = "NAME=VALUE")]
    pub param: Vec<String>,
    /// Put every request into this arm of an experiment; may be repeated
    #[arg(long, value_name = "NAME=ARM")]
    pub arm: Vec<String>,
    #[command(flatten)]
    pub limits: LimitArgs,
    /// At a limit, judge what is available by then
    #[arg(long)]
    pub partial: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Frequency {
    /// Before each distinct time of a truth link
    Link,
    /// Before the first truth link after a pause of 30 minutes
    Session,
    /// At midnight UTC
    Day,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Gains {
    /// As they are
    Linear,
    /// 2^gain - 1
    Exp,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Votes {
    /// Users: the mean over users of the mean over their requests
    Users,
    /// Requests: the mean over all of them
    Requests,
}

impl RequestArgs {
    /// The logs that requests are read from.
    pub fn logs(&self) -> Vec<PathBuf> {
        self.requests.iter().map(PathBuf::from).collect()
    }

    /// What is asked of a program: requests, truth, gains and limits.
    pub fn replay(
        &self,
        engine: &Engine,
        program: &Program,
        base: Request,
        within: &Within,
    ) -> Result<Replay, Failure> {
        let when = when(engine, program, self, &base)?;
        let mut replay = Replay::new(self.truth.iter().map(String::as_str), when);
        gains(&self.gain, &mut replay)?;
        replay.horizon = duration("--horizon", &self.horizon)?;
        replay.exclude_seen = self.exclude_seen;
        replay.who = who(engine, program, self, &base)?;
        replay.gain_function = match self.gain_function {
            Gains::Linear => GainFunction::Linear,
            Gains::Exp => GainFunction::Exponential,
        };
        replay.weight = match self.weight {
            Votes::Users => Weight::Users,
            Votes::Requests => Weight::Requests,
        };
        replay.list = self.list.clone();
        replay.base = base;
        replay.limits = within.limits(self.limits.of_request(self.partial));
        replay.progress = within.progress.clone();
        Ok(replay)
    }
}

/// `--gain EDGE=NUMBER`.
fn gains(given: &[String], replay: &mut Replay) -> Result<(), Failure> {
    for text in given {
        let wrong = |message: &str| Failure::Usage(format!("--gain {text}: {message}"));
        let (edge, number) = text.split_once('=').ok_or_else(|| wrong("expected EDGE=NUMBER"))?;
        let gain = number.trim().parse::<f64>().ok().filter(|x| *x > 0.0 && x.is_finite());
        let gain = gain.ok_or_else(|| wrong("expected a number above 0"))?;
        let own = replay.truth.iter_mut().find(|(name, _)| name == edge.trim());
        own.ok_or_else(|| wrong("the edge is not one of `--truth`"))?.1 = gain;
    }
    Ok(())
}

pub fn duration(option: &str, text: &str) -> Result<i64, Failure> {
    match wire::duration_from_text(text) {
        Some(us) if us > 0 => Ok(us),
        _ => {
            let message =
                format!("{option} {text}: expected a duration above 0, such as 7d or 12h");
            Err(Failure::Usage(message))
        }
    }
}

fn when(
    engine: &Engine,
    program: &Program,
    args: &RequestArgs,
    base: &Request,
) -> Result<When, Failure> {
    if let Some(file) = &args.holdout {
        let entity = result_entity(program, args);
        return Ok(When::TestSet(test_set::read(engine, file, entity)?));
    }
    if !args.requests.is_empty() {
        return given(engine, program, args, base);
    }
    let Some(from) = &args.from else {
        let message = "replay needs the times of requests: `--from TIME`, and `--to TIME` unless up to the end";
        let help = "a fixed test set is `--holdout TABLE`, requests of a log are `--requests LOG`";
        return Err(Failure::Usage(format!("{message}\nhelp: {help}")));
    };
    let from = params::time_of("--from", from)?;
    let to = args.to.as_deref().map_or(Ok(i64::MAX), |to| params::time_of("--to", to))?;
    if from >= to {
        let message = "`--from` has to be before `--to`";
        return Err(Failure::Usage(message.to_owned()));
    }
    let every = match args.every {
        Frequency::Link => Every::Link,
        Frequency::Session => Every::Session,
        Frequency::Day => Every::Day,
    };
    Ok(When::Times { from, to, every })
}

/// The requests of logs, or of a table.
fn given(
    engine: &Engine,
    program: &Program,
    args: &RequestArgs,
    base: &Request,
) -> Result<When, Failure> {
    if let [name] = &args.requests[..]
        && !log::is_log(engine.schema(), Path::new(name))
    {
        return Ok(When::Given(users::many_of("--requests", program, base, name)?));
    }
    let (requests, warnings) = log::read(engine, program, &args.logs(), base)?;
    warnings.iter().for_each(|warning| out::say(format_args!("warning: {warning}")));
    Ok(When::Logged(requests))
}

/// The entity of the rows that count: that of the list named, or of the first.
pub fn result_entity(program: &Program, args: &RequestArgs) -> EntityId {
    let checked = program.checked();
    let named = checked.results.iter().find(|(name, _)| *name == args.list);
    let (_, node) = named.unwrap_or(&checked.results[0]);
    checked.graph.shape(*node).entity
}

fn who(
    engine: &Engine,
    program: &Program,
    args: &RequestArgs,
    base: &Request,
) -> Result<Who, Failure> {
    Ok(match (&args.users, args.sample) {
        (_, Some(n)) => Who::Sample(n),
        (Some(name), _) if name != "all" => {
            let requests = users::requests(engine, program, base, &[], Some(name))?;
            Who::Keys(requests.into_iter().filter_map(|request| request.user).collect())
        }
        _ => Who::All,
    })
}
