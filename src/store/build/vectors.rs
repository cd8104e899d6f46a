//! Embeddings: a vector per row of an entity, from .npy files (by row), tables (by key) and
//! .safetensors (by key if there is a tensor of keys, else by row).

use super::complaints::Complaints;
use super::entities::Entity;
use super::keys::{DANGLING, Keys};
use super::plan::name;
use crate::catalog::config::{Catalog, Embedding, OnError, VectorFile};
use crate::catalog::schema::{KeyType, Storage};
use crate::catalog::{DataError, DataWarning};
use crate::store::import::{
    self, Fault, Faults, Found, Group, How, Kind, Npy, Origin, Reader, Table, Tensors, Values,
    Wanted, brief,
};
use crate::store::read_users;
use crate::store::vectors::Vectors;
use crate::types::{Key, NULL_CODE, Type, fits_half};
use rayon::prelude::*;
use std::path::Path;

/// What the files of one embedding are read with.
pub struct Job<'a> {
    pub catalog: &'a Catalog,
    pub folder: &'a Path,
    pub embedding: &'a Embedding,
    /// None where the entity's table is wrong itself.
    pub entities: &'a [Option<Entity>],
}

impl Job<'_> {
    /// The vectors of each of its entities, all of one dimension; None where they cannot be had.
    pub fn read(&self, complaints: &mut Complaints) -> Option<Vec<Vectors>> {
        let mut all: Vec<Option<Vectors>> = Vec::new();
        for part in &self.embedding.parts {
            let path = self.folder.join(&part.file);
            let read = self.part(part, &path, complaints);
            let vectors = complaints.note(read).flatten();
            let first = all.iter().flatten().next();
            if let (Some(vectors), Some(first)) = (&vectors, first)
                && first.dim != vectors.dim
            {
                let message = format!(
                    "its vectors have {} numbers, those of the first file {}",
                    vectors.dim, first.dim
                );
                let error = DataError::new(&path, message);
                complaints
                    .errors
                    .push(error.help("all vectors of an embedding have one dimension"));
            }
            all.push(vectors);
        }
        all.into_iter().collect()
    }

    /// None if the entity is not there to have vectors.
    fn part(
        &self,
        part: &VectorFile,
        path: &Path,
        complaints: &mut Complaints,
    ) -> Result<Option<Vectors>, DataError> {
        let Some(entity) = &self.entities[part.entity.0 as usize] else {
            return Ok(None);
        };
        match path.extension().and_then(|e| e.to_str()) {
            Some("npy") => {
                let npy = Npy::open(path)?;
                let numbers = (npy.dim, npy.read()?);
                self.by_row(part, path, entity, numbers, complaints).map(Some)
            }
            Some("safetensors") => {
                let tensors = Tensors::open(path)?;
                let key = &self.catalog.entities[part.entity.0 as usize].key;
                if part.keys.is_none() && (part.key.is_some() || tensors.has(key)) {
                    return self.by_key(part, path, entity, complaints).map(Some);
                }
                let column = vector_column(&tensors, part.column.as_deref())?;
                let numbers = tensors.vectors(column)?;
                self.by_row(part, path, entity, numbers, complaints).map(Some)
            }
            _ if part.keys.is_some() => {
                let message =
                    "`keys` names the keys of vectors by row: this file has keys of its own";
                Err(DataError::new(path, message)
                    .help("leave `keys` out; `key` names the column with the keys"))
            }
            _ => self.by_key(part, path, entity, complaints).map(Some),
        }
    }

    fn section(&self) -> String {
        format!("embedding.{}", self.embedding.name)
    }

    fn warn(&self, part: &VectorFile, why: &str, count: u64, complaints: &mut Complaints) {
        let vectors = if count == 1 { "vector" } else { "vectors" };
        let message = format!("{count} {vectors} skipped: {why}");
        let warning = DataWarning::new(part.file.as_str(), message, count);
        complaints.warnings.push(DataWarning { section: self.section(), ..warning });
    }

    fn way_out(&self) -> String {
        format!(
            "`on_error = \"skip\"` in `[{}]` skips such vectors and reports their number",
            self.section()
        )
    }

    /// Row `i` of the file belongs to row `i` of the entity's table, or to key `i` of the file of keys.
    fn by_row(
        &self,
        part: &VectorFile,
        path: &Path,
        entity: &Entity,
        (dim, mut data): (usize, Vec<f32>),
        complaints: &mut Complaints,
    ) -> Result<Vectors, DataError> {
        let count = data.len() / dim;
        let mut has = vec![true; count];
        for row in self.unfit(part, path, &data, dim, complaints) {
            has[row as usize] = false;
            data[row as usize * dim..][..dim].fill(0.0);
        }
        if part.keys.is_some() {
            return self.by_key_file(part, path, entity, (dim, data, has), complaints);
        }
        let name = &self.catalog.entities[part.entity.0 as usize].name;
        let origin = entity.source.as_ref().map(|(origin, _)| origin);
        let expected = origin.map_or(entity.rows() as u64, Origin::all_rows);
        if count as u64 != expected {
            let message = format!("has {count} vectors, the entity `{name}` has {expected} rows");
            let section = self.section();
            let way = format!(
                "`keys = \"FILE\"` in `[{section}]` names a file with the key of each vector"
            );
            let help = "row i of the file belongs to row i of the table";
            return Err(DataError::new(path, message).help(help).or_help(way));
        }
        if let Some(kept) = origin.and_then(|o| o.kept.as_ref()) {
            let rows = kept.iter().flat_map(|&r| &data[r as usize * dim..][..dim]);
            data = rows.copied().collect();
            has = kept.iter().map(|&r| has[r as usize]).collect();
        }
        Ok(self.present(dim, data, has))
    }

    /// Vectors whose keys stand in another file, row by row.
    fn by_key_file(
        &self,
        part: &VectorFile,
        path: &Path,
        entity: &Entity,
        (dim, data, present): (usize, Vec<f32>, Vec<bool>),
        complaints: &mut Complaints,
    ) -> Result<Vectors, DataError> {
        let config = &self.catalog.entities[part.entity.0 as usize];
        let file = self.folder.join(part.keys.as_deref().unwrap_or_default());
        let key = part.key.as_deref().unwrap_or(&config.key);
        let keys = keys_of_file(&file, key, entity)?;
        if keys.len() != present.len() {
            let (have, want, path) = (keys.len(), present.len(), crate::catalog::shown(path));
            let message = format!("has {have} keys, {path} has {want} vectors");
            let help = "key i of the file belongs to vector i";
            return Err(DataError::new(&file, message).help(help));
        }
        let vectors = Values::Vector { dim, data, present };
        let names = (config.name.as_str(), "vector");
        let placed = place(&keys, &vectors, entity, names, dim, |_| None);
        for group in placed.faults.in_order() {
            let rows = group.rows.iter().map(|r| u64::from(*r) + 1);
            let rows: Vec<u64> = rows.collect();
            let error = DataError::new(&file, group.first.message.clone()).row(rows[0]);
            let count = rows.len() as u64;
            match self.embedding.on_error {
                OnError::Error if entity.lost => {}
                OnError::Error => {
                    let others = &rows[1..rows.len().min(4)];
                    let error = error.and_more(count - 1, others);
                    complaints.errors.push(error.help(self.way_out()));
                }
                OnError::Skip | OnError::Null => self.warn(part, &brief(&error), count, complaints),
            }
        }
        Ok(self.present(dim, placed.data, placed.has))
    }

    /// The rows with numbers that cannot be stored, which it tells of.
    fn unfit(
        &self,
        part: &VectorFile,
        path: &Path,
        data: &[f32],
        dim: usize,
        complaints: &mut Complaints,
    ) -> Vec<u64> {
        let halves = self.embedding.storage == Storage::F16;
        let wrong = |x: &f32| !x.is_finite() || (halves && !fits_half(*x));
        let vectors = data.par_chunks(dim).enumerate();
        let unfit = vectors.filter(|(_, vector)| vector.iter().any(wrong));
        let rows: Vec<u64> = unfit.map(|(row, _)| row as u64).collect();
        let Some(&first) = rows.first() else {
            return rows;
        };
        let vector = &data[first as usize * dim..][..dim];
        let Some(fault) = self.broken(vector) else {
            return Vec::new();
        };
        let (first, count) = (first + 1, rows.len() as u64);
        match self.embedding.on_error {
            OnError::Error => {
                let error = DataError::new(path, fault.message).row(first);
                let others: Vec<u64> = rows.iter().skip(1).take(3).map(|r| r + 1).collect();
                let error = error.and_more(count - 1, &others).maybe_help(fault.help);
                complaints.errors.push(error.or_help(self.way_out()));
            }
            OnError::Skip | OnError::Null => {
                let why = format!("{} (first: row {first})", fault.message);
                self.warn(part, &why, count, complaints);
            }
        }
        rows
    }

    /// What is wrong with a vector.
    fn broken(&self, vector: &[f32]) -> Option<Fault> {
        match vector.iter().position(|x| !x.is_finite()) {
            Some(at) => {
                let message = format!("element {} of the vector is {}", at + 1, vector[at]);
                Some(Fault::new(message).help("vectors hold finite 32-bit floats"))
            }
            None => Some(self.too_large(vector, vector.len())?.1),
        }
    }

    /// The place of a number that cannot be stored, and what is wrong with it.
    fn too_large(&self, data: &[f32], dim: usize) -> Option<(usize, Fault)> {
        if self.embedding.storage == Storage::F32 {
            return None;
        }
        let at = data.iter().position(|&x| !fits_half(x))?;
        let fault = Fault::new(format!(
            "element {} of the vector is {}, too large for `storage = \"f16\"`",
            at % dim + 1,
            data[at]
        ));
        let help =
            "its numbers are within ±65504: store them as \"f32\", or scale all vectors down";
        Some((at, fault.help(help)))
    }

    fn present(&self, dim: usize, data: Vec<f32>, has: Vec<bool>) -> Vectors {
        Vectors::new(dim, data, has, self.embedding.storage, self.embedding.metric)
    }

    /// A table with a column of keys and one of vectors; rows not in it have none.
    fn by_key(
        &self,
        part: &VectorFile,
        path: &Path,
        entity: &Entity,
        complaints: &mut Complaints,
    ) -> Result<Vectors, DataError> {
        let reader = import::open_vectors(path)?;
        let reader = reader.as_ref();
        let config = &self.catalog.entities[part.entity.0 as usize];
        let key = part.key.as_deref().unwrap_or(&config.key);
        let key_at = find(reader, key, "key")?;
        let vector_at = vector_column(reader, part.column.as_deref())?;
        let key_type = match entity.keys {
            Keys::Int { .. } => Type::Int,
            Keys::Word { .. } => Type::String,
        };
        let dim = dimension(reader, vector_at)?;
        let want = |column, ty| Wanted { column, how: How::plain(ty) };
        let wanted = [want(key_at, key_type), want(vector_at, Type::Vector(dim))];
        let (mut table, read) = import::read_all(reader, &wanted)?;
        let tell = |table: &Table, mut group: Group, complaints: &mut Complaints| {
            group.column.get_or_insert_with(|| key.to_owned());
            let error = table.first(reader, &group);
            match self.embedding.on_error {
                OnError::Error => {
                    let error = table.origin.and_more(error, &group.rows);
                    complaints.errors.push(error.or_help(self.way_out()));
                }
                OnError::Skip | OnError::Null => {
                    self.warn(part, &brief(&error), group.rows.len() as u64, complaints);
                }
            }
            group.rows
        };
        let unread = read.into_iter().flat_map(|g| tell(&table, g, complaints));
        let unread: Vec<u32> = unread.collect();
        table.drop_rows(&unread);
        let names = (config.name.as_str(), reader.found()[vector_at].name.as_str());
        let (keys, vectors) = (&table.columns[0], &table.columns[1]);
        let broken = |vector: &[f32]| self.broken(vector);
        let placed = place(keys, vectors, entity, names, dim as usize, broken);
        for group in placed.faults.in_order() {
            if !(entity.lost && self.embedding.on_error == OnError::Error) {
                tell(&table, group, complaints);
            }
        }
        Ok(self.present(dim as usize, placed.data, placed.has))
    }
}

/// Keys as a column.
fn key_values(keys: Vec<Key>, ty: KeyType) -> Values {
    let mut values = Values::new(&ty.ty());
    for key in keys {
        match (&mut values, key) {
            (Values::Int(all), Key::Int(key)) => all.push(key),
            (Values::Word { codes, words }, Key::Str(key)) => codes.push(words.add(&key)),
            (values, _) => values.push_null(),
        }
    }
    values
}

struct Placed {
    data: Vec<f32>,
    has: Vec<bool>,
    faults: Faults,
}

/// Keys of an entity in a file: an array, or a column of a table.
fn keys_of_file(file: &Path, key: &str, entity: &Entity) -> Result<Values, DataError> {
    let ty = match entity.keys {
        Keys::Int { .. } => KeyType::Int,
        Keys::Word { .. } => KeyType::String,
    };
    match file.extension().is_some_and(|e| e == "npy") {
        true => import::npy_keys(file, ty),
        false => Ok(key_values(read_users(file, key, ty, &|_| None)?.keys, ty)),
    }
}

/// Puts vectors where their keys' rows are. `broken` says what is wrong
/// with one, and the fault is one of the column `vectors`.
fn place(
    keys: &Values,
    vectors: &Values,
    entity: &Entity,
    (name, column): (&str, &str),
    dim: usize,
    broken: impl Fn(&[f32]) -> Option<Fault>,
) -> Placed {
    let rows = entity.keys.rows_of(keys);
    let count = entity.rows();
    let mut placed =
        Placed { data: vec![0.0; count * dim], has: vec![false; count], faults: Faults::default() };
    let Values::Vector { data, present, .. } = vectors else {
        return placed;
    };
    for (at, &row) in rows.iter().enumerate() {
        let r = row as usize;
        let shown = || super::entities::shown(keys, at);
        // of a kind each, so that they are told apart
        let fault = match row {
            NULL_CODE => Some((Kind::Row, "the key is null".to_owned())),
            DANGLING => Some((Kind::Value, format!("no {name} has the key {}", shown()))),
            _ if placed.has[r] => {
                Some((Kind::Range, format!("the key {} has a vector already", shown())))
            }
            _ => None,
        };
        let vector = &data[at * dim..][..dim];
        if let Some((kind, message)) = fault {
            placed.faults.push(at, None, Fault::new(message).kind(kind));
        } else if let Some(fault) = broken(vector).filter(|_| present[at]) {
            placed.faults.push(at, Some(column), fault);
        } else if present[at] {
            placed.data[r * dim..][..dim].copy_from_slice(vector);
            placed.has[r] = true;
        }
    }
    placed
}

fn find(reader: &dyn Reader, column: &str, role: &str) -> Result<usize, DataError> {
    let found = reader.found();
    found.iter().position(|f| f.name == column).ok_or_else(|| {
        let names: Vec<&str> = found.iter().map(|f| f.name.as_str()).collect();
        let file = &reader.files()[0].path;
        let error = DataError::new(file, format!("has no column `{column}` for the {role}"));
        error.help(format!(
            "its columns are `{}`; `{role} = \"COLUMN\"` names another",
            names.join("`, `")
        ))
    })
}

/// The column named, else the only one that can hold vectors.
fn vector_column(reader: &dyn Reader, column: Option<&str>) -> Result<usize, DataError> {
    if let Some(column) = column {
        return find(reader, column, "column");
    }
    let vector = |f: &Found| match &f.ty {
        Ok(Type::Vector(_)) => true,
        Ok(Type::List(item)) => item.is_number(),
        _ => false,
    };
    let mut fit = reader.found().iter().enumerate().filter(|(_, f)| vector(f));
    match (fit.next(), fit.next()) {
        (Some((at, _)), None) => Ok(at),
        (first, _) => {
            let how_many = if first.is_some() { "several columns" } else { "no column" };
            let error = DataError::new(
                &reader.files()[0].path,
                format!("{how_many} with lists of numbers"),
            );
            Err(error.help("`column = \"NAME\"` in the embedding names the one with the vectors"))
        }
    }
}

/// The dimension: that of the type, else of the first vector.
fn dimension(reader: &dyn Reader, column: usize) -> Result<u32, DataError> {
    let found = &reader.found()[column];
    let error =
        |message: String| DataError::new(&reader.files()[0].path, message).column(&found.name);
    match &found.ty {
        Ok(Type::Vector(dim)) => Ok(*dim),
        Ok(Type::List(item)) if item.is_number() => {
            let how = How::plain(Type::List(Box::new(Type::Float)));
            let first = reader.read(&[Wanted { column, how }])?.columns.pop();
            let length = match &first {
                Some(Values::List { slots, .. }) => {
                    slots.iter().find(|s| s[0] != NULL_CODE).map(|s| s[1])
                }
                _ => None,
            };
            length
                .filter(|n| *n > 0)
                .ok_or_else(|| error("has no vector to tell the dimension by".to_owned()))
        }
        Ok(other) => Err(error(format!("expected vectors, the column is {}", name(other)))),
        Err(other) => Err(error(format!("expected vectors, the column is {other}"))),
    }
}
