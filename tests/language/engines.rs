//! Engines and the programs of others; data that changes under them.

use igql::engine::Engine;
use igql::{Limits, Request, RunError, Tunables};
use std::path::Path;

const CATALOG: &str = r#"
[catalog]
name = "people"
viewer = "user"
[entity.user]
table = "users.csv"
key = "user_id"
"#;

fn catalog(folder: &Path, users: &str) {
    std::fs::write(folder.join("catalog.toml"), CATALOG).unwrap();
    std::fs::write(folder.join("users.csv"), users).unwrap();
}

fn keys(engine: &Engine, program: &igql::Program) -> Vec<String> {
    let answer = engine.run(program, &Request::user("b")).unwrap();
    answer.rows().iter().map(|row| row.key().to_string()).collect()
}

const NAMED: &str = "all(user).filter(name == \"z\")";
const BEFORE: &str = "user_id,name\na,z\nb,y\n";
const AFTER: &str = "user_id,name\nb,y\na,z\nc,z\n";

#[test]
fn a_program_runs_where_it_was_compiled() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (folder, users) in folders.iter().zip([BEFORE, AFTER]) {
        catalog(folder.path(), users);
    }
    let [one, other] = folders.each_ref().map(|folder| Engine::open(folder.path()).unwrap());
    let program = one.compile(NAMED).unwrap();
    assert_eq!(keys(&one, &program), ["a"]);
    let request = Request::user("b");
    let ask = igql::Ask::default();
    let refused = [
        other.run(&program, &request).err(),
        other.run_with(&program, &request, &Limits::default()).err(),
        other.run_batch(&program, &[request.clone(), request.clone()]).err(),
        other.explain(&program, &request, &ask).err(),
    ];
    for error in refused {
        let error = error.unwrap();
        assert_eq!(error, RunError::OtherWorld);
        assert!(error.to_string().contains("program.on(&engine)"), "{error}");
    }
    let test = "test \"t\" (user=\"a\") = { assert count(all(user)) > 0 }\nuser";
    let tests = one.compile_unit(&igql::Unit::new("t", test)).tests;
    assert!(!tests.is_empty());
    assert_eq!(other.run_test(&tests[0], Limits::default()).err(), Some(RunError::OtherWorld));
    assert_eq!(keys(&other, &program.on(&other).unwrap()), ["a", "c"]);
    // the same data in another folder
    let copy = tempfile::tempdir().unwrap();
    catalog(copy.path(), BEFORE);
    assert_eq!(keys(&Engine::open(copy.path()).unwrap(), &program), ["a"]);
}

#[test]
fn what_is_reloaded_leaves_the_engine_alone() {
    let folder = tempfile::tempdir().unwrap();
    catalog(folder.path(), BEFORE);
    let engine = Engine::open(folder.path()).unwrap();
    let text = "tunable wanted in 0..9 = 1\nall(user).filter(name == \"z\").take(wanted)";
    let program = engine.compile_with(text, &Tunables::new().set("wanted", 2.0)).unwrap();
    let same = engine.reload().unwrap();
    assert_eq!(keys(&same, &program), ["a"]);

    catalog(folder.path(), AFTER);
    let newer = engine.reload().unwrap();
    assert_eq!(newer.run(&program, &Request::user("b")).err(), Some(RunError::OtherWorld));
    assert_eq!(keys(&engine, &program), ["a"]);
    let moved = program.on(&newer).unwrap();
    assert_eq!(keys(&newer, &moved), ["a", "c"]);

    // what no longer fits is told, and the old engine still answers
    catalog(folder.path(), "user_id,title\na,z\n");
    let newest = engine.reload().unwrap();
    let error = program.on(&newest).err().unwrap();
    assert!(error.to_string().contains("`name`"), "{error}");
    std::fs::write(folder.path().join("users.csv"), "other\n1\n").unwrap();
    assert!(engine.reload().is_err());
    assert_eq!(keys(&engine, &program), ["a"]);
}
