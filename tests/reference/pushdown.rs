//! When a `filter` is a `where`.
//!
//! After a fan-out whose number is `auto`, with nothing but `let` and `filter` between, the
//! conjuncts of a filter that read only the entity and the request restrict what the fan-out
//! takes. The filter applies them again to what comes out, which changes nothing.

use super::Interp;
use super::env::Env;
use super::expr::bind_block;
use super::links::{Ends, Links};
use super::rows::At;
use super::shape::Called;
use igql::syntax::ast::{Arg, BinaryOp, Expr, ExprKind, RowDef};
use std::rc::Rc;

/// One conjunct of a filter on its way down to a fan-out.
#[derive(Clone)]
pub struct Pushed<'a> {
    pub expr: &'a Expr,
    pub env: Env<'a>,
    /// Columns bound between the fan-out and the filter.
    pub bound: Vec<String>,
}

/// Names that a conjunct must not read to be a `where`.
struct Bound<'n> {
    names: &'n [String],
    entity: usize,
    /// Names of a link, which come first inside it.
    link: Option<Rc<Links>>,
}

impl<'a> Interp<'a> {
    /// The conjuncts of an expression, through parameters, bindings, values and policies.
    pub fn conjuncts(&self, expr: &'a Expr, env: &Env<'a>, entity: usize) -> Vec<Pushed<'a>> {
        match &expr.kind {
            ExprKind::Binary {
                op: BinaryOp::And,
                left,
                right,
            } => {
                let mut all = self.conjuncts(left, env, entity);
                all.extend(self.conjuncts(right, env, entity));
                all
            }
            ExprKind::Name(name) => match env.get(name) {
                Some(bound) if bound.at.is_none() => self.conjuncts(bound.expr, &bound.env, entity),
                _ => vec![Pushed {
                    expr,
                    env: env.clone(),
                    bound: Vec::new(),
                }],
            },
            ExprKind::Call { callee, args } => match self.row_def_named(&callee.text, entity) {
                Some(def) => self.conjuncts_of(def, args, env, entity),
                None => vec![Pushed {
                    expr,
                    env: env.clone(),
                    bound: Vec::new(),
                }],
            },
            _ => vec![Pushed {
                expr,
                env: env.clone(),
                bound: Vec::new(),
            }],
        }
    }

    fn row_def_named(&self, name: &str, entity: usize) -> Option<&'a RowDef> {
        let is_entity = self.is_entity(entity);
        self.program
            .policy(name, &is_entity)
            .or_else(|| self.program.value(name, &is_entity))
    }

    /// The conjuncts of a policy or value with its arguments.
    pub fn conjuncts_of(
        &self,
        def: &'a RowDef,
        args: &'a [Arg],
        env: &Env<'a>,
        entity: usize,
    ) -> Vec<Pushed<'a>> {
        let env = self.bind_params(&def.params, None, args, env, None);
        self.conjuncts(&def.body, &env, entity)
    }

    /// Of the conjuncts that reach a fan-out to `entity`, those that are its `where`.
    /// `carried` are the columns of the parents, which the new rows inherit.
    pub fn pushable<'p>(
        &self,
        pushed: &'p [Pushed<'a>],
        carried: &[String],
        entity: usize,
    ) -> Vec<&'p Pushed<'a>> {
        let fits = |p: &&Pushed<'a>| {
            let names = [&p.bound, carried].concat();
            !self.reads(
                p.expr,
                &p.env,
                &Bound {
                    names: &names,
                    entity,
                    link: None,
                },
            )
        };
        pushed.iter().filter(fits).collect()
    }

    /// Do all conjuncts hold of an entity?
    pub fn all_hold(&self, conjuncts: &[&Pushed<'a>], entity: usize, row: u32) -> bool {
        let at = At::entity(entity, row);
        conjuncts
            .iter()
            .all(|c| self.value(c.expr, &c.env, &at).is_true())
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
            ExprKind::If {
                then,
                condition,
                otherwise,
            } => reads(then) || reads(condition) || reads(otherwise),
            ExprKind::Field { receiver, name } if matches!(&receiver.kind, ExprKind::Name(n) if n == "row") => {
                bound.names.contains(&name.text)
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
        if ["score", "position", "branch"].contains(&name) {
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
        self.reads(
            &def.body,
            &env,
            &Bound {
                link: None,
                ..*bound
            },
        )
    }

    fn call_reads(&self, call: &Called<'a>, env: &Env<'a>, bound: &Bound) -> bool {
        let first = call.first();
        if ["score_of", "position_of"].contains(&call.name)
            || first.is_some_and(|e| self.is_set(e, env))
        {
            return false;
        }
        if let Some(of) = first.and_then(|e| self.links_call(e, env)) {
            let links = self.edge_links(of.edge, env, Ends::default());
            let inside = Bound {
                link: Some(links),
                ..*bound
            };
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
