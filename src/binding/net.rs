//! The native functions behind `lib/net`: sockets and listeners. They return an id or 0, or a negative errno.

use super::engine::Engine;
use super::raw::{Args, Functions, Outcome};
use crate::uv::{Address, Errno, ListenOptions, Stream};

/// Adds this module's functions.
pub fn register(functions: &mut Functions<Engine>) {
    functions.add("listenTcp", listen_tcp);
    functions.add("listenPipe", listen_pipe);
    functions.add("listenFd", listen_fd);
    functions.add("createTcp", |engine, _| code(engine.add_connection(Stream::tcp)));
    functions.add("createPipe", |engine, _| code(engine.add_connection(Stream::pipe)));
    functions.add("bindTcp", bind_tcp);
    functions.add("connectTcp", connect_tcp);
    functions.add("connectPipe", connect_pipe);
    functions.add("openFd", open_fd);
    functions.add("socketPair", |_, args| {
        let env = args.env();
        let made = Stream::pair().map(|pair| env.array(&pair.map(|fd| env.int(fd))));
        Ok(made.map_err(|error| error.0))
    });
    functions.add("readStart", |engine, args| {
        unit(engine.stream(args.uint(0)?, Stream::read_start))
    });
    functions.add("readStop", |engine, args| {
        unit(engine.stream(args.uint(0)?, |stream| {
            stream.read_stop();
            Ok(())
        }))
    });
    // (id, bytes): bytes that arrived before the connection's protocol was known
    functions.add("feed", |engine, args| {
        let (id, bytes) = (args.uint(0)?, args.env().copy_bytes(args.value(1)));
        engine.feed(id, &bytes.unwrap_or_default());
        Ok(())
    });
    functions.add("write", |engine, args| {
        engine.write_bytes(args.uint(0)?, args, 1, args.uint(2)? as usize, args.uint(3)? as usize)
    });
    functions.add("writeUtf8", |engine, args| {
        engine.append(args.uint(0)?, |pending| args.append_utf8(1, pending).map(drop))
    });
    functions.add("writeLatin1", |engine, args| {
        engine.append(args.uint(0)?, |pending| args.append_latin1(1, pending).map(drop))
    });
    functions.add("flush", |engine, args| unit(engine.flush(args.uint(0)?)));
    functions.add("flushAll", |engine, _| {
        engine.flush_all();
        Ok(())
    });
    functions.add("end", |engine, args| unit(engine.end(args.uint(0)?)));
    functions.add("close", |engine, args| {
        unit(engine.close(args.uint(0)?, args.boolean(1)?))
    });
    functions.add("setRef", |engine, args| {
        let referenced = args.boolean(1)?;
        unit(engine.any_stream(args.uint(0)?, |stream| {
            stream.set_ref(referenced);
            Ok(())
        }))
    });
    functions.add("hasRef", |engine, args| {
        Ok(engine
            .any_stream(args.uint(0)?, |stream| Ok(stream.has_ref()))
            .unwrap_or(false))
    });
    functions.add("setNoDelay", |engine, args| {
        let enable = args.boolean(1)?;
        unit(engine.stream(args.uint(0)?, |stream| stream.set_nodelay(enable)))
    });
    functions.add("setKeepAlive", |engine, args| {
        let (enable, delay) = (args.boolean(1)?, args.uint(2)?);
        unit(engine.stream(args.uint(0)?, |stream| stream.set_keepalive(enable, delay)))
    });
    // `(id, interval, count)`: 0 keeps the system's setting.
    functions.add("setKeepAliveProbes", |engine, args| {
        let given = |value: u32| (value > 0).then_some(value);
        let (interval, count) = (given(args.uint(1)?), given(args.uint(2)?));
        unit(engine.stream(args.uint(0)?, |stream| stream.set_keepalive_probes(interval, count)))
    });
    functions.add("setTypeOfService", |engine, args| {
        let tos = args.uint(1)?;
        unit(engine.stream(args.uint(0)?, |stream| stream.set_type_of_service(tos)))
    });
    functions.add("typeOfService", |engine, args| {
        code(engine.stream(args.uint(0)?, Stream::type_of_service))
    });
    functions.add("fd", |engine, args| {
        Ok(engine.any_stream(args.uint(0)?, |stream| Ok(stream.fd())).unwrap_or(-1))
    });
    functions.add("copyFd", |engine, args| {
        Ok(engine
            .any_stream(args.uint(0)?, Stream::copy_fd)
            .unwrap_or_else(|error| error.0))
    });
    functions.add("isTcp", |engine, args| {
        Ok(engine
            .any_stream(args.uint(0)?, |stream| Ok(stream.is_tcp()))
            .unwrap_or(false))
    });
    functions.add("chmodPipe", |engine, args| {
        let mode = args.int(1)?;
        unit(engine.any_stream(args.uint(0)?, |stream| stream.chmod_pipe(mode)))
    });
    functions.add("localAddress", |engine, args| {
        address(engine, args, Stream::local_address)
    });
    functions.add("peerAddress", |engine, args| {
        address(engine, args, Stream::peer_address)
    });
    functions.add("slotsInUse", |engine, _| Ok(engine.slots_in_use() as f64));
    functions.add("openHandles", |engine, _| Ok(engine.open_handles() as f64));
}

/// Converts to an id or a negative errno.
fn code(result: Result<u32, Errno>) -> Outcome<i32> {
    Ok(result.map_or_else(|error| error.0, |id| id as i32))
}

/// Converts to 0 or a negative errno.
fn unit(result: Result<(), Errno>) -> Outcome<i32> {
    code(result.map(|()| 0))
}

fn port(args: &Args, index: usize) -> Outcome<u16> {
    // `lib/net` has checked the range.
    Ok(args.uint(index)? as u16)
}

/// `(ip, port, backlog, ipv6Only, reusePort)`
fn listen_tcp(engine: &Engine, args: &Args) -> Outcome<i32> {
    let (ip, port, backlog) = (args.string(0)?, port(args, 1)?, args.int(2)?);
    let options = ListenOptions {
        ipv6_only: args.boolean(3)?,
        reuse_port: args.boolean(4)?,
    };
    code(engine.add_listener(|uv, id| {
        let stream = Stream::tcp(uv, id)?;
        stream.bind_tcp(&ip, port, options)?;
        stream.listen(backlog)?;
        Ok(stream)
    }))
}

/// `(path, backlog)`
fn listen_pipe(engine: &Engine, args: &Args) -> Outcome<i32> {
    let (path, backlog) = (args.string(0)?, args.int(1)?);
    code(engine.add_listener(|uv, id| {
        let stream = Stream::pipe(uv, id)?;
        stream.bind_pipe(path.as_bytes())?;
        stream.listen(backlog)?;
        Ok(stream)
    }))
}

/// `(fd, backlog)`
fn listen_fd(engine: &Engine, args: &Args) -> Outcome<i32> {
    let (fd, backlog) = (args.int(0)?, args.int(1)?);
    code(engine.add_listener(|uv, id| {
        let stream = Stream::open(uv, id, fd)?;
        stream.listen(backlog)?;
        Ok(stream)
    }))
}

/// `(id, ip, port, ipv6Only)`
fn bind_tcp(engine: &Engine, args: &Args) -> Outcome<i32> {
    let (ip, port) = (args.string(1)?, port(args, 2)?);
    let options = ListenOptions {
        ipv6_only: args.boolean(3)?,
        reuse_port: false,
    };
    unit(engine.stream(args.uint(0)?, |stream| stream.bind_tcp(&ip, port, options)))
}

/// `(id, ip, port)`
fn connect_tcp(engine: &Engine, args: &Args) -> Outcome<i32> {
    let (ip, port) = (args.string(1)?, port(args, 2)?);
    unit(engine.connect(args.uint(0)?, |stream| stream.connect_tcp(&ip, port)))
}

/// `(id, path)`
fn connect_pipe(engine: &Engine, args: &Args) -> Outcome<i32> {
    let path = args.string(1)?;
    unit(engine.connect(args.uint(0)?, |stream| stream.connect_pipe(path.as_bytes())))
}

/// `(fd, duplicate)`: with `duplicate`, a copy of the descriptor is used, and the original stays with its owner.
fn open_fd(engine: &Engine, args: &Args) -> Outcome<i32> {
    let (fd, duplicate) = (args.int(0)?, args.boolean(1)?);
    code(engine.add_connection(|uv, id| {
        if duplicate {
            Stream::open_copy(uv, id, fd)
        } else {
            Stream::open(uv, id, fd)
        }
    }))
}

/// Returns for example `"IPv4 127.0.0.1 80"`, or a negative errno.
fn address(
    engine: &Engine,
    args: &Args,
    query: impl Fn(&Stream) -> Result<Address, Errno>,
) -> Outcome<Result<String, i32>> {
    let found = engine.any_stream(args.uint(0)?, query);
    Ok(found.map_err(|error| error.0).map(|address| {
        let family = if address.is_v6() { "IPv6" } else { "IPv4" };
        format!("{family} {} {}", address.ip, address.port)
    }))
}
