//! E0602: what a request may make, against what the program can make.

use super::Checker;
use crate::diag::{Diagnostic, code};
use crate::expr::NodeId;

impl<'a> Checker<'a> {
    /// Reports the first operators of every path whose rows or contributions can be more than the
    /// budget; what follows from them is not reported again.
    pub(super) fn over_budget(&mut self, ran: &[NodeId]) {
        let mut over = vec![false; self.graph.len()];
        for id in self.graph.reachable(ran) {
            let node = self.graph.get(id);
            let rows = node.shape.bound.unwrap_or(0);
            let contributions = self.graph.contributions(id, self.snapshot).unwrap_or(0);
            let most = rows.max(contributions);
            let before = node.needs().iter().any(|need| over[need.0 as usize]);
            over[id.0 as usize] = before || most > self.budget;
            if before || most <= self.budget {
                continue;
            }
            let message = format!(
                "`{}` can make {most} rows for one request; the budget is {}",
                node.op.name(),
                self.budget
            );
            let help = if contributions > rows {
                "use a smaller `limit` or `k`, or `take` fewer rows before it"
            } else {
                "start from fewer rows"
            };
            let help = format!("{help}, or raise the budget");
            let diagnostic = Diagnostic::new(code::E0602, node.span, message).help(help);
            self.report_at(id, diagnostic);
        }
    }
}
