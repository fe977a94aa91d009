//! From the machine to the answers of the tools.

use crate::assembler;
use crate::machine::{Machine, Stop};
use crate::picture;
use crate::programs::Program;
use crate::quirks::Model;
use crate::screen::Screen;
use crate::vm::{
    Assembled, Example, Label, MachineKind, Registers, Run, ScreenText, Status, Step, Steps,
    Stopped, TextStyle,
};

/// Where the machine stands.
pub(crate) fn status(machine: &Machine) -> Status {
    Status {
        pc: machine.counter(),
        next: next(machine),
        cycles: machine.cycles(),
        frames: machine.frames(),
        held_keys: machine.keypad().held(),
        is_beeping: machine.sound() > 0,
        seed: machine.settings().seed,
    }
}

fn next(machine: &Machine) -> String {
    if machine.is_empty() {
        return "nothing: no program is loaded".to_owned();
    }
    machine.next_instruction().map_or_else(
        |fault| fault.to_string(),
        |instruction| instruction.to_string(),
    )
}

/// Moves the machine by `advance` and tells how that went.
pub(crate) fn run(
    machine: &mut Machine,
    advance: impl FnOnce(&mut Machine) -> Stop,
) -> Result<Run, String> {
    refuse_if_empty(machine)?;
    let before = machine.cycles();
    let stop = advance(machine);
    Ok(Run {
        stopped: stopped(stop),
        message: message(machine, stop),
        cycles: machine.cycles() - before,
        status: status(machine),
    })
}

/// Carries out at most `count` instructions, one by one.
pub(crate) fn steps(machine: &mut Machine, count: u32) -> Result<Steps, String> {
    refuse_if_empty(machine)?;
    let mut steps = Vec::new();
    let mut reason = None;
    while reason.is_none() && steps.len() < count as usize {
        let before = named_values(machine);
        match machine.step() {
            Ok(Some(executed)) => steps.push(Step {
                address: executed.address,
                instruction: executed.instruction.to_string(),
                changed: changes(&before, &named_values(machine)),
            }),
            Ok(None) => {
                reason = Some((
                    Stopped::WaitingForKey,
                    "the program waits for the key to be let go".to_owned(),
                ))
            }
            Err(stop) => reason = Some((stopped(stop), message(machine, stop))),
        }
    }
    let (stopped, message) = reason.unzip();
    Ok(Steps {
        steps,
        stopped,
        message,
        status: status(machine),
    })
}

fn refuse_if_empty(machine: &Machine) -> Result<(), String> {
    if machine.is_empty() {
        return Err("no program is loaded: use `load_source`, `load_example` or `load`".to_owned());
    }
    Ok(())
}

fn stopped(stop: Stop) -> Stopped {
    match stop {
        Stop::CyclesUsed => Stopped::CyclesUsed,
        Stop::Breakpoint => Stopped::Breakpoint,
        Stop::WaitingForKey => Stopped::WaitingForKey,
        Stop::Halted => Stopped::Halted,
        Stop::Exited => Stopped::Exited,
        Stop::Fault(_) => Stopped::Fault,
    }
}

fn message(machine: &Machine, stop: Stop) -> String {
    match stop {
        Stop::CyclesUsed => stop.to_string(),
        _ => format!("at 0x{:03X}: {stop}", machine.counter()),
    }
}

/// The values that a step may change, by name.
fn named_values(machine: &Machine) -> Vec<(String, u16)> {
    let registers = machine.registers().up_to(0xF).iter().enumerate();
    let mut values: Vec<_> = registers
        .map(|(x, &value)| (format!("V{x:X}"), u16::from(value)))
        .collect();
    values.push(("I".to_owned(), machine.index()));
    values.push(("DT".to_owned(), machine.delay().into()));
    values.push(("ST".to_owned(), machine.sound().into()));
    values
}

fn changes(before: &[(String, u16)], after: &[(String, u16)]) -> String {
    let changed = before
        .iter()
        .zip(after)
        .filter(|(before, after)| before != after);
    changed
        .map(|(_, (name, value))| format!("{name}={value:02X}"))
        .collect::<Vec<String>>()
        .join(" ")
}

/// All registers and timers.
pub(crate) fn registers(machine: &Machine) -> Registers {
    Registers {
        v: machine
            .registers()
            .up_to(0xF)
            .iter()
            .copied()
            .map(u16::from)
            .collect(),
        i: machine.index(),
        pc: machine.counter(),
        stack: machine.stack().to_vec(),
        delay: machine.delay(),
        sound: machine.sound(),
    }
}

/// The screen as text.
pub(crate) fn screen(screen: &Screen, style: TextStyle) -> ScreenText {
    let text = match style {
        TextStyle::Pixels => picture::text(screen),
        TextStyle::Blocks => picture::blocks(screen),
    };
    ScreenText {
        width: screen.width(),
        height: screen.height(),
        lit: screen.lit(),
        text,
    }
}

pub(crate) fn assembled(assembled: assembler::Assembled, with_listing: bool) -> Assembled {
    Assembled {
        program: assembled.program,
        labels: assembled
            .labels
            .into_iter()
            .map(|(name, address)| Label { name, address })
            .collect(),
        listing: with_listing.then_some(assembled.listing),
    }
}

pub(crate) fn example(program: &Program) -> Example {
    Example {
        name: program.name.to_owned(),
        description: program.description(),
        machine: match program.model {
            Model::Chip8 => MachineKind::Chip8,
            Model::SuperChip => MachineKind::SuperChip,
        },
        source: program.source.to_owned(),
    }
}
