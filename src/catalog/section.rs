//! Reading sections of the catalog file: every complaint knows its line, every key is asked for
//! by name, and what nobody asked for is an error.

use super::DataError;
use std::fmt::Write;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

type Entry<'a> = (&'a Spanned<std::borrow::Cow<'a, str>>, &'a Spanned<DeValue<'a>>);

/// The text of a catalog file and where it is from.
#[derive(Clone, Copy)]
pub(super) struct Doc<'a> {
    pub path: &'a Path,
    pub text: &'a str,
}

impl<'a> Doc<'a> {
    /// The line, from 1, of a byte offset.
    pub fn line(&self, offset: usize) -> u64 {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        before.iter().filter(|&&b| b == b'\n').count() as u64 + 1
    }

    pub fn error(&self, line: u64, message: impl Into<String>) -> DataError {
        DataError::new(self.path, message).line(line)
    }

    /// The syntax tree, or the first error of syntax.
    pub fn parse(&self) -> Result<Spanned<DeTable<'a>>, DataError> {
        DeTable::parse(self.text).map_err(|e| {
            let line = self.line(e.span().map_or(0, |s: Range<usize>| s.start));
            self.error(line, e.message().trim_end().replace('\n', ", "))
        })
    }
}

/// One table of the file with the name that people know it by.
#[derive(Clone)]
pub(super) struct Section<'a> {
    pub doc: Doc<'a>,
    /// As in `[entity.user]`; empty for the whole file.
    pub name: String,
    pub line: u64,
    table: &'a DeTable<'a>,
}

/// A value with the line it stands on.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub value: T,
    pub line: u64,
}

impl<'a> Section<'a> {
    pub fn root(doc: Doc<'a>, table: &'a Spanned<DeTable<'a>>) -> Self {
        Section { doc, name: String::new(), line: 1, table: table.get_ref() }
    }

    pub fn error(&self, line: u64, message: impl Into<String>) -> DataError {
        self.doc.error(line, message)
    }

    fn get(&self, key: &str) -> Option<Entry<'a>> {
        self.table.iter().find(|(k, _)| k.get_ref() == key)
    }

    fn place(&self) -> String {
        if self.name.is_empty() { "the catalog".to_owned() } else { format!("`[{}]`", self.name) }
    }

    /// An error unless every key is one of `known`.
    pub fn only(&self, known: &[&str]) -> Result<(), DataError> {
        let Some((key, _)) =
            self.in_order().into_iter().find(|(k, _)| !known.contains(&k.get_ref().as_ref()))
        else {
            return Ok(());
        };
        let message = format!("unknown key `{}` in {}", key.get_ref(), self.place());
        let listed = known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
        let help = nearest(key.get_ref(), known.iter().copied())
            .map_or_else(|| format!("known here: {listed}"), |n| format!("did you mean `{n}`?"));
        Err(self.error(self.doc.line(key.span().start), message).help(help))
    }

    /// All entries as they stand in the file.
    fn in_order(&self) -> Vec<Entry<'a>> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(k, _)| k.span().start);
        entries
    }

    fn wrong(&self, entry: Entry<'a>, expected: &str) -> DataError {
        let (key, value) = entry;
        let found = value.get_ref().type_str();
        let message = format!(
            "`{}` in {} must be {expected}, found {}",
            key.get_ref(),
            self.place(),
            article(found)
        );
        self.error(self.doc.line(value.span().start), message)
    }

    fn typed<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Result<Option<At<T>>, DataError> {
        let Some(entry) = self.get(key) else {
            return Ok(None);
        };
        let line = self.doc.line(entry.0.span().start);
        let value = read(entry.1.get_ref()).ok_or_else(|| self.wrong(entry, expected))?;
        Ok(Some(At { value, line }))
    }

    pub fn string(&self, key: &str) -> Result<Option<At<String>>, DataError> {
        self.typed(key, "a string", |v| v.as_str().map(str::to_owned))
    }

    pub fn bool(&self, key: &str) -> Result<Option<At<bool>>, DataError> {
        self.typed(key, "true or false", DeValue::as_bool)
    }

    /// A whole number between `least` and `most`.
    pub fn number(&self, key: &str, least: u32, most: u32) -> Result<Option<At<u32>>, DataError> {
        let expected = format!("a whole number from {least} to {most}");
        self.typed(key, &expected, |v| {
            let digits = v.as_integer()?;
            let number = i64::from_str_radix(digits.as_str(), digits.radix()).ok()?;
            u32::try_from(number).ok().filter(|n| (least..=most).contains(n))
        })
    }

    /// A string or a list of strings.
    pub fn strings(&self, key: &str) -> Result<Option<At<Vec<String>>>, DataError> {
        self.typed(key, "a string or a list of strings", |v| match v.as_str() {
            Some(one) => Some(vec![one.to_owned()]),
            None => v.as_array()?.iter().map(|x| x.get_ref().as_str().map(str::to_owned)).collect(),
        })
    }

    /// A string, or a date or time without quotes.
    pub fn string_or_time(&self, key: &str) -> Result<Option<At<String>>, DataError> {
        self.typed(key, "a string or a time", |v| {
            v.as_str().map(str::to_owned).or_else(|| v.as_datetime().map(ToString::to_string))
        })
    }

    pub fn need_string(&self, key: &str, what: &str) -> Result<At<String>, DataError> {
        self.string(key)?.ok_or_else(|| self.missing(key, what))
    }

    /// The error for a key that must be there; `what` shows how it is written.
    pub fn missing(&self, key: &str, what: &str) -> DataError {
        self.error(self.line, format!("{} lacks `{key}`", self.place()))
            .help(format!("add `{key} = {what}`"))
    }

    /// True if the key holds a string (and not a table).
    pub fn is_string(&self, key: &str) -> bool {
        self.get(key).is_some_and(|(_, v)| v.get_ref().is_str())
    }

    /// The table under a key.
    pub fn section(&self, key: &str) -> Result<Option<Section<'a>>, DataError> {
        self.get(key).map(|entry| self.below(entry)).transpose()
    }

    /// The tables under a key, in the order of the file: `[entity.a]`, `[entity.b]`.
    pub fn sections(&self, key: &str) -> Result<Vec<(String, Section<'a>)>, DataError> {
        let Some(all) = self.section(key)? else {
            return Ok(Vec::new());
        };
        all.named()
    }

    /// Every entry of this table, each a table itself.
    pub fn named(&self) -> Result<Vec<(String, Section<'a>)>, DataError> {
        let entries = self.in_order().into_iter();
        entries.map(|e| Ok((e.0.get_ref().to_string(), self.below(e)?))).collect()
    }

    fn below(&self, entry: Entry<'a>) -> Result<Section<'a>, DataError> {
        let (key, value) = entry;
        let table = value.get_ref().as_table().ok_or_else(|| self.wrong(entry, "a table"))?;
        let dot = if self.name.is_empty() { "" } else { "." };
        let name = format!("{}{dot}{}", self.name, key.get_ref());
        Ok(Section { doc: self.doc, name, line: self.doc.line(key.span().start), table })
    }
}

/// The candidate that a misspelt name most likely means.
pub(crate) fn nearest<'n>(name: &str, among: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let near = |n: &&str| strsim::damerau_levenshtein(&name.to_lowercase(), &n.to_lowercase());
    among.min_by_key(|n| near(n)).filter(|n| near(n) <= 1 + name.chars().count() / 4)
}

fn article(noun: &str) -> String {
    let a = if noun.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    format!("{a} {noun}")
}

/// A string as TOML writes it.
pub fn toml_text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A name as a key of the catalog file: in quotes unless it is a plain word.
pub fn toml_key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !name.is_empty() && name.chars().all(bare) {
        true => name.to_owned(),
        false => toml_text(name),
    }
}
