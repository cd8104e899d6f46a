//! Classifiers that programs read: the topic of a row from its vector.

use super::samples::FAILS;
use crate::catalog::DataError;
use crate::expr::functions::own::{Learnt, head, valued};
use crate::expr::texts::Texts;
use crate::expr::value::{Arg, Val};
use crate::extend::{Failure, Output};
use crate::learn::{ClassScratch, Classifier};
use crate::ops::Predictor;
use crate::store::Snapshot;
use crate::store::learned::{Keys, Tensor, Tensors, Version};
use crate::types::{Key, NULL_CODE, NULL_INT, Type};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::sync::Arc;

/// What a version of a classifier holds beside its arrays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TopicsDescription {
    /// The embedding whose vectors it reads, as the schema calls it: `ig2vec@3`. Vectors of another training mean
    /// something else.
    pub embedding: String,
    /// Of topics that are ids: their entity.
    pub entity: Option<String>,
    /// Numbers of a vector.
    pub dim: usize,
    pub classes: usize,
}

/// The array of the description, as JSON.
pub(crate) const TOPICS: &str = "topics";
const WEIGHTS: [&str; 4] = ["weights", "bias", "mean", "deviation"];
const SAMPLE: [&str; 3] = ["sample.vectors", "sample.classes", "sample.p"];

/// What is written of a classifier, with the key or the text of each of its classes.
pub(crate) struct WrittenTopics {
    description: Vec<u8>,
    classifier: Classifier,
    keys: Keys,
    sample: TopicSample,
}

impl WrittenTopics {
    /// With what it gives for some vectors.
    pub fn new(
        description: &TopicsDescription,
        classifier: Classifier,
        classes: &[Key],
        vectors: &[f32],
    ) -> WrittenTopics {
        WrittenTopics {
            description: serde_json::to_vec(description).expect("names are JSON"),
            sample: TopicSample::of(&classifier, vectors),
            classifier,
            keys: Keys::of_values(classes),
        }
    }

    pub fn tensors(&self) -> Vec<Tensor<'_>> {
        let of = &self.classifier;
        let shapes = [vec![of.classes, of.dim], vec![of.classes], vec![of.dim], vec![of.dim]];
        let arrays = [&of.weights, &of.bias, &of.mean, &of.deviation];
        let named = WEIGHTS.into_iter().zip(&shapes).zip(arrays);
        let mut tensors: Vec<Tensor> =
            named.map(|((name, shape), array)| Tensor::f32(name, shape, array)).collect();
        let [vectors, classes, p] = SAMPLE;
        let TopicSample { vectors: given, classes: found, p: with } = &self.sample;
        tensors.extend([
            Tensor::bytes(TOPICS, &self.description),
            Tensor::f32(vectors, &[given.len()], given),
            Tensor::u32(classes, found),
            Tensor::f32(p, &[with.len()], with),
        ]);
        tensors.extend(self.keys.tensors(0));
        tensors
    }
}

/// Vectors of the training, and what the classifier gave for them: whoever opens it computes that again.
struct TopicSample {
    vectors: Vec<f32>,
    classes: Vec<u32>,
    p: Vec<f32>,
}

impl TopicSample {
    fn of(classifier: &Classifier, vectors: &[f32]) -> TopicSample {
        let mut scratch = ClassScratch::default();
        let each = vectors.chunks_exact(classifier.dim.max(1));
        let found = each.filter_map(|vector| classifier.predict(vector, &mut scratch));
        let (classes, p) = found.unzip();
        TopicSample { vectors: vectors.to_vec(), classes, p }
    }

    fn read(tensors: &Tensors) -> Result<TopicSample, DataError> {
        let [vectors, classes, p] = SAMPLE;
        Ok(TopicSample {
            vectors: tensors.get(vectors)?.to_vec(),
            classes: tensors.get(classes)?.to_vec(),
            p: tensors.get(p)?.to_vec(),
        })
    }

    fn holds(&self, classifier: &Classifier) -> bool {
        let again = TopicSample::of(classifier, &self.vectors);
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-6;
        again.classes == self.classes
            && again.p.len() == self.p.len()
            && again.p.iter().zip(&self.p).all(near)
    }
}

/// The classifier of a version under its label.
pub(super) fn predictor(snapshot: &Snapshot, version: &Version, label: String) -> Predictor {
    match opened(snapshot, version) {
        Ok((classes, ty, number)) => made(label, Arc::new(classes), ty, Some(number)),
        Err(error) => Predictor {
            label,
            heads: Vec::new(),
            reads: None,
            topic: None,
            _learnt: None,
            wrong: Some(error.in_short()),
        },
    }
}

/// A classifier that nobody trained: both heads are null.
pub(super) fn assumed(label: String, ty: Type) -> Predictor {
    let values = if ty == Type::Int { Values::Ints(Vec::new()) } else { Values::Codes(Vec::new()) };
    let classes = Classes { classifier: None, values };
    made(label, Arc::new(classes), ty, None)
}

fn made(label: String, classes: Arc<Classes>, ty: Type, reads: Option<u32>) -> Predictor {
    let learnt: Arc<dyn Learnt> = classes;
    let topic = valued(&format!("{label}.topic"), &learnt, 0, ty.clone());
    let p = head(&format!("{label}.p_topic"), &learnt, 1, true);
    let heads = vec![(Output::Value("topic"), topic), (Output::Probability("p_topic"), p)];
    Predictor { label, heads, reads, topic: Some(ty), _learnt: Some(learnt), wrong: None }
}

/// The classifier of a version, the type of its topics, and the number of the embedding that it reads.
fn opened(snapshot: &Snapshot, version: &Version) -> Result<(Classes, Type, u32), DataError> {
    let wrong = |why: String| DataError::new(version.folder(), why);
    let tensors = version.tensors()?;
    let of: TopicsDescription = serde_json::from_slice(tensors.get(TOPICS)?)
        .map_err(|e| wrong(format!("the description of the topics cannot be read: {e}")))?;
    let classifier = read(&tensors, &of)?;
    let keys = Keys::read(&tensors, 0)?;
    if !classifier.fits_together() || keys.len() != of.classes {
        return Err(wrong("its weights do not fit together".to_owned()));
    }
    if !TopicSample::read(&tensors)?.holds(&classifier) {
        return Err(wrong(FAILS.to_owned()));
    }
    let number = embedding(snapshot, version, &of).ok_or_else(|| {
        let name = &of.embedding;
        wrong(format!("it was trained on the vectors of `{name}`, which are not there any more"))
    })?;
    let (values, ty) = values(snapshot, &of, &keys)
        .ok_or_else(|| wrong("the entity of its topics is not there any more".to_owned()))?;
    Ok((Classes { classifier: Some(classifier), values }, ty, number))
}

fn read(tensors: &Tensors, of: &TopicsDescription) -> Result<Classifier, DataError> {
    let [weights, bias, mean, deviation] = WEIGHTS;
    Ok(Classifier {
        dim: of.dim,
        classes: of.classes,
        weights: tensors.get(weights)?.to_vec(),
        bias: tensors.get(bias)?.to_vec(),
        mean: tensors.get(mean)?.to_vec(),
        deviation: tensors.get(deviation)?.to_vec(),
    })
}

/// The embedding that a version was trained on.
fn embedding(snapshot: &Snapshot, version: &Version, of: &TopicsDescription) -> Option<u32> {
    let schema = snapshot.schema();
    let entity = schema.find_entity(version.manifest.entities.first()?)?;
    let is_it = |e: &crate::catalog::schema::Embedding| {
        e.name == of.embedding && e.entities.contains(&entity) && e.dim as usize == of.dim
    };
    let number = schema.embeddings.iter().position(is_it)?;
    Some(number as u32)
}

/// What the classes are in a snapshot. Those that are gone are null.
fn values(snapshot: &Snapshot, of: &TopicsDescription, keys: &[Key]) -> Option<(Values, Type)> {
    if let Some(name) = &of.entity {
        let entity = snapshot.schema().find_entity(name)?;
        let row = |key| snapshot.row_of(entity, key).unwrap_or(NULL_CODE);
        return Some((Values::Codes(keys.iter().map(row).collect()), Type::Id(entity)));
    }
    let is_int = keys.iter().all(|key| matches!(key, Key::Int(_)));
    Some(match is_int {
        true => {
            let int = |key: &Key| if let Key::Int(int) = key { *int } else { NULL_INT };
            (Values::Ints(keys.iter().map(int).collect()), Type::Int)
        }
        false => {
            let code = |key: &Key| match key {
                Key::Str(text) => snapshot.code_of(text).unwrap_or(NULL_CODE),
                Key::Int(_) => NULL_CODE,
            };
            (Values::Codes(keys.iter().map(code).collect()), Type::String)
        }
    })
}

/// A classifier as a function of vectors: its heads are the most probable class, and its probability.
struct Classes {
    /// None of one that nobody trained.
    classifier: Option<Classifier>,
    values: Values,
}

/// What the classes are, by their numbers.
enum Values {
    /// Rows of an entity, or strings.
    Codes(Vec<u32>),
    Ints(Vec<i64>),
}

thread_local! {
    static ROOM: RefCell<(ClassScratch, Vec<f32>)> = RefCell::default();
}

impl Learnt for Classes {
    fn numbers(&self) -> usize {
        2
    }

    fn eval(&self, args: &[Val], n: usize, _: &Texts) -> Result<Vec<f64>, Failure> {
        let mut found = vec![f64::NAN; 2 * n];
        let (Some(classifier), [Val::Vector(slots, stored)]) = (&self.classifier, args) else {
            return Ok(found);
        };
        let (classes, probabilities) = found.split_at_mut(n);
        let (mut scratch, mut room) = ROOM.take();
        for row in 0..n {
            let vector = stored.at(slots.get(row)).map(|vector| vector.decode(&mut room));
            let predicted = vector.and_then(|vector| classifier.predict(vector, &mut scratch));
            if let Some((class, p)) = predicted {
                (classes[row], probabilities[row]) = (f64::from(class), f64::from(p));
            }
        }
        ROOM.set((scratch, room));
        Ok(found)
    }

    fn values(&self, classes: &[f64]) -> Val<'static> {
        fn of<T: Copy>(classes: &[f64], values: &[T], null: T) -> Arg<'static, T> {
            // NaN, of a row without a vector, is no class
            let value = |&class: &f64| match class >= 0.0 {
                true => values.get(class as usize).copied().unwrap_or(null),
                false => null,
            };
            Arg::Many(classes.iter().map(value).collect())
        }
        match &self.values {
            Values::Codes(codes) => Val::Code(of(classes, codes, NULL_CODE)),
            Values::Ints(ints) => Val::I64(of(classes, ints, NULL_INT)),
        }
    }
}
