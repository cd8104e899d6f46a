//! The command line: one file per verb. Results go to standard output, everything else to
//! standard error.

mod args;
mod bench;
mod build;
mod check;
mod complete;
mod demo;
mod describe;
mod diff;
#[doc(hidden)]
pub mod embedded;
mod experiments;
mod explain;
mod failure;
mod fmt;
mod grid;
mod init;
mod interrupt;
mod log;
mod mapped;
mod options;
mod out;
mod page;
mod params;
mod plan;
mod plot;
mod progress;
mod repl;
mod replay;
mod run;
mod table;
mod test;
mod train;
mod tune;
mod users;
mod values;
mod why;
mod write;

use crate::catalog;
use crate::check::Tunables;
use crate::diag::{Diagnostic, json, render};
use crate::engine::{Compiled, Engine, Program, Unit, has_errors};
use crate::extend::Registry;
use crate::files;
use crate::ops::Limits;
use crate::source::Sources;
use crate::store::{self, DataError, Options};
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use failure::{DATA, Failure, LIMIT, Outcome, PROGRAM, USAGE, fail};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, OnceLock};

#[derive(Parser)]
#[command(
    name = "igql",
    version,
    about = "Candidate retrieval and ranking: checks, explains and runs IGQL programs",
    after_help = "A project is a folder with a `catalog.toml`; commands find it by walking up from the program.\n\n\
                  Try:\n  igql run examples/movies/recommend.igql --user 42\n  igql check examples/movies/recommend.igql\n  \
                  igql explain examples/movies/recommend.igql\n\n\
                  Exit codes: 0 success, 1 the program has errors, 2 usage error or a file that cannot be written,\n\
                  3 catalog or data error, 4 a limit was hit, 130 interrupted."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Before the name of the command, for those that take them.
    #[command(flatten, next_help_heading = "Data and threads, for most commands")]
    project: Project,
}

#[derive(Subcommand)]
enum Command {
    /// Run a program for one or many users
    Run(run::RunArgs),
    /// Report every problem of programs, without running them
    Check(check::CheckArgs),
    /// Format programs, with their comments
    Fmt(fmt::FmtArgs),
    /// Run the `test` items of programs
    Test(test::TestArgs),
    /// Update the files derived from the data (`.igql/`)
    Build(build::BuildArgs),
    /// Show how a program is compiled and how it will run
    Explain(explain::ExplainArgs),
    /// Write a first catalog from the tables in a folder
    Init(init::InitArgs),
    /// Show the contents of the catalog: entities, edges, columns, embeddings
    Describe(describe::DescribeArgs),
    /// Write a generated data set to try things on
    Demo(demo::DemoArgs),
    /// Start an interactive session
    Repl(repl::ReplArgs),
    /// Measure latency and throughput of a program
    Bench(bench::BenchArgs),
    /// Measure how well programs would have served what users did next
    Replay(Box<replay::ReplayArgs>),
    /// Look for better values of a program's tunables
    Tune(Box<tune::TuneArgs>),
    /// Train what programs learn from data, where it is stale
    Train(Box<train::TrainArgs>),
    /// Show what two programs mean differently, and what that does to answers
    Diff(Box<diff::DiffArgs>),
    /// Print a completion script for a shell
    Completions(complete::CompletionsArgs),
    /// Print the manual page
    Man(complete::ManArgs),
}

/// Where the data is, and how many threads work on it.
#[derive(Args, Clone, Default)]
struct Project {
    /// The catalog file, or its folder [default: found by walking up from the program]
    #[arg(long, value_name = "PATH")]
    catalog: Option<PathBuf>,
    /// Keep `.igql/` in this folder instead of next to the catalog
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Use the existing snapshot even if the data has changed
    #[arg(long)]
    stale: bool,
    /// A folder from which programs may import files, beside those of the program and the catalog
    #[arg(long, value_name = "DIR")]
    allow_imports: Vec<PathBuf>,
    /// Threads to use, at most 1024 [default: all cores]
    #[arg(long, value_name = "N", value_parser = args::within(1, args::MAX_THREADS))]
    threads: Option<usize>,
    /// The folder of trained versions, for commands that have an option for it.
    #[arg(skip)]
    learned: Option<PathBuf>,
}

impl Project {
    /// With another folder of trained versions, if one is given.
    fn learning(&self, folder: Option<&Path>) -> Project {
        Project { learned: folder.map(Path::to_owned), ..self.clone() }
    }

    /// The same of a command that only reads the folder: it has to be there.
    fn learned(&self, folder: Option<&Path>) -> Result<Project, Failure> {
        match folder.filter(|folder| !folder.is_dir()) {
            None => Ok(self.learning(folder)),
            Some(missing) => {
                let missing = missing.display();
                Err(Failure::Usage(format!(
                    "--learned {missing}: there is no such folder\nhelp: train versions of the past into it: \
                     `igql train FILE --until TIME --learned {missing}`"
                )))
            }
        }
    }

    /// What was given to the command, else what was given before its name.
    fn or(&self, before: &Project) -> Project {
        Project {
            catalog: self.catalog.clone().or_else(|| before.catalog.clone()),
            cache: self.cache.clone().or_else(|| before.cache.clone()),
            stale: self.stale || before.stale,
            allow_imports: [&*self.allow_imports, &*before.allow_imports].concat(),
            threads: self.threads.or(before.threads),
            learned: None,
        }
    }

    /// The first of its options that is given and not among those that a command takes.
    fn beyond(&self, taken: &[&str]) -> Option<&'static str> {
        let given = [
            ("--catalog", self.catalog.is_some()),
            ("--cache", self.cache.is_some()),
            ("--stale", self.stale),
            ("--allow-imports", !self.allow_imports.is_empty()),
            ("--threads", self.threads.is_some()),
        ];
        let mut given = given.into_iter().filter(|(_, given)| *given);
        given.find(|(name, _)| !taken.contains(name)).map(|(name, _)| name)
    }
}

impl Command {
    /// The options about the project that the command was given, and the names of those it takes.
    fn project(&self) -> (Project, &'static [&'static str]) {
        const ALL: &[&str] = &["--catalog", "--cache", "--stale", "--allow-imports", "--threads"];
        match self {
            Command::Run(args) => (args.project.clone(), ALL),
            Command::Check(args) => (args.project.clone(), ALL),
            Command::Test(args) => (args.project.clone(), ALL),
            Command::Explain(args) => (args.project.clone(), ALL),
            Command::Repl(args) => (args.project.clone(), ALL),
            Command::Bench(args) => (args.project.clone(), ALL),
            Command::Replay(args) => (args.project.clone(), ALL),
            Command::Tune(args) => (args.project.clone(), ALL),
            Command::Train(args) => (args.project.clone(), ALL),
            Command::Diff(args) => (args.project.clone(), ALL),
            Command::Describe(args) => (args.project.clone(), ALL),
            Command::Build(args) => (args.project(), &["--catalog", "--cache", "--threads"]),
            Command::Init(args) => (args.project(), &["--cache", "--threads"]),
            Command::Fmt(_) | Command::Demo(_) | Command::Completions(_) | Command::Man(_) => {
                (Project::default(), &[])
            }
        }
    }
}

/// What the command knows besides the built-in operators and functions.
static REGISTRY: OnceLock<Registry> = OnceLock::new();

/// The same command with operators and functions of a program's own: a binary like `igql` is a `main` that
/// calls this once.
pub fn main_with(registry: Registry) -> ExitCode {
    REGISTRY.get_or_init(|| registry);
    main()
}

/// Opens a catalog.
fn opened(catalog: &Path, options: &Options) -> Result<Engine, DataError> {
    let registry = REGISTRY.get().cloned().unwrap_or_default();
    let builder = Engine::builder(catalog).options(options.clone());
    builder.registry(registry).open()
}

/// Parses the arguments of the process and runs the command.
pub fn main() -> ExitCode {
    ExitCode::from(main_from(std::env::args_os()))
}

/// The same with given arguments, the name of the command first; gives its exit code. The process is the command's:
/// it takes its signals and its panics, and may end it.
#[doc(hidden)]
pub fn main_from(args: impl IntoIterator<Item = OsString>) -> u8 {
    let parsed = command().try_get_matches_from(args);
    let cli = match parsed.and_then(|found| Cli::from_arg_matches(&found)) {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error),
    };
    mapped::guard();
    interrupt::watch(match cli.command {
        Command::Repl(_) => repl::stops,
        Command::Tune(_) => tune::stops,
        _ => || false,
    });
    end(match guarded(|| run_command(&cli)) {
        Ok(()) => 0,
        Err(failure) => fail(failure),
    })
}

/// The command as it is parsed. The value of an option may be a negative number: keys may, and what
/// is out of range deserves a message that says so.
fn command() -> clap::Command {
    let command = Cli::command().mut_args(with_negative);
    command.mut_subcommands(|command| command.mut_args(with_negative))
}

fn with_negative(arg: Arg) -> Arg {
    match arg.get_action().takes_values() && !arg.is_positional() {
        true => arg.allow_negative_numbers(true),
        false => arg,
    }
}

/// What the arguments ask for instead of a command (help, the version), or what is wrong with them.
fn unparsed(error: &clap::Error) -> u8 {
    use std::io::{ErrorKind, Write};
    let printed = error.print().and_then(|()| std::io::stdout().flush());
    end(match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            fail(out::failed("standard output", &error))
        }
        _ => error.exit_code() as u8,
    })
}

/// The exit code; a command whose messages are lost has not gone well.
fn end(code: u8) -> u8 {
    match code {
        0 if out::is_lost() => USAGE,
        code => code,
    }
}

fn run_command(cli: &Cli) -> Result<(), Failure> {
    let (given, taken) = cli.command.project();
    if let Some(option) = cli.project.beyond(taken) {
        let message = format!("`{option}` has no effect on this command");
        return Err(Failure::Usage(message));
    }
    let project = &given.or(&cli.project);
    if let Some(threads) = project.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let cannot = |e| Failure::Usage(format!("--threads {threads}: {e}"));
        pool.build_global().map_err(cannot)?;
    }
    match &cli.command {
        Command::Run(args) => run::run(project, args),
        Command::Check(args) => check::check(project, args),
        Command::Fmt(args) => fmt::fmt(args),
        Command::Test(args) => test::test(project, args),
        Command::Build(args) => build::build(project, args),
        Command::Explain(args) => explain::explain(project, args),
        Command::Init(args) => init::init(project, args),
        Command::Describe(args) => describe::describe(project, args),
        Command::Demo(args) => demo::demo(args),
        Command::Repl(args) => repl::repl(project, args),
        Command::Bench(args) => bench::bench(project, args),
        Command::Replay(args) => replay::replay(project, args),
        Command::Tune(args) => tune::tune(project, args),
        Command::Train(args) => train::train(project, args),
        Command::Diff(args) => diff::diff(project, args),
        Command::Completions(args) => complete::completions(args),
        Command::Man(args) => complete::man(args),
    }
}

/// The catalog that was opened last, with its options, to look for damage after a panic.
static OPENED: Mutex<Option<(PathBuf, Options)>> = Mutex::new(None);

/// Opening reads headers alone, so bytes that changed on the disk may break a run. Then the
/// snapshot is at fault, and is reported in the place of the panic.
fn guarded(command: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());
    std::panic::set_hook(Box::new(|panic| {
        let trace = std::backtrace::Backtrace::capture();
        let mut panics = PANICS.lock().unwrap_or_else(|e| e.into_inner());
        panics.push(format!("{panic}\n{trace}"));
    }));
    let panic = match catch_unwind(AssertUnwindSafe(command)) {
        Ok(result) => return result,
        Err(panic) => panic,
    };
    let opened = OPENED.lock().unwrap_or_else(|e| e.into_inner()).take();
    if let Some((catalog, options)) = opened {
        store::verify(&catalog, &options)?;
    }
    // no lock is held while they are written: writing may fail, too
    let panics = std::mem::take(&mut *PANICS.lock().unwrap_or_else(|e| e.into_inner()));
    panics.iter().for_each(out::say);
    resume_unwind(panic)
}

impl Project {
    /// The catalog: as given, or found from a program's folder upwards.
    fn find(&self, program: Option<&Path>) -> Result<PathBuf, Failure> {
        if let Some(given) = &self.catalog {
            return Ok(if given.is_dir() { given.join("catalog.toml") } else { given.clone() });
        }
        let start = program
            .and_then(Path::parent)
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        catalog::find(start).ok_or_else(|| {
            let error = DataError::new(
                start.join("catalog.toml"),
                "there is no catalog here or in a folder above",
            );
            let help = "a project is a folder with a `catalog.toml`; name it with `--catalog PATH`";
            Failure::from(error.help(help))
        })
    }

    fn options(&self) -> Options {
        Options {
            cache: self.cache.clone(),
            stale: self.stale,
            imports: self.allow_imports.clone(),
            learned: self.learned.clone(),
            progress: progress::on_terminal(),
        }
    }

    fn open(&self, program: Option<&Path>) -> Result<Engine, Failure> {
        let (catalog, options) = (self.find(program)?, self.options());
        let engine = opened(&catalog, &options);
        progress::clear();
        let engine = engine?;
        *OPENED.lock().unwrap_or_else(|e| e.into_inner()) = Some((catalog, options));
        // said once, when the snapshot is built; `igql describe` says it again
        if engine.snapshot().was_built() {
            let warnings = engine.snapshot().warnings();
            warnings.iter().for_each(|w| out::say(format_args!("{w}")));
        }
        Ok(engine)
    }

    /// Fails where a result would be written over something that the command reads.
    fn spare_inputs(
        &self,
        place: &out::Place,
        file: &Path,
        engine: &Engine,
        program: &Program,
        users: Option<&Path>,
    ) -> Result<(), Failure> {
        let Some(target) = place.file() else {
            return Ok(());
        };
        let is = |path: &Path| files::is_same(target, path);
        let catalog = self.find(Some(file))?;
        let folder = catalog.parent().unwrap_or(Path::new("."));
        let mut programs = program.sources().iter().map(|(_, s)| Path::new(&*s.name));
        let mut sources = engine.snapshot().sources();
        let what = if programs.any(is) {
            "a program that the command reads"
        } else if users.is_some_and(is) {
            "the file of users"
        } else if is(&catalog) {
            "the catalog"
        } else if sources.any(|file| is(&folder.join(file))) {
            "a table or a vector file of the catalog"
        } else if files::is_below(target, engine.snapshot().folder()) {
            "in the folder of derived files"
        } else {
            return place.probe();
        };
        let message = format!("-o {}: this is {what}", target.display());
        Err(Failure::Usage(format!("{message}\nhelp: name another file")))
    }
}

/// A program's name and text; `-` is standard input.
struct ProgramFile {
    path: PathBuf,
    name: String,
    text: String,
    /// The most that an operator may make for one request, for the bounds that are checked.
    max_rows: u64,
    tunables: Tunables,
}

impl ProgramFile {
    fn read(path: &Path) -> Result<ProgramFile, Failure> {
        let name = path.display().to_string();
        let text = if name == "-" {
            files::program_from(std::io::stdin())
        } else {
            files::read_program(path)
        };
        match text {
            Ok(text) => Ok(ProgramFile {
                path: path.to_owned(),
                name,
                text,
                max_rows: Limits::default().max_rows,
                tunables: Tunables::new(),
            }),
            Err(error) => Err(Failure::Usage(unreadable(&name, &error))),
        }
    }

    /// The folder that its imports are relative to.
    fn folder(&self) -> Option<&Path> {
        let parent = self.path.parent()?;
        Some(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
    }

    fn compile(&self, engine: &Engine, query: Option<&str>) -> Compiled {
        engine.compile_unit(&Unit { query, tunables: Some(&self.tunables), ..self.unit() })
    }

    fn unit(&self) -> Unit<'_> {
        let Self { name, text, max_rows, .. } = self;
        Unit { folder: self.folder(), max_rows: *max_rows, ..Unit::new(name, text) }
    }

    /// Of `--param NAME=VALUE`, sets those that name tunables of the program, for the whole run; gives the
    /// others, which are parameters of the request.
    fn tune(
        &mut self,
        engine: &Engine,
        query: Option<&str>,
        given: &[String],
    ) -> Result<Vec<String>, Failure> {
        if given.is_empty() {
            return Ok(Vec::new());
        }
        let compiled = self.compile(engine, query);
        let Some(program) = &compiled.program else {
            return Ok(given.to_vec());
        };
        let (tunables, rest) = params::tunables(program, given)?;
        self.tunables = tunables;
        Ok(rest)
    }

    /// A program that can run; what is wrong or doubtful goes to standard error.
    fn program(&self, engine: &Engine, query: Option<&str>) -> Result<Program, Failure> {
        let compiled = self.compile(engine, query);
        draw(&compiled.diagnostics, &compiled.sources);
        match compiled.program {
            Some(program) => Ok(program),
            None if has_errors(&compiled.diagnostics) => Err(Failure::Program),
            None => {
                out::say(format_args!(
                    "error: {} has no query to run\nhelp: end the file with an expression, or declare `query main = ...`",
                    self.name
                ));
                Err(Failure::Program)
            }
        }
    }
}

/// Why a program cannot be read.
fn unreadable(name: &str, error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => format!("{name}: there is no such file"),
        ErrorKind::InvalidData => format!("{name}: {error}"),
        ErrorKind::IsADirectory => {
            let folder = name.trim_end_matches('/');
            format!("{name}: {error}\nhelp: name the programs in it: `{folder}/*.igql`")
        }
        ErrorKind::InvalidInput => {
            format!("{name}: {error}\nhelp: `-` reads a program from standard input")
        }
        _ => format!("{name}: {error}"),
    }
}

/// Draws diagnostics on standard error.
fn draw(diagnostics: &[Diagnostic], sources: &Sources) {
    if !diagnostics.is_empty() {
        let terminal = std::io::stderr().is_terminal();
        let style = render::Style {
            color: terminal && std::env::var_os("NO_COLOR").is_none(),
            width: grid::width().filter(|_| terminal),
        };
        out::show(&drawn(diagnostics, sources, style));
    }
}

/// Diagnostics as they are drawn.
fn drawn(diagnostics: &[Diagnostic], sources: &Sources, style: render::Style) -> String {
    render::draw_in(&options::of_program(diagnostics), sources, style)
}

/// Diagnostics as JSON, for machines.
fn as_json(diagnostics: &[Diagnostic], sources: &Sources) -> serde_json::Value {
    json::to_json(&options::of_program(diagnostics), sources)
}
