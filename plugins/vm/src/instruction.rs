//! The instruction set of CHIP-8 and SUPER-CHIP 1.1: the one table that the machine, the assembler and the disassembler share.
//!
//! Opcode to instruction (`decode`), instruction to opcode (`encode`) and instruction to text (`Display`) live here, so
//! that the three cannot disagree. What an instruction does is the machine's business.

use std::fmt::{self, Display, Formatter};

/// One of the sixteen registers, 0 to 15.
pub(crate) type Register = u8;

/// An address in memory, 0 to 0xFFF.
pub(crate) type Address = u16;

/// One instruction with its operands. The comments give the opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instruction {
    ScrollDown(u8),                   // 00Cn, SUPER-CHIP
    Clear,                            // 00E0
    Return,                           // 00EE
    ScrollRight,                      // 00FB, SUPER-CHIP
    ScrollLeft,                       // 00FC, SUPER-CHIP
    Exit,                             // 00FD, SUPER-CHIP
    LowResolution,                    // 00FE, SUPER-CHIP
    HighResolution,                   // 00FF, SUPER-CHIP
    Jump(Address),                    // 1nnn
    Call(Address),                    // 2nnn
    SkipEqualByte(Register, u8),      // 3xkk
    SkipUnequalByte(Register, u8),    // 4xkk
    SkipEqual(Register, Register),    // 5xy0
    LoadByte(Register, u8),           // 6xkk
    AddByte(Register, u8),            // 7xkk
    Load(Register, Register),         // 8xy0
    Or(Register, Register),           // 8xy1
    And(Register, Register),          // 8xy2
    Xor(Register, Register),          // 8xy3
    Add(Register, Register),          // 8xy4
    Subtract(Register, Register),     // 8xy5
    ShiftRight(Register, Register),   // 8xy6
    SubtractFrom(Register, Register), // 8xy7
    ShiftLeft(Register, Register),    // 8xyE
    SkipUnequal(Register, Register),  // 9xy0
    LoadIndex(Address),               // Annn
    JumpOffset(Address),              // Bnnn
    Random(Register, u8),             // Cxkk
    Draw(Register, Register, u8),     // Dxyn
    SkipKey(Register),                // Ex9E
    SkipNoKey(Register),              // ExA1
    ReadDelay(Register),              // Fx07
    WaitKey(Register),                // Fx0A
    SetDelay(Register),               // Fx15
    SetSound(Register),               // Fx18
    AddIndex(Register),               // Fx1E
    LoadDigit(Register),              // Fx29
    LoadLargeDigit(Register),         // Fx30, SUPER-CHIP
    StoreDecimal(Register),           // Fx33
    Store(Register),                  // Fx55
    Restore(Register),                // Fx65
    SaveFlags(Register),              // Fx75, SUPER-CHIP, x at most 7
    RestoreFlags(Register),           // Fx85, SUPER-CHIP, x at most 7
}

use Instruction as I;

impl Instruction {
    /// The instruction of `opcode`, or none if the sixteen bits mean nothing on either machine.
    #[must_use]
    pub(crate) fn decode(opcode: u16) -> Option<Self> {
        let [high, low] = opcode.to_be_bytes();
        let (x, y, n) = (high & 0xF, low >> 4, low & 0xF);
        let address = opcode & 0xFFF;
        Some(match (high >> 4, low) {
            (0x0, _) => return Self::decode_system(opcode),
            (0x1, _) => I::Jump(address),
            (0x2, _) => I::Call(address),
            (0x3, byte) => I::SkipEqualByte(x, byte),
            (0x4, byte) => I::SkipUnequalByte(x, byte),
            (0x5, _) if n == 0 => I::SkipEqual(x, y),
            (0x6, byte) => I::LoadByte(x, byte),
            (0x7, byte) => I::AddByte(x, byte),
            (0x8, _) => return Self::decode_arithmetic(x, y, n),
            (0x9, _) if n == 0 => I::SkipUnequal(x, y),
            (0xA, _) => I::LoadIndex(address),
            (0xB, _) => I::JumpOffset(address),
            (0xC, byte) => I::Random(x, byte),
            (0xD, _) => I::Draw(x, y, n),
            (0xE, 0x9E) => I::SkipKey(x),
            (0xE, 0xA1) => I::SkipNoKey(x),
            (0xF, _) => return Self::decode_transfer(x, low),
            _ => return None,
        })
    }

    fn decode_system(opcode: u16) -> Option<Self> {
        Some(match opcode {
            0x00C0..=0x00CF => I::ScrollDown((opcode & 0xF) as u8),
            0x00E0 => I::Clear,
            0x00EE => I::Return,
            0x00FB => I::ScrollRight,
            0x00FC => I::ScrollLeft,
            0x00FD => I::Exit,
            0x00FE => I::LowResolution,
            0x00FF => I::HighResolution,
            _ => return None,
        })
    }

    fn decode_arithmetic(x: Register, y: Register, n: u8) -> Option<Self> {
        Some(match n {
            0x0 => I::Load(x, y),
            0x1 => I::Or(x, y),
            0x2 => I::And(x, y),
            0x3 => I::Xor(x, y),
            0x4 => I::Add(x, y),
            0x5 => I::Subtract(x, y),
            0x6 => I::ShiftRight(x, y),
            0x7 => I::SubtractFrom(x, y),
            0xE => I::ShiftLeft(x, y),
            _ => return None,
        })
    }

    fn decode_transfer(x: Register, low: u8) -> Option<Self> {
        Some(match low {
            0x07 => I::ReadDelay(x),
            0x0A => I::WaitKey(x),
            0x15 => I::SetDelay(x),
            0x18 => I::SetSound(x),
            0x1E => I::AddIndex(x),
            0x29 => I::LoadDigit(x),
            0x30 => I::LoadLargeDigit(x),
            0x33 => I::StoreDecimal(x),
            0x55 => I::Store(x),
            0x65 => I::Restore(x),
            0x75 if x < 8 => I::SaveFlags(x),
            0x85 if x < 8 => I::RestoreFlags(x),
            _ => return None,
        })
    }

    /// The opcode of the instruction: what `decode` takes.
    #[must_use]
    pub(crate) fn encode(self) -> u16 {
        match self {
            I::ScrollDown(lines) => 0x00C0 | u16::from(lines),
            I::Clear => 0x00E0,
            I::Return => 0x00EE,
            I::ScrollRight => 0x00FB,
            I::ScrollLeft => 0x00FC,
            I::Exit => 0x00FD,
            I::LowResolution => 0x00FE,
            I::HighResolution => 0x00FF,
            I::Jump(address) => 0x1000 | address,
            I::Call(address) => 0x2000 | address,
            I::SkipEqualByte(x, byte) => register_byte(0x3, x, byte),
            I::SkipUnequalByte(x, byte) => register_byte(0x4, x, byte),
            I::SkipEqual(x, y) => registers(0x5, x, y, 0x0),
            I::LoadByte(x, byte) => register_byte(0x6, x, byte),
            I::AddByte(x, byte) => register_byte(0x7, x, byte),
            I::Load(x, y) => registers(0x8, x, y, 0x0),
            I::Or(x, y) => registers(0x8, x, y, 0x1),
            I::And(x, y) => registers(0x8, x, y, 0x2),
            I::Xor(x, y) => registers(0x8, x, y, 0x3),
            I::Add(x, y) => registers(0x8, x, y, 0x4),
            I::Subtract(x, y) => registers(0x8, x, y, 0x5),
            I::ShiftRight(x, y) => registers(0x8, x, y, 0x6),
            I::SubtractFrom(x, y) => registers(0x8, x, y, 0x7),
            I::ShiftLeft(x, y) => registers(0x8, x, y, 0xE),
            I::SkipUnequal(x, y) => registers(0x9, x, y, 0x0),
            I::LoadIndex(address) => 0xA000 | address,
            I::JumpOffset(address) => 0xB000 | address,
            I::Random(x, byte) => register_byte(0xC, x, byte),
            I::Draw(x, y, rows) => registers(0xD, x, y, rows),
            I::SkipKey(x) => register_byte(0xE, x, 0x9E),
            I::SkipNoKey(x) => register_byte(0xE, x, 0xA1),
            I::ReadDelay(x) => register_byte(0xF, x, 0x07),
            I::WaitKey(x) => register_byte(0xF, x, 0x0A),
            I::SetDelay(x) => register_byte(0xF, x, 0x15),
            I::SetSound(x) => register_byte(0xF, x, 0x18),
            I::AddIndex(x) => register_byte(0xF, x, 0x1E),
            I::LoadDigit(x) => register_byte(0xF, x, 0x29),
            I::LoadLargeDigit(x) => register_byte(0xF, x, 0x30),
            I::StoreDecimal(x) => register_byte(0xF, x, 0x33),
            I::Store(x) => register_byte(0xF, x, 0x55),
            I::Restore(x) => register_byte(0xF, x, 0x65),
            I::SaveFlags(x) => register_byte(0xF, x, 0x75),
            I::RestoreFlags(x) => register_byte(0xF, x, 0x85),
        }
    }

    /// Whether only SUPER-CHIP knows the instruction. `Dxy0` is not listed: on CHIP-8 it draws nothing.
    #[must_use]
    pub(crate) fn is_super_chip(self) -> bool {
        matches!(
            self,
            I::ScrollDown(_)
                | I::ScrollRight
                | I::ScrollLeft
                | I::Exit
                | I::LowResolution
                | I::HighResolution
                | I::LoadLargeDigit(_)
                | I::SaveFlags(_)
                | I::RestoreFlags(_)
        )
    }
}

fn register_byte(family: u16, x: Register, byte: u8) -> u16 {
    family << 12 | u16::from(x) << 8 | u16::from(byte)
}

fn registers(family: u16, x: Register, y: Register, n: u8) -> u16 {
    family << 12 | u16::from(x) << 8 | u16::from(y) << 4 | u16::from(n)
}

/// The text that the assembler reads back: `ADD V3, 0x01`.
impl Display for Instruction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            I::ScrollDown(lines) => write!(f, "SCD {lines}"),
            I::Clear => write!(f, "CLS"),
            I::Return => write!(f, "RET"),
            I::ScrollRight => write!(f, "SCR"),
            I::ScrollLeft => write!(f, "SCL"),
            I::Exit => write!(f, "EXIT"),
            I::LowResolution => write!(f, "LOW"),
            I::HighResolution => write!(f, "HIGH"),
            I::Jump(address) => write!(f, "JP 0x{address:03X}"),
            I::Call(address) => write!(f, "CALL 0x{address:03X}"),
            I::SkipEqualByte(x, byte) => write!(f, "SE V{x:X}, 0x{byte:02X}"),
            I::SkipUnequalByte(x, byte) => write!(f, "SNE V{x:X}, 0x{byte:02X}"),
            I::SkipEqual(x, y) => write!(f, "SE V{x:X}, V{y:X}"),
            I::LoadByte(x, byte) => write!(f, "LD V{x:X}, 0x{byte:02X}"),
            I::AddByte(x, byte) => write!(f, "ADD V{x:X}, 0x{byte:02X}"),
            I::Load(x, y) => write!(f, "LD V{x:X}, V{y:X}"),
            I::Or(x, y) => write!(f, "OR V{x:X}, V{y:X}"),
            I::And(x, y) => write!(f, "AND V{x:X}, V{y:X}"),
            I::Xor(x, y) => write!(f, "XOR V{x:X}, V{y:X}"),
            I::Add(x, y) => write!(f, "ADD V{x:X}, V{y:X}"),
            I::Subtract(x, y) => write!(f, "SUB V{x:X}, V{y:X}"),
            I::ShiftRight(x, y) => write!(f, "SHR V{x:X}, V{y:X}"),
            I::SubtractFrom(x, y) => write!(f, "SUBN V{x:X}, V{y:X}"),
            I::ShiftLeft(x, y) => write!(f, "SHL V{x:X}, V{y:X}"),
            I::SkipUnequal(x, y) => write!(f, "SNE V{x:X}, V{y:X}"),
            I::LoadIndex(address) => write!(f, "LD I, 0x{address:03X}"),
            I::JumpOffset(address) => write!(f, "JP V0, 0x{address:03X}"),
            I::Random(x, byte) => write!(f, "RND V{x:X}, 0x{byte:02X}"),
            I::Draw(x, y, rows) => write!(f, "DRW V{x:X}, V{y:X}, {rows}"),
            I::SkipKey(x) => write!(f, "SKP V{x:X}"),
            I::SkipNoKey(x) => write!(f, "SKNP V{x:X}"),
            I::ReadDelay(x) => write!(f, "LD V{x:X}, DT"),
            I::WaitKey(x) => write!(f, "LD V{x:X}, K"),
            I::SetDelay(x) => write!(f, "LD DT, V{x:X}"),
            I::SetSound(x) => write!(f, "LD ST, V{x:X}"),
            I::AddIndex(x) => write!(f, "ADD I, V{x:X}"),
            I::LoadDigit(x) => write!(f, "LD F, V{x:X}"),
            I::LoadLargeDigit(x) => write!(f, "LD HF, V{x:X}"),
            I::StoreDecimal(x) => write!(f, "LD B, V{x:X}"),
            I::Store(x) => write!(f, "LD [I], V{x:X}"),
            I::Restore(x) => write!(f, "LD V{x:X}, [I]"),
            I::SaveFlags(x) => write!(f, "LD R, V{x:X}"),
            I::RestoreFlags(x) => write!(f, "LD V{x:X}, R"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_opcode_that_decodes_encodes_to_itself() {
        let known =
            (0..=u16::MAX).filter_map(|opcode| Some((opcode, Instruction::decode(opcode)?)));
        let mut count = 0;
        for (opcode, instruction) in known {
            assert_eq!(instruction.encode(), opcode, "{instruction}");
            count += 1;
        }
        // Ten families of 4096; 5, 8 and 9 with 256 an operation; two key skips; twelve transfers, two of them for eight registers.
        assert_eq!(count, 10 * 4096 + 11 * 256 + 2 * 16 + 10 * 16 + 2 * 8 + 23);
    }

    #[test]
    fn opcodes_of_other_machines_mean_nothing() {
        for opcode in [
            0x0000, 0x0123, 0x00B1, 0x5001, 0x8008, 0x800F, 0x9002, 0xE000, 0xF000, 0xF002, 0xF875,
            0xFF85,
        ] {
            assert_eq!(Instruction::decode(opcode), None, "{opcode:04X}");
        }
    }
}
