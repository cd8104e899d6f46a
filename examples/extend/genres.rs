//! An embedding of a Rust program: the genres of a film as a vector.

use igql::extend::{Column, Embedding, EmbeddingSignature, Failure};
use igql::schema::Metric;
use std::collections::{BTreeSet, HashMap};

/// `genres`: a 1 for each genre that a film has. Films without one have no vector.
pub struct Genres {
    signature: EmbeddingSignature,
    dim: usize,
    /// The genres of each film, as places of its vector.
    of: HashMap<i64, Vec<usize>>,
}

impl Genres {
    /// Of the text of `movies.csv`: `movieId,title,genres`, the last separated by `|`.
    pub fn parse(text: &str) -> Genres {
        let films = text.lines().skip(1).filter_map(|line| {
            let (key, genres) = (line.split_once(',')?.0, line.rsplit_once(',')?.1);
            let genres = genres.split('|').filter(|g| !g.starts_with('('));
            Some((key.parse().ok()?, genres.collect()))
        });
        let films: Vec<(i64, Vec<&str>)> = films.collect();
        let names: BTreeSet<&str> = films.iter().flat_map(|(_, g)| g).copied().collect();
        let place = |genre: &str| names.iter().position(|name| *name == genre);
        let places = |genres: &[&str]| genres.iter().filter_map(|genre| place(genre)).collect();
        let dim = names.len();
        Genres {
            signature: EmbeddingSignature::new("genres", &["movie"], dim as u32, Metric::Cosine),
            dim,
            of: films.iter().map(|(key, g)| (*key, places(g))).collect(),
        }
    }
}

impl Embedding for Genres {
    fn signature(&self) -> &EmbeddingSignature {
        &self.signature
    }

    fn vectors(&self, _entity: &str, keys: &Column, out: &mut [f32]) -> Result<(), Failure> {
        for (row, vector) in out.chunks_exact_mut(self.dim).enumerate() {
            let genres = keys.int(row).and_then(|key| self.of.get(&key));
            // what is left as it comes has no vector
            let Some(genres) = genres.filter(|genres| !genres.is_empty()) else {
                continue;
            };
            vector.fill(0.0);
            genres.iter().for_each(|&place| vector[place] = 1.0);
        }
        Ok(())
    }
}
