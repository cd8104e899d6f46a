//! How commands write: to readers that go away, to disks that are full, over files that matter,
//! two at a time, and interrupted.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

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

const BINARY: &str = env!("CARGO_BIN_EXE_igql");

struct World(tempfile::TempDir);

impl World {
    fn new() -> World {
        let world = World(tempfile::tempdir().unwrap());
        world.file("catalog.toml", CATALOG);
        let users: String = (1..=3000).map(|n| format!("{n}\n")).collect();
        world.file("users.csv", &format!("user_id\n{users}"));
        world.file("posts.csv", "slug,n\na,1\nb,\n");
        let likes: String = (1..=3000).map(|n| format!("{n},a\n{n},b\n")).collect();
        world.file("likes.csv", &format!("user_id,slug\n{likes}"));
        world.file("p.igql", "user.walk(likes).select(n)\n");
        world.file("wrong.igql", "user.walk(nothing)\n");
        world.file("ugly.igql", "user  .walk( likes )\n");
        world.file(
            "t.igql",
            "test \"liked\" (user=1) = { assert count(main()) == 2 }\nquery main() = user.walk(likes)\n",
        );
        assert_eq!(world.run(&["build"]).status.code(), Some(0));
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.current_dir(self.0.path()).args(args);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn sh(&self, script: &str) -> Output {
        let mut command = Command::new("sh");
        command.current_dir(self.0.path()).env("IGQL", BINARY);
        command.args(["-c", script]).output().unwrap()
    }

    /// Fails, and leaves these files alone.
    fn refuses(&self, args: &[&str], say: &str) {
        let out = self.run(args);
        let errors = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {errors}");
        assert!(errors.contains(say), "{args:?}: {errors}");
    }

    /// The names in the folder, hidden ones included.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap().flatten();
        let mut names: Vec<_> = entries.map(|e| e.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Every way in which a command writes to standard output, with what it reads from standard input.
const WAYS: &[(&[&str], &str)] = &[
    (&["run", "p.igql", "--user", "1"], ""),
    (&["run", "p.igql", "--users", "all"], ""),
    (&["run", "p.igql", "--user", "1", "--format", "table"], ""),
    (&["run", "p.igql", "--users", "all", "--format", "ndjson"], ""),
    (&["run", "p.igql", "--user", "1", "--format", "csv"], ""),
    (&["run", "p.igql", "--user", "1", "--format", "parquet"], ""),
    (&["run", "p.igql", "--user", "1", "--format", "arrow"], ""),
    (&["run", "p.igql", "--user", "1", "-o", "/dev/stdout"], ""),
    (&["fmt", "-"], "user . walk(likes)"),
    (&["fmt", "--check", "ugly.igql"], ""),
    (&["check", "wrong.igql", "--format", "json"], ""),
    (&["explain", "p.igql"], ""),
    (&["explain", "p.igql", "--format", "json"], ""),
    (&["explain", "p.igql", "--format", "html"], ""),
    (&["explain", "p.igql", "--stage", "tokens"], ""),
    (&["describe"], ""),
    (&["describe", "likes", "--format", "json"], ""),
    (&["completions", "bash"], ""),
    (&["man"], ""),
    (&["bench", "p.igql", "--users", "all", "--batch", "1000"], ""),
    (&["test", "t.igql"], ""),
    (&["test", "t.igql", "--format", "json"], ""),
    (&["repl", "--user", "1"], "user.walk(likes)\n"),
    (&["--help"], ""),
    (&["run", "--help"], ""),
    (&["--version"], ""),
];

/// Runs a command with its streams as given; fails if it takes long.
fn ended(mut command: Command, input: &str) -> (Option<i32>, String) {
    command.stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // it may have ended before it read
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let begun = Instant::now();
    loop {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        if begun.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("{command:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let out = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    (out.status.code(), errors)
}

/// The end of a pipe that nobody reads.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_reader_that_goes_away_ends_a_command_in_silence() {
    let world = World::new();
    for (args, input) in WAYS {
        let mut command = world.command(args);
        command.stdout(unread()).stderr(Stdio::piped());
        let (code, errors) = ended(command, input);
        assert_eq!((code, &*errors), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn a_reader_of_everything_that_goes_away_does_so_too() {
    let world = World::new();
    let silent: &[(&[&str], &str)] = &[
        (&["check", "wrong.igql"], ""),
        (&["check", "p.igql"], ""),
        (&["build"], ""),
        (&["run", "p.igql", "--user", "1", "--timings"], ""),
        (&["run", "p.igql", "--user", "none"], ""),
        (&["fmt", "-"], "user.("),
        (&["nothing"], ""),
        (&["repl"], "user.nothing()\n"),
    ];
    for (args, input) in WAYS.iter().chain(silent) {
        let mut command = world.command(args);
        command.stdout(unread()).stderr(unread());
        let (code, _) = ended(command, input);
        assert!(matches!(code, Some(0..=2)), "{args:?}: {code:?}");
    }
    // what nobody reads is no reason to leave a file unwritten
    let mut command = world.command(&["run", "p.igql", "--user", "77777", "-o", "out.csv"]);
    command.stderr(unread());
    assert_eq!(ended(command, "").0, Some(0));
    assert_eq!(world.text("out.csv"), "user,position,slug,score,n\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let world = World::new();
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    for (args, input) in WAYS {
        let mut command = world.command(args);
        command.stdout(full()).stderr(Stdio::piped());
        let (code, errors) = ended(command, input);
        assert_eq!(code, Some(2), "{args:?}: {errors}");
        assert!(errors.contains("No space left on device"), "{args:?}: {errors}");
        assert!(!errors.contains("panicked"), "{args:?}: {errors}");
    }
    // the reason cannot be told, but the code says that something is lost
    for args in [&["build"][..], &["check", "p.igql"]] {
        let mut command = world.command(args);
        command.stderr(full());
        assert_eq!(ended(command, "").0, Some(2), "{args:?}");
    }
    for format in ["json", "table", "csv", "parquet", "arrow"] {
        let args = ["run", "p.igql", "--users", "all", "-o", "/dev/full", "--format", format];
        world.refuses(&args, "/dev/full: ");
    }
    assert!(!world.names().iter().any(|name| name.ends_with(".new")));
}

/// A limit on the size of files is a disk that is full at once, for all writers of files.
#[cfg(unix)]
#[test]
fn files_that_cannot_be_written_whole_keep_their_text() {
    let world = World::new();
    let long = "# a long comment\n".repeat(200) + "user  .walk(likes)\n";
    world.file("long.igql", &long);
    world.file("out.json", "before");
    let before = world.names();
    for (args, file) in [
        ("fmt long.igql", "long.igql"),
        ("run p.igql --users all -o out.json", "out.json"),
        ("run p.igql --users all -o out.parquet", "out.parquet"),
        ("run p.igql --users all -o out.csv", "out.csv"),
        ("demo world --users 100 --media 100 --impressions 100", "users.parquet"),
    ] {
        let out = world.sh(&format!("ulimit -f 1; exec \"$IGQL\" {args}"));
        let errors = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args}: {errors}");
        assert!(errors.contains(file) && errors.contains("File too large"), "{args}: {errors}");
    }
    assert_eq!(world.text("long.igql"), long);
    assert_eq!(world.text("out.json"), "before");
    let mut after = world.names();
    after.retain(|name| name != "world");
    assert_eq!(after, before);
    assert_eq!(fs::read_dir(world.path("world")).unwrap().count(), 0);
}

/// The same on a disk that is really full, where the test may mount one.
#[cfg(target_os = "linux")]
#[test]
fn a_program_on_a_full_disk_is_not_lost() {
    let world = World::new();
    fs::create_dir(world.path("full")).unwrap();
    let mounted = world.sh("mount -t tmpfs -o size=64k tmpfs full 2>&1");
    if !mounted.status.success() {
        return;
    }
    world.file("full/x.igql", "user  .walk(likes)\n");
    world.sh("dd if=/dev/zero of=full/fill bs=1k 2>/dev/null");
    let formatted = world.run(&["fmt", "full/x.igql"]);
    let text = world.text("full/x.igql");
    let count = fs::read_dir(world.path("full")).unwrap().count();
    world.sh("umount full");
    let errors = String::from_utf8_lossy(&formatted.stderr);
    assert_eq!(formatted.status.code(), Some(2), "{errors}");
    assert!(errors.contains("x.igql: No space left"), "{errors}");
    assert_eq!((&*text, count), ("user  .walk(likes)\n", 2));
}

#[test]
fn inputs_are_not_overwritten() {
    let world = World::new();
    world.file("lib.igql", "liked = user.walk(likes)\n");
    world.file("q.igql", "import \"lib.igql\"\nliked\n");
    world.file("prelude.igql", "all_posts = all(post)\n");
    world.file("who.csv", "user_id\n1\n");
    let files = [
        ("q.igql", "a program that the command reads"),
        ("./q.igql", "a program that the command reads"),
        ("lib.igql", "a program that the command reads"),
        ("prelude.igql", "a program that the command reads"),
        ("who.csv", "the file of users"),
        ("catalog.toml", "the catalog"),
        ("likes.csv", "a table or a vector file"),
        (".igql/snapshot", "in the folder of derived files"),
        (".igql/new.csv", "in the folder of derived files"),
    ];
    let before: Vec<Option<Vec<u8>>> = files.map(|(f, _)| fs::read(world.path(f)).ok()).into();
    for (file, what) in files {
        let args = ["run", "q.igql", "--users", "who.csv", "--format", "csv", "-o", file];
        world.refuses(&args, what);
    }
    let after: Vec<Option<Vec<u8>>> = files.map(|(f, _)| fs::read(world.path(f)).ok()).into();
    assert!(before == after);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("likes.csv", world.path("link.csv")).unwrap();
        fs::hard_link(world.path("likes.csv"), world.path("hard.csv")).unwrap();
        for file in ["link.csv", "hard.csv"] {
            world.refuses(&["run", "q.igql", "--user", "1", "-o", file], "a table or a vector");
        }
    }
}

#[test]
fn a_demo_overwrites_nothing_but_a_demo() {
    let world = World::new();
    let sizes = ["--users", "20", "--media", "20", "--accounts", "5", "--impressions", "50"];
    let demo = |dir: &'static str| [&["demo", dir][..], &sizes].concat();
    fs::create_dir(world.path("mine")).unwrap();
    world.file("mine/media.parquet", "mine");
    world.refuses(&demo("mine"), "media.parquet: this is not from `igql demo`");
    assert_eq!(world.text("mine/media.parquet"), "mine");
    for _ in 0..2 {
        assert!(world.run(&demo("new")).status.success());
    }
    world.file("new/published.igql", "# mine\n");
    world.refuses(&demo("new"), "published.igql: this is not from `igql demo`, or was changed");
    assert_eq!(world.text("new/published.igql"), "# mine\n");
}

#[cfg(unix)]
#[test]
fn links_stay_links_and_permissions_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let world = World::new();
    fs::create_dir(world.path("in")).unwrap();
    world.file("in/real.igql", "user  .walk(likes)\n");
    world.file("in/out.csv", "before");
    let mode = |name: &str, mode| {
        fs::set_permissions(world.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("in/real.igql", 0o640);
    mode("in/out.csv", 0o604);
    symlink("in/real.igql", world.path("link.igql")).unwrap();
    symlink("in/out.csv", world.path("link.csv")).unwrap();
    assert!(world.run(&["fmt", "link.igql"]).status.success());
    let run = ["run", "p.igql", "--user", "1", "-o", "link.csv"];
    assert!(world.run(&run).status.success());
    assert_eq!(world.text("in/real.igql"), "user.walk(likes)\n");
    assert!(world.text("in/out.csv").starts_with("user,position"));
    for (link, real, bits) in
        [("link.igql", "in/real.igql", 0o640), ("link.csv", "in/out.csv", 0o604)]
    {
        assert!(world.path(link).is_symlink());
        let found = fs::metadata(world.path(real)).unwrap().permissions();
        assert_eq!(found.mode() & 0o777, bits);
    }
    assert_eq!(fs::read_dir(world.path("in")).unwrap().count(), 2);
}

#[cfg(unix)]
#[test]
fn places_that_cannot_be_written() {
    let world = World::new();
    let run = |path: &'static str| ["run", "p.igql", "--user", "1", "--format", "json", "-o", path];
    world.refuses(&run("no/such/out.json"), "no/such/out.json: cannot create a file in `no/such`");
    fs::create_dir(world.path("folder")).unwrap();
    world.refuses(&run("folder"), "folder: this is a folder");
    world.refuses(&run("p.igql/out.json"), "Not a directory");
    // the superuser may write everywhere
    let root = world.sh("id -u").stdout == b"0\n";
    if !root {
        world.sh("chmod a-w folder");
        world.refuses(&run("folder/out.json"), "Permission denied");
    }
}

#[cfg(unix)]
#[test]
fn devices_and_pipes_are_written_to() {
    let world = World::new();
    let out = world.run(&["run", "p.igql", "--user", "1", "-o", "/dev/null"]);
    assert!(out.status.success());
    assert!(fs::metadata("/dev/null").is_ok_and(|m| !m.is_file()));
    let out = world.sh(
        "mkfifo pipe.csv; cat pipe.csv > got & \"$IGQL\" run p.igql --user 1 --format csv -o pipe.csv \
         && wait && test -p pipe.csv && cat got",
    );
    assert_eq!(
        String::from_utf8_lossy(&out.stdout),
        "user,position,slug,score,n\n1,1,a,1.0,1\n1,2,b,1.0,\n"
    );
    // what is there already stays, as the shell promised
    let out = world.sh(
        "echo before > got; \"$IGQL\" run p.igql --user 1 --format csv -o /dev/stdout >> got; \
         \"$IGQL\" run p.igql --user 1 --format csv -o - >> got; cat got",
    );
    assert_eq!(String::from_utf8_lossy(&out.stdout).lines().count(), 7);
}

#[test]
fn writers_of_one_file_do_not_disturb_each_other() {
    let world = World::new();
    let run = |format: &'static str| {
        let args = ["run", "p.igql", "--users", "all", "-o", "same", "--format", format];
        world.command(&args).stderr(Stdio::piped()).spawn().unwrap()
    };
    let writers: Vec<_> = (0..6).map(|n| run(["csv", "ndjson"][n % 2])).collect();
    for writer in writers {
        let out = writer.wait_with_output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
    let lines = world.text("same").lines().count();
    assert!([3000, 6001].contains(&lines), "{lines}");
    assert!(!world.names().iter().any(|name| name.ends_with(".new")));
}

#[cfg(unix)]
#[test]
fn what_is_interrupted_leaves_nothing_behind() {
    let world = World::new();
    world.file("out.csv", "before");
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        world.file("users.txt", &"1\n".repeat(2_000_000));
        let args = ["run", "p.igql", "--users", "users.txt", "-o", "out.csv"];
        let mut child = world.command(&args).stderr(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        while !world.names().iter().any(|name| name.ends_with(".new")) {
            assert!(child.try_wait().unwrap().is_none(), "it was too fast");
            assert!(begun.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(1));
        }
        let kill = format!("kill -{signal} {}", child.id());
        assert!(world.sh(&kill).status.success());
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert!(!world.names().iter().any(|name| name.ends_with(".new")));
        assert_eq!(world.text("out.csv"), "before");
    }
}

/// Everything goes through `cli::out` and `files`: whoever writes by other ways meets none of the
/// above.
#[test]
fn there_is_one_way_to_write() {
    // a version of what was learnt is a folder, written aside and renamed into place
    let allowed: &[(&str, &[&str])] = &[
        ("print!(", &[]),
        ("println!(", &[]),
        ("eprint!(", &[]),
        ("eprintln!(", &[]),
        ("dbg!(", &[]),
        ("fs::write(", &[]),
        (
            "fs::rename(",
            &["files.rs", "store/write.rs", "store/learned/room.rs", "cli/init/mod.rs"],
        ),
        ("File::create", &["store/write.rs", "store/learned/tensors.rs"]),
        ("OpenOptions", &[]),
        ("io::stdout().lock", &["cli/out.rs"]),
        ("io::stderr().lock", &["cli/out.rs"]),
        ("process::exit(", &["files.rs"]),
    ];
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().flatten().map(|e| e.path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&src).unwrap().display().to_string();
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            // tests may write as they like
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            if !name.ends_with(".rs") || name.contains("tests") {
                continue;
            }
            for (at, line) in text.lines().enumerate() {
                let code = line.trim_start();
                let found = |word: &&str| code.contains(*word) && !code.starts_with("//");
                let words = allowed.iter().filter(|(word, _)| found(word));
                let words = words.filter(|(_, files)| !files.contains(&&*name));
                wrong.extend(words.map(|(word, _)| format!("{name}:{}: {word}", at + 1)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
