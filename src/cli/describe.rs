//! `igql describe`: what the catalog has, drawn for people or as JSON.

use super::{Failure, Project, out, values};
use crate::catalog::schema::{KeyType, Now};
use crate::describe::{
    self, Column, Degrees, Description, Edge, Embedding, Entity, Learned, Thing,
};
use crate::engine::Engine;
use crate::types::Value;
use crate::visible::visible;
use crate::wire;
use clap::{Args, ValueEnum};
use serde_json::{Value as Json, json};
use std::fmt::Write;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    igql describe\n  \
    igql describe movie.title\n  \
    igql describe ratings --format json")]
pub struct DescribeArgs {
    /// An entity, an edge, an embedding, a column (`movie.title`), or what was learned [default: everything]
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten, next_help_heading = "Data and threads")]
    pub(super) project: Project,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One object
    Json,
}

pub fn describe(project: &Project, args: &DescribeArgs) -> Result<(), Failure> {
    out::print(&shown(&project.open(None)?, args)?)
}

/// What is shown of an open catalog.
pub fn shown(engine: &Engine, args: &DescribeArgs) -> Result<String, Failure> {
    let snapshot = engine.snapshot();
    let Some(name) = &args.name else {
        let all = describe::describe(snapshot);
        return Ok(match args.format {
            Format::Text => catalog(&all),
            Format::Json => pretty(&catalog_json(&all)),
        });
    };
    let found = describe::find(snapshot, name);
    let found = found.map_err(|near| Failure::Usage(unknown(name, near, snapshot.schema())))?;
    Ok(match args.format {
        Format::Text => thing(&found),
        Format::Json => pretty(&thing_json(&found)),
    })
}

/// What to say of a name that the catalog does not have.
pub fn unknown(
    name: &str,
    near: Option<String>,
    schema: &crate::catalog::schema::Schema,
) -> String {
    let help = near.map_or_else(
        || format!("it has {}", describe::names(schema).join(", ")),
        |near| format!("did you mean `{}`?", visible(&near)),
    );
    format!("the catalog has no `{}`\nhelp: {help}", visible(name))
}

/// What a terminal shows in a line at most.
const WIDTH: usize = 80;

/// A whole catalog as text.
pub fn catalog(all: &Description) -> String {
    let mut out = head(all);
    let entities = all.entities.iter().map(self::entity);
    let edges = all.edges.iter().map(self::edge);
    let embeddings = all.embeddings.iter().map(self::embedding);
    for section in entities.chain(edges).chain(embeddings) {
        let _ = write!(out, "\n{section}");
    }
    if !all.learned.is_empty() {
        out += "\nlearned\n";
    }
    for learned in &all.learned {
        let _ = writeln!(out, "  {}", self::learned(learned));
    }
    if !all.derived.is_empty() {
        out += "\nderived files\n";
    }
    for (name, size) in &all.derived {
        let _ = writeln!(out, "  {} ({})", visible(name), bytes(*size));
    }
    if !all.skipped.is_empty() {
        out += "\nskipped or suspicious when the snapshot was built\n";
    }
    for warning in &all.skipped {
        let said = format!("{}: {}", warning.file, warning.message);
        out += &wrapped(&visible(&said));
    }
    out
}

/// How much the catalog has, and its defaults.
fn head(all: &Description) -> String {
    let mut out = format!(
        "catalog {}: {}, {}, {}\n",
        visible(&all.name),
        count(all.entities.len() as u64, "entity", "entities"),
        count(all.edges.len() as u64, "edge", "edges"),
        count(all.embeddings.len() as u64, "embedding", "embeddings"),
    );
    let _ = writeln!(out, "  requests come from `{}`", visible(&all.viewer));
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(out, "  {key}: {value}");
    };
    line("now", &now(all));
    let defaults = &all.defaults;
    if !defaults.seen.is_empty() {
        line("seen", &visible(&defaults.seen.join(", ")));
    }
    if let Some(shown) = &defaults.impressions {
        line("impressions", &visible(shown));
    }
    if !defaults.required_policies.is_empty() {
        let policies = defaults.required_policies.join(", ");
        line("required policies", &visible(&policies));
    }
    let _ = writeln!(out, "  snapshot {} ({})", all.snapshot, bytes(all.size));
    out
}

/// A long remark in lines that a terminal shows whole.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut line = String::from("  ");
    for word in text.split(' ') {
        if length(&line) + length(word) > WIDTH && !line.trim().is_empty() {
            out += line.trim_end();
            out.push('\n');
            line = String::from("    ");
        }
        line += word;
        line.push(' ');
    }
    out + line.trim_end() + "\n"
}

fn now(all: &Description) -> String {
    let time = |us: i64| show(&Value::Time(us));
    match (all.defaults.now, all.latest) {
        (Now::Clock, _) => "the clock".to_owned(),
        (Now::Latest, Some(latest)) => {
            let what = match all.edges.iter().any(|edge| edge.time.is_some()) {
                true => "link",
                false => "row, as no link has a time",
            };
            format!("just after the newest {what} ({})", time(latest))
        }
        (Now::Latest, None) => "just after the newest link (none has a time)".to_owned(),
        (Now::At(at), _) => time(at),
    }
}

/// One thing of a catalog as text.
pub fn thing(thing: &Thing) -> String {
    match thing {
        Thing::Entity(e) => entity(e),
        Thing::Edge(e) => edge(e),
        Thing::Embedding(e) => embedding(e),
        Thing::Learned(l) => learned(l) + "\n",
        Thing::Column(of, c) => format!(
            "column {}.{}\n{}",
            visible(of),
            visible(&c.name),
            columns(std::slice::from_ref(c))
        ),
    }
}

fn learned(learned: &Learned) -> String {
    let newest = learned.newest();
    format!(
        "{} {} on {}: {} by {}, of links before {}; {}",
        learned.kind,
        visible(&learned.name),
        visible(&learned.entities.join(", ")),
        visible(&newest.label()),
        visible(&newest.learner),
        show(&Value::Time(newest.until)),
        count(learned.versions.len() as u64, "version", "versions"),
    )
}

fn entity(entity: &Entity) -> String {
    let mut out =
        format!("entity {}: {}\n", visible(&entity.name), count(entity.rows, "row", "rows"));
    if let Some(time) = &entity.time {
        let _ = writeln!(out, "  visible from `{}` on", visible(time));
    }
    out += &columns(&entity.columns);
    for reference in &entity.references {
        let _ = writeln!(
            out,
            "  {} -> {}: {}",
            visible(&reference.name),
            visible(&reference.entity),
            degrees(&reference.degrees)
        );
    }
    out
}

fn edge(edge: &Edge) -> String {
    let (from, to) = (visible(&edge.from.entity), visible(&edge.to.entity));
    let (name, links) = (visible(&edge.name), count(edge.links, "link", "links"));
    let mut out = format!("edge {name}: {from} -> {to}, {links}\n");
    for (role, end) in [("from", &edge.from), ("to", &edge.to)] {
        let (entity, column) = (visible(&end.entity), visible(&end.column));
        let _ = writeln!(out, "  {role} {entity} ({column}): {}", degrees(&end.degrees));
    }
    for (role, column) in [("time", &edge.time), ("weight", &edge.weight)] {
        let Some(column) = column else { continue };
        let nulls = match column.nulls {
            0 => String::new(),
            n => format!(", {} null", number(n)),
        };
        let name = match column.name == role {
            true => role.to_owned(),
            false => format!("{role} ({})", visible(&column.name)),
        };
        let _ = writeln!(out, "  {name}: {}{nulls}", told(column));
    }
    out + &columns(&edge.columns)
}

fn embedding(embedding: &Embedding) -> String {
    let mut out = format!(
        "embedding {}: {} dimensions, {}\n",
        visible(&embedding.name),
        embedding.dim,
        embedding.metric
    );
    if embedding.neighbours > 0 {
        let _ = writeln!(out, "  {} precomputed neighbours each", embedding.neighbours);
    }
    for part in &embedding.parts {
        let missing = match part.missing {
            0 => String::new(),
            1 => ", 1 row is without".to_owned(),
            n => format!(", {} rows are without", number(n)),
        };
        let _ = writeln!(
            out,
            "  {}: {}{missing}",
            visible(&part.entity),
            count(part.vectors, "vector", "vectors")
        );
    }
    out
}

fn degrees(degrees: &Degrees) -> String {
    if degrees.rows == 0 {
        return "no links".to_owned();
    }
    let each = match degrees.min == degrees.max {
        true => count(degrees.max.into(), "link each", "links each"),
        false => format!(
            "{} to {} links each (median {})",
            number(degrees.min.into()),
            number(degrees.max.into()),
            number(degrees.median.into())
        ),
    };
    match degrees.without {
        0 => each,
        1 => format!("{each}, 1 row has none"),
        n => format!("{each}, {} rows have none", number(n)),
    }
}

/// A line a column: name, type, nulls, and its range or examples.
fn columns(columns: &[Column]) -> String {
    let cells: Vec<[String; 3]> = columns
        .iter()
        .map(|c| {
            let nulls = match c.nulls {
                0 => String::new(),
                n => format!("{} null", number(n)),
            };
            [clip(&visible(&c.name), 28), clip(&c.ty, 16), nulls]
        })
        .collect();
    let widths: Vec<usize> =
        (0..3).map(|at| cells.iter().map(|c| length(&c[at])).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for (column, cells) in columns.iter().zip(&cells) {
        let mut line = String::from("  ");
        for (cell, width) in cells.iter().zip(&widths).filter(|(_, w)| **w > 0) {
            let _ = write!(line, "{cell}{}", " ".repeat(width - length(cell) + 2));
        }
        let left = WIDTH.saturating_sub(length(&line)).max(12);
        line += &clip(&told(column), left);
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// The range of a column, or what stands in it.
fn told(column: &Column) -> String {
    match &column.range {
        Some((least, most)) if least == most => format!("always {}", show(least)),
        Some((least, most)) => format!("{} to {}", show(least), show(most)),
        None => {
            let examples = column.examples.iter().map(show);
            examples.collect::<Vec<_>>().join(", ")
        }
    }
}

/// A value in a line: texts in quotes, lists in brackets.
fn show(value: &Value) -> String {
    match value {
        Value::Str(text) => format!("\"{}\"", clip(&visible(text), 40)),
        Value::List(items) => {
            let shown = items.iter().map(show).collect::<Vec<_>>();
            format!("[{}]", shown.join(", "))
        }
        Value::Vector(numbers) => {
            let first = numbers.iter().take(3).map(|x| values::float(f64::from(*x)));
            let first = first.collect::<Vec<_>>().join(", ");
            let more = if numbers.len() > 3 { ", .." } else { "" };
            format!("[{first}{more}]")
        }
        other => visible(&values::short(other)).into_owned(),
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn clip(text: &str, most: usize) -> String {
    if length(text) <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Thousands apart: `100,004`.
fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        _ => format!("{:.1} MB", n as f64 / 1e6),
    }
}

fn pretty(json: &Json) -> String {
    format!("{json:#}\n")
}

fn catalog_json(all: &Description) -> Json {
    json!({
        "name": all.name,
        "viewer": all.viewer,
        "now": match all.defaults.now {
            Now::Clock => json!("clock"),
            Now::Latest => json!("latest"),
            Now::At(at) => wire::values::value(&Value::Time(at)),
        },
        "newest_link": wire::values::value(&all.newest_link.map_or(Value::Null, Value::Time)),
        "seen": all.defaults.seen,
        "impressions": all.defaults.impressions,
        "required_policies": all.defaults.required_policies,
        "snapshot": all.snapshot,
        "bytes": all.size,
        "entities": all.entities.iter().map(entity_json).collect::<Vec<_>>(),
        "edges": all.edges.iter().map(edge_json).collect::<Vec<_>>(),
        "embeddings": all.embeddings.iter().map(embedding_json).collect::<Vec<_>>(),
        "learned": all.learned.iter().map(learned_json).collect::<Vec<_>>(),
        "derived": all.derived.iter().map(|(name, bytes)| json!({"name": name, "bytes": bytes})).collect::<Vec<_>>(),
        "skipped": all.skipped,
    })
}

fn thing_json(thing: &Thing) -> Json {
    let (kind, mut json) = match thing {
        Thing::Entity(e) => ("entity", entity_json(e)),
        Thing::Edge(e) => ("edge", edge_json(e)),
        Thing::Embedding(e) => ("embedding", embedding_json(e)),
        Thing::Learned(l) => (l.kind, learned_json(l)),
        Thing::Column(of, c) => {
            let mut json = column_json(c);
            json["of"] = of.as_str().into();
            ("column", json)
        }
    };
    json["kind"] = kind.into();
    json
}

fn learned_json(learned: &Learned) -> Json {
    let time = |us: i64| wire::values::value(&Value::Time(us));
    let version = |m: &std::sync::Arc<crate::store::learned::Manifest>| {
        json!({
            "version": m.label(), "learner": m.learner, "until": time(m.until),
            "trained": time(m.trained),
        })
    };
    json!({
        "name": learned.name, "entities": learned.entities,
        "versions": learned.versions.iter().map(version).collect::<Vec<_>>(),
        "kind": learned.kind,
    })
}

fn entity_json(entity: &Entity) -> Json {
    let reference = |r: &describe::Reference| {
        json!({
            "name": r.name, "column": r.column, "entity": r.entity, "nulls": r.nulls,
            "degrees": degrees_json(&r.degrees),
        })
    };
    json!({
        "name": entity.name,
        "rows": entity.rows,
        "key": entity.columns.first().map(|c| &c.name),
        "key_type": match entity.key_type {
            KeyType::Int => "int",
            KeyType::String => "string",
        },
        "time": entity.time,
        "columns": entity.columns.iter().map(column_json).collect::<Vec<_>>(),
        "references": entity.references.iter().map(reference).collect::<Vec<_>>(),
    })
}

fn edge_json(edge: &Edge) -> Json {
    let end = |end: &describe::End| {
        json!({
            "entity": end.entity, "column": end.column, "degrees": degrees_json(&end.degrees),
        })
    };
    json!({
        "name": edge.name,
        "links": edge.links,
        "from": end(&edge.from),
        "to": end(&edge.to),
        "time": edge.time.as_ref().map(column_json),
        "weight": edge.weight.as_ref().map(column_json),
        "columns": edge.columns.iter().map(column_json).collect::<Vec<_>>(),
    })
}

fn embedding_json(embedding: &Embedding) -> Json {
    let part = |p: &describe::Part| json!({"entity": p.entity, "vectors": p.vectors, "missing": p.missing});
    json!({
        "name": embedding.name,
        "dim": embedding.dim,
        "metric": embedding.metric,
        "neighbours": embedding.neighbours,
        "entities": embedding.parts.iter().map(part).collect::<Vec<_>>(),
    })
}

fn column_json(column: &Column) -> Json {
    let (min, max) = column.range.clone().unwrap_or((Value::Null, Value::Null));
    json!({
        "name": column.name,
        "type": column.ty,
        "nulls": column.nulls,
        "min": wire::values::value(&min),
        "max": wire::values::value(&max),
        "examples": column.examples.iter().map(wire::values::value).collect::<Vec<_>>(),
    })
}

fn degrees_json(degrees: &Degrees) -> Json {
    json!({
        "rows": degrees.rows,
        "without": degrees.without,
        "min": degrees.min,
        "median": degrees.median,
        "max": degrees.max,
    })
}
