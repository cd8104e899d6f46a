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
    world
        .entities
        .iter()
        .for_each(|e| out += &printer.entity(e));
    world.edges.iter().for_each(|e| out += &printer.edge(e));
    world
        .entities
        .iter()
        .for_each(|e| out += &printer.vectors_of(e));
    vectors.iter().for_each(|v| out += &printer.embedding(v));
    for (left, why) in &world.left {
        let columns = tables[*left]
            .profile
            .columns
            .iter()
            .map(|c| c.name.as_str());
        let columns = columns.collect::<Vec<_>>().join(", ");
        let _ = write!(
            out,
            "\n# {} was left out: {why} (its columns: {})\n",
            line(&tables[*left].source.pattern),
            line(&columns)
        );
    }
    out + &printer.defaults()
}

/// In a comment nothing may end the line.
fn line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
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
                "key = {}   # guessed: no table has these ids as its key; taken from the edges",
                toml_text(&entity.key)
            );
            if entity.keys.is_empty() {
                out += "key_type = \"string\"   # guessed: there are no ids yet to tell\n";
            }
            return out;
        };
        self.table(&mut out, table);
        let unique = match table.repair("duplicates") {
            None => format!("unique in {} rows", table.profile.rows),
            Some(repair) => line(&repair.why).to_string(),
        };
        let _ = writeln!(
            out,
            "key = {}   # guessed: {unique}",
            toml_text(&entity.key)
        );
        repairs(&mut out, table);
        if let Some(time) = &entity.time {
            let _ = writeln!(
                out,
                "time = {}   # guessed: visible from this time on",
                toml_text(time)
            );
        }
        if !entity.references.is_empty() {
            let _ = writeln!(out, "[entity.{}.references]", entity.name);
        }
        let mut names: Vec<String> = Vec::new();
        for link in &entity.references {
            let target = &self.world.entities[link.entity].name;
            let mut name = reference_name(&link.column, entity);
            while names.contains(&name) {
                name.push('_');
            }
            let _ = writeln!(
                out,
                "{name} = {{ entity = {}, column = {} }}   # guessed{}",
                toml_text(target),
                toml_text(&link.column),
                share(link)
            );
            names.push(name);
        }
        let mut used: Vec<&str> = entity
            .references
            .iter()
            .map(|l| l.column.as_str())
            .collect();
        let key = table.profile.column(&entity.key);
        let mut ints = Vec::new();
        match key.filter(|k| k.ty == Type::Float) {
            Some(key) => ints.push(key.name.as_str()),
            None => used.push(&entity.key),
        }
        self.columns(
            &mut out,
            &format!("entity.{}", entity.name),
            table,
            &used,
            &ints,
        );
        out
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
        for (role, link) in [("from", &edge.from), ("to  ", &edge.to)] {
            let _ = writeln!(
                out,
                "{role} = {{ entity = {}, column = {} }}   # guessed{}",
                toml_text(&self.world.entities[link.entity].name),
                toml_text(&link.column),
                share(link)
            );
        }
        repairs(&mut out, table);
        match &edge.time {
            Some(Time::Column(column)) => {
                let _ = writeln!(
                    out,
                    "time = {}   # guessed by its name and values",
                    toml_text(column)
                );
            }
            Some(Time::Parts(columns)) => {
                let columns: Vec<String> = columns.iter().map(|c| toml_text(c)).collect();
                let _ = writeln!(
                    out,
                    "time = {{ columns = [{}] }}   # guessed by their names",
                    columns.join(", ")
                );
            }
            None => {}
        }
        if let Some(weight) = &edge.weight {
            let _ = writeln!(
                out,
                "weight = {}   # guessed by its name",
                toml_text(weight)
            );
        }
        for other in &edge.others {
            let _ = writeln!(
                out,
                "# {} holds keys of `{}` too; an edge has two ends, a second section could lead there",
                line(&toml_text(&other.column)),
                self.world.entities[other.entity].name
            );
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
        for column in table
            .profile
            .columns
            .iter()
            .filter(|c| vector_column(c).is_some_and(|dim| dim >= 8))
        {
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
        let own = |e: &&Entity| {
            e.table
                .is_some_and(|t| self.tables[t].rows_in_files() == rows)
        };
        let fit: Vec<&Entity> = self.world.entities.iter().filter(own).collect();
        let named = fit.iter().find(|e| vectors.name.contains(&e.name));
        match named.or(fit.first()) {
            Some(entity) => format!(
                "\n[embedding.{}]\nentity = {}   # guessed: as many rows as the file has vectors\n\
                 file   = {}\nmetric = \"cosine\"   # guessed\n{}",
                self.free_name(&vectors.name),
                toml_text(&entity.name),
                toml_text(&vectors.pattern),
                if vectors.halves {
                    "storage = \"f16\"   # as in the file\n"
                } else {
                    ""
                }
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
        let edges = &self.world.edges;
        let from_viewer =
            |e: &&Edge| e.from.entity == self.world.viewer && e.to.entity != self.world.viewer;
        let rows = |e: &&Edge| self.tables[e.table].profile.rows;
        if let Some(largest) = edges.iter().filter(from_viewer).max_by_key(rows) {
            let same = edges
                .iter()
                .filter(from_viewer)
                .filter(|e| e.to.entity == largest.to.entity);
            let names: Vec<String> = same.map(|e| toml_text(&e.name)).collect();
            let _ = writeln!(
                out,
                "seen = [{}]   # guessed: their targets count as seen",
                names.join(", ")
            );
        }
        let shown = |e: &&Edge| {
            ["impression", "view", "exposure"]
                .iter()
                .any(|n| e.name.contains(n))
                && !e.name.contains("review")
        };
        if let Some(edge) = edges.iter().filter(from_viewer).find(shown) {
            let _ = writeln!(
                out,
                "impressions = {}   # guessed: what was shown",
                toml_text(&edge.name)
            );
        }
        if edges.iter().any(|e| e.time.is_some()) {
            let _ = writeln!(
                out,
                "now = \"latest\"   # guessed: just after the newest link, because the data is static"
            );
        }
        out
    }
}

/// What was put right, with why.
fn repairs(out: &mut String, table: &Table) {
    for Repair { key, value, why } in &table.repairs {
        let _ = writeln!(
            out,
            "{key} = {}   # guessed: {}",
            toml_text(value),
            line(why)
        );
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
        Meaning::List {
            item,
            separator: Some(separator),
        } => {
            format!(
                "{{ type = \"list[{item}]\", separator = {} }}",
                toml_text(separator)
            )
        }
        Meaning::List {
            item,
            separator: None,
        } => format!("{{ type = \"list[{item}]\" }}"),
        Meaning::Vector(dim) => format!("{{ type = \"vector[{dim}]\" }}"),
    })
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
fn reference_name(column: &str, entity: &Entity) -> String {
    let name = super::words::identifier(&super::words::plain(column));
    let stem = name
        .strip_suffix("_id")
        .or_else(|| name.strip_suffix("_key"));
    match stem.filter(|s| !s.is_empty() && *s != entity.key) {
        Some(stem) => stem.to_owned(),
        None => format!("{name}_ref"),
    }
}

fn embedding_name(column: &str, entity: &Entity) -> String {
    let name = super::words::identifier(&super::words::plain(column));
    match [
        "embedding",
        "embeddings",
        "vector",
        "vec",
        "emb",
        "features",
    ]
    .contains(&name.as_str())
    {
        true => format!("{}_{name}", entity.name),
        false => name,
    }
}
