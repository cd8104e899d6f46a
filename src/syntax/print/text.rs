//! Text of names, types and literals.

use super::super::ast::*;
use super::super::literal::UNITS;
use super::super::token::RESERVED;

/// A name, in backticks where it needs them.
pub fn name(text: &str) -> String {
    let plain = text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && !RESERVED.contains(&text)
        && !["True", "False", "None"].contains(&text);
    if plain { text.to_string() } else { format!("`{text}`") }
}

pub fn doc_lines(docs: &[String], indent: usize) -> String {
    let line = |doc: &String| format!("{}\n{}", format!("## {doc}").trim_end(), " ".repeat(indent));
    docs.iter().map(line).collect()
}

/// A type as it is written.
pub fn type_text(ty: &TypeExpr) -> String {
    match &ty.kind {
        TypeExprKind::Named { name: n, args } if args.is_empty() => name(&n.text),
        TypeExprKind::Named { name: n, args } => {
            let args: Vec<String> = args.iter().map(type_text).collect();
            format!("{}[{}]", name(&n.text), args.join(", "))
        }
        TypeExprKind::Size(size) => size.to_string(),
        TypeExprKind::Error => "`?`".into(),
    }
}

pub fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}

/// A duration in the largest unit up to days that divides it (`7d` is more usual than `1w`); what is below a millisecond cannot be written.
pub fn duration(micros: i64) -> String {
    let fits = UNITS.iter().skip(1).find(|(_, length)| micros != 0 && micros % length == 0);
    match fits {
        Some((unit, length)) => format!("{}{unit}", micros / length),
        None if micros == 0 => "0s".into(),
        None => format!("{}ms", micros / 1_000),
    }
}

pub fn time(micros: i64) -> String {
    let Some(text) = crate::types::time::text(micros) else {
        return "`?`".into();
    };
    format!("@{}", text.strip_suffix("T00:00:00Z").unwrap_or(&text))
}
