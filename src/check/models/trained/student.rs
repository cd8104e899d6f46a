//! A student: a small model that learns the order in which another one puts candidates.

use super::arguments::{Given, within};
use super::described::{
    Examples, Head, Inputs, ListLoss, Network, Normalise, Parts, Split, Student, Target, Teacher,
    Trained,
};
use super::inputs::Rows;
use super::reads::{Read, printed};
use super::texts;
use crate::check::env::Env;
use crate::check::models::in_files::NO_TIME;
use crate::check::modules::{Tier, named};
use crate::check::{Checker, Numbers};
use crate::diag::{Diagnostic, Severity, Sink, code};
use crate::expr::ir::{Expr, Kind};
use crate::ops::Role;
use crate::source::Span;
use crate::store::learned::Kind as Learned;
use crate::syntax::ast::{self, Arg, ExprKind, ItemKind, Name};
use crate::syntax::print_expression;
use crate::types::{EntityId, Type};
use std::collections::{BTreeMap, BTreeSet};

/// What can be minimised.
const LOSSES: [(&str, ListLoss); 2] =
    [("listmle", ListLoss::ListMle), ("softmax", ListLoss::Softmax)];

impl<'a> Checker<'a> {
    /// `distill(of=final, candidates=pool(), features=[...])` on the entity of the candidates.
    pub(super) fn student(
        &mut self,
        name: &'a Name,
        entity: EntityId,
        value: &'a ast::Expr,
        (callee, args): (&'a Name, &'a [Arg]),
        m: usize,
    ) -> Option<Trained> {
        let (given, whole) = self.trained_args(callee, args, &Env::top(m));
        let (edge, _) = self.example_edge(&given, entity)?;
        let layers = self.student_layers(&given);
        let validation = self.real(&given, "validation", within(0.0..=0.9, 0.2));
        let test = self.real(&given, "test", within(0.0..=0.9, 0.2));
        let seed = self.whole(&given, "seed", within(i64::MIN..=i64::MAX, 0));
        let max_age = self.span_of_time(&given, "max_age");
        let inputs = self.student_inputs(&given, entity);
        let teacher = self.teacher(&given, name, entity);
        let parts = Parts {
            split: Split::Time,
            validation: validation?,
            test: test?,
            refit: false,
            calibrate: false,
        };
        self.leaves_something(&given, &parts)?;
        let head =
            Head { name: name.text.clone(), target: Target::Order, weight: 1.0, span: name.span };
        let mut made = Trained {
            name: name.text.clone(),
            entity,
            kind: Network::Distill(layers?),
            span: name.span,
            text: print_expression(value),
            hash: String::new(),
            feature_hash: String::new(),
            logged: Vec::new(),
            log_hash: String::new(),
            examples: Examples {
                edge,
                negatives: None,
                most: u64::MAX,
                slices: 1,
                latest_upstream: true,
            },
            inputs: inputs?,
            features: None,
            items: None,
            teacher: Some(teacher?),
            heads: vec![head],
            label_window: 0,
            allow_rare: true,
            parts,
            seed: seed?,
            max_age: max_age?,
        };
        texts::identify(self.snapshot, &self.texts, &mut made);
        whole.then_some(made)
    }

    fn leaves_something(&mut self, given: &Given<'a>, parts: &Parts) -> Option<()> {
        if parts.validation + parts.test <= 0.95 {
            return Some(());
        }
        let message = format!(
            "nothing is left to train on: `validation` and `test` are {}",
            parts.validation + parts.test
        );
        self.refuse(Diagnostic::new(code::E0306, given.span("test"), message))
    }

    fn student_layers(&mut self, given: &Given<'a>) -> Option<Student> {
        let requests = self.whole(given, "requests", within(1..=100_000_000, 2_000));
        let hidden = self.widths(given, "hidden", &[16]);
        let loss = self.list_loss(given);
        let lr = self.real(given, "lr", within(f64::MIN_POSITIVE..=f64::MAX, 3e-3));
        let epochs = self.whole(given, "epochs", within(1..=10_000, 30));
        let patience = self.whole(given, "patience", within(1..=10_000, 3));
        let (loss, at) = loss?;
        Some(Student {
            requests: requests? as u64,
            hidden: hidden?,
            loss,
            at,
            lr: lr?,
            epochs: epochs? as u32,
            patience: patience? as u32,
        })
    }

    /// `listmle(at=150)`, or the word alone.
    fn list_loss(&mut self, given: &Given<'a>) -> Option<(ListLoss, u32)> {
        const AT: u32 = 150;
        let Some(value) = given.get("loss") else { return Some((ListLoss::ListMle, AT)) };
        let ExprKind::Call { callee, args } = &value.kind else {
            return self.word_in("loss", value, &LOSSES).map(|loss| (loss, AT));
        };
        let found = LOSSES.iter().find(|(word, _)| *word == callee.text);
        let at = match &args[..] {
            [Arg { name, value, .. }] if name.as_ref().is_none_or(|n| n.text == "at") => {
                Some(value)
            }
            _ => None,
        };
        let (Some((_, loss)), Some(at)) = (found, at) else {
            let message = "`loss` is `listmle(at=150)` or `softmax(at=150)`";
            return self.refuse(Diagnostic::new(code::E0213, value.span, message));
        };
        let at = self.whole_in(given, "at", at, &(1..=100_000))?;
        Some((*loss, at as u32))
    }

    pub(super) fn student_inputs(&mut self, given: &Given<'a>, entity: EntityId) -> Option<Inputs> {
        let normalise =
            [("both", Normalise::Both), ("zscore", Normalise::ZScore), ("none", Normalise::None)];
        let normalise = self.word(given, "normalise", &normalise);
        let mut inputs = Inputs::none(normalise?);
        if given.get("features").is_none() {
            let message = "`distill` needs `features`";
            let help = "write `features=[...]`, with a few that are cheap to compute";
            return self
                .refuse(Diagnostic::new(code::E0303, given.callee.span, message).help(help));
        }
        let base = Expr::new(Kind::It, Type::Id(entity));
        let rows = Rows { entity, base, columns: &[], known: true };
        self.mixed_features(given, "features", &rows, &mut inputs)?;
        Some(inputs)
    }

    /// The program that gives candidates in the teacher's order, checked as any other.
    fn teacher(&mut self, given: &Given<'a>, name: &Name, entity: EntityId) -> Option<Teacher> {
        let needed = ["of", "candidates"].map(|param| (param, given.get(param)));
        for (param, found) in needed {
            if found.is_none() {
                let message = format!("`distill` needs `{param}`");
                let help = "write `distill(of=MODEL, candidates=SET, features=[...])`";
                let found = Diagnostic::new(code::E0303, given.callee.span, message);
                return self.refuse(found.help(help));
            }
        }
        let (of, candidates) = (given.get("of")?, given.get("candidates")?);
        let ranked = ranked(of, candidates, given.get("value"));
        let versions = self.once("student", &name.text, 0, name.span, |this| {
            this.checked_apart(&ranked, given, (candidates.span, entity))
        })?;
        let query = print_expression(&ranked);
        let Reads { mut all, own, learned } = self.reads(&query, given.env.module);
        all.extend(versions.files);
        let upstream = learned.into_iter().map(|(kind, name)| {
            let is_it = |label: &&String| label.rsplit_once('@').is_some_and(|(n, _)| n == name);
            let is_pinned =
                |label: &str| versions.pinned.contains(&format!("{} {label}", kind.word()));
            // one that is named beside the newest is another
            let label = versions.read.iter().filter(is_it).min_by_key(|label| is_pinned(label));
            let untrained = || format!("{name}@0");
            format!("{} {}", kind.word(), label.cloned().unwrap_or_else(untrained))
        });
        let upstream: BTreeSet<String> = upstream.chain(versions.pinned.iter().cloned()).collect();
        let upstream = upstream.into_iter().collect();
        let program = format!("{}\n{query}\n", own.join("\n"));
        let module = &self.modules.all[given.env.module];
        let file = (module.tier != Tier::Program).then(|| module.name.clone());
        Some(Teacher { program, query, file, reads: all.join("\n"), upstream })
    }

    /// Checks a set beside the program, of which it is no part, and gives the versions that it reads. That its models
    /// were not trained yet is no error here.
    fn checked_apart(
        &mut self,
        ranked: &ast::Expr,
        given: &Given<'a>,
        (span, entity): (Span, EntityId),
    ) -> Option<Versions> {
        let numbers = Numbers::default();
        let sink = Sink::default();
        let mut other = Checker::new(self.snapshot, self.modules, sink, self.budget, &numbers);
        other.trains = true;
        other.here.open = self.here.open.clone();
        other.declare_experiments();
        let found = other.set(ranked, &Env::top(given.env.module), Role::Source);
        let on = found.map(|node| other.graph.shape(node).entity);
        self.notes.used.extend(other.notes.used.iter().copied());
        let (files, read): (BTreeMap<_, _>, BTreeMap<_, _>) =
            other.versions.into_iter().partition(|(_, until)| *until == NO_TIME);
        let (files, read) = (files.into_keys().collect(), read.into_keys().collect());
        let pinned = other.notes.pinned;
        let found = other.sink.finish().into_iter();
        let errors: Vec<Diagnostic> = found.filter(|d| d.severity() == Severity::Error).collect();
        let has_failed = !errors.is_empty();
        errors.into_iter().for_each(|error| self.sink.push(error));
        match on {
            Some(on) if on != entity => {
                let (on, want) = (self.entity_name(on), self.entity_name(entity));
                let message = format!("the candidates are of `{on}`, the model is on `{want}`");
                self.refuse(Diagnostic::new(code::E0301, span, message))
            }
            _ if has_failed => None,
            _ => Some(Versions { read, pinned, files }),
        }
    }

    fn reads(&self, query: &str, module: usize) -> Reads {
        let modules = self.modules;
        // every program sees the prelude
        let is_own = |m: usize| m == module && modules.all[m].tier < Tier::Prelude;
        let is_import = |item: &&ast::Item| matches!(item.kind, ItemKind::Import(_));
        let mut found = Reads::default();
        let imports = modules.all[module].file.items.iter().filter(is_import);
        found.own.extend(imports.map(printed));
        // operators that are given no model or embedding take the default one
        for Read { module: m, item, text } in self.reads_of(query, module, &["default"], &|_| true)
        {
            let name = named(item).map(|(_, name)| name.to_owned());
            found.learned.extend(learned_kind(item).zip(name));
            found.own.extend(is_own(m).then(|| text.clone()));
            found.all.push(text);
        }
        found.all.sort_unstable();
        found.learned.sort_unstable();
        found.learned.dedup();
        found
    }
}

/// The versions that a set reads.
struct Versions {
    /// As `final@3`.
    read: Vec<String>,
    /// Those of them that are named by their numbers, as `model final@3`.
    pinned: BTreeSet<String>,
    /// Those that are models in files: what is in these belongs to the declaration.
    files: Vec<String>,
}

/// What the words of a program lead to, written out: a declaration is another one when any of it changes.
#[derive(Default)]
struct Reads {
    all: Vec<String>,
    /// Of that what its own file declares, and what that imports.
    own: Vec<String>,
    /// What of that is learnt.
    learned: Vec<(Learned, String)>,
}

/// What is learnt by an item, if anything is.
fn learned_kind(item: &ast::Item) -> Option<Learned> {
    let is_call = |value: &ast::Expr| matches!(value.kind, ExprKind::Call { .. });
    match &item.kind {
        ItemKind::Edge(edge) if is_call(&edge.value) => Some(Learned::Edge),
        ItemKind::Embedding { value, .. } if is_call(value) => Some(Learned::Embedding),
        ItemKind::Model { value, .. } if super::is_trained(value) => Some(Learned::Model),
        _ => None,
    }
}

/// `candidates.rank(of, value=value)`.
fn ranked(of: &ast::Expr, candidates: &ast::Expr, value: Option<&ast::Expr>) -> ast::Expr {
    let name = |text: &str| Name { text: text.to_owned(), span: of.span };
    let arg = |name: Option<Name>, value: &ast::Expr| Arg {
        name,
        value: value.clone(),
        span: value.span,
    };
    let value = value.map(|value| arg(Some(name("value")), value));
    let args = [arg(None, of)].into_iter().chain(value).collect();
    let receiver = Box::new(candidates.clone());
    ast::Expr {
        kind: ExprKind::Method { receiver, name: name("rank"), args },
        span: candidates.span,
    }
}
