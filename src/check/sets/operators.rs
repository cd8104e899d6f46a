//! One operator put behind a set: its arguments bound, its node added.

use crate::check::Checker;
use crate::check::binder::Binder;
use crate::check::env::Env;
use crate::expr::NodeId;
use crate::ops::{self, Bound, Instance, Operator, Role, Shape};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, Name};
use crate::types::EntityId;
use std::sync::Arc;

impl<'a> Checker<'a> {
    /// Binds an operator and adds it to the graph.
    pub(super) fn operator(
        &mut self,
        operator: &'static Operator,
        input: Option<(&'a ast::Expr, NodeId)>,
        name: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
        role: Role,
    ) -> Option<NodeId> {
        let left = self.drawn_so_far();
        let (bound, read) = self.drawing(|this| {
            let mut binder = Binder::new(this, operator, input, name, args, env, role)?;
            let bound = (operator.bind)(&mut binder);
            Some((bound, binder.finish()))
        });
        let (bound, (ok, auto, otherwise)) = bound?;
        let Some(bound) = bound else {
            // rows of the same shape, so that what follows can be checked
            return match operator.keeps_shape {
                true => input.map(|(_, node)| node),
                false => otherwise.map(|shape| self.some_set(&shape)),
            };
        };
        let node = match bound.op.as_filter() {
            Some(_) => self.add_filter(bound, name.span, &left, &read),
            None => self.add(bound, name.span),
        };
        self.note_fan_out(node, name.span, env);
        if let Some(auto) = auto {
            self.has_auto(node, auto);
        }
        if ok {
            self.note_arguments(node, args);
        }
        Some(node)
    }

    /// After a mistake: some set of that entity, whose columns are of no type, so that what follows
    /// can be checked.
    fn some_set(&mut self, shape: &Shape) -> NodeId {
        let all = self.everything(shape.entity);
        let names = shape.columns.iter().map(|c| c.name.as_str());
        let columns = ops::unknown_columns(&self.graph, all, names);
        self.add_node(columns.op, columns.inputs, columns.shape, Span::default())
    }

    /// Every row of an entity, where any set of it will do.
    pub(in crate::check) fn everything(&mut self, entity: EntityId) -> NodeId {
        let all = ops::everything(self.schema, entity);
        self.graph.add(all.op, all.inputs, all.shape, Span::default())
    }

    /// Adds a bound operator.
    pub(in crate::check) fn add(&mut self, bound: Bound, span: Span) -> NodeId {
        self.add_node(bound.op, bound.inputs, bound.shape, span)
    }

    /// Adds a node, and notes through which definitions it was reached.
    pub(in crate::check) fn add_node(
        &mut self,
        op: Arc<dyn Instance>,
        inputs: Vec<NodeId>,
        shape: Shape,
        span: Span,
    ) -> NodeId {
        let by_key = matches!(op.name(), "user" | "given");
        let node = self.graph.add(op, inputs, shape, span);
        self.note_chance(node);
        if by_key && !self.by_key.contains(&node) {
            self.by_key.push(node);
        }
        let uses = &self.here.uses;
        self.written.sites.entry(node).or_insert_with(|| uses.clone());
        node
    }

    /// Where the arguments of an operator stand, for advice about it.
    fn note_arguments(&mut self, node: NodeId, args: &'a [Arg]) {
        if let [Arg { name: None, span, .. }] = args {
            self.written.arguments.entry(node).or_insert(*span);
        }
        if self.graph.get(node).op.name() == "let" {
            for name in args.iter().filter_map(|arg| arg.name.as_ref()) {
                let key = (node, name.text.clone());
                self.written.columns.entry(key).or_insert(name.span);
            }
        }
    }
}
