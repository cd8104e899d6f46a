//! Writing an edge out as one list of links.

use super::Interp;
use super::env::Env;
use super::links::{EdgeRef, Link, Links};
use super::rows::At;
use super::value::Value;
use igql::syntax::ast::EdgeDecl;
use std::collections::HashMap;
use std::rc::Rc;

impl<'a> Interp<'a> {
    pub fn write_out(&self, edge: &EdgeRef<'a>) -> Links {
        match edge {
            EdgeRef::Table(i) => self.table_links(*i),
            EdgeRef::Reference(e, r) => self.reference_links(*e, *r),
            EdgeRef::Reverse(of) => {
                let mut links = reverse(self.write_out(of));
                // It carries the time of the holder, which for the viewer may be still to come.
                links.list.retain(|l| l.time.is_none_or(|t| t <= self.now));
                links
            }
            EdgeRef::Union(of) => union(of.iter().map(|e| self.write_out(e)).collect()),
            EdgeRef::Then(of, name) => self.then(self.write_out(of), name),
            EdgeRef::Derived(decl, of) => self.derive(decl, self.write_out(of)),
        }
        .index()
    }

    fn table_links(&self, table: usize) -> Links {
        let edge = &self.world.edges[table];
        let seen = |time: Option<i64>| time.is_none_or(|t| t <= self.now);
        let visible = |l: &&super::world::EdgeLink| {
            seen(l.time) && self.visible(edge.from, l.from) && self.visible(edge.to, l.to)
        };
        let weighted = edge.weight_column.is_some();
        let link = |l: &super::world::EdgeLink| Link {
            from: l.from,
            to: l.to,
            time: l.time,
            weight: if weighted { l.weight } else { Some(1.0) },
            columns: l.columns.clone(),
        };
        let mut aliases = vec![(edge.from_column.clone(), "from"), (edge.to_column.clone(), "to")];
        aliases.extend(edge.time_column.iter().map(|n| (n.clone(), "time")));
        aliases.extend(edge.weight_column.iter().map(|n| (n.clone(), "weight")));
        Links {
            from: edge.from,
            to: edge.to,
            timed: edge.time_column.is_some(),
            weighted,
            columns: edge.columns.iter().map(|c| c.0.clone()).collect(),
            aliases,
            list: edge.links.iter().filter(visible).map(link).collect(),
            of: HashMap::new(),
        }
    }

    /// One link per row that holds the reference, with the time of that row.
    fn reference_links(&self, entity: usize, reference: usize) -> Links {
        let holder = &self.world.entities[entity];
        let reference = &holder.references[reference];
        let mut list = Vec::new();
        for row in 0..holder.keys.len() as u32 {
            let Value::Id(_, to) = self.follow(entity, row, reference) else {
                continue;
            };
            if self.visible(entity, row) {
                let time = holder.visible_from(row);
                list.push(Link { from: row, to, time, weight: Some(1.0), columns: Vec::new() });
            }
        }
        Links {
            from: entity,
            to: reference.entity,
            timed: holder.time.is_some(),
            list,
            ..Links::default()
        }
    }

    fn then(&self, links: Links, name: &str) -> Links {
        let through = links.to;
        let reference =
            self.world.entities[through].find_reference(name).expect("a reference of the end");
        let mut list = Vec::new();
        for link in &links.list {
            if let Value::Id(_, to) = self.follow(through, link.to, reference) {
                list.push(Link { to, ..link.clone() });
            }
        }
        let aliases = links.aliases.iter().filter(|(_, n)| *n != "to").cloned().collect();
        Links { to: reference.entity, list, aliases, of: HashMap::new(), ..links }
    }

    fn derive(&self, decl: &'a EdgeDecl, mut links: Links) -> Links {
        if let Some(filter) = &decl.filter {
            let shared = Rc::new(links.index());
            let keep = |i: &usize| {
                self.link_value(filter, &Env::default(), &shared, *i, &At::Request).is_true()
            };
            let list =
                (0..shared.list.len()).filter(keep).map(|i| shared.list[i].clone()).collect();
            links = shared.with(list);
        }
        if let Some(weight) = &decl.weight {
            let shared = Rc::new(links.index());
            let weigh = |i: usize| {
                let weight =
                    self.link_value(weight, &Env::default(), &shared, i, &At::Request).number();
                Link { weight, ..shared.list[i].clone() }
            };
            links = shared.with((0..shared.list.len()).map(weigh).collect());
            links.weighted = true;
            links.aliases.retain(|(_, n)| *n != "weight");
        }
        links
    }
}

impl Links {
    /// The same edge with other links.
    fn with(&self, list: Vec<Link>) -> Links {
        Links {
            from: self.from,
            to: self.to,
            timed: self.timed,
            weighted: self.weighted,
            columns: self.columns.clone(),
            aliases: self.aliases.clone(),
            list,
            of: HashMap::new(),
        }
    }
}

fn reverse(links: Links) -> Links {
    let turned = |name: &'static str| match name {
        "from" => "to",
        "to" => "from",
        other => other,
    };
    let aliases = links.aliases.iter().map(|(alias, n)| (alias.clone(), turned(n))).collect();
    let turn = |l: &Link| Link { from: l.to, to: l.from, ..l.clone() };
    Links {
        from: links.to,
        to: links.from,
        list: links.list.iter().map(turn).collect(),
        aliases,
        of: HashMap::new(),
        ..links
    }
}

/// The links of each edge in turn. Columns that all have stay; time and weight stay where one has
/// them: the links of the others then have no time, and weight 1.
fn union(members: Vec<Links>) -> Links {
    let first = members.first().expect("a union has members");
    let in_all = |c: &&String| members.iter().all(|m| m.columns.contains(c));
    let columns: Vec<String> = first.columns.iter().filter(in_all).cloned().collect();
    let shared = |a: &&(String, &'static str)| members.iter().all(|m| m.aliases.contains(a));
    let mut list = Vec::new();
    for member in &members {
        let places: Vec<usize> = columns
            .iter()
            .map(|c| member.columns.iter().position(|m| m == c).expect("shared"))
            .collect();
        let pick = |l: &Link| places.iter().map(|&i| l.columns[i].clone()).collect();
        list.extend(member.list.iter().map(|l| Link { columns: pick(l), ..l.clone() }));
    }
    Links {
        from: first.from,
        to: first.to,
        timed: members.iter().any(|m| m.timed),
        weighted: members.iter().any(|m| m.weighted),
        aliases: first.aliases.iter().filter(shared).cloned().collect(),
        columns,
        list,
        of: HashMap::new(),
    }
}
