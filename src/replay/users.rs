//! Whose requests are made, and when.

use super::links::UserLinks;
use super::logged::Logged;
use super::truth::TestSet;
use super::when::{self, At};
use super::{Replay, ReplayError, Spot, When, Who};
use crate::catalog::schema::Schema;
use crate::engine::Engine;
use crate::expr::random::Hasher;
use crate::request::Request;
use crate::types::{EntityId, Key};
use foldhash::HashMap;

/// The users of a replay, by place, and its requests.
pub struct Plan {
    /// The rows of users, in the order of their table.
    pub users: Vec<u32>,
    /// By time, then by user.
    pub requests: Vec<At>,
    /// What requests say beside user and time, where it differs, in their order.
    given: Vec<Request>,
    /// Where each of them stands among those that are given.
    pub places: Vec<usize>,
    pub test_set: Option<TestSet>,
    pub warnings: Vec<String>,
}

impl Plan {
    /// Without requests: those that follow from links are made when these are there.
    pub fn of(engine: &Engine, replay: &Replay, entity: EntityId) -> Result<Plan, ReplayError> {
        match &replay.when {
            When::Times { from, to, .. } if from >= to => {
                let message = "there is no time between the first and the last".to_owned();
                Err(ReplayError::Usage(Spot::Requests, message))
            }
            When::Times { .. } => Ok(Plan::with_users(users(engine, &replay.who)?)),
            When::TestSet(pairs) => Plan::of_test_set(engine, replay, pairs, entity),
            When::Given(requests) => Plan::of_given(engine, requests.iter()),
            When::Logged(logged) => Plan::of_given(engine, logged.iter().map(|l| &l.request)),
        }
    }

    fn with_users(users: Vec<u32>) -> Plan {
        Plan {
            users,
            requests: Vec::new(),
            given: Vec::new(),
            places: Vec::new(),
            test_set: None,
            warnings: Vec::new(),
        }
    }

    fn of_test_set(
        engine: &Engine,
        replay: &Replay,
        pairs: &[(Key, Key)],
        entity: EntityId,
    ) -> Result<Plan, ReplayError> {
        let among = match &replay.who {
            Who::All => None,
            who => Some(users(engine, who)?),
        };
        let mut sorted = Sorted::default();
        sorted.add(engine, pairs, entity, among.as_deref());
        let mut users: Vec<u32> = sorted.sets.keys().copied().collect();
        users.sort_unstable();
        if users.is_empty() {
            let message = match sorted.no_user.first() {
                Some(key) => format!("the catalog has none of its users, such as `{key}`"),
                None if !pairs.is_empty() => {
                    "it has none of the users that are asked for".to_owned()
                }
                None => "it has no rows".to_owned(),
            };
            return Err(ReplayError::Usage(Spot::TestSet, message));
        }
        if let Some(key) = sorted.no_item.first()
            && sorted.sets.values().all(|(rows, _)| rows.is_empty())
        {
            let name = &engine.schema().entity(entity).name;
            let message = format!("the catalog has no `{name}` of it, such as `{key}`");
            return Err(ReplayError::Usage(Spot::TestSet, message));
        }
        let mut plan = Plan::with_users(users);
        let now = engine.now();
        let of_user = |user| At { time: now, user };
        plan.requests = (0..plan.users.len() as u32).map(of_user).collect();
        plan.warnings = sorted.warnings(engine.schema(), entity);
        let mut set = TestSet::default();
        for user in &plan.users {
            let (mut rows, unknown) = sorted.sets.remove(user).unwrap_or_default();
            rows.sort_unstable();
            rows.dedup();
            set.rows.push(rows);
            set.unknown.push(unknown);
        }
        plan.test_set = Some(set);
        Ok(plan)
    }

    fn of_given<'r>(
        engine: &Engine,
        requests: impl ExactSizeIterator<Item = &'r Request>,
    ) -> Result<Plan, ReplayError> {
        let (snapshot, schema) = (engine.snapshot(), engine.schema());
        let (now, mut unknown, mut nobody) = (engine.now(), Vec::new(), 0);
        let mut known: Vec<(i64, u32, usize, &Request)> = Vec::with_capacity(requests.len());
        for (place, request) in requests.enumerate() {
            let row = request.user.as_ref().and_then(|user| snapshot.row_of(schema.viewer, user));
            match row {
                Some(row) => known.push((request.at.unwrap_or(now), row, place, request)),
                None if request.user.is_none() => nobody += 1,
                None => unknown.extend(&request.user),
            }
        }
        known.sort_by_key(|(time, row, ..)| (*time, *row));
        let mut users: Vec<u32> = known.iter().map(|(_, row, ..)| *row).collect();
        users.sort_unstable();
        users.dedup();
        if users.is_empty() {
            let message = match unknown.first() {
                Some(key) => format!("the catalog has none of their users, such as `{key}`"),
                None => "requests to make: there are none".to_owned(),
            };
            return Err(ReplayError::Usage(Spot::Requests, message));
        }
        let mut plan = Plan::with_users(users);
        for (time, row, place, request) in known {
            let user = plan.users.binary_search(&row).unwrap_or(0) as u32;
            plan.requests.push(At { time, user });
            plan.given.push(request.clone());
            plan.places.push(place);
        }
        if nobody > 0 {
            plan.warnings.push(format!("{nobody} requests have no user: they are left out"));
        }
        if let Some(first) = unknown.first() {
            let n = unknown.len();
            plan.warnings.push(format!(
                "{n} requests are of users that the catalog does not have, such as `{first}`: they are left out"
            ));
        }
        Ok(plan)
    }

    /// The requests of a log, in the order in which they are made.
    pub fn logged<'r>(&'r self, replay: &'r Replay) -> impl Iterator<Item = &'r Logged> {
        self.places.iter().filter_map(|&place| replay.when.logged().get(place))
    }

    /// The last time of a request; none without any.
    pub fn last(&self) -> Option<i64> {
        self.requests.last().map(|at| at.time)
    }

    /// Makes the requests that follow from links.
    pub fn follow(&mut self, replay: &Replay, links: &UserLinks) -> Result<(), ReplayError> {
        let When::Times { from, to, every } = replay.when else { return Ok(()) };
        self.requests = when::requests(links, every, from, to, replay.horizon);
        match self.requests.is_empty() {
            false => Ok(()),
            true => {
                let message = "no user has truth between these times".to_owned();
                Err(ReplayError::Usage(Spot::Requests, message))
            }
        }
    }

    /// The request at a place.
    pub fn request(&self, engine: &Engine, base: &Request, place: usize) -> Request {
        let At { time, user } = self.requests[place];
        let user = engine.snapshot().key(engine.schema().viewer, self.users[user as usize]);
        let own = self.given.get(place).unwrap_or(base);
        Request { user: Some(user), at: Some(time), ..own.clone() }
    }
}

/// The pairs of a test set by user, and what the catalog does not have.
#[derive(Default)]
struct Sorted<'a> {
    /// The rows to find, and how many keys there are without one.
    sets: HashMap<u32, (Vec<u32>, usize)>,
    no_user: Vec<&'a Key>,
    no_item: Vec<&'a Key>,
}

impl<'a> Sorted<'a> {
    fn add(
        &mut self,
        engine: &Engine,
        pairs: &'a [(Key, Key)],
        entity: EntityId,
        among: Option<&[u32]>,
    ) {
        let (snapshot, viewer) = (engine.snapshot(), engine.schema().viewer);
        for (user, item) in pairs {
            let Some(row) = snapshot.row_of(viewer, user) else {
                self.no_user.push(user);
                continue;
            };
            if among.is_some_and(|among| among.binary_search(&row).is_err()) {
                continue;
            }
            let (found, unknown) = self.sets.entry(row).or_default();
            match snapshot.row_of(entity, item) {
                Some(item) => found.push(item),
                None => {
                    self.no_item.push(item);
                    *unknown += 1;
                }
            }
        }
    }

    fn warnings(&self, schema: &Schema, entity: EntityId) -> Vec<String> {
        let missing = [
            (&self.no_user, schema.viewer, "are left out"),
            (&self.no_item, entity, "cannot be found"),
        ];
        let warning = |(keys, entity, what): (&Vec<&Key>, EntityId, &str)| {
            let (n, first) = (keys.len(), keys.first()?);
            let name = &schema.entity(entity).name;
            Some(format!(
                "{n} rows of the test set have a `{name}` that the catalog does not have, such as `{first}`: they {what}"
            ))
        };
        missing.into_iter().filter_map(warning).collect()
    }
}

/// The rows of users, in the order of their table.
fn users(engine: &Engine, who: &Who) -> Result<Vec<u32>, ReplayError> {
    let (snapshot, viewer) = (engine.snapshot(), engine.schema().viewer);
    let all = 0..engine.schema().entity(viewer).rows;
    let rows = match who {
        Who::All => all.collect(),
        Who::Keys(keys) => {
            let row = |key| {
                snapshot.row_of(viewer, key).ok_or_else(|| {
                    let name = &engine.schema().entity(viewer).name;
                    let message = format!("`{name}` has no `{key}`");
                    ReplayError::Usage(Spot::Users, message)
                })
            };
            let mut rows = keys.iter().map(row).collect::<Result<Vec<u32>, _>>()?;
            rows.sort_unstable();
            rows.dedup();
            rows
        }
        Who::Sample(n) => {
            let hash = |&row: &u32| {
                let key = snapshot.key(viewer, row);
                Hasher::default().text("replay").key(Some(&key)).finish()
            };
            let mut rows: Vec<u32> = all.collect();
            rows.sort_by_cached_key(hash);
            rows.truncate(*n);
            rows.sort_unstable();
            rows
        }
    };
    match rows.is_empty() {
        false => Ok(rows),
        true => Err(ReplayError::Usage(Spot::Users, "there are none".to_owned())),
    }
}
