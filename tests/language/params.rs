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
    refused("only", vec!["a"].into(), "parameter `only` is list[id[media]]");
    refused("v", vec![1.0f32].into(), "found a vector of 1 numbers");
    refused("on", 1.into(), "parameter `on` is bool, found 1");
    refused("none", 1.into(), "has no parameter `none`");
}

#[test]
fn ranges_hold_for_requests_too() {
    let refused = |name: &str, value: Value, say: &str| {
        assert_eq!(message(Request::anonymous().param(name, value)), say);
    };
    refused("least", 1.5.into(), "parameter `least` must lie in 0.0..1.0, found 1.5");
    refused("n", 0.into(), "parameter `n` must lie in 1..9, found 0");
    // through an argument of a policy
    refused("limit", 1.0.into(), "parameter `limit` must lie in 0.0..1.0, found 1.1");
    refused("least", Value::Null, "0 rows");
}

fn run(params: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.igql");
    std::fs::write(&file, PROGRAM).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
    command.arg("--catalog").arg(example()).arg("run").arg(&file);
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
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
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

/// Runs a program over the example with further arguments: exit code, standard output, standard error.
fn run_text(program: &str, args: &[&str], files: &[(&str, &str)]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.igql"), program).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_igql"))
        .current_dir(folder.path())
        .arg("--catalog")
        .arg(example())
        .args(["run", "p.igql", "--format", "csv"])
        .args(args)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap();
    (code, text(&output.stdout), text(&output.stderr))
}

#[test]
fn numbers_that_come_with_a_request_are_checked_like_literals() {
    let count = |what: &str| format!("param x: int = 3\n{what}");
    let span = |what: &str| format!("param x: duration = 3d\n{what}");
    let positive = "a number of at least 1";
    for (program, wrong, say) in [
        (count("all(media).take(x)"), "0", positive),
        (count("all(media).take(2, offset=x)"), "-1", "a number of at least 0"),
        (count("all(media).take(2, offset=x)"), "null", "found null"),
        (count("all(media).take(1, per=kind).sample(x)"), "-2", positive),
        (count("user.walk(likes, limit=x)"), "0", positive),
        (count("user.liked(x)"), "null", "found null"),
        (count("user.liked().nn(k=x)"), "-3", positive),
        (count("combine(user.liked(), user.saved(), take=x)"), "0", positive),
        (count("fallback(user.liked(), user.saved(), at_least=x)"), "0", positive),
        (count("user.liked_media().insert(user.saved_media(), every=x)"), "0", positive),
        (count("user.liked_media().slate(max=[kind: 1 in x])"), "0", positive),
        (
            count(
                "def some(rows: set[media], n: int = 4) -> set[media] = rows.take(n)\nuser.liked_media().some(x)",
            ),
            "-1",
            positive,
        ),
        (span("user.walk(likes, within=x)"), "-1d", "not negative, found -1d"),
        (span("all(media).let(n=count(~likes(it), within=x))"), "-12h", "not negative"),
        (span("all(media).score(decay(created_at, x))"), "0s", "a duration above 0s"),
    ] {
        let (code, _, error) = run_text(&program, &["--user", "5"], &[]);
        assert_eq!(code, 0, "{program}\n{error}");
        let param = format!("x={wrong}");
        let (code, _, error) = run_text(&program, &["--user", "5", "--param", &param], &[]);
        assert_eq!(code, 2, "{program}\n{error}");
        assert!(error.contains(say) && error.contains("`x`"), "{program}\n{error}");
    }
    let offset = count("all(media).take(2, offset=x)");
    let (code, ..) = run_text(&offset, &["--param", "x=0"], &[]);
    assert_eq!(code, 0);
}

#[test]
fn numbers_that_are_computed_count_as_0_with_a_warning() {
    let program = "param x: int = 3\nall(media).take(x - 5)";
    let (code, rows, error) = run_text(program, &[], &[]);
    assert_eq!((code, rows.lines().count()), (0, 1), "{error}");
    assert!(error.contains("`take`: `n` is -2, which counts as 0"), "{error}");
}

#[test]
fn the_int_that_stands_for_null_is_no_value() {
    let program = "param i: int = 1\nall(account).let(i=i).take(1)";
    let param = "i=-9223372036854775808";
    let (code, _, error) = run_text(program, &["--param", param], &[]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("reserved for null"), "{error}");
    let list = "param i: list[int] = [1]\nall(account).let(i=i).take(1)";
    let (code, ..) = run_text(list, &["--param", param], &[]);
    assert_eq!(code, 2);
}

const TUNED: &str = "tunable w in 0.0..5.0 = 1.0\ntunable n in 1..9 = 2\nparam p: float = 1.0\n\
                     all(media).score(w * p).take(n).select(w=w)";

#[test]
fn a_tunable_is_set_for_the_whole_run() {
    let run = |args: &[&str]| run_text(TUNED, args, &[]);
    let (code, rows, error) = run(&["--param", "w=2.5", "--param", "p=2", "--param", "n=3"]);
    assert_eq!((code, rows.lines().count()), (0, 4), "{error}");
    assert!(rows.contains(",5.0,2.5"), "{rows}");
    for (param, say) in [
        ("w=9", "must lie in 0.0..5.0, found 9.0"),
        ("n=0", "must lie in 1..9, found 0"),
        ("n=2.5", "whole number"),
        ("w=much", "a tunable is a number"),
        ("v=1", "no parameter `v`"),
    ] {
        let (code, _, error) = run(&["--param", param]);
        assert_eq!(code, 2, "{param}: {error}");
        assert!(error.contains(say), "{param}: {error}");
    }
    // a table of users says nothing of tunables
    let users = ("u.csv", "user_id,w,p\n5,2.0,3.0\n");
    let (code, rows, error) = run_text(TUNED, &["--users", "u.csv"], &[users]);
    assert_eq!(code, 0, "{error}");
    assert!(rows.contains(",3.0,1.0"), "{rows}");
    assert!(error.contains("the column `w` is not a parameter"), "{error}");
}

#[test]
fn the_library_compiles_with_tunables() {
    use igql::Tunables;
    let engine = Engine::open(example()).unwrap();
    let tuned = Tunables::new().set("w", 0.5).set("n", 1.0);
    let program = engine.compile_with(TUNED, &tuned).unwrap();
    let answer = engine.run(&program, &Request::anonymous()).unwrap();
    let scores: Vec<_> = answer.rows().iter().map(|row| row.score()).collect();
    assert_eq!(scores, [0.5]);
    // a request cannot
    let wrong = engine.run(&program, &Request::anonymous().param("w", 2.0));
    assert!(matches!(wrong, Err(RunError::Request(_))));
    for (name, value, code) in [("w", 6.0, "E0306"), ("n", 1.5, "E0306"), ("x", 1.0, "E0201")] {
        let error = engine.compile_with(TUNED, &Tunables::new().set(name, value));
        let error = error.err().unwrap();
        assert!(error.diagnostics.iter().any(|d| d.code.id == code), "{error}");
    }
}

#[test]
fn a_table_of_users_says_when_and_with_what() {
    let program = "param n: int = 1\nparam since: duration = 1d\nparam kinds: list[string] = []\n\
                   user.let(n=n, t=now, since=since, kinds=kinds)";
    let users = "user_id,at,n,since,kinds,note\n5,2024-03-01T12:00:00Z,7,2h,\"[\"\"a\"\", \"\"b\"\"]\",x\n6,,,,,y\n";
    let (code, rows, error) = run_text(
        program,
        &["--users", "u.csv", "--at", "2024-01-01", "--param", "n=3"],
        &[("u.csv", users)],
    );
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("the column `note` is not a parameter"), "{error}");
    let lines: Vec<&str> = rows.lines().collect();
    assert!(lines[1].contains("7,2024-03-01T12:00:00Z,"), "{rows}");
    assert!(lines[2].contains("3,2024-01-01T00:00:00Z,"), "{rows}");
    let wrong = "user_id,since\n5,soon\n";
    let (code, _, error) = run_text(program, &["--users", "u.csv"], &[("u.csv", wrong)]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("row 1") && error.contains("`since`"), "{error}");
}
