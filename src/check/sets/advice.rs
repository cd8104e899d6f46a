//! What to write instead of a set that is none, or an operator that is not there.

use crate::check::env::Env;
use crate::check::modules::Kind;
use crate::check::{Checker, foreign};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::NodeId;
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
        let message = "links are not read with a point";
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
}
