//! Tables for people, fitted to a terminal: text is shortened first, then columns in the middle are
//! left out and named below.

use crate::visible::visible;
pub use crate::visible::{plain, wrapped};
use std::io::IsTerminal;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Terminal columns below which no text is shortened to keep a column.
const SHORTEST: usize = 10;
/// The same where even the columns that always stay have no room.
const NARROWEST: usize = 4;
/// What a column takes besides its text.
const FRAME: usize = 3;

/// A column of a table. Cells are on one line: line breaks in them are shown as escapes.
pub struct Column {
    name: String,
    cells: Vec<String>,
    right: bool,
    whole: bool,
}

impl Column {
    /// Text on the left, which may be shortened.
    pub fn new(name: &str, cells: impl IntoIterator<Item = String>) -> Column {
        let shown = |text: &str| visible(text).into_owned();
        Column {
            name: shown(name),
            cells: cells.into_iter().map(|cell| shown(&cell)).collect(),
            right: false,
            whole: false,
        }
    }

    /// On the right.
    pub fn right(self) -> Column {
        Column { right: true, ..self }
    }

    /// Cells are never shortened: half a number is another number.
    pub fn whole(self) -> Column {
        Column { whole: true, ..self }
    }

    fn widest_cell(&self) -> usize {
        self.cells.iter().map(|c| c.width()).max().unwrap_or(0)
    }

    /// The width of its text, uncut.
    fn natural_width(&self, room: usize) -> usize {
        self.widest_cell().max(self.name.width()).min(room)
    }

    /// The width below which it is not cut.
    fn least_width(&self, shortest: usize, room: usize) -> usize {
        let content = if self.whole { self.widest_cell() } else { 0 };
        self.natural_width(room).min(shortest.max(content))
    }
}

/// The width of a table whose columns have those widths, or are left out.
fn total(widths: &[Option<usize>]) -> usize {
    let gap = usize::from(widths.contains(&None)) * (FRAME + 1);
    let shown = widths.iter().flatten().map(|w| w + FRAME);
    shown.sum::<usize>() + 1 + gap
}

/// Columns that a person will see.
pub struct Grid {
    columns: Vec<Column>,
    /// How many of the first columns are never left out.
    fixed: usize,
}

impl Grid {
    pub fn new(columns: Vec<Column>, fixed: usize) -> Grid {
        Grid { columns, fixed }
    }

    /// The table, a line for each row, in at most that many terminal columns; without a limit it is
    /// as wide as it needs to be. A line below names the columns that are left out.
    pub fn draw(&self, width: Option<usize>) -> String {
        let widths = self.fitted(width.unwrap_or(usize::MAX));
        // one column stands for all that are left out
        let gap = widths.iter().position(Option::is_none);
        let shown: Vec<(&Column, usize)> = self
            .columns
            .iter()
            .zip(&widths)
            .filter_map(|(column, width)| Some((column, (*width)?)))
            .collect();
        let mut text = rule('┌', '─', '┬', '┐', &shown, gap);
        let heads = shown.iter().map(|(c, w)| cell(&c.name, *w, false));
        text.push_str(&line(heads.collect(), gap));
        text.push_str(&rule('╞', '═', '╪', '╡', &shown, gap));
        for row in 0..self.columns.first().map_or(0, |c| c.cells.len()) {
            let cells = shown.iter().map(|(c, w)| cell(&c.cells[row], *w, c.right));
            text.push_str(&line(cells.collect(), gap));
        }
        text.push_str(&rule('└', '─', '┴', '┘', &shown, gap));
        let hidden: Vec<&str> = self
            .columns
            .iter()
            .zip(&widths)
            .filter(|(_, width)| width.is_none())
            .map(|(column, _)| &*column.name)
            .collect();
        text + &left_out(&hidden, width)
    }

    /// The width of every column's text; none for a column that is left out.
    fn fitted(&self, room: usize) -> Vec<Option<usize>> {
        let all = self.columns.iter().map(|c| Some(c.natural_width(room)));
        let mut widths: Vec<Option<usize>> = all.collect();
        while let Some(column) = self.too_much(&widths, room) {
            widths[column] = None;
        }
        for shortest in [SHORTEST, NARROWEST] {
            while total(&widths) > room {
                let least = |i: usize| self.columns[i].least_width(shortest, room);
                let longer = |&i: &usize| widths[i].is_some_and(|w| w > least(i));
                let candidates = (0..widths.len()).filter(longer);
                let Some(widest) = candidates.max_by_key(|&i| widths[i]) else {
                    break;
                };
                widths[widest] = widths[widest].map(|w| w - 1);
            }
        }
        widths
    }

    /// The next column to leave out, if those that are left do not fit even when they are short.
    fn too_much(&self, widths: &[Option<usize>], room: usize) -> Option<usize> {
        let least = self.columns.iter().map(|c| c.least_width(SHORTEST, room));
        let least = least.zip(widths).map(|(least, w)| w.map(|_| least));
        let least: Vec<Option<usize>> = least.collect();
        let shown = (self.fixed..widths.len()).filter(|&i| widths[i].is_some());
        let shown: Vec<usize> = shown.collect();
        if total(&least) <= room || shown.is_empty() {
            return None;
        }
        // those next to the gap go first, on the side that has more
        let gap = widths.iter().position(Option::is_none);
        let before = gap.map_or(shown.len() / 2, |gap| shown.partition_point(|&i| i < gap));
        let left = before > shown.len() - before;
        Some(shown[before - usize::from(left)])
    }
}

fn rule(
    left: char,
    across: char,
    cross: char,
    right: char,
    shown: &[(&Column, usize)],
    gap: Option<usize>,
) -> String {
    let across = |n: usize| across.to_string().repeat(n + 2);
    let mut parts: Vec<String> = shown.iter().map(|(_, width)| across(*width)).collect();
    if let Some(gap) = gap {
        parts.insert(gap, across(1));
    }
    format!("{left}{}{right}\n", parts.join(&cross.to_string()))
}

fn line(mut cells: Vec<String>, gap: Option<usize>) -> String {
    if let Some(gap) = gap {
        cells.insert(gap, "…".to_owned());
    }
    format!("│ {} │\n", cells.join(" ┆ "))
}

/// A text of exactly that width.
fn cell(text: &str, width: usize, right: bool) -> String {
    let text = shortened(text, width);
    let blank = " ".repeat(width.saturating_sub(text.width()));
    match right {
        true => blank + &text,
        false => text + &blank,
    }
}

/// A text in at most that many terminal columns, the last a `…` where it was longer.
pub fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let fits = width <= room;
        room = room.saturating_sub(width);
        fits
    };
    let kept: String = text.chars().take_while(fits).collect();
    format!("{}…", kept.trim_end_matches('\u{200d}'))
}

/// Which columns are not shown.
fn left_out(hidden: &[&str], width: Option<usize>) -> String {
    let noun = match hidden.len() {
        0 => return String::new(),
        1 => "column",
        _ => "columns",
    };
    let text = format!("{} {noun} hidden: {}", hidden.len(), hidden.join(", "));
    wrapped(&text, width.unwrap_or(usize::MAX))
}

/// A text whose lines are at most that wide: longer ones go on below, further to the right. What is drawn
/// with lines stays as it is.
pub fn fitted(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let body = line.strip_suffix('\n').unwrap_or(line);
        let is_drawn = body.contains(['│', '─', '┬', '╭', '╰']);
        if is_drawn || plain(body).width() <= width {
            out.push_str(line);
            continue;
        }
        let indent = body.len() - body.trim_start_matches(' ').len();
        let deeper = " ".repeat((indent + 4).min(width / 2));
        let (first, rest) = body.split_at(indent);
        // the first line has more room: words are put into lines of the room that all others have
        let lines = wrapped(rest, width.saturating_sub(deeper.len()).max(20));
        for (at, part) in lines.trim_end().lines().enumerate() {
            out.push_str(if at == 0 { first } else { &deeper });
            out.push_str(part.trim_end());
            out.push('\n');
        }
        if !line.ends_with('\n') {
            out.pop();
        }
    }
    out
}

/// The width that tables are fitted to: that of the terminal; where standard output is none, `COLUMNS`
/// if it is set.
pub fn width() -> Option<usize> {
    let terminal = || {
        let (width, _) = terminal_size::terminal_size_of(std::io::stdout())?;
        Some(usize::from(width.0))
    };
    let asked = || std::env::var("COLUMNS").ok()?.trim().parse().ok();
    let known = match std::io::stdout().is_terminal() {
        true => terminal().filter(|&n| n > 0).or_else(asked).or(Some(80)),
        false => asked(),
    };
    known.filter(|&n| n > 0)
}

/// Whether a terminal may get colours.
pub fn may_color() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::env::var_os("NO_COLOR").is_none() && !dumb
}

#[cfg(test)]
mod tests {
    use super::{Column, Grid, shortened};
    use unicode_width::UnicodeWidthStr;

    fn cells(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|c| (*c).to_owned()).collect()
    }

    fn grid() -> Grid {
        let mut columns = vec![
            Column::new("#", cells(&["1", "2"])).right().whole(),
            Column::new("key", cells(&["a", "東京タワー\u{1b}[2J"])),
            Column::new("score", cells(&["0.5", "-"])).right().whole(),
        ];
        columns.push(Column::new("title", cells(&["x", &"long ".repeat(30)])));
        for i in 0..12 {
            let name = format!("feature_{i}");
            columns.push(Column::new(&name, cells(&["1.25", "12345.6789"])).whole());
        }
        Grid::new(columns, 3)
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [40, 60, 61, 80, 119, 200, 400] {
            for line in grid().draw(Some(width)).lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn columns_in_the_middle_are_left_out_and_named() {
        let text = grid().draw(Some(60));
        let head = text.lines().nth(1).unwrap_or_default();
        assert_eq!(head, "│ # ┆ key          ┆ score ┆ title        ┆ … ┆ feature_11 │");
        assert!(text.contains("11 columns hidden: feature_0, feature_1,"), "{text}");
        assert!(text.contains("feature_10\n"), "{text}");
        assert!(!grid().draw(None).contains("hidden"));
    }

    #[test]
    fn a_table_that_fits_is_not_changed() {
        let grid = Grid::new(vec![Column::new("a", cells(&["b\tc"]))], 1);
        assert_eq!(grid.draw(Some(9)), "┌──────┐\n│ a    │\n╞══════╡\n│ b\\tc │\n└──────┘\n");
        assert_eq!(grid.draw(Some(9)), grid.draw(None));
    }

    #[test]
    fn text_is_cut_by_its_width() {
        assert_eq!(shortened("東京タワー", 10), "東京タワー");
        assert_eq!(shortened("東京タワー", 9), "東京タワ…");
        assert_eq!(shortened("東京タワー", 8), "東京タ…");
        assert_eq!(shortened("👩\u{200d}👩\u{200d}👧 family", 6), "👩\u{200d}👩…");
    }
}
