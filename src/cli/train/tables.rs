//! `igql train --dump`: the training tables of the models that programs declare.

use super::{PROGRAM, TrainArgs, dump, files};
use crate::check::Trained;
use crate::cli::{DATA, Failure, draw, out, params};
use crate::diag::{Severity, code, suggest};
use crate::engine::{Compiled, Engine};
use crate::train::TrainError;
use crate::train::examples::{TableError, until};
use crate::types::time;
use std::path::Path;
use std::sync::Arc;

/// Writes the tables of all models that the files declare, or of those that are named.
pub fn write(engine: &Engine, args: &TrainArgs, folder: &Path) -> Result<(), Failure> {
    let models = selected(declared(engine, args)?, &args.only)?;
    let until = match &args.until {
        Some(text) => params::time_of("--until", text)?,
        None => until(engine),
    };
    for (model, file) in &models {
        dump::dump(engine, model, folder, (until, args.from.as_deref()))
            .map_err(|failed| failed.into_failure(file))?;
    }
    Ok(())
}

/// A model, and the program that declares it.
type Declared = (Arc<Trained>, Arc<Compiled>);

/// The models of all files, each once; an error in one of them ends the command before anything is made.
fn declared(engine: &Engine, args: &TrainArgs) -> Result<Vec<Declared>, Failure> {
    let (mut found, mut fails) = (Vec::<Declared>::new(), false);
    for file in files(args)? {
        let mut compiled = file.compile(engine, None);
        // what is not trained yet is no error here
        compiled.diagnostics.retain(|d| ![code::E0501, code::E0502].contains(&d.code));
        draw(&compiled.diagnostics, &compiled.sources);
        fails |= compiled.diagnostics.iter().any(|d| d.severity() == Severity::Error);
        let compiled = Arc::new(compiled);
        for model in &compiled.trained {
            let same = |(other, _): &Declared| {
                (&other.name, other.entity, &other.hash) == (&model.name, model.entity, &model.hash)
            };
            if !found.iter().any(same) {
                found.push((model.clone(), compiled.clone()));
            }
        }
    }
    match fails {
        true => Err(Failure::Said(PROGRAM)),
        false => Ok(found),
    }
}

/// Those that were asked for.
fn selected(models: Vec<Declared>, only: &[String]) -> Result<Vec<Declared>, Failure> {
    let names = || models.iter().map(|(model, _)| model.name.as_str());
    if let Some(unknown) = only.iter().find(|name| !names().any(|known| known == **name)) {
        let help = match suggest::nearest(unknown, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if models.is_empty() => "the files declare no model that is trained".to_owned(),
            None => format!("the files declare {}", names().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("--only {unknown}: there is no trained model of that name");
        return Err(Failure::Usage(format!("{message}\nhelp: {help}")));
    }
    let wanted = |model: &Trained| only.is_empty() || only.contains(&model.name);
    let models: Vec<Declared> = models.into_iter().filter(|(model, _)| wanted(model)).collect();
    match models.is_empty() {
        true => {
            let help = "declare one: `model NAME on ENTITY = mtml(dense=[...], heads={...})`";
            let message = "the files declare no model that is trained";
            Err(Failure::Usage(format!("{message}\nhelp: {help}")))
        }
        false => Ok(models),
    }
}

/// Why a model has no table.
pub enum Failed {
    Train(TableError),
    Log(TrainError),
    Write(Failure),
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Failed {
        Failed::Write(failure)
    }
}

impl Failed {
    /// With the line of the declaration.
    fn into_failure(self, compiled: &Compiled) -> Failure {
        match self {
            Failed::Write(failure) => failure,
            Failed::Log(TrainError::Data(error)) => error.into(),
            Failed::Log(error) => {
                out::say(format_args!("error: {error}"));
                Failure::Said(DATA)
            }
            Failed::Train(error) => {
                let (source, at) = (error.span.source, error.span.start);
                let position = compiled.sources.position(source, at);
                let name = &compiled.sources.get(source).name;
                let place = format!("{name}:{}:{}", position.line, position.column);
                out::say(format_args!("error: {place}: {error}"));
                Failure::Said(DATA)
            }
        }
    }
}

/// A time for people.
pub fn shown(us: i64) -> String {
    time::text(us).unwrap_or_else(|| us.to_string())
}
