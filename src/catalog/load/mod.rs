//! From the text of `catalog.toml` to a [`Catalog`].

mod edge;
mod embedding;
mod entity;
mod names;
mod table;

use super::DataError;
use super::config::{Catalog, Edge};
use super::schema::{Defaults, Now};
use super::section::{Doc, Section};
use crate::types::EntityId;
use edge::edge;
use embedding::embedding;
use entity::entity;
use names::{Names, suggest};
use std::path::{Path, PathBuf};

/// The catalog file that rules over `start` (a file or folder): in its folder or the nearest above.
pub fn find(start: &Path) -> Option<PathBuf> {
    let start = if start.as_os_str().is_empty() { Path::new(".") } else { start };
    let in_folder = |d: &Path| Some(d.join("catalog.toml")).filter(|p| p.is_file());
    let given =
        start.ancestors().map(|d| if d.as_os_str().is_empty() { Path::new(".") } else { d });
    given.into_iter().find_map(in_folder).or_else(|| {
        let whole = std::path::absolute(start).ok()?;
        whole.ancestors().find_map(in_folder)
    })
}

/// Reads and checks a catalog file; the data it names is not touched.
pub fn load(path: &Path) -> Result<Catalog, DataError> {
    let path = if path.is_dir() { path.join("catalog.toml") } else { path.to_owned() };
    let bytes = crate::files::read(&path).map_err(|e| missing_catalog(&path, &e))?;
    let hash = xxhash_rust::xxh3::xxh3_64(&bytes);
    let text = String::from_utf8(bytes)
        .map_err(|_| DataError::new(&path, "the file is not UTF-8 text"))?;
    let catalog = read(Doc { path: &path, text: &text }, hash)?;
    Ok(catalog)
}

fn missing_catalog(path: &Path, error: &std::io::Error) -> DataError {
    DataError::io(path, error).help("a project is a folder with a `catalog.toml`")
}

fn read(doc: Doc<'_>, hash: u64) -> Result<Catalog, DataError> {
    let tree = doc.parse()?;
    let root = Section::root(doc, &tree);
    root.only(&["catalog", "entity", "edge", "embedding", "defaults"])?;
    let entity_sections = root.sections("entity")?;
    let names = Names { entities: entity_sections.iter().map(|(n, _)| n.clone()).collect() };
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
        return Err(doc.error(1, "invalid section `[catalog]`"));
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

fn head(root: &Section<'_>, names: &Names) -> Result<(String, EntityId), DataError> {
    let lacks = || {
        root.error(1, "the section `[catalog]` is missing")
            .help("add `[catalog]` with `name` and `viewer`")
    };
    let section = root.section("catalog")?.ok_or_else(lacks)?;
    section.only(&["name", "viewer"])?;
    let folder = || {
        root.doc.path.parent().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned())
    };
    let name = section
        .string("name")?
        .map(|n| n.value)
        .or_else(folder)
        .unwrap_or_else(|| "catalog".to_owned());
    let viewer = section
        .need_string("viewer", "\"ENTITY\"` with the entity that requests come from: `\"user\"")?;
    Ok((name, names.entity(&section, &viewer)?))
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
    seen.iter().try_for_each(|s| s.value.iter().try_for_each(|n| known(n, s.line)))?;
    impressions.iter().try_for_each(|i| known(&i.value, i.line))?;
    Ok(Defaults {
        seen: seen.map_or_else(Vec::new, |s| s.value),
        impressions: impressions.map(|i| i.value),
        required_policies: section.strings("required_policies")?.map_or_else(Vec::new, |p| p.value),
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
            error.help(
                "`now` must be \"clock\", \"latest\" or a time such as \"2024-05-01T00:00:00Z\"",
            )
        }),
    }
}
