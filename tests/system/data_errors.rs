//! Every kind of bad data gives an error with its file, row and column, and leaves the snapshot
//! of before in place.

use crate::data::{LIKES, World, edge, entity, floats, npy};
use arrow_array::*;
use std::sync::Arc;

/// A change to the sound world and the error that it must give, or the beginning of it.
fn broken(change: impl FnOnce(&World), expected: &str) {
    let world = World::likes();
    let before = world.snapshot().id().to_owned();
    change(&world);
    let error = world.error();
    assert!(error.starts_with(expected), "expected: {expected}\nfound:    {error}");
    assert_eq!(world.stale().unwrap().id(), before, "the old snapshot is gone");
}

fn edited(file: &str, from: &str, to: &str, expected: &str) {
    broken(|w| w.edit(file, from, to), expected);
}

#[test]
fn a_value_that_does_not_parse() {
    edited(
        "likes.csv",
        "20,7,300,5",
        "20,7,300,many",
        "error: likes.csv, row 2 (line 3), column `stars`: expected a number, found `many`",
    );
    edited(
        "likes.csv",
        "20,7,300",
        "20,7,soon",
        "error: likes.csv, row 2 (line 3), column `ts`: expected a time, found `soon`\n  help: times here are counts of `s`, or ISO 8601",
    );
}

#[test]
fn declared_types_win() {
    let declared = "key = \"user_id\"\n[entity.user.columns]\nage = { type = \"int\" }";
    let change = |w: &World| {
        w.edit("catalog.toml", "key = \"user_id\"", declared);
        w.edit("users.csv", "45", "old");
    };
    broken(change, "error: users.csv, row 3 (line 4), column `age`: expected an int, found `old`");
}

#[test]
fn lines_count_blank_lines_and_lines_in_quotes() {
    let change = |w: &World| {
        w.file(
            "likes.csv",
            "user_id,movie_id,ts,stars,note\n10,7,100,4,\"two\nlines\"\n\n\n20,7,300,x,\n",
        );
    };
    broken(
        change,
        "error: likes.csv, row 2 (line 6), column `stars`: expected a number, found `x`",
    );
}

#[test]
fn a_line_with_too_few_fields() {
    edited(
        "likes.csv",
        "10,3,200,,b",
        "10,3,200",
        "error: likes.csv, row 3 (line 4): expected 5 fields, found 3",
    );
}

#[test]
fn a_quote_that_is_never_closed() {
    edited("likes.csv", "10,3,200,,b", "10,3,200,,\"b", "error: likes.csv, row 3 (line 4)");
}

#[test]
fn keys_are_unique_and_not_null() {
    edited(
        "users.csv",
        "20,45",
        "10,45",
        "error: users.csv, row 3 (line 4), column `user_id`: duplicate key `10`, also in row 1 (line 2)",
    );
    edited(
        "users.csv",
        "30,,US",
        ",,US",
        "error: users.csv, row 2 (line 3), column `user_id`: the key is null",
    );
}

#[test]
fn keys_are_ints_or_strings() {
    edited(
        "users.csv",
        "30,,US",
        "30.5,,US",
        "error: users.csv, row 2 (line 3), column `user_id`: expected an int, found `30.5`\n  help: `on_error = \"skip\"`",
    );
}

#[test]
fn dangling_and_null_ends() {
    edited(
        "likes.csv",
        "20,7,300",
        "21,7,300",
        "error: likes.csv, row 2 (line 3), column `user_id`: no user has the key `21`\n  help: `on_error",
    );
    edited(
        "likes.csv",
        "20,7,300",
        ",7,300",
        "error: likes.csv, row 2 (line 3), column `user_id`: the end `from` is null",
    );
    edited(
        "likes.csv",
        "20,7,300",
        "x,7,300",
        "error: likes.csv, row 2 (line 3), column `user_id`: expected an int, found `x`",
    );
}

#[test]
fn dangling_references() {
    let reference = "key = \"user_id\"\n[entity.user.references]\nfriend = { entity = \"user\", column = \"friend\" }";
    let change = |w: &World| {
        w.edit("catalog.toml", "key = \"user_id\"", reference);
        w.file("users.csv", "user_id,friend\n10,20\n20,\n30,40\n");
    };
    broken(change, "error: users.csv, row 3 (line 4), column `friend`: no user has the key `40`");
}

#[test]
fn int_times_need_a_unit() {
    let seconds = "expected a time, the column is int and has no `unit` (it is the edge's time)\n  help: values like";
    for (value, unit) in [("1714521600", "s"), ("1714521600000", "ms"), ("1714521600000000", "us")]
    {
        let change = |w: &World| {
            w.edit("catalog.toml", "ts = { type = \"time\", unit = \"s\" }", "");
            w.file("likes.csv", format!("user_id,movie_id,ts,stars\n10,7,{value},4\n"));
        };
        broken(
            change,
            &format!(
                "error: likes.csv, column `ts`: {seconds} {value} look like \"{unit}\": add `ts = "
            ),
        );
    }
}

#[test]
fn times_beyond_the_calendar() {
    edited(
        "likes.csv",
        "20,7,300,5",
        "20,7,1714521600000,5",
        "error: likes.csv, row 2 (line 3), column `ts`: `1714521600000` is outside the supported range of times, -9999-01-01 to 9999-12-31T23:59:59Z\n  help: check the `unit`",
    );
}

#[test]
fn the_smallest_int_is_taken() {
    edited(
        "users.csv",
        "45",
        "-9223372036854775808",
        "error: users.csv, row 3 (line 4), column `age`: -9223372036854775808 is not available as a value",
    );
}

#[test]
fn dates_that_do_not_exist() {
    let change = |w: &World| {
        w.edit("catalog.toml", "time = \"ts\"", "time = { columns = [\"y\", \"m\", \"d\"] }");
        w.edit("catalog.toml", "ts = { type = \"time\", unit = \"s\" }", "");
        w.file("likes.csv", "user_id,movie_id,stars,y,m,d\n10,7,4,2024,02,29\n20,7,1,2023,02,29\n");
    };
    broken(change, "error: likes.csv, row 2 (line 3), column `y`: invalid date `2023-2-29`");
}

#[test]
fn files_that_are_not_what_they_seem() {
    let file = |name: &'static str, bytes: &'static [u8]| move |w: &World| w.file(name, bytes);
    broken(file("users.csv", b""), "error: users.csv: the file is empty");
    broken(
        file("users.csv", b"user_id,age\n10,\xff\n"),
        "error: users.csv, line 2: byte 0xff is not UTF-8\n  help: name the encoding",
    );
    broken(
        file("users.csv", b"PAR1\x15\x00\xff\x80"),
        "error: users.csv: the file is Parquet, not text",
    );
    broken(
        file("users.csv", b"user_id,age\n10,\0\n"),
        "error: users.csv, line 2: the file is not text: it has zero bytes",
    );
    broken(
        file("users.csv", b"user_id,user_id,age\n10,1,2\n"),
        "error: users.csv, line 1: two columns are called `user_id`\n  help: `format = {",
    );
    broken(
        |w| std::fs::remove_file(w.path("users.csv")).unwrap(),
        "error: users.csv: there is no such file\n  help: ",
    );
}

#[test]
fn formats_that_are_not_read() {
    let change = |w: &World| {
        w.edit("catalog.toml", "users.csv", "users.xlsx");
        w.file("users.xlsx", "PK");
    };
    broken(
        change,
        "error: users.xlsx: unsupported format (.xlsx)\n  help: tables are read from .parquet, .csv",
    );
    let change = |w: &World| {
        w.edit("catalog.toml", "users.csv", "users.parquet.gz");
        w.file("users.parquet.gz", "PAR1");
    };
    broken(change, "error: users.parquet.gz: unsupported format (packed .parquet)\n  help: tables");
    let vectors =
        format!("{LIKES}\n[embedding.v]\nentity = \"user\"\nfile = \"v.csv\"\nmetric = \"dot\"\n");
    let change = |w: &World| {
        w.file("catalog.toml", vectors);
        w.file("v.csv", "x");
    };
    broken(change, "error: v.csv: unsupported format (.csv)\n  help: vectors are read from");
}

#[test]
fn skipped_rows_are_counted() {
    let world = World::likes();
    for table in ["users.csv", "likes.csv"] {
        world.edit(
            "catalog.toml",
            &format!("table = \"{table}\""),
            &format!("table = \"{table}\"\non_error = \"skip\""),
        );
    }
    world.file("users.csv", "user_id,age\n10,1\n10,2\n,3\n20,4\n30,5,6\n");
    world.file(
        "likes.csv",
        "user_id,movie_id,ts,stars\n10,7,1,1\n99,7,1,1\n20,,1,1\n20,8,soon,1\n20,9,2,\n",
    );
    let snapshot = world.snapshot();
    let warnings: Vec<String> = snapshot.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "warning: users.csv: 1 row skipped: expected 2 fields, found 3 (first: row 5)",
            "warning: likes.csv: 1 row skipped: column `ts`: expected a time, found `soon` (first: row 4)",
            "warning: users.csv: 1 row skipped: column `user_id`: the key is null (first: row 3)",
            "warning: users.csv: 1 row skipped: column `user_id`: duplicate key `10`, also in row 1 (line 2) (first: row 2)",
            "warning: likes.csv: 1 link skipped: column `user_id`: no user has the key `99` (first: row 2)",
            "warning: likes.csv: 1 link skipped: column `movie_id`: the end `to` is null (first: row 3)",
        ]
    );
    let (users, likes) = (entity(&snapshot, "user"), edge(&snapshot, "likes"));
    assert_eq!(snapshot.schema().entity(users).rows, 2);
    assert_eq!(snapshot.ends(likes), (&[0u32, 1][..], &[0u32, 1][..]));
    assert_eq!(snapshot.row_of(users, &20.into()), Some(1));
}

#[test]
fn skipped_references_read_null() {
    let world = World::likes();
    let skip = "key = \"user_id\"\non_error = \"skip\"\n[entity.user.references]\nfriend = { entity = \"user\", column = \"friend\" }";
    world.edit("catalog.toml", "key = \"user_id\"", skip);
    world.file("users.csv", "user_id,friend\n10,20\n20,\n30,40\n");
    let snapshot = world.snapshot();
    let id = entity(&snapshot, "user");
    assert!(matches!(
        snapshot.column(id, 1),
        igql::batch::ColumnView::Code([1, u32::MAX, u32::MAX])
    ));
    let message =
        "1 reference reads null: column `friend`: no user has the key `40` (first: row 3)";
    assert_eq!(snapshot.warnings()[0].message, message);
}

#[test]
fn parquet_values_that_do_not_fit() {
    let users = |columns: Vec<(&'static str, ArrayRef)>| {
        move |w: &World| {
            w.edit("catalog.toml", "users.csv", "users.parquet");
            w.parquet("users.parquet", columns);
        }
    };
    let keys = || ("user_id", Arc::new(Int32Array::from(vec![10, 20])) as ArrayRef);
    let large = || Arc::new(UInt64Array::from(vec![1, u64::MAX])) as ArrayRef;
    let declared = |w: &World| {
        users(vec![keys(), ("n", large())])(w);
        let columns = "key = \"user_id\"\n[entity.user.columns]\nn = { type = \"int\" }";
        w.edit("catalog.toml", "key = \"user_id\"", columns);
    };
    broken(
        declared,
        "error: users.parquet, row 2, column `n`: 18446744073709551615 does not fit into a 64-bit int\n  help: write `type = \"string\"`",
    );
    let least = Arc::new(Int64Array::from(vec![i64::MIN, 1]));
    broken(
        users(vec![keys(), ("n", least)]),
        "error: users.parquet, row 1, column `n`: -9223372036854775808 is not",
    );
    let bools = Arc::new(BooleanArray::from(vec![true, false]));
    broken(
        users(vec![("user_id", bools)]),
        "error: users.parquet, column `user_id`: the key is bool, expected int or string",
    );
}

fn parquet_world() -> World {
    let world = World::new(
        &LIKES.replace("users.csv", "users.parquet").replace("likes.csv", "likes.parquet"),
    );
    let list = ListArray::from_iter_primitive::<types::Int64Type, _, _>(
        (0..40).map(|i| (i % 3 > 0).then(|| vec![Some(i); 2])),
    );
    world.parquet(
        "users.parquet",
        vec![
            ("user_id", Arc::new(Int64Array::from_iter_values(0..40))),
            (
                "name",
                Arc::new(StringArray::from_iter_values((0..40).map(|i| format!("name {}", i % 7)))),
            ),
            (
                "height",
                Arc::new(Float32Array::from_iter((0..40).map(|i| (i % 5 > 0).then_some(i as f32)))),
            ),
            ("lists", Arc::new(list)),
        ],
    );
    let ints =
        |f: fn(i64) -> i64| Arc::new(Int64Array::from_iter_values((0..100).map(f))) as ArrayRef;
    let columns = vec![
        ("user_id", ints(|i| i % 40)),
        ("movie_id", ints(|i| i % 9)),
        ("ts", ints(|i| i)),
        ("stars", ints(|i| i % 5)),
    ];
    world.parquet("likes.parquet", columns);
    world
}

/// Builds with a damaged file: an error with the file's name, or values that were not damaged
/// enough to tell; never a panic, never the loss of the old snapshot.
fn damaged(world: &World, name: &str, bytes: &[u8], before: &str) -> bool {
    world.file(name, bytes);
    match world.open() {
        Ok(_) => true,
        Err(error) => {
            let known =
                error.file.ends_with(name) || error.message.starts_with("no user has the key");
            assert!(known, "{error}");
            assert_eq!(world.stale().unwrap().id(), before);
            false
        }
    }
}

#[test]
fn truncated_parquet_files() {
    let world = parquet_world();
    let before = world.snapshot().id().to_owned();
    let whole = std::fs::read(world.path("users.parquet")).unwrap();
    for length in (0..whole.len()).step_by(7).chain(whole.len() - 12..whole.len()) {
        assert!(
            !damaged(&world, "users.parquet", &whole[..length], &before),
            "{length} bytes of {} will do",
            whole.len()
        );
    }
    world.file("users.parquet", &whole);
    assert_eq!(world.snapshot().id(), before);
}

#[test]
fn parquet_files_with_wrong_bytes() {
    let world = parquet_world();
    let whole = std::fs::read(world.path("users.parquet")).unwrap();
    let mut before = world.snapshot().id().to_owned();
    for (at, mask) in (0..whole.len()).step_by(3).zip([0xff, 0x01, 0x80, 0x10].into_iter().cycle())
    {
        let mut bytes = whole.clone();
        bytes[at] ^= mask;
        if damaged(&world, "users.parquet", &bytes, &before) {
            before = world.snapshot().id().to_owned();
        }
    }
}

#[test]
fn text_with_wrong_bytes() {
    let world = World::likes();
    let whole = std::fs::read(world.path("likes.csv")).unwrap();
    let mut before = world.snapshot().id().to_owned();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x15;
        world.file("likes.csv", &bytes);
        match world.open() {
            Ok(snapshot) => before = snapshot.id().to_owned(),
            Err(_) => assert_eq!(world.stale().unwrap().id(), before),
        }
    }
}

const VECTORS: &str = "\n[embedding.v]\nentity = \"user\"\nfile = \"v.npy\"\nmetric = \"cosine\"\n";

fn vectors(bytes: Vec<u8>, expected: &str) {
    let change = |w: &World| {
        w.file("catalog.toml", format!("{LIKES}{VECTORS}"));
        w.file("v.npy", bytes);
    };
    broken(change, expected);
}

#[test]
fn vector_files() {
    let six = floats(&[1., 2., 3., 4., 5., 6.]);
    vectors(
        npy("<f4", "2, 3", &six),
        "error: v.npy: has 2 vectors, the entity `user` has 3 rows\n  help: row i",
    );
    vectors(
        npy("<f4", "3, 2", &six[..20]),
        "error: v.npy: the file has 148 bytes, its header needs 152",
    );
    vectors(
        npy("<i4", "3, 2", &six),
        "error: v.npy: its numbers are of type `<i4`, expected floats",
    );
    vectors(npy("<f4", "6,", &six), "error: v.npy: its shape is (6,), expected rows and columns");
    vectors(b"\x93NUMPY\x01".to_vec(), "error: v.npy: not a readable .npy file");
    vectors(Vec::new(), "error: v.npy: not a readable .npy file");
    let nan = floats(&[1., 2., 3., f32::NAN, 5., 6.]);
    vectors(npy("<f4", "3, 2", &nan), "error: v.npy, row 2: element 2 of the vector is NaN");
    let infinite: Vec<u8> =
        [1., 2., 3., 4., 5., 1e300f64].iter().flat_map(|v| v.to_le_bytes()).collect();
    vectors(npy("<f8", "3, 2", &infinite), "error: v.npy, row 3: element 2 of the vector is inf");
    let huge = npy("<f4", "4611686018427387904, 4", &six);
    vectors(huge, "error: v.npy: the file has");
}

#[test]
fn npy_headers_cut_anywhere() {
    let world = World::likes();
    world.file("catalog.toml", format!("{LIKES}{VECTORS}"));
    let whole = npy("<f4", "3, 2", &floats(&[1., 2., 3., 4., 5., 6.]));
    world.file("v.npy", &whole);
    let before = world.snapshot().id().to_owned();
    for length in 0..whole.len() {
        assert!(!damaged(&world, "v.npy", &whole[..length], &before), "{length} bytes will do");
    }
}

#[test]
fn vectors_by_key() {
    let catalog = format!("{LIKES}{}", VECTORS.replace("v.npy", "v.parquet"));
    let file = |keys: Vec<i64>, rows: Vec<Option<Vec<Option<f32>>>>| {
        let catalog = catalog.clone();
        move |w: &World| {
            w.file("catalog.toml", catalog);
            let list = ListArray::from_iter_primitive::<types::Float32Type, _, _>(rows);
            w.parquet(
                "v.parquet",
                vec![("user_id", Arc::new(Int64Array::from(keys))), ("vector", Arc::new(list))],
            );
        }
    };
    let two = || Some(vec![Some(1.0), Some(2.0)]);
    broken(
        file(vec![10, 99], vec![two(), two()]),
        "error: v.parquet, row 2, column `user_id`: no user has the key `99`",
    );
    broken(
        file(vec![10, 10], vec![two(), two()]),
        "error: v.parquet, row 2, column `user_id`: the key `10` has a vector",
    );
    let short = Some(vec![Some(1.0)]);
    broken(
        file(vec![10, 20], vec![two(), short]),
        "error: v.parquet, row 2, column `vector`: expected a vector of 2 numbers, found 1",
    );
    let nan = Some(vec![Some(1.0), Some(f32::NAN)]);
    broken(
        file(vec![10, 20], vec![two(), nan]),
        "error: v.parquet, row 2, column `vector`: element 2 of the vector is not",
    );
}

#[test]
fn numbers_that_are_too_large_for_halves() {
    let halves = |file: &str| {
        let section = VECTORS.replace("v.npy", file);
        format!("{LIKES}{section}storage = \"f16\"\n")
    };
    let by_row = |number: f32| {
        let catalog = halves("v.npy");
        move |w: &World| {
            w.file("catalog.toml", catalog);
            let data = floats(&[1., 2., 65_519.9, number, 5., 6.]);
            w.file("v.npy", npy("<f4", "3, 2", &data));
        }
    };
    broken(
        by_row(-65_520.0),
        "error: v.npy, row 2: element 2 of the vector is -65520, too large for `storage = \"f16\"`\n  \
         help: its numbers are within ±65504: store them as \"f32\", or scale all vectors down",
    );
    let by_key = |w: &World, more: &str| {
        w.file("catalog.toml", halves("v.parquet") + more);
        let row = |x| Some(vec![Some(1.0), Some(x)]);
        let rows = [row(2.0), row(1e6), row(1e7)];
        let list = ListArray::from_iter_primitive::<types::Float32Type, _, _>(rows);
        let keys = Arc::new(Int64Array::from(vec![10, 20, 30]));
        w.parquet("v.parquet", vec![("user_id", keys), ("vector", Arc::new(list))]);
    };
    broken(
        |w| by_key(w, ""),
        "error: v.parquet, row 2, column `vector`: element 2 of the vector is 1000000, too large for \
         `storage = \"f16\"` (and 1 more: row 3)\n  help: its numbers are within",
    );
    let world = World::likes();
    by_key(&world, "on_error = \"skip\"\n");
    let snapshot = world.snapshot();
    let warning = &snapshot.warnings()[0];
    assert_eq!(
        (warning.count, &*warning.message),
        (
            2,
            "2 vectors skipped: column `vector`: element 2 of the vector is 1000000, too large for \
             `storage = \"f16\"` (first: row 2)"
        )
    );
    assert_eq!(snapshot.schema().embeddings[0].missing, [2]);
}
