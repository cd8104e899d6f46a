//! The examples of a table that are used, one by one, without their features.

use super::negatives::Drawn;
use super::rates::InOrder;
use super::table::Table;
use crate::check::trained::Target;
use crate::learn::net::Part;
use std::ops::Range;
use std::sync::Arc;

/// The examples that are used, in the order of time.
pub struct Used<'t> {
    table: &'t Table<'t>,
    places: Range<usize>,
    drawn: Option<Arc<Drawn>>,
}

impl<'t> Used<'t> {
    /// Those of the first epoch.
    pub fn of(table: &'t Table<'t>) -> Used<'t> {
        let drawn = table.drawn(0);
        Used { places: table.places(drawn.as_deref()), drawn, table }
    }

    fn source(&self, place: usize) -> usize {
        let place = self.places.start + place;
        self.drawn.as_ref().map_or(place, |drawn| drawn.source[place] as usize)
    }
}

impl InOrder for Used<'_> {
    fn len(&self) -> usize {
        self.places.len()
    }

    fn rows(&self) -> usize {
        self.table.rows_of_entity()
    }

    fn row(&self, place: usize) -> u32 {
        let rows = self.drawn.as_ref().map_or(&self.table.found.rows, |drawn| &drawn.rows);
        rows[self.places.start + place]
    }

    fn viewer(&self, place: usize) -> u32 {
        self.table.found.viewers[self.source(place)]
    }

    fn time(&self, place: usize) -> i64 {
        self.table.found.times[self.source(place)]
    }

    fn part(&self, place: usize) -> Part {
        self.table.division.parts[self.source(place)]
    }

    fn label(&self, place: usize, head: usize) -> f32 {
        match &self.drawn {
            Some(drawn) => f32::from(u8::from(drawn.positive[self.places.start + place])),
            None => self.table.labels[head][self.source(place)],
        }
    }

    fn weight(&self, place: usize) -> f32 {
        self.table.weights.get(self.source(place)).copied().unwrap_or(1.0)
    }

    fn delay(&self, head: usize) -> i64 {
        let follows = matches!(self.table.model.heads[head].target, Target::Edge { .. });
        if follows { self.table.model.label_window } else { 0 }
    }
}
