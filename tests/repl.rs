//! A session through a pipe, and plans as pictures.

use std::io::Write;
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

/// What a session writes: answers, and what is wrong.
fn session(input: &str) -> (String, String) {
    let folder = world();
    let mut child = Command::new(env!("CARGO_BIN_EXE_igql"))
        .args(["repl", "--catalog"])
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("the input");
    drop(stdin);
    let out = child.wait_with_output().expect("an end");
    assert!(out.status.success());
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(out.stdout), text(out.stderr))
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
    assert!(errors.contains("E0101"), "{errors}");
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
    assert!(
        errors.contains("keys of `user` are ints, found `x`"),
        "{errors}"
    );
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
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8(out.stdout).expect("text")
    };
    let text = explain("text");
    assert!(text.contains("measured: 2 rows in "), "{text}");
    assert!(text.contains("score(x)"), "{text}");
    let plan: serde_json::Value = serde_json::from_str(&explain("json")).expect("JSON");
    let nodes = plan["nodes"].as_array().expect("nodes");
    assert!(
        nodes
            .iter()
            .any(|n| n["op"] == "walk" && n["rows"] == 2 && n["us"].is_u64())
    );
    assert_eq!(explain("dot").matches(" -> ").count(), 6);
    assert_eq!(explain("svg").matches("<g class=\"op").count(), 7);
    let page = explain("html");
    assert!(page.contains("<span class=\"at\" data-op="), "{page}");
    // the one address is the name of SVG
    let addresses = page.matches("http").count();
    assert_eq!(
        addresses,
        page.matches("http://www.w3.org/2000/svg").count()
    );
}
