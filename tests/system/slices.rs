//! Models whose features read what is learned: each slice of the examples reads versions of before it.

use super::models::{arrays, world};
use super::train::{program, run, trained, vectors_of};
use igql::Engine;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const MODEL: &str = "edge near = itemknn(likes, k=5)
embedding space on user, post = als(likes, dim=3, iterations=4)
model taste on post = linear(dense=[sum(near(it), weight), count(~likes(it))], vectors=[space],
    heads={p_click: clicked == 1}, calibrate=none)\n";

fn version(folder: &Path, what: &str, n: u64) -> (BTreeMap<String, Vec<f32>>, Json, Vec<u8>) {
    let folder = folder.join(format!(".igql/learned/{what}/{n}"));
    let bytes = fs::read(folder.join("weights.safetensors")).unwrap();
    let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap();
    (arrays(&bytes).0, serde_json::from_str(&manifest).unwrap(), bytes)
}

fn texts(bytes: &[u8], names: [&str; 2]) -> Vec<String> {
    let tensors = safetensors::SafeTensors::deserialize(bytes).unwrap();
    let ends = tensors.tensor(names[0]).unwrap();
    let text = tensors.tensor(names[1]).unwrap().data();
    let ends = ends.data().chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().unwrap()));
    let mut start = 0;
    ends.map(|end| {
        let key = String::from_utf8(text[start..end as usize].to_vec()).unwrap();
        start = end as usize;
        key
    })
    .collect()
}

/// Every post that was shown, in the order of time, with the time.
fn shown(folder: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(folder.join("shown.csv")).unwrap();
    let mut all: Vec<(String, usize, String)> = text
        .lines()
        .skip(1)
        .enumerate()
        .map(|(place, line)| {
            let cells: Vec<&str> = line.split(',').collect();
            (cells[2].to_owned(), place, cells[1].to_owned())
        })
        .collect();
    all.sort();
    all.into_iter().map(|(at, _, post)| (at, post)).collect()
}

#[test]
fn each_slice_reads_what_was_learned_before_it() {
    let world = world();
    program(world.path(), MODEL);
    let report = trained(world.path(), &[]);
    let items = report["items"].as_array().unwrap();
    let model = items.iter().find(|item| item["name"] == "taste").unwrap();
    assert_eq!(model["outcome"], "trained", "{model}");
    let manifest = &model["version"];
    assert_eq!(
        manifest["upstream"],
        serde_json::json!(["edge near@1", "embedding space@1"]),
        "the versions that are served"
    );
    let slices: Vec<&str> =
        manifest["slices"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    assert_eq!(slices.len(), 6, "{slices:?}");
    // a quarter of the examples has nothing before it to read
    let all = shown(world.path());
    let examples = manifest["counts"]["examples"].as_u64().unwrap() as usize;
    assert!(examples < all.len() * 4 / 5 && examples > all.len() * 2 / 3, "{examples}");
    let first = all.len() - examples;
    assert!(all[first - 1].0 < all[first].0, "no slice begins within a time");
    let mut ends = Vec::new();
    for label in slices.iter().filter(|label| label.starts_with("edge")) {
        let n = label.rsplit_once('@').unwrap().1.parse().unwrap();
        let (_, manifest, _) = version(world.path(), "edge/near", n);
        assert_eq!(manifest["role"], "slice");
        ends.push(manifest["until"].as_i64().unwrap());
    }
    assert!(ends.is_sorted_by(|a, b| a < b) && ends.len() == 3, "{ends:?}");
    // what the first examples read is of the first slice, not of what is served
    let (_, _, bytes) = version(world.path(), "edge/near", 2);
    let keys = texts(&bytes, ["key_ends", "key_bytes"]);
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |name: &str| -> Vec<u64> {
        let view = tensors.tensor(name).unwrap();
        let words = view.data().chunks_exact(8);
        words.map(|b| u64::from_le_bytes(b.try_into().unwrap())).collect()
    };
    let offsets = numbers("offsets");
    let weights: Vec<f32> = arrays(&bytes).0["weights"].clone();
    let sums: BTreeMap<&String, f64> = keys
        .iter()
        .enumerate()
        .map(|(row, key)| {
            let own = offsets[row] as usize..offsets[row + 1] as usize;
            (key, weights[own].iter().map(|w| f64::from(*w)).sum())
        })
        .collect();
    let (sample, _, _) = version(world.path(), "model/post/taste", 1);
    let dense = &sample["sample.dense"];
    let served = links(&Engine::open(world.path()).unwrap());
    let mut differ = 0;
    for (place, (_, post)) in all[first..first + 64].iter().enumerate() {
        let wanted = sums.get(post).copied().unwrap_or(0.0);
        assert!((f64::from(dense[place]) - wanted).abs() < 1e-4, "{post}: {wanted}");
        differ += usize::from((served.get(post).unwrap_or(&0.0) - wanted).abs() > 1e-3);
    }
    assert!(differ > 32, "{differ} of 64 differ from what is served");
    vectors_are_turned(world.path(), &all[first..first + 64], dense);
}

/// The sums of the weights of the edge that is served.
fn links(engine: &Engine) -> BTreeMap<String, f64> {
    let schema = engine.schema();
    let edge = schema.edges.iter().position(|e| e.learned && e.name == "near@1").unwrap();
    let post = schema.find_entity("post").unwrap();
    let all = engine.snapshot().adjacency(igql::types::EdgeId(edge as u16), false);
    let sum = |row: u32| all.range(row).map(|at| all.weight.unwrap()[at]).sum();
    (0..schema.entity(post).rows)
        .map(|row| (engine.snapshot().key(post, row).to_string(), sum(row)))
        .collect()
}

/// Vectors of a slice are as long as they were learned, and lie where those that are served do.
fn vectors_are_turned(folder: &Path, examples: &[(String, String)], dense: &[f32]) {
    let (arrays, _, bytes) = version(folder, "embedding/user+post/space", 2);
    let keys = texts(&bytes, ["key_ends_1", "key_bytes_1"]);
    let learned = &arrays["vectors_1"];
    let served = vectors_of(&Engine::open(folder).unwrap(), "space@1", "post");
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let cosine = |a: &[f64], b: &[f64]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    let long = |v: &[f32]| v.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
    let (mut turned, mut plain) = (0.0, 0.0);
    for (place, (_, post)) in examples.iter().enumerate() {
        // two numbers, and then those of the vector
        let read: Vec<f64> = (2..5).map(|column| f64::from(dense[column * 64 + place])).collect();
        let Some(row) = keys.iter().position(|key| key == post) else {
            assert_eq!((&read[..], dense[5 * 64 + place]), (&[0.0; 3][..], 1.0), "{post}");
            continue;
        };
        let own = long(&learned[row * 3..][..3]);
        assert!((dot(&read, &read) - dot(&own, &own)).abs() < 1e-4, "{post}");
        turned += cosine(&read, &long(&served[post]));
        plain += cosine(&own, &long(&served[post]));
    }
    assert!(turned > plain && turned > 32.0, "{turned} {plain}");
}

#[test]
fn slices_are_kept_and_used_again() {
    let world = world();
    program(world.path(), MODEL);
    trained(world.path(), &[]);
    let bytes = |n: u64| version(world.path(), "model/post/taste", n).2;
    let first = bytes(1);
    // the same data: the versions of before are there already
    for threads in ["1", "4"] {
        trained(world.path(), &["--again", "--only", "taste", "--threads", threads]);
    }
    assert!(first == bytes(2) && first == bytes(3));
    let slice = |n: u64| world.path().join(format!(".igql/learned/edge/near/{n}")).exists();
    assert!(slice(1) && slice(2) && slice(4) && !slice(5));
    // the serving version is trained anew, and those that the model reads stay
    trained(world.path(), &["--again", "--only", "near"]);
    let (code, out, said) = run(world.path(), &["train", "--prune", "1", "--format", "json"]);
    assert_eq!(code, Some(0), "{said}");
    let removed: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(removed["removed"], serde_json::json!(["taste@1", "taste@2"]));
    let (_, out, _) = run(world.path(), &["train", "--list"]);
    assert!(out.contains("slice") && out.contains("read by taste@3"), "{out}");
    let report = trained(world.path(), &["--dry-run"]);
    let items = report["items"].as_array().unwrap();
    let model = items.iter().find(|item| item["name"] == "taste").unwrap();
    assert_eq!(model["stale"], "what it is learned from is newer", "{model}");
}

#[test]
fn a_model_reads_what_it_was_trained_with_until_it_is_trained_anew() {
    let world = world();
    let page = format!("{MODEL}all(post).rank(taste).take(90)\n");
    program(world.path(), &page);
    trained(world.path(), &[]);
    let scores = || run(world.path(), &["run", "page.igql", "--user", "4", "--format", "csv"]);
    let (code, before, said) = scores();
    assert_eq!(code, Some(0), "{said}");
    // other links, and vectors whose numbers mean other things
    let likes = fs::read_to_string(world.path().join("likes.csv")).unwrap();
    let half: Vec<&str> = likes.lines().take(likes.lines().count() / 2).collect();
    fs::write(world.path().join("likes.csv"), half.join("\n")).unwrap();
    trained(world.path(), &["--only", "near,space"]);
    fs::write(world.path().join("likes.csv"), likes).unwrap();
    let (code, after, said) = scores();
    assert_eq!((code, after), (Some(0), before), "{said}");
}

#[test]
fn everything_is_known_before_anything_is_trained() {
    let world = world();
    program(world.path(), &format!("{MODEL}all(post).rank(taste).take(3)\n"));
    let (code, _, said) = run(world.path(), &["check", "page.igql", "--assume-trained"]);
    assert_eq!(code, Some(0), "{said}");
    let report = trained(world.path(), &["--dry-run"]);
    let names: Vec<&str> =
        report["items"].as_array().unwrap().iter().map(|i| i["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["near", "space", "taste"]);
    let args = ["train", "page.igql", "--max-memory", "1000", "--format", "json"];
    let (code, out, _) = run(world.path(), &args);
    assert_eq!(code, Some(3));
    let report: Json = serde_json::from_str(&out).unwrap();
    let failed = report["items"].as_array().unwrap().iter().filter(|i| i["outcome"] == "failed");
    assert_eq!(failed.count(), 3, "{out}");
    // an error is said before the first training
    program(
        world.path(),
        &format!("{MODEL}query main() = all(post).rank(taste).walk(nothing).take(3)\n"),
    );
    let (code, ..) = run(world.path(), &["train", "page.igql"]);
    assert_eq!(code, Some(1));
    assert!(!world.path().join(".igql/learned/edge").exists());
}

#[test]
fn what_cannot_be_sliced_is_said() {
    let world = world();
    let shown = fs::read_to_string(world.path().join("shown.csv")).unwrap();
    program(world.path(), &MODEL.replace("calibrate=none", "calibrate=none, upstream=latest"));
    let (code, _, said) = run(world.path(), &["train", "page.igql"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, _, said) = run(world.path(), &["check", "page.igql"]);
    assert!(code == Some(0) && said.contains("W1201"), "{said}");
    assert!(!world.path().join(".igql/learned/edge/near/2").exists(), "nothing is trained for it");
    // examples of one time
    let header = shown.lines().next().unwrap();
    let rows: Vec<String> = shown
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            format!("{},{},2024-02-20T00:00:00Z,{}", cells[0], cells[1], cells[3])
        })
        .collect();
    fs::write(world.path().join("shown.csv"), format!("{header}\n{}\n", rows.join("\n"))).unwrap();
    program(world.path(), MODEL);
    let (code, out, _) = run(world.path(), &["train", "page.igql", "--format", "json"]);
    assert_eq!(code, Some(3));
    assert!(out.contains("all of one time") && out.contains("upstream=latest"), "{out}");
}
