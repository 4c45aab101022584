'use strict'

// Classes whose fields land on an object that exists: the fastest way to give it many properties. Fields are defined, not
// assigned, so accessors on the prototype do not see it, and they keep the object's fast shape, which adding a dozen properties by
// computed name would not.
//
// There are two of them, one for requests and one for responses, because V8 keeps what it learns about a field's name per place
// in the source: shared, each field would cost thirty times as much. What is beyond their length is left to be defined one by one.

/** A constructor that gives the object it is given. */
class Given {
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: that is the point.
    return object
  }
}

/** `keys`: 25 of them in Node 26. */
function requestStamp(keys) {
  const key = (i) => keys[Math.min(i, keys.length - 1)]
  class Stamp extends Given {
    [key(0)];
    [key(1)];
    [key(2)];
    [key(3)];
    [key(4)];
    [key(5)];
    [key(6)];
    [key(7)];
    [key(8)];
    [key(9)];
    [key(10)];
    [key(11)];
    [key(12)];
    [key(13)];
    [key(14)];
    [key(15)];
    [key(16)];
    [key(17)];
    [key(18)];
    [key(19)];
    [key(20)];
    [key(21)];
    [key(22)];
    [key(23)];
    [key(24)];
    [key(25)];
    [key(26)];
    [key(27)]
  }
  return { Stamp, rest: keys.slice(28) }
}

/** `keys`: 40 of them in Node 26. */
function responseStamp(keys) {
  const key = (i) => keys[Math.min(i, keys.length - 1)]
  class Stamp extends Given {
    [key(0)];
    [key(1)];
    [key(2)];
    [key(3)];
    [key(4)];
    [key(5)];
    [key(6)];
    [key(7)];
    [key(8)];
    [key(9)];
    [key(10)];
    [key(11)];
    [key(12)];
    [key(13)];
    [key(14)];
    [key(15)];
    [key(16)];
    [key(17)];
    [key(18)];
    [key(19)];
    [key(20)];
    [key(21)];
    [key(22)];
    [key(23)];
    [key(24)];
    [key(25)];
    [key(26)];
    [key(27)];
    [key(28)];
    [key(29)];
    [key(30)];
    [key(31)];
    [key(32)];
    [key(33)];
    [key(34)];
    [key(35)];
    [key(36)];
    [key(37)];
    [key(38)];
    [key(39)];
    [key(40)];
    [key(41)]
  }
  return { Stamp, rest: keys.slice(42) }
}

module.exports = { requestStamp, responseStamp }
