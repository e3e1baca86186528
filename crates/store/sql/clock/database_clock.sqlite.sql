-- An embedded database has no clock but that of its process.
SELECT NULL
