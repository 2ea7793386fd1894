-- Tells wrk's numbers exactly, as one line of JSON. What else it may be asked for:
--   ranges SIZE LENGTH   ranges of that length, all over a file of that size
--   paths FILE           the paths in the lines of that file, in turns

local PREPARED = 4096

local function ranges(size, length)
  -- The same places in each round.
  math.randomseed(1)
  local requests = {}
  for i = 1, PREPARED do
    local first = math.random(0, size / length - 1) * length
    wrk.headers['Range'] = string.format('bytes=%.0f-%.0f', first, first + length - 1)
    requests[i] = wrk.format('GET')
  end
  return requests
end

local function paths(file)
  local requests = {}
  for path in io.lines(file) do
    requests[#requests + 1] = wrk.format('GET', path)
  end
  return requests
end

function init(args)
  if not args[1] then return end
  local requests = args[1] == 'ranges' and ranges(tonumber(args[2]), tonumber(args[3])) or paths(args[2])
  local last = 0
  request = function()
    last = last % #requests + 1
    return requests[last]
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "bytes": %.0f, "p50": %.3f, "p99": %.3f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
