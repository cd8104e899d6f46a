//! `storage = "f16"`: the vectors are the rounded ones, so every answer is that of a catalog whose
//! files hold the rounded numbers as 32-bit floats.

use crate::data::{World, floats, npy, random};
use half::f16;
use igql::{Ask, Engine, Request};
use std::sync::OnceLock;

/// More items than a scan is for, and fewer makers.
const ITEMS: usize = 17_000;
const MAKERS: usize = 900;
const USERS: usize = 12;
const DIM: usize = 11;

const CATALOG: &str = r#"
[catalog]
name = "halves"
viewer = "user"

[entity.user]
table = "users.csv"
key = "user_id"

[entity.maker]
table = "makers.csv"
key = "maker_id"

[entity.item]
table = "items.csv"
key = "item_id"

[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "item", column = "item_id" }

[edge.follows]
table = "follows.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "maker", column = "maker_id" }

[defaults]
now = "1970-01-02"
"#;

fn unit(state: &mut u64) -> f32 {
    (random(state) >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// Vectors round thirty centres; some are copies once they are rounded, some tiny, some then zero.
fn vectors(rows: usize, state: &mut u64) -> Vec<f32> {
    let centres: Vec<f32> = (0..30 * DIM).map(|_| unit(state)).collect();
    let mut all: Vec<f32> = Vec::new();
    for row in 0..rows {
        let centre = &centres[random(state) as usize % 30 * DIM..][..DIM];
        let factor = match row % 50 {
            7 => 1e-6,
            8 => 1e-9,
            _ => 1.0,
        };
        match row % 50 {
            9 => {
                let before = all[(row - 9) * DIM..(row - 8) * DIM].to_vec();
                all.extend(before.iter().map(|x| x * (1.0 + 1e-6)));
            }
            _ => all.extend(centre.iter().map(|x| factor * (x + 0.4 * unit(state)))),
        }
    }
    all
}

fn table(head: &str, rows: usize, mut row: impl FnMut(usize) -> String) -> String {
    let rows: String = (0..rows).map(|i| row(i) + "\n").collect();
    format!("{head}\n{rows}")
}

/// The catalog with that storage; `number` is what becomes of the numbers in the files.
fn world(storage: &str, number: fn(f32) -> f32) -> World {
    let mut state = 3;
    let mut catalog = CATALOG.to_owned();
    for metric in ["cosine", "dot", "l2"] {
        catalog += &format!(
            "[embedding.by_{metric}]\nentity = [\"user\", \"maker\", \"item\"]\n\
             file = [\"user.npy\", \"maker.npy\", \"item.npy\"]\n\
             metric = \"{metric}\"\nstorage = \"{storage}\"\n"
        );
    }
    let world = World::new(&catalog);
    world.file("users.csv", table("user_id", USERS, |i| i.to_string()));
    world.file("makers.csv", table("maker_id", MAKERS, |i| i.to_string()));
    let mark = |i: usize| format!("{i},{}", i * 7 % 1_000);
    world.file("items.csv", table("item_id,mark", ITEMS, mark));
    let link = |most: usize| move |i: usize| format!("{},{}", i % USERS, (i * 7919 + 13) % most);
    world.file("likes.csv", table("user_id,item_id", 90, link(ITEMS)));
    world.file("follows.csv", table("user_id,maker_id", 60, link(MAKERS)));
    for (name, rows) in [("user", USERS), ("maker", MAKERS), ("item", ITEMS)] {
        let values: Vec<f32> = vectors(rows, &mut state).into_iter().map(number).collect();
        let file = npy("<f4", &format!("{rows}, {DIM}"), &floats(&values));
        world.file(&format!("{name}.npy"), file);
    }
    world
}

fn engines() -> &'static [(World, Engine); 2] {
    static ENGINES: OnceLock<[(World, Engine); 2]> = OnceLock::new();
    ENGINES.get_or_init(|| {
        let open = |world: World| {
            let engine = Engine::open(world.folder.path()).unwrap();
            (world, engine)
        };
        [open(world("f16", |x| x)), open(world("f32", |x| f16::from_f32(x).to_f32()))]
    })
}

/// The answers of an engine, alone, in a batch and explained, as text: numbers to the last bit.
fn answers(engine: &Engine, text: &str) -> String {
    let program = engine.compile(text).unwrap_or_else(|e| panic!("{text}\n{e}"));
    let requests: Vec<Request> = (0..USERS)
        .map(|user| {
            let wanted: Vec<f32> = (0..DIM).map(|d| 0.1 + ((user + d) % 5) as f32).collect();
            let request = Request::user(user as i64).param("wanted", wanted);
            request.param("most", 100 + 70 * (user as i64 % 4))
        })
        .collect();
    let mut all = engine.run_batch(&program, &requests).unwrap();
    assert!(all.iter().any(|answer| !answer.rows().is_empty()), "{text}");
    let ask = Ask { why: true, why_not: vec![7.into(), 12.into()] };
    all.push(engine.run(&program, &requests[1]).unwrap());
    all.push(engine.explain(&program, &requests[2], &ask).unwrap());
    all.iter_mut().for_each(|answer| answer.snapshot = "".into());
    format!("{all:#?}")
}

fn check(text: &str) {
    let text = format!("param wanted: vector[{DIM}] = null\nparam most: int = 0\n{text}");
    let [(_, halves), (_, singles)] = engines();
    let (found, expected) = (answers(halves, &text), answers(singles, &text));
    if found != expected {
        let differ = found.lines().zip(expected.lines()).find(|(a, b)| a != b);
        panic!("{text}\n{differ:?}");
    }
}

/// Searches of a table with a graph and of one without, exact and not.
fn searches(start: &str, options: &str) {
    for metric in ["cosine", "dot", "l2"] {
        for (from, to) in [("likes", "item"), ("likes", "maker"), ("follows", "item")] {
            for exact in ["true", "false"] {
                let options = format!("k=12, to={to}, exact={exact}{options}");
                check(&format!("user.walk({from}){start}.nn(by_{metric}, {options})"));
            }
        }
    }
}

#[test]
fn searches_from_rows() {
    searches("", "");
    searches("", ", min_similarity=0.3, include_self=true, merge=sum");
}

#[test]
fn searches_under_conditions() {
    for condition in ["mark < 500", "mark < 9", "mark < most"] {
        for metric in ["cosine", "dot", "l2"] {
            for exact in ["true", "false"] {
                check(&format!(
                    "user.walk(likes).nn(by_{metric}, to=item, k=12, where={condition}, exact={exact})"
                ));
            }
        }
    }
}

#[test]
fn searches_that_stand_for_rows() {
    searches(".take(9)", ", pool=mean");
    searches(".take(9)", ", pool=clusters(3)");
    searches("", ", query=wanted");
    searches("", ", query=viewer.by_dot");
}

#[test]
fn vectors_in_expressions() {
    check(
        "user.walk(likes).let(\n\
         a=cosine(by_cosine, by_dot), b=dot(by_dot, viewer.by_dot), c=l2(by_l2, wanted),\n\
         d=norm(by_cosine), e=dot(viewer.by_l2 if mark < 500 else by_l2, wanted))",
    );
    check("user.walk(likes).nn(by_dot, to=item, k=5).let(v=by_dot, seen=viewer.by_cosine)");
    check("user.walk(follows).score(cosine(by_cosine, viewer.by_cosine)).take(3)");
}

#[test]
fn lists_that_are_diversified() {
    check(
        "user.walk(likes).nn(by_l2, to=item, k=20)\
         .diversify_by(method=mmr(relevance=0.4, embedding=by_cosine, first=15)).take(30)",
    );
}

/// What a vector is after rounding decides whether there is one: 1e-9 is no half but 0.
#[test]
fn a_vector_that_is_rounded_to_zero_is_none_under_cosine() {
    let [(_, halves), (_, singles)] = engines();
    for engine in [halves, singles] {
        let missing = &engine.schema().embeddings[0].missing;
        assert!(missing.iter().skip(1).all(|&rows| rows > 0), "{missing:?}");
        assert_eq!(engine.schema().embeddings[1].missing, [0, 0, 0]);
    }
    let missing = |engine: &Engine| engine.schema().embeddings[0].missing.clone();
    assert_eq!(missing(halves), missing(singles));
}

#[test]
fn vectors_take_half_the_bytes() {
    let [(_, halves), (_, singles)] = engines();
    let saved = singles.snapshot().size() - halves.snapshot().size();
    let values = 3 * (USERS + MAKERS + ITEMS) * DIM;
    let expected = 2 * values as u64;
    assert!(saved.abs_diff(expected) < 10_000, "{saved} for {expected}");
}

/// Rounded or not, the neighbours are nearly the same.
#[test]
fn recall_against_the_numbers_as_they_were() {
    let whole = world("f32", |x| x);
    let whole = Engine::open(whole.folder.path()).unwrap();
    let [(_, halves), _] = engines();
    for metric in ["cosine", "dot", "l2"] {
        // the tiny ones lose more than their last digits
        let text = format!(
            "user.walk(likes).filter(mark % 50 != 49 and mark % 50 != 6).take(1)\
             .nn(by_{metric}, to=item, k=50, exact=true)"
        );
        let keys = |engine: &Engine| {
            let program = engine.compile(&text).unwrap();
            let requests: Vec<Request> = (0..USERS as i64).map(Request::user).collect();
            let answers = engine.run_batch(&program, &requests).unwrap();
            let keys = |answer: &igql::Answer| {
                let rows = answer.rows().iter();
                rows.map(|row| row.key().to_string()).collect::<Vec<_>>()
            };
            answers.iter().map(keys).collect::<Vec<_>>()
        };
        let (mut both, mut all) = (0, 0);
        for (truth, found) in keys(&whole).iter().zip(keys(halves)) {
            both += truth.iter().filter(|key| found.contains(key)).count();
            all += truth.len();
        }
        let recall = both as f64 / all as f64;
        assert!(recall > 0.98, "{metric}: {recall}");
    }
}
