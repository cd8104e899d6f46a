//! A table on its way into a catalog: how it is read, what its columns are, what is put right.

use super::doubts::{null_doubts, wrong_values};
use super::find::{Found, Source};
use super::judge::{self, Judged};
use super::{find, guess, headless, print};
use crate::catalog::config::{OnError, Table as TableConfig, TextFormat};
use crate::store::profile;
use rayon::prelude::*;
use std::path::Path;

/// A table that was found, and what became of it.
pub struct Table {
    pub source: Source,
    /// How it is read.
    pub text: TextFormat,
    pub profile: profile::Profile,
    /// What its columns are.
    pub judged: Vec<Judged>,
    /// Keys of its section that put something right.
    pub repairs: Vec<Repair>,
    /// The patterns of the parts that were joined into it.
    pub parts: Vec<String>,
    /// The key that its parts have.
    pub key: Option<String>,
    pub doubts: Vec<Doubt>,
    /// How many of the doubts are about how the file is written.
    pub noted: usize,
    /// Why it loads without bad values or rows only, the first of them, and whether it is values.
    pub forced: Option<(String, String, bool)>,
}

/// A line of the catalog that lets data load that is not as it should be.
pub struct Repair {
    pub key: &'static str,
    pub value: String,
    /// The reason, with a count.
    pub why: String,
}

/// What a person should look at.
pub struct Doubt {
    pub message: String,
    /// Where: rows and values.
    pub rows: Vec<String>,
    /// How many rows there are.
    pub count: usize,
    /// What the catalog says about it.
    pub repair: String,
}

impl Table {
    pub fn repair(&self, key: &str) -> Option<&Repair> {
        self.repairs.iter().find(|r| r.key == key)
    }

    /// The doubts about the table alone, without those about others.
    pub fn own_doubts(&mut self) {
        self.repairs.clear();
        self.doubts.truncate(self.noted);
        wrong_values(self);
        if let Some((why, row, value)) = self.forced.clone() {
            let (becomes, key) = match value {
                true => ("such values are read as null", "null"),
                false => ("such rows are left out", "skip"),
            };
            self.doubts.push(Doubt {
                message: format!("{why}; {becomes}"),
                rows: vec![row],
                count: 1,
                repair: format!("on_error = {key:?}"),
            });
            self.on_error(key, why);
        }
    }

    pub fn rows_in_files(&self) -> usize {
        let broken = self
            .profile
            .broken
            .as_ref()
            .map_or(0, |(rows, _)| rows.len());
        self.profile.rows + broken
    }

    /// Bad values read as null, bad rows are left out; the first does the second where it must.
    pub fn on_error(&mut self, value: &str, why: String) {
        match self.repairs.iter_mut().find(|r| r.key == "on_error") {
            Some(repair) => {
                if value == "null" {
                    repair.value = value.to_owned();
                }
                repair.why = format!("{}; {why}", repair.why);
            }
            None => self.repairs.push(Repair {
                key: "on_error",
                value: value.to_owned(),
                why,
            }),
        }
    }

    /// What a column is.
    pub fn column(&self, name: &str) -> Option<&Judged> {
        let mut columns = self.profile.columns.iter().zip(&self.judged);
        columns.find_map(|(c, judged)| (c.name == name).then_some(judged))
    }

    /// How the catalog writes its text format, if it must.
    pub fn format(&self) -> Option<String> {
        let format = &self.text;
        let mut parts = Vec::new();
        if let Some(separator) = &format.separator {
            parts.push(format!("separator = {}", print::quoted(separator)));
        }
        if let Some(names) = &format.names {
            parts.push(format!("header = {}", format.header));
            let last = names.len().saturating_sub(1);
            let names =
                names
                    .iter()
                    .enumerate()
                    .map(|(at, name)| match format.rest && at == last {
                        true => print::quoted(&format!("{name}...")),
                        false => print::quoted(name),
                    });
            parts.push(format!(
                "names = [{}]",
                names.collect::<Vec<_>>().join(", ")
            ));
        }
        if let Some(encoding) = format.encoding {
            let name = encoding.name().to_lowercase();
            let name = if name == "windows-1252" {
                "latin1"
            } else {
                &name
            };
            parts.push(format!("encoding = {}", print::quoted(name)));
        }
        if format.null != TextFormat::default().null {
            let words: Vec<String> = format.null.iter().map(|n| print::quoted(n)).collect();
            parts.push(format!("null = [{}]", words.join(", ")));
        }
        if let Some(sign) = format.escape {
            let sign = char::from(sign).to_string();
            parts.push(format!("escape = {}", print::quoted(&sign)));
        }
        if let Some(quotes) = format.quotes {
            parts.push(format!("quotes = {quotes}"));
        }
        if let Some(decimal) = format.decimal {
            parts.push(format!("decimal = {}", print::quoted(&decimal.to_string())));
        }
        (!parts.is_empty()).then(|| format!("{{ {} }}", parts.join(", ")))
    }

    /// Where a row stands: `row 17 (line 18)`.
    pub fn place(&self, row: u32) -> String {
        let place = self.profile.place(row);
        let line = place
            .line
            .map_or_else(String::new, |l| format!(" (line {l})"));
        format!("row {}{line}", place.row)
    }
}

/// Reads all tables, in parallel; what cannot be read is left out.
pub fn read(dir: &Path, found: &mut Found) -> Vec<Table> {
    let sources = std::mem::take(&mut found.tables);
    let read: Vec<_> = sources
        .into_par_iter()
        .map(|source| table(dir, source))
        .collect();
    let mut tables = Vec::new();
    for result in read {
        match result {
            Ok(table) if table.profile.columns.is_empty() => {
                found
                    .left
                    .push((table.source.pattern, "no column can be read".to_owned()));
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
        let patterns: Vec<String> = [first, second]
            .iter()
            .flat_map(|t| &tables[*t].parts)
            .cloned()
            .collect();
        let source = |pattern: String| Source {
            pattern,
            name: parts.name.clone(),
            text: tables[first].source.text.clone(),
            json: tables[first].source.json,
        };
        let joined = find::glob_of(dir, &patterns).and_then(|p| table(dir, source(p)).ok());
        let Some(joined) = joined else { break };
        tables[first] = Table {
            parts: patterns,
            key: Some(parts.key),
            ..joined
        };
        tables.remove(second);
    }
}

/// What a file holds; else its pattern and why it cannot be read.
fn table(dir: &Path, source: Source) -> Result<Table, (String, String)> {
    let mut text = source
        .text
        .as_ref()
        .map_or_else(TextFormat::default, |t| t.format.clone());
    let read = |text: &TextFormat| {
        profile::profile(&config(&source, text), dir)
            .map_err(|e| (source.pattern.clone(), e.message.to_string()))
    };
    let mut profile = read(&text)?;
    let mut noted = None;
    if profile.escaped {
        let escaped = TextFormat {
            escape: Some(b'\\'),
            ..text.clone()
        };
        let again = read(&escaped).ok();
        if let Some(again) = again.filter(|again| again.reads_more_than(&profile)) {
            noted = Some(
                "quotes behind a backslash are letters of their field (`escape` of `format`)"
                    .to_owned(),
            );
            (text, profile) = (escaped, again);
        }
    }
    if let Some(row) = profile.fatal {
        let place = profile.place(row);
        let all = profile.rows;
        text.quotes = Some(false);
        profile = read(&text)?;
        let broken = profile.broken.as_ref().map_or(0, |(rows, _)| rows.len());
        let line = place
            .line
            .map_or_else(String::new, |l| format!(" (line {l})"));
        let message = format!("row {}{line}: a quote is never closed", place.row);
        if broken * 50 > all {
            let error = format!("{message}; write quotes inside a field twice");
            return Err((source.pattern, error));
        }
        noted = Some(format!(
            "{message}, so quotes are read as letters (`quotes` of `format`)"
        ));
    }
    let named = source.text.as_ref().is_some_and(|t| t.named);
    if source.text.is_some() && !text.header && !text.rest && !named {
        let names = headless::names(&source.name, &profile);
        text.names = Some(names);
        profile = read(&text)?;
    }
    let told: Vec<Option<&'static str>> = source
        .text
        .as_ref()
        .map_or_else(Vec::new, |t| t.told.clone());
    let tabs = profile::is_tabbed(&dir.join(&source.pattern));
    let usual = if tabs { "\t" } else { "," };
    let format = source.text.as_ref().map(|t| &t.format);
    let separator = format.map(|f| f.separator.as_deref().unwrap_or(usual).to_owned());
    let separator = separator.as_deref();
    let judged = |profile: &profile::Profile| -> Vec<Judged> {
        let columns = profile.columns.iter().enumerate();
        let told = |at: usize| told.get(at).copied().flatten();
        columns
            .map(|(at, c)| judge::judge(c, told(at), source.text.is_some(), separator))
            .collect()
    };
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
    let again = profile
        .warnings()
        .into_iter()
        .find(|w| w.contains("header comes again"));
    let noted = noted.into_iter().chain(again);
    let notes = source
        .text
        .iter()
        .flat_map(|t| t.notes.clone())
        .chain(noted);
    doubts.extend(notes.map(|note| Doubt {
        message: note,
        rows: Vec::new(),
        count: 0,
        repair: String::new(),
    }));
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
