//! Columns of texts, as `tfidf` reads them.

use super::declaration::Setting;
use super::kinds::Param;
use crate::check::{Checker, bare_name};
use crate::diag::{Diagnostic, code};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};
use crate::types::{EntityId, Type};

impl<'a> Checker<'a> {
    /// `[title, tags]`: columns of an entity.
    pub(super) fn texts_setting(
        &mut self,
        param: &Param,
        expr: &'a ast::Expr,
        module: usize,
        on: EntityId,
    ) -> Option<Setting> {
        let ExprKind::List(items) = &expr.kind else {
            let message = format!("`{}` is a list of columns of texts", param.name);
            let help = format!("write `{}=[title]`", param.name);
            return self.refuse(Diagnostic::new(code::E0302, expr.span, message).help(help));
        };
        if items.is_empty() {
            let message = format!("`{}` has no column to read", param.name);
            let help = self.columns_of_texts(on);
            return self.refuse(Diagnostic::new(code::E0303, expr.span, message).help(help));
        }
        let found: Vec<Option<String>> =
            items.iter().map(|item| self.column_of_texts(item, module, on)).collect();
        let mut columns = found.into_iter().collect::<Option<Vec<String>>>()?;
        // the texts of a row are one text: their order means nothing
        columns.sort_unstable();
        if let Some(twice) = columns.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!("`{}` is named twice", twice[0]);
            let found = Diagnostic::new(code::E0305, expr.span, message);
            return self.refuse(found.help("keep one of the two"));
        }
        Some(Setting::Texts(columns))
    }

    fn column_of_texts(
        &mut self,
        item: &'a ast::Expr,
        module: usize,
        on: EntityId,
    ) -> Option<String> {
        let Some(name) = bare_name(item) else {
            let message = "the name of a column is needed here";
            let help = self.columns_of_texts(on);
            return self.refuse(Diagnostic::new(code::E0302, item.span, message).help(help));
        };
        let table = self.schema.entity(on);
        let Some(place) = table.find_column(name) else {
            self.unknown_column(name, item.span, on, module, &[]);
            return None;
        };
        let ty = &table.columns[place].ty;
        if is_text(ty) {
            return Some(name.to_owned());
        }
        let message = format!("`{name}` is {}, and no text", self.type_name(ty));
        let help = self.columns_of_texts(on);
        self.refuse(Diagnostic::new(code::E0302, item.span, message).help(help))
    }

    fn columns_of_texts(&self, on: EntityId) -> String {
        let table = self.schema.entity(on);
        let columns = table.columns.iter().filter(|column| is_text(&column.ty));
        let names: Vec<String> = columns.map(|column| format!("`{}`", column.name)).collect();
        match names.is_empty() {
            true => format!("`{}` has no column of strings", table.name),
            false => format!("columns of texts of `{}` are {}", table.name, names.join(", ")),
        }
    }

    /// Vectors of texts are those of the rows that have the texts.
    pub(super) fn of_one_entity(&mut self, on: &[EntityId], at: Span) -> Option<()> {
        let [of, _, ..] = on else { return Some(()) };
        let message = "`tfidf` reads the columns of one entity";
        let help = format!(
            "write `on {}`, and declare another embedding for the others",
            self.entity_name(*of)
        );
        self.refuse(Diagnostic::new(code::E0504, at, message).help(help))
    }
}

/// Whether a column is of strings, or of lists of them.
fn is_text(ty: &Type) -> bool {
    match ty {
        Type::String => true,
        Type::List(item) => **item == Type::String,
        _ => false,
    }
}
