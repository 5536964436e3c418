-- The rank of a run: the BullMQ priority of all its jobs. ranks.ts explains its parts.
--- @constant DEFAULT_TARGET
--- @constant FIRST_RANK
--- @constant RANKS_PER_LEVEL
--- @constant RANKS_PER_TENANT
--- @constant TARGET_LAGS

local FIRST, PER_TENANT, PER_LEVEL = FIRST_RANK, RANKS_PER_TENANT, RANKS_PER_LEVEL
local LAGS = TARGET_LAGS
-- How many turns runs of a target go behind those of the first target.
local function lagOf(target) return LAGS[target or DEFAULT_TARGET] or LAGS[DEFAULT_TARGET] end
local function levelOfRank(rank) return math.floor((rank - FIRST) % PER_TENANT / PER_LEVEL) end
-- The tenant of a job; -1: none.
local function tenantOf(priority) return priority < FIRST and -1 or math.floor((priority - FIRST) / PER_TENANT) end
-- BullMQ stores a job's place among equal priorities in the low half of its score.
local PRIORITY = 4294967296
