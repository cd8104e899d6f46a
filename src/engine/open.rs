//! From a folder to an engine.

use super::world::World;
use super::{Engine, Opened, arrivals, embeddings, predictors, texts, topics, towers};
use crate::check::{Declaration, is_model_kind};
use crate::diag::Sink;
use crate::expr::functions;
use crate::expr::ir::Stat;
use crate::extend::{Embedding, Function, Registry, RowOperator, Scorer};
use crate::library::{Library, Unit};
use crate::ops::vectors::Vectors;
use crate::ops::{OPERATORS, Vocabulary};
use crate::source::SourceId;
use crate::store::learned::{Manifest, Role, Which};
use crate::store::{self, DataError, Options};
use crate::syntax::parse;
use std::path::Path;
use std::sync::Arc;

impl Engine {
    /// Opens the catalog of a folder (or the catalog file), bringing what is derived up to date.
    pub fn open(path: impl AsRef<Path>) -> Result<Engine, DataError> {
        Engine::open_with(path, &Options::default())
    }

    /// The same with options: another cache folder, a stale snapshot, progress.
    pub fn open_with(path: impl AsRef<Path>, options: &Options) -> Result<Engine, DataError> {
        Engine::builder(path).options(options.clone()).open()
    }

    /// An engine with functions, operators, models and embeddings of this program besides the built-in ones and
    /// those of the catalog.
    pub fn builder(path: impl AsRef<Path>) -> Builder {
        Builder {
            opened: Opened {
                path: path.as_ref().to_owned(),
                options: Options::default(),
                registry: Registry::default(),
                slice: None,
            },
        }
    }

    /// An engine on the data as it is now; this one stays on what it has, and so do its programs
    /// ([`Program::on`](super::Program::on) compiles one for the new engine). Where the data is the same,
    /// so is the snapshot, and programs of either engine run on both.
    ///
    /// Fails as [`Engine::open_with`] does, with this engine still whole.
    pub fn reload(&self) -> Result<Engine, DataError> {
        let opened = Opened::clone(&self.opened);
        let newest = Builder { opened }.open()?;
        newest.world.vocabulary.files().read_as(self.world.vocabulary.files());
        Ok(match newest.world.is_same(&self.world) {
            true => Engine { world: self.world.clone(), ..newest },
            false => newest,
        })
    }
}

impl Engine {
    /// The same data with another folder of trained versions.
    #[cfg(feature = "cli")]
    pub(crate) fn learning(&self, folder: &Path) -> Result<Engine, DataError> {
        let mut opened = Opened::clone(&self.opened);
        opened.options.learned = Some(folder.to_owned());
        Builder { opened }.open()
    }

    /// An engine with the versions that examples from a time on read, in the place of those that are served.
    pub(crate) fn of_slice(&self, from: i64) -> Result<Engine, DataError> {
        let opened = Opened { slice: Some(from), ..Opened::clone(&self.opened) };
        Builder { opened }.open()
    }

    /// The same engine with an empty version of what the files of a unit declare to be learnt, as far as there is none: so
    /// programs can be checked where nothing was trained. None if there is nothing to assume.
    pub fn assuming_trained(&self, unit: &Unit) -> Result<Option<Engine>, DataError> {
        let (mut assumed, mut engine): (Vec<Declaration>, Option<Engine>) = (Vec::new(), None);
        loop {
            let more = engine.as_ref().unwrap_or(self).without_version(unit);
            if more.is_empty() {
                return Ok(engine);
            }
            // what is learnt from these can be read once they are there
            assumed.extend(more);
            let builder = Builder { opened: Opened::clone(&self.opened) };
            engine = Some(builder.open_assuming(&assumed)?);
        }
    }

    /// What the files of a unit declare to be learnt, and no version is of.
    fn without_version(&self, unit: &Unit) -> Vec<Declaration> {
        let (mut declared, ..) = self.declared(unit);
        let versions = self.snapshot().versions();
        declared.retain(|d| {
            let is_it =
                |m: &Manifest| m.kind == d.kind && m.name == d.name && m.declaration_hash == d.hash;
            !versions.iter().any(|attached| is_it(&attached.manifest))
        });
        declared
    }
}

/// What an engine is to be opened with.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use igql::extend::{Args, Failure, OperatorSignature, RowOperator, RowsView, Selection};
/// # struct DedupeBy(OperatorSignature);
/// # impl RowOperator for DedupeBy {
/// #     fn signature(&self) -> &OperatorSignature { &self.0 }
/// #     fn run(&self, _: &Args, _: &RowsView, _: &mut Selection) -> Result<(), Failure> { Ok(()) }
/// # }
/// # let dedupe_by = DedupeBy(OperatorSignature::new("dedupe_by", &[]));
/// use igql::Engine;
/// let engine = Engine::builder("examples/explore").operator(dedupe_by).open()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Builder {
    opened: Opened,
}

impl Builder {
    /// How the catalog is opened: another cache folder, a stale snapshot, progress.
    pub fn options(mut self, options: Options) -> Builder {
        self.opened.options = options;
        self
    }

    /// An operator that programs can name.
    pub fn operator(mut self, operator: impl RowOperator + 'static) -> Builder {
        self.opened.registry = self.opened.registry.operator(operator);
        self
    }

    /// A function of values of rows that programs can call.
    pub fn function(mut self, function: impl Function + 'static) -> Builder {
        self.opened.registry = self.opened.registry.function(function);
        self
    }

    /// A kind of model that programs can declare: `model m on media = KIND([...])`.
    pub fn scorer(mut self, kind: &str, scorer: impl Scorer + 'static) -> Builder {
        self.opened.registry = self.opened.registry.scorer(kind, scorer);
        self
    }

    /// Vectors of rows of the catalog's entities, which programs can name like an embedding of the catalog.
    pub fn embedding(mut self, embedding: impl Embedding + 'static) -> Builder {
        self.opened.registry = self.opened.registry.embedding(embedding);
        self
    }

    /// All that a registry has, in place of what was added before.
    pub fn registry(mut self, registry: Registry) -> Builder {
        self.opened.registry = registry;
        self
    }

    /// Opens the catalog, bringing what is derived up to date. A name that is built in, or registered twice, is
    /// an error, and so is an embedding that does not fit the catalog.
    pub fn open(self) -> Result<Engine, DataError> {
        self.open_assuming(&[])
    }

    /// The same with an empty version of what declarations would give.
    fn open_assuming(self, assumed: &[Declaration]) -> Result<Engine, DataError> {
        let Opened { path, options, registry, slice } = &self.opened;
        registry
            .verify(&is_name, &is_built_in)
            .map_err(|unusable| DataError::new(path, unusable.to_string()))?;
        let mut snapshot = store::open(path, options)?;
        embeddings::add(&mut snapshot, registry, path, &*options.progress)?;
        let role = match (slice, &options.learned) {
            (Some(_), _) => Role::Slice,
            (None, Some(_)) => Role::Backtest,
            (None, None) => Role::Serve,
        };
        snapshot.attach(&store::room(path, options), Which { role, until: *slice });
        texts::fold_in(&mut snapshot);
        for declared in assumed {
            let Declaration { kind, name, learner, entities, hash, .. } = declared;
            let (space, has_output) = (declared.space(), declared.has_output());
            snapshot.assume((*kind, name, learner), entities, hash, space, has_output);
        }
        let mut predictors = predictors::all(&snapshot);
        for declared in assumed {
            let entity = &snapshot.schema().entity(declared.entities[0]).name;
            if let Some(model) = &declared.model {
                predictors.push(predictors::assumed(entity, model));
            }
            if let Some(topics) = declared.topics() {
                let label = format!("{entity}.{}@0", declared.name);
                predictors.push(topics::assumed(label, topics.ty.clone()));
            }
        }
        let towers = towers::all(&snapshot);
        let vocabulary = Vocabulary::with(registry.clone()).predicting(predictors, towers);
        let vocabulary = Arc::new(vocabulary);
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
        let library = Library::open(folder, &options.imports)?;
        arrivals::climb(&mut snapshot, &library, &vocabulary);
        let vectors = Vectors::open(&snapshot, &*options.progress)?;
        Ok(Engine {
            world: Arc::new(World { snapshot, vectors, vocabulary }),
            library: Arc::new(library),
            opened: Arc::new(self.opened),
        })
    }
}

/// Whether a program can have something of that name.
fn is_name(name: &str) -> bool {
    let mut sink = Sink::default();
    let file = parse(&format!("def {name}(x: int) -> int = x"), SourceId(0), &mut sink);
    let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_word && !sink.has_errors() && file.items.len() == 1
}

fn is_built_in(name: &str) -> bool {
    let is_function = functions::find(name).is_some() || Stat::find(name).is_some();
    is_function || is_model_kind(name) || OPERATORS.iter().any(|operator| operator.name == name)
}
