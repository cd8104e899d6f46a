//! What a session knows, and what it does with an input.
//!
//! Definitions that were entered are a module of their own, which every later input imports; one
//! that is entered again takes the place of the first.

use super::Source;
use super::command_list::is_command;
use super::split::{self, Key, Part};
use crate::answer::Answer;
use crate::batch::Stop;
use crate::check::modules::{Module, Modules};
use crate::cli::{Failure, grid, table};
use crate::diag::{Diagnostic, Severity, Sink, render};
use crate::engine::{Compiled, Engine, Program, Unit};
use crate::files;
use crate::ops::{Limits, RunError, Vocabulary};
use crate::request::{Request, unknown_arm};
use crate::source::{SourceId, Sources, Span};
use crate::syntax::ast::{Expr, ExprKind, File, ImportPath, Item, ItemKind};
use crate::syntax::parse;
use crate::visible::{visible, visible_lines};
use std::collections::HashSet;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Whether the session goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Next {
    #[default]
    Go,
    Quit,
}

/// What came of a part of an input: answers, and what is wrong.
#[derive(Debug, Default)]
pub struct Said {
    pub text: String,
    pub errors: String,
    pub next: Next,
}

impl Said {
    pub fn text(text: impl Into<String>) -> Said {
        let mut text = text.into();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Said { text, ..Said::default() }
    }

    pub fn error(message: impl std::fmt::Display) -> Said {
        Said {
            errors: format!("error: {}\n", visible_lines(&message.to_string())),
            ..Said::default()
        }
    }

    /// More that came after it.
    fn and(&mut self, more: Said) {
        self.text.push_str(&more.text);
        self.errors.push_str(&more.errors);
        self.next = more.next;
    }
}

/// Takes what came of a part of an input; fails where nobody can be told.
pub type Say<'s> = &'s mut dyn FnMut(Said) -> Result<(), Failure>;

/// Rows of a list that are shown, unless `:rows` says otherwise.
const ROWS: usize = 40;

/// What was run last: what `:why` and `:plan` are about, whatever was defined since.
pub struct Last {
    pub program: Program,
    pub request: Request,
}

/// What a line that begins with `.` or an operator goes on from.
#[derive(Clone)]
enum Before {
    Nothing,
    /// A program that ended in a set.
    Set(String),
    /// A definition.
    Item(Key),
    /// Something with errors: it is not what was meant, and what stands before it even less so.
    Failed,
}

/// Where a program comes from.
#[derive(Clone, Copy)]
struct Origin<'a> {
    name: &'a str,
    /// The folder that its imports are relative to; none: the catalog's.
    folder: Option<&'a Path>,
}

const TYPED: Origin = Origin { name: "repl", folder: None };

pub struct Session {
    pub engine: Engine,
    pub source: Box<dyn Source>,
    /// Definitions, in the order in which they were first entered.
    pub items: Vec<(Key, String)>,
    /// Imports, which have no name.
    pub imports: Vec<String>,
    pub request: Request,
    pub timed: bool,
    /// Rows of a list that are shown at most; none: all.
    pub rows: Option<usize>,
    pub last: Option<Last>,
    before: Before,
    /// What was said of definitions once is not said again with every use.
    told: HashSet<(&'static str, String)>,
    /// Whether it was said that the data has changed since the session began.
    noted: bool,
    stop: &'static AtomicBool,
}

impl Session {
    pub fn new(engine: Engine, source: Box<dyn Source>, stop: &'static AtomicBool) -> Session {
        Session {
            engine,
            source,
            items: Vec::new(),
            imports: Vec::new(),
            request: Request::anonymous(),
            timed: false,
            rows: Some(ROWS),
            last: None,
            before: Before::Nothing,
            told: HashSet::new(),
            noted: false,
            stop,
        }
    }

    /// Commands, definitions and sets to run, one after the other; `say` gets what comes of each.
    pub fn input(&mut self, text: &str, say: Say) -> Result<Next, Failure> {
        for part in split::parts(text, is_command) {
            let mut said = match part {
                Part::Command(command) => self.command(&command),
                Part::Program(program) => self.programs(&program, say)?,
            };
            if self.noted_now() {
                said.errors.insert_str(0, CHANGED);
            }
            let next = said.next;
            say(said)?;
            if next == Next::Quit {
                return Ok(next);
            }
            if self.stopped() {
                break;
            }
        }
        Ok(Next::Go)
    }

    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether the data has changed since it was opened, which is said once.
    fn noted_now(&mut self) -> bool {
        if self.noted || self.source.is_current(&self.engine) {
            return false;
        }
        self.noted = true;
        true
    }

    /// The text that a dot at the begin of a line goes on from.
    pub fn continued(&self) -> Option<String> {
        match &self.before {
            Before::Set(text) => Some(text.clone()),
            Before::Item((_, name, _)) => Some(name.clone()),
            Before::Nothing | Before::Failed => None,
        }
    }

    /// The modules that an input sees, itself without content.
    pub fn modules(&self) -> Vec<Arc<Module>> {
        self.engine.modules(Some(&self.definitions(&[])))
    }

    /// The operators that programs can name.
    pub fn vocabulary(&self) -> &Vocabulary {
        self.engine.vocabulary()
    }

    /// Those of them whose names can be used: the others have to be imported first.
    pub fn visible(&self) -> Vec<Arc<Module>> {
        let modules = Modules::new(self.modules());
        let order = modules.order(0);
        order.map(|m| modules.all[m].clone()).collect()
    }

    /// A program in the session.
    pub fn compile(&self, text: &str) -> Compiled {
        self.compiled(text, None, TYPED, &[])
    }

    /// The same where it defines some names anew.
    fn compiled(&self, text: &str, query: Option<&str>, origin: Origin, anew: &[Key]) -> Compiled {
        self.engine.compile_unit(&Unit {
            folder: origin.folder,
            query,
            session: Some(&self.definitions(anew)),
            ..Unit::new(origin.name, text)
        })
    }

    /// What was defined, but for what is defined anew.
    fn definitions(&self, anew: &[Key]) -> String {
        let kept = self.items.iter().filter(|(key, _)| !anew.contains(key));
        let items = kept.map(|(_, text)| text);
        let all: Vec<&str> = self.imports.iter().chain(items).map(String::as_str).collect();
        all.join("\n")
    }

    /// Forgets all definitions, and what was run.
    pub fn reset(&mut self) -> usize {
        let count = self.items.len() + self.imports.len();
        self.items.clear();
        self.imports.clear();
        self.told.clear();
        self.forget_last();
        count
    }

    /// Nothing was run, and there is nothing to go on from.
    pub fn forget_last(&mut self) {
        self.last = None;
        self.before = Before::Nothing;
    }

    /// The data as it is now; definitions stay.
    pub fn reload(&mut self) -> Said {
        match self.source.open() {
            Ok(engine) => {
                self.engine = engine;
                self.noted = false;
                self.forget_last();
                Said::text(format!("snapshot {}", self.engine.snapshot().id()))
            }
            Err(message) => {
                let errors = format!(
                    "{}\nnote: the session keeps its data\n",
                    visible_lines(message.trim_end())
                );
                Said { errors, ..Said::default() }
            }
        }
    }

    /// A file as if it had been entered; its imports are relative to it.
    pub fn load(&mut self, path: &Path) -> Said {
        let name = path.display().to_string();
        match files::read_program(path) {
            Ok(text) => {
                let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
                let origin = Origin { name: &name, folder: Some(folder.unwrap_or(Path::new("."))) };
                self.program(&text, origin)
            }
            Err(error) => Said::error(format!("{name}: {error}")),
        }
    }

    /// The programs of an input; `say` gets what comes of all but the last.
    fn programs(&mut self, text: &str, say: Say) -> Result<Said, Failure> {
        if split::continues(text) {
            return Ok(self.go_on(text));
        }
        let mut said = Said::default();
        for program in split::programs(text) {
            say(std::mem::take(&mut said))?;
            if self.stopped() {
                break;
            }
            said = self.program(program, TYPED);
        }
        Ok(said)
    }

    /// A line that begins with `.` or an operator: what it belongs to, with it.
    fn go_on(&mut self, text: &str) -> Said {
        let line = visible(text.trim().lines().next().unwrap_or_default()).into_owned();
        let refused = |why: String| Said::error(format!("`{line}` {why}"));
        let before = match &self.before {
            Before::Set(before) => before,
            Before::Item(key) => match self.items.iter().find(|(known, _)| known == key) {
                Some((_, before)) => before,
                None => return refused("has nothing to continue".to_owned()),
            },
            Before::Nothing => {
                let help = "begin with a set, as `user` or `all(...)`, or a name";
                return refused(format!("has nothing to continue\nhelp: {help}"));
            }
            Before::Failed => {
                let help = "enter both together, or begin with the set that is meant";
                return refused(format!(
                    "would continue the previous input, which has errors\nhelp: {help}"
                ));
            }
        };
        if text.trim_start().starts_with('.')
            && let Some((all, end)) = loose_end(before)
        {
            let (all, end) = (visible(&all), visible(&end));
            return refused(format!(
                "would apply to `{end}` only\nhelp: put brackets around the whole set: `({all}){line}`"
            ));
        }
        let before_text = before.clone();
        let known = self.before.clone();
        let said = self.program(&format!("{}\n{text}", before_text.trim_end()), TYPED);
        if matches!(self.before, Before::Failed) {
            // what it went on from is still there
            self.before = known;
        }
        said
    }

    /// Definitions are kept, a set at the end is run.
    fn program(&mut self, text: &str, origin: Origin) -> Said {
        let file = parse(text, SourceId::default(), &mut Sink::default());
        let anew: Vec<Key> = file.items.iter().filter_map(split::key).collect();
        let several = several_queries(&file);
        let compiled: Vec<Compiled> = match several.is_empty() {
            true => vec![self.compiled(text, None, origin, &anew)],
            false => several
                .iter()
                .map(|query| self.compiled(text, Some(query), origin, &anew))
                .collect(),
        };
        for compiled in &compiled {
            let is_error = |d: &Diagnostic| d.severity() == Severity::Error;
            if compiled.diagnostics.iter().any(is_error) {
                self.before = Before::Failed;
                return self.failed(&compiled.diagnostics, &compiled.sources);
            }
        }
        let mut said = Said::default();
        self.before = Before::Nothing;
        for item in &file.items {
            self.keep(item, text, origin);
        }
        for compiled in compiled {
            said.errors.push_str(&self.drawn(&compiled.diagnostics, &compiled.sources));
            if let Some(program) = compiled.program.filter(|_| several.is_empty() && runs(&file)) {
                if matches!(file.items.last().map(|i| &i.kind), Some(ItemKind::Expr(_))) {
                    self.before = Before::Set(text.to_owned());
                }
                said.and(self.run(program));
            }
        }
        said.and(Said { errors: notes(&file, &several), ..Said::default() });
        said
    }

    fn keep(&mut self, item: &Item, text: &str, origin: Origin) {
        let docs = item.docs.iter().map(|line| format!("## {line}\n"));
        let written = docs.collect::<String>() + &text[item.span.range()];
        match (split::key(item), &item.kind) {
            (Some(key), _) => {
                self.before = Before::Item(key.clone());
                match self.items.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, old)) => *old = written,
                    None => self.items.push((key, written)),
                }
            }
            (None, ItemKind::Import(path)) => {
                let written = match (path, origin.folder.or(self.source.folder())) {
                    (ImportPath::File { path, .. }, Some(folder)) => {
                        let path = folder.join(path);
                        let path = path.canonicalize().unwrap_or(path);
                        format!("import {:?}", path.display().to_string())
                    }
                    _ => written,
                };
                if !self.imports.contains(&written) {
                    self.imports.push(written);
                }
            }
            _ => {}
        }
    }

    /// Runs a program: its answer as tables, and what went wrong.
    fn run(&mut self, program: Program) -> Said {
        let started = Instant::now();
        // arms of experiments that have been forgotten since
        let declared = &program.checked().experiments;
        self.request.arms.retain(|(name, arm)| unknown_arm(declared, name, arm).is_none());
        let requests = std::slice::from_ref(&self.request);
        let answer = match self.engine.execute(&program, requests, &self.limits().into()) {
            Ok(mut pass) => pass.answers.remove(0),
            Err(error @ RunError::NoUser { .. }) => {
                return Said::error(format!("{error}\nhelp: set the user with `:user ID`"));
            }
            Err(error) => return Said::error(error),
        };
        let took = started.elapsed();
        self.last = Some(Last {
            program,
            // explanations are of this answer, not of one a moment later
            request: Request { at: Some(answer.now), ..self.request.clone() },
        });
        let mut said = Said::text(table::answer(&answer, false, self.room()));
        if self.timed {
            let rows: usize = answer.lists.iter().map(|l| l.len()).sum();
            let noun = if rows == 1 { "row" } else { "rows" };
            let ms = took.as_secs_f64() * 1e3;
            said.text.push_str(&format!("{rows} {noun} in {ms:.1} ms\n"));
        }
        said.errors = warnings(&answer);
        said
    }

    /// What a table may take.
    pub fn room(&self) -> table::Room {
        table::Room { width: grid::width(), rows: self.rows }
    }

    pub fn limits(&self) -> Limits {
        Limits { stop: Stop { flag: Some(self.stop), ..Stop::default() }, ..Limits::default() }
    }

    pub fn failed(&mut self, diagnostics: &[Diagnostic], sources: &Sources) -> Said {
        let errors = self.drawn(diagnostics, sources);
        match errors.is_empty() {
            true => Said::error("there is nothing to run"),
            false => Said { errors, ..Said::default() },
        }
    }

    /// Diagnostics; that something is not used yet is no news in a session, nor what was said of an
    /// earlier definition already.
    fn drawn(&mut self, diagnostics: &[Diagnostic], sources: &Sources) -> String {
        let is_typed = |d: &Diagnostic| sources.get(d.span.source).name.as_ref() == TYPED.name;
        let told = &mut self.told;
        let news: Vec<Diagnostic> = diagnostics
            .iter()
            .filter(|d| !d.code.id.starts_with("W01"))
            .filter(|d| {
                let is_new = d.severity() == Severity::Error || is_typed(d);
                is_new || told.insert((d.code.id, d.message.clone()))
            })
            .cloned()
            .collect();
        let style = render::Style {
            color: std::io::stderr().is_terminal() && grid::may_color(),
            width: grid::width(),
        };
        match news.is_empty() {
            true => String::new(),
            false => render::draw_in(&news, sources, style),
        }
    }
}

/// Said once, before the answer that is not of the newest data.
const CHANGED: &str = "note: the catalog or its data has changed; this session still uses the old data; `:reload` loads the new data\n";

fn warnings(answer: &Answer) -> String {
    let lines = answer.warnings.iter();
    lines.map(|w| format!("warning: {}\n", visible(w))).collect()
}

/// Whether a file has something to run.
fn runs(file: &File) -> bool {
    let runs = |item: &Item| matches!(item.kind, ItemKind::Expr(_) | ItemKind::Query { .. });
    file.items.iter().any(runs)
}

/// The queries of a file that does not say which of them to run.
fn several_queries(file: &File) -> Vec<String> {
    let mut names = Vec::new();
    for item in &file.items {
        match &item.kind {
            ItemKind::Query { name, .. } => names.push(name.text.clone()),
            ItemKind::Expr(_) => return Vec::new(),
            _ => {}
        }
    }
    match names.len() > 1 && !names.iter().any(|name| name == "main") {
        true => names,
        false => Vec::new(),
    }
}

/// What was not done with a file, and how to do it.
fn notes(file: &File, several: &[String]) -> String {
    let mut notes = String::new();
    if let Some(first) = several.first() {
        let all = several.join("`, `");
        notes.push_str(&format!("note: queries `{all}`; `{first}()` runs one\n"));
    }
    let tests = file.items.iter();
    let tests = tests.filter(|i| matches!(i.kind, ItemKind::Test { .. })).count();
    if tests > 0 {
        let noun = if tests == 1 { "test was" } else { "tests were" };
        notes.push_str(&format!("note: {tests} {noun} not run; `igql test FILE` does\n"));
    }
    notes
}

/// The expression that a program ends with and the last operand of it, where a dot behind it would
/// belong to that operand alone: `a | b` and `b`.
fn loose_end(text: &str) -> Option<(String, String)> {
    let parsed = |text: &str| parse(text, SourceId::default(), &mut Sink::default());
    let (alone, with_dot) = (parsed(text), parsed(&format!("{text}\n.take(1)")));
    let whole = value_of(alone.items.last()?)?;
    let end = last_operand(value_of(with_dot.items.last()?)?)?;
    let ExprKind::Method { receiver, .. } = &end.kind else {
        return None;
    };
    let written = |span: Span| {
        let words = text.get(span.range())?.split_whitespace();
        Some(words.collect::<Vec<_>>().join(" "))
    };
    Some((written(whole.span)?, written(receiver.span)?))
}

/// The expression of an item.
fn value_of(item: &Item) -> Option<&Expr> {
    match &item.kind {
        ItemKind::Expr(value) | ItemKind::Binding { value, .. } => Some(value),
        ItemKind::Def { body, .. } | ItemKind::Query { body, .. } => Some(body),
        ItemKind::Value(def) | ItemKind::Policy(def) => Some(&def.body),
        _ => None,
    }
}

/// What stands last on the right of operators, if there are any.
fn last_operand(value: &Expr) -> Option<&Expr> {
    let right = match &value.kind {
        ExprKind::Binary { right, .. } => right,
        ExprKind::If { otherwise, .. } => otherwise,
        ExprKind::In { set, .. } => set,
        ExprKind::Unary { operand, .. } => operand,
        ExprKind::Compare { rest, .. } => return rest.last().map(|(_, right)| right),
        _ => return None,
    };
    Some(last_operand(right).unwrap_or(right))
}
