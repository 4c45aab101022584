//! What went wrong below, as a number.

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
    /// It is there already.
    EEXIST = libc::EEXIST, -4075;
    /// A signal came between.
    EINTR = libc::EINTR, -4072;
    /// The queue of a device is full.
    ENOBUFS = libc::ENOBUFS, -4060;
    /// A datagram is longer than what can be sent.
    EMSGSIZE = libc::EMSGSIZE, -4065;
    /// The option is none of this protocol's.
    ENOPROTOOPT = libc::ENOPROTOOPT, -4035;
    /// The stream is connecting, or has been connected, already.
    EALREADY = libc::EALREADY, -4084;
    /// The connection is good for nothing any more.
    ECONNRESET = libc::ECONNRESET, -4077;
    /// The handle was closed before the operation ended.
    ECANCELED = libc::ECANCELED, -4081;
    /// The handle is gone.
    EBADF = libc::EBADF, -4083;
    /// An argument that no call can take, a handle of the wrong kind for example.
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
    /// The peer has ended its side; no error, but told in the same place (`UV_EOF`, the same everywhere).
    pub const EOF: Errno = Errno(-4095);

    /// libuv's code as a result.
    pub fn check(code: i32) -> Result<(), Errno> {
        if code < 0 { Err(Errno(code)) } else { Ok(()) }
    }

    /// 0, or the error's number: a result as JavaScript takes it.
    pub fn code(result: Result<(), Errno>) -> i32 {
        result.map_or_else(|error| error.0, |()| 0)
    }
}
