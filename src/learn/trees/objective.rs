//! From the margins that trees add up to what a model predicts.

/// What a model was trained for, which says what its margins mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Objective {
    /// The margin itself.
    Plain,
    /// The margin itself, which orders rows.
    Rank,
    /// The margin times its size.
    SignedSquare,
    /// `1 / (1 + exp(-factor * margin))` of each.
    Logistic { factor: f64 },
    /// `exp(margin)`.
    Exponential,
    /// `log1p(exp(margin))`.
    LogOnePlusExp,
    /// `exp(margin)`, divided by the sum over all classes.
    Softmax,
    /// The class of the largest margin.
    Largest,
    /// 1 above 0, else 0.
    Positive,
}

/// What numbers of a model are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// From 0 to 1.
    Probability,
    /// Numbers that only order rows.
    Rank,
    /// Numbers of a unit of their own.
    Value,
}

impl Objective {
    pub fn meaning(self) -> Meaning {
        match self {
            Objective::Logistic { .. } | Objective::Softmax => Meaning::Probability,
            Objective::Rank => Meaning::Rank,
            _ => Meaning::Value,
        }
    }

    /// How many numbers it makes of that many margins.
    pub fn outputs(self, margins: usize) -> usize {
        if self == Objective::Largest { 1 } else { margins }
    }

    /// What the margins of a row become, in 64 bits as LightGBM computes it. The numbers lie in the first places.
    pub fn of_doubles(self, margins: &mut [f64]) {
        match self {
            Objective::Plain | Objective::Rank => {}
            Objective::SignedSquare => margins.iter_mut().for_each(|x| *x *= x.abs()),
            Objective::Logistic { factor } => {
                margins.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-factor * *x).exp()));
            }
            Objective::Exponential => margins.iter_mut().for_each(|x| *x = x.exp()),
            Objective::LogOnePlusExp => margins.iter_mut().for_each(|x| *x = x.exp().ln_1p()),
            Objective::Softmax => {
                let most = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let mut sum = 0.0;
                for x in margins.iter_mut() {
                    *x = (*x - most).exp();
                    sum += *x;
                }
                margins.iter_mut().for_each(|x| *x /= sum);
            }
            Objective::Largest => margins[0] = largest(margins) as f64,
            Objective::Positive => {
                margins.iter_mut().for_each(|x| *x = f64::from(u8::from(*x > 0.0)));
            }
        }
    }

    /// The same in 32 bits, as XGBoost computes it.
    pub fn of_singles(self, margins: &mut [f64]) {
        let each = |margins: &mut [f64], f: fn(f32) -> f32| {
            margins.iter_mut().for_each(|x| *x = f64::from(f(*x as f32)));
        };
        match self {
            Objective::Logistic { .. } => each(margins, sigmoid),
            Objective::Exponential => each(margins, f32::exp),
            Objective::Softmax => softmax(margins),
            _ => self.of_doubles(margins),
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    // the bound keeps the power finite, as XGBoost does it
    1.0 / ((-x).min(88.7).exp() + 1.0 + 1e-16)
}

fn softmax(margins: &mut [f64]) {
    let most = margins.iter().fold(f32::NEG_INFINITY, |most, &x| most.max(x as f32));
    let mut sum = 0.0;
    for x in margins.iter_mut() {
        let power = (*x as f32 - most).exp();
        *x = f64::from(power);
        sum += *x;
    }
    margins.iter_mut().for_each(|x| *x = f64::from(*x as f32 / sum as f32));
}

/// The place of the largest number; of several the first.
fn largest(numbers: &[f64]) -> usize {
    let mut found = 0;
    for (place, number) in numbers.iter().enumerate() {
        if *number > numbers[found] {
            found = place;
        }
    }
    found
}
