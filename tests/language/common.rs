//! What is the same for all who ask alike is computed once, and it never shows: requests in a batch, and those
//! of a program that has run before, get what each gets alone of a program that is new.

use crate::data::World;
use igql::batch::stretch::thread_time;
use igql::{Answer, Ask, Engine, Limits, Program, Request, RunError};
use std::fmt::Write;
use std::sync::LazyLock;

const CATALOG: &str = r#"
[catalog]
name = "shared"
viewer = "user"

[entity.user]
table = "users.csv"
key = "user_id"
time = "joined"
[entity.user.columns]
joined = { type = "time", unit = "s" }

[entity.item]
table = "items.csv"
key = "item_id"
time = "made"
[entity.item.columns]
made = { type = "time", unit = "s" }

[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "item", column = "item_id" }

[edge.follows]
table = "follows.csv"
from = { entity = "user", column = "a" }
to = { entity = "user", column = "b" }

[defaults]
now = "2024-01-01"
seen = ["likes"]
"#;

/// The `now` of the catalog, in seconds.
const NOW: i64 = 1_704_067_200;

fn world() -> World {
    let world = World::new(CATALOG);
    let mut users = "user_id,joined,country\n".to_owned();
    let mut follows = "a,b\n".to_owned();
    let mut likes = "user_id,item_id\n".to_owned();
    for user in 0..60 {
        // every fifth is younger than `now`
        let joined = NOW + if user % 5 == 0 { 1_000 + user } else { -user };
        let _ = writeln!(users, "{user},{joined},c{}", user % 3);
        for k in 1..4 {
            let _ = writeln!(follows, "{user},{}", (user + k * k) % 60);
        }
        for k in 0..=user % 7 {
            let _ = writeln!(likes, "{user},{}", (user * 17 + k * k * 5) % 300);
        }
    }
    let mut items = "item_id,made,kind,x\n".to_owned();
    for item in 0..300 {
        let made = NOW - 50_000 + item * 177;
        let _ = writeln!(items, "{item},{made},k{},{}.5", item % 4, item * 7 % 100);
    }
    world.file("users.csv", users);
    world.file("follows.csv", follows);
    world.file("likes.csv", likes);
    world.file("items.csv", items);
    world
}

static WORLD: LazyLock<World> = LazyLock::new(world);
static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::open(WORLD.folder.path()).unwrap_or_else(|e| panic!("{e}")));

/// Programs of which a part is common, with the parameters that they have.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("all(item).score(log1p(count(~likes(it)))).take(20)", &[]),
    ("all(item).score(count(~likes(it)), x).unseen().take(20)", &[]),
    // people, among whom the viewer is visible whatever the time
    ("all(user).score(count(likes(it))).take(60)", &[]),
    ("all(item).take(40).walk(~likes, limit=5, merge=sum).take(30)", &[]),
    ("all(user).score(count(~follows(it))).take(9).walk(likes).unseen().take(30)", &[]),
    ("fallback(user.walk(likes), all(item).score(x).take(30), at_least=4).take(12)", &[]),
    (
        "popular = all(item).score(count(~likes(it))).take(50)\ncombine(user.walk(likes), 0.5 * popular, method=rrf).take(20)",
        &[],
    ),
    (
        "popular = all(item).score(count(~likes(it))).take(50)\n{ a: popular.unseen().take(5), b: popular.filter(x > 20).take(5), c: popular.take(3) }",
        &[],
    ),
    (
        "param least: float = 0.0\nparam wanted: string = \"k1\"\nall(item).filter(x >= least, kind == wanted).let(tag=wanted).select(x, tag).score(x).take(9)",
        &["least", "wanted"],
    ),
    (
        "param n: int = 5\npopular = all(item).score(count(~likes(it)))\nuser.walk(likes) | popular.take(n)",
        &["n"],
    ),
    // two lists of one that depends on a parameter
    (
        "param least: float = 0.0\nparam wanted: string = \"k1\"\nfew = all(item).filter(x >= least).score(x).take(50)\n{ a: few.filter(kind == wanted).take(3), b: few.score(-x).take(4), c: all(item).filter(it in few).take(5) }",
        &["least", "wanted"],
    ),
    // each page asks for as many more as the other may take away
    (
        "x = user.walk(likes)\ny = user.walk(follows).walk(likes)\n{ a: (x - y.take(2)).take(3), b: (y - x.take(2)).take(3), c: (y - x).take(4) }",
        &[],
    ),
    ("param n: int = 5\nall(item).score(count(~likes(it))).take(n)", &["n"]),
    ("all(item).score(count(~likes(it))).take(count(likes(viewer)))", &[]),
    ("all(item).score(count(~likes(it))).filter(position < 40).sample(10)", &[]),
    ("all(item).score(uniform(it) + x).take(10)", &[]),
    ("all(item).score(x if count(user.walk(likes)) > 3 else -x).take(10)", &[]),
    ("user.walk(follows).as_viewer(all(item).score(x).unseen().take(5), merge=sum).take(20)", &[]),
    (
        "all(user).take(5).as_viewer(all(user).score(count(likes(it))).take(60), merge=sum).take(60)",
        &[],
    ),
    // a further round: two thirds of what the fan-out finds is not of the kind
    (
        "all(user).score(count(likes(it))).take(3).walk(likes).filter(kind == \"k2\").unseen().take(30)",
        &[],
    ),
    ("all(item).score(decay(made, 3h)).take(10)", &[]),
    ("all(item).take(7, offset=3, depth=30).select(made, kind)", &[]),
    ("all(item).score(x).diversify_by(kind).take(20)", &[]),
    ("all(user).filter(exists(follows(it, viewer))).take(60)", &[]),
];

fn requests(params: &[&str]) -> Vec<Request> {
    let mut requests = Vec::new();
    for n in 0..70i64 {
        let mut request = Request::user(n % 63).seed(n % 2);
        if n % 4 == 0 {
            request = request.at((NOW - 20_000 * (n % 3) + 1_500 * (n % 2)) * 1_000_000);
        }
        for name in params.iter().filter(|_| n % 3 != 0) {
            request = match *name {
                "least" => request.param(*name, (n % 2) as f64 * 30.0),
                "wanted" => {
                    request.param(*name, ["k1", "k3", "nothing of that kind"][n as usize % 3])
                }
                _ => request.param(*name, 1 + (n + 2) % 4 * 3),
            };
        }
        requests.push(request);
    }
    requests
}

fn compile(text: &str) -> Program {
    ENGINE.compile(text).unwrap_or_else(|e| panic!("{text}\n{e}"))
}

/// Everything in an answer that is not an explanation.
fn shown(answer: &Answer) -> String {
    let mut text = format!("{:?}\n", answer.warnings);
    for list in &answer.lists {
        for row in list.rows().iter() {
            let values: Vec<_> = row.values().collect();
            let _ = writeln!(text, "{:?} {:?} {values:?}", row.key(), row.score());
        }
        text.push_str("--\n");
    }
    text
}

#[test]
fn answers_are_those_of_requests_alone() {
    for (text, params) in PROGRAMS {
        let requests = requests(params);
        let program = compile(text);
        let alone: Vec<String> = requests
            .iter()
            .map(|request| shown(&ENGINE.run(&compile(text), request).unwrap()))
            .collect();
        let as_written: Vec<String> = requests
            .iter()
            .map(|request| {
                let ask = Ask { why: true, why_not: Vec::new() };
                shown(&ENGINE.explain(&program, request, &ask).unwrap())
            })
            .collect();
        assert_eq!(alone, as_written, "{text}");
        // twice: the second time of what is kept
        for time in 1..3 {
            let batch = ENGINE.run_batch(&program, &requests).unwrap();
            let batch: Vec<String> = batch.iter().map(shown).collect();
            for (place, (alone, batch)) in alone.iter().zip(&batch).enumerate() {
                assert_eq!(alone, batch, "{text}\nrequest {place}, time {time}");
            }
        }
        for (request, alone) in requests.iter().zip(&alone) {
            assert_eq!(&shown(&ENGINE.run(&program, request).unwrap()), alone, "{text}");
        }
    }
}

/// Whether a limit is hit does not depend on who asked before, or asks beside.
#[test]
fn limits_are_those_of_requests_alone() {
    let hit = |done: Result<String, RunError>| match done {
        Ok(text) => text,
        Err(RunError::Limit(hit)) => format!("{:?}", hit.limit),
        Err(error) => panic!("{error}"),
    };
    for (text, params) in PROGRAMS {
        let requests = &requests(params)[..12];
        let warm = compile(text);
        ENGINE.run_batch(&warm, requests).unwrap();
        let memory = (0..30).map(|n| Limits {
            max_memory: Some(600 * 5u64.pow(n / 4) / 4u64.pow(n / 4) * (4 + u64::from(n % 4))),
            ..Limits::default()
        });
        let rows = [0, 1, 7, 40, 60, 299, 300, 301, 2_000]
            .map(|max_rows| Limits { max_rows, ..Limits::default() });
        for limits in memory.chain(rows) {
            for request in requests {
                let run = |program: &Program| {
                    let done = ENGINE.run_with(program, request, &limits);
                    hit(done.map(|answer| shown(&answer)))
                };
                assert_eq!(run(&compile(text)), run(&warm), "{text}\n{limits:?} {request:?}");
            }
            let alone: Result<Vec<Answer>, RunError> = requests
                .iter()
                .map(|request| ENGINE.run_with(&compile(text), request, &limits))
                .collect();
            let all = |answers: Vec<Answer>| answers.iter().map(shown).collect::<String>();
            let batch = ENGINE.run_batch_with(&warm, requests, &limits);
            assert_eq!(hit(alone.map(all)), hit(batch.map(all)), "{text}\n{limits:?}");
        }
    }
}

/// Many who ask alike make little more work than one, and count as many.
#[test]
fn what_is_common_runs_once() {
    let text = "all(item).filter(count(~likes(it), where=count(likes(to), where=count(~likes(to)) > 1) > 1) >= 0)\
                .score(log1p(count(~likes(it), where=count(follows(to)) > 1))).take(20)";
    let thread = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let thread = thread.expect("a thread");
    // time that the processor spent on the thread: what runs beside does not count
    let run = |users: i64| {
        let requests: Vec<Request> = (0..users).map(|n| Request::user(1 + n % 4)).collect();
        let program = compile(text);
        thread.install(|| {
            let before = thread_time();
            let pass = ENGINE.execute(&program, &requests, &Limits::default().into());
            let time = thread_time() - before;
            let timings = pass.unwrap().timings;
            (time, timings.iter().map(|timing| timing.rows).sum::<usize>())
        })
    };
    let least = |users| (0..7).map(|_| run(users)).min().unwrap();
    let ((one, rows), (many, all)) = (least(1), least(64));
    assert_eq!(64 * rows, all);
    assert!(many < 16 * one, "{many:?} for 64, {one:?} for one");
}
