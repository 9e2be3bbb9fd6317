-- Rows from before the tenants belong to acme, who was the only customer then.
DROP INDEX entries_by_account;
ALTER TABLE entries ADD COLUMN tenant_id TEXT NOT NULL DEFAULT 'acme';
CREATE INDEX entries_by_tenant_account ON entries (tenant_id, account);
