//! What a trained model learns from: its examples, and the targets of its heads.

use super::arguments::{Given, within};
use super::described::{Examples, Head, Inputs, Negatives, Parts, Split, Target};
use super::link_columns;
use crate::check::edges::Wanted;
use crate::check::{Checker, bare_name};
use crate::diag::{Diagnostic, code};
use crate::expr::EdgeExpr;
use crate::expr::ir::{Expr, Kind};
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, ExprKind, UnaryOp};
use crate::types::{EntityId, Type};

impl<'a> Checker<'a> {
    /// The edge whose links are the examples, and whether they are positives alone.
    pub(super) fn example_edge(
        &mut self,
        given: &Given<'a>,
        entity: EntityId,
    ) -> Option<(EdgeExpr, bool)> {
        let viewer = self.schema.viewer;
        let (edge, span, positives) = match (given.get("examples"), given.get("positives")) {
            (Some(_), Some(positives)) => {
                let message = "`positives` beside `examples`";
                let help = "impressions are `examples`; without any, give `positives` alone";
                let diagnostic = Diagnostic::new(code::E0504, positives.span, message);
                return self.refuse(diagnostic.help(help));
            }
            (Some(edge), None) => (self.edge_from(edge, &given.env, viewer)?, edge.span, false),
            (None, Some(edge)) => (self.edge_from(edge, &given.env, viewer)?, edge.span, true),
            (None, None) => (self.impressions(given)?, given.callee.span, false),
        };
        if !positives {
            for name in ["negatives", "sampling"] {
                if let Some(value) = given.get(name) {
                    let message = format!("`{name}` without `positives`");
                    let help = "negatives are drawn for `positives=EDGE`; examples have their own";
                    let diagnostic = Diagnostic::new(code::E0504, value.span, message);
                    return self.refuse(diagnostic.help(help));
                }
            }
        }
        if edge.to != entity {
            let (to, want) = (self.entity_name(edge.to), self.entity_name(entity));
            let message = format!("edge `{}` leads to `{to}`, the model is on `{want}`", edge.name);
            return self.refuse(Diagnostic::new(code::E0301, span, message));
        }
        self.has_past(&edge, span)?;
        Some((edge, positives))
    }

    fn impressions(&mut self, given: &Given<'a>) -> Option<EdgeExpr> {
        let span = given.callee.span;
        let Some(name) = &self.schema.defaults.impressions else {
            let message = "the catalog does not say which edge is what was shown";
            let help = "write `examples=EDGE`, or add `impressions = \"EDGE\"` to `[defaults]`";
            return self.refuse(Diagnostic::new(code::E0404, span, message).help(help));
        };
        self.edge_named(name, span, &given.env, Wanted::From(self.schema.viewer))
    }

    /// Reports an edge whose links are in no order of time, or are others at every time.
    fn has_past(&mut self, edge: &EdgeExpr, span: Span) -> Option<()> {
        if !edge.has_time {
            let message = format!("the links of `{}` have no time", edge.name);
            let help =
                "without times the past cannot be told from the label: give the edge a `time`";
            return self.refuse(Diagnostic::new(code::E0505, span, message).help(help));
        }
        let mut reads_now = false;
        edge.walk(&mut |part| reads_now |= part.kind == Kind::Now);
        if reads_now {
            let message =
                format!("`{}` reads `now`, so it is another edge at every time", edge.name);
            return self.refuse(Diagnostic::new(code::E0312, span, message));
        }
        Some(())
    }

    pub(super) fn examples(
        &mut self,
        given: &Given<'a>,
        edge: EdgeExpr,
        positives: bool,
    ) -> Option<Examples> {
        let each = self.whole(given, "negatives", within(1..=100, 4));
        let power = self.sampling(given);
        let most = self.whole(given, "max_examples", within(1..=i64::MAX, 50_000_000));
        let slices = self.whole(given, "slices", within(1..=10, 3));
        let upstream = self.word(given, "upstream", &[("sliced", false), ("latest", true)]);
        let negatives = Negatives { each: each? as u32, power: power? };
        Some(Examples {
            edge,
            negatives: positives.then_some(negatives),
            most: most? as u64,
            slices: slices? as u32,
            latest_upstream: upstream?,
        })
    }

    /// `uniform`, `popular` or `popular(0.75)`.
    fn sampling(&mut self, given: &Given<'a>) -> Option<f64> {
        if let Some(value) = given.get("sampling")
            && let ExprKind::Call { callee, args } = &value.kind
            && callee.text == "popular"
        {
            return match &args[..] {
                [] => Some(0.5),
                [arg] if arg.name.as_ref().is_none_or(|name| name.text == "power") => {
                    self.real_in(given, "power", &arg.value, &(0.0..=1.0))
                }
                _ => {
                    let message = "`popular` takes a power";
                    let help = "write `sampling=popular(0.5)`";
                    self.refuse(Diagnostic::new(code::E0307, value.span, message).help(help))
                }
            };
        }
        self.word(given, "sampling", &[("uniform", 0.0), ("popular", 0.5)])
    }

    pub(super) fn parts(&mut self, given: &Given<'a>) -> Option<Parts> {
        let split = self.word(given, "split", &[("time", Split::Time), ("viewer", Split::Viewer)]);
        let validation = self.real(given, "validation", within(0.0..=0.9, 0.1));
        let test = self.real(given, "test", within(0.0..=0.9, 0.1));
        let refit = self.flag(given, "refit");
        let calibrate = self.word(given, "calibrate", &[("platt", true), ("none", false)]);
        let (validation, test) = (validation?, test?);
        if validation + test > 0.95 {
            let message = format!(
                "nothing is left to train on: `validation` and `test` are {}",
                validation + test
            );
            let span = given.span(if given.get("test").is_some() { "test" } else { "validation" });
            return self.refuse(Diagnostic::new(code::E0306, span, message));
        }
        Some(Parts { split: split?, validation, test, refit: refit?, calibrate: calibrate? })
    }

    /// The heads, each with its target.
    pub(super) fn heads(
        &mut self,
        given: &Given<'a>,
        entity: EntityId,
        edge: &EdgeExpr,
        positives: bool,
    ) -> Option<Vec<Head>> {
        let usage = "{p_like: likes}";
        let fields = self.record(given, "heads", usage)?;
        if fields.is_empty() {
            let message = format!("`{}` needs heads", given.callee.text);
            let help = format!("write `heads={usage}`");
            let diagnostic = Diagnostic::new(code::E0303, given.span("heads"), message);
            return self.refuse(diagnostic.help(help));
        }
        if let (true, [_, second, ..]) = (positives, fields) {
            let message = "with `positives` there is one head, which is the positive edge";
            let help = "leave the others out, or give what was shown as `examples=EDGE`, where every head has labels of its own";
            let diagnostic = Diagnostic::new(code::E0504, second.0.span, message);
            return self.refuse(diagnostic.help(help));
        }
        let mut made: Vec<Option<Head>> = Vec::new();
        for (place, (name, target)) in fields.iter().enumerate() {
            let is_free = self.check_bindable(name);
            if fields[..place].iter().any(|(other, _)| other.text == name.text) {
                let message = format!("the head `{}` is given twice", name.text);
                self.report(Diagnostic::new(code::E0305, name.span, message));
                made.push(None);
                continue;
            }
            let target = match positives {
                true => self.positive_target(given, target, edge),
                false => self.target(given, target, entity, edge),
            };
            let span = fields[place].1.span;
            let head = |target| Head { name: name.text.clone(), target, weight: 1.0, span };
            made.push(target.filter(|_| is_free).map(head));
        }
        let mut heads = made.into_iter().collect::<Option<Vec<_>>>()?;
        self.head_weights(given, &mut heads)?;
        Some(heads)
    }

    fn head_weights(&mut self, given: &Given<'a>, heads: &mut [Head]) -> Option<()> {
        for (name, value) in self.record(given, "head_weights", "{p_follow: 3}")? {
            let weight = self.real_in(given, "head_weights", value, &(0.0..=f64::MAX))?;
            match heads.iter().position(|head| head.name == name.text) {
                Some(place) => heads[place].weight = weight,
                None => {
                    let known: Vec<String> = heads.iter().map(|head| head.name.clone()).collect();
                    return self.no_such("head", name, known.iter().map(String::as_str));
                }
            }
        }
        Some(())
    }

    /// The head of a model with `positives` names that edge.
    fn positive_target(
        &mut self,
        given: &Given<'a>,
        target: &'a ast::Expr,
        edge: &EdgeExpr,
    ) -> Option<Target> {
        let found = self.edge(target, &given.env, Wanted::From(self.schema.viewer))?;
        match found.kind == edge.kind {
            true => Some(Target::Positives),
            false => {
                let message =
                    format!("the head is `{}`, the positives are `{}`", found.name, edge.name);
                let help = format!("write `heads={{...: {}}}`", edge.name);
                self.refuse(Diagnostic::new(code::E0504, target.span, message).help(help))
            }
        }
    }

    /// `EDGE`, `EDGE.via(reference)`, a condition, `value(number)` or `soft(probability)`.
    fn target(
        &mut self,
        given: &Given<'a>,
        target: &'a ast::Expr,
        entity: EntityId,
        edge: &EdgeExpr,
    ) -> Option<Target> {
        match &target.kind {
            ExprKind::Call { callee, args } if matches!(&*callee.text, "value" | "soft") => {
                let [arg] = &args[..] else {
                    let message = format!("`{}` takes one number over the link", callee.text);
                    return self.refuse(Diagnostic::new(code::E0303, callee.span, message));
                };
                let number = self.of_link(given, &arg.value, edge, Some(&Type::Float))?;
                Some(match &*callee.text {
                    "value" => Target::Value(number),
                    _ => Target::Soft(number),
                })
            }
            ExprKind::Method { receiver, name, args } if name.text == "via" => {
                let found = self.edge(receiver, &given.env, Wanted::From(self.schema.viewer))?;
                let reference = match &args[..] {
                    [arg] if arg.name.is_none() => bare_name(&arg.value),
                    _ => None,
                };
                self.via(found, reference, entity, target.span)
            }
            ExprKind::Name(name) => self.named_target(given, name, target, entity, edge),
            ExprKind::Unary { op: UnaryOp::Reverse, .. }
            | ExprKind::Binary { op: BinaryOp::Union, .. } => {
                let found = self.edge(target, &given.env, Wanted::From(self.schema.viewer))?;
                self.edge_target(found, entity, target.span)
            }
            _ => self.condition_target(given, target, edge),
        }
    }

    /// A bare name is a column of the example's link, else an edge.
    fn named_target(
        &mut self,
        given: &Given<'a>,
        name: &str,
        target: &'a ast::Expr,
        entity: EntityId,
        edge: &EdgeExpr,
    ) -> Option<Target> {
        let scope = crate::check::env::Scope { row: None, link: Some(edge), outer: None };
        let (column, other) = (self.link_name(name, &scope), self.edge_exists(name, &given.env));
        if column.is_none() && other {
            let found = self.edge(target, &given.env, Wanted::From(self.schema.viewer))?;
            return self.edge_target(found, entity, target.span);
        }
        if column.is_some() && other {
            let message =
                format!("`{name}` is a column of `{}` and an edge: the column is read", edge.name);
            let help = format!(
                "write `link.{name}` for the column; to read the edge, declare it under another name"
            );
            self.report(Diagnostic::new(code::W0501, target.span, message).help(help));
        }
        self.condition_target(given, target, edge)
    }

    fn condition_target(
        &mut self,
        given: &Given<'a>,
        target: &'a ast::Expr,
        edge: &EdgeExpr,
    ) -> Option<Target> {
        let found = self.of_link(given, target, edge, None)?;
        match found.ty {
            Type::Bool => Some(Target::Condition(found)),
            Type::Null => None,
            _ => {
                let text = crate::syntax::print_expression(target);
                let help = match found.ty {
                    Type::Int => {
                        format!("write `{text} == 1`; for a number to predict, `value({text})`")
                    }
                    _ => format!("compare it, or predict it as a number: `value({text})`"),
                };
                let message =
                    format!("a target is a condition, found {}", self.type_name(&found.ty));
                self.refuse(Diagnostic::new(code::E0302, target.span, message).help(help))
            }
        }
    }

    fn edge_target(&mut self, edge: EdgeExpr, entity: EntityId, span: Span) -> Option<Target> {
        if edge.from != self.schema.viewer || edge.to != entity {
            let (from, to) = (self.entity_name(edge.from), self.entity_name(edge.to));
            let (viewer, row) = (self.entity_name(self.schema.viewer), self.entity_name(entity));
            let message = format!(
                "edge `{}` goes from `{from}` to `{to}`, not from `{viewer}` to `{row}`",
                edge.name
            );
            let references = &self.schema.entity(entity).references;
            let through =
                references.iter().find(|r| r.entity == edge.to && edge.from == self.schema.viewer);
            let help = through.map(|r| format!("write `{}.via({})`", edge.name, r.name));
            return self.refuse(Diagnostic::new(code::E0301, span, message).maybe_help(help));
        }
        self.has_past(&edge, span)?;
        Some(Target::Edge { edge, via: None })
    }

    /// An edge to what a reference of the row leads to.
    fn via(
        &mut self,
        edge: EdgeExpr,
        reference: Option<&str>,
        entity: EntityId,
        span: Span,
    ) -> Option<Target> {
        let table = self.schema.entity(entity);
        let found = reference.and_then(|name| table.find_reference(name));
        let Some(found) = found else {
            let names = table.references.iter().map(|r| format!("`{}`", r.name));
            let names: Vec<String> = names.collect();
            let message = format!("`via` takes a reference of `{}`", table.name);
            let help = match names.is_empty() {
                true => "it has none".to_owned(),
                false => format!("it has {}", names.join(", ")),
            };
            return self.refuse(Diagnostic::new(code::E0203, span, message).help(help));
        };
        let reference = &table.references[found];
        if edge.from != self.schema.viewer || edge.to != reference.entity {
            let (to, want) = (self.entity_name(edge.to), self.entity_name(reference.entity));
            let message = format!(
                "edge `{}` leads to `{to}`, the reference `{}` to `{want}`",
                edge.name, reference.name
            );
            return self.refuse(Diagnostic::new(code::E0301, span, message));
        }
        self.has_past(&edge, span)?;
        Some(Target::Edge { edge, via: Some(reference.column) })
    }

    /// Reports a column that a target reads and an input as well, by other ways than links of the past.
    pub(super) fn labels_apart(
        &mut self,
        given: &Given<'a>,
        heads: &[Head],
        inputs: &Inputs,
    ) -> Option<()> {
        for head in heads {
            let (Target::Condition(target) | Target::Value(target) | Target::Soft(target)) =
                &head.target
            else {
                continue;
            };
            let of_link = link_columns(target);
            let context = inputs.context.iter().map(|c| (&c.name, &c.expr, "context"));
            let shown = inputs.shown.iter().map(|s| (&s.name, &s.expr, "shown"));
            for (name, expr, place) in context.chain(shown) {
                if link_columns(expr).iter().any(|column| of_link.contains(column)) {
                    return self.label_read(given, head, name, place);
                }
            }
            if of_link.is_empty() {
                let stored = stored_columns(target);
                let dense = inputs.dense.iter().map(|d| (&d.name, &d.expr, "dense"));
                let sparse = inputs.sparse.iter().map(|s| (&s.name, s.ids.expr(), "sparse"));
                let vectors = inputs.vectors.iter().map(|(name, e)| (name, e, "vectors"));
                for (name, expr, place) in dense.chain(sparse).chain(vectors) {
                    if stored_columns(expr).iter().any(|column| stored.contains(column)) {
                        return self.label_read(given, head, name, place);
                    }
                }
            }
        }
        Some(())
    }

    fn label_read(
        &mut self,
        given: &Given<'a>,
        head: &Head,
        name: &str,
        place: &str,
    ) -> Option<()> {
        let message = format!("`{name}` reads a column of which the head `{}` is made", head.name);
        let help = "an input that knows the label is worthless where it is not known: leave it out";
        let diagnostic = Diagnostic::new(code::E0508, given.span(place), message);
        self.refuse(diagnostic.label(head.span, "the label").help(help))
    }
}

/// The stored columns that an expression reads for its row or link, aggregates over links aside.
fn stored_columns(expr: &Expr) -> Vec<(EntityId, u32)> {
    let mut found = Vec::new();
    expr.descend(&mut |part| {
        if let Kind::Read { entity, column, .. } = part.kind {
            found.push((entity, column));
        }
        !matches!(part.kind, Kind::OverLinks(_))
    });
    found
}
