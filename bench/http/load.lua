-- A script for wrk: sends DEPTH pipelined requests at a time, and prints one line of JSON at the end. Arguments: DEPTH METHOD
-- [FILE with the body, or -] [FILE with paths, one of which is chosen at random for each request].

function init(args)
  local depth = tonumber(args[1])
  wrk.method = args[2]
  if args[3] and args[3] ~= '-' then
    local file = assert(io.open(args[3], 'rb'))
    wrk.body = file:read('*a')
    file:close()
  end
  if args[4] then
    local paths = {}
    for line in io.lines(args[4]) do paths[#paths + 1] = wrk.format(nil, line) end
    request = function() return paths[math.random(#paths)] end
  elseif depth > 1 then
    local batch = string.rep(wrk.format(), depth)
    request = function() return batch end
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('{"requests":%d,"micros":%d,"p99":%.1f,"errors":%d}\n', summary.requests, summary.duration,
    latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
