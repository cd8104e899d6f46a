//! Embeddings of texts: the vectors of a small vocabulary by hand, rows that arrive after the training, and what is wrong
//! with a declaration.

use super::random::Random;
use super::train::{open, program, run, trained, vectors_of};
use igql::{Engine, Request};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const CATALOG: &str = r#"
[catalog]
viewer = "user"
[entity.user]
key = "user_id"
[entity.post]
table = "posts.csv"
key = "post_id"
time = "made"
[entity.post.columns]
tags = { type = "list[string]", separator = "|" }
made = { type = "time" }
[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
time = "at"
[defaults]
now = "latest"
"#;

/// A post: its key, title and tags.
type Post<'a> = (&'a str, &'a str, &'a str);

const POSTS: [Post; 7] = [
    ("p0", "Jazz piano", "jazz|live"),
    ("p1", "Jazz guitar solo", "jazz"),
    ("p2", "rock Guitar", "rock|loud"),
    ("p3", "", ""),
    ("p4", "Rock rock ROCK", "loud"),
    ("p5", "unheard of", ""),
    ("p6", "live piano; live guitar", "live|loud"),
];

const SPACE: &str = "embedding about on post = tfidf(columns=[title, tags], dim=16)\n";

fn write_posts(folder: &Path, posts: &[Post]) {
    let line = |(key, title, tags): &Post| format!("{key},{title},{tags},2024-01-01T00:00:00Z,7\n");
    let lines: String = posts.iter().map(line).collect();
    fs::write(folder.join("posts.csv"), format!("post_id,title,tags,made,length\n{lines}"))
        .unwrap();
}

fn world_of(posts: &[Post]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("catalog.toml"), CATALOG).unwrap();
    write_posts(folder.path(), posts);
    let likes = "user_id,post_id,at\n1,p0,2024-02-01T12:00:00Z\n2,p2,2024-02-02T12:00:00Z\n";
    fs::write(folder.path().join("likes.csv"), likes).unwrap();
    folder
}

fn world() -> tempfile::TempDir {
    world_of(&POSTS)
}

fn weights(folder: &Path, n: u32) -> PathBuf {
    folder.join(format!(".igql/learned/embedding/post/about/{n}/weights.safetensors"))
}

/// The words of a post, in small letters.
fn words(&(_, title, tags): &Post) -> Vec<String> {
    let text = format!("{title} {tags}").to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// The terms that at least two posts have, in the order of bytes, with their inverse document frequencies.
fn vocabulary(posts: &[Post]) -> Vec<(String, f64)> {
    let of_posts: Vec<Vec<String>> = posts.iter().map(words).collect();
    let all = of_posts.iter().filter(|words| !words.is_empty()).count() as f64;
    let terms: BTreeSet<&String> = of_posts.iter().flatten().collect();
    let found = terms.into_iter().map(|term| {
        let n = of_posts.iter().filter(|words| words.contains(term)).count() as f64;
        (term.clone(), n, ((1.0 + all) / (1.0 + n)).ln() + 1.0)
    });
    found.filter(|(_, n, _)| *n >= 2.0).map(|(term, _, idf)| (term, idf)).collect()
}

/// The weights of the terms of a post, of length 1.
fn weighed(vocabulary: &[(String, f64)], post: &Post) -> Option<Vec<f64>> {
    let words = words(post);
    let weight = |(term, idf): &(String, f64)| {
        let times = words.iter().filter(|word| *word == term).count() as f64;
        if times > 0.0 { (1.0 + times.ln()) * idf } else { 0.0 }
    };
    let weights: Vec<f64> = vocabulary.iter().map(weight).collect();
    let length = weights.iter().map(|x| x * x).sum::<f64>().sqrt();
    (length > 0.0).then(|| weights.iter().map(|x| x / length).collect())
}

fn assert_weights(
    found: &BTreeMap<String, Vec<f32>>,
    vocabulary: &[(String, f64)],
    posts: &[Post],
) {
    for post in posts {
        let wanted = weighed(vocabulary, post);
        assert_eq!(found.contains_key(post.0), wanted.is_some(), "{}", post.0);
        let Some(wanted) = wanted else { continue };
        let vector = &found[post.0];
        for (place, x) in vector.iter().enumerate() {
            let wanted = wanted.get(place).copied().unwrap_or(0.0);
            assert!((f64::from(*x) - wanted).abs() < 1e-6, "{}: {vector:?} {wanted:?}", post.0);
        }
    }
}

fn rows(engine: &Engine, page: &str) -> Vec<(String, f64)> {
    let answer = engine.run(&engine.compile(page).unwrap(), &Request::user(1)).unwrap();
    answer.rows().iter().map(|row| (row.key().to_string(), row.score())).collect()
}

#[test]
fn vectors_are_the_weights_of_terms() {
    let world = world();
    let page = format!("{SPACE}user.walk(likes).nn(about, k=9).take(9)\n");
    program(world.path(), &page);
    let report = trained(world.path(), &[]);
    let version = &report["items"][0]["version"];
    let counts = serde_json::json!({ "rows": 6, "terms": 6, "vectors": 5 });
    assert_eq!((&version["counts"], &version["space"]["metric"]), (&counts, &"cosine".into()));
    let engine = open(world.path());
    let vectors = vectors_of(&engine, "about@1", "post");
    let vocabulary = vocabulary(&POSTS);
    let terms: Vec<&str> = vocabulary.iter().map(|(term, _)| term.as_str()).collect();
    assert_eq!(terms, ["guitar", "jazz", "live", "loud", "piano", "rock"]);
    assert_weights(&vectors, &vocabulary, &POSTS);
    // neighbours of what user 1 likes
    let own = weighed(&vocabulary, &POSTS[0]).unwrap();
    let mut wanted: Vec<(f64, &str)> = Vec::new();
    for post in POSTS.iter().filter(|post| post.0 != "p0") {
        if let Some(other) = weighed(&vocabulary, post) {
            wanted.push((own.iter().zip(&other).map(|(a, b)| a * b).sum(), post.0));
        }
    }
    wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let found = rows(&engine, &page);
    assert_eq!(found.len(), 4);
    for ((key, score), (cosine, of)) in found.iter().zip(&wanted).take(2) {
        assert!(key == of && (score - cosine).abs() < 1e-6, "{key} {score} {of} {cosine}");
    }
}

#[test]
fn a_row_that_arrives_is_folded_in() {
    let world = world();
    program(world.path(), SPACE);
    trained(world.path(), &[]);
    let old = vectors_of(&open(world.path()), "about@1", "post");
    // rows are gone and have moved; one has got a text, others are new
    let later = [
        ("p9", "a jazz PIANO and nobody knows the rest", "jazz"),
        ("p8", "Jazz piano", "live|jazz"),
        ("p7", "nothing known", ""),
        ("p6", "live piano; live guitar", "live|loud"),
        ("p3", "loud", ""),
        ("p1", "its text is another now", ""),
        ("p0", "Jazz piano", "jazz|live"),
    ];
    write_posts(world.path(), &later);
    fs::write(world.path().join("likes.csv"), "user_id,post_id,at\n1,p0,2024-02-01T12:00:00Z\n")
        .unwrap();
    let engine = open(world.path());
    let vectors = vectors_of(&engine, "about@1", "post");
    // what was stored stays, whatever became of the text
    for key in ["p0", "p1", "p6"] {
        assert_eq!(vectors[key], old[key], "{key}");
    }
    let vocabulary = vocabulary(&POSTS);
    let new: Vec<Post> = later.iter().filter(|post| !old.contains_key(post.0)).copied().collect();
    assert_weights(&vectors, &vocabulary, &new);
    assert_eq!(vectors.keys().collect::<Vec<_>>(), ["p0", "p1", "p3", "p6", "p8", "p9"]);
    // bit by bit what the training found for the same words
    assert_eq!(vectors["p8"], vectors["p0"]);
    let page = format!("{SPACE}user.walk(likes).nn(about, k=9).take(1)\n");
    let found = rows(&engine, &page);
    assert!(found[0].0 == "p8" && (found[0].1 - 1.0).abs() < 1e-6, "{found:?}");
}

/// Posts of many words, so that their vectors are projected.
fn many(posts: usize) -> Vec<(String, String)> {
    let mut random = Random(5);
    let mut word = |topic: usize| format!("w{}", topic * 20 + (random.unit() * 24.0) as usize);
    let post = |number: usize| {
        let title: Vec<String> = (0..12).map(|_| word(number % 5)).collect();
        (format!("m{number:03}"), title.join(" "))
    };
    (0..posts).map(post).collect()
}

fn borrowed(posts: &[(String, String)]) -> Vec<Post<'_>> {
    posts.iter().map(|(key, title)| (key.as_str(), title.as_str(), "")).collect()
}

fn liking(world: &Path) {
    fs::write(world.join("likes.csv"), "user_id,post_id,at\n1,m000,2024-02-01T12:00:00Z\n")
        .unwrap();
}

#[test]
fn projected_vectors_are_the_same_bytes_on_any_threads_and_for_rows_that_arrive() {
    let posts = many(200);
    let world = world_of(&borrowed(&posts));
    liking(world.path());
    program(world.path(), &SPACE.replace("dim=16", "dim=8"));
    for threads in ["1", "2", "4"] {
        trained(world.path(), &["--again", "--threads", threads]);
    }
    let bytes = |n: u32| fs::read(weights(world.path(), n)).unwrap();
    assert!(bytes(1) == bytes(2) && bytes(2) == bytes(3));
    let old = vectors_of(&open(world.path()), "about@3", "post");
    assert_eq!(old.len(), 200);
    let twins: Vec<(String, String)> =
        posts.iter().map(|(key, title)| (key.replace('m', "t"), title.clone())).collect();
    write_posts(world.path(), &[borrowed(&twins), borrowed(&posts)].concat());
    let vectors = vectors_of(&open(world.path()), "about@3", "post");
    for (key, _) in &posts {
        assert_eq!((&vectors[key], &vectors[&key.replace('m', "t")]), (&old[key], &old[key]));
    }
    // posts of a topic are near
    let mean = |step: usize| {
        let cosine = |i: usize| {
            let [a, b] = [i, i + step].map(|i| &old[&posts[i].0]);
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        (0..100).map(cosine).sum::<f32>() / 100.0
    };
    assert!(mean(5) > mean(7) + 0.3, "{} {}", mean(5), mean(7));
}

#[test]
fn rows_of_after_the_end_are_not_read() {
    let world = world();
    program(world.path(), SPACE);
    let posts = fs::read_to_string(world.path().join("posts.csv")).unwrap();
    let late = "p7,solo rock solo,solo,2024-02-02T18:00:00Z,7\n";
    fs::write(world.path().join("posts.csv"), format!("{posts}{late}")).unwrap();
    trained(world.path(), &["--until", "2024-02-02T15:00:00Z", "--learned", "past"]);
    // what it is now in the place of what it was then would know `solo`
    let past = world.path().join("past/embedding/post/about/1/weights.safetensors");
    let twin = self::world();
    program(twin.path(), SPACE);
    trained(twin.path(), &[]);
    assert!(fs::read(past).unwrap() == fs::read(weights(twin.path(), 1)).unwrap());
}

#[test]
fn a_version_is_known_by_its_columns_and_numbers() {
    let world = world();
    program(world.path(), SPACE);
    trained(world.path(), &[]);
    let stale = |declared: &str| {
        program(world.path(), &format!("embedding about on post = {declared}\n"));
        let item = trained(world.path(), &["--dry-run"])["items"][0].clone();
        (item["stale"].clone(), item["declaration"].as_str().unwrap().to_owned())
    };
    let (same, text) = stale("tfidf([tags, title], seed=0, max_age=3d,\n    min_df=2, dim=16)");
    assert_eq!(same, Json::Null);
    assert_eq!(text, "tfidf(columns=[tags, title], dim=16, min_df=2, max_terms=200000, seed=0)");
    let changed = Json::from("the declaration has changed");
    assert_eq!(stale("tfidf([title], dim=16)").0, changed);
    assert_eq!(stale("tfidf([title, tags], dim=17)").0, changed);
    let page = "embedding about on post = tfidf([title], dim=16)\nuser.walk(likes).nn(about)\n";
    let drawn = open(world.path()).compile(page).map(drop).unwrap_err().to_string();
    assert!(
        drawn.contains("E0502")
            && drawn.contains("`columns=[tags, title]` is now `columns=[title]`")
    );
}

#[test]
fn what_is_wrong_with_an_embedding_of_texts_is_said() {
    let world = world();
    for (text, code, says) in [
        ("on post = tfidf(columns=[titel])", "E0203", "did you mean `title`?"),
        ("on post = tfidf(columns=[length])", "E0302", "`length` is int"),
        ("on post = tfidf(columns=[post_id])", "E0302", "`title`, `tags`"),
        ("on post = tfidf(columns=title)", "E0302", "write `columns=[title]`"),
        ("on post = tfidf(columns=[\"title\"])", "E0302", "name of a column"),
        ("on post = tfidf(columns=[])", "E0303", "no column"),
        ("on post = tfidf()", "E0303", "needs `columns`"),
        ("on post = tfidf(columns=[title, title])", "E0305", "named twice"),
        ("on post = tfidf(columns=[title], dim=0)", "E0306", "in 1..1024"),
        ("on post = tfidf(columns=[title], min_df=0)", "E0306", "at least 1"),
        ("on post = tfidf(columns=[title], metric=dot)", "E0304", "no parameter `metric`"),
        ("on user, post = tfidf(columns=[title])", "E0504", "one entity"),
        ("on user = tfidf(columns=[title])", "E0203", "`user` has no column `title`"),
        ("on post = tfidff(columns=[title])", "E0206", "tfidff"),
    ] {
        program(world.path(), &format!("embedding e {text}\nuser.walk(likes).nn(e)\n"));
        let (status, _, said) = run(world.path(), &["check", "page.igql", "--assume-trained"]);
        assert_eq!(status, Some(1), "{text}");
        assert!(said.contains(code) && said.contains(says), "{code} {says}\n{said}");
    }
    let page = format!("{SPACE}user.walk(likes).nn(about).let(c=cosine(about, about))\n");
    program(world.path(), &page);
    let (status, _, said) = run(world.path(), &["check", "page.igql"]);
    assert!(status == Some(1) && said.contains("E0501"), "{said}");
    let (status, _, said) = run(world.path(), &["check", "page.igql", "--assume-trained"]);
    assert_eq!(status, Some(0), "{said}");
}

#[test]
fn texts_without_a_common_word_give_nothing() {
    let world = world_of(&POSTS[3..4]);
    let page = "user.walk(likes).nn(about)\n";
    fs::write(world.path().join("likes.csv"), "user_id,post_id,at\n1,p3,2024-02-01T12:00:00Z\n")
        .unwrap();
    program(world.path(), &format!("{SPACE}{page}"));
    let report = trained(world.path(), &[]);
    let note = |report: &Json| report["items"][0]["notes"][0].as_str().unwrap().to_owned();
    assert!(note(&report).contains("no row has text in `tags` and `title`"), "{report}");
    assert!(rows(&open(world.path()), &format!("{SPACE}{page}")).is_empty());
    // a version that has vectors is not replaced by one that has none
    write_posts(world.path(), &POSTS);
    let dry = trained(world.path(), &["--dry-run"]);
    assert!(dry["items"][0]["max_bytes"].as_u64().unwrap() > 100, "{dry}");
    trained(world.path(), &[]);
    program(world.path(), &SPACE.replace("dim=16", "dim=16, min_df=7"));
    let (code, out, _) = run(world.path(), &["train", "page.igql", "--format", "json"]);
    assert_eq!(code, Some(3), "{out}");
    assert!(out.contains("no term is in 7 of 6 rows") && out.contains("stays in use"), "{out}");
}

#[test]
fn a_damaged_vocabulary_is_found() {
    let world = world();
    program(world.path(), &format!("{SPACE}user.walk(likes).nn(about, k=9).take(3)\n"));
    trained(world.path(), &[]);
    let path = weights(world.path(), 1);
    let whole = fs::read(&path).unwrap();
    // the terms in another order
    let start = whole.windows(10).position(|bytes| bytes == b"guitarjazz").unwrap();
    let mut other = whole.clone();
    other[start..start + 10].copy_from_slice(b"zuitarjazz");
    for damaged in [&other[..], &whole[..whole.len() / 2]] {
        fs::write(&path, damaged).unwrap();
        let (code, _, said) = run(world.path(), &["run", "page.igql", "--user", "1"]);
        assert!(code == Some(1) && said.contains("E0503"), "{said}");
        let report = trained(world.path(), &["--dry-run"]);
        assert_eq!(report["items"][0]["stale"], "the version cannot be used");
    }
    assert_eq!(trained(world.path(), &[])["items"][0]["version"]["n"], 2);
    let (code, _, said) = run(world.path(), &["run", "page.igql", "--user", "1"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_model_reads_vectors_of_texts() {
    let world = super::models::world();
    let page = "embedding about on post = tfidf(columns=[kind], dim=4)\n\
                model taste on post = linear(vectors=[about], heads={p_click: clicked == 1}, upstream=latest)\n\
                all(post).rank(taste).take(3)\n";
    program(world.path(), page);
    let report = trained(world.path(), &[]);
    let names: Vec<&str> =
        report["items"].as_array().unwrap().iter().map(|i| i["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["about", "taste"]);
    let upstream = &report["items"][1]["version"]["upstream"];
    assert_eq!(*upstream, serde_json::json!(["embedding about@1"]));
    let engine = open(world.path());
    assert_eq!(vectors_of(&engine, "about@1", "post").len(), 90);
    assert_eq!(rows(&engine, page).len(), 3);
}
