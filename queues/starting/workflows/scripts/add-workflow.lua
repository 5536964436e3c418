-- Registers a version of a workflow and makes it the current one. The registry holds one reference of
-- its own to each definition, so that the retention of runs never removes it.
--
-- KEYS: workflow, workflows, definition.
-- ARGV: workflow id, hash, definition JSON, document JSON, actor, name.
-- Returns { 'added' | 'current' | 'same', hash that was current or '' }: a new version, an old one that
-- is current again, nothing changed.
--- @include "../../../connection/scripts/parts/clock"

local before = redis.call('HGET', KEYS[1], 'current') or ''
if before == ARGV[2] then return { 'same', before } end
redis.call('HSET', KEYS[1], 'current', ARGV[2])
if redis.call('HEXISTS', KEYS[1], 'v:' .. ARGV[2]) == 1 then return { 'current', before } end
local now = digits(clock())
-- Versions of the same millisecond keep their order.
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
redis.call('HSETNX', KEYS[3], 'json', ARGV[3])
redis.call('HINCRBY', KEYS[3], 'refs', 1)
redis.call('HSET', KEYS[1], 'v:' .. ARGV[2],
  cjson.encode({ addedAtMs = now, seq = seq, actor = ARGV[5], name = ARGV[6] }), 'd:' .. ARGV[2], ARGV[4])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return { 'added', before }
