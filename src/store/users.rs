//! Users from a file that no catalog speaks of: a key a line, or a table with their keys and more.

use super::import::{self, How, Reader, Values, Wanted};
use crate::catalog::DataError;
use crate::catalog::config::OnError;
use crate::catalog::schema::KeyType;
use crate::types::{Key, NULL_BOOL, NULL_CODE, NULL_INT, Type, Value};
use std::path::Path;

/// The users in a file, in its order, with what else a table says of each.
#[derive(Debug, Default)]
pub struct Users {
    pub keys: Vec<Key>,
    /// The columns that were wanted, with a value for each user; none where the table has none.
    pub columns: Vec<(String, Vec<Option<Value>>)>,
    /// Those that were not.
    pub others: Vec<String>,
}

/// The users in a file. A table of any format has their keys in the column `column`, and those that
/// `wanted` says a type for beside it; a text without that column in its first line has one key a line.
/// A file without any byte has no users.
pub fn read_users(
    file: &Path,
    column: &str,
    ty: KeyType,
    wanted: &dyn Fn(&str) -> Option<Type>,
) -> Result<Users, DataError> {
    if std::fs::metadata(file).is_ok_and(|found| found.len() == 0) {
        return Ok(Users::default());
    }
    if !import::is_text(file) {
        return from_table(import::open_alone(file)?.as_ref(), column, ty, wanted);
    }
    let text = import::plain_text(file)?;
    let head = text.lines().next().unwrap_or_default();
    let own = import::separator_of(file).chars().next();
    let separators = [own.unwrap_or(','), '\t', ';'];
    let named = |separator: &char| names(head, *separator).iter().any(|name| name == column);
    if let Some(separator) = separators.into_iter().find(named) {
        let reader = import::open_text(file, &separator.to_string())?;
        return from_table(reader.as_ref(), column, ty, wanted);
    }
    if let Some(separator) = separators.into_iter().find(|s| is_table(&text, *s)) {
        return Err(without_key(file, column, &names(head, separator)));
    }
    Ok(Users { keys: from_lines(file, &text, column, ty)?, ..Users::default() })
}

/// The users in batches of Arrow arrays, as those of a table in a file; messages say where they are from.
#[cfg(feature = "arrow")]
pub fn users_of_batches(
    name: &Path,
    schema: &arrow_schema::SchemaRef,
    batches: Vec<arrow_array::RecordBatch>,
    (column, ty): (&str, KeyType),
    wanted: &dyn Fn(&str) -> Option<Type>,
) -> Result<Users, DataError> {
    let table = import::of_batches(name, schema, batches);
    from_table(table.as_ref(), column, ty, wanted)
}

/// Columns of a table that no catalog speaks of.
#[derive(Debug, Default)]
pub struct Columns {
    pub rows: usize,
    /// Those that were wanted, with a value for each row; none where the table has none.
    wanted: Vec<(String, Vec<Option<Value>>)>,
    /// The names of those that were not.
    others: Vec<String>,
}

impl Columns {
    /// A column that was wanted.
    pub fn get(&self, name: &str) -> Option<&[Option<Value>]> {
        self.wanted.iter().find(|(own, _)| own == name).map(|(_, values)| &values[..])
    }

    /// The value of a row.
    pub fn value(&self, name: &str, row: usize) -> Option<&Value> {
        self.get(name)?.get(row)?.as_ref()
    }

    /// All names of the table.
    pub fn names(&self) -> Vec<&str> {
        let wanted = self.wanted.iter().map(|(name, _)| name.as_str());
        wanted.chain(self.others.iter().map(String::as_str)).collect()
    }
}

/// The columns of a table that `wanted` says a type for.
pub fn read_columns(
    file: &Path,
    wanted: &dyn Fn(&str) -> Option<Type>,
) -> Result<Columns, DataError> {
    let reader = import::open_alone(file)?;
    let (mut columns, mut named, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for (column, found) in reader.found().iter().enumerate() {
        match wanted(&found.name) {
            Some(ty) => {
                columns.push(Wanted { column, how: How::plain(ty.clone()) });
                named.push((found.name.clone(), ty));
            }
            None => others.push(found.name.clone()),
        }
    }
    let table = import::read(reader.as_ref(), &columns, OnError::Error)?;
    let columns = table.columns.iter().zip(named).map(|(values, (name, ty))| {
        let value = |row| value(values, &ty, row);
        (name, (0..table.rows).map(value).collect())
    });
    Ok(Columns { rows: table.rows, wanted: columns.collect(), others })
}

/// The names of the columns of a table.
pub fn column_names(file: &Path) -> Result<Vec<String>, DataError> {
    let reader = import::open_alone(file)?;
    Ok(reader.found().iter().map(|found| found.name.clone()).collect())
}

/// The names in a header.
fn names(head: &str, separator: char) -> Vec<String> {
    let names = head.split(separator);
    names.map(|name| name.trim().trim_matches('"').to_owned()).collect()
}

/// Lines that are looked at to tell a table from keys.
const LOOKED_AT: usize = 10;

/// Whether the first lines all have as many separators, and some.
fn is_table(text: &str, separator: char) -> bool {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let counts = lines.take(LOOKED_AT);
    let mut counts = counts.map(|line| line.matches(separator).count());
    match counts.next() {
        None | Some(0) => false,
        Some(first) => counts.all(|count| count == first),
    }
}

fn without_key(file: &Path, column: &str, names: &[String]) -> DataError {
    let message = format!("has no column `{column}`, the viewer's key");
    let help = format!("its columns are `{}`", names.join("`, `"));
    DataError::new(file, message).help(help)
}

fn from_lines(file: &Path, text: &str, column: &str, ty: KeyType) -> Result<Vec<Key>, DataError> {
    let lines = text.lines().enumerate();
    lines
        .map(|(at, line)| (at, line.trim()))
        .filter(|(_, line)| !line.is_empty())
        .map(|(at, line)| match ty {
            KeyType::String => Ok(Key::Str(line.to_owned())),
            KeyType::Int => int_key(line).map(Key::Int).ok_or_else(|| {
                let message = format!("expected an int key a line, found `{line}`");
                let error = DataError::new(file, message).line(at as u64 + 1);
                let help = format!("the header of a table names the column `{column}`");
                error.maybe_help((at == 0).then_some(help))
            }),
        })
        .collect()
}

fn int_key(text: &str) -> Option<i64> {
    import::int_text(text).filter(|&number| number != NULL_INT)
}

fn from_table(
    reader: &dyn Reader,
    column: &str,
    ty: KeyType,
    wanted: &dyn Fn(&str) -> Option<Type>,
) -> Result<Users, DataError> {
    let found = reader.found();
    let Some(at) = found.iter().position(|f| f.name == column) else {
        let names: Vec<String> = found.iter().map(|f| f.name.clone()).collect();
        return Err(without_key(&reader.files()[0].path, column, &names));
    };
    let want = |column, ty: &Type| Wanted { column, how: How::plain(ty.clone()) };
    let mut columns = vec![match ty {
        KeyType::Int => want(at, &Type::Int),
        KeyType::String => want(at, &Type::String),
    }];
    let (mut named, mut others) = (Vec::new(), Vec::new());
    for (place, found) in found.iter().enumerate().filter(|(place, _)| *place != at) {
        match wanted(&found.name) {
            Some(ty) => {
                columns.push(want(place, &ty));
                named.push((found.name.clone(), ty));
            }
            None => others.push(found.name.clone()),
        }
    }
    let table = import::read(reader, &columns, OnError::Error)?;
    let keys = (0..table.rows).map(|row| {
        let null = || table.origin.error(reader, row, "the key is null");
        key_at(&table.columns[0], row).ok_or_else(|| null().column(column))
    });
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let values = table.columns[1..].iter().zip(named);
    let columns = values.map(|(values, (name, ty))| {
        let value = |row| value(values, &ty, row);
        (name, (0..table.rows).map(value).collect())
    });
    Ok(Users { keys, columns: columns.collect(), others })
}

fn key_at(keys: &Values, row: usize) -> Option<Key> {
    match keys {
        Values::Int(v) => Some(v[row]).filter(|key| *key != NULL_INT).map(Key::Int),
        Values::Word { codes, words } => {
            let code = Some(codes[row]).filter(|code| *code != NULL_CODE)?;
            Some(Key::Str(words.get(code).to_owned()))
        }
        _ => None,
    }
}

/// The value of a row; none where it has none.
fn value(values: &Values, ty: &Type, row: usize) -> Option<Value> {
    match (values, ty) {
        (Values::Int(v), _) if v[row] == NULL_INT => None,
        (Values::Int(v), Type::Time) => Some(Value::Time(v[row])),
        (Values::Int(v), Type::Duration) => Some(Value::Duration(v[row])),
        (Values::Int(v), _) => Some(Value::Int(v[row])),
        (Values::Float(v), _) => (!v[row].is_nan()).then_some(Value::Float(v[row])),
        (Values::Bool(v), _) => (v[row] != NULL_BOOL).then_some(Value::Bool(v[row] == 1)),
        (Values::Word { codes, words }, _) => {
            let code = codes[row];
            (code != NULL_CODE).then(|| Value::Str(words.get(code).to_owned()))
        }
        (Values::List { slots, items }, Type::List(item)) => {
            let [start, n] = slots[row];
            (start != NULL_CODE).then(|| {
                let element = |i: u32| value(items, item, i as usize).unwrap_or(Value::Null);
                Value::List((start..start + n).map(element).collect())
            })
        }
        _ => None,
    }
}
