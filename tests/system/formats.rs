//! One world in every format that tables and vectors can have: the same data, and clear errors
//! where a file is broken.

use crate::data::{LIKES, World, edge, entity};
use arrow_array::*;
use igql::batch::ColumnView;
use igql::types::Type;
use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

/// The rows of the likes, in every way that a file can hold them.
fn likes(ending: &str) -> Vec<u8> {
    const CSV: &str =
        "user_id,movie_id,ts,stars,note\n10,7,100,4,a\n20,7,300,5,\n10,3,200,,b\n10,7,200,2.5,c\n";
    const JSON: &str = r#"{"user_id": 10, "movie_id": 7, "ts": 100, "stars": 4, "note": "a"}
{"user_id": 20, "movie_id": 7, "ts": 300, "stars": 5, "note": null}

{"movie_id": 3, "user_id": 10, "ts": 200, "note": "b"}
{"user_id": 10, "movie_id": 7, "ts": 200, "stars": 2.5, "note": "c"}
"#;
    match ending {
        "csv" => CSV.into(),
        "tsv" => CSV.replace(',', "\t").into(),
        "jsonl" | "ndjson" => JSON.into(),
        "csv.gz" => gzip(CSV.as_bytes()),
        "csv.zst" => zstd::encode_all(CSV.as_bytes(), 3).unwrap(),
        "jsonl.gz" => gzip(JSON.as_bytes()),
        "ndjson.zst" => zstd::encode_all(JSON.as_bytes(), 3).unwrap(),
        "arrow" => arrow_file(None),
        "feather" => arrow_file(Some(arrow_ipc::CompressionType::ZSTD)),
        _ => panic!("{ending}"),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn batch() -> RecordBatch {
    let ints = |v: [i64; 4]| Arc::new(Int64Array::from(v.to_vec())) as ArrayRef;
    RecordBatch::try_from_iter([
        ("user_id", ints([10, 20, 10, 10])),
        ("movie_id", ints([7, 7, 3, 7])),
        ("ts", ints([100, 300, 200, 200])),
        ("stars", Arc::new(Float64Array::from(vec![Some(4.0), Some(5.0), None, Some(2.5)]))),
        ("note", Arc::new(StringArray::from(vec![Some("a"), None, Some("b"), Some("c")]))),
    ])
    .unwrap()
}

/// In two batches, packed or not.
fn arrow_file(packing: Option<arrow_ipc::CompressionType>) -> Vec<u8> {
    let options = arrow_ipc::writer::IpcWriteOptions::default();
    let options = options.try_with_compression(packing).unwrap();
    let batch = batch();
    let mut writer =
        arrow_ipc::writer::FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options)
            .unwrap();
    writer.write(&batch.slice(0, 1)).unwrap();
    writer.write(&batch.slice(1, 3)).unwrap();
    writer.into_inner().unwrap()
}

fn world(ending: &str, bytes: &[u8]) -> World {
    let world = World::likes();
    let name = format!("likes.{ending}");
    world.edit("catalog.toml", "likes.csv", &name);
    world.file(&name, bytes);
    world
}

const ENDINGS: [&str; 10] = [
    "csv",
    "tsv",
    "jsonl",
    "ndjson",
    "csv.gz",
    "csv.zst",
    "jsonl.gz",
    "ndjson.zst",
    "arrow",
    "feather",
];

#[test]
fn every_format_gives_the_same_data() {
    for ending in ENDINGS {
        let snapshot = world(ending, &likes(ending)).snapshot();
        let likes = edge(&snapshot, "likes");
        let out = snapshot.adjacency(likes, false);
        assert_eq!(out.target, &[0, 1, 1, 1][..], "{ending}");
        assert_eq!(out.time.map(|t| t[0]), Some(200_000_000), "{ending}");
        let weights = out.weight.unwrap();
        assert!(weights[0].is_nan(), "{ending}");
        assert_eq!(weights[1..], [2.5, 4.0, 5.0], "{ending}");
        let ColumnView::Code(notes) = snapshot.link_column(likes, 0) else { panic!("{ending}") };
        assert_eq!(snapshot.string(notes[0]), "a", "{ending}");
    }
}

#[test]
fn arrow_streams_are_read_too() {
    let batch = batch();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    let bytes = writer.into_inner().unwrap();
    let snapshot = world("arrow", &bytes).snapshot();
    assert_eq!(snapshot.schema().edge(edge(&snapshot, "likes")).links, 4);
}

#[test]
fn packed_pieces_follow_each_other() {
    let text = likes("csv");
    let (head, tail) = text.split_at(45);
    let bytes = [gzip(head), gzip(tail)].concat();
    let snapshot = world("csv.gz", &bytes).snapshot();
    assert_eq!(snapshot.schema().edge(edge(&snapshot, "likes")).links, 4);
}

#[test]
fn globs_join_files_of_one_format() {
    let world = World::likes();
    world.edit("catalog.toml", "likes.csv", "likes-*.jsonl.gz");
    world.file("likes-2.jsonl.gz", gzip(b"{\"user_id\":20,\"movie_id\":9,\"ts\":5,\"stars\":1}\n"));
    world.file("likes-1.jsonl.gz", likes("jsonl.gz"));
    let snapshot = world.snapshot();
    assert_eq!(snapshot.schema().edge(edge(&snapshot, "likes")).links, 5);
    world.edit("catalog.toml", "likes-*.jsonl.gz", "likes-*");
    world.file("likes-3.csv", likes("csv"));
    let error = world.error();
    assert!(
        error.contains("`table = \"likes-*\"`:") && error.contains("are of different formats"),
        "{error}"
    );
}

fn shapes(lines: &str) -> Vec<(String, Type)> {
    let world = World::likes();
    world.edit("catalog.toml", "users.csv", "users.jsonl");
    world.file("users.jsonl", lines);
    let snapshot = world.snapshot();
    let user = entity(&snapshot, "user");
    let columns = &snapshot.schema().entity(user).columns[1..];
    columns.iter().map(|c| (c.name.clone(), c.ty.clone())).collect()
}

#[test]
fn types_of_json_values() {
    let lines = r#"{"user_id": 10, "i": 1, "f": 1, "b": true, "s": "7", "t": "2024-05-01", "l": ["a", "b"], "v": [1, 2.5], "m": 1}
{"user_id": 20, "f": 1.5, "t": "2024-05-01T10:00:00Z", "l": [], "v": [], "m": "x", "n": null}
{"user_id": 30, "big": 18446744073709551615}
"#;
    let list = |t| Type::List(Box::new(t));
    let expected = [
        ("i", Type::Int),
        ("f", Type::Float),
        ("b", Type::Bool),
        ("s", Type::String),
        ("t", Type::Time),
        ("l", list(Type::String)),
        ("v", list(Type::Float)),
        ("m", Type::String),
        ("n", Type::String),
        ("big", Type::String),
    ];
    let expected: Vec<_> = expected.map(|(n, t)| (n.to_owned(), t)).into();
    assert_eq!(shapes(lines), expected);
}

#[test]
fn json_lists_are_ends_of_links() {
    let world = World::likes();
    world.edit("catalog.toml", "likes.csv", "likes.jsonl");
    world.file(
        "likes.jsonl",
        r#"{"user_id": 10, "movie_id": [7, 3], "ts": 1, "stars": 2}
{"user_id": 20, "movie_id": [], "ts": 1, "stars": 2}"#,
    );
    let snapshot = world.snapshot();
    let likes = edge(&snapshot, "likes");
    assert_eq!(snapshot.schema().edge(likes).links, 2);
}

#[test]
fn columns_without_a_type_are_left_out_with_a_warning() {
    let world = World::likes();
    world.edit("catalog.toml", "users.csv", "users.jsonl");
    world.file(
        "users.jsonl",
        "{\"user_id\": 10, \"address\": {\"city\": \"X\"}}\n{\"user_id\": 20, \"tags\": 1}\n{\"user_id\": 30, \"tags\": [1]}",
    );
    let snapshot = world.snapshot();
    let warnings: Vec<_> = snapshot.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "warning: users.jsonl: column `address` is ignored: unsupported type object",
            "warning: users.jsonl: column `tags` is ignored: unsupported type list or single value",
        ]
    );
}

/// Changes the sound world; the error begins as expected, and the old snapshot stays.
fn broken(ending: &str, bytes: impl AsRef<[u8]>, expected: &str) {
    let world = world(ending, &likes(ending));
    let before = world.snapshot().id().to_owned();
    world.file(&format!("likes.{ending}"), bytes.as_ref());
    let error = world.error();
    assert!(error.starts_with(expected), "expected: {expected}\nfound:    {error}");
    assert_eq!(world.stale().unwrap().id(), before);
}

#[test]
fn json_lines_that_are_none() {
    let after = |line: &str| {
        let good = r#"{"user_id": 10, "movie_id": 7, "ts": 100, "stars": 4}"#;
        format!("{good}\n\n{line}\n{good}\n")
    };
    broken(
        "jsonl",
        "[1, 2]\n",
        "error: likes.jsonl, row 1: expected an object, found a list\n  help: JSON lines have",
    );
    broken(
        "jsonl",
        after("{\"user_id\": 20, \"movie_id\":"),
        "error: likes.jsonl, row 2 (line 3): not a JSON object: EOF while parsing a value at character 27",
    );
    broken(
        "jsonl",
        after("7"),
        "error: likes.jsonl, row 2 (line 3): expected an object, found a number",
    );
    broken(
        "jsonl",
        after(r#"{"user_id": 20, "movie_id": 7, "ts": 1, "stars": "many"}"#),
        "error: likes.jsonl, row 2 (line 3), column `stars`: expected a number, found `many`",
    );
    broken(
        "jsonl",
        after(r#"{"user_id": 21, "movie_id": 7, "ts": 1}"#),
        "error: likes.jsonl, row 2 (line 3), column `user_id`: no user has the key `21`",
    );
    broken(
        "jsonl",
        b"{\"user_id\": \"\xff\"}".as_slice(),
        "error: likes.jsonl, line 1: byte 0xff is not UTF-8",
    );
}

#[test]
fn packed_files_that_are_damaged() {
    for (ending, kind) in [("csv.gz", "gzip"), ("ndjson.zst", "zstd")] {
        let whole = likes(ending);
        let place = format!("error: likes.{ending}: ");
        broken(ending, "", &format!("{place}the file is empty"));
        let not = format!("{place}not a readable {kind} file: ");
        broken(ending, "user_id,movie_id\n", &not);
        for length in (1..whole.len()).step_by(5) {
            broken(ending, &whole[..length], &not);
        }
    }
    broken(
        "csv",
        likes("csv.gz"),
        "error: likes.csv: the file is packed with gzip, not text\n  help: give it the ending .gz",
    );
}

#[test]
fn arrow_files_that_are_damaged() {
    broken("arrow", "", "error: likes.arrow: the file is empty");
    broken("arrow", "user_id\n", "error: likes.arrow: not a readable Arrow file: ");
    for packing in [None, Some(arrow_ipc::CompressionType::LZ4_FRAME)] {
        let whole = arrow_file(packing);
        for length in (1..whole.len()).step_by(37) {
            broken("arrow", &whole[..length], "error: likes.arrow: not a readable Arrow file: ");
        }
        let world = world("arrow", &whole);
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= [0xff, 0x01, 0x80][at % 3];
            world.file("likes.arrow", &bytes);
            if let Err(error) = world.open() {
                let known = ["likes.arrow", "catalog.toml"];
                assert!(known.iter().any(|name| error.file.ends_with(name)), "{error}");
            }
        }
    }
}

#[test]
fn formats_are_for_text() {
    for ending in ["arrow", "jsonl"] {
        let world = world(ending, &likes(ending));
        world.edit(
            "catalog.toml",
            "time = \"ts\"",
            "time = \"ts\"\nformat = { separator = \";\" }",
        );
        let error = world.error();
        assert!(error.contains("`format` is about text with separators"), "{error}");
    }
    let world =
        world("jsonl", b"{\"user_id\": 10, \"movie_id\": 7, \"ts\": 1, \"stars\": \"N/A\"}");
    world.edit(
        "catalog.toml",
        "time = \"ts\"",
        "time = \"ts\"\nformat = { null = [\"\", \"N/A\"] }",
    );
    assert_eq!(world.snapshot().warnings(), []);
}

#[test]
fn texts_of_another_encoding() {
    let world = world("csv", b"user_id,movie_id,ts,stars,note\n10,7,1,1,\x81\x20\n");
    let format = "time = \"ts\"\nformat = { encoding = \"shift_jis\" }";
    world.edit("catalog.toml", "time = \"ts\"", format);
    let error = world.error();
    let expected =
        "error: likes.csv, line 2: the text is not Shift_JIS\n  help: check the `encoding`";
    assert_eq!(error, expected);
}

/// A .safetensors file: tensors with their type, shape and bytes.
fn tensors(all: &[(&str, &str, &[usize], Vec<u8>)]) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::<u8>::new());
    for (name, dtype, shape, bytes) in all {
        let from = data.len();
        data.extend(bytes);
        entries.push(format!(
            "\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[{from},{}]}}",
            data.len()
        ));
    }
    let header = format!("{{\"__metadata__\":{{\"by\":\"test\"}},{}}}", entries.join(","));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn ints(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn embedded(file: &str, more: &str, bytes: &[u8]) -> World {
    let world = World::likes();
    let section = format!(
        "{LIKES}\n[embedding.v]\nentity = \"user\"\nfile = \"{file}\"\nmetric = \"dot\"\n{more}"
    );
    world.file("catalog.toml", section);
    world.file(file, bytes);
    world
}

fn vectors(world: &World) -> Vec<Option<Vec<f32>>> {
    let snapshot = world.snapshot();
    let view = snapshot.vectors(0, entity(&snapshot, "user")).unwrap();
    (0..3).map(|row| view.get(row).map(Cow::into_owned)).collect()
}

#[test]
fn tensors_by_row_and_by_key() {
    let six = || floats(&[1., 2., 3., 4., 5., 6.]);
    let by_row = tensors(&[("weight", "F32", &[3, 2], six())]);
    let rows = |a: &[[f32; 2]]| a.iter().map(|v| Some(v.to_vec())).collect::<Vec<_>>();
    let in_order = rows(&[[1., 2.], [3., 4.], [5., 6.]]);
    assert_eq!(vectors(&embedded("v.safetensors", "", &by_row)), in_order);
    let halves: Vec<u8> = [0x3c00u16, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600]
        .iter()
        .flat_map(|h| h.to_le_bytes())
        .collect();
    let half = tensors(&[("weight", "F16", &[3, 2], halves)]);
    assert_eq!(vectors(&embedded("v.safetensors", "", &half)), in_order);
    let keyed = tensors(&[
        ("user_id", "I64", &[2], ints(&[20, 10])),
        ("weight", "F32", &[2, 2], floats(&[1., 2., 3., 4.])),
    ]);
    let by_key = [Some(vec![3., 4.]), None, Some(vec![1., 2.])];
    assert_eq!(vectors(&embedded("v.safetensors", "", &keyed)), by_key);
    let two = tensors(&[
        ("ids", "I64", &[2], ints(&[20, 10])),
        ("a", "F32", &[2, 2], floats(&[1., 2., 3., 4.])),
        ("b", "F32", &[2, 1], floats(&[7., 8.])),
    ]);
    let world = embedded("v.safetensors", "key = \"ids\"\ncolumn = \"b\"\n", &two);
    assert_eq!(vectors(&world), [Some(vec![8.]), None, Some(vec![7.])]);
}

#[test]
fn vectors_in_json_lines() {
    let lines = "{\"user_id\": 20, \"v\": [1, 2]}\n{\"user_id\": 10, \"v\": [3.5, 4]}\n";
    let by_key = [Some(vec![3.5, 4.]), None, Some(vec![1., 2.])];
    assert_eq!(vectors(&embedded("v.jsonl", "", lines.as_bytes())), by_key);
    let short = "{\"user_id\": 20, \"v\": [1, 2]}\n{\"user_id\": 10, \"v\": [3.5]}\n";
    let error = embedded("v.jsonl", "", short.as_bytes()).error();
    let expected =
        "error: v.jsonl, row 2 (line 2), column `v`: expected a vector of 2 numbers, found 1";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn tensors_that_are_damaged() {
    let six = || floats(&[1., 2., 3., 4., 5., 6.]);
    let error = |bytes: &[u8]| embedded("v.safetensors", "", bytes).error();
    let not = "error: v.safetensors: not a readable .safetensors file: ";
    let whole = tensors(&[("weight", "F32", &[3, 2], six())]);
    for length in 0..whole.len() {
        let error = error(&whole[..length]);
        assert!(error.starts_with(not), "{length}: {error}");
    }
    let starts = |bytes: &[u8], expected: &str| {
        let error = error(bytes);
        assert!(error.starts_with(expected), "{error}");
    };
    starts(
        &tensors(&[("weight", "F32", &[3, 3], six())]),
        &format!("{not}tensor `weight`: 24 bytes do not make [3, 3]"),
    );
    starts(
        &tensors(&[("weight", "F32", &[2, 3], six())]),
        "error: v.safetensors: has 2 vectors, the entity `user` has 3 rows",
    );
    let nan = floats(&[1., 2., 3., f32::NAN, 5., 6.]);
    starts(
        &tensors(&[("weight", "F32", &[3, 2], nan)]),
        "error: v.safetensors, row 2: element 2 of the vector is NaN",
    );
    starts(
        &tensors(&[("a", "F32", &[3, 1], floats(&[1., 2., 3.])), ("b", "F32", &[3, 2], six())]),
        "error: v.safetensors: several columns with lists of numbers\n  help: `column = ",
    );
    starts(
        &tensors(&[("user_id", "I64", &[1], ints(&[10])), ("b", "F32", &[3, 2], six())]),
        "error: v.safetensors, column `user_id`: has 1 rows, the vectors have 3",
    );
    starts(
        &tensors(&[("user_id", "I64", &[3], ints(&[10, 99, 20])), ("b", "F32", &[3, 2], six())]),
        "error: v.safetensors, row 2, column `user_id`: no user has the key `99`",
    );
}
