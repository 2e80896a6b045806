-- Ends the sessions of this user that carry the name $1, and waits up to 2 s until they have ended: what an attempt
-- that was given up has not committed by now it never will. $2: only this process of the server; null = any but the one
-- that asks.
select count(pg_terminate_backend(pid, 2000)) as ended from pg_stat_activity
where application_name = $1 and usename = current_user and pid = coalesce($2::integer, pid) and pid <> pg_backend_pid()
