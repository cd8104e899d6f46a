//! What expressions ask of candidate sets that have run.

use super::fold::fold;
use crate::expr::ir::{Expr, NodeId, OfSet, Stat};
use crate::expr::run::Frame;
use crate::expr::value::{Arg, Val, from_column};
use crate::types::{NULL_BOOL, NULL_CODE, NULL_FLOAT, NULL_INT, Type};

impl<'a> Frame<'a> {
    pub(super) fn in_set(&self, id: &Expr, set: NodeId) -> Val<'a> {
        let rows = self.run.sets.rows(set);
        let members = self.run.members(set);
        let ids = self.eval(id).codes();
        let at = |i: usize| match ids.get(i) {
            NULL_CODE => NULL_BOOL,
            id => u8::from(
                members[rows.range(self.owner(i))].binary_search_by_key(&id, |&(id, _)| id).is_ok(),
            ),
        };
        Val::Bool(Arg::Many((0..self.n).map(at).collect()))
    }

    pub(super) fn of_set(&self, what: OfSet, id: &Expr, set: NodeId) -> Val<'a> {
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
            OfSet::Score | OfSet::Chance => Val::F64(Arg::Many(
                all.map(|p| p.map_or(NULL_FLOAT, |(row, _)| rows.scores[row])).collect(),
            )),
            OfSet::Certain => {
                Val::F64(Arg::Many(all.map(|p| p.map_or(NULL_FLOAT, |_| 1.0)).collect()))
            }
            OfSet::Position => Val::I64(Arg::Many(
                all.map(|p| p.map_or(NULL_INT, |(row, start)| (row - start + 1) as i64)).collect(),
            )),
        }
    }

    /// Evaluated over requests: the frame has one row per request.
    pub(super) fn over_set(
        &self,
        stat: Stat,
        set: NodeId,
        value: Option<&Expr>,
        ty: &Type,
    ) -> Val<'a> {
        let rows = self.run.sets.rows(set);
        let owners = rows.owners();
        let values = value.map(|v| Frame::rows(self.run, rows, &owners).column(v));
        from_column(fold(stat, &rows.offsets, values.as_ref(), ty))
    }
}
