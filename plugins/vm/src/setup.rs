//! From a session's config and a tool's numbers to what the machine takes, with a refusal for what is out of bounds.

use crate::assembler;
use crate::machine::{Machine, Settings};
use crate::programs::{self, Program};
use crate::quirks::{Model, Quirks};
use crate::random;
use crate::vm::{self, Config, MachineKind};

/// The most cycles of one call: a fraction of a second for the host, minutes for the machine.
const CYCLES_MAX: u32 = 10_000_000;
const CYCLES_PER_FRAME_MAX: u32 = 100_000;
const FRAMES_MAX: u32 = 3600;
const STEPS_MAX: u32 = 500;

/// The machine that `config` describes.
pub(crate) fn machine(config: Config) -> Result<Machine, String> {
    let example = config.example.as_deref().map(programs::find).transpose()?;
    let model = match config.machine {
        Some(kind) => model(kind),
        None => example.map_or(Model::Chip8, |example| example.model),
    };
    let program = match (example, config.source, config.program) {
        (None, None, None) => Vec::new(),
        (Some(example), None, None) => {
            check_model(example, model)?;
            example.bytes.clone()
        }
        (None, Some(source), None) => assembler::assemble(&source)?.program,
        (None, None, Some(program)) => program,
        _ => {
            return Err(
                "the config has more than one of `example`, `source` and `program`: choose one"
                    .to_owned(),
            );
        }
    };
    let cycles_per_frame = config.cycles_per_frame.unwrap_or(match model {
        Model::Chip8 => 15,
        Model::SuperChip => 30,
    });
    let settings = Settings {
        model,
        quirks: quirks(model, config.quirks.unwrap_or_default()),
        cycles_per_frame: within(cycles_per_frame, CYCLES_PER_FRAME_MAX, "cycles_per_frame")?,
        seed: config.seed.map_or_else(random::seed_from_host, Ok)?,
    };
    Machine::new(settings, program)
}

/// Refuses a program for SUPER-CHIP on a machine that is none.
pub(crate) fn check_model(program: &Program, model: Model) -> Result<(), String> {
    if program.model == Model::SuperChip && model == Model::Chip8 {
        let name = program.name;
        return Err(format!(
            "{name} is for super-chip and this machine is chip8: open the session with `machine`: super-chip"
        ));
    }
    Ok(())
}

pub(crate) fn cycles(cycles: u32) -> Result<u64, String> {
    within(cycles, CYCLES_MAX, "cycles").map(u64::from)
}

pub(crate) fn steps(count: u32) -> Result<u32, String> {
    within(count, STEPS_MAX, "count")
}

/// So many frames, if they take no more cycles than a run may.
pub(crate) fn frames(frames: u32, machine: &Machine) -> Result<u32, String> {
    let per_frame = machine.settings().cycles_per_frame;
    within(frames, FRAMES_MAX.min(CYCLES_MAX / per_frame), "frames")
}

fn within(value: u32, max: u32, name: &str) -> Result<u32, String> {
    if (1..=max).contains(&value) {
        Ok(value)
    } else {
        Err(format!("`{name}` is {value}: it must be 1 to {max}"))
    }
}

fn model(kind: MachineKind) -> Model {
    match kind {
        MachineKind::Chip8 => Model::Chip8,
        MachineKind::SuperChip => Model::SuperChip,
    }
}

fn quirks(model: Model, chosen: vm::Quirks) -> Quirks {
    let usual = Quirks::of(model);
    Quirks {
        logic_resets_vf: chosen.logic_resets_vf.unwrap_or(usual.logic_resets_vf),
        index_moves: chosen.index_moves.unwrap_or(usual.index_moves),
        draw_waits: chosen.draw_waits.unwrap_or(usual.draw_waits),
        sprites_clip: chosen.sprites_clip.unwrap_or(usual.sprites_clip),
        shift_in_place: chosen.shift_in_place.unwrap_or(usual.shift_in_place),
        jump_adds_vx: chosen.jump_adds_vx.unwrap_or(usual.jump_adds_vx),
    }
}
