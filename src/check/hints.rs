//! Advice that needs more than the place of a mistake: where to bind a column so that it tells rows
//! apart, and which module has a definition that is not imported.

use super::env::Env;
use super::modules::Kind as NameKind;
use super::state::SetKey;
use super::{Checker, Tier};
use crate::ops::Role;
use crate::syntax::ast::{self, ExprKind};

impl<'a> Checker<'a> {
    /// A help line for a name that a module of the standard library has, which is not imported.
    pub(super) fn where_defined(&self, name: &str) -> Option<String> {
        let mut modules = self.modules.all.iter().filter(|m| m.tier == Tier::Std);
        let has = modules.find(|m| m.find(NameKind::Callable, name).next().is_some())?;
        let name = &has.name;
        let help = format!("defined in `{name}`: add `import {name}` at the top of the file");
        Some(help)
    }

    /// A help line for a key that is the same in every row of a request: it was bound while the
    /// set still was one row. The first operator after that which gives many rows is where to
    /// bind it instead.
    pub(super) fn better_key(
        &self,
        chain: &'a ast::Expr,
        env: &Env<'a>,
        name: &str,
    ) -> Option<String> {
        for (expr, step) in steps_after_binding(chain, name)?.into_iter().rev() {
            let node = [Role::Source, Role::Fact].iter().find_map(|&role| {
                let key = SetKey::new(expr, env, role);
                self.sets.known.get(&key).and_then(|(node, _)| *node)
            })?;
            let shape = self.graph.shape(node);
            if shape.bound != Some(1) {
                let column = &self.schema.entity(shape.entity).key;
                return Some(format!(
                    "bind it after `.{step}(...)`, where rows differ: `.let({name}={column})`"
                ));
            }
        }
        None
    }
}

/// The operators of a chain after the `let` that binds a column, from the last one back.
fn steps_after_binding<'a>(
    chain: &'a ast::Expr,
    column: &str,
) -> Option<Vec<(&'a ast::Expr, &'a str)>> {
    let binds = |arg: &ast::Arg| arg.name.as_ref().is_some_and(|n| n.text == column);
    let mut steps = Vec::new();
    let mut here = chain;
    loop {
        let ExprKind::Method { receiver, name, args } = &here.kind else {
            return None;
        };
        if name.text == "let" && args.iter().any(binds) {
            return Some(steps);
        }
        steps.push((here, name.text.as_str()));
        here = receiver;
    }
}
