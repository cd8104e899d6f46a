use super::super::ast::ItemKind;
use super::{good, kinds, shape};

/// How many items the lines make.
fn items(text: &str) -> usize {
    good(text).items.len()
}

#[test]
fn lines_that_go_on() {
    for next in [
        ".f()",
        "+ b",
        "- b",
        "* b",
        "/ b",
        "// b",
        "% b",
        "** b",
        "| b",
        "& b",
        "== b",
        "!= b",
        "< b",
        "<= b",
        "> b",
        ">= b",
        "and b",
        "or b",
        "in b",
        "not in b",
        "is null",
        "is not null",
        "if b else c",
    ] {
        assert_eq!(items(&format!("x = a\n{next}")), 1, "{next}");
        assert_eq!(items(&format!("x = {{\n    a\n    {next}\n}}")), 1, "{next}");
    }
    assert_eq!(items("x = a if b\nelse c"), 1);
    assert_eq!(items("x\n= a"), 1);
    assert_eq!(items("def f()\n-> int\n= 1"), 1);
    assert_eq!(items("a = b +\nc"), 1);
    assert_eq!(items("a = not\nc"), 1);
    assert_eq!(items("def f(x: int)\n    = x"), 1);
    assert_eq!(items("edge e = likes\nwhere a > 1\nweight -b"), 1);
    assert_eq!(items("value v\non media = 1"), 1);
}

#[test]
fn lines_that_begin_anew() {
    for next in [
        "(b)",
        "[b]",
        "{b: 1}",
        "{ b }",
        "~b",
        "not b",
        "b",
        "3",
        "\"b\"",
        "@2024-05-01",
        "null",
        "`b`",
    ] {
        assert_eq!(items(&format!("x = a\n{next}")), 2, "{next}");
        assert_eq!(items(&format!("x = a; {next}")), 2, "{next}");
        let ItemKind::Def { body, .. } =
            &kinds(&format!("def f() = {{\n    x = a\n    {next}\n}}"))[0]
        else {
            panic!()
        };
        let super::ExprKind::Block(block) = &body.kind else { panic!("{next}") };
        assert_eq!(block.statements.len(), 1, "{next}");
    }
    assert_eq!(items("edge e = likes\nweight = 3"), 2);
    assert_eq!(items("x = a;;\n; -b"), 2);
}

#[test]
fn lines_within_brackets_do_not_count() {
    assert_eq!(items("x = f(\na\n,\nb\n)\ny = [\n1,\n~b,\n]\nz = {\na:\n1\n}"), 3);
    assert_eq!(shape("(a\n+ b)"), "(add a b)");
    assert_eq!(items("x = f({\n a = 1\n a\n}, b)"), 1);
}

#[test]
fn windows_lines_and_byte_order_mark() {
    assert_eq!(items("\u{feff}x = a\r\n.f()\r\ny = b\r\n"), 2);
}

#[test]
fn nothing_is_a_program_without_items() {
    for text in ["", "\n\n", "# only a comment", "## documentation of nothing", ";;"] {
        assert_eq!(items(text), 0, "{text:?}");
    }
}
