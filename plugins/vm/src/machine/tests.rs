//! The machine against the rules: every instruction by a table of states before and after, then time, keys and faults.

mod instructions;
mod running;
mod screen;

use std::collections::BTreeMap;

use super::{Machine, Settings};
use crate::quirks::{Model, Quirks};

/// The part of memory that tests look at, and where I points at first.
const SCRATCH: u16 = 0x300;

fn settings(model: Model) -> Settings {
    Settings {
        model,
        quirks: Quirks::of(model),
        cycles_per_frame: 10,
        seed: 1,
    }
}

fn machine(model: Model, opcodes: &[u16]) -> Machine {
    let program = opcodes
        .iter()
        .flat_map(|opcode| opcode.to_be_bytes())
        .collect();
    let mut machine = Machine::new(settings(model), program).unwrap();
    machine.index = SCRATCH;
    machine
}

/// A machine's state by name: `V0` to `VF`, `I`, `PC`, `DT`, `ST`, the depth `SP` of the stack, and memory `M300` to `M30F`.
type State = BTreeMap<String, u16>;

fn state(machine: &Machine) -> State {
    let mut state = State::from([
        ("I".to_owned(), machine.index),
        ("PC".to_owned(), machine.counter),
        ("DT".to_owned(), machine.delay.into()),
        ("ST".to_owned(), machine.sound.into()),
        ("SP".to_owned(), u16::try_from(machine.stack.len()).unwrap()),
    ]);
    state.extend((0..16).map(|x| (format!("V{x:X}"), machine.registers.get(x).into())));
    state.extend((SCRATCH..SCRATCH + 16).map(|at| {
        (
            format!("M{at:03X}"),
            machine.memory.read(at, 1).unwrap()[0].into(),
        )
    }));
    state
}

/// `"V1=FF I=300"` as names and hexadecimal values.
fn assignments(text: &str) -> Vec<(String, u16)> {
    let parse = |pair: &str| {
        let (name, value) = pair.split_once('=').expect("name=value");
        (
            name.to_owned(),
            u16::from_str_radix(value, 16).expect("a hexadecimal value"),
        )
    };
    text.split_whitespace().map(parse).collect()
}

fn prepare(machine: &mut Machine, text: &str) {
    for (name, value) in assignments(text) {
        let byte = || u8::try_from(value).expect("a byte");
        match name.split_at(1) {
            ("V", x) => machine
                .registers
                .set(u8::from_str_radix(x, 16).unwrap(), byte()),
            ("M", at) => machine
                .memory
                .write(u16::from_str_radix(at, 16).unwrap(), &[byte()])
                .unwrap(),
            ("I", "") => machine.index = value,
            ("D", "T") => machine.delay = byte(),
            ("S", "T") => machine.sound = byte(),
            _ => panic!("cannot set {name}"),
        }
    }
}

/// Carries out `opcode` in the state `before`. What `after` does not name must not have changed, but the program counter
/// goes on by one instruction unless named.
#[track_caller]
fn check(model: Model, opcode: u16, before: &str, after: &str) {
    let mut machine = machine(model, &[opcode]);
    prepare(&mut machine, before);
    let mut expected = state(&machine);
    expected.insert("PC".to_owned(), 0x202);
    for (name, value) in assignments(after) {
        assert!(
            expected.insert(name.clone(), value).is_some(),
            "{name} is not part of the state"
        );
    }
    machine
        .step()
        .unwrap_or_else(|stop| panic!("{opcode:04X} after {before:?}: {stop}"));
    let found = state(&machine);
    let wrong: Vec<_> = expected
        .iter()
        .filter(|(name, value)| found.get(*name) != Some(value))
        .collect();
    assert!(
        wrong.is_empty(),
        "{opcode:04X} on {model:?} after {before:?}: expected {wrong:X?}, found {found:X?}"
    );
}
