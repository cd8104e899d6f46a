//! Programs compared for those who are in an arm of an experiment: what the arm decides, and nothing else, is decided.

use super::diff::{compile, engine, explore};
use igql::diff::Diff;
use igql::store::Silent;
use igql::{Limits, Program, Request};
use std::fs;
use std::process::{Command, Output};

type Arms = Vec<(String, String)>;

/// Each `NAME=ARM`.
fn arms(given: &str) -> Arms {
    let named = given.split(' ').filter_map(|text| text.split_once('='));
    named.map(|(name, arm)| (name.to_owned(), arm.to_owned())).collect()
}

fn compared((old, old_arms): (&Program, &Arms), (new, new_arms): (&Program, &Arms)) -> Diff {
    engine().diff_in_arms((old, old_arms), (new, new_arms)).unwrap()
}

/// How many of some users get another answer.
fn changed(diff: &Diff, (old, was): (&Program, &Arms), (new, is): (&Program, &Arms)) -> usize {
    let asked = |arms: &Arms| -> Vec<Request> {
        let users = engine().sampled_users(40).into_iter();
        users.map(|user| Request { arms: arms.clone(), ..Request::user(user) }).collect()
    };
    let (old_side, new_side) = ((old, &asked(was)[..]), (new, &asked(is)[..]));
    let found = engine().diff_answers(diff, old_side, new_side, &Limits::default(), &Silent);
    found.unwrap().changed
}

const DECLARED: &str = "experiment test(layer=\"ranking\") = {control: 0.5, bold: 0.5}\n\
    experiment other(layer=\"retrieval\") = {control: 0.9, wide: 0.1}\n";

/// A program with an experiment, and what it is in its two arms.
const EXPERIMENTS: [[&str; 3]; 9] = [
    // one of two sets, of which one is the result
    [
        "a = user.walk(likes).take(9)\nb = user.walk(saves).take(8)\nb if test == bold else a",
        "user.walk(likes).take(9)",
        "user.walk(saves).take(8)",
    ],
    // in the middle, with a side that something else reads, too
    [
        "a = user.walk(likes)\nb = a | user.walk(saves)\n(b if test == bold else a).score(quality).take(5)",
        "user.walk(likes).score(quality).take(5)",
        "(user.walk(likes) | user.walk(saves)).score(quality).take(5)",
    ],
    // in a value, of which the constants then are one
    [
        "user.walk(likes).score((3.0 if test == bold else 1.0) * quality).take(5)",
        "user.walk(likes).score(1.0 * quality).take(5)",
        "user.walk(likes).score(3.0 * quality).take(5)",
    ],
    // a condition among others, and one that lets all rows pass
    [
        "user.walk(likes).filter(quality > 0.1 and (test == control or quality > 0.3)).take(5)",
        "user.walk(likes).filter(quality > 0.1).take(5)",
        "user.walk(likes).filter(quality > 0.1 and quality > 0.3).take(5)",
    ],
    [
        "user.walk(likes).filter(test == control or quality > 0.3).score(quality).take(5)",
        "user.walk(likes).score(quality).take(5)",
        "user.walk(likes).filter(quality > 0.3).score(quality).take(5)",
    ],
    // the arm as a column
    [
        "user.walk(likes).let(arm = test).take(5)",
        "user.walk(likes).let(arm = \"control\").take(5)",
        "user.walk(likes).let(arm = \"bold\").take(5)",
    ],
    // sides with other columns
    [
        "a = user.walk(likes).let(x = quality, y = like_count)\nb = user.walk(saves).let(y = like_count, x = quality)\n\
         (b if test in [bold] else a).filter(x > 0.2).take(5).select(x, y)",
        "user.walk(likes).let(x = quality, y = like_count).filter(x > 0.2).take(5).select(x, y)",
        "user.walk(saves).let(y = like_count, x = quality).filter(x > 0.2).take(5).select(x, y)",
    ],
    // a set that a condition reads, and one inside another
    [
        "a = user.walk(saves)\nb = user.walk(likes)\nc = a if test == bold else b\nd = c if test == bold else b\n\
         all(media).filter(it in d).score(quality).take(5)",
        "b = user.walk(likes)\nall(media).filter(it in b).score(quality).take(5)",
        "a = user.walk(saves)\nall(media).filter(it in a).score(quality).take(5)",
    ],
    // the other experiment is not decided
    [
        "a = user.walk(likes)\nb = user.walk(saves)\n(b if other == wide else a).score(2.0 if test == bold else quality).take(5)",
        "a = user.walk(likes)\nb = user.walk(saves)\n(b if other == wide else a).score(quality).take(5)",
        "a = user.walk(likes)\nb = user.walk(saves)\n(b if other == wide else a).score(2.0).take(5)",
    ],
];

#[test]
fn a_program_in_an_arm_is_the_program_without_the_experiment() {
    let none = Arms::new();
    for [text, control, bold] in EXPERIMENTS {
        let tried = compile(&format!("{DECLARED}{text}\n"));
        let head = if text.contains("other") { DECLARED.lines().nth(1).unwrap() } else { "" };
        let without = |text: &str| compile(&format!("{head}\n{text}\n"));
        for (arm, same, differs) in [("test=control", control, bold), ("test=bold", bold, control)]
        {
            let arm = arms(arm);
            let (same, differs) = (without(same), without(differs));
            // the other way round, too
            for (old, new) in [((&tried, &arm), (&same, &none)), ((&same, &none), (&tried, &arm))] {
                let found = compared(old, new);
                assert!(found.is_empty(), "{arm:?} {text}: {found:#?}");
                assert_eq!(changed(&found, old, new), 0, "{arm:?} {text}");
            }
            let found = compared((&tried, &arm), (&differs, &none));
            assert!(!found.is_empty(), "{arm:?} {text}");
            assert!(found.request.is_empty() && found.bounds.is_empty(), "{found:#?}");
        }
        // without arms the experiment is one, and with it more than either
        let found = compared((&tried, &none), (&without(bold), &none));
        assert!(found.request.iter().any(|change| change.what == "experiment"), "{found:#?}");
    }
}

#[test]
fn arms_of_one_program_are_compared() {
    let (control, bold) = (arms("test=control"), arms("test=bold"));
    for [text, ..] in EXPERIMENTS {
        let tried = compile(&format!("{DECLARED}{text}\n"));
        assert!(compared((&tried, &bold), (&tried, &bold)).is_empty(), "{text}");
        let (old, new) = ((&tried, &control), (&tried, &bold));
        let found = compared(old, new);
        assert!(!found.is_empty() && found.request.is_empty(), "{text}: {found:#?}");
        // nothing of the experiment is left
        let shown = format!("{found:?}");
        assert!(!shown.contains("test ==") && !shown.contains("handed"), "{shown}");
    }
    let tried = compile(&format!("{DECLARED}{}\n", EXPERIMENTS[2][0]));
    let found = compared((&tried, &control), (&tried, &bold));
    let arguments = found.changed[0].arguments();
    assert_eq!(found.changed.len(), 1);
    assert_eq!(arguments, (vec!["1.0 * quality"], vec!["3.0 * quality"]));
    let error = engine().diff_in_arms((&tried, &arms("test=mild")), (&tried, &bold)).unwrap_err();
    assert!(error.to_string().contains("has no arm `mild`"), "{error}");
}

/// Programs in a copy of the example's folder.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(explore()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
        let [text, control, bold] = EXPERIMENTS[1];
        write("tried.igql", format!("{DECLARED}{text}\n"));
        write("control.igql", format!("{control}\n"));
        write("bold.igql", format!("{bold}\n"));
        Folder(folder)
    }

    fn diff(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
        let Output { status, stdout, stderr } =
            command.current_dir(self.0.path()).arg("diff").args(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (status.code(), text(stdout), text(stderr))
    }
}

#[test]
fn the_command() {
    let folder = Folder::new();
    let (code, text, said) = folder.diff(&["tried.igql", "bold.igql", "--arm", "test=bold"]);
    assert_eq!((code, &*text), (Some(0), "in test=bold\nthe programs mean the same\n"), "{said}");
    let (code, text, said) = folder.diff(&["tried.igql", "bold.igql", "--arm", "test=control"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(text.starts_with("in test=control\n") && !text.contains("experiment"), "{text}");

    // all users are in the arm, whatever arm they would be in
    let both = ["tried.igql", "tried.igql", "--arm", "test=control", "--arm", "test=bold"];
    let (code, text, said) = folder.diff(&[&both[..], &["--format", "json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(
        json["arms"],
        serde_json::json!({"old": {"test": "control"}, "new": {"test": "bold"}})
    );
    let (_, text, _) = folder.diff(&["control.igql", "bold.igql", "--format", "json"]);
    let apart: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(apart.get("arms").is_none(), "{apart}");
    for field in ["requests", "changed", "other_rows", "lists"] {
        assert_eq!(json["answers"][field], apart["answers"][field], "{field}");
    }
    assert!(apart["answers"]["changed"].as_u64() > Some(0), "{apart}");
    let (_, text, said) = folder.diff(&[&both[..], &["--format", "html"]].concat());
    assert!(text.contains("<p>In test=control -&gt; test=bold</p>"), "{said}{text}");

    for (more, expected) in [
        (&["--arm", "test"][..], "--arm test: expected NAME=ARM"),
        (&["--arm", "none=bold"], "has no experiment `none`: it has test, other"),
        (&["--arm", "test=mild"], "--arm test=mild: experiment `test` has no arm `mild`"),
        (&["--arm", "test=bold", "--arm", "test=bold", "--arm", "test=bold"], "once for OLD"),
        // the other program has none
        (
            &["--arm", "test=bold", "--arm", "test=control"],
            "--arm test=control: the program has no",
        ),
    ] {
        let (code, text, said) = folder.diff(&[&["tried.igql", "bold.igql"], more].concat());
        assert_eq!(code, Some(2), "{more:?}: {text}{said}");
        assert!(said.contains(expected), "{more:?}: {said}");
    }
}
