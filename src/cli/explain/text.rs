//! The stages as text.

use super::args::Stage;
use super::nodes::{node, quantities};
use crate::check::Experiment;
use crate::engine::{Engine, Program};
use crate::visible::{visible, visible_lines};
use serde_json::Value as Json;

/// The plan as text.
pub fn plan_text(engine: &Engine, program: &Program) -> String {
    let demands = crate::plan::described(program.checked(), engine.snapshot());
    let nodes: Vec<Json> =
        program.schedule().nodes().map(|id| node(engine, program, id, &demands)).collect();
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
    text.extend(program.checked().read_experiments().map(experiment));
    if matches!(stage, Stage::Plan | Stage::Profile) {
        text.extend(quantities(engine, program).iter().map(quantity));
    }
    text
}

/// `experiment rank_test in layer ranking, buckets 0..4999: control 0.5, bold 0.5`
fn experiment(of: &Experiment) -> String {
    let arms = of.arms.iter().map(|arm| format!("{} {}", arm.name, arm.share));
    let (layer, (first, last)) = (&of.layer, of.buckets);
    let arms = arms.collect::<Vec<_>>().join(", ");
    let line =
        format!("experiment {} in layer {layer}, buckets {first}..{last}: {arms}\n", of.name);
    visible_lines(&line).into_owned()
}

/// `auto(100) of walk likes: no number of rows is requested`
fn quantity(of: &Json) -> String {
    let word = |name: &str| of[name].as_str().unwrap_or("");
    let (number, constant) = (&of["number"], &of["constant"]);
    let raised = if number == constant { String::new() } else { format!(" instead of {constant}") };
    let (op, reason) = (word("op"), word("reason"));
    format!("auto({number}){raised} of {op}: {reason}\n")
}

pub(super) fn line(node: &Json, stage: Stage) -> String {
    let list = |name: &str| node[name].as_array().into_iter().flatten();
    let inputs = list("inputs").map(|i| format!("#{i}"));
    let reads = list("reads").map(|i| format!("reads #{i}"));
    let from: Vec<String> = inputs.chain(reads).collect();
    let word = |name: &str| node[name].as_str().unwrap_or_default();
    let mut line = format!("  #{} {}", node["node"], word("op"));
    if !word("brief").is_empty() {
        line += &format!("({})", visible(word("brief")));
    }
    if !from.is_empty() {
        line += &format!(" <- {}", from.join(", "));
    }
    if stage != Stage::Dag {
        line += &format!("\n       set[{}]{}", word("entity"), rows_of(node));
        list("models").for_each(|model| line += &format!("\n       {}", scored(model)));
        line += &given(node);
        if let (Some(rows), Some(us)) = (node["rows"].as_u64(), node["us"].as_u64()) {
            line += &format!("\n       measured: {rows} rows in {us} us");
        }
    }
    line.push('\n');
    visible_lines(&line).into_owned()
}

/// `taste@2: about 500 rows x 12 features, 21504 multiply-adds each, 10.8 M in all`
fn scored(model: &Json) -> String {
    let number = |name: &str| model[name].as_u64().unwrap_or_default();
    let all = match number("all") as f64 {
        all if all < 1e4 => format!("{all}"),
        all if all < 1e6 => format!("{:.0} k", all / 1e3),
        all if all < 1e9 => format!("{:.1} M", all / 1e6),
        all => format!("{:.1} G", all / 1e9),
    };
    format!(
        "{}: about {} rows x {} features, {} {} each, {all} in all",
        model["model"].as_str().unwrap_or_default(),
        number("rows"),
        number("features"),
        number("each"),
        model["unit"].as_str().unwrap_or_default(),
    )
}

/// `given rate, saved, age`: the inputs of its model, in lines of bounded length.
fn given(node: &Json) -> String {
    const WIDTH: usize = 110;
    const BEFORE: &str = "\n       given ";
    let given = node["given"].as_array().into_iter().flatten();
    let names: Vec<&str> = given.filter_map(|given| given["name"].as_str()).collect();
    let (mut text, mut width) = (String::new(), 0);
    for (place, name) in names.iter().enumerate() {
        let name = match place + 1 == names.len() {
            true => visible(name).into_owned(),
            false => format!("{},", visible(name)),
        };
        let more = 1 + name.chars().count();
        if place == 0 {
            text += BEFORE;
        } else if width + more > WIDTH {
            text += &format!("\n{}", " ".repeat(BEFORE.len() - 1));
            width = 0;
        } else {
            text.push(' ');
        }
        width += more;
        text += &name;
    }
    text
}

/// The columns of a node's rows, and how many rows there are.
fn rows_of(node: &Json) -> String {
    let columns = node["columns"].as_array().into_iter().flatten();
    let columns: Vec<&str> = columns.filter_map(Json::as_str).collect();
    let mut text = match columns.is_empty() {
        true => String::new(),
        false => format!(" {{{}}}", columns.join(", ")),
    };
    let number = |name: &str| node[name].as_u64();
    if let Some(n) = number("at_most") {
        text += &format!(", at most {n} rows");
    }
    if let Some(n) = number("expected") {
        text += &format!(", about {n} expected");
    }
    if let Some(n) = number("wanted") {
        text += &format!(", {n} wanted");
    }
    if let Some(n) = number("contributions").filter(|n| Some(*n) > number("at_most")) {
        text += &format!(" from {n} contributions");
    }
    if node["lazy"] == Json::Bool(true) {
        text += ", only for requests that need it";
    }
    text
}
