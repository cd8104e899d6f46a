//! Keys and values for people.

use crate::types::{Key, Value};
use crate::visible::visible;
use crate::wire::values;

/// A value for people: no quotes, few digits, nothing that acts on a terminal.
pub fn short(v: &Value) -> String {
    match v {
        Value::Null => "-".to_owned(),
        Value::Float(v) => float(*v),
        Value::List(items) => items.iter().map(short).collect::<Vec<_>>().join(" | "),
        Value::Vector(v) => format!("vector[{}]", v.len()),
        Value::Duration(us) => crate::expr::show::duration(*us),
        other => visible(&values::text(other)).into_owned(),
    }
}

/// A key for people.
pub fn shown_key(key: &Key) -> String {
    visible(&key.to_string()).into_owned()
}

/// A float with about five digits.
pub fn float(v: f64) -> String {
    let size = v.abs();
    if v.is_nan() {
        "-".to_owned()
    } else if v == v.trunc() && size < 1e6 {
        format!("{v}")
    } else if (1e-3..1e6).contains(&size) {
        format!("{v:.4}")
    } else {
        format!("{v:.3e}")
    }
}
