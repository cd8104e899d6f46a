//! Names that are defined twice, and names that no file may define.

use super::Checker;
use super::modules::{Kind, Module, named};
use crate::diag::{Diagnostic, code};
use crate::source::Span;
use crate::syntax::ast::{self, Item, ItemKind, Param};
use foldhash::HashMap;

impl<'a> Checker<'a> {
    /// Parameters of one name in one signature.
    fn repeated_params(&mut self, item: &Item) {
        let params = params_of(item);
        for (i, param) in params.iter().enumerate() {
            let name = &param.name;
            if let Some(first) = params[..i].iter().find(|p| p.name.text == name.text) {
                let message = format!("duplicate parameter `{}`", name.text);
                self.report(
                    Diagnostic::new(code::E0208, name.span, message)
                        .label(first.name.span, "first defined here")
                        .help("rename one of the two, or remove it"),
                );
            }
        }
    }

    /// Names that a file defines twice, and names that no file may define.
    pub(super) fn duplicates(&mut self, module: &'a Module) {
        let mut first: HashMap<(Kind, &str, Option<String>), &'a Item> = HashMap::default();
        for item in &module.file.items {
            self.repeated_params(item);
            let Some((kind, name)) = named(item) else {
                continue;
            };
            self.reserved_name(kind, name, name_span(item));
            let key = (kind, name, entity_of(item));
            let is_experiment = |item: &Item| matches!(item.kind, ItemKind::Experiment { .. });
            if let Some(before) = first.get(&key) {
                if is_experiment(before) && is_experiment(item) {
                    // E0804, whatever the files
                    continue;
                }
                let message = format!("`{name}` is defined twice");
                self.report(
                    Diagnostic::new(code::E0208, name_span(item), message)
                        .label(name_span(before), "first defined here")
                        .help("rename one of the two, or remove it"),
                );
            } else {
                first.insert(key, item);
            }
        }
    }

    /// Names that no file may define.
    fn reserved_name(&mut self, kind: Kind, name: &str, span: Span) {
        let is_operator = || self.modules.vocabulary.operator(name).is_some();
        let what = match kind {
            Kind::Callable if is_operator() => "an operator",
            Kind::Rest if name == "user" => "the requesting user",
            _ => return,
        };
        let message = format!("`{name}` is {what} and cannot be redefined");
        self.report(Diagnostic::new(code::E0212, span, message).help("choose another name"));
    }
}

/// The parameters of an item that has some.
fn params_of(item: &Item) -> &[Param] {
    match &item.kind {
        ItemKind::Def { params, .. } | ItemKind::Query { params, .. } => params,
        ItemKind::Value(def) | ItemKind::Policy(def) => &def.params,
        _ => &[],
    }
}

/// The entity that tells items of one name apart.
fn entity_of(item: &Item) -> Option<String> {
    match &item.kind {
        ItemKind::Embedding { entities, .. } => {
            Some(entities.iter().map(|e| e.text.as_str()).collect::<Vec<_>>().join(","))
        }
        ItemKind::Model { entity, .. } => Some(entity.text.clone()),
        ItemKind::Value(def) | ItemKind::Policy(def) => def.entity.as_ref().map(|e| e.text.clone()),
        ItemKind::Def { params, .. } => match params.first().map(|p| &p.ty.kind) {
            Some(ast::TypeExprKind::Named { args, .. }) => match args.first().map(|a| &a.kind) {
                Some(ast::TypeExprKind::Named { name, .. }) => Some(name.text.clone()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn name_span(item: &Item) -> crate::source::Span {
    match &item.kind {
        ItemKind::Edge(edge) => edge.name.span,
        ItemKind::Value(def) | ItemKind::Policy(def) => def.name.span,
        ItemKind::Embedding { name, .. }
        | ItemKind::Model { name, .. }
        | ItemKind::Def { name, .. }
        | ItemKind::Query { name, .. }
        | ItemKind::Param { name, .. }
        | ItemKind::Tunable { name, .. }
        | ItemKind::Experiment { name, .. }
        | ItemKind::Binding { name, .. } => name.span,
        _ => item.span,
    }
}
