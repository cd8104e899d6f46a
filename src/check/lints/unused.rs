//! W01: what is defined and never used.

use super::{Checker, Flow, leads_to};
use crate::check::modules::Tier;
use crate::diag::{Code, Diagnostic, code};
use crate::expr::{Kind, NodeId};
use crate::source::Span;
use crate::syntax::ast::{
    self, Block, ExprKind, ImportPath, Item, ItemKind, Name, Param, RowDef, Statement,
};

impl<'a> Checker<'a> {
    /// Items, parameters, imports and bindings of the program that nothing uses. In a file without
    /// a query definitions are for others; their parameters are looked at all the same.
    pub(super) fn unused_items(&mut self) {
        let modules = self.modules;
        let program = &modules.all[0];
        let mut imports = program.imports.iter();
        for item in &program.file.items {
            if let ItemKind::Import(path) = &item.kind {
                // imports that could be read stand in their order
                if let Some(&module) = imports.next() {
                    self.unused_import(path, module, item.span);
                }
            }
            self.unused_item(item);
            self.unused_locals(item);
        }
    }

    fn unused_import(&mut self, path: &ImportPath, module: usize, span: Span) {
        let module = &self.modules.all[module];
        let always =
            module.tier == Tier::Std && ["std.core", "std.explore"].contains(&&*module.name);
        let used = |item: &Item| self.is_used(item);
        if always || module.file.items.iter().any(used) || module.file.items.is_empty() {
            return;
        }
        let name = match path {
            ImportPath::Module(parts) => {
                parts.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join(".")
            }
            ImportPath::File { path, .. } => path.clone(),
        };
        let message = format!("`{name}` is imported but not used");
        self.report(Diagnostic::new(code::W0103, span, message).help("remove the import"));
    }

    fn unused_item(&mut self, item: &'a Item) {
        if !self.has_query() || self.is_used(item) {
            return;
        }
        let (what, name, code): (&str, &Name, Code) = match &item.kind {
            ItemKind::Param { name, .. } => ("parameter", name, code::W0102),
            ItemKind::Tunable { name, .. } => ("tunable", name, code::W0101),
            ItemKind::Experiment { name, .. } => ("experiment", name, code::W0101),
            ItemKind::Edge(edge) => ("edge", &edge.name, code::W0101),
            ItemKind::Embedding { name, .. } => ("embedding", name, code::W0101),
            ItemKind::Model { name, .. } => ("model", name, code::W0101),
            ItemKind::Value(def) => ("value", &def.name, code::W0101),
            ItemKind::Policy(def) => ("policy", &def.name, code::W0101),
            ItemKind::Def { name, .. } => ("definition", name, code::W0101),
            ItemKind::Binding { name, .. } => ("binding", name, code::W0101),
            _ => return,
        };
        let message = format!("{what} `{}` is never used", name.text);
        self.report(Diagnostic::new(code, name.span, message).help("use it, or remove it"));
    }

    /// Parameters that the body of a definition does not mention, and bindings that a block does
    /// not read.
    fn unused_locals(&mut self, item: &'a Item) {
        match &item.kind {
            ItemKind::Def { params, body, .. } | ItemKind::Query { params, body, .. } => {
                self.unused_params(params, body);
                self.unused_bindings(body);
            }
            ItemKind::Value(RowDef { params, body, .. })
            | ItemKind::Policy(RowDef { params, body, .. }) => {
                self.unused_params(params, body);
                self.unused_bindings(body);
            }
            ItemKind::Binding { value, .. } | ItemKind::Expr(value) => self.unused_bindings(value),
            ItemKind::Test { body, .. } => self.unused_in_block(body),
            _ => {}
        }
    }

    fn unused_params(&mut self, params: &'a [Param], body: &'a ast::Expr) {
        for param in params {
            if !mentions(body, &param.name.text) {
                let message = format!("parameter `{}` is never used", param.name.text);
                let help = "use it, or remove it";
                self.report(Diagnostic::new(code::W0102, param.name.span, message).help(help));
            }
        }
    }

    fn unused_bindings(&mut self, expr: &'a ast::Expr) {
        if let ExprKind::Block(block) = &expr.kind {
            self.unused_in_block(block);
        }
        each_child(expr, &mut |child| self.unused_bindings(child));
    }

    fn unused_in_block(&mut self, block: &'a Block) {
        for (i, statement) in block.statements.iter().enumerate() {
            let Statement::Binding { name, .. } = statement else {
                continue;
            };
            let mut used = block.result.iter().any(|r| mentions(r, &name.text));
            for later in &block.statements[i + 1..] {
                used |= match later {
                    Statement::Binding { value, .. } => mentions(value, &name.text),
                    Statement::Assert { condition, .. } => mentions(condition, &name.text),
                    Statement::Error(_) => true,
                };
            }
            if !used {
                let message = format!("binding `{}` is never used", name.text);
                let help = "use it, or remove it";
                self.report(Diagnostic::new(code::W0104, name.span, message).help(help));
            }
        }
    }

    /// Columns that `let` binds, that nothing reads and that are in no result.
    pub(super) fn unused_columns(&mut self, flow: &Flow) {
        let mut bound: Vec<((NodeId, String), Span)> =
            self.written.columns.iter().map(|(key, span)| (key.clone(), *span)).collect();
        bound.sort();
        for ((id, name), span) in bound {
            let alive = !flow.nodes.contains(&id)
                || !self.lies_in_program(id)
                || self.reads_column(id, id, &name)
                || self.column_is_read(id, &name, flow);
            if !alive {
                let message = format!("nothing reads the column `{name}`");
                let help = "remove it, or keep it in `select`";
                self.report_at(id, Diagnostic::new(code::W0105, span, message).help(help));
            }
        }
    }

    fn column_is_read(&self, id: NodeId, name: &str, flow: &Flow) -> bool {
        leads_to(id, |id, on| {
            if self.graph.shape(id).find(name).is_none() {
                return false;
            }
            let read = flow.results.contains(&id) || flow.values_read.contains(&id);
            read || flow.consumers(id).iter().any(|&(consumer, input)| {
                let node = self.graph.get(consumer);
                if node.is_fact(input) {
                    return false;
                }
                // operators of several inputs put columns together by name
                if !node.op.binds().contains(&name) {
                    on.push(consumer);
                }
                self.reads_column(consumer, id, name)
            })
        })
    }

    /// Whether an expression of a node reads a column of its input; or, where both are the same
    /// node, whether a later argument reads what an earlier one binds.
    fn reads_column(&self, reader: NodeId, of: NodeId, name: &str) -> bool {
        let Some(place) = self.graph.shape(of).find(name) else {
            return false;
        };
        let mut reads = false;
        for expr in self.graph.get(reader).op.exprs() {
            expr.walk_bound(&mut |part| reads |= part.kind == Kind::Bound(place as u32));
        }
        reads
    }
}

/// Whether a name occurs in an expression as one that can be a local.
pub(super) fn mentions(expr: &ast::Expr, name: &str) -> bool {
    let here = match &expr.kind {
        ExprKind::Name(n) => n == name,
        ExprKind::Call { callee, .. } => callee.text == name,
        _ => false,
    };
    let mut found = here;
    each_child(expr, &mut |child| found = found || mentions(child, name));
    found
}

fn value_of(statement: &Statement) -> Option<&ast::Expr> {
    match statement {
        Statement::Binding { value, .. } => Some(value),
        Statement::Assert { condition, .. } => Some(condition),
        Statement::Error(_) => None,
    }
}

/// Calls `f` on every expression directly in another.
pub(super) fn each_child<'e>(expr: &'e ast::Expr, f: &mut dyn FnMut(&'e ast::Expr)) {
    match &expr.kind {
        ExprKind::List(items) => items.iter().for_each(f),
        ExprKind::Record(fields) => fields.iter().for_each(|(_, value)| f(value)),
        ExprKind::Block(block) => {
            block.statements.iter().filter_map(value_of).for_each(&mut *f);
            block.result.iter().for_each(|result| f(result));
        }
        ExprKind::Unary { operand: e, .. }
        | ExprKind::IsNull { value: e, .. }
        | ExprKind::Field { receiver: e, .. } => f(e),
        ExprKind::Binary { left, right, .. } | ExprKind::In { value: left, set: right, .. } => {
            f(left);
            f(right);
        }
        ExprKind::Compare { first, rest } => {
            f(first);
            rest.iter().for_each(|(_, e)| f(e));
        }
        ExprKind::If { then, condition, otherwise } => {
            f(then);
            f(condition);
            f(otherwise);
        }
        ExprKind::Call { args, .. } => args.iter().for_each(|a| f(&a.value)),
        ExprKind::Method { receiver: of, args, .. } | ExprKind::Links { edge: of, ends: args } => {
            f(of);
            args.iter().for_each(|a| f(&a.value));
        }
        ExprKind::Rule { key, count, window } => {
            f(key);
            f(count);
            window.iter().for_each(|w| f(w));
        }
        ExprKind::Null
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Str(_)
        | ExprKind::Duration(_)
        | ExprKind::Time(_)
        | ExprKind::Version { .. }
        | ExprKind::Name(_)
        | ExprKind::Error => {}
    }
}
