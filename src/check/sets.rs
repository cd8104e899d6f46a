//! Candidate sets: sources, operators, definitions, set arithmetic.

use super::binder::Binder;
use super::env::{Env, Local, Scope};
use super::foreign;
use super::modules::Kind;
use super::setness::block_names;
use super::{Checker, address, bare_name};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::functions;
use crate::expr::ir::{Scalar, Stat};
use crate::expr::{Expr, NodeId};
use crate::ops::bind::SetArg;
use crate::ops::shape::{min_bound, sum_bound};
use crate::ops::{self, Bound, Op, Operator, Rest, Role, Shape};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, BinaryOp, ExprKind, ItemKind, Name, Statement};
use crate::types::{EntityId, Type};
use std::sync::Arc;

impl<'a> Checker<'a> {
    /// The node of a candidate set. The same expression in the same place and role is read once.
    pub(super) fn set(&mut self, expr: &'a ast::Expr, env: &Env<'a>, role: Role) -> Option<NodeId> {
        let key = (std::ptr::from_ref(expr) as usize, env.identity(), role);
        if let Some((known, _)) = self.memo.get(&key) {
            let known = *known;
            self.draws_again(&key);
            return known;
        }
        // what leads back to itself is a cycle: it is reported the second time around
        let depth = self.reading.entry(key).or_default();
        if *depth == 2 {
            return None;
        }
        *depth += 1;
        let (found, calls) = self.drawing(|this| {
            this.deeper(expr.span, |this| {
                if this.is_page(expr, env) {
                    this.page_as_set(expr.span);
                    return None;
                }
                this.set_kind(expr, env, role)
            })
        });
        self.note_drawn(key, found, calls);
        *self.reading.entry(key).or_default() -= 1;
        self.memo.insert(key, (found, env.clone()));
        found
    }

    fn set_kind(&mut self, expr: &'a ast::Expr, env: &Env<'a>, role: Role) -> Option<NodeId> {
        match &expr.kind {
            ExprKind::Name(name) => self.set_named(name, expr.span, env, role),
            ExprKind::Method {
                receiver,
                name,
                args,
            } => self.set_method(receiver, name, args, env, role),
            ExprKind::Call { callee, args } => self.set_call(callee, args, expr.span, env, role),
            ExprKind::Binary {
                op: BinaryOp::Mul,
                right,
                ..
            } if self.is_set(right, env) => {
                let message = "a weight stands only before a branch of `combine`";
                let help = "write `combine(0.7 * a, 0.3 * b)`, or change the scores: `a.score(0.7 * score)`";
                self.report(Diagnostic::new(code::E0312, expr.span, message).help(help));
                None
            }
            ExprKind::Binary { op, left, right } => {
                self.set_binary(*op, left, right, expr.span, env, role)
            }
            ExprKind::Block(block) => {
                let (result, env) = self.block_env(block, env)?;
                self.set(result, &env, role)
            }
            ExprKind::If {
                then,
                condition,
                otherwise,
            } => self.set_if(then, condition, otherwise, expr.span, env, role),
            ExprKind::Field { receiver, name } => {
                self.field_as_set(receiver, name, expr.span, env);
                None
            }
            ExprKind::Error => None,
            ExprKind::Unary {
                op: ast::UnaryOp::Not,
                operand,
            } if self.is_set(operand, env) => {
                let help = "the rows of a set that another has not are `a - b`";
                let begin = Span {
                    end: expr.span.start,
                    ..expr.span
                };
                if !self.refine_sign(begin, operand.span, help) {
                    let message = "`not` turns conditions round, no candidate sets";
                    self.report(Diagnostic::new(code::E0313, expr.span, message).help(help));
                }
                None
            }
            ExprKind::List(items)
                if !items.is_empty() && items.iter().all(|item| self.is_set(item, env)) =>
            {
                let message = "a list holds values, no candidate sets";
                let help = "the rows of several sets are `a | b`; several lists are a page: `{first: a, second: b}`";
                self.report(Diagnostic::new(code::E0313, expr.span, message).help(help));
                None
            }
            _ => {
                self.not_a_set(expr.span);
                None
            }
        }
    }

    /// `user.likes.author` where a set is needed.
    fn field_as_set(&mut self, receiver: &'a ast::Expr, name: &Name, span: Span, env: &Env<'a>) {
        let mut path = vec![name.text.as_str()];
        let mut base = receiver;
        while let ExprKind::Field { receiver, name } = &base.kind {
            path.push(&name.text);
            base = receiver;
        }
        let of_set = self.is_set(base, env);
        if !of_set || !path.iter().all(|name| self.edge_exists(name, env)) {
            return self.not_a_set(span);
        }
        path.reverse();
        let message = "links are not read with a point";
        let help = format!(
            "links are followed by `walk`: write `.walk({})`",
            path.join(".")
        );
        self.report(Diagnostic::new(code::E0313, span, message).help(help));
    }

    fn not_a_set(&mut self, span: Span) {
        let help = "a candidate set starts from `user`, `all(entity)`, `given(entity, ids)` or a name bound to one";
        let message = "expected a candidate set, found a value";
        self.report(Diagnostic::new(code::E0313, span, message).help(help));
    }

    fn page_as_set(&mut self, span: Span) {
        let message = "expected a candidate set, found a page of several lists";
        let help = "give the list a name of its own, and use that: `for_you = ...`";
        self.report(Diagnostic::new(code::E0313, span, message).help(help));
    }

    fn set_named(
        &mut self,
        name: &'a str,
        span: Span,
        env: &Env<'a>,
        role: Role,
    ) -> Option<NodeId> {
        match env.find(name).cloned() {
            Some(Local::Thunk {
                expr,
                env,
                checked: true,
            }) => {
                let open = std::mem::take(&mut self.open);
                let found = self.set(expr, &env, role);
                self.open = open;
                return found;
            }
            Some(Local::Thunk { expr, env, .. }) => {
                return self.once("binding", name, address(expr), span, |this| {
                    this.set(expr, &env, role)
                });
            }
            Some(Local::Node(node)) => return Some(node),
            Some(Local::Error) => return None,
            Some(_) => {
                self.not_a_set(span);
                return None;
            }
            None => {}
        }
        let modules = self.modules;
        for number in modules.order(env.module) {
            if let Some(item) = modules.all[number].find(Kind::Rest, name).next() {
                self.mark_used(item);
                let ItemKind::Binding { value, .. } = &item.kind else {
                    self.not_a_set(span);
                    return None;
                };
                return self.once("binding", name, address(value), span, |this| {
                    this.set(value, &Env::top(number), role)
                });
            }
        }
        if name == "user" {
            let viewer = ops::viewer(self.schema);
            return Some(self.add(viewer, span));
        }
        self.unknown_set(name, span, env);
        None
    }

    fn unknown_set(&mut self, name: &str, span: Span, env: &Env<'a>) {
        if self.is_lost(name) {
            return;
        }
        let message = format!("there is no candidate set `{name}`");
        let diagnostic = Diagnostic::new(code::E0201, span, message);
        if name == "viewer" {
            let help = "`viewer` is an id; the set of the requesting user is `user`";
            return self.report(diagnostic.help(help));
        }
        if self.find_entity(name).is_some() {
            let diagnostic = diagnostic.help(format!("every `{name}` is `all({name})`"));
            return self.report(diagnostic);
        }
        if !self.callables(name, env.module).is_empty() {
            if self.callables_of(self.schema.viewer).contains(&name) {
                let help = format!("a definition follows a set: `user.{name}()`");
                return self.report(diagnostic.help(help));
            }
            return self.report(
                diagnostic.help(format!("a definition is called with brackets: `{name}()`")),
            );
        }
        let mut known: Vec<&str> = env.names().collect();
        let modules = self.modules;
        modules.order(env.module).for_each(|m| {
            known.extend(modules.all[m].all(Kind::Rest).map(|(name, _)| name));
        });
        known.push("user");
        let near =
            suggest::nearest(name, known.into_iter()).map(|near| format!("did you mean `{near}`?"));
        if near.is_none() && self.may_be_imported(env.module) {
            return;
        }
        let usual = "a candidate set starts from `user`, `all(entity)`, `given(entity, ids)` or a name bound to one";
        self.report(diagnostic.help(near.unwrap_or_else(|| usual.to_owned())));
    }

    fn set_method(
        &mut self,
        receiver: &'a ast::Expr,
        name: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
        role: Role,
    ) -> Option<NodeId> {
        let Some(input) = self.set(receiver, env, role) else {
            // whatever it would follow: there has to be something of that name
            let known = ops::find(&name.text).is_some()
                || !self.callables(&name.text, env.module).is_empty();
            if !known {
                self.unknown_operator(name, args, None, env);
            }
            return None;
        };
        self.follow((receiver, input), name, &name.text, args, env, role)
    }

    /// What follows a set, under its name or under the one that was most likely meant.
    fn follow(
        &mut self,
        (receiver, input): (&'a ast::Expr, NodeId),
        name: &'a Name,
        meant: &str,
        args: &'a [Arg],
        env: &Env<'a>,
        role: Role,
    ) -> Option<NodeId> {
        if let Some(operator) = ops::find(meant) {
            if operator.source && operator.rest != Rest::Sets {
                let message = format!("`{}` is a source: it follows nothing", name.text);
                let help = format!("write `{}(...)` without a set before it", name.text);
                self.report(Diagnostic::new(code::E0312, name.span, message).help(help));
                return None;
            }
            return self.operator(operator, Some((receiver, input)), name, args, env, role);
        }
        if self.callables(meant, env.module).is_empty() {
            let keeps = foreign::operator(&name.text).map(|foreign| foreign.keeps);
            return match (self.unknown_operator(name, args, Some(input), env), keeps) {
                (Some(meant), None) => self.follow((receiver, input), name, meant, args, env, role),
                // so that what follows is checked
                (_, Some(true)) => Some(input),
                _ => None,
            };
        }
        self.call_set(name, meant, Some((receiver, input)), args, env, role)
    }

    fn set_call(
        &mut self,
        callee: &'a Name,
        args: &'a [Arg],
        span: Span,
        env: &Env<'a>,
        role: Role,
    ) -> Option<NodeId> {
        if let Some(operator) = ops::find(&callee.text) {
            if operator.source {
                return self.operator(operator, None, callee, args, env, role);
            }
            let Some((first, rest)) = args
                .split_first()
                .filter(|(first, _)| first.name.is_none() && !is_literal(&first.value))
            else {
                let message = format!("`{}` follows a candidate set", callee.text);
                let given = args
                    .iter()
                    .map(|arg| crate::syntax::print_expression(&arg.value));
                let given = given.collect::<Vec<_>>().join(", ");
                let help = match args.iter().all(|arg| arg.name.is_none()) && given.len() < 40 {
                    true => format!("it stands behind a point: `rows.{}({given})`", callee.text),
                    false => format!("it stands behind a point: `rows.{}(...)`", callee.text),
                };
                self.report(Diagnostic::new(code::E0303, callee.span, message).help(help));
                return None;
            };
            let input = self.set(&first.value, env, role)?;
            return self.operator(
                operator,
                Some((&first.value, input)),
                callee,
                rest,
                env,
                role,
            );
        }
        if !self.callables(&callee.text, env.module).is_empty() {
            return self.call_set(callee, &callee.text, None, args, env, role);
        }
        if self.edge_exists(&callee.text, env) {
            let message = format!(
                "`{}` is an edge; its links are no candidate set",
                callee.text
            );
            let help = format!("walk it: `user.walk({})`", callee.text);
            self.report(Diagnostic::new(code::E0313, span, message).help(help));
            return None;
        }
        let aggregates = Stat::NAMES.iter().any(|(name, _)| *name == callee.text);
        if aggregates || functions::find(&callee.text).is_some() {
            let message = format!(
                "`{}(...)` is a value; a candidate set is needed here",
                callee.text
            );
            let help = format!(
                "read it in a row: `rows.filter({0}(...) > 0)`, `rows.let(x={0}(...))`",
                callee.text
            );
            self.report(Diagnostic::new(code::E0313, span, message).help(help));
            return None;
        }
        let mut known: Vec<&str> = ops::OPERATORS
            .iter()
            .filter(|op| op.source)
            .map(|op| op.name)
            .collect();
        known.extend(self.usable_names(env.module));
        if self.is_lost(&callee.text) {
            return None;
        }
        let near = suggest::nearest(&callee.text, known.into_iter());
        let foreign = self
            .foreign_source(&callee.text, args)
            .or_else(|| foreign::operator(&callee.text).map(|f| f.help(args, &|_| false)));
        if near.is_none() && foreign.is_none() && self.may_be_imported(env.module) {
            return None;
        }
        let help = self
            .where_defined(&callee.text)
            .or(foreign)
            .or_else(|| near.map(|near| format!("did you mean `{near}`?")));
        let usual = "sources are `user`, `all(entity)`, `given(entity, ids)`, `combine(a, b)` and definitions; others follow a set: `rows.name()`";
        let message = format!("there is no source or definition `{}`", callee.text);
        self.report(
            Diagnostic::new(code::E0202, callee.span, message)
                .help(help.unwrap_or_else(|| usual.to_owned())),
        );
        None
    }

    /// Reports an operator that there is not; gives the one that was meant if it was misspelt.
    fn unknown_operator(
        &mut self,
        name: &Name,
        args: &'a [Arg],
        input: Option<NodeId>,
        env: &Env<'a>,
    ) -> Option<&'a str> {
        if self.is_lost(&name.text) {
            return None;
        }
        let mut known: Vec<&'a str> = ops::OPERATORS
            .iter()
            .filter(|op| !op.source)
            .map(|op| op.name)
            .collect();
        known.extend(self.usable_names(env.module));
        let near = suggest::nearest(&name.text, known.into_iter());
        let foreign = foreign::operator(&name.text);
        if near.is_none() && foreign.is_none() && self.may_be_imported(env.module) {
            return None;
        }
        let of_sets = args
            .first()
            .filter(|arg| self.is_set(&arg.value, env))
            .and_then(|_| foreign::with_set(&name.text));
        let walked = (args.is_empty() && self.edge_exists(&name.text, env))
            .then(|| format!("links are followed by `walk`: write `.walk({})`", name.text));
        let table = input.map(|input| self.schema.entity(self.graph.shape(input).entity));
        let is_time = |column: &str| {
            let found = table.and_then(|table| {
                let column = table.columns.iter().find(|c| c.name == column)?;
                Some(column.ty == Type::Time)
            });
            found.unwrap_or(false)
        };
        let help = match (self.where_defined(&name.text), near, input) {
            (Some(help), _, _) => help,
            _ if walked.is_some() => walked.unwrap_or_default(),
            _ if of_sets.is_some() => of_sets.unwrap_or_default().to_owned(),
            _ if foreign.is_some() => foreign.map(|f| f.help(args, &is_time)).unwrap_or_default(),
            (None, Some(near), _) => format!("did you mean `{near}`?"),
            (None, None, Some(input)) => {
                let entity = self.graph.shape(input).entity;
                let mut follow: Vec<&str> = ops::OPERATORS
                    .iter()
                    .filter(|op| !op.source)
                    .map(|op| op.name)
                    .collect();
                follow.extend(self.callables_of(entity));
                let entity = self.entity_name(entity);
                format!("a set of `{entity}` is followed by {}", follow.join(", "))
            }
            (None, None, None) => "`:help` and docs/operators list the operators".to_owned(),
        };
        let message = format!("there is no operator or definition `{}`", name.text);
        self.report(Diagnostic::new(code::E0202, name.span, message).help(help));
        near.filter(|near| suggest::is_slip(&name.text, near))
    }

    /// Binds an operator and adds it to the graph.
    fn operator(
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
        match bound {
            Some(bound) => {
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
            // rows of the same shape, so that what follows can be checked
            None if operator.keeps_shape => input.map(|(_, node)| node),
            None => otherwise.map(|shape| self.some_set(&shape)),
        }
    }

    /// After a mistake: some set of that entity, whose columns are of no type, so that what follows
    /// can be checked.
    pub(super) fn some_set(&mut self, shape: &Shape) -> NodeId {
        let all = self.everything(shape.entity);
        let names = shape.columns.iter().map(|c| c.name.as_str());
        let columns = ops::unknown_columns(&self.graph, all, names);
        self.add_node(columns.op, columns.inputs, columns.shape, Span::default())
    }

    /// Adds a bound operator.
    pub(super) fn add(&mut self, bound: Bound, span: Span) -> NodeId {
        self.add_node(bound.op, bound.inputs, bound.shape, span)
    }

    /// Adds a node, and notes through which definitions it was reached.
    pub(super) fn add_node(
        &mut self,
        op: Arc<dyn Op>,
        inputs: Vec<NodeId>,
        shape: Shape,
        span: Span,
    ) -> NodeId {
        let by_key = matches!(op.name(), "user" | "given");
        let node = self.graph.add(op, inputs, shape, span);
        if by_key && !self.by_key.contains(&node) {
            self.by_key.push(node);
        }
        let uses = &self.uses;
        self.sites.entry(node).or_insert_with(|| uses.clone());
        node
    }

    /// Where the arguments of an operator stand, for advice about it.
    fn note_arguments(&mut self, node: NodeId, args: &'a [Arg]) {
        if let [
            Arg {
                name: None, span, ..
            },
        ] = args
        {
            self.argument.entry(node).or_insert(*span);
        }
        if self.graph.get(node).op.name() == "let" {
            for name in args.iter().filter_map(|arg| arg.name.as_ref()) {
                let key = (node, name.text.clone());
                self.columns.entry(key).or_insert(name.span);
            }
        }
    }

    fn set_binary(
        &mut self,
        op: BinaryOp,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        span: Span,
        env: &Env<'a>,
        role: Role,
    ) -> Option<NodeId> {
        let right_role = match op {
            BinaryOp::Union => role,
            BinaryOp::Sub | BinaryOp::Intersect => Role::Fact,
            BinaryOp::Add if self.is_set(left, env) => {
                let message = "candidate sets are not added";
                let help = "write `a | b` for the rows of both, or `combine(a, b)`";
                self.report(Diagnostic::new(code::E0313, span, message).help(help));
                return None;
            }
            BinaryOp::Or | BinaryOp::And if self.is_set(left, env) && self.is_set(right, env) => {
                let message = "candidate sets are not joined like conditions";
                let help = match op {
                    BinaryOp::Or => "write `a | b` for the rows of both",
                    _ => "write `a & b` for the rows that are in both",
                };
                if !self.refine_sign(left.span, right.span, help) {
                    self.report(Diagnostic::new(code::E0313, span, message).help(help));
                }
                return None;
            }
            _ => {
                self.not_a_set(span);
                return None;
            }
        };
        let (a, of_a) = self.drawing(|this| this.set(left, env, role));
        let (b, of_b) = self.drawing(|this| this.set(right, env, right_role));
        let (Some(a), Some(b)) = (a, b) else {
            // the rows are like those of the other side
            return a.or(b);
        };
        let parts = [(a, left.span), (b, right.span)];
        if op == BinaryOp::Union {
            let shape = self.joined(&parts, span)?;
            let bound = ops::union(&self.graph, a, b, shape);
            return Some(self.add(bound, span));
        }
        self.one_entity(&parts, span)?;
        let wanted = op == BinaryOp::Intersect;
        Some(self.add_narrowed((a, &of_a), (b, &of_b), wanted, span))
    }

    /// `a if condition else b`.
    fn set_if(
        &mut self,
        then: &'a ast::Expr,
        condition: &'a ast::Expr,
        otherwise: &'a ast::Expr,
        span: Span,
        env: &Env<'a>,
        role: Role,
    ) -> Option<NodeId> {
        let condition = self.typed(condition, env, &Scope::request(), &Type::Bool);
        let a = self.set(then, env, role);
        let b = self.set(otherwise, env, role);
        let (Some(a), Some(b)) = (a, b) else {
            return a.or(b);
        };
        let shape = self.joined(&[(a, then.span), (b, otherwise.span)], span)?;
        if condition.is_error() {
            return Some(a);
        }
        let bound = ops::choose(&self.graph, condition, a, b, shape);
        Some(self.add(bound, span))
    }

    /// Reports sets of different entities.
    fn one_entity(&mut self, sets: &[(NodeId, Span)], span: Span) -> Option<()> {
        let entity = |this: &Self, set: NodeId| this.graph.shape(set).entity;
        let (first, first_span) = *sets.first()?;
        let x = entity(self, first);
        let Some((other, other_span)) = sets.iter().find(|(set, _)| entity(self, *set) != x) else {
            return Some(());
        };
        let (x, y) = (self.entity_name(x), self.entity_name(entity(self, *other)));
        let message = format!("a set of `{x}` and a set of `{y}` cannot be combined");
        self.report(
            Diagnostic::new(code::E0308, span, message)
                .label(first_span, format!("this is a set of `{x}`"))
                .label(*other_span, format!("this is a set of `{y}`"))
                .help("walk from one entity to the other first"),
        );
        None
    }

    /// The shape of rows that come from any of the sets; reports sets of different entities, and
    /// a column that two of them bind with different types.
    pub(super) fn joined(&mut self, sets: &[(NodeId, Span)], span: Span) -> Option<Shape> {
        self.one_entity(sets, span)?;
        let shapes: Vec<&Shape> = sets.iter().map(|(set, _)| self.graph.shape(*set)).collect();
        match Shape::joined(&shapes) {
            Ok(mut shape) => {
                shape.bound = min_bound(shape.bound, self.most_rows(shape.entity));
                Some(shape)
            }
            Err(columns) => {
                let (x, y) = *columns;
                let (tx, ty) = (self.type_name(&x.ty), self.type_name(&y.ty));
                let message = format!(
                    "column `{}` is {tx} in one branch and {ty} in the other",
                    x.name
                );
                let help = "give the two columns different names";
                self.report(Diagnostic::new(code::E0311, span, message).help(help));
                None
            }
        }
    }

    /// Most rows of an entity that a set can have: those of its table, and those that are asked for by
    /// keys that the table may not have.
    fn most_rows(&self, entity: EntityId) -> Option<u64> {
        let stored = u64::from(self.schema.entity(entity).rows);
        let by_key = self.by_key.iter().map(|&node| self.graph.shape(node));
        let mut by_key = by_key.filter(|shape| shape.entity == entity);
        by_key.try_fold(stored, |most, shape| sum_bound(Some(most), shape.bound))
    }

    /// The arguments of an operator that combines sets. `first` is what it follows.
    pub(super) fn branches(
        &mut self,
        first: Option<(&'a ast::Expr, NodeId)>,
        args: &[&'a Arg],
        weighted: bool,
        env: &Env<'a>,
        role: Role,
    ) -> Vec<Option<SetArg>> {
        let mut found: Vec<Option<SetArg>> = Vec::new();
        if let Some((expr, set)) = first {
            found.push(Some(SetArg {
                name: branch_name(None, expr, 1),
                set,
                span: expr.span,
                weight: Expr::constant(Scalar::F64(1.0), Type::Float),
                weight_span: expr.span,
            }));
        }
        for arg in args {
            let number = found.len() + 1;
            found.push(self.branch(arg, number, weighted, env, role));
        }
        found
    }

    fn branch(
        &mut self,
        arg: &'a Arg,
        number: usize,
        weighted: bool,
        env: &Env<'a>,
        role: Role,
    ) -> Option<SetArg> {
        let (weight, set) = match &arg.value.kind {
            ExprKind::List(_) | ExprKind::Record(_)
                if self.sets_within(&arg.value, env).is_some() =>
            {
                let sets = self.sets_within(&arg.value, env).unwrap_or_default();
                let sets = sets.join(", ");
                let shown = if sets.len() > 80 { "a, b" } else { &sets };
                let message = "sets are arguments of their own";
                let help = format!("leave the brackets out: `{shown}`");
                self.report(Diagnostic::new(code::E0313, arg.value.span, message).help(help));
                return None;
            }
            ExprKind::Binary {
                op: BinaryOp::Mul,
                left,
                right,
            } if weighted && self.is_set(right, env) => (Some(&**left), &**right),
            ExprKind::Binary {
                op: BinaryOp::Mul,
                left,
                ..
            } if weighted && self.is_set(left, env) => {
                let message = "the weight of a branch stands before it";
                let help = "write `0.7 * a`";
                self.report(Diagnostic::new(code::E0312, arg.value.span, message).help(help));
                return None;
            }
            _ => (None, &arg.value),
        };
        let node = self.set(set, env, role);
        let weight_span = weight.map_or(set.span, |w| w.span);
        let weight = match weight {
            Some(weight) => self.typed(weight, env, &Scope::request(), &Type::Float),
            None => Expr::constant(Scalar::F64(1.0), Type::Float),
        };
        Some(SetArg {
            name: branch_name(arg.name.as_ref(), set, number),
            set: node?,
            span: set.span,
            weight: (!weight.is_error()).then_some(weight)?,
            weight_span,
        })
    }

    /// The sets of a list or record, as they would be given as arguments.
    fn sets_within(&self, expr: &'a ast::Expr, env: &Env<'a>) -> Option<Vec<String>> {
        let printed = crate::syntax::print_expression;
        let sets: Option<Vec<String>> = match &expr.kind {
            ExprKind::List(items) => {
                let sets = items.iter();
                sets.map(|item| self.is_set(item, env).then(|| printed(item)))
                    .collect()
            }
            ExprKind::Record(fields) => {
                let sets = fields.iter();
                sets.map(|(name, set)| {
                    let given = || format!("{}={}", name.text, printed(set));
                    self.is_set(set, env).then(given)
                })
                .collect()
            }
            _ => None,
        };
        sets.filter(|sets| !sets.is_empty())
    }

    /// The result of a block and the names that it is read with.
    pub(super) fn block_env(
        &mut self,
        block: &'a ast::Block,
        env: &Env<'a>,
    ) -> Option<(&'a ast::Expr, Env<'a>)> {
        for statement in &block.statements {
            if let Statement::Assert { span, .. } = statement {
                let help = "`assert` stands in the block of a `test`";
                self.report(
                    Diagnostic::new(code::E0106, *span, "an assertion outside a test").help(help),
                );
            }
        }
        // a block without a result has been reported by the parser
        block
            .result
            .as_ref()
            .map(|result| (&**result, block_names(block, env)))
    }

    /// What a query gives: one set, or a page: a record of sets by name.
    pub(super) fn results(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
    ) -> Option<Vec<(Option<String>, NodeId)>> {
        if !self.is_page(expr, env) {
            return Some(vec![(None, self.set(expr, env, Role::Source)?)]);
        }
        let (fields, env) = self.page(expr, env)?;
        for (i, (name, _)) in fields.iter().enumerate() {
            if let Some((first, _)) = fields[..i].iter().find(|(n, _)| n.text == name.text) {
                let message = format!("the list `{}` is there twice", name.text);
                self.report(
                    Diagnostic::new(code::E0208, name.span, message)
                        .label(first.span, "first defined here")
                        .help("rename one of the two, or remove it"),
                );
            }
        }
        let sets: Vec<_> = fields
            .iter()
            .map(|(name, value)| {
                Some((
                    Some(name.text.clone()),
                    self.set(value, &env, Role::Source)?,
                ))
            })
            .collect();
        sets.into_iter().collect()
    }

    /// The lists of a page, through names, blocks and calls, and the names they are read with.
    fn page(&mut self, expr: &'a ast::Expr, env: &Env<'a>) -> Option<Page<'a>> {
        match &expr.kind {
            ExprKind::Record(fields) => Some((fields, env.clone())),
            ExprKind::Block(block) => {
                let (result, env) = self.block_env(block, env)?;
                self.page(result, &env)
            }
            ExprKind::Name(name) => {
                let (value, inner) = self.named_expr(name, env)?;
                self.once("binding", name, address(value), expr.span, |this| {
                    this.page(value, &inner)
                })
            }
            ExprKind::Call { callee, args } => {
                let (body, inner) = self.called_expr(callee, None, args, env)?;
                self.once("def", &callee.text, address(body), callee.span, |this| {
                    this.page(body, &inner)
                })
            }
            ExprKind::Method {
                receiver,
                name,
                args,
            } => {
                let node = self.set(receiver, env, Role::Source)?;
                let (body, inner) = self.called_expr(name, Some((receiver, node)), args, env)?;
                self.once("def", &name.text, address(body), name.span, |this| {
                    this.page(body, &inner)
                })
            }
            _ => None,
        }
    }

    /// The expression that a name is bound to, here or at top level.
    fn named_expr(&mut self, name: &str, env: &Env<'a>) -> Option<(&'a ast::Expr, Env<'a>)> {
        if let Some(local) = env.find(name) {
            return match local {
                Local::Thunk { expr, env, .. } => Some((*expr, env.clone())),
                _ => None,
            };
        }
        let modules = self.modules;
        for number in modules.order(env.module) {
            if let Some(item) = modules.all[number].find(Kind::Rest, name).next() {
                self.mark_used(item);
                return match &item.kind {
                    ItemKind::Binding { value, .. } => Some((value, Env::top(number))),
                    _ => None,
                };
            }
        }
        None
    }
}

/// The lists of a page by name, and where they are read.
type Page<'a> = (&'a [(Name, ast::Expr)], Env<'a>);

fn is_literal(expr: &ast::Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Str(_) | ExprKind::Duration(_)
    )
}

/// The name it was given, else that of its binding, else its number.
fn branch_name(given: Option<&Name>, set: &ast::Expr, number: usize) -> String {
    match (given, bare_name(set)) {
        (Some(name), _) => name.text.clone(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => format!("#{number}"),
    }
}
