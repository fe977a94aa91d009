//! The sixteen registers V0 to VF. VF doubles as the flag of arithmetic and of drawing.

use crate::instruction::Register;

/// The register that instructions set as a flag.
pub(crate) const VF: Register = 0xF;

/// The values of V0 to VF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registers([u8; 16]);

#[expect(
    clippy::indexing_slicing,
    reason = "an index of four bits fits sixteen registers"
)]
impl Registers {
    #[must_use]
    pub(crate) fn get(&self, register: Register) -> u8 {
        self.0[usize::from(register & 0xF)]
    }

    pub(crate) fn set(&mut self, register: Register, value: u8) {
        self.0[usize::from(register & 0xF)] = value;
    }

    /// V0 up to and including `last`.
    #[must_use]
    pub(crate) fn up_to(&self, last: Register) -> &[u8] {
        &self.0[..=usize::from(last & 0xF)]
    }

    /// Sets V0, V1 and so on to `values`, of which no more than sixteen count.
    pub(crate) fn set_first(&mut self, values: &[u8]) {
        self.0
            .iter_mut()
            .zip(values)
            .for_each(|(register, &value)| *register = value);
    }
}
