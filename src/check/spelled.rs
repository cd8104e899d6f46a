//! Edges and expressions written out, so that two texts are equal where they mean the same, whatever names a program
//! gives to edges, whatever numbers a snapshot gives to strings, and whichever version of what is learned is the
//! newest. Declarations are known by hashes of such texts.

use crate::catalog::schema::Schema;
use crate::expr::ir::{EdgeKind, OverLinks};
use crate::expr::show::show;
use crate::expr::texts::{Keys, Texts};
use crate::expr::{EdgeExpr, Expr, Kind};

/// What they are written with.
pub(super) struct Spelling<'a> {
    pub schema: &'a Schema,
    pub texts: &'a Texts<'a>,
    pub keys: &'a Keys<'a>,
    /// Names of bound columns.
    pub columns: &'a [String],
}

impl Spelling<'_> {
    /// An edge by what it is made of.
    pub fn edge(&self, edge: &EdgeExpr) -> String {
        edge.clone().renamed(&|part| self.part(part)).name
    }

    /// An edge whose parts have been written out already.
    fn part(&self, edge: &EdgeExpr) -> String {
        let turned = |name: String, reverse: bool| if reverse { format!("~{name}") } else { name };
        match &edge.kind {
            EdgeKind::Table { edge: id, reverse } => {
                turned(self.schema.edge(*id).meaning().to_owned(), *reverse)
            }
            EdgeKind::Reference { entity, reference, reverse } => {
                let entity = self.schema.entity(*entity);
                let reference = &entity.references[*reference as usize].name;
                turned(format!("{}.{reference}", entity.name), *reverse)
            }
            EdgeKind::Filter { inner, keep } => {
                format!("({} where {})", inner.name, self.of_link(keep, inner))
            }
            EdgeKind::Weight { inner, weight } => {
                format!("({} weight {})", inner.name, self.of_link(weight, inner))
            }
            EdgeKind::Union { branches, .. } => {
                let names: Vec<&str> = branches.iter().map(|branch| branch.name.as_str()).collect();
                format!("({})", names.join(" | "))
            }
            EdgeKind::Chain { first, second, carries_second } => {
                let carries = if *carries_second { "." } else { "" };
                format!("({}.{carries}{})", first.name, second.name)
            }
        }
    }

    /// An expression over links of an edge, whose columns have names.
    pub fn of_link(&self, expr: &Expr, edge: &EdgeExpr) -> String {
        self.spelled(expr, Some(edge))
    }

    /// An expression, and edges in it by what they are made of.
    pub fn expr(&self, expr: &Expr) -> String {
        self.spelled(expr, None)
    }

    fn spelled(&self, expr: &Expr, link: Option<&EdgeExpr>) -> String {
        let spelled = expr.clone().map(&mut |part| match &part.kind {
            Kind::OverLinks(over) => {
                let edge = EdgeExpr { name: self.edge(&over.edge), ..over.edge.clone() };
                let over = OverLinks { edge, ..(**over).clone() };
                Expr::new(Kind::OverLinks(Box::new(over)), part.ty.clone())
            }
            _ => part,
        });
        let link = link.map_or(&[][..], |edge| &edge.columns);
        let shown = show(&spelled, self.schema).as_declared(link);
        shown.with(self.texts, self.keys, self.columns).to_string()
    }
}
