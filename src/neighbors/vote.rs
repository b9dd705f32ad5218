//! What neighbours say of a query: classes by vote, targets by average.

use crate::common::error::check_length;
use crate::common::{Error, Result, memory};
use crate::linalg::norms::pairwise_sum;
use crate::neighbors::results::Neighbor;

/// How much a neighbour counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// All the same.
    Uniform,
    /// By the inverse of the distance; where a distance is 0, those neighbours count 1 and the others 0.
    Distance,
}

impl Weights {
    /// The weight of each neighbour, into `out`.
    fn of(self, found: &[Neighbor], out: &mut Vec<f64>) {
        out.clear();
        match self {
            Self::Uniform => out.resize(found.len(), 1.0),
            Self::Distance if found.iter().any(|neighbor| neighbor.distance == 0.0) => {
                out.extend(found.iter().map(|neighbor| f64::from(u8::from(neighbor.distance == 0.0))));
            }
            Self::Distance => out.extend(found.iter().map(|neighbor| 1.0 / neighbor.distance)),
        }
    }
}

/// The classes of the training rows.
#[derive(Debug, Clone, Copy)]
pub struct Classes<'a> {
    /// Row-major, shape `(n_rows, n_outputs)`; each less than the output's number of classes.
    pub codes: &'a [i64],
    /// Number of classes of each output.
    pub n_classes: &'a [usize],
}

impl<'a> Classes<'a> {
    /// The codes of `n_rows` rows.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Corrupt`] if an output has no class.
    pub fn new(codes: &'a [i64], n_classes: &'a [usize], n_rows: usize) -> Result<Self> {
        if n_classes.is_empty() || n_classes.contains(&0) {
            return Err(Error::Corrupt("classes_ must hold a class for each output"));
        }
        check_length("codes", codes.len(), memory::checked_len(n_rows, n_classes.len())?)?;
        Ok(Self { codes, n_classes })
    }

    /// Classes of all outputs.
    pub fn total(&self) -> usize {
        self.n_classes.iter().sum()
    }
}

/// Votes of the neighbours of one query after the other.
#[derive(Debug)]
pub struct Ballot<'a> {
    classes: Classes<'a>,
    weights: Weights,
    weight: Vec<f64>,
    /// Votes of one query, the classes of all outputs one after the other.
    votes: Vec<f64>,
}

impl<'a> Ballot<'a> {
    /// An empty ballot.
    pub fn new(classes: Classes<'a>, weights: Weights) -> Self {
        Self { classes, weights, weight: Vec::new(), votes: vec![0.0; classes.total()] }
    }

    /// The sums of weights for each class, outputs one after the other.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the code of a neighbour is not a class; [`Error::InvalidArgument`] if there are neighbours
    /// and none counts: all are infinitely far.
    pub fn count(&mut self, found: &[Neighbor]) -> Result<&[f64]> {
        let Self { classes, weights, weight, votes } = self;
        let n_outputs = classes.n_classes.len();
        weights.of(found, weight);
        if !found.is_empty() && weight.iter().all(|&weight| weight == 0.0) {
            return Err(Error::InvalidArgument("all neighbours of a row weigh nothing"));
        }
        votes.fill(0.0);
        for (neighbor, &weight) in found.iter().zip(weight.iter()) {
            let codes = &classes.codes[neighbor.row as usize * n_outputs..][..n_outputs];
            let mut first = 0;
            for (&code, &n_classes) in codes.iter().zip(classes.n_classes) {
                let votes = &mut votes[first..first + n_classes];
                let class = usize::try_from(code).ok().and_then(|code| votes.get_mut(code));
                *class.ok_or(Error::Corrupt("_y must hold positions in classes_"))? += weight;
                first += n_classes;
            }
        }
        Ok(votes)
    }

    /// The class with most votes for each output, the lowest of equal ones. Shape `(n_outputs,)`.
    ///
    /// # Errors
    /// As [`Ballot::count`].
    pub fn elect(&mut self, found: &[Neighbor], out: &mut [i64]) -> Result<()> {
        self.count(found)?;
        let mut rest = self.votes.as_slice();
        for (winner, &n_classes) in out.iter_mut().zip(self.classes.n_classes) {
            let (votes, others) = rest.split_at(n_classes);
            rest = others;
            let mut best = 0;
            for class in 1..n_classes {
                if votes[class] > votes[best] {
                    best = class;
                }
            }
            *winner = best as i64;
        }
        Ok(())
    }

    /// The fractions of the votes for each class; `outs` has a slice of shape `(n_classes,)` for each output.
    ///
    /// # Errors
    /// As [`Ballot::count`].
    pub fn fractions<'o>(&mut self, found: &[Neighbor], outs: impl Iterator<Item = &'o mut [f64]>) -> Result<()> {
        let mut rest = self.count(found)?;
        for out in outs {
            let (votes, others) = rest.split_at(out.len());
            rest = others;
            let total = pairwise_sum(votes);
            out.iter_mut().zip(votes).for_each(|(fraction, vote)| *fraction = vote / total);
        }
        Ok(())
    }
}

/// Targets of the training rows as they are stored, row-major with shape `(n_rows, n_outputs)`.
#[derive(Debug, Clone, Copy)]
pub enum Targets<'a> {
    /// In double precision.
    F64(&'a [f64]),
    /// In single precision.
    F32(&'a [f32]),
    /// Whole numbers.
    I64(&'a [i64]),
}

impl Targets<'_> {
    /// Rows times outputs.
    pub fn len(&self) -> usize {
        match self {
            Self::F64(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::I64(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn get(&self, at: usize) -> f64 {
        match self {
            Self::F64(values) => values[at],
            Self::F32(values) => f64::from(values[at]),
            Self::I64(values) => values[at] as f64,
        }
    }
}

/// Averages of the targets of neighbours.
#[derive(Debug)]
pub struct Average<'a> {
    targets: Targets<'a>,
    n_outputs: usize,
    weights: Weights,
    weight: Vec<f64>,
    terms: Vec<f64>,
}

impl<'a> Average<'a> {
    /// Of targets with `n_outputs` a row.
    pub fn new(targets: Targets<'a>, n_outputs: usize, weights: Weights) -> Self {
        Self { targets, n_outputs, weights, weight: Vec::new(), terms: Vec::new() }
    }

    /// The weighted mean for each output, NaN without neighbours. Shape `(n_outputs,)`.
    pub fn of(&mut self, found: &[Neighbor], out: &mut [f64]) {
        self.weights.of(found, &mut self.weight);
        let total = pairwise_sum(&self.weight);
        for (output, mean) in out.iter_mut().enumerate() {
            self.terms.clear();
            let target = |neighbor: &Neighbor| self.targets.get(neighbor.row as usize * self.n_outputs + output);
            self.terms.extend(found.iter().zip(&self.weight).map(|(neighbor, weight)| target(neighbor) * weight));
            // In NumPy's order of summation: one after the other where several means are taken at once.
            let is_joint = self.n_outputs > 1 && self.weights == Weights::Uniform;
            let sum = if is_joint { self.terms.iter().sum() } else { pairwise_sum(&self.terms) };
            *mean = sum / total;
        }
    }
}
