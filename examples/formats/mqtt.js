'use strict'

// MQTT 3.1.1 packets.
//
//   node examples/formats/mqtt.js

const { codec } = require('ironwire')

const mqtt = codec.layout(`
  endian be;
  enum Kind : u4 {
    CONNECT = 1, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ,
    PINGRESP, DISCONNECT
  }

  struct Connect {
    utf8(u16) protocol;
    u8 level;
    flag hasUser = present(user); flag hasPassword = present(password); flag willRetain; u2 willQos;
    flag hasWill = present(will); flag clean; flag reserved;
    u16 keepAlive;
    utf8(u16) client;
    if (hasWill) struct { utf8(u16) topic; bytes(u16) message; } will;
    if (hasUser) utf8(u16) user;
    if (hasPassword) bytes(u16) password;
  }
  struct Publish(qos) {
    utf8(u16) topic;
    if (qos > 0) u16 id;
    bytes(rest) payload;
  }
  struct Subscribe { u16 id; struct { utf8(u16) filter; u6 reserved; u2 qos; } topics[rest]; }
  struct Acknowledgment { u16 id; bytes(rest) codes; }

  struct Packet {
    Kind kind; flag duplicate; u2 qos; flag retain;
    uleb128(4) length = sizeof(body);
    switch (kind) {
      CONNECT: Connect;
      CONNACK: struct { u7 reserved; flag sessionPresent; u8 code; };
      PUBLISH: Publish(qos);
      SUBSCRIBE: Subscribe;
      UNSUBSCRIBE: struct { u16 id; utf8(u16) filters[rest]; };
      PINGREQ, PINGRESP, DISCONNECT: bytes(rest);
      default: Acknowledgment;
    } body @size(length);
  }
`)

module.exports = { mqtt }

if (require.main === module) {
  const body = { topic: 'sensors/kitchen', id: 7, payload: Buffer.from('21.5') }
  const packet = mqtt.encode({ kind: 'PUBLISH', duplicate: false, qos: 1, retain: false, body })
  console.log(packet)
  console.log(mqtt.decode(packet).body.topic)
  console.log(mqtt.dump(packet))
}
