//! What the kernel says about a process: processor time, memory. Only the server's own counts, never that of the load.

use std::collections::BTreeMap;
use std::fs::read_dir;
use std::time::Duration;

use fs_err::read_to_string;

/// A running process, with those that it started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(pub(crate) u32);

/// Processor time of each thread so far. Threads that ended in between are missed, which is less than a clock tick would cost.
#[derive(Debug, Default)]
pub(crate) struct Cpu(BTreeMap<u64, u64>);

/// What a process holds, in kB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Pages.
    pub(crate) resident: u64,
    /// The tables that map them, which nobody else's figures show.
    pub(crate) tables: u64,
}

impl Memory {
    pub(crate) fn sum(self) -> u64 {
        self.resident + self.tables
    }
}

impl Process {
    pub(crate) fn cpu(self) -> Cpu {
        let mut cpu = Cpu::default();
        self.add_cpu(&mut cpu);
        cpu
    }

    fn add_cpu(self, cpu: &mut Cpu) {
        let Ok(tasks) = read_dir(format!("/proc/{}/task", self.0)) else {
            return;
        };
        for task in tasks.flatten() {
            let folder = task.path();
            let name = task.file_name();
            let id = name.to_str().and_then(|name| name.parse().ok());
            if let (Some(id), Some(time)) = (id, on_processor(&folder.join("schedstat"))) {
                cpu.0.insert(id, time);
            }
            let children = read_to_string(folder.join("children")).unwrap_or_default();
            for child in children.split_ascii_whitespace() {
                if let Ok(child) = child.parse() {
                    Self(child).add_cpu(cpu);
                }
            }
        }
    }

    /// What the process holds in kB, a page that is mapped many times counted once.
    ///
    /// # Errors
    /// The kernel does not say.
    pub(crate) fn proportional_memory(self) -> Result<u64, String> {
        let path = format!("/proc/{}/smaps_rollup", self.0);
        let text = read_to_string(&path).map_err(|error| error.to_string())?;
        number_after(&text, "Pss:").ok_or_else(|| format!("{path} has no Pss"))
    }

    pub(crate) fn memory(self) -> Memory {
        let status = read_to_string(format!("/proc/{}/status", self.0)).unwrap_or_default();
        let kilobytes = |name: &str| number_after(&status, name).unwrap_or(0);
        Memory {
            resident: kilobytes("VmRSS:"),
            tables: kilobytes("VmPTE:"),
        }
    }
}

impl Cpu {
    /// Processor time since `before`.
    pub(crate) fn since(&self, before: &Self) -> Duration {
        let spent = self
            .0
            .iter()
            .map(|(id, now)| now.saturating_sub(before.0.get(id).copied().unwrap_or(0)));
        Duration::from_nanos(spent.sum())
    }
}

/// Processor time of the calling thread so far.
pub(crate) fn own_thread() -> Duration {
    Duration::from_nanos(on_processor("/proc/thread-self/schedstat".as_ref()).unwrap_or(0))
}

/// The first number: nanoseconds on a processor.
fn on_processor(schedstat: &std::path::Path) -> Option<u64> {
    let text = read_to_string(schedstat).ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// The number on the line that begins so.
fn number_after(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

/// The load of the machine: runnable tasks, averaged over one minute.
pub(crate) fn load_average() -> f64 {
    let text = read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_ascii_whitespace()
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or(0.0)
}
