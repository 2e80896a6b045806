-- Deletes every completion: its run is gone.
delete from completions
