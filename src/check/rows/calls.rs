//! Calls in row expressions: functions, and what `x.f(y)` stands for.

use crate::check::Checker;
use crate::check::env::{Env, Scope};
use crate::diag::{Diagnostic, code};
use crate::expr::functions::{self, Resolved};
use crate::expr::ir::{Expr, OfSet, Stat};
use crate::source::Span;
use crate::syntax::ast::{self, Arg};
use crate::types::Type;

impl<'a> Checker<'a> {
    /// A call of a definition, a value, a policy, an aggregate or a function.
    pub(super) fn call(
        &mut self,
        callee: &'a ast::Name,
        args: &'a [Arg],
        span: Span,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        let name = callee.text.as_str();
        if let Some(found) = self.call_defined(callee, args, env, scope) {
            return found;
        }
        let stat = Stat::find(name);
        if let Some(found) = stat.and_then(|stat| self.aggregate(stat, callee, args, env, scope)) {
            return found;
        }
        match name {
            "score_of" => return self.of_set(OfSet::Score, callee, args, env, scope),
            "position_of" => return self.of_set(OfSet::Position, callee, args, env, scope),
            _ => {}
        }
        if let Some(function) = self.modules.vocabulary.function(name) {
            let args: Vec<_> = args.iter().map(|a| (a.name.as_ref(), &a.value)).collect();
            return self.call_function(function, &args, callee.span, span, env, scope);
        }
        match stat {
            Some(_) => self.nothing_to_aggregate(callee, args, env, scope),
            None => self.unknown_function(callee, args, env),
        }
        Expr::error()
    }

    /// `x.f(y)` is `f(x, y)`.
    pub(super) fn method_call(
        &mut self,
        receiver: &'a ast::Expr,
        name: &'a ast::Name,
        args: &'a [Arg],
        whole: &'a ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        if self.is_set(whole, env) {
            let help =
                "to use a set in a row expression, use `in` or an aggregate such as `count(...)`";
            let message = "a candidate set stands where a value is needed";
            return self.refuse_value(Diagnostic::new(code::E0313, whole.span, message).help(help));
        }
        if let Some(found) = self.method_defined(receiver, name, args, env, scope) {
            return found;
        }
        if let Some(help) = self.of_library(receiver, name, args, env, scope) {
            let library = crate::syntax::print_expression(receiver);
            let message = format!("`{library}` is not defined here");
            let diagnostic = Diagnostic::new(code::E0203, receiver.span, message);
            return self.refuse_value(diagnostic.help(help));
        }
        let Some(function) = self.modules.vocabulary.function(&name.text) else {
            self.unknown_function(name, &[], env);
            return Expr::error();
        };
        let args = args.iter().map(|arg| (arg.name.as_ref(), &arg.value));
        let args: Vec<_> = std::iter::once((None, receiver)).chain(args).collect();
        self.call_function(function, &args, name.span, whole.span, env, scope)
    }

    /// A function or sign applied to typed arguments.
    pub(in crate::check) fn apply(
        &mut self,
        name: &'static str,
        args: Vec<Expr>,
        span: Span,
    ) -> Expr {
        if args.iter().any(Expr::is_error) {
            return Expr::error();
        }
        let own = || self.modules.vocabulary.function(name);
        let Some(function) = functions::find(name).or_else(own) else {
            return Expr::error();
        };
        let types: Vec<Type> = args.iter().map(|a| a.ty.clone()).collect();
        match function.resolve(&types) {
            Some(resolved) => self.resolved(resolved, args, span),
            None => {
                self.wrong_arguments(function, &args, &types, span);
                Expr::error()
            }
        }
    }

    fn resolved(&mut self, how: Resolved, args: Vec<Expr>, span: Span) -> Expr {
        let mut args: Vec<Expr> = args
            .into_iter()
            .zip(&how.params)
            .filter_map(|(arg, want)| self.convert(arg, want))
            .collect();
        if !how.folds {
            let call = self.called(how.kernel, args, how.result);
            return self.not_too_deep(call, span);
        }
        let mut folded = args.remove(0);
        for arg in args {
            let call = self.called(how.kernel, vec![folded, arg], how.result.clone());
            folded = self.not_too_deep(call, span);
            if folded.is_error() {
                break;
            }
        }
        folded
    }
}
