//! `a if condition else b` between candidate sets: each request runs the side that it takes.

use super::bind::Bound;
use super::kit::join::{Join, Picked, bases};
use super::{
    Becomes, Demand, Drawing, Exec, Explaining, Graph, Guess, Instance, Op, Planning, Rewriting,
    RunError, Shape, Used, mapped,
};
use crate::batch::{Pace, RowBatch};
use crate::catalog::schema::Schema;
use crate::expr::show::show;
use crate::expr::{Expr, Frame, NodeId, Scalar};
use std::sync::Arc;

/// `a if condition else b`; `shape` is the joined shape of both.
pub fn choose(graph: &Graph, condition: Expr, a: NodeId, b: NodeId, mut shape: Shape) -> Bound {
    let (left, right) = (graph.shape(a), graph.shape(b));
    let join = Join::new(&shape, &[left, right]);
    shape.bound = left.bound.zip(right.bound).map(|(a, b)| a.max(b));
    if let (Some(asked), Some((a, b))) = (&mut shape.asked, left.asked.zip(right.asked)) {
        asked.rows = a.rows.max(b.rows);
    }
    Bound { op: Arc::new(Choose { condition, join }), inputs: vec![a, b], shape }
}

#[derive(Clone, Debug, Hash)]
struct Choose {
    condition: Expr,
    join: Join,
}

impl Choose {
    /// 1 where the first side is taken: a null condition takes the second.
    fn conditions(&self, exec: &Exec) -> Vec<u8> {
        Frame::requests(exec.run).condition(&self.condition)
    }
}

impl Op for Choose {
    fn name(&self) -> &'static str {
        "if"
    }

    fn details(&self, schema: &Schema) -> String {
        show(&self.condition, schema).to_string()
    }

    fn exprs(&self) -> Vec<&Expr> {
        vec![&self.condition]
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let bases = bases(inputs);
        let mut picked = Picked::default();
        let _held = Picked::hold(exec, "if", inputs, 0)?;
        let pace = Pace::new(exec.run.stop);
        for (request, condition) in self.conditions(exec).into_iter().enumerate() {
            let side = usize::from(condition != 1);
            for row in inputs[side].range(request) {
                if pace.is_due_before(10) {
                    break;
                }
                picked.push(inputs[side], bases[side], row);
            }
            picked.end_request();
        }
        picked.rows(exec, "if", &self.join, inputs)
    }

    fn gate(&self, _: usize) -> Option<usize> {
        Some(0)
    }

    fn wants(&self, exec: &Exec, input: usize, _: &[&RowBatch]) -> Vec<bool> {
        let conditions = self.conditions(exec).into_iter();
        conditions.map(|c| (c == 1) == (input == 0)).collect()
    }
}

impl Planning for Choose {
    fn estimate(&self, _: &dyn Guess, inputs: &[f64]) -> f64 {
        inputs[0].min(inputs[1])
    }

    fn demand(&self, _: &dyn Guess, _: usize, wanted: Option<Demand>) -> Option<Demand> {
        wanted
    }
}

impl Rewriting for Choose {
    fn unnamed(&self) -> Option<Arc<dyn Instance>> {
        Some(Arc::new(Choose { join: Join::default(), ..self.clone() }))
    }

    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        mapped(self, |op: &mut Choose| vec![&mut op.condition], f)
    }

    fn becomes(&self, _: &[bool]) -> Option<Becomes> {
        let side = match self.condition.as_const()? {
            Scalar::Bool(true) => 0,
            _ => 1,
        };
        Some(match self.join.keeps(side) {
            true => Becomes::Input(side),
            false => Becomes::Rows(side),
        })
    }

    fn uses(&self, input: usize, own: &Used) -> Used {
        self.join.uses(input, own)
    }
}

impl Explaining for Choose {
    fn passes(&self, _: usize) -> bool {
        true
    }

    fn drawing(&self) -> Drawing<'_> {
        Drawing::Either(&self.condition)
    }
}
