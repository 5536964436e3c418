-- Registers a version of a workflow and makes it current. The registry holds its own reference to each definition, so
-- that the retention of runs never removes it.
--
-- KEYS: workflow, workflows, definition.
-- ARGV: workflow id, hash, definition JSON, document JSON, actor, name.
-- Returns { 'added' | 'current' | 'same', hash that was current or '' }: a new version, an old one that is current
-- again, nothing changed.
--- @include "../../../connection/scripts/parts/clock"

local workflow, all, definition = KEYS[1], KEYS[2], KEYS[3]
local id, hash, definitionJson, documentJson, actor, name = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local before = redis.call('HGET', workflow, 'current') or ''
if before == hash then return { 'same', before } end
redis.call('HSET', workflow, 'current', hash)
if redis.call('HEXISTS', workflow, 'v:' .. hash) == 1 then return { 'current', before } end
local now = digits(clock())
-- Versions of the same millisecond keep their order.
local seq = redis.call('HINCRBY', workflow, 'seq', 1)
redis.call('HSETNX', definition, 'json', definitionJson)
redis.call('HINCRBY', definition, 'refs', 1)
redis.call('HSET', workflow, 'v:' .. hash,
  cjson.encode({ addedAtMs = now, seq = seq, actor = actor, name = name }), 'd:' .. hash, documentJson)
redis.call('ZADD', all, 0, id)
return { 'added', before }
