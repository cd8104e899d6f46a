//! What two programs mean differently: pairs that differ in nothing but how they are written, and pairs of which each
//! difference is named.

use igql::diff::{Change, Diff};
use igql::store::{Options, Silent};
use igql::{Engine, Limits, Program, Request};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

pub(super) fn explore() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/explore")
}

pub(super) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<(Engine, tempfile::TempDir)> = OnceLock::new();
    let (engine, _) = ENGINE.get_or_init(|| {
        let cache = tempfile::tempdir().unwrap();
        let options = Options { cache: Some(cache.path().into()), ..Options::default() };
        (Engine::open_with(explore(), &options).unwrap(), cache)
    });
    engine
}

pub(super) fn compile(text: &str) -> Program {
    engine().compile(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn diff(old: &str, new: &str) -> Diff {
    engine().diff(&compile(old), &compile(new)).unwrap()
}

/// A line for each difference; bounds and tunables follow from others.
fn lines(diff: &Diff) -> Vec<String> {
    let operator =
        |sign: &str, op: &igql::diff::Operator| format!("{sign} {}({})", op.op, op.args.join(", "));
    let change = |change: &Change| {
        let list = change.list.as_ref().map_or(String::new(), |list| format!(" of {list}"));
        let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
        format!("{}{list}: {} -> {}", change.what, side(&change.old), side(&change.new))
    };
    let mut lines: Vec<String> = Vec::new();
    lines.extend(diff.removed.iter().map(|op| operator("-", op)));
    lines.extend(diff.added.iter().map(|op| operator("+", op)));
    lines.extend(diff.changed.iter().map(|changed| {
        let (old, new) = changed.arguments();
        let over = changed.inputs.as_ref();
        let over = over.map_or(String::new(), |(was, is)| {
            format!(" over {} -> {}", was.join(", "), is.join(", "))
        });
        format!("~ {}: {} -> {}{over}", changed.new.label, old.join(", "), new.join(", "))
    }));
    lines.extend(diff.request.iter().map(change));
    lines.extend(diff.output.iter().map(|one| format!("output {}", change(one))));
    lines.extend(diff.quantities.iter().map(|one| format!("quantity {}", change(one))));
    lines
}

/// The page and its pairs.
const PAIRS: &str = "tests/data/diff_pairs.md";

struct Pair {
    what: String,
    changes: Vec<(String, String)>,
    expected: Vec<String>,
}

/// What is before the pairs, the page, and the pairs.
fn pairs() -> (String, String, Vec<Pair>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAIRS);
    let text = fs::read_to_string(file).unwrap();
    let (head, rest) = text.split_once("\n# ").unwrap();
    let page = head.split("```\n").nth(1).unwrap().to_owned();
    let pair = |part: &str| {
        let mut lines = part.lines().filter(|line| !line.is_empty());
        let what = lines.next().unwrap().to_owned();
        let (mut changes, mut expected) = (Vec::new(), Vec::new());
        for line in lines {
            match line.strip_prefix("    ").map(|change| change.split_once(" => ").unwrap()) {
                Some((from, to)) => {
                    changes.push((from.replace("\\n", "\n"), to.replace("\\n", "\n")));
                }
                None => expected.push(line.to_owned()),
            }
        }
        Pair { what, changes, expected }
    };
    (head.to_owned(), page, rest.split("\n# ").map(pair).collect())
}

/// The page with some of its text replaced.
fn changed(page: &str, changes: &[(String, String)]) -> String {
    let mut text = page.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text
}

#[test]
fn pairs_of_programs_differ_as_they_say() {
    let (head, page, pairs) = pairs();
    assert!(pairs.len() >= 40, "{}", pairs.len());
    let (mut wrong, mut written) = (Vec::new(), head);
    for Pair { what, changes, expected } in pairs {
        let text = changed(&page, &changes);
        let found = lines(&diff(&page, &text));
        let back = diff(&text, &page);
        assert_eq!(found.is_empty(), back.is_empty(), "{what}: {found:#?} {:#?}", lines(&back));
        let change = |(from, to): &(String, String)| {
            format!("    {} => {}\n", from.replace('\n', "\\n"), to.replace('\n', "\\n"))
        };
        let changes: String = changes.iter().map(change).collect();
        let shown: String = found.iter().map(|line| format!("{line}\n")).collect();
        written += &format!("\n# {what}\n{changes}{shown}");
        if found != expected {
            wrong.push(format!("{what}: {found:#?}, expected {expected:#?}"));
        }
    }
    if std::env::var_os("DIFF_WRITE").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAIRS), written).unwrap();
        return;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn layout_and_comments_make_no_difference() {
    let (_, page, _) = pairs();
    let mut sink = igql::diag::Sink::default();
    let formatted = igql::syntax::format(&page, igql::source::SourceId::default(), &mut sink);
    for text in [formatted.unwrap(), page.replace('\n', "  # a comment\n")] {
        assert_ne!(text, page);
        let found = lines(&diff(&page, &text));
        assert!(found.is_empty(), "{found:#?}\n{text}");
    }
}

/// What `propensity` reads is made by the checker, names and all.
#[test]
fn names_within_probabilities_make_no_difference() {
    let page = |edge: &str| {
        format!(
            "edge {edge} = likes | saves\nuser.walk({edge}, limit=3, order=random).walk(~{edge})\
             .let(p=propensity).filter(propensity < 0.9)"
        )
    };
    let (old, new) = (page("touched"), page("reached"));
    assert_eq!(lines(&diff(&old, &new)), [] as [&str; 0]);
}

/// The programs below a folder, but for files of definitions.
fn programs(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // what is derived is in `.igql`
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            found.extend(programs(&path));
        } else if name.ends_with(".igql") && name != "prelude.igql" && name != "defaults.igql" {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every example beside every other: it differs from all but itself, and two that differ are told apart by name. Where
/// answers differ, so do the programs.
#[test]
fn examples_differ_from_all_but_themselves() {
    let texts: Vec<(PathBuf, Program)> = programs(&explore())
        .into_iter()
        .filter_map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let unit = igql::Unit { folder: path.parent(), ..igql::Unit::new("p", &text) };
            let program = engine().compile_unit(&unit).program?;
            Some((path, program))
        })
        .collect();
    assert!(texts.len() > 10, "{}", texts.len());
    for (path, old) in &texts {
        for (other, new) in &texts {
            let found = engine().diff(old, new).unwrap();
            assert_eq!(found.is_empty(), path == other, "{path:?} {other:?} {:#?}", lines(&found));
        }
    }
}

#[test]
fn answers_beside_each_other() {
    let (_, page, _) = pairs();
    let (old, new) = (compile(&page), compile(&page.replace("half_life=7d", "half_life=3d")));
    let found = engine().diff(&old, &new).unwrap();
    let users = engine().sampled_users(60);
    assert_eq!(users.len(), 60);
    assert_eq!(users, engine().sampled_users(60));
    let requests: Vec<Request> =
        users.into_iter().map(|user| Request::user(user).param("region", "DE")).collect();
    let compared = |new: &Program, found: &Diff| {
        let sides = ((&old, &requests[..]), (new, &requests[..]));
        engine().diff_answers(found, sides.0, sides.1, &Limits::default(), &Silent).unwrap()
    };
    let answers = compared(&new, &found);
    // the same by hand
    let run = |program| engine().run_batch(program, &requests).unwrap();
    let (before, after) = (run(&old), run(&new));
    let keys =
        |answer: &igql::Answer| answer.rows().map(|row| row.key().clone()).collect::<Vec<_>>();
    let other_rows = before.iter().zip(&after).filter(|(a, b)| keys(a) != keys(b)).count();
    assert_eq!((answers.requests, answers.other_rows), (60, other_rows));
    assert!(other_rows > 0 && answers.changed >= other_rows);
    let shared = |(a, b): (&igql::Answer, &igql::Answer)| {
        let (a, b) = (keys(a), keys(b));
        let (a, b) = (&a[..a.len().min(10)], &b[..b.len().min(10)]);
        let shared = a.iter().filter(|key| b.contains(key)).count();
        if a.len().max(b.len()) == 0 { 1.0 } else { shared as f64 / a.len().max(b.len()) as f64 }
    };
    let mean = before.iter().zip(&after).map(shared).sum::<f64>() / 60.0;
    assert!((answers.lists[0].overlap - mean).abs() < 1e-12);
    assert!(answers.most.len() == 3.min(other_rows));
    assert!(answers.most.windows(2).all(|m| m[0].rank_biased_overlap <= m[1].rank_biased_overlap));
    let most = &answers.most[0];
    assert!(!most.gone.is_empty() || !most.moved.is_empty());
    assert!(most.gone.iter().all(|gone| gone.why_not.is_some()));
    let same = compared(&old, &engine().diff(&old, &old).unwrap());
    assert_eq!((same.changed, same.lists[0].overlap), (0, 1.0));
    assert!((same.lists[0].rank_biased_overlap - 1.0).abs() < 1e-12 && same.most.is_empty());
}

/// A project with two programs in it.
fn project(old: &str, new: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "catalog.toml",
        "[catalog]\nviewer = \"user\"\n[entity.user]\ntable = \"users.csv\"\nkey = \"user_id\"\n[entity.post]\ntable = \"posts.csv\"\nkey = \"post_id\"\n\
         [edge.likes]\ntable = \"likes.csv\"\nfrom = { entity = \"user\", column = \"user_id\" }\nto = { entity = \"post\", column = \"post_id\" }\n",
    );
    write(
        "users.csv",
        &format!("user_id,country\n{}", (1..=9).map(|u| format!("{u},DE\n")).collect::<String>()),
    );
    write(
        "posts.csv",
        &format!(
            "post_id,n\n{}",
            (1..=30).map(|p| format!("{p},{}\n", p * 7 % 11)).collect::<String>()
        ),
    );
    let likes = (1..=9).flat_map(|u| (1..=5).map(move |p| format!("{u},{}\n", u * p % 30 + 1)));
    write("likes.csv", &format!("user_id,post_id\n{}", likes.collect::<String>()));
    write("old.igql", old);
    write("new.igql", new);
    folder
}

fn command(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
    let Output { status, stdout, stderr } =
        command.current_dir(folder).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn the_command() {
    let old = "param least: int = 2\nuser.walk(likes, limit=3).filter(n > least).take(5)\n";
    let new = "param low: int = 2\nuser.walk(likes, limit=4).filter(n > low).let(twice = 2 * n).take(5)\n";
    let folder = project(old, new);
    let run = |args: &[&str]| command(folder.path(), &[&["diff"], args].concat());
    let (code, text, said) = run(&["old.igql", "old.igql"]);
    assert_eq!((code, &*text), (Some(0), "the programs mean the same\n"), "{said}");

    let (code, text, said) = run(&["old.igql", "new.igql", "--param", "low=0"]);
    assert_eq!(code, Some(1), "{said}");
    for line in
        ["~ walk likes: limit=3 -> limit=4 at new.igql:2", "+ column: twice = 2 * n", "9 requests"]
    {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let (code, text, _) = run(&["old.igql", "new.igql", "--format", "json", "--sample", "4"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, Some(1));
    assert_eq!(json["changed"][0]["new"][0], "limit=4");
    assert_eq!(json["answers"]["requests"], 4);
    assert!(json["answers"]["changed"].as_u64().is_some());
    assert_eq!(json["equal"], false);
    let (_, text, _) = run(&["old.igql", "new.igql", "--format", "json", "--sample", "0"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(json["answers"].is_null() && json["added"][0]["op"] == "let", "{json}");
    let (code, _, said) = run(&["old.igql", "new.igql", "-o", "d.html"]);
    assert_eq!(code, Some(1), "{said}");
    let page = fs::read_to_string(folder.path().join("d.html")).unwrap();
    assert!(page.contains("limit=4") && !page.contains("://"), "{page}");
    // a user that the catalog does not know asks, too
    fs::write(folder.path().join("users.txt"), "3\n77\n").unwrap();
    let (code, text, said) = run(&["old.igql", "new.igql", "--users", "users.txt"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(text.contains("of 2 requests"), "{text}");
}

#[test]
fn what_cannot_be_compared_is_said() {
    let folder = project("user.walk(likes).take(5)\n", "user.walk(likes).take(5\n");
    fs::write(folder.path().join("needs.igql"), "param k: int\nuser.walk(likes).filter(n > k)\n")
        .unwrap();
    fs::write(
        folder.path().join("pages.igql"),
        "query a = user.walk(likes)\nquery b = all(post).take(3)\n",
    )
    .unwrap();
    fs::write(folder.path().join("all.igql"), "all(post).score(n).take(3)\n").unwrap();
    let run = |args: &[&str]| command(folder.path(), &[&["diff"], args].concat());
    for (args, code, expected) in [
        (&["old.igql", "none.igql"][..], 2, "none.igql: there is no such file"),
        (&["old.igql", "new.igql"], 1, "E0"),
        (&["-", "-"], 2, "standard input is either OLD or NEW"),
        (&["old.igql", "needs.igql"], 2, "--param k=VALUE"),
        (&["old.igql", "old.igql", "-o", "d.xls"], 2, "unknown extension"),
        (
            &["old.igql", "all.igql", "-o", "old.igql", "--format", "json"],
            2,
            "a program that the command reads",
        ),
        (&["old.igql", "all.igql", "--param", "x=3"], 2, "no parameter `x`"),
        (&["old.igql", "all.igql", "--query", "z"], 1, "there is no query `z`"),
        (
            &["pages.igql", "pages.igql", "--query", "a", "--query", "b", "--query", "c"],
            2,
            "`--query` is given once",
        ),
        (&["old.igql", "all.igql", "--users", "nobody.txt"], 2, "nobody.txt"),
        (&["old.igql", "all.igql", "--at", "soon"], 2, "--at soon"),
    ] {
        let (found, text, said) = run(args);
        assert_eq!(found, Some(code), "{args:?}: {text}{said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
    // nobody is needed to ask
    let (code, text, said) = run(&["all.igql", "all.igql"]);
    assert_eq!((code, &*text), (Some(0), "the programs mean the same\n"), "{said}");
    let (code, text, said) =
        run(&["pages.igql", "pages.igql", "--query", "a", "--query", "b", "--sample", "5"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(text.contains("~ query: a -> b"), "{text}");
    let (code, text, said) = run(&["old.igql", "needs.igql", "--param", "k=4"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(text.contains("+ param: k: int"), "{text}");
}
