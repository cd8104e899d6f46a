//! Hashes and random numbers of rows, a column at a time. The bytes that many rows share (seed,
//! viewer, salt) are written once per request.

use crate::batch::Pace;
use crate::expr::ir::{Expr, Level};
use crate::expr::random::{Hasher, unit};
use crate::expr::run::{Frame, Run};
use crate::expr::value::{Arg, Val};
use crate::types::{EntityId, NULL_BOOL, NULL_CODE, NULL_FLOAT, NULL_INT, Type};
use std::borrow::Cow;

/// One part of a hash: its values, and how they become bytes.
enum Part<'a> {
    Ints(Arg<'a, i64>),
    Bools(Arg<'a, u8>),
    Texts(Arg<'a, u32>),
    Keys(EntityId, Arg<'a, u32>),
}

impl<'a> Part<'a> {
    fn of(frame: &Frame<'a>, expr: &Expr) -> Part<'a> {
        match (frame.eval(expr), &expr.ty) {
            (Val::Bool(values), _) => Part::Bools(values),
            (Val::Code(values), Type::Id(entity)) => Part::Keys(*entity, values),
            (Val::Code(values), _) => Part::Texts(values),
            (value, _) => Part::Ints(value.ints()),
        }
    }

    fn is_single(&self) -> bool {
        match self {
            Part::Ints(values) => matches!(values, Arg::One(_)),
            Part::Bools(values) => matches!(values, Arg::One(_)),
            Part::Texts(values) | Part::Keys(_, values) => matches!(values, Arg::One(_)),
        }
    }

    /// Adds the row's value; false if it is null.
    fn write(&self, run: &Run, row: usize, hasher: &mut Hasher) -> bool {
        match self {
            Part::Ints(values) => match values.get(row) {
                NULL_INT => return false,
                value => hasher.int(value),
            },
            Part::Bools(values) => match values.get(row) {
                NULL_BOOL => return false,
                value => hasher.int(i64::from(value)),
            },
            Part::Texts(values) => match run.texts.get(values.get(row)) {
                None => return false,
                Some(text) => hasher.text(&text),
            },
            Part::Keys(_, values) if values.get(row) == NULL_CODE => return false,
            Part::Keys(entity, values) => {
                hasher.key(run.keys.key(*entity, values.get(row)).as_ref())
            }
        };
        true
    }
}

/// XXH3-64 of the parts as an int; null where a part is null, or where the bits are those of null.
pub fn hash(frame: &Frame, parts: &[Expr]) -> Val<'static> {
    let parts: Vec<Part> = parts.iter().map(|part| Part::of(frame, part)).collect();
    let mut hasher = Hasher::default();
    let pace = Pace::new(frame.run.stop);
    let mut of = |row: usize| {
        if pace.is_due_before(100 * parts.len()) {
            return NULL_INT;
        }
        hasher.cut(0);
        let known = parts.iter().all(|part| part.write(frame.run, row, &mut hasher));
        if known { hasher.finish() as i64 } else { NULL_INT }
    };
    Val::I64(match parts.iter().all(Part::is_single) {
        true => Arg::One(of(0)),
        false => Arg::Many((0..frame.n).map(of).collect()),
    })
}

/// `uniform` of seed, viewer, salt and ids, row by row; null where the salt is null.
pub fn uniform(frame: &Frame, salt: &Expr, ids: &[Expr]) -> Val<'static> {
    let run = frame.run;
    let viewer = run.snapshot.schema().viewer;
    let changes = salt.level == Level::Row;
    let salt = Part::of(frame, salt);
    let ids: Vec<Part> = ids.iter().map(|id| Part::of(frame, id)).collect();
    let mut hasher = Hasher::default();
    let mut shared: Option<(usize, Option<usize>)> = None;
    let pace = Pace::new(run.stop);
    let of = |row: usize| {
        if pace.is_due_before(100 * (1 + ids.len())) {
            return NULL_FLOAT;
        }
        let request = frame.owner(row);
        if changes || shared.is_none_or(|(r, _)| r != request) {
            hasher.cut(0);
            hasher.int(run.seeds[request]).key(run.keys.key(viewer, run.viewers[request]).as_ref());
            let known = salt.write(run, row, &mut hasher);
            shared = Some((request, known.then(|| hasher.mark())));
        }
        let Some((_, Some(start))) = shared else {
            return NULL_FLOAT;
        };
        hasher.cut(start);
        match ids.iter().all(|id| id.write(run, row, &mut hasher)) {
            true => unit(hasher.finish()),
            false => NULL_FLOAT,
        }
    };
    Val::F64(Arg::Many(Cow::Owned((0..frame.n).map(of).collect())))
}
