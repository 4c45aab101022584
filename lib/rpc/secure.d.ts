import type { X509Certificate } from 'node:crypto'
import type { CipherNameAndProtocol, PeerCertificate, SecureContextOptions, SecureVersion } from 'node:tls'

/**
 * Options of TLS 1.2 and 1.3 for both ends, with the names and the meaning that they have in `node:tls`. Certificates
 * and keys are PEM. Other options of `node:tls` throw an error, because rustls does not support them.
 *
 * Source: https://nodejs.org/api/tls.html#tlscreatesecurecontextoptions
 */
export interface TlsOptions extends Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'ciphers'> {
  /** The lowest version of TLS to accept. Default: `'TLSv1.2'`. */
  minVersion?: Extract<SecureVersion, 'TLSv1.2' | 'TLSv1.3'>
  /** The highest version of TLS to accept. Default: `'TLSv1.3'`. */
  maxVersion?: Extract<SecureVersion, 'TLSv1.2' | 'TLSv1.3'>
  /** Whether to drop a peer whose certificate cannot be verified. Default: `true`. */
  rejectUnauthorized?: boolean
}

/** TLS options of a server. */
export interface ServerTlsOptions extends TlsOptions {
  /** The server's certificate, followed by the intermediate certificates. */
  cert: NonNullable<SecureContextOptions['cert']>
  /** The private key of the certificate. */
  key: NonNullable<SecureContextOptions['key']>
  /** Whether clients must show a certificate that `ca` has signed (mutual TLS). Needs `ca`. Default: `false`. */
  requestCert?: boolean
  /** Whether the server's order of cipher suites counts rather than the client's. Default: `true`. */
  honorCipherOrder?: boolean
  /** For how many seconds a client can resume its session. Default: 300. */
  sessionTimeout?: number
  /**
   * 48 bytes that encrypt session tickets. Give all processes of a cluster the same, so that a client can resume its
   * session with any of them. Default: random.
   */
  ticketKeys?: Buffer
}

/** TLS options of a client. */
export interface ClientTlsOptions extends TlsOptions {
  /** The authorities whose servers are trusted. Default: those that Node trusts. */
  ca?: SecureContextOptions['ca']
  /** The name that the certificate of every server must have. Default: the host of its address. */
  servername?: string
  /**
   * Returns an error if the certificate does not belong to `servername`. Its chain and dates are checked in any case.
   * Default: `tls.checkServerIdentity` of Node, which compares the name.
   */
  checkServerIdentity?: (servername: string, certificate: PeerCertificate) => Error | undefined
}

/** What TLS says about a client. */
export interface TlsPeer {
  /** Whether the client was asked for a certificate and showed a valid one. */
  readonly authorized: boolean
  /**
   * What is wrong with the certificate, as a code of OpenSSL such as `'DEPTH_ZERO_SELF_SIGNED_CERT'`. `null` if
   * nothing is wrong, or if the client was not asked for one.
   */
  readonly authorizationError: string | null
  /** The client's certificate, if it showed one. */
  readonly certificate: X509Certificate | undefined
  /** The client's certificate and the others that it sent along. */
  readonly certificates: X509Certificate[]
  /** `'TLSv1.2'` or `'TLSv1.3'`. */
  readonly protocol: string | undefined
  /** The cipher suite. */
  readonly cipher: CipherNameAndProtocol | undefined
  /** The name that the client asked for (SNI). */
  readonly servername: string | undefined
  /** Whether the client resumed an earlier session. */
  readonly resumed: boolean
}
