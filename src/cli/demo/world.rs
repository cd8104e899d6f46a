//! The world behind a demo: who is interested in what, and what they did with what they saw.
//!
//! Every user has two to five interests, every account one topic, so that there is a truth to be found: vectors of
//! accounts lie round the centre of their topic, and a program that follows interests beats popularity. What users do with what
//! they are shown is in `activity`.

use super::random::{Random, Weighted};
use super::{Size, activity};

pub const DAY: f64 = 86_400.0;
pub const DAYS: f64 = 90.0;
/// 2024-05-01T00:00:00Z: the newest event lies just before it.
pub const END: i64 = 1_714_521_600;
/// Numbers in the vector of an account.
pub const DIM: usize = 32;
/// Spread of vectors round the centre of their topic.
const NOISE: f64 = 0.6;
/// Directions in which the styles of accounts differ.
const STYLES: usize = 2;
/// How far the media of an account are from its style.
const VARIATION: f64 = 0.4;

/// A manner (how loud, how long, how polished something is): a direction of length 1. No table says it.
pub type Style = [f64; STYLES];

pub struct World {
    pub accounts: Vec<Account>,
    /// `DIM` numbers an account, of length 1.
    pub vectors: Vec<f32>,
    pub media: Vec<Media>,
    pub users: Vec<User>,
    /// By time.
    pub impressions: Vec<Impression>,
    /// Those chosen when joining, by user, and then those of accounts that were met, by time.
    pub follows: Vec<Follow>,
}

pub struct Account {
    pub topic: usize,
    pub popularity: f64,
    pub country: usize,
    pub verified: bool,
    /// How much what it posts is liked, whatever it is. No table says it.
    pub charm: f64,
    pub style: Style,
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
    /// How much all like it, beside its quality. No table says it.
    pub appeal: f64,
    /// That of its author, more or less.
    pub style: Style,
}

pub struct User {
    /// The strongest first.
    pub interests: Vec<usize>,
    pub country: usize,
    pub age: i64,
    pub joined: i64,
    /// How much the user likes media of each kind.
    pub kinds: [f64; KINDS.len()],
    /// How much quality matters to the user.
    pub eye: f64,
    /// The style that the user likes.
    pub style: Style,
}

pub struct Impression {
    pub user: usize,
    pub media: usize,
    pub time: i64,
    pub session: usize,
    /// From 1, in the session.
    pub position: usize,
    pub surface: usize,
    /// Whether it was drawn from all media, whatever the user's interests.
    pub drawn: bool,
    pub dwell_ms: i64,
    /// When the user liked it, if so.
    pub liked: Option<i64>,
    pub saved: Option<i64>,
    pub see_fewer: Option<i64>,
    /// When the user began to follow the author because of it.
    pub followed: Option<i64>,
}

pub struct Follow {
    pub user: usize,
    pub account: usize,
    pub time: i64,
}

pub const COUNTRIES: [&str; 6] = ["US", "BR", "IN", "DE", "JP", "ID"];
pub const KINDS: [&str; 4] = ["photo", "video", "story", "live"];
pub const SURFACES: [&str; 2] = ["explore", "feed"];

impl World {
    /// The world of a size and seed: always the same.
    pub fn new(size: &Size, seed: u64) -> World {
        // fifty accounts of a topic, however large the world is
        let topics = (size.accounts / 20).clamp(4, 100).max(size.accounts / 50);
        let accounts = accounts(size, topics, seed);
        let vectors = vectors(&accounts, topics, seed);
        let mut media = media(size, &accounts, seed);
        let users = users(size, topics, seed);
        let mut follows = chosen(size, &users, &accounts, topics, seed);
        let impressions = activity::impressions(
            size,
            &activity::Cast::new(&users, &accounts, &media, size.style),
            &follows,
            seed,
        );
        for seen in impressions.iter().filter(|i| i.liked.is_some()) {
            media[seen.media].likes += 1;
        }
        follows.extend(impressions.iter().filter_map(|seen| {
            let account = media[seen.media].author;
            seen.followed.map(|time| Follow { user: seen.user, account, time })
        }));
        World { accounts, vectors, media, users, impressions, follows }
    }
}

fn accounts(size: &Size, topics: usize, seed: u64) -> Vec<Account> {
    let mut random = Random::new(seed, "accounts");
    let mut styles = Random::new(seed, "styles of accounts");
    let account = |_| Account {
        topic: random.below(topics),
        popularity: random.pareto(1.2) + 1.0,
        country: random.below(COUNTRIES.len()),
        verified: random.chance(0.05),
        charm: 0.8 * random.normal(),
        style: style(&mut styles),
    };
    (0..size.accounts).map(account).collect()
}

fn style(random: &mut Random) -> Style {
    let drawn: Style = std::array::from_fn(|_| random.normal());
    let length = likeness(&drawn, &drawn).sqrt();
    drawn.map(|x| x / length)
}

/// The style of a media: that of its author, with something of its own.
fn variation(of: &Style, random: &mut Random) -> Style {
    let own = style(random);
    let both: Style = std::array::from_fn(|i| of[i] + VARIATION * own[i]);
    let length = likeness(&both, &both).sqrt();
    both.map(|x| x / length)
}

/// From -1, the opposite, to 1, the same.
pub fn likeness(a: &Style, b: &Style) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
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
    let mut unseen = Random::new(seed, "styles of media");
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
            appeal: 0.3 * unseen.normal(),
            style: variation(&accounts[author].style, &mut unseen),
        }
    };
    ages.into_iter().enumerate().map(media).collect()
}

/// Half of them have been there for long, the others joined while the data was made.
fn users(size: &Size, topics: usize, seed: u64) -> Vec<User> {
    let mut random = Random::new(seed, "users");
    let mut styles = Random::new(seed, "styles of users");
    let user = |_| {
        let age = 13 + random.below(57);
        let count = 2 + random.below(4);
        let span = if random.chance(0.5) { 1000.0 } else { DAYS };
        User {
            interests: (0..count).map(|_| interest(age, topics, &mut random)).collect(),
            country: random.below(COUNTRIES.len()),
            age: age as i64,
            joined: END - 1 - (random.unit() * span * DAY) as i64,
            kinds: std::array::from_fn(|_| random.normal()),
            eye: 0.2 + random.unit(),
            style: style(&mut styles),
        }
    };
    (0..size.users).map(user).collect()
}

/// Every other interest is one of those of an age: a quarter of all topics.
fn interest(age: usize, topics: usize, random: &mut Random) -> usize {
    let generation = (age - 13) * 4 / 57;
    match random.chance(0.5) {
        true => (generation * topics / 4 + random.below(topics.div_ceil(4))).min(topics - 1),
        false => random.below(topics),
    }
}

/// Up to five accounts of their interests for each user: soon after joining, or any time for those who came earlier.
fn chosen(
    size: &Size,
    users: &[User],
    accounts: &[Account],
    topics: usize,
    seed: u64,
) -> Vec<Follow> {
    let mut random = Random::new(seed, "follows");
    let by_topic = places(accounts.iter().map(|a| a.topic), topics);
    let mut all: Vec<Follow> = Vec::new();
    for (at, user) in users.iter().enumerate() {
        let first = all.len();
        for _ in 0..5 {
            let of_topic = &by_topic[user.interests[random.below(user.interests.len())]];
            let place = (random.unit().powi(2) * of_topic.len() as f64) as usize;
            let time = chosen_at(user, &mut random);
            let Some(account) = at_place(of_topic, place, |account| match size.style > 0.0 {
                true => likeness(&user.style, &accounts[account].style),
                false => 0.0,
            }) else {
                continue;
            };
            if all[first..].iter().all(|f| f.account != account) {
                all.push(Follow { user: at, account, time });
            }
        }
    }
    all
}

/// Who is at a place of those that a user may follow, the best first.
fn at_place(all: &[usize], place: usize, good: impl Fn(usize) -> f64) -> Option<usize> {
    let mut all: Vec<(f64, usize)> = all.iter().map(|&account| (good(account), account)).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.get(place).map(|(_, account)| *account)
}

fn chosen_at(user: &User, random: &mut Random) -> i64 {
    let newest = END - 1;
    match user.joined < newest - (DAYS * DAY) as i64 {
        true => newest - (random.unit() * DAYS * DAY) as i64,
        false => (user.joined + 10 + random.below(120) as i64).min(newest),
    }
}

/// The places of each topic.
fn places(of: impl Iterator<Item = usize>, topics: usize) -> Vec<Vec<usize>> {
    let mut places = vec![Vec::new(); topics];
    of.enumerate().for_each(|(at, topic)| places[topic].push(at));
    places
}
