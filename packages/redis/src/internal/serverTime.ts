/**
 * Lua that says what time it is `now`, in epoch milliseconds: by the clock of Redis, so that all processes agree.
 *
 * @internal
 */
export const serverTime = `
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`
