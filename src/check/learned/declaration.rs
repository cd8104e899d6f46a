//! A declaration of something that is learnt, with all that decides what comes of it.

use super::topics::Topics;
use crate::catalog::schema::{FoldIn, Metric};
use crate::check::trained::{Network, Trained};
use crate::expr::EdgeExpr;
use crate::source::Span;
use crate::store::learned::{Kind, Space};
use crate::types::EntityId;
use std::sync::Arc;

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// It was not given, and has no default.
    Absent,
    Whole(i64),
    Number(f64),
    Flag(bool),
    /// One of its cases, or the word that stands in the place of a number.
    Case(&'static str),
    /// In microseconds.
    Duration(i64),
    Edge(Box<EdgeExpr>),
    /// A column of the edge.
    Column(usize),
    /// Columns of the entity, in the order of their names.
    Texts(Vec<String>),
    /// The number of an embedding.
    Embedding(u32),
    /// What the topic of a row is.
    Topics(Box<Topics>),
}

/// `edge similar = itemknn(likes, k=100)`, checked.
#[derive(Clone, Debug)]
pub struct Declaration {
    pub kind: Kind,
    pub name: String,
    pub learner: &'static str,
    /// The entities that it is about.
    pub entities: Vec<EntityId>,
    /// Every parameter with its value, and that as text.
    pub settings: Vec<(&'static str, Setting, String)>,
    /// The learner with every parameter, and with the edges that it reads written out.
    pub text: String,
    /// A hash of the text: versions with it were trained from this declaration.
    pub hash: String,
    pub span: Span,
    /// Of a model that is trained on examples, all that it says.
    pub model: Option<Arc<Trained>>,
}

impl Declaration {
    /// The value of a parameter.
    ///
    /// # Panics
    /// If the learner has no such parameter.
    pub fn setting(&self, name: &str) -> &Setting {
        let found = self.settings.iter().find(|(param, ..)| *param == name);
        &found.unwrap_or_else(|| panic!("`{}` has no parameter `{name}`", self.learner)).1
    }

    /// A whole number; none where a word stands in its place.
    pub fn whole(&self, name: &str) -> Option<i64> {
        match self.setting(name) {
            Setting::Whole(n) => Some(*n),
            _ => None,
        }
    }

    /// A whole number that is always there, and not negative.
    pub fn size(&self, name: &str) -> usize {
        self.whole(name).unwrap_or_default() as usize
    }

    /// A number that is always there.
    pub fn number(&self, name: &str) -> f64 {
        match self.setting(name) {
            Setting::Number(x) => *x,
            Setting::Whole(n) => *n as f64,
            _ => 0.0,
        }
    }

    pub fn flag(&self, name: &str) -> bool {
        matches!(self.setting(name), Setting::Flag(true))
    }

    /// Whether a parameter has that case, or that word.
    pub fn is(&self, name: &str, case: &str) -> bool {
        matches!(self.setting(name), Setting::Case(found) if *found == case)
    }

    /// In microseconds, if it was given.
    pub fn duration(&self, name: &str) -> Option<i64> {
        match self.setting(name) {
            Setting::Duration(us) => Some(*us),
            _ => None,
        }
    }

    /// The column of the edge, if one was given.
    pub fn column(&self, name: &str) -> Option<usize> {
        match self.setting(name) {
            Setting::Column(place) => Some(*place),
            _ => None,
        }
    }

    /// The number of the embedding whose vectors are read, if it is given one.
    pub fn embedding(&self) -> Option<u32> {
        self.settings.iter().find_map(|(_, setting, _)| match setting {
            Setting::Embedding(number) => Some(*number),
            _ => None,
        })
    }

    /// What is learned of rows, if that is their topic.
    pub fn topics(&self) -> Option<&Topics> {
        self.settings.iter().find_map(|(_, setting, _)| match setting {
            Setting::Topics(topics) => Some(&**topics),
            _ => None,
        })
    }

    /// The columns of the entity whose texts are read.
    pub fn texts(&self) -> &[String] {
        let found = self.settings.iter().find_map(|(_, setting, _)| match setting {
            Setting::Texts(columns) => Some(&columns[..]),
            _ => None,
        });
        found.unwrap_or_default()
    }

    /// Of an embedding, what its vectors are like.
    pub fn space(&self) -> Option<Space> {
        if let Some(Network::TwoTower(towers)) = self.model.as_ref().map(|model| &model.kind) {
            return Some(Space { dim: towers.dim, metric: Metric::Cosine, fold_in: None });
        }
        let dim = (self.kind == Kind::Embedding).then(|| self.whole("dim")).flatten()?;
        let fold_in = (self.learner == "als").then(|| self.fold_in());
        let metric = if fold_in.is_some() { Metric::Dot } else { Metric::Cosine };
        Some(Space { dim: dim as u32, metric, fold_in })
    }

    fn fold_in(&self) -> FoldIn {
        FoldIn {
            reg: self.number("reg"),
            by_count: self.is("reg_scale", "count"),
            alpha: self.number("alpha"),
            weighted: self.flag("weighted"),
            newest: self.whole("fold_in").unwrap_or_default() as u32,
        }
    }

    /// Whether it learns vectors of what stands around its entities as well.
    pub fn has_output(&self) -> bool {
        self.learner == "skipgram"
    }

    /// What versions of it are called in what is learned from them (see `schema::Embedding::meaning`).
    pub fn meaning(&self) -> String {
        format!("{}#{}", self.name, self.hash)
    }

    /// The age above which a version is reported as old, in microseconds.
    pub fn max_age(&self) -> Option<i64> {
        match &self.model {
            Some(model) => model.max_age,
            None => self.duration("max_age"),
        }
    }

    pub fn seed(&self) -> i64 {
        let of_model = self.model.as_ref().map(|model| model.seed);
        of_model.unwrap_or_else(|| self.whole("seed").unwrap_or_default())
    }

    /// The edge that it is learnt from, if it is learnt from links.
    pub fn edge(&self) -> Option<&EdgeExpr> {
        self.settings.iter().find_map(|(_, setting, _)| match setting {
            Setting::Edge(edge) => Some(&**edge),
            _ => None,
        })
    }
}
