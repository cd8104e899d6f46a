//! `insert`: rows of another set at fixed positions.

use super::bind::{Bind, Bound, Quantity, Role};
use super::kit::join::{Join, Picked, bases};
use super::kit::values::elements;
use super::{
    Demand, Drawing, Exec, Explaining, Guess, Instance, Op, Operator, Param, Planning, Rest,
    Rewriting, RunError, Used, mapped,
};
use crate::batch::{Pace, RowBatch};
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code};
use crate::expr::ir::{Kind, Scalar};
use crate::expr::show::show;
use crate::expr::value::Val;
use crate::expr::{Expr, Frame};
use crate::types::Type;
use std::collections::HashSet;
use std::sync::Arc;

pub const INSERT: Operator = Operator {
    name: "insert",
    source: false,
    params: &[
        Param { name: "other", ty: "set", named: false },
        Param { name: "at", ty: "list[int]?", named: false },
        Param { name: "every", ty: "int?", named: true },
        Param { name: "start", ty: "int = 1", named: true },
    ],
    keeps_shape: true,
    rest: Rest::None,
    page: include_str!("../../docs/operators/insert.md"),
    bind,
};

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let input = b.input();
    let role: Role = b.role();
    let other = b.set("other", role);
    let slots = slots(b);
    let (other, slots) = (other?, slots?);
    let Some(other) = other else {
        let message = "`insert` needs the set whose rows are inserted";
        let help = "write `rows.insert(sponsored, at=[3, 8])`";
        b.report(Diagnostic::new(code::E0303, b.span(), message).help(help));
        return None;
    };
    let sets = [(input, b.span()), (other, b.arg_span("other"))];
    let shape = b.joined(&sets)?;
    let join = Join::new(&shape, &[b.graph().shape(input), b.graph().shape(other)]);
    Some(Bound { op: Arc::new(Insert { slots, join }), inputs: vec![input, other], shape })
}

fn slots(b: &mut dyn Bind) -> Option<Slots> {
    if b.has("at") && b.has("every") {
        let message = "`insert` takes `at` or `every`, not both";
        let help = "`at` lists the positions, `every` repeats one";
        b.report(Diagnostic::new(code::E0307, b.arg_span("every"), message).help(help));
        return None;
    }
    if b.has("start") && !b.has("every") {
        let message = "`start` says where `every` begins, which is not given";
        let help = "write `every=5, start=3`, or `at=[3, 8]`";
        b.report(Diagnostic::new(code::E0303, b.arg_span("start"), message).help(help));
        return None;
    }
    let at = b.request_value("at", Some(&Type::List(Box::new(Type::Int))))?;
    if let Some(at) = at {
        if below_one(&at) {
            let message = "positions start at 1";
            b.report(Diagnostic::new(code::E0306, b.arg_span("at"), message));
            return None;
        }
        b.amounts(&at, "at");
        return Some(Slots::At(at));
    }
    let Some(every) = b.count("every")? else {
        let message = "`insert` needs the positions to fill";
        let help = "write `at=[3, 8]`, or `every=5, start=3`";
        b.report(Diagnostic::new(code::E0303, b.span(), message).help(help));
        return None;
    };
    let start = b.count("start")?.unwrap_or(Quantity::Number(1));
    for (name, number) in [("every", &every), ("start", &start)] {
        if matches!(number, Quantity::Number(0) | Quantity::All) {
            let message = format!("`{name}` is a number of at least 1");
            b.report(Diagnostic::new(code::E0306, b.arg_span(name), message));
            return None;
        }
    }
    Some(Slots::Every { every, start })
}

/// Whether a list names a position that cannot be.
fn below_one(at: &Expr) -> bool {
    match &at.kind {
        Kind::List(items) => {
            items.iter().any(|item| matches!(item.as_const(), Some(Scalar::I64(n)) if *n < 1))
        }
        _ => false,
    }
}

/// Which positions are filled.
#[derive(Clone, Debug, Hash)]
enum Slots {
    At(Expr),
    Every { every: Quantity, start: Quantity },
}

#[derive(Clone, Debug, Hash)]
struct Insert {
    slots: Slots,
    join: Join,
}

impl Op for Insert {
    fn name(&self) -> &'static str {
        "insert"
    }

    fn details(&self, schema: &Schema) -> String {
        match &self.slots {
            Slots::At(at) => format!("at={}", show(at, schema)),
            Slots::Every { every, start } => {
                format!("every={}, start={}", every.show(schema), start.show(schema))
            }
        }
    }

    fn exprs(&self) -> Vec<&Expr> {
        match &self.slots {
            Slots::At(at) => vec![at],
            Slots::Every { every, start } => [every, start]
                .into_iter()
                .filter_map(|n| match n {
                    Quantity::PerRequest(expr) => Some(expr),
                    _ => None,
                })
                .collect(),
        }
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let (rows, other) = (inputs[0], inputs[1]);
        let bases = bases(inputs);
        let slots = self.slots.per_request(exec, other);
        let mut picked = Picked::default();
        let _held = Picked::hold(exec, "insert", inputs, 32)?;
        let pace = Pace::new(exec.run.stop);
        for (request, slots) in slots.iter().enumerate() {
            let (own, new) = (rows.range(request), other.range(request));
            let (ids, more) = (&rows.ids[own.clone()], &other.ids[new.clone()]);
            let filled = filled(ids, more, slots, &pace);
            let moved: HashSet<u32> = more[..filled].iter().copied().collect();
            let mut stay = own
                .filter(|&row| !moved.contains(&rows.ids[row]))
                .take_while(|_| !pace.is_due_before(60));
            for (row, &slot) in new.zip(&slots[..filled]) {
                let before = picked.since_request();
                for row in stay.by_ref().take((slot - 1) as usize - before) {
                    picked.push(rows, bases[0], row);
                }
                picked.push(other, bases[1], row);
            }
            stay.for_each(|row| picked.push(rows, bases[0], row));
            picked.end_request();
        }
        picked.rows(exec, "insert", &self.join, inputs)
    }
}

impl Planning for Insert {
    fn keeps_all(&self) -> bool {
        true
    }

    fn demand(&self, _: &dyn Guess, input: usize, wanted: Option<Demand>) -> Option<Demand> {
        wanted.filter(|_| input == 0)
    }

    fn numbers(&self) -> Vec<(&'static str, &Quantity)> {
        match &self.slots {
            Slots::At(_) => Vec::new(),
            Slots::Every { every, start } => vec![("every", every), ("start", start)],
        }
    }
}

impl Rewriting for Insert {
    fn unnamed(&self) -> Option<Arc<dyn Instance>> {
        Some(Arc::new(Insert { join: Join::default(), ..self.clone() }))
    }

    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        mapped(
            self,
            |op: &mut Insert| match &mut op.slots {
                Slots::At(at) => vec![at],
                Slots::Every { every, start } => {
                    let numbers = [every, start].into_iter();
                    numbers.filter_map(Quantity::expr_mut).collect()
                }
            },
            f,
        )
    }

    fn uses(&self, input: usize, own: &Used) -> Used {
        self.join.uses(input, own).in_order().of_all_rows()
    }
}

impl Explaining for Insert {
    /// A row in both is that of `other` if one of the slots took it.
    fn origin(&self, exec: &Exec, inputs: &[&RowBatch], request: usize, id: u32) -> Option<usize> {
        let (rows, other) = (inputs[0], inputs[1]);
        let new = &other.ids[other.range(request)];
        let slots = self.slots.per_request(exec, other);
        let filled =
            filled(&rows.ids[rows.range(request)], new, &slots[request], &Pace::new(exec.run.stop));
        Some(usize::from(new[..filled].contains(&id)))
    }

    fn passes(&self, input: usize) -> bool {
        input == 0
    }

    fn drawing(&self) -> Drawing<'_> {
        Drawing::Any
    }
}

impl Slots {
    /// The positions of each request, ascending, each once; no more than `other` has rows.
    fn per_request(&self, exec: &Exec, other: &RowBatch) -> Vec<Vec<u64>> {
        let requests = exec.run.requests();
        match self {
            Slots::At(at) => {
                let lists = elements(Frame::requests(exec.run).eval(at), requests);
                let positions = |list: Option<Val<'static>>| {
                    let list = list.map_or(Vec::new(), |v| v.ints().spread(1));
                    let mut slots: Vec<u64> = list
                        .into_iter()
                        .filter_map(|n| u64::try_from(n).ok().filter(|&n| n > 0))
                        .collect();
                    slots.sort_unstable();
                    slots.dedup();
                    slots
                };
                lists.into_iter().map(positions).collect()
            }
            Slots::Every { every, start } => {
                let (every, start) = (every.per_request(exec.run), start.per_request(exec.run));
                let positions = |request: usize| {
                    let (every, start) = (every[request], start[request]);
                    let n = other.range(request).len() as u64;
                    if every == 0 || start == 0 {
                        return Vec::new();
                    }
                    (0..n).map_while(|i| i.checked_mul(every)?.checked_add(start)).collect()
                };
                (0..requests).map(positions).collect()
            }
        }
    }
}

/// How many of the slots are filled: a slot past the end is not. `rows` are the ids of the list,
/// `other` those to insert; one that is in both leaves its old place.
fn filled(rows: &[u32], other: &[u32], slots: &[u64], pace: &Pace) -> usize {
    let known = rows.iter().copied();
    let present: HashSet<u32> = known.take_while(|_| !pace.is_due_before(60)).collect();
    let mut left = rows.len();
    let mut filled = 0;
    for (id, &slot) in other.iter().zip(slots) {
        if pace.is_due_before(60) {
            break;
        }
        left -= usize::from(present.contains(id));
        if slot > (left + filled + 1) as u64 {
            break;
        }
        filled += 1;
    }
    filled
}
