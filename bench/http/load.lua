-- wrk's script: sends requests DEPTH at a time (its only argument) and ends with one line of JSON.

local depth = 1

function init(args)
  depth = tonumber(args[1] or 1)
  if depth > 1 then
    local batch = string.rep(wrk.format(), depth)
    request = function() return batch end
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('{"requests":%d,"micros":%d,"p99":%.1f,"errors":%d}\n', summary.requests, summary.duration,
    latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
