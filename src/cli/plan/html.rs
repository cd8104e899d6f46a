//! The plan as one page that needs nothing else: the picture, the program beside it, the times.
//! An operator and its place in the program light up together.

use super::svg::{COLOURS, inner};
use super::{Operator, Plan, escape, time};

const STYLE: &str = "\
*{box-sizing:border-box}body{margin:0;font:14px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif;background:var(--paper);color:var(--ink)}\
header{padding:18px 24px 6px}h1{font-size:19px;margin:0}h2{font-size:14px;margin:22px 0 8px;color:var(--soft);font-weight:600}\
header p{margin:2px 0 0;color:var(--soft)}main{display:grid;grid-template-columns:minmax(320px,1fr) minmax(0,1.5fr);gap:24px;padding:0 24px 24px}\
.picture{overflow:auto;border:1px solid var(--line);border-radius:10px;max-height:86vh}.picture svg{display:block;margin:0 auto}\
pre{margin:0;padding:14px;border:1px solid var(--line);border-radius:10px;background:var(--box);overflow:auto;font:13px/1.6 ui-monospace,'SF Mono',Menlo,Consolas,monospace}\
pre .at{border-bottom:1px dotted var(--soft);cursor:default}.on{background:var(--mark)}\
table{border-collapse:collapse;width:100%}td,th{padding:3px 8px;text-align:left;border-bottom:1px solid var(--line);font-weight:400;white-space:nowrap}\
th{color:var(--soft)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.w{width:30%}td.w div{height:8px;border-radius:2px;background:var(--bar);min-width:1px}\
@media(max-width:900px){main{grid-template-columns:1fr}}";

const SCRIPT: &str = "\
const all=document.querySelectorAll('[data-op]');\
const light=(ops,on)=>all.forEach(e=>{if(e.dataset.op.split(' ').some(o=>ops.includes(o)))e.classList.toggle('on',on)});\
all.forEach(e=>{const ops=e.dataset.op.split(' ');\
e.addEventListener('mouseenter',()=>light(ops,true));e.addEventListener('mouseleave',()=>light(ops,false));});";

pub fn html(plan: &Plan) -> String {
    let took = match plan.measured {
        true => format!("; {} in all operators", time(plan.total())),
        false => String::new(),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{query}</title><style>{COLOURS}{STYLE}</style></head>\n<body>\
         <header><h1>{query}</h1><p>{file}: {n} operators{took}</p></header>\n<main><section><h2>Program</h2><pre>{source}</pre>\n\
         <h2>Operators</h2>{table}</section>\n<section><h2>Plan</h2><div class=\"picture\">{picture}</div></section></main>\
         <script>{SCRIPT}</script></body></html>\n",
        query = escape(&plan.query),
        file = escape(&plan.file),
        n = plan.operators.len(),
        source = source(plan),
        table = table(plan),
        picture = inner(plan),
    )
}

/// The program with the places of operators marked. A place of several operators names them all.
fn source(plan: &Plan) -> String {
    let mut places: Vec<(std::ops::Range<usize>, Vec<String>)> = Vec::new();
    for op in &plan.operators {
        let Some(span) = op
            .span
            .clone()
            .filter(|s| plan.source.get(s.clone()).is_some())
        else {
            continue;
        };
        match places.iter_mut().find(|(place, _)| *place == span) {
            Some((_, ops)) => ops.push(op.id.to_string()),
            None => places.push((span, vec![op.id.to_string()])),
        }
    }
    places.sort_by_key(|(place, _)| (place.start, std::cmp::Reverse(place.end)));
    let mut html = String::new();
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    let mut upto = |html: &mut String, to: usize| {
        html.push_str(&escape(&plan.source[at..to]));
        at = to;
    };
    for (place, ops) in &places {
        while let Some(&end) = open.last().filter(|&&end| end <= place.start) {
            upto(&mut html, end);
            html.push_str("</span>");
            open.pop();
        }
        if open.last().is_some_and(|&end| place.end > end) {
            // overlapping without nesting cannot be marked
            continue;
        }
        upto(&mut html, place.start);
        html.push_str(&format!(
            "<span class=\"at\" data-op=\"{}\">",
            ops.join(" ")
        ));
        open.push(place.end);
    }
    while let Some(end) = open.pop() {
        upto(&mut html, end);
        html.push_str("</span>");
    }
    upto(&mut html, plan.source.len());
    html
}

fn table(plan: &Plan) -> String {
    let mut rows = String::new();
    let slowest = plan.slowest();
    for op in &plan.operators {
        rows.push_str(&row(op, slowest));
    }
    let head = match plan.measured {
        true => "<th class=\"n\">rows</th><th class=\"n\">time</th><th></th>",
        false => "",
    };
    format!(
        "<table><tr><th></th><th>operator</th><th class=\"n\">at most</th><th class=\"n\">expected</th>{head}</tr>{rows}</table>"
    )
}

fn row(op: &Operator, slowest: u128) -> String {
    let measured = op.measured.map_or(String::new(), |(rows, us)| {
        format!(
            "<td class=\"n\">{rows}</td><td class=\"n\">{}</td><td class=\"w\"><div style=\"width:{:.1}%\"></div></td>",
            time(us),
            100.0 * us as f64 / slowest as f64,
        )
    });
    format!(
        "<tr data-op=\"{id}\"><td class=\"n\">#{id}</td><td title=\"{details}\">{label}</td><td class=\"n\">{most}</td><td class=\"n\">{expected}</td>{measured}</tr>",
        id = op.id,
        details = escape(&format!("{} at {}", op.details, op.place)),
        label = escape(&op.label),
        most = op.at_most.map_or("any".to_owned(), |n| n.to_string()),
        expected = op.expected,
    )
}
