//! What a query gives: one set, or the lists of a page by name.

use crate::check::Checker;
use crate::check::env::{Env, Local};
use crate::check::modules::Kind;
use crate::check::setness::block_names;
use crate::check::state::address;
use crate::diag::{Diagnostic, code};
use crate::expr::NodeId;
use crate::ops::Role;
use crate::syntax::ast::{self, ExprKind, ItemKind, Name, Statement};

impl<'a> Checker<'a> {
    /// The result of a block and the names that it is read with.
    pub(in crate::check) fn block_env(
        &mut self,
        block: &'a ast::Block,
        env: &Env<'a>,
    ) -> Option<(&'a ast::Expr, Env<'a>)> {
        for statement in &block.statements {
            if let Statement::Assert { span, .. } = statement {
                let help = "`assert` is allowed only in the block of a `test`";
                self.report(
                    Diagnostic::new(code::E0106, *span, "an assertion outside a test").help(help),
                );
            }
        }
        // a block without a result has been reported by the parser
        block.result.as_ref().map(|result| (&**result, block_names(block, env)))
    }

    /// What a query gives: one set, or a page: a record of sets by name.
    pub(in crate::check) fn results(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
    ) -> Option<Vec<(Option<String>, NodeId)>> {
        if !self.is_page(expr, env) {
            return Some(vec![(None, self.set(expr, env, Role::Source)?)]);
        }
        let (fields, env) = self.page(expr, env)?;
        self.repeated_lists(fields);
        let read = |(name, value): &'a (ast::Name, ast::Expr)| {
            let set = self.set(value, &env, Role::Source)?;
            Some((Some(name.text.clone()), set))
        };
        let sets: Vec<_> = fields.iter().map(read).collect();
        sets.into_iter().collect()
    }

    fn repeated_lists(&mut self, fields: &[(ast::Name, ast::Expr)]) {
        for (i, (name, _)) in fields.iter().enumerate() {
            if let Some((first, _)) = fields[..i].iter().find(|(n, _)| n.text == name.text) {
                let message = format!("duplicate list `{}`", name.text);
                self.report(
                    Diagnostic::new(code::E0208, name.span, message)
                        .label(first.span, "first defined here")
                        .help("rename one of the two, or remove it"),
                );
            }
        }
    }

    /// The lists of a page, through names, blocks and calls, and the names they are read with.
    pub(super) fn page(&mut self, expr: &'a ast::Expr, env: &Env<'a>) -> Option<Page<'a>> {
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
            ExprKind::Method { receiver, name, args } => {
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
