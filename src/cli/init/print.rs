//! The catalog as text, with what was guessed marked.

use super::find::Vectors;
use super::guess::{Edge, Entity, Link, Time, World};
use super::judge::{Judged, Meaning, Written, vector_column};
use super::table::{Repair, Table};
use crate::catalog::{toml_key, toml_text};
use crate::types::Type;
use std::fmt::Write;

pub fn catalog(name: &str, tables: &[Table], vectors: &[Vectors], world: &World) -> String {
    let printer = Printer { tables, world };
    let mut out = format!(
        "# Written by `igql init`: review everything marked `guessed`. All options: docs/catalog.md\n\
         [catalog]\nname   = {name:?}\nviewer = {:?}   # guessed: who requests come from\n",
        world.entities[world.viewer].name
    );
    out.extend(world.entities.iter().map(|e| printer.entity(e)));
    out.extend(world.edges.iter().map(|e| printer.edge(e)));
    out.extend(world.entities.iter().map(|e| printer.vectors_of(e)));
    out.extend(vectors.iter().map(|v| printer.embedding(v)));
    for (left, why) in &world.left {
        let table = &tables[*left];
        let file = line(&table.source.pattern);
        let columns = table.profile.columns.iter().map(|c| c.name.as_str());
        let columns = line(&columns.collect::<Vec<_>>().join(", "));
        out += &format!("\n# {file} was left out: {why} (its columns: {columns})\n");
    }
    out + &printer.defaults()
}

/// In a comment nothing may end the line.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

struct Printer<'a> {
    tables: &'a [Table],
    world: &'a World,
}

impl Printer<'_> {
    fn entity(&self, entity: &Entity) -> String {
        let mut out = format!("\n[entity.{}]\n", entity.name);
        let Some(table) = entity.table.map(|t| &self.tables[t]) else {
            return out + &of_ids(entity);
        };
        self.table(&mut out, table);
        let unique = match table.repair("duplicates") {
            None => format!("unique in {} rows", table.profile.rows),
            Some(repair) => line(&repair.why),
        };
        let key = toml_text(&entity.key);
        let _ = writeln!(out, "key = {key}   # guessed: {unique}");
        repairs(&mut out, table);
        if let Some(time) = &entity.time {
            let time = toml_text(time);
            let _ = writeln!(out, "time = {time}   # guessed: visible from this time on");
        }
        self.references(&mut out, entity);
        let references = entity.references.iter();
        let mut used: Vec<&str> = references.map(|l| l.column.as_str()).collect();
        let mut ints = Vec::new();
        let key = table.profile.column(&entity.key);
        match key.is_some_and(|k| k.ty == Type::Float) {
            true => ints.push(entity.key.as_str()),
            false => used.push(&entity.key),
        }
        let section = format!("entity.{}", entity.name);
        self.columns(&mut out, &section, table, &used, &ints);
        out
    }

    fn references(&self, out: &mut String, entity: &Entity) {
        if !entity.references.is_empty() {
            let _ = writeln!(out, "[entity.{}.references]", entity.name);
        }
        let mut names: Vec<String> = Vec::new();
        for link in &entity.references {
            let mut name = reference_name(&link.column, entity);
            while names.contains(&name) {
                name.push('_');
            }
            let _ = writeln!(out, "{name} = {}", self.link(link));
            names.push(name);
        }
    }

    /// The end of a reference or of an edge.
    fn link(&self, link: &Link) -> String {
        let entity = toml_text(&self.world.entities[link.entity].name);
        let (column, share) = (toml_text(&link.column), share(link));
        format!("{{ entity = {entity}, column = {column} }}   # guessed{share}")
    }

    fn table(&self, out: &mut String, table: &Table) {
        let _ = writeln!(out, "table = {}", toml_text(&table.source.pattern));
        if let Some(format) = table.format() {
            let _ = writeln!(out, "format = {format}   # guessed from the file");
        }
    }

    fn edge(&self, edge: &Edge) -> String {
        let table = &self.tables[edge.table];
        let mut out = format!("\n[edge.{}]\n", edge.name);
        self.table(&mut out, table);
        let _ = writeln!(out, "from = {}", self.link(&edge.from));
        let _ = writeln!(out, "to   = {}", self.link(&edge.to));
        repairs(&mut out, table);
        out += &edge.time.as_ref().map_or_else(String::new, time);
        if let Some(weight) = &edge.weight {
            let weight = toml_text(weight);
            let _ = writeln!(out, "weight = {weight}   # guessed by its name");
        }
        for other in &edge.others {
            let column = line(&toml_text(&other.column));
            let entity = &self.world.entities[other.entity].name;
            let why = "an edge has two ends, a second section could lead there";
            let _ = writeln!(out, "# {column} holds keys of `{entity}` too; {why}");
        }
        let mut used = vec![edge.from.column.as_str(), &edge.to.column];
        let plain = |w: &&str| table.column(w).is_none_or(|j| j.decimal.is_none());
        used.extend(edge.weight.as_deref().filter(plain));
        if let Some(Time::Parts(parts)) = &edge.time {
            used.extend(parts.iter().map(String::as_str));
        }
        self.columns(&mut out, &format!("edge.{}", edge.name), table, &used, &[]);
        out
    }

    /// The columns that inference would not get right.
    fn columns(
        &self,
        out: &mut String,
        section: &str,
        table: &Table,
        used: &[&str],
        ints: &[&str],
    ) {
        let mut head = Some(format!("[{section}.columns]\n"));
        for (column, judged) in table.profile.columns.iter().zip(&table.judged) {
            let name = column.name.as_str();
            let said = match ints.contains(&name) {
                true => Some("{ type = \"int\" }".to_owned()),
                false if used.contains(&name) => None,
                false => said(judged),
            };
            let Some(said) = said else { continue };
            let why = match (ints.contains(&name), judged.why.as_str()) {
                (true, _) => ": whole numbers written as floats",
                (false, "") => "",
                (false, why) => &format!(": {why}"),
            };
            *out += &head.take().unwrap_or_default();
            let _ = writeln!(out, "{} = {said}   # guessed{why}", toml_key(name));
        }
    }

    /// Vectors in a column of the entity's own table.
    fn vectors_of(&self, entity: &Entity) -> String {
        let mut out = String::new();
        let Some(table) = entity.table.map(|t| &self.tables[t]) else {
            return out;
        };
        if table.source.text.is_some() {
            return out;
        }
        let columns = table.profile.columns.iter();
        for column in columns.filter(|c| vector_column(c).is_some_and(|dim| dim >= 8)) {
            let _ = write!(
                out,
                "\n[embedding.{}]\nentity = {}\nfile   = {}\nkey    = {}\ncolumn = {}   # guessed: as many numbers in every row\n\
                 metric = \"cosine\"   # guessed\n",
                embedding_name(&column.name, entity),
                toml_text(&entity.name),
                toml_text(&table.source.pattern),
                toml_text(&entity.key),
                toml_text(&column.name)
            );
        }
        out
    }

    fn embedding(&self, vectors: &Vectors) -> String {
        let Some(rows) = vectors.rows else {
            return format!(
                "\n# {} has tensors: an `[embedding.NAME]` with its entity and `key` or `column` makes them searchable\n",
                line(&vectors.pattern)
            );
        };
        let own = |e: &&Entity| e.table.is_some_and(|t| self.tables[t].rows_in_files() == rows);
        let fit: Vec<&Entity> = self.world.entities.iter().filter(own).collect();
        let named = fit.iter().find(|e| vectors.name.contains(&e.name));
        match named.or(fit.first()) {
            Some(entity) => format!(
                "\n[embedding.{}]\nentity = {}   # guessed: as many rows as the file has vectors\n\
                 file   = {}\nmetric = \"cosine\"   # guessed\n{}",
                self.free_name(&vectors.name),
                toml_text(&entity.name),
                toml_text(&vectors.pattern),
                if vectors.halves { "storage = \"f16\"   # as in the file\n" } else { "" }
            ),
            None => format!(
                "\n# {} was left out: no entity has {rows} rows, the number of its vectors\n",
                line(&vectors.pattern)
            ),
        }
    }

    fn free_name(&self, name: &str) -> String {
        let edges = self.world.edges.iter().map(|e| &e.name);
        let mut names = self.world.entities.iter().map(|e| &e.name).chain(edges);
        match names.any(|n| n == name) {
            true => format!("{name}_vectors"),
            false => name.to_owned(),
        }
    }

    fn defaults(&self) -> String {
        let mut out = "\n[defaults]\n".to_owned();
        let viewer = self.world.viewer;
        let edges = self.world.edges.iter();
        let from_viewer = edges.filter(|e| e.from.entity == viewer && e.to.entity != viewer);
        let rows = |e: &&Edge| self.tables[e.table].profile.rows;
        if let Some(largest) = from_viewer.clone().max_by_key(rows) {
            let same = from_viewer.clone().filter(|e| e.to.entity == largest.to.entity);
            let names: Vec<String> = same.map(|e| toml_text(&e.name)).collect();
            let names = names.join(", ");
            let _ = writeln!(out, "seen = [{names}]   # guessed: their targets count as seen");
        }
        if let Some(edge) = from_viewer.clone().find(|e| is_of_impressions(&e.name)) {
            let name = toml_text(&edge.name);
            let _ = writeln!(out, "impressions = {name}   # guessed: what was shown");
        }
        if self.world.edges.iter().any(|e| e.time.is_some()) {
            out += "now = \"latest\"   # guessed: just after the newest link, because the data is static\n";
        }
        out
    }
}

/// Whether an edge of that name has what was shown to users.
fn is_of_impressions(edge: &str) -> bool {
    let words = ["impression", "view", "exposure"];
    words.iter().any(|word| edge.contains(word)) && !edge.contains("review")
}

/// An entity without a table: its key.
fn of_ids(entity: &Entity) -> String {
    let key = toml_text(&entity.key);
    let why = "no table has these ids as its key; taken from the edges";
    let key_type = match entity.keys.is_empty() {
        true => "key_type = \"string\"   # guessed: there are no ids yet to tell\n",
        false => "",
    };
    format!("key = {key}   # guessed: {why}\n{key_type}")
}

/// The time of an edge.
fn time(time: &Time) -> String {
    match time {
        Time::Column(column) => {
            let column = toml_text(column);
            format!("time = {column}   # guessed by its name and values\n")
        }
        Time::Parts(columns) => {
            let columns: Vec<String> = columns.iter().map(|c| toml_text(c)).collect();
            let columns = columns.join(", ");
            format!("time = {{ columns = [{columns}] }}   # guessed by their names\n")
        }
    }
}

/// What was put right, with why.
fn repairs(out: &mut String, table: &Table) {
    for Repair { key, value, why } in &table.repairs {
        let _ = writeln!(out, "{key} = {}   # guessed: {}", toml_text(value), line(why));
    }
}

fn number(ty: &str, decimal: Option<char>) -> String {
    match decimal {
        Some(sign) => format!("{{ type = \"{ty}\", decimal = \"{sign}\" }}"),
        None => format!("{{ type = \"{ty}\" }}"),
    }
}

/// How the catalog writes a column.
pub fn said(judged: &Judged) -> Option<String> {
    let nulls: Vec<String> = judged.own_nulls.iter().map(|(n, _)| toml_text(n)).collect();
    let nulls = (!nulls.is_empty()).then(|| format!("null = [{}]", nulls.join(", ")));
    match (said_of_values(judged), nulls) {
        (Some(said), Some(nulls)) => {
            let said = said.trim_end_matches(" }");
            Some(format!("{said}, {nulls} }}"))
        }
        (None, Some(nulls)) => Some(format!("{{ {nulls} }}")),
        (said, None) => said,
    }
}

/// How the catalog writes what the values of a column are.
fn said_of_values(judged: &Judged) -> Option<String> {
    Some(match &judged.meaning {
        Meaning::Plain => return None,
        Meaning::Text => "{ type = \"string\" }".to_owned(),
        Meaning::Int => number("int", judged.decimal),
        Meaning::Float => number("float", judged.decimal),
        Meaning::Time(Written::Iso) => "{ type = \"time\" }".to_owned(),
        Meaning::Time(Written::Unit(unit)) => {
            format!("{{ type = \"time\", unit = {:?} }}", unit.name())
        }
        Meaning::Time(Written::Format(format)) => {
            format!("{{ type = \"time\", format = {} }}", toml_text(format))
        }
        Meaning::List { item, separator: Some(separator) } => {
            let separator = toml_text(separator);
            format!("{{ type = \"list[{item}]\", separator = {separator} }}")
        }
        Meaning::List { item, separator: None } => format!("{{ type = \"list[{item}]\" }}"),
        Meaning::Vector(dim) => format!("{{ type = \"vector[{dim}]\" }}"),
    })
}

fn share(link: &Link) -> String {
    match link.dangling {
        0 => String::new(),
        n => format!(": {} of its {} values are keys there", link.values - n, link.values),
    }
}

/// `author` of `author_id`.
fn reference_name(column: &str, entity: &Entity) -> String {
    let name = super::words::identifier(&super::words::plain(column));
    let stem = name.strip_suffix("_id").or_else(|| name.strip_suffix("_key"));
    match stem.filter(|s| !s.is_empty() && *s != entity.key) {
        Some(stem) => stem.to_owned(),
        None => format!("{name}_ref"),
    }
}

fn embedding_name(column: &str, entity: &Entity) -> String {
    let name = super::words::identifier(&super::words::plain(column));
    match ["embedding", "embeddings", "vector", "vec", "emb", "features"].contains(&name.as_str()) {
        true => format!("{}_{name}", entity.name),
        false => name,
    }
}
