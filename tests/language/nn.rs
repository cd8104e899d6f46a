//! Searches of a table that is large enough for a vector index, under conditions.

use crate::data::{World, floats, npy, random};
use igql::{Answer, Engine, Request};
use std::collections::BTreeSet;
use std::sync::OnceLock;

const ROWS: usize = 17_000;
const DIM: usize = 8;
const LISTED: usize = 30;
const CATALOG: &str = r#"
[catalog]
name = "large"
viewer = "user"

[entity.user]
key = "user_id"

[entity.item]
table = "items.csv"
key = "item_id"
time = "posted"
[entity.item.columns]
posted = { type = "time", unit = "s" }

[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "item", column = "item_id" }

[edge.views]
table = "views.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "item", column = "item_id" }

[embedding.look]
entity = "item"
file = "look.npy"
metric = "cosine"

[defaults]
now = "1970-01-02"
"#;

fn unit(state: &mut u64) -> f32 {
    (random(state) % 65_536) as f32 / 32_768.0 - 1.0
}

/// Items of a hundred topics, each posted a second after the one before; `mark` is anything from 0 to 999. Of
/// users one in four has viewed nothing, one some items, one half of them, and one all of the topics that they like.
fn world() -> World {
    let world = World::new(CATALOG);
    let mut state = 7;
    let centres: Vec<f32> = (0..100 * DIM).map(|_| unit(&mut state)).collect();
    let mut items = "item_id,topic,mark,posted\n".to_owned();
    let mut topics = Vec::new();
    let mut vectors = Vec::new();
    for id in 0..ROWS {
        let topic = random(&mut state) as usize % 100;
        let mark = random(&mut state) % 1_000;
        items += &format!("{id},{topic},{mark},{id}\n");
        topics.push(topic);
        let centre = &centres[topic * DIM..][..DIM];
        vectors.extend(centre.iter().map(|x| x + 0.3 * unit(&mut state)));
    }
    let mut likes = "user_id,item_id\n".to_owned();
    let mut liked = vec![Vec::new(); 20];
    for like in 0..200 {
        let item = random(&mut state) as usize % 8_000;
        likes += &format!("{},{item}\n", like % 20);
        liked[like % 20].push(topics[item]);
    }
    let mut views = "user_id,item_id\n".to_owned();
    for (user, liked) in liked.iter().enumerate() {
        let views_it = |item: usize, any: u64| match user % 4 {
            0 => false,
            1 => any.is_multiple_of(30),
            2 => any.is_multiple_of(2),
            _ => liked.contains(&topics[item]),
        };
        for item in 0..ROWS {
            if views_it(item, random(&mut state)) {
                views += &format!("{user},{item}\n");
            }
        }
    }
    world.file("views.csv", views);
    world.file("items.csv", items);
    world.file("likes.csv", likes);
    world.file("look.npy", npy("<f4", &format!("{ROWS}, {DIM}"), &floats(&vectors)));
    world
}

/// The same data without and with thirty neighbours of every item found ahead.
fn engines() -> &'static [Engine; 2] {
    static ENGINES: OnceLock<(World, [Engine; 2])> = OnceLock::new();
    let (_, engines) = ENGINES.get_or_init(|| {
        let world = world();
        let searching = Engine::open(world.folder.path()).unwrap();
        let metric = "metric = \"cosine\"";
        let with_lists = CATALOG.replace(metric, &format!("{metric}\nneighbours = {LISTED}"));
        world.file("catalog.toml", with_lists);
        let reading = Engine::open(world.folder.path()).unwrap();
        (world, [searching, reading])
    });
    engines
}

/// Users at two times: after all items were posted, and when half of them were.
fn requests() -> Vec<Request> {
    let request = |user: i64| {
        let request = Request::user(user).param("most", 100 + 40 * (user % 5));
        match user % 3 {
            0 => request.at(8_500_000_000),
            _ => request,
        }
    };
    (0..20).map(request).collect()
}

fn answers(engine: &Engine, text: &str) -> Vec<Answer> {
    let program = engine.compile(text).unwrap_or_else(|e| panic!("{e}"));
    let requests = requests();
    let together = engine.run_batch(&program, &requests).unwrap();
    for (request, answer) in requests.iter().zip(&together) {
        let alone = engine.run(&program, request).unwrap();
        assert_eq!(&alone, answer, "{text}: alone and in a batch");
    }
    together
}

fn found(answer: &Answer) -> BTreeSet<(String, String)> {
    let rows = answer.rows().iter();
    rows.map(|row| (format!("{}", row.key()), format!("{:?}", row.score()))).collect()
}

/// The share of what is true that was found.
fn recall(truth: &[Answer], searched: &[Answer]) -> f64 {
    let (mut both, mut all) = (0, 0);
    for (truth, searched) in truth.iter().zip(searched) {
        let (truth, searched) = (found(truth), found(searched));
        both += truth.intersection(&searched).count();
        all += truth.len();
    }
    assert!(all > 0, "there is nothing to find");
    both as f64 / all as f64
}

/// Searches with a condition find nearly all of what a scan finds, and never fewer rows.
fn check(condition: &str, k: usize) {
    let text = |exact: bool| {
        format!(
            "param most: int = 0\n\
             user.walk(likes).take(5).nn(look, k={k}, {condition}, exact={exact})"
        )
    };
    let truth = answers(&engines()[0], &text(true));
    for engine in engines() {
        let recall = recall(&truth, &answers(engine, &text(false)));
        assert!(recall >= 0.95, "{condition}, k={k}: recall {recall}");
    }
}

#[test]
fn conditions_that_many_some_and_few_satisfy() {
    for condition in
        ["mark < 500", "mark < 50", "mark < 5", "mark == 0", "topic < 50", "topic == 3"]
    {
        for k in [10, 50] {
            check(&format!("where={condition}"), k);
        }
    }
}

#[test]
fn conditions_of_the_request() {
    for condition in [
        "mark < most",
        "mark < 5 * most and topic < 60",
        "mark < most / 50",
        "not (it in user.walk(likes))",
        "not (it in user.walk(views))",
        "not exists(views(viewer, it))",
        "mark < 900 and not (it in user.walk(views))",
        "mark < 500 and not (it in user.walk(likes))",
        "posted < now - 2h",
        "count((~likes)(it)) == 0",
    ] {
        check(&format!("where={condition}"), 20);
    }
}

#[test]
fn what_is_not_posted_yet_is_not_found() {
    check("min_similarity=0.2", 30);
    let text = "param most: int = 0\nuser.walk(likes).nn(look, k=30)";
    let posted = |row: igql::Row| row.key().to_string().parse::<u64>().unwrap() <= 8_500;
    for engine in engines() {
        let early = &answers(engine, text)[0];
        assert!(!early.rows().is_empty() && early.rows().iter().all(posted));
    }
}

/// A program keeps what it found out about fixed conditions, and another request does not change it.
#[test]
fn one_program_and_different_requests() {
    let text = "user.walk(likes).nn(look, k=20, where=mark < 700)";
    let engine = &engines()[0];
    let program = engine.compile(text).unwrap();
    let early = Request::user(1).at(8_500_000_000);
    let late = Request::user(1);
    let run = |request: &Request| engine.run(&program, request).unwrap();
    let (first, second) = (run(&early), run(&late));
    let fresh = engine.compile(text).unwrap();
    assert_eq!(engine.run(&fresh, &late).unwrap(), second);
    assert_eq!(run(&early), first);
    assert_ne!(found(&first), found(&second));
}

/// Lists answer what they hold; a search answers the rest.
#[test]
fn neighbours_that_were_found_ahead() {
    let [_, reading] = engines();
    let plan = |text: &str| {
        let program = reading.compile(text).unwrap();
        let graph = &program.checked().graph;
        let ops = program.schedule().nodes().map(|id| &graph.get(id).op);
        let nn = ops.filter(|op| op.name() == "nn").last().unwrap();
        nn.details(reading.schema())
    };
    let stored = |text: &str| plan(text).contains("stored");
    assert!(stored("user.walk(likes).nn(look, k=30)"));
    assert!(stored("user.walk(likes).nn(look, k=10, where=mark < 500)"));
    assert!(!stored("user.walk(likes).nn(look, k=31)"));
    assert!(!stored("user.walk(likes).nn(look, k=30, exact=true)"));
    assert!(!stored("user.walk(likes).nn(look, k=30, include_self=true)"));
    assert!(!stored("user.walk(likes).nn(look, k=30, pool=mean)"));
    check("min_similarity=0.9", 30);
    check("min_similarity=0.97, where=mark < 300", 10);
}

#[test]
fn a_catalog_says_how_wide_searches_walk() {
    let text = |exact: bool| {
        format!("param most: int = 0\nuser.walk(likes).take(5).nn(look, k=200, exact={exact})")
    };
    let truth = answers(&engines()[0], &text(true));
    let world = world();
    let metric = "metric = \"cosine\"";
    let with = |ef: u32| {
        let catalog = CATALOG.replace(metric, &format!("{metric}\nef = {ef}"));
        world.file("catalog.toml", catalog);
        let engine = Engine::open(world.folder.path()).unwrap();
        recall(&truth, &answers(&engine, &text(false)))
    };
    let (narrow, wide) = (with(1), with(600));
    assert!(narrow > 0.2 && narrow < wide && wide > 0.999, "{narrow} {wide}");
}
