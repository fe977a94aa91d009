//! A backend from WIT that was written by hand. Its sessions are in the plain form: the instance is the session, so its
//! state may lie in a static.

use std::cell::RefCell;

use exports::{
    example::scratch::tools,
    hostel::backend::session::{self, SessionInfo},
};

hostel::generate!("wit/scratch.wit");

struct Scratch;

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl session::Guest for Scratch {
    fn initialize(session: SessionInfo, _config: String) -> Result<(), String> {
        hostel::log::info(format!("{} begins a scratchpad", session.worker));
        Ok(())
    }

    fn cleanup() -> Result<(), String> {
        Ok(())
    }
}

impl tools::Guest for Scratch {
    fn append(line: String) -> u32 {
        LINES.with_borrow_mut(|lines| {
            lines.push(line);
            lines.len() as u32
        })
    }

    fn lines() -> Vec<String> {
        LINES.with_borrow(Vec::clone)
    }
}

// Native linkers cannot bear such names as `example:scratch/tools@0.1.0#append`.
#[cfg(target_arch = "wasm32")]
export!(Scratch);
