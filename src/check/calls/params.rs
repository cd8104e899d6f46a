//! What a parameter of a definition stands for, from its argument and its type.

use super::Given;
use crate::check::edges::Wanted;
use crate::check::env::{Env, Local, Scope};
use crate::check::typing::{Entity, ParamType};
use crate::check::{Checker, InRange, bare_name};
use crate::diag::{Diagnostic, code};
use crate::expr::ir::{EdgeExpr, Expr, Level, Scalar};
use crate::ops::Role;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ExprKind, Param};
use crate::types::{EntityId, Type};
use foldhash::HashMap;

impl<'a> Checker<'a> {
    pub(super) fn bind_param(
        &mut self,
        param: &'a Param,
        module: usize,
        given: Given<'a>,
        entities: &mut HashMap<String, EntityId>,
        role: Role,
        scope: Option<&Scope<'_>>,
    ) -> Option<Local<'a>> {
        match self.param_type(&param.ty, module) {
            ParamType::Scalar(ty) => self.bind_scalar(param, module, given, &ty, scope),
            ParamType::Set(entity) => self.bind_set(param, given, entity, entities, role),
            ParamType::Embedding(entity) => {
                let entity = self.entity_of(&entity, entities, &given)?;
                self.embedding(given.expr, &given.env, entity).map(Local::Embedding)
            }
            ParamType::Model(_) => Some(Local::Model { name: given.expr, env: given.env }),
            ParamType::Edge(from, to) => self.bind_edge(&given, &from, &to, entities),
            ParamType::Error => None,
        }
    }

    /// An edge between the two ends of a signature; a variable that stands for nothing yet stands
    /// for that end of the edge from now on.
    fn bind_edge(
        &mut self,
        given: &Given<'a>,
        from: &Entity,
        to: &Entity,
        entities: &mut HashMap<String, EntityId>,
    ) -> Option<Local<'a>> {
        let known = |end: &Entity, entities: &HashMap<String, EntityId>| match end {
            Entity::Any(variable) => entities.contains_key(variable),
            _ => true,
        };
        let edge = if known(from, entities) {
            let from = self.entity_of(from, entities, given)?;
            self.edge_from(given.expr, &given.env, from)?
        } else {
            let wanted = match known(to, entities) {
                true => Wanted::To(self.entity_of(to, entities, given)?),
                false => Wanted::Any,
            };
            self.edge(given.expr, &given.env, wanted)?
        };
        for (end, found) in [(from, edge.from), (to, edge.to)] {
            if let Entity::Any(variable) = end {
                entities.entry(variable.clone()).or_insert(found);
            }
            let want = self.entity_of(end, entities, given)?;
            if want != found {
                return self.wrong_end(&edge, want, given.expr.span);
            }
        }
        Some(Local::Edge(edge))
    }

    fn wrong_end<T>(&mut self, edge: &EdgeExpr, want: EntityId, span: Span) -> Option<T> {
        let (a, b) = (self.entity_name(edge.from), self.entity_name(edge.to));
        let want = self.entity_name(want);
        let message = format!(
            "edge `{}` goes from `{a}` to `{b}`; one with the end `{want}` is needed",
            edge.name
        );
        self.refuse(Diagnostic::new(code::E0301, span, message))
    }

    fn entity_of(
        &mut self,
        entity: &Entity,
        bound: &HashMap<String, EntityId>,
        given: &Given<'a>,
    ) -> Option<EntityId> {
        match entity {
            Entity::Known(entity) => Some(*entity),
            Entity::Any(variable) => bound.get(variable).copied(),
            Entity::Missing(name) => {
                let message = format!("the catalog has no entity `{name}`");
                self.refuse(Diagnostic::new(code::E0403, given.expr.span, message))
            }
        }
    }

    fn bind_set(
        &mut self,
        param: &'a Param,
        given: Given<'a>,
        want: Entity,
        entities: &mut HashMap<String, EntityId>,
        role: Role,
    ) -> Option<Local<'a>> {
        let Given { expr, env, .. } = given;
        let node = self.set(expr, &env, role)?;
        let found = self.graph.shape(node).entity;
        let wanted = match &want {
            Entity::Known(entity) => *entity,
            Entity::Any(variable) => *entities.entry(variable.clone()).or_insert(found),
            Entity::Missing(name) => {
                let param = &param.name.text;
                let message =
                    format!("the catalog has no entity `{name}`, of which `{param}` is a set");
                return self.refuse(Diagnostic::new(code::E0403, expr.span, message));
            }
        };
        if wanted == found {
            return Some(Local::Thunk { expr, env, checked: true });
        }
        let (wanted, found) = (self.entity_name(wanted), self.entity_name(found));
        let message = format!("expected a set of `{wanted}`, found a set of `{found}`");
        self.refuse(
            Diagnostic::new(code::E0301, expr.span, message).label(param.span, "declared here"),
        )
    }

    /// A scalar argument; for an `int` also `all` and `auto`.
    fn bind_scalar(
        &mut self,
        param: &'a Param,
        module: usize,
        given: Given<'a>,
        ty: &Type,
        scope: Option<&Scope<'_>>,
    ) -> Option<Local<'a>> {
        if *ty == Type::Int
            && let Some(quantity) = self.quantity_word(given.expr, &given.env)
        {
            return quantity;
        }
        let request = Scope::request();
        let value = self.typed(given.expr, &given.env, scope.unwrap_or(&request), ty);
        if value.is_error() {
            return None;
        }
        if let Some(range) = &param.range {
            let places = (given.expr.span, param.span);
            self.check_range(&param.name.text, range, module, &value, places)?;
        }
        let origin = self.origin(given.expr, &given.env);
        self.written.origins.insert(param.name.text.as_ptr() as usize, origin);
        Some(Local::Scalar(value))
    }

    /// `all`, `auto` or `auto(n)`, or a name that was bound to one of these.
    pub(in crate::check) fn quantity_word(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
    ) -> Option<Option<Local<'a>>> {
        match &expr.kind {
            ExprKind::Name(name) => match env.find(name) {
                Some(local @ (Local::All | Local::Auto(_))) => Some(Some(local.clone())),
                Some(Local::Thunk { expr: inner, env, .. }) if bare_name(inner) != Some(name) => {
                    let (inner, env) = (*inner, env.clone());
                    self.quantity_word(inner, &env)
                }
                Some(_) => None,
                None if name == "all" => Some(Some(Local::All)),
                None if name == "auto" => Some(Some(Local::Auto(None))),
                None => None,
            },
            ExprKind::Call { callee, args }
                if callee.text == "auto" && env.find("auto").is_none() =>
            {
                Some(self.auto_with(args, expr.span, env))
            }
            _ => None,
        }
    }

    /// `auto(n)`
    fn auto_with(&mut self, args: &'a [Arg], span: Span, env: &Env<'a>) -> Option<Local<'a>> {
        let [arg] = args else {
            let help =
                "write `auto(30)`: 30 is the default if nothing downstream asks for a number";
            let message = "`auto` takes one number";
            return self.refuse(Diagnostic::new(code::E0303, span, message).help(help));
        };
        let number = self.constant_number(&arg.value, env)?;
        Some(Local::Auto(Some(number.max(1.0) as u64)))
    }

    /// Reports a constant outside of the range of a parameter; what the request decides is noted,
    /// to be looked at when it comes. `places` are those of the value and of the declaration.
    pub(in crate::check) fn check_range(
        &mut self,
        name: &str,
        range: &'a ast::Range,
        module: usize,
        value: &Expr,
        (span, declared): (Span, Span),
    ) -> Option<()> {
        let low = self.end_of_range(&range.low, module, &value.ty)?;
        let high = self.end_of_range(&range.high, module, &value.ty)?;
        let (name, value) = (name.to_owned(), value.clone());
        let wanted = InRange { name, value, low, high };
        match number_of(&wanted.value) {
            Some(number) if (low..=high).contains(&number) => {}
            Some(number) => {
                let message = wanted.message(number);
                let help = format!("give a number from {low:?} to {high:?}");
                return self.refuse(
                    Diagnostic::new(code::E0306, span, message)
                        .label(declared, "declared here")
                        .help(help),
                );
            }
            None => self.note_range(wanted),
        }
        Some(())
    }

    fn end_of_range(&mut self, end: &'a ast::Expr, module: usize, ty: &Type) -> Option<f64> {
        let typed = self.typed(end, &Env::top(module), &Scope::request(), ty);
        let number = number_of(&typed);
        if number.is_none() && !typed.is_error() {
            let message = "the ends of a range are constant numbers or durations";
            self.report(Diagnostic::new(code::E0314, end.span, message));
        }
        number
    }

    /// A range for what the request decides.
    fn note_range(&mut self, wanted: InRange) {
        let decided = wanted.value.level == Level::Request && wanted.value.sets().is_empty();
        if decided && !self.inputs.ranges.contains(&wanted) {
            self.inputs.ranges.push(wanted);
        }
    }
}

/// A constant number or duration.
fn number_of(value: &Expr) -> Option<f64> {
    match value.as_const() {
        Some(Scalar::F64(x)) => Some(*x),
        Some(Scalar::I64(i)) => Some(*i as f64),
        _ => None,
    }
}
