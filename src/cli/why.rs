//! Explanations of answers, for people.

use super::values::{float, short, shown_key};
use crate::answer::{Answer, List};
use crate::visible::visible;
use crate::why::{Feature, Outcome, Over, Scale, Scoring, Step, Sum, Why, WhyNot, because};

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
    let most = if only.is_some() { usize::MAX } else { most };
    let rows = (1..).zip(list.rows()).take(most);
    let wanted = rows.filter(|(position, _)| only.is_none_or(|only| only == *position));
    let explained = wanted.filter_map(|(position, row)| Some((position, row.why()?)));
    let name = list.name.as_ref().map(|n| format!("{n} "));
    let name = name.unwrap_or_default();
    explained.map(|(position, why)| format!("{name}{position:>3}. {}", of_row(why))).collect()
}

/// Why a row is there.
pub fn of_row(why: &Why) -> String {
    let mut text = format!("{}\n", path(&why.path));
    text.extend(why.scores.iter().map(score));
    for b in &why.branches {
        let chosen = match b.chosen {
            true => ", the source of the row",
            false => "",
        };
        let score = float(b.score.unwrap_or(f64::NAN));
        text += &format!(
            "       {} of {} ({}): {score} at position {}{chosen}\n",
            b.branch, b.op, b.from, b.position
        );
    }
    for m in &why.moves {
        let scores = match (m.score_before, m.score) {
            (Some(a), Some(b)) if a != b => format!(", score {} to {}", float(a), float(b)),
            _ => String::new(),
        };
        let (op, from, to) = (&m.op, m.from, m.to);
        text += &format!("       {op}: from position {from} to {to}{scores}\n");
    }
    text
}

/// What an operator that scores made of the row: its score, the heads of its model, the features that
/// mattered.
fn score(scored: &Scoring) -> String {
    let score = match (scored.score, &scored.null[..]) {
        (Some(score), _) => float(score),
        (None, []) => "no score".to_owned(),
        (None, parts) => format!("its score is null because {},", visible(&because(parts))),
    };
    let (op, position) = (&scored.op, scored.position);
    let version = scored.model.as_ref().map_or(String::new(), |model| format!(" ({model})"));
    let mut text = format!("       {op}{version}: {score} at position {position}\n");
    let heads = scored.heads.iter().map(|(n, v)| format!("{n} {}", short(v)));
    let heads: Vec<String> = heads.collect();
    if !heads.is_empty() {
        text += &format!("         heads: {}\n", heads.join(", "));
    }
    text.extend(scored.features.iter().map(|of| feature(of, "         ")));
    text.extend(scored.sums.iter().map(sum));
    text
}

/// `+0.12 from quality = 0.7`
fn feature(of: &Feature, before: &str) -> String {
    let (effect, name, value) = (signed(of.effect), visible(&of.name), short(&of.value));
    format!("{before}{effect} from {name} = {value}\n")
}

fn signed(effect: f64) -> String {
    let sign = if effect < 0.0 { "" } else { "+" };
    format!("{sign}{}", float(effect))
}

/// What the inputs of a model add to a head: those that add most, and the others together, so that it adds up.
fn sum(of: &Sum) -> String {
    const MOST: usize = 5;
    let scale = match of.scale {
        Scale::Value => "",
        Scale::LogOdds => "log-odds ",
        Scale::Margin => "margin ",
    };
    let over = match of.over {
        Over::Training => "the mean of the training",
        Over::Rows => "the mean of the rows here",
    };
    let (all, expected) = (float(of.sum), float(of.expected));
    let head = visible(&of.head);
    let mut text = format!("         {head}: {scale}{all}; {over} is {expected}\n");
    let (first, rest) = of.features.split_at(of.features.len().min(MOST));
    text.extend(first.iter().map(|of| feature(of, "           ")));
    if !rest.is_empty() {
        let added = signed(rest.iter().map(|of| of.effect).sum());
        let inputs = if rest.len() == 1 { "another input" } else { "other inputs" };
        let count = if rest.len() == 1 { String::new() } else { format!("{} ", rest.len()) };
        text += &format!("           {added} from {count}{inputs}\n");
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

/// Why an entity is not there.
pub fn not_text(not: &WhyNot) -> String {
    let list = not.list.as_ref().map_or(String::new(), |l| format!(" in {l}"));
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
