//! What each instruction does, once `cycle` has decided that its time has come.

use super::registers::VF;
use super::{Fault, Machine};
use crate::font;
use crate::instruction::{Instruction as I, Register};
use crate::quirks::Model;
use crate::screen::{Edge, Resolution, Screen, Sprite};

/// How deep subroutines nest.
const STACK_MAX: usize = 16;

/// Sixteen rows of sixteen pixels.
const LARGE_SPRITE_BYTES: usize = 32;

impl Machine {
    /// Carries out `instruction`. On a fault nothing has changed, the program counter included.
    pub(super) fn execute(&mut self, instruction: I) -> Result<(), Fault> {
        match instruction {
            I::Jump(address) => return self.jump(address),
            I::JumpOffset(address) => return self.jump(address + self.jump_offset(address)),
            I::Call(address) => return self.call(address),
            I::Return => return self.return_from_call(),

            I::SkipEqualByte(x, byte) => self.skip_if(self.registers.get(x) == byte),
            I::SkipUnequalByte(x, byte) => self.skip_if(self.registers.get(x) != byte),
            I::SkipEqual(x, y) => self.skip_if(self.registers.get(x) == self.registers.get(y)),
            I::SkipUnequal(x, y) => self.skip_if(self.registers.get(x) != self.registers.get(y)),
            I::SkipKey(x) => self.skip_if(self.keypad.is_down(self.registers.get(x))),
            I::SkipNoKey(x) => self.skip_if(!self.keypad.is_down(self.registers.get(x))),

            I::LoadByte(x, byte) => self.registers.set(x, byte),
            I::AddByte(x, byte) => self
                .registers
                .set(x, self.registers.get(x).wrapping_add(byte)),
            I::Load(x, y) => self.registers.set(x, self.registers.get(y)),
            I::Or(x, y) => self.logic(x, self.registers.get(x) | self.registers.get(y)),
            I::And(x, y) => self.logic(x, self.registers.get(x) & self.registers.get(y)),
            I::Xor(x, y) => self.logic(x, self.registers.get(x) ^ self.registers.get(y)),
            I::Add(x, y) => self.arithmetic(
                x,
                self.registers.get(x).overflowing_add(self.registers.get(y)),
            ),
            I::Subtract(x, y) => self.subtract(x, self.registers.get(x), self.registers.get(y)),
            I::SubtractFrom(x, y) => self.subtract(x, self.registers.get(y), self.registers.get(x)),
            I::ShiftRight(x, y) => {
                let value = self.shifted(x, y);
                self.arithmetic(x, (value >> 1, value & 0x01 != 0));
            }
            I::ShiftLeft(x, y) => {
                let value = self.shifted(x, y);
                self.arithmetic(x, (value << 1, value & 0x80 != 0));
            }
            I::Random(x, mask) => {
                let byte = self.random.byte();
                self.registers.set(x, byte & mask);
            }

            I::LoadIndex(address) => self.index = address,
            I::AddIndex(x) => {
                self.index = self.index.wrapping_add(u16::from(self.registers.get(x)))
            }
            I::LoadDigit(x) => self.index = self.digit(x, font::SMALL_AT, font::SMALL_ROWS),
            I::LoadLargeDigit(x) => self.index = self.digit(x, font::LARGE_AT, font::LARGE_ROWS),
            I::StoreDecimal(x) => {
                let value = self.registers.get(x);
                self.memory
                    .write(self.index, &[value / 100, value / 10 % 10, value % 10])?;
            }
            I::Store(x) => {
                self.memory.write(self.index, self.registers.up_to(x))?;
                self.move_index(x);
            }
            I::Restore(x) => {
                let values = self.memory.read(self.index, usize::from(x) + 1)?;
                self.registers.set_first(values);
                self.move_index(x);
            }
            I::SaveFlags(x) => self
                .flags
                .iter_mut()
                .zip(self.registers.up_to(x))
                .for_each(|(flag, &value)| *flag = value),
            I::RestoreFlags(x) => {
                let kept = self.flags;
                self.registers
                    .set_first(kept.get(..=usize::from(x)).unwrap_or(&kept));
            }

            I::ReadDelay(x) => self.registers.set(x, self.delay),
            I::SetDelay(x) => self.delay = self.registers.get(x),
            I::SetSound(x) => self.sound = self.registers.get(x),

            I::Clear => self.screen.clear(),
            I::Draw(x, y, rows) => self.draw(x, y, rows)?,
            I::ScrollDown(lines) => self.screen.scroll_down(lines),
            I::ScrollRight => self.screen.scroll_right(),
            I::ScrollLeft => self.screen.scroll_left(),
            I::LowResolution => self.screen = Screen::new(Resolution::Low),
            I::HighResolution => self.screen = Screen::new(Resolution::High),

            I::Exit | I::WaitKey(_) => unreachable!("`cycle` answers these itself"),
        }
        self.counter += 2;
        Ok(())
    }

    fn jump(&mut self, address: u16) -> Result<(), Fault> {
        self.counter = address;
        Ok(())
    }

    fn jump_offset(&self, address: u16) -> u16 {
        let register = if self.settings.quirks.jump_adds_vx {
            (address >> 8) as Register
        } else {
            0
        };
        u16::from(self.registers.get(register))
    }

    fn call(&mut self, address: u16) -> Result<(), Fault> {
        if self.stack.len() == STACK_MAX {
            return Err(Fault::StackFull);
        }
        self.stack.push(self.counter + 2);
        self.jump(address)
    }

    fn return_from_call(&mut self) -> Result<(), Fault> {
        let address = self.stack.pop().ok_or(Fault::StackEmpty)?;
        self.jump(address)
    }

    fn skip_if(&mut self, holds: bool) {
        if holds {
            self.counter += 2;
        }
    }

    fn logic(&mut self, x: Register, value: u8) {
        self.registers.set(x, value);
        if self.settings.quirks.logic_resets_vf {
            self.registers.set(VF, 0);
        }
    }

    /// The flag is written last: where x is VF, the flag is what remains.
    fn arithmetic(&mut self, x: Register, (value, flag): (u8, bool)) {
        self.registers.set(x, value);
        self.registers.set(VF, u8::from(flag));
    }

    /// VF says that there was no borrow.
    fn subtract(&mut self, x: Register, from: u8, amount: u8) {
        let (value, borrow) = from.overflowing_sub(amount);
        self.arithmetic(x, (value, !borrow));
    }

    fn shifted(&self, x: Register, y: Register) -> u8 {
        self.registers.get(if self.settings.quirks.shift_in_place {
            x
        } else {
            y
        })
    }

    fn digit(&self, x: Register, first: u16, rows: u16) -> u16 {
        first + rows * u16::from(self.registers.get(x) & 0xF)
    }

    fn move_index(&mut self, x: Register) {
        if self.settings.quirks.index_moves {
            self.index = self.index.wrapping_add(u16::from(x) + 1);
        }
    }

    fn draw(&mut self, x: Register, y: Register, rows: u8) -> Result<(), Fault> {
        let sprite = if rows == 0 && self.settings.model == Model::SuperChip {
            Sprite::wide(self.memory.read(self.index, LARGE_SPRITE_BYTES)?)
        } else {
            Sprite::narrow(self.memory.read(self.index, rows.into())?)
        };
        let edge = if self.settings.quirks.sprites_clip {
            Edge::Clip
        } else {
            Edge::Wrap
        };
        let (x, y) = (self.registers.get(x), self.registers.get(y));
        let collides = self.screen.draw(x, y, sprite, edge);
        self.registers.set(VF, u8::from(collides));
        Ok(())
    }
}
