//! Names bound by parameters and bindings. Both stand for their expression: nothing is evaluated
//! until it is used, and then as its place demands.

use super::rows::At;
use igql::syntax::ast::Expr;
use std::rc::Rc;

/// An expression with the names that it sees.
#[derive(Clone)]
pub struct Closure<'a> {
    pub expr: &'a Expr,
    pub env: Env<'a>,
    /// The row where it was written; none: it is read at the row where it is used.
    pub at: Option<At>,
}

/// Parameters and bindings, the innermost first.
#[derive(Clone, Default)]
pub struct Env<'a>(Option<Rc<Node<'a>>>);

struct Node<'a> {
    name: &'a str,
    closure: Closure<'a>,
    outer: Env<'a>,
}

impl<'a> Env<'a> {
    pub fn bind(&self, name: &'a str, closure: Closure<'a>) -> Env<'a> {
        Env(Some(Rc::new(Node {
            name,
            closure,
            outer: self.clone(),
        })))
    }

    pub fn get(&self, name: &str) -> Option<&Closure<'a>> {
        let node = self.0.as_ref()?;
        if node.name == name {
            Some(&node.closure)
        } else {
            node.outer.get(name)
        }
    }

    /// Tells environments apart while they live.
    pub fn address(&self) -> usize {
        self.0.as_ref().map_or(0, |node| Rc::as_ptr(node) as usize)
    }
}
