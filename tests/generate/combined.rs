//! Random sets made of several: conditionals and combiners.

use super::exprs::{Ty, arm_test};
use super::programs::{Made, Maker, union};
use super::worlds::USER;

impl Maker<'_> {
    /// A set of an entity made of two or three others.
    pub fn combined(&mut self, entity: usize, depth: usize) -> Made {
        match self.rng.below(5) {
            0 => self.conditional(entity, depth),
            1 => self.fallback(entity, depth),
            2 => self.as_viewer(entity, depth),
            _ => self.combine(entity, depth),
        }
    }

    fn conditional(&mut self, entity: usize, depth: usize) -> Made {
        let (a, b) = (self.set(entity, depth), self.set(entity, depth));
        let condition = match self.rng.below(6) {
            4 | 5 => arm_test(&mut self.rng),
            0 => "count(user.walk(likes)) > 2".to_owned(),
            1 => "viewer.age > 30".to_owned(),
            2 => {
                let facts = self.set(entity, depth.min(1));
                format!("exists({})", facts.text)
            }
            _ => self.rng.text(&["true", "viewer.age < 20", "viewer.age is null"]),
        };
        Made {
            text: format!("({} if {condition} else {})", a.text, b.text),
            entity,
            bound: union(a.bound, b.bound),
        }
    }

    fn fallback(&mut self, entity: usize, depth: usize) -> Made {
        let (a, b) = (self.set(entity, depth), self.set(entity, depth));
        let mut bound = union(a.bound, b.bound);
        let mut text = format!("{}, {}", a.text, b.text);
        if self.rng.one_in(3) {
            let c = self.set(entity, depth.min(1));
            bound = union(bound, c.bound);
            text = format!("{text}, {}", c.text);
        }
        let least = self.number();
        let text = format!("fallback({text}, at_least={least})");
        Made { text, entity, bound }
    }

    fn combine(&mut self, entity: usize, depth: usize) -> Made {
        let weighted = self.rng.one_in(2);
        let mut bound = Vec::new();
        let mut parts = Vec::new();
        for i in 0..1 + self.rng.below(3) {
            let made = self.set(entity, depth.min(3));
            bound = union(bound, made.bound);
            let weight = match self.rng.below(6) {
                0 if weighted => "-0.5 * ",
                1 => "0.25 * ",
                2 => "2 * ",
                3 => "viewer.age / 20 * ",
                4 if self.rng.one_in(2) => "0 * ",
                _ => "",
            };
            let name = if self.rng.one_in(4) { format!("b{i}=") } else { String::new() };
            // named branches stand anywhere, so positions count all
            parts.push(format!("{name}{weight}{}", made.text));
        }
        let take = 1 + self.rng.below(6);
        if weighted {
            let normalize = self.rng.text(&[
                "",
                ", normalize=minmax",
                ", normalize=zscore",
                ", normalize=rank",
                ", normalize=softmax",
                ", normalize=none",
            ]);
            parts.push(format!("method=weighted{normalize}"));
        } else {
            parts.push(match self.rng.below(4) {
                0 => "method=rrf".to_owned(),
                1 => "method=rrf(k=2)".to_owned(),
                2 => "method=interleave".to_owned(),
                _ => format!("method=quota, take={take}"),
            });
        }
        if self.rng.one_in(4) && !parts.iter().any(|p| p.contains("take=")) {
            parts.push(format!("take={take}"));
        }
        bound = union(bound, vec![("branch".to_owned(), Ty::Str)]);
        Made { text: format!("combine({})", parts.join(", ")), entity, bound }
    }

    /// A set as several users see it.
    fn as_viewer(&mut self, entity: usize, depth: usize) -> Made {
        let members = self.set(USER, depth.min(1));
        let seen = self.set(entity, depth.min(2));
        let merge = self.rng.text(&[
            "",
            ", merge=min",
            ", max",
            ", merge=sum",
            ", merge=count",
            ", merge=mean",
            ", merge=noisy_or",
        ]);
        Made {
            text: format!("{}.as_viewer({}{merge})", members.text, seen.text),
            entity,
            bound: seen.bound,
        }
    }

    /// Rows of another set at some positions.
    pub fn insert(&mut self, made: Made) -> Made {
        let other = self.set(made.entity, 1);
        let slots = match self.rng.below(4) {
            0 => "at=[3, 1]".to_owned(),
            1 => "[2, 2, 9]".to_owned(),
            2 => format!("every={}", 1 + self.rng.below(3)),
            _ => format!("every={}, start={}", self.number(), 1 + self.rng.below(3)),
        };
        Made {
            text: format!("{}.insert({}, {slots})", made.text, other.text),
            entity: made.entity,
            bound: union(made.bound, other.bound),
        }
    }

    pub fn sample(&mut self, made: Made) -> Made {
        let n = 1 + self.rng.below(4);
        let weight = match self.rng.below(5) {
            0 => format!(", {}", self.expr(&made, Ty::Float)),
            1 => ", weight=position, salt=\"s\"".to_owned(),
            _ => String::new(),
        };
        self.weighted |= !weight.is_empty();
        let sampled = made.then(&format!(".sample({n}{weight})"));
        self.with_propensity(sampled)
    }

    /// Rows that were drawn, perhaps with how probable they were.
    pub fn with_propensity(&mut self, mut made: Made) -> Made {
        if self.weighted || self.rng.one_in(2) {
            return made;
        }
        if self.rng.one_in(2) {
            made = self.operator(made);
        }
        if !made.bound.iter().any(|(name, _)| name == "cf0") {
            made.bound.push(("cf0".to_owned(), Ty::Float));
        }
        let step = self
            .rng
            .text(&[".let(cf0=propensity)", ".filter(propensity < 0.9).let(cf0=propensity)"]);
        made.then(&step)
    }
}
