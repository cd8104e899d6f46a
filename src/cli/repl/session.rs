//! What a session knows, and what it does with an input.
//!
//! Definitions that were entered are a module of their own, which every later input imports; one
//! that is entered again takes the place of the first.

use super::help;
use crate::answer::{Answer, Ask};
use crate::batch::Stop;
use crate::catalog;
use crate::check::modules::{Kind, Module, Modules, named};
use crate::cli::{explain, table, users, why};
use crate::diag::{Diagnostic, Severity, Sink, render};
use crate::engine::{Compiled, Engine, Program, Unit};
use crate::ops::{Limits, RunError};
use crate::request::Request;
use crate::source::{SourceId, Sources};
use crate::syntax::ast::{Item, ItemKind};
use crate::syntax::parse;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Whether the session goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Next {
    #[default]
    Go,
    Quit,
}

/// What came of an input: answers, and what is wrong.
#[derive(Debug, Default)]
pub struct Said {
    pub text: String,
    pub errors: String,
    pub next: Next,
}

impl Said {
    fn text(text: impl Into<String>) -> Said {
        let mut text = text.into();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Said {
            text,
            ..Said::default()
        }
    }

    fn error(message: impl std::fmt::Display) -> Said {
        Said {
            errors: format!("error: {message}\n"),
            ..Said::default()
        }
    }
}

/// The commands with what they take and do.
pub const COMMANDS: [(&str, &str, &str); 12] = [
    (":type", "EXPR", "the type of an expression"),
    (":plan", "[EXPR]", "the plan of a set, or of the last one"),
    (":why", "[N]", "why rows of the last answer are there"),
    (":why-not", "ID", "why an entity is not in the last answer"),
    (":user", "[ID]", "who asks"),
    (":at", "[TIME]", "what `now` is"),
    (
        ":time",
        "[on|off]",
        "whether to say how long an answer took",
    ),
    (
        ":help",
        "[NAME]",
        "this, or the page of an operator, a function or a definition",
    ),
    (":load", "FILE", "reads a file as if it had been typed"),
    (":reset", "", "forgets all definitions"),
    (":names", "", "what was defined here"),
    (":quit", "", "ends the session"),
];

pub struct Session {
    pub engine: Engine,
    /// Definitions by kind and name, in the order in which they were first entered.
    items: Vec<((Kind, String), String)>,
    /// Imports, which have no name.
    imports: Vec<String>,
    request: Request,
    timed: bool,
    last: Option<String>,
    stop: &'static AtomicBool,
}

impl Session {
    pub fn new(engine: Engine, stop: &'static AtomicBool) -> Session {
        Session {
            engine,
            items: Vec::new(),
            imports: Vec::new(),
            request: Request::anonymous(),
            timed: false,
            last: None,
            stop,
        }
    }

    /// One whole input: a command, definitions, or a set to run. One that begins with a dot goes on
    /// from the last set.
    pub fn input(&mut self, text: &str) -> Said {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Said::default();
        }
        match trimmed.strip_prefix(':') {
            Some(command) => self.command(command),
            None => match (&self.last, trimmed.starts_with('.')) {
                (Some(last), true) => self.items(&format!("{last}\n{text}")),
                _ => self.items(text),
            },
        }
    }

    /// The input that a set came from last.
    pub fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// The modules that an input sees, itself without content.
    pub fn modules(&self) -> Vec<Arc<Module>> {
        self.engine.modules(Some(&self.definitions()))
    }

    /// Those of them whose names can be used: the others have to be imported first.
    pub fn visible(&self) -> Vec<Arc<Module>> {
        let modules = Modules::new(self.modules());
        let order = modules.order(0);
        order.map(|m| modules.all[m].clone()).collect()
    }

    /// A program in the session.
    pub fn compile(&self, text: &str) -> Compiled {
        let unit = Unit {
            name: "repl",
            text,
            folder: None,
            query: None,
        };
        self.engine.compile_in(&unit, Some(&self.definitions()))
    }

    fn definitions(&self) -> String {
        let items = self.items.iter().map(|(_, text)| text);
        let all: Vec<&str> = self
            .imports
            .iter()
            .chain(items)
            .map(String::as_str)
            .collect();
        all.join("\n")
    }

    fn command(&mut self, text: &str) -> Said {
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        match name {
            "quit" | "q" | "exit" => Said {
                next: Next::Quit,
                ..Said::default()
            },
            "help" | "h" | "?" => match help::help(self, rest) {
                Some(page) => Said::text(page),
                None => Said::error(format!("there is no help on `{rest}`")),
            },
            "reset" => {
                self.items.clear();
                self.imports.clear();
                self.last = None;
                Said::default()
            }
            "names" => Said::text(
                self.items
                    .iter()
                    .map(|(_, text)| format!("{}\n", text.trim()))
                    .collect::<String>(),
            ),
            "time" => {
                self.timed = match rest {
                    "on" => true,
                    "off" => false,
                    _ => !self.timed,
                };
                Said::text(if self.timed {
                    "times are shown"
                } else {
                    "times are not shown"
                })
            }
            "user" => self.user(rest),
            "at" => self.at(rest),
            "type" => self.type_of(rest),
            "plan" => self.plan(rest),
            "why" => self.why(rest),
            "why-not" => self.why_not(rest),
            "load" => self.load(rest),
            _ => Said::error(format!("there is no command `:{name}`; `:help` lists them")),
        }
    }

    fn user(&mut self, text: &str) -> Said {
        if text.is_empty() {
            return Said::text(match &self.request.user {
                Some(user) => format!("user {user}"),
                None => "nobody asks".to_owned(),
            });
        }
        match users::parse(self.engine.schema(), text) {
            Ok(key) => {
                self.request.user = Some(key);
                Said::default()
            }
            Err(message) => Said::error(message),
        }
    }

    fn at(&mut self, text: &str) -> Said {
        if text.is_empty() {
            self.request.at = None;
            return Said::text("now is the catalog's");
        }
        match catalog::time::parse(text.trim_start_matches('@')) {
            Some(now) => {
                self.request.at = Some(now);
                Said::default()
            }
            None => Said::error("expected a time as 2024-05-01 or 2024-05-01T12:30:00Z"),
        }
    }

    /// The type of a set, else of a row expression over the viewer.
    fn type_of(&self, text: &str) -> Said {
        let compiled = self.compile(text);
        let schema = self.engine.schema();
        let Some(program) = compiled.program else {
            let value = self.compile(&format!("user.select(value = ({text}))"));
            return match value.program {
                Some(program) => {
                    let checked = program.checked();
                    let column = &checked.graph.shape(checked.results[0].1).columns[0];
                    Said::text(schema.type_name(&column.ty))
                }
                None => self.failed(&compiled.diagnostics, &compiled.sources),
            };
        };
        let checked = program.checked();
        let lines: Vec<String> = checked
            .results
            .iter()
            .map(|(name, node)| {
                let shape = checked.graph.shape(*node);
                let columns: Vec<String> = shape
                    .columns
                    .iter()
                    .map(|c| format!("{}: {}", c.name, schema.type_name(&c.ty)))
                    .collect();
                let columns = match columns.is_empty() {
                    true => String::new(),
                    false => format!(" {{{}}}", columns.join(", ")),
                };
                let bound = shape
                    .bound
                    .map_or(String::new(), |n| format!(", at most {n} rows"));
                let name = name.as_ref().map_or(String::new(), |n| format!("{n}: "));
                format!(
                    "{name}set[{}]{columns}{bound}",
                    schema.entity(shape.entity).name
                )
            })
            .collect();
        Said::text(lines.join("\n"))
    }

    fn plan(&self, text: &str) -> Said {
        self.with_program(text, |program| {
            Said::text(explain::plan_text(&self.engine, program))
        })
    }

    fn why(&self, text: &str) -> Said {
        let only: Option<usize> = match text {
            "" => None,
            number => match number.parse() {
                Ok(n) => Some(n),
                Err(_) => return Said::error(format!("expected a position, found `{number}`")),
            },
        };
        let ask = Ask {
            why: true,
            ..Ask::default()
        };
        self.explained(&ask, |answer| why::rows(answer, only))
    }

    fn why_not(&self, text: &str) -> Said {
        let mut ask = Ask::default();
        self.with_program("", |program| {
            match super::super::run::entity_key(&self.engine, program, text) {
                Ok(key) => ask.why_not.push(key),
                Err(message) => return Said::error(message),
            }
            self.explained(&ask, why::text)
        })
    }

    fn explained(&self, ask: &Ask, show: impl FnOnce(&Answer) -> String) -> Said {
        self.with_program("", |program| {
            let requests = std::slice::from_ref(&self.request);
            match self
                .engine
                .explain_pass(program, requests, self.limits(), ask)
            {
                Ok(pass) => Said::text(show(&pass.answers[0])),
                Err(error) => Said::error(error),
            }
        })
    }

    /// A program of that text; of the last input if there is none.
    fn with_program(&self, text: &str, run: impl FnOnce(&Program) -> Said) -> Said {
        let text = match (text, &self.last) {
            ("", Some(last)) => last,
            ("", None) => return Said::error("nothing was run yet"),
            (text, _) => text,
        };
        let compiled = self.compile(text);
        match &compiled.program {
            Some(program) => run(program),
            None => self.failed(&compiled.diagnostics, &compiled.sources),
        }
    }

    fn load(&mut self, path: &str) -> Said {
        match crate::files::read_text(std::path::Path::new(path)) {
            Ok(text) => self.items(&text),
            Err(error) => Said::error(format!("{path}: {error}")),
        }
    }

    /// Definitions are kept, a set at the end is run.
    fn items(&mut self, text: &str) -> Said {
        let source = SourceId::default();
        let mut sink = Sink::default();
        let file = parse(text, source, &mut sink);
        let runs = |item: &Item| matches!(item.kind, ItemKind::Expr(_) | ItemKind::Query { .. });
        let compiled = self.compile(text);
        let failed = compiled
            .diagnostics
            .iter()
            .any(|d| d.severity() == Severity::Error);
        if failed {
            return self.failed(&compiled.diagnostics, &compiled.sources);
        }
        let mut said = Said {
            errors: self.drawn(&compiled.diagnostics, &compiled.sources),
            ..Said::default()
        };
        if let Some(program) = compiled.program.filter(|_| file.items.iter().any(runs)) {
            self.last = Some(text.to_owned());
            let (text, error) = self.answer(&program);
            said.text = text;
            said.errors.push_str(&error);
        }
        for item in file
            .items
            .iter()
            .filter(|item| !matches!(item.kind, ItemKind::Expr(_)))
        {
            self.keep(item, text);
        }
        said
    }

    fn keep(&mut self, item: &Item, text: &str) {
        let docs: String = item
            .docs
            .iter()
            .map(|line| format!("## {line}\n"))
            .collect();
        let written = docs + &text[item.span.range()];
        match (named(item), &item.kind) {
            (Some((kind, name)), _) => {
                let key = (kind, name.to_owned());
                match self.items.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, old)) => *old = written,
                    None => self.items.push((key, written)),
                }
            }
            (None, ItemKind::Import(_)) => self.imports.push(written),
            _ => {}
        }
    }

    /// The answer as a table, and what went wrong.
    fn answer(&self, program: &Program) -> (String, String) {
        let started = Instant::now();
        let requests = std::slice::from_ref(&self.request);
        let answer = match self.engine.run_pass(program, requests, self.limits()) {
            Ok(mut pass) => pass.answers.remove(0),
            Err(RunError::Request(message)) if self.request.user.is_none() => {
                let help = "`:user ID` says who asks";
                return (String::new(), format!("error: {message}\nhelp: {help}\n"));
            }
            Err(error) => return (String::new(), format!("error: {error}\n")),
        };
        let took = started.elapsed();
        let warnings: String = answer
            .warnings
            .iter()
            .map(|w| format!("warning: {w}\n"))
            .collect();
        let mut text = table::answer(&answer, false);
        if self.timed {
            let rows: usize = answer.lists.iter().map(|l| l.len()).sum();
            let noun = if rows == 1 { "row" } else { "rows" };
            text.push_str(&format!(
                "{rows} {noun} in {:.1} ms\n",
                took.as_secs_f64() * 1e3
            ));
        }
        (text, warnings)
    }

    fn limits(&self) -> Limits {
        Limits {
            stop: Stop {
                flag: Some(self.stop),
                ..Stop::default()
            },
            ..Limits::default()
        }
    }

    fn failed(&self, diagnostics: &[Diagnostic], sources: &Sources) -> Said {
        let errors = self.drawn(diagnostics, sources);
        match errors.is_empty() {
            true => Said::error("there is nothing to run"),
            false => Said {
                errors,
                ..Said::default()
            },
        }
    }

    /// Diagnostics; that something is not used yet is no news in a session.
    fn drawn(&self, diagnostics: &[Diagnostic], sources: &Sources) -> String {
        let news: Vec<Diagnostic> = diagnostics
            .iter()
            .filter(|d| !d.code.id.starts_with("W01"))
            .cloned()
            .collect();
        let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        match news.is_empty() {
            true => String::new(),
            false => render::draw(&news, sources, color),
        }
    }
}
