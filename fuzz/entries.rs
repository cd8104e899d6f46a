//! What is fuzzed: a function per target, shared by the fuzzer and `tests/system/fuzz.rs`.
#![allow(dead_code, reason = "each target uses one")]

use igql::diag::Sink;
use igql::engine::Unit;
use igql::learn::trees::{Forest, Scratch};
use igql::ops::Limits;
use igql::source::SourceId;
use igql::store::{Options, verify};
use igql::{Engine, Request, syntax};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

const CATALOG: &str = r#"
[catalog]
viewer = "user"
[entity.user]
table = "users.csv"
key = "user_id"
[entity.account]
key = "account_id"
[entity.media]
table = "media.csv"
key = "media_id"
time = "created_at"
[entity.media.references]
author = { entity = "account", column = "author_id" }
[entity.media.columns]
tags = { type = "list[string]", separator = "|" }
[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "media", column = "media_id" }
time = "ts"
weight = "strength"
[edge.follows]
table = "follows.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "account", column = "account_id" }
[defaults]
seen = ["likes"]
now = 2024-05-01T00:00:00Z
"#;

const TABLES: [(&str, &str); 4] = [
    ("users.csv", "user_id,age,country\n1,30,DE\n2,,US\n3,41,DE\n"),
    (
        "media.csv",
        "media_id,author_id,created_at,quality,kind,tags\n10,7,2024-04-01,0.5,photo,a|b\n11,7,2024-04-02,,video,\n12,8,,0.1,photo,b\n",
    ),
    (
        "likes.csv",
        "user_id,media_id,ts,strength\n1,10,2024-04-03,1\n1,12,2024-04-04,2.5\n2,10,2024-04-05,\n",
    ),
    ("follows.csv", "user_id,account_id\n1,8\n3,7\n"),
];

/// A folder of this process.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("igql-fuzz-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    folder
}

fn world(name: &str) -> PathBuf {
    let folder = folder(name);
    write(&folder, "catalog.toml", CATALOG.as_bytes());
    TABLES.iter().for_each(|(file, text)| write(&folder, file, text.as_bytes()));
    folder
}

fn write(folder: &Path, file: &str, bytes: &[u8]) {
    std::fs::write(folder.join(file), bytes).expect("a temporary file");
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::open(world("engine")).expect("the world is sound"))
}

fn unit(text: &str) -> Unit<'_> {
    Unit::new("fuzz", text)
}

/// Lexing and parsing end, with a tree.
pub fn syntax(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let file = syntax::parse(&text, SourceId::default(), &mut Sink::default());
    syntax::dump(&file);
}

/// Checking ends, and every place that it names is in the text.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let compiled = engine().compile_unit(&unit(&text));
    igql::diag::render::draw(&compiled.diagnostics, &compiled.sources, false);
}

/// What is accepted runs, or hits a limit.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some(program) = engine().compile_unit(&unit(&text)).program else {
        return;
    };
    let limits = Limits { max_rows: 100_000, max_memory: Some(1 << 28), ..Limits::default() };
    let limits = limits.until(Instant::now() + Duration::from_secs(2));
    let requests = [Request::user(1), Request::user(99)];
    // a parameter without a value is an answer too
    let _ = engine().execute(&program, &requests, &limits.into());
}

/// A damaged snapshot is refused, or its checksums tell.
pub fn snapshot(data: &[u8]) {
    static WORLD: OnceLock<Mutex<PathBuf>> = OnceLock::new();
    let world = WORLD.get_or_init(|| Mutex::new(world("snapshot")));
    let world = world.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    std::fs::create_dir_all(world.join(".igql")).expect("a temporary folder");
    write(&world.join(".igql"), "snapshot", data);
    let _ = verify(&world, &Options::default());
}

/// The snapshot of the small world, to begin from.
pub fn sound_snapshot() -> Vec<u8> {
    let folder = world("sound");
    igql::store::build(&folder, &Options::default()).expect("the world is sound");
    std::fs::read(folder.join(".igql/snapshot")).expect("it was built")
}

/// The first byte chooses the format of the rest.
pub fn table(data: &[u8]) {
    const ENDINGS: [&str; 8] =
        ["csv", "jsonl", "parquet", "arrow", "csv.gz", "csv.zst", "npy", "safetensors"];
    static WORLD: OnceLock<Mutex<PathBuf>> = OnceLock::new();
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let world = WORLD.get_or_init(|| Mutex::new(world("table")));
    let world = world.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let ending = ENDINGS[usize::from(first.wrapping_sub(b'0')) % ENDINGS.len()];
    let file = format!("fuzzed.{ending}");
    write(&world, &file, rest);
    let catalog = match ending {
        "npy" | "safetensors" => format!(
            "{CATALOG}\n[embedding.v]\nentity = \"user\"\nfile = \"{file}\"\nmetric = \"cosine\"\n"
        ),
        _ => CATALOG.replace("users.csv", &file),
    };
    write(&world, "catalog.toml", catalog.as_bytes());
    if let Err(error) = igql::store::open(&world, &Options::default()) {
        assert!(!error.message.is_empty());
    }
}

/// Trees in a file of LightGBM or XGBoost score rows and explain them, or it is said why they do not.
pub fn trees(data: &[u8]) {
    for read in [Forest::lightgbm, Forest::xgboost] {
        match read(data) {
            Ok(forest) if forest.features() <= 1_000 => scored(&forest),
            Ok(_) => {}
            Err(wrong) => assert!(!wrong.to_string().is_empty()),
        }
    }
}

fn scored(forest: &Forest) {
    let column = [0.5, f64::NAN, 0.0, -3.0, 1e300, f64::NEG_INFINITY];
    let columns = vec![&column[..]; forest.features()];
    let (mut scratch, mut found) = (Scratch::default(), Vec::new());
    for raw in [false, true] {
        forest.score(&columns, column.len(), raw, &mut scratch, &mut found);
        assert_eq!(found.len(), column.len() * forest.outputs(raw));
    }
    forest.comparisons();
    for value in column {
        let row = vec![value; forest.features()];
        if let Some(explained) = forest.contributions(&row, 0) {
            assert_eq!(explained.features.len(), forest.features());
        }
    }
    if forest.rounds() > 1 {
        assert!(forest.after(1).trees() <= forest.trees());
    }
}
