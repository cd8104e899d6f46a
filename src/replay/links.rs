//! What users did: the links of truth edges, by user and time.

use super::{ReplayError, Spot};
use crate::engine::{Engine, Program, UserEdge};
use crate::expr::ir::Kind;
use crate::stream::in_order;
use crate::types::{EntityId, NULL_INT};
use std::ops::Range;

/// Users whose links are gathered together.
const USERS: usize = 256;

/// One link of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Microseconds since 1970; [`NULL_INT`] if it has none.
    pub time: i64,
    /// The row that it leads to.
    pub to: u32,
    /// The number of its edge, in the order in which they are named.
    pub edge: u8,
}

/// The links of some users, each user's by time; those without a time come first.
#[derive(Debug, Default)]
pub struct UserLinks {
    offsets: Vec<usize>,
    links: Vec<Link>,
}

/// An edge whose links are looked at, and its number.
pub struct Asked {
    pub edge: UserEdge,
    pub number: u8,
}

impl UserLinks {
    /// The links of edges from users, as a request at `now` sees them.
    pub fn gather(
        engine: &Engine,
        edges: &[Asked],
        users: &[u32],
        now: i64,
    ) -> Result<UserLinks, ReplayError> {
        let viewer = engine.schema().viewer;
        let parts: Vec<&[u32]> = users.chunks(USERS).collect();
        let mut all = UserLinks { offsets: vec![0], links: Vec::new() };
        let of_part = |part: &&[u32]| {
            let keys: Vec<_> = part.iter().map(|&row| engine.snapshot().key(viewer, row)).collect();
            let mut by_user = vec![Vec::new(); keys.len()];
            for Asked { edge, number } in edges {
                let links = engine.links_of(edge, &keys, now)?;
                for place in 0..links.len() {
                    let time = links.time.get(place).copied().unwrap_or(NULL_INT);
                    let link = Link { time, to: links.to[place], edge: *number };
                    by_user[links.parent[place] as usize].push(link);
                }
            }
            by_user.iter_mut().for_each(|links| links.sort_unstable());
            Ok::<_, ReplayError>(by_user)
        };
        in_order(&parts, of_part, |by_user| {
            for links in by_user {
                all.links.extend(links);
                all.offsets.push(all.links.len());
            }
            Ok(())
        })?;
        Ok(all)
    }

    /// The links of the user at a place, by time.
    pub fn of(&self, user: usize) -> &[Link] {
        &self.links[self.offsets[user]..self.offsets[user + 1]]
    }

    /// How many users there are.
    pub fn users(&self) -> usize {
        self.offsets.len() - 1
    }
}

/// The places of links with times in (`after`, `until`].
pub fn between(links: &[Link], after: i64, until: i64) -> Range<usize> {
    let start = links.partition_point(|link| link.time <= after);
    let end = links.partition_point(|link| link.time <= until);
    start..end.max(start)
}

/// An edge from the viewer to `entity`, whose links have times if they have to.
///
/// # Errors
/// If there is no such edge, it leads elsewhere, has no times, or depends on when it is looked at.
pub fn edge_to(
    engine: &Engine,
    program: &Program,
    name: &str,
    entity: EntityId,
    timed: bool,
) -> Result<UserEdge, ReplayError> {
    let found = engine.user_edge(program, name).map_err(|error| {
        let first = error.diagnostics.first();
        let message = first.map_or_else(String::new, |d| match &d.help {
            Some(help) => format!("{}\nhelp: {help}", d.message),
            None => d.message.clone(),
        });
        ReplayError::Usage(Spot::Edge(name.to_owned()), message)
    })?;
    let wrong = |message: String| Err(ReplayError::Usage(Spot::Edge(name.to_owned()), message));
    let schema = engine.schema();
    let edge = &found.edge;
    if edge.to != entity {
        let (to, want) = (&schema.entity(edge.to).name, &schema.entity(entity).name);
        let others = schema.tables().filter(|e| e.from == schema.viewer && e.to == entity);
        let others: Vec<&str> = others.map(|e| e.name.as_str()).collect();
        let help = match others.is_empty() {
            true => String::new(),
            false => format!("\nhelp: edges to `{want}` are {}", others.join(", ")),
        };
        return wrong(format!("it leads to `{to}`, but the program returns `{want}`{help}"));
    }
    if timed && !edge.has_time {
        let help = "`--holdout` takes a table of what to find, without times";
        return wrong(format!("its links have no times\nhelp: {help}"));
    }
    let mut reads_now = false;
    edge.walk(&mut |part| reads_now |= matches!(part.kind, Kind::Now));
    if reads_now {
        return wrong("its condition reads `now`, so it is another edge at every time".to_owned());
    }
    Ok(found)
}
