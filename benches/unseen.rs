//! What `unseen()` costs a search: of users who have seen nothing, some accounts or very many, at random or near
//! those that they like, beside the same search that leaves out nothing.
//!
//! ```text
//! cargo bench --bench unseen -- DIR [ACCOUNTS]      # default 1000000; made in DIR, which keeps the index
//! ```
//!
//! Median processor time of a request on one thread, both in turns, and the median of the ratios.

use igql::batch::stretch::thread_time;
use igql::{Engine, Key, Program, Request};
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

/// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PLAIN: &str = "user.walk(likes, limit=20).nn(e).take(20)";
const UNSEEN: &str = "user.walk(likes, limit=20).nn(e).unseen().take(20)";
const DIM: usize = 64;
/// Accounts of a topic.
const TOPIC: usize = 50;
/// Accounts that a user likes.
const LIKES: usize = 20;
/// How many accounts users have seen, and how many users of each kind there are: half saw any, half those near.
const SEEN: [usize; 5] = [0, 100, 1_000, 10_000, 100_000];
const USERS: usize = 20;
const RUNS: usize = 5;

const CATALOG: &str = r#"
[catalog]
name = "heavy"
viewer = "user"

[entity.user]
table = "users.csv"
key = "user_id"

[entity.account]
table = "accounts.csv"
key = "account_id"

[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "account", column = "account_id" }

[edge.views]
table = "views.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "account", column = "account_id" }

[embedding.e]
entity = "account"
file = "v.npy"
metric = "cosine"

[defaults]
seen = ["views"]
"#;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let Some(folder) = args.first().map(Path::new) else {
        println!("where? cargo bench --bench unseen -- DIR [ACCOUNTS]");
        return Ok(());
    };
    if !folder.join("catalog.toml").exists() {
        let accounts = args.get(1).map_or(Ok(1_000_000), |n| n.parse())?;
        write(folder, accounts)?;
    }
    let engine = Engine::open(folder)?;
    engine.preload();
    let (plain, unseen) = (engine.compile(PLAIN)?, engine.compile(UNSEEN)?);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for (kind, seen) in (0..2 * SEEN.len()).map(|kind| (kind, SEEN[kind / 2])) {
        let users: Vec<Request> = (kind * USERS..(kind + 1) * USERS)
            .map(|user| Request::user(Key::Int(user as i64)))
            .collect();
        let how = if kind % 2 == 0 { "at random" } else { "near" };
        let [plain, unseen, ratio] = one.install(|| compare(&engine, &plain, &unseen, &users))?;
        println!(
            "{seen:>7} {how:<9}: plain {plain:>6.0} us, unseen {unseen:>6.0} us, {ratio:.2} times"
        );
    }
    Ok(())
}

/// Medians of the time of one program, of the other, and of their ratio for a user.
fn compare(
    engine: &Engine,
    plain: &Program,
    unseen: &Program,
    users: &[Request],
) -> Result<[f64; 3], Box<dyn Error + Send + Sync>> {
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for run in 0..=RUNS {
        for user in users {
            let mut times = [0.0; 2];
            for (program, time) in [plain, unseen].into_iter().zip(&mut times) {
                let start = thread_time();
                std::hint::black_box(engine.run(program, user)?);
                *time = (thread_time() - start).as_secs_f64() * 1e6;
            }
            // the first run finds what it reads outside of the cache
            if run > 0 {
                let measured = [times[0], times[1], times[1] / times[0]];
                all.iter_mut().zip(measured).for_each(|(all, new)| all.push(new));
            }
        }
    }
    Ok(all.map(|mut all| {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    }))
}

/// A catalog of topics of fifty accounts each, as vectors show them; what users have seen near the accounts that
/// they like is all accounts of the topics that are nearest to theirs.
fn write(folder: &Path, accounts: usize) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut random = Random(1);
    let topics = (accounts / TOPIC).max(1);
    let centres: Vec<f32> = (0..topics * DIM).map(|_| random.normal()).collect();
    let centre = |topic: usize| &centres[topic * DIM..][..DIM];
    let head =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({accounts}, {DIM}), }}");
    let mut vectors = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    vectors.extend(format!("{head:<117}\n").as_bytes());
    // account and topic are the same modulo the number of topics
    for account in 0..accounts {
        for x in centre(account % topics) {
            vectors.extend((x + 0.6 * random.normal()).to_le_bytes());
        }
    }
    let mut tables = ["user_id", "account_id", "user_id,account_id", "user_id,account_id"]
        .map(|head| format!("{head}\n"));
    let [users, all, likes, views] = &mut tables;
    (0..accounts).for_each(|account| _ = writeln!(all, "{account}"));
    for user in 0..2 * SEEN.len() * USERS {
        let (seen, is_near) = (SEEN[user / USERS / 2].min(accounts / 2), user / USERS % 2 == 1);
        _ = writeln!(users, "{user}");
        let liked: Vec<usize> = (0..LIKES).map(|_| random.next() as usize % accounts).collect();
        liked.iter().for_each(|account| _ = writeln!(likes, "{user},{account}"));
        let mut rows: Vec<usize> = match is_near {
            false => (0..seen).map(|_| random.next() as usize % accounts).collect(),
            true => liked
                .iter()
                .flat_map(|account| {
                    let own = centre(account % topics);
                    let apart = |topic: &usize| -> f32 {
                        own.iter().zip(centre(*topic)).map(|(a, b)| (a - b).powi(2)).sum()
                    };
                    let mut order: Vec<usize> = (0..topics).collect();
                    order.sort_by_cached_key(|topic| (apart(topic) * 1e3) as u64);
                    let near =
                        order.into_iter().flat_map(|topic| (topic..accounts).step_by(topics));
                    near.take(seen / LIKES).collect::<Vec<_>>()
                })
                .collect(),
        };
        rows.sort_unstable();
        rows.dedup();
        rows.iter().for_each(|account| _ = writeln!(views, "{user},{account}"));
    }
    let names = ["users.csv", "accounts.csv", "likes.csv", "views.csv"];
    for (name, table) in names.iter().zip(&tables) {
        std::fs::write(folder.join(name), table)?;
    }
    std::fs::write(folder.join("v.npy"), vectors)?;
    std::fs::write(folder.join("catalog.toml"), CATALOG)
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Nearly normal: eight bytes summed, of variance (256² - 1) / 12 each.
    fn normal(&mut self) -> f32 {
        let sum: u32 = self.next().to_le_bytes().into_iter().map(u32::from).sum();
        (sum as f32 - 1_020.0) / (8.0f32 * 65_535.0 / 12.0).sqrt()
    }
}
