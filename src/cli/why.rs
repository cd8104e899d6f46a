//! Explanations of answers, for people.

use super::values::{float, short, shown_key};
use crate::answer::{Answer, List};
use crate::visible::visible;
use crate::why::{Outcome, Step, WhyNot, because};

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
