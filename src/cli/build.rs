//! `igql build`: the snapshot and the vector indexes.

use super::args::{MAX_THREADS, within};
use super::{Failure, Project, out};
use crate::catalog::schema::Schema;
use crate::store;
use clap::Args;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    igql build --catalog movies\n  \
    igql build --check")]
pub struct BuildArgs {
    /// Verify every checksum instead of building
    #[arg(long)]
    check: bool,
    /// The catalog file, or its folder [default: found by walking up from the working folder]
    #[arg(long, value_name = "PATH", help_heading = "Data and threads")]
    catalog: Option<PathBuf>,
    /// Keep `.igql/` in this folder instead of next to the catalog
    #[arg(long, value_name = "DIR", help_heading = "Data and threads")]
    cache: Option<PathBuf>,
    /// Threads to use, at most 1024 [default: all cores]
    #[arg(long, value_name = "N", help_heading = "Data and threads", value_parser = within(1, MAX_THREADS))]
    threads: Option<usize>,
}

impl BuildArgs {
    pub(super) fn project(&self) -> Project {
        Project {
            catalog: self.catalog.clone(),
            cache: self.cache.clone(),
            threads: self.threads,
            ..Project::default()
        }
    }
}

pub fn build(project: &Project, args: &BuildArgs) -> Result<(), Failure> {
    let catalog = project.find(None)?;
    let options = project.options();
    if args.check {
        store::verify(&catalog, &options)?;
        out::say("all checksums match");
        return Ok(());
    }
    let started = Instant::now();
    let report = store::build(&catalog, &options)?;
    let warnings = report.warnings.iter().filter(|_| report.rebuilt);
    warnings.for_each(|w| out::say(format_args!("{w}")));
    let engine = project.open(None)?;
    let state = match report.rebuilt {
        true => format!("built in {:.1} s", started.elapsed().as_secs_f64()),
        false => "up to date".to_owned(),
    };
    let (id, size) = (engine.snapshot().id(), report.size as f64 / 1e6);
    out::say(format_args!("{state}: snapshot {id} ({size:.1} MB)"));
    contents(engine.schema());
    for (name, size) in engine.snapshot().artifacts() {
        out::say(format_args!("  file {name}: {:.1} MB", size as f64 / 1e6));
    }
    Ok(())
}

/// What the snapshot has, a line each.
fn contents(schema: &Schema) {
    for entity in &schema.entities {
        let (name, rows, columns) = (&entity.name, entity.rows, entity.columns.len());
        out::say(format_args!("  entity {name}: {rows} rows, {columns} columns"));
    }
    for edge in schema.tables() {
        let (from, to) = (&schema.entity(edge.from).name, &schema.entity(edge.to).name);
        let (name, links) = (&edge.name, edge.links);
        out::say(format_args!("  edge {name}: {from} -> {to}, {links} links"));
    }
    for (_, embedding) in schema.spaces() {
        let entities = embedding.entities.iter();
        let names: Vec<&str> = entities.map(|&e| schema.entity(e).name.as_str()).collect();
        let neighbours = match embedding.neighbours {
            0 => String::new(),
            n => format!(", {n} neighbours of each"),
        };
        let (name, names) = (&embedding.name, names.join(", "));
        let (dim, metric) = (embedding.dim, embedding.metric);
        out::say(format_args!(
            "  embedding {name}: {names}, {dim} dimensions, {metric}{neighbours}"
        ));
    }
}
