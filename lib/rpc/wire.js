'use strict'

// One connection's stream of frames, over the native engine, which splits them.

const { Base, fillAddress } = require('../net/handle.js')
const { native, keep, ownerOf, shared } = require('../engine')
const { systemError } = require('../errors')
const { EOF, ECANCELED } = require('../constants').errno

const FRAMES = ['onFrames']

/** The memory that frames were last seen in. */
let frameMemory

function onFrames(id, count, slab) {
  if (slab !== frameMemory) frameMemory = keep(slab)
  ownerOf(id)?.onFrames(count, slab)
}

/** Filled by src/binding/rpc.rs for each read: the cursor, then the records. Made when first needed, since it is large. */
let table

/**
 * One connection's stream. Its peer hears attach (of a client), onFrames, onDrain, onEnd and onClose. It is no `Connection` of net's, whose
 * shape is what Node's sockets expect: request objects, error numbers and a callback for each write, none of which a session asks for.
 */
class Wire extends Base {
  constructor(id, isServer, { maxFrameBytes, secret }) {
    super(id, FRAMES)
    this.peer = null
    table ??= shared('rpc table', () => new Uint32Array(native.framesTable({ onFrames })))
    native.speakFrames(id, isServer, maxFrameBytes, secret !== null)
  }

  /** Where the peer is, for `remoteOf`. */
  get place() {
    return native.peerAddress(this.id)
  }

  /** Bytes written that the kernel has not taken. */
  get queued() {
    return this.closing ? this.left : native.queued(this.id)
  }

  /** Bytes that came, and that the kernel has taken. */
  get received() {
    return this.closing ? this.receivedAll : native.bytesReceived(this.id)
  }

  get sent() {
    return this.closing ? this.sentAll : native.bytesSent(this.id) - native.queued(this.id)
  }

  /** Begins to read for `peer`. */
  start(peer) {
    this.peer = peer
    native.setNoDelay(this.id, true)
    this.check(native.readStart(this.id), 'read')
  }

  /** Takes the bytes, or a copy of them. False when the kernel does not take as much: onDrain tells when it has. */
  write(bytes, offset, length) {
    if (this.closing || this.ended) return true
    const status = native.write(this.id, bytes, offset, length)
    if (status < 0) this.check(status, 'write')
    return status !== 1
  }

  pause() {
    if (!this.closing) native.readStop(this.id)
  }

  resume() {
    if (!this.closing) this.check(native.readStart(this.id), 'read')
  }

  /** Sends what is written and then the end of the stream. */
  end() {
    if (this.closing || this.ended) return
    this.ended = true
    this.check(native.end(this.id), 'shutdown')
  }

  destroy() {
    if (this.closing) return
    // What leaves with the close has left before it is counted.
    native.flush(this.id)
    this.left = this.queued
    this.receivedAll = native.bytesReceived(this.id)
    this.sentAll = native.bytesSent(this.id) - this.left
    this.close()
  }

  check(status, syscall) {
    if (status < 0) this.fail(systemError(status, syscall))
  }

  /** The stream broke. Its peer hears of it with the close, never inside a call of its own. */
  fail(error) {
    if (this.closing) return
    this.failure = error
    this.destroy()
  }

  // ---- called by the engine

  onConnected(status) {
    if (this.closing) return
    if (status < 0) this.fail(systemError(status, 'connect', this.address, this.port))
    else this.begin()
  }

  /** Of a client: the connection is there. */
  begin() {
    this.peer.attach(this)
    this.start(this.peer)
  }

  onFrames(count, slab) {
    if (!this.closing) this.peer.onFrames(table, count, slab)
  }

  onRead(status) {
    if (this.closing) return
    if (status === EOF) this.peer.onEnd()
    else this.fail(systemError(status, 'read'))
  }

  onDrain() {
    if (!this.closing) this.peer.onDrain()
  }

  onWriteError(status) {
    if (status !== ECANCELED) this.fail(systemError(status, 'write'))
  }

  onShutdown() {}

  onClose() {
    super.onClose()
    this.peer?.onClose(this.failure)
  }
}

/** What comes with TLS, or with the end. */
Object.assign(Wire.prototype, {
  /** What TLS says of the peer, once there is TLS. */
  tlsPeer: null,
  ended: false,
  failure: null,
  /** What the kernel had not taken when the stream closed, and what had gone over it in all. */
  left: 0,
  receivedAll: 0,
  sentAll: 0,
})

/** Where a peer is: `{ address, family, port }`, or nothing on a pipe, and nothing when the peer was gone already. */
function remoteOf(place) {
  const remote = {}
  fillAddress(remote, place)
  return remote
}

module.exports = { Wire, remoteOf }
