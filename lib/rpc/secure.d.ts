import type { X509Certificate } from 'node:crypto'
import type { CipherNameAndProtocol, PeerCertificate, SecureContextOptions, SecureVersion } from 'node:tls'

/**
 * Options of TLS 1.2 and 1.3 that both ends have, by the names and with the meaning of `node:tls`, all text PEM. What Node has besides, rustls has
 * nothing for: it is refused by name.
 */
export interface TlsOptions extends Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'ciphers'> {
  /** Default `'TLSv1.2'`. */
  minVersion?: Extract<SecureVersion, 'TLSv1.2' | 'TLSv1.3'>
  /** Default `'TLSv1.3'`. */
  maxVersion?: Extract<SecureVersion, 'TLSv1.2' | 'TLSv1.3'>
  /** Whether a peer is dropped whose certificate is not good. Default `true`. */
  rejectUnauthorized?: boolean
}

/** With which certificate a server takes clients, and whose. */
export interface ServerTlsOptions extends TlsOptions {
  /** The certificate, and what is between it and its authority behind it. */
  cert: NonNullable<SecureContextOptions['cert']>
  key: NonNullable<SecureContextOptions['key']>
  /** Whether clients are asked for a certificate, which has to be one of `ca`'s. Default `false`. */
  requestCert?: boolean
  /** Whether the order of the server's suites counts, not of the client's. Default `true`. */
  honorCipherOrder?: boolean
  /** Seconds in which a client can go on with its session. Default 300. */
  sessionTimeout?: number
  /** 48 bytes, the same for all processes that are to know each other's sessions. Default: random ones. */
  ticketKeys?: Buffer
}

/** Whom a client believes, and what it shows. */
export interface ClientTlsOptions extends TlsOptions {
  /** The authorities whose servers are believed. Default: those that Node trusts. */
  ca?: SecureContextOptions['ca']
  /** The name that every server has to have. Default: the one that its target names, or its address. */
  servername?: string
  /** Says what is wrong with a server's certificate, beside its authority and its dates. Default: `tls.checkServerIdentity`, which compares the name. */
  checkServerIdentity?: (servername: string, certificate: PeerCertificate) => Error | undefined
}

/** What TLS says of a client. */
export interface TlsPeer {
  /** The client was asked for a certificate, and has a good one. */
  readonly authorized: boolean
  /** What is wrong with it, by OpenSSL's code, such as `'DEPTH_ZERO_SELF_SIGNED_CERT'`; `null` if nothing is, or if it was not asked. */
  readonly authorizationError: string | null
  /** The client's certificate, if it was asked for one and has shown one; and with all that it has shown behind it. */
  readonly certificate: X509Certificate | undefined
  readonly certificates: X509Certificate[]
  /** `'TLSv1.2'` or `'TLSv1.3'`. */
  readonly protocol: string | undefined
  readonly cipher: CipherNameAndProtocol | undefined
  /** The name that the client has asked for. */
  readonly servername: string | undefined
  /** It goes on with an earlier session. */
  readonly resumed: boolean
}
