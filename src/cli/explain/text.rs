//! The stages as text.

use super::args::Stage;
use super::nodes::{node, quantities};
use crate::engine::{Engine, Program};
use crate::visible::{visible, visible_lines};
use serde_json::Value as Json;

/// The plan as text.
pub fn plan_text(engine: &Engine, program: &Program) -> String {
    let demands = crate::plan::described(program.checked(), engine.snapshot());
    let nodes: Vec<Json> = program
        .schedule()
        .nodes()
        .map(|id| node(engine, program, id, &demands))
        .collect();
    text(engine, program, &nodes, Stage::Plan)
}

pub(super) fn text(engine: &Engine, program: &Program, nodes: &[Json], stage: Stage) -> String {
    let mut text = format!("query {}\n", program.checked().query);
    let mut wave = None;
    for node in nodes {
        if matches!(stage, Stage::Plan | Stage::Profile) && Some(&node["wave"]) != wave {
            wave = Some(&node["wave"]);
            text.push_str(&match &node["wave"] {
                Json::Null => "for each row of `as_viewer`\n".to_owned(),
                wave => format!("wave {wave}\n"),
            });
        }
        text.push_str(&line(node, stage));
    }
    for (name, id) in &program.checked().results {
        text.push_str(&format!(
            "result {}#{}\n",
            name.as_ref().map_or(String::new(), |n| format!("{n} = ")),
            id.0
        ));
    }
    if matches!(stage, Stage::Plan | Stage::Profile) {
        text.extend(quantities(engine, program).iter().map(quantity));
    }
    text
}

/// `auto(100) of walk likes: no number of rows is requested`
fn quantity(of: &Json) -> String {
    let word = |name: &str| of[name].as_str().unwrap_or("");
    let (number, constant) = (&of["number"], &of["constant"]);
    let raised = if number == constant {
        String::new()
    } else {
        format!(" instead of {constant}")
    };
    let (op, reason) = (word("op"), word("reason"));
    format!("auto({number}){raised} of {op}: {reason}\n")
}

pub(super) fn line(node: &Json, stage: Stage) -> String {
    let list = |name: &str| {
        node[name]
            .as_array()
            .into_iter()
            .flatten()
            .map(|i| format!("#{i}"))
            .collect::<Vec<_>>()
    };
    let mut from = list("inputs");
    from.extend(list("reads").into_iter().map(|n| format!("reads {n}")));
    let word = |name: &str| node[name].as_str().unwrap_or("").to_owned();
    let mut line = format!("  #{} {}", node["node"], word("op"));
    if !word("details").is_empty() {
        line.push_str(&format!("({})", visible(&word("details"))));
    }
    if !from.is_empty() {
        line.push_str(&format!(" <- {}", from.join(", ")));
    }
    if stage != Stage::Dag {
        let columns: Vec<&str> = node["columns"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let mut bound = node["at_most"]
            .as_u64()
            .map_or(String::new(), |n| format!(", at most {n} rows"));
        if let Some(n) = node["expected"].as_u64() {
            bound.push_str(&format!(", about {n} expected"));
        }
        if let Some(n) = node["wanted"].as_u64() {
            bound.push_str(&format!(", {n} wanted"));
        }
        if let Some(n) = node["contributions"]
            .as_u64()
            .filter(|n| Some(*n) > node["at_most"].as_u64())
        {
            bound.push_str(&format!(" from {n} contributions"));
        }
        let lazy = if node["lazy"] == Json::Bool(true) {
            ", only for requests that need it"
        } else {
            ""
        };
        let columns = if columns.is_empty() {
            String::new()
        } else {
            format!(" {{{}}}", columns.join(", "))
        };
        line.push_str(&format!(
            "\n       set[{}]{columns}{bound}{lazy}",
            word("entity")
        ));
        if let (Some(rows), Some(us)) = (node["rows"].as_u64(), node["us"].as_u64()) {
            line.push_str(&format!("\n       measured: {rows} rows in {us} us"));
        }
    }
    line.push('\n');
    visible_lines(&line).into_owned()
}
