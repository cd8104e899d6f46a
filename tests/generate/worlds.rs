//! Random worlds.

use super::Rng;
use crate::reference::Value;
use crate::reference::world::{Column, Edge, EdgeLink, Embedding, Entity, Reference, World};
use igql::catalog::schema::Metric;
use igql::types::{Key, Type};

pub const USER: usize = 0;
pub const ACCT: usize = 1;
pub const ITEM: usize = 2;

const PRELUDE: &str = "\
embedding default on item = clip
embedding default on acct = deep
policy bright(least: float = 0.1) on item = q >= least
policy old(than: duration = 5d) on item = age(born) > than or score > 0.5
policy big on acct = size > 0.0
";

const DAY: i64 = 86_400_000_000;
/// 2024-05-01.
pub const NOW: i64 = 1_714_521_600_000_000;

/// A world of the one schema.
pub fn world(rng: &mut Rng) -> World {
    let string_keys = rng.one_in(2);
    let most = 1 + rng.below(14);
    let mut world = World { viewer: USER, ..World::default() };
    world.entities.push(users(rng));
    world.entities.push(accounts(rng, string_keys));
    world.entities.push(items(rng, &world, most));
    world.edges = edges(rng, &world);
    world.embeddings = embeddings(rng, &world);
    world.seen = vec!["likes".to_owned()];
    world.prelude = PRELUDE.to_owned();
    if rng.one_in(2) {
        world.required_policies = vec!["bright".to_owned()];
    }
    world
}

/// A time about `NOW`, on few days, so that there are ties and some lie in the future.
fn time(rng: &mut Rng) -> i64 {
    NOW + (rng.below(9) as i64 - 7) * 5 * DAY
}

fn maybe(rng: &mut Rng, value: Value) -> Value {
    if rng.one_in(5) { Value::Null } else { value }
}

fn column(name: &str, ty: Type, rows: usize, mut value: impl FnMut() -> Value) -> Column {
    Column { name: name.to_owned(), ty, values: (0..rows).map(|_| value()).collect() }
}

fn int(rng: &mut Rng) -> Value {
    let value = Value::Int(*rng.pick(&[-3, -1, 0, 1, 2, 2, 7, 40]));
    maybe(rng, value)
}

fn float(rng: &mut Rng) -> Value {
    let value = Value::Float(*rng.pick(&[-2.5, -0.5, 0.0, 0.1, 0.25, 0.5, 0.5, 1.0, 3.0]));
    maybe(rng, value)
}

fn string(rng: &mut Rng) -> Value {
    let value = Value::Str(rng.text(&["a", "b", "ab", "c d", "Zürich"]));
    maybe(rng, value)
}

fn entity(name: &str, key: &str, keys: Vec<Key>, columns: Vec<Column>) -> Entity {
    let string_keys = matches!(keys.first(), Some(Key::Str(_)));
    Entity {
        name: name.to_owned(),
        key: key.to_owned(),
        string_keys,
        keys,
        columns,
        references: Vec::new(),
        time: None,
        has_table: true,
    }
}

fn users(rng: &mut Rng) -> Entity {
    let n = 1 + rng.below(5);
    let keys = (0..n).map(|i| Key::Int(i as i64 * 2 + 1)).collect();
    let columns = vec![
        column("age", Type::Int, n, || int(rng)),
        column("home", Type::String, n, || string(rng)),
        column("joined", Type::Time, n, || {
            let time = Value::Time(time(rng));
            maybe(rng, time)
        }),
        column("boss_id", Type::Null, n, || {
            let boss = Value::Id(USER, rng.below(n) as u32);
            maybe(rng, boss)
        }),
    ];
    let mut users = entity("user", "uid", keys, columns);
    users.references =
        vec![Reference { name: "boss".to_owned(), column: "boss_id".to_owned(), entity: USER }];
    // Sometimes only a column.
    users.time = rng.one_in(2).then(|| "joined".to_owned());
    users
}

fn accounts(rng: &mut Rng, string_keys: bool) -> Entity {
    let n = 1 + rng.below(6);
    let key = |i: usize| {
        if string_keys {
            Key::Str(format!("k{}", (i * 7) % 10))
        } else {
            Key::Int(90 - 3 * i as i64)
        }
    };
    let columns = vec![
        column("tier", Type::Int, n, || int(rng)),
        column("size", Type::Float, n, || float(rng)),
        column("place", Type::String, n, || string(rng)),
    ];
    entity("acct", "acct_id", (0..n).map(key).collect(), columns)
}

fn items(rng: &mut Rng, world: &World, n: usize) -> Entity {
    let owners = world.entities[ACCT].keys.len();
    let tags = |rng: &mut Rng| {
        let list = (0..1 + rng.below(3)).map(|_| Value::Str(rng.text(&["a", "b", "c"]))).collect();
        maybe(rng, Value::List(list))
    };
    let columns = vec![
        column("owner_id", Type::Null, n, || {
            let owner = Value::Id(ACCT, rng.below(owners) as u32);
            maybe(rng, owner)
        }),
        column("born", Type::Time, n, || {
            let time = Value::Time(time(rng));
            maybe(rng, time)
        }),
        column("kind", Type::String, n, || string(rng)),
        column("q", Type::Float, n, || float(rng)),
        column("n", Type::Int, n, || int(rng)),
        column("ok", Type::Bool, n, || {
            let ok = Value::Bool(rng.one_in(2));
            maybe(rng, ok)
        }),
        column("tags", Type::List(Box::new(Type::String)), n, || tags(rng)),
    ];
    let keys = (0..n).map(|i| Key::Int(((i * 37) % 50) as i64 + 100)).collect();
    let mut items = entity("item", "item_id", keys, columns);
    items.references =
        vec![Reference { name: "owner".to_owned(), column: "owner_id".to_owned(), entity: ACCT }];
    items.time = Some("born".to_owned());
    items
}

/// Name, ends, and whether it has a time, a weight and a note.
type Plan = (&'static str, usize, usize, bool, bool, bool);

fn edges(rng: &mut Rng, world: &World) -> Vec<Edge> {
    let plans: [Plan; 4] = [
        ("likes", USER, ITEM, true, false, false),
        ("rated", USER, ITEM, true, true, true),
        ("follows", USER, ACCT, false, false, true),
        ("similar", ITEM, ITEM, false, true, false),
    ];
    plans.iter().map(|plan| edge(rng, world, plan)).collect()
}

fn edge(rng: &mut Rng, world: &World, &(name, from, to, timed, weighted, noted): &Plan) -> Edge {
    let row = |rng: &mut Rng, entity: usize| rng.below(world.entities[entity].keys.len()) as u32;
    let link = |rng: &mut Rng| EdgeLink {
        from: row(rng, from),
        to: row(rng, to),
        time: if timed && !rng.one_in(6) { Some(time(rng)) } else { None },
        weight: if weighted { float(rng).number() } else { None },
        columns: if noted { vec![string(rng)] } else { Vec::new() },
    };
    let most = 1 + rng.below(40);
    Edge {
        name: name.to_owned(),
        from,
        to,
        from_column: format!("{}_from", world.entities[from].name),
        to_column: format!("{}_to", world.entities[to].name),
        time_column: timed.then(|| "ts".to_owned()),
        weight_column: weighted.then(|| "stars".to_owned()),
        columns: if noted { vec![("note".to_owned(), Type::String)] } else { Vec::new() },
        links: (0..most).map(|_| link(rng)).collect(),
    }
}

fn embeddings(rng: &mut Rng, world: &World) -> Vec<Embedding> {
    // a third that is a half, too
    const THIRD: f32 = 0.333_251_95;
    let mut space = |entity: usize| {
        let vector = |rng: &mut Rng| {
            let number = |rng: &mut Rng| *rng.pick(&[-1.0f32, 0.0, 0.0, THIRD, 1.0, 2.0]);
            (!rng.one_in(6)).then(|| vec![number(rng), number(rng), number(rng)])
        };
        let mut vectors: Vec<Option<Vec<f32>>> =
            world.entities[entity].keys.iter().map(|_| vector(rng)).collect();
        // A file of vectors has at least one.
        vectors[0].get_or_insert_with(|| vec![1.0, 0.0, THIRD]);
        (entity, vectors)
    };
    let spaces = [
        ("clip", Metric::Cosine, vec![space(ITEM)]),
        ("deep", Metric::L2, vec![space(ACCT)]),
        ("towers", Metric::Dot, vec![space(USER), space(ITEM)]),
    ];
    let embedding = |(name, metric, spaces): (&str, _, _)| Embedding {
        name: name.to_owned(),
        metric,
        halves: rng.one_in(2),
        spaces,
    };
    spaces.into_iter().map(embedding).collect()
}
