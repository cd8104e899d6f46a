//! The plan for Graphviz.

use super::{Plan, time};

pub fn dot(plan: &Plan) -> String {
    let mut text = String::from(
        "digraph plan {\n  rankdir=TB;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n",
    );
    for op in &plan.operators {
        let took = op.measured.map_or(String::new(), |(_, us)| format!("\n{}", time(us)));
        let lines = format!("#{} {}\n{}\n{}{took}", op.id, op.label, op.details, op.rows());
        let bold = if op.result.is_some() { ", penwidth=2" } else { "" };
        text.push_str(&format!("  n{} [label=\"{}\"{bold}];\n", op.id, quoted(&lines)));
    }
    for op in &plan.operators {
        for input in &op.inputs {
            text.push_str(&format!("  n{input} -> n{};\n", op.id));
        }
        for read in &op.reads {
            text.push_str(&format!("  n{read} -> n{} [style=dashed];\n", op.id));
        }
    }
    text.push_str("}\n");
    text
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
