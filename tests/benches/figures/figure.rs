//! A figure: what was measured in each round, what it should be, and whether it is.

use serde::Serialize;

use crate::process::Memory;

/// What a figure should come to.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Goal {
    better: Better,
    reach: f64,
    beyond: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Lower,
    Higher,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Beyond,
    Reached,
    Missed,
}

impl Goal {
    pub(crate) const fn at_most(reach: f64, beyond: f64) -> Self {
        Self {
            better: Better::Lower,
            reach,
            beyond,
        }
    }

    pub(crate) const fn at_least(reach: f64, beyond: f64) -> Self {
        Self {
            better: Better::Higher,
            reach,
            beyond,
        }
    }

    pub(crate) fn verdict(&self, value: f64) -> Verdict {
        let fits = |bound: f64| match self.better {
            Better::Lower => value <= bound,
            Better::Higher => value >= bound,
        };
        if fits(self.beyond) {
            Verdict::Beyond
        } else if fits(self.reach) {
            Verdict::Reached
        } else {
            Verdict::Missed
        }
    }

    /// Both bounds as people write them: `<= 1.8`.
    pub(crate) fn shown(&self, unit: &str) -> (String, String) {
        let sign = match self.better {
            Better::Lower => "<=",
            Better::Higher => ">=",
        };
        let show = |bound: f64| format!("{sign} {bound}{unit}");
        (show(self.reach), show(self.beyond))
    }
}

impl Verdict {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Beyond => "beyond",
            Self::Reached => "reached",
            Self::Missed => "MISSED",
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) what: String,
    /// `x`, ` kB`, ` MB`: written right after the number.
    pub(crate) unit: &'static str,
    /// None: shown beside the others to explain them.
    pub(crate) goal: Option<Goal>,
    /// One value per round.
    pub(crate) rounds: Vec<f64>,
}

impl Figure {
    pub(crate) fn ratio(
        name: impl Into<String>,
        what: impl Into<String>,
        goal: Goal,
        rounds: Vec<f64>,
    ) -> Self {
        Self {
            name: name.into(),
            what: what.into(),
            unit: "x",
            goal: Some(goal),
            rounds,
        }
    }

    pub(crate) fn median(&self) -> f64 {
        median(&self.rounds)
    }

    pub(crate) fn least(&self) -> f64 {
        self.rounds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn most(&self) -> f64 {
        self.rounds
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max)
    }

    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.goal.map(|goal| goal.verdict(self.median()))
    }
}

/// NaN when there is nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2);
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2);
    match (lower, upper) {
        (Some(lower), Some(upper)) => f64::midpoint(*lower, *upper),
        _ => f64::NAN,
    }
}

/// What was measured in itself, without a comparison: a line of the second table. Medians over the rounds.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Absolute {
    pub(crate) row: &'static str,
    pub(crate) case: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p50_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99_us: Option<f64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) note: String,
}

impl Absolute {
    /// What a process held.
    pub(crate) fn memory(row: &'static str, case: impl Into<String>, memory: Memory) -> Self {
        Self {
            row,
            case: case.into(),
            note: format!("VmRSS {} kB, VmPTE {} kB", memory.resident, memory.tables),
            ..Self::default()
        }
    }
}

/// What a row found out.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) figures: Vec<Figure>,
    pub(crate) absolutes: Vec<Absolute>,
    pub(crate) notes: Vec<String>,
}
