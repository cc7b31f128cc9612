DROP TRIGGER trg_phase_after_update;
DROP TRIGGER trg_phase_after_delete;
DROP TRIGGER trg_phase_after_insert;
DROP TABLE skill_phase_counts;
ALTER TABLE skill_invocation DROP COLUMN workflow_step_id;
ALTER TABLE skill_invocation DROP COLUMN workflow_phase;
