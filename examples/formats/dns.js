'use strict'

// DNS messages (RFC 1035), with names as they are encoded: labels, and pointers to the rest of a name.
//
//   node examples/formats/dns.js

const { codec } = require('ironwire')

const dns = codec.layout(`
  endian be;
  enum Type : u16 { A = 1, NS = 2, CNAME = 5, SOA = 6, PTR = 12, MX = 15, TXT = 16, AAAA = 28, SRV = 33, OPT = 41 }

  // Text, or where the name goes on: what is there is only looked at, it is written where it is.
  struct Label {
    u2 kind; u6 length;
    if (kind == 0) ascii(length) text;
    if (kind == 3) u8 low;
    if (kind == 3) peek ((length << 8) | low) Name target;
  }
  struct Name { Label labels[until _.kind == 3 || _.length == 0]; }

  struct Question { Name name; Type type; u16 class; }
  struct Resource {
    Name name; Type type; u16 class; u32 ttl;
    u16 length = sizeof(data);
    switch (type) {
      A: ipv4;
      AAAA: ipv6;
      NS, CNAME, PTR: Name;
      MX: struct { u16 preference; Name exchange; };
      TXT: utf8(u8)[rest];
      SRV: struct { u16 priority; u16 weight; u16 port; Name target; };
      SOA: struct { Name primary; Name admin; u32 serial; u32 refresh; u32 retry; u32 expire; u32 minimum; };
      default: bytes(rest);
    } data @size(length);
  }

  struct Message {
    u16 id;
    flag response; u4 opcode; flag authoritative; flag truncated; flag recursionDesired;
    flag recursionAvailable; u3 reserved; u4 code;
    u16 questionCount = count(questions);
    u16 answerCount = count(answers);
    u16 authorityCount = count(authorities);
    u16 additionalCount = count(additionals);
    Question questions[questionCount];
    Resource answers[answerCount];
    Resource authorities[authorityCount];
    Resource additionals[additionalCount];
  }
`)

/** The text of a decoded name, such as `www.example.com`. */
function nameOf({ labels }) {
  const parts = []
  for (const label of labels) {
    if (label.kind === 3) parts.push(nameOf(label.target))
    else if (label.length > 0) parts.push(label.text)
  }
  return parts.join('.')
}

/** Encodes a name as labels, without pointers. */
function toName(text) {
  const labels = text.split('.').map((part) => ({ kind: 0, length: part.length, text: part }))
  return { labels: [...labels, { kind: 0, length: 0, text: '' }] }
}

module.exports = { dns, nameOf, toName }

if (require.main === module) {
  const flags = { response: false, opcode: 0, authoritative: false, truncated: false, recursionDesired: true }
  const query = dns.encode({
    id: 0x1234,
    ...flags,
    recursionAvailable: false,
    reserved: 0,
    code: 0,
    questions: [{ name: toName('example.com'), type: 'A', class: 1 }],
    answers: [],
    authorities: [],
    additionals: [],
  })
  console.log(query)
  console.log(nameOf(dns.decode(query).questions[0].name))
  console.log(dns.dump(query))
}
