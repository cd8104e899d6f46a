//! Programs that double at each step, and programs that lead very deep: what is named is read once, so they
//! compile and run in milliseconds; what still grows is an error. Run as the command, in little memory.

use std::fmt::Write;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Steps of each program: twice as many parts at each.
const LEVELS: usize = 60;
/// Far above what any of them needs, far below what a tree of 2^60 parts would.
const MOST_TIME: Duration = Duration::from_secs(90);
/// For `ulimit -v`, in KiB.
const MOST_MEMORY: u64 = 4 << 20;

const CATALOG: &str = r#"
[catalog]
viewer = "user"
[entity.user]
table = "users.csv"
key = "user_id"
[entity.post]
table = "posts.csv"
key = "post_id"
[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
weight = "w"
"#;

struct World(tempfile::TempDir);

impl World {
    fn new() -> World {
        let world = World(tempfile::tempdir().unwrap());
        world.file("catalog.toml", CATALOG);
        world.file("users.csv", "user_id,x\n1,3\n2,5\n3,\n");
        world.file("posts.csv", "post_id,x\n1,2\n2,4\n3,\n");
        world.file("likes.csv", "user_id,post_id,w\n1,1,0.5\n1,2,2.0\n2,2,1.0\n");
        world
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    /// Runs the command in little memory; it has to end by itself, in time, and with an exit code.
    fn igql(&self, args: &str) -> (i32, String) {
        let began = Instant::now();
        let line = format!("ulimit -v {MOST_MEMORY}; exec timeout 100 \"$IGQL\" {args}");
        let output: Output = Command::new("sh")
            .args(["-c", &line])
            .env("IGQL", env!("CARGO_BIN_EXE_igql"))
            .env("RUST_BACKTRACE", "0")
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let took = began.elapsed();
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let code = output.status.code().unwrap_or(-1);
        assert!(
            took < MOST_TIME && (0..=4).contains(&code),
            "`{args}`: exit {code} after {took:?}\n{}",
            text.chars().take(2000).collect::<String>()
        );
        (code, text)
    }

    /// A program that compiles and runs, and can be explained in every way.
    fn fine(&self, name: &str, program: &str) -> String {
        let file = format!("{name}.igql");
        self.file(&file, program);
        let (code, text) = self.igql(&format!("check {file}"));
        assert_eq!(code, 0, "{name}: {}", cut(&text));
        let (code, rows) = self.igql(&format!("run {file} --user 1 --format csv"));
        assert_eq!(code, 0, "{name}: {}", cut(&rows));
        for args in [
            "explain",
            "explain --stage typed",
            "explain --stage dag",
            "explain --format json",
            "explain --format html",
            "explain --analyze --user 1",
            "run --why --user 1 --format json",
            "run --why-not 3 --user 1",
            "fmt --check",
        ] {
            let (verb, rest) = args.split_once(' ').unwrap_or((args, ""));
            let (code, text) = self.igql(&format!("{verb} {file} {rest}"));
            assert!(code <= 1 && (code == 0 || verb == "fmt"), "{name}: {args}: {}", cut(&text));
        }
        rows
    }

    /// A program that is too much: an error of that code, and nothing else.
    fn wrong(&self, name: &str, program: &str, code: &str) {
        let file = format!("{name}.igql");
        self.file(&file, program);
        let (exit, text) = self.igql(&format!("check {file} --format json"));
        assert_eq!(exit, 1, "{name}: {}", cut(&text));
        assert!(text.contains(&format!("\"{code}\"")), "{name}: {}", cut(&text));
        let errors = text.matches("\"code\": \"E").count();
        assert!(errors <= 2, "{name}: {errors} errors\n{}", cut(&text));
        self.igql(&format!("fmt {file}"));
    }
}

fn cut(text: &str) -> String {
    text.chars().take(1500).collect()
}

/// `first`, then each level from the one before, then `last` of the last.
fn chain(first: &str, level: impl Fn(usize) -> String, last: &str) -> String {
    let mut text = format!("{first}\n");
    for n in 1..=LEVELS {
        writeln!(text, "{}", level(n)).unwrap();
    }
    text + &last.replace("{n}", &LEVELS.to_string()) + "\n"
}

#[test]
fn values_that_use_each_other_twice() {
    let world = World::new();
    let rows = world.fine(
        "values",
        &chain(
            "value v0 on user = float(x) / 10.0",
            |n| format!("value v{n} on user = v{0} * (1.0 - v{0})", n - 1),
            "all(user).score(v{n})",
        ),
    );
    let logistic = |x: f64| (0..LEVELS).fold(x, |v, _| v * (1.0 - v));
    for (user, x) in [(2, 0.5), (1, 0.3)] {
        let expected = format!(",{user},{:?}", logistic(x));
        assert!(rows.contains(&expected), "{expected} in\n{rows}");
    }
    world.fine(
        "arguments",
        &chain(
            "value v0(a: float) on user = float(x) * a / 10.0",
            |n| format!("value v{n}(a: float) on user = v{0}(a) * (1.0 - v{0}(a))", n - 1),
            "all(user).score(v{n}(0.5))",
        ),
    );
    world.fine(
        "choices",
        &chain(
            "value v0 on user = float(x)",
            |n| format!("value v{n} on user = v{0} / 2.0 if v{0} > 1.0 else v{0} + 1.0", n - 1),
            "all(user).score(v{n}).take(2)",
        ),
    );
    world.fine(
        "joined",
        &chain(
            "value v0 on user = x > 1",
            |n| format!("value v{n} on user = v{0} and (v{0} or x > {n})", n - 1),
            "all(user).filter(v{n}).score(x)",
        ),
    );
}

#[test]
fn policies_definitions_and_bindings() {
    let world = World::new();
    world.fine(
        "policies",
        &chain(
            "policy p0(limit: int = 1) on user = x > limit",
            |n| format!("policy p{n}(limit: int = 1) on user = p{0}(limit) and p{0}(limit)", n - 1),
            "all(user).filter(p{n}=2).score(x)",
        ),
    );
    world.fine(
        "defs",
        &chain(
            "def f0(r: set[user]) -> set[user] = r.filter(x > 0)",
            |n| format!("def f{n}(r: set[user]) -> set[user] = r.f{0}() | r.f{0}()", n - 1),
            "all(user).f{n}()",
        ),
    );
    world.fine(
        "generic",
        &chain(
            "def f0(r: set[E], n: int) = r.take(n)",
            |n| {
                format!(
                    "def f{n}(r: set[E], n: int) = combine(r.filter(it in r).f{0}(n), r.f{0}(n))",
                    n - 1
                )
            },
            "all(user).f{n}(2)",
        ),
    );
    world.fine(
        "blocks",
        &chain(
            "def f0(r: set[user]) = r.filter(x > 0)",
            |n| {
                format!(
                    "def f{n}(r: set[user]) = {{\n    a = r.f{0}()\n    b = r.f{0}()\n    b | a\n}}",
                    n - 1
                )
            },
            "all(user).f{n}()",
        ),
    );
    world.fine(
        "scalars",
        &chain(
            "def f0(a: float) = a / 2.0",
            |n| format!("def f{n}(a: float) = f{0}(a) + f{0}(a)", n - 1),
            "all(user).score(f{n}(float(x)) / 1e30)",
        ),
    );
    world.fine(
        "bindings",
        &chain(
            "b0 = 1.5",
            |n| format!("b{n} = b{0} * b{0} / 2.0", n - 1),
            "all(user).score(b{n} * x)",
        ),
    );
    world.fine(
        "of_requests",
        &chain(
            "b0 = viewer.x / 100",
            |n| format!("b{n} = b{0} * (1.0 - b{0})", n - 1),
            "all(user).score(b{n} * x)",
        ),
    );
    let block: String =
        (1..=LEVELS).map(|n| format!("    b{n} = b{0} * (1.0 - b{0})\n", n - 1)).collect();
    world.fine(
        "locals",
        &format!("value v on user = {{\n    b0 = float(x) / 10.0\n{block}    b{LEVELS}\n}}\nall(user).score(v)\n"),
    );
    world.fine(
        "tunables",
        &chain(
            "tunable t0 in 0.0..1.0 = 0.5",
            |n| format!("tunable t{n} in 0.0..1.0 = t{0} * (1.0 - t{0})", n - 1),
            "all(user).score(t{n} * x)",
        ),
    );
}

#[test]
fn sets_edges_models_and_tests() {
    let world = World::new();
    world.fine(
        "sets",
        &chain(
            "s0 = all(user).filter(x > 0)",
            |n| format!("s{n} = all(user).filter(it in s{0} and score_of(s{0}) > 0) | (s{0} - (s{0} & s{0}))", n - 1),
            "s{n}",
        ),
    );
    world.fine(
        "conditions",
        &chain(
            "s0 = user",
            |n| {
                format!(
                    "s{n} = s{0} if count(s{0}) > 0 else fallback(s{0}, s{0}, at_least=1)",
                    n - 1
                )
            },
            "s{n}",
        ),
    );
    world.fine(
        "links",
        &chain(
            "value v0 on user = sum(likes(it), weight)",
            |n| {
                format!(
                    "value v{n} on user = sum(likes(it), weight * v{0}, where=v{0} < 100.0) / (1.0 + v{0})",
                    n - 1
                )
            },
            "all(user).score(v{n})",
        ),
    );
    world.fine(
        "weights",
        &chain(
            "edge e0 = likes weight weight * 0.5",
            |n| format!("edge e{n} = e{0} weight weight * (1.0 - weight)", n - 1),
            "user.walk(e{n})",
        ),
    );
    world.fine(
        "where",
        &chain(
            "edge e0 = likes where weight > 0.1",
            |n| format!("edge e{n} = e{0} where weight > 0.1 and exists(e{0}(from, to))", n - 1),
            "user.walk(likes)",
        ),
    );
    world.fine(
        "models",
        &chain(
            "value v0 on post = float(x) / 10.0",
            |n| format!("value v{n} on post = v{0} * (1.0 - v{0})", n - 1),
            "model m on post = linear([v{n}, x], weights=[1.0, 0.5], missing=0.0)\n\
             model f on post = formula(heads={a: v{n}, b: v{n} * v{n}})\n\
             user.walk(likes).rank(m).rank(f, value=a + b)",
        ),
    );
    world.fine(
        "page",
        &chain(
            "def f0(r: set[user]) = r.filter(x > 0)",
            |n| format!("def f{n}(r: set[user]) = r.f{0}() - r.f{0}().take(1)", n - 1),
            "{a: all(user).f{n}(), b: all(user).f{n}().take(1)}",
        ),
    );
    world.file(
        "t.igql",
        &chain(
            "def f0(r: set[user]) = r.filter(x > 0)",
            |n| format!("def f{n}(r: set[user]) = r.f{0}() | r.f{0}()", n - 1),
            "query main = all(user).f{n}()\n\
             test \"it ends\" (user=1) = {\n    r = main()\n    assert count(r) == 2 and count(main()) == 2\n}",
        ),
    );
    let (code, text) = world.igql("test t.igql");
    assert_eq!(code, 0, "{text}");
}

#[test]
fn what_truly_grows_is_an_error() {
    let world = World::new();
    let unite =
        chain("edge e0 = likes", |n| format!("edge e{n} = e{0} | e{0}", n - 1), "user.walk(e{n})");
    world.wrong("unite", &unite, "E0603");
    let differ = chain(
        "def f0(r: set[user], n: int) = r.filter(x > n)",
        |n| format!("def f{n}(r: set[user], n: int) = r.f{0}(2 * n) | r.f{0}(2 * n + 1)", n - 1),
        "all(user).f{n}(1)",
    );
    world.wrong("differ", &differ, "E0603");
    let values = chain(
        "value v0(a: float) on user = x * a",
        |n| format!("value v{n}(a: float) on user = v{0}(2.0 * a) - v{0}(2.0 * a + 1.0)", n - 1),
        "all(user).score(v{n}(1.0))",
    );
    world.wrong("values", &values, "E0603");
}

/// A name that leads on to the next, very often.
fn long(line: impl Fn(usize) -> String, first: &str, last: &str, n: usize) -> String {
    let mut text = format!("{first}\n");
    (1..=n).for_each(|i| writeln!(text, "{}", line(i)).unwrap());
    text + &last.replace("{n}", &n.to_string()) + "\n"
}

/// The i-th line of a program.
type Line = fn(usize) -> String;

#[test]
fn names_that_lead_on_and_on() {
    let world = World::new();
    let chains: [(&str, &str, Line, &str); 7] = [
        (
            "value",
            "value v0 on user = float(x)",
            |i| format!("value v{i} on user = v{} + 1.0", i - 1),
            "all(user).score(v{n})",
        ),
        ("binding", "b0 = 1.0", |i| format!("b{i} = b{}", i - 1), "all(user).score(b{n} * x)"),
        ("set", "s0 = user", |i| format!("s{i} = s{} | user", i - 1), "s{n}"),
        (
            "def",
            "def f0(r: set[user]) = r",
            |i| format!("def f{i}(r: set[user]) = r.f{}()", i - 1),
            "user.f{n}()",
        ),
        (
            "scalar",
            "def f0(a: float) = a",
            |i| format!("def f{i}(a: float) = f{}(a) + 1.0", i - 1),
            "all(user).score(f{n}(1.0) * x)",
        ),
        ("edge", "edge e0 = likes", |i| format!("edge e{i} = e{}", i - 1), "user.walk(e{n})"),
        (
            "model",
            "model m0 on post = formula(float(x))",
            |i| format!("model m{i} on post = m{}", i - 1),
            "user.walk(likes).rank(m{n})",
        ),
    ];
    for (name, first, line, last) in chains {
        world.file("short.igql", &long(line, first, last, 300));
        let (code, text) = world.igql("run short.igql --user 1");
        assert_eq!(code, 0, "{name}: {}", cut(&text));
        world.wrong(name, &long(line, first, last, 20_000), "E0603");
    }
}

#[test]
fn one_expression_that_is_very_deep() {
    let world = World::new();
    const N: usize = 100_000;
    let pairs = |open: &str, inner: &str, close: &str| open.repeat(N) + inner + &close.repeat(N);
    let score = |e: &str| format!("all(user).score({e})\n");
    let programs = [
        ("parens", score(&pairs("(", "x", ")"))),
        ("lists", score(&pairs("[", "x", "]"))),
        ("blocks", format!("a = {}\nall(user)\n", pairs("{ ", "1", " }"))),
        ("records", format!("{}\n", pairs("{a: ", "user", "}"))),
        ("calls", score(&pairs("abs(", "x", ")"))),
        ("not", format!("all(user).filter({} x > 1)\n", "not ".repeat(N))),
        ("minus", score(&format!("{}x", "- ".repeat(N)))),
        ("reverse", format!("user.walk({}likes)\n", "~ ".repeat(N))),
        ("sum", score(&format!("x{}", " + x".repeat(N)))),
        ("powers", score(&format!("x{}", " ** 2".repeat(N)))),
        ("and", format!("all(user).filter(x > 0{})\n", " and x > 1".repeat(N))),
        ("compare", format!("all(user).filter(0 < x{})\n", " <= x".repeat(N))),
        ("choice", score(&format!("{}0", "1 if x > 2 else ".repeat(N)))),
        ("methods", format!("user{}\n", ".take(1)".repeat(N))),
        ("fields", score(&format!("viewer{}", ".x".repeat(N)))),
        ("union", format!("user{}\n", " | user".repeat(N))),
        ("min", score(&format!("min(x{})", ", x".repeat(N)))),
        ("types", format!("param p: {} = []\nall(user)\n", pairs("list[", "int", "]"))),
        ("open", "(".repeat(N)),
        ("closed", ")".repeat(N)),
        ("braces", "{".repeat(N)),
    ];
    for (name, program) in programs {
        let file = format!("{name}.igql");
        world.file(&file, &program);
        let (code, text) = world.igql(&format!("check {file}"));
        assert_eq!(code, 1, "{name}: {}", cut(&text));
        world.igql(&format!("fmt {file}"));
        world.igql(&format!("explain {file} --stage ast"));
    }
    // what is long and not deep is no error
    let wide = [
        ("list", format!("all(user).filter(x in [1{}])\n", ", 1".repeat(N))),
        ("lines", "# nothing\n".repeat(N) + "user\n"),
        ("items", (0..20_000).map(|i| format!("b{i} = {i}\n")).collect::<String>() + "user\n"),
    ];
    for (name, program) in wide {
        world.file("wide.igql", &program);
        let (code, text) = world.igql("check wide.igql");
        assert_eq!(code, 0, "{name}: {}", cut(&text));
    }
}

/// What counts the edge before it in both directions doubles at each step; what runs for other viewers
/// within each other does not.
#[test]
fn conditions_over_edges_and_viewers_within_viewers() {
    let world = World::new();
    let both = |i: usize| {
        let before = format!("e{}", i - 1);
        format!("edge e{i} = {before} where count({before}(from)) > 1 and count(~{before}(to)) > 2")
    };
    world.wrong("both", &long(both, "edge e0 = likes", "user.walk(e{n})", 14), "E0603");
    let viewers = |i: usize| format!("b{i} = b{0}.walk(~likes).as_viewer(b{0})", i - 1);
    world.file("viewers.igql", &long(viewers, "b0 = user.walk(likes)", "b{n}", 60));
    for verb in ["check", "explain"] {
        let (code, text) = world.igql(&format!("{verb} viewers.igql"));
        assert_eq!(code, 0, "{verb}: {}", cut(&text));
    }
}

#[test]
fn imports_in_a_long_chain() {
    let world = World::new();
    let n = 3_000;
    for i in 0..n {
        let next = if i + 1 < n { format!("import \"m{}.igql\"\n", i + 1) } else { String::new() };
        world.file(&format!("m{i}.igql"), &format!("{next}b{i} = {i}\n"));
    }
    world.file("p.igql", "import \"m0.igql\"\nall(user).score(b0 * x)\n");
    let (code, text) = world.igql("check p.igql");
    assert!(code <= 1 && (code == 0 || text.contains("E0603")), "{}", cut(&text));
}
