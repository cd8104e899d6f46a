//! Reading the tables that were found.

use super::doubts::null_doubts;
use super::find::{self, Found, Source};
use super::judge::{self, Judged};
use super::table::{Doubt, Table};
use super::{guess, headless};
use crate::catalog::config::{OnError, Table as TableConfig, TextFormat};
use crate::store::profile::{self, Profile};
use rayon::prelude::*;
use std::path::Path;

/// Reads all tables, in parallel; what cannot be read is left out.
pub fn read(dir: &Path, found: &mut Found) -> Vec<Table> {
    let sources = std::mem::take(&mut found.tables);
    let read: Vec<_> = sources.into_par_iter().map(|source| table(dir, source)).collect();
    let mut tables = Vec::new();
    for result in read {
        match result {
            Ok(table) if table.profile.columns.is_empty() => {
                found.left.push((table.source.pattern, "no column can be read".to_owned()));
            }
            Ok(table) => tables.push(table),
            Err((pattern, error)) => found.left.push((pattern, error)),
        }
    }
    tables
}

/// Tables of one thing with the same columns, beside each other, are parts of one.
pub fn join_parts(dir: &Path, tables: &mut Vec<Table>) {
    while let Some(parts) = guess::guess(tables).parts.into_iter().next() {
        let (first, second) = parts.tables;
        let patterns: Vec<String> =
            [first, second].iter().flat_map(|t| &tables[*t].parts).cloned().collect();
        let source = |pattern: String| Source {
            pattern,
            name: parts.name.clone(),
            text: tables[first].source.text.clone(),
            json: tables[first].source.json,
        };
        let joined = find::glob_of(dir, &patterns).and_then(|p| table(dir, source(p)).ok());
        let Some(joined) = joined else { break };
        tables[first] = Table { parts: patterns, key: Some(parts.key), ..joined };
        tables.remove(second);
    }
}

/// How the text of a table is read, what it holds when it is read so, and what a person should know of it.
struct Opened {
    text: TextFormat,
    profile: Profile,
    note: Option<String>,
}

/// The pattern of a table, and why it cannot be read.
type Unread = (String, String);

/// What a file holds.
fn table(dir: &Path, source: Source) -> Result<Table, Unread> {
    let read = |text: &TextFormat| {
        profile::profile(&config(&source, text), dir)
            .map_err(|e| (source.pattern.clone(), e.message.to_string()))
    };
    let Opened { mut text, mut profile, note } = opened(&source, &read)?;
    let separator = separator(dir, &source);
    let judged = |profile: &Profile| judged(profile, &source, separator.as_deref());
    let mut all = judged(&profile);
    judge::odd_times(&profile, &mut all, source.text.is_some());
    // words for null are for texts
    judge::keep_words(&profile, &mut all, source.text.is_none() && !source.json);
    let nulls = judge::null_words(&all);
    let mut doubts = null_doubts(&profile, &all);
    if !nulls.is_empty() {
        text.null.extend(nulls);
        profile = read(&text)?;
        let before = std::mem::replace(&mut all, judged(&profile));
        for (now, before) in all.iter_mut().zip(before) {
            // what was told of a column is not told again, or not of what is null now
            now.odd.clear();
            now.note = before.note;
            now.own_nulls = before.own_nulls;
        }
        judge::keep_words(&profile, &mut all, true);
    }
    doubts.extend(notes(&source, note, &profile));
    Ok(Table {
        parts: vec![source.pattern.clone()],
        key: None,
        source,
        text,
        profile,
        judged: all,
        repairs: Vec::new(),
        noted: doubts.len(),
        forced: None,
        doubts,
    })
}

/// Reads a file as it is found to be written, and again where its escapes, quotes or header turn out to
/// be others.
fn opened(
    source: &Source,
    read: &dyn Fn(&TextFormat) -> Result<Profile, Unread>,
) -> Result<Opened, Unread> {
    let mut text = source.text.as_ref().map_or_else(TextFormat::default, |t| t.format.clone());
    let mut profile = read(&text)?;
    let mut note = None;
    if profile.escaped {
        let escaped = TextFormat { escape: Some(b'\\'), ..text.clone() };
        let again = read(&escaped).ok();
        if let Some(again) = again.filter(|again| again.reads_more_than(&profile)) {
            note = Some(
                "quotes behind a backslash are letters of their field (`escape` of `format`)"
                    .to_owned(),
            );
            (text, profile) = (escaped, again);
        }
    }
    if let Some(row) = profile.fatal {
        let message = unclosed(&profile, row);
        let all = profile.rows;
        text.quotes = Some(false);
        profile = read(&text)?;
        let broken = profile.broken.as_ref().map_or(0, |(rows, _)| rows.len());
        if broken * 50 > all {
            let error = format!("{message}; write quotes inside a field twice");
            return Err((source.pattern.clone(), error));
        }
        note = Some(format!("{message}, so quotes are read as letters (`quotes` of `format`)"));
    }
    let named = source.text.as_ref().is_some_and(|t| t.named);
    if source.text.is_some() && !text.header && !text.rest && !named {
        text.names = Some(headless::names(&source.name, &profile));
        profile = read(&text)?;
    }
    Ok(Opened { text, profile, note })
}

fn unclosed(profile: &Profile, row: u32) -> String {
    let place = profile.place(row);
    let line = place.line.map_or_else(String::new, |l| format!(" (line {l})"));
    format!("row {}{line}: a quote is never closed", place.row)
}

/// What stands between the fields of a text.
fn separator(dir: &Path, source: &Source) -> Option<String> {
    let usual = profile::separator_of(&dir.join(&source.pattern));
    let format = source.text.as_ref().map(|t| &t.format);
    format.map(|f| f.separator.as_deref().unwrap_or(usual).to_owned())
}

/// What the columns are, one by one.
fn judged(profile: &Profile, source: &Source, separator: Option<&str>) -> Vec<Judged> {
    let told = source.text.as_ref().map_or(&[][..], |t| &t.told);
    let told = |at: usize| told.get(at).copied().flatten();
    let columns = profile.columns.iter().enumerate();
    columns.map(|(at, c)| judge::judge(c, told(at), source.text.is_some(), separator)).collect()
}

/// What was noted of how a file is written.
fn notes(source: &Source, note: Option<String>, profile: &Profile) -> Vec<Doubt> {
    let again = profile.warnings().into_iter().find(|w| w.contains("repeated header lines"));
    let found = source.text.iter().flat_map(|t| t.notes.clone());
    let notes = found.chain(note).chain(again);
    let doubt = |message| Doubt { message, rows: Vec::new(), count: 0, repair: String::new() };
    notes.map(doubt).collect()
}

/// The part of a catalog that names a table, to read it with.
fn config(source: &Source, text: &TextFormat) -> TableConfig {
    TableConfig {
        pattern: source.pattern.clone(),
        line: 0,
        text: text.clone(),
        formatted: source.text.is_some(),
        on_error: OnError::Error,
        columns: Vec::new(),
    }
}
