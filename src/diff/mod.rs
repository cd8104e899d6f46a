//! What two programs mean differently.
//!
//! The programs are compared as written, before they are planned and rewritten, against one snapshot. Layout, comments,
//! the order of declarations and the names of bindings, definitions, parameters and values make no difference. Names that
//! an answer shows do; they are told apart from the rest.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use igql::Engine;
//! let engine = Engine::open("examples/explore")?;
//! let old = engine.compile("user.liked(max_num_to_retrieve=30).account_nn().posted_media().take(25)")?;
//! let new = engine.compile("user.liked(max_num_to_retrieve=50).account_nn().posted_media().take(25)")?;
//! for changed in &engine.diff(&old, &new)?.changed {
//!     println!("{}: {:?}", changed.new.label, changed.arguments());
//! }
//! # Ok(())
//! # }
//! ```

mod answers;
mod forms;
mod measure;
mod output;
mod pairs;
mod params;
mod words;

pub use answers::{AnswerDiff, Gone, ListDiff, Moved};
pub use measure::{overlap, rank_biased_overlap};
#[doc(hidden)]
pub use words::arguments;

use crate::check::Checked;
use crate::engine::{Engine, Program};
use crate::expr::NodeId;
use crate::ops::RunError;
use crate::optimize::in_arms;
use crate::request::unknown_arm;
use foldhash::HashSet;
use forms::{Classes, Forms, Written};
use output::Output;
use pairs::Pairs;
use params::Matching;
use words::Words;

/// What one program means and another does not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    /// Operators that the new program does not have.
    pub removed: Vec<Operator>,
    /// Operators that the old program does not have.
    pub added: Vec<Operator>,
    /// Operators with other arguments, or over other rows.
    pub changed: Vec<Changed>,
    /// What a request can say, and who is in which arm.
    pub request: Vec<Change>,
    /// What an answer shows: names of the query, of lists, of columns and of branches, and columns that are shown only.
    pub output: Vec<Change>,
    /// Numbers that the programs leave open, as planned. They follow from what else has changed.
    pub quantities: Vec<Change>,
    /// Most rows of lists. They follow from what else has changed.
    pub bounds: Vec<Change>,
    /// Tunables of one name with other defaults or ranges. Where the query reads them, operators have changed too.
    pub tunables: Vec<Change>,
    /// The places of lists that are compared with each other.
    pub(crate) lists: Vec<(usize, usize)>,
    /// Parameters that have another name.
    pub(crate) renamed: Vec<(String, String)>,
}

/// An operator of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Operator {
    /// Its name: `walk`.
    pub op: String,
    /// As explanations call it: `walk likes`.
    pub label: String,
    /// Its arguments, as `igql explain` writes them.
    pub args: Vec<String>,
    /// Where the program says so.
    pub at: Place,
    /// Most rows that it can have.
    pub at_most: Option<u64>,
}

/// A place in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name of the file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// An operator that both programs have, but not alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// As it was.
    pub old: Operator,
    /// As it is.
    pub new: Operator,
    /// The sets that it reads, where others have taken their place.
    pub inputs: Option<(Vec<String>, Vec<String>)>,
}

impl Changed {
    /// The arguments that the other program's operator does not have: old ones and new ones.
    pub fn arguments(&self) -> (Vec<&str>, Vec<&str>) {
        let (old, new) = (&self.old.args, &self.new.args);
        (beyond(old, new), beyond(new, old))
    }
}

/// Those of some texts that are not among others.
fn beyond<'a>(own: &'a [String], others: &[String]) -> Vec<&'a str> {
    let mut left: Vec<&String> = others.iter().collect();
    let mut beyond = Vec::new();
    for text in own {
        match left.iter().position(|other| *other == text) {
            Some(place) => drop(left.remove(place)),
            None => beyond.push(text.as_str()),
        }
    }
    beyond
}

/// Something that was said in the old program and is said otherwise, or not at all, in the new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is: `param`, `experiment`, `query`, `list`, `column`, `columns`, `rows`, `tunable`, or an operator.
    pub what: String,
    /// The list that it is about, of a program that returns a page of lists.
    pub list: Option<String>,
    /// As it was; none: it is new.
    pub old: Option<String>,
    /// As it is; none: it is gone.
    pub new: Option<String>,
}

impl Change {
    fn of(what: &str, old: Option<String>, new: Option<String>) -> Change {
        Change { what: what.to_owned(), list: None, old, new }
    }
}

impl Diff {
    /// Whether the programs mean the same and their answers show the same names.
    pub fn is_empty(&self) -> bool {
        let operators = self.removed.is_empty() && self.added.is_empty() && self.changed.is_empty();
        let said = self.request.is_empty() && self.output.is_empty();
        operators && said && self.quantities.is_empty()
    }

    /// The lists that two programs have.
    fn lists_of(&self, old: &Program, new: &Program) -> Vec<(usize, usize)> {
        let (old, new) = (old.checked().results.len(), new.checked().results.len());
        self.lists.iter().copied().filter(|&(a, b)| a < old && b < new).collect()
    }

    /// Whether the programs differ in nothing but what an answer shows.
    pub fn is_output_only(&self) -> bool {
        let rest = Diff { output: Vec::new(), ..self.clone() };
        !self.is_empty() && rest.is_empty()
    }

    /// The name that the new program has for a parameter of the old one; none if it has none.
    pub fn param<'a>(&'a self, new: &Program, old: &'a str) -> Option<&'a str> {
        let renamed = self.renamed.iter().find(|(name, _)| name == old);
        let name = renamed.map_or(old, |(_, name)| name.as_str());
        let checked = new.checked();
        let is_there = checked.param(name).is_some();
        let is_unread = checked.unread_params.iter().any(|unread| unread == name);
        (is_there || is_unread).then_some(name)
    }
}

impl Engine {
    /// What a program means that another does not. Both must have been compiled for this engine.
    pub fn diff(&self, old: &Program, new: &Program) -> Result<Diff, RunError> {
        self.diff_in_arms((old, &[]), (new, &[]))
    }

    /// The same for requests in arms of the programs' experiments, given by the names of experiment and arm for each:
    /// what these arms do not reach is not compared, and neither are their experiments.
    ///
    /// # Errors
    /// If a program does not have an arm, or was compiled for another engine.
    pub fn diff_in_arms(
        &self,
        (old, old_arms): (&Program, &[(String, String)]),
        (new, new_arms): (&Program, &[(String, String)]),
    ) -> Result<Diff, RunError> {
        let was = self.written(old, old_arms)?;
        let is = self.written(new, new_arms)?;
        let matching = params::matched(&was, &is);
        let in_arms = !(old_arms.is_empty() && new_arms.is_empty());
        let old = Words::new(old, &was.checked, self.snapshot());
        let new = Words::new(new, &is.checked, self.snapshot());
        let mut diff = compared((&old, &was), (&new, &is), &matching);
        if in_arms {
            // they are those of all arms
            diff.bounds.clear();
        }
        Ok(diff)
    }

    fn written(&self, program: &Program, arms: &[(String, String)]) -> Result<Written, RunError> {
        let checked = self.as_written(program)?;
        let mut unknown = arms
            .iter()
            .filter_map(|(name, arm)| unknown_arm(&program.checked().experiments, name, arm));
        if let Some(message) = unknown.next() {
            return Err(RunError::Request(message));
        }
        if arms.is_empty() {
            return Ok(Written { checked, handing_on: HashSet::default(), decided: Vec::new() });
        }
        let (checked, handing_on) = in_arms(&checked, self.snapshot(), arms);
        let decided = arms.iter().map(|(name, _)| name.clone()).collect();
        Ok(Written { checked, handing_on, decided })
    }
}

fn compared(
    (old, was): (&Words, &Written),
    (new, is): (&Words, &Written),
    matching: &Matching,
) -> Diff {
    let names = matching.pairs.iter().map(|&(a, b)| (a, new.checked.params[b].name.clone()));
    let old = &old.calling(names.collect());
    let mut classes = Classes::default();
    let old_forms = Forms::new(was, &matching.old, &mut classes);
    let new_forms = Forms::new(is, &matching.new, &mut classes);
    let pairs = Pairs::new(&old_forms, &new_forms);
    let mut diff = Diff {
        request: request(old, new, &old_forms, &new_forms, matching),
        output: Output { old, new, pairs: &pairs }.changes(),
        quantities: quantities(old, new, &pairs),
        bounds: bounds(old, new, &pairs),
        tunables: tunables(old.checked, new.checked),
        lists: pairs.lists.clone(),
        renamed: renamed(old.checked, new.checked, matching),
        ..Diff::default()
    };
    let is_same = |&(a, b): &(usize, usize)| old_forms.results()[a] == new_forms.results()[b];
    let all = old.checked.results.len() == pairs.lists.len()
        && new.checked.results.len() == pairs.lists.len();
    if !(all && pairs.lists.iter().all(is_same)) {
        operators(old, new, &pairs, &mut diff);
    }
    diff
}

/// What became of the operators.
fn operators(old: &Words, new: &Words, pairs: &Pairs, diff: &mut Diff) {
    diff.removed = pairs.removed.iter().map(|id| old.operator(*id, false)).collect();
    diff.added = pairs.added.iter().map(|id| new.operator(*id, false)).collect();
    let has_other_columns =
        |&&(a, b): &&(NodeId, NodeId)| pairs.old.get(a).content != pairs.new.get(b).content;
    let with_columns =
        pairs.equal.iter().filter(has_other_columns).map(|pair| (*pair, Other::default()));
    let others = pairs.others.iter().filter_map(|&(a, b)| {
        let (form, other) = (pairs.old.get(a), pairs.new.get(b));
        let inputs = pairs.inputs(a, b);
        let inputs = inputs.map(|(was, is)| (names(old, &was), names(new, &is)));
        let is_alike = form.content == other.content || form.named == other.named;
        (!is_alike || inputs.is_some()).then_some(((a, b), Other { is_alike, inputs }))
    });
    let found: Vec<_> = with_columns.chain(others).collect();
    diff.changed = found.into_iter().map(|(pair, other)| changed(old, new, pair, other)).collect();
    if diff.is_empty() {
        diff.changed.extend(first_that_differs(pairs).map(|pair| {
            let columns = vec!["other columns".to_owned()];
            let other = Other { is_alike: true, inputs: Some((columns.clone(), columns)) };
            changed(old, new, pair, other)
        }));
    }
}

/// How one operator differs from another.
#[derive(Default)]
struct Other {
    /// Whether its arguments are the same.
    is_alike: bool,
    /// The sets that they read, where these differ.
    inputs: Option<(Vec<String>, Vec<String>)>,
}

fn names(words: &Words, sets: &[NodeId]) -> Vec<String> {
    sets.iter().map(|set| words.set(*set)).collect()
}

fn changed(old: &Words, new: &Words, (a, b): (NodeId, NodeId), other: Other) -> Changed {
    let Other { is_alike, inputs } = other;
    let (mut was, mut is) = (old.operator(a, false), new.operator(b, false));
    if is_alike {
        was.args = is.args.clone();
    } else if was.args == is.args {
        // edges of one name, or columns
        (was, is) = (old.operator(a, true), new.operator(b, true));
    }
    Changed { old: was, new: is, inputs }
}

/// Operators of two classes over inputs of one: what their columns are made of lies further back.
fn first_that_differs(pairs: &Pairs) -> Option<(NodeId, NodeId)> {
    pairs.others.iter().copied().find(|(a, _)| !pairs.old.get(*a).only_binds)
}

/// What requests can say: parameters that are read, and experiments.
fn request(
    old: &Words,
    new: &Words,
    old_forms: &Forms,
    new_forms: &Forms,
    matching: &Matching,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for &(a, b) in &matching.pairs {
        if old_forms.decides(a) && new_forms.decides(b) {
            continue;
        }
        let (was, is) = (&old.checked.params[a], &new.checked.params[b]);
        if let (Some(one), Some(other)) = (&was.experiment, &is.experiment) {
            let (one, other) = (words::experiment(one), words::experiment(other));
            if one != other {
                changes.push(Change::of("experiment", Some(one), Some(other)));
            }
            continue;
        }
        let default = |forms: &Forms, slot: usize| {
            forms.checked.params[slot].default.as_ref().map(|expr| forms.of_request(expr))
        };
        let is_same = was.ty == is.ty
            && default(old_forms, a) == default(new_forms, b)
            && params::ranges(old.checked, a) == params::ranges(new.checked, b);
        if !is_same {
            changes.push(Change::of("param", Some(old.param(a)), Some(new.param(b))));
        }
    }
    let is_left = |slot: &usize, of: fn(&(usize, usize)) -> usize| {
        !matching.pairs.iter().any(|pair| of(pair) == *slot)
    };
    let said = |words: &Words, slot: usize| match &words.checked.params[slot].experiment {
        Some(experiment) => ("experiment", words::experiment(experiment)),
        None => ("param", words.param(slot)),
    };
    let gone = (0..old.checked.params.len())
        .filter(|slot| is_left(slot, |pair| pair.0) && !old_forms.decides(*slot));
    changes.extend(gone.map(|slot| {
        let (what, text) = said(old, slot);
        Change::of(what, Some(text), None)
    }));
    let more = (0..new.checked.params.len())
        .filter(|slot| is_left(slot, |pair| pair.1) && !new_forms.decides(*slot));
    changes.extend(more.map(|slot| {
        let (what, text) = said(new, slot);
        Change::of(what, None, Some(text))
    }));
    changes
}

fn renamed(old: &Checked, new: &Checked, matching: &Matching) -> Vec<(String, String)> {
    let names = matching.pairs.iter().map(|&(a, b)| (&old.params[a].name, &new.params[b].name));
    names.filter(|(a, b)| a != b).map(|(a, b)| (a.clone(), b.clone())).collect()
}

/// Numbers of operators that both programs have, as the planner made them.
fn quantities(old: &Words, new: &Words, pairs: &Pairs) -> Vec<Change> {
    let number = |words: &Words, id: NodeId| {
        let mut autos = words.checked.autos.iter().zip(&words.program.checked().autos);
        let found = autos.find(|(auto, _)| auto.nodes.contains(&id));
        found.map(|(auto, planned)| (auto.constant, planned.number))
    };
    let mut changes: Vec<Change> = Vec::new();
    for &(a, b) in pairs.equal.iter().chain(&pairs.others) {
        let (Some((constant, was)), Some((other, is))) = (number(old, a), number(new, b)) else {
            continue;
        };
        if was == is {
            continue;
        }
        let said = |constant: u64, number: u64| Some(format!("{number} of auto({constant})"));
        let what = new.operator(b, false).label;
        let change = Change::of(&what, said(constant, was), said(other, is));
        if !changes.contains(&change) {
            changes.push(change);
        }
    }
    changes
}

/// Most rows of the lists.
fn bounds(old: &Words, new: &Words, pairs: &Pairs) -> Vec<Change> {
    let bound = |words: &Words, list: usize| {
        let checked = words.program.checked();
        checked.graph.shape(checked.results[list].1).bound
    };
    let said = |bound: Option<u64>| bound.map(|bound| format!("at most {bound}"));
    let lists = pairs.lists.iter().map(|&(a, b)| (b, bound(old, a), bound(new, b)));
    let changes = lists.filter(|(_, was, is)| was != is).map(|(list, was, is)| Change {
        list: new.checked.results[list].0.clone(),
        ..Change::of("rows", said(was), said(is))
    });
    changes.collect()
}

/// Tunables of one name.
fn tunables(old: &Checked, new: &Checked) -> Vec<Change> {
    let said = |t: &crate::check::Tunable| {
        let number = |x: f64| if t.whole { format!("{x}") } else { format!("{x:?}") };
        let (low, high, default) = (number(t.low), number(t.high), number(t.default));
        format!("{} in {low}..{high} = {default}", t.name)
    };
    let both = old.tunables.iter().filter_map(|t| {
        let other = new.tunables.iter().find(|other| other.name == t.name)?;
        Some((said(t), said(other)))
    });
    let changes = both.filter(|(was, is)| was != is);
    changes.map(|(was, is)| Change::of("tunable", Some(was), Some(is))).collect()
}
