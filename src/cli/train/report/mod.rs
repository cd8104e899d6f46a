//! `igql train --report`: a page of what was trained and of what was up to date, with how each training went.

mod curves;
mod features;
mod heads;
mod links;
mod spaces;

use super::show;
use crate::cli::page;
use crate::cli::plan::escape;
use crate::engine::Engine;
use crate::store::learned::{Manifest, Version};
use crate::train::{Item, Outcome, duration, headline};
use crate::types::time;

const STYLE: &str = include_str!("report.css");

/// What a page tells: declarations with what became of them, among all versions that there are.
pub struct Told<'a> {
    pub items: &'a [Item],
    pub versions: &'a [Version],
    /// With the data, for names of rows.
    pub engine: &'a Engine,
}

pub fn page(told: &Told) -> String {
    let sections = told.items.iter().enumerate().map(|(number, item)| section(told, number, item));
    let sections: String = sections.collect();
    let noun = if told.items.len() == 1 { "declaration" } else { "declarations" };
    let body = format!(
        "<h1>Training of {names}</h1><p>{count} {noun}; igql {version}</p>{contents}{summary}{sections}",
        names = escape(&names(told.items)),
        count = told.items.len(),
        version = env!("CARGO_PKG_VERSION"),
        contents = contents(told.items),
        summary = summary(told.items),
    );
    page::page("Training", STYLE, &body)
}

fn names(items: &[Item]) -> String {
    match items {
        [] => "nothing".to_owned(),
        items => items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn title(item: &Item) -> String {
    let name = show::version(item).map_or(item.name.clone(), Manifest::label);
    format!("{} {name}", item.kind.word())
}

/// Links to the sections, if there are several.
fn contents(items: &[Item]) -> String {
    if items.len() < 2 {
        return String::new();
    }
    let entry = |(number, item): (usize, &Item)| {
        format!("<li><a href=\"#t{number}\">{}</a></li>", escape(&title(item)))
    };
    format!("<nav><ul>{}</ul></nav>", items.iter().enumerate().map(entry).collect::<String>())
}

fn summary(items: &[Item]) -> String {
    let row = |item: &Item| {
        let version = show::version(item);
        let of = |f: &dyn Fn(&Manifest) -> String| version.map_or(String::new(), f);
        let was = item.state.reason().unwrap_or("up to date");
        table_row(&[
            (&title(item), ""),
            (&item.entities.join(", "), ""),
            (was, ""),
            (outcome(item), ""),
            (&show::holds(item), "n"),
            (&of(&headline), ""),
            (&of(&|version| duration(version.seconds)), "n"),
            (&of(&|version| format!("{:.1}", version.weights.bytes as f64 / 1e6)), "n"),
        ])
    };
    let heads = ["", "on", "was", "now", "holds|", "measured", "took|", "MB|"];
    table(&heads, &items.iter().map(row).collect::<String>())
}

fn outcome(item: &Item) -> &'static str {
    match &item.outcome {
        Outcome::Trained(_) => "trained",
        Outcome::Kept(_) => "kept",
        Outcome::Due { .. } => "due",
        Outcome::Failed(_) => "failed",
    }
}

/// A table that may be wider than the page; names that end with `|` are of numbers.
pub(super) fn table(heads: &[&str], rows: &str) -> String {
    let head = |name: &&str| match name.strip_suffix('|') {
        Some(name) => format!("<th class=\"n\">{}</th>", escape(name)),
        None => format!("<th>{}</th>", escape(name)),
    };
    let heads: String = heads.iter().map(head).collect();
    format!(
        "<div class=\"scroll\"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

/// Cells, each with its class.
pub(super) fn table_row(cells: &[(&str, &str)]) -> String {
    let cell = |(text, class): &(&str, &str)| match *class {
        "" => format!("<td>{}</td>", escape(text)),
        class => format!("<td class=\"{class}\">{}</td>", escape(text)),
    };
    format!("<tr>{}</tr>", cells.iter().map(cell).collect::<String>())
}

fn section(told: &Told, number: usize, item: &Item) -> String {
    let heading = format!("<h2>{}</h2>", escape(&title(item)));
    let body = match (show::version(item), &item.outcome) {
        (Some(version), _) => version_of(told, version),
        (None, Outcome::Failed(why)) => {
            let why = escape(why).replace('\n', "<br>");
            format!("<p class=\"alarm\">{why}</p><p>{}</p>", escape(&item.declaration))
        }
        (None, _) => format!("<p>{}</p>", escape(&item.declaration)),
    };
    format!("<section id=\"t{number}\">{heading}{body}</section>")
}

fn version_of(told: &Told, version: &Manifest) -> String {
    let what = what(version);
    let Some(course) = &version.course else {
        return format!("{what}{}{}", old(version), measured(version));
    };
    let parts = [
        page::warnings(&course.notes),
        curves::section(&course.curves),
        heads::section(&course.heads),
        // metrics of heads stand in their table
        if course.heads.is_empty() { measured(version) } else { String::new() },
        features::section(&course.features, &course.heads),
        spaces::section(told, version, &course.spaces),
        course.links.as_ref().map_or(String::new(), links::section),
    ];
    what + &parts.concat()
}

/// What a version of before does not have.
fn old(version: &Manifest) -> String {
    let name = escape(&version.name);
    format!(
        "<p>This version was trained by igql {}, which kept no course of its training: there are no learning curves, bins of \
         reliability, features, neighbours or degrees to show. <code>igql train --again --only {name}</code> makes a version \
         that has them.</p>",
        escape(&version.igql)
    )
}

/// What a version is, and what it was made of.
fn what(version: &Manifest) -> String {
    let shown = |us: i64| time::text(us).unwrap_or_else(|| us.to_string());
    let counts = version.counts.iter().map(|(name, count)| format!("{name} {count}"));
    let log = version.log.as_ref().map(|log| format!("{} rows, xxh3 {}", log.rows, log.xxh3));
    let all = [
        ("declaration", in_a_line(&version.declaration), "op"),
        ("on", version.entities.join(", "), ""),
        ("role", version.role.word().to_owned(), ""),
        ("made with", version.upstream.join(", "), ""),
        ("its examples read", version.slices.join(", "), ""),
        ("from the log", log.unwrap_or_default(), ""),
        ("links before", shown(version.until), ""),
        ("trained", format!("{}, in {}", shown(version.trained), duration(version.seconds)), ""),
        ("seed", version.seed.to_string(), ""),
        ("counts", counts.collect::<Vec<_>>().join(", "), ""),
        ("weights", format!("{} bytes, xxh3 {}", version.weights.bytes, version.weights.xxh3), ""),
        ("data", version.snapshot.clone(), ""),
        ("engine", format!("igql {}", version.igql), ""),
    ];
    let known = all.iter().filter(|(_, text, _)| !text.is_empty());
    let entry = |(name, text, class): &(&str, String, &str)| {
        format!("<dt>{name}</dt><dd class=\"{class}\">{}</dd>", escape(text))
    };
    format!("<dl>{}</dl>", known.map(entry).collect::<String>())
}

/// A declaration without what was left of its lines: `mlp( lr=0.1, )` as `mlp(lr=0.1)`. Strings stay as they are.
fn in_a_line(declaration: &str) -> String {
    let closer = |text: &str| {
        let mut text = text.to_owned();
        for (open, close) in [("(", ")"), ("[", "]"), ("{", "}")] {
            text = text.replace(&format!("{open} "), open);
            text = text.replace(&format!(", {close}"), close).replace(&format!(" {close}"), close);
        }
        text
    };
    let parts = declaration.split('"').enumerate();
    let parts = parts.map(|(i, part)| if i % 2 == 0 { closer(part) } else { part.to_owned() });
    parts.collect::<Vec<_>>().join("\"")
}

/// All metrics of a version, by part where they have one.
fn measured(version: &Manifest) -> String {
    if version.metrics.is_empty() {
        return String::new();
    }
    let row = |(name, value): (&String, &f64)| table_row(&[(name, ""), (&shown(*value), "n")]);
    let rows: String = version.metrics.iter().map(row).collect();
    let note = match version.learner.as_str() {
        "distill" => {
            "<p>ndcg is how well the order of the teacher is kept, and best_kept the share of its best 25 that is among the \
             best 50 here.</p>"
        }
        _ => "",
    };
    format!("<h3>Metrics</h3>{note}{}", table(&["metric", "value|"], &rows))
}

/// A number for people.
pub(super) fn shown(value: f64) -> String {
    match value {
        value if value == value.trunc() && value.abs() < 1e9 => format!("{value}"),
        value if value.abs() >= 1e6 || value.abs() < 1e-3 => format!("{value:.2e}"),
        value if value.abs() >= 100.0 => format!("{value:.1}"),
        value => format!("{value:.4}"),
    }
}

/// A share for people.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or(String::new(), |share| format!("{:.1} %", 100.0 * share))
}

#[cfg(test)]
mod tests {
    use super::in_a_line;

    #[test]
    fn declarations_are_written_in_a_line() {
        let declared = "mlp( dense=[ a, b, ], heads={ p: kind == \"x( , )\", }, )";
        assert_eq!(in_a_line(declared), "mlp(dense=[a, b], heads={p: kind == \"x( , )\"})");
    }
}
