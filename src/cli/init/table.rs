//! A table on its way into a catalog: how it is read, what its columns are, what is put right.

use super::find::Source;
use super::judge::Judged;
use crate::catalog::config::TextFormat;
use crate::catalog::toml_text;
use crate::store::profile;

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

    pub fn rows_in_files(&self) -> usize {
        let broken = self.profile.broken.as_ref().map_or(0, |(rows, _)| rows.len());
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
            None => self.repairs.push(Repair { key: "on_error", value: value.to_owned(), why }),
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
        let list = |texts: &[String]| {
            let texts: Vec<String> = texts.iter().map(|t| toml_text(t)).collect();
            format!("[{}]", texts.join(", "))
        };
        let mut parts = Vec::new();
        let mut add = |key: &str, value: &str| parts.push(format!("{key} = {value}"));
        if let Some(separator) = &format.separator {
            add("separator", &toml_text(separator));
        }
        if let Some(names) = &format.names {
            add("header", &format.header.to_string());
            let mut names = names.clone();
            if let Some(last) = names.last_mut().filter(|_| format.rest) {
                last.push_str("...");
            }
            add("names", &list(&names));
        }
        if let Some(encoding) = format.encoding {
            let name = match encoding.name().to_lowercase().as_str() {
                "windows-1252" => toml_text("latin1"),
                name => toml_text(name),
            };
            add("encoding", &name);
        }
        if format.null != TextFormat::default().null {
            add("null", &list(&format.null));
        }
        if let Some(sign) = format.escape {
            add("escape", &toml_text(&char::from(sign).to_string()));
        }
        if let Some(quotes) = format.quotes {
            add("quotes", &quotes.to_string());
        }
        if let Some(decimal) = format.decimal {
            add("decimal", &toml_text(&decimal.to_string()));
        }
        (!parts.is_empty()).then(|| format!("{{ {} }}", parts.join(", ")))
    }

    /// Where a row stands: `row 17 (line 18)`.
    pub fn place(&self, row: u32) -> String {
        let place = self.profile.place(row);
        let line = place.line.map_or_else(String::new, |l| format!(" (line {l})"));
        format!("row {}{line}", place.row)
    }
}
