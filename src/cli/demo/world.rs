//! The world behind a demo: who is interested in what, and what they did with what they saw.
//!
//! Every user has two to five interests, every account one topic, and a user likes, saves or
//! rejects what is shown by a logistic model of match, quality and safety. So there is a truth to
//! be found: vectors of accounts lie round the centre of their topic, and a program that follows
//! interests beats popularity.

use super::Size;
use super::random::{Random, Weighted};

const DAY: f64 = 86_400.0;
const DAYS: f64 = 90.0;
/// 2024-05-01T00:00:00Z: the newest event lies just before it.
pub const END: i64 = 1_714_521_600;
/// Numbers in the vector of an account.
pub const DIM: usize = 32;
/// Spread of vectors round the centre of their topic.
const NOISE: f64 = 0.6;
const SESSION: usize = 8;

pub struct World {
    pub accounts: Vec<Account>,
    /// `DIM` numbers an account, of length 1.
    pub vectors: Vec<f32>,
    pub media: Vec<Media>,
    pub users: Vec<User>,
    /// By time.
    pub impressions: Vec<Impression>,
    /// User, account, time.
    pub follows: Vec<(usize, usize, i64)>,
}

pub struct Account {
    pub topic: usize,
    pub popularity: f64,
    pub country: usize,
    pub verified: bool,
}

pub struct Media {
    pub author: usize,
    pub topic: usize,
    pub created: i64,
    pub quality: f64,
    /// How likely it is unfit to be recommended, 0 to 1.
    pub unsafe_score: f64,
    pub kind: usize,
    pub country: usize,
    pub tag: usize,
    pub likes: i64,
}

pub struct User {
    pub interests: Vec<usize>,
    pub country: usize,
    pub age: i64,
    pub joined: i64,
}

pub struct Impression {
    pub user: usize,
    pub media: usize,
    pub time: i64,
    pub session: usize,
    pub liked: bool,
    pub saved: bool,
    pub see_fewer: bool,
    pub dwell_ms: i64,
}

pub const COUNTRIES: [&str; 6] = ["US", "BR", "IN", "DE", "JP", "ID"];
pub const KINDS: [&str; 4] = ["photo", "video", "story", "live"];

impl World {
    /// The world of a size and seed: always the same.
    pub fn new(size: &Size, seed: u64) -> World {
        // fifty accounts of a topic, however large the world is
        let topics = (size.accounts / 20).clamp(4, 100).max(size.accounts / 50);
        let accounts = accounts(size, topics, seed);
        let vectors = vectors(&accounts, topics, seed);
        let mut media = media(size, &accounts, seed);
        let users = users(size, topics, seed);
        let impressions = impressions(size, &users, &media, topics, seed);
        for seen in impressions.iter().filter(|i| i.liked) {
            media[seen.media].likes += 1;
        }
        let follows = follows(&users, &accounts, topics, seed);
        World { accounts, vectors, media, users, impressions, follows }
    }
}

fn accounts(size: &Size, topics: usize, seed: u64) -> Vec<Account> {
    let mut random = Random::new(seed, "accounts");
    let account = |_| Account {
        topic: random.below(topics),
        popularity: random.pareto(1.2) + 1.0,
        country: random.below(COUNTRIES.len()),
        verified: random.chance(0.05),
    };
    (0..size.accounts).map(account).collect()
}

fn vectors(accounts: &[Account], topics: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed, "vectors");
    let centres: Vec<Vec<f64>> =
        (0..topics).map(|_| of_length_one((0..DIM).map(|_| random.normal()).collect())).collect();
    let spread = NOISE / (DIM as f64).sqrt();
    let vector = |account: &Account| {
        let centre = centres[account.topic].iter();
        of_length_one(centre.map(|x| x + spread * random.normal()).collect())
    };
    let numbers = accounts.iter().flat_map(vector);
    numbers.map(|x| x as f32).collect()
}

fn of_length_one(mut vector: Vec<f64>) -> Vec<f64> {
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

/// Oldest first; nearly every account has posted, popular ones more.
fn media(size: &Size, accounts: &[Account], seed: u64) -> Vec<Media> {
    let mut random = Random::new(seed, "media");
    let weights: Vec<f64> = accounts.iter().map(|a| a.popularity).collect();
    let popular = Weighted::new(&weights);
    let mut first: Vec<usize> = (0..accounts.len()).collect();
    for i in (1..first.len()).rev() {
        first.swap(i, random.below(i + 1));
    }
    let mut ages: Vec<i64> =
        (0..size.media).map(|_| (random.unit().powf(1.5) * DAYS * DAY) as i64).collect();
    ages.sort_unstable_by(|a, b| b.cmp(a));
    let media = |(at, age): (usize, i64)| {
        let author = match first.get(at) {
            Some(author) => *author,
            None => popular.draw(&mut random),
        };
        Media {
            author,
            topic: accounts[author].topic,
            created: END - 1 - age,
            quality: random.normal(),
            unsafe_score: 1.0 - (1.0 - random.unit()).powf(1.0 / 8.0),
            kind: random.below(KINDS.len()),
            country: random.below(COUNTRIES.len()),
            tag: random.below(50),
            likes: 0,
        }
    };
    ages.into_iter().enumerate().map(media).collect()
}

fn users(size: &Size, topics: usize, seed: u64) -> Vec<User> {
    let mut random = Random::new(seed, "users");
    let user = |_| {
        let count = 2 + random.below(4);
        User {
            interests: (0..count).map(|_| random.below(topics)).collect(),
            country: random.below(COUNTRIES.len()),
            age: 13 + random.below(57) as i64,
            joined: END - 1 - (random.unit() * 1000.0 * DAY) as i64,
        }
    };
    (0..size.users).map(user).collect()
}

/// Sessions of eight media, three of four from one interest of the user.
fn impressions(
    size: &Size,
    users: &[User],
    media: &[Media],
    topics: usize,
    seed: u64,
) -> Vec<Impression> {
    let mut random = Random::new(seed, "impressions");
    let activity: Vec<f64> = users.iter().map(|_| random.pareto(1.5) + 0.3).collect();
    let active = Weighted::new(&activity);
    let by_topic = places(media.iter().map(|m| m.topic), topics);
    let mut all = Vec::with_capacity(size.impressions);
    for session in 0..size.impressions.div_ceil(SESSION) {
        let user = active.draw(&mut random);
        let interests = &users[user].interests;
        let interest = interests[random.below(interests.len())];
        let start = END - 2_000 - (random.unit() * DAYS * DAY) as i64;
        for step in 0..SESSION.min(size.impressions - all.len()) {
            let topic = match random.chance(0.25) {
                true => random.below(topics),
                false => interest,
            };
            let at = random.unit().powf(1.7);
            let shown = match &by_topic[topic][..] {
                [] => (at * media.len() as f64) as usize,
                places => places[(at * places.len() as f64) as usize],
            };
            let time = start + step as i64 * 30 + random.below(20) as i64;
            let time = time.max(media[shown].created + 60).min(END - 1);
            let seen = Seen { user, media: shown, time, session };
            all.push(seen.reaction(&users[user], &media[shown], &mut random));
        }
    }
    all.sort_by_key(|i| (i.time, i.media, i.user, i.session));
    all
}

struct Seen {
    user: usize,
    media: usize,
    time: i64,
    session: usize,
}

impl Seen {
    /// What a user does with what is shown.
    fn reaction(self, user: &User, media: &Media, random: &mut Random) -> Impression {
        let fits = f64::from(u8::from(user.interests.contains(&media.topic)));
        let quality = media.quality;
        Impression {
            user: self.user,
            media: self.media,
            time: self.time,
            session: self.session,
            liked: random.chance(logistic(-2.6 + 2.2 * fits + 0.7 * quality)),
            saved: random.chance(logistic(-4.2 + 2.0 * fits + 0.9 * quality)),
            see_fewer: random.chance(logistic(-3.6 - 1.5 * fits + 3.0 * media.unsafe_score)),
            dwell_ms: random.exponential(1500.0 * (1.0 + fits)) as i64,
        }
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Up to five accounts of their interests for each user.
fn follows(
    users: &[User],
    accounts: &[Account],
    topics: usize,
    seed: u64,
) -> Vec<(usize, usize, i64)> {
    let mut random = Random::new(seed, "follows");
    let by_topic = places(accounts.iter().map(|a| a.topic), topics);
    let mut all = Vec::new();
    for (at, user) in users.iter().enumerate() {
        let mut chosen: Vec<usize> = Vec::new();
        for _ in 0..5 {
            let places = &by_topic[user.interests[random.below(user.interests.len())]];
            let place = (random.unit().powi(2) * places.len() as f64) as usize;
            let time = END - 1 - (random.unit() * DAYS * DAY) as i64;
            let Some(&account) = places.get(place) else {
                continue;
            };
            if !chosen.contains(&account) {
                chosen.push(account);
                all.push((at, account, time));
            }
        }
    }
    all
}

/// The places of each topic.
fn places(of: impl Iterator<Item = usize>, topics: usize) -> Vec<Vec<usize>> {
    let mut places = vec![Vec::new(); topics];
    of.enumerate().for_each(|(at, topic)| places[topic].push(at));
    places
}
