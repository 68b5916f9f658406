-- What makes the second implementation differ by more than names: shorter functions, more of them in SQL, more columns.

CREATE FUNCTION pggit.complete_backup_job(p_job_id uuid, p_output text DEFAULT NULL) RETURNS boolean
LANGUAGE sql RETURN inner_parts.complete_backup_job_(p_job_id, p_output);

COMMENT ON FUNCTION pggit.complete_backup_job IS 'Ends a running job well.';

CREATE FUNCTION pggit.fail_backup_job(p_job_id uuid, p_error text, p_retry_delay_seconds integer DEFAULT 300)
RETURNS boolean
LANGUAGE sql AS 'SELECT inner_parts.fail_backup_job_(p_job_id, p_error, p_retry_delay_seconds)';

COMMENT ON FUNCTION pggit.fail_backup_job IS 'Ends a running job badly.';

CREATE FUNCTION pggit.cleanup_expired_backups(p_dry_run boolean DEFAULT true)
RETURNS TABLE (action text, backup_id uuid, backup_name text, location text)
LANGUAGE sql AS $$
    /* In earnest it must be called within a transaction. */
    SELECT * FROM inner_parts.cleanup_expired_backups_(p_dry_run)
$$;

COMMENT ON FUNCTION pggit.cleanup_expired_backups IS 'Deletes what is expired.';

CREATE FUNCTION pggit_errors.raise_error(p_error_code text, p_detail text DEFAULT NULL, p_hint text DEFAULT NULL)
RETURNS void
LANGUAGE sql AS 'SELECT inner_parts.raise_error_(p_error_code, p_detail, p_hint)';

COMMENT ON FUNCTION pggit_errors.raise_error IS 'Raises what a code stands for.';

CREATE OR REPLACE FUNCTION pggit.get_backup_info(p_backup_id uuid)
RETURNS TABLE (backup_id uuid, backup_name text, backup_type text, backup_tool text, commit_hash text,
               commit_message text, branches_at_commit text[], status text, backup_size bigint, compressed_size bigint,
               compression text, location text, metadata jsonb, started_at timestamptz, completed_at timestamptz,
               expires_at timestamptz)
LANGUAGE sql AS $$
    SELECT inner_parts.check_not_null_('p_backup_id', p_backup_id);
    SELECT inner_parts.refuse_unknown_('backup', p_backup_id::text)
    WHERE NOT EXISTS (SELECT FROM pggit.backups b WHERE b.backup_id = p_backup_id);
    SELECT b.backup_id, b.backup_name, b.backup_type, b.backup_tool, b.commit_hash,
           (SELECT c.message FROM pggit.commits c WHERE c.hash = b.commit_hash),
           ARRAY(SELECT r.name FROM pggit.branches r WHERE r.head_commit_hash = b.commit_hash ORDER BY r.name),
           b.status, b.backup_size, b.compressed_size, b.compression, b.location, b.metadata,
           b.started_at, b.completed_at, b.expires_at
    FROM pggit.backups b WHERE b.backup_id = p_backup_id;
$$;

CREATE OR REPLACE FUNCTION pggit.find_backup_for_commit(p_commit_hash text)
RETURNS TABLE (backup_id uuid, backup_name text, backup_type text, backup_tool text, location text,
               time_distance_seconds bigint, exact_match boolean)
LANGUAGE sql STABLE AS $$
    SELECT inner_parts.check_not_null_('p_commit_hash', p_commit_hash);
    SELECT b.backup_id, b.backup_name, b.backup_type, b.backup_tool, b.location, r.distance, r.exact
    FROM inner_parts.ranked_backups_(p_commit_hash) r, pggit.backups b
    WHERE b.backup_id = r.backup_id ORDER BY r.place FETCH FIRST 5 ROWS ONLY;
$$;

CREATE OR REPLACE FUNCTION pggit.list_backup_verifications(p_backup_id uuid DEFAULT NULL, p_limit integer DEFAULT 20)
RETURNS TABLE (verification_id uuid, backup_id uuid, backup_name text, verification_type text, status text,
               created_at timestamptz, details jsonb)
LANGUAGE sql AS $$
    SELECT inner_parts.check_not_null_('p_limit', p_limit);
    SELECT inner_parts.check_range_('p_limit', p_limit, 1, 1000);
    SELECT inner_parts.refuse_unknown_('backup', p_backup_id::text)
    WHERE p_backup_id IS NOT NULL AND NOT EXISTS (SELECT FROM pggit.backups b WHERE b.backup_id = p_backup_id);
    SELECT v.verification_id, v.backup_id, (SELECT b.backup_name FROM pggit.backups b WHERE b.backup_id = v.backup_id),
           v.verification_type, v.status, v.verified_at, v.details
    FROM pggit.backup_verifications v WHERE v.backup_id = p_backup_id OR p_backup_id IS NULL
    ORDER BY v.verified_at DESC, v.verification_id LIMIT p_limit;
$$;

ALTER TABLE pggit.backups ADD COLUMN seen_by text[] DEFAULT '{nobody}', ADD COLUMN "Odd name" point;
ALTER TABLE pggit.backup_jobs ADD COLUMN priority integer NOT NULL DEFAULT 0;
ALTER TABLE pggit.backup_verifications ADD COLUMN duration interval;
ALTER TABLE pggit.operation_audit ADD COLUMN host text DEFAULT 'here';
ALTER TABLE pggit_errors.error_codes ADD COLUMN since text DEFAULT '0.2';
ALTER TABLE pggit.commits ADD COLUMN tree text;
