//! Which definitions have a name, and which of them takes what it is called on.

use super::{Callable, MAIN};
use crate::check::Checker;
use crate::check::modules::{Kind, Tier};
use crate::check::typing::{Entity, ParamType};
use crate::diag::{Diagnostic, code};
use crate::syntax::ast::{self, ItemKind, Name};
use crate::types::EntityId;

impl<'a> Checker<'a> {
    /// Definitions of that name in the nearest file that has one.
    pub(in crate::check) fn callables(&mut self, name: &str, module: usize) -> Vec<Callable<'a>> {
        let modules = self.modules;
        let mut found: Vec<Callable<'a>> = Vec::new();
        for (number, item) in modules.find(module, Kind::Callable, name) {
            if found.last().is_some_and(|nearer| nearer.module != number) {
                break;
            }
            self.mark_used(item);
            found.extend(callable(item, number));
        }
        found
    }

    pub(in crate::check) fn callable_names(&self, module: usize) -> Vec<&'a str> {
        self.modules.names(module, Kind::Callable).collect()
    }

    /// The definition whose first parameter is a set of that entity.
    pub(super) fn overload(
        &mut self,
        name: &Name,
        candidates: &[Callable<'a>],
        entity: Option<EntityId>,
    ) -> Option<Callable<'a>> {
        let Some(entity) = entity else {
            return candidates.first().copied();
        };
        let mut generic = None;
        let mut takes = Vec::new();
        for def in candidates {
            match self.first_param(def) {
                Some(ParamType::Set(Entity::Known(known))) if known == entity => return Some(*def),
                Some(ParamType::Set(Entity::Any(_))) => generic = generic.or(Some(*def)),
                Some(ParamType::Set(Entity::Known(known))) => {
                    takes.push((self.entity_name(known).to_owned(), *def));
                }
                Some(ParamType::Set(Entity::Missing(missing))) => takes.push((missing, *def)),
                Some(ParamType::Error) => {
                    self.report_signature(def);
                    return None;
                }
                _ => {}
            }
        }
        if generic.is_none() {
            self.wrong_receiver(name, entity, &takes);
        }
        generic
    }

    /// The type of a definition's first parameter.
    fn first_param(&mut self, def: &Callable<'a>) -> Option<ParamType> {
        let first = def.params.first()?;
        Some(self.param_type(&first.ty, def.module))
    }

    /// Reports what is wrong with a signature behind its first parameter.
    fn report_signature(&mut self, def: &Callable<'a>) {
        let rest = def.params.iter().skip(1).map(|p| &p.ty);
        for ty in rest.chain(def.result) {
            self.param_type(ty, def.module);
        }
    }

    fn wrong_receiver(&mut self, name: &Name, entity: EntityId, takes: &[(String, Callable<'a>)]) {
        let found = self.entity_name(entity);
        let Some((first, def)) = takes.first() else {
            let message = format!("`{}` does not follow a set", name.text);
            let help = format!("call it as `{}(...)`", name.text);
            return self.report(Diagnostic::new(code::E0301, name.span, message).help(help));
        };
        let wanted: Vec<String> = takes.iter().map(|(entity, _)| format!("`{entity}`")).collect();
        let message = format!(
            "`{}` applies to a set of {}, but this is a set of `{found}`",
            name.text,
            wanted.join(" or ")
        );
        let (code, help) = if self.find_entity(first).is_none() {
            (code::E0403, format!("the catalog has no entity `{first}`"))
        } else {
            let mut follow = self.callables_of(entity);
            follow.retain(|other| *other != name.text);
            let help = format!("what follows a set of `{found}`: {}", follow.join(", "));
            (code::E0301, help)
        };
        let label = format!("`{}` is defined here", name.text);
        self.report(
            Diagnostic::new(code, name.span, message).label(def.name.span, label).help(help),
        );
    }

    /// Names of definitions that can be used: those of the standard library where the catalog has what
    /// they need.
    pub(in crate::check) fn usable_names(&mut self, module: usize) -> Vec<&'a str> {
        let modules = self.modules;
        let mut names = Vec::new();
        for m in modules.order(module) {
            for (name, item) in modules.all[m].all(Kind::Callable) {
                if modules.all[m].tier < Tier::Std || self.works(item, m) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// Whether a definition can be read with the catalog: nothing is reported or kept of it.
    fn works(&mut self, item: &'a ast::Item, module: usize) -> bool {
        let ItemKind::Def { params, body, result, .. } = &item.kind else {
            return true;
        };
        let sink = std::mem::take(&mut self.sink);
        let memo = std::mem::take(&mut self.sets.known);
        let readings = std::mem::take(&mut self.readings);
        let used = self.notes.used.clone();
        self.unused_def(params, body, result.as_ref(), module);
        self.notes.used = used;
        self.readings = readings;
        self.sets.known = memo;
        !std::mem::replace(&mut self.sink, sink).has_errors()
    }

    /// Names of definitions that the program sees and that follow a set of the entity.
    pub(in crate::check) fn callables_of(&mut self, entity: EntityId) -> Vec<&'a str> {
        let modules = self.modules;
        let mut names = Vec::new();
        for m in modules.order(0) {
            for (name, item) in modules.all[m].all(Kind::Callable) {
                let Some(def) = callable(item, m) else {
                    continue;
                };
                let first = def.params.first().map(|p| self.param_type(&p.ty, m));
                if let Some(ParamType::Set(set)) = first
                    && set.accepts(entity)
                    && (modules.all[m].tier < Tier::Std || self.works(item, m))
                {
                    names.push(name);
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }
}

pub(super) fn callable(item: &ast::Item, module: usize) -> Option<Callable<'_>> {
    let (name, params, result, body, query) = match &item.kind {
        ItemKind::Def { name, params, result, body } => {
            (name, &params[..], result.as_ref(), body, false)
        }
        ItemKind::Query { name, params, body } => (name, &params[..], None, body, true),
        ItemKind::Expr(body) => (&*MAIN, &[][..], None, body, true),
        _ => return None,
    };
    Some(Callable { name, params, result, body, module, query })
}
