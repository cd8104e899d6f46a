//! Answers as JSON.

use super::why;
use crate::answer::{Answer, Ended, List, Row};
use crate::types::{Key, Value};
use crate::visible::visible;
use serde_json::{Map, Value as Json, json};

/// An answer as `interface.md` has it: `results`, or `lists` for a page.
pub fn answer(answer: &Answer) -> Json {
    let mut object = Map::new();
    object.insert("user".into(), answer.user.as_ref().map_or(Json::Null, key));
    object.insert("query".into(), answer.query.clone().into());
    object.insert("now".into(), time(answer.now));
    object.insert("snapshot".into(), (*answer.snapshot).into());
    match &answer.lists[..] {
        [only] if only.name.is_none() => object.insert("results".into(), rows(only)),
        lists => {
            let named = lists
                .iter()
                .map(|l| (l.name.clone().unwrap_or_default(), rows(l)))
                .collect();
            object.insert("lists".into(), Json::Object(named))
        }
    };
    if !answer.why_not.is_empty() {
        let not = answer.why_not.iter().map(why::not_json).collect();
        object.insert("why_not".into(), not);
    }
    object.insert("warnings".into(), answer.warnings.clone().into());
    if answer.partial {
        object.insert("partial".into(), true.into());
        if !answer.ended.is_empty() {
            object.insert("ended_at".into(), ended(answer));
        }
    }
    Json::Object(object)
}

/// The operators at which the lists of a partial answer ended: of a page by name. Null where a list
/// is empty because no rows could stand for it.
fn ended(answer: &Answer) -> Json {
    let at = |ended: &Ended| ended.at.clone().map_or(Json::Null, Json::from);
    match &answer.ended[..] {
        [only] if only.list.is_none() => at(only),
        lists => {
            let named = lists.iter().filter_map(|e| Some((e.list.clone()?, at(e))));
            Json::Object(named.collect())
        }
    }
}

fn rows(list: &List) -> Json {
    list.rows()
        .enumerate()
        .map(|(i, r)| row(list, i, r))
        .collect()
}

fn row(list: &List, i: usize, row: Row) -> Json {
    let mut object = Map::new();
    object.insert("position".into(), (i + 1).into());
    object.insert(list.key.clone(), key(row.key()));
    object.insert("score".into(), json!(row.score_or_null()));
    for ((name, _), v) in list.columns.iter().zip(row.values()) {
        object.insert(name.clone(), value(v));
    }
    if let Some(why) = row.why() {
        object.insert("why".into(), why::json(why));
    }
    Json::Object(object)
}

pub fn key(key: &Key) -> Json {
    match key {
        Key::Int(k) => (*k).into(),
        Key::Str(k) => k.clone().into(),
    }
}

/// A value: times as ISO text, durations in seconds.
pub fn value(v: &Value) -> Json {
    match v {
        Value::Null => Json::Null,
        Value::Int(v) => (*v).into(),
        Value::Float(v) => json!(v),
        Value::Bool(v) => (*v).into(),
        Value::Str(v) => v.clone().into(),
        Value::Time(v) => time(*v),
        Value::Duration(v) => json!(*v as f64 / 1e6),
        Value::Id(v) => key(v),
        Value::List(v) => v.iter().map(value).collect(),
        Value::Vector(v) => v.iter().map(|x| json!(x)).collect(),
    }
}

fn time(us: i64) -> Json {
    crate::types::time::text(us).map_or(Json::Null, Into::into)
}

/// A value as text that reads back: times in ISO form, lists as JSON arrays.
pub fn text(v: &Value) -> String {
    match value(v) {
        Json::String(text) => text,
        json => json.to_string(),
    }
}

/// A value for people: no quotes, few digits, nothing that acts on a terminal.
pub fn short(v: &Value) -> String {
    match v {
        Value::Null => "-".to_owned(),
        Value::Float(v) => float(*v),
        Value::List(items) => items.iter().map(short).collect::<Vec<_>>().join(" | "),
        Value::Vector(v) => format!("vector[{}]", v.len()),
        Value::Duration(us) => crate::expr::show::duration(*us),
        other => match value(other) {
            Json::String(text) => visible(&text).into_owned(),
            json => json.to_string(),
        },
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
