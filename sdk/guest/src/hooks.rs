//! The hooks of a backend's life, to implement by hand. `#[hostel::backend]` does that for a module's `warmup` and
//! `shutdown`, and its `Session` stands in place of the third.
//!
//! A backend in the plain form has no `Session`: the instance is the session, all its tools work on statics, and it can
//! ask who it works for.
//!
//! ```
//! use hostel::hooks::{Session, SessionInfo};
//!
//! struct Hooks;
//!
//! impl Session for Hooks {
//!     fn initialize(session: SessionInfo, config: String) -> Result<(), String> {
//!         hostel::log::info(format!("{} begins with {config}", session.worker));
//!         Ok(())
//!     }
//!
//!     fn cleanup() -> Result<(), String> {
//!         Ok(())
//!     }
//! }
//!
//! #[cfg(target_arch = "wasm32")] // Other linkers cannot bear the names of exports.
//! hostel::export_session!(Hooks);
//! ```

pub use session::exports::hostel::backend::session::{Guest as Session, SessionInfo};
pub use shutdown::exports::hostel::backend::shutdown::Guest as Shutdown;
pub use warmup::exports::hostel::backend::warmup::Guest as Warmup;

#[doc(hidden)]
#[allow(
    missing_docs,
    unsafe_code,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
pub mod warmup {
    hostel_guest_macros::contract!(
        "with-warmup",
        pub_export_macro: true,
        export_macro_name: "export_warmup",
        default_bindings_module: "::hostel::hooks::warmup",
    );
}

#[doc(hidden)]
#[allow(
    missing_docs,
    unsafe_code,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
pub mod session {
    hostel_guest_macros::contract!(
        "with-session",
        pub_export_macro: true,
        export_macro_name: "export_session",
        default_bindings_module: "::hostel::hooks::session",
    );
}

#[doc(hidden)]
#[allow(
    missing_docs,
    unsafe_code,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
pub mod shutdown {
    hostel_guest_macros::contract!(
        "with-shutdown",
        pub_export_macro: true,
        export_macro_name: "export_shutdown",
        default_bindings_module: "::hostel::hooks::shutdown",
    );
}
