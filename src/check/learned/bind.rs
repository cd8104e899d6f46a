//! The arguments of a learner: found, typed, and kept within their ranges.

use super::declaration::{Declaration, Setting};
use super::kinds::{Default, Learner, Param, SHARED, Takes};
use crate::check::edges::Wanted;
use crate::check::env::{Env, Scope};
use crate::check::modules::Kind as NameKind;
use crate::check::spelled::Spelling;
use crate::check::{Checker, bare_name};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::ir::Scalar;
use crate::expr::show::duration;
use crate::expr::texts::Keys;
use crate::expr::{EdgeExpr, Kind};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ItemKind, Name};
use crate::syntax::print_name;
use crate::types::{EntityId, Type};
use xxhash_rust::xxh3::xxh3_64;

/// A parameter and its value.
pub(super) type Bound = (&'static str, Setting);

impl<'a> Checker<'a> {
    /// Every parameter of a learner with its value; `on` is the entity that a declaration names.
    pub(super) fn learner_settings(
        &mut self,
        learner: &'static Learner,
        callee: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
        on: Option<EntityId>,
    ) -> Option<Vec<Bound>> {
        let given = self.placed(learner, args)?;
        let mut bound: Vec<Bound> = Vec::new();
        let mut good = true;
        for (param, arg) in all(learner).zip(given) {
            let value = match arg {
                Some(arg) => self.learner_setting(param, &arg.value, &bound, env, on),
                None => self.default_of(param, learner, callee),
            };
            good &= value.is_some();
            bound.push((param.name, value.unwrap_or(Setting::Absent)));
        }
        good.then_some(bound)
    }

    /// The argument of each parameter.
    fn placed(
        &mut self,
        learner: &'static Learner,
        args: &'a [Arg],
    ) -> Option<Vec<Option<&'a Arg>>> {
        let names: Vec<&str> = all(learner).map(|param| param.name).collect();
        let mut given = vec![None; names.len()];
        let mut good = true;
        for (i, arg) in args.iter().enumerate() {
            let place = match &arg.name {
                Some(name) => names.iter().position(|known| *known == name.text),
                None => Some(i).filter(|&i| i < learner.params.len()),
            };
            let span = arg.name.as_ref().map_or(arg.span, |name| name.span);
            match place {
                Some(place) if given[place].is_none() => given[place] = Some(arg),
                Some(place) => {
                    let message = format!("`{}` is given twice", names[place]);
                    let found = Diagnostic::new(code::E0305, span, message);
                    self.report(found.help("keep one of the two"));
                    good = false;
                }
                None => {
                    self.no_such_setting(learner, &names, arg, span);
                    good = false;
                }
            }
        }
        good.then_some(given)
    }

    fn no_such_setting(&mut self, learner: &Learner, names: &[&str], arg: &Arg, span: Span) {
        let (code, message, near) = match &arg.name {
            Some(name) => {
                let near = suggest::nearest(&name.text, names.iter().copied());
                (code::E0304, format!("`{}` has no parameter `{}`", learner.name, name.text), near)
            }
            None => (code::E0307, format!("too many arguments for `{}`", learner.name), None),
        };
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", names.join(", ")),
        };
        self.report(Diagnostic::new(code, span, message).help(help));
    }

    fn default_of(&mut self, param: &Param, learner: &Learner, callee: &Name) -> Option<Setting> {
        Some(match param.default {
            Default::Absent => Setting::Absent,
            Default::Whole(n) => Setting::Whole(n),
            Default::Number(x) => Setting::Number(x),
            Default::Flag(flag) => Setting::Flag(flag),
            Default::Case(case) => Setting::Case(case),
            Default::Duration(us) => Setting::Duration(us),
            Default::Required => {
                let message = format!("`{}` needs `{}`", learner.name, param.name);
                let help = format!("write `{}({}=...)`", learner.name, param.name);
                return self.refuse(Diagnostic::new(code::E0303, callee.span, message).help(help));
            }
        })
    }

    fn learner_setting(
        &mut self,
        param: &Param,
        expr: &'a ast::Expr,
        before: &[Bound],
        env: &Env<'a>,
        on: Option<EntityId>,
    ) -> Option<Setting> {
        match param.takes {
            Takes::Edge => self.edge_setting(expr, env),
            Takes::Column => self.column_setting(param, expr, before),
            Takes::Texts => self.texts_setting(param, expr, env.module, on?),
            Takes::Embedding => self.embedding(expr, env, on?).map(Setting::Embedding),
            Takes::Topics => self.topics_setting(param, expr, env, on?),
            Takes::PositiveOr(word) if bare_name(expr) == Some(word) => Some(Setting::Case(word)),
            Takes::Case(cases) => self.case_setting(param, expr, cases).map(Setting::Case),
            Takes::WholeOr(_, _, word) if bare_name(expr) == Some(word) => {
                Some(Setting::Case(word))
            }
            Takes::Whole(low, high) | Takes::WholeOr(low, high, _) => {
                let found = self.fixed(param, expr, env, &Type::Int)?;
                let Scalar::I64(n) = found else { return None };
                self.within_range(param, expr, n as f64, (low as f64, high as f64), true)?;
                Some(Setting::Whole(n))
            }
            Takes::Number(low, high) => {
                let x = self.fixed_number(param, expr, env)?;
                self.within_range(param, expr, x, (low, high), false)?;
                Some(Setting::Number(x))
            }
            Takes::Positive | Takes::PositiveOr(_) => {
                let x = self.fixed_number(param, expr, env)?;
                match x > 0.0 {
                    true => Some(Setting::Number(x)),
                    false => self.out_of_range(param, expr, format!("above 0, found {x:?}")),
                }
            }
            Takes::Flag => match self.fixed(param, expr, env, &Type::Bool)? {
                Scalar::Bool(flag) => Some(Setting::Flag(flag)),
                _ => None,
            },
            Takes::Duration => {
                let Scalar::I64(us) = self.fixed(param, expr, env, &Type::Duration)? else {
                    return None;
                };
                match us > 0 {
                    true => Some(Setting::Duration(us)),
                    false => self.out_of_range(param, expr, "longer than nothing".to_owned()),
                }
            }
        }
    }

    /// An edge whose links are the same for every request.
    pub(super) fn edge_setting(&mut self, expr: &'a ast::Expr, env: &Env<'a>) -> Option<Setting> {
        let edge = self.edge(expr, env, Wanted::Any)?;
        let mut reads = None;
        edge.walk(&mut |part| {
            let what = match &part.kind {
                Kind::Param(_, name) => Some(format!("`{name}`, which a request gives")),
                Kind::Viewer => Some("the viewer".to_owned()),
                Kind::InSet { .. } | Kind::OfSet { .. } | Kind::OverSet { .. } => {
                    Some("a candidate set".to_owned())
                }
                _ => part.draws().then(|| "what is drawn at random".to_owned()),
            };
            reads = reads.take().or(what);
        });
        let Some(reads) = reads else {
            return Some(Setting::Edge(Box::new(edge)));
        };
        let message =
            format!("what is learnt is the same for all requests, but the edge reads {reads}");
        let help = "learn from an edge whose conditions read links, columns and `now` alone";
        self.refuse(Diagnostic::new(code::E0314, expr.span, message).help(help))
    }

    fn column_setting(
        &mut self,
        param: &Param,
        expr: &'a ast::Expr,
        before: &[Bound],
    ) -> Option<Setting> {
        let edge = before.iter().find_map(|(_, setting)| match setting {
            Setting::Edge(edge) => Some(edge),
            _ => None,
        })?;
        let columns = || edge.columns.iter().map(|(name, _)| name.as_str());
        if let Some(name) = bare_name(expr)
            && let Some(place) = edge.find_column(name)
        {
            return Some(Setting::Column(place));
        }
        let near = bare_name(expr).and_then(|name| suggest::nearest(name, columns()));
        let help = match (near, columns().next()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(_)) => format!("it has {}", columns().collect::<Vec<_>>().join(", ")),
            (None, None) => "it has no columns beside its ends, time and weight".to_owned(),
        };
        let message = format!("`{}` is a column of `{}`", param.name, edge.name);
        self.refuse(Diagnostic::new(code::E0203, expr.span, message).help(help))
    }

    fn case_setting(
        &mut self,
        param: &Param,
        expr: &'a ast::Expr,
        cases: &'static [&'static str],
    ) -> Option<&'static str> {
        let found = bare_name(expr).and_then(|name| cases.iter().find(|case| **case == name));
        if let Some(case) = found {
            return Some(case);
        }
        let near = bare_name(expr).and_then(|name| suggest::nearest(name, cases.iter().copied()));
        let names: Vec<String> = cases.iter().map(|case| format!("`{case}`")).collect();
        let message = format!("`{}` must be {}", param.name, names.join(" or "));
        let help = near.map(|near| format!("did you mean `{near}`?"));
        self.refuse(Diagnostic::new(code::E0213, expr.span, message).maybe_help(help))
    }

    fn fixed_number(&mut self, param: &Param, expr: &'a ast::Expr, env: &Env<'a>) -> Option<f64> {
        match self.fixed(param, expr, env, &Type::Float)? {
            Scalar::F64(x) => Some(x),
            Scalar::I64(n) => Some(n as f64),
            _ => None,
        }
    }

    /// A value that the program fixes: no request and no tuner can give another.
    fn fixed(
        &mut self,
        param: &Param,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        ty: &Type,
    ) -> Option<Scalar> {
        if let Some(name) = self.moved_name(expr, env.module) {
            let message =
                format!("`{}` decides what is trained, so `{name}` cannot be it", param.name);
            let help = "write the value: what is trained from other values is another version";
            return self.refuse(Diagnostic::new(code::E0314, expr.span, message).help(help));
        }
        let typed = self.typed(expr, env, &Scope::request(), ty);
        match typed.as_const() {
            Some(Scalar::Null) | None if !typed.is_error() => {
                let message = format!("`{}` must be a constant", param.name);
                self.refuse(
                    Diagnostic::new(code::E0314, expr.span, message).help("write its value"),
                )
            }
            found => found.filter(|_| !typed.is_error()).cloned(),
        }
    }

    /// A tunable, parameter or experiment that an expression names.
    fn moved_name(&self, expr: &'a ast::Expr, module: usize) -> Option<&'a str> {
        let mut names = Vec::new();
        crate::check::key_names(expr, &mut names);
        let is_moved = |kind: &ItemKind| {
            let moved = matches!(kind, ItemKind::Tunable { .. } | ItemKind::Param { .. });
            moved || matches!(kind, ItemKind::Experiment { .. })
        };
        let modules = self.modules;
        names.iter().find_map(|name| {
            let (_, item) = modules.find(module, NameKind::Rest, name).next()?;
            match &item.kind {
                kind if !is_moved(kind) => None,
                ItemKind::Tunable { name, .. }
                | ItemKind::Param { name, .. }
                | ItemKind::Experiment { name, .. } => Some(name.text.as_str()),
                _ => None,
            }
        })
    }

    fn within_range(
        &mut self,
        param: &Param,
        expr: &ast::Expr,
        found: f64,
        (low, high): (f64, f64),
        whole: bool,
    ) -> Option<()> {
        if (low..=high).contains(&found) {
            return Some(());
        }
        let number = |x: f64| if whole { format!("{x}") } else { format!("{x:?}") };
        let range = match high >= i64::MAX as f64 {
            true => format!("at least {}, found {}", number(low), number(found)),
            false => format!("in {}..{}, found {}", number(low), number(high), number(found)),
        };
        self.out_of_range(param, expr, range)
    }

    fn out_of_range<T>(&mut self, param: &Param, expr: &ast::Expr, must_be: String) -> Option<T> {
        let message = format!("`{}` must be {must_be}", param.name);
        self.refuse(Diagnostic::new(code::E0306, expr.span, message))
    }

    /// A declaration, with all that it means as text.
    pub(super) fn declaration(
        &self,
        name: &Name,
        learner: &'static Learner,
        entities: Vec<EntityId>,
        settings: Vec<Bound>,
    ) -> Declaration {
        let columns = super::edge_of(&settings).map_or(&[][..], |edge| &edge.columns);
        let columns: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
        let settings: Vec<_> = settings
            .into_iter()
            .map(|(param, setting)| {
                let text = self.setting_text(&setting, &columns);
                (param, setting, text)
            })
            .collect();
        let decides = |param: &str| param != "max_age";
        let args = settings
            .iter()
            .filter(|(param, setting, _)| decides(param) && *setting != Setting::Absent);
        let args: Vec<String> = args.map(|(param, _, text)| format!("{param}={text}")).collect();
        let text = format!("{}({})", learner.name, args.join(", "));
        let hash = format!("{:016x}", xxh3_64(text.as_bytes()));
        let (kind, learner, span) = (learner.kind, learner.name, name.span);
        let name = name.text.clone();
        Declaration { kind, name, learner, entities, settings, text, hash, span, model: None }
    }

    fn setting_text(&self, setting: &Setting, columns: &[String]) -> String {
        match setting {
            Setting::Absent => String::new(),
            Setting::Whole(n) => n.to_string(),
            Setting::Number(x) => format!("{x:?}"),
            Setting::Flag(flag) => flag.to_string(),
            Setting::Case(case) => (*case).to_owned(),
            Setting::Duration(us) => duration(*us),
            Setting::Edge(edge) => self.edge_text(edge),
            Setting::Embedding(number) => {
                self.schema.embeddings[*number as usize].meaning().to_owned()
            }
            Setting::Topics(topics) => self.topics_text(topics),
            Setting::Column(place) => columns[*place].clone(),
            Setting::Texts(columns) => {
                let names = columns.iter().map(|name| print_name(name));
                format!("[{}]", names.collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// An edge, by what it is made of.
    pub(super) fn edge_text(&self, edge: &EdgeExpr) -> String {
        let keys = Keys::new(self.snapshot);
        let (schema, texts, keys) = (self.schema, &self.texts, &keys);
        Spelling { schema, texts, keys, columns: &[] }.edge(edge)
    }

    /// Lists without times have no order, and nothing may depend on one.
    pub(super) fn check_order(&mut self, declared: &Declaration, callee: &Name) -> Option<()> {
        let edge = declared.edge()?;
        if declared.learner != "co_occurrence" || edge.has_time {
            return Some(());
        }
        let is_unordered = declared.is("window", "all")
            && declared.is("decay", "none")
            && declared.number("backward") == 1.0
            && declared.duration("session_gap").is_none();
        if is_unordered {
            return Some(());
        }
        let message = format!("`{}` has no times, so its links have no order", edge.name);
        let help = "count pairs whatever their order: `window=all, decay=none, backward=1.0`, or \
                    name the time column of the edge in the catalog";
        self.refuse(Diagnostic::new(code::E0505, callee.span, message).help(help))
    }
}

/// The parameters of a learner, and those that all have.
fn all(learner: &'static Learner) -> impl Iterator<Item = &'static Param> {
    learner.params.iter().chain(SHARED)
}
