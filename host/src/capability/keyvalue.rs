//! `wasi:keyvalue`: named buckets in memory, shared by all handles of one instance, bounded in bytes, gone with the session.

use std::collections::BTreeMap;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable, ResourceTableError};

use crate::tool::Denial;

use super::Capabilities;
use super::denials::Denials;

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit/keyvalue.wit",
        world: "wasi:keyvalue/imports",
        imports: { default: trappable },
        with: { "wasi:keyvalue/store.bucket": super::Bucket },
        trappable_error_type: { "wasi:keyvalue/store.error" => super::Refusal },
    });
}

use bindings::wasi::keyvalue::{atomics, batch, store};

/// Keys that one `list-keys` answers; the cursor leads to the next ones.
const KEYS_PER_PAGE: usize = 1000;

/// A guest's handle: the name of the bucket.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Bucket(String);

#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
#[derive(Debug)]
pub enum Refusal {
    AccessDenied,
    Other(String),
}

impl From<ResourceTableError> for Refusal {
    fn from(error: ResourceTableError) -> Self {
        Self::Other(error.to_string())
    }
}

pub(super) struct Buckets {
    granted: bool,
    entries: BTreeMap<(String, String), Vec<u8>>,
    bytes: usize,
    bytes_max: usize,
}

impl Buckets {
    pub(super) fn new(granted: bool, bytes_max: usize) -> Self {
        Self {
            granted,
            entries: BTreeMap::new(),
            bytes: 0,
            bytes_max,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every value, by bucket and key.
    pub(super) fn values(&self) -> Vec<(String, String, Vec<u8>)> {
        let values = self.entries.iter();
        let values =
            values.map(|((bucket, key), value)| (bucket.clone(), key.clone(), value.clone()));
        values.collect()
    }

    /// Puts the values of another instance in.
    pub(super) fn fill(&mut self, values: &[(String, String, Vec<u8>)]) {
        for (bucket, key, value) in values {
            self.bytes += key.len() + value.len();
            self.entries
                .insert((bucket.clone(), key.clone()), value.clone());
        }
    }

    fn get(&self, bucket: &str, key: &str) -> Option<&Vec<u8>> {
        self.entries.get(&(bucket.to_owned(), key.to_owned()))
    }

    fn set(&mut self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), Refusal> {
        let held = self.get(bucket, key).map_or(0, |old| key.len() + old.len());
        let wanted = key.len() + value.len();
        if self.bytes - held + wanted > self.bytes_max {
            return Err(Refusal::Other(format!(
                "the buckets of a session hold at most {} bytes",
                self.bytes_max
            )));
        }
        self.bytes = self.bytes - held + wanted;
        self.entries
            .insert((bucket.to_owned(), key.to_owned()), value);
        Ok(())
    }

    fn delete(&mut self, bucket: &str, key: &str) {
        if let Some(old) = self.entries.remove(&(bucket.to_owned(), key.to_owned())) {
            self.bytes -= key.len() + old.len();
        }
    }
}

struct KeyValue<'a> {
    buckets: &'a mut Buckets,
    table: &'a mut ResourceTable,
    denials: &'a Denials,
}

struct HasKeyValue;

impl HasData for HasKeyValue {
    type Data<'a> = KeyValue<'a>;
}

pub(super) fn link(linker: &mut Linker<Capabilities>) -> wasmtime::Result<()> {
    let view: fn(&mut Capabilities) -> KeyValue<'_> = |state| KeyValue {
        buckets: &mut state.buckets,
        table: &mut state.table,
        denials: &state.denials,
    };
    store::add_to_linker::<_, HasKeyValue>(linker, view)?;
    atomics::add_to_linker::<_, HasKeyValue>(linker, view)?;
    batch::add_to_linker::<_, HasKeyValue>(linker, view)
}

impl KeyValue<'_> {
    fn name(&self, bucket: &Resource<Bucket>) -> Result<String, Refusal> {
        Ok(self.table.get(bucket)?.0.clone())
    }
}

impl store::Host for KeyValue<'_> {
    fn open(&mut self, identifier: String) -> Result<Resource<Bucket>, Refusal> {
        if !self.buckets.granted {
            self.denials.add(Denial {
                what: format!("the bucket {identifier:?}"),
                why: "the backend's policy grants no buckets of wasi:keyvalue".to_owned(),
                allow: Some("keyvalue = true".to_owned()),
            });
            return Err(Refusal::AccessDenied);
        }
        Ok(self.table.push(Bucket(identifier))?)
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<store::Error> {
        Ok(match refusal {
            Refusal::AccessDenied => store::Error::AccessDenied,
            Refusal::Other(text) => store::Error::Other(text),
        })
    }
}

impl store::HostBucket for KeyValue<'_> {
    fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Option<Vec<u8>>, Refusal> {
        let name = self.name(&bucket)?;
        Ok(self.buckets.get(&name, &key).cloned())
    }

    fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), Refusal> {
        let name = self.name(&bucket)?;
        self.buckets.set(&name, &key, value)
    }

    fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<(), Refusal> {
        let name = self.name(&bucket)?;
        self.buckets.delete(&name, &key);
        Ok(())
    }

    fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Result<bool, Refusal> {
        let name = self.name(&bucket)?;
        Ok(self.buckets.get(&name, &key).is_some())
    }

    fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> Result<store::KeyResponse, Refusal> {
        let name = self.name(&bucket)?;
        let first = usize::try_from(cursor.unwrap_or(0)).unwrap_or(usize::MAX);
        let own = self
            .buckets
            .entries
            .keys()
            .filter(|(owner, _)| *owner == name)
            .map(|(_, key)| key.clone());
        let mut keys: Vec<String> = own.skip(first).take(KEYS_PER_PAGE + 1).collect();
        let more = keys.len() > KEYS_PER_PAGE;
        keys.truncate(KEYS_PER_PAGE);
        let cursor = more.then(|| cursor.unwrap_or(0) + KEYS_PER_PAGE as u64);
        Ok(store::KeyResponse { keys, cursor })
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for KeyValue<'_> {
    fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: u64,
    ) -> Result<u64, Refusal> {
        let name = self.name(&bucket)?;
        let held = match self.buckets.get(&name, &key) {
            None => 0,
            Some(bytes) => {
                let number = std::str::from_utf8(bytes)
                    .ok()
                    .and_then(|text| text.parse::<u64>().ok());
                number.ok_or_else(|| {
                    Refusal::Other(format!("the value of {key:?} is not a decimal number"))
                })?
            }
        };
        let sum = held
            .checked_add(delta)
            .ok_or_else(|| Refusal::Other(format!("{held} + {delta} does not fit in 64 bits")))?;
        self.buckets
            .set(&name, &key, sum.to_string().into_bytes())?;
        Ok(sum)
    }
}

impl batch::Host for KeyValue<'_> {
    fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Vec<Option<(String, Vec<u8>)>>, Refusal> {
        let name = self.name(&bucket)?;
        let found = keys.into_iter().map(|key| {
            self.buckets
                .get(&name, &key)
                .cloned()
                .map(|value| (key, value))
        });
        Ok(found.collect())
    }

    fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        pairs: Vec<(String, Vec<u8>)>,
    ) -> Result<(), Refusal> {
        let name = self.name(&bucket)?;
        pairs
            .into_iter()
            .try_for_each(|(key, value)| self.buckets.set(&name, &key, value))
    }

    fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Result<(), Refusal> {
        let name = self.name(&bucket)?;
        keys.iter().for_each(|key| self.buckets.delete(&name, key));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_bounded_and_count_what_they_hold() {
        let mut buckets = Buckets::new(true, 10);
        buckets.set("a", "k", vec![0; 9]).unwrap();
        assert!(
            buckets.set("b", "k", vec![]).is_err(),
            "ten bytes are held already"
        );
        buckets.set("a", "k", vec![1; 5]).unwrap();
        buckets.set("b", "k", vec![2; 3]).unwrap();
        assert_eq!(
            buckets.get("a", "k"),
            Some(&vec![1; 5]),
            "the buckets are apart"
        );
        buckets.delete("a", "k");
        buckets.delete("b", "k");
        assert_eq!(buckets.bytes, 0);
    }
}
