//! A comparison as one page that needs nothing else, for light and dark, wide and narrow screens.

use super::Found;
use super::table::{percent, place, said, sides, who, written};
use crate::cli::page;
use crate::cli::plan::escape;
use crate::cli::values::shown_key;
use crate::cli::why;
use crate::diff::{AnswerDiff, Change, Diff, Moved};
use std::fmt::Write;

/// What this page has beside others.
const STYLE: &str = "td.sign { width: 1em; font-weight: 600 } td.said { white-space: normal; overflow-wrap: anywhere } \
    pre { margin: 2px 0 8px; white-space: pre-wrap; overflow-wrap: anywhere; font: 12.5px/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, monospace }";

pub fn page(found: &Found) -> String {
    let diff = &found.diff;
    let same = match diff.is_empty() {
        true => "<p>The programs mean the same.</p>",
        false => "",
    };
    let body = format!(
        "<h1>{old} → {new}</h1>{arms}{same}\
         {operators}{request}{output}{quantities}{bounds}{tunables}{answers}",
        old = escape(&found.old),
        new = escape(&found.new),
        arms =
            found.arms.said().map_or(String::new(), |arms| format!("<p>In {}</p>", escape(&arms))),
        operators = operators(diff),
        request = changes("Request", &diff.request),
        output = changes("Output", &diff.output),
        quantities = changes("Planned quantities", &diff.quantities),
        bounds = changes("Bounds", &diff.bounds),
        tunables = changes("Tunables", &diff.tunables),
        answers = found.answers.as_ref().map_or(String::new(), answers),
    );
    page::page("Diff", STYLE, &body)
}

fn operators(diff: &Diff) -> String {
    let mut rows = String::new();
    let mut row = |sign: char, cells: [&str; 4]| {
        let [op, old, new, at] = cells.map(escape);
        let _ = write!(
            rows,
            "<tr><td class=\"sign\">{sign}</td><td>{op}</td><td class=\"op\">{old}</td><td class=\"op\">{new}</td><td>{at}</td></tr>"
        );
    };
    for op in &diff.removed {
        row('−', [&op.label, &written(op), "", &place(op)]);
    }
    for op in &diff.added {
        row('+', [&op.label, "", &written(op), &place(op)]);
    }
    for changed in &diff.changed {
        let (old, new) = said(changed);
        row('~', [&changed.new.label, &old, &new, &place(&changed.new)]);
    }
    table("Operators", &["", "operator", "old", "new", "at"], &rows)
}

fn changes(title: &str, changes: &[Change]) -> String {
    let rows = changes.iter().map(|change| {
        let (sign, text) = sides(change);
        let list = change.list.as_ref().map_or(String::new(), |list| format!(" of {list}"));
        format!(
            "<tr><td class=\"sign\">{sign}</td><td>{}{}</td><td class=\"op\">{}</td></tr>",
            escape(&change.what),
            escape(&list),
            escape(&text)
        )
    });
    table(title, &["", "what", "change"], &rows.collect::<String>())
}

/// Nothing without rows.
fn table(title: &str, heads: &[&str], rows: &str) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let heads: String = heads.iter().map(|head| format!("<th>{head}</th>")).collect();
    format!(
        "<h2>{title}</h2><div class=\"scroll\"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

fn answers(answers: &AnswerDiff) -> String {
    let rows = answers.lists.iter().map(|list| {
        format!(
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{:.4}</td><td class=\"n\">{:.4}</td></tr>",
            escape(list.new.as_deref().unwrap_or("")),
            list.other_rows,
            list.overlap,
            list.rank_biased_overlap
        )
    });
    format!(
        "<h2>Answers</h2><p>{} of {} requests have another answer ({}), {} other rows or another order ({})</p><div class=\"scroll\">\
         <table><thead><tr><th>list</th><th class=\"n\">requests with other rows</th><th class=\"n\">overlap@10</th><th class=\"n\">rank-biased overlap</th>\
         </tr></thead><tbody>{}</tbody></table></div>{}",
        answers.changed,
        answers.requests,
        percent(answers.changed, answers.requests),
        answers.other_rows,
        percent(answers.other_rows, answers.requests),
        rows.collect::<String>(),
        answers.most.iter().map(moved).collect::<String>()
    )
}

fn moved(moved: &Moved) -> String {
    let mut rows = String::new();
    for gone in &moved.gone {
        let why = gone.why_not.as_ref().map_or_else(|| shown_key(&gone.key), why::not_text);
        rows += &row('−', &gone.position.to_string(), "", &why);
    }
    for (position, _, why) in &moved.came {
        rows += &row('+', "", &position.to_string(), &why::of_row(why));
    }
    for (was, is, key) in &moved.moved {
        rows += &row('~', &was.to_string(), &is.to_string(), &shown_key(key));
    }
    format!(
        "<h3>{}</h3><div class=\"scroll\"><table><thead><tr><th></th><th class=\"n\">was at</th><th class=\"n\">is at</th><th>why</th></tr></thead>\
         <tbody>{rows}</tbody></table></div>",
        escape(&who(moved))
    )
}

fn row(sign: char, was: &str, is: &str, why: &str) -> String {
    format!(
        "<tr><td class=\"sign\">{sign}</td><td class=\"n\">{was}</td><td class=\"n\">{is}</td><td class=\"said\"><pre>{}</pre></td></tr>",
        escape(why.trim_end())
    )
}
