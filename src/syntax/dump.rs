//! The tree as an indented outline, one node a line, for `igql explain --stage ast`.

use super::ast::*;
use super::print::{compare_sign, print_expression, type_text};

/// An outline of the tree.
pub fn dump(file: &File) -> String {
    let mut outline = Outline { out: String::new(), depth: 0 };
    file.items.iter().for_each(|item| outline.item(item));
    outline.out
}

/// The line of an item.
fn head(kind: &ItemKind) -> String {
    match kind {
        ItemKind::Import(ImportPath::Module(path)) => format!("import {}", listed(path, ".")),
        ItemKind::Import(ImportPath::File { path, .. }) => format!("import {path:?}"),
        ItemKind::Param { name, ty, .. } => format!("param {}: {}", name.text, type_text(ty)),
        ItemKind::Tunable { name, .. } => format!("tunable {}", name.text),
        ItemKind::Experiment { name, .. } => format!("experiment {}", name.text),
        ItemKind::Edge(edge) => format!("edge {}", edge.name.text),
        ItemKind::Embedding { name, entities, .. } => {
            format!("embedding {} on {}", name.text, listed(entities, ", "))
        }
        ItemKind::Model { name, entity, .. } => format!("model {} on {}", name.text, entity.text),
        ItemKind::Value(def) => row_head("value", def),
        ItemKind::Policy(def) => row_head("policy", def),
        ItemKind::Def { name, result, .. } => {
            let result = result.as_ref().map(|r| format!(" -> {}", type_text(r)));
            format!("def {}{}", name.text, result.unwrap_or_default())
        }
        ItemKind::Query { name, .. } => format!("query {}", name.text),
        ItemKind::Test { name, .. } => format!("test {:?}", name.text),
        ItemKind::Binding { name, .. } => format!("binding {}", name.text),
        ItemKind::Expr(_) => "expression".to_owned(),
        ItemKind::Error => "error".to_owned(),
    }
}

fn row_head(word: &str, def: &RowDef) -> String {
    let on = def.entity.as_ref().map(|e| format!(" on {}", e.text));
    format!("{word} {}{}", def.name.text, on.unwrap_or_default())
}

fn listed(names: &[Name], separator: &str) -> String {
    let names: Vec<&str> = names.iter().map(|n| n.text.as_str()).collect();
    names.join(separator)
}

struct Outline {
    out: String,
    depth: usize,
}

impl Outline {
    fn line(&mut self, text: impl AsRef<str>) {
        self.out.push_str(&"  ".repeat(self.depth));
        self.out.push_str(text.as_ref());
        self.out.push('\n');
    }

    /// A node and what is below it.
    fn node(&mut self, text: impl AsRef<str>, below: impl FnOnce(&mut Self)) {
        self.line(text);
        self.depth += 1;
        below(self);
        self.depth -= 1;
    }

    /// An expression under a caption.
    fn under(&mut self, caption: &str, e: &Expr) {
        self.node(caption, |o| o.expr(e));
    }

    fn item(&mut self, item: &Item) {
        item.docs.iter().for_each(|d| self.line(format!("## {d}")));
        self.node(head(&item.kind), |o| o.below(&item.kind));
    }

    /// What is below the head of an item.
    fn below(&mut self, kind: &ItemKind) {
        match kind {
            ItemKind::Param { default, .. } => self.optional("default", default.as_ref()),
            ItemKind::Tunable { range, default, .. } => {
                self.range(range);
                self.under("default", default);
            }
            ItemKind::Experiment { settings, arms, .. } => {
                settings.iter().for_each(|s| self.setting(s));
                self.under("arms", arms);
            }
            ItemKind::Edge(edge) => {
                self.expr(&edge.value);
                self.optional("where", edge.filter.as_ref());
                self.optional("weight", edge.weight.as_ref());
            }
            ItemKind::Embedding { value, .. }
            | ItemKind::Model { value, .. }
            | ItemKind::Binding { value, .. }
            | ItemKind::Expr(value) => self.expr(value),
            ItemKind::Value(def) | ItemKind::Policy(def) => self.definition(&def.params, &def.body),
            ItemKind::Def { params, body, .. } | ItemKind::Query { params, body, .. } => {
                self.definition(params, body);
            }
            ItemKind::Test { settings, body, .. } => {
                settings.iter().for_each(|a| self.arg(a));
                self.block(body);
            }
            ItemKind::Import(_) | ItemKind::Error => {}
        }
    }

    fn definition(&mut self, params: &[Param], body: &Expr) {
        for param in params {
            let head = format!("parameter {}: {}", param.name.text, type_text(&param.ty));
            self.node(head, |o| {
                param.range.iter().for_each(|r| o.range(r));
                o.optional("default", param.default.as_ref());
            });
        }
        self.expr(body);
    }

    fn setting(&mut self, setting: &Setting) {
        let name = setting.name.as_ref().map_or("setting", |name| &name.text);
        self.node(format!("{name} ="), |o| match &setting.value {
            SettingValue::Expr(value) => o.expr(value),
            SettingValue::Range(range) => o.range(range),
        });
    }

    fn range(&mut self, range: &Range) {
        self.node("range", |o| {
            o.expr(&range.low);
            o.expr(&range.high);
        });
    }

    fn optional(&mut self, caption: &str, e: Option<&Expr>) {
        if let Some(e) = e {
            self.under(caption, e);
        }
    }

    fn arg(&mut self, arg: &Arg) {
        match &arg.name {
            Some(name) => self.under(&format!("{} =", name.text), &arg.value),
            None => self.expr(&arg.value),
        }
    }

    fn block(&mut self, block: &Block) {
        self.node("block", |o| {
            block.statements.iter().for_each(|s| o.statement(s));
            o.optional("result", block.result.as_deref());
        });
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Binding { docs, name, value, .. } => {
                docs.iter().for_each(|d| self.line(format!("## {d}")));
                self.under(&format!("binding {}", name.text), value);
            }
            Statement::Assert { condition, .. } => self.under("assert", condition),
            Statement::Error(_) => self.line("error"),
        }
    }

    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Name(name) => self.line(format!("name {name}")),
            ExprKind::Error => self.line("error"),
            ExprKind::List(elements) => {
                self.node("list", |o| elements.iter().for_each(|e| o.expr(e)));
            }
            ExprKind::Record(fields) => self.node("record", |o| {
                fields.iter().for_each(|(n, e)| o.under(&format!("{}:", n.text), e));
            }),
            ExprKind::Block(block) => self.block(block),
            ExprKind::Unary { op, operand } => {
                self.under(&format!("{op:?}").to_lowercase(), operand);
            }
            ExprKind::Binary { op, left, right } => {
                self.pair(&format!("{op:?}").to_lowercase(), left, right);
            }
            ExprKind::Compare { first, rest } => self.node("compare", |o| {
                o.expr(first);
                rest.iter().for_each(|(op, e)| o.under(compare_sign(*op), e));
            }),
            ExprKind::In { value, set, negated } => {
                self.pair(if *negated { "not in" } else { "in" }, value, set)
            }
            ExprKind::IsNull { value, negated } => {
                self.under(if *negated { "is not null" } else { "is null" }, value);
            }
            ExprKind::If { then, condition, otherwise } => self.node("choice", |o| {
                o.under("if", condition);
                o.under("then", then);
                o.under("else", otherwise);
            }),
            ExprKind::Call { callee, args } => self.node(format!("call {}", callee.text), |o| {
                args.iter().for_each(|a| o.arg(a));
            }),
            ExprKind::Method { receiver, name, args } => {
                self.node(format!("method {}", name.text), |o| {
                    o.under("of", receiver);
                    args.iter().for_each(|a| o.arg(a));
                })
            }
            ExprKind::Links { edge, ends } => self.node("links", |o| {
                o.under("of", edge);
                ends.iter().for_each(|a| o.arg(a));
            }),
            ExprKind::Field { receiver, name } => {
                self.under(&format!("field {}", name.text), receiver);
            }
            ExprKind::Rule { key, count, window } => self.node("rule", |o| {
                o.pair("at most or at least", key, count);
                o.optional("in", window.as_deref());
            }),
            _ => self.line(print_expression(e)),
        }
    }

    fn pair(&mut self, caption: &str, left: &Expr, right: &Expr) {
        self.node(caption, |o| {
            o.expr(left);
            o.expr(right);
        });
    }
}
