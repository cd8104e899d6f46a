//! Models that learn the order of another: their lists, when they are out of date, and in which files they can stand.

use super::models::world;
use super::train::{program, run, trained};
use igql::{Engine, Request};
use serde_json::Value as Json;
use std::fs;
use std::path::Path;

const TEACHER: &str = "model final on post = formula(length / 10 + count(~likes(it)))\n";
const STUDENT: &str = "model first on post = distill(of=final, candidates=pool(), \
    features=[length, count(~likes(it))], requests=60, epochs=30)\n";
const POOL: &str = "def pool() -> set[post] = all(post).filter(kind != \"text\")\n";

fn state(folder: &Path, file: &str, name: &str) -> String {
    let (code, out, said) = run(folder, &["train", file, "--dry-run", "--format", "json"]);
    assert_eq!(code, Some(0), "{said}");
    let report: Json = serde_json::from_str(&out).unwrap();
    let items = report["items"].as_array().unwrap();
    let item = items.iter().find(|item| item["name"] == name).unwrap();
    item["stale"].as_str().unwrap_or("fresh").to_owned()
}

fn write(folder: &Path, file: &str, text: &str) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn the_order_of_a_teacher_is_kept() {
    let world = world();
    let page = format!(
        "{TEACHER}{POOL}{STUDENT}all(post).rank(first).let(own=score).rank(final).let(of=score, own=own).take(90)\n"
    );
    program(world.path(), &page);
    let report = trained(world.path(), &[]);
    let version = &report["items"][0]["version"];
    assert_eq!(version["counts"]["lists"], 60);
    let metric = |name: &str| version["metrics"][name].as_f64().unwrap();
    assert_eq!((metric("test.lists"), metric("validation.lists")), (12.0, 12.0));
    assert!(metric("test.ndcg") > 0.98 && metric("test.best_kept") > 0.95, "{version}");
    for places in [25, 50] {
        let kept = metric(&format!("test.value_kept@{places}"));
        assert!((0.95..=1.0 + 1e-6).contains(&kept), "{version}");
    }
    // the first pass of the student has nearly the teacher's order
    let engine = Engine::open(world.path()).unwrap();
    let answer = engine.run(&engine.compile(&page).unwrap(), &Request::user(3)).unwrap();
    let number = |value: Option<&igql::Value>| match value {
        Some(igql::Value::Float(x)) => *x,
        other => panic!("{other:?}"),
    };
    let rows: Vec<(f64, f64)> =
        answer.rows().iter().map(|r| (number(r.get("of")), number(r.get("own")))).collect();
    assert_eq!((rows.len(), answer.versions.as_slice()), (90, &["first@1".to_owned()][..]));
    let pairs =
        rows.iter().enumerate().flat_map(|(i, a)| rows[i + 1..].iter().map(move |b| (a, b)));
    let agree = pairs.clone().filter(|(a, b)| (a.0 > b.0) == (a.1 > b.1)).count();
    assert!(agree * 10 > pairs.count() * 9, "{agree}");
    // the same bytes on any number of threads
    let bytes = |n: u32| {
        let path = format!(".igql/learned/model/post/first/{n}/weights.safetensors");
        fs::read(world.path().join(path)).unwrap()
    };
    trained(world.path(), &["--again", "--threads", "1"]);
    assert!(bytes(1) == bytes(2));
    // it has no table of examples
    let (code, _, said) = run(world.path(), &["train", "page.igql", "--dump", "tables"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("lists of candidates"), "{said}");
}

#[test]
fn a_student_is_out_of_date_when_what_it_reads_is_another() {
    let world = world();
    let folder = world.path();
    let linear = "linear(dense=[length, count(~likes(it))], heads={p: clicked == 1})";
    write(folder, "prelude.igql", "model default on post = formula(length)\n");
    write(folder, "lib/values.igql", "value bonus on post = length / 10\n");
    write(
        folder,
        "lib/pool.igql",
        "import \"values.igql\"\ndef pool() -> set[post] = all(post).score(bonus).take(40)\n",
    );
    let page = |of: &str| {
        format!(
            "import \"lib/pool.igql\"\nmodel taught on post = {of}\n\
                 model first on post = distill(of=taught, candidates=pool(), features=[length], requests=30)\n\
                 model other on post = distill(of=taught, candidates=all(post).rank().take(30), features=[length], requests=30)\n\
                 pool().rank(first).take(3)\n"
        )
    };
    program(folder, &page(linear));
    trained(folder, &[]);
    assert_eq!(state(folder, "page.igql", "first"), "fresh");
    // comments and layout say nothing
    program(folder, &format!("# one\n{}", page(linear).replace("requests=30", "requests = 30")));
    assert_eq!(state(folder, "page.igql", "first"), "fresh");
    // two files away
    write(folder, "lib/values.igql", "value bonus on post = -length / 10\n");
    assert_eq!(state(folder, "page.igql", "first"), "the declaration has changed");
    assert_eq!(state(folder, "page.igql", "other"), "fresh");
    let (code, _, said) = run(folder, &["check", "page.igql"]);
    assert!(
        code == Some(1) && said.contains("E0502") && said.contains("what it reads has changed"),
        "{said}"
    );
    write(folder, "lib/values.igql", "value bonus on post = length / 10\n");
    // by no name at all
    write(folder, "prelude.igql", "model default on post = formula(-length)\n");
    assert_eq!(state(folder, "page.igql", "other"), "the declaration has changed");
    write(folder, "prelude.igql", "model default on post = formula(length)\n");
    assert_eq!(state(folder, "page.igql", "other"), "fresh");
    // its teacher is trained anew
    trained(folder, &["--again", "--only", "taught"]);
    assert_eq!(state(folder, "page.igql", "first"), "what it is learned from is newer");
    // a cycle is one
    program(folder, &page(linear).replace("candidates=pool()", "candidates=pool().rank(first)"));
    let (code, _, said) = run(folder, &["check", "page.igql", "--assume-trained"]);
    assert!(code == Some(1) && said.contains("E0209"), "{said}");
}

#[test]
fn a_student_can_stand_in_any_file() {
    let world = world();
    let folder = world.path();
    write(folder, "lib/values.igql", "value bonus on post = length / 10\n");
    write(
        folder,
        "lib/pool.igql",
        "import \"values.igql\"\ndef pool() -> set[post] = all(post).score(bonus).take(40)\n",
    );
    write(folder, "lib/models.igql", &format!("import \"pool.igql\"\n{TEACHER}{STUDENT}"));
    write(
        folder,
        "pages/page.igql",
        "import \"../lib/models.igql\"\nvalue bonus on post = length\nall(post).score(bonus).rank(first).take(3)\n",
    );
    let (code, out, said) = run(folder, &["train", "pages/page.igql"]);
    assert_eq!(code, Some(0), "{out}{said}");
    let (code, _, said) = run(folder, &["run", "pages/page.igql", "--user", "3"]);
    assert_eq!(code, Some(0), "{said}");
    // in the prelude, with an alias that all programs read
    fs::remove_dir_all(folder.join(".igql")).unwrap();
    write(
        folder,
        "prelude.igql",
        &format!("import \"lib/pool.igql\"\n{TEACHER}{STUDENT}model default on post = first\n"),
    );
    let (code, out, said) = run(folder, &["train"]);
    assert_eq!(code, Some(0), "{out}{said}");
    program(folder, "all(post).rank().take(3)\n");
    let (code, _, said) = run(folder, &["run", "page.igql", "--user", "3"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn what_is_wrong_with_a_student_is_said() {
    let world = world();
    for (of, code, says) in [
        ("distill(candidates=all(post), features=[length])", "E0303", "`of`"),
        ("distill(of=final, features=[length])", "E0303", "`candidates`"),
        ("distill(of=final, candidates=all(post))", "E0303", "`features`"),
        ("distill(of=final, candidates=all(post), features=[])", "E0303", "empty"),
        ("distill(of=final, candidates=all(user), features=[length])", "E0206", "final"),
        (
            "distill(of=final, candidates=all(post), features=[length], loss=mse)",
            "E0213",
            "listmle",
        ),
        (
            "distill(of=final, candidates=all(post), features=[length], loss=softmax(at=0))",
            "E0306",
            "at",
        ),
        (
            "distill(of=final, candidates=all(post), features=[length], heads={a: likes})",
            "E0304",
            "heads",
        ),
        (
            "distill(of=final, candidates=all(post), features=[length], test=0.9, validation=0.9)",
            "E0306",
            "nothing is left",
        ),
        ("distill(final)", "E0307", "by name"),
    ] {
        program(
            world.path(),
            &format!("{TEACHER}model s on post = {of}\nall(post).rank(s).take(3)\n"),
        );
        let (status, _, said) = run(world.path(), &["check", "page.igql", "--assume-trained"]);
        assert_eq!(status, Some(1), "{of}");
        assert!(said.contains(code) && said.contains(says), "{code} {says}\n{said}");
    }
    // nothing to order
    let empty = format!(
        "{TEACHER}model s on post = distill(of=final, candidates=all(post).filter(length < 0), features=[length])\n"
    );
    program(world.path(), &empty);
    let (status, out, _) = run(world.path(), &["train", "page.igql", "--format", "json"]);
    assert!(status == Some(3) && out.contains("two candidates"), "{out}");
}
