//! The programs of the documentation: every fenced block that names a catalog is checked and run.
//!
//! The fence says how: `igql explore` must compile and run for the catalog's first user,
//! `igql movies raises=E0205` must be reported with that code. A page of a lint shows after its
//! first program one that is without that lint. The catalog `shop` is made here. (`igql file=NAME`
//! is a step of a walkthrough: see `tests/programs/walkthrough.rs`.)

use igql::engine::{Compiled, Unit};
use igql::store::Options;
use igql::train::Train;
use igql::{Engine, Request};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

struct Block {
    place: String,
    catalog: String,
    raises: Option<String>,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(pages(&path));
        } else if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn blocks(page: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(page).unwrap();
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (i, line) in text.lines().enumerate() {
        if open && line.trim() == "```" {
            open = false;
        } else if open {
            let block = found.last_mut().unwrap();
            block.text.push_str(line);
            block.text.push('\n');
        } else if let Some(info) = line.strip_prefix("```igql ") {
            let mut words = info.split_whitespace();
            let catalog = words.next().unwrap().to_owned();
            if catalog.contains('=') {
                continue;
            }
            let raises = words.find_map(|w| w.strip_prefix("raises=")).map(str::to_owned);
            let place = format!("{}:{}", page.display(), i + 1);
            found.push(Block { place, catalog, raises, text: String::new() });
            open = true;
        }
    }
    found
}

fn open(catalog: &str, cache: &Path) -> Engine {
    let options = Options { cache: Some(cache.join(catalog)), ..Options::default() };
    let engine = Engine::open_with(root().join("examples").join(catalog), &options).unwrap();
    // what the prelude declares is learnt
    engine.train(&Unit::new("none", "all(user)"), &Train::default()).unwrap();
    engine.reload().unwrap()
}

/// A catalog for what the examples do not have: a large table, nulls, an edge without time, a
/// policy that is required, links of which all are left out.
fn shop(folder: &Path) -> Engine {
    std::fs::create_dir_all(folder).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("users.csv", "user_id\n1\n2\n");
    let item = |id: u32| match id % 7 {
        0 => format!("{id},,{},0.5\n", id % 3),
        _ => format!("{id},{}.5,{},0.75\n", id % 50, id % 3),
    };
    let items: String = (1..=100_001).map(item).collect();
    write("items.csv", &format!("item_id,price,stock,score\n{items}"));
    write("buys.csv", "user_id,item_id\n1,7\n1,8\n2,9\n");
    write("returns.csv", "user_id,item_id\nu1,7\nu2,8\n");
    write("prelude.igql", "policy in_stock on item = stock > 0\n");
    write("shelf.igql", "def shelf(rows: set[item]) -> set[item] = rows.take(5)\n");
    write(
        "catalog.toml",
        r#"
[catalog]
name = "shop"
viewer = "user"
[entity.user]
table = "users.csv"
key = "user_id"
[entity.item]
table = "items.csv"
key = "item_id"
[edge.buys]
table = "buys.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "item", column = "item_id" }
[edge.returns]
table = "returns.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "item", column = "item_id" }
on_error = "skip"
[defaults]
required_policies = ["in_stock"]
"#,
    );
    Engine::open(folder).unwrap()
}

fn run(engine: &Engine, block: &Block) -> Result<(), String> {
    let unit = Unit::new(&block.place, &block.text);
    let Compiled { program, diagnostics, sources, .. } = engine.compile_unit(&unit);
    let drawn = igql::diag::render::draw(&diagnostics, &sources, false);
    if let Some(code) = &block.raises {
        let raised = diagnostics.iter().any(|d| d.code.id == code);
        return if raised {
            Ok(())
        } else {
            Err(format!("{}: does not raise {code}\n{drawn}", block.place))
        };
    }
    let page = Path::new(block.place.split(':').next().unwrap_or_default());
    let code = page.file_stem().map(|stem| stem.to_string_lossy());
    let same = diagnostics.iter().any(|d| Some(d.code.id) == code.as_deref());
    if igql::engine::has_errors(&diagnostics) || same {
        return Err(format!("{}:\n{drawn}", block.place));
    }
    let Some(program) = program else {
        return Ok(());
    };
    let user = engine.snapshot().key(engine.schema().viewer, 0);
    match engine.run(&program, &Request::user(user)) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{}: {error}", block.place)),
    }
}

#[test]
fn every_program_of_the_documentation_does_what_its_fence_says() {
    let cache = tempfile::tempdir().unwrap();
    let mut engines = vec![("shop", shop(&cache.path().join("shop-data")))];
    engines.extend(["explore", "movies"].map(|name| (name, open(name, cache.path()))));
    let blocks: Vec<Block> =
        pages(&root().join("docs")).iter().flat_map(|page| blocks(page)).collect();
    assert!(blocks.len() > 10, "only {} programs found", blocks.len());
    let mut wrong = Vec::new();
    for block in &blocks {
        match engines.iter().find(|(name, _)| *name == block.catalog) {
            Some((_, engine)) => wrong.extend(run(engine, block).err()),
            None => wrong.push(format!("{}: there is no catalog `{}`", block.place, block.catalog)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_operator_has_a_page() {
    for operator in igql::ops::OPERATORS {
        assert!(operator.page.starts_with(&format!("# {}\n", operator.name)), "{}", operator.name);
        for param in operator.params {
            let named =
                operator.page.contains(&format!("`{}`", param.name)) || param.name == "expr";
            assert!(named, "the page of {} does not name `{}`", operator.name, param.name);
        }
    }
}

#[test]
fn every_code_has_a_page_whose_example_raises_it() {
    let folder = root().join("docs/errors");
    let named: BTreeSet<String> = pages(&folder)
        .iter()
        .map(|p| p.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let codes: BTreeSet<String> = igql::diag::code::ALL.iter().map(|c| c.id.to_owned()).collect();
    assert_eq!(named, codes);
    // only a run of tests raises the first; the others need versions that were trained
    let no_example = ["E0701", "E0502", "E0503", "E0507", "W1401"];
    for code in codes.into_iter().filter(|code| !no_example.contains(&code.as_str())) {
        let raised = blocks(&folder.join(format!("{code}.md")))
            .iter()
            .any(|b| b.raises.as_ref() == Some(&code));
        assert!(raised, "the page of {code} has no example");
    }
}

/// The page of the functions and their table name the same ones, as they are used.
#[test]
fn every_function_is_on_the_page_of_functions() {
    let page = std::fs::read_to_string(root().join("docs/functions.md")).unwrap();
    let described: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    let known: BTreeSet<&str> = igql::expr::functions::all()
        .filter(|f| f.usage.starts_with(&format!("{}(", f.name)))
        .map(|f| f.usage)
        .collect();
    assert_eq!(described, known);
    for (name, _) in igql::expr::ir::Stat::NAMES {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
}

/// The parts of a page that are no code.
fn prose(page: &Path) -> String {
    let text = std::fs::read_to_string(page).unwrap();
    text.split("```").step_by(2).collect()
}

/// What links call the headings of a page: in small letters, with `-` for spaces.
fn anchors(page: &Path) -> BTreeSet<String> {
    let letter = |c: char| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        _ => c.is_alphanumeric().then_some(c),
    };
    let text = prose(page);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|heading| heading.chars().filter_map(letter).collect())
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut all = vec![root().join("README.md")];
    all.extend(["docs", "examples"].iter().flat_map(|f| pages(&root().join(f))));
    let mut lost = Vec::new();
    for page in &all {
        let text = prose(page);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                _ => page.parent().unwrap().join(file),
            };
            if !target.exists() || !(anchor.is_empty() || anchors(&target).contains(anchor)) {
                lost.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

/// The code in CONTRIBUTING.md is that of the files which its fences name, but for `// ...`.
#[test]
fn code_that_is_shown_is_that_of_the_source() {
    let guide = std::fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let mut lines = guide.lines().map(str::trim).enumerate();
    let (mut shown, mut wrong) = (0, Vec::new());
    while let Some((number, line)) = lines.next() {
        let Some(file) = line.strip_prefix("```rust file=") else {
            continue;
        };
        let source = std::fs::read_to_string(root().join(file)).expect(file);
        let source: Vec<&str> = source.lines().map(str::trim).collect();
        let block: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        let mut from = 0;
        for piece in block.split(|line| *line == "// ...").filter(|p| !p.is_empty()) {
            let rest = source[from..].windows(piece.len());
            match rest.clone().position(|window| window == piece) {
                Some(at) => from += at + piece.len(),
                None => wrong.push(format!(
                    "CONTRIBUTING.md:{}: {file} has no longer\n{}",
                    number + 1,
                    piece.join("\n")
                )),
            }
        }
        shown += 1;
    }
    let wrong = wrong.join("\n\n");
    assert!(wrong.is_empty(), "update what the guide shows:\n{wrong}");
    assert!(shown >= 14, "{shown} examples");
}
