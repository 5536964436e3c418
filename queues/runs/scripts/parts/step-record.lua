-- The record of a step: how it is read, written and announced.
--- @include "../../../connection/scripts/parts/clock"
--- @include "runs"

local now = clock()
local stamp = digits(now)
local MAX_TAKE_OVERS = 500
local OVER = { C = true, F = true, S = true, X = true }

local function channelOf(key)
  local prefix, run = partsOf(key)
  return prefix .. '.events:' .. run
end

local function read(record)
  if not record then return nil end
  local letter, start, startedAt, _, attempts, detail = string.match(record, '^(%a)(%d+),(%d*),(%d*),(%d+)|(.*)$')
  return { letter = letter, start = tonumber(start), startedAt = startedAt, attempts = tonumber(attempts), detail = detail }
end

local function tell(key, field, record)
  local shown = string.gsub(string.sub(field, 3), '%.(%d+)$', '[%1]')
  redis.call('PUBLISH', channelOf(key), 's\n' .. shown .. '\n' .. record)
end

local function write(key, field, letter, start, startedAt, finishedAt, attempts, detail)
  local record = letter .. start .. ',' .. startedAt .. ',' .. finishedAt .. ',' .. attempts .. '|' .. detail
  redis.call('HSET', key, field, record)
  tell(key, field, record)
  return record
end

-- Decodes the detail of a running step: losses, who calls, the start that waits for that call's result.
local function holdOf(detail)
  local losses, rest = string.match(detail, '^(%d*)(.*)$')
  local holder, waiting = string.match(rest, '^@([^~]*)~?(%d*)$')
  return tonumber(losses) or 0, holder or '', waiting or ''
end

-- The worker of a holder: `<worker>#<number of the call in it>`.
local function workerOf(holder) return string.match(holder, '^[^#]*') end

-- Notes that a call passes to another start: when, and what is known of the worker that made it.
local function noteTakeOver(key, slot, attempt, worker)
  local heard = redis.call('ZSCORE', partsOf(key) .. '.workers', worker)
  local all = cjson.decode(redis.call('HGET', key, 'takeOvers') or '[]')
  if #all >= MAX_TAKE_OVERS then table.remove(all, 1) end
  all[#all + 1] = { slot = slot, atMs = now, attempt = attempt, worker = worker, silentMs = heard and math.max(0, now - heard) or nil }
  redis.call('HSET', key, 'takeOvers', cjson.encode(all))
end
