'use strict'

// TLS records (RFC 8446), and the unencrypted handshake messages in them.
//
//   node examples/formats/tls.js

const { codec } = require('ironwire')

const tls = codec.layout(`
  endian be;
  enum Content : u8 { ChangeCipherSpec = 20, Alert = 21, Handshake = 22, ApplicationData = 23 }
  enum HandshakeType : u8 { ClientHello = 1, ServerHello = 2, Certificate = 11, Finished = 20 }

  struct Extension {
    u16 type;
    u16 length = sizeof(data);
    switch (type) {
      0: struct { struct { u8 kind; utf8(u16) name; } names[rest] @size(u16); };
      16: struct { utf8(u8) protocols[rest] @size(u16); };
      default: bytes(rest);
    } data @size(length);
  }

  struct ClientHello {
    u16 version;
    hex(32) random;
    hex(u8) session;
    u16 ciphers[rest] @size(u16);
    bytes(u8) compressions;
    Extension extensions[rest] @size(u16);
  }

  struct Message {
    HandshakeType type;
    u24 length = sizeof(body);
    switch (type) { ClientHello: ClientHello; default: bytes(rest); } body @size(length);
  }

  struct Record {
    Content type;
    u16 version;
    u16 length = sizeof(body);
    switch (type) {
      Handshake: Message[rest];
      Alert: struct { u8 level; u8 description; };
      default: bytes(rest);
    } body @size(length);
  }

  struct Records { Record records[rest]; }
`)

module.exports = { tls }
