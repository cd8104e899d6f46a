//! The declaration of an operator.

use super::bind::{Bind, Bound};

/// A parameter as help and the checker's arity rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    pub name: &'static str,
    /// As documented: `duration?`, `newest|strongest|listed|random`.
    pub ty: &'static str,
    /// Named only: it may not be given by position.
    pub named: bool,
}

/// What arguments beyond the parameters an operator takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    None,
    /// Any number of positional and of named expressions (`filter`, `let`, `select`).
    Any,
    /// Any number of candidate sets (`combine`, `fallback`). One that it follows is the first.
    Sets,
    /// Any number of positional expressions (`score`).
    Keys,
}

/// The declaration of an operator.
pub struct Operator {
    pub name: &'static str,
    /// A source stands alone (`all(media)`); the others follow a set (`rows.take(3)`).
    pub source: bool,
    pub params: &'static [Param],
    /// Whether its rows have the entity and the columns of its input's.
    pub keeps_shape: bool,
    pub rest: Rest,
    /// Its page: what it does, with examples.
    pub page: &'static str,
    pub bind: fn(&mut dyn Bind) -> Option<Bound>,
}

impl Operator {
    /// One line: `walk(edge, limit: int = auto, ...)`.
    pub fn usage(&self) -> String {
        let mut parts: Vec<String> =
            self.params.iter().map(|p| format!("{}: {}", p.name, p.ty)).collect();
        match self.rest {
            Rest::None => {}
            Rest::Keys => parts.push("then...".to_owned()),
            Rest::Any | Rest::Sets => parts.push("...".to_owned()),
        }
        format!("{}({})", self.name, parts.join(", "))
    }
}
