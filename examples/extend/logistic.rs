//! A scorer of a Rust program: a logistic regression whose weights come from a file.

use igql::extend::{Failure, Output, Scorer, ScorerSignature};

/// `logistic([a, b])`: a probability, from as many inputs as the file has weights. Null if any input is.
pub struct Logistic {
    signature: ScorerSignature,
    bias: f64,
    weights: Vec<f64>,
}

impl Logistic {
    /// Reads lines of `name weight`; the weight of `bias` is that of no input.
    pub fn parse(text: &str) -> Result<Logistic, Failure> {
        let mut bias = 0.0;
        let (mut names, mut weights) = (Vec::new(), Vec::new());
        for (number, line) in text.lines().enumerate() {
            let wrong =
                || Failure::new(format!("line {}: expected `name weight`: {line}", number + 1));
            let (name, weight) = line.split_once(' ').ok_or_else(wrong)?;
            let weight: f64 = weight.trim().parse().map_err(|_| wrong())?;
            match name {
                "bias" => bias = weight,
                _ => {
                    names.push(name);
                    weights.push(weight);
                }
            }
        }
        Ok(Logistic {
            signature: ScorerSignature::new(&names, &[Output::Probability("p")]),
            bias,
            weights,
        })
    }
}

impl Scorer for Logistic {
    fn signature(&self) -> &ScorerSignature {
        &self.signature
    }

    fn score(&self, inputs: &[&[f64]], out: &mut [f64]) -> Result<(), Failure> {
        out.fill(self.bias);
        for (input, weight) in inputs.iter().zip(&self.weights) {
            let terms = out.iter_mut().zip(*input);
            terms.for_each(|(sum, value)| *sum += weight * value);
        }
        out.iter_mut().for_each(|sum| *sum = 1.0 / (1.0 + (-*sum).exp()));
        Ok(())
    }
}
