//! `igql check --experiments`: the layers of some programs, and who is in which experiment.

use super::grid::{Column, Grid};
use crate::check::{BUCKETS, Experiment};
use crate::source::Sources;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// The experiments of several programs, each once.
#[derive(Default)]
pub struct Declared(Vec<(String, Arc<Experiment>)>);

impl Declared {
    /// Adds those of a program that are not there yet: files that several import are the same files.
    pub fn add(&mut self, experiments: &[Arc<Experiment>], sources: &Sources) {
        for experiment in experiments {
            let name = &sources.get(experiment.span.source).name;
            let file = Path::new(&**name).canonicalize();
            let file = file.map_or_else(|_| name.to_string(), |file| file.display().to_string());
            if !self.0.iter().any(|(of, known)| *of == file && known.name == experiment.name) {
                self.0.push((file, experiment.clone()));
            }
        }
    }

    /// Layer by layer, in the order of the buckets.
    fn layers(&self) -> Vec<(&str, Vec<&Experiment>)> {
        let names: BTreeSet<&str> = self.0.iter().map(|(_, e)| e.layer.as_str()).collect();
        let layer = |name| {
            let of = self.0.iter().map(|(_, e)| &**e).filter(|e| e.layer == name);
            let mut of: Vec<&Experiment> = of.collect();
            of.sort_by_key(|e| e.buckets);
            (name, of)
        };
        names.into_iter().map(layer).collect()
    }

    /// For people.
    pub fn table(&self, width: Option<usize>) -> String {
        let rows: Vec<[String; 5]> =
            self.layers().into_iter().flat_map(|(layer, of)| rows(layer, &of)).collect();
        if rows.is_empty() {
            return "no experiments\n".to_owned();
        }
        let cells = |i: usize| rows.iter().map(move |row| row[i].clone());
        let columns = vec![
            Column::new("layer", cells(0)),
            Column::new("experiment", cells(1)),
            Column::new("buckets", cells(2)).right().whole(),
            Column::new("users", cells(3)).right().whole(),
            Column::new("arms", cells(4)),
        ];
        Grid::new(columns, 2).draw(width)
    }

    /// For machines.
    pub fn json(&self) -> Json {
        let layers = self.layers().into_iter().map(|(layer, of)| {
            let experiments: Vec<Json> = of.iter().map(|e| experiment(e)).collect();
            let free = free(&of).into_iter().map(|(a, b)| json!([a, b])).collect::<Vec<_>>();
            json!({"layer": layer, "experiments": experiments, "free": free})
        });
        layers.collect()
    }
}

fn experiment(e: &Experiment) -> Json {
    let arms = e.arms.iter().map(|arm| (arm.name.clone(), json!(arm.share)));
    json!({
        "name": e.name,
        "buckets": [e.buckets.0, e.buckets.1],
        "users": part_of_all(e.buckets),
        "salt": e.salt,
        "arms": arms.collect::<serde_json::Map<String, Json>>(),
    })
}

/// The lines of a layer: its experiments, and the buckets that none of them has.
fn rows(layer: &str, of: &[&Experiment]) -> Vec<[String; 5]> {
    let percent = |buckets| format!("{:.2} %", 100.0 * part_of_all(buckets));
    let range = |(first, last): (u32, u32)| format!("{first}..{last}");
    let used = of.iter().map(|e| {
        let arms: Vec<String> =
            e.arms.iter().map(|arm| format!("{} {}", arm.name, arm.share)).collect();
        let name = match e.salt.is_empty() {
            true => e.name.clone(),
            false => format!("{} (salt {:?})", e.name, e.salt),
        };
        (e.buckets, name, arms.join(", "))
    });
    let free = free(of).into_iter().map(|buckets| (buckets, "(free)".to_owned(), String::new()));
    let mut rows: Vec<_> = used.chain(free).collect();
    rows.sort_by_key(|(buckets, ..)| *buckets);
    let row =
        |(buckets, name, arms)| [layer.to_owned(), name, range(buckets), percent(buckets), arms];
    rows.into_iter().map(row).collect()
}

/// The share of all users that some buckets have.
fn part_of_all((first, last): (u32, u32)) -> f64 {
    f64::from(last - first + 1) / f64::from(BUCKETS)
}

/// The buckets that no experiment has, between those that some have, in order.
fn free(of: &[&Experiment]) -> Vec<(u32, u32)> {
    let mut free = Vec::new();
    let mut next = 0;
    for e in of {
        if e.buckets.0 > next {
            free.push((next, e.buckets.0 - 1));
        }
        next = next.max(e.buckets.1 + 1);
    }
    if next < BUCKETS {
        free.push((next, BUCKETS - 1));
    }
    free
}
