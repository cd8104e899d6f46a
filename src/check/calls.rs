//! Calls of definitions, queries, values and policies: arguments to parameters, bodies in place.

use super::edges::Wanted;
use super::env::{Env, Local, Scope};
use super::modules::{Kind, Tier};
use super::typing::{Entity, ParamType};
use super::{Checker, InRange, address, bare_name};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::NodeId;
use crate::expr::ir::{Expr, Level, Scalar};
use crate::ops::Role;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ExprKind, ItemKind, Name, Param, RowDef, TypeExpr};
use crate::types::{EntityId, Type};
use foldhash::HashMap;
use std::sync::LazyLock;

/// A definition that can be called: `def` or `query`.
#[derive(Clone, Copy)]
pub struct Callable<'a> {
    pub name: &'a Name,
    pub params: &'a [Param],
    pub result: Option<&'a TypeExpr>,
    pub body: &'a ast::Expr,
    pub module: usize,
    /// A `query`, not a `def`.
    pub query: bool,
}

/// An argument as it was written, and where it is read.
#[derive(Clone)]
pub struct Given<'a> {
    pub name: Option<&'a Name>,
    pub expr: &'a ast::Expr,
    pub env: Env<'a>,
}

/// What the parameters of a definition were bound to.
struct Bindings<'a> {
    env: Env<'a>,
    /// What the entity variables of the signature stand for.
    entities: HashMap<String, EntityId>,
    ok: bool,
}

impl<'a> Checker<'a> {
    /// Definitions of that name in the nearest file that has one.
    pub(super) fn callables(&mut self, name: &str, module: usize) -> Vec<Callable<'a>> {
        let modules = self.modules;
        for number in modules.order(module) {
            let mut found = Vec::new();
            for item in modules.all[number].find(Kind::Callable, name) {
                self.mark_used(item);
                found.extend(callable(item, number));
            }
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    pub(super) fn callable_names(&self, module: usize) -> Vec<&'a str> {
        let order = self.modules.order(module);
        order
            .flat_map(|m| self.modules.all[m].all(Kind::Callable))
            .map(|(name, _)| name)
            .collect()
    }

    /// A call whose result is a candidate set. `receiver` is what stands before the point.
    pub(super) fn call_set(
        &mut self,
        name: &'a Name,
        meant: &str,
        receiver: Option<(&'a ast::Expr, NodeId)>,
        args: &'a [Arg],
        env: &Env<'a>,
        role: Role,
    ) -> Option<NodeId> {
        let (def, bindings) = self.bind_def(name, meant, receiver, args, env, role)?;
        if !bindings.ok {
            return self.declared_set(&def, &bindings);
        }
        let role = if self.testing && def.query {
            Role::Source
        } else {
            role
        };
        let key = self.call_key(def.body, def.params, &bindings.env, role, None);
        let node = self.read_set(key, &bindings.env, |this| {
            this.once("def", &name.text, address(def.body), name.span, |this| {
                this.within(&name.text, name.span, |this| {
                    this.set(def.body, &bindings.env, role)
                })
            })
        });
        let Some(node) = node else {
            return self.declared_set(&def, &bindings);
        };
        self.check_result(&def, node, &bindings)?;
        Some(node)
    }

    /// The body of a definition with its arguments bound, to be read by the caller.
    pub(super) fn called_expr(
        &mut self,
        name: &'a Name,
        receiver: Option<(&'a ast::Expr, NodeId)>,
        args: &'a [Arg],
        env: &Env<'a>,
    ) -> Option<(&'a ast::Expr, Env<'a>)> {
        let role = Role::Source;
        let (def, bindings) = self.bind_def(name, &name.text, receiver, args, env, role)?;
        bindings.ok.then_some((def.body, bindings.env))
    }

    /// After a mistake in the arguments or the body: some set of the entity that the definition is
    /// declared to give, so that what follows can be checked.
    fn declared_set(&mut self, def: &Callable<'a>, bindings: &Bindings<'a>) -> Option<NodeId> {
        match self.param_type(def.result?, def.module) {
            ParamType::Set(Entity::Known(entity)) => Some(self.everything(entity)),
            ParamType::Set(Entity::Any(variable)) => {
                let entity = *bindings.entities.get(&variable)?;
                Some(self.everything(entity))
            }
            _ => None,
        }
    }

    /// A declared result type has to be what the body gives.
    fn check_result(
        &mut self,
        def: &Callable<'a>,
        node: NodeId,
        bindings: &Bindings<'a>,
    ) -> Option<()> {
        let Some(result) = def.result else {
            return Some(());
        };
        let ParamType::Set(entity) = self.param_type(result, def.module) else {
            return Some(());
        };
        let found = self.graph.shape(node).entity;
        let want = match entity {
            Entity::Known(entity) => entity,
            Entity::Any(variable) => match bindings.entities.get(&variable) {
                Some(&entity) => entity,
                None => return Some(()),
            },
            Entity::Missing(_) => return Some(()),
        };
        if want != found {
            let (want, found) = (self.entity_name(want), self.entity_name(found));
            let message = format!(
                "`{}` is declared to give a set of `{want}`, but gives one of `{found}`",
                def.name.text
            );
            self.report(
                Diagnostic::new(code::E0301, result.span, message)
                    .label(def.body.span, format!("this is a set of `{found}`"))
                    .help(format!(
                        "declare `-> set[{found}]`, or change what it gives"
                    )),
            );
            return None;
        }
        Some(())
    }

    /// Picks the definition for the receiver's entity and binds the arguments.
    fn bind_def(
        &mut self,
        name: &'a Name,
        meant: &str,
        receiver: Option<(&'a ast::Expr, NodeId)>,
        args: &'a [Arg],
        env: &Env<'a>,
        role: Role,
    ) -> Option<(Callable<'a>, Bindings<'a>)> {
        let candidates = self.callables(meant, env.module);
        let mut given: Vec<Given<'a>> = Vec::new();
        given.extend(receiver.map(|(expr, _)| Given {
            name: None,
            expr,
            env: env.clone(),
        }));
        given.extend(given_args(args, env));
        let entity = match (receiver, given.first()) {
            (Some((_, node)), _) => Some(self.graph.shape(node).entity),
            (None, Some(first)) if candidates.len() > 1 && self.is_set(first.expr, env) => {
                let node = self.set(first.expr, env, role)?;
                Some(self.graph.shape(node).entity)
            }
            _ => None,
        };
        let def = self.overload(name, &candidates, entity)?;
        let bindings = self.bind(&def, name, given, role, None);
        Some((def, bindings))
    }

    /// The definition whose first parameter is a set of that entity.
    fn overload(
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
            match def
                .params
                .first()
                .map(|p| self.param_type(&p.ty, def.module))
            {
                Some(ParamType::Set(Entity::Known(known))) if known == entity => return Some(*def),
                Some(ParamType::Set(Entity::Any(_))) => generic = generic.or(Some(*def)),
                Some(ParamType::Set(Entity::Known(known))) => {
                    takes.push((self.entity_name(known).to_owned(), *def))
                }
                Some(ParamType::Set(Entity::Missing(missing))) => takes.push((missing, *def)),
                Some(ParamType::Error) => {
                    // reported; so is what else is wrong with the signature
                    let rest = def.params.iter().skip(1).map(|p| &p.ty);
                    rest.chain(def.result).for_each(|ty| {
                        self.param_type(ty, def.module);
                    });
                    return None;
                }
                _ => {}
            }
        }
        if generic.is_some() {
            return generic;
        }
        self.wrong_receiver(name, entity, &takes);
        None
    }

    fn wrong_receiver(&mut self, name: &Name, entity: EntityId, takes: &[(String, Callable<'a>)]) {
        let found = self.entity_name(entity);
        let names: Vec<String> = takes
            .iter()
            .map(|(entity, _)| format!("`{entity}`"))
            .collect();
        let Some((first, def)) = takes.first() else {
            let message = format!("`{}` does not follow a set", name.text);
            let help = format!("call it as `{}(...)`", name.text);
            return self.report(Diagnostic::new(code::E0301, name.span, message).help(help));
        };
        let message = format!(
            "`{}` follows a set of {}, this is a set of `{found}`",
            name.text,
            names.join(" or ")
        );
        let missing = self.find_entity(first).is_none();
        let help = if missing {
            format!("the catalog has no entity `{first}`")
        } else {
            let near = self.callables_of(entity);
            let near = near
                .iter()
                .filter(|n| **n != name.text)
                .copied()
                .collect::<Vec<_>>()
                .join(", ");
            format!("what follows a set of `{found}`: {near}")
        };
        let code = if missing { code::E0403 } else { code::E0301 };
        let label = format!("`{}` is defined here", name.text);
        self.report(
            Diagnostic::new(code, name.span, message)
                .label(def.name.span, label)
                .help(help),
        );
    }

    /// Names of definitions that can be used: those of the standard library where the catalog has what
    /// they need.
    pub(super) fn usable_names(&mut self, module: usize) -> Vec<&'a str> {
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
        let ItemKind::Def {
            params,
            body,
            result,
            ..
        } = &item.kind
        else {
            return true;
        };
        let sink = std::mem::take(&mut self.sink);
        let memo = std::mem::take(&mut self.memo);
        let readings = std::mem::take(&mut self.readings);
        let used = self.used.clone();
        self.unused_def(params, body, result.as_ref(), module);
        self.used = used;
        self.readings = readings;
        self.memo = memo;
        !std::mem::replace(&mut self.sink, sink).has_errors()
    }

    /// Names of definitions that the program sees and that follow a set of the entity.
    pub(super) fn callables_of(&mut self, entity: EntityId) -> Vec<&'a str> {
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

    /// Binds arguments to parameters: positional, then named, then defaults.
    fn bind(
        &mut self,
        def: &Callable<'a>,
        name: &Name,
        given: Vec<Given<'a>>,
        role: Role,
        scope: Option<&Scope<'_>>,
    ) -> Bindings<'a> {
        // without parameters, all calls are one
        let env = match (def.params, given.first()) {
            ([], _) => Env::top(def.module),
            (_, first) => Env::called(def.module, name.span, first.map(|given| &given.env)),
        };
        let (slots, ok) = self.match_arguments(def.params, &name.text, name.span, given);
        let left_out = def.params.iter().zip(&slots);
        let left_out: Vec<&Param> = left_out
            .filter(|(param, slot)| slot.is_none() && param.default.is_none())
            .map(|(param, _)| param)
            .collect();
        if ok && !left_out.is_empty() {
            self.missing_arguments(name, &left_out);
        }
        let mut bindings = Bindings {
            env,
            entities: HashMap::default(),
            ok,
        };
        for (param, slot) in def.params.iter().zip(slots) {
            let is_default = slot.is_none();
            let given = slot.or_else(|| default_of(param, def.module));
            let Some(given) = given else {
                bindings.ok = false;
                continue;
            };
            let entities = &mut bindings.entities;
            let bound = if is_default {
                // what is wrong with a default is wrong where the definition is used
                self.within(&name.text, name.span, |this| {
                    this.bind_param(param, def.module, given, entities, role, scope)
                })
            } else {
                self.bind_param(param, def.module, given, entities, role, scope)
            };
            match bound {
                Some(local) => bindings.env = bindings.env.with(&param.name.text, local),
                None => bindings.ok = false,
            }
        }
        bindings
    }

    /// One message for all arguments that a call leaves out.
    fn missing_arguments(&mut self, name: &Name, params: &[&Param]) {
        if self.follows_lost_expression(name.span) {
            return;
        }
        let names: Vec<String> = params
            .iter()
            .map(|param| format!("`{}`", param.name.text))
            .collect();
        let given: Vec<String> = params
            .iter()
            .map(|param| format!("{}=...", param.name.text))
            .collect();
        let message = format!("`{}` needs {}", name.text, names.join(" and "));
        let mut diagnostic = Diagnostic::new(code::E0303, name.span, message)
            .help(format!("add `{}`", given.join(", ")));
        for param in params {
            diagnostic = diagnostic.label(param.span, "declared here without a default");
        }
        self.report(diagnostic);
    }

    /// Whether a call begins the line after an expression that stands alone, which is reported: then
    /// it lacks the point before it, and no argument.
    fn follows_lost_expression(&self, span: Span) -> bool {
        let is_expression = |item: &ast::Item| matches!(item.kind, ItemKind::Expr(_));
        let items = &self.modules.all[0].file.items;
        items.windows(2).any(|pair| {
            pair[1].span.source == span.source
                && pair[1].span.start == span.start
                && pair.iter().all(is_expression)
        })
    }

    /// Which argument goes to which parameter; reports those that go nowhere.
    fn match_arguments(
        &mut self,
        params: &'a [Param],
        name: &str,
        span: Span,
        given: Vec<Given<'a>>,
    ) -> (Vec<Option<Given<'a>>>, bool) {
        let mut slots: Vec<Option<Given<'a>>> = vec![None; params.len()];
        let mut ok = true;
        // what stands before the point is no argument in brackets
        let is_receiver = |g: &Given<'a>| g.name.is_none() && g.expr.span.start < span.start;
        let inside = &params[given.first().is_some_and(is_receiver) as usize..];
        let mut named = 0;
        for (i, arg) in given.into_iter().enumerate() {
            if arg.name.is_none() && named > 0 {
                self.late_position(arg.expr.span);
                ok = false;
            }
            named += usize::from(arg.name.is_some());
            let place = match arg.name {
                None => Some(i - named).filter(|&i| i < params.len()),
                Some(n) => params.iter().position(|p| p.name.text == n.text),
            };
            let at = arg.name.map_or(arg.expr.span, |n| n.span);
            match place {
                Some(place) if slots[place].is_none() => slots[place] = Some(arg),
                Some(place) => {
                    let message = format!("`{}` is given twice", params[place].name.text);
                    let help = "keep one of the two";
                    self.report(Diagnostic::new(code::E0305, at, message).help(help));
                    ok = false;
                }
                None => {
                    self.stray_argument(inside, name, span, &arg);
                    ok = false;
                }
            }
        }
        (slots, ok)
    }

    /// Reports a positional argument behind a named one; it is read as if it stood before.
    pub(super) fn late_position(&mut self, span: Span) {
        let message = "a positional argument stands behind a named one";
        let help = "give it its name, or put it before those with names";
        self.report(Diagnostic::new(code::E0307, span, message).help(help));
    }

    fn stray_argument(&mut self, params: &[Param], name: &str, span: Span, arg: &Given<'a>) {
        let names: Vec<&str> = params.iter().map(|p| p.name.text.as_str()).collect();
        let Some(given) = arg.name else {
            let message = match params.len() {
                0 => format!("`{name}` takes no arguments"),
                1 => format!("`{name}` takes one argument"),
                n => format!("`{name}` takes {n} arguments"),
            };
            let help = match params.len() {
                0 => format!("write `{name}()`"),
                _ => format!("its parameters are {}", names.join(", ")),
            };
            return self.report(
                Diagnostic::new(code::E0307, arg.expr.span, message)
                    .label(span, "in this call")
                    .help(help),
            );
        };
        let near = suggest::nearest(&given.text, names.iter().copied());
        let help = match near.or_else(|| super::foreign::parameter(&given.text, &names)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => format!("write `{name}()`"),
            None => format!("its parameters are {}", names.join(", ")),
        };
        let message = format!("`{name}` has no parameter `{}`", given.text);
        self.report(Diagnostic::new(code::E0304, given.span, message).help(help));
    }

    fn bind_param(
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
                self.embedding(given.expr, &given.env, entity)
                    .map(Local::Embedding)
            }
            ParamType::Model(_) => Some(Local::Model {
                name: given.expr,
                env: given.env,
            }),
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
                let (a, b) = (self.entity_name(edge.from), self.entity_name(edge.to));
                let want = self.entity_name(want);
                let message = format!(
                    "edge `{}` goes from `{a}` to `{b}`; one with the end `{want}` is needed",
                    edge.name
                );
                self.report(Diagnostic::new(code::E0301, given.expr.span, message));
                return None;
            }
        }
        Some(Local::Edge(edge))
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
                self.report(Diagnostic::new(code::E0403, given.expr.span, message));
                None
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
        let node = self.set(given.expr, &given.env, role)?;
        let found = self.graph.shape(node).entity;
        let wanted = match &want {
            Entity::Known(entity) => *entity,
            Entity::Any(variable) => *entities.entry(variable.clone()).or_insert(found),
            Entity::Missing(name) => {
                let message = format!(
                    "the catalog has no entity `{name}`, of which `{}` is a set",
                    param.name.text
                );
                self.report(Diagnostic::new(code::E0403, given.expr.span, message));
                return None;
            }
        };
        if wanted != found {
            let (wanted, found) = (self.entity_name(wanted), self.entity_name(found));
            let message = format!("expected a set of `{wanted}`, found a set of `{found}`");
            self.report(
                Diagnostic::new(code::E0301, given.expr.span, message)
                    .label(param.span, "declared here"),
            );
            return None;
        }
        Some(Local::Thunk {
            expr: given.expr,
            env: given.env,
            checked: true,
        })
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
        self.origins
            .insert(param.name.text.as_ptr() as usize, origin);
        Some(Local::Scalar(value))
    }

    /// `all`, `auto` or `auto(n)`, or a name that was bound to one of these.
    pub(super) fn quantity_word(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
    ) -> Option<Option<Local<'a>>> {
        match &expr.kind {
            ExprKind::Name(name) => match env.find(name) {
                Some(local @ (Local::All | Local::Auto(_))) => Some(Some(local.clone())),
                Some(Local::Thunk {
                    expr: inner, env, ..
                }) if bare_name(inner) != Some(name) => {
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
                let [arg] = &args[..] else {
                    let help = "write `auto(30)`: 30 where nothing downstream asks for a number";
                    self.report(
                        Diagnostic::new(code::E0303, expr.span, "`auto` takes one number")
                            .help(help),
                    );
                    return Some(None);
                };
                let number = self.constant_number(&arg.value, env);
                Some(number.map(|n| Local::Auto(Some(n.max(1.0) as u64))))
            }
            _ => None,
        }
    }

    /// Reports a constant outside of the range of a parameter; what the request decides is noted,
    /// to be looked at when it comes. `places` are those of the value and of the declaration.
    pub(super) fn check_range(
        &mut self,
        name: &str,
        range: &'a ast::Range,
        module: usize,
        value: &Expr,
        (span, declared): (Span, Span),
    ) -> Option<()> {
        let env = Env::top(module);
        let bound = |this: &mut Self, bound: &'a ast::Expr| {
            let typed = this.typed(bound, &env, &Scope::request(), &value.ty);
            let number = number_of(&typed);
            if number.is_none() && !typed.is_error() {
                let message = "the ends of a range are constant numbers or durations";
                this.report(Diagnostic::new(code::E0314, bound.span, message));
            }
            number
        };
        let (low, high) = (bound(self, &range.low)?, bound(self, &range.high)?);
        let wanted = InRange {
            name: name.to_owned(),
            value: value.clone(),
            low,
            high,
        };
        match number_of(value) {
            Some(number) if (low..=high).contains(&number) => Some(()),
            Some(number) => {
                let message = wanted.message(number);
                let help = format!("give a number from {low:?} to {high:?}");
                self.report(
                    Diagnostic::new(code::E0306, span, message)
                        .label(declared, "declared here")
                        .help(help),
                );
                None
            }
            None => {
                let decided = value.level == Level::Request && value.sets().is_empty();
                if decided && !self.ranges.contains(&wanted) {
                    self.ranges.push(wanted);
                }
                Some(())
            }
        }
    }

    /// In a row expression, `f(...)` where `f` is a definition, value or policy.
    pub(super) fn call_defined(
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
    pub(super) fn method_defined(
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
                "`{}` gives a candidate set; a value is needed here",
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
    pub(super) fn call_row_def(
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

/// A constant number or duration.
fn number_of(value: &Expr) -> Option<f64> {
    match value.as_const() {
        Some(Scalar::F64(x)) => Some(*x),
        Some(Scalar::I64(i)) => Some(*i as f64),
        _ => None,
    }
}

/// What a final expression is called.
static MAIN: LazyLock<Name> = LazyLock::new(|| Name {
    text: "main".to_owned(),
    span: Span::default(),
});

fn callable(item: &ast::Item, module: usize) -> Option<Callable<'_>> {
    match &item.kind {
        ItemKind::Def {
            name,
            params,
            result,
            body,
        } => Some(Callable {
            name,
            params,
            result: result.as_ref(),
            body,
            module,
            query: false,
        }),
        ItemKind::Expr(body) => Some(Callable {
            name: &MAIN,
            params: &[],
            result: None,
            body,
            module,
            query: true,
        }),
        ItemKind::Query { name, params, body } => Some(Callable {
            name,
            params,
            result: None,
            body,
            module,
            query: true,
        }),
        _ => None,
    }
}

/// Arguments as they were written.
pub fn given_args<'a>(args: &'a [Arg], env: &Env<'a>) -> Vec<Given<'a>> {
    args.iter()
        .map(|a| Given {
            name: a.name.as_ref(),
            expr: &a.value,
            env: env.clone(),
        })
        .collect()
}

fn default_of(param: &Param, module: usize) -> Option<Given<'_>> {
    param.default.as_ref().map(|expr| Given {
        name: None,
        expr,
        env: Env::top(module),
    })
}
