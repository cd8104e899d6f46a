//! What a file is, by its first bytes, and how a text table is written: what stands between its
//! fields, whether it has a header, its encoding.

mod encoding;
mod kind;
mod shape;
mod text;

use crate::store::profile;
use encoding::decoded;
pub use kind::{Kind, LOOK, Text};
use text::table;

/// Endings of texts that are for people or machines, and never data.
const NO_DATA: [&str; 26] = [
    "md", "rst", "ipynb", "py", "pyc", "r", "rs", "js", "ts", "java", "scala", "c", "cpp", "h",
    "sh", "pl", "sql", "html", "htm", "xml", "css", "toml", "yaml", "yml", "ini", "igql",
];

/// Whether some first bytes are no known sign of a binary format.
pub fn is_text(bytes: &[u8]) -> bool {
    let signs: [&[u8]; 3] = [b"PAR1", b"ARROW1", b"\x93NUMPY"];
    !signs.iter().any(|sign| bytes.starts_with(sign))
}

/// Looks at a file's first bytes, unpacked. `ending` is that of its name, without `.gz` or `.zst`.
pub fn sniff(bytes: &[u8], ending: &str) -> Kind {
    let other = |why: &str| Kind::Other(Some(why.to_owned()));
    match () {
        () if bytes.is_empty() => return other("the file is empty"),
        () if bytes.starts_with(b"PAR1") => return Kind::Parquet,
        () if bytes.starts_with(b"ARROW1") || ["arrow", "feather"].contains(&ending) => {
            return Kind::Arrow;
        }
        () if bytes.starts_with(b"\x93NUMPY") => return Kind::Npy,
        () if ending == "safetensors" => return Kind::Safetensors,
        () if NO_DATA.contains(&ending) => return Kind::Other(None),
        () => {}
    }
    if let Some(why) = foreign(bytes, ending) {
        return Kind::Other(why);
    }
    let Some((text, encoding)) = decoded(bytes) else {
        return Kind::Other(None);
    };
    match text.trim_start().chars().next() {
        Some('{' | '[') => json(&text),
        _ => table(&text, encoding, ending),
    }
}

/// Files of other programs, with what to do about those that may hold data.
fn foreign(bytes: &[u8], ending: &str) -> Option<Option<String>> {
    let data = |what: &str, how: &str| Some(Some(format!("{what}: {how}")));
    match ending {
        "xlsx" | "xls" | "ods" => return data("a spreadsheet", "save its sheets as CSV"),
        "pkl" | "pickle" | "joblib" => {
            return data("a Python pickle", "write it with `to_parquet` or `to_csv`");
        }
        "npz" => return data("several arrays in one file", "write each with `numpy.save`"),
        "h5" | "hdf5" | "hdf" | "mat" | "rds" | "rdata" | "dta" | "sav" => {
            return data("unsupported format", "write it as Parquet or CSV");
        }
        "db" | "sqlite" | "sqlite3" | "duckdb" => {
            return data("a database", "export its tables as CSV or Parquet");
        }
        "zip" | "tar" | "tgz" | "rar" | "7z" | "bz2" | "xz" => {
            return data("an archive", "unpack it here");
        }
        _ => {}
    }
    let known: [&[u8]; 8] =
        [b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF", b"RIFF", b"\x7fELF", b"ID3", b"OggS"];
    known.iter().any(|magic| bytes.starts_with(magic)).then_some(None)
}

/// JSON is read a line an object.
fn json(text: &str) -> Kind {
    let lines = text.lines().filter(|l| !l.trim().is_empty());
    let looked: Vec<&str> = lines.take(20).collect();
    let whole =
        looked.len() - usize::from(text.len() >= LOOK / 2 && looked.len() > 1 && looked.len() < 20);
    let objects = looked[..whole].iter().filter(|l| profile::is_object(l)).count();
    let first = text.trim_start();
    match () {
        () if objects * 10 >= whole * 9 && objects > 0 => Kind::Json,
        () if first.starts_with('[') && first[1..].trim_start().starts_with('{') => {
            Kind::Other(Some(
                "one JSON array: write an object a line (`jq -c '.[]' FILE > FILE.jsonl`, in pandas `to_json(FILE, orient=\"records\", lines=True)`)".to_owned(),
            ))
        }
        () if looked.first().is_some_and(|l| l.starts_with("{'") || l.starts_with("{u'")) => {
            Kind::Other(Some(
                "Python dictionaries, not JSON: write each line with `json.dumps(ast.literal_eval(line))`".to_owned(),
            ))
        }
        () if first.starts_with('[') => table(text, None, "txt"),
        () => Kind::Other(Some("one JSON document, not an object a line".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::config::TextFormat;
    use encoding_rs::{UTF_16LE, WINDOWS_1252};

    fn text(text: &str, ending: &str) -> Text {
        match sniff(text.as_bytes(), ending) {
            Kind::Text(found) => found,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn separators_and_headers() {
        let plain = text("a_id,b\n1,x\n2,y\n", "csv");
        assert_eq!(
            (plain.format, plain.names),
            (TextFormat::default(), vec!["a_id".to_owned(), "b".to_owned()])
        );
        let german = text("id;preis\n1;3,50\n2;4,20\n", "csv");
        assert_eq!(german.format.separator.as_deref(), Some(";"));
        let headless = text("196\t242\t3\t881250949\n186\t302\t3\t891717742\n", "data");
        assert_eq!(headless.names, ["column_1", "column_2", "column_3", "column_4"]);
        assert_eq!(headless.format.separator.as_deref(), Some("\t"));
        let lists = text("0 1 2 3\n1 4\n2 5 6\n", "txt");
        assert!(lists.format.rest && !lists.format.header);
        let double = text("1::Toy Story::Comedy\n2::Heat::Action\n", "dat");
        assert_eq!(double.format.separator.as_deref(), Some("::"));
    }

    #[test]
    fn one_line_more_or_less_does_not_change_the_rest() {
        let mut lines = "id,name,price\n".to_owned();
        (0..30).for_each(|n| lines += &format!("{n},thing {n},{n}.5\n"));
        lines += "31,a,b,c,d\n32\n";
        let found = text(&lines, "csv");
        assert_eq!(found.names, ["id", "name", "price"]);
        assert!(found.format.header);
    }

    #[test]
    fn names_that_cannot_be_used() {
        let recbole = text("user_id:token\titem_id:token\trating:float\n1\t2\t3.0\n", "inter");
        assert_eq!(recbole.names, ["user_id", "item_id", "rating"]);
        assert_eq!(recbole.told, [Some("token"), Some("token"), Some("float")]);
        let twice = text("id,name,name\n1,a,b\n", "csv");
        assert_eq!(twice.names, ["id", "name", "name_2"]);
        assert_eq!(twice.notes.len(), 1);
        assert_eq!(text("//userID\tartistID\n2\t51\n3\t9\n", "dat").names, ["userID", "artistID"]);
    }

    #[test]
    fn what_is_no_table() {
        for (bytes, ending) in [
            (&b"\x89PNG\r\n"[..], "png"),
            (b"# Title\n\nSome words, and more.\n", "md"),
            (b"This data set, as it stands, is free.\nUse it, but cite us, please.\n", "txt"),
            (b"{\n \"cells\": [\n 1, 2]}\n", "json"),
            (b"[{\"a\": 1}, {\"a\": 2}]", "json"),
            (b"", "csv"),
            (b"sep=;\nuser_id;item_id\n1;2\n2;3\n", "csv"),
            (b"# of 2024\nuser_id,item_id\n1,2\n2,3\n3,4\n", "csv"),
        ] {
            assert!(matches!(sniff(bytes, ending), Kind::Other(_)), "{ending}");
        }
        assert_eq!(sniff(b"{\"user_id\": 1}\n{\"user_id\": 2}\n", "json"), Kind::Json);
    }

    #[test]
    fn encodings() {
        let mut wide = vec![0xff, 0xfe];
        "user_id,item_id\n1,2\n".encode_utf16().for_each(|u| wide.extend(u.to_le_bytes()));
        let Kind::Text(found) = sniff(&wide, "csv") else { panic!() };
        assert_eq!(found.format.encoding, None, "its mark tells");
        let Kind::Text(found) = sniff(&wide[2..], "csv") else { panic!() };
        assert_eq!(found.format.encoding, Some(UTF_16LE));
        let Kind::Text(found) = sniff(b"item_id,name\n1,caf\xe9\n2,b\n", "csv") else { panic!() };
        assert_eq!(found.format.encoding, Some(WINDOWS_1252));
        let mixed = [&b"item_id,name\n1,caf\xe9\n2,"[..], "Zoë\n".as_bytes()].concat();
        let Kind::Text(found) = sniff(&mixed, "csv") else { panic!() };
        assert_eq!(found.format.encoding, None, "one byte is a mistake");
    }
}
