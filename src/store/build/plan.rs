//! Which columns of a table are read, and as what: what the catalog says, what the column's part
//! in an entity or edge demands, else what the file has.

use super::complaints::Complaints;
use crate::catalog::config::{self, EdgeTime, Unit};
use crate::catalog::{DataError, DataWarning, nearest, shown, time, toml_key};
use crate::store::import::{self, Found, How, Reader, Values, Wanted};
use crate::types::Type;
use std::collections::HashSet;
use std::path::Path;

/// A column that the catalog names, and what it must hold there.
pub struct Part<'c> {
    pub column: &'c str,
    pub role: &'static str,
    /// None: whatever the file has.
    pub ty: Option<Type>,
    /// A list of that type will do as well.
    pub list: bool,
    /// It holds keys.
    pub key: bool,
    /// No row can do without it.
    pub vital: bool,
}

impl<'c> Part<'c> {
    pub fn new(column: &'c str, role: &'static str, ty: Type) -> Self {
        Part { column, role, ty: Some(ty), list: false, key: false, vital: false }
    }

    /// The key of an entity.
    pub fn key(column: &'c str, ty: Type) -> Self {
        Part { key: true, vital: true, ..Part::new(column, "the key", ty) }
    }

    /// A column with keys of another entity.
    pub fn reference(column: &'c str, ty: Type) -> Self {
        Part { key: true, ..Part::new(column, "a reference", ty) }
    }

    /// One end of an edge.
    pub fn end(column: &'c str, role: &'static str, ty: Type) -> Self {
        Part { list: true, key: true, vital: true, ..Part::new(column, role, ty) }
    }
}

/// Where a table is spoken of: for messages.
#[derive(Clone, Copy)]
pub struct Place<'c> {
    pub catalog: &'c Path,
    pub table: &'c config::Table,
    /// As in `[entity.user]`.
    pub section: &'c str,
    pub line: u64,
}

/// The columns to read, all that have a type.
#[derive(Default)]
pub struct Plan {
    pub wanted: Vec<Wanted>,
    pub names: Vec<String>,
}

impl Plan {
    /// Number among the columns read.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|n| n == name)
    }
}

/// Decides for every column of the table. What the catalog says that cannot be is noted, and its
/// column left out.
pub fn plan(
    reader: &dyn Reader,
    place: Place<'_>,
    parts: &[Part<'_>],
    complaints: &mut Complaints,
) -> Plan {
    all_exist(reader, place, parts, complaints);
    let mut plan = Plan::default();
    let mut seen = HashSet::new();
    for (column, found) in reader.found().iter().enumerate() {
        let part = parts.iter().find(|p| p.column == found.name);
        let declared = place.table.column(&found.name);
        let free = part.is_none() && declared.is_none();
        let again = !seen.insert(found.name.as_str());
        if let Some(why) = why_ignored(found, again).filter(|_| free) {
            let warning = place.about(left_out(reader, found, &why));
            complaints.warnings.push(warning);
        } else if again {
            complaints.errors.push(twice(reader, found));
        } else if let Some(how) = complaints.note(checked(reader, place, column, part, declared)) {
            plan.wanted.push(Wanted { column, how });
            plan.names.push(found.name.clone());
        }
    }
    plan
}

/// Why a column is left out that the catalog does not name.
fn why_ignored(found: &Found, again: bool) -> Option<String> {
    match &found.ty {
        _ if again => Some("duplicate column name".to_owned()),
        Err(ty) => Some(format!("unsupported type {ty}")),
        Ok(_) => None,
    }
}

/// What to make of a column that can be read so.
fn checked(
    reader: &dyn Reader,
    place: Place<'_>,
    column: usize,
    part: Option<&Part<'_>>,
    declared: Option<&config::Column>,
) -> Result<How, DataError> {
    let found = &reader.found()[column];
    let how = how(found, place, part, declared)?;
    let check = Check { reader, column, found, how: &how, part, place };
    check.run()?;
    Ok(how)
}

/// Notes every column that the catalog names and the table lacks.
fn all_exist(
    reader: &dyn Reader,
    place: Place<'_>,
    parts: &[Part<'_>],
    complaints: &mut Complaints,
) {
    let named = parts.iter().map(|p| (p.column, place.line));
    let declared = place.table.columns.iter();
    let declared = declared.map(|c| (c.name.as_str(), c.line));
    let mut asked: Vec<&str> = Vec::new();
    for (column, line) in named.chain(declared) {
        if !asked.contains(&column) {
            complaints.note(exists(reader, place, column, line));
            asked.push(column);
        }
    }
}

fn left_out(reader: &dyn Reader, found: &Found, why: &str) -> DataWarning {
    let file = reader.files()[0]
        .path
        .file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    DataWarning::new(file, format!("column `{}` is ignored: {why}", found.name), 0)
}

fn exists(reader: &dyn Reader, place: Place<'_>, column: &str, line: u64) -> Result<(), DataError> {
    let found = reader.found();
    if found.iter().any(|f| f.name == column) {
        return Ok(());
    }
    let (section, file) = (place.section, shown(&reader.files()[0].path));
    let names: Vec<&str> = found.iter().map(|f| f.name.as_str()).collect();
    let help = match (parted(found, column), nearest(column, names.iter().copied())) {
        (Some(sign), _) => format!(
            "its first line is one field: write `format = {{ separator = {sign:?} }}` in `[{section}]`"
        ),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => format!("its columns are `{}`", names.join("`, `")),
    };
    let message = format!("`[{section}]` names the column `{column}`, which {file} does not have");
    Err(DataError::new(place.catalog, message).line(line).help(help))
}

/// What parts the header of a text into names of which one is a column's, where it was read as one.
fn parted(found: &[Found], column: &str) -> Option<&'static str> {
    let [only] = found else { return None };
    let parts = |sign: &&str| only.name.split(*sign).any(|name| name.trim() == column);
    [";", "\t", "|", ",", " "].into_iter().filter(|_| only.text).find(parts)
}

/// The catalog names a column of which there are two.
fn twice(reader: &dyn Reader, found: &Found) -> DataError {
    let message = format!("two columns are called `{}`", found.name);
    let error = DataError::new(&reader.files()[0].path, message);
    match found.text {
        true => {
            error.line(1).help("`format = { header = true, names = [...] }` renames the columns")
        }
        false => error.help("write the file again with a name for each"),
    }
}

/// What to make of a column.
fn how(
    found: &Found,
    place: Place<'_>,
    part: Option<&Part<'_>>,
    declared: Option<&config::Column>,
) -> Result<How, DataError> {
    let said = declared.and_then(|d| d.ty.clone());
    let native = || found.ty.clone().unwrap_or(Type::String);
    let mut ty = match (part.and_then(|p| p.ty.clone().map(|t| (p, t))), said) {
        (Some((part, needed)), said) => {
            let list = part.list
                && matches!(said.as_ref().or(found.ty.as_ref().ok()), Some(Type::List(_)));
            let needed = if list { Type::List(Box::new(needed)) } else { needed };
            agree(&needed, said, place, part, declared)?;
            needed
        }
        (None, Some(said)) => said,
        (None, None) => native(),
    };
    null_is_string(&mut ty);
    Ok(How {
        ty,
        unit: declared.and_then(|d| d.unit),
        separator: declared.and_then(|d| d.separator.clone()),
        formats: declared.map_or_else(Vec::new, |d| d.formats.clone()),
        zone: declared.and_then(|d| d.zone.clone()),
        decimal: declared.and_then(|d| d.decimal).or(place.table.text.decimal),
        null: declared.map_or_else(Vec::new, |d| d.null.clone()),
        trimmed: found.text && part.is_some_and(|p| p.key),
    })
}

/// A column of nothing but nulls can be anything; it becomes strings.
fn null_is_string(ty: &mut Type) {
    match ty {
        Type::Null => *ty = Type::String,
        Type::List(item) => null_is_string(item),
        _ => {}
    }
}

/// What the catalog says of a column must be what its part demands.
fn agree(
    needed: &Type,
    said: Option<Type>,
    place: Place<'_>,
    part: &Part<'_>,
    declared: Option<&config::Column>,
) -> Result<(), DataError> {
    let fine = |said: &Type| said == needed || (*needed == Type::Float && *said == Type::Int);
    match said {
        Some(said) if !fine(&said) => {
            let (column, role) = (part.column, part.role);
            let message = format!(
                "column `{column}` is declared {}, but is {role}: {}",
                name(&said),
                name(needed)
            );
            Err(DataError::new(place.catalog, message)
                .line(declared.map_or(place.line, |d| d.line)))
        }
        _ => Ok(()),
    }
}

/// The name of a type in the catalog file.
pub fn name(ty: &Type) -> String {
    match ty {
        Type::Int => "int".to_owned(),
        Type::Float => "float".to_owned(),
        Type::Bool => "bool".to_owned(),
        Type::String | Type::Null | Type::Error => "string".to_owned(),
        Type::Time => "time".to_owned(),
        Type::Duration => "duration".to_owned(),
        Type::Id(_) => "id".to_owned(),
        Type::List(item) => format!("list[{}]", name(item)),
        Type::Vector(n) => format!("vector[{n}]"),
    }
}

/// Compares what a file has with what is wanted, before any row is read.
struct Check<'a> {
    reader: &'a dyn Reader,
    column: usize,
    found: &'a Found,
    how: &'a How,
    part: Option<&'a Part<'a>>,
    place: Place<'a>,
}

impl Check<'_> {
    fn run(&self) -> Result<(), DataError> {
        let wanted = &self.how.ty;
        let found = match &self.found.ty {
            // bytes are read as text where text is asked for
            Err(ty) if ty == import::BYTES && *wanted == Type::String => return Ok(()),
            Err(ty) => return Err(self.error(&format!("its type {ty} cannot be read"))),
            Ok(found) => found,
        };
        if self.counts(found) && self.how.unit.is_none() && self.how.formats.is_empty() {
            return Err(self.needs_unit(found));
        }
        if self.found.text || converts(found, wanted) {
            return Ok(());
        }
        Err(self.error(&format!("expected {}, the column is {}", name(wanted), name(found))))
    }

    fn error(&self, message: &str) -> DataError {
        let role = self.part.map_or_else(String::new, |p| format!(" (it is {})", p.role));
        DataError::new(&self.reader.files()[0].path, format!("{message}{role}"))
            .column(&self.found.name)
    }

    /// A time or duration made of numbers.
    fn counts(&self, found: &Type) -> bool {
        let temporal = matches!(innermost(&self.how.ty), Type::Time | Type::Duration);
        temporal && innermost(found).is_number()
    }

    fn needs_unit(&self, found: &Type) -> DataError {
        let (wanted, is) = (name(innermost(&self.how.ty)), name(found));
        let error =
            self.error(&format!("expected a {wanted}, the column is {is} and has no `unit`"));
        let column = toml_key(&self.found.name);
        let section = self.place.section;
        let formats = match innermost(&self.how.ty) {
            Type::Time => formats_of(self.reader, self.column),
            _ => Vec::new(),
        };
        if let Some(format) = formats.first() {
            return error.help(format!(
                "its values are dates as digits: write `{column} = {{ type = \"{}\", format = {format:?} }}` in `[{section}.columns]`",
                name(&self.how.ty)
            ));
        }
        let size = self.reader.magnitude(self.column);
        let unit = Unit::likely(size).name();
        let likely = match innermost(&self.how.ty) {
            Type::Time if size > 0 => format!("values like {size} look like \"{unit}\": "),
            _ => String::new(),
        };
        error.help(format!(
            "{likely}add `{column} = {{ type = \"{}\", unit = \"{unit}\" }}` to `[{section}.columns]`",
            name(&self.how.ty)
        ))
    }
}

/// How many of a column's texts are looked at for the form of its dates.
const LOOK: usize = 1_000;

/// The formats in which a column has dates, if it has.
pub fn formats_of(reader: &dyn Reader, column: usize) -> Vec<String> {
    let how = How::plain(Type::String);
    // only for a message: what cannot be read says nothing
    let read = reader.read(&[Wanted { column, how }]);
    let texts = read.ok().and_then(|mut decoded| decoded.columns.pop());
    let Some(Values::Word { words, .. }) = texts else {
        return Vec::new();
    };
    let texts: Vec<&str> = words.iter().take(LOOK).collect();
    time::formats(&texts)
}

fn innermost(ty: &Type) -> &Type {
    match ty {
        Type::List(item) => innermost(item),
        other => other,
    }
}

/// Whether values of one type can be read as another; a value may still fail.
fn converts(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (a, b) if a == b => true,
        (Type::Null | Type::String, _) => true,
        (
            Type::Int | Type::Float,
            Type::Int | Type::Float | Type::Time | Type::Duration | Type::Bool | Type::String,
        ) => true,
        (Type::Bool, Type::Int | Type::Float | Type::String) => true,
        (Type::List(a), Type::List(b)) => converts(a, b),
        (Type::List(a), Type::Vector(_)) => a.is_number(),
        (Type::Vector(_), Type::List(b)) => **b == Type::Float,
        _ => false,
    }
}

/// The parts of an edge's table.
pub fn edge_parts<'c>(edge: &'c config::Edge, from: Type, to: Type) -> Vec<Part<'c>> {
    let mut parts = vec![
        Part::end(&edge.from.column, "the end `from`", from),
        Part::end(&edge.to.column, "the end `to`", to),
    ];
    match &edge.time {
        Some(EdgeTime::Column(column)) => {
            parts.push(Part::new(column, "the edge's time", Type::Time));
        }
        Some(EdgeTime::Parts(columns)) => {
            parts.extend(
                columns.iter().map(|c| Part::new(c, "a part of the edge's time", Type::Int)),
            );
        }
        None => {}
    }
    parts.extend(edge.weight.as_deref().map(|w| Part::new(w, "the edge's weight", Type::Float)));
    parts
}
