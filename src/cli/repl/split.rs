//! Cuts what was typed, pasted or piped into what the session takes one after the other.
//!
//! However a program comes (line by line, pasted, through a pipe), it means what the same text means
//! in a file: blank lines and comments stay inside, definitions may stand behind their use.

use crate::check::modules::{Kind, named};
use crate::diag::Sink;
use crate::source::SourceId;
use crate::syntax::ast::{Item, ItemKind, TypeExprKind};
use crate::syntax::{goes_on, is_complete, parse};

/// What a session takes at once.
#[derive(Debug, PartialEq)]
pub enum Part {
    /// Without its `:`.
    Command(String),
    /// Items, perhaps with a set to run.
    Program(String),
}

/// Words that are commands where they stand alone in a line, as in other prompts.
const WORDS: [&str; 3] = ["exit", "quit", "help"];

/// The commands of a text and what stands between them. A line that begins with `:` is a command;
/// inside open brackets only one that is known, so that a bracket that stays open does not take in
/// the rest of the session.
pub fn parts(text: &str, is_known: impl Fn(&str) -> bool) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut program = String::new();
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let command = match trimmed.strip_prefix(':') {
            Some(command) if is_complete(&program) || is_known(command_name(command)) => {
                Some(command)
            }
            None if WORDS.contains(&trimmed) && is_complete(&program) => Some(trimmed),
            _ => None,
        };
        match command {
            Some(command) => {
                push(&mut parts, &mut program);
                parts.push(Part::Command(command.trim().to_owned()));
            }
            None => program.push_str(line),
        }
    }
    push(&mut parts, &mut program);
    parts
}

fn push(parts: &mut Vec<Part>, program: &mut String) {
    let program = std::mem::take(program);
    if has_code(&program) {
        parts.push(Part::Program(program));
    }
}

/// The first word of a command's line.
pub fn command_name(command: &str) -> &str {
    command.split(char::is_whitespace).next().unwrap_or_default()
}

/// Whether there is more than blank lines and comments.
pub fn has_code(text: &str) -> bool {
    text.lines().any(|line| !line.trim().is_empty() && !line.trim().starts_with('#'))
}

/// Whether a text can be taken as it is: a command, or items that end. Comments alone belong to the
/// item below them.
pub fn is_whole(text: &str) -> bool {
    let trimmed = text.trim();
    trimmed.starts_with(':') || trimmed.is_empty() || is_complete(text) && has_code(text)
}

/// Whether the first line with code goes on with what stands before it.
pub fn continues(text: &str) -> bool {
    goes_on(text)
}

/// What makes two items the same definition: kind, name, and the entity that it is for, as a
/// definition may be declared once per entity.
pub type Key = (Kind, String, String);

pub fn key(item: &Item) -> Option<Key> {
    let (kind, name) = named(item)?;
    let entity = match &item.kind {
        ItemKind::Model { entity, .. } => entity.text.clone(),
        ItemKind::Embedding { entities, .. } => {
            let names: Vec<&str> = entities.iter().map(|e| e.text.as_str()).collect();
            names.join(", ")
        }
        ItemKind::Value(def) | ItemKind::Policy(def) => {
            def.entity.as_ref().map_or(String::new(), |e| e.text.clone())
        }
        ItemKind::Def { params, .. } => match params.first().map(|p| &p.ty.kind) {
            Some(TypeExprKind::Named { name, args }) => match args.first().map(|a| &a.kind) {
                Some(TypeExprKind::Named { name: of, .. }) => format!("{}[{}]", name.text, of.text),
                _ => name.text.clone(),
            },
            _ => String::new(),
        },
        _ => String::new(),
    };
    Some((kind, name.to_owned(), entity))
}

/// The programs of a text: each ends with the set that it runs, or before a name is defined anew.
pub fn programs(text: &str) -> Vec<&str> {
    let file = parse(text, SourceId::default(), &mut Sink::default());
    let mut programs = Vec::new();
    let mut known: Vec<Key> = Vec::new();
    let mut start = 0;
    for (i, item) in file.items.iter().enumerate() {
        known.extend(key(item));
        let next = file.items.get(i + 1);
        let anew = next.and_then(key).is_some_and(|key| known.contains(&key));
        if anew || matches!(item.kind, ItemKind::Expr(_)) {
            let next = next.map_or(text.len(), |next| next.span.start as usize);
            let cut = line_end(text, item.span.end as usize, next);
            programs.push(&text[start..cut]);
            known.clear();
            start = cut;
        }
    }
    if has_code(&text[start..]) {
        programs.push(&text[start..]);
    }
    programs
}

/// The end of the line in which an item ends, for the comment behind it; no further than the next
/// item.
fn line_end(text: &str, end: usize, next: usize) -> usize {
    let next = next.max(end);
    text[end..next].find('\n').map_or(next, |at| end + at + 1)
}

#[cfg(test)]
mod tests {
    use super::{Part, is_whole, parts, programs};

    #[test]
    fn commands_stand_between_programs() {
        let known = |name: &str| name == "user";
        let text = ":user 1\n# note\na = x(\n  1\n\n)\n:nope\nquit\n";
        let expected = [
            Part::Command("user 1".into()),
            Part::Program("# note\na = x(\n  1\n\n)\n".into()),
            Part::Command("nope".into()),
            Part::Command("quit".into()),
        ];
        assert_eq!(parts(text, known), expected);
        // only a command that is known ends an open bracket
        let open = parts("a = x(\n: int\n:user 2\n", known);
        assert_eq!(open[0], Part::Program("a = x(\n: int\n".into()));
        assert_eq!(open[1], Part::Command("user 2".into()));
    }

    #[test]
    fn a_program_ends_with_what_it_runs() {
        let text = "b = a.take(1)\n\n# first\na = all(media)  # why\nb\na = b\na = c\na | b\n\n  .x(1)\nz\n";
        let expected = [
            "b = a.take(1)\n\n# first\na = all(media)  # why\nb\n",
            "a = b\n",
            "a = c\na | b\n\n  .x(1)\n",
            "z\n",
        ];
        assert_eq!(programs(text), expected);
        assert_eq!(programs("user; all(media)"), ["user; ", "all(media)"]);
        let twice = "def f(rows: set[user]) = rows\ndef f(rows: set[media]) = rows\n";
        assert_eq!(programs(twice), [twice]);
    }

    #[test]
    fn comments_wait_for_what_they_are_about() {
        assert!(is_whole("") && is_whole(":type (") && is_whole("user"));
        assert!(!is_whole("## doc\n") && !is_whole("a = (") && !is_whole("a |"));
        assert!(is_whole("## doc\ndef f() = user"));
        // a string that is not closed on its line is an error at once
        assert!(is_whole("all(movie).filter(title == \"Heat") && is_whole("a = (\"x"));
        assert!(!is_whole("all(movie).filter(title == \"Heat\""));
    }
}
