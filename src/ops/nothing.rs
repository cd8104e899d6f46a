//! No rows for any request: what stands in the place of an operator that never gives one.

use super::{Exec, Op, RunError, Shape};
use crate::batch::Rows;
use crate::catalog::schema::Schema;
use crate::expr::Expr;
use crate::expr::value::Val;
use crate::types::Type;
use std::sync::Arc;

/// No rows of that shape.
pub fn nothing(shape: &Shape) -> Arc<dyn Op> {
    let columns = shape.columns.iter().map(|c| c.ty.clone()).collect();
    Arc::new(Nothing { columns })
}

#[derive(Debug)]
struct Nothing {
    columns: Vec<Type>,
}

impl Op for Nothing {
    fn name(&self) -> &'static str {
        "nothing"
    }

    fn details(&self, _: &Schema) -> String {
        String::new()
    }

    fn exprs(&self) -> Vec<&Expr> {
        Vec::new()
    }

    fn run(&self, exec: &Exec, _: &[&Rows]) -> Result<Rows, RunError> {
        let column = |ty| Val::null(ty).into_column(0);
        Ok(Rows {
            columns: self.columns.iter().map(column).collect(),
            ..Rows::empty(exec.run.requests())
        })
    }
}
