//! The numbers that a program leaves open.
//!
//! What a program asks for (`take(25)`, `keep=100`) flows backwards to the fan-outs: through filters
//! it is divided by the share of rows that pass, measured on a sample of the snapshot; where a
//! score is still to choose among the rows it is multiplied. Forwards flows what can be expected,
//! from the degrees of edges and the sizes of tables. Where the constants of a fan-out's `auto`s
//! are not enough for what is asked of it, all of them are raised by one factor, the smallest that
//! will do. They are never lowered: a constant is what its author found enough to choose from.
//!
//! The numbers depend on the program, the snapshot and the budget, never on a request.

mod sample;

use crate::check::{Auto, Checked, Numbers};
use crate::expr::NodeId;
use crate::ops::estimate::scaled;
use crate::ops::{Demand, Graph, Guess};
use crate::store::Snapshot;
use sample::Sample;

/// A score is given so many times the rows that it has to choose.
const CHOICE: f64 = 4.0;
/// Even where no score chooses, an estimate is a guess: more is aimed at than asked for.
const MARGIN: f64 = 1.5;
/// What factors of `SQRT_2` have to bring at least: below, there is little more to be had.
const GROWS: f64 = 1.1;
/// The largest factor by which a constant is raised.
pub const MOST: f64 = 16.0;

/// What was decided, and why.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// One for each `auto` of the program, in its order.
    pub choices: Vec<Choice>,
}

/// The number of one `auto`.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub constant: u64,
    pub number: u64,
    pub reason: Reason,
}

/// Why a number is what it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// Nothing downstream asks for a number of rows.
    NothingAsked,
    /// The set is not read as candidates.
    Unread,
    /// So many rows are wanted, and so many expected.
    Enough { wanted: f64, expected: f64 },
    /// The constant gives `before` rows; with the number, `expected` are.
    Raised { wanted: f64, before: f64, expected: f64 },
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n = |x: f64| x.round().max(0.0) as u64;
        match *self {
            Reason::NothingAsked => f.write_str("no number of rows is requested"),
            Reason::Unread => f.write_str("it does not produce candidates"),
            Reason::Enough { wanted, expected } => {
                write!(f, "{} rows wanted, about {} expected", n(wanted), n(expected))
            }
            Reason::Raised { wanted, before, expected } => write!(
                f,
                "{} rows wanted: about {} expected, {} with the default",
                n(wanted),
                n(expected),
                n(before)
            ),
        }
    }
}

impl Plan {
    /// The numbers that are not the constants; none if all are.
    pub fn numbers(&self, autos: &[Auto]) -> Option<Numbers> {
        let changed = self.choices.iter().zip(autos);
        let changed = changed.filter(|(choice, auto)| choice.number != auto.number);
        let numbers: Numbers =
            changed.map(|(choice, auto)| (auto.place.clone(), choice.number)).collect();
        (!numbers.is_empty()).then_some(numbers)
    }
}

/// Chooses the number of every `auto` of a program that was checked with their constants. No
/// constant is raised more than `most` times.
pub fn plan(checked: &Checked, snapshot: &Snapshot, most: f64) -> Plan {
    let sample = Sample::new(snapshot, &checked.params);
    let graph = &checked.graph;
    let wanted = demands(checked, &sample);
    let mut choices: Vec<Choice> = checked
        .autos
        .iter()
        .map(|auto| {
            let used = auto.nodes.iter().any(|n| wanted.reached[n.0 as usize]);
            Choice {
                constant: auto.constant,
                number: auto.constant,
                reason: if used { Reason::NothingAsked } else { Reason::Unread },
            }
        })
        .collect();
    for (place, demand) in wanted.rows.iter().enumerate() {
        let Some(demand) = demand else { continue };
        let fanout = NodeId(place as u32);
        if graph.contributions(fanout, snapshot).is_none() {
            continue;
        }
        let rows = demand.rows * if demand.scored { CHOICE } else { MARGIN };
        let above = autos_above(graph, fanout, &checked.autos);
        if above.is_empty() {
            continue;
        }
        let (scale, before, expected) =
            scale_for(graph, &wanted.reached, fanout, &sample, rows, most);
        for index in above {
            let auto = &checked.autos[index];
            let schema = snapshot.schema();
            let most = auto.nodes.iter().map(|&n| graph.get(n).op.most(schema));
            let number = scaled(auto.constant, scale).min(most.max().unwrap_or(u64::MAX));
            choices[index].raise(number, rows, before, expected);
        }
    }
    Plan { choices }
}

impl Choice {
    /// Takes over what one demand wants, unless another wanted more.
    fn raise(&mut self, number: u64, wanted: f64, before: f64, expected: f64) {
        let first = matches!(self.reason, Reason::NothingAsked | Reason::Unread);
        if number <= self.number && !first {
            return;
        }
        self.number = number.max(self.number);
        self.reason = if number > self.constant {
            Reason::Raised { wanted, before, expected }
        } else {
            Reason::Enough { wanted, expected }
        };
    }
}

/// What is asked of each node, and which nodes candidates come from.
pub struct Wanted {
    pub rows: Vec<Option<Demand>>,
    reached: Vec<bool>,
}

/// From the results backwards.
pub fn demands(checked: &Checked, guess: &dyn Guess) -> Wanted {
    let graph = &checked.graph;
    let mut wanted = Wanted { rows: vec![None; graph.len()], reached: vec![false; graph.len()] };
    for (_, result) in &checked.results {
        wanted.reached[result.0 as usize] = true;
    }
    // every node comes after those it needs
    for place in (0..graph.len()).rev() {
        if !wanted.reached[place] {
            continue;
        }
        let node = graph.get(NodeId(place as u32));
        let own = wanted.rows[place];
        for (number, input) in sources(graph, NodeId(place as u32)) {
            let asked = node.op.demand(guess, number, own);
            let known = &mut wanted.rows[input.0 as usize];
            *known = match (*known, asked) {
                (Some(a), Some(b)) => Some(a.both(b)),
                (a, b) => a.or(b),
            };
        }
        for need in node.needs().iter().copied().chain(node.op.nested()) {
            wanted.reached[need.0 as usize] = true;
        }
    }
    wanted
}

/// The inputs of a node by number, the nested set last.
fn sources(graph: &Graph, id: NodeId) -> impl Iterator<Item = (usize, NodeId)> {
    let node = graph.get(id);
    let inputs = node.inputs.iter().copied().chain(node.op.nested());
    inputs.enumerate()
}

/// The autos of a fan-out and of what leads to it, up to where the program says a number of rows.
fn autos_above(graph: &Graph, fanout: NodeId, autos: &[Auto]) -> Vec<usize> {
    let mut above = Vec::new();
    let mut open = vec![fanout];
    let mut seen = vec![false; graph.len()];
    while let Some(id) = open.pop() {
        let node = graph.get(id);
        if std::mem::replace(&mut seen[id.0 as usize], true) || node.op.asks().is_some() {
            continue;
        }
        let here = autos.iter().enumerate().filter(|(_, a)| a.nodes.contains(&id));
        above.extend(here.map(|(index, _)| index));
        open.extend(node.inputs.iter().copied().chain(node.op.nested()));
    }
    above.sort_unstable();
    above.dedup();
    above
}

/// The smallest factor with which a fan-out gives that many rows, as far as more can be had; and
/// the rows expected with the constants, and with it.
fn scale_for(
    graph: &Graph,
    reached: &[bool],
    fanout: NodeId,
    sample: &Sample,
    rows: f64,
    most: f64,
) -> (f64, f64, f64) {
    let expect = |scale: f64| {
        sample.set_scale(scale);
        expected(graph, reached, sample)[fanout.0 as usize]
    };
    let before = expect(1.0);
    let (mut scale, mut found) = (1.0, before);
    while found < rows && scale < most {
        let next = (scale * std::f64::consts::SQRT_2).min(most);
        let more = expect(next);
        if more < found * GROWS {
            break;
        }
        (scale, found) = (next, more);
    }
    (scale, before, found)
}

/// The rows to expect at each node that the results need. Others may read what no request has.
fn expected(graph: &Graph, reached: &[bool], guess: &dyn Guess) -> Vec<f64> {
    let mut rows: Vec<f64> = Vec::with_capacity(graph.len());
    for place in 0..graph.len() as u32 {
        let node = graph.get(NodeId(place));
        if !reached[place as usize] {
            rows.push(0.0);
            continue;
        }
        let inputs: Vec<f64> =
            sources(graph, NodeId(place)).map(|(_, input)| rows[input.0 as usize]).collect();
        let all = guess.rows_of(node.shape.entity);
        rows.push(node.op.estimate(guess, &inputs).clamp(0.0, all.max(1.0)));
    }
    rows
}

/// What is asked of each node of a planned program, and what to expect there.
pub fn described(checked: &Checked, snapshot: &Snapshot) -> Vec<(Option<f64>, f64)> {
    let sample = Sample::new(snapshot, &checked.params);
    let wanted = demands(checked, &sample);
    let asked = wanted.rows.iter().map(|d| d.map(|d| d.rows));
    let expected = expected(&checked.graph, &wanted.reached, &sample);
    asked.zip(expected).collect()
}
