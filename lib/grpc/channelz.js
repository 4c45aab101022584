'use strict'

// channelz: a service that reports the channels, servers and connections of the process (grpc.channelz.v1), with the
// API of @grpc/grpc-js. Objects are registered in channelz-registry.js; most data is collected when it is requested.
// See gRPC's proposal A14.

const { Buffer } = require('node:buffer')
const { isIPv4, isIPv6 } = require('node:net')
const { fillAddress } = require('../net/handle.js')
const { native } = require('../engine.js')
const { find, from } = require('./channelz-registry.js')
const { connectivityState, status } = require('./constants.js')
const { timeOf } = require('./counts.js')
const { definitionOf } = require('./definition.js')
const { kAcceptors, kInjectors, kLinks } = require('./symbols.js')

/** Length of a list in a response, if the request does not say. */
const MOST = 100

const SOURCE = `syntax = "proto3";

package grpc.channelz.v1;

import "google/protobuf/any.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

service Channelz {
  rpc GetTopChannels (GetTopChannelsRequest) returns (GetTopChannelsResponse);
  rpc GetServers (GetServersRequest) returns (GetServersResponse);
  rpc GetServer (GetServerRequest) returns (GetServerResponse);
  rpc GetServerSockets (GetServerSocketsRequest) returns (GetServerSocketsResponse);
  rpc GetChannel (GetChannelRequest) returns (GetChannelResponse);
  rpc GetSubchannel (GetSubchannelRequest) returns (GetSubchannelResponse);
  rpc GetSocket (GetSocketRequest) returns (GetSocketResponse);
}

message ChannelRef {
  reserved 3, 4, 5, 6, 7, 8;
  int64 channel_id = 1;
  string name = 2;
}

message SubchannelRef {
  reserved 1, 2, 3, 4, 5, 6;
  int64 subchannel_id = 7;
  string name = 8;
}

message SocketRef {
  reserved 1, 2, 5, 6, 7, 8;
  int64 socket_id = 3;
  string name = 4;
}

message ServerRef {
  reserved 1, 2, 3, 4, 7, 8;
  int64 server_id = 5;
  string name = 6;
}

message ChannelTraceEvent {
  enum Severity {
    CT_UNKNOWN = 0;
    CT_INFO = 1;
    CT_WARNING = 2;
    CT_ERROR = 3;
  }
  string description = 1;
  Severity severity = 2;
  google.protobuf.Timestamp timestamp = 3;
  oneof child_ref {
    ChannelRef channel_ref = 4;
    SubchannelRef subchannel_ref = 5;
  }
}

message ChannelTrace {
  int64 num_events_logged = 1;
  google.protobuf.Timestamp creation_timestamp = 2;
  repeated ChannelTraceEvent events = 3;
}

message ChannelConnectivityState {
  enum State {
    UNKNOWN = 0;
    IDLE = 1;
    CONNECTING = 2;
    READY = 3;
    TRANSIENT_FAILURE = 4;
    SHUTDOWN = 5;
  }
  State state = 1;
}

message ChannelData {
  ChannelConnectivityState state = 1;
  string target = 2;
  ChannelTrace trace = 3;
  int64 calls_started = 4;
  int64 calls_succeeded = 5;
  int64 calls_failed = 6;
  google.protobuf.Timestamp last_call_started_timestamp = 7;
}

message Channel {
  ChannelRef ref = 1;
  ChannelData data = 2;
  repeated ChannelRef channel_ref = 3;
  repeated SubchannelRef subchannel_ref = 4;
  repeated SocketRef socket_ref = 5;
}

message Subchannel {
  SubchannelRef ref = 1;
  ChannelData data = 2;
  repeated ChannelRef channel_ref = 3;
  repeated SubchannelRef subchannel_ref = 4;
  repeated SocketRef socket_ref = 5;
}

message ServerData {
  ChannelTrace trace = 1;
  int64 calls_started = 2;
  int64 calls_succeeded = 3;
  int64 calls_failed = 4;
  google.protobuf.Timestamp last_call_started_timestamp = 5;
}

message Server {
  ServerRef ref = 1;
  ServerData data = 2;
  repeated SocketRef listen_socket = 3;
}

message SocketData {
  int64 streams_started = 1;
  int64 streams_succeeded = 2;
  int64 streams_failed = 3;
  int64 messages_sent = 4;
  int64 messages_received = 5;
  int64 keep_alives_sent = 6;
  google.protobuf.Timestamp last_local_stream_created_timestamp = 7;
  google.protobuf.Timestamp last_remote_stream_created_timestamp = 8;
  google.protobuf.Timestamp last_message_sent_timestamp = 9;
  google.protobuf.Timestamp last_message_received_timestamp = 10;
  google.protobuf.Int64Value local_flow_control_window = 11;
  google.protobuf.Int64Value remote_flow_control_window = 12;
  repeated SocketOption option = 13;
}

message SocketOption {
  string name = 1;
  string value = 2;
  google.protobuf.Any additional = 3;
}

message Address {
  message TcpIpAddress {
    bytes ip_address = 1;
    int32 port = 2;
  }
  message UdsAddress {
    string filename = 1;
  }
  message OtherAddress {
    string name = 1;
    google.protobuf.Any value = 2;
  }
  oneof address {
    TcpIpAddress tcpip_address = 1;
    UdsAddress uds_address = 2;
    OtherAddress other_address = 3;
  }
}

message Security {
  message Tls {
    oneof cipher_suite {
      string standard_name = 1;
      string other_name = 2;
    }
    bytes local_certificate = 3;
    bytes remote_certificate = 4;
  }
  message OtherSecurity {
    string name = 1;
    google.protobuf.Any value = 2;
  }
  oneof model {
    Tls tls = 1;
    OtherSecurity other = 2;
  }
}

message Socket {
  SocketRef ref = 1;
  SocketData data = 2;
  Address local = 3;
  Address remote = 4;
  Security security = 5;
  string remote_name = 6;
}

message GetTopChannelsRequest {
  int64 start_channel_id = 1;
  int64 max_results = 2;
}

message GetTopChannelsResponse {
  repeated Channel channel = 1;
  bool end = 2;
}

message GetServersRequest {
  int64 start_server_id = 1;
  int64 max_results = 2;
}

message GetServersResponse {
  repeated Server server = 1;
  bool end = 2;
}

message GetServerRequest {
  int64 server_id = 1;
}

message GetServerResponse {
  Server server = 1;
}

message GetServerSocketsRequest {
  int64 server_id = 1;
  int64 start_socket_id = 2;
  int64 max_results = 3;
}

message GetServerSocketsResponse {
  repeated SocketRef socket_ref = 1;
  bool end = 2;
}

message GetChannelRequest {
  int64 channel_id = 1;
}

message GetChannelResponse {
  Channel channel = 1;
}

message GetSubchannelRequest {
  int64 subchannel_id = 1;
}

message GetSubchannelResponse {
  Subchannel subchannel = 1;
}

message GetSocketRequest {
  int64 socket_id = 1;
  bool summary = 2;
}

message GetSocketResponse {
  Socket socket = 1;
}
`

// ---- lists

/** The part of a list that fits into a response, and whether that is all of it. */
function page(things, most) {
  const all = [...things]
  const count = Number(most) || MOST
  return [all.slice(0, count), all.length <= count]
}

// ---- messages

const refs = {
  channel: ({ id, name }) => ({ channel_id: id, name }),
  subchannel: ({ id, name }) => ({ subchannel_id: id, name }),
  server: ({ id, name }) => ({ server_id: id, name }),
  socket: ({ id, name }) => ({ socket_id: id, name }),
}
const refOf = ({ channelz: ref }) => refs[ref.kind](ref)

const timestamp = (time) =>
  time === null ? null : { seconds: Math.floor(time / 1000), nanos: Math.floor(time % 1000) * 1_000_000 }

const stateOf = (state) => ({ state: connectivityState[state] })

function traceOf({ created, count, events }) {
  return {
    num_events_logged: count,
    creation_timestamp: timestamp(created),
    events: events.map(({ description, severity, time, child }) => {
      const of =
        child === null ? {} : { child_ref: `${child.kind}_ref`, [`${child.kind}_ref`]: refs[child.kind](child) }
      return { description, severity, timestamp: timestamp(time), ...of }
    }),
  }
}

const callsOf = ({ counts, trace }) => ({
  trace: traceOf(trace),
  calls_started: counts.started,
  calls_succeeded: counts.succeeded,
  calls_failed: counts.failed,
  last_call_started_timestamp: timestamp(counts.lastStarted),
})

const messages = {
  channel: (channel) => ({
    ref: refOf(channel),
    data: { target: channel.getTarget(), state: stateOf(channel.state), ...callsOf(channel) },
    subchannel_ref: [...channel.balancer.policies.subchannels()].map(refOf),
  }),
  subchannel: (subchannel) => ({
    ref: refOf(subchannel),
    data: { target: subchannel.channelz.name, state: stateOf(subchannel.state), ...callsOf(subchannel) },
    socket_ref: [...from('socket', 0)].filter(({ owner }) => owner === subchannel).map(refOf),
  }),
  server: (server) => ({
    ref: refOf(server),
    data: callsOf(server),
    listen_socket: [...server[kAcceptors], ...server[kInjectors]].map(refOf),
  }),
  socket: (socket) => (socket.traffic === undefined ? listeningOf(socket) : connectionOf(socket)),
}

function listeningOf(socket) {
  const address = socket.address?.() ?? null
  return { ref: refOf(socket), ...(address !== null && { local: addressOf(address) }) }
}

function connectionOf(link) {
  const { traffic, calls } = link
  const [, , , , remote, local] = native.grpcState(link.id) ?? []
  return {
    ref: refOf(link),
    ...placesOf(link),
    security: securityOf(link),
    remote_name: link.tls?.name ?? '',
    data: {
      streams_started: traffic.started,
      streams_succeeded: traffic.succeeded,
      streams_failed: Math.max(traffic.started - traffic.succeeded - calls.size, 0),
      messages_sent: traffic.sent,
      messages_received: traffic.received,
      keep_alives_sent: traffic.pings,
      last_local_stream_created_timestamp: timestamp(timeOf(traffic.lastLocal)),
      last_remote_stream_created_timestamp: timestamp(timeOf(traffic.lastRemote)),
      last_message_sent_timestamp: timestamp(timeOf(traffic.lastSent)),
      last_message_received_timestamp: timestamp(timeOf(traffic.lastReceived)),
      local_flow_control_window: local === undefined ? null : { value: local },
      remote_flow_control_window: remote === undefined ? null : { value: remote },
    },
  }
}

function placesOf({ id, place }) {
  // A client's connection to a path: its socket has no addresses to ask for.
  if (place?.path !== undefined) return { remote: addressOf(place.path) }
  const [local, remote] = [{}, {}]
  fillAddress(local, native.localAddress(id))
  fillAddress(remote, native.peerAddress(id))
  return { local: addressOf(local), remote: addressOf(remote) }
}

/** The `Address` message for `{ address, port }` or for a path; null if neither is known. */
function addressOf(place) {
  if (typeof place === 'string') return { address: 'uds_address', uds_address: { filename: place } }
  const { address, port } = place
  if (address === undefined) return null
  return { address: 'tcpip_address', tcpip_address: { ip_address: bytesOf(address), port } }
}

/** The bytes of an IPv4 or IPv6 address. An IPv4-mapped IPv6 address gives the bytes of the IPv4 address. */
function bytesOf(text) {
  const address = text.replace(/%.*$/, '')
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)
  if (mapped !== null) return bytesOf(mapped[1])
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  if (!isIPv6(address)) return Buffer.alloc(0)
  const [head, tail] = address.split('::').map((part) => (part === '' ? [] : part.split(':')))
  const groups = tail === undefined ? head : [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail]
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex')
}

function securityOf({ id, tlsPeer }) {
  if (tlsPeer === undefined) return null
  const { describe } = require('../tls/ciphers.js')
  const [, suite] = tlsPeer.info
  const name = suite === undefined ? {} : { cipher_suite: 'standard_name', standard_name: describe(suite).standardName }
  const [local] = native.tlsOwn(id) ?? []
  const [remote] = tlsPeer.chain
  return { model: 'tls', tls: { ...name, local_certificate: local, remote_certificate: remote } }
}

// ---- the service

/** Makes a handler that returns one object of a kind. */
const answering = (kind) => (call, callback) => {
  const id = call.request[`${kind}_id`]
  const thing = find(kind, id)
  if (thing !== undefined) callback(null, { [kind]: messages[kind](thing) })
  else callback({ code: status.NOT_FOUND, details: `No ${kind} data found for id ${id}` })
}

/** Makes a handler that lists the objects of a kind. */
const listing = (kind) => (call, callback) => {
  const { [`start_${kind}_id`]: start, max_results: most } = call.request
  const [things, end] = page(from(kind, Number(start)), most)
  callback(null, { [kind]: things.map(messages[kind]), end })
}

function getServerSockets({ request }, callback) {
  const { server_id: id, start_socket_id: start, max_results: most } = request
  const server = find('server', id)
  if (server === undefined) return callback({ code: status.NOT_FOUND, details: `No server data found for id ${id}` })
  const links = [...server[kLinks]].filter(({ channelz: ref }) => ref !== null && ref.id >= Number(start))
  const [shown, end] = page(
    links.sort((one, other) => one.channelz.id - other.channelz.id),
    most,
  )
  callback(null, { socket_ref: shown.map(refOf), end })
}

const getChannelzHandlers = () => ({
  GetChannel: answering('channel'),
  GetTopChannels: listing('channel'),
  GetServer: answering('server'),
  GetServers: listing('server'),
  GetSubchannel: answering('subchannel'),
  GetSocket: answering('socket'),
  GetServerSockets: getServerSockets,
})

let definition

/** The service definition, for servers and clients. It is compiled on first use. */
function getChannelzServiceDefinition() {
  if (definition === undefined) {
    const { parse } = require('../protobuf/index.js')
    const options = { filename: 'grpc/channelz/v1/channelz.proto', enums: 'string', int64: 'string', oneofs: true }
    definition = definitionOf(parse(SOURCE, options).grpc.channelz.v1.Channelz)
  }
  return definition
}

const adminServices = [[getChannelzServiceDefinition, getChannelzHandlers]]

/** Adds a service to those that `addAdminServicesToServer()` installs. */
function registerAdminService(getServiceDefinition, getHandlers) {
  adminServices.push([getServiceDefinition, getHandlers])
}

function addAdminServicesToServer(server) {
  for (const [getDefinition, getHandlers] of adminServices) server.addService(getDefinition(), getHandlers())
}

module.exports = {
  addAdminServicesToServer,
  getChannelzHandlers,
  getChannelzServiceDefinition,
  registerAdminService,
}
