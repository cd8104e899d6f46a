//! Pictures of numbers for pages: dots, lines and steps between two axes.

use super::plan::escape;
use super::replay::table::number;
use std::fmt::Write;

/// A picture in its own units.
pub struct Plot {
    width: f64,
    height: f64,
    x: (f64, f64),
    y: (f64, f64),
    svg: String,
}

/// Room for the numbers at the axes.
const LEFT: f64 = 52.0;
const BELOW: f64 = 18.0;

impl Plot {
    /// One of some size, for values between.
    pub fn new(width: f64, height: f64, x: (f64, f64), y: (f64, f64)) -> Plot {
        let wide = |(low, high): (f64, f64)| {
            if high > low { (low, high) } else { (low - 0.5, high + 0.5) }
        };
        let (x, y) = (wide(x), wide(y));
        let svg = format!(
            "<svg class=\"p0\" viewBox=\"0 0 {width} {height}\" role=\"img\"><line class=\"axis\" x1=\"{LEFT}\" y1=\"4\" x2=\"{LEFT}\" y2=\"{b}\"/>\
             <line class=\"axis\" x1=\"{LEFT}\" y1=\"{b}\" x2=\"{width}\" y2=\"{b}\"/>",
            b = height - BELOW
        );
        Plot { width, height, x, y, svg }
    }

    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let share = |value: f64, (low, high): (f64, f64)| (value - low) / (high - low);
        let across = LEFT + 6.0 + share(x, self.x) * (self.width - LEFT - 14.0);
        let down = self.height - BELOW - 6.0 - share(y, self.y) * (self.height - BELOW - 14.0);
        (across, down)
    }

    /// A dot that says something when it is pointed at.
    pub fn dot(&mut self, x: f64, y: f64, class: &str, title: &str) {
        let (x, y) = self.at(x, y);
        let _ = write!(
            self.svg,
            "<circle class=\"dot {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"><title>{}</title></circle>",
            escape(title)
        );
    }

    /// What was reached so far.
    pub fn steps(&mut self, points: &[(f64, f64)]) {
        let mut path = String::new();
        for (place, &(x, y)) in points.iter().enumerate() {
            let (x, y) = self.at(x, y);
            let _ = match place {
                0 => write!(path, "M{x:.1} {y:.1}"),
                _ => write!(path, "H{x:.1}V{y:.1}"),
            };
        }
        let _ = write!(self.svg, "<path d=\"{path}\"/>");
    }

    /// From point to point.
    pub fn line(&mut self, points: &[(f64, f64)], class: &str) {
        let mut path = String::new();
        for (place, &(x, y)) in points.iter().enumerate() {
            let (x, y) = self.at(x, y);
            let _ = write!(path, "{}{x:.1} {y:.1}", if place == 0 { 'M' } else { 'L' });
        }
        let _ = write!(self.svg, "<path class=\"{class}\" d=\"{path}\"/>");
    }

    /// The picture, with the numbers at the ends of its axes.
    pub fn end(mut self, low: &str, high: &str) -> String {
        let (bottom, top) = (self.height - BELOW, 12.0);
        let _ = write!(
            self.svg,
            "<text x=\"{l}\" y=\"{top}\" text-anchor=\"end\">{}</text><text x=\"{l}\" y=\"{bottom}\" text-anchor=\"end\">{}</text>\
             <text x=\"{LEFT}\" y=\"{h}\">{}</text><text x=\"{w}\" y=\"{h}\" text-anchor=\"end\">{}</text></svg>",
            number(self.y.1),
            number(self.y.0),
            escape(low),
            escape(high),
            l = LEFT - 4.0,
            h = self.height - 4.0,
            w = self.width - 2.0,
        );
        self.svg
    }
}
