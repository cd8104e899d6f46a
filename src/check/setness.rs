//! Whether an expression denotes a candidate set or a value. That is decided by its form and by
//! the names in it, before anything is typed.

use super::Checker;
use super::env::{Env, Local};
use super::modules::Kind;
use super::state::address;
use crate::deep::recurse;
use crate::syntax::ast::{self, BinaryOp, ExprKind, ItemKind, Statement, TypeExpr, TypeExprKind};

/// How many names may lead on to others; more are a cycle, which is reported elsewhere.
const FUEL: u32 = 2_000;

impl<'a> Checker<'a> {
    /// Whether the expression denotes a candidate set.
    pub(super) fn is_set(&self, expr: &'a ast::Expr, env: &Env<'a>) -> bool {
        self.set_form(expr, env, FUEL)
    }

    /// Whether the expression denotes a page: a record of candidate sets.
    pub(super) fn is_page(&self, expr: &'a ast::Expr, env: &Env<'a>) -> bool {
        self.page_form(expr, env, FUEL)
    }

    fn page_form(&self, expr: &'a ast::Expr, env: &Env<'a>, fuel: u32) -> bool {
        let Some(fuel) = fuel.checked_sub(1) else {
            return false;
        };
        recurse(|| self.page_kind_of(expr, env, fuel))
    }

    fn page_kind_of(&self, expr: &'a ast::Expr, env: &Env<'a>, fuel: u32) -> bool {
        match &expr.kind {
            ExprKind::Record(_) => true,
            ExprKind::Block(block) => match &block.result {
                Some(result) => self.page_form(result, &block_names(block, env), fuel),
                None => false,
            },
            ExprKind::Name(name) => match env.find(name) {
                Some(Local::Thunk { expr, env, .. }) => self.page_form(expr, env, fuel),
                Some(_) => false,
                None => self.page_item(Kind::Rest, name, env, fuel),
            },
            ExprKind::Call { callee, .. } => {
                self.page_item(Kind::Callable, &callee.text, env, fuel)
            }
            ExprKind::Method { name, .. } => self.page_item(Kind::Callable, &name.text, env, fuel),
            _ => false,
        }
    }

    /// Whether a binding or definition of that name is a page.
    fn page_item(&self, kind: Kind, name: &str, env: &Env<'a>, fuel: u32) -> bool {
        for m in self.modules.order(env.module) {
            if let Some(item) = self.modules.all[m].find(kind, name).next() {
                return match &item.kind {
                    ItemKind::Binding { value: body, .. }
                    | ItemKind::Def { body, .. }
                    | ItemKind::Query { body, .. }
                    | ItemKind::Expr(body) => self.page_form(body, &Env::top(m), fuel),
                    _ => false,
                };
            }
        }
        false
    }

    fn set_form(&self, expr: &'a ast::Expr, env: &Env<'a>, fuel: u32) -> bool {
        let Some(fuel) = fuel.checked_sub(1) else {
            return false;
        };
        recurse(|| self.set_kind_of(expr, env, fuel))
    }

    fn set_kind_of(&self, expr: &'a ast::Expr, env: &Env<'a>, fuel: u32) -> bool {
        match &expr.kind {
            ExprKind::Name(name) => self.set_name(name, env, fuel),
            ExprKind::Method { name, .. } => self.gives_set(&name.text, env, fuel),
            ExprKind::Call { callee, .. } => self.gives_set(&callee.text, env, fuel),
            ExprKind::Binary { op: BinaryOp::Union | BinaryOp::Intersect, left, .. } => {
                self.set_form(left, env, fuel)
            }
            ExprKind::Binary { op: BinaryOp::Sub, left, .. } => self.set_form(left, env, fuel),
            ExprKind::If { then, .. } => self.set_form(then, env, fuel),
            ExprKind::Block(block) => match &block.result {
                Some(result) => self.set_form(result, &block_names(block, env), fuel),
                None => false,
            },
            _ => false,
        }
    }

    fn set_name(&self, name: &str, env: &Env<'a>, fuel: u32) -> bool {
        match env.find(name) {
            Some(Local::Thunk { expr, env, .. }) => return self.set_form(expr, env, fuel),
            Some(Local::Candidates | Local::Node(_)) => return true,
            Some(_) => return false,
            None => {}
        }
        for m in self.modules.order(env.module) {
            if let Some(item) = self.modules.all[m].find(Kind::Rest, name).next() {
                return match &item.kind {
                    ItemKind::Binding { value, .. } => {
                        self.form_of(item, || self.set_form(value, &Env::top(m), fuel))
                    }
                    _ => false,
                };
            }
        }
        name == "user"
    }

    fn gives_set(&self, name: &str, env: &Env<'a>, fuel: u32) -> bool {
        if self.modules.vocabulary.operator(name).is_some() {
            return true;
        }
        let Some((m, item)) = self.modules.find(env.module, Kind::Callable, name).next() else {
            return false;
        };
        self.form_of(item, || match &item.kind {
            ItemKind::Def { result: Some(result), .. } => is_set_type(result),
            ItemKind::Def { params, body, .. } | ItemKind::Query { params, body, .. } => {
                let env = params.iter().fold(Env::top(m), |env, param| {
                    let local = match is_set_type(&param.ty) {
                        true => Local::Candidates,
                        false => Local::Error,
                    };
                    env.with(&param.name.text, local)
                });
                self.set_form(body, &env, fuel)
            }
            ItemKind::Expr(body) => self.set_form(body, &Env::top(m), fuel),
            _ => false,
        })
    }

    /// Whether an item is or gives a set, found out once: that depends on nothing around its uses.
    fn form_of(&self, item: &ast::Item, find: impl FnOnce() -> bool) -> bool {
        let address = address(item);
        if let Some(&known) = self.forms.borrow().get(&address) {
            return known;
        }
        let form = find();
        self.forms.borrow_mut().insert(address, form);
        form
    }
}

fn is_set_type(ty: &TypeExpr) -> bool {
    matches!(&ty.kind, TypeExprKind::Named { name, .. } if name.text == "set")
}

/// The names that a block defines, each seeing those before it.
pub fn block_names<'a>(block: &'a ast::Block, env: &Env<'a>) -> Env<'a> {
    block.statements.iter().fold(env.clone(), |env, statement| match statement {
        Statement::Binding { name, value, .. } => {
            let thunk = Local::Thunk { expr: value, env: env.clone(), checked: false };
            env.with(&name.text, thunk)
        }
        _ => env,
    })
}
