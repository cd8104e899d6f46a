//! From Arrow arrays to columns.

use super::cell::{Cell, Fault, How};
use super::reader::BYTES;
use super::values::Values;
use crate::types::{NULL_CODE, Type};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayAccessor};
use arrow_schema::{DataType, TimeUnit};

/// The type that a column of a data type becomes; an error names a type without a counterpart.
pub fn type_of(ty: &DataType) -> Result<Type, String> {
    match ty {
        t if t.is_integer() => Ok(Type::Int),
        t if t.is_floating() || is_decimal(t) => Ok(Type::Float),
        DataType::Boolean => Ok(Type::Bool),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(Type::String),
        DataType::Null => Ok(Type::Null),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Ok(Type::Time),
        DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_) => Ok(Type::Duration),
        DataType::Dictionary(_, value) => type_of(value),
        DataType::FixedSizeList(item, n) if item.data_type().is_floating() && *n > 0 => {
            Ok(Type::Vector(*n as u32))
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            let ty = Type::List(Box::new(type_of(item.data_type())?));
            match super::limits::depth(&ty) > super::limits::MOST_NESTED {
                true => Err(super::limits::too_deep(super::limits::depth(&ty))),
                false => Ok(ty),
            }
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Err(BYTES.to_owned()),
        other => Err(other.to_string()),
    }
}

/// Whether a type has unsigned numbers that may not fit into 64-bit ints.
pub fn has_unsigned(ty: &DataType) -> bool {
    match ty {
        DataType::UInt64 => true,
        DataType::Dictionary(_, value) => has_unsigned(value),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            has_unsigned(item.data_type())
        }
        _ => false,
    }
}

/// Whether some unsigned numbers of an array do not fit into 64-bit ints.
pub fn too_large(array: &dyn Array) -> bool {
    let Ok(ty) = type_of(array.data_type()) else {
        return false;
    };
    let mut values = Values::new(&ty);
    let mut sink = Sink { values: &mut values, how: &How::plain(ty), faults: Vec::new() };
    sink.array(array);
    !sink.faults.is_empty()
}

/// The type of a column of unsigned numbers of which some do not fit.
pub fn as_text(ty: Type) -> Type {
    match ty {
        Type::List(item) => Type::List(Box::new(as_text(*item))),
        _ => Type::String,
    }
}

fn is_decimal(ty: &DataType) -> bool {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256};
    matches!(ty, Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..))
}

/// Where converted values go. Rows of `faults` count from the start of the array.
pub struct Sink<'v> {
    pub values: &'v mut Values,
    pub how: &'v How,
    pub faults: Vec<(usize, Fault)>,
}

impl Sink<'_> {
    fn push(&mut self, row: usize, cell: Cell<'_>) {
        if let Err(fault) = self.values.push(cell, self.how) {
            self.faults.push((row, fault));
            self.values.push_null();
        }
    }

    /// Appends every row, read by `cell`.
    fn each<A: ArrayAccessor>(&mut self, array: A, cell: impl Fn(A::Item) -> Cell<'static>) {
        for row in 0..array.len() {
            let value = if array.is_null(row) { Cell::Null } else { cell(array.value(row)) };
            self.push(row, value);
        }
    }

    fn strings<'a, A: ArrayAccessor<Item = &'a str>>(&mut self, array: A) {
        for row in 0..array.len() {
            self.push(
                row,
                if array.is_null(row) { Cell::Null } else { Cell::Str(array.value(row)) },
            );
        }
    }

    /// Bytes that were asked for as text.
    fn bytes<'a, A: ArrayAccessor<Item = &'a [u8]>>(&mut self, array: A) {
        for row in 0..array.len() {
            match array.is_null(row) {
                true => self.push(row, Cell::Null),
                false => match std::str::from_utf8(array.value(row)) {
                    Ok(text) => self.push(row, Cell::Str(text)),
                    Err(_) => self.fault(row, Fault::new("its bytes are not UTF-8 text")),
                },
            }
        }
    }

    /// Appends every row of an array.
    pub fn array(&mut self, array: &dyn Array) {
        match array.data_type() {
            t if t.is_integer() => self.integers(array),
            t if t.is_floating() => self.floats(array),
            t if is_decimal(t) => self.decimals(array),
            DataType::Boolean => self.each(array.as_boolean(), Cell::Bool),
            DataType::Utf8 => self.strings(array.as_string::<i32>()),
            DataType::LargeUtf8 => self.strings(array.as_string::<i64>()),
            DataType::Utf8View => self.strings(array.as_string_view()),
            DataType::Dictionary(..) => self.dictionary(array),
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
                self.lists(array);
            }
            DataType::Null => (0..array.len()).for_each(|row| self.push(row, Cell::Null)),
            DataType::Binary => self.bytes(array.as_binary::<i32>()),
            DataType::LargeBinary => self.bytes(array.as_binary::<i64>()),
            DataType::BinaryView => self.bytes(array.as_binary_view()),
            _ => self.temporal(array),
        }
    }

    fn integers(&mut self, array: &dyn Array) {
        match array.data_type() {
            DataType::Int8 => self.each(array.as_primitive::<Int8Type>(), |v| Cell::Int(v.into())),
            DataType::Int16 => {
                self.each(array.as_primitive::<Int16Type>(), |v| Cell::Int(v.into()));
            }
            DataType::Int32 => {
                self.each(array.as_primitive::<Int32Type>(), |v| Cell::Int(v.into()));
            }
            DataType::UInt8 => {
                self.each(array.as_primitive::<UInt8Type>(), |v| Cell::Int(v.into()));
            }
            DataType::UInt16 => {
                self.each(array.as_primitive::<UInt16Type>(), |v| Cell::Int(v.into()));
            }
            DataType::UInt32 => {
                self.each(array.as_primitive::<UInt32Type>(), |v| Cell::Int(v.into()));
            }
            DataType::UInt64 => self.each(array.as_primitive::<UInt64Type>(), |v| {
                i64::try_from(v).map_or(Cell::TooLarge(v), Cell::Int)
            }),
            _ => self.each(array.as_primitive::<Int64Type>(), Cell::Int),
        }
    }

    fn floats(&mut self, array: &dyn Array) {
        match array.data_type() {
            DataType::Float16 => {
                self.each(array.as_primitive::<Float16Type>(), |v| Cell::Float(v.to_f64()))
            }
            DataType::Float32 => {
                self.each(array.as_primitive::<Float32Type>(), |v| Cell::Float(v.into()))
            }
            _ => self.each(array.as_primitive::<Float64Type>(), Cell::Float),
        }
    }

    fn decimals(&mut self, array: &dyn Array) {
        // By way of the text: rounded once, whatever the scale.
        fn float(text: String) -> Cell<'static> {
            text.parse().map_or(Cell::Null, Cell::Float)
        }
        let text = |row: usize| match array.data_type() {
            DataType::Decimal32(..) => array.as_primitive::<Decimal32Type>().value_as_string(row),
            DataType::Decimal64(..) => array.as_primitive::<Decimal64Type>().value_as_string(row),
            DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
            _ => array.as_primitive::<Decimal256Type>().value_as_string(row),
        };
        for row in 0..array.len() {
            self.push(row, if array.is_null(row) { Cell::Null } else { float(text(row)) });
        }
    }

    fn temporal(&mut self, array: &dyn Array) {
        const DAY: i64 = 86_400_000_000;
        match array.data_type() {
            DataType::Date32 => {
                self.each(array.as_primitive::<Date32Type>(), |v| Cell::Local(i64::from(v) * DAY));
            }
            DataType::Date64 => {
                self.each(array.as_primitive::<Date64Type>(), |v| {
                    Cell::Local(micros(v, TimeUnit::Millisecond))
                });
            }
            DataType::Timestamp(unit, None) => self.counts(array, *unit, Cell::Local),
            DataType::Timestamp(unit, Some(_)) => self.counts(array, *unit, Cell::Time),
            DataType::Duration(unit) => self.counts(array, *unit, Cell::Duration),
            DataType::Time32(unit) | DataType::Time64(unit) => {
                self.counts(array, *unit, Cell::Duration);
            }
            other => {
                let fault = Fault::new(format!("values of type {other} cannot be read"));
                (0..array.len()).for_each(|row| self.fault(row, fault.clone()));
            }
        }
    }

    /// Appends counts of a time unit.
    fn counts(&mut self, array: &dyn Array, unit: TimeUnit, cell: fn(i64) -> Cell<'static>) {
        for row in 0..array.len() {
            let value =
                if array.is_null(row) { Cell::Null } else { cell(micros(count(array, row), unit)) };
            self.push(row, value);
        }
    }

    fn fault(&mut self, row: usize, fault: Fault) {
        self.faults.push((row, fault));
        self.values.push_null();
    }

    /// Every value of a dictionary is read once, as it would be in a column of its own; a row has the value
    /// or what is wrong with it.
    fn dictionary(&mut self, array: &dyn Array) {
        let dictionary = array.as_any_dictionary();
        let mut values = Values::new(&self.how.ty);
        let mut read = Sink { values: &mut values, how: self.how, faults: Vec::new() };
        read.array(dictionary.values().as_ref());
        let found = read.faults;
        let mut faults: Vec<Option<Fault>> = vec![None; values.len()];
        for (key, fault) in found {
            faults[key] = Some(fault);
        }
        let keys = dictionary.normalized_keys();
        for (row, key) in keys.into_iter().enumerate() {
            match faults.get(key) {
                _ if dictionary.keys().is_null(row) => self.values.push_null(),
                None => self.values.push_null(),
                Some(Some(fault)) => self.fault(row, fault.clone()),
                Some(None) => self.values.push_of(&values, key),
            }
        }
    }

    fn lists(&mut self, array: &dyn Array) {
        let (child, ends) = children(array);
        if matches!(self.values, Values::Vector { .. }) {
            return self.vectors(array, child.as_ref(), &ends);
        }
        let item = self.how.item();
        let Values::List { slots, items } = &mut *self.values else {
            let fault = || Fault::new("expected one value, found a list");
            return (0..array.len()).for_each(|row| self.fault(row, fault()));
        };
        let base = items.len();
        let mut inner = Sink { values: items, how: &item, faults: Vec::new() };
        inner.array(child.as_ref());
        let row_of = |element: usize| ends.partition_point(|&end| end <= element).saturating_sub(1);
        let start = slots.len();
        for row in 0..array.len() {
            let slot = [(base + ends[row]) as u32, (ends[row + 1] - ends[row]) as u32];
            slots.push(if array.is_null(row) { [NULL_CODE, 0] } else { slot });
        }
        // a list with a wrong element is none, as in every other format
        for (element, fault) in inner.faults {
            let slot = &mut slots[start + row_of(element)];
            if slot[0] != NULL_CODE {
                *slot = [NULL_CODE, 0];
                self.faults.push((row_of(element), fault));
            }
        }
    }

    fn vectors(&mut self, array: &dyn Array, child: &dyn Array, ends: &[usize]) {
        let mut numbers = Values::Float(Vec::new());
        let how = How::plain(Type::Float);
        let mut inner = Sink { values: &mut numbers, how: &how, faults: Vec::new() };
        inner.array(child);
        let Values::Float(numbers) = numbers else {
            return;
        };
        for row in 0..array.len() {
            if array.is_null(row) {
                self.values.push_null();
            } else if let Err(fault) = self.values.push_vector(&numbers[ends[row]..ends[row + 1]]) {
                self.fault(row, fault);
            }
        }
    }
}

/// The elements of all lists of an array, and where in them each row's begin; one more at the end.
fn children(array: &dyn Array) -> (arrow_array::ArrayRef, Vec<usize>) {
    match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            (list.values().clone(), list.value_offsets().iter().map(|&o| o as usize).collect())
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            (list.values().clone(), list.value_offsets().iter().map(|&o| o as usize).collect())
        }
        _ => {
            let list = array.as_fixed_size_list();
            let n = list.value_length() as usize;
            (list.values().clone(), (0..=list.len()).map(|i| i * n).collect())
        }
    }
}

/// The raw count of a timestamp, duration or time of day.
fn count(array: &dyn Array, row: usize) -> i64 {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    macro_rules! at {
        ($t:ty) => {
            i64::from(array.as_primitive::<$t>().value(row))
        };
    }
    match array.data_type() {
        DataType::Timestamp(Second, _) => at!(TimestampSecondType),
        DataType::Timestamp(Millisecond, _) => at!(TimestampMillisecondType),
        DataType::Timestamp(Microsecond, _) => at!(TimestampMicrosecondType),
        DataType::Timestamp(Nanosecond, _) => at!(TimestampNanosecondType),
        DataType::Duration(Second) => at!(DurationSecondType),
        DataType::Duration(Millisecond) => at!(DurationMillisecondType),
        DataType::Duration(Microsecond) => at!(DurationMicrosecondType),
        DataType::Duration(Nanosecond) => at!(DurationNanosecondType),
        DataType::Time32(Second) => at!(Time32SecondType),
        DataType::Time32(_) => at!(Time32MillisecondType),
        DataType::Time64(Microsecond) => at!(Time64MicrosecondType),
        _ => at!(Time64NanosecondType),
    }
}

/// Microseconds; what overflows stays at the ends, which are beyond all times and so a fault.
fn micros(count: i64, unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => count.saturating_mul(1_000_000),
        TimeUnit::Millisecond => count.saturating_mul(1_000),
        TimeUnit::Microsecond => count,
        TimeUnit::Nanosecond => count.div_euclid(1_000),
    }
}
