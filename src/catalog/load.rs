//! From the text of `catalog.toml` to a [`Catalog`].

use super::DataError;
use super::config::*;
use super::load_table::table_of;
use super::load_vectors::embedding;
use super::schema::{Defaults, KeyType, Now};
use super::section::{At, Doc, Section, nearest};
use crate::types::EntityId;
use std::path::{Path, PathBuf};

/// The catalog file that rules over `start` (a file or folder): in its folder or the nearest above.
pub fn find(start: &Path) -> Option<PathBuf> {
    let start = if start.as_os_str().is_empty() {
        Path::new(".")
    } else {
        start
    };
    let in_folder = |d: &Path| Some(d.join("catalog.toml")).filter(|p| p.is_file());
    let given = start.ancestors().map(|d| {
        if d.as_os_str().is_empty() {
            Path::new(".")
        } else {
            d
        }
    });
    given.into_iter().find_map(in_folder).or_else(|| {
        let whole = std::path::absolute(start).ok()?;
        whole.ancestors().find_map(in_folder)
    })
}

/// Reads and checks a catalog file; the data it names is not touched.
pub fn load(path: &Path) -> Result<Catalog, DataError> {
    let path = if path.is_dir() {
        path.join("catalog.toml")
    } else {
        path.to_owned()
    };
    let bytes = crate::files::read(&path).map_err(|e| missing_catalog(&path, &e))?;
    let hash = xxhash_rust::xxh3::xxh3_64(&bytes);
    let text = String::from_utf8(bytes)
        .map_err(|_| DataError::new(&path, "the file is not UTF-8 text"))?;
    let catalog = read(
        Doc {
            path: &path,
            text: &text,
        },
        hash,
    )?;
    Ok(catalog)
}

fn missing_catalog(path: &Path, error: &std::io::Error) -> DataError {
    DataError::io(path, error)
        .help("a project is a folder with a `catalog.toml`; `--catalog PATH` names another")
}

fn read(doc: Doc<'_>, hash: u64) -> Result<Catalog, DataError> {
    let tree = doc.parse()?;
    let root = Section::root(doc, &tree);
    root.only(&["catalog", "entity", "edge", "embedding", "defaults"])?;
    let entity_sections = root.sections("entity")?;
    let names = Names {
        entities: entity_sections.iter().map(|(n, _)| n.clone()).collect(),
    };
    // a section each, so that what is wrong in all of them is told at once
    let mut errors = Vec::new();
    let head = noted(head(&root, &names), &mut errors);
    let mut entities = Vec::new();
    for (name, section) in entity_sections {
        entities.extend(noted(entity(name, &section, &names), &mut errors));
    }
    let mut edges = Vec::new();
    for (name, section) in root.sections("edge")? {
        edges.extend(noted(edge(name, &section, &names), &mut errors));
    }
    let mut embeddings = Vec::new();
    for (name, section) in root.sections("embedding")? {
        embeddings.extend(noted(embedding(name, &section, &names), &mut errors));
    }
    if let Some(error) = DataError::all(errors) {
        return Err(error);
    }
    let defaults = defaults(&root, &edges)?;
    let Some((name, viewer)) = head else {
        return Err(doc.error(1, "the section `[catalog]` cannot be read"));
    };
    Ok(Catalog {
        path: doc.path.to_owned(),
        hash,
        name,
        viewer,
        entities,
        edges,
        embeddings,
        defaults,
    })
}

/// The value, or None with its error noted.
fn noted<T>(read: Result<T, DataError>, errors: &mut Vec<DataError>) -> Option<T> {
    read.map_err(|error| errors.push(error)).ok()
}

/// Names that sections may refer to.
pub(super) struct Names {
    entities: Vec<String>,
}

impl Names {
    pub fn entity(&self, section: &Section<'_>, name: &At<String>) -> Result<EntityId, DataError> {
        if let Some(i) = self.entities.iter().position(|e| *e == name.value) {
            return Ok(EntityId(i as u16));
        }
        let error = section.error(name.line, format!("unknown entity `{}`", name.value));
        Err(error.help(suggest(&name.value, &self.entities, "entities")))
    }
}

fn suggest(name: &str, known: &[String], kind: &str) -> String {
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("the catalog has no {kind}"),
        None => format!("the catalog has the {kind} `{}`", known.join("`, `")),
    }
}

fn head(root: &Section<'_>, names: &Names) -> Result<(String, EntityId), DataError> {
    let lacks = || {
        root.error(1, "the section `[catalog]` is missing")
            .help("add `[catalog]` with `name` and `viewer`")
    };
    let section = root.section("catalog")?.ok_or_else(lacks)?;
    section.only(&["name", "viewer"])?;
    let folder = || {
        root.doc
            .path
            .parent()
            .and_then(Path::file_name)
            .map(|n| n.to_string_lossy().into_owned())
    };
    let name = section
        .string("name")?
        .map(|n| n.value)
        .or_else(folder)
        .unwrap_or_else(|| "catalog".to_owned());
    let viewer = section.need_string(
        "viewer",
        "\"ENTITY\"` with the entity that requests come from: `\"user\"",
    )?;
    Ok((name, names.entity(&section, &viewer)?))
}

fn entity(name: String, section: &Section<'_>, names: &Names) -> Result<Entity, DataError> {
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
    let table = if section.string("table")?.is_some() {
        Some(table_of(section)?)
    } else {
        None
    };
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
            Err(error.help("of rows with one key the \"first\" or the \"last\" stays; by default they are an error"))
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
            return Err(error.help("keys are \"int\" or \"string\""));
        }
    };
    if section.string("table")?.is_some() {
        let message = format!(
            "`key_type` in `[{}]` is for entities without a table",
            section.name
        );
        let help = format!(
            "say it of the column: `[{}.columns]` with `{key} = {{ type = \"{}\" }}`",
            section.name, name.value
        );
        return Err(section.error(name.line, message).help(help));
    }
    Ok(Some(ty))
}

fn needs_table(section: &Section<'_>) -> Result<(), DataError> {
    let column = |key: &'static str| section.string(key).map(|v| v.map(|v| (key, v.line)));
    let below = |key: &'static str| section.section(key).map(|v| v.map(|v| (key, v.line)));
    let found = [
        column("time")?,
        below("references")?,
        below("columns")?,
        below("format")?,
    ];
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
            let message = format!("reference `{name}` is on the key `{key}`");
            return Err(s
                .error(column.line, message)
                .help("a key cannot be a reference; copy it to another column"));
        }
        if let Some(other) = all.iter().find(|r| r.column == column.value) {
            let message = format!(
                "the references `{}` and `{name}` are on one column `{key}`",
                other.name
            );
            return Err(s.error(column.line, message));
        }
        all.push(Reference {
            name,
            entity,
            column: column.value,
            line: s.line,
        });
    }
    Ok(all)
}

fn edge(name: String, section: &Section<'_>, names: &Names) -> Result<Edge, DataError> {
    section.only(&[
        "table", "from", "to", "time", "weight", "columns", "format", "on_error",
    ])?;
    if section.string("table")?.is_none() {
        return Err(section.missing("table", "\"FILE\""));
    }
    let table = table_of(section)?;
    let (from, to) = (end(section, "from", names)?, end(section, "to", names)?);
    let time = edge_time(section)?;
    let weight = section.string("weight")?.map(|w| w.value);
    let edge = Edge {
        name,
        line: section.line,
        table,
        from,
        to,
        time,
        weight,
    };
    distinct_roles(section, &edge)?;
    Ok(edge)
}

fn end(section: &Section<'_>, key: &str, names: &Names) -> Result<End, DataError> {
    let form = "{ entity = \"ENTITY\", column = \"COLUMN\" }";
    let s = section
        .section(key)?
        .ok_or_else(|| section.missing(key, form))?;
    s.only(&["entity", "column"])?;
    let entity = names.entity(&s, &s.need_string("entity", "\"ENTITY\"")?)?;
    let column = s.need_string("column", "\"COLUMN\"")?;
    Ok(End {
        entity,
        column: column.value,
        line: column.line,
    })
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
            "a time in columns has one to six of them: year, month, day, hour, minute, second";
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

fn defaults(root: &Section<'_>, edges: &[Edge]) -> Result<Defaults, DataError> {
    let Some(section) = root.section("defaults")? else {
        return Ok(Defaults::default());
    };
    section.only(&["seen", "impressions", "required_policies", "now"])?;
    let names: Vec<String> = edges.iter().map(|e| e.name.clone()).collect();
    let known = |name: &String, line: u64| match names.contains(name) {
        true => Ok(()),
        false => {
            let error = section.error(line, format!("unknown edge `{name}`"));
            Err(error.help(suggest(name, &names, "edges")))
        }
    };
    let seen = section.strings("seen")?;
    let impressions = section.string("impressions")?;
    seen.iter()
        .try_for_each(|s| s.value.iter().try_for_each(|n| known(n, s.line)))?;
    impressions
        .iter()
        .try_for_each(|i| known(&i.value, i.line))?;
    Ok(Defaults {
        seen: seen.map_or_else(Vec::new, |s| s.value),
        impressions: impressions.map(|i| i.value),
        required_policies: section
            .strings("required_policies")?
            .map_or_else(Vec::new, |p| p.value),
        now: now(&section)?,
    })
}

fn now(section: &Section<'_>) -> Result<Now, DataError> {
    let Some(text) = section.string_or_time("now")? else {
        return Ok(Now::Clock);
    };
    match text.value.as_str() {
        "clock" => Ok(Now::Clock),
        "latest" => Ok(Now::Latest),
        time => super::time::parse(time).map(Now::At).ok_or_else(|| {
            let error = section.error(text.line, format!("`now` is `{time}`"));
            error.help("`now` is \"clock\", \"latest\" or a time like \"2024-05-01T00:00:00Z\"")
        }),
    }
}
