-- The rank of a run: the BullMQ priority of all its jobs. What it is made of is said in ranks.ts.
--- @constant DEFAULT_TARGET
--- @constant FIRST_RANK
--- @constant RANKS_PER_LEVEL
--- @constant RANKS_PER_TENANT
--- @constant TARGET_LAGS

local FIRST, PER_TENANT, PER_LEVEL = FIRST_RANK, RANKS_PER_TENANT, RANKS_PER_LEVEL
local LAGS = TARGET_LAGS
-- By how many turns runs of a target go behind those of the first one.
local function lagOf(target) return LAGS[target or DEFAULT_TARGET] or LAGS[DEFAULT_TARGET] end
local function levelOfRank(rank) return math.floor((rank - FIRST) % PER_TENANT / PER_LEVEL) end
