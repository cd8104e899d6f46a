//! What a trained model reads, as it is kept with each of its versions: its inputs with all declarations behind them, so
//! that whoever names a version reads what that was trained on.

use super::described::{Inputs, Normalise};
use super::inputs::Rows;
use super::reads::Read;
use super::texts;
use crate::check::Checker;
use crate::check::env::Env;
use crate::check::modules::{Modules, Tier};
use crate::expr::ir::{Expr, Kind};
use crate::ops::shape::BoundColumn;
use crate::store::learned::{FeatureFile, Features};
use crate::syntax::ast::{self, Arg, ExprKind, ItemKind, Name};
use crate::syntax::{print_expression, print_name};
use crate::types::{EntityId, Type};

/// The parameters of models that say what is read of a row.
pub(super) const INPUTS: [&str; 7] =
    ["dense", "sparse", "vectors", "features", "missing", "normalise", "positives"];

impl<'a> Checker<'a> {
    /// What a version of a declaration in a file keeps of its inputs, which its parameters `params` say.
    pub(super) fn features_written(
        &self,
        (declared, value): (&str, &'a ast::Expr),
        params: &[&str],
        inputs: &Inputs,
        m: usize,
    ) -> Option<Features> {
        let ExprKind::Call { callee, args } = &value.kind else { return None };
        let is_input =
            |arg: &&Arg| arg.name.as_ref().is_some_and(|n| params.contains(&n.text.as_str()));
        let args = args.iter().filter(is_input).cloned().collect();
        let kind = ExprKind::Call { callee: callee.clone(), args };
        let of_inputs = print_expression(&ast::Expr { kind, span: value.span });
        // what another model gives is no feature, nor is what depends on who asks
        let wanted = |item: &ast::Item| {
            !matches!(item.kind, ItemKind::Model { .. } | ItemKind::Experiment { .. })
        };
        let read = self.reads_of(&of_inputs, m, &[], &wanted);
        let (mut files, place) = files(self.modules, read, m);
        files[place].text += &format!("{declared} = {of_inputs}\n");
        let param = |name: &str, ty: &Type| {
            format!("param {}: {}\n", print_name(name), self.written_type(ty))
        };
        let context = inputs.context.iter().map(|context| param(&context.name, &context.ty));
        Some(Features {
            files,
            declared: place,
            context: context.collect(),
            each: texts::features(self.snapshot, &self.texts, inputs),
        })
    }

    /// A type as programs write it.
    fn written_type(&self, ty: &Type) -> String {
        match ty {
            Type::Id(entity) => format!("id[{}]", print_name(self.entity_name(*entity))),
            Type::List(item) => format!("list[{}]", self.written_type(item)),
            ty => self.schema.type_name(ty),
        }
    }

    /// The inputs of a declaration in a file, over rows that have `columns` of what only a request knows.
    pub(in crate::check::models) fn inputs_again(
        &mut self,
        (callee, args): (&'a Name, &'a [Arg]),
        entity: EntityId,
        m: usize,
        columns: &[BoundColumn],
    ) -> Option<Inputs> {
        let (given, whole) = self.trained_args(callee, args, &Env::top(m));
        if callee.text == "distill" {
            return self.student_inputs(&given, entity).filter(|_| whole);
        }
        let base = Expr::new(Kind::It, Type::Id(entity));
        let rows = Rows { entity, base, columns, known: true };
        let dense = self.dense(&given, &rows);
        let sparse = self.sparse(&given, &rows);
        let vectors = self.vectors(&given, &rows);
        // how numbers are brought to one scale is known by the version itself
        let none = Inputs::none(Normalise::None);
        let inputs = Inputs { dense: dense?, sparse: sparse?, vectors: vectors?, ..none };
        whole.then_some(inputs)
    }
}

/// What is read, by the files that it is in, and the place of the one that reads it. Files of the standard library are
/// always there.
fn files(modules: &Modules, mut read: Vec<Read>, declared: usize) -> (Vec<FeatureFile>, usize) {
    let is_std = |m: usize| modules.all[m].tier == Tier::Std;
    read.retain(|read| !is_std(read.module));
    read.sort_by_key(|read| (read.module, read.item.span.start));
    // the program first: its names go before those of others
    let mut kept: Vec<usize> = read.iter().map(|read| read.module).chain([0, declared]).collect();
    kept.sort_unstable();
    kept.dedup();
    let place = |m: usize| kept.iter().position(|&other| other == m);
    let file = |&m: &usize| {
        let (module, imports) = (&modules.all[m], modules.all[m].imports.iter());
        let std = imports.clone().filter(|&&m| is_std(m));
        let own = read.iter().filter(|read| read.module == m);
        FeatureFile {
            text: own.map(|read| format!("{}\n", read.text)).collect(),
            prelude: module.tier == Tier::Prelude,
            imports: imports.filter_map(|&m| place(m)).collect(),
            std: std.map(|&m| modules.all[m].name.clone()).collect(),
        }
    };
    (kept.iter().map(file).collect(), place(declared).unwrap_or_default())
}
