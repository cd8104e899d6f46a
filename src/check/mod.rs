//! The checker: from the tree to a graph of typed operators, with every problem reported.
//!
//! Definitions are read where they are used, with the concrete types there, so that one `def`
//! serves many entities. A name stands for its expression (`env::Local::Thunk`): the same
//! binding can be a source of candidates in one place, where `auto` is a number, and a fact in
//! another, where it is `all`. Equal parts become one node of the graph.
//!
//! A part that is wrong gives `None` or an expression of type `Error`, after one report; what
//! depends on it stays silent.

mod aggregates;
mod amounts;
mod autos;
mod binder;
mod calls;
mod chances;
mod checked;
mod duplicates;
mod edges;
mod embeddings;
mod env;
mod experiment_items;
mod experiments;
mod foreign;
mod functions;
mod hints;
mod learned;
mod lints;
mod models;
pub mod modules;
mod names;
mod policies;
mod program;
mod pushdown;
mod quoted;
mod readings;
mod rows;
mod setness;
mod sets;
mod spelled;
mod state;
mod trials;
mod tunable_items;
mod tunables;
mod typing;
mod unused;

pub use amounts::Amount;
pub use autos::{Auto, Numbers, Place};
pub use checked::{Checked, InRange, Parameter};
pub use env::Use;
pub use experiments::{Arm, BUCKETS, Experiment};
pub use learned::{Declaration, Setting, TopicOf, Topics, upstream};
pub use models::trained::{self, Trained, trained};
pub use models::{given_of_items, is_model_kind};
pub use program::{check, declarations, experiments};
pub use trials::{Assertion, Trial, Who, trial};
pub use tunables::{Tunable, Tunables};

use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, Sink, code};
use crate::expr::texts::Texts;
use crate::expr::{Expr, NodeId};
use crate::ops::Graph;
use crate::source::Span;
use crate::store::Snapshot;
use crate::syntax::ast;
use crate::types::EntityId;
use autos::Autos;
use env::Env;
use foldhash::HashMap;
use modules::{Modules, Tier};
use pushdown::Drawn;
use readings::Readings;
use state::{Here, Inputs, Notes, Sets, Written, address};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The state of one check.
struct Checker<'a> {
    schema: &'a Schema,
    snapshot: &'a Snapshot,
    texts: Texts<'a>,
    modules: &'a Modules,
    /// Most rows or contributions that a request may make at one operator.
    budget: u64,

    sink: Sink,
    graph: Graph,
    inputs: Inputs,
    /// The experiments that files declare.
    experiments: Vec<Arc<Experiment>>,
    /// The trained models that files declare.
    trained: Vec<Arc<Trained>>,
    autos: Autos,
    /// Sources whose rows the table of their entity may not have.
    by_key: Vec<NodeId>,

    here: Here,
    sets: Sets<'a>,
    readings: Readings<'a>,
    drawn: Drawn,
    /// Whether items are or give sets, by their address.
    forms: RefCell<HashMap<usize, bool>>,

    written: Written,
    notes: Notes,
    /// What is learnt, as far as it was read.
    declared: Vec<Declaration>,
    /// The versions that were read so far, and before which time the links are that they were trained on.
    versions: BTreeMap<String, i64>,
    /// The vector of the viewer in embeddings that find it when a request is made, by their numbers.
    viewers_vectors: HashMap<u32, Expr>,
    /// What versions of models read that are named by their numbers, by the entity and the label; none where it could
    /// not be read.
    read_again: HashMap<(EntityId, String), Option<Arc<trained::Inputs>>>,
    /// Whether it is read to be trained: then it is no error that it was not yet.
    trains: bool,
}

impl<'a> Checker<'a> {
    fn new(
        snapshot: &'a Snapshot,
        modules: &'a Modules,
        sink: Sink,
        budget: u64,
        numbers: &Numbers,
    ) -> Self {
        Checker {
            schema: snapshot.schema(),
            snapshot,
            texts: Texts::new(snapshot),
            modules,
            budget,
            sink,
            graph: Graph::default(),
            inputs: Inputs::default(),
            experiments: Vec::new(),
            trained: Vec::new(),
            autos: Autos::new(numbers),
            by_key: Vec::new(),
            here: Here::default(),
            sets: Sets::default(),
            readings: Readings::default(),
            drawn: Drawn::default(),
            forms: RefCell::default(),
            written: Written::default(),
            notes: Notes::default(),
            declared: Vec::new(),
            versions: BTreeMap::new(),
            viewers_vectors: HashMap::default(),
            read_again: HashMap::default(),
            trains: false,
        }
    }

    /// Reports a finding. One inside a definition names the place of use as well; one inside a
    /// library is reported where the program uses it, because that is what can be changed.
    fn report(&mut self, mut diagnostic: Diagnostic) {
        let in_program = |span: Span| span.source == self.modules.all[0].source;
        if let Some(site) = self.here.uses.iter().rev().find(|site| in_program(site.span)) {
            if in_program(diagnostic.span) {
                let message = format!("`{}` is used here", site.name);
                if site.span != diagnostic.span {
                    diagnostic = diagnostic.label(site.span, message);
                }
            } else {
                let inner = std::mem::replace(&mut diagnostic.span, site.span);
                diagnostic.labels.insert(
                    0,
                    crate::diag::Label { span: inner, message: "needed here".to_owned() },
                );
                diagnostic.message = format!("{}, which `{}` needs", diagnostic.message, site.name);
            }
        }
        self.sink.push(diagnostic);
    }

    /// Reports why there is none.
    fn refuse<T>(&mut self, diagnostic: Diagnostic) -> Option<T> {
        self.report(diagnostic);
        None
    }

    /// Reports why there is no value.
    fn refuse_value(&mut self, diagnostic: Diagnostic) -> Expr {
        self.report(diagnostic);
        Expr::error()
    }

    /// Where a value was written: of a parameter that stands for it, the argument that gave it.
    fn origin(&self, expr: &ast::Expr, env: &Env<'a>) -> Span {
        bare_name(expr)
            .and_then(|name| env.address(name))
            .and_then(|address| self.written.origins.get(&address).copied())
            .unwrap_or(expr.span)
    }

    /// Runs `f` as part of a definition that is used at `span`.
    fn within<R>(&mut self, name: &str, span: Span, f: impl FnOnce(&mut Self) -> R) -> R {
        self.here.uses.push(Use { name: name.to_owned(), span });
        let result = f(self);
        self.here.uses.pop();
        result
    }

    /// Runs `f` while a name is being resolved; a name that leads back to itself is reported once.
    fn once<R>(
        &mut self,
        kind: &'static str,
        name: &str,
        id: usize,
        span: Span,
        f: impl FnOnce(&mut Self) -> Option<R>,
    ) -> Option<R> {
        let entry = (kind, name.to_owned(), id);
        if let Some(start) = self.here.open.iter().position(|e| e.2 == id && *e == entry) {
            let mut cycle: Vec<&str> =
                self.here.open[start..].iter().map(|(_, n, _)| n.as_str()).collect();
            cycle.push(name);
            // a model and what it is distilled from have one name
            cycle.dedup();
            let message = format!("`{name}` is defined in terms of itself: {}", cycle.join(" -> "));
            return self.refuse(
                Diagnostic::new(code::E0209, span, message)
                    .help("break the cycle: definitions cannot be recursive"),
            );
        }
        self.here.open.push(entry);
        let result = self.deeper(span, f);
        self.here.open.pop();
        result
    }

    /// Whether a declaration that could not be read would have defined the name: then its uses are
    /// not at fault.
    fn is_lost(&self, name: &str) -> bool {
        self.modules.all.iter().any(|m| m.file.broken.iter().any(|lost| lost.text == name))
    }

    /// Whether a name that is nowhere may be of a file that could not be imported: then the import
    /// is at fault.
    fn may_be_imported(&self, module: usize) -> bool {
        let lacks = |m: usize| self.modules.all[m].lacks_imports;
        lacks(0) || lacks(module)
    }

    /// Whether what is being read belongs to a library: then what is missing is missing from the
    /// catalog, not misspelt.
    fn in_library(&self, module: usize) -> bool {
        self.modules.all[module].tier == Tier::Std
    }

    fn mark_used(&mut self, item: &ast::Item) {
        self.notes.used.insert(address(item));
    }

    fn is_used(&self, item: &ast::Item) -> bool {
        self.notes.used.contains(&address(item))
    }

    fn entity_name(&self, entity: EntityId) -> &'a str {
        &self.schema.entity(entity).name
    }
}

/// The bare name that an expression is, if it is one.
fn bare_name(expr: &ast::Expr) -> Option<&str> {
    match &expr.kind {
        ast::ExprKind::Name(name) => Some(name),
        _ => None,
    }
}

/// The names in a key, by which `relax` finds it.
fn key_names(key: &ast::Expr, names: &mut Vec<String>) {
    match &key.kind {
        ast::ExprKind::Name(name) => names.push(name.clone()),
        ast::ExprKind::Field { receiver, name } => {
            names.push(name.text.clone());
            key_names(receiver, names);
        }
        ast::ExprKind::Unary { operand, .. } => key_names(operand, names),
        ast::ExprKind::Binary { left, right, .. } => {
            key_names(left, names);
            key_names(right, names);
        }
        ast::ExprKind::Compare { first, rest } => {
            key_names(first, names);
            rest.iter().for_each(|(_, e)| key_names(e, names));
        }
        ast::ExprKind::In { value, .. } | ast::ExprKind::IsNull { value, .. } => {
            key_names(value, names);
        }
        ast::ExprKind::Call { args, .. } => args.iter().for_each(|a| key_names(&a.value, names)),
        _ => {}
    }
}
