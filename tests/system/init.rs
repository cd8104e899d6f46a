//! `igql init` on folders as people have them: each gives a catalog that loads and is right, says
//! what is doubtful, and prints commands that work when they are pasted.

use arrow_array::{
    ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, types::Float64Type,
};
use serde_json::Value as Json;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// A folder, and what `igql init` said of it.
struct Folder {
    dir: tempfile::TempDir,
    said: String,
}

fn command(program: &str, args: &[&str], dir: &Path) -> (i32, String, String) {
    let igql = Path::new(env!("CARGO_BIN_EXE_igql"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", igql.parent().unwrap().display());
    let out = Command::new(program).args(args).current_dir(dir).env("PATH", path).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

fn igql(args: &[&str], dir: &Path) -> (i32, String, String) {
    command(env!("CARGO_BIN_EXE_igql"), args, dir)
}

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Folder {
        let dir = tempfile::tempdir().unwrap();
        for (name, contents) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, contents).unwrap();
        }
        Folder { dir, said: String::new() }
    }

    fn parquet(&self, name: &str, columns: Vec<(&str, ArrayRef)>) {
        let columns = columns.into_iter().map(|(n, a)| (n, a, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = std::fs::File::create(path).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    /// Writes the catalog and runs what is said to be next: it must return rows.
    fn init(mut self) -> Folder {
        let (code, _, said) = igql(&["init", "."], self.dir.path());
        assert_eq!(code, 0, "{said}");
        self.said = said;
        let (code, _, errors) = igql(&["build"], self.dir.path());
        assert_eq!(code, 0, "{errors}\n{}", self.catalog());
        let rows = self.next();
        assert!(!rows.is_empty(), "{}", self.said);
        self
    }

    /// Pastes the commands, and gives the rows of the last.
    fn next(&self) -> Vec<Json> {
        let next = self
            .said
            .split("\nnext:\n")
            .nth(1)
            .unwrap_or_else(|| panic!("nothing next:\n{}", self.said));
        let pasted = next.replacen("igql describe", "igql describe > described.log", 1);
        let (code, out, errors) = command("sh", &["-ec", &pasted], self.dir.path());
        assert!(code == 0 && !errors.contains("error"), "{pasted}\n{errors}");
        let answer: Json = serde_json::from_str(&out).unwrap();
        let (code, _, errors) = igql(&["check", "first.igql"], self.dir.path());
        assert_eq!(code, 0, "{errors}");
        answer["results"].as_array().unwrap().clone()
    }

    fn catalog(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("catalog.toml")).unwrap()
    }

    fn describe(&self) -> Json {
        let (code, out, errors) = igql(&["describe", "--format", "json"], self.dir.path());
        assert_eq!(code, 0, "{errors}");
        serde_json::from_str(&out).unwrap()
    }

    /// Every entity with its rows and every edge with its links: `user 3, likes 4`.
    fn counts(&self) -> String {
        let all = self.describe();
        let of = |kind: &str, count: &str| -> Vec<String> {
            let things = all[kind].as_array().unwrap().iter();
            things.map(|t| format!("{} {}", t["name"].as_str().unwrap(), t[count])).collect()
        };
        [of("entities", "rows"), of("edges", "links")].concat().join(", ")
    }

    /// A column as `igql describe` has it.
    fn column(&self, of: &str, name: &str) -> Json {
        let all = self.describe();
        let things =
            all["entities"].as_array().unwrap().iter().chain(all["edges"].as_array().unwrap());
        let thing = things
            .into_iter()
            .find(|t| t["name"] == of)
            .unwrap_or_else(|| panic!("no {of}: {all:#}"));
        let own = [&thing["time"], &thing["weight"]];
        let mut columns = thing["columns"].as_array().unwrap().iter().chain(own);
        columns
            .find(|c| c["name"] == name)
            .unwrap_or_else(|| panic!("no {name}: {thing:#}"))
            .clone()
    }

    fn range(&self, of: &str, name: &str) -> (Json, Json) {
        let column = self.column(of, name);
        (column["min"].clone(), column["max"].clone())
    }

    #[track_caller]
    fn says(&self, parts: &[&str]) -> &Folder {
        for part in parts {
            assert!(self.said.contains(part), "`{part}` is not in\n{}", self.said);
        }
        self
    }

    #[track_caller]
    fn writes(&self, parts: &[&str]) -> &Folder {
        let text = self.catalog();
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in\n{text}");
        }
        self
    }
}

/// A file that does not fit into a literal: lines by number.
fn lines(head: &str, count: usize, line: impl Fn(usize) -> String) -> String {
    let mut out = head.to_owned();
    (0..count).for_each(|n| {
        let _ = writeln!(out, "{}", line(n));
    });
    out
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

/// Every byte a letter: é is 0xe9.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

#[test]
fn one_key_twice_and_one_wrong_date_in_600_rows() {
    let date = |n: usize| match n {
        310 => "yesterday".to_owned(),
        n => format!("2024-02-{:02}T10:00:00Z", n % 28 + 1),
    };
    let items = lines("item_id,title,created_at\n", 600, |n| {
        format!("{},thing {n},{}", if n == 411 { 7 } else { n + 1 }, date(n))
    });
    let likes = lines("user_id,item_id,ts\n", 900, |n| {
        format!("{},{},{}", n % 40, n % 400 + 1, 1_709_280_000 + n)
    });
    let folder =
        Folder::new(&[("items.csv", items.as_bytes()), ("likes.csv", likes.as_bytes())]).init();
    assert_eq!(folder.counts(), "item 599, user 40, likes 900");
    assert_eq!(folder.column("item", "created_at")["nulls"], 1);
    assert_eq!(folder.range("likes", "ts").0, "2024-03-01T08:00:00Z");
    folder
        .says(&[
            "1 of 600 values of `created_at` is not a time",
            "row 311 (line 312) `yesterday`",
            "1 of 600 rows repeats a key",
            "row 412 (line 413) `7`, as in row 7 (line 8)",
        ])
        .writes(&[
            "duplicates = \"first\"   # guessed: 1 of 600 rows",
            "on_error = \"null\"   # guessed: 1 of 600 values",
        ]);
}

#[test]
fn a_time_that_would_hide_everything_is_none() {
    let items = lines("item_id,title,created_at\n", 30, |n| format!("{n},thing {n},2030-01-01"));
    let likes = lines("user_id,item_id,ts\n", 60, |n| format!("{},{},2024-03-01", n % 7, n % 20));
    let folder =
        Folder::new(&[("items.csv", items.as_bytes()), ("likes.csv", likes.as_bytes())]).init();
    assert_eq!(folder.describe()["entities"][0]["time"], Json::Null);
}

#[test]
fn trailing_semicolons_and_decimal_commas() {
    let folder = Folder::new(&[
        (
            "bewertungen.csv",
            b"user_id;item_id;note;\n1;10;3,5;\n2;11;4,0;\n1;11;1.234,5;\n3;10;2,5;\n",
        ),
        ("items.csv", &latin1("item_id;name;preis\n10;Käse;1,50\n11;Öl;2,25\n12;Tee;3,00\n")),
    ])
    .init();
    assert_eq!(folder.counts(), "item 3, user 3, bewertungen 4");
    assert_eq!(folder.range("bewertungen", "note"), (2.5.into(), 1234.5.into()));
    assert_eq!(folder.range("item", "preis"), (1.5.into(), 3.0.into()));
    assert_eq!(folder.column("item", "name")["examples"][0], "Käse");
    folder
        .says(&["items.csv: it is not UTF-8"])
        .writes(&["decimal = \",\"", "encoding = \"latin1\""]);
}

#[test]
fn only_the_lines_below_the_header_end_in_a_separator() {
    let folder = Folder::new(&[(
        "likes.csv",
        b"user_id,item_id,rating\n1,10,3,\n2,11,4,\n1,11,5,\n3,10,2,\n",
    )])
    .init();
    assert_eq!(folder.counts(), "user 3, item 2, likes 4");
    assert_eq!(folder.range("likes", "rating"), (2.0.into(), 5.0.into()));
}

#[test]
fn pandas_writes_an_index_and_floats_for_ids() {
    let folder = Folder::new(&[
        (
            "ratings.csv",
            b",user_id,movie_id,rating\n0,1.0,10.0,4.0\n1,2.0,11.0,3.5\n2,1.0,11.0,5.0\n3,,10.0,1.0\n4,2.0,99.0,2.0\n",
        ),
        ("movies.csv", b"Unnamed: 0,movie_id,title,genres\n0,10.0,Heat,Action|Crime\n1,11.0,Clue,Comedy\n2,12.0,Up,Action|Comedy\n"),
    ])
    .init();
    assert_eq!(folder.counts(), "movie 3, user 2, ratings 3");
    let rows = folder.next();
    assert!(rows.iter().all(|r| r["movie_id"].is_i64()), "{rows:?}");
    assert_eq!(folder.column("movie", "genres")["type"], "list[string]");
    folder.says(&["1 of 5 rows has no `user_id`", "row 4 (line 5)", "row 5 (line 6) `99`"]);
}

#[test]
fn lenskit() {
    let ratings = lines("user,item,rating,timestamp\n", 60, |n| {
        format!("{},{},{}.0,{}", n % 7 + 1, 100 + n % 13, n % 5 + 1, 1_709_280_000 + n * 3600)
    });
    let folder = Folder::new(&[("ratings.csv", ratings.as_bytes())]).init();
    assert_eq!(folder.counts(), "user 7, item 13, ratings 60");
    assert_eq!(folder.range("ratings", "timestamp").0, "2024-03-01T08:00:00Z");
    assert_eq!(folder.range("ratings", "rating"), (1.0.into(), 5.0.into()));
}

#[test]
fn recbole() {
    let inter = lines("user_id:token\titem_id:token\trating:float\ttimestamp:float\n", 60, |n| {
        format!("{}\t{}\t{}.0\t{}.0", n % 7 + 1, 100 + n % 13, n % 5 + 1, 1_709_280_000 + n * 3600)
    });
    let items = lines("item_id:token\tmovie_title:token_seq\tclass:token_seq\n", 13, |n| {
        format!("{}\tThe {n}\tAction Comedy", 100 + n)
    });
    let users = lines("user_id:token\tage:token\n", 7, |n| format!("{}\t{}", n + 1, 20 + n));
    let folder = Folder::new(&[
        ("toy.inter", inter.as_bytes()),
        ("toy.item", items.as_bytes()),
        ("toy.user", users.as_bytes()),
    ])
    .init();
    assert_eq!(folder.counts(), "item 13, user 7, interactions 60");
    assert_eq!(folder.range("interactions", "timestamp").0, "2024-03-01T08:00:00Z");
    assert_eq!(
        folder.column("item", "class")["examples"][0],
        serde_json::json!(["Action", "Comedy"])
    );
}

#[test]
fn movielens_100k() {
    let data = lines("", 60, |n| {
        format!("{}\t{}\t{}\t{}", n % 7 + 1, n % 13 + 1, n % 5 + 1, 881_250_949 + n)
    });
    let item = lines("", 13, |n| {
        format!("{}|Amélie {n} (1995)|0{}-Jan-1995||http://us.imdb.com/{n}|0|1", n + 1, n % 9 + 1)
    });
    let user = lines("", 7, |n| format!("{}|2{n}|M|technician|8571{n}", n + 1));
    let folder = Folder::new(&[
        ("u.data", data.as_bytes()),
        ("u.item", &latin1(&item)),
        ("u.user", user.as_bytes()),
        ("README", b"SUMMARY & USAGE LICENSE\n\nMovieLens data sets were collected, and so on.\n"),
        ("mku.sh", b"#!/bin/sh\necho 1,2\n"),
    ])
    .init();
    assert_eq!(folder.counts(), "item 13, user 7, ratings 60");
    assert_eq!(folder.range("ratings", "timestamp").0, "1997-12-04T15:55:49Z");
    assert_eq!(folder.column("item", "name")["examples"][0], "Amélie 0 (1995)");
    let date = folder.column("item", "column_3");
    assert_eq!((&date["type"], &date["min"]), (&"time".into(), &"1995-01-01T00:00:00Z".into()));
}

#[test]
fn movielens_1m() {
    let ratings = lines("", 60, |n| {
        format!("{}::{}::{}::{}", n % 7 + 1, n % 13 + 1, n % 5 + 1, 978_300_760 + n)
    });
    let movies = lines("", 13, |n| {
        format!("{}::Film {n} (1995)::{}|Comedy", n + 1, ["Drama", "Animation|Children's"][n % 2])
    });
    let users = lines("", 7, |n| format!("{}::F::1::10::4806{n}", n + 1));
    let folder = Folder::new(&[
        ("ratings.dat", ratings.as_bytes()),
        ("movies.dat", movies.as_bytes()),
        ("users.dat", users.as_bytes()),
    ])
    .init();
    assert_eq!(folder.counts(), "movie 13, user 7, ratings 60");
    assert_eq!(folder.range("ratings", "timestamp").0, "2000-12-31T22:12:40Z");
    assert_eq!(folder.column("movie", "column_3")["type"], "list[string]");
}

#[test]
fn amazon_reviews_and_a_broken_line() {
    let mut reviews = lines("", 60, |n| {
        format!(
            r#"{{"reviewerID": "A{}", "asin": "B00{}", "overall": {}.0, "unixReviewTime": {}, "helpful": [0, 1], "style": {{"size": "L"}}}}"#,
            n % 7,
            n % 13,
            n % 5 + 1,
            1_400_000_000 + n * 86_400
        )
    });
    reviews += "{\"reviewerID\": \"A1\", \"asi\n";
    let meta = lines("", 13, |n| {
        format!(
            r#"{{"asin": "B00{n}", "title": "Cable {n}", "price": {n}.99, "categories": ["Electronics", "Cables"]}}"#
        )
    });
    let folder = Folder::new(&[
        ("Electronics_5.json", reviews.as_bytes()),
        ("meta_Electronics.json", meta.as_bytes()),
    ])
    .init();
    assert_eq!(folder.counts(), "item 13, reviewer 7, Electronics_5 60");
    assert_eq!(folder.range("Electronics_5", "unixReviewTime").0, "2014-05-13T16:53:20Z");
    folder.says(&["row 61 (line 61)"]);
}

#[test]
fn gowalla_and_lightgcn() {
    let folder = Folder::new(&[
        ("train.txt", b"0 0 1 2 3\n1 4 1\n2 2 3 4 5 6\n3 0\n"),
        ("test.txt", b"0 4\n1 5 6\n2 1\n"),
    ])
    .init();
    assert_eq!(folder.counts(), "user 4, item 7, test_links 4, train 12");
}

#[test]
fn lastfm_hetrec() {
    let folder = Folder::new(&[
        ("artists.dat", "id\tname\turl\n1\tMALICE MIZER\thttp://a\n2\tSigur Rós\thttp://b\n3\tBjörk\thttp://c\n".as_bytes()),
        ("user_artists.dat", b"userID\tartistID\tweight\n2\t1\t13883\n2\t2\t11690\n4\t1\t300\n4\t3\t20\n5\t2\t7\n5\t3\t7\n"),
        ("user_friends.dat", b"userID\tfriendID\n2\t4\n4\t2\n4\t5\n5\t4\n"),
        ("user_taggedartists.dat", b"userID\tartistID\ttagID\tday\tmonth\tyear\n2\t1\t13\t1\t4\t2009\n2\t2\t15\t1\t4\t2010\n4\t1\t13\t31\t12\t2008\n"),
        ("tags.dat", &latin1("tagID\ttagValue\n13\tchillout\n15\tmúsica\n")),
        ("readme.txt", &latin1("====\nhetrec2011 © 2011\n====\nThis set, like others, is free.\n")),
    ])
    .init();
    assert_eq!(
        folder.counts(),
        "artist 3, tag 2, user 3, user_artists 6, user_friends 4, user_taggedartists 3"
    );
    assert_eq!(folder.range("user_artists", "weight"), (7.0.into(), 13883.0.into()));
    assert_eq!(folder.column("user_taggedartists", "time")["max"], "2010-04-01T00:00:00Z");
}

#[test]
fn folders_of_parquet_with_and_without_keys() {
    let folder = Folder::new(&[]);
    let part = |n: i64| -> Vec<(&str, ArrayRef)> {
        vec![
            ("user_id", Arc::new(Int64Array::from_iter_values((0..6).map(|i| i % 3)))),
            ("item_id", Arc::new(Int64Array::from_iter_values((0..6).map(|i| 10 * n + i / 2)))),
        ]
    };
    folder.parquet("views/dt=2024-03-01/part-0.parquet", part(1));
    folder.parquet("views/dt=2024-03-02/part-0.parquet", part(1));
    folder.parquet(
        "items/part-00000.parquet",
        vec![
            ("item_id", Arc::new(Int64Array::from(vec![10, 11])) as ArrayRef),
            ("name", Arc::new(StringArray::from(vec!["a", "b"]))),
        ],
    );
    folder.parquet(
        "items/part-00001.parquet",
        vec![
            ("item_id", Arc::new(Int64Array::from(vec![12, 13])) as ArrayRef),
            ("name", Arc::new(StringArray::from(vec!["c", "d"]))),
        ],
    );
    let folder = folder.init();
    assert_eq!(folder.counts(), "item 4, user 3, views 12");
    assert_eq!(folder.range("views", "dt").1, "2024-03-02T00:00:00Z");
}

#[test]
fn one_table_of_events_and_nothing_else() {
    let events = lines("timestamp,visitorid,event,itemid,transactionid\n", 80, |n| {
        format!(
            "{},{},{},{},",
            1_433_221_332_117u64 + n as u64 * 1000,
            257_597 + n % 9,
            if n % 5 == 0 { "addtocart" } else { "view" },
            355_908 + n % 17
        )
    });
    let folder = Folder::new(&[("events.csv", events.as_bytes())]).init();
    assert_eq!(folder.counts(), "visitor 9, item 17, events 80");
    assert_eq!(folder.range("events", "timestamp").0, "2015-06-02T05:02:12.117Z");
}

#[test]
fn several_event_tables_packed_among_other_files() {
    let table = |from: usize| {
        lines("user_id,video_id,event_time\n", 40, |n| {
            format!("u{},v{},2024-05-01 10:{:02}:00 UTC", n % 6, (n + from) % 11, n)
        })
    };
    let packed = |text: &str| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(text.as_bytes()).unwrap();
        out.finish().unwrap()
    };
    let zstd = zstd::bulk::compress(table(5).as_bytes(), 1).unwrap();
    let videos = lines("video_id,author_id,title\n", 11, |n| {
        format!("v{n},a{},\"Clip \"\"{n}\"\", cut\"", n % 3)
    });
    let folder = Folder::new(&[
        ("events/likes.csv.gz", &packed(&table(0))),
        ("events/views.csv.zst", &zstd),
        ("videos.csv", videos.as_bytes()),
        ("README.md", b"# Data\n\nclips, and likes\n"),
        ("look.ipynb", b"{\n \"cells\": []\n}\n"),
        ("logo.png", b"\x89PNG\r\n\x1a\n\0\0"),
        ("shop.xlsx", b"PK\x03\x04..."),
        ("config.json", b"{\"a\": 1, \"b\": [1, 2]}"),
        (".DS_Store", b"\0\0\0\x01Bud1"),
    ])
    .init();
    assert_eq!(folder.counts(), "video 11, user 6, author 3, likes 40, views 40");
    assert_eq!(folder.range("views", "event_time").1, "2024-05-01T10:39:00Z");
    folder
        .says(&[
            "left out: shop.xlsx: a spreadsheet: save its sheets as CSV",
            "no tables: README.md, logo.png, look.ipynb",
        ])
        .writes(&["seen = [\"likes\", \"views\"]", "impressions = \"views\""]);
}

#[test]
fn lists_and_vectors_in_columns_and_beside() {
    let items = lines("item_id,title,tags,look\n", 12, |n| {
        format!("{},Item {n},\"['red', 'blue{}']\",\"[0.{n}, 0.5, 0.25]\"", n + 1, n % 2)
    });
    let likes = lines("user_id,item_id\n", 30, |n| format!("{},{}", n % 5, n % 12 + 1));
    let header =
        format!("{:<117}\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 2), }");
    let mut npy = b"\x93NUMPY\x01\x00".to_vec();
    npy.extend((header.len() as u16).to_le_bytes());
    npy.extend(header.as_bytes());
    (0..24).for_each(|n| npy.extend((n as f32 + 1.0).to_le_bytes()));
    let folder = Folder::new(&[
        ("items.csv", items.as_bytes()),
        ("likes.csv", likes.as_bytes()),
        ("item_vectors.npy", &npy),
    ])
    .init();
    assert_eq!(folder.counts(), "item 12, user 5, likes 30");
    assert_eq!(folder.column("item", "tags")["examples"][0], serde_json::json!(["red", "blue0"]));
    assert_eq!(folder.column("item", "look")["type"], "vector[3]");
    let embedding = folder.describe()["embeddings"][0].clone();
    assert_eq!((&embedding["dim"], &embedding["entities"][0]["vectors"]), (&2.into(), &12.into()));
}

#[test]
fn vectors_in_a_column_of_parquet() {
    let folder = Folder::new(&[(
        "likes.csv",
        lines("user_id,item_id\n", 30, |n| format!("{},{}", n % 5, n % 12)).as_bytes(),
    )]);
    let vectors =
        (0..12).map(|n| Some((0..8).map(|d| Some(f64::from(n * d) / 7.0)).collect::<Vec<_>>()));
    folder.parquet(
        "items.parquet",
        vec![
            ("item_id", Arc::new(Int64Array::from_iter_values(0..12)) as ArrayRef),
            ("price", Arc::new(Float64Array::from_iter_values((0..12).map(f64::from)))),
            ("embedding", Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(vectors))),
        ],
    );
    let folder = folder.init();
    assert_eq!(folder.counts(), "item 12, user 5, likes 30");
    let embedding = folder.describe()["embeddings"][0].clone();
    assert_eq!((&embedding["name"], &embedding["dim"]), (&"item_embedding".into(), &8.into()));
}

#[test]
fn headers_with_blanks_capitals_accents_and_quotes() {
    let folder = Folder::new(&[
        ("Käufe 2024.csv", "\"User ID\",\"Produkt-ID\",\"Größe (cm)\",\"say \"\"hi\"\"\"\n1,p1,3,a\n2,p2,4,b\n1,p2,5,c\n3,p1,6,d\n".as_bytes()),
        ("PRODUKT.CSV", "Produkt-ID,NAME\np1,Käse\np2,Öl\np3,Tee\n".as_bytes()),
    ])
    .init();
    assert_eq!(folder.counts(), "produkt 3, user 3, kaufe_2024 4");
    assert_eq!(folder.range("kaufe_2024", "Größe (cm)"), (3.into(), 6.into()));
    assert_eq!(folder.column("kaufe_2024", "say \"hi\"")["examples"][0], "a");
}

#[test]
fn utf_16_from_excel() {
    let folder = Folder::new(&[
        ("käufe.csv", &utf16("user_id;item_id;wann\r\n1;10;31.12.2023 18:30\r\n2;11;01.01.2024 09:15\r\n1;11;13.02.2024 10:00\r\n3;10;14.02.2024 10:00\r\n")),
        ("items.txt", &utf16("item_id\tname\r\n10\tKäse\r\n11\tÖl\r\n12\tTee\r\n")),
    ])
    .init();
    assert_eq!(folder.counts(), "item 3, user 3, kaufe 4");
    assert_eq!(
        folder.range("kaufe", "wann"),
        ("2023-12-31T18:30:00Z".into(), "2024-02-14T10:00:00Z".into())
    );
}

#[test]
fn the_day_before_the_first_link() {
    let folder = Folder::new(&[
        ("items.csv", b"item_id,title\nA,one\nB,two\n"),
        ("likes.csv", b"user_id,item_id,ts\n"),
    ])
    .init();
    assert_eq!(folder.counts(), "item 2, user 0, likes 0");
    folder.writes(&["key_type = \"string\""]);
}

#[test]
fn words_for_null_and_lines_of_other_lengths() {
    let mut likes = lines("user_id,item_id,rating,ts\n", 60, |n| {
        let rating = if n % 10 == 3 { "N/A".to_owned() } else { format!("{}", n % 5) };
        let ts = if n % 20 == 4 { "\\N".to_owned() } else { format!("2024-03-01 10:{n:02}:00") };
        format!("{},{},{rating},{ts}", n % 7, n % 13)
    });
    likes += "1,2\n1,2,3,2024-03-01 10:00:00,more,fields\nNULL,3,1,2024-03-01 10:00:00\n";
    let folder = Folder::new(&[("likes.csv", likes.as_bytes())]).init();
    assert_eq!(folder.counts(), "user 7, item 13, likes 60");
    assert_eq!(folder.column("likes", "rating")["nulls"], 6);
    let ts = folder.column("likes", "ts");
    assert_eq!((&ts["nulls"], &ts["max"]), (&3.into(), &"2024-03-01T10:59:00Z".into()));
    folder
        .says(&[
            "6 of",
            "are `N/A`, which is read as null",
            "row 4 (line 5)",
            "2 of 63 rows cannot be read",
            "row 61 (line 62)",
            "1 of 61 rows has no `user_id`",
        ])
        .writes(&["null = [\"\", \"N/A\", \"NULL\", \"\\\\N\"]", "on_error = \"skip\""]);
}

#[test]
fn dates_in_every_form() {
    let likes = lines("user_id,item_id,date,day,seen_at,clock\n", 40, |n| {
        format!(
            "{},{},{:02}/{:02}/2024,2024{:02}{:02},{}.5,\"{:02}.03.2024 10:30\"",
            n % 7,
            n % 13,
            n % 28 + 1,
            n % 12 + 1,
            n % 12 + 1,
            n % 28 + 1,
            1_709_280_000 + n,
            n % 28 + 1
        )
    });
    let folder = Folder::new(&[("likes.csv", likes.as_bytes())]).init();
    assert_eq!(folder.counts(), "user 7, item 13, likes 40");
    assert_eq!(
        folder.range("likes", "date"),
        ("2024-01-01T00:00:00Z".into(), "2024-12-24T00:00:00Z".into())
    );
    assert_eq!(folder.column("likes", "day")["type"], "time");
    assert_eq!(folder.range("likes", "seen_at").0, "2024-03-01T08:00:00.5Z");
    assert_eq!(folder.range("likes", "clock").1, "2024-03-28T10:30:00Z");
}

#[test]
fn days_that_could_be_months_are_said() {
    let likes = lines("user_id,item_id,date\n", 40, |n| {
        format!("{},{},{:02}/{:02}/2024", n % 7, n % 13, n % 12 + 1, n % 11 + 1)
    });
    let folder = Folder::new(&[("likes.csv", likes.as_bytes())]).init();
    folder.says(&["ambiguous day and month"]);
}

#[test]
fn book_crossing() {
    let ratings = lines("\"User-ID\";\"ISBN\";\"Book-Rating\"\n", 40, |n| {
        format!("\"{}\";\"03{:04}X\";\"{}\"", 276_725 + n % 7, n % 13, n % 11)
    });
    let books =
        lines("\"ISBN\";\"Book-Title\";\"Book-Author\";\"Year-Of-Publication\"\n", 12, |n| {
            format!("\"03{n:04}X\";\"Café &amp; Noir; vol. {n}\";\"M. Morford\";\"200{}\"", n % 9)
        });
    let users = lines("\"User-ID\";\"Location\";\"Age\"\n", 7, |n| {
        format!(
            "\"{}\";\"nyc, new york, usa\";{}",
            276_725 + n,
            if n % 2 == 0 { "NULL" } else { "\"18\"" }
        )
    });
    let folder = Folder::new(&[
        ("BX-Book-Ratings.csv", ratings.as_bytes()),
        ("BX-Books.csv", &latin1(&books)),
        ("BX-Users.csv", users.as_bytes()),
    ])
    .init();
    assert_eq!(folder.counts(), "book 12, user 7, bx_book_ratings 37");
    assert_eq!(folder.column("user", "Age")["nulls"], 4);
    assert_eq!(folder.range("user", "Age").1, 18);
    folder.says(&["3 of 40 rows have a `ISBN` that no book has"]);
}

#[test]
fn orders_and_what_was_in_them() {
    let orders = lines("order_id,customer_id,ordered_at\n", 20, |n| {
        format!("o{n},c{},2024-03-{:02}", n % 6, n % 28 + 1)
    });
    let lines_ = lines("order_id,product_id,quantity\n", 60, |n| {
        format!("o{},p{},{}", n % 20, n % 17, n % 3 + 1)
    });
    let products =
        lines("product_id,name,category\n", 17, |n| format!("p{n},Product {n},c{}", n % 4));
    let folder = Folder::new(&[
        ("orders.csv", orders.as_bytes()),
        ("order_items.csv", lines_.as_bytes()),
        ("products.csv", products.as_bytes()),
    ])
    .init();
    assert_eq!(folder.counts(), "order 20, product 17, customer 6, order_items 60");
    let rows = folder.next();
    assert!(rows.iter().all(|r| r["product_id"].is_string()), "{rows:?}");
}

#[test]
fn who_follows_whom() {
    let follows = lines("follower_id,followee_id,since\n", 60, |n| {
        format!("{},{},2024-03-01", n % 12, (n * 5 + 1) % 12)
    });
    let users = lines("id,name\n", 12, |n| format!("{n},user {n}"));
    let folder =
        Folder::new(&[("follows.csv", follows.as_bytes()), ("users.csv", users.as_bytes())]).init();
    assert_eq!(folder.counts(), "user 12, follows 60");
}

#[test]
fn ids_that_are_texts_in_one_table_and_numbers_in_another() {
    let users = "user_id,age\n1,20\n2,21\n3,22\nguest,0\n";
    let likes = lines("user_id,item_id\n", 30, |n| format!("{},i{}", n % 3 + 1, n % 8));
    let folder =
        Folder::new(&[("users.csv", users.as_bytes()), ("likes.csv", likes.as_bytes())]).init();
    assert_eq!(folder.counts(), "user 4, item 8, likes 30");
}

#[test]
fn columns_whose_names_say_nothing() {
    let clicks = lines("", 200, |n| {
        format!("{}\t{}\t{}\t68fd{:04x}\t80e2{:04x}", n % 2, n % 7, n % 30, n % 23, n * 7 % 41)
    });
    let folder = Folder::new(&[("day_0.tsv", clicks.as_bytes())]).init();
    assert_eq!(folder.describe()["edges"][0]["links"], 200);
}

#[test]
fn a_small_shop_with_an_id_in_every_table() {
    let folder = Folder::new(&[
        ("users.csv", b"id,name,email\n1,Ann,a@x\n2,Bob,b@x\n3,Cid,c@x\n"),
        ("items.csv", b"id,name,price\n10,Pen,1.5\n11,Cup,2.5\n12,Hat,n/a\n11,Cup,2.5\n"),
        (
            "orders.csv",
            b"id,user_id,item_id,created\n1,1,10,2024-03-01\n2,2,11,soon\n3,1,12,2024-03-03\n4,9,10,2024-03-04\n5,,11,2024-03-05\n6,3,10,2024-03-05\n",
        ),
    ])
    .init();
    assert_eq!(folder.counts(), "item 3, user 3, orders 4");
    assert_eq!(folder.range("orders", "created").1, "2024-03-05T00:00:00Z");
    folder
        .says(&[
            "1 of 4 rows repeats a key",
            "row 2 (line 3) `soon`",
            "1 of 6 rows has a `user_id` that no user has",
            "1 of 6 rows has no `user_id`",
        ])
        .writes(&["duplicates = \"first\"", "on_error = \"null\"", "null = [\"\", \"n/a\"]"]);
}

#[test]
fn yelp_and_steam() {
    let reviews = lines("", 80, |n| {
        format!(
            r#"{{"review_id": "r{n}", "user_id": "u{}", "business_id": "b{}", "stars": {}.0, "date": "2018-07-{:02} 22:09:11", "text": "good, very"}}"#,
            n % 9,
            n % 13,
            n % 5 + 1,
            n % 28 + 1
        )
    });
    let folder = Folder::new(&[("review.json", reviews.as_bytes())]).init();
    assert_eq!(folder.counts(), "user 9, business 13, review 80");
    assert_eq!(folder.range("review", "date").0, "2018-07-01T22:09:11Z");

    let games = ["The Elder Scrolls V Skyrim", "Fallout 4", "Dota 2", "Portal"];
    let steam = lines("", 80, |n| {
        format!(
            "{},{},{},{}.0,0",
            151_603_712 + n % 9,
            games[n % 4],
            ["purchase", "play"][n % 2],
            n % 50
        )
    });
    let folder = Folder::new(&[("steam-200k.csv", steam.as_bytes())]).init();
    assert_eq!(folder.describe()["edges"][0]["to"]["degrees"]["rows"], 4);
    let news = lines("", 12, |n| format!("N{n}\tlifestyle\tnews\tThe title {n} of it\t[]\t[]"));
    let clicks = lines("user_id\tnews_id\n", 40, |n| format!("U{}\tN{}", n % 7, n % 12));
    let folder =
        Folder::new(&[("news.tsv", news.as_bytes()), ("clicks.tsv", clicks.as_bytes())]).init();
    assert_eq!(folder.counts(), "news 12, user 7, clicks 40");
}

#[test]
fn a_quote_that_is_never_closed() {
    let mut likes = lines("user_id,item_id,comment\n", 50, |n| {
        format!("{},{},\"so \"\"good\"\" {n}\"", n % 7, n % 11)
    });
    likes += "3,4,\"never closed\n4,5,fine\n";
    let folder = Folder::new(&[("likes.csv", likes.as_bytes())]).init();
    assert_eq!(folder.counts(), "user 7, item 11, likes 52");
    folder.says(&["row 51 (line 52): a quote is never closed"]).writes(&["quotes = false"]);
}

#[test]
fn a_log_without_users() {
    let log = lines("impression,timestamp,item_id,position,click,propensity\n", 300, |n| {
        format!(
            "{},2019-11-24 00:{:02}:{:02}.788335+00:00,{},{},{},0.0217",
            n / 3,
            n / 60,
            n % 60,
            n * 7 % 46,
            n % 3 + 1,
            u8::from(n % 20 == 0)
        )
    });
    let folder = Folder::new(&[("bts.csv", log.as_bytes())]).init();
    assert_eq!(folder.counts(), "impression 100, item 46, bts 300");
}

#[test]
fn friends_in_a_text_without_a_header() {
    let plays = lines("", 60, |n| format!("{}\t{}\t{}", n % 12 + 1, n * 5 % 23 + 1, n * 31 % 900));
    let trust = lines("", 20, |n| format!("{}\t{}", n % 10 + 1, (n * 3 + 4) % 14 + 1));
    let folder =
        Folder::new(&[("data1.txt", plays.as_bytes()), ("trustnetwork.txt", trust.as_bytes())])
            .init();
    assert_eq!(folder.counts(), "user 14, item 23, data1 60, trustnetwork 20");
}

#[test]
fn features_of_one_thing_in_two_tables() {
    let users = lines("user_id,age\n", 10, |n| format!("{n},{}", 20 + n));
    let more = lines("user_id,city\n", 10, |n| format!("{n},town {n}"));
    let likes = lines("user_id,item_id\n", 30, |n| format!("{},{}", n % 10, n % 8));
    let folder = Folder::new(&[
        ("users.csv", users.as_bytes()),
        ("user_cities.csv", more.as_bytes()),
        ("likes.csv", likes.as_bytes()),
    ])
    .init();
    assert_eq!(folder.describe()["edges"].as_array().unwrap().len(), 1, "{}", folder.catalog());
    folder.says(&["join its columns to that table"]);
}

#[test]
fn commas_between_thousands_are_no_fractions() {
    let items = "item_id,views,price,ages\n1,\"300\",\"300.50\",\"1,6\"\n\
                 2,\"1,200\",\"1,200.00\",\"6,12\"\n3,\"45,000\",\"2,400.25\",\"12,99\"\n";
    let likes = lines("user_id,item_id\n", 9, |n| format!("{},{}", n % 2, n % 3 + 1));
    let posts = "{\"post_id\":1,\"votes\":\"1,005\"}\n{\"post_id\":2,\"votes\":null}\n\
                 {\"post_id\":3,\"votes\":\"7\"}\n";
    let folder = Folder::new(&[
        ("items.csv", items.as_bytes()),
        ("likes.csv", likes.as_bytes()),
        ("posts.jsonl", posts.as_bytes()),
    ])
    .init();
    assert_eq!(folder.range("item", "views"), (300.into(), 45_000.into()));
    assert_eq!(folder.range("item", "price"), (300.5.into(), 2_400.25.into()));
    assert_eq!(folder.column("item", "ages")["type"], "string");
    assert_eq!(folder.range("post", "votes"), (7.into(), 1_005.into()));
    folder
        .says(&["`1,6` is read as a text, and could be a number with a fraction"])
        .writes(&["views = { type = \"int\", decimal = \".\" }"]);
    assert!(!folder.catalog().contains("format = "), "{}", folder.catalog());
}

#[test]
fn a_word_for_null_that_others_have_as_a_value() {
    let items = "item_id,country,n\n1,NA,3\n2,DE,NA\n3,NA,5\n4,NO,6\n5,DE,7\n6,FR,8\n";
    let likes = lines("user_id,item_id\n", 9, |n| format!("{},{}", n % 2, n % 3 + 1));
    let folder =
        Folder::new(&[("items.csv", items.as_bytes()), ("likes.csv", likes.as_bytes())]).init();
    assert_eq!(folder.column("item", "country")["nulls"], 0);
    let n = folder.column("item", "n");
    assert_eq!((&n["nulls"], &n["type"]), (&1.into(), &"int".into()));
    folder.writes(&["on_error = \"null\""]);
    // among ids the word is null all the same: what that costs is said
    let likes = lines("user_id,item_id,state\n", 12, |n| match n {
        5 => "NA,1,open".to_owned(),
        7 => "1,2,NA".to_owned(),
        n => format!("{},{},open", n % 2 + 1, n % 3 + 1),
    });
    let folder = Folder::new(&[("likes.csv", likes.as_bytes())]).init();
    folder.says(&["so are 1 of `state`"]);
}

#[test]
fn ids_that_overlap_are_of_different_things() {
    for (head, ends) in [
        ("user_id,item_id", "user -> item"),
        ("visitorid,itemid", "visitor -> item"),
        ("customer_id,product_id", "customer -> product"),
        ("user,item,clicks", "user -> item"),
        ("follower,followee", "user -> user"),
        ("user_id,friend_id", "user -> user"),
        ("src,dst", "node -> node"),
        ("source,target", "node -> node"),
        ("from,to", "node -> node"),
        ("id1,id2", "node -> node"),
        ("movie_id_1,movie_id_2", "movie -> movie"),
    ] {
        let clicks = head.matches(',').count() == 2;
        let links = lines(&format!("{head}\n"), 4, |n| {
            let more = if clicks { format!(",{}", n + 1) } else { String::new() };
            format!("{},{}{more}", [1, 2, 3, 1][n], [1, 2, 1, 2][n])
        });
        let folder = Folder::new(&[("links.csv", links.as_bytes())]);
        let (code, _, said) = igql(&["init", "."], folder.dir.path());
        assert_eq!(code, 0, "{head}: {said}");
        assert!(said.contains(ends), "{head}: {said}");
    }
    let books = lines("book_id,title\n", 30, |n| format!("{},book {n}", n + 1));
    let ratings = lines("user_id,book_id,rating\n", 90, |n| {
        format!("{},{},{}", n % 29 + 1, n * 7 % 30 + 1, n % 5 + 1)
    });
    let folder =
        Folder::new(&[("books.csv", books.as_bytes()), ("ratings.csv", ratings.as_bytes())]).init();
    assert_eq!(folder.counts(), "book 30, user 29, ratings 90");
    folder.says(&["user -> book"]);
}

#[test]
fn a_value_that_is_called_as_its_column() {
    let tags = lines("userId,movieId,tag,timestamp\n", 600, |n| {
        let tag = if n == 311 { "tag".to_owned() } else { format!("t{}", n % 40) };
        format!("{},{},{tag},{}", n % 30 + 1, n % 50 + 1, 1_709_280_000 + n)
    });
    let folder = Folder::new(&[("tags.csv", tags.as_bytes())]).init();
    assert_eq!(folder.counts(), "user 30, movie 50, tags 600");
    let few = "user_id,item_id,tag\n1,11,a\n1,12,b\n2,12,tag\n";
    let folder = Folder::new(&[("tags.csv", few.as_bytes())]).init();
    assert_eq!(folder.counts(), "user 2, item 2, tags 3");
}

#[test]
fn what_no_value_bears_out_is_no_type() {
    let items = lines("item_id,at,boxes,released\n", 30, |n| {
        format!(
            "{},\"[0.1 1. -{n}.e-03 0.25]\",\"[{{\"\"Label\"\": \"\"x{n}\"\"}}]\",202007{:02}.0",
            n + 1,
            n % 28 + 1
        )
    });
    let likes = lines("user_id,item_id\n", 90, |n| format!("{},{}", n % 7 + 1, n % 30 + 1));
    let folder =
        Folder::new(&[("items.csv", items.as_bytes()), ("likes.csv", likes.as_bytes())]).init();
    assert_eq!(folder.counts(), "item 30, user 7, likes 90");
    assert_eq!(folder.column("item", "boxes")["type"], "string");
    assert_eq!(folder.range("item", "released").0, "2020-07-01T00:00:00Z");
    assert_eq!(folder.column("item", "at")["nulls"], 0);
}

#[test]
fn times_beyond_the_calendar_cost_no_row() {
    let likes = lines("user_id,item_id\n", 9, |n| format!("{},{}", n % 2, n % 3 + 1));
    let folder = Folder::new(&[("likes.csv", likes.as_bytes())]);
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let until: ArrayRef = Arc::new(arrow_array::TimestampMicrosecondArray::from(vec![
        253_402_300_800_000_000_i64 + 86_400_000_000,
        1_709_280_000_000_000,
        1_709_280_000_000_000,
    ]));
    let large: ArrayRef = Arc::new(arrow_array::UInt64Array::from(vec![u64::MAX, 7, 8]));
    folder.parquet("items.parquet", vec![("item_id", ids), ("until", until), ("hash", large)]);
    let folder = folder.init();
    assert_eq!(folder.counts(), "item 3, user 2, likes 9");
    assert_eq!(folder.column("item", "until")["nulls"], 1);
    assert_eq!(folder.column("item", "hash")["type"], "string");
}

#[test]
fn numbers_are_only_what_reads_back_the_same() {
    let items = "item_id,phone,sku,hash\n1,+4917,0001,18446744073709551615\n\
                 2,+4918,0002,18446744073709551614\n3,+4919,0003,12\n";
    let likes = lines("user_id,item_id\n", 9, |n| format!("{},{}", n % 2, n % 3 + 1));
    let folder =
        Folder::new(&[("items.csv", items.as_bytes()), ("likes.csv", likes.as_bytes())]).init();
    for name in ["phone", "sku", "hash"] {
        assert_eq!(folder.column("item", name)["type"], "string", "{name}");
    }
    assert_eq!(folder.column("item", "sku")["examples"][0], "0001");
}

#[test]
fn one_odd_time_leaves_a_time() {
    for odd in ["0", "-1", "1709280000123"] {
        let likes = lines("user_id,item_id,timestamp\n", 40, |n| {
            let time = if n == 11 { odd.to_owned() } else { format!("{}", 1_709_280_000 + n) };
            format!("{},{},{time}", n % 7 + 1, n % 13 + 1)
        });
        let folder = Folder::new(&[("likes.csv", likes.as_bytes())]).init();
        let time = folder.column("likes", "timestamp");
        assert_eq!((&time["type"], &time["nulls"]), (&"time".into(), &1.into()), "{odd}");
        folder.says(&["row 12 (line 13)"]);
    }
    let likes = lines("user_id,item_id,date\n", 40, |n| {
        let date = if n == 11 { "0".to_owned() } else { format!("202403{:02}", n % 28 + 1) };
        format!("{},{},{date}", n % 7 + 1, n % 13 + 1)
    });
    let folder = Folder::new(&[("likes.csv", likes.as_bytes())]).init();
    let date = folder.column("likes", "date");
    assert_eq!((&date["type"], &date["nulls"]), (&"time".into(), &1.into()));
    let events = lines("", 40, |n| {
        let ts = if n == 11 { "soon".to_owned() } else { format!("{}", 1_709_280_000 + n) };
        format!("{{\"user_id\":{},\"item_id\":{},\"ts\":\"{ts}\"}}", n % 7, n % 13)
    });
    let folder = Folder::new(&[("events.jsonl", events.as_bytes())]).init();
    let ts = folder.column("events", "ts");
    assert_eq!((&ts["type"], &ts["nulls"]), (&"time".into(), &1.into()));
}

#[test]
fn blanks_behind_commas_and_in_front_of_numbers() {
    let items = lines("item_id, title\n", 13, |n| format!("{}, t {n}", n + 1));
    let likes = lines("user_id, item_id, ts\n", 40, |n| {
        format!("{}, {}, {}", n % 7 + 1, n % 13 + 1, 1_709_280_000 + n)
    });
    let folder =
        Folder::new(&[("items.csv", items.as_bytes()), ("likes.csv", likes.as_bytes())]).init();
    assert_eq!(folder.counts(), "item 13, user 7, likes 40");
    assert_eq!(folder.column("item", "title")["examples"][0], "t 0");

    for (head, name) in [
        ("# userid itemid rating\n", "ratings.txt"),
        ("#userid itemid rating\n", "ratings.dat"),
        ("userid itemid rating\n", "ratings.txt"),
    ] {
        let ratings = lines(head, 40, |n| format!("{} {} {}", n % 7, n % 13, n % 5 + 1));
        let folder = Folder::new(&[(name, ratings.as_bytes())]).init();
        assert_eq!(folder.counts(), "user 7, item 13, ratings 40", "{head}");
        assert_eq!(folder.range("ratings", "rating"), (1.0.into(), 5.0.into()));
    }
    let aligned = lines("  user_id item_id  rating\n", 40, |n| {
        format!("{:>9} {:>7} {:>7}", n * 37 % 7, n % 13 * 100, n % 5 + 1)
    });
    let folder = Folder::new(&[("ratings.txt", aligned.as_bytes())]).init();
    assert_eq!(folder.counts(), "user 7, item 13, ratings 40");
}

#[test]
fn what_is_left_out_is_named_with_the_reason() {
    let folder = Folder::new(&[
        ("words.csv", b"one\ntwo,three\nfour,five,six\n\nseven,a,b,c\n"),
        ("logo.png", b"\x89PNG\r\n\x1a\n\0\0"),
    ]);
    let (code, _, said) = igql(&["init", "."], folder.dir.path());
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("words.csv: no separator splits its lines"), "{said}");
    assert!(said.contains("logo.png: no table"), "{said}");
}

#[cfg(unix)]
#[test]
fn no_folder_is_followed_twice() {
    let likes = lines("user_id,item_id\n", 30, |n| format!("{},{}", n % 7, n % 13));
    let folder =
        Folder::new(&[("likes.csv", likes.as_bytes()), ("more/views.csv", likes.as_bytes())]);
    let dir = folder.dir.path();
    std::os::unix::fs::symlink(dir, dir.join("again")).unwrap();
    std::os::unix::fs::symlink(dir.join("more"), dir.join("link")).unwrap();
    let folder = folder.init();
    assert_eq!(folder.counts(), "user 7, item 13, likes 30, views 30");
    folder.says(&["again: a link to a folder that is looked through already"]);
}

#[test]
fn parts_of_a_table_and_their_headers() {
    let head = "user_id,item_id,rating\n";
    let rows = |from: usize| lines("", 20, |n| format!("{},{},{}", n % 7, (n + from) % 13, n % 5));
    let twice = format!("{head}{}{head}{}", rows(0), rows(20));
    let folder = Folder::new(&[("ratings.csv", twice.as_bytes())]).init();
    assert_eq!(folder.counts(), "user 7, item 13, ratings 40");
    folder.says(&["repeated header lines were skipped (1)"]);

    let with = format!("{head}{}", rows(0));
    for (first, second) in [
        ("ratings/p0.csv", "ratings/p1.csv"),
        ("ratings/p1.csv", "ratings/p0.csv"),
        ("ratings_0.csv", "ratings_1.csv"),
        ("ratings_10.csv", "ratings_9.csv"),
    ] {
        let folder = Folder::new(&[(first, with.as_bytes()), (second, rows(20).as_bytes())]).init();
        assert_eq!(folder.counts(), "user 7, item 13, ratings 40", "{first}");
    }

    let likes = lines("user_id,item_id\n", 9, |n| format!("{},{}", n % 2 + 1, n % 3 + 1));
    let folder = Folder::new(&[
        ("a.csv", b"item_id,title\n1,one\n2,two\n"),
        ("b.csv", b"item_id,title\n1,one\n3,three\n"),
        ("likes.csv", likes.as_bytes()),
    ])
    .init();
    assert_eq!(folder.counts(), "item 3, user 2, likes 9");
    folder.writes(&["table = \"[ab].csv\"", "duplicates = \"first\""]);
}

#[test]
fn what_init_refuses() {
    let empty = Folder::new(&[]);
    let (code, _, said) = igql(&["init", "."], empty.dir.path());
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("no readable tables found"), "{said}");
    let (code, _, said) = igql(&["init", "nowhere"], empty.dir.path());
    assert_eq!((code, said.contains("does not exist")), (2, true), "{said}");

    let array =
        Folder::new(&[("a.json", b"[{\"user_id\": 1, \"item_id\": 2}]"), ("empty.csv", b"")]);
    let (code, _, said) = igql(&["init", "."], array.dir.path());
    assert_eq!(code, 3, "{said}");
    assert!(
        said.contains("a.json: one JSON array") && said.contains("empty.csv: the file is empty"),
        "{said}"
    );

    let there = Folder::new(&[
        ("likes.csv", b"user_id,item_id\n1,2\n2,3\n1,3\n"),
        ("catalog.toml", b"# mine\n"),
    ]);
    let (code, _, said) = igql(&["init", "."], there.dir.path());
    assert_eq!((code, there.catalog().as_str()), (2, "# mine\n"), "{said}");
    let (code, _, said) = igql(&["init", ".", "--force"], there.dir.path());
    assert_eq!(code, 0, "{said}");
    let old = std::fs::read_to_string(there.dir.path().join("catalog.toml.old")).unwrap();
    assert_eq!((old.as_str(), there.catalog().contains("[edge.likes]")), ("# mine\n", true));
}

/// Nothing but the catalog and what is derived is left behind, whatever happens.
#[test]
fn nothing_else_is_written() {
    let folder = Folder::new(&[("likes.csv", b"user_id,item_id\n1,2\n2,3\n1,3\n2,2\n3,3\n")]);
    let (code, _, said) = igql(&["init", "."], folder.dir.path());
    assert_eq!(code, 0, "{said}");
    let mut names: Vec<String> = std::fs::read_dir(folder.dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".igql", "catalog.toml", "likes.csv"]);
}

#[test]
fn describe_fits_a_terminal_and_knows_its_names() {
    let items = lines("item_id,title,price\n", 30, |n| {
        format!("{n},\"{} \u{1b}[31m{n}\",{n}.5", "a very long title ".repeat(6))
    });
    let likes = lines("user_id,item_id,ts\n", 60, |n| {
        let item = if n == 13 { 999 } else { n % 20 };
        format!("{},{item},2024-03-01T10:{n:02}:00Z", n % 7)
    });
    let folder =
        Folder::new(&[("items.csv", items.as_bytes()), ("likes.csv", likes.as_bytes())]).init();
    let dir = folder.dir.path();
    let (code, text, _) = igql(&["describe"], dir);
    assert_eq!(code, 0);
    assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    for part in [
        "entity item: 30 rows",
        "  price    float   0.5000 to 29.5000",
        "edge likes: user -> item, 59 links",
        "  from user (user_id): 7 to 9 links each (median 9)",
        "2 to 3 links each (median 3), 10 rows have none",
        "  time (ts): 2024-03-01T10:00:00Z to 2024-03-01T10:59:00Z",
        "skipped or suspicious when the snapshot was built",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let (code, _, said) = igql(&["describe", "item.titel"], dir);
    assert_eq!((code, said.contains("did you mean `item.title`?")), (2, true), "{said}");
    let (code, _, said) = igql(&["describe", "price"], dir);
    assert_eq!((code, said.contains("did you mean `item.price`?")), (2, true), "{said}");
    let (code, out, _) = igql(&["describe", "likes.ts", "--format", "json"], dir);
    let column: Json = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &column["kind"], &column["of"]), (0, &"column".into(), &"likes".into()));
    assert_eq!(column["max"], "2024-03-01T10:59:00Z");
    assert_eq!(folder.describe()["skipped"][0]["count"], 1);
}

#[test]
fn quotes_behind_a_backslash_are_read_so() {
    let items = lines("item_id,title,year\n", 60, |n| match n % 7 {
        0 => format!("{n},\"He said \\\"hi\\\", no. {n}\",{}", 1990 + n % 30),
        _ => format!("{n},\"A title, no. {n}\",{}", 1990 + n % 30),
    });
    let likes = lines("user_id,item_id\n", 120, |n| format!("{},{}", n % 7, n % 60));
    let folder =
        Folder::new(&[("items.csv", items.as_bytes()), ("likes.csv", likes.as_bytes())]).init();
    assert_eq!(folder.counts(), "item 60, user 7, likes 120");
    let titles = folder.column("item", "title");
    assert_eq!(titles["examples"][0], "He said \"hi\", no. 0", "{titles}");
    folder.says(&["quotes behind a backslash are letters"]).writes(&["escape = \"\\\\\""]);
}

#[test]
fn a_bad_byte_costs_its_value_alone() {
    let mut items = Vec::from(*b"item_id,title,tags\n");
    for n in 0..60 {
        let title: &[u8] = if n == 17 { b"Caf\xe9" } else { "Café".as_bytes() };
        let tags: &[u8] = if n == 23 { b"a|b\xe9" } else { b"a|b" };
        let parts: [&[u8]; 6] = [n.to_string().as_bytes(), b",", title, b",", tags, b"\n"]
            .map(|part: &[u8]| &*part.to_vec().leak());
        items.extend(parts.concat());
    }
    let likes = lines("user_id,item_id\n", 120, |n| format!("{},{}", n % 7, n % 60));
    let folder = Folder::new(&[("items.csv", &items), ("likes.csv", likes.as_bytes())]).init();
    assert_eq!(folder.counts(), "item 60, user 7, likes 120");
    assert_eq!(folder.column("item", "title")["nulls"], 1);
    assert_eq!(folder.column("item", "tags")["nulls"], 1);
    folder
        .says(&["1 of 60 values of `title` cannot be read", "row 18 (line 19)", "row 24 (line 25)"])
        .writes(&["on_error = \"null\""]);
}

/// A zero among times is one for want of a time, whatever the format: JSON, Parquet with counts and with
/// times, text in which other columns have zeros.
#[test]
fn zeros_among_times_are_null_in_every_format() {
    let time = |n: usize| {
        if n.is_multiple_of(20) { 0 } else { 1_600_000_000 + n as i64 }
    };
    let json = lines("", 60, |n| {
        format!("{{\"item_id\": {n}, \"stars\": {}, \"created_at\": {}}}", n % 3, time(n))
    });
    let csv = lines("user_id,item_id,stars,ts\n", 120, |n| {
        format!("{},{},{},{}", n % 7, n % 60, n % 3, time(n))
    });
    let folder =
        Folder::new(&[("items.jsonl", json.as_bytes()), ("likes.csv", csv.as_bytes())]).init();
    let null = "null = [\"0\"]";
    assert_eq!(folder.column("item", "created_at")["nulls"], 3);
    assert_eq!(folder.column("item", "stars")["nulls"], 0);
    assert_eq!(folder.column("likes", "ts")["nulls"], 6);
    assert_eq!(folder.column("likes", "stars")["nulls"], 0);
    folder.says(&["3 of 60 values of `created_at` are `0`", "row 1"]).writes(&[null]);

    let folder = Folder::new(&[("likes.csv", csv.as_bytes())]);
    let counts: Vec<i64> = (0..60).map(time).collect();
    let micros: Vec<i64> = counts.iter().map(|t| t * 1_000_000).collect();
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..60));
    let times = arrow_array::TimestampMicrosecondArray::from(micros);
    folder.parquet(
        "items.parquet",
        vec![
            ("item_id", keys),
            ("created_at", Arc::new(Int64Array::from(counts))),
            ("changed_at", Arc::new(times)),
        ],
    );
    let folder = folder.init();
    assert_eq!(folder.column("item", "created_at")["nulls"], 3);
    assert_eq!(folder.column("item", "changed_at")["nulls"], 3);
    folder.writes(&[null]);
}

/// What an interrupted run leaves is cleared by the next.
#[cfg(unix)]
#[test]
fn an_aborted_catalog_on_trial_is_cleared() {
    let likes = lines("user_id,item_id\n", 120, |n| format!("{},{}", n % 7, n % 60));
    let folder = Folder::new(&[("likes.csv", likes.as_bytes())]);
    let left = folder.dir.path().join(".catalog.toml.4000000-0.toml");
    std::fs::write(&left, "half").unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let file = std::fs::File::options().write(true).open(&left).unwrap();
    file.set_modified(old).unwrap();
    drop(file);
    let folder = folder.init();
    let names = std::fs::read_dir(folder.dir.path()).unwrap().flatten();
    let names: Vec<String> = names
        .map(|e| e.file_name().into_string().unwrap())
        .filter(|n| n.starts_with(".catalog"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}
