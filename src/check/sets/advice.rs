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
        let help = format!(
            "links are followed by `walk`: write `.walk({})`",
            path.join(".")
        );
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
        let message = format!("there is no candidate set `{name}`");
        let diagnostic = Diagnostic::new(code::E0201, span, message);
        if name == "viewer" {
            let help = "`viewer` is an id; the set of the requesting user is `user`";
            return self.report(diagnostic.help(help));
        }
        if self.find_entity(name).is_some() {
            let diagnostic = diagnostic.help(format!("every `{name}` is `all({name})`"));
            return self.report(diagnostic);
        }
        if !self.callables(name, env.module).is_empty() {
            if self.callables_of(self.schema.viewer).contains(&name) {
                let help = format!("a definition follows a set: `user.{name}()`");
                return self.report(diagnostic.help(help));
            }
            return self.report(
                diagnostic.help(format!("a definition is called with brackets: `{name}()`")),
            );
        }
        let mut known: Vec<&str> = env.names().collect();
        let modules = self.modules;
        modules.order(env.module).for_each(|m| {
            known.extend(modules.all[m].all(Kind::Rest).map(|(name, _)| name));
        });
        known.push("user");
        let near =
            suggest::nearest(name, known.into_iter()).map(|near| format!("did you mean `{near}`?"));
        if near.is_none() && self.may_be_imported(env.module) {
            return;
        }
        let usual = "a candidate set starts from `user`, `all(entity)`, `given(entity, ids)` or a name bound to one";
        self.report(diagnostic.help(near.unwrap_or_else(|| usual.to_owned())));
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
        let mut known: Vec<&'a str> = self
            .modules
            .vocabulary
            .operators()
            .filter(|op| !op.source)
            .map(|op| op.name)
            .collect();
        known.extend(self.usable_names(env.module));
        let near = suggest::nearest(&name.text, known.into_iter());
        let foreign = foreign::operator(&name.text);
        if near.is_none() && foreign.is_none() && self.may_be_imported(env.module) {
            return None;
        }
        let of_sets = args
            .first()
            .filter(|arg| self.is_set(&arg.value, env))
            .and_then(|_| foreign::with_set(&name.text));
        let walked = (args.is_empty() && self.edge_exists(&name.text, env))
            .then(|| format!("links are followed by `walk`: write `.walk({})`", name.text));
        let table = input.map(|input| self.schema.entity(self.graph.shape(input).entity));
        let is_time = |column: &str| {
            let found = table.and_then(|table| {
                let column = table.columns.iter().find(|c| c.name == column)?;
                Some(column.ty == Type::Time)
            });
            found.unwrap_or(false)
        };
        let help = match (self.where_defined(&name.text), near, input) {
            (Some(help), _, _) => help,
            _ if walked.is_some() => walked.unwrap_or_default(),
            _ if of_sets.is_some() => of_sets.unwrap_or_default().to_owned(),
            _ if foreign.is_some() => foreign.map(|f| f.help(args, &is_time)).unwrap_or_default(),
            (None, Some(near), _) => format!("did you mean `{near}`?"),
            (None, None, Some(input)) => {
                let entity = self.graph.shape(input).entity;
                let mut follow: Vec<&str> = self
                    .modules
                    .vocabulary
                    .operators()
                    .filter(|op| !op.source)
                    .map(|op| op.name)
                    .collect();
                follow.extend(self.callables_of(entity));
                let entity = self.entity_name(entity);
                format!("a set of `{entity}` is followed by {}", follow.join(", "))
            }
            (None, None, None) => "`:help` and docs/operators list the operators".to_owned(),
        };
        let message = format!("there is no operator or definition `{}`", name.text);
        self.report(Diagnostic::new(code::E0202, name.span, message).help(help));
        near.filter(|near| suggest::is_slip(&name.text, near))
    }

    /// An operator that has no rows before it, nor as its first argument.
    pub(super) fn follows_nothing(&mut self, callee: &Name, args: &[Arg]) {
        let message = format!("`{}` follows a candidate set", callee.text);
        let given = args
            .iter()
            .map(|arg| crate::syntax::print_expression(&arg.value));
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
        if self.edge_exists(&callee.text, env) {
            let message = format!(
                "`{}` is an edge; its links are not a candidate set",
                callee.text
            );
            let help = format!("walk it: `user.walk({})`", callee.text);
            self.report(Diagnostic::new(code::E0313, span, message).help(help));
            return;
        }
        let aggregates = Stat::NAMES.iter().any(|(name, _)| *name == callee.text);
        if aggregates || self.modules.vocabulary.function(&callee.text).is_some() {
            let message = format!(
                "`{}(...)` is a value; a candidate set is needed here",
                callee.text
            );
            let help = format!(
                "read it in a row: `rows.filter({0}(...) > 0)`, `rows.let(x={0}(...))`",
                callee.text
            );
            self.report(Diagnostic::new(code::E0313, span, message).help(help));
            return;
        }
        let mut known: Vec<&str> = self
            .modules
            .vocabulary
            .operators()
            .filter(|op| op.source)
            .map(|op| op.name)
            .collect();
        known.extend(self.usable_names(env.module));
        if self.is_lost(&callee.text) {
            return;
        }
        let near = suggest::nearest(&callee.text, known.into_iter());
        let foreign = self
            .foreign_source(&callee.text, args)
            .or_else(|| foreign::operator(&callee.text).map(|f| f.help(args, &|_| false)));
        if near.is_none() && foreign.is_none() && self.may_be_imported(env.module) {
            return;
        }
        let help = self
            .where_defined(&callee.text)
            .or(foreign)
            .or_else(|| near.map(|near| format!("did you mean `{near}`?")));
        let usual = "sources are `user`, `all(entity)`, `given(entity, ids)`, `combine(a, b)` and definitions; others follow a set: `rows.name()`";
        let message = format!("there is no source or definition `{}`", callee.text);
        self.report(
            Diagnostic::new(code::E0202, callee.span, message)
                .help(help.unwrap_or_else(|| usual.to_owned())),
        );
    }
}
