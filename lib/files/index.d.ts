/**
 * Static files, answered by Rust: a handler for ironwire's `http`, `node:http`, `http2`, Express and Connect, and a server of its own.
 * What differs from `serve-static` is in docs/static.md.
 */

import type { Stats } from 'node:fs'
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { SecureContextOptions, TlsOptions } from 'node:tls'

/** What may be sent instead of a file's own bytes: `.br`, `.zst` and `.gz` files beside it, or made as needed. */
export type Coding = 'br' | 'zstd' | 'gzip'

/** Bytes, or numbers of things. */
export interface StaticLimits {
  /** Bytes of a request's path. */
  target?: number
  /** Folders in it. */
  depth?: number
  /** Ranges of one request. */
  ranges?: number
  /** Bytes of a file that is kept in memory, of all of them, and their number. */
  smallFile?: number
  memory?: number
  files?: number
  /** Large files that stay open. */
  handles?: number
  /** Bytes from which on, and up to which, a file is compressed as needed. */
  compressFrom?: number
  compressTo?: number
  /** Bytes of a file that a strong tag is computed of. */
  hash?: number
  /** Names in a listing. */
  entries?: number
}

export interface StaticOptions<Response = ServerResponse> {
  // --- serve-static's, with its defaults

  /** Answer requests for byte ranges, and say so. Default: true. */
  acceptRanges?: boolean
  /** Send `Cache-Control`, made of `maxAge` and `immutable`. Default: true. */
  cacheControl?: boolean
  /**
   * Files and folders whose name begins with a dot: as if they were not there (`'ignore'`), refused with 403 (`'deny'`), or like any other
   * (`'allow'`). Default: `'ignore'`.
   */
  dotfiles?: 'ignore' | 'allow' | 'deny'
  /** Send `ETag`: `true` or `'weak'`, from size and time as serve-static; `'strong'`, from the content. Default: true. */
  etag?: boolean | 'weak' | 'strong'
  /** Endings that are tried, in order, where a file is not found: `['html']` serves `about.html` at `/about`. Default: none. */
  extensions?: string | string[] | false
  /**
   * What is not there, or cannot be answered with a file, goes to the next handler. With false it is an error: `next(error)`, and 405 for
   * methods other than GET and HEAD. Default: true; of `createStaticServer`, whether there is a listener.
   */
  fallthrough?: boolean
  /** Add `immutable` to `Cache-Control`: what was got within `maxAge` is not asked for again, not even on reload. Default: false. */
  immutable?: boolean
  /** The files that stand for their folder. Default: `'index.html'`. */
  index?: string | string[] | false
  /** Send `Last-Modified`. Default: true. */
  lastModified?: boolean
  /** For how long a file may be used without asking: milliseconds, or text like `'1d'`. A year at most. Default: 0. */
  maxAge?: number | string
  /** The same by the name that `send` has for it. */
  maxage?: number | string
  /** Redirect from a folder's path to the same with a slash. Default: true. */
  redirect?: boolean
  /** Called, synchronously, before a file is sent, to set headers of its own. */
  setHeaders?: (res: Response, path: string, stat: Stats) => void

  // --- beyond it

  /** Compress text as needed, by `Accept-Encoding`; results are kept, within limits. Default: false. */
  compress?: boolean
  /** Headers that every answer has. */
  headers?: { [name: string]: string | string[] }
  /** What may be spent on requests and on what is kept: docs/static.md has them all. */
  limits?: StaticLimits
  /** A page with what is in a folder that has no index file. Default: false. */
  listing?: boolean
  /** The page, a path below the root, for what is not there; its status is 404. */
  notFound?: string
  /** Send `file.br`, `file.zst` or `file.gz` where it lies beside `file` and the client takes it. Default: false. */
  precompressed?: boolean | Coding | Coding[]
  /**
   * The page, a path below the root, for browsers that go to a path that names no file: the routes of a single-page application. `true` is
   * `index.html`. A path with an ending (`/logo.png`) is no route, and what a script fetches is no page. Default: false.
   */
  single?: boolean | string
}

/** A request as this module needs it: `node:http`'s, `http2`'s, or a framework's. */
export interface StaticRequest {
  method?: string
  url?: string
  headers: { [name: string]: string | string[] | undefined }
}

/** A response as this module needs it. */
export interface StaticResponse {
  statusCode: number
  readonly headersSent: boolean
  getHeader(name: string): unknown
  hasHeader(name: string): boolean
  setHeader(name: string, value: string | string[]): unknown
  removeHeader(name: string): void
}

/** A handler: of a server (`next` is left out), of Express or Connect. */
export type StaticHandler = (req: StaticRequest, res: StaticResponse, next?: (error?: unknown) => void) => void

/**
 * A handler that answers with the files of `root`, as `express.static(root, options)` does. Throws for options that it does not know; a root that
 * is not there, or not there yet, is no error.
 *
 * ```js
 * app.use('/assets', serveStatic('public', { maxAge: '1d' }))
 * ```
 */
export function serveStatic<Response = ServerResponse>(
  root: string | URL,
  options?: StaticOptions<Response> | null,
): StaticHandler

/** Options of the server and of its files. */
export type StaticServerOptions = Omit<StaticOptions<ServerResponse>, 'fallthrough'> &
  ServerOptions & {
    /** Certificate, key and whatever else `https.createServer` takes of TLS: the server is one of `https`'s then. Default: none. */
    tls?: TlsOptions & SecureContextOptions
  }

/**
 * A server, as `http.createServer` makes it, for the files of `root`. `listener` gets the requests that no file answers; without it they are
 * answered with 404, 405 and so on. Throws where there is no such folder.
 *
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
