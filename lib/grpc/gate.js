'use strict'

/**
 * Keeps one direction of a call in order while an interceptor handles it asynchronously: metadata passes first, the end
 * last. `pass` is the function that passes a part on.
 */
class Gate {
  #hasMetadata = false
  #hasMessage = false
  /** Messages that wait until the metadata has passed. */
  #messages = []
  #end = undefined

  /** The interceptor has got the metadata. */
  takeMetadata() {
    this.#hasMetadata = true
  }

  passMetadata(pass) {
    this.#hasMetadata = false
    pass()
    for (const passMessage of this.#messages.splice(0)) passMessage()
    this.#finish()
  }

  /** The interceptor has got a message. */
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
