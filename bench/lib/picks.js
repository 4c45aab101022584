'use strict'

/**
 * Makes a predicate for an option such as `--case koa,hono`: it accepts names that contain one of the parts, or all
 * names without the option.
 */
function picks(option) {
  if (!option) return () => true
  const parts = option.split(',').map((part) => part.trim())
  return (name) => parts.some((part) => name.includes(part))
}

module.exports = { picks }
