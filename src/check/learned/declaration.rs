//! A declaration of something that is learnt, with all that decides what comes of it.

use crate::catalog::schema::Metric;
use crate::check::trained::Trained;
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

    /// Of an embedding, what its vectors are like.
    pub fn space(&self) -> Option<Space> {
        let dim = (self.kind == Kind::Embedding).then(|| self.whole("dim")).flatten()?;
        Some(Space { dim: dim as u32, metric: Metric::Cosine })
    }

    /// Whether it learns vectors of what stands around its entities as well.
    pub fn has_output(&self) -> bool {
        self.learner == "skipgram"
    }

    pub fn seed(&self) -> i64 {
        let of_model = self.model.as_ref().map(|model| model.seed);
        of_model.unwrap_or_else(|| self.whole("seed").unwrap_or_default())
    }

    /// The edge that it is learnt from.
    pub fn edge(&self) -> Option<&EdgeExpr> {
        self.settings.iter().find_map(|(_, setting, _)| match setting {
            Setting::Edge(edge) => Some(&**edge),
            _ => None,
        })
    }
}
