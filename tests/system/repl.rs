//! A session through a pipe, and plans as pictures.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const CATALOG: &str = "[catalog]\nname = \"small\"\nviewer = \"user\"\n\n\
    [entity.user]\ntable = \"users.csv\"\nkey = \"user_id\"\n\n\
    [entity.media]\ntable = \"media.csv\"\nkey = \"media_id\"\n\n\
    [edge.likes]\ntable = \"likes.csv\"\nfrom = { entity = \"user\", column = \"user_id\" }\n\
    to = { entity = \"media\", column = \"media_id\" }\n";

fn world() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        ("catalog.toml", CATALOG),
        ("users.csv", "user_id\n1\n2\n"),
        ("media.csv", "media_id,quality\n7,0.5\n8,0.9\n9,0.1\n"),
        ("likes.csv", "user_id,media_id\n1,7\n1,8\n2,9\n"),
    ] {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn igql(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
    command.current_dir(folder).env_remove("COLUMNS");
    command
}

/// What a session writes: answers, and what is wrong.
fn session(input: &str) -> (String, String) {
    session_in(world().path(), input.as_bytes(), &[])
}

fn session_in(folder: &Path, input: &[u8], env: &[(&str, &str)]) -> (String, String) {
    let mut child = igql(folder)
        .arg("repl")
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input).expect("the input");
    drop(stdin);
    let out = child.wait_with_output().expect("an end");
    assert!(out.status.success());
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(out.stdout), text(out.stderr))
}

/// The keys of the rows of a table, the second column.
fn keys(out: &str) -> Vec<&str> {
    let rows = out.lines().filter(|line| line.starts_with("│ ") && !line.starts_with("│ #"));
    rows.filter_map(|line| line.split('┆').nth(1)).map(str::trim).collect()
}

#[test]
fn definitions_stay_and_sets_run() {
    let (out, errors) =
        session(":user 1\nbest = user.walk(likes)\n  .score(quality)\nbest.take(\n  1\n)\n:why\n");
    assert!(out.contains("│ 1 ┆        8 ┆ 0.9000 │"), "{out}{errors}");
    assert!(out.contains("user 1 -> likes: media 8"), "{out}");
    assert!(!out.contains("igql>") && !out.contains('\u{1b}'), "{out}");
}

/// An empty line or a command ends an input, so that the next one begins with the dot.
#[test]
fn a_dot_goes_on_from_the_last_set() {
    let (out, errors) =
        session(":user 1\nuser.walk(likes)\n:time off\n.score(quality)\n:time off\n.take(1)\n");
    assert!(out.contains("│ 1 ┆        8 ┆ 0.9000 │"), "{out}{errors}");
    assert_eq!(out.matches("media_id").count(), 3, "{out}");
    let (_, errors) = session(".take(1)\n");
    assert!(errors.contains("`.take(1)` has nothing to continue"), "{errors}");
}

#[test]
fn a_definition_can_be_entered_again() {
    let (out, errors) = session(
        ":user 1\nn = all(media).take(1)\nn = all(media).filter(quality > 0.8)\nn\n:reset\nn\n",
    );
    assert!(out.contains("        8 "), "{out}{errors}");
    assert!(errors.contains("`n`"), "{errors}");
}

#[test]
fn a_mistake_does_not_end_the_session() {
    let (out, errors) = session("user.nope()\n:nope\n:user x\n:user 2\nuser.walk(likes)\n");
    assert!(errors.contains("`nope`"), "{errors}");
    assert!(errors.contains("there is no command `:nope`"), "{errors}");
    assert!(errors.contains("keys of `user` are ints, found `x`"), "{errors}");
    assert!(out.contains("        9 "), "{out}");
}

#[test]
fn types_help_and_reasons_are_told() {
    let (out, errors) = session(
        ":type user.walk(likes)\n:type viewer.user_id\n:help decay\n:help take\n:user 1\nuser.walk(likes).filter(quality > 0.8)\n:why-not 7\n:quit\nuser\n",
    );
    assert!(out.contains("set[media], at most"), "{out}{errors}");
    assert!(out.contains("id[user]\n"), "{out}");
    assert!(out.contains("decay(t"), "{out}");
    assert!(out.contains("take(n: int"), "{out}");
    assert!(out.contains("quality > 0.8: it is 0.5"), "{out}");
    assert!(out.trim_end().ends_with("it is 0.5"), "{out}");
}

/// Blank lines, comments, blocks, definitions behind their use: as in a file.
#[test]
fn a_pasted_program_runs_whole() {
    let program = "# what user 1 likes, but for the best\n\ntop = best(n=1)\n\n## the best of them\n\
        def best(n: int) -> set[media] = {\n\n    mine = user.walk(likes)\n\n    # by quality\n    \
        mine.score(quality)\n\n        .take(n)\n}\n\nuser\n  .walk(likes)\n\n  # those of all\n  \
        - top\n";
    for newline in ["\n", "\r\n"] {
        let text = format!(":user 1\n{program}").replace('\n', newline);
        let (out, errors) = session(&text);
        assert_eq!(errors, "");
        assert_eq!(out.matches("score").count(), 1, "{out}");
        assert_eq!(keys(&out), ["7"], "{out}");
    }
    let (out, errors) = session(&format!(":user 1\n{program}\n:help best\ntop\n.score(1)"));
    assert_eq!(errors, "");
    assert!(out.contains("## the best of them\ndef best"), "{out}");
    assert_eq!(keys(&out), ["7", "8"], "{out}");
}

/// What a query, several queries and tests of a file become.
#[test]
fn a_whole_file_is_loaded() {
    let folder = world();
    let file = "import std.hybrid\nquery a = all(media).take(1)\nquery b = all(media).take(2)\n\
        test \"two\" = {\n    assert count(b()) == 2\n}\n";
    std::fs::write(folder.path().join("f.igql"), file).expect("a file");
    let (out, errors) = session_in(folder.path(), b":load f.igql\nb()\n", &[]);
    assert_eq!(keys(&out), ["7", "8"], "{errors}");
    assert!(errors.contains("note: queries `a`, `b`; `a()` runs one"), "{errors}");
    assert!(errors.contains("1 test was not run"), "{errors}");
}

#[test]
fn a_line_goes_on_from_what_stands_before_it() {
    let go_on = |text: &str| session(&format!(":user 1\n{text}"));
    // a binding goes on, though another set was run before
    let (out, errors) = go_on(
        "all(media)\nx = user.walk(likes)\n:time off\n.score(quality)\n:time off\n.take(1)\nx\n",
    );
    assert_eq!(errors, "");
    assert_eq!(keys(&out), ["7", "8", "9", "8"], "{out}");
    let (out, errors) = go_on("user.walk(likes)\n:time off\n| all(media)\n");
    assert_eq!(errors, "");
    assert_eq!(keys(&out), ["7", "8", "7", "8", "9"], "{out}");
    // what has errors is not what was meant
    let (out, errors) = go_on("all(media)\nx = user.walk(lieks)\n:time off\n.take(1)\n");
    assert_eq!(keys(&out), ["7", "8", "9"], "{out}");
    assert!(
        errors.contains("`.take(1)` would continue the previous input, which has errors"),
        "{errors}"
    );
    // a slip in the line that goes on takes nothing away
    let (out, errors) = go_on("all(media)\n:time off\n.tkae(1)\n:time off\n.take(1)\n");
    assert_eq!(keys(&out), ["7", "8", "9", "7"], "{errors}");
    // a dot is for the last operand
    let set = "all(media) | user.walk(likes)\n:time off\n.take(1)\n";
    for text in [set.to_owned(), format!("x = {set}")] {
        let (_, errors) = go_on(&text);
        let help = "brackets around the whole set: `(all(media) | user.walk(likes)).take(1)`";
        assert!(errors.contains("apply to `user.walk(likes)` only"), "{errors}");
        assert!(errors.contains(help), "{errors}");
    }
}

#[test]
fn what_is_defined_anew_is_defined_anew_in_silence() {
    let (out, errors) = session(
        ":user 1\nn = all(media).take(1)\nb = n\nb\nn = all(media).filter(quality > 0.8)\nb\n\
         def f(rows: set[media]) -> set[media] = rows.take(1)\n\
         def f(rows: set[user]) -> set[user] = rows\nall(media).f()\nuser.f()\n:names\n",
    );
    assert_eq!(errors, "");
    assert_eq!(keys(&out), ["7", "8", "7", "1"], "{out}");
    assert_eq!(out.matches("def f").count(), 2, "{out}");
    assert_eq!(out.matches("n = ").count(), 1, "{out}");
}

/// An explanation is of the answer that was shown, whatever was defined since.
#[test]
fn explanations_are_of_the_last_answer() {
    let (out, errors) =
        session(":user 1\nx = user.walk(likes)\nx\nx = all(media)\n:user 2\n:why 1\n:why-not 9\n");
    assert_eq!(errors, "");
    assert!(out.contains("1. user 1 -> likes: media 7"), "{out}");
    assert!(out.contains("media 9 was never reached"), "{out}");
}

fn wide_world() -> tempfile::TempDir {
    let folder = world();
    let names: Vec<String> = (0..14).map(|i| format!("feature_{i}")).collect();
    let mut table = format!("media_id,title,quality,{}\n", names.join(","));
    for i in 0..120 {
        let title = "東京タワーの夜景 🗼 and more words";
        let values = vec![format!("{i}.125"); names.len()];
        table.push_str(&format!("{i},{title} {i},0.5,{}\n", values.join(",")));
    }
    std::fs::write(folder.path().join("media.csv"), table).expect("a file");
    let likes = "user_id,media_id\n1,7\n";
    std::fs::write(folder.path().join("likes.csv"), likes).expect("a file");
    folder
}

#[test]
fn long_answers_are_cut_with_a_count() {
    let folder = wide_world();
    let input = b"all(media)\n:rows 2\nall(media)\n:why\n:rows all\nall(media)\n";
    let (out, errors) = session_in(folder.path(), input, &[]);
    assert_eq!(errors, "");
    assert!(out.contains("… 80 more rows; `:rows N` or `:rows all`\n"), "{out}");
    assert_eq!(out.matches("… 118 more rows; ").count(), 2, "{out}");
    assert_eq!(keys(&out).len(), 40 + 2 + 120);
    // a run is not cut
    let run = igql(folder.path())
        .args(["run", "-", "--format", "table"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut run = run.expect("the command");
    run.stdin.take().expect("a pipe").write_all(b"all(media)").expect("a program");
    let out = run.wait_with_output().expect("an end");
    assert_eq!(keys(&String::from_utf8_lossy(&out.stdout)).len(), 120);
}

#[test]
fn wide_tables_fit_the_terminal() {
    let folder = wide_world();
    let lets: Vec<String> = (0..14).map(|i| format!("f{i}=feature_{i}")).collect();
    let program = format!("all(media).let(name=title, {}).take(3)\n", lets.join(", "));
    for width in [60, 80, 200] {
        let columns = width.to_string();
        let (out, errors) = session_in(folder.path(), program.as_bytes(), &[("COLUMNS", &columns)]);
        assert_eq!(errors, "");
        for line in out.lines() {
            // those of East Asia and emoji take two
            let wide = line.chars().filter(|&c| c >= '\u{3000}').count();
            assert!(line.chars().count() + wide <= width, "{width}: {line}");
        }
        assert_eq!(out.contains("columns hidden: "), width < 200, "{out}");
        assert!(out.contains("f13"), "{out}");
    }
    let (out, _) = session_in(folder.path(), program.as_bytes(), &[]);
    assert!(!out.contains("hidden") && out.contains("and more words 2"), "{out}");
}

#[test]
fn commands_say_what_is_wrong_with_their_arguments() {
    let told = [
        (":user", "nobody asks"),
        (":user 77", "the catalog has no user `77`"),
        (":user -", "nobody asks"),
        (
            ":at yesterday",
            "expected a time as 2024-05-01 or 2024-05-01T12:30:00Z, found `yesterday`",
        ),
        (":at @2024-05-01", "now is 2024-05-01T00:00:00Z"),
        (":at -", "now is the catalog's"),
        (":time maybe", "expected `on` or `off`, found `maybe`"),
        (":rows 0", "expected a number above 0, or `all`; found `0`"),
        (":rows", "the first 40 rows of a list are shown"),
        (":why", "nothing has been run yet"),
        (":why-not 7", "nothing has been run yet"),
        (":plan", "nothing has been run yet"),
        (":type", "of what? `:type EXPR`"),
        (":load", "which file? `:load FILE`"),
        (":load nowhere.igql", "nowhere.igql: No such file"),
        (":names", "no definitions"),
        (":reset", "0 definitions forgotten"),
        (":hlep", "did you mean `:help`?"),
        (":xyzzy", "`:help` lists them"),
        (":help tkae", "did you mean `take`?"),
        (":help media", "`:describe media`"),
        (":catalog", "media"),
        (":describe", "likes"),
        (":describe media", "quality"),
        (":describe mdia", "did you mean `media`?"),
    ];
    for (command, wanted) in told {
        let (out, errors) = session(&format!("{command}\n"));
        assert!(out.contains(wanted) || errors.contains(wanted), "{command}: {out}{errors}");
    }
    let after = [
        (":why 9", "the last answer has 3 rows, counted from 1"),
        (":why 0", "the last answer has 3 rows, counted from 1"),
        (":why x", "expected a position, found `x`"),
        (":why-not", "which entity? `:why-not ID`"),
        (":why-not x", "`media_id` is a number"),
        (":why-not \"123\"", "media 123 is unknown"),
        (":type", "set[media], at most 3 rows"),
    ];
    for (command, wanted) in after {
        let (out, errors) = session(&format!("all(media)\n{command}\n"));
        assert!(out.contains(wanted) || errors.contains(wanted), "{command}: {out}{errors}");
    }
}

#[test]
fn pages_are_read_as_text() {
    let (out, errors) = session(":help take\n:help W0501\n:help W05\n:help :why\n:help decay\n");
    assert_eq!(errors, "");
    assert!(out.contains("    all(media).score(quality).take(2, per=kind)\n"), "{out}");
    assert!(out.contains("W0501: name hides a column"), "{out}");
    assert!(out.contains("W0502  definition hides another"), "{out}");
    assert!(!out.contains("```") && !out.contains("|--") && !out.contains("# "), "{out}");
}

#[test]
fn a_session_ends_with_the_words_of_other_prompts() {
    for word in ["exit", "quit", ":exit", ":quit", ":q"] {
        let (out, errors) = session(&format!("{word}\nall(media)\n"));
        assert_eq!((out, errors), Default::default(), "{word}");
    }
}

#[test]
fn bytes_that_are_no_text_do_not_end_a_session() {
    let (out, errors) = session_in(world().path(), b"all(\xff)\n:time off\nall(media)\n", &[]);
    assert!(errors.contains("E0101"), "{errors}");
    assert_eq!(keys(&out), ["7", "8", "9"], "{out}");
    // nor does a bracket that stays open take in what follows
    let (out, errors) = session("all(media\n:user 1\nuser.walk(likes)\n");
    assert!(errors.contains("E0104"), "{errors}");
    assert_eq!(keys(&out), ["7", "8"], "{out}");
}

/// The files of a session change while it is open.
#[test]
fn changed_data_are_noted_and_read_anew() {
    let folder = world();
    let mut child = igql(folder.path())
        .arg("repl")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the command");
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut ask = |input: &str| {
        stdin.write_all(input.as_bytes()).expect("the input");
        stdin.write_all(b":rows\n").expect("the input");
        let answer = lines.by_ref().map_while(Result::ok);
        let answer: Vec<String> = answer.take_while(|l| !l.contains("rows of a list")).collect();
        answer.join("\n")
    };
    assert_eq!(keys(&ask("all(media)\n")).len(), 3);
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("media.csv", "media_id,quality\n7,0.5\n8,0.9\n9,0.1\n10,0.2\n");
    assert_eq!(keys(&ask("all(media)\n")).len(), 3);
    assert!(ask(":reload\n").contains("snapshot "));
    assert_eq!(keys(&ask("all(media)\n")).len(), 4);
    // a catalog that cannot be read leaves the session where it was
    write("catalog.toml", "[catalog\n");
    assert!(!ask(":reload\n").contains("snapshot "));
    assert_eq!(keys(&ask("all(media)\n")).len(), 4);
    drop(stdin);
    assert!(child.wait().expect("an end").success());
}

/// Data and programs do not reach a terminal as more than text.
#[test]
fn control_characters_are_shown_as_escapes() {
    let folder = tempfile::tempdir().expect("a folder");
    let catalog = "[catalog]\nname = \"x\"\nviewer = \"user\"\n\n[entity.user]\ntable = \"u.jsonl\"\nkey = \"user_id\"\n";
    let evil = "a\u{1b}[2J\u{1b}]0;pwn\u{7}\u{202e}\u{200b}";
    let row = format!(
        "{{\"user_id\": {}, \"bio\": \"two\\nlines\\tand \\u009b31m\"}}\n",
        serde_json::Value::from(evil)
    );
    let program = format!("all(user).let(b=bio, c=\"x{evil}\")");
    for (name, text) in [("catalog.toml", catalog), ("u.jsonl", &row), ("p.igql", &program)] {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    let shown = |out: &[u8]| {
        let text = String::from_utf8_lossy(out).into_owned();
        let bad = text.chars().find(|&c| {
            c.is_control() && c != '\n' || ('\u{200b}'..='\u{200f}').contains(&c) || c == '\u{202e}'
        });
        assert_eq!(bad, None, "{text:?}");
        text
    };
    let run = |args: &[&str]| igql(folder.path()).args(args).output().expect("the command").stdout;
    let table = shown(&run(&["run", "p.igql", "--format", "table", "--why", "--why-not", evil]));
    assert!(table.contains("a\\u{1b}[2J\\u{1b}]0;pwn\\u{7}\\u{202e}\\u{200b}"), "{table}");
    assert!(table.contains("two\\nlines\\tand \\u{9b}31m"), "{table}");
    for format in ["text", "svg", "dot"] {
        shown(&run(&["explain", "p.igql", "--format", format]));
    }
    let input = format!(":user {evil}\n{program}\n:why\n:plan\n:names\n:why-not {evil}\n");
    let (out, errors) = session_in(folder.path(), input.as_bytes(), &[]);
    shown(out.as_bytes());
    // data for machines stay what they are
    let json: serde_json::Value =
        serde_json::from_slice(&run(&["run", "p.igql", "--format", "json"])).expect("JSON");
    assert_eq!(json["results"][0]["user_id"], evil, "{errors}");
}

/// An operator of a library is tied to the call in the program, and to the definition's text.
#[test]
fn a_page_ties_library_calls_to_the_program() {
    let folder = world();
    let prelude =
        "def mine(rows: set[user], n: int = 3) -> set[media] =\n    rows.walk(likes, limit=n)\n";
    let program = "a = user.mine(n=1)\nb = user.mine(n=2)\n(a | b).take(2)\n";
    for (name, text) in [("prelude.igql", prelude), ("p.igql", program)] {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    let args = ["explain", "p.igql", "--analyze", "--user", "1", "--format"];
    let explain = |format: &str| {
        let out = igql(folder.path()).args(args).arg(format).output().expect("the command");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("text")
    };
    let page = explain("html");
    let plan: serde_json::Value = serde_json::from_str(&explain("json")).expect("JSON");
    let nodes = plan["nodes"].as_array().expect("nodes").iter();
    let walks: Vec<String> =
        nodes.filter(|n| n["op"] == "walk").map(|n| n["node"].to_string()).collect();
    assert_eq!(walks.len(), 2);
    let (program, library) = page.split_once("From libraries").expect("the library");
    for walk in &walks {
        assert!(program.contains(&format!("data-op=\"{walk}\">mine")), "{page}");
    }
    let both = format!("data-op=\"{}\"", walks.join(" "));
    assert!(library.contains(&both), "{page}");
    assert!(library.contains("prelude.igql:1</h3>"), "{page}");
    // the two walks differ in their limits
    let svg = explain("svg");
    for limit in ["limit=1, ", "limit=2, "] {
        assert!(svg.contains(&format!("class=\"details\" x=\"14\" y=\"41\">{limit}")), "{svg}");
    }
}

#[test]
fn plans_are_pictures_with_measured_rows() {
    let folder = world();
    let program = folder.path().join("p.igql");
    let text = "a = user.walk(likes)\n(a | all(media)).take(2).let(x=quality).score(x)\n";
    std::fs::write(&program, text).expect("a program");
    let explain = |format: &str| {
        let out = Command::new(env!("CARGO_BIN_EXE_igql"))
            .arg("explain")
            .arg(&program)
            .args(["--analyze", "--user", "1", "--format", format])
            .output()
            .expect("the command");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("text")
    };
    let text = explain("text");
    assert!(text.contains("measured: 2 rows in "), "{text}");
    assert!(text.contains("score(x)"), "{text}");
    let plan: serde_json::Value = serde_json::from_str(&explain("json")).expect("JSON");
    let nodes = plan["nodes"].as_array().expect("nodes");
    assert!(nodes.iter().any(|n| n["op"] == "walk" && n["rows"] == 2 && n["us"].is_u64()));
    assert_eq!(explain("dot").matches(" -> ").count(), 6);
    assert_eq!(explain("svg").matches("<g class=\"op").count(), 7);
    let page = explain("html");
    assert!(page.contains("<span class=\"at\" data-op="), "{page}");
    // the one address is the name of SVG
    assert_eq!(page.matches("https:").count(), 0);
    assert_eq!(page.matches("http:").count(), page.matches("http://www.w3.org/2000/svg").count());
}

#[test]
fn aggregates_have_help_and_pages_are_wrapped() {
    for name in ["count", "sum", "mean", "min", "max", "exists", "any_of", "all_of", "none_of"] {
        let (out, errors) = session(&format!(":help {name}\n"));
        assert!(out.contains(&format!("{name}(links or set")), "{out}{errors}");
    }
    let folder = world();
    let (out, _) = session_in(folder.path(), b":help\n", &[("COLUMNS", "60")]);
    assert!(out.contains("Aggregates of links and sets: count"), "{out}");
    let commands = out.lines().skip_while(|l| *l != "Commands:");
    assert!(commands.clone().count() > 10, "{out}");
    for line in commands {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

/// Everything that is said fits the terminal: what is wrong, notes, help and the catalog.
#[test]
fn what_is_said_fits_the_terminal() {
    let folder = world();
    let program = b"all(media).filter(qualty > 0.5, age(kind) < 7d)\n:catalog\n:at nowhere\n:user nobody-at-all-who-is-known-here\n:help W0201\n:describe media\n";
    let (out, errors) = session_in(folder.path(), program, &[("COLUMNS", "60")]);
    for line in out.lines().chain(errors.lines()) {
        // programs are shown as they are
        let drawn = line.contains('│') && !line.contains("Help: ");
        let is_program = drawn || line.trim_start().starts_with("user");
        assert!(line.chars().count() <= 60 || is_program, "{line}\n{out}{errors}");
    }
    assert!(errors.contains("Help: "), "{errors}");
}

#[test]
fn arms_are_set_until_they_are_taken_back() {
    let (out, errors) = session(
        "experiment tried(layer=\"l\") = {off: 0.5, on: 0.5}\n:user 1\n:arm tried=on\n\
         all(media).filter(tried == on or quality > 0.7)\n:arm tried=up\n:arm other=on\n:arm tried\n:arm\n:arm -\n\
         experiment tried(layer=\"l\") = {low: 0.5, high: 0.5}\n:arm tried=low\n\
         all(media).filter(tried == low)\n:reset\nall(media).take(1)\n:arm\n",
    );
    assert!(out.contains("arms: tried = on (forced)"), "{out}");
    assert!(out.contains("arms: tried = low (forced)"), "{out}");
    assert!(out.contains("tried = on\n") && out.contains("every user is in the arms of the key"));
    for message in [
        "experiment `tried` has no arm `up`: it has off, on",
        "the program has no experiment `other`: it has tried",
        "expected NAME=ARM, found `tried`",
    ] {
        assert!(errors.contains(message), "{errors}");
    }
    assert_eq!(errors.matches("error").count(), 3, "{errors}");
}
