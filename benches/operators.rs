//! What each operator takes for a row, alone and on one thread.
//!
//! ```text
//! cargo bench --bench operators -- [CATALOG]     # default: examples/explore; any that `igql demo` makes
//! ```
//!
//! A program feeds an operator with many rows, and uses all that it gives. A row is one of its inputs, or
//! one of those it gives where these are more; of a search, it is a query. Times are medians of runs.

use igql::{Engine, Limits, Program, Request};
use std::time::Duration;

/// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RUNS: usize = 7;

/// An operator, what it is measured as, and a program that ends with it.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("all", "all", "all(media)"),
    ("filter", "filter: a column", "all(media).filter(quality > 0.5)"),
    (
        "filter",
        "filter: three columns, a logarithm",
        "all(media).filter(log1p(like_count) > 1 and quality > 0.2 and non_recommendable_score < 0.5)",
    ),
    ("let", "let", "all(media).let(a=log1p(like_count))"),
    ("score", "score", "all(media).score(log1p(like_count) + quality)"),
    ("score", "score: the best 100", "all(media).score(log1p(like_count) + quality).take(100)"),
    ("rank", "rank: a formula of four columns", "all(media).rank()"),
    ("rank", "rank: the best 100", "all(media).rank(keep=100)"),
    ("take", "take: 2 of each author", "all(media).take(2, per=author)"),
    ("sample", "sample", "all(media).sample(1000, salt=\"bench\")"),
    ("walk", "walk: to all of many", "all(account).walk(~author, limit=all)"),
    ("walk", "walk: the 3 newest of each", "all(account).posted_media(max_media_per_account=3)"),
    ("walk", "walk: to one of each, merged", "all(media).walk(author, merge=sum)"),
    ("-", "-", "all(media) - all(media).filter(quality > 0.5)"),
    ("&", "&", "all(media) & all(media).filter(quality > 0.5)"),
    ("|", "|", "all(media) | all(media).filter(quality > 0.5)"),
    (
        "combine",
        "combine: weighted",
        "combine(0.7 * all(media).score(quality), 0.3 * all(media).score(like_count))",
    ),
    (
        "combine",
        "combine: rrf",
        "combine(all(media).score(quality), all(media).score(like_count), method=rrf(k=60))",
    ),
    (
        "combine",
        "combine: interleave",
        "combine(all(media).score(quality), all(media).score(like_count), method=interleave)",
    ),
    (
        "diversify_by",
        "diversify_by: round robin",
        "all(media).score(quality).diversify_by(author, method=round_robin)",
    ),
    (
        "diversify_by",
        "diversify_by: penalty",
        "all(media).score(quality).diversify_by(author, method=penalty(factor=0.7))",
    ),
    (
        "diversify_by",
        "diversify_by: mmr, the first 100 of 1,000",
        "all(account).take(1000).score(followers).diversify_by(method=mmr(0.7, first=100))",
    ),
    (
        "slate",
        "slate: 500 rows",
        "all(media).score(quality).take(500).slate(max=[author: 2 in 10])",
    ),
    ("nn", "nn: 20 of each", "all(account).take(1000).nn(k=20)"),
    ("nn", "nn: 20 of each, exact", "all(account).take(64).nn(k=20, exact=true)"),
];

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let folder = std::env::args().skip(1).find(|a| !a.starts_with("--"));
    let engine = Engine::open(folder.as_deref().unwrap_or("examples/explore"))?;
    engine.preload();
    let viewer = engine.schema().viewer;
    let request = [Request::user(engine.snapshot().key(viewer, 3))];
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for (operator, name, text) in PROGRAMS {
        let program = engine.compile(text).map_err(|e| format!("{name}: {e}"))?;
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            program.forget();
            let run = || measure(&engine, &program, &request, operator);
            runs.push(pool.install(run)?);
        }
        runs.sort_unstable();
        let (time, rows) = runs[RUNS / 2];
        let each = time.as_nanos() as f64 / rows.max(1) as f64;
        println!("{name:<44} {rows:>9} rows {each:>10.1} ns each");
    }
    Ok(())
}

/// The time of the last operator of that name, and its rows.
fn measure(
    engine: &Engine,
    program: &Program,
    request: &[Request],
    operator: &str,
) -> Result<(Duration, usize), Box<dyn std::error::Error + Send + Sync>> {
    let limits = Limits { max_rows: u64::MAX, ..Limits::default() };
    let pass = engine.execute(program, request, &limits.into())?;
    let graph = &program.rewritten().graph;
    let rows_of = |node| pass.timings.iter().find(|t| t.node == node).map_or(0, |t| t.rows);
    let mut timings = pass.timings.iter().rev();
    let timing = timings
        .find(|timing| graph.get(timing.node).op.name() == operator)
        .ok_or(format!("`{operator}` does not run"))?;
    let node = graph.get(timing.node);
    let read: usize = node.inputs.iter().map(|&input| rows_of(input)).sum();
    let rows = match operator {
        "nn" => read,
        _ => read.max(timing.rows),
    };
    Ok((timing.time, rows))
}
