//! The catalog as text, with what was guessed marked.

use super::guess::{Edge, Entity, Link, Time, World, list_separator, unit};
use super::{Table, Vectors};
use crate::store::profile::Column;
use crate::types::Type;
use std::fmt::Write;

pub fn catalog(name: &str, tables: &[Table], vectors: &[Vectors], world: &World) -> String {
    let printer = Printer { tables, world };
    let mut out = format!(
        "# Written by `igql init`: look through what is marked `guessed`. docs/catalog.md has all that can be said.\n\
         [catalog]\nname   = {name:?}\nviewer = {:?}   # guessed: who requests come from\n",
        world.entities[world.viewer].name
    );
    world
        .entities
        .iter()
        .for_each(|e| out += &printer.entity(e));
    world.edges.iter().for_each(|e| out += &printer.edge(e));
    vectors.iter().for_each(|v| out += &printer.embedding(v));
    for &left in &world.left {
        let file = &tables[left].file;
        let columns: Vec<&str> = tables[left]
            .profile
            .columns
            .iter()
            .map(|c| c.name.as_str())
            .collect();
        let _ = write!(
            out,
            "\n# {file} is left out: no key, and no two columns of keys (its columns: {})\n",
            columns.join(", ")
        );
    }
    out + &printer.defaults()
}

struct Printer<'a> {
    tables: &'a [Table],
    world: &'a World,
}

impl Printer<'_> {
    fn entity(&self, entity: &Entity) -> String {
        let mut out = format!("\n[entity.{}]\n", entity.name);
        let Some(table) = entity.table.map(|t| &self.tables[t]) else {
            let _ = writeln!(
                out,
                "key = {:?}   # guessed: no table has these ids as its key, so they are those found in the edges",
                entity.key
            );
            return out;
        };
        self.table(&mut out, table);
        let _ = writeln!(
            out,
            "key = {:?}   # guessed: unique in {} rows",
            entity.key, table.profile.rows
        );
        let ends: Vec<&Link> = entity.references.iter().collect();
        skip(&mut out, &ends);
        let visible = |c: &&Column| {
            let name = super::guess::plain(&c.name);
            let told = ["created", "published", "posted", "uploaded"];
            told.iter().any(|t| name.contains(t)) && (c.ty == Type::Time || unit(c).is_some())
        };
        if let Some(time) = table.profile.columns.iter().find(visible) {
            let _ = writeln!(
                out,
                "time = {:?}   # guessed: visible from this time on",
                time.name
            );
        }
        if !entity.references.is_empty() {
            let _ = writeln!(out, "[entity.{}.references]", entity.name);
        }
        for link in &entity.references {
            let target = &self.world.entities[link.entity].name;
            let name = reference_name(&link.column);
            let _ = writeln!(
                out,
                "{name} = {{ entity = {target:?}, column = {:?} }}   # guessed{}",
                link.column,
                share(link)
            );
        }
        let used: Vec<&str> = entity
            .references
            .iter()
            .map(|l| l.column.as_str())
            .collect();
        self.columns(&mut out, &format!("entity.{}", entity.name), table, &used);
        out
    }

    fn table(&self, out: &mut String, table: &Table) {
        let _ = writeln!(out, "table = {:?}", table.file);
        if let Some(format) = &table.format {
            let _ = writeln!(out, "format = {format}   # guessed from the first lines");
        }
    }

    fn edge(&self, edge: &Edge) -> String {
        let table = &self.tables[edge.table];
        let mut out = format!("\n[edge.{}]\n", edge.name);
        self.table(&mut out, table);
        for (role, link) in [("from", &edge.from), ("to  ", &edge.to)] {
            let entity = &self.world.entities[link.entity].name;
            let _ = writeln!(
                out,
                "{role} = {{ entity = {entity:?}, column = {:?} }}   # guessed{}",
                link.column,
                share(link)
            );
        }
        skip(&mut out, &[&edge.from, &edge.to]);
        match &edge.time {
            Some(Time::Column(column)) => {
                let _ = writeln!(out, "time = {column:?}   # guessed by its name and values");
            }
            Some(Time::Parts(columns)) => {
                let _ = writeln!(
                    out,
                    "time = {{ columns = {columns:?} }}   # guessed by their names"
                );
            }
            None => {}
        }
        if let Some(weight) = &edge.weight {
            let _ = writeln!(out, "weight = {weight:?}   # guessed by its name");
        }
        for other in &edge.others {
            let _ = writeln!(
                out,
                "# {:?} holds keys of `{}` too; an edge has two ends, a second section could lead there",
                other.column, self.world.entities[other.entity].name
            );
        }
        let mut used = vec![edge.from.column.as_str(), &edge.to.column];
        used.extend(edge.weight.as_deref());
        if let Some(Time::Parts(parts)) = &edge.time {
            used.extend(parts.iter().map(String::as_str));
        }
        self.columns(&mut out, &format!("edge.{}", edge.name), table, &used);
        out
    }

    /// The columns that inference would not get right.
    fn columns(&self, out: &mut String, section: &str, table: &Table, used: &[&str]) {
        let mut head = Some(format!("[{section}.columns]\n"));
        for column in &table.profile.columns {
            let written = match (unit(column), list_separator(column)) {
                _ if used.contains(&column.name.as_str()) => continue,
                (Some(unit), _) => format!("{{ type = \"time\", unit = {:?} }}", unit.name()),
                (None, Some(separator)) => {
                    format!("{{ type = \"list[string]\", separator = {separator:?} }}")
                }
                (None, None) => continue,
            };
            *out += &head.take().unwrap_or_default();
            let _ = writeln!(out, "{} = {written}   # guessed", toml_key(&column.name));
        }
    }

    fn embedding(&self, vectors: &Vectors) -> String {
        let rows = |e: &&Entity| {
            e.table
                .is_some_and(|t| self.tables[t].profile.rows == vectors.rows)
        };
        let fit: Vec<&Entity> = self.world.entities.iter().filter(rows).collect();
        let named = fit.iter().find(|e| vectors.name.contains(&e.name));
        match named.or(fit.first()) {
            Some(entity) => format!(
                "\n[embedding.{}]\nentity = {:?}   # guessed: as many rows as the file has vectors\n\
                 file   = {:?}\nmetric = \"cosine\"   # guessed\n{}",
                vectors.name,
                entity.name,
                vectors.file,
                if vectors.halves {
                    "storage = \"f16\"   # as in the file\n"
                } else {
                    ""
                }
            ),
            None => format!(
                "\n# {} is left out: its {} vectors are as many as the rows of no entity\n",
                vectors.file, vectors.rows
            ),
        }
    }

    fn defaults(&self) -> String {
        let mut out = "\n[defaults]\n".to_owned();
        let edges = &self.world.edges;
        let from_viewer =
            |e: &&Edge| e.from.entity == self.world.viewer && e.to.entity != self.world.viewer;
        let largest = edges.iter().filter(from_viewer);
        let largest = largest.max_by_key(|e| self.tables[e.table].profile.rows);
        if let Some(edge) = largest {
            let _ = writeln!(
                out,
                "seen = [{:?}]   # guessed: what these lead to counts as seen",
                edge.name
            );
        }
        let shown = |e: &&Edge| {
            ["impression", "view", "exposure"]
                .iter()
                .any(|n| e.name.contains(n))
        };
        if let Some(edge) = edges.iter().filter(from_viewer).find(shown) {
            let _ = writeln!(
                out,
                "impressions = {:?}   # guessed: what was shown",
                edge.name
            );
        }
        if edges.iter().any(|e| e.time.is_some()) {
            let _ = writeln!(
                out,
                "now = \"latest\"   # guessed: just after the newest link, as the data stands still"
            );
        }
        out
    }
}

/// Dangling ends would be errors; they are left out and counted.
fn skip(out: &mut String, links: &[&Link]) {
    if links.iter().any(|l| l.dangling > 0) {
        *out += "on_error = \"skip\"   # guessed: some values lead nowhere; rows with them are left out and counted\n";
    }
}

fn share(link: &Link) -> String {
    match link.dangling {
        0 => String::new(),
        n => format!(
            ": {} of its {} values are keys there",
            link.values - n,
            link.values
        ),
    }
}

/// `author` of `author_id`.
fn reference_name(column: &str) -> String {
    let name = super::guess::plain(column);
    let stem = name
        .strip_suffix("_id")
        .or_else(|| name.strip_suffix("_key"));
    match stem.filter(|s| !s.is_empty()) {
        Some(stem) => stem.to_owned(),
        None => format!("{name}_ref"),
    }
}

fn toml_key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !name.is_empty() && name.chars().all(bare) {
        true => name.to_owned(),
        false => format!("{name:?}"),
    }
}
