//! Explanations of answers, for people and for machines.

use super::values::{float, key, short, shown_key, value};
use crate::answer::{Answer, List};
use crate::visible::visible;
use crate::why::{Feature, Outcome, Step, Why, WhyNot, because};
use serde_json::{Map, Value as Json, json};

/// Why a row is there, as `interface.md` has it.
pub fn json(why: &Why) -> Json {
    let mut object = Map::new();
    object.insert("path".into(), why.path.iter().map(step_json).collect());
    let scores = why.scores.iter().map(|s| {
        let heads: Map<String, Json> = s.heads.iter().map(|(n, v)| (n.clone(), value(v))).collect();
        let features: Json = s.features.iter().map(feature_json).collect();
        let mut score = json!({"op": s.op, "score": s.score, "position": s.position, "heads": heads, "features": features});
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

fn step_json(step: &Step) -> Json {
    let mut object = Map::new();
    object.insert("op".into(), step.op.clone().into());
    object.insert(step.key_name.clone(), key(&step.key));
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

fn feature_json(feature: &Feature) -> Json {
    json!({"feature": feature.name, "value": value(&feature.value), "effect": feature.effect})
}

/// Why an entity is not there.
pub fn not_json(not: &WhyNot) -> Json {
    let mut object = Map::new();
    if let Some(list) = &not.list {
        object.insert("list".into(), list.clone().into());
    }
    object.insert(not.key_name.clone(), key(&not.key));
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
            let values: Map<String, Json> = r
                .values
                .iter()
                .map(|(n, v)| (n.clone(), value(v)))
                .collect();
            reason.insert("values".into(), values.into());
        }
        Json::Object(reason)
    });
    object.insert("reasons".into(), reasons.collect());
    Json::Object(object)
}

/// The explanations of an answer, below its tables.
pub fn text(answer: &Answer) -> String {
    let mut text = rows(answer, None, usize::MAX);
    for not in &answer.why_not {
        text.push_str(&not_text(not));
    }
    text
}

/// Why the rows of an answer are there: the first of each list, or those at one position.
pub fn rows(answer: &Answer, only: Option<usize>, most: usize) -> String {
    let lists = answer.lists.iter();
    lists.map(|list| of_list(list, only, most)).collect()
}

fn of_list(list: &List, only: Option<usize>, most: usize) -> String {
    let mut text = String::new();
    let most = if only.is_some() { usize::MAX } else { most };
    for (i, row) in list.rows().enumerate().take(most) {
        if only.is_some_and(|position| position != i + 1) {
            continue;
        }
        let Some(why) = row.why() else { continue };
        let name = list
            .name
            .as_ref()
            .map_or(String::new(), |n| format!("{n} "));
        text.push_str(&format!("{name}{:>3}. {}\n", i + 1, path(&why.path)));
        for s in &why.scores {
            let score = match (s.score, &s.null[..]) {
                (Some(score), _) => float(score),
                (None, []) => "no score".to_owned(),
                (None, parts) => format!("its score is null because {},", visible(&because(parts))),
            };
            text.push_str(&format!(
                "       {}: {score} at position {}\n",
                s.op, s.position
            ));
            let heads: Vec<String> = s
                .heads
                .iter()
                .map(|(n, v)| format!("{n} {}", short(v)))
                .collect();
            if !heads.is_empty() {
                text.push_str(&format!("         heads: {}\n", heads.join(", ")));
            }
            for f in &s.features {
                let sign = if f.effect < 0.0 { "" } else { "+" };
                text.push_str(&format!(
                    "         {sign}{} from {} = {}\n",
                    float(f.effect),
                    visible(&f.name),
                    short(&f.value)
                ));
            }
        }
        for b in &why.branches {
            let chosen = if b.chosen {
                ", the source of the row"
            } else {
                ""
            };
            text.push_str(&format!(
                "       {} of {} ({}): {} at position {}{chosen}\n",
                b.branch,
                b.op,
                b.from,
                float(b.score.unwrap_or(f64::NAN)),
                b.position
            ));
        }
        for m in &why.moves {
            let scores = match (m.score_before, m.score) {
                (Some(a), Some(b)) if a != b => format!(", score {} to {}", float(a), float(b)),
                _ => String::new(),
            };
            text.push_str(&format!(
                "       {}: from position {} to {}{scores}\n",
                m.op, m.from, m.to
            ));
        }
    }
    text
}

/// `user 42 -> likes: media 7 -> nn clip: account 9 (0.83)`.
fn path(steps: &[Step]) -> String {
    let steps: Vec<String> = steps.iter().map(step).collect();
    steps.join(" -> ")
}

fn step(step: &Step) -> String {
    let how = match step.op.strip_prefix("walk ") {
        Some(edge) => format!("{edge}: "),
        None if step.op == "as_viewer" => "as ".to_owned(),
        None if step.weight.is_none() => String::new(),
        None => format!("{}: ", step.op),
    };
    let score = match step.score {
        Some(score) if score != 1.0 => format!(" ({})", float(score)),
        Some(_) => String::new(),
        None => match &step.null {
            Some(null) => format!(" (no score: {null})"),
            None => " (no score)".to_owned(),
        },
    };
    let more = match step.links {
        0 | 1 => String::new(),
        n => format!(" [{n} ways]"),
    };
    format!("{how}{} {}{score}{more}", step.entity, shown_key(&step.key))
}

fn not_text(not: &WhyNot) -> String {
    let list = not
        .list
        .as_ref()
        .map_or(String::new(), |l| format!(" in {l}"));
    let outcome = match not.outcome {
        Outcome::Present => "is there",
        Outcome::Unknown => "is unknown",
        Outcome::Invisible => "is invisible",
        Outcome::Dropped => "was dropped",
        Outcome::NeverReached => "was never reached",
    };
    let mut text = format!("{} {}{list} {outcome}\n", not.entity, shown_key(&not.key));
    for reason in &not.reasons {
        let op = match reason.node {
            Some(node) => format!("{} (#{}): ", reason.op, node.0),
            None => String::new(),
        };
        text.push_str(&format!("  {op}{}\n", visible(&reason.message)));
    }
    text
}
