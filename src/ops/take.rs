//! `take`: the first rows, of all or of each value of a key.

use super::bind::{Bind, Bound, Quantity};
use super::estimate::UNKNOWN_SHARE;
use super::kit::counts::some_rows;
use super::kit::group::Groups;
use super::{
    Becomes, Demand, Effect, Exec, Explaining, Guess, Instance, Op, Operator, Param, Planning,
    Rest, Rewriting, RunError, Used, Window, mapped,
};
use crate::batch::{BLOCK, RowBatch, Stop, blocks};
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
        Param { name: "n", ty: "int", named: false },
        Param { name: "offset", ty: "int = 0", named: false },
        Param { name: "per", ty: "expr?", named: false },
        Param { name: "depth", ty: "int?", named: true },
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
    let depth = depth(b);
    let (n, offset, per, depth) = (n?, offset?, per?, depth?);
    let n = some_rows(b, n, "take", 25)?;
    if !fits(b, offset.is_some(), per.is_some(), depth) {
        return None;
    }
    if per.as_ref().is_some_and(|key| key.level < Level::Row) {
        let message = "`per` has the same value for all rows of a request";
        let usual = || "use a key that differs between rows, as a column of theirs".to_owned();
        let help = b.better_key("per").unwrap_or_else(usual);
        b.report(Diagnostic::new(code::W0201, b.arg_span("per"), message).help(help));
    }
    let depth = match &offset {
        Some(offset) if per.is_none() => depth.or_else(|| usual_depth(b, &n, offset)),
        _ => None,
    };
    let bound = match &per {
        None => n.most(),
        Some(key) => {
            let groups = groups(b.schema(), key).zip(n.most());
            groups.map(|(groups, n)| groups.saturating_mul(n))
        }
    };
    let skipped = match (&per, offset.as_ref().and_then(Quantity::known)) {
        (None, Some(offset)) => shape.bound.map(|rows| rows.saturating_sub(offset)),
        _ => None,
    };
    let asked = bound.filter(|_| per.is_none());
    let op = Take { n, offset, per, depth };
    Some(Bound {
        op: Arc::new(op),
        inputs: vec![input],
        shape: shape.cut(asked).at_most(bound).at_most(skipped),
    })
}

/// Pages that a list is made for, where the program does not say how long it is.
const PAGES: u64 = 10;
/// How long a list is made of whose pages nothing is known.
const UNKNOWN_DEPTH: u64 = 1_000;

/// The `depth` of the program, a number of rows; `None` inside if it was not given.
fn depth(b: &mut dyn Bind) -> Option<Option<u64>> {
    let (code, message) = match b.count("depth")? {
        None => return Some(None),
        Some(Quantity::Number(n)) if n > 0 => return Some(Some(n)),
        Some(Quantity::PerRequest(_)) => {
            (code::E0314, "`depth` must be the same for all pages, so it must be a constant")
        }
        Some(_) => (code::E0601, "`depth` is a number of rows, at least 1"),
    };
    let help = "set the total number of rows of all pages, as in `depth=500`";
    b.report(Diagnostic::new(code, b.origin("depth"), message).help(help));
    None
}

/// Whether `depth` may stand beside the other arguments; without an offset it says nothing.
fn fits(b: &mut dyn Bind, offset: bool, per: bool, depth: Option<u64>) -> bool {
    if depth.is_none() {
        return true;
    }
    if per {
        let message = "`depth` is the length of the list that pages are taken from: `take` with `per` has none";
        let help = "leave out `depth`, or cut the pages with another `take` behind this one";
        b.report(Diagnostic::new(code::E0307, b.arg_span("depth"), message).help(help));
    } else if !offset {
        let message = "`depth` changes nothing without `offset`";
        let help = "add `offset`, or leave out `depth`";
        b.report(Diagnostic::new(code::W0205, b.arg_span("depth"), message).help(help));
    }
    !per
}

/// How many rows are made so that every page is a part of one list: what is asked for where the
/// program says which page it is, else some pages. None where a page has no end.
fn usual_depth(b: &dyn Bind, n: &Quantity, offset: &Quantity) -> Option<u64> {
    match (n, offset) {
        (Quantity::All, _) => None,
        (Quantity::Number(n), Quantity::Number(offset)) => Some(n.saturating_add(*offset)),
        _ => Some(match b.largest(n) {
            Some(n) => n.saturating_mul(PAGES),
            None => UNKNOWN_DEPTH,
        }),
    }
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

#[derive(Clone, Debug, Hash)]
struct Take {
    n: Quantity,
    offset: Option<Quantity>,
    per: Option<Expr>,
    /// How long the list is made that pages are cut from, whichever of them is asked for.
    depth: Option<u64>,
}

impl Take {
    /// Whether the first rows are asked for, as far as the program says.
    fn starts_first(&self) -> bool {
        matches!(self.offset, None | Some(Quantity::Number(0)))
    }

    fn skipped(&self) -> Quantity {
        self.offset.clone().unwrap_or(Quantity::Number(0))
    }

    fn guessed_offset(&self, guess: &dyn Guess) -> f64 {
        let offset = self.offset.as_ref();
        offset.and_then(|n| guess.number(n)).unwrap_or(0.0)
    }
}

impl Op for Take {
    fn name(&self) -> &'static str {
        "take"
    }

    fn details(&self, schema: &Schema) -> String {
        let mut parts = vec![self.n.show(schema)];
        if let Some(offset) = &self.offset {
            parts.push(format!("offset={}", offset.show(schema)));
        }
        parts.extend(self.per.iter().map(|e| format!("per={}", show(e, schema))));
        parts.extend(self.depth.map(|depth| format!("depth={depth}")));
        parts.join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        let mut exprs: Vec<&Expr> = self.per.iter().collect();
        for number in std::iter::once(&self.n).chain(&self.offset) {
            if let Quantity::PerRequest(expr) = number {
                exprs.push(expr);
            }
        }
        exprs
    }

    fn effect(&self) -> Effect {
        Effect::Cuts
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let rows = inputs[0];
        let n = self.n.per_request(exec.run);
        let offset = self.skipped().per_request(exec.run);
        let Some(per) = &self.per else {
            return Ok(window(rows, &offset, &n, exec.run.stop));
        };
        // the key of each row, its group, the table of groups
        let _held = exec.hold("take", rows.len() * (4 + 8 + 8 + 24 + 8))?;
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

impl Planning for Take {
    fn numbers(&self) -> Vec<(&'static str, &Quantity)> {
        let offset = self.offset.iter().map(|offset| ("offset", offset));
        std::iter::once(("n", &self.n)).chain(offset).collect()
    }

    fn estimate(&self, guess: &dyn Guess, inputs: &[f64]) -> f64 {
        let n = guess.number(&self.n).filter(|_| self.per.is_none());
        let skipped = self.guessed_offset(guess);
        (inputs[0] - skipped).max(0.0).min(n.unwrap_or(f64::INFINITY))
    }

    fn demand(&self, guess: &dyn Guess, input: usize, wanted: Option<Demand>) -> Option<Demand> {
        let asked = match (&self.per, self.depth) {
            (None, Some(depth)) => Some(Demand::rows(depth as f64)),
            (None, None) => guess.number(&self.n).map(Demand::rows),
            // of rows that share a key some go
            (Some(_), _) => wanted.map(|demand| demand.times(1.0 / UNKNOWN_SHARE)),
        };
        asked.or(wanted).filter(|_| input == 0)
    }

    fn asks(&self) -> Option<u64> {
        let whole = self.per.is_none() && self.starts_first();
        self.n.known().filter(|_| whole)
    }

    fn cut(&self) -> Option<&Quantity> {
        Some(&self.n).filter(|_| self.per.is_none())
    }

    fn depth(&self) -> Option<u64> {
        self.depth
    }

    fn offset(&self) -> Option<&Quantity> {
        self.offset.as_ref().filter(|_| self.per.is_none())
    }
}

impl Rewriting for Take {
    fn uses(&self, _: usize, own: &Used) -> Used {
        let mut used = own.clone().in_order().of_all_rows().reading(self.exprs());
        let page = Window { offset: self.skipped(), n: self.n.clone(), left_out: Vec::new() };
        // whether the list is long enough is seen at its rows
        let list = self.depth.map(|depth| Window {
            offset: Quantity::Number(0),
            n: Quantity::Number(depth),
            left_out: Vec::new(),
        });
        if self.per.is_none() && page.is_known_before() {
            used.part.rows = Some(std::iter::once(page).chain(list).collect());
        }
        used
    }

    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        mapped(
            self,
            |op: &mut Take| {
                let numbers = std::iter::once(&mut op.n).chain(&mut op.offset);
                let numbers = numbers.filter_map(Quantity::expr_mut);
                numbers.chain(&mut op.per).collect()
            },
            f,
        )
    }

    fn becomes(&self, empty: &[bool]) -> Option<Becomes> {
        (empty[0] || self.n.is_zero()).then_some(Becomes::Nothing)
    }
}

impl Explaining for Take {}

/// The first `n[r]` rows of request `r` after those that are skipped.
fn window(rows: &RowBatch, offset: &[u64], n: &[u64], stop: Stop) -> RowBatch {
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
