//! System errors as numbers.

/// A libuv error: negative, the same number as Node's `error.errno`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub i32);

macro_rules! errno {
    ($($(#[$doc:meta])* $name:ident = $unix:expr, $windows:expr;)*) => {
        impl Errno {
            $($(#[$doc])*
            #[cfg(unix)]
            pub const $name: Errno = Errno(-($unix));
            $(#[$doc])*
            #[cfg(windows)]
            pub const $name: Errno = Errno($windows);)*
        }
    };
}

errno! {
    /// The write would block.
    EAGAIN = libc::EAGAIN, -4088;
    /// It exists already.
    EEXIST = libc::EEXIST, -4075;
    /// A signal interrupted the call.
    EINTR = libc::EINTR, -4072;
    /// The queue of the network device is full.
    ENOBUFS = libc::ENOBUFS, -4060;
    /// A datagram is too long to be sent.
    EMSGSIZE = libc::EMSGSIZE, -4065;
    /// The protocol does not have this option.
    ENOPROTOOPT = libc::ENOPROTOOPT, -4035;
    /// The stream is already connecting or connected.
    EALREADY = libc::EALREADY, -4084;
    /// The connection was reset and cannot be used any more.
    ECONNRESET = libc::ECONNRESET, -4077;
    /// The handle was closed before the operation ended.
    ECANCELED = libc::ECANCELED, -4081;
    /// The handle does not exist any more.
    EBADF = libc::EBADF, -4083;
    /// An invalid argument, for example a handle of the wrong kind.
    EINVAL = libc::EINVAL, -4071;
    /// Data could not be read, or is not there any more.
    EIO = libc::EIO, -4070;
    /// There is no memory.
    ENOMEM = libc::ENOMEM, -4057;
    /// The operation does not exist for this kind of handle or on this system.
    ENOTSUP = libc::ENOTSUP, -4049;
    /// Too many slots are in use.
    EMFILE = libc::EMFILE, -4066;
}

impl Errno {
    /// The peer has ended its side. This is not an error, but reported in the same way (`UV_EOF`, the same number on
    /// all systems).
    pub const EOF: Errno = Errno(-4095);

    /// Converts libuv's result code.
    pub fn check(code: i32) -> Result<(), Errno> {
        if code < 0 { Err(Errno(code)) } else { Ok(()) }
    }

    /// Converts a result for JavaScript: 0 or the error's number.
    pub fn code(result: Result<(), Errno>) -> i32 {
        result.map_or_else(|error| error.0, |()| 0)
    }
}
