//! How long steps are as a descent goes on.

/// Below this, steps are no longer made shorter.
const MIN_RATE: f64 = 1e-6;

/// How the length of steps follows from the first one's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// It stays.
    Constant,
    /// Divided by the number of steps, to the given power.
    InverseScaling(f64),
    /// Divided by five whenever there is no more progress.
    Adaptive,
    /// Multiplied by `factor` once every so many epochs.
    Step {
        /// What it is multiplied by.
        factor: f64,
        /// Epochs.
        every: f64,
    },
    /// The same, little by little.
    Exponential {
        /// What it is multiplied by.
        factor: f64,
        /// Epochs.
        every: f64,
    },
}

/// The length of steps.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    schedule: Schedule,
    first: f64,
}

impl Rate {
    /// Steps that are `first` long to begin with.
    pub fn new(schedule: Schedule, first: f64) -> Self {
        Self { schedule, first }
    }

    /// Of a step, the first of which is number 1, in an epoch, the first of which is number 0.
    pub fn at(&self, step: u64, epoch: usize) -> f64 {
        let epoch = epoch as f64;
        match self.schedule {
            Schedule::Constant | Schedule::Adaptive => self.first,
            Schedule::InverseScaling(power) => self.first / (step as f64).powf(power),
            Schedule::Step { factor, every } => self.first * factor.powf((epoch / every).floor()),
            Schedule::Exponential { factor, every } => self.first * factor.powf(epoch / every),
        }
    }

    /// Hears that there is no more progress; whether it makes steps shorter.
    pub fn shorten(&mut self) -> bool {
        let shortens = self.schedule == Schedule::Adaptive && self.first > MIN_RATE;
        if shortens {
            self.first /= 5.0;
        }
        shortens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_follow_their_schedules() {
        let rates = |schedule, steps: &[(u64, usize)]| -> Vec<f64> {
            steps.iter().map(|&(step, epoch)| Rate::new(schedule, 0.5).at(step, epoch)).collect()
        };
        assert_eq!(rates(Schedule::Constant, &[(1, 0), (9, 3)]), [0.5, 0.5]);
        assert_eq!(rates(Schedule::InverseScaling(0.5), &[(1, 0), (4, 0), (16, 1)]), [0.5, 0.25, 0.125]);
        let (factor, every) = (0.25, 2.0);
        assert_eq!(
            rates(Schedule::Step { factor, every }, &[(1, 0), (1, 1), (1, 2), (1, 5)]),
            [0.5, 0.5, 0.125, 0.03125]
        );
        assert_eq!(rates(Schedule::Exponential { factor, every }, &[(1, 0), (1, 1), (1, 2)]), [0.5, 0.25, 0.125]);
    }

    #[test]
    fn only_adaptive_steps_get_shorter_and_not_for_ever() {
        assert!(!Rate::new(Schedule::Constant, 0.5).shorten());
        let mut rate = Rate::new(Schedule::Adaptive, 0.5);
        assert!(rate.shorten());
        assert_eq!(rate.at(7, 3), 0.1);
        assert_eq!((0..100).take_while(|_| rate.shorten()).count(), 8);
    }
}
