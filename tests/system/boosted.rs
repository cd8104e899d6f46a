//! Models of LightGBM and XGBoost in programs: what their heads give is what the libraries say, whatever the table, and a
//! declaration that does not fit its file is told. The files are those of `tests/data/trees`.

use super::log_training::rows;
use super::train::{open, program, run};
use igql::types::Type;
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
[entity.post]
table = "posts.csv"
key = "post_id"
[entity.post.columns]
x0 = { type = "float" }
x1 = { type = "float" }
x2 = { type = "float" }
x3 = { type = "float" }
x4 = { type = "float" }
x5 = { type = "float" }
made = { type = "time" }
[entity.post.references]
by = { entity = "user", column = "by_id" }
[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
time = "at"
[defaults]
impressions = "likes"
now = "2024-03-01"
"#;

const FEATURES: &str = "features=[x0, x1, x2, x3, x4, x5]";

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/trees")
}

/// What a library said of the rows.
fn said(library: &str) -> Json {
    let text = fs::read_to_string(files().join(format!("{library}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A catalog whose posts are the rows that a library was asked about, with its models beside it.
fn world(library: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    let said = said(library);
    let rows = said["rows"].as_array().unwrap();
    let cell = |value: &Json| value.as_f64().map_or(String::new(), |x| format!("{x:?}"));
    let line = |(number, row): (usize, &Json)| {
        let cells: Vec<String> = row.as_array().unwrap().iter().map(cell).collect();
        let day = 1 + number % 28;
        format!(
            "{number},{},2024-02-{day:02},word,{},1,{number}\n",
            cells.join(","),
            number % 2 == 0
        )
    };
    let lines: String = rows.iter().enumerate().map(line).collect();
    file("posts.csv", format!("post_id,x0,x1,x2,x3,x4,x5,made,word,live,by_id,length\n{lines}"));
    file("likes.csv", "user_id,post_id,at\n1,1,2024-02-03T00:00:00Z\n".to_owned());
    file("catalog.toml", CATALOG.to_owned());
    for entry in fs::read_dir(files()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with(&format!("{library}_")) {
            fs::copy(&path, folder.path().join(name)).unwrap();
        }
    }
    folder
}

/// The columns of the rows of a program, by the number of the post.
fn columns(engine: &Engine, text: &str) -> BTreeMap<usize, Vec<f64>> {
    let program = engine.compile(text).unwrap_or_else(|e| panic!("{text}\n{e}"));
    let answer = engine.run(&program, &Request::user(1)).unwrap();
    let value = |value: &Value| match value {
        Value::Float(x) => *x,
        other => panic!("{other:?}"),
    };
    let row = |row: igql::Row| {
        let columns = row.values().map(value).collect();
        (row.key().to_string().parse().unwrap(), columns)
    };
    answer.rows().map(row).collect()
}

/// Numbers, or lists of numbers, as rows.
fn rows_of(json: &Json) -> BTreeMap<usize, Vec<f64>> {
    let row = |row: &Json| match row {
        Json::Array(items) => items.iter().map(|item| item.as_f64().unwrap()).collect(),
        single => vec![single.as_f64().unwrap()],
    };
    json.as_array().unwrap().iter().map(row).enumerate().collect()
}

fn heads(count: usize) -> String {
    (0..count).map(|n| format!("p{n}")).collect::<Vec<_>>().join(", ")
}

/// A program with all heads of a model for all posts.
fn page(call: &str, outputs: usize) -> String {
    let heads = heads(outputs);
    format!(
        "model m on post = {call}, heads=[{heads}])\nall(post).rank(m, value=p0).take(100).select({heads})"
    )
}

#[test]
fn heads_are_what_lightgbm_says_to_the_bit() {
    let world = world("lightgbm");
    let engine = open(world.path());
    for (name, model) in said("lightgbm")["models"].as_object().unwrap() {
        let raw = rows_of(&model["raw"]);
        let features = match name.as_str() {
            "named" => "features={age: x0, rate: x1, plays: x2, kind: x3, shelf: x4, size: x5}",
            _ => FEATURES,
        };
        let call = format!("lightgbm(\"lightgbm_{name}.txt\", {features}, raw=true");
        assert_eq!(columns(&engine, &page(&call, raw[&0].len())), raw, "{name}");
        let predicted = rows_of(&model["predicted"]);
        let call = format!("lightgbm(\"lightgbm_{name}.txt\", {features}");
        for (row, own) in columns(&engine, &page(&call, predicted[&0].len())) {
            for (own, expected) in own.iter().zip(&predicted[&row]) {
                assert!((own - expected).abs() <= 1e-15 * expected.abs().max(1.0), "{name} {row}");
            }
        }
    }
}

#[test]
fn heads_are_what_xgboost_says_to_its_bits() {
    let world = world("xgboost");
    let engine = open(world.path());
    for (name, model) in said("xgboost")["models"].as_object().unwrap() {
        let features = match name.as_str() {
            "named" => "features={age: x0, rate: x1, plays: x2, kind: x3, shelf: x4, size: x5}",
            _ => FEATURES,
        };
        for (said, more) in
            [("raw", ", raw=true"), ("predicted", ""), ("two_rounds", ", iterations=2")]
        {
            let expected = rows_of(&model[said]);
            let call = format!("xgboost(\"xgboost_{name}.json\", {features}{more}");
            for (row, own) in columns(&engine, &page(&call, expected[&0].len())) {
                for (own, expected) in own.iter().zip(&expected[&row]) {
                    let apart = (own - expected).abs() / expected.abs().max(1.0);
                    assert!(apart <= 2e-7, "{name} {said} {row}: {own}, not {expected}");
                }
            }
        }
    }
}

#[test]
fn all_types_of_numbers_are_features_and_null_is_one_that_is_missing() {
    let world = world("lightgbm");
    let engine = open(world.path());
    let all = |features: &str| {
        let call = format!("lightgbm(\"lightgbm_binary.txt\", features=[{features}], raw=true");
        columns(&engine, &page(&call, 1))
    };
    let by_types = all("x0, x1, length, live, age(made), made");
    let by_hand =
        all("x0, x1, 1.0 * length, 1.0 if live else 0.0, age(made) / 1s, (now - made) / 1s");
    assert_eq!(by_types.len(), 48);
    assert_eq!(by_types, by_hand);
    // a value of the request, and null for all
    let missing = all("x0, x1, null if true else x2, 2, 1d, 2.5");
    assert_eq!(missing, all("x0, x1, x2 if x2 > 1e300 else null, 2.0, 86400, 2.5"));
}

/// How a program scores each post, as `--why` explains it.
fn explained(folder: &Path, text: &str) -> BTreeMap<usize, Json> {
    program(folder, text);
    let args = ["run", "page.igql", "--user", "1", "--why", "--format", "json"];
    let (code, out, said) = run(folder, &args);
    assert_eq!(code, Some(0), "{said}");
    let answer: Json = serde_json::from_str(&out).unwrap();
    let rows = answer["results"].as_array().unwrap().iter();
    let row = |row: &Json| {
        let scored = row["why"]["scores"].as_array().unwrap().last().unwrap();
        (row["post_id"].as_u64().unwrap() as usize, scored.clone())
    };
    rows.map(row).collect()
}

/// Whether contributions are those that a library gives: of each feature, and the expectation behind them.
fn assert_added(found: &Json, expected: &[f64], names: &[&str], apart: f64) {
    let (mean, added) = expected.split_last().unwrap();
    let near = |own: f64, expected: f64| (own - expected).abs() <= apart * expected.abs().max(1.0);
    assert!(near(found["expected"].as_f64().unwrap(), *mean), "{found}");
    assert!(near(found["sum"].as_f64().unwrap(), expected.iter().sum()), "{found}");
    for (name, expected) in names.iter().zip(added) {
        let features = found["features"].as_array().unwrap();
        let own = features.iter().find(|feature| feature["feature"] == *name);
        let own = own.map_or(0.0, |own| own["effect"].as_f64().unwrap());
        assert!(near(own, *expected), "{name}: {expected}, not {found}");
    }
}

#[test]
fn explanations_say_what_each_feature_adds_as_the_libraries_do() {
    let names = ["x0", "x1", "x2", "x3", "x4", "x5"];
    for (library, ending, name, of, apart) in [
        ("lightgbm", "txt", "binary", "log_odds", 1e-6),
        ("lightgbm", "txt", "binary_sigmoid", "margin", 1e-6),
        ("lightgbm", "txt", "regression", "value", 1e-6),
        ("lightgbm", "txt", "lambdarank", "value", 1e-6),
        ("xgboost", "json", "binary_logistic", "log_odds", 1e-6),
    ] {
        let world = world(library);
        let model = &said(library)["models"][name];
        let (expected, raw) = (rows_of(&model["contributions"]), rows_of(&model["raw"]));
        let call = format!("{library}(\"{library}_{name}.{ending}\", {FEATURES}");
        for (of, more) in [(of, ""), ("value", ", raw=true")] {
            let text = format!("model m on post = {call}{more})\nall(post).rank(m).take(100)\n");
            let rows = explained(world.path(), &text);
            for (row, expected) in &expected {
                let scored = &rows[row];
                // the score is the head, and nothing else is to be told
                assert_eq!(scored["features"], Json::Array(Vec::new()), "{scored}");
                let [found] = &scored["contributions"].as_array().unwrap()[..] else { panic!() };
                let told = (&found["head"], &found["of"], &found["over"]);
                assert_eq!(told, (&"m".into(), &of.into(), &"training".into()), "{name}");
                assert!(scored["model"].as_str().unwrap().starts_with("m@"), "{scored}");
                assert_added(found, expected, &names, apart);
                let sum = found["sum"].as_f64().unwrap();
                assert!((sum - raw[row][0]).abs() <= 1e-6 * sum.abs().max(1.0), "{sum} {raw:?}");
            }
        }
    }
}

#[test]
fn a_score_of_several_heads_is_explained_by_these_and_each_of_them_by_its_features() {
    let world = world("lightgbm");
    let expected = rows_of(&said("lightgbm")["models"]["multiclass"]["contributions"]);
    let text = format!(
        "model m on post = lightgbm(\"lightgbm_multiclass.txt\", {FEATURES}, heads=[a, b, c])\n\
         all(post).rank(m, value=a - 2 * c + x1 / 1000).take(100)\n"
    );
    let rows = explained(world.path(), &text);
    let mean = |head: &str| {
        let of = |row: &Json| row["heads"][head].as_f64().unwrap();
        rows.values().map(of).sum::<f64>() / rows.len() as f64
    };
    let (a, c) = (mean("a"), mean("c"));
    for (row, expected) in &expected {
        let scored = &rows[row];
        let contributions = scored["contributions"].as_array().unwrap();
        let heads: Vec<&str> = contributions.iter().map(|h| h["head"].as_str().unwrap()).collect();
        assert_eq!(heads, ["a", "c"]);
        for (found, class) in contributions.iter().zip([0, 2]) {
            assert_eq!(found["of"], "margin");
            let names = ["x0", "x1", "x2", "x3", "x4", "x5"];
            assert_added(found, &expected[7 * class..][..7], &names, 1e-6);
        }
        let features = scored["features"].as_array().unwrap();
        let effect = |name: &str| {
            let own = features.iter().find(|feature| feature["feature"] == name);
            own.unwrap_or_else(|| panic!("{name}: {scored}"))["effect"].as_f64().unwrap()
        };
        let head = |name: &str| scored["heads"][name].as_f64().unwrap();
        assert!((effect("a") - (head("a") - a)).abs() < 1e-9, "{scored}");
        assert!((effect("c") + 2.0 * (head("c") - c)).abs() < 1e-9, "{scored}");
    }
    let args = ["run", "page.igql", "--user", "1", "--why", "--format", "table"];
    let (_, text, _) = run(world.path(), &args);
    assert!(text.contains(" from a = 0."), "{text}");
    assert!(text.contains("         a: margin ") && text.contains("the mean of the training is "));
    assert!(text.contains(" from another input\n"), "{text}");
}

#[test]
fn a_plan_says_how_often_trees_compare() {
    let world = world("lightgbm");
    let cost = |call: &str| {
        program(world.path(), &format!("model m on post = {call})\nall(post).rank(m).take(9)\n"));
        let (code, out, said) = run(world.path(), &["explain", "page.igql", "--format", "json"]);
        assert_eq!(code, Some(0), "{said}");
        let plan: Json = serde_json::from_str(&out).unwrap();
        let nodes = plan["nodes"].as_array().unwrap();
        let model = nodes.iter().find(|node| node["op"] == "rank").unwrap()["models"][0].clone();
        assert_eq!((&model["features"], &model["unit"]), (&6.into(), &"comparisons".into()));
        assert_eq!(model["all"].as_u64(), Some(48 * model["each"].as_u64().unwrap()));
        model["each"].as_u64().unwrap()
    };
    // more leaves are more on the way, and far fewer than there are
    let few = cost(&format!("lightgbm(\"lightgbm_binary.txt\", {FEATURES}"));
    let many = cost(&format!("lightgbm(\"lightgbm_many_leaves.txt\", {FEATURES}"));
    assert!(0 < few && few < many && many < 200, "{few} {many}");
    let (_, out, _) = run(world.path(), &["explain", "page.igql"]);
    assert!(
        out.contains(&format!(": about 48 rows x 6 features, {many} comparisons each, ")),
        "{out}"
    );
}

#[test]
fn a_class_is_of_no_margin_alone() {
    let world = world("xgboost");
    let text = format!(
        "model m on post = xgboost(\"xgboost_multi_softmax.json\", {FEATURES})\nall(post).rank(m).take(100)\n"
    );
    let rows = explained(world.path(), &text);
    assert!(rows.values().all(|scored| scored["contributions"].is_null()));
    // then it is told which features make a difference
    assert!(rows.values().any(|scored| scored["features"].as_array().unwrap().len() > 1));
}

/// What is wrong with a program: codes, messages and helps.
fn wrong(engine: &Engine, text: &str) -> Vec<(String, String)> {
    let error = engine.compile(text).err().unwrap_or_else(|| panic!("{text} is right"));
    let said = |d: &igql::diag::Diagnostic| {
        let span = d.span;
        let text = &text[span.start as usize..span.end as usize];
        (
            format!("{} {}", d.code.id, text),
            format!("{}; {}", d.message, d.help.clone().unwrap_or_default()),
        )
    };
    error.diagnostics.iter().filter(|d| d.code.id.starts_with('E')).map(said).collect()
}

#[test]
fn a_declaration_that_does_not_fit_its_file_is_told_where_it_stands() {
    let world = world("lightgbm");
    fs::copy(files().join("xgboost_named.json"), world.path().join("named.json")).unwrap();
    fs::write(
        world.path().join("cut.txt"),
        &fs::read(files().join("lightgbm_dart.txt")).unwrap()[..900],
    )
    .unwrap();
    let engine = open(world.path());
    let told = |call: &str| {
        let text = format!("model m on post = {call}\nall(post).rank(m)");
        wrong(&engine, &text)
            .iter()
            .map(|(at, what)| format!("{at}\n    {what}\n"))
            .collect::<String>()
    };
    let binary = "lightgbm(\"lightgbm_binary.txt\"";
    let named = "lightgbm(\"lightgbm_named.txt\"";
    let all = [
        told("lightgbm()"),
        told("lightgbm(path)"),
        told(&format!("lightgbm(\"lightgbm_binry.txt\", {FEATURES})")),
        told(&format!("lightgbm(\"cut.txt\", {FEATURES})")),
        told(&format!("lightgbm(\"named.json\", {FEATURES})")),
        told(&format!("xgboost(\"lightgbm_binary.txt\", {FEATURES})")),
        told(&format!("{binary}, [x0, x1, x2, x3, x4])")),
        told(&format!("{named}, [x0, x1, x2, x3, x4])")),
        told(&format!("{named}, {FEATURES})")),
        told(&format!(
            "{named}, {{age: x0, rates: x1, plays: x2, kind: x3, shelf: x4, size: x5}})"
        )),
        told(&format!("{named}, {{rate: x0, age: x1, plays: x2, kind: x3, shelf: x4, size: x5}})")),
        told(&format!("{binary}, [x0, x1, x2, x3, x4, word])")),
        told(&format!("{binary}, [x0, x1, x2, x3, it, by])")),
        told(&format!("{binary}, [x0, x1, x2, x3, x4, x6])")),
        told(&format!("{binary}, x0)")),
        told(&format!("{binary}, {FEATURES}, heads=[a, b])")),
        told(&format!("{binary}, {FEATURES}, heads=[\"a\"])")),
        told(&format!("{binary}, {FEATURES}, heads={{a: 1}})")),
        told(&format!("{binary}, {FEATURES}, heads=[score])")),
        told(&format!("{binary}, {FEATURES}, raw=1)")),
        told(&format!("{binary}, {FEATURES}, iterations=1)")),
        told(&format!("{binary}, {FEATURES}, head=[p])")),
        told(&format!("{binary}, {FEATURES}, {FEATURES})")),
        told(&format!("lightgbm(\"lightgbm_multiclass.txt\", {FEATURES})")),
        told(&format!("lightgbm(\"lightgbm_multiclass.txt\", {FEATURES}, heads=[a, b, a])")),
        told(
            "xgboost(\"named.json\", {age: x0, rate: x1, plays: x2, kind: x3, shelf: x4, size: x5}, iterations=5)",
        ),
        told(
            "xgboost(\"named.json\", {age: x0, rate: x1, plays: x2, kind: x3, shelf: x4, size: x5}, iterations=x)",
        ),
    ];
    insta::assert_snapshot!(all.concat(), @r#"
    E0303 lightgbm
        `lightgbm` needs the path of a file; write `lightgbm("model.txt", features=[...])`
    E0303 lightgbm
        `lightgbm` needs `features`; write `features=[quality, age]`, or `features={quality: expression}`
    E0302 path
        the path of a file is a string that is written out; write `lightgbm("model.txt", features=[...])`
    E0503 "lightgbm_binry.txt"
        `lightgbm_binry.txt` cannot be read: No such file or directory (os error 2); did you mean `lightgbm_binary.txt`?
    E0503 "cut.txt"
        `cut.txt` cannot be used: line 21: expected 12 numbers in `leaf_value`, found 1; write it again with `booster.save_model("model.txt")`
    E0503 "named.json"
        `named.json` cannot be used: line 1: it is a model of XGBoost; declare it as one: `xgboost(...)`
    E0503 "lightgbm_binary.txt"
        `lightgbm_binary.txt` cannot be used: it is a model of LightGBM; declare it as one: `lightgbm(...)`
    E0504 [x0, x1, x2, x3, x4]
        `lightgbm_binary.txt` has 6 features, found 5; they stand in the order of the columns that it was trained on
    E0504 [x0, x1, x2, x3, x4]
        `lightgbm_named.txt` has 6 features, found 5; they are age, rate, plays, kind, shelf, size
    E0504 x0
        feature 1 of `lightgbm_named.txt` is `age`, found `x0`; if that is what it was trained on, say so: `{age: x0}`
    E0504 rates
        feature 2 of `lightgbm_named.txt` is `rate`, found `rates`; did you mean `rate`?
    E0504 {rate: x0, age: x1, plays: x2, kind: x3, shelf: x4, size: x5}
        the features stand in another order: feature 1 of `lightgbm_named.txt` is `age`, found `rate`; its order is age, rate, plays, kind, shelf, size
    E0302 word
        trees read numbers, bools, durations and times, not string; give it the number that it had in training, as in `1 if kind == "video" else 0`
    E0302 it
        trees read numbers, bools, durations and times, not id[post]; write a number of it, as one of its columns
    E0302 by
        trees read numbers, bools, durations and times, not id[user]; write a number of it, as one of its columns
    E0203 x6
        `post` has no column `x6`; `post` has post_id, x0, x1, x2, x3, x4, x5, made, word, live, by_id, length, by, score, position, viewer, now; strings are quoted
    E0302 x0
        `features` is a list or a record; write `features=[quality, age]`, or `features={quality: expression}`
    E0504 [a, b]
        `lightgbm_binary.txt` has 1 output, found 2 names; write `heads=[p_1]`
    E0302 "a"
        the name of a head is a name; write `heads=[p_1]`
    E0302 {a: 1}
        `heads` is a list of names; write `heads=[p_1]`
    E0315 score
        `score` is a built-in name; choose another name
    E0213 1
        `raw` is `true` or `false`, and written out; write `raw=true` for the sum of the trees
    E0304 iterations
        `lightgbm` has no parameter `iterations`; its parameters are path, features, heads, raw
    E0304 head
        `lightgbm` has no parameter `head`; did you mean `heads`?
    E0305 features
        `features` is given twice; leave one of them out
    E0504 lightgbm
        `lightgbm_multiclass.txt` has 3 outputs, which need names; write `heads=[p_1, p_2, p_3]`
    E0504 a
        two heads are called `a`; give each a name of its own
    E0306 5
        `iterations` must be in 1..4, found 5; `named.json` has 4 iterations
    E0213 x
        `iterations` is a number that is written out, or `all`; `named.json` has 4 iterations
    "#);
}

#[test]
fn the_only_head_is_the_score_and_has_the_name_of_the_model() {
    let world = world("lightgbm");
    let engine = open(world.path());
    let text = format!(
        "model liked on post = lightgbm(\"lightgbm_binary.txt\", {FEATURES})\n\
         all(post).rank(liked).let(same=score == liked).filter(same).take(100)"
    );
    let program = engine.compile(&text).unwrap();
    let answer = engine.run(&program, &Request::user(1)).unwrap();
    assert_eq!(answer.rows().len(), 48);
    // several heads have no score of their own
    let multi = format!(
        "model of on post = lightgbm(\"lightgbm_multiclass.txt\", {FEATURES}, heads=[a, b, c])\nall(post).rank(of)"
    );
    assert!(wrong(&engine, &multi)[0].0.starts_with("E0303"));
    // and probabilities are known to be some
    let text = format!(
        "model of on post = lightgbm(\"lightgbm_multiclass.txt\", {FEATURES}, heads=[a, b, c])\n\
         all(post).rank(of, value=a + b + c).filter(abs(score - 1) < 0.000001).take(100)"
    );
    let program = engine.compile(&text).unwrap();
    assert_eq!(engine.run(&program, &Request::user(1)).unwrap().rows().len(), 48);
}

#[test]
fn what_was_read_stays_until_the_engine_is_opened_anew() {
    let world = world("lightgbm");
    let folder = world.path();
    let text =
        format!("model m on post = lightgbm(\"model.txt\", {FEATURES})\nall(post).rank(m).take(3)");
    let copy = |name: &str| fs::copy(folder.join(name), folder.join("model.txt")).unwrap();
    copy("lightgbm_binary.txt");
    let engine = open(folder);
    let program = engine.compile(&text).unwrap();
    let scores = |engine: &Engine, program: &igql::Program| {
        let answer = engine.run(program, &Request::user(1)).unwrap();
        let scores: Vec<f64> = answer.rows().iter().map(|row| row.score()).collect();
        (scores, answer.versions.clone())
    };
    let before = scores(&engine, &program);
    assert_eq!(before.1.len(), 1);
    assert!(before.1[0].starts_with("m@"), "{:?}", before.1);
    // nothing has changed: programs of either engine run on both
    let same = engine.reload().unwrap();
    assert_eq!(scores(&same, &program), before);
    copy("lightgbm_regression.txt");
    // the engine means what it has read, for programs that are compiled now as well
    assert_eq!(scores(&engine, &program), before);
    assert_eq!(scores(&engine, &engine.compile(&text).unwrap()), before);
    let newest = engine.reload().unwrap();
    assert!(newest.run(&program, &Request::user(1)).is_err());
    let after = scores(&newest, &newest.compile(&text).unwrap());
    assert!(after.0 != before.0 && after.1 != before.1);
    assert_eq!(scores(&engine, &program), before);
    // a file that is gone is no matter to who has read it
    fs::remove_file(folder.join("model.txt")).unwrap();
    assert_eq!(scores(&newest, &newest.compile(&text).unwrap()), after);
    assert!(newest.reload().unwrap().compile(&text).is_err());
}

#[test]
fn a_student_of_trees_is_another_one_when_their_file_is() {
    let world = world("lightgbm");
    let folder = world.path();
    let copy = |name: &str| fs::copy(folder.join(name), folder.join("model.txt")).unwrap();
    let text = format!(
        "model m on post = lightgbm(\"model.txt\", {FEATURES})\n\
         model first on post = distill(of=m, candidates=all(post), features=[x0])\nall(post).rank(m)"
    );
    let hash = |engine: &Engine| {
        let compiled = engine.compile_unit(&igql::Unit::new("page", &text));
        assert_eq!(compiled.trained.len(), 1, "{:?}", compiled.diagnostics);
        compiled.trained[0].hash.clone()
    };
    copy("lightgbm_binary.txt");
    let engine = open(folder);
    let before = hash(&engine);
    assert_eq!(hash(&engine.reload().unwrap()), before);
    copy("lightgbm_dart.txt");
    assert_eq!(hash(&engine), before);
    assert_ne!(hash(&engine.reload().unwrap()), before);
}

#[test]
fn paths_are_relative_to_their_file_and_stay_inside() {
    let world = world("lightgbm");
    let folder = world.path();
    fs::create_dir_all(folder.join("models")).unwrap();
    fs::rename(folder.join("lightgbm_binary.txt"), folder.join("models/liked.txt")).unwrap();
    let module = format!("model liked on post = lightgbm(\"liked.txt\", {FEATURES})\n");
    fs::write(folder.join("models/liked.igql"), module).unwrap();
    program(folder, "import \"models/liked.igql\"\nall(post).rank(liked).take(2)\n");
    let (code, _, said) = run(folder, &["run", "page.igql", "--user", "1"]);
    assert_eq!(code, Some(0), "{said}");
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("liked.txt");
    fs::copy(folder.join("models/liked.txt"), &path).unwrap();
    let text =
        format!("model liked on post = lightgbm({path:?}, {FEATURES})\nall(post).rank(liked)\n");
    program(folder, &text);
    let (code, _, said) = run(folder, &["check", "page.igql"]);
    assert!(
        code == Some(1) && said.contains("E0503") && said.contains("--allow-imports"),
        "{said}"
    );
    let allowed = outside.path().to_str().unwrap();
    let (code, _, said) = run(folder, &["check", "page.igql", "--allow-imports", allowed]);
    assert_eq!(code, Some(0), "{said}");
    // a folder is no model, nor is a file that is not there
    program(
        folder,
        &format!("model m on post = lightgbm(\"models\", {FEATURES})\nall(post).rank(m)\n"),
    );
    let (code, _, said) = run(folder, &["check", "page.igql"]);
    assert!(code == Some(1) && said.contains("E0503"), "{said}");
}

#[test]
fn a_log_has_what_the_trees_were_given() {
    let world = world("lightgbm");
    let folder = world.path();
    let text = format!(
        "model m on post = lightgbm(\"lightgbm_binary.txt\", {FEATURES})\nall(post).rank(m).take(3)\n"
    );
    program(folder, &text);
    let (code, _, text) = run(folder, &["run", "page.igql", "--user", "1", "--log", "log"]);
    assert_eq!(code, Some(0), "{text}");
    let given = [("m: x0", Type::Float), ("m: x4", Type::Float), ("model", Type::String)];
    let mut told = rows(folder, "log/candidates.parquet", &given);
    // the page itself is told as well
    told.retain(|row| match row.get("model") {
        Some(Value::Str(label)) => label.starts_with("m@"),
        _ => false,
    });
    assert_eq!(told.len(), 48);
    let is_known = |name: &str| {
        told.iter().filter(|row| matches!(row.get(name), Some(Value::Float(_)))).count()
    };
    // as many as are there
    let library = self::said("lightgbm");
    let known = library["rows"].as_array().unwrap().iter();
    for (place, name) in [(0, "m: x0"), (4, "m: x4")] {
        assert_eq!(is_known(name), known.clone().filter(|row| !row[place].is_null()).count());
    }
    let (code, out, said) = run(folder, &["run", "page.igql", "--user", "1", "--why"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("m@") && out.contains("\"m\""), "{out}");
}
