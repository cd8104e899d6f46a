//! The commands of a session, as `:why`.

use super::command_list::COMMANDS;
use super::help;
use super::session::{Last, Next, Said, Session};
use super::split::command_name;
use crate::answer::{Answer, Ask};
use crate::catalog;
use crate::cli::{describe, explain, run, why};
use crate::diag::suggest;
use crate::engine::{Program, RunOptions};
use crate::request::unknown_arm;
use crate::types::Key;
use crate::visible::visible_lines;
use crate::wire;
use std::path::{Path, PathBuf};

impl Session {
    pub fn command(&mut self, text: &str) -> Said {
        let name = command_name(text);
        let rest = text[name.len()..].trim();
        match name {
            "quit" | "q" | "exit" => Said { next: Next::Quit, ..Said::default() },
            "help" | "h" | "?" => help::help(self, rest),
            "catalog" => self.catalog(),
            "describe" | "d" => self.describe(rest),
            "reset" => {
                let count = self.reset();
                let noun = if count == 1 { "definition" } else { "definitions" };
                Said::text(format!("{count} {noun} forgotten"))
            }
            "reload" => self.reload(),
            "names" => self.names(),
            "time" => self.time(rest),
            "rows" => self.limit_rows(rest),
            "user" => self.user(rest),
            "at" => self.at(rest),
            "arm" => self.arm(rest),
            "type" => self.type_of(rest),
            "plan" => self.plan(rest),
            "why" => self.why(rest),
            "why-not" => self.why_not(rest),
            "load" => match rest {
                "" => Said::error("which file? `:load FILE`"),
                path => self.load(&file_of(path)),
            },
            _ => unknown(name),
        }
    }

    fn catalog(&self) -> Said {
        let all = crate::describe::describe(self.engine.snapshot());
        Said::text(describe::catalog(&all))
    }

    fn describe(&self, name: &str) -> Said {
        let snapshot = self.engine.snapshot();
        match crate::describe::find(snapshot, unquoted(name)) {
            _ if name.is_empty() => self.catalog(),
            Ok(thing) => Said::text(describe::thing(&thing)),
            Err(near) => Said::error(describe::unknown(name, near, snapshot.schema())),
        }
    }

    fn names(&self) -> Said {
        if self.items.is_empty() && self.imports.is_empty() {
            return Said::text("no definitions");
        }
        let items = self.items.iter().map(|(_, text)| text);
        let lines = self.imports.iter().chain(items);
        let lines = lines.map(|text| format!("{}\n", visible_lines(text.trim())));
        Said::text(lines.collect::<String>())
    }

    fn time(&mut self, text: &str) -> Said {
        self.timed = match text {
            "on" => true,
            "off" => false,
            "" => !self.timed,
            other => return Said::error(format!("expected `on` or `off`, found `{other}`")),
        };
        Said::text(match self.timed {
            true => "times are shown",
            false => "times are not shown",
        })
    }

    fn limit_rows(&mut self, text: &str) -> Said {
        match text {
            "" => {}
            "all" => self.rows = None,
            number => match number.parse() {
                Ok(n) if n > 0 => self.rows = Some(n),
                _ => {
                    let message = format!("expected a number above 0, or `all`; found `{number}`");
                    return Said::error(message);
                }
            },
        }
        Said::text(match self.rows {
            Some(n) => format!("the first {n} rows of a list are shown"),
            None => "all rows are shown".to_owned(),
        })
    }

    fn user(&mut self, text: &str) -> Said {
        let schema = self.engine.schema();
        match text {
            "" => {
                return Said::text(match &self.request.user {
                    Some(user) => format!("user {}", visible_lines(&user.to_string())),
                    None => "nobody asks".to_owned(),
                });
            }
            "-" => {
                self.request.user = None;
                return Said::text("nobody asks");
            }
            _ => {}
        }
        let known = |key: &Key| self.engine.snapshot().row_of(schema.viewer, key).is_some();
        let as_written = match wire::user_from_text(schema, text) {
            Ok(key) => key,
            Err(error) => return Said::error(error.message),
        };
        let key = match wire::user_from_text(schema, unquoted(text)) {
            Ok(key) if !known(&as_written) => key,
            _ => as_written,
        };
        let mut said = Said::default();
        if !known(&key) {
            let viewer = &schema.entity(schema.viewer).name;
            said.errors = format!(
                "warning: the catalog has no {viewer} `{}`: columns are null, and there are no links\n",
                visible_lines(&key.to_string())
            );
        }
        self.request.user = Some(key);
        said
    }

    fn at(&mut self, text: &str) -> Said {
        match text {
            "" => {}
            "-" => self.request.at = None,
            time => match catalog::time::parse(unquoted(time).trim_start_matches('@')) {
                Some(now) => self.request.at = Some(now),
                None => {
                    let form = "2024-05-01 or 2024-05-01T12:30:00Z";
                    return Said::error(format!("expected a time as {form}, found `{time}`"));
                }
            },
        }
        let now = self.request.at.map(jiff::Timestamp::from_microsecond);
        Said::text(match now {
            Some(Ok(now)) => format!("now is {now}"),
            _ => "now is the catalog's".to_owned(),
        })
    }

    /// The arms that the user is in whatever the key.
    fn arm(&mut self, text: &str) -> Said {
        match text {
            "" => {}
            "-" => self.request.arms.clear(),
            text => {
                let declared = self.compile("user").experiments;
                match text.split_once('=').map(|(name, arm)| (name.trim(), arm.trim())) {
                    None => return Said::error(format!("expected NAME=ARM, found `{text}`")),
                    Some((name, arm)) => {
                        if let Some(message) = unknown_arm(&declared, name, arm) {
                            return Said::error(message);
                        }
                        self.request.arms.retain(|(known, _)| known != name);
                        self.request.arms.push((name.to_owned(), arm.to_owned()));
                    }
                }
            }
        }
        let named = self.request.arms.iter().map(|(name, arm)| format!("{name} = {arm}"));
        let named: Vec<String> = named.collect();
        Said::text(match named.is_empty() {
            true => "every user is in the arms of the key".to_owned(),
            false => visible_lines(&named.join(", ")).into_owned(),
        })
    }

    /// The type of a set, else of a row expression over the viewer.
    fn type_of(&mut self, text: &str) -> Said {
        if text.is_empty() {
            return match &self.last {
                Some(last) => Said::text(types(self, &last.program)),
                None => Said::error("of what? `:type EXPR`"),
            };
        }
        let compiled = self.compile(text);
        if let Some(program) = &compiled.program {
            return Said::text(types(self, program));
        }
        let value = self.compile(&format!("user.select(value = ({text}))"));
        match value.program {
            Some(program) => {
                let checked = program.checked();
                let column = &checked.graph.shape(checked.results[0].1).columns[0];
                Said::text(self.engine.schema().type_name(&column.ty))
            }
            None => self.failed(&compiled.diagnostics, &compiled.sources),
        }
    }

    fn plan(&mut self, text: &str) -> Said {
        if text.is_empty() {
            return match &self.last {
                Some(last) => Said::text(explain::plan_text(&self.engine, &last.program)),
                None => nothing_run(),
            };
        }
        let compiled = self.compile(text);
        match &compiled.program {
            Some(program) => Said::text(explain::plan_text(&self.engine, program)),
            None => self.failed(&compiled.diagnostics, &compiled.sources),
        }
    }

    fn why(&self, text: &str) -> Said {
        let only: Option<usize> = match text {
            "" => None,
            number => match number.parse() {
                Ok(n) => Some(n),
                Err(_) => {
                    let message = format!("expected a position, found `{number}`");
                    let help = "`:why N` explains row `#` N, `:why-not ID` a missing entity";
                    return Said::error(format!("{message}\nhelp: {help}"));
                }
            },
        };
        let ask = Ask { why: true, ..Ask::default() };
        self.explained(&ask, |answer| {
            let rows = answer.lists.iter().map(|list| list.len());
            let rows = rows.max().unwrap_or(0);
            if only.is_some_and(|n| n == 0 || n > rows) {
                let noun = if rows == 1 { "row" } else { "rows" };
                return Said::error(format!("the last answer has {rows} {noun}, counted from 1"));
            }
            if rows == 0 {
                return Said::text("no rows");
            }
            let most = self.rows.unwrap_or(usize::MAX);
            let mut text = why::rows(answer, only, most);
            if only.is_none() && rows > most {
                let more = rows - most;
                text += &format!("… {more} more rows; `:why N`, `:rows N` or `:rows all`\n");
            }
            Said::text(text)
        })
    }

    fn why_not(&self, text: &str) -> Said {
        let Some(last) = &self.last else {
            return nothing_run();
        };
        let text = unquoted(text);
        if text.is_empty() {
            return Said::error("which entity? `:why-not ID`");
        }
        match run::entity_key(&self.engine, &last.program, text) {
            Ok(key) => {
                let ask = Ask { why_not: vec![key], ..Ask::default() };
                self.explained(&ask, |answer| Said::text(why::text(answer)))
            }
            Err(message) => Said::error(message),
        }
    }

    /// The last answer again, with explanations.
    fn explained(&self, ask: &Ask, show: impl FnOnce(&Answer) -> Said) -> Said {
        let Some(Last { program, request }) = &self.last else {
            return nothing_run();
        };
        let requests = std::slice::from_ref(request);
        let options = RunOptions { limits: self.limits(), ask: ask.clone() };
        match self.engine.execute(program, requests, &options) {
            Ok(pass) => pass.answers.first().map_or_else(nothing_run, show),
            Err(error) => Said::error(error),
        }
    }
}

fn nothing_run() -> Said {
    Said::error("nothing has been run yet")
}

/// The result of a program: a line for each set.
fn types(session: &Session, program: &Program) -> String {
    let schema = session.engine.schema();
    let checked = program.checked();
    let line = |(name, node): &(Option<String>, crate::expr::NodeId)| {
        let shape = checked.graph.shape(*node);
        let columns = shape.columns.iter();
        let columns: Vec<String> =
            columns.map(|c| format!("{}: {}", c.name, schema.type_name(&c.ty))).collect();
        let columns = match columns.is_empty() {
            true => String::new(),
            false => format!(" {{{}}}", columns.join(", ")),
        };
        let bound = shape.bound.map_or(String::new(), |n| format!(", at most {n} rows"));
        let name = name.as_ref().map_or(String::new(), |n| format!("{n}: "));
        let entity = &schema.entity(shape.entity).name;
        visible_lines(&format!("{name}set[{entity}]{columns}{bound}\n")).into_owned()
    };
    checked.results.iter().map(line).collect()
}

/// A text without the quotes around it.
fn unquoted(text: &str) -> &str {
    let inside = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(text)
}

/// The file that a person names: quotes and `~` as in a shell.
fn file_of(text: &str) -> PathBuf {
    let text = unquoted(text);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => Path::new(text).to_owned(),
    }
}

fn unknown(name: &str) -> Said {
    let names = COMMANDS.iter().map(|(name, ..)| &name[1..]);
    let help = match suggest::nearest(name, names) {
        Some(near) => format!("did you mean `:{near}`?"),
        None => "`:help` lists them".to_owned(),
    };
    Said::error(format!("there is no command `:{name}`\nhelp: {help}"))
}
