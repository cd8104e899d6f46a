//! Models that are named by the number of a version: they give what they gave, whatever is declared and trained since.

use super::models::world;
use super::train::{program, run, trained};
use igql::store::Options;
use igql::{Engine, Request, Value};
use serde_json::Value as Json;
use std::fs;
use std::path::Path;

/// Every way to read something, with declarations behind it.
const READS: &str = "edge fresh = likes where time > @2024-02-03
embedding space on user, post = als(likes, dim=3, iterations=3)
edge near = itemknn(likes, k=5)
tunable prior in 1.0..9.0 = 3.0
def share(n: float, of: float) -> float = (n + 1) / (of + prior)
value rate on post = share(float(count(~fresh(it))), float(count(~shown(it))))
value `my own` on post = length if live else null\n";

const MODEL: &str = "model taste on post = mtml(
    dense={rate: rate, age: made, `my own`: `my own`, mine: mean(fresh(viewer), to.length), close: sum(near(it), weight),
        text: 1.0 if kind == \"text\" else 0.0, often: times},
    sparse=[kind, it, live, history(fresh, 3), hashed(hash(kind, viewer), 64)],
    vectors={space: space, alike: cosine(viewer.space, space)},
    missing={age: zero}, context={times: clicked + weight}, min_count=2,
    heads={p_click: likes, p_fresh: fresh}, label_window=1h, hidden=[8], towers=4, epochs=2)\n";

/// Key and bits of all heads of every post.
fn heads(engine: &Engine, text: &str, user: i64, names: &[&str]) -> Vec<(String, Vec<u64>)> {
    let compiled = engine.compile(text).map_err(|error| error.to_string());
    let program = compiled.unwrap_or_else(|error| panic!("{error}"));
    let answer = engine.run(&program, &Request::user(user)).unwrap();
    let bits = |value: Option<&Value>| match value {
        Some(Value::Float(x)) => x.to_bits(),
        other => panic!("{other:?}"),
    };
    let rows = answer.rows();
    let mut found: Vec<(String, Vec<u64>)> = rows
        .iter()
        .map(|row| {
            let heads = names.iter().map(|name| bits(row.get(name)));
            (row.key().to_string(), heads.chain([row.score().to_bits()]).collect())
        })
        .collect();
    found.sort();
    found
}

fn open(folder: &Path) -> Engine {
    Engine::open(folder).unwrap()
}

/// What is wrong with a program.
fn wrong(folder: &Path, text: &str) -> String {
    open(folder).compile(text).map(drop).unwrap_err().to_string()
}

fn manifest(folder: &Path, path: &str) -> Json {
    let path = folder.join(".igql/learned").join(path).join("manifest.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_version_gives_what_it_gave_whatever_is_declared_since() {
    let world = world();
    let rank = |model: &str| {
        format!("all(post).let(times=1.0).rank({model}, value=p_click + p_fresh).take(90)\n")
    };
    program(world.path(), &format!("{READS}{MODEL}{}", rank("taste")));
    trained(world.path(), &[]);
    let names = ["p_click", "p_fresh"];
    let before = heads(&open(world.path()), &format!("{READS}{MODEL}{}", rank("taste")), 7, &names);
    assert_eq!(before.len(), 90);
    // by its number it needs no declaration, and gives the same to the bit
    let engine = open(world.path());
    assert_eq!(heads(&engine, &rank("taste@1"), 7, &names), before);
    // another declaration of every name that it reads, and another training of what is learned
    let others = READS
        .replace("@2024-02-03", "@2024-02-20")
        .replace("(of + prior)", "(of + 2 * prior)")
        .replace("length if live", "2 * length if live");
    let other = format!("{others}{}", MODEL.replace("p_fresh:", "more:"));
    program(world.path(), &format!("{other}all(post).let(times=1.0).rank(taste, value=more)\n"));
    let report = trained(world.path(), &["--again"]);
    let labels: Vec<&str> = report["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            assert_eq!(item["outcome"], "trained", "{item}");
            item["name"].as_str().unwrap()
        })
        .collect();
    assert_eq!(labels, ["space", "near", "taste"]);
    let engine = open(world.path());
    assert_eq!(heads(&engine, &format!("{other}{}", rank("taste@1")), 7, &names), before);
    // two versions in one program, and through an alias and a parameter
    let both = "model old on post = taste@1
def ranked(by: model[post]) -> set[post] = all(post).let(times=1.0).rank(by, value=p_click)
ranked(old).let(before=score).rank(taste@2, value=more).let(times=1.0).select(before, p_click, more).take(90)\n";
    let both = heads(&engine, both, 7, &["before", "p_click", "more"]);
    let of_first: Vec<u64> = before.iter().map(|(_, heads)| heads[0]).collect();
    assert_eq!(both.iter().map(|(_, heads)| heads[0]).collect::<Vec<_>>(), of_first);
    assert!(both.iter().any(|(_, heads)| heads[0] != heads[1]));
    // the answer names the version, and what that reads
    let program = engine.compile(&rank("taste@1")).unwrap();
    let answer = engine.run(&program, &Request::user(7)).unwrap();
    assert_eq!(answer.versions, ["near@1", "space@1", "taste@1"]);
    // what only a request knows is asked for as before
    let said = wrong(world.path(), "all(post).rank(taste@1, value=p_fresh)\n");
    assert!(said.contains("E0203") && said.contains("let(times=...)"), "{said}");
}

#[test]
fn the_tunables_of_a_version_are_those_that_were_written() {
    let world = world();
    let page = "tunable prior in 1.0..9.0 = 3.0
model m on post = linear(dense=[(count(~likes(it)) + 1) / (count(~shown(it)) + prior)], heads={p: clicked == 1})\n";
    program(world.path(), page);
    trained(world.path(), &[]);
    let engine = open(world.path());
    let before = heads(&engine, &format!("{page}all(post).rank(m).take(90)\n"), 1, &["p"]);
    let other = "tunable prior in 1.0..9.0 = 8.0\nall(post).rank(m@1).filter(prior > 0).take(90)\n";
    let after = heads(&engine, other, 1, &["p"]);
    assert_eq!(after, before);
}

#[test]
fn every_kind_of_model_can_be_named() {
    let world = world();
    let text = |name: &str, value: &str| format!("model {name} on post = {value}\n");
    let linear = "linear(dense=[length], sparse=[kind], heads={p_a: clicked == 1})";
    let mlp = "mlp(dense=[length], positives=likes, heads={p_a: likes}, hidden=[4], epochs=2)";
    let mtml = "mtml(sparse=[kind, history(positives, 5)], positives=likes, heads={p_a: likes}, hidden=[4], epochs=2)";
    let student = "distill(of=plain, candidates=all(post), features=[length, kind, count(~likes(it))], requests=40, epochs=3)";
    let topics = "classifier(of=space, topics=kind, min_links=1)";
    let spaces = "embedding space on user, post = als(likes, dim=4, iterations=3)\n";
    let kinds =
        [("plain", linear), ("net", mlp), ("body", mtml), ("first", student), ("kinds", topics)];
    let all: String = kinds.iter().map(|(name, value)| text(name, value)).collect();
    program(world.path(), &format!("{spaces}{all}"));
    trained(world.path(), &[]);
    let page = |name: &str, version: &str| {
        let head = if name == "kinds" { "p_topic" } else { "score" };
        let value = if name == "kinds" { ", value=p_topic" } else { "" };
        format!("all(post).rank({name}{version}{value}).let(found={head}).take(90)\n")
    };
    let engine = open(world.path());
    let before = kinds.map(|(name, _)| {
        heads(&engine, &format!("{spaces}{all}{}", page(name, "")), 3, &["found"])
    });
    // what they read is trained anew, and every declaration is another one
    let likes = fs::read_to_string(world.path().join("likes.csv")).unwrap();
    let half: Vec<&str> = likes.lines().take(likes.lines().count() / 2).collect();
    fs::write(world.path().join("likes.csv"), half.join("\n")).unwrap();
    let again = all.replace("[length", "[length * length").replace("epochs=", "seed=7, epochs=");
    program(world.path(), &format!("{spaces}{again}"));
    trained(world.path(), &["--again"]);
    fs::write(world.path().join("likes.csv"), likes).unwrap();
    let engine = open(world.path());
    for ((name, _), before) in kinds.iter().zip(before) {
        assert_eq!(heads(&engine, &page(name, "@1"), 3, &["found"]), before, "{name}");
        let now = heads(&engine, &page(name, "@2"), 3, &["found"]);
        assert_ne!(now, before, "{name}");
    }
    // a student of a version is out of date only with that
    let page = format!(
        "{linear_old}{}",
        text("second", &student.replace("of=plain", "of=plain@1")),
        linear_old = text("plain", linear)
    );
    program(world.path(), &page);
    let report = trained(world.path(), &["--only", "second"]);
    assert_eq!(report["items"][0]["version"]["upstream"], serde_json::json!(["model plain@1"]));
}

#[test]
fn a_version_reads_the_names_of_the_files_that_it_was_trained_with() {
    let world = world();
    let write = |name: &str, text: &str| fs::write(world.path().join(name), text).unwrap();
    write("prelude.igql", "value heat on post = count(~likes(it))\n");
    let rates =
        "value rate on post = heat / (count(~shown(it)) + base)\nvalue own on post = length\n";
    write("rates.igql", rates);
    write(
        "model.igql",
        "import \"rates.igql\"\nimport std.explore\nvalue own on post = 3 * length\n\
         model m on post = linear(dense=[rate, own, heat], heads={p: clicked == 1})\n",
    );
    // the names of a program go before those of the files that it imports
    let page = "import \"model.igql\"\nbase = 2.5\nvalue own on post = 5 * length\n";
    program(world.path(), page);
    trained(world.path(), &[]);
    let engine = open(world.path());
    let rank = |model: &str| format!("all(post).rank({model}).take(90)\n");
    let before = heads(&engine, &format!("{page}{}", rank("m")), 2, &["p"]);
    write("prelude.igql", "value heat on post = 7 * length\nvalue rate on post = 1.0\n");
    write("rates.igql", "value rate on post = length\n");
    write("model.igql", "def ranked() -> set[post] = all(post).rank(m@1)\nvalue own on post = 1\n");
    let engine = open(world.path());
    assert_eq!(heads(&engine, &rank("m@1"), 2, &["p"]), before);
    let of_module = "import \"model.igql\"\nbase = 9.0\nranked().take(90)\n";
    assert_eq!(heads(&engine, of_module, 2, &["p"]), before);
    let (code, _, said) = {
        program(world.path(), of_module);
        run(world.path(), &["check", "page.igql"])
    };
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_catalog_that_lacks_what_a_version_reads_is_said() {
    let world = world();
    let write = |name: &str, text: &str| fs::write(world.path().join(name), text).unwrap();
    let read = |name: &str| fs::read_to_string(world.path().join(name)).unwrap();
    program(
        world.path(),
        "value long on post = length > 50\n\
         model m on post = linear(dense={size: long, live: live, n: count(~likes(it))}, sparse=[kind], heads={p: clicked == 1})\n",
    );
    trained(world.path(), &[]);
    let page = "all(post).rank(m@1).take(3)\n";
    open(world.path()).compile(page).unwrap();
    let (posts, catalog) = (read("posts.csv"), read("catalog.toml"));
    // a column that labels alone read may go
    let shown = read("shown.csv");
    write("shown.csv", &shown.replace("at,clicked\n", "at,seen\n"));
    open(world.path()).compile(page).unwrap();
    write("shown.csv", &shown);
    let refused = |says: &[&str]| {
        let said = wrong(world.path(), page);
        assert!(said.contains("E0504") && said.contains("`m@1` does not fit"), "{said}");
        assert!(says.iter().all(|says| said.contains(says)), "{said}");
    };
    // a column behind a value
    write("posts.csv", &posts.replace("kind,length", "kind,width"));
    refused(&["feature `size`", "`length`"]);
    // an edge
    write("posts.csv", &posts);
    write("catalog.toml", &catalog.replace("[edge.likes]", "[edge.loves]"));
    refused(&["feature `n`", "`likes`"]);
    write("catalog.toml", &catalog);
    // a column of another type, which could be read all the same
    let other = posts.replace(",true,", ",1,").replace(",false,", ",0,");
    write("posts.csv", &other);
    refused(&["feature `live` was bool, and is int"]);
    write(
        "posts.csv",
        &posts.replace("photo", "1.5").replace("video", "2.5").replace("text", "3.5"),
    );
    refused(&["feature `kind`"]);
    // the same name for something else
    write(
        "posts.csv",
        &posts
            .replace(",length,", ",length,long,")
            .replace(",true,", ",true,true,")
            .replace(",false,", ",true,false,"),
    );
    let said = wrong(world.path(), page);
    assert!(said.contains("E0504") && said.contains("size"), "{said}");
}

#[test]
fn versions_that_are_gone_are_told_from_those_that_never_were() {
    let world = world();
    let page = "embedding space on user, post = als(likes, dim=3, iterations=2)
model m on post = linear(vectors=[space], heads={p: clicked == 1}, upstream=latest)\n";
    program(world.path(), page);
    for _ in 0..3 {
        trained(world.path(), &["--again"]);
    }
    let rank = |model: &str| format!("all(post).rank({model}).take(3)\n");
    let said = wrong(world.path(), &rank("other@1"));
    assert!(said.contains("E0501") && said.contains("model `other@1` is not trained"), "{said}");
    let said = wrong(world.path(), &rank("m@7"));
    assert!(said.contains("E0507") && said.contains("there are m@1, m@2, m@3"), "{said}");
    let (code, out, said) = run(world.path(), &["train", "--prune", "2"]);
    assert_eq!((code, out.as_str()), (Some(0), "removed space@1, m@1\n"), "{said}");
    let said = wrong(world.path(), &rank("m@1"));
    assert!(said.contains("E0507") && said.contains("there is no version 1 of `m`"), "{said}");
    // what a version reads goes with it alone: else it is refused
    let folder = world.path().join(".igql/learned/embedding/user+post/space/2");
    fs::rename(&folder, world.path().join("aside")).unwrap();
    let said = wrong(world.path(), &rank("m@2"));
    assert!(
        said.contains("E0507") && said.contains("`m@2` was trained with embedding `space@2`"),
        "{said}"
    );
    fs::rename(world.path().join("aside"), &folder).unwrap();
    open(world.path()).compile(&rank("m@2")).unwrap();
    // one of before versions kept what they read
    let path = world.path().join(".igql/learned/model/post/m/2/manifest.json");
    let mut json: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    json.as_object_mut().unwrap().remove("features").unwrap();
    fs::write(&path, json.to_string()).unwrap();
    let said = wrong(world.path(), &rank("m@2"));
    assert!(
        said.contains("E0503") && said.contains("before versions kept what they read"),
        "{said}"
    );
    // and one that was written by hand
    json["features"] =
        serde_json::json!({"files": [{"text": "model m on ("}], "declared": 4, "each": []});
    fs::write(&path, json.to_string()).unwrap();
    let said = wrong(world.path(), &rank("m@2"));
    assert!(said.contains("E0504") && said.contains("`m@2`"), "{said}");
    let said = wrong(
        world.path(),
        &format!("{page}model n on post = mlp(dense=[m@3], heads={{q: clicked == 1}})\n"),
    );
    assert!(said.contains("E0506") && said.contains("`m@3`"), "{said}");
}

#[test]
fn a_pinned_embedding_is_read_as_it_was() {
    let world = world();
    let space = "embedding space on user, post = als(likes, dim=3, iterations=2)\n";
    let page = |model: &str| format!("{space}embedding first on user, post = space@1\n{model}");
    let model = "model m on post = linear(vectors={old: first, new: space}, heads={p: clicked == 1}, upstream=latest)\n";
    program(world.path(), space);
    trained(world.path(), &[]);
    let likes = fs::read_to_string(world.path().join("likes.csv")).unwrap();
    let part = |share: usize| {
        let lines = likes.lines().count() * share / 4;
        let lines: Vec<&str> = likes.lines().take(lines).collect();
        fs::write(world.path().join("likes.csv"), lines.join("\n")).unwrap();
    };
    part(3);
    program(world.path(), &page(model));
    trained(world.path(), &[]);
    let found = manifest(world.path(), "model/post/m/1");
    assert_eq!(found["upstream"], serde_json::json!(["embedding space@1", "embedding space@2"]));
    part(4);
    let of = |version: &str| {
        let declared = if version.is_empty() { model } else { "" };
        let rank = format!("{}all(post).rank(m{version}).take(90)\n", page(declared));
        heads(&open(world.path()), &rank, 4, &["p"])
    };
    let before = of("");
    assert_eq!(of("@1"), before);
    part(2);
    trained(world.path(), &["--only", "space", "--again"]);
    part(4);
    assert_eq!(of("@1"), before);
    assert_eq!(of(""), before);
}

#[test]
fn another_catalog_reads_a_version_by_its_keys() {
    let (world, other) = (world(), world());
    program(
        world.path(),
        "model m on post = linear(dense=[length], sparse=[kind, it], heads={p: clicked == 1})\n",
    );
    trained(world.path(), &[]);
    let page = "all(post).rank(m@1).take(90)\n";
    let before = heads(&open(world.path()), page, 3, &["p"]);
    let said = wrong(other.path(), page);
    assert!(said.contains("E0501"), "{said}");
    // the same posts in another order, with a column more and a kind that nobody knows
    let posts = fs::read_to_string(other.path().join("posts.csv")).unwrap();
    let mut lines: Vec<String> = posts.lines().skip(1).map(|line| format!("{line},x")).collect();
    lines.reverse();
    lines.insert(0, "a00,article,3,true,2024-01-01T00:00:00Z,x".to_owned());
    let text = format!("post_id,kind,length,live,made,more\n{}\n", lines.join("\n"));
    fs::write(other.path().join("posts.csv"), text).unwrap();
    let learned = world.path().join(".igql/learned");
    let options = Options { learned: Some(learned), ..Options::default() };
    let engine = Engine::open_with(other.path(), &options).unwrap();
    let said = engine.compile(page).map(drop).unwrap_err().to_string();
    assert!(said.contains("E0501") || said.contains("E0507"), "{said}");
    let copied = other.path().join(".igql/learned/model/post/m/1");
    fs::create_dir_all(&copied).unwrap();
    for file in ["manifest.json", "weights.safetensors"] {
        fs::copy(world.path().join(".igql/learned/model/post/m/1").join(file), copied.join(file))
            .unwrap();
    }
    let mut after = heads(&open(other.path()), &page.replace("90", "91"), 3, &["p"]);
    assert_eq!(after.remove(0).0, "a00");
    assert_eq!(after, before);
}

#[test]
fn versions_of_the_past_are_not_served() {
    let world = world();
    let page = "edge near = itemknn(likes, k=5)
model m on post = linear(dense=[sum(near(it), weight)], heads={p: clicked == 1})\n";
    program(world.path(), page);
    trained(world.path(), &[]);
    let report = format!("{page}all(post).rank(m@1).walk(near@1, merge=sum).take(5)\n");
    let said = wrong(world.path(), "all(post).walk(near@2, merge=sum).take(5)\n");
    assert!(
        said.contains("E0507") && said.contains("only examples of the past read version 2"),
        "{said}"
    );
    // a file that names versions beside the declaration is trained as others
    program(world.path(), &report);
    trained(world.path(), &["--again"]);
    let (code, out, said) =
        run(world.path(), &["run", "page.igql", "--user", "3", "--format", "json"]);
    assert_eq!(code, Some(0), "{said}");
    let answer: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["versions"], serde_json::json!(["m@1", "near@1"]));
    // replays read versions of their own folder, by the numbers there
    let args = ["train", "page.igql", "--until", "2024-02-20", "--learned", "past"];
    program(world.path(), page);
    let (code, _, said) = run(world.path(), &args);
    assert_eq!(code, Some(0), "{said}");
    let options = Options { learned: Some(world.path().join("past")), ..Options::default() };
    let engine = Engine::open_with(world.path(), &options).unwrap();
    heads(&engine, "all(post).rank(m@1).take(90)\n", 3, &["p"]);
    program(world.path(), "all(post).rank(m@1).take(5)\n");
    let args = [
        "replay",
        "page.igql",
        "--learned",
        "past",
        "--truth",
        "likes",
        "--from",
        "2024-02-21",
        "--horizon",
        "1d",
    ];
    let (code, _, said) = run(world.path(), &args);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_version_that_is_yet_to_come_keeps_nothing_from_being_trained() {
    let world = world();
    let folder = world.path();
    let model = |name: &str| {
        format!(
            "model {name} on post = linear(dense=[length], heads={{p: likes}}, label_window=1h)\n"
        )
    };
    let page = format!("{}model prod on post = a@1\nall(post).rank(prod).take(2)\n", model("a"));
    program(folder, &page);
    let (code, _, said) = run(folder, &["check", "page.igql"]);
    assert!(code == Some(1) && said.contains("E0501") && !said.contains("a@0"), "{said}");
    assert_eq!(trained(folder, &[])["items"][0]["outcome"], "trained");
    assert_eq!(run(folder, &["check", "page.igql"]).0, Some(0));
    // elsewhere the numbers begin anew
    let back = ["--until=2024-02-20", "--learned=back"];
    assert_eq!(trained(folder, &back)["items"][0]["outcome"], "trained");
    // one that is gone, and one of something that nobody declares, will not come
    program(folder, &page.replace("length", "length + 1").replace("a@1", "a@7"));
    assert_eq!(trained(folder, &[])["items"][0]["outcome"], "trained");
    let prune = ["train", "page.igql", "--prune", "1"];
    assert_eq!(run(folder, &prune).0, Some(0));
    for missing in ["a@0", "b@1"] {
        program(folder, &page.replace("a@1", missing));
        let (code, _, said) = run(folder, &["train", "page.igql"]);
        assert!(code == Some(1) && said.contains(missing), "{missing}: {said}");
    }
}
