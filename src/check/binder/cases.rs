//! Arguments that are one of several cases, and what is given with a case.

use super::Binder;
use crate::check::quoted::without_quotes;
use crate::diag::{Diagnostic, code, suggest};
use crate::ops::bind::{Case, CaseParam, Takes};
use crate::ops::{Choice, Quantity, Role};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ExprKind};
use crate::syntax::print_expression;

impl<'a> Binder<'_, 'a> {
    /// A case and the numbers given with it.
    pub(super) fn case_of(&mut self, expr: &'a ast::Expr, cases: &[Case]) -> Option<Choice> {
        let (name, span, args): (&str, Span, &'a [Arg]) = match &expr.kind {
            ExprKind::Name(name) => (name, expr.span, &[]),
            ExprKind::Call { callee, args } => (&callee.text, callee.span, args),
            ExprKind::Error => return None,
            _ => {
                self.no_case(expr, cases);
                return None;
            }
        };
        let Some(case) = cases.iter().position(|c| c.name == name) else {
            self.unknown_case(name, span, cases);
            return None;
        };
        let numbers = self.case_numbers(&cases[case], args)?;
        Some(Choice { case, span, numbers })
    }

    /// What stands where a case is expected is not even a name.
    fn no_case(&mut self, expr: &ast::Expr, cases: &[Case]) {
        let names: Vec<&str> = cases.iter().map(|c| c.name).collect();
        let help = match &expr.kind {
            ExprKind::Str(name) if names.contains(&name.as_str()) => without_quotes(name),
            ExprKind::Int(_) if self.name.text == "diversify_by" => format!(
                "it reorders rows and removes none; `take({}, per={})` keeps some of each",
                print_expression(expr),
                self.written_or("key", "author")
            ),
            _ => "write the value as a bare name, without quotes".to_owned(),
        };
        let message = format!("expected one of {}", names.join(", "));
        self.fail(Diagnostic::new(code::E0213, expr.span, message).help(help));
    }

    fn unknown_case(&mut self, name: &str, span: Span, cases: &[Case]) {
        let names = || cases.iter().map(|c| c.name);
        let help = match suggest::nearest(name, names()) {
            _ if self.is_further_key(name) => format!(
                "put several keys in a list: `diversify_by([{}, {name}])`",
                self.written_or("key", "author")
            ),
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("choose one of {}", names().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("`{name}` is not an allowed value");
        self.fail(Diagnostic::new(code::E0213, span, message).help(help));
    }

    fn case_numbers(&mut self, case: &Case, args: &'a [Arg]) -> Option<Vec<Option<f64>>> {
        let mut numbers = vec![None; case.params.len()];
        let mut ok = true;
        for (i, arg) in args.iter().enumerate() {
            let place = match &arg.name {
                Some(name) => case.params.iter().position(|p| p.name == name.text),
                None => Some(i).filter(|&i| i < case.params.len()),
            };
            let Some(place) = place else {
                self.no_such_case_param(case, arg);
                ok = false;
                continue;
            };
            match self.case_argument(&case.params[place], arg) {
                Some(number) => numbers[place] = number,
                None => ok = false,
            }
        }
        ok.then_some(numbers)
    }

    /// The number that an argument of a case is; one that is no number is read later.
    fn case_argument(&mut self, param: &CaseParam, arg: &'a Arg) -> Option<Option<f64>> {
        if self.case_args.insert(param.name, &arg.value).is_some() {
            self.given_twice(param.name, arg);
            return None;
        }
        match &param.takes {
            Takes::Number(range) => self.case_number(param.name, range, &arg.value).map(Some),
            Takes::Count => self.case_count(param.name, &arg.value).map(Some),
            Takes::Embedding | Takes::Set => Some(None),
        }
    }

    fn no_such_case_param(&mut self, case: &Case, arg: &Arg) {
        let names: Vec<&str> = case.params.iter().map(|p| p.name).collect();
        let given = arg.name.as_ref().map(|name| name.text.as_str());
        let near = given.and_then(|given| suggest::nearest(given, names.iter().copied()));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => format!("write `{}` alone", case.name),
            None => format!("its parameters are {}", names.join(", ")),
        };
        let message = match given {
            Some(given) => format!("`{}` has no parameter `{given}`", case.name),
            None => format!("`{}` has no parameter for this argument", case.name),
        };
        let span = arg.name.as_ref().map_or(arg.value.span, |name| name.span);
        self.fail(Diagnostic::new(code::E0304, span, message).help(help));
    }

    fn case_number(
        &mut self,
        name: &str,
        range: &std::ops::RangeInclusive<f64>,
        expr: &'a ast::Expr,
    ) -> Option<f64> {
        let number = self.checker.constant_number(expr, self.env)?;
        if range.contains(&number) {
            return Some(number);
        }
        let message = format!(
            "`{name}` must lie in {:?}..{:?}, found {number:?}",
            range.start(),
            range.end()
        );
        let help = format!("give a number from {:?} to {:?}", range.start(), range.end());
        self.fail(Diagnostic::new(code::E0306, expr.span, message).help(help));
        None
    }

    /// A whole number from 1 on; `all` is infinite.
    fn case_count(&mut self, name: &str, expr: &'a ast::Expr) -> Option<f64> {
        match self.quantity_of(expr, 0, Role::Source)? {
            Quantity::All => Some(f64::INFINITY),
            Quantity::Number(n) if n > 0 => Some(n as f64),
            Quantity::Number(_) => {
                let message = format!("`{name}` 0 never returns a row");
                self.no_rows(expr.span, message);
                None
            }
            Quantity::Auto(_) | Quantity::AutoAll => {
                self.not_auto(name, expr.span);
                None
            }
            Quantity::PerRequest(_) => {
                let message = format!("`{name}` must be known at compile time");
                self.fail(
                    Diagnostic::new(code::E0314, expr.span, message)
                        .help("write a number, or the name of a tunable"),
                );
                None
            }
        }
    }
}
