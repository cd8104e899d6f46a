//! `in`, of a list and of a candidate set.

use crate::check::Checker;
use crate::check::env::{Env, Scope};
use crate::diag::{Diagnostic, code};
use crate::expr::ir::{Expr, Kind};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};
use crate::types::Type;

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
        let found = self.scalar(value, env, scope, None);
        let test = if self.is_set(set, env) {
            self.in_set(found, value.span, set, env)
        } else {
            let wanted = Type::List(Box::new(found.ty.clone()));
            let wanted = (!matches!(found.ty, Type::List(_))).then_some(&wanted);
            let list = self.scalar(set, env, scope, wanted);
            let turned = match &set.kind {
                ExprKind::List(items) if matches!(found.ty, Type::List(_)) && items.len() == 1 => {
                    let printed = crate::syntax::print_expression;
                    let (item, list) = (printed(&items[0]), printed(value));
                    Some(format!(
                        "the list comes after `in`: write `{item} in {list}`"
                    ))
                }
                _ => None,
            };
            self.in_list(found, list, span, set.span, turned)
        };
        if negated {
            self.apply("not", vec![test], span)
        } else {
            test
        }
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
            let message = format!(
                "`in` needs a list or a candidate set, found {}",
                self.type_name(&list.ty)
            );
            self.report(
                Diagnostic::new(code::E0302, list_span, message).help("write `x in [a, b]`"),
            );
            return Expr::error();
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
        self.report(Diagnostic::new(code::E0309, span, message).maybe_help(help));
        Expr::error()
    }

    fn in_set(&mut self, id: Expr, id_span: Span, set: &'a ast::Expr, env: &Env<'a>) -> Expr {
        let Some(node) = self.set(set, env, crate::ops::Role::Fact) else {
            return Expr::error();
        };
        let entity = self.graph.shape(node).entity;
        let want = Type::Id(entity);
        let ty = id.ty.clone();
        if id.is_error() {
            return id;
        }
        match self.convert(id, &want) {
            Some(id) => Expr::new(Kind::InSet { id, set: node }, Type::Bool),
            None => {
                let (x, name) = (self.type_name(&ty), self.entity_name(entity));
                let message = format!("{x} cannot be in a set of `{name}`");
                let reference = match ty {
                    Type::Id(from) => self
                        .schema
                        .entity(from)
                        .references
                        .iter()
                        .find(|reference| reference.entity == entity),
                    _ => None,
                };
                let help = match reference {
                    Some(reference) => format!("write `{} in ...`", reference.name),
                    None => format!("only ids of `{name}` can be in it"),
                };
                self.report(
                    Diagnostic::new(code::E0309, id_span.to(set.span), message)
                        .label(set.span, format!("this is a set of `{name}`"))
                        .label(id_span, format!("this is {x}"))
                        .help(help),
                );
                Expr::error()
            }
        }
    }
}
