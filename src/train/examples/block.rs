//! Successive examples with their features.

use super::table::Table;
use crate::batch::Column;
use crate::check::trained::{Ids, Inputs};
use crate::engine::parts;
use crate::expr::read;
use crate::expr::run::Run;
use crate::learn::net::{self, Part};
use crate::store::learned::{NULL_KEY, int_key, key_of, text_key};
use crate::types::{Key, NULL_BOOL, NULL_CODE, NULL_INT, Type, Value};
use std::ops::Range;

/// Inputs as networks read them: numbers, column by column, and keys.
pub type Read = (Vec<Vec<f32>>, Vec<net::Keys>);

/// Successive examples.
pub struct Block<'t> {
    pub(super) table: &'t Table<'t>,
    /// The number of the first among the examples of the epoch.
    pub(super) first: usize,
    /// The link that each belongs to.
    pub(super) sources: Vec<u32>,
    pub(super) rows: Vec<u32>,
    /// Where negatives are drawn, which are none.
    pub(super) positive: Option<Vec<bool>>,
    /// By feature.
    pub(super) columns: Vec<Column>,
}

impl Block<'_> {
    /// How many examples it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The number of its first example.
    pub fn first(&self) -> usize {
        self.first
    }

    fn of_sources<T>(&self, value: impl Fn(usize) -> T) -> Vec<T> {
        self.sources.iter().map(|&source| value(source as usize)).collect()
    }

    /// The row of each example in the table of the viewer.
    pub fn viewers(&self) -> Vec<u32> {
        self.of_sources(|source| self.table.found.viewers[source])
    }

    /// The row of each example in the table of its entity.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The time of each example: microseconds since 1970.
    pub fn times(&self) -> Vec<i64> {
        self.of_sources(|source| self.table.found.times[source])
    }

    /// What each example is for.
    pub fn parts(&self) -> Vec<Part> {
        self.of_sources(|source| self.table.division.parts[source])
    }

    /// The labels of a head; NaN where an example does not count for it.
    pub fn labels(&self, head: usize) -> Vec<f32> {
        match &self.positive {
            Some(positive) => positive.iter().map(|&is| f32::from(u8::from(is))).collect(),
            None => self.of_sources(|source| self.table.labels[head][source]),
        }
    }

    /// The weight of each example.
    pub fn weights(&self) -> Vec<f32> {
        self.of_sources(|source| self.table.weights.get(source).copied().unwrap_or(1.0))
    }

    /// The numbers of a dense input, NaN for null: durations and ages of times in seconds, true is 1.
    pub fn numbers(&self, dense: usize) -> Vec<f32> {
        numbers(&self.columns[dense], &self.table.features[dense].expr.ty, &self.times())
    }

    /// The keys of a sparse input, [`u64::MAX`] for null, and where those of each example begin if it is one of lists.
    /// A string is its hash; whoever needs the text reads [`Block::values`].
    pub fn keys(&self, sparse: usize) -> (Vec<u64>, Option<Vec<u32>>) {
        let inputs = &self.table.model.inputs;
        let run = self.table.scene.before(0);
        let column = &self.columns[inputs.dense.len() + sparse];
        let found = keys_of(&run, &inputs.sparse[sparse].ids, column);
        (found.keys, found.offsets)
    }

    /// All inputs as networks read them: numbers, those of vectors behind them, and keys.
    pub fn inputs(&self) -> Read {
        let run = self.table.scene.before(0);
        read_inputs(&run, &self.table.model.inputs, &self.columns, &self.times())
    }

    /// All of it as networks read it.
    pub fn plain(&self) -> net::Block {
        let model = &self.table.model;
        let (dense, sparse) = self.inputs();
        net::Block {
            dense,
            sparse,
            shown: (0..model.inputs.shown.len()).map(|place| self.shown(place)).collect(),
            labels: (0..model.heads.len()).map(|head| self.labels(head)).collect(),
            weights: self.weights(),
            parts: self.parts(),
            viewers: self.viewers(),
        }
    }

    /// Some of its examples.
    pub fn part(&self, range: Range<usize>) -> Self {
        let places: Vec<u32> = (range.start as u32..range.end as u32).collect();
        Block {
            table: self.table,
            first: self.first + range.start,
            sources: self.sources[range.clone()].to_vec(),
            rows: self.rows[range.clone()].to_vec(),
            positive: self.positive.as_ref().map(|positive| positive[range].to_vec()),
            columns: self.columns.iter().map(|column| column.gather(&places)).collect(),
        }
    }

    /// What a shown input was for each example, [`u64::MAX`] for null; ints above 50 are 50.
    pub fn shown(&self, shown: usize) -> Vec<u64> {
        let place = self.table.model.inputs.context.len() + shown;
        let run = self.table.scene.before(0);
        let input = &self.table.model.inputs.shown[shown];
        let all = self.table.found.columns[place].gather(&self.sources);
        let keys = keys(&run, &all, &input.expr.ty);
        match input.expr.ty {
            Type::Int => keys
                .into_iter()
                .map(|key| if key != NULL_KEY && key as i64 > 50 { 50 } else { key })
                .collect(),
            _ => keys,
        }
    }

    /// Every example as values, under [`Table::header`]: the keys of the viewer and of the row, time and part,
    /// features, what was shown, labels (null where an example does not count), weight.
    pub fn values(&self) -> Vec<Vec<Value>> {
        let (model, schema) = (&self.table.model, self.table.scene.snapshot.schema());
        let run = self.table.scene.before(0);
        let all = 0..self.len();
        let typed = |column: &Column, ty: &Type| read::values(&run, column, ty, all.clone());
        let floats = |values: Vec<f32>| -> Vec<Value> {
            let value = |x: f32| if x.is_nan() { Value::Null } else { Value::Float(f64::from(x)) };
            values.into_iter().map(value).collect()
        };
        let mut columns = vec![
            typed(&Column::Code(self.viewers()), &Type::Id(schema.viewer)),
            typed(&Column::Code(self.rows.clone()), &Type::Id(model.entity)),
            self.times().into_iter().map(Value::Time).collect(),
            self.parts().into_iter().map(|part| Value::Str(part.name().to_owned())).collect(),
        ];
        let dense = model.inputs.dense.len();
        for (place, feature) in self.table.features.iter().enumerate() {
            columns.push(match (place < dense, feature.buckets) {
                (true, _) => floats(self.numbers(place)),
                (false, Some(_)) => {
                    let (keys, _) = self.keys(place - dense);
                    let value =
                        |key| if key == NULL_KEY { Value::Null } else { Value::Int(key as i64) };
                    keys.into_iter().map(value).collect()
                }
                (false, None) => typed(&self.columns[place], &feature.expr.ty),
            });
        }
        for (place, shown) in model.inputs.shown.iter().enumerate() {
            let column = &self.table.found.columns[model.inputs.context.len() + place];
            columns.push(typed(&column.gather(&self.sources), &shown.expr.ty));
        }
        columns.extend((0..model.heads.len()).map(|head| floats(self.labels(head))));
        columns.push(floats(self.weights()));
        let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
        let row =
            |_| columns.iter_mut().map(|column| column.next().unwrap_or(Value::Null)).collect();
        all.clone().map(row).collect()
    }
}

/// Numbers of a column, NaN for null. A time is its age at the time of the example, in seconds, as a duration is.
pub(super) fn numbers(column: &Column, ty: &Type, times: &[i64]) -> Vec<f32> {
    const SECOND: f64 = 1e6;
    let known = |x: i64| x != NULL_INT;
    match (column, ty) {
        (Column::I64(v), Type::Time) => {
            let age = |(&x, &now): (&i64, &i64)| match known(x) {
                true => (now.saturating_sub(x) as f64 / SECOND) as f32,
                false => f32::NAN,
            };
            v.iter().zip(times).map(age).collect()
        }
        (Column::I64(v), ty) => {
            let unit = if *ty == Type::Duration { SECOND } else { 1.0 };
            v.iter().map(|&x| if known(x) { (x as f64 / unit) as f32 } else { f32::NAN }).collect()
        }
        // what a float of 32 bits cannot hold is null
        (Column::F64(v), _) => v
            .iter()
            .map(|&x| Some(x as f32).filter(|x| x.is_finite()).unwrap_or(f32::NAN))
            .collect(),
        (Column::Bool(v), _) => {
            v.iter().map(|&x| if x == NULL_BOOL { f32::NAN } else { f32::from(x) }).collect()
        }
        _ => vec![f32::NAN; column.len()],
    }
}

/// Inputs as networks read them, from the columns of their expressions at some times: numbers, behind them those of
/// vectors, and keys.
pub(super) fn read_inputs(run: &Run, inputs: &Inputs, columns: &[Column], times: &[i64]) -> Read {
    let (dense, rest) = columns.split_at(inputs.dense.len());
    let (sparse, vectors) = rest.split_at(inputs.sparse.len());
    let given = inputs.dense.iter().zip(dense);
    let given = given.map(|(input, column)| numbers(column, &input.expr.ty, times));
    let of_vectors = inputs.vectors.iter().zip(vectors);
    let of_vectors = of_vectors.flat_map(|((_, expr), c)| parts(c, expr.ty.numbers()));
    let keys = inputs.sparse.iter().zip(sparse);
    let keys = keys.map(|(input, column)| keys_of(run, &input.ids, column));
    (given.chain(of_vectors).collect(), keys.collect())
}

/// The keys of a sparse input, [`NULL_KEY`] for null.
fn keys_of(run: &Run, ids: &Ids, column: &Column) -> net::Keys {
    let own = |key: u64| match ids {
        Ids::Hashed(_, buckets) if key != NULL_KEY => key % u64::from(*buckets),
        _ => key,
    };
    match (column, &ids.expr().ty) {
        (Column::List { slots, items }, Type::List(item)) => {
            let all = keys(run, items, item);
            let (mut found, mut offsets) = (Vec::new(), vec![0]);
            for &[start, len] in slots {
                if start != NULL_CODE {
                    let range = start as usize..(start + len) as usize;
                    found.extend(all[range].iter().map(|&key| own(key)));
                }
                offsets.push(found.len() as u32);
            }
            net::Keys { keys: found, offsets: Some(offsets) }
        }
        (column, ty) => {
            let keys = keys(run, column, ty).into_iter().map(own).collect();
            net::Keys { keys, offsets: None }
        }
    }
}

/// Values as keys of 64 bits.
fn keys(run: &Run, column: &Column, ty: &Type) -> Vec<u64> {
    match (column, ty) {
        (Column::I64(v), _) => {
            v.iter().map(|&x| if x == NULL_INT { NULL_KEY } else { int_key(x) }).collect()
        }
        (Column::Bool(v), _) => {
            v.iter().map(|&x| if x == NULL_BOOL { NULL_KEY } else { u64::from(x) }).collect()
        }
        (Column::Code(ids), Type::Id(entity)) => {
            let key = |key: Option<Key>| key.map_or(NULL_KEY, |key| key_of(&key));
            run.keys.keys(*entity, ids).into_iter().map(key).collect()
        }
        (Column::Code(codes), _) => codes
            .iter()
            .map(|&code| run.texts.get(code).map_or(NULL_KEY, |t| text_key(&t)))
            .collect(),
        _ => vec![NULL_KEY; column.len()],
    }
}
