//! The grants of a backend as they are now: they change while guests run.

use std::fmt;
use std::sync::{Arc, RwLock};

use super::Grants;

/// Shared by all instances of a backend; each asks it when it reaches for something.
#[derive(Clone, Default)]
pub struct LiveGrants(Arc<RwLock<Arc<Grants>>>);

impl LiveGrants {
    pub fn new(grants: Grants) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(grants))))
    }

    pub fn now(&self) -> Arc<Grants> {
        let grants = self.0.read();
        grants
            .expect("no code panics while it holds grants")
            .clone()
    }

    pub fn change(&self, grants: Grants) {
        let mut now = self
            .0
            .write()
            .expect("no code panics while it holds grants");
        *now = Arc::new(grants);
    }
}

impl fmt::Debug for LiveGrants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.now().fmt(f)
    }
}
