//! The error numbers of libuv, which are Node's `errno`: the system's numbers negated, except on Windows, where libuv
//! has its own.

use std::io;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident = $unix:ident, $windows:expr;)*) => {
        $($(#[$doc])*
        #[cfg(unix)]
        pub const $name: i32 = -rustix::io::Errno::$unix.raw_os_error();
        $(#[$doc])*
        #[cfg(not(unix))]
        pub const $name: i32 = $windows;)*
    };
}

numbers! {
    /// The path does not exist.
    ENOENT = NOENT, -4058;
    /// A component of the path is not a directory.
    ENOTDIR = NOTDIR, -4052;
    /// The path is too long.
    ENAMETOOLONG = NAMETOOLONG, -4064;
    /// The process has too many files open.
    EMFILE = MFILE, -4066;
    /// Permission denied.
    EACCES = ACCESS, -4092;
    /// Any other error.
    EIO = IO, -4070;
}

/// The number of an error.
pub fn of(error: &io::Error) -> i32 {
    #[cfg(unix)]
    if let Some(number) = error.raw_os_error() {
        return -number;
    }
    match error.kind() {
        io::ErrorKind::NotFound => ENOENT,
        io::ErrorKind::NotADirectory => ENOTDIR,
        io::ErrorKind::InvalidFilename => ENAMETOOLONG,
        io::ErrorKind::PermissionDenied => EACCES,
        // ERROR_TOO_MANY_OPEN_FILES
        _ if cfg!(windows) && error.raw_os_error() == Some(4) => EMFILE,
        _ => EIO,
    }
}

/// Whether the process, or the system, has too many files open.
pub fn is_too_many(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::NFILE.raw_os_error()) {
        return true;
    }
    of(error) == EMFILE
}
