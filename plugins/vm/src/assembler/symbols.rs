//! The names of a program: labels, constants and names for registers.

use std::collections::BTreeMap;

use super::operand;
use crate::instruction::Register;

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Symbol {
    Label(u16),
    Constant(i64),
    Register(Register),
}

/// All names of one program.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    by_name: BTreeMap<String, Symbol>,
}

impl Symbols {
    /// Gives `name` its meaning. A name has one, and the words of the language keep theirs.
    pub(super) fn define(&mut self, name: &str, symbol: Symbol) -> Result<(), String> {
        if operand::is_reserved(name) {
            return Err(format!(
                "{name} has a meaning of its own: choose another name"
            ));
        }
        match self.by_name.insert(name.to_owned(), symbol) {
            None => Ok(()),
            Some(_) => Err(format!("{name} is defined twice")),
        }
    }

    /// The register that `name` is another name for, if it is.
    pub(super) fn register(&self, name: &str) -> Option<Register> {
        match self.by_name.get(name)? {
            Symbol::Register(register) => Some(*register),
            Symbol::Label(_) | Symbol::Constant(_) => None,
        }
    }

    /// The number that `name` stands for.
    pub(super) fn value(&self, name: &str) -> Result<i64, String> {
        match self.by_name.get(name) {
            Some(Symbol::Label(address)) => Ok((*address).into()),
            Some(Symbol::Constant(value)) => Ok(*value),
            Some(Symbol::Register(register)) => {
                Err(format!("{name} is V{register:X}: a number is needed here"))
            }
            None if operand::is_reserved(name) => Err(format!("expected a number, found {name}")),
            None => Err(format!("there is no label or constant {name}")),
        }
    }

    /// The labels and their addresses, in the order of the addresses.
    pub(super) fn labels(&self) -> Vec<(String, u16)> {
        let label = |(name, symbol): (&String, &Symbol)| match symbol {
            Symbol::Label(address) => Some((name.clone(), *address)),
            Symbol::Constant(_) | Symbol::Register(_) => None,
        };
        let mut labels: Vec<(String, u16)> = self.by_name.iter().filter_map(label).collect();
        labels.sort_by_key(|(_, address)| *address);
        labels
    }
}
