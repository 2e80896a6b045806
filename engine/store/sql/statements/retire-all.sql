-- Ends every lease: the holder of an embedded directory knows that nobody else lives.
delete from workers
