//! Calls of definitions, queries, values and policies: arguments to parameters, bodies in place.

mod arguments;
mod overloads;
mod params;
mod values;

use super::Checker;
use super::env::Env;
use super::state::address;
use super::typing::{Entity, ParamType};
use crate::diag::{Diagnostic, code};
use crate::expr::NodeId;
use crate::ops::Role;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, Name, Param, TypeExpr};
use crate::types::EntityId;
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
        let is_run = self.here.testing && def.query;
        let role = if is_run { Role::Source } else { role };
        let env = &bindings.env;
        let key = self.call_key(def.body, def.params, env, role, None);
        let node = self.read_set(key, env, |this| {
            this.once("def", &name.text, address(def.body), name.span, |this| {
                this.within(&name.text, name.span, |this| this.set(def.body, env, role))
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
        let found = self.graph.shape(node).entity;
        let Some((result, want)) = self.declared_result(def, bindings).filter(|(_, e)| *e != found)
        else {
            return Some(());
        };
        let (want, found) = (self.entity_name(want), self.entity_name(found));
        let message = format!(
            "`{}` is declared to return a set of `{want}`, but returns a set of `{found}`",
            def.name.text
        );
        let help = format!("declare `-> set[{found}]`, or change what it gives");
        self.refuse(
            Diagnostic::new(code::E0301, result.span, message)
                .label(def.body.span, format!("this is a set of `{found}`"))
                .help(help),
        )
    }

    /// The declared type of a result that is a set, and the entity that it stands for.
    fn declared_result(
        &mut self,
        def: &Callable<'a>,
        bindings: &Bindings<'a>,
    ) -> Option<(&'a TypeExpr, EntityId)> {
        let result = def.result?;
        let entity = match self.param_type(result, def.module) {
            ParamType::Set(Entity::Known(entity)) => entity,
            ParamType::Set(Entity::Any(variable)) => *bindings.entities.get(&variable)?,
            _ => return None,
        };
        Some((result, entity))
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
        let given = given_with(receiver.map(|(expr, _)| expr), args, env);
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
}

/// What a final expression is called.
static MAIN: LazyLock<Name> =
    LazyLock::new(|| Name { text: "main".to_owned(), span: Span::default() });

/// What stands before the point, if anything does, and the arguments in brackets.
fn given_with<'a>(
    receiver: Option<&'a ast::Expr>,
    args: &'a [Arg],
    env: &Env<'a>,
) -> Vec<Given<'a>> {
    let receiver = receiver.map(|expr| Given { name: None, expr, env: env.clone() });
    receiver.into_iter().chain(given_args(args, env)).collect()
}

/// Arguments as they were written.
pub fn given_args<'a>(args: &'a [Arg], env: &Env<'a>) -> Vec<Given<'a>> {
    args.iter().map(|a| Given { name: a.name.as_ref(), expr: &a.value, env: env.clone() }).collect()
}

fn default_of(param: &Param, module: usize) -> Option<Given<'_>> {
    param.default.as_ref().map(|expr| Given { name: None, expr, env: Env::top(module) })
}
