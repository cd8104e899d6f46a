//! Numbers of rows, and times, that come with a request: a parameter that stands alone where one is
//! asked for is checked like a number that is written there.

use super::Checker;
use crate::diag::{Diagnostic, code};
use crate::expr::ir::{Expr, Kind, Scalar};
use crate::expr::show::duration;
use crate::source::Span;
use crate::types::{NULL_INT, Type, Value};

/// A parameter that stands alone where a number is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Amount {
    pub param: String,
    /// The parameter itself: an int, a duration, or a list of ints.
    pub value: Expr,
    /// What it is for, as `limit`.
    pub what: String,
    /// The smallest that makes sense; durations count in microseconds.
    pub least: i64,
    /// Whether null says something.
    pub optional: bool,
}

impl Amount {
    /// What is wrong with a value; none if nothing is.
    pub fn wrong(&self, found: &Value) -> Option<String> {
        let number = |x: i64| match self.value.ty {
            Type::Duration => duration(x),
            _ => x.to_string(),
        };
        let found = match found {
            Value::Null if self.optional => return None,
            Value::Null => "null".to_owned(),
            Value::Int(x) | Value::Duration(x) if *x >= self.least => return None,
            Value::Int(x) | Value::Duration(x) => number(*x),
            Value::List(items) => return items.iter().find_map(|item| self.wrong(item)),
            _ => return None,
        };
        let (param, what) = (&self.param, &self.what);
        let wanted = match (self.least, &self.value.ty) {
            (1, Type::Duration) => "a duration above 0s".to_owned(),
            (_, Type::Duration) => "a duration that is not negative".to_owned(),
            (least, _) => format!("a number of at least {least}"),
        };
        Some(format!("`{param}`: `{what}` needs {wanted}, found {found}"))
    }
}

impl<'a> Checker<'a> {
    /// Notes a parameter that is given for `what` and looked at when it comes; reports a default that
    /// cannot be.
    pub(super) fn amount(&mut self, value: &Expr, what: &str, least: i64, span: Span) {
        let Kind::Param(slot, _) = value.kind else {
            return;
        };
        let Some(param) = self.inputs.params.get(slot as usize) else {
            return;
        };
        if param.default.as_ref().is_some_and(Expr::is_error) {
            return;
        }
        let amount = Amount {
            param: param.name.clone(),
            value: value.clone(),
            what: what.to_owned(),
            least,
            optional: value.ty == Type::Duration,
        };
        let default = param.default.as_ref().and_then(Expr::as_const);
        let default = default.map(|default| match (default, &value.ty) {
            (Scalar::I64(x), Type::Duration) => Value::Duration(*x),
            (Scalar::I64(x), _) => Value::Int(*x),
            _ => Value::Null,
        });
        if let Some(wrong) = default.and_then(|default| amount.wrong(&default)) {
            let message = format!("the default of {wrong}");
            let help = "use a valid default, or none";
            self.report(Diagnostic::new(code::E0601, span, message).help(help));
        }
        if !self.inputs.amounts.contains(&amount) {
            self.inputs.amounts.push(amount);
        }
    }

    /// A duration that is written, or comes with the request: reports one that is below `least`.
    pub(super) fn duration_of_at_least(
        &mut self,
        value: &Expr,
        what: &str,
        least: i64,
        span: Span,
    ) -> Option<()> {
        match value.as_const() {
            Some(Scalar::I64(x)) if *x < least && *x != NULL_INT => {
                let (x, wanted) = (duration(*x), if least > 0 { "above 0s" } else { "0s or more" });
                let message = format!("`{what}` must be {wanted}, found {x}");
                let help = "durations are written as `7d`, `12h`, `90s`";
                self.refuse(Diagnostic::new(code::E0306, span, message).help(help))
            }
            _ => {
                self.amount(value, what, least, span);
                Some(())
            }
        }
    }
}
