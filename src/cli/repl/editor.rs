//! The session at a terminal: lines with history and completion.

use super::complete::complete;
use super::session::{Next, Session};
use super::{PROMPT, feed, greeting, split};
use crate::cli::{Failure, out};
use crate::visible::visible_lines;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Keys closer together than this were not typed: more may be waiting in the editor.
const HASTE: Duration = Duration::from_millis(2);

/// What the editor asks while a line is typed.
struct Assistant<'s> {
    session: Rc<RefCell<&'s mut Session>>,
    last_key: Cell<Option<Instant>>,
    /// Whether Enter came right behind another key.
    hasty: Rc<Cell<bool>>,
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
        let pair = |name: String| Pair { display: name.clone(), replacement: name };
        Ok((start, names.into_iter().map(pair).collect()))
    }
}

impl Validator for Assistant<'_> {
    fn validate(&self, ctx: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let input = ctx.input();
        let since = self.last_key.get().map(|last| last.elapsed());
        self.hasty.set(since.is_some_and(|since| since < HASTE));
        // two empty lines end what does not end by itself
        let whole = split::is_whole(input) || input.ends_with("\n\n");
        Ok(if whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Hinter for Assistant<'_> {
    type Hint = String;

    /// None; but it is asked for with every key.
    fn hint(&self, _: &str, _: usize, _: &Context<'_>) -> Option<String> {
        self.last_key.set(Some(Instant::now()));
        None
    }
}

impl Highlighter for Assistant<'_> {}

impl Helper for Assistant<'_> {}

/// Whether the terminal can be drawn on.
pub fn is_supported() -> bool {
    let term = std::env::var("TERM").unwrap_or_default();
    !matches!(term.as_str(), "" | "dumb" | "cons25" | "emacs")
}

/// Reads inputs until the session ends.
pub fn run(session: &mut Session) -> Result<(), Failure> {
    let config =
        Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
    let mut editor: Editor<Assistant, FileHistory> = Editor::with_config(config).map_err(failed)?;
    let session = Rc::new(RefCell::new(session));
    let hasty = Rc::new(Cell::new(false));
    editor.set_helper(Some(Assistant {
        session: session.clone(),
        last_key: Cell::new(None),
        hasty: hasty.clone(),
    }));
    let mut history = History::open(&mut editor);
    out::print(&greeting())?;
    let mut waiting = false;
    loop {
        let Read { input, ends, keys } = read(&mut editor, waiting);
        // what came at once may have been more than the line that it ended
        let line = input.as_ref().map_or(0, String::len);
        waiting = hasty.take() && line + 1 > keys;
        match input {
            Ok(text) => {
                history.add(&mut editor);
                if feed(&mut session.borrow_mut(), &text)? == Next::Quit || ends {
                    break;
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(ReadlineError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
                out::say("error: what was typed is not UTF-8");
            }
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

fn failed(error: ReadlineError) -> Failure {
    Failure::Usage(format!("the terminal: {error}"))
}

/// One input.
struct Read {
    input: Result<String, ReadlineError>,
    /// Whether the session ends with it.
    ends: bool,
    /// Bytes of it that came at once, at most.
    keys: usize,
}

impl Read {
    fn new(input: Result<String, ReadlineError>) -> Read {
        Read { input, ends: false, keys: 0 }
    }
}

/// Reads an input. Where keys may be waiting in the editor, they come first.
#[cfg(unix)]
fn read(editor: &mut Editor<Assistant, FileHistory>, waiting: bool) -> Read {
    if waiting {
        return Read::new(editor.readline(PROMPT));
    }
    let typed = super::typed::wait();
    let text = typed.text.trim_end_matches('\n');
    if typed.ends && text.is_empty() {
        return Read::new(Err(ReadlineError::Eof));
    }
    if typed.entered && split::is_whole(&typed.text) {
        // a terminal that cannot be written ends the session with what comes next
        let shown = text.replace('\t', "    ");
        let _ = out::print(&format!("{}\n", visible_lines(&shown)));
        // it fails only where there is no history
        let _ = editor.add_history_entry(text);
        return Read { ends: typed.ends, ..Read::new(Ok(typed.text)) };
    }
    let begin = match text.strip_suffix('\t') {
        _ if typed.entered => typed.text.clone(),
        Some(word) => completed(editor, word),
        None => text.to_owned(),
    };
    Read {
        input: editor.readline_with_initial(PROMPT, (&begin, "")),
        ends: typed.ends,
        keys: typed.keys,
    }
}

/// A text with what Tab makes of its end, where that can be one thing only.
#[cfg(unix)]
fn completed(editor: &Editor<Assistant, FileHistory>, text: &str) -> String {
    let names = editor.helper().map(|helper| {
        let session = helper.session.borrow();
        complete(&session, text, text.len())
    });
    match names.as_ref().map(|(start, names)| (*start, &names[..])) {
        Some((start, [only])) => format!("{}{only}", &text[..start]),
        _ => text.to_owned(),
    }
}

#[cfg(not(unix))]
fn read(editor: &mut Editor<Assistant, FileHistory>, _: bool) -> Read {
    Read::new(editor.readline(PROMPT))
}

/// Where inputs are kept from one session to the next.
struct History(Option<PathBuf>);

impl History {
    fn open(editor: &mut Editor<Assistant, FileHistory>) -> History {
        let path = history_file();
        if let Some(path) = &path {
            // there is none before the first session
            let _ = editor.load_history(path);
        }
        History(path)
    }

    /// Adds what was entered last; two sessions at once keep what both have. Where it cannot be kept,
    /// that is said once.
    fn add(&mut self, editor: &mut Editor<Assistant, FileHistory>) {
        let Some(path) = &self.0 else { return };
        if let Err(error) = editor.append_history(path) {
            let path = path.display();
            out::say(format_args!(
                "note: inputs are not kept for the next session: {path}: {error}"
            ));
            self.0 = None;
        }
    }
}

fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(|| {
        std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"))
    })?;
    let folder = state.join("igql");
    // what keeps it from being made is said when the first input is kept
    let _ = std::fs::create_dir_all(&folder);
    Some(folder.join("history"))
}
