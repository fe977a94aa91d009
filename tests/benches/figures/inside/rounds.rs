//! Some step against the start of a session, in turns: what slows the machine down for a while slows down both.

use std::time::Duration;

use crate::bench::Pace;
use crate::figure::{Absolute, Figure, Goal, median};

use super::Hostel;

/// Pairs of blocks in a round.
const BLOCKS: usize = 6;
const QUICK_BLOCKS: usize = 2;
/// Starts in a block.
const STARTS: usize = 20;

/// Medians of each round, in microseconds.
#[derive(Default)]
pub(crate) struct Rounds {
    starts: Vec<f64>,
    steps: Vec<f64>,
}

impl Rounds {
    /// Takes so many steps in a block. A step says itself what of it counts, in microseconds.
    pub(crate) async fn measure(
        hostel: &Hostel,
        pace: &Pace,
        steps: usize,
        mut step: impl AsyncFnMut() -> Result<f64, String>,
    ) -> Result<Self, String> {
        let blocks = if pace.quick { QUICK_BLOCKS } else { BLOCKS };
        let mut rounds = Self::default();
        for round in 0..=pace.rounds {
            let (mut starts_us, mut steps_us) = (Vec::new(), Vec::new());
            for block in 0..blocks * 2 {
                // A B, B A, A B.
                if matches!(block % 4, 0 | 3) {
                    for _ in 0..STARTS {
                        starts_us.push(microseconds(hostel.start().await?));
                    }
                } else {
                    for _ in 0..steps {
                        steps_us.push(step().await?);
                    }
                }
            }
            // The first one warms up.
            if round > 0 {
                rounds.starts.push(median(&starts_us));
                rounds.steps.push(median(&steps_us));
            }
        }
        Ok(rounds)
    }

    pub(crate) fn starts(&self) -> &[f64] {
        &self.starts
    }

    pub(crate) fn steps(&self) -> &[f64] {
        &self.steps
    }

    /// Steps as multiples of starts.
    pub(crate) fn figure(
        &self,
        name: impl Into<String>,
        what: impl Into<String>,
        goal: Option<Goal>,
    ) -> Figure {
        let rounds = self.steps.iter().zip(&self.starts);
        Figure {
            name: name.into(),
            what: what.into(),
            unit: "x",
            goal,
            rounds: rounds.map(|(step, start)| step / start).collect(),
        }
    }
}

pub(crate) fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(crate) fn absolute(
    row: &'static str,
    case: impl Into<String>,
    microseconds: &[f64],
) -> Absolute {
    Absolute {
        row,
        case: case.into(),
        p50_us: Some(median(microseconds)),
        ..Absolute::default()
    }
}
