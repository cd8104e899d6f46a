//! When a `filter`, `- set` or `& set` is a `where`.
//!
//! After a fan-out whose number is `auto`, with nothing but `let`, `filter`, `- set` and `& set`
//! between, the conjuncts of a filter that read only the entity and the request restrict what the
//! fan-out takes, and so do the sets. They are applied again to what comes out, which changes nothing.
//! What reads `position` lets nothing of what follows it through; nor does a set that is drawn from the
//! fan-out. `|` hands on to both sides.

use super::autos::place;
use super::env::Env;
use super::expr::bind_block;
use super::links::{Ends, Links};
use super::rows::{At, Set};
use super::shape::{Called, OPERATORS, SOURCES};
use super::{Interp, Role};
use igql::syntax::ast::{Arg, BinaryOp, Expr, ExprKind, RowDef};
use std::rc::Rc;

/// A call of `walk` or `nn` in the text, and the calls of definitions that lead there.
pub type FanOut = Vec<(u32, u32)>;

/// One conjunct of a filter.
#[derive(Clone)]
pub struct Conjunct<'a> {
    pub expr: &'a Expr,
    pub env: Env<'a>,
}

#[derive(Clone)]
pub enum Test<'a> {
    Conjunct(Conjunct<'a>),
    /// Whether the entity has to be in the set.
    Member(Rc<Set>, bool),
}

/// A condition on its way down to a fan-out.
#[derive(Clone)]
pub struct Pushed<'a> {
    test: Test<'a>,
    /// Columns bound between the fan-out and the filter.
    bound: Vec<String>,
    /// The fan-outs that its sets, and those of what stands between, are drawn from.
    drawn: Vec<FanOut>,
}

/// Names that a conjunct must not read to be a `where`.
struct Bound<'n> {
    /// Of those that every row has.
    built_in: &'n [&'n str],
    names: &'n [String],
    entity: usize,
    /// Names of a link, which come first inside it.
    link: Option<Rc<Links>>,
}

impl Pushed<'_> {
    /// Behind further columns.
    pub fn with_bound(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.bound.extend(names);
        self
    }

    /// Behind an operator whose sets are drawn from there.
    pub fn with_drawn(mut self, drawn: &[FanOut]) -> Self {
        self.drawn.extend_from_slice(drawn);
        self
    }
}

impl<'a> Interp<'a> {
    /// The conjuncts of an expression, through parameters, bindings, values and policies.
    pub fn conjuncts(&self, expr: &'a Expr, env: &Env<'a>, entity: usize) -> Vec<Conjunct<'a>> {
        let alone = || {
            let env = env.clone();
            vec![Conjunct { expr, env }]
        };
        match &expr.kind {
            ExprKind::Binary { op: BinaryOp::And, left, right } => {
                let mut all = self.conjuncts(left, env, entity);
                all.extend(self.conjuncts(right, env, entity));
                all
            }
            ExprKind::Name(name) => match env.get(name) {
                Some(bound) if bound.at.is_none() => self.conjuncts(bound.expr, &bound.env, entity),
                _ => alone(),
            },
            ExprKind::Call { callee, args } => match self.row_def_named(&callee.text, entity) {
                Some(def) => self.conjuncts_of(def, args, env, entity),
                None => alone(),
            },
            _ => alone(),
        }
    }

    fn row_def_named(&self, name: &str, entity: usize) -> Option<&'a RowDef> {
        let is_entity = self.is_entity(entity);
        self.program.policy(name, &is_entity).or_else(|| self.program.value(name, &is_entity))
    }

    /// The conjuncts of a policy or value with its arguments.
    pub fn conjuncts_of(
        &self,
        def: &'a RowDef,
        args: &'a [Arg],
        env: &Env<'a>,
        entity: usize,
    ) -> Vec<Conjunct<'a>> {
        let env = self.bind_params(&def.params, None, args, env, None);
        self.conjuncts(&def.body, &env, entity)
    }

    /// The conjuncts of a filter as conditions for the fan-out below, and the fan-outs that their sets
    /// are drawn from.
    pub fn pushed(&self, conjuncts: &[Conjunct<'a>]) -> (Vec<Pushed<'a>>, Vec<FanOut>) {
        let mut all = Vec::new();
        let push = |c: &Conjunct<'a>| {
            let mut drawn = Vec::new();
            self.draws(c.expr, &c.env, &mut drawn);
            all.extend_from_slice(&drawn);
            Pushed { test: Test::Conjunct(c.clone()), bound: Vec::new(), drawn }
        };
        let pushed = conjuncts.iter().map(push).collect();
        (pushed, all)
    }

    /// `- set` or `& set` as a condition, and the fan-outs that the set is drawn from.
    pub fn membership(&self, set: &'a Expr, env: &Env<'a>, wanted: bool) -> Pushed<'a> {
        let mut drawn = Vec::new();
        self.draws(set, env, &mut drawn);
        let rows = self.set(set, env, Role::Fact, &[]);
        Pushed { test: Test::Member(rows, wanted), bound: Vec::new(), drawn }
    }

    pub fn drawn_from<'p>(&self, pushed: &'p Pushed<'a>) -> &'p [FanOut] {
        &pushed.drawn
    }

    /// Of the conditions that reach a fan-out to `entity`, those that are its `where`.
    /// `carried` are the columns of the parents, which the new rows inherit.
    pub fn pushable<'p>(
        &self,
        pushed: &'p [Pushed<'a>],
        carried: &[String],
        entity: usize,
        (call, env): (&Called<'a>, &Env<'a>),
    ) -> Vec<&'p Pushed<'a>> {
        let own = place(call.span, env.sites(), Role::Source).0;
        let fits = |p: &&Pushed<'a>| {
            let names = [&p.bound, carried].concat();
            let bound = Bound {
                built_in: &["score", "position", "branch", "propensity"],
                names: &names,
                entity,
                link: None,
            };
            let reads_row = match &p.test {
                Test::Conjunct(c) => self.reads(c.expr, &c.env, &bound),
                Test::Member(..) => false,
            };
            !reads_row && !p.drawn.contains(&own)
        };
        pushed.iter().filter(fits).collect()
    }

    /// Do all conditions hold of an entity?
    pub fn all_hold(&self, conditions: &[&Pushed<'a>], entity: usize, row: u32) -> bool {
        let at = At::entity(entity, row);
        conditions.iter().all(|p| match &p.test {
            Test::Conjunct(c) => self.value(c.expr, &c.env, &at).is_true(),
            Test::Member(set, wanted) => set.position(row).is_some() == *wanted,
        })
    }

    /// Does an expression read the position of the row, or how probable it was?
    pub fn reads_position(&self, expr: &'a Expr, env: &Env<'a>, entity: usize) -> bool {
        let built_in = &["position", "propensity"];
        let bound = Bound { built_in, names: &[], entity, link: None };
        self.reads(expr, env, &bound)
    }

    /// Every fan-out that is evaluated for the sets in an expression.
    fn draws(&self, expr: &'a Expr, env: &Env<'a>, found: &mut Vec<FanOut>) {
        if let Some(of) = self.links_call(expr, env) {
            return of.ends.iter().for_each(|e| self.draws(&e.value, env, found));
        }
        if self.is_set(expr, env) {
            return self.drawn_by(expr, env, found);
        }
        if let Some(call) = Called::of(expr)
            && let Some(def) = self.program.policy(call.name, &|_| true)
        {
            let inner = self.bind_params(&def.params, None, call.args, env, None);
            self.draws(&def.body, &inner, found);
        }
        if let ExprKind::Name(name) = &expr.kind {
            match env.get(name) {
                Some(bound) => self.draws(bound.expr, &bound.env, found),
                None => {
                    let value = self.program.value(name, &|_| true).map(|def| &def.body);
                    if let Some(value) = self.top_level(name).or(value) {
                        self.draws(value, &Env::default(), found);
                    }
                }
            }
        }
        if let ExprKind::Block(block) = &expr.kind {
            let result = block.result.as_ref().expect("a block with a result");
            return self.draws(result, &bind_block(block, env), found);
        }
        parts(expr, &mut |part| self.draws(part, env, found));
    }

    /// Every fan-out that is evaluated for a set.
    fn drawn_by(&self, set: &'a Expr, env: &Env<'a>, found: &mut Vec<FanOut>) {
        match &set.kind {
            ExprKind::Name(name) => {
                return match (env.get(name), self.top_level(name)) {
                    (Some(bound), _) => self.draws(bound.expr, &bound.env, found),
                    (None, Some(top)) => self.draws(top, &Env::default(), found),
                    (None, None) => {}
                };
            }
            ExprKind::Block(block) => {
                let result = block.result.as_ref().expect("a block with a result");
                return self.draws(result, &bind_block(block, env), found);
            }
            _ => {}
        }
        let Some(call) = Called::of(set) else {
            return parts(set, &mut |part| self.draws(part, env, found));
        };
        if ["walk", "nn"].contains(&call.name) {
            found.push(place(call.span, env.sites(), Role::Source).0);
        }
        parts(set, &mut |part| self.draws(part, env, found));
        let def = self.def_of(&call, env).map(|def| (def.params, def.body));
        let is_operator = OPERATORS.contains(&call.name) || SOURCES.contains(&call.name);
        if let Some((params, body)) = def.or_else(|| self.program.query(Some(call.name)))
            && !is_operator
        {
            self.draws(body, &self.bind_call(params, &call, env), found);
        }
    }

    /// Does an expression read the row of the set: score, position, branch, bound columns?
    fn reads(&self, expr: &'a Expr, env: &Env<'a>, bound: &Bound) -> bool {
        let reads = |e: &'a Expr| self.reads(e, env, bound);
        match &expr.kind {
            ExprKind::Name(name) => self.name_reads(name, env, bound),
            ExprKind::List(items) => items.iter().any(reads),
            ExprKind::Unary { operand, .. } => reads(operand),
            ExprKind::Binary { left, right, .. } => reads(left) || reads(right),
            ExprKind::Compare { first, rest } => reads(first) || rest.iter().any(|(_, e)| reads(e)),
            ExprKind::In { value, set, .. } => {
                reads(value) || (!self.is_set(set, env) && reads(set))
            }
            ExprKind::IsNull { value, .. } => reads(value),
            ExprKind::If { then, condition, otherwise } => {
                reads(then) || reads(condition) || reads(otherwise)
            }
            ExprKind::Field { receiver, name } if matches!(&receiver.kind, ExprKind::Name(n) if n == "row") => {
                bound.names.contains(&name.text)
            }
            ExprKind::Field { receiver, .. }
                if matches!(&receiver.kind, ExprKind::Name(n) if n == "link")
                    && bound.link.is_some() =>
            {
                false
            }
            ExprKind::Field { receiver, .. } => reads(receiver),
            ExprKind::Block(block) => {
                let result = block.result.as_ref().expect("a block with a result");
                self.reads(result, &bind_block(block, env), bound)
            }
            _ => Called::of(expr).is_some_and(|call| self.call_reads(&call, env, bound)),
        }
    }

    fn name_reads(&self, name: &str, env: &Env<'a>, bound: &Bound) -> bool {
        if let Some(closure) = env.get(name) {
            return self.reads(closure.expr, &closure.env, bound);
        }
        if bound.built_in.contains(&name) {
            return true;
        }
        let of_link = bound.link.as_ref().is_some_and(|l| l.has_name(name));
        if !of_link && bound.names.iter().any(|n| n == name) {
            return true;
        }
        let is_column = self.column(bound.entity, 0, name).is_some();
        let value = self
            .program
            .value(name, &self.is_entity(bound.entity))
            .filter(|_| !of_link && !is_column);
        value.is_some_and(|def| self.row_def_reads(def, &[], env, bound))
    }

    fn row_def_reads(
        &self,
        def: &'a RowDef,
        args: &'a [Arg],
        env: &Env<'a>,
        bound: &Bound,
    ) -> bool {
        let env = self.bind_params(&def.params, None, args, env, None);
        self.reads(&def.body, &env, &Bound { link: None, ..*bound })
    }

    fn call_reads(&self, call: &Called<'a>, env: &Env<'a>, bound: &Bound) -> bool {
        let first = call.first();
        let links = first.and_then(|e| self.links_call(e, env));
        if ["score_of", "position_of"].contains(&call.name)
            || links.is_none() && first.is_some_and(|e| self.is_set(e, env))
        {
            return false;
        }
        if let Some(of) = links {
            let links = self.edge_links(of.edge, env, Ends::default());
            let inside = Bound { link: Some(links), ..*bound };
            let ends = of.ends.iter().any(|e| self.reads(&e.value, env, bound));
            return ends
                || call.args.iter().any(|a| {
                    !std::ptr::eq(&a.value, of.edge) && self.reads(&a.value, env, &inside)
                });
        }
        if let Some(def) = self.row_def_named(call.name, bound.entity) {
            return self.row_def_reads(def, call.args, env, bound);
        }
        if let Some(def) = self.def_of(call, env) {
            let inner = self.bind_params(def.params, call.receiver, call.args, env, None);
            return self.reads(def.body, &inner, bound);
        }
        call.receiver.is_some_and(|e| self.reads(e, env, bound))
            || call.args.iter().any(|a| self.reads(&a.value, env, bound))
    }
}

/// The expressions that an expression is made of.
pub fn parts<'a>(expr: &'a Expr, f: &mut dyn FnMut(&'a Expr)) {
    match &expr.kind {
        ExprKind::List(items) => items.iter().for_each(f),
        ExprKind::Unary { operand, .. } => f(operand),
        ExprKind::Binary { left, right, .. } => {
            f(left);
            f(right);
        }
        ExprKind::Compare { first, rest } => {
            f(first);
            rest.iter().for_each(|(_, e)| f(e));
        }
        ExprKind::In { value, set, .. } => {
            f(value);
            f(set);
        }
        ExprKind::IsNull { value, .. } => f(value),
        ExprKind::If { then, condition, otherwise } => {
            f(then);
            f(condition);
            f(otherwise);
        }
        ExprKind::Field { receiver, .. } => f(receiver),
        ExprKind::Call { args, .. } => args.iter().for_each(|a| f(&a.value)),
        ExprKind::Method { receiver, args, .. } => {
            f(receiver);
            args.iter().for_each(|a| f(&a.value));
        }
        _ => {}
    }
}
