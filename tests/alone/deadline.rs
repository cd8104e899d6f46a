//! A deadline ends long operators in the middle, not behind them, and is that of each request.

use crate::alone;
use crate::data::World;
use igql::{Engine, Limit, Limits, Request, RunError};
use std::fmt::Write;
use std::time::{Duration, Instant};

const ITEMS: usize = 150_000;
const CATALOG: &str = r#"
[catalog]
name = "long"
viewer = "user"

[entity.user]
key = "user_id"

[entity.item]
table = "items.csv"
key = "item_id"

[entity.shelf]
key = "shelf"

[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "item", column = "item_id" }

[edge.shelf]
table = "items.csv"
from = { entity = "item", column = "item_id" }
to = { entity = "shelf", column = "shelf" }

[edge.next]
table = "next.csv"
from = { entity = "item", column = "a" }
to = { entity = "item", column = "b" }

[defaults]
now = "2024-01-01"
"#;

fn world() -> World {
    let world = World::new(CATALOG);
    let mut items = "item_id,x,y,shelf\n".to_owned();
    let mut next = "a,b\n".to_owned();
    for id in 0..ITEMS {
        let mixed = id.wrapping_mul(2_654_435_761) % ITEMS;
        let _ = writeln!(items, "{id},{}.5,{},1", mixed % 1_000, mixed % 77);
        for step in 1..4 {
            let _ = writeln!(next, "{id},{}", (mixed + step * 31) % ITEMS);
        }
    }
    world.file("items.csv", items);
    world.file("likes.csv", "user_id,item_id\n1,0\n");
    world.file("next.csv", next);
    world
}

/// Programs that spend their time in one operator each.
const LONG: [&str; 4] = [
    "all(item).score(log1p(x) * sqrt(x + y) + x ** 0.3 + sin_like(x) + sin_like(y + x))",
    "all(item).filter(log1p(x) ** 2 > 1 and sin_like(x * y) > -1 and sin_like(x) ** 3 < 9)",
    "all(item).walk(next, limit=3, weight=log1p(to.x) * sqrt(to.x + from.y), where=to.x >= 0)",
    "all(item).walk(next).walk(next).walk(next).walk(next)",
];
const DEFS: &str = "def sin_like(a: float) -> float = log1p(abs(a)) ** 1.5 / (1.0 + sqrt(abs(a) + exp(0.0 - abs(a))))\n";

#[test]
fn long_operators_end_in_time() {
    let _alone = alone();
    let world = world();
    let engine = Engine::open(world.folder.path()).unwrap();
    let request = [Request::user(1)];
    for text in LONG {
        let program = engine.compile(&format!("{DEFS}{text}")).unwrap_or_else(|e| panic!("{e}"));
        let whole = took(|| engine.execute(&program, &request, &Limits::default().into()).is_ok());
        // other work on the machine can only make the whole run longer than it has to be
        let mut ended = Duration::MAX;
        for _ in 0..5 {
            program.forget();
            let limits = Limits::default().until(Instant::now() + whole / 10);
            ended = ended.min(took(|| {
                let error = engine.execute(&program, &request, &limits.into()).err();
                matches!(error, Some(RunError::Limit(hit)) if hit.limit == igql::Limit::Time)
            }));
        }
        assert!(ended < whole / 2, "{text}: {ended:?} of {whole:?}");
    }
}

/// How long something that has to be true takes.
fn took(run: impl FnOnce() -> bool) -> Duration {
    let started = Instant::now();
    assert!(run());
    started.elapsed()
}

/// What is given up leaves nothing behind: the next run is whole.
#[test]
fn a_run_behind_one_that_was_ended_is_whole() {
    let _alone = alone();
    let world = world();
    let engine = Engine::open(world.folder.path()).unwrap();
    let program = engine.compile(&format!("{DEFS}{}", LONG[0])).unwrap();
    let request = [Request::user(1)];
    let run = |limits: Limits| engine.execute(&program, &request, &limits.into());
    let fresh = run(Limits::default()).unwrap().answers;
    assert!(run(Limits::default().until(Instant::now())).is_err());
    let partial = Limits { partial: true, ..Limits::default().until(Instant::now()) };
    let partial = run(partial).unwrap().answers.remove(0);
    assert!(partial.partial);
    assert_eq!(run(Limits::default()).unwrap().answers, fresh);
    assert_eq!(fresh[0].rows().len(), ITEMS);
}

/// Programs whose rows are drawn, so that how probable they were takes long: each link and each row that could have been
/// drawn is looked at.
const DRAWN: [&str; 3] = [
    "all(item).walk(next, limit=1, order=random).walk(next, limit=2, order=random).take(5)",
    "(all(item).walk(next | ~next, limit=1, order=random) | all(item).filter(y > 70)).take(5)",
    // one row with very many links, and back
    "all(item).walk(shelf, limit=1, order=random).walk(~shelf, limit=100000, order=random).take(5)",
];

/// What a debug build may take beyond the deadline; others end within 20 ms.
const LATE: Duration = Duration::from_millis(120);

/// The sets that say how probable rows were end in time, whenever the deadline comes; and the next run says it.
#[test]
fn what_tells_how_probable_rows_were_ends_in_time() {
    let _alone = alone();
    let world = world();
    let engine = Engine::open(world.folder.path()).unwrap();
    let request = [Request::user(1)];
    for text in DRAWN {
        let program = engine.compile(text).unwrap_or_else(|e| panic!("{e}")).telling_propensities();
        let run = |limits: Limits| {
            program.forget();
            engine.execute(&program, &request, &limits.into())
        };
        let started = Instant::now();
        let fresh = run(Limits::default()).unwrap().answers;
        let whole = started.elapsed();
        assert!(fresh[0].rows().all(|row| row.propensity().is_some_and(|p| 0.0 < p && p <= 1.0)));
        for tenth in [1, 3, 5, 7, 9] {
            let time = whole * tenth / 10;
            let late = |limits: Limits| {
                let started = Instant::now();
                let ended = run(limits.until(started + time));
                (started.elapsed().saturating_sub(time), ended)
            };
            // other work on the machine can only make it later
            let least = (0..3).map(|_| late(Limits::default()).0).min().unwrap_or_default();
            assert!(least < LATE, "{text}: {least:?} after {time:?} of {whole:?}");
            // what there is by then says nothing that it does not know
            let (_, partial) = late(Limits { partial: true, ..Limits::default() });
            let partial = partial.unwrap().answers;
            let known = |row: igql::Row| row.propensity();
            let all: Vec<Option<f64>> = fresh[0].rows().map(known).collect();
            let told: Vec<Option<f64>> = partial[0].rows().map(known).collect();
            assert!(told.iter().all(Option::is_none) || told == all, "{text}: {told:?} {all:?}");
        }
        assert_eq!(run(Limits::default()).unwrap().answers, fresh, "{text}");
    }
}

/// All requests of a batch together may take longer than one of them may.
#[test]
fn time_is_of_a_request() {
    let _alone = alone();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/explore");
    let engine = Engine::open(folder).expect("the example");
    let text = "user.walk(likes, limit=all).walk(~likes, limit=all).walk(likes, limit=all)\
                .score(like_count).take(5)";
    let program = engine.compile(text).unwrap_or_else(|e| panic!("{e}"));
    let requests: Vec<Request> = (0..2_000).map(|n| Request::user(n % 40)).collect();
    let run = |limits: Limits| {
        let started = Instant::now();
        let pass = engine.execute(&program, &requests, &limits.into()).unwrap();
        (started.elapsed(), pass.answers)
    };
    let (together, answers) = run(Limits::default());
    // one takes far less than this
    let time = together / 4;
    assert_eq!(run(Limits::new().deadline(time)).1, answers);
    let none = Limits::new().deadline(Duration::ZERO);
    let error = engine.run_with(&program, &requests[0], &none).unwrap_err();
    assert!(matches!(error, RunError::Limit(hit) if hit.limit == Limit::Time));
}
