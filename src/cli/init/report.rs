//! What is said of a catalog that was written.

use super::find::Found;
use super::guess::{Link, World};
use super::table::{Doubt, Table};
use crate::cli::out;
use crate::visible::visible;
use std::path::Path;

/// What was found, what is doubtful, what was left out.
pub fn report(catalog: &Path, tables: &[Table], found: &Found, world: &World) {
    let file = |t: usize| visible(&tables[t].source.pattern).into_owned();
    out::say(format!(
        "{}: {}, {}",
        crate::catalog::shown(catalog),
        counted(world.entities.len(), "entity", "entities"),
        counted(world.edges.len(), "edge", "edges")
    ));
    for entity in &world.entities {
        let from = match entity.table {
            Some(t) => format!(
                "{}, {}",
                file(t),
                counted(tables[t].profile.rows, "row", "rows")
            ),
            None => counted(entity.keys.len(), "id found in links", "ids found in links"),
        };
        out::say(format!(
            "  entity {}: {from}, key `{}`",
            entity.name,
            visible(&entity.key)
        ));
    }
    for edge in &world.edges {
        let name = |l: &Link| &world.entities[l.entity].name;
        out::say(format!(
            "  edge {}: {}, {} -> {}",
            edge.name,
            file(edge.table),
            name(&edge.from),
            name(&edge.to)
        ));
    }
    let doubtful: Vec<(&Table, &Doubt)> = tables
        .iter()
        .flat_map(|t| t.doubts.iter().map(move |d| (t, d)))
        .collect();
    if !doubtful.is_empty() {
        out::say("problems in the data, and how the catalog handles them:");
    }
    for (table, doubt) in doubtful {
        let repair = match doubt.repair.as_str() {
            "" => String::new(),
            repair => format!(" ({repair})"),
        };
        out::say(format!(
            "  {}: {}{repair}",
            visible(&table.source.pattern),
            visible(&doubt.message)
        ));
        for row in &doubt.rows {
            out::say(format!("    {}", visible(row)));
        }
        if doubt.count > doubt.rows.len() && !doubt.rows.is_empty() {
            out::say(format!("    and {} more", doubt.count - doubt.rows.len()));
        }
    }
    for (at, why) in &world.left {
        out::say(format!("left out: {}: {why}", file(*at)));
    }
    for (name, why) in &found.left {
        out::say(format!("left out: {}: {}", visible(name), visible(why)));
    }
    if !found.others.is_empty() {
        let shown: Vec<String> = found
            .others
            .iter()
            .take(6)
            .map(|f| visible(f).into_owned())
            .collect();
        let more = match found.others.len() {
            n if n > 6 => format!(" and {} more", n - 6),
            _ => String::new(),
        };
        out::say(format!("no tables: {}{more}", shown.join(", ")));
    }
    out::say("review everything marked `guessed`");
}

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
