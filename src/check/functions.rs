//! Calls of the functions of row expressions: arguments to parameters, and what a call leaves out
//! (the time zone, `now`, the seed and the row).

use super::Checker;
use super::env::{Env, Scope};
use crate::diag::{Code, Diagnostic, code, suggest};
use crate::expr::functions::{Form, Function, time};
use crate::expr::ir::{Expr, Kind, LinkField, Pattern, Scalar};
use crate::source::Span;
use crate::syntax::ast::{self, Name};
use crate::types::Type;
use std::sync::Arc;

/// An argument as it is written: its name, if it has one, and its value.
pub(super) type Written<'a> = (Option<&'a Name>, &'a ast::Expr);

/// Arguments in the order of the parameters, with their places.
pub(super) type Placed = Vec<(Expr, Span)>;

impl<'a> Checker<'a> {
    pub(super) fn call_function(
        &mut self,
        function: &'static Function,
        args: &[Written<'a>],
        name: Span,
        span: Span,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        let Some(order) = self.places(function, args, name) else {
            return Expr::error();
        };
        let placed: Placed = order
            .into_iter()
            .map(|i| (self.scalar(args[i].1, env, scope, None), args[i].1.span))
            .collect();
        if placed.iter().any(|(arg, _)| arg.is_error()) {
            return Expr::error();
        }
        let done = match function.form {
            Form::Hash => self.hash(function, placed, span),
            Form::Bucket => self.bucket(function, placed, span),
            Form::Uniform => self.uniform(function, placed, span, scope),
            Form::Drawn => self.drawn(function, placed, span, scope),
            Form::Extract => self.extract(function, placed, span),
            Form::Zone => self.clock(function, placed, span),
            Form::Now => self.since(function, placed, span),
            Form::Plain => {
                let args = placed.into_iter().map(|(arg, _)| arg).collect();
                Some(self.apply(function.name, args, span))
            }
        };
        done.unwrap_or_else(Expr::error)
    }

    /// Which argument stands for each parameter, up to the last that is given; reports names that
    /// the function does not have, and gaps.
    fn places(
        &mut self,
        function: &'static Function,
        args: &[Written<'a>],
        span: Span,
    ) -> Option<Vec<usize>> {
        let params: Vec<&str> = function.params().collect();
        let mut slots: Vec<Option<usize>> = Vec::new();
        for (i, (name, value)) in args.iter().enumerate() {
            let place = match name {
                None => i,
                Some(name) => match params.iter().position(|p| *p == name.text) {
                    Some(place) => place,
                    None => {
                        let what = format!("has no parameter `{}`", name.text);
                        return self.wrong_use(function, code::E0304, name.span, &what);
                    }
                },
            };
            slots.resize(slots.len().max(place + 1), None);
            if slots[place].replace(i).is_some() {
                let at = name.map_or(value.span, |n| n.span);
                let message = format!("`{}` is given twice", params[place]);
                return self.refuse(Diagnostic::new(code::E0305, at, message));
            }
        }
        if let Some(gap) = slots.iter().position(Option::is_none) {
            let what = format!("needs `{}`", params[gap]);
            return self.wrong_use(function, code::E0303, span, &what);
        }
        Some(slots.into_iter().flatten().collect())
    }

    fn wrong_use<T>(
        &mut self,
        function: &Function,
        code: Code,
        span: Span,
        what: &str,
    ) -> Option<T> {
        let message = format!("`{}` {what}", function.name);
        let usage = format!("use: `{}`", function.usage);
        self.refuse(Diagnostic::new(code, span, message).help(usage))
    }

    /// Reports a number of arguments that the function does not take.
    fn counted(
        &mut self,
        function: &'static Function,
        args: &Placed,
        least: usize,
        most: usize,
        span: Span,
    ) -> Option<()> {
        let usage = format!("use: `{}`", function.usage);
        if args.len() < least {
            let (name, found) = (function.name, args.len());
            let message = format!("`{name}` needs {least} argument(s), found {found}");
            return self.refuse(Diagnostic::new(code::E0303, span, message).help(usage));
        }
        if args.len() > most {
            let message = format!("`{}` takes at most {most} argument(s)", function.name);
            return self.refuse(Diagnostic::new(code::E0307, args[most].1, message).help(usage));
        }
        Some(())
    }

    fn hash(&mut self, function: &'static Function, args: Placed, span: Span) -> Option<Expr> {
        self.counted(function, &args, 1, usize::MAX, span)?;
        let parts = args.into_iter().map(|(part, at)| self.hashed(part, at));
        let parts = parts.collect::<Option<Vec<_>>>()?;
        Some(Expr::new(Kind::Hash(parts), Type::Int))
    }

    /// A part of a hash, of a type that has one form as bytes.
    pub(super) fn hashed(&mut self, part: Expr, span: Span) -> Option<Expr> {
        if let Type::Float | Type::List(_) | Type::Vector(_) = part.ty {
            let message = format!("{} cannot be hashed", self.type_name(&part.ty));
            let help = "hash ints, strings and ids: `hash(it)`, `hash(round(x))`";
            return self.refuse(Diagnostic::new(code::E0302, span, message).help(help));
        }
        Some(part)
    }

    pub(super) fn bucket(
        &mut self,
        function: &'static Function,
        args: Placed,
        span: Span,
    ) -> Option<Expr> {
        self.counted(function, &args, 3, 3, span)?;
        let [(key, at), (salt, salt_at), (n, n_at)] = args.try_into().ok()?;
        let key = self.hashed(key, at)?;
        let salt = self.hashed(salt, salt_at)?;
        let n = self.expect(n, &Type::Int, n_at);
        if let Some(Scalar::I64(number)) = n.as_const()
            && *number < 1
        {
            let message = format!("`n` must be at least 1, found {number}");
            return self.refuse(Diagnostic::new(code::E0306, n_at, message));
        }
        self.amount(&n, "n", 1, n_at);
        let hash = Expr::new(Kind::Hash(vec![salt, key]), Type::Int);
        Some(self.apply(function.name, vec![hash, n], span))
    }

    fn uniform(
        &mut self,
        function: &'static Function,
        args: Placed,
        span: Span,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        self.counted(function, &args, 0, 1, span)?;
        self.draw(function, args.into_iter().next(), span, scope)
    }

    /// `beta`: a number that is drawn comes last, in the place of the salt.
    fn drawn(
        &mut self,
        function: &'static Function,
        mut args: Placed,
        span: Span,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        let params = function.params().count();
        self.counted(function, &args, params - 1, params, span)?;
        let salt = args.drain(params - 1..).next();
        let draw = self.draw(function, salt, span, scope)?;
        let mut args: Vec<Expr> = args.into_iter().map(|(arg, _)| arg).collect();
        args.push(draw);
        Some(self.apply(function.name, args, span))
    }

    /// A number in (0, 1) for the row; in a link expression, for the link.
    fn draw(
        &mut self,
        function: &'static Function,
        salt: Option<(Expr, Span)>,
        span: Span,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        let salt = match salt {
            Some((salt, at)) => self.hashed(salt, at)?,
            None => Expr::constant(self.string(""), Type::String),
        };
        let ids = match (scope.link, &scope.row) {
            (Some(edge), _) => vec![
                Expr::new(Kind::Link(LinkField::From), Type::Id(edge.from)),
                Expr::new(Kind::Link(LinkField::To), Type::Id(edge.to)),
            ],
            (None, Some(row)) => vec![row.base.clone()],
            (None, None) => {
                let message = format!("`{}` needs a row, and there is none here", function.name);
                let help = "use it in `let`, `filter` or `score`";
                return self.refuse(Diagnostic::new(code::E0312, span, message).help(help));
            }
        };
        Some(Expr::new(Kind::Uniform { salt, ids }, Type::Float))
    }

    fn extract(&mut self, function: &'static Function, args: Placed, span: Span) -> Option<Expr> {
        self.counted(function, &args, 2, 2, span)?;
        let [(text, text_at), (pattern, at)] = args.try_into().ok()?;
        let text = self.expect(text, &Type::String, text_at);
        let pattern = self.expect(pattern, &Type::String, at);
        if text.is_error() || pattern.is_error() {
            return None;
        }
        let written = match pattern.as_const() {
            Some(Scalar::Code(code)) => self.texts.get(*code)?.into_owned(),
            Some(Scalar::Text(text)) => text.to_string(),
            _ => {
                let help = "write it in quotes: `extract(title, \"#(\\\\w+)\")`";
                let message = "the pattern of `extract` is a constant";
                return self.refuse(Diagnostic::new(code::E0314, at, message).help(help));
            }
        };
        let pattern = self.pattern(&written, at)?;
        Some(Expr::new(Kind::Extract { text, pattern }, Type::String))
    }

    fn pattern(&mut self, written: &str, at: Span) -> Option<Pattern> {
        match regex::Regex::new(written) {
            Ok(regex) if regex.captures_len() > 1 => Some(Pattern(Arc::new(regex))),
            Ok(_) => {
                let help = "put what to extract in parentheses: `\"#(\\\\w+)\"`";
                let message = "the pattern has no group";
                self.refuse(Diagnostic::new(code::E0316, at, message).help(help))
            }
            Err(error) => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                let reason = last.trim_start_matches("error: ");
                let message = format!("invalid regular expression: {reason}");
                let help = "a `\\\\` in quotes stands for one `\\`";
                let help = match written.contains('\\') {
                    true => help,
                    false => "escape literal characters with `\\\\`: `\"\\\\(\"`",
                };
                self.refuse(Diagnostic::new(code::E0316, at, message).help(help))
            }
        }
    }

    /// `age` and `decay`: what is given, and `now`.
    fn since(&mut self, function: &'static Function, args: Placed, span: Span) -> Option<Expr> {
        let half_life = function.params().position(|param| param == "half_life");
        if let Some((half_life, at)) = half_life.and_then(|place| args.get(place))
            && half_life.ty == Type::Duration
        {
            self.duration_of_at_least(half_life, "half_life", 1, *at)?;
        }
        let mut args: Vec<Expr> = args.into_iter().map(|(arg, _)| arg).collect();
        if args.len() == function.params().count() {
            args.push(Expr::new(Kind::Now, Type::Time));
        }
        Some(self.apply(function.name, args, span))
    }

    /// `hour`, `weekday` and `date`: the zone has to be one, where it is written out.
    fn clock(&mut self, function: &'static Function, args: Placed, span: Span) -> Option<Expr> {
        self.counted(function, &args, 1, 2, span)?;
        let written = match args.get(1).and_then(|(zone, _)| zone.as_const()) {
            Some(Scalar::Code(code)) => self.texts.get(*code).map(|text| text.into_owned()),
            Some(Scalar::Text(text)) => Some(text.to_string()),
            _ => None,
        };
        if let Some(name) = written
            && time::zone(&name).is_none()
        {
            let names = time::zone_names();
            let near = suggest::nearest(&name, names.iter().map(String::as_str));
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "zones are named as in `Europe/Berlin`".to_owned(),
            };
            let message = format!("unknown time zone `{name}`");
            return self.refuse(Diagnostic::new(code::E0213, args[1].1, message).help(help));
        }
        let mut args: Vec<Expr> = args.into_iter().map(|(arg, _)| arg).collect();
        if args.len() == 1 {
            args.push(Expr::constant(self.string("UTC"), Type::String));
        }
        Some(self.apply(function.name, args, span))
    }
}
