//! What a trained model reads: features of the row, the viewer and `now`, and what only a request knows.
//!
//! Features are resolved where the model is declared, so that training and serving evaluate the same expressions.

use super::arguments::{Given, within};
use super::described::{Dense, Ids, Inputs, Missing, Normalise, Shown, Sparse};
use super::{each_name, is_trained, link_columns};
use crate::check::env::{Row, Scope};
use crate::check::modules::Kind as NameKind;
use crate::check::{Checker, bare_name};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::EdgeExpr;
use crate::expr::ir::{Expr, Kind, Scalar};
use crate::ops::Chance;
use crate::ops::shape::BoundColumn;
use crate::source::Span;
use crate::store::learned::Kind as Learned;
use crate::syntax::ast::{self, Arg, ExprKind, ItemKind, Name};
use crate::syntax::print_expression;
use crate::types::{EntityId, Type, Value};

const MISSING: [(&str, Missing); 4] = [
    ("indicator", Missing::Indicator),
    ("mean", Missing::Mean),
    ("zero", Missing::Zero),
    ("error", Missing::Error),
];

/// An expression with its name among the inputs, and where it stands.
pub(super) type Named<'a> = (String, Span, &'a ast::Expr);

/// The rows that features are about.
pub(super) struct Rows<'c> {
    pub entity: EntityId,
    /// The id of a row.
    pub base: Expr,
    /// What the context declares.
    pub columns: &'c [BoundColumn],
    /// Whether that is right; else nothing more is said of features.
    pub known: bool,
}

impl<'a> Checker<'a> {
    /// What is read of an example, whose link is one of `edge`.
    pub(super) fn inputs(
        &mut self,
        given: &Given<'a>,
        entity: EntityId,
        edge: &EdgeExpr,
    ) -> Option<Inputs> {
        let context = self.context(given, edge);
        let columns: Vec<BoundColumn> = context
            .iter()
            .flatten()
            .map(|context| BoundColumn::new(&context.name, context.ty.clone()))
            .collect();
        let base = Expr::new(Kind::It, Type::Id(entity));
        let rows = Rows { entity, base, columns: &columns, known: context.is_some() };
        let dense = self.dense(given, &rows);
        let sparse = self.sparse(given, &rows);
        let vectors = self.vectors(given, &rows);
        let shown = self.shown_inputs(given, edge);
        let weight = self.example_weight(given, edge);
        let normalise =
            [("both", Normalise::Both), ("zscore", Normalise::ZScore), ("none", Normalise::None)];
        let normalise = self.word(given, "normalise", &normalise);
        let weight_clip =
            self.real(given, "weight_clip", within(f64::MIN_POSITIVE..=f64::MAX, 10.0));
        let min_count = self.whole(given, "min_count", within(1..=i64::from(u32::MAX), 3));
        let id_dropout = self.real(given, "id_dropout", within(0.0..=0.9, 0.3));
        let id_decay = self.real(given, "id_decay", within(0.0..=f64::MAX, 1.0));
        let id_dim = self.id_dim(given);
        let inputs = Inputs {
            dense: dense?,
            sparse: sparse?,
            vectors: vectors?,
            context: context?,
            shown: shown?,
            weight: weight?,
            weight_clip: weight_clip?,
            normalise: normalise?,
            min_count: min_count? as u32,
            id_dropout: id_dropout?,
            id_dim: id_dim?,
            id_decay: id_decay?,
        };
        if inputs.dense.is_empty() && inputs.sparse.is_empty() && inputs.vectors.is_empty() {
            let message = format!("`{}` needs inputs", given.callee.text);
            let help = "write `dense=[...]`, `sparse=[...]` or both";
            let diagnostic = Diagnostic::new(code::E0303, given.callee.span, message);
            return self.refuse(diagnostic.help(help));
        }
        self.context_is_read(given, &inputs)?;
        Some(inputs)
    }

    fn id_dim(&mut self, given: &Given<'a>) -> Option<Option<u32>> {
        match given.get("id_dim") {
            Some(value) if bare_name(value) != Some("auto") => {
                self.whole_in(given, "id_dim", value, &(1..=256)).map(|width| Some(width as u32))
            }
            _ => Some(None),
        }
    }

    /// A list's names are the texts of its elements.
    pub(super) fn named_inputs(&mut self, given: &Given<'a>, name: &str) -> Option<Vec<Named<'a>>> {
        let Some(value) = given.get(name) else { return Some(Vec::new()) };
        let named: Vec<Named<'a>> = match &value.kind {
            ExprKind::List(items) => {
                items.iter().map(|item| (print_expression(item), item.span, item)).collect()
            }
            ExprKind::Record(fields) => {
                fields.iter().map(|(name, e)| (name.text.clone(), name.span, e)).collect()
            }
            ExprKind::Error => return None,
            _ => {
                let message = format!("`{name}` is a list of expressions, or a record of them");
                let help = format!("write `{name}=[quality]` or `{name}={{quality: quality}}`");
                let diagnostic = Diagnostic::new(code::E0302, value.span, message);
                return self.refuse(diagnostic.help(help));
            }
        };
        for (place, (text, span, _)) in named.iter().enumerate() {
            if let Some(before) = named[..place].iter().find(|(other, ..)| other == text) {
                let message = format!("two inputs are called `{text}`");
                let help = "leave one out, or name them: `{a: ..., b: ...}`";
                let diagnostic = Diagnostic::new(code::E0208, *span, message);
                return self.refuse(diagnostic.label(before.1, "the other one").help(help));
            }
        }
        Some(named)
    }

    pub(super) fn dense(&mut self, given: &Given<'a>, rows: &Rows<'_>) -> Option<Vec<Dense>> {
        let named = self.named_inputs(given, "dense")?;
        let missing = self.missing(given, &named);
        let mut made = Vec::new();
        for (name, _, expr) in &named {
            let found = self.trained_feature(given, expr, rows);
            let found = found.filter(|found| self.as_dense(found, expr.span).is_some());
            self.note_unfit(name, found.is_none());
            made.push(found.map(|found| (name.clone(), found)));
        }
        let made = made.into_iter().collect::<Option<Vec<_>>>()?;
        let missing = missing?;
        let dense = made.into_iter().zip(missing);
        Some(dense.map(|((name, expr), missing)| Dense { name, expr, missing }).collect())
    }

    /// Notes which feature is wrong.
    pub(super) fn note_unfit(&mut self, name: &str, is_unfit: bool) {
        self.notes.unfit.extend(is_unfit.then(|| name.to_owned()));
    }

    /// Reports what is no number.
    pub(super) fn as_dense(&mut self, found: &Expr, span: Span) -> Option<()> {
        let is_number =
            found.ty.is_number() || matches!(found.ty, Type::Bool | Type::Duration | Type::Time);
        match is_number {
            true => Some(()),
            false => self.wrong_input(
                "a dense input is a number, bool, duration or time",
                found,
                span,
                match found.ty {
                    Type::Id(_) | Type::String | Type::List(_) => "put it into `sparse`",
                    Type::Vector(_) => "put it into `vectors`",
                    _ => "convert it to a number",
                },
            ),
        }
    }

    fn wrong_input<T>(&mut self, wanted: &str, found: &Expr, span: Span, help: &str) -> Option<T> {
        let message = format!("{wanted}, found {}", self.type_name(&found.ty));
        self.refuse(Diagnostic::new(code::E0302, span, message).help(help))
    }

    /// What stands for nulls of each dense input.
    pub(super) fn missing(
        &mut self,
        given: &Given<'a>,
        named: &[Named<'a>],
    ) -> Option<Vec<Missing>> {
        let Some(ast::Expr { kind: ExprKind::Record(fields), .. }) = given.get("missing") else {
            let all = self.word(given, "missing", &MISSING)?;
            return Some(vec![all; named.len()]);
        };
        let mut all = vec![Missing::Indicator; named.len()];
        for (name, value) in fields {
            let meant = self.word_in("missing", value, &MISSING)?;
            match named.iter().position(|(known, ..)| *known == name.text) {
                Some(place) => all[place] = meant,
                None => return self.no_such("dense input", name, named.iter().map(|n| &*n.0)),
            }
        }
        Some(all)
    }

    /// Reports a name that is none of those there are.
    pub(super) fn no_such<'n, T>(
        &mut self,
        what: &str,
        name: &Name,
        known: impl Iterator<Item = &'n str> + Clone,
    ) -> Option<T> {
        let help = match suggest::nearest(&name.text, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", known.collect::<Vec<_>>().join(", ")),
        };
        let message = format!("there is no {what} `{}`", name.text);
        self.refuse(Diagnostic::new(code::E0203, name.span, message).help(help))
    }

    pub(super) fn sparse(&mut self, given: &Given<'a>, rows: &Rows<'_>) -> Option<Vec<Sparse>> {
        let named = self.named_inputs(given, "sparse")?;
        let mut made = Vec::new();
        for (name, _, expr) in named {
            let ids = self.sparse_ids(given, expr, rows);
            self.note_unfit(&name, ids.is_none());
            made.push(ids.map(|ids| Sparse { name, ids }));
        }
        made.into_iter().collect()
    }

    pub(super) fn sparse_ids(
        &mut self,
        given: &Given<'a>,
        expr: &'a ast::Expr,
        rows: &Rows<'_>,
    ) -> Option<Ids> {
        match &expr.kind {
            ExprKind::Call { callee, args } if callee.text == "history" => {
                self.history(given, callee, args)
            }
            ExprKind::Call { callee, args } if callee.text == "hashed" => {
                self.hashed_ids(given, callee, args, rows)
            }
            _ => {
                let found = self.trained_feature(given, expr, rows);
                found.and_then(|found| self.as_ids(found, expr.span)).map(Ids::Value)
            }
        }
    }

    pub(super) fn as_ids(&mut self, found: Expr, span: Span) -> Option<Expr> {
        let is_id = |ty: &Type| matches!(ty, Type::Id(_) | Type::Int | Type::String | Type::Bool);
        let fits = match &found.ty {
            Type::List(item) => is_id(item),
            ty => is_id(ty),
        };
        match fits {
            true => Some(found),
            false => self.wrong_input(
                "a sparse input is an id, int, string, bool or a list of them",
                &found,
                span,
                "put numbers into `dense`",
            ),
        }
    }

    /// `history(EDGE, n)`.
    fn history(&mut self, given: &Given<'a>, callee: &'a Name, args: &'a [Arg]) -> Option<Ids> {
        let [edge, n] = self.two_args(callee, args, ["edge", "n"], "history(likes, 50)")?;
        // `history(positives, 50)` is that of the edge that is learnt from
        let named = edge.filter(|edge| bare_name(edge) == Some("positives"));
        let edge = named.and_then(|_| given.get("positives")).or(edge)?;
        let edge = self.edge_from(edge, &given.env, self.schema.viewer)?;
        let n = match n {
            Some(n) => self.whole_in(given, "n", n, &(1..=1000))?,
            None => 50,
        };
        Some(self.newest_targets(edge, n as u32))
    }

    /// `hashed(expr, n)`.
    fn hashed_ids(
        &mut self,
        given: &Given<'a>,
        callee: &'a Name,
        args: &'a [Arg],
        rows: &Rows<'_>,
    ) -> Option<Ids> {
        let usage = "hashed(author_id, 100_000)";
        let [expr, n] = self.two_args(callee, args, ["expr", "n"], usage)?;
        let (Some(expr), Some(n)) = (expr, n) else {
            let message = "`hashed` takes an expression and the number of rows";
            let help = format!("write `{usage}`");
            return self.refuse(Diagnostic::new(code::E0303, callee.span, message).help(help));
        };
        let n = self.whole_in(given, "n", n, &(2..=(1 << 31)));
        let found = self.trained_feature(given, expr, rows)?;
        let part = self.hashed(found, expr.span)?;
        Some(Ids::Hashed(Expr::new(Kind::Hash(vec![part]), Type::Int), n? as u32))
    }

    /// Up to two arguments, positional or by name; the first has to be there.
    fn two_args(
        &mut self,
        callee: &Name,
        args: &'a [Arg],
        names: [&str; 2],
        usage: &str,
    ) -> Option<[Option<&'a ast::Expr>; 2]> {
        let mut found = [None, None];
        for (place, arg) in args.iter().enumerate() {
            let place = match &arg.name {
                Some(name) => names.iter().position(|known| *known == name.text),
                None => Some(place),
            };
            match place.and_then(|place| found.get_mut(place)) {
                Some(slot) if slot.is_none() => *slot = Some(&arg.value),
                _ => {
                    let message = format!("`{}` has no such argument", callee.text);
                    let help = format!("write `{usage}`");
                    return self.refuse(Diagnostic::new(code::E0304, arg.span, message).help(help));
                }
            }
        }
        if found[0].is_none() {
            let message = format!("`{}` lacks its first argument", callee.text);
            let help = format!("write `{usage}`");
            return self.refuse(Diagnostic::new(code::E0303, callee.span, message).help(help));
        }
        Some(found)
    }

    pub(super) fn vectors(
        &mut self,
        given: &Given<'a>,
        rows: &Rows<'_>,
    ) -> Option<Vec<(String, Expr)>> {
        let named = self.named_inputs(given, "vectors")?;
        let mut made = Vec::new();
        for (name, _, expr) in named {
            let found = self.trained_feature(given, expr, rows);
            let found = found.and_then(|found| match found.ty {
                Type::Vector(_) | Type::Float => Some(found),
                _ => self.wrong_input(
                    "`vectors` takes embeddings and similarities",
                    &found,
                    expr.span,
                    "write the name of an embedding, or `cosine(viewer.e, e)`",
                ),
            });
            self.note_unfit(&name, found.is_none());
            made.push(found.map(|found| (name, found)));
        }
        made.into_iter().collect()
    }

    /// A feature: of the row, the viewer, `now`, and of what the context declares.
    pub(super) fn trained_feature(
        &mut self,
        given: &Given<'a>,
        expr: &'a ast::Expr,
        rows: &Rows<'_>,
    ) -> Option<Expr> {
        let Rows { entity, columns, known, .. } = *rows;
        if !known {
            return None;
        }
        let base = rows.base.clone();
        let row = Row { entity, base, columns, scored: false, chance: Chance::Certain };
        let scope = Scope { row: Some(row), ..Scope::default() };
        self.reads_no_model(given, expr, &scope)?;
        let found = self.scalar(expr, &given.env, &scope, None);
        if found.is_error() {
            return None;
        }
        self.is_of_example(&found, expr.span)?;
        Some(found)
    }

    /// Reports a trained model, or a head of one, among the features of another.
    fn reads_no_model(
        &mut self,
        given: &Given<'a>,
        expr: &'a ast::Expr,
        scope: &Scope<'_>,
    ) -> Option<()> {
        let mut found = None;
        each_name(expr, &mut |name, span, version| {
            let is_free = version.is_some() || !self.knows(name, &given.env, scope);
            let is_model = match version {
                Some(_) => self.has_versions(Learned::Model, name),
                None => self.is_of_trained(name, &given.env),
            };
            if is_free && found.is_none() && is_model {
                let version = version.map(|n| format!("@{n}")).unwrap_or_default();
                found = Some((format!("{name}{version}"), span));
            }
        });
        let Some((name, span)) = found else { return Some(()) };
        let message = format!("`{name}` is what a trained model gives, which no feature can read");
        let help = "it learned from outcomes that examples must not know, whatever its version: leave it out, or learn \
                    the heads of both in one model";
        self.refuse(Diagnostic::new(code::E0506, span, message).help(help))
    }

    /// Whether a name is that of a trained model or of one of its heads.
    fn is_of_trained(&self, name: &str, env: &crate::check::env::Env<'a>) -> bool {
        let modules = self.modules;
        let mut items = modules.order(env.module).flat_map(|m| modules.all[m].all(NameKind::Model));
        items.any(|(model, item)| {
            let ItemKind::Model { value, .. } = &item.kind else { return false };
            let ExprKind::Call { args, .. } = &value.kind else { return false };
            let heads =
                args.iter().find(|arg| arg.name.as_ref().is_some_and(|n| n.text == "heads"));
            let is_head = heads.is_some_and(|heads| match &heads.value.kind {
                ExprKind::Record(fields) => fields.iter().any(|(head, _)| head.text == name),
                _ => false,
            });
            is_trained(value) && (model == name || is_head)
        })
    }

    /// Reports what an example of the past does not have: the request's parameters, and candidate sets.
    fn is_of_example(&mut self, found: &Expr, span: Span) -> Option<()> {
        let mut wrong = None;
        found.walk(&mut |part| match &part.kind {
            Kind::Param(_, name) => {
                let message = format!("a feature of a trained model cannot read `{name}`: it comes with a request");
                let help = format!(
                    "say what it was for an example: `context={{{name}: {name}}}` reads a column of the example's link"
                );
                wrong.get_or_insert((message, help));
            }
            Kind::InSet { .. } | Kind::OfSet { .. } | Kind::OverSet { .. } => {
                let message = "a feature of a trained model cannot read a candidate set".to_owned();
                let help = "read links instead: `exists(likes(viewer, it))`, `count(~likes(it))`";
                wrong.get_or_insert((message, help.to_owned()));
            }
            _ => {}
        });
        match wrong {
            Some((message, help)) => {
                self.refuse(Diagnostic::new(code::E0312, span, message).help(help))
            }
            None => Some(()),
        }
    }

    /// An expression over the link of an example.
    pub(super) fn of_link(
        &mut self,
        given: &Given<'a>,
        expr: &'a ast::Expr,
        edge: &EdgeExpr,
        want: Option<&Type>,
    ) -> Option<Expr> {
        let scope = Scope { row: None, link: Some(edge), outer: None };
        self.here.links.push(edge.clone());
        let found = match want {
            Some(want) => self.typed(expr, &given.env, &scope, want),
            None => self.scalar(expr, &given.env, &scope, None),
        };
        self.here.links.pop();
        if found.is_error() {
            return None;
        }
        self.is_of_example(&found, expr.span)?;
        self.is_of_link_alone(&found, expr.span)?;
        Some(found)
    }

    /// Reports what an expression over the link of an example cannot know: it is no request.
    fn is_of_link_alone(&mut self, found: &Expr, span: Span) -> Option<()> {
        let mut wrong = None;
        found.walk(&mut |part| {
            let (what, help) = match part.kind {
                Kind::Viewer => ("`viewer`", "the viewer of the link is `from`"),
                Kind::Now => ("`now`", "the time of the link is `time`"),
                Kind::OverLinks(_) => {
                    ("an aggregate over links", "what came before the example is a feature")
                }
                _ => return,
            };
            wrong.get_or_insert((what, help));
        });
        let Some((what, help)) = wrong else { return Some(()) };
        let message = format!("{what} is no part of the link of an example");
        self.refuse(Diagnostic::new(code::E0312, span, message).help(help))
    }

    fn shown_inputs(&mut self, given: &Given<'a>, edge: &EdgeExpr) -> Option<Vec<Shown>> {
        let Some(value) = given.get("shown") else { return Some(Vec::new()) };
        let usage =
            "write `shown=[position]`, or `shown={position: 1}` with the value that is served";
        let named: Vec<(&'a str, Span, Option<&'a ast::Expr>)> = match &value.kind {
            ExprKind::List(items) => {
                let names = items.iter().map(|item| Some((bare_name(item)?, item.span, None)));
                match names.collect::<Option<Vec<_>>>() {
                    Some(names) => names,
                    None => {
                        let message = "`shown` names columns of the example's link";
                        let diagnostic = Diagnostic::new(code::E0302, value.span, message);
                        return self.refuse(diagnostic.help(usage));
                    }
                }
            }
            ExprKind::Record(fields) => {
                fields.iter().map(|(name, e)| (name.text.as_str(), name.span, Some(e))).collect()
            }
            _ => {
                let message = "`shown` names columns of the example's link";
                return self.refuse(Diagnostic::new(code::E0302, value.span, message).help(usage));
            }
        };
        let made: Vec<Option<Shown>> = named
            .into_iter()
            .map(|(name, span, served)| self.shown_input(given, name, span, served, edge))
            .collect();
        made.into_iter().collect()
    }

    fn shown_input(
        &mut self,
        given: &Given<'a>,
        name: &'a str,
        span: Span,
        served: Option<&'a ast::Expr>,
        edge: &EdgeExpr,
    ) -> Option<Shown> {
        let scope = Scope { row: None, link: Some(edge), outer: None };
        let of_log = self.shown_of_log(given, name, edge);
        let is_of_log = of_log.is_some();
        let expr = match of_log {
            Some(ty) => Expr::constant(Scalar::Null, ty),
            None => self.name(name, span, &given.env, &scope),
        };
        if expr.is_error() {
            return None;
        }
        if !matches!(expr.ty, Type::Int | Type::String | Type::Bool)
            || link_columns(&expr).is_empty() && !is_of_log
        {
            let help = "name an int, string or bool column of the edge of the examples";
            let wanted = "`shown` takes int, string or bool columns of the example's link";
            return self.wrong_input(wanted, &expr, span, help);
        }
        let served = match served {
            None => None,
            Some(value) => {
                let typed = self.typed(value, &given.env, &Scope::request(), &expr.ty);
                let constant = typed.as_const().and_then(|found| self.served(found));
                if typed.is_error() {
                    return None;
                }
                let Some(constant) = constant else {
                    let message = "the value that is served is a constant";
                    return self.refuse(Diagnostic::new(code::E0314, value.span, message));
                };
                Some(constant)
            }
        };
        Some(Shown { name: name.to_owned(), expr, served })
    }

    fn served(&self, found: &Scalar) -> Option<Value> {
        Some(match found {
            Scalar::I64(x) => Value::Int(*x),
            Scalar::Bool(x) => Value::Bool(*x),
            Scalar::Text(text) => Value::Str(text.to_string()),
            Scalar::Code(code) => Value::Str(self.texts.get(*code)?.into_owned()),
            _ => return None,
        })
    }

    fn example_weight(&mut self, given: &Given<'a>, edge: &EdgeExpr) -> Option<Option<Expr>> {
        let Some(value) = given.get("example_weight") else { return Some(None) };
        self.of_link(given, value, edge, Some(&Type::Float)).map(Some)
    }
}
