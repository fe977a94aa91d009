//! The 4096 bytes of memory. Nothing is read or written beyond them: the attempt is a fault with its address.

use super::Fault;
use crate::font;

/// How many bytes there are.
pub(crate) const SIZE: usize = 4096;

/// Where programs are loaded and start.
pub(crate) const PROGRAM_AT: u16 = 0x200;

/// The longest program.
pub(crate) const PROGRAM_BYTES_MAX: usize = SIZE - PROGRAM_AT as usize;

/// The bytes, with the digits in their places.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    bytes: Vec<u8>,
}

impl Memory {
    /// A memory with the digits and `program` in it.
    pub(super) fn with_program(program: &[u8]) -> Result<Self, String> {
        if program.len() > PROGRAM_BYTES_MAX {
            return Err(format!(
                "the program has {} bytes: {PROGRAM_BYTES_MAX} fit in memory",
                program.len()
            ));
        }
        let mut memory = Self {
            bytes: vec![0; SIZE],
        };
        let parts = [
            (font::SMALL_AT, font::SMALL.concat()),
            (font::LARGE_AT, font::large().concat()),
            (PROGRAM_AT, program.to_vec()),
        ];
        for (address, bytes) in parts {
            memory
                .write(address, &bytes)
                .expect("the digits and a program within its limit fit");
        }
        Ok(memory)
    }

    /// The `length` bytes from `address` on.
    pub(crate) fn read(&self, address: u16, length: usize) -> Result<&[u8], Fault> {
        let start = usize::from(address);
        self.bytes
            .get(start..start + length)
            .ok_or(Fault::BeyondMemory { address, length })
    }

    /// Puts `bytes` at `address`: all of them, or none if they do not fit.
    pub(crate) fn write(&mut self, address: u16, bytes: &[u8]) -> Result<(), Fault> {
        let start = usize::from(address);
        let fault = Fault::BeyondMemory {
            address,
            length: bytes.len(),
        };
        self.bytes
            .get_mut(start..start + bytes.len())
            .ok_or(fault)?
            .copy_from_slice(bytes);
        Ok(())
    }

    /// The two bytes at `address` as an opcode.
    pub(crate) fn opcode(&self, address: u16) -> Result<u16, Fault> {
        self.read(address, 2).map(|bytes| {
            bytes
                .iter()
                .fold(0, |opcode, &byte| opcode << 8 | u16::from(byte))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_beyond_the_end_is_a_fault_and_changes_nothing() {
        let mut memory = Memory::with_program(&[0x12, 0x00]).unwrap();
        assert_eq!(memory.opcode(0x200), Ok(0x1200));
        let fault = Fault::BeyondMemory {
            address: 0xFFF,
            length: 2,
        };
        assert_eq!(memory.opcode(0xFFF), Err(fault));
        assert_eq!(memory.write(0xFFF, &[1, 2]), Err(fault));
        assert_eq!(memory.read(0xFFF, 1), Ok(&[0][..]));
    }

    #[test]
    fn a_program_may_fill_the_memory_and_no_more() {
        assert!(Memory::with_program(&[0xAA; PROGRAM_BYTES_MAX]).is_ok());
        let refusal = Memory::with_program(&[0xAA; PROGRAM_BYTES_MAX + 1]).unwrap_err();
        assert_eq!(refusal, "the program has 3585 bytes: 3584 fit in memory");
    }
}
