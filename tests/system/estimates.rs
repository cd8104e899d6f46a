//! Doubly robust estimates of programs from a log that has the gain which a model expected, against their definition.

use super::logs::CATALOG;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::process::{Command, Output};

const USERS: u64 = 2_000;
const ITEMS: u64 = 8;
/// Positions of a page.
const SHOWN: u64 = 2;

/// A number below `n` that nothing else tells.
fn draw(what: u64, n: u64) -> u64 {
    let mut x = what.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) % n
}

/// Whether a user would click an item.
fn would_click(user: u64, item: u64) -> bool {
    draw(user * 100 + item, 10) < 1 + item
}

/// What was shown to a user, with its probability: the first half of the items more often.
fn shown(user: u64) -> [(u64, f64); SHOWN as usize] {
    let first = draw(user * 7 + 1, ITEMS);
    let second = (first + 1 + draw(user * 7 + 2, ITEMS - 1)) % ITEMS;
    [first, second].map(|item| (item, if item < ITEMS / 2 { 0.125 } else { 0.1 }))
}

/// What a model expects: not far from what is, and not right.
fn expected(user: u64, item: u64) -> f64 {
    (1 + item + draw(user + item, 3)) as f64 / 12.0
}

struct World(tempfile::TempDir);

impl World {
    fn new() -> World {
        let world = World(tempfile::tempdir().unwrap());
        let users: String = (0..USERS).map(|u| format!("{u}\n")).collect();
        let items: String = (0..ITEMS).map(|i| format!("{i},{i}\n")).collect();
        let mut clicked = String::new();
        for user in 0..USERS {
            for (item, _) in shown(user).into_iter().filter(|(item, _)| would_click(user, *item)) {
                writeln!(clicked, "{user},{item},2024-02-01T12:30:00Z").unwrap();
            }
        }
        world.write("catalog.toml", CATALOG);
        world.write("users.csv", &format!("user_id\n{users}"));
        world.write("items.csv", &format!("item_id,n\n{items}"));
        world.write("clicks.csv", &format!("user_id,item_id,at\n{clicked}"));
        // another order for every user, and for some of them a page that is too short
        world.write(
            "page.igql",
            "all(item).filter(it != 7 or hash(viewer, \"short\") % 10 > 0).score(hash(viewer, it) % 1000)\
             .take(2 if hash(viewer, \"one\") % 10 > 0 else 1)\n",
        );
        world
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A log with what `value` says of every item, whether it was shown or not.
    fn log(&self, name: &str, value: &dyn Fn(u64, u64) -> String) {
        let mut requests = "id,viewer,now\n".to_owned();
        let mut candidates = "request,stage,key,position,propensity,p_click\n".to_owned();
        for user in 0..USERS {
            let id = user + 10_000;
            writeln!(requests, "{id},{user},2024-02-01T12:00:00Z").unwrap();
            for item in 0..ITEMS {
                writeln!(candidates, "{id},scored,{item},,,{}", value(user, item)).unwrap();
            }
            for (position, (item, p)) in (1..).zip(shown(user)) {
                let value = value(user, item);
                writeln!(candidates, "{id},result,{item},{position},{p},{value}").unwrap();
            }
        }
        self.write(&format!("{name}/requests.csv"), &requests);
        self.write(&format!("{name}/candidates.csv"), &candidates);
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
        command.current_dir(self.0.path()).args(args).output().unwrap()
    }

    fn replay(&self, log: &str, more: &[&str]) -> Output {
        let requests = format!("{log}/requests.csv");
        let args = ["replay", "page.igql", "--requests", &requests, "--truth", "clicks", "--ips"];
        let usual = ["--k", "1,2", "--no-stages", "--format", "json"];
        self.run(&[&args[..], &usual, more].concat())
    }

    /// The estimates for the first position and for both.
    #[track_caller]
    fn estimates(&self, log: &str, more: &[&str]) -> Vec<Json> {
        let out = self.replay(log, more);
        assert!(out.status.success(), "{more:?}: {}", said(&out));
        let report: Json = serde_json::from_slice(&out.stdout).unwrap();
        report["programs"][0]["estimates"].as_array().unwrap().clone()
    }

    /// The rows of the program, by user.
    fn pages(&self) -> BTreeMap<u64, Vec<u64>> {
        let args = ["run", "page.igql", "--users", "all", "--at", "2024-02-01T12:00:00Z"];
        let out = self.run(&[&args[..], &["--format", "json"]].concat());
        let answers: Vec<Json> = serde_json::from_slice(&out.stdout).unwrap();
        let items = |answer: &Json| {
            let rows = answer["results"].as_array().unwrap().iter();
            rows.map(|row| row["item_id"].as_u64().unwrap()).collect::<Vec<_>>()
        };
        answers.iter().map(|a| (a["user"].as_u64().unwrap(), items(a))).collect()
    }
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

const DR: [&str; 4] = ["--estimator", "dr", "--reward", "p_click"];

#[track_caller]
fn near(found: &Json, value: f64) {
    let found = found.as_f64().unwrap_or_else(|| panic!("{found}"));
    assert!((found - value).abs() < 1e-12, "{found} {value}");
}

/// The mean over logged positions of q(own row) + w (r - q(logged row)), where w is 0 unless they are one; OBP's
/// `DoublyRobust` with a round for each position, and with `clip` its `lambda_`.
fn doubly_robust(
    pages: &BTreeMap<u64, Vec<u64>>,
    q: &dyn Fn(u64, u64) -> f64,
    cut: usize,
    clip: f64,
) -> f64 {
    let mut rounds = Vec::new();
    for (user, page) in pages {
        for (position, (item, p)) in shown(*user).into_iter().enumerate().take(cut) {
            let policy = |item: u64| f64::from(u8::from(page.get(position) == Some(&item)));
            let direct: f64 = (0..ITEMS).map(|item| policy(item) * q(*user, item)).sum();
            let weight = (policy(item) / p).min(clip);
            let reward = f64::from(u8::from(would_click(*user, item)));
            rounds.push(direct + weight * (reward - q(*user, item)));
        }
    }
    rounds.iter().sum::<f64>() / rounds.len() as f64
}

#[test]
fn a_model_and_what_it_does_not_expect() {
    let world = World::new();
    let pages = world.pages();
    assert!(pages.values().any(|page| page.len() == 1), "{pages:?}");
    world.log("log", &|user, item| expected(user, item).to_string());
    let found = world.estimates("log", &DR);
    let clipped = world.estimates("log", &[&DR[..], &["--clip", "9"]].concat());
    for (place, cut) in [1, 2].into_iter().enumerate() {
        near(&found[place]["value"], doubly_robust(&pages, &expected, cut, f64::INFINITY));
        near(&clipped[place]["value"], doubly_robust(&pages, &expected, cut, 9.0));
        assert_eq!(found[place]["unmodelled"], 0.0);
        let (low, high) = (found[place]["low"].as_f64(), found[place]["high"].as_f64());
        let value = found[place]["value"].as_f64();
        assert!(low < value && value < high, "{found:?}");
    }
    // the rest is that of the other estimators, which say nothing of a model
    let plain = world.estimates("log", &["--estimator", "ips"]);
    for field in ["positions", "matched", "effective", "largest_weight", "unknown"] {
        assert_eq!(found[1][field], plain[1][field], "{field}");
    }
    assert!(plain[1].get("unmodelled").is_none(), "{plain:?}");
    // a model that expects nothing leaves the other estimate, one that is always right is all there is
    world.log("nothing", &|_, _| "0".to_owned());
    let nothing = world.estimates("nothing", &DR);
    let right = |user, item| f64::from(u8::from(would_click(user, item)));
    world.log("right", &|user, item| right(user, item).to_string());
    let known = world.estimates("right", &DR);
    for (place, cut) in [1, 2].into_iter().enumerate() {
        near(&nothing[place]["value"], plain[place]["value"].as_f64().unwrap());
        let gains = pages
            .iter()
            .flat_map(|(user, page)| page.iter().take(cut).map(move |item| right(*user, *item)));
        near(&known[place]["value"], gains.sum::<f64>() / (USERS * cut as u64) as f64);
    }
    let width = |found: &Json| found["high"].as_f64().unwrap() - found["low"].as_f64().unwrap();
    assert!(width(&known[1]) < width(&found[1]) && width(&found[1]) < width(&plain[1]));
    for (file, head) in
        [("report.txt", "unmodelled"), ("report.html", "<th class=\"n\">unmodelled</th>")]
    {
        let args = ["replay", "page.igql", "--requests", "log/requests.csv", "--truth", "clicks"];
        let out = world.run(&[&args[..], &["--ips", "-o", file], &DR].concat());
        assert!(out.status.success(), "{}", said(&out));
        let text = fs::read_to_string(world.0.path().join(file)).unwrap();
        assert!(text.contains(head), "{text}");
    }
}

#[test]
fn what_the_answer_says_counts_before_other_stages() {
    let world = World::new();
    let pages = world.pages();
    world.log("log", &|user, item| expected(user, item).to_string());
    let text = fs::read_to_string(world.0.path().join("log/candidates.csv")).unwrap();
    // the stages say 1 of what was shown, before the answer and after it
    let (mut before, mut after) = (String::new(), String::new());
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |place: usize| fields[place].parse::<u64>().unwrap();
        let (user, item) = (number(0) - 10_000, number(2));
        let is_shown = shown(user).iter().any(|(own, _)| *own == item);
        match fields[1] == "scored" && is_shown {
            true if item % 2 == 0 => writeln!(before, "{},scored,{item},,,1", fields[0]).unwrap(),
            true => writeln!(after, "{},scored,{item},,,1", fields[0]).unwrap(),
            false => writeln!(before, "{line}").unwrap(),
        }
    }
    let head = text.lines().next().unwrap();
    world.write("log/candidates.csv", &format!("{head}\n{before}{after}"));
    let found = world.estimates("log", &DR);
    near(&found[1]["value"], doubly_robust(&pages, &expected, 2, f64::INFINITY));
}

#[test]
fn what_a_model_does_not_say_is_not_estimated() {
    let world = World::new();
    let pages = world.pages();
    // of one item in thirty nothing is known: it counts as nothing, on both sides
    let known = |user: u64, item: u64| draw(user * 31 + item, 30) > 0;
    world.log("most", &|user, item| match known(user, item) {
        true => expected(user, item).to_string(),
        false => String::new(),
    });
    let found = world.estimates("most", &DR);
    let or_nothing = |user, item| if known(user, item) { expected(user, item) } else { 0.0 };
    near(&found[1]["value"], doubly_robust(&pages, &or_nothing, 2, f64::INFINITY));
    let share = found[1]["unmodelled"].as_f64().unwrap();
    assert!((0.02..0.05).contains(&share), "{share}");

    let fails = |log: &str, more: &[&str], code: i32, words: &str| {
        let out = world.replay(log, more);
        assert_eq!(out.status.code(), Some(code), "{more:?}: {}", said(&out));
        assert!(said(&out).contains(words), "`{words}` is not in: {}", said(&out));
        out
    };
    // what was shown is all that the log has: of the program's rows it knows little
    let shown_only = |user: u64, item: u64| shown(user).iter().any(|(own, _)| *own == item);
    world.log("shown", &|user, item| match shown_only(user, item) {
        true => expected(user, item).to_string(),
        false => String::new(),
    });
    let out =
        fails("shown", &DR, 3, "the log has no expected gain of the program's row, more than 5 %");
    let report: Json = serde_json::from_slice(&out.stdout).unwrap();
    let refused = &report["programs"][0]["estimates"][0];
    assert!(refused["value"].is_null() && refused["refused"].is_string(), "{refused}");

    world.log("null", &|_, _| String::new());
    fails("null", &DR, 3, "no row of what was looked at for the requests has a value");
    world.log("text", &|_, _| "likely".to_owned());
    fails("text", &DR, 3, "p_click");
    world.log("large", &|_, _| "1.5".to_owned());
    fails(
        "large",
        &DR,
        3,
        "row 1: an expected gain is between 0 and 1, the largest gain, found 1.5",
    );
    assert!(world.replay("large", &[&DR[..], &["--gain", "clicks=2"]].concat()).status.success());
    world.log("negative", &|_, _| "-0.5".to_owned());
    fails("negative", &DR, 3, "found -0.5");
    world.log("endless", &|_, _| "inf".to_owned());
    fails("endless", &DR, 3, "p_click");
    let dr = |column| ["--estimator", "dr", "--reward", column];
    fails("most", &dr("p_clik"), 3, "did you mean `p_click`?");
    fails("most", &dr("nowhere"), 3, "has no column `nowhere`, the expected gain of a row");
    fails("most", &dr("position"), 2, "this column of a log is no expected gain");
    fails("most", &DR[..2], 2, "name the column of the log that has it: `--reward COLUMN`");
    fails("most", &DR[2..], 2, "only `--estimator dr` reads it");
    let args = ["replay", "page.igql", "--from", "2024-01-01", "--truth", "clicks"];
    let out = world.run(&[&args[..], &DR].concat());
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
}
