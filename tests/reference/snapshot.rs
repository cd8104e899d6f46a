//! A world read from a snapshot, so that real catalogs can be compared too.

use super::value::{Value, float};
use super::world::{Column, Edge, EdgeLink, Embedding, Entity, Reference, World};
use igql::batch::ColumnView;
use igql::catalog::schema::{self, KeyType, Storage};
use igql::store::Snapshot;
use igql::types::{EdgeId, EntityId, NULL_CODE, NULL_INT, Type};
use std::borrow::Cow;

impl World {
    /// Copies everything out of a snapshot; `prelude` is the text beside its catalog.
    pub fn from_snapshot(snapshot: &Snapshot, prelude: &str) -> World {
        let schema = snapshot.schema();
        let entity = |i: usize| read_entity(snapshot, EntityId(i as u16));
        let edge = |i: usize| read_edge(snapshot, EdgeId(i as u16));
        let embeddings = schema.embeddings.iter().enumerate();
        World {
            entities: (0..schema.entities.len()).map(entity).collect(),
            edges: (0..schema.edges.len()).map(edge).collect(),
            embeddings: embeddings.map(|(i, e)| read_embedding(snapshot, i, e)).collect(),
            viewer: schema.viewer.0 as usize,
            seen: schema.defaults.seen.clone(),
            required_policies: schema.defaults.required_policies.clone(),
            prelude: prelude.to_owned(),
        }
    }
}

fn read_entity(snapshot: &Snapshot, id: EntityId) -> Entity {
    let schema = snapshot.schema().entity(id);
    let column = |(i, c): (usize, &schema::Column)| Column {
        name: c.name.clone(),
        ty: c.ty.clone(),
        values: read_column(snapshot, snapshot.column(id, i), &c.ty, schema.rows as usize),
    };
    let reference = |r: &schema::Reference| Reference {
        name: r.name.clone(),
        column: schema.columns[r.column].name.clone(),
        entity: r.entity.0 as usize,
    };
    Entity {
        name: schema.name.clone(),
        key: schema.key.clone(),
        string_keys: schema.key_type == KeyType::String,
        keys: (0..schema.rows).map(|row| snapshot.key(id, row)).collect(),
        columns: schema.columns.iter().enumerate().skip(1).map(column).collect(),
        references: schema.references.iter().map(reference).collect(),
        time: schema.time.map(|i| schema.columns[i].name.clone()),
        has_table: true,
    }
}

fn read_edge(snapshot: &Snapshot, id: EdgeId) -> Edge {
    let schema = snapshot.schema().edge(id);
    let (from, to) = snapshot.ends(id);
    let columns: Vec<Vec<Value>> = schema
        .columns
        .iter()
        .enumerate()
        .map(|(i, c)| read_column(snapshot, snapshot.link_column(id, i), &c.ty, from.len()))
        .collect();
    let (times, weights) = times_and_weights(snapshot, id, from.len());
    let link = |i: usize| EdgeLink {
        from: from[i],
        to: to[i],
        time: times[i],
        weight: weights[i],
        columns: columns.iter().map(|c| c[i].clone()).collect(),
    };
    let own = |name: &Option<String>, has: bool, built_in: &str| {
        has.then(|| name.clone().unwrap_or_else(|| built_in.to_owned()))
    };
    Edge {
        name: schema.name.clone(),
        from: schema.from.0 as usize,
        to: schema.to.0 as usize,
        from_column: schema.from_column.clone(),
        to_column: schema.to_column.clone(),
        time_column: own(&schema.time_column, schema.has_time, "time"),
        weight_column: own(&schema.weight_column, schema.has_weight, "weight"),
        columns: schema.columns.iter().map(|c| (c.name.clone(), c.ty.clone())).collect(),
        links: (0..from.len()).map(link).collect(),
    }
}

/// Time and weight of each link, in listed order.
fn times_and_weights(
    snapshot: &Snapshot,
    id: EdgeId,
    links: usize,
) -> (Vec<Option<i64>>, Vec<Option<f64>>) {
    let adjacency = snapshot.adjacency(id, false);
    let (mut times, mut weights) = (vec![None; links], vec![None; links]);
    for (place, &link) in adjacency.link.iter().enumerate() {
        times[link as usize] = adjacency.time.map(|t| t[place]).filter(|t| *t != NULL_INT);
        weights[link as usize] = adjacency.weight.map(|w| w[place]).filter(|w| !w.is_nan());
    }
    (times, weights)
}

fn read_embedding(snapshot: &Snapshot, index: usize, schema: &schema::Embedding) -> Embedding {
    let vectors = |entity: EntityId| {
        let view = snapshot.vectors(index, entity).expect("a part of the embedding");
        let rows = 0..snapshot.schema().entity(entity).rows;
        rows.map(|row| view.get(row).map(Cow::into_owned)).collect()
    };
    Embedding {
        name: schema.name.clone(),
        metric: schema.metric,
        halves: schema.storage == Storage::F16,
        spaces: schema.entities.iter().map(|&e| (e.0 as usize, vectors(e))).collect(),
    }
}

fn read_column(snapshot: &Snapshot, view: ColumnView, ty: &Type, rows: usize) -> Vec<Value> {
    (0..rows).map(|row| read_value(snapshot, view, ty, row)).collect()
}

fn read_value(snapshot: &Snapshot, view: ColumnView, ty: &Type, row: usize) -> Value {
    match (view, ty) {
        (ColumnView::I64(v), _) if v[row] == NULL_INT => Value::Null,
        (ColumnView::I64(v), Type::Time) => Value::Time(v[row]),
        (ColumnView::I64(v), Type::Duration) => Value::Duration(v[row]),
        (ColumnView::I64(v), _) => Value::Int(v[row]),
        (ColumnView::F64(v), _) => float(v[row]),
        (ColumnView::Bool(v), _) => match v[row] {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            _ => Value::Null,
        },
        (ColumnView::Code(v), _) if v[row] == NULL_CODE => Value::Null,
        (ColumnView::Code(v), Type::Id(entity)) => Value::Id(entity.0 as usize, v[row]),
        (ColumnView::Code(v), _) => Value::Str(snapshot.string(v[row]).to_owned()),
        (ColumnView::List { slots, items }, Type::List(of)) => match slots[row] {
            [NULL_CODE, _] => Value::Null,
            [start, len] => {
                let range = start as usize..(start + len) as usize;
                Value::List(range.map(|i| read_value(snapshot, *items, of, i)).collect())
            }
        },
        (ColumnView::Vector { dim, data, present }, _) => {
            let has = present.is_none_or(|bits| bits[row / 64] >> (row % 64) & 1 == 1);
            if has {
                let vector = data.get(row * dim..(row + 1) * dim);
                Value::Vector(vector.expect("a vector a row").to_vec())
            } else {
                Value::Null
            }
        }
        (view, ty) => panic!("a column of {ty:?} as {view:?}"),
    }
}
