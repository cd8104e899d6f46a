//! What a file is, by its first bytes, and how a text table is written: what stands between its
//! fields, whether it has a header, its encoding.

use crate::catalog::config::TextFormat;
use crate::store::profile;
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How much of a file is looked at.
pub const LOOK: usize = 1 << 18;
/// How many records are looked at.
const RECORDS: usize = 500;
/// What may stand between fields, the surest sign first.
const SEPARATORS: [&str; 7] = ["\t", "::", ",", ";", "|", "\u{1}", " "];
/// Endings of texts that are for people or machines, and never data.
const NO_DATA: [&str; 26] = [
    "md", "rst", "ipynb", "py", "pyc", "r", "rs", "js", "ts", "java", "scala", "c", "cpp", "h",
    "sh", "pl", "sql", "html", "htm", "xml", "css", "toml", "yaml", "yml", "ini", "igql",
];

/// What a file is.
#[derive(Debug, PartialEq)]
pub enum Kind {
    Parquet,
    Arrow,
    Json,
    Text(Text),
    /// Vectors by row.
    Npy,
    Safetensors,
    /// No table, and why it is none; None for what nobody would take for data.
    Other(Option<String>),
}

/// How a text table is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    pub format: TextFormat,
    /// What the first line gives as names, put right where they cannot be used as they are.
    pub names: Vec<String>,
    /// Types that the header told (`user_id:token`), by column.
    pub told: Vec<Option<&'static str>>,
    /// What was found on the way that a person should know.
    pub notes: Vec<String>,
    /// Another part of the table gave the names.
    pub named: bool,
}

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
    let (text, encoding) = match decoded(bytes) {
        Some(decoded) => decoded,
        None => return Kind::Other(None),
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
            return data("a format that is not read", "write it as Parquet or CSV");
        }
        "db" | "sqlite" | "sqlite3" | "duckdb" => {
            return data("a database", "export its tables as CSV or Parquet");
        }
        "zip" | "tar" | "tgz" | "rar" | "7z" | "bz2" | "xz" => {
            return data("an archive", "unpack it here");
        }
        _ => {}
    }
    let known: [&[u8]; 8] = [
        b"\x89PNG",
        b"\xff\xd8\xff",
        b"GIF8",
        b"%PDF",
        b"RIFF",
        b"\x7fELF",
        b"ID3",
        b"OggS",
    ];
    known
        .iter()
        .any(|magic| bytes.starts_with(magic))
        .then_some(None)
}

/// The beginning of a text, and its encoding where that is neither UTF-8 nor told by a mark.
fn decoded(bytes: &[u8]) -> Option<(String, Option<&'static Encoding>)> {
    let cut = &bytes[..bytes.len().min(LOOK)];
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let (text, _) = encoding.decode_without_bom_handling(&cut[mark.min(cut.len())..]);
        return Some((text.into_owned(), None));
    }
    if let Some(encoding) = wide(cut) {
        let (text, _) = encoding.decode_without_bom_handling(cut);
        return Some((text.into_owned(), Some(encoding)));
    }
    if cut.contains(&0) {
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => Some((String::from_utf8_lossy(cut).into_owned(), None)),
        Err(_) if profile::is_mostly_utf8(bytes) => {
            Some((String::from_utf8_lossy(cut).into_owned(), None))
        }
        Err(_) => {
            let (text, _) = WINDOWS_1252.decode_without_bom_handling(cut);
            let control = text
                .chars()
                .filter(|c| c.is_control() && !"\r\n\t\u{1}".contains(*c));
            // a binary file is full of them
            (control.count() * 50 < text.len().max(50))
                .then(|| (text.into_owned(), Some(WINDOWS_1252)))
        }
    }
}

/// UTF-16 without its mark: every other byte is zero.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    let zeros = |odd: usize| {
        bytes
            .iter()
            .skip(odd)
            .step_by(2)
            .filter(|b| **b == 0)
            .count()
    };
    let (even, odd, half) = (zeros(0), zeros(1), bytes.len() / 2);
    match () {
        () if half < 4 => None,
        () if odd * 10 > half * 7 && even * 10 < half => Some(UTF_16LE),
        () if even * 10 > half * 7 && odd * 10 < half => Some(UTF_16BE),
        () => None,
    }
}

/// JSON is read a line an object.
fn json(text: &str) -> Kind {
    let lines = text.lines().filter(|l| !l.trim().is_empty());
    let looked: Vec<&str> = lines.take(20).collect();
    let whole =
        looked.len() - usize::from(text.len() >= LOOK / 2 && looked.len() > 1 && looked.len() < 20);
    let objects = looked[..whole]
        .iter()
        .filter(|l| profile::is_object(l))
        .count();
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

fn table(text: &str, encoding: Option<&'static Encoding>, ending: &str) -> Kind {
    let usual = match ending {
        "tsv" => Some("\t"),
        "csv" | "txt" | "dat" => Some(","),
        _ => None,
    };
    let cut = text.len() >= LOOK / 2;
    let Some(mut shape) = shape(text, cut, usual, ending) else {
        let data = ["csv", "tsv", "psv", "dat"].contains(&ending);
        let why = "no separator cuts its lines into the same number of fields";
        return Kind::Other(data.then(|| why.to_owned()));
    };
    let remark = remark_header(&mut shape);
    if let Some(lines) = before_header(text, &shape) {
        let why = format!(
            "its header is line {}: delete what stands above (`tail -n +{0} FILE`)",
            lines + 1
        );
        return Kind::Other(Some(why));
    }
    let mut found = Text {
        format: TextFormat {
            encoding,
            ..TextFormat::default()
        },
        ..Text::default()
    };
    if usual != Some(shape.separator) {
        found.format.separator = Some(shape.separator.to_owned());
    }
    if encoding == Some(WINDOWS_1252) {
        found.notes.push(
            "it is not UTF-8, and is read as latin1: if letters with accents come out wrong, name its `encoding`"
                .to_owned(),
        );
    }
    if blank_behind_commas(text, cut, &shape) {
        found.format.separator = Some(", ".to_owned());
    }
    if shape.rest {
        found.format.header = false;
        found.format.rest = true;
        found.names = vec!["user_id".to_owned(), "item_id".to_owned()];
    } else if has_header(&shape.records) {
        header(&mut found, &shape);
        if remark {
            found.format.names = Some(found.names.clone());
        }
    } else {
        found.format.header = false;
        found.names = (1..=shape.fields).map(|n| format!("column_{n}")).collect();
    }
    if !found.format.header {
        found.format.names = Some(found.names.clone());
    }
    Kind::Text(found)
}

/// A header that is a remark: `# user_id item_id` has one field more than the lines below.
fn remark_header(shape: &mut Shape) -> bool {
    let fields = shape.fields;
    let Some(first) = shape.records.first_mut() else {
        return false;
    };
    let sign = first
        .first()
        .is_some_and(|f| ["#", "%", "//"].contains(&f.trim()));
    let fits = sign && trimmed(first) == fields + 1 && !shape.rest;
    if fits {
        first.remove(0);
    }
    fits
}

/// A blank stands behind every comma, and nothing is quoted.
fn blank_behind_commas(text: &str, cut: bool, shape: &Shape) -> bool {
    let even = |line: &str| {
        line.matches(',').count() == line.matches(", ").count()
            && line.split(", ").count() == shape.fields
    };
    let whole = || text.lines().filter(|l| !l.trim().is_empty()).all(even);
    shape.separator == ","
        && !cut
        && !shape.rest
        && !text.contains('"')
        && whole()
        && shape.fields > 1
}

/// How many lines stand above the header, where there are some: `sep=;` of Excel, remarks.
fn before_header(text: &str, shape: &Shape) -> Option<usize> {
    let above = |r: &&Vec<String>| trimmed(r) < shape.fields && !shape.rest;
    let lines = match text.trim_start_matches('\u{feff}').starts_with("sep=") {
        true => 1,
        false => shape.records.iter().take_while(above).count(),
    };
    let header = shape.records.get(lines)?;
    let named = header
        .iter()
        .filter(|n| super::words::is_column_name(n))
        .count();
    (lines > 0 && named * 2 >= header.len() && has_header(&shape.records[lines..])).then_some(lines)
}

/// How the lines of a text are cut.
struct Shape {
    separator: &'static str,
    /// Fields of nearly every line.
    fields: usize,
    /// Lines of different lengths, lists to their ends.
    rest: bool,
    records: Vec<Vec<String>>,
}

/// What parts the fields of nearly every line into the same number, at least two; None if the text is
/// no table.
fn shape(text: &str, cut: bool, usual: Option<&'static str>, ending: &str) -> Option<Shape> {
    let candidates = usual.into_iter().chain(SEPARATORS);
    let mut best: Option<(f64, Shape)> = None;
    let mut highest = 0.0;
    for separator in candidates {
        let records = records(text, cut, separator);
        let fields = most_common(&records);
        if fields < 2 || separator == " " && !is_numeric(&records) {
            continue;
        }
        let even = |r: &&Vec<String>| r.len() == fields || trimmed(r) <= fields && r.len() > fields;
        let share = records.iter().filter(even).count() as f64 / records.len() as f64;
        let named = records.first().is_some_and(|r| even(&r));
        // what the ending says, and what the header bears out, comes first
        let rank = share
            + if named { 0.2 } else { 0.0 }
            + if usual == Some(separator) { 0.05 } else { 0.0 };
        let better = best.is_none() || rank > highest + 1e-9;
        if better && (share >= 0.8 || records.len() < 5 && share >= 0.6) {
            let shape = Shape {
                separator,
                fields,
                rest: false,
                records,
            };
            (best, highest) = (Some((share, shape)), rank);
        }
    }
    let ragged = || {
        ["\t", " ", ","]
            .into_iter()
            .find_map(|s| ragged(text, cut, s))
    };
    match best {
        // ids in lines of many lengths are lists
        Some((share, _)) if share < 0.9 && ragged().is_some() => ragged(),
        Some((_, shape)) if !is_prose(&shape) => Some(shape),
        _ => ragged().or_else(|| single(text, cut, usual, ending)),
    }
}

/// Lists of ids to the end of the line.
fn ragged(text: &str, cut: bool, separator: &'static str) -> Option<Shape> {
    let records: Vec<Vec<String>> = lines(text, cut)
        .map(|line| {
            line.trim()
                .split(separator)
                .filter(|f| !f.is_empty())
                .map(str::to_owned)
                .collect()
        })
        .collect();
    let all = || records.iter().flatten();
    let id = |f: &&String| f.parse::<i64>().is_ok();
    let many = records.iter().filter(|r| r.len() > 2).count();
    let ids = all().filter(id).count();
    (many > 0 && ids == all().count() && ids > 0).then_some(Shape {
        separator,
        fields: 2,
        rest: true,
        records,
    })
}

/// One column, which only the ending and a header tell from prose.
fn single(text: &str, cut: bool, usual: Option<&'static str>, ending: &str) -> Option<Shape> {
    let separator = usual.filter(|_| ["csv", "tsv"].contains(&ending))?;
    let records = records(text, cut, separator);
    let one = records.iter().all(|r| r.len() == 1);
    let told = has_header(&records) && super::words::thing(records.first()?.first()?).is_some();
    (one && told).then_some(Shape {
        separator,
        fields: 1,
        rest: false,
        records,
    })
}

/// The lines that are not empty; the last of a text that was cut off may be half a line.
fn lines(text: &str, cut: bool) -> impl Iterator<Item = &str> {
    let end = if cut {
        text.rfind('\n').unwrap_or(text.len())
    } else {
        text.len()
    };
    text[..end]
        .lines()
        .filter(|l| !l.trim().is_empty())
        .take(RECORDS)
}

fn records(text: &str, cut: bool, separator: &str) -> Vec<Vec<String>> {
    if separator == " " {
        let fields = |line: &str| {
            let fields = line.split(' ').filter(|f| !f.is_empty());
            fields.map(str::to_owned).collect()
        };
        return lines(text, cut).map(fields).collect();
    }
    let [byte] = separator.as_bytes() else {
        let fields = |line: &str| line.split(separator).map(str::to_owned).collect();
        return lines(text, cut).map(fields).collect();
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(*byte)
        .quoting(matches!(separator, "," | ";"))
        .from_reader(text.as_bytes());
    let read = reader.records().take(RECORDS + 1).filter_map(Result::ok);
    let mut all: Vec<Vec<String>> = read
        .map(|r| r.iter().map(str::to_owned).collect())
        .collect();
    if (cut || all.len() > RECORDS) && all.len() > 1 {
        all.pop();
    }
    all
}

/// Fields up to the last that is not empty.
fn trimmed(record: &[String]) -> usize {
    record
        .iter()
        .rposition(|f| !f.trim().is_empty())
        .map_or(0, |at| at + 1)
}

/// The number of fields that most records have, those of the header where it is as common.
fn most_common(records: &[Vec<String>]) -> usize {
    let mut counts = std::collections::BTreeMap::<usize, usize>::new();
    for record in records {
        *counts.entry(record.len()).or_default() += 1;
    }
    let common = counts
        .iter()
        .max_by_key(|(fields, n)| (**n, **fields))
        .map_or(0, |(f, _)| *f);
    match records.first() {
        // every line ends with one more separator than the header
        Some(first)
            if first.len() + 1 == common
                && records[1..]
                    .iter()
                    .all(|r| r.len() <= common && trimmed(r) <= first.len()) =>
        {
            first.len()
        }
        _ => common,
    }
}

/// Blanks part words of prose as well.
fn is_numeric(records: &[Vec<String>]) -> bool {
    let all = || records.iter().skip(1).flatten();
    let numbers = all().filter(|f| f.trim().parse::<f64>().is_ok()).count();
    numbers * 2 >= all().count().max(1)
}

/// Sentences have commas, too: their fields are long, begin with a blank, and no column has a type.
fn is_prose(shape: &Shape) -> bool {
    let rows = &shape.records;
    let ids = |name: &String| super::words::thing(name).is_some() || super::words::is_bare_id(name);
    if rows.first().is_some_and(|r| r.iter().any(ids)) {
        return false;
    }
    let fields = || rows.iter().flatten();
    let blank = fields()
        .filter(|f| f.starts_with(' ') && f.trim().contains(' '))
        .count();
    blank * 4 > fields().count()
}

/// A header has a name for every column: no number, none that comes again below; and where a column
/// has numbers or times below, its name is the only one that is none.
fn has_header(records: &[Vec<String>]) -> bool {
    let Some((first, rest)) = records.split_first() else {
        return true;
    };
    let value = |f: &str| {
        let f = f.trim();
        f.parse::<f64>().is_ok() || crate::catalog::time::parse(f).is_some()
    };
    // an index of pandas has no name
    let unnamed = first.iter().filter(|n| n.trim().is_empty()).count();
    if first.iter().any(|n| value(n) || n.len() > 80) || unnamed * 2 > first.len() {
        return false;
    }
    let column = |at: usize| rest.iter().filter_map(move |r| r.get(at));
    // what comes again in its own column may be a value; all of them are a header that comes again
    let again = |at: usize| !first[at].is_empty() && column(at).any(|f| *f == first[at]);
    let fresh = || (0..first.len()).filter(|at| !again(*at));
    let repeated = (0..first.len()).filter(|at| again(*at)).count();
    let whole = repeated > 0 && repeated + unnamed == first.len();
    // one of them is no wonder where another name is one of columns, or stands above numbers
    if (0..first.len()).any(|at| (whole || !again(at)) && super::words::is_column_name(&first[at]))
    {
        return true;
    }
    let typed = |at: usize| {
        let (values, all) = (column(at).filter(|f| value(f)).count(), column(at).count());
        all > 0 && values * 10 >= all * 9
    };
    if whole || fresh().any(typed) {
        return true;
    }
    if repeated > 0 {
        return false;
    }
    // texts below texts
    let word =
        |n: &String| !n.chars().any(|c| c.is_ascii_digit()) && n.split_whitespace().count() < 4;
    first.iter().all(word)
}

/// Names as the header has them. What cannot be used as it stands is put right, and the catalog then
/// names all columns.
fn header(found: &mut Text, shape: &Shape) {
    let first = shape.records.first().map_or(&[][..], Vec::as_slice);
    let mut names: Vec<String> = first[..shape.fields.min(first.len())]
        .iter()
        .enumerate()
        .map(|(at, name)| match name.trim() {
            "" => format!("column_{}", at + 1),
            name => name.to_owned(),
        })
        .collect();
    let before = names.clone();
    let told = names.iter().all(|n| atomic(n).is_some());
    found.told = vec![None; names.len()];
    if told {
        for (name, told) in names.iter_mut().zip(&mut found.told) {
            if let Some((plain, ty)) = atomic(name) {
                (*name, *told) = (plain.to_owned(), Some(ty));
            }
        }
    }
    if let Some(name) = names.first_mut() {
        let plain = name.trim_start_matches(['#', '/', '%', ' ']).to_owned();
        if !plain.is_empty() {
            *name = plain;
        }
    }
    for at in 1..names.len() {
        let name = names[at].clone();
        let mut number = 2;
        while names[..at].contains(&names[at]) {
            names[at] = format!("{name}_{number}");
            number += 1;
        }
        if number > 2 {
            found.notes.push(format!(
                "two columns are called `{name}`: the later one is `{}`",
                names[at]
            ));
        }
    }
    if names != before {
        found.format.names = Some(names.clone());
    }
    found.names = names;
}

/// RecBole's atomic files tell types in their headers.
fn atomic(name: &str) -> Option<(&str, &'static str)> {
    const TYPES: [&str; 4] = ["token", "token_seq", "float", "float_seq"];
    let (name, ty) = name.rsplit_once(':')?;
    Some((name, *TYPES.iter().find(|t| **t == ty)?))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (
                TextFormat::default(),
                vec!["a_id".to_owned(), "b".to_owned()]
            )
        );
        let german = text("id;preis\n1;3,50\n2;4,20\n", "csv");
        assert_eq!(german.format.separator.as_deref(), Some(";"));
        let headless = text("196\t242\t3\t881250949\n186\t302\t3\t891717742\n", "data");
        assert_eq!(
            headless.names,
            ["column_1", "column_2", "column_3", "column_4"]
        );
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
        let recbole = text(
            "user_id:token\titem_id:token\trating:float\n1\t2\t3.0\n",
            "inter",
        );
        assert_eq!(recbole.names, ["user_id", "item_id", "rating"]);
        assert_eq!(recbole.told, [Some("token"), Some("token"), Some("float")]);
        let twice = text("id,name,name\n1,a,b\n", "csv");
        assert_eq!(twice.names, ["id", "name", "name_2"]);
        assert_eq!(twice.notes.len(), 1);
        assert_eq!(
            text("//userID\tartistID\n2\t51\n3\t9\n", "dat").names,
            ["userID", "artistID"]
        );
    }

    #[test]
    fn what_is_no_table() {
        for (bytes, ending) in [
            (&b"\x89PNG\r\n"[..], "png"),
            (b"# Title\n\nSome words, and more.\n", "md"),
            (
                b"This data set, as it stands, is free.\nUse it, but cite us, please.\n",
                "txt",
            ),
            (b"{\n \"cells\": [\n 1, 2]}\n", "json"),
            (b"[{\"a\": 1}, {\"a\": 2}]", "json"),
            (b"", "csv"),
            (b"sep=;\nuser_id;item_id\n1;2\n2;3\n", "csv"),
            (b"# of 2024\nuser_id,item_id\n1,2\n2,3\n3,4\n", "csv"),
        ] {
            assert!(matches!(sniff(bytes, ending), Kind::Other(_)), "{ending}");
        }
        assert_eq!(
            sniff(b"{\"user_id\": 1}\n{\"user_id\": 2}\n", "json"),
            Kind::Json
        );
    }

    #[test]
    fn encodings() {
        let mut wide = vec![0xff, 0xfe];
        "user_id,item_id\n1,2\n"
            .encode_utf16()
            .for_each(|u| wide.extend(u.to_le_bytes()));
        let Kind::Text(found) = sniff(&wide, "csv") else {
            panic!()
        };
        assert_eq!(found.format.encoding, None, "its mark tells");
        let Kind::Text(found) = sniff(&wide[2..], "csv") else {
            panic!()
        };
        assert_eq!(found.format.encoding, Some(UTF_16LE));
        let Kind::Text(found) = sniff(b"item_id,name\n1,caf\xe9\n2,b\n", "csv") else {
            panic!()
        };
        assert_eq!(found.format.encoding, Some(WINDOWS_1252));
        let mixed = [&b"item_id,name\n1,caf\xe9\n2,"[..], "Zoë\n".as_bytes()].concat();
        let Kind::Text(found) = sniff(&mixed, "csv") else {
            panic!()
        };
        assert_eq!(found.format.encoding, None, "one byte is a mistake");
    }
}
