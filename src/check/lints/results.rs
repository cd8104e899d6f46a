//! What a result is made of: W06, W07, W0802, W11.

use super::{Checker, leads_to};
use crate::diag::{Diagnostic, code};
use crate::expr::NodeId;
use crate::expr::ir::{EdgeExpr, EdgeKind, Kind};
use crate::ops::Effect;
use crate::source::Span;
use crate::types::EdgeId;

/// Tables of more rows than this are not read in full for every request without a word.
const LARGE: u32 = 100_000;

impl<'a> Checker<'a> {
    /// `all(media)` of a large entity, unless the first rows are all that is read.
    pub(super) fn full_scan(&mut self, id: NodeId) {
        let node = self.graph.get(id);
        let table = self.schema.entity(node.shape.entity);
        if node.op.name() != "all" || table.rows <= LARGE {
            return;
        }
        let message = format!("every request reads all {} rows of `{}`", table.rows, table.name);
        let help = "start from the user, from `nn`, or from a set that is given; if intended, add `# igql: allow(W06)` to the line";
        let diagnostic = Diagnostic::new(code::W0601, node.span, message).help(help);
        self.report_at(id, diagnostic);
    }

    /// Reads a table of which the snapshot has nothing, since all of it was left out when it was built.
    pub(super) fn lost_tables(&mut self, nodes: &[NodeId]) {
        let lost = |kind: &str, name: &str| {
            let section = format!("{kind}.{name}");
            let warnings = self.snapshot.warnings().iter();
            let mut lost = warnings.filter(|w| w.section == section && w.count > 0);
            lost.next().map(|w| format!("{}: {}", w.file, w.message))
        };
        let mut found = Vec::new();
        for edge in self.schema.tables().filter(|edge| edge.links == 0) {
            let reads = |node: &&NodeId| {
                let table = self.schema.find_edge(&edge.name);
                table.is_some_and(|table| self.looks_at(**node, &[table]))
            };
            if let (Some(why), Some(&node)) = (lost("edge", &edge.name), nodes.iter().find(reads)) {
                found.push((node, format!("`{}` has no links", edge.name), why));
            }
        }
        for entity in self.schema.entities.iter().filter(|e| e.rows == 0) {
            let reads = |node: &&NodeId| {
                let node = self.graph.get(**node);
                self.schema.entity(node.shape.entity).name == entity.name
                    && node.op.name() != "user"
            };
            let Some(why) = lost("entity", &entity.name) else {
                continue;
            };
            if let Some(&node) = nodes.iter().find(reads) {
                found.push((node, format!("`{}` has no rows", entity.name), why));
            }
        }
        for (node, what, why) in found {
            let message =
                format!("{what}: all rows of its table were skipped when the snapshot was built");
            let help = format!("{why}; fix the table or its section in the catalog");
            let span = self.span_of(node);
            self.report_at(node, Diagnostic::new(code::W0802, span, message).help(help));
        }
    }

    pub(super) fn result_lints(&mut self) {
        for (id, span) in self.notes.results.clone() {
            self.required_policies(id, span);
            self.seen_items(id, span);
        }
    }

    fn required_policies(&mut self, id: NodeId, span: Span) {
        let shape = self.graph.shape(id);
        let (entity, passed) = (shape.entity, shape.passed.clone());
        for policy in &self.schema.defaults.required_policies {
            if passed.contains(policy) || !self.has_policy(policy, entity) {
                continue;
            }
            let message = format!(
                "rows can reach the result without passing the policy `{policy}`, which the catalog requires"
            );
            let help = "add `.filter()`, which applies every required policy";
            self.report(Diagnostic::new(code::W1101, span, message).help(help));
        }
    }

    /// Recommendations of the kind of thing that `seen` leads to, when nothing in them looks at
    /// what was seen.
    fn seen_items(&mut self, id: NodeId, span: Span) {
        let seen: Vec<EdgeId> = self
            .schema
            .defaults
            .seen
            .iter()
            .filter_map(|name| self.schema.find_edge(name))
            .collect();
        let entity = self.graph.shape(id).entity;
        let leads_here = |&edge: &EdgeId| self.schema.edge(edge).to == entity;
        if !seen.iter().any(leads_here) || !self.discovers(id) {
            return;
        }
        let part = self.graph.reachable(&[id]);
        let asks_viewer = part.iter().any(|&n| self.graph.get(n).op.name() == "user");
        if !asks_viewer || part.iter().any(|&n| self.looks_at(n, &seen)) {
            return;
        }
        let names = self.schema.defaults.seen.join("`, `");
        let message = format!("nothing excludes what the user has seen (`{names}`)");
        let help =
            if self.has_unseen() { "add `.unseen()`" } else { "subtract it: `- user.walk(seen)`" };
        self.report(Diagnostic::new(code::W0701, span, message).help(help));
    }

    fn has_unseen(&self) -> bool {
        self.callable_names(0).contains(&"unseen")
    }

    /// Whether rows come from further away than one walk from the user: a list of what the user
    /// did is no recommendation.
    fn discovers(&self, id: NodeId) -> bool {
        leads_to(id, |id, on| self.discovers_here(id, on))
    }

    fn discovers_here(&self, id: NodeId, on: &mut Vec<NodeId>) -> bool {
        let node = self.graph.get(id);
        let candidates = node
            .inputs
            .iter()
            .enumerate()
            .filter(|&(place, _)| !node.is_fact(place))
            .map(|(_, &input)| input);
        let inputs: Vec<NodeId> = candidates.collect();
        match node.op.effect() {
            Effect::Other if node.op.edge().is_some() => {
                inputs.iter().any(|&input| !self.is_viewer(input))
            }
            Effect::Other if node.op.name() == "user" || node.op.name() == "given" => false,
            Effect::Other if inputs.is_empty() => true,
            Effect::Other if node.op.name() == "nn" => true,
            _ => {
                on.extend(inputs);
                false
            }
        }
    }

    /// Whether rows are the user, whatever was bound to it.
    fn is_viewer(&self, id: NodeId) -> bool {
        let node = self.graph.get(id);
        match node.inputs.first() {
            None => node.op.name() == "user",
            Some(&input) => node.op.effect() != Effect::Other && self.is_viewer(input),
        }
    }

    /// Whether an operator goes along one of the edges, or reads its links.
    fn looks_at(&self, id: NodeId, edges: &[EdgeId]) -> bool {
        let node = self.graph.get(id);
        let mut looks = node.op.edge().is_some_and(|edge| contains(edge, edges));
        for expr in node.op.exprs() {
            expr.walk(&mut |part| {
                if let Kind::OverLinks(over) = &part.kind {
                    looks |= contains(&over.edge, edges);
                }
            });
        }
        looks
    }
}

/// Whether links of one of the tables are among those of an edge.
fn contains(edge: &EdgeExpr, tables: &[EdgeId]) -> bool {
    match &edge.kind {
        EdgeKind::Table { edge, .. } => tables.contains(edge),
        EdgeKind::Reference { .. } => false,
        EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => contains(inner, tables),
        EdgeKind::Union { branches, .. } => branches.iter().any(|b| contains(b, tables)),
        EdgeKind::Chain { first, second, .. } => {
            contains(first, tables) || contains(second, tables)
        }
    }
}
