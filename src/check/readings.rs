//! What has been read already, and how much may be read.
//!
//! Definitions, values and bindings are read where they are used, with the types there. Those that use
//! each other twice would be read twice as often at each step, so each is read once for each way in
//! which it can be: its parameters, the rows that it is about, its role. Another use gets the same
//! expression or node. The numbers of `auto`s depend on the calls that lead to them as well: a
//! reading serves another call only if the planner has said the same numbers there.
//!
//! What still grows at each step (arguments that differ each time) meets a limit, and a program that
//! leads too deep another: both are one error (E0603).

use super::env::{Env, Local, Scope};
use super::pushdown::Calls;
use super::state::address;
use super::{Checker, Place, bare_name};
use crate::deep::recurse;
use crate::diag::{Diagnostic, code};
use crate::expr::{EdgeExpr, Expr, KeyWriter, NodeId};
use crate::ops::Role;
use crate::source::Span;
use crate::syntax::ast;
use foldhash::HashMap;
use std::hash::Hash;

/// Expressions that are being read at one time: within each other, through all names that lead on.
const MOST_OPEN: u32 = 5_000;
/// Parts of a typed expression within each other.
const MOST_DEEP: u32 = 2_000;
/// Definitions with no more fan-outs of their own are read for each call, because a fan-out tells its
/// calls apart (see `pushdown`).
const MOST_OWN: usize = 64;
/// Edges that one is made of, and aggregates over links in its conditions.
const MOST_EDGES: usize = 256;
/// Operators of the graph.
const MOST_NODES: usize = 10_000;
/// Expressions that are read, whatever the length of the program; and more for each of its bytes.
const MOST_READ: usize = 200_000;
const READ_PER_BYTE: usize = 4;

/// The readings of one check.
#[derive(Default)]
pub(super) struct Readings<'a> {
    values: HashMap<u128, (Expr, Kept<'a>)>,
    sets: HashMap<u128, Vec<SetReading<'a>>>,
    edges: HashMap<usize, Option<EdgeExpr>>,
    /// Names of edges that were the catalog's because their own declaration was being read.
    own_names: Vec<String>,
    /// What `propensity` is at the nodes where chance enters.
    pub(super) chances: HashMap<NodeId, Expr>,
    /// `auto`s with the numbers they were read with, where the planner has said some.
    autos: Vec<(Place, u64)>,
    writer: KeyWriter,
    read: usize,
    deep: u32,
    /// Whether a limit has been reported: then nothing more is read.
    pub(super) exhausted: bool,
}

/// Names that a key holds the address of: kept, so that the address stays theirs.
type Kept<'a> = Vec<Env<'a>>;

/// A definition that gave a set.
struct SetReading<'a> {
    node: Option<NodeId>,
    /// The calls that led to it, and the `auto`s behind them.
    calls: Vec<Span>,
    autos: Vec<(Place, u64)>,
    /// The fan-outs that it is drawn from, and how many of them are others under other calls.
    drawn: Calls,
    own: usize,
    _kept: Kept<'a>,
}

/// What a reading is known by.
pub(super) struct Key<'a> {
    hash: u128,
    kept: Kept<'a>,
}

impl<'a> Checker<'a> {
    /// The key of a binding that is read in some rows: names are those of the place where it stands.
    pub(super) fn binding_key(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Key<'a> {
        let mut writer = self.start_key(address(expr));
        (env.identity(), scope).hash(&mut writer);
        self.finish_key(writer, vec![env.clone()])
    }

    /// The key of a definition whose parameters are bound in `env`. `scope` are the rows that it is
    /// about; none if it gives a set.
    pub(super) fn call_key(
        &mut self,
        body: &'a ast::Expr,
        params: &'a [ast::Param],
        env: &Env<'a>,
        role: Role,
        scope: Option<&Scope<'_>>,
    ) -> Key<'a> {
        let mut writer = self.start_key(address(body));
        let mut kept = Vec::new();
        (role, scope).hash(&mut writer);
        for param in params {
            let Some(local) = env.find(&param.name.text).cloned() else {
                continue;
            };
            self.describe(&local, role, &mut writer, &mut kept);
        }
        self.finish_key(writer, kept)
    }

    fn start_key(&mut self, body: usize) -> KeyWriter {
        let mut writer = std::mem::take(&mut self.readings.writer);
        (body, self.here.testing, self.here.as_written).hash(&mut writer);
        writer
    }

    fn finish_key(&mut self, mut writer: KeyWriter, kept: Kept<'a>) -> Key<'a> {
        let hash = writer.take();
        self.readings.writer = writer;
        Key { hash, kept }
    }

    /// What an argument is, whatever it is called. Sets are their nodes: those that are equal as
    /// sources are equal as facts, too.
    fn describe(&mut self, local: &Local<'a>, role: Role, to: &mut KeyWriter, kept: &mut Kept<'a>) {
        std::mem::discriminant(local).hash(to);
        match local {
            Local::Scalar(expr) => expr.hash(to),
            Local::Edge(edge) => edge.hash(to),
            Local::Auto(number) => number.hash(to),
            Local::Embedding(number) => number.hash(to),
            Local::Node(node) => node.hash(to),
            Local::Thunk { expr, env, checked: true } => self.set(expr, env, role).hash(to),
            Local::Model { name, env } => self.describe_model(name, env, to, kept),
            Local::Thunk { expr, env, checked: false } => place(expr, env, to, kept),
            Local::All | Local::Candidates | Local::Error => {}
        }
    }

    /// A model by the name that was given first, through the parameters it was handed on by.
    fn describe_model(
        &mut self,
        name: &'a ast::Expr,
        env: &Env<'a>,
        to: &mut KeyWriter,
        kept: &mut Kept<'a>,
    ) {
        match bare_name(name).map(|text| (text, env.find(text))) {
            Some((_, Some(Local::Model { name, env }))) => self.describe_model(name, env, to, kept),
            Some((text, None)) => (env.module, text).hash(to),
            _ => place(name, env, to, kept),
        }
    }

    /// The value of a key, read now if it was not before.
    pub(super) fn read_value(
        &mut self,
        key: Key<'a>,
        read: impl FnOnce(&mut Self) -> Expr,
    ) -> Expr {
        if let Some((known, _)) = self.readings.values.get(&key.hash) {
            return known.clone();
        }
        let found = read(self);
        if !self.readings.exhausted {
            let entry = (found.clone(), key.kept);
            self.readings.values.insert(key.hash, entry);
        }
        found
    }

    /// The set of a key, read now if it was not before under calls with the same numbers.
    pub(super) fn read_set(
        &mut self,
        key: Key<'a>,
        env: &Env<'a>,
        read: impl FnOnce(&mut Self) -> Option<NodeId>,
    ) -> Option<NodeId> {
        let calls: Vec<Span> = env.sites().collect();
        if let Some(known) = self.known_set(key.hash, &calls) {
            return known;
        }
        let first = self.readings.autos.len();
        let (node, drawn) = self.drawing(read);
        let own = self.behind(&drawn, &calls);
        let reading = SetReading {
            node,
            drawn,
            own,
            calls,
            autos: self.readings.autos[first..].to_vec(),
            _kept: key.kept,
        };
        self.readings.sets.entry(key.hash).or_default().push(reading);
        node
    }

    fn known_set(&mut self, hash: u128, calls: &[Span]) -> Option<Option<NodeId>> {
        let readings = self.readings.sets.get(&hash)?;
        let found = readings.iter().find_map(|reading| {
            // each call of a fan-out is one of its own, where there are not very many
            if reading.calls != calls && (1..=MOST_OWN).contains(&reading.own) {
                return None;
            }
            let mut here = Vec::new();
            for (place, number) in &reading.autos {
                // what does not depend on the call is the same
                let Some(inner) = place.calls.strip_suffix(&reading.calls[..]) else {
                    continue;
                };
                let place = Place { calls: [inner, calls].concat(), ..place.clone() };
                match self.autos.numbers.get(&place) {
                    Some(said) if said != number => return None,
                    Some(_) => here.push((place, *number)),
                    None => {}
                }
            }
            Some((reading.node, here, reading.drawn.clone()))
        });
        let (node, autos, drawn) = found?;
        self.readings.autos.extend(autos);
        self.draws_same(&drawn);
        Some(node)
    }

    /// Notes an `auto` that is read, for the readings that it is part of.
    pub(super) fn note_auto(&mut self, place: &Place, number: u64) {
        if !self.autos.numbers.is_empty() {
            self.readings.autos.push((place.clone(), number));
        }
    }

    /// What a declared edge is, read now if it was not before. One whose declaration leads back to an
    /// edge that is being read is read anew the next time, because the name means something else then.
    pub(super) fn read_edge(
        &mut self,
        decl: &'a ast::EdgeDecl,
        read: impl FnOnce(&mut Self) -> Option<EdgeExpr>,
    ) -> Option<EdgeExpr> {
        let address = address(decl);
        if let Some(known) = self.readings.edges.get(&address) {
            return known.clone();
        }
        let before = std::mem::take(&mut self.readings.own_names);
        let found = read(self);
        let mut own = std::mem::replace(&mut self.readings.own_names, before);
        own.retain(|name| *name != decl.name.text);
        if own.is_empty() {
            self.readings.edges.insert(address, found.clone());
        }
        self.readings.own_names.extend(own);
        found
    }

    /// Notes that the name of an edge that is being read was taken for the catalog's.
    pub(super) fn note_own_name(&mut self, name: &str) {
        self.readings.own_names.push(name.to_owned());
    }

    /// Reads something one level further in; nothing if a limit is hit.
    pub(super) fn deeper<R>(
        &mut self,
        span: Span,
        read: impl FnOnce(&mut Self) -> Option<R>,
    ) -> Option<R> {
        self.readings.read += 1;
        if self.readings.exhausted || !self.has_room(span) {
            return None;
        }
        self.readings.deep += 1;
        let found = recurse(|| read(self));
        self.readings.deep -= 1;
        found
    }

    fn has_room(&mut self, span: Span) -> bool {
        if self.readings.deep >= MOST_OPEN {
            let message = format!("definitions are nested more than {MOST_OPEN} levels deep");
            self.give_up(span, message);
        } else if self.graph.len() > MOST_NODES {
            let message = format!("the program has more than {MOST_NODES} operators");
            self.give_up(span, message);
        } else if self.readings.read > MOST_READ {
            // the length is asked for late: most programs never come here
            let most = MOST_READ + READ_PER_BYTE * self.modules.length();
            if self.readings.read > most {
                let message = format!("the program has more than {most} expressions");
                self.give_up(span, message);
            }
        }
        !self.readings.exhausted
    }

    /// An edge that is not made of too many others.
    pub(super) fn not_too_large(&mut self, edge: EdgeExpr, span: Span) -> Option<EdgeExpr> {
        if edge.size() <= MOST_EDGES {
            return Some(edge);
        }
        if !self.readings.exhausted {
            let message = format!("the edge is composed of more than {MOST_EDGES} others");
            self.give_up(span, message);
        }
        None
    }

    /// An expression that is not too deep for what comes after the checker.
    pub(super) fn not_too_deep(&mut self, expr: Expr, span: Span) -> Expr {
        if expr.depth() <= MOST_DEEP {
            return expr;
        }
        if !self.readings.exhausted {
            let message = format!("the expression is nested more than {MOST_DEEP} levels deep");
            self.give_up(span, message);
        }
        Expr::error()
    }

    fn give_up(&mut self, span: Span, message: String) {
        let help = "a definition that is used twice with different arguments doubles what it \
                    uses: compute it once and name it, or bind it to a column with `let`";
        self.report(Diagnostic::new(code::E0603, span, message).help(help));
        self.readings.exhausted = true;
    }
}

/// Where an expression stands, and with which names.
fn place<'a>(expr: &ast::Expr, env: &Env<'a>, to: &mut KeyWriter, kept: &mut Kept<'a>) {
    kept.push(env.clone());
    (address(expr), env.identity()).hash(to);
}
