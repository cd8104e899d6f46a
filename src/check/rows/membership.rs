//! `in`, of a list and of a candidate set.

use crate::check::Checker;
use crate::check::env::{Env, Scope};
use crate::diag::{Diagnostic, code};
use crate::expr::ir::{Expr, Kind};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};
use crate::types::{EntityId, Type};

impl<'a> Checker<'a> {
    pub(super) fn membership(
        &mut self,
        value: &'a ast::Expr,
        set: &'a ast::Expr,
        negated: bool,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        let span = value.span.to(set.span);
        let test = match self.arm_membership(value, set, env, scope) {
            Some(test) => test,
            None => self.plain_membership(value, set, env, scope),
        };
        match negated {
            true => self.apply("not", vec![test], span),
            false => test,
        }
    }

    fn plain_membership(
        &mut self,
        value: &'a ast::Expr,
        set: &'a ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        let found = self.scalar(value, env, scope, None);
        if self.is_set(set, env) {
            return self.in_set(found, value.span, set, env);
        }
        let is_list = matches!(found.ty, Type::List(_));
        let wanted = Type::List(Box::new(found.ty.clone()));
        let list = self.scalar(set, env, scope, (!is_list).then_some(&wanted));
        let turned = is_list.then(|| list_first(value, set)).flatten();
        self.in_list(found, list, value.span.to(set.span), set.span, turned)
    }

    fn in_list(
        &mut self,
        value: Expr,
        list: Expr,
        span: Span,
        list_span: Span,
        help: Option<String>,
    ) -> Expr {
        if value.is_error() || list.is_error() {
            return Expr::error();
        }
        let Type::List(item) = &list.ty else {
            let found = self.type_name(&list.ty);
            let message = format!("`in` needs a list or a candidate set, found {found}");
            let diagnostic = Diagnostic::new(code::E0302, list_span, message);
            return self.refuse_value(diagnostic.help("write `x in [a, b]`"));
        };
        let item = (**item).clone();
        if item.is_open() || item == value.ty || value.ty.is_open() {
            return self.apply("in", vec![value, list], span);
        }
        if let Some(value) = self.convert(value.clone(), &item) {
            return self.apply("in", vec![value, list], span);
        }
        let (x, y) = (self.type_name(&value.ty), self.type_name(&item));
        let message = format!("{x} cannot be in a list of {y}");
        self.refuse_value(Diagnostic::new(code::E0309, span, message).maybe_help(help))
    }

    fn in_set(&mut self, id: Expr, id_span: Span, set: &'a ast::Expr, env: &Env<'a>) -> Expr {
        let Some(node) = self.set(set, env, crate::ops::Role::Fact) else {
            return Expr::error();
        };
        let entity = self.graph.shape(node).entity;
        let ty = id.ty.clone();
        if id.is_error() {
            return id;
        }
        match self.convert(id, &Type::Id(entity)) {
            Some(id) => Expr::new(Kind::InSet { id, set: node }, Type::Bool),
            None => self.not_in_set(&ty, id_span, entity, set.span),
        }
    }

    /// A value of a type that cannot be in a set of an entity.
    fn not_in_set(&mut self, ty: &Type, span: Span, entity: EntityId, set: Span) -> Expr {
        let (x, name) = (self.type_name(ty), self.entity_name(entity));
        let references = match ty {
            Type::Id(from) => &self.schema.entity(*from).references[..],
            _ => &[],
        };
        let help = match references.iter().find(|reference| reference.entity == entity) {
            Some(reference) => format!("write `{} in ...`", reference.name),
            None => format!("only ids of `{name}` can be in it"),
        };
        let message = format!("{x} cannot be in a set of `{name}`");
        self.refuse_value(
            Diagnostic::new(code::E0309, span.to(set), message)
                .label(set, format!("this is a set of `{name}`"))
                .label(span, format!("this is {x}"))
                .help(help),
        )
    }
}

/// What was meant by a list before `in`.
fn list_first(list: &ast::Expr, item: &ast::Expr) -> Option<String> {
    let ExprKind::List(items) = &item.kind else {
        return None;
    };
    let [item] = &items[..] else { return None };
    let printed = crate::syntax::print_expression;
    let (item, list) = (printed(item), printed(list));
    Some(format!("the list comes after `in`: write `{item} in {list}`"))
}
