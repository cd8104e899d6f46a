//! What is asked of `replay` and `diff` and makes no sense for the data or the programs; disks that are full, and
//! interruptions at any moment.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const CATALOG: &str = r#"
[catalog]
viewer = "user"
[entity.user]
key = "user_id"
[entity.post]
table = "posts.csv"
key = "post_id"
[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
time = "at"
[edge.follows]
table = "follows.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "user", column = "other_id" }
time = "at"
[defaults]
now = "latest"
"#;

/// People who like many posts, so that a replay takes a while.
fn world() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    let posts: String = (0..200).map(|post| format!("{post},{}\n", post * 37 % 101)).collect();
    let (mut likes, mut follows) = (String::new(), String::new());
    for user in 0..150 {
        for day in 1..=28 {
            let post = (user * 7 + day * 13) % 200;
            likes += &format!("{user},{post},2024-02-{day:02}T12:00:00Z\n");
        }
        follows += &format!("{user},{},2024-02-03T12:00:00Z\n", (user + 1) % 150);
    }
    write("catalog.toml", CATALOG.to_owned());
    write("posts.csv", format!("post_id,n\n{posts}"));
    write("likes.csv", format!("user_id,post_id,at\n{likes}"));
    write("follows.csv", format!("user_id,other_id,at\n{follows}"));
    write("page.igql", "all(post).score(n).take(20)\n".to_owned());
    write("other.igql", "user.walk(likes).walk(~likes).walk(likes).take(20)\n".to_owned());
    write("users.igql", "user.walk(follows)\n".to_owned());
    write("lists.igql", "{a: all(post).take(3), b: all(post).score(n).take(3)}\n".to_owned());
    folder
}

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
    command.current_dir(folder).args(args).stdin(Stdio::null()).output().unwrap()
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[test]
fn what_replay_cannot_do_is_said() {
    let world = world();
    let folder = world.path();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    write("nobody.txt", "99999\n");
    write("empty.csv", "user_id,post_id\n");
    write("strangers.csv", "user_id,post_id\n99999,1\n");
    write("unknown.csv", "user_id,post_id\n1,99999\n2,88888\n");
    write("known.csv", "user_id,post_id\n1,5\n2,99999\n");
    let usual = ["--truth", "likes", "--from", "2024-02-20"];
    let refused = |args: &[&str], expected: i32, words: &str| {
        let out = run(folder, &[&["replay"], args].concat());
        assert_eq!(out.status.code(), Some(expected), "{args:?}: {}", said(&out));
        assert!(said(&out).contains(words), "{args:?}: `{words}` is not in: {}", said(&out));
    };
    for (more, words) in [
        (&["--to", "2024-02-01"][..], "`--from` has to be before `--to`"),
        (&["--to", "2024-02-20"], "`--from` has to be before `--to`"),
        (&["--metrics", "rate(nothing)@10"], "--metrics rate(nothing)@10: there is no edge"),
        (&["--metrics", "rate(follows)@10"], "--metrics rate(follows)@10: it leads to `user`"),
        (&["--metrics", "nothing"], "there is no metric `nothing`"),
        (&["--primary", "recall@3"], "it is not among the metrics"),
        (&["--by", "country"], "help: it has none beside its key"),
        (&["--list", "a"], "it returns a single list, and none is called `a`"),
        (&["--ips"], "--ips: it needs the requests of a log: `--requests LOG`"),
        (&["--users", "nobody.txt"], "`user` has no `99999`"),
        (&["--horizon", "0d"], "expected a duration above 0"),
        (&["-o", "no/report.html"], "cannot create a file in `no`"),
        (&["-o", "posts.csv", "--format", "csv"], "a table or a vector file of the catalog"),
        (&["--per-request", "no/each.csv"], "cannot create a file in `no`"),
    ] {
        refused(&[&["page.igql"], &usual[..], more].concat(), 2, words);
    }
    let page = ["page.igql", "--truth"];
    refused(&[&page[..], &["follows", "--from", "2024-02-20"]].concat(), 2, "it leads to `user`");
    refused(&[&page[..], &["nothing", "--from", "2024-02-20"]].concat(), 2, "there is no edge");
    refused(&[&page[..], &["likes", "--from", "2031-01-01"]].concat(), 2, "no user has truth");
    refused(
        &["lists.igql", "--list", "c", "--truth", "likes", "--from", "2024-02-20"],
        2,
        "no list `c`",
    );
    refused(&["page.igql", "--holdout", "empty.csv"], 2, "it has no rows");
    refused(&["page.igql", "--holdout", "strangers.csv"], 2, "none of its users, such as `99999`");
    refused(&["page.igql", "--holdout", "unknown.csv"], 2, "has no `post` of it, such as `99999`");
    refused(&["page.igql", "--holdout", "known.csv"], 0, "1 rows of the test set have a `post`");
    refused(&["page.igql", "--holdout", "nothing.csv"], 3, "there is no such file");
    refused(
        &["users.igql", "page.igql", "--truth", "likes", "--from", "2024-02-20"],
        2,
        "returns `post`",
    );
}

#[cfg(unix)]
#[test]
fn full_disks_and_interruptions_leave_nothing_half_done() {
    let world = world();
    let folder = world.path();
    assert!(run(folder, &["build"]).status.success());
    let replay = ["replay", "other.igql", "--truth", "likes", "--from", "2024-02-08"];
    let diff = ["diff", "page.igql", "other.igql", "--users", "all"];
    for (args, output) in [(&replay[..], "report.html"), (&diff, "diff.html")] {
        let full = run(folder, &[args, &["-o", "/dev/full"]].concat());
        assert_eq!(full.status.code(), Some(2), "{}", said(&full));
        assert!(said(&full).contains("/dev/full: "), "{}", said(&full));
        for moment in (0..16).map(|n| n * n * 4) {
            let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
            let command = command.current_dir(folder).args(args).args(["-o", output]);
            let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(moment));
            let pid = child.id().to_string();
            let _ = Command::new("kill").args(["-INT", &pid]).stderr(Stdio::null()).status();
            let out = child.wait_with_output().unwrap();
            let is_there = folder.join(output).exists();
            match out.status.code() {
                // 1: the programs differ
                Some(0 | 1) => assert!(is_there, "{moment}"),
                Some(130) | None => {}
                other => panic!("{moment}: {other:?} {}", said(&out)),
            }
            if is_there {
                let page = fs::read_to_string(folder.join(output)).unwrap();
                assert!(page.trim_end().ends_with("</html>"), "{moment}");
                fs::remove_file(folder.join(output)).unwrap();
            }
            let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
            let left = names.filter(|name| name.to_string_lossy().ends_with(".new"));
            assert_eq!(left.count(), 0, "{moment}");
        }
    }
    // rows of requests that do not fit
    let binary = env!("CARGO_BIN_EXE_igql");
    let line = format!("ulimit -f 2; exec {binary} {} --per-request each.csv", replay.join(" "));
    let out = Command::new("sh").current_dir(folder).args(["-c", &line]).output().unwrap();
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
    assert!(said(&out).contains("each.csv: ") && !folder.join("each.csv").exists());
}
