//! A tree back to text, in one layout: what fits a line stays on it; a longer chain has one call
//! a line, longer arguments, lists and records one element a line, longer operators begin lines.
//! Parsing the text again gives the same tree but for its spans.
//!
//! `Error` nodes have no text of their own and print as the name `` `?` ``.

mod expr;
mod notes;
mod text;

use expr::level;
pub use expr::{binary_sign, compare_sign};
use text::{doc_lines, quoted};
pub use text::{name, type_text};

use super::ast::*;
use super::parse;
use crate::diag::Sink;
use crate::source::{SourceId, Span};
use notes::{Apart, Notes};

/// Widest line, where it can be helped.
const WIDTH: usize = 100;
const STEP: usize = 4;

/// Prints a file, with the `##` lines of items and bindings; other comments are not in the tree.
pub fn print(file: &File) -> String {
    let printer = Printer::default();
    let items = file.items.iter().map(|item| {
        let apart = Apart { documented: !item.docs.is_empty(), above: false };
        let text = doc_lines(&item.docs, 0) + &printer.item(item);
        (item, text, apart)
    });
    join_items(items)
}

/// One round of the layout.
pub fn laid_out(text: &str) -> Option<String> {
    let file = parse(text, SourceId::default(), &mut Sink::default());
    let notes = Notes::of(text);
    let printer = Printer { notes: Some(notes.places()), indent: 0 };
    let items = file.items.iter().map(|item| {
        let apart = notes.stands_apart(item.span.start).unwrap_or_default();
        (item, printer.item(item), apart)
    });
    let printed = join_items(items);
    notes.into_text(&printed)
}

/// Items under each other: apart where one is long or documented, where their kinds differ, and
/// where they were apart.
fn join_items<'f>(items: impl Iterator<Item = (&'f Item, String, Apart)>) -> String {
    let mut out = String::new();
    let mut previous: Option<(&Item, bool)> = None;
    for (item, text, apart) in items {
        let long = apart.documented || text.trim_end().contains('\n');
        let differ =
            |p: &Item| std::mem::discriminant(&p.kind) != std::mem::discriminant(&item.kind);
        if previous.is_some_and(|(p, was_long)| long || was_long || apart.above || differ(p)) {
            out.push('\n');
        }
        out.push_str(&text);
        out.push('\n');
        previous = Some((item, long));
    }
    out
}

/// Prints one expression.
pub fn print_expression(e: &Expr) -> String {
    Printer::default().statement(e, 0)
}

/// The value of an item of the form `head = value`.
fn value_of(kind: &ItemKind) -> Option<&Expr> {
    match kind {
        ItemKind::Param { default, .. } => default.as_ref(),
        ItemKind::Tunable { default: value, .. }
        | ItemKind::Embedding { value, .. }
        | ItemKind::Experiment { arms: value, .. }
        | ItemKind::Model { value, .. }
        | ItemKind::Binding { value, .. } => Some(value),
        ItemKind::Value(def) | ItemKind::Policy(def) => Some(&def.body),
        ItemKind::Def { body, .. } | ItemKind::Query { body, .. } => Some(body),
        _ => None,
    }
}

#[derive(Clone, Copy, Default)]
struct Printer<'c> {
    indent: usize,
    /// Where comments begin, which are put in later, `##` lines among them; none: there are no
    /// comments, and `##` lines come from the tree.
    notes: Option<&'c [u32]>,
}

impl Printer<'_> {
    fn deeper(self) -> Self {
        Printer { indent: self.indent + STEP, ..self }
    }

    /// Whether a comment stands within: then it cannot be one line.
    fn noted(self, span: Span) -> bool {
        let notes = self.notes.unwrap_or_default();
        let next = notes.partition_point(|&n| n <= span.start);
        notes.get(next).is_some_and(|&n| n < span.end)
    }

    /// An item without its `##` lines.
    fn item(self, item: &Item) -> String {
        match &item.kind {
            ItemKind::Import(ImportPath::Module(path)) => {
                let path: Vec<String> = path.iter().map(|n| name(&n.text)).collect();
                format!("import {}", path.join("."))
            }
            ItemKind::Import(ImportPath::File { path, .. }) => format!("import {}", quoted(path)),
            ItemKind::Edge(edge) => self.edge(edge),
            ItemKind::Test { name: n, settings, body } => {
                let settings = match &settings[..] {
                    [] => String::new(),
                    [first, ..] => {
                        let last = settings.last().unwrap_or(first);
                        let span = first.span.to(last.span);
                        format!(" {}", self.args(settings, span, 0))
                    }
                };
                format!("test {}{settings} = {}", quoted(&n.text), self.block(body))
            }
            ItemKind::Expr(e) => self.statement(e, 0),
            ItemKind::Error => "`?`".into(),
            kind => self.assign(&self.head(kind), value_of(kind)),
        }
    }

    fn newline(self) -> String {
        format!("\n{}", " ".repeat(self.indent))
    }

    /// What stands before the `=` of an item of the form `head = value`.
    fn head(self, kind: &ItemKind) -> String {
        match kind {
            ItemKind::Param { name: n, ty, range, .. } => {
                let range = self.optional_range(range.as_ref());
                format!("param {}: {}{range}", name(&n.text), type_text(ty))
            }
            ItemKind::Tunable { name: n, range, .. } => {
                format!("tunable {} in {}", name(&n.text), self.range(range))
            }
            ItemKind::Experiment { name: n, settings, .. } => {
                let head = format!("experiment {}", name(&n.text));
                let settings = self.settings(settings, head.len());
                head + &settings
            }
            ItemKind::Embedding { name: n, entities, .. } => {
                let entities: Vec<String> = entities.iter().map(|e| name(&e.text)).collect();
                format!("embedding {} on {}", name(&n.text), entities.join(", "))
            }
            ItemKind::Model { name: n, entity, .. } => {
                format!("model {} on {}", name(&n.text), name(&entity.text))
            }
            ItemKind::Value(def) => self.row_head("value", def),
            ItemKind::Policy(def) => self.row_head("policy", def),
            ItemKind::Def { name: n, params, result, .. } => {
                let result = result.as_ref().map(|r| format!(" -> {}", type_text(r)));
                let (params, result) = (self.params(params), result.unwrap_or_default());
                format!("def {}{params}{result}", name(&n.text))
            }
            ItemKind::Query { name: n, params, .. } => {
                format!("query {}{}", name(&n.text), self.optional_params(params))
            }
            ItemKind::Binding { name: n, .. } => name(&n.text),
            _ => String::new(),
        }
    }

    fn row_head(self, word: &str, def: &RowDef) -> String {
        let on = def.entity.as_ref().map(|e| format!(" on {}", name(&e.text)));
        let (params, on) = (self.optional_params(&def.params), on.unwrap_or_default());
        format!("{word} {}{params}{on}", name(&def.name.text))
    }

    /// `head = value`, the value on a line of its own where it fits only there.
    fn assign(self, head: &str, value: Option<&Expr>) -> String {
        let Some(value) = value else {
            return head.to_string();
        };
        let used = head.lines().last().map_or(0, str::len) + " = ".len();
        let flat = self.flat(value, level::ANY);
        let fits = |width: usize| {
            !flat.contains('\n') && width + flat.len() <= WIDTH && !self.noted(value.span)
        };
        if !fits(self.indent + used) && fits(self.indent + STEP) {
            return format!("{head} ={}{flat}", self.deeper().newline());
        }
        format!("{head} = {}", self.lay(value, level::ANY, used))
    }

    fn edge(self, edge: &EdgeDecl) -> String {
        let head = format!("edge {}", name(&edge.name.text));
        let mut text = self.assign(&head, Some(&edge.value));
        for (word, tail) in [("where", &edge.filter), ("weight", &edge.weight)] {
            let Some(tail) = tail else { continue };
            let flat = self.flat(tail, level::ANY);
            let line = text.lines().last().map_or(0, str::len) + word.len() + 2 + flat.len();
            if line <= WIDTH && !flat.contains('\n') && !self.noted(tail.span) {
                text += &format!(" {word} {flat}");
            } else {
                let inner = self.deeper();
                let tail = inner.lay(tail, level::ANY, word.len() + 1);
                text += &format!("{}{word} {tail}", inner.newline());
            }
        }
        text
    }

    fn optional_params(self, params: &[Param]) -> String {
        if params.is_empty() { String::new() } else { self.params(params) }
    }

    fn params(self, params: &[Param]) -> String {
        let parts: Vec<String> = params.iter().map(|p| self.param(p)).collect();
        let noted = match params {
            [first, .., last] => self.noted(first.span.to(last.span)),
            _ => false,
        };
        self.brackets("(", ")", &parts, if noted { WIDTH } else { STEP * 4 })
    }

    fn param(self, param: &Param) -> String {
        let range = self.optional_range(param.range.as_ref());
        let default = param
            .default
            .as_ref()
            .map_or(String::new(), |d| format!(" = {}", self.deeper().flat(d, level::ANY)));
        format!("{}: {}{range}{default}", name(&param.name.text), type_text(&param.ty))
    }

    /// The settings of an experiment with their parentheses.
    fn settings(self, settings: &[Setting], used: usize) -> String {
        let parts: Vec<String> = settings.iter().map(|s| self.setting(s)).collect();
        let noted = match settings {
            [first, .., last] => self.noted(first.span.to(last.span)),
            _ => false,
        };
        self.brackets("(", ")", &parts, if noted { WIDTH } else { used })
    }

    fn setting(self, setting: &Setting) -> String {
        let value = match &setting.value {
            SettingValue::Expr(value) => self.deeper().flat(value, level::ANY),
            SettingValue::Range(range) => self.range(range),
        };
        match &setting.name {
            Some(n) => format!("{}={value}", name(&n.text)),
            None => value,
        }
    }

    fn optional_range(self, range: Option<&Range>) -> String {
        range.map_or(String::new(), |r| format!(" in {}", self.range(r)))
    }

    fn range(self, range: &Range) -> String {
        format!("{}..{}", self.flat(&range.low, level::UNION), self.flat(&range.high, level::UNION))
    }

    /// Elements within brackets: on one line if that fits after `used` characters, else one a line.
    fn brackets(self, open: &str, close: &str, parts: &[String], used: usize) -> String {
        let flat = format!("{open}{}{close}", parts.join(", "));
        if self.indent + used + flat.len() <= WIDTH && !flat.contains('\n') || parts.is_empty() {
            return flat;
        }
        let line = self.deeper().newline();
        let lines: String = parts.iter().map(|p| format!("{line}{p},")).collect();
        format!("{open}{lines}{}{close}", self.newline())
    }

    /// An expression at the start of a line: one with a leading `-` would go on the line before.
    fn statement(self, e: &Expr, used: usize) -> String {
        let text = self.lay(e, level::ANY, used);
        if text.starts_with('-') { format!("({text})") } else { text }
    }

    fn block(self, block: &Block) -> String {
        if block.statements.is_empty() && block.result.is_none() {
            return "{}".into();
        }
        let inner = self.deeper();
        let mut lines: Vec<String> = block.statements.iter().map(|s| inner.line(s)).collect();
        lines.extend(block.result.as_deref().map(|e| inner.statement(e, 0)));
        let lines: String = lines.iter().map(|l| format!("{}{l}", inner.newline())).collect();
        format!("{{{lines}{}}}", self.newline())
    }

    fn line(self, statement: &Statement) -> String {
        match statement {
            Statement::Binding { docs, name: n, value, .. } => {
                let docs = match self.notes {
                    None => doc_lines(docs, self.indent),
                    Some(_) => String::new(),
                };
                docs + &self.assign(&name(&n.text), Some(value))
            }
            Statement::Assert { condition, .. } => {
                format!("assert {}", self.lay(condition, level::ANY, "assert ".len()))
            }
            Statement::Error(_) => "`?`".into(),
        }
    }
}
