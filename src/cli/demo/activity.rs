//! What users of a demo are shown, and what they do with it.
//!
//! Pages are filled by a plain policy with much chance in it, so that something can be learned from what it showed.
//! What a user does follows a logistic model of tastes that no table holds: interests, kinds of media, an eye for quality,
//! accounts that all like, and, where a world has it, a style; some topics are news, whose media are soon old. A little depends on
//! where it was shown.

use super::Size;
use super::random::{Random, Weighted};
use super::world::{
    Account, DAY, DAYS, END, Follow, Impression, KINDS, Media, SURFACES, User, likeness,
};
use std::collections::HashSet;

/// Media of a page.
const PAGE: usize = 10;
/// The first days have few media to show.
const QUIET: f64 = 10.0;
/// Every third topic is news.
const NEWS: usize = 3;
/// Days for which the policy shows a media.
const FRESH: f64 = 30.0;

/// All that there is, as the policy finds it.
pub struct Cast<'a> {
    users: &'a [User],
    accounts: &'a [Account],
    media: &'a [Media],
    /// How much style counts.
    style: f64,
    /// Media of each topic, oldest first.
    by_topic: Vec<Vec<usize>>,
}

impl<'a> Cast<'a> {
    pub fn new(
        users: &'a [User],
        accounts: &'a [Account],
        media: &'a [Media],
        style: f64,
    ) -> Cast<'a> {
        let topics = accounts.iter().map(|a| a.topic + 1).max().unwrap_or(1);
        let interests = users.iter().flat_map(|u| &u.interests).map(|t| t + 1);
        let mut by_topic = vec![Vec::new(); interests.max().unwrap_or(1).max(topics)];
        for (at, one) in media.iter().enumerate() {
            by_topic[one.topic].push(at);
        }
        Cast { users, accounts, media, style, by_topic }
    }

    /// Any of those of the last weeks, else of all that there are by then; none if there are none.
    fn recent(&self, places: &[usize], time: i64, random: &mut Random) -> Option<usize> {
        let before = |time| places.partition_point(|at| self.media[*at].created < time);
        let (first, end) = (before(time - (FRESH * DAY) as i64), before(time));
        let first = if first == end { 0 } else { first };
        (end > 0).then(|| places[first + random.below(end - first)])
    }
}

/// Pages by time; each user's begin when they have joined.
pub fn impressions(size: &Size, cast: &Cast, follows: &[Follow], seed: u64) -> Vec<Impression> {
    let mut random = Random::new(seed, "sessions");
    let activity: Vec<f64> =
        cast.users.iter().map(|_| (random.pareto(1.5) + 0.5).min(8.0)).collect();
    let active = Weighted::new(&activity);
    let mut pages: Vec<(i64, usize)> = (0..size.impressions.div_ceil(PAGE))
        .map(|_| {
            let user = active.draw(&mut random);
            (start(&cast.users[user], &mut random), user)
        })
        .collect();
    pages.sort_unstable();
    let mut stream = Stream::new(cast, follows, seed);
    for (session, (start, user)) in pages.into_iter().enumerate() {
        let left = size.impressions - stream.all.len();
        stream.page(Page::new(cast, user, start, session, &mut random), PAGE.min(left));
    }
    stream.all.sort_by_key(|i| (i.time, i.media, i.user, i.session));
    stream.all
}

fn start(user: &User, random: &mut Random) -> i64 {
    let newest = END - 2_000;
    let oldest = (newest - ((DAYS - QUIET) * DAY) as i64).max(user.joined + 200).min(newest);
    oldest + (random.unit() * (newest - oldest) as f64) as i64
}

struct Page {
    user: usize,
    start: i64,
    session: usize,
    interest: usize,
    surface: usize,
}

impl Page {
    fn new(cast: &Cast, user: usize, start: i64, session: usize, random: &mut Random) -> Page {
        let interests = &cast.users[user].interests;
        let interest = interests[random.below(interests.len())];
        Page { user, start, session, interest, surface: usize::from(random.chance(0.3)) }
    }
}

/// What has been shown so far, and whom users follow by then.
struct Stream<'a> {
    cast: &'a Cast<'a>,
    all: Vec<Impression>,
    shown: HashSet<(usize, usize)>,
    /// Accounts that each user follows, with the times.
    follows: Vec<Vec<(usize, i64)>>,
    everything: Vec<usize>,
    random: Random,
}

impl<'a> Stream<'a> {
    fn new(cast: &'a Cast<'a>, follows: &[Follow], seed: u64) -> Stream<'a> {
        let mut of_users = vec![Vec::new(); cast.users.len()];
        follows.iter().for_each(|f| of_users[f.user].push((f.account, f.time)));
        Stream {
            cast,
            all: Vec::new(),
            shown: HashSet::new(),
            follows: of_users,
            everything: (0..cast.media.len()).collect(),
            random: Random::new(seed, "impressions"),
        }
    }

    fn page(&mut self, page: Page, length: usize) {
        for step in 0..length {
            let Choice { media, drawn } = self.next(&page);
            self.shown.insert((page.user, media));
            let time = page.start + step as i64 * 30 + self.random.below(20) as i64;
            // only where nothing at all had been posted by then
            let time = time.max(self.cast.media[media].created + 60).min(END - 1);
            let seen = Seen { page: &page, media, drawn, time, position: step + 1 };
            let seen = self.reaction(&seen);
            if let Some(time) = seen.followed {
                self.follows[page.user].push((self.cast.media[media].author, time));
            }
            self.all.push(seen);
        }
    }

    /// What the policy shows next: something that the user has not seen, if it finds it.
    fn next(&mut self, page: &Page) -> Choice {
        let mut found = self.candidate(page);
        for _ in 0..8 {
            if !self.shown.contains(&(page.user, found.media)) {
                break;
            }
            found = self.candidate(page);
        }
        found
    }

    /// Something of the interest of the page, or of all that there is.
    fn candidate(&mut self, page: &Page) -> Choice {
        let (cast, random) = (self.cast, &mut self.random);
        let drawn = random.chance(0.5);
        let places = if drawn { &self.everything } else { &cast.by_topic[page.interest] };
        match cast.recent(places, page.start, random) {
            Some(media) => Choice { media, drawn },
            None => Choice {
                media: cast.recent(&self.everything, page.start, random).unwrap_or(0),
                drawn: true,
            },
        }
    }

    fn follows(&self, user: usize, account: usize, time: i64) -> bool {
        self.follows[user].iter().any(|(a, since)| *a == account && *since < time)
    }

    /// What a user does with what is shown, some seconds after it was.
    fn reaction(&mut self, seen: &Seen) -> Impression {
        let Seen { page, media, drawn, time, position } = *seen;
        let follows = self.follows(page.user, self.cast.media[media].author, time);
        let chances = Chances::new(self.cast, seen, follows);
        let random = &mut self.random;
        let mut after = |chance: f64, most: usize| {
            let happens = random.chance(chance);
            let later = time + 2 + random.below(most) as i64;
            happens.then_some(later.min(END - 1))
        };
        let liked = after(chances.like, 15);
        let saved = after(chances.save, 20);
        let see_fewer = after(chances.see_fewer, 10);
        let followed = after(chances.follow, 25);
        let dwell_ms = random.exponential(chances.dwell_ms) as i64;
        let Page { user, session, surface, .. } = *page;
        Impression {
            user,
            media,
            time,
            session,
            position,
            surface,
            drawn,
            dwell_ms,
            liked,
            saved,
            see_fewer,
            followed,
        }
    }
}

struct Choice {
    media: usize,
    drawn: bool,
}

struct Seen<'a> {
    page: &'a Page,
    media: usize,
    drawn: bool,
    time: i64,
    position: usize,
}

/// How probable it is what a user does.
struct Chances {
    like: f64,
    save: f64,
    see_fewer: f64,
    follow: f64,
    dwell_ms: f64,
}

impl Chances {
    fn new(cast: &Cast, seen: &Seen, follows: bool) -> Chances {
        let media = &cast.media[seen.media];
        let taste = Taste::new(cast, seen.page.user, seen.media, seen.time, follows);
        let (sum, place) = (taste.sum(), place(seen));
        let new = if follows { 0.0 } else { 1.0 };
        Chances {
            like: logistic(-2.6 + sum + place),
            save: logistic(-4.1 + 0.8 * sum + 0.5 * media.quality + place),
            see_fewer: logistic(-3.8 - 0.6 * sum + 3.5 * media.unsafe_score),
            follow: new * logistic(-5.5 + sum + 0.5 * taste.charm),
            dwell_ms: 1_200.0 * (1.0 + taste.fit + logistic(sum)) * LENGTHS[media.kind],
        }
    }
}

/// What makes a user like a media, whatever the place.
struct Taste {
    fit: f64,
    kind: f64,
    quality: f64,
    charm: f64,
    unseen: f64,
    known: f64,
    staleness: f64,
}

impl Taste {
    fn new(cast: &Cast, user: usize, media: usize, time: i64, follows: bool) -> Taste {
        let (user, media) = (&cast.users[user], &cast.media[media]);
        let fit = fit(user, media.topic);
        Taste {
            fit,
            kind: user.kinds[media.kind],
            // it counts for who cares for the topic, and is hardly seen by others
            quality: user.eye * media.quality * (0.3 + fit),
            charm: cast.accounts[media.author].charm,
            unseen: cast.style * (likeness(&user.style, &media.style) + media.appeal - 0.5),
            known: f64::from(u8::from(follows)),
            staleness: staleness(media, time),
        }
    }

    fn sum(&self) -> f64 {
        2.4 * self.fit + self.kind + self.quality + self.charm + self.unseen + self.known
            - self.staleness
    }
}

/// How long media of each kind are looked at.
const LENGTHS: [f64; KINDS.len()] = [1.0, 2.5, 0.8, 2.0];

/// How much a topic is the user's: the first interest most.
fn fit(user: &User, topic: usize) -> f64 {
    let place = user.interests.iter().position(|t| *t == topic);
    place.map_or(0.0, |place| 1.2 - 0.2 * place as f64)
}

/// News lose in days what other media lose in weeks.
fn staleness(media: &Media, time: i64) -> f64 {
    let days = (time - media.created) as f64 / DAY;
    let half = if media.topic.is_multiple_of(NEWS) { 3.0 } else { 15.0 };
    2.0 * (1.0 - 0.5_f64.powf(days / half))
}

/// What is further down is liked less, and more in the feed.
fn place(seen: &Seen) -> f64 {
    let feed = SURFACES[seen.page.surface] == "feed";
    0.4 * f64::from(u8::from(feed)) - 0.2 * (seen.position as f64).ln()
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
