//! The part of a section that says how a table is read: file, format, columns.

use crate::catalog::DataError;
use crate::catalog::config::*;
use crate::catalog::section::{At, Section, nearest};
use crate::catalog::time;
use crate::types::Type;

/// `table`, `format`, `on_error` and `columns` of an entity or edge; `table` must be there.
pub(super) fn table_of(section: &Section<'_>) -> Result<Table, DataError> {
    let pattern = section.need_string("table", "\"FILE\"")?;
    let format = section.section("format")?;
    let formatted = format.is_some();
    let text = format.map_or_else(|| Ok(TextFormat::default()), |s| text_format(&s))?;
    Ok(Table {
        pattern: pattern.value,
        line: pattern.line,
        text,
        formatted,
        on_error: on_error(section)?,
        columns: columns_of(section)?,
    })
}

/// What to do with bad rows.
pub(super) fn on_error(section: &Section<'_>) -> Result<OnError, DataError> {
    let Some(word) = section.string("on_error")? else {
        return Ok(OnError::Error);
    };
    match word.value.as_str() {
        "error" => Ok(OnError::Error),
        "skip" => Ok(OnError::Skip),
        "null" => Ok(OnError::Null),
        other => {
            let error = section.error(word.line, format!("`on_error` is `{other}`"));
            Err(error.help(
                "use \"error\" (the default), \"skip\" (drop invalid rows) or \"null\" (read invalid values as null)",
            ))
        }
    }
}

fn text_format(s: &Section<'_>) -> Result<TextFormat, DataError> {
    s.only(&["separator", "header", "names", "encoding", "null", "quotes", "escape", "decimal"])?;
    let names = s.strings("names")?;
    let header = s.bool("header")?.map_or(names.is_none(), |h| h.value);
    if !header && names.is_none() {
        let error = s.error(s.line, format!("`[{}]` has `header = false` but no `names`", s.name));
        return Err(error.help("add `names = [\"first\", \"second\", ...]`"));
    }
    let (names, rest) = rest_of_line(s, names)?;
    let separator = s.string("separator")?;
    if let Some(empty) = separator.as_ref().filter(|x| x.value.is_empty()) {
        return Err(s.error(empty.line, "`separator` is empty"));
    }
    Ok(TextFormat {
        separator: separator.map(|x| x.value),
        header,
        names,
        rest,
        encoding: s.string("encoding")?.map(|e| encoding(s, &e)).transpose()?,
        null: s.strings("null")?.map_or_else(|| TextFormat::default().null, |n| n.value),
        quotes: s.bool("quotes")?.map(|q| q.value),
        escape: escape(s)?,
        decimal: decimal(s)?,
    })
}

/// Takes the `...` off the last name; no other name may have it, and none may stand twice.
fn rest_of_line(
    s: &Section<'_>,
    names: Option<At<Vec<String>>>,
) -> Result<(Option<Vec<String>>, bool), DataError> {
    let Some(At { value: mut names, line }) = names else {
        return Ok((None, false));
    };
    let Some(last) = names.last_mut() else {
        return Err(s.error(line, "`names` is empty"));
    };
    let rest = last.ends_with("...");
    last.truncate(last.trim_end_matches("...").len());
    if let Some(bad) = names.iter().find(|n| n.ends_with("...")) {
        return Err(s.error(
            line,
            format!("only the last name can take the rest of the line, not `{bad}`"),
        ));
    }
    if let Some((_, twice)) = names.iter().enumerate().find(|(i, n)| names[..*i].contains(n)) {
        return Err(s.error(line, format!("`names` lists `{twice}` twice")));
    }
    Ok((Some(names), rest))
}

fn encoding(
    s: &Section<'_>,
    label: &At<String>,
) -> Result<&'static encoding_rs::Encoding, DataError> {
    encoding_rs::Encoding::for_label(label.value.as_bytes()).ok_or_else(|| {
        let error = s.error(label.line, format!("unknown encoding `{}`", label.value));
        error.help("use a name of the Encoding Standard: `utf-8`, `latin1`, `windows-1252`, `utf-16le`, `gbk`")
    })
}

fn columns_of(section: &Section<'_>) -> Result<Vec<Column>, DataError> {
    section.sections("columns")?.into_iter().map(|(name, s)| column(name, &s)).collect()
}

fn column(name: String, s: &Section<'_>) -> Result<Column, DataError> {
    s.only(&["type", "separator", "unit", "format", "tz", "decimal", "null", "as_of"])?;
    let separator = |text: At<String>| Some(text.value).filter(|x| !x.is_empty());
    let mut column = Column {
        name,
        ty: s.string("type")?.map(|t| type_of(s, &t)).transpose()?,
        separator: s.string("separator")?.and_then(separator),
        unit: s.string("unit")?.map(|u| unit(s, &u)).transpose()?,
        formats: formats(s)?,
        zone: zone(s)?,
        decimal: decimal(s)?,
        null: Vec::new(),
        fixed: fixed(s)?,
        line: s.line,
    };
    fits_type(s, &column)?;
    column.ty = column.ty.take().or_else(|| implied_type(&column));
    column.null = s.strings("null")?.map_or_else(Vec::new, |n| n.value);
    Ok(column)
}

/// `as_of = "created"`: the value is that of when the row was made.
fn fixed(s: &Section<'_>) -> Result<bool, DataError> {
    match s.string("as_of")? {
        None => Ok(false),
        Some(At { value, .. }) if value == "created" => Ok(true),
        Some(At { value, line }) => {
            let error = s.error(line, format!("unknown `as_of`: `{value}`"));
            Err(error
                .help("write `as_of = \"created\"` where values never change; else leave it out"))
        }
    }
}

/// What is said of a column has to fit its type, and each other.
fn fits_type(s: &Section<'_>, column: &Column) -> Result<(), DataError> {
    let (name, ty) = (&column.name, column.ty.as_ref());
    for (key, is, fit) in told_of_values(column) {
        if ty.is_some_and(|ty| !fit.contains(innermost(ty))) {
            let message = format!("column `{name}` has a `{key}` but is {is}");
            return Err(s.error(s.line, message));
        }
    }
    if column.unit.is_some() && !column.formats.is_empty() {
        let message = format!("column `{name}` has a `unit` and a `format`");
        let help = "a number is either a count of `unit` or a date in `format`: remove one of them";
        return Err(s.error(s.line, message).help(help));
    }
    if column.separator.is_some() && !matches!(ty, None | Some(Type::List(_) | Type::Vector(_))) {
        let message = format!("column `{name}` has a `separator` but is no list");
        let help = "add `type = \"list[string]\"`";
        return Err(s.error(s.line, message).help(help));
    }
    Ok(())
}

/// The keys given that say how values are written: what other types are not, and which types fit.
fn told_of_values(
    column: &Column,
) -> impl Iterator<Item = (&'static str, &'static str, &'static [Type])> {
    const TIME: &[Type] = &[Type::Time];
    const LENGTH: &[Type] = &[Type::Time, Type::Duration];
    const NUMBER: &[Type] = &[Type::Float, Type::Int];
    let unit = column.unit.map(|_| ("unit", "neither a time nor a duration", LENGTH));
    let format = column.formats.first().map(|_| ("format", "no time", TIME));
    let zone = column.zone.as_ref().map(|_| ("tz", "no time", TIME));
    let decimal = column.decimal.map(|_| ("decimal", "no number", NUMBER));
    [unit, format, zone, decimal].into_iter().flatten()
}

/// A unit alone means a time, a decimal sign a float, a separator alone a list of strings.
fn implied_type(column: &Column) -> Option<Type> {
    let time = column.unit.is_some() || !column.formats.is_empty() || column.zone.is_some();
    let item = match (time, column.decimal) {
        (true, _) => Some(Type::Time),
        (false, Some(_)) => Some(Type::Float),
        (false, None) => None,
    };
    match column.separator {
        Some(_) => Some(Type::List(Box::new(item.unwrap_or(Type::String)))),
        None => item,
    }
}

fn innermost(ty: &Type) -> &Type {
    match ty {
        Type::List(item) => innermost(item),
        other => other,
    }
}

fn formats(s: &Section<'_>) -> Result<Vec<String>, DataError> {
    let Some(formats) = s.strings("format")? else {
        return Ok(Vec::new());
    };
    match formats.value.iter().find(|f| !time::is_format(f)) {
        Some(wrong) => {
            let message = format!("`{wrong}` is not a valid time format");
            let help = "a format is written as for `strptime`: `%d/%m/%Y` reads 31/12/2024, \
                        `%Y%m%d` 20241231, `%d.%m.%Y %H:%M` 31.12.2024 18:30";
            Err(s.error(formats.line, message).help(help))
        }
        None => Ok(formats.value),
    }
}

fn zone(s: &Section<'_>) -> Result<Option<jiff::tz::TimeZone>, DataError> {
    let Some(name) = s.string("tz")? else {
        return Ok(None);
    };
    let unknown = || {
        let error = s.error(name.line, format!("unknown time zone `{}`", name.value));
        error.help(
            "the names are those of the IANA database: `Europe/Rome`, `America/New_York`, `UTC`",
        )
    };
    time::zone(&name.value).map(Some).ok_or_else(unknown)
}

/// The sign that makes a letter of the quote behind it.
fn escape(s: &Section<'_>) -> Result<Option<u8>, DataError> {
    let Some(sign) = s.string("escape")? else {
        return Ok(None);
    };
    if s.bool("quotes")?.is_some_and(|quotes| !quotes.value) {
        return Err(s.error(sign.line, "`escape` has no effect with `quotes = false`"));
    }
    match *sign.value.as_bytes() {
        [one] if one.is_ascii_punctuation() && one != b'"' => Ok(Some(one)),
        _ => {
            let error = s.error(sign.line, format!("`escape` is `{}`", sign.value));
            Err(error.help(
                "it is the sign before a quote that does not end its field, as in `escape = \"\\\\\"`",
            ))
        }
    }
}

fn decimal(s: &Section<'_>) -> Result<Option<char>, DataError> {
    let Some(sign) = s.string("decimal")? else {
        return Ok(None);
    };
    match sign.value.as_str() {
        "," => Ok(Some(',')),
        "." => Ok(Some('.')),
        other => {
            let error = s.error(sign.line, format!("`decimal` is `{other}`"));
            Err(error.help("the decimal separator must be \",\" or \".\""))
        }
    }
}

fn unit(s: &Section<'_>, name: &At<String>) -> Result<Unit, DataError> {
    let found = Unit::ALL.iter().find(|(n, _)| *n == name.value).map(|(_, u)| *u);
    found.ok_or_else(|| {
        let error = s.error(name.line, format!("unknown unit `{}`", name.value));
        error.help("the units are `s`, `ms`, `us` and `ns`")
    })
}

const SCALARS: [(&str, Type); 6] = [
    ("int", Type::Int),
    ("float", Type::Float),
    ("bool", Type::Bool),
    ("string", Type::String),
    ("time", Type::Time),
    ("duration", Type::Duration),
];

fn type_of(s: &Section<'_>, text: &At<String>) -> Result<Type, DataError> {
    parse_type(text.value.trim()).ok_or_else(|| {
        let help = nearest(&text.value, SCALARS.iter().map(|(n, _)| *n)).map_or_else(
            || {
                "the types are int, float, bool, string, time, duration, list[TYPE] and vector[N]"
                    .to_owned()
            },
            |n| format!("did you mean `{n}`?"),
        );
        s.error(text.line, format!("unknown type `{}`", text.value)).help(help)
    })
}

fn parse_type(text: &str) -> Option<Type> {
    if let Some(inner) = text.strip_prefix("list[").and_then(|t| t.strip_suffix(']')) {
        return parse_type(inner.trim()).map(|t| Type::List(Box::new(t)));
    }
    if let Some(n) = text.strip_prefix("vector[").and_then(|t| t.strip_suffix(']')) {
        return n.trim().parse().ok().filter(|n| *n > 0).map(Type::Vector);
    }
    SCALARS.iter().find(|(n, _)| *n == text).map(|(_, t)| t.clone())
}
