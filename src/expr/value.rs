//! What an expression evaluates to: one value for all rows, or a value per row.

use crate::batch::{Column, ColumnView, Slot};
use crate::types::{EntityId, Floats, Key, NULL_BOOL, NULL_CODE, NULL_FLOAT, NULL_INT, Type};
use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

/// A constant as the evaluator wants it. Strings and keys that the snapshot knows are codes.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    Null,
    /// `int`, `time`, `duration`.
    I64(i64),
    F64(f64),
    Bool(bool),
    /// A string or id of the snapshot.
    Code(u32),
    /// A string that the snapshot does not hold.
    Text(Arc<str>),
    /// A key that the entity does not hold.
    Key(EntityId, Key),
    Vector(Arc<[f32]>),
}

/// Floats are told apart by their bits.
impl Hash for Scalar {
    fn hash<H: Hasher>(&self, to: &mut H) {
        std::mem::discriminant(self).hash(to);
        match self {
            Scalar::Null => {}
            Scalar::I64(value) => value.hash(to),
            Scalar::F64(value) => value.to_bits().hash(to),
            Scalar::Bool(value) => value.hash(to),
            Scalar::Code(code) => code.hash(to),
            Scalar::Text(text) => text.hash(to),
            Scalar::Key(entity, key) => (entity, key).hash(to),
            Scalar::Vector(values) => values.iter().for_each(|value| value.to_bits().hash(to)),
        }
    }
}

/// One value for all rows, or one per row.
#[derive(Clone, Debug)]
pub enum Arg<'a, T: Copy> {
    One(T),
    Many(Cow<'a, [T]>),
}

impl<T: Copy> Arg<'_, T> {
    /// The value of row `i`.
    #[inline]
    pub fn get(&self, i: usize) -> T {
        match self {
            Arg::One(v) => *v,
            Arg::Many(v) => v[i],
        }
    }

    /// The same values, borrowed.
    fn view(&self) -> Arg<'_, T> {
        match self {
            Arg::One(v) => Arg::One(*v),
            Arg::Many(v) => Arg::Many(Cow::Borrowed(v)),
        }
    }

    /// One value per row.
    pub fn spread(self, n: usize) -> Vec<T> {
        match self {
            Arg::One(v) => vec![v; n],
            Arg::Many(v) => v.into_owned(),
        }
    }

    /// The values at `rows`; rows past the end give `null`.
    fn pick(&self, rows: &[u32], null: T) -> Arg<'static, T> {
        match self {
            Arg::One(v) => Arg::One(*v),
            Arg::Many(v) => Arg::Many(
                rows.iter().map(|&r| v.get(r as usize).copied().unwrap_or(null)).collect(),
            ),
        }
    }

    /// Without the borrow.
    fn owned(self) -> Arg<'static, T> {
        match self {
            Arg::One(v) => Arg::One(v),
            Arg::Many(v) => Arg::Many(Cow::Owned(v.into_owned())),
        }
    }
}

impl<'a, T: Copy> Arg<'a, T> {
    /// The values of rows that stand together.
    fn slice(&self, rows: Range<usize>) -> Arg<'a, T> {
        match self {
            Arg::One(v) => Arg::One(*v),
            Arg::Many(Cow::Borrowed(v)) => Arg::Many(Cow::Borrowed(&v[rows])),
            Arg::Many(Cow::Owned(v)) => Arg::Many(Cow::Owned(v[rows].to_vec())),
        }
    }
}

/// The elements that list slots point into.
#[derive(Clone, Debug)]
pub enum Items<'a> {
    Stored(ColumnView<'a>),
    Made(Arc<Column>),
}

impl Items<'_> {
    /// All of them, as values: lists hold neither lists nor vectors.
    pub fn values(&self) -> Val<'_> {
        match self {
            Items::Made(column) => Val::borrow(column),
            Items::Stored(ColumnView::I64(v)) => Val::I64(Arg::Many(Cow::Borrowed(v))),
            Items::Stored(ColumnView::F64(v)) => Val::F64(Arg::Many(Cow::Borrowed(v))),
            Items::Stored(ColumnView::Bool(v)) => Val::Bool(Arg::Many(Cow::Borrowed(v))),
            Items::Stored(ColumnView::Code(v)) => Val::Code(Arg::Many(Cow::Borrowed(v))),
            Items::Stored(_) => Val::null(&Type::Null),
        }
    }
}

/// The numbers that vector slots point into.
#[derive(Clone, Debug)]
pub enum Numbers<'a> {
    Stored(Floats<'a>),
    Made(Arc<Vec<f32>>),
}

impl Numbers<'_> {
    fn floats(&self) -> Floats<'_> {
        match self {
            Numbers::Stored(v) => *v,
            Numbers::Made(v) => Floats::Single(v),
        }
    }

    /// The vector at a slot; a null slot has none.
    pub fn at(&self, slot: Slot) -> Option<Floats<'_>> {
        let start = slot[0] as usize * slot[1] as usize;
        if slot[0] == NULL_CODE { None } else { self.floats().get(start..start + slot[1] as usize) }
    }
}

/// A typed bundle of values; the static type says how to read it (see [`Column`]). The slot of a
/// vector is its number and its dimension.
#[derive(Clone, Debug)]
pub enum Val<'a> {
    I64(Arg<'a, i64>),
    F64(Arg<'a, f64>),
    Bool(Arg<'a, u8>),
    Code(Arg<'a, u32>),
    List(Arg<'a, Slot>, Items<'a>),
    Vector(Arg<'a, Slot>, Numbers<'a>),
}

const NULL_SLOT: Slot = [NULL_CODE, 0];

impl<'a> Val<'a> {
    /// The null of a type.
    pub fn null(ty: &Type) -> Val<'static> {
        match ty {
            Type::Float => Val::F64(Arg::One(NULL_FLOAT)),
            Type::Bool => Val::Bool(Arg::One(NULL_BOOL)),
            Type::String | Type::Id(_) => Val::Code(Arg::One(NULL_CODE)),
            Type::List(_) => {
                Val::List(Arg::One(NULL_SLOT), Items::Made(Arc::new(Column::I64(Vec::new()))))
            }
            Type::Vector(_) => Val::Vector(Arg::One(NULL_SLOT), Numbers::Made(Arc::default())),
            _ => Val::I64(Arg::One(NULL_INT)),
        }
    }

    /// Borrows a column made earlier.
    pub fn borrow(column: &'a Column) -> Val<'a> {
        match column {
            Column::I64(v) => Val::I64(Arg::Many(Cow::Borrowed(v))),
            Column::F64(v) => Val::F64(Arg::Many(Cow::Borrowed(v))),
            Column::Bool(v) => Val::Bool(Arg::Many(Cow::Borrowed(v))),
            Column::Code(v) => Val::Code(Arg::Many(Cow::Borrowed(v))),
            Column::List { slots, items } => {
                Val::List(Arg::Many(Cow::Borrowed(slots)), Items::Made(items.clone()))
            }
            Column::Vector { slots, items } => {
                Val::Vector(Arg::Many(Cow::Borrowed(slots)), Numbers::Made(items.clone()))
            }
        }
    }

    /// The values of a stored column at `rows`; rows past the end, [`NULL_CODE`] too, give null.
    pub fn read(column: ColumnView<'a>, rows: &Arg<u32>) -> Val<'a> {
        fn at<'b, T: Copy>(values: &[T], rows: &Arg<u32>, null: T) -> Arg<'b, T> {
            let get = |r: u32| values.get(r as usize).copied().unwrap_or(null);
            match rows {
                Arg::One(r) => Arg::One(get(*r)),
                Arg::Many(rows) => Arg::Many(rows.iter().map(|&r| get(r)).collect()),
            }
        }
        match column {
            ColumnView::I64(v) => Val::I64(at(v, rows, NULL_INT)),
            ColumnView::F64(v) => Val::F64(at(v, rows, NULL_FLOAT)),
            ColumnView::Bool(v) => Val::Bool(at(v, rows, NULL_BOOL)),
            ColumnView::Code(v) => Val::Code(at(v, rows, NULL_CODE)),
            ColumnView::List { slots, items } => {
                Val::List(at(slots, rows, NULL_SLOT), Items::Stored(*items))
            }
            ColumnView::Vector { dim, data, present } => {
                let slot = |r: u32| vector_slot(r, dim, data.len(), present);
                let slots = match rows {
                    Arg::One(r) => Arg::One(slot(*r)),
                    Arg::Many(rows) => Arg::Many(rows.iter().map(|&r| slot(r)).collect()),
                };
                Val::Vector(slots, Numbers::Stored(data))
            }
        }
    }

    /// The same values, borrowed.
    pub fn view(&self) -> Val<'_> {
        match self {
            Val::I64(v) => Val::I64(v.view()),
            Val::F64(v) => Val::F64(v.view()),
            Val::Bool(v) => Val::Bool(v.view()),
            Val::Code(v) => Val::Code(v.view()),
            Val::List(v, items) => Val::List(v.view(), items.clone()),
            Val::Vector(v, items) => Val::Vector(v.view(), items.clone()),
        }
    }

    /// The values at `rows` of this one.
    pub fn pick(&self, rows: &[u32]) -> Val<'a> {
        match self {
            Val::I64(v) => Val::I64(v.pick(rows, NULL_INT)),
            Val::F64(v) => Val::F64(v.pick(rows, NULL_FLOAT)),
            Val::Bool(v) => Val::Bool(v.pick(rows, NULL_BOOL)),
            Val::Code(v) => Val::Code(v.pick(rows, NULL_CODE)),
            Val::List(v, items) => Val::List(v.pick(rows, NULL_SLOT), items.clone()),
            Val::Vector(v, items) => Val::Vector(v.pick(rows, NULL_SLOT), items.clone()),
        }
    }

    /// The values of rows that stand together.
    pub fn slice(&self, rows: Range<usize>) -> Val<'a> {
        match self {
            Val::I64(v) => Val::I64(v.slice(rows)),
            Val::F64(v) => Val::F64(v.slice(rows)),
            Val::Bool(v) => Val::Bool(v.slice(rows)),
            Val::Code(v) => Val::Code(v.slice(rows)),
            Val::List(v, items) => Val::List(v.slice(rows), items.clone()),
            Val::Vector(v, items) => Val::Vector(v.slice(rows), items.clone()),
        }
    }

    /// Numbers as floats: ints widen.
    pub fn floats(self) -> Arg<'a, f64> {
        match self {
            Val::F64(v) => v,
            Val::I64(Arg::One(v)) => Arg::One(widen(v)),
            Val::I64(Arg::Many(v)) => Arg::Many(v.iter().map(|&x| widen(x)).collect()),
            _ => Arg::One(NULL_FLOAT),
        }
    }

    pub fn ints(self) -> Arg<'a, i64> {
        match self {
            Val::I64(v) => v,
            _ => Arg::One(NULL_INT),
        }
    }

    pub fn bools(self) -> Arg<'a, u8> {
        match self {
            Val::Bool(v) => v,
            _ => Arg::One(NULL_BOOL),
        }
    }

    pub fn codes(self) -> Arg<'a, u32> {
        match self {
            Val::Code(v) => v,
            _ => Arg::One(NULL_CODE),
        }
    }

    /// A column of `n` rows.
    pub fn into_column(self, n: usize) -> Column {
        match self {
            Val::I64(v) => Column::I64(v.spread(n)),
            Val::F64(v) => Column::F64(v.spread(n)),
            Val::Bool(v) => Column::Bool(v.spread(n)),
            Val::Code(v) => Column::Code(v.spread(n)),
            Val::List(v, items) => list_column(v.spread(n), items),
            Val::Vector(v, numbers) => vector_column(v.spread(n), numbers),
        }
    }

    /// Without the borrow.
    pub fn owned(self, n: usize) -> Val<'static> {
        match self {
            Val::I64(v) => Val::I64(v.owned()),
            Val::F64(v) => Val::F64(v.owned()),
            Val::Bool(v) => Val::Bool(v.owned()),
            Val::Code(v) => Val::Code(v.owned()),
            Val::List(..) | Val::Vector(..) => from_column(self.into_column(n)),
        }
    }
}

/// A value per row from a column that is given away.
pub fn from_column(column: Column) -> Val<'static> {
    match column {
        Column::I64(v) => Val::I64(Arg::Many(Cow::Owned(v))),
        Column::F64(v) => Val::F64(Arg::Many(Cow::Owned(v))),
        Column::Bool(v) => Val::Bool(Arg::Many(Cow::Owned(v))),
        Column::Code(v) => Val::Code(Arg::Many(Cow::Owned(v))),
        Column::List { slots, items } => {
            Val::List(Arg::Many(Cow::Owned(slots)), Items::Made(items))
        }
        Column::Vector { slots, items } => {
            Val::Vector(Arg::Many(Cow::Owned(slots)), Numbers::Made(items))
        }
    }
}

/// An int as a float; null stays null.
#[inline]
pub fn widen(v: i64) -> f64 {
    if v == NULL_INT { NULL_FLOAT } else { v as f64 }
}

/// A scalar whose strings and keys are codes already.
pub fn scalar(value: &Scalar, ty: &Type) -> Val<'static> {
    match value {
        Scalar::I64(v) => Val::I64(Arg::One(*v)),
        Scalar::F64(v) => Val::F64(Arg::One(*v)),
        Scalar::Bool(v) => Val::Bool(Arg::One(u8::from(*v))),
        Scalar::Code(v) => Val::Code(Arg::One(*v)),
        Scalar::Vector(v) => {
            Val::Vector(Arg::One([0, v.len() as u32]), Numbers::Made(Arc::new(v.to_vec())))
        }
        _ => Val::null(ty),
    }
}

fn vector_slot(row: u32, dim: usize, numbers: usize, present: Option<&[u64]>) -> Slot {
    let inside = (row as usize + 1) * dim <= numbers && row != NULL_CODE;
    let has = present
        .is_none_or(|bits| bits.get(row as usize / 64).is_some_and(|w| w >> (row % 64) & 1 == 1));
    if inside && has { [row, dim as u32] } else { NULL_SLOT }
}

/// Copies the elements that the slots use, so that nothing of the snapshot is held.
fn list_column(slots: Vec<Slot>, items: Items) -> Column {
    let items = match items {
        Items::Made(items) => return Column::List { slots, items },
        Items::Stored(view) => view,
    };
    let mut rows = Vec::new();
    let mut fresh = Vec::with_capacity(slots.len());
    for slot in slots {
        if slot[0] == NULL_CODE {
            fresh.push(NULL_SLOT);
            continue;
        }
        fresh.push([rows.len() as u32, slot[1]]);
        rows.extend(slot[0]..slot[0] + slot[1]);
    }
    let n = rows.len();
    let items = Val::read(items, &Arg::Many(Cow::Owned(rows))).into_column(n);
    Column::List { slots: fresh, items: Arc::new(items) }
}

fn vector_column(slots: Vec<Slot>, numbers: Numbers) -> Column {
    let stored = match numbers {
        Numbers::Made(items) => return Column::Vector { slots, items },
        stored => stored,
    };
    let (mut made, mut room) = (Vec::new(), Vec::new());
    let mut fresh = Vec::with_capacity(slots.len());
    for slot in slots {
        match stored.at(slot) {
            None => fresh.push(NULL_SLOT),
            Some(v) => {
                fresh.push([(made.len() / v.len().max(1)) as u32, slot[1]]);
                made.extend_from_slice(v.decode(&mut room));
            }
        }
    }
    Column::Vector { slots: fresh, items: Arc::new(made) }
}
