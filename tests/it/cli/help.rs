//! Every command teaches in its `--help`, and a slip is answered with what was probably meant.

use super::run;

const COMMANDS: [&str; 16] = [
    "up", "serve", "mcp", "call", "tools", "sessions", "usage", "policy", "keys", "inspect", "new",
    "build", "check", "audit", "diff", "lock",
];

#[test]
fn the_commands_are_listed_with_what_they_do() {
    let home = tempfile::tempdir().unwrap();
    let help = run(home.path(), &["--help"]);
    assert_eq!(help.status, Some(0));
    for command in COMMANDS {
        let line = help
            .out
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("{command} ")));
        let about = line.unwrap_or_else(|| panic!("{command} is not listed: {}", help.out));
        assert!(about.trim().len() > command.len() + 20, "{about}");
    }
    assert!(
        help.out.contains("hostel new my-backend"),
        "it says where to start: {}",
        help.out
    );
}

#[test]
fn every_command_explains_each_of_its_arguments() {
    let home = tempfile::tempdir().unwrap();
    for command in COMMANDS {
        let help = run(home.path(), &[command, "--help"]);
        assert_eq!(help.status, Some(0), "{command}");
        assert!(
            help.out.contains(&format!("Usage: hostel {command}")),
            "{command}: {}",
            help.out
        );
        let lines: Vec<&str> = help.out.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let text = line.trim_start();
            let is_argument = text.starts_with("--")
                || text.starts_with("-") && !text.starts_with("- ")
                || text.starts_with('<')
                || text.starts_with('[');
            if !is_argument || !line.starts_with("  ") {
                continue;
            }
            let here = text.split_once("  ").map_or("", |(_, about)| about).trim();
            let below = lines.get(index + 1).map_or("", |line| line.trim());
            assert!(
                !here.is_empty() || !below.is_empty(),
                "{command}: {text} is not explained"
            );
        }
    }
}

#[test]
fn a_slip_in_a_command_or_a_flag_is_answered_with_the_nearest() {
    let home = tempfile::tempdir().unwrap();
    let command = run(home.path(), &["srve"]);
    assert_eq!(command.status, Some(2));
    assert!(
        command.complaint.contains("'serve'"),
        "{}",
        command.complaint
    );
    let flag = run(home.path(), &["serve", "--plugin", "x"]);
    assert_eq!(flag.status, Some(2));
    assert!(flag.complaint.contains("--plugins"), "{}", flag.complaint);
}
