//! `take`: the first rows, of all or of each value of a key.

use super::bind::{Bind, Bound, Quantity};
use super::estimate::UNKNOWN_SHARE;
use super::group::Groups;
use super::walk::quantity;
use super::{
    Becomes, Demand, Effect, Exec, Guess, Op, Operator, Param, Rest, RunError, Used, Window, mapped,
};
use crate::batch::{BLOCK, Rows, Stop, blocks};
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code};
use crate::expr::show::show;
use crate::expr::{Expr, Frame, Level};
use crate::types::Type;
use std::sync::Arc;

pub const TAKE: Operator = Operator {
    name: "take",
    source: false,
    params: &[
        Param {
            name: "n",
            ty: "int",
            named: false,
        },
        Param {
            name: "offset",
            ty: "int = 0",
            named: false,
        },
        Param {
            name: "per",
            ty: "expr?",
            named: false,
        },
    ],
    keeps_shape: true,
    rest: Rest::None,
    page: include_str!("../../docs/operators/take.md"),
    bind,
};

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let input = b.input();
    let shape = b.graph().shape(input).clone();
    let n = b.count("n");
    let offset = b.count("offset");
    let per = b.row_value("per", &shape, None);
    let (n, offset, per) = (n?, offset?, per?);
    let n = some_rows(b, n, "take", 25)?;
    let bound = match &per {
        None => n.known(),
        Some(key) => groups(b.schema(), key)
            .zip(n.known())
            .map(|(groups, n)| groups.saturating_mul(n)),
    };
    let skipped = match (&per, offset.as_ref().and_then(Quantity::known)) {
        (None, Some(offset)) => shape.bound.map(|rows| rows.saturating_sub(offset)),
        _ => None,
    };
    let asked = bound.filter(|_| per.is_none());
    let op = Take {
        n,
        offset: offset.unwrap_or(Quantity::Number(0)),
        per,
    };
    Some(Bound {
        op: Arc::new(op),
        inputs: vec![input],
        shape: shape.cut(asked).at_most(bound).at_most(skipped),
    })
}

/// Most values that a key can have, where its type says so. Null is one more, and so is the id of
/// a viewer that the catalog does not have.
fn groups(schema: &Schema, key: &Expr) -> Option<u64> {
    match key.ty {
        _ if key.level < Level::Row => Some(1),
        Type::Bool => Some(3),
        Type::Id(entity) => Some(u64::from(schema.entity(entity).rows) + 2),
        _ => None,
    }
}

#[derive(Clone, Debug)]
struct Take {
    n: Quantity,
    offset: Quantity,
    per: Option<Expr>,
}

impl Op for Take {
    fn name(&self) -> &'static str {
        "take"
    }

    fn details(&self, schema: &Schema) -> String {
        let mut parts = vec![quantity(&self.n, schema)];
        if self.offset != Quantity::Number(0) {
            parts.push(format!("offset={}", quantity(&self.offset, schema)));
        }
        parts.extend(self.per.iter().map(|e| format!("per={}", show(e, schema))));
        parts.join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        let mut exprs: Vec<&Expr> = self.per.iter().collect();
        for number in [&self.n, &self.offset] {
            if let Quantity::PerRequest(expr) = number {
                exprs.push(expr);
            }
        }
        exprs
    }

    fn effect(&self) -> Effect {
        Effect::Cuts
    }

    fn estimate(&self, guess: &dyn Guess, inputs: &[f64]) -> f64 {
        let n = guess.number(&self.n).filter(|_| self.per.is_none());
        let skipped = guess.number(&self.offset).unwrap_or(0.0);
        (inputs[0] - skipped)
            .max(0.0)
            .min(n.unwrap_or(f64::INFINITY))
    }

    fn demand(&self, guess: &dyn Guess, input: usize, wanted: Option<Demand>) -> Option<Demand> {
        let n = guess.number(&self.n);
        let offset = guess.number(&self.offset).unwrap_or(0.0);
        let asked = match &self.per {
            None => n.map(|n| Demand::rows(n + offset)),
            // of rows that share a key some go
            Some(_) => wanted.map(|demand| demand.times(1.0 / UNKNOWN_SHARE)),
        };
        asked.or(wanted).filter(|_| input == 0)
    }

    fn asks(&self) -> Option<u64> {
        let whole = self.per.is_none() && self.offset == Quantity::Number(0);
        self.n.known().filter(|_| whole)
    }

    fn cut(&self) -> Option<&Quantity> {
        Some(&self.n).filter(|_| self.per.is_none())
    }

    fn uses(&self, _: usize, own: &Used) -> Used {
        let mut used = own.clone().in_order().of_all_rows().reading(self.exprs());
        let window = Window {
            offset: self.offset.clone(),
            n: self.n.clone(),
        };
        if self.per.is_none() && window.is_known_before() {
            used.part.rows = Some(vec![window]);
        }
        used
    }

    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Op>> {
        mapped(
            self,
            |op: &mut Take| {
                let numbers = [&mut op.n, &mut op.offset].into_iter();
                let numbers = numbers.filter_map(Quantity::expr_mut);
                numbers.chain(&mut op.per).collect()
            },
            f,
        )
    }

    fn becomes(&self, empty: &[bool]) -> Option<Becomes> {
        (empty[0] || self.n.is_zero()).then_some(Becomes::Nothing)
    }

    fn run(&self, exec: &Exec, inputs: &[&Rows]) -> Result<Rows, RunError> {
        let rows = inputs[0];
        let (n, offset) = (
            self.n.per_request(exec.run),
            self.offset.per_request(exec.run),
        );
        let Some(per) = &self.per else {
            return Ok(window(rows, &offset, &n, exec.run.stop));
        };
        let owners = rows.owners();
        let frame = Frame::rows(exec.run, rows, &owners);
        let keys = [exec.column("take", &frame, per)?];
        let mut keep = vec![0u8; rows.len()];
        for request in 0..rows.requests() {
            let range = rows.range(request);
            let groups = Groups::new(exec, "take", &keys, range.clone())?;
            let wanted = offset[request]..offset[request].saturating_add(n[request]);
            let mut before = vec![0u64; groups.count()];
            for places in blocks(range.clone(), BLOCK) {
                exec.check("take", 0)?;
                for place in places {
                    let of = groups.of(place - range.start);
                    // a row of several groups stays if all of them have room
                    let has_room = |&g: &u32| wanted.contains(&before[g as usize]);
                    keep[place] = u8::from(of.iter().all(has_room));
                    of.iter().for_each(|&g| before[g as usize] += 1);
                }
            }
        }
        Ok(rows.retain_until(&keep, exec.run.stop))
    }
}

/// The number of rows `n` that the operator cannot do without; reports one that is missing or 0.
/// `example` is one that might be meant.
pub fn some_rows(
    b: &mut dyn Bind,
    n: Option<Quantity>,
    operator: &str,
    example: u64,
) -> Option<Quantity> {
    let diagnostic = match n {
        None => {
            let message = format!("`{operator}` needs a number of rows");
            Diagnostic::new(code::E0303, b.span(), message)
                .help(format!("write `{operator}({example})`"))
        }
        Some(Quantity::Number(0)) => {
            let message = format!("`{operator}(0)` never gives a row");
            let help = "ask for at least one row, or leave the operator out";
            Diagnostic::new(code::E0601, b.origin("n"), message).help(help)
        }
        some => return some,
    };
    b.report(diagnostic);
    None
}

/// The first `n[r]` rows of request `r` after those that are skipped.
fn window(rows: &Rows, offset: &[u64], n: &[u64], stop: Stop) -> Rows {
    let mut offsets = vec![0];
    let mut places = Vec::new();
    for request in 0..rows.requests() {
        let range = rows.range(request);
        let len = range.len() as u64;
        let start = offset[request].min(len);
        let end = start.saturating_add(n[request]).min(len);
        places.extend((range.start as u32 + start as u32)..(range.start as u32 + end as u32));
        offsets.push(places.len() as u32);
    }
    rows.select_until(offsets, &places, &rows.scores, stop)
}
