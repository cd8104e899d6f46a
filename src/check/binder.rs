//! What operators are given when they are bound: their arguments, found, typed and reported.

use super::env::{Env, Local, Scope};
use super::quoted::without_quotes;
use super::{Checker, bare_name, foreign};
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::ir::{EdgeExpr, Level, Scalar};
use crate::expr::{Expr, Kind, NodeId};
use crate::ops::bind::{Case, RelaxArg, RestArg, RuleArg, SetArg, Takes};
use crate::ops::shape::BoundColumn;
use crate::ops::{Bind, Choice, Graph, Model, Operator, Quantity, Rest, Role, Shape};
use crate::source::Span;
use crate::store::Snapshot;
use crate::syntax::ast::{self, Arg, ExprKind, Name};
use crate::syntax::print_expression;
use crate::types::{EntityId, Type};
use foldhash::HashMap;
use std::collections::BTreeSet;

/// One operator being bound.
pub struct Binder<'c, 'a> {
    checker: &'c mut Checker<'a>,
    env: &'c Env<'a>,
    role: Role,
    /// What the operator follows, as written and as a node.
    input: Option<(&'a ast::Expr, NodeId)>,
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

    /// A number that is left to the planner.
    fn auto(&mut self, constant: u64, role: Role) -> Quantity {
        if role == Role::Fact {
            return Quantity::AutoAll;
        }
        let place = (self.name.span, self.role);
        let (number, auto) = self.checker.auto(constant, place.0, self.env, place.1);
        self.auto = Some(auto);
        Quantity::Auto(number)
    }

    fn place(&mut self, operator: &'static Operator, i: usize, arg: &'a Arg) {
        let param = match &arg.name {
            Some(name) => operator.params.iter().find(|p| p.name == name.text),
            None => operator.params.iter().filter(|p| !p.named).nth(i),
        };
        match param {
            Some(param) if self.args.contains_key(param.name) => {
                let span = arg.name.as_ref().map_or(arg.span, |n| n.span);
                let message = format!("`{}` is given twice", param.name);
                self.fail(Diagnostic::new(code::E0305, span, message).help("keep one of the two"));
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

    /// Whether an argument was meant for a parameter, and not as a branch of that name.
    fn is_misspelt(&self, operator: &'static Operator, arg: &Arg) -> bool {
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

    fn stray(&mut self, operator: &'static Operator, arg: &'a Arg) {
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
        let params: Vec<&str> = operator.params.iter().map(|p| p.name).collect();
        if operator.name == "combine" && matches!(given, "weights" | "weight") {
            let help = "a weight stands before its branch: `combine(0.7 * a, 0.3 * b)`";
            return Some(help.to_owned());
        }
        if operator.name == "score"
            && let Some(help) = self.order_of_score(given, value)
        {
            return Some(help);
        }
        let orders = ["order_by", "sort", "sort_by", "order"].contains(&given);
        if orders && !params.contains(&"order") {
            let score = print_expression(value);
            return Some(format!(
                "rows are put in order before it: `.score({score})`"
            ));
        }
        if operator.name == "diversify_by" && matches!(given, "max" | "limit" | "n" | "per") {
            let (key, n) = (
                self.arg("key").map(print_expression),
                print_expression(value),
            );
            let key = key.unwrap_or_else(|| "author".to_owned());
            return Some(format!(
                "it leaves no row out: `take({n}, per={key})` keeps so many of each"
            ));
        }
        let of_case = operator.params.iter().find_map(|param| {
            let case = param.ty.split('|').find_map(|case| {
                let (case, inside) = case.split_once('(')?;
                let mut names = inside.split(['(', ')', ',', '=', ' ']);
                names.any(|name| name == given).then_some(case)
            })?;
            let value = print_expression(value);
            Some(format!(
                "it is of `{case}`: write `{}={case}({given}={value})`",
                param.name
            ))
        });
        of_case.or_else(|| {
            let near = suggest::nearest(given, params.iter().copied());
            let near = near.or_else(|| foreign::parameter(given, &params))?;
            Some(format!("did you mean `{near}`?"))
        })
    }

    /// `score(x, ascending=false)`.
    fn order_of_score(&self, given: &str, value: &ast::Expr) -> Option<String> {
        let ascends = match (given, &value.kind) {
            ("reverse" | "desc" | "descending", ExprKind::Bool(on)) => !on,
            ("asc" | "ascending", ExprKind::Bool(on)) => *on,
            _ => return None,
        };
        let score = self.arg("expr").map(print_expression);
        let score = score.unwrap_or_else(|| "quality".to_owned());
        let usual = "rows stand by their score, the largest first";
        Some(match ascends {
            true => format!("{usual}; `-x` turns it round, of a time `age(t)`: `score(-{score})`"),
            false => format!("{usual}: write `score({score})`"),
        })
    }

    fn fail(&mut self, diagnostic: Diagnostic) {
        self.ok = false;
        self.checker.report(diagnostic);
    }

    fn arg(&self, param: &str) -> Option<&'a ast::Expr> {
        self.args.get(param).map(|arg| &arg.value)
    }

    fn missing(&mut self, param: &str, help: &str) {
        let message = format!("`{}` needs `{param}`", self.name.text);
        self.fail(Diagnostic::new(code::E0303, self.name.span, message).help(help));
    }

    /// A number of rows that may stand as a word, a constant or a value of the request.
    fn quantity_of(&mut self, expr: &'a ast::Expr, auto: u64, role: Role) -> Option<Quantity> {
        match self.checker.quantity_word(expr, self.env) {
            Some(Some(Local::All)) => return Some(Quantity::All),
            Some(Some(Local::Auto(own))) => return Some(self.auto(own.unwrap_or(auto), role)),
            Some(_) => return None,
            None => {}
        }
        if let Some(help) = self.no_number(expr) {
            let message = "a number of rows is a whole number";
            self.fail(Diagnostic::new(code::E0302, expr.span, message).help(help));
            return None;
        }
        let typed = self
            .checker
            .typed(expr, self.env, &Scope::request(), &Type::Int);
        match typed.as_const() {
            _ if typed.is_error() => None,
            Some(Scalar::I64(n)) if *n >= 0 => Some(Quantity::Number(*n as u64)),
            Some(found) => {
                let message = match found {
                    Scalar::Null => "a number of rows cannot be null",
                    _ => "a number of rows cannot be negative",
                };
                let span = self.checker.origin(expr, self.env);
                self.fail(
                    Diagnostic::new(code::E0601, span, message)
                        .help("ask for at least one, or for `all`"),
                );
                None
            }
            None => Some(Quantity::PerRequest(typed)),
        }
    }

    /// A share or a duration where a number of rows is asked for: what to write instead.
    fn no_number(&self, expr: &ast::Expr) -> Option<String> {
        let written = print_expression(expr);
        let share = match expr.kind {
            ExprKind::Float(x) => x > 0.0 && x < 1.0,
            ExprKind::Duration(_) => {
                let operator = crate::ops::find(&self.name.text)?;
                let has = operator.params.iter().any(|p| p.name == "within");
                return has.then(|| format!("a stretch of time is `within={written}`"));
            }
            _ => return None,
        };
        Some(match self.name.text.as_str() {
            "sample" if share => {
                format!("a share of the rows is drawn by `filter(uniform() < {written})`")
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

    /// A number of the request is looked at when it comes.
    fn amount(&mut self, quantity: &Quantity, param: &str, least: i64) {
        if let Quantity::PerRequest(value) = quantity {
            let span = self.arg_span(param);
            self.checker.amount(value, param, least, span);
        }
    }

    /// A case and the numbers given with it.
    fn case_of(&mut self, expr: &'a ast::Expr, cases: &[Case]) -> Option<Choice> {
        let (name, span, args): (&str, Span, &'a [Arg]) = match &expr.kind {
            ExprKind::Name(name) => (name, expr.span, &[]),
            ExprKind::Call { callee, args } => (&callee.text, callee.span, args),
            ExprKind::Error => return None,
            kind => {
                let names: Vec<&str> = cases.iter().map(|c| c.name).collect();
                let message = format!("expected one of {}", names.join(", "));
                let help = match kind {
                    ExprKind::Str(name) if names.contains(&name.as_str()) => without_quotes(name),
                    ExprKind::Int(_) if self.name.text == "diversify_by" => format!(
                        "it spreads rows and leaves none out; `take({}, per={})` keeps some of each",
                        print_expression(expr),
                        self.arg("key")
                            .map_or("author".to_owned(), print_expression)
                    ),
                    _ => "cases are bare names, without quotes".to_owned(),
                };
                self.fail(Diagnostic::new(code::E0213, expr.span, message).help(help));
                return None;
            }
        };
        let Some(case) = cases.iter().position(|c| c.name == name) else {
            let names = || cases.iter().map(|c| c.name);
            let help = match suggest::nearest(name, names()) {
                _ if self.is_further_key(name) => format!(
                    "several keys stand in a list: `diversify_by([{}, {name}])`",
                    self.arg("key")
                        .map_or("author".to_owned(), print_expression)
                ),
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("choose one of {}", names().collect::<Vec<_>>().join(", ")),
            };
            let message = format!("`{name}` is none of the cases");
            self.fail(Diagnostic::new(code::E0213, span, message).help(help));
            return None;
        };
        let numbers = self.case_numbers(&cases[case], args)?;
        Some(Choice {
            case,
            span,
            numbers,
        })
    }

    /// Whether a name where a method should stand is a column: another key.
    fn is_further_key(&self, name: &str) -> bool {
        self.name.text == "diversify_by" && self.has_column(name)
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
            let param = &case.params[place];
            let taken = self.case_args.insert(param.name, &arg.value).is_some();
            if taken {
                let message = format!("`{}` is given twice", param.name);
                let span = arg.name.as_ref().map_or(arg.span, |name| name.span);
                self.fail(Diagnostic::new(code::E0305, span, message).help("keep one of the two"));
                ok = false;
                continue;
            }
            numbers[place] = match &param.takes {
                Takes::Number(range) => self.case_number(param.name, range, &arg.value),
                Takes::Count => self.case_count(param.name, &arg.value),
                Takes::Embedding | Takes::Set => continue,
            };
            ok &= numbers[place].is_some();
        }
        ok.then_some(numbers)
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
        let help = format!(
            "give a number from {:?} to {:?}",
            range.start(),
            range.end()
        );
        self.fail(Diagnostic::new(code::E0306, expr.span, message).help(help));
        None
    }

    /// A whole number from 1 on; `all` is infinite.
    fn case_count(&mut self, name: &str, expr: &'a ast::Expr) -> Option<f64> {
        match self.quantity_of(expr, 0, Role::Source)? {
            Quantity::All => Some(f64::INFINITY),
            Quantity::Number(n) if n > 0 => Some(n as f64),
            Quantity::Number(_) => {
                let message = format!("`{name}` 0 never gives a row");
                self.fail(
                    Diagnostic::new(code::E0601, expr.span, message)
                        .help("ask for at least one, or for `all`"),
                );
                None
            }
            Quantity::Auto(_) | Quantity::AutoAll => {
                let message = format!("`{name}` cannot be `auto`");
                self.fail(
                    Diagnostic::new(code::E0601, expr.span, message)
                        .help("give a number, or `all`"),
                );
                None
            }
            Quantity::PerRequest(_) => {
                let message = format!("`{name}` has to be known before a request");
                self.fail(
                    Diagnostic::new(code::E0314, expr.span, message)
                        .help("write a number, or the name of a tunable"),
                );
                None
            }
        }
    }

    /// A column of the row under its own name, as `select(name)` wants it.
    fn selected(&mut self, arg: &'a Arg) -> Option<String> {
        match (&arg.name, bare_name(&arg.value)) {
            (Some(name), _) => self.checker.check_bindable(name).then(|| name.text.clone()),
            (None, Some("all")) if self.name.text == "select" && !self.has_column("all") => {
                let message = "rows keep all their columns without `select`";
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

    /// Columns as `select` and `let` want them, for a text, a list of names or a record.
    fn named_columns(&self, value: &ast::Expr) -> Option<String> {
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
    fn named_by_text(&mut self, rest: &[&'a Arg]) -> bool {
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

    /// An expression of the rows; a column in quotes is reported.
    fn of_rows(&mut self, expr: &'a ast::Expr, scope: &Scope<'_>) -> Option<Expr> {
        if self.checker.report_quoted(expr, scope) {
            self.ok = false;
            return None;
        }
        Self::checked(self.checker.scalar(expr, self.env, scope, None))
    }

    /// Reports a list of unlike elements where one key is asked for.
    fn is_list_of_keys(&mut self, param: &str, expr: &'a ast::Expr, scope: &Scope<'_>) -> bool {
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
        let help = format!(
            "several keys are one by `hash`: `{param}=hash({})`",
            keys.join(", ")
        );
        self.fail(Diagnostic::new(code::E0302, expr.span, message).help(help));
        true
    }

    fn rule_list(&mut self, param: &str, expr: &'a ast::Expr) -> Option<&'a [ast::Expr]> {
        match &expr.kind {
            ExprKind::List(items) => Some(items),
            ExprKind::Error => None,
            _ => {
                let message = format!("`{param}` is a list of rules");
                let help = format!("write `{param}=[author: 2 in 10]`");
                self.fail(Diagnostic::new(code::E0302, expr.span, message).help(help));
                None
            }
        }
    }

    /// `key: count in window`, where a count of `least` is the smallest that makes sense.
    fn rule(&mut self, item: &'a ast::Expr, shape: &Shape, least: i64) -> Option<RuleArg> {
        let ExprKind::Rule { key, count, window } = &item.kind else {
            if !matches!(item.kind, ExprKind::Error) {
                let help = "write `key: count`, or `key: count in window`";
                self.fail(Diagnostic::new(code::E0302, item.span, "expected a rule").help(help));
            }
            return None;
        };
        let scope = Scope::rows(shape.entity, &shape.columns);
        if self.checker.report_quoted(key, &scope) {
            self.ok = false;
            return None;
        }
        let typed = self.checker.scalar(key, self.env, &scope, None);
        let span = count.span;
        let (count, count_text) = self.number_of_rule(count);
        self.checker
            .amount(&count, &print_expression(key), least, span);
        let mut text = format!("{}: {count_text}", print_expression(key));
        let window = window.as_ref().map(|window| {
            let span = window.span;
            let (window, written) = self.number_of_rule(window);
            self.checker
                .amount(&window, &print_expression(key), 1, span);
            text.push_str(&format!(" in {written}"));
            window
        });
        let mut names = Vec::new();
        key_names(key, &mut names);
        Some(RuleArg {
            key: Self::checked(typed)?,
            count: Self::checked(count)?,
            window: match window {
                Some(window) => Some(Self::checked(window)?),
                None => None,
            },
            text,
            span: item.span,
            names,
        })
    }

    /// A number of the request, and how it reads: as itself where the program knows it, whatever
    /// the parameter of a definition is called.
    fn number_of_rule(&mut self, written: &'a ast::Expr) -> (Expr, String) {
        let number = self
            .checker
            .typed(written, self.env, &Scope::request(), &Type::Int);
        let text = match number.as_const() {
            Some(Scalar::I64(n)) => n.to_string(),
            _ => print_expression(written),
        };
        (number, text)
    }

    fn checked(expr: Expr) -> Option<Expr> {
        (!expr.is_error()).then_some(expr)
    }
}

/// The names in a key, by which `relax` finds it.
pub(super) fn key_names(key: &ast::Expr, names: &mut Vec<String>) {
    match &key.kind {
        ExprKind::Name(name) => names.push(name.clone()),
        ExprKind::Field { receiver, name } => {
            names.push(name.text.clone());
            key_names(receiver, names);
        }
        ExprKind::Unary { operand, .. } => key_names(operand, names),
        ExprKind::Binary { left, right, .. } => {
            key_names(left, names);
            key_names(right, names);
        }
        ExprKind::Compare { first, rest } => {
            key_names(first, names);
            rest.iter().for_each(|(_, e)| key_names(e, names));
        }
        ExprKind::In { value, .. } | ExprKind::IsNull { value, .. } => key_names(value, names),
        ExprKind::Call { args, .. } => args.iter().for_each(|a| key_names(&a.value, names)),
        _ => {}
    }
}

impl<'a> Bind for Binder<'_, 'a> {
    fn schema(&self) -> &Schema {
        self.checker.schema
    }

    fn snapshot(&self) -> &Snapshot {
        self.checker.snapshot
    }

    fn graph(&self) -> &Graph {
        &self.checker.graph
    }

    fn input(&self) -> NodeId {
        self.input.map_or(NodeId(0), |(_, node)| node)
    }

    fn span(&self) -> Span {
        self.name.span
    }

    fn role(&self) -> Role {
        self.role
    }

    fn has(&self, param: &str) -> bool {
        self.args.contains_key(param)
    }

    fn arg_span(&self, param: &str) -> Span {
        self.arg(param).map_or(self.name.span, |e| e.span)
    }

    fn origin(&self, param: &str) -> Span {
        match self.arg(param) {
            Some(expr) => self.checker.origin(expr, self.env),
            None => self.name.span,
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.checker.report(diagnostic);
    }

    fn quantity(&mut self, param: &str, auto: u64, all_for_facts: bool) -> Option<Quantity> {
        let role = if all_for_facts {
            self.role
        } else {
            Role::Source
        };
        let Some(expr) = self.arg(param) else {
            return Some(self.auto(auto, role));
        };
        let quantity = self.quantity_of(expr, auto, role)?;
        self.amount(&quantity, param, 1);
        if quantity == Quantity::Number(0) {
            let message = "a number of 0 never gives a row";
            let span = self.checker.origin(expr, self.env);
            self.fail(
                Diagnostic::new(code::E0601, span, message)
                    .help("ask for at least one, or for `all`"),
            );
            return None;
        }
        Some(quantity)
    }

    fn count(&mut self, param: &str) -> Option<Option<Quantity>> {
        match self.arg(param) {
            None => Some(None),
            Some(expr) => match self.quantity_of(expr, 0, Role::Source)? {
                Quantity::Auto(_) | Quantity::AutoAll => {
                    let message = format!("`{param}` cannot be `auto`");
                    self.fail(
                        Diagnostic::new(code::E0601, expr.span, message)
                            .help("give a number, or `all`"),
                    );
                    None
                }
                quantity => {
                    self.amount(&quantity, param, i64::from(param != "offset"));
                    Some(Some(quantity))
                }
            },
        }
    }

    fn largest(&self, number: &Quantity) -> Option<u64> {
        let Quantity::PerRequest(expr) = number else {
            return number.known();
        };
        let Kind::Param(slot, _) = expr.kind else {
            return None;
        };
        let default = self.checker.params.get(slot as usize)?.default.as_ref();
        let default = match default.and_then(Expr::as_const) {
            Some(Scalar::I64(n)) => u64::try_from(*n).ok(),
            _ => None,
        };
        let ranges = self.checker.ranges.iter();
        let ends = ranges.filter(|range| range.value == *expr && range.high.is_finite());
        ends.map(|range| range.high as u64).chain(default).max()
    }

    fn request_value(&mut self, param: &str, ty: Option<&Type>) -> Option<Option<Expr>> {
        let Some(expr) = self.arg(param) else {
            return Some(None);
        };
        let scope = Scope::request();
        let found = match ty {
            Some(ty) => self.checker.typed(expr, self.env, &scope, ty),
            None => self.checker.scalar(expr, self.env, &scope, None),
        };
        let found = Self::checked(found)?;
        if found.ty == Type::Duration {
            let span = self.checker.origin(expr, self.env);
            self.checker.duration_of_at_least(&found, param, 0, span)?;
        }
        Some(Some(found))
    }

    fn amounts(&mut self, value: &Expr, param: &str) {
        let span = self.arg_span(param);
        self.checker.amount(value, param, 1, span);
    }

    fn flag(&mut self, param: &str) -> Option<bool> {
        let Some(expr) = self.arg(param) else {
            return Some(false);
        };
        let found = self
            .checker
            .typed(expr, self.env, &Scope::request(), &Type::Bool);
        match found.as_const() {
            Some(Scalar::Bool(b)) => Some(*b),
            _ if found.is_error() => None,
            _ => {
                let message = format!("`{param}` has to be known before a request");
                self.fail(
                    Diagnostic::new(code::E0314, expr.span, message)
                        .help("write `true` or `false`"),
                );
                None
            }
        }
    }

    fn choice(&mut self, param: &str, cases: &[Case]) -> Option<Option<Choice>> {
        match self.arg(param) {
            None => Some(None),
            Some(expr) => self.case_of(expr, cases).map(Some),
        }
    }

    fn case_embedding(&mut self, name: &str, entity: EntityId) -> Option<u32> {
        match self.case_args.get(name) {
            Some(expr) => self.checker.embedding(expr, self.env, entity),
            None => self
                .checker
                .embedding_named("default", self.name.span, self.env, entity),
        }
    }

    fn case_set(&mut self, name: &str, entity: EntityId) -> Option<Option<NodeId>> {
        let Some(&expr) = self.case_args.get(name) else {
            return Some(None);
        };
        let node = self.checker.set(expr, self.env, Role::Fact)?;
        let found = self.checker.graph.shape(node).entity;
        if found == entity {
            return Some(Some(node));
        }
        let message = format!(
            "`{name}` is a set of `{}`, the rows are of `{}`",
            self.checker.entity_name(found),
            self.checker.entity_name(entity)
        );
        let help = "walk from one entity to the other first";
        self.fail(Diagnostic::new(code::E0301, expr.span, message).help(help));
        None
    }

    fn seen(&mut self, entity: EntityId) -> Option<NodeId> {
        self.checker.seen(entity, self.name.span, self.env)
    }

    fn row_value(&mut self, param: &str, shape: &Shape, ty: Option<&Type>) -> Option<Option<Expr>> {
        let Some(expr) = self.arg(param) else {
            return Some(None);
        };
        let scope = Scope::rows(shape.entity, &shape.columns);
        match ty {
            Some(ty) => Self::checked(self.checker.typed(expr, self.env, &scope, ty)).map(Some),
            None if self.is_list_of_keys(param, expr, &scope) => None,
            None => self.of_rows(expr, &scope).map(Some),
        }
    }

    fn further_keys(&mut self, shape: &Shape) -> Option<Vec<(Expr, Span)>> {
        let scope = Scope::rows(shape.entity, &shape.columns);
        let keys: Vec<Option<(Expr, Span)>> = std::mem::take(&mut self.rest)
            .into_iter()
            .map(|arg| {
                let key = self.of_rows(&arg.value, &scope)?;
                Some((key, arg.value.span))
            })
            .collect();
        keys.into_iter().collect()
    }

    fn keys(&mut self, param: &str, shape: &Shape) -> Option<Option<Vec<(Expr, Span)>>> {
        let Some(expr) = self.arg(param) else {
            return Some(None);
        };
        let scope = Scope::rows(shape.entity, &shape.columns);
        let parts: Vec<&'a ast::Expr> = match &expr.kind {
            ExprKind::List(items) => items.iter().collect(),
            _ => vec![expr],
        };
        let keys: Vec<Option<(Expr, Span)>> = parts
            .into_iter()
            .map(|part| Some((self.of_rows(part, &scope)?, part.span)))
            .collect();
        let keys = keys.into_iter().collect::<Option<Vec<_>>>()?;
        if keys.is_empty() {
            self.fail(Diagnostic::new(
                code::E0303,
                expr.span,
                "expected at least one key",
            ));
            return None;
        }
        Some(Some(keys))
    }

    fn rules(&mut self, param: &str, shape: &Shape) -> Option<Vec<RuleArg>> {
        let Some(expr) = self.arg(param) else {
            return Some(Vec::new());
        };
        let items = self.rule_list(param, expr)?;
        let least = i64::from(param == "min");
        let rules: Vec<_> = items
            .iter()
            .map(|item| self.rule(item, shape, least))
            .collect();
        rules.into_iter().collect()
    }

    fn relaxed(&mut self, param: &str, shape: &Shape) -> Option<Vec<RelaxArg>> {
        let Some(expr) = self.arg(param) else {
            return Some(Vec::new());
        };
        let items: &[ast::Expr] = match &expr.kind {
            ExprKind::List(items) => items,
            _ => std::slice::from_ref(expr),
        };
        let scope = Scope::rows(shape.entity, &shape.columns);
        let relaxed: Vec<_> = items
            .iter()
            .map(|item| {
                let name = bare_name(item).map(str::to_owned);
                let key = match name {
                    Some(_) => None,
                    None => Some(Self::checked(
                        self.checker.scalar(item, self.env, &scope, None),
                    )?),
                };
                Some(RelaxArg {
                    name,
                    key,
                    span: item.span,
                })
            })
            .collect();
        relaxed.into_iter().collect()
    }

    fn entity_condition(&mut self, param: &str, entity: EntityId) -> Option<Option<Expr>> {
        let Some(expr) = self.arg(param) else {
            return Some(None);
        };
        Self::checked(
            self.checker
                .typed(expr, self.env, &Scope::entity(entity), &Type::Bool),
        )
        .map(Some)
    }

    fn link_value(&mut self, param: &str, edge: &EdgeExpr, ty: &Type) -> Option<Option<Expr>> {
        match self.arg(param) {
            None => Some(None),
            Some(expr) => self
                .checker
                .link_expr(expr, self.env, edge, None, ty)
                .map(Some),
        }
    }

    fn edge(&mut self, param: &str, from: EntityId) -> Option<EdgeExpr> {
        match self.arg(param) {
            Some(expr) => self.checker.edge_from(expr, self.env, from),
            None => {
                self.missing(param, "name the edge to go along: `walk(likes)`");
                None
            }
        }
    }

    fn embedding(&mut self, param: &str, entity: EntityId) -> Option<u32> {
        match self.arg(param) {
            Some(expr) => self.checker.embedding(expr, self.env, entity),
            None => self
                .checker
                .embedding_named("default", self.name.span, self.env, entity),
        }
    }

    fn model(&mut self, param: &str, shape: &Shape) -> Option<Model> {
        match self.arg(param) {
            Some(expr) => self.checker.model(expr, self.env, shape),
            None => self
                .checker
                .model_named("default", self.name.span, self.env.module, shape),
        }
    }

    fn entity(&mut self, param: &str) -> Option<Option<EntityId>> {
        let Some(expr) = self.arg(param) else {
            let optional = param == "to";
            if !optional {
                self.missing(param, "name an entity of the catalog: `all(media)`");
            }
            return optional.then_some(None);
        };
        let Some(name) = bare_name(expr) else {
            let message = "expected the name of an entity";
            let help = match &expr.kind {
                ExprKind::Str(name) => Some(without_quotes(name)),
                _ => None,
            };
            self.fail(Diagnostic::new(code::E0302, expr.span, message).maybe_help(help));
            return None;
        };
        self.checker
            .entity_named(name, expr.span, self.env.module)
            .map(Some)
    }

    fn conditions(&mut self, shape: &Shape) -> Option<Vec<Expr>> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            let checker = &mut *self.checker;
            return checker.default_policies(shape, self.name.span, &mut self.passed);
        }
        let scope = Scope::rows(shape.entity, &shape.columns);
        let mut found = Vec::new();
        for arg in rest {
            let condition = match &arg.name {
                Some(name) => {
                    let policy =
                        self.checker
                            .find_policy(&name.text, self.env.module, shape.entity);
                    if let Some((def, module)) = policy {
                        let passed = &mut self.passed;
                        self.checker
                            .passes_policy(def, module, shape.entity, passed);
                    }
                    self.checker.policy_argument(arg, self.env, shape)
                }
                None => {
                    let checker = &mut *self.checker;
                    checker.passes(&arg.value, self.env, shape.entity, &mut self.passed);
                    Self::checked(checker.typed(&arg.value, self.env, &scope, &Type::Bool))
                }
            };
            // what a policy makes of its arguments is its own affair
            if let Some(condition) = condition.as_ref().filter(|_| arg.name.is_none()) {
                let earlier = found.iter().flatten();
                self.checker.decides(condition, arg.span, shape, earlier);
            }
            found.push(condition);
        }
        found.into_iter().collect()
    }

    fn bindings(&mut self, shape: &Shape) -> Option<Vec<RestArg>> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            let help = format!("write `{}(name=expression)`", self.name.text);
            self.missing("a column", &help);
            return None;
        }
        if self.named_by_text(&rest) {
            return None;
        }
        let mut shape = shape.clone();
        let mut bound = Vec::new();
        for arg in rest {
            let name = self.selected(arg);
            let all = bare_name(&arg.value) == Some("all");
            if name.is_none() && (all || self.named_columns(&arg.value).is_some()) {
                continue;
            }
            let scope = Scope::rows(shape.entity, &shape.columns);
            let expr = Self::checked(self.checker.scalar(&arg.value, self.env, &scope, None));
            self.ok &= name.is_some() && expr.is_some();
            let Some(name) = name else { continue };
            // a column of no type: what reads it stays silent
            let expr = expr.unwrap_or_else(Expr::error);
            if let Some(bound) = arg.name.as_ref().filter(|_| self.name.text == "let") {
                self.checker.hides_column(bound, arg, &shape);
            }
            let column = BoundColumn::new(name.as_str(), expr.ty.clone());
            shape.bind(column.constant(expr.level < Level::Row));
            bound.push(RestArg {
                name: Some(name),
                span: arg.span,
                expr,
            });
        }
        Some(bound)
    }

    fn otherwise(&mut self, shape: Shape) {
        self.otherwise = Some(shape);
    }

    fn set(&mut self, param: &str, role: Role) -> Option<Option<NodeId>> {
        match self.arg(param) {
            None => Some(None),
            Some(expr) => self.checker.set(expr, self.env, role).map(Some),
        }
    }

    fn branches(&mut self, weighted: bool) -> Option<Vec<SetArg>> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() && self.input.is_none() {
            let help = format!("write `{}(a, b)`", self.name.text);
            self.missing("candidate sets", &help);
            return None;
        }
        let found = self
            .checker
            .branches(self.input, &rest, weighted, self.env, self.role);
        let first = found.iter().flatten().next();
        self.otherwise = first.map(|branch| self.checker.graph.shape(branch.set).clone());
        found.into_iter().collect()
    }

    fn joined(&mut self, sets: &[(NodeId, Span)]) -> Option<Shape> {
        self.checker.joined(sets, self.name.span)
    }

    fn passed(&self) -> BTreeSet<String> {
        self.passed.clone()
    }

    fn better_key(&self, param: &str) -> Option<String> {
        let (receiver, _) = self.input?;
        self.checker
            .better_key(receiver, self.env, bare_name(self.arg(param)?)?)
    }
}
