//! Answers as JSON: one object, an array, or an object a line.

#[cfg(feature = "cli")]
use super::flat::FlatColumn;
use super::values;
use crate::answer::{Answer, Ended, List, Row};
#[cfg(feature = "cli")]
use crate::types::Value;
use crate::why::{Feature, Over, Scale, Step, Sum, Why, WhyNot};
use serde_json::{Map, Value as Json, json};

/// An object a line.
pub fn lines(answers: &[Answer]) -> Vec<u8> {
    let objects = answers.iter().map(object);
    let lines: String = objects.map(|object| format!("{object}\n")).collect();
    lines.into_bytes()
}

/// The only object.
pub fn only(answers: &[Answer]) -> Vec<u8> {
    let objects = answers.iter().map(object);
    let text: String = objects.map(|object| format!("{object:#}\n")).collect();
    text.into_bytes()
}

/// Objects of an array, each with the comma that stands before it.
pub fn elements(answers: &[Answer]) -> Vec<u8> {
    let element = |answer| {
        let object = format!("{:#}", object(answer));
        // a line end inside of a text is escaped, so these are all between lines
        format!(",\n  {}", object.replace('\n', "\n  "))
    };
    let text: String = answers.iter().map(element).collect();
    text.into_bytes()
}

/// Rows of a table as objects, one a line.
#[cfg(feature = "cli")]
pub fn row_lines(columns: &[FlatColumn], rows: &[Vec<Value>]) -> Vec<u8> {
    let lines: String = rows.iter().map(|row| format!("{}\n", row_object(columns, row))).collect();
    lines.into_bytes()
}

/// The same as elements of an array, each with the comma that stands before it.
#[cfg(feature = "cli")]
pub fn row_elements(columns: &[FlatColumn], rows: &[Vec<Value>]) -> Vec<u8> {
    let all = rows.iter().map(|row| format!(",\n  {}", row_object(columns, row)));
    all.collect::<String>().into_bytes()
}

#[cfg(feature = "cli")]
fn row_object(columns: &[FlatColumn], row: &[Value]) -> Json {
    let named = columns.iter().zip(row);
    Json::Object(named.map(|(c, value)| (c.name.clone(), values::value(value))).collect())
}

/// An answer: `results`, or `lists` for a page.
fn object(answer: &Answer) -> Json {
    let mut object = Map::new();
    object.insert("user".into(), answer.user.as_ref().map_or(Json::Null, values::key));
    object.insert("query".into(), answer.query.clone().into());
    object.insert("now".into(), values::time(answer.now));
    object.insert("snapshot".into(), (*answer.snapshot).into());
    match &answer.lists[..] {
        [only] if only.name.is_none() => object.insert("results".into(), rows(only)),
        lists => {
            let named =
                lists.iter().map(|l| (l.name.clone().unwrap_or_default(), rows(l))).collect();
            object.insert("lists".into(), Json::Object(named))
        }
    };
    for (name, arms) in [("arms", &answer.arms), ("forced", &answer.forced)] {
        if !arms.is_empty() {
            let named = arms.iter().map(|(name, arm)| (name.clone(), arm.clone().into()));
            object.insert(name.into(), Json::Object(named.collect()));
        }
    }
    if !answer.versions.is_empty() {
        object.insert("versions".into(), answer.versions.clone().into());
    }
    if !answer.why_not.is_empty() {
        let not = answer.why_not.iter().map(why_not).collect();
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
    list.rows().enumerate().map(|(i, r)| row(list, i, r)).collect()
}

fn row(list: &List, i: usize, row: Row) -> Json {
    let mut object = Map::new();
    object.insert("position".into(), (i + 1).into());
    object.insert(list.key.clone(), values::key(row.key()));
    object.insert("score".into(), json!(row.score_or_null()));
    for ((name, _), v) in list.columns.iter().zip(row.values()) {
        object.insert(name.clone(), values::value(v));
    }
    if let Some(why) = row.why() {
        object.insert("why".into(), explanation(why));
    }
    Json::Object(object)
}

/// Why a row is there, as `igql run --why` has it in JSON.
pub fn explanation(why: &Why) -> Json {
    let mut object = Map::new();
    object.insert("path".into(), why.path.iter().map(step).collect());
    let scores = why.scores.iter().map(|s| {
        let heads: Map<String, Json> = s.heads.iter().map(|(n, v)| (n.clone(), values::value(v))).collect();
        let features: Json = s.features.iter().map(feature).collect();
        let mut score = json!({"op": s.op, "score": s.score, "position": s.position, "heads": heads, "features": features});
        if let Some(model) = &s.model {
            score["model"] = model.clone().into();
        }
        if !s.sums.is_empty() {
            score["contributions"] = s.sums.iter().map(contributions).collect();
        }
        if !s.null.is_empty() {
            let parts = s.null.iter().map(|p| json!({"part": p.part, "reason": p.reason}));
            score["null"] = parts.collect();
        }
        score
    });
    add(&mut object, "scores", scores.collect());
    let branches = why.branches.iter().map(|b| {
        json!({"op": b.op, "branch": b.branch, "from": b.from, "score": b.score, "position": b.position, "chosen": b.chosen})
    });
    add(&mut object, "branches", branches.collect());
    let moves = why.moves.iter().map(|m| {
        json!({"op": m.op, "from": m.from, "to": m.to, "score_before": m.score_before, "score": m.score})
    });
    add(&mut object, "moves", moves.collect());
    Json::Object(object)
}

fn add(object: &mut Map<String, Json>, name: &str, items: Vec<Json>) {
    if !items.is_empty() {
        object.insert(name.to_owned(), items.into());
    }
}

fn step(step: &Step) -> Json {
    let mut object = Map::new();
    object.insert("op".into(), step.op.clone().into());
    object.insert(step.key_name.clone(), values::key(&step.key));
    object.insert("score".into(), json!(step.score));
    if let Some(weight) = step.weight {
        object.insert("weight".into(), json!(weight));
    }
    if step.links > 1 {
        object.insert("links".into(), step.links.into());
    }
    if let Some(null) = &step.null {
        object.insert("null".into(), null.clone().into());
    }
    Json::Object(object)
}

fn feature(feature: &Feature) -> Json {
    json!({"feature": feature.name, "value": values::value(&feature.value), "effect": feature.effect})
}

/// What inputs of a model add to a head.
fn contributions(sum: &Sum) -> Json {
    let of = match sum.scale {
        Scale::Value => "value",
        Scale::LogOdds => "log_odds",
        Scale::Margin => "margin",
    };
    let over = match sum.over {
        Over::Training => "training",
        Over::Rows => "rows",
    };
    let features: Json = sum.features.iter().map(feature).collect();
    json!({"head": sum.head, "of": of, "over": over, "expected": sum.expected, "sum": sum.sum, "features": features})
}

/// Why an entity is not there.
pub fn why_not(not: &WhyNot) -> Json {
    let mut object = Map::new();
    if let Some(list) = &not.list {
        object.insert("list".into(), list.clone().into());
    }
    object.insert(not.key_name.clone(), values::key(&not.key));
    object.insert("outcome".into(), not.outcome.name().into());
    let reasons = not.reasons.iter().map(|r| {
        let mut reason = Map::new();
        if let Some(node) = r.node {
            reason.insert("op".into(), r.op.clone().into());
            reason.insert("node".into(), node.0.into());
            reason.insert("dropped".into(), r.dropped.into());
        }
        reason.insert("message".into(), r.message.clone().into());
        if !r.values.is_empty() {
            let values: Map<String, Json> =
                r.values.iter().map(|(n, v)| (n.clone(), values::value(v))).collect();
            reason.insert("values".into(), values.into());
        }
        Json::Object(reason)
    });
    object.insert("reasons".into(), reasons.collect());
    Json::Object(object)
}
