//! `igql repl`: a session at a terminal, or through a pipe.
//!
//! Through a pipe there are no prompts and no colours, and a mistake does not end the session: what
//! is wrong goes to standard error, answers to standard output, as everywhere.

mod complete;
mod editor;
mod help;
mod session;

use super::{Failure, Project, out};
use crate::syntax::{goes_on, is_complete};
use clap::Args;
use session::{Next, Session};
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Args)]
pub struct ReplArgs {
    /// The user that asks
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// What `now` is [default: the catalog's]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Read this file first
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Set by Ctrl-C while a query runs; the run looks at it where it looks at its deadline.
static STOP: AtomicBool = AtomicBool::new(false);

/// What Ctrl-C sets instead of ending the session: at the prompt it is a key, while a query runs a
/// signal. Through a pipe it ends the session.
pub fn stops() -> Option<&'static AtomicBool> {
    std::io::stdin().is_terminal().then_some(&STOP)
}

pub fn repl(project: &Project, args: &ReplArgs) -> Result<(), Failure> {
    let engine = project.open(args.file.as_deref())?;
    let terminal = std::io::stdin().is_terminal();
    let mut session = Session::new(engine, &STOP);
    let first = [
        args.user.as_ref().map(|user| format!(":user {user}")),
        args.at.as_ref().map(|at| format!(":at {at}")),
        args.file.as_ref().map(|f| format!(":load {}", f.display())),
    ];
    for line in first.into_iter().flatten() {
        feed(&mut session, &line)?;
    }
    if terminal {
        editor::run(&mut session)
    } else {
        piped(&mut session)
    }
}

/// Gives the session one whole input and shows what comes of it.
fn feed(session: &mut Session, text: &str) -> Result<Next, Failure> {
    STOP.store(false, Ordering::Relaxed);
    let said = session.input(text);
    if STOP.load(Ordering::Relaxed) && std::io::stderr().is_terminal() {
        // behind the `^C` that the terminal shows
        out::show("\n");
    }
    if !said.errors.is_empty() {
        out::show(&said.errors);
    }
    if !said.text.is_empty() {
        out::print(&said.text)?;
    }
    Ok(said.next)
}

/// Inputs from a pipe: a line goes on in the next where brackets are open, where it ends so, and
/// where the next begins so.
fn piped(session: &mut Session) -> Result<(), Failure> {
    let lines = std::io::stdin().lock().lines();
    let mut lines = lines.map_while(Result::ok).peekable();
    let mut input = String::new();
    while let Some(line) = lines.next() {
        if !input.is_empty() {
            input.push('\n');
        }
        input.push_str(&line);
        let more = !input.trim_start().starts_with(':')
            && (!is_complete(&input) || lines.peek().is_some_and(|next| goes_on(next)));
        if more && lines.peek().is_some() {
            continue;
        }
        if feed(session, &std::mem::take(&mut input))? == Next::Quit {
            break;
        }
    }
    Ok(())
}
