//! An operator of a Rust program: one row of each kind.

use igql::extend::{Args, Argument, Failure, OperatorSignature, RowOperator, RowsView, Selection};
use std::collections::HashSet;

/// `dedupe_by(key)`: the first row of each key, in their order. Rows without a key are all kept.
pub struct DedupeBy(OperatorSignature);

impl DedupeBy {
    pub fn new() -> DedupeBy {
        let signature = OperatorSignature::new("dedupe_by", &[("key", Argument::Key)]);
        DedupeBy(
            signature.doc(
                "The first row of each `key`, in their order. Rows without a key are all kept.",
            ),
        )
    }
}

impl RowOperator for DedupeBy {
    fn signature(&self) -> &OperatorSignature {
        &self.0
    }

    fn run(&self, args: &Args, rows: &RowsView, out: &mut Selection) -> Result<(), Failure> {
        let keys = args.rows("key").ok_or("there is no key")?;
        let mut seen = HashSet::new();
        for row in 0..rows.len() {
            if row % 4_096 == 0 && rows.late() {
                return Ok(());
            }
            if keys.int(row).is_none_or(|key| seen.insert(key)) {
                out.keep(row);
            }
        }
        Ok(())
    }
}
