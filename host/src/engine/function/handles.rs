//! The table of a session's resources: what stands behind `"cart#7"`.
//!
//! It counts, names and checks; it never touches the guest. Dropping a resource runs the guest's destructor, so whoever
//! owns the instance does that with what `drain` and `orphans` hand out.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use wasmtime::component::{ResourceAny, Val};

use super::shape::Resource;

/// The resources of one session that its callers can name.
#[derive(Debug)]
pub(crate) struct Handles {
    entries: BTreeMap<u64, Entry>,
    /// The number of the newest handle. A number is never given twice, so an old handle cannot reach a new resource.
    last: u64,
    limit: usize,
    orphans: Vec<ResourceAny>,
}

#[derive(Debug)]
struct Entry {
    resource: ResourceAny,
    kind: Arc<Resource>,
}

/// Why a string is not the handle that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Unknown,
    /// It is a handle, but of a resource of this name.
    Kind(String),
}

/// The table has as many handles as it may have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Handles {
    /// A table that holds at most `limit` handles.
    pub(crate) fn new(limit: usize) -> Handles {
        Handles {
            entries: BTreeMap::new(),
            last: 0,
            limit,
            orphans: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Resources that nobody can name, because the answer that held them could not be written. They are the receiver's
    /// to drop; call it after a `write` that failed.
    pub(crate) fn orphans(&mut self) -> Vec<ResourceAny> {
        std::mem::take(&mut self.orphans)
    }

    /// Empties the table: every resource, the newest first, because a newer one may hold on to an older one.
    pub(crate) fn drain(&mut self) -> Vec<ResourceAny> {
        let entries = std::mem::take(&mut self.entries);
        let named = entries.into_values().rev().map(|entry| entry.resource);
        self.orphans().into_iter().chain(named).collect()
    }

    /// Every resource with its number, and the number of the newest handle.
    pub(crate) fn entries(&self) -> (u64, impl Iterator<Item = (u64, ResourceAny, &Resource)>) {
        let entries = self.entries.iter();
        let entries = entries.map(|(number, entry)| (*number, entry.resource, &*entry.kind));
        (self.last, entries)
    }

    /// Gives a resource the number that it had in another instance. `last`: the number of the newest handle there.
    pub(crate) fn reinstate(
        &mut self,
        last: u64,
        number: u64,
        resource: ResourceAny,
        kind: Resource,
    ) {
        self.last = last;
        let kind = Arc::new(kind);
        self.entries.insert(number, Entry { resource, kind });
    }

    /// The resource behind a handle, and its number.
    pub(super) fn find(&self, handle: &str, kind: &Resource) -> Result<(u64, ResourceAny), Fault> {
        let number = self.number(handle).ok_or(Fault::Unknown)?;
        let entry = self.entries.get(&number).ok_or(Fault::Unknown)?;
        if entry.kind.ty == kind.ty {
            Ok((number, entry.resource))
        } else {
            Err(Fault::Kind(entry.kind.name.clone()))
        }
    }

    /// Takes resources out of the table that a call is about to consume.
    pub(super) fn consume(&mut self, numbers: &HashSet<u64>) {
        for number in numbers {
            self.entries.remove(number);
        }
    }

    /// Gives a resource a number.
    pub(super) fn insert(
        &mut self,
        resource: ResourceAny,
        kind: &Arc<Resource>,
    ) -> Result<u64, Full> {
        if self.entries.len() >= self.limit {
            return Err(Full);
        }
        self.last += 1;
        self.entries.insert(
            self.last,
            Entry {
                resource,
                kind: Arc::clone(kind),
            },
        );
        Ok(self.last)
    }

    /// Where the numbers stand, for `revoke`.
    pub(super) fn mark(&self) -> u64 {
        self.last
    }

    /// Forgets the handles that were given out since `mark`: the answer that names them does not go out.
    pub(super) fn revoke(&mut self, mark: u64) {
        self.entries.split_off(&(mark + 1));
    }

    /// Every resource in a value that nobody will see.
    pub(super) fn orphan(&mut self, value: &Val) {
        match value {
            Val::Resource(resource) => self.orphans.push(*resource),
            Val::List(items) | Val::FixedLengthList(items) | Val::Tuple(items) => {
                self.orphan_all(items)
            }
            Val::Record(fields) => self.orphan_all(fields.iter().map(|(_, value)| value)),
            Val::Map(entries) => self.orphan_all(entries.iter().map(|(_, value)| value)),
            Val::Variant(_, payload) | Val::Option(payload) => self.orphan_all(payload.as_deref()),
            Val::Result(Ok(payload) | Err(payload)) => self.orphan_all(payload.as_deref()),
            _ => {}
        }
    }

    fn orphan_all<'v>(&mut self, values: impl IntoIterator<Item = &'v Val>) {
        for value in values {
            self.orphan(value);
        }
    }

    /// The number of a handle whose name is right as well.
    fn number(&self, handle: &str) -> Option<u64> {
        let (name, number) = handle.rsplit_once('#')?;
        let canonical = !number.starts_with(['0', '+']);
        let number = number.parse().ok().filter(|_| canonical)?;
        self.entries
            .get(&number)
            .filter(|entry| entry.kind.name == name)
            .map(|_| number)
    }
}

/// How a handle is spelled.
pub(super) fn spelled<'a>(kind: &'a Resource, number: u64) -> impl fmt::Display + 'a {
    fmt::from_fn(move |f| write!(f, "{}#{number}", kind.name))
}
