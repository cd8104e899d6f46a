//! What to write instead of a set that is none, or an operator that is not there.

use crate::check::env::Env;
use crate::check::modules::Kind;
use crate::check::{Checker, foreign};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::NodeId;
use crate::expr::ir::Stat;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ExprKind, Name};
use crate::types::Type;

impl<'a> Checker<'a> {
    /// `user.likes.author` where a set is needed.
    pub(super) fn field_as_set(
        &mut self,
        receiver: &'a ast::Expr,
        name: &Name,
        span: Span,
        env: &Env<'a>,
    ) {
        let mut path = vec![name.text.as_str()];
        let mut base = receiver;
        while let ExprKind::Field { receiver, name } = &base.kind {
            path.push(&name.text);
            base = receiver;
        }
        let of_set = self.is_set(base, env);
        if !of_set || !path.iter().all(|name| self.edge_exists(name, env)) {
            return self.not_a_set(span);
        }
        path.reverse();
        let message = "links are not accessed with `.`";
        let help = format!("links are followed by `walk`: write `.walk({})`", path.join("."));
        self.report(Diagnostic::new(code::E0313, span, message).help(help));
    }

    pub(super) fn not_a_set(&mut self, span: Span) {
        let help = "a candidate set starts from `user`, `all(entity)`, `given(entity, ids)` or a name bound to one";
        let message = "expected a candidate set, found a value";
        self.report(Diagnostic::new(code::E0313, span, message).help(help));
    }

    pub(super) fn page_as_set(&mut self, span: Span) {
        let message = "expected a candidate set, found a page of several lists";
        let help = "give the list a name of its own, and use that: `for_you = ...`";
        self.report(Diagnostic::new(code::E0313, span, message).help(help));
    }

    pub(super) fn unknown_set(&mut self, name: &str, span: Span, env: &Env<'a>) {
        if self.is_lost(name) {
            return;
        }
        let modules = self.modules;
        let declared = modules.names(env.module, Kind::Rest);
        let near = suggest::nearest(name, env.names().chain(declared).chain(["user"]));
        let help = match (self.made_a_set(name, env), near) {
            (Some(help), _) => help,
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) if self.may_be_imported(env.module) => return,
            (None, None) => "a candidate set starts from `user`, `all(entity)`, `given(entity, ids)` or a name bound to one".to_owned(),
        };
        let message = format!("there is no candidate set `{name}`");
        self.report(Diagnostic::new(code::E0201, span, message).help(help));
    }

    /// How to write a set of what has the name: the viewer, an entity or a definition.
    fn made_a_set(&mut self, name: &str, env: &Env<'a>) -> Option<String> {
        if name == "viewer" {
            let help = "`viewer` is an id; the set of the requesting user is `user`";
            return Some(help.to_owned());
        }
        if self.find_entity(name).is_some() {
            return Some(format!("every `{name}` is `all({name})`"));
        }
        if self.callables(name, env.module).is_empty() {
            return None;
        }
        Some(match self.callables_of(self.schema.viewer).contains(&name) {
            true => format!("a definition follows a set: `user.{name}()`"),
            false => format!("a definition is called with brackets: `{name}()`"),
        })
    }

    /// Reports an operator that there is not; gives the one that was meant if it was misspelt.
    pub(super) fn unknown_operator(
        &mut self,
        name: &Name,
        args: &'a [Arg],
        input: Option<NodeId>,
        env: &Env<'a>,
    ) -> Option<&'a str> {
        if self.is_lost(&name.text) {
            return None;
        }
        let mut known = self.operator_names(false);
        known.extend(self.usable_names(env.module));
        let near = suggest::nearest(&name.text, known.into_iter());
        let foreign = foreign::operator(&name.text);
        if near.is_none() && foreign.is_none() && self.may_be_imported(env.module) {
            return None;
        }
        let is_time = |column: &str| input.is_some_and(|input| self.is_time(column, input));
        let help = self
            .where_defined(&name.text)
            .or_else(|| self.links_as_operator(&name.text, args, env))
            .or_else(|| self.operator_of_sets(&name.text, args, env))
            .or_else(|| foreign.map(|foreign| foreign.help(args, &is_time)))
            .or_else(|| near.map(|near| format!("did you mean `{near}`?")));
        let help = match (help, input) {
            (Some(help), _) => help,
            (None, Some(input)) => self.what_follows(input),
            (None, None) => "`:help` and docs/operators list the operators".to_owned(),
        };
        let message = format!("there is no operator or definition `{}`", name.text);
        self.report(Diagnostic::new(code::E0202, name.span, message).help(help));
        near.filter(|near| suggest::is_slip(&name.text, near))
    }

    /// The operators that are sources, or those that are not.
    fn operator_names(&self, sources: bool) -> Vec<&'a str> {
        let modules = self.modules;
        let operators = modules.vocabulary.operators().filter(|op| op.source == sources);
        operators.map(|op| op.name).collect()
    }

    /// An edge that is called like an operator.
    fn links_as_operator(&self, name: &str, args: &[Arg], env: &Env<'a>) -> Option<String> {
        let edge = args.is_empty() && self.edge_exists(name, env);
        edge.then(|| format!("links are followed by `walk`: write `.walk({name})`"))
    }

    /// An operator of another language that takes a second set.
    fn operator_of_sets(&self, name: &str, args: &[Arg], env: &Env<'a>) -> Option<String> {
        let first = args.first()?;
        let sign = foreign::with_set(name).filter(|_| self.is_set(&first.value, env))?;
        Some(sign.to_owned())
    }

    fn is_time(&self, column: &str, input: NodeId) -> bool {
        let table = self.schema.entity(self.graph.shape(input).entity);
        table.columns.iter().any(|c| c.name == column && c.ty == Type::Time)
    }

    fn what_follows(&mut self, input: NodeId) -> String {
        let entity = self.graph.shape(input).entity;
        let mut follow = self.operator_names(false);
        follow.extend(self.callables_of(entity));
        let entity = self.entity_name(entity);
        format!("a set of `{entity}` is followed by {}", follow.join(", "))
    }

    /// An operator that has no rows before it, nor as its first argument.
    pub(super) fn follows_nothing(&mut self, callee: &Name, args: &[Arg]) {
        let message = format!("`{}` follows a candidate set", callee.text);
        let given = args.iter().map(|arg| crate::syntax::print_expression(&arg.value));
        let given = given.collect::<Vec<_>>().join(", ");
        let help = match args.iter().all(|arg| arg.name.is_none()) && given.len() < 40 {
            true => format!("call it on a set: `rows.{}({given})`", callee.text),
            false => format!("call it on a set: `rows.{}(...)`", callee.text),
        };
        self.report(Diagnostic::new(code::E0303, callee.span, message).help(help));
    }

    /// A call of something that gives no set, or that is not there.
    pub(super) fn no_source(
        &mut self,
        callee: &'a Name,
        args: &'a [Arg],
        span: Span,
        env: &Env<'a>,
    ) {
        let name = callee.text.as_str();
        if let Some((message, help)) = self.gives_no_set(name, env) {
            return self.report(Diagnostic::new(code::E0313, span, message).help(help));
        }
        if self.is_lost(name) {
            return;
        }
        let mut known = self.operator_names(true);
        known.extend(self.usable_names(env.module));
        let near = suggest::nearest(name, known.into_iter());
        let operator = || foreign::operator(name).map(|f| f.help(args, &|_| false));
        let foreign = self.foreign_source(name, args).or_else(operator);
        if near.is_none() && foreign.is_none() && self.may_be_imported(env.module) {
            return;
        }
        let near = near.map(|near| format!("did you mean `{near}`?"));
        let help = self.where_defined(name).or(foreign).or(near);
        let help = help.unwrap_or_else(|| SOURCES.to_owned());
        let message = format!("there is no source or definition `{name}`");
        self.report(Diagnostic::new(code::E0202, callee.span, message).help(help));
    }

    /// An edge, aggregate or function where a set is needed: what is wrong, and what to write.
    fn gives_no_set(&self, name: &str, env: &Env<'a>) -> Option<(String, String)> {
        if self.edge_exists(name, env) {
            let message = format!("`{name}` is an edge; its links are not a candidate set");
            return Some((message, format!("walk it: `user.walk({name})`")));
        }
        let aggregates = Stat::NAMES.iter().any(|(stat, _)| *stat == name);
        if !aggregates && self.modules.vocabulary.function(name).is_none() {
            return None;
        }
        let message = format!("`{name}(...)` is a value; a candidate set is needed here");
        let help =
            format!("read it in a row: `rows.filter({name}(...) > 0)`, `rows.let(x={name}(...))`");
        Some((message, help))
    }
}

const SOURCES: &str = "sources are `user`, `all(entity)`, `given(entity, ids)`, `combine(a, b)` and definitions; others follow a set: `rows.name()`";
