//! What a snapshot holds, and when it is built anew.

use crate::data::{LIKES, World, edge, entity};
use arrow_array::*;
use half::f16;
use igql::batch::ColumnView;
use igql::catalog::schema::{KeyType, Now};
use igql::store::{KeyView, Options, open, verify};
use igql::types::{EntityId, Floats, Key, NULL_CODE, NULL_INT, Type};
use std::sync::Arc;

const SECOND: i64 = 1_000_000;

fn ints(view: ColumnView<'_>) -> Vec<i64> {
    let ColumnView::I64(v) = view else { panic!("{view:?}") };
    v.to_vec()
}

fn floats(view: ColumnView<'_>) -> Vec<Option<f64>> {
    let ColumnView::F64(v) = view else { panic!("{view:?}") };
    v.iter().map(|x| (!x.is_nan()).then_some(*x)).collect()
}

fn strings<'s>(snapshot: &'s igql::store::Snapshot, view: ColumnView<'_>) -> Vec<&'s str> {
    let ColumnView::Code(v) = view else { panic!("{view:?}") };
    v.iter().map(|c| if *c == NULL_CODE { "-" } else { snapshot.string(*c) }).collect()
}

#[test]
fn entities_and_links() {
    let world = World::likes();
    let s = world.snapshot();
    let (users, movies, likes) = (entity(&s, "user"), entity(&s, "movie"), edge(&s, "likes"));
    assert_eq!(s.schema().viewer, users);
    assert!(matches!(s.keys(users), KeyView::Int([10, 30, 20])), "rows are in file order");
    assert!(matches!(s.keys(movies), KeyView::Int([3, 7])), "ids without a table ascend");
    assert_eq!(s.row_of(users, &Key::Int(20)), Some(2));
    assert_eq!((s.row_of(users, &Key::Int(11)), s.row_of(users, &"10".into())), (None, None));
    assert_eq!(
        (ints(s.column(users, 1)), strings(&s, s.column(users, 2))),
        (vec![31, NULL_INT, 45], vec!["DE", "US", "DE"])
    );
    assert!(matches!(s.column(users, 0), ColumnView::Code([0, 1, 2])));
    let out = s.adjacency(likes, false);
    assert_eq!(
        (out.offsets, out.target, out.link),
        (&[0, 3, 3, 4][..], &[0, 1, 1, 1][..], &[2, 3, 0, 1][..])
    );
    assert_eq!(out.time, Some(&[200, 200, 100, 300].map(|t| t * SECOND)[..]));
    assert!(out.weight.is_some_and(|w| w[0].is_nan() && w[1..] == [2.5, 4.0, 5.0]));
    assert_eq!((out.latest, s.newest_link()), (300 * SECOND, Some(300 * SECOND)));
    let back = s.adjacency(likes, true);
    assert_eq!(
        (back.offsets, back.target, back.link),
        (&[0, 1, 4][..], &[0, 2, 0, 0][..], &[2, 1, 3, 0][..])
    );
    assert_eq!((back.range(1), back.degree(0)), (1..4, 1));
    assert_eq!(strings(&s, s.link_column(likes, 0)), ["a", "-", "b", "c"]);
    let e = s.schema().edge(likes);
    assert_eq!((e.links, e.out_degrees.max(), e.in_degrees.max(), e.columns.len()), (4, 3, 3, 1));
    assert_eq!((e.weight.nulls, e.weight.min, e.weight.max), (1, Some(2.5), Some(5.0)));
    assert_eq!((e.time_column.as_deref(), e.weight_column.as_deref()), (Some("ts"), Some("stars")));
    let age = &s.schema().entity(users).columns[1].stats;
    assert_eq!((age.nulls, age.min, age.max), (1, Some(31.0), Some(45.0)));
}

#[test]
fn strings_are_sorted_and_found() {
    let s = World::likes().snapshot();
    let all: Vec<&str> = (0..s.strings()).map(|c| s.string(c)).collect();
    assert_eq!(all, ["DE", "US", "a", "b", "c"]);
    assert_eq!((s.code_of("US"), s.code_of("UT"), s.code_of("")), (Some(1), None, None));
    assert_eq!((s.string(5), s.string(NULL_CODE)), ("", ""));
}

#[test]
fn string_keys_and_references() {
    let world = World::new(
        r#"
        [catalog]
        viewer = "post"
        [entity.post]
        table = "posts.csv"
        key = "id"
        time = "made"
        [entity.post.references]
        author = { entity = "person", column = "by" }
        parent = { entity = "post", column = "parent" }
        [entity.person]
        key = "name"
        "#,
    );
    world.file(
        "posts.csv",
        "made,id,by,parent\n2024-05-02,p9,zoe,\n2024-05-01T12:00:00Z,p1,al,p9\n,p5,zoe,p9\n2024-05-03,007,zoe,\n",
    );
    let s = world.snapshot();
    let (posts, people) = (entity(&s, "post"), entity(&s, "person"));
    let schema = s.schema().entity(posts);
    assert_eq!(
        (schema.key_type, s.schema().entity(people).key_type),
        (KeyType::String, KeyType::String)
    );
    assert_eq!(schema.columns[0].ty, Type::Id(posts));
    assert_eq!(
        schema.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(),
        ["id", "made", "by", "parent"]
    );
    assert_eq!(schema.columns[2].ty, Type::Id(people));
    assert_eq!(
        (schema.time, schema.references[0].column, schema.references[0].degrees.max()),
        (Some(1), 2, 3)
    );
    let keys: Vec<Key> = (0..4).map(|r| s.key(posts, r)).collect();
    assert_eq!(keys, ["p9", "p1", "p5", "007"].map(Key::from));
    assert!((0..4).all(|r| s.row_of(posts, &keys[r as usize]) == Some(r)));
    assert_eq!((s.row_of(posts, &"zoe".into()), s.row_of(posts, &"p2".into())), (None, None));
    assert_eq!((s.key(people, 0), s.key(people, 1)), ("al".into(), "zoe".into()));
    assert!(matches!(s.column(posts, 2), ColumnView::Code([1, 0, 1, 1])));
    assert!(matches!(s.column(posts, 3), ColumnView::Code([NULL_CODE, 0, 0, NULL_CODE])));
    let written = s.referrers(posts, 0);
    assert_eq!(
        (written.offsets, written.target, written.link),
        (&[0, 1, 4][..], &[1, 3, 0, 2][..], &[1, 3, 0, 2][..])
    );
    assert_eq!(written.time.map(|t| t[3]), Some(NULL_INT), "null times stand last");
    assert_eq!(written.latest, 1_714_694_400 * SECOND);
    let children = s.referrers(posts, 1);
    assert_eq!((children.range(0).len(), children.range(1).len()), (2, 0));
    assert_eq!(children.latest, 1_714_608_000 * SECOND, "the parent's time counts too");
}

#[test]
fn list_valued_ends() {
    let world = World::new(
        r#"
        [catalog]
        viewer = "user"
        [entity.user]
        key = "user"
        [entity.item]
        key = "item"
        [edge.visits]
        table = "visits.txt"
        format = { separator = " ", header = false, names = ["user", "items..."] }
        from = { entity = "user", column = "user" }
        to = { entity = "item", column = "items" }
        [edge.tagged]
        table = "tagged.csv"
        from = { entity = "user", column = "u" }
        to = { entity = "item", column = "items" }
        [edge.tagged.columns]
        items = { type = "list[int]", separator = "|" }
        "#,
    );
    world.file("visits.txt", "5 9 8 9 \n6\n4 8\n");
    world.file("tagged.csv", "u,items,how\n4,8|2,x\n5,,y\n6,9,z\n");
    let s = world.snapshot();
    let (visits, tagged) = (edge(&s, "visits"), edge(&s, "tagged"));
    assert!(matches!(s.keys(entity(&s, "user")), KeyView::Int([4, 5, 6])));
    assert!(matches!(s.keys(entity(&s, "item")), KeyView::Int([2, 8, 9])));
    assert_eq!(s.ends(visits), (&[1u32, 1, 1, 0][..], &[2u32, 1, 2, 1][..]));
    assert_eq!(
        s.adjacency(visits, false).target,
        [1, 2, 1, 2],
        "parallel links are separate, as listed"
    );
    assert_eq!(s.ends(tagged), (&[0u32, 0, 2][..], &[1u32, 0, 2][..]));
    assert_eq!(strings(&s, s.link_column(tagged, 0)), ["x", "x", "z"]);
    assert!(!s.schema().edge(visits).has_time && s.newest_link().is_none());
    assert_eq!(s.adjacency(visits, false).latest, i64::MIN);
}

#[test]
fn globs_are_read_in_path_order() {
    let world = World::likes();
    world.edit("catalog.toml", "likes.csv", "likes/*.csv");
    std::fs::create_dir(world.path("likes")).unwrap();
    world.file("likes/b.csv", "user_id,movie_id,ts,stars\n10,1,1,1\n");
    world.file("likes/a.csv", "user_id,movie_id,ts,stars\n10,2,2,2\n30,3,3,3.5\n");
    let s = world.snapshot();
    assert_eq!(s.ends(edge(&s, "likes")), (&[0u32, 1, 0][..], &[1u32, 2, 0][..]));
    world.file("likes/c.csv", "user_id,movie_id,ts,stars\n10,1,1,1\n20,1,soon,1\n");
    let error = world.error();
    assert!(
        error.starts_with("error: likes/c.csv, row 2 (line 3), column `ts`: expected a time"),
        "{error}"
    );
    world.file("likes/c.csv", "stars,user_id,movie_id\n1,20,5\n");
    let s = world.snapshot();
    let out = s.adjacency(edge(&s, "likes"), false);
    assert_eq!(s.ends(edge(&s, "likes")).0, [0, 1, 0, 2]);
    assert_eq!(out.time.map(|t| t[3]), Some(NULL_INT));
}

#[test]
fn times_of_every_kind() {
    let world = World::likes();
    let columns = "ts = { type = \"time\", unit = \"s\" }\nms = { unit = \"ms\" }\nus = { unit = \"us\" }\nns = { unit = \"ns\" }\nlong = { type = \"duration\", unit = \"ms\" }";
    world.edit("catalog.toml", "ts = { type = \"time\", unit = \"s\" }", columns);
    let header = "user_id,movie_id,ts,stars,ms,us,ns,long,day,at";
    world.file(
        "likes.csv",
        format!(
            "{header}\n10,1,5,1,5000,5000000,5000000999,1500,1970-01-02,1970-01-01 01:00:05+01:00\n"
        ),
    );
    let s = world.snapshot();
    let likes = edge(&s, "likes");
    for (column, name) in ["ms", "us", "ns"].iter().enumerate() {
        assert_eq!(s.schema().edge(likes).columns[column].name, *name);
        assert_eq!(ints(s.link_column(likes, column)), [5 * SECOND], "{name}");
    }
    assert_eq!(
        (ints(s.link_column(likes, 3)), &s.schema().edge(likes).columns[3].ty),
        (vec![1_500_000], &Type::Duration)
    );
    assert_eq!(
        (ints(s.link_column(likes, 4)), &s.schema().edge(likes).columns[4].ty),
        (vec![86_400 * SECOND], &Type::Time)
    );
    assert_eq!(ints(s.link_column(likes, 5)), [5 * SECOND]);
}

#[test]
fn a_time_in_parts() {
    let world = World::likes();
    world.edit(
        "catalog.toml",
        "time = \"ts\"",
        "time = { columns = [\"year\", \"month\", \"day\"] }",
    );
    world.edit("catalog.toml", "ts = { type = \"time\", unit = \"s\" }", "");
    world.file(
        "likes.csv",
        "user_id,movie_id,stars,day,month,year\n10,1,1,2,01,1970\n10,2,1,,1,1970\n",
    );
    let s = world.snapshot();
    let e = s.schema().edge(edge(&s, "likes"));
    assert!(e.has_time && e.time_column.is_none());
    assert_eq!(s.adjacency(edge(&s, "likes"), false).time, Some(&[86_400 * SECOND, NULL_INT][..]));
    assert_eq!(
        e.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(),
        ["day", "month", "year"]
    );
}

#[test]
fn text_of_other_forms() {
    let world = World::likes();
    let format = r#"table = "likes.dat"
        format = { separator = "::", header = false, names = ["user_id", "movie_id", "stars", "ts", "note"], encoding = "latin1", null = ["", "N/A"] }"#;
    world.edit("catalog.toml", "table = \"likes.csv\"", format);
    world.file("likes.dat", b"10::7::N/A::5::caf\xe9\r\n20::8::3::N/A::\"odd\r\n");
    let s = world.snapshot();
    let likes = edge(&s, "likes");
    assert_eq!(strings(&s, s.link_column(likes, 0)), ["caf\u{e9}", "\"odd"]);
    assert!(s.adjacency(likes, false).weight.is_some_and(|w| w[0].is_nan() && w[1] == 3.0));
    assert_eq!(s.adjacency(likes, false).time, Some(&[5 * SECOND, NULL_INT][..]));
}

#[test]
fn inference_sees_the_whole_file() {
    let world = World::likes();
    let header = "user_id,a,b,c,d,e,f,g";
    world.file("users.csv", format!("{header}\n10,1,1,true,2024-01-01,007,1,\n20,2,2.5,FALSE,2024-01-01T10:00:00,8,x,\n30,,nan,,,9,3,\n"));
    let s = world.snapshot();
    let users = entity(&s, "user");
    let types: Vec<Type> =
        s.schema().entity(users).columns[1..].iter().map(|c| c.ty.clone()).collect();
    assert_eq!(
        types,
        [Type::Int, Type::Float, Type::Bool, Type::Time, Type::String, Type::String, Type::String]
    );
    assert_eq!(floats(s.column(users, 2)), [Some(1.0), Some(2.5), None]);
    assert!(matches!(s.column(users, 3), ColumnView::Bool([1, 0, 2])));
}

#[test]
fn parquet_types() {
    let world = World::likes();
    world.edit("catalog.toml", "users.csv", "users.parquet");
    world.edit(
        "catalog.toml",
        "key = \"user_id\"",
        "key = \"user_id\"\n[entity.user.columns]\nv = { type = \"vector[2]\" }",
    );
    let lists = ListArray::from_iter_primitive::<types::Int16Type, _, _>([
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    let pairs = |x: f32| Some(vec![Some(x), Some(2.0)]);
    let vectors =
        ListArray::from_iter_primitive::<types::Float32Type, _, _>([pairs(1.0), None, pairs(3.0)]);
    let fixed = FixedSizeListArray::from_iter_primitive::<types::Float64Type, _, _>(
        [pairs64(), None, pairs64()],
        2,
    );
    let words: DictionaryArray<types::Int8Type> =
        [Some("x"), None, Some("x")].into_iter().collect();
    world.parquet(
        "users.parquet",
        vec![
            ("user_id", Arc::new(UInt16Array::from(vec![10, 20, 30]))),
            ("f", Arc::new(Float64Array::from(vec![Some(f64::INFINITY), None, Some(0.5)]))),
            ("word", Arc::new(words)),
            (
                "view",
                Arc::new(StringViewArray::from(vec![
                    Some("long enough not to be inlined"),
                    None,
                    Some(""),
                ])),
            ),
            ("date", Arc::new(Date32Array::from(vec![Some(1), None, Some(-1)]))),
            ("at", Arc::new(TimestampNanosecondArray::from(vec![Some(1_999), None, Some(-1)]))),
            ("took", Arc::new(DurationMillisecondArray::from(vec![Some(2), None, Some(0)]))),
            ("lists", Arc::new(lists)),
            ("v", Arc::new(vectors)),
            ("w", Arc::new(fixed)),
            (
                "price",
                Arc::new(
                    Decimal128Array::from(vec![Some(1_005), None, Some(-1)])
                        .with_precision_and_scale(9, 2)
                        .unwrap(),
                ),
            ),
            ("raw", Arc::new(BinaryArray::from(vec![&b"x"[..], b"y", b"z"]))),
        ],
    );
    let s = world.snapshot();
    let users = entity(&s, "user");
    let column = |name: &str| s.column(users, s.schema().entity(users).find_column(name).unwrap());
    assert_eq!(floats(column("f")), [None, None, Some(0.5)]);
    assert_eq!(strings(&s, column("word")), ["x", "-", "x"]);
    assert_eq!(strings(&s, column("view")), ["long enough not to be inlined", "-", ""]);
    assert_eq!(ints(column("date")), [86_400 * SECOND, NULL_INT, -86_400 * SECOND]);
    assert_eq!(ints(column("at")), [1, NULL_INT, -1]);
    assert_eq!(ints(column("took")), [2000, NULL_INT, 0]);
    assert_eq!(floats(column("price")), [Some(10.05), None, Some(-0.01)]);
    let ColumnView::List {
        slots: [[0, 2], [NULL_CODE, _], [_, 0]],
        items: ColumnView::I64([1, NULL_INT]),
    } = column("lists")
    else {
        panic!("{:?}", column("lists"));
    };
    let ColumnView::Vector {
        dim: 2,
        data: Floats::Single([1.0, 2.0, 0.0, 0.0, 3.0, 2.0]),
        present: Some([0b101]),
    } = column("v")
    else {
        panic!("{:?}", column("v"));
    };
    assert_eq!(s.schema().entity(users).columns[9].ty, Type::Vector(2));
    assert_eq!(s.schema().entity(users).find_column("raw"), None);
    assert_eq!(s.warnings()[0].message, "column `raw` is ignored: unsupported type Binary");
}

fn pairs64() -> Option<Vec<Option<f64>>> {
    Some(vec![Some(0.5), Some(1.5)])
}

#[test]
fn vectors_from_parquet_and_npy() {
    let world = World::likes();
    let catalog = format!(
        "{LIKES}[embedding.both]\nentity = [\"user\", \"movie\"]\nfile = [\"u.parquet\", \"m.npy\"]\nmetric = \"cosine\"\n"
    );
    world.file("catalog.toml", catalog);
    let pair = |x, y| Some(vec![Some(x), Some(y)]);
    let list = ListArray::from_iter_primitive::<types::Float64Type, _, _>([
        pair(3.0, 4.0),
        pair(0.0, 0.0),
    ]);
    world.parquet(
        "u.parquet",
        vec![("user_id", Arc::new(Int64Array::from(vec![20, 10]))), ("vec", Arc::new(list))],
    );
    let mut npy = b"\x93NUMPY\x02\x00".to_vec();
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }\n";
    npy.extend((header.len() as u32).to_le_bytes());
    npy.extend(header.as_bytes());
    npy.extend([1.0, 2.0, 3.0, 4.0f64].iter().flat_map(|x| x.to_le_bytes()));
    world.file("m.npy", npy);
    let s = world.snapshot();
    let users = s.vectors(0, entity(&s, "user")).unwrap();
    assert_eq!(
        (0..3).map(|r| users.get(r)).collect::<Vec<_>>(),
        [None, None, Some([3.0, 4.0][..].into())]
    );
    let movies = s.vectors(0, entity(&s, "movie")).unwrap();
    assert_eq!((movies.data, movies.present), (Floats::Single(&[1.0, 2.0, 3.0, 4.0]), None));
    assert_eq!(
        (s.schema().embeddings[0].dim, s.schema().embeddings[0].missing.as_slice()),
        (2, &[2, 0][..])
    );
    assert!(s.vectors(0, EntityId(9)).is_none());
}

#[test]
fn vectors_as_halves() {
    let world = World::likes();
    let npy = |kind: &str, data: &[u8]| {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (3, 2), }}\n");
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
    };
    let rows = [1.0, 1.0 + 1.0 / 2048.0, 1.0 + 3.0 / 2048.0, -65_519.0, 1e-8, 2e-8f32];
    let rounded = [1.0, 1.0, 1.0 + 4.0 / 2048.0, -65_504.0, 0.0, 0.0].map(f16::from_f32);
    let singles: Vec<u8> = rows.iter().flat_map(|x| x.to_le_bytes()).collect();
    let halves: Vec<u8> = rounded.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut ids = Vec::new();
    for (kind, data) in [("<f4", singles), ("<f2", halves)] {
        let embedding = "[embedding.v]\nentity = \"user\"\nfile = \"v.npy\"\nmetric = \"cosine\"\nstorage = \"f16\"\n";
        world.file("catalog.toml", format!("{LIKES}{embedding}"));
        world.file("v.npy", npy(kind, &data));
        let s = world.snapshot();
        let users = s.vectors(0, entity(&s, "user")).unwrap();
        assert_eq!(users.data, Floats::Half(&rounded), "{kind}");
        assert_eq!(users.get(1), Some([rounded[2].to_f32(), -65_504.0][..].into()));
        // what is rounded to zeros is no vector
        assert_eq!((users.get(2), users.present), (None, Some(&[0b011][..])));
        ids.push(s.id().to_owned());
    }
    assert_eq!(ids[0], ids[1], "the same vectors, the same snapshot");
}

#[test]
fn vectors_stay_with_their_rows_when_rows_are_skipped() {
    let world = World::likes();
    let skip = LIKES.replace("table = \"users.csv\"", "table = \"users.csv\"\non_error = \"skip\"");
    world.file(
        "catalog.toml",
        format!("{skip}[embedding.v]\nentity = \"user\"\nfile = \"v.npy\"\nmetric = \"dot\"\n"),
    );
    world.file("users.csv", "user_id\n10\n10\n30\n20\n");
    let mut npy = b"\x93NUMPY\x01\x00".to_vec();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 1), }\n";
    npy.extend((header.len() as u16).to_le_bytes());
    npy.extend(header.as_bytes());
    npy.extend([1.0, 2.0, 3.0, 4.0f32].iter().flat_map(|x| x.to_le_bytes()));
    world.file("v.npy", npy);
    let s = world.snapshot();
    assert_eq!(s.vectors(0, entity(&s, "user")).unwrap().data, Floats::Single(&[1.0, 3.0, 4.0]));
}

#[test]
fn defaults_are_kept() {
    let world = World::likes();
    let defaults = "[defaults]\nseen = [\"likes\"]\nimpressions = \"likes\"\nrequired_policies = [\"safe\"]\nnow = 1970-01-02T00:00:00Z\n";
    world.file("catalog.toml", format!("{LIKES}{defaults}"));
    let s = world.snapshot();
    let d = &s.schema().defaults;
    assert_eq!(
        (d.seen.as_slice(), d.impressions.as_deref(), d.now),
        (&["likes".to_owned()][..], Some("likes"), Now::At(86_400 * SECOND))
    );
}

#[test]
fn built_once_while_nothing_changes() {
    let world = World::likes();
    let first = world.build().unwrap();
    let again = world.build().unwrap();
    assert!(first.rebuilt && !again.rebuilt);
    assert_eq!(first.id, again.id);
    // Touched but the same: only the times are noted anew.
    let file = std::fs::File::options().write(true).open(world.path("likes.csv")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let stamps = std::fs::read(world.path(".igql/stamps")).unwrap();
    assert!(!world.build().unwrap().rebuilt);
    assert_ne!(std::fs::read(world.path(".igql/stamps")).unwrap(), stamps);
}

#[test]
fn rebuilt_when_data_or_catalog_change() {
    let world = World::likes();
    let first = world.build().unwrap();
    world.edit("users.csv", "45", "46");
    let second = world.build().unwrap();
    assert!(second.rebuilt && second.id != first.id, "same size, other content");
    world.edit("catalog.toml", "name = \"tiny\"", "name = \"tiny\" # a remark");
    let third = world.build().unwrap();
    assert!(third.rebuilt && third.id == second.id);
    std::fs::remove_dir_all(world.path(".igql")).unwrap();
    assert_eq!(world.build().unwrap().id, third.id, "the same data has the same id");
    let elsewhere = World::likes();
    elsewhere.edit("users.csv", "45", "46");
    assert_eq!(elsewhere.build().unwrap().id, third.id, "wherever it lies");
}

#[test]
fn a_damaged_snapshot_is_built_anew() {
    let world = World::likes();
    let id = world.build().unwrap().id;
    let path = world.path(".igql/snapshot");
    let whole = std::fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(97) {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(world.build().unwrap().rebuilt, "{length} of {} bytes", whole.len());
    }
    for at in (0..64).chain(whole.len() - 300..whole.len() - 200) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        std::fs::write(&path, &bytes).unwrap();
        let report = world.build().unwrap();
        assert!(report.rebuilt && report.id == id, "byte {at}");
    }
}

#[test]
fn verify_compares_every_checksum() {
    let world = World::likes();
    let check = || verify(&world.catalog(), &Options::default());
    assert!(check().unwrap_err().to_string().contains("no readable snapshot"));
    world.build().unwrap();
    check().unwrap();
    let path = world.path(".igql/snapshot");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[64] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let error = check().unwrap_err().to_string();
    assert!(
        error.contains(
            "the snapshot is damaged: wrong checksum at byte 64\n  help: delete the file"
        ),
        "{error}"
    );
}

#[test]
fn a_stale_snapshot_on_request() {
    let world = World::likes();
    let id = world.build().unwrap().id;
    assert!(!world.stale().unwrap().is_stale());
    world.edit("users.csv", "45", "old");
    world.edit("likes.csv", "20,7", "99,7");
    assert!(world.open().is_err());
    let old = world.stale().unwrap();
    assert!(old.is_stale() && old.id() == id);
    std::fs::remove_dir_all(world.path(".igql")).unwrap();
    assert!(world.stale().is_err(), "there is none to fall back on");
}

#[test]
fn an_open_snapshot_outlives_its_file() {
    let world = World::likes();
    let old = world.snapshot();
    world.edit("users.csv", "45", "46");
    let new = world.snapshot();
    let users = entity(&old, "user");
    assert_eq!((ints(old.column(users, 1))[2], ints(new.column(users, 1))[2]), (45, 46));
}

#[test]
fn the_cache_lies_elsewhere() {
    let (world, cache) = (World::likes(), tempfile::tempdir().unwrap());
    let options = Options { cache: Some(cache.path().join("deep")), ..Options::default() };
    let id = open(&world.catalog(), &options).unwrap().id().to_owned();
    assert!(cache.path().join("deep/.igql/snapshot").is_file() && !world.path(".igql").exists());
    assert_eq!(world.snapshot().id(), id);
}

#[test]
fn many_open_at_once() {
    let world = World::likes();
    let rebuilt = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| world.build().unwrap().rebuilt)).collect();
        all.into_iter().map(|t| t.join().unwrap()).filter(|r| *r).count()
    });
    assert_eq!(rebuilt, 1, "one builds, the others wait");
}

#[test]
fn artifacts_are_made_once_per_key() {
    let world = World::likes();
    let s = world.snapshot();
    let blob = s.artifact("index of/x", 7, || vec![1, 2, 3]).unwrap();
    assert_eq!((&blob[..], blob.as_ptr() as usize % 64), (&[1u8, 2, 3][..], 0));
    let same = s.artifact("index of/x", 7, || panic!("it is there")).unwrap();
    let other = s.artifact("index of/x", 8, || vec![9; 1000]).unwrap();
    assert_eq!((same.len(), other.len(), blob.len()), (3, 1000, 3), "an open one stays as it was");
    verify(&world.catalog(), &Options::default()).unwrap();
    let path = world.path(".igql/artifacts").read_dir().unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(
        &s.artifact("index of/x", 8, || vec![4]).unwrap()[..],
        [4],
        "a truncated one is made anew"
    );
    let mut bytes = whole;
    bytes[100] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert!(
        verify(&world.catalog(), &Options::default())
            .unwrap_err()
            .to_string()
            .contains("wrong checksum")
    );
}

#[test]
fn empty_tables_are_fine() {
    let world = World::likes();
    world.file("users.csv", "user_id,age\n");
    world.file("likes.csv", "user_id,movie_id,ts,stars\n");
    let s = world.snapshot();
    assert_eq!(
        (s.schema().entities[0].rows, s.schema().entities[1].rows, s.schema().edges[0].links),
        (0, 0, 0)
    );
    assert_eq!(s.adjacency(edge(&s, "likes"), false).offsets, [0]);
    assert_eq!(s.row_of(EntityId(0), &Key::Int(1)), None);
}

#[test]
fn widely_spread_int_keys() {
    let world = World::likes();
    let keys: Vec<i64> =
        (0..500i64).map(|i| (i - 250) * 0x0001_2345_6789_abcd % i64::MAX).collect();
    let users: String = keys.iter().map(|k| format!("{k}\n")).collect();
    world.file("users.csv", format!("user_id\n{users}"));
    let likes: String = keys.iter().rev().map(|k| format!("{k},1,1,1\n")).collect();
    world.file("likes.csv", format!("user_id,movie_id,ts,stars\n{likes}"));
    let s = world.snapshot();
    assert!(s.ends(edge(&s, "likes")).0.iter().copied().eq((0..500).rev()));
    assert!((0..500).all(|r| s.row_of(EntityId(0), &Key::Int(keys[r as usize])) == Some(r)));
    world.file("likes.csv", "user_id,movie_id,ts,stars\n77,1,1,1\n");
    assert!(world.error().contains("no user has the key `77`"));
}

#[test]
fn bad_dates_are_skipped_with_their_rows() {
    let world = World::likes();
    let parts = "on_error = \"skip\"\ntime = { columns = [\"y\", \"m\", \"d\"] }";
    world.edit("catalog.toml", "time = \"ts\"", parts);
    world.edit("catalog.toml", "ts = { type = \"time\", unit = \"s\" }", "");
    let rows = "10,1,1,1970,1,1\n10,2,2,1970,2,30\n10,3,3,1970,1,2\n10,4,4,1970,13,1\n";
    world.file("likes.csv", format!("user_id,movie_id,stars,y,m,d\n{rows}"));
    let s = world.snapshot();
    let out = s.adjacency(edge(&s, "likes"), false);
    assert_eq!(out.weight, Some(&[3.0, 1.0][..]));
    assert_eq!(out.time, Some(&[86_400 * SECOND, 0][..]));
    let message = "2 rows skipped: column `y`: invalid date `1970-2-30` (first: row 2)";
    assert_eq!(s.warnings()[0].message, message);
}

#[test]
fn vectors_of_unknown_keys_are_skipped_on_request() {
    let world = World::likes();
    let embedding = "[embedding.v]\nentity = \"user\"\nfile = \"v.parquet\"\nmetric = \"dot\"\non_error = \"skip\"\n";
    world.file("catalog.toml", format!("{LIKES}{embedding}"));
    let one = |x| Some(vec![Some(x)]);
    let rows = [one(1.0), one(2.0), one(f32::NAN)];
    let list = ListArray::from_iter_primitive::<types::Float32Type, _, _>(rows);
    let keys = Arc::new(Int64Array::from(vec![30, 31, 20]));
    world.parquet("v.parquet", vec![("user_id", keys), ("v", Arc::new(list))]);
    let s = world.snapshot();
    let vectors = s.vectors(0, entity(&s, "user")).unwrap();
    assert_eq!(
        (vectors.get(0), vectors.get(1), vectors.get(2)),
        (None, Some([1.0][..].into()), None)
    );
    let messages: Vec<&str> = s.warnings().iter().map(|w| w.message.as_str()).collect();
    let nan = "1 vector skipped: column `v`: element 1 of the vector is not a finite number (first: row 3)";
    assert_eq!(
        messages,
        [nan, "1 vector skipped: column `user_id`: no user has the key `31` (first: row 2)"]
    );
}
