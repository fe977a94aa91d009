//! The machine: memory, registers, timers, keys, screen, and the cycle that moves them.
//!
//! Time is counted in cycles, one an instruction, and in frames of so many cycles each; the two timers go down once a
//! frame. No clock is read: the same program, seed and input give the same picture on any day. What the instructions
//! do is in `execute`.

mod execute;
mod keypad;
mod memory;
mod registers;
mod stop;
mod view;

#[cfg(test)]
mod tests;

pub(crate) use keypad::Keypad;
pub(crate) use memory::{Memory, PROGRAM_AT, PROGRAM_BYTES_MAX};
pub(crate) use registers::Registers;
pub(crate) use stop::{Fault, Stop};

use crate::instruction::Instruction;
use crate::quirks::{Model, Quirks};
use crate::random::Random;
use crate::screen::{Resolution, Screen};
use keypad::Wait;

/// How many frames a second the original shows: the unit of the timers is a sixtieth of a second.
pub(crate) const FRAMES_PER_SECOND: u32 = 60;

/// What a machine is built from. It does not change while the machine lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) model: Model,
    pub(crate) quirks: Quirks,
    /// Instructions between two ticks of the timers; at least 1.
    pub(crate) cycles_per_frame: u32,
    /// Where the random numbers start.
    pub(crate) seed: u32,
}

/// A machine with a program in it.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    settings: Settings,
    program: Vec<u8>,
    memory: Memory,
    registers: Registers,
    index: u16,
    counter: u16,
    stack: Vec<u16>,
    delay: u8,
    sound: u8,
    /// The eight flags of SUPER-CHIP, which outlive the program: that is what they are for.
    flags: [u8; 8],
    keypad: Keypad,
    screen: Screen,
    random: Random,
    cycles: u64,
    frames: u64,
    cycle_of_frame: u32,
}

/// An instruction that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Executed {
    pub(crate) address: u16,
    pub(crate) instruction: Instruction,
}

/// What one cycle did.
enum Cycle {
    Executed(Executed),
    /// Time went by: the instruction waits for the next frame, or for a key to be released.
    Waited,
}

impl Machine {
    /// A machine that stands at the start of `program`.
    pub(crate) fn new(settings: Settings, program: Vec<u8>) -> Result<Self, String> {
        Ok(Self {
            memory: Memory::with_program(&program)?,
            program,
            registers: Registers::default(),
            index: 0,
            counter: PROGRAM_AT,
            stack: Vec::new(),
            delay: 0,
            sound: 0,
            flags: [0; 8],
            keypad: Keypad::default(),
            screen: Screen::new(Resolution::Low),
            random: Random::from_seed(settings.seed.into()),
            cycles: 0,
            frames: 0,
            cycle_of_frame: 0,
            settings,
        })
    }

    /// Puts another program in and starts anew. Only the settings and the flags of SUPER-CHIP stay.
    pub(crate) fn load(&mut self, program: Vec<u8>) -> Result<(), String> {
        let flags = self.flags;
        *self = Self::new(self.settings, program)?;
        self.flags = flags;
        Ok(())
    }

    /// Starts the same program anew, with the same random numbers.
    pub(crate) fn reset(&mut self) {
        let program = std::mem::take(&mut self.program);
        self.load(program).expect("the program was loaded before");
    }

    /// Runs at most `budget` cycles. A breakpoint under the machine's feet does not count, so a run can go on from it.
    pub(crate) fn run(&mut self, budget: u64, breakpoints: &[u16]) -> Stop {
        let end = self.cycles.saturating_add(budget);
        let start = self.cycles;
        while self.cycles < end {
            if self.cycles > start && breakpoints.contains(&self.counter) {
                return Stop::Breakpoint;
            }
            if let Err(stop) = self.cycle() {
                return stop;
            }
        }
        Stop::CyclesUsed
    }

    /// Runs to the end of the current frame and `frames - 1` more.
    pub(crate) fn run_frames(&mut self, frames: u32) -> Stop {
        let whole = u64::from(frames) * u64::from(self.settings.cycles_per_frame);
        self.run(whole.saturating_sub(u64::from(self.cycle_of_frame)), &[])
    }

    /// Presses keys for some frames, lets them go, and runs some frames more. Keys that were down before stay down.
    pub(crate) fn press(&mut self, keys: u16, frames: u32, frames_after: u32) -> Stop {
        let held = self.keypad.down();
        self.keypad.set(held | keys);
        let stop = self.run_frames(frames);
        self.keypad.set(held);
        match stop {
            Stop::CyclesUsed => self.run_frames(frames_after),
            stop => stop,
        }
    }

    /// Carries out one instruction. Waiting for a frame is skipped; none means that it waits for a key to be released.
    pub(crate) fn step(&mut self) -> Result<Option<Executed>, Stop> {
        for _ in 0..self.settings.cycles_per_frame {
            if let Cycle::Executed(executed) = self.cycle()? {
                return Ok(Some(executed));
            }
        }
        Ok(None)
    }

    /// One cycle. A machine that stops does not use its cycle: it stands where it was.
    fn cycle(&mut self) -> Result<Cycle, Stop> {
        let instruction = self.next_instruction()?;
        let cycle = match instruction {
            Instruction::Jump(address) if address == self.counter => return Err(Stop::Halted),
            Instruction::Exit => return Err(Stop::Exited),
            Instruction::WaitKey(x) => match self.keypad.wait() {
                Wait::ForPress => return Err(Stop::WaitingForKey),
                Wait::ForRelease => Cycle::Waited,
                Wait::Over(key) => {
                    let executed = Executed {
                        address: self.counter,
                        instruction,
                    };
                    self.registers.set(x, key);
                    self.counter += 2;
                    Cycle::Executed(executed)
                }
            },
            Instruction::Draw(..)
                if self.settings.quirks.draw_waits && self.cycle_of_frame != 0 =>
            {
                Cycle::Waited
            }
            _ => {
                let executed = Executed {
                    address: self.counter,
                    instruction,
                };
                self.execute(instruction)?;
                Cycle::Executed(executed)
            }
        };
        self.tick();
        Ok(cycle)
    }

    /// The instruction at the program counter.
    pub(crate) fn next_instruction(&self) -> Result<Instruction, Fault> {
        let opcode = self.memory.opcode(self.counter)?;
        match Instruction::decode(opcode) {
            None => Err(Fault::InvalidOpcode(opcode)),
            Some(instruction)
                if instruction.is_super_chip() && self.settings.model == Model::Chip8 =>
            {
                Err(Fault::NotOnChip8(instruction))
            }
            Some(instruction) => Ok(instruction),
        }
    }

    fn tick(&mut self) {
        self.cycles += 1;
        self.cycle_of_frame += 1;
        if self.cycle_of_frame >= self.settings.cycles_per_frame {
            self.cycle_of_frame = 0;
            self.frames += 1;
            self.delay = self.delay.saturating_sub(1);
            self.sound = self.sound.saturating_sub(1);
        }
    }
}
