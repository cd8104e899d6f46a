//! The files that a program is made of, and where names are found in them.

use super::tunables::Tunables;
use crate::ops::Vocabulary;
use crate::source::SourceId;
use crate::syntax::ast::{File, Item, ItemKind};
use foldhash::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// How near a file is to the program; nearer names go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    Program,
    Import,
    Prelude,
    Std,
}

/// What a name can be the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Edge,
    Embedding,
    Model,
    Value,
    Policy,
    /// `def` and `query`.
    Callable,
    /// Bindings, params, tunables, experiments.
    Rest,
}

/// A parsed file and its names.
#[derive(Debug)]
pub struct Module {
    pub source: SourceId,
    pub tier: Tier,
    /// As imports name it: `std.hybrid`, or a path.
    pub name: String,
    pub file: File,
    /// The folder that paths in it are relative to.
    pub folder: PathBuf,
    /// The modules that it imports, by number.
    pub imports: Vec<usize>,
    /// Whether it imports something that is not there: its names could be any.
    pub lacks_imports: bool,
    names: HashMap<String, Vec<(Kind, usize)>>,
}

impl Module {
    pub fn new(source: SourceId, tier: Tier, name: String, file: File) -> Module {
        let mut names: HashMap<String, Vec<(Kind, usize)>> = HashMap::default();
        for (i, item) in file.items.iter().enumerate() {
            if let Some((kind, name)) = named(item) {
                names.entry(name.to_owned()).or_default().push((kind, i));
            }
        }
        // a final expression is the query `main`
        if let Some(Item { kind: ItemKind::Expr(_), .. }) = file.items.last() {
            let main = names.entry("main".to_owned()).or_default();
            if main.iter().all(|(kind, _)| *kind != Kind::Callable) {
                main.push((Kind::Callable, file.items.len() - 1));
            }
        }
        let (folder, imports) = (PathBuf::new(), Vec::new());
        Module { source, tier, name, file, folder, imports, lacks_imports: false, names }
    }

    /// Its place, with nothing in it, while the program `name` is this very file.
    pub fn read_as(&self, name: &str) -> Module {
        let folder = self.folder.clone();
        Module { folder, ..Module::new(self.source, self.tier, name.to_owned(), File::default()) }
    }

    /// The items of that kind and name.
    pub fn find(&self, kind: Kind, name: &str) -> impl Iterator<Item = &Item> {
        let found = self.names.get(name).into_iter().flatten();
        let found = found.filter(move |(of, _)| *of == kind);
        found.map(|(_, place)| &self.file.items[*place])
    }

    /// All items of a kind with their names.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = (&str, &Item)> {
        self.file.items.iter().filter_map(move |item| match named(item) {
            Some((k, name)) if k == kind => Some((name, item)),
            _ => None,
        })
    }
}

/// The kind and name of an item that has one.
pub fn named(item: &Item) -> Option<(Kind, &str)> {
    Some(match &item.kind {
        ItemKind::Edge(edge) => (Kind::Edge, &edge.name.text),
        ItemKind::Embedding { name, .. } => (Kind::Embedding, &name.text),
        ItemKind::Model { name, .. } => (Kind::Model, &name.text),
        ItemKind::Value(value) => (Kind::Value, &value.name.text),
        ItemKind::Policy(policy) => (Kind::Policy, &policy.name.text),
        ItemKind::Def { name, .. } | ItemKind::Query { name, .. } => (Kind::Callable, &name.text),
        ItemKind::Param { name, .. }
        | ItemKind::Tunable { name, .. }
        | ItemKind::Experiment { name, .. }
        | ItemKind::Binding { name, .. } => (Kind::Rest, &name.text),
        _ => return None,
    })
}

/// All files of a program; the first is the program itself.
#[derive(Clone, Debug, Default)]
pub struct Modules {
    pub all: Vec<Arc<Module>>,
    /// By module: the order in which it looks for names, once it looks for one.
    orders: Vec<OnceLock<Vec<usize>>>,
    /// Values that tunables were given instead of their defaults.
    pub tunables: Tunables,
    /// What programs can name.
    pub vocabulary: Arc<Vocabulary>,
    /// Folders that files may read from.
    pub roots: Vec<PathBuf>,
}

impl Modules {
    pub fn new(all: Vec<Arc<Module>>) -> Modules {
        let orders = vec![OnceLock::new(); all.len()];
        let tunables = Tunables::new();
        Modules { all, orders, tunables, vocabulary: Arc::default(), roots: Vec::new() }
    }

    /// Whether the program is the catalog's prelude.
    pub fn program_is_prelude(&self) -> bool {
        let mut preludes = self.all.iter().filter(|m| m.tier == Tier::Prelude);
        preludes.any(|m| m.name == self.all[0].name)
    }

    /// Bytes of the files that belong to the program and its catalog.
    pub fn length(&self) -> usize {
        let own = self.all.iter().filter(|m| m.tier < Tier::Std);
        let ends = own.filter_map(|m| m.file.items.last().map(|item| item.span.end));
        ends.map(|end| end as usize).sum()
    }

    /// Modules in the order in which a file looks for names: the program, what the file and the
    /// program import, the prelude, the standard library.
    pub fn order(&self, from: usize) -> impl Iterator<Item = usize> + Clone {
        let order = self.orders[from].get_or_init(|| order(&self.all, from));
        order.iter().copied()
    }

    /// The items of that kind and name, nearest first, with the modules they are in.
    pub fn find(
        &self,
        from: usize,
        kind: Kind,
        name: &str,
    ) -> impl Iterator<Item = (usize, &Item)> {
        self.order(from).flat_map(move |m| self.all[m].find(kind, name).map(move |item| (m, item)))
    }

    /// The names of a kind that a file can use.
    pub fn names(&self, from: usize, kind: Kind) -> impl Iterator<Item = &str> {
        self.order(from).flat_map(move |m| self.all[m].all(kind)).map(|(name, _)| name)
    }
}

fn order(all: &[Arc<Module>], from: usize) -> Vec<usize> {
    let mut order = vec![0];
    order.extend(all[from].imports.iter().chain(&all[0].imports));
    order.push(from);
    let of = |tier| (0..all.len()).filter(move |&m| all[m].tier == tier);
    order.extend(of(Tier::Prelude));
    let unasked = |m: &usize| matches!(all[*m].name.as_str(), "std.core" | "std.explore");
    order.extend(of(Tier::Std).filter(unasked));
    let mut seen = vec![false; all.len()];
    order.retain(|&m| !std::mem::replace(&mut seen[m], true));
    order
}
