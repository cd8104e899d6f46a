//! Numbers that do not fit each other: W0203, W03, W04, W08.

use super::{Checker, Flow, leads_to};
use crate::diag::{Diagnostic, code};
use crate::expr::NodeId;
use crate::ops::Effect;
use crate::ops::shape::AskedBy;
use crate::source::Span;

impl<'a> Checker<'a> {
    pub(super) fn quantity_lints(&mut self, id: NodeId, flow: &Flow) {
        if self.lies_in_program(id) {
            self.asks_for_more(id);
        }
        self.may_leave_fewer(id, flow);
    }

    /// `take(50)` of what is 30 rows at most, by the numbers in the program.
    fn asks_for_more(&mut self, id: NodeId) {
        let node = self.graph.get(id);
        let (Some(wanted), Some(&input)) = (node.op.asks(), node.inputs.first()) else {
            return;
        };
        let Some(asked) = self.graph.shape(input).asked.filter(|a| a.rows < wanted) else {
            return;
        };
        let (name, span, most) = (node.op.name(), node.span, asked.rows);
        let diagnostic = match asked.by {
            AskedBy::Source => {
                let message =
                    format!("`{name}` asks for {wanted} rows, but there are at most {most}");
                Diagnostic::new(code::W0203, span, message).help("leave it out, or ask for fewer")
            }
            AskedBy::Cut => {
                let message =
                    format!("`{name}` asks for {wanted} rows, but an earlier one keeps {most}");
                let earlier = self.earlier_cut(id, most);
                let diagnostic = Diagnostic::new(code::W0401, span, message)
                    .help("use smaller numbers later: each step of a funnel should narrow it");
                match earlier {
                    Some(earlier) => {
                        diagnostic.label(self.span_of(earlier), format!("at most {most} rows here"))
                    }
                    None => diagnostic,
                }
            }
            AskedBy::Fanout => {
                let message = format!(
                    "`{name}` asks for {wanted} rows, but the numbers before it allow {most} at most"
                );
                Diagnostic::new(code::W0801, span, message).help(
                    "raise the numbers of the fan-outs before it, or leave them to `auto`; or ask for fewer",
                )
            }
        };
        self.report_at(id, diagnostic);
    }

    fn earlier_cut(&self, id: NodeId, most: u64) -> Option<NodeId> {
        self.upstream(id).into_iter().find(|&node| self.graph.get(node).op.asks() == Some(most))
    }

    /// A filter behind the last `take`: fewer rows come out than were asked for.
    fn may_leave_fewer(&mut self, id: NodeId, flow: &Flow) {
        let Some((name, span)) = self.as_written(id) else {
            return;
        };
        let effect = self.graph.get(id).op.effect();
        if effect != Effect::Narrows || !self.ends_the_query(id, flow) {
            return;
        }
        let cut = self.upstream(id).into_iter().find_map(|earlier| {
            let asks = self.graph.get(earlier).op.asks().filter(|&n| n > 1)?;
            Some((earlier, asks))
        });
        let Some((cut, asked)) = cut else { return };
        let cut_name = self.graph.get(cut).op.name();
        let message = format!("`{name}` after `{cut_name}` may leave fewer than {asked} rows");
        let diagnostic = Diagnostic::new(code::W0301, span, message)
            .label(self.span_of(cut), format!("{asked} rows are asked for here"))
            .help(format!("put `{name}` before `{cut_name}`"));
        self.report(diagnostic);
    }

    /// The name and place under which an operator stands in the program: its own, or those of the
    /// definition that brings it there.
    fn as_written(&self, id: NodeId) -> Option<(String, Span)> {
        let node = self.graph.get(id);
        if self.lies_in_program(id) {
            return Some((node.op.name().to_owned(), node.span));
        }
        let program = self.modules.all[0].source;
        let sites = self.written.sites.get(&id)?;
        let site = sites.iter().rev().find(|site| site.span.source == program)?;
        Some((site.name.clone(), site.span))
    }

    /// Whether the rows of a node are those of a result, narrowed and reordered at most: nothing
    /// asks for a number of them again.
    fn ends_the_query(&self, id: NodeId, flow: &Flow) -> bool {
        leads_to(id, |id, on| {
            on.extend(flow.consumers(id).iter().filter_map(|&(consumer, input)| {
                let node = self.graph.get(consumer);
                let keeps = !matches!(node.op.effect(), Effect::Other | Effect::Cuts);
                let ends = keeps && node.op.asks().is_none() && !node.is_fact(input);
                ends.then_some(consumer)
            }));
            flow.results.contains(&id)
        })
    }
}
