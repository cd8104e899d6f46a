//! `igql repl`: a session at a terminal, or through a pipe.
//!
//! Through a pipe there are no prompts and no colours, and a mistake does not end the session: what
//! is wrong goes to standard error, answers to standard output, as everywhere.

mod command_list;
mod commands;
mod complete;
mod editor;
mod help;
mod markdown;
mod session;
mod split;
#[cfg(unix)]
mod typed;

use super::{Failure, Project, grid, opened, out};
use crate::engine::Engine;
use crate::store;
use clap::Args;
use session::{Next, Said, Session};
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

#[derive(Args)]
pub struct ReplArgs {
    /// User to run for
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Value of `now` [default: the catalog's]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Read this file first
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Data and threads")]
    pub(super) project: Project,
}

/// Set by Ctrl-C while a query runs; the run looks at it where it looks at its deadline.
static STOP: AtomicBool = AtomicBool::new(false);

/// What stands before an input.
const PROMPT: &str = "igql> ";

/// Where the data of a session come from.
pub trait Source {
    /// Opens them as they are now; the error is drawn.
    fn open(&self) -> Result<Engine, String>;

    /// Whether an engine has them as they are now.
    fn is_current(&self, engine: &Engine) -> bool;

    /// The catalog's folder.
    fn folder(&self) -> Option<&Path>;
}

/// A catalog on the disk.
struct OnDisk {
    catalog: PathBuf,
    options: store::Options,
}

impl Source for OnDisk {
    fn open(&self) -> Result<Engine, String> {
        opened(&self.catalog, &self.options).map_err(|error| error.to_string())
    }

    fn is_current(&self, engine: &Engine) -> bool {
        // a catalog that cannot be read is not that of the session either
        let current = store::is_current(&self.catalog, &self.options, engine.snapshot());
        self.options.stale || current.unwrap_or(false)
    }

    fn folder(&self) -> Option<&Path> {
        self.catalog.parent()
    }
}

/// What Ctrl-C sets instead of ending the session: at the prompt it is a key, while a query runs a
/// signal. Through a pipe it ends the session.
pub fn stops() -> bool {
    let is_session = std::io::stdin().is_terminal();
    if is_session {
        STOP.store(true, Ordering::Relaxed);
    }
    is_session
}

pub fn repl(project: &Project, args: &ReplArgs) -> Result<(), Failure> {
    let engine = project.open(args.file.as_deref())?;
    let source =
        OnDisk { catalog: project.find(args.file.as_deref())?, options: project.options() };
    let mut session = Session::new(engine, Box::new(source), &STOP);
    let first = [
        args.user.as_ref().map(|user| format!(":user {user}")),
        args.at.as_ref().map(|at| format!(":at {at}")),
    ];
    for line in first.into_iter().flatten() {
        feed(&mut session, &line)?;
    }
    if let Some(file) = &args.file {
        show(&session.load(file))?;
    }
    match std::io::stdin().is_terminal() {
        true if editor::is_supported() => editor::run(&mut session),
        terminal => lines(&mut session, terminal),
    }
}

/// Gives the session an input and shows what comes of it, part by part.
fn feed(session: &mut Session, text: &str) -> Result<Next, Failure> {
    STOP.store(false, Ordering::Relaxed);
    session.input(text, &mut |said| show(&said))
}

fn show(said: &Said) -> Result<(), Failure> {
    if STOP.load(Ordering::Relaxed) && std::io::stderr().is_terminal() {
        // behind the `^C` that the terminal shows
        out::show("\n");
    }
    let width = grid::width();
    if !said.errors.is_empty() {
        out::show(&grid::fitted(&said.errors, width));
    }
    match said.text.is_empty() {
        true => Ok(()),
        false => out::print(&grid::fitted(&said.text, width)),
    }
}

/// How long a line that could end an input waits for one that goes on with it. What a program writes
/// at once so is one text, and who writes line by line gets answers.
const PAUSE: Duration = Duration::from_millis(150);

/// Inputs from a pipe, or from a terminal without an editor.
fn lines(session: &mut Session, terminal: bool) -> Result<(), Failure> {
    if terminal {
        out::print(&greeting())?;
    }
    let lines = read_lines();
    let mut input = String::new();
    let mut ends = false;
    while !ends {
        if terminal && input.is_empty() {
            out::print(PROMPT)?;
        }
        let line = match split::is_whole(&input) && !input.is_empty() {
            false => lines.recv().map_err(|_| RecvTimeoutError::Disconnected),
            true => lines.recv_timeout(PAUSE),
        };
        match line {
            Ok(line) => {
                input.push_str(&line);
                continue;
            }
            Err(error) => ends = error == RecvTimeoutError::Disconnected,
        }
        if feed(session, &std::mem::take(&mut input))? == Next::Quit {
            return Ok(());
        }
    }
    match terminal {
        true => out::print("\n"),
        false => Ok(()),
    }
}

/// The lines of standard input, read beside what runs. Bytes that are no UTF-8 are shown as such by
/// the error that they cause.
fn read_lines() -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut line = Vec::new();
        while matches!(stdin.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).replace("\r\n", "\n");
            if send.send(text).is_err() {
                break;
            }
            line.clear();
        }
    });
    receive
}

fn greeting() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("igql {version}; `:help` for help, `:quit` to end\n")
}
