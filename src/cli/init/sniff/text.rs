//! How a text table is written: separator, header, names.

use super::kind::{Kind, LOOK, Text};
use super::shape::{Shape, has_header, shape, trimmed};
use crate::catalog::config::TextFormat;
use crate::store::profile;
use encoding_rs::{Encoding, WINDOWS_1252};

pub(super) fn table(text: &str, encoding: Option<&'static Encoding>, ending: &str) -> Kind {
    let usual = profile::separator(ending);
    let cut = text.len() >= LOOK / 2;
    let Some(mut shape) = shape(text, cut, usual, ending) else {
        let data = ["csv", "tsv", "psv", "dat"].contains(&ending);
        let why = "no separator splits its lines into the same number of fields";
        return Kind::Other(data.then(|| why.to_owned()));
    };
    let remark = remark_header(&mut shape);
    if let Some(lines) = before_header(text, &shape) {
        let why = format!(
            "its header is line {}: delete the lines above it (`tail -n +{0} FILE`)",
            lines + 1
        );
        return Kind::Other(Some(why));
    }
    let separator = match () {
        () if blank_behind_commas(text, cut, &shape) => Some(", "),
        () => Some(shape.separator).filter(|_| usual != Some(shape.separator)),
    };
    let mut found = Text {
        format: TextFormat {
            encoding,
            separator: separator.map(str::to_owned),
            ..TextFormat::default()
        },
        ..Text::default()
    };
    if encoding == Some(WINDOWS_1252) {
        let note = "it is not UTF-8, and is read as latin1: if accented letters look wrong, set its `encoding`";
        found.notes.push(note.to_owned());
    }
    name_columns(&mut found, &shape, remark);
    Kind::Text(found)
}

/// Names by the header, if there is one.
fn name_columns(found: &mut Text, shape: &Shape, remark: bool) {
    if shape.rest {
        found.format.header = false;
        found.format.rest = true;
        found.names = vec!["user_id".to_owned(), "item_id".to_owned()];
    } else if has_header(&shape.records) {
        header(found, shape);
        if remark {
            found.format.names = Some(found.names.clone());
        }
    } else {
        found.format.header = false;
        found.names = (1..=shape.fields).map(|n| format!("column_{n}")).collect();
    }
    if !found.format.header {
        found.format.names = Some(found.names.clone());
    }
}

/// A header that is a remark: `# user_id item_id` has one field more than the lines below.
fn remark_header(shape: &mut Shape) -> bool {
    let fields = shape.fields;
    let Some(first) = shape.records.first_mut() else {
        return false;
    };
    let sign = first.first().is_some_and(|f| ["#", "%", "//"].contains(&f.trim()));
    let fits = sign && trimmed(first) == fields + 1 && !shape.rest;
    if fits {
        first.remove(0);
    }
    fits
}

/// A blank stands behind every comma, and nothing is quoted.
fn blank_behind_commas(text: &str, cut: bool, shape: &Shape) -> bool {
    let even = |line: &str| {
        line.matches(',').count() == line.matches(", ").count()
            && line.split(", ").count() == shape.fields
    };
    let whole = || text.lines().filter(|l| !l.trim().is_empty()).all(even);
    shape.separator == ","
        && !cut
        && !shape.rest
        && !text.contains('"')
        && whole()
        && shape.fields > 1
}

/// How many lines stand above the header, where there are some: `sep=;` of Excel, remarks.
fn before_header(text: &str, shape: &Shape) -> Option<usize> {
    let above = |r: &&Vec<String>| trimmed(r) < shape.fields && !shape.rest;
    let lines = match text.trim_start_matches('\u{feff}').starts_with("sep=") {
        true => 1,
        false => shape.records.iter().take_while(above).count(),
    };
    let header = shape.records.get(lines)?;
    let named = header.iter().filter(|n| crate::cli::init::words::is_column_name(n)).count();
    (lines > 0 && named * 2 >= header.len() && has_header(&shape.records[lines..])).then_some(lines)
}

/// Names as the header has them. What cannot be used as it stands is put right, and the catalog then
/// names all columns.
pub(super) fn header(found: &mut Text, shape: &Shape) {
    let first = shape.records.first().map_or(&[][..], Vec::as_slice);
    let mut names: Vec<String> = first[..shape.fields.min(first.len())]
        .iter()
        .enumerate()
        .map(|(at, name)| match name.trim() {
            "" => format!("column_{}", at + 1),
            name => name.to_owned(),
        })
        .collect();
    let before = names.clone();
    let told = names.iter().all(|n| atomic(n).is_some());
    found.told = vec![None; names.len()];
    if told {
        for (name, told) in names.iter_mut().zip(&mut found.told) {
            if let Some((plain, ty)) = atomic(name) {
                (*name, *told) = (plain.to_owned(), Some(ty));
            }
        }
    }
    if let Some(name) = names.first_mut() {
        let plain = name.trim_start_matches(['#', '/', '%', ' ']).to_owned();
        if !plain.is_empty() {
            *name = plain;
        }
    }
    number_repeated(&mut names, &mut found.notes);
    if names != before {
        found.format.names = Some(names.clone());
    }
    found.names = names;
}

/// Gives names that stand twice a number.
fn number_repeated(names: &mut [String], notes: &mut Vec<String>) {
    for at in 1..names.len() {
        let name = names[at].clone();
        let mut number = 2;
        while names[..at].contains(&names[at]) {
            names[at] = format!("{name}_{number}");
            number += 1;
        }
        if number > 2 {
            let now = &names[at];
            notes.push(format!("two columns are called `{name}`: the later one is `{now}`"));
        }
    }
}

/// RecBole's atomic files tell types in their headers.
fn atomic(name: &str) -> Option<(&str, &'static str)> {
    const TYPES: [&str; 4] = ["token", "token_seq", "float", "float_seq"];
    let (name, ty) = name.rsplit_once(':')?;
    Some((name, *TYPES.iter().find(|t| **t == ty)?))
}
