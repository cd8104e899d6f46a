//! What is registered, by name.

use super::column::is_plain;
use super::{
    Argument, Embedding, EmbeddingSignature, Function, OperatorSignature, OutputOf, RowOperator,
    Scorer, ScorerSignature, Signature,
};
use crate::catalog::config::MOST_NEIGHBOURS;
use crate::types::Type;
use std::fmt;
use std::sync::Arc;

/// The longest vector that is taken for one.
const MOST_NUMBERS: u32 = 65_536;

/// The functions, operators, models and embeddings that an engine has besides the built-in ones.
#[derive(Clone, Default)]
pub struct Registry {
    functions: Vec<Registered<dyn Function, Signature>>,
    operators: Vec<Registered<dyn RowOperator, OperatorSignature>>,
    scorers: Vec<Kind>,
    embeddings: Vec<Registered<dyn Embedding, EmbeddingSignature>>,
}

/// A kind of model.
#[derive(Clone)]
struct Kind {
    name: String,
    signature: ScorerSignature,
    /// Each output as a function of the inputs, made once: however often the registry is read, it is the same.
    outputs: Vec<Arc<OutputOf>>,
}

/// Something with the signature that it had when it was registered.
struct Registered<T: ?Sized, S> {
    value: Arc<T>,
    signature: S,
}

impl<T: ?Sized, S: Clone> Clone for Registered<T, S> {
    fn clone(&self) -> Self {
        Registered { value: self.value.clone(), signature: self.signature.clone() }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// Why something cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable(String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

impl Registry {
    /// Nothing yet.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Adds a function of values of rows.
    pub fn function(mut self, function: impl Function + 'static) -> Registry {
        self.functions.push(Registered {
            signature: function.signature().clone(),
            value: Arc::new(function),
        });
        self
    }

    /// Adds an operator on the rows of a request.
    pub fn operator(mut self, operator: impl RowOperator + 'static) -> Registry {
        self.operators.push(Registered {
            signature: operator.signature().clone(),
            value: Arc::new(operator),
        });
        self
    }

    /// Adds a kind of model.
    pub fn scorer(mut self, kind: &str, scorer: impl Scorer + 'static) -> Registry {
        let signature = scorer.signature().clone();
        let scorer: Arc<dyn Scorer> = Arc::new(scorer);
        let output = |place| Arc::new(OutputOf::new(kind, &scorer, &signature, place));
        let outputs = (0..signature.outputs.len()).map(output).collect();
        self.scorers.push(Kind { name: kind.to_owned(), signature, outputs });
        self
    }

    /// Adds an embedding.
    pub fn embedding(mut self, embedding: impl Embedding + 'static) -> Registry {
        self.embeddings.push(Registered {
            signature: embedding.signature().clone(),
            value: Arc::new(embedding),
        });
        self
    }

    /// The kinds of models with their signatures.
    pub fn scorers(&self) -> impl Iterator<Item = (&str, &ScorerSignature)> {
        self.scorers.iter().map(|kind| (&*kind.name, &kind.signature))
    }

    /// The outputs of each kind, in the order of [`Registry::scorers`], as functions of its inputs.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = &[Arc<OutputOf>]> {
        self.scorers.iter().map(|kind| &*kind.outputs)
    }

    /// The functions with their signatures.
    pub fn functions(&self) -> impl Iterator<Item = (&Signature, &Arc<dyn Function>)> {
        self.functions.iter().map(|own| (&own.signature, &own.value))
    }

    /// The operators with their signatures.
    pub fn operators(&self) -> impl Iterator<Item = (&OperatorSignature, &Arc<dyn RowOperator>)> {
        self.operators.iter().map(|own| (&own.signature, &own.value))
    }

    /// The embeddings with their signatures.
    pub fn embeddings(&self) -> impl Iterator<Item = (&EmbeddingSignature, &Arc<dyn Embedding>)> {
        self.embeddings.iter().map(|own| (&own.signature, &own.value))
    }

    /// The operator of that name.
    pub(crate) fn operator_named(
        &self,
        name: &str,
    ) -> Option<(&OperatorSignature, &Arc<dyn RowOperator>)> {
        self.operators().find(|(signature, _)| signature.name == name)
    }

    /// Every name: of functions, of operators, of kinds of models, of embeddings.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let functions = self.functions.iter().map(|own| &*own.signature.name);
        let operators = self.operators.iter().map(|own| &*own.signature.name);
        functions
            .chain(operators)
            .chain(self.scorers.iter().map(|kind| &*kind.name))
            .chain(self.embeddings.iter().map(|own| &*own.signature.name))
    }

    /// Whether nothing is registered.
    pub fn is_empty(&self) -> bool {
        self.names().next().is_none()
    }

    /// Whether both have the same things, not only things of the same names.
    pub(crate) fn is_same(&self, other: &Registry) -> bool {
        fn all<T: ?Sized, S>(a: &[Registered<T, S>], b: &[Registered<T, S>]) -> bool {
            let pairs = || a.iter().zip(b);
            a.len() == b.len() && pairs().all(|(a, b)| Arc::ptr_eq(&a.value, &b.value))
        }
        fn both(a: &Kind, b: &Kind) -> bool {
            a.name == b.name && a.outputs.iter().zip(&b.outputs).all(|(a, b)| Arc::ptr_eq(a, b))
        }
        let kinds = || self.scorers.iter().zip(&other.scorers);
        self.scorers.len() == other.scorers.len()
            && kinds().all(|(a, b)| both(a, b))
            && all(&self.functions, &other.functions)
            && all(&self.operators, &other.operators)
            && all(&self.embeddings, &other.embeddings)
    }

    /// Looks that every name is `usable` in a program, stands for one thing, and is not `taken`; that types are
    /// those that extensions can have.
    pub(crate) fn verify(
        &self,
        usable: &dyn Fn(&str) -> bool,
        taken: &dyn Fn(&str) -> bool,
    ) -> Result<(), Unusable> {
        let mut seen: Vec<&str> = Vec::new();
        for name in self.names() {
            if !usable(name) {
                return unusable(format!("`{name}` cannot be a name in a program"));
            }
            if taken(name) {
                return unusable(format!("`{name}` is built in: register it under another name"));
            }
            if seen.contains(&name) {
                return unusable(format!("`{name}` is registered twice"));
            }
            seen.push(name);
        }
        self.functions().try_for_each(|(signature, _)| function(signature, usable))?;
        self.operators().try_for_each(|(signature, _)| operator(signature, usable))?;
        self.scorers().try_for_each(|(kind, signature)| scorer(kind, signature, usable))?;
        self.embeddings().try_for_each(|(signature, _)| embedding(signature))
    }
}

fn unusable<T>(message: String) -> Result<T, Unusable> {
    Err(Unusable(message))
}

fn function(signature: &Signature, usable: &dyn Fn(&str) -> bool) -> Result<(), Unusable> {
    let name = &signature.name;
    params(name, &signature.params, usable)?;
    let types = signature.params.iter().map(|(_, ty)| ty);
    types.chain([&signature.result]).try_for_each(|ty| plain(name, ty))?;
    match signature.range {
        Some(_) if !signature.result.is_number() => {
            unusable(format!("`{name}` has a range, but its result is no number"))
        }
        Some((low, high)) if low.is_nan() || high.is_nan() || low > high => {
            unusable(format!("the range of `{name}` is empty: {low} to {high}"))
        }
        _ => Ok(()),
    }
}

fn operator(signature: &OperatorSignature, usable: &dyn Fn(&str) -> bool) -> Result<(), Unusable> {
    let name = &signature.name;
    params(name, &signature.params, usable)?;
    signature.params.iter().try_for_each(|(param, kind)| match kind {
        Argument::Row(ty) => plain(name, ty),
        Argument::Case([]) => unusable(format!("`{param}` of `{name}` has no case")),
        Argument::Case(cases) => match cases.iter().find(|case| !usable(case)) {
            Some(case) => unusable(format!("`{case}` cannot be a case of `{name}`")),
            None => Ok(()),
        },
        Argument::Number | Argument::Text | Argument::Key => Ok(()),
    })
}

fn params<T>(
    of: &str,
    params: &[(String, T)],
    usable: &dyn Fn(&str) -> bool,
) -> Result<(), Unusable> {
    for (i, (name, _)) in params.iter().enumerate() {
        if !usable(name) {
            return unusable(format!("`{name}` cannot be a parameter of `{of}`"));
        }
        if params[..i].iter().any(|(earlier, _)| earlier == name) {
            return unusable(format!("`{of}` has two parameters `{name}`"));
        }
    }
    Ok(())
}

fn plain(name: &str, ty: &Type) -> Result<(), Unusable> {
    match is_plain(ty) {
        true => Ok(()),
        false => unusable(format!(
            "`{name}` has {ty:?} in its signature; there can be int, float, bool, string, time and duration"
        )),
    }
}

fn scorer(
    kind: &str,
    signature: &ScorerSignature,
    usable: &dyn Fn(&str) -> bool,
) -> Result<(), Unusable> {
    let inputs: Vec<_> = signature.inputs.iter().map(|name| (name.clone(), ())).collect();
    let outputs = signature.outputs.iter().map(|output| (output.name().to_owned(), ()));
    params(kind, &inputs, usable)?;
    params(kind, &outputs.collect::<Vec<_>>(), usable)?;
    for (what, count) in [("input", inputs.len()), ("output", signature.outputs.len())] {
        if count == 0 {
            return unusable(format!("`{kind}` has no {what}"));
        }
    }
    Ok(())
}

fn embedding(signature: &EmbeddingSignature) -> Result<(), Unusable> {
    let EmbeddingSignature { name, entities, .. } = signature;
    if entities.is_empty() {
        return unusable(format!("`{name}` is an embedding of no entity"));
    }
    for (i, entity) in entities.iter().enumerate() {
        if entities[..i].contains(entity) {
            return unusable(format!("`{name}` names the entity `{entity}` twice"));
        }
    }
    for (what, number, can_be) in [
        ("dimension", signature.dim, 1..=MOST_NUMBERS),
        ("number of neighbours", signature.neighbours, 0..=MOST_NEIGHBOURS),
    ] {
        if !can_be.contains(&number) {
            let (least, most) = can_be.into_inner();
            return unusable(format!(
                "the {what} of `{name}` is {number}, it can be {least} to {most}"
            ));
        }
    }
    Ok(())
}
