//! Which parameter of one program is which of another, whatever they are called.
//!
//! A name that both programs declare means the same parameter: who gives it a value means that. The others are told
//! apart by what they are (type, default, range) and by where they are read.

use super::forms::{Classes, Forms, Written};
use crate::check::{Checked, Parameter};
use crate::expr::{Expr, KeyWriter, NodeId};
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// Numbers that stand for the parameters of two programs by slot: the same for those that are one.
#[derive(Clone, Debug)]
pub struct Matching {
    pub old: Vec<u32>,
    pub new: Vec<u32>,
    /// Slots.
    pub pairs: Vec<(usize, usize)>,
}

/// The parameters of a program, with what tells them apart once it is asked.
struct Told<'a> {
    written: &'a Written,
    checked: &'a Checked,
    marks: Vec<OnceCell<Mark>>,
}

/// What a parameter is, where it is read, and where with all that leads there.
struct Mark {
    is: u128,
    read: u128,
    read_of: u128,
}

/// Which are which.
pub fn matched(old: &Written, new: &Written) -> Matching {
    let (old, new) = (Told::new(old), Told::new(new));
    let mut pairs = Pairs { old: &old, new: &new, found: Vec::new() };
    // the name of an experiment is part of what draws its arms
    pairs.among(true, |a, b| a.has_name_of(b));
    pairs.among(false, |a, b| a.has_name_of(b));
    pairs.renamed();
    pairs.finish()
}

fn declared(checked: &Checked) -> BTreeSet<&str> {
    let read = checked.given().map(|param| param.name.as_str());
    read.chain(checked.unread_params.iter().map(String::as_str)).collect()
}

impl<'a> Told<'a> {
    fn new(written: &'a Written) -> Told<'a> {
        let checked = &written.checked;
        let marks = checked.params.iter().map(|_| OnceCell::new()).collect();
        Told { written, checked, marks }
    }

    fn mark(&self, slot: usize) -> &Mark {
        self.marks[slot].get_or_init(|| mark(self.written, slot))
    }
}

fn mark(written: &Written, slot: usize) -> Mark {
    let checked = &written.checked;
    let same = vec![0; checked.params.len()];
    let mut one = same.clone();
    one[slot] = 1;
    let blind = Forms::new(written, &same, &mut Classes::default());
    let seeing = Forms::new(written, &one, &mut Classes::default());
    let reads = |id: &&NodeId| {
        let exprs = seeing.node(**id).op.exprs().into_iter();
        exprs.flat_map(Expr::params).any(|(read, _)| read as usize == slot)
    };
    let uses: Vec<NodeId> = seeing.running.iter().filter(reads).copied().collect();
    let mut read: Vec<u128> = uses.iter().map(|id| seeing.expressions(*id)).collect();
    let mut read_of: Vec<(u128, u128)> =
        uses.iter().map(|id| (seeing.expressions(*id), blind.get(*id).class)).collect();
    read.sort_unstable();
    read_of.sort_unstable();
    let param = &checked.params[slot];
    let default = param.default.as_ref().map(|default| blind.of_request(default));
    Mark {
        is: KeyWriter::key_of(&(&param.ty, default, ranges(checked, slot))),
        read: KeyWriter::key_of(&read),
        read_of: KeyWriter::key_of(&read_of),
    }
}

/// The ranges that a parameter has to lie in, by their bits.
pub fn ranges(checked: &Checked, slot: usize) -> Vec<(u64, u64)> {
    let of = checked
        .ranges
        .iter()
        .filter(|range| range.value.params().iter().any(|(read, _)| *read as usize == slot));
    let mut ranges: Vec<(u64, u64)> =
        of.map(|range| (range.low.to_bits(), range.high.to_bits())).collect();
    ranges.sort_unstable();
    ranges
}

/// Pairs while they are found.
struct Pairs<'a> {
    old: &'a Told<'a>,
    new: &'a Told<'a>,
    found: Vec<(usize, usize)>,
}

/// A parameter that may be one of a pair.
#[derive(Clone, Copy)]
struct Seen<'a> {
    param: &'a Parameter,
    told: &'a Told<'a>,
    slot: usize,
}

impl Seen<'_> {
    fn mark(&self) -> &Mark {
        self.told.mark(self.slot)
    }

    fn has_name_of(&self, other: &Seen) -> bool {
        self.param.name == other.param.name
    }

    fn is_same_as(&self, other: &Seen) -> bool {
        self.mark().is == other.mark().is
    }

    /// Whether the same operators read it; with `all`, over the same sets.
    fn is_read_as(&self, other: &Seen, all: bool) -> bool {
        let (mark, of) = (self.mark(), other.mark());
        if all { mark.read_of == of.read_of } else { mark.read == of.read }
    }
}

impl<'a> Pairs<'a> {
    /// Those that are the same and read alike, then those that are read alike, of names that only one program declares.
    fn renamed(&mut self) {
        let (old, new) = (declared(self.old.checked), declared(self.new.checked));
        let may_be =
            |a: &Seen, b: &Seen| !new.contains(&*a.param.name) && !old.contains(&*b.param.name);
        self.among(false, |a, b| may_be(a, b) && a.is_same_as(b) && a.is_read_as(b, true));
        self.among(false, |a, b| may_be(a, b) && a.is_same_as(b) && a.is_read_as(b, false));
        self.among(false, |a, b| {
            may_be(a, b) && a.param.ty == b.param.ty && a.is_read_as(b, false)
        });
    }

    /// Adds pairs of parameters, or of experiments, that are in none yet.
    fn among(&mut self, experiments: bool, is_pair: impl Fn(&Seen, &Seen) -> bool) {
        let all = |told: &'a Told<'a>| {
            let params = told.checked.params.iter().enumerate();
            let seen = params.map(move |(slot, param)| Seen { param, told, slot });
            seen.filter(move |seen| seen.param.experiment.is_some() == experiments)
        };
        for a in all(self.old) {
            if self.found.iter().any(|(known, _)| *known == a.slot) {
                continue;
            }
            let is_free = |b: &Seen| !self.found.iter().any(|(_, known)| *known == b.slot);
            let fitting = all(self.new).find(|b| is_free(b) && is_pair(&a, b));
            if let Some(b) = fitting {
                self.found.push((a.slot, b.slot));
            }
        }
    }

    /// Numbers: those of pairs, then of the others.
    fn finish(self) -> Matching {
        let (old, new) = (self.old.marks.len(), self.new.marks.len());
        let mut next = self.found.len() as u32;
        let mut numbered = |all: usize, own: &dyn Fn(usize) -> Option<usize>| -> Vec<u32> {
            let numbers = (0..all).map(|slot| match own(slot) {
                Some(pair) => pair as u32,
                None => {
                    next += 1;
                    next - 1
                }
            });
            numbers.collect()
        };
        let of_old = |slot| self.found.iter().position(|(a, _)| *a == slot);
        let of_new = |slot| self.found.iter().position(|(_, b)| *b == slot);
        Matching { old: numbered(old, &of_old), new: numbered(new, &of_new), pairs: self.found }
    }
}
