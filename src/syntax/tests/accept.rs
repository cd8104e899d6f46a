use super::super::ast::*;
use super::{expression, good, kinds, shape};

/// The programs that were published.
pub const PUBLISHED: &str = "user
.let(seed_id=user_id)
.liked(max_num_to_retrieve=30)
.account_nn(embedding_config=default)
.posted_media(max_media_per_account=10)
.filter(non_recommendable_model_threshold=0.2)
.rank(ranking_model=default)
.diversify_by(seed_id, method=round_robin)
";

pub const BARE: &str = "user.liked().account_nn().posted_media().filter().rank().diversify_by()";

/// The large example of the language's description.
pub const LARGE: &str = r#"
import std.hybrid                             # or a file: import "lib/sources.igql"; names are not re-exported

param country: string = "US"                  # comes with a request; no default = required
param recent: list[id[media]] = []
tunable w_like in 0.0..5.0 = 1.0              # a constant that `igql tune` may change; a..b includes both ends
tunable w_save in 0.0..5.0 = 2.0
experiment rank_test(layer="ranking") = {control: 0.5, bold: 0.5}

edge engaged = likes | saves
embedding ig2vec on account = skipgram(sequence=likes.author, session_gap=30m, dim=64)
embedding default on account = ig2vec         # an alias; so for models
value popularity on media = log1p(count(~likes(it)))
model final on media = mtml(dense=[popularity, quality], sparse=[author_id, kind],
                            heads={p_like: likes, p_save: saves, p_see_fewer: see_fewer})
value explore(save: float = w_save) = w_like * p_like + save * p_save - 4.0 * p_see_fewer
policy safe(limit: float = 0.2) on media = non_recommendable_score < limit

def fresh(rows: set[media], within: duration = 7d) -> set[media] = rows.filter(age(created_at) < within)

likes_source = user.liked(30).account_nn().posted_media(10)

query main(n: int = 25) = {
    pool = combine(0.7 * likes_source, 0.3 * user.saved().account_nn().posted_media())
    pool.filter(safe=0.2).fresh(within=14d).rank(final, value=explore())
        .diversify_by(author_id, method=penalty(factor=0.7)).take(n)
}

test "nothing unsafe" (user=42, at=@2024-05-01) = {
    r = main()
    assert count(r) == 25
    assert none_of(r, non_recommendable_score >= 0.2 or author_id in user.followed(all))
}
"#;

/// Definitions of the Explore vocabulary and declarations of section 6.
pub const VOCABULARY: &str = r#"
## Accounts of what the user liked.
def liked(rows: set[user], max_num_to_retrieve: int = auto(30)) -> set[account] =
    rows.walk(likes, limit=max_num_to_retrieve, merge=sum).walk(author, merge=sum)
def liked_media(rows: set[user], limit: int = auto(30)) -> set[media] = rows.walk(likes, limit=limit, merge=sum)
def account_nn(rows: set[account], embedding_config: embedding[account] = default, k: int = auto(50), exact: bool = false) -> set[account] =
    rows.nn(embedding_config, k=k, exact=exact)
def posted_media(rows: set[account], max_media_per_account: int = auto(10)) -> set[media] =
    rows.walk(~author, limit=max_media_per_account)
policy non_recommendable_model_threshold(limit: float in 0.0..1.0 = 0.2) on media = non_recommendable_score < limit
embedding towers on user, media = two_tower(user_features=[age, country], item_features=[kind], positives=likes, dim=64, hidden=[128])
edge similar_media = itemknn(edge=likes, k=200, shrink=10)
edge good = ratings where rating >= 4 and weight > 0 weight rating - 3
edge nearby = good
    where time > now - 7d
    weight (1 + weight)
model formulaic on media = formula(heads={p_like: sigmoid(a), p_save: 0.5})
query feed = {for_you: a, more: b - a}
"#;

#[test]
fn published_programs_parse() {
    let shape = shape(PUBLISHED);
    assert!(shape.starts_with("user.let(user_id).liked(30).account_nn(default)"), "{shape}");
    assert_eq!(super::shape(BARE), BARE);
    assert_eq!(good(LARGE).items.len(), 17);
    assert_eq!(good(VOCABULARY).items.len(), 11);
}

#[test]
fn precedences_are_those_of_python() {
    let cases = [
        ("a or b and not c == d", "(or a (and b (not (c == d))))"),
        ("a if b else c if d else e", "(if b a (if d c e))"),
        (
            "a | b & c + d * -e ** -f",
            "(union a (intersect b (add c (mul d (neg (pow e (neg f)))))))",
        ),
        ("-2 ** 2", "(neg (pow 2 2))"),
        ("2 ** 3 ** 4", "(pow 2 (pow 3 4))"),
        ("a - b - c", "(sub (sub a b) c)"),
        ("a / b // c % d", "(mod (floordiv (div a b) c) d)"),
        ("not a in b", "(not (in a b))"),
        ("a not in b | c", "(not-in a (union b c))"),
        ("a < b <= c != d", "(a < b <= c != d)"),
        ("a is null and b is not null", "(and (null a) (not-null b))"),
        ("~likes.author", "(reverse likes.author)"),
        ("(~likes).author", "(reverse likes).author"),
        ("a | b - c", "(union a (sub b c))"),
        ("x + 1 if y > 0 else z", "(if (y > 0) (add x 1) z)"),
        ("(a < b) == (c < d)", "((a < b) == (c < d))"),
        ("f(x).g.h(y)", "f(x).g.h(y)"),
        ("~likes(it)", "(reverse likes(it))"),
    ];
    for (text, wanted) in cases {
        assert_eq!(shape(text), wanted, "{text}");
    }
}

/// Two minus signs and two slashes begin comments elsewhere; here they are operators, whatever is behind.
#[test]
fn operators_that_look_like_comments() {
    let texts = [
        "x = min(a // b, c, d)",
        "x = {a: y // z, b: 1}",
        "x = a\n    // b",
        "x = a // b if c else d",
        "x = a // b is null",
        "x = a // b- c",
        "edge e = x where y // z weight --w",
        "value v(x: float = a // b) on media = --x",
        "--1",
        "--x",
        "x = ---a--b",
        "x = a //\n    b",
    ];
    for text in texts {
        super::good(text);
    }
}

#[test]
fn literals_have_their_values() {
    let kind = |text: &str| expression(text).kind;
    assert_eq!(kind("1_000"), ExprKind::Int(1000));
    assert_eq!(kind("9223372036854775807"), ExprKind::Int(i64::MAX));
    assert_eq!(kind("1e-3"), ExprKind::Float(0.001));
    assert_eq!(kind("2E6"), ExprKind::Float(2e6));
    assert_eq!(kind("0.2"), ExprKind::Float(0.2));
    assert_eq!(kind("1_0.2_5"), ExprKind::Float(10.25));
    assert_eq!(kind(r#""a\"\u{e9}\n\\""#), ExprKind::Str("a\"é\n\\".into()));
    assert_eq!(kind(r"'it''s'".split_at(4).0), ExprKind::Str("it".into()));
    assert_eq!(kind("true"), ExprKind::Bool(true));
    assert_eq!(kind("null"), ExprKind::Null);
    for (text, micros) in
        [("250ms", 250_000), ("90s", 90_000_000), ("15m", 900_000_000), ("12h", 43_200_000_000)]
    {
        assert_eq!(kind(text), ExprKind::Duration(micros));
    }
    assert_eq!(kind("2w"), ExprKind::Duration(14 * 86_400_000_000));
}

#[test]
fn times_are_utc_microseconds() {
    let may = 1_714_521_600_000_000;
    let half_past_twelve = may + 45_000_000_000;
    for (text, micros) in [
        ("@2024-05-01", may),
        ("@1970-01-01", 0),
        ("@1969-12-31", -86_400_000_000),
        ("@2024-02-29", may - 62 * 86_400_000_000),
        ("@2024-05-01T12:30:00Z", half_past_twelve),
        ("@2024-05-01T12:30", half_past_twelve),
        ("@2024-05-01T12:30Z", half_past_twelve),
        ("@2024-05-01T12:30:00.000001Z", half_past_twelve + 1),
        ("@2024-05-01T14:30:00+02:00", half_past_twelve),
        ("@2024-05-01T07:00:00-0530", half_past_twelve),
    ] {
        assert_eq!(expression(text).kind, ExprKind::Time(micros), "{text}");
    }
    assert_eq!(shape("@2024-05-01 - 7d"), "(sub @2024-05-01 7d)");
    assert_eq!(shape("final@3"), "final@3");
}

#[test]
fn words_of_declarations_are_names_elsewhere() {
    let text = "f(model=a, value=b, weight=c, where=weight > 2, on=1, param=x.test(edge).query)";
    assert_eq!(shape(text), "f(a, b, c, (weight > 2), 1, x.test(edge).query)");
    let items = kinds(
        "query = user\nvalue = query.take(3)\nmodel = 1\nedge = weight\ntest = on\nimport = where\nvalue",
    );
    assert!(items[..6].iter().all(|k| matches!(k, ItemKind::Binding { .. })));
    assert_eq!(items[6], ItemKind::Expr(expression_at("value", &items[6])));
    let items = kinds(
        "value value on media = value\npolicy on on on = on\nmodel model on model = model(x)\nembedding on on on, where = weight",
    );
    assert!(
        matches!(&items[1], ItemKind::Policy(RowDef { name, entity: Some(e), .. }) if name.text == "on" && e.text == "on")
    );
    assert!(matches!(&items[3], ItemKind::Embedding { entities, .. } if entities.len() == 2));
    let items = kinds("edge where = where where where > 1 weight weight * 2\nparam weight: float");
    let ItemKind::Edge(edge) = &items[0] else { panic!("{items:?}") };
    assert!(edge.filter.is_some() && edge.weight.is_some());
}

fn expression_at(name: &str, like: &ItemKind) -> Expr {
    let ItemKind::Expr(e) = like else { panic!("{like:?}") };
    Expr { kind: ExprKind::Name(name.into()), span: e.span }
}

#[test]
fn every_kind_of_item() {
    let items = kinds(
        r#"import std.a.b; import "lib/x.igql"; param p: int; param q: vector[64] = null
        def d() = 1; def e(a: set[E], b: edge[user, media],) -> set[E] = a
        query q = user; query r(n: int in 1..10 = 3) = q().take(n)
        test "t" = {}; test "u" (user=1) = { x = 1; assert x == 1; y = 2 }
        `order by` = {a: 1, `b c`: [2, 3,],}"#,
    );
    assert!(matches!(&items[0], ItemKind::Import(ImportPath::Module(path)) if path.len() == 3));
    assert!(
        matches!(&items[1], ItemKind::Import(ImportPath::File { path, .. }) if path == "lib/x.igql")
    );
    assert!(
        matches!(&items[3], ItemKind::Param { ty: TypeExpr { kind: TypeExprKind::Named { args, .. }, .. }, .. }
        if args[0].kind == TypeExprKind::Size(64))
    );
    assert!(
        matches!(&items[5], ItemKind::Def { params, result: Some(_), .. } if params.len() == 2)
    );
    assert!(
        matches!(&items[7], ItemKind::Query { params, .. } if params[0].range.is_some() && params[0].default.is_some())
    );
    assert!(
        matches!(&items[9], ItemKind::Test { body, settings, .. } if body.statements.len() == 3 && settings.len() == 1)
    );
    assert!(matches!(&items[10], ItemKind::Binding { name, .. } if name.text == "order by"));
}

#[test]
fn slate_rules_are_list_elements() {
    let text = "slate(max=[author_id: 2 in 10, topic: n], min=[kind == \"video\": 3 in 12])";
    let ExprKind::Call { args, .. } = expression(text).kind else { panic!() };
    let ExprKind::List(max) = &args[0].value.kind else { panic!() };
    assert_eq!(super::outline(&max[0]), "author_id: 2 in 10");
    assert_eq!(super::outline(&max[1]), "topic: n");
    let ExprKind::List(min) = &args[1].value.kind else { panic!() };
    assert_eq!(super::outline(&min[0]), "(kind == \"video\"): 3 in 12");
}

#[test]
fn documentation_stays_with_what_it_is_above() {
    let text = "## A module.\n\n## Accounts.\n# not this\n## More\ndef f() = {\n    ## Inside.\n    x = 1  ## not this\n    ## nor this\n    x\n}\n### nor this\ny = 2";
    let file = good(text);
    assert_eq!(file.items[0].docs, ["Accounts.", "More"]);
    let ItemKind::Def { body: Expr { kind: ExprKind::Block(block), .. }, .. } = &file.items[0].kind
    else {
        panic!()
    };
    assert!(
        matches!(&block.statements[0], Statement::Binding { docs, .. } if docs == &["Inside."])
    );
    assert!(file.items[1].docs.is_empty());
}

#[test]
fn spans_are_the_text_of_the_node() {
    let text = "x = (a + b).f(c=1)\nd if e else f(2)";
    let file = good(text);
    let slice = |s: crate::source::Span| &text[s.range()];
    assert_eq!(slice(file.items[0].span), "x = (a + b).f(c=1)");
    let ItemKind::Binding { value, .. } = &file.items[0].kind else { panic!() };
    let ExprKind::Method { receiver, args, .. } = &value.kind else { panic!() };
    assert_eq!(
        (slice(value.span), slice(receiver.span), slice(args[0].span)),
        ("(a + b).f(c=1)", "(a + b)", "c=1")
    );
    let ItemKind::Expr(e) = &file.items[1].kind else { panic!() };
    assert_eq!(slice(e.span), "d if e else f(2)");
}

#[test]
fn outlines_show_the_tree() {
    let file = good("pool = user.take(n=3) if a < 1 else b");
    insta::assert_snapshot!(super::dump(&file), @r"
    binding pool
      choice
        if
          compare
            name a
            <
              1
        then
          method take
            of
              name user
            n =
              3
        else
          name b
    ");
}

#[test]
fn allowed_lints_know_their_place() {
    use crate::diag::code;
    use crate::source::{SourceId, Span};
    let text = "# igql: allow(W07)\nx = 1\ny = 2  # igql: allow(W02, W0701)\n# igql: allow(W03)\nz = {\n    1\n}\nuser\n# igql: allow(W01)\n.f()\n.g()";
    let found = good(text).allows;
    let shown: Vec<(&str, &str)> =
        found.iter().map(|a| (a.code.as_str(), &text[a.scope.range()])).collect();
    let line = "y = 2  # igql: allow(W02, W0701)";
    assert_eq!(
        shown,
        [
            ("W07", text),
            ("W02", line),
            ("W0701", line),
            ("W03", "z = {\n    1\n}"),
            ("W01", ".f()")
        ]
    );
    let at = |part: &str| Span::new(SourceId(0), text.find(part).unwrap_or(0), text.len());
    assert!(found[1].silences(code::W0201, at("y = 2")));
    assert!(!found[1].silences(code::W0201, at("z =")));
    assert!(!found[1].silences(code::W0701, at("y = 2")));
    assert!(found[0].silences(code::W0701, at(".g()")));
}
