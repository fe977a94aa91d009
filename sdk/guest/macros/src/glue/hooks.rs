//! Exports of the hooks that the module has. The interfaces are those of `hostel:backend`, generated in the `hostel`
//! crate; linking one in is what makes the component export it.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::{Hook, HookKind};

pub(super) fn exports(hooks: &[Hook]) -> TokenStream {
    hooks.iter().map(export).collect()
}

fn export(hook: &Hook) -> TokenStream {
    let ident = &hook.ident;
    match hook.kind {
        HookKind::Warmup => {
            let answer = if hook.is_fallible {
                quote!(super::#ident().map_err(|error| ::std::string::ToString::to_string(&error)))
            } else {
                quote!({
                    super::#ident();
                    ::core::result::Result::Ok(())
                })
            };
            quote! {
                impl ::hostel::hooks::Warmup for Backend {
                    fn warmup() -> ::core::result::Result<(), ::std::string::String> {
                        let answer = #answer;
                        ::hostel::__private::flush();
                        answer
                    }
                }
                #[cfg(target_arch = "wasm32")]
                ::hostel::export_warmup!(Backend);
            }
        }
        HookKind::Shutdown => quote! {
            impl ::hostel::hooks::Shutdown for Backend {
                fn shutdown() {
                    super::#ident();
                }
            }
            #[cfg(target_arch = "wasm32")]
            ::hostel::export_shutdown!(Backend);
        },
    }
}
