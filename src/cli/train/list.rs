//! `igql train --list` and `--prune`: the versions there are.

use super::{Format, TrainArgs, show};
use crate::cli::grid::{self, Column, Grid};
use crate::cli::{Failure, out};
use crate::engine::Engine;
use crate::store::learned::{Attached, Manifest, Role, Room, Version};
use crate::train::headline;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

pub fn list(room: &Room, engine: &Engine, format: Format) -> Result<(), Failure> {
    let (versions, damaged) = room.versions();
    match format {
        Format::Table => out::print(&table(&versions, engine))?,
        Format::Json => {
            let versions: Vec<_> = versions.iter().map(|v| show::manifest(&v.manifest)).collect();
            let damaged: Vec<String> = damaged.iter().map(ToString::to_string).collect();
            let all = json!({ "versions": versions, "damaged": damaged });
            out::print(&format!("{all:#}\n"))?;
        }
    }
    damaged.iter().for_each(out::say);
    match damaged.is_empty() {
        true => Ok(()),
        false => Err(Failure::Said(crate::cli::DATA)),
    }
}

fn table(versions: &[Version], engine: &Engine) -> String {
    if versions.is_empty() {
        return "nothing was trained yet\n".to_owned();
    }
    let data = engine.snapshot().id();
    let cells = |f: &dyn Fn(&Version) -> String| versions.iter().map(f).collect::<Vec<_>>();
    let is_last = |v: &Version| {
        let (own, hash) = (&v.manifest, &v.manifest.declaration_hash);
        !versions.iter().any(|other| {
            let m = &other.manifest;
            (m.kind, &m.name, &m.entities, m.role) == (own.kind, &own.name, &own.entities, own.role)
                && m.n > own.n
                && m.declaration_hash == *hash
        })
    };
    let is_usable = |v: &Version| {
        let of = |m: &Manifest| (m.kind, m.label(), m.entities.clone(), m.role);
        let is_it = |a: &&Attached| of(&a.manifest) == of(&v.manifest);
        engine.snapshot().versions().iter().find(is_it).is_none_or(|a| engine.is_usable(a))
    };
    let reader = |v: &Version| {
        let label = format!("{} {}", v.manifest.kind.word(), v.manifest.label());
        let of = versions.iter().rev().find(|other| other.manifest.slices.contains(&label));
        of.map(|of| format!("read by {}", of.manifest.label()))
    };
    let state = |v: &Version| match v.manifest.role {
        Role::Slice => reader(v).unwrap_or_else(|| "read by none".to_owned()),
        _ if !is_usable(v) => "it cannot be used".to_owned(),
        _ if !is_last(v) => "superseded".to_owned(),
        _ if v.manifest.log.is_some() => "trained from a log".to_owned(),
        _ if v.manifest.snapshot != data => "the data has changed".to_owned(),
        _ if is_behind(versions, v) => "upstream is newer".to_owned(),
        _ => "up to date".to_owned(),
    };
    let now = since_1970();
    let columns = vec![
        Column::new("version", cells(&|v| label(&v.manifest))),
        Column::new("role", cells(&|v| v.manifest.role.word().to_owned())),
        Column::new("trained", cells(&|v| ago(now - v.manifest.trained))).whole(),
        Column::new("state", cells(&state)),
        Column::new("measured", cells(&|v| headline(&v.manifest))).whole(),
        Column::new("MB", cells(&|v| megabytes(v.manifest.weights.bytes))).right().whole(),
    ];
    Grid::new(columns, 2).draw(Some(grid::width().unwrap_or(WIDEST).min(WIDEST)))
}

/// Terminal columns of a list, wherever it goes.
const WIDEST: usize = 100;

fn label(manifest: &Manifest) -> String {
    format!("{} {}", manifest.kind.word(), manifest.label())
}

/// Whether there are newer versions of what it was made with.
fn is_behind(versions: &[Version], own: &Version) -> bool {
    own.manifest.upstream.iter().any(|read| {
        let is_it = |v: &&Version| label(&v.manifest) == *read;
        let Some(read) = versions.iter().find(is_it).map(|version| &version.manifest) else {
            return false;
        };
        versions.iter().map(|version| &version.manifest).any(|other| {
            let of = |m: &Manifest| (m.kind, m.entities.clone(), m.name.clone(), m.role);
            of(other) == of(read)
                && other.declaration_hash == read.declaration_hash
                && other.n > read.n
        })
    })
}

/// Microseconds.
fn since_1970() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// How long ago something was, in microseconds: in the largest unit that fits.
fn ago(us: i64) -> String {
    const MINUTE: i64 = 60_000_000;
    match us / MINUTE {
        ..1 => "just now".to_owned(),
        minutes @ ..60 => format!("{minutes} min ago"),
        minutes @ ..2_880 => format!("{} h ago", minutes / 60),
        minutes => format!("{} days ago", minutes / 1_440),
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

/// The versions that are neither among the newest of their declaration nor what one of these was made with, in order.
fn superfluous<'v>(versions: &'v [Version], keep: usize, only: &[String]) -> Vec<&'v Version> {
    let mut newer: HashMap<_, usize> = HashMap::new();
    let mut kept = HashSet::new();
    let mut refers: Vec<&Manifest> = Vec::new();
    for version in versions.iter().rev() {
        let m = &version.manifest;
        let of = (m.kind.word(), m.role.word(), &m.name, &m.entities, &m.declaration_hash);
        let number = newer.entry(of).or_default();
        let is_newest = *number < keep && m.role != Role::Slice;
        if is_newest || !(only.is_empty() || only.contains(&m.name)) {
            *number += 1;
            refers.push(m);
        }
    }
    while let Some(m) = refers.pop() {
        if kept.insert((m.kind, &m.entities, m.label())) {
            let is_read = |other: &&Manifest| {
                let label = format!("{} {}", other.kind.word(), other.label());
                m.upstream.contains(&label) || m.slices.contains(&label)
            };
            refers.extend(versions.iter().map(|version| &version.manifest).filter(is_read));
        }
    }
    let is_kept = |m: &Manifest| kept.contains(&(m.kind, &m.entities, m.label()));
    versions.iter().filter(|version| !is_kept(&version.manifest)).collect()
}

/// Removes all but the newest versions of each declaration, and what these were made with.
pub fn prune(room: &Room, keep: usize, args: &TrainArgs) -> Result<(), Failure> {
    let trainer = room.trainer(|| out::say("waiting for another training"))?;
    let (versions, _) = room.versions();
    let mut removed = Vec::new();
    for version in superfluous(&versions, keep, &args.only) {
        trainer.remove(version)?;
        removed.push(version.manifest.label());
    }
    match args.format {
        Format::Json => out::print(&format!("{:#}\n", json!({ "removed": removed })))?,
        Format::Table if removed.is_empty() => out::print("no version was removed\n")?,
        Format::Table => out::print(&format!("removed {}\n", removed.join(", ")))?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::ago;

    #[test]
    fn ages_are_told_in_the_largest_unit() {
        let minutes = [0, 1, 59, 60, 200, 2_879, 2_880];
        let all = minutes.map(|minutes| ago(minutes * 60_000_000));
        let wanted =
            ["just now", "1 min ago", "59 min ago", "1 h ago", "3 h ago", "47 h ago", "2 days ago"];
        assert_eq!(all, wanted);
        assert_eq!(ago(-5), "just now");
    }
}
