//! No rows for any request: what stands in the place of an operator that never gives one.

use super::{BoundColumn, Exec, Explaining, Instance, Op, Planning, Rewriting, RunError, Shape};
use crate::batch::RowBatch;
use crate::catalog::schema::Schema;
use crate::expr::Expr;
use crate::expr::value::Val;
use std::sync::Arc;

/// No rows of that shape.
pub fn nothing(shape: &Shape) -> Arc<dyn Instance> {
    Arc::new(Nothing(shape.clone()))
}

/// No rows for anyone, with the columns of a shape.
pub fn no_rows(shape: &Shape, requests: usize) -> RowBatch {
    let column = |c: &BoundColumn| Val::null(&c.ty).into_column(0);
    RowBatch { columns: shape.columns.iter().map(column).collect(), ..RowBatch::empty(requests) }
}

#[derive(Debug, Hash)]
struct Nothing(Shape);

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

    fn run(&self, exec: &Exec, _: &[&RowBatch]) -> Result<RowBatch, RunError> {
        Ok(no_rows(&self.0, exec.run.requests()))
    }
}

impl Planning for Nothing {}

impl Rewriting for Nothing {
    fn is_nothing(&self) -> bool {
        true
    }
}

impl Explaining for Nothing {}
