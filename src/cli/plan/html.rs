//! The plan as one page that needs nothing else: the picture, the program and the definitions of
//! libraries beside it, the operators as a table. An operator and its places light up together.

use super::svg::{COLOURS, inner};
use super::{Operator, Plan, escape, time};
use std::ops::Range;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Nothing is fetched, whatever a program or its data say.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

pub fn html(plan: &Plan) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{query}</title><style>{COLOURS}\n{STYLE}</style></head>\n<body>\
         <header><h1>{query}</h1><p>{file}: {about}</p></header>\n<main><section><h2>Program</h2><pre>{source}</pre>\n\
         <h2>Operators</h2>{table}{library}</section>\n<section class=\"plan\"><div class=\"bar\"><h2>Plan</h2>{buttons}</div>\
         <div class=\"picture\" tabindex=\"0\" aria-label=\"plan: + and - zoom, 0 fits, arrows move\">{picture}</div></section></main>\
         <script>{SCRIPT}</script></body></html>\n",
        query = escape(&plan.query),
        file = escape(&plan.file),
        about = about(plan),
        source = marked(plan, &plan.source, 0, |op| op.places()),
        library = library(plan),
        table = table(plan),
        buttons = BUTTONS,
        picture = inner(plan),
    )
}

const BUTTONS: &str = "<button data-zoom=\"0.8\" title=\"smaller (-)\">−</button>\
    <button data-zoom=\"1.25\" title=\"larger (+)\">+</button>\
    <button data-zoom=\"fit\" title=\"the whole plan (0)\">Fit</button>\
    <button data-zoom=\"one\" title=\"as large as the text (1)\">1:1</button>";

fn about(plan: &Plan) -> String {
    let operators = match plan.operators.len() {
        1 => "1 operator".to_owned(),
        n => format!("{n} operators"),
    };
    match plan.requests {
        None => operators,
        Some(1) => format!("{operators}; {} in total", time(plan.total())),
        Some(n) => {
            format!("{operators}; {} in total, for {n} requests together", time(plan.total()))
        }
    }
}

/// A text that begins at a byte of its file, with the places of operators marked. A place of several
/// operators names them all.
fn marked(
    plan: &Plan,
    text: &str,
    start: usize,
    of: impl Fn(&Operator) -> Vec<Range<usize>>,
) -> String {
    let mut html = String::new();
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    let mut upto = |html: &mut String, to: usize| {
        html.push_str(&escape(&text[at..to]));
        at = to;
    };
    for (place, ops) in places(plan, text, start, of) {
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
        let ops = ops.join(" ");
        html.push_str(&format!("<span class=\"at\" data-op=\"{ops}\">"));
        open.push(place.end);
    }
    while let Some(end) = open.pop() {
        upto(&mut html, end);
        html.push_str("</span>");
    }
    upto(&mut html, text.len());
    html
}

/// Where operators are in a text, outer places before inner ones.
fn places(
    plan: &Plan,
    text: &str,
    start: usize,
    of: impl Fn(&Operator) -> Vec<Range<usize>>,
) -> Vec<(Range<usize>, Vec<String>)> {
    let mut places: Vec<(Range<usize>, Vec<String>)> = Vec::new();
    for op in &plan.operators {
        for span in of(op) {
            let inside = (span.start >= start).then(|| span.start - start..span.end - start);
            let Some(span) = inside.filter(|s| text.get(s.clone()).is_some()) else {
                continue;
            };
            match places.iter_mut().find(|(place, _)| *place == span) {
                Some((_, ops)) => ops.push(op.id.to_string()),
                None => places.push((span, vec![op.id.to_string()])),
            }
        }
    }
    places.sort_by_key(|(place, _)| (place.start, std::cmp::Reverse(place.end)));
    places
}

/// The definitions that operators come from, if they stand elsewhere.
fn library(plan: &Plan) -> String {
    if plan.definitions.is_empty() {
        return String::new();
    }
    let shown = plan.definitions.iter().enumerate().map(|(i, def)| {
        let of = |op: &Operator| match &op.definition {
            Some((known, span)) if *known == i => vec![span.clone()],
            _ => Vec::new(),
        };
        format!(
            "<h3>{}</h3><pre>{}</pre>",
            escape(&def.place),
            marked(plan, &def.text, def.start, of)
        )
    });
    format!("\n<div class=\"library\"><h2>From libraries</h2>{}</div>", shown.collect::<String>())
}

/// How far measured rows are from the expected ones, before it is worth a look.
const FAR: f64 = 4.0;

fn table(plan: &Plan) -> String {
    let slowest = plan.slowest();
    let rows: String = plan.operators.iter().map(|op| row(op, slowest)).collect();
    let head = |title: &str, class: &str| format!("<th{class}><button>{title}</button></th>");
    let number = " class=\"n\"";
    let mut heads = head("#", " class=\"n\" data-first=\"up\"") + &head("operator", "");
    let mut note = "";
    if plan.requests.is_some() {
        heads += &head("time", number);
        heads += "<th></th>";
        heads += &head("rows", number);
        note = "<p class=\"note\">Rows are those of a request, on average. An operator produces only rows that \
                are used, so it may have fewer than expected before a <code>take</code>.</p>";
    }
    heads += &head("expected", number);
    if plan.requests.is_some() {
        heads += &head("rows / expected", number);
    }
    heads += &(head("at most", number) + &head("arguments", ""));
    format!(
        "<div class=\"scroll\"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{note}"
    )
}

fn row(op: &Operator, slowest: u128) -> String {
    let cell = |value: f64, shown: String, class: &str| {
        format!("<td class=\"n{class}\" data-v=\"{value}\">{shown}</td>")
    };
    let expected = cell(op.expected as f64, op.expected.to_string(), "");
    let rows = op.measured.map_or(expected.clone(), |(rows, us)| {
        let ratio = rows as f64 / op.expected.max(1) as f64;
        let far = rows.max(op.expected) >= 10 && !(1.0 / FAR..=FAR).contains(&ratio);
        let shown = match ratio {
            r if r >= 10.0 => format!("{r:.0}×"),
            r => format!("{r:.2}×"),
        };
        let bar = 100.0 * us as f64 / slowest as f64;
        let bar = format!("<td class=\"w\"><div style=\"width:{bar:.1}%\"></div></td>");
        let rows = cell(rows as f64, rows.to_string(), "");
        let ratio = cell(ratio, shown, if far { " off" } else { "" });
        cell(us as f64, time(us), "") + &bar + &rows + &expected + &ratio
    });
    let most = op.at_most.map_or(f64::MAX, |n| n as f64);
    format!(
        "<tr data-op=\"{id}\" tabindex=\"0\">{number}<td>{label}</td>{rows}{most}<td class=\"d\" title=\"{title}\">{details}</td></tr>",
        id = op.id,
        number = cell(f64::from(op.id), format!("#{}", op.id), ""),
        label = escape(&op.label),
        details = escape(&op.details),
        title = escape(&format!("{}\n{}", op.details, op.place)),
        most = cell(most, op.at_most.map_or("any".to_owned(), |n| n.to_string()), ""),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::operator;
    use super::super::{Definition, Plan};
    use super::html;

    #[test]
    fn text_of_programs_and_data_stays_text() {
        let evil = "</script><img src=x onerror=\"alert(1)\">'&\u{1b}";
        let mut op = operator(1, &[]);
        op.label = evil.to_owned();
        op.details = evil.to_owned();
        op.entity = evil.to_owned();
        op.place = evil.to_owned();
        op.definition = Some((0, 3..9));
        let plan = Plan {
            query: evil.to_owned(),
            file: evil.to_owned(),
            source: evil.to_owned(),
            operators: vec![op],
            definitions: vec![Definition {
                place: evil.to_owned(),
                text: evil.to_owned(),
                start: 0,
            }],
            requests: Some(1),
        };
        let page = html(&plan);
        assert!(!page.contains("<img"), "{page}");
        assert!(!page.contains('\u{1b}'));
        assert_eq!(page.matches("</script>").count(), 1);
        let inside = page.matches("onerror=\"").count();
        assert_eq!(inside, 0, "{page}");
    }
}
