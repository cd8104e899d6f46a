//! Runs every case of `tests/cases/**/*.md`; `tests/cases/README.md` explains them.

use crate::harness::case::{Case, Table, cases};
use crate::harness::engine::Opened;
use crate::harness::output::{self, OutRow, Output};
use crate::harness::{checks, notation, treatments};
use crate::reference;
use libtest_mimic::{Failed, Trial};
use std::path::{Path, PathBuf};

pub fn trials() -> Vec<Trial> {
    let folder = folder();
    let mut trials = Vec::new();
    for file in files(&folder) {
        let text = std::fs::read_to_string(&file).expect("a file of cases");
        let name = file.strip_prefix(&folder).expect("a file in the folder").with_extension("");
        for case in cases(&name.to_string_lossy(), &text, &folder.join("worlds")) {
            let name = format!("cases/{}", case.name);
            trials.push(Trial::test(name, move || run(&case)));
        }
    }
    trials
}

/// Writes every table as the reference interpreter gives it.
pub fn write() {
    let folder = folder();
    for file in files(&folder) {
        write_tables(&file, &folder.join("worlds"));
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    find(folder, &mut files);
    files.sort();
    files
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of cases").flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|e| e == "md")
            && path.file_name().is_some_and(|n| n != "README.md")
        {
            files.push(path);
        }
    }
}

/// Writes every table of a file as the reference interpreter gives it, under the header that
/// stands there. What has changed is to be read before it is believed.
fn write_tables(file: &Path, worlds: &Path) {
    let text = std::fs::read_to_string(file).expect("a file of cases");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for case in cases("", &text, worlds).iter().rev() {
        let answers = || {
            let world = notation::world(&case.world);
            let folder = written(case, &world);
            reference_answers(case, &world, folder.path())
        };
        let Ok(answers) = std::panic::catch_unwind(answers) else {
            continue;
        };
        for (table, (_, answer)) in case.tables.iter().zip(answers).rev() {
            lines.splice(table.lines.clone(), tabulated(table, &answer));
        }
    }
    std::fs::write(file, lines.join("\n") + "\n").expect("the file is written");
}

fn tabulated(table: &Table, answer: &Output) -> Vec<String> {
    let row = |row: &OutRow| {
        table.header.iter().enumerate().map(|(i, n)| shown(i, n, row)).collect::<Vec<_>>()
    };
    let mut all = vec![table.header.clone()];
    all.extend(rows_of(table, answer).iter().map(row));
    let width = |i: usize| all.iter().map(|r| r[i].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table.header.len()).map(width).collect();
    let line = |r: &Vec<String>| {
        r.iter().zip(&widths).map(|(c, w)| format!("{c:w$}")).collect::<Vec<_>>().join("  ")
    };
    all.iter().map(|r| line(r).trim_end().to_owned()).collect()
}

/// What is wrong is said with the program; panics are failures like others.
fn run(case: &Case) -> Result<(), Failed> {
    let result = std::panic::catch_unwind(|| judge(case));
    let said = |p: Box<dyn std::any::Any + Send>| match p.downcast::<String>() {
        Ok(text) => *text,
        Err(p) => p.downcast_ref::<&str>().map_or("panic", |t| t).to_owned(),
    };
    result
        .unwrap_or_else(|p| Err(said(p)))
        .map_err(|why| Failed::from(format!("{why}\n\n{}", case.program)))
}

fn judge(case: &Case) -> Result<(), String> {
    let world = notation::world(&case.world);
    let folder = written(case, &world);
    checks::diagnostics(case, folder.path())?;
    let refused = case.marks.iter().any(|m| m.code.starts_with('E'));
    if case.tables.is_empty() {
        // a case about diagnostics may expect that there is none
        return if refused || case.name.starts_with("errors/") {
            Ok(())
        } else {
            Err("the case expects nothing: neither errors nor rows".to_owned())
        };
    }
    let asked = reference_answers(case, &world, folder.path());
    for (table, (_, answer)) in case.tables.iter().zip(&asked) {
        matches(table, answer)?;
    }
    // Errors and rows: what the engine does not have yet and says so.
    if refused {
        return Ok(());
    }
    let asked: Vec<_> =
        asked.into_iter().zip(&case.tables).map(|((r, a), t)| (r, a, t.settings.approx)).collect();
    treatments::compare(case, &world, folder.path(), &asked)
}

/// The world and the files of a case in a folder.
fn written(case: &Case, world: &reference::World) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for the case");
    world.write_to(folder.path());
    for (name, text) in &case.files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file of the case");
    }
    folder
}

/// The requests of the tables with what the reference interpreter answers.
fn reference_answers(
    case: &Case,
    world: &reference::World,
    folder: &Path,
) -> Vec<(reference::Request, Output)> {
    let read =
        |name: &str| case.files.iter().find(|f| f.0 == name).expect("the imported file").1.clone();
    let program = reference::Program::new(&case.program, world, &read);
    let engine = Opened::open(folder, 1);
    let answer = |table: &Table| {
        let request = request(world, table);
        let numbers = engine.numbers(&case.program, request.query.as_deref());
        let answer = reference::run(world, &program, &request, &numbers);
        let answer = output::of_reference(world, &request, &answer);
        (request, answer)
    };
    case.tables.iter().map(answer).collect()
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
        arms: settings.arms.clone(),
    }
}

/// The rows of the list that a table is about.
fn rows_of<'a>(table: &Table, answer: &'a Output) -> &'a [OutRow] {
    let wanted = table.settings.list.as_ref();
    let found = answer.iter().find(|(name, _)| wanted.is_none() || name.as_ref() == wanted);
    if found.is_none() && wanted.is_some_and(|wanted| wanted == output::ARMS) {
        return &[];
    }
    &found.unwrap_or_else(|| panic!("there is no list {wanted:?}")).1
}

/// Compares the columns that the table names with an answer.
fn matches(table: &Table, answer: &Output) -> Result<(), String> {
    let rows = rows_of(table, answer);
    let agrees = |(cells, row): (&Vec<String>, &OutRow)| {
        let mut pairs = table.header.iter().zip(cells).enumerate();
        cells.len() == table.header.len()
            && pairs.all(|(i, (name, cell))| agrees(&shown(i, name, row), cell, table))
    };
    if rows.len() != table.rows.len() || !table.rows.iter().zip(rows).all(agrees) {
        return Err(format!(
            "the reference interpreter gives\n{}",
            tabulated(table, answer).join("\n")
        ));
    }
    Ok(())
}

/// The cell of a column: the first is the key; `score` and the others go by their names.
fn shown(place: usize, name: &str, row: &OutRow) -> String {
    let column = || {
        row.columns
            .iter()
            .find(|c| c.0 == name)
            .unwrap_or_else(|| panic!("no column {name}"))
            .1
            .clone()
    };
    output::cell(&match name {
        _ if place == 0 => igql::types::Value::Id(row.key.clone()),
        "score" => row.score.map_or(igql::types::Value::Null, igql::types::Value::Float),
        _ => column(),
    })
}

fn agrees(found: &str, cell: &str, table: &Table) -> bool {
    match (found.parse::<f64>(), cell.parse::<f64>()) {
        (Ok(a), Ok(b)) if table.settings.approx => {
            (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
        }
        (Ok(a), Ok(b)) => a == b,
        // Cells with spaces are quoted in the file.
        _ => found == cell || found == format!("\"{cell}\""),
    }
}
