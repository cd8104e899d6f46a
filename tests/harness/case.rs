//! Cases out of Markdown: worlds, programs, carets under the text at fault, tables of rows.

use super::notation;
use igql::syntax::ast::{Expr, ExprKind, UnaryOp};
use igql::types::Value;
use std::path::Path;

/// A program with what is expected of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// File and heading.
    pub name: String,
    /// The world block.
    pub world: String,
    /// Files beside the program, for imports.
    pub files: Vec<(String, String)>,
    pub program: String,
    pub marks: Vec<Mark>,
    pub tables: Vec<Table>,
}

/// `^^^^ E0301 help: part of the help line` under a line of the program.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Line of the program and columns in it, from 0; `end` is one past the last caret.
    pub line: usize,
    pub start: usize,
    pub end: usize,
    pub code: String,
    pub help: Option<String>,
}

/// A ```` ```rows ```` block: one request and its answer.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub settings: Settings,
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// Lines of the file, from 0, that hold header and rows.
    pub lines: std::ops::Range<usize>,
}

/// `key=value` words after the fence's name.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub user: Option<String>,
    /// `now`, in microseconds.
    pub at: i64,
    pub seed: i64,
    pub params: Vec<(String, Value)>,
    pub arms: Vec<(String, String)>,
    pub query: Option<String>,
    pub list: Option<String>,
    /// Floats need only be near.
    pub approx: bool,
}

/// A fenced block: the words after the fence and the lines within.
struct Fence<'t> {
    words: Vec<&'t str>,
    body: String,
    /// Lines of the body in the file.
    lines: std::ops::Range<usize>,
}

enum Part<'t> {
    Heading(&'t str),
    Fence(Fence<'t>),
}

/// The cases of one file. `worlds` is the folder of worlds that have a name.
pub fn cases(name: &str, text: &str, worlds: &Path) -> Vec<Case> {
    let (mut heading, mut world, mut files) = (String::new(), String::new(), Vec::new());
    let mut cases: Vec<Case> = Vec::new();
    for part in parts(text) {
        let fence = match part {
            Part::Heading(text) => {
                heading = text.to_owned();
                continue;
            }
            Part::Fence(fence) => fence,
        };
        let setting =
            |key: &str| fence.words.iter().find_map(|w| w.strip_prefix(key)?.strip_prefix('='));
        match fence.words.first() {
            Some(&"world") => world = world_text(&fence, worlds),
            Some(&"igql") if setting("file").is_some() => {
                files.push((setting("file").unwrap_or_default().to_owned(), fence.body));
            }
            Some(&"igql") => {
                let nth = cases
                    .iter()
                    .filter(|c| c.name.starts_with(&format!("{name}: {heading}")))
                    .count();
                let suffix = if nth == 0 { String::new() } else { format!(" ({})", nth + 1) };
                let (program, marks) = unmark(&fence.body);
                let case = Case {
                    name: format!("{name}: {heading}{suffix}"),
                    world: world.clone(),
                    files: files.clone(),
                    program,
                    marks,
                    tables: Vec::new(),
                };
                cases.push(case);
            }
            Some(&"rows") => {
                cases.last_mut().expect("a program before its rows").tables.push(table(&fence))
            }
            _ => {}
        }
    }
    cases
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if let Some(words) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().map(|l| l.1).take_while(|l| *l != "```").collect();
            let words = words.split_whitespace().collect();
            parts.push(Part::Fence(Fence {
                words,
                body: body.join("\n") + "\n",
                lines: at + 1..at + 1 + body.len(),
            }));
        } else if line.starts_with('#') {
            parts.push(Part::Heading(line.trim_start_matches('#').trim()));
        }
    }
    parts
}

/// The block itself, or the named world of the folder with the block after it.
fn world_text(fence: &Fence, worlds: &Path) -> String {
    match fence.words.get(1) {
        Some(name) => {
            let path = worlds.join(format!("{name}.world"));
            let named = std::fs::read_to_string(&path)
                .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            format!("{}\n\n{}", named.trim_end(), fence.body)
        }
        None => fence.body.clone(),
    }
}

/// Takes the caret lines out of a program.
fn unmark(body: &str) -> (String, Vec<Mark>) {
    let (mut program, mut marks, mut line) = (String::new(), Vec::new(), 0usize);
    for text in body.lines() {
        if text.trim_start().starts_with('^') {
            marks.extend(marks_of(text, line - 1));
        } else {
            program += text;
            program.push('\n');
            line += 1;
        }
    }
    (program, marks)
}

fn marks_of(text: &str, line: usize) -> Vec<Mark> {
    let chars: Vec<char> = text.chars().collect();
    let mut marks = Vec::new();
    let mut at = 0;
    while let Some(start) = (at..chars.len()).find(|&i| chars[i] == '^') {
        let end = (start..chars.len()).find(|&i| chars[i] != '^').unwrap_or(chars.len());
        at = (end..chars.len()).find(|&i| chars[i] == '^').unwrap_or(chars.len());
        let said: String = chars[end..at].iter().collect();
        let (code, rest) = said.trim().split_once(' ').unwrap_or((said.trim(), ""));
        let help = rest.trim().strip_prefix("help:").map(|h| h.trim().to_owned());
        marks.push(Mark { line, start, end, code: code.to_owned(), help });
    }
    marks
}

fn table(fence: &Fence) -> Table {
    let mut lines = fence.body.lines().filter(|l| !l.trim().is_empty()).map(notation::cells);
    let header = lines.next().unwrap_or_default();
    Table {
        settings: settings(&fence.words[1..]),
        header,
        rows: lines.collect(),
        lines: fence.lines.clone(),
    }
}

fn settings(words: &[&str]) -> Settings {
    let mut settings = Settings { at: notation::time("2024-05-01"), ..Settings::default() };
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let text = value.to_owned();
        match key {
            "user" => settings.user = Some(text),
            "at" => settings.at = notation::time(value),
            "seed" => settings.seed = value.parse().expect("a seed"),
            "query" => settings.query = Some(text),
            "list" => settings.list = Some(text),
            "approx" => settings.approx = true,
            _ => match (key.strip_prefix("param."), key.strip_prefix("arm.")) {
                (Some(name), _) => settings.params.push((name.to_owned(), literal(value))),
                (_, Some(name)) => settings.arms.push((name.to_owned(), text)),
                _ => panic!("a table has no setting `{word}`"),
            },
        }
    }
    settings
}

/// The value of a literal as programs write it.
fn literal(text: &str) -> Value {
    let mut sink = igql::diag::Sink::default();
    let id = igql::source::Sources::default().add("<setting>", text);
    value(&igql::syntax::parse_expression(text, id, &mut sink))
}

fn value(expr: &Expr) -> Value {
    match &expr.kind {
        ExprKind::Null => Value::Null,
        ExprKind::Bool(x) => Value::Bool(*x),
        ExprKind::Int(x) => Value::Int(*x),
        ExprKind::Float(x) => Value::Float(*x),
        ExprKind::Str(x) => Value::Str(x.clone()),
        ExprKind::Time(x) => Value::Time(*x),
        ExprKind::Duration(x) => Value::Duration(*x),
        ExprKind::List(items) => Value::List(items.iter().map(value).collect()),
        ExprKind::Unary { op: UnaryOp::Neg, operand } => match value(operand) {
            Value::Int(x) => Value::Int(-x),
            Value::Float(x) => Value::Float(-x),
            other => panic!("not a literal: -{other:?}"),
        },
        other => panic!("not a literal: {other:?}"),
    }
}
