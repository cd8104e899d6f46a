//! Answers as JSON.

use super::values::{key, time, value};
use super::why;
use crate::answer::{Answer, Ended, List, Row};
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
