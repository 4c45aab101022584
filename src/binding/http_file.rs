//! Files that a program's streams read, sent in responses without being read by JavaScript: `fs.createReadStream(path).pipe(res)`.
//!
//! The stream is the program's, with its descriptor and its events (`lib/http/source.js`). Where it would read, a part of the file is made
//! ready here; where it would write that to the response, `httpSend` sends it. Both happen in one go, so there is one part at a time.

use super::engine::Engine;
use super::http_out::{append_head, send_bit};
use super::raw::{Args, Functions, Outcome};
use crate::engine::source::{self, Part};
use crate::errno::Errno;
use crate::http1::encode;
use std::cell::RefCell;
use std::rc::Rc;

pub(super) use source::PART;

/// The bits of what `sourceNext` returns that are a number of bytes.
pub(super) const COUNT: u32 = (1 << 24) - 1;

/// The bit of what `sourceNext` returns that says that the file ends there.
pub(super) const ENDS: u32 = 1 << 24;

const _: () = assert!(PART <= COUNT as u64);

/// The part that is ready.
#[derive(Default)]
pub(super) struct Sources(RefCell<Option<Part>>);

/// Adds this module's functions.
pub(super) fn register(functions: &mut Functions<Engine>) -> Rc<Sources> {
    let sources = Rc::new(Sources::default());
    #[cfg(target_os = "linux")]
    linux::register(functions, &sources);
    sources
}

impl Sources {
    /// Sends the part that is ready, as `bits` say, with the head in argument 2. Returns what `write` returns.
    pub(super) fn send(&self, engine: &Engine, args: &Args, id: u32, bits: u32) -> Outcome<i32> {
        let Some(part) = self.0.take() else {
            return Ok(Errno::EINVAL.0);
        };
        let length = part.count();
        let mut status = engine.append(id, |out| {
            if bits & send_bit::HEAD != 0 {
                append_head(args, bits, 2, out)?;
            }
            if bits & send_bit::CHUNK != 0 {
                encode::chunk_head(out, length);
            }
            Ok(())
        })?;
        if status >= 0 {
            status = match part {
                Part::Bytes(bytes) => engine.share(id, bytes),
                Part::Range(range) => engine.append_file(id, range),
            };
        }
        if status >= 0 && bits & send_bit::CHUNK != 0 {
            status = engine.append(id, |out| {
                out.extend_from_slice(encode::CHUNK_END);
                Ok(())
            })?;
        }
        Ok(status)
    }
}

/// Elsewhere the system does not say what can be had without waiting for a disk.
#[cfg(target_os = "linux")]
mod linux {
    use super::{ENDS, Sources};
    use crate::binding::engine::Engine;
    use crate::binding::raw::{Args, Functions, Outcome};
    use crate::engine::source::{self, Next, Part};
    use crate::errno::Errno;
    use std::os::fd::IntoRawFd;
    use std::path::Path;
    use std::rc::Rc;

    pub(super) fn register(functions: &mut Functions<Engine>, sources: &Rc<Sources>) {
        functions.add("sourceOpen", |_, args| {
            let opened = source::open(Path::new(&args.string(0)?));
            Ok(opened.map_or_else(|error| error.0, IntoRawFd::into_raw_fd))
        });
        functions.add_with(sources, "sourceNext", next);
        functions.add_with(sources, "sourceGiveBack", give_back);
        functions.add("sourceClose", |_, args| args.close_fd(0).map(Errno::code));
    }

    /// `(fd, position, most)`: makes the next part ready, from `position` on, or from the descriptor's own where that is negative. Returns
    /// `COUNT` and `ENDS`, or a negative errno when the program is to read by itself.
    fn next(sources: &Rc<Sources>, _engine: &Engine, args: &Args) -> Outcome<i32> {
        let (file, position, most) = (args.fd(0)?, args.double(1)?, args.double(2)?);
        // `as` saturates.
        let position = (position >= 0.0).then_some(position as u64);
        Ok(match source::next(file, position, most as u64) {
            Ok(Next { part, ends }) => {
                let count = part.as_ref().map_or(0, Part::count) as u32;
                sources.0.replace(part);
                (count | if ends { ENDS } else { 0 }) as i32
            }
            Err(error) => error.0,
        })
    }

    /// `(fd, position)`: lets go of the part that is ready, and puts the descriptor's own position back if it was read from there.
    fn give_back(sources: &Rc<Sources>, _engine: &Engine, args: &Args) -> Outcome<i32> {
        let Some(part) = sources.0.take() else {
            return Ok(0);
        };
        if args.double(1)? >= 0.0 {
            return Ok(0);
        }
        Ok(Errno::code(source::give_back(args.fd(0)?, part.count())))
    }
}
