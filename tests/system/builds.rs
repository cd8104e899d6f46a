//! A snapshot through everything that can happen to it: builds that fail, two at once, files that are
//! none, a folder that goes away.

use crate::data::{LIKES, World, entity, floats, npy};
use igql::store::{Options, open, verify};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn igql(world: &World, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
    command.args(args).current_dir(world.folder.path());
    command.output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn derived(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.path(".igql")).unwrap().flatten();
    let mut names: Vec<_> = entries.map(|e| e.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn warnings_are_said_once() {
    let world = World::likes();
    world.edit(
        "catalog.toml",
        "table = \"likes.csv\"",
        "table = \"likes.csv\"\non_error = \"skip\"",
    );
    world.edit("likes.csv", "20,7,300", "21,7,300");
    let said = "warning: likes.csv: 1 link skipped: column `user_id`: no user has the key `21` (first: row 2)\n";
    world.file("p.igql", "user.walk(likes)");
    let run = ["run", "p.igql", "--user", "10"];
    let first = stderr(&igql(&world, &run));
    assert_eq!(first.matches(said).count(), 1, "{first}");
    assert!(!first.contains("warning: warning"), "{first}");
    assert!(!stderr(&igql(&world, &run)).contains("warning"));
    assert!(!stderr(&igql(&world, &["build"])).contains("warning"));
    world.edit("likes.csv", "10,3,200", "10,3,201");
    let again = stderr(&igql(&world, &["build"]));
    assert_eq!(again.matches(said).count(), 1, "{again}");
}

#[test]
fn a_failed_build_leaves_the_old_snapshot() {
    let world = World::likes();
    world.file("p.igql", "user.walk(likes)");
    assert!(igql(&world, &["build"]).status.success());
    let files = derived(&world);
    world.edit("likes.csv", "20,7,300", "21,7,300");
    let failed = igql(&world, &["build"]);
    assert_eq!(failed.status.code(), Some(3));
    assert_eq!(derived(&world), files);
    let run = ["run", "p.igql", "--user", "10", "--format", "csv"];
    assert_eq!(igql(&world, &run).status.code(), Some(3));
    let stale = igql(&world, &[&run[..], &["--stale"]].concat());
    assert!(stale.status.success(), "{}", stderr(&stale));
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_old_snapshot() {
    let world = World::likes();
    let before = world.snapshot().id().to_owned();
    let rows: String = (0..5_000).map(|i| format!("10,{i},{i},1,\n")).collect();
    world.file("likes.csv", format!("user_id,movie_id,ts,stars,note\n{rows}"));
    let limited = format!("ulimit -f 8; exec {} build", env!("CARGO_BIN_EXE_igql"));
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", &limited]).current_dir(world.folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("cannot be written"), "{}", stderr(&output));
    assert_eq!(derived(&world), ["lock", "snapshot", "stamps"]);
    assert_eq!(world.stale().unwrap().id(), before);
    assert_ne!(world.snapshot().id(), before);
}

#[test]
fn what_killed_builders_leave_is_removed() {
    let world = World::likes();
    world.snapshot();
    world.file(".igql/.snapshot.1-0.new", "half");
    world.edit("likes.csv", "20,7,300", "20,7,301");
    world.snapshot();
    assert_eq!(derived(&world), ["lock", "snapshot", "stamps"]);
}

#[test]
fn builders_take_turns() {
    let world = World::likes();
    let outputs: Vec<Output> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| igql(&world, &["build"]))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(outputs.iter().all(|o| o.status.success()));
    let built = outputs.iter().filter(|o| stderr(o).contains("built in")).count();
    assert_eq!(built, 1);
    verify(&world.catalog(), &Options::default()).unwrap();
}

#[test]
fn a_folder_that_is_deleted_while_it_is_in_use() {
    let world = World::likes();
    let snapshot = world.snapshot();
    let lock = std::fs::File::open(world.path(".igql/lock")).unwrap();
    lock.lock().unwrap();
    std::fs::remove_dir_all(world.path(".igql")).unwrap();
    // the old lock is of a file that is gone: who comes now does not wait for it
    assert_eq!(world.snapshot().id(), snapshot.id());
    assert_eq!(snapshot.row_of(entity(&snapshot, "user"), &20.into()), Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn a_snapshot_that_is_shortened_ends_in_an_error() {
    let world = World::likes();
    world.snapshot();
    let mut repl = Command::new(env!("CARGO_BIN_EXE_igql"))
        .arg("repl")
        .current_dir(world.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let maps = format!("/proc/{}/maps", repl.id());
    let mapped = || std::fs::read_to_string(&maps).unwrap().contains(".igql/snapshot");
    while !mapped() {
        assert!(repl.try_wait().unwrap().is_none(), "the session has ended");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let file = std::fs::File::options().write(true).open(world.path(".igql/snapshot")).unwrap();
    file.set_len(0).unwrap();
    let mut input = repl.stdin.take().unwrap();
    writeln!(input, "all(user).let(a=age)").unwrap();
    drop(input);
    let output = repl.wait_with_output().unwrap();
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("error: a file in `.igql` was truncated while in use"), "{told}");
    // the next one builds it anew
    assert_eq!(world.snapshot().schema().entities[0].rows, 3);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_says_what_it_is() {
    use std::os::unix::fs::symlink;
    let error = |make: &dyn Fn(&Path)| {
        let world = World::likes();
        let path = world.path("users.csv");
        std::fs::remove_file(&path).unwrap();
        make(&path);
        world.error()
    };
    let said = error(&|_| {});
    assert!(said.starts_with("error: users.csv: there is no such file\n  help: "), "{said}");
    let said = error(&|path| symlink("gone.csv", path).unwrap());
    assert!(
        said.starts_with("error: users.csv: it is a link to gone.csv, which does not exist"),
        "{said}"
    );
    let said = error(&|path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    });
    assert!(said.starts_with("error: users.csv: it is a pipe, not a file"), "{said}");
    let said = error(&|path| symlink("/dev/null", path).unwrap());
    assert!(said.starts_with("error: users.csv: it is a device, not a file"), "{said}");
    let said = error(&|path| std::fs::create_dir(path).unwrap());
    assert!(
        said.contains("`table = \"users.csv\"`: it is a folder without a table in it"),
        "{said}"
    );
}

#[test]
fn vectors_by_row_whose_table_has_changed() {
    let embedding = "[embedding.v]\nentity = \"user\"\nfile = \"v.npy\"\nmetric = \"dot\"\n";
    let world = World::likes();
    world.file("catalog.toml", format!("{LIKES}{embedding}"));
    world.file("v.npy", npy("<f4", "3, 1", &floats(&[1., 2., 3.])));
    let told =
        || -> Vec<String> { world.snapshot().warnings().iter().map(ToString::to_string).collect() };
    assert!(told().is_empty());
    world.file("users.csv", "user_id,age,country\n20,45,DE\n10,31,DE\n30,,US\n");
    let loose = "warning: v.npy: users.csv changed after these vectors were first read, but the vectors did not";
    assert!(told()[0].starts_with(loose), "{:?}", told());
    // as long as it is so, every build says it
    world.edit("likes.csv", "20,7,300", "20,7,301");
    assert!(told()[0].starts_with(loose));
    world.file("v.npy", npy("<f4", "3, 1", &floats(&[2., 1., 3.])));
    assert!(told().is_empty());
}

#[test]
fn a_file_that_changes_while_it_is_read() {
    struct Writes(std::path::PathBuf);
    impl igql::store::Progress for Writes {
        fn report(&self, stage: &str, _: u64, _: u64) {
            if stage == "linking" {
                std::fs::write(&self.0, "user_id,movie_id,ts,stars,note\n").unwrap();
            }
        }
    }
    let world = World::likes();
    let before = world.snapshot().id().to_owned();
    world.edit("users.csv", "45", "46");
    let options = Options {
        progress: std::sync::Arc::new(Writes(world.path("likes.csv"))),
        ..Options::default()
    };
    let error = open(&world.catalog(), &options).unwrap_err().to_string();
    assert!(error.contains("likes.csv: the file changed while it was read"), "{error}");
    assert_eq!(world.stale().unwrap().id(), before);
}
