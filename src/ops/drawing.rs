//! How chance decides which rows there are: what operators say of it, and what is known of their rows.

use super::Quantity;
use crate::expr::{Expr, NodeId};

/// How probable it was that a row came to be among the rows of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Chance {
    /// Nothing was drawn: it could not have been otherwise.
    #[default]
    Certain,
    /// Something was drawn in a way for which there is no formula.
    Unknown,
    /// As the operator of a node says, which is the last one that chance enters by.
    Drawn(NodeId),
}

/// How an operator's rows come of those of its inputs, as far as that may be drawn.
#[derive(Clone, Copy, Debug)]
pub enum Drawing<'o> {
    /// They are some of the first input's, for what they are.
    Kept,
    /// They are so many of the first input's, each as probable as the others.
    Sample(&'o Quantity),
    /// They are drawn in a way for which there is no formula.
    Weighted,
    /// They are reached from those of the first input over links, all of them or some that are drawn: see
    /// [`Explaining::chances`](super::Explaining::chances).
    Links { drawn: bool },
    /// They are those of any input.
    Any,
    /// They are those of the first input where a condition of the request is true, else those of the second.
    Either(&'o Expr),
    /// They are made of those of the inputs in another way.
    Made,
}
