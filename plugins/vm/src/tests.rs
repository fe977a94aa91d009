//! The tools as an agent uses them.

use crate::vm::{self, Config, MachineKind, Quirks, Session, Stopped, TextStyle};

fn session(config: Config) -> Session {
    Session::new(config).unwrap()
}

fn example(name: &str) -> Config {
    Config {
        example: Some(name.to_owned()),
        seed: Some(1),
        ..Config::default()
    }
}

#[test]
fn a_program_is_written_run_and_looked_at() {
    let mut session = session(Config::default());
    assert_eq!(
        session.run(None, None).unwrap_err(),
        "no program is loaded: use `load_source`, `load_example` or `load`"
    );
    let refusal = session.load_source("LD V0, 5\nDRAW V0").unwrap_err();
    assert!(
        refusal.starts_with("line 2: there is no instruction DRAW"),
        "{refusal}"
    );

    let status = session
        .load_source("LD V0, 7\nLD F, V0\nDRW V1, V1, 5\nend: JP end")
        .unwrap();
    assert_eq!((status.pc, status.next.as_str()), (0x200, "LD V0, 0x07"));
    let run = session.run(Some(100), None).unwrap();
    assert_eq!(
        (run.stopped, run.message.as_str()),
        (
            Stopped::Halted,
            "at 0x206: the program has ended: it jumps to itself for ever"
        )
    );

    let screen = session.screen_text(None);
    assert_eq!((screen.width, screen.height, screen.lit), (64, 32, 8));
    assert!(screen.text.starts_with("####...."));
    assert!(
        session
            .screen_text(Some(TextStyle::Blocks))
            .text
            .starts_with("▀▀▀█")
    );
    assert!(session.screenshot(None).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn steps_tell_what_changed() {
    let mut session = session(Config {
        source: Some("LD V1, 255\nADD V1, V1\nLD I, 0x300\nRET".into()),
        ..Config::default()
    });
    let steps = session.step(Some(10)).unwrap();
    let told: Vec<_> = steps
        .steps
        .iter()
        .map(|step| {
            (
                step.address,
                step.instruction.as_str(),
                step.changed.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (0x200, "LD V1, 0xFF", "V1=FF"),
            (0x202, "ADD V1, V1", "V1=FE VF=01"),
            (0x204, "LD I, 0x300", "I=300")
        ]
    );
    assert_eq!(steps.stopped, Some(Stopped::Fault));
    assert_eq!(
        steps.message.as_deref(),
        Some("at 0x206: RET outside of a subroutine")
    );
    assert_eq!(session.registers().v[1], 0xFE);
}

#[test]
fn a_pressed_key_reaches_a_waiting_program() {
    let mut session = session(example("keypad"));
    assert_eq!(
        session.run(None, None).unwrap().stopped,
        Stopped::WaitingForKey
    );
    let run = session.press_keys("a", None, None).unwrap();
    assert_eq!(
        (run.stopped, run.status.held_keys.as_str()),
        (Stopped::WaitingForKey, "")
    );
    assert!(session.screen_text(None).lit > 0);
    assert_eq!(session.registers().v[0], 0xA);
    assert!(session.press_keys("g", None, None).is_err());
}

#[test]
fn held_keys_stay_down_while_others_are_pressed() {
    let mut session = session(example("paddle"));
    assert_eq!(session.hold_keys("4").unwrap().held_keys, "4");
    let run = session.press_keys("6", Some(2), Some(1)).unwrap();
    assert_eq!(run.status.held_keys, "4");
    assert_eq!(run.status.frames, 3);
}

#[test]
fn breakpoints_take_the_addresses_of_labels() {
    let source = "LD V0, 1\nhere: ADD V0, 1\nJP here";
    let assembled = vm::assemble(source, None).unwrap();
    let mut session = session(Config {
        program: Some(assembled.program),
        ..Config::default()
    });
    let run = session
        .run(None, Some(vec![assembled.labels[0].address]))
        .unwrap();
    assert_eq!(
        (run.stopped, run.cycles, run.status.pc),
        (Stopped::Breakpoint, 1, 0x202)
    );
}

#[test]
fn memory_is_read_and_written_within_its_bounds() {
    let mut session = session(example("counter"));
    session.write_memory(0x300, &[1, 2, 3]).unwrap();
    assert_eq!(session.read_memory(0x2FF, 5).unwrap(), [0, 1, 2, 3, 0]);
    assert_eq!(
        session.read_memory(0xFFF, 2).unwrap_err(),
        "2 bytes at 0xFFF reach beyond the memory, which ends at 0xFFF"
    );
}

#[test]
fn the_same_seed_repeats_a_run_and_another_does_not() {
    let maze = |seed| {
        let mut session = session(Config {
            seed,
            ..example("maze")
        });
        session.run(Some(100_000), None).unwrap();
        (session.screen_text(None).text, session.status().seed)
    };
    assert_eq!(maze(Some(4)), maze(Some(4)));
    assert_ne!(maze(Some(4)).0, maze(Some(5)).0);
    let (by_chance, seed) = maze(None);
    assert_eq!(maze(Some(seed)).0, by_chance);
}

#[test]
fn an_example_brings_its_machine() {
    assert_eq!(session(example("banner")).screen_text(None).width, 64);
    let mut banner = session(example("banner"));
    assert_eq!(
        banner.run(Some(100_000), None).unwrap().stopped,
        Stopped::Exited
    );
    assert_eq!(banner.screen_text(None).width, 128);

    let on_chip8 = Config {
        machine: Some(MachineKind::Chip8),
        ..example("banner")
    };
    assert!(
        Session::new(on_chip8)
            .err()
            .is_some_and(|refusal| refusal.starts_with("banner is for super-chip"))
    );
    assert!(session(example("maze")).load_example("banner").is_err());
}

#[test]
fn configs_out_of_bounds_are_refused() {
    for (config, message) in [
        (
            Config {
                cycles_per_frame: Some(0),
                ..Config::default()
            },
            "`cycles_per_frame` is 0: it must be 1 to 100000",
        ),
        (
            Config {
                source: Some("CLS".into()),
                ..example("maze")
            },
            "more than one of",
        ),
        (example("tetris"), "there is no example tetris"),
        (
            Config {
                program: Some(vec![0; 4000]),
                ..Config::default()
            },
            "3584 fit in memory",
        ),
    ] {
        let refusal = Session::new(config).err().expect(message);
        assert!(refusal.contains(message), "{refusal}");
    }
    let mut session = session(example("maze"));
    assert!(session.run(Some(0), None).is_err() && session.run(Some(10_000_001), None).is_err());
    assert!(session.step(Some(501)).is_err() && session.press_keys("1", Some(3601), None).is_err());
}

#[test]
fn quirks_override_the_machine() {
    let quirks = Quirks {
        logic_resets_vf: Some(false),
        ..Quirks::default()
    };
    for (quirks, flag) in [(None, 0), (Some(quirks), 7)] {
        let source = Some("LD VF, 7\nOR V0, V0\nend: JP end".to_owned());
        let mut session = session(Config {
            source,
            quirks,
            ..Config::default()
        });
        session.run(None, None).unwrap();
        assert_eq!(session.registers().v[15], flag);
    }
}

#[test]
fn every_example_survives_its_disassembly() {
    for example in vm::examples() {
        let program = vm::assemble(&example.source, None).unwrap().program;
        let text = vm::disassemble(&program).unwrap();
        assert_eq!(
            vm::assemble(&text, None).unwrap().program,
            program,
            "{}",
            example.name
        );
    }
}
