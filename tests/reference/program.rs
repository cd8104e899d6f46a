//! The declarations that a program can use, and in which order they are looked up.

use super::experiments::Experiment;
use super::world::World;
use igql::syntax::ast::{
    EdgeDecl, Expr, File, ImportPath, Item, ItemKind, Param, Range, RowDef, TypeExpr, TypeExprKind,
};
use std::path::{Component, Path, PathBuf};

/// A program with everything it imports.
pub struct Program {
    /// The program, its imports, the prelude, `std.explore`, `std.core`: a name found in an
    /// earlier file hides the same name in a later one.
    files: Vec<File>,
    /// Where in `files` the prelude stands; the standard library follows.
    prelude: usize,
}

/// A `def`.
#[derive(Clone, Copy)]
pub struct Def<'a> {
    pub params: &'a [Param],
    pub result: Option<&'a TypeExpr>,
    pub body: &'a Expr,
}

impl Program {
    /// `read_file` gives the text of a file that is imported, by its path from the program.
    pub fn new(text: &str, world: &World, read_file: &dyn Fn(&str) -> String) -> Program {
        let mut files = vec![parse(text)];
        let mut paths = vec![PathBuf::new()];
        let mut next = 0;
        while next < files.len() {
            for path in imports(&files[next], &paths[next]) {
                if !paths.contains(&path) {
                    files.push(parse(&read_import(&path, read_file)));
                    paths.push(path);
                }
            }
            next += 1;
        }
        let prelude = files.len();
        files.push(parse(&world.prelude));
        files.push(parse(&std_module("explore")));
        files.push(parse(&std_module("core")));
        Program { files, prelude }
    }

    fn items(&self) -> impl Iterator<Item = &ItemKind> {
        self.files.iter().flat_map(|f| &f.items).map(|i| &i.kind)
    }

    /// The defs of a name, file by file.
    pub fn defs(&self, name: &str) -> Vec<Vec<Def<'_>>> {
        let all = self
            .files
            .iter()
            .map(|file| file.items.iter().filter_map(|item| as_def(item, name)).collect());
        all.filter(|defs: &Vec<Def>| !defs.is_empty()).collect()
    }

    pub fn edge(&self, wanted: &str) -> Option<&EdgeDecl> {
        self.items().find_map(|item| match item {
            ItemKind::Edge(decl) if decl.name.text == wanted => Some(decl),
            _ => None,
        })
    }

    /// A top-level `name = expression`.
    pub fn binding(&self, wanted: &str) -> Option<&Expr> {
        self.items().find_map(|item| match item {
            ItemKind::Binding { name, value } if name.text == wanted => Some(value),
            _ => None,
        })
    }

    /// The default of a param, if it has one.
    pub fn param(&self, wanted: &str) -> Option<Option<&Expr>> {
        self.items().find_map(|item| match item {
            ItemKind::Param { name, default, .. } if name.text == wanted => Some(default.as_ref()),
            _ => None,
        })
    }

    /// The default and the range of a param.
    pub fn declared_param(&self, wanted: &str) -> Option<(Option<&Expr>, Option<&Range>)> {
        self.items().find_map(|item| match item {
            ItemKind::Param { name, default, range, .. } if name.text == wanted => {
                Some((default.as_ref(), range.as_ref()))
            }
            _ => None,
        })
    }

    /// An experiment.
    pub fn experiment(&self, wanted: &str) -> Option<Experiment<'_>> {
        self.items().filter_map(Experiment::of).find(|experiment| experiment.name == wanted)
    }

    /// Whether any is declared.
    pub fn has_experiments(&self) -> bool {
        self.items().any(|item| Experiment::of(item).is_some())
    }

    /// Default of a tunable.
    pub fn tunable(&self, wanted: &str) -> Option<&Expr> {
        self.items().find_map(|item| match item {
            ItemKind::Tunable { name, default, .. } if name.text == wanted => Some(default),
            _ => None,
        })
    }

    /// A value of an entity, or one without `on`.
    pub fn value(&self, wanted: &str, is_entity: &dyn Fn(&str) -> bool) -> Option<&RowDef> {
        self.items().find_map(|item| match item {
            ItemKind::Value(def) if def.name.text == wanted && belongs(def, is_entity) => Some(def),
            _ => None,
        })
    }

    pub fn policy(&self, wanted: &str, is_entity: &dyn Fn(&str) -> bool) -> Option<&RowDef> {
        self.items().find_map(|item| match item {
            ItemKind::Policy(def) if def.name.text == wanted && belongs(def, is_entity) => {
                Some(def)
            }
            _ => None,
        })
    }

    /// The policies that a bare `filter()` may apply: of the program, the prelude and
    /// `std.explore`, each name once.
    pub fn policies(&self, is_entity: &dyn Fn(&str) -> bool) -> Vec<&RowDef> {
        let mut found: Vec<&RowDef> = Vec::new();
        for file in [0, self.prelude, self.prelude + 1] {
            for item in &self.files[file].items {
                let ItemKind::Policy(def) = &item.kind else {
                    continue;
                };
                if belongs(def, is_entity) && found.iter().all(|d| d.name.text != def.name.text) {
                    found.push(def);
                }
            }
        }
        found
    }

    pub fn model(&self, wanted: &str, is_entity: &dyn Fn(&str) -> bool) -> Option<&Expr> {
        self.items().find_map(|item| match item {
            ItemKind::Model { name, entity, value }
                if name.text == wanted && is_entity(&entity.text) =>
            {
                Some(value)
            }
            _ => None,
        })
    }

    /// A declared embedding over an entity.
    pub fn embedding(&self, wanted: &str, is_entity: &dyn Fn(&str) -> bool) -> Option<&Expr> {
        self.items().find_map(|item| match item {
            ItemKind::Embedding { name, entities, value }
                if name.text == wanted && entities.iter().any(|e| is_entity(&e.text)) =>
            {
                Some(value)
            }
            _ => None,
        })
    }

    /// Parameters and body of a query of the program: of that name, else `main`, else the last
    /// expression, else the only one.
    pub fn query(&self, wanted: Option<&str>) -> Option<(&[Param], &Expr)> {
        let queries = || self.files[0].items.iter().filter_map(as_query);
        match wanted {
            Some(name) => queries().find(|q| q.0 == name),
            None => queries().find(|q| q.0 == "main").or_else(|| queries().next()),
        }
        .map(|(_, params, body)| (params, body))
    }
}

fn parse(text: &str) -> File {
    let mut sink = igql::diag::Sink::default();
    let mut sources = igql::source::Sources::default();
    let id = sources.add("<reference>", text);
    let file = igql::syntax::parse(text, id, &mut sink);
    assert!(
        !sink.has_errors(),
        "the reference interpreter is given a program that does not parse: {sink:?}\n{text}"
    );
    file
}

/// What a file imports: modules by their names (`std.hybrid`), files by their paths from the program.
fn imports(file: &File, importer: &Path) -> Vec<PathBuf> {
    let folder = importer.parent().unwrap_or(Path::new(""));
    let path = |item: &Item| match &item.kind {
        ItemKind::Import(ImportPath::File { path, .. }) => Some(plain(&folder.join(path))),
        ItemKind::Import(ImportPath::Module(names)) => {
            let names: Vec<&str> = names.iter().map(|n| n.text.as_str()).collect();
            Some(PathBuf::from(names.join(".")))
        }
        _ => None,
    };
    file.items
        .iter()
        .filter_map(path)
        .filter(|p| p != Path::new("std.core") && p != Path::new("std.explore"))
        .collect()
}

/// A path without `.` and `..`, so that a file has one.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => assert!(plain.pop(), "{} leads out", path.display()),
            part => plain.push(part),
        }
    }
    plain
}

fn read_import(path: &Path, read_file: &dyn Fn(&str) -> String) -> String {
    let name = path.to_str().expect("a path");
    match name.strip_prefix("std.") {
        Some(module) => std_module(module),
        None => read_file(name),
    }
}

/// The text of a module of the standard library.
fn std_module(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("stdlib");
    std::fs::read_to_string(folder.join(format!("{name}.igql"))).expect("a module of `std`")
}

fn as_def<'a>(item: &'a Item, wanted: &str) -> Option<Def<'a>> {
    match &item.kind {
        ItemKind::Def { name, params, result, body } if name.text == wanted => {
            Some(Def { params, result: result.as_ref(), body })
        }
        _ => None,
    }
}

fn as_query(item: &Item) -> Option<(&str, &[Param], &Expr)> {
    match &item.kind {
        ItemKind::Query { name, params, body } => Some((&name.text, params, body)),
        ItemKind::Expr(body) => Some(("main", &[], body)),
        _ => None,
    }
}

fn belongs(def: &RowDef, is_entity: &dyn Fn(&str) -> bool) -> bool {
    def.entity.as_ref().is_none_or(|e| is_entity(&e.text))
}

/// The entity name in `set[E]`, if the type is a set.
pub fn set_of(ty: &TypeExpr) -> Option<&str> {
    let TypeExprKind::Named { name, args } = &ty.kind else {
        return None;
    };
    if name.text != "set" {
        return None;
    }
    match args.first().map(|a| &a.kind) {
        Some(TypeExprKind::Named { name, .. }) => Some(&name.text),
        _ => None,
    }
}
