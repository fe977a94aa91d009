//! `pub fn warmup` and `pub fn shutdown`: hooks of the module's life, not tools.

use syn::{Ident, ItemFn, PathArguments, ReturnType};

use super::Reader;
use crate::model::{Hook, HookKind};

/// Which hook has this name?
pub(super) fn kind(ident: &Ident) -> Option<HookKind> {
    match ident.to_string().as_str() {
        "warmup" => Some(HookKind::Warmup),
        "shutdown" => Some(HookKind::Shutdown),
        _ => None,
    }
}

impl Reader<'_> {
    pub(super) fn hook(&mut self, kind: HookKind, item: &ItemFn) -> Option<Hook> {
        let ident = &item.sig.ident;
        self.plain(&item.sig);
        self.no_hints(&item.attrs);
        if !item.sig.inputs.is_empty() {
            self.errors.at(
                &item.sig.inputs,
                format!("the hook `{ident}` takes nothing: write `pub fn {ident}()`"),
            );
            return None;
        }
        let is_fallible = match (&item.sig.output, kind) {
            (ReturnType::Default, _) => false,
            (ReturnType::Type(_, ty), HookKind::Warmup) if is_unit_result(ty) => true,
            (output, HookKind::Warmup) => {
                self.errors
                    .at(output, "`warmup` returns nothing or `Result<(), String>`");
                return None;
            }
            (output, HookKind::Shutdown) => {
                self.errors.at(
                    output,
                    "`shutdown` returns nothing: nobody is left to hear it",
                );
                return None;
            }
        };
        Some(Hook {
            kind,
            ident: ident.clone(),
            is_fallible,
        })
    }
}

/// `Result<(), E>`, where `E` is anything that can be shown.
fn is_unit_result(ty: &syn::Type) -> bool {
    let syn::Type::Path(path) = ty else {
        return false;
    };
    let Some(last) = path.path.segments.last() else {
        return false;
    };
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return false;
    };
    let unit = |argument: &syn::GenericArgument| matches!(argument, syn::GenericArgument::Type(syn::Type::Tuple(tuple)) if tuple.elems.is_empty());
    last.ident == "Result" && arguments.args.first().is_some_and(unit)
}
