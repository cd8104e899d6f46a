//! Definitions that give a value: called alone, as a method, or by the rows they are of.

use super::{Callable, Given, given_args, given_with};
use crate::check::Checker;
use crate::check::env::{Env, Scope};
use crate::check::modules::Kind;
use crate::check::state::address;
use crate::diag::{Diagnostic, code};
use crate::expr::ir::{Expr, Level};
use crate::ops::Role;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ItemKind, Name, RowDef};
use crate::types::{EntityId, Type};

impl<'a> Checker<'a> {
    /// In a row expression, `f(...)` where `f` is a definition, value or policy.
    pub(in crate::check) fn call_defined(
        &mut self,
        callee: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        self.call_row_item(callee, args, env, scope)
            .or_else(|| self.value_defined(callee, None, args, env, scope))
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
        self.value_defined(name, Some(receiver), args, env, scope)
    }

    /// A definition that gives a value, if there is one.
    fn value_defined(
        &mut self,
        name: &'a Name,
        receiver: Option<&'a ast::Expr>,
        args: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        let def = *self.callables(&name.text, env.module).first()?;
        let given = given_with(receiver, args, env);
        let found = self.call_value_def(&def, name, given, scope);
        Some(found.unwrap_or_else(Expr::error))
    }

    fn call_value_def(
        &mut self,
        def: &Callable<'a>,
        name: &'a Name,
        given: Vec<Given<'a>>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        let bindings = self.bind(def, name, given, Role::Fact, Some(scope));
        if !bindings.ok {
            return None;
        }
        if self.is_set(def.body, &bindings.env) {
            let message = format!("`{}` is a candidate set, but a value is needed here", name.text);
            let help = "test membership with `in`, or aggregate it: `count(...)`";
            return self.refuse(Diagnostic::new(code::E0313, name.span, message).help(help));
        }
        Some(self.body_value("def", def, name.span, &bindings.env, scope))
    }

    /// The value of a body where it is used, read once for equal arguments.
    fn body_value(
        &mut self,
        what: &'static str,
        def: &Callable<'a>,
        span: Span,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        let (name, body) = (&def.name.text, def.body);
        let key = self.call_key(body, def.params, env, Role::Fact, Some(scope));
        self.read_value(key, |this| {
            this.once(what, name, address(body), span, |this| {
                Some(this.within(name, span, |this| this.scalar(body, env, scope, None)))
            })
            .unwrap_or_else(Expr::error)
        })
    }

    /// A value or policy with arguments, on the entity of the row.
    fn call_row_item(
        &mut self,
        callee: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        let entity = scope.row.as_ref().map(|row| row.entity);
        let kinds = [Kind::Value, Kind::Policy];
        let (module, item) = self.row_item(&kinds, &callee.text, entity, env.module)?;
        let (def, what) = match &item.kind {
            ItemKind::Value(def) => (def, "value"),
            ItemKind::Policy(def) => (def, "policy"),
            _ => return None,
        };
        let given = given_args(args, env);
        Some(self.call_row_def(def, what, callee.span, given, scope, module))
    }

    /// The nearest value or policy of a name that rows of an entity have.
    pub(in crate::check) fn row_item(
        &mut self,
        kinds: &[Kind],
        name: &str,
        entity: Option<EntityId>,
        module: usize,
    ) -> Option<(usize, &'a ast::Item)> {
        let modules = self.modules;
        let of_rows = |item: &&ast::Item| match &item.kind {
            ItemKind::Value(def) | ItemKind::Policy(def) => {
                def.entity.is_none() || self.entity_on(def) == entity
            }
            _ => false,
        };
        let mut order = modules.order(module);
        let (number, item) = order.find_map(|number| {
            let mut items = kinds.iter().flat_map(|&kind| modules.all[number].find(kind, name));
            Some((number, items.find(of_rows)?))
        })?;
        self.mark_used(item);
        Some((number, item))
    }

    /// The entity that a value or policy is declared on.
    pub(in crate::check) fn entity_on(&self, def: &RowDef) -> Option<EntityId> {
        def.entity.as_ref().and_then(|e| self.find_entity(&e.text))
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
        let name = Name { text: def.name.text.clone(), span };
        let bindings = self.bind(&callable, &name, given, Role::Fact, Some(scope));
        if !bindings.ok {
            return Expr::error();
        }
        let result = self.body_value(what, &callable, span, &bindings.env, scope);
        if what == "policy" && !result.is_error() && result.ty != Type::Bool {
            let found = self.type_name(&result.ty);
            let message = format!("a policy is a condition, `{}` is {found}", def.name.text);
            return self.refuse_value(
                Diagnostic::new(code::E0302, def.body.span, message).help("write a comparison"),
            );
        }
        debug_assert!(result.level >= Level::Constant);
        result
    }
}
