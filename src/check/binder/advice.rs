//! What was meant by arguments that an operator does not take, and what to write instead.

use super::Binder;
use crate::check::env::Scope;
use crate::check::foreign;
use crate::diag::{Diagnostic, code, suggest};
use crate::ops::Operator;
use crate::syntax::ast::{self, Arg, ExprKind};
use crate::syntax::print_expression;
use crate::types::Type;

impl<'a> Binder<'_, 'a> {
    /// Whether an argument was meant for a parameter, and not as a branch of that name.
    pub(super) fn is_misspelt(&self, operator: &'static Operator, arg: &Arg) -> bool {
        let Some(name) = &arg.name else { return false };
        let literal = matches!(
            arg.value.kind,
            ExprKind::Int(_)
                | ExprKind::Float(_)
                | ExprKind::Bool(_)
                | ExprKind::Str(_)
                | ExprKind::List(_)
        );
        let near = suggest::nearest(&name.text, operator.params.iter().map(|p| p.name));
        literal || near.is_some() && !self.checker.is_set(&arg.value, self.env)
    }

    pub(super) fn stray(&mut self, operator: &'static Operator, arg: &'a Arg) {
        let usage = operator.usage();
        let diagnostic = match &arg.name {
            Some(name) => {
                let help = self
                    .meant_argument(operator, &name.text, &arg.value)
                    .unwrap_or_else(|| format!("use: `{usage}`"));
                let message = format!("`{}` has no parameter `{}`", operator.name, name.text);
                Diagnostic::new(code::E0304, name.span, message).help(help)
            }
            None => {
                let message = format!("`{}` has no parameter for this argument", operator.name);
                Diagnostic::new(code::E0307, arg.span, message).help(format!("use: `{usage}`"))
            }
        };
        self.fail(diagnostic);
    }

    /// What is meant by a named argument that the operator does not have.
    fn meant_argument(
        &self,
        operator: &'static Operator,
        given: &str,
        value: &ast::Expr,
    ) -> Option<String> {
        let near = || {
            let params: Vec<&str> = operator.params.iter().map(|p| p.name).collect();
            let near = suggest::nearest(given, params.iter().copied());
            let near = near.or_else(|| foreign::parameter(given, &params))?;
            Some(format!("did you mean `{near}`?"))
        };
        self.done_elsewhere(operator, given, value)
            .or_else(|| belongs_to_case(operator, given, value))
            .or_else(near)
    }

    /// How what an argument asks for is written where another part of the language does it.
    fn done_elsewhere(
        &self,
        operator: &'static Operator,
        given: &str,
        value: &ast::Expr,
    ) -> Option<String> {
        let written = || print_expression(value);
        let ordered = || operator.params.iter().any(|p| p.name == "order");
        match (operator.name, given) {
            ("combine", "weights" | "weight") => {
                Some("write the weight before its branch: `combine(0.7 * a, 0.3 * b)`".to_owned())
            }
            ("score", "reverse" | "desc" | "descending" | "asc" | "ascending") => {
                self.order_of_score(given, value)
            }
            (_, "order_by" | "sort" | "sort_by" | "order") if !ordered() => {
                Some(format!("sort the rows first: `.score({})`", written()))
            }
            ("diversify_by", "max" | "limit" | "n" | "per") => {
                let (key, n) = (self.written_or("key", "author"), written());
                Some(format!(
                    "it does not remove rows: use `take({n}, per={key})` to keep {n} of each"
                ))
            }
            _ => None,
        }
    }

    /// `score(x, ascending=false)`.
    fn order_of_score(&self, given: &str, value: &ast::Expr) -> Option<String> {
        let ascends = match (given, &value.kind) {
            ("reverse" | "desc" | "descending", ExprKind::Bool(on)) => !on,
            ("asc" | "ascending", ExprKind::Bool(on)) => *on,
            _ => return None,
        };
        let score = self.written_or("expr", "quality");
        let usual = "rows are sorted by score, descending";
        Some(match ascends {
            true => format!(
                "{usual}; to reverse the order use `-x`, for a time `age(t)`: `score(-{score})`"
            ),
            false => format!("{usual}: write `score({score})`"),
        })
    }

    /// A share or a duration where a number of rows is asked for: what to write instead.
    pub(super) fn no_number(&self, expr: &ast::Expr) -> Option<String> {
        let written = print_expression(expr);
        let share = match expr.kind {
            ExprKind::Float(x) => x > 0.0 && x < 1.0,
            ExprKind::Duration(_) => {
                let operator = self.checker.modules.vocabulary.operator(&self.name.text)?;
                let has = operator.params.iter().any(|p| p.name == "within");
                return has.then(|| format!("for a time range use `within={written}`"));
            }
            _ => return None,
        };
        Some(match self.name.text.as_str() {
            "sample" if share => {
                format!("to sample a fraction of the rows use `filter(uniform() < {written})`")
            }
            "take" if share => format!(
                "the first rows of a set `a` by their share are `a.filter(position <= {written} * count(a))`"
            ),
            _ => match expr.kind {
                ExprKind::Float(x) => format!("write `{:.0}`", x.round().max(1.0)),
                _ => return None,
            },
        })
    }

    /// Whether a name where a method should stand is a column: another key.
    pub(super) fn is_further_key(&self, name: &str) -> bool {
        self.name.text == "diversify_by" && self.has_column(name)
    }

    /// Columns as `select` and `let` want them, for a text, a list of names or a record.
    pub(super) fn named_columns(&self, value: &ast::Expr) -> Option<String> {
        let operator = &self.name.text;
        let plain = |e: &ast::Expr| match &e.kind {
            ExprKind::Name(name) | ExprKind::Str(name) => Some(name.clone()),
            _ => None,
        };
        let columns = match &value.kind {
            ExprKind::Str(name) if operator == "select" => vec![name.clone()],
            ExprKind::List(items) if operator == "select" => {
                items.iter().map(plain).collect::<Option<Vec<_>>>()?
            }
            ExprKind::Record(fields) => fields
                .iter()
                .map(|(name, value)| format!("{}={}", name.text, print_expression(value)))
                .collect(),
            _ => return None,
        };
        Some(format!("write `{operator}({})`", columns.join(", ")))
    }

    /// `let("q", quality)`: a name in quotes and its value.
    pub(super) fn named_by_text(&mut self, rest: &[&'a Arg]) -> bool {
        let [name, value] = rest else { return false };
        let ExprKind::Str(text) = &name.value.kind else {
            return false;
        };
        if self.name.text != "let" || name.name.is_some() || value.name.is_some() {
            return false;
        }
        let message = "a column is named with `=`";
        let help = format!("write `let({text}={})`", print_expression(&value.value));
        self.fail(Diagnostic::new(code::E0303, name.span, message).help(help));
        true
    }

    /// Reports a list of unlike elements where one key is asked for.
    pub(super) fn is_list_of_keys(
        &mut self,
        param: &str,
        expr: &'a ast::Expr,
        scope: &Scope<'_>,
    ) -> bool {
        let ExprKind::List(items) = &expr.kind else {
            return false;
        };
        let mut types = Vec::new();
        for item in items {
            types.push(self.checker.scalar(item, self.env, scope, None).ty.clone());
        }
        let alike = types.windows(2).all(|pair| pair[0] == pair[1]);
        if alike || types.contains(&Type::Error) {
            return false;
        }
        let keys: Vec<String> = items.iter().map(print_expression).collect();
        let message = "a list has elements of one type";
        let help = format!("combine several keys with `hash`: `{param}=hash({})`", keys.join(", "));
        self.fail(Diagnostic::new(code::E0302, expr.span, message).help(help));
        true
    }
}

/// A parameter of one of the cases that an operator's parameter can be.
fn belongs_to_case(operator: &'static Operator, given: &str, value: &ast::Expr) -> Option<String> {
    operator.params.iter().find_map(|param| {
        let case = param.ty.split('|').find_map(|case| {
            let (case, inside) = case.split_once('(')?;
            let mut names = inside.split(['(', ')', ',', '=', ' ']);
            names.any(|name| name == given).then_some(case)
        })?;
        let (param, value) = (param.name, print_expression(value));
        Some(format!("it is of `{case}`: write `{param}={case}({given}={value})`"))
    })
}
