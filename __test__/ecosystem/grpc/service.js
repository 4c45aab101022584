'use strict'

// A service whose messages are texts.

const method = (name, requestStream, responseStream) => ({
  path: `/test.Texts/${name}`,
  requestStream,
  responseStream,
  requestSerialize: ({ text }) => Buffer.from(text),
  requestDeserialize: (bytes) => ({ text: String(bytes) }),
  responseSerialize: ({ text }) => Buffer.from(text),
  responseDeserialize: (bytes) => ({ text: String(bytes) }),
  options: {},
})

module.exports = {
  one: method('One', false, false),
  many: method('Many', false, true),
  gather: method('Gather', true, false),
  chat: method('Chat', true, true),
}
