-- How many rows a table has, one by one; "table" stands for its quoted name. Reads only.
select count(*) as rows from "table"
