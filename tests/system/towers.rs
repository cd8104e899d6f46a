//! Two towers: what they learn, and that a viewer's vector in serving is what the weights say of what is visible then.

use super::models::{arrays, world};
use super::train::{program, run, trained, vectors_of};
use igql::{Engine, Request};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const SPACE: &str = "embedding near on user, post = two_tower(positives=likes, \
    user_features=[history(likes, 4), count(likes(viewer))], item_features=[it, kind, length], \
    dim=8, hidden=[12], epochs=6, batch=128)\n";

/// Who liked what when, the newest first, each post once.
fn newest(folder: &Path, user: usize, before: &str) -> (Vec<String>, usize) {
    let likes = fs::read_to_string(folder.join("likes.csv")).unwrap();
    let prefix = format!("{user},");
    let mut own: Vec<(&str, &str)> = likes
        .lines()
        .filter_map(|line| line.strip_prefix(&prefix)?.split_once(','))
        .map(|(post, at)| (at, post))
        .filter(|(at, _)| *at <= before)
        .collect();
    own.sort_unstable();
    let mut found: Vec<String> = Vec::new();
    for (_, post) in own.iter().rev() {
        if !found.iter().any(|known| known == post) && found.len() < 4 {
            found.push((*post).to_owned());
        }
    }
    (found, own.len())
}

/// A tower as its weights say, of one dense input and a history.
struct Tower {
    arrays: BTreeMap<String, Vec<f32>>,
    inputs: Json,
}

impl Tower {
    fn open(folder: &Path) -> Tower {
        let path = folder.join(".igql/learned/embedding/user+post/near/1/weights.safetensors");
        let bytes = fs::read(path).unwrap();
        let (arrays, _) = arrays(&bytes);
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let text = tensors.tensor("towers").unwrap();
        let towers: Json = serde_json::from_slice(text.data()).unwrap();
        Tower { arrays, inputs: towers["users"]["inputs"].clone() }
    }

    /// The vector of a viewer with so many likes, the newest of which were of these posts.
    fn vector(&self, posts: &[String], count: usize) -> Vec<f64> {
        let dense = &self.inputs["dense"][0];
        let number = |name: &str| dense[name].as_f64().unwrap();
        let z = ((count as f64 - number("mean")) / number("deviation")).clamp(-5.0, 5.0);
        let quantiles: Vec<f64> =
            dense["quantiles"].as_array().unwrap().iter().map(|q| q.as_f64().unwrap()).collect();
        let rank = rank(&quantiles, count as f64) / 64.0;
        let keys: Vec<u64> = self.inputs["sparse"][0]["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|k| k.as_u64().unwrap())
            .collect();
        let table = &self.arrays["user.ids.0.weight"];
        let known: Vec<usize> = posts
            .iter()
            .filter_map(|post| {
                let key = xxhash_rust::xxh3::xxh3_64(post.as_bytes());
                keys.iter().position(|k| *k == key).map(|place| place + 2)
            })
            .collect();
        let mut input = vec![z, (2.0 * rank - 1.0) * 3f64.sqrt()];
        input.extend((0..8).map(|place| {
            let sum: f64 = known.iter().map(|row| f64::from(table[row * 8 + place])).sum();
            sum / (known.len().max(1) as f64).sqrt()
        }));
        let times = |input: &[f64], name: &str, width: usize| -> Vec<f64> {
            let weights = &self.arrays[name];
            let of = |column: usize| {
                let rows = input.iter().enumerate();
                rows.map(|(row, x)| x * f64::from(weights[row * width + column])).sum()
            };
            (0..width).map(of).collect()
        };
        let hidden: Vec<f64> =
            times(&input, "user.W1", 12).into_iter().map(|x| x.max(0.0)).collect();
        let first = times(&input, "user.W0", 8);
        let vector: Vec<f64> =
            first.iter().zip(times(&hidden, "user.W2", 8)).map(|(a, b)| a + b).collect();
        let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        vector.into_iter().map(|x| x / norm).collect()
    }
}

/// Where a value lies among sorted ones.
fn rank(sorted: &[f64], value: f64) -> f64 {
    let below = sorted.partition_point(|x| *x < value);
    match sorted.get(below) {
        None => (sorted.len() - 1) as f64,
        Some(&at) if at == value => {
            let last = sorted.partition_point(|x| *x <= value) - 1;
            (below + last) as f64 / 2.0
        }
        Some(_) if below == 0 => 0.0,
        Some(&at) => (below - 1) as f64 + (value - sorted[below - 1]) / (at - sorted[below - 1]),
    }
}

#[test]
fn a_viewer_climbs_from_what_is_visible() {
    let world = world();
    let page = format!("{SPACE}user.nn(near, to=post, k=5, exact=true).take(5)\n");
    program(world.path(), &page);
    let report = trained(world.path(), &[]);
    let version = &report["items"][0]["version"];
    assert_eq!(
        (&version["space"]["dim"], &version["space"]["metric"]),
        (&8.into(), &"cosine".into())
    );
    let metric = |name: &str| version["metrics"][name].as_f64().unwrap();
    assert!(metric("validation.ndcg@20") > 0.1, "{version}");
    assert!((0.1..=1.0).contains(&metric("validation.recall@20")), "{version}");
    let engine = Engine::open(world.path()).unwrap();
    let posts = vectors_of(&engine, "near@1", "post");
    assert_eq!(version["counts"]["vectors"], posts.len());
    let tower = Tower::open(world.path());
    let early = ("2024-02-10T23:00:00Z", 1_707_606_000_000_000);
    for (before, now) in [("2025", i64::MAX), early] {
        for user in [0, 13, 38] {
            let (newest, count) = newest(world.path(), user, before);
            let own = tower.vector(&newest, count);
            let request = Request::user(user as i64);
            let request = if now == i64::MAX { request } else { request.at(now) };
            let answer = engine.run(&engine.compile(&page).unwrap(), &request).unwrap();
            assert_eq!(answer.rows().len(), 5);
            for row in answer.rows() {
                let vector = &posts[&row.key().to_string()];
                let cosine: f64 = own.iter().zip(vector).map(|(a, b)| a * f64::from(*b)).sum();
                assert!((cosine - row.score()).abs() < 1e-4, "{user}: {cosine} {}", row.score());
            }
        }
    }
}

#[test]
fn tastes_are_learnt_and_the_cold_have_vectors() {
    let world = world();
    let space = SPACE.replace("epochs=6, batch=128", "epochs=40, patience=40, batch=64");
    let page = format!("{space}user.nn(near, to=post, k=10).let(k=kind).take(10)\n");
    program(world.path(), &page);
    trained(world.path(), &[]);
    let engine = Engine::open(world.path()).unwrap();
    let program = engine.compile(&page).unwrap();
    let mut own = 0;
    for user in 0..30 {
        let answer = engine.run(&program, &Request::user(user)).unwrap();
        let taste = ["photo", "video", "text"][user as usize % 3];
        let is_own = |row: &igql::Row| row.get("k") == Some(&igql::Value::Str(taste.to_owned()));
        own += answer.rows().iter().filter(is_own).count();
    }
    // a third by chance
    assert!(own > 160, "{own} of 300 posts are of the viewer's kind");
    let cold = engine.run(&program, &Request::user(3).at(1_600_000_000_000_000)).unwrap();
    assert_eq!(cold.rows().len(), 10, "what is known of somebody new is that they liked nothing");
    let page = page.replace("user.nn(", "all(user).filter(user_id == viewer).nn(");
    let answer = engine.run(&engine.compile(&page).unwrap(), &Request::user(4)).unwrap();
    let plain = engine.run(&program, &Request::user(4)).unwrap();
    let keys = |a: &igql::Answer| a.rows().iter().map(|r| r.key().to_string()).collect::<Vec<_>>();
    assert_eq!(keys(&answer), keys(&plain));
}

#[test]
fn a_version_that_is_named_finds_its_viewers() {
    let world = world();
    let page = format!("{SPACE}user.nn(near, to=post, k=5).take(5)\n");
    program(world.path(), &page);
    trained(world.path(), &[]);
    trained(world.path(), &["--again"]);
    let engine = Engine::open(world.path()).unwrap();
    let rows = |page: &str| {
        let answer = engine.run(&engine.compile(page).unwrap(), &Request::user(5)).unwrap();
        let rows = answer.rows();
        rows.iter().map(|row| (row.key().to_string(), row.score())).collect::<Vec<_>>()
    };
    assert_eq!(rows(&page.replace("nn(near,", "nn(near@1,")), rows(&page));
    assert_eq!(rows(&page).len(), 5);
    let drawn = engine.compile("user.nn(near@1, to=post).take(3)").map(drop).unwrap_err();
    assert!(drawn.to_string().contains("E0504"), "{drawn}");
    // what reads the viewer's vector is known by the declaration, not by its version
    let model = "model m on post = linear(dense=[cosine(viewer.near, near)], heads={p: clicked == 1}, upstream=latest)\n";
    program(world.path(), &format!("{SPACE}{model}all(post).rank(m).take(3)\n"));
    let report = trained(world.path(), &[]);
    let items = report["items"].as_array().unwrap();
    let model = items.iter().find(|item| item["name"] == "m").unwrap();
    assert_eq!(model["version"]["upstream"], serde_json::json!(["embedding near@2"]));
    let scores =
        |folder: &Path| run(folder, &["run", "page.igql", "--user", "5", "--format", "csv"]);
    let (code, before, said) = scores(world.path());
    assert_eq!(code, Some(0), "{said}");
    trained(world.path(), &["--again", "--only", "near"]);
    let (code, after, said) = scores(world.path());
    assert_eq!((code, after), (Some(0), before), "{said}");
}

#[test]
fn positives_need_no_times() {
    let world = world();
    let catalog = fs::read_to_string(world.path().join("catalog.toml")).unwrap();
    let untimed = "[edge.keeps]\ntable = \"likes.csv\"\nfrom = { entity = \"user\", column = \"user_id\" }\n\
                   to = { entity = \"post\", column = \"post_id\" }\n";
    fs::write(world.path().join("catalog.toml"), format!("{catalog}{untimed}")).unwrap();
    let page = "embedding near on user, post = two_tower(positives=keeps, dim=8, hidden=[], epochs=4)\n\
                user.nn(near, to=post, k=5).take(5)\n";
    program(world.path(), page);
    let report = trained(world.path(), &[]);
    let version = &report["items"][0]["version"];
    let likes = fs::read_to_string(world.path().join("likes.csv")).unwrap().lines().count() - 1;
    let positives = version["counts"]["positives"].as_u64().unwrap() as f64 / likes as f64;
    assert!((0.85..0.95).contains(&positives), "a tenth decides when to stop: {positives}");
    let (code, out, said) =
        run(world.path(), &["run", "page.igql", "--user", "5", "--format", "csv"]);
    assert_eq!((code, out.lines().count()), (Some(0), 6), "{said}");
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let world = world();
    program(world.path(), SPACE);
    for threads in ["1", "2", "4"] {
        trained(world.path(), &["--again", "--threads", threads]);
    }
    let bytes = |n: u32| {
        let folder = format!(".igql/learned/embedding/user+post/near/{n}/weights.safetensors");
        fs::read(world.path().join(folder)).unwrap()
    };
    assert!(bytes(1) == bytes(2) && bytes(2) == bytes(3));
    // a version whose weights are not what they were is not read
    let path = world.path().join(".igql/learned/embedding/user+post/near/3/weights.safetensors");
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle..middle + 64].fill(0x3f);
    fs::write(&path, bad).unwrap();
    program(world.path(), &format!("{SPACE}user.nn(near, to=post).take(3)\n"));
    let (code, _, said) = run(world.path(), &["check", "page.igql"]);
    assert!(code == Some(1) && said.contains("E0503"), "{said}");
    let pinned = format!("{SPACE}user.nn(near@2, to=post).take(3)\n");
    program(world.path(), &pinned);
    let (code, _, said) = run(world.path(), &["check", "page.igql"]);
    assert_eq!(code, Some(0), "{said}");
    program(world.path(), &pinned.replace("near@2", "near"));
    fs::write(&path, good).unwrap();
    let (code, _, said) = run(world.path(), &["check", "page.igql"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn what_is_wrong_with_towers_is_said() {
    let world = world();
    for (text, code, says) in [
        ("embedding e on user, post = two_tower()\n", "E0303", "`positives`"),
        ("embedding e on user, post = two_tower(likes)\n", "E0307", "positives=likes"),
        ("embedding e on post = two_tower(positives=likes)\n", "E0504", "write `on user, post`"),
        ("embedding e on user, post = two_tower(positives=likes, dims=3)\n", "E0304", "`dim`"),
        ("embedding e on user, post = two_tower(positives=likes, batch=8)\n", "E0306", "batch"),
        (
            "embedding e on user, post = two_tower(positives=likes, hidden=[8, 8])\n",
            "E0306",
            "one hidden",
        ),
        (
            "embedding e on user, post = two_tower(positives=likes, item_features=[count(likes(viewer))])\n",
            "E0312",
            "user_features",
        ),
        (
            "embedding e on user, post = two_tower(positives=likes, user_features=[])\n",
            "E0303",
            "empty",
        ),
        ("embedding e on user, post = two_tower(positives=likes, seed=now)\n", "E0302", "int"),
    ] {
        program(world.path(), &format!("{text}user.nn(e, to=post)\n"));
        let (status, _, said) = run(world.path(), &["check", "page.igql", "--assume-trained"]);
        assert_eq!(status, Some(1), "{text}");
        assert!(said.contains(code) && said.contains(says), "{code} {says}\n{said}");
    }
    program(world.path(), &format!("{SPACE}user.nn(near, to=post)\n"));
    let (status, _, said) = run(world.path(), &["check", "page.igql", "--assume-trained"]);
    assert_eq!(status, Some(0), "{said}");
    // too few to tell apart
    let lines = fs::read_to_string(world.path().join("likes.csv")).unwrap();
    let few: Vec<&str> = lines.lines().take(20).collect();
    fs::write(world.path().join("likes.csv"), few.join("\n")).unwrap();
    let (status, out, _) = run(world.path(), &["train", "page.igql", "--format=json"]);
    assert_eq!(status, Some(3));
    assert!(out.contains("32"), "{out}");
}

const OF_ARRIVALS: &str = "embedding near on user, post = two_tower(positives=likes, \
    item_features=[it, kind, length, count(~likes(it)), age(made)], dim=8, hidden=[12], epochs=6, batch=128)\n";

/// Adds lines to a file.
fn add(folder: &Path, file: &str, lines: &str) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, text + lines).unwrap();
}

#[test]
fn an_item_that_arrives_has_the_vector_of_what_is_known_of_it() {
    let world = world();
    let page = format!("{OF_ARRIVALS}user.nn(near, to=post, k=95).take(95)\n");
    program(world.path(), &page);
    trained(world.path(), &[]);
    let before = vectors_of(&Engine::open(world.path()).unwrap(), "near@1", "post");
    // it came after the training, and differs from another in its key and in when it came
    let of_p03 = fs::read_to_string(world.path().join("posts.csv")).unwrap();
    let of_p03 = of_p03.lines().find(|line| line.starts_with("p03,")).unwrap();
    let parts: Vec<&str> = of_p03.split(',').collect();
    let arrives =
        |key: &str| format!("{key},{},{},{},2024-03-05T00:00:00Z\n", parts[1], parts[2], parts[3]);
    add(world.path(), "posts.csv", &arrives("new"));
    add(world.path(), "posts.csv", &arrives("newer"));
    let engine = Engine::open(world.path()).unwrap();
    let after = vectors_of(&engine, "near@1", "post");
    assert_eq!(after.len(), before.len() + 2);
    assert!(before.iter().all(|(post, vector)| after[post] == *vector));
    assert_eq!(after["new"], after["newer"], "what is known of both is the same");
    let norm = after["new"].iter().map(|x| x * x).sum::<f32>();
    assert!((norm - 1.0).abs() < 1e-5, "{norm}");
    let answer = engine.run(&engine.compile(&page).unwrap(), &Request::user(1)).unwrap();
    assert!(answer.rows().iter().any(|row| row.key().to_string() == "new"));
    // what happens to it later is not known of the moment when it came
    add(world.path(), "likes.csv", "1,newer,2024-03-06T00:00:00Z\n2,newer,2024-03-06T00:00:00Z\n");
    let later = vectors_of(&Engine::open(world.path()).unwrap(), "near@1", "post");
    assert_eq!(later, after);
    // and the column that is read decides
    let posts = fs::read_to_string(world.path().join("posts.csv")).unwrap();
    let kind = if parts[1] == "photo" { "video" } else { "photo" };
    let other = posts.replace(&format!("\nnew,{}", parts[1]), &format!("\nnew,{kind}"));
    fs::write(world.path().join("posts.csv"), other).unwrap();
    let other = vectors_of(&Engine::open(world.path()).unwrap(), "near@1", "post");
    assert_ne!(other["new"], after["new"]);
}

#[test]
fn an_item_of_which_nothing_is_known_has_no_vector() {
    let world = world();
    let space =
        OF_ARRIVALS.replace("[it, kind, length, count(~likes(it)), age(made)]", "[it, kind]");
    program(world.path(), &format!("{space}user.nn(near, to=post, k=95).take(95)\n"));
    trained(world.path(), &[]);
    add(world.path(), "posts.csv", "odd,poem,3,true,2024-03-05T00:00:00Z\n");
    add(world.path(), "posts.csv", "even,video,3,true,2024-03-05T00:00:00Z\n");
    let vectors = vectors_of(&Engine::open(world.path()).unwrap(), "near@1", "post");
    assert!(vectors.contains_key("even") && !vectors.contains_key("odd"));
    // where the column has become another one, the version knows those that it was trained with
    let catalog = fs::read_to_string(world.path().join("posts.csv")).unwrap();
    fs::write(world.path().join("posts.csv"), catalog.replacen("kind", "sort", 1)).unwrap();
    let engine = Engine::open(world.path()).unwrap();
    assert_eq!(vectors_of(&engine, "near@1", "post").len(), 90);
}
