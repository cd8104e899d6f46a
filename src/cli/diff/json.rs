//! A comparison as JSON.

use super::Found;
use crate::diff::{AnswerDiff, Change, Changed, Gone, ListDiff, Moved, Operator};
use crate::wire::values::key;
use crate::wire::{explanation, why_not};
use serde_json::{Value as Json, json};

pub fn diff(found: &Found) -> Json {
    let diff = &found.diff;
    let changes = |changes: &[Change]| changes.iter().map(change).collect::<Vec<_>>();
    let mut object = json!({
        "old": found.old,
        "new": found.new,
        "equal": diff.is_empty(),
        "removed": diff.removed.iter().map(operator).collect::<Vec<_>>(),
        "added": diff.added.iter().map(operator).collect::<Vec<_>>(),
        "changed": diff.changed.iter().map(changed).collect::<Vec<_>>(),
        "request": changes(&diff.request),
        "output": changes(&diff.output),
        "quantities": changes(&diff.quantities),
        "bounds": changes(&diff.bounds),
        "tunables": changes(&diff.tunables),
        "answers": found.answers.as_ref().map(answers),
    });
    if found.arms.said().is_some() {
        let arms = |arms: &[(String, String)]| {
            let named = arms.iter().map(|(name, arm)| (name.clone(), json!(arm)));
            Json::Object(named.collect())
        };
        object["arms"] = json!({"old": arms(&found.arms.old), "new": arms(&found.arms.new)});
    }
    object
}

fn operator(op: &Operator) -> Json {
    json!({"op": op.op, "label": op.label, "args": op.args, "at_most": op.at_most, "at": at(op)})
}

fn at(op: &Operator) -> Json {
    json!({"file": op.at.file, "line": op.at.line, "column": op.at.column})
}

fn changed(changed: &Changed) -> Json {
    let (old, new) = changed.arguments();
    let mut object = json!({
        "op": changed.new.op,
        "label": changed.new.label,
        "old": old,
        "new": new,
        "old_args": changed.old.args,
        "new_args": changed.new.args,
        "old_at": at(&changed.old),
        "new_at": at(&changed.new),
    });
    if let Some((was, is)) = &changed.inputs {
        object["old_inputs"] = json!(was);
        object["new_inputs"] = json!(is);
    }
    object
}

fn change(change: &Change) -> Json {
    let mut object = json!({"what": change.what, "old": change.old, "new": change.new});
    if let Some(list) = &change.list {
        object["list"] = json!(list);
    }
    object
}

fn answers(answers: &AnswerDiff) -> Json {
    json!({
        "requests": answers.requests,
        "changed": answers.changed,
        "other_rows": answers.other_rows,
        "lists": answers.lists.iter().map(list).collect::<Vec<_>>(),
        "most": answers.most.iter().map(moved).collect::<Vec<_>>(),
    })
}

fn list(list: &ListDiff) -> Json {
    json!({
        "old": list.old,
        "new": list.new,
        "other_rows": list.other_rows,
        "overlap@10": list.overlap,
        "rbo": list.rank_biased_overlap,
    })
}

fn moved(moved: &Moved) -> Json {
    let moves = moved.moved.iter();
    let moves = moves.map(|(was, is, key)| json!({"key": self::key(key), "old": was, "new": is}));
    json!({
        "user": moved.user.as_ref().map(key),
        "list": moved.list,
        "overlap@10": moved.overlap,
        "rbo": moved.rank_biased_overlap,
        "gone": moved.gone.iter().map(gone).collect::<Vec<_>>(),
        "came": moved.came.iter().map(|(position, key, why)| {
            json!({"position": position, "key": self::key(key), "why": explanation(why)})
        }).collect::<Vec<_>>(),
        "moved": moves.collect::<Vec<_>>(),
    })
}

fn gone(gone: &Gone) -> Json {
    json!({
        "position": gone.position,
        "key": key(&gone.key),
        "why_not": gone.why_not.as_ref().map(why_not),
    })
}
