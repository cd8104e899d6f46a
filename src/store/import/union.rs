//! The columns of several files as one table.

use super::reader::Found;
use crate::catalog::DataWarning;
use crate::types::Type;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// The columns of some files as one table: a file may lack some, and have them in any order. Columns
/// of different types are of what holds both.
pub(super) fn union<'f>(parts: &[(&'f Path, &'f [Found])]) -> (Vec<Found>, Vec<DataWarning>) {
    let mut all: Vec<Found> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut warnings = Vec::new();
    for (at, (path, found)) in parts.iter().enumerate() {
        let mut here = HashSet::new();
        for column in *found {
            if !here.insert(column.name.as_str()) {
                // the second of a name is another column, which nothing can name
                if at == 0 {
                    all.push(column.clone());
                }
                continue;
            }
            match places.get(column.name.as_str()) {
                Some(&place) => {
                    let before = std::mem::replace(&mut all[place].ty, Ok(Type::Null));
                    all[place].ty = joined(&before, &column.ty);
                    all[place].text |= column.text;
                    let odd = odd(&all[place].ty, &before, &column.ty);
                    warnings.extend(odd.map(|odd| {
                        DataWarning::new(
                            file_name(path),
                            format!("column `{}` {odd}", column.name),
                            0,
                        )
                    }));
                }
                None => {
                    places.insert(&column.name, all.len());
                    all.push(column.clone());
                }
            }
        }
    }
    if parts.len() > 1 {
        warnings.extend(all.iter().filter_map(|column| lacking(parts, &column.name)));
    }
    (all, warnings)
}

/// What to say of a column that some files do not have.
pub(super) fn lacking(parts: &[(&Path, &[Found])], name: &str) -> Option<DataWarning> {
    let lacks = |(_, found): &&(&Path, &[Found])| found.iter().all(|f| f.name != name);
    let count = parts.iter().filter(lacks).count() as u64;
    let (first, _) = parts.iter().find(lacks)?;
    let others = match count {
        1 => String::new(),
        _ => format!(" and in {} other files of the table", count - 1),
    };
    let message = format!("column `{name}` is missing{others} and reads null there");
    Some(DataWarning::new(file_name(first), message, 0))
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned())
}

/// What holds values of both types.
fn joined(a: &Result<Type, String>, b: &Result<Type, String>) -> Result<Type, String> {
    pub(super) fn of(a: &Type, b: &Type) -> Option<Type> {
        Some(match (a, b) {
            (a, b) if a == b => a.clone(),
            (Type::Null, ty) | (ty, Type::Null) => ty.clone(),
            (Type::List(a), Type::List(b)) => Type::List(Box::new(of(a, b)?)),
            (Type::List(_) | Type::Vector(_), _) | (_, Type::List(_) | Type::Vector(_)) => {
                return None;
            }
            (a, b) if a.is_number() && b.is_number() => Type::Float,
            _ => Type::String,
        })
    }
    match (a, b) {
        (Ok(a), Ok(b)) => of(a, b).ok_or_else(|| "list or single value".to_owned()),
        (Err(a), _) => Err(a.clone()),
        (_, Err(b)) => Err(b.clone()),
    }
}

/// What to say of a column whose types in two files were joined, unless nothing is lost.
pub(super) fn odd(
    joined: &Result<Type, String>,
    a: &Result<Type, String>,
    b: &Result<Type, String>,
) -> Option<String> {
    let text = |ty: &Result<Type, String>| {
        ty.as_ref().map_or_else(Clone::clone, |ty| format!("{ty:?}").to_lowercase())
    };
    match (joined, a, b) {
        (Ok(Type::String), Ok(a), Ok(b)) if a != b && *a != Type::Null && *b != Type::Null => {
            let (a, b) = (text(&Ok(a.clone())), text(&Ok(b.clone())));
            Some(format!("is {b} here but {a} in earlier files; read as string"))
        }
        _ => None,
    }
}
