//! A trained model as a function of what it reads: values become the numbers and rows of tables that it was trained on.

use crate::batch::Column;
use crate::expr::functions::own::{Effort, Learnt};
use crate::expr::functions::sums::Scale;
use crate::expr::texts::Texts;
use crate::expr::value::{Arg, Numbers, Val};
use crate::extend::Failure;
use crate::learn::net::{
    ABSENT, Columns, Encoder, IdRows, Inputs, Scorer, Scratch, Target, UNKNOWN,
};
use crate::store::Snapshot;
use crate::store::learned::{int_key, key_of, text_key};
use crate::types::{NULL_BOOL, NULL_CODE, NULL_INT};
use std::cell::RefCell;

/// How values become what was trained on.
pub(super) struct Reading {
    /// Dense inputs that are numbers; those behind them are numbers of vectors.
    numbers: usize,
    /// All of both.
    dense: usize,
    sparse: Vec<Keyed>,
    /// How many numbers each vector has; 1: a similarity.
    vectors: Vec<usize>,
}

/// How values become rows of a table of ids.
enum Keyed {
    /// Ids, by the row of the entity.
    Rows(Vec<u32>),
    /// Other values, by their keys.
    Values,
    /// Hashes, brought below a number.
    Buckets(u64),
}

/// What a call uses again.
#[derive(Default)]
pub(super) struct Room {
    dense: Vec<Vec<f32>>,
    ids: Vec<IdRows>,
}

impl Reading {
    /// Of inputs; `entities` says of each sparse one which entity's ids it has, if it has such; `vectors` how many
    /// numbers each vector has.
    pub(super) fn new(
        encoder: &Encoder,
        snapshot: &Snapshot,
        entities: &[Option<String>],
        vectors: &[usize],
    ) -> Reading {
        let Inputs { dense, sparse, .. } = encoder.inputs();
        let keyed = |(input, entity): (usize, &Option<String>)| {
            let entity = entity.as_ref().and_then(|name| snapshot.schema().find_entity(name));
            match (sparse[input].buckets, entity) {
                (Some(buckets), _) => Keyed::Buckets(u64::from(buckets)),
                (None, None) => Keyed::Values,
                (None, Some(entity)) => {
                    let rows = 0..snapshot.schema().entity(entity).rows;
                    let key = |row| key_of(&snapshot.key(entity, row));
                    Keyed::Rows(rows.map(|row| encoder.row_of(input, key(row))).collect())
                }
            }
        };
        let keyed = entities.iter().enumerate().map(keyed).collect();
        // and whether each is there
        let of_vectors: usize = vectors.iter().map(|dim| dim + 1).sum();
        let (dense, numbers) = (dense.len(), dense.len() - of_vectors);
        Reading { numbers, dense, sparse: keyed, vectors: vectors.to_vec() }
    }

    /// Reads the values of `n` rows, and gives them to whoever encodes them.
    pub(super) fn read<R>(
        &self,
        (encoder, texts): (&Encoder, &Texts),
        args: &[Val],
        n: usize,
        room: &mut Room,
        then: impl FnOnce(&Columns, &mut Vec<IdRows>) -> R,
    ) -> R {
        self.dense(args, n, &mut room.dense);
        room.ids.resize_with(self.sparse.len(), IdRows::default);
        for (input, ids) in room.ids.iter_mut().enumerate() {
            self.ids((encoder, input), &args[self.numbers + input], n, texts, ids);
        }
        let columns = Columns { rows: n, dense: &room.dense, sparse: &[], shown: &[] };
        then(&columns, &mut room.ids)
    }

    /// The rows of a table of ids for the values at some places.
    fn look_up(
        &self,
        (encoder, input): (&Encoder, usize),
        values: &Val,
        places: impl Iterator<Item = usize>,
        texts: &Texts,
        to: &mut Vec<u32>,
    ) {
        let of_key = |key: u64| encoder.row_of(input, key);
        match (&self.sparse[input], values) {
            (Keyed::Rows(rows), Val::Code(codes)) => {
                to.extend(places.map(|at| match codes.get(at) {
                    NULL_CODE => ABSENT,
                    // a key that the table lacks
                    row => rows.get(row as usize).copied().unwrap_or(UNKNOWN),
                }));
            }
            (keyed, Val::I64(ints)) => to.extend(places.map(|at| match (ints.get(at), keyed) {
                (NULL_INT, _) => ABSENT,
                (hash, Keyed::Buckets(buckets)) => of_key(int_key(hash) % buckets),
                (int, _) => of_key(int_key(int)),
            })),
            (_, Val::Bool(bools)) => to.extend(places.map(|at| match bools.get(at) {
                NULL_BOOL => ABSENT,
                is => of_key(u64::from(is)),
            })),
            (_, Val::Code(codes)) => {
                to.extend(places.map(|at| {
                    texts.get(codes.get(at)).map_or(ABSENT, |text| of_key(text_key(&text)))
                }))
            }
            _ => to.extend(places.map(|_| ABSENT)),
        }
    }

    fn ids(
        &self,
        input: (&Encoder, usize),
        values: &Val,
        n: usize,
        texts: &Texts,
        to: &mut IdRows,
    ) {
        to.rows.clear();
        let Val::List(slots, items) = values else {
            to.offsets = None;
            return self.look_up(input, values, 0..n, texts, &mut to.rows);
        };
        let items = items.values();
        let offsets = to.offsets.get_or_insert_default();
        offsets.clear();
        offsets.push(0);
        for row in 0..n {
            match slots.get(row) {
                [NULL_CODE, _] | [_, 0] => to.rows.push(ABSENT),
                [start, len] => {
                    let places = start as usize..(start + len) as usize;
                    self.look_up(input, &items, places, texts, &mut to.rows);
                }
            }
            offsets.push(to.rows.len() as u32);
        }
    }

    /// The numbers of all dense inputs: those of vectors number by number, then whether it is not there.
    fn dense(&self, args: &[Val], n: usize, to: &mut Vec<Vec<f32>>) {
        let (numbers, rest) = args.split_at(self.numbers);
        to.resize_with(self.dense, Vec::new);
        for (values, to) in numbers.iter().zip(to.iter_mut()) {
            to.clear();
            match values {
                Val::F64(values) => to.extend((0..n).map(|row| single(values.get(row)))),
                _ => to.resize(n, f32::NAN),
            }
        }
        let mut parts = &mut to[self.numbers..];
        for (values, &dim) in rest[self.sparse.len()..].iter().zip(&self.vectors) {
            let (own, others) = parts.split_at_mut(dim + 1);
            own.iter_mut().for_each(|part| {
                part.clear();
                part.resize(n, 0.0);
            });
            parts = others;
            spread(values, n, own);
        }
    }
}

/// What a float of 32 bits cannot hold is null, as in training.
fn single(x: f64) -> f32 {
    Some(x as f32).filter(|x| x.is_finite()).unwrap_or(f32::NAN)
}

/// Writes vectors, or similarities, as columns of zeros, the last of which says where there is none.
pub(crate) fn spread(values: &Val, n: usize, to: &mut [Vec<f32>]) {
    let Some((absent, numbers)) = to.split_last_mut() else { return };
    match values {
        Val::F64(values) => {
            for row in 0..n {
                let value = single(values.get(row));
                absent[row] = f32::from(u8::from(value.is_nan()));
                numbers[0][row] = if value.is_nan() { 0.0 } else { value };
            }
        }
        Val::Vector(slots, stored) => spread_vectors(slots, stored, n, (absent, numbers)),
        _ => absent.fill(1.0),
    }
}

fn spread_vectors(
    slots: &Arg<crate::batch::Slot>,
    stored: &Numbers,
    n: usize,
    (absent, numbers): (&mut [f32], &mut [Vec<f32>]),
) {
    let mut room = Vec::new();
    for row in 0..n {
        match stored.at(slots.get(row)) {
            None => absent[row] = 1.0,
            Some(vector) => {
                let vector = vector.decode(&mut room);
                numbers.iter_mut().zip(vector).for_each(|(column, x)| column[row] = *x);
            }
        }
    }
}

/// A column of vectors, or of similarities, as [`spread`] writes it.
pub(crate) fn parts(column: &Column, dim: usize) -> Vec<Vec<f32>> {
    let mut parts = vec![vec![0.0; column.len()]; dim + 1];
    spread(&Val::borrow(column), column.len(), &mut parts);
    parts
}

/// A network that scores rows.
pub(super) struct Network {
    scorer: Scorer,
    reading: Reading,
}

thread_local! {
    static ROOM: RefCell<(Room, Scratch, Vec<f64>)> = RefCell::default();
}

impl Network {
    pub(super) fn new(
        scorer: Scorer,
        snapshot: &Snapshot,
        entities: &[Option<String>],
        vectors: &[usize],
    ) -> Network {
        let reading = Reading::new(scorer.encoder(), snapshot, entities, vectors);
        Network { scorer, reading }
    }
}

impl Learnt for Network {
    fn numbers(&self) -> usize {
        self.scorer.heads().len()
    }

    fn effort(&self) -> Option<Effort> {
        Some(Effort { each: self.scorer.multiply_adds(), unit: "multiply-adds" })
    }

    fn additive(&self, head: usize) -> Option<Scale> {
        let fitted = self.scorer.heads().get(head).filter(|_| self.scorer.is_additive())?;
        Some(match fitted.target {
            Target::Binary | Target::Soft => Scale::LogOdds,
            Target::Value => Scale::Value,
        })
    }

    fn eval(&self, args: &[Val], n: usize, texts: &Texts) -> Result<Vec<f64>, Failure> {
        let heads = self.numbers();
        // taken, not borrowed: a thread that waits for others may score again
        let (mut room, mut scratch, mut scores) = ROOM.take();
        let with = (self.scorer.encoder(), texts);
        let scored = self.reading.read(with, args, n, &mut room, |columns, ids| {
            self.scorer.score_ids(columns, ids, &mut scratch, &mut scores)
        });
        let mut found = vec![f64::NAN; n * heads];
        for (row, scores) in scores.chunks_exact(heads.max(1)).enumerate() {
            scores.iter().enumerate().for_each(|(head, score)| found[head * n + row] = *score);
        }
        ROOM.set((room, scratch, scores));
        scored.map(|()| found).map_err(|wrong| Failure::new(wrong.to_string()))
    }
}

/// What stands for a network or a tower that nobody trained: every number is null.
pub(super) struct Untrained(pub usize);

impl Learnt for Untrained {
    fn numbers(&self) -> usize {
        self.0
    }

    fn eval(&self, _: &[Val], n: usize, _: &Texts) -> Result<Vec<f64>, Failure> {
        Ok(vec![f64::NAN; n * self.0])
    }
}
