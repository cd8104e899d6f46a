//! A whole program: which query runs, and what it gives.

use super::Checker;
use super::autos::Numbers;
use super::checked::{Checked, Parameter};
use super::env::{Env, Local};
use super::experiments::Experiment;
use super::learned::Declaration;
use super::modules::{Module, Modules, Tier};
use crate::diag::{Diagnostic, Sink, code, suggest};
use crate::expr::NodeId;
use crate::source::Span;
use crate::store::Snapshot;
use crate::syntax::ast::{self, Item, ItemKind, Param};
use std::sync::Arc;

/// The query to run.
pub(super) struct Entry<'a> {
    pub(super) name: String,
    pub(super) params: &'a [Param],
    pub(super) body: &'a ast::Expr,
}

/// Checks the program (the first of the modules) and all it can reach. `query` is the one to run;
/// otherwise it is `main`, or the only one. There may be none, in a file of definitions. `budget` is
/// the most rows that an operator may make for one request; `numbers` what the planner says.
pub fn check(
    snapshot: &Snapshot,
    modules: &Modules,
    query: Option<&str>,
    sink: Sink,
    budget: u64,
    numbers: &Numbers,
) -> (Option<Checked>, Sink) {
    let mut checker = Checker::new(snapshot, modules, sink, budget, numbers);
    let program = &*modules.all[0];
    checker.begin();
    let entry = checker.entry(program, query);
    let results = entry.as_ref().and_then(|entry| checker.query(entry));
    let ran: Vec<NodeId> = results.iter().flatten().map(|(_, node)| *node).collect();
    let inputs = std::mem::take(&mut checker.inputs);
    let versions = std::mem::take(&mut checker.versions);
    checker.all_the_rest();
    checker.advise(&ran);
    let unread_params = unread(program, &inputs.params);
    let tunables = checker.tunables();
    checker.given_tunables(&tunables);
    let results = results.map(|results| {
        let propensities = checker.propensities(&results);
        (results, propensities)
    });
    let checked = entry.zip(results).map(|(entry, (results, propensities))| Checked {
        propensities,
        tells_propensities: false,
        query: entry.name,
        graph: checker.graph,
        results,
        params: inputs.params,
        ranges: inputs.ranges,
        amounts: inputs.amounts,
        unread_params,
        autos: checker.autos.found,
        tunables,
        experiments: checker.experiments,
        versions,
        trained: checker.trained,
        uses: checker.written.sites,
        names: checker.written.names,
    });
    (checked, checker.sink)
}

/// What the files declare to be learnt, in the order in which it can be read, and what is wrong with them; that
/// something was not trained yet is no error.
pub fn declarations(
    snapshot: &Snapshot,
    modules: &Modules,
    sink: Sink,
    budget: u64,
) -> (Vec<Declaration>, Sink) {
    let mut checker = Checker::new(snapshot, modules, sink, budget, &Numbers::default());
    checker.trains = true;
    checker.begin();
    checker.all_the_rest();
    let models = std::mem::take(&mut checker.trained);
    for model in &models {
        if !checker.declared.iter().any(|known| known.span == model.span) {
            checker.declared.push(Declaration::of_trained(model));
        }
    }
    (checker.declared, checker.sink)
}

/// The experiments of all files but the standard library, in the order of the files, as far as they are
/// right.
pub fn experiments(snapshot: &Snapshot, modules: &Modules) -> Vec<Arc<Experiment>> {
    let mut checker = Checker::new(snapshot, modules, Sink::default(), 0, &Numbers::default());
    checker.declare_experiments();
    checker.experiments
}

fn unread(program: &Module, params: &[Parameter]) -> Vec<String> {
    let declared = program.file.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Param { name, .. } => Some(name.text.clone()),
        _ => None,
    });
    declared.filter(|name| !params.iter().any(|p| p.name == *name)).collect()
}

impl<'a> Checker<'a> {
    /// What is read before all else.
    fn begin(&mut self) {
        self.own_modules().for_each(|m| self.duplicates(&self.modules.all[m]));
        self.declare_experiments();
    }

    /// Every item that nothing has read so far.
    fn all_the_rest(&mut self) {
        self.own_modules().for_each(|m| self.rest(m));
    }

    /// The files but those of the standard library.
    fn own_modules(&self) -> impl Iterator<Item = usize> + use<'a> {
        let modules = self.modules;
        (0..modules.all.len()).filter(|&m| modules.all[m].tier < Tier::Std)
    }

    /// The query that runs.
    fn entry(&mut self, program: &'a Module, wanted: Option<&str>) -> Option<Entry<'a>> {
        let mut queries = queries(&program.file.items);
        let names: Vec<String> = queries.iter().map(|q| q.name.clone()).collect();
        let named = |wanted: &str| names.iter().position(|name| name == wanted);
        let only = (names.len() == 1).then_some(0);
        let place = match wanted {
            Some(wanted) => named(wanted),
            None => named("main").or(only),
        };
        if let Some(place) = place {
            return Some(queries.swap_remove(place));
        }
        let (message, help) = match wanted {
            Some(wanted) => {
                let near = suggest::nearest(wanted, names.iter().map(String::as_str));
                let help = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if names.is_empty() => "the file has no query".to_owned(),
                    None => format!("the file has {}", names.join(", ")),
                };
                (format!("there is no query `{wanted}`"), help)
            }
            None if names.is_empty() => return None,
            None => {
                let names = names.join(", ");
                let message = format!("the file has several queries and no `main`: {names}");
                (message, "name the one to run".to_owned())
            }
        };
        let start = Span { source: program.source, ..Span::default() };
        let end = program.file.items.last().map_or(start, |item| item.span);
        self.refuse(Diagnostic::new(code::E0211, end, message).help(help))
    }

    /// The result sets of a query; its parameters come with the request.
    pub(super) fn query(&mut self, entry: &Entry<'a>) -> Option<Vec<(Option<String>, NodeId)>> {
        let mut env = Env::top(0);
        for param in entry.params {
            let value = self.request_param(
                &param.name,
                &param.ty,
                param.range.as_ref(),
                param.default.as_ref(),
                0,
            );
            env = env.with(&param.name.text, Local::Scalar(value));
        }
        let results = self.results(entry.body, &env)?;
        let places = self.tails(entry.body);
        let nodes = results.iter().map(|(_, node)| *node);
        self.notes.results.extend(nodes.zip(places));
        Some(results)
    }
}

/// The queries of a file: those with a name, and an expression that is its last item.
fn queries(items: &[Item]) -> Vec<Entry<'_>> {
    let named = items.iter().filter_map(|item| match &item.kind {
        ItemKind::Query { name, params, body } => {
            Some(Entry { name: name.text.clone(), params, body })
        }
        _ => None,
    });
    let last = items.last().and_then(|item| match &item.kind {
        ItemKind::Expr(body) => Some(Entry { name: "main".to_owned(), params: &[], body }),
        _ => None,
    });
    named.chain(last).collect()
}
