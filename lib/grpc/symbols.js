'use strict'

// What a server has for us. They are symbols because programs derive classes from it, and give it properties.

module.exports = {
  kAbort: Symbol('abort'),
  kAcceptors: Symbol('acceptors'),
  kBound: Symbol('bound'),
  kBoundAt: Symbol('bound at'),
  kClose: Symbol('close'),
  kCompression: Symbol('compression'),
  kDismiss: Symbol('dismiss'),
  kInjectors: Symbol('injectors'),
  kLinks: Symbol('links'),
  kListen: Symbol('listen'),
  kListenAll: Symbol('listen all'),
  kNumbered: Symbol('numbered'),
  kPathOf: Symbol('path of'),
  kPorts: Symbol('ports'),
  kRelease: Symbol('release'),
  kSettled: Symbol('settled'),
  kUnbound: Symbol('unbound'),
  kWaiting: Symbol('waiting'),
}
