//! The formats of answers, and the files that users are read from, by way of the command.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, Int64Array, RecordBatch};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

const CATALOG: &str = r#"
[catalog]
viewer = "user"
[entity.user]
table = "users.csv"
key = "user_id"
[entity.post]
table = "posts.csv"
key = "slug"
[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "slug" }
[defaults]
now = 2024-05-01T00:00:00Z
"#;

const ONE: &str = "user.walk(likes).select(kind, made, n)";

struct World(tempfile::TempDir);

impl World {
    fn new(program: &str) -> World {
        let world = World(tempfile::tempdir().unwrap());
        world.file("catalog.toml", CATALOG);
        let users: String = (1..=3000).map(|n| format!("{n}\n")).collect();
        world.file("users.csv", &format!("user_id\n{users}"));
        world.file("posts.csv", "slug,kind,made,n\na,\"x, y\",2024-01-01T00:00:00Z,1\nb,,,\n");
        world.file("likes.csv", "user_id,slug\n1,a\n1,b\n2,b\n");
        world.file("p.igql", program);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
        command.current_dir(self.0.path()).arg("run").arg("p.igql");
        command.args(args).output().unwrap()
    }

    /// Standard output of a run that goes well.
    fn run(&self, args: &[&str]) -> String {
        let out = self.command(args);
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{args:?}: {errors}");
        String::from_utf8(out.stdout).unwrap()
    }

    fn parquet(&self, name: &str, batch: &RecordBatch) {
        let file = std::fs::File::create(self.path(name)).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
    }
}

fn parquet_rows(path: &Path) -> RecordBatch {
    let file = std::fs::File::open(path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
    let mut batches = reader.unwrap().build().unwrap();
    let first = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    first
}

#[test]
fn csv() {
    let world = World::new(ONE);
    let text = world.run(&["--user", "1", "--user", "2", "--format", "csv"]);
    let expected = "user,position,slug,score,kind,made,n\n\
                    1,1,a,1.0,\"x, y\",2024-01-01T00:00:00Z,1\n1,2,b,1.0,,,\n2,1,b,1.0,,,\n";
    assert_eq!(text, expected);
}

#[test]
fn pages_have_a_list_column() {
    let world = World::new("{ liked: user.walk(likes), posts: all(post).take(1).select(kind) }");
    let text = world.run(&["--user", "2", "--format", "csv"]);
    let expected =
        "user,list,position,slug,score,kind\n2,liked,1,b,1.0,\n2,posts,1,a,1.0,\"x, y\"\n";
    assert_eq!(text, expected);
}

#[test]
fn parquet_and_arrow() {
    let world = World::new(ONE);
    world.run(&["--user", "1", "-o", "out.parquet"]);
    world.run(&["--user", "1", "-o", "out.arrow"]);
    let table = parquet_rows(&world.path("out.parquet"));
    let names: Vec<_> = table.schema().fields().iter().map(|f| f.name().clone()).collect();
    let expected = ["user", "position", "slug", "score", "kind", "made", "n"];
    assert_eq!(names, expected);
    assert_eq!(table.column(0).as_primitive::<Int64Type>().values()[..], [1, 1]);
    let slugs = table.column(2).as_string::<i32>();
    assert_eq!((slugs.value(0), slugs.value(1)), ("a", "b"));
    assert_eq!(table.column(3).as_primitive::<Float64Type>().values()[..], [1.0, 1.0]);
    let counts = table.column(6).as_primitive::<Int64Type>();
    assert_eq!((counts.value(0), counts.is_null(1)), (1, true));
    let file = std::fs::File::open(world.path("out.arrow")).unwrap();
    let mut reader = arrow_ipc::reader::FileReader::try_new(file, None).unwrap();
    let batch = reader.next().unwrap().unwrap();
    assert_eq!(batch.columns(), table.columns());
}

#[test]
fn json_for_one_for_none_and_for_many() {
    let world = World::new(ONE);
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert!(parse(&world.run(&["--user", "1"])).is_object());
    world.file("none.txt", "\n");
    assert_eq!(world.run(&["--users", "none.txt"]), "[]\n");
    // more than a round of passes
    let many = parse(&world.run(&["--users", "all"]));
    let users: Vec<i64> =
        many.as_array().unwrap().iter().map(|a| a["user"].as_i64().unwrap()).collect();
    assert_eq!(users, (1..=3000).collect::<Vec<_>>());
    let lines = world.run(&["--users", "all", "--format", "ndjson"]);
    let lines: Vec<_> = lines.lines().map(parse).collect();
    assert_eq!(&lines, many.as_array().unwrap());
    assert_eq!(lines[1]["results"][0]["slug"], "b");
}

#[test]
fn users_from_files_of_any_format() {
    let world = World::new(ONE);
    let users = |name: &str| -> Vec<String> {
        let text = world.run(&["--users", name, "--format", "ndjson"]);
        let user = |line: &str| {
            let answer: serde_json::Value = serde_json::from_str(line).unwrap();
            answer["user"].to_string()
        };
        text.lines().map(user).collect()
    };
    world.file("lines.txt", "2\n\n1\r\n2\n");
    assert_eq!(users("lines.txt"), ["2", "1", "2"]);
    world.file("keys.csv", "age,user_id\n31,2\n45,1\n");
    assert_eq!(users("keys.csv"), ["2", "1"]);
    world.file("keys.tsv", "age\tuser_id\n31\t2\n");
    assert_eq!(users("keys.tsv"), ["2"]);
    world.file("keys.jsonl", "{\"user_id\": 1}\n{\"user_id\": 7777}\n");
    assert_eq!(users("keys.jsonl"), ["1", "7777"]);
    let keys = Arc::new(Int64Array::from(vec![2, 1]));
    let batch = RecordBatch::try_from_iter([("user_id", keys as _)]).unwrap();
    world.parquet("keys.parquet", &batch);
    assert_eq!(users("keys.parquet"), ["2", "1"]);
}

#[test]
fn unknown_users_are_a_warning() {
    let world = World::new(ONE);
    let out = world.command(&["--user", "7777", "--format", "csv"]);
    assert_eq!(out.status.code(), Some(0));
    let errors = String::from_utf8(out.stderr).unwrap();
    assert!(errors.contains("warning: user `7777` is not in `user`"), "{errors}");
    assert_eq!(String::from_utf8(out.stdout).unwrap().lines().count(), 1);
}

#[test]
fn users_files_that_are_wrong() {
    let world = World::new(ONE);
    let fails = |name: &str, code: i32, expected: &str| {
        let out = world.command(&["--users", name]);
        let errors = String::from_utf8(out.stderr).unwrap();
        assert!(errors.contains(expected), "{errors}");
        assert_eq!((out.status.code(), out.stdout.len()), (Some(code), 0));
    };
    fails("missing.txt", 2, "--users missing.txt: No such file");
    world.file("lines.txt", "1\nx\n");
    fails("lines.txt", 3, "lines.txt, line 2: expected an int key a line, found `x`");
    world.file("keys.csv", "user_id,age\n1,2\n,3\n");
    fails("keys.csv", 3, "keys.csv, row 2 (line 3), column `user_id`: the key is null");
    world.file("keys.jsonl", "{\"id\": 1}\n");
    fails("keys.jsonl", 3, "keys.jsonl: has no column `user_id`, the viewer's key");
    world.file("keys.parquet", "PAR1");
    fails("keys.parquet", 3, "keys.parquet: not a readable Parquet file");
}

#[test]
fn a_failed_run_leaves_the_file_of_before() {
    let world = World::new(ONE);
    world.file("out.csv", "before");
    let out = world.command(&["--user", "1", "-o", "out.csv", "--max-rows", "1"]);
    assert_eq!(out.status.code(), Some(4));
    assert_eq!(std::fs::read_to_string(world.path("out.csv")).unwrap(), "before");
    let files = std::fs::read_dir(world.0.path()).unwrap().flatten();
    let mut names = files.map(|f| f.file_name().into_string().unwrap());
    assert!(!names.any(|name| name.ends_with(".new")));
    let out = world.command(&["--user", "1", "-o", "no/such/folder.csv"]);
    assert_eq!(out.status.code(), Some(2));
}
