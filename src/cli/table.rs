//! Answers as tables for people.

use super::grid::{self, Column, Grid};
use super::values::{float, short, shown_key};
use crate::answer::{Answer, List};
use crate::types::Type;
use crate::visible::visible;

/// What a reader has room for.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Terminal columns; none: as many as it takes.
    pub width: Option<usize>,
    /// Rows of a list; none: all.
    pub rows: Option<usize>,
}

impl Room {
    /// All rows, fitted to where standard output goes.
    pub fn of_output() -> Room {
        Room { width: grid::width(), rows: None }
    }

    /// All rows, as wide as they are.
    pub fn unlimited() -> Room {
        Room { width: None, rows: None }
    }
}

/// An answer: a heading if there are several, a table per list.
pub fn answer(answer: &Answer, heading: bool, room: Room) -> String {
    let mut text = String::new();
    if heading && let Some(user) = &answer.user {
        text.push_str(&format!("user {}\n", shown_key(user)));
    }
    for list in &answer.lists {
        if let Some(name) = &list.name {
            text.push_str(&format!("{}\n", visible(name)));
        }
        text.push_str(&rows(list, room));
    }
    text.push_str(&arms(answer));
    text
}

/// The experiments that the request was exposed to.
fn arms(answer: &Answer) -> String {
    let drawn = answer.arms.iter().map(|arm| (arm, ""));
    let forced = answer.forced.iter().map(|arm| (arm, " (forced)"));
    let named = drawn.chain(forced).map(|((name, arm), how)| format!("{name} = {arm}{how}"));
    let named: Vec<String> = named.collect();
    match named.is_empty() {
        true => String::new(),
        false => format!("arms: {}\n", visible(&named.join(", "))),
    }
}

fn rows(list: &List, room: Room) -> String {
    if list.is_empty() {
        return "no rows\n".to_owned();
    }
    let shown = room.rows.unwrap_or(usize::MAX).min(list.len());
    let rows = || list.rows().take(shown);
    let numbers = (1..=shown).map(|position| position.to_string());
    let keys = rows().map(|row| row.key().to_string());
    let scores = rows().map(|row| float(row.score()));
    let mut columns = vec![
        Column::new("#", numbers).right().whole(),
        Column::new(&list.key, keys).right(),
        Column::new("score", scores).right().whole(),
    ];
    let fixed = columns.len();
    for (i, (name, ty)) in list.columns.iter().enumerate() {
        let cells = rows().filter_map(|row| row.values().nth(i).map(short));
        let column = Column::new(name, cells);
        columns.push(match ty {
            Type::String | Type::List(_) | Type::Id(_) => column,
            _ => column.whole(),
        });
    }
    let mut text = Grid::new(columns, fixed).draw(room.width);
    let more = list.len() - shown;
    if more > 0 {
        let noun = if more == 1 { "row" } else { "rows" };
        let more = format!("… {more} more {noun}; `:rows N` or `:rows all`");
        text.push_str(&grid::wrapped(&more, room.width.unwrap_or(usize::MAX)));
    }
    text
}
