//! Evaluation, a column at a time. A [`Frame`] is what one evaluation is over: rows with their
//! ids, scores and bound columns, or the links of such rows. What changes only from request to
//! request is evaluated once per request and then spread over the rows.

use crate::batch::{Column, Pace, Rows, Stop, arrange, stretch};
use crate::deep::recurse;
use crate::expr::blocks::Shared;
use crate::expr::draw;
use crate::expr::ends::{Ends, of_ends};
use crate::expr::functions::{Call, logic, text};
use crate::expr::ir::{Expr, Kind, Level, LinkField, NodeId, OfSet, Scalar, Stat};
use crate::expr::links::{self, Links};
use crate::expr::texts::{Keys, Texts};
use crate::expr::value::{Arg, Items, Val, from_column, scalar};
use crate::store::Snapshot;
use crate::types::{EntityId, Key, NULL_BOOL, NULL_CODE, NULL_FLOAT, NULL_INT, Type};
use foldhash::HashMap;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Where the candidate sets of a running program are found.
pub trait Sets: Sync {
    /// The rows of a node that has run already, and its entity.
    fn rows(&self, node: NodeId) -> &Rows;
}

/// What all evaluations of one run share.
pub struct Run<'a> {
    pub snapshot: &'a Snapshot,
    pub texts: &'a Texts<'a>,
    pub keys: &'a Keys<'a>,
    /// Of each request: its time, its viewer's id, its parameters by slot.
    pub now: Vec<i64>,
    pub viewers: Vec<u32>,
    pub params: Vec<Column>,
    /// Of each request: seed of the random functions.
    pub seeds: Vec<i64>,
    pub sets: &'a dyn Sets,
    pub stop: Stop<'a>,
    /// Of sets that expressions look into.
    pub members: Members<'a>,
    /// What shared parts of large expressions come to for each request.
    pub memo: Memo,
    /// What is said of ends that many links have.
    pub ends: Ends<'a>,
}

/// What shared parts of large expressions come to, by their keys: over certain rows, or over the
/// requests of a run.
#[derive(Debug, Default)]
pub struct Memo(Mutex<HashMap<u128, Column>>);

impl Memo {
    /// What is known, or what `make` gives from now on; what is made in a run that has to end is
    /// not kept. Two threads may make the same at once.
    fn get(&self, expr: &Expr, stop: Stop, make: impl FnOnce() -> Column) -> Val<'static> {
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

/// The rows of sets by their ids, made when they are first looked up.
#[derive(Default)]
pub struct Members<'a> {
    stop: Stop<'a>,
    known: Mutex<HashMap<NodeId, Arc<ById>>>,
    /// Bytes that are charged for them.
    held: AtomicU64,
}

impl<'a> Members<'a> {
    pub fn new(stop: Stop<'a>) -> Members<'a> {
        Members {
            stop,
            known: Mutex::default(),
            held: AtomicU64::new(0),
        }
    }
}

impl Drop for Members<'_> {
    fn drop(&mut self) {
        if let Some(memory) = self.stop.memory {
            memory.give_back(*self.held.get_mut());
        }
    }
}

/// Of each request, in its place: ids, ascending, each with the number of its row.
type ById = Vec<(u32, u32)>;

impl Run<'_> {
    pub fn requests(&self) -> usize {
        self.now.len()
    }

    /// Whether a row is visible to a request: its time is not after `now`, or it has none, or it
    /// is the viewer.
    pub fn visible(&self, entity: EntityId, id: u32, request: usize) -> bool {
        let Some(times) = self.snapshot.times(entity) else {
            return true;
        };
        let time = times.get(id as usize).copied().unwrap_or(NULL_INT);
        time <= self.now[request]
            || (entity == self.snapshot.schema().viewer && id == self.viewers[request])
    }

    /// Whether every row of the entity is visible to every request.
    pub fn all_visible(&self, entity: EntityId) -> bool {
        let newest = self.snapshot.newest_row(entity);
        newest.is_none_or(|newest| self.now.iter().all(|&now| newest <= now))
    }

    /// The run of the requests at those places, perhaps with other viewers.
    pub fn of_requests<'b>(
        &'b self,
        requests: &[u32],
        viewers: Option<Vec<u32>>,
        sets: &'b dyn Sets,
    ) -> Run<'b> {
        let at = |values: &[i64]| requests.iter().map(|&r| values[r as usize]).collect();
        let same = || requests.iter().map(|&r| self.viewers[r as usize]).collect();
        Run {
            snapshot: self.snapshot,
            texts: self.texts,
            keys: self.keys,
            now: at(&self.now),
            viewers: viewers.unwrap_or_else(same),
            params: self.params.iter().map(|p| p.gather(requests)).collect(),
            seeds: at(&self.seeds),
            sets,
            stop: self.stop,
            members: Members::new(self.stop),
            memo: Memo::default(),
            ends: Ends::new(self.stop),
        }
    }

    /// The same run, which ends otherwise.
    pub fn until<'b>(self, stop: Stop<'b>) -> Run<'b>
    where
        Self: 'b,
    {
        Run {
            stop,
            members: Members::new(stop),
            ends: Ends::new(stop),
            ..self
        }
    }

    /// The rows of a set by their ids; none if the run has to end.
    fn members(&self, set: NodeId) -> Arc<ById> {
        let mut known = self.members.known.lock().unwrap_or_else(|e| e.into_inner());
        let made = known.entry(set).or_insert_with(|| {
            let rows = self.sets.rows(set);
            let mut by_id = vec![(NULL_CODE, 0); rows.len()];
            let held = self.stop.hold(rows.len() * size_of::<(u32, u32)>());
            let mut keys = Vec::new();
            for request in 0..rows.requests() {
                let range = rows.range(request);
                let key = |i: usize| u128::from(rows.ids[i]) << 32 | i as u128;
                arrange(range.clone().map(key), None, &mut keys, self.stop);
                // fewer if the run has to end
                for (by_id, key) in by_id[range].iter_mut().zip(&keys) {
                    *by_id = ((key >> 32) as u32, *key as u32);
                }
            }
            self.members.held.fetch_add(held.keep(), Ordering::Relaxed);
            Arc::new(by_id)
        });
        made.clone()
    }

    /// Strings and keys as codes.
    fn code(&self, value: &Scalar) -> Option<u32> {
        match value {
            Scalar::Text(text) => Some(self.texts.code(text)),
            Scalar::Key(entity, key) => Some(self.keys.id(*entity, key)),
            _ => None,
        }
    }
}

/// What an expression is evaluated over.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    pub run: &'a Run<'a>,
    /// Number of rows.
    pub n: usize,
    /// The request of every row; empty if the rows are the requests themselves.
    pub owners: &'a [u32],
    pub ids: &'a [u32],
    pub scores: &'a [f64],
    pub bound: &'a [Column],
    /// Places restart with each request: needed for `position` only.
    pub offsets: &'a [u32],
    pub link: Option<LinkFrame<'a>>,
    /// Number of the first row, where these are some of the rows, links or requests.
    pub first: usize,
    /// What does not change from row to row, or belongs to the rows whose links these are: computed once,
    /// however many blocks there are.
    pub shared: Option<&'a Shared<'a>>,
    /// Of these very rows: what shared parts of the expression that is evaluated come to. A frame
    /// of other rows has none of its own yet.
    pub memo: Option<&'a Memo>,
    /// Whether many links have the same ends, or many rows are the same entity.
    pub repeats: bool,
}

/// The links that a link expression is evaluated over.
#[derive(Clone, Copy)]
pub struct LinkFrame<'a> {
    pub links: &'a Links,
    /// Ids that the links start from, by `links.parent`.
    pub from: &'a [u32],
    /// The rows whose links these are, if an aggregate reads them.
    pub outer: Option<&'a Frame<'a>>,
}

impl<'a> Frame<'a> {
    /// One row per request, with nothing to read but the request.
    pub fn requests(run: &'a Run<'a>) -> Frame<'a> {
        Frame {
            run,
            n: run.requests(),
            owners: &[],
            ids: &[],
            scores: &[],
            bound: &[],
            offsets: &[],
            link: None,
            first: 0,
            shared: None,
            memo: None,
            repeats: false,
        }
    }

    /// The rows of a candidate set; `owners` is [`Rows::owners`].
    pub fn rows(run: &'a Run<'a>, rows: &'a Rows, owners: &'a [u32]) -> Frame<'a> {
        Frame {
            run,
            n: rows.len(),
            owners,
            ids: &rows.ids,
            scores: &rows.scores,
            bound: &rows.columns,
            offsets: &rows.offsets,
            ..Frame::requests(run)
        }
    }

    /// Links; `owners` has the request of every link.
    pub fn links(run: &'a Run<'a>, owners: &'a [u32], link: LinkFrame<'a>) -> Frame<'a> {
        Frame {
            n: link.links.len(),
            owners,
            link: Some(link),
            repeats: true,
            ..Frame::requests(run)
        }
    }

    /// Whether the rows are requests.
    pub(super) fn over_requests(&self) -> bool {
        let plain = self.owners.is_empty() && self.link.is_none() && self.ids.is_empty();
        plain && (self.n > 0 || self.run.requests() == 0)
    }

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
            return recurse(|| of_ends(self, expr, end));
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
                let whole = Frame {
                    memo: Some(&memo),
                    ..*self
                };
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
                if one {
                    single(value)
                } else {
                    value.pick(self.owners)
                }
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
            Kind::VectorOf {
                embedding,
                entity,
                id,
            } => self.vector(*embedding, *entity, id),
            Kind::ToId { entity, key } => self.id_of_key(*entity, key),
            Kind::Call { kernel, args } => {
                let args: Vec<Val> = args.iter().map(|a| self.eval(a)).collect();
                stretch::at(kernel.function.name);
                let call = Call {
                    n: self.n,
                    texts: self.run.texts,
                    stop: self.run.stop,
                };
                kernel.run(&call, &args)
            }
            Kind::If {
                condition,
                then,
                otherwise,
            } => {
                let condition = self.eval(condition).bools();
                logic::choose(self.n, &condition, &self.eval(then), &self.eval(otherwise))
            }
            Kind::List(items) => self.list(items),
            Kind::InSet { id, set } => self.in_set(id, *set),
            Kind::OfSet { what, id, set } => self.of_set(*what, id, *set),
            Kind::OverSet { stat, set, value } => {
                self.of_requests(self.over_set(*stat, *set, value.as_ref(), &expr.ty))
            }
            Kind::OverLinks(over) => links::aggregate(self, over, &expr.ty),
            Kind::Hash(parts) => draw::hash(self, parts),
            Kind::Uniform { salt, ids } => draw::uniform(self, salt, ids),
            Kind::Extract { text, pattern } => {
                let pace = Pace::new(self.run.stop);
                text::extract(self.run.texts, &pace, &self.eval(text).codes(), &pattern.0)
            }
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
                .map_or(Val::null(&Type::Null), |column| {
                    Val::borrow(column).slice(own)
                }),
        }
    }

    fn outer(&self, whole: &Expr, inner: &Expr) -> Val<'a> {
        let Some(LinkFrame {
            links,
            outer: Some(outer),
            ..
        }) = self.link
        else {
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
            if self.run.visible(entity, id, request) {
                id
            } else {
                NULL_CODE
            }
        };
        Val::Code(Arg::Many((0..self.n).map(at).collect()))
    }

    /// The request of a row.
    pub fn owner(&self, row: usize) -> usize {
        if self.over_requests() {
            self.first + row
        } else {
            self.owners.get(row).map_or(0, |&r| r as usize)
        }
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
            Val::I64(v) => Val::Code(crate::expr::functions::map1(&v, |k| {
                if k == NULL_INT {
                    NULL_CODE
                } else {
                    keys.id(entity, &Key::Int(k))
                }
            })),
            Val::Code(v) => Val::Code(crate::expr::functions::map1(&v, |code| {
                self.run.texts.get(code).map_or(NULL_CODE, |text| {
                    keys.id(entity, &Key::Str(text.into_owned()))
                })
            })),
            other => other,
        }
    }

    /// A list per row, of the values of the items.
    fn list(&self, items: &[Expr]) -> Val<'a> {
        let (k, single) = (
            items.len(),
            items.iter().all(|item| item.level == Level::Constant),
        );
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
        let order: Vec<u32> = (0..n)
            .flat_map(|row| (0..k).map(move |j| (j * n + row) as u32))
            .collect();
        let made = Arc::new(Column::concat(&columns).gather(&order));
        let slots = match single {
            true => Arg::One([0, k as u32]),
            false => Arg::Many((0..n).map(|row| [(row * k) as u32, k as u32]).collect()),
        };
        Val::List(slots, Items::Made(made))
    }

    fn in_set(&self, id: &Expr, set: NodeId) -> Val<'a> {
        let rows = self.run.sets.rows(set);
        let members = self.run.members(set);
        let ids = self.eval(id).codes();
        let at = |i: usize| match ids.get(i) {
            NULL_CODE => NULL_BOOL,
            id => u8::from(
                members[rows.range(self.owner(i))]
                    .binary_search_by_key(&id, |&(id, _)| id)
                    .is_ok(),
            ),
        };
        Val::Bool(Arg::Many((0..self.n).map(at).collect()))
    }

    fn of_set(&self, what: OfSet, id: &Expr, set: NodeId) -> Val<'a> {
        let rows = self.run.sets.rows(set);
        let places = self.run.members(set);
        let ids = self.eval(id).codes();
        let place = |i: usize| {
            let range = rows.range(self.owner(i));
            let start = range.start;
            let own = &places[range];
            let found = own.binary_search_by_key(&ids.get(i), |&(id, _)| id).ok()?;
            Some((own[found].1 as usize, start))
        };
        let all = (0..self.n).map(place);
        match what {
            OfSet::Score => Val::F64(Arg::Many(
                all.map(|p| p.map_or(NULL_FLOAT, |(row, _)| rows.scores[row]))
                    .collect(),
            )),
            OfSet::Position => Val::I64(Arg::Many(
                all.map(|p| p.map_or(NULL_INT, |(row, start)| (row - start + 1) as i64))
                    .collect(),
            )),
        }
    }

    /// Evaluated over requests: the frame has one row per request.
    fn over_set(&self, stat: Stat, set: NodeId, value: Option<&Expr>, ty: &Type) -> Val<'a> {
        let rows = self.run.sets.rows(set);
        let owners = rows.owners();
        let values = value.map(|v| Frame::rows(self.run, rows, &owners).column(v));
        from_column(fold(stat, &rows.offsets, values.as_ref(), ty))
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

/// Folds the values of each group `offsets[g]..offsets[g + 1]`. Nulls are skipped, except that a
/// count without a value counts rows. Empty: `count` and `sum` 0, `exists` and `any_of` false,
/// `all_of` and `none_of` true, others null.
pub fn fold(stat: Stat, offsets: &[u32], values: Option<&Column>, ty: &Type) -> Column {
    let groups = offsets.windows(2).map(|w| w[0] as usize..w[1] as usize);
    match (stat, values) {
        (Stat::Count, None) => Column::I64(groups.map(|g| g.len() as i64).collect()),
        (Stat::Exists, None) => Column::Bool(groups.map(|g| u8::from(!g.is_empty())).collect()),
        (Stat::Count, Some(values)) => {
            let known = logic::is_null(&Val::borrow(values)).spread(values.len());
            Column::I64(
                groups
                    .map(|g| known[g].iter().filter(|&&null| null == 0).count() as i64)
                    .collect(),
            )
        }
        (_, Some(Column::Bool(v))) => {
            Column::Bool(groups.map(|g| fold_bools(stat, &v[g])).collect())
        }
        (_, Some(Column::I64(v))) if *ty != Type::Float => {
            Column::I64(groups.map(|g| fold_ints(stat, &v[g])).collect())
        }
        (_, Some(values)) => {
            let floats = Val::borrow(values).floats().spread(values.len());
            Column::F64(groups.map(|g| fold_floats(stat, &floats[g])).collect())
        }
        (_, None) => Val::null(ty).into_column(offsets.len() - 1),
    }
}

/// A condition holds for a row only where it is true: null counts as not true.
fn fold_bools(stat: Stat, values: &[u8]) -> u8 {
    u8::from(match stat {
        Stat::Any | Stat::Exists => values.contains(&1),
        Stat::None => !values.contains(&1),
        _ => values.iter().all(|&v| v == 1),
    })
}

fn fold_ints(stat: Stat, values: &[i64]) -> i64 {
    let mut known = values.iter().copied().filter(|&v| v != NULL_INT);
    match stat {
        Stat::Sum => known.try_fold(0i64, i64::checked_add).unwrap_or(NULL_INT),
        Stat::Min => known.min().unwrap_or(NULL_INT),
        _ => known.max().unwrap_or(NULL_INT),
    }
}

fn fold_floats(stat: Stat, values: &[f64]) -> f64 {
    let known = || values.iter().copied().filter(|v| !v.is_nan());
    let finite = |v: f64| if v.is_finite() { v } else { NULL_FLOAT };
    match stat {
        Stat::Sum => finite(known().fold(0.0, |sum, v| sum + v)),
        Stat::Mean => finite(known().fold(0.0, |sum, v| sum + v) / known().count() as f64),
        Stat::Min => known().reduce(f64::min).unwrap_or(NULL_FLOAT),
        _ => known().reduce(f64::max).unwrap_or(NULL_FLOAT),
    }
}
