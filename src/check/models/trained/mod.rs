//! Models that are trained on examples: `linear(dense=...)`, `mlp(...)`, `mtml(...)`. A declaration is read once, where
//! it stands, into a description of all that training and serving need.

mod arguments;
mod context;
mod described;
mod inputs;
mod labels;
mod of_log;
mod reads;
mod student;
pub(super) mod texts;
mod towers;
mod written;

pub use described::{
    Context, Dense, Examples, Head, Ids, Inputs, Layers, ListLoss, Missing, Negatives, Network,
    Normalise, Parts, Shown, Sparse, Split, Student, Target, Teacher, Towers, Trained,
};

use crate::catalog::schema::Schema;
use crate::check::env::Env;
use crate::check::{Checker, Numbers, Tier, modules::Modules};
use crate::diag::{Diagnostic, Sink, code};
use crate::expr::ir::{Expr, Kind, LinkField};
use crate::source::Span;
use crate::store::Snapshot;
use crate::syntax::ast::{self, Arg, ExprKind, Item, ItemKind, Name};
use crate::syntax::print_name;
use crate::types::{EntityId, Type};
use arguments::{Given, within};
use std::sync::Arc;

/// The trained models that a program, its imports and the prelude declare, in the order of the files, as far as they
/// are right.
pub fn trained(snapshot: &Snapshot, modules: &Modules) -> Vec<Arc<Trained>> {
    let mut checker = Checker::new(snapshot, modules, Sink::default(), 0, &Numbers::default());
    checker.declare_experiments();
    for m in (0..modules.all.len()).filter(|&m| modules.all[m].tier < Tier::Std) {
        modules.all[m].file.items.iter().for_each(|item| checker.trained_item(item, m));
    }
    checker.trained
}

/// Whether the value of a declaration is a model that is trained.
pub(in crate::check) fn is_trained(value: &ast::Expr) -> bool {
    match &value.kind {
        ExprKind::Call { callee, args } => is_trained_kind(callee, args),
        _ => false,
    }
}

/// Whether the value of a declaration is a classifier.
pub(in crate::check) fn is_classifier(value: &ast::Expr) -> bool {
    matches!(&value.kind, ExprKind::Call { callee, .. } if callee.text == "classifier")
}

/// Whether a call is of a kind of model that is trained. A linear model whose weights are written is not.
pub(super) fn is_trained_kind(callee: &Name, args: &[Arg]) -> bool {
    let names = |name: &str| args.iter().any(|a| a.name.as_ref().is_some_and(|n| n.text == name));
    match callee.text.as_str() {
        "mlp" | "mtml" | "distill" | "classifier" => true,
        "linear" => names("dense") || names("sparse") || names("vectors"),
        _ => false,
    }
}

impl<'a> Checker<'a> {
    /// Reads the declaration of a trained model; of another item nothing.
    pub(in crate::check) fn trained_item(&mut self, item: &'a Item, m: usize) {
        let ItemKind::Model { name, entity, value } = &item.kind else { return };
        let ExprKind::Call { callee, args } = &value.kind else { return };
        // a classifier learns of rows, and not of examples
        if !is_trained_kind(callee, args) || callee.text == "classifier" {
            return;
        }
        let Some(on) = self.entity_named(&entity.text, entity.span, m) else { return };
        let made = self.apart(|this| match callee.text.as_str() {
            "distill" => this.student(name, on, value, (callee, args), m),
            _ => this.trained_model(name, on, value, callee, args, m),
        });
        let Some(mut made) = made else { return };
        if self.trains {
            let declared =
                format!("model {} on {}", print_name(&name.text), print_name(&entity.text));
            let written = (declared.as_str(), value);
            made.features = self.features_written(written, &written::INPUTS, &made.inputs, m);
        }
        self.trained.push(Arc::new(made));
    }

    /// Reads a declaration apart from where it is used: a feature means what it does for the values that the files say,
    /// whatever a tuner tries.
    pub(super) fn apart<R>(&mut self, read: impl FnOnce(&mut Self) -> R) -> R {
        let as_written = std::mem::replace(&mut self.here.as_written, true);
        let open_rows = std::mem::take(&mut self.here.open_rows);
        let inputs = std::mem::take(&mut self.inputs);
        let made = read(self);
        self.here.as_written = as_written;
        self.here.open_rows = open_rows;
        self.inputs = inputs;
        made
    }

    fn trained_model(
        &mut self,
        name: &'a Name,
        entity: EntityId,
        value: &'a ast::Expr,
        callee: &'a Name,
        args: &'a [Arg],
        m: usize,
    ) -> Option<Trained> {
        let (given, whole) = self.trained_args(callee, args, &Env::top(m));
        let kind = self.network(&given);
        let parts = self.parts(&given);
        let label_window = self.span_of_time(&given, "label_window");
        let allow_rare = self.flag(&given, "allow_rare");
        let seed = self.whole(&given, "seed", within(i64::MIN..=i64::MAX, 0));
        let max_age = self.span_of_time(&given, "max_age");
        let (edge, positives) = self.example_edge(&given, entity)?;
        let heads = self.heads(&given, entity, &edge, positives);
        let inputs = self.inputs(&given, entity, &edge);
        let examples = self.examples(&given, edge, positives);
        let (heads, inputs) = (heads?, inputs?);
        self.labels_apart(&given, &heads, &inputs)?;
        let mut made = Trained {
            name: name.text.clone(),
            entity,
            kind: kind?,
            span: name.span,
            text: crate::syntax::print_expression(value),
            hash: String::new(),
            feature_hash: String::new(),
            logged: Vec::new(),
            log_hash: String::new(),
            examples: examples?,
            inputs,
            features: None,
            items: None,
            teacher: None,
            heads,
            label_window: label_window?.unwrap_or(DAY),
            allow_rare: allow_rare?,
            parts: parts?,
            seed: seed?,
            max_age: max_age?,
        };
        texts::identify(self.snapshot, &self.texts, &mut made);
        // in other files it is said where these are checked themselves
        if whole && name.span.source == self.modules.all[0].source {
            self.columns_that_change(&made);
            self.versions_of_later(&given, &made);
        }
        whole.then_some(made)
    }

    /// Names the columns that inputs read as they are now, whatever the time of an example.
    fn columns_that_change(&mut self, made: &Trained) {
        let mut found: Vec<String> = Vec::new();
        for expr in made.inputs.exprs() {
            expr.walk(&mut |part| {
                if let Kind::Read { entity, column, .. } = part.kind
                    && may_change(self.schema, entity, column)
                {
                    let table = self.schema.entity(entity);
                    let name = &table.columns[column as usize].name;
                    found.push(match entity == made.entity {
                        true => format!("`{name}`"),
                        false => format!("`{}.{name}`", table.name),
                    });
                }
            });
        }
        found.sort_unstable();
        found.dedup();
        if found.is_empty() {
            return;
        }
        let message = format!(
            "inputs of `{}` read what may have changed since its examples: {}",
            made.name,
            found.join(", ")
        );
        let help = "count links before the example instead; or, where values never change, say so in the catalog: \
                    `as_of = \"created\"`";
        self.report(Diagnostic::new(code::W1301, made.span, message).help(help));
    }

    /// Warns where examples of the past read what was learned from all links.
    fn versions_of_later(&mut self, given: &Given<'a>, made: &Trained) {
        if !made.examples.latest_upstream {
            return;
        }
        let message = format!(
            "what features of `{}` read was learned from links after its examples as well",
            made.name
        );
        let help = "leave `upstream=latest` out: then each slice of the examples reads a version of before it";
        self.report(Diagnostic::new(code::W1201, given.span("upstream"), message).help(help));
    }

    fn network(&mut self, given: &Given<'a>) -> Option<Network> {
        let kind = given.callee.text.as_str();
        if kind == "linear" {
            let l2 = self.real(given, "l2", within(0.0..=f64::MAX, 1.0))?;
            return Some(Network::Linear { l2 });
        }
        let hidden = self.widths(given, "hidden", &[128, 64]);
        let towers = if kind == "mlp" { 0 } else { 16 };
        let towers = self.whole(given, "towers", within(0..=256, towers));
        let dropout = self.real(given, "dropout", within(0.0..=0.9, 0.1));
        let lr = self.real(given, "lr", within(f64::MIN_POSITIVE..=f64::MAX, 1e-3));
        let batch = self.whole(given, "batch", within(1..=1 << 20, 512));
        let decay = self.real(given, "decay", within(0.0..=f64::MAX, 1e-5));
        let epochs = self.whole(given, "epochs", within(1..=10_000, 30));
        let patience = self.whole(given, "patience", within(1..=10_000, 3));
        let layers = Layers {
            hidden: hidden?,
            towers: towers? as u32,
            dropout: dropout?,
            lr: lr?,
            batch: batch? as u32,
            decay: decay?,
            epochs: epochs? as u32,
            patience: patience? as u32,
        };
        Some(if kind == "mlp" { Network::Mlp(layers) } else { Network::Mtml(layers) })
    }
}

/// Whether a column is a number or a bool that the catalog does not say to be fixed: examples of the past read what it is
/// now.
pub fn may_change(schema: &Schema, entity: EntityId, column: u32) -> bool {
    let column = &schema.entity(entity).columns[column as usize];
    matches!(column.ty, Type::Int | Type::Float | Type::Bool) && !column.fixed
}

/// Microseconds.
const DAY: i64 = 86_400_000_000;

/// What an expression over a link reads of it beside its ends and its time.
fn link_columns(expr: &Expr) -> Vec<LinkField> {
    let mut found = Vec::new();
    expr.walk(&mut |part| {
        if let Kind::Link(field @ (LinkField::Column(_) | LinkField::Weight)) = part.kind
            && !found.contains(&field)
        {
            found.push(field);
        }
    });
    found
}

/// Calls `f` with every name in an expression that can stand for a value or a model, and with the number of its
/// version, if it is one of a version (`first@3`).
fn each_name<'a>(expr: &'a ast::Expr, f: &mut dyn FnMut(&'a str, Span, Option<i64>)) {
    match &expr.kind {
        ExprKind::Name(name) => f(name, expr.span, None),
        ExprKind::Version { name, version } => f(&name.text, expr.span, Some(*version)),
        ExprKind::List(items) => items.iter().for_each(|item| each_name(item, f)),
        ExprKind::Unary { operand, .. } => each_name(operand, f),
        ExprKind::Binary { left, right, .. } => {
            each_name(left, f);
            each_name(right, f);
        }
        ExprKind::Compare { first, rest } => {
            each_name(first, f);
            rest.iter().for_each(|(_, part)| each_name(part, f));
        }
        ExprKind::In { value, set, .. } => {
            each_name(value, f);
            each_name(set, f);
        }
        ExprKind::IsNull { value, .. } => each_name(value, f),
        ExprKind::If { then, condition, otherwise } => {
            [then, condition, otherwise].into_iter().for_each(|part| each_name(part, f));
        }
        // links have names of their own
        ExprKind::Call { args, .. } => {
            if let [arg] = &args[..] {
                each_name(&arg.value, f);
            }
        }
        _ => {}
    }
}
