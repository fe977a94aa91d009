//! Hostile guests. Each test runs one against a host that serves a well-behaved neighbour at the same time, whose calls must all succeed.
//!
//! | attack (threat) | defence | test |
//! | --- | --- | --- |
//! | computes for ever, on every worker (T01, T04) | `engine/instance.rs`: the epoch callback; `engine/guests.rs` | `time::spinning` |
//! | waits in the host (T02) | `engine/instance.rs`: a timeout around every call | `time::waiting` |
//! | a host function that blocks (T03) | `.clippy.toml`; `app/watchdog.rs` | its own tests |
//! | takes memory, tables, instances, stack (T05, T06, T09) | `capability/meter.rs`, the pool in `engine.rs` | `time::recursing`, `amplification`, `it/calls/limits.rs` |
//! | lets the host take memory for it (T07) | `set_hostcall_fuel`, `set_max_component_handles` (`engine/instance.rs`); `capability.rs`: table, random, fields | `amplification` |
//! | floods the log, writes what terminals obey (T08) | `capability/log.rs`, `cli/output.rs`, `error.rs` (`Display`) | `logs` |
//! | paths that lead out of a folder (T15) | wasmtime's own resolution below a preopened folder | `paths::escaping`, `paths::racing` |
//! | links that the host itself would follow (T16) | `capability/files/tree.rs` | `paths::planting`, its own tests |
//! | fills the disk: bytes, holes, names, links, files without a name (T17) | `capability/disk.rs` | `disk` |
//! | nests folders until whoever walks them falls (T17) | `capability/files/tree.rs` | `disk::nesting`, its own tests |
//! | sends what is larger when it is unpacked (T22) | nothing unpacks | `amplification::what_is_compressed_is_not_unpacked` |
//! | looks for the host's environment (T23) | `capability.rs`: nothing is inherited | `isolation` |
//! | writes through a read-only folder (T24) | `capability/files.rs`: `FsPerms` | `paths::read_only` |
//! | looks for what others left (T28, T29) | the pool, one instance per session | `isolation`, `it/sessions/residue.rs` |
//! | traps in the middle of a call (T32) | `session/slot.rs`: the store is dropped | `time::trapping` |
//! | is called while it is called (T34) | `session/slot.rs`: one loan at a time | `isolation` |
//! | a cleanup that hangs, waits or traps (T35) | `engine/instance.rs`: `close` has its own limits | `time::parting` |
//! | a panic in a host function (T36) | `engine/guests.rs` | its own tests |
//! | reads a fine clock (T37) | `capability/clock.rs` | `isolation` |
//!
//! What concerns callers, components and other hosts is tried where those are:
//!
//! | attack (threat) | defence | test |
//! | --- | --- | --- |
//! | floods of sessions, jobs, calls (T10, T45) | `quota.rs`, `engine/slots.rs` | `it/quotas` |
//! | a component that takes the compiler for ever (T11) | `registry/compiler.rs`, `registry/structure.rs` | `it/supply/compile.rs` |
//! | a component that is not the approved one, or says other things (T13, T41) | `host/supply.rs` | `it/supply` |
//! | machine code that was tampered with (T14) | `registry/cache.rs` | `it/registry/cache.rs` |
//! | requests to the host's surroundings, in every spelling; names that are rebound (T18, T19) | `policy/address.rs`, `capability/egress/outgoing.rs` | `capability/egress/tests.rs` |
//! | redirects, smuggled headers (T20, T21) | `capability/egress.rs` | `capability/egress/tests.rs` |
//! | secrets in guests, answers, logs, snapshots (T25) | `policy/secret.rs`, `capability/egress/mask.rs` | `it/policy/world.rs` |
//! | another's sessions, jobs, backends (T26, T27) | `host/callers.rs`, `Sessions::find` | `it/callers/matrix.rs`, `it/sessions/access.rs` |
//! | a snapshot that was tampered with, or is used twice (T30, T31) | `durable/file.rs`, `session/park.rs` | `durable/file` tests, `it/sessions/states.rs` |
//! | callers that leave (T33) | `engine/guests.rs` | `it/calls/disconnect.rs` |
//! | slow, oversized and endless requests (T38) | `api/serve.rs`, `api/serve/prompt.rs` | `it/callers/slow.rs` |
//! | streams and answers that nobody reads (T39) | `watch/events.rs`, `api/bodies/outgoing.rs` | `it/http/jobs.rs`, `it/callers/slow.rs` |
//! | rebound names, pages of others (T40) | `api/addresses.rs` | `it/callers/names.rs`, `it/http/headers.rs` |
//! | guessed and stolen keys (T42) | `auth/keys.rs`, `auth/attempts.rs` | `it/callers/keys.rs` |
//! | an audit log that was rewritten (T44) | `audit/chain.rs` | `audit/tests.rs`, `it/audit` |

mod amplification;
mod attacker;
mod disk;
mod isolation;
mod logs;
mod paths;
mod process;
mod time;
