-- Refuses (CHECK) while another tenant's rows exist: dropping the column would mix them with acme's.
CREATE TEMP TABLE only_acme (strangers INTEGER CHECK (strangers = 0));
INSERT INTO only_acme SELECT COUNT(*) FROM entries WHERE tenant_id <> 'acme';
DROP TABLE only_acme;
DROP INDEX entries_by_tenant_account;
CREATE TABLE entries_single (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    cents INTEGER NOT NULL,
    memo TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
INSERT INTO entries_single (id, account, cents, memo, created_at) SELECT id, account, cents, memo, created_at FROM entries WHERE tenant_id = 'acme';
DROP TABLE entries;
ALTER TABLE entries_single RENAME TO entries;
CREATE INDEX entries_by_account ON entries (account);
