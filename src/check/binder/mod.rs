//! What operators are given when they are bound: their arguments, found, typed and reported.

mod advice;
mod arguments;
mod cases;
mod quantities;
mod rest;
mod rules;

use super::env::{Env, Scope};
use super::{Checker, bare_name};
use crate::diag::{Diagnostic, code};
use crate::expr::{Expr, NodeId};
use crate::ops::{Operator, Rest, Role, Shape};
use crate::syntax::ast::{self, Arg, ExprKind, Name};
use crate::syntax::print_expression;
use foldhash::HashMap;
use std::collections::BTreeSet;

/// One operator being bound.
pub struct Binder<'c, 'a> {
    checker: &'c mut Checker<'a>,
    env: &'c Env<'a>,
    role: Role,
    /// What the operator follows, as written and as a node.
    input: Option<(&'a ast::Expr, NodeId)>,
    /// The operator, which may have been written in another way.
    operator: &'static str,
    name: &'a Name,
    args: HashMap<&'static str, &'a Arg>,
    rest: Vec<&'a Arg>,
    /// What was given with the chosen cases, by the names of their parameters.
    case_args: HashMap<&'static str, &'a ast::Expr>,
    /// Whether every argument had a place.
    ok: bool,
    /// What the rows are like whatever is wrong with the other arguments.
    otherwise: Option<Shape>,
    /// Policies that the conditions of a filter contain.
    passed: BTreeSet<String>,
    /// The `auto` that it takes its number from.
    auto: Option<usize>,
}

impl<'c, 'a> Binder<'c, 'a> {
    /// Gives every argument its parameter.
    pub fn new(
        checker: &'c mut Checker<'a>,
        operator: &'static Operator,
        input: Option<(&'a ast::Expr, NodeId)>,
        name: &'a Name,
        args: &'a [Arg],
        env: &'c Env<'a>,
        role: Role,
    ) -> Option<Self> {
        let mut binder = Binder {
            checker,
            env,
            role,
            input,
            operator: operator.name,
            name,
            args: HashMap::default(),
            rest: Vec::new(),
            case_args: HashMap::default(),
            ok: true,
            otherwise: None,
            passed: BTreeSet::new(),
            auto: None,
        };
        for (i, arg) in args.iter().enumerate() {
            let named = args[..i].iter().filter(|a| a.name.is_some()).count();
            let by_place = matches!(operator.rest, Rest::None | Rest::Keys);
            if arg.name.is_none() && named > 0 && by_place {
                binder.ok = false;
                binder.checker.late_position(arg.span);
            }
            binder.place(operator, i - named, arg);
        }
        Some(binder)
    }

    /// Whether the arguments were right, the `auto` among them, and what the rows are like if the
    /// operator could not be bound; asked after binding.
    pub fn finish(self) -> (bool, Option<usize>, Option<Shape>) {
        (self.ok, self.auto, self.otherwise)
    }

    fn place(&mut self, operator: &'static Operator, i: usize, arg: &'a Arg) {
        let param = match &arg.name {
            Some(name) => operator.params.iter().find(|p| p.name == name.text),
            None => operator.params.iter().filter(|p| !p.named).nth(i),
        };
        match param {
            Some(param) if self.args.contains_key(param.name) => {
                self.given_twice(param.name, arg);
            }
            Some(param) => {
                self.args.insert(param.name, arg);
            }
            None if operator.rest == Rest::Sets && self.is_misspelt(operator, arg) => {
                self.stray(operator, arg);
            }
            None if operator.rest == Rest::Keys && arg.name.is_some() => self.stray(operator, arg),
            None if operator.rest != Rest::None => self.rest.push(arg),
            None => self.stray(operator, arg),
        }
    }

    fn fail(&mut self, diagnostic: Diagnostic) {
        self.ok = false;
        self.checker.report(diagnostic);
    }

    fn arg(&self, param: &str) -> Option<&'a ast::Expr> {
        self.args.get(param).map(|arg| &arg.value)
    }

    /// An argument as it is written, or an example of one.
    fn written_or(&self, param: &str, example: &str) -> String {
        let written = self.arg(param).map(print_expression);
        written.unwrap_or_else(|| example.to_owned())
    }

    fn given_twice(&mut self, param: &str, arg: &Arg) {
        let span = arg.name.as_ref().map_or(arg.span, |name| name.span);
        let message = format!("`{param}` is given twice");
        self.fail(Diagnostic::new(code::E0305, span, message).help("keep one of the two"));
    }

    fn missing(&mut self, param: &str, help: &str) {
        let message = format!("`{}` needs `{param}`", self.name.text);
        self.fail(Diagnostic::new(code::E0303, self.name.span, message).help(help));
    }

    /// A column of the row under its own name, as `select(name)` wants it.
    fn selected(&mut self, arg: &'a Arg) -> Option<String> {
        match (&arg.name, bare_name(&arg.value)) {
            (Some(name), _) => self.checker.check_bindable(name).then(|| name.text.clone()),
            (None, Some("all")) if self.name.text == "select" && !self.has_column("all") => {
                let message = "without `select`, rows keep all columns";
                let help = "leave it out; `select(a, b)` keeps two";
                self.fail(Diagnostic::new(code::E0303, arg.span, message).help(help));
                None
            }
            (None, Some(name)) if self.name.text == "select" => Some(name.to_owned()),
            (None, _) if arg.value.kind == ExprKind::Error => None,
            (None, _) => {
                let message = format!("`{}` needs a name for this expression", self.name.text);
                let value = print_expression(&arg.value);
                let help = self
                    .named_columns(&arg.value)
                    .unwrap_or_else(|| format!("write `{}(name={value})`", self.name.text));
                self.fail(Diagnostic::new(code::E0303, arg.span, message).help(help));
                None
            }
        }
    }

    /// Whether the rows before this operator have a column of that name.
    fn has_column(&self, name: &str) -> bool {
        self.input.is_some_and(|(_, input)| {
            let shape = self.checker.graph.shape(input);
            shape.columns.iter().any(|c| c.name == name)
                || self.checker.has_column(shape.entity, name)
        })
    }

    /// An expression of the rows; a column in quotes is reported.
    fn of_rows(&mut self, expr: &'a ast::Expr, scope: &Scope<'_>) -> Option<Expr> {
        if self.checker.report_quoted(expr, scope) {
            self.ok = false;
            return None;
        }
        Self::checked(self.checker.scalar(expr, self.env, scope, None))
    }

    fn checked(expr: Expr) -> Option<Expr> {
        (!expr.is_error()).then_some(expr)
    }
}
