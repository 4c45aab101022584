'use strict'

/** A predicate of names for an option such as `--case koa,hono`: those that contain one of the parts; all when it is not given. */
function picks(option) {
  if (!option) return () => true
  const parts = option.split(',').map((part) => part.trim())
  return (name) => parts.some((part) => name.includes(part))
}

module.exports = { picks }
