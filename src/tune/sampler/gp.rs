//! A Gaussian process with a constant mean and the Matérn 5/2 kernel, a lengthscale for each dimension; Rasmussen and
//! Williams (2006), algorithm 2.1 and equations 5.8, 5.9. Its hyperparameters maximise the posterior density.
//! Values are expected to be near standardised, points in units.

use super::descent::{Bounds, Limits, minimise};
use super::matrix::{backward, cholesky, dot, forward, inverse};

/// The most points that hyperparameters are fitted to: time is cubic in it.
const FITTED: usize = 160;

/// Logarithms of the lengthscales, of the variance of the signal and of the variance of the noise, in this order.
#[derive(Clone, Debug, PartialEq)]
pub struct Hyperparameters(Vec<f64>);

/// Normal prior of the logarithm of a hyperparameter, and the range it is searched in.
struct Prior {
    mean: f64,
    deviation: f64,
    low: f64,
    high: f64,
}

/// Longer lengthscales in more dimensions, as distances grow (Hvarfner et al. 2024), but less so than the distances:
/// of the priors tried on test functions this one was best.
fn lengthscale_prior(width: usize) -> Prior {
    let mean = 0.35_f64.ln() + 0.25 * (width as f64).ln();
    Prior { mean, deviation: 0.7, low: 0.01_f64.ln(), high: 100_f64.ln() }
}

const SIGNAL: Prior = Prior { mean: 0.0, deviation: 1.0, low: -6.0, high: 6.0 };
/// All trials see the same requests, so that noise is only the steps of an objective that are too fine to model.
const NOISE: Prior = Prior { mean: -13.0, deviation: 2.0, low: -18.0, high: 0.0 };

fn priors(width: usize) -> Vec<Prior> {
    (0..width).map(|_| lengthscale_prior(width)).chain([SIGNAL, NOISE]).collect()
}

impl Hyperparameters {
    /// The most probable ones for these values, which have to be finite; of many points only a part is read.
    pub fn fit(points: &[Vec<f64>], values: &[f64]) -> Hyperparameters {
        let (points, values) = thinned(points, values);
        let width = points.first().map_or(0, Vec::len);
        let priors = priors(width);
        let posterior = Posterior::new(&points, &values);
        let starts = starts(&priors);
        let mut ranked: Vec<(f64, Vec<f64>)> =
            starts.into_iter().map(|start| (posterior.value(&start, &priors), start)).collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let low: Vec<f64> = priors.iter().map(|prior| prior.low).collect();
        let high: Vec<f64> = priors.iter().map(|prior| prior.high).collect();
        let bounds = Bounds { low: &low, high: &high };
        let limits = Limits { evaluations: 40, gain: 1e-3 };
        let descended = ranked.into_iter().take(2).map(|(_, mut x)| {
            let value =
                minimise(|x, g| posterior.gradient(x, &priors, g), &mut x, &bounds, &limits);
            (value, x)
        });
        let best = descended.min_by(|a, b| a.0.total_cmp(&b.0));
        Hyperparameters(
            best.map_or_else(|| priors.iter().map(|prior| prior.mean).collect(), |(_, x)| x),
        )
    }

    /// How far a point can move along each dimension before its value is another.
    pub fn lengthscales(&self) -> impl Iterator<Item = f64> {
        self.0[..self.0.len() - 2].iter().map(|log| log.exp())
    }

    fn signal(&self) -> f64 {
        self.0[self.0.len() - 2].exp()
    }

    fn noise(&self) -> f64 {
        self.0[self.0.len() - 1].exp()
    }
}

/// Half of the points by value from the top, and every so many of the others.
fn thinned(points: &[Vec<f64>], values: &[f64]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    if values.len() > FITTED {
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        let rest = order.split_off(FITTED / 2);
        order.extend((0..FITTED / 2).map(|i| rest[i * rest.len() / (FITTED / 2)]));
    }
    order.iter().map(|&i| (points[i].clone(), values[i])).unzip()
}

/// The means of the priors, shorter and longer lengthscales, and more noise.
fn starts(priors: &[Prior]) -> Vec<Vec<f64>> {
    let width = priors.len() - 2;
    let start = |shift: f64, noise: f64| -> Vec<f64> {
        let lengthscales = priors[..width].iter().map(|prior| prior.mean + shift);
        lengthscales.chain([SIGNAL.mean, NOISE.mean + noise]).collect()
    };
    vec![start(0.0, 0.0), start(-1.0, 0.0), start(1.0, 0.0), start(0.0, 6.0)]
}

/// The posterior of hyperparameters.
struct Posterior<'a> {
    values: &'a [f64],
    /// Squared distances by dimension of every pair i > j, in the order of the lower half.
    squares: Vec<f64>,
    width: usize,
}

impl Posterior<'_> {
    fn new<'a>(points: &[Vec<f64>], values: &'a [f64]) -> Posterior<'a> {
        let width = points.first().map_or(0, Vec::len);
        let mut squares = Vec::with_capacity(points.len() * points.len() / 2 * width);
        for (i, a) in points.iter().enumerate() {
            for b in &points[..i] {
                squares.extend(a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)));
            }
        }
        Posterior { values, squares, width }
    }

    /// Covariances (lower half), and for each pair the derivative of its covariance by half of the squared distance,
    /// negated.
    fn covariances(&self, theta: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (n, width) = (self.values.len(), self.width);
        let inverses: Vec<f64> = theta[..width].iter().map(|log| (-2.0 * log).exp()).collect();
        let (signal, noise) = (theta[width].exp(), theta[width + 1].exp());
        let mut matrix = vec![0.0; n * n];
        let mut slopes = Vec::with_capacity(n * n / 2);
        let mut pairs = self.squares.chunks_exact(width.max(1));
        for i in 0..n {
            for j in 0..i {
                let square = pairs.next().map_or(0.0, |square| dot(square, &inverses));
                let (value, slope) = matern(square);
                matrix[i * n + j] = signal * value;
                slopes.push(signal * slope);
            }
            matrix[i * n + i] = signal + noise;
        }
        (matrix, slopes)
    }

    /// The negative logarithm, up to a constant; infinite where it cannot be computed.
    fn value(&self, theta: &[f64], priors: &[Prior]) -> f64 {
        let Some(lower) = cholesky(self.covariances(theta).0, self.values.len()) else {
            return f64::INFINITY;
        };
        let (mean, whitened) = centred(&lower, self.values);
        self.likelihood(&lower, &whitened) + 0.5 * mean * mean + surprise(theta, priors)
    }

    fn likelihood(&self, lower: &[f64], whitened: &[f64]) -> f64 {
        let n = self.values.len();
        0.5 * dot(whitened, whitened) + (0..n).map(|i| lower[i * n + i].ln()).sum::<f64>()
    }

    /// The value and its gradient.
    fn gradient(&self, theta: &[f64], priors: &[Prior], gradient: &mut [f64]) -> f64 {
        let (n, width) = (self.values.len(), self.width);
        let (matrix, slopes) = self.covariances(theta);
        let Some(lower) = cholesky(matrix.clone(), n) else { return f64::INFINITY };
        let (mean, whitened) = centred(&lower, self.values);
        let value =
            self.likelihood(&lower, &whitened) + 0.5 * mean * mean + surprise(theta, priors);
        let weights = backward(&lower, whitened);
        let inverse = inverse(&lower, n);
        gradient.fill(0.0);
        let noise = theta[width + 1].exp();
        let mut pair = 0;
        for i in 0..n {
            for j in 0..i {
                // Each pair stands for two entries, which cancels the half of the likelihood.
                let excess = inverse[i * n + j] - weights[i] * weights[j];
                gradient[width] += excess * matrix[i * n + j];
                let share = excess * slopes[pair];
                let squares = &self.squares[pair * width..(pair + 1) * width];
                gradient.iter_mut().zip(squares).for_each(|(g, square)| *g += share * square);
                pair += 1;
            }
            let excess = 0.5 * (inverse[i * n + i] - weights[i] * weights[i]);
            gradient[width] += excess * (matrix[i * n + i] - noise);
            gradient[width + 1] += excess * noise;
        }
        for k in 0..width {
            gradient[k] *= (-2.0 * theta[k]).exp();
        }
        for ((g, theta), prior) in gradient.iter_mut().zip(theta).zip(priors) {
            *g += (theta - prior.mean) / (prior.deviation * prior.deviation);
        }
        value
    }
}

/// The most probable mean of the process, and L⁻¹ of the values less it. Points in a cluster count less for it than
/// those apart, so that the mean stays that of the box when most points are near the best.
fn centred(lower: &[f64], values: &[f64]) -> (f64, Vec<f64>) {
    let mut whitened = forward(lower, values);
    let ones = forward(lower, &vec![1.0; values.len()]);
    // A standard normal prior: values are standardised.
    let mean = dot(&ones, &whitened) / (dot(&ones, &ones) + 1.0);
    whitened.iter_mut().zip(&ones).for_each(|(value, one)| *value -= mean * one);
    (mean, whitened)
}

fn surprise(theta: &[f64], priors: &[Prior]) -> f64 {
    theta
        .iter()
        .zip(priors)
        .map(|(theta, prior)| 0.5 * ((theta - prior.mean) / prior.deviation).powi(2))
        .sum()
}

/// The kernel of a squared distance, and its derivative by half of that distance, negated.
fn matern(square: f64) -> (f64, f64) {
    let r = (5.0 * square).sqrt();
    let decay = (-r).exp();
    ((1.0 + r + r * r / 3.0) * decay, 5.0 / 3.0 * (1.0 + r) * decay)
}

/// A process given the values of points.
pub struct Process {
    inverses: Vec<f64>,
    signal: f64,
    mean: f64,
    points: Vec<f64>,
    lower: Vec<f64>,
    weights: Vec<f64>,
}

/// What a process expects at a point, and the gradients of both.
pub struct Expected {
    pub mean: f64,
    pub deviation: f64,
    pub mean_gradient: Vec<f64>,
    pub deviation_gradient: Vec<f64>,
}

impl Process {
    /// The process of these hyperparameters given these values, which have to be finite.
    pub fn new(hyperparameters: &Hyperparameters, points: &[Vec<f64>], values: &[f64]) -> Process {
        let inverses: Vec<f64> =
            hyperparameters.lengthscales().map(|scale| 1.0 / (scale * scale)).collect();
        let signal = hyperparameters.signal();
        let mut process = Process {
            inverses,
            signal,
            mean: 0.0,
            points: points.concat(),
            lower: Vec::new(),
            weights: Vec::new(),
        };
        let mut noise = hyperparameters.noise();
        // Points close to each other can need more noise than was fitted. Enough noise always does.
        process.lower = loop {
            if let Some(lower) = cholesky(process.covariances(points, noise), points.len()) {
                break lower;
            }
            noise *= 10.0;
        };
        let (mean, whitened) = centred(&process.lower, values);
        (process.mean, process.weights) = (mean, backward(&process.lower, whitened));
        process
    }

    fn covariances(&self, points: &[Vec<f64>], noise: f64) -> Vec<f64> {
        let n = points.len();
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..i {
                matrix[i * n + j] = self.signal * matern(self.square(&points[i], &points[j])).0;
            }
            matrix[i * n + i] = self.signal + noise;
        }
        matrix
    }

    fn square(&self, a: &[f64], b: &[f64]) -> f64 {
        a.iter()
            .zip(b)
            .zip(&self.inverses)
            .map(|((a, b), inverse)| (a - b) * (a - b) * inverse)
            .sum()
    }

    /// Covariances of the points with `x`, and slopes as `matern` has them.
    fn cross(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let one = |point| {
            let (value, slope) = matern(self.square(point, x));
            (self.signal * value, self.signal * slope)
        };
        if x.is_empty() {
            return vec![one(&[]); self.weights.len()].into_iter().unzip();
        }
        self.points.chunks_exact(x.len()).map(one).unzip()
    }

    /// Mean and standard deviation, without noise, at `x`.
    pub fn at(&self, x: &[f64]) -> (f64, f64) {
        let covariances = self.cross(x).0;
        let whitened = forward(&self.lower, &covariances);
        (self.mean + dot(&covariances, &self.weights), self.deviation(&whitened))
    }

    fn deviation(&self, whitened: &[f64]) -> f64 {
        (self.signal - dot(whitened, whitened)).max(1e-12 * self.signal).sqrt()
    }

    /// The same with gradients.
    pub fn expect(&self, x: &[f64]) -> Expected {
        let (covariances, slopes) = self.cross(x);
        let whitened = forward(&self.lower, &covariances);
        let mean = self.mean + dot(&covariances, &self.weights);
        let deviation = self.deviation(&whitened);
        let solved = backward(&self.lower, whitened);
        let (mut mean_gradient, mut deviation_gradient) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        for (i, point) in self.points.chunks_exact(x.len().max(1)).enumerate() {
            let (for_mean, for_deviation) = (slopes[i] * self.weights[i], slopes[i] * solved[i]);
            for k in 0..x.len() {
                let change = (point[k] - x[k]) * self.inverses[k];
                mean_gradient[k] += for_mean * change;
                deviation_gradient[k] -= for_deviation * change;
            }
        }
        deviation_gradient.iter_mut().for_each(|g| *g /= deviation);
        Expected { mean, deviation, mean_gradient, deviation_gradient }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Random;
    use super::*;

    fn sample(n: usize, width: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
        let mut random = Random::new(5, 0);
        let points: Vec<Vec<f64>> =
            (0..n).map(|_| (0..width).map(|_| random.unit()).collect()).collect();
        let values = points.iter().map(|x| (7.0 * x[0]).sin() + 0.3 * x[1]).collect();
        (points, values)
    }

    #[test]
    fn posterior_of_two_points_is_the_one_worked_out_by_hand() {
        // Lengthscale 0.5, signal 1, noise 0.01; points 0 and 0.5, so that r = 1 between them and 1/2 from 0.25 to
        // both: k(1) = (1 + √5 + 5/3) e^-√5 = 0.523994, k(1/2) = (1 + √5/2 + 5/12) e^(-√5/2) = 0.828649.
        let hyperparameters = Hyperparameters(vec![0.5_f64.ln(), 0.0, 0.01_f64.ln()]);
        let process = Process::new(&hyperparameters, &[vec![0.0], vec![0.5]], &[1.0, 2.0]);
        // Both covariances are equal. With v = 1.01 + 0.523994 the mean of the process is 3 / v / (2 / v + 1), which
        // its prior draws to 0; that at the point is mean + k (3 - 2 mean) / v, and the variance 1 - 2 k² / v.
        let (near, v) = (0.828_649_f64, 1.01 + 0.523_994_f64);
        let (mean, deviation) = process.at(&[0.25]);
        let level = 3.0 / (2.0 + v);
        assert!((mean - level - near * (3.0 - 2.0 * level) / v).abs() < 1e-5, "{mean}");
        assert!((deviation.powi(2) - (1.0 - 2.0 * near * near / v)).abs() < 1e-5, "{deviation}");
    }

    #[test]
    fn gradient_of_the_posterior_is_that_of_differences() {
        let (points, values) = sample(9, 3);
        let posterior = Posterior::new(&points, &values);
        let priors = priors(3);
        let theta = [-1.0, -0.5, 0.3, 0.2, -3.0];
        let mut gradient = vec![0.0; 5];
        let value = posterior.gradient(&theta, &priors, &mut gradient);
        assert_eq!(value, posterior.value(&theta, &priors));
        for k in 0..5 {
            let moved = |by: f64| {
                let mut theta = theta;
                theta[k] += by;
                posterior.value(&theta, &priors)
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!(
                (difference - gradient[k]).abs() < 1e-6 * (1.0 + difference.abs()),
                "{k}: {difference} {gradient:?}"
            );
        }
    }

    #[test]
    fn gradient_of_what_is_expected_is_that_of_differences() {
        let (points, values) = sample(12, 3);
        let process =
            Process::new(&Hyperparameters(vec![-1.0, -0.5, 0.3, 0.2, -6.0]), &points, &values);
        let x = [0.31, 0.62, 0.47];
        let expected = process.expect(&x);
        assert_eq!((expected.mean, expected.deviation), process.at(&x));
        for k in 0..3 {
            let moved = |by: f64| {
                let mut x = x;
                x[k] += by;
                process.at(&x)
            };
            let (up, down) = (moved(1e-6), moved(-1e-6));
            assert!(((up.0 - down.0) / 2e-6 - expected.mean_gradient[k]).abs() < 1e-6);
            assert!(((up.1 - down.1) / 2e-6 - expected.deviation_gradient[k]).abs() < 1e-6);
        }
    }

    #[test]
    fn a_fit_finds_which_dimensions_matter_and_predicts() {
        let (points, values) = sample(40, 3);
        let fitted = Hyperparameters::fit(&points, &values);
        let scales: Vec<f64> = fitted.lengthscales().collect();
        assert!(scales[0] < scales[1] && scales[1] < scales[2], "{scales:?}");
        let (mean, deviation) = Process::new(&fitted, &points, &values).at(&[0.5, 0.5, 0.5]);
        assert!(
            (mean - (3.5_f64.sin() + 0.15)).abs() < 0.05 && deviation < 0.1,
            "{mean} {deviation}"
        );
    }

    #[test]
    fn equal_points_and_constant_values_are_no_trouble() {
        let points = vec![vec![0.5, 0.5]; 30];
        let fitted = Hyperparameters::fit(&points, &[0.0; 30]);
        let (mean, deviation) = Process::new(&fitted, &points, &[0.0; 30]).at(&[0.5, 0.5]);
        assert!(mean == 0.0 && deviation.is_finite());
    }

    #[test]
    fn many_points_are_thinned_to_the_best_and_some_of_the_rest() {
        let (points, values) = sample(400, 2);
        let (kept, best) = thinned(&points, &values);
        assert_eq!((kept.len(), best.len()), (FITTED, FITTED));
        assert_eq!(best[0], values.iter().copied().fold(f64::MIN, f64::max));
    }
}
