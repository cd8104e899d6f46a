//! Types as they are written, and whether a value fits one.

use super::{Checker, Tier};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::functions;
use crate::expr::ir::{Expr, Kind, Level, Scalar};
use crate::source::Span;
use crate::syntax::ast::{TypeExpr, TypeExprKind};
use crate::types::{EntityId, Key, Type};

/// What a parameter accepts.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamType {
    Scalar(Type),
    Set(Entity),
    Embedding(Entity),
    Model(Entity),
    Edge(Entity, Entity),
    /// Reported already.
    Error,
}

/// An entity as a signature names it.
#[derive(Clone, Debug, PartialEq)]
pub enum Entity {
    Known(EntityId),
    /// A single capital letter that is no entity: any one.
    Any(String),
    /// The catalog has none of that name.
    Missing(String),
}

impl Entity {
    /// Whether it can stand for `entity`.
    pub fn accepts(&self, entity: EntityId) -> bool {
        match self {
            Entity::Known(known) => *known == entity,
            Entity::Any(_) => true,
            Entity::Missing(_) => false,
        }
    }
}

const SCALARS: [(&str, Type); 6] = [
    ("int", Type::Int),
    ("float", Type::Float),
    ("bool", Type::Bool),
    ("string", Type::String),
    ("time", Type::Time),
    ("duration", Type::Duration),
];

/// What types are called elsewhere.
const OTHER_NAMES: [(&str, &str); 27] = [
    ("int32", "int"),
    ("int64", "int"),
    ("i32", "int"),
    ("bigint", "int"),
    ("float32", "float"),
    ("float64", "float"),
    ("f32", "float"),
    ("numeric", "float"),
    ("decimal", "float"),
    ("varchar", "string"),
    ("char", "string"),
    ("date", "time"),
    ("timedelta", "duration"),
    ("interval", "duration"),
    ("vec", "list"),
    ("integer", "int"),
    ("long", "int"),
    ("i64", "int"),
    ("number", "float"),
    ("double", "float"),
    ("f64", "float"),
    ("boolean", "bool"),
    ("str", "string"),
    ("text", "string"),
    ("datetime", "time"),
    ("timestamp", "time"),
    ("array", "list"),
];

impl Checker<'_> {
    /// The entity of a name; `user` is the viewer's, whatever its name.
    pub(super) fn find_entity(&self, name: &str) -> Option<EntityId> {
        if name == "user" { Some(self.schema.viewer) } else { self.schema.find_entity(name) }
    }

    /// The entity of a name in the program's text; reports one that there is not.
    pub(super) fn entity_named(
        &mut self,
        name: &str,
        span: Span,
        module: usize,
    ) -> Option<EntityId> {
        if let Some(entity) = self.find_entity(name) {
            return Some(entity);
        }
        let names = || self.schema.entities.iter().map(|e| e.name.as_str());
        let have = || format!("the catalog has {}", names().collect::<Vec<_>>().join(", "));
        let diagnostic = if self.in_library(module) {
            let message = format!("the catalog has no entity `{name}`");
            Diagnostic::new(code::E0403, span, message).help(have())
        } else {
            let help = match suggest::nearest(name, names()) {
                _ if self.schema.find_edge(name).is_some() => {
                    format!("`{name}` is an edge: its links are followed by `walk({name})`")
                }
                Some(near) => format!("did you mean `{near}`?"),
                None => have(),
            };
            Diagnostic::new(code::E0204, span, format!("there is no entity `{name}`")).help(help)
        };
        self.refuse(diagnostic)
    }

    /// An entity in a signature.
    fn signature_entity(&mut self, ty: &TypeExpr, module: usize) -> Option<Entity> {
        let TypeExprKind::Named { name, args } = &ty.kind else {
            return None;
        };
        if !args.is_empty() {
            return self.refuse(Diagnostic::new(
                code::E0204,
                ty.span,
                "expected the name of an entity",
            ));
        }
        let text = &name.text;
        if let Some(entity) = self.find_entity(text) {
            return Some(Entity::Known(entity));
        }
        if text.len() == 1 && text.chars().all(|c| c.is_ascii_uppercase()) {
            return Some(Entity::Any(text.clone()));
        }
        if self.modules.all[module].tier == Tier::Std {
            return Some(Entity::Missing(text.clone()));
        }
        self.entity_named(text, name.span, module).map(Entity::Known)
    }

    /// A type in a signature; reports what is not one.
    pub(super) fn param_type(&mut self, ty: &TypeExpr, module: usize) -> ParamType {
        let TypeExprKind::Named { name, args } = &ty.kind else {
            return ParamType::Error;
        };
        let found = match (name.text.as_str(), &args[..]) {
            ("set", [e]) => self.signature_entity(e, module).map(ParamType::Set),
            ("embedding", [e]) => self.signature_entity(e, module).map(ParamType::Embedding),
            ("model", [e]) => self.signature_entity(e, module).map(ParamType::Model),
            ("edge", [a, b]) => {
                let ends = self.signature_entity(a, module).zip(self.signature_entity(b, module));
                ends.map(|(a, b)| ParamType::Edge(a, b))
            }
            _ => self.scalar_type(ty, module).map(ParamType::Scalar),
        };
        found.unwrap_or(ParamType::Error)
    }

    /// A scalar type; reports what is not one.
    pub(super) fn scalar_type(&mut self, ty: &TypeExpr, module: usize) -> Option<Type> {
        let TypeExprKind::Named { name, args } = &ty.kind else {
            return None;
        };
        if let ([], Some((_, scalar))) = (&args[..], SCALARS.iter().find(|(n, _)| *n == name.text))
        {
            return Some(scalar.clone());
        }
        match (name.text.as_str(), &args[..]) {
            ("list", [item]) => Some(Type::List(Box::new(self.scalar_type(item, module)?))),
            ("id", [entity]) => match self.signature_entity(entity, module)? {
                Entity::Known(entity) => Some(Type::Id(entity)),
                Entity::Any(_) | Entity::Missing(_) => self.refuse(Diagnostic::new(
                    code::E0403,
                    entity.span,
                    "the catalog has no such entity",
                )),
            },
            ("vector", [TypeExpr { kind: TypeExprKind::Size(n), .. }]) if *n > 0 => {
                Some(Type::Vector(*n as u32))
            }
            _ => {
                self.unknown_type(name.text.as_str(), args, ty.span);
                None
            }
        }
    }

    fn unknown_type(&mut self, name: &str, args: &[TypeExpr], span: Span) {
        const OPTIONAL: [&str; 4] = ["optional", "option", "nullable", "maybe"];
        let diagnostic = Diagnostic::new(code::E0204, span, format!("there is no type `{name}`"));
        if let [inner] = args
            && OPTIONAL.iter().any(|word| name.eq_ignore_ascii_case(word))
        {
            let inner = crate::syntax::print_type(inner);
            let help =
                format!("every type is nullable: write `{inner}`, with the default `= null`");
            return self.report(diagnostic.help(help));
        }
        if self.find_entity(name).is_some() {
            let help = format!("a set of them is `set[{name}]`, the key of one `id[{name}]`");
            return self.report(diagnostic.help(help));
        }
        let simple = SCALARS.iter().map(|(n, _)| *n);
        let all = simple.chain(["list", "id", "vector", "set", "embedding", "model", "edge"]);
        let other = OTHER_NAMES.iter().find(|(other, _)| name.eq_ignore_ascii_case(other));
        let near = other
            .map(|(_, ours)| *ours)
            .or_else(|| suggest::nearest(name, all))
            .map(|near| format!("did you mean `{near}`?"));
        let usual = "types are int, float, bool, string, time, duration, list[T], id[E], vector[n], set[E], \
                     embedding[E], model[E] and edge[A, B]";
        self.report(diagnostic.help(near.unwrap_or_else(|| usual.to_owned())));
    }

    pub(super) fn type_name(&self, ty: &Type) -> String {
        self.schema.type_name(ty)
    }

    /// The expression as a value of type `want`: ints widen, keys become ids, null is anything.
    /// `None` if it is of another type; nothing is reported.
    pub(super) fn convert(&self, expr: Expr, want: &Type) -> Option<Expr> {
        if expr.ty == *want || expr.is_error() || *want == Type::Error {
            return Some(expr);
        }
        match (&expr.ty, want) {
            (Type::Null, _) => Some(expr.with_type(want.clone())),
            (Type::Int, Type::Float) => Some(self.widened(expr)),
            (Type::Int | Type::String, Type::Id(entity)) if expr.level < Level::Row => {
                self.key(expr, *entity)
            }
            (Type::List(_), Type::List(item)) => self.convert_list(expr, item),
            _ => None,
        }
    }

    fn widened(&self, expr: Expr) -> Expr {
        match functions::find("float").and_then(|f| f.resolve(&[Type::Float])) {
            Some(float) => self.called(float.kernel, vec![expr], Type::Float),
            None => expr,
        }
    }

    /// A key as the id of its entity.
    fn key(&self, expr: Expr, entity: EntityId) -> Option<Expr> {
        use crate::catalog::schema::KeyType;
        let ty = Type::Id(entity);
        let key_type = self.schema.entity(entity).key_type;
        if (key_type == KeyType::Int) != (expr.ty == Type::Int) {
            return None;
        }
        let key = match expr.as_const() {
            Some(Scalar::I64(k)) => Key::Int(*k),
            Some(Scalar::Code(code)) => Key::Str(self.texts.get(*code)?.into_owned()),
            Some(Scalar::Text(text)) => Key::Str(text.to_string()),
            Some(_) => return None,
            None => {
                return Some(Expr::new(Kind::ToId { entity, key: expr }, ty));
            }
        };
        Some(match self.snapshot.row_of(entity, &key) {
            Some(row) => Expr::constant(Scalar::Code(row), ty),
            None => Expr::constant(Scalar::Key(entity, key), ty),
        })
    }

    fn convert_list(&self, expr: Expr, item: &Type) -> Option<Expr> {
        let ty = Type::List(Box::new(item.clone()));
        match &expr.kind {
            Kind::List(items) => {
                let items = items
                    .iter()
                    .map(|e| self.convert(e.clone(), item))
                    .collect::<Option<Vec<_>>>()?;
                Some(Expr::new(Kind::List(items), ty))
            }
            Kind::Param(..) if matches!(item, Type::Id(_)) && expr.ty != ty => None,
            _ => None,
        }
    }

    /// A call, computed now if its arguments are constants.
    pub(super) fn called(&self, kernel: functions::Kernel, args: Vec<Expr>, ty: Type) -> Expr {
        let call = Expr::new(Kind::Call { kernel, args }, ty.clone());
        if call.level > Level::Constant {
            return call;
        }
        let Kind::Call { args, .. } = &call.kind else {
            return call;
        };
        let values: Option<Vec<_>> = args.iter().map(|a| self.constant_value(a)).collect();
        let folded = values.and_then(|values| {
            let context =
                functions::Call { n: 1, texts: &self.texts, stop: crate::batch::Stop::default() };
            self.constant_scalar(&kernel.run(&context, &values))
        });
        match folded {
            Some(value) => Expr::constant(value, ty),
            None => call,
        }
    }

    fn constant_value(&self, expr: &Expr) -> Option<crate::expr::value::Val<'static>> {
        use crate::expr::value::{Arg, Val, scalar};
        match expr.as_const()? {
            Scalar::Text(text) => Some(Val::Code(Arg::One(self.texts.code(text)))),
            Scalar::Key(..) => None,
            other => Some(scalar(other, &expr.ty)),
        }
    }

    fn constant_scalar(&self, value: &crate::expr::value::Val) -> Option<Scalar> {
        use crate::expr::value::Val;
        use crate::types::{NULL_BOOL, NULL_CODE, NULL_INT};
        Some(match value {
            Val::I64(v) if v.get(0) == NULL_INT => Scalar::Null,
            Val::I64(v) => Scalar::I64(v.get(0)),
            Val::F64(v) if v.get(0).is_nan() => Scalar::Null,
            Val::F64(v) => Scalar::F64(v.get(0)),
            Val::Bool(v) if v.get(0) == NULL_BOOL => Scalar::Null,
            Val::Bool(v) => Scalar::Bool(v.get(0) == 1),
            Val::Code(v) if v.get(0) == NULL_CODE => Scalar::Null,
            Val::Code(v) => self.text_scalar(v.get(0))?,
            Val::List(..) | Val::Vector(..) => return None,
        })
    }

    /// A string code as a constant that outlives the check.
    fn text_scalar(&self, code: u32) -> Option<Scalar> {
        let text = self.texts.get(code)?;
        Some(self.string(&text))
    }

    /// A string constant.
    pub(super) fn string(&self, text: &str) -> Scalar {
        match self.snapshot.code_of(text) {
            Some(code) => Scalar::Code(code),
            None => Scalar::Text(text.into()),
        }
    }
}
