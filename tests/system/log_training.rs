//! Logs that models are trained from: what they say of every stage, and that training reads what serving computed.

use super::models::world;
use super::train::{program, run, trained};
use igql::store::{Columns, read_columns};
use igql::types::{Type, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A model whose inputs are of all types, and do not read what was shown: an example sees no link of its own time, a request
/// does.
const TASTE: &str = "model taste on post = mlp(
    dense={length: length, age: made, live: live, liked: count(~likes(it)), own: count(likes(viewer))},
    sparse=[kind, it, hashed(kind, 64), history(likes, 5)],
    heads={p_like: likes},
    label_window=1h, hidden=[8], epochs=3,
)\n";

/// What a user was shown just then, scored.
const SHOWN: &str = "user.walk(shown, where=time == now).rank(taste, value=p_like)\n";

/// Every impression as a request: its user and its time, in the order of the table.
fn requests(folder: &Path) {
    let shown = fs::read_to_string(folder.join("shown.csv")).unwrap();
    let line = |line: &str| {
        let parts: Vec<&str> = line.split(',').collect();
        format!("{},{}\n", parts[0], parts[2])
    };
    let lines: String = shown.lines().skip(1).map(line).collect();
    fs::write(folder.join("asked.csv"), format!("user_id,at\n{lines}")).unwrap();
}

/// Runs a command that has to work.
fn works(folder: &Path, args: &[&str]) -> (String, String) {
    let (code, out, said) = run(folder, args);
    assert_eq!(code, Some(0), "{args:?}: {said}");
    (out, said)
}

#[track_caller]
fn fails(folder: &Path, args: &[&str], code: i32, words: &[&str]) {
    let (found, out, said) = run(folder, args);
    assert_eq!(found, Some(code), "{args:?}: {out}{said}");
    for word in words {
        assert!(said.contains(word) || out.contains(word), "`{word}` is not in: {out}{said}");
    }
}

/// A world with a model, and a log of all that was shown.
fn logged() -> tempfile::TempDir {
    let world = world();
    let folder = world.path();
    requests(folder);
    program(folder, &format!("{TASTE}{SHOWN}"));
    trained(folder, &[]);
    log(folder, "log");
    world
}

fn log(folder: &Path, to: &str) {
    works(folder, &["run", "page.igql", "--users", "asked.csv", "--log", to, "-o", "out.ndjson"]);
}

fn dumped(folder: &Path, to: &str, from: &[&str]) -> Vec<u8> {
    let args = [&["train", "page.igql", "--only", "taste", "--dump", to], from].concat();
    works(folder, &args);
    fs::read(folder.join(to).join("post.taste.parquet")).unwrap()
}

fn weights(folder: &Path, n: u32) -> Vec<u8> {
    let path = format!(".igql/learned/model/post/taste/{n}/weights.safetensors");
    fs::read(folder.join(path)).unwrap()
}

fn manifest(folder: &Path, n: u32) -> Json {
    let path = format!(".igql/learned/model/post/taste/{n}/manifest.json");
    serde_json::from_slice(&fs::read(folder.join(path)).unwrap()).unwrap()
}

const FROM: [&str; 4] = ["--only", "taste", "--from", "log"];

#[test]
fn what_serving_computed_is_what_is_trained_on() {
    let world = logged();
    let folder = world.path();
    // the same examples, so the same table and the same model, to the byte
    let of_links = dumped(folder, "of_links", &[]);
    let of_log = dumped(folder, "of_log", &["--from", "log"]);
    assert!(of_links.len() > 50_000, "{}", of_links.len());
    assert!(of_links == of_log, "the tables differ");
    trained(folder, &FROM);
    assert!(weights(folder, 1) == weights(folder, 2), "the models differ");
    assert_eq!(manifest(folder, 2)["log"]["rows"], 40 * 28 * 6);
    assert!(manifest(folder, 1).get("log").is_none());
    // what changes afterwards is not seen: neither a column nor links of before the requests
    let posts = fs::read_to_string(folder.join("posts.csv")).unwrap();
    let posts = posts.replace(",photo,", ",text,").replace(",true,", ",false,");
    fs::write(folder.join("posts.csv"), posts).unwrap();
    let mut likes = fs::read_to_string(folder.join("likes.csv")).unwrap();
    (0..40).for_each(|user| likes += &format!("{user},p01,2024-01-31T00:00:00Z\n"));
    fs::write(folder.join("likes.csv"), likes).unwrap();
    assert!(dumped(folder, "of_links", &[]) != of_links);
    assert!(dumped(folder, "of_log", &["--from", "log"]) == of_log, "it was evaluated again");
}

/// The rows of all files of a table.
pub(super) fn rows(
    folder: &Path,
    table: &str,
    columns: &[(&str, Type)],
) -> Vec<BTreeMap<String, Value>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder.join(table)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let wanted =
        |name: &str| columns.iter().find(|(own, _)| *own == name).map(|(_, ty)| ty.clone());
    let mut all = Vec::new();
    for file in files {
        let table: Columns = read_columns(&file, &wanted).unwrap();
        all.extend((0..table.rows).map(|row| {
            let value = |(name, _): &(&str, Type)| {
                Some(((*name).to_owned(), table.value(name, row)?.clone()))
            };
            columns.iter().filter_map(value).collect::<BTreeMap<_, _>>()
        }));
    }
    all
}

const FUNNEL: &str = "model first on post = linear(dense=[length, count(~likes(it))], sparse=[kind], heads={p: likes}, label_window=1h)
model second on post = linear(dense={n: length, age: made}, heads={p_like: likes, p_click: clicked == 1}, label_window=1h)
model plain on post = formula(1.0 * length)
query main() = all(post).rank(plain, keep=40).rank(first, keep=10).rank(second, value=p_like + score, keep=5)
    .let(n=length).take(3)\n";

fn int(row: &BTreeMap<String, Value>, name: &str) -> Option<i64> {
    match row.get(name) {
        Some(Value::Int(n)) => Some(*n),
        _ => None,
    }
}

fn number(row: &BTreeMap<String, Value>, name: &str) -> Option<f64> {
    match row.get(name) {
        Some(Value::Float(x)) => Some(*x),
        _ => None,
    }
}

fn text<'r>(row: &'r BTreeMap<String, Value>, name: &str) -> Option<&'r str> {
    match row.get(name) {
        Some(Value::Str(text)) => Some(text),
        _ => None,
    }
}

#[test]
fn every_stage_is_in_the_log() {
    let world = world();
    let folder = world.path();
    program(folder, FUNNEL);
    trained(folder, &[]);
    let asked = ["run", "page.igql", "--user", "7", "--user", "8", "--format", "json"];
    let (plain, _) = works(folder, &asked);
    let (answer, _) = works(folder, &[&asked[..], &["--log", "log"]].concat());
    assert_eq!(plain, answer);
    // what a limit would end, it ends as without a log
    let limited = [&asked[..], &["--partial", "--max-millis", "60000", "--log", "log2"]].concat();
    assert_eq!(plain, works(folder, &limited).0);
    let columns = [
        ("request", Type::Int),
        ("stage", Type::String),
        ("stage_number", Type::Int),
        ("entity", Type::String),
        ("model", Type::String),
        ("key", Type::String),
        ("position_in", Type::Int),
        ("score_in", Type::Float),
        ("position", Type::Int),
        ("score", Type::Float),
        ("kept", Type::Bool),
        ("propensity", Type::Float),
        ("dense: length", Type::Float),
        ("dense: made", Type::Float),
        ("dense: count(~likes(it))", Type::Float),
        ("sparse: kind", Type::String),
        ("head: p", Type::Float),
        ("head: p_like", Type::Float),
        ("head: p_click", Type::Float),
    ];
    let all = rows(folder, "log/candidates.parquet", &columns);
    assert_eq!(all, {
        let mut again = rows(folder, "log2/candidates.parquet", &columns);
        again.truncate(all.len());
        again
    });
    let of = |stage: &str| -> Vec<&BTreeMap<String, Value>> {
        all.iter().filter(|row| text(row, "stage") == Some(stage)).collect()
    };
    let (plain, first, second) = (of("rank plain"), of("rank first"), of("rank second"));
    assert_eq!([plain.len(), first.len(), second.len(), of("result").len()], [180, 80, 20, 6]);
    assert_eq!(all.len(), 286);
    for (stage, keep, number_of, label) in
        [(&plain, 40, 1, None), (&first, 10, 2, Some("first@1")), (&second, 5, 3, Some("second@1"))]
    {
        let kept = stage.iter().filter(|row| row["kept"] == Value::Bool(true)).count();
        assert_eq!(kept, 2 * keep);
        for row in stage {
            assert_eq!(int(row, "stage_number"), Some(number_of));
            assert_eq!((text(row, "model"), text(row, "entity")), (label, Some("post")));
            assert_eq!(int(row, "position").is_some(), row["kept"] == Value::Bool(true));
            assert!(row.contains_key("score") && int(row, "position_in").is_some());
        }
    }
    // what one stage keeps, the next one is given: in its order, with its scores
    for (before, after) in [(&plain, &first), (&first, &second)] {
        for row in after {
            let same = |other: &&&BTreeMap<String, Value>| {
                other["key"] == row["key"] && other["request"] == row["request"]
            };
            let other = before.iter().find(same).unwrap();
            assert_eq!(int(other, "position"), int(row, "position_in"));
            assert_eq!(number(other, "score"), number(row, "score_in"));
        }
    }
    // columns of two models that mean the same are one; a model has no others
    let length = |row: &BTreeMap<String, Value>| number(row, "dense: length").unwrap();
    for row in &first {
        assert!(length(row) >= 0.0 && text(row, "sparse: kind").is_some());
        assert!(row.contains_key("dense: count(~likes(it))") && number(row, "head: p").is_some());
        assert!(!row.contains_key("dense: made") && !row.contains_key("head: p_like"));
    }
    for row in &second {
        let heads = number(row, "head: p_like").unwrap() + number(row, "score_in").unwrap();
        assert!((heads - number(row, "score").unwrap()).abs() < 1e-12);
        assert!(number(row, "dense: made").unwrap() > 86_400.0 && length(row) >= 0.0);
        assert!(!row.contains_key("sparse: kind") && number(row, "head: p_click").is_some());
    }
    for row in of("result") {
        assert_eq!((number(row, "propensity"), int(row, "stage_number")), (Some(1.0), Some(4)));
        assert!(!row.contains_key("model") && !row.contains_key("dense: length"));
    }
}

#[test]
fn a_stage_is_logged_for_the_requests_that_reach_it() {
    let world = world();
    let folder = world.path();
    let page = "experiment test(layer=\"l\") = {control: 0.5, bold: 0.5}\n\
        model a on post = linear(dense=[length], heads={p: likes}, label_window=1h)\n\
        def pool() -> set[post] = all(post).take(20)\n\
        query main() = (pool().rank(a, keep=4) if test == bold else pool()).take(3)\n";
    program(folder, page);
    trained(folder, &[]);
    works(folder, &["run", "page.igql", "--users", "all", "--log", "log", "-o", "out.ndjson"]);
    let columns = [
        ("request", Type::Int),
        ("stage", Type::String),
        ("id", Type::Int),
        ("arms", Type::String),
    ];
    let asked = rows(folder, "log/requests.parquet", &columns);
    let found = rows(folder, "log/candidates.parquet", &columns);
    let bold = |row: &&BTreeMap<String, Value>| text(row, "arms").unwrap().contains("bold");
    let bold: Vec<i64> = asked.iter().filter(bold).map(|row| int(row, "id").unwrap()).collect();
    assert!(bold.len() > 5 && bold.len() < 35);
    let ranked: Vec<i64> = found
        .iter()
        .filter(|row| text(row, "stage") == Some("rank a"))
        .map(|row| int(row, "request").unwrap())
        .collect();
    assert_eq!(ranked.len(), 20 * bold.len());
    assert!(ranked.iter().all(|request| bold.contains(request)));
}

#[test]
fn a_log_is_of_one_declaration() {
    let world = logged();
    let folder = world.path();
    let page = |model: &str| program(folder, &format!("{model}{SHOWN}"));
    let train = [&["train", "page.igql"], &FROM[..]].concat();
    page(&TASTE.replace("age: made,", ""));
    fails(
        folder,
        &train,
        3,
        &["`taste@1`, whose inputs are others", "does not read `dense: made`"],
    );
    page(&TASTE.replace("count(likes(viewer))", "count(likes(viewer), within=1d)"));
    fails(
        folder,
        &train,
        3,
        &["the log lacks `dense: count(likes(viewer), within=1d)`", "instead"],
    );
    page(&TASTE.replace("{length: length, age: made,", "{age: made, length: length,"));
    fails(folder, &train, 3, &["the same in another order"]);
    page(&TASTE.replace("p_like: likes", "p_like: clicked == 1"));
    fails(
        folder,
        &train,
        3,
        &["the label of `p_like` is read from the link", "help: name an edge"],
    );
    page(&TASTE.replace("label_window", "example_weight=1.0 * clicked, label_window"));
    fails(folder, &train, 3, &["`example_weight` is read from the link"]);
    page(&TASTE.replace("label_window", "positives=likes, label_window"));
    fails(folder, &train, 3, &["its negatives are drawn"]);
    page(&TASTE.replace("taste on", "other on").replace("epochs", "towers=4, epochs"));
    let other = ["train", "page.igql", "--only", "other", "--from", "log"];
    program(folder, &TASTE.replace("taste on", "other on"));
    fails(folder, &other, 3, &["no request of log was answered with `other`"]);
    // how inputs are read and what they are called is not about what was logged
    page(&TASTE.replace("hidden=[8]", "hidden=[4], min_count=5").replace("age: made", "old: made"));
    works(folder, &train);
    // flags
    page(TASTE);
    fails(folder, &["train", "page.igql", "--from", "log"], 2, &["--only"]);
    fails(folder, &["train", "page.igql", "--only", "taste", "--from", "none"], 3, &["none"]);
    fs::create_dir_all(folder.join("empty/requests.parquet")).unwrap();
    let empty = ["train", "page.igql", "--only", "taste", "--from", "empty"];
    fails(folder, &empty, 3, &["has no requests"]);
    // a log of before, or of another catalog
    let old = "id,viewer,now\n1,7,2024-02-03T00:00:00Z\n";
    fs::create_dir_all(folder.join("old/requests.parquet")).unwrap();
    fs::create_dir_all(folder.join("old/candidates.parquet")).unwrap();
    fs::write(folder.join("old/requests.parquet/a.csv"), old).unwrap();
    let rows = "request,stage,key,position,propensity\n1,result,p01,1,1.0\n";
    fs::write(folder.join("old/candidates.parquet/a.csv"), rows).unwrap();
    let of_old = ["train", "page.igql", "--only", "taste", "--from", "old"];
    fails(folder, &of_old, 3, &["do not say what models were given"]);
    let catalog = fs::read_to_string(folder.join("catalog.toml")).unwrap();
    fs::write(folder.join("catalog.toml"), catalog.replace("[catalog]", "[catalog]\nname = \"b\""))
        .unwrap();
    fails(folder, &train, 3, &["the request was made of the catalog"]);
}

#[test]
fn runs_of_several_programs_are_one_log() {
    let world = logged();
    let folder = world.path();
    // other columns, none at all, and what has none of the columns of a model
    let text = "model brief on post = linear(dense=[length], heads={p: likes}, label_window=1h)\nall(post).rank(brief).take(2)\n";
    fs::write(folder.join("brief.igql"), text).unwrap();
    fs::write(folder.join("none.igql"), "all(post).score(length).take(2)\n").unwrap();
    works(folder, &["train", "brief.igql"]);
    for file in ["brief.igql", "none.igql"] {
        works(
            folder,
            &["run", file, "--user", "3", "--at", "2024-02-10", "--log", "log", "-o", "o.json"],
        );
    }
    let args = [
        "--requests",
        "log",
        "--truth",
        "likes",
        "--format",
        "json",
        "--metrics",
        "hit",
        "--no-stages",
    ];
    let (out, _) = works(folder, &[&["replay", "none.igql"], &args[..]].concat());
    let report: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(report["requests"], 40 * 28 * 6 + 2);
    // and a file of an earlier version, which had no stages
    let old = "run,id,viewer,now\na,1,7,2024-02-03T00:00:00Z\n";
    fs::write(folder.join("log/requests.parquet/0.csv"), old).unwrap();
    let shown = "run,request,stage,key,position,propensity\na,1,result,p01,1,1.0\n";
    fs::write(folder.join("log/candidates.parquet/0.csv"), shown).unwrap();
    let item = trained(folder, &FROM)["items"][0].clone();
    assert!(item["notes"].to_string().contains("1 requests are of files without"), "{item}");
    assert!(weights(folder, 1) == weights(folder, 2));
    // the rows of the answer alone count as shown
    let ips = [&["replay", "none.igql"], &args[..], &["--ips"]].concat();
    let (code, out, said) = run(folder, &ips);
    assert!(matches!(code, Some(0 | 3)) && !said.contains("positions start at 1"), "{out}{said}");
}

#[test]
fn what_a_log_alone_knows() {
    let world = world();
    let folder = world.path();
    let known = "context={surface: surface}, shown={position: 1, surface: \"home\"},";
    let model = format!(
        "param surface: string = \"home\"
model taste on post = linear(
    dense={{length: length, long: 1.0 * length if surface == \"wide\" else 0.0}},
    heads={{p_like: likes}}, {known} label_window=1h,
)\n"
    );
    let page =
        format!("{model}user.walk(shown, where=time <= now and now - time < 5m).rank(taste)\n");
    program(folder, &page);
    let (code, out, said) = run(folder, &["train", "page.igql"]);
    assert_eq!(code, Some(3), "{out}{said}");
    assert!(out.contains("no link says what `position` was"), "{out}{said}");
    let shown_alone = page.replace("shown={position: 1, surface: \"home\"},", "");
    program(folder, &shown_alone);
    let (code, out, _) = run(folder, &["train", "page.igql"]);
    assert_eq!(code, Some(3));
    assert!(out.contains("`surface` is the same in all examples"), "{out}");
    // the first version takes something else for it, so that there is one to log
    program(
        folder,
        &page.replace(known, "context={surface: \"wide\" if clicked == 1 else \"home\"},"),
    );
    trained(folder, &[]);
    let mut asked = "user_id,at,surface\n".to_owned();
    for day in 1..=27 {
        for user in 0..40 {
            let surface = if user % 3 == 0 { "wide" } else { "home" };
            let hour = 8 + user % 12;
            asked += &format!("{user},2024-02-{day:02}T{hour:02}:05:00Z,{surface}\n");
        }
    }
    fs::write(folder.join("asked.csv"), asked).unwrap();
    log(folder, "log");
    program(folder, &page);
    fails(folder, &["check", "page.igql"], 1, &["E0502"]);
    dumped(folder, "out", &["--from", "log"]);
    let columns = [
        ("user_id", Type::Int),
        ("position", Type::Int),
        ("surface", Type::String),
        ("length", Type::Float),
        ("long", Type::Float),
    ];
    let all = rows(folder, "out", &columns);
    assert!(all.len() > 4_000);
    for row in &all {
        let is_wide = int(row, "user_id").unwrap() % 3 == 0;
        assert_eq!(text(row, "surface"), Some(if is_wide { "wide" } else { "home" }));
        let long = if is_wide { number(row, "length") } else { Some(0.0) };
        assert_eq!(number(row, "long"), long);
    }
    let positions =
        |wanted: i64| all.iter().filter(|row| int(row, "position") == Some(wanted)).count();
    assert!(positions(1) == 27 * 40 && positions(2) > 900 && positions(6) == 0);
    let item = trained(folder, &FROM)["items"][0].clone();
    assert_eq!(item["version"]["n"], 2);
    works(folder, &["run", "page.igql", "--user", "3", "--param", "surface=wide"]);
    // a parameter that requests do not have
    program(
        folder,
        &page
            .replace("surface: \"home\"}", "surface: \"home\", other: 1}")
            .replace("model", "param other: int = 0\nmodel"),
    );
    fails(
        folder,
        &["train", "page.igql", "--only", "taste", "--from", "log"],
        3,
        &["does not say what `other` was"],
    );
}

#[test]
fn a_version_of_a_log_stays_until_there_is_another() {
    let world = logged();
    let folder = world.path();
    let state = |args: &[&str]| trained(folder, args)["items"][0].clone();
    let item = state(&FROM);
    assert_eq!(
        (&item["stale"], &item["outcome"]),
        (&"it was trained from other examples".into(), &"trained".into())
    );
    assert_eq!(state(&FROM)["outcome"], "kept");
    assert_eq!(state(&[])["outcome"], "kept");
    let (list, _) = works(folder, &["train", "page.igql", "--list"]);
    assert!(list.contains("trained from a log"), "{list}");
    // programs read it, and its log is that of the newest version
    let (out, _) = works(folder, &["run", "page.igql", "--user", "7", "--format", "json"]);
    assert!(out.contains("taste@2"), "{out}");
    // new data: plain training leaves it; the same log is read with new labels
    let mut likes = fs::read_to_string(folder.join("likes.csv")).unwrap();
    likes += "1,p01,2024-02-28T23:00:00Z\n";
    fs::write(folder.join("likes.csv"), likes).unwrap();
    assert_eq!(state(&[])["outcome"], "kept");
    assert_eq!(state(&FROM)["stale"], "the data has changed");
    // more of the log, and links again
    log(folder, "log");
    let item = state(&FROM);
    assert_eq!(
        (&item["stale"], &item["version"]["n"]),
        (&"it was trained from other examples".into(), &4.into())
    );
    let notes = item["notes"].to_string();
    assert!(notes.contains("6720 requests stand in the log again"), "{notes}");
    let item = state(&["--again"]);
    assert_eq!(item["version"]["n"], 5);
    assert!(item["version"].get("log").is_none());
    assert_eq!(state(&[])["outcome"], "kept");
}

#[test]
fn what_is_gone_is_left_out_and_said() {
    let world = logged();
    let folder = world.path();
    let posts = fs::read_to_string(folder.join("posts.csv")).unwrap();
    let kept: String = posts
        .lines()
        .filter(|line| !line.starts_with("p07,"))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(folder.join("posts.csv"), kept).unwrap();
    for table in ["shown.csv", "likes.csv"] {
        let text = fs::read_to_string(folder.join(table)).unwrap();
        let lines = text.lines().filter(|line| !line.contains(",p07,") && !line.starts_with("3,"));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        fs::write(folder.join(table), text).unwrap();
    }
    let item = trained(folder, &FROM)["items"][0].clone();
    let notes = item["notes"].to_string();
    assert!(notes.contains("168 requests are of viewers that are gone"), "{notes}");
    assert!(notes.contains("rows that were shown are gone"), "{notes}");
    let rows = item["version"]["log"]["rows"].as_u64().unwrap();
    assert!(rows > 6_000 && rows < 39 * 28 * 6, "{rows}");
    // before the cut-off alone
    let until = ["--until", "2024-02-20", "--learned", "past"];
    let item = trained(folder, &[&FROM[..], &until].concat())["items"][0].clone();
    assert!(item["notes"].to_string().contains("not before the end of the training"), "{item}");
    assert_eq!(item["version"]["role"], "backtest");
}

#[test]
fn a_log_outlives_the_inputs_of_its_models() {
    let world = logged();
    let folder = world.path();
    let page = |model: &str| program(folder, &format!("{model}{SHOWN}"));
    let before = dumped(folder, "before", &["--from", "log"]);
    let other = TASTE.replace("age: made,", "");
    page(&other);
    trained(folder, &[]);
    log(folder, "log");
    // each declaration is trained from what was logged of it
    let train = [&["train", "page.igql"], &FROM[..]].concat();
    for model in [TASTE, &other] {
        page(model);
        let (_, said) = works(folder, &train);
        assert!(
            said.contains("with a version whose inputs are others, and are left out"),
            "{said}"
        );
    }
    page(TASTE);
    assert!(before == dumped(folder, "after", &["--from", "log"]));
}
