/**
 * Static files, served by Rust. `serveStatic` makes a handler for ironwire's `http`, for `node:http` and `http2`, and
 * for Express and Connect. `createStaticServer` makes a complete server.
 *
 * `docs/static.md` describes the behaviour, the limits, and where it differs from `serve-static`.
 */

import type { Stats } from 'node:fs'
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { SecureContextOptions, TlsOptions } from 'node:tls'

/**
 * A content coding that can replace the bytes of a file: from a `.br`, `.zst` or `.gz` file beside it, or compressed
 * when a client asks for it.
 */
export type Coding = 'br' | 'zstd' | 'gzip'

/**
 * Limits on what clients can ask for and on what is kept in memory. All are whole numbers, 0 or more. A limit that
 * you leave out has its default.
 */
export interface StaticLimits {
  /** The longest path of a request, in bytes. A longer one gets 404. Default: 12 KiB. */
  target?: number
  /** The most folders in a path. A deeper one gets 404. Default: 64. */
  depth?: number
  /** The most ranges in one request. A request with more gets the whole file. Default: 32. */
  ranges?: number
  /** The largest file that is kept in memory, in bytes. Default: 16 KiB. */
  smallFile?: number
  /** Bytes of all files that are kept in memory. Default: 64 MiB. */
  memory?: number
  /** How many files are kept in memory. Default: 8,192. */
  files?: number
  /** How many large files stay open between requests. Each takes a file descriptor. Default: 512. */
  handles?: number
  /** The smallest file that `compress` compresses, in bytes. Default: 1 KiB. */
  compressFrom?: number
  /** The largest file that `compress` compresses, in bytes. Default: 4 MiB. */
  compressTo?: number
  /**
   * The largest file that gets a strong `ETag`, in bytes, because its whole content must be read. A larger file gets
   * a weak one. Default: 64 MiB.
   */
  hash?: number
  /** The most names in a listing. Default: 10,000. */
  entries?: number
}

/** Options of {@link serveStatic}. An unknown option is an error, with the code `IRONWIRE_UNKNOWN_OPTION`. */
export interface StaticOptions<Response = ServerResponse> {
  // --- serve-static's, with its defaults

  /** Whether to answer requests for byte ranges and to send `Accept-Ranges`. Default: `true`. */
  acceptRanges?: boolean
  /** Whether to send `Cache-Control`, made of `maxAge` and `immutable`. Default: `true`. */
  cacheControl?: boolean
  /**
   * What to do with files and folders whose name begins with a dot. `'ignore'` treats them as missing, `'deny'`
   * refuses them with 403, `'allow'` serves them like any other. Default: `'ignore'`.
   */
  dotfiles?: 'ignore' | 'allow' | 'deny'
  /**
   * Whether to send `ETag`. `true` and `'weak'` make a weak tag of size and time, as serve-static does. `'strong'`
   * makes a strong tag of the content. Default: `true`.
   */
  etag?: boolean | 'weak' | 'strong'
  /**
   * Extensions to try, in this order, if a file is not found. With `['html']`, `/about` is answered with
   * `about.html`. Default: `false`, none.
   */
  extensions?: string | string[] | false
  /**
   * Whether a request that no file answers goes to the next handler. With `false` it is an error: `next(error)` with
   * the status 404, 403 or 400, and 405 for methods other than GET and HEAD. Default: `true`. `createStaticServer`
   * sets it by itself.
   */
  fallthrough?: boolean
  /**
   * Whether to add `immutable` to `Cache-Control`. Browsers then do not ask again within `maxAge`, not even on
   * reload. Default: `false`.
   */
  immutable?: boolean
  /**
   * The file that is served for a folder: a name, several names to try in order, or `false` for none. Default:
   * `'index.html'`.
   */
  index?: string | string[] | false
  /** Whether to send `Last-Modified`. Default: `true`. */
  lastModified?: boolean
  /**
   * How long clients may use a file without asking again: milliseconds, or text such as `'1d'`, `'2 hours'` or
   * `'90s'`. At most a year, as in serve-static. Default: 0.
   */
  maxAge?: number | string
  /** Another name of `maxAge`, as in npm `send`. */
  maxage?: number | string
  /** Whether to redirect the path of a folder to the same path with a slash at the end. Default: `true`. */
  redirect?: boolean
  /**
   * Called synchronously before a file is sent, so that you can set headers. `path` is the absolute path of the file,
   * `stat` its `fs.Stats`. An error that it throws goes to `next(error)`.
   */
  setHeaders?: (res: Response, path: string, stat: Stats) => void

  // --- beyond it

  /**
   * Whether to compress text when a client accepts it (`Accept-Encoding`), with brotli, zstd or gzip. Results are
   * kept in memory, within `limits`. Default: `false`.
   */
  compress?: boolean
  /**
   * Headers that every answer gets, by name. Headers that each answer must decide for itself, such as `ETag` or
   * `Content-Length`, are refused with `ERR_INVALID_ARG_VALUE`. Default: none.
   */
  headers?: { [name: string]: string | string[] }
  /** Limits on requests and on what is kept in memory. */
  limits?: StaticLimits
  /**
   * Whether to answer the path of a folder that has no index file with a page that lists its files. Default: `false`.
   */
  listing?: boolean
  /** The page that is sent, with status 404, for a path that names no file. A path below the root. Default: none. */
  notFound?: string
  /**
   * Whether to send `file.br`, `file.zst` or `file.gz` if it lies beside `file` and the client accepts it. `true`
   * allows all codings; you can also name one or several. Default: `false`.
   */
  precompressed?: boolean | Coding | Coding[]
  /**
   * The page of a single-page application, a path below the root. Browsers that navigate to a path that names no file
   * get this page. `true` means `'index.html'`. It is not sent for paths with a file extension (`/logo.png`) or for
   * requests of scripts and images. Default: `false`.
   */
  single?: boolean | string
}

/** The parts of a request that the handler uses. Requests of `node:http`, `http2` and of frameworks have them. */
export interface StaticRequest {
  method?: string | undefined
  url?: string | undefined
  headers: { [name: string]: string | string[] | undefined }
}

/** The parts of a response that the handler uses. */
export interface StaticResponse {
  statusCode: number
  readonly headersSent: boolean
  getHeader(name: string): unknown
  hasHeader(name: string): boolean
  setHeader(name: string, value: string | string[]): unknown
  removeHeader(name: string): void
}

/**
 * A request handler, for a server's `'request'` event (without `next`), Express or Connect.
 *
 * `next()` is called if no file answers the request, `next(error)` if one should and cannot. Such errors have
 * `status`, `statusCode` and `expose`, as those of `http-errors`. Without `next`, the client gets a small page with
 * the status.
 */
export type StaticHandler = (req: StaticRequest, res: StaticResponse, next?: (error?: unknown) => void) => void

/**
 * Makes a handler that answers requests with the files below `root`, as `express.static(root, options)` does. `root`
 * is a path or a `file:` URL. It need not exist yet: each request looks at what is there.
 *
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE` or `IRONWIRE_UNKNOWN_OPTION` for a
 * wrong root or option.
 *
 * @example
 * ```js
 * app.use('/assets', serveStatic('public', { maxAge: '1d' }))
 * ```
 */
export function serveStatic<Response = ServerResponse>(
  root: string | URL,
  options?: StaticOptions<Response> | null,
): StaticHandler

/**
 * Options of {@link createStaticServer}: those of `serveStatic` except `fallthrough`, and those of
 * `http.createServer`.
 */
export type StaticServerOptions = Omit<StaticOptions<ServerResponse>, 'fallthrough'> &
  ServerOptions & {
    /** Serve over TLS: certificate, key, and everything else that `https.createServer` accepts. Default: no TLS. */
    tls?: TlsOptions & SecureContextOptions
  }

/**
 * Makes an `http.Server`, or with `tls` an `https.Server`, for the files below `root`. Call `listen()` on it, as on
 * any server.
 *
 * `listener` gets the requests that no file answers. Without a `listener` the server answers them itself: 404, 405
 * with `Allow` for other methods, and 204 with `Allow` for OPTIONS.
 *
 * @throws `ENOENT` or `ENOTDIR` if `root` is not a folder, and what {@link serveStatic} throws.
 *
 * @example
 * ```js
 * createStaticServer('public', { precompressed: true }).listen(8080)
 * createStaticServer('public', { tls: { key, cert } }).listen(8443)
 * ```
 */
export function createStaticServer(
  root: string | URL,
  options: StaticServerOptions & { tls: TlsOptions & SecureContextOptions },
  listener?: (this: HttpsServer, req: IncomingMessage, res: ServerResponse) => void,
): HttpsServer
export function createStaticServer(
  root: string | URL,
  options?: StaticServerOptions | null,
  listener?: (this: Server, req: IncomingMessage, res: ServerResponse) => void,
): Server
export function createStaticServer(
  root: string | URL,
  listener: (this: Server, req: IncomingMessage, res: ServerResponse) => void,
): Server
