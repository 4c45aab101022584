'use strict'

/** Builds a status from its parts. */
class StatusBuilder {
  #status = {}

  withCode(code) {
    this.#status.code = code
    return this
  }

  withDetails(details) {
    this.#status.details = details
    return this
  }

  withMetadata(metadata) {
    this.#status.metadata = metadata
    return this
  }

  build() {
    return { ...this.#status }
  }
}

module.exports = { StatusBuilder }
