//! Completion by kind: what may stand at the cursor, given what the checker says of the set before.
//!
//! The text before the cursor need not be whole. What stands before a dot, or before the bracket
//! that the cursor is in, is; it is checked alone, and its shape tells entity and columns.

use super::command_list::COMMANDS;
use super::session::Session;
use crate::catalog::schema::Schema;
use crate::check::modules::Kind;
use crate::expr::ir::Stat;
use crate::ops::Shape;
use crate::store::learned;
use crate::syntax::ast::{ItemKind, Param, TypeExpr, TypeExprKind};
use crate::types::EntityId;
use std::collections::BTreeSet;

/// Where the word at the cursor begins, and the names that it can become, sorted.
pub fn complete(session: &Session, line: &str, pos: usize) -> (usize, Vec<String>) {
    let text = &line[..pos];
    // `@` stands in the names of versions
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '@';
    let word = &text[text.trim_end_matches(is_letter).len()..];
    let start = text.len() - word.len();
    let before = &text[..start];
    let before = before.trim_end();
    if before == ":" || before.starts_with(":why") && !before.contains(' ') {
        let names = COMMANDS.iter().map(|(name, ..)| (*name).to_owned());
        let typed = text.trim_start();
        let fitting = names.filter(|n| n.starts_with(typed));
        return (pos - typed.len(), fitting.collect());
    }
    let names = if before == ":help" {
        everything(session)
    } else {
        let mut commands = [":type", ":plan"].iter();
        let program = commands.find_map(|command| before.strip_prefix(command));
        at(session, program.unwrap_or(before))
    };
    let fitting = names.into_iter().filter(|name| name.starts_with(word));
    (start, fitting.collect())
}

/// All that can stand behind a text.
fn at(session: &Session, before: &str) -> BTreeSet<String> {
    if let Some(arms) = arms(session, before) {
        return arms;
    }
    if let Some(receiver) = before.strip_suffix('.') {
        return after_dot(session, last_operand(receiver));
    }
    match enclosing(before) {
        Some((receiver, callee, argument)) => in_call(session, receiver, callee, argument),
        None => at_top(session),
    }
}

/// The arms of an experiment that is compared there.
fn arms(session: &Session, before: &str) -> Option<BTreeSet<String>> {
    let name = compared(before)?;
    let declared = session.compile("user").experiments;
    let experiment = declared.into_iter().find(|experiment| experiment.name == name)?;
    Some(experiment.arms.iter().map(|arm| arm.name.clone()).collect())
}

/// The name whose other side is written at the end of a text: `rank_test ==`, `rank_test in [bold,`.
fn compared(before: &str) -> Option<&str> {
    let sign = before.strip_suffix("==").or_else(|| before.strip_suffix("!="));
    let in_list = || {
        let (value, items) = before.rsplit_once('[')?;
        let goes_on = items.is_empty() || items.trim_end().ends_with(',');
        value.trim_end().strip_suffix(" in").filter(|_| goes_on && !items.contains(']'))
    };
    let value = sign.or_else(in_list)?.trim_end();
    let value = value.strip_suffix(" not").unwrap_or(value);
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let name = &value[value.trim_end_matches(is_name).len()..];
    (!name.is_empty()).then_some(name)
}

/// Methods of a set, or columns of an entity.
fn after_dot(session: &Session, receiver: &str) -> BTreeSet<String> {
    let schema = session.engine.schema();
    let before = session.continued().filter(|_| receiver.is_empty());
    let receiver = before.as_deref().unwrap_or(receiver);
    let name = receiver.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next();
    if name == Some("viewer") {
        return columns(session, schema.viewer);
    }
    if let Some(shape) = shape(session, receiver) {
        return methods(session, shape.entity);
    }
    let references = schema.entities.iter().flat_map(|e| &e.references);
    let entity = references.into_iter().find(|r| Some(r.name.as_str()) == name).map(|r| r.entity);
    entity.map_or_else(BTreeSet::new, |entity| columns(session, entity))
}

/// Operators and definitions that can follow a set of the entity.
fn methods(session: &Session, entity: EntityId) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = session
        .vocabulary()
        .operators()
        .filter(|op| !op.source)
        .map(|op| op.name.to_owned())
        .collect();
    for module in session.visible() {
        for (name, item) in module.all(Kind::Callable) {
            if let ItemKind::Def { params, .. } = &item.kind
                && params.first().is_some_and(|p| takes(session, p, entity))
            {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

/// Whether a parameter takes a set of the entity.
fn takes(session: &Session, param: &Param, entity: EntityId) -> bool {
    let Some(("set", [of])) = type_parts(&param.ty) else {
        return false;
    };
    let Some((name, _)) = type_parts(of) else {
        return false;
    };
    let schema = session.engine.schema();
    let is = |id: EntityId| id == entity;
    match name {
        "user" => is(schema.viewer),
        _ => schema.find_entity(name).map_or(name.len() == 1, is),
    }
}

fn type_parts(ty: &TypeExpr) -> Option<(&str, &[TypeExpr])> {
    match &ty.kind {
        TypeExprKind::Named { name, args } => Some((&name.text, args)),
        _ => None,
    }
}

/// What can stand in the brackets of a call.
fn in_call(
    session: &Session,
    receiver: &str,
    callee: &str,
    argument: Option<&str>,
) -> BTreeSet<String> {
    let shape = shape(session, receiver);
    let entity = shape.as_ref().map(|s| s.entity);
    let params = parameters(session, callee);
    if let Some(argument) = argument {
        let ty = params.iter().find(|(name, _)| name == argument).map(|(_, ty)| ty.as_str());
        if let Some(names) = ty.and_then(|ty| closed(session, ty, entity)) {
            return names;
        }
        return values(session, shape.as_ref());
    }
    let mut names: BTreeSet<String> = params.iter().map(|(name, _)| format!("{name}=")).collect();
    let first = params.first().map(|(_, ty)| ty.as_str());
    match first.and_then(|ty| closed(session, ty, entity)) {
        Some(closed) => names.extend(closed),
        None => names.extend(values(session, shape.as_ref())),
    }
    if matches!(callee, "filter")
        && let Some(entity) = entity
    {
        names.extend(on_entity(session, Kind::Policy, entity).into_iter().map(|n| format!("{n}=")));
    }
    names
}

/// The parameters of an operator or a definition with their types; a method's first is its set.
fn parameters(session: &Session, callee: &str) -> Vec<(String, String)> {
    if let Some(operator) = session.vocabulary().operator(callee) {
        let params = operator.params.iter();
        return params.map(|p| (p.name.to_owned(), p.ty.to_owned())).collect();
    }
    for module in session.visible() {
        for item in module.find(Kind::Callable, callee) {
            if let ItemKind::Def { params, .. } | ItemKind::Query { params, .. } = &item.kind {
                let typed = |p: &Param| {
                    let ty = type_parts(&p.ty).map_or("", |(name, _)| name);
                    (p.name.text.clone(), ty.to_owned())
                };
                return params.iter().map(typed).filter(|(_, ty)| ty != "set").collect();
            }
        }
    }
    Vec::new()
}

/// Edges and references of the catalog, in the directions that begin at an entity.
fn stored_edges(schema: &Schema, entity: Option<EntityId>) -> BTreeSet<String> {
    let edges = schema.tables().map(|e| (&e.name, e.from, e.to));
    let entities = (0..).map(EntityId).zip(&schema.entities);
    let references = entities.flat_map(|(holder, e)| {
        let references = e.references.iter();
        references.map(move |r| (&r.name, holder, r.entity))
    });
    let begins = |at: EntityId| entity.is_none_or(|entity| entity == at);
    let named = edges.chain(references).flat_map(|(name, from, to)| {
        let forth = begins(from).then(|| name.clone());
        let back = begins(to).then(|| format!("~{name}"));
        forth.into_iter().chain(back)
    });
    named.collect()
}

/// The names of a closed kind; none if the type is not closed.
fn closed(session: &Session, ty: &str, entity: Option<EntityId>) -> Option<BTreeSet<String>> {
    let schema = session.engine.schema();
    let kind = ty.split([' ', '?', '=']).next().unwrap_or_default();
    Some(match kind {
        "edge" => {
            let mut names = stored_edges(schema, entity);
            names.extend(declared(session, Kind::Edge));
            names
        }
        "embedding" => {
            let fits = |entities: &[EntityId]| entity.is_none_or(|e| entities.contains(&e));
            let stored = schema.spaces().map(|(_, e)| e).filter(|e| fits(&e.entities));
            let mut names: BTreeSet<String> = stored.map(|e| e.name.clone()).collect();
            names.extend(declared(session, Kind::Embedding));
            names
        }
        "model" => {
            let mut names = match entity {
                Some(entity) => on_entity(session, Kind::Model, entity),
                None => declared(session, Kind::Model),
            };
            names.extend(versions_of_models(session, entity));
            names
        }
        "entity" => schema.entities.iter().map(|e| e.name.clone()).collect(),
        "bool" => ["true", "false"].map(str::to_owned).into(),
        "value" => match entity {
            Some(entity) => on_entity(session, Kind::Value, entity),
            None => declared(session, Kind::Value),
        },
        _ if ty.contains('|') => ty
            .split('|')
            .map(|case| case.split('(').next().unwrap_or(case).trim().to_owned())
            .filter(|case| !case.is_empty() && !case.contains([')', '=']))
            .collect(),
        _ => return None,
    })
}

/// The versions of models of an entity, or of all.
fn versions_of_models(session: &Session, entity: Option<EntityId>) -> Vec<String> {
    let (schema, snapshot) = (session.engine.schema(), session.engine.snapshot());
    let on = entity.map(|entity| &schema.entity(entity).name);
    let manifests = snapshot.versions().iter().map(|attached| &attached.manifest);
    let models = manifests.filter(|m| m.kind == learned::Kind::Model);
    models.filter(|m| on.is_none_or(|on| m.entities.contains(on))).map(|m| m.label()).collect()
}

/// What a row expression can name.
fn values(session: &Session, shape: Option<&Shape>) -> BTreeSet<String> {
    let mut names: BTreeSet<String> =
        ["viewer", "it", "score", "position", "now", "user", "null", "true", "false"]
            .map(str::to_owned)
            .into();
    let functions = session.vocabulary().functions();
    names.extend(functions.map(|f| f.name.to_owned()));
    names.extend(Stat::NAMES.iter().map(|(name, _)| (*name).to_owned()));
    names.extend(declared(session, Kind::Rest));
    if let Some(shape) = shape {
        names.extend(shape.columns.iter().map(|c| c.name.clone()));
        names.extend(columns(session, shape.entity));
        let spaces = session.engine.schema().spaces().map(|(_, space)| space);
        let own = spaces.filter(|e| e.entities.contains(&shape.entity));
        names.extend(own.map(|e| e.name.clone()));
    }
    names
}

/// Columns, references and values of an entity.
fn columns(session: &Session, entity: EntityId) -> BTreeSet<String> {
    let table = session.engine.schema().entity(entity);
    let mut names: BTreeSet<String> = table.columns.iter().map(|c| c.name.clone()).collect();
    names.extend(table.references.iter().map(|r| r.name.clone()));
    names.extend(on_entity(session, Kind::Value, entity));
    names
}

/// Names of a kind that are declared on an entity, or on none.
fn on_entity(session: &Session, kind: Kind, entity: EntityId) -> BTreeSet<String> {
    let schema = session.engine.schema();
    let mut names = BTreeSet::new();
    for module in session.visible() {
        for (name, item) in module.all(kind) {
            let on = match &item.kind {
                ItemKind::Model { entity, .. } => Some(&entity.text),
                ItemKind::Value(def) | ItemKind::Policy(def) => {
                    def.entity.as_ref().map(|entity| &entity.text)
                }
                _ => None,
            };
            if on.is_none_or(|on| schema.find_entity(on) == Some(entity)) {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

fn declared(session: &Session, kind: Kind) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for module in session.visible() {
        names.extend(module.all(kind).map(|(name, _)| name.to_owned()));
    }
    names
}

fn at_top(session: &Session) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = [
        "user",
        "import",
        "param",
        "tunable",
        "experiment",
        "edge",
        "embedding",
        "model",
        "value",
        "policy",
        "def",
        "query",
    ]
    .map(str::to_owned)
    .into();
    names.extend(
        session.vocabulary().operators().filter(|op| op.source).map(|op| op.name.to_owned()),
    );
    names.extend(
        ["combine", "fallback"]
            .iter()
            .filter(|n| session.vocabulary().operator(n).is_some())
            .map(|n| (*n).to_owned()),
    );
    names.extend(declared(session, Kind::Rest));
    names.extend(declared(session, Kind::Callable));
    names
}

fn everything(session: &Session) -> BTreeSet<String> {
    let mut names: BTreeSet<String> =
        session.vocabulary().operators().map(|op| op.name.to_owned()).collect();
    names.extend(session.vocabulary().functions().map(|f| f.name.to_owned()));
    for kind in [Kind::Callable, Kind::Rest, Kind::Policy, Kind::Value, Kind::Model, Kind::Edge] {
        names.extend(declared(session, kind));
    }
    names
}

/// What the checker says of a set.
fn shape(session: &Session, text: &str) -> Option<Shape> {
    if text.trim().is_empty() {
        return None;
    }
    let program = session.compile(text).program?;
    let checked = program.checked();
    let (_, node) = checked.results.first()?;
    Some(checked.graph.shape(*node).clone())
}

/// The last operand of a text: names, dots and whole brackets, as far back as they go.
fn last_operand(text: &str) -> &str {
    let mut start = text.len();
    let mut depth = 0;
    for (at, c) in text.char_indices().rev() {
        match c {
            ')' | ']' | '}' => depth += 1,
            '(' | '[' | '{' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            '.' | '_' | '`' => {}
            c if c.is_alphanumeric() => {}
            // a line that begins with a dot goes on
            c if c.is_whitespace() && text[at..].trim_start().starts_with('.') => {}
            _ => break,
        }
        start = at;
    }
    text[start..].trim()
}

/// The call whose brackets are open at the end of a text: what it follows, its name, and the
/// argument that is being written, if it is named.
fn enclosing(text: &str) -> Option<(&str, &str, Option<&str>)> {
    let mut depth = 0;
    let open = text.char_indices().rev().find_map(|(at, c)| {
        match c {
            ')' | ']' | '}' => depth += 1,
            '(' if depth == 0 => return Some(at),
            '(' | '[' | '{' if depth > 0 => depth -= 1,
            _ => {}
        }
        None
    })?;
    let head = text[..open].trim_end();
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let callee = &head[head.rfind(|c| !is_name(c)).map_or(0, |at| at + 1)..];
    let before = head[..head.len() - callee.len()].trim_end();
    let receiver = before.strip_suffix('.');
    let current = text[open + 1..].rsplit(',').next();
    let current = current.unwrap_or_default().trim();
    let argument = current
        .split_once('=')
        .filter(|(_, value)| !value.starts_with('='))
        .map(|(name, _)| name.trim())
        .filter(|name| !name.is_empty() && name.chars().all(is_name));
    Some((receiver.map_or("", last_operand), callee, argument))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_operand_is_a_whole_chain() {
        assert_eq!(last_operand("user.liked(3)"), "user.liked(3)");
        assert_eq!(last_operand("combine(0.7 * user.f(a, b)"), "user.f(a, b)");
        assert_eq!(last_operand("x = all(media)\n  .take(3)"), "all(media)\n  .take(3)");
        assert_eq!(last_operand("a | b"), "b");
    }

    #[test]
    fn what_is_compared_is_found() {
        for (text, name) in [
            ("all(media).filter(a == b or rank_test ==", Some("rank_test")),
            ("x if rank_test!=", Some("rank_test")),
            ("filter(rank_test in [", Some("rank_test")),
            ("filter(rank_test not in [bold, mild,", Some("rank_test")),
            ("filter(rank_test in [bold, mild,", Some("rank_test")),
            ("filter(rank_test in [bold], kind ==", Some("kind")),
            ("filter(rank_test in [bold", None),
            ("filter([1, 2] ==", None),
            ("x =", None),
        ] {
            assert_eq!(compared(text), name, "{text}");
        }
    }

    #[test]
    fn the_call_around_the_cursor_is_found() {
        assert_eq!(enclosing("user.walk("), Some(("user", "walk", None)));
        assert_eq!(enclosing("user.walk(likes, merge="), Some(("user", "walk", Some("merge"))));
        assert_eq!(
            enclosing("user.f(1).filter(len(tags) > 1, "),
            Some(("user.f(1)", "filter", None))
        );
        assert_eq!(enclosing("user.f(1)"), None);
        assert_eq!(enclosing("combine(a, method="), Some(("", "combine", Some("method"))));
    }
}
