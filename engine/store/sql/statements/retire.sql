-- Ends the lease of worker $1, and forgets workers that have been gone for a day.
delete from workers where worker_id = $1 or lease_until < clock_timestamp() - interval '1 day'
