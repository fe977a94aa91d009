//! What the host may take of the machine's memory, and what its configuration needs of it, term by term.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::api::COMPONENT_BYTES_MAX;
use crate::config::Config;
use crate::policy::Limits;

const MEMINFO: &str = "/proc/meminfo";
const CGROUP_OF_PROCESS: &str = "/proc/self/cgroup";
const CGROUPS: &str = "/sys/fs/cgroup";
const CGROUP_LIMIT: &str = "memory.max";
/// Of what the host is given, an eighth is its own and not for guests.
const OWN_SHARE: u64 = 8;
/// The stack of an instance, as the engine has it.
const STACK_BYTES: u64 = 1 << 20;
const TABLE_ELEMENT_BYTES: u64 = 16;
/// The process itself: its code, that of components, tables of sessions.
const OWN_BYTES: u64 = 256 << 20;

/// Bytes that the host may take: what the configuration says, or what the machine and the cgroups that the process is in have.
pub(super) fn given(config: &Config) -> u64 {
    config.memory_bytes.unwrap_or_else(|| {
        let machine = machine_bytes().unwrap_or(u64::MAX);
        cgroup_limits().fold(machine, u64::min)
    })
}

/// Of so much, what guests may have together.
pub(super) fn of_guests(given: u64) -> u64 {
    given - given / OWN_SHARE
}

/// Of so much, what the bodies of requests may take together: half of the host's own, and at least one component.
pub(super) fn of_bodies(given: u64) -> u64 {
    (given / OWN_SHARE / 2).max(COMPONENT_BYTES_MAX as u64)
}

/// Holds what the host is given against what its configuration needs: at least that one call can run with all that it may have, and all of
/// them if the configuration is strict. If it is not, the budget of guests holds what they take to what there is, and the log says so.
///
/// # Errors
/// It does not fit: the sum and its terms, in words for the operator.
pub(super) fn check(config: &Config, instances: u32, given: u64) -> Result<(), String> {
    let least = Needs::of(config, 1, 1);
    let told = |needs: &Needs, what: &str, way_out: &str| {
        let (sum, given) = (shown(needs.bytes()), shown(given));
        format!(
            "{what} is {sum}, and the host is given {given} (server.memory_bytes):\n{needs}\n{way_out}"
        )
    };
    if least.bytes() > given {
        let what = "the least that this configuration needs, for one call at a time,";
        return Err(told(&least, what, "lower some of these, or give it more"));
    }
    let worst = Needs::of(config, instances, config.calls_max);
    if worst.bytes() <= given {
        return Ok(());
    }
    if config.strict_memory {
        let what = "server.strict_memory: the worst that this configuration admits";
        let way_out = "lower some of these, or give it more; without server.strict_memory the host starts, and guests are refused memory when it is used up";
        return Err(told(&worst, what, way_out));
    }
    tracing::info!(
        worst = shown(worst.bytes()),
        given = shown(given),
        "the worst that this configuration admits does not fit: guests are refused memory when it is used up"
    );
    Ok(())
}

/// What a configuration needs for so many instances and calls.
struct Needs(Vec<Term>);

struct Term {
    what: &'static str,
    count: u64,
    bytes_each: u64,
    /// The keys that make it so.
    keys: &'static str,
}

impl Needs {
    fn of(config: &Config, instances: u32, calls: usize) -> Self {
        let backends = config.backends.values().map(|backend| &backend.settings);
        let all = || backends.clone().chain([&config.settings]);
        let largest = |part: fn(&Limits) -> usize| {
            let parts = all().map(|settings| part(&settings.limits) as u64);
            parts.max().unwrap_or_default()
        };
        let (instances, calls) = (u64::from(instances), calls as u64);
        let term = |what, count, bytes_each, keys| Term {
            what,
            count,
            bytes_each,
            keys,
        };
        let body = config.body_bytes_max as u64;
        Self(vec![
            term(
                "memories of instances",
                instances,
                largest(|limits| limits.memory_bytes),
                "server.max_sessions and 256, limits.memory_bytes",
            ),
            term(
                "tables of instances",
                instances,
                largest(|limits| limits.table_elements) * TABLE_ELEMENT_BYTES,
                "limits.table_elements",
            ),
            term(
                "stacks of instances",
                instances,
                STACK_BYTES,
                "server.max_sessions",
            ),
            term(
                "logs of instances",
                instances,
                largest(|limits| limits.log_bytes),
                "limits.log_bytes",
            ),
            term(
                "requests and answers of calls",
                calls,
                body + largest(|limits| limits.result_bytes),
                "server.max_calls, server.body_bytes_max, limits.result_bytes",
            ),
            term(
                "events of jobs that run",
                calls,
                config.jobs.event_bytes as u64,
                "server.max_calls, jobs.event_bytes",
            ),
            term(
                "answers of jobs that are done",
                1,
                config.jobs.kept_bytes as u64,
                "jobs.kept_bytes",
            ),
            term("the host itself, with compiled code", 1, OWN_BYTES, "fixed"),
        ])
    }

    fn bytes(&self) -> u64 {
        self.0.iter().map(Term::bytes).fold(0, u64::saturating_add)
    }
}

impl Term {
    fn bytes(&self) -> u64 {
        self.count.saturating_mul(self.bytes_each)
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, term) in self.0.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            let (bytes, each) = (shown(term.bytes()), shown(term.bytes_each));
            let Term {
                what, count, keys, ..
            } = term;
            write!(f, "  {bytes:>10}  {what}: {count} x {each} ({keys})")?;
        }
        Ok(())
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "one digit behind the point is shown"
)]
fn shown(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["GiB", "MiB", "KiB", "B"];
    let sizes = [1_u64 << 30, 1 << 20, 1 << 10, 1];
    let fitting = sizes.iter().zip(UNITS).find(|(size, _)| bytes >= **size);
    match fitting {
        Some((size, unit)) => format!("{:.1} {unit}", bytes as f64 / *size as f64),
        None => "0 B".to_owned(),
    }
}

fn machine_bytes() -> Option<u64> {
    let text = fs_err::read_to_string(MEMINFO).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

/// Those of the cgroup (version 2) that this process is in and of all around it.
fn cgroup_limits() -> impl Iterator<Item = u64> {
    let text = fs_err::read_to_string(CGROUP_OF_PROCESS).unwrap_or_default();
    let own = text.lines().find_map(|line| line.strip_prefix("0::"));
    let own = own.map(|path| Path::new(CGROUPS).join(path.trim_start_matches('/')));
    let around: Vec<PathBuf> = own
        .iter()
        .flat_map(|own| own.ancestors())
        .take_while(|path| path.starts_with(CGROUPS))
        .map(|path| path.join(CGROUP_LIMIT))
        .collect();
    around
        .into_iter()
        .filter_map(|limit| fs_err::read_to_string(limit).ok()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_said_term_by_term_and_what_fits_is_let_through() {
        let config = Config {
            strict_memory: true,
            ..Config::default()
        };
        let worst = Needs::of(&config, 1256, config.calls_max).bytes();
        let error = check(&config, 1256, 24 << 30).unwrap_err();
        for part in [
            "1256 x 64.0 MiB (server.max_sessions and 256, limits.memory_bytes)",
            "10000 x 8.0 MiB",
            "is given 24.0 GiB",
            "server.strict_memory",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        check(&config, 1256, worst).unwrap();
        check(&config, 1256, worst - 1).unwrap_err();
    }

    #[test]
    fn a_host_starts_on_a_small_machine_and_not_where_no_call_could_run() {
        let config = Config::default();
        check(&config, 1256, 512 << 20).unwrap();
        let error = check(&config, 1256, 100 << 20).unwrap_err();
        assert!(error.contains("is given 100.0 MiB"), "{error}");
        assert!(error.contains("1 x 64.0 MiB"), "{error}");
    }

    #[test]
    fn a_host_that_is_told_nothing_has_what_the_machine_has_at_most() {
        let given = given(&Config::default());
        assert!(given > 1 << 20 && given <= machine_bytes().unwrap());
        let told = Config {
            memory_bytes: Some(1 << 30),
            ..Config::default()
        };
        assert_eq!(super::given(&told), 1 << 30);
        assert_eq!(of_guests(1 << 30), (1 << 30) / 8 * 7);
    }
}
