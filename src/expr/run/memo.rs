//! What parts of large expressions come to, which stand in them more than once.

use crate::batch::{Column, Stop};
use crate::expr::ir::Expr;
use crate::expr::value::{Val, from_column};
use foldhash::HashMap;
use std::sync::Mutex;

/// What shared parts of large expressions come to, by their keys: over certain rows, or over the
/// requests of a run.
#[derive(Debug, Default)]
pub struct Memo(Mutex<HashMap<u128, Column>>);

impl Memo {
    /// What is known, or what `make` gives from now on; what is made in a run that has to end is
    /// not kept. Two threads may make the same at once.
    pub fn get(&self, expr: &Expr, stop: Stop, make: impl FnOnce() -> Column) -> Val<'static> {
        let key = expr.key();
        let known = || self.0.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(column) = known().get(&key) {
            return from_column(column.clone());
        }
        let made = make();
        if !stop.is_due() {
            known().insert(key, made.clone());
        }
        from_column(made)
    }
}
