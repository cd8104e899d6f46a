//! A program as it is for those who are in some arms, whoever they are.

use super::{Rewriting, fold};
use crate::check::Checked;
use crate::expr::{Expr, Kind, NodeId, Scalar};
use crate::ops::{Becomes, handed_on};
use crate::store::Snapshot;
use foldhash::HashSet;

/// A program with arms of experiments written in the places where they are read, and with what they decide decided;
/// and the operators that now do nothing but hand on the rows of their input.
pub fn in_arms(
    checked: &Checked,
    snapshot: &Snapshot,
    arms: &[(String, String)],
) -> (Checked, HashSet<NodeId>) {
    let mut rewriting = Rewriting::new(checked, snapshot, (&[], &[]));
    rewriting.write_in(&slots(checked, snapshot, arms));
    fold::constants(&mut rewriting);
    let handing_on = rewriting.decide();
    (Checked { graph: rewriting.graph, ..checked.clone() }, handing_on)
}

/// By the slot of an experiment, the arm.
fn slots(checked: &Checked, snapshot: &Snapshot, arms: &[(String, String)]) -> Vec<(u32, Scalar)> {
    let params = (0..).zip(&checked.params);
    let slots = params.filter_map(|(slot, param)| {
        let experiment = param.experiment.as_ref()?;
        let (_, arm) = arms.iter().find(|(name, _)| *name == experiment.name)?;
        let code = snapshot.code_of(arm).map(Scalar::Code);
        Some((slot, code.unwrap_or_else(|| Scalar::Text(arm.as_str().into()))))
    });
    slots.collect()
}

impl Rewriting<'_> {
    /// Puts constants in the place of what a request says.
    fn write_in(&mut self, slots: &[(u32, Scalar)]) {
        let find = |slot: u32| slots.iter().find(|(known, _)| *known == slot);
        let mut write = |part: Expr| match &part.kind {
            Kind::Param(slot, _) => match find(*slot) {
                Some((_, value)) => Expr::constant(value.clone(), part.ty.clone()),
                None => part,
            },
            _ => part,
        };
        let mut others = Vec::new();
        for &id in &self.running {
            let node = self.graph.get(id);
            let reads = |expr: &Expr| expr.params().iter().any(|(slot, _)| find(*slot).is_some());
            if node.op.exprs().into_iter().any(reads)
                && let Some(op) = node.op.mapped(&mut |expr| expr.map(&mut write))
            {
                others.push((id, op, node.inputs.clone()));
            }
        }
        self.replace(others);
    }

    /// Finds what constants decide: one side of a conditional, a filter that lets all rows pass.
    fn decide(&mut self) -> HashSet<NodeId> {
        let mut others = Vec::new();
        for &id in &self.running {
            let node = self.graph.get(id);
            let some = vec![false; node.inputs.len()];
            if let Some(Becomes::Input(side) | Becomes::Rows(side)) = node.op.becomes(&some) {
                let input = node.inputs[side];
                let op = handed_on(&node.shape, self.graph.shape(input));
                others.push((id, op, vec![input]));
            }
        }
        let handing_on = others.iter().map(|(id, ..)| *id).collect();
        self.replace(others);
        handing_on
    }
}
