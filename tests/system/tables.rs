//! Training tables that do not fit into memory: what is learned is the same, and nothing of them stays; and what needs no
//! model, beside the metrics of one.

use super::models::world;
use super::train::{program, run, trained};
use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

const MODEL: &str = "value rate on post = (count(~likes(it)) + 1) / (count(~shown(it)) + 3)
model final on post = mtml(
    dense=[length, rate, mean(likes(viewer), to.length)],
    sparse=[kind, it, history(likes, 4)],
    heads={p_like: likes, p_click: clicked == 1}, label_window=1h, hidden=[16], towers=4, epochs=3, lr=0.005)\n";

/// What makes the table go to a file: an eighth of it is less than the table.
const LITTLE: [&str; 2] = ["--max-memory", "3MB"];

fn weights(folder: &Path, n: u32) -> Vec<u8> {
    let path = format!(".igql/learned/model/post/final/{n}/weights.safetensors");
    fs::read(folder.join(path)).unwrap()
}

/// The files that are there while something runs.
fn temporary(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.join(".igql/tmp")).into_iter().flatten();
    files.map(|entry| entry.unwrap().path()).collect()
}

fn items(out: &str) -> Json {
    serde_json::from_str::<Json>(out).unwrap()["items"].clone()
}

#[test]
fn a_table_in_a_file_gives_the_same_bytes() {
    let world = world();
    program(world.path(), MODEL);
    let (code, out, said) = run(world.path(), &["train", "page.igql"]);
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(!said.contains("training table") && temporary(world.path()).is_empty(), "{said}");
    for threads in ["1", "2"] {
        let args = ["train", "page.igql", "--again", "--threads", threads, LITTLE[0], LITTLE[1]];
        let (code, out, said) = run(world.path(), &args);
        assert_eq!(code, Some(0), "{out}{said}");
        let line = said.lines().find(|line| line.starts_with("final: training table: "));
        assert!(
            line.is_some_and(|line| line.contains(" in ") && line.ends_with(" free")),
            "{said}"
        );
        assert!(temporary(world.path()).is_empty());
    }
    assert!(weights(world.path(), 1) == weights(world.path(), 2));
    assert!(weights(world.path(), 1) == weights(world.path(), 3));
}

#[test]
fn negatives_are_drawn_anew_beside_a_table_in_a_file() {
    let world = world();
    let more: Vec<String> =
        (1..9).map(|n| format!("length / {n}.0 - count(shown(viewer))")).collect();
    let text = format!(
        "model final on post = mlp(dense=[length, count(~likes(it)), {}], sparse=[kind, it], positives=likes,
        negatives=3, heads={{p_like: likes}}, hidden=[8], epochs=3)\n",
        more.join(", ")
    );
    program(world.path(), &text);
    for args in [&[][..], &["--max-memory", "5MB"]] {
        let (code, out, said) =
            run(world.path(), &[&["train", "page.igql", "--again"], args].concat());
        assert_eq!(code, Some(0), "{out}{said}");
        assert_eq!(said.contains("training table"), !args.is_empty(), "{said}");
    }
    assert!(weights(world.path(), 1) == weights(world.path(), 2));
}

#[test]
fn what_a_training_takes_is_said_before_it() {
    let world = world();
    program(world.path(), MODEL);
    let args = ["train", "page.igql", "--max-memory", "500KB", "--format", "json"];
    let (code, out, said) = run(world.path(), &args);
    assert_eq!(code, Some(3), "{said}");
    let error = items(&out)[0]["error"].as_str().unwrap().to_owned();
    assert!(error.contains("takes up to") && error.contains("500000 bytes are allowed"), "{error}");
    assert!(temporary(world.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_that_says_so() {
    let world = world();
    program(world.path(), MODEL);
    trained(world.path(), &[]);
    let limited = format!(
        "ulimit -f 64; exec {} train page.igql --again --format json {}",
        env!("CARGO_BIN_EXE_igql"),
        LITTLE.join(" ")
    );
    let Output { status, stdout, stderr } =
        Command::new("sh").args(["-c", &limited]).current_dir(world.path()).output().unwrap();
    assert_eq!(status.code(), Some(3), "{}", String::from_utf8_lossy(&stderr));
    let items = items(&String::from_utf8(stdout).unwrap());
    let error = items[0]["error"].as_str().unwrap();
    assert!(error.contains("is full before") && error.contains("max_examples"), "{error}");
    assert!(temporary(world.path()).is_empty());
}

/// A training that takes long, when it has its table.
fn running(folder: &Path) -> Child {
    let long = MODEL.replace("epochs=3", "epochs=10_000, patience=10_000");
    program(folder, &long);
    let before = temporary(folder);
    let mut child = Command::new(env!("CARGO_BIN_EXE_igql"))
        .args(["train", "page.igql", "--again", LITTLE[0], LITTLE[1]])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while temporary(folder).iter().all(|path| before.contains(path)) {
        assert!(start.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[cfg(unix)]
#[test]
fn nothing_stays_of_a_training_that_was_ended() {
    let world = world();
    let mut child = running(world.path());
    let kill = ["-INT".to_owned(), child.id().to_string()];
    assert!(Command::new("kill").args(kill).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(temporary(world.path()).is_empty());

    let mut child = running(world.path());
    child.kill().unwrap();
    child.wait().unwrap();
    let left = temporary(world.path());
    assert_eq!(left.len(), 1);
    // the next training removes it when nobody can be about to use it
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().write(true).open(&left[0]).unwrap().set_modified(long_ago).unwrap();
    let mut other = running(world.path());
    assert!(!left[0].exists());
    let own = temporary(world.path());
    fs::File::options().write(true).open(&own[0]).unwrap().set_modified(long_ago).unwrap();
    // that of a training that is running stays
    program(world.path(), MODEL);
    let args = ["train", "page.igql", "--until", "2024-02-28", "--learned", "past"];
    let (code, out, said) = run(world.path(), &args);
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(own[0].exists());
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn links_that_are_left_out_are_said() {
    let world = world();
    program(world.path(), &MODEL.replace("epochs=3", "epochs=1, max_examples=4_000"));
    let (code, out, said) = run(world.path(), &["train", "page.igql"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(said.contains("2720 older links are left out (`max_examples`)"), "{said}");
}

/// The metrics and notes of a model of clicks.
fn clicks(dense: &str) -> (Json, String) {
    let world = world();
    let text = format!(
        "model final on post = linear(dense=[{dense}], heads={{p_click: clicked == 1}}, calibrate=none)\n"
    );
    program(world.path(), &text);
    let item = trained(world.path(), &[])["items"][0].clone();
    (item["version"]["metrics"].clone(), item["notes"].to_string())
}

#[test]
fn a_model_that_does_not_beat_the_rates_is_told() {
    let (metrics, notes) = clicks(
        "length, (count(~shown(it), where=clicked == 1) + 1) / (count(~shown(it)) + 3), \
         (count(shown(viewer), where=clicked == 1 and to.kind == kind) + 1) / \
         (count(shown(viewer), where=to.kind == kind) + 3)",
    );
    let of = |metrics: &Json, name: &str| metrics[format!("p_click.{name}")].as_f64().unwrap();
    for part in ["validation", "test"] {
        let [own, base, item] = ["ne", "base_rate_ne", "item_rate_ne"]
            .map(|name| of(&metrics, &format!("{part}.{name}")));
        assert!(own < item && item < base, "{metrics}");
        assert!((1.0..1.1).contains(&base), "{metrics}");
        assert!(of(&metrics, &format!("{part}.item_rate_auc")) > 0.55, "{metrics}");
    }
    assert!(!notes.contains("does not beat"), "{notes}");

    let (metrics, notes) = clicks("live");
    assert!(of(&metrics, "test.ne") > of(&metrics, "test.item_rate_ne"), "{metrics}");
    assert!(notes.contains("does not beat the smoothed rate of each row"), "{notes}");
}

#[test]
fn rates_are_counted_from_the_past_of_the_table() {
    let world = world();
    program(
        world.path(),
        "model final on post = linear(dense=[length], heads={p_click: clicked == 1}, calibrate=none)\n",
    );
    let metrics = trained(world.path(), &[])["items"][0]["version"]["metrics"].clone();
    // the same from the file
    let text = fs::read_to_string(world.path().join("shown.csv")).unwrap();
    let mut rows: Vec<(&str, &str, f64)> = text
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            (cells[2], cells[1], cells[3].parse().unwrap())
        })
        .collect();
    rows.sort_by_key(|(at, ..)| *at);
    let start = |share: f64| {
        let bound = rows.len() - (share * rows.len() as f64).round_ties_even() as usize;
        rows.partition_point(|(at, ..)| *at < rows[bound].0)
    };
    let (test, validation) = (start(0.1), start(0.2));
    let mean = |rows: &[(&str, &str, f64)]| {
        rows.iter().map(|(.., label)| label).sum::<f64>() / rows.len() as f64
    };
    let (base, own) = (mean(&rows[..validation]), mean(&rows[test..]));
    let loss = |p: f64, label: f64| -(label * p.ln() + (1.0 - label) * (1.0 - p).ln());
    let (mut of_base, mut of_items, mut entropy) = (0.0, 0.0, 0.0);
    for (at, post, label) in &rows[test..] {
        let before = rows.iter().filter(|(then, other, _)| then < at && other == post);
        let (shown, positive) = before.fold((0.0, 0.0), |(n, sum), (.., l)| (n + 1.0, sum + l));
        of_items += loss((positive + 10.0 * base) / (shown + 10.0), *label);
        of_base += loss(base, *label);
        entropy += loss(own, *label);
    }
    for (name, expected) in [("base_rate_ne", of_base), ("item_rate_ne", of_items)] {
        let found = metrics[format!("p_click.test.{name}")].as_f64().unwrap();
        assert!((found - expected / entropy).abs() < 1e-6, "{name} {found} {}", expected / entropy);
    }
}
