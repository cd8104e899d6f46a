//! Policies: named conditions, and those that a bare `filter()` stands for.

use super::Checker;
use super::calls::Given;
use super::env::{Env, Scope};
use super::modules::{Kind, Tier};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::Expr;
use crate::ops::Shape;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, BinaryOp, ExprKind, ItemKind, RowDef};
use crate::syntax::print_expression;
use crate::types::EntityId;
use std::collections::BTreeSet;

impl<'a> Checker<'a> {
    /// `filter(name=arg)`: the policy of that name with one argument.
    pub(super) fn policy_argument(
        &mut self,
        arg: &'a Arg,
        env: &Env<'a>,
        shape: &Shape,
    ) -> Option<Expr> {
        let name = arg.name.as_ref()?;
        if arg.value.kind == ExprKind::Error {
            return None;
        }
        let Some((def, module)) = self.find_policy(&name.text, env.module, shape.entity) else {
            self.unknown_policy(name, &arg.value, env, shape);
            return None;
        };
        let scope = Scope::rows(shape);
        if def.params.is_empty() {
            let message = format!("policy `{}` has no parameter", name.text);
            let help = format!("write `filter({}())`", name.text);
            return self.refuse(Diagnostic::new(code::E0307, arg.span, message).help(help));
        }
        let given = Given { name: None, expr: &arg.value, env: env.clone() };
        let found = self.call_row_def(def, "policy", name.span, vec![given], &scope, module);
        (!found.is_error()).then_some(found)
    }

    /// Notes the policies that are true wherever a condition is: those that it calls, and those
    /// that their bodies call, joined by `and`.
    pub(super) fn passes(
        &mut self,
        condition: &'a ast::Expr,
        env: &Env<'a>,
        entity: EntityId,
        passed: &mut BTreeSet<String>,
    ) {
        match &condition.kind {
            ExprKind::Binary { op: BinaryOp::And, left, right } => {
                self.passes(left, env, entity, passed);
                self.passes(right, env, entity, passed);
            }
            ExprKind::Call { callee, .. } => {
                if let Some((def, module)) = self.find_policy(&callee.text, env.module, entity) {
                    self.passes_policy(def, module, entity, passed);
                }
            }
            _ => {}
        }
    }

    /// The same for rows that pass a policy.
    pub(super) fn passes_policy(
        &mut self,
        def: &'a RowDef,
        module: usize,
        entity: EntityId,
        passed: &mut BTreeSet<String>,
    ) {
        if passed.insert(def.name.text.clone()) {
            self.passes(&def.body, &Env::top(module), entity, passed);
        }
    }

    /// Whether some file declares the policy for the entity.
    pub(super) fn has_policy(&mut self, name: &str, entity: EntityId) -> bool {
        self.policies_on(entity).iter().any(|(def, _)| def.name.text == name)
    }

    pub(super) fn find_policy(
        &mut self,
        name: &str,
        module: usize,
        entity: EntityId,
    ) -> Option<(&'a RowDef, usize)> {
        let modules = self.modules;
        for (number, item) in modules.find(module, Kind::Policy, name) {
            if let ItemKind::Policy(def) = &item.kind
                && self.entity_on(def) == Some(entity)
            {
                self.mark_used(item);
                return Some((def, number));
            }
        }
        None
    }

    fn unknown_policy(
        &mut self,
        name: &ast::Name,
        value: &ast::Expr,
        env: &Env<'a>,
        shape: &Shape,
    ) {
        let (ast::Name { text: name, span }, entity) = (name, shape.entity);
        if self.is_lost(name) {
            return;
        }
        let policies = self.policies_on(entity);
        let names: Vec<&str> = policies.iter().map(|(def, _)| def.name.text.as_str()).collect();
        let near = suggest::nearest(name, names.iter().copied());
        if near.is_none() && self.may_be_imported(env.module) {
            return;
        }
        let of = self.entity_name(entity);
        let help = match near {
            _ if matches!(value.kind, ExprKind::Null) => format!("write `filter({name} is null)`"),
            _ if self.is_row_name(name, env, shape) => {
                let value = print_expression(value);
                format!("write `==` to compare: `filter({name} == {value})`")
            }
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => {
                format!("declare it: `policy {name}(limit: float = 0.2) on {of} = ...`")
            }
            None => format!("policies on `{of}` are {}", names.join(", ")),
        };
        let message = format!("there is no policy `{name}` on `{of}`");
        self.report(Diagnostic::new(code::E0207, *span, message).help(help));
    }

    /// Whether the rows have a column, reference or value of that name.
    fn is_row_name(&self, name: &str, env: &Env<'a>, shape: &Shape) -> bool {
        let table = self.schema.entity(shape.entity);
        let modules = self.modules;
        table.find_column(name).is_some()
            || table.find_reference(name).is_some()
            || shape.find(name).is_some()
            || matches!(name, "score" | "position" | "branch" | "propensity")
            || modules
                .order(env.module)
                .into_iter()
                .any(|m| modules.all[m].find(Kind::Value, name).next().is_some())
    }

    /// A policy or value of exactly that name, which is of another entity than the rows.
    pub(super) fn of_another_entity(&self, name: &str) -> Option<String> {
        let modules = self.modules;
        modules.order(0).find_map(|m| {
            let of = |kind| modules.all[m].find(kind, name);
            of(Kind::Policy).chain(of(Kind::Value)).find_map(|item| match &item.kind {
                ItemKind::Policy(def) | ItemKind::Value(def) => {
                    let entity = &def.entity.as_ref()?.text;
                    Some(format!("`{name}` is of `{entity}`"))
                }
                _ => None,
            })
        })
    }

    /// How a policy that was named without brackets is called, or one that was nearly named.
    pub(super) fn call_of_policy(&self, name: &str, entity: EntityId) -> Option<String> {
        let policies: Vec<&RowDef> = self.policies_on(entity).into_iter().map(|(p, _)| p).collect();
        let named = |name: &str| policies.iter().find(|def| def.name.text == name);
        if let Some(def) = named(name) {
            let call = example_call(def);
            return Some(format!("`{name}` is a policy, and policies are called: {call}"));
        }
        let near = suggest::nearest(name, policies.iter().map(|def| def.name.text.as_str()))?;
        let def = named(near).filter(|_| suggest::is_slip(name, near))?;
        Some(format!("did you mean {}?", example_call(def)))
    }

    /// Policies on an entity, nearest file first; a nearer one hides another of its name.
    fn policies_on(&self, entity: EntityId) -> Vec<(&'a RowDef, usize)> {
        let modules = self.modules;
        let mut found: Vec<(&'a RowDef, usize)> = Vec::new();
        for number in modules.order(0) {
            for (name, item) in modules.all[number].all(Kind::Policy) {
                if let ItemKind::Policy(def) = &item.kind
                    && self.entity_on(def) == Some(entity)
                    && !found.iter().any(|(known, _)| known.name.text == name)
                {
                    found.push((def, number));
                }
            }
        }
        found
    }

    /// What a bare `filter()` asks: the policies that the catalog requires, else every policy on
    /// the entity that the catalog has the columns for.
    pub(super) fn default_policies(
        &mut self,
        shape: &Shape,
        span: Span,
        passed: &mut BTreeSet<String>,
    ) -> Option<Vec<Expr>> {
        let required = &self.schema.defaults.required_policies;
        let mut conditions = Vec::new();
        let mut ok = true;
        for (def, module) in self.policies_on(shape.entity) {
            let named = required.contains(&def.name.text);
            if !required.is_empty() && !named || self.needs_argument(def, span) {
                continue;
            }
            // the standard library's policies apply where the catalog has what they read
            let optional = self.modules.all[module].tier == Tier::Std && !named;
            let found = self.default_policy(def, module, shape, span, optional);
            if !found.is_error() {
                conditions.push(found);
                self.passes_policy(def, module, shape.entity, passed);
                self.find_policy(&def.name.text, 0, shape.entity);
            } else if !optional {
                ok = false;
            }
        }
        if ok && conditions.is_empty() {
            self.no_policies(shape.entity, span);
        }
        ok.then_some(conditions)
    }

    /// A policy with the defaults of its parameters; what is wrong with an optional one is not said.
    fn default_policy(
        &mut self,
        def: &'a RowDef,
        module: usize,
        shape: &Shape,
        span: Span,
        optional: bool,
    ) -> Expr {
        let scope = Scope::rows(shape);
        let before = optional.then(|| std::mem::take(&mut self.sink));
        let found = self.call_row_def(def, "policy", span, Vec::new(), &scope, module);
        if let Some(before) = before {
            self.sink = before;
        }
        found
    }

    /// Whether a policy cannot be applied without arguments, which is reported.
    fn needs_argument(&mut self, def: &RowDef, span: Span) -> bool {
        let Some(param) = def.params.iter().find(|p| p.default.is_none()) else {
            return false;
        };
        let (policy, param) = (&def.name.text, &param.name.text);
        let message = format!("policy `{policy}` is not applied: `{param}` has no default");
        self.report(
            Diagnostic::new(code::W1102, span, message)
                .label(def.name.span, "declared here")
                .help(format!("write `filter({policy}=...)`")),
        );
        true
    }

    fn no_policies(&mut self, entity: EntityId, span: Span) {
        let entity = self.entity_name(entity);
        let message =
            format!("`filter()` cannot change anything: there is no policy on `{entity}`");
        let help = format!(
            "declare one in the prelude: `policy safe on {entity} = ...`, or give a condition"
        );
        self.report(Diagnostic::new(code::W0201, span, message).help(help));
    }
}

/// A call with the arguments that have no default.
fn example_call(def: &RowDef) -> String {
    let required = def.params.iter().filter(|param| param.default.is_none());
    let args: Vec<String> = required.map(|param| format!("{}=...", param.name.text)).collect();
    format!("`{}({})`", def.name.text, args.join(", "))
}
