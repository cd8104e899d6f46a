//! The versions of a declaration: which one a program reads, or why none.

use super::changes::changes;
use super::declaration::Declaration;
use crate::check::Checker;
use crate::check::modules::Kind as Declared;
use crate::diag::{Diagnostic, code};
use crate::expr::show::duration;
use crate::source::Span;
use crate::store::learned::{Attached, Found, Kind, Manifest, Role, is_of};
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
            let help = self.damaged(declared.kind, name).unwrap_or(help.to_owned());
            return self.refuse(Diagnostic::new(code::E0501, span, message).help(help));
        };
        let label = last.manifest.label();
        let message = format!("{word} `{label}` was trained from another declaration");
        let changed = match last.manifest.declaration == declared.text {
            true => "what it reads has changed: a value, a definition, an edge or a set".to_owned(),
            false => changes(&last.manifest.declaration, &declared.text),
        };
        let help = match changed.contains('\n') {
            true => format!("{changed}\n{help}"),
            false => format!("{changed}; {help}"),
        };
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

    /// What is wrong with a version of that name that cannot be read, and what to do.
    fn damaged(&self, kind: Kind, name: &str) -> Option<String> {
        let mut all = self.snapshot.damaged_versions().iter();
        let found = all.find(|error| is_of(&error.file, kind, name))?;
        let (file, message) = (found.file.display(), &found.message);
        let help = found.help.as_deref().unwrap_or("train it again with `igql train`");
        Some(format!("a version of it is damaged: `{file}` {message}; {help}"))
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
        let damaged = self.damaged(kind, name);
        if named.is_empty() && role.is_none() {
            let message = format!("{word} `{name}@{n}` is not trained");
            let train = || format!("declare `{word} {name} = ...` and train it: `igql train`");
            let help = damaged.unwrap_or_else(train);
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
        let there = (!numbers.is_empty()).then(|| format!("there are {}", numbers.join(", ")));
        let help = damaged.or(there);
        self.refuse(Diagnostic::new(code::E0507, span, message).maybe_help(help))
    }
}
