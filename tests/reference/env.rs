//! Names bound by parameters and bindings. Both stand for their expression: nothing is evaluated
//! until it is used, and then as its place demands.

use super::rows::At;
use igql::source::Span;
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

/// Parameters and bindings, the innermost first, and the call that bound the parameters.
#[derive(Clone, Default)]
pub struct Env<'a> {
    names: Option<Rc<Node<'a>>>,
    site: Option<Rc<Site>>,
}

/// A call, and the one around it.
struct Site {
    span: Span,
    outer: Option<Rc<Site>>,
}

struct Node<'a> {
    name: &'a str,
    closure: Closure<'a>,
    outer: Env<'a>,
}

impl<'a> Env<'a> {
    /// The same names, in a definition that is called there.
    pub fn at_call(self, span: Span, caller: Option<&Env<'a>>) -> Env<'a> {
        let outer = caller.and_then(|env| env.site.clone());
        Env { site: Some(Rc::new(Site { span, outer })), ..self }
    }

    /// Where the calls stand that lead here, the innermost first.
    pub fn sites(&self) -> impl Iterator<Item = Span> {
        let sites = std::iter::successors(self.site.as_deref(), |site| site.outer.as_deref());
        sites.map(|site| site.span)
    }

    pub fn bind(&self, name: &'a str, closure: Closure<'a>) -> Env<'a> {
        Env {
            names: Some(Rc::new(Node { name, closure, outer: self.clone() })),
            site: self.site.clone(),
        }
    }

    pub fn get(&self, name: &str) -> Option<&Closure<'a>> {
        let node = self.names.as_ref()?;
        if node.name == name { Some(&node.closure) } else { node.outer.get(name) }
    }

    /// Tells environments apart while they live.
    pub fn address(&self) -> usize {
        self.names.as_ref().map_or(0, |node| Rc::as_ptr(node) as usize)
    }
}
