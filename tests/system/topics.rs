//! Classifiers: planted topics are found, what is served is what the stored weights say, and versions outlive the data
//! and the embeddings that they were trained on.

use super::random::Random;
use super::train::{open, program, run, trained, vectors_of};
use igql::{Engine, Request, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const CATALOG: &str = r#"
[catalog]
viewer = "user"
[entity.user]
key = "user_id"
[entity.label]
key = "label_id"
table = "labels.csv"
[entity.post]
table = "posts.csv"
key = "post_id"
[entity.post.references]
label = { entity = "label", column = "label_id" }
[edge.tagged]
table = "tagged.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
time = "at"
weight = "worth"
[edge.filed]
table = "filed.csv"
from = { entity = "post", column = "post_id" }
to = { entity = "label", column = "label_id" }
[edge.knows]
table = "knows.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "label", column = "label_id" }
[defaults]
now = "latest"
"#;

const GENRES: [&str; 4] = ["jazz", "rock", "folk", "polka"];

/// A post: its key, the place of its genre, and its words.
#[derive(Clone)]
struct Post {
    key: String,
    genre: usize,
    title: String,
}

/// A link that names the genre of a post: who, which post, the tag and its weight.
type Tag = (usize, String, &'static str, f64);

fn posts() -> Vec<Post> {
    let mut random = Random(17);
    let post = |number: usize| {
        // few are of the last genre, and one in ten has no words
        let genre = if number % 30 == 7 { 3 } else { number % 3 };
        let word = |_| {
            let topic = if random.unit() < 0.7 { genre } else { random.below(4) };
            format!("w{topic}{}", random.below(9))
        };
        let title: Vec<String> = (0..8).map(word).collect();
        let title = if number % 10 == 4 { String::new() } else { title.join(" ") };
        Post { key: format!("p{number:03}"), genre, title }
    };
    (0..150).map(post).collect()
}

fn tags(posts: &[Post]) -> Vec<Tag> {
    let mut random = Random(29);
    let mut all = Vec::new();
    for post in posts {
        let links = if post.key.ends_with('9') { 2 } else { 3 + random.below(6) };
        for user in 0..links {
            let is_own = random.unit() < 0.7;
            let tag = GENRES[if is_own { post.genre } else { random.below(4) }];
            // whole numbers, so that topics are equal often
            all.push((user, post.key.clone(), tag, 1.0 + random.below(3) as f64));
        }
    }
    all
}

fn write(folder: &Path, posts: &[Post], tags: &[Tag]) {
    let file = |name: &str, text: String| fs::write(folder.join(name), text).unwrap();
    let line = |post: &Post| {
        let Post { key, genre, title } = post;
        format!("{key},{title},{},l-{},{genre},2.5\n", GENRES[*genre], GENRES[*genre])
    };
    let lines: String = posts.iter().map(line).collect();
    file("posts.csv", format!("post_id,title,genre,label_id,shelf,length\n{lines}"));
    let line = |(user, post, tag, weight): &Tag| {
        let level = GENRES.iter().position(|genre| genre == tag).unwrap() * 10;
        format!("{user},{post},{tag},{level},2024-02-01T12:00:00Z,{weight},0.5\n")
    };
    let lines: String = tags.iter().map(line).collect();
    // after the end, which is the catalog's `now`
    let late = format!("1,{},late,90,2099-02-01T12:00:00Z,1000,0.5\n", posts[0].key);
    file("tagged.csv", format!("user_id,post_id,tag,level,at,worth,share\n{lines}{late}"));
    let lines: String = tags.iter().map(|(_, post, tag, _)| format!("{post},l-{tag}\n")).collect();
    file("filed.csv", format!("post_id,label_id\n{lines}"));
    file("labels.csv", "label_id\nl-rock\nl-jazz\nl-polka\nl-folk\n".to_owned());
    file("knows.csv", "user_id,label_id\n1,l-rock\n".to_owned());
}

fn world() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("catalog.toml"), CATALOG).unwrap();
    let posts = posts();
    write(folder.path(), &posts, &tags(&posts));
    folder
}

const SPACE: &str = "embedding about on post = tfidf(columns=[title], dim=8)\n";

fn model(topics: &str) -> String {
    format!("{SPACE}model topics on post = classifier(of=about, {topics})\n")
}

fn page(topics: &str) -> String {
    format!(
        "{}all(post).let(fold=bucket(post_id, \"topics\", 5)).rank(topics, value=p_topic).take(200)\n",
        model(topics)
    )
}

fn weights(folder: &Path, n: u32) -> PathBuf {
    folder.join(format!(".igql/learned/model/post/topics/{n}/weights.safetensors"))
}

fn topic_version(report: &Json) -> &Json {
    let items = report["items"].as_array().unwrap();
    &items.iter().find(|item| item["name"] == "topics").unwrap()["version"]
}

/// Each post's topic and probability, as a program sees them, and its fold.
fn served(engine: &Engine, page: &str) -> BTreeMap<String, (Value, Option<f64>, i64)> {
    let answer = engine.run(&engine.compile(page).unwrap(), &Request::user(1)).unwrap();
    let of = |row: igql::Row| {
        let p = match row.get("p_topic").unwrap() {
            Value::Float(p) => Some(*p),
            Value::Null => None,
            other => panic!("{other:?}"),
        };
        let Some(Value::Int(fold)) = row.get("fold") else { panic!("no fold") };
        (row.key().to_string(), (row.get("topic").unwrap().clone(), p, *fold))
    };
    answer.rows().iter().map(of).collect()
}

/// The arrays of a classifier, and the texts of its classes.
fn arrays(path: &Path) -> (BTreeMap<String, Vec<f32>>, Vec<String>) {
    let bytes = fs::read(path).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let ends = tensors.tensor("key_ends").unwrap().data().to_vec();
    let text = tensors.tensor("key_bytes").unwrap().data().to_vec();
    let mut start = 0;
    let classes = ends.chunks_exact(8).map(|end| {
        let end = u64::from_le_bytes(end.try_into().unwrap()) as usize;
        String::from_utf8(text[std::mem::replace(&mut start, end)..end].to_vec()).unwrap()
    });
    let classes = classes.collect();
    let floats = |data: &[u8]| {
        data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    let found = tensors.tensors().into_iter();
    let found = found.filter(|(_, view)| view.dtype() == safetensors::Dtype::F32);
    (found.map(|(name, view)| (name, floats(view.data()))).collect(), classes)
}

/// The most probable class of a vector, and its probability, from the weights.
fn predicted(arrays: &BTreeMap<String, Vec<f32>>, vector: &[f32]) -> (usize, f64) {
    let of = |name: &str, at: usize| f64::from(arrays[name][at]);
    let dim = vector.len();
    let scaled: Vec<f64> = (0..dim)
        .map(|at| match of("deviation", at) {
            0.0 => 0.0,
            deviation => (f64::from(vector[at]) - of("mean", at)) / deviation,
        })
        .collect();
    let logit = |class: usize| {
        let dot: f64 = (0..dim).map(|at| scaled[at] * of("weights", class * dim + at)).sum();
        dot + of("bias", class)
    };
    let logits: Vec<f64> = (0..arrays["bias"].len()).map(logit).collect();
    let best = (0..logits.len()).fold(0, |a, b| if logits[b] > logits[a] { b } else { a });
    let sum: f64 = logits.iter().map(|logit| (logit - logits[best]).exp()).sum();
    (best, 1.0 / sum)
}

/// The tag of largest weight of each post that has enough, the first of equal ones.
fn strongest(tags: &[Tag], least: usize, weighted: bool) -> BTreeMap<String, &'static str> {
    let mut sums: BTreeMap<&str, (usize, BTreeMap<&'static str, f64>)> = BTreeMap::new();
    for (_, post, tag, weight) in tags {
        let of = sums.entry(post).or_default();
        of.0 += 1;
        *of.1.entry(tag).or_default() += if weighted { *weight } else { 1.0 };
    }
    let enough = sums.into_iter().filter(|(_, (links, _))| *links >= least);
    let best = |tags: BTreeMap<&'static str, f64>| {
        let most = tags.values().fold(0.0, |a: f64, b| a.max(*b));
        tags.into_iter().find(|(_, weight)| *weight == most).unwrap().0
    };
    enough.map(|(post, (_, tags))| (post.to_owned(), best(tags))).collect()
}

/// The topics of most posts, and how many posts of these have a vector.
fn kept(
    found: &BTreeMap<String, &'static str>,
    top: usize,
    vectors: &BTreeMap<String, Vec<f32>>,
) -> (Vec<&'static str>, BTreeMap<String, &'static str>) {
    let mut counts: BTreeMap<&'static str, i64> = BTreeMap::new();
    found.values().for_each(|tag| *counts.entry(tag).or_default() += 1);
    let mut all: Vec<(&'static str, i64)> = counts.into_iter().collect();
    all.sort_by_key(|(tag, count)| (-count, *tag));
    let classes: Vec<&str> = all.into_iter().take(top).map(|(tag, _)| tag).collect();
    let is_kept =
        |(key, tag): &(&String, &&str)| classes.contains(*tag) && vectors.contains_key(*key);
    let rows = found.iter().filter(is_kept).map(|(key, tag)| (key.clone(), *tag)).collect();
    (classes, rows)
}

/// The mean over folds of the share of the topic that is the most frequent one outside of the fold.
fn majority(
    rows: &BTreeMap<String, &'static str>,
    fold: impl Fn(&str) -> i64,
    classes: &[&str],
) -> f64 {
    let share = |number: i64| {
        let inside = |key: &String| fold(key) == number;
        let count =
            |class: &str| rows.iter().filter(|(k, tag)| !inside(k) && **tag == class).count();
        let most = classes.iter().map(|class| count(class)).max().unwrap();
        let guess = classes.iter().find(|class| count(class) == most).unwrap();
        let own: Vec<&&str> = rows.iter().filter(|(k, _)| inside(k)).map(|(_, tag)| tag).collect();
        own.iter().filter(|tag| **tag == guess).count() as f64 / own.len() as f64
    };
    (0..5).map(share).sum::<f64>() / 5.0
}

#[test]
fn topics_are_those_of_most_weight_and_predicted_from_the_weights() {
    let world = world();
    let page = page("topics=tagged.tag, top=3, min_links=4");
    program(world.path(), &page);
    let report = trained(world.path(), &[]);
    let version = topic_version(&report);
    assert_eq!(version["upstream"], serde_json::json!(["embedding about@1"]));
    let engine = open(world.path());
    let vectors = vectors_of(&engine, "about@1", "post");
    let found = strongest(&tags(&posts()), 4, true);
    let (classes, rows) = kept(&found, 3, &vectors);
    let counts = serde_json::json!({ "rows": rows.len(), "classes": 3 });
    assert_eq!(version["counts"], counts);
    let (arrays, stored) = arrays(&weights(world.path(), 1));
    assert_eq!(stored, classes);
    let served = served(&engine, &page);
    assert_eq!(served.len(), 150);
    for (key, (topic, p, _)) in &served {
        let Some(vector) = vectors.get(key) else {
            assert_eq!((topic, p), (&Value::Null, &None), "{key}");
            continue;
        };
        let (class, wanted) = predicted(&arrays, vector);
        assert_eq!(*topic, Value::Str(classes[class].to_owned()), "{key}");
        assert!((p.unwrap() - wanted).abs() < 1e-6, "{key}: {p:?} {wanted}");
    }
    // folds are those of the language, and rows those above: the share of a guess says so
    let wanted = majority(&rows, |key| served[key].2, &classes);
    let metric = |name: &str| version["metrics"][name].as_f64().unwrap();
    assert!((metric("majority") - wanted).abs() < 1e-12, "{} {wanted}", metric("majority"));
    assert!(metric("accuracy") > metric("majority") + 0.2, "{version}");
    assert!(metric("top3") == 1.0 && metric("macro_f1") > 0.5 && metric("log_loss") < 1.1);
    let answer = engine.run(&engine.compile(&page).unwrap(), &Request::user(1)).unwrap();
    assert_eq!(answer.versions, ["about@1", "topics@1"]);
}

#[test]
fn a_topic_is_a_column_of_the_row_or_of_links_or_an_end() {
    let world = world();
    let planted: BTreeMap<String, usize> =
        posts().into_iter().map(|post| (post.key, post.genre)).collect();
    let label = |genre: usize| Value::Id(igql::Key::Str(format!("l-{}", GENRES[genre])));
    let name = |genre: usize| Value::Str(GENRES[genre].to_owned());
    let cases: [(&str, &dyn Fn(usize) -> Value); 7] = [
        ("topics=genre, top=3", &name),
        ("topics=label, top=3, l2=0.1", &label),
        ("topics=label_id, top=3", &label),
        ("topics=shelf, top=3", &|genre| Value::Int(genre as i64)),
        ("topics=filed, top=3", &label),
        ("topics=tagged.level, top=3, min_links=3", &|genre| Value::Int(genre as i64 * 10)),
        ("topics=(~tagged).tag, top=3", &name),
    ];
    for (place, (topics, value)) in cases.into_iter().enumerate() {
        let page = page(topics);
        program(world.path(), &page);
        let report = trained(world.path(), &[]);
        assert_eq!(topic_version(&report)["n"], place + 1, "{topics}");
        let served = served(&open(world.path()), &page);
        let known = served.iter().filter(|(_, (_, p, _))| p.is_some());
        let right = known.clone().filter(|(key, (topic, ..))| *topic == value(planted[*key]));
        let share = right.count() as f64 / known.count() as f64;
        assert!(share > 0.75, "{topics}: {share}");
    }
}

#[test]
fn heads_are_columns_of_their_types() {
    let world = world();
    let declared = model("topics=genre, top=3");
    program(world.path(), &declared);
    trained(world.path(), &[]);
    let engine = open(world.path());
    let keys = |rest: &str| {
        let page = format!("{declared}{rest}\n");
        let answer = engine.run(&engine.compile(&page).unwrap(), &Request::user(1)).unwrap();
        let keys = answer.rows().iter().map(|row| row.key().to_string());
        keys.collect::<std::collections::BTreeSet<_>>()
    };
    let all = keys("all(post).rank(topics, value=p_topic).take(200)");
    let jazz = keys("all(post).rank(topics, value=p_topic).filter(topic == \"jazz\").take(200)");
    let other = keys("all(post).rank(topics, value=p_topic).filter(topic != \"jazz\").take(200)");
    let none = keys("all(post).rank(topics, value=p_topic).filter(topic is null).take(200)");
    assert!(jazz.len() > 20 && none.len() == 15, "{} {}", jazz.len(), none.len());
    assert_eq!(jazz.len() + other.len() + none.len(), all.len());
    let sure = keys("all(post).rank(topics, value=p_topic).filter(p_topic > 0.9).take(200)");
    assert!(!sure.is_empty() && sure.len() < all.len());
    let groups = "all(post).rank(topics, value=p_topic).take(2, per=topic)";
    assert!((6..=23).contains(&keys(groups).len()), "{:?}", keys(groups));
    // it has no score of its own
    let page = format!("{declared}all(post).rank(topics).take(3)\n");
    let drawn = engine.compile(&page).map(drop).unwrap_err().to_string();
    assert!(drawn.contains("E0303") && drawn.contains("value=p_topic)"), "{drawn}");
    let page = format!("{declared}all(post).rank(topics, value=topic).take(3)\n");
    let drawn = engine.compile(&page).map(drop).unwrap_err().to_string();
    assert!(drawn.contains("E0302") && drawn.contains("not string"), "{drawn}");
}

#[test]
fn a_version_reads_the_vectors_that_it_was_trained_on() {
    let world = world();
    let page = page("topics=genre, top=3");
    program(world.path(), &page);
    trained(world.path(), &[]);
    let before = served(&open(world.path()), &page);
    // the words of the posts are others: in the new space numbers mean something else
    let turned: Vec<Post> = posts()
        .into_iter()
        .map(|post| Post { title: post.title.replace("w0", "x0 w1"), ..post })
        .collect();
    write(world.path(), &turned, &tags(&turned));
    trained(world.path(), &["--only", "about"]);
    assert_eq!(served(&open(world.path()), &page), before);
    let stale = |report: &Json| report["items"][1]["stale"].clone();
    assert_eq!(stale(&trained(world.path(), &["--dry-run"])), "the data has changed");
    trained(world.path(), &["--only", "topics"]);
    // by the embedding alone, too
    trained(world.path(), &["--only", "about", "--again"]);
    let report = trained(world.path(), &["--dry-run"]);
    assert_eq!(stale(&report), "what it is learned from is newer");
    let report = trained(world.path(), &[]);
    assert_eq!(topic_version(&report)["upstream"], serde_json::json!(["embedding about@3"]));
    // both in one go, in the order of what reads what
    let again = trained(world.path(), &["--again"]);
    assert_eq!(again["items"][0]["name"], "about");
    assert_eq!(topic_version(&again)["upstream"], serde_json::json!(["embedding about@4"]));
    // what it reads is kept as long as it is
    trained(world.path(), &["--only", "about", "--again"]);
    let (_, removed, _) = run(world.path(), &["train", "--prune", "1"]);
    assert!(removed.contains("about@3") && !removed.contains("about@4"), "{removed}");
    assert_eq!(run(world.path(), &["run", "page.igql", "--user", "1"]).0, Some(0));
    // without its vectors it cannot be used, and is trained again
    fs::remove_dir_all(world.path().join(".igql/learned/embedding/post/about/4")).unwrap();
    let (code, _, said) = run(world.path(), &["run", "page.igql", "--user", "1"]);
    assert!(code == Some(1) && said.contains("E0503") && said.contains("about@4"), "{said}");
    assert_eq!(stale(&trained(world.path(), &["--dry-run"])), "the version cannot be used");
}

#[test]
fn a_version_outlives_its_snapshot() {
    let world = world();
    let text = page("topics=genre, top=3");
    let ids = text.replace("topics=genre", "topics=label").replace("topics on", "labels on");
    let ids = ids.replace("rank(topics", "rank(labels");
    for page in [&text, &ids] {
        program(world.path(), page);
        trained(world.path(), &[]);
    }
    let engine = open(world.path());
    let before = [&text, &ids].map(|page| served(&engine, page));
    // the other way round, some gone, others new; one topic is nowhere any more
    let mut later: Vec<Post> = posts().into_iter().rev().filter(|post| post.genre != 1).collect();
    later.truncate(80);
    let twin = later.iter().find(|post| !post.title.is_empty()).unwrap().clone();
    later.insert(0, Post { key: "a-new".to_owned(), ..twin.clone() });
    write(world.path(), &later, &[]);
    let labels = "label_id\nl-polka\nl-folk\nl-ambient\nl-jazz\n";
    fs::write(world.path().join("labels.csv"), labels).unwrap();
    fs::write(world.path().join("knows.csv"), "user_id,label_id\n1,l-folk\n").unwrap();
    let engine = open(world.path());
    for (page, before) in [&text, &ids].into_iter().zip(&before) {
        let after = served(&engine, page);
        assert_eq!(after.len(), later.len());
        for (key, (topic, p, _)) in &after {
            let known = before.get(key).unwrap_or(&before[&twin.key]);
            assert_eq!(*p, known.1, "{key}");
            let is_gone = matches!(&known.0, Value::Str(s) if s == "rock")
                || matches!(&known.0, Value::Id(k) if k.to_string() == "l-rock");
            let wanted = if is_gone { &Value::Null } else { &known.0 };
            assert_eq!(topic, wanted, "{key}");
        }
        assert!(after.values().any(|(topic, p, _)| *topic == Value::Null && p.is_some()));
    }
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let world = world();
    program(world.path(), &page("topics=tagged.tag, top=3, min_links=3"));
    trained(world.path(), &[]);
    for threads in ["1", "2", "4"] {
        trained(world.path(), &["--only", "topics", "--again", "--threads", threads]);
    }
    let bytes = |n: u32| fs::read(weights(world.path(), n)).unwrap();
    assert!(bytes(2) == bytes(1) && bytes(3) == bytes(1) && bytes(4) == bytes(1));
}

#[test]
fn a_damaged_version_is_found() {
    let world = world();
    let page = page("topics=genre, top=3");
    program(world.path(), &page);
    trained(world.path(), &[]);
    let path = weights(world.path(), 1);
    let whole = fs::read(&path).unwrap();
    let mut other = whole.clone();
    let tensors = safetensors::SafeTensors::deserialize(&whole).unwrap();
    let bias = tensors.tensor("bias").unwrap().data().as_ptr() as usize - whole.as_ptr() as usize;
    other[bias + 3] ^= 0x40;
    for (damaged, says) in [(&other[..], "self-test"), (&whole[..whole.len() / 2], "damaged")] {
        fs::write(&path, damaged).unwrap();
        let (code, _, said) = run(world.path(), &["run", "page.igql", "--user", "1"]);
        assert!(code == Some(1) && said.contains("E0503") && said.contains(says), "{said}");
        let report = trained(world.path(), &["--dry-run"]);
        assert_eq!(report["items"][1]["stale"], "the version cannot be used");
    }
    assert_eq!(topic_version(&trained(world.path(), &[]))["n"], 2);
    let (code, _, said) = run(world.path(), &["run", "page.igql", "--user", "1"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn what_is_wrong_with_a_classifier_is_said() {
    let world = world();
    for (args, code, says) in [
        ("topics=genre", "E0303", "needs `of`"),
        ("of=about", "E0303", "needs `topics`"),
        ("of=abuot, topics=genre", "E0206", "did you mean `about`?"),
        ("of=about, topics=gerne", "E0203", "did you mean `genre`?"),
        ("of=about, topics=length", "E0302", "`length` is float"),
        ("of=about, topics=tagged.share", "E0302", "`share` is float"),
        ("of=about, topics=tagged.tga", "E0203", "did you mean `tag`?"),
        ("of=about, topics=tagged", "E0504", "topics=tagged.COLUMN"),
        ("of=about, topics=knows", "E0504", "an edge from `post`"),
        ("of=about, topics=mine.tag", "E0314", "the viewer"),
        ("of=about, topics=genre, top=1", "E0306", "in 2..100000"),
        ("of=about, topics=genre, min_links=0", "E0306", "at least 1"),
        ("of=about, topics=genre, l2=0.0", "E0306", "above 0"),
        ("of=about, topics=genre, l2=some", "E0201", "some"),
        ("of=about, topics=genre, folds=3", "E0304", "no parameter `folds`"),
    ] {
        let text = format!(
            "{SPACE}edge mine = tagged where from == viewer\nmodel topics on post = classifier({args})\n\
             all(post).rank(topics, value=p_topic)\n"
        );
        program(world.path(), &text);
        let (status, _, said) = run(world.path(), &["check", "page.igql", "--assume-trained"]);
        assert_eq!(status, Some(1), "{args}");
        assert!(said.contains(code) && said.contains(says), "{args}: {code} {says}\n{said}");
    }
    let text = page("topics=genre");
    program(world.path(), &text);
    let (status, _, said) = run(world.path(), &["check", "page.igql"]);
    assert!(status == Some(1) && said.contains("E0501"), "{said}");
    for topics in ["topics=genre", "topics=filed", "topics=tagged.level", "topics=label"] {
        program(world.path(), &page(topics));
        let (status, _, said) = run(world.path(), &["check", "page.igql", "--assume-trained"]);
        assert_eq!(status, Some(0), "{said}");
    }
    program(world.path(), &text);
    trained(world.path(), &[]);
    program(world.path(), &page("topics=genre, top=3"));
    let (_, _, said) = run(world.path(), &["check", "page.igql"]);
    assert!(said.contains("E0502") && said.contains("`top=20` is now `top=3`"), "{said}");
    // a classifier is no feature
    let feature = format!("{text}model m on post = mlp(dense=[p_topic], heads={{p: tagged}})\n");
    program(world.path(), &feature);
    assert_eq!(run(world.path(), &["check", "page.igql"]).0, Some(1));
}

#[test]
fn what_cannot_be_learned_is_said_by_name() {
    let world = world();
    let fails = |topics: &str, says: &str| {
        program(world.path(), &page(topics));
        let (code, out, said) = run(world.path(), &["train", "page.igql", "--format", "json"]);
        assert_eq!(code, Some(3), "{said}{out}");
        let report: Json = serde_json::from_str(&out).unwrap();
        let items = report["items"].as_array().unwrap();
        let error = items.last().unwrap()["error"].as_str().unwrap();
        assert!(error.contains(says) && error.contains("model `topics"), "{error}");
    };
    fails("topics=tagged.tag, min_links=100", "no `post` has 100 links with a topic");
    let mut all = posts();
    // one post of a topic of its own, and most of them of one
    all.iter_mut().for_each(|post| post.genre = 0);
    all[0].genre = 1;
    write(world.path(), &all, &tags(&all));
    fails("topics=genre", "all rows of topic `rock`");
    (0..all.len()).for_each(|place| all[place].genre = place % 2);
    all[4].genre = 2;
    write(world.path(), &all, &tags(&all));
    fails("topics=genre", "no row of topic `folk` has a vector");
    all.iter_mut().for_each(|post| post.genre = 0);
    write(world.path(), &all, &tags(&all));
    fails("topics=genre", "every row with a topic and a vector is of `jazz`");
    assert!(!weights(world.path(), 1).exists());
}
