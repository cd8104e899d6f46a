//! The session at a terminal: lines with history and completion.

use super::complete::complete;
use super::feed;
use super::session::{Next, Session};
use crate::cli::{Failure, out};
use crate::syntax::is_complete;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

/// What the editor asks while a line is typed.
struct Assistant<'s> {
    session: Rc<RefCell<&'s mut Session>>,
}

impl Completer for Assistant<'_> {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, names) = complete(&self.session.borrow(), line, pos);
        let pair = |name: String| Pair {
            display: name.clone(),
            replacement: name,
        };
        Ok((start, names.into_iter().map(pair).collect()))
    }
}

impl Validator for Assistant<'_> {
    fn validate(&self, ctx: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let input = ctx.input();
        // an empty line ends what does not end by itself
        let whole =
            input.trim_start().starts_with(':') || is_complete(input) || input.ends_with('\n');
        Ok(if whole {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

impl Hinter for Assistant<'_> {
    type Hint = String;
}

impl Highlighter for Assistant<'_> {}

impl Helper for Assistant<'_> {}

/// Reads inputs until the session ends.
pub fn run(session: &mut Session) -> Result<(), Failure> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .auto_add_history(true)
        .build();
    let failed = |error: ReadlineError| Failure::Usage(format!("the terminal: {error}"));
    let mut editor: Editor<Assistant, FileHistory> = Editor::with_config(config).map_err(failed)?;
    let session = Rc::new(RefCell::new(session));
    editor.set_helper(Some(Assistant {
        session: session.clone(),
    }));
    let history = history();
    if let Some(path) = &history {
        // there is none before the first session
        let _ = editor.load_history(path);
    }
    out::print(concat!(
        "igql ",
        env!("CARGO_PKG_VERSION"),
        "; `:help` for help, `:quit` to end\n"
    ))?;
    loop {
        match editor.readline("igql> ") {
            Ok(text) => {
                if feed(&mut session.borrow_mut(), &text)? == Next::Quit {
                    break;
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failed(error)),
        }
        if let Some(path) = &history {
            // lines are added: another session may have written some since
            let _ = editor.append_history(path);
        }
    }
    Ok(())
}

/// Where lines are kept from one session to the next.
fn history() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| {
            std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"))
        })?;
    let folder = state.join("igql");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}
