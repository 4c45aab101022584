/**
 * Puts ironwire under `node:http`, `node:net` and `node:dgram` for the whole process: `node --require ironwire/register app.js`,
 * `node --import ironwire/register app.js`, or as the first line of a program. `IRONWIRE_DISABLE=1` in the environment turns it off.
 * It exports nothing. `docs/register.md` says what it changes.
 */
export {}
