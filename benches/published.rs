//! The published query beside the same written by hand in Rust over the same structures: what the language
//! costs. Both give the same rows with the same scores and the same seed, which is checked.
//!
//! ```text
//! cargo bench --bench published -- DIR [USERS] [--requests N]     # DIR: a catalog of `igql demo`
//! ```
//!
//! USERS is a file with a key a line; without it, users are taken evenly. Where the catalog has neighbours
//! found ahead, both read them.

use igql::ann::{Hit, Lists, Query, Vectors};
use igql::batch::{ColumnView, Stop};
use igql::ops::vectors::vectors_of;
use igql::store::{Adjacency, Snapshot};
use igql::types::EntityId;
use igql::{Engine, Key, Program, Request};
use std::time::{Duration, Instant};

/// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const QUERY: &str = "user.liked(max_num_to_retrieve=30).let(seed_id=account_id)
    .account_nn(k=50).posted_media(max_media_per_account=10)
    .filter(non_recommendable_model_threshold=0.2).rank().diversify_by(seed_id, method=round_robin)";
const LIKES: usize = 30;
const NEAR: usize = 50;
const MEDIA: usize = 10;
const UNSAFE: f64 = 0.2;
/// Microseconds in which the value of age halves.
const HALF_LIFE: f64 = 14.0 * 86_400.0 * 1e6;
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let Some(folder) = args.first() else {
        println!("which catalog? cargo bench --bench published -- DIR [USERS]");
        return Ok(());
    };
    let engine = Engine::open(folder)?;
    let program = engine.compile(QUERY)?;
    let keys = users(&engine, args.get(1))?;
    let at = engine.snapshot().newest_link().unwrap_or(0) + 1;
    let requests: Vec<Request> = keys.iter().map(|key| Request::user(key.clone()).at(at)).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| compare(&engine, &program, &requests, at))
}

fn users(
    engine: &Engine,
    file: Option<&String>,
) -> Result<Vec<Key>, Box<dyn std::error::Error + Send + Sync>> {
    if let Some(file) = file {
        let text = std::fs::read_to_string(file)?;
        return Ok(text
            .lines()
            .map(|line| Ok(Key::Int(line.trim().parse()?)))
            .collect::<Result<_, std::num::ParseIntError>>()?);
    }
    let viewer = engine.schema().viewer;
    let rows = engine.schema().entity(viewer).rows;
    let step = (rows / 1_000).max(1) as usize;
    Ok((0..rows).step_by(step).map(|row| engine.snapshot().key(viewer, row)).collect())
}

fn compare(
    engine: &Engine,
    program: &Program,
    requests: &[Request],
    now: i64,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut hand = ByHand::new(engine, now);
    let mut rows = 0;
    for request in requests {
        rows += check(engine, program, request, &mut hand)?;
    }
    println!("{} requests, {} rows each: the same", requests.len(), rows / requests.len());
    let mut ratios = Vec::new();
    for _ in 0..RUNS {
        // all of one, then all of the other: in turns, one would find in the cache what the other read
        let user = |request: &Request| request.user.clone().unwrap_or(Key::Int(0));
        let mut one = |request| timed(|| hand.run(&user(request)));
        let by_hand: Vec<Duration> = requests.iter().map(&mut one).collect();
        let one = |request| timed(|| engine.run(program, request).map(|a| a.rows().len()));
        let igql: Vec<Duration> = requests.iter().map(one).collect();
        let (igql, by_hand) = (spread(igql), spread(by_hand));
        ratios.push(igql.0.as_secs_f64() / by_hand.0.as_secs_f64());
        println!(
            "igql p50 {:?} p99 {:?}, by hand p50 {:?} p99 {:?}",
            igql.0, igql.1, by_hand.0, by_hand.1
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!("igql takes {:.2} times the time (median of {RUNS} runs)", ratios[RUNS / 2]);
    Ok(())
}

fn timed<R>(run: impl FnOnce() -> R) -> Duration {
    let started = Instant::now();
    std::hint::black_box(run());
    started.elapsed()
}

/// Median and 99th percentile.
fn spread(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[(times.len() - 1) * 99 / 100])
}

/// Fails if both do not give the same.
fn check(
    engine: &Engine,
    program: &Program,
    request: &Request,
    hand: &mut ByHand,
) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
    let answer = engine.run(program, request)?;
    let user = request.user.clone().unwrap_or(Key::Int(0));
    hand.run(&user);
    let schema = engine.schema();
    let key = |entity: &str, row: u32| {
        let entity = schema.entities.iter().position(|e| e.name == entity).unwrap_or(0);
        engine.snapshot().key(EntityId(entity as u16), row)
    };
    let same = answer.rows().len() == hand.order.len()
        && answer.rows().zip(&hand.order).all(|(row, &place)| {
            let (media, seed, score) = hand.ranked[place as usize];
            let seed = igql::Value::Id(key("account", seed));
            *row.key() == key("media", media)
                && row.score() == score
                && row.get("seed_id") == Some(&seed)
        });
    match same {
        true => Ok(hand.order.len()),
        false => Err(format!("user {user}: igql and the program by hand differ").into()),
    }
}

/// What the program reads, and room that it uses again.
struct ByHand<'a> {
    engine: &'a Engine,
    snapshot: &'a Snapshot,
    viewer: EntityId,
    place: (u32, EntityId),
    likes: Adjacency<'a>,
    posts: Adjacency<'a>,
    author: &'a [u32],
    risk: &'a [f64],
    quality: &'a [f64],
    like_count: &'a [i64],
    created: &'a [i64],
    vectors: Vectors<'a>,
    lists: Option<&'a Lists<'a>>,
    now: i64,
    seeds: Vec<(u32, f64)>,
    /// Place in `accounts` plus one, by hash.
    table: Vec<u32>,
    accounts: Vec<Account>,
    /// Media, seed, score.
    ranked: Vec<(u32, u32, f64)>,
    groups: Vec<(u32, u32)>,
    turns: Vec<(u32, u32, u32)>,
    order: Vec<u32>,
}

struct Account {
    id: u32,
    seed: u32,
    score: f64,
}

impl<'a> ByHand<'a> {
    fn new(engine: &'a Engine, now: i64) -> ByHand<'a> {
        let (schema, snapshot) = (engine.schema(), engine.snapshot());
        let entity = |name: &str| {
            let place = schema.entities.iter().position(|e| e.name == name);
            EntityId(place.expect("an entity of the demo") as u16)
        };
        let (account, media) = (entity("account"), entity("media"));
        let column = |name: &str| {
            let columns = &schema.entity(media).columns;
            let place = columns.iter().position(|c| c.name == name);
            snapshot.column(media, place.expect("a column of the demo"))
        };
        let floats = |name| match column(name) {
            ColumnView::F64(values) => values,
            _ => panic!("{name} is no float"),
        };
        let ints = |name| match column(name) {
            ColumnView::I64(values) => values,
            _ => panic!("{name} is no int"),
        };
        let column_of = schema.entity(media).references[0].column;
        let ColumnView::Code(author) = snapshot.column(media, column_of) else {
            panic!("the author is no reference")
        };
        let likes = schema.edges.iter().position(|e| e.name == "likes");
        let place = (0, account);
        ByHand {
            engine,
            snapshot,
            viewer: schema.viewer,
            place,
            likes: snapshot.adjacency(igql::types::EdgeId(likes.expect("likes") as u16), false),
            posts: snapshot.referrers(media, 0),
            author,
            risk: floats("non_recommendable_score"),
            quality: floats("quality"),
            like_count: ints("like_count"),
            created: ints("created_at"),
            vectors: vectors_of(snapshot, 0, account).expect("vectors of accounts"),
            lists: engine.vectors().lists(place),
            now,
            seeds: Vec::new(),
            table: Vec::new(),
            accounts: Vec::new(),
            ranked: Vec::new(),
            groups: Vec::new(),
            turns: Vec::new(),
            order: Vec::new(),
        }
    }

    /// Leaves the places of `ranked` in `order`.
    fn run(&mut self, user: &Key) -> usize {
        let Some(user) = self.snapshot.row_of(self.viewer, user) else {
            return 0;
        };
        self.liked(user);
        self.near();
        self.rank();
        self.round_robin();
        self.order.len()
    }

    fn liked(&mut self, user: u32) {
        self.seeds.clear();
        for place in self.likes.range(user).take(LIKES) {
            let author = self.author[self.likes.target[place] as usize];
            match self.seeds.iter_mut().find(|(id, _)| *id == author) {
                Some((_, count)) => *count += 1.0,
                None => self.seeds.push((author, 1.0)),
            }
        }
        self.seeds.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    }

    fn near(&mut self) {
        self.accounts.clear();
        let size = (self.seeds.len() * NEAR * 2).next_power_of_two().max(16);
        self.table.clear();
        self.table.resize(size, 0);
        if let Some(lists) = self.lists {
            for i in 0..self.seeds.len() {
                let (seed, weight) = self.seeds[i];
                let near = lists.of(seed);
                for (place, &id) in near.rows.iter().take(NEAR).enumerate() {
                    self.add(id, seed, weight * near.similarity(place));
                }
            }
        } else {
            let found = self.search();
            for (i, hits) in found.iter().enumerate() {
                let (seed, weight) = self.seeds[i];
                for hit in hits {
                    self.add(hit.row, seed, weight * hit.similarity);
                }
            }
        }
        self.accounts.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
    }

    fn search(&self) -> Vec<Vec<Hit>> {
        let own = self.seeds.iter().map(|(seed, _)| self.vectors.get(*seed));
        let own: Vec<_> = own.collect();
        let queries: Vec<Query> = self
            .seeds
            .iter()
            .zip(&own)
            .map(|((seed, _), own)| Query {
                vector: own.as_deref().unwrap_or(&[]),
                exclude: std::slice::from_ref(seed),
                k: NEAR,
                min_similarity: None,
            })
            .collect();
        let vectors = self.engine.vectors();
        let place = (self.engine.snapshot(), self.place);
        vectors.search(place, &self.vectors, &queries, None, false, Stop::default())
    }

    fn add(&mut self, id: u32, seed: u32, score: f64) {
        let mask = self.table.len() - 1;
        let mut place = (id.wrapping_mul(0x9E37_79B9) >> 7) as usize & mask;
        loop {
            match self.table[place] {
                0 => {
                    self.accounts.push(Account { id, seed, score });
                    self.table[place] = self.accounts.len() as u32;
                    return;
                }
                taken => {
                    let account = &mut self.accounts[taken as usize - 1];
                    if account.id == id {
                        if score > account.score {
                            (account.score, account.seed) = (score, seed);
                        }
                        return;
                    }
                    place = (place + 1) & mask;
                }
            }
        }
    }

    fn rank(&mut self) {
        self.ranked.clear();
        for account in &self.accounts {
            for place in self.posts.range(account.id).take(MEDIA) {
                let media = self.posts.target[place] as usize;
                let risk = self.risk[media];
                if risk < UNSAFE {
                    let age = (self.now - self.created[media]) as f64;
                    let score = (self.like_count[media] as f64).ln_1p() + 0.5 * self.quality[media]
                        - 2.0 * risk
                        + 0.5f64.powf(age / HALF_LIFE);
                    self.ranked.push((media as u32, account.seed, score));
                }
            }
        }
        self.ranked.sort_unstable_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
    }

    fn round_robin(&mut self) {
        self.groups.clear();
        self.turns.clear();
        for (place, &(_, seed, _)) in self.ranked.iter().enumerate() {
            let group = match self.groups.iter().position(|(id, _)| *id == seed) {
                Some(group) => group,
                None => {
                    self.groups.push((seed, 0));
                    self.groups.len() - 1
                }
            };
            self.turns.push((self.groups[group].1, group as u32, place as u32));
            self.groups[group].1 += 1;
        }
        self.turns.sort_unstable();
        self.order.clear();
        self.order.extend(self.turns.iter().map(|turn| turn.2));
    }
}
