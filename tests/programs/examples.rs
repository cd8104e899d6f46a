//! Every program of `examples/` on its real catalog: the engine must give what the reference
//! interpreter gives, to the bit, for some users. Embeddings are learnt first. A program with models that are trained is
//! only checked: the reference knows none.
//!
//! `EXAMPLES` names another folder of catalogs; `EXAMPLES_USERS` how many users (default 3).

use crate::harness::engine::Opened;
use crate::harness::output;
use crate::reference::{self, Program, Request, World};
use igql::{Engine, Unit};
use libtest_mimic::{Failed, Trial};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// 2024-05-01, when the generated data ends.
const NOW: i64 = 1_714_521_600_000_000;

pub fn trials() -> Vec<Trial> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let folder = std::env::var_os("EXAMPLES").map_or(own, PathBuf::from);
    let mut trials = Vec::new();
    for catalog in folders(&folder) {
        for program in programs(&catalog) {
            let file = program.strip_prefix(&folder).expect("a file of the examples");
            let name = format!("examples/{}", file.display());
            let catalog = catalog.clone();
            trials
                .push(Trial::test(name, move || compare(&catalog, &program).map_err(Failed::from)));
        }
    }
    assert!(!trials.is_empty(), "{} has no catalog with a program", folder.display());
    trials
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").flatten().map(|e| e.path()).collect();
    files.sort();
    files
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    files(folder).into_iter().filter(|f| f.join("catalog.toml").exists()).collect()
}

/// The programs of a folder and the folders in it; not the prelude, nor what is derived.
fn programs(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in files(folder) {
        let name = file.file_name().expect("a name").to_string_lossy();
        if file.is_dir() && !name.starts_with('.') {
            found.extend(programs(&file));
        } else if file.is_file() && name.ends_with(".igql") && name != "prelude.igql" {
            found.push(file);
        }
    }
    found
}

fn compare(catalog: &Path, file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).expect("the program");
    if TRAINED.iter().any(|kind| text.contains(kind)) {
        return checked(catalog, file, &text);
    }
    let prelude = std::fs::read_to_string(catalog.join("prelude.igql")).unwrap_or_default();
    let engine = opened(catalog, &text);
    let world = World::from_snapshot(engine.snapshot(), &prelude);
    let program = Program::new(&text, &world, &|path| {
        std::fs::read_to_string(catalog.join(path)).expect("an import")
    });
    let requests = requests(&world);
    let numbers = engine.numbers(&text, None);
    let found = engine.run(&text, &requests)?;
    for (request, found) in requests.iter().zip(&found) {
        let answer = reference::run(&world, &program, request, &numbers);
        let expected = output::of_reference(&world, request, &answer);
        if let Some(difference) = output::difference(&expected, found, false) {
            return Err(format!("{request:?}: {difference}"));
        }
    }
    Ok(())
}

/// The kinds of models that are trained.
const TRAINED: [&str; 4] = ["= mlp(", "= mtml(", "= distill(", "= classifier("];

/// A program passes where nothing is trained.
fn checked(catalog: &Path, file: &Path, text: &str) -> Result<(), String> {
    let engine = Engine::open(catalog).expect("the catalog");
    let name = file.display().to_string();
    let unit = Unit::new(&name, text);
    let assumed = engine.assuming_trained(&unit).map_err(|e| e.to_string())?;
    let found = assumed.expect("something that is learnt").compile_unit(&unit).diagnostics;
    let codes: Vec<&str> = found.iter().map(|d| d.code.id).collect();
    if codes.is_empty() { Ok(()) } else { Err(format!("{codes:?}")) }
}

/// What a catalog learns is learnt once, and kept beside the tests.
fn opened(catalog: &Path, text: &str) -> Opened {
    static TRAINING: Mutex<()> = Mutex::new(());
    let _one = TRAINING.lock().unwrap_or_else(PoisonError::into_inner);
    let name = catalog.file_name().expect("a name");
    let derived = Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples").join(name);
    Opened::trained(catalog, &derived, 2, text)
}

/// Users from all over the table, one of them in the past, and one whom it does not have.
fn requests(world: &World) -> Vec<Request> {
    let keys = &world.entities[world.viewer].keys;
    let n = std::env::var("EXAMPLES_USERS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(3)
        .min(keys.len());
    let request =
        |key: &igql::Key| Request { viewer: Some(key.clone()), now: NOW, ..Request::default() };
    let mut requests: Vec<Request> = (0..n).map(|i| request(&keys[i * keys.len() / n])).collect();
    let past = NOW - 45 * 86_400_000_000;
    requests.push(Request { now: past, ..requests[0].clone() });
    requests.push(request(&igql::Key::Int(-1)));
    requests
}
