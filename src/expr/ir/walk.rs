//! Ways through an expression: to look at its parts, or to put others in their places.

use super::{Expr, Kind, LinkField, Node, NodeId, OfSet, PARAMS, SEED, SETS, VIEWER};
use crate::deep::recurse;
use crate::types::Type;
use foldhash::{HashMap, HashSet};
use std::sync::Arc;

impl Expr {
    /// Calls `f` on every part, those in other scopes (links, other sets) included.
    pub fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        self.walk_new(&mut Seen::in_parts_of(self), f);
    }

    pub(super) fn walk_new<'a>(&'a self, seen: &mut Seen, f: &mut dyn FnMut(&'a Expr)) {
        if !seen.is_new(self) {
            return;
        }
        f(self);
        recurse(|| self.kind.each_part(&mut |part, _| part.walk_new(seen, f)));
    }

    /// Whether it reads the entity of the row and the request alone: no bound column, score or position, and not how
    /// probable the row was.
    pub fn reads_only_the_entity(&self) -> bool {
        let mut only = true;
        self.walk_bound(&mut |part| {
            let of_place = matches!(part.kind, Kind::Bound(_) | Kind::Position | Kind::Score);
            only &= !of_place && !part.is_chance();
        });
        only
    }

    /// Whether it reads where the row stands among the others, or how probable it was: that is not so among fewer.
    pub fn reads_position(&self) -> bool {
        let mut reads = false;
        self.walk_bound(&mut |part| {
            reads |= matches!(part.kind, Kind::Position) || part.is_chance();
        });
        reads
    }

    /// Whether it says how probable the row was.
    fn is_chance(&self) -> bool {
        matches!(self.kind, Kind::OfSet { what: OfSet::Chance | OfSet::Certain, .. })
    }

    /// Calls `f` on every part that is about the row itself: not on what is about the rows of
    /// another set, and of link expressions only on what they read of the row.
    pub fn walk_row<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        self.walk_row_new(&mut Seen::in_parts_of(self), f);
    }

    /// The same to look for what it reads of the row beside its entity, as bound columns, score and position:
    /// `f` is not called if there is nothing.
    pub fn walk_bound<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        if self.reads.is_more_than_ends() {
            self.walk_row(f);
        }
    }

    fn walk_row_new<'a>(&'a self, seen: &mut Seen, f: &mut dyn FnMut(&'a Expr)) {
        if !seen.is_new(self) {
            return;
        }
        f(self);
        recurse(|| {
            self.each_child(&mut |child| child.walk_row_new(seen, f));
            if let Kind::OverLinks(over) = &self.kind {
                for part in [&over.filter, &over.value].into_iter().flatten() {
                    part.walk(&mut |inner| {
                        if let Kind::Outer(row) = &inner.kind {
                            row.walk_row_new(seen, f);
                        }
                    });
                }
            }
        });
    }

    /// Calls `f` on the expression and, where it answers yes, on the parts that are evaluated for
    /// the same row ([`Expr::each_child`]): on each once.
    pub fn descend<'a>(&'a self, f: &mut dyn FnMut(&'a Expr) -> bool) {
        self.descend_new(&mut Seen::in_parts_of(self), f);
    }

    fn descend_new<'a>(&'a self, seen: &mut Seen, f: &mut dyn FnMut(&'a Expr) -> bool) {
        if seen.is_new(self) && f(self) {
            recurse(|| self.each_child(&mut |child| child.descend_new(seen, f)));
        }
    }

    /// Rewrites every part, innermost first, in all scopes. A part that is shared is rewritten once.
    pub fn map(self, f: &mut dyn FnMut(Expr) -> Expr) -> Expr {
        self.map_among(&mut Mapped::default(), f)
    }

    /// The same, with what became of parts of other expressions: what these share stays shared.
    pub fn map_among(self, known: &mut Mapped, f: &mut dyn FnMut(Expr) -> Expr) -> Expr {
        if !self.is_small()
            && let Some(done) = known.of(&self, 0)
        {
            return done;
        }
        let original = (!self.is_small()).then(|| self.clone());
        let with_parts = self.with_parts(&mut |part, _| part.map_among(known, f));
        let made = f(with_parts);
        if let Some(original) = original {
            known.note(original, 0, &made);
        }
        made
    }

    /// Rewrites every part that is about the row itself, innermost first: not what is about links or
    /// the rows of another set, but what that reads of the row.
    pub fn map_row(self, f: &mut dyn FnMut(Expr) -> Expr) -> Expr {
        self.map_parts(&mut |part, depth| if depth == 0 { f(part) } else { part })
    }

    /// Replaces parts that are evaluated for the same row, outermost first: those for which `f` has another.
    pub fn replaced(self, known: &mut Mapped, f: &mut dyn FnMut(&Expr) -> Option<Expr>) -> Expr {
        if let Some(done) = f(&self).or_else(|| known.of(&self, 0)) {
            return done;
        }
        let original = (!self.is_small()).then(|| self.clone());
        let made = self.with_parts(&mut |part, further| match further {
            0 => part.replaced(known, f),
            _ => part,
        });
        if let Some(original) = original {
            known.note(original, 0, &made);
        }
        made
    }

    /// In a link expression: exchanges the ends of the link.
    pub(super) fn swapped_ends(self) -> Expr {
        self.map_parts(&mut |part, depth| match &part.kind {
            Kind::Link(LinkField::From) if depth == 0 => {
                Expr::new(Kind::Link(LinkField::To), part.ty.clone())
            }
            Kind::Link(LinkField::To) if depth == 0 => {
                Expr::new(Kind::Link(LinkField::From), part.ty.clone())
            }
            _ => part,
        })
    }

    /// Rewrites every part, innermost first; `f` is told how many link scopes further in it stands.
    fn map_parts(self, f: &mut dyn FnMut(Expr, i32) -> Expr) -> Expr {
        let mut known = (!self.is_small()).then(Mapped::default);
        self.map_at(0, &mut known, f)
    }

    fn map_at(
        self,
        depth: i32,
        known: &mut Option<Mapped>,
        f: &mut dyn FnMut(Expr, i32) -> Expr,
    ) -> Expr {
        if let Some(done) = known.as_ref().and_then(|known| known.of(&self, depth)) {
            return done;
        }
        let original = known.is_some().then(|| self.clone());
        let with_parts =
            self.with_parts(&mut |part, further| part.map_at(depth + further, known, f));
        let made = f(with_parts, depth);
        if let (Some(known), Some(original)) = (known, original) {
            known.note(original, depth, &made);
        }
        made
    }

    /// The expression with other direct parts.
    fn with_parts(self, f: &mut dyn FnMut(Expr, i32) -> Expr) -> Expr {
        let Node { mut kind, ty, .. } = Arc::unwrap_or_clone(self.0);
        recurse(|| {
            kind.each_part_mut(&mut |part, further| {
                let taken = std::mem::replace(part, Expr::error());
                *part = f(taken, further);
            });
        });
        Expr::new(kind, ty)
    }

    /// The candidate sets that the expression reads.
    pub fn sets(&self) -> Vec<NodeId> {
        let mut found = Vec::new();
        self.each_set(&mut |set| found.push(set));
        found
    }

    /// Calls `f` on each candidate set where the expression reads it.
    pub fn each_set(&self, f: &mut dyn FnMut(NodeId)) {
        self.walk_sets(&mut |part| match part.kind {
            Kind::InSet { set, .. } | Kind::OfSet { set, .. } | Kind::OverSet { set, .. } => f(set),
            _ => {}
        });
    }

    /// Calls `f` on every part that reads a candidate set or has such a part.
    pub fn walk_sets<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        self.walk_reading(SETS, &mut Seen::in_parts_of(self), f);
    }

    /// The slots of the parameters that the expression reads, with their types.
    pub fn params(&self) -> Vec<(u32, Type)> {
        let mut found = Vec::new();
        self.walk_reading(PARAMS, &mut Seen::in_parts_of(self), &mut |part| {
            if let Kind::Param(slot, _) = part.kind {
                found.push((slot, part.ty.clone()));
            }
        });
        found
    }

    /// Whether who asks makes a difference, visibility aside.
    pub fn reads_viewer(&self) -> bool {
        self.beside & VIEWER != 0
    }

    /// Whether it draws a random number.
    pub fn draws(&self) -> bool {
        self.beside & SEED != 0
    }

    /// Whether who asks, or the seed, makes a difference, visibility aside.
    pub fn is_personal(&self) -> bool {
        self.beside & (VIEWER | SEED) != 0
    }

    fn walk_reading<'a>(&'a self, what: u8, seen: &mut Seen, f: &mut dyn FnMut(&'a Expr)) {
        if self.beside & what == 0 || !seen.is_new(self) {
            return;
        }
        f(self);
        recurse(|| {
            let reading = &mut |part: &'a Expr, _| part.walk_reading(what, seen, f);
            self.kind.each_part(reading);
        });
    }
}

/// What was rewritten, by address and scope, with what it became. The original is kept, so that its address
/// stays its own.
#[derive(Default)]
pub struct Mapped(HashMap<(usize, i32), (Expr, Expr)>);

impl Mapped {
    fn of(&self, expr: &Expr, depth: i32) -> Option<Expr> {
        let known = self.0.get(&(expr.address(), depth));
        known.map(|(_, made)| made.clone())
    }

    fn note(&mut self, original: Expr, depth: i32, made: &Expr) {
        let place = (original.address(), depth);
        self.0.insert(place, (original, made.clone()));
    }
}

/// Where one has been in an expression; in a small one nothing is noted.
pub(super) struct Seen(Option<HashSet<usize>>);

impl Seen {
    fn in_parts_of(expr: &Expr) -> Seen {
        Seen((!expr.is_small()).then(HashSet::default))
    }

    /// Noted of any expression.
    pub(super) fn everywhere() -> Seen {
        Seen(Some(HashSet::default()))
    }

    fn is_new(&mut self, part: &Expr) -> bool {
        match &mut self.0 {
            Some(seen) => seen.insert(part.address()),
            None => true,
        }
    }
}
