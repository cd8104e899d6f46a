//! Runs every case of `tests/cases/**/*.md`; `tests/cases/README.md` explains them.

mod harness;
mod reference;

use harness::case::{Case, Table, cases};
use harness::output::{self, OutRow, Output};
use harness::{checks, notation, treatments};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files = Vec::new();
    find(&folder, &mut files);
    files.sort();
    let mut trials = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a file of cases");
        let name = file.strip_prefix(&folder).expect("a file in the folder").with_extension("");
        for case in cases(&name.to_string_lossy(), &text, &folder.join("worlds")) {
            trials.push(Trial::test(case.name.clone(), move || run(&case)));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of cases").flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|e| e == "md") && path.file_name().is_some_and(|n| n != "README.md") {
            files.push(path);
        }
    }
}

/// What is wrong is said with the program; panics are failures like others.
fn run(case: &Case) -> Result<(), Failed> {
    let result = std::panic::catch_unwind(|| judge(case));
    let said = |p: Box<dyn std::any::Any + Send>| match p.downcast::<String>() {
        Ok(text) => *text,
        Err(p) => p.downcast_ref::<&str>().map_or("panic", |t| t).to_owned(),
    };
    result.unwrap_or_else(|p| Err(said(p))).map_err(|why| Failed::from(format!("{why}\n\n{}", case.program)))
}

fn judge(case: &Case) -> Result<(), String> {
    let world = notation::world(&case.world);
    let folder = tempfile::tempdir().expect("a folder for the case");
    world.write_to(folder.path());
    for (name, text) in &case.files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file of the case");
    }
    checks::diagnostics(case, folder.path())?;
    if case.marks.iter().any(|m| m.code.starts_with('E')) {
        return Ok(());
    }
    if case.tables.is_empty() {
        return Err("the case expects nothing: neither errors nor rows".to_owned());
    }
    let read = |name: &str| case.files.iter().find(|f| f.0 == name).expect("the imported file").1.clone();
    let program = reference::Program::new(&case.program, &world, &read);
    let mut asked = Vec::new();
    for table in &case.tables {
        let request = request(&world, table);
        let answer = reference::run(&world, &program, &request);
        let answer = output::of_reference(&world, &request, &answer);
        matches(table, &answer)?;
        asked.push((request, answer, table.settings.approx));
    }
    treatments::compare(case, &world, folder.path(), &asked)
}

fn request(world: &reference::World, table: &Table) -> reference::Request {
    let settings = &table.settings;
    let strings = world.entities[world.viewer].string_keys;
    let key = |text: &String| match text.parse() {
        Ok(key) if !strings => igql::types::Key::Int(key),
        _ => igql::types::Key::Str(text.clone()),
    };
    reference::Request {
        viewer: settings.user.as_ref().map(key),
        now: settings.at,
        seed: settings.seed,
        params: settings.params.clone(),
        query: settings.query.clone(),
    }
}

/// Compares the columns that the table names with an answer.
fn matches(table: &Table, answer: &Output) -> Result<(), String> {
    let wanted = table.settings.list.as_ref();
    let (_, rows) = answer
        .iter()
        .find(|(name, _)| wanted.is_none() || name.as_ref() == wanted)
        .ok_or_else(|| format!("there is no list {wanted:?}"))?;
    let differs = |(expected, row): (&Vec<String>, &OutRow)| {
        table.header.iter().zip(expected).enumerate().any(|(i, (name, cell))| !agrees(i, name, cell, row, table))
    };
    if rows.len() != table.rows.len() || table.rows.iter().zip(rows).any(differs) {
        return Err(format!("the reference interpreter gives\n{}instead of\n{:?}", output::show(rows), table.rows));
    }
    Ok(())
}

/// The first column is the key; `score` and the others go by their names.
fn agrees(place: usize, name: &str, cell: &str, row: &OutRow, table: &Table) -> bool {
    let value = match name {
        _ if place == 0 => igql::types::Value::Id(row.key.clone()),
        "score" => row.score.map_or(igql::types::Value::Null, igql::types::Value::Float),
        name => row.columns.iter().find(|c| c.0 == name).unwrap_or_else(|| panic!("no column {name}")).1.clone(),
    };
    let shown = output::cell(&value);
    match (shown.parse::<f64>(), cell.parse::<f64>()) {
        (Ok(a), Ok(b)) if table.settings.approx => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0),
        (Ok(a), Ok(b)) => a == b,
        _ => shown == cell,
    }
}
