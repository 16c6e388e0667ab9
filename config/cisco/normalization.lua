-- Passes the gateway's headers through Cisco Unified Communications Manager: a SIP normalization script, to be added under
-- Device / Device Settings / SIP Normalization Script and chosen on both SIP trunks, the one to CUBE and the one to where
-- the context is made or used. Written from Cisco's developer guide for SIP transparency and normalization, not run here.

local M = {}

-- Without this, a script does not even see headers that CUCM does not know.
M.allowHeaders = {"X-Customer", "X-Note"}

function M.inbound_INVITE(message)
    local other_side = message:getPassThrough()
    for _, name in ipairs(M.allowHeaders) do
        local value = message:getHeader(name)
        if value then
            other_side:addHeader(name, value)
        end
    end
end

return M
