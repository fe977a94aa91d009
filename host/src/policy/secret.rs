//! Secrets, and the requests to which the host adds them. A guest never has the value: it sees a placeholder, and what comes back is masked.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::http::{HttpAsk, RequestPattern};

/// Where the value stands in [`SecretBinding::value`].
const PLACE: &str = "{}";
/// Masked in a value that is looked for in what comes back.
pub const MASK: u8 = b'*';

/// A value with a name. It is wiped from memory when the last of its users is gone, and never shown.
#[derive(Clone)]
pub struct Secret(Arc<Named>);

struct Named {
    name: String,
    value: Zeroizing<String>,
}

impl Secret {
    pub fn new(name: String, value: String) -> Self {
        let value = Zeroizing::new(value);
        Self(Arc::new(Named { name, value }))
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// For the request that it is bound to, and for finding it where it must not be.
    pub fn expose(&self) -> &str {
        &self.0.value
    }

    /// What the guest sees.
    pub fn placeholder(&self) -> String {
        format!("secret:{}", self.name())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.name())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name() && *self.0.value == *other.0.value
    }
}

impl Eq for Secret {}

/// The requests that carry a secret, and the header in which they do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretBinding {
    pub secret: Secret,
    pub requests: RequestPattern,
    pub header: http::HeaderName,
    /// The header's value, with `{}` for the secret: `Bearer {}`.
    pub value: String,
    /// The variable in which the guest finds the placeholder.
    pub env: Option<String>,
}

/// Those of the bindings that a request carries.
pub fn carried<'a>(
    bindings: &'a [SecretBinding],
    ask: &HttpAsk,
) -> impl Iterator<Item = &'a SecretBinding> {
    bindings
        .iter()
        .filter(move |binding| binding.requests.matches(ask))
}

impl SecretBinding {
    /// The header's value, marked as one that is never shown.
    pub fn header_value(&self) -> Option<http::HeaderValue> {
        let text = Zeroizing::new(self.value.replace(PLACE, self.secret.expose()));
        let mut value = http::HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}
