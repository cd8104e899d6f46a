//! Models of XGBoost: its JSON, as `save_model("model.json")` writes it.

use super::forest::{Forest, Parts};
use super::json::Json;
use super::objective::Objective;
use super::tree::{Child, Leaf, Missing, Node, Raw, Split, Tree};
use super::wrong::{Wrong, shown};

const AGAIN: &str = "write it again with `booster.save_model(\"model.json\")`";

impl Forest {
    /// Reads a file of XGBoost.
    pub fn xgboost(bytes: &[u8]) -> Result<Forest, Wrong> {
        refuse_others(bytes)?;
        let text =
            std::str::from_utf8(bytes).map_err(|_| Wrong::new("", "it is no text").help(AGAIN))?;
        let mut json = Json::new(text);
        let mut learner = None;
        let mut version: Option<Vec<u32>> = None;
        json.object(&mut |json, key| match key {
            "learner" => Learner::read(json).map(|read| learner = Some(read)),
            "version" => json.numbers("a number of the version").map(|read| version = Some(read)),
            _ => Err(unknown(json)),
        })?;
        json.end()?;
        let version = version.ok_or_else(|| lacks("version"))?;
        if version.first().is_none_or(|major| !(1..=3).contains(major)) {
            let found = version.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
            let what = format!("expected a version from 1 to 3, found {}", shown(&found));
            return Err(Wrong::new("version", what).help("write it with XGBoost 3"));
        }
        learner.ok_or_else(|| lacks("learner"))?.forest()
    }
}

/// What else XGBoost and others write.
fn refuse_others(bytes: &[u8]) -> Result<(), Wrong> {
    let mut signs = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    let (what, help) = match (signs.next(), signs.next()) {
        (Some(b'{'), Some(b'"' | b'}')) => return Ok(()),
        (Some(b'{'), Some(_)) => {
            ("it is binary JSON (UBJ), which is not supported: save it as .json", AGAIN)
        }
        (Some(b'['), _) => ("it is a dump as JSON, and no model file", AGAIN),
        (None, _) => ("it is empty", AGAIN),
        _ if bytes.starts_with(b"booster[") => {
            ("it is a text dump, which has lost bits of its numbers", AGAIN)
        }
        _ if bytes.starts_with(b"tree") => {
            ("it is a model of LightGBM", "declare it as one: `lightgbm(...)`")
        }
        (Some(0x80), _) => ("it is a pickle of Python, and no model file", AGAIN),
        _ => ("it is no model file of XGBoost, which is JSON", AGAIN),
    };
    Err(Wrong::new("", what).help(help))
}

fn unknown(json: &Json) -> Wrong {
    json.wrong("this key is not known, and may change what the model gives")
        .help("write it with XGBoost 3")
}

fn lacks(place: &str) -> Wrong {
    Wrong::new(place, "expected it to be there, and it is missing").help(AGAIN)
}

#[derive(Default)]
struct Learner {
    names: Vec<String>,
    booster: Option<Booster>,
    params: Params,
    objective: Option<String>,
}

/// Parameters of a learner.
#[derive(Default)]
struct Params {
    base: Option<Vec<f32>>,
    classes: usize,
    features: Option<usize>,
    targets: usize,
}

impl Learner {
    fn read(json: &mut Json) -> Result<Learner, Wrong> {
        let mut learner = Learner::default();
        json.object(&mut |json, key| match key {
            "feature_names" => json.list(&mut |json| {
                learner.names.push(json.string()?);
                Ok(())
            }),
            "gradient_booster" => Booster::read(json).map(|read| learner.booster = Some(read)),
            "learner_model_param" => Params::read(json).map(|read| learner.params = read),
            "objective" => objective_name(json).map(|name| learner.objective = name),
            // what was noted beside, as the best iteration, which a booster does not apply either
            "attributes" | "feature_types" => json.skip(),
            _ => Err(unknown(json)),
        })?;
        Ok(learner)
    }

    fn forest(self) -> Result<Forest, Wrong> {
        let Params { base, classes, features, targets } = self.params;
        let at = |key: &str| format!("learner.learner_model_param.{key}");
        let features = features.ok_or_else(|| lacks(&at("num_feature")))?;
        if !self.names.is_empty() && self.names.len() != features {
            let what = format!(
                "expected {features} names, as `num_feature` says, found {}",
                self.names.len()
            );
            return Err(Wrong::new("learner.feature_names", what).help(AGAIN));
        }
        if classes > 1 && targets > 1 {
            let what = format!("{classes} classes of each of {targets} targets are not supported");
            return Err(Wrong::new(at("num_class"), what));
        }
        let name = self.objective.ok_or_else(|| lacks("learner.objective.name"))?;
        let (objective, margin) = objective_of(&name)?;
        let booster = self.booster.ok_or_else(|| lacks("learner.gradient_booster"))?;
        let (trees, rounds, margins) = booster.trees(features, classes.max(targets).max(1))?;
        let base = base.ok_or_else(|| lacks(&at("base_score")))?;
        let start: Vec<f64> = match &base[..] {
            [only] => vec![f64::from(margin(*only)); margins],
            all if all.len() == margins => all.iter().map(|&x| f64::from(margin(x))).collect(),
            all => {
                let what = format!("expected 1 or {margins} numbers, found {}", all.len());
                return Err(Wrong::new(at("base_score"), what).help(AGAIN));
            }
        };
        if let Some(odd) = start.iter().zip(base.iter().cycle()).find(|(x, _)| !x.is_finite()) {
            let what = format!("{} is no prediction of `{name}`", odd.1);
            return Err(Wrong::new(at("base_score"), what));
        }
        let is_number = |(place, name): (usize, &String)| *name == format!("f{place}");
        let has_names = !self.names.iter().enumerate().all(is_number);
        Ok(Forest::new(Parts {
            trees,
            rounds,
            features,
            names: has_names.then_some(self.names),
            objective,
            start,
            divisor: 1.0,
            single: true,
        }))
    }
}

impl Params {
    fn read(json: &mut Json) -> Result<Params, Wrong> {
        let mut params = Params::default();
        let whole = "a whole number";
        json.object(&mut |json, key| {
            match key {
                "base_score" => params.base = Some(base_score(json)?),
                "num_class" => params.classes = json.number(whole)?,
                "num_feature" => params.features = Some(json.number(whole)?),
                "num_target" => params.targets = json.number(whole)?,
                "boost_from_average" => json.skip()?,
                _ => return Err(unknown(json)),
            }
            Ok(())
        })?;
        Ok(params)
    }
}

/// A number or, since version 3.1, a list of numbers, in a string.
fn base_score(json: &mut Json) -> Result<Vec<f32>, Wrong> {
    let text = json.string()?;
    let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(&text);
    let numbers = inside.split(',').map(|number| number.trim().parse().ok());
    let numbers = numbers.collect::<Option<Vec<f32>>>();
    let wrong = || json.wrong(format!("expected numbers, found {}", shown(&text)));
    numbers.filter(|all| all.iter().all(|x| x.is_finite())).ok_or_else(wrong)
}

/// The name of an objective; its parameters are about training.
fn objective_name(json: &mut Json) -> Result<Option<String>, Wrong> {
    let mut name = None;
    json.object(&mut |json, key| match key {
        "name" => json.string().map(|read| name = Some(read)),
        _ => json.skip(),
    })?;
    Ok(name)
}

/// From a prediction to a margin.
type Margin = fn(f32) -> f32;

/// What is made of margins, and which margin a base score is: base scores are predictions.
fn objective_of(name: &str) -> Result<(Objective, Margin), Wrong> {
    let same: Margin = |x| x;
    let logit: Margin = |x| -(1.0 / x - 1.0).ln();
    let logistic = Objective::Logistic { factor: 1.0 };
    Ok(match name {
        "binary:logistic" | "reg:logistic" => (logistic, logit),
        "binary:hinge" => (Objective::Positive, same),
        // its predictions are margins already
        "binary:logitraw"
        | "reg:squarederror"
        | "reg:squaredlogerror"
        | "reg:pseudohubererror"
        | "reg:absoluteerror"
        | "reg:quantileerror" => (Objective::Plain, same),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
            (Objective::Exponential, f32::ln)
        }
        "multi:softprob" => (Objective::Softmax, same),
        "multi:softmax" => (Objective::Largest, same),
        "rank:ndcg" | "rank:map" | "rank:pairwise" => (Objective::Rank, same),
        _ => {
            let what = format!("objective {} is not known", shown(name));
            let help = "supported are those of XGBoost 3.2 whose names begin with `binary:`, `reg:`, `count:`, `multi:`, `rank:` and `survival:`";
            return Err(Wrong::new("learner.objective.name", what).help(help));
        }
    })
}

#[derive(Default)]
struct Booster {
    name: String,
    /// Trees as they stand there.
    trees: Vec<Lists>,
    classes: Vec<usize>,
    /// Where rounds begin and end.
    rounds: Option<Vec<usize>>,
    expected: Option<usize>,
    parallel: usize,
    /// Of dart: what each tree is multiplied with.
    weights: Option<Vec<f32>>,
}

impl Booster {
    fn read(json: &mut Json) -> Result<Booster, Wrong> {
        let mut booster = Booster::default();
        json.object(&mut |json, key| booster.key(json, key))?;
        Ok(booster)
    }

    fn key(&mut self, json: &mut Json, key: &str) -> Result<(), Wrong> {
        match key {
            "name" => {
                self.name = json.string()?;
                match &*self.name {
                    "gbtree" | "dart" => Ok(()),
                    "gblinear" => {
                        let help = "train with `booster=\"gbtree\"`, or write its weights as `linear(...)`";
                        Err(json.wrong("linear boosters are not supported").help(help))
                    }
                    other => {
                        Err(json
                            .wrong(format!("expected `gbtree` or `dart`, found {}", shown(other))))
                    }
                }
            }
            // dart has trees within
            "gbtree" => json.object(&mut |json, key| match key {
                "name" => json.skip(),
                "model" => self.model(json),
                _ => Err(unknown(json)),
            }),
            "model" => self.model(json),
            "weight_drop" => json.numbers("a number").map(|read| self.weights = Some(read)),
            _ => Err(unknown(json)),
        }
    }

    fn model(&mut self, json: &mut Json) -> Result<(), Wrong> {
        json.object(&mut |json, key| match key {
            "gbtree_model_param" => json.object(&mut |json, key| {
                match key {
                    "num_trees" => self.expected = Some(json.number("a whole number")?),
                    "num_parallel_tree" => self.parallel = json.number("a whole number")?,
                    "size_leaf_vector" => json.skip()?,
                    _ => return Err(unknown(json)),
                }
                Ok(())
            }),
            "iteration_indptr" => {
                json.numbers("a whole number").map(|read| self.rounds = Some(read))
            }
            "tree_info" => json.numbers("a whole number").map(|read| self.classes = read),
            "trees" => json.list(&mut |json| {
                self.trees.push(Lists::read(json)?);
                Ok(())
            }),
            "cats" => categories(json),
            // weights of features, and what only training needs
            "boosted_rounds" | "param" | "weights" => {
                Err(json.wrong("linear boosters are not supported"))
            }
            _ => Err(unknown(json)),
        })
    }

    /// The trees, how many there are after each round, and how many margins there are.
    fn trees(
        self,
        features: usize,
        margins: usize,
    ) -> Result<(Vec<Tree>, Vec<usize>, usize), Wrong> {
        const MODEL: &str = "learner.gradient_booster.model";
        let count = self.trees.len();
        let wrong = |key: &str, expected: usize, found: usize| {
            let what = format!("expected {expected} numbers, one for each tree, found {found}");
            Err(Wrong::new(format!("{MODEL}.{key}"), what).help(AGAIN))
        };
        if let Some(expected) = self.expected.filter(|&expected| expected != count) {
            let what = format!("expected {expected} trees, as `num_trees` says, found {count}");
            return Err(Wrong::new(format!("{MODEL}.trees"), what).help(AGAIN));
        }
        if self.classes.len() != count {
            return wrong("tree_info", count, self.classes.len());
        }
        let is_dart = self.name == "dart";
        let weights = match self.weights {
            Some(weights) if is_dart && weights.len() == count => weights,
            Some(weights) if is_dart => return wrong("weight_drop", count, weights.len()),
            None if is_dart => return Err(lacks("learner.gradient_booster.weight_drop")),
            _ => vec![1.0; count],
        };
        let rounds = rounds(self.rounds, count, margins.saturating_mul(self.parallel.max(1)))?;
        let mut trees = Vec::with_capacity(count);
        for (place, (lists, class)) in self.trees.into_iter().zip(self.classes).enumerate() {
            let place_in = format!("{MODEL}.trees[{place}]");
            if class >= margins {
                let what = format!("expected a class below {margins}, found {class}");
                return Err(Wrong::new(format!("{MODEL}.tree_info[{place}]"), what));
            }
            trees.push(lists.tree(&place_in, features, weights[place], class)?);
        }
        Ok((trees, rounds, margins))
    }
}

/// How many trees there are after each round: as the file says or, in older ones, a number of trees each.
fn rounds(given: Option<Vec<usize>>, trees: usize, each: usize) -> Result<Vec<usize>, Wrong> {
    match given {
        Some(bounds) => {
            let fits =
                bounds.first() == Some(&0) && bounds.last() == Some(&trees) && bounds.is_sorted();
            let what = format!("expected numbers that rise from 0 to the {trees} trees");
            let place = "learner.gradient_booster.model.iteration_indptr";
            if fits { Ok(bounds[1..].to_vec()) } else { Err(Wrong::new(place, what).help(AGAIN)) }
        }
        None if trees.is_multiple_of(each) => Ok((1..=trees / each).map(|n| n * each).collect()),
        None => {
            let what = format!("{trees} trees are no rounds of {each}");
            Err(Wrong::new("learner.gradient_booster.model.trees", what).help(AGAIN))
        }
    }
}

/// Categories by their texts, which there must be none of.
fn categories(json: &mut Json) -> Result<(), Wrong> {
    json.object(&mut |json, _| match json.is_empty()? {
        true => Ok(()),
        false => Err(categorical(json)),
    })
}

fn categorical(json: &Json) -> Wrong {
    let help = "train without `enable_categorical`, with a feature for each category or with numbers that have an order; \
                categories of LightGBM are supported";
    json.wrong("splits by category are not supported").help(help)
}

/// A tree as it stands in a file.
#[derive(Default)]
struct Lists {
    lefts: Vec<i32>,
    rights: Vec<i32>,
    features: Vec<u32>,
    conditions: Vec<f32>,
    defaults: Vec<bool>,
    covers: Vec<f64>,
    nodes: Option<usize>,
}

impl Lists {
    fn read(json: &mut Json) -> Result<Lists, Wrong> {
        let mut lists = Lists::default();
        json.object(&mut |json, key| lists.key(json, key))?;
        Ok(lists)
    }

    fn key(&mut self, json: &mut Json, key: &str) -> Result<(), Wrong> {
        let (whole, number) = ("a whole number", "a number");
        match key {
            "left_children" => self.lefts = json.numbers(whole)?,
            "right_children" => self.rights = json.numbers(whole)?,
            "split_indices" => self.features = json.numbers(whole)?,
            "split_conditions" => self.conditions = json.numbers(number)?,
            "sum_hessian" => self.covers = json.numbers(number)?,
            "default_left" => json.list(&mut |json| {
                self.defaults.push(flag(json)?);
                Ok(())
            })?,
            "split_type" => json.list(&mut |json| match flag(json)? {
                true => Err(categorical(json)),
                false => Ok(()),
            })?,
            "categories" | "categories_nodes" | "categories_segments" | "categories_sizes" => {
                if !json.is_empty()? {
                    return Err(categorical(json));
                }
            }
            "tree_param" => json.object(&mut |json, key| self.param(json, key))?,
            "base_weights" | "id" | "loss_changes" | "parents" | "leaf_weights" => json.skip()?,
            _ => return Err(unknown(json)),
        }
        Ok(())
    }

    fn param(&mut self, json: &mut Json, key: &str) -> Result<(), Wrong> {
        match key {
            "num_nodes" => self.nodes = Some(json.number("a whole number")?),
            "size_leaf_vector" => {
                let size: u32 = json.number("a whole number")?;
                if size > 1 {
                    let what = format!("leaves of {size} numbers are not supported");
                    let help = "train with `multi_strategy=\"one_output_per_tree\"`";
                    return Err(json.wrong(what).help(help));
                }
            }
            "num_deleted" | "num_feature" => json.skip()?,
            _ => return Err(unknown(json)),
        }
        Ok(())
    }

    /// As all readers make it; values are multiplied with a weight.
    fn tree(self, place: &str, features: usize, weight: f32, class: usize) -> Result<Tree, Wrong> {
        let count = self.lefts.len();
        let of = |key: &str, found: usize| {
            let what = format!("expected {count} items, as there are left children, found {found}");
            Wrong::new(format!("{place}.{key}"), what).help(AGAIN)
        };
        let lengths = [
            ("right_children", self.rights.len()),
            ("split_indices", self.features.len()),
            ("split_conditions", self.conditions.len()),
            ("default_left", self.defaults.len()),
            ("tree_param.num_nodes", self.nodes.unwrap_or(count)),
        ];
        if let Some((key, found)) = lengths.iter().find(|(_, found)| *found != count) {
            return Err(of(key, *found));
        }
        if !self.covers.is_empty() && self.covers.len() != count {
            return Err(of("sum_hessian", self.covers.len()));
        }
        if count == 0 {
            return Err(Wrong::new(place, "expected a node at least").help(AGAIN));
        }
        let twice = |node: usize| {
            Wrong::new(place, format!("node {node} is the child of two nodes")).help(AGAIN)
        };
        let read = |node: usize| self.raw(place, node, features, weight);
        let mut tree = Tree::build(count, Vec::new(), read, twice)?;
        tree.class = class;
        Ok(tree)
    }

    fn raw(&self, place: &str, node: usize, features: usize, weight: f32) -> Result<Raw, Wrong> {
        let wrong = |key: &str, what: String| {
            Err(Wrong::new(format!("{place}.{key}[{node}]"), what).help(AGAIN))
        };
        let cover = self.covers.get(node).copied().unwrap_or(0.0);
        let (children, condition) = ([self.lefts[node], self.rights[node]], self.conditions[node]);
        if children == [-1, -1] {
            let value = condition * weight;
            return match value.is_finite() {
                true => Ok(Raw::Leaf(Leaf { value: f64::from(value), cover })),
                false => {
                    wrong("split_conditions", format!("expected a finite value, found {value}"))
                }
            };
        }
        let count = self.lefts.len();
        let place_of = |child: i32| usize::try_from(child).ok().filter(|n| (1..count).contains(n));
        let (left, right) = match children.map(place_of) {
            [Some(left), Some(right)] => (left, right),
            [None, _] => {
                return wrong("left_children", format!("node {} is not there", children[0]));
            }
            _ => return wrong("right_children", format!("node {} is not there", children[1])),
        };
        let feature = self.features[node];
        if feature as usize >= features {
            let what = format!("feature {feature} is not there: `num_feature` is {features}");
            return wrong("split_indices", what);
        }
        if condition.is_nan() || condition == f32::NEG_INFINITY {
            let what = format!("expected a number to compare with, found {condition}");
            return wrong("split_conditions", what);
        }
        // less than a number is at most the one before it
        let threshold = f64::from(condition.next_down());
        let split = Split::AtMost { threshold, missing: Missing::Null, left: self.defaults[node] };
        let nothing = Child::Leaf(0);
        let node = Node { feature, split, left: nothing, right: nothing, lefts: [0; 2], cover };
        Ok(Raw::Node(node, [left, right]))
    }
}

/// A bool, or 0 or 1.
fn flag(json: &mut Json) -> Result<bool, Wrong> {
    let word: String = json.number("0 or 1")?;
    match &*word {
        "0" | "false" => Ok(false),
        "1" | "true" => Ok(true),
        other => Err(json.wrong(format!("expected 0 or 1, found {}", shown(other)))),
    }
}
