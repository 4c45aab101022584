//! Conversion of socket addresses between text and `sockaddr`, with libuv's own parsers, which understand scope ids.

use super::{Errno, sys};
use std::ffi::{CString, c_char, c_int};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// An IP address as text, with its port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// For example `127.0.0.1` or `::1`.
    pub ip: String,
    /// In host byte order.
    pub port: u16,
}

impl Address {
    /// Whether the text is an IPv6 address.
    pub fn is_v6(&self) -> bool {
        self.ip.contains(':')
    }
}

/// An initialised `sockaddr`.
pub(super) struct SockAddr(sys::SockAddrStorage);

impl SockAddr {
    pub(super) fn parse(ip: &str, port: u16) -> Result<SockAddr, Errno> {
        let text = CString::new(ip).map_err(|_| Errno::EINVAL)?;
        let mut storage = sys::SockAddrStorage([0; 128]);
        let target = (&raw mut storage).cast();
        let code = if ip.contains(':') {
            // SAFETY: `text` is a C string and `storage` has room for a sockaddr_in6.
            unsafe { sys::uv_ip6_addr(text.as_ptr(), c_int::from(port), target) }
        } else {
            // SAFETY: `text` is a C string and `storage` has room for a sockaddr_in.
            unsafe { sys::uv_ip4_addr(text.as_ptr(), c_int::from(port), target) }
        };
        Errno::check(code)?;
        Ok(SockAddr(storage))
    }

    pub(super) fn as_ptr(&self) -> *const sys::SockAddr {
        (&raw const self.0).cast()
    }

    /// Runs one of libuv's `get…name` functions and parses the resulting address.
    pub(super) fn query(call: impl FnOnce(*mut sys::SockAddr, *mut c_int) -> c_int) -> Result<Address, Errno> {
        let mut storage = sys::SockAddrStorage([0; 128]);
        let mut length = 128;
        Errno::check(call((&raw mut storage).cast(), &raw mut length))?;
        let mut text = [0u8; 64];
        // SAFETY: `storage` was filled by libuv. `text` is writable, its size is passed, and 64 bytes are enough for
        // any address.
        let code = unsafe {
            sys::uv_ip_name(
                (&raw const storage).cast(),
                text.as_mut_ptr().cast::<c_char>(),
                text.len(),
            )
        };
        Errno::check(code)?;
        let end = text.iter().position(|&b| b == 0).unwrap_or(text.len());
        let ip = String::from_utf8_lossy(&text[..end]).into_owned();
        // In `sockaddr_in` and `sockaddr_in6` of every system, the port is at offset 2 in big-endian order.
        let port = u16::from_be_bytes([storage.0[2], storage.0[3]]);
        Ok(Address { ip, port })
    }
}

/// Runs `get` with a buffer of `N` bytes and returns the C string that it wrote, or `None` if it failed.
fn text<const N: usize>(get: impl FnOnce(*mut c_char, usize) -> c_int) -> Option<String> {
    let mut text = [0u8; N];
    Errno::check(get(text.as_mut_ptr().cast(), N)).ok()?;
    let end = text.iter().position(|&b| b == 0).unwrap_or(N);
    Some(String::from_utf8_lossy(&text[..end]).into_owned())
}

/// Formats an IP address as libuv and Node do: a link-local address is followed by its interface (`fe80::1%eth0`).
pub fn ip_text(address: &SocketAddr) -> String {
    let v6 = match address {
        SocketAddr::V4(v4) => return v4.ip().to_string(),
        SocketAddr::V6(v6) => v6,
    };
    let octets = v6.ip().octets();
    let ip = text::<64>(|target, size| {
        // SAFETY: the address has 16 bytes, and `target` has room for `size` bytes.
        unsafe { sys::uv_inet_ntop(sys::AF_INET6, octets.as_ptr().cast(), target, size) }
    });
    let ip = ip.unwrap_or_else(|| v6.ip().to_string());
    if v6.scope_id() == 0 || !v6.ip().is_unicast_link_local() {
        return ip;
    }
    let interface = text::<{ sys::INTERFACE_NAME }>(|target, mut size| {
        // SAFETY: `target` has room for `size` bytes.
        unsafe { sys::uv_if_indextoiid(v6.scope_id(), target, &raw mut size) }
    });
    interface.map_or(ip.clone(), |interface| format!("{ip}%{interface}"))
}

/// Parses an IP address, or an IPv6 address followed by a scope as libuv writes it.
pub fn parse_ip(text: &str, port: u16) -> Result<SocketAddr, Errno> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    let SockAddr(storage) = SockAddr::parse(text, port)?;
    // The only other form that libuv's parsers accept is IPv6 with a scope. In `sockaddr_in6`, the address is at
    // offset 8 and the scope, in native byte order, at offset 24.
    let ip: [u8; 16] = storage.0[8..24].try_into().map_err(|_| Errno::EINVAL)?;
    let scope: [u8; 4] = storage.0[24..28].try_into().map_err(|_| Errno::EINVAL)?;
    Ok(SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, u32::from_ne_bytes(scope)).into())
}
