//! Arguments beside the parameters: the conditions of a filter, the columns of `let` and `select`.

use super::Binder;
use crate::check::bare_name;
use crate::check::env::Scope;
use crate::expr::Expr;
use crate::expr::ir::Level;
use crate::ops::Shape;
use crate::ops::bind::RestArg;
use crate::ops::shape::BoundColumn;
use crate::syntax::ast::{Arg, Name};
use crate::types::Type;

impl<'a> Binder<'_, 'a> {
    /// `filter(name=arg)`: what the policy makes of its argument is its own affair.
    pub(super) fn policy_condition(
        &mut self,
        name: &Name,
        arg: &'a Arg,
        shape: &Shape,
    ) -> Option<Expr> {
        let checker = &mut *self.checker;
        let policy = checker.find_policy(&name.text, self.env.module, shape.entity);
        if let Some((def, module)) = policy {
            checker.passes_policy(def, module, shape.entity, &mut self.passed);
        }
        checker.policy_argument(arg, self.env, shape)
    }

    /// `filter(condition)`, after the conditions before it.
    pub(super) fn written_condition(
        &mut self,
        arg: &'a Arg,
        shape: &Shape,
        earlier: &[Option<Expr>],
    ) -> Option<Expr> {
        let scope = Scope::rows(shape);
        let checker = &mut *self.checker;
        checker.passes(&arg.value, self.env, shape.entity, &mut self.passed);
        let condition = Self::checked(checker.typed(&arg.value, self.env, &scope, &Type::Bool))?;
        checker.decides(&condition, arg.span, shape, earlier.iter().flatten());
        Some(condition)
    }

    /// `let(name=expression)`, after which the rows have one column more.
    pub(super) fn bound_column(&mut self, arg: &'a Arg, shape: &mut Shape) -> Option<RestArg> {
        let name = self.selected(arg);
        let all = bare_name(&arg.value) == Some("all");
        if name.is_none() && (all || self.named_columns(&arg.value).is_some()) {
            return None;
        }
        let scope = Scope::rows(shape);
        let expr = Self::checked(self.checker.scalar(&arg.value, self.env, &scope, None));
        self.ok &= name.is_some() && expr.is_some();
        let name = name?;
        // a column of no type: what reads it stays silent
        let expr = expr.unwrap_or_else(Expr::error);
        if let Some(bound) = arg.name.as_ref().filter(|_| self.name.text == "let") {
            self.checker.hides_column(bound, arg, shape);
        }
        let column = BoundColumn::new(name.as_str(), expr.ty.clone());
        shape.bind(column.constant(expr.level < Level::Row));
        Some(RestArg { name: Some(name), span: arg.span, expr })
    }
}
