//! Tuning: what is found, what it depends on, what is written, and what is kept when it is interrupted.

use super::random::Random;
use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const CATALOG: &str = r#"
[catalog]
viewer = "user"
[entity.user]
key = "user_id"
[entity.post]
table = "posts.csv"
key = "post_id"
[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
time = "at"
[edge.hides]
table = "hides.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
time = "at"
[defaults]
now = "latest"
"#;

const PROGRAM: &str = "# a value model\r
tunable w_a in 0.0..5.0 = 0.0    # of `a`\r
tunable w_b in 0.0..5.0 = 1.0\r
tunable most in 20..100 = 60\r
tunable unread in 0.0..1.0 = 0.5\r
similar = user.walk(likes, limit=all).walk(~likes, limit=all, weight=1.0, merge=sum).walk(likes, limit=all, weight=1.0, merge=sum)\r
pool = combine(similar.take(most), all(post), method=rrf)\r
pool.score(w_a * a + w_b * b).take(10)\r
";

const USERS: usize = 80;
const POSTS: usize = 120;

/// A world where people like posts by `3 a + b`, and hide those with a large `b`.
fn world() -> tempfile::TempDir {
    let mut random = Random(5);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    let columns: Vec<[f64; 2]> = (0..POSTS).map(|_| [random.unit(), random.unit()]).collect();
    let (mut likes, mut hides) = (String::new(), String::new());
    for user in 0..USERS {
        for day in 1..=28 {
            let best = (0..6).map(|_| (random.unit() * POSTS as f64) as usize);
            let value = |post: &usize| 3.0 * columns[*post][0] + columns[*post][1];
            let post = best.max_by(|a, b| value(a).total_cmp(&value(b))).unwrap();
            likes += &format!("{user},{post},2024-02-{day:02}T12:00:00Z\n");
            let post = (random.unit() * POSTS as f64) as usize;
            if columns[post][1] > 0.6 {
                hides += &format!("{user},{post},2024-02-{day:02}T13:00:00Z\n");
            }
        }
    }
    write("catalog.toml", CATALOG.to_owned());
    let posts = columns.iter().enumerate().map(|(post, [a, b])| format!("{post},{a},{b}\n"));
    write("posts.csv", format!("post_id,a,b\n{}", posts.collect::<String>()));
    write("likes.csv", format!("user_id,post_id,at\n{likes}"));
    write("hides.csv", format!("user_id,post_id,at\n{hides}"));
    write("page.igql", PROGRAM.to_owned());
    folder
}

const ASKED: [&str; 9] = [
    "tune",
    "page.igql",
    "--maximize",
    "ndcg@10",
    "--truth",
    "likes",
    "--from",
    "2024-02-08",
    "--format=json",
];

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
    command.current_dir(folder).args(args).stdin(Stdio::null());
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

/// The search with some further options.
fn tune(folder: &Path, more: &[&str]) -> Output {
    run(folder, &[&ASKED[..], more].concat())
}

fn report(output: &Output) -> Json {
    let error = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {error}"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn journal(folder: &Path) -> PathBuf {
    let found = fs::read_dir(folder.join(".igql/tune")).unwrap();
    found.map(|entry| entry.unwrap().path()).next().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn what_wins_is_written_and_nothing_else_changes() {
    let world = world();
    let folder = world.path();
    let found = tune(folder, &["--trials=25", "--write"]);
    assert_eq!(code(&found), 0, "{}", said(&found));
    let report = report(&found);
    let winner = report["winner"].as_u64().unwrap();
    assert!(winner > 1);
    assert_eq!(report["trials"].as_array().unwrap().len(), 25);
    assert_eq!(report["unread"], serde_json::json!(["unread"]));
    let program = fs::read_to_string(folder.join("page.igql")).unwrap();
    let mut expected = PROGRAM.to_owned();
    for tunable in report["tunables"].as_array().unwrap() {
        let name = tunable["name"].as_str().unwrap();
        let (from, to) = (tunable["from"].to_string(), tunable["to"].to_string());
        let line = PROGRAM.lines().find(|l| l.starts_with(&format!("tunable {name} "))).unwrap();
        let new = line.replacen(&format!("= {from}"), &format!("= {to}"), 1);
        expected = expected.replace(line, &new);
    }
    assert_eq!(program, expected);
    assert_ne!(program, PROGRAM);
    // a program that has what won has nothing to gain
    let again = tune(folder, &["--trials=1"]);
    assert_eq!(code(&again), 1);
    assert!(said(&again).contains("the program changed"), "{}", said(&again));
    let best = report["trials"][winner as usize - 1]["value"].as_f64().unwrap();
    assert_eq!(self::report(&again)["trials"][0]["value"].as_f64().unwrap(), best);
}

#[test]
fn trials_are_replays_of_the_requests_that_train() {
    let world = world();
    let folder = world.path();
    let parts = ["--train=2024-02-08..2024-02-20", "--validate=2024-02-21.."];
    let more =
        [&["--trials=8", "--sampler=random", "--subject-to=rate(hides)@10 <= 1"][..], &parts];
    let report = report(&tune(folder, &more.concat()));
    for trial in report["trials"].as_array().unwrap() {
        let mut args: Vec<String> =
            ["replay", "page.igql", "--truth=likes", "--from=2024-02-08", "--to=2024-02-20"]
                .map(str::to_owned)
                .to_vec();
        args.extend(
            ["--format=json", "--no-stages", "--metrics=ndcg@10,rate(hides)@10"].map(str::to_owned),
        );
        for (name, value) in trial["values"].as_object().unwrap() {
            args.push(format!("--param={name}={value}"));
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let replayed = self::report(&run(folder, &args));
        let metric = |name: &str| replayed["programs"][0]["metrics"][name]["mean"].clone();
        assert_eq!(trial["value"], metric("ndcg@10"));
        assert_eq!(trial["constraints"]["rate(hides)@10 <= 1"], metric("rate(hides)@10"));
    }
}

#[test]
fn neither_memory_nor_threads_change_a_trial() {
    let world = world();
    let folder = world.path();
    let journal_with = |more: &[&str]| {
        let found = tune(folder, &[&["--trials=12", "--fresh", "--parallel=2"][..], more].concat());
        assert!(code(&found) <= 1, "{}", said(&found));
        fs::read_to_string(journal(folder)).unwrap()
    };
    let first = journal_with(&["--threads=1"]);
    assert_eq!(first.lines().count(), 25);
    assert_eq!(journal_with(&["--threads=2"]), first);
    assert_eq!(journal_with(&["--cache-memory=1"]), first);
    assert_eq!(journal_with(&["--cache-memory=100KB", "--threads=2"]), first);
    assert_ne!(journal_with(&["--seed=2"]), first);
}

fn wait_for(child: &mut Child, lines: usize, folder: &Path) {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let is_there = || {
            let entry = fs::read_dir(folder.join(".igql/tune")).ok()?.next()?.ok()?;
            Some(fs::read_to_string(entry.path()).ok()?.lines().count())
        };
        if is_there().unwrap_or(0) >= lines || child.try_wait().unwrap().is_some() {
            return;
        }
        assert!(Instant::now() < until, "no trial within two minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_search_that_was_killed_goes_on() {
    let world = world();
    let folder = world.path();
    let more = ["--trials=12"];
    let whole = tune(folder, &more);
    let expected = fs::read_to_string(journal(folder)).unwrap();
    fs::remove_dir_all(folder.join(".igql/tune")).unwrap();
    for lines in [2, 7, 16] {
        let mut child = command(folder, &[&ASKED[..], &more].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(&mut child, lines, folder);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let resumed = tune(folder, &[&more[..], &["--resume"]].concat());
    assert!(said(&resumed).contains("trials are known from an earlier run"), "{}", said(&resumed));
    assert_eq!(fs::read_to_string(journal(folder)).unwrap(), expected);
    assert_eq!(resumed.stdout, whole.stdout);
    // more trials go on, another search starts anew
    let longer = report(&tune(folder, &["--trials=14"]));
    assert_eq!(longer["trials"].as_array().unwrap().len(), 14);
    assert!(fs::read_to_string(journal(folder)).unwrap().starts_with(&expected));
    let other = tune(folder, &["--trials=2", "--sampler=random"]);
    assert!(
        said(&other).contains("14 trials of an earlier run are dropped: `--sampler` is another"),
        "{}",
        said(&other)
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_reports_what_was_found() {
    let world = world();
    let folder = world.path();
    let mut child =
        command(folder, &[&ASKED[..], &["--trials=5000", "--sampler=random", "--write"]].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
    wait_for(&mut child, 9, folder);
    // SAFETY: the process is a child that has not been waited for
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 130, "{}", said(&output));
    let found = report(&output);
    assert_eq!(found["stopped"], true);
    assert!(found["trials"].as_array().unwrap().len() >= 4);
    assert!(said(&output).contains("the same command goes on"));
    assert_eq!(fs::read_to_string(folder.join("page.igql")).unwrap(), PROGRAM);
}

#[test]
fn a_program_that_changed_is_not_written() {
    let world = world();
    let folder = world.path();
    let mut child =
        command(folder, &[&ASKED[..], &["--trials=20", "--write", "--allow-worse"]].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
    wait_for(&mut child, 3, folder);
    let other = format!("{PROGRAM}# a thought\r\n");
    fs::write(folder.join("page.igql"), &other).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 1);
    let said = said(&output);
    assert!(said.contains("changed while it was tuned: nothing is written"), "{said}");
    assert!(said.contains("- tunable w_a in 0.0..5.0 = 0.0"), "{said}");
    assert!(said.contains("+ tunable w_a in 0.0..5.0 = "), "{said}");
    assert_eq!(fs::read_to_string(folder.join("page.igql")).unwrap(), other);
}

#[test]
fn constraints_hold() {
    let world = world();
    let folder = world.path();
    let free = report(&tune(folder, &["--trials=20"]));
    let bound = "--subject-to=rate(hides)@10 <= baseline*0.75";
    let bounded = report(&tune(folder, &["--trials=20", bound]));
    let rate = |report: &Json, trial: &Json| {
        let own = &report["trials"][trial.as_u64().unwrap() as usize - 1];
        own["constraints"]["rate(hides)@10 <= baseline*0.75"].as_f64().unwrap()
    };
    assert!(free["winner"].as_u64().is_some());
    let winner = &bounded["winner"];
    assert!(winner.as_u64().is_some(), "{bounded}");
    let first = Json::from(1);
    assert!(rate(&bounded, winner) <= 0.75 * rate(&bounded, &first));
    for validated in bounded["validated"].as_array().unwrap().iter().skip(1) {
        assert!(rate(&bounded, &validated["trial"]) <= 0.75 * rate(&bounded, &first));
    }
    // one that nothing can hold
    let impossible = tune(folder, &["--trials=6", "--subject-to=rows >= 11"]);
    assert_eq!(code(&impossible), 1);
    assert!(report(&impossible)["winner"].is_null());
}

#[test]
fn tunables_of_other_files_are_tuned_by_name() {
    let world = world();
    let folder = world.path();
    let lib = "tunable of_lib in 0.0..5.0 = 0.25 # kept\nvalue worth() = of_lib * a + b\n";
    fs::write(folder.join("lib.igql"), lib).unwrap();
    let program = "import \"lib.igql\"\nall(post).score(worth()).take(10)\n";
    fs::write(folder.join("page.igql"), program).unwrap();
    let none = tune(folder, &["--trials=4"]);
    assert_eq!(code(&none), 1);
    assert!(said(&none).contains("may change: `of_lib`"), "{}", said(&none));
    let found = tune(folder, &["--trials=12", "--only=of_lib", "--write"]);
    assert_eq!(code(&found), 0, "{}", said(&found));
    let to = report(&found)["tunables"][0]["to"].to_string();
    assert_eq!(fs::read_to_string(folder.join("lib.igql")).unwrap(), lib.replace("0.25", &to));
    assert_eq!(fs::read_to_string(folder.join("page.igql")).unwrap(), program);
}

#[test]
fn whole_tunables_stay_whole_and_few_values_are_tried_once() {
    let world = world();
    let folder = world.path();
    let program = "tunable n in 1..4 = 1\nall(post).score(a).take(n)\n";
    fs::write(folder.join("page.igql"), program).unwrap();
    for sampler in ["gp", "tpe", "random", "grid"] {
        let sampler = format!("--sampler={sampler}");
        let found = tune(folder, &["--trials=30", &sampler, "--write"]);
        let report = report(&found);
        let mut values: Vec<i64> = report["trials"]
            .as_array()
            .unwrap()
            .iter()
            .map(|trial| trial["values"]["n"].as_i64().unwrap())
            .collect();
        assert_eq!(values[0], 1);
        values.sort_unstable();
        assert_eq!(values, [1, 2, 3, 4], "{sampler}");
        assert_eq!(
            fs::read_to_string(folder.join("page.igql")).unwrap(),
            program.replace("= 1", "= 4")
        );
        fs::write(folder.join("page.igql"), program).unwrap();
    }
}

#[test]
fn what_makes_no_sense_is_said() {
    let world = world();
    let folder = world.path();
    let refused = |more: &[&str], expected: i32, words: &str| {
        let output = run(folder, more);
        assert_eq!(code(&output), expected, "{more:?}: {}", said(&output));
        assert!(said(&output).contains(words), "{more:?}: {}", said(&output));
        assert!(!said(&output).contains("panicked"));
    };
    let with = |more: &[&'static str]| [&ASKED[..], more].concat();
    let base = ["tune", "page.igql", "--truth=likes", "--from=2024-02-08"];
    let maximize = |metric: &'static str| [&base[..], &["--maximize", metric]].concat();
    refused(&maximize("ndgc@10"), 2, "did you mean `ndcg`");
    refused(&maximize("ndcg"), 2, "as in `ndcg@10`");
    refused(&maximize("coverage@10"), 2, "put a constraint on this one");
    refused(&maximize("p50_us"), 2, "igql bench");
    refused(&maximize("overlap@5"), 2, "compares two programs");
    refused(&with(&["--subject-to=rows"]), 2, "METRIC <= BOUND");
    refused(&with(&["--subject-to=rows >= x"]), 2, "expected a number or `baseline`");
    refused(&with(&["--subject-to=rate(nobody)@5 <= 1"]), 2, "nobody");
    refused(&with(&["--only=mosst"]), 2, "did you mean `most`");
    refused(&with(&["--only=unread"]), 1, "`unread` makes no difference");
    refused(&with(&["--param=w_a=1"]), 2, "--only");
    refused(&with(&["--trials=0"]), 2, "1");
    refused(&with(&["--train=2024-02-08..2024-02-10"]), 2, "--validate");
    refused(&with(&["--train=2024-02-10..2024-02-08", "--validate=2024-02-11.."]), 2, "before");
    refused(&with(&["--train=2024-02-08..2024-02-15", "--validate=2024-02-12.."]), 2, "overlap");
    refused(
        &with(&["--train=2020-02-08..2020-02-15", "--validate=2024-02-12.."]),
        2,
        "none is left to train",
    );
    refused(&with(&["--time=soon"]), 2, "--time");
    let nowhere =
        ["tune", "page.igql", "--maximize=ndcg@10", "--truth=likes", "--requests=none.csv"];
    refused(&nowhere, 2, "--requests none.csv: No such file");
    refused(&with(&["-o", "page.igql"]), 2, "this is a program");
    refused(&with(&["--max-rows=5"]), 2, "its own values");
    fs::write(folder.join("none.igql"), "all(post).score(a).take(3)\n").unwrap();
    let none = ["tune", "none.igql", "--maximize=ndcg@10", "--truth=likes", "--from=2024-02-08"];
    refused(&none, 1, "declare what may be tuned");
    fs::write(folder.join("wrong.igql"), "all(post).score(zz).take(3)\n").unwrap();
    let wrong = ["tune", "wrong.igql", "--maximize=ndcg@10", "--truth=likes", "--from=2024-02-08"];
    refused(&wrong, 1, "zz");
}

#[cfg(unix)]
#[test]
fn a_full_disk_keeps_what_is_done() {
    let world = world();
    let folder = world.path();
    let more = ["--trials=40", "--sampler=random"];
    let whole = tune(folder, &more);
    let expected = fs::read_to_string(journal(folder)).unwrap();
    fs::remove_dir_all(folder.join(".igql/tune")).unwrap();
    // files of 4 blocks of 512 bytes at most
    let line = format!(
        "ulimit -f 4; exec {} {} {}",
        env!("CARGO_BIN_EXE_igql"),
        ASKED.map(|arg| format!("'{arg}'")).join(" "),
        more.join(" ")
    );
    let full = Command::new("sh").current_dir(folder).args(["-c", &line]).output().unwrap();
    assert_eq!(code(&full), 2, "{}", said(&full));
    assert!(said(&full).contains("tune/page-"), "{}", said(&full));
    let kept = fs::read_to_string(journal(folder)).unwrap();
    assert!(kept.lines().count() > 3 && kept.len() < expected.len());
    let resumed = tune(folder, &more);
    assert_eq!(fs::read_to_string(journal(folder)).unwrap(), expected);
    assert_eq!(resumed.stdout, whole.stdout);
}

#[test]
fn a_mistake_costs_nothing_that_was_found() {
    let world = world();
    let folder = world.path();
    let first = tune(folder, &["--trials=6"]);
    let kept = fs::read_to_string(journal(folder)).unwrap();
    for (more, words) in [
        (&["--train=2024-02-08..2024-02-20", "--validate=2024-02-15.."][..], "overlap"),
        (&["--train=2031-01-01..2031-02-01", "--validate=2032-01-01.."], "none is left to train"),
        (&["--subject-to=rate(nothing)@10 <= baseline"], "rate(nothing)@10: there is no edge"),
        (&["--only=nothing"], "no tunable `nothing`"),
        (&["--fresh", "-o", "no/report.html"], "cannot create a file in `no`"),
        (&["--fresh", "--write", "-o", "posts.csv"], "a table or a vector file"),
    ] {
        let out = tune(folder, &[&["--trials=6"], more].concat());
        assert_eq!(code(&out), 2, "{more:?}: {}", said(&out));
        assert!(said(&out).contains(words), "{more:?}: {}", said(&out));
        assert!(!said(&out).contains("dropped"), "{more:?}: {}", said(&out));
        assert_eq!(fs::read_to_string(journal(folder)).unwrap(), kept, "{more:?}");
    }
    let again = tune(folder, &["--trials=6"]);
    assert!(said(&again).contains("6 trials are known"), "{}", said(&again));
    assert_eq!(again.stdout, first.stdout);
}

#[test]
fn a_journal_that_was_damaged_is_not_believed() {
    let world = world();
    let folder = world.path();
    let more = ["--trials=6", "--subject-to=rate(hides)@10 <= baseline*2"];
    let whole = tune(folder, &more);
    let (path, expected) = (journal(folder), fs::read_to_string(journal(folder)).unwrap());
    let records: Vec<Json> =
        expected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let with = |at: usize, field: &str, value: Json| {
        let mut record = records[at].clone();
        record[field] = value;
        record.to_string()
    };
    for (at, line) in [
        // other numbers of values than the search has
        (4, with(4, "constraints", Json::from(Vec::<f64>::new()))),
        (4, with(4, "constraints", Json::from(vec![0.5, 0.5]))),
        (3, with(3, "values", Json::from(vec![0.5]))),
        // trials out of order, and what is no record
        (3, with(3, "start", 7.into())),
        (4, with(4, "end", 1.into())),
        (2, "null".to_owned()),
        (1, "\0\0\0".to_owned()),
        (0, with(0, "options", Json::Null)),
        (0, with(0, "version", "0.0.1".into())),
    ] {
        let damaged = expected.lines().enumerate();
        let damaged = damaged.map(|(own, text)| if own == at { &line } else { text });
        fs::write(&path, damaged.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        let again = tune(folder, &more);
        assert_eq!(again.stdout, whole.stdout, "{line}: {}", said(&again));
        assert_eq!(fs::read_to_string(&path).unwrap(), expected, "{line}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_at_any_moment_loses_no_trial() {
    let world = world();
    let folder = world.path();
    let more = ["--trials=30", "--sampler=random"];
    let whole = tune(folder, &more);
    let expected = fs::read_to_string(journal(folder)).unwrap();
    fs::remove_dir_all(folder.join(".igql/tune")).unwrap();
    let mut kept = 0;
    for moment in (0..24).map(|n| n * n * 2) {
        let mut child = command(folder, &[&ASKED[..], &more].concat());
        let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(moment));
        let pid = child.id().to_string();
        let _ = Command::new("kill").args(["-INT", &pid]).status();
        let out = child.wait_with_output().unwrap();
        let ended = out.status.code();
        // the process may have ended before, or have no handler yet
        assert!(matches!(ended, Some(0 | 130) | None), "{moment}: {ended:?} {}", said(&out));
        let found = match folder.join(".igql/tune").exists() {
            true => fs::read_to_string(journal(folder)).unwrap(),
            false => String::new(),
        };
        assert!(expected.starts_with(&found), "{moment}: {found}");
        let trials = found.lines().filter(|line| line.contains("\"end\":")).count();
        assert!(trials >= kept, "{moment}: {trials} of {kept}");
        kept = trials;
        let left = fs::read_dir(folder).unwrap().filter(|entry| {
            entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".new")
        });
        assert_eq!(left.count(), 0);
    }
    assert!(kept > 0);
    let resumed = tune(folder, &more);
    assert_eq!(resumed.stdout, whole.stdout);
    assert_eq!(fs::read_to_string(journal(folder)).unwrap(), expected);
}
