//! A model by the number of its version, `final@3`: its heads over features that are read from what is kept with the
//! version, whatever the files of the program declare.

use super::trained::{Context, Inputs, texts};
use super::used::Scoring;
use crate::check::learned::upstream;
use crate::check::modules::{Kind as NameKind, Module, Modules, Tier};
use crate::check::{Checker, Numbers};
use crate::diag::{Code, Diagnostic, Severity, Sink, code};
use crate::expr::Expr;
use crate::ops::shape::BoundColumn;
use crate::ops::{Model, Shape};
use crate::source::{SourceId, Span};
use crate::store::Snapshot;
use crate::store::learned::{Features, Kind as Learned, Manifest};
use crate::syntax::ast::{Arg, ExprKind, ItemKind, Name};
use crate::syntax::parse;
use crate::types::EntityId;
use std::sync::Arc;

/// What texts that are kept with versions are numbered from: no program has so many files.
const FIRST: u32 = 1 << 20;

const HELP: &str = "train it again with `igql train`, and name the new version";

/// Why the features of a version cannot be read.
struct Unfit {
    code: Code,
    message: String,
}

/// What the tower of items of a version is given of a row; none where that cannot be read any more.
pub fn given_of_items(
    snapshot: &Snapshot,
    modules: &Modules,
    manifest: &Manifest,
    of: EntityId,
) -> Option<Vec<Expr>> {
    let numbers = Numbers::default();
    let mut checker = Checker::new(snapshot, modules, Sink::default(), 0, &numbers);
    let inputs = checker.read_features(manifest, of).ok()?;
    checker.input_exprs(&inputs, &[], Span::new(SourceId(0), 0, 0))
}

impl<'a> Checker<'a> {
    /// A model by the number of its version, over rows of a shape.
    pub(super) fn numbered_model(
        &mut self,
        (name, n): (&Name, i64),
        span: Span,
        module: usize,
        shape: &Shape,
    ) -> Option<Model> {
        let attached = self.pinned(Learned::Model, &name.text, n, Some(shape.entity), span)?;
        let manifest = &attached.manifest;
        let label = manifest.label();
        if manifest.learner == "classifier" {
            return self.numbered_classifier(&label, shape.entity, span, module);
        }
        let inputs = self.features_of(manifest, shape.entity, span)?;
        let (logged, log_hash) = texts::logged(self.snapshot, &self.texts, &inputs);
        let scoring = Scoring {
            name: &label,
            of: shape.entity,
            inputs: &inputs,
            logged: &logged,
            log_hash: &log_hash,
            is_tower: false,
        };
        let model = self.predicted(&scoring, &label, span, module, shape)?;
        self.reads_its_own(manifest, &model, span)?;
        Some(model)
    }

    /// The topics of a classifier by the number of its version, which needs no more than its embedding.
    fn numbered_classifier(
        &mut self,
        label: &str,
        of: EntityId,
        span: Span,
        module: usize,
    ) -> Option<Model> {
        let predictor = self.predictor(of, label, span)?;
        let (number, topic) = (predictor.reads?, predictor.topic.clone()?);
        let space = &self.schema.embeddings[number as usize];
        let named = space.name.split('@').next().unwrap_or_default();
        let number = self.fold_into_pinned(number, named, span, module, of)?;
        Some(self.classified((label, label), predictor, (of, number), topic, span))
    }

    /// The inputs of a version, compiled against the catalog as it is now.
    fn features_of(
        &mut self,
        manifest: &Manifest,
        of: EntityId,
        span: Span,
    ) -> Option<Arc<Inputs>> {
        let key = (of, manifest.label());
        if let Some(known) = self.read_again.get(&key) {
            return known.clone();
        }
        let found = match self.read_features(manifest, of) {
            Ok(inputs) => Some(Arc::new(inputs)),
            Err(Unfit { code, message }) => {
                self.refuse(Diagnostic::new(code, span, message).help(HELP))
            }
        };
        self.read_again.insert(key, found.clone());
        found
    }

    fn read_features(&self, manifest: &Manifest, of: EntityId) -> Result<Inputs, Unfit> {
        let label = manifest.label();
        let Some(features) = &manifest.features else {
            let message = format!(
                "`{label}` cannot be named by its number: it was trained before versions kept what they read"
            );
            return Err(Unfit { code: code::E0503, message });
        };
        let mut sink = Sink::default();
        let modules = modules_of(features, self.modules, &mut sink);
        let numbers = Numbers::default();
        let mut own = Checker::new(self.snapshot, &modules, sink, self.budget, &numbers);
        own.declare_experiments();
        let inputs = own.apart(|this| this.written_inputs(manifest, features, of));
        match inputs.filter(|_| !own.sink.has_errors()) {
            Some(inputs) => match self.differs(features, &inputs) {
                Some(how) => Err(unfit(&label, &how)),
                None => Ok(inputs),
            },
            None => Err(self.why_unfit(manifest, own)),
        }
    }

    /// The inputs of a version, from the files that were kept of it.
    fn written_inputs(
        &mut self,
        manifest: &Manifest,
        features: &Features,
        of: EntityId,
    ) -> Option<Inputs> {
        let context = self.written_context(&features.context)?;
        let columns = context.iter().map(|c| BoundColumn::new(&c.name, c.ty.clone()));
        let columns: Vec<BoundColumn> = columns.collect();
        let modules = self.modules;
        let declared = modules.all.get(features.declared)?;
        let kind = match manifest.kind {
            Learned::Embedding => NameKind::Embedding,
            Learned::Model | Learned::Edge => NameKind::Model,
        };
        let call = declared.find(kind, &manifest.name).find_map(|item| match &item.kind {
            ItemKind::Model { value, .. } | ItemKind::Embedding { value, .. } => {
                match &value.kind {
                    ExprKind::Call { callee, args } => Some((callee, &args[..])),
                    _ => None,
                }
            }
            _ => None,
        });
        let call: (&'a Name, &'a [Arg]) = call?;
        if manifest.kind == Learned::Embedding {
            return self.items_again(call, features.declared);
        }
        let inputs = self.inputs_again(call, of, features.declared, &columns)?;
        Some(Inputs { context, ..inputs })
    }

    /// What only a request knows, which nobody reads of an example any more.
    fn written_context(&mut self, text: &str) -> Option<Vec<Context>> {
        let file = parse(text, SourceId(FIRST - 1), &mut self.sink);
        let context = file.items.iter().map(|item| match &item.kind {
            ItemKind::Param { name, ty, .. } => Some(Context {
                name: name.text.clone(),
                ty: self.scalar_type(ty, 0)?,
                expr: Expr::error(),
            }),
            _ => None,
        });
        context.collect()
    }

    /// How a feature differs from what it was, if one does.
    fn differs(&self, features: &Features, inputs: &Inputs) -> Option<String> {
        let now = texts::features(self.snapshot, &self.texts, inputs);
        if now.len() != features.each.len() {
            return Some(format!("it has {} features, and had {}", now.len(), features.each.len()));
        }
        let mut pairs = features.each.iter().zip(&now);
        let (was, is) = pairs.find(|(was, is)| was != is)?;
        Some(match was.ty == is.ty {
            false => format!("feature `{}` was {}, and is {}", was.name, was.ty, is.ty),
            true => {
                format!("feature `{}` read `{}`, and reads `{}`", was.name, was.reads, is.reads)
            }
        })
    }

    /// Why the files that were kept of a version cannot be read: what it was trained with is gone, or the catalog is
    /// another one.
    fn why_unfit(&self, manifest: &Manifest, own: Checker<'_>) -> Unfit {
        let label = manifest.label();
        let feature = own.notes.unfit.into_iter().next();
        let found = own.sink.finish().into_iter();
        let mut errors = found.filter(|found| found.severity() == Severity::Error);
        let Some(error) = errors.next() else {
            return unfit(&label, "its features cannot be read");
        };
        let is_gone = [code::E0501, code::E0502, code::E0507].contains(&error.code);
        match feature {
            _ if is_gone => match self.gone(manifest, &manifest.upstream) {
                Some(gone) => gone,
                None => Unfit { code: code::E0507, message: format!("{label}: {}", error.message) },
            },
            Some(feature) => unfit(&label, &format!("feature `{feature}`: {}", error.message)),
            None => unfit(&label, &error.message),
        }
    }

    /// What is wrong where one of the versions that a version was trained with is gone.
    fn gone(&self, manifest: &Manifest, read: &[String]) -> Option<Unfit> {
        let versions = self.snapshot.versions();
        let is_there = |label: &&String| {
            let mut manifests = versions.iter().map(|attached| &attached.manifest);
            manifests.any(|m| format!("{} {}", m.kind.word(), m.label()) == **label)
        };
        let gone = read.iter().find(|label| !is_there(label))?;
        let message = format!(
            "`{}` was trained with {}, which is not there any more",
            manifest.label(),
            quoted(gone)
        );
        Some(Unfit { code: code::E0507, message })
    }

    /// Notes what a version reads; reports what it was not trained with: that means something else.
    fn reads_its_own(&mut self, manifest: &Manifest, model: &Model, span: Span) -> Option<()> {
        let heads = model.heads.iter();
        let mut read: Vec<String> =
            heads.flat_map(|(_, head)| upstream::read_by(self.schema, head)).collect();
        read.sort_unstable();
        read.dedup();
        if let Some(other) = read.iter().find(|label| !manifest.upstream.contains(label)) {
            let gone = self.gone(manifest, &manifest.upstream).unwrap_or_else(|| Unfit {
                code: code::E0507,
                message: format!(
                    "`{}` was not trained with {}, which is there in place of what it was trained with",
                    manifest.label(),
                    quoted(other)
                ),
            });
            return self.refuse(Diagnostic::new(gone.code, span, gone.message).help(HELP));
        }
        let manifests = self.snapshot.versions().iter().map(|attached| &attached.manifest);
        let is_read = |m: &&Arc<Manifest>| {
            read.binary_search(&format!("{} {}", m.kind.word(), m.label())).is_ok()
        };
        let read = manifests.filter(is_read).map(|m| (m.label(), m.until));
        self.versions.extend(read);
        Some(())
    }
}

fn unfit(label: &str, how: &str) -> Unfit {
    let message = format!("`{label}` does not fit the catalog any more: {how}");
    Unfit { code: code::E0504, message }
}

/// `` edge `similar@3` ``.
fn quoted(label: &str) -> String {
    match label.split_once(' ') {
        Some((kind, label)) => format!("{kind} `{label}`"),
        None => format!("`{label}`"),
    }
}

/// The files that were kept of a version, with the standard library.
fn modules_of(features: &Features, around: &Modules, sink: &mut Sink) -> Modules {
    let std = around.all.iter().filter(|module| module.tier == Tier::Std);
    let std: Vec<Arc<Module>> = std.cloned().collect();
    let count = features.files.len();
    let own = features.files.iter().enumerate().map(|(place, file)| {
        let tier = match place {
            _ if file.prelude => Tier::Prelude,
            0 => Tier::Program,
            _ => Tier::Import,
        };
        let source = SourceId(FIRST + place as u32);
        let parsed = parse(&file.text, source, sink);
        let mut module = Module::new(source, tier, format!("file {place}"), parsed);
        let of_std = file.std.iter().filter_map(|name| std.iter().position(|m| m.name == *name));
        let imports = file.imports.iter().copied().filter(|&other| other < count);
        module.imports = imports.chain(of_std.map(|place| count + place)).collect();
        Arc::new(module)
    });
    let all = own.collect::<Vec<_>>().into_iter().chain(std.iter().cloned()).collect();
    let mut modules = Modules::new(all);
    modules.vocabulary = around.vocabulary.clone();
    modules
}
