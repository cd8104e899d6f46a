//! Which parameter an argument of a definition is for.

use super::{Bindings, Callable, Given, default_of};
use crate::check::Checker;
use crate::check::env::{Env, Scope};
use crate::diag::{Diagnostic, code, suggest};
use crate::ops::Role;
use crate::source::Span;
use crate::syntax::ast::{self, ItemKind, Name, Param};
use foldhash::HashMap;

impl<'a> Checker<'a> {
    /// Binds arguments to parameters: positional, then named, then defaults.
    pub(super) fn bind(
        &mut self,
        def: &Callable<'a>,
        name: &Name,
        given: Vec<Given<'a>>,
        role: Role,
        scope: Option<&Scope<'_>>,
    ) -> Bindings<'a> {
        // without parameters, all calls are one
        let env = match (def.params, given.first()) {
            ([], _) => Env::top(def.module),
            (_, first) => Env::called(def.module, name.span, first.map(|given| &given.env)),
        };
        let (slots, ok) = self.match_arguments(def.params, &name.text, name.span, given);
        if ok {
            self.missing_arguments(name, def.params, &slots);
        }
        let mut bindings = Bindings { env, entities: HashMap::default(), ok };
        for (param, slot) in def.params.iter().zip(slots) {
            let is_default = slot.is_none();
            let Some(given) = slot.or_else(|| default_of(param, def.module)) else {
                bindings.ok = false;
                continue;
            };
            let entities = &mut bindings.entities;
            let bind =
                |this: &mut Self| this.bind_param(param, def.module, given, entities, role, scope);
            // what is wrong with a default is wrong where the definition is used
            let bound = match is_default {
                true => self.within(&name.text, name.span, bind),
                false => bind(self),
            };
            match bound {
                Some(local) => bindings.env = bindings.env.with(&param.name.text, local),
                None => bindings.ok = false,
            }
        }
        bindings
    }

    /// One message for all arguments that a call leaves out.
    fn missing_arguments(&mut self, name: &Name, params: &[Param], slots: &[Option<Given<'a>>]) {
        let slots = params.iter().zip(slots);
        let left_out: Vec<&Param> = slots
            .filter(|(param, slot)| slot.is_none() && param.default.is_none())
            .map(|(param, _)| param)
            .collect();
        if left_out.is_empty() || self.follows_lost_expression(name.span) {
            return;
        }
        let each = |show: &dyn Fn(&str) -> String, by: &str| {
            let shown: Vec<String> = left_out.iter().map(|p| show(&p.name.text)).collect();
            shown.join(by)
        };
        let names = each(&|name| format!("`{name}`"), " and ");
        let given = each(&|name| format!("{name}=..."), ", ");
        let message = format!("`{}` needs {names}", name.text);
        let mut diagnostic =
            Diagnostic::new(code::E0303, name.span, message).help(format!("add `{given}`"));
        for param in left_out {
            diagnostic = diagnostic.label(param.span, "declared here without a default");
        }
        self.report(diagnostic);
    }

    /// Whether a call begins the line after an expression that stands alone, which is reported: then
    /// it lacks the point before it, and no argument.
    fn follows_lost_expression(&self, span: Span) -> bool {
        let is_expression = |item: &ast::Item| matches!(item.kind, ItemKind::Expr(_));
        let items = &self.modules.all[0].file.items;
        items.windows(2).any(|pair| {
            pair[1].span.source == span.source
                && pair[1].span.start == span.start
                && pair.iter().all(is_expression)
        })
    }

    /// Which argument goes to which parameter; reports those that go nowhere.
    fn match_arguments(
        &mut self,
        params: &'a [Param],
        name: &str,
        span: Span,
        given: Vec<Given<'a>>,
    ) -> (Vec<Option<Given<'a>>>, bool) {
        let mut slots: Vec<Option<Given<'a>>> = vec![None; params.len()];
        let mut ok = true;
        // what stands before the point is no argument in brackets
        let is_receiver = |g: &Given<'a>| g.name.is_none() && g.expr.span.start < span.start;
        let inside = &params[given.first().is_some_and(is_receiver) as usize..];
        let mut named = 0;
        for (i, arg) in given.into_iter().enumerate() {
            if arg.name.is_none() && named > 0 {
                self.late_position(arg.expr.span);
                ok = false;
            }
            named += usize::from(arg.name.is_some());
            let place = match arg.name {
                None => Some(i - named).filter(|&i| i < params.len()),
                Some(n) => params.iter().position(|p| p.name.text == n.text),
            };
            match place {
                Some(place) if slots[place].is_none() => {
                    slots[place] = Some(arg);
                    continue;
                }
                Some(place) => self.given_again(&params[place].name.text, &arg),
                None => self.stray_argument(inside, name, span, &arg),
            }
            ok = false;
        }
        (slots, ok)
    }

    fn given_again(&mut self, param: &str, arg: &Given<'a>) {
        let span = arg.name.map_or(arg.expr.span, |n| n.span);
        let message = format!("`{param}` is given twice");
        self.report(Diagnostic::new(code::E0305, span, message).help("keep one of the two"));
    }

    /// Reports a positional argument behind a named one; it is read as if it stood before.
    pub(in crate::check) fn late_position(&mut self, span: Span) {
        let message = "positional argument after a named one";
        let help = "name it, or move it before the named arguments";
        self.report(Diagnostic::new(code::E0307, span, message).help(help));
    }

    fn stray_argument(&mut self, params: &[Param], name: &str, span: Span, arg: &Given<'a>) {
        let names: Vec<&str> = params.iter().map(|p| p.name.text.as_str()).collect();
        let Some(given) = arg.name else {
            let message = match params.len() {
                0 => format!("`{name}` takes no arguments"),
                1 => format!("`{name}` takes one argument"),
                n => format!("`{name}` takes {n} arguments"),
            };
            let help = match params.len() {
                0 => format!("write `{name}()`"),
                _ => format!("its parameters are {}", names.join(", ")),
            };
            return self.report(
                Diagnostic::new(code::E0307, arg.expr.span, message)
                    .label(span, "in this call")
                    .help(help),
            );
        };
        let near = suggest::nearest(&given.text, names.iter().copied());
        let help = match near.or_else(|| crate::check::foreign::parameter(&given.text, &names)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => format!("write `{name}()`"),
            None => format!("its parameters are {}", names.join(", ")),
        };
        let message = format!("`{name}` has no parameter `{}`", given.text);
        self.report(Diagnostic::new(code::E0304, given.span, message).help(help));
    }
}
