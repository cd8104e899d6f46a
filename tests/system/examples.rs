//! Training tables against a second implementation, which looks at every row of every table for each example: what an
//! example sees, its labels, its part.

use super::random::Random;
use igql::check::Trained;
use igql::train::examples::{Block, Part, Table, TableError, alarms};
use igql::{Engine, Unit};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::sync::Arc;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
const USERS: usize = 12;
const AUTHORS: usize = 5;
const POSTS: usize = 25;
/// Links before it are seen: those after it have to make no difference.
const UNTIL: i64 = 19 * DAY;

const CATALOG: &str = r#"
[catalog]
viewer = "user"
[entity.user]
table = "users.csv"
key = "user_id"
time = "joined"
[entity.author]
key = "author_id"
[entity.post]
table = "posts.csv"
key = "post_id"
time = "created"
[entity.post.references]
author = { entity = "author", column = "author_id" }
[edge.impressions]
table = "impressions.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
time = "at"
[edge.impressions.columns]
clicked = { type = "bool" }
[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
time = "at"
[edge.plain]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
[edge.follows]
table = "follows.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "author", column = "author_id" }
time = "at"
[defaults]
impressions = "impressions"
now = "latest"
"#;

#[derive(Clone, Copy)]
struct Impression {
    user: usize,
    post: usize,
    at: Option<i64>,
    clicked: Option<bool>,
    dwell: Option<f64>,
    device: usize,
    position: i64,
}

/// From whom, to what, when.
type Link = (usize, usize, Option<i64>);

struct World {
    folder: tempfile::TempDir,
    joined: Vec<Option<i64>>,
    created: Vec<Option<i64>>,
    author: Vec<Option<usize>>,
    kind: Vec<&'static str>,
    impressions: Vec<Impression>,
    likes: Vec<Link>,
    follows: Vec<Link>,
}

fn world(seed: u64) -> World {
    let mut random = Random(seed);
    // times are few, so that many are equal
    let time = |random: &mut Random| (10 * 24 + random.below(240) as i64) / 3 * 3 * HOUR;
    let rarely = |random: &mut Random| (random.below(15) > 0).then(|| time(random));
    let old = |random: &mut Random| match random.below(4) {
        0 => None,
        1 => Some(time(random)),
        _ => Some(random.below(240) as i64 * HOUR),
    };
    let joined = (0..USERS).map(|_| old(&mut random)).collect();
    let created = (0..POSTS).map(|_| old(&mut random)).collect();
    let author = (0..POSTS).map(|_| (random.below(8) > 0).then(|| random.below(AUTHORS))).collect();
    let kind = (0..POSTS).map(|_| ["video", "photo", "text"][random.below(3)]).collect();
    let impressions = (0..700)
        .map(|_| Impression {
            user: random.below(USERS).min(random.below(USERS)),
            post: random.below(POSTS),
            at: rarely(&mut random),
            clicked: [Some(true), Some(false), Some(false), None][random.below(4)],
            dwell: (random.below(5) > 0).then(|| random.below(40) as f64 / 4.0),
            device: random.below(3),
            position: random.below(80) as i64,
        })
        .collect();
    let likes =
        (0..350).map(|_| (random.below(USERS), random.below(POSTS), rarely(&mut random))).collect();
    let follows = (0..120)
        .map(|_| (random.below(USERS), random.below(AUTHORS), rarely(&mut random)))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let world = World { folder, joined, created, author, kind, impressions, likes, follows };
    world.write();
    world
}

/// A time as ISO text; all are within January 1970.
fn iso(us: Option<i64>) -> String {
    let Some(us) = us else { return String::new() };
    format!("1970-01-{:02}T{:02}:00:00Z", us / DAY + 1, us % DAY / HOUR)
}

fn or_empty<T: ToString>(value: Option<T>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

impl World {
    fn write(&self) {
        let write =
            |name: &str, text: String| fs::write(self.folder.path().join(name), text).unwrap();
        write("catalog.toml", CATALOG.to_owned());
        let mut users = "user_id,joined\n".to_owned();
        for (user, joined) in self.joined.iter().enumerate() {
            let _ = writeln!(users, "{user},{}", iso(*joined));
        }
        write("users.csv", users);
        let mut posts = "post_id,created,author_id,kind\n".to_owned();
        for post in 0..POSTS {
            let (created, author) = (iso(self.created[post]), or_empty(self.author[post]));
            let _ = writeln!(posts, "{post},{created},{author},{}", self.kind[post]);
        }
        write("posts.csv", posts);
        let mut impressions = "user_id,post_id,at,clicked,dwell,device,position\n".to_owned();
        for i in &self.impressions {
            let (at, clicked, dwell) = (iso(i.at), or_empty(i.clicked), or_empty(i.dwell));
            let _ = writeln!(
                impressions,
                "{},{},{at},{clicked},{dwell},d{},{}",
                i.user, i.post, i.device, i.position
            );
        }
        write("impressions.csv", impressions);
        let links = |name: &str, links: &[Link]| {
            let mut text = format!("user_id,{name},at\n");
            for (from, to, at) in links {
                let _ = writeln!(text, "{from},{to},{}", iso(*at));
            }
            text
        };
        write("likes.csv", links("post_id", &self.likes));
        write("follows.csv", links("author_id", &self.follows));
    }

    fn open(&self) -> Engine {
        Engine::open(self.folder.path()).unwrap()
    }
}

/// The only trained model of a program without errors.
fn model(engine: &Engine, text: &str) -> Arc<Trained> {
    let compiled = engine.compile_unit(&Unit::new("models", text));
    let errors: Vec<String> = compiled
        .diagnostics
        .iter()
        .filter(|d| d.code.id.starts_with('E'))
        .map(|d| format!("{} {} {:?}", d.code.id, d.message, d.help))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(compiled.trained.len(), 1);
    compiled.trained[0].clone()
}

const MODEL: &str = r#"
edge touched = likes | impressions
edge clicks = impressions where clicked
model m on post = mtml(
    dense={
        age: created,
        since: age(created),
        hour: hour(now),
        shown: count(~impressions(it)),
        shown_lately: count(~impressions(it), within=2d),
        clicks: count(~clicks(it)),
        clicked: count(~impressions(it), where=clicked),
        mine: count(impressions(viewer)),
        mine_lately: count(impressions(viewer), within=1d),
        again: count(impressions(viewer, it)),
        liked: exists(likes(viewer, it)),
        liked_lately: exists(likes(viewer, it), within=3d),
        dwell: sum(impressions(viewer), dwell),
        dwell_lately: sum(~impressions(it), dwell, within=3d),
        mean_dwell: mean(~impressions(it), dwell),
        longest: max(impressions(viewer), dwell),
        longest_lately: max(impressions(viewer), dwell, within=2d),
        last: max(impressions(viewer), time),
        never: none_of(~impressions(it), clicked),
        all: all_of(impressions(viewer), clicked),
        same_kind: count(impressions(viewer), where=to.kind == kind),
        same_kind_clicked: count(impressions(viewer), within=5d, where=clicked and to.kind == kind),
        recent: sum(impressions(viewer), decay(time, 1d)),
        recent_clicks: sum(~impressions(it), (1.0 if clicked else 0.0) * decay(time, 12h)),
        of_author: count(~likes.author(author)),
        my_author: count(likes.author(viewer, author)),
        touched: count(~touched(it)),
        positions: sum(impressions(viewer), position),
        followed: exists(follows(viewer, author)),
        phone: 1 if device == "d1" else 0
    },
    sparse={author: author, kind: kind, last_likes: history(likes, 3), place: hashed(it, 7), listed: history(plain, 4)},
    context={device: device},
    shown=[position],
    example_weight=dwell,
    weight_clip=5.0,
    heads={p_click: clicked, p_like: likes, p_follow: follows.via(author), seconds: value(dwell), share: soft(dwell / 10.0)},
    label_window=6h,
    validation=0.2,
    test=0.2
)
"#;

/// One example, by its place among the impressions.
#[derive(Clone, Copy)]
struct Example {
    place: usize,
    at: i64,
}

impl World {
    /// Examples in the order of time, then of the file.
    fn examples(&self) -> Vec<Example> {
        let mut found: Vec<Example> = Vec::new();
        for (place, i) in self.impressions.iter().enumerate() {
            let visible = self.created[i.post].is_none_or(|created| created < UNTIL);
            if let Some(at) = i.at.filter(|at| *at < UNTIL && visible) {
                found.push(Example { place, at });
            }
        }
        found.sort_by_key(|e| (e.at, e.place));
        found
    }

    /// What the features of an example are, in their order.
    fn dense(&self, example: Example) -> Vec<Option<f64>> {
        let Example { place, at: now } = example;
        let Impression { user, post, device, .. } = self.impressions[place];
        let before = |at: Option<i64>| at.is_none_or(|at| at < now);
        let lately = |at: Option<i64>, within: i64| at.is_some_and(|at| now - at <= within);
        // the example's own ends are visible
        let sees_post = |p: usize| p == post || before(self.created[p]);
        let sees_user = |u: usize| u == user || before(self.joined[u]);
        let impressions = || self.impressions.iter().filter(move |i| before(i.at));
        let to_post: Vec<&Impression> =
            impressions().filter(|i| i.post == post && sees_user(i.user)).collect();
        let mine: Vec<&Impression> =
            impressions().filter(|i| i.user == user && sees_post(i.post)).collect();
        let likes = || self.likes.iter().filter(move |l| before(l.2));
        let my_likes: Vec<&Link> = likes().filter(|l| (l.0, l.1) == (user, post)).collect();
        let clicked = |i: &&&Impression| i.clicked == Some(true);
        let kind = |i: &&&Impression| self.kind[i.post] == self.kind[post];
        let n = |x: usize| Some(x as f64);
        let truth = |x: bool| Some(f64::from(u8::from(x)));
        let sum = |all: &[&Impression]| Some(all.iter().filter_map(|i| i.dwell).sum::<f64>());
        let longest = |all: &[&Impression]| all.iter().filter_map(|i| i.dwell).reduce(f64::max);
        let within = |all: &[&Impression], within: i64| -> Vec<Impression> {
            all.iter().filter(|i| lately(i.at, within)).map(|i| **i).collect()
        };
        let decay =
            |at: Option<i64>, half: i64| at.map(|at| 0.5f64.powf((now - at) as f64 / half as f64));
        let author = self.author[post];
        let to_author = |a: usize| -> Vec<Link> {
            likes().filter(|l| self.author[l.1] == Some(a)).copied().collect()
        };
        // the reference of a post is a link of the time of the post
        let is_there = |l: &&Link| before(self.created[l.1]) && sees_user(l.0);
        let is_mine = |l: &&Link| l.0 == user && sees_post(l.1);
        let (two_days, three_days) = (within(&mine, 2 * DAY), within(&to_post, 3 * DAY));
        let two_days: Vec<&Impression> = two_days.iter().collect();
        let three_days: Vec<&Impression> = three_days.iter().collect();
        let dwells = to_post.iter().filter_map(|i| i.dwell).count();
        let age = self.created[post].map(|created| (now - created) as f64 / 1e6);
        vec![
            age,
            age,
            Some((now / HOUR % 24) as f64),
            n(to_post.len()),
            n(within(&to_post, 2 * DAY).len()),
            n(to_post.iter().filter(clicked).count()),
            n(to_post.iter().filter(clicked).count()),
            n(mine.len()),
            n(within(&mine, DAY).len()),
            n(mine.iter().filter(|i| i.post == post).count()),
            truth(!my_likes.is_empty()),
            truth(my_likes.iter().any(|l| lately(l.2, 3 * DAY))),
            sum(&mine),
            sum(&three_days),
            (dwells > 0).then(|| sum(&to_post).unwrap() / dwells as f64),
            longest(&mine),
            longest(&two_days),
            mine.iter().filter_map(|i| i.at).max().map(|last| (now - last) as f64 / 1e6),
            truth(!to_post.iter().any(|i| i.clicked == Some(true))),
            truth(mine.iter().all(|i| i.clicked == Some(true))),
            n(mine.iter().filter(kind).count()),
            n(mine.iter().filter(|i| lately(i.at, 5 * DAY)).filter(clicked).filter(kind).count()),
            Some(mine.iter().filter_map(|i| decay(i.at, DAY)).sum()),
            Some(to_post.iter().filter(clicked).filter_map(|i| decay(i.at, 12 * HOUR)).sum()),
            n(author.map_or(0, |a| to_author(a).iter().filter(is_there).count())),
            n(author.map_or(0, |a| to_author(a).iter().filter(is_mine).count())),
            n(likes().filter(|l| l.1 == post && sees_user(l.0)).count() + to_post.len()),
            Some(mine.iter().map(|i| i.position as f64).sum()),
            truth(author.is_some_and(|a| {
                self.follows.iter().any(|f| (f.0, f.1) == (user, a) && before(f.2))
            })),
            truth(device == 1),
        ]
    }

    /// The newest distinct posts that a user liked, newest first; without times the last listed.
    fn history(&self, example: Example, timed: bool, n: usize) -> Vec<u64> {
        let Impression { user, post, .. } = self.impressions[example.place];
        let before = |at: Option<i64>| at.is_none_or(|at| at < example.at);
        let sees = |p: usize| p == post || before(self.created[p]);
        let mut own: Vec<(usize, &Link)> =
            self.likes.iter().enumerate().filter(|(_, l)| l.0 == user && sees(l.1)).collect();
        if timed {
            own.retain(|(_, l)| before(l.2));
            // null times last, ties as listed
            own.sort_by_key(|(place, l)| (std::cmp::Reverse(l.2.unwrap_or(i64::MIN)), *place));
        } else {
            own.reverse();
            own.retain(|(_, l)| l.1 != post);
        }
        let mut found: Vec<u64> = Vec::new();
        for (_, link) in own {
            if !found.contains(&(link.1 as u64)) && found.len() < n {
                found.push(link.1 as u64);
            }
        }
        found
    }

    /// Where validation and test begin.
    fn bounds(examples: &[Example]) -> [usize; 2] {
        let n = examples.len();
        let share = (0.2 * n as f64).round_ties_even() as usize;
        [n - 2 * share, n - share].map(|mut bound| {
            while bound > 0 && examples[bound - 1].at == examples[bound].at {
                bound -= 1;
            }
            bound
        })
    }

    /// Whether a link of a head follows each example; none where that is not known.
    fn followed(&self, examples: &[Example], links: &[Link], author: bool) -> Vec<Option<bool>> {
        let window = 6 * HOUR;
        let target = |e: &Example| {
            let post = self.impressions[e.place].post;
            if author { self.author[post] } else { Some(post) }
        };
        let mut found = vec![false; examples.len()];
        for (user, to, at) in links {
            let Some(at) = at.filter(|at| *at < UNTIL) else { continue };
            if !author && self.created[*to].is_some_and(|created| created >= UNTIL) {
                continue;
            }
            let last = examples.iter().enumerate().rev().find(|(_, e)| {
                self.impressions[e.place].user == *user && target(e) == Some(*to) && e.at <= at
            });
            if let Some((place, example)) = last {
                found[place] |= at <= example.at + window;
            }
        }
        let [validation, test] = World::bounds(examples);
        let known = |(place, found): (usize, bool)| {
            let next = match place {
                place if place >= test => i64::MAX,
                place if place >= validation => examples[test].at,
                _ => examples[validation].at,
            };
            let end = examples[place].at + window;
            (end <= UNTIL && end < next).then_some(found)
        };
        found.into_iter().enumerate().map(known).collect()
    }
}

fn is_near(found: f32, expected: Option<f64>) -> bool {
    match expected {
        None => found.is_nan(),
        Some(expected) => (f64::from(found) - expected).abs() <= 2e-6 * expected.abs().max(1.0),
    }
}

fn blocks<'t>(table: &'t Table<'t>) -> Block<'t> {
    assert_eq!(table.blocks(), 1);
    table.block(0, 0).unwrap()
}

#[test]
fn features_are_those_of_the_strict_past() {
    for seed in 1..=6 {
        let world = world(seed);
        let engine = world.open();
        let model = model(&engine, MODEL);
        let examples = world.examples();
        let table = Table::new(&engine, &model, UNTIL).unwrap();
        let scanning = Table::scanning(&engine, &model, UNTIL).unwrap();
        for (how, table) in [("sums", &table), ("links", &scanning)] {
            let block = blocks(table);
            assert_eq!(block.len(), examples.len());
            let untimed = world.impressions.iter().filter(|i| {
                i.at.is_none() && world.created[i.post].is_none_or(|created| created < UNTIL)
            });
            assert_eq!(table.untimed(), untimed.count() as u64);
            let expected: Vec<Vec<Option<f64>>> =
                examples.iter().map(|e| world.dense(*e)).collect();
            for (feature, dense) in model.inputs.dense.iter().enumerate() {
                let found = block.numbers(feature);
                for (place, example) in examples.iter().enumerate() {
                    let want = expected[place][feature];
                    assert!(
                        is_near(found[place], want),
                        "seed {seed}, {how}, `{}` of example {place} at {}: {} instead of {want:?}",
                        dense.name,
                        example.at,
                        found[place],
                    );
                }
            }
        }
        // what the features of the test need not scan is answered from sums
        let scans: Vec<&str> = table.scans().iter().map(|(name, _)| *name).collect();
        assert_eq!(
            scans,
            ["longest_lately"],
            "links to posts of later are in no order of both times"
        );
    }
}

#[test]
fn keys_lists_shown_and_weights_are_those_of_the_example() {
    for seed in 11..=14 {
        let world = world(seed);
        let engine = world.open();
        let model = model(&engine, MODEL);
        let examples = world.examples();
        let table = Table::new(&engine, &model, UNTIL).unwrap();
        let block = blocks(&table);
        let own = |e: &Example| world.impressions[e.place];
        let authors: Vec<u64> = examples
            .iter()
            .map(|e| world.author[own(e).post].map_or(u64::MAX, |a| a as u64))
            .collect();
        assert_eq!(block.keys(0), (authors, None));
        let (kinds, _) = block.keys(1);
        for (a, b) in (0..examples.len()).zip(1..examples.len()) {
            let same = world.kind[own(&examples[a]).post] == world.kind[own(&examples[b]).post];
            assert_eq!(kinds[a] == kinds[b], same);
        }
        for (sparse, timed, n) in [(2, true, 3), (4, false, 4)] {
            let (keys, offsets) = block.keys(sparse);
            let offsets = offsets.unwrap();
            for (place, example) in examples.iter().enumerate() {
                let found = &keys[offsets[place] as usize..offsets[place + 1] as usize];
                assert_eq!(found, world.history(*example, timed, n), "{sparse} of {place}");
            }
        }
        let (places, _) = block.keys(3);
        assert!(places.iter().all(|&place| place < 7));
        let shown: Vec<u64> = examples.iter().map(|e| own(e).position.min(50) as u64).collect();
        assert_eq!(block.shown(0), shown);
        let weight = |e: &Example| own(e).dwell.unwrap_or(0.0).min(5.0) as f32;
        assert_eq!(block.weights(), examples.iter().map(weight).collect::<Vec<_>>());
    }
}

#[test]
fn labels_follow_and_parts_never_split_a_time() {
    for seed in 21..=28 {
        let world = world(seed);
        let engine = world.open();
        let model = model(&engine, MODEL);
        let examples = world.examples();
        let table = Table::new(&engine, &model, UNTIL).unwrap();
        let block = blocks(&table);
        let own = |e: &Example| world.impressions[e.place];
        let number = |x: Option<bool>| x.map(|x| f64::from(u8::from(x)));
        let expected: [Vec<Option<f64>>; 5] = [
            examples.iter().map(|e| number(own(e).clicked)).collect(),
            world.followed(&examples, &world.likes, false).into_iter().map(number).collect(),
            world.followed(&examples, &world.follows, true).into_iter().map(number).collect(),
            examples.iter().map(|e| own(e).dwell).collect(),
            examples.iter().map(|e| own(e).dwell.map(|d| d / 10.0)).collect(),
        ];
        for (head, expected) in expected.iter().enumerate() {
            let labels = block.labels(head);
            for (place, want) in expected.iter().enumerate() {
                let found = labels[place];
                assert!(
                    is_near(found, *want),
                    "seed {seed}, head {head}, {place}: {found} {want:?}"
                );
            }
        }
        let positives = expected[1].iter().filter(|x| **x == Some(1.0)).count();
        assert!(positives > 5, "the world has links that follow");
        let [validation, test] = World::bounds(&examples);
        let part = |place: usize| match place {
            place if place >= test => Part::Test,
            place if place >= validation => Part::Validation,
            _ => Part::Train,
        };
        assert_eq!(block.parts(), (0..examples.len()).map(part).collect::<Vec<_>>());
    }
}

#[test]
fn parts_of_each_viewer_are_rounded_half_to_even() {
    let world = world(31);
    let engine = world.open();
    let text = "model m on post = mlp(dense=[count(~impressions(it))], heads={p: clicked}, split=viewer, \
                validation=0.1, test=0.25)";
    let table = Table::new(&engine, &model(&engine, text), UNTIL).unwrap();
    let block = blocks(&table);
    let (viewers, parts) = (block.viewers(), block.parts());
    for viewer in 0..USERS as u32 {
        let own: Vec<Part> =
            (0..block.len()).filter(|&i| viewers[i] == viewer).map(|i| parts[i]).collect();
        let share = |share: f64| (share * own.len() as f64).round_ties_even() as usize;
        let (test, validation) = (share(0.25), share(0.1));
        let mut expected = vec![Part::Train; own.len() - test - validation];
        expected.extend(vec![Part::Validation; validation]);
        expected.extend(vec![Part::Test; test]);
        assert_eq!(own, expected, "viewer {viewer}");
    }
}

#[test]
fn the_newest_examples_are_kept() {
    let world = world(32);
    let engine = world.open();
    let text = |most: &str| {
        format!(
            "model m on post = mlp(dense=[count(~impressions(it))], heads={{p: clicked}}{most})"
        )
    };
    let all = Table::new(&engine, &model(&engine, &text("")), UNTIL).unwrap();
    let some = Table::new(&engine, &model(&engine, &text(", max_examples=100")), UNTIL).unwrap();
    let (all, some, left) = (blocks(&all), blocks(&some), some.left_out());
    assert_eq!((some.len(), left as usize), (100, all.len() - 100));
    assert_eq!(some.times(), all.times()[left as usize..]);
    assert_eq!(some.rows(), &all.rows()[left as usize..]);
    // the past of those is still whole
    assert_eq!(some.numbers(0), all.numbers(0)[left as usize..]);
}

#[test]
fn negatives_are_never_what_the_viewer_liked_before() {
    for (seed, sampling) in [(41, "uniform"), (42, "popular(1.0)")] {
        let world = world(seed);
        let engine = world.open();
        let text = format!(
            "model m on post = mlp(dense=[count(~likes(it))], positives=likes, negatives=3, sampling={sampling}, \
             heads={{p_like: likes}}, validation=0.2, test=0.2)"
        );
        let table = Table::new(&engine, &model(&engine, &text), UNTIL).unwrap();
        let [first, again, second] = [0, 0, 1].map(|epoch| table.block(0, epoch).unwrap());
        assert_eq!(first.rows(), again.rows());
        assert_ne!(first.rows(), second.rows(), "negatives of the training part are drawn anew");
        let held_out = |block: &Block| -> Vec<u32> {
            let parts = block.parts();
            let rows = block.rows().iter().zip(parts);
            rows.filter(|(_, part)| *part != Part::Train).map(|(row, _)| *row).collect()
        };
        assert_eq!(held_out(&first), held_out(&second), "those of the others are not");
        let (viewers, times, parts) = (first.viewers(), first.times(), first.parts());
        let labels = first.labels(0);
        let positives: BTreeSet<(u32, u32, Part)> = (0..first.len())
            .filter(|&i| labels[i] == 1.0)
            .map(|i| (viewers[i], first.rows()[i], parts[i]))
            .collect();
        let trained: BTreeSet<u32> =
            positives.iter().filter(|p| p.2 == Part::Train).map(|p| p.1).collect();
        let (mut negatives, mut later) = (0, 0);
        for block in [&first, &second] {
            for i in (0..block.len()).filter(|&i| block.labels(0)[i] == 0.0) {
                let row = block.rows()[i];
                let known = |part| positives.contains(&(block.viewers()[i], row, part));
                let until = block.parts()[i];
                let before = [Part::Train, Part::Validation, Part::Test];
                assert!(before.iter().filter(|p| **p <= until).all(|p| !known(*p)));
                later += usize::from(before.iter().any(|p| *p > until && known(*p)));
                assert!(world.created[row as usize].is_none_or(|c| c <= block.times()[i]));
                assert!(sampling == "uniform" || trained.contains(&row));
                negatives += 1;
            }
        }
        let expected = 2 * 3 * labels.iter().filter(|l| **l == 1.0).count();
        assert!(negatives > expected / 2 && negatives <= expected);
        assert!(later > 0, "what is only liked later is drawn like anything else");
        // features of negatives are as of their positive
        let found = first.numbers(0);
        for i in 0..first.len() {
            let before =
                |l: &&Link| l.1 == first.rows()[i] as usize && l.2.is_none_or(|at| at < times[i]);
            let viewer = viewers[i] as usize;
            let sees = |l: &&Link| {
                l.0 == viewer || world.joined[l.0].is_none_or(|joined| joined < times[i])
            };
            let expected = world.likes.iter().filter(before).filter(sees).count();
            assert_eq!(found[i], expected as f32);
        }
    }
}

fn refused(engine: &Engine, text: &str) -> TableError {
    match Table::new(engine, &model(engine, text), UNTIL) {
        Ok(_) => panic!("nothing is wrong with {text}"),
        Err(error) => error,
    }
}

#[test]
fn what_cannot_be_learned_is_an_error() {
    let world = world(51);
    let engine = world.open();
    let wide = refused(
        &engine,
        "model m on post = mlp(dense=[hour(now)], heads={p: likes}, label_window=9d)",
    );
    assert!(wide.message.contains("`label_window` is 9d"), "{wide}");
    let shares =
        refused(&engine, "model m on post = mlp(dense=[hour(now)], heads={p: soft(dwell)})");
    assert!(shares.message.contains("a probability in 0..1"), "{shares}");
    let constant = refused(
        &engine,
        "model m on post = mlp(dense=[hour(now) + what], context={what: 3}, heads={p: clicked})",
    );
    assert!(constant.message.contains("`what` is the same"), "{constant}");
    let none = Table::new(
        &engine,
        &model(&engine, "model m on post = mlp(dense=[hour(now)], heads={p: clicked})"),
        DAY,
    );
    assert!(none.is_err_and(|error| error.message.contains("no examples")));
}

#[test]
fn planted_leaks_raise_an_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    let mut random = Random(61);
    write("catalog.toml", CATALOG.to_owned());
    let users = (0..20).map(|user| format!("{user},{}\n", iso(Some(0))));
    write("users.csv", format!("user_id,joined\n{}", users.collect::<String>()));
    let (mut posts, mut impressions) =
        ("post_id,created,author_id,kind,told,total,noise\n".to_owned(), String::new());
    impressions += "user_id,post_id,at,clicked,dwell,device,position\n";
    // each post is shown at one time; the counter that is stored knows what came of the old ones alone
    for post in 0..1500 {
        let clicked = random.below(3) == 0;
        let at = (10 * 24 + post / 8) as i64 * HOUR;
        let known = if post < 600 { usize::from(clicked) * 4 } else { random.below(5) };
        let (total, noise) = (known + random.below(3), random.below(100));
        let told = u8::from(clicked);
        let _ = writeln!(posts, "{post},{},1,text,{told},{total},{noise}", iso(Some(0)));
        let user = random.below(20);
        let _ = writeln!(impressions, "{user},{post},{},{clicked},1,d1,1", iso(Some(at)));
    }
    write("posts.csv", posts);
    write("impressions.csv", impressions);
    write("likes.csv", format!("user_id,post_id,at\n1,1,{}\n", iso(Some(DAY))));
    write("follows.csv", format!("user_id,author_id,at\n1,1,{}\n", iso(Some(DAY))));
    let engine = Engine::open(folder.path()).unwrap();
    let text = "model m on post = mlp(dense=[told, total, noise, count(~impressions(it))], heads={p: clicked})";
    let table = Table::new(&engine, &model(&engine, text), i64::MAX).unwrap();
    let found: Vec<(String, bool)> =
        alarms(&table).unwrap().into_iter().map(|a| (a.feature, a.fades.is_some())).collect();
    assert_eq!(found, [("told".to_owned(), false), ("total".to_owned(), true)]);
}

/// The exit code of the command, and what it says.
fn igql(folder: &std::path::Path, args: &[&str]) -> (i32, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_igql"));
    let done = command.current_dir(folder).args(args).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap() + &String::from_utf8(done.stdout).unwrap();
    (done.status.code().unwrap(), said)
}

#[test]
fn the_command_writes_a_table_that_reads_back() {
    let world = world(71);
    let folder = world.folder.path();
    fs::write(folder.join("m.igql"), MODEL).unwrap();
    let (code, said) = igql(folder, &["train", "m.igql", "--dump", "out", "--until", "1970-01-20"]);
    assert_eq!(code, 0, "{said}");
    let examples = world.examples();
    assert!(said.contains(&format!("{} examples before 1970-01-20", examples.len())), "{said}");
    assert!(said.contains("links without a time are no examples"), "{said}");
    let read = tempfile::tempdir().unwrap();
    for name in ["users.csv", "posts.csv", "likes.csv", "follows.csv"] {
        fs::copy(folder.join(name), read.path().join(name)).unwrap();
    }
    let table = folder.join("out/post.m.parquet");
    let catalog = CATALOG.replace("impressions.csv", &table.display().to_string());
    let catalog = catalog.replace(
        "time = \"at\"\n[edge.impressions.columns]\nclicked = { type = \"bool\" }",
        "time = \"time\"",
    );
    fs::write(read.path().join("catalog.toml"), catalog).unwrap();
    let engine = Engine::open(read.path()).unwrap();
    let edge = engine.schema().find_edge("impressions").unwrap();
    let edge = engine.schema().edge(edge);
    assert_eq!(edge.links as usize, examples.len());
    let names: Vec<&str> = edge.columns.iter().map(|column| &*column.name).collect();
    for name in ["part", "shown_lately", "last_likes", "position", "p_like", "weight"] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    let seconds = edge.columns.iter().find(|column| column.name == "seconds").unwrap();
    let unknown = examples.iter().filter(|e| world.impressions[e.place].dwell.is_none()).count();
    assert_eq!(seconds.stats.nulls, unknown as u64);
}

#[test]
fn the_command_says_what_it_cannot_do() {
    let world = world(72);
    let folder = world.folder.path();
    fs::write(folder.join("m.igql"), MODEL).unwrap();
    fs::write(folder.join("none.igql"), "user.walk(likes)\n").unwrap();
    let broken = "model m on post = mlp(dense=[hour(now)], heads={p: likes}, dropout=2.0)\n";
    fs::write(folder.join("broken.igql"), broken).unwrap();
    let used =
        "model m on post = mlp(dense=[hour(now)], heads={p: clicked})\nuser.walk(likes).rank(m)\n";
    fs::write(folder.join("used.igql"), used).unwrap();
    let wide = "model m on post = mlp(dense=[hour(now)], heads={p: likes}, label_window=9d)\n";
    fs::write(folder.join("wide.igql"), wide).unwrap();
    fs::write(folder.join("file"), "").unwrap();
    for (args, code, says) in [
        (&["m.igql", "--only", "final", "--dump", "out"][..], 2, "the files declare m"),
        (&["none.igql", "--dump", "out"], 2, "declare no model"),
        (&["lost.igql", "--dump", "out"], 2, "there is no such file"),
        (&["broken.igql", "--dump", "out"], 1, "E0306"),
        (&["used.igql", "--dump", "out"], 0, "examples before"),
        (&["wide.igql", "--dump", "out"], 3, "wide.igql:1:"),
        (&["m.igql", "--dump", "file"], 2, "--dump file"),
        (&["m.igql", "--dump", "out", "--until", "soon"], 2, "--until soon"),
        (&["m.igql", "--dump", "out", "--until", "1960-01-01"], 3, "there are no examples"),
    ] {
        let (found, said) = igql(folder, &[&["train"], args].concat());
        assert_eq!(found, code, "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
    }
}
