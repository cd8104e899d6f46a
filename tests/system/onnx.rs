//! Networks in files of ONNX: what programs that name one get, and what is said of those that do not fit.

use super::models::world;
use super::train::{program, run};
use igql::{Engine, Request, Value};
use std::fs;
use std::path::Path;

fn put(folder: &Path, names: &[&str]) {
    for name in names {
        let file = format!("{name}.onnx");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx").join(&file);
        fs::copy(from, folder.join(file)).unwrap();
    }
}

const SUM: &str =
    "model total on post = onnx(\"any_width.onnx\", inputs={x: [length, live, w]}, heads={t: y})\n";

#[test]
fn a_network_scores_rows_by_what_it_is_given() {
    let world = world();
    put(world.path(), &["any_width"]);
    let page = format!("{SUM}all(post).let(w=0.5).rank(total).let(n=length, on=live).take(90)\n");
    for batch in ["", ", batch=1", ", batch=7"] {
        let page = page.replace(", heads", &format!("{batch}, heads"));
        let engine = Engine::open(world.path()).unwrap();
        let answer = engine.run(&engine.compile(&page).unwrap(), &Request::user(1)).unwrap();
        assert_eq!(answer.rows().len(), 90);
        for row in answer.rows() {
            let (Some(Value::Int(n)), Some(Value::Bool(on))) = (row.get("n"), row.get("on")) else {
                panic!("{row:?}")
            };
            let expected = *n as f64 + f64::from(u8::from(*on)) + 0.5;
            assert_eq!((row.score(), row.get("t")), (expected, Some(&Value::Float(expected))));
        }
    }
}

#[test]
fn a_missing_value_is_no_zero() {
    let world = world();
    put(world.path(), &["any_width", "flat_ids"]);
    let posts = fs::read_to_string(world.path().join("posts.csv")).unwrap();
    let line = posts.lines().find(|line| line.starts_with("p07,")).unwrap();
    let parts: Vec<&str> = line.split(',').collect();
    let blank = format!("p07,{},,{},{}", parts[1], parts[3], parts[4]);
    fs::write(world.path().join("posts.csv"), posts.replace(line, &blank)).unwrap();
    let engine = Engine::open(world.path()).unwrap();
    // null is NaN for floats, and of an int there is no number to give
    let ids = "model total on post = onnx(\"flat_ids.onnx\", inputs={id: length - length, x: [1, 1.0, 0.5]}, heads={t: y})\n";
    for model in [SUM, ids] {
        let page = format!("{model}all(post).let(w=0.5).rank(total).take(90)\n");
        let answer = engine.run(&engine.compile(&page).unwrap(), &Request::user(1)).unwrap();
        let null = |row: &igql::Row| row.score_or_null().is_none();
        let nulls: Vec<String> =
            answer.rows().iter().filter(null).map(|row| row.key().to_string()).collect();
        assert_eq!(nulls, ["p07"]);
    }
    let large = ids.replace("length - length", "length * 100000000000");
    let page = format!("{large}all(post).filter(length > 1).rank(total).take(9)\n");
    let error = engine.run(&engine.compile(&page).unwrap(), &Request::user(1)).unwrap_err();
    assert!(error.to_string().contains("does not fit into 32 bits"), "{error}");
}

#[test]
fn a_program_keeps_the_file_that_it_was_compiled_with() {
    let world = world();
    put(world.path(), &["two_outputs", "relu"]);
    let model = "model m on post = onnx(\"two_outputs.onnx\", inputs={x: [0.1, 0.2, 0.3, length / 100.0]}, heads={a: [y, 0], b: [y, 2], best: best})\n";
    let page = format!("{model}all(post).rank(m, value=a + b).take(3).select(a, b, best)\n");
    let engine = Engine::open(world.path()).unwrap();
    let program = engine.compile(&page).unwrap();
    let before = engine.run(&program, &Request::user(1)).unwrap();
    let version = before.versions.iter().find(|v| v.starts_with("m@")).unwrap().clone();
    fs::copy(world.path().join("relu.onnx"), world.path().join("two_outputs.onnx")).unwrap();
    let after = engine.run(&program, &Request::user(1)).unwrap();
    assert_eq!(after.versions, before.versions);
    assert!(after.rows().iter().zip(before.rows()).all(|(a, b)| a.score() == b.score()));
    assert!(engine.reload().unwrap().compile(&page).is_err(), "{version}");
}

#[test]
fn what_does_not_fit_a_network_is_said_with_its_place() {
    let world = world();
    put(world.path(), &["relu", "ids", "two_outputs", "four_at_a_time"]);
    let whole = fs::read(world.path().join("relu.onnx")).unwrap();
    fs::write(world.path().join("short.onnx"), &whole[..100]).unwrap();
    for (call, code, said) in [
        ("\"rely.onnx\", inputs={x: [1]}, heads={p: y}", "E0503", "did you mean `relu.onnx`"),
        ("\"short.onnx\", inputs={x: [1]}, heads={p: y}", "E0503", "cut short"),
        ("\"posts.csv\", inputs={x: [1]}, heads={p: y}", "E0503", "no ONNX file"),
        ("\"relu.onnx\", heads={p: y}", "E0303", "its inputs are x: 4 numbers"),
        ("\"relu.onnx\", inputs={x: [1, 2, 3]}, heads={p: y}", "E0504", "takes 4 numbers, found 3"),
        ("\"relu.onnx\", inputs={z: [1, 2, 3, 4]}, heads={p: y}", "E0504", "no input `z`"),
        (
            "\"ids.onnx\", inputs={x: [1, 2, 3, 4]}, heads={p: y}",
            "E0504",
            "input `id` of `ids.onnx` is not given",
        ),
        ("\"ids.onnx\", inputs={id: quick, x: [1, 2, 3, 4]}, heads={p: y}", "E0203", "quick"),
        (
            "\"ids.onnx\", inputs={id: 0.5, x: [1, 2, 3, 4]}, heads={p: y}",
            "E0302",
            "takes ints, not float",
        ),
        (
            "\"relu.onnx\", inputs={x: [kind, 2, 3, 4]}, heads={p: y}",
            "E0302",
            "numbers and vectors, not string",
        ),
        ("\"relu.onnx\", inputs={x: [1, 2, 3, 4]}, heads={p: z}", "E0504", "its outputs are y"),
        (
            "\"relu.onnx\", inputs={x: [1, 2, 3, 4]}, heads={p: [y, 1]}",
            "E0504",
            "1 numbers for a row",
        ),
        (
            "\"two_outputs.onnx\", inputs={x: [1, 2, 3, 4]}, heads={p: y}",
            "E0504",
            "write `[y, 0]` to `[y, 2]`",
        ),
        ("\"relu.onnx\", inputs={x: [1, 2, 3, 4]}, heads={p: y}, batch=0", "E0306", "in 1..65536"),
        (
            "\"four_at_a_time.onnx\", inputs={x: [1, 2, 3, 4]}, heads={p: y}, batch=5",
            "E0504",
            "takes 4 rows at a time",
        ),
        (
            "\"relu.onnx\", inputs={x: [1, 2, 3, 4]}, heads={p: y}, bach=5",
            "E0304",
            "did you mean `batch`",
        ),
        ("\"relu.onnx\", inputs={x: [1, 2, 3, 4]}, heads={}", "E0504", "`heads` is empty"),
    ] {
        program(
            world.path(),
            &format!("model m on post = onnx({call})\nall(post).rank(m).take(2)\n"),
        );
        let (exit, _, text) = run(world.path(), &["check", "page.igql"]);
        assert_eq!(exit, Some(1), "{call}: {text}");
        assert!(text.contains(code) && text.contains(said), "{call}: {text}");
    }
}

#[test]
fn a_plan_says_what_a_network_multiplies() {
    let world = world();
    put(world.path(), &["relu", "any_width"]);
    let relu =
        "model m on post = onnx(\"relu.onnx\", inputs={x: [1, 2, 3, length]}, heads={t: y})\n";
    program(world.path(), &format!("{relu}all(post).rank(m).take(9)\n"));
    let (code, out, said) = run(world.path(), &["explain", "page.igql"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        out.contains(": about 90 rows x 4 features, 40 multiply-adds each, 3600 in all"),
        "{out}"
    );
    // a sum has no cost that is known
    program(world.path(), &format!("{SUM}all(post).let(w=0.5).rank(total).take(9)\n"));
    let (_, out, _) = run(world.path(), &["explain", "page.igql"]);
    assert!(out.contains("rank(total") && !out.contains(" each, "), "{out}");
}
