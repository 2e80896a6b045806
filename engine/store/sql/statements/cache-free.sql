-- Ends the flight of a call that made no entry. $1 task, $2 key, $3 run, $4 call, $5 epoch. A flight of another is left
-- alone. Locks the key's row.
update cache set flight_run = null, flight_call = null, flight_epoch = null
where task = $1 and key = $2 and flight_run = $3 and flight_call = $4 and flight_epoch = $5::integer
