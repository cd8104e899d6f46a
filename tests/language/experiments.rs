//! Experiments: who is in which arm, what that changes, and which of them an answer was exposed to.

use igql::store::Options;
use igql::{Answer, Engine, Limits, Program, Request, RunError, RunOptions, Value};
use std::path::Path;
use std::sync::OnceLock;

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<(Engine, tempfile::TempDir)> = OnceLock::new();
    let (engine, _) = ENGINE.get_or_init(|| {
        let cache = tempfile::tempdir().unwrap();
        let options = Options { cache: Some(cache.path().into()), ..Options::default() };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/explore");
        (Engine::open_with(folder, &options).unwrap(), cache)
    });
    engine
}

fn compile(text: &str) -> Program {
    engine().compile(text).unwrap_or_else(|e| panic!("{e}"))
}

fn users() -> impl Iterator<Item = i64> {
    let rows = engine().schema().entity(engine().schema().viewer).rows;
    // those behind the table are not in the catalog
    1..i64::from(rows) + 40
}

/// The definition in words, of the numbers that the language gives.
fn arm(
    bucket: i64,
    draw: i64,
    buckets: (i64, i64),
    arms: &[(&'static str, f64)],
) -> Option<&'static str> {
    let place = ((draw as u64 >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0;
    if bucket < buckets.0 || bucket > buckets.1 {
        return None;
    }
    let mut end = 0.0;
    arms.iter()
        .find(|(_, share)| {
            end += share;
            place < end
        })
        .map(|(name, _)| *name)
}

#[test]
fn arms_are_those_of_bucket_and_hash() {
    let program = compile(
        "experiment rank_test(layer=\"ranking\", buckets=1000..6999, salt=\"v2\") = {control: 0.3, mild: 0.2, bold: 0.4}
         user.select(arm=rank_test, bucket=bucket(user_id, \"layer:ranking\", 10000), draw=hash(\"arm:rank_test:v2\", user_id))",
    );
    let requests: Vec<Request> = users().map(Request::user).collect();
    let answers = engine().run_batch(&program, &requests).unwrap();
    let mut found = std::collections::BTreeMap::new();
    for answer in &answers {
        let row = answer.rows().next().unwrap();
        let int = |name| match row.get(name) {
            Some(Value::Int(x)) => *x,
            other => panic!("{other:?}"),
        };
        let arms = [("control", 0.3), ("mild", 0.2), ("bold", 0.4)];
        let expected = arm(int("bucket"), int("draw"), (1000, 6999), &arms);
        let value = expected.map_or(Value::Null, |arm| Value::Str(arm.to_owned()));
        assert_eq!(row.get("arm"), Some(&value), "{:?}", answer.user);
        let listed: Vec<(String, String)> =
            expected.iter().map(|arm| ("rank_test".to_owned(), (*arm).to_owned())).collect();
        assert_eq!(answer.arms, listed);
        assert!(answer.forced.is_empty());
        *found.entry(expected).or_insert(0) += 1;
    }
    assert_eq!(found.len(), 4, "{found:?}");
}

const ONE: &str = "experiment e(layer=\"l\") = {off: 0.5, on: 0.5}\nexperiment f(layer=\"m\") = {off: 0.5, on: 0.5}\nparam n: int = 1\n";

/// The arms that an answer lists, drawn and forced.
fn listed(answer: &Answer) -> Vec<(String, String)> {
    answer.arms.iter().chain(&answer.forced).cloned().collect()
}

/// Names of experiments that a request with `n` is exposed to: the same alone, among others, as written, and after
/// each rewrite; with arms that are forced, and with those of the key.
fn exposed(program: &str, n: i64) -> Vec<String> {
    let program = compile(&format!("{ONE}{program}"));
    let request = |user: i64| Request::user(user).param("n", n);
    let forced = |user: i64| request(user).arm("e", "on").arm("f", "on");
    let names = |answer: &Answer| -> Vec<String> {
        listed(answer).into_iter().map(|(name, _)| name).collect()
    };
    let run = |request: &Request| engine().run(&program, request).unwrap();
    let expected = names(&run(&forced(1)));
    assert!(run(&forced(1)).arms.is_empty() && run(&request(1)).forced.is_empty());
    let others: Vec<Request> = [1, 5, n].iter().map(|&n| forced(1).param("n", n)).collect();
    let batch = engine().run_batch(&program, &others).unwrap();
    assert_eq!(names(batch.last().unwrap()), expected, "among others");
    for (other, answer) in others.iter().zip(&batch) {
        assert_eq!(&run(other), answer, "alone");
    }
    let partial = RunOptions::from(Limits { partial: true, ..Limits::default() });
    let written = engine().execute(&program, &[forced(1)], &partial).unwrap();
    assert_eq!(names(&written.answers[0]), expected, "as written");
    for rule in igql::optimize::RULES {
        let rewritten = engine().by_rules(&program, &[rule.name]);
        let answer = engine().run(&rewritten, &forced(1)).unwrap();
        assert_eq!(names(&answer), expected, "only the rewrite `{}`", rule.name);
    }
    expected
}

#[test]
fn what_names_an_experiment_and_is_reached_exposes() {
    const E: &[&str] = &["e"];
    const BOTH: &[&str] = &["e", "f"];
    const NONE: &[&str] = &[];
    let on_e = "all(media).score(2.0 if e == on else 1.0)";
    let maybe = "filter(coalesce(e == on, true) or quality > 0.0)";
    for (program, n, expected) in [
        ("all(media).take(3)".to_owned(), 0, NONE),
        (on_e.to_owned(), 0, E),
        // whether or not there are rows
        ("all(media).filter(quality > 9.0).score(2.0 if e == on else 1.0)".to_owned(), 0, E),
        // whatever is read of it
        ("all(media).let(x=e).select(quality).take(2)".to_owned(), 0, E),
        ("all(media).let(x=(1 if n > 0 else 2 if e == on else 3)).take(2)".to_owned(), 1, E),
        // through values, bindings and definitions
        ("value v on media = quality if e == on else 1.0\nall(media).score(v).take(2)".to_owned(), 0, E),
        ("arm = e\ndef g(rows: set[media], x: string) = rows.let(x=x)\nall(media).g(arm).take(2)".to_owned(), 0, E),
        // the sides of a conditional
        (format!("{on_e} if n > 0 else all(media)"), 1, E),
        (format!("{on_e} if n > 0 else all(media)"), 0, NONE),
        (format!("all(media).take(1) if f == on else {on_e}"), 0, &["f"]),
        (format!("{on_e} if f == on else all(media)"), 0, BOTH),
        (format!("({on_e} if n > 3 else all(media)) if n > 0 else all(media).take(1)"), 1, NONE),
        (format!("({on_e} if n > 3 else all(media)) if n > 0 else all(media).take(1)"), 5, E),
        (format!("({on_e} if n > 3 else all(media)) | {on_e}"), 0, E),
        ("(all(media) if f == on else all(media).take(1)) if n > 0 else all(media).take(2)".to_owned(), 0, NONE),
        ("(all(media) if f == on else all(media).take(1)) if n > 0 else all(media).take(2)".to_owned(), 1, &["f"]),
        (format!("all(media) if true else {on_e}"), 0, NONE),
        (format!("{on_e} if true else all(media)"), 0, E),
        // what comes next where rows are missing
        (format!("fallback(all(media).take(n), all(media).{maybe}, at_least=2)"), 1, E),
        (format!("fallback(all(media).take(n), all(media).{maybe}, at_least=2)"), 2, NONE),
        (format!("fallback(all(media).take(n), all(media).{maybe}, at_least=2).take(1)"), 1, E),
        (format!("fallback(all(media).take(n), all(media).{maybe}, at_least=2).filter(false)"), 1, E),
        (format!("fallback(all(media).take(n), all(media).{maybe}, at_least=2).filter(false)"), 2, NONE),
        (format!("{on_e} if count(all(media).take(n)) > 1 else all(media)"), 1, NONE),
        (format!("{on_e} if count(all(media).take(n)) > 1 else all(media)"), 2, E),
        // sets that expressions read
        (format!("all(media).filter(it in all(media).{maybe})"), 0, E),
        ("edge some = likes where coalesce(e == on, true)\nuser.walk(some)".to_owned(), 0, E),
        ("edge some = likes where coalesce(e == on, true)\nall(media).score(count(~some(it)))".to_owned(), 0, E),
        // other viewers
        (format!("all(user).take(3).as_viewer({on_e}, merge=max)"), 0, E),
        (format!("all(user).filter(n > 9).as_viewer({on_e}, merge=max)"), 0, E),
        (format!("all(user).take(3).as_viewer({on_e} if n > 0 else all(media), merge=max)"), 0, NONE),
        (format!("all(user).take(3).as_viewer({on_e} if n > 0 else all(media), merge=max)"), 1, E),
        (format!("all(user).take(3).as_viewer({on_e} if viewer == 16 else all(media), merge=max)"), 0, E),
        (format!("all(user).take(3).as_viewer({on_e} if viewer == 9 else all(media), merge=max)"), 0, NONE),
        (format!("(all(user).take(3).as_viewer({on_e} if viewer == 16 else all(media), merge=max)) if n > 0 else all(media)"), 0, NONE),
        (format!("(all(user).take(3).as_viewer({on_e} if viewer == 16 else all(media), merge=max)) if n > 0 else all(media)"), 1, E),
        (format!("{{ a: {on_e}, b: all(media).let(x=f) }}"), 0, BOTH),
    ] {
        assert_eq!(exposed(&program, n), expected, "{program} n={n}");
    }
}

#[test]
fn nobody_is_exposed_to_an_experiment_that_they_are_not_in() {
    let program = compile(
        "experiment few(layer=\"l\", buckets=0..0) = {control: 0.5, bold: 0.5}
         all(media).score(2.0 if few == bold else 1.0).take(1)",
    );
    let requests: Vec<Request> = users().map(Request::user).chain([Request::anonymous()]).collect();
    let answers = engine().run_batch(&program, &requests).unwrap();
    assert!(answers.iter().all(|a| listed(a).is_empty() || a.arms.len() == 1));
    assert!(answers.iter().filter(|a| a.arms.is_empty()).count() > 10);
    assert!(answers.last().unwrap().arms.is_empty(), "nobody asks");
    assert!(!program.needs_viewer());
}

#[test]
fn who_is_put_in_an_arm_is_in_it() {
    let program = compile(
        "experiment e(layer=\"l\", buckets=0..0) = {off: 1.0, on: 0.0}\nall(media).let(arm=e).take(1)",
    );
    let run = |request: Request| engine().run(&program, &request);
    for request in [Request::user(1), Request::user(99_999_999), Request::anonymous()] {
        let answer = run(request.arm("e", "on")).unwrap();
        assert_eq!(answer.rows().next().unwrap().get("arm"), Some(&Value::Str("on".into())));
        assert_eq!(answer.forced, [("e".to_owned(), "on".to_owned())]);
        assert!(answer.arms.is_empty());
    }
    for (name, arm, message) in [
        ("g", "on", "the program has no experiment `g`: it has e"),
        ("e", "no", "experiment `e` has no arm `no`: it has off, on"),
    ] {
        assert_eq!(
            run(Request::user(1).arm(name, arm)),
            Err(RunError::Request(message.to_owned()))
        );
    }
    let as_param = run(Request::user(1).param("e", "on"));
    assert!(matches!(as_param, Err(RunError::Request(m)) if m.contains("has no parameter `e`")));
}

#[test]
fn the_arm_is_of_who_asks_wherever_it_is_read() {
    let program = compile(
        "experiment e(layer=\"l\") = {off: 0.5, on: 0.5}
         all(user).take(5).as_viewer(user.let(arm=e, who=viewer), merge=max).let(outer=e)",
    );
    for user in users().take(20) {
        let answer = engine().run(&program, &Request::user(user)).unwrap();
        let arm = Value::Str(answer.arms[0].1.clone());
        for row in answer.rows() {
            assert_eq!((row.get("arm"), row.get("outer")), (Some(&arm), Some(&arm)));
        }
    }
}

#[test]
fn one_side_runs() {
    // `given` counts ids that are not there in a warning
    let program =
        compile(&format!("{ONE}given(media, [-1]) if e == on else given(media, [-2, -3])"));
    for (arm, ids) in [("on", "1 id"), ("off", "2 ids")] {
        let answer = engine().run(&program, &Request::user(1).arm("e", arm)).unwrap();
        let of_given: Vec<&String> =
            answer.warnings.iter().filter(|w| w.starts_with("`given`")).collect();
        assert!(of_given.len() == 1 && of_given[0].contains(ids), "{:?}", answer.warnings);
    }
}

/// What reads arms is shared among those in the same one, and nobody sees it.
#[test]
fn answers_do_not_depend_on_who_else_asks() {
    for program in [
        "trending(within=3650d).filter(quality > (0.5 if e == on else 0.1)).take(5)",
        "all(media).score(quality if e == on else -quality).take(3) - user.liked_media()",
        "(all(media).score(quality).take(3) if e == on else all(media).take(4)).let(arm=f)",
        "user.liked().account_nn().posted_media(10 if e == on else 3).take(20 if f == on else 5)",
    ] {
        let program = compile(&format!("{ONE}{program}"));
        let requests: Vec<Request> = users().take(50).map(Request::user).collect();
        let answers = engine().run_batch(&program, &requests).unwrap();
        for (request, answer) in requests.iter().zip(&answers) {
            assert_eq!(&engine().run(&program, request).unwrap(), answer);
        }
        let arms: std::collections::BTreeSet<_> = answers.iter().map(|a| a.arms.clone()).collect();
        assert!(arms.len() >= 2, "{arms:?}");
    }
}

#[test]
fn bounds_are_those_of_the_larger_side() {
    let program = compile(&format!("{ONE}all(media).take(7 if e == on else 3)"));
    let checked = program.checked();
    assert_eq!(checked.graph.shape(checked.results[0].1).bound, Some(7));
    for (arm, rows) in [("on", 7), ("off", 3)] {
        let answer = engine().run(&program, &Request::user(1).arm("e", arm)).unwrap();
        assert_eq!(answer.rows().len(), rows);
    }
}

#[test]
fn arms_come_from_json_and_go_there() {
    let program = compile(&format!("{ONE}all(media).let(x=e, y=f).take(1)"));
    let read =
        |text: &str| igql::wire::request_from_json(&program, text).map_err(|e| e.to_string());
    let request = read(r#"{"user": 1, "arms": {"e": "on"}}"#).unwrap();
    assert_eq!(request, Request::user(1).arm("e", "on"));
    let answer = engine().run(&program, &request).unwrap();
    let encoder = igql::wire::Encoder::new(&program, igql::wire::Format::Ndjson, 1);
    let mut bytes = Vec::new();
    {
        let mut writer = encoder.writer(&mut bytes).unwrap();
        writer.write(encoder.encode(&[answer]).unwrap()).unwrap();
        writer.finish().unwrap();
    }
    let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(json["forced"], serde_json::json!({"e": "on"}));
    assert_eq!(json["arms"].as_object().unwrap().keys().collect::<Vec<_>>(), ["f"]);
    for (text, message) in [
        (r#"{"arms": {"g": "on"}}"#, "no experiment `g`"),
        (r#"{"arms": {"e": "no"}}"#, "no arm `no`"),
        (r#"{"arms": {"e": 1}}"#, "no arm `1`"),
        (r#"{"arms": ["e"]}"#, "`arms` is an object"),
        (r#"{"params": {"e": "on"}}"#, "no parameter `e`"),
    ] {
        let refused = read(text).unwrap_err();
        assert!(refused.contains(message), "{text}: {refused}");
    }
}
