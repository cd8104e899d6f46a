//! Random sets made of several: conditionals and combiners.

use super::exprs::Ty;
use super::programs::{Made, Maker, union};

impl Maker<'_> {
    /// A set of an entity made of two or three others.
    pub fn combined(&mut self, entity: usize, depth: usize) -> Made {
        match self.rng.below(4) {
            0 => self.conditional(entity, depth),
            1 => self.fallback(entity, depth),
            _ => self.combine(entity, depth),
        }
    }

    fn conditional(&mut self, entity: usize, depth: usize) -> Made {
        let (a, b) = (self.set(entity, depth), self.set(entity, depth));
        let condition = match self.rng.below(4) {
            0 => "count(user.walk(likes)) > 2".to_owned(),
            1 => "viewer.age > 30".to_owned(),
            2 => {
                let facts = self.set(entity, depth.min(1));
                format!("exists({})", facts.text)
            }
            _ => self
                .rng
                .text(&["true", "viewer.age < 20", "viewer.age is null"]),
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
        Made {
            text,
            entity,
            bound,
        }
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
            let name = if self.rng.one_in(4) {
                format!("b{i}=")
            } else {
                String::new()
            };
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
        Made {
            text: format!("combine({})", parts.join(", ")),
            entity,
            bound,
        }
    }
}
