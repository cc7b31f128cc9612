-- V3: where in a piece of work an invocation stands.

ALTER TABLE skill_invocation ADD COLUMN workflow_phase TEXT
    CHECK (workflow_phase = 'setup' OR workflow_phase = 'execution' OR workflow_phase = 'verification'
        OR workflow_phase = 'cleanup');
ALTER TABLE skill_invocation ADD COLUMN workflow_step_id TEXT;

CREATE TABLE skill_phase_counts (
    skill_name TEXT NOT NULL,
    workflow_phase TEXT NOT NULL,
    invocation_count INTEGER NOT NULL DEFAULT 0 CHECK (invocation_count >= 0),
    completed_count INTEGER NOT NULL DEFAULT 0 CHECK (completed_count >= 0),
    failed_count INTEGER NOT NULL DEFAULT 0 CHECK (failed_count >= 0),
    PRIMARY KEY (skill_name, workflow_phase)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER trg_phase_after_insert AFTER INSERT ON skill_invocation
WHEN NEW.rolled_up = 0 AND NEW.workflow_phase IS NOT NULL
BEGIN
    INSERT INTO skill_phase_counts (skill_name, workflow_phase, invocation_count, completed_count, failed_count)
    VALUES (NEW.skill_name, NEW.workflow_phase, 1, NEW.outcome IS 'completed', NEW.outcome IS 'failed')
    ON CONFLICT (skill_name, workflow_phase) DO UPDATE SET
        invocation_count = invocation_count + 1,
        completed_count = completed_count + excluded.completed_count,
        failed_count = failed_count + excluded.failed_count;
END;

CREATE TRIGGER trg_phase_after_delete AFTER DELETE ON skill_invocation WHEN OLD.workflow_phase IS NOT NULL
BEGIN
    UPDATE skill_phase_counts SET
        invocation_count = invocation_count - 1,
        completed_count = completed_count - (OLD.outcome IS 'completed'),
        failed_count = failed_count - (OLD.outcome IS 'failed')
    WHERE skill_name = OLD.skill_name AND workflow_phase = OLD.workflow_phase;
    DELETE FROM skill_phase_counts
    WHERE skill_name = OLD.skill_name AND workflow_phase = OLD.workflow_phase AND invocation_count = 0;
END;

CREATE TRIGGER trg_phase_after_update AFTER UPDATE OF skill_name, outcome, workflow_phase ON skill_invocation
WHEN NEW.workflow_phase IS NOT NULL OR OLD.workflow_phase IS NOT NULL
BEGIN
    INSERT INTO skill_phase_counts (skill_name, workflow_phase, invocation_count, completed_count, failed_count)
    SELECT NEW.skill_name, NEW.workflow_phase, 1, NEW.outcome IS 'completed', NEW.outcome IS 'failed'
    WHERE NEW.workflow_phase IS NOT NULL
    ON CONFLICT (skill_name, workflow_phase) DO UPDATE SET
        invocation_count = invocation_count + 1,
        completed_count = completed_count + excluded.completed_count,
        failed_count = failed_count + excluded.failed_count;
    UPDATE skill_phase_counts SET
        invocation_count = invocation_count - 1,
        completed_count = completed_count - (OLD.outcome IS 'completed'),
        failed_count = failed_count - (OLD.outcome IS 'failed')
    WHERE skill_name = OLD.skill_name AND workflow_phase = OLD.workflow_phase;
    DELETE FROM skill_phase_counts
    WHERE skill_name = OLD.skill_name AND workflow_phase = OLD.workflow_phase AND invocation_count = 0;
END;
