//! Functions of vectors: 32-bit numbers, computed in 64-bit.

use super::kit::by_row;
use super::ranges::{COUNT_OR_NULL, Range, UNKNOWN};
use super::{Call, Function, Measure, PLAIN, overload};
use crate::ann;
use crate::batch::Pace;
use crate::expr::facts::Facts;
use crate::expr::value::Val;
use crate::types::NULL_FLOAT;

/// Rounded to 32 bits, a similarity can exceed 1 by the last bit.
const COSINE: Range = Range::Fixed(Facts::between(-1.000_001, 1.000_001).or_null());

pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "dot",
        usage: "dot(a, b)",
        doc: "Sum of products, rounded to 32-bit as similarities are.",
        measures: Measure::Similarity,
        overloads: &[
            overload!(Vector, Vector => Float, Strict, UNKNOWN, |c, a| pairs(c, a, |x, y| {
                ann::similarity(ann::Metric::Dot, x, y)
            })),
        ],
        ..PLAIN
    },
    Function {
        name: "cosine",
        usage: "cosine(a, b)",
        doc: "Cosine of the angle, rounded to 32-bit as similarities are; null for a zero vector.",
        measures: Measure::Similarity,
        overloads: &[
            overload!(Vector, Vector => Float, Strict, COSINE, |c, a| pairs(c, a, |x, y| {
                ann::similarity(ann::Metric::Cosine, x, y)
            })),
        ],
        ..PLAIN
    },
    Function {
        name: "l2",
        usage: "l2(a, b)",
        doc: "Euclidean distance.",
        overloads: &[
            overload!(Vector, Vector => Float, Strict, COUNT_OR_NULL, |c, a| pairs(c, a, |x, y| {
                let squares = x.iter().zip(y).map(|(&p, &q)| (f64::from(p) - f64::from(q)).powi(2));
                Some(squares.sum::<f64>().sqrt())
            })),
        ],
        ..PLAIN
    },
    Function {
        name: "norm",
        usage: "norm(a)",
        doc: "Euclidean norm.",
        overloads: &[
            overload!(Vector => Float, Strict, COUNT_OR_NULL, |c, a| pairs(c, &[a[0].view(), a[0].view()], |x, _| {
                Some(x.iter().map(|&p| f64::from(p) * f64::from(p)).sum::<f64>().sqrt())
            })),
        ],
        ..PLAIN
    },
];

fn pairs(call: &Call, args: &[Val], f: impl Fn(&[f32], &[f32]) -> Option<f64>) -> Val<'static> {
    let (Val::Vector(a, x), Val::Vector(b, y)) = (&args[0], &args[1]) else {
        return Val::null(&crate::types::Type::Float);
    };
    let mut rooms = (Vec::new(), Vec::new());
    let pace = Pace::new(call.stop);
    Val::F64(by_row(call, args, |i| match (x.at(a.get(i)), y.at(b.get(i))) {
        (Some(a), Some(b)) if a.len() == b.len() && !pace.is_due_before(50 + 2 * a.len()) => {
            let (a, b) = (a.decode(&mut rooms.0), b.decode(&mut rooms.1));
            f(a, b).filter(|v| v.is_finite()).unwrap_or(NULL_FLOAT)
        }
        _ => NULL_FLOAT,
    }))
}
