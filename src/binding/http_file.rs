//! Sends the file of a program's stream as a response without reading it in JavaScript:
//! `fs.createReadStream(path).pipe(res)`.
//!
//! The stream belongs to the program, with its descriptor and its events (`lib/http/source.js`). When it would read,
//! `sourceNext` prepares a part of the file. When it would write that part to the response, `httpSend` sends it.
//! Nothing happens in between, so only one part is ever prepared.

use super::engine::Engine;
use super::http_out::{append_head, send_bit};
use super::raw::{Args, Functions, Outcome};
use crate::engine::source::{self, Part};
use crate::errno::Errno;
use crate::http1::encode;
use std::cell::RefCell;
use std::rc::Rc;

pub(super) use source::PART;

/// The bits of the result of `sourceNext` that hold the number of bytes.
pub(super) const COUNT: u32 = (1 << 24) - 1;

/// The bit of the result of `sourceNext` that says that the file ends after this part.
pub(super) const ENDS: u32 = 1 << 24;

const _: () = assert!(PART <= COUNT as u64);

/// The part that is prepared.
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
    /// Sends the prepared part as described by `bits`, with the head in argument 2. Returns the same as `write`.
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

/// Other systems cannot tell which bytes are available without waiting for a disk.
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

    /// `(fd, position, most)`: prepares the next part, from `position` on, or from the descriptor's own offset if
    /// that is negative. Returns `COUNT` and `ENDS` bits, or a negative errno if the program must read by itself.
    fn next(sources: &Rc<Sources>, _engine: &Engine, args: &Args) -> Outcome<i32> {
        let (file, position, most) = (args.fd(0)?, args.double(1)?, args.double(2)?);
        // A cast with `as` saturates.
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

    /// `(fd, position)`: discards the prepared part, and moves the descriptor's own offset back if the part was read
    /// from there.
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
