-- What the benchmark server says: the least that a client which checks its answers will accept.

local airmeet = {}

local ROWS = 100000
local ROW = '{"id":%d,"email":"person-%06d@example.com","name":"Ada Lovelace %d","user_id":"u%06d",'
    .. '"time_stamp":"2026-03-01T10:00:00.000Z","time_spent":"%d"}'

local function say(text)
    ngx.header.content_type = "application/json"
    ngx.header.content_length = #text
    ngx.print(text)
end

function airmeet.sign_in()
    ngx.req.read_body()
    say('{"token":"benchmark-token","communityId":"c-1"}')
end

-- Each add is answered with its own address.
function airmeet.add()
    ngx.req.read_body()
    local email = string.match(ngx.req.get_body_data() or "", '"email":%s*"([^"]*)"')
    if not email then
        ngx.status = 400
        return say('{"statusCode":400,"statusMessage":"email is missing"}')
    end
    say('{"email":"' .. email .. '","entryLink":"https://www.airmeet.com/event/x?code=' .. ngx.md5(email) .. '"}')
end

-- One page of the attendance of 100,000 people.
function airmeet.attendance()
    local size = tonumber(ngx.var.arg_size) or 50
    local first = tonumber(ngx.var.arg_after) or 0
    local rows = {}
    for n = first + 1, math.min(first + size, ROWS) do
        rows[#rows + 1] = string.format(ROW, n, n, n, n, n % 7200 * 1000)
    end
    local last = first + #rows
    local after = last < ROWS and tostring(last) or "null"
    local before = first > 0 and tostring(first) or "null"
    local cursors = string.format(
        '"cursors":{"before":%s,"after":%s,"pageCount":%d,"totalCount":%d}', before, after, ROWS / size, ROWS
    )
    say('{"data":[' .. table.concat(rows, ",") .. '],' .. cursors .. ',"statusCode":200}')
end

return airmeet
