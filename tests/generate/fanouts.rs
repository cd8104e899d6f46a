//! Random walks and searches.

use super::exprs::{Scope, Ty, expr};
use super::programs::{Made, Maker};
use super::worlds::{ACCT, ITEM, USER};

impl Maker<'_> {
    /// A walk, search or def that ends in `entity`.
    pub fn fan_out(&mut self, entity: usize, depth: usize) -> Made {
        let (from, step) = match (entity, self.rng.below(10)) {
            (USER, 0..3) => (ITEM, self.walk("~rated", true, true)),
            (USER, 3..5) => (ITEM, self.walk("~likes", true, false)),
            (USER, 5) => (USER, self.walk("boss", false, false)),
            (USER, 6) => (USER, self.walk("~boss", false, false)),
            (USER, _) => (ACCT, self.walk("~follows", false, false)),
            (ACCT, 0..3) => (USER, self.walk("follows", false, false)),
            (ACCT, 3) => (ITEM, self.walk("owner", false, false)),
            (ACCT, 4) => (USER, self.walk("rated.owner", true, true)),
            (ACCT, 5..8) => (ACCT, self.search("deep", "")),
            (ACCT, _) => (USER, self.walk("reached", true, true)),
            (_, 0) => (USER, self.walk("likes", true, false)),
            (_, 1) => (USER, self.walk("rated", true, true)),
            (_, 2) => (ITEM, self.walk("similar", false, true)),
            (_, 3) => (ACCT, self.walk("~owner", true, false)),
            (_, 4) => (ITEM, self.search("clip", "")),
            (_, 5) => (USER, self.search("towers", ", to=item")),
            (_, 6) => {
                let name = self.rng.text(&["loved", "touched", "rated | likes", "likes"]);
                (USER, self.walk(&name, true, true))
            }
            (_, 7) => (ACCT, self.call("posted", &["", "3", "all", "auto(1)"])),
            (_, 8) => (ITEM, self.call("near", &["", "2", "k=4"])),
            _ => {
                let name = self.rng.text(&["some_likes", "few_likes"]);
                (USER, self.call(&name, &["", "2", "limit=all", "auto(4)", "auto"]))
            }
        };
        let parents = self.set(from, depth);
        let step = match step.strip_suffix(')') {
            // columns that vary end at a mean, which the reference does not know
            Some(start) if start.starts_with(".nn(") && parents.bound.is_empty() => {
                format!("{start}{})", self.pool(start))
            }
            _ => step,
        };
        let made = Made { text: format!("{}{step}", parents.text), entity, bound: parents.bound };
        match step.contains("order=random") {
            true => self.with_propensity(made),
            false => made,
        }
    }

    fn call(&mut self, name: &str, arguments: &[&str]) -> String {
        format!(".{name}({})", self.rng.text(arguments))
    }

    /// A number of rows that belongs to the request; it may be null or below zero.
    pub fn number(&mut self) -> String {
        match self.sets.last() {
            Some((name, _)) if self.rng.one_in(2) => format!("count({name})"),
            _ => self.rng.text(&["viewer.age", "viewer.age + 1", "count(user.walk(follows))"]),
        }
    }

    fn merge(&mut self) -> String {
        match self.rng.below(3) {
            0 => String::new(),
            _ => format!(
                ", merge={}",
                self.rng.text(&["max", "sum", "count", "mean", "min", "noisy_or"])
            ),
        }
    }

    fn walk(&mut self, edge: &str, timed: bool, weighted: bool) -> String {
        let mut options = String::new();
        if self.rng.one_in(2) {
            let number = self.number();
            options +=
                &format!(", limit={}", self.rng.text(&["1", "2", "3", "all", "auto(2)", &number]));
        }
        if self.rng.one_in(3) {
            let orders: &[&str] = if timed {
                &["newest", "listed", "strongest", "random"]
            } else {
                &["listed", "strongest", "random"]
            };
            options += &format!(", order={}", self.rng.text(orders));
        }
        if timed && self.rng.one_in(4) {
            options += &format!(", within={}", self.rng.text(&["5d", "12d", "40d"]));
        }
        if self.rng.one_in(4) {
            options += &format!(
                ", where={}",
                self.rng.text(&[
                    "weight >= 0.25",
                    "weight != 1.0",
                    "weight is not null",
                    "to == to",
                    "now > @2024-04-20"
                ])
            );
        }
        if self.rng.one_in(5) {
            let weights: &[&str] = match (timed, weighted) {
                (true, _) => {
                    &["decay(time, 10d)", "weight * 2.0", "1.0 / (age(time) / 5d)", "-1.0"]
                }
                (false, _) => &["weight * -0.5", "0.25", "weight + 1"],
            };
            options += &format!(", weight={}", self.rng.text(weights));
        }
        format!(".walk({edge}{options}{})", self.merge())
    }

    fn pool(&mut self, search: &str) -> &'static str {
        match self.rng.below(8) {
            0 => ", pool=mean",
            1 => ", pool=clusters(1)",
            2 => ", pool=clusters(2)",
            3 if search.starts_with(".nn(towers") => ", query=viewer.towers",
            _ => "",
        }
    }

    fn search(&mut self, embedding: &str, to: &str) -> String {
        let mut options = to.to_owned();
        if self.rng.one_in(2) {
            let number = self.number();
            options +=
                &format!(", k={}", self.rng.text(&["1", "2", "3", "all", "auto(2)", &number]));
        }
        if self.rng.one_in(5) {
            options += &format!(", min_similarity={}", self.rng.text(&["0.0", "0.3", "0.5"]));
        }
        if self.rng.one_in(5) {
            options += ", include_self=true";
        }
        if embedding != "deep" && self.rng.one_in(4) {
            let condition = match self.rng.one_in(2) {
                true => expr(&mut self.rng, &Scope::bare(ITEM), Ty::Bool, 1),
                false => self.linked(),
            };
            options += &format!(", where={condition}");
        }
        format!(".nn({embedding}{options}, exact=true{})", self.merge())
    }

    /// Whether the viewer has links to the item, perhaps beside another condition.
    fn linked(&mut self) -> String {
        let links = self.rng.text(&[
            "likes(viewer, it)",
            "rated(viewer, it)",
            "loved(viewer, it)",
            "touched(viewer, it)",
            "(likes | rated)(viewer, it)",
            "likes(viewer.boss, it)",
            "similar(it, it)",
        ]);
        let of = self.rng.text(&[
            "",
            "",
            ", where=weight >= 0.5",
            ", where=weight > row.q",
            ", where=to.q > 0.0",
            ", where=viewer.age > 1",
        ]);
        let timed = !links.starts_with("similar") && self.rng.one_in(4);
        let exists = format!("exists({links}{of}{})", if timed { ", within=12d" } else { "" });
        let not = self.rng.text(&["", "not ", "not "]);
        match self.rng.below(4) {
            0 => {
                let other = expr(&mut self.rng, &Scope::bare(ITEM), Ty::Bool, 1);
                format!("{other} and {not}{exists}")
            }
            1 => format!("not (not {exists})"),
            _ => format!("{not}{exists}"),
        }
    }
}
