//! Writes a world as a catalog with its tables, so that the engine can open the same data.

use super::value::Value;
use super::world::{Column, Edge, Embedding, Entity, World};
use arrow_array::builder::{Float32Builder, ListBuilder};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use igql::types::{Key, Type};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

impl World {
    /// Writes `catalog.toml`, the tables, vectors and `prelude.igql` into a folder.
    pub fn write_to(&self, folder: &Path) {
        std::fs::create_dir_all(folder).expect("a folder");
        let mut catalog = format!(
            "[catalog]\nname = \"case\"\nviewer = \"{}\"\n",
            self.entities[self.viewer].name
        );
        for entity in &self.entities {
            self.write_entity(entity, folder, &mut catalog);
        }
        for edge in &self.edges {
            self.write_edge(edge, folder, &mut catalog);
        }
        for embedding in &self.embeddings {
            self.write_embedding(embedding, folder, &mut catalog);
        }
        let list = |names: &[String]| {
            names.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ")
        };
        catalog += "\n[defaults]\n";
        if !self.seen.is_empty() {
            catalog += &format!("seen = [{}]\n", list(&self.seen));
        }
        if !self.required_policies.is_empty() {
            catalog += &format!("required_policies = [{}]\n", list(&self.required_policies));
        }
        save(folder, "catalog.toml", &catalog);
        save(folder, "prelude.igql", &self.prelude);
    }

    fn write_entity(&self, entity: &Entity, folder: &Path, catalog: &mut String) {
        let name = &entity.name;
        *catalog += &format!("\n[entity.{name}]\nkey = \"{}\"\n", entity.key);
        if !entity.has_table {
            return;
        }
        *catalog += &format!("table = \"{name}.csv\"\n");
        if let Some(time) = &entity.time {
            *catalog += &format!("time = \"{time}\"\n");
        }
        if !entity.references.is_empty() {
            *catalog += &format!("[entity.{name}.references]\n");
        }
        for r in &entity.references {
            let target = &self.entities[r.entity].name;
            *catalog +=
                &format!("{} = {{ entity = \"{target}\", column = \"{}\" }}\n", r.name, r.column);
        }
        *catalog += &format!("[entity.{name}.columns]\n");
        if entity.string_keys {
            *catalog += &format!("{} = {{ type = \"string\" }}\n", entity.key);
        }
        entity.columns.iter().for_each(|c| declare(catalog, &c.name, &c.ty));
        save(folder, &format!("{name}.csv"), &self.entity_csv(entity));
    }

    fn entity_csv(&self, entity: &Entity) -> String {
        let mut names = vec![entity.key.clone()];
        names.extend(entity.columns.iter().map(|c| c.name.clone()));
        let mut csv = names.join(",") + "\n";
        for (row, key) in entity.keys.iter().enumerate() {
            let mut cells = vec![quoted(&key.to_string())];
            cells.extend(entity.columns.iter().map(|c: &Column| self.cell(&c.values[row])));
            csv += &(cells.join(",") + "\n");
        }
        csv
    }

    fn write_edge(&self, edge: &Edge, folder: &Path, catalog: &mut String) {
        let name = &edge.name;
        let end = |entity: usize, column: &str| {
            format!("{{ entity = \"{}\", column = \"{column}\" }}", self.entities[entity].name)
        };
        *catalog += &format!("\n[edge.{name}]\ntable = \"{name}.csv\"\n");
        *catalog += &format!(
            "from = {}\nto = {}\n",
            end(edge.from, &edge.from_column),
            end(edge.to, &edge.to_column)
        );
        for (role, column) in [("time", &edge.time_column), ("weight", &edge.weight_column)] {
            if let Some(column) = column {
                *catalog += &format!("{role} = \"{column}\"\n");
            }
        }
        *catalog += &format!("[edge.{name}.columns]\n");
        edge.time_column.iter().for_each(|c| declare(catalog, c, &Type::Time));
        edge.weight_column.iter().for_each(|c| declare(catalog, c, &Type::Float));
        edge.columns.iter().for_each(|(c, ty)| declare(catalog, c, ty));
        save(folder, &format!("{name}.csv"), &self.edge_csv(edge));
    }

    fn edge_csv(&self, edge: &Edge) -> String {
        let mut names = vec![edge.from_column.clone(), edge.to_column.clone()];
        names.extend(edge.time_column.iter().chain(&edge.weight_column).cloned());
        names.extend(edge.columns.iter().map(|c| c.0.clone()));
        let mut csv = names.join(",") + "\n";
        for link in &edge.links {
            let mut cells =
                vec![self.key_cell(edge.from, link.from), self.key_cell(edge.to, link.to)];
            let time =
                edge.time_column.as_ref().map(|_| link.time.map_or(Value::Null, Value::Time));
            let weight =
                edge.weight_column.as_ref().map(|_| link.weight.map_or(Value::Null, Value::Float));
            cells.extend(time.iter().chain(&weight).chain(&link.columns).map(|v| self.cell(v)));
            csv += &(cells.join(",") + "\n");
        }
        csv
    }

    fn key_cell(&self, entity: usize, row: u32) -> String {
        quoted(&self.entities[entity].keys[row as usize].to_string())
    }

    fn cell(&self, value: &Value) -> String {
        match value {
            Value::Null => String::new(),
            Value::Id(entity, row) => self.key_cell(*entity, *row),
            Value::Time(t) => time_text(*t),
            Value::Str(text) => quoted(text),
            Value::Int(x) => x.to_string(),
            Value::Float(x) => format!("{x:?}"),
            Value::Bool(x) => x.to_string(),
            Value::List(items) => quoted(&items.iter().map(plain).collect::<Vec<_>>().join("|")),
            other => panic!("no cell for {other:?}"),
        }
    }

    fn write_embedding(&self, embedding: &Embedding, folder: &Path, catalog: &mut String) {
        let mut entities = Vec::new();
        let mut files = Vec::new();
        for (entity, vectors) in &embedding.spaces {
            let vectors = &in_file(vectors, embedding.halves);
            let entity = &self.entities[*entity];
            let complete: Option<Vec<&[f32]>> = vectors.iter().map(|v| v.as_deref()).collect();
            let file = format!(
                "{}_{}.{}",
                embedding.name,
                entity.name,
                if complete.is_some() { "npy" } else { "parquet" }
            );
            match complete {
                Some(rows) => write_npy(&folder.join(&file), &rows),
                None => write_parquet(&folder.join(&file), entity, vectors),
            }
            entities.push(format!("\"{}\"", entity.name));
            files.push(format!("\"{file}\""));
        }
        let several = |list: Vec<String>| {
            if list.len() == 1 { list[0].clone() } else { format!("[{}]", list.join(", ")) }
        };
        *catalog += &format!(
            "\n[embedding.{}]\nentity = {}\nfile = {}\nmetric = \"{}\"\nstorage = \"{}\"\n",
            embedding.name,
            several(entities),
            several(files),
            embedding.metric,
            if embedding.halves { "f16" } else { "f32" }
        );
    }
}

fn save(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("a file of the case");
}

fn declare(catalog: &mut String, name: &str, ty: &Type) {
    let ty = match ty {
        Type::Int => "int",
        Type::Float => "float",
        Type::Bool => "bool",
        Type::String => "string",
        Type::Time => "time",
        Type::List(of) => match **of {
            Type::Int => {
                return *catalog +=
                    &format!("{name} = {{ type = \"list[int]\", separator = \"|\" }}\n");
            }
            _ => {
                return *catalog +=
                    &format!("{name} = {{ type = \"list[string]\", separator = \"|\" }}\n");
            }
        },
        // A reference is declared as such.
        _ => return,
    };
    writeln!(catalog, "{name} = {{ type = \"{ty}\" }}").expect("text");
}

fn plain(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        Value::Int(x) => x.to_string(),
        other => panic!("no list of {other:?}"),
    }
}

fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && !text.contains([',', '"', '\n', '\r']);
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

/// ISO text of a time.
pub fn time_text(micros: i64) -> String {
    igql::types::time::text(micros).expect("a time")
}

/// What a file has: where halves are stored, numbers beside them that are rounded to them.
fn in_file(vectors: &[Option<Vec<f32>>], halves: bool) -> Vec<Option<Vec<f32>>> {
    let beside = |x: &f32| match *x {
        0.0 => 1e-8,
        x => x * (1.0 + 1.0 / 8192.0),
    };
    let vector = |v: &Vec<f32>| match halves {
        true => v.iter().map(beside).collect(),
        false => v.clone(),
    };
    vectors.iter().map(|v| v.as_ref().map(vector)).collect()
}

fn write_npy(path: &Path, rows: &[&[f32]]) {
    let dim = rows.first().map_or(1, |r| r.len());
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {dim}), }}", rows.len());
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(rows.iter().flat_map(|r| r.iter()).flat_map(|x| x.to_le_bytes()));
    std::fs::write(path, bytes).expect("vectors of the case");
}

/// Only the rows that have a vector, by key.
fn write_parquet(path: &Path, entity: &Entity, vectors: &[Option<Vec<f32>>]) {
    let present =
        || entity.keys.iter().zip(vectors).filter_map(|(k, v)| v.as_ref().map(|v| (k, v)));
    let ints = |k: &Key| if let Key::Int(k) = k { *k } else { 0 };
    let keys: ArrayRef = match entity.string_keys {
        true => Arc::new(present().map(|(k, _)| Some(k.to_string())).collect::<StringArray>()),
        false => Arc::new(present().map(|(k, _)| ints(k)).collect::<Int64Array>()),
    };
    let mut lists = ListBuilder::new(Float32Builder::new());
    for (_, vector) in present() {
        lists.append_value(vector.iter().map(|x| Some(*x)));
    }
    let columns: [(&str, ArrayRef); 2] =
        [(&entity.key, keys), ("vector", Arc::new(lists.finish()))];
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let file = std::fs::File::create(path).expect("vectors of the case");
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).expect("a Parquet writer");
    writer.write(&batch).expect("vectors are written");
    writer.close().expect("vectors are written");
}
