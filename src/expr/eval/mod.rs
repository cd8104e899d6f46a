//! Evaluation, a column at a time. What changes only from request to request is evaluated once per
//! request and then spread over the rows.

mod aggregate;
mod blocks;
mod draw;
mod ends;
mod fold;
mod kept;
mod newest;
mod running;
mod sets;

pub use aggregate::{degree_within, members};
pub use ends::{look_up, of_all};
pub use running::{prepare, scanned};

use crate::batch::{Column, Pace, stretch};
use crate::deep::recurse;
use crate::expr::functions::{self, Call, Kernel, logic, text};
use crate::expr::ir::{Expr, Kind, Level, LinkField, Scalar};
use crate::expr::run::{Frame, LinkFrame, Memo};
use crate::expr::value::{Arg, Items, Val, scalar};
use crate::types::{EntityId, Key, NULL_CODE, NULL_INT, Type};
use std::borrow::Cow;
use std::sync::Arc;

impl<'a> Frame<'a> {
    /// The value of an expression for every row.
    pub fn eval(&self, expr: &Expr) -> Val<'a> {
        match expr.level {
            Level::Request if !self.over_requests() => self.spread(expr),
            Level::Request => match self.shared(expr) {
                Some(value) => value.slice(self.first..self.first + self.n),
                None => self.eval_here(expr),
            },
            _ => self.eval_here(expr),
        }
    }

    /// The value for the rows themselves.
    fn eval_here(&self, expr: &Expr) -> Val<'a> {
        if self.repeats
            && let Some(end) = expr.of_one_end()
        {
            return recurse(|| ends::of_ends(self, expr, end));
        }
        match expr.is_small() || expr.level == Level::Constant {
            true => self.eval_kind(expr),
            false => recurse(|| self.eval_large(expr)),
        }
    }

    /// A large expression: parts that stand in it more than once are evaluated once.
    fn eval_large(&self, expr: &Expr) -> Val<'a> {
        let make = || self.eval_kind(expr).into_column(self.n);
        let (run, stop) = (self.run, self.run.stop);
        let all_requests = self.over_requests() && self.first == 0 && self.n == run.requests();
        match self.memo {
            _ if all_requests && expr.level < Level::Row => match expr.is_shared() {
                true => run.memo.get(expr, stop, make),
                false => self.eval_kind(expr),
            },
            Some(memo) if expr.is_shared() => memo.get(expr, stop, make),
            Some(_) => self.eval_kind(expr),
            None => {
                let memo = Memo::default();
                let whole = Frame { memo: Some(&memo), ..*self };
                whole.eval_kind(expr).owned(self.n)
            }
        }
    }

    /// Evaluates once per request and repeats it for the request's rows.
    fn spread(&self, expr: &Expr) -> Val<'a> {
        let run = self.run;
        let one = run.requests() == 1;
        match self.shared(expr) {
            Some(value) if one => single(value.clone()),
            Some(value) => value.pick(self.owners),
            None => {
                let value = Frame::requests(run).eval_here(expr);
                if one { single(value) } else { value.pick(self.owners) }
            }
        }
    }

    /// What was computed for all rows before they were evaluated block by block.
    fn shared(&self, expr: &Expr) -> Option<&'a Val<'a>> {
        self.shared.and_then(|shared| shared.find(expr))
    }

    fn eval_kind(&self, expr: &Expr) -> Val<'a> {
        match &expr.kind {
            Kind::Const(value) => self.constant(value, &expr.ty),
            Kind::Param(slot, _) => self.of_requests(Val::borrow(&self.run.params[*slot as usize])),
            Kind::Now => self.of_requests(Val::I64(Arg::Many(Cow::Borrowed(&self.run.now)))),
            Kind::Viewer => {
                self.of_requests(Val::Code(Arg::Many(Cow::Borrowed(&self.run.viewers))))
            }
            Kind::It => Val::Code(Arg::Many(Cow::Borrowed(self.ids))),
            Kind::Score => Val::F64(Arg::Many(Cow::Borrowed(self.scores))),
            Kind::Position => Val::I64(Arg::Many(self.positions().into())),
            Kind::Bound(i) => Val::borrow(&self.bound[*i as usize]),
            Kind::Link(field) => self.link_field(*field),
            Kind::Outer(inner) => self.outer(expr, inner),
            Kind::Read { entity, column, id } => self.read(*entity, *column, id),
            Kind::Visible { entity, id } => self.visible(*entity, id),
            Kind::VectorOf { embedding, entity, id } => self.vector(*embedding, *entity, id),
            Kind::ToId { entity, key } => self.id_of_key(*entity, key),
            Kind::Call { kernel, args } => self.call(*kernel, args),
            Kind::If { condition, then, otherwise } => {
                let condition = self.eval(condition).bools();
                logic::choose(self.n, &condition, &self.eval(then), &self.eval(otherwise))
            }
            Kind::List(items) => self.list(items),
            Kind::InSet { id, set } => self.in_set(id, *set),
            Kind::OfSet { what, id, set } => self.of_set(*what, id, *set),
            Kind::OverSet { stat, set, value } => {
                self.of_requests(self.over_set(*stat, *set, value.as_ref(), &expr.ty))
            }
            Kind::OverLinks(over) => kept::kept(self, expr, over),
            Kind::Hash(parts) => draw::hash(self, parts),
            Kind::Uniform { salt, ids } => draw::uniform(self, salt, ids),
            Kind::Extract { text, pattern } => {
                let pace = Pace::new(self.run.stop);
                text::extract(self.run.texts, &pace, &self.eval(text).codes(), &pattern.0)
            }
        }
    }

    fn call(&self, kernel: Kernel, args: &[Expr]) -> Val<'a> {
        let call = Call { n: self.n, texts: self.run.texts, stop: self.run.stop };
        let values = || -> Vec<Val> {
            let values = args.iter().map(|arg| self.eval(arg)).collect();
            stretch::at(kernel.function.name);
            values
        };
        match (self.scored, kernel.output()) {
            (Some(scored), Some(output)) => {
                let rows = (args.iter().map(Expr::key).collect(), self.first);
                output.read(&call, scored, rows, values)
            }
            _ => kernel.run(&call, &values()),
        }
    }

    /// A value per request, for the requests that these rows are.
    fn of_requests(&self, value: Val<'a>) -> Val<'a> {
        match self.n < self.run.requests() {
            true => value.slice(self.first..self.first + self.n),
            false => value,
        }
    }

    fn constant(&self, value: &Scalar, ty: &Type) -> Val<'a> {
        match self.run.code(value) {
            Some(code) => Val::Code(Arg::One(code)),
            None => scalar(value, ty),
        }
    }

    fn positions(&self) -> Vec<i64> {
        let start = |row: usize| self.offsets.get(self.owner(row)).map_or(0, |&o| o as usize);
        let position = |row: usize| (self.first + row - start(row) + 1) as i64;
        (0..self.n).map(position).collect()
    }

    fn link_field(&self, field: LinkField) -> Val<'a> {
        let Some(LinkFrame { links, from, .. }) = self.link else {
            return Val::null(&Type::Null);
        };
        let own = self.first..self.first + self.n;
        match field {
            LinkField::From => {
                let parents = links.parent[own].iter();
                Val::Code(Arg::Many(parents.map(|&p| from[p as usize]).collect()))
            }
            LinkField::To => Val::Code(Arg::Many(Cow::Borrowed(&links.to[own]))),
            LinkField::Time if links.time.is_empty() => Val::I64(Arg::One(NULL_INT)),
            LinkField::Time => Val::I64(Arg::Many(Cow::Borrowed(&links.time[own]))),
            LinkField::Weight if links.weight.is_empty() => Val::F64(Arg::One(1.0)),
            LinkField::Weight => Val::F64(Arg::Many(Cow::Borrowed(&links.weight[own]))),
            LinkField::Column(i) => links.columns[i as usize]
                .as_ref()
                .map_or(Val::null(&Type::Null), |column| Val::borrow(column).slice(own)),
        }
    }

    fn outer(&self, whole: &Expr, inner: &Expr) -> Val<'a> {
        let Some(LinkFrame { links, outer: Some(outer), .. }) = self.link else {
            return Val::null(&inner.ty);
        };
        let parents = &links.parent[self.first..self.first + self.n];
        match self.shared(whole) {
            Some(value) => value.pick(parents),
            None => self.of_outer(outer, inner).pick(parents),
        }
    }

    /// What an expression says of the rows whose links these are.
    pub(super) fn of_outer(&self, outer: &Frame<'a>, inner: &Expr) -> Val<'a> {
        match outer.eval(inner) {
            value if inner.level < Level::Row => single_if_one(value, outer.n),
            value => value,
        }
    }

    /// A stored column at an id. Reading the row's own columns does not copy the ids first.
    fn read(&self, entity: EntityId, column: u32, id: &Expr) -> Val<'a> {
        let column = self.run.snapshot.column(entity, column as usize);
        Val::read(column, &self.eval(id).codes())
    }

    fn visible(&self, entity: EntityId, id: &Expr) -> Val<'a> {
        let ids = self.eval(id);
        if self.run.all_visible(entity) {
            return ids;
        }
        let ids = ids.codes();
        let at = |i: usize| {
            let (id, request) = (ids.get(i), self.owner(i));
            if self.run.visible(entity, id, request) { id } else { NULL_CODE }
        };
        Val::Code(Arg::Many((0..self.n).map(at).collect()))
    }

    fn vector(&self, embedding: u32, entity: EntityId, id: &Expr) -> Val<'a> {
        match self.run.snapshot.vector_column(embedding as usize, entity) {
            Some(view) => Val::read(view, &self.eval(id).codes()),
            None => Val::null(&Type::Vector(0)),
        }
    }

    fn id_of_key(&self, entity: EntityId, key: &Expr) -> Val<'a> {
        let keys = &self.run.keys;
        match self.eval(key) {
            Val::I64(v) => Val::Code(functions::map1(&v, |k| {
                if k == NULL_INT { NULL_CODE } else { keys.id(entity, &Key::Int(k)) }
            })),
            Val::Code(v) => Val::Code(functions::map1(&v, |code| {
                self.run
                    .texts
                    .get(code)
                    .map_or(NULL_CODE, |text| keys.id(entity, &Key::Str(text.into_owned())))
            })),
            other => other,
        }
    }

    /// A list per row, of the values of the items.
    fn list(&self, items: &[Expr]) -> Val<'a> {
        let (k, single) = (items.len(), items.iter().all(|item| item.level == Level::Constant));
        let n = if single { 1 } else { self.n };
        let column = |item: &Expr| match n == self.n {
            true => self.column(item),
            false => self.eval(item).into_column(n),
        };
        let mut held = self.run.stop.hold(n * k * size_of::<u64>());
        let mut columns: Vec<Column> = Vec::with_capacity(k);
        for item in items {
            let made = column(item);
            // where the run has to end, the list says anything
            if !held.grow(made.fresh_bytes()) || self.run.stop.is_over() {
                return Val::null(&Type::List(Box::new(Type::Null)));
            }
            columns.push(made);
        }
        let order: Vec<u32> =
            (0..n).flat_map(|row| (0..k).map(move |j| (j * n + row) as u32)).collect();
        let made = Arc::new(Column::concat(&columns).gather(&order));
        let slots = match single {
            true => Arg::One([0, k as u32]),
            false => Arg::Many((0..n).map(|row| [(row * k) as u32, k as u32]).collect()),
        };
        Val::List(slots, Items::Made(made))
    }
}

/// The only value of a column of one row, for all rows.
fn single(value: Val) -> Val {
    fn one<'b, T: Copy>(arg: Arg<'b, T>) -> Arg<'b, T> {
        match arg {
            Arg::Many(v) if v.len() == 1 => Arg::One(v[0]),
            other => other,
        }
    }
    match value {
        Val::I64(v) => Val::I64(one(v)),
        Val::F64(v) => Val::F64(one(v)),
        Val::Bool(v) => Val::Bool(one(v)),
        Val::Code(v) => Val::Code(one(v)),
        Val::List(v, items) => Val::List(one(v), items),
        Val::Vector(v, items) => Val::Vector(one(v), items),
    }
}

fn single_if_one(value: Val, n: usize) -> Val {
    if n == 1 { single(value) } else { value }
}
