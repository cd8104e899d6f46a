//! Which parts of its row an expression reads: what depends on one end of a link alone is the same for
//! every link with that end.

/// What an expression reads of the row that it is evaluated for, and of the rows whose links that row is
/// among, as bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reads([u8; SCOPES]);

/// How many scopes of links further out are told apart.
const SCOPES: usize = 3;
/// Read further out than that: no scope is known not to be read.
const UNKNOWN: u8 = 1 << 7;

/// The entity that alone decides what an expression comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where a link leads to.
    To = 1,
    /// Where it starts.
    From = 2,
    /// The entity of a row.
    It = 4,
}

impl Reads {
    /// One end of a link, or the entity of a row.
    pub fn end(end: End) -> Reads {
        Reads([end as u8, 0, 0])
    }

    /// Something else of the row.
    pub fn other() -> Reads {
        Reads([1 << 3, 0, 0])
    }

    /// And what a part of the expression reads that stands so many scopes of links further in.
    pub fn and(&mut self, part: Reads, further: i32) {
        for (scope, bits) in (0..).zip(part.0) {
            // rows further in are the part's own affair
            let Ok(scope) = usize::try_from(scope - further) else {
                self.0.iter_mut().for_each(|own| *own |= bits & UNKNOWN);
                continue;
            };
            match self.0.get_mut(scope) {
                Some(own) => *own |= bits,
                None if bits == 0 => {}
                None => self.0.iter_mut().for_each(|own| *own |= UNKNOWN),
            }
        }
    }

    /// Whether anything of the row is read but ends of a link and its entity.
    pub fn is_more_than_ends(self) -> bool {
        let ends = End::To as u8 | End::From as u8 | End::It as u8;
        self.0[0] & !ends != 0
    }

    /// The end of which alone anything is read.
    pub fn only(self) -> Option<End> {
        [End::To, End::From, End::It].into_iter().find(|&end| self.0[0] == end as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Reads};

    fn of(parts: &[(Reads, i32)]) -> Reads {
        let mut all = Reads::default();
        parts.iter().for_each(|&(part, further)| all.and(part, further));
        all
    }

    /// What `Outer` makes of a part.
    fn outer(part: Reads) -> Reads {
        of(&[(Reads::other(), 0), (part, -1)])
    }

    #[test]
    fn scopes_are_told_apart() {
        let (to, from, it) = (Reads::end(End::To), Reads::end(End::From), Reads::end(End::It));
        assert_eq!(of(&[(to, 0), (to, 0)]).only(), Some(End::To));
        assert_eq!(of(&[(to, 0), (from, 0)]).only(), None);
        assert_eq!(Reads::default().only(), None);
        // a link expression that reads its own link, and one that reads the end of ours
        assert_eq!(of(&[(it, 0), (Reads::other(), 1)]).only(), Some(End::It));
        assert_eq!(of(&[(to, 0), (outer(to), 1)]).only(), Some(End::To));
        assert_eq!(of(&[(to, 0), (outer(from), 1)]).only(), None);
        // what reads the row whose links these are does not depend on an end alone
        assert_eq!(of(&[(to, 0), (outer(it), 0)]).only(), None);
        assert_eq!(of(&[(to, 0), (of(&[(outer(outer(it)), 1)]), 1)]).only(), None);
        assert_eq!(of(&[(of(&[(outer(outer(to)), 1)]), 1)]).only(), Some(End::To));
    }

    #[test]
    fn what_is_read_too_far_out_is_not_forgotten() {
        let far = (0..5).fold(Reads::end(End::It), |part, _| outer(part));
        let back = (0..5).fold(far, |part, _| of(&[(part, 1)]));
        assert_eq!(back.only(), None);
        assert_eq!(of(&[(Reads::end(End::To), 0), (back, 0)]).only(), None);
    }
}
