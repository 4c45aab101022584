'use strict'

/** The number of removed items that may stay in the list, whatever its size. */
const TIDY_ABOVE = 64

/**
 * A first-in, first-out queue from which any item can be removed. (A Set would do, but finding its first element again
 * walks over all removed ones.) The queue sets the flag `queued` on its items.
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

  /** Removes an item, wherever it is. The list may refer to it for a while longer. */
  remove(item) {
    if (!item.queued) return
    item.queued = false
    this.size--
    const { items } = this
    while (this.head < items.length && !items[this.head].queued) items[this.head++] = undefined
    // Removed items are dropped once they are the majority, so each item is moved at most once per removed item.
    if (this.size === 0 || items.length > TIDY_ABOVE + 2 * this.size) {
      this.items = [...this]
      this.head = 0
    }
  }

  /** The item that has waited longest; undefined when the queue is empty. */
  first() {
    return this.items[this.head]
  }

  /** The items in the queue now, first to last. */
  [Symbol.iterator]() {
    return this.items.filter((item) => item?.queued).values()
  }
}

module.exports = { Queue }
