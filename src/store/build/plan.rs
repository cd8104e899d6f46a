//! Which columns of a table are read, and as what: what the catalog says, what the column's part
//! in an entity or edge demands, else what the file has.

use crate::catalog::config::{self, EdgeTime, Unit};
use crate::catalog::{DataError, DataWarning, nearest, shown};
use crate::store::import::{Found, How, Reader, Wanted};
use crate::types::Type;
use std::path::Path;

/// A column that the catalog names, and what it must hold there.
pub struct Part<'c> {
    pub column: &'c str,
    pub role: &'static str,
    /// None: whatever the file has.
    pub ty: Option<Type>,
    /// A list of that type will do as well.
    pub list: bool,
}

impl<'c> Part<'c> {
    pub fn new(column: &'c str, role: &'static str, ty: Type) -> Self {
        Part {
            column,
            role,
            ty: Some(ty),
            list: false,
        }
    }

    /// One end of an edge.
    pub fn end(column: &'c str, role: &'static str, ty: Type) -> Self {
        Part {
            column,
            role,
            ty: Some(ty),
            list: true,
        }
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
pub struct Plan {
    pub wanted: Vec<Wanted>,
    pub names: Vec<String>,
    pub warnings: Vec<DataWarning>,
}

impl Plan {
    /// Number among the columns read.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|n| n == name)
    }
}

/// Decides for every column of the table.
pub fn plan(reader: &dyn Reader, place: Place<'_>, parts: &[Part<'_>]) -> Result<Plan, DataError> {
    let found = reader.found();
    parts
        .iter()
        .try_for_each(|p| exists(found, place, p.column, place.line, reader))?;
    place
        .table
        .columns
        .iter()
        .try_for_each(|c| exists(found, place, &c.name, c.line, reader))?;
    distinct(reader)?;
    let mut plan = Plan {
        wanted: Vec::new(),
        names: Vec::new(),
        warnings: Vec::new(),
    };
    for (column, f) in found.iter().enumerate() {
        let part = parts.iter().find(|p| p.column == f.name);
        let declared = place.table.column(&f.name);
        if let (Err(ty), None, None) = (&f.ty, part, declared) {
            plan.warnings.push(left_out(reader, f, ty));
            continue;
        }
        let how = how(f, place, part, declared)?;
        Check {
            reader,
            column,
            found: f,
            how: &how,
            part,
        }
        .run()?;
        plan.wanted.push(Wanted { column, how });
        plan.names.push(f.name.clone());
    }
    Ok(plan)
}

fn left_out(reader: &dyn Reader, found: &Found, ty: &str) -> DataWarning {
    let file = reader.files()[0]
        .path
        .file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let message = format!(
        "column `{}` is left out: its type {ty} has no counterpart",
        found.name
    );
    DataWarning {
        file,
        message,
        count: 0,
    }
}

fn exists(
    found: &[Found],
    place: Place<'_>,
    column: &str,
    line: u64,
    reader: &dyn Reader,
) -> Result<(), DataError> {
    if found.iter().any(|f| f.name == column) {
        return Ok(());
    }
    let names = || found.iter().map(|f| f.name.as_str());
    let help = match nearest(column, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "its columns are `{}`",
            names().collect::<Vec<_>>().join("`, `")
        ),
    };
    let file = shown(&reader.files()[0].path);
    let message = format!(
        "`[{}]` names the column `{column}`, which {file} does not have",
        place.section
    );
    Err(DataError::new(place.catalog, message).line(line).help(help))
}

fn distinct(reader: &dyn Reader) -> Result<(), DataError> {
    let found = reader.found();
    match found
        .iter()
        .enumerate()
        .find(|(i, f)| found[..*i].iter().any(|g| g.name == f.name))
    {
        Some((_, f)) => Err(DataError::new(
            &reader.files()[0].path,
            format!("two columns are called `{}`", f.name),
        )),
        None => Ok(()),
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
                && matches!(
                    said.as_ref().or(found.ty.as_ref().ok()),
                    Some(Type::List(_))
                );
            let needed = if list {
                Type::List(Box::new(needed))
            } else {
                needed
            };
            agree(&needed, said, place, part, declared)?;
            needed
        }
        (None, Some(said)) => said,
        (None, None) => native(),
    };
    null_is_string(&mut ty);
    let separator = declared.and_then(|d| d.separator.clone());
    Ok(How {
        ty,
        unit: declared.and_then(|d| d.unit),
        separator,
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
}

impl Check<'_> {
    fn run(&self) -> Result<(), DataError> {
        let found = self
            .found
            .ty
            .as_ref()
            .map_err(|ty| self.error(&format!("its type {ty} cannot be read")))?;
        let wanted = &self.how.ty;
        if self.counts(found) && self.how.unit.is_none() {
            return Err(self.needs_unit(found));
        }
        if self.needs_separator(found) {
            let help = "say how elements are parted: `columns = { NAME = { type = \"list[string]\", separator = \"|\" } }`";
            return Err(self.error("it is text, and a list is wanted").help(help));
        }
        if self.found.text || converts(found, wanted) {
            return Ok(());
        }
        Err(self.error(&format!(
            "expected {}, the column is {}",
            name(wanted),
            name(found)
        )))
    }

    fn error(&self, message: &str) -> DataError {
        let role = self
            .part
            .map_or_else(String::new, |p| format!(" (it is {})", p.role));
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
        let likely = match (innermost(&self.how.ty), self.reader.magnitude(self.column)) {
            (Type::Time, size) if size > 0 => {
                let unit = Unit::likely(size);
                format!("values like {size} look like \"{}\": ", unit.name())
            }
            _ => String::new(),
        };
        let unit = Unit::likely(self.reader.magnitude(self.column)).name();
        let help = format!(
            "{likely}add `{} = {{ type = \"{wanted}\", unit = \"{unit}\" }}` to the columns",
            self.found.name
        );
        self.error(&format!(
            "expected a {wanted}, the column is {is} and has no `unit`"
        ))
        .help(help)
    }

    /// Text cannot be cut into a list without knowing where, except the rest of a line.
    fn needs_separator(&self, found: &Type) -> bool {
        let list = matches!(self.how.ty, Type::List(_))
            && !matches!(found, Type::List(_) | Type::Vector(_));
        list && self.how.separator.is_none() && (self.found.text || *found == Type::String)
    }
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
            parts.push(Part::new(column, "the edge's time", Type::Time))
        }
        Some(EdgeTime::Parts(columns)) => {
            parts.extend(
                columns
                    .iter()
                    .map(|c| Part::new(c, "a part of the edge's time", Type::Int)),
            );
        }
        None => {}
    }
    parts.extend(
        edge.weight
            .as_deref()
            .map(|w| Part::new(w, "the edge's weight", Type::Float)),
    );
    parts
}
