//! A comparison as text for people.

use super::Found;
use crate::cli::values::shown_key;
use crate::cli::why;
use crate::diff::{AnswerDiff, Change, Changed, Diff, ListDiff, Moved, Operator};
use crate::visible::visible;
use std::fmt::Write;

pub fn text(found: &Found) -> String {
    let diff = &found.diff;
    let mut text = String::new();
    if let Some(arms) = found.arms.said() {
        let _ = writeln!(text, "in {}", visible(&arms));
    }
    if diff.is_empty() {
        text.push_str("the programs mean the same\n");
    }
    section(&mut text, "operators", &operators(diff));
    section(&mut text, "request", &changes(&diff.request));
    section(&mut text, "output", &changes(&diff.output));
    section(&mut text, "planned quantities", &changes(&diff.quantities));
    section(&mut text, "bounds", &changes(&diff.bounds));
    section(&mut text, "tunables", &changes(&diff.tunables));
    if let Some(answers) = &found.answers {
        section(&mut text, "answers", &self::answers(answers));
        answers.most.iter().for_each(|moved| text.push_str(&self::moved(moved)));
    }
    text
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let gap = if text.is_empty() { "" } else { "\n" };
    let _ = writeln!(text, "{gap}{title}");
    for line in lines {
        let _ = writeln!(text, "  {}", visible(line));
    }
}

/// A line for each operator: `-` removed, `+` added, `~` changed.
fn operators(diff: &Diff) -> Vec<String> {
    let removed = diff.removed.iter().map(|op| format!("- {}", operator(op)));
    let added = diff.added.iter().map(|op| format!("+ {}", operator(op)));
    removed.chain(added).chain(diff.changed.iter().map(|c| format!("~ {}", changed(c)))).collect()
}

/// `walk likes(limit=30) at old.igql:3`.
pub fn operator(op: &Operator) -> String {
    format!("{} at {}", written(op), place(op))
}

pub fn place(op: &Operator) -> String {
    format!("{}:{}", op.at.file, op.at.line)
}

/// `walk(likes, limit=30)`.
pub fn written(op: &Operator) -> String {
    match op.args.is_empty() {
        true => op.op.clone(),
        false => format!("{}({})", op.op, op.args.join(", ")),
    }
}

fn changed(changed: &Changed) -> String {
    let (old, new) = said(changed);
    format!("{}: {old} -> {new} at {}", changed.new.label, place(&changed.new))
}

/// What differs: arguments, and the sets that are read.
pub fn said(changed: &Changed) -> (String, String) {
    let (old, new) = changed.arguments();
    let (was, is) = match &changed.inputs {
        Some((was, is)) => (over(was), over(is)),
        None => (None, None),
    };
    let joined = |args: Vec<&str>, over: Option<String>| {
        let all: Vec<String> = args.into_iter().map(str::to_owned).chain(over).collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    };
    (joined(old, was), joined(new, is))
}

fn over(sets: &[String]) -> Option<String> {
    (!sets.is_empty()).then(|| format!("over {}", sets.join(", ")))
}

fn changes(changes: &[Change]) -> Vec<String> {
    changes.iter().map(change).collect()
}

fn change(change: &Change) -> String {
    let (sign, text) = sides(change);
    let list = change.list.as_ref().map_or(String::new(), |list| format!(" of {list}"));
    format!("{sign} {}{list}: {text}", change.what)
}

/// `-`, `+` or `~`, and what was and is said.
pub fn sides(change: &Change) -> (char, String) {
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => ('~', format!("{old} -> {new}")),
        (Some(old), None) => ('-', old.clone()),
        (None, new) => ('+', new.clone().unwrap_or_default()),
    }
}

fn answers(answers: &AnswerDiff) -> Vec<String> {
    let all = answers.requests;
    let requests = if all == 1 { "request" } else { "requests" };
    let mut lines = vec![format!(
        "{} of {all} {requests} have another answer ({}), {} other rows or another order ({})",
        answers.changed,
        percent(answers.changed, all),
        answers.other_rows,
        percent(answers.other_rows, all)
    )];
    lines.extend(answers.lists.iter().map(list));
    lines
}

pub fn percent(part: usize, all: usize) -> String {
    format!("{:.1} %", 100.0 * part as f64 / all.max(1) as f64)
}

fn list(list: &ListDiff) -> String {
    let name = list.new.as_ref().map_or(String::new(), |name| format!("{name}: "));
    let ListDiff { overlap, rank_biased_overlap: rbo, .. } = list;
    format!("{name}overlap@10 {overlap:.4}, rank-biased overlap {rbo:.4}")
}

/// Who asked, in which list.
pub fn who(moved: &Moved) -> String {
    let user = moved.user.as_ref();
    let user = user.map_or("the request".to_owned(), |user| format!("user {}", shown_key(user)));
    let list = moved.list.as_ref().map_or(String::new(), |list| format!(", {}", visible(list)));
    let Moved { overlap, rank_biased_overlap: rbo, .. } = moved;
    format!("{user}{list}: overlap@10 {overlap:.4}, rank-biased overlap {rbo:.4}")
}

fn moved(moved: &Moved) -> String {
    let mut text = format!("\n{}\n", who(moved));
    for gone in &moved.gone {
        let why = gone.why_not.as_ref().map(why::not_text);
        let why = why.unwrap_or_else(|| format!("{}\n", shown_key(&gone.key)));
        let _ = write!(text, "  - at {}: {}", gone.position, indented(&why));
    }
    for (position, _, why) in &moved.came {
        let _ = write!(text, "  + at {position}: {}", indented(&why::of_row(why)));
    }
    for (was, is, key) in &moved.moved {
        let _ = writeln!(text, "  ~ {}: from position {was} to {is}", shown_key(key));
    }
    text
}

/// A text whose further lines stand below its first.
fn indented(text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let rest: String = lines.map(|line| format!("      {}\n", line.trim_start())).collect();
    format!("{first}\n{rest}")
}
