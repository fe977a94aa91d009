//! What can be seen of a machine, and touched, from outside.

use super::{Keypad, Machine, Memory, Registers, Settings};
use crate::screen::Screen;

impl Machine {
    #[must_use]
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether no program is loaded.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.program.is_empty()
    }

    #[must_use]
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    #[must_use]
    pub(crate) fn registers(&self) -> &Registers {
        &self.registers
    }

    /// I, the register that holds addresses.
    #[must_use]
    pub(crate) fn index(&self) -> u16 {
        self.index
    }

    /// The address of the next instruction.
    #[must_use]
    pub(crate) fn counter(&self) -> u16 {
        self.counter
    }

    /// Where the running subroutines return to, the outermost first.
    #[must_use]
    pub(crate) fn stack(&self) -> &[u16] {
        &self.stack
    }

    /// The delay timer, in frames.
    #[must_use]
    pub(crate) fn delay(&self) -> u8 {
        self.delay
    }

    /// The sound timer, in frames. The machine beeps while it is not 0.
    #[must_use]
    pub(crate) fn sound(&self) -> u8 {
        self.sound
    }

    #[must_use]
    pub(crate) fn keypad(&self) -> &Keypad {
        &self.keypad
    }

    pub(crate) fn keypad_mut(&mut self) -> &mut Keypad {
        &mut self.keypad
    }

    #[must_use]
    pub(crate) fn screen(&self) -> &Screen {
        &self.screen
    }

    /// Cycles since the program started.
    #[must_use]
    pub(crate) fn cycles(&self) -> u64 {
        self.cycles
    }

    /// Frames since the program started.
    #[must_use]
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }
}
