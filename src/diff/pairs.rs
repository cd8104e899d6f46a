//! Which operator of one program is which of another.
//!
//! Lists are matched first. Then operators: those of one class are equal, with all that leads to them. What is left is
//! looked at from the results down, first for the same operator with the same arguments, then for the same operator with
//! others that stands in the same place. The rest was removed, or added.

use super::forms::Forms;
use crate::expr::{KeyWriter, NodeId};
use foldhash::HashMap;

/// The lists and operators of two programs.
pub struct Pairs<'a> {
    pub old: &'a Forms<'a>,
    pub new: &'a Forms<'a>,
    /// The places of lists among the results.
    pub lists: Vec<(usize, usize)>,
    /// Of one class.
    pub equal: Vec<(NodeId, NodeId)>,
    /// Of two classes.
    pub others: Vec<(NodeId, NodeId)>,
    pub removed: Vec<NodeId>,
    pub added: Vec<NodeId>,
    of_old: HashMap<NodeId, NodeId>,
    of_new: HashMap<NodeId, NodeId>,
}

impl<'a> Pairs<'a> {
    pub fn new(old: &'a Forms<'a>, new: &'a Forms<'a>) -> Pairs<'a> {
        let mut pairs = Pairs {
            old,
            new,
            lists: lists(old, new),
            equal: Vec::new(),
            others: Vec::new(),
            removed: Vec::new(),
            added: Vec::new(),
            of_old: HashMap::default(),
            of_new: HashMap::default(),
        };
        let (removed, added) = pairs.of_one_class();
        pairs.match_rest(removed, added);
        pairs
    }

    /// The operator of the new program that an old one has become.
    pub fn of_old(&self, id: NodeId) -> Option<NodeId> {
        self.of_old.get(&id).copied()
    }

    fn put(&mut self, old: NodeId, new: NodeId) {
        self.of_old.insert(old, new);
        self.of_new.insert(new, old);
    }

    /// Matches operators of one class; gives the others.
    fn of_one_class(&mut self) -> (Vec<NodeId>, Vec<NodeId>) {
        let (old, new) = (by_class(self.old), by_class(self.new));
        for &id in self.old.running.iter().filter(|id| !self.old.get(**id).only_binds) {
            let class = self.old.get(id).class;
            let (Some(others), place) = (new.get(&class), place(&old[&class], id)) else {
                continue;
            };
            // several of one class differ in names alone
            let other = others[place.min(others.len() - 1)];
            self.equal.push((id, other));
            self.of_old.insert(id, other);
            self.of_new.entry(other).or_insert(id);
        }
        let rest = |forms: &Forms, known: &HashMap<u128, Vec<NodeId>>| {
            let is_left = |id: &&NodeId| {
                let form = forms.get(**id);
                form.only_binds || !known.contains_key(&form.class)
            };
            forms.running.iter().rev().filter(is_left).copied().collect::<Vec<_>>()
        };
        (rest(self.old, &new), rest(self.new, &old))
    }

    /// Matches what is left, the results first.
    fn match_rest(&mut self, mut removed: Vec<NodeId>, mut added: Vec<NodeId>) {
        let above = (readers(self.old), readers(self.new));
        for step in [Step::Content, Step::Named, Step::Place] {
            let mut free: HashMap<u128, Vec<NodeId>> = HashMap::default();
            for &id in &added {
                free.entry(step.key(self.new, id)).or_default().push(id);
            }
            removed.retain(|&old| {
                let Some(fitting) = free.get_mut(&step.key(self.old, old)) else { return true };
                let fits = fitting.iter().enumerate().filter_map(|(place, &new)| {
                    let near = self.nearness(&above, old, new);
                    (step != Step::Place || near > 0).then_some((near, place))
                });
                // the first of the nearest
                let best = fits.max_by_key(|(near, place)| (*near, std::cmp::Reverse(*place)));
                let Some((_, place)) = best else { return true };
                let new = fitting.remove(place);
                self.put(old, new);
                self.others.push((old, new));
                false
            });
            added.retain(|id| !self.of_new.contains_key(id));
        }
        removed.reverse();
        added.reverse();
        self.others.sort_unstable();
        (self.removed, self.added) = (removed, added);
    }

    /// How much of what is around two operators is matched.
    fn nearness(&self, (above, above_new): &(Readers, Readers), old: NodeId, new: NodeId) -> u32 {
        let is_list =
            self.lists.iter().any(|&(x, y)| self.old.list(x) == old && self.new.list(y) == new);
        let direct = |forms: &Forms, id: NodeId| {
            let source = forms.node(id).sources().next();
            source.map(|source| forms.past(source))
        };
        let over = direct(self.old, old).and_then(|source| self.of_old(source));
        let is_over = over.is_some() && over == direct(self.new, new);
        let below = self.source(old).is_some_and(|source| {
            let partner = self.of_old(source);
            partner.is_some() && partner == self.source_of_new(new)
        });
        let readers = above.get(&old).into_iter().flatten();
        let mut partners = readers.filter_map(|reader| self.of_old(*reader));
        let others = above_new.get(&new).map_or(&[][..], Vec::as_slice);
        let is_read = partners.any(|partner| others.contains(&partner));
        4 * u32::from(is_list) + 2 * u32::from(is_read) + 2 * u32::from(below) + u32::from(is_over)
    }

    /// The sets that two operators read, where those of one are not those of the other. Where something was removed or
    /// added between, that says it already.
    pub fn inputs(&self, old: NodeId, new: NodeId) -> Option<(Vec<NodeId>, Vec<NodeId>)> {
        let was: Vec<NodeId> = sets(self.old, old);
        let is: Vec<NodeId> = sets(self.new, new);
        let partners = was.iter().map(|id| self.of_old(*id));
        let known = is.iter().map(|id| self.of_new.contains_key(id).then_some(*id));
        let (mut partners, mut known): (Vec<_>, Vec<_>) = (partners.collect(), known.collect());
        if partners.len() != known.len() {
            partners.retain(Option::is_some);
            known.retain(Option::is_some);
        }
        let is_other = |(a, b): (&Option<NodeId>, &Option<NodeId>)| {
            a.zip(*b).is_some_and(|(a, b)| !self.is_one(a, b))
        };
        let differ = partners.len() != known.len() || partners.iter().zip(&known).any(is_other);
        differ.then_some((was, is))
    }

    /// Whether two operators of the new program differ in names alone.
    fn is_one(&self, a: NodeId, b: NodeId) -> bool {
        a == b || self.new.get(a).class == self.new.get(b).class
    }

    /// The nearest operator on the way to the rows of one that is matched, as far as there is one way.
    fn source(&self, id: NodeId) -> Option<NodeId> {
        nearest(self.old, id, |source| self.of_old.contains_key(&source))
    }

    fn source_of_new(&self, id: NodeId) -> Option<NodeId> {
        nearest(self.new, id, |source| self.of_new.contains_key(&source))
    }
}

/// The sets that an operator reads, of all kinds, without the columns that are bound on the way.
fn sets(forms: &Forms, id: NodeId) -> Vec<NodeId> {
    let node = forms.node(id);
    let needs = node.needs().iter().copied().chain(node.op.nested());
    needs.map(|id| forms.rows_of(id)).collect()
}

/// What is asked of a pair.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    /// The same arguments.
    Content,
    /// The same but for what the columns they read are made of.
    Named,
    /// The same place: under the same operator, over the same, or the same list.
    Place,
}

impl Step {
    /// What the operators of a pair have in common.
    fn key(self, forms: &Forms, id: NodeId) -> u128 {
        let form = forms.get(id);
        match self {
            Step::Content => form.content,
            Step::Named => form.named,
            Step::Place => KeyWriter::key_of(&(forms.node(id).op.name(), form.only_binds)),
        }
    }
}

/// Who reads the rows of each operator.
type Readers = HashMap<NodeId, Vec<NodeId>>;

fn readers(forms: &Forms) -> Readers {
    let mut readers = Readers::default();
    for &id in &forms.running {
        let node = forms.node(id);
        for need in node.needs().iter().copied().chain(node.op.nested()) {
            readers.entry(forms.past(need)).or_default().push(id);
        }
    }
    readers
}

fn nearest(forms: &Forms, id: NodeId, is_known: impl Fn(NodeId) -> bool) -> Option<NodeId> {
    let mut at = id;
    loop {
        let mut sources = forms.node(at).sources();
        let source = sources.next()?;
        if is_known(source) {
            return Some(source);
        }
        if sources.next().is_some() {
            return None;
        }
        at = source;
    }
}

fn by_class(forms: &Forms) -> HashMap<u128, Vec<NodeId>> {
    let mut found: HashMap<u128, Vec<NodeId>> = HashMap::default();
    for &id in forms.running.iter().filter(|id| !forms.get(**id).only_binds) {
        found.entry(forms.get(id).class).or_default().push(id);
    }
    found
}

fn place(nodes: &[NodeId], id: NodeId) -> usize {
    nodes.iter().position(|other| *other == id).unwrap_or(0)
}

/// Lists of one name are one, then those of one class, then those of one entity in their order.
fn lists(old: &Forms, new: &Forms) -> Vec<(usize, usize)> {
    let (old_lists, new_lists) = (&old.checked.results, &new.checked.results);
    let (old_classes, new_classes) = (old.results(), new.results());
    let entity = |forms: &Forms, id: NodeId| forms.node(id).shape.entity;
    let mut found: Vec<(usize, usize)> = Vec::new();
    let steps: [&dyn Fn(usize, usize) -> bool; 3] = [
        &|a, b| old_lists[a].0 == new_lists[b].0,
        &|a, b| old_classes[a] == new_classes[b],
        &|a, b| entity(old, old_lists[a].1) == entity(new, new_lists[b].1),
    ];
    for step in steps {
        for a in 0..old_lists.len() {
            let is_free = |b: &usize| found.iter().all(|(x, y)| *x != a && y != b);
            if let Some(b) = (0..new_lists.len()).find(|b| is_free(b) && step(a, *b)) {
                found.push((a, b));
            }
        }
    }
    found.sort_unstable();
    found
}
