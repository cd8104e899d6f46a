//! Pages of the documentation at a terminal: wrapped, without the marks.

use crate::cli::grid::wrapped;
use crate::visible::visible_lines;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use unicode_width::UnicodeWidthStr;

/// How a page is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Terminal columns.
    pub width: usize,
    pub color: bool,
}

impl Style {
    /// Text that stands out.
    pub fn strong(self, text: &str) -> String {
        self.mark("1", text)
    }

    fn mark(self, code: &str, text: &str) -> String {
        match self.color {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}

/// What a table of the page puts between two columns.
const GAP: &str = "   ";

/// A page as text.
pub fn render(markdown: &str, style: Style) -> String {
    let mut page = Page {
        style,
        out: String::new(),
        inline: String::new(),
        lists: Vec::new(),
        marker: None,
        table: Vec::new(),
    };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        page.event(event);
    }
    page.out
}

struct Page {
    style: Style,
    out: String,
    /// The text of the paragraph, heading, cell or block of code that is read.
    inline: String,
    /// The lists around it: the number of the next item, if they have numbers.
    lists: Vec<Option<u64>>,
    /// What stands before the first line of a list's item.
    marker: Option<String>,
    table: Vec<Vec<String>>,
}

impl Page {
    fn event(&mut self, event: Event) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.inline.push_str(&visible_lines(&text)),
            Event::Code(text) => {
                let text = self.style.mark("36", &visible_lines(&text));
                self.inline.push_str(&text);
            }
            Event::SoftBreak | Event::HardBreak => self.inline.push(' '),
            Event::Rule => self.line(&"─".repeat(self.style.width.min(40))),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag) {
        match tag {
            Tag::List(first) => {
                self.paragraph();
                self.lists.push(first);
            }
            Tag::Item => {
                self.marker = Some(match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "- ".to_owned(),
                });
            }
            Tag::CodeBlock(_) => self.paragraph(),
            Tag::TableHead | Tag::TableRow => self.table.push(Vec::new()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.gap();
                let text = std::mem::take(&mut self.inline);
                let text = self.style.strong(&text);
                self.line(&text);
                self.gap();
            }
            TagEnd::Paragraph => {
                self.paragraph();
                self.gap();
            }
            TagEnd::Item => self.paragraph(),
            TagEnd::List(_) => {
                self.lists.pop();
                if self.lists.is_empty() {
                    self.gap();
                }
            }
            TagEnd::CodeBlock => self.code_block(),
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.inline);
                self.table.last_mut().into_iter().for_each(|row| row.push(cell.clone()));
            }
            TagEnd::Table => self.finish_table(),
            _ => {}
        }
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// An empty line, if there is none yet.
    fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// Writes the text that was read, with the mark of its list.
    fn paragraph(&mut self) {
        let text = std::mem::take(&mut self.inline);
        if text.is_empty() {
            return;
        }
        let depth = self.lists.len().saturating_sub(1) * 2;
        let marker = self.marker.take();
        let hang = match (&marker, self.lists.last()) {
            (Some(marker), _) => marker.len(),
            (None, Some(_)) => 2,
            (None, None) => 0,
        };
        let indent = " ".repeat(depth + hang);
        let room = self.style.width.saturating_sub(indent.len()).max(20);
        let mut first = marker.map(|marker| " ".repeat(depth) + &marker);
        for line in wrapped(&text, room).lines() {
            let before = first.take().unwrap_or_else(|| indent.clone());
            self.line(&format!("{before}{line}"));
        }
    }

    fn code_block(&mut self) {
        let text = std::mem::take(&mut self.inline);
        self.gap();
        for line in text.lines() {
            let line = self.style.mark("36", line);
            self.line(&format!("    {line}"));
        }
        self.gap();
    }

    /// A table in columns; one that is too wide as its rows: the last column, the meaning, below the
    /// others.
    fn finish_table(&mut self) {
        let table = std::mem::take(&mut self.table);
        let columns = table.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |i: usize| table.iter().filter_map(|r| r.get(i)).map(|c| shown(c)).max();
        let widths: Vec<usize> = (0..columns).map(|i| widest(i).unwrap_or(0)).collect();
        let total = widths.iter().sum::<usize>() + GAP.len() * columns.saturating_sub(1);
        self.gap();
        if total <= self.style.width {
            for row in &table {
                let cells = row.iter().zip(&widths).map(|(cell, width)| {
                    let blank = " ".repeat(width.saturating_sub(shown(cell)));
                    format!("{cell}{blank}")
                });
                let line = cells.collect::<Vec<_>>().join(GAP);
                self.line(line.trim_end());
            }
        } else {
            let rows = table.iter().skip(1);
            rows.for_each(|row| self.row(row));
        }
        self.gap();
    }

    fn row(&mut self, row: &[String]) {
        let Some((meaning, head)) = row.split_last() else {
            return;
        };
        let head: Vec<&str> = head.iter().map(String::as_str).filter(|c| !c.is_empty()).collect();
        for line in wrapped(&head.join("  "), self.style.width).lines() {
            self.line(line);
        }
        let room = self.style.width.saturating_sub(4).max(20);
        for line in wrapped(meaning, room).lines() {
            self.line(&format!("    {line}"));
        }
    }
}

/// The width of a text, without its colours.
fn shown(text: &str) -> usize {
    crate::cli::grid::plain(text).width()
}

#[cfg(test)]
mod tests {
    use super::{Style, render};

    #[test]
    fn marks_are_gone_and_lines_fit() {
        let page = "# take\n\n`rows.take(n)`: *rows* of [a set](x.md) that is long enough to be wrapped.\n\n\
            | parameter | meaning |\n|---|---|\n| `n` | how many |\n\n- one\n- two `x`\n\n```igql explore\nall(media)\n  .take(2)\n```\n";
        let style = Style { width: 40, color: false };
        assert_eq!(
            render(page, style),
            "take\n\nrows.take(n): rows of a set that is long\nenough to be wrapped.\n\n\
             parameter   meaning\nn           how many\n\n- one\n- two x\n\n    all(media)\n      .take(2)\n\n"
        );
        let narrow = Style { width: 18, color: false };
        assert!(render(page, narrow).contains("n\n    how many\n"));
        let colored = Style { color: true, ..style };
        let text = render(page, colored);
        assert!(text.contains("\u{1b}[1mtake\u{1b}[0m"), "{text:?}");
        assert!(text.contains("\u{1b}[36mn\u{1b}[0m           how many"), "{text:?}");
    }
}
