DROP INDEX entries_by_account;
DROP TABLE entries;
