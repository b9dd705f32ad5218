//! A line search for a step that lowers a function enough and flattens its derivative enough.
//!
//! The step is sought in an interval that shrinks around a minimum. While no step has lowered the function enough, the
//! function less the line of sufficient decrease is looked at instead; each new step is the minimum of a cubic or a
//! parabola through what is known at the ends of the interval, whichever is the safer. Constants and safeguards are those
//! of MINPACK-2's `dcsrch`, which SciPy's L-BFGS-B and Wolfe search stand on: the same values lead to the same steps.
//!
//! Reference: J. Moré, D. Thuente, "Line search algorithms with guaranteed sufficient decrease", 1994.

/// Share by which an interval has to shrink in two steps, unless it is halved.
const SHRINKS: f64 = 0.66;
/// How far beyond the last step the next may lie as long as no minimum is bracketed, at least and at most.
const EXTRAPOLATION: (f64, f64) = (1.1, 4.0);

/// When a step is taken.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Fraction of the initial derivative by which the function must fall.
    pub decrease: f64,
    /// Fraction of the initial derivative to which the derivative must fall.
    pub curvature: f64,
    /// Relative width of the interval at which the search gives up.
    pub width: f64,
    /// Shortest step.
    pub least: f64,
    /// Longest step.
    pub most: f64,
}

/// What is to be done after a step has been tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Try the new step.
    Try,
    /// The step meets both conditions.
    Found,
    /// The step does not, and no better one can be found.
    Stuck,
}

/// A step, with the value and the derivative of the function there.
#[derive(Debug, Clone, Copy)]
struct Point {
    step: f64,
    value: f64,
    derivative: f64,
}

impl Point {
    /// The same point of the function less a line through the origin.
    fn less(self, line: f64) -> Self {
        Self { step: self.step, value: self.value - self.step * line, derivative: self.derivative - line }
    }

    fn plus(self, line: f64) -> Self {
        self.less(-line)
    }
}

/// A running search.
#[derive(Debug)]
pub struct Search {
    rules: Rules,
    start: Point,
    /// The step with the least value so far.
    best: Point,
    /// The other end of the interval.
    other: Point,
    /// Where the next step may lie.
    range: (f64, f64),
    is_bracketed: bool,
    /// Whether a step has lowered the function enough.
    is_low: bool,
    width: f64,
    width_before: f64,
    step: f64,
}

impl Search {
    /// Begins with a step to try, given the value and the derivative of the function at zero; None if the derivative does not
    /// fall, or falls beyond all numbers, so that no decrease is enough, or the step is out of range.
    pub fn new(rules: Rules, step: f64, value: f64, derivative: f64) -> Option<Self> {
        let falls = derivative < 0.0 && derivative.is_finite();
        if !falls || !(rules.least..=rules.most).contains(&step) {
            return None;
        }
        let start = Point { step: 0.0, value, derivative };
        let width = rules.most - rules.least;
        let range = (0.0, step + EXTRAPOLATION.1 * step);
        let (is_bracketed, is_low) = (false, false);
        let (best, other, width_before) = (start, start, 2.0 * width);
        Some(Self { rules, start, best, other, range, is_bracketed, is_low, width, width_before, step })
    }

    /// The step to try.
    pub fn step(&self) -> f64 {
        self.step
    }

    /// Takes in the value and the derivative of the function at the step.
    pub fn judge(&mut self, value: f64, derivative: f64) -> Verdict {
        let line = self.rules.decrease * self.start.derivative;
        let enough = self.start.value + self.step * line;
        self.is_low |= value <= enough && derivative >= 0.0;
        if value <= enough && derivative.abs() <= self.rules.curvature * -self.start.derivative {
            return Verdict::Found;
        }
        let ends_high = self.step == self.rules.most && value <= enough && derivative <= line;
        let ends_low = self.step == self.rules.least && (value > enough || derivative >= line);
        if self.is_exhausted() || ends_high || ends_low {
            return Verdict::Stuck;
        }

        let tried = Point { step: self.step, value, derivative };
        if !self.is_low && value <= self.best.value && value > enough {
            (self.best, self.other) = (self.best.less(line), self.other.less(line));
            self.narrow(tried.less(line));
            (self.best, self.other) = (self.best.plus(line), self.other.plus(line));
        } else {
            self.narrow(tried);
        }

        let (best, other) = (self.best.step, self.other.step);
        if self.is_bracketed {
            if (other - best).abs() >= SHRINKS * self.width_before {
                self.step = best + 0.5 * (other - best);
            }
            self.width_before = self.width;
            self.width = (other - best).abs();
            self.range = (best.min(other), best.max(other));
        } else {
            let (near, far) = EXTRAPOLATION;
            self.range = (self.step + near * (self.step - best), self.step + far * (self.step - best));
        }
        self.step = self.step.max(self.rules.least).min(self.rules.most);
        if self.is_exhausted() {
            self.step = best;
        }
        Verdict::Try
    }

    /// Whether the interval leaves no room for another step.
    fn is_exhausted(&self) -> bool {
        let (low, high) = self.range;
        self.is_bracketed && (self.step <= low || self.step >= high || high - low <= self.rules.width * high)
    }

    /// Takes a tried step into the interval and chooses the next one.
    fn narrow(&mut self, tried: Point) {
        let best = self.best;
        let turns = tried.derivative * best.derivative.signum() < 0.0;
        let next = if tried.value > best.value {
            // Higher: a minimum lies in between.
            self.is_bracketed = true;
            let fraction = ratio(best, tried, false);
            let cubic = best.step + fraction * (tried.step - best.step);
            let chord = (best.value - tried.value) / (tried.step - best.step) + best.derivative;
            let parabola = best.step + best.derivative / chord / 2.0 * (tried.step - best.step);
            if (cubic - best.step).abs() <= (parabola - best.step).abs() {
                cubic
            } else {
                cubic + (parabola - cubic) / 2.0
            }
        } else if turns {
            // Lower, and rising again: a minimum lies in between.
            self.is_bracketed = true;
            let cubic = tried.step + ratio(tried, best, false) * (best.step - tried.step);
            farther(tried.step, cubic, secant(tried, best))
        } else if tried.derivative.abs() < best.derivative.abs() {
            // Lower, and flatter: on, but not too far.
            self.flatter(tried)
        } else if self.is_bracketed {
            tried.step + ratio(tried, self.other, false) * (self.other.step - tried.step)
        } else if tried.step > best.step {
            self.range.1
        } else {
            self.range.0
        };
        if tried.value > best.value {
            self.other = tried;
        } else {
            if turns {
                self.other = best;
            }
            self.best = tried;
        }
        self.step = next;
    }

    /// The next step where the function is lower and flatter than before.
    fn flatter(&self, tried: Point) -> f64 {
        let best = self.best;
        let fraction = ratio(tried, best, true);
        // Without a minimum of the cubic ahead, as far as may be.
        let cubic = if fraction < 0.0 {
            tried.step + fraction * (best.step - tried.step)
        } else if tried.step > best.step {
            self.range.1
        } else {
            self.range.0
        };
        let secant = secant(tried, best);
        if !self.is_bracketed {
            return farther(tried.step, cubic, secant).max(self.range.0).min(self.range.1);
        }
        let nearer = if (cubic - tried.step).abs() < (secant - tried.step).abs() { cubic } else { secant };
        let limit = tried.step + SHRINKS * (self.other.step - tried.step);
        if tried.step > best.step { nearer.min(limit) } else { nearer.max(limit) }
    }
}

/// The fraction of the way from one point to another at which the cubic through both has its minimum. With `may_be_flat`,
/// a cubic without one gives a share that is not negative.
fn ratio(from: Point, to: Point, may_be_flat: bool) -> f64 {
    let theta = 3.0 * (from.value - to.value) / (to.step - from.step) + from.derivative + to.derivative;
    let scale = theta.abs().max(from.derivative.abs()).max(to.derivative.abs());
    let square = (theta / scale).powi(2) - (from.derivative / scale) * (to.derivative / scale);
    let gamma = scale * if may_be_flat { square.max(0.0) } else { square }.sqrt();
    let gamma = if to.step < from.step { -gamma } else { gamma };
    if may_be_flat && gamma == 0.0 {
        return 0.0;
    }
    let numerator = (gamma - from.derivative) + theta;
    let denominator = if may_be_flat {
        (gamma + (to.derivative - from.derivative)) + gamma
    } else {
        ((gamma - from.derivative) + gamma) + to.derivative
    };
    numerator / denominator
}

/// Where the line through the derivatives at two points is zero.
fn secant(tried: Point, best: Point) -> f64 {
    tried.step + tried.derivative / (tried.derivative - best.derivative) * (best.step - tried.step)
}

/// Of two steps the one that is farther from `step`; the second if they are equally far.
fn farther(step: f64, first: f64, second: f64) -> f64 {
    if (first - step).abs() > (second - step).abs() { first } else { second }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { decrease: 1e-3, curvature: 0.1, width: 1e-10, least: 0.0, most: 1e10 };

    fn search(step: f64, f: impl Fn(f64) -> (f64, f64)) -> (Verdict, f64, usize) {
        let (value, derivative) = f(0.0);
        let mut search = Search::new(RULES, step, value, derivative).expect("a falling derivative");
        for tries in 1..100 {
            let step = search.step();
            let (value, derivative) = f(step);
            let verdict = search.judge(value, derivative);
            if verdict != Verdict::Try {
                return (verdict, step, tries);
            }
        }
        panic!("no end");
    }

    #[test]
    fn functions_of_the_paper_meet_both_conditions_from_near_and_far() {
        let functions: [fn(f64) -> (f64, f64); 3] = [
            |x| (-x / (x * x + 2.0), (x * x - 2.0) / (x * x + 2.0).powi(2)),
            |x| {
                ((x + 0.004).powi(5) - 2.0 * (x + 0.004).powi(4), 5.0 * (x + 0.004).powi(4) - 8.0 * (x + 0.004).powi(3))
            },
            |x| ((x - 3.0).powi(2) + 0.1 * (20.0 * x).sin(), 2.0 * (x - 3.0) + 2.0 * (20.0 * x).cos()),
        ];
        for f in functions {
            for first in [1e-3, 1e-1, 10.0, 1e3] {
                let (verdict, step, tries) = search(first, f);
                assert!(verdict == Verdict::Found && tries < 30, "{first}: {verdict:?} {step} {tries}");
                let ((start, derivative), (value, end)) = (f(0.0), f(step));
                assert!(
                    value <= start + RULES.decrease * step * derivative
                        && end.abs() <= RULES.curvature * derivative.abs()
                );
            }
        }
    }

    #[test]
    fn a_rising_derivative_has_no_search_and_a_falling_line_no_end() {
        for derivative in [0.0, 1.0, f64::NAN, f64::NEG_INFINITY] {
            assert!(Search::new(RULES, 1.0, 0.0, derivative).is_none());
        }
        assert_eq!(search(1.0, |x| (-x, -1.0)).0, Verdict::Stuck);
    }
}
