-- Counts everything V3 keeps again from the event log.

TRUNCATE TABLE roll_phase;

INSERT INTO roll_phase SETTINGS insert_deduplicate = 0
SELECT i.skill_name, toString(assumeNotNull(i.workflow_phase)), count(), countIf(i.outcome = 'completed'),
       countIf(i.outcome = 'failed')
FROM invocation_log AS i FINAL WHERE i.workflow_phase IS NOT NULL GROUP BY i.skill_name, i.workflow_phase;
