-- Combines the catalogues of living processes into the layer 'declared'.
--
-- 'layers:catalogues': process -> hash of its declaration, while it has a lease.
-- 'layers:heard': processes by when their last sign of life expires.
-- 'layers:catalogue_<hash>': the declaration. Fields:
--   't:<id>' -> { l: limits, o: private budget or false, v: version, c: contract }
--   'b:<name>' -> { l, v }
--   'versions': those of its catalogues
-- Field 'declared' of the gate's hash: the hashes that the layer was made from.
--- @include "layers"
--- @include "strictest"
--- @constant DECLARED_MESSAGE
--- @constant DECLARED_MS
--- @constant RETURN_MS

do
local function declarationKey(hash) return G .. '.layers:catalogue_' .. hash end

-- Hashes of what living processes declare, each once, sorted.
local function livingDeclarations()
  local seen, hashes = {}, {}
  local processes = redis.call('ZRANGE', G .. '.layers:heard', 0, -1)
  for from = 1, #processes, 500 do
    local some = redis.call('HMGET', G .. '.layers:catalogues', unpack(processes, from, math.min(from + 499, #processes)))
    for _, hash in ipairs(some) do
      if hash and not seen[hash] then
        seen[hash] = true
        hashes[#hashes + 1] = hash
      end
    end
  end
  table.sort(hashes)
  return hashes
end

-- The distinct texts of each field.
local function textsOf(hashes)
  local texts = {}
  for _, hash in ipairs(hashes) do
    local flat = redis.call('HGETALL', declarationKey(hash))
    for i = 1, #flat, 2 do
      local field, text = flat[i], flat[i + 1]
      if field ~= 'versions' then
        texts[field] = texts[field] or {}
        local known = false
        for _, other in ipairs(texts[field]) do known = known or other == text end
        if not known then texts[field][#texts[field] + 1] = text end
      end
    end
  end
  return texts
end

local function decoded(texts)
  local all = {}
  for i, text in ipairs(texts) do all[i] = cjson.decode(text) end
  return newestCatalogues(all)
end

local function pluck(all, field)
  local list = {}
  for i, one in ipairs(all) do list[i] = one[field] or false end
  return list
end

local function strictestOf(hashes)
  local declared = { tools = {}, budgets = {} }
  for field, texts in pairs(textsOf(hashes)) do
    local kind, id, all = string.sub(field, 1, 2), string.sub(field, 3), decoded(texts)
    if kind == 'b:' then
      declared.budgets[id] = strictestBudget(pluck(all, 'l'))
    elseif #all == 1 then
      declared.tools[id], declared.budgets['tool:' .. id] = all[1].l, all[1].o
    else
      declared.tools[id] = strictestTool(id, pluck(all, 'l'))
      declared.budgets['tool:' .. id] = strictestBudget(pluck(all, 'o'))
    end
  end
  if #hashes > 1 then
    for _, limits in pairs(declared.tools) do fitTakes(limits, declared.budgets) end
  end
  return declared
end

-- Makes the layer anew when other declarations count than before. While there are none it stays: nothing is called
-- then, and waiting jobs still need their reasons.
local function settleDeclared()
  local hashes = livingDeclarations()
  local made = table.concat(hashes, ' ')
  if #hashes == 0 or redis.call('HGET', G, 'declared') == made then return end
  redis.call('HSET', G, 'declared', made)
  local changed = false
  for kind, all in pairs(strictestOf(hashes)) do
    local key = G .. '.layers:' .. kind
    for _, field in ipairs(redis.call('HKEYS', key)) do
      local id = string.match(field, '^declared:(.*)$')
      if id and not all[id] then changed = setLayer(kind, id, 'declared', false) or changed end
    end
    for id, patch in pairs(all) do
      local before = redis.call('HGET', key, 'declared:' .. id)
      if patch and before ~= cjson.encode(patch) then changed = setLayer(kind, id, 'declared', patch) or changed end
    end
  end
  limitsChanged(changed)
  tellAll(DECLARED_MESSAGE)
end

-- Forgets a catalogue that nobody declares any more.
local function dropDeclaration(hash)
  for _, other in ipairs(redis.call('HVALS', G .. '.layers:catalogues')) do if other == hash then return end end
  redis.call('DEL', declarationKey(hash))
end

-- Records a sign of life, so that the process's declaration counts. If nobody was heard of for a while, for instance
-- because Redis was away, the others get some time to come back before their declarations go. Returns whether it did
-- not count before.
function declaring.heardOf(process)
  if redis.call('HEXISTS', G .. '.layers:catalogues', process) == 0 then return false end
  local key = G .. '.layers:heard'
  if redis.call('ZCOUNT', key, '(' .. stamp, '+inf') == 0 then
    for _, other in ipairs(redis.call('ZRANGE', key, 0, -1)) do redis.call('ZADD', key, digits(now + RETURN_MS), other) end
  end
  return redis.call('ZADD', key, digits(now + DECLARED_MS), process) == 1
end

-- Records a sign of life that the process itself gave.
function declaring.isHeard(process)
  if declaring.heardOf(process) then settleDeclared() end
end

-- A process that asks for permits must find its own declaration in force, even after it was silent for a while.
function declaring.comesBack(process)
  if not redis.call('ZSCORE', G .. '.layers:heard', process) then declaring.isHeard(process) end
end

-- Removes a process's declaration with the process.
function declaring.undeclare(process)
  local hash = redis.call('HGET', G .. '.layers:catalogues', process)
  if not hash then return end
  redis.call('HDEL', G .. '.layers:catalogues', process)
  redis.call('ZREM', G .. '.layers:heard', process)
  dropDeclaration(hash)
  settleDeclared()
end

-- Drops the declarations of processes that were silent too long, unless all were.
function declaring.forgetSilent()
  local key = G .. '.layers:heard'
  local count = redis.call('ZCOUNT', key, '-inf', stamp)
  if count == 0 or count == redis.call('ZCARD', key) then return end
  redis.call('ZREMRANGEBYSCORE', key, '-inf', stamp)
  settleDeclared()
end

-- process, hash, { field: text } -> how many different catalogues living processes declare. A process without a lease
-- would never be forgotten; it declares again once it has one.
function operations.declare(op)
  local process, hash, fields = op.process, op.hash, op.fields
  if not isAlive(process) then return 0 end
  local key = declarationKey(hash)
  if redis.call('EXISTS', key) == 0 then
    for field, text in pairs(fields) do redis.call('HSET', key, field, text) end
  end
  local before = redis.call('HGET', G .. '.layers:catalogues', process)
  redis.call('HSET', G .. '.layers:catalogues', process, hash)
  declaring.heardOf(process)
  if before and before ~= hash then dropDeclaration(before) end
  settleDeclared()
  return #livingDeclarations()
end

-- The declarations of living processes: { by: { process: hash }, versions: { hash: text }, differs: { field: { hash:
-- text } }, set: { field: text } }. Fields only where they differ.
function operations.declarations()
  local hashes = livingDeclarations()
  local shown = { by = {}, versions = {}, differs = {}, set = {} }
  for _, process in ipairs(redis.call('ZRANGE', G .. '.layers:heard', 0, -1)) do
    shown.by[process] = redis.call('HGET', G .. '.layers:catalogues', process) or nil
  end
  for _, hash in ipairs(hashes) do shown.versions[hash] = redis.call('HGET', declarationKey(hash), 'versions') or nil end
  if #hashes < 2 then return shown end
  for field, texts in pairs(textsOf(hashes)) do
    if #texts > 1 then
      local says, kind, id = {}, string.sub(field, 1, 2) == 't:' and 'tools' or 'budgets', string.sub(field, 3)
      for _, hash in ipairs(hashes) do says[hash] = redis.call('HGET', declarationKey(hash), field) or nil end
      shown.differs[field] = says
      shown.set[field] = redis.call('HGET', G .. '.layers:' .. kind, 'set:' .. id) or nil
      if kind == 'tools' then shown.set['o:' .. id] = redis.call('HGET', G .. '.layers:budgets', 'set:tool:' .. id) or nil end
    end
  end
  return shown
end
end
