-- Adds the jobs of a run from the stored template of its workflow: calls of BullMQ's scripts, with marks in place of
-- the run's own values.
--- @include "admission"
--- @given adding
--- @given addingTexts

-- BullMQ's scripts, made when first needed.
local scripts

-- Packed arguments of BullMQ have nil where JSON has null.
local function withoutNulls(list)
  for i = 1, #list do if list[i] == cjson.null then list[i] = nil end end
end

-- facts: { texts: name of the scripts that are called, mark, words: the run's values in JSON, by the letters of their
-- marks }.
local function addFromTemplate(template, facts, runId, rank, now)
  scripts = scripts or adding()
  local flow = cjson.decode((string.gsub(template, '~(r)' .. facts.mark .. '~', { r = runId })))
  if redis.call('EXISTS', flow.first) == 1 then return end
  -- Links first: a job that waits for nothing would begin.
  for _, link in ipairs(flow.links) do redis.call('SADD', link[1], unpack(link[2])) end
  local marked = '~([tac])' .. facts.mark .. '~'
  for _, call in ipairs(flow.calls) do
    local args = call.args
    local job, _, options = unpack(args)
    if type(job) == 'table' then
      withoutNulls(job)
      job[4] = now
      args[2] = string.gsub(args[2], marked, facts.words)
      if options.priority then options.priority = tonumber(rank) end
    else
      args[3] = now
    end
    local answer = scripts[call.script](call.keys, args)
    if type(answer) == 'number' and answer < 0 then error('a job was not added: ' .. answer) end
  end
end

addJobsOf = function(definition, told, runId, rank, now)
  local facts = cjson.decode(told)
  -- The template comes from a process with another BullMQ.
  if facts.texts ~= addingTexts then return false end
  local template = redis.call('HGET', definition, facts.field)
  return template and pcall(addFromTemplate, template, facts, runId, rank, now)
end
