//! `igql demo` and `igql init`, and the catalog of docs/catalog.md.

use crate::data::{edge, entity};
use igql::catalog::schema::Storage;
use igql::store::{Options, open};
use igql::types::Type;
use std::path::Path;
use std::process::{Command, Output};

fn igql(args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
    command.args(args).current_dir(folder).output().unwrap()
}

fn fine(args: &[&str], folder: &Path) -> Output {
    let out = igql(args, folder);
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{args:?}: {errors}");
    out
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

const SMALL: [&str; 8] =
    ["--users", "60", "--accounts", "50", "--media", "400", "--impressions", "3000"];

fn demo(folder: &Path, name: &str, seed: &str) {
    let args = [&["demo", name, "--seed", seed], &SMALL[..]].concat();
    fine(&args, folder);
}

fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(folder).unwrap().flatten();
    let files = files.filter(|e| e.path().is_file());
    let mut all: Vec<_> = files
        .map(|e| {
            let name = e.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(e.path()).unwrap())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn a_demo_is_its_seed_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    demo(here, "a", "7");
    demo(here, "b", "7");
    demo(here, "c", "8");
    assert_eq!(bytes(&here.join("a")), bytes(&here.join("b")));
    assert_ne!(bytes(&here.join("a")), bytes(&here.join("c")));
    for program in ["published", "seeded", "following", "funnel"] {
        let file = format!("a/{program}.igql");
        let out = fine(&["run", &file, "--users", "all", "--format", "csv"], here);
        let rows = String::from_utf8(out.stdout).unwrap().lines().count();
        assert!(rows > 60, "{program}: {rows} rows");
    }
    // another's catalog is left alone
    std::fs::write(here.join("c/catalog.toml"), "[catalog]\n").unwrap();
    let out = igql(&["demo", "c"], here);
    assert_eq!(out.status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(here.join("c/catalog.toml")).unwrap(), "[catalog]\n");
}

/// A style changes what users like and whom they follow, and nobody else.
#[test]
fn a_style_is_a_taste_that_no_table_holds() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    demo(here, "plain", "7");
    let styled =
        |name, style| [&["demo", name, "--seed", "7", "--style", style], &SMALL[..]].concat();
    fine(&styled("none", "0"), here);
    fine(&styled("styled", "4"), here);
    let (plain, none) = (bytes(&here.join("plain")), bytes(&here.join("none")));
    assert_eq!(plain, none);
    let styled_bytes = bytes(&here.join("styled"));
    let names = |one: &[(String, Vec<u8>)]| one.iter().map(|f| f.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&plain), names(&styled_bytes));
    for ((name, one), (_, other)) in plain.iter().zip(&styled_bytes) {
        let stays = ["users.parquet", "accounts.parquet", "account_vectors.npy"];
        let stays = stays.contains(&&name[..]) || name.ends_with(".igql");
        assert_eq!(one == other, stays, "{name}");
    }
    let catalog = std::fs::read_to_string(here.join("styled/catalog.toml")).unwrap();
    assert!(catalog.contains("3000 impressions, style 4, seed 7\n"), "{catalog}");
    fine(&["demo", "styled"], here);
    for wrong in ["-1", "11", "much", "NaN"] {
        let out = igql(&["demo", "w", &format!("--style={wrong}")], here);
        let error = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(2) && error.contains("a number from 0 to 10"), "{error}");
    }
}

/// The data of `examples/explore` is that of the demo. `EXPLORE_WRITE=1` writes it.
#[test]
fn explore_is_what_the_demo_writes() {
    let folder = tempfile::tempdir().unwrap();
    let size = "--users 500 --accounts 400 --media 4000 --impressions 40000 --seed 1";
    fine(&["demo", "w"].into_iter().chain(size.split(' ')).collect::<Vec<_>>(), folder.path());
    let explore = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/explore");
    let data = |name: &str| !name.ends_with(".igql");
    for (name, written) in bytes(&folder.path().join("w")).into_iter().filter(|f| data(&f.0)) {
        let file = explore.join(&name);
        if std::env::var_os("EXPLORE_WRITE").is_some() {
            std::fs::write(&file, &written).unwrap();
        }
        let same = std::fs::read(&file).is_ok_and(|found| found == written);
        assert!(same, "{name} is not what `igql demo` writes: EXPLORE_WRITE=1 writes it");
    }
}

#[test]
fn planted_interests_show() {
    let folder = tempfile::tempdir().unwrap();
    demo(folder.path(), "w", "1");
    let world = folder.path().join("w");
    let snapshot = open(&world, &Options::default()).unwrap();
    let likes = snapshot.schema().edge(edge(&snapshot, "likes")).links;
    let shown = snapshot.schema().edge(edge(&snapshot, "impressions")).links;
    assert_eq!(shown, 3000);
    assert!((300..1500).contains(&likes), "{likes}");
}

#[test]
fn init_of_movies() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let movies = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/movies");
    for name in ["movies.csv", "ratings.csv", "tags.csv", "README.txt"] {
        std::fs::copy(movies.join(name), here.join(name)).unwrap();
    }
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (9125, 1), }\n";
    let length = (header.len() as u16).to_le_bytes();
    let npy = [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &[1; 4 * 9125]].concat();
    std::fs::write(here.join("content.npy"), npy).unwrap();
    fine(&["init", "."], here);
    let text = std::fs::read_to_string(here.join("catalog.toml")).unwrap();
    for line in [
        "viewer = \"user\"   # guessed",
        "key = \"movieId\"   # guessed: unique in 9125 rows",
        "genres = { type = \"list[string]\", separator = \"|\" }   # guessed",
        "timestamp = { type = \"time\", unit = \"s\" }   # guessed",
        "weight = \"rating\"   # guessed",
        "[embedding.content]\nentity = \"movie\"   # guessed",
        "now = \"latest\"   # guessed",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let snapshot = open(here, &Options::default()).unwrap();
    assert_eq!(snapshot.schema().edge(edge(&snapshot, "ratings")).links, 100_004);
    let out = igql(&["init", "."], here);
    assert_eq!(out.status.code(), Some(2), "a catalog that is there stays");
}

#[test]
fn init_of_a_demo_finds_what_the_demo_says() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    demo(here, "w", "3");
    let world = here.join("w");
    let original = open(&world, &Options::default()).unwrap();
    std::fs::remove_file(world.join("catalog.toml")).unwrap();
    fine(&["init", "w"], here);
    let guessed = open(&world, &Options::default()).unwrap();
    // whose visit it was, a catalog has to say
    for edge in original.schema().edges.iter().filter(|e| e.name != "views") {
        let found = guessed.schema().edges.iter().find(|e| e.name == edge.name);
        let found = found.unwrap_or_else(|| panic!("no edge {}", edge.name));
        assert_eq!((found.links, found.has_time), (edge.links, true), "{}", edge.name);
    }
    let media = guessed.schema().entity(entity(&guessed, "media"));
    assert_eq!(media.references[0].name, "author");
    assert!(media.time.is_some());
}

#[test]
fn init_of_halves() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let header = "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 1), }\n";
    let length = (header.len() as u16).to_le_bytes();
    let numbers = [0x00, 0x3c, 0x00, 0x40]; // 1 and 2
    let npy = [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &numbers].concat();
    std::fs::write(here.join("look.npy"), npy).unwrap();
    write(
        here,
        &[
            ("items.csv", "item_id,name\n1,a\n2,b\n"),
            ("likes.csv", "user_id,item_id\n7,1\n8,2\n7,2\n"),
        ],
    );
    fine(&["init", "."], here);
    let text = std::fs::read_to_string(here.join("catalog.toml")).unwrap();
    assert!(text.contains("storage = \"f16\"   # as in the file"), "{text}");
    let snapshot = open(here, &Options::default()).unwrap();
    assert_eq!(snapshot.schema().embeddings[0].storage, Storage::F16);
}

#[test]
fn init_of_odd_texts() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write(
        here,
        &[
            ("artists.dat", "1\tAbba\tse\n2\tBjork\tis\n3\tCan\tde\n"),
            ("plays.tsv", "userID\tartistID\tplays\n7\t1\t5\n8\t2\t6\n7\t9\t1\n"),
            ("friends.tsv", "userID\tfriendID\n7\t8\n8\t7\n"),
            ("lists.txt", "7 1 2 3\n8 2\n"),
        ],
    );
    fine(&["init", "."], here);
    let text = std::fs::read_to_string(here.join("catalog.toml")).unwrap();
    let snapshot = open(here, &Options::default()).unwrap();
    let schema = snapshot.schema();
    let artist = entity(&snapshot, "artist");
    assert_eq!(schema.entity(artist).rows, 3, "{text}");
    // one of three plays leads nowhere, and is left out
    let plays = schema.edge(edge(&snapshot, "plays"));
    assert_eq!((plays.links, plays.has_weight), (2, true), "{text}");
    let friends = schema.edge(edge(&snapshot, "friends"));
    assert_eq!(friends.from, friends.to, "{text}");
    assert!(text.contains("names = [\"user_id\", \"item_id...\"]"), "{text}");
    assert_eq!(schema.edge(edge(&snapshot, "lists")).links, 4, "{text}");
}

#[test]
fn init_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = igql(&["init", "."], folder.path());
    assert_eq!(out.status.code(), Some(3));
    assert!(!folder.path().join("catalog.toml").exists());
}

#[test]
fn the_catalog_of_the_documentation_loads() {
    let page = include_str!("../../docs/catalog.md");
    let catalog = page.split("```toml catalog\n").nth(1).unwrap();
    let catalog = catalog.split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write(
        here,
        &[
            ("catalog.toml", catalog),
            ("users.csv", "user_id,age\n1,30\n2,\n"),
            (
                "items.jsonl",
                "{\"item_id\": 10, \"maker_id\": \"m\", \"created_at\": 1714521600, \"tags\": \"a|b\"}\n{\"item_id\": 11}\n",
            ),
            (
                "buys.tsv",
                "user_id\titem_id\tprice\tyear\tmonth\tday\n1\t10\t2.5\t2024\t5\t1\n2\t11\t\t2024\t5\t2\n",
            ),
            ("lists.dat", "1 10 11\n2 11 99\n2\n"),
        ],
    );
    let snapshot = open(here, &Options::default()).unwrap();
    let schema = snapshot.schema();
    let item = schema.entity(entity(&snapshot, "item"));
    let tags = item.find_column("tags").unwrap();
    assert_eq!(item.columns[tags].ty, Type::List(Box::new(Type::String)));
    assert_eq!(schema.entity(entity(&snapshot, "maker")).rows, 1);
    assert_eq!(schema.edge(edge(&snapshot, "buys")).links, 2);
    assert_eq!(schema.edge(edge(&snapshot, "lists")).links, 3);
    let warnings: Vec<_> = snapshot.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

/// It is read as the program, and not before it as well; before the standard library it may stand.
#[test]
fn a_prelude_hides_nothing_from_itself() {
    let folder = tempfile::tempdir().unwrap();
    demo(folder.path(), "a", "7");
    let world = folder.path().join("a");
    let checked = |name: &str| {
        let out = fine(&["check", name], &world);
        [out.stdout, out.stderr].concat()
    };
    let said = String::from_utf8(checked("prelude.igql")).unwrap();
    assert_eq!(said, "prelude.igql: no problems\n");
    let file = world.join("prelude.igql");
    let prelude = std::fs::read_to_string(&file).unwrap();
    let own = format!("{prelude}\ndef liked(rows: set[user]) -> set[media] = rows.walk(likes)\n");
    std::fs::write(&file, &own).unwrap();
    let said = String::from_utf8(checked("prelude.igql")).unwrap();
    assert_eq!(said, "prelude.igql: no problems\n");
    std::fs::write(&file, format!("{own}broken = (\n")).unwrap();
    let out = igql(&["check", "./prelude.igql"], &world);
    let said = String::from_utf8([out.stdout, out.stderr].concat()).unwrap();
    assert_eq!(said.matches("E01").count(), 1, "{said}");
}
