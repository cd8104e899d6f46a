//! What an answer shows: names of the query, its lists and their columns.

use super::Change;
use super::forms::Column;
use super::pairs::Pairs;
use super::words::Words;
use crate::expr::NodeId;

pub struct Output<'a> {
    pub old: &'a Words<'a>,
    pub new: &'a Words<'a>,
    pub pairs: &'a Pairs<'a>,
}

/// A list in one of the programs.
struct Shown<'a> {
    words: &'a Words<'a>,
    rows: NodeId,
    columns: &'a [Column],
}

impl Shown<'_> {
    /// `age = now - created_at`.
    fn said(&self, column: &Column) -> String {
        match self.words.column(self.rows, &column.name) {
            Some(expr) => format!("{} = {expr}", column.name),
            None => column.name.clone(),
        }
    }
}

impl<'a> Output<'a> {
    pub fn changes(&self) -> Vec<Change> {
        let (old, new) = (self.old.checked, self.new.checked);
        let mut changes = Vec::new();
        if old.query != new.query {
            let (was, is) = (old.query.clone(), new.query.clone());
            changes.push(Change::of("query", Some(was), Some(is)));
        }
        self.lists(&mut changes);
        for &(a, b) in &self.pairs.lists {
            let list = new.results[b].0.clone();
            let found = self.columns(a, b).into_iter();
            changes.extend(found.map(|change| Change { list: list.clone(), ..change }));
        }
        changes
    }

    fn lists(&self, changes: &mut Vec<Change>) {
        let (old, new) = (&self.old.checked.results, &self.new.checked.results);
        let name =
            |name: &Option<String>| name.clone().unwrap_or_else(|| "a single list".to_owned());
        let lists = &self.pairs.lists;
        for &(a, b) in lists.iter().filter(|(a, b)| old[*a].0 != new[*b].0) {
            changes.push(Change::of("list", Some(name(&old[a].0)), Some(name(&new[b].0))));
        }
        for (a, (list, _)) in old.iter().enumerate() {
            if !lists.iter().any(|(known, _)| *known == a) {
                changes.push(Change::of("list", Some(name(list)), None));
            }
        }
        for (b, (list, _)) in new.iter().enumerate() {
            if !lists.iter().any(|(_, known)| *known == b) {
                changes.push(Change::of("list", None, Some(name(list))));
            }
        }
        if lists.windows(2).any(|pair| pair[0].1 > pair[1].1) {
            let names = |results: &[(Option<String>, NodeId)]| {
                results.iter().map(|(list, _)| name(list)).collect::<Vec<_>>().join(", ")
            };
            changes.push(Change::of("lists", Some(names(old)), Some(names(new))));
        }
    }

    fn shown(&self, a: usize, b: usize) -> (Shown<'a>, Shown<'a>) {
        let (old, new) = (self.old.checked.results[a].1, self.new.checked.results[b].1);
        let (was, is) = (&self.pairs.old.get(old).columns, &self.pairs.new.get(new).columns);
        (
            Shown { words: self.old, rows: old, columns: was },
            Shown { words: self.new, rows: new, columns: is },
        )
    }

    /// The columns of one list.
    fn columns(&self, a: usize, b: usize) -> Vec<Change> {
        let (old, new) = self.shown(a, b);
        let entity = |shown: &Shown| shown.words.entity(shown.rows);
        let mut changes = Vec::new();
        if entity(&old) != entity(&new) {
            changes.push(Change::of("entity", Some(entity(&old)), Some(entity(&new))));
        }
        // over rows that have changed, a column is made of the same if it is computed in the same way
        let is_equal = self.pairs.old.get(old.rows).class == self.pairs.new.get(new.rows).class;
        let is_same = |a: &Column, b: &Column| match is_equal {
            true => a.exact == b.exact,
            false => a.content == b.content,
        };
        let of_name = |columns: &'a [Column], name: &str| columns.iter().find(|c| c.name == name);
        let change = |was, is| Change::of("column", was, is);
        let mut renamed: Vec<&str> = Vec::new();
        // written otherwise; written alike, but made of those, or somewhere else
        let (mut otherwise, mut follow) = (Vec::new(), Vec::new());
        for column in old.columns {
            match of_name(new.columns, &column.name) {
                Some(other) if is_same(column, other) => {}
                Some(other) => {
                    let found = change(Some(old.said(column)), Some(new.said(other)));
                    match found.old == found.new {
                        true => follow.push(found),
                        false => otherwise.push(found),
                    }
                }
                None => {
                    let free = |c: &&Column| {
                        of_name(old.columns, &c.name).is_none()
                            && !renamed.contains(&c.name.as_str())
                    };
                    let other = new.columns.iter().filter(free).find(|c| is_same(column, c));
                    renamed.extend(other.map(|c| c.name.as_str()));
                    changes.push(change(Some(old.said(column)), other.map(|c| new.said(c))));
                }
            }
        }
        let added = new.columns.iter().filter(|c| {
            of_name(old.columns, &c.name).is_none() && !renamed.contains(&c.name.as_str())
        });
        changes.extend(added.map(|column| change(None, Some(new.said(column)))));
        changes.extend(order(old.columns, new.columns));
        if otherwise.is_empty() && is_equal {
            changes.extend(follow);
        }
        changes.extend(otherwise);
        changes
    }
}

/// The columns that both have, where they stand in another order.
fn order(old: &[Column], new: &[Column]) -> Option<Change> {
    let common = |own: &[Column], other: &[Column]| {
        let names = own.iter().map(|c| c.name.clone());
        let common = names.filter(|name| other.iter().any(|c| c.name == *name));
        common.collect::<Vec<_>>().join(", ")
    };
    let (was, is) = (common(old, new), common(new, old));
    (was != is).then(|| Change::of("columns", Some(was), Some(is)))
}
