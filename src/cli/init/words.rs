//! What names of columns and files say: `userId` is an id of a user, `ts` a time, `rating` a weight.

/// Names of who asks, the likeliest first.
pub const VIEWERS: [&str; 24] = [
    "user",
    "viewer",
    "visitor",
    "customer",
    "member",
    "client",
    "reviewer",
    "reader",
    "listener",
    "person",
    "people",
    "shopper",
    "buyer",
    "player",
    "subscriber",
    "profile",
    "account",
    "author",
    "patient",
    "student",
    "usuario",
    "utilisateur",
    "benutzer",
    "session",
];

/// Things that a column is about whose name is theirs alone: `item`, `userid`.
const THINGS: [&str; 46] = [
    "user",
    "viewer",
    "visitor",
    "customer",
    "member",
    "client",
    "reviewer",
    "reader",
    "listener",
    "person",
    "item",
    "product",
    "movie",
    "film",
    "show",
    "book",
    "track",
    "song",
    "artist",
    "album",
    "video",
    "clip",
    "media",
    "photo",
    "image",
    "post",
    "article",
    "news",
    "story",
    "game",
    "recipe",
    "restaurant",
    "business",
    "venue",
    "location",
    "place",
    "poi",
    "hotel",
    "job",
    "listing",
    "course",
    "document",
    "doc",
    "session",
    "account",
    "app",
];

/// People, as a table of people calls them that leads from one to the other.
pub const PEOPLE: [&str; 9] = [
    "friend",
    "follower",
    "followee",
    "followed",
    "following",
    "trustee",
    "truster",
    "contact",
    "neighbor",
];

/// What people are to something: their ids are those of who asks, if the values bear it out.
pub const ROLES: [&str; 14] = [
    "author",
    "owner",
    "creator",
    "seller",
    "sender",
    "receiver",
    "recipient",
    "poster",
    "uploader",
    "reviewer",
    "host",
    "actor",
    "inviter",
    "invitee",
];

/// What a thing is to another of its kind.
pub const KIN: [&str; 9] = [
    "parent",
    "root",
    "reply_to",
    "in_reply_to",
    "original",
    "previous",
    "prev",
    "next",
    "canonical",
];

/// The two ends of a link, where they are not called after a thing.
const ENDS: [(&str, &str); 5] = [
    ("src", "dst"),
    ("src", "dest"),
    ("source", "target"),
    ("source", "destination"),
    ("from", "to"),
];

/// What two columns of one table lead to that are the ends of a link between things of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Pair {
    /// Who asks: `follower_id` and `followee_id`.
    People,
    /// What they are called after: `movie_1` and `movie_2`, `from_user` and `to_user`.
    Of(String),
    /// Nothing says what: `src` and `dst`.
    Nameless,
}

/// Whether a column is called as an end of a link that says of nothing whose.
pub fn is_end(column: &str) -> bool {
    let name = plain(column);
    ENDS.iter().any(|(a, b)| *a == name || *b == name) || name.starts_with("column_")
}

/// Whether two columns are the ends of a link between things of one kind.
pub fn pair(a: &str, b: &str) -> Option<Pair> {
    let end = |name: &str| -> String {
        let name = plain(name);
        let end = ENDINGS.iter().find_map(|end| name.strip_suffix(end));
        let end = end.map(str::to_owned).unwrap_or(name);
        end.trim_end_matches('_').to_owned()
    };
    let (x, y) = (end(a), end(b));
    let is = |(p, q): &(&str, &str), x: &str, y: &str| (x == *p && y == *q) || (x == *q && y == *p);
    let bare = |name: &str| {
        let stem = name.strip_suffix("id").filter(|s| s.len() > 2);
        stem.unwrap_or(name).to_owned()
    };
    if ENDS.iter().any(|ends| is(ends, &x, &y) || is(ends, &bare(&x), &bare(&y))) {
        return Some(Pair::Nameless);
    }
    if x != y && PEOPLE.contains(&x.as_str()) && PEOPLE.contains(&y.as_str()) {
        return Some(Pair::People);
    }
    if let (Some((p, s)), Some((q, t))) = (x.split_once('_'), y.split_once('_'))
        && s == t
        && ENDS.iter().any(|ends| is(ends, p, q))
    {
        return Some(Pair::Of(thing(s)?));
    }
    let (x, y) = (plain(a), plain(b));
    let stem = |name: &str, other: &str| {
        let (p, q) = (name.strip_suffix('1')?, other.strip_suffix('2')?);
        (p == q).then(|| p.trim_end_matches('_').to_owned())
    };
    let stem = stem(&x, &y).or_else(|| stem(&y, &x))?;
    match thing(&stem) {
        Some(thing) => Some(Pair::Of(thing)),
        None if ["", "id", "node", "key"].contains(&stem.as_str()) => Some(Pair::Nameless),
        None => None,
    }
}

/// Names of tables that lead from people to people.
pub const SOCIAL: [&str; 5] = ["friend", "follow", "trust", "social", "contact"];

/// Ids of other names.
const SYNONYMS: [(&str, &str); 14] = [
    ("uid", "user"),
    ("iid", "item"),
    ("pid", "product"),
    ("mid", "movie"),
    ("asin", "item"),
    ("parent_asin", "item"),
    ("isbn", "book"),
    ("sku", "product"),
    ("gtin", "product"),
    ("username", "user"),
    ("user_name", "user"),
    ("userhash", "user"),
    ("friend", "friend"),
    ("follower", "follower"),
];

const ENDINGS: [&str; 12] = [
    "_id", "_ids", "_key", "_keys", "_slug", "_uuid", "_guid", "_pk", "_idx", "_uri", "_sha1",
    "_hash",
];

pub const WEIGHTS: [&str; 16] = [
    "rating",
    "ratings",
    "weight",
    "stars",
    "star",
    "strength",
    "plays",
    "playcount",
    "play_count",
    "overall",
    "count",
    "listens",
    "value",
    "score",
    "quantity",
    "listencount",
];

pub const TIMES: [&str; 25] = [
    "ts",
    "time",
    "timestamp",
    "timestamps",
    "date",
    "datetime",
    "created",
    "at",
    "when",
    "joined",
    "day",
    "time_ms",
    "unix_review_time",
    "published",
    "released",
    "updated",
    "started",
    "signup",
    "registered",
    "birthday",
    "time_stamp",
    "added",
    "epoch",
    "modified",
    "release",
];

/// Names of texts that people read.
pub const TITLES: [&str; 8] =
    ["title", "name", "label", "headline", "caption", "product_name", "summary", "tag_value"];

/// A name in small letters with `_` between its words: `userId` is `user_id`.
pub fn plain(name: &str) -> String {
    let mut out = String::new();
    let mut low = false;
    for c in name.chars() {
        let word = c.is_alphanumeric();
        if (!word || (c.is_uppercase() && low)) && !out.ends_with('_') && !out.is_empty() {
            out.push('_');
        }
        if word {
            out.extend(c.to_lowercase());
        }
        low = c.is_lowercase() || c.is_numeric();
    }
    out.trim_matches('_').to_owned()
}

/// A name that programs can say without backticks: letters with accents lose them, others go.
pub fn identifier(name: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if starts && name.chars().all(word) {
        return name.to_owned();
    }
    let mut out = String::new();
    for c in plain(name).chars() {
        match c {
            c if word(c) => out.push(c),
            c => out.push_str(bare(c)),
        }
    }
    let out = out.trim_matches('_').to_owned();
    match out.chars().next() {
        Some(c) if c.is_ascii_alphabetic() => out,
        Some(_) => format!("t_{out}"),
        None => "t".to_owned(),
    }
}

/// A small letter without its accent.
fn bare(c: char) -> &'static str {
    match c {
        'à'..='å' => "a",
        'æ' => "ae",
        'ç' => "c",
        'è'..='ë' => "e",
        'ì'..='ï' => "i",
        'ñ' => "n",
        'ò'..='ö' | 'ø' => "o",
        'ù'..='ü' => "u",
        'ý' | 'ÿ' => "y",
        'ß' => "ss",
        _ => "",
    }
}

/// The thing that a column of ids is named after: `user` of `userId`; none for other columns.
pub fn thing(column: &str) -> Option<String> {
    let name = plain(column);
    if let Some((_, thing)) = SYNONYMS.iter().find(|(word, _)| *word == name) {
        return Some((*thing).to_owned());
    }
    let stem = ENDINGS.iter().find_map(|end| name.strip_suffix(end));
    let stem = stem.or_else(|| name.strip_prefix("id_"));
    if let Some(stem) = stem.filter(|s| !s.is_empty() && !s.bytes().all(|b| b.is_ascii_digit())) {
        let stem = stem.strip_suffix("_id").unwrap_or(stem);
        return Some(singular(identifier(stem).as_str()));
    }
    let stem = name.strip_suffix("ids").or_else(|| name.strip_suffix("id")).unwrap_or(&name);
    let stem = singular(stem.trim_end_matches('_'));
    THINGS.contains(&stem.as_str()).then_some(stem)
}

/// Whether a column is called after ids as such: `id`, `key`, `_id`.
pub fn is_bare_id(column: &str) -> bool {
    ["id", "key", "uuid", "guid", "pk", "code"].contains(&plain(column).as_str())
}

/// The number that pandas writes before every row.
pub fn is_index(column: &str) -> bool {
    let name = plain(column);
    name == "column_1" || name == "index" || name == "level_0" || name.starts_with("unnamed")
}

/// `movies` is of `movie`.
pub fn singular(name: &str) -> String {
    let (head, last) = match name.rsplit_once('_') {
        Some((head, last)) => (format!("{head}_"), last),
        None => (String::new(), name),
    };
    let one = match last {
        "media" | "news" | "series" | "people" | "business" | "status" | "bus" => last.to_owned(),
        _ if last.ends_with("ss") || last.ends_with("us") || last.len() < 4 => last.to_owned(),
        _ => match last.strip_suffix("ies") {
            Some(stem) if !["movies", "cookies"].contains(&last) => format!("{stem}y"),
            _ if ["sses", "xes", "ches", "shes"].iter().any(|e| last.ends_with(e)) => {
                last[..last.len() - 2].to_owned()
            }
            _ => last.strip_suffix('s').unwrap_or(last).to_owned(),
        },
    };
    head + &one
}

/// Whether a name is one of `words`, or has one as its first or last word.
pub fn is_among(column: &str, words: &[&str]) -> bool {
    let name = plain(column);
    words.iter().any(|w| {
        let rest = name.strip_suffix(w).map(|r| r.is_empty() || r.ends_with('_'));
        let tail = name.strip_prefix(w).map(|r| r.is_empty() || r.starts_with('_'));
        rest == Some(true) || tail == Some(true)
    })
}

/// Whether a text is a name that columns have: a sign of a header.
pub fn is_column_name(text: &str) -> bool {
    let text = text.trim();
    let word = |c: char| c.is_alphanumeric() || " _-.:/#".contains(c);
    let name = text.chars().all(word)
        && text.starts_with(|c: char| c.is_alphabetic() || "_/#".contains(c));
    let text = text.split(':').next().unwrap_or(text);
    name && (thing(text).is_some()
        || is_bare_id(text)
        || is_among(text, &WEIGHTS)
        || is_among(text, &TIMES)
        || is_among(text, &TITLES))
        && !text.chars().any(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things() {
        for (column, of) in [
            ("userId", Some("user")),
            ("User ID", Some("user")),
            ("user", Some("user")),
            ("userid", Some("user")),
            ("visitorid", Some("visitor")),
            ("item_ids", Some("item")),
            ("reviewerID", Some("reviewer")),
            ("asin", Some("item")),
            ("id_client", Some("client")),
            ("author_id", Some("author")),
            ("title", None),
            ("price", None),
            ("id", None),
            ("paid", None),
        ] {
            assert_eq!(thing(column).as_deref(), of, "{column}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(singular("movies"), "movie");
        assert_eq!(singular("categories"), "category");
        assert_eq!(singular("news"), "news");
        assert_eq!(singular("user_friends"), "user_friend");
        assert_eq!(identifier("Größe (cm)"), "grosse_cm");
        assert_eq!(identifier("movieId"), "movieId");
        assert_eq!(identifier("2024 likes"), "t_2024_likes");
        assert!(is_column_name("item_id") && is_column_name("Rating") && !is_column_name("A17"));
    }
}
