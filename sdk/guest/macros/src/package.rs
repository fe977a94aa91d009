//! The WIT package of a backend: `#[backend(package = "acme:notes@1.2.0")]`, or a name made of the module's.

use proc_macro2::{Ident, TokenStream};
use syn::{LitStr, parse::Parser};

use crate::names;

/// A package's id, known to be one that WIT accepts.
pub(crate) struct Package {
    pub(crate) namespace: String,
    pub(crate) name: String,
    version: Option<String>,
}

impl Package {
    /// The one that the attribute's arguments name, or `hostel-plugin:<module>@<version of the crate>`.
    pub(crate) fn of(
        arguments: TokenStream,
        module: &Ident,
        version: Option<String>,
    ) -> syn::Result<Self> {
        let mut written = None::<LitStr>;
        let parser = syn::meta::parser(|meta| {
            if !meta.path.is_ident("package") {
                return Err(meta.error(
                    "unknown option: the only one is `package = \"namespace:name@1.2.3\"`",
                ));
            }
            written = Some(meta.value()?.parse()?);
            Ok(())
        });
        parser.parse2(arguments)?;
        match written {
            Some(id) => {
                Self::parse(&id.value()).map_err(|problem| syn::Error::new(id.span(), problem))
            }
            None => Self::named(module, version),
        }
    }

    /// The id as it stands in WIT.
    pub(crate) fn id(&self) -> String {
        let version = self
            .version
            .as_ref()
            .map(|version| format!("@{version}"))
            .unwrap_or_default();
        format!(
            "{}:{}{version}",
            names::escaped(&self.namespace),
            names::escaped(&self.name)
        )
    }

    fn named(module: &Ident, version: Option<String>) -> syn::Result<Self> {
        let name = names::kebab(module)?;
        usable(&name).map_err(|problem| syn::Error::new(module.span(), problem))?;
        Ok(Self {
            namespace: "hostel-plugin".to_owned(),
            name,
            version,
        })
    }

    fn parse(id: &str) -> Result<Self, String> {
        let shape = || format!("`{id}` is not a package: write it as in \"acme:notes@1.2.0\"");
        let (namespace, rest) = id.split_once(':').ok_or_else(shape)?;
        let (name, version) = match rest.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (rest, None),
        };
        usable(namespace)?;
        usable(name)?;
        if let Some(version) = version {
            check_version(version)?;
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            version: version.map(str::to_owned),
        })
    }
}

/// Namespace and name become modules in the generated Rust, so a keyword of Rust will not do.
fn usable(name: &str) -> Result<(), String> {
    if let Some(problem) = names::problem(name) {
        return Err(format!("in the package's id, `{name}` {problem}"));
    }
    if names::snake(name).to_string().ends_with('_') {
        return Err(format!(
            "`{name}` is a keyword of Rust: set another with `package = \"namespace:name@1.2.3\"`"
        ));
    }
    Ok(())
}

fn check_version(version: &str) -> Result<(), String> {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<&str> = core.split('.').collect();
    let is_number = |number: &&str| {
        number
            .parse::<u64>()
            .is_ok_and(|value| value.to_string() == **number)
    };
    if numbers.len() == 3 && numbers.iter().all(is_number) {
        return Ok(());
    }
    Err(format!(
        "`{version}` is not a version: write three numbers, as in \"1.2.0\""
    ))
}
