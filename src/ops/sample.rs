//! `sample`: rows at random, by weight, without replacement (Efraimidis, Spirakis 2006:
//! "Weighted random sampling with a reservoir").

use super::bind::{Bind, Bound, Quantity};
use super::kit::counts::some_rows;
use super::{
    Demand, Drawing, Exec, Explaining, Guess, Instance, Op, Operator, Param, Planning, Rest,
    Rewriting, RunError, Used, mapped,
};
use crate::batch::{BLOCK, RowBatch, arrange, blocks, places, sort_key};
use crate::catalog::schema::Schema;
use crate::expr::random::{Hasher, unit};
use crate::expr::show::show;
use crate::expr::{Expr, Frame, Level};
use crate::types::{EntityId, Type};
use std::sync::Arc;

pub const SAMPLE: Operator = Operator {
    name: "sample",
    source: false,
    params: &[
        Param { name: "n", ty: "int", named: false },
        Param { name: "weight", ty: "expr = 1", named: false },
        Param { name: "salt", ty: "string = \"\"", named: false },
    ],
    keeps_shape: true,
    rest: Rest::None,
    page: include_str!("../../docs/operators/sample.md"),
    bind,
};

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let input = b.input();
    let shape = b.graph().shape(input).clone();
    let n = b.count("n");
    let weight = b.row_value("weight", &shape, Some(&Type::Float));
    let salt = b.request_value("salt", Some(&Type::String));
    let (n, weight, salt) = (n?, weight?, salt?);
    let n = some_rows(b, n, "sample", 10)?;
    let op = Sample { entity: shape.entity, n: n.clone(), weight, salt };
    Some(Bound { op: Arc::new(op), inputs: vec![input], shape: shape.cut(n.most()) })
}

#[derive(Clone, Debug, Hash)]
struct Sample {
    entity: EntityId,
    n: Quantity,
    weight: Option<Expr>,
    salt: Option<Expr>,
}

impl Op for Sample {
    fn name(&self) -> &'static str {
        "sample"
    }

    fn details(&self, schema: &Schema) -> String {
        let mut parts = vec![self.n.show(schema)];
        let shown = |name: &str, e: &Expr| format!("{name}={}", show(e, schema));
        parts.extend(self.weight.iter().map(|e| shown("weight", e)));
        parts.extend(self.salt.iter().map(|e| shown("salt", e)));
        parts.join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        let mut exprs: Vec<&Expr> = self.weight.iter().chain(&self.salt).collect();
        if let Quantity::PerRequest(n) = &self.n {
            exprs.push(n);
        }
        exprs
    }

    fn is_personal(&self) -> bool {
        true
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let (run, rows) = (exec.run, inputs[0]);
        let stop = run.stop;
        let _held = exec.hold("sample", rows.len() * (4 + 8 + 1 + 3 * 16))?;
        let owners = rows.owners();
        let weights = match &self.weight {
            Some(weight) => Frame::rows(run, rows, &owners).numbers(weight),
            None => vec![1.0; rows.len()],
        };
        let salts = self.salts(exec);
        let mut keep = vec![0u8; rows.len()];
        let (mut drawn, mut first) = (Vec::new(), Vec::new());
        for (request, n) in self.n.per_request(run).into_iter().enumerate() {
            let viewer = run.keys.key(run.snapshot.schema().viewer, run.viewers[request]);
            let mut hasher = Hasher::default();
            let shared = hasher.int(run.seeds[request]).key(viewer.as_ref());
            let shared = shared.text(&salts[request]).mark();
            drawn.clear();
            for block in blocks(rows.range(request), BLOCK) {
                exec.check("sample", 0)?;
                // a null weight is not above 0 either
                for row in block.filter(|&row| weights[row] > 0.0) {
                    hasher.cut(shared);
                    hasher.key(run.keys.key(self.entity, rows.ids[row]).as_ref());
                    let draw = unit(hasher.finish()).ln() / weights[row];
                    drawn.push(sort_key(draw, row as u32, row as u32));
                }
            }
            arrange(drawn.iter().copied(), Some(n), &mut first, stop);
            places(&first, stop).for_each(|row| keep[row as usize] = 1);
        }
        Ok(rows.retain_until(&keep, stop))
    }
}

impl Planning for Sample {
    fn numbers(&self) -> Vec<(&'static str, &Quantity)> {
        vec![("n", &self.n)]
    }

    fn estimate(&self, guess: &dyn Guess, inputs: &[f64]) -> f64 {
        inputs[0].min(guess.number(&self.n).unwrap_or(f64::INFINITY))
    }

    /// There should be more than are drawn, or nothing is left to chance.
    fn demand(&self, guess: &dyn Guess, input: usize, _: Option<Demand>) -> Option<Demand> {
        let n = guess.number(&self.n).filter(|_| input == 0);
        n.map(|n| Demand { rows: n, scored: true })
    }
}

impl Rewriting for Sample {
    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        mapped(
            self,
            |op: &mut Sample| {
                let both = op.weight.iter_mut().chain(&mut op.salt);
                both.chain(op.n.expr_mut()).collect()
            },
            f,
        )
    }

    /// Rows whose draws are equal stand in their order.
    fn uses(&self, _: usize, own: &Used) -> Used {
        let used = own.clone().in_order().of_all_rows();
        used.reading(self.exprs())
    }
}

impl Explaining for Sample {
    fn passes(&self, input: usize) -> bool {
        input == 0
    }

    fn drawing(&self) -> Drawing<'_> {
        match self.weight.as_ref().is_none_or(|weight| weight.level < Level::Row) {
            true => Drawing::Sample(&self.n),
            false => Drawing::Weighted,
        }
    }
}

impl Sample {
    /// The salt of each request; null is the empty string.
    fn salts(&self, exec: &Exec) -> Vec<String> {
        let run = exec.run;
        let Some(salt) = &self.salt else {
            return vec![String::new(); run.requests()];
        };
        let codes = Frame::requests(run).eval(salt).codes();
        let text = |code| run.texts.get(code).map_or(String::new(), |t| t.into_owned());
        codes.spread(run.requests()).into_iter().map(text).collect()
    }
}
