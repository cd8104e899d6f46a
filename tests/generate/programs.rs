//! Random programs: declarations, bindings and a chain of operators that is well typed.

use super::Rng;
use super::exprs::{Scope, TYPES, Ty, expr, literal};
use super::worlds::{ACCT, ITEM, USER};
use crate::reference::World;

/// A set as text, with what is known of it.
#[derive(Clone)]
pub struct Made {
    pub text: String,
    pub entity: usize,
    /// Columns bound by `let` that its rows have.
    pub bound: Vec<(String, Ty)>,
}

pub struct Maker<'w> {
    pub rng: Rng,
    world: &'w World,
    /// Sets bound at top level: name, entity.
    pub sets: Vec<(String, Made)>,
    declared: bool,
    /// Whether rows were sampled by weight, of which nobody knows how probable they were.
    pub weighted: bool,
}

const NAMES: [&str; 3] = ["user", "acct", "item"];

/// What a program may use; those it does not use are left out.
const DECLARATIONS: [(&str, &str); 13] = [
    ("tried", "experiment tried(layer=\"l\") = {off: 0.4, on: 0.6}"),
    (
        "few",
        "experiment few(layer=\"m\", buckets=0..7499, salt=\"s\") = {control: 0.3, mild: 0.3, bold: 0.2}",
    ),
    ("loved", "edge loved = rated where weight > 0.0 weight weight * 2.0"),
    ("touched", "edge touched = likes | rated"),
    ("reached", "edge reached = touched.owner"),
    (
        "some_likes",
        "def some_likes(rows: set[user], limit: int = auto(3)) -> set[item] = rows.walk(likes, limit=limit)",
    ),
    (
        "few_likes",
        "def few_likes(rows: set[user], limit: int = 3) -> set[item] = rows.walk(likes, limit=limit, merge=count)",
    ),
    (
        "posted",
        "def posted(rows: set[acct], n: int = auto(2)) -> set[item] = rows.walk(~owner, limit=n)",
    ),
    ("near", "def near(rows: set[item], k: int = auto(3)) -> set[item] = rows.nn(k=k, exact=true)"),
    ("first", "def first(rows: set[E], n: int = 2) -> set[E] = rows.take(n)"),
    (
        "boost",
        "def boost(rows: set[item], by: float, most: int = all) -> set[item] = rows.score(q * by).take(most)",
    ),
    ("both", "def both(a: set[E], b: set[E]) -> set[E] = a.filter(position < 4) | b"),
    (
        "above",
        "def above(rows: set[item], least: float = 0.25) -> set[item] = rows.filter(q > least)",
    ),
];

/// A program over a world.
pub fn program(rng: &mut Rng, world: &World) -> String {
    let declared = rng.one_in(2);
    let mut maker = Maker { rng: rng.clone(), world, sets: Vec::new(), declared, weighted: false };
    let bindings = maker.rng.below(3);
    for i in 0..bindings {
        let entity = *maker.rng.pick(&[ACCT, ITEM, ITEM]);
        let depth = 1 + maker.rng.below(3);
        let made = maker.set(entity, depth);
        maker.sets.push((format!("s{i}"), made));
    }
    let entity = *maker.rng.pick(&[ITEM, ITEM, ITEM, ACCT, USER]);
    let depth = 2 + maker.rng.below(5);
    let mut main = maker.set(entity, depth);
    if maker.rng.one_in(6) {
        main = maker.select(main);
    }
    let text = maker.write(&main);
    *rng = maker.rng;
    text
}

impl Maker<'_> {
    fn write(&mut self, main: &Made) -> String {
        let keep_all = self.rng.one_in(8);
        let mut body = main.text.clone();
        if !self.sets.is_empty() && self.rng.one_in(8) {
            body = format!("{{main_list: {body}, other: {}}}", self.sets[0].0);
            body = match self.rng.below(4) {
                0 => format!("page = {body}\npage"),
                1 => format!("query home() = {body}\nhome()"),
                2 => format!("def lists(rows: set[E]) = {{\na = {body}\na\n}}\nlists(user)"),
                _ => body,
            };
        }
        for (name, made) in self.sets.clone().iter().rev() {
            if keep_all || mentions(&body, name) {
                body = format!("{name} = {}\n{body}", made.text);
            }
        }
        if self.declared {
            body = self.row_declarations(&body) + &body;
        }
        for (name, declaration) in DECLARATIONS.iter().rev() {
            if mentions(&body, name) {
                body = format!("{declaration}\n{body}");
            }
        }
        body + "\n"
    }

    /// Values, a policy, a param, a tunable and a model of items.
    fn row_declarations(&mut self, body: &str) -> String {
        let scope = Scope::bare(ITEM);
        let worth = expr(&mut self.rng, &scope, Ty::Float, 2);
        let limit = literal(&mut self.rng, Ty::Float);
        let all = [
            ("p", "param p: int in 1..4 = 2".to_owned()),
            ("w", "tunable w in 0.0..5.0 = 1.5".to_owned()),
            ("worth", format!("value worth on item = {worth}")),
            (
                "scaled",
                "value scaled(by: float = 1.0, plus: int = 0) on item = q * by + plus".to_owned(),
            ),
            (
                "fine",
                format!(
                    "policy fine(least: float = {limit}) on item = q >= least and (n > 0 or ok)"
                ),
            ),
            (
                "linear_one",
                "model linear_one on item = linear({q: 0.5, n: -0.25, ok: 0.75}, bias=0.1)".to_owned(),
            ),
            (
                "linear_two",
                "model linear_two on item = linear([q * 2.0, n, owner.size], weights=[1.0, 0.1, -1], missing=0.5)"
                    .to_owned(),
            ),
            (
                "linear_heads",
                "model linear_heads on item = linear([q, ok], heads={h1: [0.5, 1], h2: {n: 0.5}}, bias={h2: 1}, missing=0.0)"
                    .to_owned(),
            ),
            (
                "formula",
                "model formula on item = formula(heads={h1: q, h2: coalesce(n, 0) * 0.5})"
                    .to_owned(),
            ),
        ];
        all.iter()
            .filter(|(name, _)| mentions(body, name))
            .map(|(_, text)| format!("{text}\n"))
            .collect()
    }

    fn scope(&mut self, made: &Made) -> Scope {
        let mut sets: Vec<(String, usize)> =
            self.sets.iter().map(|(name, m)| (name.clone(), m.entity)).collect();
        for (text, entity) in [
            ("user.walk(likes)", ITEM),
            ("user.some_likes()", ITEM),
            ("user.walk(follows, limit=2)", ACCT),
        ] {
            if self.rng.one_in(4) {
                sets.push((text.to_owned(), entity));
            }
        }
        let account = match self.rng.pick(&self.world.entities[ACCT].keys) {
            igql::types::Key::Int(key) => key.to_string(),
            igql::types::Key::Str(key) => format!("\"{key}\""),
        };
        Scope {
            entity: made.entity,
            bound: made.bound.clone(),
            sets,
            account,
            placed: true,
            declared: self.declared,
        }
    }

    pub fn expr(&mut self, made: &Made, ty: Ty) -> String {
        let depth = self.rng.below(3);
        let scope = self.scope(made);
        expr(&mut self.rng, &scope, ty, depth)
    }

    /// A set of an entity, at most `depth` operators long.
    pub fn set(&mut self, entity: usize, depth: usize) -> Made {
        if depth == 0 || self.rng.one_in(12) {
            return self.source(entity);
        }
        match self.rng.below(12) {
            0..4 => self.fan_out(entity, depth - 1),
            4 => self.algebra(entity, depth - 1),
            5 => self.combined(entity, depth - 1),
            _ => {
                let made = self.set(entity, depth - 1);
                self.operator(made)
            }
        }
    }

    fn source(&mut self, entity: usize) -> Made {
        let known: Vec<(String, Made)> =
            self.sets.iter().filter(|(_, m)| m.entity == entity).cloned().collect();
        if !known.is_empty() && self.rng.one_in(2) {
            let (name, made) = self.rng.pick(&known).clone();
            return Made { text: name, ..made };
        }
        let text = match self.rng.below(3) {
            0 if entity == USER => "user".to_owned(),
            0 | 1 => format!("all({})", NAMES[entity]),
            _ => self.given(entity),
        };
        Made { text, entity, bound: Vec::new() }
    }

    fn given(&mut self, entity: usize) -> String {
        let keys = &self.world.entities[entity].keys;
        let n = 1 + self.rng.below(5);
        let key = |rng: &mut Rng| match rng.pick(keys) {
            igql::types::Key::Int(key) => (key + i64::from(rng.one_in(6))).to_string(),
            igql::types::Key::Str(key) => format!("\"{key}\""),
        };
        let ids: Vec<String> = (0..n).map(|_| key(&mut self.rng)).collect();
        let scores: Vec<String> = (0..n).map(|_| literal(&mut self.rng, Ty::Float)).collect();
        let scores = if self.rng.one_in(3) {
            format!(", scores=[{}]", scores.join(", "))
        } else {
            String::new()
        };
        format!("given({}, [{}]{scores})", NAMES[entity], ids.join(", "))
    }

    fn algebra(&mut self, entity: usize, depth: usize) -> Made {
        let (a, b) = (self.set(entity, depth), self.set(entity, depth));
        if self.rng.one_in(6) {
            return Made {
                text: format!("both({}, {})", a.text, b.text),
                entity,
                bound: union(a.bound, b.bound),
            };
        }
        if self.rng.one_in(3) {
            return self.narrowed(a);
        }
        let op = self.rng.text(&["|", "-", "&"]);
        let bound = if op == "|" { union(a.bound, b.bound) } else { a.bound };
        Made { text: format!("({} {op} {})", a.text, b.text), entity, bound }
    }

    /// Rows without, or only, some of a set that may be drawn from them: behind an open fan-out it
    /// belongs to the search, or is the rest of what was found.
    fn narrowed(&mut self, made: Made) -> Made {
        let op = self.rng.text(&["-", "&"]);
        let known = self.sets.clone();
        let own = known.iter().find(|(name, _)| *name == made.text);
        let set = match (own, self.rng.below(3)) {
            (Some((name, _)), 0..2) => format!("{name}.take(2)"),
            _ => self.set(made.entity, 1).text,
        };
        let between = self.rng.text(&["", "", ".filter(position < 9)", ".filter(score > 0.0)"]);
        Made { text: format!("({}{between} {op} {set})", made.text), ..made }
    }

    pub fn operator(&mut self, made: Made) -> Made {
        match self.rng.below(10) {
            0 | 1 => self.bind(made),
            2..5 => self.filter(made),
            5 => self.score(made),
            6 => {
                let take = self.take(&made);
                made.then(&take)
            }
            7 => self.diversify(made),
            8 => match self.rng.below(3) {
                0 => self.insert(made),
                1 => self.sample(made),
                _ => self.diversify(made),
            },
            _ => made.then(".first()"),
        }
    }

    fn bind(&mut self, mut made: Made) -> Made {
        let ty = *self.rng.pick(&TYPES);
        // One name has one type in the whole program.
        let name =
            format!("{}{}", ["ci", "cf", "cb", "cs", "ct", "cd"][ty as usize], self.rng.below(2));
        let value = self.expr(&made, ty);
        if !made.bound.iter().any(|(n, _)| *n == name) {
            made.bound.push((name.clone(), ty));
        }
        made.then(&format!(".let({name}={value})"))
    }

    /// Some columns as the output.
    fn select(&mut self, made: Made) -> Made {
        let (value, column) = (self.expr(&made, Ty::Float), ["age", "tier", "owner"][made.entity]);
        let bound = made.bound.first().map(|(name, _)| format!(", {name}")).unwrap_or_default();
        made.then(&format!(".select({column}, x={value}{bound})"))
    }

    fn filter(&mut self, made: Made) -> Made {
        if made.entity == ITEM && self.rng.one_in(6) {
            return made.then(".above()");
        }
        if made.entity == ITEM && self.declared && self.rng.one_in(5) {
            return made.then(&self.rng.text(&[
                ".filter(fine=0.25)",
                ".filter(fine=0.0, n > 0)",
                ".filter(fine(0.5))",
            ]));
        }
        if made.entity == ITEM && self.rng.one_in(8) {
            return made.then(&self.rng.text(&[
                ".filter()",
                ".unseen()",
                ".filter(old=12d, bright(0.25))",
            ]));
        }
        let condition = self.expr(&made, Ty::Bool);
        let second = if self.rng.one_in(4) {
            format!(", {}", self.expr(&made, Ty::Bool))
        } else {
            String::new()
        };
        made.then(&format!(".filter({condition}{second})"))
    }

    fn score(&mut self, made: Made) -> Made {
        if made.entity == ITEM && self.declared && self.rng.one_in(3) {
            if self.rng.one_in(3) {
                return made.then(&self.rng.text(&[
                    ".rank(linear_one)",
                    ".rank(linear_one, keep=2)",
                    ".rank(linear_two, value=coalesce(score, 0.5))",
                ]));
            }
            let mut made = made.then(&self.rng.text(&[
                ".rank(formula, value=h1 - h2)",
                ".rank(formula, value=h2, keep=3)",
                ".rank(linear_heads, value=h1 * h2)",
            ]));
            for head in ["h1", "h2"] {
                if !made.bound.iter().any(|(n, _)| n == head) {
                    made.bound.push((head.to_owned(), Ty::Float));
                }
            }
            return made;
        }
        if made.entity == ITEM && self.rng.one_in(6) {
            let number = self.number();
            return made.then(
                &self.rng.text(&[".boost(0.5)", &format!(".boost(by={number} * 1.0, most=3)")]),
            );
        }
        let ty = *self.rng.pick(&[Ty::Float, Ty::Float, Ty::Int, Ty::Time, Ty::Span]);
        let mut keys = vec![self.expr(&made, ty)];
        while self.rng.one_in(3) {
            let ty = *self.rng.pick(&[Ty::Float, Ty::Int, Ty::Time, Ty::Span, Ty::Bool]);
            keys.push(self.expr(&made, ty));
        }
        made.then(&format!(".score({})", keys.join(", ")))
    }

    fn take(&mut self, made: &Made) -> String {
        let n = 1 + self.rng.below(5);
        match self.rng.below(5) {
            4 => format!(".take({})", self.number()),
            0 => self.page(n),
            1 => {
                let ty = *self.rng.pick(&[Ty::Int, Ty::Str, Ty::Bool]);
                format!(".take({n}, per={})", self.expr(made, ty))
            }
            _ => format!(".take({n})"),
        }
    }

    /// A page of a list: constant, or as the request says.
    fn page(&mut self, n: usize) -> String {
        let offset = match self.rng.below(4) {
            0 | 1 => self.rng.below(4).to_string(),
            2 if self.declared => self.rng.text(&["p", "p * 2"]),
            _ => self.rng.text(&["count(user.walk(likes))", "count(user.some_likes()) // 2"]),
        };
        let n = match self.rng.below(4) {
            0 if self.declared => "p".to_owned(),
            _ => n.to_string(),
        };
        let depth = match self.rng.below(3) {
            0 => format!(", depth={}", 1 + self.rng.below(30)),
            _ => String::new(),
        };
        format!(".take({n}, offset={offset}{depth})")
    }

    fn diversify(&mut self, made: Made) -> Made {
        if self.rng.one_in(4) {
            return self.slate(made);
        }
        if made.entity != USER && self.rng.one_in(5) {
            return self.mmr(made);
        }
        let history = made.entity == ITEM && self.rng.one_in(4);
        let ty = *self.rng.pick(&[Ty::Int, Ty::Str, Ty::Bool]);
        // a history has no bound columns
        let bare = Made { bound: Vec::new(), ..made.clone() };
        let mut key = match (made.entity, self.rng.below(4)) {
            (ITEM, 0) => "owner".to_owned(),
            (ITEM, 1) => "tags".to_owned(),
            (ITEM, _) if history => self.rng.text(&["kind", "n", "ok", "owner.place"]),
            _ => self.expr(&bare, ty),
        };
        if self.rng.one_in(4) {
            let second = match history {
                true => "kind".to_owned(),
                false => self.expr(&made, Ty::Str),
            };
            key = format!("[{key}, {second}]");
        }
        let method = match self.rng.below(3) {
            _ if history => format!(", method={}", self.calibrate()),
            0 => String::new(),
            1 => ", method=penalty".to_owned(),
            _ => format!(
                ", method=penalty(factor={}, floor={})",
                self.rng.text(&["0.5", "0.9", "0.0"]),
                self.rng.text(&["0.0", "0.3"])
            ),
        };
        made.then(&format!(".diversify_by({key}{method})"))
    }

    fn slate(&mut self, made: Made) -> Made {
        let (mut max, mut min) = (Vec::new(), Vec::new());
        for _ in 0..1 + self.rng.below(3) {
            let key = match (made.entity, self.rng.below(5)) {
                (ITEM, 0) => "tags".to_owned(),
                (ITEM, 1) => "owner".to_owned(),
                (ITEM, 2) => "kind".to_owned(),
                (_, 3) => self.expr(&made, Ty::Int),
                _ => self.expr(&made, Ty::Bool),
            };
            let window = self.rng.text(&["", " in 2", " in 3", " in 9"]);
            let count = if self.rng.one_in(8) { self.number() } else { self.rng.text(&["1", "2"]) };
            let rule = format!("({key}): {count}{window}");
            match self.rng.one_in(3) {
                true => min.push(rule),
                false => max.push(rule),
            }
        }
        let relax = match made.entity {
            ITEM if max.iter().any(|rule| rule.starts_with("(kind)")) => ", relax=[kind]",
            _ => "",
        };
        made.then(&format!(".slate(max=[{}], min=[{}]{relax})", max.join(", "), min.join(", ")))
    }

    fn mmr(&mut self, made: Made) -> Made {
        let embedding = match made.entity {
            ACCT => "deep".to_owned(),
            _ => self.rng.text(&["clip", "towers"]),
        };
        let relevance = self.rng.text(&["0.0", "0.5", "0.7", "1.0"]);
        let first = self.rng.text(&["", ", first=1", ", first=3", ", first=all"]);
        made.then(&format!(".diversify_by(method=mmr({relevance}, embedding={embedding}{first}))"))
    }

    fn calibrate(&mut self) -> String {
        let history = self.rng.text(&[
            "",
            "history=user.walk(likes)",
            "history=user.walk(likes, limit=2)",
            "history=given(item, [])",
        ]);
        let strength = self.rng.text(&["", "strength=0.9", "strength=1.0", "strength=0.0"]);
        let first = self.rng.text(&["", "first=2", "first=all"]);
        let given: Vec<String> =
            [history, strength, first].into_iter().filter(|text| !text.is_empty()).collect();
        format!("calibrate({})", given.join(", "))
    }
}

impl Made {
    pub fn then(mut self, step: &str) -> Made {
        self.text += step;
        self
    }
}

/// The columns of two sets, each once.
pub fn union(mut a: Vec<(String, Ty)>, b: Vec<(String, Ty)>) -> Vec<(String, Ty)> {
    a.extend(b);
    a.sort_by(|x, y| x.0.cmp(&y.0));
    a.dedup();
    a
}

/// Whether a text has a name as a whole word.
fn mentions(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !word(c)).any(|part| part == name)
}
