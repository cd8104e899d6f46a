//! Numbers of rows: constants, words and values of the request.

use super::Binder;
use crate::check::env::{Local, Scope};
use crate::diag::{Diagnostic, code};
use crate::expr::ir::Scalar;
use crate::ops::{Bind, Quantity, Role};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::Type;

impl<'a> Binder<'_, 'a> {
    /// A number that is left to the planner.
    pub(super) fn auto(&mut self, constant: u64, role: Role) -> Quantity {
        if role == Role::Fact {
            return Quantity::AutoAll;
        }
        let place = (self.name.span, self.role);
        let (number, auto) = self.checker.auto(constant, place.0, self.env, place.1);
        self.auto = Some(auto);
        Quantity::Auto(number)
    }

    /// A number of rows that may stand as a word, a constant or a value of the request.
    pub(super) fn quantity_of(
        &mut self,
        expr: &'a ast::Expr,
        auto: u64,
        role: Role,
    ) -> Option<Quantity> {
        match self.checker.quantity_word(expr, self.env) {
            Some(Some(Local::All)) => return Some(Quantity::All),
            Some(Some(Local::Auto(own))) => return Some(self.auto(own.unwrap_or(auto), role)),
            Some(_) => return None,
            None => {}
        }
        if let Some(help) = self.no_number(expr) {
            let message = "a number of rows must be an integer";
            self.fail(Diagnostic::new(code::E0302, expr.span, message).help(help));
            return None;
        }
        let typed = self.checker.typed(expr, self.env, &Scope::request(), &Type::Int);
        match typed.as_const() {
            _ if typed.is_error() => None,
            Some(Scalar::I64(n)) if *n >= 0 => Some(Quantity::Number(*n as u64)),
            Some(found) => {
                let message = match found {
                    Scalar::Null => "a number of rows cannot be null",
                    _ => "a number of rows cannot be negative",
                };
                let span = self.checker.origin(expr, self.env);
                self.no_rows(span, message);
                None
            }
            None => Some(Quantity::PerRequest(typed)),
        }
    }

    /// Reports a number of rows with which there would be none.
    pub(super) fn no_rows(&mut self, span: Span, message: impl Into<String>) {
        let help = "use at least 1, or `all`";
        self.fail(Diagnostic::new(code::E0601, span, message).help(help));
    }

    pub(super) fn not_auto(&mut self, param: &str, span: Span) {
        let message = format!("`{param}` cannot be `auto`");
        let help = "give a number, or `all`";
        self.fail(Diagnostic::new(code::E0601, span, message).help(help));
    }

    /// A number of the request is looked at when it comes.
    pub(super) fn amount(&mut self, quantity: &Quantity, param: &str, least: i64) {
        if let Quantity::PerRequest(value) = quantity {
            let span = self.arg_span(param);
            self.checker.amount(value, param, least, span);
        }
    }
}
