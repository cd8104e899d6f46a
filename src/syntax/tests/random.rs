use proptest::prelude::*;

use super::super::lexer::lex;
use super::super::print::print;
use super::super::{format, parse, parse_expression, tokens};
use super::accept::{BARE, LARGE, PUBLISHED, VOCABULARY};
use super::{good, tree};
use crate::diag::{Sink, render};
use crate::source::{SourceId, Sources, Span};

const CASES: u32 = 1_000;

const WORDS: &[&str] = &[
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "null",
    "true",
    "def",
    "assert",
    "import",
    "param",
    "tunable",
    "experiment",
    "edge",
    "embedding",
    "model",
    "value",
    "query",
    "test",
    "on",
    "where",
    "weight",
    "user",
    "x",
    "f(",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    ";",
    ".",
    "..",
    "->",
    "=",
    "==",
    "<",
    ">=",
    "|",
    "&",
    "+",
    "-",
    "*",
    "//",
    "**",
    "~",
    "@",
    "3",
    "0.5",
    "7d",
    "@2024-05-01",
    "\"t\"",
    "'",
    "\"",
    "`a`",
    "`",
    "#",
    "## d",
    "\n",
    "\n    ",
    "é",
    "?",
    "!",
    "5.",
    "30x",
    "name = ",
    "\u{0}",
];

/// Whatever the text: no panic, spans within the text, drawings too.
fn survive(text: &str) {
    let mut sources = Sources::default();
    let id = sources.add("random.igql", text);
    let mut sink = Sink::default();
    let file = parse(text, id, &mut sink);
    tokens(text, id, &mut Sink::default());
    parse_expression(text, id, &mut Sink::default());
    let inside = |s: Span| text.get(s.range()).is_some();
    assert!(file.items.iter().all(|i| inside(i.span)), "{text:?}");
    assert!(file.allows.iter().all(|a| inside(a.scope)));
    let clean = sink.found().is_empty();
    let found = sink.finish();
    for d in &found {
        assert!(inside(d.span) && d.labels.iter().all(|l| inside(l.span)), "{text:?} {d:?}");
        assert!(d.help.is_some(), "{d:?}");
    }
    render::draw(&found, &sources, false);
    let printed = print(&file);
    if clean {
        assert_eq!(tree(&good(&printed)), tree(&file), "{text}\n{printed}");
        assert_eq!(print(&good(&printed)), printed, "not idempotent: {text}");
        let noted = with_comments(text);
        let laid = laid_out(&noted);
        assert_eq!(laid_out(&laid), laid, "not idempotent: {noted}");
        assert_eq!(comments(&laid), comments(&noted), "{noted}\n{laid}");
    }
}

#[track_caller]
fn laid_out(text: &str) -> String {
    format(text, SourceId(0), &mut Sink::default()).unwrap_or_else(|| panic!("no layout: {text}"))
}

/// The text with a comment behind every third line and above every fifth.
fn with_comments(text: &str) -> String {
    let mut out = String::new();
    for (i, line) in text.lines().enumerate() {
        if i % 5 == 2 {
            out.push_str(&format!("  # above {i}\n"));
        }
        out.push_str(line);
        if i % 3 == 0 {
            out.push_str(&format!(" # behind {i}"));
        }
        out.push('\n');
    }
    out
}

/// The texts of all comments, in some order.
fn comments(text: &str) -> Vec<String> {
    let (_, comments) = lex(text, SourceId(0), &mut Sink::default());
    let mut texts: Vec<String> =
        comments.iter().map(|c| text[c.span.range()].trim_end().to_owned()).collect();
    texts.sort();
    texts
}

const COMMENTED: &str = r#"# head comment
# second

import std.core # trailing import
param kinds: list[string] = ["photo",  # first
   # alone
   "video"]  # after
## documented
param z: duration = 60m
tunable a in 0.0..1_000.0 = 1
tunable b in 0.0..1.0 = 1

tunable c in 0.0..1.0 = 1


## def doc
def fresh(rows: set[media], # the rows
  within: duration = 7d) -> set[media] = rows.filter(age(created_at) < within)
# detached

query main(n: int = 25) = {
    # pool
    pool = user.liked() # liked
        .account_nn()
        # posted
        .posted_media()

    ## the more
    more = (pool  # really
       ).take(5 # n
       # end of args
       )
    # result
    pool.take(n)
    # end of block
}
test "x" (user=1) = { assert count(main()) == 3 # three
}
# tail

# tail 2
"#;

const LAID_OUT: &str = r#"# head comment
# second

import std.core  # trailing import

param kinds: list[string] = [
    "photo",  # first
    # alone
    "video",
]  # after

## documented
param z: duration = 60m

tunable a in 0.0..1_000.0 = 1
tunable b in 0.0..1.0 = 1

tunable c in 0.0..1.0 = 1

## def doc
def fresh(
    rows: set[media],  # the rows
    within: duration = 7d,
) -> set[media] = rows.filter(age(created_at) < within)

# detached

query main(n: int = 25) = {
    # pool
    pool = user
        .liked()  # liked
        .account_nn()
        # posted
        .posted_media()

    ## the more
    more = pool  # really
        .take(
            5,  # n
            # end of args
        )
    # result
    pool.take(n)
    # end of block
}

test "x" (user=1) = {
    assert count(main()) == 3  # three
}
# tail

# tail 2
"#;

#[test]
fn comments_stay_with_what_they_are_about() {
    let laid = laid_out(COMMENTED);
    assert_eq!(laid, LAID_OUT);
    assert_eq!(laid_out(&laid), laid);
}

/// Text of a random expression; parentheses wherever a grammar of one level would need them.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("x"),
        Just("score"),
        Just("where"),
        Just("`in`"),
        Just("3"),
        Just("0.25"),
        Just("1e300"),
        Just("7d"),
        Just("null"),
        Just("\"a\\n'b\""),
        Just("@2024-05-01T12:30:00.5Z"),
        Just("final@3"),
        Just("{}"),
        Just("[]"),
        Just("a_rather_long_name_of_a_column"),
    ]
    .prop_map(str::to_string);
    leaf.prop_recursive(6, 60, 4, |inner| {
        let two = (inner.clone(), inner.clone());
        let three = (inner.clone(), inner.clone(), inner.clone());
        let sign = prop::sample::select(vec![
            "or", "and", "|", "&", "+", "-", "*", "/", "//", "%", "**", "==", "<", ">=", "in",
            "not in",
        ]);
        prop_oneof![
            (two.clone(), sign).prop_map(|((a, b), s)| format!("({a}) {s} ({b})")),
            two.clone()
                .prop_map(|(a, b)| format!("{a}.f({b})"))
                .prop_filter("a number has no methods", |t| parses(t)),
            inner.clone().prop_map(|a| format!("({a}).g")),
            two.clone().prop_map(|(a, b)| format!("({a}).call(first={a}, {b}).more()")),
            (inner.clone(), prop::sample::select(vec!["not ", "-", "~"]))
                .prop_map(|(a, s)| format!("{s}({a})")),
            (inner.clone(), prop::sample::select(vec!["is null", "is not null"]))
                .prop_map(|(a, s)| format!("({a}) {s}")),
            three.clone().prop_map(|(a, b, c)| format!("({a}) if ({b}) else ({c})")),
            three.clone().prop_map(|(a, b, c)| format!("({a}) < ({b}) != ({c})")),
            three.prop_map(|(a, b, c)| format!("slate([{a}: ({b}) in ({c}), {a}: ({c})])")),
            two.clone().prop_map(|(a, b)| format!("{{ name = {a}; {b} }}")),
            two.prop_map(|(a, b)| format!("{{key: {a}, `or`: {b}}}")),
        ]
    })
}

fn parses(text: &str) -> bool {
    let mut sink = Sink::default();
    parse(text, crate::source::SourceId(0), &mut sink);
    sink.found().is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn soup(words in prop::collection::vec(prop::sample::select(WORDS), 0..60), space in prop::bool::ANY) {
        survive(&words.join(if space { " " } else { "" }));
    }

    #[test]
    fn any_text(text in "\\PC{0,80}") {
        survive(&text);
    }

    #[test]
    fn edits(which in 0..4_usize, at in any::<prop::sample::Index>(), cut in 0..20_usize, word in prop::sample::select(WORDS)) {
        let mut text = [PUBLISHED, BARE, LARGE, VOCABULARY][which].to_string();
        let start = at.index(text.len());
        let end = (start + cut).min(text.len());
        text.replace_range(start..end, word);
        survive(&text);
    }

    #[test]
    fn printed_expressions_parse_to_the_same_tree(a in expression(), b in expression()) {
        for text in [
            a.clone(),
            format!("x = {a}\n({b})"),
            format!("def f(p: int in 0..({a}) = {b}) -> set[E] = {{\n## doc\nx = {a}; ({b})\n}}"),
            format!("edge e = {a} where {b} weight {a}\nvalue v(x: float = {b}) on media = {a}"),
            format!("test \"t\" (user={a}) = {{ assert {b}; y = {a} }}\ntunable t in 0..1 = {b}\nmodel m on media = {a}"),
        ] {
            prop_assert!(parses(&text), "{}", text);
            survive(&text);
        }
    }
}

#[test]
fn a_doc_inside_of_an_item_documents_nothing() {
    for text in [
        "edge nearby = good\n## d where\n    weight (1 + weight)\n",
        "## own\nedge nearby = good  # a\n## inner\n    weight (1 + weight) # b\nedge next = good\n",
        "edge a = b # x\n\n## own\n\nedge nearby = good\n## one\n    where x > 1\n## two\n    weight 2\n",
    ] {
        survive(text);
    }
    let laid = laid_out("## own\nedge nearby = good\n## inner\n    weight 2\n");
    assert_eq!(laid, "## inner\n\n## own\nedge nearby = good weight 2\n");
}

#[test]
fn published_programs_survive_printing() {
    for text in [PUBLISHED, BARE, LARGE, VOCABULARY] {
        survive(text);
    }
    insta::assert_snapshot!(print(&good(LARGE)), @r#"
    import std.hybrid

    param country: string = "US"
    param recent: list[id[media]] = []

    tunable w_like in 0.0..5.0 = 1.0
    tunable w_save in 0.0..5.0 = 2.0

    experiment rank_test(layer="ranking") = {control: 0.5, bold: 0.5}

    edge engaged = likes | saves

    embedding ig2vec on account = skipgram(sequence=likes.author, session_gap=30m, dim=64)
    embedding default on account = ig2vec

    value popularity on media = log1p(count(~likes(it)))

    model final on media = mtml(
        dense=[popularity, quality],
        sparse=[author_id, kind],
        heads={p_like: likes, p_save: saves, p_see_fewer: see_fewer},
    )

    value explore(save: float = w_save) = w_like * p_like + save * p_save - 4.0 * p_see_fewer

    policy safe(limit: float = 0.2) on media = non_recommendable_score < limit

    def fresh(rows: set[media], within: duration = 7d) -> set[media] =
        rows.filter(age(created_at) < within)

    likes_source = user.liked(30).account_nn().posted_media(10)

    query main(n: int = 25) = {
        pool = combine(0.7 * likes_source, 0.3 * user.saved().account_nn().posted_media())
        pool
            .filter(safe=0.2)
            .fresh(within=14d)
            .rank(final, value=explore())
            .diversify_by(author_id, method=penalty(factor=0.7))
            .take(n)
    }

    test "nothing unsafe" (user=42, at=@2024-05-01) = {
        r = main()
        assert count(r) == 25
        assert none_of(r, non_recommendable_score >= 0.2 or author_id in user.followed(all))
    }
    "#);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn a_broken_line_leaves_the_lines_below_it(words in prop::collection::vec(prop::sample::select(WORDS), 0..12)) {
        let broken: String = words.join(" ").replace('\n', " ");
        let text = format!("before = 1\n{broken}\nparam country: string\nafter = before\n");
        let mut sink = Sink::default();
        let file = parse(&text, crate::source::SourceId(0), &mut sink);
        let printed = print(&file);
        for line in ["param country: string", "after = before"] {
            prop_assert!(printed.lines().any(|l| l.trim() == line), "{}\n---\n{}", text, printed);
        }
    }
}
