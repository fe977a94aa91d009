//! What one session may use. The host's limits on time and memory hold besides; these keep a script's own mistakes
//! from becoming a trap, which would cost the session.

const CALL_DEPTH_DEFAULT: usize = 500;
const CALL_DEPTH_MAX: u32 = 10_000;
const OUTPUT_BYTES_DEFAULT: usize = 64 * 1024;
const OUTPUT_BYTES_MAX: u32 = 1024 * 1024;
const WAIT_MS_DEFAULT: u64 = 10_000;

#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) call_depth: usize,
    pub(crate) output_bytes: usize,
    pub(crate) wait_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_depth: CALL_DEPTH_DEFAULT,
            output_bytes: OUTPUT_BYTES_DEFAULT,
            wait_ms: WAIT_MS_DEFAULT,
        }
    }
}

impl Limits {
    pub(crate) fn with_call_depth(mut self, depth: Option<u32>) -> Result<Self, String> {
        self.call_depth =
            within("max_call_depth", depth, CALL_DEPTH_MAX)?.unwrap_or(self.call_depth);
        Ok(self)
    }

    pub(crate) fn with_output_bytes(mut self, bytes: Option<u32>) -> Result<Self, String> {
        self.output_bytes =
            within("max_output_bytes", bytes, OUTPUT_BYTES_MAX)?.unwrap_or(self.output_bytes);
        Ok(self)
    }

    pub(crate) fn with_wait_ms(mut self, wait_ms: Option<u32>) -> Self {
        self.wait_ms = wait_ms.map_or(self.wait_ms, u64::from);
        self
    }

    /// How many values the interpreter's own stack may hold: enough for `call_depth` ordinary functions.
    pub(super) fn value_stack(&self) -> usize {
        self.call_depth.saturating_mul(64).max(16 * 1024)
    }
}

fn within(name: &str, value: Option<u32>, max: u32) -> Result<Option<usize>, String> {
    match value {
        Some(value) if value == 0 || value > max => {
            Err(format!("{name} is {value}: it must be from 1 to {max}"))
        }
        Some(value) => Ok(usize::try_from(value).ok()),
        None => Ok(None),
    }
}
