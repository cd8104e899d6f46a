//! What to do next: a first program that returns rows on the catalog that was written.

use super::words;
use crate::catalog::schema::{self, Schema};
use crate::cli::out;
use crate::engine::Engine;
use crate::request::Request;
use crate::types::{EdgeId, EntityId, Key, Type};
use std::path::Path;

/// Users that are tried.
const TRIED: usize = 12;

/// Prints commands that can be pasted.
pub fn steps(engine: &Engine, dir: &Path) {
    let schema = engine.schema();
    let place = |file: &str| match dir == Path::new(".") || dir == Path::new("") {
        true => file.to_owned(),
        false => shell(&dir.join(file).display().to_string()),
    };
    let catalog = match place("catalog.toml").as_str() {
        "catalog.toml" => String::new(),
        _ => format!(" --catalog {}", shell(&dir.display().to_string())),
    };
    // without indentation, so that the text ends where it should when it is pasted
    out::say(format!("\nnext:\nigql describe{catalog}"));
    let Some((program, user)) = first(engine, schema) else {
        return;
    };
    let names = (2..).map(|n| format!("first{n}.igql"));
    let mut names = std::iter::once("first.igql".to_owned()).chain(names);
    let free = names.find(|name| !dir.join(name).exists());
    let file = place(&free.unwrap_or_default());
    let user = user.map_or_else(String::new, |key| match key.to_string() {
        key if key.starts_with('-') => format!(" --user={}", shell(&key)),
        key => format!(" --user {}", shell(&key)),
    });
    out::say(format!(
        "cat > {file} <<'EOF'\n{program}EOF\nigql run {file}{user}"
    ));
}

/// As a word of a shell.
fn shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    match !text.is_empty() && text.chars().all(plain) && !text.starts_with('-') {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// The first of some programs that returns rows, with the user that it does so for.
fn first(engine: &Engine, schema: &Schema) -> Option<(String, Option<Key>)> {
    let paths = paths(schema);
    let mut programs = Vec::new();
    for path in &paths {
        programs.push((people(schema, path), true));
    }
    for path in paths.iter().filter(|p| p.steps.len() == 1) {
        let (item, step) = (name(&schema.entity(path.to).name), path.steps[0].reversed());
        programs.push((
            format!(
                "all({item})\n    .unseen()\n    .score(count({step}(it)))\n    .take(10){}\n",
                select(schema, path.to)
            ),
            true,
        ));
        programs.push((
            format!(
                "all({item})\n    .score(count({step}(it)))\n    .take(10){}\n",
                select(schema, path.to)
            ),
            false,
        ));
    }
    let mut entities: Vec<usize> = (0..schema.entities.len()).collect();
    entities.sort_by_key(|at| {
        (
            *at == schema.viewer.0 as usize,
            std::cmp::Reverse(schema.entities[*at].rows),
        )
    });
    for at in entities {
        let id = EntityId(at as u16);
        programs.push((
            format!(
                "all({})\n    .take(10){}\n",
                name(&schema.entity(id).name),
                select(schema, id)
            ),
            false,
        ));
    }
    let users = paths
        .first()
        .map_or_else(Vec::new, |path| users(engine, path));
    programs.into_iter().find_map(|(text, personal)| {
        let program = engine.compile(&text).ok()?;
        let rows = |user: Option<&Key>| {
            let request = user.map_or_else(Request::anonymous, |key| Request::user(key.clone()));
            let answer = engine.run(&program, &request).ok()?;
            (!answer.rows().is_empty()).then_some(())
        };
        match personal {
            true => users
                .iter()
                .find(|user| rows(Some(user)).is_some())
                .map(|user| (text, Some(user.clone()))),
            false => rows(None).map(|()| (text, None)),
        }
    })
}

/// A step along an edge or a reference, from one end to the other.
#[derive(Clone)]
struct Step {
    name: String,
    back: bool,
    /// The edge, if it is one.
    edge: Option<EdgeId>,
    from: EntityId,
    to: EntityId,
    links: u64,
}

impl Step {
    fn written(&self) -> String {
        format!("{}{}", if self.back { "~" } else { "" }, name(&self.name))
    }

    fn reversed(&self) -> String {
        format!("{}{}", if self.back { "" } else { "~" }, name(&self.name))
    }
}

/// How to get from the viewer to something else, the shortest ways with the most links first.
struct Way {
    steps: Vec<Step>,
    to: EntityId,
}

fn paths(schema: &Schema) -> Vec<Way> {
    let mut steps = Vec::new();
    for (at, edge) in schema.edges.iter().enumerate().filter(|(_, e)| e.links > 0) {
        for back in [false, true] {
            let (from, to) = if back {
                (edge.to, edge.from)
            } else {
                (edge.from, edge.to)
            };
            steps.push(Step {
                name: edge.name.clone(),
                back,
                edge: Some(EdgeId(at as u16)),
                from,
                to,
                links: edge.links,
            });
        }
    }
    for (at, entity) in schema.entities.iter().enumerate() {
        for reference in &entity.references {
            let (from, to) = (EntityId(at as u16), reference.entity);
            let links =
                u64::from(entity.rows).saturating_sub(entity.columns[reference.column].stats.nulls);
            for back in [false, true] {
                let (from, to) = if back { (to, from) } else { (from, to) };
                steps.push(Step {
                    name: reference.name.clone(),
                    back,
                    edge: None,
                    from,
                    to,
                    links,
                });
            }
        }
    }
    let viewer = schema.viewer;
    let from = |at: EntityId| steps.iter().filter(move |s| s.from == at);
    let mut ways: Vec<Way> = Vec::new();
    for first in from(viewer).filter(|s| s.to != viewer) {
        ways.push(Way {
            steps: vec![first.clone()],
            to: first.to,
        });
    }
    for first in from(viewer).filter(|s| s.to != viewer) {
        for second in from(first.to).filter(|s| s.to != viewer && s.to != first.to) {
            ways.push(Way {
                steps: vec![first.clone(), second.clone()],
                to: second.to,
            });
        }
    }
    for own in from(viewer).filter(|s| s.to == viewer && !s.back) {
        ways.push(Way {
            steps: vec![own.clone()],
            to: viewer,
        });
    }
    let links = |w: &Way| w.steps.iter().map(|s| s.links).min().unwrap_or(0);
    // what belongs to one only says nothing to others
    let own = |w: &Way| w.steps.last().is_some_and(|s| s.edge.is_none() && s.back);
    ways.sort_by_key(|w| {
        (
            w.to == viewer,
            own(w),
            w.steps.len(),
            std::cmp::Reverse(links(w)),
        )
    });
    ways
}

/// What others chose who chose the same; of people, those that theirs lead to.
fn people(schema: &Schema, way: &Way) -> String {
    let own = way.to == schema.viewer;
    let mut out = "user\n".to_owned();
    let mut walk = |step: String| out += &format!("    .walk({step}, limit=50, merge=count)\n");
    way.steps.iter().for_each(|s| walk(s.written()));
    if !own {
        way.steps.iter().rev().for_each(|s| walk(s.reversed()));
    }
    way.steps.iter().for_each(|s| walk(s.written()));
    let seen = schema.defaults.seen.iter();
    let seen = seen
        .filter_map(|n| schema.find_edge(n))
        .any(|e| schema.edge(e).to == way.to);
    if seen {
        out += "    .unseen()\n";
    }
    out + "    .take(10)" + &select(schema, way.to) + "\n"
}

/// Shows what people read: titles, and a kind.
fn select(schema: &Schema, entity: EntityId) -> String {
    let columns = &schema.entity(entity).columns[1..];
    let title =
        |c: &&schema::Column| c.ty == Type::String && words::is_among(&c.name, &words::TITLES);
    let kind = |c: &&schema::Column| {
        let kinds = [
            "genre",
            "genres",
            "category",
            "categories",
            "tags",
            "brand",
            "topic",
        ];
        matches!(c.ty, Type::String | Type::List(_)) && words::is_among(&c.name, &kinds)
    };
    let shown = columns
        .iter()
        .find(title)
        .into_iter()
        .chain(columns.iter().find(kind));
    let names: Vec<String> = shown.map(|c| name(&c.name)).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("\n    .select({})", names.join(", ")),
    }
}

/// A name as a program writes it.
fn name(name: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    match starts && name.chars().all(word) {
        true => name.to_owned(),
        false => format!("`{name}`"),
    }
}

/// Viewers with some links, neither the fewest nor the most.
fn users(engine: &Engine, way: &Way) -> Vec<Key> {
    let (snapshot, viewer) = (engine.snapshot(), engine.schema().viewer);
    let step = &way.steps[0];
    let degree = |row: u32| match step.edge {
        Some(edge) => snapshot.adjacency(edge, step.back).degree(row),
        None => 1,
    };
    let rows = engine.schema().entity(viewer).rows;
    let every = (rows / 20_000).max(1) as usize;
    let mut rows: Vec<(u32, u32)> = (0..rows)
        .step_by(every)
        .map(|row| (degree(row), row))
        .collect();
    rows.retain(|(degree, _)| *degree > 0);
    rows.sort_unstable();
    let middle = rows.len() / 2;
    // from the middle upwards, then the others
    let order = rows[middle..].iter().chain(rows[..middle].iter().rev());
    let keys = order.map(|(_, row)| snapshot.key(viewer, *row));
    let plain = |key: &Key| !key.to_string().chars().any(char::is_control);
    keys.filter(plain).take(TRIED).collect()
}
