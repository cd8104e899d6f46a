//! Diagnostics as JSON, for editors and scripts.

use serde_json::{Map, Value, json};

use super::{Diagnostic, Severity};
use crate::source::{SourceId, Sources, Span};

/// An array with one object per diagnostic, in the order given. Lines and columns count from 1,
/// columns count Unicode scalar values, offsets are bytes.
pub fn to_json(diagnostics: &[Diagnostic], sources: &Sources) -> Value {
    Value::Array(diagnostics.iter().map(|d| diagnostic(d, sources)).collect())
}

fn diagnostic(d: &Diagnostic, sources: &Sources) -> Value {
    let severity = match d.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let labels: Vec<Value> = d
        .labels
        .iter()
        .map(|l| json!({"message": l.message, "file": file(l.span, sources), "span": span(l.span, sources)}))
        .collect();
    let mut out = Map::new();
    out.insert("code".into(), d.code.id.into());
    out.insert("severity".into(), severity.into());
    out.insert("message".into(), d.message.as_str().into());
    out.insert("file".into(), file(d.span, sources).into());
    out.insert("span".into(), span(d.span, sources));
    out.insert("labels".into(), labels.into());
    out.insert("help".into(), d.help.clone().into());
    Value::Object(out)
}

fn file(span: Span, sources: &Sources) -> &str {
    &sources.get(span.source).name
}

fn span(span: Span, sources: &Sources) -> Value {
    json!({"start": position(span.source, span.start, sources), "end": position(span.source, span.end, sources)})
}

fn position(source: SourceId, offset: u32, sources: &Sources) -> Value {
    let p = sources.position(source, offset);
    json!({"line": p.line, "column": p.column, "offset": p.offset})
}

#[cfg(test)]
mod tests {
    use super::to_json;
    use crate::diag::{Diagnostic, code};
    use crate::source::{Sources, Span};

    #[test]
    fn fields_stand_in_the_published_order() {
        let mut sources = Sources::default();
        let id = sources.add("a.igql", "x = é +\ny");
        let d = Diagnostic::new(code::E0101, Span::new(id, 4, 6), "odd")
            .label(Span::new(id, 9, 10), "here");
        assert_eq!(
            to_json(&[d], &sources).to_string(),
            concat!(
                r#"[{"code":"E0101","severity":"error","message":"odd","file":"a.igql","#,
                r#""span":{"start":{"line":1,"column":5,"offset":4},"end":{"line":1,"column":6,"offset":6}},"#,
                r#""labels":[{"message":"here","file":"a.igql","#,
                r#""span":{"start":{"line":2,"column":1,"offset":9},"end":{"line":2,"column":2,"offset":10}}}],"help":null}]"#
            )
        );
    }
}
