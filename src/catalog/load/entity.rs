//! The sections of entities.

use super::names::Names;
use super::table::table_of;
use crate::catalog::DataError;
use crate::catalog::config::{Duplicates, Entity, Reference};
use crate::catalog::schema::KeyType;
use crate::catalog::section::Section;

pub(super) fn entity(
    name: String,
    section: &Section<'_>,
    names: &Names,
) -> Result<Entity, DataError> {
    section.only(&[
        "table",
        "key",
        "key_type",
        "duplicates",
        "time",
        "references",
        "columns",
        "format",
        "on_error",
    ])?;
    let table = if section.string("table")?.is_some() { Some(table_of(section)?) } else { None };
    let key = section.need_string("key", "\"COLUMN\"")?.value;
    let time = section.string("time")?;
    let key_type = key_type(section, &key)?;
    if table.is_none() {
        needs_table(section)?;
    }
    let references = references(section, names, &key)?;
    Ok(Entity {
        name,
        line: section.line,
        table,
        key,
        key_type,
        duplicates: duplicates(section)?,
        time: time.map(|t| t.value),
        references,
    })
}

/// Which row of several with one key stays.
fn duplicates(section: &Section<'_>) -> Result<Option<Duplicates>, DataError> {
    let Some(name) = section.string("duplicates")? else {
        return Ok(None);
    };
    match name.value.as_str() {
        "error" => Ok(None),
        "first" => Ok(Some(Duplicates::First)),
        "last" => Ok(Some(Duplicates::Last)),
        other => {
            let error = section.error(name.line, format!("`duplicates` is `{other}`"));
            Err(error.help("keep the \"first\" or the \"last\" of several rows with the same key; by default duplicates are an error"))
        }
    }
}

/// What the ids of an entity without a table are. A table's column says it itself.
fn key_type(section: &Section<'_>, key: &str) -> Result<Option<KeyType>, DataError> {
    let Some(name) = section.string("key_type")? else {
        return Ok(None);
    };
    let ty = match name.value.as_str() {
        "int" => KeyType::Int,
        "string" => KeyType::String,
        other => {
            let error = section.error(name.line, format!("`key_type` is `{other}`"));
            return Err(error.help("key types are \"int\" and \"string\""));
        }
    };
    if section.string("table")?.is_some() {
        let message = format!("`key_type` in `[{}]` is for entities without a table", section.name);
        let help = format!(
            "set the type of the column: in `[{}.columns]`, `{key} = {{ type = \"{}\" }}`",
            section.name, name.value
        );
        return Err(section.error(name.line, message).help(help));
    }
    Ok(Some(ty))
}

fn needs_table(section: &Section<'_>) -> Result<(), DataError> {
    let column = |key: &'static str| section.string(key).map(|v| v.map(|v| (key, v.line)));
    let below = |key: &'static str| section.section(key).map(|v| v.map(|v| (key, v.line)));
    let found = [column("time")?, below("references")?, below("columns")?, below("format")?];
    let Some((key, line)) = found.into_iter().flatten().next() else {
        return Ok(());
    };
    let message = format!("`{key}` in `[{}]` needs a table", section.name);
    Err(section
        .error(line, message)
        .help("add `table = \"FILE\"`; without a table an entity has only its key"))
}

fn references(
    section: &Section<'_>,
    names: &Names,
    key: &str,
) -> Result<Vec<Reference>, DataError> {
    let mut all: Vec<Reference> = Vec::new();
    for (name, s) in section.sections("references")? {
        s.only(&["entity", "column"])?;
        let entity = names.entity(&s, &s.need_string("entity", "\"ENTITY\"")?)?;
        let column = s.need_string("column", "\"COLUMN\"")?;
        if column.value == key {
            let message = format!("reference `{name}` uses the key column `{key}`");
            return Err(s
                .error(column.line, message)
                .help("a key cannot be a reference; copy it to another column"));
        }
        if let Some(other) = all.iter().find(|r| r.column == column.value) {
            let message =
                format!("the references `{}` and `{name}` use the same column `{key}`", other.name);
            return Err(s.error(column.line, message));
        }
        all.push(Reference { name, entity, column: column.value, line: s.line });
    }
    Ok(all)
}
