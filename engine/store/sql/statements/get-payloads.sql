-- Large values by hash. $1: JSON array. A hash that is missing gives no row. Reads only.
select hash, content as text from payloads where hash in (select value from json_array_elements_text($1::text::json))
