//! Which components may become backends: those that an operator locked, and, where changes are to be approved, those that ask for nothing
//! new or that somebody said yes to.

use std::path::PathBuf;

use crate::error::{Error, ErrorCode, Result};
use crate::ids::BackendName;
use crate::registry::{
    Backend, Change, Compiler, Prepared, Surface, changes_as_json, changes_in_words,
};

use super::Host;

/// What is asked of a component before it is served.
#[derive(Clone, Debug, Default)]
pub struct Supply {
    /// `hostel.lock`: what is not in it, or is otherwise there, is not loaded. Read again for every component.
    pub lock: Option<PathBuf>,
    /// A component that is put in another's place has to be approved if it asks for more than that one.
    pub approve_changes: bool,
}

/// Whether somebody who may do so has looked at the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    Missing,
    Given,
}

/// What one component has to pass.
pub(super) struct Gate {
    supply: Supply,
    name: BackendName,
    before: Option<Surface>,
    approval: Approval,
}

impl Host {
    /// Asks this of every component from now on.
    #[must_use]
    pub fn with_supply(mut self, supply: Supply) -> Self {
        self.supply = supply;
        self
    }

    /// Compiles components in processes of their own from now on.
    #[must_use]
    pub fn with_compiler(mut self, compiler: Compiler) -> Self {
        self.loader = self.loader.with_compiler(compiler);
        self
    }

    pub(super) fn gate(
        &self,
        name: &BackendName,
        before: Option<&Backend>,
        approval: Approval,
    ) -> Gate {
        Gate {
            supply: self.supply.clone(),
            name: name.clone(),
            before: before.map(|backend| Surface::read(&backend.digest, &backend.listing)),
            approval,
        }
    }
}

impl Gate {
    /// Answers with what is other than in the backend that had the name. Blocks.
    ///
    /// # Errors
    /// `policy_denied`, with the changes.
    pub(super) fn admit(&self, prepared: &Prepared) -> Result<Vec<Change>> {
        let now = Surface::of(prepared);
        if let Some(lock) = &self.supply.lock {
            crate::registry::check_lock(lock, &self.name, &now)?;
        } else if self.supply.approve_changes && self.approval == Approval::Missing {
            self.check_approval(&now)?;
        }
        Ok(self
            .before
            .as_ref()
            .map(|before| crate::registry::between(before, &now))
            .unwrap_or_default())
    }

    fn check_approval(&self, now: &Surface) -> Result<()> {
        let nothing = Surface::default();
        let before = self.before.as_ref().unwrap_or(&nothing);
        let mut changes = crate::registry::between(before, now);
        changes.retain(Change::widens);
        if changes.is_empty() {
            return Ok(());
        }
        let message = format!(
            "backend {} would have what nobody approved:\n{}",
            self.name,
            changes_in_words(&changes)
        );
        Err(Error::new(ErrorCode::PolicyDenied, message)
            .detail("changes", changes_as_json(&changes))
            .hint("look at the changes, and put it again with ?approve=true; a file is approved with `hostel lock`, or by a start of the host"))
    }
}
