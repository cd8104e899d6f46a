//! How the lines of a text are cut into fields.

/// How many records are looked at.
const RECORDS: usize = 500;

/// What may stand between fields, the surest sign first.
const SEPARATORS: [&str; 7] = ["\t", "::", ",", ";", "|", "\u{1}", " "];

/// How the lines of a text are cut.
pub(super) struct Shape {
    pub(super) separator: &'static str,
    /// Fields of nearly every line.
    pub(super) fields: usize,
    /// Lines of different lengths, lists to their ends.
    pub(super) rest: bool,
    pub(super) records: Vec<Vec<String>>,
}

/// What parts the fields of nearly every line into the same number, at least two; None if the text is
/// no table.
pub(super) fn shape(
    text: &str,
    cut: bool,
    usual: Option<&'static str>,
    ending: &str,
) -> Option<Shape> {
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
            let shape = Shape { separator, fields, rest: false, records };
            (best, highest) = (Some((share, shape)), rank);
        }
    }
    let ragged = || ["\t", " ", ","].into_iter().find_map(|s| ragged(text, cut, s));
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
            line.trim().split(separator).filter(|f| !f.is_empty()).map(str::to_owned).collect()
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
    let told =
        has_header(&records) && crate::cli::init::words::thing(records.first()?.first()?).is_some();
    (one && told).then_some(Shape { separator, fields: 1, rest: false, records })
}

/// The lines that are not empty; the last of a text that was cut off may be half a line.
pub(super) fn lines(text: &str, cut: bool) -> impl Iterator<Item = &str> {
    let end = if cut { text.rfind('\n').unwrap_or(text.len()) } else { text.len() };
    text[..end].lines().filter(|l| !l.trim().is_empty()).take(RECORDS)
}

pub(super) fn records(text: &str, cut: bool, separator: &str) -> Vec<Vec<String>> {
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
    let mut all: Vec<Vec<String>> = read.map(|r| r.iter().map(str::to_owned).collect()).collect();
    if (cut || all.len() > RECORDS) && all.len() > 1 {
        all.pop();
    }
    all
}

/// Fields up to the last that is not empty.
pub(super) fn trimmed(record: &[String]) -> usize {
    record.iter().rposition(|f| !f.trim().is_empty()).map_or(0, |at| at + 1)
}

/// The number of fields that most records have, those of the header where it is as common.
fn most_common(records: &[Vec<String>]) -> usize {
    let mut counts = std::collections::BTreeMap::<usize, usize>::new();
    for record in records {
        *counts.entry(record.len()).or_default() += 1;
    }
    let common = counts.iter().max_by_key(|(fields, n)| (**n, **fields)).map_or(0, |(f, _)| *f);
    match records.first() {
        // every line ends with one more separator than the header
        Some(first)
            if first.len() + 1 == common
                && records[1..].iter().all(|r| r.len() <= common && trimmed(r) <= first.len()) =>
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
    let ids = |name: &String| {
        crate::cli::init::words::thing(name).is_some() || crate::cli::init::words::is_bare_id(name)
    };
    if rows.first().is_some_and(|r| r.iter().any(ids)) {
        return false;
    }
    let fields = || rows.iter().flatten();
    let blank = fields().filter(|f| f.starts_with(' ') && f.trim().contains(' ')).count();
    blank * 4 > fields().count()
}

/// A header has a name for every column: no number, none that comes again below; and where a column
/// has numbers or times below, its name is the only one that is none.
pub(super) fn has_header(records: &[Vec<String>]) -> bool {
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
    if (0..first.len())
        .any(|at| (whole || !again(at)) && crate::cli::init::words::is_column_name(&first[at]))
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
