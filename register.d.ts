/**
 * Replaces Node's `http`, `https`, `tls`, `http2`, `net` and `dgram` with ironwire's, for the whole process. Your program and
 * its libraries stay as they are. Load it before they use these modules:
 *
 * ```sh
 * node --require ironwire/register app.js
 * node --import ironwire/register app.js
 * ```
 *
 * or make it the first line of your program: `require('ironwire/register')`.
 *
 * To turn it off, set the environment variable `IRONWIRE_DISABLE` to any value except an empty one or `0`. If ironwire
 * cannot be used here, for example because the addon does not load, Node's own modules stay in use and the process emits one
 * warning with the code `IRONWIRE_NOT_REGISTERED`.
 *
 * This module exports nothing. `docs/register.md` lists what it replaces.
 */
export {}
