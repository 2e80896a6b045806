-- Ends every lease but those of workers that came through a socket: the new holder of an embedded directory knows that
-- nobody else lives. Locks their rows.
delete from workers where (info::json ->> 'through') is distinct from 'socket'
