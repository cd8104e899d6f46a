//! Operators as people read them: columns, sets, strings and keys by their names.

use super::forms::{verbatim, with_columns};
use super::{Operator, Place};
use crate::catalog::schema::Schema;
use crate::check::{Checked, Experiment, Parameter};
use crate::engine::Program;
use crate::expr::ir::{EdgeExpr, EdgeKind, OverLinks};
use crate::expr::show::show;
use crate::expr::texts::Texts;
use crate::expr::{Expr, Kind, NodeId, Scalar};
use crate::ops::{Effect, Graph, Node};
use crate::store::Snapshot;
use crate::types::{Key, Type};

/// A program with what its operators read.
pub struct Words<'a> {
    pub program: &'a Program,
    /// As it is written.
    pub checked: &'a Checked,
    snapshot: &'a Snapshot,
    texts: Texts<'a>,
    /// Parameters that are called otherwise than in the program: slots and names.
    called: Vec<(usize, String)>,
}

impl<'a> Words<'a> {
    pub fn new(program: &'a Program, checked: &'a Checked, snapshot: &'a Snapshot) -> Words<'a> {
        Words { program, checked, snapshot, texts: Texts::new(snapshot), called: Vec::new() }
    }

    /// With other names of parameters, those of the other program.
    pub fn calling(&self, called: Vec<(usize, String)>) -> Words<'a> {
        Words { called, ..Words::new(self.program, self.checked, self.snapshot) }
    }

    fn schema(&self) -> &'a Schema {
        self.snapshot.schema()
    }

    fn graph(&self) -> &'a Graph {
        &self.checked.graph
    }

    /// An operator with its arguments and where the program has it. With `deep`, edges are told by what they are.
    pub fn operator(&self, id: NodeId, deep: bool) -> Operator {
        let node = self.graph().get(id);
        Operator {
            op: node.op.name().to_owned(),
            label: node.op.label(self.schema()),
            args: arguments(&self.details(node, deep)),
            at: self.place(id),
            at_most: node.shape.bound,
        }
    }

    /// The entity of some rows.
    pub fn entity(&self, rows: NodeId) -> String {
        self.schema().entity(self.graph().shape(rows).entity).name.clone()
    }

    /// The name of a set: of a binding, else its operator.
    pub fn set(&self, id: NodeId) -> String {
        match self.checked.names.get(&id) {
            Some(name) => name.clone(),
            None => self.graph().get(id).op.label(self.schema()),
        }
    }

    /// Where the program itself says that the operator is to be.
    fn place(&self, id: NodeId) -> Place {
        let own = self.program.source();
        let uses = self.checked.uses.get(&id).into_iter().flatten().map(|used| used.span);
        let span = self.graph().get(id).span;
        let mut written = uses.chain([span]);
        let span = written.find(|span| span.source == own).unwrap_or(span);
        let sources = self.program.sources();
        let at = sources.position(span.source, span.start);
        let file = sources.get(span.source).name.to_string();
        Place { file, line: at.line, column: at.column }
    }

    fn columns(&self, id: NodeId) -> Vec<String> {
        self.graph().shape(id).columns.iter().map(|c| c.name.clone()).collect()
    }

    /// The names of the columns that the expressions of an operator read, by place.
    fn names(&self, node: &Node) -> Vec<String> {
        let mut names = node.inputs.first().map_or_else(Vec::new, |input| self.columns(*input));
        for name in node.op.binds() {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    fn details(&self, node: &Node, deep: bool) -> String {
        let names = self.names(node);
        let named = node.op.mapped(&mut |expr| self.readable(expr, &names, deep));
        let mut details = named.as_ref().unwrap_or(&node.op).details(self.schema());
        if let Some(edge) = node.op.edge().filter(|_| deep) {
            let said = edge.clone().renamed(&|edge| self.edge(edge)).name;
            details = details.replacen(&edge.name, &said, 1);
        }
        match node.op.nested() {
            Some(set) => details.replacen(&format!("#{}", set.0), &self.set(set), 1),
            None => details,
        }
    }

    fn readable(&self, expr: Expr, names: &[String], deep: bool) -> Expr {
        let named = with_columns(expr, &mut |place, set| match set {
            None => names.get(place).cloned(),
            Some(set) => self.columns(set).get(place).cloned(),
        });
        named.map(&mut |part| self.part(part, deep))
    }

    fn part(&self, part: Expr, deep: bool) -> Expr {
        let constant = |value| Expr::constant(value, part.ty.clone());
        match &part.kind {
            Kind::Const(Scalar::Code(code)) => match &part.ty {
                Type::Id(entity) => constant(Scalar::Key(*entity, self.key(&part.ty, *code))),
                _ => match self.texts.get(*code) {
                    Some(text) => constant(Scalar::Text(text.as_ref().into())),
                    None => part,
                },
            },
            Kind::Param(slot, _) => {
                let called = self.called.iter().find(|(known, _)| *known == *slot as usize);
                called.map_or(part.clone(), |(_, name)| verbatim(name.clone(), &part))
            }
            Kind::InSet { id, set } => {
                let text = format!("{} in {}", show(id, self.schema()), self.set(*set));
                verbatim(text, &part)
            }
            Kind::OfSet { .. } | Kind::OverSet { .. } => {
                let text = show(&part, self.schema()).to_string();
                let mut sets = Vec::new();
                part.each_set(&mut |set| sets.push(set));
                let named = sets
                    .first()
                    .map(|set| text.replacen(&format!("#{}", set.0), &self.set(*set), 1));
                verbatim(named.unwrap_or(text), &part)
            }
            Kind::OverLinks(over) if deep => {
                let edge = over.edge.clone().renamed(&|edge| self.edge(edge));
                let over = OverLinks { edge, ..(**over).clone() };
                Expr::new(Kind::OverLinks(Box::new(over)), part.ty.clone())
            }
            _ => part,
        }
    }

    fn key(&self, ty: &Type, row: u32) -> Key {
        match ty {
            Type::Id(entity) if row < self.schema().entity(*entity).rows => {
                self.snapshot.key(*entity, row)
            }
            _ => Key::Int(i64::from(row)),
        }
    }

    /// An edge by what it is made of, as a program could write it.
    fn edge(&self, edge: &EdgeExpr) -> String {
        let of =
            |expr: &Expr| show(&self.readable(expr.clone(), &[], false), self.schema()).to_string();
        let turned = |name: &str, reverse: bool| match reverse {
            true => format!("~{name}"),
            false => name.to_owned(),
        };
        match &edge.kind {
            EdgeKind::Table { edge, reverse } => {
                turned(&self.schema().edges[edge.0 as usize].name, *reverse)
            }
            EdgeKind::Reference { entity, reference, reverse } => {
                let references = &self.schema().entity(*entity).references;
                turned(&references[*reference as usize].name, *reverse)
            }
            EdgeKind::Filter { inner, keep } => format!("({} where {})", inner.name, of(keep)),
            EdgeKind::Weight { inner, weight } => {
                format!("({} weight {})", inner.name, of(weight))
            }
            EdgeKind::Union { branches, .. } => {
                let names: Vec<&str> = branches.iter().map(|b| b.name.as_str()).collect();
                format!("({})", names.join(" | "))
            }
            EdgeKind::Chain { first, second, .. } => format!("{}.{}", first.name, second.name),
        }
    }

    /// `country: string = "DE" in 1..5`.
    pub fn param(&self, slot: usize) -> String {
        let Parameter { name, ty, default, .. } = &self.checked.params[slot];
        let mut text = format!("{name}: {}", self.schema().type_name(ty));
        for range in &self.checked.ranges {
            if range.value.params().iter().any(|(read, _)| *read as usize == slot) {
                let (low, high) = range.shown();
                text += &format!(" in {low}..{high}");
            }
        }
        match default {
            Some(default) => {
                text + &format!(
                    " = {}",
                    show(&self.readable(default.clone(), &[], false), self.schema())
                )
            }
            None => text,
        }
    }

    /// The expression of a column that leads to some rows, or the names of branches; none if nothing says so.
    pub fn column(&self, rows: NodeId, name: &str) -> Option<String> {
        let mut at = rows;
        loop {
            let node = self.graph().get(at);
            let binds = node.op.binds();
            if let Some(place) = binds.iter().rposition(|bound| *bound == name) {
                // as written, if that is all that the operator evaluates
                let exprs = node.op.exprs();
                let written = exprs.get(place).filter(|_| node.op.effect() == Effect::Keeps);
                let expr = written.map_or_else(|| node.op.binding(name), |e| Some((*e).clone()))?;
                let named = self.readable(expr, &self.names(node), false);
                return Some(show(&named, self.schema()).to_string());
            }
            let branches = node.op.branches();
            if name == "branch" && !branches.is_empty() {
                return Some(branches.join(" | "));
            }
            let has = |id: &NodeId| self.graph().shape(*id).find(name).is_some();
            at = node.op.nested().into_iter().chain(node.sources()).find(has)?;
        }
    }
}

/// `rank_test(layer="ranking", buckets=0..4999, salt="v2") = {control: 0.5, bold: 0.5}`.
pub fn experiment(experiment: &Experiment) -> String {
    let Experiment { name, layer, buckets: (first, last), salt, arms, .. } = experiment;
    let arms: Vec<String> =
        arms.iter().map(|arm| format!("{}: {:?}", arm.name, arm.share)).collect();
    let salt = match salt.is_empty() {
        true => String::new(),
        false => format!(", salt={salt:?}"),
    };
    format!("{name}(layer={layer:?}, buckets={first}..{last}{salt}) = {{{}}}", arms.join(", "))
}

/// Arguments as they stand between commas, those in brackets and quotes left whole.
pub fn arguments(details: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quoted, mut escaped) = (0u32, false, false);
    for c in details.chars() {
        match c {
            '"' if !escaped => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    let parts = parts.iter().map(|part| part.trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::arguments;

    #[test]
    fn arguments_are_cut_at_their_commas() {
        let parts = arguments("f(a, b), \"x, \\\", y\", {p, q}");
        assert_eq!(parts, ["f(a, b)", "\"x, \\\", y\"", "{p, q}"]);
        assert!(arguments("").is_empty());
    }
}
