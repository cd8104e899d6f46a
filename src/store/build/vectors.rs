//! Embeddings: a vector per row of an entity, from .npy files (by row), tables (by key) and
//! .safetensors (by key if there is a tensor of keys, else by row).

use super::entities::Entity;
use super::keys::{DANGLING, Keys};
use super::plan::name;
use crate::catalog::config::{Catalog, Embedding, OnError, VectorFile};
use crate::catalog::schema::{Metric, Storage};
use crate::catalog::{DataError, DataWarning};
use crate::store::import::{
    self, Fault, Faults, Found, How, Npy, Origin, Reader, Table, Tensors, Values, Wanted, brief,
};
use crate::types::{Floats, NULL_CODE, Type, fits_half, to_halves};
use half::f16;
use std::path::Path;

/// The vectors of one entity.
pub struct Vectors {
    pub dim: usize,
    /// `dim` numbers a row; zeros where there is no vector.
    pub data: Stored,
    /// A bit per row, unless all rows have a vector.
    pub present: Option<Vec<u64>>,
    pub missing: u64,
}

/// Numbers in the form in which they are written.
pub enum Stored {
    Single(Vec<f32>),
    Half(Vec<f16>),
}

impl Stored {
    pub fn floats(&self) -> Floats<'_> {
        match self {
            Stored::Single(values) => Floats::Single(values),
            Stored::Half(values) => Floats::Half(values),
        }
    }
}

/// What the files of one embedding are read with.
pub struct Job<'a> {
    pub catalog: &'a Catalog,
    pub folder: &'a Path,
    pub embedding: &'a Embedding,
    pub entities: &'a [Entity],
}

impl Job<'_> {
    /// The vectors of each of its entities, all of one dimension.
    pub fn read(&self, warnings: &mut Vec<DataWarning>) -> Result<Vec<Vectors>, DataError> {
        let mut all: Vec<Vectors> = Vec::new();
        for part in &self.embedding.parts {
            let path = self.folder.join(&part.file);
            let ending = path.extension().and_then(|e| e.to_str());
            let vectors = match ending {
                Some("npy") => self.npy(part, &path)?,
                Some("safetensors") => self.tensors(part, &path, warnings)?,
                _ => self.by_key(part, &path, warnings)?,
            };
            if let Some(first) = all.first().filter(|f| f.dim != vectors.dim) {
                let message = format!(
                    "its vectors have {} numbers, those of the first file {}",
                    vectors.dim, first.dim
                );
                return Err(DataError::new(&path, message)
                    .help("all vectors of an embedding have one dimension"));
            }
            all.push(vectors);
        }
        Ok(all)
    }

    fn entity(&self, part: &VectorFile) -> (&str, &Entity) {
        let id = part.entity.0 as usize;
        (&self.catalog.entities[id].name, &self.entities[id])
    }

    fn npy(&self, part: &VectorFile, path: &Path) -> Result<Vectors, DataError> {
        let npy = Npy::open(path)?;
        self.as_many(part, path, npy.rows)?;
        self.by_row(part, path, npy.dim, npy.read()?)
    }

    fn tensors(
        &self,
        part: &VectorFile,
        path: &Path,
        warnings: &mut Vec<DataWarning>,
    ) -> Result<Vectors, DataError> {
        let tensors = Tensors::open(path)?;
        let key = &self.catalog.entities[part.entity.0 as usize].key;
        if part.key.is_some() || tensors.has(key) {
            return self.by_key(part, path, warnings);
        }
        let column = vector_column(&tensors, part.column.as_deref())?;
        let (dim, data) = tensors.vectors(column)?;
        self.as_many(part, path, data.len() / dim)?;
        self.by_row(part, path, dim, data)
    }

    /// A file by row has as many vectors as the entity's table has rows.
    fn as_many(&self, part: &VectorFile, path: &Path, vectors: usize) -> Result<(), DataError> {
        let (name, entity) = self.entity(part);
        let origin = entity.source.as_ref().map(|(origin, _)| origin);
        let expected = origin.map_or(entity.rows() as u64, Origin::all_rows);
        if vectors as u64 == expected {
            return Ok(());
        }
        let message = format!("has {vectors} vectors, the entity `{name}` has {expected} rows");
        let help = "row i of the file belongs to row i of the table";
        Err(DataError::new(path, message).help(help))
    }

    /// Row `i` of the file belongs to row `i` of the entity's table.
    fn by_row(
        &self,
        part: &VectorFile,
        path: &Path,
        dim: usize,
        mut data: Vec<f32>,
    ) -> Result<Vectors, DataError> {
        if let Some((at, fault)) = self.too_large(&data, dim) {
            let error = DataError::new(path, fault.message).row((at / dim) as u64 + 1);
            return Err(error.maybe_help(fault.help));
        }
        let (_, entity) = self.entity(part);
        let origin = entity.source.as_ref().map(|(origin, _)| origin);
        if let Some(kept) = origin.and_then(|o| o.kept.as_ref()) {
            let rows = kept.iter().flat_map(|&r| &data[r as usize * dim..][..dim]);
            data = rows.copied().collect();
        }
        Ok(self.present(dim, data, vec![true; entity.rows()]))
    }

    /// The place of a number that cannot be stored, and what is wrong with it.
    fn too_large(&self, data: &[f32], dim: usize) -> Option<(usize, Fault)> {
        if self.embedding.storage == Storage::F32 {
            return None;
        }
        let at = data.iter().position(|&x| !fits_half(x))?;
        let fault = Fault {
            message: format!(
                "element {} of the vector is {}, too large for `storage = \"f16\"`",
                at % dim + 1,
                data[at]
            ),
            help: Some(
                "its numbers are within ±65504: store them as \"f32\", or scale all vectors down"
                    .to_owned(),
            ),
        };
        Some((at, fault))
    }

    /// Brings the numbers into their form and marks the rows that have a vector; under cosine a zero vector is none.
    fn present(&self, dim: usize, data: Vec<f32>, mut has: Vec<bool>) -> Vectors {
        let data = match self.embedding.storage {
            Storage::F32 => Stored::Single(data),
            Storage::F16 => Stored::Half(to_halves(&data)),
        };
        if self.embedding.metric == Metric::Cosine {
            let row = |row: usize| data.floats().get(row * dim..(row + 1) * dim);
            let zero = |at: usize| row(at).is_some_and(|v| v.are_zero());
            has.iter_mut()
                .enumerate()
                .for_each(|(row, has)| *has &= !zero(row));
        }
        let missing = has.iter().filter(|h| !**h).count() as u64;
        let word = |w: &[bool]| {
            w.iter()
                .enumerate()
                .fold(0u64, |bits, (i, h)| bits | u64::from(*h) << i)
        };
        let present = (missing > 0).then(|| has.chunks(64).map(word).collect());
        Vectors {
            dim,
            data,
            present,
            missing,
        }
    }

    /// A table with a column of keys and one of vectors; rows not in it have none.
    fn by_key(
        &self,
        part: &VectorFile,
        path: &Path,
        warnings: &mut Vec<DataWarning>,
    ) -> Result<Vectors, DataError> {
        let reader = import::open_vectors(path)?;
        let (entity_name, entity) = self.entity(part);
        let key = part
            .key
            .as_deref()
            .unwrap_or(&self.catalog.entities[part.entity.0 as usize].key);
        let key_at = find(reader.as_ref(), key, "key")?;
        let vector_at = vector_column(reader.as_ref(), part.column.as_deref())?;
        let key_type = if matches!(entity.keys, Keys::Int { .. }) {
            Type::Int
        } else {
            Type::String
        };
        let dim = dimension(reader.as_ref(), vector_at)?;
        let want = |column, ty| Wanted {
            column,
            how: How::plain(ty),
        };
        let wanted = [want(key_at, key_type), want(vector_at, Type::Vector(dim))];
        let table = import::read(reader.as_ref(), &wanted, self.embedding.on_error)?;
        let mut warn = |message: String, count| {
            warnings.push(DataWarning {
                file: part.file.clone(),
                message,
                count,
            })
        };
        if let Some((why, count)) = &table.skipped {
            warn(skipped(*count, why), *count);
        }
        let broken = |vector: &[f32]| Some(self.too_large(vector, vector.len())?.1);
        let vectors = &reader.found()[vector_at].name;
        let placed = place(&table, entity, (entity_name, vectors), dim as usize, broken);
        if let Some((row, column, fault)) = placed.faults.first {
            let error = table
                .origin
                .error(reader.as_ref(), row as usize, fault.message)
                .column(column.as_deref().unwrap_or(key));
            if self.embedding.on_error == OnError::Error {
                let skip = "`on_error = \"skip\"` leaves such vectors out and reports how many";
                return Err(error.help(skip).maybe_help(fault.help));
            }
            let count = placed.faults.rows.len() as u64;
            warn(skipped(count, &brief(&error)), count);
        }
        Ok(self.present(dim as usize, placed.data, placed.has))
    }
}

fn skipped(count: u64, why: &str) -> String {
    format!(
        "{count} {} skipped: {why}",
        if count == 1 { "vector" } else { "vectors" }
    )
}

struct Placed {
    data: Vec<f32>,
    has: Vec<bool>,
    faults: Faults,
}

/// Puts vectors where their keys' rows are. `broken` says what is wrong
/// with one, and the fault is one of the column `vectors`.
fn place(
    table: &Table,
    entity: &Entity,
    (name, vectors): (&str, &str),
    dim: usize,
    broken: impl Fn(&[f32]) -> Option<Fault>,
) -> Placed {
    let rows = entity.keys.rows_of(&table.columns[0]);
    let count = entity.rows();
    let mut placed = Placed {
        data: vec![0.0; count * dim],
        has: vec![false; count],
        faults: Faults::default(),
    };
    let Values::Vector { data, present, .. } = &table.columns[1] else {
        return placed;
    };
    for (at, &row) in rows.iter().enumerate() {
        let r = row as usize;
        let fault = match row {
            NULL_CODE => Some("the key is null".to_owned()),
            DANGLING => Some(format!(
                "no {name} has the key {}",
                super::entities::shown(&table.columns[0], at)
            )),
            _ if placed.has[r] => Some(format!(
                "the key {} has a vector already",
                super::entities::shown(&table.columns[0], at)
            )),
            _ => None,
        };
        let vector = &data[at * dim..][..dim];
        if let Some(message) = fault {
            placed.faults.push(at, None, Fault::new(message));
        } else if let Some(fault) = broken(vector) {
            placed.faults.push(at, Some(vectors), fault);
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
            let how_many = if first.is_some() {
                "several columns"
            } else {
                "no column"
            };
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
        Ok(other) => Err(error(format!(
            "expected vectors, the column is {}",
            name(other)
        ))),
        Err(other) => Err(error(format!("expected vectors, the column is {other}"))),
    }
}
