//! Edges written out, so that two texts are equal where the edges are, whatever names a program gives them and
//! whatever numbers a snapshot does.

use crate::catalog::schema::Schema;
use crate::check::Checker;
use crate::expr::ir::EdgeKind;
use crate::expr::show::show;
use crate::expr::texts::Keys;
use crate::expr::{EdgeExpr, Expr, Kind};

impl Checker<'_> {
    /// An edge by what it is made of.
    pub(super) fn spelled(&self, edge: &EdgeExpr) -> String {
        let keys = Keys::new(self.snapshot);
        edge.clone().renamed(&|part| self.spell(part, &keys)).name
    }

    /// An edge whose parts have been written out already.
    fn spell(&self, edge: &EdgeExpr, keys: &Keys<'_>) -> String {
        let turned = |name: String, reverse: bool| if reverse { format!("~{name}") } else { name };
        let text = |expr: &Expr| {
            let expr = self.with_spelled(expr);
            self.schema.meaning(show(&expr, self.schema).with(&self.texts, keys, &[]).to_string())
        };
        match &edge.kind {
            EdgeKind::Table { edge, reverse } => {
                turned(self.schema.edge(*edge).meaning().to_owned(), *reverse)
            }
            EdgeKind::Reference { entity, reference, reverse } => {
                turned(reference_name(self.schema, *entity, *reference), *reverse)
            }
            EdgeKind::Filter { inner, keep } => format!("({} where {})", inner.name, text(keep)),
            EdgeKind::Weight { inner, weight } => {
                format!("({} weight {})", inner.name, text(weight))
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

    /// An expression in which edges have such names.
    fn with_spelled(&self, expr: &Expr) -> Expr {
        expr.clone().map(&mut |part| match &part.kind {
            Kind::OverLinks(over) => {
                let edge = over.edge.clone();
                let name = self.spelled(&edge);
                let over = crate::expr::ir::OverLinks {
                    edge: EdgeExpr { name, ..edge },
                    ..(**over).clone()
                };
                Expr::new(Kind::OverLinks(Box::new(over)), part.ty.clone())
            }
            _ => part,
        })
    }
}

fn reference_name(schema: &Schema, entity: crate::types::EntityId, reference: u32) -> String {
    let entity = schema.entity(entity);
    format!("{}.{}", entity.name, entity.references[reference as usize].name)
}
