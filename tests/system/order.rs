//! The order of the modules: one imports only those of layers above its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// From the bottom up. A module imports neither its neighbours in a layer nor anything below.
const LAYERS: [&[&str]; 17] = [
    &["source", "types", "files", "visible", "deep", "cpu", "stream", "random"],
    &["diag", "batch", "catalog"],
    &["extend"],
    &["syntax", "ann", "learn", "store"],
    &["describe", "expr"],
    &["ops"],
    &["check", "exec"],
    &["plan", "optimize", "rounds", "why"],
    &["request", "library"],
    &["answer"],
    &["engine"],
    &["replay", "diff", "train"],
    &["tune"],
    &["wire"],
    &["cli"],
    &["lib"],
    &["main"],
];

/// The same within `expr`.
const EXPR: [&[&str]; 7] = [
    &["facts", "key", "random", "reads", "texts", "value"],
    &["functions"],
    &["ir"],
    &["known", "show", "links"],
    &["run"],
    &["gather", "read"],
    &["eval"],
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

fn layers(all: &[&[&'static str]]) -> BTreeMap<&'static str, usize> {
    let numbered = all.iter().enumerate();
    let layers = numbered.flat_map(|(layer, modules)| modules.iter().map(move |&m| (m, layer)));
    let found: BTreeMap<_, _> = layers.collect();
    let declared: usize = all.iter().map(|modules| modules.len()).sum();
    assert_eq!(found.len(), declared, "a module is declared twice");
    found
}

/// The names behind `crate::`, or another path, in code that is not a test.
fn imports(text: &str, path: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (start, _) in code.match_indices(path) {
        let rest = &code[start + path.len()..];
        assert!(!rest.starts_with('{'), "write `use {path}a::..;` and `use {path}b::..;`");
        let name = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_');
        found.push(name.collect());
    }
    found
}

/// Imports of the modules in a folder of `src` that are against their order; `path` leads to them.
fn against(folder: &str, path: &str, order: &[&[&'static str]]) -> Vec<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let layers = layers(order);
    let mut all = Vec::new();
    files(&src, &mut all);
    let mut wrong = Vec::new();
    for file in all {
        let inside = file.strip_prefix(&src).unwrap();
        let name = inside.iter().next().unwrap().to_str().unwrap();
        let name = name.trim_end_matches(".rs");
        let is_test = inside
            .iter()
            .any(|part| ["tests", "tests.rs", "testing.rs"].iter().any(|test| part == *test));
        // what declares the modules may name them all
        if is_test || name == "main" || name == "mod" {
            continue;
        }
        let layer = layers.get(name);
        let layer = *layer
            .unwrap_or_else(|| panic!("`{path}{name}` has no layer in tests/system/order.rs"));
        for import in imports(&std::fs::read_to_string(&file).unwrap(), path) {
            let above = layers.get(&*import).is_some_and(|&other| other < layer);
            if import != name && !above {
                wrong.push(format!("{}: {path}{import}", inside.display()));
            }
        }
    }
    wrong
}

#[test]
fn modules_import_in_one_direction() {
    let wrong = against("", "crate::", &LAYERS);
    assert!(wrong.is_empty(), "against the order:\n{}", wrong.join("\n"));
}

#[test]
fn expressions_import_in_one_direction() {
    let wrong = against("expr", "crate::expr::", &EXPR);
    assert!(wrong.is_empty(), "against the order:\n{}", wrong.join("\n"));
}

#[test]
fn an_import_against_the_order_is_seen() {
    let code = "use crate::ops::Op;\n// crate::cli\nfn f() { crate::cli::run() }\n#[cfg(test)]\nmod tests { use crate::main; }";
    assert_eq!(imports(code, "crate::"), ["ops", "cli"]);
}

/// Operators share what is in `kit`, and know nothing of each other.
#[test]
fn operators_import_from_no_other_operator() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ops");
    let mut all = Vec::new();
    files(&src, &mut all);
    let texts: Vec<(String, String)> = all
        .iter()
        .map(|file| {
            let inside = file.strip_prefix(&src).unwrap();
            let name = inside.iter().next().unwrap().to_str().unwrap();
            let text = std::fs::read_to_string(file).unwrap();
            (name.trim_end_matches(".rs").to_owned(), text)
        })
        .collect();
    let is_operator = |text: &str| text.contains("\nimpl Op for ");
    let operators: Vec<&str> =
        texts.iter().filter(|(_, text)| is_operator(text)).map(|(name, _)| &**name).collect();
    assert!(operators.contains(&"sample") && operators.len() > 15);
    for (name, text) in texts.iter().filter(|(_, text)| is_operator(text)) {
        let code = text.replace("crate::ops::", "super::");
        let code = code.replace("super::super::", "super::").replace("super::{", "");
        for import in imports(&code, "super::") {
            let other = operators.contains(&&*import) && import != *name;
            assert!(!other, "`{name}` imports from `{import}`");
        }
    }
}
