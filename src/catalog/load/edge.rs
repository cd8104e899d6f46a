//! The sections of edges.

use super::names::Names;
use super::table::table_of;
use crate::catalog::DataError;
use crate::catalog::config::{Edge, EdgeTime, End};
use crate::catalog::section::Section;

pub(super) fn edge(name: String, section: &Section<'_>, names: &Names) -> Result<Edge, DataError> {
    section.only(&["table", "from", "to", "time", "weight", "columns", "format", "on_error"])?;
    if section.string("table")?.is_none() {
        return Err(section.missing("table", "\"FILE\""));
    }
    let table = table_of(section)?;
    let (from, to) = (end(section, "from", names)?, end(section, "to", names)?);
    let time = edge_time(section)?;
    let weight = section.string("weight")?.map(|w| w.value);
    let edge = Edge { name, line: section.line, table, from, to, time, weight };
    distinct_roles(section, &edge)?;
    Ok(edge)
}

fn end(section: &Section<'_>, key: &str, names: &Names) -> Result<End, DataError> {
    let form = "{ entity = \"ENTITY\", column = \"COLUMN\" }";
    let s = section.section(key)?.ok_or_else(|| section.missing(key, form))?;
    s.only(&["entity", "column"])?;
    let entity = names.entity(&s, &s.need_string("entity", "\"ENTITY\"")?)?;
    let column = s.need_string("column", "\"COLUMN\"")?;
    Ok(End { entity, column: column.value, line: column.line })
}

fn edge_time(section: &Section<'_>) -> Result<Option<EdgeTime>, DataError> {
    if section.is_string("time") {
        return Ok(section.string("time")?.map(|t| EdgeTime::Column(t.value)));
    }
    let Some(s) = section.section("time")? else {
        return Ok(None);
    };
    s.only(&["columns"])?;
    let columns = s
        .strings("columns")?
        .ok_or_else(|| s.missing("columns", "[\"year\", \"month\", \"day\"]"))?;
    if columns.value.is_empty() || columns.value.len() > 6 {
        let message =
            "a time from columns needs one to six of: year, month, day, hour, minute, second";
        return Err(s.error(columns.line, message));
    }
    Ok(Some(EdgeTime::Parts(columns.value)))
}

/// No column can be two things at once.
fn distinct_roles(section: &Section<'_>, edge: &Edge) -> Result<(), DataError> {
    let mut roles = vec![("from", edge.from.column.as_str()), ("to", &edge.to.column)];
    match &edge.time {
        Some(EdgeTime::Column(c)) => roles.push(("time", c)),
        Some(EdgeTime::Parts(parts)) => roles.extend(parts.iter().map(|c| ("time", c.as_str()))),
        None => {}
    }
    roles.extend(edge.weight.as_deref().map(|c| ("weight", c)));
    for (i, (role, column)) in roles.iter().enumerate() {
        if let Some((other, _)) = roles[..i].iter().find(|(_, c)| c == column) {
            let message = format!(
                "`{other}` and `{role}` of edge `{}` name the same column `{column}`",
                edge.name
            );
            return Err(section.error(section.line, message));
        }
    }
    Ok(())
}
