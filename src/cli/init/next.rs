//! What to do next: a first program that returns rows on the catalog that was written.

use super::words;
use crate::catalog::schema::{self, Schema};
use crate::engine::Engine;
use crate::request::Request;
use crate::syntax::print_name;
use crate::types::{EdgeId, EntityId, Key, Type};
use std::cmp::Reverse;
use std::path::Path;

/// Users that are tried.
const TRIED: usize = 12;

/// Commands that can be pasted.
pub fn steps(engine: &Engine, dir: &Path) -> String {
    let catalog = match place(dir, "catalog.toml").as_str() {
        "catalog.toml" => String::new(),
        _ => format!(" --catalog {}", shell(&dir.display().to_string())),
    };
    // without indentation, so that the text ends where it should when it is pasted
    let described = format!("\nnext:\nigql describe{catalog}");
    let Some((program, user)) = first(engine) else {
        return described;
    };
    let names = (2..).map(|n| format!("first{n}.igql"));
    let mut names = std::iter::once("first.igql".to_owned()).chain(names);
    let free = names.find(|name| !dir.join(name).exists());
    let file = place(dir, &free.unwrap_or_default());
    let user = user.map_or_else(String::new, |key| match key.to_string() {
        key if key.starts_with('-') => format!(" --user={}", shell(&key)),
        key => format!(" --user {}", shell(&key)),
    });
    format!("{described}\ncat > {file} <<'EOF'\n{program}EOF\nigql run {file}{user}")
}

/// A file of the folder, as a word of a shell.
fn place(dir: &Path, file: &str) -> String {
    match dir == Path::new(".") || dir == Path::new("") {
        true => file.to_owned(),
        false => shell(&dir.join(file).display().to_string()),
    }
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
pub fn first(engine: &Engine) -> Option<(String, Option<Key>)> {
    let ways = ways(engine.schema());
    let users = ways.first().map_or_else(Vec::new, |way| users(engine, way));
    let programs = programs(engine.schema(), &ways);
    programs.into_iter().find_map(|(text, of_user)| {
        let program = engine.compile(&text).ok()?;
        let has_rows = |request: Request| {
            let answer = engine.run(&program, &request);
            answer.is_ok_and(|answer| !answer.rows().is_empty())
        };
        if !of_user {
            return has_rows(Request::anonymous()).then_some((text, None));
        }
        let user = users.iter().find(|user| has_rows(Request::user((*user).clone())));
        user.map(|user| (text, Some(user.clone())))
    })
}

/// Programs, the most telling first, and whether each is for a user.
fn programs(schema: &Schema, ways: &[Way]) -> Vec<(String, bool)> {
    let walks = ways.iter().map(|way| (people(schema, way), true));
    let mut programs: Vec<_> = walks.collect();
    for way in ways.iter().filter(|way| way.steps.len() == 1) {
        let (item, step) = (print_name(&schema.entity(way.to).name), way.steps[0].reversed());
        let most_linked =
            format!(".score(count({step}(it)))\n    .take(10){}\n", select(schema, way.to));
        programs.push((format!("all({item})\n    .unseen()\n    {most_linked}"), true));
        programs.push((format!("all({item})\n    {most_linked}"), false));
    }
    let ids = (0..schema.entities.len()).map(|at| EntityId(at as u16));
    let mut entities: Vec<EntityId> = ids.collect();
    entities.sort_by_key(|id| (*id == schema.viewer, Reverse(schema.entity(*id).rows)));
    for id in entities {
        let (item, select) = (print_name(&schema.entity(id).name), select(schema, id));
        programs.push((format!("all({item})\n    .take(10){select}\n"), false));
    }
    programs
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
    /// The step from its end to its start.
    fn back(self) -> Step {
        Step { back: !self.back, from: self.to, to: self.from, ..self }
    }

    fn written(&self) -> String {
        format!("{}{}", if self.back { "~" } else { "" }, print_name(&self.name))
    }

    fn reversed(&self) -> String {
        format!("{}{}", if self.back { "" } else { "~" }, print_name(&self.name))
    }
}

/// How to get from the viewer to something else.
struct Way {
    steps: Vec<Step>,
    to: EntityId,
}

impl Way {
    fn of(steps: &[&Step]) -> Way {
        Way {
            steps: steps.iter().map(|&step| step.clone()).collect(),
            to: steps[steps.len() - 1].to,
        }
    }
}

/// The shortest ways with the most links first, those to other viewers last.
fn ways(schema: &Schema) -> Vec<Way> {
    let (steps, viewer) = (steps_of(schema), schema.viewer);
    let from = |at: EntityId| steps.iter().filter(move |s| s.from == at);
    let mut ways: Vec<Way> = Vec::new();
    for first in from(viewer).filter(|s| s.to != viewer) {
        ways.push(Way::of(&[first]));
    }
    for first in from(viewer).filter(|s| s.to != viewer) {
        for second in from(first.to).filter(|s| s.to != viewer && s.to != first.to) {
            ways.push(Way::of(&[first, second]));
        }
    }
    for own in from(viewer).filter(|s| s.to == viewer && !s.back) {
        ways.push(Way::of(&[own]));
    }
    let links = |w: &Way| w.steps.iter().map(|s| s.links).min().unwrap_or(0);
    // what belongs to one only says nothing to others
    let own = |w: &Way| w.steps.last().is_some_and(|s| s.edge.is_none() && s.back);
    ways.sort_by_key(|w| (w.to == viewer, own(w), w.steps.len(), Reverse(links(w))));
    ways
}

/// Every edge that has links and every reference, forth and back.
fn steps_of(schema: &Schema) -> Vec<Step> {
    let edges = schema.edges.iter().enumerate().filter(|(_, e)| e.links > 0 && !e.learned);
    let edges = edges.map(|(at, edge)| Step {
        name: edge.name.clone(),
        back: false,
        edge: Some(EdgeId(at as u16)),
        from: edge.from,
        to: edge.to,
        links: edge.links,
    });
    let entities = schema.entities.iter().enumerate();
    let references = entities.flat_map(|(at, entity)| {
        let step = move |reference: &schema::Reference| {
            let nulls = entity.columns[reference.column].stats.nulls;
            Step {
                name: reference.name.clone(),
                back: false,
                edge: None,
                from: EntityId(at as u16),
                to: reference.entity,
                links: u64::from(entity.rows).saturating_sub(nulls),
            }
        };
        entity.references.iter().map(step)
    });
    let forth = edges.chain(references);
    forth.flat_map(|step| [step.clone(), step.back()]).collect()
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
    let seen = seen.filter_map(|n| schema.find_edge(n)).any(|e| schema.edge(e).to == way.to);
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
        let kinds = ["genre", "genres", "category", "categories", "tags", "brand", "topic"];
        matches!(c.ty, Type::String | Type::List(_)) && words::is_among(&c.name, &kinds)
    };
    let shown = columns.iter().find(title).into_iter().chain(columns.iter().find(kind));
    let names: Vec<String> = shown.map(|c| print_name(&c.name)).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("\n    .select({})", names.join(", ")),
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
    let mut rows: Vec<(u32, u32)> =
        (0..rows).step_by(every).map(|row| (degree(row), row)).collect();
    rows.retain(|(degree, _)| *degree > 0);
    rows.sort_unstable();
    let middle = rows.len() / 2;
    // from the middle upwards, then the others
    let order = rows[middle..].iter().chain(rows[..middle].iter().rev());
    let keys = order.map(|(_, row)| snapshot.key(viewer, *row));
    let plain = |key: &Key| !key.to_string().chars().any(char::is_control);
    keys.filter(plain).take(TRIED).collect()
}
