//! Which condition of a filter a row failed, and on which values.

use super::Search;
use super::reason::words;
use crate::expr::show::show;
use crate::expr::{Expr, Frame};
use crate::types::Value;
use crate::why::effects::collect;

impl Search<'_, '_> {
    /// The first of some conditions that a row of a frame does not meet, with what it reads.
    pub(super) fn failed(
        &self,
        conditions: &[Expr],
        frame: &Frame,
        row: usize,
        names: &[String],
    ) -> (String, Vec<(String, Value)>) {
        let run = self.tracer.run();
        let schema = run.snapshot.schema();
        let mut parts = conditions.iter().flat_map(Expr::conjuncts);
        let failed = parts.find(|c| frame.condition(c)[row] != 1);
        let Some(condition) = failed else {
            return ("its conditions are not satisfied together".to_owned(), Vec::new());
        };
        let text = |e: &Expr| show(e, schema).with(run.texts, run.keys, names).to_string();
        let mut reads = Vec::new();
        collect(condition, &mut reads);
        // a comparison of a list or a vector reads its column, not itself
        if let [only] = reads[..]
            && std::ptr::eq(only, condition)
        {
            reads.clear();
            condition.each_child(&mut |child| collect(child, &mut reads));
        }
        let values: Vec<(String, Value)> = reads
            .iter()
            .map(|e| (text(e), self.tracer.read(&frame.column(e), &e.ty, row)))
            .collect();
        let found = match &values[..] {
            [] => "it is not".to_owned(),
            [(_, value)] => format!("it is {}", words(value)),
            many => many
                .iter()
                .map(|(name, value)| format!("{name} is {}", words(value)))
                .collect::<Vec<_>>()
                .join(", "),
        };
        (format!("{}: {found}", text(condition)), values)
    }
}
