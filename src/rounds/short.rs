//! What is said of pages that have fewer rows than they should.

use super::last_cuts;
use crate::batch::RowBatch;
use crate::check::Checked;
use crate::exec::Results;
use crate::expr::NodeId;
use crate::expr::run::Sets;
use crate::ops::{Effect, Exec, Graph};

/// Warns of every list that ends below its last `take`, with the operator that took most of its
/// rows, and of every page that reaches past its list.
///
/// `ran` is the graph that ran; `never` are the operators that give no row whatever the data.
pub fn warnings(checked: &Checked, ran: &Graph, never: &[NodeId], exec: &Exec, results: &Results) {
    let pages = Pages { checked, ran, never, exec, results };
    for (name, result) in &checked.results {
        for (cut, asking) in last_cuts(&checked.graph, never, exec, *result) {
            pages.of(name.as_deref(), *result, cut, &asking);
        }
    }
}

/// Whether a warning is that of a list that ends below its last `take`.
pub fn is_short(warning: &str) -> bool {
    warning.contains(ASKED) && warning.contains(" asks for: ")
}

/// What such a warning says between the number of rows and the operator.
const ASKED: &str = " rows that ";

struct Pages<'a> {
    checked: &'a Checked,
    ran: &'a Graph,
    never: &'a [NodeId],
    exec: &'a Exec<'a>,
    results: &'a Results,
}

/// An operator that rows were lost at.
enum Loss {
    /// How many came in, how many stayed.
    Some(NodeId, u64, u64),
    /// It never returns a row.
    All(NodeId),
}

impl Pages<'_> {
    fn of(&self, name: Option<&str>, result: NodeId, cut: NodeId, asking: &[bool]) {
        let node = self.checked.graph.get(cut);
        let op = &node.op;
        let run = self.exec.run;
        let Some(asked) = op.cut().map(|n| n.per_request(run)) else {
            return;
        };
        let offset = op.offset().map(|n| n.per_request(run));
        let page = match name {
            Some(name) => format!("list `{name}`"),
            None => "the page".to_owned(),
        };
        let asked = asked.iter().enumerate();
        for (request, &n) in asked.filter(|(request, n)| **n < u64::MAX && asking[*request]) {
            if let (Some(offset), Some(depth)) = (&offset, op.depth()) {
                let end = offset[request].saturating_add(n);
                if end > depth {
                    let message = format!(
                        "{page} ends at row {end}, beyond the planned `depth` of {depth}: it has whatever rows exist; for longer lists, raise `depth`"
                    );
                    self.exec.warn(request, message);
                }
            }
            let rows = self.results.rows(result).range(request).len() as u64;
            if rows < n {
                let asks = self.shown(cut);
                let why = self.why(result, request);
                let message = format!("{page} has {rows} of the {n}{ASKED}{asks} asks for: {why}");
                self.exec.warn(request, message);
            }
        }
    }

    fn why(&self, result: NodeId, request: usize) -> String {
        match self.loss(result, request) {
            Some(Loss::Some(node, came, stayed)) => {
                format!("{} removed most: {stayed} of {came} rows were kept", self.shown(node))
            }
            Some(Loss::All(node)) => format!("{} never returns a row", self.shown(node)),
            None => "no operator removed any: there are no more candidates".to_owned(),
        }
    }

    /// Where most rows were lost on the way of the first inputs; of equals the later operator.
    fn loss(&self, result: NodeId, request: usize) -> Option<Loss> {
        let (mut id, mut most) = (result, None);
        loop {
            if self.gives_nothing(id) {
                return Some(Loss::All(self.first_nothing(id)));
            }
            let Some(input) = self.first_input(id, request) else {
                return most.map(|(node, came, stayed)| Loss::Some(node, came, stayed));
            };
            let (came, stayed) = (self.rows(input, request), self.rows(id, request));
            // what a page skips is on the pages before it
            let stayed = stayed.saturating_add(self.skipped(id, request)).min(came);
            let lost = came.saturating_sub(stayed);
            if lost > most.map_or(0, |(_, came, stayed)| came - stayed) {
                most = Some((id, came, stayed));
            }
            id = input;
        }
    }

    /// The input that a way goes on with: the first, or of a conditional the side that was taken.
    fn first_input(&self, id: NodeId, request: usize) -> Option<NodeId> {
        let node = self.ran.get(id);
        let taken = |input: &usize| match node.op.gate(*input) {
            Some(_) => node.op.wants(self.exec, *input, &[])[request],
            None => true,
        };
        let input = (0..node.inputs.len()).find(taken)?;
        Some(node.inputs[input])
    }

    /// The rows that a node has, or would have if all were made.
    fn rows(&self, id: NodeId, request: usize) -> u64 {
        let node = self.ran.get(id);
        if let Some(followed) = self.exec.followed(&*node.op, request) {
            return followed.rows;
        }
        let inputs: Vec<&RowBatch> = node.inputs.iter().map(|&i| self.results.rows(i)).collect();
        if let Some(rows) = node.op.whole(self.exec, &inputs, request) {
            return rows;
        }
        let passes = node.op.effect() == Effect::Keeps || node.op.gate(0).is_some();
        match self.first_input(id, request).filter(|_| passes) {
            Some(input) => self.rows(input, request),
            None => self.results.rows(id).range(request).len() as u64,
        }
    }

    fn skipped(&self, id: NodeId, request: usize) -> u64 {
        let offset = self.ran.get(id).op.offset();
        offset.map_or(0, |offset| offset.per_request(self.exec.run)[request])
    }

    fn gives_nothing(&self, id: NodeId) -> bool {
        self.never.contains(&id)
    }

    /// The earliest operator on the way of first inputs from which nothing comes.
    fn first_nothing(&self, id: NodeId) -> NodeId {
        let mut id = id;
        while let Some(&input) = self.checked.graph.get(id).inputs.first()
            && self.gives_nothing(input)
        {
            id = input;
        }
        id
    }

    fn shown(&self, id: NodeId) -> String {
        let schema = self.exec.run.snapshot.schema();
        format!("`{}`", self.checked.graph.get(id).text(schema))
    }
}
