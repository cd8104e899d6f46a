//! What a classifier learns: the topic of a row, from a column of it or from links.

use super::declaration::Setting;
use super::kinds::Param;
use crate::check::Checker;
use crate::check::env::Env;
use crate::check::modules::Kind as NameKind;
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::functions;
use crate::expr::ir::EdgeExpr;
use crate::expr::value::Scalar;
use crate::expr::{Expr, Kind};
use crate::learn::FOLDS;
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind, Name};
use crate::syntax::print_name;
use crate::types::{EntityId, Type};

/// What the topic of a row is.
#[derive(Clone, Debug, PartialEq)]
pub struct Topics {
    pub of: TopicOf,
    /// The type of a topic: a string, an int or an id.
    pub ty: Type,
    /// In which fold of a cross-validation a row is: `bucket(key, "topics", 5)`.
    pub fold: Expr,
}

/// Where the topic of a row is found.
#[derive(Clone, Debug, PartialEq)]
pub enum TopicOf {
    /// In a column of the row: its number and its name.
    Column(usize, String),
    /// At the end of links from the row.
    Target(EdgeExpr),
    /// In a column of links from the row; `reverse`: to the row.
    Link { edge: EdgeExpr, column: usize, reverse: bool },
}

impl Topics {
    /// The edge whose links say the topic, if links do.
    pub fn edge(&self) -> Option<&EdgeExpr> {
        match &self.of {
            TopicOf::Column(..) => None,
            TopicOf::Target(edge) | TopicOf::Link { edge, .. } => Some(edge),
        }
    }
}

impl<'a> Checker<'a> {
    /// `genre`, `tagged` or `tagged.tag`: what the topic of a row of an entity is.
    pub(super) fn topics_setting(
        &mut self,
        param: &Param,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        on: EntityId,
    ) -> Option<Setting> {
        let (of, ty) = match &expr.kind {
            ExprKind::Name(name) => match self.topic_column(name, env, on, expr.span) {
                Some(column) => self.topic_of_row(column, on, expr.span)?,
                None if !self.edge_exists(name, env) => {
                    return self.no_topic(name, env, on, expr.span);
                }
                None => self.topic_of_target(param, expr, env, on)?,
            },
            ExprKind::Field { receiver, name } => {
                self.topic_through(param, expr, (receiver, name), env, on)?
            }
            _ => self.topic_of_target(param, expr, env, on)?,
        };
        let fold = self.fold_of_row(on, expr.span)?;
        Some(Setting::Topics(Box::new(Topics { of, ty, fold })))
    }

    /// The column of the entity that a name is of. A reference is a column; of a column and an edge the column is read.
    fn topic_column(
        &mut self,
        name: &str,
        env: &Env<'a>,
        on: EntityId,
        span: Span,
    ) -> Option<usize> {
        let table = self.schema.entity(on);
        let reference = || table.find_reference(name).map(|at| table.references[at].column);
        if let Some(column) = reference() {
            return Some(column);
        }
        let column = table.find_column(name)?;
        if self.edge_exists(name, env) {
            let message =
                format!("`{name}` is a column of `{}` and an edge: the column is read", table.name);
            let help = "to read the edge, declare it under another name";
            self.report(Diagnostic::new(code::W0501, span, message).help(help));
        }
        Some(column)
    }

    fn topic_of_row(&mut self, column: usize, on: EntityId, span: Span) -> Option<(TopicOf, Type)> {
        let column_of = &self.schema.entity(on).columns[column];
        let ty = self.topic_type(&column_of.name, &column_of.ty, span)?;
        Some((TopicOf::Column(column, column_of.name.clone()), ty))
    }

    /// Topics are told apart by their values.
    fn topic_type(&mut self, name: &str, ty: &Type, span: Span) -> Option<Type> {
        if matches!(ty, Type::String | Type::Int | Type::Id(_)) {
            return Some(ty.clone());
        }
        let message = format!("`{name}` is {}, which is no topic", self.type_name(ty));
        let help = "a topic is a string, an int or an id";
        self.refuse(Diagnostic::new(code::E0302, span, message).help(help))
    }

    /// An edge from the entity, whose ends are topics.
    fn topic_of_target(
        &mut self,
        param: &Param,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        on: EntityId,
    ) -> Option<(TopicOf, Type)> {
        let edge = self.topic_edge(expr, env)?;
        if edge.from == on {
            let ty = Type::Id(edge.to);
            return Some((TopicOf::Target(edge), ty));
        }
        let (of, name) = (self.entity_name(on), &edge.name);
        let message = format!("`{name}` does not start at `{of}`, whose topics are learned");
        let help = match edge.to == on {
            true => format!(
                "name the column of its links that is the topic, `{}={name}.COLUMN`, or turn it round: `~{name}`",
                param.name
            ),
            false => format!("write an edge from `{of}`, or a column of `{of}`"),
        };
        self.refuse(Diagnostic::new(code::E0504, expr.span, message).help(help))
    }

    fn topic_edge(&mut self, expr: &'a ast::Expr, env: &Env<'a>) -> Option<EdgeExpr> {
        match self.edge_setting(expr, env)? {
            Setting::Edge(edge) => Some(*edge),
            _ => None,
        }
    }

    /// `tagged.tag`: a column of links, or what a reference of their ends leads to.
    fn topic_through(
        &mut self,
        param: &Param,
        expr: &'a ast::Expr,
        (receiver, name): (&'a ast::Expr, &'a Name),
        env: &Env<'a>,
        on: EntityId,
    ) -> Option<(TopicOf, Type)> {
        let edge = self.topic_edge(receiver, env)?;
        let Some(column) = edge.find_column(&name.text) else {
            return match self.schema.entity(edge.to).find_reference(&name.text) {
                Some(_) => self.topic_of_target(param, expr, env, on),
                None => self.no_topic_column(&edge, name),
            };
        };
        if edge.from != on && edge.to != on {
            let (of, name) = (self.entity_name(on), &edge.name);
            let message = format!("`{name}` neither starts nor ends at `{of}`");
            let help = format!("write an edge from or to `{of}`, or a column of `{of}`");
            return self.refuse(Diagnostic::new(code::E0504, expr.span, message).help(help));
        }
        let (_, ty) = &edge.columns[column];
        let ty = self.topic_type(&name.text, &ty.clone(), name.span)?;
        let reverse = edge.from != on;
        Some((TopicOf::Link { edge, column, reverse }, ty))
    }

    fn no_topic<T>(&mut self, name: &str, env: &Env<'a>, on: EntityId, span: Span) -> Option<T> {
        if self.is_lost(name) {
            return None;
        }
        let (schema, modules) = (self.schema, self.modules);
        let table = schema.entity(on);
        let columns = table.columns.iter().map(|column| column.name.as_str());
        let edges = schema.edges.iter().filter(|edge| !edge.learned).map(|edge| edge.name.as_str());
        let known = columns.chain(edges).chain(modules.names(env.module, NameKind::Edge));
        let help = match suggest::nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "a topic is a column, the end of an edge, or a column of an edge".to_owned(),
        };
        let message = format!("`{name}` is neither a column of `{}` nor an edge", table.name);
        self.refuse(Diagnostic::new(code::E0203, span, message).help(help))
    }

    fn no_topic_column<T>(&mut self, edge: &EdgeExpr, name: &Name) -> Option<T> {
        let columns = || edge.columns.iter().map(|(name, _)| name.as_str());
        let help = match (suggest::nearest(&name.text, columns()), columns().next()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(_)) => format!("it has {}", columns().collect::<Vec<_>>().join(", ")),
            (None, None) => "it has no columns beside its ends, time and weight".to_owned(),
        };
        let message = format!("`{}` has no column `{}`", edge.name, name.text);
        self.refuse(Diagnostic::new(code::E0203, name.span, message).help(help))
    }

    /// The topic of a row, by what it is made of.
    pub(super) fn topics_text(&self, topics: &Topics) -> String {
        match &topics.of {
            TopicOf::Column(_, name) => format!("it.{}", print_name(name)),
            TopicOf::Target(edge) => self.edge_text(edge),
            TopicOf::Link { edge, column, reverse } => {
                let (edge_text, name) =
                    (self.edge_text(edge), print_name(&edge.columns[*column].0));
                let turned = if *reverse { "~" } else { "" };
                format!("{turned}{edge_text}.{name}")
            }
        }
    }

    /// `bucket(key, "topics", 5)` of a row, as programs call it.
    fn fold_of_row(&mut self, on: EntityId, span: Span) -> Option<Expr> {
        let key = Expr::new(Kind::It, Type::Id(on));
        let salt = Expr::constant(self.string("topics"), Type::String);
        let folds = Expr::constant(Scalar::I64(FOLDS as i64), Type::Int);
        let args = [key, salt, folds].map(|arg| (arg, span)).to_vec();
        self.bucket(functions::find("bucket")?, args, span)
    }
}
