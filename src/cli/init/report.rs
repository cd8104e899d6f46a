//! What is said of a catalog that was written.

use super::find::Found;
use super::guess::{Link, World};
use super::table::{Doubt, Table};
use crate::visible::visible;
use std::path::Path;

/// What was found, what is doubtful, what was left out: a line each.
pub fn report(catalog: &Path, tables: &[Table], found: &Found, world: &World) -> Vec<String> {
    let catalog = crate::catalog::shown(catalog);
    let entities = counted(world.entities.len(), "entity", "entities");
    let edges = counted(world.edges.len(), "edge", "edges");
    let mut lines = vec![format!("{catalog}: {entities}, {edges}")];
    sections(&mut lines, tables, world);
    doubts(&mut lines, tables);
    left_out(&mut lines, tables, found, world);
    lines.push("review everything marked `guessed`".to_owned());
    lines
}

/// The entities and edges, with where they come from.
fn sections(lines: &mut Vec<String>, tables: &[Table], world: &World) {
    for entity in &world.entities {
        let from = match entity.table.map(|t| &tables[t]) {
            Some(table) => {
                let rows = counted(table.profile.rows, "row", "rows");
                format!("{}, {rows}", visible(&table.source.pattern))
            }
            None => counted(entity.keys.len(), "id found in links", "ids found in links"),
        };
        let (name, key) = (&entity.name, visible(&entity.key));
        lines.push(format!("  entity {name}: {from}, key `{key}`"));
    }
    for edge in &world.edges {
        let end = |l: &Link| &world.entities[l.entity].name;
        let (name, file) = (&edge.name, visible(&tables[edge.table].source.pattern));
        let (from, to) = (end(&edge.from), end(&edge.to));
        lines.push(format!("  edge {name}: {file}, {from} -> {to}"));
    }
}

fn doubts(lines: &mut Vec<String>, tables: &[Table]) {
    let doubts = tables.iter().flat_map(|t| t.doubts.iter().map(move |d| (t, d)));
    let doubts: Vec<(&Table, &Doubt)> = doubts.collect();
    if !doubts.is_empty() {
        lines.push("problems in the data, and how the catalog handles them:".to_owned());
    }
    for (table, doubt) in doubts {
        let repair = match doubt.repair.as_str() {
            "" => String::new(),
            repair => format!(" ({repair})"),
        };
        let file = visible(&table.source.pattern);
        lines.push(format!("  {file}: {}{repair}", visible(&doubt.message)));
        for row in &doubt.rows {
            lines.push(format!("    {}", visible(row)));
        }
        if doubt.count > doubt.rows.len() && !doubt.rows.is_empty() {
            lines.push(format!("    and {} more", doubt.count - doubt.rows.len()));
        }
    }
}

fn left_out(lines: &mut Vec<String>, tables: &[Table], found: &Found, world: &World) {
    for (at, why) in &world.left {
        let file = visible(&tables[*at].source.pattern);
        lines.push(format!("left out: {file}: {why}"));
    }
    for (name, why) in &found.left {
        lines.push(format!("left out: {}: {}", visible(name), visible(why)));
    }
    if !found.others.is_empty() {
        let shown = found.others.iter().take(6).map(|f| visible(f).into_owned());
        let shown: Vec<String> = shown.collect();
        let more = match found.others.len() {
            n if n > 6 => format!(" and {} more", n - 6),
            _ => String::new(),
        };
        lines.push(format!("no tables: {}{more}", shown.join(", ")));
    }
}

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
