//! Writing what was read, and the schema of it.

use super::csr::{Csr, latest};
use super::edges::Edge;
use super::entities::{Column, Entity};
use super::pool::Pool;
use super::stats;
use crate::catalog::DataError;
use crate::catalog::config::{self, Catalog, EdgeTime};
use crate::catalog::degrees::Degrees;
use crate::catalog::schema::{self, KeyType, Stats, Storage};
use crate::store::import::Values;
use crate::store::layout::{
    AdjacencyLayout, ColumnLayout, EdgeLayout, EntityLayout, Strings, VectorLayout,
};
use crate::store::vectors::Vectors;
use crate::store::write::Writer;
use crate::types::{EntityId, Floats, Type};

/// A place to write to, with the strings that codes refer to.
pub struct Emit<'a> {
    pub writer: &'a mut Writer,
    pub pool: &'a Pool,
}

/// Where two entities' times are needed: for the largest time of an adjacency.
pub type Times<'a> = &'a [Option<Vec<i64>>];

impl Emit<'_> {
    pub fn strings(&mut self) -> Result<Strings, DataError> {
        Ok(Strings {
            ends: self.writer.put(self.pool.ends())?,
            bytes: self.writer.put(self.pool.bytes())?,
        })
    }

    fn values(&mut self, values: &Values) -> Result<ColumnLayout, DataError> {
        Ok(match values {
            Values::Int(v) => ColumnLayout::I64(self.writer.put(v)?),
            Values::Float(v) => ColumnLayout::F64(self.writer.put(v)?),
            Values::Bool(v) => ColumnLayout::Bool(self.writer.put(v)?),
            Values::Row(v) => ColumnLayout::Code(self.writer.put(v)?),
            Values::Word { codes, words } => {
                ColumnLayout::Code(self.writer.put(&self.pool.codes(codes, words))?)
            }
            Values::List { slots, items } => ColumnLayout::List {
                slots: self.writer.put(slots)?,
                items: Box::new(self.values(items)?),
            },
            Values::Vector { dim, data, present } => {
                let bits: Vec<u64> = present.chunks(64).map(bits).collect();
                let present = present.contains(&false).then_some(&bits[..]);
                ColumnLayout::Vector(self.vectors(*dim, Floats::Single(data), present)?)
            }
        })
    }

    fn vectors(
        &mut self,
        dim: usize,
        data: Floats,
        present: Option<&[u64]>,
    ) -> Result<VectorLayout, DataError> {
        Ok(VectorLayout {
            dim,
            storage: match data {
                Floats::Single(_) => Storage::F32,
                Floats::Half(_) => Storage::F16,
            },
            data: match data {
                Floats::Single(values) => self.writer.put(values)?,
                Floats::Half(values) => self.writer.put(values)?,
            },
            present: self.writer.put_some(present)?,
        })
    }

    pub fn embedding(&mut self, parts: &[Vectors]) -> Result<Vec<VectorLayout>, DataError> {
        parts.iter().map(|v| self.vectors(v.dim, v.data.floats(), v.present.as_deref())).collect()
    }

    fn columns(&mut self, columns: &[Column]) -> Result<Vec<ColumnLayout>, DataError> {
        columns.iter().map(|c| self.values(&c.values)).collect()
    }

    /// Writes an entity and the reverse of its references.
    pub fn entity(
        &mut self,
        catalog: &Catalog,
        id: usize,
        entity: Entity,
        rows: &[u32],
        times: Times<'_>,
    ) -> Result<(EntityLayout, schema::Entity), DataError> {
        let config = &catalog.entities[id];
        let mut described = self.entity_schema(config, id, &entity);
        let mut layouts = vec![ColumnLayout::Key];
        layouts.extend(self.columns(&entity.columns)?);
        let mut referrers = Vec::new();
        for reference in &mut described.references {
            let Values::Row(target) = &entity.columns[reference.column - 1].values else {
                continue;
            };
            let (layout, degrees) = self.referrers(
                rows[reference.entity.0 as usize],
                target,
                reference.entity,
                id,
                times,
            )?;
            reference.degrees = degrees;
            referrers.push(layout);
        }
        let (keys, by_key) = self.keys(&entity)?;
        Ok((EntityLayout { keys, by_key, columns: layouts, referrers }, described))
    }

    fn keys(&mut self, entity: &Entity) -> Result<(usize, Option<usize>), DataError> {
        let codes = match &entity.keys {
            super::keys::Keys::Int { keys, .. } => {
                let buffer = self.writer.put(keys)?;
                return Ok((buffer, self.writer.put_some(entity.keys.sorted(&[]).as_deref())?));
            }
            super::keys::Keys::Word { codes, words, .. } => self.pool.codes(codes, words),
        };
        let buffer = self.writer.put(&codes)?;
        Ok((buffer, self.writer.put_some(entity.keys.sorted(&codes).as_deref())?))
    }

    fn entity_schema(&self, config: &config::Entity, id: usize, entity: &Entity) -> schema::Entity {
        let key_type = match entity.keys {
            super::keys::Keys::Int { .. } => KeyType::Int,
            super::keys::Keys::Word { .. } => KeyType::String,
        };
        let key = schema::Column {
            name: config.key.clone(),
            ty: Type::Id(EntityId(id as u16)),
            stats: Stats::default(),
            fixed: true,
        };
        let is_fixed = |name: &str| {
            let told = config.table.as_ref().and_then(|table| table.column(name));
            told.is_some_and(|column| column.fixed)
        };
        let column =
            |column: &Column| schema::Column { fixed: is_fixed(&column.name), ..described(column) };
        let position = |name: &str| entity.position(name).map_or(0, |p| p + 1);
        let reference = |r: &config::Reference| schema::Reference {
            name: r.name.clone(),
            column: position(&r.column),
            entity: r.entity,
            degrees: Degrees::default(),
        };
        schema::Entity {
            name: config.name.clone(),
            key: config.key.clone(),
            key_type,
            rows: entity.rows() as u32,
            columns: std::iter::once(key).chain(entity.columns.iter().map(column)).collect(),
            references: config.references.iter().map(reference).collect(),
            time: config.time.as_deref().map(position),
        }
    }

    /// The reverse of a reference: `target` has the row referred to, per row of entity `holder`.
    fn referrers(
        &mut self,
        rows: u32,
        target: &[u32],
        to: EntityId,
        holder: usize,
        times: Times<'_>,
    ) -> Result<(AdjacencyLayout, Degrees), DataError> {
        let holders: Vec<u32> = (0..target.len() as u32)
            .filter(|r| target[*r as usize] != crate::types::NULL_CODE)
            .collect();
        let known: Vec<u32> = holders.iter().map(|&r| target[r as usize]).collect();
        let of_holder = times[holder].as_deref();
        let time: Option<Vec<i64>> =
            of_holder.map(|t| holders.iter().map(|&r| t[r as usize]).collect());
        let csr = Csr::new(rows as usize, &known, time.as_deref());
        let target_buffer = self.writer.put(&csr.arrange(&holders))?;
        let layout = AdjacencyLayout {
            offsets: self.writer.put(&csr.offsets)?,
            target: target_buffer,
            link: target_buffer,
            time: self.writer.put_some(time.as_ref().map(|t| csr.arrange(t)).as_deref())?,
            weight: None,
            latest: latest(
                time.as_deref(),
                [(&known, times[to.0 as usize].as_deref()), (&[], None)],
            ),
        };
        Ok((layout, Degrees::of(&csr.offsets)))
    }

    /// Writes an edge in both directions.
    pub fn edge(
        &mut self,
        config: &config::Edge,
        edge: &Edge,
        rows: &[u32],
        times: Times<'_>,
    ) -> Result<(EdgeLayout, schema::Edge), DataError> {
        let count = |id: EntityId| rows[id.0 as usize] as usize;
        let time = edge.time.as_deref();
        let (forward, reverse) = rayon::join(
            || Csr::new(count(config.from.entity), &edge.from, time),
            || Csr::new(count(config.to.entity), &edge.to, time),
        );
        let of = |id: EntityId| times[id.0 as usize].as_deref();
        let latest =
            latest(time, [(&edge.from, of(config.from.entity)), (&edge.to, of(config.to.entity))]);
        let layout = EdgeLayout {
            from: self.writer.put(&edge.from)?,
            to: self.writer.put(&edge.to)?,
            columns: self.columns(&edge.columns)?,
            forward: self.adjacency(&forward, &edge.to, edge, latest)?,
            reverse: self.adjacency(&reverse, &edge.from, edge, latest)?,
        };
        let mut described = edge_schema(config, edge);
        described.out_degrees = Degrees::of(&forward.offsets);
        described.in_degrees = Degrees::of(&reverse.offsets);
        Ok((layout, described))
    }

    fn adjacency(
        &mut self,
        csr: &Csr,
        far: &[u32],
        edge: &Edge,
        latest: i64,
    ) -> Result<AdjacencyLayout, DataError> {
        Ok(AdjacencyLayout {
            offsets: self.writer.put(&csr.offsets)?,
            target: self.writer.put(&csr.arrange(far))?,
            link: self.writer.put(&csr.order)?,
            time: self.writer.put_some(edge.time.as_ref().map(|t| csr.arrange(t)).as_deref())?,
            weight: self
                .writer
                .put_some(edge.weight.as_ref().map(|w| csr.arrange(w)).as_deref())?,
            latest,
        })
    }
}

/// Up to 64 flags as the bits of a word, the first the lowest.
fn bits(flags: &[bool]) -> u64 {
    flags.iter().enumerate().fold(0, |bits, (i, flag)| bits | u64::from(*flag) << i)
}

fn described(column: &Column) -> schema::Column {
    schema::Column {
        name: column.name.clone(),
        ty: column.ty.clone(),
        stats: stats::of(&column.values),
        fixed: false,
    }
}

fn edge_schema(config: &config::Edge, edge: &Edge) -> schema::Edge {
    let time_column = match &config.time {
        Some(EdgeTime::Column(c)) => Some(c.clone()),
        _ => None,
    };
    schema::Edge {
        name: config.name.clone(),
        from: config.from.entity,
        to: config.to.entity,
        links: edge.from.len() as u64,
        has_time: edge.time.is_some(),
        has_weight: edge.weight.is_some(),
        from_column: config.from.column.clone(),
        to_column: config.to.column.clone(),
        time_column,
        weight_column: config.weight.clone(),
        columns: edge.columns.iter().map(described).collect(),
        out_degrees: Degrees::default(),
        in_degrees: Degrees::default(),
        weight: edge.weight.as_deref().map(stats::floats).unwrap_or_default(),
        time: edge.time.as_deref().map(stats::ints).unwrap_or_default(),
        learned: false,
        declared: None,
    }
}
