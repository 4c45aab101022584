'use strict'

// One connection's stream of frames. The native engine splits them.

const { Base, fillAddress } = require('../net/handle.js')
const { native, keep, ownerOf, shared } = require('../engine')
const { systemError } = require('../errors')
const { EOF, ECANCELED } = require('../constants').errno

const FRAMES = ['onFrames']

/** The memory block of the last frames. */
let frameMemory

function onFrames(id, count, slab) {
  if (slab !== frameMemory) frameMemory = keep(slab)
  ownerOf(id)?.onFrames(count, slab)
}

/**
 * Filled by src/binding/rpc.rs for each read: the cursor, then the records. Allocated at the first use, because it is
 * large.
 */
let table

/**
 * One connection's stream. It calls attach (on clients), onFrames, onDrain, onEnd and onClose of its peer. It is not a
 * `Connection` of net, because the shape that Node's sockets expect (request objects, error numbers, a callback per
 * write) is not needed here.
 */
class Wire extends Base {
  constructor(id, isServer, { maxFrameBytes, secret }) {
    super(id, FRAMES)
    this.peer = null
    table ??= shared('rpc table', () => new Uint32Array(native.framesTable({ onFrames })))
    native.speakFrames(id, isServer, maxFrameBytes, secret !== null)
  }

  /** The peer's address, for `remoteOf`. */
  get place() {
    return native.peerAddress(this.id)
  }

  /** The number of written bytes that the kernel has not taken. */
  get queued() {
    return this.closing ? this.left : native.queued(this.id)
  }

  /** The number of bytes received; `sent` is the number of bytes that the kernel has taken. */
  get received() {
    return this.closing ? this.receivedAll : native.bytesReceived(this.id)
  }

  get sent() {
    return this.closing ? this.sentAll : native.bytesSent(this.id) - native.queued(this.id)
  }

  /** Starts reading for `peer`. */
  start(peer) {
    this.peer = peer
    native.setNoDelay(this.id, true)
    this.check(native.readStart(this.id), 'read')
  }

  /**
   * Writes the bytes, or a copy of them. Returns false when the kernel does not take all of them; onDrain follows when
   * it has.
   */
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

  /** Sends what is written, then ends the stream. */
  end() {
    if (this.closing || this.ended) return
    this.ended = true
    this.check(native.end(this.id), 'shutdown')
  }

  destroy() {
    if (this.closing) return
    // Flush first, so that what still leaves is counted as sent.
    native.flush(this.id)
    this.left = this.queued
    this.receivedAll = native.bytesReceived(this.id)
    this.sentAll = native.bytesSent(this.id) - this.left
    this.close()
  }

  check(status, syscall) {
    if (status < 0) this.fail(systemError(status, syscall))
  }

  /** The stream broke. The peer is told by onClose, never inside one of its own calls. */
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

  /** Client only: the connection is established. */
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

/** Defaults of fields that are set with TLS, or at the end. */
Object.assign(Wire.prototype, {
  /** What TLS knows about the peer, once TLS is established. */
  tlsPeer: null,
  ended: false,
  failure: null,
  /** The bytes that the kernel had not taken when the stream closed, and the totals of the stream. */
  left: 0,
  receivedAll: 0,
  sentAll: 0,
})

/** A peer's address: `{ address, family, port }`. Empty on a pipe, or if the peer was already gone. */
function remoteOf(place) {
  const remote = {}
  fillAddress(remote, place)
  return remote
}

module.exports = { Wire, remoteOf }
