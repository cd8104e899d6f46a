//! Columns as they are read: growing, with strings numbered per column.

use super::words::Words;
use crate::batch::Slot;
use crate::types::{NULL_BOOL, NULL_CODE, NULL_FLOAT, NULL_INT, Type};

/// A column in memory. Nulls are the sentinels of [`crate::types`].
#[derive(Clone, Debug)]
pub enum Values {
    /// Ints, times and durations.
    Int(Vec<i64>),
    Float(Vec<f64>),
    Bool(Vec<u8>),
    Word {
        codes: Vec<u32>,
        words: Words,
    },
    List {
        slots: Vec<Slot>,
        items: Box<Values>,
    },
    Vector {
        dim: usize,
        data: Vec<f32>,
        present: Vec<bool>,
    },
    /// Rows of an entity, after keys were looked up.
    Row(Vec<u32>),
}

impl Values {
    pub fn new(ty: &Type) -> Values {
        match ty {
            Type::Float => Values::Float(Vec::new()),
            Type::Bool => Values::Bool(Vec::new()),
            Type::String | Type::Null | Type::Error => {
                Values::Word { codes: Vec::new(), words: Words::default() }
            }
            Type::List(item) => {
                Values::List { slots: Vec::new(), items: Box::new(Values::new(item)) }
            }
            Type::Vector(n) => {
                Values::Vector { dim: *n as usize, data: Vec::new(), present: Vec::new() }
            }
            Type::Id(_) => Values::Row(Vec::new()),
            Type::Int | Type::Time | Type::Duration => Values::Int(Vec::new()),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Values::Int(v) => v.len(),
            Values::Float(v) => v.len(),
            Values::Bool(v) => v.len(),
            Values::Word { codes, .. } => codes.len(),
            Values::List { slots, .. } => slots.len(),
            Values::Vector { present, .. } => present.len(),
            Values::Row(v) => v.len(),
        }
    }

    pub fn push_null(&mut self) {
        match self {
            Values::Int(v) => v.push(NULL_INT),
            Values::Float(v) => v.push(NULL_FLOAT),
            Values::Bool(v) => v.push(NULL_BOOL),
            Values::Word { codes, .. } => codes.push(NULL_CODE),
            Values::List { slots, .. } => slots.push([NULL_CODE, 0]),
            Values::Row(v) => v.push(NULL_CODE),
            Values::Vector { dim, data, present } => {
                data.resize(data.len() + *dim, 0.0);
                present.push(false);
            }
        }
    }

    /// Appends a value of a column of the same type.
    pub fn push_of(&mut self, other: &Values, row: usize) {
        match (self, other) {
            (Values::Int(v), Values::Int(w)) => v.push(w[row]),
            (Values::Float(v), Values::Float(w)) => v.push(w[row]),
            (Values::Bool(v), Values::Bool(w)) => v.push(w[row]),
            (Values::Row(v), Values::Row(w)) => v.push(w[row]),
            (Values::Word { codes, words }, Values::Word { codes: from, words: texts })
                if from[row] != NULL_CODE =>
            {
                codes.push(words.add(texts.get(from[row])))
            }
            (Values::List { slots, items }, Values::List { slots: from, items: elements })
                if from[row][0] != NULL_CODE =>
            {
                let [start, length] = from[row];
                slots.push([items.len() as u32, length]);
                (start..start + length).for_each(|at| items.push_of(elements, at as usize));
            }
            (
                Values::Vector { data, present, .. },
                Values::Vector { dim, data: numbers, present: there },
            ) => {
                data.extend_from_slice(&numbers[row * dim..(row + 1) * dim]);
                present.push(there[row]);
            }
            // a null; columns of other types are never read beside each other
            (values, _) => values.push_null(),
        }
    }

    /// Appends the last value so many times more.
    pub fn repeat_last(&mut self, more: usize) {
        fn last<T: Copy>(v: &mut Vec<T>, more: usize) {
            if let Some(&value) = v.last() {
                v.resize(v.len() + more, value);
            }
        }
        match self {
            Values::Int(v) => last(v, more),
            Values::Float(v) => last(v, more),
            Values::Bool(v) => last(v, more),
            Values::Word { codes, .. } => last(codes, more),
            Values::List { slots, .. } => last(slots, more),
            Values::Row(v) => last(v, more),
            Values::Vector { dim, data, present } => {
                let from = data.len().saturating_sub(*dim);
                let vector = data[from..].to_vec();
                (0..more).for_each(|_| data.extend_from_slice(&vector));
                last(present, more);
            }
        }
    }

    pub fn is_null(&self, row: usize) -> bool {
        match self {
            Values::Int(v) => v[row] == NULL_INT,
            Values::Float(v) => v[row].is_nan(),
            Values::Bool(v) => v[row] == NULL_BOOL,
            Values::Word { codes, .. } => codes[row] == NULL_CODE,
            Values::List { slots, .. } => slots[row][0] == NULL_CODE,
            Values::Vector { present, .. } => !present[row],
            Values::Row(v) => v[row] == NULL_CODE,
        }
    }

    /// The rows `rows`, in that order. Elements of lists stay where they are.
    pub fn gather(self, rows: &[u32]) -> Values {
        match self {
            Values::Int(v) => Values::Int(pick(&v, rows)),
            Values::Float(v) => Values::Float(pick(&v, rows)),
            Values::Bool(v) => Values::Bool(pick(&v, rows)),
            Values::Word { codes, words } => Values::Word { codes: pick(&codes, rows), words },
            Values::List { slots, items } => Values::List { slots: pick(&slots, rows), items },
            Values::Row(v) => Values::Row(pick(&v, rows)),
            Values::Vector { dim, data, present } => {
                let take = |r: &u32| data[*r as usize * dim..][..dim].iter().copied();
                let data = rows.iter().flat_map(take).collect();
                Values::Vector { dim, data, present: pick(&present, rows) }
            }
        }
    }
}

fn pick<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|&r| values[r as usize]).collect()
}
