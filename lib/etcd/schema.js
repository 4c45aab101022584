'use strict'

// etcd's services and messages, with the field numbers of its rpc.proto, kv.proto and auth.proto (version 3.6). Older
// servers ignore what they do not know.

const protobuf = require('../protobuf/index.js')

const TEXT = `
syntax = "proto3";
package etcdserverpb;

service KV {
  rpc Range (RangeRequest) returns (RangeResponse);
  rpc Put (PutRequest) returns (PutResponse);
  rpc DeleteRange (DeleteRangeRequest) returns (DeleteRangeResponse);
  rpc Txn (TxnRequest) returns (TxnResponse);
  rpc Compact (CompactionRequest) returns (OnlyHeader);
}

service Watch {
  rpc Watch (stream WatchRequest) returns (stream WatchResponse);
}

service Lease {
  rpc LeaseGrant (LeaseGrantRequest) returns (LeaseGrantResponse);
  rpc LeaseRevoke (LeaseRequest) returns (OnlyHeader);
  rpc LeaseKeepAlive (stream LeaseRequest) returns (stream LeaseKeepAliveResponse);
  rpc LeaseTimeToLive (LeaseTimeToLiveRequest) returns (LeaseTimeToLiveResponse);
  rpc LeaseLeases (Nothing) returns (LeaseLeasesResponse);
}

service Cluster {
  rpc MemberAdd (MemberAddRequest) returns (MembersResponse);
  rpc MemberRemove (MemberRequest) returns (MemberListResponse);
  rpc MemberUpdate (MemberUpdateRequest) returns (MemberListResponse);
  rpc MemberList (MemberListRequest) returns (MemberListResponse);
  rpc MemberPromote (MemberRequest) returns (MemberListResponse);
}

service Maintenance {
  rpc Alarm (AlarmRequest) returns (AlarmResponse);
  rpc Status (Nothing) returns (StatusResponse);
  rpc Defragment (Nothing) returns (OnlyHeader);
  rpc Hash (Nothing) returns (HashResponse);
  rpc HashKV (HashKVRequest) returns (HashKVResponse);
  rpc MoveLeader (MoveLeaderRequest) returns (OnlyHeader);
}

service Auth {
  rpc AuthEnable (Nothing) returns (OnlyHeader);
  rpc AuthDisable (Nothing) returns (OnlyHeader);
  rpc AuthStatus (Nothing) returns (AuthStatusResponse);
  rpc Authenticate (NameAndPassword) returns (AuthenticateResponse);
  rpc UserAdd (UserAddRequest) returns (OnlyHeader);
  rpc UserGet (NameRequest) returns (RolesResponse);
  rpc UserList (Nothing) returns (UsersResponse);
  rpc UserDelete (NameRequest) returns (OnlyHeader);
  rpc UserChangePassword (NameAndPassword) returns (OnlyHeader);
  rpc UserGrantRole (UserGrantRoleRequest) returns (OnlyHeader);
  rpc UserRevokeRole (UserRevokeRoleRequest) returns (OnlyHeader);
  rpc RoleAdd (NameRequest) returns (OnlyHeader);
  rpc RoleGet (RoleRequest) returns (RoleGetResponse);
  rpc RoleList (Nothing) returns (RolesResponse);
  rpc RoleDelete (RoleRequest) returns (OnlyHeader);
  rpc RoleGrantPermission (RoleGrantPermissionRequest) returns (OnlyHeader);
  rpc RoleRevokePermission (RoleRevokePermissionRequest) returns (OnlyHeader);
}

message ResponseHeader {
  uint64 cluster_id = 1;
  uint64 member_id = 2;
  int64 revision = 3;
  uint64 raft_term = 4;
}

message Nothing {}
message OnlyHeader { ResponseHeader header = 1; }

// --- keys

message KeyValue {
  bytes key = 1;
  int64 create_revision = 2;
  int64 mod_revision = 3;
  int64 version = 4;
  bytes value = 5;
  int64 lease = 6;
}

message Event {
  enum Type { PUT = 0; DELETE = 1; }
  Type type = 1;
  KeyValue kv = 2;
  KeyValue prev_kv = 3;
}

message RangeRequest {
  enum SortOrder { NONE = 0; ASCEND = 1; DESCEND = 2; }
  enum SortTarget { KEY = 0; VERSION = 1; CREATE = 2; MOD = 3; VALUE = 4; }
  bytes key = 1;
  bytes range_end = 2;
  int64 limit = 3;
  int64 revision = 4;
  SortOrder sort_order = 5;
  SortTarget sort_target = 6;
  bool serializable = 7;
  bool keys_only = 8;
  bool count_only = 9;
  int64 min_mod_revision = 10;
  int64 max_mod_revision = 11;
  int64 min_create_revision = 12;
  int64 max_create_revision = 13;
}

message RangeResponse {
  ResponseHeader header = 1;
  repeated KeyValue kvs = 2;
  bool more = 3;
  int64 count = 4;
}

message PutRequest {
  bytes key = 1;
  bytes value = 2;
  int64 lease = 3;
  bool prev_kv = 4;
  bool ignore_value = 5;
  bool ignore_lease = 6;
}

message PutResponse {
  ResponseHeader header = 1;
  KeyValue prev_kv = 2;
}

message DeleteRangeRequest {
  bytes key = 1;
  bytes range_end = 2;
  bool prev_kv = 3;
}

message DeleteRangeResponse {
  ResponseHeader header = 1;
  int64 deleted = 2;
  repeated KeyValue prev_kvs = 3;
}

message RequestOp {
  oneof request {
    RangeRequest request_range = 1;
    PutRequest request_put = 2;
    DeleteRangeRequest request_delete_range = 3;
    TxnRequest request_txn = 4;
  }
}

message ResponseOp {
  oneof response {
    RangeResponse response_range = 1;
    PutResponse response_put = 2;
    DeleteRangeResponse response_delete_range = 3;
    TxnResponse response_txn = 4;
  }
}

message Compare {
  enum Result { EQUAL = 0; GREATER = 1; LESS = 2; NOT_EQUAL = 3; }
  enum Target { VERSION = 0; CREATE = 1; MOD = 2; VALUE = 3; LEASE = 4; }
  Result result = 1;
  Target target = 2;
  bytes key = 3;
  oneof target_union {
    int64 version = 4;
    int64 create_revision = 5;
    int64 mod_revision = 6;
    bytes value = 7;
    int64 lease = 8;
  }
  bytes range_end = 64;
}

message TxnRequest {
  repeated Compare compare = 1;
  repeated RequestOp success = 2;
  repeated RequestOp failure = 3;
}

message TxnResponse {
  ResponseHeader header = 1;
  bool succeeded = 2;
  repeated ResponseOp responses = 3;
}

message CompactionRequest {
  int64 revision = 1;
  bool physical = 2;
}

// --- watches

message WatchRequest {
  oneof request_union {
    WatchCreateRequest create_request = 1;
    WatchCancelRequest cancel_request = 2;
    Nothing progress_request = 3;
  }
}

message WatchCreateRequest {
  enum FilterType { NOPUT = 0; NODELETE = 1; }
  bytes key = 1;
  bytes range_end = 2;
  int64 start_revision = 3;
  bool progress_notify = 4;
  repeated FilterType filters = 5;
  bool prev_kv = 6;
  int64 watch_id = 7;
  bool fragment = 8;
}

message WatchCancelRequest { int64 watch_id = 1; }

message WatchResponse {
  ResponseHeader header = 1;
  int64 watch_id = 2;
  bool created = 3;
  bool canceled = 4;
  int64 compact_revision = 5;
  string cancel_reason = 6;
  bool fragment = 7;
  repeated Event events = 11;
}

// --- leases

message LeaseGrantRequest {
  int64 ttl = 1;
  int64 id = 2;
}

message LeaseGrantResponse {
  ResponseHeader header = 1;
  int64 id = 2;
  int64 ttl = 3;
  string error = 4;
}

message LeaseRequest { int64 id = 1; }

message LeaseKeepAliveResponse {
  ResponseHeader header = 1;
  int64 id = 2;
  int64 ttl = 3;
}

message LeaseTimeToLiveRequest {
  int64 id = 1;
  bool keys = 2;
}

message LeaseTimeToLiveResponse {
  ResponseHeader header = 1;
  int64 id = 2;
  int64 ttl = 3;
  int64 granted_ttl = 4;
  repeated bytes keys = 5;
}

message LeaseLeasesResponse {
  ResponseHeader header = 1;
  repeated LeaseRequest leases = 2;
}

// --- the cluster

message Member {
  uint64 id = 1;
  string name = 2;
  repeated string peer_urls = 3;
  repeated string client_urls = 4;
  bool is_learner = 5;
}

message MemberRequest { uint64 id = 1; }

message MemberAddRequest {
  repeated string peer_urls = 1;
  bool is_learner = 2;
}

message MemberUpdateRequest {
  uint64 id = 1;
  repeated string peer_urls = 2;
}

message MemberListRequest { bool linearizable = 1; }

message MemberListResponse {
  ResponseHeader header = 1;
  repeated Member members = 2;
}

message MembersResponse {
  ResponseHeader header = 1;
  Member member = 2;
  repeated Member members = 3;
}

enum AlarmType { NONE = 0; NOSPACE = 1; CORRUPT = 2; }

message AlarmRequest {
  enum Action { GET = 0; ACTIVATE = 1; DEACTIVATE = 2; }
  Action action = 1;
  uint64 member_id = 2;
  AlarmType alarm = 3;
}

message AlarmMember {
  uint64 member_id = 1;
  AlarmType alarm = 2;
}

message AlarmResponse {
  ResponseHeader header = 1;
  repeated AlarmMember alarms = 2;
}

message StatusResponse {
  ResponseHeader header = 1;
  string version = 2;
  int64 db_size = 3;
  uint64 leader = 4;
  uint64 raft_index = 5;
  uint64 raft_term = 6;
  uint64 raft_applied_index = 7;
  repeated string errors = 8;
  int64 db_size_in_use = 9;
  bool is_learner = 10;
  string storage_version = 11;
  int64 db_size_quota = 12;
}

message HashResponse {
  ResponseHeader header = 1;
  uint32 hash = 2;
}

message HashKVRequest { int64 revision = 1; }

message HashKVResponse {
  ResponseHeader header = 1;
  uint32 hash = 2;
  int64 compact_revision = 3;
  int64 hash_revision = 4;
}

message MoveLeaderRequest { uint64 target_id = 1; }

// --- who may do what

message NameRequest { string name = 1; }
message RoleRequest { string role = 1; }

message NameAndPassword {
  string name = 1;
  string password = 2;
}

message AuthenticateResponse {
  ResponseHeader header = 1;
  string token = 2;
}

message AuthStatusResponse {
  ResponseHeader header = 1;
  bool enabled = 2;
  uint64 auth_revision = 3;
}

message UserAddOptions { bool no_password = 1; }

message UserAddRequest {
  string name = 1;
  string password = 2;
  UserAddOptions options = 3;
}

message UserGrantRoleRequest {
  string user = 1;
  string role = 2;
}

message UserRevokeRoleRequest {
  string name = 1;
  string role = 2;
}

message RolesResponse {
  ResponseHeader header = 1;
  repeated string roles = 2;
}

message UsersResponse {
  ResponseHeader header = 1;
  repeated string users = 2;
}

message Permission {
  enum Type { READ = 0; WRITE = 1; READWRITE = 2; }
  Type perm_type = 1;
  bytes key = 2;
  bytes range_end = 3;
}

message RoleGrantPermissionRequest {
  string name = 1;
  Permission perm = 2;
}

message RoleRevokePermissionRequest {
  string role = 1;
  bytes key = 2;
  bytes range_end = 3;
}

message RoleGetResponse {
  ResponseHeader header = 1;
  repeated Permission perm = 2;
}
`

/** Methods that change nothing, so that they can be repeated without an answer. */
const READS = new Set([
  'KV/Range',
  'Lease/LeaseTimeToLive',
  'Lease/LeaseLeases',
  'Cluster/MemberList',
  'Maintenance/Status',
  'Maintenance/Hash',
  'Maintenance/HashKV',
  'Auth/AuthStatus',
  'Auth/Authenticate',
  'Auth/UserGet',
  'Auth/UserList',
  'Auth/RoleGet',
  'Auth/RoleList',
])

/** Methods that a member answers without the cluster. */
const LOCAL = new Set(['Maintenance/Status', 'Maintenance/Hash', 'Maintenance/HashKV', 'Maintenance/Defragment'])

let compiled

/** The methods by `Service/Method`, in the form that `grpc` calls need. Compiled at the first use. */
function methods() {
  if (compiled !== undefined) return compiled
  const root = protobuf.parse(TEXT, { camelCase: true, unknownFields: false })
  compiled = new Map()
  for (const name of ['KV', 'Watch', 'Lease', 'Cluster', 'Maintenance', 'Auth']) {
    for (const method of Object.values(root.etcdserverpb[name].methods)) {
      const { path, requestType, responseType } = method
      const short = path.slice('/etcdserverpb.'.length)
      compiled.set(short, {
        name: short,
        path,
        isRead: READS.has(short),
        isLocal: LOCAL.has(short),
        isStream: method.clientStreaming || method.serverStreaming,
        requestType,
        responseType,
        serialize: (message) => requestType.encode(message),
        deserialize: (bytes) => responseType.decode(bytes),
      })
    }
  }
  return compiled
}

module.exports = { methods, TEXT }
