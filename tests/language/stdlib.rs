//! The standard library: every example in the `##` lines of its files runs on the catalog that the
//! file names, and `docs/stdlib.md` is what the files say (`STDLIB_WRITE=1` writes it).

use igql::diag::{Sink, render::draw};
use igql::engine::{Unit, has_errors};
use igql::source::SourceId;
use igql::store::Options;
use igql::syntax::ast::{File, Item, ItemKind};
use igql::syntax::{parse, print};
use igql::train::Train;
use igql::{Engine, Request};
use std::path::{Path, PathBuf};

/// In the order of the page.
const MODULES: [&str; 10] = [
    "core",
    "explore",
    "collaborative",
    "content",
    "trending",
    "cold_start",
    "feed",
    "eligibility",
    "hybrid",
    "diversity",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(module: &str) -> String {
    let path = root().join("stdlib").join(format!("{module}.igql"));
    std::fs::read_to_string(path).expect("a module of the standard library")
}

fn tree(text: &str) -> File {
    let mut sink = Sink::default();
    let file = parse(text, SourceId::default(), &mut sink);
    assert!(sink.found().is_empty(), "{:?}", sink.found());
    file
}

/// The lines of an item's example: those that are indented by four.
fn example(item: &Item) -> String {
    let lines = item.docs.iter().filter_map(|doc| doc.strip_prefix("    "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// What the comment at the head of a file says.
fn head(text: &str) -> String {
    let lines = text.lines().take_while(|l| l.starts_with("# "));
    lines.map(|l| format!("{}\n", &l[2..])).collect()
}

#[test]
fn every_file_is_a_module() {
    let mut files: Vec<String> = std::fs::read_dir(root().join("stdlib"))
        .expect("the folder")
        .flatten()
        .filter_map(|e| Some(e.file_name().to_str()?.strip_suffix(".igql")?.to_owned()))
        .collect();
    files.sort();
    let mut known = MODULES.map(str::to_owned);
    known.sort();
    assert_eq!(files, known);
}

#[test]
fn every_example_runs() {
    let cache = tempfile::tempdir().expect("a folder");
    let engines = ["explore", "movies"].map(|name| (name, open(name, cache.path())));
    let mut wrong = Vec::new();
    for module in MODULES {
        let text = text(module);
        let named =
            |name: &str| head(&text).replace('\n', " ").contains(&format!("catalog `{name}`"));
        let (_, engine) = engines
            .iter()
            .find(|(name, _)| named(name))
            .unwrap_or_else(|| panic!("{module} names no catalog"));
        for item in tree(&text).items {
            let example = example(&item);
            if example.is_empty() {
                wrong.push(format!("{module}: no example at {:?}", item.span));
                continue;
            }
            wrong.extend(run(engine, module, &example).err());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn open(catalog: &str, cache: &Path) -> Engine {
    let options = Options { cache: Some(cache.join(catalog)), ..Options::default() };
    let engine =
        Engine::open_with(root().join("examples").join(catalog), &options).expect("a catalog");
    // what the prelude declares is learnt
    engine.train(&Unit::new("none", "all(user)"), &Train::default()).unwrap();
    engine.reload().unwrap()
}

fn run(engine: &Engine, module: &str, example: &str) -> Result<(), String> {
    let program = format!("import std.{module}\n{example}");
    let compiled = engine.compile_unit(&Unit::new(module, &program));
    let drawn = || draw(&compiled.diagnostics, &compiled.sources, false);
    // the catalog of the example has not every edge that the vocabulary knows, and no vectors of media
    let lacking = ["E0401", "E0404"];
    let lacks = compiled.diagnostics.iter().any(|d| lacking.contains(&d.code.id));
    if module == "explore" && lacks {
        return Ok(());
    }
    let Some(program) = compiled.program.filter(|_| !has_errors(&compiled.diagnostics)) else {
        return Err(format!("{module}: {example}{}", drawn()));
    };
    let user = engine.snapshot().key(engine.schema().viewer, 4);
    let answer = engine
        .run(&program, &Request::user(user))
        .map_err(|e| format!("{module}: {example}{e}"))?;
    if answer.rows().is_empty() {
        return Err(format!("{module}: {example}gives no rows"));
    }
    Ok(())
}

#[test]
fn the_page_says_what_the_files_say() {
    let path = root().join("docs/stdlib.md");
    let page = page();
    if std::env::var_os("STDLIB_WRITE").is_some() {
        std::fs::write(&path, &page).expect("the page");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, page, "write it with STDLIB_WRITE=1");
}

fn page() -> String {
    let mut page = String::from(
        "# The standard library\n\n\
         `std.core` and `std.explore` are always there; the others come by `import std.NAME`. All of\n\
         it is written in the language, in the files of `stdlib/`. A capital letter in a type is any\n\
         entity: the definitions fit every catalog that has an edge for their parameters.\n",
    );
    for module in MODULES {
        let text = text(module);
        page.push_str(&format!("\n## std.{module}\n\n{}", head(&text)));
        for item in tree(&text).items {
            page.push_str(&section(&item));
        }
    }
    page
}

fn section(item: &Item) -> String {
    let docs = item.docs.iter().filter(|d| !d.starts_with("    "));
    let docs: String = docs.map(|d| format!("{d}\n")).collect();
    format!(
        "\n### `{}`\n\n{}\n\n```text\n{}\n{}```\n",
        igql::check::modules::named(item).expect("a name").1,
        docs.trim_end(),
        signature(item),
        example(item),
    )
}

/// A definition without its body.
fn signature(item: &Item) -> String {
    let bare = Item { docs: Vec::new(), ..item.clone() };
    let file = File { items: vec![bare], ..File::default() };
    let text = print(&file).trim_end().to_owned();
    let after = match item.kind {
        ItemKind::Def { .. } => text.find(") -> "),
        ItemKind::Policy(_) | ItemKind::Value(_) => text.find(" on "),
        _ => None,
    };
    match after.and_then(|after| Some(after + text[after..].find(" =")?)) {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
