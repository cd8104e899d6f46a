//! Models of the libraries themselves: what they say of rows with odd values, and files that are wrong in every way.
//! `tests/data/trees/make.py` makes them.

use super::{Forest, Meaning, Scratch, Wrong};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

type Reader = fn(&[u8]) -> Result<Forest, Wrong>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/trees")
}

fn read(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap()
}

fn text(name: &str) -> String {
    String::from_utf8(read(name)).unwrap()
}

/// What a library said of rows.
struct Said {
    columns: Vec<Vec<f64>>,
    rows: usize,
    models: BTreeMap<String, Json>,
}

fn number(json: &Json) -> f64 {
    if json.is_null() { f64::NAN } else { json.as_f64().unwrap() }
}

/// Numbers, or lists of numbers, as rows.
fn rows_of(json: &Json) -> Vec<Vec<f64>> {
    let row = |row: &Json| match row {
        Json::Array(items) => items.iter().map(number).collect(),
        single => vec![number(single)],
    };
    json.as_array().unwrap().iter().map(row).collect()
}

fn said(library: &str) -> Said {
    let json: Json = serde_json::from_slice(&read(&format!("{library}.json"))).unwrap();
    let rows = rows_of(&json["rows"]);
    let column = |place: usize| rows.iter().map(|row| row[place]).collect();
    let models = json["models"].as_object().unwrap().clone();
    Said {
        columns: (0..6).map(column).collect(),
        rows: rows.len(),
        models: models.into_iter().collect(),
    }
}

impl Said {
    fn row(&self, row: usize) -> Vec<f64> {
        self.columns.iter().map(|column| column[row]).collect()
    }

    /// What a forest says of the rows: a list for each.
    fn scored(&self, forest: &Forest, raw: bool) -> Vec<Vec<f64>> {
        let columns: Vec<&[f64]> = self.columns.iter().map(Vec::as_slice).collect();
        let mut found = Vec::new();
        forest.score(&columns, self.rows, raw, &mut Scratch::default(), &mut found);
        let outputs = forest.outputs(raw);
        let row = |row: usize| (0..outputs).map(|o| found[o * self.rows + row]).collect();
        (0..self.rows).map(row).collect()
    }
}

/// The largest distance between numbers, as a part of those that are above 1.
fn apart(found: &[Vec<f64>], expected: &[Vec<f64>]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let mut most = 0.0f64;
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            most = most.max((found - expected).abs() / expected.abs().max(1.0));
            assert!(!found.is_nan() && !expected.is_nan());
        }
    }
    most
}

/// Files of a library with the names of their models.
fn files(library: &str) -> Vec<(String, Vec<u8>)> {
    let ending = if library == "lightgbm" { "txt" } else { "json" };
    let names: Vec<String> = said(library).models.into_keys().collect();
    let file = |name: String| {
        let bytes = read(&format!("{library}_{name}.{ending}"));
        (name, bytes)
    };
    names.into_iter().map(file).collect()
}

#[test]
fn raw_scores_are_those_of_lightgbm_to_the_bit() {
    let said = said("lightgbm");
    assert!(said.models.len() >= 25);
    for (name, bytes) in files("lightgbm") {
        let forest = Forest::lightgbm(&bytes).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        assert_eq!(said.scored(&forest, true), rows_of(&said.models[&name]["raw"]), "{name}");
        let predicted = rows_of(&said.models[&name]["predicted"]);
        let apart = apart(&said.scored(&forest, false), &predicted);
        assert!(apart <= 1e-15, "{name}: {apart}");
    }
}

#[test]
fn scores_are_those_of_xgboost_to_its_bits() {
    let said = said("xgboost");
    assert!(said.models.len() >= 25);
    for (name, bytes) in files("xgboost") {
        let forest = Forest::xgboost(&bytes).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        let model = &said.models[&name];
        let raw = apart(&said.scored(&forest, true), &rows_of(&model["raw"]));
        assert!(raw <= 2e-7, "{name}: {raw}");
        let predicted = apart(&said.scored(&forest, false), &rows_of(&model["predicted"]));
        assert!(predicted <= 2e-7, "{name}: {predicted}");
        let early = forest.after(2);
        let early = apart(&said.scored(&early, false), &rows_of(&model["two_rounds"]));
        assert!(early <= 2e-7, "{name}: {early}");
    }
}

#[test]
fn contributions_are_those_of_the_libraries() {
    let readers: [(&str, Reader); 2] =
        [("lightgbm", Forest::lightgbm), ("xgboost", Forest::xgboost)];
    for (library, reader) in readers {
        let said = said(library);
        for (name, bytes) in files(library) {
            let forest = reader(&bytes).unwrap();
            let expected = &said.models[&name]["contributions"];
            if expected.is_null() {
                continue;
            }
            for (row, expected) in expected.as_array().unwrap().iter().enumerate() {
                let mut found = Vec::new();
                for margin in 0..forest.margins() {
                    let explained = forest.contributions(&said.row(row), margin).unwrap();
                    found.extend(explained.features);
                    found.push(explained.expected);
                }
                let expected: Vec<f64> = rows_of(expected).into_iter().flatten().collect();
                let apart = apart(&[found], &[expected]);
                assert!(apart <= 1e-6, "{library} {name}: {apart}");
            }
        }
    }
}

/// All that a file is asked for when it can be read.
fn asked(forest: &Forest) {
    if forest.features() > 100 {
        return;
    }
    let column = [1.5, f64::NAN, -2.0];
    let columns = vec![&column[..]; forest.features()];
    let mut found = Vec::new();
    forest.score(&columns, 3, false, &mut Scratch::default(), &mut found);
    assert_eq!(found.len(), 3 * forest.outputs(false));
    forest.contributions(&vec![0.5; forest.features()], 0);
}

/// What is wrong is said with a place that is in the file, in a line.
fn sound(wrong: &Wrong) {
    let text = wrong.to_string();
    assert!(!wrong.what.is_empty() && text.len() < 400 && !text.contains('\n'), "{text}");
}

fn readers() -> [(&'static str, Reader); 2] {
    [("lightgbm", Forest::lightgbm), ("xgboost", Forest::xgboost)]
}

#[test]
fn no_cut_and_no_flipped_byte_makes_it_panic() {
    for (library, reader) in readers() {
        for (name, bytes) in files(library) {
            let step = bytes.len() / 60 + 1;
            for length in (0..bytes.len()).step_by(step) {
                match reader(&bytes[..length]) {
                    Err(wrong) => sound(&wrong),
                    // what follows the trees of LightGBM says nothing of them
                    Ok(_) => {
                        let rest = String::from_utf8_lossy(&bytes[length..]).into_owned();
                        assert!(
                            library == "lightgbm" && !rest.contains("end of parameters"),
                            "{name} {length}"
                        );
                    }
                }
            }
            let mut changed = bytes.clone();
            for place in (0..bytes.len()).step_by(bytes.len() / 250 + 1) {
                for flip in [0x01, 0x10, 0x80] {
                    changed[place] ^= flip;
                    match reader(&changed) {
                        Err(wrong) => sound(&wrong),
                        Ok(forest) => asked(&forest),
                    }
                    changed[place] = bytes[place];
                }
            }
        }
    }
}

#[test]
fn numbers_that_are_changed_never_make_it_panic() {
    let odd = ["-1", "0", "4294967295", "99999999999999999999", "nan", "1e999", "-inf", "2.5", ""];
    for (library, reader) in readers() {
        for (_, bytes) in files(library).into_iter().step_by(4) {
            let text = String::from_utf8(bytes).unwrap();
            let is_number = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
            let starts = text.match_indices(['=', ' ', ',', '[', '"', ':']);
            let places: Vec<usize> = starts.map(|(place, _)| place + 1).collect();
            for (nth, &start) in places.iter().enumerate().step_by(places.len() / 150 + 1) {
                let end = text[start..].find(|c| !is_number(c)).map_or(text.len(), |n| start + n);
                let changed = format!("{}{}{}", &text[..start], odd[nth % odd.len()], &text[end..]);
                match reader(changed.as_bytes()) {
                    Err(wrong) => sound(&wrong),
                    Ok(forest) => asked(&forest),
                }
            }
        }
    }
}

/// What is wrong with a file of LightGBM in which a text stands for another.
fn wrong_lightgbm(name: &str, from: &str, to: &str) -> String {
    let before = text(name);
    let after = before.replacen(from, to, 1);
    assert!(before != after, "{from} is not there");
    said_of(Forest::lightgbm(after.as_bytes()))
}

fn wrong_xgboost(name: &str, from: &str, to: &str) -> String {
    let before = text(name);
    let after = before.replacen(from, to, 1);
    assert!(before != after, "{from} is not there");
    said_of(Forest::xgboost(after.as_bytes()))
}

fn said_of(found: Result<Forest, Wrong>) -> String {
    let Err(wrong) = found else { panic!("it is read") };
    match &wrong.help {
        Some(help) => format!("{wrong} ({help})"),
        None => wrong.to_string(),
    }
}

#[test]
fn what_a_file_of_lightgbm_says_and_we_do_not_know_is_refused_with_its_line() {
    let wrong = |from: &str, to: &str| wrong_lightgbm("lightgbm_categorical.txt", from, to);
    let all = [
        wrong("version=v4", "version=v3"),
        wrong("objective=binary sigmoid:1", "objective=pairwise"),
        wrong("objective=binary sigmoid:1", "objective=binary margin:1"),
        wrong("label_index=0", "label_of=0"),
        wrong("max_feature_idx=5", "max_feature_idx=6"),
        wrong("num_class=1", "num_class=3"),
        wrong("is_linear=0", "is_linear=1"),
        wrong("shrinkage=", "shrunken="),
        wrong("Tree=1", "Tree=2"),
        wrong("num_leaves=12", "num_leaves=13"),
        wrong("num_leaves=12", "num_leaves=0"),
        wrong("split_feature=", "split_feature=7 "),
        wrong("left_child=1", "left_child=0"),
        wrong("left_child=1", "left_child=2"),
        wrong("left_child=1", "left_child=11"),
        wrong("left_child=1", "left_child=-13"),
        wrong("leaf_value=", "leaf_value=inf "),
        wrong("cat_boundaries=0", "cat_boundaries=4000000000"),
        wrong("num_cat=", "num_cat=1"),
        wrong("pandas_categorical:null", "pandas_categorical:[[\"a\"]]"),
        wrong("end of parameters", ""),
        wrong("end of trees", ""),
        wrong("tree\n", "{\"name\":\"tree\"}\n"),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    line 2: expected version `v4`, found `v3` (load it with LightGBM 4, and write it again with `booster.save_model("model.txt")`)
    line 7: objective `pairwise` is not known (write it with LightGBM 4)
    line 7: `margin:1` is not known, and may change what the model gives (write it with LightGBM 4)
    line 5: `label_of` is not known, and may change what the model gives (write it with LightGBM 4)
    line 8: expected 7 names, as `max_feature_idx` says, found 6 (write it again with `booster.save_model("model.txt")`)
    line 2: 1 trees a round do not fit 3 classes (write it again with `booster.save_model("model.txt")`)
    line 27: the leaves of this tree are linear models, which are not supported (train it without `linear_tree`)
    line 28: `shrunken` is not known, and may change what the model gives (write it with LightGBM 4)
    line 31: expected `Tree=1` or `end of trees`, found `Tree=2` (write it again with `booster.save_model("model.txt")`)
    line 15: expected 12 numbers in `split_feature`, found 11 (write it again with `booster.save_model("model.txt")`)
    line 13: a tree has a leaf at least
    line 15: expected 11 numbers in `split_feature`, found 12 (write it again with `booster.save_model("model.txt")`)
    line 71, Tree=3: node 0 has the child 0, which is not there (write it again with `booster.save_model("model.txt")`)
    line 71, Tree=3: 8 of 12 leaves can be reached (write it again with `booster.save_model("model.txt")`)
    line 71, Tree=3: node 0 has the child 11, which is not there (write it again with `booster.save_model("model.txt")`)
    line 71, Tree=3: node 0 has the child -13, which is not there (write it again with `booster.save_model("model.txt")`)
    line 21: expected 12 numbers in `leaf_value`, found 13 (write it again with `booster.save_model("model.txt")`)
    line 50, Tree=2: expected numbers in `cat_boundaries` that rise from 0 (write it again with `booster.save_model("model.txt")`)
    line 12: Tree=0 has no `cat_boundaries` (write it again with `booster.save_model("model.txt")`)
    line 226: categories of pandas, `[["a"]]`, would have to be told from texts (train on the numbers of the categories (`column.cat.codes`), and give the model those)
    line 227: expected `end of parameters`, and the file ends: it was cut short (write it again with `booster.save_model("model.txt")`)
    line 94: expected `Tree=4` or `end of trees`, found `feature_importances:` (write it again with `booster.save_model("model.txt")`)
    line 1: it is a dump as JSON, and no model file (write it again with `booster.save_model("model.txt")`)
    "#);
}

#[test]
fn what_a_file_of_xgboost_says_and_we_do_not_know_is_refused_with_its_path() {
    let wrong = |from: &str, to: &str| wrong_xgboost("xgboost_multi_softprob.json", from, to);
    let dart = |from: &str, to: &str| wrong_xgboost("xgboost_dart.json", from, to);
    let all = [
        wrong("\"version\":[3", "\"version\":[4"),
        wrong("multi:softprob", "multi:soft"),
        wrong("\"boost_from_average\"", "\"boost_from\""),
        wrong("\"num_class\":\"3\"", "\"num_class\":\"2\""),
        wrong("\"num_class\":\"3\"", "\"num_class\":\"many\""),
        wrong("\"num_feature\":\"6\",\"num_target", "\"num_feature\":\"1\",\"num_target"),
        wrong("\"num_trees\":\"12\"", "\"num_trees\":\"13\""),
        wrong("\"tree_info\":[0", "\"tree_info\":[3"),
        wrong("\"tree_info\":[0,", "\"tree_info\":["),
        wrong("\"iteration_indptr\":[0,3", "\"iteration_indptr\":[0,13"),
        wrong("\"left_children\":[1", "\"left_children\":[0"),
        wrong("\"left_children\":[1", "\"left_children\":[2"),
        wrong("\"left_children\":[1", "\"left_children\":[-1"),
        wrong("\"split_indices\":[", "\"split_indices\":[9,"),
        wrong("[-1.4413361E-1,7", "[NaN,7"),
        wrong("[-1.4413361E-1,7", "[-inf,7"),
        wrong("\"split_type\":[0", "\"split_type\":[1"),
        wrong("\"categories\":[]", "\"categories\":[1,2]"),
        wrong("\"enc\":[]", "\"enc\":[1]"),
        wrong("\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"3\""),
        wrong("\"base_score\":\"[", "\"base_score\":\"[1,"),
        wrong("\"name\":\"gbtree\"", "\"name\":\"gblinear\""),
        wrong("{\"learner\"", "{L\u{1}learner"),
        wrong("{\"learner\"", "[{\"nodeid\""),
        wrong("{\"learner\"", "booster[0]:"),
        dart("\"weight_drop\":[", "\"weight_drop\":[1,"),
        dart("[4.5018005E-1,6.3", "[1e39,6.3"),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    version: expected a version from 1 to 3, found `4.2.0` (write it with XGBoost 3)
    learner.objective.name: objective `multi:soft` is not known (supported are those of XGBoost 3.2 whose names begin with `binary:`, `reg:`, `count:`, `multi:`, `rank:` and `survival:`)
    learner.learner_model_param.boost_from: this key is not known, and may change what the model gives (write it with XGBoost 3)
    learner.gradient_booster.model.tree_info[2]: expected a class below 2, found 2
    learner.learner_model_param.num_class: expected a whole number, found `many`
    learner.gradient_booster.model.trees[0].split_indices[1]: feature 1 is not there: `num_feature` is 1 (write it again with `booster.save_model("model.json")`)
    learner.gradient_booster.model.trees: expected 13 trees, as `num_trees` says, found 12 (write it again with `booster.save_model("model.json")`)
    learner.gradient_booster.model.tree_info[0]: expected a class below 3, found 3
    learner.gradient_booster.model.tree_info: expected 12 numbers, one for each tree, found 11 (write it again with `booster.save_model("model.json")`)
    learner.gradient_booster.model.iteration_indptr: expected numbers that rise from 0 to the 12 trees (write it again with `booster.save_model("model.json")`)
    learner.gradient_booster.model.trees[0].left_children[0]: node 0 is not there (write it again with `booster.save_model("model.json")`)
    learner.gradient_booster.model.trees[0]: node 2 is the child of two nodes (write it again with `booster.save_model("model.json")`)
    learner.gradient_booster.model.trees[0].left_children[0]: node -1 is not there (write it again with `booster.save_model("model.json")`)
    learner.gradient_booster.model.trees[0].split_indices: expected 15 items, as there are left children, found 16 (write it again with `booster.save_model("model.json")`)
    learner.gradient_booster.model.trees[0].split_conditions[0]: expected a number to compare with, found NaN (write it again with `booster.save_model("model.json")`)
    learner.gradient_booster.model.trees[0].split_conditions[0]: expected a number to compare with, found -inf (write it again with `booster.save_model("model.json")`)
    learner.gradient_booster.model.trees[0].split_type[0]: splits by category are not supported (train without `enable_categorical`, with a feature for each category or with numbers that have an order; categories of LightGBM are supported)
    learner.gradient_booster.model.trees[0].categories: splits by category are not supported (train without `enable_categorical`, with a feature for each category or with numbers that have an order; categories of LightGBM are supported)
    learner.gradient_booster.model.cats.enc: splits by category are not supported (train without `enable_categorical`, with a feature for each category or with numbers that have an order; categories of LightGBM are supported)
    learner.gradient_booster.model.trees[0].tree_param.size_leaf_vector: leaves of 3 numbers are not supported (train with `multi_strategy="one_output_per_tree"`)
    learner.learner_model_param.base_score: expected 1 or 3 numbers, found 4 (write it again with `booster.save_model("model.json")`)
    learner.gradient_booster.name: linear boosters are not supported (train with `booster="gbtree"`, or write its weights as `linear(...)`)
    it is binary JSON (UBJ), which is not supported: save it as .json (write it again with `booster.save_model("model.json")`)
    it is a dump as JSON, and no model file (write it again with `booster.save_model("model.json")`)
    it is a text dump, which has lost bits of its numbers (write it again with `booster.save_model("model.json")`)
    learner.gradient_booster.model.weight_drop: expected 4 numbers, one for each tree, found 5 (write it again with `booster.save_model("model.json")`)
    learner.gradient_booster.model.trees[0].split_conditions[7]: expected a finite value, found -inf (write it again with `booster.save_model("model.json")`)
    "#);
}

#[test]
fn files_of_the_other_library_and_of_others_are_named() {
    let all = [
        said_of(Forest::lightgbm(&read("xgboost_dart.json"))),
        said_of(Forest::xgboost(&read("lightgbm_dart.txt"))),
        said_of(Forest::lightgbm(b"booster[0]:\n0:[f0<1]")),
        said_of(Forest::lightgbm(b"\x80\x04\x95")),
        said_of(Forest::xgboost(b"\x80\x04\x95")),
        said_of(Forest::lightgbm(b"")),
        said_of(Forest::xgboost(b"")),
        said_of(Forest::xgboost(&b"{\"a\":[".repeat(100_000))),
        said_of(Forest::xgboost(
            format!("{{\"learner\":{{\"attributes\":{}", "[".repeat(100_000)).as_bytes(),
        )),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    line 1: it is a model of XGBoost (declare it as one: `xgboost(...)`)
    it is a model of LightGBM (declare it as one: `lightgbm(...)`)
    line 1: it is a text dump of XGBoost, which has lost bits of its numbers (write it with `booster.save_model("model.json")`, and declare `xgboost(...)`)
    it is a pickle of Python, and not a text (write it again with `booster.save_model("model.txt")`)
    it is a pickle of Python, and no model file (write it again with `booster.save_model("model.json")`)
    line 1: expected `tree`, and the file ends: it was cut short (write it again with `booster.save_model("model.txt")`)
    it is empty (write it again with `booster.save_model("model.json")`)
    a: this key is not known, and may change what the model gives (write it with XGBoost 3)
    it is nested too deeply to be a model
    "#);
}

/// A tree of one split, as LightGBM writes it.
fn one_split(kind: u8, threshold: &str) -> Forest {
    let text = format!(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nfeature_names=Column_0\n\n\
         Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold={threshold}\ndecision_type={kind}\n\
         left_child=-1\nright_child=-2\nleaf_value=1 2\n\nend of trees\n\nfeature_importances:\n\nparameters:\n\n\
         end of parameters\n"
    );
    Forest::lightgbm(text.as_bytes()).unwrap()
}

fn of(forest: &Forest, values: &[f64]) -> Vec<f64> {
    let mut found = Vec::new();
    forest.score(&[values], values.len(), true, &mut Scratch::default(), &mut found);
    found
}

#[test]
fn each_kind_of_missing_value_goes_its_way() {
    let values = [f64::NAN, 0.0, -0.0, 1e-36, -1e-35, 2e-35, -1.0, 1.0];
    let (left, right) = (1.0, 2.0);
    // null is 0, whatever the direction of missing values
    let above = [left, left, left, left, left, left, left, right];
    let below = [right, right, right, right, right, right, left, right];
    for side in [0, 2] {
        assert_eq!(of(&one_split(side, "0.5"), &values), above);
        assert_eq!(of(&one_split(side, "-0.5"), &values), below);
    }
    // zeros go with nulls
    let zeros = [left, left, left, left, left, right, left, right];
    assert_eq!(of(&one_split(4 | 2, "-0.5"), &values), zeros);
    let zeros = [right, right, right, right, right, left, left, right];
    assert_eq!(of(&one_split(4, "0.5"), &values), zeros);
    // nulls alone
    assert_eq!(
        of(&one_split(8, "0.5"), &values),
        [right, left, left, left, left, left, left, right]
    );
    assert_eq!(
        of(&one_split(8 | 2, "-0.5"), &values),
        [left, right, right, right, right, right, left, right]
    );
    // what equals the threshold goes to the left, and infinity is a threshold
    assert_eq!(of(&one_split(0, "1"), &[1.0, 1.0000000000000002]), [left, right]);
    assert_eq!(of(&one_split(8, "inf"), &[1e300, f64::NAN]), [left, right]);
    assert_eq!(of(&one_split(8 | 2, "-inf"), &[-1e300, f64::NAN]), [right, left]);
}

#[test]
fn without_counts_a_tree_scores_and_is_not_explained() {
    let forest = one_split(0, "0.5");
    assert_eq!(of(&forest, &[0.0]), [1.0]);
    assert_eq!(forest.contributions(&[0.0], 0), None);
    assert_eq!(forest.contributions(&[0.0], 1), None);
}

/// Trees of two splits, the second one on the right of the first.
fn two_splits(trees: usize, counts: &str) -> Forest {
    let tree = |place| {
        format!(
            "Tree={place}\nnum_leaves=3\nnum_cat=0\nsplit_feature=0 0\nthreshold=1 2\ndecision_type=0 0\n\
             left_child=-1 -2\nright_child=1 -3\nleaf_value=1 2 3\n{counts}\n"
        )
    };
    let text = format!(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nfeature_names=Column_0\n\n\
         {}end of trees\n\nfeature_importances:\n\nparameters:\n\nend of parameters\n",
        (0..trees).map(tree).collect::<String>()
    );
    Forest::lightgbm(text.as_bytes()).unwrap()
}

#[test]
fn comparisons_are_those_of_a_row_of_the_training_or_of_the_longest_way() {
    // 4 of 10 rows are asked twice
    let counts = "internal_count=10 4\nleaf_count=6 3 1\n";
    assert_eq!(two_splits(1, counts).comparisons(), 1);
    assert_eq!(two_splits(5, counts).comparisons(), 7);
    assert_eq!(two_splits(5, "").comparisons(), 10);
    let deep = Forest::xgboost(&read("xgboost_deep.json")).unwrap();
    let longest: usize = deep.parts.trees.iter().map(super::tree::Tree::depth).sum();
    assert!(deep.comparisons() > deep.trees() as u64 && deep.comparisons() < longest as u64);
    let single = Forest::lightgbm(&read("lightgbm_constant.txt")).unwrap();
    assert_eq!(single.comparisons(), 0);
}

#[test]
fn every_number_of_rows_and_every_level_of_the_cpu_gives_the_same() {
    let said = said("lightgbm");
    for name in ["binary", "many_leaves", "categorical", "multiclass"] {
        let mut forest = Forest::lightgbm(&read(&format!("lightgbm_{name}.txt"))).unwrap();
        let all = said.scored(&forest, true);
        for rows in [0, 1, 31, 32, 33] {
            let columns: Vec<&[f64]> = said.columns.iter().map(|column| &column[..rows]).collect();
            let mut found = Vec::new();
            for level in crate::cpu::Level::supported() {
                forest.level = level;
                forest.score(&columns, rows, true, &mut Scratch::default(), &mut found);
                for (row, expected) in all[..rows].iter().enumerate() {
                    let own: Vec<f64> =
                        (0..expected.len()).map(|o| found[o * rows + row]).collect();
                    assert_eq!(own, *expected, "{name} {level:?} {rows}");
                }
            }
        }
    }
}

#[test]
fn what_a_file_says_of_itself_is_known() {
    let forest = Forest::lightgbm(&read("lightgbm_named.txt")).unwrap();
    assert_eq!(forest.names().unwrap(), ["age", "rate", "plays", "kind", "shelf", "size"]);
    assert_eq!((forest.features(), forest.rounds(), forest.trees()), (6, 4, 4));
    assert_eq!(forest.meaning(false), Meaning::Probability);
    assert_eq!(forest.meaning(true), Meaning::Value);
    let forest = Forest::xgboost(&read("xgboost_multi_softmax.json")).unwrap();
    assert_eq!(forest.names(), None);
    assert_eq!((forest.outputs(false), forest.outputs(true), forest.trees()), (1, 3, 12));
    let forest = Forest::lightgbm(&read("lightgbm_lambdarank.txt")).unwrap();
    assert_eq!(forest.meaning(false), Meaning::Rank);
    let forest = Forest::xgboost(&read("xgboost_rank_ndcg.json")).unwrap();
    assert_eq!(forest.meaning(true), Meaning::Rank);
}

/// A tree of one split, as XGBoost writes it.
fn one_split_of_32_bits(condition: &str, default_left: u8, base: &str) -> Forest {
    let text = format!(
        r#"{{"learner": {{"attributes": {{"best_iteration": "7"}}, "feature_names": [], "feature_types": [],
        "gradient_booster": {{"model": {{"gbtree_model_param": {{"num_parallel_tree": "1", "num_trees": "1"}},
        "tree_info": [0], "trees": [{{"left_children": [1, -1, -1], "right_children": [2, -1, -1],
        "split_indices": [0, 0, 0], "split_conditions": [{condition}, 1, 2], "default_left": [{default_left}, 0, 0],
        "tree_param": {{"num_nodes": "3", "size_leaf_vector": "0"}}}}]}}, "name": "gbtree"}},
        "learner_model_param": {{"base_score": "{base}", "num_class": "0", "num_feature": "1"}},
        "objective": {{"name": "reg:squarederror"}}}}, "version": [1, 7, 6]}}"#
    );
    Forest::xgboost(text.as_bytes()).unwrap()
}

#[test]
fn xgboost_compares_32_bits_and_its_base_is_a_number_or_a_list() {
    let (left, right) = (1.0, 2.0);
    let below = f64::from(0.1f32.next_down());
    // the nearest number of 32 bits is compared, and what equals the condition is not less
    let values = [below, 0.1, f64::from(0.1f32), 0.1 - 1e-12, 1e-36, f64::NAN];
    let found = of(&one_split_of_32_bits("1E-1", 0, "0"), &values);
    assert_eq!(found, [left, right, right, right, left, right]);
    let found = of(&one_split_of_32_bits("1E-1", 1, "[0E0]"), &values);
    assert_eq!(found, [left, right, right, right, left, left]);
    let zeros = [0.0, -0.0, -1e-45, 1e-45, -1e-60];
    let found = of(&one_split_of_32_bits("0E0", 0, "0"), &zeros);
    assert_eq!(found, [right, right, left, right, right]);
    // a base of 2 is in front of the sum
    assert_eq!(of(&one_split_of_32_bits("1", 0, "[2E0]"), &[0.0, 5.0]), [3.0, 4.0]);
    assert_eq!(of(&one_split_of_32_bits("1", 0, "2"), &[0.0, 5.0]), [3.0, 4.0]);
}

#[test]
fn rounds_that_a_file_does_not_tell_are_counted() {
    let said = said("xgboost");
    let before = text("xgboost_parallel.json");
    let start = before.find("\"iteration_indptr\"").unwrap();
    let end = start + before[start..].find("],").unwrap() + 2;
    let without = format!("{}{}", &before[..start], &before[end..]);
    let forest = Forest::xgboost(without.as_bytes()).unwrap();
    assert_eq!((forest.rounds(), forest.trees()), (4, 12));
    let all = Forest::xgboost(before.as_bytes()).unwrap();
    assert_eq!(said.scored(&forest.after(2), true), said.scored(&all.after(2), true));
}

#[test]
fn a_category_is_truncated_and_one_that_is_none_goes_to_the_right() {
    let text = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\n\
                feature_names=Column_0\n\nTree=0\nnum_leaves=2\nnum_cat=1\nsplit_feature=0\nthreshold=0\n\
                decision_type=1\nleft_child=-1\nright_child=-2\nleaf_value=1 2\ncat_boundaries=0 2\n\
                cat_threshold=5 1\n\nend of trees\n\nfeature_importances:\n\nend of parameters\n";
    let forest = Forest::lightgbm(text.as_bytes()).unwrap();
    // 0, 2 and 32 are in the set
    let values = [0.0, 1.0, 2.0, 2.9, 32.0, 33.0, 64.0, -0.5, -1.0, 1e10, 4294967296.0, f64::NAN];
    let (left, right) = (1.0, 2.0);
    let expected = [left, right, left, left, left, right, right, left, right, right, right, right];
    assert_eq!(of(&forest, &values), expected);
}
