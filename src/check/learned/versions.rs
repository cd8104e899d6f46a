//! The versions of a declaration: which one a program reads, or why none.

use super::declaration::Declaration;
use crate::check::Checker;
use crate::check::modules::Kind as Declared;
use crate::diag::{Diagnostic, code};
use crate::expr::show::duration;
use crate::source::Span;
use crate::store::learned::{Attached, Found, Kind, Manifest, Role};
use crate::types::{EdgeId, EntityId};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

impl<'a> Checker<'a> {
    /// The newest version that was trained from a declaration; that there is none is reported where it is used.
    pub(super) fn trained(
        &mut self,
        declared: &Declaration,
        used_at: Option<Span>,
    ) -> Option<&'a Found> {
        let named: Vec<&Attached> = self.named(declared.kind, &declared.name).collect();
        let entities: Vec<&str> = declared.entities.iter().map(|e| self.entity_name(*e)).collect();
        let is_of = |a: &&&Attached| a.manifest.entities.iter().eq(entities.iter());
        let fits = |a: &&&Attached| a.manifest.declaration_hash == declared.hash && is_of(a);
        let newest = named.iter().filter(fits).max_by_key(|a| a.manifest.n).copied();
        match (newest, used_at.filter(|_| !self.trains)) {
            (Some(attached), span) => {
                if let Some(span) = span {
                    self.tell_age(declared, attached, span);
                }
                self.usable(attached, span)
            }
            (None, None) => None,
            (None, Some(span)) => self.untrained_declaration(declared, &named, span),
        }
    }

    /// Warns of a version that is older than its declaration wants.
    fn tell_age(&mut self, declared: &Declaration, attached: &Attached, span: Span) {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let age = (since_1970.as_micros() as i64).saturating_sub(attached.manifest.trained);
        // one that is assumed has no age
        let Some(most) =
            declared.max_age().filter(|most| age > *most && attached.version.is_some())
        else {
            return;
        };
        let unit = [86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000];
        let unit = unit.into_iter().find(|&unit| age >= 2 * unit).unwrap_or(1);
        let (label, age) = (attached.manifest.label(), duration(age / unit * unit));
        let message = format!("`{label}` is {age} old, and its `max_age` is {}", duration(most));
        let help = "train it anew with `igql train`";
        self.report(Diagnostic::new(code::W1401, span, message).help(help));
    }

    /// What a version holds, if it can be read.
    fn usable(&mut self, attached: &'a Attached, span: Option<Span>) -> Option<&'a Found> {
        let Found::Unusable(why) = &attached.found else {
            self.versions.insert(attached.manifest.label(), attached.manifest.until);
            return Some(&attached.found);
        };
        if let Some(span) = span {
            let message = format!("`{}` cannot be used: {why}", attached.manifest.label());
            let help = "train it again with `igql train`";
            self.report(Diagnostic::new(code::E0503, span, message).help(help));
        }
        None
    }

    fn named(&self, kind: Kind, name: &str) -> impl Iterator<Item = &'a Attached> + use<'a, '_> {
        let name = name.to_owned();
        let all = self.snapshot.versions().iter();
        all.filter(move |a| a.manifest.kind == kind && a.manifest.name == name)
    }

    fn untrained_declaration<T>(
        &mut self,
        declared: &Declaration,
        named: &[&Attached],
        span: Span,
    ) -> Option<T> {
        let (word, name) = (declared.kind.word(), &declared.name);
        let help = "train it: `igql train` with the file that declares it";
        let Some(last) = named.iter().max_by_key(|a| a.manifest.n) else {
            let message = format!("{word} `{name}` is not trained");
            return self.refuse(Diagnostic::new(code::E0501, span, message).help(help));
        };
        let label = last.manifest.label();
        let message = format!("{word} `{label}` was trained from another declaration");
        let changed = match last.manifest.declaration == declared.text {
            true => "what it reads has changed: a value, a definition, an edge or a set".to_owned(),
            false => changes(&last.manifest.declaration, &declared.text),
        };
        let help = format!("{changed}; {help}");
        self.refuse(Diagnostic::new(code::E0502, span, message).help(help))
    }

    /// `similar@3`: an edge that was learnt, by its number.
    pub(in crate::check) fn pinned_edge(
        &mut self,
        name: &str,
        n: i64,
        span: Span,
    ) -> Option<EdgeId> {
        match self.pinned(Kind::Edge, name, n, None, span)?.found {
            Found::Edge(edge) => Some(edge),
            Found::Embedding(_) | Found::Model { .. } | Found::Unusable(_) => None,
        }
    }

    /// `ig2vec@3`: an embedding of an entity.
    pub(in crate::check) fn pinned_embedding(
        &mut self,
        name: &str,
        n: i64,
        of: EntityId,
        span: Span,
    ) -> Option<u32> {
        match self.pinned(Kind::Embedding, name, n, Some(of), span)?.found {
            Found::Embedding(number) => Some(number),
            Found::Edge(_) | Found::Model { .. } | Found::Unusable(_) => None,
        }
    }

    /// Whether there are versions of that name, of any declaration.
    pub(in crate::check) fn has_versions(&self, kind: Kind, name: &str) -> bool {
        self.named(kind, name).next().is_some()
    }

    /// The version of that number.
    pub(in crate::check) fn pinned(
        &mut self,
        kind: Kind,
        name: &str,
        n: i64,
        of: Option<EntityId>,
        span: Span,
    ) -> Option<&'a Attached> {
        let of = of.map(|entity| self.entity_name(entity));
        let is_of = |a: &&Attached| of.is_none_or(|of| a.manifest.entities.iter().any(|e| e == of));
        // what is assumed to be trained has no number yet
        let is_numbered = |a: &&Attached| is_of(a) && a.manifest.n > 0;
        let named: Vec<&Attached> = self.named(kind, name).filter(is_numbered).collect();
        let found = named.iter().find(|a| i64::try_from(a.manifest.n) == Ok(n));
        let Some(attached) = found else {
            let is_to_come = |a: &&Attached| i64::try_from(a.manifest.n).is_ok_and(|own| own < n);
            if self.trains && self.is_declared(kind, name) && named.iter().all(is_to_come) {
                // it may be the one that is trained next
                return None;
            }
            return self.no_such_version((kind, name, n), of, &named, span);
        };
        self.usable(attached, Some(span))?;
        self.notes.pinned.insert(format!("{} {name}@{n}", kind.word()));
        Some(attached)
    }

    /// Whether a file of the program declares something of that name.
    fn is_declared(&self, kind: Kind, name: &str) -> bool {
        let kind = match kind {
            Kind::Edge => Declared::Edge,
            Kind::Embedding => Declared::Embedding,
            Kind::Model => Declared::Model,
        };
        self.modules.all.iter().any(|module| module.find(kind, name).next().is_some())
    }

    fn no_such_version<T>(
        &mut self,
        (kind, name, n): (Kind, &str, i64),
        of: Option<&str>,
        named: &[&Attached],
        span: Span,
    ) -> Option<T> {
        let others = self.snapshot.other_versions().iter();
        let mut others = others.filter(|m| m.kind == kind && m.name == name);
        let is_it = |m: &&Arc<Manifest>| {
            let is_of = of.is_none_or(|of| m.entities.iter().any(|e| e == of));
            is_of && i64::try_from(m.n) == Ok(n)
        };
        let role = others.find(is_it).map(|manifest| manifest.role);
        if self.trains && role == Some(Role::Serve) {
            // what is read with versions of the past is read with those that are served as well
            return None;
        }
        let word = kind.word();
        if named.is_empty() && role.is_none() {
            let message = format!("{word} `{name}@{n}` is not trained");
            let help = format!("declare `{word} {name} = ...` and train it: `igql train`");
            return self.refuse(Diagnostic::new(code::E0501, span, message).help(help));
        }
        let message = match role {
            Some(Role::Slice) => format!("only examples of the past read version {n} of `{name}`"),
            Some(Role::Backtest) => {
                format!("only replays of the past read version {n} of `{name}`")
            }
            Some(Role::Serve) | None => format!("there is no version {n} of `{name}`"),
        };
        let numbers: Vec<String> = named.iter().map(|a| a.manifest.label()).collect();
        let help = (!numbers.is_empty()).then(|| format!("there are {}", numbers.join(", ")));
        self.refuse(Diagnostic::new(code::E0507, span, message).maybe_help(help))
    }
}

/// What two texts of a declaration have that differs: `k=100` became `k=200`.
fn changes(was: &str, is: &str) -> String {
    let (was, is) = (arguments(was), arguments(is));
    let gone: Vec<&str> = was.iter().filter(|arg| !is.contains(arg)).copied().collect();
    let new: Vec<&str> = is.iter().filter(|arg| !was.contains(arg)).copied().collect();
    match gone.len() == new.len() && !gone.is_empty() {
        true => {
            let pairs = gone.iter().zip(&new);
            let pairs: Vec<String> = pairs.map(|(a, b)| format!("`{a}` is now `{b}`")).collect();
            pairs.join(", ")
        }
        false => format!("`{}` is now `{}`", was.join(", "), is.join(", ")),
    }
}

/// The learner, and its arguments, at commas that no bracket and no string holds.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut start) = (0, false, 0);
    let mut found = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' if depth == 0 => {
                found.push(&text[..at]);
                (depth, start) = (1, at + 1);
            }
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ',' if depth == 1 => {
                found.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(text[start..].trim().trim_end_matches(')'));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told() {
        let (was, is) = (
            "itemknn(edge=(likes where f(a, b)), k=100)",
            "itemknn(edge=(likes where f(a, b)), k=200)",
        );
        assert_eq!(changes(was, is), "`k=100` is now `k=200`");
        let other = "ease(edge=likes, k=1, l2=2.0)";
        assert_eq!(
            changes("ease(edge=likes, k=1)", other),
            "`ease, edge=likes, k=1` is now `ease, edge=likes, k=1, l2=2.0`"
        );
    }
}
