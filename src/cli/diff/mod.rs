//! `igql diff`: what two programs mean differently, and what that does to answers.

mod arms;
mod html;
mod json;
mod table;

use super::args::{LimitArgs, format_of, within};
use super::out::Place;
use super::progress::{self, on_terminal};
use super::{Failure, PROGRAM, ProgramFile, Project, params, users};
use crate::diff::{AnswerDiff, Diff};
use crate::engine::{Engine, Program};
use crate::request::Request;
use arms::Arms;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 the programs mean the same, 1 they differ, or one of them has errors; others as for \
    all commands.\n\nExamples:\n  \
    igql diff old.igql new.igql\n  \
    git show HEAD:page.igql | igql diff - page.igql\n  \
    igql diff old.igql new.igql --users users.txt --at 2024-05-01 -o diff.html\n  \
    igql diff page.igql page.igql --arm rank_test=control --arm rank_test=bold"
)]
pub struct DiffArgs {
    /// The program as it was (`-` for standard input)
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The program as it is (`-` for standard input)
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// The query, if the files have several; given twice: that of OLD, then that of NEW
    #[arg(long, value_name = "NAME")]
    query: Vec<String>,
    /// Users to compare answers for: a file with one key per line, or a table with the viewer's key column (`-` for
    /// standard input), or `all`. A column `at` or `now` is each request's time, columns named like parameters of OLD are
    /// its parameters
    #[arg(long, value_name = "FILE", conflicts_with = "sample")]
    users: Option<String>,
    /// Compare answers for so many users, chosen by a hash of their keys; 0: compare no answers
    #[arg(long, value_name = "N", default_value = "200", value_parser = within(0, u32::MAX as usize))]
    sample: usize,
    /// Value of `now`, such as 2024-05-01 or 2024-05-01T12:30:00Z [default: the catalog's]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// A parameter of the programs; lists as JSON or separated by commas
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// Compare the programs for users in this arm of an experiment of either; may be repeated. Given twice for one
    /// experiment: the arm in OLD, then the arm in NEW
    #[arg(long, value_name = "NAME=ARM")]
    arm: Vec<String>,
    /// Seed of the random functions
    #[arg(long, value_name = "N", default_value = "0", value_parser = within(i64::MIN, i64::MAX))]
    seed: i64,
    /// Output format [default: from the file extension, else table]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten, next_help_heading = "Data and threads")]
    pub(super) project: Project,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One object
    Json,
    /// One page that needs nothing else
    Html,
}

impl Format {
    const KNOWN: [(Format, &str); 3] =
        [(Format::Table, "txt"), (Format::Json, "json"), (Format::Html, "html")];
}

/// What is shown: the programs, and how they differ.
struct Found {
    old: String,
    new: String,
    arms: Arms,
    diff: Diff,
    /// None where they mean the same, or no answers are compared.
    answers: Option<AnswerDiff>,
}

pub fn diff(project: &Project, args: &DiffArgs) -> Result<(), Failure> {
    one_reader(args)?;
    let format = format_of(args.format, args.output.as_deref(), &Format::KNOWN)?;
    let place = Place::of(args.output.as_deref());
    let (mut old, mut new) = (read(&args.old, args)?, read(&args.new, args)?);
    let engine = project.open(Some(anchor(args)))?;
    let [old_query, new_query] = queries(args)?;
    let given = old.tune(&engine, old_query, &args.param)?;
    let given_new = new.tune(&engine, new_query, &args.param)?;
    // what is wrong with either is said before the command ends
    let compiled = (old.program(&engine, old_query), new.program(&engine, new_query));
    let (old_program, new_program) = (compiled.0?, compiled.1?);
    let many = args.users.as_deref().map(Path::new);
    for (file, program) in [(&args.old, &old_program), (&args.new, &new_program)] {
        project.spare_inputs(&place, file, &engine, program, many)?;
    }
    let arms = Arms::of(&old_program, &new_program, &args.arm)?;
    let diff = engine.diff_in_arms((&old_program, &arms.old), (&new_program, &arms.new))?;
    let (old_side, new_side) = (&old_program, &new_program);
    let sides = Sides { engine: &engine, diff: &diff, old: old_side, new: new_side, arms: &arms };
    let requests = sides.requests(args, [&given, &given_new])?;
    let answers = match diff.is_empty() || requests.0.is_empty() {
        true => None,
        false => Some(sides.answers(args, &requests)?),
    };
    let found = Found { old: old.name, new: new.name, arms, diff, answers };
    let text = match format {
        Format::Table => table::text(&found),
        Format::Json => format!("{:#}\n", json::diff(&found)),
        Format::Html => html::page(&found),
    };
    place.write(&text)?;
    match found.diff.is_empty() {
        true => Ok(()),
        false => Err(Failure::Said(PROGRAM)),
    }
}

/// Fails where two inputs would both be read from standard input.
fn one_reader(args: &DiffArgs) -> Result<(), Failure> {
    let is_stdin = |path: &Path| path == Path::new("-");
    if is_stdin(&args.old) && is_stdin(&args.new) {
        let message = "standard input is either OLD or NEW";
        return Err(Failure::Usage(message.to_owned()));
    }
    users::one_reader(&args.old, args.users.as_deref())?;
    users::one_reader(&args.new, args.users.as_deref())
}

fn read(path: &Path, args: &DiffArgs) -> Result<ProgramFile, Failure> {
    let mut file = ProgramFile::read(path)?;
    file.max_rows = file.max_rows.max(args.limits.max_rows);
    Ok(file)
}

/// The program that leads to the catalog: the old one may be a copy in another folder.
fn anchor(args: &DiffArgs) -> &Path {
    match args.new == Path::new("-") {
        true => &args.old,
        false => &args.new,
    }
}

fn queries(args: &DiffArgs) -> Result<[Option<&str>; 2], Failure> {
    let name = |place: usize| args.query.get(place).map(String::as_str);
    match args.query.len() {
        0 | 1 => Ok([name(0), name(0)]),
        2 => Ok([name(0), name(1)]),
        _ => {
            let message = "`--query` is given once, or once for OLD and once for NEW";
            Err(Failure::Usage(message.to_owned()))
        }
    }
}

/// Requests of the old program, and the same ones of the new.
type Requests = (Vec<Request>, Vec<Request>);

struct Sides<'a> {
    engine: &'a Engine,
    diff: &'a Diff,
    old: &'a Program,
    new: &'a Program,
    arms: &'a Arms,
}

impl Sides<'_> {
    /// The requests of a sample, or those that are given; `given` has the parameters for each program.
    fn requests(&self, args: &DiffArgs, given: [&[String]; 2]) -> Result<Requests, Failure> {
        let base = self.base(args, given)?;
        let old = match &args.users {
            Some(_) => {
                let many = args.users.as_deref();
                users::requests(self.engine, self.old, &base.0, &[], many)?
            }
            None if !(self.old.needs_viewer() || self.new.needs_viewer()) && args.sample > 0 => {
                vec![base.0.clone()]
            }
            None => {
                let users = self.engine.sampled_users(args.sample);
                users.into_iter().map(|u| Request { user: Some(u), ..base.0.clone() }).collect()
            }
        };
        let new = old.iter().map(|request| self.counterpart(request, &base.1)).collect();
        Ok((old, new))
    }

    /// What is the same for all users. A parameter is one of either program, by the name that it has there.
    fn base(
        &self,
        args: &DiffArgs,
        [given, given_new]: [&[String]; 2],
    ) -> Result<(Request, Request), Failure> {
        let known = |program: &Program, text: &str| {
            let name = text.split_once('=').map_or(text, |(name, _)| name);
            let checked = program.checked();
            checked.param(name).is_some() || checked.unread_params.iter().any(|u| u == name)
        };
        let own = |program: &Program, other: &Program, given: &[String]| -> Vec<String> {
            // one that neither has is an error of the first
            let is_own = |text: &&String| known(program, text) || !known(other, text);
            given.iter().filter(is_own).cloned().collect()
        };
        let at = args.at.as_deref();
        let mut old = params::base(self.old, at, &own(self.old, self.new, given), &[])?;
        let mut new = params::base(self.new, at, &own(self.new, self.old, given_new), &[])?;
        (old.arms, new.arms) = (self.arms.old.clone(), self.arms.new.clone());
        Ok((old.seed(args.seed), new.seed(args.seed)))
    }

    /// The same request for the new program.
    fn counterpart(&self, request: &Request, base: &Request) -> Request {
        let named = request.params.iter().filter_map(|(name, value)| {
            Some((self.diff.param(self.new, name)?.to_owned(), value.clone()))
        });
        let mut params = base.params.clone();
        for (name, value) in named {
            params.retain(|(known, _)| *known != name);
            params.push((name, value));
        }
        Request { params, arms: base.arms.clone(), ..request.clone() }
    }

    fn answers(&self, args: &DiffArgs, (old, new): &Requests) -> Result<AnswerDiff, Failure> {
        let limits = args.limits.of_request(false);
        let progress = on_terminal();
        let found = self.engine.diff_answers(
            self.diff,
            (self.old, old),
            (self.new, new),
            &limits,
            &*progress,
        );
        progress::clear();
        Ok(found?)
    }
}
