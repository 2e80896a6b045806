-- Warnings and errors of a run are counted without reading its other lines: the list of runs shows how many there are.
create index logs_serious on logs (run_id, level) where level in ('warn', 'error', 'critical');
