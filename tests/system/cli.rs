//! The command line: flags with their ranges, users from files and standard input, files that are no
//! files, help, completions and manual pages.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

const CATALOG: &str = r#"
[catalog]
viewer = "user"
[entity.user]
table = "users.csv"
key = "user_id"
[entity.post]
table = "posts.csv"
key = "slug"
[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "slug" }
[defaults]
now = 2024-05-01T00:00:00Z
"#;

struct World(tempfile::TempDir);

impl World {
    fn new() -> World {
        let world = World(tempfile::tempdir().unwrap());
        world.file("catalog.toml", CATALOG);
        world.file("users.csv", "user_id\n-7\n1\n2\n3\n");
        world.file("posts.csv", "slug,n\na,1\nb,\n");
        world.file("likes.csv", "user_id,slug\n-7,b\n1,a\n1,b\n2,b\n");
        world.file("p.igql", "user.walk(likes).select(n)\n");
        let param = "param k: int = 9\nparam days: duration = 1d\nparam tags: list[string] = []\n\
                     all(post).take(1).let(k=k, days=days, tags=tags, t=now).select(k, days, tags, t)\n";
        world.file("param.igql", param);
        world
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
        command.current_dir(self.0.path()).args(args);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn fed(&self, args: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    /// What a command that goes well prints, and what it says.
    fn fine(&self, args: &[&str]) -> (String, String) {
        both(args, &self.run(args), 0)
    }

    fn fails(&self, args: &[&str], code: i32, say: &str) {
        let (out, errors) = both(args, &self.run(args), code);
        assert!(errors.contains(say), "{args:?}: {errors}");
        assert_eq!(out, "", "{args:?}");
    }
}

fn both(args: &[&str], out: &Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, errors, found) = (text(&out.stdout), text(&out.stderr), out.status.code());
    assert_eq!(found, Some(code), "{args:?}: {out}{errors}");
    (out, errors)
}

#[test]
fn numbers_out_of_range_are_wrong_usage() {
    let world = World::new();
    let run = |flag: &'static str, value: &'static str, say: &str| {
        world.fails(&["run", "p.igql", "--user", "1", flag, value], 2, say);
    };
    for value in ["0", "1025", "5000", "100000", "-1", "x", "99999999999999999999"] {
        run("--threads", value, "expected a whole number from 1 to 1024");
    }
    for value in ["-1", "31536000001", "18446744073709551615", "1.5", "soon"] {
        run("--max-millis", value, "expected a whole number from 0 to 31536000000");
    }
    for value in ["0", "-1", "1000000000001", "many"] {
        run("--max-rows", value, "expected a whole number from 1 to 1000000000000");
    }
    for value in ["0", "-1", "1e9", "5 potatoes", "99999999TiB"] {
        run("--max-memory", value, "expected a number of bytes as 1000000, 512MB or 2GiB");
    }
    for value in ["9223372036854775808", "1.0", "a"] {
        run("--seed", value, "expected a whole number from -9223372036854775808 to 92233");
    }
    for flag in ["--batch", "--repeat"] {
        for value in ["0", "-1", "1000001"] {
            let args = ["bench", "p.igql", "--users", "all", flag, value];
            world.fails(&args, 2, "expected a whole number from 1 to 1000000");
        }
    }
    for flag in ["--users", "--accounts", "--media", "--impressions"] {
        for value in ["0", "-1", "1000000001"] {
            world.fails(&["demo", "w", flag, value], 2, "a whole number from 1 to 1000000000");
        }
    }
    world.fails(&["demo", "w", "--seed", "-1"], 2, "a whole number from 0 to 18446744073709551615");
    for size in ["512MB", "2GiB", "1000000000"] {
        world.fine(&["run", "p.igql", "--user", "1", "--max-memory", size]);
    }
    world.fine(&["run", "p.igql", "--user", "1", "--seed", "-3", "--threads", "2"]);
}

#[test]
fn keys_may_be_negative_and_not_empty() {
    let world = World::new();
    let (out, errors) = world.fine(&["run", "p.igql", "--user", "-7", "--format", "csv"]);
    assert_eq!((&*out, &*errors), ("user,position,slug,score,n\n-7,1,b,1.0,\n", ""));
    world.fine(&["run", "param.igql", "--user", "1", "--param", "k=-3"]);
    world.fails(&["run", "p.igql", "--user", ""], 2, "--user : the key is empty");
    world.fails(&["run", "p.igql", "--user", "1.5"], 2, "keys of `user` are ints, found `1.5`");
    // the bits of null
    for key in ["-9223372036854775808", "9223372036854775808"] {
        world.fails(&["run", "p.igql", "--user", key], 2, "keys of `user` are ints");
    }
    // an option is no key
    world.fails(&["run", "p.igql", "--user", "--why"], 2, "a value is required");
    world.file("q.igql", "all(user)\n");
    let (out, _) = world.fine(&["run", "q.igql", "--why-not", "-3", "--format", "json"]);
    assert!(out.contains("-3"), "{out}");
    let (out, _) = world.fine(&["run", "p.igql", "--user", "2", "--user", "2", "--format", "csv"]);
    assert_eq!(out.lines().count(), 3);
}

#[test]
fn options_that_would_do_nothing_are_refused() {
    let world = World::new();
    for (args, say) in [
        (&["fmt", "p.igql", "--cache", "x"][..], "unexpected argument '--cache'"),
        (&["fmt", "p.igql", "--threads", "2"], "unexpected argument '--threads'"),
        (&["--cache", "x", "fmt", "p.igql"], "`--cache` has no effect on this command"),
        (&["--catalog", ".", "demo", "w"], "`--catalog` has no effect on this command"),
        (&["--stale", "build"], "`--stale` has no effect on this command"),
        (&["build", "--stale"], "unexpected argument '--stale'"),
        (&["init", ".", "--catalog", "."], "unexpected argument '--catalog'"),
        (&["explain", "p.igql", "--user", "1"], "`--user` has no effect without `--analyze`"),
        (&["explain", "p.igql", "--at", "2024-01-01"], "`--at` has no effect"),
        (&["explain", "p.igql", "--param", "k=1"], "`--param` has no effect"),
        (&["explain", "p.igql", "--stage", "ast", "--query", "main"], "`--query` has no effect"),
        (&["explain", "p.igql", "-o", "plan.doc"], "unknown extension"),
        (&["explain", "p.igql", "--stage", "ast", "--analyze"], "this stage runs nothing"),
        (&["explain", "p.igql", "--stage", "typed", "--format", "svg"], "diagrams show the plan"),
        (&["run", "p.igql", "--user", "1", "--keep-empty"], "`--keep-empty` has no effect"),
        (
            &["run", "param.igql", "--param", "k=1", "--param", "k=2"],
            "--param k: it is given twice",
        ),
        (&["run", "-", "--users", "-"], "standard input is either the program or the users"),
    ] {
        world.fails(args, 2, say);
    }
    for args in [
        &["--catalog", ".", "--threads", "1", "run", "p.igql", "--user", "1"][..],
        &["run", "p.igql", "--user", "1", "--catalog", ".", "--threads", "1", "--stale"],
        &["--threads", "2", "build"],
    ] {
        world.fine(args);
    }
}

#[test]
fn the_ending_says_the_format() {
    let world = World::new();
    let run = |more: &[&'static str]| [&["run", "p.igql", "--users", "all"][..], more].concat();
    let read = |name: &str| fs::read(world.0.path().join(name)).unwrap();
    let csv = "user,position,slug,score,n\n-7,1,b,1.0,\n1,1,a,1.0,1\n1,2,b,1.0,\n2,1,b,1.0,\n";
    for name in ["out.csv", "out.CSV"] {
        world.fine(&run(&["-o", name]));
        assert_eq!(String::from_utf8_lossy(&read(name)), csv);
    }
    world.fine(&run(&["-o", "out.tsv"]));
    assert_eq!(String::from_utf8_lossy(&read("out.tsv")), csv.replace(',', "\t"));
    world.fine(&run(&["-o", "out.csv.gz"]));
    let mut text = String::new();
    let packed = read("out.csv.gz");
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut text)
        .unwrap();
    assert_eq!(text, csv);
    world.fine(&run(&["-o", "out.ndjson.zst"]));
    let text = zstd::decode_all(&read("out.ndjson.zst")[..]).unwrap();
    assert_eq!(String::from_utf8(text).unwrap().lines().count(), 4);
    world.fine(&run(&["-o", "out.json.gz"]));
    assert!(read("out.json.gz").starts_with(b"\x1f\x8b"));
    // the option wins
    world.fine(&run(&["-o", "named.parquet", "--format", "csv"]));
    assert_eq!(String::from_utf8_lossy(&read("named.parquet")), csv);
    world.fine(&run(&["-o", "any", "--format", "csv"]));
    assert_eq!(String::from_utf8_lossy(&read("any")), csv);
    for name in ["recs", "recs.txt", "recs.xlsx", "recs.gz", "recs.csv.bz2", "recs.", ".csv"] {
        world.fails(&run(&["-o", name]), 2, "extensions are `.json`, `.ndjson`, `.csv`, `.tsv`");
        assert!(!world.0.path().join(name).exists(), "{name}");
    }
    world.fails(&run(&["-o", "recs.parquet.gz"]), 2, "is already compressed");
    for format in ["csv", "tsv", "parquet", "arrow"] {
        for why in [&["--why"][..], &["--why-not", "a"]] {
            let args = run(&[&["--format", format][..], why].concat());
            world.fails(&args, 2, "`--format json` and `--format table`");
        }
    }
}

#[test]
fn users_without_rows_are_counted_or_kept() {
    let world = World::new();
    let run = |more: &[&'static str]| [&["run", "p.igql", "--users", "all"][..], more].concat();
    for format in ["csv", "tsv", "parquet", "arrow"] {
        let (_, errors) = world.fine(&run(&["--format", format, "-o", "out"]));
        assert_eq!(errors, "1 of 4 users have no rows\n");
    }
    for format in ["json", "ndjson"] {
        assert_eq!(world.fine(&run(&["--format", format])).1, "");
    }
    let (out, _) = world.fine(&run(&["--format", "csv", "--keep-empty"]));
    assert!(out.ends_with("2,1,b,1.0,\n3,,,,\n"), "{out}");
    world.file("page.igql", "{ liked: user.walk(likes), none: all(post).filter(n > 5) }\n");
    let (out, errors) =
        world.fine(&["run", "page.igql", "--users", "all", "--format", "csv", "--keep-empty"]);
    assert!(out.contains("\n2,liked,1,b,1.0\n3,,,,\n"), "{out}");
    assert_eq!(errors, "1 of 4 users have no rows\n");
    let (_, errors) = world.fine(&["run", "p.igql", "--user", "3", "--format", "csv"]);
    assert_eq!(errors, "the answer has no rows\n");
}

#[test]
fn users_come_from_standard_input_too() {
    let world = World::new();
    let run = ["run", "p.igql", "--users", "-", "--format", "csv"];
    let users = |input: &[u8]| {
        let (out, _) = both(&run, &world.fed(&run, input), 0);
        let users = out.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned());
        users.collect::<Vec<_>>()
    };
    assert_eq!(users(b"2\n-7\n"), ["2", "-7"]);
    assert_eq!(users(b"user_id\n2\n"), ["2"]);
    assert_eq!(users(b"{\"user_id\": 2}\n"), ["2"]);
    assert!(users(b"").is_empty());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"user_id\n2\n").unwrap();
    assert_eq!(users(&packed.finish().unwrap()), ["2"]);
    let (_, errors) = both(&run, &world.fed(&run, b"1\nx\n"), 3);
    assert!(errors.contains("standard input, line 2: expected an int key a line"), "{errors}");
}

#[test]
fn odd_tables_of_users() {
    let world = World::new();
    let run = |name: &'static str| ["run", "p.igql", "--users", name, "--format", "csv"];
    for (name, text) in [("empty.txt", ""), ("head.csv", "user_id\n"), ("blank.txt", "\n\n")] {
        world.file(name, text);
        let (out, errors) = world.fine(&run(name));
        assert_eq!(out, "user,position,slug,score,n\n");
        assert!(errors.contains("there are no users"), "{errors}");
    }
    world.file("twice.csv", "user_id\n2\n2\n");
    assert_eq!(world.fine(&run("twice.csv")).0.lines().count(), 3);
    world.file("wrong.csv", "uid,age\n1,2\n");
    world.fails(&run("wrong.csv"), 3, "has no column `user_id`, the viewer's key");
    world.file("one.csv", "uid\n1\n");
    world.fails(&run("one.csv"), 3, "names the column `user_id`");
    world.file("null.txt", "-9223372036854775808\n");
    world.fails(&run("null.txt"), 3, "expected an int key");
    world.fails(&run("missing.txt"), 2, "--users missing.txt: No such file");
    world.fails(&run("."), 2, "--users .: this is a folder");
}

#[test]
fn columns_of_users_are_times_and_parameters() {
    let world = World::new();
    let run = |name: &'static str| ["run", "param.igql", "--users", name, "--format", "csv"];
    let table = "user_id,k,days,at,age\n1,5,2d,2024-01-01,31\n2,-3,12h,2024-02-01,45\n";
    world.file("full.csv", table);
    let (out, errors) = world.fine(&run("full.csv"));
    let rows: Vec<&str> = out.lines().skip(1).collect();
    assert!(rows[0].contains(",5,172800.0,[],2024-01-01T00:00:00Z"), "{out}");
    assert!(rows[1].contains(",-3,43200.0,[],2024-02-01T00:00:00Z"), "{out}");
    assert!(errors.contains("the column `age` is not a parameter"), "{errors}");
    let piped = ["run", "param.igql", "--users", "-", "--format", "csv"];
    let (again, _) = both(&piped, &world.fed(&piped, table.as_bytes()), 0);
    assert_eq!(again, out);
    let line = "{\"user_id\": 1, \"k\": 6, \"now\": \"2024-03-01T00:00:00Z\"}\n";
    world.file("full.jsonl", line);
    let (out, _) = world.fine(&run("full.jsonl"));
    assert!(out.contains(",6,") && out.contains("2024-03-01T00:00:00Z"), "{out}");
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_are_no_files() {
    let world = World::new();
    let made = Command::new("mkfifo").arg(world.0.path().join("pipe")).status();
    assert!(made.unwrap().success());
    let say = "this is a pipe or a device, not a file";
    world.fails(&["check", "pipe"], 2, say);
    world.fails(&["check", "/dev/zero"], 2, say);
    world.fails(&["run", "p.igql", "--users", "pipe"], 2, say);
    world.fails(&["run", "p.igql", "--users", "/dev/zero"], 2, say);
    world.file("i.igql", "import \"pipe\"\nall(user)\n");
    world.fails(&["check", "i.igql"], 1, say);
    let (_, errors) = both(&["repl"], &world.fed(&["repl"], b":load pipe\n"), 0);
    assert!(errors.contains(say), "{errors}");
}

#[test]
fn one_file_does_not_hold_up_the_others() {
    let world = World::new();
    world.file("wrong.igql", "user.walk(nothing)\n");
    world.file("ugly.igql", "user  .walk(likes)\n");
    fs::write(world.0.path().join("latin1.igql"), b"# caf\xe9\nuser\n").unwrap();
    let files = ["missing.igql", "latin1.igql", ".", "wrong.igql", "p.igql"];
    let check = [&["check"][..], &files].concat();
    let (_, errors) = both(&check, &world.run(&check), 2);
    for say in [
        "missing.igql: there is no such file",
        "latin1.igql: line 1 is not UTF-8",
        ".: this is a folder",
        "help: name the programs in it: `./*.igql`",
        "nothing",
        "p.igql: no problems",
    ] {
        assert!(errors.contains(say), "{say}: {errors}");
    }
    let json = [&check[..], &["--format", "json"]].concat();
    let (out, _) = both(&json, &world.run(&json), 2);
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(found.as_array().unwrap().len(), 1);
    let fmt = ["fmt", "missing.igql", "ugly.igql"];
    both(&fmt, &world.run(&fmt), 2);
    let text = fs::read_to_string(world.0.path().join("ugly.igql")).unwrap();
    assert_eq!(text, "user.walk(likes)\n");
    let test = ["test", "missing.igql", "p.igql"];
    let (_, errors) = both(&test, &world.run(&test), 2);
    assert!(errors.contains("p.igql: no tests"), "{errors}");
    let (_, errors) = both(&["check", "-"], &world.fed(&["check", "-"], b"user.walk(likes)\n"), 0);
    assert!(errors.contains("-: no problems"), "{errors}");
}

#[test]
fn explanations_go_to_files() {
    let world = World::new();
    for format in ["text", "json", "dot", "svg", "html"] {
        let (out, _) = world.fine(&["explain", "p.igql", "--format", format]);
        let (none, _) = world.fine(&["explain", "p.igql", "--format", format, "-o", "plan"]);
        let written = fs::read_to_string(world.0.path().join("plan")).unwrap();
        assert_eq!((none, written), (String::new(), out.clone()));
        let file = format!("plan.{}", if format == "text" { "md" } else { format });
        world.fine(&["explain", "p.igql", "-o", &file]);
        let written = fs::read_to_string(world.0.path().join(file)).unwrap();
        assert_eq!(written, out, "the ending says {format}");
    }
    for stage in ["plan", "ast"] {
        world.fails(&["explain", "p.igql", "--stage", stage, "-o", "p.igql"], 2, "p.igql: this is");
    }
}

#[test]
fn bench_names_its_operators() {
    let world = World::new();
    let args = ["bench", "p.igql", "--users", "all", "--repeat", "2", "--format", "json"];
    let report: serde_json::Value = serde_json::from_str(&world.fine(&args).0).unwrap();
    assert_eq!((&report["requests"], &report["batch"]), (&8.into(), &1.into()));
    let operators = report["operators"].as_array().unwrap();
    let names: Vec<&str> = operators.iter().map(|op| op["op"].as_str().unwrap()).collect();
    assert!(names.contains(&"walk likes"), "{names:?}");
    assert!(operators.iter().all(|op| op["us"].is_number() && op["rows"].is_number()));
    let (text, _) = world.fine(&["bench", "p.igql", "--users", "all"]);
    assert!(text.contains("walk likes"), "{text}");
}

#[test]
fn a_failing_test_names_the_rows() {
    let world = World::new();
    let text = "query main() = user.walk(likes)\n\
                test \"t\" (user=1) = {\n    assert none_of(main(), n == 1)\n    assert all_of(main(), n == 1)\n    \
                assert any_of(main(), n == 5)\n    assert count(main()) == 3\n}\n";
    world.file("t.igql", text);
    let (_, errors) = both(&["test"], &world.run(&["test", "t.igql"]), 1);
    for say in [
        "true for 1 of 2 rows: post `a`",
        "not true for 1 of 2 rows: post `b`",
        "true for 0 of 2 rows",
        "`count(main())` is 2",
    ] {
        assert!(errors.contains(say), "{say}: {errors}");
    }
}

#[test]
fn help_is_about_the_command() {
    let world = World::new();
    for command in ["run", "check", "fmt", "test", "build", "explain", "describe", "demo", "bench"]
    {
        let (help, _) = world.fine(&[command, "--help"]);
        assert!(help.contains("Examples:"), "{help}");
        let data = !["fmt", "demo"].contains(&command);
        assert_eq!(help.contains("--cache"), data, "{help}");
    }
    let (help, _) = world.fine(&["--help"]);
    assert!(help.contains("completions") && help.contains("Exit codes"), "{help}");
}

#[test]
fn shells_and_man_are_told_of_every_command() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (script, _) = world.fine(&["completions", shell]);
        assert!(script.contains("max-millis") && script.contains("explain"), "{shell}");
    }
    world.fails(&["completions", "tcsh"], 2, "possible values: bash");
    let (page, _) = world.fine(&["man"]);
    assert!(page.contains(".TH igql 1") && page.contains("explain"), "{page}");
    let (page, _) = world.fine(&["man", "run"]);
    assert!(page.contains("igql\\-run") && page.contains("\\-\\-max\\-memory"), "{page}");
    world.fails(&["man", "rum"], 2, "the commands are `run`");
}

const TRIED: &str = "experiment tried(layer=\"l\", buckets=0..4999) = {off: 0.5, on: 0.5}
experiment late(layer=\"l\", buckets=6000..9999, salt=\"v2\") = {control: 0.9, on: 0.1}
all(post).let(arm=tried, other=late).take(1)\n";

#[test]
fn arms_are_set_for_a_run() {
    let world = World::new();
    world.file("tried.igql", TRIED);
    for (user, flags) in [("1", &["--user", "1"][..]), ("null", &[])] {
        let args = [&["run", "tried.igql", "--arm", "tried=on"], flags].concat();
        let (stdout, _) = both(&args, &world.run(&args), 0);
        let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(json["user"].to_string(), user);
        assert_eq!(json["forced"], serde_json::json!({"tried": "on"}));
        assert_eq!(json["results"][0]["arm"], "on");
        assert_eq!(
            json["arms"].get("late"),
            json["results"][0]["other"].as_str().map(|_| &json["results"][0]["other"])
        );
    }
    let args = ["run", "tried.igql", "--arm", "tried=off", "--format", "table"];
    assert!(both(&args, &world.run(&args), 0).0.contains("arms: tried = off (forced)"));
    for (arm, message) in [
        ("tried", "--arm tried: expected NAME=ARM"),
        ("tried=up", "experiment `tried` has no arm `up`: it has off, on"),
        ("x=on", "the program has no experiment `x`: it has tried, late"),
    ] {
        for command in [
            &["run", "tried.igql"][..],
            &["bench", "tried.igql", "--users", "all"],
            &["explain", "tried.igql", "--analyze"],
        ] {
            let args = [command, &["--arm", arm]].concat();
            assert!(both(&args, &world.run(&args), 2).1.contains(message), "{args:?}");
        }
    }
    let twice = ["run", "tried.igql", "--arm", "tried=on", "--arm", "tried=off"];
    assert!(both(&twice, &world.run(&twice), 2).1.contains("it is given twice"));
    let unused = ["explain", "tried.igql", "--arm", "tried=on"];
    assert!(both(&unused, &world.run(&unused), 2).1.contains("no effect without `--analyze`"));
    let param = ["run", "tried.igql", "--param", "tried=on"];
    assert!(both(&param, &world.run(&param), 2).1.contains("no parameter `tried`"));
    let plan = ["explain", "tried.igql"];
    let (stdout, _) = both(&plan, &world.run(&plan), 0);
    assert!(stdout.contains("experiment tried in layer l, buckets 0..4999: off 0.5, on 0.5"));
}

#[test]
fn layers_are_listed() {
    let world = World::new();
    world.file("tried.igql", TRIED);
    world.file("lib.igql", "experiment shared(layer=\"m\") = {control: 0.5, on: 0.5}\n");
    for name in ["a.igql", "b.igql"] {
        world.file(name, "import \"lib.igql\"\nall(post).filter(shared == on)\n");
    }
    let files = ["tried.igql", "a.igql", "b.igql", "lib.igql"];
    let args = [&["check", "--experiments"], &files[..]].concat();
    let (stdout, _) = both(&args, &world.run(&args), 0);
    for (layer, name, buckets, users) in [
        ("l", "tried", "0..4999", "50.00 %"),
        ("l", "(free)", "5000..5999", "10.00 %"),
        ("l", "late (salt \"v2\")", "6000..9999", "40.00 %"),
        ("m", "shared", "0..9999", "100.00 %"),
    ] {
        let fits = |line: &&str| {
            let cells: Vec<&str> = line.split(['│', '┆']).map(str::trim).collect();
            cells.get(1..5) == Some(&[layer, name, buckets, users])
        };
        assert_eq!(stdout.lines().filter(fits).count(), 1, "{name}: {stdout}");
    }
    let args = [&args[..], &["--format", "json"]].concat();
    let (stdout, _) = both(&args, &world.run(&args), 0);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json[0]["layer"], "l");
    assert_eq!(json[0]["free"], serde_json::json!([[5000, 5999]]));
    assert_eq!(
        json[0]["experiments"][1],
        serde_json::json!({
            "name": "late", "buckets": [6000, 9999], "users": 0.4, "salt": "v2", "arms": {"control": 0.9, "on": 0.1}
        })
    );
    assert_eq!(json[1]["experiments"].as_array().unwrap().len(), 1, "one file, whoever imports it");
    let none = ["check", "--experiments", "p.igql"];
    assert_eq!(both(&none, &world.run(&none), 0).0, "no experiments\n");
}
