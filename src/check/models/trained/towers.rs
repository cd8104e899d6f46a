//! Two towers: an embedding of viewers and of what they like, from features of both.

use super::arguments::{Given, within};
use super::described::{
    Dense, Examples, Ids, Inputs, Network, Normalise, Parts, Sparse, Split, Towers, Trained,
};
use super::inputs::{Named, Rows};
use super::texts;
use crate::check::Checker;
use crate::check::env::Env;
use crate::diag::{Diagnostic, code};
use crate::expr::EdgeExpr;
use crate::expr::ir::{Expr, Kind, OverLinks, Stat};
use crate::ops::shape::BoundColumn;
use crate::source::Span;
use crate::store::learned::Features;
use crate::syntax::ast::{self, Arg, ExprKind, Name};
use crate::syntax::print_name;
use crate::types::{EntityId, Type};
use std::sync::Arc;

/// The parameters that say what is known of items.
const OF_ITEMS: [&str; 2] = ["positives", "item_features"];

/// Items of a history, unless it says otherwise.
const NEWEST: u32 = 50;

impl<'a> Checker<'a> {
    /// `two_tower(positives=likes, ...)` over viewers and what their links lead to.
    pub(in crate::check) fn two_tower(
        &mut self,
        name: &'a Name,
        entities: &'a [Name],
        value: &'a ast::Expr,
        m: usize,
    ) -> Option<Arc<Trained>> {
        let ExprKind::Call { callee, args } = &value.kind else { return None };
        let made = self.apart(|this| this.towers(name, entities, value, (callee, args), m));
        let mut made = made?;
        if self.trains {
            made.features = self.items_written((name, entities, value), &made, m);
        }
        Some(Arc::new(made))
    }

    /// What a version keeps of what it knows of items, so that those that arrive have a vector.
    fn items_written(
        &mut self,
        (name, entities, value): (&Name, &[Name], &'a ast::Expr),
        made: &Trained,
        m: usize,
    ) -> Option<Features> {
        let on = entities.iter().map(|entity| print_name(&entity.text));
        let on = on.collect::<Vec<_>>().join(", ");
        let declared = format!("embedding {} on {on}", print_name(&name.text));
        self.features_written((&declared, value), &OF_ITEMS, made.items.as_ref()?, m)
    }

    /// What is known of items, from a declaration that has nothing else.
    pub(in crate::check::models) fn items_again(
        &mut self,
        (callee, args): (&'a Name, &'a [Arg]),
        m: usize,
    ) -> Option<Inputs> {
        let (given, whole) = self.trained_args(callee, args, &Env::top(m));
        let edge = self.edge_from(given.get("positives")?, &given.env, self.schema.viewer)?;
        let inputs = self.item_features(&given, &edge, Some(Inputs::none(Normalise::None)));
        inputs.filter(|_| whole)
    }

    fn towers(
        &mut self,
        name: &'a Name,
        entities: &'a [Name],
        value: &'a ast::Expr,
        (callee, args): (&'a Name, &'a [Arg]),
        m: usize,
    ) -> Option<Trained> {
        let (given, whole) = self.trained_args(callee, args, &Env::top(m));
        let Some(positives) = given.get("positives") else {
            if !whole {
                // an argument that has no name, or a wrong one, was reported
                return None;
            }
            let message = "`two_tower` needs `positives`";
            let help = "write `two_tower(positives=likes)`, with an edge from the viewer";
            return self.refuse(Diagnostic::new(code::E0303, callee.span, message).help(help));
        };
        let edge = self.edge_from(positives, &given.env, self.schema.viewer)?;
        self.ends_of_towers(entities, &edge, callee.span, m)?;
        let layers = self.tower_layers(&given);
        let most = self.whole(&given, "max_examples", within(1..=i64::MAX, 50_000_000));
        let validation = self.real(&given, "validation", within(0.0..=0.5, 0.1));
        let seed = self.whole(&given, "seed", within(i64::MIN..=i64::MAX, 0));
        let max_age = self.span_of_time(&given, "max_age");
        let shared = self.tower_inputs(&given, &edge);
        let users = self.user_features(&given, &edge, shared.clone());
        let items = self.item_features(&given, &edge, shared);
        let parts = Parts {
            split: Split::Time,
            validation: validation?,
            test: 0.0,
            refit: false,
            calibrate: false,
        };
        let layers = layers?;
        let (mut inputs, mut items) = (users?, items?);
        // what has no width of its own is as wide as the vectors
        (inputs.id_dim, items.id_dim) = (Some(layers.dim), Some(layers.dim));
        let mut made = Trained {
            name: name.text.clone(),
            entity: edge.to,
            kind: Network::TwoTower(layers),
            span: name.span,
            text: crate::syntax::print_expression(value),
            hash: String::new(),
            feature_hash: String::new(),
            logged: Vec::new(),
            log_hash: String::new(),
            examples: Examples {
                edge,
                negatives: None,
                most: most? as u64,
                slices: 1,
                latest_upstream: false,
            },
            inputs,
            features: None,
            items: Some(items),
            teacher: None,
            heads: Vec::new(),
            label_window: 0,
            allow_rare: false,
            parts,
            seed: seed?,
            max_age: max_age?,
        };
        texts::identify(self.snapshot, &self.texts, &mut made);
        whole.then_some(made)
    }

    fn ends_of_towers(
        &mut self,
        entities: &'a [Name],
        edge: &EdgeExpr,
        span: Span,
        m: usize,
    ) -> Option<()> {
        let on = entities.iter().map(|e| self.entity_named(&e.text, e.span, m));
        let on = on.collect::<Vec<_>>().into_iter().collect::<Option<Vec<EntityId>>>()?;
        let at = entities.first().map_or(span, |e| e.span);
        let wanted = self.both_ends(edge, at)?;
        match on == wanted {
            true => Some(()),
            false => self.wrong_entities(edge, &wanted, at),
        }
    }

    fn tower_layers(&mut self, given: &Given<'a>) -> Option<Towers> {
        let dim = self.whole(given, "dim", within(1..=1024, 64));
        let hidden = self.widths(given, "hidden", &[128]);
        let temperature = self.real(given, "temperature", within(0.01..=1.0, 0.1));
        let lr = self.real(given, "lr", within(f64::MIN_POSITIVE..=f64::MAX, 3e-3));
        let batch = self.whole(given, "batch", within(32..=1 << 20, 512));
        let epochs = self.whole(given, "epochs", within(1..=10_000, 30));
        let patience = self.whole(given, "patience", within(1..=10_000, 3));
        let hidden = hidden?;
        if hidden.len() > 1 {
            let message = format!("a tower has one hidden layer at most, found {}", hidden.len());
            let help = "write `hidden=[128]`, or `hidden=[]` for none";
            let span = given.get("hidden").map_or(given.callee.span, |value| value.span);
            return self.refuse(Diagnostic::new(code::E0306, span, message).help(help));
        }
        Some(Towers {
            dim: dim? as u32,
            hidden: hidden.first().copied().unwrap_or_default(),
            temperature: temperature?,
            lr: lr?,
            batch: batch? as u32,
            epochs: epochs? as u32,
            patience: patience? as u32,
        })
    }

    /// What the inputs of both towers share.
    fn tower_inputs(&mut self, given: &Given<'a>, edge: &EdgeExpr) -> Option<Inputs> {
        let context = self.context(given, edge);
        let normalise =
            [("both", Normalise::Both), ("zscore", Normalise::ZScore), ("none", Normalise::None)];
        let normalise = self.word(given, "normalise", &normalise);
        let min_count = self.whole(given, "min_count", within(1..=i64::from(u32::MAX), 1));
        let id_dropout = self.real(given, "id_dropout", within(0.0..=0.9, 0.1));
        let id_decay = self.real(given, "id_decay", within(0.0..=f64::MAX, 1e-2));
        Some(Inputs {
            dense: Vec::new(),
            sparse: Vec::new(),
            vectors: Vec::new(),
            context: context?,
            shown: Vec::new(),
            weight: None,
            weight_clip: 1.0,
            normalise: normalise?,
            min_count: min_count? as u32,
            id_dropout: id_dropout?,
            id_dim: None,
            id_decay: id_decay?,
        })
    }

    /// What is known of a viewer; the newest positives, unless it is said.
    fn user_features(
        &mut self,
        given: &Given<'a>,
        edge: &EdgeExpr,
        shared: Option<Inputs>,
    ) -> Option<Inputs> {
        let mut inputs = shared?;
        if given.get("user_features").is_none() {
            let name = format!("history({}, {NEWEST})", edge.name);
            let ids = self.newest_targets(edge.clone(), NEWEST);
            inputs.sparse.push(Sparse { name, ids });
            self.context_is_read(given, &inputs)?;
            return Some(inputs);
        }
        let context = inputs.context.iter();
        let columns = context.map(|c| BoundColumn::new(&c.name, c.ty.clone()));
        let columns: Vec<BoundColumn> = columns.collect();
        let base = Expr::new(Kind::Viewer, Type::Id(self.schema.viewer));
        let rows = Rows { entity: self.schema.viewer, base, columns: &columns, known: true };
        self.mixed_features(given, "user_features", &rows, &mut inputs)?;
        self.context_is_read(given, &inputs)?;
        Some(inputs)
    }

    /// What is known of an item, the same for every viewer; its id, unless it is said.
    fn item_features(
        &mut self,
        given: &Given<'a>,
        edge: &EdgeExpr,
        shared: Option<Inputs>,
    ) -> Option<Inputs> {
        let mut inputs = Inputs { context: Vec::new(), ..shared? };
        let base = Expr::new(Kind::It, Type::Id(edge.to));
        if given.get("item_features").is_none() {
            inputs.sparse.push(Sparse { name: "it".to_owned(), ids: Ids::Value(base) });
            return Some(inputs);
        }
        let rows = Rows { entity: edge.to, base, columns: &[], known: true };
        self.mixed_features(given, "item_features", &rows, &mut inputs)?;
        let is_personal = inputs.exprs().any(Expr::is_personal);
        if is_personal {
            let message = "the vector of an item is the same for every viewer";
            let help = "put what is known of the viewer into `user_features`";
            let span = given.span("item_features");
            return self.refuse(Diagnostic::new(code::E0312, span, message).help(help));
        }
        Some(inputs)
    }

    /// Features in one list: numbers, ids and vectors by their types.
    pub(super) fn mixed_features(
        &mut self,
        given: &Given<'a>,
        param: &str,
        rows: &Rows<'_>,
        inputs: &mut Inputs,
    ) -> Option<()> {
        let named = self.named_inputs(given, param)?;
        let mut numbers: Vec<Named<'a>> = Vec::new();
        let mut found_all = true;
        for (name, span, expr) in named {
            let of_call = match &expr.kind {
                ExprKind::Call { callee, .. } => callee.text.as_str(),
                _ => "",
            };
            if matches!(of_call, "history" | "hashed") {
                let ids = self.sparse_ids(given, expr, rows);
                self.note_unfit(&name, ids.is_none());
                found_all &= ids.is_some();
                inputs.sparse.extend(ids.map(|ids| Sparse { name, ids }));
                continue;
            }
            let Some(found) = self.trained_feature(given, expr, rows) else {
                self.note_unfit(&name, true);
                found_all = false;
                continue;
            };
            match found.ty {
                Type::Vector(_) => inputs.vectors.push((name, found)),
                Type::Id(_) | Type::String | Type::List(_) => {
                    let ids = self.as_ids(found, expr.span).map(Ids::Value);
                    self.note_unfit(&name, ids.is_none());
                    found_all &= ids.is_some();
                    inputs.sparse.extend(ids.map(|ids| Sparse { name, ids }));
                }
                _ => {
                    let is_dense = self.as_dense(&found, expr.span).is_some();
                    self.note_unfit(&name, !is_dense);
                    found_all &= is_dense;
                    numbers.push((name.clone(), span, expr));
                    let missing = super::described::Missing::Indicator;
                    inputs.dense.push(Dense { name, expr: found, missing });
                }
            }
        }
        if given.get("missing").is_some() {
            let missing = self.missing(given, &numbers)?;
            inputs.dense.iter_mut().zip(missing).for_each(|(dense, meant)| dense.missing = meant);
        }
        if inputs.dense.is_empty() && inputs.sparse.is_empty() && inputs.vectors.is_empty() {
            let message = format!("`{param}` is empty");
            let help = "a model without features tells nothing apart";
            let found = Diagnostic::new(code::E0303, given.span(param), message);
            return found_all.then(|| self.refuse(found.help(help))).flatten();
        }
        found_all.then_some(())
    }

    /// The newest distinct targets of an edge from the viewer.
    pub(super) fn newest_targets(&self, edge: EdgeExpr, n: u32) -> Ids {
        let from = Expr::new(Kind::Viewer, Type::Id(self.schema.viewer));
        let ty = Type::List(Box::new(Type::Id(edge.to)));
        let newest = OverLinks::of(Stat::Newest(n), edge, from);
        Ids::Value(Expr::new(Kind::OverLinks(Box::new(newest)), ty))
    }
}
