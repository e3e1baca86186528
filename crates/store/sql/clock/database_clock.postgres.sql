-- The server's clock at this moment (not the transaction's start), in milliseconds since 1970.
SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
