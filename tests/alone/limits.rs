//! Limits hold whatever a program does: no loop goes long without a look at the clock, and what a run holds
//! in memory stays below what it may.
//!
//! The programs here are made to be long in every operator and every function; both lists are compared with
//! those of the language. A new operator needs a line; a function, where a call with columns of its types
//! would not be long or it is not called by its name.

use crate::alone;
use crate::data::World;
use igql::batch::stretch;
use igql::expr::functions::{self, Form, Function};
use igql::types::Type;
use igql::{Engine, Limit, Limits, Program, Request, RunError};
use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Counts what is allocated.
struct Counted;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything to the system's allocator
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(live, Ordering::Relaxed);
        // SAFETY: as the caller promises
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

const CATALOG: &str = r#"
[catalog]
name = "long"
viewer = "user"

[entity.user]
table = "users.csv"
key = "user_id"

[entity.item]
table = "items.csv"
key = "item_id"
time = "made"
[entity.item.references]
maker = { entity = "maker", column = "maker_id" }
[entity.item.columns]
made = { type = "time", unit = "s" }
tags = { type = "list[int]", separator = "|" }

[entity.maker]
key = "maker_id"

[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "item", column = "item_id" }

[edge.next]
table = "next.csv"
from = { entity = "item", column = "a" }
to = { entity = "item", column = "b" }
weight = "w"

[embedding.default]
entity = "item"
file = "vectors.jsonl"
column = "v"
metric = "cosine"

[defaults]
now = "2024-01-01"
seen = ["likes"]
"#;

/// Items, of which users like many: three steps along `likes` come to very many links.
fn world(items: usize, users: usize, each: usize) -> World {
    let world = World::new(CATALOG);
    let mut table = "item_id,x,y,n,title,made,maker_id,tags\n".to_owned();
    let mut next = "a,b,w\n".to_owned();
    let mut vectors = String::new();
    let mixed = |id: usize| id.wrapping_mul(2_654_435_761) % 1_000_003;
    for id in 0..items {
        let m = mixed(id);
        let tags: Vec<String> = (0..m % 9).map(|t| ((m + t * 7) % 50).to_string()).collect();
        let _ = writeln!(
            table,
            "{id},{}.5,{}.25,{},No {m} of the many items with {} words,{},{},{}",
            m % 1_000,
            m % 77,
            m % 13,
            m % 100,
            1_600_000_000 + m,
            m % 500,
            tags.join("|"),
        );
        for step in 1..4 {
            let _ = writeln!(next, "{id},{},{}", (m + step * 31) % items, m % 10);
        }
        let at = |k: usize| (mixed(id + k * 7_919) % 2_000) as f32 / 1_000.0 - 1.0;
        let _ = writeln!(vectors, r#"{{"item_id":{id},"v":[{},{},{}]}}"#, at(1), at(2), at(3));
    }
    let mut likes = "user_id,item_id\n".to_owned();
    let mut all = "user_id\n".to_owned();
    for user in 0..users {
        let _ = writeln!(all, "{user}");
        for k in 0..each {
            let _ = writeln!(likes, "{user},{}", (mixed(user) + k * 7) % items);
        }
    }
    world.file("items.csv", table);
    world.file("next.csv", next);
    world.file("likes.csv", likes);
    world.file("users.csv", all);
    world.file("vectors.jsonl", vectors);
    world
}

/// Of each function, an expression over items that takes long, whatever else it calls.
const FUNCTIONS: &[(&str, &str)] = &[
    ("+", "x + y"),
    ("-", "x - y"),
    ("*", "x * y"),
    ("/", "x / y"),
    ("//", "n // 3"),
    ("%", "n % 3"),
    ("**", "x ** 0.3"),
    ("float", "float(extract(title, \"([0-9]+)\"))"),
    ("int", "int(extract(title, \"No ([0-9]+)\"))"),
    ("==", "n == 3"),
    ("!=", "n != 3"),
    ("<", "title < \"No 5\""),
    ("<=", "x <= y"),
    (">", "x > y"),
    (">=", "x >= y"),
    ("hash", "hash(it, title)"),
    ("bucket", "bucket(it, \"salt\", 10)"),
    ("uniform", "uniform(\"salt\")"),
    ("beta", "beta(x + 1.5, y + 1.5) + beta(x + 2.5, y * 100000.0)"),
    ("in", "n in tags"),
    ("overlap", "overlap(tags, [1, 2, 3, n])"),
    ("jaccard", "jaccard(tags, [n, 3])"),
    ("and", "x > 3 and y > 2"),
    ("or", "x > 3 or y > 2"),
    ("not", "not (x > 3)"),
    ("is null", "x is null"),
    ("extract", "extract(title, \"with ([a-z0-9 ]*) words\")"),
    ("hour", "hour(made, \"Europe/Berlin\")"),
    ("weekday", "weekday(made)"),
    ("age", "age(made)"),
    ("decay", "decay(made, 7d)"),
    ("date", "date(made, \"Europe/Berlin\")"),
];

/// Of each operator, programs that spend their time there.
const OPERATORS: &[(&str, &[&str])] = &[
    ("all", &["all(item)"]),
    ("given", &["given(item, $ids)"]),
    (
        "walk",
        &[
            "all(item).walk(next).walk(next).walk(next).walk(next)",
            "all(item).walk(next, limit=3, order=strongest, where=to.x >= 0, weight=log1p(to.x))",
            "all(item).walk(next | ~next, limit=2, order=random, merge=sum)",
            "all(user).walk(likes, limit=all, merge=count)",
            "all(user).walk(likes, limit=all, where=count(~likes(to)) > 3)",
        ],
    ),
    (
        "nn",
        &[
            "all(item).nn(k=5, pool=mean)",
            "all(item).nn(k=5, pool=clusters(20))",
            "all(item).take(2000).nn(k=20, where=n > 3)",
            "all(item).take(300).nn(k=20, exact=true)",
        ],
    ),
    ("let", &["all(item).let(a=x * y, b=title, c=tags, d=default).take(5)"]),
    ("select", &["all(item).select(a=x * y, b=[n, n + 1])"]),
    ("filter", &["all(item).filter(x > 3, y > 2)"]),
    ("take", &["all(item).take(2, per=maker)", "all(item).take(2, per=tags)"]),
    ("score", &["all(item).score(x * y)"]),
    (
        "rank",
        &[
            "model twofold on item = formula(heads={p: sigmoid(x), q: y})\nall(item).rank(twofold, value=p - q)",
        ],
    ),
    (
        "diversify_by",
        &[
            "all(item).score(x).diversify_by(maker)",
            "all(item).score(x).diversify_by(tags, method=penalty(0.7))",
            "all(item).take(20000).score(x).diversify_by(method=mmr(0.3, first=1000))",
            "all(item).score(x).diversify_by([n, maker], method=calibrate(first=1000))",
        ],
    ),
    (
        "slate",
        &["all(item).score(x).take(3000).slate(max=[maker: 2 in 10, n: 3 in 5], min=[n: 1 in 50])"],
    ),
    (
        "combine",
        &[
            "combine(0.5 * a, 0.5 * b, normalize=zscore)",
            "combine(0.5 * a, 0.5 * b, method=rrf)",
            "combine(0.5 * a, 0.5 * b, method=interleave)",
            "combine(0.5 * a, 0.5 * b, method=quota, take=50000)",
        ],
    ),
    ("fallback", &["fallback(a, b, at_least=100000)"]),
    ("insert", &["a.insert(b, every=5)"]),
    ("sample", &["all(item).sample(1000, weight=x)"]),
    (
        "as_viewer",
        &[
            "all(user).as_viewer(user.walk(likes), merge=sum)",
            "all(user).as_viewer(user.walk(likes))",
        ],
    ),
];

/// Programs whose loops are in expressions over links and sets, or between operators.
const OTHERS: &[&str] = &[
    "all(item).score(sum(~likes(it), sum(likes(to), count(~likes(to)))))",
    "all(item).score(count(~likes(it), where=count(likes(to), where=to.x > 3) > 3))",
    "all(item).score(sum(next(it), log1p(to.x) * weight))",
    "all(user).score(sum(likes(it), to.x))",
    "s = all(item).filter(n > 2)\nall(item).filter(it in s).score(coalesce(score_of(s), 0))",
    "s = all(item).score(x)\nall(item).score(x - mean(s, x))",
    "all(item).filter(n > 2) - all(item).filter(n > 5)",
    "all(item).filter(n > 2) & all(item).filter(n > 5)",
    "all(item).filter(n > 2).score(x) | all(item).filter(n < 7).score(y)",
    "all(item) if viewer == 1 else all(item).filter(n > 5)",
    "all(item).score(beta(position + 1.5, 2.5) + beta(position + 2.5, 3.5))",
    "all(item).walk(next | ~next, limit=2, order=random).let(p=propensity).take(9)",
    "all(item).sample(30000).walk(next, limit=1, order=random).score(propensity)",
    "all(user).walk(likes, limit=30, order=random).walk(next, limit=2, order=random).filter(propensity > 0.1)",
    "all(item).walk(maker, limit=1, order=random).walk(~maker, limit=9, order=random).let(p=propensity)",
    "(all(item).sample(30000) | all(item).filter(n > 9)).let(p=propensity)",
];

const BRANCHES: &str = "# igql: allow(W06)\na = all(item).filter(n > 2).score(x)\nb = all(item).filter(n < 9).score(y)\n";

fn programs() -> Vec<(String, String)> {
    let listed = FUNCTIONS.iter().map(|(name, e)| (*name, (*e).to_owned()));
    let functions = listed.chain(functions::all().flat_map(calls));
    let functions = functions
        .map(|(name, e)| (format!("function {name}"), format!("all(item).let(v={e}).take(9)")));
    let operators = OPERATORS.iter().flat_map(|(name, texts)| {
        texts.iter().map(move |text| (format!("operator {name}"), (*text).to_owned()))
    });
    let others = OTHERS.iter().map(|text| ("other".to_owned(), (*text).to_owned()));
    functions.chain(operators).chain(others).collect()
}

/// A call of each overload of a function that is called by its name and takes what is written, unless it is
/// in the list.
fn calls(function: &'static Function) -> Vec<(&'static str, String)> {
    let name = function.name;
    let is_listed = FUNCTIONS.iter().any(|(listed, _)| *listed == name);
    if is_listed || function.form != Form::Plain || !function.usage.contains('(') {
        return Vec::new();
    }
    let call = |types: Vec<Type>| {
        let args = types.iter().enumerate().map(|(i, ty)| match ty {
            Type::Int => "n",
            Type::Float => ["x", "y"][i % 2],
            Type::Bool => "x > 3",
            Type::String => "title",
            Type::Time => "made",
            Type::Duration => "age(made)",
            Type::List(_) => "tags",
            Type::Vector(_) => "default",
            other => panic!("no column of type {other:?} for `{name}`"),
        });
        let args: Vec<&str> = args.collect();
        (name, format!("{name}({})", args.join(", ")))
    };
    function.signatures().map(call).collect()
}

fn compiled(engine: &Engine, text: &str) -> Program {
    let text = match text {
        text if text.contains("combine(")
            || text.contains("fallback(")
            || text.starts_with("a.") =>
        {
            format!("{BRANCHES}{text}")
        }
        text if text.contains("$ids") => {
            format!("param ids: list[id[item]]\n{}", text.replace('$', ""))
        }
        text => text.to_owned(),
    };
    engine.compile(&text).unwrap_or_else(|e| panic!("{text}\n{e}"))
}

/// A request with what the program reads: very many ids.
fn request(text: &str, items: usize) -> Request {
    let ids: Vec<i64> = (0..items as i64).chain(0..items as i64).collect();
    let mut request = Request::user(1);
    if text.contains("$ids") {
        request.params.push(("ids".to_owned(), ids.into()));
    }
    request
}

#[test]
fn every_operator_and_function_is_here() {
    let _alone = alone();
    for operator in igql::ops::OPERATORS {
        let is_here = OPERATORS.iter().any(|(name, _)| *name == operator.name);
        assert!(
            is_here,
            "no long program for the operator `{}`: add one to `OPERATORS` in tests/alone/limits.rs",
            operator.name
        );
    }
    for function in functions::all() {
        let listed = FUNCTIONS.iter().any(|(name, _)| *name == function.name);
        let is_here = listed || !calls(function).is_empty();
        assert!(
            is_here,
            "no long program for the function `{}`: add one to `FUNCTIONS` in tests/alone/limits.rs",
            function.name
        );
    }
}

/// What a debug build computes between two looks at most: it is several times slower than others.
const STRETCH: Duration = Duration::from_millis(120);

/// Each program for as long as it takes, but not longer than that.
const LONGEST: Duration = Duration::from_millis(1_500);

#[test]
#[cfg_attr(not(debug_assertions), ignore = "stretches are kept in debug builds")]
fn no_loop_goes_long_without_a_look_at_the_clock() {
    let _alone = alone();
    let items = 60_000;
    let world = world(items, 150, 700);
    let threads = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let wrong: Vec<String> = threads.install(|| {
        let engine = Engine::open(world.folder.path()).unwrap();
        let mut wrong = Vec::new();
        for (name, text) in programs() {
            let program = compiled(&engine, &text);
            stretch::longest();
            let limits = Limits::default().until(Instant::now() + LONGEST);
            match engine.execute(&program, &[request(&text, items)], &limits.into()) {
                Ok(_) | Err(RunError::Limit(_)) => {}
                Err(error) => panic!("{text}: {error}"),
            }
            let longest = stretch::longest();
            if let Some(longest) = longest.first().filter(|longest| longest.time > STRETCH) {
                wrong.push(format!("{name}: {longest:?} in\n    {text}"));
            }
        }
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Loops over pairs of rows, numbers that converge slowly, links of links of links.
#[test]
fn what_is_long_ends_soon_after_its_deadline() {
    let _alone = alone();
    let world = world(15_000, 300, 2_000);
    let engine = Engine::open(world.folder.path()).unwrap();
    let quantiles: Vec<String> = (1..50).map(|k| format!("beta(position + 1.5, {k}.5)")).collect();
    let texts = [
        "all(item).nn(pool=clusters(50), k=5)".to_owned(),
        format!("all(item).score({})", quantiles.join(" + ")),
        "all(item).score(sum(~likes(it), count(likes(to), where=to != it)))".to_owned(),
    ];
    let (limit, most) = (Duration::from_millis(200), Duration::from_millis(600));
    for text in texts {
        let program = compiled(&engine, &text);
        // other work on the machine can only make it later
        let took = (0..3).map(|_| {
            let started = Instant::now();
            let limits = Limits::default().until(started + limit);
            let ran = engine.execute(&program, &[Request::user(1)], &limits.into());
            let is_late = matches!(&ran, Err(RunError::Limit(hit)) if hit.limit == Limit::Time);
            assert!(is_late, "{text}: {:?}", ran.err());
            started.elapsed()
        });
        let took = took.min().unwrap_or_default();
        assert!(took < most, "{text}: {took:?} of {limit:?}");
    }
}

#[test]
fn what_a_run_holds_stays_below_its_limit() {
    let _alone = alone();
    let items = 30_000;
    let world = world(items, 300, 2_000);
    let engine = Engine::open(world.folder.path()).unwrap();
    // the index that searches share is made by the first of them
    let search = compiled(&engine, "all(item).take(10).nn(k=5)");
    let limits = Limits::default();
    engine.execute(&search, &[Request::user(1)], &limits.into()).unwrap();
    let mut wrong = Vec::new();
    let mut ended = 0;
    for (name, text) in programs() {
        let program = compiled(&engine, &text);
        let asked = [request(&text, items)];
        for limit in [1_000_000u64, 5_000_000, 25_000_000] {
            let limits = Limits {
                max_memory: Some(limit),
                ..Limits::default().until(Instant::now() + LONGEST / 10)
            };
            let before = LIVE.load(Ordering::Relaxed);
            MOST.store(before, Ordering::Relaxed);
            let ran = engine.execute(&program, &asked, &limits.into());
            let held = MOST.load(Ordering::Relaxed).saturating_sub(before) as u64;
            match &ran {
                Ok(_) => {}
                Err(RunError::Limit(hit)) if hit.limit == Limit::Memory => ended += 1,
                Err(RunError::Limit(hit)) if hit.limit == Limit::Time => {}
                Err(error) => panic!("{text}: {error}"),
            }
            // blocks of rows that are computed on the way take a little
            if held > limit * 3 / 2 + SLACK {
                let outcome = ran.err().map_or("done".to_owned(), |e| e.to_string());
                wrong.push(format!("{name}: {held} bytes of {limit} ({outcome}) in\n    {text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ended > 20, "only {ended} runs hit the limit");
}

/// Sources and steps of random programs.
const SOURCES: [&str; 5] = [
    "all(item)",
    "all(item).filter(n > 2)",
    "all(item).walk(next)",
    "all(user).walk(likes, limit=all)",
    "all(user).walk(likes, limit=500, merge=sum)",
];
const STEPS: [&str; 14] = [
    ".filter(x > 100)",
    ".filter(count(~likes(it)) >= 0)",
    ".filter(count(~likes(it), where=count(likes(to)) > 3) > 2)",
    ".score(x * y)",
    ".score(sum(~likes(it), 1.0))",
    ".score(beta(x + 1.5, y + 1.5))",
    ".let(a=title, b=tags)",
    ".let(c=lower(title))",
    ".let(d=default)",
    ".walk(next, limit=2)",
    ".take(3, per=maker)",
    ".diversify_by(maker)",
    ".diversify_by(tags, method=penalty(0.7))",
    ".sample(20000)",
];

#[test]
fn random_programs_at_random_limits_end_within_them() {
    let _alone = alone();
    let world = world(30_000, 300, 2_000);
    let engine = Engine::open(world.folder.path()).unwrap();
    let mut state = 1u64;
    let mut below = |n: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let until = Instant::now() + Duration::from_secs(20);
    let (mut wrong, mut done, mut ended) = (Vec::new(), 0, 0);
    while Instant::now() < until {
        let mut set = || {
            let mut text = SOURCES[below(SOURCES.len())].to_owned();
            (0..below(5)).for_each(|_| text += STEPS[below(STEPS.len())]);
            text
        };
        let (a, b) = (set(), set());
        let text = match below(4) {
            0 => format!("({a}) | ({b})"),
            1 => format!("({a}) - ({b})"),
            _ => a,
        };
        // a program may be too large for the budget
        let Ok(program) = engine.compile(&text) else {
            continue;
        };
        let limit = 1_000_000 << below(7);
        let millis = [20, 200, 2_000][below(3)];
        let limits = Limits {
            max_memory: Some(limit),
            ..Limits::default().until(Instant::now() + Duration::from_millis(millis))
        };
        let before = LIVE.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let ran = engine.execute(&program, &[Request::user(1)], &limits.into());
        let held = MOST.load(Ordering::Relaxed).saturating_sub(before) as u64;
        match ran {
            Ok(_) => done += 1,
            Err(RunError::Limit(_)) => ended += 1,
            Err(error) => panic!("{text}: {error}"),
        }
        if held > limit * 3 / 2 + SLACK {
            wrong.push(format!("{held} bytes of {limit} in {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(done > 0 && ended > 0, "{done} done, {ended} ended");
}

/// Bytes that a run may take beside what is counted.
const SLACK: u64 = 4_000_000;

#[test]
fn what_is_given_back_can_be_held_again() {
    let _alone = alone();
    let world = world(30_000, 10, 100);
    let engine = Engine::open(world.folder.path()).unwrap();
    // each step holds as much as the one before, which is freed
    let step = ".score(x + score).filter(x >= 0)";
    let run = |steps: usize| {
        let program = compiled(&engine, &format!("all(item){}", step.repeat(steps)));
        let limits = Limits { max_memory: Some(6_000_000), ..Limits::default() };
        engine.execute(&program, &[Request::user(1)], &limits.into())
    };
    assert!(run(2).is_ok(), "{:?}", run(2).err());
    assert!(run(40).is_ok(), "{:?}", run(40).err());
}
