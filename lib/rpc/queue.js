'use strict'

/** How many items that have left may stay in the list, whatever its size. */
const TIDY_ABOVE = 64

/**
 * First in, first out, and anything may leave from the middle. (A Set would do, but finding its first element again walks over
 * everything that has left.) Items carry a flag `queued` that is the queue's own.
 */
class Queue {
  constructor() {
    this.items = []
    this.head = 0
    this.size = 0
  }

  push(item) {
    item.queued = true
    this.items.push(item)
    this.size++
  }

  /** Takes an item out, wherever it is. The list may hold on to it for a while. */
  remove(item) {
    if (!item.queued) return
    item.queued = false
    this.size--
    const { items } = this
    while (this.head < items.length && !items[this.head].queued) items[this.head++] = undefined
    // What has left is dropped once it is the larger part, so each item is moved at most once per item that left.
    if (this.size === 0 || items.length > TIDY_ABOVE + 2 * this.size) {
      this.items = [...this]
      this.head = 0
    }
  }

  /** The item that has waited longest, undefined when there is none. */
  first() {
    return this.items[this.head]
  }

  /** What is in the queue now, first to last. */
  [Symbol.iterator]() {
    return this.items.filter((item) => item?.queued).values()
  }
}

module.exports = { Queue }
