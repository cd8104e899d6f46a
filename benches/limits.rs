//! How promptly a deadline ends long programs: what a run takes beyond it.
//!
//! ```text
//! cargo bench --bench limits -- DIR      # DIR: a large catalog of `igql demo`
//! ```

use igql::{Engine, Limits, Request, RunError};
use std::time::{Duration, Instant};

/// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROGRAMS: [(&str, &str); 16] = [
    ("score of all", "all(media).score(log1p(like_count) * quality + sqrt(quality)).take(100)"),
    ("filter of all", "all(media).filter(log1p(like_count) > 1 and quality ** 2 > 0.1).take(100)"),
    ("rank of all", "all(media).rank(keep=1000)"),
    (
        "all in order",
        "all(media).score(decay(created_at, half_life=7d)).take(1, per=author).take(100)",
    ),
    (
        "authors in turns",
        "all(media).score(quality).diversify_by(author, method=round_robin).take(100)",
    ),
    (
        "unlike one another",
        "all(account).take(20000).score(log1p(followers)).diversify_by(method=mmr(0.3, first=2000)).take(100)",
    ),
    ("many searches", "all(account).take(100000).nn(k=20).take(100)"),
    ("exact searches", "all(account).take(500).nn(k=20, exact=true).take(100)"),
    (
        "searches under a condition",
        "all(account).take(2000).nn(k=50, where=followers % 1000 < 3).take(100)",
    ),
    ("walks", "all(account).walk(~author, limit=all).walk(~likes, limit=all).take(100)"),
    ("sums", "all(account).walk(~author, limit=all, merge=sum).walk(author, merge=sum).take(100)"),
    ("links of links", "all(media).score(count(~likes(it), where=count(likes(to)) > 3)).take(100)"),
    ("quantiles of beta", "all(media).score(beta(like_count + 1.5, quality + 1.5)).take(100)"),
    ("medoids", "all(account).take(20000).nn(pool=clusters(50), k=5).take(100)"),
    (
        "two sets combined",
        "a = all(media).score(quality)\nb = all(media).score(log1p(like_count))\ncombine(0.5 * a, 0.5 * b).take(100)",
    ),
    (
        "left out, and kept",
        "(all(media) - all(media).filter(quality > 0.5)).score(quality).take(100)",
    ),
];
const DEADLINES: u32 = 20;
/// What a run may take at most, so that the bench ends.
const MOST: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(folder) = std::env::args().skip(1).find(|a| !a.starts_with("--")) else {
        println!("which catalog? cargo bench --bench limits -- DIR");
        return Ok(());
    };
    let engine = Engine::open(folder)?;
    let viewer = engine.schema().viewer;
    let request = [Request::user(engine.snapshot().key(viewer, 3))];
    let mut all = Vec::new();
    for (name, text) in PROGRAMS {
        let program = match engine.compile(text) {
            Ok(program) => program,
            Err(error) => {
                println!("{name}: {error}");
                continue;
            }
        };
        let run = |limit: Duration| {
            program.forget();
            let started = Instant::now();
            let limits = Limits::default().until(started + limit);
            let ended = engine.execute(&program, &request, &limits.into()).err();
            (started.elapsed(), matches!(ended, Some(RunError::Limit(_))))
        };
        let (whole, _) = run(MOST);
        let mut late = Vec::new();
        for i in 1..=DEADLINES {
            let limit = whole.min(MOST) * i / (DEADLINES + 1);
            let (took, ended) = run(limit);
            if ended {
                late.push(took.saturating_sub(limit));
            }
        }
        all.extend(&late);
        println!("{name:28} {whole:>9.1?} whole, beyond the deadline: {}", spread(late));
    }
    println!("all: {}", spread(all));
    Ok(())
}

fn spread(mut late: Vec<Duration>) -> String {
    if late.is_empty() {
        return "none ended".to_owned();
    }
    late.sort_unstable();
    let at = |share: usize| late[(late.len() - 1) * share / 100];
    format!("median {:.1?}, p95 {:.1?}, worst {:.1?} of {}", at(50), at(95), at(100), late.len())
}
