//! `propensity`: how probable it was that a row came to be in its set.

use super::env::Env;
use super::expr::bind_block;
use super::pushdown::parts;
use super::rows::Set;
use super::shape::Called;
use super::{Interp, Role};
use igql::syntax::ast::{Expr, ExprKind};

/// What is known of the draws that led to a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Chance {
    /// Nothing was drawn.
    #[default]
    Certain,
    /// Every row says how probable it was.
    Drawn,
    /// There is no formula.
    Unknown,
}

impl Set {
    /// The same rows, of which nobody knows how probable they were.
    pub fn unknown(mut self) -> Set {
        self.chance = Chance::Unknown;
        self.rows.iter_mut().for_each(|row| row.chance = None);
        self
    }

    /// Made of others in a way that keeps no probabilities.
    pub fn made_of(self, others: &[&Set]) -> Set {
        match others.iter().all(|set| set.chance == Chance::Certain) {
            true => Set { chance: Chance::Certain, ..self },
            false => self.unknown(),
        }
    }

    /// With rows of several sets: where one of them was drawn, rows of the others are certain.
    pub fn any_of(mut self, others: &[&Set]) -> Set {
        let drawn: Vec<&&Set> = others.iter().filter(|s| s.chance != Chance::Certain).collect();
        match &drawn[..] {
            [] => self.chance = Chance::Certain,
            [one] if one.chance == Chance::Drawn => {
                self.chance = Chance::Drawn;
                for row in &mut self.rows {
                    let certain = others.iter().filter(|s| s.chance == Chance::Certain);
                    let is_certain = certain.into_iter().any(|s| s.position(row.id).is_some());
                    let of_one = || one.position(row.id).and_then(|at| one.rows[at].chance);
                    row.chance = if is_certain { Some(1.0) } else { of_one() };
                }
            }
            _ => return self.unknown(),
        }
        self
    }
}

impl<'a> Interp<'a> {
    /// The set that an operator gives, if no argument of the call draws a number or looks into a set that was drawn.
    pub fn untainted(&self, set: Set, call: &Called<'a>, env: &Env<'a>) -> Set {
        let mut args = call.args.iter().map(|arg| &arg.value);
        match args.any(|arg| !self.is_set(arg, env) && self.is_tainted(arg, env)) {
            true => set.unknown(),
            false => set,
        }
    }

    /// Whether an expression draws, or reads a set that was drawn.
    pub fn is_tainted(&self, expr: &'a Expr, env: &Env<'a>) -> bool {
        if let Some(of) = self.links_call(expr, env) {
            return of.ends.iter().any(|end| self.is_tainted(&end.value, env));
        }
        if self.is_set(expr, env) {
            let set = self.aside(|| self.set(expr, env, Role::Fact, &[]));
            return set.chance != Chance::Certain;
        }
        match &expr.kind {
            ExprKind::Name(name) => {
                return match env.get(name) {
                    Some(bound) => self.is_tainted(bound.expr, &bound.env),
                    None => {
                        let value = self.program.value(name, &|_| true).map(|def| &def.body);
                        let named = self.top_level(name).or(value);
                        named.is_some_and(|named| self.is_tainted(named, &Env::default()))
                    }
                };
            }
            ExprKind::Block(block) => {
                let result = block.result.as_ref().expect("a block with a result");
                return self.is_tainted(result, &bind_block(block, env));
            }
            _ => {}
        }
        let Some(call) = Called::of(expr) else {
            return self.has_tainted_part(expr, env);
        };
        if ["uniform", "beta"].contains(&call.name) {
            return true;
        }
        let value = self.program.value(call.name, &|_| true);
        if let Some(def) = value.or_else(|| self.program.policy(call.name, &|_| true)) {
            let inner = self.bind_params(&def.params, None, call.args, env, None);
            if self.is_tainted(&def.body, &inner) {
                return true;
            }
        }
        self.has_tainted_part(expr, env)
    }

    fn has_tainted_part(&self, expr: &'a Expr, env: &Env<'a>) -> bool {
        let mut tainted = false;
        parts(expr, &mut |part| tainted |= self.is_tainted(part, env));
        tainted
    }
}
