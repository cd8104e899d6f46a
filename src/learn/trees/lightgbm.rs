//! Models of LightGBM: its `model.txt` of version 4, as `save_model` writes it.

use super::forest::{Forest, Parts};
use super::objective::Objective;
use super::tree::{Child, Leaf, Missing, Node, Raw, Split, Tree};
use super::wrong::{Wrong, shown};
use std::str::FromStr;

const AGAIN: &str = "write it again with `booster.save_model(\"model.txt\")`";

/// Keys of a tree that say nothing of what it gives.
const UNREAD: [&str; 5] =
    ["split_gain", "leaf_weight", "internal_value", "internal_weight", "shrinkage"];

/// And of the file.
const UNREAD_OF_FILE: [&str; 3] = ["label_index", "monotone_constraints", "feature_infos"];

impl Forest {
    /// Reads a file of LightGBM.
    pub fn lightgbm(bytes: &[u8]) -> Result<Forest, Wrong> {
        let text = std::str::from_utf8(bytes).map_err(|_| no_text(bytes))?;
        let mut lines = Lines::new(text);
        begins(&mut lines)?;
        let header = Header::read(&mut lines)?;
        let mut trees = Vec::new();
        loop {
            let line = lines.filled("`Tree=` or `end of trees`")?;
            if line.text == "end of trees" {
                break;
            }
            let class = trees.len() % header.per_round;
            trees.push(tree(&line, &mut lines, (trees.len(), class), &header)?);
        }
        ends(&mut lines)?;
        header.forest(trees, lines.number)
    }
}

/// What is said of bytes that are no text.
fn no_text(bytes: &[u8]) -> Wrong {
    let what = match bytes.first() {
        Some(0x80) => "it is a pickle of Python, and not a text",
        _ => "it is no text",
    };
    Wrong::new("", what).help(AGAIN)
}

/// A line with its number.
#[derive(Clone, Copy)]
struct Line<'t> {
    text: &'t str,
    number: usize,
}

impl<'t> Line<'t> {
    fn wrong(&self, what: impl Into<String>) -> Wrong {
        Wrong::new(format!("line {}", self.number), what)
    }

    /// `key=value`.
    fn pair(&self) -> Result<(&'t str, &'t str), Wrong> {
        let wrong = || self.wrong(format!("expected `name=value`, found {}", shown(self.text)));
        self.text.split_once('=').ok_or_else(wrong)
    }
}

/// The lines of a file from one of them on.
struct Lines<'t> {
    rest: std::str::Lines<'t>,
    /// Of the last one that was read.
    number: usize,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Lines<'t> {
        Lines { rest: text.lines(), number: 0 }
    }

    fn next(&mut self) -> Option<Line<'t>> {
        let text = self.rest.next()?.trim_end();
        self.number += 1;
        Some(Line { text, number: self.number })
    }

    /// The next line that is not empty.
    fn filled(&mut self, expected: &str) -> Result<Line<'t>, Wrong> {
        loop {
            match self.next() {
                Some(line) if line.text.is_empty() => {}
                Some(line) => return Ok(line),
                None => {
                    let place = format!("line {}", self.number + 1);
                    let what = format!("expected {expected}, and the file ends: it was cut short");
                    return Err(Wrong::new(place, what).help(AGAIN));
                }
            }
        }
    }

    /// The next line of the same part, which an empty one ends.
    fn of_part(&mut self) -> Option<Line<'t>> {
        self.next().filter(|line| !line.text.is_empty())
    }
}

fn begins(lines: &mut Lines) -> Result<(), Wrong> {
    let first = lines.filled("`tree`")?;
    if first.text == "tree" {
        return Ok(());
    }
    let (what, help) = match first.text {
        text if text.starts_with('{') && text.contains("\"learner\"") => {
            ("it is a model of XGBoost", "declare it as one: `xgboost(...)`")
        }
        text if text.starts_with('{') => ("it is a dump as JSON, and no model file", AGAIN),
        text if text.starts_with("booster[") => (
            "it is a text dump of XGBoost, which has lost bits of its numbers",
            "write it with `booster.save_model(\"model.json\")`, and declare `xgboost(...)`",
        ),
        _ => ("it is no model file of LightGBM, whose first line is `tree`", AGAIN),
    };
    Err(first.wrong(what).help(help))
}

/// Behind the trees: importances of features, parameters, and what pandas did.
fn ends(lines: &mut Lines) -> Result<(), Wrong> {
    let first = lines.filled("`feature_importances:`")?;
    if first.text != "feature_importances:" {
        return Err(
            first.wrong(format!("expected `feature_importances:`, found {}", shown(first.text)))
        );
    }
    let mut is_whole = false;
    while let Some(line) = lines.next() {
        is_whole |= line.text == "end of parameters";
        let pandas = line.text.strip_prefix("pandas_categorical:");
        if let Some(pandas) = pandas.filter(|pandas| *pandas != "null" && *pandas != "[]") {
            let found = shown(pandas);
            let what = format!("categories of pandas, {found}, would have to be told from texts");
            let help = "train on the numbers of the categories (`column.cat.codes`), and give the model those";
            return Err(line.wrong(what).help(help));
        }
    }
    match is_whole {
        true => Ok(()),
        false => lines.filled("`end of parameters`").map(|_| ()),
    }
}

/// What stands before the trees.
struct Header {
    features: usize,
    /// Trees of a round, and margins.
    per_round: usize,
    names: Option<Vec<String>>,
    objective: Objective,
    averages: bool,
    /// How many sizes of trees are told.
    sizes: Option<usize>,
}

impl Header {
    fn read(lines: &mut Lines) -> Result<Header, Wrong> {
        let (mut classes, mut per_round, mut features, mut names) = (None, None, None, None);
        let (mut objective, mut averages, mut sizes, mut version) = (None, false, None, None);
        let start = lines.number;
        while let Some(line) = lines.of_part() {
            if line.text == "average_output" {
                averages = true;
                continue;
            }
            let (key, value) = line.pair()?;
            match key {
                "version" => version = Some(versioned(&line, value)?),
                "num_class" => classes = Some(number::<usize>(&line, key, value)?),
                "num_tree_per_iteration" => per_round = Some(number::<usize>(&line, key, value)?),
                "max_feature_idx" => features = Some(number::<u32>(&line, key, value)?),
                "feature_names" => names = Some((line, value)),
                "objective" => objective = Some((line, value)),
                "tree_sizes" => sizes = Some(value.split_whitespace().count()),
                _ if UNREAD_OF_FILE.contains(&key) => {}
                _ => return Err(unknown(&line, key)),
            }
        }
        let place = || format!("line {}", start + 1);
        let missing = |key: &str| {
            Wrong::new(place(), format!("there is no `{key}` before the trees")).help(AGAIN)
        };
        version.ok_or_else(|| missing("version"))?;
        let classes = classes.ok_or_else(|| missing("num_class"))?;
        let per_round = per_round.ok_or_else(|| missing("num_tree_per_iteration"))?;
        let features = features.ok_or_else(|| missing("max_feature_idx"))? as usize + 1;
        let (line, text) = names.ok_or_else(|| missing("feature_names"))?;
        let names = named(&line, text, features)?;
        if per_round == 0 || per_round != classes.max(1) {
            let what = format!("{per_round} trees a round do not fit {classes} classes");
            return Err(Wrong::new(place(), what).help(AGAIN));
        }
        let objective = match objective {
            Some((line, text)) => objective_of(&line, text, per_round)?,
            None => Objective::Plain,
        };
        Ok(Header { features, per_round, names, objective, averages, sizes })
    }

    fn forest(self, trees: Vec<Tree>, last: usize) -> Result<Forest, Wrong> {
        let wrong = |what: String| Err(Wrong::new(format!("line {last}"), what).help(AGAIN));
        if let Some(sizes) = self.sizes.filter(|&sizes| sizes != trees.len()) {
            return wrong(format!(
                "expected {sizes} trees, as `tree_sizes` says, found {}",
                trees.len()
            ));
        }
        if trees.is_empty() || !trees.len().is_multiple_of(self.per_round) {
            return wrong(format!("{} trees are no rounds of {}", trees.len(), self.per_round));
        }
        let rounds: Vec<usize> =
            (1..=trees.len() / self.per_round).map(|n| n * self.per_round).collect();
        Ok(Forest::new(Parts {
            divisor: if self.averages { rounds.len() as f64 } else { 1.0 },
            start: vec![0.0; self.per_round],
            trees,
            rounds,
            features: self.features,
            names: self.names,
            objective: self.objective,
            single: false,
        }))
    }
}

fn versioned(line: &Line, value: &str) -> Result<(), Wrong> {
    if value == "v4" {
        return Ok(());
    }
    let what = format!("expected version `v4`, found {}", shown(value));
    Err(line.wrong(what).help(format!("load it with LightGBM 4, and {AGAIN}")))
}

fn unknown(line: &Line, key: &str) -> Wrong {
    let what = format!("{} is not known, and may change what the model gives", shown(key));
    line.wrong(what).help("write it with LightGBM 4")
}

fn number<T: FromStr>(line: &Line, key: &str, value: &str) -> Result<T, Wrong> {
    let wrong = || line.wrong(format!("`{key}` is a whole number, found {}", shown(value)));
    value.trim().parse().map_err(|_| wrong())
}

/// The names of the features, if they are not only `Column_0`, `Column_1` and so on.
fn named(line: &Line, text: &str, features: usize) -> Result<Option<Vec<String>>, Wrong> {
    let names: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if names.len() != features {
        let what =
            format!("expected {features} names, as `max_feature_idx` says, found {}", names.len());
        return Err(line.wrong(what).help(AGAIN));
    }
    let is_number = |(number, name): (usize, &String)| *name == format!("Column_{number}");
    let has_names = !names.iter().enumerate().all(is_number);
    Ok(has_names.then_some(names))
}

/// `binary sigmoid:1`.
fn objective_of(line: &Line, text: &str, classes: usize) -> Result<Objective, Wrong> {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default();
    let (mut factor, mut is_root) = (1.0, false);
    for word in words {
        match word.split_once(':') {
            Some(("sigmoid", value)) => factor = finite(line, "sigmoid", value)?,
            Some(("num_class", value)) if number::<usize>(line, "num_class", value)? == classes => {
            }
            None if word == "sqrt" => is_root = true,
            _ => return Err(unknown(line, word)),
        }
    }
    let found = match name {
        "regression" | "regression_l1" if is_root => return Ok(Objective::SignedSquare),
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" => Objective::Plain,
        // a function of whoever trained it: its margins are all that is known
        "custom" => Objective::Plain,
        "lambdarank" | "rank_xendcg" => Objective::Rank,
        "poisson" | "gamma" | "tweedie" => Objective::Exponential,
        "binary" | "multiclassova" => Objective::Logistic { factor },
        "cross_entropy" => Objective::Logistic { factor: 1.0 },
        "cross_entropy_lambda" => Objective::LogOnePlusExp,
        "multiclass" => Objective::Softmax,
        _ => {
            let what = format!("objective {} is not known", shown(name));
            return Err(line.wrong(what).help("write it with LightGBM 4"));
        }
    };
    if is_root { Err(unknown(line, "sqrt")) } else { Ok(found) }
}

fn finite(line: &Line, key: &str, value: &str) -> Result<f64, Wrong> {
    let wrong = || line.wrong(format!("`{key}` is a number, found {}", shown(value)));
    value.parse().ok().filter(|x: &f64| x.is_finite()).ok_or_else(wrong)
}

/// A list of a tree, with the line it stands in.
type List<'t> = Option<(Line<'t>, &'t str)>;

/// The lists of a tree that are read.
#[derive(Default)]
struct Given<'t> {
    leaves: List<'t>,
    categories: List<'t>,
    features: List<'t>,
    thresholds: List<'t>,
    kinds: List<'t>,
    lefts: List<'t>,
    rights: List<'t>,
    values: List<'t>,
    leaf_counts: List<'t>,
    node_counts: List<'t>,
    bounds: List<'t>,
    sets: List<'t>,
}

impl<'t> Given<'t> {
    fn read(first: &Line, lines: &mut Lines<'t>) -> Result<Given<'t>, Wrong> {
        let mut given = Given::default();
        while let Some(line) = lines.of_part() {
            let (key, value) = line.pair()?;
            let place = match key {
                "num_leaves" => &mut given.leaves,
                "num_cat" => &mut given.categories,
                "split_feature" => &mut given.features,
                "threshold" => &mut given.thresholds,
                "decision_type" => &mut given.kinds,
                "left_child" => &mut given.lefts,
                "right_child" => &mut given.rights,
                "leaf_value" => &mut given.values,
                "leaf_count" => &mut given.leaf_counts,
                "internal_count" => &mut given.node_counts,
                "cat_boundaries" => &mut given.bounds,
                "cat_threshold" => &mut given.sets,
                "is_linear" if value == "0" => continue,
                "is_linear" => {
                    let what = "the leaves of this tree are linear models, which are not supported";
                    return Err(line.wrong(what).help("train it without `linear_tree`"));
                }
                _ if UNREAD.contains(&key) => continue,
                _ => return Err(unknown(&line, key)),
            };
            if place.replace((line, value)).is_some() {
                return Err(line.wrong(format!("`{key}` stands in {} twice", first.text)));
            }
        }
        Ok(given)
    }
}

/// The lists of a tree as numbers.
struct Lists<'t> {
    first: Line<'t>,
    features: Vec<u32>,
    thresholds: Vec<f64>,
    kinds: Vec<u8>,
    children: [Vec<i32>; 2],
    values: Vec<f64>,
    leaf_counts: Vec<f64>,
    node_counts: Vec<f64>,
    bounds: Vec<u32>,
    sets: Vec<u32>,
}

fn tree<'t>(
    first: &Line<'t>,
    lines: &mut Lines<'t>,
    (place, class): (usize, usize),
    header: &Header,
) -> Result<Tree, Wrong> {
    if first.text != format!("Tree={place}") {
        let what =
            format!("expected `Tree={place}` or `end of trees`, found {}", shown(first.text));
        return Err(first.wrong(what).help(AGAIN));
    }
    let lists = Lists::read(first, Given::read(first, lines)?)?;
    let leaves = lists.values.len();
    let nodes = leaves - 1;
    let name = |number: usize| match number < nodes {
        true => format!("node {number}"),
        false => format!("leaf {}", number - nodes),
    };
    let twice = |number: usize| lists.wrong(format!("{} is the child of two nodes", name(number)));
    // leaves are numbered behind the nodes; the root is the first of all
    let mut tree =
        Tree::build(leaves + nodes, lists.sets.clone(), |n| lists.raw(n, header), twice)?;
    if tree.leaves.len() != leaves {
        return Err(lists.wrong(format!("{} of {leaves} leaves can be reached", tree.leaves.len())));
    }
    tree.class = class;
    Ok(tree)
}

impl<'t> Lists<'t> {
    fn read(first: &Line<'t>, given: Given<'t>) -> Result<Lists<'t>, Wrong> {
        let (line, text) = given.leaves.ok_or_else(|| missing(first, "num_leaves"))?;
        let leaves: usize = number(&line, "num_leaves", text)?;
        let nodes =
            leaves.checked_sub(1).ok_or_else(|| line.wrong("a tree has a leaf at least"))?;
        let sets = given.categories.map_or(Ok(0), |(line, text)| number(&line, "num_cat", text))?;
        let lists = Lists {
            first: *first,
            features: required(first, "split_feature", given.features, nodes)?,
            thresholds: required(first, "threshold", given.thresholds, nodes)?,
            kinds: required(first, "decision_type", given.kinds, nodes)?,
            children: [
                required(first, "left_child", given.lefts, nodes)?,
                required(first, "right_child", given.rights, nodes)?,
            ],
            values: required(first, "leaf_value", given.values, leaves)?,
            leaf_counts: counts("leaf_count", given.leaf_counts, leaves)?,
            node_counts: counts("internal_count", given.node_counts, nodes)?,
            bounds: Vec::new(),
            sets: Vec::new(),
        };
        lists.check_numbers()?;
        lists.with_sets(given.bounds, given.sets, sets)
    }

    /// Numbers that nothing can be compared with, or added to.
    fn check_numbers(&self) -> Result<(), Wrong> {
        if let Some(odd) = self.values.iter().find(|value| !value.is_finite()) {
            return Err(self.wrong(format!("expected finite numbers in `leaf_value`, found {odd}")));
        }
        match self.thresholds.iter().any(|threshold| threshold.is_nan()) {
            true => Err(self.wrong("expected numbers in `threshold`, found NaN")),
            false => Ok(()),
        }
    }

    /// With the sets of categories, of which there have to be some.
    fn with_sets(self, bounds: List<'t>, words: List<'t>, sets: usize) -> Result<Lists<'t>, Wrong> {
        if sets == 0 {
            return Ok(self);
        }
        let expected = sets.saturating_add(1);
        let bounds: Vec<u32> = required(&self.first, "cat_boundaries", bounds, expected)?;
        if bounds[0] != 0 || !bounds.is_sorted() {
            return Err(self.wrong("expected numbers in `cat_boundaries` that rise from 0"));
        }
        let sets = required(&self.first, "cat_threshold", words, bounds[sets] as usize)?;
        Ok(Lists { bounds, sets, ..self })
    }

    fn wrong(&self, what: impl Into<String>) -> Wrong {
        let Wrong { place, what, .. } = self.first.wrong(what);
        Wrong::new(format!("{place}, {}", self.first.text), what).help(AGAIN)
    }

    /// The node of that number, or the leaf behind the nodes.
    fn raw(&self, number: usize, header: &Header) -> Result<Raw, Wrong> {
        let nodes = self.features.len();
        if let Some(leaf) = number.checked_sub(nodes) {
            return Ok(Raw::Leaf(Leaf { value: self.values[leaf], cover: self.leaf_counts[leaf] }));
        }
        let feature = self.features[number];
        if feature as usize >= header.features {
            let most = header.features - 1;
            return Err(self.wrong(format!(
                "node {number} asks feature {feature}, and the last one is {most}"
            )));
        }
        let child = |children: &[i32]| {
            let child = children[number];
            let (place, end) = match child < 0 {
                true => (nodes + !child as usize, nodes + self.values.len()),
                false => (child as usize, nodes),
            };
            // nothing leads to the root
            let is_there = place > 0 && place < end;
            let what = || format!("node {number} has the child {child}, which is not there");
            if is_there { Ok(place) } else { Err(self.wrong(what())) }
        };
        let [lefts, rights] = &self.children;
        let children = [child(lefts)?, child(rights)?];
        let node = Node {
            feature,
            split: self.split(number)?,
            left: Child::Leaf(0),
            right: Child::Leaf(0),
            lefts: [0; 2],
            cover: self.node_counts[number],
        };
        Ok(Raw::Node(node, children))
    }

    fn split(&self, number: usize) -> Result<Split, Wrong> {
        let (kind, threshold) = (self.kinds[number], self.thresholds[number]);
        let missing = match kind >> 2 {
            0 => Missing::Never,
            1 => Missing::Zero,
            2 => Missing::Null,
            _ => {
                return Err(self.wrong(format!(
                    "node {number} has the decision type {kind}, which is not known"
                )));
            }
        };
        if kind & 1 == 0 {
            return Ok(Split::AtMost { threshold, missing, left: kind & 2 != 0 });
        }
        let place = threshold as usize;
        match self.bounds.get(place..).and_then(<[u32]>::first_chunk::<2>) {
            Some(&bounds) if place as f64 == threshold => Ok(Split::Among(bounds)),
            _ => Err(self.wrong(format!(
                "node {number} has the categories {threshold}, which are not there"
            ))),
        }
    }
}

fn missing(first: &Line, key: &str) -> Wrong {
    first.wrong(format!("{} has no `{key}`", first.text)).help(AGAIN)
}

/// The numbers of a list, which may be missing where there are none.
fn required<T: FromStr>(
    first: &Line,
    key: &str,
    list: List,
    expected: usize,
) -> Result<Vec<T>, Wrong> {
    match list {
        Some((line, text)) => numbers(&line, key, text, expected),
        None if expected == 0 => Ok(Vec::new()),
        None => Err(missing(first, key)),
    }
}

/// How much of the training came to leaves or nodes. A tree is as good without that, but is not explained.
fn counts(key: &str, list: List, expected: usize) -> Result<Vec<f64>, Wrong> {
    match list {
        Some((line, text)) => numbers(&line, key, text, expected),
        None => Ok(vec![0.0; expected]),
    }
}

/// A list of numbers, of which there have to be some.
fn numbers<T: FromStr>(
    line: &Line,
    key: &str,
    text: &str,
    expected: usize,
) -> Result<Vec<T>, Wrong> {
    let read = |word: &str| {
        let wrong =
            || line.wrong(format!("`{key}` has {}, which is no number of its kind", shown(word)));
        word.parse().map_err(|_| wrong())
    };
    let numbers: Vec<T> = text.split_whitespace().map(read).collect::<Result<_, _>>()?;
    if numbers.len() != expected {
        let what = format!("expected {expected} numbers in `{key}`, found {}", numbers.len());
        return Err(line.wrong(what).help(AGAIN));
    }
    Ok(numbers)
}
