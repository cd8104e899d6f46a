//! What only a request knows: declared over the links of examples, and given where a model is used.

use super::arguments::Given;
use super::described::{Context, Inputs};
use crate::check::{Checker, bare_name};
use crate::diag::{Diagnostic, code};
use crate::expr::EdgeExpr;
use crate::expr::ir::{Expr, Kind, Scalar};

impl<'a> Checker<'a> {
    pub(super) fn context(&mut self, given: &Given<'a>, edge: &EdgeExpr) -> Option<Vec<Context>> {
        let fields = self.record(given, "context", "{device: device}")?;
        let mut made = Vec::new();
        for (name, expr) in fields {
            if !self.check_bindable(name) {
                made.push(None);
                continue;
            }
            let found = match bare_name(expr).and_then(|name| self.param_of_log(given, name, edge))
            {
                Some(ty) => Some(Expr::constant(Scalar::Null, ty)),
                None => self.of_link(given, expr, edge, None),
            };
            made.push(found.map(|expr| Context {
                name: name.text.clone(),
                ty: expr.ty.clone(),
                expr,
            }));
        }
        made.into_iter().collect()
    }

    /// Reports what the context declares and no input reads: a program would have to give it for nothing.
    pub(super) fn context_is_read(&mut self, given: &Given<'a>, inputs: &Inputs) -> Option<()> {
        let mut read = vec![false; inputs.context.len()];
        for expr in inputs.exprs() {
            expr.walk(&mut |part| {
                if let Kind::Bound(place) = part.kind
                    && let Some(read) = read.get_mut(place as usize)
                {
                    *read = true;
                }
            });
        }
        let unread = read.iter().position(|read| !read);
        let Some(name) = unread.map(|place| inputs.context[place].name.clone()) else {
            return Some(());
        };
        let fields = self.record(given, "context", "{device: device}")?;
        let own = fields.iter().find(|(field, _)| field.text == name);
        let span = own.map_or(given.span("context"), |(field, _)| field.span);
        let message = format!("no input reads `{name}` of the context");
        let help = "read it in an input, or leave it out: whoever uses the model has to give it";
        self.refuse(Diagnostic::new(code::E0504, span, message).help(help))
    }
}
