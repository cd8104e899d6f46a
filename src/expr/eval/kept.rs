//! Aggregates that are kept from run to run: what nothing but the entity of a row and the time of its request says.

use super::aggregate::aggregate;
use super::ends::of_led;
use super::newest::newest;
use super::running::answered;
use crate::expr::ir::{Expr, OverLinks};
use crate::expr::key::KeyWriter;
use crate::expr::run::Frame;
use crate::expr::value::{Val, from_column};
use crate::types::Type;
use std::hash::Hash;

/// An aggregate over links of every row; of rows that an earlier run had it is known.
pub(super) fn kept<'a>(frame: &Frame<'a>, expr: &Expr, over: &OverLinks) -> Val<'a> {
    if let Some(value) = newest(frame, over) {
        return value;
    }
    if let Some(value) = answered(frame, over, &expr.ty) {
        return value;
    }
    let make = || match of_led(frame, over, &expr.ty) {
        Some(value) => value,
        None => aggregate(frame, over, &expr.ty),
    };
    let Some(kept) = frame.run.kept.filter(|_| is_kept(frame, expr)) else { return make() };
    let key = key(frame, expr);
    if let Some(column) = kept.get(&key) {
        return from_column(column);
    }
    let made = make().into_column(frame.n);
    if !frame.run.stop.is_due() {
        kept.put(key, made.clone(), made.own_bytes() as u64);
    }
    from_column(made)
}

/// Whether the entities of rows and the requests' times and viewers (who see themselves) are all that it reads.
fn is_kept(frame: &Frame, expr: &Expr) -> bool {
    let is_plain =
        matches!(expr.ty, Type::Int | Type::Float | Type::Bool | Type::Time | Type::Duration);
    let of_rows = frame.link.is_none() && frame.ids.len() == frame.n;
    is_plain
        && of_rows
        && expr.reads_entity_alone()
        && !expr.is_personal()
        && expr.params().is_empty()
        && expr.sets().is_empty()
}

fn key(frame: &Frame, expr: &Expr) -> u128 {
    let mut writer = KeyWriter::default();
    expr.key().hash(&mut writer);
    frame.ids.hash(&mut writer);
    let mut last = None;
    for row in 0..frame.n {
        let owner = frame.owner(row);
        if last != Some(owner) {
            (row, frame.run.now[owner], frame.run.viewers[owner]).hash(&mut writer);
            last = Some(owner);
        }
    }
    writer.take()
}
