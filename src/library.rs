//! The files behind a program: the standard library, the catalog's prelude, and imports.

use crate::check::Tunables;
use crate::check::modules::{Module, Tier};
use crate::deep::recurse;
use crate::diag::{Diagnostic, Sink, code, suggest};
use crate::files;
use crate::ops::Limits;
use crate::source::{SourceId, Sources, Span};
use crate::store::DataError;
use crate::syntax::allow::Allow;
use crate::syntax::ast::{File, ImportPath, ItemKind};
use crate::syntax::parse;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The modules of the standard library, under their stable names.
const STD: [(&str, &str); 10] = [
    ("core", include_str!("../stdlib/core.igql")),
    ("explore", include_str!("../stdlib/explore.igql")),
    ("collaborative", include_str!("../stdlib/collaborative.igql")),
    ("content", include_str!("../stdlib/content.igql")),
    ("trending", include_str!("../stdlib/trending.igql")),
    ("cold_start", include_str!("../stdlib/cold_start.igql")),
    ("feed", include_str!("../stdlib/feed.igql")),
    ("eligibility", include_str!("../stdlib/eligibility.igql")),
    ("hybrid", include_str!("../stdlib/hybrid.igql")),
    ("diversity", include_str!("../stdlib/diversity.igql")),
];

/// A program's text and what to make of it.
///
/// ```
/// use igql::Unit;
/// let unit = Unit {
///     query: Some("for_you"),
///     ..Unit::new("home.igql", "query for_you = user.liked().take(10)")
/// };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    /// Shown in diagnostics.
    pub name: &'a str,
    /// The program.
    pub text: &'a str,
    /// The folder that imports are relative to; none: the catalog's.
    pub folder: Option<&'a Path>,
    /// The query to run, if the file has several.
    pub query: Option<&'a str>,
    /// Definitions that it sees besides its own, as a prompt has them.
    pub session: Option<&'a str>,
    /// Rows that a request may make at one operator: what is certain to make more is an error.
    pub max_rows: u64,
    /// Other values for its tunables than their defaults.
    pub tunables: Option<&'a Tunables>,
}

impl<'a> Unit<'a> {
    /// A text of that name, with nothing else that is special.
    pub fn new(name: &'a str, text: &'a str) -> Unit<'a> {
        Unit {
            name,
            text,
            folder: None,
            query: None,
            session: None,
            max_rows: Limits::default().max_rows,
            tunables: None,
        }
    }
}

/// What every program of a catalog sees: parsed once, when the catalog is opened.
pub struct Library {
    folder: PathBuf,
    /// Folders that programs may import from, beside their own and the catalog's.
    imports: Vec<PathBuf>,
    sources: Sources,
    modules: Vec<Arc<Module>>,
    /// What is wrong with the prelude: reported with every program, as every program imports it.
    problems: Vec<Diagnostic>,
    allowed: Vec<Allow>,
}

/// A program with all its files.
pub struct Loaded {
    pub sources: Sources,
    /// The program first.
    pub modules: Vec<Arc<Module>>,
    pub allowed: Allowed,
    /// Folders that the files may read from.
    pub roots: Vec<PathBuf>,
}

/// The lints that comments in the files silence.
pub struct Allowed(Vec<Allow>);

impl Allowed {
    /// The diagnostics that no comment silences.
    pub fn silence(&self, mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
        diagnostics.retain(|d| !self.0.iter().any(|allow| allow.silences(d.code, d.span)));
        diagnostics
    }
}

/// Files while they are being read. Places in `modules` leave the first for the program.
struct Loader<'a> {
    sources: Sources,
    modules: Vec<Arc<Module>>,
    allowed: Vec<Allow>,
    sink: &'a mut Sink,
    /// Files read so far by import, with their places.
    known: Vec<(PathBuf, usize)>,
    /// Folders that files may be imported from.
    roots: Vec<PathBuf>,
    /// The program, if it is a file: an import that leads back to it is no further file.
    program: Option<PathBuf>,
}

impl Library {
    /// Reads the standard library and the `prelude.igql` of a catalog's folder, if it has one.
    pub fn open(folder: &Path, imports: &[PathBuf]) -> Result<Library, DataError> {
        let mut sink = Sink::default();
        // a place for the program
        let (source, name, file) = (SourceId(0), String::new(), File::default());
        let program = Module::new(source, Tier::Program, name, file);
        let mut loader = Loader {
            sources: Sources::default(),
            modules: vec![Arc::new(program)],
            allowed: Vec::new(),
            sink: &mut sink,
            known: Vec::new(),
            roots: [&[folder.to_owned()], imports].concat(),
            program: None,
        };
        for (name, text) in STD {
            let source = loader.sources.add(format!("<std/{name}.igql>"), text);
            let file = parse(text, source, loader.sink);
            let module = Module::new(source, Tier::Std, format!("std.{name}"), file);
            loader.modules.push(Arc::new(module));
        }
        let prelude = folder.join("prelude.igql");
        if prelude.is_file() {
            let text = files::read_program(&prelude).map_err(|e| DataError::io(&prelude, &e))?;
            loader.add(&prelude.display().to_string(), &text, folder, Tier::Prelude);
        }
        Ok(Library {
            folder: folder.to_owned(),
            imports: imports.to_vec(),
            sources: loader.sources,
            modules: loader.modules,
            allowed: loader.allowed,
            problems: sink.finish(),
        })
    }

    /// A program with what it imports. The definitions of a session are a file that it imports.
    pub fn load(&self, unit: &Unit, sink: &mut Sink) -> Loaded {
        let session = unit.session;
        let mut modules = self.modules.clone();
        if self.is_prelude(unit) {
            // it is read as the program, and hides nothing from itself
            for module in modules.iter_mut().filter(|m| m.tier == Tier::Prelude) {
                *module = Arc::new(module.read_as(unit.name));
            }
        } else {
            self.problems.iter().cloned().for_each(|problem| sink.push(problem));
        }
        let mut loader = Loader {
            sources: self.sources.clone(),
            modules,
            allowed: self.allowed.clone(),
            sink,
            known: Vec::new(),
            roots: [std::slice::from_ref(&self.folder), &*self.imports].concat(),
            program: unit.folder.map(|_| unit.name.into()),
        };
        let source = loader.sources.add(unit.name, unit.text);
        let file = parse(unit.text, source, loader.sink);
        loader.allowed.extend(file.allows.iter().cloned());
        let folder = unit.folder.unwrap_or(&self.folder);
        loader.roots.extend(unit.folder.map(Path::to_owned));
        let mut program = Module::new(source, Tier::Program, unit.name.to_owned(), file);
        folder.clone_into(&mut program.folder);
        (program.imports, program.lacks_imports) = loader.imports(&program.file, folder);
        if let Some(text) = session {
            let place = loader.add("<session>", text, folder, Tier::Import);
            program.imports.push(place);
            program.imports.extend(&loader.modules[place].imports);
        }
        loader.modules[0] = Arc::new(program);
        Loaded {
            sources: loader.sources,
            modules: loader.modules,
            allowed: Allowed(loader.allowed),
            roots: loader.roots,
        }
    }

    /// Whether a program is the very file that all programs of the catalog see.
    fn is_prelude(&self, unit: &Unit) -> bool {
        let program = Path::new(unit.name);
        program.ends_with("prelude.igql")
            && matches!(
                (program.canonicalize(), self.folder.join("prelude.igql").canonicalize()),
                (Ok(program), Ok(prelude)) if program == prelude
            )
    }
}

impl Loader<'_> {
    /// Parses a file and what it imports; gives its place among the modules.
    fn add(&mut self, name: &str, text: &str, folder: &Path, tier: Tier) -> usize {
        let source = self.sources.add(name, text);
        let file = parse(text, source, self.sink);
        self.allowed.extend(file.allows.iter().cloned());
        let place = self.modules.len();
        self.modules.push(Arc::new(Module::new(source, tier, name.to_owned(), File::default())));
        let imports = self.imports(&file, folder);
        let mut module = Module::new(source, tier, name.to_owned(), file);
        (module.imports, module.lacks_imports) = imports;
        folder.clone_into(&mut module.folder);
        self.modules[place] = Arc::new(module);
        place
    }

    /// The places of what a file imports, read now if they were not before, and whether something
    /// is not there.
    fn imports(&mut self, file: &File, folder: &Path) -> (Vec<usize>, bool) {
        let mut places = Vec::new();
        let mut lacking = false;
        for item in &file.items {
            let ItemKind::Import(path) = &item.kind else {
                continue;
            };
            let place = match path {
                ImportPath::Module(parts) => {
                    let name: Vec<&str> = parts.iter().map(|p| p.text.as_str()).collect();
                    self.std_module(&name.join("."), item.span)
                }
                ImportPath::File { path, span } => self.file(&folder.join(path), path, *span),
            };
            lacking |= place.is_none();
            places.extend(place);
        }
        (places, lacking)
    }

    /// A module of the standard library; after a slip the one that was meant, so that its names are
    /// there.
    fn std_module(&mut self, name: &str, span: Span) -> Option<usize> {
        let std = || {
            let all = self.modules.iter().enumerate();
            all.filter(|(_, m)| m.tier == Tier::Std)
        };
        if let Some((place, _)) = std().find(|(_, m)| m.name == name) {
            return Some(place);
        }
        let names: Vec<&str> = std().map(|(_, m)| &*m.name).collect();
        let near = suggest::nearest(name, names.iter().copied());
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "the standard library has {}; files are imported as `import \"path.igql\"`",
                names.join(", ")
            ),
        };
        let place = near.and_then(|near| std().find(|(_, m)| m.name == near));
        let place = place.map(|(place, _)| place);
        let message = format!("unknown module `{name}`");
        self.sink.push(Diagnostic::new(code::E0210, span, message).help(help));
        place
    }

    fn file(&mut self, path: &Path, written: &str, span: Span) -> Option<usize> {
        // one file by whatever way it is named
        let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if let Some((_, place)) = self.known.iter().find(|(known, _)| known == path) {
            return Some(*place);
        }
        let mut program = self.program.iter();
        if program.any(|program| files::is_same(program, path)) {
            return Some(0);
        }
        if path.exists() && !self.roots.iter().any(|root| files::is_below(path, root)) {
            let message =
                format!("`{written}` is outside the folders of the program and the catalog");
            let help = "put it into one of them, or allow imports from its folder";
            let outside = Diagnostic::new(code::E0210, span, message).help(help);
            self.sink.push(outside);
            return None;
        }
        match files::read_program(path) {
            Ok(text) => {
                let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
                self.known.push((path.to_owned(), self.modules.len()));
                let name = path.display().to_string();
                Some(recurse(|| self.add(&name, &text, &folder, Tier::Import)))
            }
            Err(error) => {
                let message = format!("`{written}` cannot be read: {error}");
                let near = near_file(path, written).filter(|_| !path.exists());
                let help = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "paths are relative to the file that imports".to_owned(),
                };
                let unread = Diagnostic::new(code::E0210, span, message).help(help);
                self.sink.push(unread);
                None
            }
        }
    }
}

/// A program beside a file that is not there, with a similar name.
fn near_file(path: &Path, written: &str) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let beside = std::fs::read_dir(path.parent()?).ok()?;
    let mut names: Vec<String> = beside
        .flatten()
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".igql"))
        .collect();
    names.sort();
    let near = suggest::nearest(wanted, names.iter().map(String::as_str))?;
    let folder = written.strip_suffix(wanted).unwrap_or_default();
    Some(format!("{folder}{near}"))
}
