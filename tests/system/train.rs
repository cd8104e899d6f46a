//! Learning edges: what is learnt and from which links, which version a program reads, and what is left when a training is
//! cut short.

use super::random::Random;
use igql::engine::Unit;
use igql::store::Options;
use igql::train::{Outcome, Train};
use igql::{Engine, Request};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

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
[edge.keeps]
table = "keeps.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
[defaults]
now = "latest"
"#;

const USERS: usize = 40;
const POSTS: usize = 60;

/// A like: who, what, on which day and at which second of it.
type Like = (usize, String, u32, u32);

/// The key of a post: a text, so that versions have to carry texts.
fn post(number: usize) -> String {
    format!("p{number:02}")
}

fn likes() -> Vec<Like> {
    let mut random = Random(11);
    let mut likes = Vec::new();
    for user in 0..USERS {
        for day in 1..=28 {
            for _ in 0..2 {
                let near = (user % 6 * 10) as f64 + random.unit() * 20.0;
                let second = (random.unit() * 4.0) as u32;
                likes.push((user, post(near as usize % POSTS), day, second));
            }
        }
    }
    likes
}

fn write_likes(folder: &Path, likes: &[Like]) {
    let line = |(user, post, day, second): &Like| {
        format!("{user},{post},2024-02-{day:02}T12:00:0{second}Z,{}\n", day % 3)
    };
    let lines: String = likes.iter().map(line).collect();
    fs::write(folder.join("likes.csv"), format!("user_id,post_id,at,basket\n{lines}")).unwrap();
}

pub(super) fn world() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    write("catalog.toml", CATALOG.to_owned());
    let posts: String = (0..POSTS).map(|i| format!("{}\n", post(i))).collect();
    write("posts.csv", format!("post_id\n{posts}"));
    write("keeps.csv", "user_id,post_id\n1,p01\n1,p02\n2,p02\n".to_owned());
    write_likes(folder.path(), &likes());
    folder
}

pub(super) fn program(folder: &Path, text: &str) {
    fs::write(folder.join("page.igql"), text).unwrap();
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
    command.current_dir(folder).args(args).stdin(Stdio::null());
    command
}

pub(super) fn run(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command(folder, args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

pub(super) fn trained(folder: &Path, args: &[&str]) -> Json {
    let args = [&["train", "page.igql", "--format=json"], args].concat();
    let (code, out, said) = run(folder, &args);
    assert_eq!(code, Some(0), "{said}{out}");
    serde_json::from_str(&out).unwrap()
}

fn weights(folder: &Path, name: &str, n: u32) -> PathBuf {
    folder.join(format!(".igql/learned/edge/{name}/{n}/weights.safetensors"))
}

pub(super) fn open(folder: &Path) -> Engine {
    Engine::open(folder).unwrap()
}

/// The links of a learned edge, by the keys of their ends.
fn links(engine: &Engine, name: &str) -> BTreeMap<(String, String), f64> {
    let schema = engine.schema();
    let edge = schema.edges.iter().position(|e| e.learned && e.name == name).unwrap();
    let post = schema.find_entity("post").unwrap();
    let all = engine.snapshot().adjacency(igql::types::EdgeId(edge as u16), false);
    let key = |row: u32| engine.snapshot().key(post, row).to_string();
    let of_row = |row: u32| {
        let places = all.range(row);
        let weights: Vec<f64> = places.clone().map(|at| all.weight.unwrap()[at]).collect();
        assert!(weights.is_sorted_by(|a, b| a >= b), "the strongest come first");
        places.map(move |at| (row, all.target[at], all.weight.unwrap()[at])).collect::<Vec<_>>()
    };
    let rows = 0..schema.entity(post).rows;
    rows.flat_map(of_row).map(|(a, b, weight)| ((key(a), key(b)), weight)).collect()
}

/// Each user's posts of before a day, in the order of time.
pub(super) fn histories(until_day: u32) -> Vec<Vec<String>> {
    let mut by_user = vec![Vec::new(); USERS];
    for (place, (user, post, day, second)) in likes().into_iter().enumerate() {
        if day < until_day {
            by_user[user].push((day, second, place, post));
        }
    }
    by_user
        .into_iter()
        .map(|mut likes| {
            likes.sort();
            likes.into_iter().map(|(.., post)| post).collect()
        })
        .collect()
}

fn assert_close(found: &BTreeMap<(String, String), f64>, wanted: &BTreeMap<(String, String), f64>) {
    let pairs = |links: &BTreeMap<_, _>| links.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(pairs(found), pairs(wanted));
    for (pair, value) in wanted {
        assert!(
            (found[pair] - value).abs() < 1e-6 * value.abs(),
            "{pair:?}: {} {value}",
            found[pair]
        );
    }
}

/// Cosines of what users liked, from the definition.
fn item_knn(until_day: u32) -> BTreeMap<(String, String), f64> {
    let sets: Vec<BTreeSet<String>> =
        histories(until_day).into_iter().map(|list| list.into_iter().collect()).collect();
    let degree = |post: &str| sets.iter().filter(|set| set.contains(post)).count() as f64;
    let mut sums: BTreeMap<(String, String), f64> = BTreeMap::new();
    for set in &sets {
        for (a, b) in set.iter().flat_map(|a| set.iter().map(move |b| (a, b))) {
            if a != b {
                *sums.entry((a.clone(), b.clone())).or_default() += (set.len() as f64).powf(-0.5);
            }
        }
    }
    sums.into_iter()
        .map(|((a, b), sum)| {
            let value = sum / (degree(&a) * degree(&b)).sqrt();
            ((a, b), value)
        })
        .collect()
}

/// Pairs at most two steps apart, by the order of time.
fn co_occurrence(until_day: u32) -> BTreeMap<(String, String), f64> {
    let (mut sums, mut counts) = (BTreeMap::<(String, String), f64>::new(), BTreeMap::new());
    for list in histories(until_day) {
        list.iter().for_each(|post| *counts.entry(post.clone()).or_insert(0.0) += 1.0);
        for (i, a) in list.iter().enumerate() {
            for (gap, b) in list[i + 1..].iter().take(2).enumerate() {
                let value = 1.0 / (gap + 1) as f64;
                if a != b {
                    *sums.entry((a.clone(), b.clone())).or_default() += value;
                    *sums.entry((b.clone(), a.clone())).or_default() += 0.5 * value;
                }
            }
        }
    }
    let norm = |(a, b): &(String, String)| f64::sqrt(counts[a] * counts[b]);
    sums.iter().map(|(pair, sum)| (pair.clone(), sum / norm(pair))).collect()
}

const BOTH: &str = "edge similar = itemknn(likes)\nedge after = co_occurrence(likes, window=2)\n\
    user.walk(likes, limit=all).walk(similar, merge=sum).take(5)\n";

#[test]
fn learned_edges_are_what_their_definitions_say() {
    let world = world();
    program(world.path(), BOTH);
    let report = trained(world.path(), &[]);
    let versions: Vec<&Json> =
        report["items"].as_array().unwrap().iter().map(|i| &i["version"]).collect();
    assert_eq!(versions[0]["until"], "2024-02-28T12:00:03.000001Z");
    assert_eq!(versions[0]["counts"]["links_seen"], (USERS * 28 * 2) as u64);
    let engine = open(world.path());
    assert_close(&links(&engine, "similar@1"), &item_knn(29));
    assert_close(&links(&engine, "after@1"), &co_occurrence(29));
    // a walk reads them like links of the catalog, as many as there are
    let page = engine.compile(BOTH).unwrap();
    let answer = engine.run(&page, &Request::user(3)).unwrap();
    assert_eq!(answer.versions, ["similar@1"]);
    let liked: BTreeSet<String> = histories(29)[3].iter().cloned().collect();
    let mut scores: BTreeMap<String, f64> = BTreeMap::new();
    for ((a, b), weight) in item_knn(29) {
        if liked.contains(&a) {
            *scores.entry(b).or_default() += f64::from(weight as f32);
        }
    }
    for row in answer.rows() {
        let wanted = scores.remove(&row.key().to_string()).unwrap();
        assert!((row.score() - wanted).abs() < 1e-6, "{} {wanted}", row.key());
    }
    let least = answer.rows().iter().map(|row| row.score()).fold(f64::MAX, f64::min);
    assert!(scores.values().all(|score| *score < least + 1e-9));
}

#[test]
fn every_learner_makes_an_edge_that_can_be_walked() {
    let world = world();
    let learners = [
        "itemknn(likes, k=7, user_norm=0, shrink=2.5, weighted=true)",
        "rp3beta(likes, k=7, alpha=0.5, beta=0.2, normalise=false)",
        "ease(likes, k=7, l2=20, block=30)",
        "gfcf(likes, k=7, rank=8)",
        "co_occurrence(likes, basket=basket, window=all, decay=none, norm=pmi, k=7)",
        "co_occurrence(keeps, window=all, decay=none, backward=1.0)",
        "co_occurrence(late, session_gap=36h, norm=count, k=7)",
    ];
    for learner in learners {
        program(
            world.path(),
            &format!(
                "edge late = likes where time > @2024-02-10\nedge near = {learner}\n\
                 all(post).walk(near, merge=sum).take(5)\n"
            ),
        );
        let report = trained(world.path(), &[]);
        let version = &report["items"][0]["version"];
        assert!(version["counts"]["links"].as_u64().unwrap() > 0, "{learner}: {report}");
        let (code, out, said) = run(world.path(), &["run", "page.igql", "--user", "1"]);
        assert_eq!(code, Some(0), "{learner}: {said}");
        let label = format!("near@{}", version["n"]);
        assert!(out.contains(&label), "{learner}: {out}");
    }
}

#[test]
fn links_after_the_end_are_not_seen() {
    let (world, past) = (world(), world_until(15));
    program(world.path(), BOTH);
    program(past.path(), BOTH);
    let args = ["--until", "2024-02-15", "--learned", "backtest"];
    trained(world.path(), &args);
    trained(past.path(), &[]);
    for name in ["similar", "after"] {
        let backtest = world.path().join(format!("backtest/edge/{name}/1/weights.safetensors"));
        assert_eq!(fs::read(backtest).unwrap(), fs::read(weights(past.path(), name, 1)).unwrap());
    }
    // they never meet production, and production never meets them
    let (code, _, said) = run(world.path(), &["run", "page.igql", "--user", "1"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("E0501"), "{said}");
    trained(world.path(), &[]);
    let replay = ["replay", "page.igql", "--truth=likes", "--from=2024-02-16", "--strict"];
    let (code, _, said) = run(world.path(), &replay);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("`similar@1` was trained on links up to 2024-02-28"), "{said}");
    let learned = [&replay[..], &["--learned=backtest", "--format=json"]].concat();
    let (code, out, said) = run(world.path(), &learned);
    assert!(code == Some(0) && !said.contains("trained on links"), "{said}");
    let report: Json = serde_json::from_str(&out).unwrap();
    assert!(report["foreknown"].is_null() && report["with_truth"].as_u64().unwrap() > 100);
}

/// The world as it was before a day.
fn world_until(day: u32) -> tempfile::TempDir {
    let world = world();
    let before: Vec<Like> = likes().into_iter().filter(|like| like.2 < day).collect();
    write_likes(world.path(), &before);
    world
}

#[test]
fn a_link_of_2099_moves_nothing() {
    let (world, other) = (world(), world());
    program(world.path(), BOTH);
    program(other.path(), BOTH);
    let mut with_typo = fs::read_to_string(other.path().join("likes.csv")).unwrap();
    with_typo.push_str("3,p44,2099-01-01T00:00:00Z,0\n");
    fs::write(other.path().join("likes.csv"), with_typo).unwrap();
    trained(world.path(), &[]);
    let report = trained(other.path(), &[]);
    assert_eq!(report["items"][0]["version"]["until"], "2024-02-28T12:00:03.000001Z");
    for name in ["similar", "after"] {
        assert_eq!(
            fs::read(weights(world.path(), name, 1)).unwrap(),
            fs::read(weights(other.path(), name, 1)).unwrap()
        );
    }
}

#[test]
fn a_version_is_known_by_what_its_declaration_means() {
    let world = world();
    let first = "edge recent = likes where time > @2024-02-05 and basket != 1\nedge similar = itemknn(recent, k=9)\n";
    let page = "user.walk(likes, limit=all).walk(similar).take(5)\n";
    program(world.path(), &format!("{first}{page}"));
    trained(world.path(), &[]);
    // other names, another layout and order, defaults written out
    let same = "edge similar = itemknn(\n    seed=0, user_norm=0.5, k=9, edge=newer) # the same\n\
                edge newer = likes where basket != 1 and time > @2024-02-05\n";
    let again = |text: &str| {
        program(world.path(), &format!("{text}{page}"));
        trained(world.path(), &["--dry-run"])["items"][0].clone()
    };
    let swapped =
        same.replace("basket != 1 and time > @2024-02-05", "time > @2024-02-05 and basket != 1");
    assert_eq!(again(&swapped)["outcome"], "kept");
    for (other, reason) in [
        (first.replace("k=9", "k=8"), "the declaration has changed"),
        (first.replace("02-05", "02-06"), "the declaration has changed"),
        (first.replace("basket != 1", "basket != 2"), "the declaration has changed"),
        (first.replace("k=9", "k=9, seed=1"), "the declaration has changed"),
    ] {
        let found = again(&other);
        assert_eq!(
            (&found["outcome"], &found["stale"]),
            (&"due".into(), &reason.into()),
            "{other}"
        );
    }
    program(world.path(), &format!("{}{page}", first.replace("k=9", "k=8")));
    let (code, _, said) = run(world.path(), &["check", "page.igql"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("E0502") && said.contains("`k=9` is now `k=8`"), "{said}");
    // by its number it is read whatever the program declares
    program(world.path(), &page.replace("similar", "similar@1"));
    let (code, out, said) = run(world.path(), &["run", "page.igql", "--user", "1"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("similar@1"), "{out}");
    program(world.path(), &page.replace("similar", "similar@2"));
    let (_, _, said) = run(world.path(), &["check", "page.igql"]);
    assert!(said.contains("E0507") && said.contains("similar@1"), "{said}");
}

#[test]
fn a_version_outlives_its_snapshot() {
    let world = world();
    program(world.path(), BOTH);
    trained(world.path(), &[]);
    let before = links(&open(world.path()), "similar@1");
    // rows in another order, some gone, some new
    let posts: String = (5..POSTS + 9).rev().map(|i| format!("{}\n", post(i))).collect();
    fs::write(world.path().join("posts.csv"), format!("post_id\n{posts}")).unwrap();
    let there: Vec<Like> = likes().into_iter().filter(|like| like.1 >= post(5)).collect();
    write_likes(world.path(), &there);
    fs::write(world.path().join("keeps.csv"), "user_id,post_id\n").unwrap();
    let after = links(&open(world.path()), "similar@1");
    let is_there = |key: &String| *key >= post(5);
    let kept = before.into_iter().filter(|((a, b), _)| is_there(a) && is_there(b));
    assert_eq!(after, kept.collect());
    let report = trained(world.path(), &["--dry-run"]);
    assert_eq!(report["items"][0]["stale"], "the data has changed");
    let (code, out, _) = run(world.path(), &["train", "--list"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("the data has changed"), "{out}");
    // the next version has the next number, and programs take it
    let report = trained(world.path(), &[]);
    assert_eq!(report["items"][0]["version"]["n"], 2);
    let (_, out, _) = run(world.path(), &["run", "page.igql", "--user", "1"]);
    assert!(out.contains("similar@2"), "{out}");
    // numbers are never given again
    let (_, out, _) = run(world.path(), &["train", "--prune", "1"]);
    assert_eq!(out, "removed after@1, similar@1\n");
    fs::remove_dir_all(world.path().join(".igql/learned/edge/similar/2")).unwrap();
    assert_eq!(trained(world.path(), &[])["items"][0]["version"]["n"], 3);
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let world = world();
    let all = "edge a = itemknn(likes)\nedge b = rp3beta(likes)\nedge c = ease(likes)\nedge d = gfcf(likes, rank=9)\n\
               edge e = co_occurrence(likes)\n";
    program(world.path(), all);
    for threads in ["1", "2", "4"] {
        trained(world.path(), &["--again", "--threads", threads]);
    }
    for name in ["a", "b", "c", "d", "e"] {
        let bytes = |n| fs::read(weights(world.path(), name, n)).unwrap();
        assert!(bytes(1) == bytes(2) && bytes(2) == bytes(3), "{name}");
    }
}

#[test]
fn what_is_wrong_with_a_declaration_is_said() {
    let world = world();
    let engine = open(world.path());
    let before =
        "param least: int = 3\ntunable most in 1..50 = 9\nedge mine = likes where from == viewer\n";
    for (learner, code, says) in [
        ("itemknn()", "E0303", "needs `edge`"),
        ("itemknn(like)", "E0205", "did you mean `likes`?"),
        ("itemkn(likes)", "E0206", "did you mean `itemknn`?"),
        ("itemknn(likes, user_nrom=3)", "E0304", "did you mean `user_norm`?"),
        ("itemknn(likes, edge=likes)", "E0305", "given twice"),
        ("itemknn(likes, k=0)", "E0306", "in 1..10000, found 0"),
        ("itemknn(likes, user_norm=2.5)", "E0306", "in 0.0..2.0, found 2.5"),
        ("itemknn(likes, shrink=-1.0)", "E0306", "at least 0.0, found -1.0"),
        ("ease(likes, l2=0.0)", "E0306", "above 0"),
        ("itemknn(likes, k=\"many\")", "E0302", "int"),
        ("itemknn(likes, 5, 0.5, 0.0, false, 7)", "E0307", "too many"),
        ("itemknn(likes, k=most)", "E0314", "`most`"),
        ("itemknn(likes, k=least)", "E0314", "`least`"),
        ("itemknn(mine)", "E0314", "the viewer"),
        ("itemknn(likes where basket == least)", "E0314", "`least`"),
        ("co_occurrence(likes, decay=inverted)", "E0213", "did you mean `inverse`?"),
        ("co_occurrence(likes, basket=baskt)", "E0203", "did you mean `basket`?"),
        ("co_occurrence(keeps)", "E0505", "no times"),
        ("co_occurrence(likes, session_gap=0s)", "E0306", "longer"),
    ] {
        // a condition stands in a declaration of its own
        let (edge, learner) = match learner.split_once(" where ") {
            Some((edge, rest)) => {
                let condition = rest.trim_end_matches(')');
                let name = edge.split('(').next().unwrap();
                let edge = format!("edge own = likes where {condition}\n");
                (edge, format!("{name}(own)"))
            }
            None => (String::new(), learner.to_owned()),
        };
        let text = format!("{before}{edge}edge near = {learner}\nuser.walk(likes).walk(near)\n");
        let error = engine.compile(&text).map(drop).expect_err(&text);
        let found = error.diagnostics.iter().find(|d| d.code.id == code);
        let drawn = error.to_string();
        assert!(found.is_some() && drawn.contains(says), "{code} {says}\n{drawn}");
        // the same is no less an error for the trainer, and nothing is trained
        let error = engine.train(&Unit::new("page", &text), &Train::default()).expect_err(&text);
        assert!(error.to_string().contains(code), "{error}");
    }
    assert!(!world.path().join(".igql/learned/edge").exists());
}

#[test]
fn a_column_that_nobody_reads_changes_nothing() {
    let world = world();
    let page = "edge few = likes where basket > 0\nedge similar = itemknn(few, k=5)\nuser.walk(likes, limit=3).walk(similar).take(3)\n";
    program(world.path(), page);
    trained(world.path(), &[]);
    let likes = fs::read_to_string(world.path().join("likes.csv")).unwrap();
    let wider: Vec<String> = likes
        .lines()
        .enumerate()
        .map(|(place, line)| {
            let (user, rest) = line.split_once(',').unwrap();
            let cell = if place == 0 { "aside".to_owned() } else { place.to_string() };
            format!("{user},{cell},{rest}")
        })
        .collect();
    fs::write(world.path().join("likes.csv"), wider.join("\n")).unwrap();
    let (code, _, said) = run(world.path(), &["check", "page.igql"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn an_old_version_is_told() {
    let world = world();
    let page = |age: &str| {
        format!(
            "edge similar = itemknn(likes, k=5, max_age={age})\nuser.walk(likes, limit=3).walk(similar).take(3)\n"
        )
    };
    program(world.path(), &page("1h"));
    trained(world.path(), &[]);
    let (code, _, said) = run(world.path(), &["check", "page.igql"]);
    assert!(code == Some(0) && !said.contains("W1401"), "{said}");
    // how old it may be is no part of what was learned
    std::thread::sleep(Duration::from_millis(20));
    program(world.path(), &page("10ms"));
    let (code, _, said) = run(world.path(), &["check", "page.igql"]);
    assert!(code == Some(0) && said.contains("W1401"), "{said}");
    let (code, _, said) = run(world.path(), &["check", "page.igql", "--assume-trained"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn aliases_in_the_prelude_wait_for_their_training() {
    let world = world();
    let prelude = "edge similar = itemknn(likes, k=5)\nedge strong = similar where weight > 0.1\n\
                   embedding near on user, post = als(likes, dim=4)\nembedding default on post = near\n";
    fs::write(world.path().join("prelude.igql"), prelude).unwrap();
    program(world.path(), "all(post).take(1)\n");
    let (code, _, said) = run(world.path(), &["check", "page.igql"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, out, said) = run(world.path(), &["train"]);
    assert_eq!(code, Some(0), "{out}{said}");
    program(world.path(), "user.walk(likes, limit=3).walk(strong).nn(to=post).take(1)\n");
    let (code, _, said) = run(world.path(), &["check", "page.igql"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn who_does_not_read_it_does_not_need_it() {
    let world = world();
    fs::write(world.path().join("prelude.igql"), "edge similar = itemknn(likes, k=5)\n").unwrap();
    let run_with = |text: &str| {
        program(world.path(), text);
        run(world.path(), &["run", "page.igql", "--user", "1"])
    };
    let (code, _, said) = run_with("user.walk(likes).take(3)\n");
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let (code, _, said) = run_with("user.walk(likes).walk(similar).take(3)\n");
    assert_eq!(code, Some(1));
    assert!(said.contains("E0501") && said.contains("igql train"), "{said}");
    // a test reads it after all
    program(
        world.path(),
        "query main = user.walk(likes).take(3)\ntest \"t\" (user=1) = {\n    assert count(user.walk(likes).walk(similar)) > 0\n}\n",
    );
    let (code, _, said) = run(world.path(), &["check", "page.igql"]);
    assert_eq!(code, Some(1), "{said}");
    let (code, ..) = run(world.path(), &["check", "page.igql", "--assume-trained"]);
    assert_eq!(code, Some(0));
    // the prelude is what is trained without a file
    let (code, out, said) = run(world.path(), &["train"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("similar@1"), "{out}");
    let (code, _, said) = run(world.path(), &["test", "page.igql"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn edges_are_learnt_from_learned_edges_in_one_go() {
    let world = world();
    program(
        world.path(),
        "edge second = itemknn(strong, k=4)\nedge strong = similar where weight > 0.05\nedge similar = itemknn(likes, k=9)\n",
    );
    let report = trained(world.path(), &[]);
    let names: Vec<&str> =
        report["items"].as_array().unwrap().iter().map(|i| i["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["similar", "second"]);
    // another version of the first is what the second is declared with, and newer than what it was learnt from
    trained(world.path(), &["--only", "similar", "--again"]);
    let report = trained(world.path(), &["--dry-run"]);
    let stale: Vec<&Json> =
        report["items"].as_array().unwrap().iter().map(|i| &i["stale"]).collect();
    assert_eq!(stale, [&Json::Null, &"what it is learned from is newer".into()]);
    let report = trained(world.path(), &[]);
    assert_eq!(report["items"][1]["version"]["upstream"], serde_json::json!(["edge similar@2"]));
    // in one go each reads what was learnt just before it, whatever the order of the declarations
    let report = trained(world.path(), &["--again"]);
    assert_eq!(report["items"][1]["version"]["upstream"], serde_json::json!(["edge similar@3"]));
    assert!(!links(&open(world.path()), "second@1").is_empty());
}

#[test]
fn a_version_that_holds_nothing_replaces_none() {
    let world = world();
    program(
        world.path(),
        "edge similar = itemknn(likes)\nembedding e on post = skipgram(likes, dim=4)\n",
    );
    trained(world.path(), &[]);
    let nothing = |declared: &str, says: &str| {
        program(
            world.path(),
            &format!("edge never = likes where time < @1990-01-01\n{declared}\n"),
        );
        let (code, out, _) = run(world.path(), &["train", "page.igql", "--format", "json"]);
        assert_eq!(code, Some(3), "{declared}: {out}");
        let report: Json = serde_json::from_str(&out).unwrap();
        let error = report["items"][0]["error"].as_str().unwrap();
        assert!(error.contains(says) && error.contains("stays in use"), "{error}");
    };
    for learner in ["itemknn", "rp3beta", "ease", "gfcf", "co_occurrence"] {
        nothing(&format!("edge similar = {learner}(never)"), "there are no links before 2024");
    }
    nothing("embedding e on post = skipgram(never)", "there are no links before 2024");
    nothing("embedding e on post = skipgram(likes, min_count=100000)", "nothing came of");
    assert!(weights(world.path(), "similar", 1).exists());
    assert!(!weights(world.path(), "similar", 2).exists());
    // of a file with errors it is not said that it declares nothing
    program(world.path(), "edge similar = itemknn(likes, kk=1)\n");
    let (code, out, said) = run(world.path(), &["train", "page.igql"]);
    assert!(code == Some(1) && out.is_empty() && said.contains("kk"), "{out}{said}");
}

#[test]
fn the_tenth_version_of_what_is_read_is_of_the_same_declaration() {
    let world = world();
    let page = "embedding near on post = skipgram(likes, dim=2, epochs=1, min_count=1)\n\
                edge close = likes where dot(to.near, to.near) > 0.0\n\
                edge similar = itemknn(close, k=3)\nuser.walk(likes).walk(similar).take(3)\n";
    program(world.path(), page);
    trained(world.path(), &[]);
    for n in 2..=11 {
        trained(world.path(), &["--only", "near", "--again"]);
        let report = trained(world.path(), &["--dry-run"]);
        assert_eq!(report["items"][1]["stale"], "what it is learned from is newer", "near@{n}");
    }
    let (code, _, said) = run(world.path(), &["check", "page.igql"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn damage_is_found_and_said() {
    let world = world();
    program(world.path(), BOTH);
    trained(world.path(), &[]);
    let (code, ..) = run(world.path(), &["build", "--check"]);
    assert_eq!(code, Some(0));
    let path = weights(world.path(), "similar", 1);
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    fs::write(&path, &flipped).unwrap();
    let (code, _, said) = run(world.path(), &["build", "--check"]);
    assert_eq!(code, Some(3));
    assert!(said.contains("wrong checksum"), "{said}");
    for damaged in [&whole[..whole.len() / 2], b"", b"no tensors at all"] {
        fs::write(&path, damaged).unwrap();
        let (code, _, said) = run(world.path(), &["run", "page.igql", "--user", "1"]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("E0503") && said.contains("damaged"), "{said}");
    }
    // what the message says to do helps
    let report = trained(world.path(), &["--dry-run"]);
    assert_eq!(report["items"][0]["stale"], "the version cannot be used");
    let (_, listed, _) = run(world.path(), &["train", "--list"]);
    assert!(listed.contains("it cannot be used"), "{listed}");
    assert_eq!(trained(world.path(), &[])["items"][0]["version"]["n"], 2);
    let (code, _, said) = run(world.path(), &["run", "page.igql", "--user", "1"]);
    assert_eq!(code, Some(0), "{said}");
    let path = weights(world.path(), "similar", 2);
    fs::write(path.with_file_name("manifest.json"), "{").unwrap();
    let (code, _, said) = run(world.path(), &["train", "--list"]);
    assert_eq!(code, Some(3));
    assert!(said.contains("manifest.json"), "{said}");
    // the next training is not held up
    assert_eq!(trained(world.path(), &[])["items"][0]["version"]["n"], 3);
    let (code, ..) = run(world.path(), &["run", "page.igql", "--user", "1"]);
    assert_eq!(code, Some(0));
}

#[test]
fn trainings_that_are_killed_leave_whole_versions() {
    let world = world();
    program(world.path(), BOTH);
    trained(world.path(), &[]);
    let mut random = Random(3);
    for _ in 0..40 {
        let mut child = command(world.path(), &["train", "page.igql", "--again"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros((random.unit() * 60_000.0) as u64));
        let _ = child.kill();
        child.wait().unwrap();
    }
    let (code, _, said) = run(world.path(), &["build", "--check"]);
    assert_eq!(code, Some(0), "{said}");
    let report = trained(world.path(), &["--again"]);
    for item in report["items"].as_array().unwrap() {
        let folder = world.path().join(".igql/learned/edge").join(item["name"].as_str().unwrap());
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(name == "last" || name.parse::<u32>().is_ok(), "{name} is left behind");
            numbers.extend(name.parse::<u32>());
        }
        assert_eq!(numbers.iter().max(), item["version"]["n"].as_u64().map(|n| n as u32).as_ref());
        let first = fs::read(folder.join("1/weights.safetensors")).unwrap();
        for n in numbers {
            let own = fs::read(folder.join(format!("{n}/weights.safetensors"))).unwrap();
            assert!(own == first, "version {n}");
        }
    }
}

#[test]
fn two_trainings_at_once_wait_for_each_other() {
    let world = world();
    program(world.path(), BOTH);
    trained(world.path(), &[]);
    let train = || command(world.path(), &["train", "page.igql", "--again"]).output().unwrap();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..4).map(|_| scope.spawn(train)).collect();
        for one in running {
            let output = one.join().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    });
    let (code, ..) = run(world.path(), &["build", "--check"]);
    assert_eq!(code, Some(0));
    assert_eq!(trained(world.path(), &["--again"])["items"][0]["version"]["n"], 6);
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_what_was_there() {
    let world = world();
    program(world.path(), BOTH);
    trained(world.path(), &[]);
    let limited = format!(
        "ulimit -f 2; exec {} train page.igql --again --format json",
        env!("CARGO_BIN_EXE_igql")
    );
    let output =
        Command::new("sh").args(["-c", &limited]).current_dir(world.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    let item = &report["items"][0];
    assert_eq!(item["outcome"], "failed");
    assert!(item["error"].as_str().unwrap().contains("cannot be written"), "{item}");
    let (code, out, _) = run(world.path(), &["run", "page.igql", "--user", "1"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("similar@1"), "{out}");
    assert!(!world.path().join(".igql/learned/edge/similar/.unfinished").exists());
}

#[test]
fn limits_are_told_before_the_training() {
    let world = world();
    program(world.path(), BOTH);
    let (code, out, _) =
        run(world.path(), &["train", "page.igql", "--max-memory", "1KB", "--format", "json"]);
    assert_eq!(code, Some(3));
    let report: Json = serde_json::from_str(&out).unwrap();
    assert!(report["items"][0]["error"].as_str().unwrap().contains("allowed"), "{report}");
    let (code, _, said) = run(world.path(), &["train", "page.igql", "--only", "simlar"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("similar"), "{said}");
    let (code, _, said) = run(world.path(), &["train", "page.igql", "--until", "2024-02-01"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("--learned"), "{said}");
    assert!(!weights(world.path(), "similar", 1).exists());
}

#[test]
fn nothing_to_learn_from_is_no_error() {
    let world = world();
    fs::write(world.path().join("likes.csv"), "user_id,post_id,at,basket\n").unwrap();
    let all = "edge a = itemknn(likes)\nedge b = rp3beta(likes)\nedge c = ease(likes)\nedge d = gfcf(likes)\n\
               edge e = co_occurrence(likes)\nuser.walk(likes).walk(a)\n";
    program(world.path(), all);
    let report = trained(world.path(), &[]);
    for item in report["items"].as_array().unwrap() {
        assert_eq!(item["version"]["counts"]["links"], 0);
        assert!(item["notes"][0].as_str().unwrap().contains("there are no links before"), "{item}");
    }
    let options = Options::default();
    let engine = Engine::open_with(world.path(), &options).unwrap();
    let program = engine.compile(all).unwrap();
    assert!(engine.run(&program, &Request::user(1)).unwrap().rows().is_empty());
    // the library says the same
    let report = engine.train(&Unit::new("page", all), &Train::default()).unwrap();
    assert!(report.items.iter().all(|item| matches!(item.outcome, Outcome::Kept(_))));
}

const SPACE: &str =
    "embedding near on post = skipgram(likes, session_gap=36h, dim=8, epochs=6, min_count=9)\n";

/// The rows of an embedding that have a vector, by key, with their numbers.
fn vectors(engine: &Engine, name: &str) -> BTreeMap<String, Vec<f32>> {
    vectors_of(engine, name, "post")
}

pub(super) fn vectors_of(engine: &Engine, name: &str, entity: &str) -> BTreeMap<String, Vec<f32>> {
    let schema = engine.schema();
    let number = schema.embeddings.iter().position(|e| e.name == name).unwrap();
    let post = schema.find_entity(entity).unwrap();
    let view = engine.snapshot().vectors(number, post).unwrap();
    let rows = 0..schema.entity(post).rows;
    rows.filter_map(|row| {
        let key = engine.snapshot().key(post, row).to_string();
        view.get(row).map(|vector| (key, vector.to_vec()))
    })
    .collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn learned_vectors_are_searched_like_others() {
    let world = world();
    let page = format!("{SPACE}given(post).nn(near, k=3).take(3)\n");
    let page = page.replace("given(post)", "user.walk(likes, limit=1)");
    program(world.path(), &page);
    let report = trained(world.path(), &[]);
    let version = &report["items"][0]["version"];
    assert_eq!(
        (&version["space"]["dim"], &version["space"]["metric"]),
        (&8.into(), &"cosine".into())
    );
    let engine = open(world.path());
    let all = vectors(&engine, "near@1");
    assert_eq!(version["counts"]["vectors"], all.len());
    assert!(all.len() > POSTS / 2);
    let answer = engine.run(&engine.compile(&page).unwrap(), &Request::user(3)).unwrap();
    assert_eq!(answer.versions, ["near@1"]);
    let newest = histories(29)[3].last().unwrap().clone();
    let mut wanted: Vec<(f64, &String)> = all
        .iter()
        .filter(|(key, _)| **key != newest)
        .map(|(key, vector)| (cosine(vector, &all[&newest]), key))
        .collect();
    wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let found: Vec<String> = answer.rows().iter().map(|row| row.key().to_string()).collect();
    let wanted: Vec<String> = wanted.iter().take(3).map(|(_, key)| (*key).clone()).collect();
    assert_eq!(found, wanted);
    // who is liked by the same people is near: posts of one group rather than of the one across
    let mean = |pairs: &[(usize, usize)]| {
        let has =
            pairs.iter().filter_map(|(a, b)| Some((all.get(&post(*a))?, all.get(&post(*b))?)));
        let found: Vec<f64> = has.map(|(a, b)| cosine(a, b)).collect();
        found.iter().sum::<f64>() / found.len() as f64
    };
    let group =
        |start: usize| (start..start + 8).flat_map(move |a| (start..a).map(move |b| (a, b)));
    let across = |start: usize| (start..start + 8).map(|a| (a, (a + 30) % POSTS));
    let within: Vec<_> = [0, 20, 40].into_iter().flat_map(group).collect();
    let apart: Vec<_> = [0, 20, 40].into_iter().flat_map(across).collect();
    assert!(mean(&within) > mean(&apart) + 0.3, "{} {}", mean(&within), mean(&apart));
}

#[test]
fn the_output_side_is_searched_by_products() {
    let world = world();
    let page = format!(
        "{SPACE}user.walk(likes, limit=4, weight=1.0).nn(near, k=5, side=output).take(5)\n"
    );
    program(world.path(), &page);
    trained(world.path(), &[]);
    let engine = open(world.path());
    let (input, output) = (vectors(&engine, "near@1"), vectors(&engine, "near@1.output"));
    assert!(input.keys().eq(output.keys()));
    let answer = engine.run(&engine.compile(&page).unwrap(), &Request::user(3)).unwrap();
    let list = &histories(29)[3];
    let rows: Vec<&String> = list.iter().rev().take(4).collect();
    let distinct: BTreeSet<&String> = rows.iter().copied().collect();
    let weight = |key: &String| rows.iter().filter(|row| **row == key).count() as f64;
    let weight = |key: &String| weight(key).min(1.0);
    let mut mean = [0.0; 8];
    let total: f64 =
        distinct.iter().filter(|key| input.contains_key(**key)).map(|k| weight(k)).sum();
    for key in &distinct {
        if let Some(vector) = input.get(*key) {
            vector
                .iter()
                .zip(&mut mean)
                .for_each(|(x, m)| *m += f64::from(*x) * weight(key) / total);
        }
    }
    let product = |key: &String| -> f64 {
        output[key].iter().zip(&mean).map(|(x, m)| f64::from(*x) * f64::from(*m as f32)).sum()
    };
    for row in answer.rows() {
        let key = row.key().to_string();
        assert!(!distinct.contains(&key), "{key} is where the search starts from");
        assert!(
            (row.score() - product(&key)).abs() < 1e-5,
            "{key}: {} {}",
            row.score(),
            product(&key)
        );
    }
    let last = answer.rows().iter().map(|row| row.score()).fold(f64::MAX, f64::min);
    let found: BTreeSet<String> = answer.rows().iter().map(|row| row.key().to_string()).collect();
    let others = output.keys().filter(|key| !found.contains(*key) && !distinct.contains(key));
    assert!(others.map(product).all(|score| score <= last + 1e-6));
    // old vectors are read by their number, and are exactly as they were
    trained(world.path(), &["--again"]);
    let pinned = page.replace("nn(near,", "nn(near@1,");
    let engine = open(world.path());
    let again = engine.run(&engine.compile(&pinned).unwrap(), &Request::user(3)).unwrap();
    assert_eq!(again.versions, ["near@1"]);
    let keys =
        |a: &igql::Answer| a.rows().iter().map(|row| row.key().to_string()).collect::<Vec<_>>();
    assert_eq!(keys(&again), keys(&answer));
}

#[test]
fn what_is_wrong_with_an_embedding_is_said() {
    let world = world();
    fs::write(world.path().join("vectors.csv"), "").unwrap();
    let engine = open(world.path());
    for (text, code, says) in [
        ("embedding e on user = skipgram(likes)\n", "E0504", "write `on post`"),
        ("embedding e on post = skipgram()\n", "E0303", "`sequence`"),
        ("embedding e on post = skipgram(likes, dim=0)\n", "E0306", "in 1..1024"),
        ("embedding e on post = skipgrams(likes)\n", "E0206", "skipgrams"),
        ("embedding e on post = file(path=\"v.npy\")\n", "E0509", "file"),
        ("embedding e on post = 3\n", "E0302", "learner"),
    ] {
        let error =
            engine.compile(&format!("{text}user.walk(likes).nn(e)\n")).map(drop).expect_err(text);
        let drawn = error.to_string();
        assert!(drawn.contains(code) && drawn.contains(says), "{code} {says}\n{drawn}");
    }
    let both = "embedding e on post = skipgram(likes, window=all)\nuser.walk(likes).nn(e, side=output, pool=mean)\n";
    program(world.path(), both);
    let (code, _, said) = run(world.path(), &["check", "page.igql", "--assume-trained"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("E0307") && said.contains("side=output"), "{said}");
    program(world.path(), &both.replace(", pool=mean", ""));
    let (code, _, said) = run(world.path(), &["check", "page.igql", "--assume-trained"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn vectors_are_the_same_bytes_on_any_number_of_threads_and_outlive_their_snapshot() {
    let world = world();
    program(world.path(), SPACE);
    for threads in ["1", "2", "4"] {
        trained(world.path(), &["--again", "--threads", threads]);
    }
    let bytes = |n: u32| {
        let folder = format!(".igql/learned/embedding/post/near/{n}/weights.safetensors");
        fs::read(world.path().join(folder)).unwrap()
    };
    assert!(bytes(1) == bytes(2) && bytes(2) == bytes(3));
    let before = vectors(&open(world.path()), "near@3");
    let posts: String = (5..POSTS).rev().map(|i| format!("{}\n", post(i))).collect();
    fs::write(world.path().join("posts.csv"), format!("post_id\n{posts}")).unwrap();
    let there: Vec<Like> = likes().into_iter().filter(|like| like.1 >= post(5)).collect();
    write_likes(world.path(), &there);
    fs::write(world.path().join("keeps.csv"), "user_id,post_id\n").unwrap();
    let kept = before.into_iter().filter(|(key, _)| *key >= post(5));
    assert_eq!(vectors(&open(world.path()), "near@3"), kept.collect());
}

#[test]
fn a_declaration_is_known_by_all_of_it_however_long_it_is() {
    let world = world();
    // conditions of more parts than a text shows, which differ only at their ends
    let long = |last: u32| {
        let parts = (10..900).map(|n| format!("basket != {n}")).collect::<Vec<_>>();
        let groups = parts.chunks(100).map(|parts| format!("({})", parts.join(" and ")));
        let groups = groups.collect::<Vec<_>>().join(" and ");
        let condition = format!("{groups} and basket != {last}");
        format!(
            "edge some = likes where {condition}\nedge similar = itemknn(some, k=9)\n\
             user.walk(some).walk(similar, merge=sum).take(5)\n"
        )
    };
    program(world.path(), &long(1));
    let first = trained(world.path(), &[])["items"][0].clone();
    assert_eq!(first["outcome"], "trained");
    let text = first["declaration"].as_str().unwrap();
    assert!(!text.contains("...") && text.len() < 100_000, "{} bytes", text.len());
    assert_eq!(trained(world.path(), &["--dry-run"])["items"][0]["outcome"], "kept");
    program(world.path(), &long(2));
    let other = trained(world.path(), &["--dry-run"])["items"][0].clone();
    assert_eq!(other["stale"], "the declaration has changed");
    let (code, _, said) = run(world.path(), &["check", "page.igql"]);
    assert!(code == Some(1) && said.contains("E0502"), "{said}");
}

#[test]
fn what_was_learned_is_described() {
    let world = world();
    program(
        world.path(),
        "edge similar = itemknn(likes, k=9)\nuser.walk(likes).walk(similar).take(5)\n",
    );
    let before = run(world.path(), &["describe"]).1;
    assert!(!before.contains("learned"), "{before}");
    trained(world.path(), &[]);
    trained(world.path(), &["--again"]);
    let said = "edge similar on post: similar@2 by itemknn, of links before 2024-02-28T12:00:03.000001Z; 2 versions";
    let all = run(world.path(), &["describe"]).1;
    assert!(all.contains(&format!("\nlearned\n  {said}\n")), "{all}");
    assert_eq!(run(world.path(), &["describe", "similar"]).1, format!("{said}\n"));
    let json = run(world.path(), &["describe", "--format=json"]).1;
    let json: Json = serde_json::from_str(&json).unwrap();
    let learned = &json["learned"][0];
    assert_eq!((&learned["name"], &learned["kind"]), (&"similar".into(), &"edge".into()));
    let versions: Vec<&Json> =
        learned["versions"].as_array().unwrap().iter().map(|v| &v["version"]).collect();
    assert_eq!(versions, ["similar@1", "similar@2"]);
    let (code, _, said) = run(world.path(), &["describe", "similer"]);
    assert!(code == Some(2) && said.contains("did you mean `similar`?"), "{said}");
}
