//! Which addresses are the world's, and which are the host's own surroundings: loopback, private networks, link-local (cloud metadata among
//! them) and everything else that is not globally reachable (IANA's special-purpose registries, RFC 6890). Those are out of reach unless named.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::{Error, ErrorCode, Result};

/// Addresses with a common prefix: `10.1.0.0/16`, `::1/128`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    pub const LOOPBACK: [Self; 2] = [
        Self {
            address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)),
            prefix: 8,
        },
        Self {
            address: IpAddr::V6(Ipv6Addr::LOCALHOST),
            prefix: 128,
        },
    ];

    /// # Errors
    /// `invalid_request` when it is no network.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = || {
            Error::new(
                ErrorCode::InvalidRequest,
                format!("{text:?} is not a network"),
            )
            .hint("write 10.1.0.0/16, fd00::/8 or a single address")
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(prefix) => prefix.parse::<u8>().map_err(|_| invalid())?,
        };
        if prefix > bits {
            return Err(invalid());
        }
        // Addresses are compared as IPv4 wherever they are that.
        Ok(match (plain(address), prefix.checked_sub(96)) {
            (address @ IpAddr::V4(_), Some(prefix)) if bits == 128 => Self { address, prefix },
            _ => Self { address, prefix },
        })
    }

    /// The one address.
    pub fn of(address: IpAddr) -> Self {
        let address = plain(address);
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        Self { address, prefix }
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, plain(address)) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32_u32.saturating_sub(self.prefix.into());
                let cut = |address: Ipv4Addr| address.to_bits().checked_shr(shift).unwrap_or(0);
                cut(own) == cut(other)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128_u32.saturating_sub(self.prefix.into());
                let cut = |address: Ipv6Addr| address.to_bits().checked_shr(shift).unwrap_or(0);
                cut(own) == cut(other)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// An IPv4 address that is written as an IPv6 one is the IPv4 address.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// What an address is if not the world's, in words. None: it is globally reachable.
pub fn surroundings(address: IpAddr) -> Option<&'static str> {
    match plain(address) {
        IpAddr::V4(four) => surroundings_v4(four),
        IpAddr::V6(six) => surroundings_v6(six),
    }
}

fn surroundings_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (0, _, _) => Some("of this network"),
        (127, _, _) => Some("a loopback address"),
        (10, _, _) | (172, 16..=31, _) | (192, 168, _) => Some("a private address"),
        (169, 254, _) => Some("a link-local address, where clouds keep their metadata"),
        (100, 64..=127, _) => Some("a shared address of a carrier"),
        // Alibaba's and others' metadata services, documentation, benchmarks, protocol assignments, relays.
        (192, 0, 0 | 2) | (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113) | (192, 88, 99) => {
            Some("a reserved address")
        }
        (224..=239, _, _) => Some("a multicast address"),
        (240..=255, _, _) => Some("a reserved address"),
        _ => None,
    }
}

fn surroundings_v6(address: Ipv6Addr) -> Option<&'static str> {
    let [first, second, third, fourth, ..] = address.segments();
    match first {
        0 if address.is_loopback() => Some("a loopback address"),
        // Unspecified, and IPv4 addresses in an outdated form.
        0 => Some("a reserved address"),
        // NAT64: an IPv4 address behind a translator (RFC 6052, RFC 8215).
        0x64 if second == 0xff9b => Some("a translated address"),
        0x100 if second == 0 && third == 0 && fourth == 0 => Some("a reserved address"),
        // Teredo, ORCHID, benchmarks; documentation; 6to4.
        0x2001 if second < 0x200 || second == 0xdb8 => Some("a reserved address"),
        0x2002 => Some("a translated address"),
        0x3fff if second < 0x1000 => Some("a reserved address"),
        0x5f00 => Some("a reserved address"),
        0xfc00..=0xfdff => Some("a private address"),
        0xfe80..=0xfebf => Some("a link-local address"),
        0xfec0..=0xfeff => Some("a private address"),
        0xff00..=0xffff => Some("a multicast address"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_for_an_address_that_is_written_as_ipv6_means_the_ipv4_one() {
        let near: IpAddr = "127.0.0.1".parse().unwrap();
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        for network in [
            Network::parse("::ffff:127.0.0.1/128").unwrap(),
            Network::parse("::ffff:127.0.0.0/104").unwrap(),
            Network::of(mapped),
        ] {
            assert!(
                network.contains(near) && network.contains(mapped),
                "{network}"
            );
            assert!(!network.contains("10.0.0.1".parse().unwrap()), "{network}");
        }
    }

    #[test]
    fn only_the_world_s_addresses_are_no_surroundings() {
        for near in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.0.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            let address: IpAddr = near.parse().unwrap();
            assert!(surroundings(address).is_some(), "{near}");
        }
        for far in [
            "1.1.1.1",
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "192.169.0.1",
            "::ffff:8.8.8.8",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            let address: IpAddr = far.parse().unwrap();
            assert_eq!(surroundings(address), None, "{far}");
        }
    }

    #[test]
    fn a_network_contains_its_own_addresses_in_either_spelling() {
        let cases = [
            ("10.1.0.0/16", "10.1.2.3", true),
            ("10.1.0.0/16", "10.2.0.1", false),
            ("10.1.0.0/16", "::ffff:10.1.2.3", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "9.9.9.9", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00::/8", "fd12::1", true),
            ("::1", "::1", true),
        ];
        for (network, address, expected) in cases {
            let network = Network::parse(network).unwrap();
            let address = address.parse().unwrap();
            assert_eq!(network.contains(address), expected, "{network} {address}");
        }
        for bad in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "example.com",
            "::1/129",
            "1.2.3.4/-1",
        ] {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
    }
}
