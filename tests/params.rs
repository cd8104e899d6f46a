//! Parameters of requests: their types from text and from Rust, and the ranges they declare.

use igql::types::Value;
use igql::{Engine, Key, Request, RunError};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PROGRAM: &str = r#"
param least: float in 0.0..1.0 = 0.5
param kinds: list[string] = ["photo"]
param days: duration = 7d
param only: list[id[media]] = []
param from: time = @2020-01-01
param v: vector[3] = null
param on: bool = true
policy low(limit: float in 0.0..1.0 = 0.2) on media = non_recommendable_score < limit
query main(n: int in 1..9 = 2, limit: float = 0.3) =
    all(media).filter(quality >= least, kind in kinds, low(limit + 0.1), on).take(n)
    .let(v=v, days=days, from=from, only=only)
"#;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/explore")
}

fn message(request: Request) -> String {
    let engine = Engine::open(example()).unwrap();
    let program = engine.compile(PROGRAM).unwrap();
    match engine.run(&program, &request) {
        Ok(answer) => format!("{} rows", answer.rows().len()),
        Err(RunError::Request(message)) => message,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn values_of_rust_become_parameters() {
    let request = Request::anonymous()
        .param("least", 0)
        .param("n", 3i64)
        .param("kinds", vec!["photo", "video"])
        .param("days", Value::Duration(1))
        .param("from", Value::Time(0))
        .param("only", vec![Key::Int(1)])
        .param("v", vec![1.0f32, 2.0, 3.0])
        .param("on", Some(true));
    assert_eq!(message(request), "3 rows");
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let refused = |name: &str, value: Value, say: &str| {
        let found = message(Request::anonymous().param(name, value));
        assert!(found.contains(say), "{name}: {found}");
    };
    refused("kinds", "photo".into(), "parameter `kinds` is list[string]");
    refused(
        "only",
        vec!["a"].into(),
        "parameter `only` is list[id[media]]",
    );
    refused("v", vec![1.0f32].into(), "found a vector of 1 numbers");
    refused("on", 1.into(), "parameter `on` is bool, found 1");
    refused("none", 1.into(), "has no parameter `none`");
}

#[test]
fn ranges_hold_for_requests_too() {
    let refused = |name: &str, value: Value, say: &str| {
        assert_eq!(message(Request::anonymous().param(name, value)), say);
    };
    refused(
        "least",
        1.5.into(),
        "parameter `least` must lie in 0.0..1.0, found 1.5",
    );
    refused("n", 0.into(), "parameter `n` must lie in 1..9, found 0");
    // through an argument of a policy
    refused(
        "limit",
        1.0.into(),
        "parameter `limit` must lie in 0.0..1.0, found 1.1",
    );
    refused("least", Value::Null, "0 rows");
}

fn run(params: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.igql");
    std::fs::write(&file, PROGRAM).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
    command
        .arg("--catalog")
        .arg(example())
        .arg("run")
        .arg(&file);
    for param in params {
        command.arg("--param").arg(param);
    }
    command.output().unwrap()
}

#[test]
fn the_command_line_reads_every_type() {
    let given = [
        "least=0.1",
        "n=1",
        "days=12h",
        "from=2024-05-01T12:00:00Z",
        "only=[1, 2]",
        "v=[1, 2.5, 3]",
        "on=true",
    ];
    for kinds in ["kinds=photo,video", "kinds=[\"photo\", \"video\"]"] {
        let mut params = given.to_vec();
        params.push(kinds);
        let output = run(&params);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let row = &json["results"][0];
        assert_eq!(row["v"], serde_json::json!([1.0, 2.5, 3.0]), "{row}");
        assert_eq!(row["only"], serde_json::json!([1, 2]), "{row}");
        assert_eq!(row["from"], "2024-05-01T12:00:00Z", "{row}");
    }
}

#[test]
fn wrong_values_on_the_command_line_are_wrong_usage() {
    for (param, say) in [
        ("least", "expected NAME=VALUE"),
        ("least=much", "expected float, found `much`"),
        ("least=inf", "expected float"),
        ("n=1.5", "expected int"),
        ("on=yes", "true or false"),
        ("days=7", "7d, 12h"),
        ("from=yesterday", "2024-05-01"),
        ("only=[1", "JSON"),
        ("only=a", "expected list[id[media]]"),
        ("v=1,2", "`v` is vector[3], found a list of 2 values"),
        ("n=77", "must lie in 1..9"),
        ("nothing=1", "has no parameter `nothing`"),
    ] {
        let output = run(&[param]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{param}: {text}");
        assert!(text.contains(say), "{param}: {text}");
    }
}
