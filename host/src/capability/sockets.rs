//! Sockets: TCP connections to addresses that are granted, and nothing else. No listening, no UDP, no names.

use std::sync::Arc;

use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::sockets::SocketAddrUse;

use crate::policy::{LiveGrants, TcpRule};
use crate::tool::Denial;

use super::denials::Denials;

/// Every use of an address is judged when it comes, by the grants of that moment.
pub(super) fn allow(builder: &mut WasiCtxBuilder, grants: &LiveGrants, denials: &Arc<Denials>) {
    let (grants, denials) = (grants.clone(), denials.clone());
    builder
        .allow_tcp(true)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .socket_addr_check(move |address, used| {
            let denial = match used {
                SocketAddrUse::TcpConnect => {
                    let rules = &grants.now().tcp;
                    if rules.iter().any(|rule| rule.allows(address)) {
                        return Box::pin(std::future::ready(true));
                    }
                    TcpRule::missing(address)
                }
                // Before it connects, the system picks a port for it. Listening there is asked for separately.
                SocketAddrUse::TcpBind if address.ip().is_unspecified() && address.port() == 0 => {
                    return Box::pin(std::future::ready(true));
                }
                _ => Denial {
                    what: format!("a socket at {address}"),
                    why: "guests make TCP connections, and sockets are good for nothing else"
                        .to_owned(),
                    allow: None,
                },
            };
            denials.add(denial);
            Box::pin(std::future::ready(false))
        });
}
