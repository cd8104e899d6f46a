//! Models that are trained: what their heads give in serving is what their weights say of the same inputs.

use super::random::Random;
use super::train::{program, run, trained, vectors_of};
use igql::store::Options;
use igql::train::Train;
use igql::{Engine, Request, Unit, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const CATALOG: &str = r#"
[catalog]
viewer = "user"
[entity.user]
key = "user_id"
[entity.post]
table = "posts.csv"
key = "post_id"
[entity.post.columns]
made = { type = "time" }
[edge.shown]
table = "shown.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
time = "at"
[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
time = "at"
[defaults]
impressions = "shown"
now = "latest"
"#;

const KINDS: [&str; 3] = ["photo", "video", "text"];

/// A world where whoever is shown a post likes it by its kind and length, and in their own way.
pub(super) fn world() -> tempfile::TempDir {
    let mut random = Random(23);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    let posts: Vec<(usize, u32, bool)> = (0..90)
        .map(|_| {
            ((random.unit() * 3.0) as usize, (random.unit() * 100.0) as u32, random.unit() < 0.5)
        })
        .collect();
    let line = |(i, (kind, length, live)): (usize, &(usize, u32, bool))| {
        let day = 1 + i % 20;
        format!("p{i:02},{},{length},{live},2024-01-{day:02}T00:00:00Z\n", KINDS[*kind])
    };
    let lines: String = posts.iter().enumerate().map(line).collect();
    write("posts.csv", format!("post_id,kind,length,live,made\n{lines}"));
    let (mut shown, mut likes) = (String::new(), String::new());
    for day in 1..=28 {
        for user in 0..40usize {
            for slot in 0..6 {
                let post = (random.unit() * posts.len() as f64) as usize;
                let (kind, length, _) = posts[post];
                let taste = if kind == user % 3 { 1.5 } else { -1.5 };
                let logit = taste + (f64::from(length) - 50.0) / 40.0;
                let liked = random.unit() < 1.0 / (1.0 + (-logit).exp());
                let at = format!("2024-02-{day:02}T{:02}:{slot:02}:00Z", 8 + user % 12);
                shown += &format!("{user},p{post:02},{at},{}\n", u8::from(liked));
                if liked {
                    likes += &format!(
                        "{user},p{post:02},2024-02-{day:02}T{:02}:{slot:02}:30Z\n",
                        8 + user % 12
                    );
                }
            }
        }
    }
    write("catalog.toml", CATALOG.to_owned());
    write("shown.csv", format!("user_id,post_id,at,clicked\n{shown}"));
    write("likes.csv", format!("user_id,post_id,at\n{likes}"));
    folder
}

fn weights(folder: &Path, name: &str, n: u32) -> Vec<u8> {
    let path = format!(".igql/learned/model/post/{name}/{n}/weights.safetensors");
    fs::read(folder.join(path)).unwrap()
}

/// The arrays of a model, and its description.
pub(super) fn arrays(bytes: &[u8]) -> (BTreeMap<String, Vec<f32>>, Json) {
    let tensors = safetensors::SafeTensors::deserialize(bytes).unwrap();
    let floats = |data: &[u8]| {
        data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    let text = tensors.tensor("model");
    let description = text.map_or(Json::Null, |t| serde_json::from_slice(t.data()).unwrap());
    let found = tensors.tensors().into_iter();
    let found = found.filter(|(_, view)| view.dtype() == safetensors::Dtype::F32);
    (found.map(|(name, view)| (name, floats(view.data()))).collect(), description)
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Float(x) => *x,
        Value::Int(n) => *n as f64,
        other => panic!("{other:?}"),
    }
}

const LINEAR: &str = "model taste on post = linear(dense=[length, age(made), made, live, count(~likes(it))], sparse=[kind, it],
    heads={p_click: clicked == 1}, normalise=zscore, calibrate=none)\n";

#[test]
fn a_linear_model_gives_what_its_weights_say() {
    let world = world();
    let page = format!(
        "{LINEAR}all(post).let(a=length, b=age(made) / 1s, c=(now - made) / 1s, d=1.0 if live else 0.0, \
         e=count(~likes(it)), k=kind).rank(taste).take(40)\n"
    );
    program(world.path(), &page);
    trained(world.path(), &[]);
    let (arrays, description) = arrays(&weights(world.path(), "taste", 1));
    let inputs = &description["inputs"];
    let vocabulary: Vec<u64> = inputs["sparse"][0]["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| k.as_u64().unwrap())
        .collect();
    assert_eq!(vocabulary.len(), 3);
    let ids: Vec<u64> = inputs["sparse"][1]["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| k.as_u64().unwrap())
        .collect();
    let engine = Engine::open(world.path()).unwrap();
    let answer = engine.run(&engine.compile(&page).unwrap(), &Request::user(7)).unwrap();
    assert_eq!(answer.versions, ["taste@1"]);
    assert_eq!(answer.rows().len(), 40);
    let of = |text: &str, keys: &[u64]| {
        let key = xxhash_rust::xxh3::xxh3_64(text.as_bytes());
        keys.iter().position(|k| *k == key).map_or(0, |place| place + 2)
    };
    for row in answer.rows() {
        let value = |name: &str| row.get(name).unwrap();
        let mut logit = f64::from(arrays["bias"][0]);
        for (place, name) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
            let fitted = &inputs["dense"][place];
            assert_eq!(fitted["kept"], true, "{fitted}");
            let (mean, deviation) =
                (fitted["mean"].as_f64().unwrap(), fitted["deviation"].as_f64().unwrap());
            let z = ((number(value(name)) - mean) / deviation).clamp(-5.0, 5.0);
            logit += z * f64::from(arrays["dense.0"][place]);
        }
        let Value::Str(kind) = value("k") else { panic!() };
        logit += f64::from(arrays["ids.0"][of(kind, &vocabulary)]);
        logit += f64::from(arrays["ids.1"][of(&row.key().to_string(), &ids)]);
        let p = 1.0 / (1.0 + (-logit).exp());
        assert!((row.score() - p).abs() < 1e-4, "{}: {} {p}", row.key(), row.score());
        assert_eq!(number(value("p_click")), row.score());
    }
}

const LISTS: &str = "embedding near on user, post = als(likes, dim=3)
model taste on post = linear(sparse=[history(likes, 5)], vectors=[near, dot(viewer.near, near)],
    heads={p_click: clicked == 1}, calibrate=none, upstream=latest)\n";

#[test]
fn lists_and_vectors_are_read_as_in_training() {
    let world = world();
    let page = format!("{LISTS}all(post).let(s=dot(viewer.near, near)).rank(taste).take(40)\n");
    program(world.path(), &page);
    trained(world.path(), &[]);
    let (arrays, description) = arrays(&weights(world.path(), "taste", 1));
    let inputs = &description["inputs"];
    let kept: Vec<bool> =
        inputs["dense"].as_array().unwrap().iter().map(|d| d["kept"] == true).collect();
    // three numbers and whether there are any, a product and whether there is one
    assert_eq!(kept, [true, true, true, false, true, true]);
    let keys: Vec<u64> = inputs["sparse"][0]["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| k.as_u64().unwrap())
        .collect();
    let likes = fs::read_to_string(world.path().join("likes.csv")).unwrap();
    let mut own: Vec<(&str, &str)> = likes
        .lines()
        .filter_map(|line| line.strip_prefix("7,")?.split_once(','))
        .map(|(post, at)| (at, post))
        .collect();
    own.sort_unstable();
    let mut newest: Vec<&str> = Vec::new();
    for (_, post) in own.iter().rev() {
        if !newest.contains(post) && newest.len() < 5 {
            newest.push(post);
        }
    }
    let weight_of = |post: &&str| {
        let key = xxhash_rust::xxh3::xxh3_64(post.as_bytes());
        let row = keys.iter().position(|k| *k == key).map_or(0, |place| place + 2);
        f64::from(arrays["ids.0"][row])
    };
    let history = newest.iter().map(weight_of).sum::<f64>() / 5.0;
    let engine = Engine::open(world.path()).unwrap();
    let posts = vectors_of(&engine, "near@1", "post");
    let answer = engine.run(&engine.compile(&page).unwrap(), &Request::user(7)).unwrap();
    assert_eq!(answer.rows().len(), 40);
    for row in answer.rows() {
        let vector = &posts[&row.key().to_string()];
        let mut logit = f64::from(arrays["bias"][0]) + history;
        let dense = &arrays["dense.0"];
        (0..3).for_each(|place| logit += f64::from(vector[place]) * f64::from(dense[place]));
        logit += number(row.get("s").unwrap()) * f64::from(dense[3]);
        let p = 1.0 / (1.0 + (-logit).exp());
        assert!((row.score() - p).abs() < 1e-4, "{}: {} {p}", row.key(), row.score());
    }
    // nobody is known to like anything: the null row of a list, and vectors that are not there
    let early = Request::user(7).at(1_704_067_200_000_000);
    let answer = engine.run(&engine.compile(&page).unwrap(), &early).unwrap();
    for row in answer.rows() {
        let vector = &posts[&row.key().to_string()];
        let dense = &arrays["dense.0"];
        let mut logit = f64::from(arrays["bias"][0]) + f64::from(arrays["ids.0"][1]);
        (0..3).for_each(|place| logit += f64::from(vector[place]) * f64::from(dense[place]));
        logit += f64::from(dense[4]);
        let p = 1.0 / (1.0 + (-logit).exp());
        assert!((row.score() - p).abs() < 1e-4, "{}: {} {p}", row.key(), row.score());
    }
}

const NETWORK: &str = "value rate on post = (count(~likes(it)) + 1) / (count(~shown(it)) + 3)
model final on post = mtml(
    dense=[length, rate, mean(likes(viewer), to.length)],
    sparse=[kind, hashed(hash(kind, viewer), 512)],
    heads={p_like: likes, spent: value(3.0 * clicked)}, label_window=1h, hidden=[16], towers=4, epochs=6, lr=0.005)\n";

#[test]
fn a_network_learns_what_was_planted() {
    let world = world();
    let page = format!(
        "{NETWORK}all(post).rank(final, value=p_like).take(6).select(kind, p_like, spent)\n"
    );
    program(world.path(), &page);
    let report = trained(world.path(), &[]);
    let version = &report["items"][0]["version"];
    let auc = version["metrics"]["p_like.test.auc"].as_f64().unwrap();
    // the planted probabilities themselves have .84
    assert!((0.7..0.9).contains(&auc), "{version}");
    assert!(version["metrics"]["p_like.test.ne"].as_f64().unwrap() < 0.92, "{version}");
    assert!(version["metrics"]["spent.test.ne"].as_f64().unwrap() < 0.95, "{version}");
    let engine = Engine::open(world.path()).unwrap();
    let compiled = engine.compile(&page).unwrap();
    let mut own = 0;
    for user in 0..30usize {
        let answer = engine.run(&compiled, &Request::user(user as i64)).unwrap();
        for row in answer.rows() {
            let Value::Str(kind) = row.get("kind").unwrap() else { panic!() };
            own += usize::from(kind == KINDS[user % 3]);
            let spent = number(row.get("spent").unwrap());
            assert!((-1.0..4.0).contains(&spent), "{spent}");
        }
    }
    assert!(own > 30 * 6 * 3 / 4, "{own} of {} rows are of the kind that the viewer likes", 30 * 6);
    // in a batch as alone, and the same on any number of threads
    let requests: Vec<Request> = (0..30).map(|user| Request::user(i64::from(user))).collect();
    let batch = engine.run_batch(&compiled, &requests).unwrap();
    let alone = engine.run(&compiled, &requests[11]).unwrap();
    let scores = |a: &igql::Answer| a.rows().iter().map(|row| row.score()).collect::<Vec<_>>();
    assert_eq!(scores(&batch[11]), scores(&alone));
    for threads in ["1", "4"] {
        trained(world.path(), &["--again", "--threads", threads]);
    }
    assert!(weights(world.path(), "final", 1) == weights(world.path(), "final", 2));
    assert!(weights(world.path(), "final", 2) == weights(world.path(), "final", 3));
}

#[test]
fn context_is_a_column_or_a_parameter_in_serving() {
    let world = world();
    let model = "model m on post = linear(dense={n: 1.0 * times, length: length}, context={times: clicked + weight}, \
                 heads={p: likes}, label_window=1h, calibrate=none)\n";
    let page = |rest: &str| format!("{model}{rest}");
    program(world.path(), &page("all(post).let(times=1.0).rank(m).take(3)\n"));
    trained(world.path(), &[]);
    let engine = Engine::open(world.path()).unwrap();
    let first = |text: &str, request: &Request| {
        let answer = engine.run(&engine.compile(text).unwrap(), request).unwrap();
        answer.rows().iter().next().unwrap().score()
    };
    let low = first(&page("all(post).let(times=1.0).rank(m).take(3)\n"), &Request::user(1));
    let high = first(&page("all(post).let(times=2.0).rank(m).take(3)\n"), &Request::user(1));
    assert!(high > low + 0.2, "{low} {high}");
    let param = page("param times: float = 1.0\nquery main = all(post).rank(m).take(3)\n");
    assert_eq!(first(&param, &Request::user(1)), low);
    assert_eq!(first(&param, &Request::user(1).param("times", 2.0)), high);
    let error = engine.compile(&page("all(post).rank(m).take(3)\n")).map(drop).unwrap_err();
    assert!(
        error.to_string().contains("E0203") && error.to_string().contains("let(times=...)"),
        "{error}"
    );
}

#[test]
fn which_version_is_read_is_decided_by_the_declaration() {
    let world = world();
    let page = format!("{LINEAR}all(post).rank(taste).take(3)\n");
    program(world.path(), &page);
    let (code, _, said) = run(world.path(), &["run", "page.igql", "--user", "1"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("E0501") && said.contains("igql train"), "{said}");
    let (code, _, said) = run(world.path(), &["check", "page.igql", "--assume-trained"]);
    assert_eq!(code, Some(0), "{said}");
    trained(world.path(), &[]);
    let (code, out, said) = run(world.path(), &["run", "page.igql", "--user", "1"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("taste@1") && out.contains("p_click"), "{out}");
    program(world.path(), &page.replace("length, age", "age"));
    let (_, _, said) = run(world.path(), &["check", "page.igql"]);
    assert!(said.contains("E0502"), "{said}");
    program(world.path(), &page.replace("rank(taste)", "rank(taste@1)"));
    let (code, _, said) = run(world.path(), &["check", "page.igql"]);
    assert_eq!(code, Some(0), "{said}");
    // what a model gave when it was trained it gives now, or it is not used
    let path = world.path().join(".igql/learned/model/post/taste/1/weights.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let bias = tensors.tensor("bias").unwrap().data().as_ptr() as usize - bytes.as_ptr() as usize;
    bytes[bias + 3] ^= 0x40;
    fs::write(&path, bytes).unwrap();
    program(world.path(), &page);
    let (_, _, said) = run(world.path(), &["run", "page.igql", "--user", "1"]);
    assert!(said.contains("E0503") && said.contains("self-test"), "{said}");
    let report = trained(world.path(), &[]);
    assert_eq!(report["items"][0]["stale"], "the version cannot be used");
    let (code, out, said) = run(world.path(), &["run", "page.igql", "--user", "1"]);
    assert!(code == Some(0) && out.contains("taste@2"), "{said}");
}

#[test]
fn a_model_is_known_by_what_its_edges_are_made_of() {
    let world = world();
    let page = |edge: &str, from: usize| {
        let text = format!(
            "edge {edge} = likes where time > @2000-01-0{from}\n\
             model m on post = linear(dense={{length: length, n: count(~{edge}(it))}}, heads={{p: likes}}, label_window=1h)\n"
        );
        program(world.path(), &text);
    };
    page("recent", 1);
    trained(world.path(), &[]);
    page("newer", 1);
    assert_eq!(trained(world.path(), &["--dry-run"])["items"][0]["outcome"], "kept");
    page("newer", 2);
    let report = trained(world.path(), &["--dry-run"]);
    assert_eq!(report["items"][0]["stale"], "the declaration has changed");
}

#[test]
fn minus_one_is_a_value_as_others_and_unknown_ones_are_not_it() {
    let world = world();
    let page = "model m on post = linear(sparse={size: -1 if length < 60 else length}, heads={p: clicked == 1}, min_count=1000)
all(post).rank(m).select(length)\n";
    program(world.path(), page);
    trained(world.path(), &[]);
    let engine = Engine::open(world.path()).unwrap();
    let answer = engine.run(&engine.compile(page).unwrap(), &Request::user(7)).unwrap();
    let scores = |is_short: bool| {
        let rows = answer.rows();
        let of = rows.iter().filter(|row| (number(row.get("length").unwrap()) < 60.0) == is_short);
        of.map(|row| row.score().to_bits()).collect::<std::collections::BTreeSet<_>>()
    };
    // each post of a length that is not in the vocabulary is one of an unknown length
    let (short, unknown) = (scores(true), scores(false));
    assert_eq!((short.len(), unknown.len()), (1, 1));
    assert_ne!(short, unknown);
}

#[test]
fn what_cannot_be_trained_is_said() {
    let world = world();
    let fails = |text: &str, says: &str| {
        program(world.path(), text);
        let (code, out, said) = run(world.path(), &["train", "page.igql", "--format", "json"]);
        assert_eq!(code, Some(3), "{said}{out}");
        let report: Json = serde_json::from_str(&out).unwrap();
        let items = report["items"].as_array().unwrap();
        let error = items.last().unwrap()["error"].as_str().unwrap();
        assert!(error.contains(says), "{error}");
    };
    fails(
        "model m on post = mlp(dense=[1.0], heads={p: likes}, label_window=1h)\n",
        "no input that varies",
    );
    fails(
        "model m on post = mlp(dense=[length], heads={p: clicked == 2})\n",
        "head `p` has 0 positives",
    );
    fails(
        "model m on post = mlp(dense=[length], missing=error, heads={p: likes}, label_window=1h, lr=1e30)\n",
        "bounds",
    );
    assert!(!world.path().join(".igql/learned/model/post/m/1").exists());
    // the others are trained all the same
    program(
        world.path(),
        &format!(
            "{LINEAR}model m on post = mlp(dense=[1.0], heads={{p: likes}}, label_window=1h)\n"
        ),
    );
    let (code, out, _) = run(world.path(), &["train", "page.igql", "--format", "json"]);
    assert_eq!(code, Some(3));
    let report: Json = serde_json::from_str(&out).unwrap();
    let outcomes: Vec<&str> = report["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["trained", "failed"]);
}

#[test]
fn positives_against_drawn_negatives_order_and_are_no_probabilities() {
    let world = world();
    let page = "model m on post = mlp(positives=likes, heads={p: likes}, dense=[length], sparse=[kind], hidden=[8], epochs=3)
all(post).rank(m).take(5).select(length)\n";
    program(world.path(), page);
    let engine = Engine::open_with(world.path(), &Options::default()).unwrap();
    let report = engine.train(&Unit::new("page", page), &Train::default()).unwrap();
    assert!(matches!(report.items[0].outcome, igql::train::Outcome::Trained(_)), "{report:?}");
    let engine = engine.reload().unwrap();
    let answer = engine.run(&engine.compile(page).unwrap(), &Request::user(1)).unwrap();
    let mean =
        answer.rows().iter().map(|row| number(row.get("length").unwrap())).sum::<f64>() / 5.0;
    assert!(mean > 65.0, "{mean}");
}

#[test]
fn an_explanation_names_the_inputs_that_moved_a_score() {
    let world = world();
    let model = "model taste on post = linear(dense={size: length, fresh: age(made)}, sparse=[kind],\n\
                 heads={p: value(1.0 if clicked == 1 else 0.0)}, normalise=zscore)\n";
    let page = format!("{model}all(post).take(40).rank(taste).take(40)\n");
    program(world.path(), &page);
    trained(world.path(), &[]);
    let args = ["run", "page.igql", "--user", "3", "--why", "--format", "json"];
    let (code, out, said) = run(world.path(), &args);
    assert_eq!(code, Some(0), "{said}");
    let answer: Json = serde_json::from_str(&out).unwrap();
    let rows = answer["results"].as_array().unwrap();
    let score = |row: &Json| row["score"].as_f64().unwrap();
    let mean = rows.iter().map(score).sum::<f64>() / rows.len() as f64;
    for row in rows {
        let scored = &row["why"]["scores"][0];
        assert_eq!(scored["model"], "taste@1");
        // a linear model is the sum of its inputs
        let sum = &scored["contributions"][0];
        let told = (&sum["head"], &sum["of"], &sum["over"]);
        assert_eq!(told, (&"p".into(), &"value".into(), &"rows".into()), "{scored}");
        let features = sum["features"].as_array().unwrap();
        let names: Vec<&str> = features.iter().map(|f| f["feature"].as_str().unwrap()).collect();
        assert!(names.iter().all(|name| ["size", "fresh", "kind"].contains(name)), "{names:?}");
        let moved = features.iter().map(|f| f["effect"].as_f64().unwrap()).sum::<f64>();
        assert!((moved - (score(row) - mean)).abs() < 1e-6, "{moved} {} {mean}", score(row));
        assert!((sum["expected"].as_f64().unwrap() - mean).abs() < 1e-6, "{sum} {mean}");
        assert!((sum["sum"].as_f64().unwrap() - score(row)).abs() < 1e-6, "{sum}");
    }
    let args = ["run", "page.igql", "--user", "3", "--why", "--format", "table"];
    let (_, text, _) = run(world.path(), &args);
    assert!(text.contains("(taste@1): ") && text.contains(" from kind = "), "{text}");
}

#[test]
fn log_odds_of_a_linear_model_are_a_sum() {
    let world = world();
    let model = "model taste on post = linear(dense={size: length, fresh: age(made)}, sparse=[kind],\n\
                 heads={p_click: clicked == 1, p_skip: clicked == 0})\n";
    let page =
        format!("{model}all(post).take(40).rank(taste, value=p_click - 0.5 * p_skip).take(40)\n");
    program(world.path(), &page);
    trained(world.path(), &[]);
    let args = ["run", "page.igql", "--user", "3", "--why", "--format", "json"];
    let (code, out, said) = run(world.path(), &args);
    assert_eq!(code, Some(0), "{said}");
    let answer: Json = serde_json::from_str(&out).unwrap();
    let rows = answer["results"].as_array().unwrap();
    let log_odds = |row: &Json, head: &str| {
        let p = row["why"]["scores"][0]["heads"][head].as_f64().unwrap();
        (p / (1.0 - p)).ln()
    };
    for (place, head) in ["p_click", "p_skip"].iter().enumerate() {
        let mean = rows.iter().map(|row| log_odds(row, head)).sum::<f64>() / rows.len() as f64;
        for row in rows {
            let sum = &row["why"]["scores"][0]["contributions"][place];
            assert_eq!((&sum["head"], &sum["of"]), (&(*head).into(), &"log_odds".into()));
            let features = sum["features"].as_array().unwrap();
            let moved = features.iter().map(|f| f["effect"].as_f64().unwrap()).sum::<f64>();
            let own = log_odds(row, head);
            assert!((moved - (own - mean)).abs() < 1e-6, "{moved} {own} {mean}");
        }
    }
}

#[test]
fn lists_and_vectors_are_inputs_of_explanations() {
    let world = world();
    let near = "embedding near on user, post = als(edge=likes, dim=4, iterations=3)\n";
    let model = "model taste on post = mtml(dense=[length], sparse=[it, history(likes, 5)], vectors=[near],\n\
                 heads={p_click: clicked == 1, p_skip: clicked == 0}, hidden=[8], epochs=3, upstream=latest)\n";
    let page = format!("{near}{model}all(post).rank(taste, value=p_click - p_skip).take(3)\n");
    program(world.path(), &page);
    trained(world.path(), &[]);
    let args = ["run", "page.igql", "--user", "3", "--why", "--format", "json"];
    let (code, out, said) = run(world.path(), &args);
    assert_eq!(code, Some(0), "{said}");
    let answer: Json = serde_json::from_str(&out).unwrap();
    for row in answer["results"].as_array().unwrap() {
        let features = row["why"]["scores"][0]["features"].as_array().unwrap();
        let names: Vec<&str> = features.iter().map(|f| f["feature"].as_str().unwrap()).collect();
        // what is the same for all rows moves none of them
        assert!(names.contains(&"length") && names.contains(&"near") && names.contains(&"it"));
        assert!(!names.iter().any(|name| name.contains("history")), "{names:?}");
    }
}
