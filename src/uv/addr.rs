//! Socket addresses: text to `sockaddr` and back, by libuv's own parsers (scope ids included).

use super::{Errno, sys};
use std::ffi::{CString, c_char, c_int};

/// An IP address as text, with its port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// `127.0.0.1` or `::1`.
    pub ip: String,
    /// Host order.
    pub port: u16,
}

impl Address {
    /// Whether the text is an IPv6 address.
    pub fn is_v6(&self) -> bool {
        self.ip.contains(':')
    }
}

/// A filled `sockaddr`.
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

    /// Runs one of libuv's `get…name` calls and reads the answer.
    pub(super) fn query(call: impl FnOnce(*mut sys::SockAddr, *mut c_int) -> c_int) -> Result<Address, Errno> {
        let mut storage = sys::SockAddrStorage([0; 128]);
        let mut length = 128;
        Errno::check(call((&raw mut storage).cast(), &raw mut length))?;
        let mut text = [0u8; 64];
        // SAFETY: `storage` was filled by libuv; `text` has room for any address of up to 64 bytes, its size is given.
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
        // The port stands at offset 2, big-endian, in sockaddr_in and sockaddr_in6 of every system.
        let port = u16::from_be_bytes([storage.0[2], storage.0[3]]);
        Ok(Address { ip, port })
    }
}
