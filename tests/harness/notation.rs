//! The ```` ```world ```` block: a whole catalog in a few lines. `tests/cases/README.md` shows it.

use crate::reference::Value;
use crate::reference::world::{Column, Edge, EdgeLink, Embedding, Entity, Reference, World};
use igql::catalog::schema::Metric;
use igql::types::{Key, Type};

/// A part of the block: words of its first line, then a header and rows.
struct Section<'t> {
    words: Vec<&'t str>,
    header: Vec<Spec>,
    rows: Vec<Vec<String>>,
    body: &'t str,
}

/// A column as the header has it: `name:type`, `name->entity`, with `!` for the time of the
/// entity or edge and `*` for the weight of the edge.
struct Spec {
    name: String,
    ty: Type,
    to: Option<String>,
    mark: Option<char>,
}

/// Reads a world; panics with the text at fault.
pub fn world(text: &str) -> World {
    let sections = sections(text);
    let mut world = World::default();
    for s in sections.iter().filter(|s| s.words[0] == "entity") {
        world.entities.push(keys_of(s));
    }
    fill_tableless(&mut world, &sections);
    for s in &sections {
        read(s, &mut world);
    }
    world
}

fn read(section: &Section, world: &mut World) {
    match section.words.as_slice() {
        ["entity", name, ..] => columns(section, world, name),
        ["edge", name, ends] => world.edges.push(edge(section, world, name, ends)),
        ["embedding", name, "on", entity, metric, storage @ ..] => {
            embedding(section, world, name, entity, metric);
            let last = world.embeddings.iter_mut().find(|e| e.name == *name);
            last.expect("just read").halves = match storage {
                [] => false,
                ["f16"] => true,
                other => panic!("no storage {other:?}"),
            };
        }
        ["seen", edges @ ..] => world.seen = owned(edges),
        ["required_policies", names @ ..] => world.required_policies = owned(names),
        ["prelude"] => world.prelude = section.body.to_owned() + "\n",
        other => panic!("a world has no section `{}`", other.join(" ")),
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

/// Sections stand between empty lines; `prelude` takes all that is left.
fn sections(text: &str) -> Vec<Section<'_>> {
    let mut all = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let whole = if rest.starts_with("prelude") {
            rest.len()
        } else {
            rest.find("\n\n").unwrap_or(rest.len())
        };
        all.push(section(&rest[..whole]));
        rest = rest[whole..].trim_start();
    }
    all
}

fn section(text: &str) -> Section<'_> {
    let (head, body) = text.split_once('\n').unwrap_or((text, ""));
    let words: Vec<&str> = head.split_whitespace().collect();
    let has_header = ["entity", "edge"].contains(&words[0]);
    let mut lines = body.lines().map(cells).collect::<Vec<_>>();
    let header =
        if has_header { lines.remove(0).iter().map(|c| spec(c)).collect() } else { Vec::new() };
    let rows = if words[0] == "prelude" { Vec::new() } else { lines };
    for row in rows.iter().filter(|_| has_header) {
        assert_eq!(
            row.len(),
            header.len(),
            "a row of `{head}` has another number of cells than its header: {row:?}"
        );
    }
    Section { words, header, rows, body }
}

/// Cells between spaces; quotes hold spaces together.
pub fn cells(line: &str) -> Vec<String> {
    let mut cells = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (cell, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').expect("a closing quote"),
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        cells.push(cell.to_owned());
        rest = after.trim_start();
    }
    cells
}

fn spec(text: &str) -> Spec {
    let mark = text.chars().last().filter(|c| "!*".contains(*c));
    let text = text.trim_end_matches(['!', '*']);
    if let Some((name, to)) = text.split_once("->") {
        return Spec { name: name.to_owned(), ty: Type::Null, to: Some(to.to_owned()), mark };
    }
    let (name, ty) = text.split_once(':').unwrap_or((text, "int"));
    Spec { name: name.to_owned(), ty: type_named(ty), to: None, mark }
}

fn type_named(name: &str) -> Type {
    match name {
        "int" => Type::Int,
        "float" => Type::Float,
        "bool" => Type::Bool,
        "string" => Type::String,
        "time" => Type::Time,
        "list[string]" => Type::List(Box::new(Type::String)),
        "list[int]" => Type::List(Box::new(Type::Int)),
        other => panic!("a world has no type `{other}`"),
    }
}

fn keys_of(section: &Section) -> Entity {
    let key = &section.header[0];
    let string_keys = key.ty == Type::String;
    Entity {
        name: section.words[1].to_owned(),
        key: key.name.clone(),
        string_keys,
        keys: section.rows.iter().map(|row| as_key(&row[0], string_keys)).collect(),
        columns: Vec::new(),
        references: Vec::new(),
        time: section.header.iter().find(|c| c.mark == Some('!')).map(|c| c.name.clone()),
        has_table: section.words.len() == 2,
    }
}

fn as_key(text: &str, string_keys: bool) -> Key {
    if string_keys {
        Key::Str(text.to_owned())
    } else {
        Key::Int(text.parse().expect("an integer key"))
    }
}

/// Entities without a table have the ids at the ends of edges and references, ascending.
fn fill_tableless(world: &mut World, sections: &[Section]) {
    for entity in world.entities.iter_mut().filter(|e| !e.has_table) {
        let mut keys: Vec<Key> = sections
            .iter()
            .flat_map(|s| mentions(s, &entity.name))
            .map(|text| as_key(&text, entity.string_keys))
            .collect();
        keys.sort();
        keys.dedup();
        entity.keys = keys;
    }
}

/// Cells that hold keys of an entity.
fn mentions(section: &Section, entity: &str) -> Vec<String> {
    let ends = section.words.get(2).and_then(|ends| ends.split_once("->"));
    let is_key = |i: usize, c: &Spec| match (section.words[0], ends) {
        ("edge", Some((from, to))) => (i == 0 && from == entity) || (i == 1 && to == entity),
        _ => c.to.as_deref() == Some(entity),
    };
    let places: Vec<usize> =
        section.header.iter().enumerate().filter(|(i, c)| is_key(*i, c)).map(|(i, _)| i).collect();
    let cells = section.rows.iter().flat_map(|row| places.iter().map(|&i| row[i].clone()));
    cells.filter(|cell| cell != "-").collect()
}

fn columns(section: &Section, world: &mut World, name: &str) {
    let index = world.find_entity(name).expect("the entity of the section");
    let mut columns = Vec::new();
    let mut references = Vec::new();
    for (i, spec) in section.header.iter().enumerate().skip(1) {
        let values = section.rows.iter().map(|row| cell(world, spec, &row[i])).collect();
        if let Some(to) = &spec.to {
            let entity = world.find_entity(to).expect("the entity of the reference");
            let name = spec.name.strip_suffix("_id").unwrap_or(&spec.name).to_owned();
            references.push(Reference { name, column: spec.name.clone(), entity });
        }
        columns.push(Column { name: spec.name.clone(), ty: spec.ty.clone(), values });
    }
    world.entities[index].columns = columns;
    world.entities[index].references = references;
}

/// The value of a cell; `-` is null.
fn cell(world: &World, spec: &Spec, text: &str) -> Value {
    if text == "-" {
        return Value::Null;
    }
    if let Some(to) = &spec.to {
        let entity = world.find_entity(to).expect("the entity of the reference");
        return Value::Id(entity, row(world, entity, text));
    }
    typed(&spec.ty, text)
}

fn typed(ty: &Type, text: &str) -> Value {
    match ty {
        Type::Int => Value::Int(text.parse().unwrap_or_else(|_| panic!("not an int: {text}"))),
        Type::Float => Value::Float(text.parse().unwrap_or_else(|_| panic!("not a float: {text}"))),
        Type::Bool => Value::Bool(text == "true"),
        Type::String => Value::Str(text.to_owned()),
        Type::Time => Value::Time(time(text)),
        Type::List(of) => Value::List(text.split('|').map(|part| typed(of, part)).collect()),
        other => panic!("no cells of type {other:?}"),
    }
}

/// Microseconds of `2024-05-01` or `2024-05-01T12:00:00Z`.
pub fn time(text: &str) -> i64 {
    let full = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    let time: jiff::Timestamp = full.parse().unwrap_or_else(|_| panic!("not a time: {text}"));
    time.as_microsecond()
}

fn row(world: &World, entity: usize, text: &str) -> u32 {
    let entity = &world.entities[entity];
    let key = as_key(text, entity.string_keys);
    entity.row_of(&key).unwrap_or_else(|| panic!("no {} {text}", entity.name))
}

fn edge(section: &Section, world: &World, name: &str, ends: &str) -> Edge {
    let (from, to) = ends.split_once("->").expect("from->to");
    let end = |name: &str| world.find_entity(name).unwrap_or_else(|| panic!("no entity {name}"));
    let (from, to) = (end(from), end(to));
    let marked = |mark| section.header.iter().position(|c| c.mark == Some(mark));
    let (time, weight) = (marked('!'), marked('*'));
    let plain: Vec<usize> =
        (2..section.header.len()).filter(|i| Some(*i) != time && Some(*i) != weight).collect();
    let link = |cells: &Vec<String>| EdgeLink {
        from: row(world, from, &cells[0]),
        to: row(world, to, &cells[1]),
        time: time.and_then(|i| Some(&cells[i]).filter(|c| *c != "-")).map(|text| self::time(text)),
        weight: weight.and_then(|i| cells[i].parse().ok()),
        columns: plain.iter().map(|&i| cell(world, &section.header[i], &cells[i])).collect(),
    };
    let column = |i: usize| section.header[i].name.clone();
    Edge {
        name: name.to_owned(),
        from,
        to,
        from_column: column(0),
        to_column: column(1),
        time_column: time.map(column),
        weight_column: weight.map(column),
        columns: plain.iter().map(|&i| (column(i), section.header[i].ty.clone())).collect(),
        links: section.rows.iter().map(link).collect(),
    }
}

fn embedding(section: &Section, world: &mut World, name: &str, entity: &str, metric: &str) {
    let entity = world.find_entity(entity).expect("the entity of the embedding");
    let mut vectors: Vec<Option<Vec<f32>>> = vec![None; world.entities[entity].keys.len()];
    for cells in &section.rows {
        let vector = cells[1..].iter().map(|x| x.parse().expect("a number of a vector")).collect();
        vectors[row(world, entity, &cells[0]) as usize] = Some(vector);
    }
    let metric = match metric {
        "cosine" => Metric::Cosine,
        "dot" => Metric::Dot,
        "l2" => Metric::L2,
        other => panic!("no metric {other}"),
    };
    match world.embeddings.iter_mut().find(|e| e.name == name) {
        Some(known) => known.spaces.push((entity, vectors)),
        None => world.embeddings.push(Embedding {
            name: name.to_owned(),
            metric,
            halves: false,
            spaces: vec![(entity, vectors)],
        }),
    }
}
