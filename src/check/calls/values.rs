//! Definitions that give a value: called alone, as a method, or by the rows they are of.

use super::{Callable, Given, given_args};
use crate::check::Checker;
use crate::check::env::{Env, Scope};
use crate::check::modules::Kind;
use crate::check::state::address;
use crate::diag::{Diagnostic, code};
use crate::expr::ir::{Expr, Level};
use crate::ops::Role;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ItemKind, Name, RowDef};
use crate::types::Type;

impl<'a> Checker<'a> {
    /// In a row expression, `f(...)` where `f` is a definition, value or policy.
    pub(in crate::check) fn call_defined(
        &mut self,
        callee: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        if let Some(found) = self.call_row_item(callee, args, env, scope) {
            return Some(found);
        }
        if self.callables(&callee.text, env.module).is_empty() {
            return None;
        }
        Some(
            self.call_value_def(callee, None, args, env, scope)
                .unwrap_or_else(Expr::error),
        )
    }

    /// In a row expression, `x.f(...)` where `f` is a definition.
    pub(in crate::check) fn method_defined(
        &mut self,
        receiver: &'a ast::Expr,
        name: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        if self.callables(&name.text, env.module).is_empty() {
            return None;
        }
        Some(
            self.call_value_def(name, Some(receiver), args, env, scope)
                .unwrap_or_else(Expr::error),
        )
    }

    fn call_value_def(
        &mut self,
        name: &'a Name,
        receiver: Option<&'a ast::Expr>,
        args: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        let candidates = self.callables(&name.text, env.module);
        let def = *candidates.first()?;
        let mut given: Vec<Given<'a>> = Vec::new();
        given.extend(receiver.map(|expr| Given {
            name: None,
            expr,
            env: env.clone(),
        }));
        given.extend(given_args(args, env));
        let bindings = self.bind(&def, name, given, Role::Fact, Some(scope));
        if !bindings.ok {
            return None;
        }
        if self.is_set(def.body, &bindings.env) {
            let message = format!(
                "`{}` is a candidate set, but a value is needed here",
                name.text
            );
            let help = "test membership with `in`, or aggregate it: `count(...)`";
            self.report(Diagnostic::new(code::E0313, name.span, message).help(help));
            return None;
        }
        let (env, role) = (&bindings.env, Role::Fact);
        let key = self.call_key(def.body, def.params, env, role, Some(scope));
        Some(self.read_value(key, |this| {
            this.once("def", &name.text, address(def.body), name.span, |this| {
                Some(this.within(&name.text, name.span, |this| {
                    this.scalar(def.body, env, scope, None)
                }))
            })
            .unwrap_or_else(Expr::error)
        }))
    }

    /// A value or policy with arguments, on the entity of the row.
    fn call_row_item(
        &mut self,
        callee: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        let modules = self.modules;
        let entity = scope.row.as_ref().map(|row| row.entity);
        for number in modules.order(env.module) {
            for kind in [Kind::Value, Kind::Policy] {
                for item in modules.all[number].find(kind, &callee.text) {
                    let (ItemKind::Value(def) | ItemKind::Policy(def)) = &item.kind else {
                        continue;
                    };
                    let on = def.entity.as_ref().and_then(|e| self.find_entity(&e.text));
                    if def.entity.is_some() && on != entity {
                        continue;
                    }
                    self.mark_used(item);
                    let what = if kind == Kind::Value {
                        "value"
                    } else {
                        "policy"
                    };
                    return Some(self.call_row_def(
                        def,
                        what,
                        callee.span,
                        given_args(args, env),
                        scope,
                        number,
                    ));
                }
            }
        }
        None
    }

    /// The body of a value or policy in the row where it is used, with its parameters bound.
    pub(in crate::check) fn call_row_def(
        &mut self,
        def: &'a RowDef,
        what: &'static str,
        span: Span,
        given: Vec<Given<'a>>,
        scope: &Scope<'_>,
        module: usize,
    ) -> Expr {
        let callable = Callable {
            name: &def.name,
            params: &def.params,
            result: None,
            body: &def.body,
            module,
            query: false,
        };
        let name = Name {
            text: def.name.text.clone(),
            span,
        };
        let bindings = self.bind(&callable, &name, given, Role::Fact, Some(scope));
        if !bindings.ok {
            return Expr::error();
        }
        let (env, role) = (&bindings.env, Role::Fact);
        let key = self.call_key(&def.body, &def.params, env, role, Some(scope));
        let result = self.read_value(key, |this| {
            this.once(what, &def.name.text, address(&def.body), span, |this| {
                Some(this.within(&def.name.text, span, |this| {
                    this.scalar(&def.body, env, scope, None)
                }))
            })
            .unwrap_or_else(Expr::error)
        });
        if what == "policy" && !result.is_error() && result.ty != Type::Bool {
            let found = self.type_name(&result.ty);
            let message = format!("a policy is a condition, `{}` is {found}", def.name.text);
            self.report(
                Diagnostic::new(code::E0302, def.body.span, message).help("write a comparison"),
            );
            return Expr::error();
        }
        debug_assert!(result.level >= Level::Constant);
        result
    }
}
