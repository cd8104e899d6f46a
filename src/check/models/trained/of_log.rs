//! What no link of an example knows, but a log: what it was is said by requests and answers.

use super::arguments::Given;
use crate::check::Checker;
use crate::check::modules::Kind as NameKind;
use crate::expr::EdgeExpr;
use crate::syntax::ast::ItemKind;
use crate::types::Type;

impl<'a> Checker<'a> {
    /// The type of a parameter of requests, which no link knows: only a log says what it was.
    pub(super) fn param_of_log(
        &mut self,
        given: &Given<'a>,
        name: &str,
        edge: &EdgeExpr,
    ) -> Option<Type> {
        let of_link = ["from", "to", "time", "weight"];
        if of_link.contains(&name) || edge.columns.iter().any(|(own, _)| own == name) {
            return None;
        }
        let (modules, m) = (self.modules, given.env.module);
        let (_, item) = modules.find(m, NameKind::Rest, name).next()?;
        let ItemKind::Param { ty, .. } = &item.kind else { return None };
        self.mark_used(item);
        self.scalar_type(ty, m)
    }

    /// The same of what was shown: a log knows the position and the list, too.
    pub(super) fn shown_of_log(
        &mut self,
        given: &Given<'a>,
        name: &str,
        edge: &EdgeExpr,
    ) -> Option<Type> {
        let is_own = edge.columns.iter().any(|(own, _)| own == name);
        let ty = match name {
            "position" if !is_own => Some(Type::Int),
            "list" if !is_own => Some(Type::String),
            name => self.param_of_log(given, name, edge),
        };
        ty.filter(|ty| matches!(ty, Type::Int | Type::String | Type::Bool))
    }
}
