//! Logs of runs, what replay reads of them, and what they are protected from.

use igql::replay::{By, Counterfactual, Estimator, Logged, Replay, Shown, When};
use igql::store::read_columns;
use igql::types::{Type, Value};
use igql::{Engine, Key, Request};
use serde_json::Value as Json;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub(super) const CATALOG: &str = r#"
[catalog]
name = "shop"
viewer = "user"
[entity.user]
table = "users.csv"
key = "user_id"
[entity.item]
table = "items.csv"
key = "item_id"
[edge.clicks]
table = "clicks.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "item", column = "item_id" }
time = "at"
[defaults]
now = "2024-03-01T00:00:00Z"
"#;

const USERS: i64 = 600;
const ITEMS: i64 = 6;

/// The item that a user was shown: all are as probable.
fn shown_to(user: i64) -> i64 {
    (user * 7_919 / 13) % ITEMS
}

/// Whether a user clicks an item that is shown: even ones mostly, odd ones seldom.
fn clicks(user: i64, item: i64) -> bool {
    let draw = (user * 31 + item * 17) % 10;
    if item % 2 == 0 { draw < 6 } else { draw < 1 }
}

struct World(tempfile::TempDir);

impl World {
    fn new() -> World {
        let world = World(tempfile::tempdir().unwrap());
        let users: String =
            (0..USERS).map(|u| format!("{u},{}\n", ["DE", "FR"][u as usize % 2])).collect();
        let items: String = (0..ITEMS).map(|i| format!("{i},{}\n", ITEMS - i)).collect();
        let clicked = (0..USERS).filter(|&u| clicks(u, shown_to(u)));
        let clicked: String =
            clicked.map(|u| format!("{u},{},2024-02-01T12:30:00Z\n", shown_to(u))).collect();
        world.write("catalog.toml", CATALOG);
        world.write("users.csv", &format!("user_id,country\n{users}"));
        world.write("items.csv", &format!("item_id,n\n{items}"));
        world.write("clicks.csv", &format!("user_id,item_id,at\n{clicked}"));
        world.write("even.igql", "all(item).score(1.0 if n % 2 == 0 else 0.0).take(1)\n");
        world.write("odd.igql", "all(item).score(1.0 if n % 2 == 1 else 0.0).take(1)\n");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        if let Some(folder) = self.path(name).parent() {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(self.path(name), text).unwrap();
    }

    /// A log in CSV: every user was shown one item of six, at 12:00.
    fn log(&self, name: &str, propensity: &str) {
        let mut requests = "id,viewer,now,arms,forced\n".to_owned();
        let mut candidates = "request,key,position,propensity\n".to_owned();
        for user in 0..USERS {
            let arm = if user % 3 == 0 { "bold" } else { "control" };
            let arms = format!("\"{{\"\"test\"\": \"\"{arm}\"\"}}\"");
            writeln!(requests, "{},{user},2024-02-01T12:00:00Z,{arms},{{}}", user + 1_000).unwrap();
            writeln!(candidates, "{},{},1,{propensity}", user + 1_000, shown_to(user)).unwrap();
        }
        self.write(&format!("{name}/requests.csv"), &requests);
        self.write(&format!("{name}/candidates.csv"), &candidates);
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
        command.current_dir(self.0.path()).args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// A replay of a log, as JSON.
    fn replay(&self, args: &[&str]) -> Json {
        let common = ["--truth", "clicks", "--k", "1", "--no-stages", "--format", "json"];
        let out = self.run(&[&["replay"], args, &common[..]].concat());
        assert!(out.status.success(), "{args:?}: {}", said(&out));
        serde_json::from_slice(&out.stdout).unwrap()
    }

    fn parts(&self, log: &str, table: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path(log).join(table)) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// The same with a code, and words on standard error.
#[track_caller]
fn fails(out: &Output, code: i32, words: &str) {
    let said = said(out);
    assert_eq!(out.status.code(), Some(code), "{said}");
    assert!(said.contains(words), "`{words}` is not in: {said}");
}

const TRIED: &str = "experiment test(layer=\"l\") = {control: 0.5, bold: 0.5}\n\
    param least: int = 0\n\
    param window: duration = 7d\n\
    all(item).filter(n > least).sample(2 if test == bold else 3).take(2)\n";

#[test]
fn a_run_is_logged_and_replayed() {
    let world = World::new();
    world.write("tried.igql", TRIED);
    world.write(
        "asked.csv",
        "user_id,at,least\n1,2024-02-01T12:00:00Z,1\n2,2024-02-01T12:10:00Z,\n",
    );
    let asked =
        ["run", "tried.igql", "--users", "asked.csv", "--param", "window=90m", "--log", "log"];
    let out = world.run(&asked);
    assert!(out.status.success(), "{}", said(&out));
    // the answer has no column more
    let first: Json = serde_json::from_slice(&out.stdout).unwrap();
    assert!(first[0]["results"][0].get("propensity").is_none(), "{first}");
    assert_eq!(world.parts("log", "requests.parquet").len(), 1);
    let report = world.replay(&["tried.igql", "--requests", "log"]);
    assert_eq!((&report["requests"], &report["users"]), (&2.into(), &2.into()));
    // a file of the table, and the folder of the table, are logs, too
    let part = world.parts("log", "requests.parquet")[0].display().to_string();
    for path in ["log/requests.parquet", &part] {
        assert_eq!(world.replay(&["tried.igql", "--requests", path])["requests"], 2);
    }
    // the same requests again, and others: each counts once
    assert!(world.run(&asked).status.success());
    assert!(world.run(&["run", "even.igql", "--users", "all", "--log", "log"]).status.success());
    assert_eq!(world.parts("log", "requests.parquet").len(), 3);
    assert_eq!(world.parts("log", "candidates.parquet").len(), 3);
    let args =
        ["replay", "tried.igql", "--requests", "log", "--truth", "clicks", "--format", "json"];
    let out = world.run(&args);
    let report: Json = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(report["requests"], 2 + USERS);
    assert!(said(&out).contains("2 requests stand in the log again"), "{}", said(&out));
    // other data
    world.write("items.csv", "item_id,n\n0,1\n1,2\n2,3\n3,4\n4,5\n5,7\n");
    let out = world.run(&args);
    assert!(said(&out).contains("were answered from other data"), "{}", said(&out));
}

#[test]
fn a_log_has_what_was_given_and_what_was_not() {
    let world = World::new();
    let params =
        "param least: int = 2\nparam when: time = @2024-01-02\nparam ids: list[int] = [1, 2]\n";
    let query = "all(item).filter(n > least and n in ids and when < now).take(2)\n";
    world.write("tried.igql", &format!("{params}{query}"));
    world.run(&["run", "tried.igql", "--user", "1", "--param", "least=1", "--log", "log"]);
    let wanted = |name: &str| ["params", "defaults"].contains(&name).then_some(Type::String);
    let table = read_columns(&world.parts("log", "requests.parquet")[0], &wanted).unwrap();
    let json = |column: &str| match table.value(column, 0) {
        Some(Value::Str(text)) => serde_json::from_str::<Json>(text).unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(json("params"), serde_json::json!({ "least": 1 }));
    let defaults = serde_json::json!({ "when": "2024-01-02T00:00:00Z", "ids": [1, 2] });
    assert_eq!(json("defaults"), defaults);
}

#[test]
fn params_seed_and_arms_come_from_the_log() {
    let world = World::new();
    world.write("tried.igql", TRIED);
    world.write("asked.csv", "user_id,at,least\n1,2024-02-01T12:00:00Z,4\n");
    let asked = ["run", "tried.igql", "--users", "asked.csv", "--seed", "5", "--arm", "test=bold"];
    let out = world.run(&[&asked[..], &["--log", "log", "--format", "json"]].concat());
    let answer: Json = serde_json::from_slice(&out.stdout).unwrap();
    let shown: Vec<i64> = keys(&answer["results"]);
    let replayed = world.run(&[
        "replay",
        "tried.igql",
        "--requests",
        "log",
        "--truth",
        "clicks",
        "--format",
        "trec",
    ]);
    let run = String::from_utf8_lossy(&replayed.stdout).into_owned();
    let found: Vec<i64> =
        run.lines().map(|line| line.split(' ').nth(2).unwrap().parse().unwrap()).collect();
    assert_eq!(found, shown, "{}", said(&replayed));
    // a program without them
    let out = world.run(&["replay", "even.igql", "--requests", "log", "--truth", "clicks"]);
    fails(&out, 3, "the program has no parameter `least`");
    world.write("plain.igql", "param least: int = 0\nall(item).filter(n > least).take(2)\n");
    let out = world.run(&["replay", "plain.igql", "--requests", "log", "--truth", "clicks"]);
    fails(&out, 0, "in an arm of the experiment `test`, which the program does not have");
    world.write("arms.igql", &TRIED.replace("bold", "mild"));
    let out = world.run(&["replay", "arms.igql", "--requests", "log", "--truth", "clicks"]);
    fails(&out, 3, "experiment `test` has no arm `bold`");
}

fn keys(rows: &Json) -> Vec<i64> {
    rows.as_array().unwrap().iter().map(|row| row["item_id"].as_i64().unwrap()).collect()
}

#[test]
fn arms_are_compared() {
    let world = World::new();
    world.log("log", "0.5");
    let declared = "experiment test(layer=\"l\") = {control: 0.5, bold: 0.5}\n";
    world.write(
        "two.igql",
        &format!("{declared}all(item).score(n if test == bold else -n).take(1)\n"),
    );
    let args = ["two.igql", "--requests", "log/requests.csv", "--by", "arm", "--metrics", "hit"];
    let report = world.replay(&args);
    let ratio = &report["sample_ratios"][0];
    assert_eq!(
        (&ratio["arms"][0]["users"], &ratio["arms"][1]["users"]),
        (&400.into(), &200.into())
    );
    assert!((ratio["chi_square"].as_f64().unwrap() - 200.0 / 3.0).abs() < 1e-9, "{ratio}");
    assert!(ratio["p"].as_f64().unwrap() < 1e-10, "{ratio}");
    assert!(report["warnings"][0].as_str().unwrap().contains("are not those of its shares"));
    let compared = world.replay(&[&args[..], &["--baseline", "test=control"]].concat());
    let groups = &compared["programs"][0]["groups"];
    assert_eq!(
        (&groups[0]["value"], &groups[1]["value"]),
        (&"test=control".into(), &"test=bold".into())
    );
    let mean = |group: usize| groups[group]["metrics"]["hit@1"]["mean"].as_f64().unwrap();
    let difference = groups[1]["metrics"]["hit@1"]["difference"].as_f64().unwrap();
    assert!((mean(1) - mean(0) - difference).abs() < 1e-12, "{groups}");
    assert!(groups[0]["metrics"]["hit@1"].get("difference").is_none());
    let bold = |user: &i64| user % 3 == 0 && clicks(*user, shown_to(*user));
    let with_truth: Vec<i64> = (0..USERS).filter(bold).collect();
    let hits = with_truth.iter().filter(|&&user| shown_to(user) == 0).count();
    assert!((mean(1) - hits as f64 / with_truth.len() as f64).abs() < 1e-12, "{groups}");

    let wrong = |more: &[&str], words| {
        let all = [&["replay"], &args[..], &["--truth", "clicks"], more].concat();
        fails(&world.run(&all), 2, words);
    };
    wrong(&["--baseline", "test=wild"], "help: the log has test=bold, test=control");
    let given = ["replay", "two.igql", "--requests", "log/requests.csv", "--truth", "clicks"];
    let out = world.run(&[&given[..], &["--baseline", "test=bold"]].concat());
    fails(&out, 2, "where users are reported by arm");
    world.write(
        "fair.igql",
        &format!("{}all(item).take(1)\n", declared.replace("0.5, bold: 0.5", "0.6, bold: 0.3")),
    );
    let report = world.replay(&["fair.igql", "--requests", "log/requests.csv", "--by", "arm"]);
    assert!(report["sample_ratios"][0]["p"].as_f64().unwrap() > 0.999, "{report}");
}

#[test]
fn what_was_shown_at_random_tells_of_other_programs() {
    let world = World::new();
    world.log("log", &format!("{}", 1.0 / ITEMS as f64));
    let common = ["even.igql", "odd.igql", "--requests", "log/requests.csv", "--ips"];
    let estimate = |args: &[&str]| {
        let report = world.replay(&[&common[..], args].concat());
        [0, 1].map(|program| report["programs"][program]["estimates"][0].clone())
    };
    // `even` puts item 0 first, whose n is even; `odd` item 1
    let expected = |item: i64| {
        let shown = (0..USERS).filter(|&user| shown_to(user) == item);
        let (all, clicked) = shown.fold((0, 0), |(all, clicked), user| {
            (all + 1, clicked + i32::from(clicks(user, item)))
        });
        (all, f64::from(clicked))
    };
    let own = estimate(&[]);
    let plain = estimate(&["--estimator", "ips"]);
    let clipped = estimate(&["--estimator", "ips", "--clip", "3"]);
    for (program, item) in [0, 1].into_iter().enumerate() {
        let (all, clicked) = expected(item);
        let near = |found: &Json, value: f64| {
            assert!((found.as_f64().unwrap() - value).abs() < 1e-9, "{found} {value}");
        };
        near(&own[program]["value"], clicked / f64::from(all));
        near(&plain[program]["value"], clicked * ITEMS as f64 / USERS as f64);
        near(&clipped[program]["value"], clicked * 3.0 / USERS as f64);
        assert_eq!(
            (&own[program]["positions"], &own[program]["matched"]),
            (&USERS.into(), &all.into())
        );
        near(&own[program]["effective"], f64::from(all));
        near(&own[program]["largest_weight"], ITEMS as f64);
        assert_eq!(own[program]["unknown"], 0.0);
        let (low, high) = (own[program]["low"].as_f64(), own[program]["high"].as_f64());
        assert!(low < own[program]["value"].as_f64() && own[program]["value"].as_f64() < high);
    }
}

#[test]
fn what_a_log_does_not_tell_is_not_estimated() {
    let world = World::new();
    world.log("log", "0.5");
    let args = |program| {
        ["replay", program, "--requests", "log/requests.csv", "--truth", "clicks", "--ips"]
    };
    // item 0 was shown to a sixth of the users, item 9 to nobody
    world.write("few.igql", "all(item).filter(it != 0).score(hash(viewer, it) % 1000).take(1)\n");
    world.write("items.csv", "item_id,n\n0,1\n1,2\n2,3\n3,4\n4,5\n5,7\n9,100\n");
    world.write("new.igql", "all(item).score(n).take(1)\n");
    let out = world.run(&args("new.igql"));
    fails(&out, 3, "100.0 % of the program's positions have rows that were never shown");
    assert!(String::from_utf8_lossy(&out.stdout).contains("n/a"));
    world.write("draws.igql", "all(item).sample(1)\n");
    fails(&world.run(&args("draws.igql")), 1, "E0312");
    world.write("draws.igql", "all(item).score(uniform(\"s\")).take(1)\n");
    fails(&world.run(&args("draws.igql")), 1, "draws at random");
    world.log("log", "");
    fails(&world.run(&args("even.igql")), 3, "never shown with a known probability");
    world.log("log", "1.5");
    fails(&world.run(&args("even.igql")), 3, "row 1: a probability is between 0 and 1, found 1.5");
    fs::remove_file(world.path("log/candidates.csv")).unwrap();
    fails(&world.run(&args("even.igql")), 3, "no table of what was shown");
    let out =
        world.run(&["replay", "even.igql", "--from", "2024-01-01", "--truth", "clicks", "--ips"]);
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
    world.write("who.csv", "user_id\n1\n");
    let out =
        world.run(&["replay", "even.igql", "--requests", "who.csv", "--truth", "clicks", "--ips"]);
    fails(&out, 2, "who.csv is no log");
}

#[test]
fn weights_that_differ_count_as_few() {
    let world = World::new();
    let engine = Engine::open(world.0.path()).unwrap();
    let program = engine.compile("all(item).take(1)").unwrap();
    let logged = |user: i64| {
        let request = Request::user(user).at(1_706_788_800_000_000);
        // one in a hundred is a hundred times as improbable
        let propensity = Some(if user % 100 == 0 { 0.001 } else { 0.1 });
        let shown = vec![Shown { position: 1, key: Key::Int(0), propensity }];
        Logged { shown, ..Logged::new(request) }
    };
    let mut asked = Replay::new(["clicks"], When::Logged((0..USERS).map(logged).collect()));
    let estimator = Estimator::SelfNormalised;
    asked.counterfactual = Some(Counterfactual { estimator, clip: None, cuts: vec![1] });
    let report = engine.replay(&[("p", &program)], &asked).unwrap();
    let found = &report.programs[0].estimates[0];
    let weights: Vec<f64> = (0..USERS).map(|u| if u % 100 == 0 { 1_000.0 } else { 10.0 }).collect();
    let sum: f64 = weights.iter().sum();
    let squares: f64 = weights.iter().map(|w| w * w).sum();
    assert!((found.effective - sum * sum / squares).abs() < 1e-9, "{found:?}");
    assert_eq!((found.matched, found.value), (USERS as u64, None));
    assert!(found.refusal().unwrap().contains("fewer than 100"));
    // a weight that is cut off makes no more of what there is
    asked.counterfactual = Some(Counterfactual { estimator, clip: Some(10.0), cuts: vec![1] });
    let report = engine.replay(&[("p", &program)], &asked).unwrap();
    assert_eq!(report.programs[0].estimates[0].value, None);
    asked.by = Some(By::Arm);
    let report = engine.replay(&[("p", &program)], &asked).unwrap();
    assert!(report.warnings.iter().any(|w| w.contains("exposed to an experiment")), "{report:?}");
}

#[test]
fn rows_say_how_probable_they_were() {
    let world = World::new();
    let engine = Engine::open(world.0.path()).unwrap();
    let compile = |text: &str| engine.compile(text).unwrap();
    let of = |text: &str| {
        let answer = engine.run(&compile(text).telling_propensities(), &Request::user(1)).unwrap();
        answer.rows().map(|row| row.propensity()).collect::<Vec<_>>()
    };
    assert_eq!(of("all(item).take(2)"), [Some(1.0), Some(1.0)]);
    assert_eq!(of("all(item).sample(3).take(1)"), [Some(0.5)]);
    assert_eq!(of("all(item).sample(1, weight=n)"), [None]);
    assert_eq!(
        of("all(item).filter(n > 4) | all(item).sample(3).filter(n < 5).take(1)")[..2],
        [Some(1.0); 2]
    );
    let program = compile("all(item).sample(3)");
    let untold = engine.run(&program, &Request::user(1)).unwrap();
    assert!(untold.rows().all(|row| row.propensity().is_none()));
    let told = engine.run(&program.telling_propensities(), &Request::user(1)).unwrap();
    let keys = |answer: &igql::Answer| answer.rows().map(|r| r.key().clone()).collect::<Vec<_>>();
    assert_eq!(keys(&untold), keys(&told));
}

#[test]
fn a_log_is_whole_or_not_there() {
    let world = World::new();
    let run = ["run", "even.igql", "--users", "all", "--log", "log"];
    // a disk that is full
    let binary = env!("CARGO_BIN_EXE_igql");
    assert!(world.run(&["build"]).status.success());
    let limited =
        format!("ulimit -f 4; exec {binary} run even.igql --users big.txt --log log > /dev/null");
    let users: String = (0..200_000).map(|user| format!("{user}\n")).collect();
    world.write("big.txt", &users);
    let shell = |text: &str| {
        let mut command = Command::new("bash");
        command.current_dir(world.0.path()).args(["-c", text]).output().unwrap()
    };
    let out = shell(&limited);
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
    assert!(said(&out).contains(".parquet: "), "{}", said(&out));
    for table in ["requests.parquet", "candidates.parquet"] {
        assert!(world.parts("log", table).is_empty(), "{table}");
    }
    // one that is told to end, in the middle
    let mut child = world.command(&["run", "even.igql", "--users", "big.txt", "--log", "log"]);
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    while world.parts("log", "requests.parquet").is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(world.parts("log", "requests.parquet").is_empty());
    let out = world.run(&["replay", "even.igql", "--requests", "log", "--truth", "clicks"]);
    fails(&out, 3, "has no requests");
    // several at a time
    let children: Vec<_> =
        (0..4).map(|_| world.command(&run).stdout(Stdio::null()).spawn().unwrap()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(world.parts("log", "requests.parquet").len(), 4);
    assert_eq!(world.replay(&["even.igql", "--requests", "log"])["requests"], USERS);
    // one that was killed has left a file that nobody reads
    let half = world.path("log/requests.parquet/.x.parquet.4000000-0.new");
    fs::write(&half, b"PAR1").unwrap();
    assert_eq!(world.replay(&["even.igql", "--requests", "log"])["requests"], USERS);

    fails(&world.run(&[&run[..5], &["users.csv/log"]].concat()), 2, "--log users.csv/log: ");
    world.write("taken/requests.parquet", "");
    fails(&world.run(&[&run[..5], &["taken"]].concat()), 2, "is a file");
}

#[test]
fn what_is_wrong_with_a_log_is_said() {
    let world = World::new();
    let replay =
        |log: &str| world.run(&["replay", "even.igql", "--requests", log, "--truth", "clicks"]);
    assert!(world.run(&["run", "even.igql", "--users", "all", "--log", "log"]).status.success());
    let part = world.parts("log", "requests.parquet").remove(0);
    let bytes = fs::read(&part).unwrap();
    for cut in [0, 3, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&part, &bytes[..cut]).unwrap();
        fails(&replay("log"), 3, &part.file_name().unwrap().to_string_lossy());
    }
    fs::remove_file(&part).unwrap();
    fails(&replay("log"), 3, "has no requests");
    fails(&replay("nowhere"), 2, "nowhere");
    for (text, code, words) in [
        ("viewer,when\n1,2\n", 3, "has no column `now`, which a log has"),
        ("viewer,now\n", 2, "there are none"),
        ("viewer,now\n1,\n", 3, "row 1: the time is null"),
        ("viewer,now\n1,soon\n", 3, "now"),
        ("viewer,now\n1,2024-02-01\n,2024-02-01\n", 0, "1 requests have no user"),
        (
            "viewer,now\n77777,2024-02-01\n",
            2,
            "the catalog has none of their users, such as `77777`",
        ),
        ("viewer,now,catalog\n1,2024-02-01,garden\n", 3, "of the catalog `garden`, this is `shop`"),
        ("viewer,now,arms\n1,2024-02-01,bold\n", 3, "expected a JSON object with an arm"),
        (
            "viewer,now,params\n1,2024-02-01,\"{\"\"x\"\": 1}\"\n",
            3,
            "the program has no parameter `x`",
        ),
        ("viewer,now,arm_propensity\n1,2024-02-01,7\n", 3, "between 0 and 1, found 7"),
        // times that go back, users that are not there, and time zones
        (
            "viewer,now\n3,2024-02-01T12:00:00Z\n1,2024-01-01\n8888,2024-02-01\n",
            0,
            "1 requests are of users",
        ),
    ] {
        world.write("bad.csv", text);
        fails(&replay("bad.csv"), code, words);
    }
    world.write("empty.ndjson", "");
    assert_ne!(replay("empty.ndjson").status.code(), Some(0));
    world.write("ok.ndjson", "{\"viewer\": 1, \"now\": \"2024-02-01T12:00:00Z\", \"seed\": 3}\n");
    let out = replay("ok.ndjson");
    assert!(out.status.success(), "{}", said(&out));
    assert!(Path::new(&world.path("ok.ndjson")).exists());
}
