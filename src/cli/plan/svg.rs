//! The plan as SVG, with its own colours for light and dark.

use super::layout::{HEIGHT, Layout, WIDTH, layout};
use super::{Operator, Plan, clip, escape, time};
use std::collections::HashMap;

/// Colours, as variables that the page can share.
pub const COLOURS: &str = "\
:root{--paper:#ffffff;--ink:#1d2330;--soft:#667085;--line:#c9d0dc;--box:#f6f8fb;--read:#9aa4b5;\
--source:#2f7d5b;--fanout:#2b62c4;--narrow:#b4641a;--score:#8a3fb0;--other:#50617a;--bar:#d8482f;--mark:#fff3c4}\
@media(prefers-color-scheme:dark){:root{--paper:#12161d;--ink:#e6eaf2;--soft:#98a2b5;--line:#4b5872;--box:#1b212c;\
--read:#66718a;--source:#5fc598;--fanout:#7aa7ff;--narrow:#e9a15b;--score:#cf93ee;--other:#9fb0cc;--bar:#ff7a5f;--mark:#4a4015}}";

const STYLE: &str = "\
svg{font-family:system-ui,-apple-system,'Segoe UI',sans-serif;background:var(--paper)}\
.edge{fill:none;stroke:var(--line);stroke-width:1.6}.reads{stroke:var(--read);stroke-dasharray:4 4}\
.tip{fill:var(--line)}.op rect.box{fill:var(--box);stroke:var(--line)}\
.op.result rect.box{stroke:var(--ink);stroke-width:2}.op.on rect.box{fill:var(--mark)}\
.op .name{font-weight:600;font-size:14px;fill:var(--ink)}.op .id{font-size:11px;fill:var(--soft);text-anchor:end}\
.op.picked rect.box{stroke:var(--bar);stroke-width:2.5}.op:focus-visible{outline:none}.op:focus-visible rect.box{stroke:var(--fanout);stroke-width:2.5}\
.op .details{font-size:11.5px;fill:var(--soft)}.op .rows{font-size:11.5px;fill:var(--ink)}\
.op .took{font-size:11.5px;fill:var(--ink);text-anchor:end}.op .bar{fill:var(--bar)}\
.source .stripe{fill:var(--source)}.fanout .stripe{fill:var(--fanout)}.narrow .stripe{fill:var(--narrow)}\
.score .stripe{fill:var(--score)}.other .stripe{fill:var(--other)}";

/// A picture that stands alone.
pub fn svg(plan: &Plan) -> String {
    picture(plan, &format!("{COLOURS}{STYLE}"))
}

/// The picture with that style; the page brings the colours itself.
pub fn inner(plan: &Plan) -> String {
    picture(plan, STYLE)
}

fn picture(plan: &Plan, style: &str) -> String {
    let layout = layout(plan);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w:.0} {h:.0}\" width=\"{w:.0}\" height=\"{h:.0}\" role=\"img\" aria-label=\"plan of {}\">\n<style>{style}</style>\n",
        escape(&plan.query),
        w = layout.width,
        h = layout.height.max(1.0),
    );
    let index: HashMap<u32, usize> =
        plan.operators.iter().enumerate().map(|(i, o)| (o.id, i)).collect();
    for (i, op) in plan.operators.iter().enumerate() {
        for (from, class) in
            op.inputs.iter().map(|f| (f, "edge")).chain(op.reads.iter().map(|f| (f, "edge reads")))
        {
            if let Some(&from) = index.get(from) {
                text.push_str(&arrow(&layout, from, i, class));
            }
        }
    }
    let slowest = plan.slowest();
    for (op, &place) in plan.operators.iter().zip(&layout.places) {
        text.push_str(&operator(op, place, slowest));
    }
    text.push_str("</svg>\n");
    text
}

fn arrow(layout: &Layout, from: usize, to: usize, class: &str) -> String {
    let ((fx, fy), (tx, ty)) = (layout.places[from], layout.places[to]);
    let (x2, y2) = (tx + WIDTH / 2.0, ty - 7.0);
    let (mut x, mut y) = (fx + WIDTH / 2.0, fy + HEIGHT);
    let mut path = format!("M{x:.1} {y:.1}");
    for (lane, top) in layout.lane(from, to) {
        path.push_str(&curve((x, y), (lane, top)));
        (x, y) = (lane, top + HEIGHT);
        path.push_str(&format!("V{y:.1}"));
    }
    path.push_str(&curve((x, y), (x2, y2)));
    format!(
        "<path class=\"{class}\" d=\"{path}\"/><path class=\"tip\" d=\"M{:.1} {y2:.1}h8l-4 7z\"/>\n",
        x2 - 4.0,
    )
}

/// From one layer to the next, upright at both ends.
fn curve((x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> String {
    let middle = (y1 + y2) / 2.0;
    format!("C{x1:.1} {middle:.1} {x2:.1} {middle:.1} {x2:.1} {y2:.1}")
}

fn operator(op: &Operator, (x, y): (f64, f64), slowest: u128) -> String {
    let result = if op.result.is_some() { " result" } else { "" };
    let took = op.measured.map_or(String::new(), |(_, us)| {
        let width = (WIDTH - 16.0) * us as f64 / slowest as f64;
        format!(
            "<text class=\"took\" x=\"{:.0}\" y=\"60\">{}</text><rect class=\"bar\" x=\"10\" y=\"70\" rx=\"2\" width=\"{:.1}\" height=\"5\"/>",
            WIDTH - 8.0,
            time(us),
            width.max(1.0),
        )
    });
    format!(
        "<g class=\"op {kind}{result}\" data-op=\"{id}\" tabindex=\"0\" transform=\"translate({x:.1} {y:.1})\"><title>{title}</title>\
         <rect class=\"box\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\"/><rect class=\"stripe\" width=\"4\" height=\"{inner}\" y=\"8\" rx=\"2\"/>\
         <text class=\"name\" x=\"14\" y=\"22\">{label}</text><text class=\"id\" x=\"{right:.0}\" y=\"22\">{entity} #{id}</text>\
         <text class=\"details\" x=\"14\" y=\"41\">{details}</text><text class=\"rows\" x=\"14\" y=\"60\">{rows}</text>{took}</g>\n",
        kind = kind(op),
        id = op.id,
        title = escape(&format!("{} ({})\n{}\n{}", op.label, op.details, op.rows(), op.place)),
        inner = HEIGHT - 16.0,
        label = escape(&clip(&op.label, 24)),
        right = WIDTH - 8.0,
        entity = escape(&clip(&op.entity, 12)),
        details = escape(&clip(&op.details, 33)),
        rows = op.rows(),
    )
}

/// What an operator is for the eye.
fn kind(op: &Operator) -> &'static str {
    match op.label.split(' ').next().unwrap_or_default() {
        _ if op.inputs.is_empty() => "source",
        "walk" | "nn" => "fanout",
        "filter" | "take" | "sample" | "-" | "&" => "narrow",
        "score" | "rank" => "score",
        _ => "other",
    }
}
