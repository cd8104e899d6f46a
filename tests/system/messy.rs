//! Data as people have it: the same values whatever the form, and errors that lead to a catalog that
//! loads.

use crate::data::{World, edge, entity, floats, npy};
use arrow_array::types::Int64Type;
use arrow_array::*;
use igql::batch::ColumnView;
use igql::store::Snapshot;
use igql::types::{Key, NULL_CODE, NULL_INT, Type, time};
use igql::{Engine, Request};
use std::sync::Arc;

const ITEMS: &str = r#"
[catalog]
viewer = "item"
[entity.item]
table = "items.csv"
key = "item"
"#;

/// A world of one table, with entries of the catalog behind its key.
fn items(file: &str, bytes: impl AsRef<[u8]>, entries: &str) -> World {
    let world = World::new(&format!("{}{entries}\n", ITEMS.replace("items.csv", file)));
    if let Some(folder) = world.path(file).parent() {
        std::fs::create_dir_all(folder).unwrap();
    }
    world.file(file, bytes);
    world
}

fn cell(snapshot: &Snapshot, view: ColumnView<'_>, ty: &Type, row: usize) -> String {
    match view {
        ColumnView::I64(v) if v[row] == NULL_INT => "-".to_owned(),
        ColumnView::I64(v) if *ty == Type::Time => time::text(v[row]).unwrap(),
        ColumnView::I64(v) => v[row].to_string(),
        ColumnView::F64(v) if v[row].is_nan() => "-".to_owned(),
        ColumnView::F64(v) => format!("{:?}", v[row]),
        ColumnView::Bool(v) => ["false", "true", "-"][v[row] as usize].to_owned(),
        ColumnView::Code(v) if v[row] == NULL_CODE => "-".to_owned(),
        ColumnView::Code(v) => snapshot.string(v[row]).to_owned(),
        ColumnView::List { slots, .. } if slots[row][0] == NULL_CODE => "-".to_owned(),
        ColumnView::List { slots, items } => {
            let Type::List(item) = ty else { panic!("{ty:?}") };
            let [start, length] = slots[row].map(|n| n as usize);
            let of = |at| cell(snapshot, *items, item, at);
            let all: Vec<String> = (start..start + length).map(of).collect();
            format!("[{}]", all.join(" "))
        }
        ColumnView::Vector { dim, .. } => format!("vector[{dim}]"),
    }
}

/// The values of a column of the only entity with a table, with its type before them.
fn column(world: &World, name: &str) -> String {
    let snapshot = world.snapshot();
    let id = entity(&snapshot, "item");
    let schema = snapshot.schema().entity(id);
    let at = schema.find_column(name).unwrap_or_else(|| panic!("no column {name}"));
    let ty = schema.columns[at].ty.clone();
    let view = snapshot.column(id, at);
    let rows = 0..schema.rows as usize;
    let cells: Vec<String> = rows.map(|row| cell(&snapshot, view, &ty, row)).collect();
    format!("{}: {}", snapshot.schema().type_name(&ty), cells.join(" "))
}

fn warnings(world: &World) -> Vec<String> {
    world.snapshot().warnings().iter().map(ToString::to_string).collect()
}

/// A column `x` of a CSV file, one value a row.
fn of_csv(values: &[&str], declared: &str) -> World {
    let quoted = |v: &&str| format!("\"{}\"", v.replace('"', "\"\""));
    let rows = values.iter().enumerate().map(|(i, v)| format!("{i},{}\n", quoted(v)));
    let text = format!("item,x\n{}", rows.collect::<String>());
    let entries = match declared {
        "" => String::new(),
        declared => format!("[entity.item.columns]\nx = {declared}"),
    };
    items("items.csv", text, &entries)
}

fn csv(values: &[&str], declared: &str) -> String {
    column(&of_csv(values, declared), "x")
}

#[test]
fn counts_in_text_are_times() {
    let seconds = "{ type = \"time\", unit = \"s\" }";
    assert_eq!(
        csv(&["1709280000.0", "1709283600.5", "", "1.709280001e9"], seconds),
        "time: 2024-03-01T08:00:00Z 2024-03-01T09:00:00.5Z - 2024-03-01T08:00:01Z"
    );
    let millis = "{ unit = \"ms\" }";
    assert_eq!(
        csv(&["1709280000000", "1709280000000.0"], millis),
        "time: 2024-03-01T08:00:00Z 2024-03-01T08:00:00Z"
    );
    // the same from JSON lines and Parquet
    let text = "{\"item\":1,\"x\":1709280000.0}\n{\"item\":2,\"x\":1709283600.5}\n";
    let json = items("items.jsonl", text, &format!("[entity.item.columns]\nx = {seconds}"));
    assert_eq!(column(&json, "x"), "time: 2024-03-01T08:00:00Z 2024-03-01T09:00:00.5Z");
    let parquet = items("items.parquet", "", &format!("[entity.item.columns]\nx = {seconds}"));
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let times: ArrayRef = Arc::new(Float64Array::from(vec![1_709_280_000.0, 1_709_283_600.5]));
    parquet.parquet("items.parquet", vec![("item", keys), ("x", times)]);
    assert_eq!(column(&parquet, "x"), "time: 2024-03-01T08:00:00Z 2024-03-01T09:00:00.5Z");
}

#[test]
fn offsets_and_zones_behind_a_blank() {
    let texts = [
        "2024-03-01 08:00:00 UTC",
        "2024-03-01 08:00:00 +0200",
        "2024-03-01 09:00:00 -0500",
        "2024-07-01 08:00 Europe/Rome",
    ];
    assert_eq!(
        csv(&texts, ""),
        "time: 2024-03-01T08:00:00Z 2024-03-01T06:00:00Z 2024-03-01T14:00:00Z 2024-07-01T06:00:00Z"
    );
    let local = "{ type = \"time\", tz = \"America/New_York\" }";
    assert_eq!(
        csv(&["2024-07-01 08:00", "2024-07-01 08:00 EDT", "2024-07-01 08:00Z"], local),
        "time: 2024-07-01T12:00:00Z 2024-07-01T12:00:00Z 2024-07-01T08:00:00Z"
    );
    let error = of_csv(&["2024-07-01 08:00 PST"], "{ type = \"time\" }").error();
    assert!(error.contains("unknown time zone `PST` in `2024-07-01 08:00 PST`"), "{error}");
    assert!(error.contains("`tz = \"America/Los_Angeles\"`"), "{error}");
}

#[test]
fn dates_in_a_format() {
    assert_eq!(
        csv(&["01/03/2024", "31/12/2024"], "{ format = \"%d/%m/%Y\" }"),
        "time: 2024-03-01T00:00:00Z 2024-12-31T00:00:00Z"
    );
    assert_eq!(
        csv(&["20240301", "20241231"], "{ format = \"%Y%m%d\" }"),
        "time: 2024-03-01T00:00:00Z 2024-12-31T00:00:00Z"
    );
    // of several formats the first that fits; ISO always
    assert_eq!(
        csv(&["01/03/2024", "1.3.2024", "2024-03-01"], "{ format = [\"%d/%m/%Y\", \"%d.%m.%Y\"] }"),
        "time: 2024-03-01T00:00:00Z 2024-03-01T00:00:00Z 2024-03-01T00:00:00Z"
    );
    let local = "{ format = \"%d/%m/%Y %H:%M\", tz = \"Europe/Rome\" }";
    assert_eq!(csv(&["01/07/2024 08:00"], local), "time: 2024-07-01T06:00:00Z");
    let world = of_csv(&["1"], "{ format = \"dd/mm/yyyy\" }");
    assert!(world.error().contains("`dd/mm/yyyy` is not a valid time format"), "{}", world.error());
}

/// The catalog lines that an error tells to write.
fn advised(error: &str) -> Vec<String> {
    let lines = error.lines().filter(|line| line.trim_start().starts_with("help:"));
    lines.flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn what_the_error_says_makes_it_right() {
    let time = "{ type = \"time\" }";
    for (values, expected) in [
        (
            &["1709280000.0", "1709283600.5"][..],
            "time: 2024-03-01T08:00:00Z 2024-03-01T09:00:00.5Z",
        ),
        (&["1709280000"], "time: 2024-03-01T08:00:00Z"),
        (&["1709280000123"], "time: 2024-03-01T08:00:00.123Z"),
        (&["20240301", "20241231"], "time: 2024-03-01T00:00:00Z 2024-12-31T00:00:00Z"),
        (&["13/03/2024", "01/02/2024"], "time: 2024-03-13T00:00:00Z 2024-02-01T00:00:00Z"),
        (&["03/13/2024", "01/02/2024"], "time: 2024-03-13T00:00:00Z 2024-01-02T00:00:00Z"),
        (&["Mar 5, 2024", "May 6, 2024"], "time: 2024-03-05T00:00:00Z 2024-05-06T00:00:00Z"),
    ] {
        let world = of_csv(values, time);
        let advice = advised(&world.error());
        let entry = advice
            .iter()
            .find(|a| a.contains("unit =") || a.contains("format ="))
            .unwrap_or_else(|| panic!("{}", world.error()));
        let entry = match entry.strip_prefix("x = ") {
            Some(whole) => whole.to_owned(),
            None => format!("{{ type = \"time\", {entry} }}"),
        };
        world.edit("catalog.toml", time, &entry);
        assert_eq!(column(&world, "x"), expected, "{values:?}");
    }
    let ambiguous = of_csv(&["01/02/2024"], time).error();
    assert!(
        ambiguous.contains("\"%d/%m/%Y\" or \"%m/%d/%Y\": which, they do not tell"),
        "{ambiguous}"
    );
    for (values, ty, expected) in [
        (&["1,5", "2"][..], "float", "float: 1.5 2.0"),
        (&["1.234,5"], "float", "float: 1234.5"),
        (&["1,234.5"], "float", "float: 1234.5"),
        (&["1,234", "45,000"], "float", "float: 1234.0 45000.0"),
        (&["1.234.567"], "int", "int: 1234567"),
        (&["7", "NULL"], "int", "int: 7 -"),
        (&["7", "\\N"], "float", "float: 7.0 -"),
        (&["a|b", "c"], "list[string]", "list[string]: [a b] [c]"),
        (&["a; b", "c"], "list[string]", "list[string]: [a b] [c]"),
    ] {
        let declared = format!("{{ type = \"{ty}\" }}");
        let world = of_csv(values, &declared);
        let advice = advised(&world.error());
        let entry = &advice[0];
        match entry.starts_with("format = ") {
            true => {
                world.edit("catalog.toml", "key = \"item\"", &format!("key = \"item\"\n{entry}"))
            }
            false => {
                world.edit("catalog.toml", &declared, &format!("{{ type = \"{ty}\", {entry} }}"))
            }
        }
        assert_eq!(column(&world, "x"), expected, "{values:?}: {entry}");
    }
}

#[test]
fn words_for_no_value_are_told() {
    let world = of_csv(&["7", "NULL", "8"], "");
    assert_eq!(column(&world, "x"), "string: 7 NULL 8");
    assert_eq!(
        warnings(&world),
        [
            "warning: items.csv: column `x` is string because of `NULL` (1); it would be int with `format = { null = [\"\", \"NULL\"] }`"
        ]
    );
    world.edit(
        "catalog.toml",
        "key = \"item\"",
        "key = \"item\"\nformat = { null = [\"\", \"NULL\"] }",
    );
    assert_eq!((column(&world, "x").as_str(), warnings(&world).len()), ("int: 7 - 8", 0));
    // among texts, such words are texts
    assert!(warnings(&of_csv(&["NA", "ZA"], "")).is_empty());
}

#[test]
fn numbers_of_other_lands() {
    let error = of_csv(&["1,234"], "{ type = \"float\" }").error();
    assert!(error.contains("are the decimal separator with"), "{error}");
    let table = |decimal: &str, rows: &str| {
        let entries = format!("format = {{ separator = \";\", decimal = \"{decimal}\" }}");
        items("items.csv", format!("item;x\n{rows}"), &entries)
    };
    assert_eq!(
        column(&table(",", "1;3,5\n2;1.234,25\n3;-7\n4;\n"), "x"),
        "float: 3.5 1234.25 -7.0 -"
    );
    assert_eq!(column(&table(",", "1;1.234\n2;12\n"), "x"), "int: 1234 12");
    assert_eq!(column(&table(".", "1;1,234.5\n2;1\n"), "x"), "float: 1234.5 1.0");
    assert_eq!(csv(&["3,5", "1 000,25"], "{ decimal = \",\" }"), "float: 3.5 1000.25");
}

#[test]
fn lists_in_text() {
    let comma = "{ type = \"list[string]\", separator = \",\" }";
    assert_eq!(
        csv(&["[\"a\", \"b\"]", "['b', 'c d']", "[]"], comma),
        "list[string]: [a b] [b c d] []"
    );
    assert_eq!(csv(&["a, b", "b,", ""], comma), "list[string]: [a b] [b] -");
    assert_eq!(
        csv(&["a|b |c", "[live]|[hd]", "[live]"], "{ separator = \"|\" }"),
        "list[string]: [a b c] [[live] [hd]] [[live]]"
    );
    // recognised without a word in the catalog, if all are lists
    assert_eq!(csv(&["[\"a\",\"b\"]", "[]", ""], ""), "list[string]: [a b] [] -");
    assert_eq!(csv(&["[1, 2]", "[3.5]", "[null]"], ""), "list[float]: [1.0 2.0] [3.5] [-]");
    assert_eq!(csv(&["[\"2024-03-01T08:00:00Z\"]"], ""), "list[time]: [2024-03-01T08:00:00Z]");
    assert_eq!(csv(&["[a]", "[1]"], ""), "string: [a] [1]");
    assert_eq!(
        csv(&["[drama, sci fi]"], "{ type = \"list[string]\" }"),
        "list[string]: [drama sci fi]"
    );
    assert_eq!(
        csv(&["1;2;3;"], "{ type = \"list[int]\", separator = \";\" }"),
        "list[int]: [1 2 3]"
    );
    assert_eq!(
        csv(&["[0.1, 0.2]", "0.1 0.2", "[1. 2.]"], "{ type = \"vector[2]\" }"),
        "vector[2]: vector[2] vector[2] vector[2]"
    );
}

#[test]
fn unsigned_numbers_that_do_not_fit() {
    let world = items("items.parquet", "", "");
    let keys = || Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef;
    let write = |values: Vec<u64>| {
        let fp = Arc::new(UInt64Array::from(values)) as ArrayRef;
        world.parquet("items.parquet", vec![("item", keys()), ("x", fp)]);
        column(&world, "x")
    };
    assert_eq!(write(vec![7, u64::MAX]), "string: 7 18446744073709551615");
    assert_eq!(write(vec![7, 8]), "int: 7 8");
    // as keys too
    let large = Arc::new(UInt64Array::from(vec![3, u64::MAX])) as ArrayRef;
    world.parquet("items.parquet", vec![("item", large), ("x", keys())]);
    let snapshot = world.snapshot();
    let found = snapshot.row_of(entity(&snapshot, "item"), &Key::Str(u64::MAX.to_string()));
    assert_eq!(found, Some(1));
    // and in text
    assert_eq!(csv(&["7", "18446744073709551615"], ""), "string: 7 18446744073709551615");
}

#[test]
fn marks_tell_the_encoding() {
    let text = "item,name\n1,K\u{e4}se\n2,b\n";
    let wide = |big: bool| {
        let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
        let bytes = units.flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() });
        bytes.collect::<Vec<u8>>()
    };
    for bytes in
        [wide(false), wide(true), format!("\u{feff}{text}").into_bytes(), text.as_bytes().to_vec()]
    {
        assert_eq!(column(&items("items.csv", bytes, ""), "name"), "string: K\u{e4}se b");
    }
    // without a mark, the error knows it
    let world = items("items.csv", &wide(false)[2..], "");
    assert!(world.error().contains("`format = { encoding = \"utf-16le\" }`"), "{}", world.error());
    world.edit(
        "catalog.toml",
        "key = \"item\"",
        "key = \"item\"\nformat = { encoding = \"utf-16le\" }",
    );
    assert_eq!(column(&world, "name"), "string: K\u{e4}se b");
    let latin = items("items.csv", b"item,name\n1,K\xe4se\n", "");
    assert!(latin.error().contains("encoding = \"latin1\""), "{}", latin.error());
}

const EVENTS: &str = r#"
[catalog]
viewer = "user"
[entity.user]
key = "user"
[entity.item]
table = "items.csv"
key = "item"
[edge.ev]
table = "ev.csv"
from = { entity = "user", column = "user" }
to = { entity = "item", column = "item" }
[defaults]
seen = ["ev"]
now = "latest"
"#;

fn events(items: &str, events: &str, more: &str) -> World {
    let world = World::new(&EVENTS.replacen("[edge.ev]", &format!("{more}\n[edge.ev]"), 1));
    world.file("items.csv", items);
    world.file("ev.csv", events);
    world
}

/// The items of an answer, with their times bound as `t` if there are.
fn answer(world: &World, program: &str, user: impl Into<Key>) -> Vec<String> {
    let engine = Engine::open(world.catalog()).unwrap_or_else(|e| panic!("{e}"));
    let program = engine.compile(program).unwrap_or_else(|e| panic!("{e:?}"));
    let request = Request::user(user);
    let answer = engine.run(&program, &request).unwrap_or_else(|e| panic!("{e}"));
    answer.rows().iter().map(|row| row.key().to_string()).collect()
}

#[test]
fn day_zero() {
    let world = events("item,name\nA,a\n", "user,item\n", "");
    let program = "fallback(user.walk(ev), all(item), at_least=1)";
    assert_eq!(answer(&world, program, "bob"), ["A"]);
    assert_eq!(answer(&world, program, 7), ["A"]);
    // declared, it is what was said
    world.edit("catalog.toml", "key = \"user\"", "key = \"user\"\nkey_type = \"int\"");
    let snapshot = world.snapshot();
    assert_eq!(snapshot.schema().entities[0].key_type, igql::catalog::schema::KeyType::Int);
    let table = events("item\nA\n", "user,item\n", "");
    table.edit("catalog.toml", "key = \"item\"", "key = \"item\"\nkey_type = \"string\"");
    assert!(table.error().contains("`item = { type = \"string\" }`"), "{}", table.error());
    // no line at all, or no header, but names
    let json = events("item\nA\n", "", "");
    json.edit("catalog.toml", "ev.csv", "ev.jsonl");
    json.file("ev.jsonl", "");
    assert_eq!(answer(&json, program, "bob"), ["A"]);
    let named = events("item\nA\n", "", "");
    named.edit(
        "catalog.toml",
        "table = \"ev.csv\"",
        "table = \"ev.csv\"\nformat = { header = false, names = [\"user\", \"item\"] }",
    );
    assert_eq!(answer(&named, program, "bob"), ["A"]);
}

#[test]
fn now_is_just_after_what_has_happened() {
    // no link has a time: the newest row, so that all are seen
    let rows = "item,pub\n1,2024-01-01\n2,2024-02-01\n";
    let world = events(rows, "user,item\n7,1\n7,2\n", "");
    world.edit("catalog.toml", "key = \"item\"", "key = \"item\"\ntime = \"pub\"");
    assert_eq!(answer(&world, "all(item)", 7), ["1", "2"]);
    // a link after the clock does not move it
    let world = events(
        "item\n1\n2\n",
        "user,item,ts\n7,1,2024-03-01\n7,2,2024-03-09\n8,1,2124-03-01\n",
        "",
    );
    world.edit("catalog.toml", "[defaults]", "time = \"ts\"\n[defaults]");
    assert_eq!(answer(&world, "user.walk(ev, within=2d)", 7), ["2"]);
    let told = warnings(&world);
    assert!(
        told[0].starts_with(
            "warning: ev.csv: 1 link lies in the future, the newest at 2124-03-01T00:00:00Z"
        ),
        "{told:?}"
    );
    assert_eq!(world.snapshot().warnings()[0].section, "edge.ev");
}

#[test]
fn folders_are_columns() {
    let world = World::new(
        &EVENTS.replace("ev.csv", "ev").replace("[defaults]", "time = \"dt\"\n[defaults]"),
    );
    world.file("items.csv", "item\n1\n2\n3\n");
    for (day, rows) in [("2024-03-01", "user,item\n7,1\n"), ("2024-03-02", "item,user\n3,7\n")] {
        let folder = world.path(&format!("ev/dt={day}/hour=__HIVE_DEFAULT_PARTITION__"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("part-0.csv"), rows).unwrap();
        std::fs::write(folder.join("_SUCCESS"), "").unwrap();
    }
    for table in ["ev", "ev/**/*.csv", "ev/*/*/*"] {
        let name = if table == "ev" { "ev".to_owned() } else { table.to_owned() };
        let catalog =
            EVENTS.replace("ev.csv", &name).replace("[defaults]", "time = \"dt\"\n[defaults]");
        world.file("catalog.toml", catalog.replace("ev/*/*/*", "ev/*/*/part*"));
        let snapshot = world.snapshot();
        let times = snapshot.adjacency(edge(&snapshot, "ev"), false).time.unwrap();
        let times: Vec<_> = times.iter().map(|t| time::text(*t).unwrap()).collect();
        assert_eq!(times, ["2024-03-02T00:00:00Z", "2024-03-01T00:00:00Z"], "{table}");
    }
    // the file's own column wins, and that is said
    std::fs::write(
        world.path("ev/dt=2024-03-01/hour=__HIVE_DEFAULT_PARTITION__/part-0.csv"),
        "user,item,dt\n7,1,2020-01-01\n",
    )
    .unwrap();
    assert!(
        warnings(&world)
            .iter()
            .any(|w| w.contains("column `dt` is in the files and in the names of their folders"))
    );
    std::fs::create_dir(world.path("nothing")).unwrap();
    world.edit("catalog.toml", "ev/*/*/part*", "nothing");
    assert!(
        world.error().contains("it is a folder without a table in it; a glob such as"),
        "{}",
        world.error()
    );
}

#[test]
fn parts_lack_columns_and_differ() {
    let world = items("p1.csv", "item,a,b\n1,x,1\n", "");
    world.edit("catalog.toml", "p1.csv", "p*.csv");
    world.file("p2.csv", "c,b,item\ntrue,2.5,2\n");
    assert_eq!(column(&world, "a"), "string: x -");
    assert_eq!(column(&world, "b"), "float: 1.0 2.5");
    assert_eq!(column(&world, "c"), "bool: - true");
    assert_eq!(
        warnings(&world),
        [
            "warning: p2.csv: column `a` is missing and reads null there",
            "warning: p1.csv: column `c` is missing and reads null there"
        ]
    );
    let world = items("p1.parquet", "", "");
    world.edit("catalog.toml", "p1.parquet", "p*.parquet");
    let ints = |v: i64| Arc::new(Int64Array::from(vec![v])) as ArrayRef;
    let text = |v: &str| Arc::new(StringArray::from(vec![v])) as ArrayRef;
    world.parquet("p1.parquet", vec![("item", ints(1)), ("x", ints(7)), ("y", ints(1))]);
    world.parquet("p2.parquet", vec![("x", text("seven")), ("item", ints(2))]);
    assert_eq!(column(&world, "x"), "string: 7 seven");
    assert_eq!(column(&world, "y"), "int: 1 -");
    let told = warnings(&world);
    assert!(
        told.iter()
            .any(|w| w
                .contains("column `x` is string here but int in earlier files; read as string")),
        "{told:?}"
    );
}

#[test]
fn endings_that_a_format_explains() {
    let world = items(
        "u.item",
        "1|x\n2|y\n",
        "format = { separator = \"|\", header = false, names = [\"item\", \"x\"] }",
    );
    assert_eq!(column(&world, "x"), "string: x y");
    let world = items("u.inter", "item\tx\n1\ta\n", "");
    assert!(world.error().contains("text of any other ending with `format"), "{}", world.error());
    world.edit(
        "catalog.toml",
        "key = \"item\"",
        "key = \"item\"\nformat = { separator = \"\\t\" }",
    );
    assert_eq!(column(&world, "x"), "string: a");
}

#[test]
fn a_table_with_another_separator_says_which() {
    let world = items("items.csv", "item;x\n1;a\n", "");
    let error = world.error();
    assert!(error.contains("write `format = { separator = \";\" }` in `[entity.item]`"), "{error}");
    world.edit("catalog.toml", "key = \"item\"", "key = \"item\"\nformat = { separator = \";\" }");
    assert_eq!(column(&world, "x"), "string: a");
}

#[test]
fn vectors_that_failed() {
    let catalog = "[embedding.e]\nentity = \"item\"\nfile = \"v.npy\"\nmetric = \"cosine\"\n";
    let world = items("items.csv", "item\n1\n2\n3\n", catalog);
    world.file("v.npy", npy("<f4", "3, 2", &floats(&[1., 0., f32::NAN, 0., 0.9, 0.1])));
    let error = world.error();
    assert!(error.contains("v.npy, row 2: element 1 of the vector is NaN"), "{error}");
    assert!(error.contains("`on_error = \"skip\"` in `[embedding.e]`"), "{error}");
    world.edit("catalog.toml", "metric", "on_error = \"skip\"\nmetric");
    assert_eq!(
        warnings(&world),
        ["warning: v.npy: 1 vector skipped: element 1 of the vector is NaN (first: row 2)"]
    );
    let snapshot = world.snapshot();
    let vectors = snapshot.vectors(0, entity(&snapshot, "item")).unwrap();
    assert!(vectors.get(0).is_some() && vectors.get(1).is_none() && vectors.get(2).is_some());
    assert_eq!(snapshot.schema().embeddings[0].missing, [1]);
}

#[test]
fn vectors_with_their_keys_beside() {
    let catalog =
        "[embedding.e]\nentity = \"item\"\nfile = \"v.npy\"\nkeys = \"KEYS\"\nmetric = \"dot\"\n";
    let of = |file: &str, bytes: &[u8]| {
        let world = items("items.csv", "item\n10\n20\n30\n", &catalog.replace("KEYS", file));
        world.file("v.npy", npy("<f4", "2, 1", &floats(&[1., 2.])));
        world.file(file, bytes);
        world
    };
    let ints: Vec<u8> = [30i64, 10].iter().flat_map(|k| k.to_le_bytes()).collect();
    let ints = npy("<i8", "2,", &ints);
    for (file, bytes) in
        [("k.txt", &b"30\n10\n"[..]), ("k.csv", b"item\n30\n10\n"), ("k.npy", &ints)]
    {
        let snapshot = of(file, bytes).snapshot();
        let vectors = snapshot.vectors(0, entity(&snapshot, "item")).unwrap();
        let found: Vec<_> = (0..3).map(|row| vectors.get(row).map(|v| v[0])).collect();
        assert_eq!(found, [Some(2.0), None, Some(1.0)], "{file}");
    }
    let error = of("k.txt", b"30\n").error();
    assert!(
        error.contains("k.txt: has 1 keys,") && error.contains("v.npy has 2 vectors"),
        "{error}"
    );
    let error = of("k.txt", b"30\n31\n").error();
    assert!(error.contains("k.txt, row 2: no item has the key `31`"), "{error}");
}

#[test]
fn ids_as_they_come() {
    let keys = |text: &str| {
        let world = events("item\n1\n2\n", text, "");
        let snapshot = world.snapshot();
        let user = entity(&snapshot, "user");
        let rows = 0..snapshot.schema().entity(user).rows;
        rows.map(|row| snapshot.key(user, row).to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(keys("user,item\n1.0,1.0\n2.0,2\n"), "1 2");
    assert_eq!(keys("user,item\n1e3,1\n"), "1000");
    assert_eq!(keys("user,item\n007,1\n8,2\n"), "007 8");
    assert_eq!(keys("user,item\n u1 ,1\nu1, 2\n"), "u1");
    assert_eq!(keys("user,item\n10,1\nx,2\n"), "10 x");
    // whole floats are ids, and others say where they are not
    let world = items("items.parquet", "", "");
    let floats = Arc::new(Float64Array::from(vec![1.0, 2.0])) as ArrayRef;
    world.parquet("items.parquet", vec![("item", floats)]);
    let snapshot = world.snapshot();
    assert_eq!(snapshot.row_of(entity(&snapshot, "item"), &Key::Int(2)), Some(1));
    let floats = Arc::new(Float64Array::from(vec![1.0, 2.5])) as ArrayRef;
    world.parquet("items.parquet", vec![("item", floats)]);
    assert!(
        world.error().contains("row 2, column `item`: expected an int, found `2.5`"),
        "{}",
        world.error()
    );
}

#[test]
fn times_at_the_ends_of_the_calendar() {
    assert_eq!(
        csv(&["9999-12-31", "9999-12-31T23:59:59.999999Z", "0001-01-01"], ""),
        "time: 9999-12-31T00:00:00Z 9999-12-31T23:59:59.999999Z 0001-01-01T00:00:00Z"
    );
    // of links too, and what is beyond the clock is not what `now` comes after
    let world =
        events("item\n1\n", "user,item,ts\n1,1,9999-12-31T23:59:59.999999Z\n1,1,1500-01-01\n", "");
    world.edit("catalog.toml", "[defaults]", "time = \"ts\"\n[defaults]");
    let all = igql::describe::describe(&world.snapshot());
    let range = all.edges[0].time.as_ref().unwrap().range.clone().unwrap();
    let text = |value| match value {
        igql::types::Value::Time(at) => time::text(at).unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(text(range.0), "1500-01-01T00:00:00Z");
    assert_eq!(text(range.1), "9999-12-31T23:59:59.999999Z");
    assert_eq!(all.latest.and_then(time::text).unwrap(), "1500-01-01T00:00:00Z");
    let beyond = of_csv(&["253402300800"], "{ unit = \"s\" }").error();
    assert!(
        beyond.contains(
            "`253402300800` is outside the supported range of times, -9999-01-01 to 9999-12-31T23:59:59Z"
        ),
        "{beyond}"
    );
    assert!(beyond.contains("`on_error = \"null\"` in `[entity.item]`"), "{beyond}");
}

#[test]
fn text_as_it_comes() {
    let x = |text: &str| column(&items("items.csv", text, ""), "x");
    assert_eq!(x("item,x\r\n1,a\r\n2,b\r\n"), "string: a b");
    assert_eq!(x("item,x\r1,a\r2,b\r"), "string: a b");
    assert_eq!(x("item,x\n1,a,\n2,b,\n"), "string: a b");
    assert_eq!(x("item,x,\n1,a,\n2,b,\n"), "string: a b");
    assert_eq!(x(" item , x \n1,7\n2, 8 \n"), "int: 7 8");
    assert_eq!(x("item,x\n1,\n2,  \n3,4\n"), "int: - - 4");
    assert_eq!(x("item,x\n1,True\n2,false\n"), "bool: true false");
    assert_eq!(
        csv(&["yes", "No", "1", "0", "t", ""], "{ type = \"bool\" }"),
        "bool: true false true false true -"
    );
    assert_eq!(
        csv(&["08:30:00", "90", "PT5M", "1h 30m"], "{ type = \"duration\", unit = \"s\" }"),
        "duration: 30600000000 90000000 300000000 5400000000"
    );
    // a second column of a name is left out, unless it is asked for
    let world = items("items.csv", "item,x,x\n1,a,b\n", "");
    assert_eq!(column(&world, "x"), "string: a");
    assert_eq!(
        warnings(&world),
        ["warning: items.csv: column `x` is ignored: duplicate column name"]
    );
    world.edit(
        "catalog.toml",
        "key = \"item\"",
        "key = \"item\"\n[entity.item.columns]\nx = { type = \"string\" }",
    );
    assert!(world.error().contains("two columns are called `x`"), "{}", world.error());
    // lines end with carriage returns alone in old files
    let world = items("items.csv", "item,x\r1,a\r2\r", "");
    assert!(
        world.error().contains("row 2 (line 3): expected 2 fields, found 1"),
        "{}",
        world.error()
    );
    let many: Vec<String> = (0..20_000).map(|i| format!("c{i}")).collect();
    let wide = format!("item,{}\n1{}\n", many.join(","), ",7".repeat(20_000));
    assert_eq!(column(&items("items.csv", wide, ""), "c19999"), "int: 7");
}

#[test]
fn a_quote_that_takes_the_rest_is_never_skipped() {
    let world = items("items.csv", "item,x\n1,\"a\n2,b\n3,c\n", "on_error = \"skip\"");
    assert!(
        world.error().contains("a quote is never closed: it swallows the remaining 3 lines"),
        "{}",
        world.error()
    );
}

#[test]
fn quotes_inside_of_quotes_are_doubled_or_escaped() {
    let semicolons = "format = { separator = \";\" }";
    let escaped = "format = { separator = \";\", escape = \"\\\\\" }";
    let advice = "write `escape = \"\\\\\"` in the `format` of `[entity.item]`";
    for (rows, read) in [
        ("1;\"a \\\"b\\\" c\"\n2;x\n", "a \"b\" c x"),
        ("1;\"a \\\"b; c\\\" d\"\n2;\"\\\\\"\n", "a \"b; c\" d \\"),
        ("1;\"\\\"\"\n2;\"x\"\n", "\" x"),
    ] {
        let world = items("items.csv", format!("item;x\n{rows}"), semicolons);
        let error = world.error();
        assert!(error.contains("row 1 (line 2): a quote") && error.contains(advice), "{error}");
        world.edit("catalog.toml", semicolons, escaped);
        assert_eq!(column(&world, "x"), format!("string: {read}"), "{rows}");
    }
    // both ways at once; blanks behind a quoted field and quotes inside of a plain one do not matter
    let world = items("items.csv", "item;x\n1;\"a \"\"b\"\" \\\"c\"  \n2;5\" d\n", escaped);
    assert_eq!(column(&world, "x"), "string: a \"b\" \"c   5\" d");
    // without a backslash, the row can be left out, but not where it takes other lines
    let text = "item,x\n1,\"a \"b\" c\"\n2,d\n";
    let error = items("items.csv", text, "").error();
    assert!(error.contains("write quotes inside a quoted field twice"), "{error}");
    let skipped = items("items.csv", text, "on_error = \"skip\"");
    assert_eq!(column(&skipped, "x"), "string: d");
    let text = "item,x\n1,\"a \"\"\n2,\"d\"\n3,\"e\"\n";
    let error = items("items.csv", text, "on_error = \"skip\"").error();
    assert!(error.contains("row 1 (line 2): a quote"), "{error}");
    let none = items("items.csv", "item\n1\n", "format = { quotes = false, escape = \"\\\\\" }");
    assert!(none.error().contains("`escape` has no effect"), "{}", none.error());
    let long = items("items.csv", "item\n1\n", "format = { escape = \"ab\" }");
    assert!(long.error().contains("`escape` is `ab`"), "{}", long.error());
}

#[test]
fn numbers_that_are_not_finite_read_null_and_are_told() {
    let told = "2 values read null: column `x`: not finite (first: row 2)";
    let told_of = |world: &World| {
        assert_eq!(column(world, "x"), "float: - - 2.5 -");
        let warnings = warnings(world);
        assert!(warnings.len() == 1 && warnings[0].ends_with(told), "{warnings:?}");
    };
    for declared in ["", "{ type = \"float\" }"] {
        told_of(&of_csv(&["NaN", "inf", "2.5", "-1e400"], declared));
    }
    let text = "{\"item\":1,\"x\":NaN}\n{\"item\":2,\"x\":Infinity,\"t\":\"NaN, \\\"Infinity\"}\n\
                {\"item\":3,\"x\":2.5}\n{\"item\":4,\"x\":-1e400}\n";
    let json = items("items.jsonl", text, "on_error = \"skip\"");
    told_of(&json);
    assert_eq!(column(&json, "t"), "string: - NaN, \"Infinity - -");
    let parquet = items("items.parquet", "", "");
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
    let numbers = vec![f64::NAN, f64::INFINITY, 2.5, f64::NEG_INFINITY];
    let numbers: ArrayRef = Arc::new(Float64Array::from(numbers));
    parquet.parquet("items.parquet", vec![("item", keys.clone()), ("x", numbers.clone())]);
    told_of(&parquet);
    // of a dictionary only what rows have counts
    let codes = Int8Array::from(vec![0, 1, 2, 3]);
    let numbers: ArrayRef = Arc::new(DictionaryArray::new(codes, numbers));
    let parquet = items("items.parquet", "", "");
    parquet.parquet("items.parquet", vec![("item", keys), ("x", numbers)]);
    told_of(&parquet);
    // a line that is no JSON for another reason is one all the same
    let text = "{\"item\":1,\"x\":NaN}\n{\"item\":2,\"x\":nan}\n";
    let error = items("items.jsonl", text, "").error();
    assert!(error.contains("row 2 (line 2): not a JSON object"), "{error}");
}

#[test]
fn a_byte_that_is_not_utf_8_spoils_its_value_alone() {
    let name = "byte 0xe9 in `caf\u{fffd}` is not UTF-8, as the rest of the file is";
    let csv = [&b"item,x\n1,"[..], "Zoë\n2,".as_bytes(), b"caf\xe9\n3,c\n"].concat();
    let marked = [&b"\xef\xbb\xbf"[..], &csv].concat();
    let json = [
        &b"{\"item\":1,\"x\":\""[..],
        "Zoë\"}\n{\"item\":2,\"x\":\"".as_bytes(),
        b"caf\xe9\"}\n{\"item\":3,\"x\":\"c\"}\n",
    ];
    let files = [("items.csv", csv), ("items.csv", marked), ("items.jsonl", json.concat())];
    for (file, bytes) in files {
        let error = items(file, &bytes, "").error();
        assert!(error.contains("row 2 (line ") && error.contains(name), "{error}");
        assert!(error.contains("in latin1 the byte is `é`"), "{error}");
        assert!(!error.contains("encoding"), "{error}");
        let world = items(file, &bytes, "on_error = \"null\"");
        assert_eq!(column(&world, "x"), "string: Zoë - c");
        assert!(warnings(&world)[0].contains(name), "{:?}", warnings(&world));
    }
    let latin = items("items.csv", b"item,x\n1,Zo\xeb\n2,caf\xe9\n", "").error();
    assert!(latin.contains("line 2") && latin.contains("encoding = \"latin1\""), "{latin}");
    let head = [&b"item,\xe9\n1,"[..], "Zoë\n".as_bytes()].concat();
    let head = items("items.csv", head, "on_error = \"null\"").error();
    assert!(head.contains("line 1: byte 0xe9 is not UTF-8"), "{head}");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let world = World::likes();
    world.file("users.csv", "user_id,age\n10,1\n10,2\n20,3\n,4\n30,5,6,7\n");
    world.file(
        "likes.csv",
        "user_id,movie_id,ts,stars\n10,7,1,many\n99,7,1,1\n20,7,soon,few\n98,8,1,2\n20,7,later,3\n",
    );
    let error = world.error();
    let expected = [
        "error: users.csv, row 5 (line 6): expected 2 fields, found 4",
        "error: likes.csv, row 1 (line 2), column `stars`: expected a number, found `many` (and 1 more: row 3)",
        "error: likes.csv, row 3 (line 4), column `ts`: expected a time, found `soon` (and 1 more: row 5)",
        "error: users.csv, row 4 (line 5), column `user_id`: the key is null",
        "error: users.csv, row 2 (line 3), column `user_id`: duplicate key `10`, also in row 1 (line 2)",
    ];
    for line in expected {
        assert!(error.contains(line), "{line}\nis not in\n{error}");
    }
    assert!(error.contains("errors in total"), "{error}");
    // the ways out work
    for (section, lines) in [
        ("key = \"user_id\"", "key = \"user_id\"\non_error = \"skip\"\nduplicates = \"last\""),
        ("table = \"likes.csv\"", "table = \"likes.csv\"\non_error = \"null\""),
    ] {
        world.edit("catalog.toml", section, lines);
    }
    let snapshot = world.snapshot();
    let (users, likes) = (entity(&snapshot, "user"), edge(&snapshot, "likes"));
    let keys = [0, 1].map(|row| snapshot.key(users, row).to_string());
    assert_eq!(
        (keys, snapshot.schema().entity(users).rows),
        (["10".to_owned(), "20".to_owned()], 2)
    );
    assert!(matches!(snapshot.column(users, 1), ColumnView::I64([2, 3])));
    assert_eq!(snapshot.schema().edge(likes).links, 3);
    let mut told = warnings(&world);
    told.sort();
    assert_eq!(
        told,
        [
            "warning: likes.csv: 2 links skipped: column `user_id`: no user has the key `99` (first: row 2)",
            "warning: likes.csv: 2 values read null: column `stars`: expected a number, found `many` (first: row 1)",
            "warning: likes.csv: 2 values read null: column `ts`: expected a time, found `soon` (first: row 3)",
            "warning: users.csv: 1 row skipped: column `user_id`: duplicate key `10`, also in row 1 (line 2) (first: row 2)",
            "warning: users.csv: 1 row skipped: column `user_id`: the key is null (first: row 4)",
            "warning: users.csv: 1 row skipped: expected 2 fields, found 4 (first: row 5)",
        ]
    );
    assert!(!world.snapshot().was_built());
}

#[test]
fn tables_that_cannot_be_opened_are_all_told() {
    let world = World::likes();
    world.file("users.csv", b"user_id,age\n10,\xff\n");
    world.file("likes.csv", "");
    let error = world.error();
    assert!(error.contains("users.csv, line 2: byte 0xff is not UTF-8"), "{error}");
    assert!(error.contains("likes.csv: the file is empty"), "{error}");
    assert!(error.contains("2 errors in total"), "{error}");
    // what follows from an error is no other error
    world.file("users.csv", "user_id,age\n10,1,2\n20,3\n");
    world.file("likes.csv", "user_id,movie_id,ts,stars\n10,7,1,1\n");
    let error = world.error();
    assert!(!error.contains("no user has the key"), "{error}");
}

#[test]
fn nothing_takes_the_place_of_a_good_snapshot_that_cannot_be_read() {
    let deep = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!("{{\"item\":1,\"x\":1}}\n{{\"item\":2,\"y\":{open}1{close}}}\n")
    };
    let world = items("items.jsonl", deep(16), "");
    let before = world.snapshot().id().to_owned();
    for levels in [17, 63, 120] {
        world.file("items.jsonl", deep(levels));
        let error = world.error();
        assert!(
            error.contains(&format!("items.jsonl, row 2, column `y`: lists nested {levels} deep")),
            "{error}"
        );
        assert_eq!(world.stale().unwrap().id(), before);
    }
    // deeper than any reader goes is a broken row
    world.file("items.jsonl", deep(300));
    assert!(
        world.error().contains("items.jsonl, row 2 (line 2): not a JSON object"),
        "{}",
        world.error()
    );
    assert_eq!(world.stale().unwrap().id(), before);
}

#[test]
fn types_of_arrow_that_hold_the_same() {
    use arrow_array::builder::*;
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    map.append(true).unwrap();
    map.append(true).unwrap();
    let bytes = || vec![&b"ab"[..], b"\xff"];
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("item", Arc::new(Int8Array::from(vec![1, 2]))),
        ("view", Arc::new(StringViewArray::from(vec!["a", "b"]))),
        ("large", Arc::new(LargeStringArray::from(vec!["a", "b"]))),
        (
            "decimal",
            Arc::new(
                Decimal128Array::from(vec![150, -25]).with_precision_and_scale(10, 2).unwrap(),
            ),
        ),
        ("date", Arc::new(Date32Array::from(vec![0, 19_783]))),
        (
            "nano",
            Arc::new(
                TimestampNanosecondArray::from(vec![0, 1_709_280_000_500_000_000])
                    .with_timezone("Europe/Rome"),
            ),
        ),
        ("second", Arc::new(TimestampSecondArray::from(vec![0, 1_709_280_000]))),
        ("code", Arc::new(DictionaryArray::<types::Int8Type>::from_iter(["x", "y"]))),
        (
            "fixed",
            Arc::new(FixedSizeListArray::from_iter_primitive::<Int64Type, _, _>(
                [Some([Some(1), None]), None],
                2,
            )),
        ),
        (
            "large_list",
            Arc::new(LargeListArray::from_iter_primitive::<Int64Type, _, _>([
                Some(vec![Some(1)]),
                Some(vec![]),
            ])),
        ),
        ("nothing", Arc::new(NullArray::new(2))),
        ("bytes", Arc::new(BinaryArray::from(bytes()))),
        ("text", Arc::new(BinaryArray::from(vec![&b"ab"[..], b"c"]))),
        ("map", Arc::new(map.finish())),
    ];
    let world = items(
        "items.parquet",
        "",
        "[entity.item.columns]\ntext = { type = \"string\" }\nsecond = { tz = \"Europe/Rome\" }",
    );
    world.parquet("items.parquet", columns);
    for (name, expected) in [
        ("view", "string: a b"),
        ("large", "string: a b"),
        ("decimal", "float: 1.5 -0.25"),
        ("date", "time: 1970-01-01T00:00:00Z 2024-03-01T00:00:00Z"),
        ("nano", "time: 1970-01-01T00:00:00Z 2024-03-01T08:00:00.5Z"),
        ("second", "time: 1969-12-31T23:00:00Z 2024-03-01T07:00:00Z"),
        ("code", "string: x y"),
        ("fixed", "list[int]: [1 -] -"),
        ("large_list", "list[int]: [1] []"),
        ("nothing", "string: - -"),
        ("text", "string: ab c"),
    ] {
        assert_eq!(column(&world, name), expected, "{name}");
    }
    let told = warnings(&world);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told.iter().any(|w| w.contains("column `bytes` is ignored: unsupported type Binary")),
        "{told:?}"
    );
}
