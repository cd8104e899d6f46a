//! Answers as tables for people.

use super::output::{float, short};
use crate::answer::{Answer, List};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

/// An answer: a heading if there are several, a table per list.
pub fn answer(answer: &Answer, heading: bool) -> String {
    let mut text = String::new();
    if heading && let Some(user) = &answer.user {
        text.push_str(&format!("user {user}\n"));
    }
    for list in &answer.lists {
        if let Some(name) = &list.name {
            text.push_str(&format!("{name}\n"));
        }
        text.push_str(&rows(list));
        text.push('\n');
    }
    text
}

fn rows(list: &List) -> String {
    if list.is_empty() {
        return "no rows".to_owned();
    }
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic);
    let bound = list.columns.iter().map(|(name, _)| name.as_str());
    table.set_header(["#", list.key.as_str(), "score"].into_iter().chain(bound));
    for (i, row) in list.rows().enumerate() {
        let mut cells = vec![
            number((i + 1).to_string()),
            number(row.key().to_string()),
            number(float(row.score())),
        ];
        cells.extend(row.values().map(|v| Cell::new(short(v))));
        table.add_row(cells);
    }
    table.to_string()
}

fn number(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}
