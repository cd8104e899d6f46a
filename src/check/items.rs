//! A whole program: which query runs, and every item read once, used or not.

use super::Checker;
use super::amounts::Amount;
use super::autos::{Auto, Numbers};
use super::env::{Env, Local, Scope, Use};
use super::modules::{Kind, Module, Modules, Tier, named};
use super::typing::{Entity, ParamType};
use crate::diag::{Diagnostic, Sink, code, suggest};
use crate::expr::NodeId;
use crate::expr::ir::{Expr, Kind as ExprKind, Scalar};
use crate::ops::{self, Graph, Role, Shape};
use crate::source::Span;
use crate::store::Snapshot;
use crate::syntax::ast::{self, Item, ItemKind, Param};
use crate::types::{EntityId, Type};
use foldhash::HashMap;

/// A value that comes with a request.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub name: String,
    pub ty: Type,
    /// A constant; none if the request must give a value.
    pub default: Option<Expr>,
}

/// A value of the request, and between which numbers it has to lie. Durations count in
/// microseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct InRange {
    /// The parameter that asks for it.
    pub name: String,
    pub value: Expr,
    pub low: f64,
    pub high: f64,
}

impl InRange {
    /// What is wrong with a value outside.
    pub fn message(&self, found: f64) -> String {
        let number = |x: f64| match self.value.ty {
            Type::Duration => crate::expr::show::duration(x as i64),
            Type::Int => format!("{x}"),
            _ => format!("{x:?}"),
        };
        let (low, high, found) = (number(self.low), number(self.high), number(found));
        format!("`{}` must lie in {low}..{high}, found {found}", self.name)
    }
}

/// A program that can be planned and run.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The name of the query: `main`, or as declared.
    pub query: String,
    pub graph: Graph,
    /// One unnamed set, or the lists of a page by name.
    pub results: Vec<(Option<String>, NodeId)>,
    pub params: Vec<Parameter>,
    /// Values of the request that have to lie in a range.
    pub ranges: Vec<InRange>,
    /// Numbers of the request that have to make sense where they stand.
    pub amounts: Vec<Amount>,
    /// Parameters that the program declares and the query does not read.
    pub unread_params: Vec<String>,
    /// Numbers that are left to the planner.
    pub autos: Vec<Auto>,
    /// The tunables of the program, its imports and the prelude, in the order of the files.
    pub tunables: Vec<Tunable>,
    /// Of each operator: the definitions through which it was first used, the outermost first.
    pub uses: HashMap<NodeId, Vec<Use>>,
}

impl Checked {
    /// The nodes of all results.
    pub fn roots(&self) -> Vec<NodeId> {
        self.results.iter().map(|(_, node)| *node).collect()
    }
}

/// A constant that a tuner may change, within both ends of its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Tunable {
    pub name: String,
    pub low: f64,
    pub high: f64,
    pub default: f64,
    /// Whether only whole numbers will do.
    pub whole: bool,
    /// Of its name.
    pub span: Span,
}

/// The query to run.
struct Entry<'a> {
    name: String,
    params: &'a [Param],
    body: &'a ast::Expr,
}

/// Checks the program (the first of the modules) and all it can reach. `query` is the one to run;
/// otherwise it is `main`, or the only one. There may be none, in a file of definitions. `budget` is
/// the most rows that an operator may make for one request; `numbers` what the planner says.
pub fn check(
    snapshot: &Snapshot,
    modules: &Modules,
    query: Option<&str>,
    sink: Sink,
    budget: u64,
    numbers: &Numbers,
) -> (Option<Checked>, Sink) {
    let mut checker = Checker::new(snapshot, modules, sink, budget);
    checker.numbers = numbers.clone();
    let program = &*modules.all[0];
    (0..modules.all.len())
        .filter(|&m| modules.all[m].tier < Tier::Std)
        .for_each(|m| checker.duplicates(&modules.all[m]));
    let entry = checker.entry(program, query);
    let results = entry.as_ref().and_then(|entry| checker.query(entry));
    let ran: Vec<NodeId> = results.iter().flatten().map(|(_, node)| *node).collect();
    let params = std::mem::take(&mut checker.params);
    let ranges = std::mem::take(&mut checker.ranges);
    let amounts = std::mem::take(&mut checker.amounts);
    (0..modules.all.len())
        .filter(|&m| modules.all[m].tier < Tier::Std)
        .for_each(|m| checker.rest(m));
    checker.advise(&ran);
    let unread_params = unread(program, &params);
    let tunables = checker.tunables();
    checker.given_tunables(&tunables);
    let checked = entry.zip(results).map(|(entry, results)| Checked {
        query: entry.name,
        graph: checker.graph,
        results,
        params,
        ranges,
        amounts,
        unread_params,
        autos: checker.autos,
        tunables,
        uses: checker.sites,
    });
    (checked, checker.sink)
}

fn unread(program: &Module, params: &[Parameter]) -> Vec<String> {
    let declared = program
        .file
        .items
        .iter()
        .filter_map(|item| match &item.kind {
            ItemKind::Param { name, .. } => Some(name.text.clone()),
            _ => None,
        });
    declared
        .filter(|name| !params.iter().any(|p| p.name == *name))
        .collect()
}

impl<'a> Checker<'a> {
    /// The query that runs.
    fn entry(&mut self, program: &'a Module, wanted: Option<&str>) -> Option<Entry<'a>> {
        let items = &program.file.items;
        let last = items.last().and_then(|item| match &item.kind {
            ItemKind::Expr(body) => Some(Entry {
                name: "main".to_owned(),
                params: &[],
                body,
            }),
            _ => None,
        });
        let mut queries: Vec<Entry<'a>> = items
            .iter()
            .filter_map(|item| match &item.kind {
                ItemKind::Query { name, params, body } => Some(Entry {
                    name: name.text.clone(),
                    params,
                    body,
                }),
                _ => None,
            })
            .chain(last)
            .collect();
        let names: Vec<String> = queries.iter().map(|q| q.name.clone()).collect();
        let place = match wanted {
            Some(wanted) => names.iter().position(|name| name == wanted),
            None => names
                .iter()
                .position(|name| name == "main")
                .or((names.len() == 1).then_some(0)),
        };
        let end = program.file.items.last().map_or(
            crate::source::Span {
                source: program.source,
                ..Default::default()
            },
            |i| i.span,
        );
        match (place, wanted) {
            (Some(place), _) => Some(queries.swap_remove(place)),
            (None, Some(wanted)) => {
                let near = suggest::nearest(wanted, names.iter().map(String::as_str));
                let help = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if names.is_empty() => "the file has no query".to_owned(),
                    None => format!("the file has {}", names.join(", ")),
                };
                self.report(
                    Diagnostic::new(code::E0211, end, format!("there is no query `{wanted}`"))
                        .help(help),
                );
                None
            }
            (None, None) if names.len() > 1 => {
                let message = format!(
                    "the file has several queries and no `main`: {}",
                    names.join(", ")
                );
                self.report(
                    Diagnostic::new(code::E0211, end, message)
                        .help("choose one with `--query NAME`"),
                );
                None
            }
            (None, None) => None,
        }
    }

    /// The result sets of a query; its parameters come with the request.
    fn query(&mut self, entry: &Entry<'a>) -> Option<Vec<(Option<String>, NodeId)>> {
        let mut env = Env::top(0);
        for param in entry.params {
            let value = self.request_param(
                &param.name,
                &param.ty,
                param.range.as_ref(),
                param.default.as_ref(),
                0,
            );
            env = env.with(&param.name.text, Local::Scalar(value));
        }
        let results = self.results(entry.body, &env)?;
        let places = self.tails(entry.body);
        let nodes = results.iter().map(|(_, node)| *node);
        self.results.extend(nodes.zip(places));
        Some(results)
    }

    /// Every item of a file that nothing has read so far.
    fn rest(&mut self, m: usize) {
        let modules = self.modules;
        for item in &modules.all[m].file.items {
            let used = self.used.contains(&(std::ptr::from_ref(item) as usize));
            // where a tunable is used only its default is read
            if !used || matches!(item.kind, ItemKind::Tunable { .. }) {
                self.item(item, m);
            }
        }
    }

    fn item(&mut self, item: &'a Item, m: usize) {
        let env = Env::top(m);
        match &item.kind {
            ItemKind::Param {
                name,
                ty,
                range,
                default,
            } => {
                self.request_param(name, ty, range.as_ref(), default.as_ref(), m);
            }
            ItemKind::Tunable { range, default, .. } => {
                self.tunable(range, default, &env);
            }
            ItemKind::Edge(decl) => {
                self.declared_edge(decl, decl.name.span, m);
            }
            ItemKind::Embedding {
                name,
                entities,
                value,
            } => {
                for e in entities {
                    if let Some(entity) = self.entity_named(&e.text, e.span, m) {
                        self.declared_embedding(&name.text, value, name.span, m, entity);
                    }
                }
            }
            ItemKind::Model {
                name,
                entity,
                value,
            } => {
                if let Some(entity) = self.entity_named(&entity.text, entity.span, m) {
                    let shape = Shape::of(entity, None);
                    // where it is used there may be columns that `let` has bound
                    self.open_rows = true;
                    self.declared_model(&name.text, value, name.span, m, &shape);
                    self.open_rows = false;
                }
            }
            ItemKind::Value(def) => self.unused_row_def(def, "value", m),
            ItemKind::Policy(def) => self.unused_row_def(def, "policy", m),
            ItemKind::Def {
                params,
                body,
                result,
                ..
            } => self.unused_def(params, body, result.as_ref(), m),
            ItemKind::Query { params, body, name } => {
                let kept = std::mem::take(&mut self.params);
                self.query(&Entry {
                    name: name.text.clone(),
                    params,
                    body,
                });
                self.params = kept;
            }
            ItemKind::Test { settings, body, .. } => {
                let kept = (
                    std::mem::take(&mut self.params),
                    std::mem::take(&mut self.ranges),
                );
                self.test(settings, body, m);
                (self.params, self.ranges) = kept;
            }
            ItemKind::Binding { value, .. } => self.unused_binding(value, &env),
            ItemKind::Import(_) | ItemKind::Expr(_) | ItemKind::Error => {}
        }
    }

    /// The ends of the range and the default; reports a default outside.
    fn tunable(
        &mut self,
        range: &'a ast::Range,
        default: &'a ast::Expr,
        env: &Env<'a>,
    ) -> Option<[f64; 3]> {
        let numbers = [&*range.low, &*range.high, default].map(|e| self.constant_number(e, env));
        let [Some(low), Some(high), Some(value)] = numbers else {
            return None;
        };
        if low > high {
            let message = format!("nothing lies in {low:?}..{high:?}");
            self.report(
                Diagnostic::new(code::E0306, range.span, message)
                    .help("a range is written from its smaller end to its larger"),
            );
        } else if !(low..=high).contains(&value) {
            let message = format!("the default {value:?} lies outside {low:?}..{high:?}");
            self.report(
                Diagnostic::new(code::E0306, default.span, message)
                    .label(range.span, "the range")
                    .help("choose a default inside it, or widen it"),
            );
        }
        Some([low, high, value])
    }

    /// What a tunable is by its range: whole numbers where both ends and the default are.
    pub(super) fn tunable_value(
        &mut self,
        name: &str,
        range: &'a ast::Range,
        default: &'a ast::Expr,
        env: &Env<'a>,
    ) -> Expr {
        let scope = Scope::request();
        let ends =
            [&*range.low, &*range.high].map(|e| self.scalar(e, env, &scope, None).ty.clone());
        let default = if ends.contains(&Type::Float) {
            self.typed(default, env, &scope, &Type::Float)
        } else {
            self.scalar(default, env, &scope, None)
        };
        match (self.modules.tunables.get(name), &default.ty) {
            (Some(value), Type::Int) => Expr::constant(Scalar::I64(value as i64), Type::Int),
            (Some(value), Type::Float) => Expr::constant(Scalar::F64(value), Type::Float),
            _ => default,
        }
    }

    /// Reports values given for tunables that there are not, or that cannot have them.
    fn given_tunables(&mut self, tunables: &[Tunable]) {
        let modules = self.modules;
        for (name, value) in modules.tunables.iter() {
            match tunables.iter().find(|tunable| tunable.name == name) {
                Some(tunable) => {
                    if let Some(wrong) = tunable.wrong(value) {
                        let help = "give a value inside the range, or widen it";
                        self.report(Diagnostic::new(code::E0306, tunable.span, wrong).help(help));
                    }
                }
                None => {
                    let span = Span {
                        source: modules.all[0].source,
                        ..Span::default()
                    };
                    let message =
                        format!("the program has no tunable `{name}` to be given a value");
                    let near = suggest::nearest(name, tunables.iter().map(|t| t.name.as_str()));
                    let help = near.map(|near| format!("did you mean `{near}`?"));
                    self.report(Diagnostic::new(code::E0201, span, message).maybe_help(help));
                }
            }
        }
    }

    /// The tunables of all files but the standard library.
    fn tunables(&mut self) -> Vec<Tunable> {
        let modules = self.modules;
        let mut found = Vec::new();
        for (m, module) in modules.all.iter().enumerate() {
            if module.tier == Tier::Std {
                continue;
            }
            for item in &module.file.items {
                let ItemKind::Tunable {
                    name,
                    range,
                    default,
                } = &item.kind
                else {
                    continue;
                };
                let env = Env::top(m);
                let Some([low, high, value]) = self.tunable(range, default, &env) else {
                    continue;
                };
                found.push(Tunable {
                    name: name.text.clone(),
                    low,
                    high,
                    default: value,
                    whole: self.tunable_value("", range, default, &env).ty == Type::Int,
                    span: name.span,
                });
            }
        }
        found
    }

    fn unused_binding(&mut self, value: &'a ast::Expr, env: &Env<'a>) {
        if self.is_set(value, env) {
            self.set(value, env, Role::Source);
        } else if self.is_page(value, env) {
            self.results(value, env);
        } else {
            self.scalar(value, env, &Scope::request(), None);
        }
    }

    fn unused_row_def(&mut self, def: &'a ast::RowDef, what: &'static str, m: usize) {
        let Some(entity) = &def.entity else { return };
        let Some(entity) = self.entity_named(&entity.text, entity.span, m) else {
            return;
        };
        let Some(env) = self.stand_ins(&def.params, m) else {
            return;
        };
        let scope = Scope::rows(entity, &[]);
        if what == "policy" {
            self.typed(&def.body, &env, &scope, &Type::Bool);
        } else {
            self.scalar(&def.body, &env, &scope, None);
        }
    }

    pub(super) fn unused_def(
        &mut self,
        params: &'a [Param],
        body: &'a ast::Expr,
        result: Option<&'a ast::TypeExpr>,
        m: usize,
    ) {
        let result = result.map(|ty| self.param_type(ty, m));
        let Some(env) = self.stand_ins(params, m) else {
            return;
        };
        if self.is_page(body, &env) {
            self.results(body, &env);
            return;
        }
        if !self.is_set(body, &env) {
            self.scalar(body, &env, &Scope::request(), None);
            return;
        }
        let node = self.set(body, &env, Role::Source);
        if let (Some(node), Some(ParamType::Set(Entity::Known(want)))) = (node, result) {
            let found = self.graph.shape(node).entity;
            if found != want {
                let (want, found) = (self.entity_name(want), self.entity_name(found));
                let message =
                    format!("declared to give a set of `{want}`, but gives one of `{found}`");
                self.report(Diagnostic::new(code::E0301, body.span, message));
            }
        }
    }

    /// Values of the right kind for the parameters of a definition that is not used; none where
    /// the types alone do not say enough.
    fn stand_ins(&mut self, params: &'a [Param], m: usize) -> Option<Env<'a>> {
        let mut env = Env::top(m);
        // every type is read, so that each that is wrong is reported
        let types: Vec<ParamType> = params
            .iter()
            .map(|param| self.param_type(&param.ty, m))
            .collect();
        for (param, ty) in params.iter().zip(types) {
            let local = match ty {
                ParamType::Scalar(ty) => self.scalar_stand_in(param, ty, m),
                ParamType::Set(Entity::Known(entity)) => Local::Node(self.everything(entity)),
                ParamType::Embedding(Entity::Known(entity)) => {
                    let of = |e: &crate::catalog::schema::Embedding| e.entities.contains(&entity);
                    Local::Embedding(self.schema.embeddings.iter().position(of)? as u32)
                }
                _ => return None,
            };
            env = env.with(&param.name.text, local);
        }
        Some(env)
    }

    /// The default; without one, something that a request would bring.
    fn scalar_stand_in(&mut self, param: &'a Param, ty: Type, m: usize) -> Local<'a> {
        let env = Env::top(m);
        let Some(default) = &param.default else {
            return Local::Scalar(match ty {
                // what has to be known before a request
                Type::Bool => Expr::constant(Scalar::Bool(false), ty),
                _ => Expr::new(
                    ExprKind::Param(u32::MAX, param.name.text.as_str().into()),
                    ty,
                ),
            });
        };
        match self.quantity_word(default, &env) {
            Some(quantity) => quantity.unwrap_or(Local::Error),
            None => Local::Scalar(self.typed(default, &env, &Scope::request(), &ty)),
        }
    }

    /// Parameters of one name in one signature.
    fn repeated_params(&mut self, item: &Item) {
        let params = params_of(item);
        for (i, param) in params.iter().enumerate() {
            let name = &param.name;
            if let Some(first) = params[..i].iter().find(|p| p.name.text == name.text) {
                let message = format!("parameter `{}` is there twice", name.text);
                self.report(
                    Diagnostic::new(code::E0208, name.span, message)
                        .label(first.name.span, "first defined here")
                        .help("rename one of the two, or remove it"),
                );
            }
        }
    }

    /// Every row of an entity, where any set of it will do.
    pub(super) fn everything(&mut self, entity: EntityId) -> NodeId {
        let all = ops::everything(self.schema, entity);
        self.graph.add(
            all.op,
            all.inputs,
            all.shape,
            crate::source::Span::default(),
        )
    }

    /// Names that a file defines twice, and names that no file may define.
    fn duplicates(&mut self, module: &'a Module) {
        let mut first: HashMap<(Kind, &str, Option<String>), &'a Item> = HashMap::default();
        for item in &module.file.items {
            self.repeated_params(item);
            let Some((kind, name)) = named(item) else {
                continue;
            };
            let span = name_span(item);
            if kind == Kind::Callable && ops::find(name).is_some() {
                let message = format!("`{name}` is an operator and cannot be redefined");
                self.report(
                    Diagnostic::new(code::E0212, span, message).help("choose another name"),
                );
            }
            if kind == Kind::Rest && name == "user" {
                let message = "`user` is the requesting user and cannot be redefined";
                self.report(
                    Diagnostic::new(code::E0212, span, message).help("choose another name"),
                );
            }
            let key = (kind, name, entity_of(item));
            match first.get(&key) {
                Some(before) => {
                    let message = format!("`{name}` is defined twice");
                    let before = name_span(before);
                    self.report(
                        Diagnostic::new(code::E0208, span, message)
                            .label(before, "first defined here")
                            .help("rename one of the two, or remove it"),
                    );
                }
                None => {
                    first.insert(key, item);
                }
            }
        }
    }
}

/// The parameters of an item that has some.
fn params_of(item: &Item) -> &[Param] {
    match &item.kind {
        ItemKind::Def { params, .. } | ItemKind::Query { params, .. } => params,
        ItemKind::Value(def) | ItemKind::Policy(def) => &def.params,
        _ => &[],
    }
}

/// The entity that tells items of one name apart.
fn entity_of(item: &Item) -> Option<String> {
    match &item.kind {
        ItemKind::Embedding { entities, .. } => Some(
            entities
                .iter()
                .map(|e| e.text.as_str())
                .collect::<Vec<_>>()
                .join(","),
        ),
        ItemKind::Model { entity, .. } => Some(entity.text.clone()),
        ItemKind::Value(def) | ItemKind::Policy(def) => def.entity.as_ref().map(|e| e.text.clone()),
        ItemKind::Def { params, .. } => match params.first().map(|p| &p.ty.kind) {
            Some(ast::TypeExprKind::Named { args, .. }) => match args.first().map(|a| &a.kind) {
                Some(ast::TypeExprKind::Named { name, .. }) => Some(name.text.clone()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn name_span(item: &Item) -> crate::source::Span {
    match &item.kind {
        ItemKind::Edge(edge) => edge.name.span,
        ItemKind::Value(def) | ItemKind::Policy(def) => def.name.span,
        ItemKind::Embedding { name, .. }
        | ItemKind::Model { name, .. }
        | ItemKind::Def { name, .. }
        | ItemKind::Query { name, .. }
        | ItemKind::Param { name, .. }
        | ItemKind::Tunable { name, .. }
        | ItemKind::Binding { name, .. } => name.span,
        _ => item.span,
    }
}
