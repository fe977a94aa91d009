//! Why a machine stopped, in words for the one who has to do something about it.

use std::fmt::{self, Display, Formatter};

use crate::instruction::Instruction;

/// Why `run` came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The cycles that were asked for are used up; the program goes on with the next run.
    CyclesUsed,
    /// The next instruction is one of the breakpoints.
    Breakpoint,
    /// `LD Vx, K` waits and no key is down.
    WaitingForKey,
    /// The program jumps to the same place for ever, which is how CHIP-8 programs end.
    Halted,
    /// `EXIT` of SUPER-CHIP.
    Exited,
    /// The program did what it cannot do. The machine stands at the instruction at fault.
    Fault(Fault),
}

/// What a program did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    InvalidOpcode(u16),
    NotOnChip8(Instruction),
    BeyondMemory { address: u16, length: usize },
    StackFull,
    StackEmpty,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Display for Stop {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::CyclesUsed => write!(f, "the cycles are used up; the program has not ended"),
            Self::Breakpoint => write!(f, "reached a breakpoint"),
            Self::WaitingForKey => write!(f, "the program waits for a key: press one"),
            Self::Halted => write!(f, "the program has ended: it jumps to itself for ever"),
            Self::Exited => write!(f, "the program has ended by EXIT"),
            Self::Fault(fault) => write!(f, "{fault}"),
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidOpcode(opcode) => write!(
                f,
                "opcode {opcode:04X} is no instruction: did the program run into its data?"
            ),
            Self::NotOnChip8(instruction) => write!(
                f,
                "{instruction} is an instruction of SUPER-CHIP: open the session with `machine`: super-chip"
            ),
            Self::BeyondMemory { address, length } => {
                write!(
                    f,
                    "{length} bytes at 0x{address:03X} reach beyond the memory, which ends at 0xFFF"
                )
            }
            Self::StackFull => write!(
                f,
                "a CALL inside 16 others: does a subroutine lack its RET?"
            ),
            Self::StackEmpty => write!(f, "RET outside of a subroutine"),
        }
    }
}
