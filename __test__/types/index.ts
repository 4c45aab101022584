// Compiled, never run: `tsc -p __test__/types` holds index.d.ts to what the package offers.

import ironwire, { version } from 'ironwire'

version satisfies string
ironwire.version satisfies string

// @ts-expect-error: exports are read-only
ironwire.version = '2'
// @ts-expect-error: nothing is exported under a name that does not exist
ironwire.nothing
