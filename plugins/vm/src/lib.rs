//! The backend `vm`: what agents see of the machine. The machine itself knows nothing of Hostel.
//!
//! This file holds the tools, their parameters and their answers, because their docs are what agents read; how a
//! config becomes a machine is in `setup`, and how a machine becomes an answer in `report`.

mod assembler;
mod disassembler;
mod font;
mod instruction;
mod machine;
mod picture;
mod programs;
mod quirks;
mod random;
mod report;
mod screen;
mod setup;

#[cfg(test)]
mod tests;

/// A small computer with a screen of 64x32 or 128x64 pixels, sixteen keys and a beeper: CHIP-8 and SUPER-CHIP.
///
/// Write a program in assembly or take an example, run it, press keys, and look at the screen as a picture or as text.
/// Time stands still between calls: the machine moves only while a tool runs it.
#[hostel::backend]
pub mod vm {
    use super::machine::{FRAMES_PER_SECOND, Keypad, Machine};
    use super::{assembler, disassembler, picture, programs, report, setup};

    /// How a session's machine is built and what it runs. Everything can be left out.
    #[derive(Clone, Debug, Default)]
    pub struct Config {
        /// Which machine it is. Default: the one that `example` is for, else `chip8`.
        pub machine: Option<MachineKind>,
        /// The name of the example to start with; `examples` lists them. At most one of example, source and program.
        pub example: Option<String>,
        /// The assembly source of the program to start with.
        pub source: Option<String>,
        /// The bytes of the program to start with, as in a `.ch8` file.
        pub program: Option<Vec<u8>>,
        /// Instructions in a frame, of which there are 60 a second; 1 to 100000. Default 15 for chip8, 30 for super-chip.
        pub cycles_per_frame: Option<u32>,
        /// Where the random numbers start. The same seed, program and keys give the same run. Default: by chance.
        pub seed: Option<u32>,
        /// For programs that expect the behaviour of another interpreter than the usual one of their machine.
        pub quirks: Option<Quirks>,
    }

    /// The two machines.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum MachineKind {
        /// The original of 1977: 64x32 pixels.
        Chip8,
        /// SUPER-CHIP 1.1: adds 128x64 pixels, scrolling, sprites of 16x16 pixels, large digits and flags.
        SuperChip,
    }

    /// Points on which interpreters differ. What is left out is as usual for the machine.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Quirks {
        /// OR, AND and XOR set VF to 0. Usual for chip8.
        pub logic_resets_vf: Option<bool>,
        /// LD [I], Vx and LD Vx, [I] leave I behind the last byte; otherwise I stays. Usual for chip8.
        pub index_moves: Option<bool>,
        /// DRW waits for the next frame, so at most one sprite is drawn in a frame. Usual for chip8.
        pub draw_waits: Option<bool>,
        /// Sprites are cut off at the edges; otherwise they wrap around. Usual for both.
        pub sprites_clip: Option<bool>,
        /// SHR and SHL shift Vx itself and ignore Vy. Usual for super-chip.
        pub shift_in_place: Option<bool>,
        /// JP V0, 0xXNN adds VX instead of V0. Usual for super-chip.
        pub jump_adds_vx: Option<bool>,
    }

    /// Why a run came back.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Stopped {
        /// The cycles or frames that were asked for are used up; run again to go on.
        CyclesUsed,
        /// The next instruction is one of the breakpoints.
        Breakpoint,
        /// The program waits for a key: use `press_keys`.
        WaitingForKey,
        /// The program jumps to itself for ever, which is how programs end.
        Halted,
        /// The program ended by EXIT.
        Exited,
        /// The program did what it cannot do; `message` says what and where.
        Fault,
    }

    /// Where the machine stands.
    #[derive(Clone, Debug)]
    pub struct Status {
        /// The address of the next instruction.
        pub pc: u16,
        /// The next instruction in assembly, or what is wrong with it.
        pub next: String,
        /// Cycles since the program started, one an instruction.
        pub cycles: u64,
        /// Frames since the program started, 60 a second.
        pub frames: u64,
        /// The keys that are held down, as in "5A".
        pub held_keys: String,
        /// Whether the machine beeps.
        pub is_beeping: bool,
        /// The seed of the random numbers, to repeat this run in another session.
        pub seed: u32,
    }

    /// What a run did.
    #[derive(Clone, Debug)]
    pub struct Run {
        pub stopped: Stopped,
        /// The reason in words.
        pub message: String,
        /// Cycles of this run.
        pub cycles: u64,
        pub status: Status,
    }

    /// An instruction that was carried out.
    #[derive(Clone, Debug)]
    pub struct Step {
        /// Its address.
        pub address: u16,
        /// Its text, as in "ADD V3, 0x01".
        pub instruction: String,
        /// What it changed, as in "V3=05 VF=00"; empty if no register changed. Memory and screen are not listed.
        pub changed: String,
    }

    /// What the steps did.
    #[derive(Clone, Debug)]
    pub struct Steps {
        /// The instructions in the order they were carried out.
        pub steps: Vec<Step>,
        /// Why there are fewer than asked for, or none.
        pub stopped: Option<Stopped>,
        /// The reason in words.
        pub message: Option<String>,
        pub status: Status,
    }

    /// All registers and timers.
    #[derive(Clone, Debug)]
    pub struct Registers {
        /// V0 to VF.
        pub v: Vec<u16>,
        /// I, which holds addresses.
        pub i: u16,
        /// The address of the next instruction.
        pub pc: u16,
        /// Where the running subroutines return to, the outermost first.
        pub stack: Vec<u16>,
        /// The delay timer, in frames.
        pub delay: u8,
        /// The sound timer, in frames. The machine beeps while it is not 0.
        pub sound: u8,
    }

    /// How `screen_text` draws.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum TextStyle {
        /// A sign for each pixel: `#` lit, `.` dark.
        Pixels,
        /// A half block for two pixels above each other: a quarter of the text, in the right proportions.
        Blocks,
    }

    /// The screen as text.
    #[derive(Clone, Debug)]
    pub struct ScreenText {
        /// In pixels.
        pub width: u32,
        /// In pixels.
        pub height: u32,
        /// How many pixels are lit.
        pub lit: u32,
        /// The rows from top to bottom, with line ends between them.
        pub text: String,
    }

    /// A name in a program.
    #[derive(Clone, Debug)]
    pub struct Label {
        pub name: String,
        pub address: u16,
    }

    /// An assembled program.
    #[derive(Clone, Debug)]
    pub struct Assembled {
        /// The bytes, for `load` or a `.ch8` file.
        pub program: Vec<u8>,
        /// The labels in the order of their addresses.
        pub labels: Vec<Label>,
        /// Each line of the source with its address and bytes, if asked for.
        pub listing: Option<String>,
    }

    /// A program that comes with the machine.
    #[derive(Clone, Debug)]
    pub struct Example {
        pub name: String,
        /// What it does and which keys it takes.
        pub description: String,
        /// The machine that it is for. Programs for chip8 run on super-chip as well.
        pub machine: MachineKind,
        /// Its source: a good start for a program of one's own.
        pub source: String,
    }

    /// A machine of one's own.
    pub struct Session {
        machine: Machine,
    }

    impl Session {
        /// Switches a machine on, with a program if the config names one.
        pub fn new(config: Config) -> Result<Self, String> {
            setup::machine(config).map(|machine| Self { machine })
        }

        /// Puts a program into the machine and starts it anew, without running it.
        #[tool(destructive, idempotent, open_world = false, title = "Load a program")]
        pub fn load(
            &mut self,
            /// The bytes of the program, as in a `.ch8` file; at most 3584.
            program: Vec<u8>,
        ) -> Result<Status, String> {
            self.machine.load(program)?;
            Ok(report::status(&self.machine))
        }

        /// Assembles a program and puts it into the machine, without running it. `assemble` describes the language.
        #[tool(
            destructive,
            idempotent,
            open_world = false,
            title = "Load a program from source"
        )]
        pub fn load_source(
            &mut self,
            /// The program in assembly.
            source: &str,
        ) -> Result<Status, String> {
            self.load(assembler::assemble(source)?.program)
        }

        /// Puts one of the programs that come with the machine into it, without running it.
        #[tool(destructive, idempotent, open_world = false, title = "Load an example")]
        pub fn load_example(
            &mut self,
            /// The name of the example; `examples` lists them.
            name: &str,
        ) -> Result<Status, String> {
            let program = programs::find(name)?;
            setup::check_model(program, self.machine.settings().model)?;
            self.load(program.bytes.clone())
        }

        /// Starts the program anew, with the same random numbers. What the program wrote over itself is undone.
        #[tool(destructive, idempotent, open_world = false, title = "Reset")]
        pub fn reset(&mut self) -> Status {
            self.machine.reset();
            report::status(&self.machine)
        }

        /// Runs the program until the cycles are used up or it stops by itself, and says why it stopped.
        #[tool(destructive = false, open_world = false, title = "Run")]
        pub fn run(
            &mut self,
            /// How many cycles, each one instruction; at most 10000000. Default: one second of the machine's time.
            cycles: Option<u32>,
            /// Addresses to stop at, before the instruction there is carried out. `assemble` gives those of the labels.
            breakpoints: Option<Vec<u16>>,
        ) -> Result<Run, String> {
            let second = FRAMES_PER_SECOND * self.machine.settings().cycles_per_frame;
            let cycles = setup::cycles(cycles.unwrap_or(second))?;
            let breakpoints = breakpoints.unwrap_or_default();
            report::run(&mut self.machine, |machine| {
                machine.run(cycles, &breakpoints)
            })
        }

        /// Carries out single instructions and tells each one and what it changed.
        #[tool(destructive = false, open_world = false, title = "Step")]
        pub fn step(
            &mut self,
            /// How many instructions; at most 500. Default 1.
            count: Option<u32>,
        ) -> Result<Steps, String> {
            report::steps(&mut self.machine, setup::steps(count.unwrap_or(1))?)
        }

        /// Presses keys for some frames, lets them go, and runs some frames more, in which the program can answer.
        /// Keys that `hold_keys` holds stay down.
        #[tool(destructive = false, open_world = false, title = "Press keys")]
        pub fn press_keys(
            &mut self,
            /// The keys, 0 to 9 and A to F, as in "5" or "4A"; several are pressed at once.
            keys: &str,
            /// For how many frames, of which there are 60 a second; at most 3600. Default 4.
            frames: Option<u32>,
            /// How many frames to run after that, 1 or more: many programs see a key when it goes up. Default 8.
            frames_after: Option<u32>,
        ) -> Result<Run, String> {
            let pressed = Keypad::parse(keys)?;
            let frames = setup::frames(frames.unwrap_or(4), &self.machine)?;
            let after = setup::frames(frames_after.unwrap_or(8), &self.machine)?;
            report::run(&mut self.machine, |machine| {
                machine.press(pressed, frames, after)
            })
        }

        /// Sets which keys are down from now on, without running the machine. Use `run` next.
        #[tool(
            destructive = false,
            idempotent,
            open_world = false,
            title = "Hold keys"
        )]
        pub fn hold_keys(
            &mut self,
            /// All keys that are down, as in "4A"; the empty text lets all of them go.
            keys: &str,
        ) -> Result<Status, String> {
            self.machine.keypad_mut().set(Keypad::parse(keys)?);
            Ok(report::status(&self.machine))
        }

        /// Tells where the machine stands.
        #[tool(read_only, idempotent, open_world = false, title = "Status")]
        pub fn status(&self) -> Status {
            report::status(&self.machine)
        }

        /// Reads all registers and timers.
        #[tool(read_only, idempotent, open_world = false, title = "Read registers")]
        pub fn registers(&self) -> Registers {
            report::registers(&self.machine)
        }

        /// Reads memory.
        #[tool(read_only, idempotent, open_world = false, title = "Read memory")]
        pub fn read_memory(
            &self,
            /// The first address, 0 to 4095. Programs start at 512.
            address: u16,
            /// How many bytes.
            length: u16,
        ) -> Result<Vec<u8>, String> {
            let bytes = self.machine.memory().read(address, length.into());
            bytes.map(<[u8]>::to_vec).map_err(|fault| fault.to_string())
        }

        /// Writes memory: to change a program or its data while it runs.
        #[tool(destructive, idempotent, open_world = false, title = "Write memory")]
        pub fn write_memory(
            &mut self,
            /// The first address, 0 to 4095.
            address: u16,
            /// What to write there.
            bytes: &[u8],
        ) -> Result<Status, String> {
            self.machine
                .memory_mut()
                .write(address, bytes)
                .map_err(|fault| fault.to_string())?;
            Ok(report::status(&self.machine))
        }

        /// The screen as a PNG.
        #[tool(read_only, idempotent, open_world = false, title = "Screenshot")]
        pub fn screenshot(
            &self,
            /// The side of the square that a pixel of the screen becomes, 1 to 16. Default 8, which makes 512x256.
            scale: Option<u32>,
        ) -> Result<Vec<u8>, String> {
            picture::png(self.machine.screen(), scale.unwrap_or(8))
        }

        /// The screen as text, for agents that do not see pictures.
        #[tool(read_only, idempotent, open_world = false, title = "Screen as text")]
        pub fn screen_text(
            &self,
            /// Default `pixels`.
            style: Option<TextStyle>,
        ) -> ScreenText {
            report::screen(self.machine.screen(), style.unwrap_or(TextStyle::Pixels))
        }
    }

    /// Turns assembly into the bytes of a program. All mistakes are told at once, each with its line.
    ///
    /// A line is `label: INSTRUCTION operands ; comment`, each part optional; programs start at 0x200. Registers are V0 to
    /// VF and I. Numbers: 10, 0x0A, #0A, 0b1010, and %..####.. for the pixels of a sprite; `+ - * / ( )` and `$`, the
    /// address of the line, work. `name EQU value` names a number, `name EQU V3` a register.
    /// Data: DB bytes and "texts", DW words, DS count of zeros, ORG address.
    ///
    /// Flow: JP addr, CALL addr, RET, JP V0, addr; SE Vx, byte|Vy (skip the next instruction if equal), SNE (if not), SKP Vx
    /// (if key Vx is down), SKNP Vx (if not). End a program with `end: JP end`.
    /// Values: LD Vx, byte|Vy; ADD Vx, byte (no flag); ADD, SUB, SUBN, OR, AND, XOR Vx, Vy; SHR, SHL Vx, Vy; RND Vx, mask.
    /// VF becomes 1 for a carry in ADD, 0 for a borrow in SUB.
    /// Memory: LD I, addr; ADD I, Vx; LD [I], Vx (stores V0 to Vx); LD Vx, [I]; LD B, Vx (three decimal digits at I).
    /// Screen: CLS; DRW Vx, Vy, rows (draws the sprite at I at column Vx, row Vy, by XOR; VF becomes 1 if a lit pixel went
    /// out); LD F, Vx (I becomes the picture of the hex digit Vx, 5 rows).
    /// Time and keys: LD DT, Vx; LD Vx, DT; LD ST, Vx (beep); the timers go down 60 times a second; LD Vx, K (waits for a key).
    /// SUPER-CHIP: HIGH, LOW, SCD rows, SCR, SCL, DRW Vx, Vy, 0 (16x16), LD HF, Vx (large digit, 10 rows), LD R, Vx, LD Vx, R, EXIT.
    #[tool(read_only, idempotent, open_world = false, title = "Assemble")]
    pub fn assemble(
        /// The program in assembly.
        source: &str,
        /// Whether to return the listing: each line with its address and bytes. Default false.
        listing: Option<bool>,
    ) -> Result<Assembled, String> {
        assembler::assemble(source)
            .map(|assembled| report::assembled(assembled, listing.unwrap_or(false)))
    }

    /// Turns the bytes of a program into assembly that assembles to the same bytes. What the program cannot reach is taken
    /// for data and shown as pictures.
    #[tool(read_only, idempotent, open_world = false, title = "Disassemble")]
    pub fn disassemble(
        /// The bytes of the program, as in a `.ch8` file.
        program: &[u8],
    ) -> Result<String, String> {
        disassembler::disassemble(program)
    }

    /// Lists the programs that come with the machine, with their sources.
    #[tool(read_only, idempotent, open_world = false, title = "List examples")]
    pub fn examples() -> Vec<Example> {
        programs::all().iter().map(report::example).collect()
    }

    /// Assembles the examples, so that sessions find them ready.
    pub fn warmup() {
        programs::all();
    }
}
