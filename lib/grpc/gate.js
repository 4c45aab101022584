'use strict'

/**
 * Where an interceptor, which may take its time, lets metadata, messages and the end of one direction of a call pass: metadata first, the end last.
 * `pass` is what passing on comes to.
 */
class Gate {
  #hasMetadata = false
  #hasMessage = false
  /** Messages that wait for the metadata. */
  #messages = []
  #end = undefined

  /** The interceptor has the metadata. */
  takeMetadata() {
    this.#hasMetadata = true
  }

  passMetadata(pass) {
    this.#hasMetadata = false
    pass()
    for (const passMessage of this.#messages.splice(0)) passMessage()
    this.#finish()
  }

  /** It has a message. */
  takeMessage() {
    this.#hasMessage = true
  }

  passMessage(pass) {
    this.#hasMessage = false
    if (this.#hasMetadata) return this.#messages.push(pass)
    pass()
    this.#finish()
  }

  passEnd(pass) {
    this.#end = pass
    this.#finish()
  }

  #finish() {
    const pass = this.#end
    if (pass === undefined || this.#hasMetadata || this.#hasMessage) return
    this.#end = undefined
    pass()
  }
}

module.exports = { Gate }
