//! What the rewrites of a graph give: programs as they are written, after each rule alone, after all.
//!
//! ```text
//! cargo bench --bench rewrites -- [CATALOG] [USERS]     # default examples/explore 100
//! ```
//!
//! The catalog is that of `examples/explore`, or a larger one that `igql demo` makes. One thread runs a
//! request after the other; the ways to run a program take turns, so that what else happens on the machine
//! meets all of them. A number is the median over the requests of the best of five runs.

use igql::optimize::RULES;
use igql::{Engine, Program, Request};
use std::time::{Duration, Instant};

const RUNS: usize = 5;

const PROGRAMS: &[(&str, &str)] = &[
    (
        "the published query, a page of it",
        "user.let(seed_id=user_id).liked(max_num_to_retrieve=30).account_nn(embedding_config=default)\
         .posted_media(max_media_per_account=10).filter(non_recommendable_model_threshold=0.2)\
         .rank(ranking_model=default).take(25)",
    ),
    (
        "the same, all of it, made diverse",
        "user.let(seed_id=user_id).liked(max_num_to_retrieve=30).account_nn(embedding_config=default)\
         .posted_media(max_media_per_account=10).filter(non_recommendable_model_threshold=0.2)\
         .rank(ranking_model=default).diversify_by(seed_id, method=round_robin)",
    ),
    ("the best of all", "all(media).score(quality * log1p(like_count)).take(25)"),
    (
        "the best of all, with columns",
        "all(media).let(a=quality, b=like_count, c=author).score(a * log1p(b)).take(25)",
    ),
    (
        "a page that shows one of four columns",
        "all(media).let(a=log1p(like_count), b=exp(quality), c=sqrt(like_count), d=now - created_at)\
         .score(quality).take(25).select(a)",
    ),
    ("what is near, the first few", "user.liked().account_nn(k=200).take(10)"),
    (
        "a branch that is never taken",
        "def feed(rows: set[user], wide: bool) =\n\
             rows.liked().account_nn().posted_media() if wide else rows.liked_media()\n\
         user.feed(false).filter(quality > 0.1 or false).rank().take(25)",
    ),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let folder = given.first().map_or("examples/explore", String::as_str);
    let users = given.get(1).map_or(Ok(100), |n| n.parse())?;
    let engine = Engine::open(folder)?;
    let requests: Vec<Request> = requests(&engine, users);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for (name, text) in PROGRAMS {
        let program = match engine.compile(text) {
            Ok(program) => program,
            Err(error) => {
                println!("{name}: {error}");
                continue;
            }
        };
        let names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
        let mut ways = vec![("as written", engine.by_rules(&program, &[]))];
        ways.extend(names.iter().map(|&rule| (rule, engine.by_rules(&program, &[rule]))));
        ways.push(("all rules", engine.by_rules(&program, &names)));
        let medians = one.install(|| medians(&engine, &ways, &requests))?;
        println!("{name}");
        for ((way, _), median) in ways.iter().zip(medians) {
            println!("  {way:16} {:>9.1} us", median.as_nanos() as f64 / 1e3);
        }
    }
    Ok(())
}

/// Users from the whole table.
fn requests(engine: &Engine, users: usize) -> Vec<Request> {
    let (schema, snapshot) = (engine.schema(), engine.snapshot());
    let rows = schema.entity(schema.viewer).rows as usize;
    let step = (rows / users.max(1)).max(1);
    let request = |row: usize| Request {
        user: Some(snapshot.key(schema.viewer, row as u32)),
        ..Request::default()
    };
    (0..rows).step_by(step).take(users).map(request).collect()
}

/// Of each way to run a program, the median time of a request.
fn medians(
    engine: &Engine,
    ways: &[(&str, Program)],
    requests: &[Request],
) -> Result<Vec<Duration>, igql::RunError> {
    let mut best = vec![vec![Duration::MAX; requests.len()]; ways.len()];
    for run in 0..RUNS {
        for (place, request) in requests.iter().enumerate() {
            // each run begins with another: the first one finds the data cold
            for turn in 0..ways.len() {
                let way = (turn + run) % ways.len();
                ways[way].1.forget();
                let started = Instant::now();
                std::hint::black_box(engine.run(&ways[way].1, request)?);
                let best = &mut best[way][place];
                *best = started.elapsed().min(*best);
            }
        }
    }
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    Ok(best.into_iter().map(median).collect())
}
