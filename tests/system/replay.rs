//! Replay against a second implementation, written from its definition: requests, truth and metrics of random worlds.

use super::random::Random;
use igql::replay::{By, Every, Measure, Metric, Replay, ReplayError, Weight, When};
use igql::{Engine, Key, Request};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;
const USERS: usize = 40;
const POSTS: usize = 60;

const CATALOG: &str = r#"
[catalog]
viewer = "user"
[entity.user]
table = "users.csv"
key = "user_id"
[entity.post]
table = "posts.csv"
key = "post_id"
time = "created"
[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
time = "at"
[edge.saves]
table = "saves.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
time = "at"
[edge.plain]
table = "saves.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
[edge.follows]
table = "follows.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "user", column = "friend" }
time = "at"
[defaults]
now = "latest"
"#;

/// A link: user, post, time in microseconds.
type Link = (usize, usize, i64);

struct World {
    folder: tempfile::TempDir,
    created: Vec<Option<i64>>,
    likes: Vec<Link>,
    saves: Vec<Link>,
}

fn world(seed: u64) -> World {
    let mut random = Random(seed);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    // times are few, so that many are equal
    let time = |random: &mut Random| (10 * DAY / SECOND) + (random.below(900) * 1_000) as i64;
    let created: Vec<Option<i64>> =
        (0..POSTS).map(|_| (random.below(4) > 0).then(|| time(&mut random) * SECOND)).collect();
    let links = |random: &mut Random, n: usize| -> Vec<Link> {
        let link = |random: &mut Random| {
            let (user, post) = (random.below(USERS), random.below(POSTS));
            let user = user.min(random.below(USERS));
            (user, post, time(random) * SECOND)
        };
        (0..n).map(|_| link(random)).collect()
    };
    let (likes, saves) = (links(&mut random, 900), links(&mut random, 200));
    let table = |links: &[Link]| {
        let lines = links.iter().map(|(u, p, t)| format!("{u},{p},{}\n", of_micros(*t)));
        format!("user_id,post_id,at\n{}", lines.collect::<String>())
    };
    write("catalog.toml", CATALOG.to_owned());
    let users = (0..USERS).map(|u| format!("{u},{}\n", ["DE", "FR", ""][u % 3]));
    write("users.csv", format!("user_id,country\n{}", users.collect::<String>()));
    let posts = created
        .iter()
        .enumerate()
        .map(|(p, t)| format!("{p},{},{}\n", t.map_or(String::new(), of_micros), p % 7));
    write("posts.csv", format!("post_id,created,n\n{}", posts.collect::<String>()));
    write("likes.csv", table(&likes));
    write("saves.csv", table(&saves));
    write("follows.csv", "user_id,friend,at\n1,2,1970-01-12T00:00:00Z\n".to_owned());
    World { folder, created, likes, saves }
}

/// A time as ISO text; all are within 1970.
fn of_micros(us: i64) -> String {
    let (days, rest) = (us / DAY, us % DAY / SECOND);
    let mut day = days;
    let months = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= months[month] {
        day -= months[month];
        month += 1;
    }
    format!(
        "1970-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        month + 1,
        day + 1,
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

fn open(world: &World) -> Engine {
    Engine::open(world.folder.path()).unwrap()
}

const PROGRAM: &str = "liked = user.walk(likes, limit=5)
others = liked.walk(~likes, limit=all, weight=1.0, merge=sum).walk(likes, limit=all, weight=1.0, merge=sum)
recent = others.filter(n != 3)
(recent - user.walk(saves, limit=all)).take(12)";

impl World {
    /// Distinct targets ahead, with their gains; and how many cannot be seen.
    fn truth(
        &self,
        user: usize,
        t: i64,
        horizon: i64,
        exclude: bool,
    ) -> (BTreeMap<usize, f64>, usize) {
        let mut found: BTreeMap<usize, f64> = BTreeMap::new();
        let all = self.likes.iter().map(|l| (l, 1.0)).chain(self.saves.iter().map(|l| (l, 2.5)));
        for ((u, post, time), gain) in all.clone() {
            if *u == user && t < *time && *time <= t + horizon {
                let own = found.entry(*post).or_default();
                *own = own.max(gain);
            }
        }
        if exclude {
            for ((u, post, time), _) in all {
                if *u == user && *time <= t {
                    found.remove(post);
                }
            }
        }
        let before = found.len();
        found.retain(|post, _| self.created[*post].is_none_or(|created| created <= t));
        let unreachable = before - found.len();
        (found, unreachable)
    }

    /// Whether a request far ahead sees the target of a link.
    fn is_ever_seen(&self, link: &Link, end: i64) -> bool {
        self.created[link.1].is_none_or(|created| created <= end)
    }

    fn times(&self, every: Every, from: i64, to: i64, horizon: i64) -> BTreeSet<(i64, usize)> {
        let mut all = BTreeSet::new();
        for user in 0..USERS {
            let own = self.likes.iter().chain(&self.saves).filter(|l| l.0 == user);
            let mut links: Vec<i64> = own
                .filter(|l| l.2 <= to + horizon && self.is_ever_seen(l, to + horizon))
                .map(|l| l.2)
                .collect();
            links.sort_unstable();
            let times: Vec<i64> = match every {
                Every::Link => links.iter().map(|t| t - 1).collect(),
                Every::Session => {
                    let mut times = Vec::new();
                    let mut last = i64::MIN / 2;
                    for &time in &links {
                        if time - last > 30 * 60 * SECOND {
                            times.push(time - 1);
                        }
                        last = time;
                    }
                    times
                }
                Every::Day => (0..60)
                    .map(|day| day * DAY)
                    .filter(|t| links.iter().any(|l| t < l && *l <= t + horizon))
                    .collect(),
            };
            all.extend(times.into_iter().filter(|t| from <= *t && *t < to).map(|t| (t, user)));
        }
        all
    }
}

/// A metric by its definition.
fn expected(metric: &Metric, list: &[usize], truth: &BTreeMap<usize, f64>) -> f64 {
    let k = metric.cut;
    let gains: Vec<f64> =
        (0..k).map(|i| list.get(i).and_then(|p| truth.get(p)).copied().unwrap_or(0.0)).collect();
    let hits = gains.iter().filter(|g| **g > 0.0).count() as f64;
    let n = truth.len() as f64;
    let discounted = |gains: &[f64]| -> f64 {
        gains.iter().enumerate().map(|(i, g)| g / ((i + 2) as f64).log2()).sum()
    };
    let average = || -> f64 {
        let mut sum = 0.0;
        for i in 0..k {
            if gains[i] > 0.0 {
                sum += gains[..=i].iter().filter(|g| **g > 0.0).count() as f64 / (i + 1) as f64;
            }
        }
        sum
    };
    match metric.measure {
        Measure::Hit => f64::from(hits > 0.0),
        Measure::Recall => hits / n,
        Measure::CappedRecall => hits / n.min(k as f64),
        Measure::Precision => hits / k as f64,
        Measure::F1 => {
            let (p, r) = (hits / k as f64, hits / n);
            if hits == 0.0 { 0.0 } else { 2.0 * p * r / (p + r) }
        }
        Measure::Ndcg => {
            let mut best: Vec<f64> = truth.values().copied().collect();
            best.sort_by(|a, b| b.total_cmp(a));
            best.truncate(k);
            discounted(&gains) / discounted(&best)
        }
        Measure::Map => average() / n,
        Measure::CappedMap => average() / n.min(k as f64),
        Measure::Mrr => gains.iter().position(|g| *g > 0.0).map_or(0.0, |i| 1.0 / (i + 1) as f64),
        _ => f64::NAN,
    }
}

const NAMES: &str = "hit recall capped_recall precision f1 ndcg map capped_map mrr";

fn metrics() -> Vec<Metric> {
    let names = NAMES.split(' ').map(|name| Metric::parse(name, &[1, 3, 12, 50]).unwrap());
    names.flatten().collect()
}

fn replay(every: Every, from: i64, to: i64, horizon: i64) -> Replay {
    let mut replay = Replay::new(["likes", "saves"], When::Times { from, to, every });
    replay.truth[1].1 = 2.5;
    replay.horizon = horizon;
    replay.metrics = metrics();
    replay
}

/// The number of a key.
fn number(key: &Key) -> usize {
    match key {
        Key::Int(key) => *key as usize,
        Key::Str(_) => panic!("a text as key"),
    }
}

#[test]
fn requests_truth_and_metrics_by_definition() {
    for seed in 1..=3 {
        let world = world(seed);
        let engine = open(&world);
        let program = engine.compile(PROGRAM).unwrap();
        let (from, to) = (11 * DAY + 1, 19 * DAY);
        for (every, horizon, exclude) in [
            (Every::Day, DAY, false),
            (Every::Day, 3 * DAY, true),
            (Every::Session, DAY, true),
            (Every::Link, 5 * SECOND, false),
        ] {
            let mut asked = replay(every, from, to, horizon);
            asked.exclude_seen = exclude;
            let mut times = BTreeSet::new();
            let mut sums: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
            let (mut unreachable, mut with_truth) = (0, 0);
            let report = engine.replay_each::<ReplayError>(&[("p", &program)], &asked, |found| {
                let user = number(&found.user);
                assert!(times.insert((found.time, user)), "twice");
                let request = Request::user(found.user.clone()).at(found.time);
                let answer = engine.run(&program, &request).unwrap();
                let list: Vec<usize> = answer.rows().iter().map(|row| number(row.key())).collect();
                assert_eq!(found.rows, list.len());
                assert_eq!(found.keys().iter().map(number).collect::<Vec<_>>(), list);
                let (truth, hidden) = world.truth(user, found.time, horizon, exclude);
                assert_eq!(
                    found.gains().iter().map(|(k, g)| (number(k), *g)).collect::<BTreeMap<_, _>>(),
                    truth
                );
                unreachable += hidden;
                with_truth += u64::from(!truth.is_empty());
                let sums =
                    sums.entry(user).or_insert_with(|| vec![(0.0, 0.0); asked.metrics.len()]);
                for ((metric, value), sum) in asked.metrics.iter().zip(found.values).zip(sums) {
                    if truth.is_empty() {
                        assert!(value.is_nan());
                        continue;
                    }
                    let expected = expected(metric, &list, &truth);
                    assert!((expected - value).abs() < 1e-12, "{metric}: {value}, not {expected}");
                    *sum = (sum.0 + expected, sum.1 + 1.0);
                }
                Ok(())
            });
            let report = report.unwrap();
            assert_eq!(times, world.times(every, from, to, horizon), "{every:?}");
            assert_eq!(report.requests, times.len() as u64);
            assert_eq!(report.with_truth, with_truth);
            // targets that become visible within the horizon are not reckoned with here
            assert!(report.unreachable as usize >= unreachable.min(1));
            for (place, (metric, value)) in report.programs[0].metrics.iter().enumerate() {
                let users = sums.values().map(|s| s[place]).filter(|(_, n)| *n > 0.0);
                let means: Vec<f64> = users.map(|(sum, n)| sum / n).collect();
                let mean = means.iter().sum::<f64>() / means.len() as f64;
                assert!((mean - value.mean).abs() < 1e-12, "{metric}: {} not {mean}", value.mean);
            }
        }
    }
}

#[test]
fn stages_lose_what_they_lose() {
    let world = world(7);
    let engine = open(&world);
    let program = engine.compile(PROGRAM).unwrap();
    let parts = ["liked", "others", "recent"].map(|part| {
        let text = format!("{}\n{part}", PROGRAM.rsplit_once('\n').unwrap().0);
        engine.compile(&text).unwrap()
    });
    let mut asked = replay(Every::Day, 11 * DAY, 19 * DAY, 2 * DAY);
    asked.weight = Weight::Requests;
    let mut found = [(0.0, 0.0); 3];
    let mut lost = (0.0, 0.0);
    let report = engine.replay_each::<ReplayError>(&[("p", &program)], &asked, |judged| {
        let user = number(&judged.user);
        let (truth, _) = world.truth(user, judged.time, 2 * DAY, false);
        if truth.is_empty() {
            return Ok(());
        }
        let request = Request::user(judged.user.clone()).at(judged.time);
        let hits = parts.each_ref().map(|part| {
            let answer = engine.run(part, &request).unwrap();
            let rows = answer.rows().iter().map(|row| number(row.key()));
            rows.filter(|row| truth.contains_key(row)).count() as f64
        });
        let n = truth.len() as f64;
        for (sum, hits) in found.iter_mut().zip(hits) {
            *sum = (sum.0 + hits / n, sum.1 + 1.0);
        }
        lost = (lost.0 + (hits[1] - hits[2]) / n, lost.1 + 1.0);
        Ok(())
    });
    let report = report.unwrap();
    let stages = &report.programs[0].stages;
    for (name, (sum, n)) in ["liked", "others", "recent"].iter().zip(found) {
        let stage = stages.iter().find(|stage| stage.name.as_deref() == Some(name)).unwrap();
        assert!((stage.recall - sum / n).abs() < 1e-12, "{name}: {} not {}", stage.recall, sum / n);
    }
    let recent = stages.iter().find(|stage| stage.name.as_deref() == Some("recent")).unwrap();
    assert!(recent.lost > 0.0 && (recent.lost - lost.0 / lost.1).abs() < 1e-12);
    let last = stages.last().unwrap();
    assert!(last.op.starts_with("take"), "{last:?}");
    // looking at the operators changes nothing that they return
    asked.stages = false;
    let plain = engine.replay(&[("p", &program)], &asked).unwrap();
    for (a, b) in plain.programs[0].metrics.iter().zip(&report.programs[0].metrics) {
        assert_eq!(a, b);
    }
}

#[test]
fn a_baseline_a_test_set_and_requests_of_ones_own() {
    let world = world(11);
    let engine = open(&world);
    let better = engine.compile(PROGRAM).unwrap();
    let worse = engine.compile("all(post).score(-n).take(12)").unwrap();
    let mut asked = replay(Every::Day, 11 * DAY, 19 * DAY, 3 * DAY);
    asked.metrics.push(Metric::at(Measure::Overlap, 12));
    asked.metrics.push(Metric::at(Measure::Coverage, 12));
    asked.primary = vec![Metric::at(Measure::Ndcg, 12)];
    asked.baseline = Some(1);
    asked.by = Some(By::Column("country".to_owned()));
    let programs = [("better", &better), ("worse", &worse), ("same", &worse)];
    let report = engine.replay(&programs, &asked).unwrap();
    let again = engine.replay(&programs, &asked).unwrap();
    for (a, b) in report.programs.iter().zip(&again.programs) {
        assert!(a.metrics == b.metrics && a.groups == b.groups, "another run");
    }
    let value = |program: usize, name: &str| *report.programs[program].metric(name).unwrap();
    let ndcg = value(0, "ndcg@12").against.unwrap();
    assert!(ndcg.adjusted && !value(0, "ndcg@3").against.unwrap().adjusted);
    let means = value(0, "ndcg@12").mean - value(1, "ndcg@12").mean;
    assert!((ndcg.mean - means).abs() < 1e-12);
    let (low, high) = ndcg.interval.unwrap();
    assert!(low <= ndcg.mean && ndcg.mean <= high);
    assert_eq!(value(1, "ndcg@12").against, None);
    let same = value(2, "ndcg@12").against.unwrap();
    assert_eq!((same.mean, same.p), (0.0, Some(1.0)));
    assert_eq!(value(2, "overlap@12").mean, 1.0);
    assert!(value(0, "coverage@12").mean > value(1, "coverage@12").mean);
    let groups: Vec<(&str, u64)> =
        report.programs[0].groups.iter().map(|g| (&*g.value, g.users)).collect();
    assert_eq!(groups.iter().map(|(value, _)| *value).collect::<Vec<_>>(), ["DE", "FR", "null"]);
    assert_eq!(groups.iter().map(|(_, users)| users).sum::<u64>(), report.users);

    // the same requests given, with the truth of the edges, say the same
    let mut given = Vec::new();
    let found =
        engine.replay_each::<ReplayError>(&[("better", &better)], &asked_alone(&asked), |found| {
            given.push(Request::user(found.user.clone()).at(found.time));
            Ok(())
        });
    let mut own = asked_alone(&asked);
    given.reverse();
    own.when = When::Given(given);
    let again = engine.replay(&[("better", &better)], &own).unwrap();
    let first = found.unwrap();
    assert_eq!(again.programs[0].metrics, first.programs[0].metrics);

    // a test set: one request of each user, now
    let pairs = [(1, 5), (1, 9), (2, 5), (2, 999), (77, 5)];
    let pairs = pairs.iter().map(|(u, p)| (Key::Int(*u), Key::Int(*p))).collect();
    let mut set = Replay::new([], When::TestSet(pairs));
    set.metrics = metrics();
    let report = engine.replay(&[("worse", &worse)], &set).unwrap();
    assert_eq!((report.requests, report.with_truth, report.unreachable), (2, 2, 1));
    assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
    let answer = engine.run(&worse, &Request::user(1)).unwrap();
    let list: Vec<usize> = answer.rows().iter().map(|row| number(row.key())).collect();
    let share = |truth: &[usize]| {
        truth.iter().filter(|p| list.contains(p)).count() as f64 / truth.len() as f64
    };
    let recall = report.programs[0].metric("recall@12").unwrap().mean;
    assert!((recall - (share(&[5, 9]) + share(&[5])) / 2.0).abs() < 1e-12);
    assert_eq!(report.programs[0].metrics[0].1.interval, None, "two users have no interval");
}

/// The same without a comparison.
fn asked_alone(asked: &Replay) -> Replay {
    Replay { baseline: None, by: None, metrics: metrics(), ..asked.clone() }
}

/// Something that is changed in what is asked.
type Change<'a> = &'a dyn Fn(&mut Replay);

#[test]
fn what_makes_no_sense_is_said() {
    let world = world(5);
    let engine = open(&world);
    let program = engine.compile(PROGRAM).unwrap();
    let said = |change: Change| {
        let mut asked = replay(Every::Day, 11 * DAY, 19 * DAY, DAY);
        change(&mut asked);
        engine.replay(&[("p.igql", &program)], &asked).unwrap_err().to_string()
    };
    let cases: [(Change, &str); 12] = [
        (&|r| r.baseline = Some(1), "the baseline is program 1 of 1"),
        (&|r| r.truth[0].1 = f64::NAN, "the gain of `likes` is NaN"),
        (&|r| r.truth = vec![("likes".into(), 1.0); 300], "the truth has 300 edges"),
        (&|r| r.truth[0].0 = "lieks".into(), "did you mean `likes`?"),
        (&|r| r.truth[0].0 = "plain".into(), "its links have no times"),
        (
            &|r| r.truth[0].0 = "follows".into(),
            "it leads to `user`, but the program returns `post`",
        ),
        (&|r| r.truth.clear(), "no edge whose links are the truth"),
        (&|r| r.when = When::Times { from: 5, to: 5, every: Every::Day }, "no time between"),
        (&|r| r.when = When::Times { from: 0, to: 9, every: Every::Day }, "no user has truth"),
        (&|r| r.when = When::TestSet(Vec::new()), "test set: it has no rows"),
        (&|r| r.by = Some(By::Column("contry".to_owned())), "did you mean `country`?"),
        (
            &|r| r.metrics = Metric::parse("ild", &[5]).unwrap(),
            "no vectors in an embedding called `default`",
        ),
    ];
    for (change, expected) in cases {
        let found = said(change);
        assert!(found.contains(expected), "{found}\nexpected {expected}");
    }
}

fn command(folder: &Path, args: &[&str]) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_igql"));
    command.current_dir(folder).args(args).output().unwrap()
}

#[test]
fn the_command() {
    let world = world(9);
    let folder = world.folder.path();
    fs::write(folder.join("p.igql"), PROGRAM).unwrap();
    fs::write(folder.join("old.igql"), "all(post).score(-n).take(12)\n").unwrap();
    fs::write(folder.join("set.csv"), "user_id,post_id\n1,5\n2,7\n").unwrap();
    let truth = ["--truth", "likes,saves", "--gain", "saves=2.5", "--from", "1970-01-12"];
    let run = |args: &[&str]| command(folder, &[&["replay", "p.igql"], &truth[..], args].concat());
    let out = run(&["--baseline", "old.igql", "--format", "json", "--per-request", "each.csv"]);
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["programs"][0]["file"], "old.igql");
    assert_eq!(report["programs"][1]["stages"][0]["name"], "liked");
    let ndcg = &report["programs"][1]["metrics"]["ndcg@25"];
    assert_eq!(ndcg["adjusted"], true, "{ndcg}");
    assert!(ndcg["low"].as_f64() <= ndcg["mean"].as_f64());
    let each = fs::read_to_string(folder.join("each.csv")).unwrap();
    let head = each.lines().next().unwrap();
    assert!(head.starts_with("user,t,program,truth,length,hit@5,hit@10"), "{head}");
    assert_eq!(each.lines().count() as u64, 1 + 2 * report["requests"].as_u64().unwrap());

    if cfg!(unix) {
        let out = run(&["-o", "/dev/null"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    for (args, expected) in [
        (&["--k", "0"][..], "--k 0"),
        (&["--horizon", "soon"], "expected a duration above 0"),
        (&["--metrics", "ndgc"], "did you mean `ndcg`?"),
        (&["--gain", "shares=2"], "not one of `--truth`"),
        (&["--to", "1970-01-11"], "before `--to`"),
        (&["--per-request", "each.xls"], "unknown extension"),
        (&["--per-request", "likes.csv"], "a table or a vector file of the catalog"),
        (&["--primary", "map@3"], "not among the metrics"),
        (&["--users", "nobody.txt"], "nobody.txt"),
    ] {
        let out = run(args);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
    let set = |args: &[&str]| command(folder, &[&["replay", "old.igql"], args].concat());
    let out = set(&["--holdout", "set.csv", "--format", "trec", "--qrels", "qrels.txt"]);
    let run = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(run.lines().count(), 24, "{run}{}", String::from_utf8_lossy(&out.stderr));
    let fields: Vec<&str> = run.lines().next().unwrap().split(' ').collect();
    assert_eq!((fields[1], fields[3], fields[4], fields[5]), ("Q0", "1", "-1", "old.igql"));
    let qrels = fs::read_to_string(folder.join("qrels.txt")).unwrap();
    assert!(qrels.lines().all(|line| line.ends_with(" 1")) && qrels.lines().count() <= 2);
    let out = set(&["--holdout", "users.csv"]);
    assert_eq!(out.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&out.stderr).contains("has no column `post_id`"));
    let out =
        set(&["--holdout", "set.csv", "--k", "3,1,3", "--metrics", "hit,hit@1", "--format", "csv"]);
    let lines = String::from_utf8_lossy(&out.stdout).into_owned();
    let names: Vec<&str> = lines.lines().skip(1).filter_map(|l| l.split(',').nth(2)).collect();
    assert_eq!(names, ["hit@1", "hit@3"], "{lines}");
    let out = set(&["--truth", "likes"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("replay needs the times of requests"));
}
