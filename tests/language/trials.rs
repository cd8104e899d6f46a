//! `test` items: what their settings do, which assertions fail, and what is said of those. And what
//! the library tells of the tunables of a program.

use igql::engine::{Compiled, Unit, has_errors};
use igql::store::Options;
use igql::{Engine, Limits};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<(Engine, tempfile::TempDir)> = OnceLock::new();
    let (engine, _) = ENGINE.get_or_init(|| {
        let cache = tempfile::tempdir().expect("a folder");
        let options = Options { cache: Some(cache.path().to_owned()), ..Options::default() };
        let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/explore");
        (Engine::open_with(folder, &options).expect("a catalog"), cache)
    });
    engine
}

fn compile(text: &str) -> Compiled {
    engine().compile_unit(&Unit::new("program", text))
}

/// Of each test: what failed, as the text at fault and the help line.
fn results(text: &str) -> Vec<(String, Vec<String>)> {
    let compiled = compile(text);
    assert!(!has_errors(&compiled.diagnostics), "{:#?}", compiled.diagnostics);
    let one = |test: &igql::engine::Test| {
        let failed = engine().run_test(test, Limits::default()).expect("it runs");
        let shown = failed.iter().map(|d| {
            let help = d.help.as_deref().unwrap_or("-");
            format!("{} | {help}", &text[d.span.range()])
        });
        (test.name.clone(), shown.collect())
    };
    compiled.tests.iter().map(one).collect()
}

const PROGRAM: &str = r#"
param kinds: list[string] = ["photo", "video"]
query main(n: int = 10) = user.liked().account_nn().posted_media().filter(kind in kinds).take(n)
"#;

#[test]
fn what_holds_passes_and_what_does_not_is_shown_with_its_values() {
    let text = format!(
        "{PROGRAM}
test \"fine\" (user=5, at=@2024-05-01) = {{
    r = main(n=7)
    assert count(r) == 7 and count(main()) == 10
    assert all_of(r, kind in [\"photo\", \"video\"])
    assert exists(r) and not exists(main() - main())
}}
test \"wrong\" (5, @2024-05-01) = {{
    r = main()
    n = count(r)
    assert n == 25 and count(r) >= 10
    assert none_of(r, kind in [\"photo\", \"video\"])
    assert 1 in [n, 2]
    assert max(r, null) > 1
}}"
    );
    let expected = [
        ("fine", vec![]),
        (
            "wrong",
            vec![
                "n == 25 | `n` is 10",
                "none_of(r, kind in [\"photo\", \"video\"]) | true for 10 of 10 rows: media `121014`, `114707`, `103381`, `127986`, `120559` and 5 more",
                "1 in [n, 2] | -",
            ],
        ),
    ];
    let found = results(&text.replace("    assert max(r, null) > 1\n", ""));
    for ((name, failed), (want, failures)) in found.iter().zip(&expected) {
        assert_eq!(
            (name.as_str(), failed.iter().map(String::as_str).collect()),
            (*want, failures.clone())
        );
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn a_test_sets_user_time_seed_and_parameters() {
    let text = format!(
        "{PROGRAM}
test \"videos\" (user=5, at=@2024-05-01, seed=3, kinds=[\"video\"]) = {{
    assert all_of(main(), kind == \"video\") and exists(main())
    assert now == @2024-05-01 and viewer.user_id == 5
}}
test \"default\" (user=5, at=@2024-05-01) = {{ assert any_of(main(), kind == \"photo\") }}
test \"before anything\" (user=5, at=@1990-01-01) = {{ assert count(main()) == 0 }}"
    );
    for (name, failed) in results(&text) {
        assert!(failed.is_empty(), "{name}: {failed:?}");
    }
}

#[test]
fn a_query_in_a_test_gives_what_a_request_gets() {
    // an aggregate makes the `auto` of a walk `all`; a query and a binding keep theirs
    let text = "
query main() = user.walk(impressions)
test \"auto\" (user=5, at=@2024-05-01) = {
    r = user.walk(impressions)
    assert count(main()) == count(r) and count(r) <= 100
    assert count(user.walk(impressions)) >= count(r)
}";
    for (name, failed) in results(text) {
        assert!(failed.is_empty(), "{name}: {failed:?}");
    }
}

#[test]
fn a_final_expression_is_the_query_main() {
    let text = "
test \"some\" (user=5, at=@2024-05-01) = {
    r = main().filter(kind == \"photo\")
    assert count(main()) == 3 and count(r) < 4
}
user.walk(impressions).take(3)";
    for (name, failed) in results(text) {
        assert!(failed.is_empty(), "{name}: {failed:?}");
    }
}

#[test]
fn wrong_settings_are_reported() {
    for (settings, code) in [
        ("user=5, users=6", "E0304"),
        ("user=5, user=6", "E0305"),
        ("user=\"ada\"", "E0302"),
        ("at=5", "E0302"),
        ("seed=true", "E0302"),
        ("1, @2024-05-01, 3, 4", "E0307"),
        ("kinds=[1]", "E0302"),
        ("kinds=[now]", "E0302"),
    ] {
        let text = format!("{PROGRAM}test \"t\" ({settings}) = {{ assert exists(main()) }}");
        let found = compile(&text);
        let errors: Vec<&str> =
            found.diagnostics.iter().map(|d| d.code.id).filter(|id| id.starts_with('E')).collect();
        assert_eq!(errors, [code], "{settings}");
        assert!(found.tests.is_empty());
    }
}

#[test]
fn tunables_are_listed_and_stand_where_constants_do() {
    let compiled = compile(
        "tunable w in 0.0..5.0 = 1
tunable n in 1..50 = 20
query main = all(media).score(w * quality).take(n).diversify_by(author, method=penalty(factor=half)).take(n)
tunable half in 0.0..1.0 = 0.5",
    );
    assert!(!has_errors(&compiled.diagnostics), "{:#?}", compiled.diagnostics);
    let program = compiled.program.expect("a program");
    let found: Vec<_> = program
        .checked()
        .tunables
        .iter()
        .map(|t| (t.name.as_str(), t.low, t.high, t.default, t.whole))
        .collect();
    assert_eq!(
        found,
        [("w", 0.0, 5.0, 1.0, false), ("n", 1.0, 50.0, 20.0, true), ("half", 0.0, 1.0, 0.5, false)]
    );
    for wrong in ["tunable w in 0.0..1.0 = 2.0", "tunable w in 1.0..0.0 = 0.5"] {
        let text = format!("{wrong}\nall(media).score(w * quality)");
        let codes: Vec<_> = compile(&text).diagnostics.iter().map(|d| d.code.id).collect();
        assert!(codes.contains(&"E0306"), "{wrong}: {codes:?}");
    }
}
