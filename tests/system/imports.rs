//! Where programs and what they import may come from, by way of the command.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

struct World(tempfile::TempDir);

impl World {
    /// A catalog in `world/`, and something that is none of its business beside it.
    fn new() -> World {
        let world = World(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(world.path("world/lib")).unwrap();
        std::fs::create_dir_all(world.path("shared")).unwrap();
        world.file(
            "world/catalog.toml",
            "[catalog]\nviewer = \"user\"\n[entity.user]\ntable = \"users.csv\"\nkey = \"user_id\"\n",
        );
        world.file("world/users.csv", "user_id,x\n1,3\n2,5\n");
        world.file("shared/secret.igql", "the password is swordfish\n");
        world.file("shared/good.igql", "def most(r: set[user]) -> set[user] = r.take(1)\n");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The exit code and standard error of a command in the folder of the catalog.
    fn igql(&self, args: &[&str]) -> (i32, String) {
        let began = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
        let output = command.current_dir(self.path("world")).args(args).output().unwrap();
        assert!(began.elapsed() < Duration::from_secs(20), "{args:?} takes too long");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap_or(-1), text)
    }

    fn check(&self, program: &str) -> (i32, String) {
        self.file("world/p.igql", program);
        self.igql(&["check", "p.igql"])
    }
}

#[test]
fn files_outside_are_not_read() {
    let world = World::new();
    let absolute = world.path("shared/secret.igql").display().to_string();
    let link = world.path("world/link.igql");
    std::os::unix::fs::symlink(world.path("shared/secret.igql"), &link).unwrap();
    for path in ["../shared/secret.igql", "lib/../../shared/secret.igql", &absolute, "link.igql"] {
        let (code, text) = world.check(&format!("import \"{path}\"\nall(user)\n"));
        assert_eq!(code, 1, "{text}");
        assert!(text.contains("E0210") && text.contains("--allow-imports"), "{text}");
        assert!(!text.contains("swordfish"), "{text}");
    }
    // what an import brings in is bound alike
    world.file("world/lib/a.igql", "import \"../../shared/secret.igql\"\n");
    let (code, text) = world.check("import \"lib/a.igql\"\nall(user)\n");
    assert!(code == 1 && text.contains("E0210") && !text.contains("swordfish"), "{text}");
}

#[test]
fn an_option_widens_it() {
    let world = World::new();
    world.file("world/p.igql", "import \"../shared/good.igql\"\nall(user).most()\n");
    assert_eq!(world.igql(&["check", "p.igql"]).0, 1);
    let (code, text) = world.igql(&["check", "p.igql", "--allow-imports", "../shared"]);
    assert_eq!(code, 0, "{text}");
    // the folder of the program is allowed, wherever the catalog is
    std::fs::create_dir(world.path("team")).unwrap();
    world.file("team/p.igql", "import \"best.igql\"\nall(user).best()\n");
    world.file("team/best.igql", "def best(r: set[user]) -> set[user] = r.take(1)\n");
    let (code, text) = world.igql(&["check", "../team/p.igql", "--catalog", "."]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn pipes_and_devices_are_errors_at_once() {
    let world = World::new();
    let made = Command::new("mkfifo").arg(world.path("world/f.igql")).status().unwrap();
    assert!(made.success());
    let (code, text) = world.check("import \"f.igql\"\nall(user)\n");
    assert!(code == 1 && text.contains("a pipe or a device"), "{text}");
    let (code, text) = world.igql(&["check", "f.igql"]);
    assert!(code == 2 && text.contains("a pipe or a device"), "{text}");
    let (code, text) = world.igql(&["check", "/dev/zero", "--catalog", "."]);
    assert!(code == 2 && text.contains("a pipe or a device"), "{text}");
    let (code, text) = world.igql(&["check", "lib", "--catalog", "."]);
    assert!(code == 2 && text.contains("this is a folder"), "{text}");
}

#[test]
fn what_is_no_program_text_says_why() {
    let world = World::new();
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain("user".bytes().flat_map(|b| [b, 0])).collect();
    let texts: [(&[u8], &str); 3] = [
        (&utf16, "UTF-16"),
        (b"# one\nuser # caf\xe9\n", "line 2 is not UTF-8 (the byte 0xe9)"),
        (&vec![b'#'; (16 << 20) + 1], "limited to 16 MiB"),
    ];
    for (text, expected) in texts {
        world.file("world/odd.igql", text);
        let (code, found) = world.igql(&["check", "odd.igql"]);
        assert!(code == 2 && found.contains(expected), "{found}");
        let (code, found) = world.check("import \"odd.igql\"\nall(user)\n");
        assert!(code == 1 && found.contains(expected), "{found}");
    }
}

#[test]
fn circles_and_diamonds() {
    let world = World::new();
    world.file(
        "world/a.igql",
        "import \"b.igql\"\nimport \"c.igql\"\ndef a(r: set[user]) -> set[user] = r.b().c()\n",
    );
    world.file("world/b.igql", "import \"d.igql\"\ndef b(r: set[user]) -> set[user] = r.d()\n");
    world.file(
        "world/c.igql",
        "import \"./lib/../d.igql\"\ndef c(r: set[user]) -> set[user] = r.d()\n",
    );
    world.file(
        "world/d.igql",
        "import \"a.igql\"\ndef d(r: set[user]) -> set[user] = r.filter(x > 1)\n",
    );
    let (code, text) = world.check("import \"a.igql\"\nall(user).a()\n");
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("Warning"), "{text}");
    // a circle through the program itself
    world.file("world/e.igql", "import \"p.igql\"\ndef e(r: set[user]) -> set[user] = r.mine()\n");
    let program =
        "import \"e.igql\"\ndef mine(r: set[user]) -> set[user] = r.take(1)\nall(user).e()\n";
    let (code, text) = world.check(program);
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("Warning"), "{text}");
    assert!(Path::new(&world.path("world/p.igql")).is_file());
}
